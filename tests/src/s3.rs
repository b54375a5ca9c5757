//! An S3 server in this process, which fails as told.

mod faults;

use std::{convert::Infallible, net::SocketAddr, path::Path, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{auth::SimpleAuth, service::S3Service, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use weir_shared::store::{self, SegmentStore};

pub use faults::{Fault, Faults};

const BUCKET: &str = "weir";
const KEY_ID: &str = "key-of-tests";
/// What no log and no answer may hold.
pub const SECRET: &str = "the-secret-of-tests";

/// A server with one bucket, on a directory and a port of its own. Ends when dropped.
#[derive(Debug)]
pub struct S3Server {
    pub address: SocketAddr,
    pub faults: Faults,
    directory: TempDir,
    _stop: DropGuard,
}

impl S3Server {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(directory.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        let (faults, stop) = (Faults::default(), CancellationToken::new());
        let serving = serve(listener, service.build(), faults.clone(), stop.clone());
        TaskTracker::new().spawn(serving);
        Self {
            address,
            faults,
            directory,
            _stop: stop.drop_guard(),
        }
    }

    /// What the environment has to say of it.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// A store below this prefix.
    #[must_use]
    pub fn store(&self, prefix: &str) -> Arc<dyn SegmentStore> {
        self.store_with(&format!("s3://{BUCKET}/{prefix}"), &[])
    }

    /// A store at this URL, where these variables differ.
    #[must_use]
    pub fn store_with(&self, url: &str, variables: &[(&str, &str)]) -> Arc<dyn SegmentStore> {
        let mut environment = self.environment();
        for (name, value) in variables {
            environment.push((name.to_string(), value.to_string()));
        }
        store::open_with(url, environment).unwrap()
    }

    /// Where the bucket's objects lie.
    #[must_use]
    pub fn bucket(&self) -> impl AsRef<Path> {
        self.directory.path().join(BUCKET)
    }
}

async fn serve(listener: TcpListener, service: S3Service, faults: Faults, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let socket = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let (service, faults) = (service.clone(), faults.clone());
        let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let (service, faults) = (service.clone(), faults.clone());
            async move {
                let answer = faults.answer(&service, request.map(Into::into)).await;
                Ok::<_, Infallible>(answer)
            }
        });
        let stop = stop.clone();
        connections.spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), answer);
            tokio::select! {
                () = stop.cancelled() => {}
                // A client that goes away is none of the server's errors.
                _ = connection => {}
            }
        });
    }
}
