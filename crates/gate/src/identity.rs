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
use std::cmp::Ordering;
use std::fmt;
use std::mem::size_of;
use std::sync::Arc;

use bearward_core::Principal;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::misleading::{self, Sender, bit, has_length};

pub use self::builder::{IdentityBuildError, IdentityBuilder, Preset};
pub use self::claim::ClaimSource;
pub use self::encoding::Encoding;
pub use self::spelling::has_reserved_prefix;

/// Which fields tell the application what. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    /// What is told of nobody: every name is removed. They are those that are stripped.
    of_nobody: Arc<IdentityFields>,
    /// Those of them in which nothing is said of anybody.
    never_said: Vec<HeaderName>,
    /// All of them folded, ascending.
    folded: Vec<String>,
    /// The lengths of the folded ones, as bits: no name of another length is one of them.
    lengths: u64,
    /// All of them, with `_` for one of their hyphens or several; ascending, without the names themselves.
    spellings: Vec<HeaderName>,
}

/// For a search among names that ascend.
fn by_name(name: &HeaderName) -> impl Fn(&HeaderName) -> Ordering {
    |other| other.as_str().cmp(name.as_str())
}

/// All that decides what is told.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    fields: Vec<Field>,
    /// Names of the preset in which nothing ever is said.
    never_set: Vec<HeaderName>,
    token: Token,
    id_token_field: HeaderName,
    underscores: Underscores,
    /// The folded names of further fields to remove, ascending.
    removed: Vec<String>,
    /// The fields that are not removed, although they are misleading or have `_`.
    kept: Vec<HeaderName>,
    max_bytes: usize,
}

/// One field, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: HeaderName,
    says: Says,
}

#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What was told of a principal before, and by which settings.
struct Told {
    by: Identity,
    /// `None` if it is too much to be remembered.
    fields: Option<Outcome>,
}

type Outcome = Result<Arc<IdentityFields>, IdentityError>;

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
    /// All are removed. The default.
    #[default]
    Drop,
    /// Only spellings of an identity field or of a misleading field are removed.
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

    /// The identity fields of a request that `principal` sent. They are written once for a principal
    /// that comes again.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if a claim cannot be told.
    pub fn of(&self, principal: Option<&Principal>) -> Result<Arc<IdentityFields>, IdentityError> {
        let Some(principal) = principal else {
            return Ok(Arc::clone(&self.0.of_nobody));
        };
        let mut written = None;
        let told = principal.derived(|principal| {
            let outcome = self.0.tell(principal).map(Arc::new);
            let is_small = outcome.as_ref().map_or(true, |fields| fields.is_small());
            written = Some(outcome.clone());
            Told {
                by: self.clone(),
                fields: is_small.then_some(outcome),
            }
        });
        let kept = || told.fields.clone().filter(|_| told.by.is(self));
        match written.or_else(kept) {
            Some(outcome) => outcome,
            // Under settings that were in force when the token came first.
            None => self.0.tell(principal).map(Arc::new),
        }
    }

    /// This one, or `other` if that tells the same: what it told of principals before is kept then.
    pub fn reuse_if_equal(self, other: &Self) -> Self {
        match self.0.settings == other.0.settings {
            true => other.clone(),
            false => self,
        }
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Removes every identity field from what a client sent, in every spelling, the credentials if
    /// they are not forwarded, and fields that would make an application use another request or
    /// user than the one decided on (`docs/fields.md`), also from a trailer section. To be called
    /// after the [decision](crate::Gate::decide), which needs the credentials, and after hop-by-hop
    /// fields are gone.
    pub fn strip(&self, headers: &mut HeaderMap) {
        let names = headers.keys().filter(|name| self.is_stripped(name));
        let names: Vec<_> = names.cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }

    /// The names that a proxy has to remove which removes by exact name, and removes last: those of
    /// `fields`, every spelling with `_`, and what was `sent` that would be [stripped](Self::strip) but
    /// for what Envoy writes itself; never what is set.
    pub fn to_remove<'n>(
        &'n self,
        fields: &'n IdentityFields,
        sent: &'n HeaderMap,
    ) -> impl Iterator<Item = &'n str> {
        let is_told = |name: &HeaderName| {
            let mut told = fields.set.iter().map(|(name, _)| name);
            told.any(|told| told == name)
                || fields.remove.contains(name)
                || self.0.spellings.binary_search_by(by_name(name)).is_ok()
        };
        let sent = sent.keys().filter(move |name| {
            let folded = misleading::fold(name.as_str());
            self.is_taken_out(name, &folded, Sender::Envoy) && !is_told(name)
        });
        let names = sent.chain(&fields.remove).chain(&self.0.spellings);
        names.map(HeaderName::as_str)
    }

    /// Every identity field by name, those of the preset that are never set included: what a proxy
    /// has to replace or remove.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.settings.names()
    }

    /// The fields that a proxy has to remove besides: `Authorization` and the ID token's, unless
    /// they are forwarded.
    pub fn credentials(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.settings.credentials()
    }

    /// The field in which an ID token comes.
    #[must_use]
    pub fn id_token_field(&self) -> &HeaderName {
        &self.0.settings.id_token_field
    }

    /// What becomes of client fields with `_` in their names.
    #[must_use]
    pub fn underscores(&self) -> Underscores {
        self.0.settings.underscores
    }

    /// Whether the application gets the credentials.
    #[must_use]
    pub fn token(&self) -> Token {
        self.0.settings.token
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
        let folded = misleading::fold(name.as_str());
        self.is_taken_out(name, &folded, Sender::Stranger)
    }

    /// Whether a field with this name, and this folded name, is removed if it came from `sender`.
    pub fn is_taken_out(&self, name: &HeaderName, folded: &str, sender: Sender) -> bool {
        let settings = &self.0.settings;
        self.is_ours(folded)
            || (settings.underscores == Underscores::Drop && name.as_str().contains('_')
                || misleading::find(folded)
                    .is_some_and(|row| !row.may_be_said(name, folded, sender))
                || settings.removes(folded))
                && !settings.kept.contains(name)
    }

    /// Whether a field of this folded name is an identity field, or a credential that is not forwarded.
    fn is_ours(&self, folded: &str) -> bool {
        let Inner {
            folded: ours,
            lengths,
            ..
        } = &*self.0;
        let order = |ours: &String| ours.as_str().cmp(folded);
        let is_one = || has_length(*lengths, folded.len()) && ours.binary_search_by(order).is_ok();
        folded.starts_with("x-") && has_reserved_prefix(folded) || is_one()
    }

    /// Whether a field of this folded name is kept; a parameter of a query with the name is as well.
    pub fn keeps(&self, folded: &str) -> bool {
        self.kept().any(|kept| kept == folded)
    }

    /// What is not taken out, folded.
    pub fn kept(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let kept = self.0.settings.kept.iter();
        kept.map(|name| misleading::fold(name.as_str()))
    }

    /// What is taken out besides, folded.
    pub fn removed(&self) -> &[String] {
        &self.0.settings.removed
    }
}

