use expect_test::{Expect, expect};

use super::*;

fn check(columns: usize, bucket: pbjson_types::Duration, values: &[u64], want: Expect) {
    let series = TimeSeries {
        start_time: Some(Timestamp {
            seconds: 1_700_000_000,
            nanos: 0,
        }),
        bucket: Some(bucket),
        packets: values.iter().map(|v| v.div_ceil(1000)).collect(),
        bytes: values.to_vec(),
        outside_packets: 0,
    };
    let mut out = String::new();
    let view = View {
        columns: Some(columns),
        color: false,
    };
    // expect-test takes away an indent that all lines share.
    out.push_str("chart\n");
    activity(&series, view, &mut out);
    want.assert_eq(&out);
}

const SECOND: pbjson_types::Duration = pbjson_types::Duration {
    seconds: 1,
    nanos: 0,
};
const MILLISECOND: pbjson_types::Duration = pbjson_types::Duration {
    seconds: 0,
    nanos: 1_000_000,
};

#[test]
fn few_buckets_are_drawn_wide() {
    check(
        54,
        SECOND,
        &[0, 400, 10_000, 80_000, 2_000, 0, 1],
        expect![[r#"
            chart
              80.0 kB/s ┤               █████
                        ┤               █████
                        ┤               █████
                        ┤               █████
                      0 ┤     ▁▁▁▁▁▅▅▅▅▅█████▁▁▁▁▁     ▁▁▁▁▁
                        └───────────────────────────────────
                         22:13:20   22:13:23        22:13:27
                packets       ▁▁▁▁▁▁▁▁▁▁█████▁▁▁▁▁     ▁▁▁▁▁
              one column is 1.00 s; at most 80 packets/s
        "#]],
    );
}

#[test]
fn many_buckets_are_summed_into_columns_of_equal_span() {
    let ramp: Vec<u64> = (0..1000).map(|v| v * v).collect();
    check(
        60,
        MILLISECOND,
        &ramp,
        expect![[r#"
        chart
           958 MB/s ┤                                        ▁▂▄▆█
                    ┤                                   ▁▂▄▅▇█████
                    ┤                             ▁▂▄▅▆███████████▂
                    ┤                     ▁▂▃▄▅▆▇██████████████████
                  0 ┤▁▁▁▁▁▁▁▁▁▁▂▂▃▃▄▄▅▆▆▇██████████████████████████
                    └──────────────────────────────────────────────
                     22:13:20.000     22:13:20.506     22:13:21.012
            packets  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▂▂▂▂▂▃▃▃▃▄▄▄▄▅▅▅▅▆▆▆▇▇█▃
          one column is 22.0 ms; at most 958 k packets/s
    "#]],
    );
}

#[test]
fn one_moment_is_no_course() {
    check(
        60,
        SECOND,
        &[5],
        expect![[r#"
        chart
    "#]],
    );
    check(
        60,
        SECOND,
        &[],
        expect![[r#"
        chart
    "#]],
    );
}

#[test]
fn bars_show_whatever_is_there() {
    let bars = [(0, 9), (1, 1_000_000), (1, 2), (9, 9), (u64::MAX, 1)].map(|(p, w)| bar(p, w, 4));
    assert_eq!(bars, ["", "▏", "██", "████", "████"]);
}
