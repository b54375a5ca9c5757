//! Strings in HPACK's Huffman code (RFC 7541, 5.2).

use super::tables::CODE_BITS;

const BITS_MAX: usize = 30;

/// Of the codes of each length: the first one, how many there are, and where their symbols
/// begin in [`SYMBOLS`].
const LENGTHS: [(u32, u32, usize); BITS_MAX + 1] = lengths();

/// In the order of their codes.
const SYMBOLS: [u16; CODE_BITS.len()] = symbols();

/// RFC 7541, 5.2: padding is shorter than a byte, and all ones.
const PADDING_BITS_MAX: usize = 7;

/// Bits looked up at once: letters, digits and what else is usual have codes of 5 to 8.
const SHORT_BITS: usize = 8;

/// Symbol and length of the code that so many bits begin with; no length when it is longer.
const SHORT: [(u8, u8); 1 << SHORT_BITS] = short();

/// None when it is no such string.
pub(super) fn decode(data: &[u8]) -> Option<Vec<u8>> {
    // The shortest code has 5 bits.
    let mut out = Vec::with_capacity(data.len() * 8 / 5);
    let mut bits = Bits {
        data,
        loaded: 0,
        n_loaded: 0,
    };
    loop {
        bits.load();
        let (symbol, length) = SHORT[usize::from(bits.front())];
        let length = usize::from(length);
        if length != 0 && length <= bits.n_loaded {
            out.push(symbol);
            bits.n_loaded -= length;
        } else if let Some((symbol, length)) = bits.long() {
            out.push(symbol);
            bits.n_loaded -= length;
        } else {
            return bits.is_padding().then_some(out);
        }
    }
}

/// What is left of a string.
struct Bits<'a> {
    data: &'a [u8],
    /// The lower ones of these come next.
    loaded: u64,
    n_loaded: usize,
}

impl Bits<'_> {
    /// As many as the longest code has, if there are.
    fn load(&mut self) {
        while self.n_loaded < BITS_MAX
            && let Some((byte, rest)) = self.data.split_first()
        {
            self.loaded = self.loaded << 8 | u64::from(*byte);
            self.n_loaded += 8;
            self.data = rest;
        }
    }

    /// The next ones; behind the last one, ones.
    fn front(&self) -> u8 {
        let [.., byte] = match self.n_loaded.checked_sub(SHORT_BITS) {
            Some(behind) => self.loaded >> behind,
            None => !(!self.loaded << (SHORT_BITS - self.n_loaded)),
        }
        .to_be_bytes();
        byte
    }

    /// Symbol and length of a code that is not among the short ones.
    fn long(&self) -> Option<(u8, usize)> {
        for length in SHORT_BITS + 1..=BITS_MAX.min(self.n_loaded) {
            let code = self.loaded >> (self.n_loaded - length) & ((1 << length) - 1);
            let (first, count, place) = *LENGTHS.get(length)?;
            let nth = u32::try_from(code).ok()?.checked_sub(first);
            if let Some(nth) = nth.filter(|nth| *nth < count) {
                let symbol = *SYMBOLS.get(place + usize::try_from(nth).ok()?)?;
                // No byte: the end of a string, which is in none.
                return Some((u8::try_from(symbol).ok()?, length));
            }
        }
        None
    }

    /// All are loaded, and there is no code in them.
    fn is_padding(&self) -> bool {
        let ones = (1u64 << self.n_loaded.min(PADDING_BITS_MAX)) - 1;
        self.n_loaded <= PADDING_BITS_MAX && self.loaded & ones == ones
    }
}

const fn short() -> [(u8, u8); 1 << SHORT_BITS] {
    let mut short = [(0, 0); 1 << SHORT_BITS];
    let mut bits = 1_u8;
    while bits as usize <= SHORT_BITS {
        let (first, count, place) = LENGTHS[bits as usize];
        let behind_max = 1 << (SHORT_BITS - bits as usize);
        let mut nth = 0;
        while nth < count as usize {
            // Short codes are of bytes.
            let [_, symbol] = SYMBOLS[place + nth].to_be_bytes();
            let mut behind = 0;
            while behind < behind_max {
                short[(first as usize + nth) * behind_max + behind] = (symbol, bits);
                behind += 1;
            }
            nth += 1;
        }
        bits += 1;
    }
    short
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Code and length of each symbol, by which it is sent.
    fn codes() -> Vec<(u64, usize)> {
        let mut codes = vec![(0, 0); SYMBOLS.len()];
        for (bits, (first, count, place)) in LENGTHS.into_iter().enumerate() {
            for nth in 0..count {
                let symbol = SYMBOLS[place + nth as usize];
                codes[usize::from(symbol)] = (u64::from(first + nth), bits);
            }
        }
        codes
    }

    /// With `padding` behind it, of which only what fills the last byte is sent.
    fn encode(codes: &[(u64, usize)], symbols: &[usize], padding: char) -> Vec<u8> {
        let mut bits: String = symbols
            .iter()
            .map(|symbol| codes[*symbol])
            .map(|(code, length)| format!("{code:0length$b}"))
            .collect();
        while !bits.len().is_multiple_of(8) {
            bits.push(padding);
        }
        let bytes = bits.as_bytes().chunks(8);
        bytes
            .map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect()
    }

    #[test]
    fn any_two_symbols_are_told_apart() {
        let codes = codes();
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let coded = encode(&codes, &[first.into(), second.into()], '1');
                assert_eq!(decode(&coded), Some(vec![first, second]));
            }
        }
    }

    #[test]
    fn other_padding_and_the_end_of_a_string_are_refused() {
        const END: usize = 256;
        let codes = codes();
        for symbol in 0..=255 {
            let alone = encode(&codes, &[symbol], '1');
            assert_eq!(decode(&encode(&codes, &[symbol, END], '1')), None);
            assert_eq!(decode(&[&alone[..], &[0xff]].concat()), None);
            // Fewer zeros than a code has.
            let (_, length) = codes[symbol];
            if length % 8 > 3 {
                assert_eq!(decode(&encode(&codes, &[symbol], '0')), None, "{symbol}");
            }
        }
    }
}
