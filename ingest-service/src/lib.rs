//! Takes captures in chunks, keeps them, and has them analyzed.
//!
//! `main` -> [`run`] -> `grpc` and `broker` -> [`domain`] -> the seams [`catalog::Catalog`]
//! and [`weir_shared::store::SegmentStore`].

mod broker;
pub mod catalog;
mod config;
pub mod domain;
mod grpc;
mod run;

pub use broker::EXCHANGE;
pub use config::{AnalysesConfig, BrokerConfig, Config, HandlersConfig};
pub use grpc::{AnalyzerClient, analyzer_client, analyzer_endpoint};
pub use run::{
    ANALYSES_SERVICE, BROKER_HEALTH, Deps, EVENTS_SERVICE, SEARCH_SERVICE, SERVICE, run, run_when,
    run_with,
};
