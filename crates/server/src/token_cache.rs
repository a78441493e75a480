//! The cache of verified tokens: a repeated token costs no signature check.
//!
//! An entry records that *these bytes* were verified, and their claims. It is valid only while its
//! key set is current; in a newer set we select the key again, and the signature stays good if the
//! key is the same. So removing a key invalidates its tokens at once, and adding a key invalidates
//! none. Times are checked on every hit, and the requirements of a route elsewhere, per request.
//! Refused tokens are never remembered.
//!
//! A lookup uses a seeded hash of the token and compares all its bytes: two tokens cannot share an
//! entry. Each set of issuers and policies has its own cache, empty at first.

use std::num::NonZeroU32;

use bearward_core::rejection::InvalidToken;
use bearward_core::{Claimed, UnixTime};
use quick_cache::Weighter;
use quick_cache::sync::DefaultLifecycle;

use crate::key_store::Selected;
use crate::sync::QuickCache;
use crate::trusted::Trusted;

/// How much a cache of verified tokens may hold.
///
/// It limits entries and bytes, whichever is reached first. When the cache is full, frequent tokens
/// stay: a flood of tokens seen once does not evict them (quick_cache: S3-FIFO). The cache grows
/// with use; an empty one takes almost no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TokenCache {
    max_entries: u32,
    max_bytes: u32,
    derived_bytes: u32,
}

impl TokenCache {
    /// The default limits: 10 000 entries, 32 MiB. A token of 1.2 KB takes 3 KB, including its
    /// claims.
    pub const fn new() -> Self {
        Self {
            max_entries: 10_000,
            max_bytes: 32 * 1024 * 1024,
            derived_bytes: 0,
        }
    }

    /// The maximum number of entries; 0 keeps none. Default: 10 000.
    pub const fn max_entries(mut self, max_entries: u32) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The maximum size of tokens and claims together, in bytes; 0 keeps none. Default: 32 MiB.
    pub const fn max_bytes(mut self, max_bytes: u32) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The extra bytes to count per entry, for values [derived](bearward_core::Principal::derived)
    /// from its principal. Default: 0.
    pub const fn derived_bytes(mut self, derived_bytes: u32) -> Self {
        self.derived_bytes = derived_bytes;
        self
    }

    /// `None` if nothing may be kept.
    pub(crate) fn build(self) -> Option<Cache> {
        let max_entries = NonZeroU32::new(self.max_entries)?;
        let max_bytes = NonZeroU32::new(self.max_bytes)?;
        let weight = Weight {
            // Gives small entries a minimum weight, which limits their number.
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
    /// The bytes that these entries count.
    pub bytes: u64,
    /// How many lookups found a token.
    pub hits: u64,
    /// How many lookups did not.
    pub misses: u64,
}

/// Verified tokens.
pub(crate) struct Cache(
    QuickCache<Box<[u8]>, Seen, Weight, foldhash::fast::RandomState, Lifecycle>,
);

type Lifecycle = DefaultLifecycle<Box<[u8]>, Seen>;

impl Cache {
    /// The entry of this token.
    pub(crate) fn find(&self, token: &[u8]) -> Option<Found> {
        let seen = self.0.get(token)?;
        if seen.is_current() {
            return Some(Found::Current(seen));
        }
        self.0.remove_if(token, |seen| !seen.is_current());
        Some(Found::Outdated(seen))
    }

    /// Remembers a verified and admitted token.
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

/// The entry of a token.
pub(crate) enum Found {
    /// The key set has not changed since.
    Current(Seen),
    /// The key set has changed. The entry is removed, but still useful if selection finds the same
    /// key again.
    Outdated(Seen),
}

/// The claims of a token, and the policy and key that verified it.
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

    /// The claims, if the token is still valid at the time `now`.
    pub(crate) fn check(self, now: UnixTime) -> Result<Claimed, InvalidToken> {
        self.trusted.policy.check_times(&self.claimed, now)?;
        Ok(self.claimed)
    }

    fn is_current(&self) -> bool {
        self.trusted.keys.is_current(&self.selected)
    }

    /// Whether this key and this policy verified the token.
    pub(crate) fn is_by(&self, trusted: &Trusted, selected: &Selected) -> bool {
        self.trusted.is(trusted) && self.selected.keys.is_same(&selected.keys)
    }
}

/// The weight of an entry: its bytes.
#[derive(Clone)]
struct Weight {
    least: u64,
    derived: u64,
}

impl Weighter<Box<[u8]>, Seen> for Weight {
    fn weight(&self, token: &Box<[u8]>, seen: &Seen) -> u64 {
        /// The entry itself, its values read from the claims, and the map's overhead.
        const OVERHEAD: usize = 400;
        let claims = seen.claimed.memory_bytes();
        let bytes = token.len().saturating_add(claims).saturating_add(OVERHEAD);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        bytes.saturating_add(self.derived).max(self.least)
    }
}
