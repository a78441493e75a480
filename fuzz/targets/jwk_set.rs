//! Bytes as a JWK Set: what is kept can verify and nothing else, and what is left out has a reason. The
//! same bytes as PEM: one key on P-256, which is no JWK Set, or a reason.

#![no_main]

use bearward_core::jwk_set::{JwkSetError, KeyDocument};
use bearward_core::{Algorithm, JwkSet, limits};
use bearward_fuzz::jwks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let outcome = JwkSet::parse(document);
    match KeyDocument::PemByKid.parse(document) {
        Ok(key) => {
            assert!(key.algorithms().eq([Algorithm::Es256]));
            assert_eq!(key.names().next(), None);
            assert!(
                document
                    .trim_ascii()
                    .starts_with(b"-----BEGIN PUBLIC KEY-----")
            );
            assert!(outcome.is_err());
        }
        Err(error) => assert!(matches!(
            error,
            JwkSetError::NotAPem | JwkSetError::NotP256 | JwkSetError::TooLarge
        )),
    }
    let keys = match jwks::read(document) {
        Some(keys) => keys,
        None => {
            assert_eq!(outcome.err(), Some(JwkSetError::NotAJwkSet));
            return;
        }
    };
    if keys.len() > limits::JWK_SET_KEYS {
        assert_eq!(outcome.err(), Some(JwkSetError::TooManyKeys));
        return;
    }
    match &outcome {
        Ok(set) => jwks::assert_kept(set, &keys),
        Err(error) => {
            assert!(matches!(error, JwkSetError::NoUsableKey(_)), "{error:?}");
            assert!(
                !keys.iter().any(jwks::is_plainly_good),
                "a good key is not used"
            );
        }
    }
});
