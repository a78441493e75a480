//! The keys of an issuer: JWK Set ([RFC 7517 §5]), and stage 3, select: the key that fits a token's
//! header.
//!
//! Unusable keys are left out and listed; the others stay. A token must identify its key; only if
//! the issuer names none of its keys, the few that fit are tried in turn. This file fetches nothing.
//!
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::algorithm::Algorithm;
use crate::header::Header;
use crate::jwk::{Jwk, JwkFault, LeftOut, UnusableJwk, Use, VerificationKey};
use crate::limits;
use crate::pem::{self, PemError};
use crate::rejection::InvalidToken;

/// The usable keys of one issuer, parsed.
#[derive(Clone)]
pub struct JwkSet {
    keys: Vec<Arc<VerificationKey>>,
    by_kid: Names,
    by_x5t: Names,
    by_x5t_s256: Names,
    unusable: Vec<UnusableKey>,
}

/// The indices of the keys with each name.
type Names = HashMap<Box<str>, Vec<usize>>;

impl JwkSet {
    /// Parses a JWK Set document.
    ///
    /// # Errors
    ///
    /// [`JwkSetError`] if the document is not a JWK Set, is too large, or has no usable key. A
    /// single odd key is no error: it is left out, see [`JwkSet::unusable`].
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        Self::parse_for(Use::Signatures, document)
    }

    fn parse_for(to: Use, document: &[u8]) -> Result<Self, JwkSetError> {
        if document.len() > limits::DOCUMENT_BYTES {
            return Err(JwkSetError::TooLarge);
        }
        // RFC 8259 §8.1: all of it is UTF-8. serde_json checks only what it keeps.
        let document = str::from_utf8(document).map_err(|_| JwkSetError::NotAJwkSet)?;
        // RFC 8259 §8.1: a parser may ignore a byte order mark. It changes nothing that follows.
        let document = document.strip_prefix('\u{feff}').unwrap_or(document);
        // serde would also accept an array of the members' values.
        if !document.trim_ascii_start().starts_with('{') {
            return Err(JwkSetError::NotAJwkSet);
        }
        let document: Document<'_> =
            serde_json::from_str(document).map_err(|_| JwkSetError::NotAJwkSet)?;
        if document.keys.len() > limits::JWK_SET_KEYS {
            return Err(JwkSetError::TooManyKeys);
        }
        let mut set = Self::empty();
        for (index, json) in document.keys.into_iter().enumerate() {
            set.add_jwk(index, json.get(), to);
        }
        if set.keys.is_empty() {
            return Err(JwkSetError::NoUsableKey(set.unusable.into()));
        }
        Ok(set)
    }

    /// A set of static secrets, each with its `kid` or without.
    #[must_use]
    pub fn from_secrets(
        secrets: impl IntoIterator<Item = (Option<String>, VerificationKey)>,
    ) -> Self {
        let mut set = Self::empty();
        for (kid, key) in secrets {
            set.add([kid.as_deref(), None, None], [key]);
        }
        set
    }

    /// Replaces keys that `other` also has with `other`'s, so that a holder of such a key can tell
    /// that [`select`](Self::select) still finds it.
    #[must_use]
    pub fn sharing(mut self, other: &Self) -> Self {
        for key in &mut self.keys {
            if let Some(same) = other.keys.iter().find(|theirs| theirs.is_same(key)) {
                *key = Arc::clone(same);
            }
        }
        self
    }

    /// The key that fits the header.
    ///
    /// A `kid` selects the key with that name; where a token has none, `x5t#S256` or `x5t` selects
    /// the key with the same member. Without a name, exactly one key must support the token's
    /// algorithm. A name of a form that no key of the set has is ignored. If no key has a `kid`, up
    /// to [`limits::NAMELESS_KEYS`] keys may support its algorithm: during a rotation there are two.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::KidUnknown`], [`InvalidToken::KidMissing`], [`InvalidToken::KidAmbiguous`]
    /// or [`InvalidToken::AlgKeyMismatch`].
    pub fn select(&self, header: &Header) -> Result<Candidates, InvalidToken> {
        let fits = |key: &&Arc<VerificationKey>| key.algorithm() == header.algorithm();
        // Nearly every token has a `kid`, and every set.
        if let Some(indices) = header.kid().and_then(|kid| self.by_kid.get(kid)) {
            let named = indices.iter().filter_map(|index| self.keys.get(*index));
            return Candidates::of(named.filter(fits), 1, InvalidToken::KidAmbiguous);
        }
        self.select_otherwise(header, fits)
    }

    #[inline(never)]
    fn select_otherwise(
        &self,
        header: &Header,
        fits: impl Fn(&&Arc<VerificationKey>) -> bool,
    ) -> Result<Candidates, InvalidToken> {
        let names = [&self.by_kid, &self.by_x5t_s256, &self.by_x5t];
        let mut named = header.key_names().into_iter().zip(names);
        let named =
            named.find_map(|(name, names)| Some((name?, names)).filter(|_| !names.is_empty()));
        let Some((name, names)) = named else {
            let most = match self.by_kid.is_empty() {
                true => limits::NAMELESS_KEYS,
                false => 1,
            };
            let keys = self.keys.iter().filter(fits);
            return Candidates::of(keys, most, InvalidToken::KidMissing);
        };
        let indices = names.get(name).ok_or(InvalidToken::KidUnknown)?;
        let named = indices.iter().filter_map(|index| self.keys.get(*index));
        Candidates::of(named.filter(fits), 1, InvalidToken::KidAmbiguous)
    }

    /// The names of the usable keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.by_kid.keys().map(AsRef::as_ref)
    }

    /// All names by which tokens may select the usable keys: `kid`, `x5t` and `x5t#S256`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.by_kid, &self.by_x5t, &self.by_x5t_s256];
        names.into_iter().flat_map(Names::keys).map(AsRef::as_ref)
    }

    /// The algorithms that its keys verify, each once.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let has = |algorithm: &Algorithm| self.keys.iter().any(|key| key.algorithm() == *algorithm);
        Algorithm::ALL.iter().copied().filter(has)
    }

    /// The names of several keys for one algorithm: a token with such a name is refused. Only where no
    /// key has a `kid`, also `x5t` and `x5t#S256`: otherwise tokens have a `kid`.
    pub fn ambiguous(&self) -> impl Iterator<Item = &str> {
        let algorithm = |index: &usize| self.keys.get(*index).map(|key| key.algorithm());
        let thumbprints = [&self.by_x5t_s256, &self.by_x5t].into_iter();
        let thumbprints = thumbprints.filter(|_| self.by_kid.is_empty());
        let names = [&self.by_kid].into_iter().chain(thumbprints).flatten();
        let ambiguous = names.filter(move |(_, indices)| {
            let mut seen = HashSet::new();
            let mut algorithms = indices.iter().filter_map(algorithm);
            !algorithms.all(|algorithm| seen.insert(algorithm))
        });
        ambiguous.map(|(name, _)| &**name)
    }

    /// The algorithms that more keys can verify than are tried, in a set whose keys have no names: a
    /// token of such an algorithm is refused.
    pub fn too_many_nameless(&self) -> impl Iterator<Item = Algorithm> {
        let names = [&self.by_kid, &self.by_x5t, &self.by_x5t_s256];
        let are_nameless = names.into_iter().all(Names::is_empty);
        let count = |wanted: Algorithm| {
            let keys = self.keys.iter().filter(|key| key.algorithm() == wanted);
            keys.count()
        };
        let algorithms = self.algorithms().filter(move |_| are_nameless);
        algorithms.filter(move |algorithm| count(*algorithm) > limits::NAMELESS_KEYS)
    }

    /// The algorithms for which [`select`](Self::select) finds a key for some token: those of
    /// [`algorithms`](Self::algorithms) without those whose keys are all ambiguous or too many.
    pub fn selectable(&self) -> impl Iterator<Item = Algorithm> {
        let is_for = move |index: &usize, wanted: Algorithm| {
            let key = self.keys.get(*index);
            key.is_some_and(|key| key.algorithm() == wanted)
        };
        let has_name = move |wanted: Algorithm| {
            let names = [&self.by_kid, &self.by_x5t_s256, &self.by_x5t];
            names.into_iter().flat_map(Names::values).any(|indices| {
                let fitting = indices.iter().filter(|index| is_for(index, wanted));
                fitting.count() == 1
            })
        };
        let most = match self.by_kid.is_empty() {
            true => limits::NAMELESS_KEYS,
            false => 1,
        };
        let are_few = move |wanted: Algorithm| {
            let keys = self.keys.iter().filter(|key| key.algorithm() == wanted);
            keys.count() <= most
        };
        let algorithms = self.algorithms();
        algorithms.filter(move |algorithm| are_few(*algorithm) || has_name(*algorithm))
    }

    /// The keys that were left out, and why.
    #[must_use]
    pub fn unusable(&self) -> &[UnusableKey] {
        &self.unusable
    }

    fn empty() -> Self {
        Self {
            keys: Vec::new(),
            by_kid: Names::new(),
            by_x5t: Names::new(),
            by_x5t_s256: Names::new(),
            unusable: Vec::new(),
        }
    }

    fn add_jwk(&mut self, index: usize, json: &str, to: Use) {
        let parsed = Jwk::parse(json);
        let keys = parsed.as_ref().map_err(|left_out| *left_out);
        let keys = keys.and_then(|jwk| jwk.verification_keys(to));
        let jwk = parsed.ok();
        let kid = jwk.as_ref().and_then(Jwk::kid);
        match keys {
            Ok(keys) => {
                let [x5t, x5t_s256] = jwk.as_ref().map(Jwk::thumbprints).unwrap_or_default();
                self.add([kid, x5t, x5t_s256], keys);
            }
            Err(LeftOut { reason, fault }) => self.unusable.push(UnusableKey {
                index,
                kid: kid
                    .map(shown)
                    .or_else(|| Jwk::kid_of_malformed(json).as_deref().map(shown)),
                kind: jwk.as_ref().map(|jwk| shown(&jwk.kind())),
                reason,
                fault,
            }),
        }
    }

    /// One key is one key, however often it is listed and under however many names.
    /// Its names are `kid`, `x5t` and `x5t#S256`.
    fn add(&mut self, names: [Option<&str>; 3], keys: impl IntoIterator<Item = VerificationKey>) {
        for key in keys {
            let known = self.keys.iter().position(|known| known.is_same(&key));
            let index = known.unwrap_or(self.keys.len());
            if known.is_none() {
                self.keys.push(Arc::new(key));
            }
            let maps = [&mut self.by_kid, &mut self.by_x5t, &mut self.by_x5t_s256];
            let named = maps.into_iter().zip(names);
            for (map, name) in named.filter_map(|(map, name)| Some((map, name?))) {
                let indices = map.entry(name.into()).or_default();
                indices.extend((!indices.contains(&index)).then_some(index));
            }
        }
    }
}

