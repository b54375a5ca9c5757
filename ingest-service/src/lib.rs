//! Takes captures in chunks, keeps them, and has them analyzed.
//!
//! `main` -> [`run`] -> `grpc` -> [`domain`] -> the seams [`catalog::Catalog`] and
//! [`weir_shared::store::SegmentStore`].

pub mod catalog;
mod config;
pub mod domain;
mod grpc;
mod run;

pub use config::{AnalysesConfig, Config};
pub use grpc::{AnalyzerClient, analyzer_client, analyzer_endpoint};
pub use run::{ANALYSES_SERVICE, Deps, EVENTS_SERVICE, SERVICE, run, run_when, run_with};
