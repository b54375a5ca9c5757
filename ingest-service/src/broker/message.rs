//! An event as a message: CloudEvents 1.0 in binary mode.
//!
//! The attributes are headers with the prefix of CloudEvents' AMQP binding, the
//! body is the payload alone, and its type the properties' content type.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use prost::Message as _;
use weir_shared::proto::event::v1::{self as proto, event::Data};

use crate::{
    domain::event::{Event, Unreadable},
    grpc::{Source, event_to_proto},
};

const PROTOBUF: &str = "application/protobuf";
const JSON: &str = "application/json";

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// Of AMQP's short strings, bytes.
const SHORT_BYTES_MAX: usize = 255;

pub(super) struct Message {
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
    /// It is of another release: the body is the JSON that is stored.
    pub(super) unreadable: Option<Unreadable>,
}

impl Message {
    /// `publishing` is the trace context of the sending.
    pub(super) fn of(event: &Event, source: &Source, publishing: Option<String>) -> Self {
        let told = event_to_proto(event, source);
        let (content_type, body) = match &told.data {
            Some(data) => (PROTOBUF, payload(data)),
            None => (JSON, event.data.clone().into_bytes()),
        };
        let kind = short(&event.kind);
        let seconds = event.at.0.max(0).unsigned_abs() / 1_000_000;
        let properties = BasicProperties::default()
            .with_content_type(content_type.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(short(&told.id))
            .with_type(kind.clone())
            .with_timestamp(seconds)
            .with_app_id("weir".into())
            .with_headers(headers(&told, publishing));
        Self {
            routing_key: kind,
            properties,
            body,
            unreadable: event.fact().err(),
        }
    }
}

fn headers(told: &proto::Event, publishing: Option<String>) -> FieldTable {
    let mut headers = FieldTable::default();
    let mut set = |name: &str, value: String| {
        headers.insert(short(name), AMQPValue::LongString(value.into()));
    };
    let time = serde_json::to_value(told.time).unwrap_or_default();
    let time = time.as_str().unwrap_or_default();
    set("cloudEvents:specversion", told.spec_version.clone());
    set("cloudEvents:id", told.id.clone());
    set("cloudEvents:source", told.source.clone());
    set("cloudEvents:type", told.r#type.clone());
    set("cloudEvents:subject", told.subject.clone());
    set("cloudEvents:time", time.to_owned());
    // Of equal length, so that texts compare like numbers, as the extension wants it.
    set("cloudEvents:sequence", format!("{:020}", told.sequence));
    if !told.traceparent.is_empty() {
        set("cloudEvents:traceparent", told.traceparent.clone());
    }
    if let Some(publishing) = publishing {
        set("traceparent", publishing);
    }
    headers
}

fn payload(data: &Data) -> Vec<u8> {
    match data {
        Data::CaptureCreated(payload) => payload.encode_to_vec(),
        Data::CaptureSealed(payload) => payload.encode_to_vec(),
        Data::CaptureDeleted(payload) => payload.encode_to_vec(),
        Data::CaptureExpired(payload) => payload.encode_to_vec(),
        Data::AnalysisQueued(payload) => payload.encode_to_vec(),
        Data::AnalysisStarted(payload) => payload.encode_to_vec(),
        Data::AnalysisSucceeded(payload) => payload.encode_to_vec(),
        Data::AnalysisFailed(payload) => payload.encode_to_vec(),
        Data::AnalysisCancelled(payload) => payload.encode_to_vec(),
    }
}

/// Ours are all short; what another release wrote is cut.
fn short(text: &str) -> ShortString {
    let end = text.floor_char_boundary(SHORT_BYTES_MAX);
    ShortString::try_new(&text[..end]).unwrap_or_default()
}

#[cfg(test)]
mod tests;
