//! Strings in HPACK's Huffman code (RFC 7541, 5.2).

use super::tables::CODE_BITS;

const BITS_MAX: usize = 30;

/// Of the codes of each length: the first one, how many there are, and where their symbols
/// begin in [`SYMBOLS`].
const LENGTHS: [(u32, u32, usize); BITS_MAX + 1] = lengths();

/// In the order of their codes.
const SYMBOLS: [u16; CODE_BITS.len()] = symbols();

/// No byte: the end of a string.
const END: u16 = 256;

/// RFC 7541, 5.2: padding is shorter than a byte, and all ones.
const PADDING_BITS_MAX: u32 = 7;

/// None when it is no such string.
pub(super) fn decode(data: &[u8]) -> Option<Vec<u8>> {
    // The shortest code has 5 bits.
    let mut out = Vec::with_capacity(data.len() * 8 / 5);
    let (mut code, mut bits) = (0u32, 0usize);
    for byte in data {
        for at in (0..8).rev() {
            code = code << 1 | u32::from(byte >> at & 1);
            bits += 1;
            let (first, count, place) = *LENGTHS.get(bits)?;
            let Some(nth) = code.checked_sub(first).filter(|nth| *nth < count) else {
                continue;
            };
            let symbol = SYMBOLS.get(place + usize::try_from(nth).ok()?)?;
            out.push(u8::try_from(*symbol).ok().filter(|_| *symbol != END)?);
            (code, bits) = (0, 0);
        }
    }
    let bits = u32::try_from(bits).ok()?;
    let ones = (1u32 << bits.min(PADDING_BITS_MAX)) - 1;
    (bits <= PADDING_BITS_MAX && code == ones).then_some(out)
}

const fn lengths() -> [(u32, u32, usize); BITS_MAX + 1] {
    let mut lengths = [(0, 0, 0); BITS_MAX + 1];
    let (mut code, mut place, mut bits) = (0u32, 0, 1);
    while bits <= BITS_MAX {
        code <<= 1;
        let (first, begin) = (code, place);
        let mut symbol = 0;
        while symbol < CODE_BITS.len() {
            if CODE_BITS[symbol] as usize == bits {
                code += 1;
                place += 1;
            }
            symbol += 1;
        }
        lengths[bits] = (first, code - first, begin);
        bits += 1;
    }
    lengths
}

const fn symbols() -> [u16; CODE_BITS.len()] {
    let mut symbols = [0; CODE_BITS.len()];
    let (mut place, mut bits) = (0, 1);
    while bits <= BITS_MAX {
        let mut symbol = 0u16;
        while (symbol as usize) < CODE_BITS.len() {
            if CODE_BITS[symbol as usize] as usize == bits {
                symbols[place] = symbol;
                place += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    symbols
}
