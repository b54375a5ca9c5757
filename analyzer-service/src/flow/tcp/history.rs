//! Zeek's history of a connection: a letter for each kind of thing that happened, in
//! order, upper case for the client.
//!
//! <https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html>

use super::Header;
use crate::{decode::Tcp, record};

/// Each letter that comes again and again comes at powers of ten only, but for SYN, FIN and
/// RST.
const LETTERS_MAX: usize = record::HISTORY_LETTERS_MAX;

/// The client is not who sent the first packet.
const FLIPPED: u8 = b'^';

/// Zeek's letter for an analysis that is not whole: letters were left out.
const PARTIAL: u8 = b'X';

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    letters: [u8; LETTERS_MAX],
    len: u8,
}

/// What of one side's flags is in the history already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    seen: u8,
    last_syn: u32,
    last_fin: u32,
    last_rst: u32,
}

const SYN_SEEN: u8 = 1;
const FIN_SEEN: u8 = 2;
const RST_SEEN: u8 = 4;
const INCONSISTENT_SEEN: u8 = 8;
const MULTIPLE_SEEN: u8 = 16;
const DATA_SEEN: u8 = 32;
const ACK_SEEN: u8 = 64;

impl History {
    pub(super) fn push_flipped(&mut self) {
        self.push(FLIPPED, true);
    }

    /// Counts one more; the first, the tenth, the hundredth and so on have a letter.
    pub(super) fn push_scaled(&mut self, letter: u8, from_client: bool, count: &mut u32) {
        if let Some(next) = count.checked_add(1) {
            *count = next;
            if is_power_of_ten(next) {
                self.push(letter, from_client);
            }
        }
    }

    pub(super) fn text(&self) -> record::History {
        let letters = &self.letters[..usize::from(self.len)];
        // ASCII, and as many as there is room for.
        let text = str::from_utf8(letters).unwrap_or_default();
        record::History::from(text).unwrap_or_default()
    }

    fn push(&mut self, letter: u8, from_client: bool) {
        let Some(place) = self.letters.get_mut(usize::from(self.len)) else {
            self.letters[LETTERS_MAX - 1] = PARTIAL;
            return;
        };
        *place = match from_client {
            true => letter,
            false => letter.to_ascii_lowercase(),
        };
        self.len += 1;
    }
}

impl Marks {
    /// The letter of a segment's flags, unless the history has it.
    pub(super) fn flags(&mut self, header: Header, from_client: bool, history: &mut History) {
        let [syn, fin, rst] = [Tcp::SYN, Tcp::FIN, Tcp::RST].map(|flag| header.has(flag));
        let mut once = |mark: u8, letter: u8| {
            let is_new = self.seen & mark == 0;
            self.seen |= mark;
            if is_new {
                history.push(letter, from_client);
            }
            is_new
        };
        match (syn, fin, rst) {
            (_, true, true) => {
                once(INCONSISTENT_SEEN, b'I');
            }
            (true, true, false) | (true, false, true) => {
                once(MULTIPLE_SEEN, b'Q');
            }
            (true, false, false) => {
                let letter = if header.has(Tcp::ACK) { b'H' } else { b'S' };
                if !once(SYN_SEEN, letter) && header.seq != self.last_syn {
                    history.push(letter, from_client);
                }
                self.last_syn = header.seq;
            }
            (false, true, false) => {
                let at = header.seq.wrapping_add(header.payload_bytes);
                if !once(FIN_SEEN, b'F') && at != self.last_fin {
                    history.push(b'F', from_client);
                }
                self.last_fin = at;
            }
            (false, false, true) => {
                if !once(RST_SEEN, b'R') && header.seq != self.last_rst {
                    history.push(b'R', from_client);
                }
                self.last_rst = header.seq;
            }
            (false, false, false) if header.payload_bytes > 0 => {
                once(DATA_SEEN, b'D');
            }
            (false, false, false) if header.has(Tcp::ACK) => {
                once(ACK_SEEN, b'A');
            }
            (false, false, false) => {}
        }
    }
}

fn is_power_of_ten(number: u32) -> bool {
    (0..10).any(|exponent| 10_u32.pow(exponent) == number)
}
