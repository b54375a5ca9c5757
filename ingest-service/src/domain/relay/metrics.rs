//! What the relay counts. Without an exporter it is dropped.

use opentelemetry::{KeyValue, global, metrics::Counter};

use super::BrokerError;

/// The instruments.
#[derive(Debug)]
pub struct RelayMetrics {
    events: Counter<u64>,
    connections: Counter<u64>,
}

impl RelayMetrics {
    pub(super) fn answered(&self, answer: &Result<(), BrokerError>) {
        let outcome = match answer {
            Ok(()) => "confirmed",
            Err(BrokerError::Refused(_)) => "refused",
            Err(BrokerError::Away(_) | BrokerError::Silent(_)) => "lost",
        };
        self.events.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    pub(super) fn connected(&self, is_open: bool) {
        let outcome = if is_open { "opened" } else { "failed" };
        let outcome = [KeyValue::new("outcome", outcome)];
        self.connections.add(1, &outcome);
    }
}

impl Default for RelayMetrics {
    fn default() -> Self {
        let meter = global::meter("ingest-service");
        Self {
            events: meter
                .u64_counter("weir_broker_events_total")
                .with_description(
                    "Answers of the broker to events, by outcome: confirmed, refused, lost",
                )
                .with_unit("{event}")
                .build(),
            connections: meter
                .u64_counter("weir_broker_connections_total")
                .with_description("Tries to connect to the broker, by outcome: opened, failed")
                .with_unit("{connection}")
                .build(),
        }
    }
}