/// What kind of document an issuer publishes its keys in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyDocument {
    /// A JWK Set.
    #[default]
    JwkSet,
    /// The trust bundle of a [SPIFFE trust domain]: only the keys whose `use` is `jwt-svid` are
    /// used. A document without any is a JWK Set like others, as SPIRE's discovery provider
    /// publishes it.
    ///
    /// [SPIFFE trust domain]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md
    SpiffeBundle,
    /// One P-256 key as PEM, without a name: the key of each `kid` is at a URL of its own,
    /// as Application Load Balancers publish theirs.
    PemByKid,
}

impl KeyDocument {
    /// Whether each key is at a URL of its own, so that there is nothing to fetch before a token names
    /// one.
    #[must_use]
    pub const fn is_by_kid(self) -> bool {
        matches!(self, Self::PemByKid)
    }

    /// Parses a document of this kind.
    ///
    /// # Errors
    ///
    /// As [`JwkSet::parse`], or for a PEM [`JwkSetError::NotAPem`] or [`JwkSetError::NotP256`].
    pub fn parse(self, document: &[u8]) -> Result<JwkSet, JwkSetError> {
        match self {
            Self::JwkSet => JwkSet::parse(document),
            Self::SpiffeBundle => match JwkSet::parse_for(Use::JwtSvids, document) {
                Err(JwkSetError::NoUsableKey(_)) => JwkSet::parse(document),
                parsed => parsed,
            },
            Self::PemByKid if document.len() > limits::DOCUMENT_BYTES => Err(JwkSetError::TooLarge),
            Self::PemByKid => {
                let mut set = JwkSet::empty();
                set.add([None; 3], [pem::parse(document)?]);
                Ok(set)
            }
        }
    }
}

