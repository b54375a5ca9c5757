"""What Weir says of every capture in the given folders beside what other programs say.

    compare_captures.py FOLDER…

Run by `.ci/run` through pair.py, over this project's recordings and, when they
lie beside the project, the public captures in shared/captures. The oracles are
capinfos (packets, bytes, times), tshark (names, Community IDs), the pcapng
generator's block counts, and community-id's expected.json. Every difference is
printed; the exceptions are named below, each with its reason.
"""

import collections
import concurrent.futures
import csv
import decimal
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
from datetime import datetime

from compare_tcp import check_tcp

sys.path.append(str(pathlib.Path(__file__).parent.parent / "captures"))
from expect import HELLO, columns, distinct, ja4, values  # noqa: E402

WEIR = pathlib.Path(os.environ.get("WEIR_BIN", "target/release")) / "weir"
# Years 1 to 9999: the times that Weir clamps to.
CLAMPS = {decimal.Decimal(-62135596800), decimal.Decimal("253402300799.999999999")}
# capinfos keeps the difference of two times in 32 bits; above that tshark is asked.
CAPINFOS_SPAN_MAX = 2**31
# Magic numbers of pcap, and what a second has of its units.
PCAP_UNITS = {0xA1B2C3D4: 10**6, 0xA1B23C4D: 10**9}
# capinfos takes the 4-byte pseudo header off each packet's length.
LINKTYPE_SUNATM = "123"
BLOCK_TYPES = {"SHB": 0x0A0D0D0A, "IDB": 1, "PB": 2, "SPB": 3, "NRB": 4, "ISB": 5, "EPB": 6,
               "CB": 0xBAD, "DCB": 0x40000BAD}
# Serial numbers that tshark shows of certificates which are not the server's: here that of an
# OCSP responder, in the answer that the server staples (RFC 6066, 8).
KNOWN_SERIALS = {"many-protocols.pcap": {"1121d6de5ee35189cfc536ca7e03058e828b"}}
# By IP protocol: five flow tools agree.
KNOWN_FLOWS = {"many-protocols.pcap": {"6": 126, "17": 127, "1": 4}}


def analyze(path):
    ran = subprocess.run(
        [WEIR, "analyze", "--endpoint", f"http://{os.environ['INGEST_ADDRESS']}", "--format", "json", path],
        capture_output=True, text=True, stdin=subprocess.DEVNULL)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    summary = lines[-1].get("summary") if lines else None
    if ran.returncode != 0 or summary is None:
        return None, [], f"exit status {ran.returncode}: {ran.stderr.strip()[-300:]}"
    return summary, lines[1:-1], None


def capinfos(paths):
    """Number of packets, bytes on the wire, earliest and latest time of each readable capture."""
    out = subprocess.run(["capinfos", "-TmQMScdae", *paths], capture_output=True, text=True).stdout
    return {row[0]: row[1:] for row in list(csv.reader(out.splitlines()))[1:]}


def seconds(text):
    """RFC 3339 with up to nine digits below the second, as seconds since 1970."""
    whole, fraction = re.fullmatch(r"(.*?)(?:\.(\d+))?(?:Z|\+00:00)", text).groups()
    since = datetime.fromisoformat(whole) - datetime(1970, 1, 1)
    return decimal.Decimal(since.days * 86400 + since.seconds) + decimal.Decimal(f"0.{fraction or 0}")


def has_invalid_subseconds(path):
    """Weir carries them into the seconds, capinfos does not."""
    body = path.read_bytes()
    for order in "<>":
        units = PCAP_UNITS.get(struct.unpack_from(f"{order}I", body)[0])
        at = 24
        while units and at + 16 <= len(body):
            _, subseconds, length, _ = struct.unpack_from(f"{order}IIII", body, at)
            if subseconds >= units:
                return True
            at += 16 + length
    return False


