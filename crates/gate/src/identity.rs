//! Identity fields: how the application behind the gateway learns who sent a request.
//!
//! For every request that passes, each configured field is [set to its value or removed](Identity::of).
//! Any such field that the client sent is [removed](Identity::strip) in every spelling. The doors
//! transport the fields.

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

use crate::misleading::{self, Sender, Takes, bit, has_length};

pub use self::builder::{IdentityBuildError, IdentityBuilder, Preset};
pub use self::claim::ClaimSource;
use self::claim::Unfit;
pub use self::encoding::Encoding;
pub use self::spelling::has_reserved_prefix;

/// Which fields tell the application about the sender. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    /// The fields for a request without a principal: every name that is stripped is removed.
    of_nobody: Arc<IdentityFields>,
    /// The names of these that are never set for any principal.
    never_said: Vec<HeaderName>,
    /// All these names folded, ascending.
    folded: Vec<String>,
    /// The lengths of the folded names, as bits: a name of any other length is not among them.
    lengths: u64,
    /// Every variant of these names with `_` for one or more hyphens; ascending, without the names
    /// themselves.
    spellings: Vec<HeaderName>,
}

/// For a binary search among ascending names.
fn by_name(name: &HeaderName) -> impl Fn(&HeaderName) -> Ordering {
    |other| other.as_str().cmp(name.as_str())
}

/// All settings that determine the fields.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    fields: Vec<Field>,
    /// Names of the preset that are never set.
    never_set: Vec<HeaderName>,
    token: Token,
    /// The fields that may carry an access token, in addition to `Authorization`.
    token_fields: Vec<HeaderName>,
    id_token_field: HeaderName,
    underscores: Underscores,
    /// The folded names of further fields to remove, ascending.
    removed: Vec<String>,
    /// The fields that are not removed, although they are misleading or have `_`.
    kept: Vec<HeaderName>,
    max_bytes: usize,
}

/// One field, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: HeaderName,
    says: Says,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Says {
    /// The value that Authgear's resolver sends under this name.
    Authgear(authgear::Field),
    /// A claim of the principal in this encoding.
    Claim(ClaimSource, Encoding),
}

/// The identity fields of one request: every configured one, set or removed.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct IdentityFields {
    /// Fields to set, in place of those the client sent.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Fields to remove: they have no value, or hold a credential that is not forwarded.
    pub remove: Vec<HeaderName>,
    /// Those of `remove` whose claim has characters outside ASCII, which their encoding cannot carry.
    pub left_out: Vec<HeaderName>,
}

/// The fields of a principal, and the identity that wrote them.
struct Derived {
    by: Identity,
    /// `None` if the outcome is too large to remember.
    fields: Option<Outcome>,
}

type Outcome = Result<Arc<IdentityFields>, IdentityError>;

impl fmt::Debug for IdentityFields {
    /// Shows only the names: claims are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set: Vec<_> = self.set.iter().map(|(name, _)| name).collect();
        f.debug_struct("IdentityFields")
            .field("set", &set)
            .field("remove", &self.remove)
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

/// Whether the application receives the credentials themselves: `Authorization`, the ID token, and a
/// token from another source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Token {
    /// It does, and verifies them again. `Authorization` then passes on every route.
    Forward,
    /// The application never receives them: anyone who has a token can use it elsewhere, so it goes no
    /// further than needed. The default.
    #[default]
    Strip,
}

/// How client fields with `_` in their names are treated; some servers read `_` as `-`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Underscores {
    /// All are removed. The default.
    #[default]
    Drop,
    /// Only spellings of an identity field or of a misleading field are removed.
    Keep,
}

/// Why a claim cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The encoding of the field cannot carry the claim: it has control characters, separators or spaces
    /// where they would be lost, or a type that does not suit the field; or it says who sent the request,
    /// and has characters outside ASCII. Any other claim with such characters is
    /// [left out](IdentityFields::left_out), as if the token did not have it.
    #[error("claim_not_header_safe: the encoding of a field cannot represent a claim")]
    NotHeaderSafe,
    /// The claim is longer than the field allows.
    #[error("claim_too_large: a claim is longer than its field may be")]
    TooLarge,
}

