//! Options behind what is fixed in a pcapng block (draft-ietf-opsawg-pcapng, 3.5).

use super::blocks::BlockType;

/// Code and length.
const OPTION_HEADER_BYTES: usize = 4;
const END_OF_OPTIONS: u16 = 0;

/// Whether all options fit a block of this type whose body this is. Blocks that are not
/// read are not looked into.
pub(super) fn fit(block_type: BlockType, body: &[u8], big_endian: bool) -> bool {
    let n_fixed = match block_type {
        BlockType::SECTION => 16,
        BlockType::INTERFACE => 8,
        BlockType::PACKET | BlockType::ENHANCED => {
            padded(u32_at(body, 12, big_endian)).saturating_add(20)
        }
        _ => return true,
    };
    let mut options = body.get(n_fixed..).unwrap_or_default();
    // Ends: every round takes at least a header off.
    while let Some((header, rest)) = options.split_first_chunk::<OPTION_HEADER_BYTES>() {
        let (code, length) = ([header[0], header[1]], [header[2], header[3]]);
        let number = |bytes| match big_endian {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        };
        if number(code) == END_OF_OPTIONS {
            return true;
        }
        let Some(behind) = rest.get(padded(u32::from(number(length)))..) else {
            return false;
        };
        options = behind;
    }
    true
}

/// To the next multiple of four; a length that has none is beyond any block.
fn padded(length: u32) -> usize {
    let length = usize::try_from(length).ok();
    let padded = length.and_then(|length| length.checked_next_multiple_of(4));
    padded.unwrap_or(usize::MAX)
}

/// Zero outside of the body, which is too short then and refused for that.
fn u32_at(body: &[u8], at: usize, big_endian: bool) -> u32 {
    match body.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) if big_endian => u32::from_be_bytes(*bytes),
        Some(bytes) => u32::from_le_bytes(*bytes),
        None => 0,
    }
}
