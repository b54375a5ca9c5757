//! Numbers, sizes, shares, spans and times as a person reads them.

use std::time::Duration;

use weir_shared::proto::Timestamp;

/// `1,234,567`
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `n thing` or `n things`.
pub(crate) fn counted(n: u64, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(n))
}

/// `999 B`, `1.5 kB`, `12.3 MB`: decimal units, as capinfos and most tools have.
pub(crate) fn bytes(n: u64) -> String {
    scaled(n, "B")
}

/// `999`, `1.5 k`, `12 M`, for an axis.
pub(crate) fn short(n: u64) -> String {
    scaled(n, "")
}

fn scaled(n: u64, unit: &str) -> String {
    const PREFIXES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if n < 1000 {
        return format!("{n} {unit}").trim_end().to_owned();
    }
    // Rounded in integers: exact for every u64. Three digits, so tenths below 100.
    let n_wide = u128::from(n);
    let mut power: u128 = 1000;
    for prefix in PREFIXES {
        let tenths = (n_wide * 10 + power / 2) / power;
        if tenths < 1000 {
            return format!("{}.{} {prefix}{unit}", tenths / 10, tenths % 10);
        }
        let whole = (n_wide + power / 2) / power;
        if whole < 1000 {
            return format!("{whole} {prefix}{unit}");
        }
        power *= 1000;
    }
    format!("{n} {unit}")
}

/// `12.3%`; `<0.1%` for what is there and rounds to nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let permille = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    if permille == 0 && part > 0 {
        return "<0.1%".to_owned();
    }
    format!("{}.{}%", permille / 10, permille % 10)
}

/// `350 µs`, `3.50 ms`, `12.3 ms`, `123 ms`, `4.56 s`, `3 min 12 s`, `2 h 05 min`, `3 d 04 h`.
pub(crate) fn span(span: Duration) -> String {
    let micros = span.as_micros();
    let seconds = span.as_secs();
    match seconds {
        0 if micros == 0 => "0 s".to_owned(),
        0 if micros < 1_000 => format!("{micros} µs"),
        0 if micros < 10_000 => format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        0 if micros < 100_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        0 => format!("{} ms", micros / 1_000),
        10..60 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        1..10 => format!("{seconds}.{:02} s", span.subsec_millis() / 10),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A span on the wire; nothing for a negative one.
pub(crate) fn proto_span(wire: &pbjson_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(wire.seconds).ok()?;
    let nanos = u32::try_from(wire.nanos).ok()?;
    Some(Duration::new(seconds, nanos))
}

/// From the earlier to the later; zero when they come the other way round.
pub(crate) fn between(from: &Timestamp, to: &Timestamp) -> Duration {
    u64::try_from(nanos(to) - nanos(from)).map_or(Duration::ZERO, Duration::from_nanos)
}

/// Since 1970; 128 bits, because a server may send any 64-bit second.
pub(crate) fn nanos(time: &Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

/// `2024-05-01 12:34:56.789012`, UTC.
pub(crate) fn date_time(time: &Timestamp) -> String {
    format!("{} {}", date(time), clock(time, 6))
}

/// `2024-05-01`
pub(crate) fn date(time: &Timestamp) -> String {
    let (year, month, day) = civil(time.seconds.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `12:34:56.789`, UTC, with so many digits of the second.
pub(crate) fn clock(time: &Timestamp, digits: usize) -> String {
    let second = time.seconds.rem_euclid(86_400);
    let (h, m, s) = (second / 3_600, second % 3_600 / 60, second % 60);
    let nanos = format!("{:09}", time.nanos.clamp(0, 999_999_999));
    let mut text = format!("{h:02}:{m:02}:{s:02}");
    if digits > 0 {
        text.push('.');
        text.push_str(&nanos[..digits.min(9)]);
    }
    text
}

/// The proleptic Gregorian date of a day since 1970-01-01, by counting the 400
/// year cycles of 146,097 days from 0000-03-01, so that leap days end a year.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (cycle, of_cycle) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year + cycle * 400 + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: i32) -> Timestamp {
        Timestamp { seconds, nanos }
    }

    #[test]
    fn counts_are_grouped() {
        let counts = [0, 999, 1_000, 4_709, 1_234_567, u64::MAX].map(count);
        assert_eq!(
            counts,
            [
                "0",
                "999",
                "1,000",
                "4,709",
                "1,234,567",
                "18,446,744,073,709,551,615"
            ]
        );
    }

    #[test]
    fn sizes_keep_three_digits() {
        let sizes = [
            0,
            999,
            1_000,
            99_949,
            99_950,
            999_499,
            999_999,
            1_500_000,
            u64::MAX,
        ]
        .map(bytes);
        let want = [
            "0 B", "999 B", "1.0 kB", "99.9 kB", "100 kB", "999 kB", "1.0 MB", "1.5 MB", "18.4 EB",
        ];
        assert_eq!(sizes, want);
    }

    #[test]
    fn shares_never_hide_what_is_there() {
        let shares = [(0, 5), (1, 3), (1, 100_000), (5, 5), (0, 0)].map(|(p, w)| share(p, w));
        assert_eq!(shares, ["0.0%", "33.3%", "<0.1%", "100.0%", "-"]);
    }

    #[test]
    fn spans_have_the_unit_that_fits() {
        let micros = [
            0,
            7,
            350,
            3_509,
            12_345,
            123_456,
            4_567_000,
            21_849_000,
            192_000_000,
            7_500_000_000,
            273_600_000_000,
        ];
        let spans = micros.map(|us| span(Duration::from_micros(us)));
        let want = [
            "0 s",
            "7 µs",
            "350 µs",
            "3.50 ms",
            "12.3 ms",
            "123 ms",
            "4.56 s",
            "21.8 s",
            "3 min 12 s",
            "2 h 05 min",
            "3 d 04 h",
        ];
        assert_eq!(spans, want);
    }

    #[test]
    fn times_are_right_before_1970_and_on_leap_days() {
        let times = [
            at(0, 0),
            at(951_782_400, 1_000),
            at(-1, 999_999_999),
            at(-62_135_596_800, 0),
            at(253_402_300_799, 0),
        ]
        .map(|t| date_time(&t));
        let want = [
            "1970-01-01 00:00:00.000000",
            "2000-02-29 00:00:00.000001",
            "1969-12-31 23:59:59.999999",
            "0001-01-01 00:00:00.000000",
            "9999-12-31 23:59:59.000000",
        ];
        assert_eq!(times, want);
    }

    #[test]
    fn no_time_of_any_server_overflows() {
        assert_eq!(between(&at(i64::MAX, 0), &at(i64::MIN, 0)), Duration::ZERO);
        let last = at(i64::MAX, i32::MIN);
        assert!(!date_time(&last).is_empty());
    }
}
