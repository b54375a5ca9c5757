//! Our own tower layers: what tonic leaves to its users.

pub mod deadline;
pub mod trace;
pub mod typed;
