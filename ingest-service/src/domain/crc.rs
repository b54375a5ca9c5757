//! CRC32C of a whole from the CRCs of its parts, without reading them again.

/// Combines the CRCs of parts that follow each other.
///
/// Appending zeros to a message is a linear map of its CRC over GF(2), one map
/// per length. Chunks mostly have one length, so its map is kept: combining is
/// then 32 exclusive-ors instead of the 20 matrix squarings of the plain way.
#[derive(Debug, Default)]
pub struct CrcCombiner {
    crc: u32,
    bytes: u64,
    last_bytes: u64,
    shift: Option<Box<[u32; 32]>>,
}

impl CrcCombiner {
    /// Appends a part of this length and CRC32C.
    pub fn append(&mut self, crc: u32, bytes: u64) {
        if bytes != self.last_bytes {
            self.last_bytes = bytes;
            self.shift = None;
            self.crc = combine(self.crc, crc, bytes);
        } else {
            let shift = self.shift.get_or_insert_with(|| zeros(bytes));
            self.crc = apply(shift, self.crc) ^ crc;
        }
        self.bytes += bytes;
    }

    /// CRC32C of all that was appended; of nothing it is 0.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// Length of all that was appended.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// CRC32C of two messages in sequence.
#[must_use]
pub fn combine(first: u32, second: u32, second_bytes: u64) -> u32 {
    let bytes = usize::try_from(second_bytes).expect("parts are at most one segment long");
    crc32c::crc32c_combine(first, second, bytes)
}

/// The map of appending this many zero bytes, as the images of the 32 bits.
fn zeros(bytes: u64) -> Box<[u32; 32]> {
    let mut columns = Box::new([0; 32]);
    for (bit, column) in columns.iter_mut().enumerate() {
        *column = combine(1 << bit, 0, bytes);
    }
    columns
}

fn apply(columns: &[u32; 32], crc: u32) -> u32 {
    let bits = columns.iter().enumerate();
    bits.filter(|(bit, _)| crc >> bit & 1 == 1)
        .fold(0, |sum, (_, column)| sum ^ column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lengths: &[usize]) {
        let mut combiner = CrcCombiner::default();
        let mut whole = Vec::new();
        for (n, &length) in lengths.iter().enumerate() {
            let part: Vec<u8> = (0..length)
                .map(|i| u8::try_from((i * 7 + n * 31) % 251).unwrap())
                .collect();
            combiner.append(crc32c::crc32c(&part), part.len() as u64);
            whole.extend(part);
        }
        assert_eq!(combiner.crc(), crc32c::crc32c(&whole), "{lengths:?}");
        assert_eq!(combiner.bytes(), whole.len() as u64);
    }

    #[test]
    fn the_parts_crcs_give_the_crc_of_the_whole() {
        check(&[]);
        check(&[1]);
        check(&[1, 1, 1]);
        check(&[1000, 1000, 1000, 1000, 17]);
        check(&[5, 4096, 4096, 3, 4096, 4096, 1]);
        check(&[65536; 20]);
    }
}
