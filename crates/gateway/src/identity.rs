//! Identity fields: how the application behind the gateway learns who sent a request.
//!
//! Each configured field is [decided on](Identity::of) for every request that passes: set to its
//! value, or removed. What a client sent of them is [taken out](Identity::strip) in every spelling.
//! How they travel is the door's matter.

mod authgear;
mod builder;
mod claim;
mod encoding;
mod spelling;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bearward::Principal;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

pub use self::builder::{IdentityBuildError, IdentityBuilder, Preset};
pub use self::claim::ClaimSource;
pub use self::encoding::Encoding;

pub(crate) use self::spelling::has_reserved_prefix;

/// Which fields tell the application what. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fields: Vec<Field>,
    /// Names of the preset in which nothing ever is said.
    never_set: Vec<HeaderName>,
    token: Token,
    id_token_field: HeaderName,
    underscores: Underscores,
    max_bytes: usize,
    /// The names that are stripped, with `_` for one of their hyphens or several.
    spellings: Vec<HeaderName>,
}

/// One field, and what it says.
#[derive(Clone, Debug)]
struct Field {
    name: HeaderName,
    says: Says,
}

#[derive(Clone, Debug)]
enum Says {
    /// What Authgear's resolver says under this name.
    Authgear(authgear::Field),
    /// A claim of the principal in this encoding.
    Claim(ClaimSource, Encoding),
}

/// The identity fields of one request: every configured one, set or removed.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct IdentityFields {
    /// To be set, in the place of what the client sent.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// To be removed: there is nothing to say, or it is a credential that is not forwarded.
    pub remove: Vec<HeaderName>,
}

impl fmt::Debug for IdentityFields {
    /// Shows the names alone: claims are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set: Vec<_> = self.set.iter().map(|(name, _)| name).collect();
        f.debug_struct("IdentityFields")
            .field("set", &set)
            .field("remove", &self.remove)
            .finish_non_exhaustive()
    }
}

/// Whether the application gets the credentials themselves: `Authorization` and the ID token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Token {
    /// It does, for an application that verifies again. `Authorization` then passes on every route.
    Forward,
    /// It does not, on any route: whoever holds a token can use it elsewhere, so it goes no further
    /// than it is needed. The default.
    #[default]
    Strip,
}

/// What becomes of client fields whose names have `_`, which some servers take for `-`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Underscores {
    /// All are taken out.
    Drop,
    /// Those that are spellings of an identity field are taken out. The default.
    #[default]
    Keep,
}

/// Why a claim cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The claim could not stand in a field in its encoding.
    #[error("claim_not_header_safe: a claim cannot stand in a field in its encoding")]
    NotHeaderSafe,
    /// The claim is longer than the field may be.
    #[error("claim_too_large: a claim is longer than its field may be")]
    TooLarge,
}

impl Identity {
    /// Starts without fields.
    pub fn builder() -> IdentityBuilder {
        IdentityBuilder::default()
    }

    /// The identity fields of a request that `principal` sent.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if a claim cannot be told.
    pub fn of(&self, principal: Option<&Principal>) -> Result<IdentityFields, IdentityError> {
        let mut told = IdentityFields::default();
        for Field { name, says } in &self.0.fields {
            let text = match principal {
                Some(principal) => says.of(principal)?,
                None => None,
            };
            match text {
                Some(text) => told.set.push((name.clone(), self.value(&text)?)),
                None => told.remove.push(name.clone()),
            }
        }
        told.remove.extend(self.0.never_set.iter().cloned());
        told.remove.extend(self.credentials().cloned());
        Ok(told)
    }

    /// Takes every identity field out of what a client sent, in every spelling, and the credentials
    /// if they are not forwarded. Fields of a trailer section as well. To be called after the
    /// [decision](crate::Gate::decide), which needs the credentials, and after hop-by-hop fields
    /// are gone.
    pub fn strip(&self, headers: &mut HeaderMap) {
        let names = headers.keys().filter(|name| self.is_stripped(name));
        let names: Vec<_> = names.cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }

