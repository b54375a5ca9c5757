//! `google.protobuf.Timestamp` whose JSON is canonical: `Z`, and 0, 3, 6 or 9
//! fractional digits. pbjson's own writes `+00:00`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// A point in time, within years 1 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Timestamp {
    /// Since 1970-01-01T00:00:00Z.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// 0 to 999,999,999, forward in time also where `seconds` is negative.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what the type's JSON can say.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { seconds, nanos } = *self;
        if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
            return Err(ser::Error::custom("a time outside of years 1 to 9999"));
        }
        serializer.collect_str(&prost_types::Timestamp { seconds, nanos })
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let prost_types::Timestamp { seconds, nanos } = text.parse().map_err(de::Error::custom)?;
        Ok(Self { seconds, nanos })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, nanos: i32, json: &str) {
        let time = Timestamp { seconds, nanos };
        assert_eq!(serde_json::to_string(&time).unwrap(), json);
        assert_eq!(serde_json::from_str::<Timestamp>(json).unwrap(), time);
    }

    #[test]
    fn json_is_canonical() {
        check(0, 0, r#""1970-01-01T00:00:00Z""#);
        check(1_420_290_308, 180_000_000, r#""2015-01-03T13:05:08.180Z""#);
        check(-1, 999_999_000, r#""1969-12-31T23:59:59.999999Z""#);
        check(*SECONDS.start(), 0, r#""0001-01-01T00:00:00Z""#);
        check(
            *SECONDS.end(),
            999_999_999,
            r#""9999-12-31T23:59:59.999999999Z""#,
        );
    }

    #[test]
    fn times_that_json_cannot_say_are_errors() {
        for (seconds, nanos) in [(*SECONDS.end() + 1, 0), (0, -1), (0, 1_000_000_000)] {
            let time = Timestamp { seconds, nanos };
            assert!(serde_json::to_string(&time).is_err());
        }
        assert!(serde_json::from_str::<Timestamp>(r#""yesterday""#).is_err());
    }
}
