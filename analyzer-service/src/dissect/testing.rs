//! Conversations for tests: bytes in, one line a record out.

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
};

use proptest::prelude::*;

use super::{AppSlot, Context, Direction, Dissectors, Output, Segment, TcpFlags};
use crate::record::{
    Body, DnsTransaction, Endpoint, FlowRef, HttpTransaction, KindSet, Record, Time, TlsHandshake,
};

/// Some flows of one capture; a packet each millisecond.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) dissectors: Dissectors,
    pub(super) out: Output,
    /// All that went out, rendered.
    pub(super) log: String,
    flows: Vec<Talk>,
    packets: u64,
}

#[derive(Debug)]
struct Talk {
    flow: FlowRef,
    slot: AppSlot,
    /// Of the next byte to send, to the server and to the client.
    next: [u32; 2],
}

pub(super) const CLIENT: Direction = Direction::ToServer;
pub(super) const SERVER: Direction = Direction::ToClient;

/// Initial sequence numbers, near the wrap.
const START: [u32; 2] = [u32::MAX - 20, u32::MAX - 3];

impl Lab {
    pub(super) fn new() -> Self {
        Self::with(Dissectors::new(KindSet::all()))
    }

    pub(super) fn with(dissectors: Dissectors) -> Self {
        Self {
            dissectors,
            out: Output::default(),
            log: String::new(),
            flows: Vec::new(),
            packets: 0,
        }
    }

    /// A new flow between these ports of 10.0.0.1 and 10.0.0.2; the number to name it by.
    pub(super) fn flow(&mut self, client: u16, server: u16) -> usize {
        let end = |last, port| Endpoint {
            address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
            port,
        };
        self.flow_between(end(1, client), end(2, server))
    }

    pub(super) fn flow_between(&mut self, client: Endpoint, server: Endpoint) -> usize {
        let flow = FlowRef {
            flow_id: self.flows.len() as u64 + 1,
            client,
            server,
            ip_protocol: 0,
            community_id: [0; 20],
        };
        self.flows.push(Talk {
            flow,
            slot: AppSlot::default(),
            next: START,
        });
        self.flows.len() - 1
    }

    pub(super) fn datagram(&mut self, flow: usize, from: Direction, payload: &[u8]) {
        let context = self.context(flow, from);
        let talk = &mut self.flows[flow];
        let (slot, out) = (&mut talk.slot, &mut self.out);
        let name = self
            .dissectors
            .datagram(slot, &context.with(&talk.flow), payload, out);
        self.render(name);
    }

    /// The SYN of both sides.
    pub(super) fn handshake(&mut self, flow: usize) {
        for from in [CLIENT, SERVER] {
            let flags = TcpFlags {
                syn: true,
                ..TcpFlags::default()
            };
            let next = &mut self.flows[flow].next[side(from)];
            let seq = next.wrapping_sub(1);
            self.segment(
                flow,
                from,
                &Segment {
                    seq,
                    flags,
                    payload: &[],
                    missing: 0,
                },
            );
        }
    }

    /// The next bytes in order.
    pub(super) fn send(&mut self, flow: usize, from: Direction, payload: &[u8]) {
        self.send_cut(flow, from, payload, 0);
    }

    /// The next bytes in order, with so many behind them cut off.
    pub(super) fn send_cut(&mut self, flow: usize, from: Direction, payload: &[u8], missing: u32) {
        let next = &mut self.flows[flow].next[side(from)];
        let seq = *next;
        *next = seq.wrapping_add(length(payload)).wrapping_add(missing);
        let flags = TcpFlags::default();
        self.segment(
            flow,
            from,
            &Segment {
                seq,
                flags,
                payload,
                missing,
            },
        );
    }

    /// Bytes that are sent and not in the capture.
    pub(super) fn lose(&mut self, flow: usize, from: Direction, bytes: u32) {
        let next = &mut self.flows[flow].next[side(from)];
        *next = next.wrapping_add(bytes);
    }

    pub(super) fn fin(&mut self, flow: usize, from: Direction) {
        let seq = self.flows[flow].next[side(from)];
        let flags = TcpFlags {
            fin: true,
            ..TcpFlags::default()
        };
        self.segment(
            flow,
            from,
            &Segment {
                seq,
                flags,
                payload: &[],
                missing: 0,
            },
        );
    }

