//! What is kept of an analysis while it streams, to be drawn at its end: the
//! largest flows, groups of like things, never all records.

pub(crate) mod groups;
mod sessions;
pub(crate) mod top;

use std::time::Duration;

use weir_shared::proto::analyzer::v1::{
    AnalysisRecord, CaptureInfo, DnsTransaction, Endpoint, Finding, Flow, HttpTransaction, Summary,
    TlsHandshake, analysis_record::Kind,
};

use crate::render::units::proto_span;
use groups::Groups;
pub(crate) use sessions::{DhcpRow, QuicGroup, QuicKey, SshGroup, SshKey};
use top::Top;

/// Answers kept of a group of DNS transactions: a row shows no more.
const ANSWERS_MAX: usize = 4;

/// Everything that the tables show.
#[derive(Debug)]
pub(crate) struct Report {
    /// Rows per table.
    pub(crate) limit: usize,
    pub(crate) info: CaptureInfo,
    pub(crate) summary: Summary,
    /// Most bytes first.
    pub(crate) flows: Top<u64, Box<Flow>>,
    pub(crate) dns: Groups<DnsKey, DnsGroup>,
    /// In the order of their completion.
    pub(crate) http: Top<(), Box<HttpRow>>,
    pub(crate) tls: Groups<TlsKey, TlsGroup>,
    pub(crate) quic: Groups<QuicKey, QuicGroup>,
    pub(crate) ssh: Groups<SshKey, SshGroup>,
    /// In the order of their completion.
    pub(crate) dhcp: Top<(), Box<DhcpRow>>,
    /// The gravest first, then the most frequent.
    pub(crate) findings: Top<(i32, u64), Box<Finding>>,
}

/// DNS transactions that a person takes for the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct DnsKey {
    name: String,
    query_type: String,
    response_code: String,
    transport: String,
    query_seen: bool,
}

#[derive(Debug)]
pub(crate) struct DnsGroup {
    pub(crate) name: String,
    pub(crate) query_type: String,
    pub(crate) response_code: String,
    pub(crate) transport: String,
    pub(crate) query_seen: bool,
    /// Of the first that had any, at most [`ANSWERS_MAX`].
    pub(crate) answers: Vec<String>,
    pub(crate) n_answers: usize,
    pub(crate) slowest: Option<Duration>,
    pub(crate) server: Option<Endpoint>,
}

/// An HTTP transaction and who had it.
#[derive(Debug)]
pub(crate) struct HttpRow {
    pub(crate) time: Option<weir_shared::proto::Timestamp>,
    pub(crate) client: Option<Endpoint>,
    pub(crate) server: Option<Endpoint>,
    pub(crate) transaction: HttpTransaction,
}

/// Handshakes with the same server that came out the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct TlsKey {
    server_name: String,
    address: String,
    port: u32,
    version: String,
    cipher_suite: String,
    alert: String,
}

#[derive(Debug)]
pub(crate) struct TlsGroup {
    pub(crate) server: Option<Endpoint>,
    pub(crate) handshake: TlsHandshake,
}

impl Report {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            info: CaptureInfo::default(),
            summary: Summary::default(),
            flows: Top::new(limit),
            dns: Groups::new(),
            http: Top::new(limit),
            tls: Groups::new(),
            quic: Groups::new(),
            ssh: Groups::new(),
            dhcp: Top::new(limit),
            findings: Top::new(limit),
        }
    }

    /// Takes one record in.
    pub(crate) fn add(&mut self, record: AnalysisRecord) {
        let AnalysisRecord {
            time,
            client,
            server,
            kind,
            ..
        } = record;
        match kind {
            Some(Kind::Flow(flow)) => self.add_flow(flow),
            Some(Kind::Dns(dns)) => self.add_dns(dns, server),
            Some(Kind::Http(transaction)) => {
                let row = HttpRow {
                    time,
                    client,
                    server,
                    transaction,
                };
                self.http.push((), Box::new(row));
            }
            Some(Kind::Tls(handshake)) => self.add_tls(handshake, server),
            Some(Kind::Finding(finding)) => {
                let rank = (finding.severity, finding.count);
                self.findings.push(rank, Box::new(finding));
            }
            Some(Kind::Quic(handshake)) => self.add_quic(handshake, server),
            Some(Kind::Ssh(handshake)) => self.add_ssh(handshake, server),
            Some(Kind::Dhcp(exchange)) => {
                self.dhcp.push((), Box::new(DhcpRow { time, exchange }));
            }
            None => {}
        }
    }

    fn add_flow(&mut self, flow: Flow) {
        // Its counters come again in the record of its end.
        if !flow.interim {
            self.flows.push(flow_bytes(&flow), Box::new(flow));
        }
    }

    fn add_dns(&mut self, dns: DnsTransaction, server: Option<Endpoint>) {
        let key = DnsKey {
            name: dns.query_name.clone(),
            query_type: dns.query_type.clone(),
            response_code: dns.response_code.clone(),
            transport: dns.transport.clone(),
            query_seen: dns.query_seen,
        };
        let n_answers = dns.answers.len();
        let answers = dns.answers.into_iter().take(ANSWERS_MAX);
        let one = DnsGroup {
            name: dns.query_name,
            query_type: dns.query_type,
            response_code: dns.response_code,
            transport: dns.transport,
            query_seen: dns.query_seen,
            answers: answers.map(|answer| answer.data).collect(),
            n_answers,
            slowest: dns.response_time.as_ref().and_then(proto_span),
            server,
        };
        self.dns.add(key, one, |group, one| {
            group.slowest = group.slowest.max(one.slowest);
            if group.answers.is_empty() {
                group.answers = one.answers;
                group.n_answers = one.n_answers;
            }
        });
    }

    fn add_tls(&mut self, handshake: TlsHandshake, server: Option<Endpoint>) {
        let (address, port) = match &server {
            Some(server) => (server.address.clone(), server.port),
            None => (String::new(), 0),
        };
        let key = TlsKey {
            server_name: handshake.server_name.clone(),
            address,
            port,
            version: handshake.version.clone(),
            cipher_suite: handshake.cipher_suite.clone(),
            alert: handshake.alert.clone(),
        };
        self.tls.add(key, TlsGroup { server, handshake }, |_, _| {});
    }
}

/// IP bytes of both directions.
pub(crate) fn flow_bytes(flow: &Flow) -> u64 {
    let of = |counters: &Option<_>| {
        counters
            .as_ref()
            .map_or(0, |c: &weir_shared::proto::analyzer::v1::Counters| {
                c.ip_bytes
            })
    };
    of(&flow.client_to_server).saturating_add(of(&flow.server_to_client))
}
