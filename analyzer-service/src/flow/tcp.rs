//! What the headers of a TCP connection tell: its state and history as Zeek has them,
//! the time of its handshake, and what was sent again, out of order or not at all.
//! `docs/tcp.md` has the definitions.

mod history;
mod sequence;
mod state;

use std::time::Duration;

use self::{
    history::{History, Marks},
    sequence::{Segment, Sequence},
    state::{Endpoint, conn_state},
};
use crate::{
    decode::Tcp,
    dissect::Direction,
    record::{TcpSide, TcpStats, Time},
};

/// Both sides of one connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    client: Half,
    server: Half,
    history: History,
    handshake: Handshake,
    /// There was a segment.
    begun: bool,
    /// What the records of the pieces before told: client, server.
    told: Option<Box<[Counts; 2]>>,
}

/// What the allocator gives for anything above 160.
const _: () = assert!(size_of::<Connection>() <= 192);

/// What one side sent.
#[derive(Debug, Default)]
struct Half {
    endpoint: Endpoint,
    sequence: Sequence,
    marks: Marks,
    /// The window that it told last is zero.
    has_no_room: bool,
    has_payload: bool,
    /// Of most sides there is nothing to count here.
    odd: Option<Box<Odd>>,
}

const _: () = assert!(size_of::<Half>() <= 64);

/// What one side sent that is not as it should be.
#[derive(Clone, Copy, Debug, Default)]
struct Odd {
    data_retransmissions: u32,
    /// A SYN or FIN alone.
    control_retransmissions: u32,
    out_of_order: u32,
    zero_windows: u32,
    bad_checksums: u32,
    gaps: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    retransmissions: u64,
    out_of_order: u64,
    zero_windows: u64,
    missed_bytes: u64,
}

/// Times in nanoseconds since 1970. Those that 64 bits do not hold (before 1678, behind
/// 2262) begin none.
#[derive(Clone, Copy, Debug, Default)]
enum Handshake {
    #[default]
    None,
    Syn(i64),
    SynAck(i64),
    Done(Duration),
}

/// A segment of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) flags: u16,
    /// On the wire.
    pub(super) payload_bytes: u32,
    pub(super) has_bad_checksum: bool,
}

impl Header {
    fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Neither opens nor ends anything.
    fn is_plain(self) -> bool {
        !self.has(Tcp::SYN) && !self.has(Tcp::FIN) && !self.has(Tcp::RST)
    }
}

impl Connection {
    /// The next segment, in the order of the capture.
    pub(super) fn segment(&mut self, header: Header, direction: Direction, time: Time) {
        let from_client = direction == Direction::ToServer;
        let history = &mut self.history;
        let (own, peer) = match direction {
            Direction::ToServer => (&mut self.client, &mut self.server),
            Direction::ToClient => (&mut self.server, &mut self.client),
        };
        if !self.begun && !from_client {
            history.push_flipped();
        }
        self.begun = true;
        // In the order in which Zeek looks at a packet.
        if header.has_bad_checksum {
            history.push_scaled(b'C', from_client, &mut own.odd().bad_checksums);
        }
        own.marks.flags(header, from_client, history);
        let has_no_room = header.window == 0;
        let no_room_before = peer.has_no_room;
        if has_no_room && header.is_plain() {
            history.push_scaled(b'W', from_client, &mut own.odd().zero_windows);
        }
        own.has_no_room = has_no_room && !header.has(Tcp::RST);
        if !header.has(Tcp::RST) {
            own.sent(header, from_client, no_room_before, history);
        }
        let has_payload = header.payload_bytes > 0;
        own.has_payload |= has_payload;
        let (endpoint, other) = (&mut own.endpoint, &mut peer.endpoint);
        endpoint.step(other, from_client, header, has_payload);
        if header.has(Tcp::ACK) && !header.has(Tcp::RST) {
            if header.has(Tcp::SYN) {
                peer.sequence.begin_at(header.ack);
            }
            for _ in 0..peer.sequence.acknowledge(header.ack) {
                history.push_scaled(b'G', !from_client, &mut peer.odd().gaps);
            }
        }
        self.handshake = self.handshake.next(header, from_client, time);
    }