    /// The names that a proxy has to remove which removes by exact name, and removes last: those of
    /// `fields`, every spelling with `_`, and what was `sent` in any other spelling; never what is
    /// set.
    pub fn to_remove<'n>(
        &'n self,
        fields: &'n IdentityFields,
        sent: &'n HeaderMap,
    ) -> impl Iterator<Item = &'n str> {
        let sent = sent.keys().filter(|name| self.is_stripped(name));
        let mut names: BTreeSet<_> = sent
            .chain(&fields.remove)
            .chain(&self.0.spellings)
            .map(HeaderName::as_str)
            .collect();
        for (name, _) in &fields.set {
            names.remove(name.as_str());
        }
        names.into_iter()
    }

    /// Every identity field by name, those of the preset that are never set included: what a proxy
    /// has to replace or remove.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.names()
    }

    /// The fields that a proxy has to remove besides: `Authorization` and the ID token's, unless
    /// they are forwarded.
    pub fn credentials(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.credentials()
    }

    /// The field in which an ID token comes.
    #[must_use]
    pub fn id_token_field(&self) -> &HeaderName {
        &self.0.id_token_field
    }

    /// What becomes of client fields with `_` in their names.
    #[must_use]
    pub fn underscores(&self) -> Underscores {
        self.0.underscores
    }

    /// Whether the application gets the credentials.
    #[must_use]
    pub fn token(&self) -> Token {
        self.0.token
    }

    /// [`names`](Self::names) and [`credentials`](Self::credentials) with `_` for one of their
    /// hyphens or several, in every combination. For proxies that remove by exact name.
    pub fn underscore_spellings(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.spellings.iter()
    }

    /// Whether a field of this name, in whatever spelling, would pass for an identity field: one of
    /// [`names`](Self::names), or `X-Authgear-` or `X-Bearward-` with anything behind it.
    #[must_use]
    pub fn is_identity(&self, name: impl AsRef<str>) -> bool {
        let name = name.as_ref();
        has_reserved_prefix(name)
            || self
                .names()
                .any(|ours| spelling::is_same(name, ours.as_str()))
    }

    /// Whether [`strip`](Self::strip) takes a field of this name out.
    #[must_use]
    pub fn is_stripped(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        self.0.underscores == Underscores::Drop && name.contains('_')
            || has_reserved_prefix(name)
            || self
                .0
                .stripped()
                .any(|ours| spelling::is_same(name, ours.as_str()))
    }

    fn value(&self, text: &str) -> Result<HeaderValue, IdentityError> {
        if text.len() > self.0.max_bytes {
            return Err(IdentityError::TooLarge);
        }
        HeaderValue::from_str(text).map_err(|_| IdentityError::NotHeaderSafe)
    }
}

impl Default for Identity {
    /// No fields, and no credentials for the application.
    fn default() -> Self {
        IdentityBuilder::default().identity(Vec::new(), Vec::new())
    }
}

impl Inner {
    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let set = self.fields.iter().map(|field| &field.name);
        set.chain(&self.never_set)
    }

    fn credentials(&self) -> impl Iterator<Item = &HeaderName> {
        let names = match self.token {
            Token::Forward => None,
            Token::Strip => Some([&AUTHORIZATION, &self.id_token_field]),
        };
        names.into_iter().flatten()
    }

    fn stripped(&self) -> impl Iterator<Item = &HeaderName> {
        self.names().chain(self.credentials())
    }
}

impl Says {
    /// The text of the field; `None` if there is nothing to say.
    fn of<'p>(&self, principal: &'p Principal) -> Result<Option<Cow<'p, str>>, IdentityError> {
        match self {
            Self::Authgear(field) => field.of(principal),
            Self::Claim(source, encoding) => {
                let Some(claim) = source.of(principal) else {
                    return Ok(None);
                };
                let text = encoding.encode(claim)?;
                // An application cannot tell empty from absent behind every proxy.
                Ok(Some(text).filter(|text| !text.is_empty()))
            }
        }
    }
}