impl Identity {
    /// Starts without fields.
    pub fn builder() -> IdentityBuilder {
        IdentityBuilder::default()
    }

    /// The identity fields of a request that `principal` sent. They are written once for each verified
    /// principal, then reused.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if a claim cannot be written.
    pub fn of(&self, principal: Option<&Principal>) -> Result<Arc<IdentityFields>, IdentityError> {
        let Some(principal) = principal else {
            return Ok(Arc::clone(&self.0.of_nobody));
        };
        let mut written = None;
        let derived = principal.derived(|principal| {
            let outcome = self.0.write(principal).map(Arc::new);
            let is_small = outcome.as_ref().map_or(true, |fields| fields.is_small());
            written = Some(outcome.clone());
            Derived {
                by: self.clone(),
                fields: is_small.then_some(outcome),
            }
        });
        let kept = || derived.fields.clone().filter(|_| derived.by.is(self));
        match written.or_else(kept) {
            Some(outcome) => outcome,
            // Written under other settings, or too large to remember.
            None => self.0.write(principal).map(Arc::new),
        }
    }

    /// The first field that cannot be written for `principal`, with the source of its value, if it has
    /// one of its own: to explain a refusal.
    #[must_use]
    pub fn unwritable(&self, principal: &Principal) -> Option<(&HeaderName, Option<&ClaimSource>)> {
        let fails = |field: &&Field| match self.0.value(field, principal) {
            Ok(Written::Text(value)) => HeaderValue::from_str(&value).is_err(),
            Ok(Written::LeftOut | Written::Nothing) => false,
            Err(_) => true,
        };
        let field = self.0.settings.fields.iter().find(fails)?;
        let source = match &field.says {
            Says::Authgear(_) => None,
            Says::Claim(source, _) => Some(source),
        };
        Some((&field.name, source))
    }

