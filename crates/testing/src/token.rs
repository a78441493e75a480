//! A builder of valid tokens, in which a test spoils one thing.
//!
//! The layout is Authgear's: the header has `alg`, `kid` and `typ`, the claims are those of [RFC
//! 9068 §2.2] and Authgear's user claims, JSON is compact with sorted members. A test takes
//! [`Token::user`], [`Token::machine`] or [`Token::id_token`], changes the one thing it tests, and
//! signs.
//!
//! The builder checks nothing: any text can be signed.
//!
//! [RFC 9068 §2.2]: https://www.rfc-editor.org/rfc/rfc9068#section-2.2

mod parts;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bearward_core::{Algorithm, UnixTime};
use serde_json::{Map, Value, json};

use crate::keys::SigningKey;
use crate::{identifier, json};

pub use self::parts::Parts;
#[cfg(feature = "generator")]
pub(crate) use self::parts::base64url;

/// The user of [`Token::user`] and [`Token::id_token`]: a UUID.
pub const SUBJECT: &str = "2311567d-8826-4802-9619-b75c0fea527c";

/// The client of [`Token::user`], and by default of [`Token::id_token`]: 16 hexadecimal digits.
pub const CLIENT_ID: &str = "bea2d0000000a110";

/// The client of [`Token::machine`]: 16 hexadecimal digits.
pub const MACHINE_CLIENT_ID: &str = "bea2d0000000b220";

/// Authgear's claim for whether the user can re-authenticate.
pub const CAN_REAUTHENTICATE: &str = "https://authgear.com/claims/user/can_reauthenticate";

/// Authgear's claim for whether the user is anonymous.
pub const IS_ANONYMOUS: &str = "https://authgear.com/claims/user/is_anonymous";

/// Authgear's claim for whether the user is verified.
pub const IS_VERIFIED: &str = "https://authgear.com/claims/user/is_verified";

/// Authgear's claim with the user's roles.
pub const ROLES: &str = "https://authgear.com/claims/user/roles";

/// A token before it is signed.
///
/// ```
/// use bearward_testing::{Token, UnixTime};
///
/// let now = UnixTime::from_secs(1_700_000_000);
/// let good = Token::user("https://auth.example", "https://api.example", now);
/// let expired = good.clone().expires_at(now).sign();
/// let unscoped = good.without_claim("scope").sign();
/// assert_ne!(expired, unscoped);
/// ```
#[derive(Clone)]
pub struct Token {
    now: UnixTime,
    key: SigningKey,
    /// Changes to the header; other members come from the key. `None` removes a member.
    header: BTreeMap<String, Option<Value>>,
    header_text: Option<Vec<u8>>,
    claims: Map<String, Value>,
    payload_text: Option<Vec<u8>>,
}

impl Token {
    /// A user's access token ([RFC 9068]) as Authgear issues it, valid from `now` for 1800 s.
    ///
    /// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
    #[must_use]
    pub fn user(issuer: &str, audience: &str, now: UnixTime) -> Self {
        let iat = now.as_secs();
        Self::new("at+jwt", now)
            .claim("iss", issuer)
            .claim("aud", json!([audience]))
            .claim("sub", SUBJECT)
            .claim("client_id", CLIENT_ID)
            .claim("iat", iat)
            .expires_in(ACCESS_TOKEN_LIFETIME)
            .claim("jti", jti(issuer, SUBJECT, iat))
            .claim("scope", "openid profile")
            .claim("auth_time", iat)
            .claim("amr", json!(["pwd"]))
            .user_claims()
    }

    /// A machine's access token (client credentials, [RFC 6749 §4.4]) as Authgear issues it, valid
    /// from `now` for 1800 s.
    ///
    /// [RFC 6749 §4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
    #[must_use]
    pub fn machine(issuer: &str, audience: &str, now: UnixTime) -> Self {
        let iat = now.as_secs();
        let subject = format!("client_id_{MACHINE_CLIENT_ID}");
        Self::new("at+jwt", now)
            .claim("iss", issuer)
            .claim("aud", json!([audience]))
            .claim("client_id", MACHINE_CLIENT_ID)
            .claim("iat", iat)
            .expires_in(ACCESS_TOKEN_LIFETIME)
            .claim("jti", jti(issuer, &subject, iat))
            .claim("scope", "read")
            .claim("sub", subject)
    }

