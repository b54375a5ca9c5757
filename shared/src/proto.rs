//! The wire contract, generated from `proto/`.
//!
//! Every message also implements serde's traits as canonical proto3 JSON.

mod timestamp;

pub use timestamp::Timestamp;

// Generated code is not ours to lint.
#[allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    missing_debug_implementations,
    unreachable_pub,
    rust_2018_idioms
)]
pub mod analyzer {
    //! `weir.analyzer.v1`
    pub mod v1 {
        tonic::include_proto!("weir.analyzer.v1");
        include!(concat!(env!("OUT_DIR"), "/weir.analyzer.v1.serde.rs"));
    }
}

#[allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    missing_debug_implementations,
    unreachable_pub,
    rust_2018_idioms
)]
pub mod event {
    //! `weir.event.v1`
    pub mod v1 {
        tonic::include_proto!("weir.event.v1");
        include!(concat!(env!("OUT_DIR"), "/weir.event.v1.serde.rs"));
    }
}

#[allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    missing_debug_implementations,
    unreachable_pub,
    rust_2018_idioms
)]
pub mod ingest {
    //! `weir.ingest.v1`
    pub mod v1 {
        tonic::include_proto!("weir.ingest.v1");
        include!(concat!(env!("OUT_DIR"), "/weir.ingest.v1.serde.rs"));
    }
}

/// All of `proto/` with its imports and comments, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/weir_descriptor.bin"));
