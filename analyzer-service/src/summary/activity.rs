//! Packets and bytes over capture time.

use std::time::Duration;

use crate::record::{Time, TimeSeries};

/// Enough to draw, and little to send.
const BUCKETS_MAX: usize = 1_024;
const WIDTH_MIN: u64 = 1_000_000;
/// A time this far from the first packet's is taken for nonsense.
const REACH: i128 = 366 * 24 * 3_600 * 1_000_000_000;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    packets: u64,
    bytes: u64,
}

/// Buckets of equal width. When a packet falls outside, the buckets move, and when
/// they cannot reach all packets, their width doubles.
#[derive(Debug, Default)]
pub(super) struct Activity {
    span: Option<Span>,
    outside: u64,
}

#[derive(Debug)]
struct Span {
    /// Of the first packet.
    anchor: Time,
    /// Of the first bucket, a whole number of widths from the epoch.
    start: Time,
    /// In nanoseconds.
    width: u64,
    /// From the earliest packet's to the latest one's.
    buckets: Vec<Bucket>,
    recent: Recent,
}

/// The bucket of the packet before.
#[derive(Debug)]
struct Recent {
    at: usize,
    start: Time,
}

impl Activity {
    /// A packet without a time of its own, before any that has one, is outside.
    pub(super) fn count(&mut self, time: Option<Time>, bytes: u32) {
        let Some(time) = time else {
            self.outside += 1;
            return;
        };
        let span = self.span.get_or_insert_with(|| Span::new(time));
        if (time.0 - span.anchor.0).abs() > REACH {
            self.outside += 1;
            return;
        }
        let bucket = span.bucket(time);
        bucket.packets += 1;
        bucket.bytes = bucket.bytes.saturating_add(u64::from(bytes));
    }

    pub(super) fn finish(&self) -> Option<TimeSeries> {
        let span = self.span.as_ref()?;
        Some(TimeSeries {
            start: span.start,
            bucket: Duration::from_nanos(span.width),
            packets: span.buckets.iter().map(|bucket| bucket.packets).collect(),
            bytes: span.buckets.iter().map(|bucket| bucket.bytes).collect(),
            outside_packets: self.outside,
        })
    }
}

impl Span {
    fn new(time: Time) -> Self {
        Self {
            anchor: time,
            start: floor(time, WIDTH_MIN),
            width: WIDTH_MIN,
            buckets: Vec::new(),
            recent: Recent { at: 0, start: time },
        }
    }

    fn bucket(&mut self, time: Time) -> &mut Bucket {
        // Nearly every packet, without a division: where the one before was.
        let into = time.0 - self.recent.start.0;
        if !(0..i128::from(self.width)).contains(&into) || self.recent.at >= self.buckets.len() {
            let at = self.find(time);
            let into = u64::try_from(at).unwrap_or(0).saturating_mul(self.width);
            let start = Time(self.start.0 + i128::from(into));
            self.recent = Recent { at, start };
        }
        &mut self.buckets[self.recent.at]
    }

    fn find(&mut self, time: Time) -> usize {
        // Mostly: without a division of 128 bits.
        if time >= self.start {
            let at = position(self.start, time, self.width);
            if at < self.buckets.len() {
                return at;
            }
        }
        while !self.reaches(time) {
            self.double();
        }
        if time < self.start {
            let start = floor(time, self.width);
            let n_before = position(start, self.start, self.width);
            let before = std::iter::repeat_n(Bucket::default(), n_before);
            self.buckets.splice(0..0, before);
            self.start = start;
        }
        let at = position(self.start, time, self.width);
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, Bucket::default());
        }
        at
    }

    /// Whether the buckets, moved, hold all packets and one of this time.
    fn reaches(&self, time: Time) -> bool {
        let start = floor(time.min(self.start), self.width);
        let n_known = position(start, self.start, self.width) + self.buckets.len();
        n_known <= BUCKETS_MAX && position(start, time, self.width) < BUCKETS_MAX
    }

    fn double(&mut self) {
        let width = 2 * self.width;
        let start = floor(self.start, width);
        let shift = position(start, self.start, self.width);
        let mut buckets = vec![Bucket::default(); (self.buckets.len() + shift).div_ceil(2)];
        for (at, bucket) in self.buckets.iter().enumerate() {
            let wider = &mut buckets[(at + shift) / 2];
            wider.packets += bucket.packets;
            wider.bytes = wider.bytes.saturating_add(bucket.bytes);
        }
        (self.start, self.width, self.buckets) = (start, width, buckets);
    }
}

fn floor(time: Time, width: u64) -> Time {
    Time(time.0 - time.0.rem_euclid(i128::from(width)))
}

/// Widths from `start` to `time`, which is not earlier and within [`REACH`] or so.
fn position(start: Time, time: Time, width: u64) -> usize {
    let nanos = u64::try_from(time.0 - start.0).unwrap_or(0);
    usize::try_from(nanos / width).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(millis: &[i128], start: i128, width: u64, packets: &[u64]) {
        let mut activity = Activity::default();
        for at in millis {
            activity.count(Some(Time(at * 1_000_000)), 10);
        }
        let series = activity.finish().expect("packets");
        assert_eq!(series.start.0, start * 1_000_000);
        assert_eq!(series.bucket, Duration::from_millis(width));
        assert_eq!(series.packets, packets);
    }

    #[test]
    fn a_bucket_is_a_millisecond_at_first() {
        check(&[5, 5, 7], 5, 1, &[2, 0, 1]);
        check(&[7, 5], 5, 1, &[1, 0, 1]);
    }

    #[test]
    fn the_width_doubles_until_all_fits() {
        let mut packets = vec![0; 513];
        (packets[0], packets[512]) = (2, 1);
        check(&[0, 1, 1_024], 0, 2, &packets);
    }

    #[test]
    fn a_time_a_year_away_is_outside() {
        let mut activity = Activity::default();
        activity.count(Some(Time(1_700_000_000 * 1_000_000_000)), 10);
        activity.count(Some(Time(0)), 10);
        activity.count(None, 10);
        let series = activity.finish().expect("packets");
        assert_eq!((series.packets, series.outside_packets), (vec![1], 2));
    }

    proptest! {
        #[test]
        fn no_packet_is_lost_and_the_bound_holds(
            seconds in prop::collection::vec(-40_000_000..40_000_000_i128, 1..200),
        ) {
            let mut activity = Activity::default();
            for at in &seconds {
                activity.count(Some(Time(at * 1_000_000_000)), 1);
            }
            let series = activity.finish().expect("packets");
            prop_assert!(series.packets.len() <= BUCKETS_MAX);
            let inside: u64 = series.packets.iter().sum();
            prop_assert_eq!(inside + series.outside_packets, seconds.len() as u64);
            prop_assert!(series.packets.first() != Some(&0) && series.packets.last() != Some(&0));
        }
    }
}
