//! The trace of a call, as text that can be stored: what is done about the call
//! later belongs to the same trace.
//!
//! W3C Trace Context, <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::collections::HashMap;

use opentelemetry::global;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";

/// Of the current span. `None` where nothing is traced.
#[must_use]
pub fn current() -> Option<String> {
    let context = Span::current().context();
    let mut carrier = HashMap::new();
    global::get_text_map_propagator(|p| p.inject_context(&context, &mut carrier));
    carrier.remove(TRACEPARENT)
}

/// Makes this span a child of the one that the text names. A text that is none
/// is passed by: the span begins a trace of its own then.
pub fn follow(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let parent = global::get_text_map_propagator(|p| p.extract(&carrier));
    // Fails only where no OpenTelemetry layer is installed: then there is no trace.
    span.set_parent(parent).ok();
}

/// Makes a span without a parent belong to the trace of the current one: for
/// what may outlive the call, whose own span it must not keep open.
#[must_use]
pub fn continued(span: Span) -> Span {
    if let Some(traceparent) = current() {
        follow(&span, &traceparent);
    }
    span
}
