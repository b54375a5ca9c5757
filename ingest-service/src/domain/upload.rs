//! One client-streamed upload: a session that outlives its handler, so that
//! what arrived whole is kept however the call ends.

mod filling;
mod pace;
mod session;
#[cfg(test)]
mod tests;

pub use pace::PaceLimits;

use super::{
    capture::{Capture, SealParams, Spec},
    chunk::IncomingChunk,
    error::Error,
    staging::Reserved,
};

/// What comes in, in order.
#[derive(Debug)]
pub enum UploadItem {
    Open(Spec),
    /// With the room that was reserved before it was read.
    Chunk(IncomingChunk, Reserved),
    Finish(SealParams),
    /// A message that can't be taken.
    Refused(Error),
    /// The stream broke: nobody is listening any more.
    Broken,
}

/// All of it is durable.
#[derive(Debug)]
pub struct Uploaded {
    pub capture: Capture,
    pub stored: u32,
    pub duplicate: u32,
}
