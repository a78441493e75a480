//! How often metadata and keys were fetched.

use serde_json::{Value, json};

/// Counts of fetches since the issuer started. A fetch counts when it arrives, whatever the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchCounts {
    /// Fetches of metadata, at any of its paths.
    pub discovery: u64,
    /// Fetches of the key set.
    pub jwks: u64,
    /// The number of 304 answers among these.
    pub not_modified: u64,
    /// Fetches of the target of [`Fault::Redirect`](super::Fault::Redirect): a client followed it.
    pub redirected: u64,
}

impl FetchCounts {
    pub(super) fn json(self) -> Value {
        json!({
            "discovery": self.discovery,
            "jwks": self.jwks,
            "not_modified": self.not_modified,
            "redirected": self.redirected,
        })
    }
}
