//! Stores that others run, beside Weir: each takes the same objects from a
//! client of its own protocol, and gives them back.

mod cas;
mod http;
mod program;
mod s3;
mod syncs;
mod tus;
mod weir;

use std::{net::SocketAddr, path::Path};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

pub use program::{SERVICE, serve_as};
pub use syncs::{Syncs, of_dd};

use program::{Program, installed, ourselves};

/// One that takes objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// ingest-service: `UploadCapture` in chunks of 1 MiB.
    Weir,
    /// A tonic server that drops what it gets.
    Sink,
    /// tusd: one PATCH for each object.
    Tusd,
    /// MinIO on one directory: one PUT for each object, the payload unsigned.
    Minio,
    /// s3s-fs: the same.
    S3sFs,
    /// buildbox-casd: one `ByteStream.Write` for each object, in messages of 1 MiB.
    Casd,
}

/// What is uploaded. Its digests are known before anything is timed.
#[derive(Clone, Debug)]
pub struct Object {
    pub name: String,
    pub data: Bytes,
    sha256: String,
    stored: Stored,
}

/// What a server turned out to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    bytes: u64,
    crc32c: u32,
}

/// A connection to a server, with a client of its protocol.
#[async_trait]
pub trait Connection: Send {
    /// Uploads an object; returns once the server has said that it is there.
    async fn put(&mut self, object: &Object);

    /// Reads an object that this connection has put; `None` from one that keeps nothing.
    async fn get(&mut self, object: &Object) -> Option<Stored>;
}

/// A peer that runs, on a directory of its own. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    peer: Peer,
    program: Program,
}

impl Peer {
    pub const ALL: [Self; 6] = [
        Self::Weir,
        Self::Sink,
        Self::Tusd,
        Self::Minio,
        Self::S3sFs,
        Self::Casd,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weir => "Weir",
            Self::Sink => "tonic, bytes dropped",
            Self::Tusd => "tusd",
            Self::Minio => "MinIO",
            Self::S3sFs => "s3s-fs",
            Self::Casd => "buildbox-casd",
        }
    }

    /// Starts it on this directory, which is empty; under strace when a trace is wanted.
    ///
    /// # Panics
    /// When it is not installed, and says how to install it.
    pub async fn start(self, folder: &Path, trace: Option<&Path>) -> Server {
        let address = program::free_address();
        let data = folder.join("data");
        std::fs::create_dir(&data).unwrap();
        let path = data.to_str().unwrap();
        let (command, environment) = match self {
            Self::Weir => (weir::command(address, path), vec![ourselves(self)]),
            Self::Sink => (
                vec![program::current(), address.to_string()],
                vec![ourselves(self)],
            ),
            Self::S3sFs => {
                std::fs::create_dir(data.join(s3::BUCKET)).unwrap();
                let command = vec![program::current(), address.to_string(), path.to_owned()];
                (command, vec![ourselves(self)])
            }
            Self::Tusd => (tus::command(&installed("tusd"), address, path), vec![]),
            Self::Minio => (
                s3::minio_command(&installed("minio"), address, path),
                s3::minio_environment(folder.to_str().unwrap()),
            ),
            Self::Casd => (
                cas::command(&installed("buildbox-casd"), address, path),
                vec![],
            ),
        };
        let log = folder.join("log");
        let program = Program::start(&command, &environment, address, &log, trace).await;
        if self == Self::Minio {
            s3::create_bucket(address).await;
        }
        Server {
            peer: self,
            program,
        }
    }
}

impl Server {
    /// A connection of its own.
    pub async fn connect(&self) -> Box<dyn Connection> {
        let address: SocketAddr = self.program.address;
        match self.peer {
            Peer::Weir | Peer::Sink => Box::new(weir::Client::connect(address).await),
            Peer::Tusd => Box::new(tus::Client::connect(address).await),
            Peer::Minio | Peer::S3sFs => Box::new(s3::Client::connect(address).await),
            Peer::Casd => Box::new(cas::Client::connect(address).await),
        }
    }

    pub async fn stop(self) {
        self.program.kill().await;
    }
}

impl Object {
    #[must_use]
    pub fn new(name: String, data: Bytes) -> Self {
        let mut stored = Stored::default();
        stored.add(&data);
        Self {
            name,
            sha256: hex(&Sha256::digest(&data)),
            data,
            stored,
        }
    }

    /// Whether that is what was sent.
    ///
    /// # Panics
    /// When it is not.
    pub fn check(&self, stored: Option<Stored>) {
        if let Some(stored) = stored {
            assert_eq!(stored, self.stored, "{}", self.name);
        }
    }
}

impl Stored {
    fn add(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, data);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
