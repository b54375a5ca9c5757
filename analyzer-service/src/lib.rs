//! Reads a capture and streams what is in it while it reads.
//!
//! The core ([`analysis`], [`capture`], [`filter`], [`decode`], [`flow`], [`dissect`],
//! [`detect`], [`summary`], [`record`]) is sync, pure and total. The edge ([`source`],
//! [`threads`], [`grpc`], [`run`]) connects it to the store and to callers.

pub mod analysis;
pub mod capture;
pub mod decode;
pub mod detect;
pub mod dissect;
pub mod filter;
pub mod flow;
pub mod grpc;
pub mod record;
pub mod source;
pub mod summary;
pub mod threads;

mod config;
mod run;
#[cfg(test)]
mod testing;

pub use config::{Config, INLINE_BYTES_MAX};
pub use run::{Deps, SERVICE, run, run_when, run_with};