/// The keys that may have signed a token: one, unless its issuer names none of its keys.
#[derive(Clone, Debug)]
pub struct Candidates {
    first: Arc<VerificationKey>,
    /// Nearly always none, and in one word: the token cache copies it with each token that it finds.
    others: Option<Arc<Vec<Arc<VerificationKey>>>>,
}

impl Candidates {
    /// The keys, if there are not more than `most`, for which the reason is `several`.
    fn of<'k>(
        mut keys: impl Iterator<Item = &'k Arc<VerificationKey>>,
        most: usize,
        several: InvalidToken,
    ) -> Result<Self, InvalidToken> {
        let first = keys.next().ok_or(InvalidToken::AlgKeyMismatch)?;
        let others: Vec<_> = keys.take(most).cloned().collect();
        if others.len() >= most {
            return Err(several);
        }
        Ok(Self {
            first: Arc::clone(first),
            others: (!others.is_empty()).then(|| Arc::new(others)),
        })
    }

    /// The keys, in the order of the set.
    pub fn iter(&self) -> impl Iterator<Item = &VerificationKey> {
        let keys = [&self.first].into_iter().chain(self.others());
        keys.map(AsRef::as_ref)
    }

    /// Whether these are the same keys, in one memory: those of [`JwkSet::sharing`].
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.others(), other.others());
        let is_same = |(ours, theirs): (&Arc<_>, &Arc<_>)| Arc::ptr_eq(ours, theirs);
        Arc::ptr_eq(&self.first, &other.first)
            && ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(is_same)
    }

    fn others(&self) -> &[Arc<VerificationKey>] {
        self.others.as_ref().map_or(&[], |others| others.as_slice())
    }
}

