"""QUIC peers by aioquic: `quic.py serve CERT KEY ADDRESS` echoes,
`quic.py ask ADDRESS SERVER_NAME` sends a line and reads it back."""

import asyncio
import ssl
import sys

from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration

PORT = 443
ALPN = ["h3", "hq-interop"]


async def echo(reader, writer):
    writer.write(await reader.read())
    writer.write_eof()


async def run_server(certificate, key, address):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=ALPN)
    configuration.load_cert_chain(certificate, key)
    await serve(address, PORT, configuration=configuration,
                stream_handler=lambda r, w: asyncio.ensure_future(echo(r, w)))
    print("ready", flush=True)
    await asyncio.Event().wait()


async def ask(address, server_name):
    configuration = QuicConfiguration(alpn_protocols=ALPN, server_name=server_name,
                                      verify_mode=ssl.CERT_NONE)
    async with connect(address, PORT, configuration=configuration) as connection:
        reader, writer = await connection.create_stream()
        writer.write(b"hello over QUIC\n")
        writer.write_eof()
        print((await reader.read()).decode(), end="")


asyncio.run({"serve": run_server, "ask": ask}[sys.argv[1]](*sys.argv[2:]))