impl Default for Identity {
    /// No fields, and no credentials for the application.
    fn default() -> Self {
        IdentityBuilder::default().identity(Vec::new(), Vec::new())
    }
}

impl From<Settings> for Identity {
    fn from(settings: Settings) -> Self {
        let remove: Vec<_> = settings.stripped().cloned().collect();
        let spellings = remove.iter().flat_map(spelling::with_underscores);
        let mut spellings: Vec<_> = spellings.filter(|name| !remove.contains(name)).collect();
        spellings.sort_unstable_by(|one, next| one.as_str().cmp(next.as_str()));
        spellings.dedup();
        let folded = remove.iter().map(|name| misleading::fold(name.as_str()));
        let mut folded: Vec<_> = folded.map(Cow::into_owned).collect();
        folded.sort_unstable();
        let never_said = settings.never_set.iter().chain(settings.credentials());
        Self(Arc::new(Inner {
            lengths: folded.iter().fold(0, |bits, name| bits | bit(name.len())),
            folded,
            spellings,
            never_said: never_said.cloned().collect(),
            of_nobody: Arc::new(IdentityFields {
                set: Vec::new(),
                remove,
            }),
            settings,
        }))
    }
}

impl IdentityFields {
    /// Whether they may be remembered. The texts of the names are shared.
    fn is_small(&self) -> bool {
        let values = self.set.iter().map(|(_, value)| value.len());
        let lines = self.set.len().saturating_add(self.remove.len());
        let line = size_of::<(HeaderName, HeaderValue)>();
        let bytes = values
            .sum::<usize>()
            .saturating_add(lines.saturating_mul(line));
        u32::try_from(bytes).is_ok_and(|bytes| bytes <= DERIVED_BYTES)
    }
}

/// The most that is remembered of what was told of a principal.
pub const DERIVED_BYTES: u32 = 1536;

impl Inner {
    fn tell(&self, principal: &Principal) -> Result<IdentityFields, IdentityError> {
        let fields = &self.settings.fields;
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            values.push(self.value(field, principal)?);
        }
        let said = || values.iter().flatten();
        // They stand in one text, of which each is a part. All is as long as it needs to be, since it
        // may be remembered.
        let mut text = String::with_capacity(said().map(|value| value.len()).sum());
        said().for_each(|value| text.push_str(value));
        let mut text = Bytes::from(text);
        let count = said().count();
        let unsaid = fields.len().saturating_sub(count);
        let mut set = Vec::with_capacity(count);
        let mut remove = Vec::with_capacity(unsaid.saturating_add(self.never_said.len()));
        for (Field { name, .. }, value) in fields.iter().zip(&values) {
            let Some(value) = value else {
                remove.push(name.clone());
                continue;
            };
            let value = HeaderValue::from_maybe_shared(text.split_to(value.len()));
            let value = value.map_err(|_| IdentityError::NotHeaderSafe)?;
            set.push((name.clone(), value));
        }
        remove.extend_from_slice(&self.never_said);
        Ok(IdentityFields { set, remove })
    }

    fn value<'p>(
        &self,
        field: &Field,
        principal: &'p Principal,
    ) -> Result<Option<Cow<'p, str>>, IdentityError> {
        let value = field.says.of(principal)?;
        let is_too_large = |value: &Cow<'_, str>| value.len() > self.settings.max_bytes;
        match value.as_ref().is_some_and(is_too_large) {
            true => Err(IdentityError::TooLarge),
            false => Ok(value),
        }
    }
}

impl Settings {
    fn removes(&self, folded: &str) -> bool {
        let order = |removed: &String| removed.as_str().cmp(folded);
        self.removed.binary_search_by(order).is_ok()
    }

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
