//! Bytes as the payload of a token that its issuer signed, and as one of its claims: read as `serde_json` reads them, and
//! decided on as RFC 9068 §4 says.

#![no_main]

use std::sync::LazyLock;

use bearward_core::confirmation::{Confirmation, Evidence};
use bearward_core::jwk::VerificationKey;
use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;
use bearward_core::{Algorithm, Policy, Profile, limits};
use bearward_fuzz::claims::{Verdict, assert_is, verdict};
use bearward_fuzz::json::{self, Json, Reading};
use bearward_fuzz::setting::{AUDIENCE, ISSUER, KEY, KEYS, NOW, POLICY, base64url};
use bearward_testing::SigningKey;
use bearward_testing::token::Parts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert_decided(bytes);
    assert_claim(bytes);
});

/// As the payload.
fn assert_decided(payload: &[u8]) {
    let kid = KEY.kid().unwrap_or_default();
    let header = format!("{{\"alg\":\"EdDSA\",\"kid\":{kid:?},\"typ\":\"at+jwt\"}}");
    let unsigned = format!("{}.{}.", base64url(header.as_bytes()), base64url(payload));
    let outcome = UnverifiedJws::parse(unsigned.as_bytes());
    if unsigned.len() > limits::TOKEN_BYTES {
        assert_eq!(outcome.err(), Some(InvalidToken::TokenTooLarge));
        return;
    }
    if payload.is_empty() {
        assert_eq!(outcome.err(), Some(InvalidToken::NotCompactJws));
        return;
    }
    let claims = match (json::read(payload), &outcome) {
        (Reading::Accepted(claims @ Json::Object(_)), Ok(_)) => Some(claims),
        (Reading::Accepted(Json::Object(_)), Err(reason)) => {
            panic!("good claims are refused: {reason:?}")
        }
        (Reading::Accepted(_), _) => {
            assert_eq!(outcome.err(), Some(InvalidToken::JsonInvalid));
            return;
        }
        (Reading::Refused(reasons), outcome) => {
            let reason = outcome
                .as_ref()
                .map(|_| ())
                .expect_err("JSON that is refused");
            assert!(
                reasons.contains(reason),
                "{reason:?} is none of {reasons:?}"
            );
            return;
        }
        (Reading::OutOfRange, Ok(_)) => None,
        (Reading::OutOfRange, Err(_)) => return,
    };
    let Ok(jws) = outcome else { return };
    assert_eq!(jws.danger_unverified_payload().as_bytes(), payload);
    // Every profile decides on whatever it is, by the rules and by what it would be worth a fetch.
    for profile in Profile::ALL {
        let policy = Policy::builder(ISSUER, AUDIENCE)
            .profile(*profile)
            .build()
            .expect("a policy");
        let is_refused = policy
            .danger_unverified_rules(&jws, NOW)
            .any(|(_, verdict)| verdict.is_err());
        let is_header = policy.check_header(jws.header()).is_ok();
        assert!(
            is_refused || !is_header || policy.is_plausible(&jws, NOW),
            "{profile:?}"
        );
    }
    let first = POLICY
        .danger_unverified_rules(&jws, NOW)
        .find_map(|(_, verdict)| verdict.err())
        .or_else(|| {
            let bound = Confirmation::danger_unverified(&jws).ok().flatten()?;
            bound.check(Evidence::NONE).err()
        });
    let Some(claims) = claims else { return };
    match (verdict(&claims), first) {
        (Verdict::Accepted, None) => {}
        (Verdict::Refused(expected), Some(reason)) => {
            assert_eq!(reason, expected);
            return;
        }
        (Verdict::Undecided, _) => return,
        (expected, reason) => panic!("{expected:?}, and not {reason:?}"),
    }
    // Signed, it is the principal that the claims tell of.
    let signed = Parts::sign(header.as_bytes(), payload, &KEY).encode();
    if signed.len() > limits::TOKEN_BYTES {
        return;
    }
    let jws = UnverifiedJws::parse(signed.as_bytes()).expect("what parsed before");
    let key = KEYS.select(jws.header()).expect("the key");
    let verified = jws.verify(&key).expect("a good signature");
    let claimed = POLICY.check(verified, NOW).expect("what no rule refused");
    assert!(POLICY.check_times(&claimed, NOW).is_ok());
    let principal = claimed.proven(Evidence::NONE).expect("a bearer token");
    assert_is(&principal, &claims);
}

/// As the value of a claim beside good ones: what the principal has is that value.
fn assert_claim(value: &[u8]) {
    let payload = [BEFORE, value, b"}"].concat();
    let header = br#"{"alg":"HS256","typ":"at+jwt"}"#;
    let token = Parts::sign(header, &payload, &SECRET).encode();
    if token.len() > limits::TOKEN_BYTES {
        return;
    }
    let outcome = UnverifiedJws::parse(token.as_bytes());
    let Some(claims) = json::read(&payload).agreed(outcome.as_ref().map_err(|reason| *reason))
    else {
        return;
    };
    let secret = SECRET.secret().unwrap_or_default();
    let key = VerificationKey::secret(Algorithm::Hs256, secret).expect("a long secret");
    let verified = outcome
        .expect("good JSON")
        .verify(&key.into())
        .expect("a good signature");
    // It may be more than a value: `0,"nbf":9999999999`.
    let outcome = SYMMETRIC.check(verified, NOW);
    let outcome = outcome.and_then(|claimed| claimed.proven(Evidence::NONE));
    match (verdict(&claims), outcome) {
        (Verdict::Accepted, Ok(principal)) => assert_is(&principal, &claims),
        (Verdict::Refused(expected), Err(reason)) => assert_eq!(reason, expected),
        (Verdict::Undecided, _) => {}
        (expected, _) => panic!("{expected:?}, and not so"),
    }
}

const BEFORE: &[u8] = br#"{"iss":"https://auth.example","aud":"https://api.example","sub":"user","client_id":"client","exp":1700001800,"iat":1700000000,"jti":"1","x":"#;

/// Signs and verifies a hundred times as fast as the other key.
static SECRET: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::first(Algorithm::Hs256));

static SYMMETRIC: LazyLock<Policy> = LazyLock::new(|| {
    let policy = Policy::builder(ISSUER, AUDIENCE).algorithms([Algorithm::Hs256]);
    policy.build().expect("a policy")
});
