//! The pair over real sockets: what callers send, and what they are told.
//! Every refusal is checked for its code, its reason and its typed detail.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::large_futures,
    reason = "a panic is how a test fails, what it printed is shown then, and its futures are few"
)]

mod analyses;
mod analysis;
mod catalog;
mod damage;
mod deadlines;
mod digests;
mod endings;
mod isolation;
mod limits;
mod places;
mod previews;
mod reading;
mod refusals;
mod restart;
mod sealing;
mod server;
mod sharing;
mod shutdown;
mod slots;
mod sources;
mod starting;
mod storage;
mod takeover;
mod verifying;
mod watching;
