//! Where one direction of a connection is.

use super::{
    body::Body,
    exchange::Moment,
    head::{self, HEAD_BYTES_MAX},
};
use crate::dissect::{Malformed, Output};

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) phase: Phase,
    /// Bytes of an unfinished head that were searched for its end.
    pub(super) searched: usize,
    pub(super) last: Moment,
    /// It had data.
    pub(super) begun: bool,
    pub(super) closed: bool,
}

#[derive(Debug, Default)]
pub(super) enum Phase {
    #[default]
    Head,
    Body(Body),
    /// Behind a gap or nonsense: until a segment looks like a head.
    Lost,
}

impl Side {
    /// With the line ends before it, if the end of this head is there.
    pub(super) fn head_length(&mut self, rest: &[u8]) -> Option<usize> {
        let length = head::length(rest, self.searched);
        self.searched = match length {
            Some(_) => 0,
            None => rest.len(),
        };
        length
    }

    /// Waits for the rest of a head, within a bound.
    pub(super) fn unfinished(&mut self, at: usize, rest: &[u8], out: &mut Output) -> usize {
        if rest.len() <= HEAD_BYTES_MAX {
            return at;
        }
        out.dropped_bytes += rest.len() as u64;
        self.lose("head beyond 64 KiB", out);
        at + rest.len()
    }

    pub(super) fn lose(&mut self, message: &'static str, out: &mut Output) {
        self.phase = Phase::Lost;
        self.searched = 0;
        out.malformed.push(Malformed {
            code: "malformed-http",
            message,
        });
    }
}
