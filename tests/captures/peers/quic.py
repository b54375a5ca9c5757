"""QUIC peers by aioquic: `quic.py serve CERT KEY ADDRESS [PORT [retry]]` echoes,
`quic.py ask ADDRESS SERVER_NAME [PORT [version2|long]]` sends a line and reads it back."""

import asyncio
import ssl
import sys

from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion

PORT = 443
ALPN = ["h3", "hq-interop"]
# Makes a ClientHello of more than two packets.
LONG_ALPN = ALPN + [f"a-protocol-that-nobody-speaks-{n}" for n in range(80)]


async def echo(reader, writer):
    writer.write(await reader.read())
    writer.write_eof()


async def run_server(certificate, key, address, port=PORT, retry=""):
    versions = [QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2]
    configuration = QuicConfiguration(is_client=False, alpn_protocols=ALPN, supported_versions=versions)
    configuration.load_cert_chain(certificate, key)
    await serve(address, int(port), configuration=configuration, retry=bool(retry),
                stream_handler=lambda r, w: asyncio.ensure_future(echo(r, w)))
    print("ready", flush=True)
    await asyncio.Event().wait()


async def ask(address, server_name, port=PORT, what=""):
    configuration = QuicConfiguration(alpn_protocols=LONG_ALPN if what == "long" else ALPN,
                                      server_name=server_name, verify_mode=ssl.CERT_NONE)
    if what == "version2":
        configuration.supported_versions = [QuicProtocolVersion.VERSION_2]
        configuration.original_version = QuicProtocolVersion.VERSION_2
    async with connect(address, int(port), configuration=configuration) as connection:
        reader, writer = await connection.create_stream()
        writer.write(b"hello over QUIC\n")
        writer.write_eof()
        print((await reader.read()).decode(), end="")


asyncio.run({"serve": run_server, "ask": ask}[sys.argv[1]](*sys.argv[2:]))
