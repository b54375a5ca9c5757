//! Whose flow a packet is: its tuple, and who is the client.

use super::{fragments::Head, key::Tuple};
use crate::{
    decode::{Ip, Ports},
    record::{Endpoint, IcmpKind},
};

/// Who is who in a flow, settled by its first packet.
pub(super) struct Roles {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) client_is_lower: bool,
    pub(super) midstream: bool,
}

/// What the flow of a packet goes by: its own ports and protocol, or its first fragment's.
pub(super) fn tuple(ip: &Ip<'_>, head: Head, protocol: u8) -> (Tuple, Option<IcmpKind>) {
    let with = |ports| Tuple::with_ports(ip.source, ip.target, protocol, ports);
    match head {
        Head::Ports(ports) => (with(ports), None),
        Head::Icmp(kind) => {
            let tuple = Tuple::icmp(ip.source, ip.target, protocol, kind);
            (tuple, Some(kind))
        }
        Head::None => (with(Ports::default()), None),
    }
}

/// The client is the sender of a SYN; the receiver of a SYN+ACK that comes first; else
/// the peer of the one well-known port; else the first sender.
pub(super) fn roles(tuple: &Tuple, from_lower: bool, syn: (bool, bool)) -> Roles {
    let from_server = match syn {
        (true, with_ack) => with_ack,
        (false, _) => tuple.is_from_server(),
    };
    let (source, target) = tuple.ends();
    let (client, server) = if from_server {
        (target, source)
    } else {
        (source, target)
    };
    Roles {
        client,
        server,
        client_is_lower: from_lower != from_server,
        midstream: tuple.is_tcp() && syn != (true, false),
    }
}
