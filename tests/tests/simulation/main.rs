//! The pair on a simulated network, in simulated time: partitions, delays, held
//! links and crashes between clients, two ingest-services and an analyzer-service.
//!
//! Real are the servers and the clients with all of tonic and hyper, SQLite, and
//! the directory of objects. Simulated are the network (turmoil) and tokio's time.
//! What really takes time, the disk and the computing of an analysis, takes none
//! of the simulated one: it goes on only when they have ended. So one seed
//! gives one course of events, which a test holds. The time of day goes with the
//! simulated time (captures do not expire here, nothing is swept). Not simulated:
//! power losses.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::large_futures,
    reason = "a panic is how a test fails, what it printed is shown then, and its futures are few"
)]

mod analyses;
mod lockstep;
mod network;
mod rounds;
mod script;
mod trace;
mod uploader;
mod uploads;
mod world;
