//! What both Weir services use, and nothing else.

pub mod proto;
