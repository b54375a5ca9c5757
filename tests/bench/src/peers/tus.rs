//! tus 1.0: creation, then one PATCH with all of the object.

use std::{collections::HashMap, net::SocketAddr};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Connection, Object, Stored, http::Http};

const VERSION: (&str, &str) = ("tus-resumable", "1.0.0");

pub(super) fn command(program: &str, address: SocketAddr, folder: &str) -> Vec<String> {
    vec![
        program.to_owned(),
        format!("-host={}", address.ip()),
        format!("-port={}", address.port()),
        format!("-upload-dir={folder}"),
        "-verbose=false".to_owned(),
    ]
}

pub(super) struct Client {
    http: Http,
    /// Paths that the server gave to objects.
    paths: HashMap<String, String>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self {
            http: Http::connect(address).await,
            paths: HashMap::new(),
        }
    }
}

#[async_trait]
impl Connection for Client {
    async fn put(&mut self, object: &Object) {
        let length = object.data.len().to_string();
        let headers = [VERSION, ("upload-length", &length)];
        let created = self
            .http
            .ask("POST", "/files/", &headers, Bytes::new(), 201);
        let created = created.await;
        let location = created.headers()["location"].to_str().unwrap();
        let location: http::Uri = location.parse().unwrap();
        let path = location.path().to_owned();
        let headers = [
            VERSION,
            ("upload-offset", "0"),
            ("content-type", "application/offset+octet-stream"),
        ];
        let data = object.data.clone();
        let patched = self.http.ask("PATCH", &path, &headers, data, 204).await;
        assert_eq!(patched.headers()["upload-offset"], *length);
        self.paths.insert(object.name.clone(), path);
    }

    async fn get(&mut self, object: &Object) -> Option<Stored> {
        let path = self.paths[&object.name].clone();
        Some(self.http.get(&path, &[VERSION]).await)
    }
}
