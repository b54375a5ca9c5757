//! What the hellos said, until it goes out.

use super::{
    MALFORMED_CERTIFICATE, MALFORMED_CHAIN, Tls,
    certificate::{self, is_unread},
    fingerprint::{Carrier, of_client, of_server},
    hello::{ClientHello, ServerHello},
    names,
};
use crate::{
    dissect::{Context, Origin, Output},
    record::Body,
};

/// What a text in a list costs beside its bytes: a client may offer many short ones.
const TEXT_OVERHEAD_BYTES: usize = size_of::<String>() + 24;

/// JA3, JA3S and JA4.
const FINGERPRINT_BYTES: usize = 32 + 32 + 36;

impl Tls {
    pub(super) fn client_hello(
        &mut self,
        context: &Context<'_>,
        hello: ClientHello<'_>,
        out: &mut Output,
    ) {
        self.latest = Some(Origin::of(context));
        // A second one, behind a retry or in a renegotiation, says the same.
        self.side(context).hello_seen = true;
        if !self.record.client_hello_seen {
            self.record.client_hello_seen = true;
            let fingerprints = of_client(&hello, Carrier::Tcp, &mut out.fingerprints);
            self.record.ja3.clone_from(&fingerprints.ja3);
            self.record.ja4.clone_from(&fingerprints.ja4);
            self.record.server_name = hello.server_name;
            self.record.client_alpn = hello.protocols;
            self.record.client_version = names::version(hello.version);
            self.session_id = hello.session_id.to_vec();
        }
    }

    pub(super) fn server_hello(
        &mut self,
        context: &Context<'_>,
        hello: ServerHello<'_>,
        out: &mut Output,
    ) {
        self.latest = Some(Origin::of(context));
        if hello.is_retry {
            self.retry = true;
            self.client.hello_seen = false;
            self.client.records.encrypted = false;
            return;
        }
        self.side(context).hello_seen = true;
        if self.record.server_hello_seen {
            return;
        }
        self.record.server_hello_seen = true;
        self.record
            .ja3s
            .clone_from(&of_server(&hello, &mut out.ja3s));
        self.record.version = names::version(hello.version);
        self.record.cipher_suite = names::cipher_suite(hello.cipher_suite);
        self.record.server_alpn = hello.protocol;
        self.record.resumed = match hello.version {
            names::TLS_1_3.. => hello.pre_shared_key,
            _ => !hello.session_id.is_empty() && hello.session_id == self.session_id,
        };
    }

    /// The server's chain; the first one, if it renegotiates.
    pub(super) fn certificates(&mut self, context: &Context<'_>, body: &[u8], out: &mut Output) {
        if !self.record.server_certificates.is_empty() {
            return;
        }
        let (chain, whole) = certificate::chain(body);
        if !whole {
            out.malformed.push(MALFORMED_CHAIN);
        }
        let known = &mut out.certificates;
        let chain = chain
            .into_iter()
            .map(|der| known.get(der, certificate::parse));
        self.record.server_certificates = chain.collect();
        if self
            .record
            .server_certificates
            .iter()
            .any(|one| is_unread(one))
        {
            out.malformed.push(MALFORMED_CERTIFICATE);
        }
        if self.hello_seen() {
            self.latest = Some(Origin::of(context));
            self.hold(out);
        }
    }

    pub(super) fn is_tls_1_3(&self) -> bool {
        self.record.version.starts_with("TLS 1.3")
    }

    pub(super) fn hello_seen(&self) -> bool {
        self.record.client_hello_seen || self.record.server_hello_seen
    }

    /// What is known waits for the rest; without room for that it goes out as it is.
    pub(super) fn hold(&mut self, out: &mut Output) {
        let protocols = self.record.client_alpn.iter();
        let protocols = protocols.map(|name| TEXT_OVERHEAD_BYTES + name.len());
        let texts = self.record.server_name.len() + protocols.sum::<usize>();
        // Fingerprints are of one size. Certificates may be shared, which is not relied on.
        let texts = texts + FINGERPRINT_BYTES;
        let certificates = self.record.server_certificates.iter();
        let certificates = certificates.map(|one| one.bytes()).sum::<usize>();
        out.waiting.give_back(self.held_bytes);
        self.held_bytes = size_of::<Self>() + texts + certificates;
        out.waiting.take(self.held_bytes);
        if !out.waiting.is_fair(1, self.held_bytes) {
            out.dropped_transactions += 1;
            self.emit(out);
            self.over = true;
        }
    }

    /// Once; nothing when there was no hello.
    pub(super) fn emit(&mut self, out: &mut Output) {
        out.waiting.give_back(std::mem::take(&mut self.held_bytes));
        if let Some(origin) = self.latest.take()
            && self.hello_seen()
            && !self.over
        {
            let record = std::mem::take(&mut self.record);
            out.emit_at(&origin, Body::Tls(Box::new(record)));
        }
    }
}
