//! S3: one PUT with all of the object. Its URL is signed, its payload is not, so
//! that the client hashes nothing.

use std::{net::SocketAddr, path::Path, time::Duration};

use async_trait::async_trait;
use http::Method;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use object_store::{
    aws::{AmazonS3, AmazonS3Builder},
    path,
    signer::Signer as _,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::{Connection, Object, Stored, http::Http};
use weir_tests::until::until;

pub(super) const BUCKET: &str = "objects";
const KEY_ID: &str = "a-benchmark";
const SECRET: &str = "no-secret-at-all";
const SIGNED_FOR: Duration = Duration::from_secs(600);

pub(super) fn minio_command(program: &str, address: SocketAddr, folder: &str) -> Vec<String> {
    let console = super::program::free_address();
    vec![
        program.to_owned(),
        "server".to_owned(),
        "--quiet".to_owned(),
        format!("--address={address}"),
        format!("--console-address={console}"),
        folder.to_owned(),
    ]
}

pub(super) fn minio_environment(home: &str) -> Vec<(String, String)> {
    [
        ("MINIO_ROOT_USER", KEY_ID),
        ("MINIO_ROOT_PASSWORD", SECRET),
        ("MINIO_BROWSER", "off"),
        ("MINIO_UPDATE", "off"),
        ("HOME", home),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The bucket, once the server is ready to make it.
pub(super) async fn create_bucket(address: SocketAddr) {
    let path = signed(&signer(address), Method::PUT, "").await;
    let path = path.as_str();
    let create = || async move {
        let mut http = Http::connect(address).await;
        http.try_put(path).await.then_some(())
    };
    until("a bucket", create).await;
}

/// s3s-fs on this directory.
pub(super) async fn serve_directory(listener: TcpListener, directory: &Path) {
    let mut service = S3ServiceBuilder::new(FileSystem::new(directory).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
    let service = service.build();
    let connections = TaskTracker::new();
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).unwrap();
        let service = service.clone();
        let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let service = service.clone();
            async move { service.call(request.map(Into::into)).await }
        });
        connections.spawn(async move {
            // A client that goes away is no error.
            _ = http1::Builder::new()
                .serve_connection(TokioIo::new(socket), answer)
                .await;
        });
    }
}

pub(super) struct Client {
    http: Http,
    signer: AmazonS3,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self {
            http: Http::connect(address).await,
            signer: signer(address),
        }
    }
}

#[async_trait]
impl Connection for Client {
    async fn put(&mut self, object: &Object) {
        let path = signed(&self.signer, Method::PUT, &object.name).await;
        let data = object.data.clone();
        self.http.settle("PUT", &path, &[], data, 200).await;
    }

    async fn get(&mut self, object: &Object) -> Option<Stored> {
        let path = signed(&self.signer, Method::GET, &object.name).await;
        Some(self.http.get(&path, &[]).await)
    }
}

fn signer(address: SocketAddr) -> AmazonS3 {
    // Its client wants a provider of TLS even where none is spoken; an error
    // means that there is one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    AmazonS3Builder::new()
        .with_endpoint(format!("http://{address}"))
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_access_key_id(KEY_ID)
        .with_secret_access_key(SECRET)
        .build()
        .unwrap()
}

/// Path and query of a signed URL.
async fn signed(signer: &AmazonS3, method: Method, name: &str) -> String {
    let location = path::Path::from(name);
    let url = signer.signed_url(method, &location, SIGNED_FOR).await;
    let url = url.unwrap();
    format!("{}?{}", url.path(), url.query().unwrap())
}