    /// Returns `other` if its settings are equal, and so keeps the fields it has written; otherwise
    /// `self`.
    pub fn reuse_if_equal(self, other: &Self) -> Self {
        match self.0.settings == other.0.settings {
            true => other.clone(),
            false => self,
        }
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Removes from a client's head or trailer section every identity field in every spelling, the
    /// credentials unless they are forwarded, and the fields that would make an application use another
    /// request or user than the one decided on (`docs/fields.md`). Call it after the
    /// [decision](crate::Gate::decide), which needs the credentials, and after removing hop-by-hop
    /// fields.
    pub fn strip(&self, headers: &mut HeaderMap) {
        let names = headers.keys().filter(|name| self.is_stripped(name));
        let names: Vec<_> = names.cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }

    /// The names to remove, for a proxy that removes by exact name and does so last: those that
    /// `fields` removes, every spelling with `_`, and those `sent` that would be
    /// [stripped](Self::strip), except what Envoy writes itself; never a name that is set.
    pub fn to_remove<'n>(
        &'n self,
        fields: &'n IdentityFields,
        sent: &'n HeaderMap,
    ) -> impl Iterator<Item = &'n str> {
        let is_listed = |name: &HeaderName| {
            fields.set.iter().any(|(set, _)| set == name)
                || fields.remove.contains(name)
                || self.0.spellings.binary_search_by(by_name(name)).is_ok()
        };
        let sent = sent.keys().filter(move |name| {
            let folded = misleading::fold(name.as_str());
            self.is_taken_out(name, &folded, Sender::Envoy) && !is_listed(name)
        });
        let names = sent.chain(&fields.remove).chain(&self.0.spellings);
        names.map(HeaderName::as_str)
    }

    /// The name of every identity field, including fields of the preset that are never set: a proxy
    /// must replace or remove them all.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.settings.names()
    }

    /// The further fields that a proxy must remove: `Authorization`, the ID token's and other fields of
    /// tokens, unless they are forwarded.
    pub fn credentials(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.settings.credentials()
    }

    /// The fields that may carry an access token, in addition to `Authorization`.
    pub fn token_fields(&self) -> &[HeaderName] {
        &self.0.settings.token_fields
    }

    /// The field that carries an ID token.
    #[must_use]
    pub fn id_token_field(&self) -> &HeaderName {
        &self.0.settings.id_token_field
    }

    /// How client fields with `_` in their names are treated.
    #[must_use]
    pub fn underscores(&self) -> Underscores {
        self.0.settings.underscores
    }

    /// Whether the application receives the credentials.
    #[must_use]
    pub fn token(&self) -> Token {
        self.0.settings.token
    }

    /// [`names`](Self::names) and [`credentials`](Self::credentials) with `_` for one or more of their
    /// hyphens, in every combination. For proxies that remove fields by exact name.
    pub fn underscore_spellings(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.spellings.iter()
    }

    /// Whether a server might take a field with this name, in any spelling, for an identity field: one
    /// of [`names`](Self::names), or any field that starts with `X-Authgear-` or `X-Bearward-`.
    #[must_use]
    pub fn is_identity(&self, name: impl AsRef<str>) -> bool {
        let name = name.as_ref();
        has_reserved_prefix(name)
            || self
                .names()
                .any(|ours| spelling::is_same(name, ours.as_str()))
    }

    /// Whether [`strip`](Self::strip) removes a field with this name.
    #[must_use]
    pub fn is_stripped(&self, name: &HeaderName) -> bool {
        let folded = misleading::fold(name.as_str());
        self.is_taken_out(name, &folded, Sender::Stranger)
    }

    /// Whether a field with this name and this folded name is removed if `sender` sent it.
    pub fn is_taken_out(&self, name: &HeaderName, folded: &str, sender: Sender) -> bool {
        let settings = &self.0.settings;
        self.is_ours(folded)
            || (settings.underscores == Underscores::Drop && name.as_str().contains('_')
                || misleading::find(folded).is_some_and(|row| !row.may_pass(name, folded, sender))
                || settings.removes(folded))
                && !settings.kept.contains(name)
    }

    /// Whether the field with this folded name is an identity field, or a credential that is not
    /// forwarded.
    fn is_ours(&self, folded: &str) -> bool {
        let Inner {
            folded: ours,
            lengths,
            ..
        } = &*self.0;
        let order = |ours: &String| ours.as_str().cmp(folded);
        let is_one = || has_length(*lengths, folded.len()) && ours.binary_search_by(order).is_ok();
        spelling::is_reserved(folded) || is_one()
    }

    /// Whether the field with this folded name is kept, and so is a query parameter with that name.
    pub fn keeps(&self, folded: &str) -> bool {
        self.kept().any(|kept| kept == folded)
    }

    /// Whether a field that is kept may name another method than the request line.
    pub(crate) fn passes_method(&self, sent: &HeaderMap) -> bool {
        let mut kept = self.0.settings.kept.iter();
        kept.any(|name| {
            let row = misleading::find(&misleading::fold(name.as_str()));
            row.is_some_and(|row| row.takes == Takes::Method) && sent.contains_key(name)
        })
    }

    /// The names to keep, folded.
    pub fn kept(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let kept = self.0.settings.kept.iter();
        kept.map(|name| misleading::fold(name.as_str()))
    }

    /// The further names to remove, folded.
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
                left_out: Vec::new(),
            }),
            settings,
        }))
    }
}

impl IdentityFields {
    /// Whether the fields are small enough to remember. The names share their text.
    fn is_small(&self) -> bool {
        let values = self.set.iter().map(|(_, value)| value.len());
        let names = self.remove.len().saturating_add(self.left_out.len());
        let lines = self.set.len().saturating_add(names);
        let line = size_of::<(HeaderName, HeaderValue)>();
        let bytes = values
            .sum::<usize>()
            .saturating_add(lines.saturating_mul(line));
        u32::try_from(bytes).is_ok_and(|bytes| bytes <= DERIVED_BYTES)
    }
}