    pub(super) fn segment(&mut self, flow: usize, from: Direction, segment: &Segment<'_>) {
        let context = self.context(flow, from);
        let talk = &mut self.flows[flow];
        let (slot, out) = (&mut talk.slot, &mut self.out);
        let name = self
            .dissectors
            .segment(slot, &context.with(&talk.flow), segment, out);
        self.render(name);
    }

    /// The flow and, with the last one, the capture end.
    pub(super) fn end(&mut self, flow: usize) {
        let context = self.context(flow, CLIENT);
        self.packets -= 1;
        let talk = &mut self.flows[flow];
        let (slot, out) = (&mut talk.slot, &mut self.out);
        self.dissectors.end(slot, &context.with(&talk.flow), out);
        self.render(None);
        let services = self.dissectors.services(&self.flows[flow].slot);
        writeln!(self.log, "end of flow {}: {services:?}", flow + 1).unwrap();
        if flow + 1 == self.flows.len() {
            self.dissectors.finish(&mut self.out);
            self.render(None);
        }
    }

    fn context(&mut self, _flow: usize, direction: Direction) -> At {
        self.packets += 1;
        At {
            packets: self.packets,
            direction,
        }
    }

    fn render(&mut self, name: Option<&str>) {
        if let Some(name) = name {
            writeln!(self.log, "#{} is {name}", self.packets).unwrap();
        }
        for malformed in self.out.malformed.drain(..) {
            writeln!(
                self.log,
                "#{} {}: {}",
                self.packets, malformed.code, malformed.message
            )
            .unwrap();
        }
        for record in self.out.records.drain(..) {
            writeln!(self.log, "{}", line(&record)).unwrap();
        }
    }
}

struct At {
    packets: u64,
    direction: Direction,
}

impl At {
    fn with<'a>(&self, flow: &'a FlowRef) -> Context<'a> {
        Context {
            time: Time(i128::from(self.packets) * 1_000_000),
            packet_number: self.packets,
            flow,
            direction: self.direction,
        }
    }
}

fn side(from: Direction) -> usize {
    usize::from(from == SERVER)
}

fn length(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).unwrap()
}

fn line(record: &Record) -> String {
    let flow = record.flow.map_or(0, |flow| flow.flow_id);
    let body = match &record.body {
        Body::Dns(dns) => dns_line(dns),
        Body::Http(http) => http_line(http),
        Body::Tls(tls) => tls_line(tls),
        other => format!("{other:?}"),
    };
    format!("#{} flow {flow}: {body}", record.packet_number)
}

fn dns_line(dns: &DnsTransaction) -> String {
    let mut line = format!(
        "dns {} {} {} {} {}",
        dns.transport, dns.id, dns.query_name, dns.query_class, dns.query_type
    );
    for (word, set) in [
        ("truncated", dns.truncated),
        ("aa", dns.authoritative),
        ("rd", dns.recursion_desired),
        ("ra", dns.recursion_available),
        ("unasked", !dns.query_seen),
    ] {
        if set {
            write!(line, " {word}").unwrap();
        }
    }
    if dns.opcode != 0 {
        write!(line, " opcode {}", dns.opcode).unwrap();
    }
    if !dns.response_code.is_empty() {
        write!(line, " -> {}", dns.response_code).unwrap();
    }
    if let Some(time) = dns.response_time {
        write!(line, " in {time:?}").unwrap();
    }
    for answer in &dns.answers {
        let (name, kind) = (&answer.name, &answer.record_type);
        write!(line, "\n    {name} {} {kind} {}", answer.ttl, answer.data).unwrap();
    }
    line
}

fn http_line(http: &HttpTransaction) -> String {
    let mut line = format!(
        "http {} {} {} {} host={:?} agent={:?} referrer={:?} sent={}",
        http.depth,
        http.method,
        http.target,
        http.version,
        http.host,
        http.user_agent,
        http.referrer,
        http.request_body_bytes
    );
    write!(
        line,
        " -> {} {:?} server={:?} received={}",
        http.status, http.content_type, http.server, http.response_body_bytes
    )
    .unwrap();
    if let Some(time) = http.response_time {
        write!(line, " in {time:?}").unwrap();
    }
    if http.incomplete {
        line.push_str(" incomplete");
    }
    line
}

