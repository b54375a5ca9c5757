//! Seeds of all targets, made of captures.

use std::collections::BTreeMap;

use analyzer_service::{
    capture::{CaptureReader, Item},
    decode::{self, Frame, Transport as Decoded},
    dissect::{Direction, Registration, Transport, table},
    record::Endpoint,
};
use weir_capture_builder::sample;

use super::{
    conversation::{dissect, step_of},
    harness::{LINK_TYPES, name},
};

/// Seeds of a target, at most: libFuzzer likes them few and small.
const SEEDS_MAX: usize = 48;

/// Bytes of a seed of steps, about.
const SEED_BYTES_MAX: usize = 16 << 10;

/// Bytes of a capture that is a seed as it is.
const FILE_BYTES_MAX: usize = 32 << 10;

/// Packets of one capture that are seeds.
const PACKETS_MAX: usize = 8;

/// What users of filters write.
const FILTERS: [&str; 12] = [
    "",
    "tcp port 80 and not host 10.0.0.1",
    "udp portrange 137-138 or 5353",
    "net fe80::/10 or net 192.0.2.0 mask 255.255.255.0",
    "vlan and (tcp or udp)",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "ether[12:2] = 0x800 or ip[8] > 60",
    "greater 100 and less 1000",
    "ether host 02:00:00:00:00:01 and ip6 proto \\udp",
    "len - 14 > ip[2:2] or tcp[12] >> 4 > 5",
    "src or dst port 53",
    "not (port 80 or 443 or 53)",
];

const CLIENT: Direction = Direction::ToServer;
const SERVER: Direction = Direction::ToClient;

