//! What both Weir services use, and nothing else.

pub mod call;
pub mod chain;
pub mod layers;
pub mod limits;
pub mod processor;
pub mod proto;
pub mod serve;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod traceparent;
