//! What the hellos said, until it goes out.

use super::{
    Tls,
    hello::{ClientHello, ServerHello},
    names,
};
use crate::{
    dissect::{Context, Origin, Output},
    record::Body,
};

/// What a text in a list costs beside its bytes: a client may offer many short ones.
const TEXT_OVERHEAD_BYTES: usize = size_of::<String>() + 24;

impl Tls {
    pub(super) fn client_hello(&mut self, context: &Context<'_>, hello: ClientHello) {
        self.latest = Some(Origin::of(context));
        // A second one, behind a retry or in a renegotiation, says the same.
        self.side(context).hello_seen = true;
        if !self.record.client_hello_seen {
            self.record.client_hello_seen = true;
            self.record.server_name = hello.server_name;
            self.record.client_alpn = hello.protocols;
            self.record.client_version = names::version(hello.version);
            self.session_id = hello.session_id;
        }
    }

    pub(super) fn server_hello(&mut self, context: &Context<'_>, hello: ServerHello) {
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
        self.record.version = names::version(hello.version);
        self.record.cipher_suite = names::cipher_suite(hello.cipher_suite);
        self.record.server_alpn = hello.protocol;
        self.record.resumed = match hello.version {
            names::TLS_1_3.. => hello.pre_shared_key,
            _ => !hello.session_id.is_empty() && hello.session_id == self.session_id,
        };
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
        out.waiting.give_back(self.held_bytes);
        self.held_bytes = size_of::<Self>() + texts;
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
