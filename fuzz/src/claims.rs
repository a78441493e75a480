//! The claims of an access token as RFC 9068 §4 has them checked, read by `serde_json`.

use bearward_core::principal::Principal;
use bearward_core::rejection::InvalidToken;

use crate::json::{Json, assert_same};
use crate::setting::{AUDIENCE, ISSUER, LEEWAY, NOW};

/// What must become of claims.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    Refused(InvalidToken),
    /// A fraction so near to a bound that floats cannot tell.
    Undecided,
}

/// Decides by the default policy, on the first rule that is broken.
pub fn verdict(claims: &Json) -> Verdict {
    match decide(claims) {
        Ok(()) => Verdict::Accepted,
        Err(Some(reason)) => Verdict::Refused(reason),
        Err(None) => Verdict::Undecided,
    }
}

/// Asserts that this principal is who the claims say.
pub fn assert_is(principal: &Principal, claims: &Json) {
    assert_eq!(principal.issuer(), ISSUER);
    assert_eq!(claims.get("iss").and_then(Json::as_str), Some(ISSUER));
    assert_eq!(
        Some(principal.subject()),
        claims.get("sub").and_then(Json::as_str)
    );
    assert_eq!(
        principal.client_id(),
        claims.get("client_id").and_then(Json::as_str)
    );
    let exp = number(claims.get("exp")).expect("a date");
    assert!((principal.expires_at().as_secs() as f64 - exp.floor()).abs() <= 1.0);
    let scopes: Vec<String> = principal.scopes().map(Into::into).collect();
    assert_eq!(scopes, words(get(claims, "scope").or(get(claims, "scp"))));
    assert_same(principal.all_claims().root(), claims);
    let Json::Object(members) = claims else {
        panic!("claims that are no object");
    };
    for (name, value) in members {
        let claim = principal.claim(&name.as_str().into());
        assert_eq!(claim.is_none(), *value == Json::Null);
        let Some(claim) = claim else {
            continue;
        };
        assert_same(claim, value);
        let registered = principal
            .all_claims()
            .get(name)
            .expect("a claim by its name");
        assert_eq!(registered.as_json().as_ptr(), claim.as_json().as_ptr());
    }
}

/// `null` is absent.
fn get<'c>(claims: &'c Json, name: &str) -> Option<&'c Json> {
    claims.get(name).filter(|claim| **claim != Json::Null)
}

fn decide(claims: &Json) -> Result<(), Option<InvalidToken>> {
    // Keycloak says in this claim what a token is.
    let kind = get(claims, "typ").map(Json::as_str);
    if kind.is_some_and(|kind| !["Bearer", "JWT", "at+jwt"].map(Some).contains(&kind)) {
        return Err(Some(InvalidToken::TypNotAccepted));
    }
    check_strings(claims)?;
    let exp = date(get(claims, "exp"))?.ok_or(InvalidToken::ExpMissing)?;
    // RFC 7519 §4.1.4: before `exp`; §4.1.5: at or after `nbf`.
    if now() - LEEWAY >= exp {
        return Err(Some(InvalidToken::TokenExpired));
    }
    for (name, reason) in [
        ("nbf", InvalidToken::TokenNotYetValid),
        ("iat", InvalidToken::IatInFuture),
    ] {
        let date = date(get(claims, name))?;
        if date.is_some_and(|date| date > now() + LEEWAY) {
            return Err(Some(reason));
        }
    }
    for name in ["sub", "iat", "jti", "client_id"] {
        match get(claims, name) {
            None => return Err(Some(InvalidToken::ClaimMissing)),
            Some(Json::String(text)) if text.is_empty() => {
                return Err(Some(InvalidToken::ClaimMissing));
            }
            Some(_) => {}
        }
    }
    check_types(claims)?;
    check_confirmation(claims)
}

fn check_strings(claims: &Json) -> Result<(), InvalidToken> {
    match get(claims, "iss") {
        None => return Err(InvalidToken::IssMissing),
        Some(Json::String(iss)) if iss.is_empty() => return Err(InvalidToken::IssMissing),
        Some(Json::String(iss)) if iss == ISSUER => {}
        Some(Json::String(_)) => return Err(InvalidToken::IssuerUnknown),
        Some(_) => return Err(InvalidToken::IssType),
    }
    let aud = match get(claims, "aud") {
        None => return Err(InvalidToken::AudMissing),
        Some(aud) => aud.strings().ok_or(InvalidToken::AudType)?,
    };
    if aud.iter().all(|value| value.is_empty()) {
        return Err(InvalidToken::AudMissing);
    }
    if !aud.contains(&AUDIENCE) {
        return Err(InvalidToken::AudMismatch);
    }
    Ok(())
}

fn check_types(claims: &Json) -> Result<(), InvalidToken> {
    let is_text = |name| get(claims, name).is_none_or(|claim| claim.as_str().is_some());
    let is_list = |name| get(claims, name).is_none_or(|claim| claim.strings().is_some());
    let good = ["sub", "jti", "client_id"].into_iter().all(is_text)
        && ["scope", "scp"].into_iter().all(is_list);
    if !good {
        return Err(InvalidToken::ClaimType);
    }
    Ok(())
}

/// RFC 7800 §3.1: a token that is bound to a key is for whoever proves to have it.
fn check_confirmation(claims: &Json) -> Result<(), Option<InvalidToken>> {
    match get(claims, "cnf") {
        None => Ok(()),
        Some(Json::Object(members)) => match members.as_slice() {
            [(name, Json::String(_))] if ["jkt", "x5t#S256"].contains(&name.as_str()) => {
                Err(Some(InvalidToken::CnfNotProven))
            }
            // Keycloak's, in either order.
            [_, _]
                if matches!(member(members, "jkt"), Some(Json::String(_)))
                    && member(members, "kc-jkt-type").and_then(Json::as_str) == Some("DPoP") =>
            {
                Err(Some(InvalidToken::CnfNotProven))
            }
            _ => Err(Some(InvalidToken::CnfUnsupported)),
        },
        Some(_) => Err(Some(InvalidToken::CnfUnsupported)),
    }
}

fn member<'m>(members: &'m [(String, Json)], name: &str) -> Option<&'m Json> {
    let found = members.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value)
}

/// RFC 7519 §2: a number of seconds, from 1970 to 9999.
fn date(claim: Option<&Json>) -> Result<Option<f64>, Option<InvalidToken>> {
    let Some(claim) = claim else {
        return Ok(None);
    };
    let seconds = number(Some(claim)).ok_or(InvalidToken::DateType)?;
    let bounds = [0.0, END, now() - LEEWAY, now() + LEEWAY];
    if seconds.fract() != 0.0 && bounds.iter().any(|bound| (seconds - bound).abs() < 0.001) {
        return Err(None);
    }
    if !(0.0..=END).contains(&seconds) {
        return Err(Some(InvalidToken::DateRange));
    }
    Ok(Some(seconds))
}

fn number(claim: Option<&Json>) -> Option<f64> {
    match claim? {
        Json::Number(number) => number.as_f64(),
        _ => None,
    }
}

fn now() -> f64 {
    NOW.as_secs() as f64
}

/// RFC 6749 §3.3: words between spaces. Of an array, the elements.
fn words(scope: Option<&Json>) -> Vec<String> {
    let words: Vec<&str> = match scope {
        Some(Json::String(text)) => text.split(' ').collect(),
        Some(Json::Array(elements)) => elements.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The last second of 9999.
const END: f64 = 253_402_300_799.0;
