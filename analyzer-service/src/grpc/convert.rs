//! The domain's records as protobuf.

use std::{borrow::Cow, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use weir_shared::proto::analyzer::v1 as pb;

use crate::record as domain;

/// The record with its position among those sent.
pub(super) fn record(record: domain::Record, sequence: u64) -> pb::AnalysisRecord {
    let domain::Record {
        time,
        packet_number,
        flow,
        body,
    } = record;
    let mut out = pb::AnalysisRecord {
        sequence,
        time: Some(timestamp(time)),
        packet_number,
        ..Default::default()
    };
    if let Some(flow) = &flow {
        out.flow_id = flow.flow_id;
        out.community_id = community_id(&flow.community_id);
        out.client = Some(endpoint(flow.client));
        out.server = Some(endpoint(flow.server));
        out.ip_protocol = flow.ip_protocol.into();
    }
    out.kind = Some(match body {
        domain::Body::Flow(body) => {
            pb::analysis_record::Kind::Flow(super::convert_flow::flow(*body, flow.as_ref()))
        }
        domain::Body::Dns(body) => pb::analysis_record::Kind::Dns(dns(*body)),
        domain::Body::Http(body) => pb::analysis_record::Kind::Http(http(*body)),
        domain::Body::Tls(body) => pb::analysis_record::Kind::Tls(tls(*body)),
        domain::Body::Quic(body) => pb::analysis_record::Kind::Quic(quic(*body)),
        domain::Body::Ssh(body) => pb::analysis_record::Kind::Ssh(ssh(*body)),
        domain::Body::Dhcp(body) => pb::analysis_record::Kind::Dhcp(dhcp(*body)),
        domain::Body::Finding(body) => pb::analysis_record::Kind::Finding(finding(*body)),
    });
    out
}

fn dns(dns: domain::DnsTransaction) -> pb::DnsTransaction {
    let answer = |answer: domain::DnsAnswer| pb::DnsAnswer {
        name: answer.name,
        r#type: answer.record_type.into_owned(),
        ttl: answer.ttl,
        data: answer.data,
    };
    pb::DnsTransaction {
        id: dns.id.into(),
        query_name: dns.query_name,
        query_type: dns.query_type.into_owned(),
        response_code: dns.response_code.into_owned(),
        answers: dns.answers.into_iter().map(answer).collect(),
        response_time: dns.response_time.map(duration),
        truncated: dns.truncated,
        opcode: dns.opcode.into(),
        authoritative: dns.authoritative,
        recursion_desired: dns.recursion_desired,
        recursion_available: dns.recursion_available,
        transport: dns.transport.into(),
        query_class: dns.query_class.into_owned(),
        query_seen: dns.query_seen,
    }
}

fn http(http: domain::HttpTransaction) -> pb::HttpTransaction {
    pb::HttpTransaction {
        method: http.method.into_owned(),
        host: http.host,
        target: http.target,
        version: http.version.into_owned(),
        user_agent: http.user_agent,
        status: http.status.into(),
        content_type: http.content_type,
        request_body_bytes: http.request_body_bytes,
        response_body_bytes: http.response_body_bytes,
        referrer: http.referrer,
        response_time: http.response_time.map(duration),
        depth: http.depth,
        server: http.server,
        grpc_status: http.grpc_status,
        incomplete: http.incomplete,
    }
}

fn tls(tls: domain::TlsHandshake) -> pb::TlsHandshake {
    pb::TlsHandshake {
        server_name: tls.server_name,
        version: tls.version.into_owned(),
        cipher_suite: tls.cipher_suite.into_owned(),
        client_alpn: texts(tls.client_alpn),
        server_alpn: tls.server_alpn.into_owned(),
        client_version: tls.client_version.into_owned(),
        client_hello_seen: tls.client_hello_seen,
        server_hello_seen: tls.server_hello_seen,
        resumed: tls.resumed,
        established: tls.established,
        alert: tls.alert,
        ja3: tls.ja3,
        ja3s: tls.ja3s,
        ja4: tls.ja4,
        server_certificates: tls
            .server_certificates
            .iter()
            .map(|one| certificate(one))
            .collect(),
    }
}

fn texts(texts: Vec<Cow<'static, str>>) -> Vec<String> {
    texts.into_iter().map(Cow::into_owned).collect()
}

fn quic(quic: domain::QuicHandshake) -> pb::QuicHandshake {
    pb::QuicHandshake {
        version: quic.version.into(),
        server_name: quic.server_name,
        client_alpn: texts(quic.client_alpn),
        ja4: quic.ja4,
    }
}

fn ssh(ssh: domain::SshHandshake) -> pb::SshHandshake {
    pb::SshHandshake {
        client_banner: ssh.client_banner,
        server_banner: ssh.server_banner,
        hassh: ssh.hassh,
        hassh_server: ssh.hassh_server,
    }
}

fn dhcp(dhcp: domain::DhcpExchange) -> pb::DhcpExchange {
    let address = |address: Option<std::net::Ipv4Addr>| {
        address.map_or(String::new(), |address| address.to_string())
    };
    pb::DhcpExchange {
        client_mac: dhcp.client_mac,
        host_name: dhcp.host_name,
        assigned_address: address(dhcp.assigned_address),
        server_address: address(dhcp.server_address),
        lease_time: dhcp.lease_time.map(duration),
        message_types: dhcp.message_types,
        requested_address: address(dhcp.requested_address),
    }
}

fn certificate(certificate: &domain::Certificate) -> pb::Certificate {
    let is_read = !certificate.key_algorithm.is_empty();
    pb::Certificate {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        subject_alt_names: certificate.subject_alt_names.clone(),
        not_before: is_read.then(|| timestamp(certificate.not_before)),
        not_after: is_read.then(|| timestamp(certificate.not_after)),
        sha256: certificate.sha256.clone(),
        serial: certificate.serial.clone(),
        signature_algorithm: certificate.signature_algorithm.clone(),
        key_algorithm: certificate.key_algorithm.clone(),
        key_bits: certificate.key_bits,
        self_signed: certificate.self_signed,
    }
}

fn finding(finding: domain::Finding) -> pb::Finding {
    let severity = match finding.severity {
        domain::Severity::Info => pb::Severity::Info,
        domain::Severity::Warning => pb::Severity::Warning,
        domain::Severity::Alert => pb::Severity::Alert,
    };
    let address =
        |address: Option<std::net::IpAddr>| address.map_or(String::new(), |a| a.to_string());
    pb::Finding {
        code: finding.code.into(),
        severity: severity.into(),
        message: finding.message,
        source_address: address(finding.source),
        target_address: address(finding.target),
        count: finding.count,
        first_packet_number: finding.first_packet_number,
        target_port: finding.target_port.into(),
        flow_ids: finding.flow_ids,
    }
}

pub(super) fn capture_info(info: domain::CaptureInfo, size_bytes: u64) -> pb::CaptureInfo {
    let format = match info.format {
        domain::FileFormat::Pcap => pb::FileFormat::Pcap,
        domain::FileFormat::PcapNanosecond => pb::FileFormat::PcapNanosecond,
        domain::FileFormat::PcapNg => pb::FileFormat::Pcapng,
    };
    let compression = match info.compression {
        domain::Compression::None => pb::Compression::None,
        domain::Compression::Gzip => pb::Compression::Gzip,
        domain::Compression::Zstd => pb::Compression::Zstd,
        domain::Compression::Lz4 => pb::Compression::Lz4,
    };
    pb::CaptureInfo {
        format: format.into(),
        interfaces: info.interfaces.into_iter().map(interface).collect(),
        size_bytes,
        compression: compression.into(),
    }
}

pub(super) fn interface(interface: domain::Interface) -> pb::Interface {
    pb::Interface {
        id: interface.id,
        link_type: interface.link_type.into(),
        snap_length: interface.snap_length,
        name: interface.name,
        section: interface.section,
        timestamp_units_per_second: interface.timestamp_units_per_second,
        packets: interface.packets,
    }
}

pub(super) fn community_id(digest: &[u8; 20]) -> String {
    format!("1:{}", STANDARD.encode(digest))
}

pub(super) fn endpoint(endpoint: domain::Endpoint) -> pb::Endpoint {
    pb::Endpoint {
        address: endpoint.address.to_string(),
        port: endpoint.port.into(),
    }
}

/// Times are within years 1 to 9999, so the conversions below never saturate.
pub(super) fn timestamp(time: domain::Time) -> weir_shared::proto::Timestamp {
    let seconds = time.0.div_euclid(1_000_000_000);
    let nanos = time.0.rem_euclid(1_000_000_000);
    weir_shared::proto::Timestamp {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}

pub(super) fn duration(duration: Duration) -> pbjson_types::Duration {
    pbjson_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}
