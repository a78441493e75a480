//! Questions to the pipeline, about one thing at a time.
//!
//! A token that fails early would hide the state of its other parts. So we combine each part with
//! others that are valid, and the pipeline's verdict on the whole is about that part alone.

use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;

use super::anatomy::Anatomy;

/// A token of these parts, which are base64url already.
fn token(header: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    [header, payload, signature].join(&b'.')
}

/// A token with this header, in base64url, and nothing in its payload.
pub(crate) fn with_header(header: &[u8]) -> Vec<u8> {
    token(header, EMPTY_OBJECT, b"")
}

/// A token with a valid header and this payload, in base64url.
pub(crate) fn with_payload(payload: &[u8]) -> Vec<u8> {
    token(&object(&[("alg", GOOD_ALG)]), payload, b"")
}

/// A token with a valid header and this signature, in base64url.
pub(crate) fn with_signature(signature: &[u8]) -> Vec<u8> {
    token(&object(&[("alg", GOOD_ALG)]), EMPTY_OBJECT, signature)
}

/// The pipeline's verdict on a token's form.
pub(crate) fn form(token: &[u8]) -> Result<(), InvalidToken> {
    UnverifiedJws::parse(token).map(drop)
}

/// An object with these members, in base64url. Their values are JSON texts.
pub(crate) fn object(members: &[(&str, &str)]) -> Vec<u8> {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    let json = format!("{{{}}}", members.join(","));
    base64_simd::URL_SAFE_NO_PAD
        .encode_to_string(json)
        .into_bytes()
}

/// The token's payload with a valid header that has the token's `typ`, `signer` and `client`, on which
/// some rules about the payload depend.
pub(crate) fn payload(anatomy: &Anatomy<'_>) -> Vec<u8> {
    let typ = anatomy.header.as_ref().and_then(|header| header.get("typ"));
    let typ = typ.filter(|typ| typ.starts_with('"'));
    let mut members = vec![("alg", GOOD_ALG)];
    members.extend(typ.map(|typ| ("typ", typ)));
    for name in ["signer", "client"] {
        let value = anatomy.header.as_ref().and_then(|header| header.get(name));
        // An object or a list may be malformed within, and is of the wrong type as much as a number.
        let value = value.map(|value| {
            if value.starts_with(['{', '[']) {
                "0"
            } else {
                value
            }
        });
        members.extend(value.map(|value| (name, value)));
    }
    token(&object(&members), anatomy.payload_part(), b"")
}

/// An `alg` that the pipeline knows.
const GOOD_ALG: &str = "\"RS256\"";

/// `{}` in base64url.
const EMPTY_OBJECT: &[u8] = b"e30";
