//! Where a body ends (RFC 9112, 6 and 7).

/// A chunk's size line or a trailer line that is longer makes no sense.
const LINE_BYTES_MAX: usize = 8 << 10;

#[derive(Debug)]
pub(super) enum Body {
    Length(u64),
    Chunked(Chunk),
    UntilClose,
}

#[derive(Debug)]
pub(super) enum Chunk {
    Size,
    Data(u64),
    /// The line end behind the data.
    DataEnd,
    Trailers,
}

/// What a read came to.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) taken: usize,
    /// Without framing.
    pub(super) body_bytes: u64,
    pub(super) done: bool,
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    More,
    Done,
    Broken,
}

impl Step {
    pub(super) fn end(&self) -> End {
        match (self.done, self.broken) {
            (true, _) => End::Done,
            (_, true) => End::Broken,
            _ => End::More,
        }
    }
}

impl Body {
    /// Reads as far as `data` allows.
    pub(super) fn read(&mut self, data: &[u8]) -> Step {
        match self {
            Self::UntilClose => Step {
                taken: data.len(),
                body_bytes: data.len() as u64,
                ..Step::default()
            },
            Self::Length(left) => {
                let taken = take(left, data);
                Step {
                    taken,
                    body_bytes: taken as u64,
                    done: *left == 0,
                    broken: false,
                }
            }
            Self::Chunked(chunk) => chunk.read(data),
        }
    }

    /// Goes on behind a gap inside the body; answers whether the body ends there.
    /// None when it can't tell where it is.
    pub(super) fn skip(&mut self, missing: u64) -> Option<bool> {
        match self {
            Self::UntilClose => Some(false),
            Self::Length(left) => {
                *left = left.checked_sub(missing)?;
                Some(*left == 0)
            }
            Self::Chunked(Chunk::Data(left)) => {
                *left = left.checked_sub(missing)?;
                Some(false)
            }
            Self::Chunked(_) => None,
        }
    }
}

impl Chunk {
    fn read(&mut self, data: &[u8]) -> Step {
        let mut step = Step::default();
        while let Some(rest) = data.get(step.taken..).filter(|rest| !rest.is_empty()) {
            if let Self::Data(left) = self {
                let taken = take(left, rest);
                step.taken += taken;
                step.body_bytes += taken as u64;
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                continue;
            }
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                step.broken = rest.len() > LINE_BYTES_MAX;
                return step;
            };
            let line = rest[..end].trim_ascii();
            step.taken += end + 1;
            match self.line(line) {
                Some(next) => *self = next,
                None => {
                    step.done = matches!(self, Self::Trailers);
                    step.broken = !step.done;
                    return step;
                }
            }
        }
        step
    }

    /// What comes behind this line; none at the body's end, or when it makes no sense.
    fn line(&self, line: &[u8]) -> Option<Self> {
        match self {
            Self::Size => match size(line)? {
                0 => Some(Self::Trailers),
                bytes => Some(Self::Data(bytes)),
            },
            Self::DataEnd => line.is_empty().then_some(Self::Size),
            Self::Trailers => (!line.is_empty()).then_some(Self::Trailers),
            Self::Data(_) => None,
        }
    }
}

/// Hexadecimal, then perhaps extensions.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    // No sign, which `from_str_radix` would take.
    if !digits.first()?.is_ascii_hexdigit() {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

fn take(left: &mut u64, data: &[u8]) -> usize {
    let taken = usize::try_from(*left).map_or(data.len(), |left| left.min(data.len()));
    *left -= taken as u64;
    taken
}