fn tls_line(tls: &TlsHandshake) -> String {
    let mut line = String::from("tls");
    if tls.client_hello_seen {
        write!(
            line,
            " {:?} offers {} {:?}",
            tls.server_name, tls.client_version, tls.client_alpn
        )
        .unwrap();
    }
    if tls.server_hello_seen {
        write!(
            line,
            " -> {} {} {:?}",
            tls.version, tls.cipher_suite, tls.server_alpn
        )
        .unwrap();
    }
    for (word, set) in [("resumed", tls.resumed), ("established", tls.established)] {
        if set {
            write!(line, " {word}").unwrap();
        }
    }
    if !tls.alert.is_empty() {
        write!(line, " alert {}", tls.alert).unwrap();
    }
    line
}

/// What befalls a sample before it is sent.
#[derive(Clone, Debug)]
struct Damage {
    /// Byte at a place, and its new value.
    edits: Vec<(prop::sample::Index, u8)>,
    /// Where it ends, if early.
    end: Option<prop::sample::Index>,
    /// Lengths of its segments, repeated.
    cuts: Vec<usize>,
    /// Segments that come early, twice, cut or not at all.
    order: Vec<(prop::sample::Index, u8)>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    (
        prop::collection::vec((place(), any::<u8>()), 0..6),
        prop::option::weighted(0.2, place()),
        prop::collection::vec(1usize..2_000, 1..8),
        prop::collection::vec((place(), 0u8..6), 0..4),
    )
        .prop_map(|(edits, end, cuts, order)| Damage {
            edits,
            end,
            cuts,
            order,
        })
}

impl Damage {
    fn apply(&self, sample: &[u8]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        if let Some(end) = &self.end {
            bytes.truncate(end.index(sample.len() + 1));
        }
        for (place, value) in &self.edits {
            if !bytes.is_empty() {
                let at = place.index(bytes.len());
                bytes[at] = *value;
            }
        }
        bytes
    }

    /// Place, length and bytes cut off of each segment, as they come.
    fn segments(&self, total: usize) -> Vec<(usize, usize, u32)> {
        let mut segments = Vec::new();
        let mut at = 0;
        for cut in self.cuts.iter().cycle() {
            if at == total {
                break;
            }
            let bytes = (*cut).min(total - at);
            segments.push((at, bytes, 0));
            at += bytes;
        }
        for (place, what) in self.order.iter().filter(|_| total > 0) {
            let last = segments.len() - 1;
            let which = place.index(segments.len());
            match what {
                0 => segments.swap(which, last),
                1 => segments.swap(which, 0),
                2 => segments.push(segments[which]),
                3 if last > 0 => drop(segments.remove(which)),
                4 => segments[which] = (segments[which].0, 0, 100),
                _ => segments[which].1 = segments[which].1.div_ceil(2),
            }
        }
        segments
    }
}

/// Sends damaged copies of a conversation as datagrams and as a stream, and asks for
/// no panic and for all that was held to be given back. proptest prints the seed
/// and the smallest damage that fails.
pub(super) fn survives_damage(server: u16, samples: &[(Direction, Vec<u8>)]) {
    proptest!(ProptestConfig::with_cases(512), |(damages in prop::collection::vec(damage(), 4))| {
        let mut lab = Lab::new();
        let datagrams = lab.flow(4_000, server);
        let stream = lab.flow(4_001, server);
        lab.handshake(stream);
        for ((from, sample), damage) in samples.iter().zip(damages.iter().cycle()) {
            let bytes = damage.apply(sample);
            lab.datagram(datagrams, *from, &bytes);
            let start = lab.flows[stream].next[side(*from)];
            for (at, length, missing) in damage.segments(bytes.len()) {
                let seq = start.wrapping_add(u32::try_from(at).unwrap());
                let flags = TcpFlags::default();
                let payload = &bytes[at..at + length];
                lab.segment(stream, *from, &Segment { seq, flags, payload, missing });
            }
            lab.lose(stream, *from, length(&bytes));
        }
        lab.fin(stream, CLIENT);
        lab.end(datagrams);
        lab.end(stream);
        prop_assert_eq!(lab.dissectors.held_bytes(), 0);
    });
}
