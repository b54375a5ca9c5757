//! Frames that an Initial packet may have (RFC 9000, 12.4 and 19).

use super::packet::varint;

const PADDING: u64 = 0;
const PING: u64 = 1;
const ACK: u64 = 2;
const ACK_ECN: u64 = 3;
const CRYPTO: u64 = 6;
const CONNECTION_CLOSE: u64 = 0x1c;

/// Shows the data of each CRYPTO frame with its offset. None when one is cut or is not
/// allowed here; those before it were shown.
pub(super) fn frames(mut rest: &[u8], mut show: impl FnMut(u64, &[u8])) -> Option<()> {
    while !rest.is_empty() {
        let (kind, behind) = varint(rest)?;
        rest = match kind {
            PADDING => {
                let data = behind.iter().position(|byte| *byte != 0);
                &behind[data.unwrap_or(behind.len())..]
            }
            PING => behind,
            ACK | ACK_ECN => ack(behind, kind == ACK_ECN)?,
            CRYPTO => {
                let (offset, behind) = varint(behind)?;
                let (data, behind) = sized(behind)?;
                show(offset, data);
                behind
            }
            CONNECTION_CLOSE => {
                let (_, behind) = varint(behind)?;
                let (_, behind) = varint(behind)?;
                sized(behind)?.1
            }
            _ => return None,
        };
    }
    Some(())
}

/// Behind an acknowledgement.
fn ack(data: &[u8], ecn: bool) -> Option<&[u8]> {
    let (_largest, rest) = varint(data)?;
    let (_delay, rest) = varint(rest)?;
    let (ranges, rest) = varint(rest)?;
    let (_first, mut rest) = varint(rest)?;
    let counts = if ecn { 3 } else { 0 };
    // Ends with the data, however many it says there are.
    for _ in 0..ranges.checked_mul(2)?.checked_add(counts)? {
        rest = varint(rest)?.1;
    }
    Some(rest)
}

fn sized(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(data)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}
