//! Bounds that both services hold each other to. A service's own bounds stand
//! beside the code that enforces them.

/// Largest chunk, bytes. Large enough that a segment is few chunks, small
/// enough to stay well below the 4 MiB that gRPC libraries decode by default,
/// so that a client sees our typed error and not the transport's.
pub const CHUNK_BYTES_MAX: usize = 2 << 20;

/// What clients should send, bytes: larger gains nothing on loopback, smaller
/// costs syscalls.
pub const CHUNK_BYTES_RECOMMENDED: usize = 1 << 20;

/// Largest message a server decodes, bytes: a chunk and room for its other fields.
pub const GRPC_MESSAGE_BYTES_MAX: usize = CHUNK_BYTES_MAX + (64 << 10);

/// Largest segment and so largest extent, bytes: an extent is verified whole
/// before its first byte is used, so this much is held per running read.
pub const SEGMENT_BYTES_MAX: u64 = 8 << 20;

/// Extents in one Analyze request. Above it the list is an object of its own:
/// 10,000 extents of about 60 bytes are 600 KiB, below `GRPC_MESSAGE_BYTES_MAX`.
pub const EXTENTS_PER_MESSAGE_MAX: usize = 10_000;

/// Largest serialized manifest object, bytes: 1,000,000 extents of at most 300
/// bytes, held in memory once while it is read.
pub const MANIFEST_BYTES_MAX: u64 = 300 << 20;

const _: () = assert!(CHUNK_BYTES_RECOMMENDED <= CHUNK_BYTES_MAX);
const _: () = assert!(GRPC_MESSAGE_BYTES_MAX < 4 << 20);
const _: () = assert!(CHUNK_BYTES_MAX as u64 <= SEGMENT_BYTES_MAX);
