//! One request and its response.

use super::head::{Request, Response};
use crate::{
    dissect::{Context, Origin, Output},
    record::{Body, FlowRef, HttpTransaction, Time},
};

/// When something was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    time: Time,
    packet_number: u64,
}

impl Moment {
    pub(super) fn of(context: &Context<'_>) -> Self {
        Self {
            time: context.time,
            packet_number: context.packet_number,
        }
    }
}

#[derive(Debug)]
pub(super) struct Exchange {
    /// When the request's head was complete; of a response without request,
    /// the response's.
    pub(super) asked: Moment,
    record: HttpTransaction,
    request_whole: bool,
    response_whole: bool,
    cut: bool,
}

impl Exchange {
    pub(super) fn asked(context: &Context<'_>, request: Request, whole: bool, depth: u32) -> Self {
        Self {
            asked: Moment::of(context),
            record: HttpTransaction {
                depth,
                ..request.into_record()
            },
            request_whole: whole,
            response_whole: false,
            cut: false,
        }
    }

    /// Of a response whose request is not in the capture.
    pub(super) fn unasked(context: &Context<'_>, depth: u32) -> Self {
        Self {
            asked: Moment::of(context),
            record: HttpTransaction {
                depth,
                ..HttpTransaction::default()
            },
            request_whole: false,
            response_whole: false,
            cut: false,
        }
    }

    /// Position in its connection.
    pub(super) fn depth(&self) -> u32 {
        self.record.depth
    }

    /// What it holds.
    pub(super) fn cost(&self) -> usize {
        let record = &self.record;
        let texts: [&str; 8] = [
            &record.method,
            &record.host,
            &record.target,
            &record.version,
            &record.user_agent,
            &record.content_type,
            &record.referrer,
            &record.server,
        ];
        size_of::<Self>() + texts.into_iter().map(str::len).sum::<usize>()
    }

    pub(super) fn method(&self) -> &str {
        &self.record.method
    }

    /// Whether the connection speaks something else behind a response with this
    /// status (RFC 9110, 7.8 and 9.3.6).
    pub(super) fn switches(&self, status: u16) -> bool {
        status == 101 || self.record.method == "CONNECT" && (200..300).contains(&status)
    }

    pub(super) fn answered(&mut self, context: &Context<'_>, response: Response, whole: bool) {
        let asked = !self.record.method.is_empty();
        self.record.status = response.status;
        self.record.content_type = response.content_type;
        self.record.server = response.server;
        if self.record.version.is_empty() {
            self.record.version = response.version;
        }
        self.record.response_time = asked.then(|| context.time.since(self.asked.time));
        self.response_whole = whole;
    }

    pub(super) fn request_body(&mut self, bytes: u64, done: bool) {
        self.record.request_body_bytes += bytes;
        self.request_whole |= done;
    }

    pub(super) fn response_body(&mut self, bytes: u64, done: bool) {
        self.record.response_body_bytes += bytes;
        self.response_whole |= done;
    }

    pub(super) fn response_ended(&mut self) {
        self.response_whole = true;
    }

    /// Bytes are missing; so many of them were surely of the body.
    pub(super) fn gap(&mut self, asks: bool, body_bytes: u64) {
        self.cut = true;
        match asks {
            true => self.record.request_body_bytes += body_bytes,
            false => self.record.response_body_bytes += body_bytes,
        }
    }

    pub(super) fn emit(self, at: &Moment, flow: FlowRef, out: &mut Output) {
        let mut record = self.record;
        record.incomplete = self.cut || !self.request_whole || !self.response_whole;
        let origin = Origin {
            time: at.time,
            packet_number: at.packet_number,
            flow,
        };
        out.emit_at(&origin, Body::Http(Box::new(record)));
    }
}
