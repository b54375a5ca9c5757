//! Captures of random conversations, for what must hold for any.

use proptest::prelude::*;

use super::*;

/// Microseconds from the capture's beginning, and the frame.
pub(super) type Packets = Vec<(u32, Vec<u8>)>;

/// What becomes of a packet on its way to the capture.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Whole,
    Lost,
    Twice,
    /// Behind the one after it.
    Late,
}

/// One conversation: a question and its answer, or a connection of any outcome.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    kind: u8,
    begins: u32,
    /// Microseconds between two packets.
    pace: u32,
    client: u8,
    fates: Vec<Fate>,
}

pub(super) fn talks() -> impl Strategy<Value = Vec<Talk>> {
    let fate = prop_oneof![
        8 => Just(Fate::Whole),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => Just(Fate::Late),
    ];
    let fates = prop::collection::vec(fate, 1..24);
    // Some pause for longer than [`IDLE`].
    let pace = prop_oneof![20u32..5_000, 500_000u32..4_000_000];
    let talk = (0u8..5, 0u32..8_000_000, pace, 1u8..6, fates);
    let talk = talk.prop_map(|(kind, begins, pace, client, fates)| Talk {
        kind,
        begins,
        pace,
        client,
        fates,
    });
    prop::collection::vec(talk, 1..12)
}

/// A short one, so that flows end in the middle.
pub(super) const IDLE: Duration = Duration::from_secs(3);

/// All of them in one network, by time, among so many packets of something else that
/// idle flows are swept.
pub(super) fn capture(network: u8, talks: &[Talk]) -> Packets {
    let mut packets: Packets = talks
        .iter()
        .flat_map(|talk| talk.packets(network))
        .collect();
    let (a, b) = ([10, network, 1, 1], [10, network, 1, 2]);
    packets.extend((0..700).map(|n| (n * 20_000, ethernet(&frame::udp(a, b, (9, 10), b"tick")))));
    packets.sort_by_key(|(at, _)| *at);
    packets
}

pub(super) fn merged(one: &Packets, other: &Packets) -> Packets {
    let mut all = [&one[..], other].concat();
    all.sort_by_key(|(at, _)| *at);
    all
}

pub(super) fn bytes(packets: &Packets) -> Vec<u8> {
    let add = |pcap: Pcap, (at, frame): &(u32, Vec<u8>)| {
        pcap.packet(1_700_000_000 + at / 1_000_000, at % 1_000_000, frame)
    };
    packets.iter().fold(Pcap::new(Order::Big), add).bytes()
}

impl Talk {
    fn packets(&self, network: u8) -> Packets {
        let (client, server) = ([10, network, 2, self.client], [10, network, 3, 1]);
        let whole = match self.kind {
            0 => dns(client, server),
            1 => connection(
                client,
                server,
                (40_000, 80),
                b"HTTP/1.1 204 No Content\r\n\r\n",
            ),
            2 => connection(client, server, (40_001, 9_999), b"something else"),
            // The same ends again: a closed connection's, or one that never closed.
            3 => connection(client, server, (40_000, 80), &[b'x'; 3_000]),
            _ => vec![
                frame::tcp(client, server, (40_002, 22), (7, SYN), b""),
                frame::tcp(server, client, (22, 40_002), (0, frame::RST | ACK), b""),
            ],
        };
        let fates = self.fates.iter().cycle();
        let mut packets = Packets::new();
        for ((n, packet), fate) in (0..).zip(whole).zip(fates) {
            let at = self.begins + n * self.pace;
            let packet = ethernet(&packet);
            match fate {
                Fate::Whole => packets.push((at, packet)),
                Fate::Lost => {}
                Fate::Twice => packets.extend([(at, packet.clone()), (at + 7, packet)]),
                Fate::Late => packets.push((at + self.pace + self.pace / 2, packet)),
            }
        }
        packets
    }
}

fn dns(client: [u8; 4], server: [u8; 4]) -> Vec<Vec<u8>> {
    let mut answer = DNS_QUERY.to_vec();
    answer[2] |= 0x80;
    vec![
        frame::udp(client, server, (4_000, 53), DNS_QUERY),
        frame::udp(server, client, (53, 4_000), &answer),
    ]
}

/// A request, an answer in segments, and the end.
fn connection(
    client: [u8; 4],
    server: [u8; 4],
    (from, to): (u16, u16),
    answer: &[u8],
) -> Vec<Vec<u8>> {
    let mut next = [u32::MAX - 20, 5_000];
    let mut packets = Vec::new();
    let mut send = |side: usize, flags: u8, data: &[u8]| {
        let header = (next[side], next[1 - side], flags, 1_000);
        packets.push(match side {
            0 => frame::tcp_segment(client, server, (from, to), header, data),
            _ => frame::tcp_segment(server, client, (to, from), header, data),
        });
        let flags = u32::from(flags & (SYN | FIN) != 0);
        next[side] = next[side].wrapping_add(flags + u32::try_from(data.len()).expect("short"));
    };
    send(0, SYN, b"");
    send(1, SYN | ACK, b"");
    send(0, ACK, b"");
    send(0, PSH | ACK, HTTP_REQUEST);
    for piece in answer.chunks(500) {
        send(1, PSH | ACK, piece);
        send(0, ACK, b"");
    }
    send(0, FIN | ACK, b"");
    send(1, FIN | ACK, b"");
    send(0, ACK, b"");
    packets
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    frame::ethernet(packet)
}
