use std::collections::BTreeMap;

use super::*;
use crate::domain::{
    event::{CaptureFacts, EventId, Fact, Position, kind},
    id::Uid,
    time::Timestamp,
};

fn event(kind: &str, data: String) -> Event {
    Event {
        position: Position(42),
        id: EventId::parse("0198c0de-0000-7000-8000-000000000001").unwrap(),
        kind: kind.to_owned(),
        capture: Uid::from_bytes([7; 16]),
        capture_id: "c-1".parse().unwrap(),
        at: Timestamp(1_420_290_308_180_000),
        traceparent: Some("00-of-the-call".to_owned()),
        data,
    }
}

fn facts() -> CaptureFacts {
    CaptureFacts {
        capture_id: "c-1".to_owned(),
        uid: Uid::from_bytes([7; 16]).to_string(),
        file_name: String::new(),
        labels: BTreeMap::from([("site".to_owned(), "a".to_owned())]),
        size_bytes: 3,
        chunk_count: 2,
        sha256: None,
        crc32c: Some(7),
        created_us: 1,
        sealed_us: Some(2),
        analyze_on_seal: None,
    }
}

fn message(event: &Event) -> Message {
    Message::of(event, &"/lab".into(), Some("00-of-the-sending".to_owned()))
}

fn headers_of(message: &Message) -> Vec<(String, String)> {
    let headers = message.properties.headers().as_ref().unwrap().inner();
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => text.to_string(),
        other => panic!("{other:?}"),
    };
    let headers = headers.iter();
    headers.map(|(n, v)| (n.to_string(), text(v))).collect()
}

#[test]
fn an_event_is_a_cloud_event_in_binary_mode() {
    let event = event(kind::CAPTURE_SEALED, Fact::CaptureSealed(facts()).encode());
    let message = message(&event);
    assert_eq!(message.routing_key.as_str(), kind::CAPTURE_SEALED);
    assert!(message.unreadable.is_none());
    let id = event.id.to_string();
    let wanted = [
        ("cloudEvents:id", &*id),
        ("cloudEvents:sequence", "00000000000000000042"),
        ("cloudEvents:source", "/lab"),
        ("cloudEvents:specversion", "1.0"),
        ("cloudEvents:subject", "c-1"),
        ("cloudEvents:time", "2015-01-03T13:05:08.180Z"),
        ("cloudEvents:traceparent", "00-of-the-call"),
        ("cloudEvents:type", kind::CAPTURE_SEALED),
        ("traceparent", "00-of-the-sending"),
    ];
    let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers_of(&message), wanted);
    let properties = &message.properties;
    assert_eq!(*properties.delivery_mode(), Some(PERSISTENT));
    assert_eq!(*properties.timestamp(), Some(1_420_290_308));
    let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
    assert_eq!(text(properties.content_type()).as_deref(), Some(PROTOBUF));
    assert_eq!(text(properties.message_id()), Some(id));
    assert_eq!(
        text(properties.kind()).as_deref(),
        Some(kind::CAPTURE_SEALED)
    );

    let payload = proto::CaptureSealed::decode(&*message.body).unwrap();
    let capture = payload.capture.unwrap();
    assert_eq!((capture.size_bytes, capture.chunk_count), (3, 2));
    assert_eq!(capture.labels["site"], "a");
}

#[test]
fn what_another_release_wrote_goes_out_as_it_is_stored() {
    let long = format!("weir.{}.v2", "é".repeat(200));
    for (kind, data) in [
        ("weir.capture.sealed.v2", r#"{"new":1}"#),
        (kind::CAPTURE_SEALED, "no JSON"),
        (&long, "{}"),
    ] {
        let message = message(&event(kind, data.to_owned()));
        assert!(message.unreadable.is_some(), "{kind}");
        assert_eq!(message.body, data.as_bytes());
        let content_type = message.properties.content_type().as_ref().unwrap();
        assert_eq!(content_type.as_str(), JSON);
        assert!(kind.starts_with(message.routing_key.as_str()));
        assert!(message.routing_key.as_str().len() > 4);
        let whole = ("cloudEvents:type".to_owned(), kind.to_owned());
        assert!(headers_of(&message).contains(&whole));
    }
}
