//! Fuzz targets of the analysis core, and their seeds. See README.md.

pub mod conversation;
pub mod corpus;
pub mod harness;
pub mod seeds;
