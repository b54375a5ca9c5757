//! DHCP for IPv4 (RFC 2131). The messages of one exchange are in different flows, since a
//! client has no address yet: one instance sees the whole capture and tells exchanges
//! apart by transaction id and hardware address.

mod message;

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
    time::Duration,
};

use ahash::RandomState;
use message::{Message, kind_name};

use crate::{
    dissect::{
        Begins, Context, Dissector, Malformed, Origin, Output, Reads, Registration, Scope, Taken,
        Transport, Verdict,
    },
    record::{Body, DhcpExchange, Kind, Time},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "dhcp",
    kind: Kind::Dhcp,
    transport: Transport::Udp,
    ports: &[],
    begins: Begins::First(message::begins),
    scope: Scope::Capture,
    reads: Reads::With(|| Box::new(Dhcp::default())),
};

/// Exchanges of the whole capture that wait for their last message.
const EXCHANGES_MAX: usize = 1_024;

/// Nothing is added to an exchange that was silent for longer: clients ask again for 64
/// seconds (RFC 2131, 4.1).
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Messages of one exchange, kept. A usual one has four.
const MESSAGES_MAX: usize = 32;

const OFFER: u8 = 2;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const RELEASE: u8 = 7;

#[derive(Debug, Default)]
struct Dhcp {
    /// Its hash is keyed: both parts of the key come from attackers. Nothing depends on
    /// its order.
    exchanges: HashMap<Key, Exchange, RandomState>,
    /// By their latest message; an entry whose number is not its exchange's is stale.
    by_age: VecDeque<(Key, u64)>,
    n_messages: u64,
    held_bytes: usize,
}

type Key = (u32, Vec<u8>);

#[derive(Debug)]
struct Exchange {
    record: DhcpExchange,
    /// The flow of its first message, the time of its latest.
    origin: Origin,
    number: u64,
    cost: usize,
}

const MALFORMED: Malformed = Malformed {
    code: "malformed-dhcp",
    message: "option cut or of a wrong length",
};

impl Dissector for Dhcp {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let message = Message::parse(data);
        let verdict = match &message {
            Some(_) => Verdict::Mine,
            None => Verdict::NotMine,
        };
        if let Some(message) = message {
            if message.is_broken {
                out.malformed.push(MALFORMED);
            }
            self.expire(context.time, out);
            // BOOTP without a type is no DHCP exchange.
            if message.kind != 0 {
                self.message(context, message, out);
            }
        }
        Taken {
            bytes: data.len(),
            need: 0,
            verdict,
        }
    }

    fn gap(&mut self, _context: &Context<'_>, _missing: u64, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn closed(&mut self, _context: &Context<'_>, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn end(&mut self, out: &mut Output) {
        while let Some((key, number)) = self.by_age.pop_front() {
            self.emit(&key, number, out);
        }
    }
}

impl Dhcp {
    fn message(&mut self, context: &Context<'_>, message: Message, out: &mut Output) {
        let key = (message.transaction, message.hardware.clone());
        let kind = message.kind;
        self.n_messages += 1;
        let number = self.n_messages;
        let exchange = self.exchanges.entry(key.clone());
        let exchange = exchange.or_insert_with(|| Exchange::new(context, &message.hardware));
        let before = exchange.cost;
        exchange.origin.time = context.time;
        exchange.origin.packet_number = context.packet_number;
        if exchange.add(message) {
            exchange.number = number;
            self.by_age.push_back((key.clone(), number));
        }
        let (number, cost) = (exchange.number, exchange.cost);
        self.held_bytes = self.held_bytes + cost - before;
        out.waiting.give_back(before);
        out.waiting.take(cost);
        if matches!(kind, ACK | NAK | DECLINE | RELEASE) {
            self.emit(&key, number, out);
        }
        while self.exchanges.len() > EXCHANGES_MAX
            || !self.exchanges.is_empty()
                && !out.waiting.is_fair(self.exchanges.len(), self.held_bytes)
        {
            let Some((oldest, number)) = self.by_age.pop_front() else {
                return;
            };
            out.dropped_transactions += u64::from(self.emit(&oldest, number, out));
        }
    }

    /// Those that were silent for too long at `now` go out.
    fn expire(&mut self, now: Time, out: &mut Output) {
        while let Some((key, number)) = self.by_age.front() {
            let exchange = self.exchanges.get(key);
            let waits = exchange.is_some_and(|exchange| {
                exchange.number == *number && now.since(exchange.origin.time) <= SILENCE_MAX
            });
            if waits {
                return;
            }
            if let Some((key, number)) = self.by_age.pop_front() {
                self.emit(&key, number, out);
            }
        }
    }

    /// Unless the entry is stale.
    fn emit(&mut self, key: &Key, number: u64, out: &mut Output) -> bool {
        let exchange = self.exchanges.get(key);
        if exchange.is_none_or(|exchange| exchange.number != number) {
            return false;
        }
        if let Some(exchange) = self.exchanges.remove(key) {
            self.held_bytes -= exchange.cost;
            out.waiting.give_back(exchange.cost);
            out.emit_at(&exchange.origin, Body::Dhcp(Box::new(exchange.record)));
        }
        true
    }
}

impl Exchange {
    fn new(context: &Context<'_>, hardware: &[u8]) -> Self {
        let mut client_mac = String::new();
        for (n, byte) in hardware.iter().enumerate() {
            let between = if n > 0 { ":" } else { "" };
            // Writing to a string cannot fail.
            write!(client_mac, "{between}{byte:02x}").unwrap_or_default();
        }
        Self {
            record: DhcpExchange {
                client_mac,
                ..DhcpExchange::default()
            },
            origin: Origin::of(context),
            number: 0,
            cost: 0,
        }
    }

    /// Answers whether it is one more that counts.
    fn add(&mut self, message: Message) -> bool {
        let record = &mut self.record;
        let is_more = record.message_types.len() < MESSAGES_MAX;
        if is_more {
            record.message_types.push(kind_name(message.kind));
        }
        if !message.host_name.is_empty() {
            record.host_name = message.host_name;
        }
        record.requested_address = message.requested.or(record.requested_address);
        // A client's request names the server too, with nothing given yet.
        record.server_address = message.server.or(record.server_address);
        if matches!(message.kind, OFFER | ACK) {
            record.assigned_address = message.assigned.or(record.assigned_address);
            record.lease_time = message.lease.or(record.lease_time);
        }
        if message.kind == NAK {
            record.assigned_address = None;
            record.lease_time = None;
        }
        let texts = record.host_name.len() + 2 * record.client_mac.len();
        let places = MESSAGES_MAX * (size_of::<String>() + size_of::<(Key, u64)>() + 16);
        self.cost = size_of::<Self>() + size_of::<Key>() + texts + places;
        is_more
    }
}

#[cfg(test)]
mod tests;