def check_counts(path, summary, known):
    packets, wire_bytes, earliest, latest = known
    yield "packets", summary.get("packets", "0"), packets
    if LINKTYPE_SUNATM not in summary.get("packetsByLinkType", {}):
        yield "wire bytes", summary.get("wireBytes", "0"), wire_bytes
    ours = [seconds(summary[key]) if key in summary else None for key in ("firstPacketTime", "lastPacketTime")]
    if packets == "0":
        yield "times", ours, [None, None]
    # capinfos gives none when a packet (of a Simple Packet Block) has none.
    elif earliest != "n/a" and not CLAMPS & set(ours) and not has_invalid_subseconds(path):
        if ours[1] - ours[0] < CAPINFOS_SPAN_MAX:
            theirs = [decimal.Decimal(earliest), decimal.Decimal(latest)]
        else:
            times = [decimal.Decimal(text) for text in values(path, "frame", "frame.time_epoch")]
            theirs = [min(times), max(times)]
        yield "times", ours, theirs


def check_blocks(path, summary):
    listed = path.with_suffix(".txt")
    if not listed.exists():
        return
    counts = re.search(r"Block counts:\n(.*?)\n\n", listed.read_text(), re.S)[1]
    known = {name: int(count) for name, count in re.findall(r"(\w+): (\d+)", counts)}
    ours = summary.get("blocksByType", {})
    number = lambda name: BLOCK_TYPES[name] if name in BLOCK_TYPES else int(name, 16)
    yield ("blocks", {number(name): int(count) for name, count in ours.items()},
           {number(name): count for name, count in known.items()})


def of_kind(records, kind):
    return [record[kind] for record in records if kind in record]


def texts(records, kind, field):
    return {record[field] for record in of_kind(records, kind) if record.get(field)}


def plain(names):
    """tshark escapes and writes the root its own way."""
    return {"." if name == "<Root>" else name for name in names}


def check_names(path, records):
    """Names, against tshark."""
    queried = plain(distinct(path, "dns or mdns or llmnr", "dns.qry.name"))
    answered = plain(distinct(path, "dns or mdns or llmnr", "dns.resp.name"))
    ours = texts(records, "dns", "queryName")
    yield "DNS names", ours - answered | ours & queried, queried
    yield ("TLS server names", texts(records, "tls", "serverName"),
           set(distinct(path, "tls and not quic", "tls.handshake.extensions_server_name")))
    http = [record for record in records if record.get("http", {}).get("version") != "HTTP/2"]
    yield ("HTTP hosts", texts(http, "http", "host"), set(distinct(path, "http.request", "http.host")))
    yield ("HTTP requests", sum(bool(record.get("method")) for record in of_kind(http, "http")),
           len(values(path, "http.request", "http.request.method")))


# By record kind and field, what tshark has of it.
SHOWN = {
    ("tls", "ja3"): "tls.handshake.ja3",
    ("tls", "ja3s"): "tls.handshake.ja3s",
    ("ssh", "clientBanner"): "ssh.protocol",
    ("ssh", "hassh"): "ssh.kex.hassh",
    ("ssh", "hasshServer"): "ssh.kex.hasshserver",
    ("dhcp", "hostName"): "dhcp.option.hostname",
    ("http", "target"): "http2.headers.path",
}
SERIAL, SSH_BANNER = "x509af.serialNumber", "ssh.protocol"


def check_handshakes(path, records):
    """Fingerprints, certificates and names of handshakes, against tshark."""
    fields = [*SHOWN.values(), SERIAL]
    theirs = {field: set() for field in fields}
    for protocols, *row in columns(path, "tls or ssh or dhcp or http2", "frame.protocols", *fields):
        for field, shown in zip(fields, row):
            if not (field.startswith("tls.") and "quic" in protocols[0]):
                theirs[field].update(shown)
    http2 = [record for record in records if record.get("http", {}).get("version") == "HTTP/2"]
    for (kind, ours), field in SHOWN.items():
        seen = texts(http2 if kind == "http" else records, kind, ours)
        if field == SSH_BANNER:
            seen |= texts(records, kind, "serverBanner")
        yield field, seen, theirs[field]
    certificates = [one for tls in of_kind(records, "tls") for one in tls.get("serverCertificates", [])]
    shown = {text.lstrip("0") for text in theirs[SERIAL]} - KNOWN_SERIALS.get(path.name, set())
    yield "serial numbers", {one["serial"].lstrip("0") for one in certificates}, shown
    hellos = columns(path, "tls.handshake.type == 1", "frame.protocols", "tls.handshake.extensions_server_name", *HELLO)
    for kind, carrier, wanted in (("tls", "t", False), ("quic", "q", True)):
        chosen = [row for protocols, *row in hellos if ("quic" in protocols[0].split(":")) == wanted]
        yield f"JA4 of {kind}", texts(records, kind, "ja4"), {ja4(carrier, *row[1:]) for row in chosen}
        if wanted:
            yield "QUIC server names", texts(records, kind, "serverName"), {name for names, *_ in chosen for name in names}


