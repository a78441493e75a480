//! Whole tokens with a good signature over a header and claims of any kind, and tokens that were
//! tampered with: what is accepted is what the issuer wrote, and says what must be said.

#![no_main]

use bearward_core::{Rejection, RequestHead, authenticate, limits};
use bearward_fuzz::claims::{Verdict, assert_is, verdict};
use bearward_fuzz::draft::Draft;
use bearward_fuzz::header;
use bearward_fuzz::json::{self, Json, Reading};
use bearward_fuzz::setting::{KEY, KEYS, NOW, POLICY};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|draft: Draft| {
    let token = draft.write();
    let bearer = [b"Bearer ".as_slice(), &token.text].concat();
    let Ok(bearer) = http::HeaderValue::from_bytes(&bearer) else {
        return;
    };
    let mut request = http::Request::new(());
    request.headers_mut().insert("authorization", bearer);
    let outcome = authenticate(RequestHead::from(&request), &KEYS, &POLICY, NOW);
    let principal = match outcome {
        Ok(principal) => principal,
        Err(Rejection::InvalidToken(reason)) => {
            // What the issuer wrote, and is as it must be, is not refused.
            let header_bytes = token
                .text
                .split(|byte| *byte == b'.')
                .next()
                .unwrap_or_default()
                .len();
            let is_too_large =
                token.text.len() > limits::TOKEN_BYTES || header_bytes > limits::HEADER_BYTES;
            let is_refused = is_too_large || !token.is_genuine;
            assert!(
                is_refused || is_to_be_refused(&token.header, &token.payload),
                "refused: {reason:?}"
            );
            return;
        }
        Err(Rejection::InvalidRequest(_) | Rejection::NoCredentials) => {
            assert!(!token.is_genuine);
            return;
        }
        Err(other) => panic!("{other:?} is no answer to a token"),
    };
    assert!(
        token.is_genuine,
        "a token that its issuer did not write is accepted"
    );
    assert!(token.text.len() <= limits::TOKEN_BYTES);
    let header = match json::read(&token.header) {
        Reading::Accepted(header) => header,
        Reading::Refused(reasons) => panic!("accepted, and should be refused: {reasons:?}"),
        Reading::OutOfRange => return,
    };
    let (alg, kid, typ) = header::expected(&header).expect("a good header");
    assert_eq!(
        (alg, kid),
        ("EdDSA", kid.filter(|kid| Some(*kid) == KEY.kid()))
    );
    assert_eq!(typ, bearward_core::jws::Typ::AtJwt);
    let claims = match json::read(&token.payload) {
        Reading::Accepted(claims) => claims,
        Reading::Refused(reasons) => panic!("accepted, and should be refused: {reasons:?}"),
        Reading::OutOfRange => return,
    };
    match verdict(&claims) {
        Verdict::Accepted => assert_is(&principal, &claims),
        Verdict::Refused(reason) => panic!("accepted, and should be refused: {reason:?}"),
        Verdict::Undecided => {}
    }
});

/// Whether a reading that is not ours refuses the header or the claims, or cannot tell.
fn is_to_be_refused(header: &[u8], payload: &[u8]) -> bool {
    let (Reading::Accepted(header), Reading::Accepted(claims)) =
        (json::read(header), json::read(payload))
    else {
        return true;
    };
    let is_for_the_key = match header::expected(&header) {
        Ok((alg, kid, typ)) => {
            alg == "EdDSA"
                && typ == bearward_core::jws::Typ::AtJwt
                && kid.is_none_or(|kid| Some(kid) == KEY.kid())
        }
        Err(_) => false,
    };
    !is_for_the_key || !matches!(claims, Json::Object(_)) || verdict(&claims) != Verdict::Accepted
}
