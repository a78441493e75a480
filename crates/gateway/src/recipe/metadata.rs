//! The protected resource metadata ([RFC 9728 §3]), which bearward serves and the application does not:
//! clients must reach it through the proxy, without a token.
//!
//! [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3

use std::path::Path;

use super::{RecipeError, plain};
use crate::config::Config;

/// Where clients look for the metadata.
pub(super) struct Metadata {
    pub(super) path: String,
    url: String,
}

impl Metadata {
    /// `None` if the configuration has no `resource`.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, RecipeError> {
        let metadata = config.server.metadata.as_ref().map(|metadata| {
            let path = plain::path(Path::new(metadata.path()))?;
            let url = metadata.url().to_owned();
            Ok(Self { path, url })
        });
        metadata.transpose()
    }

    /// What to check, for people.
    pub(super) fn check(&self) -> String {
        format!(
            "Challenges refer clients to {} (RFC 9728), which must lead to this proxy.",
            self.url
        )
    }
}

/// Explains lines in a recipe.
pub(super) const COMMENT: &str = "# The protected resource metadata (RFC 9728), for everybody: bearward serves it, not the application.";
