//! The headers of verified tokens: an issuer writes the same header into each token that it signs
//! with one key, so we decode and parse it once, and only compare it from then on.
//!
//! An entry is only the parsed form of those bytes. It decides nothing: a known header is checked
//! against policy and keys like any other. Only verified tokens add their header, because anybody
//! can make up headers.
//!
//! Without this, a new token takes 14 % more instructions outside of the signature check: 1 300 for
//! RS256, as counted by `scripts/instructions`.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bearward_core::jws::{KnownHeader, UnverifiedJws, VerifiedJws};
use bearward_core::rejection::InvalidToken;
use foldhash::fast::RandomState;

use crate::sync::ArcSwapOption;

/// The hash of a header determines its only place.
pub(crate) struct KnownHeaders {
    places: [ArcSwapOption<KnownHeader>; PLACES],
    hasher: RandomState,
    new: AtomicU32,
}

impl KnownHeaders {
    pub(crate) fn new() -> Self {
        Self {
            places: std::array::from_fn(|_| ArcSwapOption::empty()),
            hasher: RandomState::default(),
            new: AtomicU32::new(0),
        }
    }

    /// Parses a token like [`UnverifiedJws::parse`], but faster if its header is known.
    pub(crate) fn parse<'t>(&self, token: &'t [u8]) -> Result<UnverifiedJws<'t>, InvalidToken> {
        let place = KnownHeader::encoded_in(token).and_then(|encoded| self.place(encoded));
        let known = place.map(ArcSwapOption::load);
        UnverifiedJws::parse_knowing(token, known.as_ref().and_then(|known| known.as_deref()))
    }

    /// Remembers the header of a verified token, replacing the one in its place.
    ///
    /// Not each time: with more headers than places, none would stay, and remembering would cost
    /// more than it saves.
    pub(crate) fn keep(&self, verified: &VerifiedJws<'_>) {
        if !verified.header_is_new() {
            return;
        }
        if !self
            .new
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(ONE_IN)
        {
            return;
        }
        let known = KnownHeader::of(verified);
        if let Some(place) = self.place(known.encoded()) {
            place.store(Some(Arc::new(known)));
        }
    }

    fn place(&self, encoded: &[u8]) -> Option<&ArcSwapOption<KnownHeader>> {
        let hash = self.hasher.hash_one(encoded);
        let index = usize::try_from(hash).ok()?.checked_rem(PLACES)?;
        self.places.get(index)
    }
}

/// How many headers we remember, of at most 4 KiB each: an issuer uses one or two at a time.
const PLACES: usize = 64;

/// We remember one in this many new headers of verified tokens.
const ONE_IN: u32 = 16;

#[cfg(test)]
mod tests {
    use bearward_core::jwk_set::Candidates;
    use bearward_core::{Algorithm, JwkSet, UnixTime};
    use bearward_testing::keys::jwk_set;
    use bearward_testing::{SigningKey, Token};

    use super::{KnownHeaders, ONE_IN, PLACES};

    struct Issuer {
        key: SigningKey,
        verification_key: Candidates,
    }

    impl Issuer {
        fn new() -> Self {
            let key = SigningKey::first(Algorithm::EdDsa);
            let keys = JwkSet::parse(jwk_set([&key]).to_string().as_bytes()).unwrap();
            let token = Self::sign(&key, Token::user("i", "a", UnixTime::from_secs(0)));
            let jws = bearward_core::jws::UnverifiedJws::parse(token.as_bytes()).unwrap();
            let verification_key = keys.select(jws.header()).unwrap();
            Self {
                key,
                verification_key,
            }
        }

        fn sign(key: &SigningKey, token: Token) -> String {
            token.key(key.clone()).sign()
        }

        /// A token whose header has a member with this value.
        fn token(&self, of_its_own: usize) -> String {
            let token = Token::user("i", "a", UnixTime::from_secs(0));
            Self::sign(&self.key, token.header("own", of_its_own))
        }
    }

    /// Parses, verifies and keeps one token; returns whether its header was parsed for it.
    fn header_is_new(headers: &KnownHeaders, issuer: &Issuer, token: &str) -> bool {
        let verified = headers.parse(token.as_bytes()).unwrap();
        let verified = verified.verify(&issuer.verification_key).unwrap();
        headers.keep(&verified);
        verified.header_is_new()
    }

    #[test]
    fn a_verified_header_is_known_from_then_on() {
        let (headers, issuer) = (KnownHeaders::new(), Issuer::new());
        assert!(header_is_new(&headers, &issuer, &issuer.token(1)));
        for _ in 0..3 {
            assert!(!header_is_new(&headers, &issuer, &issuer.token(1)));
        }
    }

    /// A second header becomes known soon; the first stays known unless they share a place.
    #[test]
    fn another_header_is_known_soon() {
        let (headers, issuer) = (KnownHeaders::new(), Issuer::new());
        assert!(header_is_new(&headers, &issuer, &issuer.token(1)));
        for _ in 1..ONE_IN {
            assert!(header_is_new(&headers, &issuer, &issuer.token(2)));
        }
        assert!(header_is_new(&headers, &issuer, &issuer.token(2)));
        assert!(!header_is_new(&headers, &issuer, &issuer.token(2)));
    }

    /// Each token sometimes stores its header in its place, so no more are known than there are
    /// places.
    #[test]
    fn no_more_headers_are_known_than_there_are_places() {
        let (headers, issuer) = (KnownHeaders::new(), Issuer::new());
        let tokens: Vec<String> = (0..2 * PLACES)
            .map(|of_its_own| issuer.token(of_its_own))
            .collect();
        for token in &tokens {
            for _ in 0..=ONE_IN {
                header_is_new(&headers, &issuer, token);
            }
        }
        let known = tokens.iter().filter(|token| {
            let jws = headers.parse(token.as_bytes()).unwrap();
            !jws.verify(&issuer.verification_key)
                .unwrap()
                .header_is_new()
        });
        let known = known.count();
        assert!((PLACES / 4..=PLACES).contains(&known), "{known}");
    }

    #[test]
    fn what_has_no_dot_is_refused_as_without() {
        let headers = KnownHeaders::new();
        let refused = headers.parse(b"opaque").unwrap_err();
        assert_eq!(
            refused,
            bearward_core::rejection::InvalidToken::NotCompactJws
        );
    }
}
