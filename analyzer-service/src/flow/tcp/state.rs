//! Zeek's states of a connection's ends, and what it makes of them at the end
//! (`conn_state`). Zeek gives a connection up after some seconds in some of them; here
//! only the idle timeout does that.

use super::Header;
use crate::{decode::Tcp, record::ConnState};

/// One end, as far as the capture shows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Endpoint {
    now: State,
    before: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing seen.
    #[default]
    Inactive,
    SynSent,
    /// A client that sent a SYN with ACK.
    SynAckSent,
    /// Joined in the middle.
    Partial,
    Established,
    /// Sent a FIN.
    Closed,
    Reset,
}

impl Endpoint {
    /// What a segment of this end makes of it and of its peer.
    pub(super) fn step(
        &mut self,
        peer: &mut Self,
        from_client: bool,
        header: Header,
        has_payload: bool,
    ) {
        let [syn, fin, rst, ack] =
            [Tcp::SYN, Tcp::FIN, Tcp::RST, Tcp::ACK].map(|flag| header.has(flag));
        match self.now {
            State::Inactive => {
                if syn {
                    self.open(peer, from_client, ack);
                }
                if fin {
                    self.enter(State::Closed);
                }
                if rst {
                    self.enter(State::Reset);
                }
                if self.now == State::Inactive {
                    self.join(peer, from_client, ack, has_payload);
                }
            }
            State::SynSent | State::SynAckSent => {
                if fin {
                    self.enter(State::Closed);
                }
                if rst {
                    self.enter(State::Reset);
                }
            }
            State::Partial | State::Established => {
                let was_guess = self.now == State::Partial && peer.now == State::Inactive;
                if syn && !ack && was_guess {
                    self.enter(State::SynSent);
                }
                if fin && !rst {
                    self.enter(State::Closed);
                    // Its peer's RST came behind its FIN: an ordinary end after all.
                    if (peer.now, peer.before) == (State::Reset, State::Closed) {
                        peer.enter(State::Closed);
                    }
                }
                if rst {
                    self.enter(State::Reset);
                }
            }
            State::Closed => {
                if rst && peer.now != State::Closed {
                    self.enter(State::Reset);
                }
            }
            State::Reset => {}
        }
    }

    fn open(&mut self, peer: &mut Self, from_client: bool, ack: bool) {
        match (from_client, ack) {
            (true, true) => self.enter(State::SynAckSent),
            (true, false) => self.enter(State::SynSent),
            (false, _) => {
                if peer.now == State::SynSent {
                    peer.enter(State::Established);
                }
                self.enter(State::Established);
            }
        }
    }

    /// The first segment of this end does not say what it is.
    fn join(&mut self, peer: &Self, from_client: bool, ack: bool, has_payload: bool) {
        // Some servers acknowledge a SYN before they answer it.
        let is_early_ack = !from_client && !has_payload && peer.now == State::SynSent;
        if is_early_ack {
            return;
        }
        // Its SYN is not in the capture, the answer is.
        let is_answered = ack && peer.now == State::Established;
        self.enter(match is_answered {
            true => State::Established,
            false => State::Partial,
        });
    }

    fn enter(&mut self, state: State) {
        if state != self.now {
            self.before = self.now;
            self.now = state;
        }
    }

    fn is_unopened(self) -> bool {
        matches!(self.now, State::Inactive | State::Partial)
    }
}

/// Zeek's `conn_state`.
pub(super) fn conn_state(client: Endpoint, server: Endpoint, has_payload: bool) -> ConnState {
    match (client.now, server.now) {
        (State::SynSent | State::SynAckSent, State::Reset) => ConnState::Rej,
        (State::Reset, State::Reset) if !has_payload => ConnState::Rej,
        (_, State::Reset) if client.is_unopened() => ConnState::Rstrh,
        (_, State::Reset) => ConnState::Rstr,
        (State::Reset, _) if server.is_unopened() => ConnState::Rstos0,
        (State::Reset, _) => ConnState::Rsto,
        (State::Closed, State::Closed) => ConnState::Sf,
        (State::Closed, _) if server.is_unopened() => ConnState::Sh,
        (State::Closed, _) => ConnState::S2,
        (_, State::Closed) if client.is_unopened() => ConnState::Shr,
        (_, State::Closed) => ConnState::S3,
        (State::SynSent, State::Inactive) => ConnState::S0,
        (State::Established, State::Established) => ConnState::S1,
        (
            State::Inactive
            | State::SynSent
            | State::SynAckSent
            | State::Partial
            | State::Established,
            State::Inactive
            | State::SynSent
            | State::SynAckSent
            | State::Partial
            | State::Established,
        ) => ConnState::Oth,
    }
}
