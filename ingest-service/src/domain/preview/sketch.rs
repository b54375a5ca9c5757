//! What is drawn: numbers and names of a capture, brought within bounds.

use std::collections::HashMap;

/// What a summary says that a preview shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    pub packets: u64,
    /// On the wire.
    pub bytes: u64,
    /// Why the reading ended before the capture did; empty: it did not.
    pub cut: String,
    /// `None`: no packet has a time.
    pub activity: Option<Activity>,
    pub protocols: Vec<ProtocolCount>,
}

/// Packets and bytes over capture time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Of the first bucket, nanoseconds since 1970 UTC.
    pub start_ns: i128,
    /// Width of each.
    pub bucket_ns: u64,
    pub packets: Vec<u64>,
    /// On the wire.
    pub bytes: Vec<u64>,
    /// Packets that are in no bucket.
    pub outside: u64,
}

/// What one path of protocols carried, those that go on from it included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProtocolCount {
    /// `eth:ip:tcp:tls`
    pub path: String,
    pub packets: u64,
    pub bytes: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Packets,
}

/// Columns of the chart: two pixels each, so that neighbours can be told apart.
const COLUMNS_MAX: usize = 280;
/// A capture of a few packets is not one bar from edge to edge.
const COLUMNS_MIN: usize = 12;

/// Protocols that have a bar of their own; the rest is one.
const SHARES_MAX: usize = 8;

/// Activity in columns of whole buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) unit: Unit,
    pub(super) start_ns: i128,
    /// Width of a column.
    pub(super) step_ns: u128,
    pub(super) values: Vec<u64>,
    /// How many fit; those without a value are empty.
    pub(super) columns: usize,
}

impl Course {
    /// `None`: there is nothing to show.
    pub(super) fn of(activity: &Activity) -> Option<Self> {
        let used = |values: &[u64]| values.iter().rposition(|&v| v > 0).map(|last| last + 1);
        let (unit, values) = match used(&activity.bytes) {
            Some(_) => (Unit::Bytes, &activity.bytes),
            None => (Unit::Packets, &activity.packets),
        };
        let values = &values[..used(values)?];
        // Whole buckets in a column: columns of different spans would lie.
        let per_column = values.len().div_ceil(COLUMNS_MAX);
        let sum = |column: &[u64]| column.iter().fold(0, |sum: u64, v| sum.saturating_add(*v));
        let values: Vec<u64> = values.chunks(per_column).map(sum).collect();
        let step_ns = u128::from(activity.bucket_ns) * per_column as u128;
        (step_ns > 0).then(|| Self {
            unit,
            start_ns: activity.start_ns,
            step_ns,
            columns: values.len().max(COLUMNS_MIN),
            values,
        })
    }

    /// From the first column's begin to the last one's end.
    pub(super) fn span_ns(&self) -> u128 {
        self.step_ns * self.columns as u128
    }

    pub(super) fn peak(&self) -> u64 {
        self.values.iter().copied().max().unwrap_or(0)
    }
}

/// How the whole is shared out among protocols: each packet is the innermost one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mix {
    pub(super) unit: Unit,
    /// Largest first, then the rest.
    pub(super) shares: Vec<(String, u64)>,
    pub(super) whole: u128,
}

impl Mix {
    pub(super) fn of(protocols: &[ProtocolCount]) -> Self {
        let unit = match protocols.iter().any(|p| p.bytes > 0) {
            true => Unit::Bytes,
            false => Unit::Packets,
        };
        let value = |counted: &ProtocolCount| match unit {
            Unit::Bytes => counted.bytes,
            Unit::Packets => counted.packets,
        };
        let mut below: HashMap<&str, u64> = HashMap::new();
        for counted in protocols {
            if let Some((parent, _)) = counted.path.rsplit_once(':') {
                let sum = below.entry(parent).or_default();
                *sum = sum.saturating_add(value(counted));
            }
        }
        let mut own: HashMap<&str, u64> = HashMap::new();
        for counted in protocols {
            let inner = counted.path.rsplit(':').next().unwrap_or_default();
            let deeper = below.get(&*counted.path).copied().unwrap_or(0);
            let sum = own.entry(inner).or_default();
            *sum = sum.saturating_add(value(counted).saturating_sub(deeper));
        }
        let mut shares: Vec<(&str, u64)> = own.into_iter().filter(|(_, v)| *v > 0).collect();
        shares.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let whole = shares.iter().map(|(_, value)| u128::from(*value)).sum();
        let rest = shares.split_off(shares.len().min(SHARES_MAX));
        let mut shares: Vec<_> = shares
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        match &*rest {
            [] => {}
            [(name, value)] => shares.push(((*name).to_owned(), *value)),
            several => {
                let sum = several
                    .iter()
                    .fold(0, |sum: u64, s| sum.saturating_add(s.1));
                shares.push((format!("{} others", several.len()), sum));
            }
        }
        Self {
            unit,
            shares,
            whole,
        }
    }
}
