//! What the end-to-end tests and the benchmarks share: the pair of services in
//! process, callers over real sockets, captures, and checks of errors.
//!
//! Everything here panics where a test should fail.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a test fails"
)]

pub mod analysis;
pub mod background;
pub mod caller;
pub mod catalog;
pub mod errors;
pub mod fake_analyzer;
pub mod faults;
pub mod gate;
pub mod ledger;
pub mod messages;
pub mod pair;
pub mod process;
pub mod rabbit;
pub mod random;
pub mod recordings;
pub mod s3;
pub mod synth;
pub mod until;
