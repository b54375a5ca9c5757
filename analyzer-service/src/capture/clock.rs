//! Time stamps of capture files.

use crate::record::Time;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A packet's time, and whether the file said one that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) time: Time,
    /// Clamped to the years 1 to 9999, or carried from sub-seconds into seconds.
    pub(super) bad: bool,
}

/// How an interface writes its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    units: Units,
    /// Seconds to add.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Units {
    /// Nanoseconds a unit has, where that is a whole number.
    Nanos(u64),
    /// Units a second has.
    PerSecond(u128),
}

impl Clock {
    pub(super) const MICROSECONDS: Self = Self {
        units: Units::Nanos(1_000),
        offset: 0,
    };
    pub(super) const NANOSECONDS: Self = Self {
        units: Units::Nanos(1),
        offset: 0,
    };

    /// From `if_tsresol` (a power of ten, or of two when the highest bit is set) and
    /// `if_tsoffset` of an Interface Description Block. Powers that no
    /// 64-bit count of units reaches within a second count as the highest that one does.
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let per_second = if resolution & 0x80 == 0 {
            10_u128.pow(exponent.min(38))
        } else {
            1_u128 << exponent.min(126)
        };
        let nanos = 1_000_000_000 / per_second.min(1_000_000_001);
        let units = match u64::try_from(nanos) {
            Ok(nanos) if u128::from(nanos) * per_second == 1_000_000_000 => Units::Nanos(nanos),
            _ => Units::PerSecond(per_second),
        };
        Self { units, offset }
    }

    /// The highest number when it does not fit.
    pub(super) fn units_per_second(self) -> u64 {
        match self.units {
            Units::Nanos(nanos) => 1_000_000_000 / nanos.max(1),
            Units::PerSecond(units) => u64::try_from(units).unwrap_or(u64::MAX),
        }
    }

    /// Of a pcapng packet block.
    pub(super) fn stamp(self, units: u64) -> Stamp {
        let nanos = match self.units {
            Units::Nanos(nanos) => u128::from(units) * u128::from(nanos),
            Units::PerSecond(per_second) => {
                let units = u128::from(units);
                // In two steps: units times a billion fits, whatever the resolution.
                let seconds = units / per_second;
                seconds * 1_000_000_000 + units % per_second * 1_000_000_000 / per_second
            }
        };
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX / 2);
        clamp(nanos + i128::from(self.offset) * NANOS_PER_SECOND)
    }

    /// Of a pcap record, which has seconds and a part that may reach into the next ones.
    pub(super) fn stamp_parts(self, seconds: u32, part: u32) -> Stamp {
        let nanos = match self.units {
            Units::Nanos(nanos) => u64::from(part) * nanos,
            Units::PerSecond(_) => u64::from(part),
        };
        Stamp {
            // From 1970 to 2106: nothing to clamp.
            time: Time(i128::from(u64::from(seconds) * 1_000_000_000 + nanos)),
            bad: nanos >= 1_000_000_000,
        }
    }
}

fn clamp(nanos: i128) -> Stamp {
    let time = Time(nanos.clamp(Time::MIN.0, Time::MAX.0));
    Stamp {
        time,
        bad: time.0 != nanos,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(resolution: u8, offset: i64, units: u64, nanos: i128, bad: bool) {
        let stamp = Clock::new(resolution, offset).stamp(units);
        assert_eq!((stamp.time.0, stamp.bad), (nanos, bad));
    }

    #[test]
    fn powers_of_ten_and_two() {
        check(0, 0, 3, 3_000_000_000, false);
        check(6, 0, 1_500_000, 1_500_000_000, false);
        check(9, -1, 1_000_000_001, 1, false);
        check(12, 0, 1_500_000_000_000, 1_500_000_000, false);
        check(0x80 | 10, 0, 1536, 1_500_000_000, false);
        check(0x80 | 32, 0, 1 << 31, 500_000_000, false);
    }

    #[test]
    fn resolutions_beyond_any_clock_stay_finite() {
        check(0x7f, 0, u64::MAX, 0, false);
        check(0xff, 0, u64::MAX, 0, false);
        assert_eq!(Clock::new(0x7f, 0).units_per_second(), u64::MAX);
    }

    #[test]
    fn years_outside_1_to_9999_are_clamped() {
        check(0, 0, u64::MAX, Time::MAX.0, true);
        check(6, i64::MIN, 0, Time::MIN.0, true);
        check(0, 253_402_300_799, 0, Time::MAX.0 - 999_999_999, false);
    }

    #[test]
    fn sub_seconds_carry() {
        let stamp = Clock::MICROSECONDS.stamp_parts(1, 1_000_001);
        assert_eq!((stamp.time.0, stamp.bad), (2_000_001_000, true));
        let stamp = Clock::NANOSECONDS.stamp_parts(1, 999_999_999);
        assert_eq!((stamp.time.0, stamp.bad), (1_999_999_999, false));
    }
}
