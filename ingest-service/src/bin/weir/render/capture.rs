//! The capture itself: verdict, counts, times, interfaces.

use weir_shared::proto::analyzer::v1::{
    CaptureInfo, Compression, Dropped, FileFormat, Interface, Summary, Verdict,
};

use super::{
    text::{escape, width},
    units::{between, bytes, count, counted, date_time, span},
    view::{Tone, View},
};
use crate::report::Report;

/// Interfaces named in the summary; a capture may have thousands.
const INTERFACES_SHOWN: usize = 8;

pub(super) fn summary(title: &str, report: &Report, view: View, out: &mut String) {
    let Report { info, summary, .. } = report;
    let title = escape(title);
    out.push_str(&view.paint(Tone::Heading, &title));
    out.push('\n');
    out.push_str(&view.paint(Tone::Faint, &"═".repeat(width(&title))));
    out.push('\n');
    let mut fact = |name: &str, text: String| {
        if !text.is_empty() {
            let name = view.paint(Tone::Faint, &format!("{name:<10}"));
            out.push_str(&format!("  {name}  {text}\n"));
        }
    };
    fact("verdict", verdict(summary, view));
    fact("format", format_text(info));
    fact("packets", packets(summary));
    fact("time", times(summary));
    fact("flows", count(summary.flows));
    fact("records", records(summary));
    fact("links", interfaces(info, summary));
    fact("checksums", checksums(summary));
    if let Some(dropped) = &summary.dropped {
        let text = dropped_text(dropped);
        fact("dropped", view.paint(Tone::Warning, &text));
    }
}

fn verdict(summary: &Summary, view: View) -> String {
    let (tone, name) = match summary.verdict() {
        Verdict::Complete => return view.paint(Tone::Good, "complete"),
        Verdict::Truncated => (Tone::Warning, "truncated"),
        Verdict::Corrupt => (Tone::Alert, "corrupt"),
        Verdict::Limited => (Tone::Warning, "limited"),
        Verdict::Unspecified => (Tone::Alert, "unknown"),
    };
    let mut text = view.paint(tone, name);
    text.push_str(&format!(" at byte {}", count(summary.stopped_at_byte)));
    if !summary.stopped_because.is_empty() {
        text.push_str(&format!(": {}", escape(&summary.stopped_because)));
    }
    text
}

fn format_text(info: &CaptureInfo) -> String {
    let mut text = match info.format() {
        FileFormat::Pcap => "pcap",
        FileFormat::PcapNanosecond => "pcap, nanoseconds",
        FileFormat::Pcapng => "pcapng",
        FileFormat::Unspecified => "unknown",
    }
    .to_owned();
    match info.compression() {
        Compression::Unspecified | Compression::None => {}
        Compression::Gzip => text.push_str(", gzip"),
        Compression::Zstd => text.push_str(", zstd"),
        Compression::Lz4 => text.push_str(", lz4"),
    }
    if info.size_bytes > 0 {
        text.push_str(&format!(", {}", bytes(info.size_bytes)));
    }
    text
}

fn packets(summary: &Summary) -> String {
    let mut text = count(summary.packets);
    if summary.packets == 0 {
        return text;
    }
    text.push_str(&format!(", {} on the wire", bytes(summary.wire_bytes)));
    if summary.captured_bytes != summary.wire_bytes {
        text.push_str(&format!(", {} captured", bytes(summary.captured_bytes)));
    }
    if summary.truncated_packets > 0 {
        let cut = count(summary.truncated_packets);
        text.push_str(&format!(", {cut} cut by the snap length"));
    }
    text
}

fn times(summary: &Summary) -> String {
    let (Some(first), Some(last)) = (&summary.first_packet_time, &summary.last_packet_time) else {
        return String::new();
    };
    let (from, to, length) = (
        date_time(first),
        date_time(last),
        span(between(first, last)),
    );
    let order = if summary.time_ordered {
        ""
    } else {
        ", packets not in order of time"
    };
    format!("{from} to {to} UTC ({length}){order}")
}

fn records(summary: &Summary) -> String {
    let mut kinds: Vec<_> = summary
        .records_by_kind
        .iter()
        .filter(|(_, n)| **n > 0)
        .collect();
    kinds.sort_by_key(|(kind, n)| (std::cmp::Reverse(**n), *kind));
    let kinds: Vec<_> = kinds
        .into_iter()
        .map(|(kind, n)| format!("{} {}", count(*n), escape(kind)))
        .collect();
    kinds.join(", ")
}

/// Link types, with the interfaces' names and counts where there are several.
fn interfaces(info: &CaptureInfo, summary: &Summary) -> String {
    let all = if summary.interfaces.is_empty() {
        &info.interfaces
    } else {
        &summary.interfaces
    };
    let several = all.len() > 1;
    let mut texts: Vec<_> = all
        .iter()
        .take(INTERFACES_SHOWN)
        .map(|interface| interface_text(interface, several))
        .collect();
    if all.len() > INTERFACES_SHOWN {
        texts.push(format!(
            "{} more",
            count((all.len() - INTERFACES_SHOWN) as u64)
        ));
    }
    texts.join(", ")
}

fn interface_text(interface: &Interface, several: bool) -> String {
    let mut text = link_type(interface.link_type);
    if !interface.name.is_empty() {
        text.push_str(&format!(" {}", escape(&interface.name)));
    }
    if several {
        text.push_str(&format!(" ({})", count(interface.packets)));
    }
    text
}

/// Names of the link types that are decoded, and of the common others, of
/// which packets are counted only.
fn link_type(number: u32) -> String {
    let name = match number {
        0 => "null",
        1 => "ethernet",
        12 | 14 | 101 => "raw IP",
        108 => "loop",
        113 => "linux cooked v1",
        228 => "raw IPv4",
        229 => "raw IPv6",
        276 => "linux cooked v2",
        9 | 50 => "PPP",
        51 => "PPP over Ethernet",
        104 => "Cisco HDLC",
        105 => "802.11",
        107 => "frame relay (not decoded)",
        119 => "802.11 Prism",
        127 => "802.11 radiotap",
        163 => "802.11 AVS",
        192 => "802.11 PPI",
        239 => "NFLOG",
        258 => "PKTAP",
        195 => "802.15.4 (not decoded)",
        _ => return format!("link type {number} (not decoded)"),
    };
    name.to_owned()
}

fn checksums(summary: &Summary) -> String {
    let wrong = [
        (summary.ip_checksum_errors, "IP"),
        (summary.tcp_checksum_errors, "TCP"),
        (summary.udp_checksum_errors, "UDP"),
    ];
    let wrong: Vec<_> = wrong
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{} {name}", count(*n)))
        .collect();
    match wrong.is_empty() {
        true => String::new(),
        // An offloading network card leaves those of one direction to be filled in later.
        false => format!("{} wrong (often offloading, not damage)", wrong.join(", ")),
    }
}

fn dropped_text(dropped: &Dropped) -> String {
    let Dropped {
        evicted_flows,
        reassembly_bytes,
        findings,
        pending_transactions,
        fragments,
        paths,
    } = dropped;
    let parts = [
        (*evicted_flows, "flow"),
        (*reassembly_bytes, "reassembly byte"),
        (*findings, "uncounted occurrence"),
        (*pending_transactions, "waiting transaction"),
        (*fragments, "fragmented datagram"),
        (*paths, "unlisted-path packet"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, thing)| counted(*n, thing))
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("{} (bounds of the analyzer)", parts.join(", ")),
    }
}