/// A target, and who says what.
type Opening = (&'static str, &'static [(Direction, &'static [u8])]);

/// What nobody recorded: openings with logins, and messages of protocols that are only named.
const OPENINGS: [Opening; 14] = [
    (
        "ftp-tcp",
        &[
            (SERVER, b"220 FTP ready\r\n"),
            (CLIENT, b"USER alice\r\n"),
            (SERVER, b"331 go on\r\n"),
            (CLIENT, b"PASS secret\r\n"),
        ],
    ),
    (
        "pop3-tcp",
        &[
            (SERVER, b"+OK POP3 ready\r\n"),
            (CLIENT, b"USER bob\r\nPASS secret\r\n"),
            (CLIENT, b"AUTH PLAIN\r\n"),
            (CLIENT, b"AGFsaWNlAHNlY3JldA==\r\n"),
        ],
    ),
    (
        "imap-tcp",
        &[
            (SERVER, b"* OK IMAP4rev1\r\n"),
            (CLIENT, b"a1 LOGIN \"carol\" \"secret\"\r\n"),
            (CLIENT, b"a2 AUTHENTICATE LOGIN\r\n"),
            (CLIENT, b"ZGF2ZQ==\r\n"),
            (CLIENT, b"c2VjcmV0\r\n"),
        ],
    ),
    (
        "smtp-tcp",
        &[
            (SERVER, b"220 mx ESMTP\r\n"),
            (CLIENT, b"EHLO a\r\n"),
            (SERVER, b"250-mx\r\n250 AUTH LOGIN PLAIN\r\n"),
            (CLIENT, b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"),
        ],
    ),
    (
        "mqtt-tcp",
        &[(
            CLIENT,
            b"\x10\x2f\0\x04MQTT\x05\xc6\0\x3c\0\0\x03abc\0\0\x01w\0\x02by\0\x06sensor\0\x06secret",
        )],
    ),
    (
        "http-tcp",
        &[
            (
                CLIENT,
                b"GET /?user=a&password=b HTTP/1.1\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
            ),
            (
                CLIENT,
                b"POST / HTTP/1.1\r\nContent-Length: 20\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin=a%40b&passwd=c",
            ),
        ],
    ),
    (
        "sip-udp",
        &[(CLIENT, b"REGISTER sip:a.example SIP/2.0\r\n\r\n")],
    ),
    (
        "sip-tcp",
        &[(SERVER, b"SIP/2.0 200 OK\r\n\r\n")],
    ),
    (
        "ssdp-udp",
        &[(
            CLIENT,
            b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nMan: \"ssdp:discover\"\r\n\r\n",
        )],
    ),
    (
        "modbus-tcp",
        &[(CLIENT, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1])],
    ),
    (
        "nbns-udp",
        &[(
            CLIENT,
            b"\0\x01\x01\x10\0\x01\0\0\0\0\0\0\x20FHEFECELEHFCEPFFFACACACACACACABO\0\0\x20\0\x01",
        )],
    ),
    (
        "smb-tcp",
        &[(CLIENT, b"\0\0\0\x24\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x1f\0")],
    ),
    (
        "snmp-udp",
        &[(
            CLIENT,
            b"\x30\x1d\x02\x01\x01\x04\x06public\xa0\x10\x02\x01\x01\x02\x01\0\x02\x01\0\x30\x05\x30\x03\x06\x01\0",
        )],
    ),
    (
        "rdp-tcp",
        &[(
            CLIENT,
            b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
        )],
    ),
];

/// Seeds by the name of their target.
pub type Seeds = BTreeMap<String, Vec<Vec<u8>>>;

/// Of these captures and what the builder makes. Those of packed captures are stored.
#[must_use]
pub fn of(captures: &[Vec<u8>]) -> Seeds {
    let mut seeds = Seeds::new();
    let mut add = |target: &str, seed: Vec<u8>| {
        let all = seeds.entry(target.to_owned()).or_default();
        if all.len() < SEEDS_MAX && !all.contains(&seed) {
            all.push(seed);
        }
    };
    for (link_type, packet) in sample::layers() {
        if let Some(seed) = packet_seed(link_type, &packet) {
            add("decode", seed.clone());
            add("packets", seed);
        }
    }
    for text in FILTERS {
        let packet = &sample::layers()[0].1;
        add("filter", [text.as_bytes(), &[0], packet].concat());
    }
    for (target, steps) in OPENINGS {
        let steps = steps.iter().map(|(from, bytes)| step_of(*from, bytes));
        add(target, steps.collect::<Vec<_>>().concat());
    }
    for capture in captures {
        if capture.len() <= FILE_BYTES_MAX {
            let is_pcapng = capture.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
            add(if is_pcapng { "pcapng" } else { "pcap" }, capture.clone());
        }
        let (packets, flows) = read(capture);
        for seed in packets {
            add("decode", seed.clone());
            add("packets", seed);
        }
        for flow in flows {
            for row in table().iter().filter(|row| flow.may_be(row)) {
                if dissect(row, &flow.steps) {
                    add(&name(row), flow.steps.clone());
                }
            }
        }
    }
    seeds
}

/// What both ends of a conversation said.
struct Flow {
    transport: Transport,
    steps: Vec<u8>,
}

impl Flow {
    fn may_be(&self, row: &Registration) -> bool {
        row.transport == self.transport
    }
}

/// The first packets of a capture, and its conversations.
fn read(capture: &[u8]) -> (Vec<Vec<u8>>, Vec<Flow>) {
    let mut packets = Vec::new();
    // By ends, the lower first; who spoke first is the client.
    let mut flows = BTreeMap::<_, (Endpoint, Flow)>::new();
    let Ok(mut reader) = CaptureReader::open(capture) else {
        return (packets, Vec::new());
    };
    while let Ok(item) = reader.advance() {
        let Item::Packet = item else {
            match item {
                Item::End(_) => break,
                _ => continue,
            }
        };
        let Some(packet) = reader.packet() else {
            continue;
        };
        if packets.len() < PACKETS_MAX {
            packets.extend(packet_seed(packet.link_type, packet.data));
        }
        let mut frame = Frame::default();
        decode::decode(&packet, &mut frame);
        let Some(ip) = &frame.ip else { continue };
        let (transport, ports, payload) = match &ip.transport {
            Decoded::Tcp(tcp) => (Transport::Tcp, tcp.ports, tcp.payload),
            Decoded::Udp(udp) => (Transport::Udp, udp.ports, udp.payload),
            _ => continue,
        };
        let end = |address, port| Endpoint { address, port };
        let source = end(ip.source, ports.source);
        let target = end(ip.target, ports.target);
        let key = (source.min(target), source.max(target), ip.protocol);
        let (client, flow) = flows.entry(key).or_insert_with(|| {
            let steps = Vec::new();
            (source, Flow { transport, steps })
        });
        let direction = match *client == source {
            true => Direction::ToServer,
            false => Direction::ToClient,
        };
        if !payload.is_empty() && flow.steps.len() < SEED_BYTES_MAX {
            flow.steps.extend(step_of(direction, payload));
        }
    }
    let flows = flows.into_values().map(|(_, flow)| flow);
    (packets, flows.collect())
}

fn packet_seed(link_type: u16, packet: &[u8]) -> Option<Vec<u8>> {
    let choice = LINK_TYPES.iter().position(|known| *known == link_type)?;
    let choice = u8::try_from(choice).ok()?;
    Some([&[choice], step_of(Direction::ToServer, packet).as_slice()].concat())
}
