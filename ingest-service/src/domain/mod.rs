//! What the service does, without gRPC and without a database.

pub mod analyses;
pub mod analysis;
mod audit;
pub mod capture;
mod change;
pub mod chunk;
pub mod committer;
pub mod connection;
pub mod contents;
pub mod crc;
pub mod digest;
pub mod dispatch;
pub mod error;
pub mod event;
mod event_pages;
mod event_upkeep;
pub mod event_watch;
pub mod extent;
pub mod fold;
pub mod id;
pub mod index;
pub mod ingest;
pub mod instance;
pub mod live;
pub mod manifest;
pub mod metrics;
pub mod preview;
pub mod range;
pub mod read;
pub mod relay;
pub mod scrub;
pub mod sealer;
pub mod segment;
pub mod shape;
pub mod staging;
pub mod sweep;
pub mod tail;
pub mod time;
pub mod turn;
pub mod upkeep;
pub mod upload;
pub mod verify;
pub mod watch;
pub mod write;

#[cfg(test)]
pub(crate) mod testing;