impl From<VerificationKey> for Candidates {
    fn from(key: VerificationKey) -> Self {
        Self {
            first: Arc::new(key),
            others: None,
        }
    }
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwkSet")
            .field("kids", &self.kids().collect::<Vec<_>>())
            .field("unusable", &self.unusable)
            .finish_non_exhaustive()
    }
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableKey {
    /// Its index in `keys`, from 0.
    pub index: usize,
    /// Its `kid`, if it has one; at most [`limits::KID_BYTES`] of it.
    pub kid: Option<Box<str>>,
    /// Its `kty`, `crv` and `alg`, such as `OKP Ed448 EdDSA`, if it is a JWK at all; cut likewise.
    pub kind: Option<Box<str>>,
    /// Why it is not used.
    pub reason: UnusableJwk,
    /// Which member is wrong, and how, if it is not used for the fault of one.
    pub fault: Option<JwkFault>,
}

/// In words, for the operator. Text of the issuer is escaped.
impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.index)?;
        if let Some(kid) = &self.kid {
            write!(f, " (kid {kid:?})")?;
        }
        write!(f, " is left out: {}", self.reason)?;
        if let Some(fault) = &self.fault {
            write!(f, ": {fault}")?;
        }
        match &self.kind {
            Some(kind) => write!(f, " [{}]", kind.escape_debug()),
            None => Ok(()),
        }
    }
}

/// The keys of a set of which none can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllLeftOut(Arc<[UnusableKey]>);

impl AllLeftOut {
    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[UnusableKey] {
        &self.0
    }
}

impl From<Vec<UnusableKey>> for AllLeftOut {
    fn from(keys: Vec<UnusableKey>) -> Self {
        Self(keys.into())
    }
}

/// The first of the keys; a set may have a hundred.
impl fmt::Display for AllLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in self.0.iter().take(LEFT_OUT_SHOWN) {
            write!(f, "; {key}")?;
        }
        match self.0.len().checked_sub(LEFT_OUT_SHOWN) {
            Some(more @ 1..) => write!(f, "; and {more} more"),
            _ => Ok(()),
        }
    }
}

/// How many of the keys an error names if none can be used.
const LEFT_OUT_SHOWN: usize = 4;

/// Why a document is not a JWK Set we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// No key can be used.
    #[error("the JWK Set has no usable key{0}")]
    NoUsableKey(AllLeftOut),
    /// Not an object with an array `keys`.
    #[error("the document is not a JWK Set")]
    NotAJwkSet,
    /// Not exactly one PEM block `PUBLIC KEY`.
    #[error("the document is not a public key as one PEM block")]
    NotAPem,
    /// The PEM block has another public key than one on P-256, or one that is no point of the curve.
    #[error("the PEM block is not a public key on P-256")]
    NotP256,
    /// Larger than [`limits::DOCUMENT_BYTES`].
    #[error(
        "jwks_too_large: the JWK Set is larger than {} bytes",
        limits::DOCUMENT_BYTES
    )]
    TooLarge,
    /// More keys than [`limits::JWK_SET_KEYS`].
    #[error(
        "jwks_too_large: the JWK Set has more than {} keys",
        limits::JWK_SET_KEYS
    )]
    TooManyKeys,
}

impl From<PemError> for JwkSetError {
    fn from(error: PemError) -> Self {
        match error {
            PemError::NotAPem => Self::NotAPem,
            PemError::NotP256 => Self::NotP256,
        }
    }
}

/// What is shown of an issuer's text.
fn shown(text: &str) -> Box<str> {
    let mut ends = (0..=limits::KID_BYTES).rev();
    let start = ends.find_map(|end| text.get(..end));
    start.unwrap_or_default().into()
}

#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}
