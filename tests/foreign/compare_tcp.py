"""What Weir says of TCP segments beside what tshark says, for compare_captures.py.

Two comparisons for each direction of a pair of ends, over all of its flows:

- Weir's counters with those of docs/tcp.md's definitions, computed here once more
  from the headers as tshark reads them, over a plain set of byte ranges;
- segment by segment, whether those definitions and tshark's `tcp.analysis` find
  the same ones. tshark tells a retransmission from a segment out of order by time,
  so the two are one here.

Differences that are known are in KNOWN, each with its reason.
"""

import collections
import subprocess

# By capture: frames in which tcp.analysis says another thing, and why.
KNOWN = {
    # One byte, then a whole segment at one below what is next: tshark takes those for keep-alives
    # even when they bring more than a byte.
    "bgp-as-path-oobr.pcap": {2},
}
# By capture: invalid sub-seconds, which Weir carries into the seconds and tshark does not.
ODD_TIMES = {"timestamp_invalid_micro.pcap", "timestamp_invalid_nano.pcap"}
# By capture: the two directions have tunnel ids of their own (here VNI 10 and 11), which are part
# of a flow's key: two flows, and no handshake in either.
SPLIT_FLOWS = {"geneve.pcap"}

FIN, SYN, RST, ACK = 1, 2, 4, 16
WINDOW_BYTES_MAX = 65535 << 14
FIELDS = ["frame.number", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw",
          "tcp.ack_raw", "tcp.len", "tcp.flags", "tcp.window_size_value", "tcp.analysis.retransmission",
          "tcp.analysis.out_of_order", "tcp.analysis.zero_window", "tcp.analysis.initial_rtt"]
# Packets that an error message quotes are no packets of their flow.
FILTER = "tcp && !icmp && !icmpv6"


def segments(path):
    """Each TCP segment; of several layers the innermost."""
    out = subprocess.run(["tshark", "-n", "-r", path, "-Y", FILTER, "-T", "fields", *(f"-e{field}" for field in FIELDS)],
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        row = dict(zip(FIELDS, (value.split(",")[-1] for value in line.split("\t"))))
        yield row


def ends(row):
    return ((row["ip.src"] or row["ipv6.src"], int(row["tcp.srcport"])),
            (row["ip.dst"] or row["ipv6.dst"], int(row["tcp.dstport"])))


def distance(seq, from_):
    """How far ahead, as sequence numbers go."""
    return (seq - from_ + 2**31) % 2**32 - 2**31


class Sequence:
    """One direction: which bytes were seen, by positions that do not wrap."""

    def __init__(self):
        self.next = None
        self.seen = []
        self.has_room = True
        self.probed = False
        self.retransmissions = self.out_of_order = self.zero_windows = 0

    def segment(self, seq, length, flags, peer):
        """Whether it has bytes seen before, and bytes below the highest that were not."""
        if flags & SYN and self.next is not None and not self.knows(seq):
            self.next, self.seen = None, []
        if self.next is None:
            self.next = seq
        start = self.next + distance(seq, self.next % 2**32)
        if self.probed and start == self.next + 1:
            self.next = start
        if abs(start - self.next) > WINDOW_BYTES_MAX:
            return False, False
        if length <= 1 and not flags & (SYN | FIN):
            is_probe = length == 1 and start == self.next and not peer.has_room
            self.probed |= is_probe
            if is_probe or start == self.next - 1:
                return False, False
        below = range(start, min(start + length, self.next))
        known = sum(len(range(max(below.start, first), min(below.stop, last))) for first, last in self.seen)
        self.add(start, start + length)
        if start + length > self.next:
            self.probed = False
        self.next = max(self.next, start + length)
        return known > 0, known < len(below)

    def knows(self, seq):
        first = min((first for first, _ in self.seen), default=self.next)
        return first - 1 <= self.next + distance(seq, self.next % 2**32) <= self.next

    def add(self, start, end):
        touching = [part for part in self.seen if part[0] <= end and start <= part[1]]
        rest = [part for part in self.seen if part not in touching]
        whole = (min([start, *(first for first, _ in touching)]), max([end, *(last for _, last in touching)]))
        self.seen = sorted(rest + [whole]) if end > start else self.seen

    def acknowledge(self, ack):
        """A probe's byte was taken."""
        if self.next is not None and self.probed and distance(ack, self.next % 2**32) == 1:
            self.next += 1
            self.probed = False


def follow(path):
    """By direction what was counted; by pair of ends tshark's handshakes; odd frames."""
    sides = collections.defaultdict(Sequence)
    answered, handshakes, odd = set(), collections.defaultdict(set), set()
    for row in segments(path):
        if not row["tcp.srcport"] or not row["tcp.seq_raw"]:
            continue
        source, target = ends(row)
        flags = int(row["tcp.flags"], 16)
        own, peer = sides[source, target], sides[target, source]
        has_room = row["tcp.window_size_value"] != "0"
        own.zero_windows += not has_room and not flags & (SYN | FIN | RST)
        repeated = late = False
        if not flags & RST:
            length = int(row["tcp.len"] or 0) + bool(flags & SYN) + bool(flags & FIN)
            repeated, late = own.segment(int(row["tcp.seq_raw"]), length, flags, peer)
        own.has_room = has_room or bool(flags & RST)
        if flags & ACK and not flags & RST:
            peer.acknowledge(int(row["tcp.ack_raw"]))
        own.retransmissions += repeated
        own.out_of_order += late
        theirs = bool(row["tcp.analysis.retransmission"] or row["tcp.analysis.out_of_order"])
        if (repeated or late) != theirs and not flags & RST:
            odd.add(int(row["frame.number"]))
        pair = frozenset((source, target))
        if flags & (SYN | ACK) == SYN | ACK:
            answered.add(pair)
        # The answer to a SYN may be a reset: no handshake.
        if pair in answered and not flags & RST and row["tcp.analysis.initial_rtt"]:
            handshakes[pair].add(row["tcp.analysis.initial_rtt"])
    return sides, handshakes, odd


def check_tcp(path, records):
    flows = [record["flow"] for record in records if "tcp" in record.get("flow", {})]
    if not flows:
        return
    sides, theirs, odd = follow(path)
    yield "tcp.analysis in frames", odd, KNOWN.get(path.name, set())
    ours = collections.defaultdict(lambda: [0, 0, 0])
    handshakes = collections.defaultdict(set)
    for flow in flows:
        client, server = ((end["address"], end.get("port", 0)) for end in (flow["client"], flow["server"]))
        tcp = flow["tcp"]
        for direction, side in (((client, server), "client"), ((server, client), "server")):
            for at, what in enumerate(("Retransmissions", "OutOfOrder", "ZeroWindows")):
                ours[direction][at] += int(tcp.get(side + what, 0))
        if "handshakeRtt" in tcp:
            whole, _, fraction = tcp["handshakeRtt"].rstrip("s").partition(".")
            handshakes[frozenset((client, server))].add(f"{whole}.{fraction:0<9}")
    found = lambda counts: {f"{direction}: {counted}" for direction, counted in counts if any(counted)}
    yield ("retransmissions, out of order, zero windows", found(ours.items()), found(
        (direction, [side.retransmissions, side.out_of_order, side.zero_windows]) for direction, side in sides.items()))
    if path.name not in ODD_TIMES | SPLIT_FLOWS:
        yield "handshakes", by_ends(handshakes), by_ends(theirs)


def by_ends(handshakes):
    return {f"{sorted(pair)}: {sorted(times)}" for pair, times in handshakes.items() if times}
