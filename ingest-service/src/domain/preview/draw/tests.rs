use proptest::prelude::*;
use quick_xml::{Reader, events::Event};

use super::{
    super::sketch::{Activity, ProtocolCount},
    *,
};
use text::{DAY, HOUR, MINUTE, SECOND, amount, clean};
use ticks::{amounts, times};

fn caption(title: &str) -> Caption {
    Caption {
        title: title.to_owned(),
        capture_id: "web".to_owned(),
    }
}

fn protocol(path: &str, packets: u64, bytes: u64) -> ProtocolCount {
    ProtocolCount {
        path: path.to_owned(),
        packets,
        bytes,
    }
}

fn usual() -> Sketch {
    Sketch {
        packets: 40,
        bytes: 9_000,
        cut: String::new(),
        activity: Some(Activity {
            start_ns: 1_795_996_800_000_000_000,
            bucket_ns: 1_000_000_000,
            packets: vec![10, 0, 30],
            bytes: vec![2_000, 0, 7_000],
            outside: 0,
        }),
        protocols: vec![
            protocol("eth", 40, 9_000),
            protocol("eth:ip:tcp", 30, 8_000),
            protocol("eth:ip", 39, 8_900),
            protocol("eth:ip:tcp:tls", 20, 6_000),
        ],
    }
}

/// How many pixels are not white, and the texts of the SVG. Both must be sound.
fn read(images: &Images) -> (usize, Vec<String>) {
    let decoder = png::Decoder::new(std::io::Cursor::new(&images.png));
    let mut decoded = decoder.read_info().unwrap();
    let mut pixels = vec![0; decoded.output_buffer_size().unwrap()];
    let info = decoded.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
    let inked = pixels.chunks(3).filter(|p| *p != [255; 3]).count();

    let svg = std::str::from_utf8(&images.svg).unwrap();
    let is_xml = |c: char| c == '\n' || (!c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    assert!(svg.chars().all(is_xml), "{svg}");
    let mut reader = Reader::from_str(svg);
    let (mut texts, mut text) = (Vec::new(), None::<String>);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name();
                let name = std::str::from_utf8(name.as_ref()).unwrap().to_owned();
                let known = ["svg", "rect", "text", "line", "polyline", "polygon"];
                assert!(known.contains(&&*name), "{name}");
                for attribute in tag.attributes() {
                    attribute.unwrap();
                }
                text = (name == "text").then(String::new);
            }
            Event::Text(more) => {
                if let Some(text) = &mut text {
                    text.push_str(&more.decode().unwrap());
                }
            }
            Event::GeneralRef(entity) => {
                if let Some(text) = &mut text {
                    text.push_str(&format!("&{};", entity.decode().unwrap()));
                }
            }
            Event::End(_) => texts.extend(text.take().map(|text| text.trim().to_owned())),
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(images.png.len() <= IMAGE_BYTES_MAX && images.svg.len() <= IMAGE_BYTES_MAX);
    (inked, texts)
}

/// The same each time, with these texts.
fn check(title: &str, sketch: &Sketch, wanted: &[&str]) {
    let images = draw(&caption(title), sketch).unwrap();
    assert!(images == draw(&caption(title), sketch).unwrap(), "{title}");
    let (inked, texts) = read(&images);
    assert!(inked > 500, "{title}: {inked} pixels");
    for wanted in wanted {
        assert!(
            texts.iter().any(|t| t == wanted),
            "no {wanted:?}: {texts:?}"
        );
    }
}

#[test]
fn a_picture_says_what_when_and_how_much() {
    let figures = "capture web\u{2002}·\u{2002}40 packets\u{2002}·\u{2002}9 kB\u{2002}·\u{2002}2026-11-30 00:00:00 UTC, 3 s";
    check(
        "office.pcapng",
        &usual(),
        &[
            "office.pcapng",
            figures,
            "Bytes per 1 s",
            "8 kB",
            "00:00:05",
            "UTC, 2026-11-30",
            "Protocols by bytes",
            "tls",
            "66.7 %\u{2002}6 kB",
            "tcp",
            "22.2 %\u{2002}2 kB",
        ],
    );
    // Without a file's name it is the capture's own.
    let only_packets = Sketch {
        bytes: 0,
        activity: Some(Activity {
            bytes: vec![0; 3],
            ..usual().activity.unwrap()
        }),
        protocols: vec![protocol("eth", 40, 0)],
        ..usual()
    };
    check(
        "",
        &only_packets,
        &["web", "Packets per 1 s", "30", "100.0 %\u{2002}40 packets"],
    );
}

#[test]
fn odd_summaries_are_drawn_as_well() {
    let with = |change: &dyn Fn(&mut Activity)| {
        let mut sketch = usual();
        change(sketch.activity.as_mut().unwrap());
        sketch
    };
    check("empty", &Sketch::default(), &["No packets", "No protocols"]);
    let untimed = Sketch {
        activity: None,
        ..usual()
    };
    check("untimed", &untimed, &["No packet has a time"]);
    let unwidened = with(&|a| a.bucket_ns = 0);
    check("no width", &unwidened, &["No packet has a time"]);
    let one = with(&|a| (a.packets, a.bytes, a.bucket_ns) = (vec![1], vec![60], 1_000_000));
    check("one packet", &one, &["Bytes per 1 ms", "60 B"]);
    let instant = with(&|a| (a.bytes, a.bucket_ns) = (vec![1], 1));
    check("an instant", &instant, &["Bytes per 1 ns"]);
    let many = with(&|a| (a.bytes, a.bucket_ns) = (vec![u64::MAX; 10_000], u64::MAX));
    check("huge", &many, &["20 EB"]);
    for start_ns in [i128::MIN, i128::MAX, -1] {
        let far = with(&|a| (a.start_ns, a.outside) = (start_ns, 7));
        check("far", &far, &["Bytes per 1 s"]);
    }
    let cut = Sketch {
        cut: "ends inside a packet".to_owned(),
        packets: 1,
        ..Sketch::default()
    };
    check(
        "",
        &cut,
        &["1 packet\u{2002}·\u{2002}0 B\u{2002}·\u{2002}ends inside a packet"],
    );
}

