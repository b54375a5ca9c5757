//! What of a record is to be found.

use std::net::IpAddr;

use bytes::Bytes;
use prost::Message as _;
use weir_shared::proto::analyzer::v1::{
    AnalysisRecord, Endpoint, RecordKind, analysis_record::Kind,
};

use crate::{
    domain::{
        analyses::Records,
        error::Error,
        index::{Field, IndexRecord, ReadRecords},
    },
    grpc::analyses::frames::Frames,
};

const MICROS: i64 = 1_000_000;

/// Reads records as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordReader;

impl ReadRecords for RecordReader {
    fn read(&self, records: Records) -> Result<Vec<IndexRecord>, Error> {
        Frames::of(records)
            .map(|record| match record {
                Ok(record) => Ok(index(&record)),
                Err(error) => Err(Error::Internal(std::sync::Arc::new(error))),
            })
            .collect()
    }
}

fn index(record: &AnalysisRecord) -> IndexRecord {
    let time = record.time.unwrap_or_default();
    let (client, client_port) = endpoint(record.client.as_ref());
    let (server, server_port) = endpoint(record.server.as_ref());
    let mut indexed = IndexRecord {
        sequence: record.sequence,
        time_us: time
            .seconds
            .saturating_mul(MICROS)
            .saturating_add(i64::from(time.nanos) / 1_000),
        client,
        server,
        client_port,
        server_port,
        community: record.community_id.clone(),
        body: Bytes::from(record.encode_to_vec()),
        ..IndexRecord::default()
    };
    if let Some(kind) = &record.kind {
        tell(kind, &mut indexed);
    }
    indexed
}

fn endpoint(endpoint: Option<&Endpoint>) -> (Option<IpAddr>, u32) {
    match endpoint {
        // A MAC address, of a packet without IP, is none of those asked for.
        Some(Endpoint { address, port }) => (address.parse().ok(), *port),
        None => (None, 0),
    }
}

fn tell(kind: &Kind, indexed: &mut IndexRecord) {
    let (number, host) = match kind {
        Kind::Flow(flow) => {
            indexed.services.clone_from(&flow.services);
            (RecordKind::Flow, "")
        }
        Kind::Dns(dns) => {
            for answer in &dns.answers {
                indexed.words.push((Field::Name, answer.name.clone()));
                indexed.words.push((Field::Name, answer.data.clone()));
            }
            (RecordKind::Dns, &*dns.query_name)
        }
        Kind::Http(http) => {
            indexed.words.push((Field::Agent, http.user_agent.clone()));
            (RecordKind::Http, without_port(&http.host))
        }
        Kind::Tls(tls) => {
            for certificate in &tls.server_certificates {
                indexed
                    .words
                    .push((Field::Name, certificate.subject.clone()));
                for name in &certificate.subject_alt_names {
                    indexed.words.push((Field::Name, name.clone()));
                }
            }
            (RecordKind::Tls, &*tls.server_name)
        }
        Kind::Quic(quic) => (RecordKind::Quic, &*quic.server_name),
        Kind::Ssh(_) => (RecordKind::Ssh, ""),
        Kind::Dhcp(dhcp) => (RecordKind::Dhcp, &*dhcp.host_name),
        Kind::Finding(finding) => {
            indexed.severity = u32::try_from(finding.severity).unwrap_or(0);
            indexed.words.push((Field::Finding, finding.code.clone()));
            indexed
                .words
                .push((Field::Finding, finding.message.clone()));
            (RecordKind::Finding, "")
        }
    };
    indexed.kind = u32::try_from(i32::from(number)).unwrap_or(0);
    if !host.is_empty() {
        indexed.host = host.to_owned();
        indexed.words.push((Field::Name, host.to_owned()));
    }
}

/// A Host header's name (RFC 9110, section 7.2). An address in brackets is left
/// as it is.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use weir_shared::proto::{
        Timestamp,
        analyzer::v1::{DnsAnswer, DnsTransaction, HttpTransaction},
    };

    use super::*;

    #[test]
    fn a_record_is_found_by_what_it_says() {
        let dns = AnalysisRecord {
            sequence: 7,
            time: Some(Timestamp {
                seconds: -1,
                nanos: 999_999_999,
            }),
            client: Some(Endpoint {
                address: "2001:db8::1".to_owned(),
                port: 5353,
            }),
            server: Some(Endpoint {
                address: "00:11:22:33:44:55".to_owned(),
                port: 0,
            }),
            kind: Some(Kind::Dns(DnsTransaction {
                query_name: "www.Example.com".to_owned(),
                answers: vec![DnsAnswer {
                    name: "www.example.com".to_owned(),
                    data: "192.0.2.1".to_owned(),
                    ..DnsAnswer::default()
                }],
                ..DnsTransaction::default()
            })),
            ..AnalysisRecord::default()
        };
        let found = index(&dns);
        assert_eq!((found.sequence, found.time_us, found.kind), (7, -1, 2));
        assert_eq!(found.client, Some("2001:db8::1".parse().unwrap()));
        assert_eq!((found.server, found.client_port), (None, 5353));
        assert_eq!(found.host, "www.Example.com");
        assert_eq!(found.words.len(), 3);
        assert_eq!(AnalysisRecord::decode(found.body).unwrap(), dns);
    }

    #[test]
    fn a_host_is_without_its_port() {
        for (host, wanted) in [
            ("a.example:8080", "a.example"),
            ("a.example", "a.example"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
            ("a:b", "a:b"),
        ] {
            let http = Kind::Http(HttpTransaction {
                host: host.to_owned(),
                ..HttpTransaction::default()
            });
            let mut indexed = IndexRecord::default();
            tell(&http, &mut indexed);
            assert_eq!(indexed.host, wanted);
        }
    }
}
