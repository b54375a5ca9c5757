//! Logins that anybody on the way can read.

use super::{Evidence, Subject};
use crate::{dissect::Exposed, record::Severity};

/// The secret itself is in nothing that a dissector tells, so it can't be here.
pub(super) fn evidence(exposed: Exposed) -> Evidence {
    let Exposed {
        flow,
        packet_number,
        protocol,
        user,
    } = exposed;
    let message = match user.is_empty() {
        true => format!("a {protocol} password is sent in clear"),
        false => format!("the {protocol} password of {user} is sent in clear"),
    };
    let (client, server) = (flow.client.address, flow.server.address);
    Evidence {
        subject: Subject {
            code: "cleartext-credentials",
            source: Some(client),
            target: Some(server),
            about: message.clone(),
        },
        severity: Severity::Warning,
        message: message.into(),
        source: Some(client),
        target: Some(server),
        target_port: flow.server.port,
        count: 1,
        first_packet: packet_number,
        flow_ids: vec![flow.flow_id],
    }
}