    /// Of the whole connection: state, history and handshake. What is counted, and the
    /// flags: of the piece since the last [`cut`](Self::cut).
    pub(super) fn stats(&self, client_flags: u16, server_flags: u16) -> TcpStats {
        let [client, server] = match &self.told {
            Some(told) => **told,
            None => [Counts::default(); 2],
        };
        let has_payload = self.client.has_payload || self.server.has_payload;
        TcpStats {
            state: conn_state(self.client.endpoint, self.server.endpoint, has_payload),
            history: self.history.text(),
            handshake_rtt: match self.handshake {
                Handshake::Done(rtt) => Some(rtt),
                Handshake::None | Handshake::Syn(_) | Handshake::SynAck(_) => None,
            },
            client: self.client.side(client_flags, client),
            server: self.server.side(server_flags, server),
        }
    }

    /// A piece is told: the next one counts from here.
    pub(super) fn cut(&mut self) {
        self.told = Some(Box::new([self.client.counts(), self.server.counts()]));
    }
}

impl Half {
    /// A segment that is no reset, in the sequence space.
    fn sent(
        &mut self,
        header: Header,
        from_client: bool,
        peer_has_no_room: bool,
        history: &mut History,
    ) {
        let flags = u32::from(header.has(Tcp::SYN)) + u32::from(header.has(Tcp::FIN));
        let seen = self.sequence.segment(Segment {
            seq: header.seq,
            length: header.payload_bytes.saturating_add(flags),
            has_syn: header.has(Tcp::SYN),
            is_plain: header.is_plain(),
            peer_has_no_room,
        });
        if seen.is_late {
            let out_of_order = &mut self.odd().out_of_order;
            *out_of_order = out_of_order.saturating_add(1);
        }
        if seen.is_repeated && header.payload_bytes > 0 {
            history.push_scaled(b'T', from_client, &mut self.odd().data_retransmissions);
        } else if seen.is_repeated {
            let retransmissions = &mut self.odd().control_retransmissions;
            *retransmissions = retransmissions.saturating_add(1);
        }
    }

    #[cold]
    fn odd(&mut self) -> &mut Odd {
        self.odd.get_or_insert_default()
    }

    fn counts(&self) -> Counts {
        let odd = self.odd.as_deref().copied().unwrap_or_default();
        Counts {
            retransmissions: u64::from(odd.data_retransmissions)
                + u64::from(odd.control_retransmissions),
            out_of_order: odd.out_of_order.into(),
            zero_windows: odd.zero_windows.into(),
            missed_bytes: self.sequence.missed_bytes(),
        }
    }

    fn side(&self, flags: u16, told: Counts) -> TcpSide {
        let all = self.counts();
        TcpSide {
            flags,
            retransmissions: all.retransmissions - told.retransmissions,
            out_of_order: all.out_of_order - told.out_of_order,
            zero_windows: all.zero_windows - told.zero_windows,
            // What was missing at the cut may have come since.
            missed_bytes: all.missed_bytes.saturating_sub(told.missed_bytes),
        }
    }
}

impl Handshake {
    /// From the client's latest SYN, over a SYN with ACK, to the client's next ACK.
    fn next(self, header: Header, from_client: bool, time: Time) -> Self {
        let (syn, ack) = (header.has(Tcp::SYN), header.has(Tcp::ACK));
        if header.has(Tcp::RST) || !syn && !matches!(self, Self::SynAck(_)) {
            return self;
        }
        let Ok(now) = i64::try_from(time.0) else {
            return self;
        };
        match (self, from_client, syn, ack) {
            (Self::None | Self::Syn(_), true, true, false) => Self::Syn(now),
            (Self::SynAck(_), true, true, false) => Self::SynAck(now),
            (Self::Syn(begun), false, true, true) => Self::SynAck(begun),
            (Self::SynAck(begun), true, false, true) => Self::Done(time.since(Time(begun.into()))),
            (other, ..) => other,
        }
    }
}

#[cfg(test)]
mod tests;
