//! What both Weir services use, and nothing else.

pub mod call;
pub mod limits;
pub mod proto;
pub mod status;
pub mod store;
