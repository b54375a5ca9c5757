//! Reading numbers and byte strings from the front of a slice.

/// What is left of a message or a record's data, within its message.
#[derive(Clone, Debug)]
pub(super) struct Wire<'a> {
    /// The whole message: names refer back into it.
    pub(super) message: &'a [u8],
    pub(super) at: usize,
    pub(super) end: usize,
}

impl<'a> Wire<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            at: 0,
            end: message.len(),
        }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(bytes).filter(|end| *end <= self.end)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// The next `bytes`, as a reader of their own.
    pub(super) fn part(&mut self, bytes: usize) -> Option<Self> {
        let at = self.at;
        self.take(bytes)?;
        Some(Self {
            message: self.message,
            at,
            end: self.at,
        })
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.message.get(self.at..self.end).unwrap_or_default();
        self.at = self.end;
        rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// RFC 1035, 3.3: a length byte, then so many bytes.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }
}
