//! Frames as bytes.

use super::super::frames::PREFACE;

pub(super) const ENDS: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// A client's first bytes.
pub(super) fn preface() -> Vec<u8> {
    [PREFACE, &settings(&[])].concat()
}

pub(super) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let content: Vec<u8> = settings
        .iter()
        .flat_map(|(setting, value)| [&setting.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(4, 0, 0, &content)
}

pub(super) fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(1, END_HEADERS | flags, stream, block)
}

/// With five bytes of padding, and more to come.
pub(super) fn padded_headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(1, PADDED, stream, &[&[5], block, &[0; 5]].concat())
}

pub(super) fn continuation(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(9, END_HEADERS, stream, block)
}

pub(super) fn data(stream: u32, flags: u8, bytes: usize) -> Vec<u8> {
    frame(0, flags, stream, &vec![7; bytes])
}

/// The last of its side.
pub(super) fn padded_data(stream: u32, padding: u8, bytes: usize) -> Vec<u8> {
    let content = [&[padding][..], &vec![7; bytes], &vec![0; padding.into()]].concat();
    frame(0, PADDED | ENDS, stream, &content)
}

pub(super) fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &[0, 0, 0, 8])
}

fn string(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// A field that is not indexed.
pub(super) fn literal(name: &str, value: &str) -> Vec<u8> {
    [vec![0], string(name), string(value)].concat()
}

/// A field that is.
pub(super) fn indexed_literal(name: &str, value: &str) -> Vec<u8> {
    [vec![0x40], string(name), string(value)].concat()
}

pub(super) fn request(method: &str, path: &str) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":path", path),
        (":authority", "a.example"),
    ];
    fields
        .iter()
        .flat_map(|(name, value)| literal(name, value))
        .collect()
}

pub(super) fn response(status: &str) -> Vec<u8> {
    literal(":status", status)
}
