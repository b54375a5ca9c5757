//! Filters beside libpcap's: a filter gives what the file that tcpdump filtered gives.
//! Ignored without tcpdump: `.ci/run captures` installs it and runs this.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    capture::{CaptureReader, Item},
    filter::Filter,
    record::{Body, Progress, Record, Summary, Time, Verdict},
};

/// Held against every capture.
const FEW: [&str; 12] = [
    "tcp",
    "not udp and not tcp",
    "udp port 53 or 137",
    "host 10.0.0.1 or net 192.168.0.0/16",
    "ip6 and not icmp6",
    "vlan",
    "vlan and (tcp or udp)",
    "port 80 or 443 and not host 10.0.0.1",
    "arp or icmp or proto 89",
    "greater 100 and less 1000",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "ether[12:2] = 0x800 or ip[8] > 60",
];

/// Held against those that were recorded of whole conversations.
const MORE: [&str; 34] = [
    "ip",
    "arp",
    "icmp",
    "igmp",
    "sctp",
    "icmp6",
    "ip proto 6",
    "ip6 proto 17",
    "proto \\udp",
    "ether proto 0x86dd",
    "ether proto \\arp",
    "ether multicast",
    "broadcast",
    "ip multicast or ip6 multicast",
    "src host 192.0.2.1",
    "dst 192.0.2.1",
    "src and dst net 192",
    "src or dst port 53",
    "src port 80 or 443",
    "tcp dst portrange 1-1023",
    "udp portrange 137-138 or 5353",
    "not (port 80 or 443 or 53)",
    "not port 80 and 443",
    "tcp port (80 or 22) and not src 192.0.2.2",
    "udp or tcp and port 53",
    "vlan 10 or vlan 20 and ip",
    "vlan and vlan",
    "vlan and host 192.0.2.1 or port 443",
    "net fe80::/10 or net 2001:db8::/32",
    "ip6 src fe80::1 or ff02::fb",
    "ip[6:2] & 0x3fff != 0",
    "udp[4:2] > 100 and udp[8:2] & 0xff00 != 0",
    "icmp[icmptype] = icmp-echo or icmp6[icmp6type] = icmp6-echo",
    "len - 14 > ip[2:2] or tcp[12] >> 4 > 5",
];

/// All that an analysis says, with packets numbered among those that passed.
#[derive(Default)]
struct Kept {
    records: Vec<Record>,
    summary: Option<Summary>,
}

