//! Damaged copies of conversations.

use proptest::prelude::*;

use super::{CLIENT, Lab, length, side};
use crate::dissect::{Direction, Segment, TcpFlags};

/// What befalls a sample before it is sent.
#[derive(Clone, Debug)]
struct Damage {
    /// Byte at a place, and its new value.
    edits: Vec<(prop::sample::Index, u8)>,
    /// Where it ends, if early.
    end: Option<prop::sample::Index>,
    /// Lengths of its segments, repeated.
    cuts: Vec<usize>,
    /// Segments that come early, twice, cut or not at all.
    order: Vec<(prop::sample::Index, u8)>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    (
        prop::collection::vec((place(), any::<u8>()), 0..6),
        prop::option::weighted(0.2, place()),
        prop::collection::vec(1usize..2_000, 1..8),
        prop::collection::vec((place(), 0u8..6), 0..4),
    )
        .prop_map(|(edits, end, cuts, order)| Damage {
            edits,
            end,
            cuts,
            order,
        })
}

impl Damage {
    fn apply(&self, sample: &[u8]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        if let Some(end) = &self.end {
            bytes.truncate(end.index(sample.len() + 1));
        }
        for (place, value) in &self.edits {
            if !bytes.is_empty() {
                let at = place.index(bytes.len());
                bytes[at] = *value;
            }
        }
        bytes
    }

    /// Place, length and bytes cut off of each segment, as they come.
    fn segments(&self, total: usize) -> Vec<(usize, usize, u32)> {
        let mut segments = Vec::new();
        let mut at = 0;
        for cut in self.cuts.iter().cycle() {
            if at == total {
                break;
            }
            let bytes = (*cut).min(total - at);
            segments.push((at, bytes, 0));
            at += bytes;
        }
        for (place, what) in self.order.iter().filter(|_| total > 0) {
            let last = segments.len() - 1;
            let which = place.index(segments.len());
            match what {
                0 => segments.swap(which, last),
                1 => segments.swap(which, 0),
                2 => segments.push(segments[which]),
                3 if last > 0 => drop(segments.remove(which)),
                4 => segments[which] = (segments[which].0, 0, 100),
                _ => segments[which].1 = segments[which].1.div_ceil(2),
            }
        }
        segments
    }
}

/// Sends damaged copies of a conversation as datagrams and as a stream, and asks for
/// no panic and for all that was held to be given back. proptest prints the seed
/// and the smallest damage that fails.
pub(in super::super) fn survives_damage(server: u16, samples: &[(Direction, Vec<u8>)]) {
    proptest!(ProptestConfig::with_cases(512), |(damages in prop::collection::vec(damage(), 4))| {
        let mut lab = Lab::new();
        let datagrams = lab.flow(4_000, server);
        let stream = lab.flow(4_001, server);
        lab.handshake(stream);
        for ((from, sample), damage) in samples.iter().zip(damages.iter().cycle()) {
            let bytes = damage.apply(sample);
            lab.datagram(datagrams, *from, &bytes);
            let start = lab.flows[stream].next[side(*from)];
            for (at, length, missing) in damage.segments(bytes.len()) {
                let seq = start.wrapping_add(u32::try_from(at).unwrap());
                let flags = TcpFlags::default();
                let payload = &bytes[at..at + length];
                lab.segment(stream, *from, &Segment { seq, flags, payload, missing });
            }
            lab.lose(stream, *from, length(&bytes));
        }
        lab.fin(stream, CLIENT);
        lab.end(datagrams);
        lab.end(stream);
        prop_assert_eq!(lab.dissectors.held_bytes(), 0);
    });
}
