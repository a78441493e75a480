//! The headers of tokens that were verified: an issuer writes the same one into each token that it
//! signs with one key, so it is decoded and parsed once, and compared from then on.
//!
//! What is remembered is what those bytes mean, whoever sends them. It decides nothing: a known
//! header is checked against policy and keys like any other. Only tokens that were verified leave
//! theirs, since anybody can make up headers.
//!
//! Without this a new token takes 14 % more instructions next to its signature: 1 300 for RS256, counted as
//! `scripts/instructions` does.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bearward_core::jws::{KnownHeader, UnverifiedJws, VerifiedJws};
use bearward_core::rejection::InvalidToken;
use foldhash::fast::RandomState;

use crate::sync::ArcSwapOption;

/// A header has one place, by its hash.
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

    /// Parses a token: [`UnverifiedJws::parse`], sooner if its header is known.
    pub(crate) fn parse<'t>(&self, token: &'t [u8]) -> Result<UnverifiedJws<'t>, InvalidToken> {
        let place = KnownHeader::encoded_in(token).and_then(|encoded| self.place(encoded));
        let known = place.map(ArcSwapOption::load);
        UnverifiedJws::parse_knowing(token, known.as_ref().and_then(|known| known.as_deref()))
    }

    /// Remembers the header of a verified token, in place of the one that was there.
    ///
    /// Not each time: where more headers come than there are places, none would stay, and
    /// remembering them would cost more than it saves.
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

/// How many headers are known at a time, of 4 KiB at most each: an issuer has one or two in use.
const PLACES: usize = 64;

/// One in so many verified tokens with a new header leaves it.
const ONE_IN: u32 = 16;

#[cfg(test)]
mod tests {
    use bearward_core::jwk::VerificationKey;
    use bearward_core::{Algorithm, JwkSet, UnixTime};
    use bearward_testing::keys::jwk_set;
    use bearward_testing::{SigningKey, Token};

    use super::{KnownHeaders, ONE_IN, PLACES};

    struct Issuer {
        key: SigningKey,
        verification_key: std::sync::Arc<VerificationKey>,
    }

    impl Issuer {
        fn new() -> Self {
            let key = SigningKey::first(Algorithm::EdDsa);
            let keys = JwkSet::parse(jwk_set([&key]).to_string().as_bytes()).unwrap();
            let token = Self::sign(&key, Token::user("i", "a", UnixTime::from_secs(0)));
            let jws = bearward_core::jws::UnverifiedJws::parse(token.as_bytes()).unwrap();
            let verification_key = keys.select(jws.header()).unwrap().clone();
            Self {
                key,
                verification_key,
            }
        }

        fn sign(key: &SigningKey, token: Token) -> String {
            token.key(key.clone()).sign()
        }

        /// A token whose header has a member of this value.
        fn token(&self, of_its_own: usize) -> String {
            let token = Token::user("i", "a", UnixTime::from_secs(0));
            Self::sign(&self.key, token.header("own", of_its_own))
        }
    }

    /// One token through parse, verify and keep; whether its header was parsed for it.
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

    /// Another one is known soon, and then this one is still known, unless they have one place.
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

    /// Each leaves its header once in a while, in its place, and no more are known than there are places.
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
