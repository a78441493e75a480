//! Why a resource server could not be built.

use crate::fetch::{FetchError, HttpTransportError};
use crate::issuer_url::IssuerUrlError;

/// Why a resource server could not be built: a mistake in the program or its settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two issuers have the same name.
    #[error("duplicate: an issuer is configured twice")]
    Duplicate,
    /// An immediate fetch of the keys failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The keys of the issuer are fetched one by one, and this is not the name of one: no UUID, or none at
    /// all.
    #[error("the keys of the issuer are fetched by the `kid` of a token, which must be a UUID")]
    KeyByKid,
    /// Keys that each have a URL of their own need one with `{kid}` in its path, and no other URL may have
    /// that. They are kept in no snapshot.
    #[error(
        "key_uri: the profile aws-alb needs a key URL with {{kid}} in its path and no snapshot, and no other profile may have {{kid}}"
    )]
    KeyUri,
    /// There is no issuer.
    #[error("issuer_missing: no issuer is configured, so no token could be accepted")]
    IssuerMissing,
    /// Not called within a tokio runtime.
    #[error("no tokio runtime: build the resource server inside one, which fetches its keys")]
    NoRuntime,
    /// A policy makes no sense.
    #[error(transparent)]
    Policy(#[from] bearward_core::policy::PolicyError),
    /// The issuer of tenants has no single placeholder such as `{tenantid}`, keys of its own, a claim
    /// without a name, or a tenant with characters other than letters, digits, `-`, `_` and `.`.
    #[error(
        "an issuer with tenants needs one placeholder such as {{tenantid}}, discovery, the name of a claim, and tenants of letters, digits, -, _ and ."
    )]
    Tenants,
    /// HMAC with keys from a URL: a public key could be mistaken for a secret.
    #[error("HS256, HS384 and HS512 need a static secret; keys from a URL are public")]
    SecretFromUrl,
    /// The HTTP client could not be built.
    #[error(transparent)]
    Transport(#[from] HttpTransportError),
    /// A URL that is invalid, or has parts that are not allowed in it.
    #[error("an issuer, key or metadata URL is not an absolute URL of the expected form")]
    Url,
    /// A URL from which we do not fetch.
    #[error("url_scheme: an issuer or key URL must be https (http on loopback only)")]
    UrlScheme,
}

impl From<IssuerUrlError> for BuildError {
    fn from(error: IssuerUrlError) -> Self {
        match error {
            IssuerUrlError::NotAbsolute | IssuerUrlError::Parts => Self::Url,
            IssuerUrlError::Placeholder => Self::KeyUri,
            IssuerUrlError::Scheme | IssuerUrlError::UserInfo => Self::UrlScheme,
        }
    }
}
