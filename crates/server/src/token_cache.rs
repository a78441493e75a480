//! The cache of verified tokens: a token that comes again costs no signature check.
//!
//! What is remembered is that *these bytes* were verified, and what they say; what depends on the
//! moment is checked each time. An entry counts only while its key set is the current one; in another
//! set the key is selected anew, and the signature is good if it is the same key. So a key that its
//! issuer took back ends what it verified at once, and one that came beside it ends nothing. Times
//! are checked on every hit, and what a route asks for is decided elsewhere, per request. A refused
//! token is never remembered.
//!
//! An entry is found by a seeded hash of the token and by the equality of all its bytes: two tokens
//! cannot share one. The cache belongs to one set of issuers and policies: other ones have an empty
//! cache.

use std::num::NonZeroU32;
use std::sync::Arc;

use bearward_core::rejection::InvalidToken;
use bearward_core::{Claimed, UnixTime};
use quick_cache::Weighter;
use quick_cache::sync::DefaultLifecycle;

use crate::key_store::Selected;
use crate::sync::QuickCache;
use crate::trusted::Trusted;

/// How much a cache of verified tokens may hold.
///
/// Bounded in entries and in bytes, whichever is reached first. When it is full, tokens that come
/// often stay and those that came once go: a crowd of tokens seen once does not drive out the
/// others (quick_cache: S3-FIFO). It grows with use; an empty one takes next to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TokenCache {
    max_entries: u32,
    max_bytes: u32,
    derived_bytes: u32,
}

impl TokenCache {
    /// The default limits: 10 000 entries, 32 MiB. A token of 1.2 KB takes 3 KB with its claims.
    pub const fn new() -> Self {
        Self {
            max_entries: 10_000,
            max_bytes: 32 * 1024 * 1024,
            derived_bytes: 0,
        }
    }

    /// The most entries; 0: none is kept. Default: 10 000.
    pub const fn max_entries(mut self, max_entries: u32) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The most bytes of tokens and claims together; 0: none is kept. Default: 32 MiB.
    pub const fn max_bytes(mut self, max_bytes: u32) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The bytes that each entry counts besides, for what is
    /// [derived](bearward_core::Principal::derived) of its principal. Default: 0.
    pub const fn derived_bytes(mut self, derived_bytes: u32) -> Self {
        self.derived_bytes = derived_bytes;
        self
    }

    /// `None` if nothing may be kept.
    pub(crate) fn build(self) -> Option<Cache> {
        let max_entries = NonZeroU32::new(self.max_entries)?;
        let max_bytes = NonZeroU32::new(self.max_bytes)?;
        let weight = Weight {
            // A light entry counts as much as keeps their number within bounds.
            least: u64::from(max_bytes.get().div_ceil(max_entries.get())),
            derived: u64::from(self.derived_bytes),
        };
        Some(Cache(QuickCache::with(
            usize::try_from(max_entries.get()).unwrap_or(usize::MAX),
            max_bytes.get().into(),
            weight,
            foldhash::fast::RandomState::default(),
            DefaultLifecycle::default(),
        )))
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::new()
    }
}

/// The state of a cache of verified tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheState {
    /// How many tokens it holds.
    pub entries: usize,
    /// The bytes that they are counted as.
    pub bytes: u64,
    /// How many tokens were found in it.
    pub hits: u64,
    /// How many were not.
    pub misses: u64,
}

/// Tokens that were verified.
pub(crate) struct Cache(
    QuickCache<Box<[u8]>, Seen, Weight, foldhash::fast::RandomState, Lifecycle>,
);

type Lifecycle = DefaultLifecycle<Box<[u8]>, Seen>;

impl Cache {
    /// What is remembered of this token.
    pub(crate) fn find(&self, token: &[u8]) -> Option<Found> {
        let seen = self.0.get(token)?;
        if seen.is_current() {
            return Some(Found::Current(seen));
        }
        self.0.remove_if(token, |seen| !seen.is_current());
        Some(Found::Outdated(seen))
    }

    /// Remembers a token that was verified and admitted.
    pub(crate) fn keep(&self, token: &[u8], seen: Seen) {
        self.0.insert(token.into(), seen);
    }

    pub(crate) fn state(&self) -> TokenCacheState {
        TokenCacheState {
            entries: self.0.len(),
            bytes: self.0.weight(),
            hits: self.0.hits(),
            misses: self.0.misses(),
        }
    }
}

/// What is remembered of a token.
pub(crate) enum Found {
    /// Its keys are the same as then.
    Current(Seen),
    /// They have changed. It is forgotten, and worth something to whoever finds the same key again.
    Outdated(Seen),
}

/// What a token says, and by which policy and key.
#[derive(Clone)]
pub(crate) struct Seen {
    trusted: Trusted,
    selected: Selected,
    claimed: Claimed,
}

impl Seen {
    pub(crate) fn new(trusted: &Trusted, selected: Selected, claimed: &Claimed) -> Self {
        Self {
            trusted: trusted.clone(),
            selected,
            claimed: claimed.clone(),
        }
    }

    /// What the token says, if it still holds at the time `now`.
    pub(crate) fn check(self, now: UnixTime) -> Result<Claimed, InvalidToken> {
        self.trusted.policy.check_times(&self.claimed, now)?;
        Ok(self.claimed)
    }

    fn is_current(&self) -> bool {
        self.trusted.keys.is_current(&self.selected)
    }

    /// Whether it was verified by this very key under this very policy.
    pub(crate) fn is_by(&self, trusted: &Trusted, selected: &Selected) -> bool {
        self.trusted.is(trusted) && Arc::ptr_eq(&self.selected.key, &selected.key)
    }
}

/// What an entry counts as: its bytes.
#[derive(Clone)]
struct Weight {
    least: u64,
    derived: u64,
}

impl Weighter<Box<[u8]>, Seen> for Weight {
    fn weight(&self, token: &Box<[u8]>, seen: &Seen) -> u64 {
        /// The entry itself, what else is known of the claims, and what the map keeps beside it.
        const OVERHEAD: usize = 400;
        let claims = seen.claimed.memory_bytes();
        let bytes = token.len().saturating_add(claims).saturating_add(OVERHEAD);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        bytes.saturating_add(self.derived).max(self.least)
    }
}