#[test]
fn names_from_outside_are_harmless_and_short() {
    let mut sketch = usual();
    let long = "x".repeat(100_000);
    sketch.protocols = vec![
        protocol("<b>&\"'", 1, 900),
        protocol(&format!("eth:{long}"), 1, 100),
        protocol("a\u{0}\u{1b}[2J\u{fffe}", 1, 50),
    ];
    let title = format!("<script>alert('&')</script>\u{1b}[31m\r\n\u{202e}{long}");
    let images = draw(&caption(&title), &sketch).unwrap();
    let (_, texts) = read(&images);
    let begins = "&lt;script&gt;alert(&apos;&amp;&apos;)&lt;/script&gt;\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}x";
    assert!(
        texts[0].starts_with(begins) && texts[0].ends_with("x…"),
        "{}",
        texts[0]
    );
    assert!(texts.iter().all(|text| text.len() < 400));
    assert!(
        texts
            .iter()
            .any(|text| text == "&lt;b&gt;&amp;&quot;&apos;")
    );
    assert!(
        texts
            .iter()
            .any(|text| text == "a\u{fffd}\u{fffd}[2J\u{fffd}")
    );
    assert_eq!(clean(&"é".repeat(201)).chars().count(), 201);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_told_is_drawn(
        title in any::<String>(),
        start_ns in any::<i128>(),
        bucket_ns in any::<u64>(),
        bytes in prop::collection::vec(any::<u64>(), 0..600),
        paths in prop::collection::vec((any::<String>(), any::<u64>()), 0..30),
    ) {
        let sketch = Sketch {
            packets: bucket_ns,
            activity: Some(Activity { start_ns, bucket_ns, packets: bytes.clone(), bytes, outside: 0 }),
            protocols: paths.iter().map(|(path, n)| protocol(path, *n, *n)).collect(),
            ..Sketch::default()
        };
        let (inked, _) = read(&draw(&caption(&title), &sketch).unwrap());
        prop_assert!(inked > 100);
    }
}

#[test]
fn marks_of_time_are_round_and_have_room() {
    let at = 1_795_996_800 * SECOND.cast_signed() + 250_000_000;
    for (span, wanted) in [
        (3 * SECOND, "00:00:01 00:00:02 00:00:03"),
        (MINUTE, "00:00:15 00:00:30 00:00:45 00:01:00"),
        (20 * MINUTE, "00:05 00:10 00:15 00:20"),
        (12 * HOUR, "02:00 04:00 06:00 08:00 10:00 12:00"),
        (30 * HOUR, "11-30 12:00 12-01 00:00"),
        (5 * DAY, "2026-12-01 2026-12-03 2026-12-05"),
        (365 * DAY, "2027-03-03 2027-07-01 2027-10-29"),
        (
            1_000,
            "00:00:00.250000000 00:00:00.250000500 00:00:00.250001000",
        ),
        (0, "00:00:00.250000000"),
    ] {
        let marks = times(at, span, 520);
        let labels: Vec<_> = marks.iter().map(|mark| &*mark.label).collect();
        assert_eq!(labels.join(" "), wanted, "{span}");
        assert!(marks.iter().all(|mark| mark.offset_ns <= span));
    }
    assert_eq!(times(at, SECOND, 10), []);
    assert!(times(i128::MAX, u128::MAX, 520).len() < 10);
}

#[test]
fn amounts_are_round_and_told_in_three_digits() {
    for (peak, wanted) in [
        (0, vec![0.0, 1.0]),
        (1, vec![0.0, 1.0]),
        (60, vec![0.0, 20.0, 40.0, 60.0]),
        (7_000, vec![0.0, 2e3, 4e3, 6e3, 8e3]),
        (u64::MAX, vec![0.0, 5e18, 1e19, 1.5e19, 2e19]),
    ] {
        assert_eq!(amounts(peak), wanted);
    }
    for (value, wanted) in [
        (0.0, "0 B"),
        (999.0, "999 B"),
        (1_000.0, "1 kB"),
        (1_234.0, "1.23 kB"),
        (12_340.0, "12.3 kB"),
        (999_499.0, "999 kB"),
        (999_500.0, "1 MB"),
        (1e30, "1000000000000 EB"),
    ] {
        assert_eq!(amount(value, Unit::Bytes), wanted);
    }
    for (ns, wanted) in [
        (0, "0 s"),
        (1, "1 ns"),
        (100_000_000, "100 ms"),
        (1_500_000_000, "1 s 500 ms"),
        (9_000 * SECOND, "2 h 30 min"),
        (DAY + SECOND, "1 d"),
    ] {
        assert_eq!(span(ns), wanted);
    }
}
