"""Writes expected.json: what capinfos and tshark say of every capture here."""

import collections
import hashlib
import json
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).parent
# tshark goes by the port where it sees HTTP/2 without TLS.
TSHARK = ["tshark", "-n", "--enable-protocol", "communityid", "-o", "tcp.reassemble_out_of_order:TRUE",
          "-d", "tcp.port==50051,http2"]
# Cannot be part of a value.
BETWEEN = "\x01"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def values(path, filter_, field):
    """Every occurrence of a field, in packet order."""
    out = run(*TSHARK, "-2", "-r", path, "-Y", filter_, "-T", "fields", "-E", "aggregator=\t", "-e", field)
    return [value for line in out.splitlines() for value in line.split("\t") if value]


def columns(path, filter_, *fields):
    """For every frame, the occurrences of each field."""
    out = run(*TSHARK, "-2", "-r", path, "-Y", filter_, "-T", "fields", "-E", f"aggregator={BETWEEN}",
              *(f"-e{field}" for field in fields))
    return [[value.split(BETWEEN) if value else [] for value in line.split("\t")] for line in out.splitlines()]


def is_reserved(value):
    """RFC 8701."""
    return value & 0x0f0f == 0x0a0a and value >> 8 == value & 0xff


def ja4(carrier, versions, legacy, ciphers, extensions, protocols, algorithms):
    """As FoxIO's technical details say, from what tshark reads: 4.0 has no JA4 of its own."""
    real = lambda texts: [value for value in (int(text, 0) for text in texts) if not is_reserved(value)]
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()[:12]
    listed = lambda values: ",".join(f"{value:04x}" for value in values)
    version = max(real(versions) or real(legacy)[:1])
    version = {0x304: "13", 0x303: "12", 0x302: "11", 0x301: "10", 0x300: "s3"}.get(version, "00")
    ciphers, extensions = sorted(real(ciphers)), sorted(real(extensions))
    alpn = protocols[0][0] + protocols[0][-1] if protocols else "00"
    first = f"{carrier}{version}{'d' if 0 in extensions else 'i'}{min(len(ciphers), 99):02}{min(len(extensions), 99):02}{alpn}"
    kept = listed(value for value in extensions if value not in (0, 16))
    signed = "_" + listed(int(text, 0) for text in algorithms) if algorithms else ""
    return "_".join([first, digest(listed(ciphers)) if ciphers else "0" * 12, digest(kept + signed) if kept else "0" * 12])


HELLO = [f"tls.handshake.{field}" for field in (
    "extensions.supported_version", "version", "ciphersuite", "extension.type", "extensions_alpn_str", "sig_hash_alg")]


def fingerprints(path, filter_, carrier):
    return sorted({ja4(carrier, *row) for row in columns(path, f"tls.handshake.type == 1 and {filter_}", *HELLO)})


def grpc_statuses(path):
    pairs = [pair for names, texts in columns(path, "http2", "http2.header.name", "http2.header.value")
             for pair in zip(names, texts)]
    return sorted(text for name, text in pairs if name == "grpc-status")


def distinct(path, filter_, field):
    return sorted(set(values(path, filter_, field)))


def expect(path):
    """Names in the order of their letters, times in seconds as text."""
    fields = ["frame.time_epoch", "frame.cap_len", "frame.len"]
    rows = [line.split("\t") for line in run(
        "tshark", "-n", "-r", path, "-T", "fields", *(f"-e{field}" for field in fields)).splitlines()]
    times = sorted((row[0] for row in rows), key=lambda text: tuple(map(int, text.split("."))))
    return {
        "packets": len(rows),
        "captured_bytes": sum(int(row[1]) for row in rows),
        "wire_bytes": sum(int(row[2]) for row in rows),
        "first_packet_time": times[0],
        "last_packet_time": times[-1],
        "time_ordered": [row[0] for row in rows] == times,
        "packets_by_encapsulation": dict(sorted(collections.Counter(
            values(path, "frame", "frame.encap_type")).items())),
        # A fragment has no ports of its own: only the frame that completes its datagram counts.
        "community_ids": distinct(
            path, "communityid and not ip.reassembled_in and not ipv6.reassembled.in", "communityid"),
        "vlan_ids": distinct(path, "vlan", "vlan.id") + distinct(path, "ieee8021ad", "ieee8021ad.id"),
        "dns_query_names": distinct(path, "dns or mdns or llmnr", "dns.qry.name"),
        "dns_response_codes": distinct(path, "dns.flags.response == 1", "dns.flags.rcode"),
        "http_hosts": distinct(path, "http.request", "http.host"),
        "http_requests": len(values(path, "http.request", "http.request.method")),
        "http_statuses": sorted(values(path, "http.response", "http.response.code")),
        "tls_server_names": distinct(path, "tls and not quic", "tls.handshake.extensions_server_name"),
        "tls_versions": sorted(values(path, "tls.handshake.type == 2 and not quic", "tls.handshake.extensions.supported_version")),
        "quic_server_names": distinct(path, "quic", "tls.handshake.extensions_server_name"),
        "ja3": distinct(path, "tls and not quic", "tls.handshake.ja3"),
        "ja3s": distinct(path, "tls and not quic", "tls.handshake.ja3s"),
        "ja4": fingerprints(path, "not quic", "t"),
        "quic_ja4": fingerprints(path, "quic", "q"),
        "certificates": distinct(path, "tls and not quic", "x509af.serialNumber"),
        "http2_paths": sorted(values(path, "http2", "http2.headers.path")),
        "http2_statuses": sorted(values(path, "http2", "http2.headers.status")),
        "grpc_statuses": grpc_statuses(path),
        "ssh_banners": distinct(path, "ssh", "ssh.protocol"),
        "hassh": distinct(path, "ssh", "ssh.kex.hassh"),
        "hassh_server": distinct(path, "ssh", "ssh.kex.hasshserver"),
        "dhcp_types": sorted(values(path, "dhcp", "dhcp.option.dhcp")),
        "dhcp_host_names": distinct(path, "dhcp", "dhcp.option.hostname"),
        "dhcp_addresses": distinct(path, "dhcp and dhcp.ip.your != 0.0.0.0", "dhcp.ip.your"),
    }


def main():
    captures = sorted(FOLDER.glob("*.pcap*"))
    expected = {path.name: expect(path) for path in captures}
    for path, known in zip(captures, expected.values()):
        counted = int(run("capinfos", "-Tmrc", path).split(",")[-1])
        assert counted == known["packets"], path
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (FOLDER / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
