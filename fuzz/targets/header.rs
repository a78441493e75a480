//! Bytes as the header of a token: read as `serde_json` and RFC 7515 §4.1 have it, or refused for
//! the reason that they give.

#![no_main]

use bearward_core::jws::UnverifiedJws;
use bearward_core::limits;
use bearward_core::rejection::InvalidToken;
use bearward_fuzz::header::assert_read;
use bearward_fuzz::setting::{POLICY, base64url};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let encoded = base64url(text);
    let token = format!("{encoded}.e30.");
    let outcome = UnverifiedJws::parse(token.as_bytes());
    if encoded.len() > limits::HEADER_BYTES {
        assert_eq!(outcome.err(), Some(InvalidToken::TokenTooLarge));
        return;
    }
    if text.is_empty() {
        assert_eq!(outcome.err(), Some(InvalidToken::NotCompactJws));
        return;
    }
    match &outcome {
        Ok(jws) => {
            assert_eq!(jws.danger_unverified_header().as_bytes(), text);
            assert_read(text, Ok(jws.header()));
            // What a policy admits is never symmetric, and says that it is an access token.
            if POLICY.check_header(jws.header()).is_ok() {
                assert!(!jws.header().algorithm().is_symmetric());
                assert_eq!(jws.header().typ(), bearward_core::jws::Typ::AtJwt);
            }
        }
        Err(reason) => assert_read(text, Err(*reason)),
    }
});
