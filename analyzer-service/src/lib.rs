//! Reads a capture and streams what is in it while it reads.

pub mod analysis;
pub mod capture;
pub mod decode;
pub mod dissect;
pub mod flow;
pub mod record;
pub mod summary;
