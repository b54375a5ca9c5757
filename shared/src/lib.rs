//! What both Weir services use, and nothing else.

pub mod limits;
pub mod proto;
pub mod store;
