//! Why there is no resource server.

use crate::fetch::{FetchError, HttpTransportError};
use crate::issuer_url::IssuerUrlError;

/// Why there is no resource server: a mistake in the program or its settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two issuers have the same name.
    #[error("duplicate: an issuer is configured twice")]
    Duplicate,
    /// Keys were asked for at once and could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There is no issuer.
    #[error("issuer_missing: no issuer is configured, so no token could be accepted")]
    IssuerMissing,
    /// Not called within a tokio runtime.
    #[error("no tokio runtime: build the resource server inside one, keys are fetched on it")]
    NoRuntime,
    /// A policy makes no sense.
    #[error(transparent)]
    Policy(#[from] bearward_core::policy::PolicyError),
    /// HMAC with keys from a URL: a public key could be taken for a secret.
    #[error("HS256, HS384 and HS512 need a static secret; keys from a URL are public")]
    SecretFromUrl,
    /// There is no HTTP client.
    #[error(transparent)]
    Transport(#[from] HttpTransportError),
    /// A URL that is none, or has parts that have no place in it.
    #[error("an issuer, key or metadata URL is not an absolute URL of the expected form")]
    Url,
    /// A URL that is not fetched.
    #[error("url_scheme: an issuer or key URL must be https (http on loopback only)")]
    UrlScheme,
}

impl From<IssuerUrlError> for BuildError {
    fn from(error: IssuerUrlError) -> Self {
        match error {
            IssuerUrlError::NotAbsolute | IssuerUrlError::Parts => Self::Url,
            IssuerUrlError::Scheme | IssuerUrlError::UserInfo => Self::UrlScheme,
        }
    }
}
