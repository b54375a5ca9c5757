"""Writes expected.json: what capinfos and tshark say of every capture here."""

import collections
import json
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).parent
TSHARK = ["tshark", "-n", "--enable-protocol", "communityid", "-o", "tcp.reassemble_out_of_order:TRUE"]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def values(path, filter_, field):
    """Every occurrence of a field, in packet order."""
    out = run(*TSHARK, "-2", "-r", path, "-Y", filter_, "-T", "fields", "-E", "aggregator=\t", "-e", field)
    return [value for line in out.splitlines() for value in line.split("\t") if value]


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
