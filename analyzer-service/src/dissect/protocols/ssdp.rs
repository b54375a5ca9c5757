//! SSDP (UPnP Device Architecture 2.0, 1): HTTP/1 heads in datagrams. Each is a
//! transaction of its own: who answers a search does so from another flow, and
//! nobody answers a notification.

use super::http::{Request, Response};
use crate::{
    dissect::{
        Begins, Context, Dissector, Output, Reads, Registration, Scope, Taken, Transport, Verdict,
    },
    record::{Body, HttpTransaction, Kind},
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "ssdp",
    kind: Kind::Http,
    transport: Transport::Udp,
    ports: &[1900],
    begins: Begins::Anyhow,
    scope: Scope::Flow,
    reads: Reads::With(|| Box::new(Ssdp { messages: 0 })),
};

#[derive(Debug)]
struct Ssdp {
    messages: u32,
}

impl Dissector for Ssdp {
    fn data(&mut self, context: &Context<'_>, data: &[u8], out: &mut Output) -> Taken {
        let head = Request::parse(data).map(Request::into_record);
        let head = head.or_else(|| Response::parse(data).map(Response::into_record));
        if let Some(record) = head {
            self.messages = self.messages.saturating_add(1);
            let record = HttpTransaction {
                depth: self.messages,
                ..record
            };
            out.emit(context, Body::Http(Box::new(record)));
        }
        Taken {
            bytes: data.len(),
            need: 0,
            verdict: match self.messages {
                0 => Verdict::NotMine,
                _ => Verdict::Mine,
            },
        }
    }

    fn gap(&mut self, _context: &Context<'_>, _missing: u64, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn closed(&mut self, _context: &Context<'_>, _out: &mut Output) -> Verdict {
        Verdict::Mine
    }

    fn end(&mut self, _out: &mut Output) {}
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::dissect::testing::{CLIENT, Lab, SERVER, survives_damage};

    const SEARCH: &str = "M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nMX: 1\r\n\r\n";
    const FOUND: &str = "HTTP/1.1 200 OK\r\nServer: lamp\r\nST: ssdp:all\r\n\r\n";

    #[test]
    fn each_datagram_is_a_transaction() {
        let mut lab = Lab::new();
        let flow = lab.flow(4_000, 1900);
        lab.datagram(flow, CLIENT, SEARCH.as_bytes());
        lab.datagram(flow, SERVER, FOUND.as_bytes());
        lab.end(flow);
        expect![[r#"
            #1 is ssdp
            #1 flow 1: http 1 M-SEARCH * HTTP/1.1 host="239.255.255.250:1900" agent="" referrer="" sent=0 -> 0 "" server="" received=0
            #2 is ssdp
            #2 flow 1: http 2   HTTP/1.1 host="" agent="" referrer="" sent=0 -> 200 "" server="lamp" received=0
            end of flow 1: ["ssdp"]
        "#]]
        .assert_eq(&lab.log);
    }

    #[test]
    fn other_datagrams_on_its_port_are_left_alone() {
        let mut lab = Lab::new();
        let flow = lab.flow(4_000, 1900);
        lab.datagram(flow, CLIENT, b"\0\x01");
        lab.end(flow);
        assert_eq!(lab.log, "end of flow 1: []\n");
    }

    #[test]
    fn damaged_messages_do_no_harm() {
        survives_damage(1900, &[(CLIENT, SEARCH.into()), (SERVER, FOUND.into())]);
    }
}
