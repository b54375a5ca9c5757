//! Records on their way out.

use std::{collections::BTreeMap, mem};

use crate::record::{Body, DnsAnswer, Kind, Record};

/// Records sent at once: enough to make a message cheap.
const RECORDS_MAX: usize = 512;

/// Bytes of one batch, about; a record adds at most that of one DNS answer of 64 KiB,
/// written out. Far below what a message may have.
const BYTES_MAX: usize = 256 << 10;

/// What a record takes beside its text.
const RECORD_BYTES: usize = 256;

/// Gathers records, and counts what goes out.
#[derive(Debug, Default)]
pub(super) struct Batch {
    records: Vec<Record>,
    n_bytes: usize,
    /// Records of the batch before: about as many come next.
    n_before: usize,
    /// By the position in [`Kind::ALL`].
    by_kind: [u64; Kind::ALL.len()],
}

impl Batch {
    /// Adds one record; gives the batch back when it is full.
    pub(super) fn push(&mut self, record: Record) -> Option<Vec<Record>> {
        self.n_bytes += text_bytes(&record.body) + RECORD_BYTES;
        if self.records.is_empty() {
            self.records.reserve_exact(self.n_before);
        }
        self.records.push(record);
        let full = self.records.len() >= RECORDS_MAX || self.n_bytes >= BYTES_MAX;
        if full { self.take() } else { None }
    }

    /// What there is, if anything.
    pub(super) fn take(&mut self) -> Option<Vec<Record>> {
        self.n_bytes = 0;
        let records = mem::take(&mut self.records);
        self.n_before = records.len();
        for record in &records {
            let kind = record.body.kind();
            let at = Kind::ALL.iter().position(|known| *known == kind);
            if let Some(count) = at.and_then(|at| self.by_kind.get_mut(at)) {
                *count += 1;
            }
        }
        (!records.is_empty()).then_some(records)
    }

    /// Records taken so far.
    pub(super) fn by_kind(&self) -> BTreeMap<Kind, u64> {
        let all = Kind::ALL.into_iter().zip(self.by_kind);
        all.filter(|(_, count)| *count > 0).collect()
    }
}

fn text_bytes(body: &Body) -> usize {
    match body {
        Body::Flow(_) => 0,
        Body::Dns(dns) => {
            let bytes = |answer: &DnsAnswer| {
                answer.name.len() + answer.record_type.len() + answer.data.len() + 16
            };
            dns.query_name.len() + dns.answers.iter().map(bytes).sum::<usize>()
        }
        Body::Http(http) => {
            let texts: [&str; 8] = [
                &http.method,
                &http.host,
                &http.target,
                &http.version,
                &http.user_agent,
                &http.content_type,
                &http.referrer,
                &http.server,
            ];
            texts.into_iter().map(str::len).sum()
        }
        Body::Tls(tls) => {
            let alpn: usize = tls.client_alpn.iter().map(|name| name.len()).sum();
            let certificates = tls.server_certificates.iter();
            let certificates = certificates.map(|one| one.bytes()).sum::<usize>();
            tls.server_name.len() + tls.server_alpn.len() + alpn + certificates
        }
        Body::Quic(quic) => {
            let alpn: usize = quic.client_alpn.iter().map(|name| name.len()).sum();
            quic.server_name.len() + alpn
        }
        Body::Ssh(ssh) => ssh.client_banner.len() + ssh.server_banner.len(),
        Body::Dhcp(dhcp) => {
            let types: usize = dhcp.message_types.iter().map(String::len).sum();
            dhcp.host_name.len() + types
        }
        Body::Finding(finding) => finding.message.len(),
    }
}
