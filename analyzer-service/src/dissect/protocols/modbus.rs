//! Modbus over TCP (Modbus Messaging on TCP/IP, 3.1.3).

use crate::dissect::{Registration, Transport};

pub(super) const REGISTRATION: Registration =
    Registration::named("modbus", Transport::Tcp, &[502], begins, begins);

/// Of the header, up to the length; the unit counts with what follows.
const LENGTH_END: usize = 6;

/// One whole message with a public function, or an exception to one.
fn begins(data: &[u8]) -> bool {
    let Some(([_, _, 0, 0, high, low, _, function], _)) = data.split_first_chunk() else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    // Functions 1 to 8, 11, 12, 15 to 17, 20 to 24, 43.
    let is_public = matches!(function & 0x7f, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43);
    length == data.len() - LENGTH_END && is_public
}