impl Sink for Kept {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::CaptureInfo(_) => {}
            Event::Records(records) => self.records.extend(records),
            Event::Summary(summary) => self.summary = Some(*summary),
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// What is said of a capture: records and counts, whatever the file around them.
fn said(capture: &[u8], filter: Option<&Filter>) -> String {
    let options = Options {
        filter: filter.cloned(),
        ..Options::default()
    };
    let mut kept = Kept::default();
    analyze(capture, &options, &mut kept).unwrap();
    let passed = filter.map_or_else(Vec::new, |filter| numbers(capture, filter));
    let rank = |number: u64| match filter {
        Some(_) => passed.partition_point(|passed| *passed < number) as u64 + 1,
        None => number,
    };
    let mut lines = Vec::new();
    for mut record in kept.records {
        record.packet_number = rank(record.packet_number);
        match &mut record.body {
            Body::Flow(flow) => flow.first_packet_number = rank(flow.first_packet_number),
            Body::Finding(finding) => {
                finding.first_packet_number = rank(finding.first_packet_number);
            }
            _ => {}
        }
        lines.push(format!("{record:?}"));
    }
    let summary = kept.summary.unwrap();
    let of_packets = Summary {
        verdict: Verdict::Complete,
        interfaces: Vec::new(),
        blocks_by_type: Default::default(),
        ..summary
    };
    lines.push(format!("{of_packets:?}"));
    lines.join("\n")
}

/// Of the packets that pass.
fn numbers(capture: &[u8], filter: &Filter) -> Vec<u64> {
    let mut reader = CaptureReader::open(capture).unwrap();
    reader.filter(filter.clone());
    let mut numbers = Vec::new();
    loop {
        match reader.advance().unwrap() {
            Item::Packet => numbers.push(reader.packet_number()),
            Item::End(_) => return numbers,
            _ => {}
        }
    }
}

/// Link types that filters know. In others nothing is found, whatever libpcap finds.
const LINK_TYPES: [u16; 13] = [0, 1, 9, 12, 14, 50, 101, 104, 108, 113, 228, 229, 276];

/// Latest time that a classic pcap file can say, as tcpdump writes it: in the year 2106.
const LATEST: Time = Time(u32::MAX as i128 * 1_000_000_000);

/// A capture that both read to its end, and alike.
fn is_comparable(capture: &[u8]) -> bool {
    let Ok(mut reader) = CaptureReader::open(capture) else {
        return false;
    };
    let mut link_types = Vec::new();
    loop {
        match reader.advance().unwrap() {
            Item::End(verdict) => break link_types.len() <= 1 && verdict == Verdict::Complete,
            Item::Packet => {
                let packet = reader.packet().unwrap();
                // tcpdump writes other times, cuts to the snap length of the file, and
                // gives packets without a time one.
                let snap_length = reader.interfaces()[0].snap_length;
                let is_cut = snap_length != 0 && packet.data.len() > snap_length as usize;
                let is_odd = packet.data.len() > packet.wire_bytes as usize;
                let is_known = LINK_TYPES.contains(&packet.link_type);
                let is_late = packet.time.is_none_or(|time| time > LATEST);
                if packet.bad_time || is_late || is_cut || is_odd || !is_known {
                    break false;
                }
                if !link_types.contains(&packet.link_type) {
                    link_types.push(packet.link_type);
                }
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Tally {
    compared: usize,
    /// Where something passed, and not all.
    telling: usize,
    refused: usize,
    differences: Vec<String>,
}

fn compare(path: &Path, filters: &[&str], tally: &mut Tally) {
    let capture = fs::read(path).unwrap();
    if !is_comparable(&capture) {
        return;
    }
    let whole = said(&capture, None);
    let folder = tempfile::tempdir().unwrap();
    let filtered = folder.path().join("filtered.pcap");
    for text in filters {
        let filter = Filter::parse(text).unwrap();
        let ran = Command::new("tcpdump")
            .args(["-n", "--time-stamp-precision=nano", "-r"])
            .arg(path)
            .arg("-w")
            .arg(&filtered)
            .arg(text)
            .output()
            .expect("tcpdump");
        if !ran.status.success() {
            // It does not take every filter for every link type.
            tally.refused += 1;
            continue;
        }
        let theirs = said(&fs::read(&filtered).unwrap(), None);
        let ours = said(&capture, Some(&filter));
        tally.compared += 1;
        tally.telling += usize::from(ours != whole && ours.lines().count() > 1);
        if ours != theirs {
            let name = path.display();
            tally
                .differences
                .push(format!("{name}: {text}\nours   {ours}\ntheirs {theirs}"));
        }
    }
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            paths.extend(captures(&path));
        } else if path
            .extension()
            .is_some_and(|e| e == "pcap" || e == "pcapng")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths
}

#[test]
#[ignore = "needs tcpdump: .ci/run captures"]
fn a_filter_gives_what_the_filtered_file_gives() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tally = Tally::default();
    for path in captures(&project.join("captures")) {
        compare(&path, &FEW, &mut tally);
        compare(&path, &MORE, &mut tally);
    }
    assert!(tally.telling > 200, "{} tell something", tally.telling);
    // The public ones lie beside the project in CI only.
    let public = project.join("../../shared/captures");
    for path in captures(&public.join("protocols")) {
        compare(&path, &FEW, &mut tally);
        compare(&path, &MORE, &mut tally);
    }
    for path in captures(&public.join("link-types")) {
        compare(&path, &FEW, &mut tally);
    }
    println!(
        "{} compared, {} of them with some packets and not all, {} refused by tcpdump",
        tally.compared, tally.telling, tally.refused
    );
    for difference in tally.differences.iter().take(10) {
        for line in difference.lines() {
            println!("{}", line.get(..200).unwrap_or(line));
        }
    }
    assert_eq!(tally.differences.len(), 0, "differences");
}
