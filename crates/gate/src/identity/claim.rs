//! The sources of identity fields: a claim, or a property of the verified principal.

use std::borrow::Cow;
use std::fmt;

use bearward_core::json::{Kind, Value};
use bearward_core::{ClaimPath, Principal};

/// Where the value of an identity field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimSource {
    /// When the user authenticated (`auth_time`), in Unix seconds.
    AuthTime,
    /// The claim at this path.
    Claim(ClaimPath),
    /// The client that the token was issued to.
    ClientId,
    /// When the token expires (`exp`), in Unix seconds.
    ExpiresAt,
    /// The issuer.
    Issuer,
    /// `user`, `machine` or `unknown`.
    Kind,
    /// The scopes, a list.
    Scopes,
    /// The subject.
    Subject,
}

impl fmt::Display for ClaimSource {
    /// The claim as a path of names, or the property of the principal in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthTime => "auth_time",
            Self::Claim(path) => return f.write_str(&path.names().collect::<Vec<_>>().join(" > ")),
            Self::ClientId => "the client",
            Self::ExpiresAt => "exp",
            Self::Issuer => "iss",
            Self::Kind => "the kind of principal",
            Self::Scopes => "the scopes",
            Self::Subject => "sub",
        })
    }
}

impl ClaimSource {
    /// Whether the source says who sent the request. An application must never lack it: several principals
    /// without a name would be one to it. What a token may lack anyway is not among these.
    pub(super) fn identifies(&self) -> bool {
        match self {
            Self::AuthTime | Self::ExpiresAt | Self::Kind | Self::Scopes => false,
            Self::Claim(path) => {
                let mut names = path.names();
                let first = names.next();
                names.next().is_none() && first.is_some_and(|name| IDENTIFYING.contains(&name))
            }
            Self::ClientId | Self::Issuer | Self::Subject => true,
        }
    }

    /// The claim of this principal, if it has one.
    pub(super) fn of<'p>(&self, principal: &'p Principal) -> Result<Option<Claim<'p>>, Unfit> {
        Ok(match self {
            Self::AuthTime => principal
                .auth_time()
                .map(|time| Claim::Number(time.as_secs())),
            Self::Claim(path) => {
                let claim = principal.claim(path);
                if path.names().eq(["email"]) && claim.is_some_and(|email| !is_address(email)) {
                    return Err(Unfit::NotHeaderSafe);
                }
                claim.map(Claim::Json)
            }
            Self::ClientId => principal.client_id().map(Claim::Text),
            Self::ExpiresAt => Some(Claim::Number(principal.expires_at().as_secs())),
            Self::Issuer => Some(Claim::Text(principal.issuer())),
            Self::Kind => Some(Claim::Text(principal.kind().as_str())),
            Self::Scopes => Some(Claim::Words(principal.scopes().collect())),
            Self::Subject => Some(Claim::Text(principal.subject())),
        })
    }
}

/// The claims that are sources of their own.
const IDENTIFYING: &[&str] = &["client_id", "iss", "sub"];

/// Why an encoding cannot carry a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Nothing but characters outside ASCII: what people are called, and no attempt at anything.
    NotAscii,
    /// Anything that would end the field, be read as two values, or has the wrong type.
    NotHeaderSafe,
}

/// A claim to encode.
#[derive(Clone)]
pub(super) enum Claim<'p> {
    Json(Value<'p>),
    Number(u64),
    Text(&'p str),
    Words(Vec<Cow<'p, str>>),
}

impl<'p> Claim<'p> {
    /// The claim as one text: a string, a number as the issuer wrote it, or a boolean.
    pub(super) fn scalar(&self) -> Result<Cow<'p, str>, Unfit> {
        match self {
            Self::Json(value) => scalar(*value),
            Self::Number(number) => Ok(Cow::Owned(number.to_string())),
            Self::Text(text) => Ok(Cow::Borrowed(text)),
            Self::Words(_) => Err(Unfit::NotHeaderSafe),
        }
    }

    /// The claim as a list of texts; a single text is a list of one.
    pub(super) fn list(self) -> Result<Vec<Cow<'p, str>>, Unfit> {
        match self {
            Self::Json(value) if value.kind() == Kind::Array => {
                value.elements().map(scalar).collect()
            }
            Self::Words(words) => Ok(words),
            alone @ (Self::Json(_) | Self::Number(_) | Self::Text(_)) => Ok(vec![alone.scalar()?]),
        }
    }
}

/// OIDC Core §5.1: a string. In an address with several `@`, some readers see another domain.
fn is_address(email: Value<'_>) -> bool {
    let email = email.as_str();
    email.is_some_and(|email| email.matches('@').count() <= 1)
}

/// Numbers keep the issuer's digits: nothing is rounded.
fn scalar(value: Value<'_>) -> Result<Cow<'_, str>, Unfit> {
    match value.kind() {
        Kind::String => value.as_str().ok_or(Unfit::NotHeaderSafe),
        Kind::Bool | Kind::Number => Ok(Cow::Borrowed(value.as_json())),
        Kind::Array | Kind::Null | Kind::Object => Err(Unfit::NotHeaderSafe),
    }
}
