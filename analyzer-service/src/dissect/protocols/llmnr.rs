//! Link-Local Multicast Name Resolution (RFC 4795): asked by multicast, answered
//! by unicast and so in another flow. One instance sees the whole capture.

use std::time::Duration;

use super::dns::{Datagrams, Match, Transactions};
use crate::{
    dissect::{Begins, Reads, Registration, Scope, Transport},
    record::Kind,
};

pub(super) const REGISTRATION: Registration = Registration {
    name: "llmnr",
    kind: Kind::Dns,
    transport: Transport::Udp,
    ports: &[5355],
    begins: Begins::Anyhow,
    scope: Scope::Capture,
    reads: Reads::With(|| {
        Box::new(Datagrams {
            transactions: Transactions::new("llmnr", Match::Asker, QUERIES_MAX),
            answer_time_max: Some(ANSWER_TIME_MAX),
            read: Transactions::message,
        })
    }),
};

/// Questions of the whole capture that wait for an answer.
const QUERIES_MAX: usize = 1_024;

/// RFC 4795, 7: askers give up after three times a second at most.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
