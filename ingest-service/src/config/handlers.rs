//! What the service does by itself about what has happened.

use clap::ArgAction;

/// See the module.
#[derive(Clone, Debug, clap::Args)]
pub struct HandlersConfig {
    /// Compute the SHA-256 of captures that were sealed without one. Each is read once more
    /// for it, so that its upload need not wait for that; from then on the same bytes, declared
    /// with their digest, need not be sent. Worth turning off where nobody declares digests.
    #[arg(
        long = "digest-on-seal",
        env = "WEIR_DIGEST_ON_SEAL",
        value_name = "BOOL",
        default_value_t = true,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub digest_on_seal: bool,
}

impl Default for HandlersConfig {
    fn default() -> Self {
        Self {
            digest_on_seal: true,
        }
    }
}
