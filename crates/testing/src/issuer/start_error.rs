//! Why an issuer does not start.

use std::io;
use std::net::SocketAddr;

/// Why a development issuer does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {kind}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// The text for `Cache-Control` cannot be sent.
    #[error("the Cache-Control is not a header value")]
    CacheControl,
    /// There is no key to sign with.
    #[error("there is no key")]
    NoKey,
    /// The public origin is not one.
    #[error("the public origin is not a scheme and an authority, without a slash at the end")]
    PublicOrigin,
    /// A shared secret cannot be in a key set.
    #[error("a key is a shared secret, which cannot be in a key set")]
    SymmetricKey,
    /// The certificate could not be made.
    #[error("the certificate could not be made")]
    Tls,
}
