//! Reads a capture and streams what is in it while it reads.

pub mod dissect;
pub mod record;