/// The maximum size of the fields remembered for a principal, in bytes.
pub const DERIVED_BYTES: u32 = 1536;

impl Inner {
    fn write(&self, principal: &Principal) -> Result<IdentityFields, IdentityError> {
        let fields = &self.settings.fields;
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            values.push(self.value(field, principal)?);
        }
        let said = || values.iter().filter_map(Written::text);
        // All values share one text, of which each is a slice. It has no spare capacity, since it may
        // be remembered.
        let mut text = String::with_capacity(said().map(|value| value.len()).sum());
        said().for_each(|value| text.push_str(value));
        let mut text = Bytes::from(text);
        let count = said().count();
        let unsaid = fields.len().saturating_sub(count);
        let mut set = Vec::with_capacity(count);
        let mut remove = Vec::with_capacity(unsaid.saturating_add(self.never_said.len()));
        let written = fields.iter().zip(&values);
        let left_out = written.filter(|(_, value)| matches!(value, Written::LeftOut));
        let left_out = left_out.map(|(field, _)| field.name.clone()).collect();
        for (Field { name, .. }, value) in fields.iter().zip(&values) {
            let Some(value) = value.text() else {
                remove.push(name.clone());
                continue;
            };
            let value = HeaderValue::from_maybe_shared(text.split_to(value.len()));
            let value = value.map_err(|_| IdentityError::NotHeaderSafe)?;
            set.push((name.clone(), value));
        }
        remove.extend_from_slice(&self.never_said);
        Ok(IdentityFields {
            set,
            remove,
            left_out,
        })
    }

    fn value<'p>(
        &self,
        field: &Field,
        principal: &'p Principal,
    ) -> Result<Written<'p>, IdentityError> {
        let value = field.says.of(principal)?;
        let is_too_large = |value: &str| value.len() > self.settings.max_bytes;
        match value.text().is_some_and(is_too_large) {
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
        let more = match self.token {
            Token::Forward => &[][..],
            Token::Strip => &self.token_fields,
        };
        names.into_iter().flatten().chain(more)
    }

    fn stripped(&self) -> impl Iterator<Item = &HeaderName> {
        self.names().chain(self.credentials())
    }
}

/// What a field of a principal says.
enum Written<'p> {
    /// The claim has characters that the encoding cannot carry.
    LeftOut,
    /// The principal has no such claim.
    Nothing,
    Text(Cow<'p, str>),
}

impl Written<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::LeftOut | Self::Nothing => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl Says {
    /// A claim that names people or things may be written in any script, and the application has to do
    /// without it anyway where a token lacks it. A claim that says who sent the request is never left out:
    /// to an application that reads an absent field as an empty text, all these senders would be one.
    fn of<'p>(&self, principal: &'p Principal) -> Result<Written<'p>, IdentityError> {
        match self.text_of(principal) {
            Ok(Some(text)) => Ok(Written::Text(text)),
            Ok(None) => Ok(Written::Nothing),
            Err(Unfit::NotAscii) if !self.identifies() => Ok(Written::LeftOut),
            Err(Unfit::NotAscii | Unfit::NotHeaderSafe) => Err(IdentityError::NotHeaderSafe),
        }
    }

    fn identifies(&self) -> bool {
        match self {
            Self::Authgear(field) => field.identifies(),
            Self::Claim(source, _) => source.identifies(),
        }
    }

    /// The text of the field; `None` if there is nothing to say.
    fn text_of<'p>(&self, principal: &'p Principal) -> Result<Option<Cow<'p, str>>, Unfit> {
        match self {
            Self::Authgear(field) => field.of(principal),
            Self::Claim(source, encoding) => {
                let Some(claim) = source.of(principal)? else {
                    return Ok(None);
                };
                let text = encoding.encode(claim)?;
                // Not every proxy keeps empty and absent fields apart.
                Ok(Some(text).filter(|text| !text.is_empty()))
            }
        }
    }
}
