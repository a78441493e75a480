//! Why a development issuer could not start.

use std::io;
use std::net::SocketAddr;

/// Why a development issuer could not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The issuer cannot listen on the address.
    #[error("cannot listen on {address}: {kind}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        kind: io::ErrorKind,
    },
    /// The text for `Cache-Control` is not a valid field value.
    #[error("the Cache-Control is not a header value")]
    CacheControl,
    /// There is no key to sign with.
    #[error("there is no key")]
    NoKey,
    /// The public origin is not an origin.
    #[error("the public origin is not a scheme and an authority, without a slash at the end")]
    PublicOrigin,
    /// A key set cannot contain a shared secret.
    #[error("a key is a shared secret, which cannot be in a key set")]
    SymmetricKey,
    /// The certificate could not be made.
    #[error("the certificate could not be made")]
    Tls,
}
