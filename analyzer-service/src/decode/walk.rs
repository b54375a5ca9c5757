//! One packet on its way through the layers.

use super::{Encapsulation, Frame, Inner, LINKS_MAX, Layer, Malformed, TUNNELS_MAX};
use crate::{capture::Packet, record::TunnelKind};

#[derive(Debug)]
pub(super) struct Walk<'f, 'a> {
    pub(super) frame: &'f mut Frame<'a>,
    /// Part of the packet is not in the capture, so a short header is no fault.
    pub(super) cut: bool,
    /// Wire length of what is not decoded yet.
    pub(super) wire_bytes: u64,
    /// Link layers so far in this frame.
    n_links: usize,
}

impl<'f, 'a> Walk<'f, 'a> {
    pub(super) fn new(packet: &Packet<'a>, frame: &'f mut Frame<'a>) -> Self {
        let captured = packet.data.len() as u64;
        Self {
            frame,
            cut: captured < u64::from(packet.wire_bytes),
            wire_bytes: u64::from(packet.wire_bytes).max(captured),
            n_links: 0,
        }
    }

    pub(super) fn inside(inner: &Inner<'a>, frame: &'f mut Frame<'a>) -> Self {
        let captured = inner.data.len() as u64;
        Self {
            frame,
            cut: captured < inner.wire_bytes,
            wire_bytes: inner.wire_bytes.max(captured),
            n_links: 0,
        }
    }

    /// Of a datagram whose fragments are all there.
    pub(super) fn whole(frame: &'f mut Frame<'a>) -> Self {
        Self {
            frame,
            cut: false,
            wire_bytes: 0,
            n_links: 0,
        }
    }

    pub(super) fn push(&mut self, layer: Layer) {
        self.frame.path.push(layer);
    }

    pub(super) fn passed(&mut self, n_bytes: usize) {
        self.wire_bytes = self.wire_bytes.saturating_sub(n_bytes as u64);
    }

    /// Nothing behind `length` bytes belongs to what is decoded.
    pub(super) fn ends(&mut self, data: &'a [u8], length: usize) -> &'a [u8] {
        self.wire_bytes = self.wire_bytes.min(length as u64);
        data.get(..length).unwrap_or(data)
    }

    /// One more link layer. False when there are too many: their functions call each other.
    pub(super) fn enter_link(&mut self) -> bool {
        self.n_links += 1;
        let may = self.n_links <= LINKS_MAX;
        if !may {
            self.malformed(TOO_DEEP, "too many link layers in one another");
        }
        may
    }

    /// One more encapsulation. False when there are too many: what is inside stays closed.
    pub(super) fn enter_tunnel(&mut self, kind: TunnelKind, id: u64) -> bool {
        if !self.has_room() {
            return false;
        }
        self.frame.n_tunnels += 1;
        self.frame.encapsulations.push(Encapsulation { kind, id });
        true
    }

    /// Whether one more encapsulation may be opened.
    pub(super) fn has_room(&mut self) -> bool {
        let may = self.frame.n_tunnels < TUNNELS_MAX;
        if !may {
            self.malformed(TOO_DEEP, "too many tunnels in one another");
        }
        may
    }

    pub(super) fn malformed(&mut self, code: &'static str, message: &'static str) {
        self.frame
            .malformed
            .get_or_insert(Malformed { code, message });
    }

    /// A header that is not all there.
    pub(super) fn short(&mut self, code: &'static str, message: &'static str) {
        if !self.cut {
            self.malformed(code, message);
        }
    }
}

/// Of the finding for what is not opened because it lies too deep.
const TOO_DEEP: &str = "nesting-too-deep";
