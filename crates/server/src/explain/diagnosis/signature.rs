//! The algorithm, the key and the signature.

use bearward_core::{Algorithm, JwkSet};

use super::{Case, Diagnosis};
use crate::explain::asked::Keys;
use crate::explain::text::quoted;
use crate::explain::verify;

/// An algorithm that the policy does not allow.
pub(super) fn algorithm(case: &Case<'_>) -> Option<Diagnosis> {
    let name = case.header.string("alg")?;
    if name.eq_ignore_ascii_case("none") {
        return Some(Diagnosis::new(
            "It has no signature (`alg` is `none`): anybody can write such a token.",
            "Get a signed token from the issuer.",
        ));
    }
    let algorithm: Algorithm = name.parse().ok()?;
    if !algorithm.is_symmetric() {
        let allowed = case.asked.policy.algorithms().iter();
        let allowed: Vec<_> = allowed.map(|algorithm| algorithm.as_str()).collect();
        return Some(Diagnosis::new(
            format!(
                "It is signed with {algorithm}; this server allows {}.",
                allowed.join(" ")
            ),
            format!(
                "If the issuer really signs with {algorithm}, add it to {}.",
                case.setting("algorithms", "--algorithm")
            ),
        ));
    }
    let why = format!(
        "It is signed with {algorithm}, a secret that issuer and server share, and no secret is configured."
    );
    if let Some(remedy) = case.provider.and_then(|provider| provider.asymmetric) {
        return Some(Diagnosis::new(why, remedy));
    }
    let publishes = matches!(&case.asked.keys, Keys::Known(keys) if keys.algorithms().any(|known| !known.is_symmetric()));
    let remedy = match publishes {
        true => {
            "The issuer publishes keys for asymmetric signatures: have it sign this client's tokens with one of them, \
             such as RS256. A token of another kind, such as a refresh token, is for the issuer alone."
        }
        false => {
            "Have the issuer sign with RS256 or ES256, and publish its keys. Only for an issuer that cannot is there `secret`."
        }
    };
    Some(Diagnosis::new(why, remedy))
}

/// A key that the issuer does not have.
pub(super) fn key(case: &Case<'_>) -> Option<Diagnosis> {
    let kid = case.header.string("kid")?;
    Some(Diagnosis::new(
        format!(
            "It was signed with the key {}, and the issuer has no key of that name now: the key was removed after a \
             rotation, or another issuer signed the token.",
            quoted(&kid)
        ),
        "Get a new token. If a new one is refused as well, compare the issuer and the location of its keys with those \
         that the token's issuer publishes.",
    ))
}

/// A signature that does not verify.
pub(super) fn signature(case: &Case<'_>) -> Option<Diagnosis> {
    let verifies = |keys: &JwkSet| verify(case.anatomy.token(), keys, case.asked).is_ok();
    let near = case
        .asked
        .near_secrets
        .iter()
        .find(|near| verifies(&near.keys));
    if let Some(near) = near {
        return Some(Diagnosis::new(
            format!(
                "The signature verifies with the secret {}.",
                near.difference
            ),
            near.remedy,
        ));
    }
    Some(Diagnosis::new(
        "The signature does not match the token: its header or payload was changed after it was signed, or it was \
         signed with another key of the same name.",
        "Get a new token and send it unchanged. If that one is refused too, compare the configured keys with those that \
         the issuer publishes, and have the issuer give each new key a new `kid`.",
    ))
}
