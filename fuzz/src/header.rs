//! The header of a token as RFC 7515 §4.1 has it, read by `serde_json`.

use bearward_core::jws::{Header, Typ};
use bearward_core::rejection::InvalidToken;
use bearward_core::{Algorithm, limits};

use crate::json::{self, Json};

/// Asserts that the header was read as this text says.
pub fn assert_read(text: &[u8], outcome: Result<&Header, InvalidToken>) {
    let Some(header) = json::read(text).agreed(outcome) else {
        return;
    };
    match (expected(&header), outcome) {
        (Ok((alg, kid, typ)), Ok(ours)) => {
            assert_eq!(ours.algorithm().as_str(), alg);
            assert_eq!(ours.kid(), kid);
            assert_eq!(ours.typ(), typ);
        }
        (Ok(_), Err(reason)) => panic!("a good header is refused: {reason:?}"),
        (Err(expected), Ok(_)) => panic!("accepted, and should be refused: {expected:?}"),
        (Err(expected), Err(reason)) => assert_eq!(reason, expected),
    }
}

/// `alg`, `kid` and what `typ` says, or the first rule that is broken.
pub fn expected(header: &Json) -> Result<(&str, Option<&str>, Typ), InvalidToken> {
    if !matches!(header, Json::Object(_)) {
        return Err(InvalidToken::JsonInvalid);
    }
    let alg = header
        .get("alg")
        .and_then(Json::as_str)
        .ok_or(InvalidToken::AlgInvalid)?;
    if !Algorithm::ALL.iter().any(|known| known.as_str() == alg) {
        return Err(InvalidToken::AlgNotAllowed);
    }
    for (member, reason) in [
        ("crit", InvalidToken::CritUnsupported),
        ("b64", InvalidToken::B64Unsupported),
        ("zip", InvalidToken::HeaderZip),
    ] {
        if header.get(member).is_some() {
            return Err(reason);
        }
    }
    let kid = match header.get("kid") {
        None | Some(Json::Null) => None,
        Some(Json::String(kid)) if kid.len() <= limits::KID_BYTES => Some(kid.as_str()),
        Some(_) => return Err(InvalidToken::KidInvalid),
    };
    let typ = match header.get("typ") {
        None | Some(Json::Null) => Typ::Absent,
        Some(Json::String(typ)) => kind(typ),
        Some(_) => return Err(InvalidToken::TypNotAccepted),
    };
    Ok((alg, kid, typ))
}

/// RFC 7515 §4.1.9: a media type, `application/` left out or not; RFC 2045 §5.1: in any case.
fn kind(typ: &str) -> Typ {
    let typ = typ.to_ascii_lowercase();
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "at+jwt" => Typ::AtJwt,
        "jwt" => Typ::Jwt,
        "okta-internal-at+jwt" => Typ::OktaInternalAtJwt,
        "dpop" | "id" | "id_token" | "logout" | "logout_token" | "refresh" | "refresh_token"
        | "secevent" => Typ::OtherKind,
        structured if structured.contains('+') => Typ::OtherKind,
        _ => Typ::Unregistered,
    }
}
