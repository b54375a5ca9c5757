//! MQTT versions 3.1 to 5 (OASIS).

use crate::dissect::{Registration, Transport};

pub(super) const REGISTRATION: Registration =
    Registration::named("mqtt", Transport::Tcp, &[1883], begins, begins);

const CONNECT: u8 = 0x10;

/// Bytes of the remaining length, at most.
const LENGTH_BYTES_MAX: usize = 4;

/// A client's first packet: it names the protocol.
fn begins(data: &[u8]) -> bool {
    let Some((&CONNECT, rest)) = data.split_first() else {
        return false;
    };
    let Some(last) = rest.iter().position(|byte| byte & 0x80 == 0) else {
        return false;
    };
    let name = &rest[last + 1..];
    last < LENGTH_BYTES_MAX
        && (name.starts_with(b"\0\x04MQTT") || name.starts_with(b"\0\x06MQIsdp"))
}
