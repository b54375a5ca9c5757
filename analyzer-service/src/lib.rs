//! Reads a capture and streams what is in it while it reads.
//!
//! The core ([`analysis`], [`capture`], [`decode`], [`flow`], [`dissect`], [`detect`],
//! [`summary`], [`record`], and [`filter`], a crate of its own) is sync, pure and total. The edge ([`source`],
//! [`threads`], `turns`, [`grpc`], [`run`]) connects it to the store and to callers.

pub mod analysis;
pub mod capture;
pub mod decode;
pub mod detect;
pub mod dissect;
pub mod flow;
#[cfg(feature = "service")]
pub mod grpc;
pub mod record;
#[cfg(feature = "service")]
pub mod source;
pub mod summary;
#[cfg(feature = "service")]
pub mod threads;
#[cfg(feature = "service")]
mod turns;

#[cfg(feature = "service")]
mod config;
#[cfg(feature = "service")]
mod run;
#[cfg(test)]
mod testing;

pub use weir_filter as filter;

#[cfg(feature = "service")]
pub use config::{Config, INLINE_BYTES_MAX};
#[cfg(feature = "service")]
pub use run::{Deps, SERVICE, run, run_when, run_with};