def check_flows(path, records):
    """Flows by protocol, where they are known."""
    if path.name in KNOWN_FLOWS:
        protocols = {flow["flowId"]: str(flow["ipProtocol"]) for flow in of_kind(records, "flow")}
        yield "flows", dict(collections.Counter(protocols.values())), KNOWN_FLOWS[path.name]


def check_community_ids(path, records):
    flows = of_kind(records, "flow")
    # tshark tells that of the innermost packet only.
    carriers = {tunnel.get("outerFlowId") for flow in flows for tunnel in flow.get("tunnels", [])}
    ours = {flow["communityId"] for flow in flows if flow["flowId"] not in carriers}
    filter_ = "communityid and not ip.reassembled_in and not ipv6.reassembled.in"
    yield "Community IDs", ours, set(distinct(path, filter_, "communityid"))


def show(value):
    return [str(part) for part in value] if isinstance(value, list) else value


def differences(path, known):
    summary, records, failure = analyze(path)
    if failure:
        return records, [failure]
    checks = [check_counts(path, summary, known), check_blocks(path, summary), check_flows(path, records),
              check_tcp(path, records)]
    if path.parent.name in ("protocols", "captures"):
        checks.append(check_names(path, records))
        checks.append(check_handshakes(path, records))
    if path.parent.name in ("community-id", "captures"):
        checks.append(check_community_ids(path, records))
    found = []
    for check in checks:
        for name, ours, theirs in check:
            if ours != theirs and isinstance(ours, set):
                ours, theirs = f"only ours {sorted(ours - theirs)}", f"only theirs {sorted(theirs - ours)}"
                found.append(f"{name}: {ours}, {theirs}")
            elif ours != theirs:
                found.append(f"{name}: {show(ours)}, not {show(theirs)}")
    return records, found


def check_tuples(folder, records_by_path):
    """community-id's own table: each of its IDs is seen, and no other."""
    table = folder / "expected.json"
    if folder.name != "community-id":
        return []
    known = {row["communityid"] for row in json.loads(table.read_text())}
    ours = set().union(*(texts(records, "flow", "communityId") for records in records_by_path.values()))
    return [] if ours == known else [f"{table}: only ours {ours - known}, only theirs {known - ours}"]


def check_folder(folder):
    paths = sorted(path for path in folder.iterdir() if ".pcap" in path.name)
    if not paths:
        return 0, []
    known = capinfos(paths)
    chosen = [path for path in paths if str(path) in known]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(chosen, pool.map(lambda path: differences(path, known[str(path)]), chosen)))
    failures = [f"{path}: {found}" for path, (_, every) in results.items() for found in every]
    failures += check_tuples(folder, {path: records for path, (records, _) in results.items()})
    print(f"{folder}: {len(chosen)} compared, {len(failures)} differences, not read by capinfos: {len(paths) - len(chosen)}")
    return len(chosen), failures


def main(*roots):
    n_compared, failures = 0, []
    for root in map(pathlib.Path, roots):
        for folder in sorted({root, *(path for path in root.rglob("*") if path.is_dir())}):
            compared, found = check_folder(folder)
            n_compared += compared
            failures += found
    print("\n".join(failures))
    if failures or not n_compared:
        sys.exit(f"{len(failures)} differences in {n_compared} captures")


if __name__ == "__main__":
    main(*sys.argv[1:])
