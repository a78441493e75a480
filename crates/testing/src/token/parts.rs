//! The parts of a signed token ([RFC 7515 §3.1]), for changes that its builder cannot express.
//!
//! [RFC 7515 §3.1]: https://www.rfc-editor.org/rfc/rfc7515#section-3.1

use std::fmt;

use crate::keys::SigningKey;

/// The three parts of a compact JWS.
///
/// The fields are public: the type exists to change them.
///
/// ```
/// use bearward_testing::{Token, UnixTime};
///
/// let token = Token::user("https://auth.example", "https://api.example", UnixTime::default());
/// let mut parts = token.parts();
/// parts.signature.clear();
/// assert!(parts.encode().ends_with('.'));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parts {
    /// The header, in base64url.
    pub header_b64: String,
    /// The payload, in base64url.
    pub payload_b64: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Parts {
    /// Signs these bytes as header and payload.
    #[must_use]
    pub fn sign(header: &[u8], payload: &[u8], key: &SigningKey) -> Self {
        let mut parts = Self {
            header_b64: base64url(header),
            payload_b64: base64url(payload),
            signature: Vec::new(),
        };
        parts.signature = key.sign(parts.signing_input().as_bytes());
        parts
    }

    /// The signing input: the current header and payload.
    #[must_use]
    pub fn signing_input(&self) -> String {
        format!("{}.{}", self.header_b64, self.payload_b64)
    }

    /// The token with the current parts.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{}.{}", self.signing_input(), base64url(&self.signature))
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// `bytes` in base64url without padding ([RFC 7515 §2]).
///
/// [RFC 7515 §2]: https://www.rfc-editor.org/rfc/rfc7515#section-2
pub(crate) fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}
