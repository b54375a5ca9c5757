//! How events are kept and told.

use std::time::Duration;

use url::Url;

use super::seconds;

const SOURCE: &str = "/weir";
/// Bytes of an event's source: it goes with each event.
const SOURCE_BYTES_MAX: usize = 1_024;

/// Long enough for a watcher to come back after a weekend.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a service that died was doing waits for this; each that lives says so
/// three times in it.
const LEASE: Duration = Duration::from_secs(15);

/// Flags of events and of what is done about them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Events")]
pub struct EventConfig {
    /// What events name as their source: a URI reference.
    #[arg(long = "event-source", env = "WEIR_EVENT_SOURCE", default_value = SOURCE, value_parser = source)]
    pub source: String,
    /// How long events are kept for those who watch, seconds; for handlers in any case until
    /// they have them.
    #[arg(long = "event-retention", env = "WEIR_EVENT_RETENTION", default_value = "604800", value_parser = seconds)]
    pub retention: Duration,
    /// How long a service that says nothing is taken for alive, seconds: then others on
    /// the catalog take over its deliveries and analyses.
    #[arg(long, env = "WEIR_LEASE", default_value = "15", value_parser = seconds)]
    pub lease: Duration,
}

impl Default for EventConfig {
    fn default() -> Self {
        Self {
            source: SOURCE.to_owned(),
            retention: RETENTION,
            lease: LEASE,
        }
    }
}

/// CloudEvents 1.0: a non-empty URI-reference (RFC 3986, section 4.1).
fn source(text: &str) -> Result<String, String> {
    let base = Url::parse("weir:///").map_err(|error| error.to_string())?;
    let is_one = !text.is_empty()
        && text.len() <= SOURCE_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_graphic())
        && base.join(text).is_ok();
    match is_one {
        true => Ok(text.to_owned()),
        false => Err("must be a URI reference, such as /weir or urn:weir:lab".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_uri_reference() {
        for (text, is_one) in [
            ("/weir", true),
            ("urn:weir:lab", true),
            ("https://weir.example/a?b#c", true),
            ("", false),
            ("a b", false),
            ("näh", false),
            ("http://[", false),
            (&"a".repeat(SOURCE_BYTES_MAX + 1), false),
        ] {
            assert_eq!(source(text).is_ok(), is_one, "{text}");
        }
    }
}
