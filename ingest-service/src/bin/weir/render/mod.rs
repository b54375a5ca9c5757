//! An analysis as a person reads it. Everything here makes text; nothing prints.

pub(crate) mod analyses;
mod application;
mod capture;
mod chart;
pub(crate) mod events;
pub(crate) mod found;
pub(crate) mod list;
mod network;
mod sessions;
pub(crate) mod table;
pub(crate) mod text;
mod tree;
pub(crate) mod units;
pub(crate) mod view;

use crate::report::Report;
use view::{Tone, View};

/// The whole report on one file.
pub(crate) fn report(title: &str, report: Report, view: View) -> String {
    let mut out = String::new();
    capture::summary(title, &report, view, &mut out);
    network::protocols(&report.summary, view, &mut out);
    network::talkers(&report, view, &mut out);
    network::activity(&report.summary, view, &mut out);
    let Report {
        limit,
        summary,
        flows,
        dns,
        http,
        tls,
        quic,
        ssh,
        dhcp,
        findings,
        ..
    } = report;
    network::flows(flows, &summary, view, &mut out);
    application::dns(dns, limit, view, &mut out);
    application::http(http, &summary, view, &mut out);
    application::tls(tls, limit, view, &mut out);
    sessions::quic(quic, limit, view, &mut out);
    sessions::ssh(ssh, limit, view, &mut out);
    sessions::dhcp(dhcp, &summary, view, &mut out);
    application::findings(findings, view, &mut out);
    out
}

/// `Title`, or `Title (note)`, after an empty line.
fn heading(title: &str, note: &str, view: View, out: &mut String) {
    out.push('\n');
    out.push_str(&view.paint(Tone::Heading, title));
    if !note.is_empty() {
        out.push_str(&view.paint(Tone::Faint, &format!("  {note}")));
    }
    out.push('\n');
}

/// What a heading says about rows that are not shown.
fn shown(rows: usize, of: u64, order: &str) -> String {
    if rows as u64 == of {
        units::count(of)
    } else {
        let (rows, of) = (units::count(rows as u64), units::count(of));
        format!("{rows} of {of}, {order}; --limit shows more")
    }
}

#[cfg(test)]
mod tests;