    /// An ID token ([OpenID Connect Core §2]) for a client as Authgear issues it, valid from `now`
    /// for 300 s. The user is that of [`Token::user`].
    ///
    /// [OpenID Connect Core §2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    #[must_use]
    pub fn id_token(issuer: &str, client_id: &str, now: UnixTime) -> Self {
        let iat = now.as_secs();
        Self::new("JWT", now)
            .claim("iss", issuer)
            .claim("aud", json!([client_id]))
            .claim("sub", SUBJECT)
            .claim("iat", iat)
            .expires_in(ID_TOKEN_LIFETIME)
            .claim("auth_time", iat)
            .claim("sid", identifier::uuid_of("session"))
            .claim("amr", json!(["pwd"]))
            .user_claims()
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets `exp` to this long after the token's `now`.
    #[must_use]
    pub fn expires_in(self, lifetime: Duration) -> Self {
        let exp = self.now.plus(lifetime);
        self.expires_at(exp)
    }

    /// Sets `exp`.
    #[must_use]
    pub fn expires_at(self, exp: UnixTime) -> Self {
        self.claim("exp", exp.as_secs())
    }

    /// Sets `iat`, and nothing else.
    #[must_use]
    pub fn issued_at(self, iat: UnixTime) -> Self {
        self.claim("iat", iat.as_secs())
    }

    /// Sets `nbf`.
    #[must_use]
    pub fn not_before(self, nbf: UnixTime) -> Self {
        self.claim("nbf", nbf.as_secs())
    }

    /// Sets `auth_time`.
    #[must_use]
    pub fn authenticated_at(self, auth_time: UnixTime) -> Self {
        self.claim("auth_time", auth_time.as_secs())
    }

    /// Sets a header member, overriding the key's.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), Some(value.into()));
        self
    }

    /// Removes a header member.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.insert(name.into(), None);
        self
    }

    /// Replaces the header's JSON text with these bytes.
    #[must_use]
    pub fn header_text(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.header_text = Some(text.into());
        self
    }

    /// Replaces the payload's JSON text with these bytes.
    #[must_use]
    pub fn payload_text(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.payload_text = Some(text.into());
        self
    }

    /// Signs with this key, which also determines `alg` and `kid`. Default: RS256 with the
    /// [first](SigningKey::first) key.
    #[must_use]
    pub fn key(mut self, key: SigningKey) -> Self {
        self.key = key;
        self
    }

    /// Sets this `alg`, whatever the key signs with.
    #[must_use]
    pub fn algorithm(self, algorithm: Algorithm) -> Self {
        self.header("alg", algorithm.as_str())
    }

    /// Signs: the token in the compact serialisation of JWS ([RFC 7515 §7.1]).
    ///
    /// [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
    #[must_use]
    pub fn sign(&self) -> String {
        self.parts().encode()
    }

    /// Signs, and writes each part with padding (`=`), as AWS Application Load Balancers do against RFC
    /// 7515 §2.
    #[must_use]
    pub fn sign_padded(&self) -> String {
        let padded = |bytes: &[u8]| base64_simd::URL_SAFE.encode_to_string(bytes);
        let header = padded(&self.header_bytes());
        let signing_input = format!("{header}.{}", padded(&self.payload_bytes()));
        let signature = self.key.sign(signing_input.as_bytes());
        format!("{signing_input}.{}", padded(&signature))
    }

    /// Signs, and returns the separate parts for surgery.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts::sign(&self.header_bytes(), &self.payload_bytes(), &self.key)
    }

    /// The header as signed: JSON text, before base64url.
    #[must_use]
    pub fn header_bytes(&self) -> Vec<u8> {
        if let Some(text) = &self.header_text {
            return text.clone();
        }
        let mut members = Map::new();
        members.insert("alg".into(), self.key.algorithm().as_str().into());
        if let Some(kid) = self.key.kid() {
            members.insert("kid".into(), kid.into());
        }
        for (name, value) in &self.header {
            match value {
                Some(value) => members.insert(name.clone(), value.clone()),
                None => members.remove(name),
            };
        }
        json::object(members).into_bytes()
    }

    /// The payload as signed: JSON text, before base64url.
    #[must_use]
    pub fn payload_bytes(&self) -> Vec<u8> {
        if let Some(text) = &self.payload_text {
            return text.clone();
        }
        json::object(self.claims.clone()).into_bytes()
    }

    /// The claims, as a JSON object, ignoring [`payload_text`](Self::payload_text).
    #[must_use]
    pub fn claims(&self) -> Value {
        Value::Object(self.claims.clone())
    }

    fn new(typ: &str, now: UnixTime) -> Self {
        Self {
            now,
            key: SigningKey::first(Algorithm::Rs256),
            header: BTreeMap::from([("typ".into(), Some(typ.into()))]),
            header_text: None,
            claims: Map::new(),
            payload_text: None,
        }
    }

    fn user_claims(self) -> Self {
        self.claim(CAN_REAUTHENTICATE, true)
            .claim(IS_ANONYMOUS, false)
            .claim(IS_VERIFIED, true)
            .claim(ROLES, json!([]))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The same token has the same `jti` in every run, so failures repeat.
fn jti(issuer: &str, subject: &str, iat: u64) -> String {
    identifier::sha256_hex(&format!("{issuer} {subject} {iat}"))
}

/// Authgear's default.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(1800);

/// Authgear's value, without a setter.
const ID_TOKEN_LIFETIME: Duration = Duration::from_secs(300);
