//! Takes captures in chunks, keeps them, and has them analyzed.

pub mod catalog;
pub mod domain;
