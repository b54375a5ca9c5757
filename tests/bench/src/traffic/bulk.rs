//! Two downloads of 200 packets: one over HTTP, one over TLS with the handshake of a
//! recording.

use std::net::Ipv4Addr;

use weir_capture_builder::frame::{self, ACK, FIN, PSH, SYN};

use super::Frame;
use weir_tests::{random::noise, recordings, synth};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const CLIENT_PORT: u16 = 40_000;

/// Fills a frame of 1,514 bytes.
const SEGMENT_BYTES: usize = 1_460;

/// Between two packets of a download.
const PACKET_MICROS: u64 = 1_000;

/// Segments of the HTTP response; with what acknowledges every second one, the handshake,
/// the request and the end that is 200 packets.
const SEGMENTS: usize = 128;

/// Of a TLS record's content.
const TLS_RECORD_BYTES: usize = 16 << 10;

/// Both downloads, in the order of time.
pub(super) fn round() -> Vec<Frame> {
    let mut frames = download(80, &http());
    frames.extend(download(443, &tls()));
    frames.sort_by_key(|(micros, _)| *micros);
    frames
}

/// Who sends, and what.
type Message = (Side, Vec<u8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

fn http() -> Vec<Message> {
    let request = b"GET /large HTTP/1.1\r\nHost: www.weir.test\r\nUser-Agent: bulk\r\n\r\n";
    let head = |length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length:06}\r\n\r\n"
        )
    };
    let length = SEGMENTS * SEGMENT_BYTES - head(0).len();
    let response = [head(length).into_bytes(), noise(length, 1)].concat();
    vec![(Side::Client, request.to_vec()), (Side::Server, response)]
}

/// The first connection of the recording, and then as many records as fit.
fn tls() -> Vec<Message> {
    const SERVER_PORT: u16 = 443;
    let mut messages: Vec<Message> = Vec::new();
    let mut client_port = None;
    for (_, frame) in synth::records(&recordings::bytes("tls.pcap")) {
        let is_tcp = frame[12..15] == [0x08, 0x00, 0x45] && frame[23] == 6;
        if !is_tcp {
            continue;
        }
        let port = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let (side, client) = match (port(34), port(36)) {
            (SERVER_PORT, client) => (Side::Server, client),
            (client, SERVER_PORT) => (Side::Client, client),
            _ => continue,
        };
        let total = usize::from(port(16));
        let payload = &frame[34 + usize::from(frame[46] >> 4) * 4..14 + total];
        let is_first = *client_port.get_or_insert(client) == client;
        // What the recorded client says at its end would be in the middle here.
        let is_end = side == Side::Client && messages.len() >= 4;
        if is_first && !payload.is_empty() && !is_end {
            messages.push((side, payload.to_vec()));
        }
    }
    let sent: usize = messages.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut records = Vec::new();
    let record = noise(TLS_RECORD_BYTES, 2);
    while sent + records.len() + TLS_RECORD_BYTES < SEGMENTS * SEGMENT_BYTES {
        records.extend([0x17, 3, 3, 0x40, 0]);
        records.extend_from_slice(&record);
    }
    messages.push((Side::Server, records));
    messages
}

/// A connection from its handshake to its end.
fn download(server_port: u16, messages: &[Message]) -> Vec<Frame> {
    let mut connection = Connection {
        server_port,
        next: [1_000, 2_000],
        frames: Vec::new(),
    };
    connection.send(Side::Client, SYN, &[]);
    connection.send(Side::Server, SYN | ACK, &[]);
    connection.send(Side::Client, ACK, &[]);
    for (side, bytes) in messages {
        let peer = match side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        let segments = bytes.chunks(SEGMENT_BYTES);
        let n_segments = segments.len();
        for (n, segment) in (1..).zip(segments) {
            connection.send(*side, ACK | PSH, segment);
            if n % 2 == 0 || n == n_segments {
                connection.send(peer, ACK, &[]);
            }
        }
    }
    connection.send(Side::Server, FIN | ACK, &[]);
    connection.send(Side::Client, FIN | ACK, &[]);
    connection.send(Side::Server, ACK, &[]);
    connection.frames
}

struct Connection {
    server_port: u16,
    /// Sequence numbers: the client's, the server's.
    next: [u32; 2],
    frames: Vec<Frame>,
}

impl Connection {
    fn send(&mut self, side: Side, flags: u8, payload: &[u8]) {
        let (own, peer) = match side {
            Side::Client => (0, 1),
            Side::Server => (1, 0),
        };
        let ack = if flags & ACK == 0 { 0 } else { self.next[peer] };
        let header = (self.next[own], ack, flags, 0xffff);
        let packet = match side {
            Side::Client => {
                let ports = (CLIENT_PORT, self.server_port);
                frame::tcp_segment(CLIENT, SERVER, ports, header, payload)
            }
            Side::Server => {
                let ports = (self.server_port, CLIENT_PORT);
                frame::tcp_segment(SERVER, CLIENT, ports, header, payload)
            }
        };
        let counted = u32::from(flags & (SYN | FIN) != 0);
        let length = u32::try_from(payload.len()).unwrap();
        self.next[own] = self.next[own].wrapping_add(length + counted);
        let micros = self.frames.len() as u64 * PACKET_MICROS;
        self.frames.push((micros, frame::ethernet(&packet)));
    }
}
