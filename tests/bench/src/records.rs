//! An analyzer that makes records up: what an index of a million is filled with, by the way
//! that all records go.

use std::{net::Ipv4Addr, pin::Pin};

use futures::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status};
use weir_shared::proto::{
    Timestamp,
    analyzer::v1::{
        AnalysisRecord, AnalyzeRequest, AnalyzeResponse, CaptureInfo, Counters, DnsAnswer,
        DnsTransaction, Endpoint, Finding, Flow, HttpTransaction, RecordBatch, Severity,
        SshHandshake, Summary, TlsHandshake,
        analysis_record::Kind,
        analyze_request::Source,
        analyze_response::Event,
        analyzer_service_server::{AnalyzerService, AnalyzerServiceServer},
    },
};

use weir_tests::{pair::Service, random::Random};

/// Of one capture.
pub const RECORDS: u64 = 4_000;

/// Capture time of the first record of the first capture, seconds since 1970 UTC.
pub const BEGIN: i64 = 1_700_000_000;
/// Between the beginnings of two captures; each is 20 minutes long.
pub const APART: i64 = 600;

/// Hosts that ask, and names that are asked for.
pub const CLIENTS: u32 = 5_000;
pub const NAMES: usize = 20_000;
pub const DOMAINS: usize = 300;

/// Records in one message of the analyzer.
const BATCH: usize = 500;

/// Starts one. It answers for captures `c0`, `c1` … with [`RECORDS`], and with as many as
/// the name of a capture says: `c0-50000`.
pub async fn start() -> Service {
    Service::start(|listener, stop| async move {
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tonic::transport::Server::builder()
            .add_service(AnalyzerServiceServer::new(Maker))
            .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
            .await?;
        Ok(())
    })
    .await
}

#[derive(Debug)]
struct Maker;

#[tonic::async_trait]
impl AnalyzerService for Maker {
    type AnalyzeStream = Pin<Box<dyn Stream<Item = Result<AnalyzeResponse, Status>> + Send>>;

    async fn analyze(
        &self,
        request: Request<AnalyzeRequest>,
    ) -> Result<Response<Self::AnalyzeStream>, Status> {
        let id = match request.into_inner().source {
            Some(Source::Stored(stored)) => stored.capture_id,
            _ => String::new(),
        };
        let (number, count) = named(&id).ok_or_else(|| Status::internal("not c0, c1 …"))?;
        let begin = Event::CaptureInfo(CaptureInfo::default());
        let records: Vec<_> = (0..count).map(|n| record(number, n)).collect();
        let batches: Vec<_> = records
            .chunks(BATCH)
            .map(|records| {
                let records = records.to_vec();
                Event::Records(RecordBatch { records })
            })
            .collect();
        let end = Event::Summary(Summary::default());
        let events = [begin].into_iter().chain(batches).chain([end]);
        let answers = events.map(|event| Ok(AnalyzeResponse { event: Some(event) }));
        Ok(Response::new(stream::iter(answers).boxed()))
    }
}

/// Number of a capture, and of its records.
fn named(id: &str) -> Option<(u32, u64)> {
    let (number, count) = match id.strip_prefix('c')?.split_once('-') {
        Some((number, count)) => (number, count.parse().ok()?),
        None => (id.strip_prefix('c')?, RECORDS),
    };
    Some((number.parse().ok()?, count))
}

/// Who asks.
#[must_use]
pub fn client(n: u32) -> Ipv4Addr {
    let [.., high, low] = (n % CLIENTS).to_be_bytes();
    Ipv4Addr::new(10, 0, high, low)
}

/// What is asked for.
#[must_use]
pub fn host(n: usize) -> String {
    let n = n % NAMES;
    format!("host{n}.site{}.example", n % DOMAINS)
}

/// The record `n`, from 0, of a capture: always the same.
#[must_use]
pub fn record(capture: u32, n: u64) -> AnalysisRecord {
    let mut random = Random::seeded((u64::from(capture) << 32) | n);
    let mut below = |end: u32| u32::try_from(random.below(end as usize)).unwrap();
    let millis = i64::from(capture) * APART * 1_000 + i64::try_from(n).unwrap() * 300;
    let share = below(1_000);
    // Some servers are asked much more often than others.
    let popular = 1 << below(15);
    let [.., high, low] = (below(popular) + popular).to_be_bytes();
    let server = Ipv4Addr::new(198, 18, high, low);
    let name = host(below(u32::try_from(NAMES).unwrap()) as usize);
    let (port, service) = match share {
        0..400 => (443, "tls"),
        400..850 => (53, "dns"),
        850..920 => (80, "http"),
        920..990 => (1_024 + below(60_000), ""),
        990..998 => (22, "ssh"),
        _ => (5_060, "sip"),
    };
    let community: Vec<String> = (0..5).map(|_| format!("{:05x}", below(1 << 20))).collect();
    let from = Endpoint {
        address: client(below(CLIENTS)).to_string(),
        port: 32_768 + below(28_000),
    };
    let to = Endpoint {
        address: server.to_string(),
        port,
    };
    AnalysisRecord {
        sequence: n + 1,
        time: Some(Timestamp {
            seconds: BEGIN + millis / 1_000,
            nanos: i32::try_from(millis % 1_000).unwrap() * 1_000_000,
        }),
        flow_id: n / 2 + 1,
        community_id: format!("1:{}", community.concat()),
        kind: Some(kind(below(1_000), service, &name, (&from, &to), below(100))),
        client: Some(from),
        server: Some(to),
        ip_protocol: if service == "dns" { 17 } else { 6 },
        packet_number: n * 10,
    }
}

/// 60 of 100 are flows, one is a finding, and the others say what was asked for.
fn kind(
    share: u32,
    service: &str,
    name: &str,
    ends: (&Endpoint, &Endpoint),
    severity: u32,
) -> Kind {
    let name = name.to_owned();
    match (share, service) {
        (0..10, _) => Kind::Finding(Finding {
            code: "port-scan".to_owned(),
            severity: match severity {
                0..80 => Severity::Info,
                80..97 => Severity::Warning,
                _ => Severity::Alert,
            }
            .into(),
            message: format!("{} asks many ports", ends.0.address),
            ..Finding::default()
        }),
        (10..400, "dns") => Kind::Dns(DnsTransaction {
            answers: vec![DnsAnswer {
                name: name.clone(),
                data: "198.51.100.7".to_owned(),
                ..DnsAnswer::default()
            }],
            query_name: name,
            ..DnsTransaction::default()
        }),
        (10..400, "tls") => Kind::Tls(TlsHandshake {
            server_name: name,
            ..TlsHandshake::default()
        }),
        (10..400, "http") => Kind::Http(HttpTransaction {
            host: name,
            target: "/index.html".to_owned(),
            user_agent: "made-up/1.0".to_owned(),
            ..HttpTransaction::default()
        }),
        (10..400, "ssh") => Kind::Ssh(SshHandshake::default()),
        _ => Kind::Flow(Flow {
            flow_id: 1,
            client: Some(ends.0.clone()),
            server: Some(ends.1.clone()),
            services: Some(service.to_owned())
                .filter(|service| !service.is_empty())
                .into_iter()
                .collect(),
            client_to_server: Some(Counters {
                packets: 12,
                ..Counters::default()
            }),
            server_to_client: Some(Counters {
                packets: 11,
                ..Counters::default()
            }),
            client_mac: "02:00:00:00:00:01".to_owned(),
            server_mac: "02:00:00:00:00:02".to_owned(),
            ..Flow::default()
        }),
    }
}
