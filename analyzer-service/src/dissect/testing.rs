//! Conversations for tests: bytes in, one line a record out.

mod damage;
mod lines;

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
};

pub(super) use damage::survives_damage;
use lines::line;

use super::{AppSlot, Context, Direction, Dissectors, Output, Segment, TcpFlags};
use crate::record::{Endpoint, FlowRef, KindSet, Record, Time};

/// Some flows of one capture; a packet each millisecond.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) dissectors: Dissectors,
    pub(super) out: Output,
    /// All that went out, rendered.
    pub(super) log: String,
    /// The same records.
    pub(super) kept: Vec<Record>,
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
            kept: Vec::new(),
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
        self.packet(flow, from, |dissectors, slot, context, out| {
            dissectors.datagram(slot, context, payload, out)
        });
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
            self.segment(flow, from, &bare(seq, flags));
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
        let segment = Segment {
            payload,
            missing,
            ..bare(seq, TcpFlags::default())
        };
        self.segment(flow, from, &segment);
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
        self.segment(flow, from, &bare(seq, flags));
    }

    pub(super) fn segment(&mut self, flow: usize, from: Direction, segment: &Segment<'_>) {
        self.packet(flow, from, |dissectors, slot, context, out| {
            dissectors.segment(slot, context, segment, out)
        });
    }

    /// The flow and, with the last one, the capture end.
    pub(super) fn end(&mut self, flow: usize) {
        // At its latest packet.
        self.packets = self.packets.saturating_sub(1);
        self.packet(flow, CLIENT, |dissectors, slot, context, out| {
            dissectors.end(slot, context, out);
            None
        });
        let services = self.dissectors.services(&self.flows[flow].slot);
        writeln!(self.log, "end of flow {}: {services:?}", flow + 1).unwrap();
        if flow + 1 == self.flows.len() {
            self.dissectors.finish(&mut self.out);
            self.render(None);
        }
    }

    /// Shows the dissectors the next packet of a flow.
    fn packet(
        &mut self,
        flow: usize,
        direction: Direction,
        show: impl FnOnce(
            &mut Dissectors,
            &mut AppSlot,
            &Context<'_>,
            &mut Output,
        ) -> Option<&'static str>,
    ) {
        self.packets += 1;
        let Talk { flow, slot, .. } = &mut self.flows[flow];
        let context = Context {
            time: Time(i128::from(self.packets) * 1_000_000),
            packet_number: self.packets,
            flow,
            direction,
        };
        let name = show(&mut self.dissectors, slot, &context, &mut self.out);
        self.render(name);
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
            self.kept.push(record);
        }
    }
}

/// Without payload.
fn bare(seq: u32, flags: TcpFlags) -> Segment<'static> {
    Segment {
        seq,
        flags,
        payload: &[],
        missing: 0,
    }
}

fn side(from: Direction) -> usize {
    usize::from(from == SERVER)
}

fn length(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).unwrap()
}
