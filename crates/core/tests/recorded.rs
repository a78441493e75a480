//! Tokens that a running Authgear and a running Keycloak signed, apart from those in `vectors`: each has
//! the verdict that is right.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::jws::UnverifiedJws;
use bearward_core::{JwkSet, Policy, Principal, Profile, Requirements, UnixTime};
use serde_json::Value;

use crate::fixture::{decide_at, from_base64url};
use crate::vector_files;

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn at(seconds: &Value) -> UnixTime {
    UnixTime::from_secs(seconds.as_u64().expect("a time"))
}

/// The folder of a provider's recordings.
fn folder(of: &str) -> Option<PathBuf> {
    Some(vector_files::folder()?.join(of))
}

/// The policy of Authgear with these audiences.
fn authgear(issuer: &str, audiences: &[&str]) -> Policy {
    let (first, more) = audiences.split_first().expect("an audience");
    let policy = Policy::builder(issuer, *first);
    let policy = more
        .iter()
        .fold(policy, |policy, name| policy.audience(*name));
    policy.build().expect("a policy")
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&from_base64url(payload)).expect("claims")
}

/// Whether it is refused as an access token under every profile, whatever the audience is.
fn is_never_access_token(token: &str, keys: &JwkSet, now: UnixTime) {
    let claims = claims(token);
    let audience = &claims["aud"];
    let audience = audience.as_str().or_else(|| audience[0].as_str());
    for profile in Profile::ALL {
        let policy = Policy::builder(text(&claims["iss"]), audience.expect("an audience"));
        let policy = policy.profile(*profile).build().expect("a policy");
        let decided = decide_at(token, keys, &policy, now);
        let reason = decided.map(|_| ()).expect_err("it is no access token");
        let reason = reason.reason();
        let is_for_its_kind =
            ["typ_not_accepted", "claim_missing", "exp_missing"].contains(&reason);
        // One profile has the audience in another claim, one has another algorithm.
        let is_alg = *profile == Profile::AwsAlb && reason == "alg_not_allowed";
        assert!(
            is_for_its_kind || is_alg || reason == "aud_missing",
            "{profile}: {reason}"
        );
    }
}

#[test]
fn t_clm_22_authgear_id_tokens_are_no_access_tokens() {
    let Some(folder) = folder("authgear/live") else {
        return;
    };
    let file = vector_files::json(folder.join("id-tokens.json"));
    let keys = JwkSet::parse(&vector_files::bytes(folder.join("jwks.json"))).expect("keys");
    assert_eq!(list(&file["tokens"]).len(), 8);
    for token in list(&file["tokens"]) {
        is_never_access_token(text(&token["token"]), &keys, at(&token["claims"]["iat"]));
    }
}

/// A principal, and the ID token that came along, before a route with `max_age`.
fn stepped_up(case: &Value, keys: &JwkSet, policy: &Policy) -> String {
    let now = at(&case["now"]);
    let principal = decide_at(text(&case["access_token"]), keys, policy, now).expect("a principal");
    let asked = match text(&case["route requires"]) {
        "amr mfa" => Requirements::builder().amr("mfa"),
        _ => Requirements::builder().max_age(Duration::from_secs(300)),
    };
    let asked = asked.build().expect("they make sense");
    let decided = match case["id_token"].as_str() {
        None => asked.authorize(&principal, now),
        Some(token) => {
            let id_token = id_token(token, keys, policy, &principal, now);
            let id_token = id_token.as_ref().map_err(|refused| *refused);
            asked.authorize_with_id_token(&principal, id_token, now)
        }
    };
    match decided {
        Ok(()) => "admitted".to_owned(),
        Err(refused) => refused.reason().to_owned(),
    }
}

fn id_token(
    token: &str,
    keys: &JwkSet,
    policy: &Policy,
    principal: &Principal,
    now: UnixTime,
) -> Result<IdToken, IdTokenRefused> {
    let jws = UnverifiedJws::parse(token.as_bytes()).expect("a JWS");
    let keys = keys.select(jws.header()).expect("a key");
    let jws = jws.verify(&keys).expect("a signature");
    IdToken::check(policy, jws, principal, now)
}

#[test]
fn authgear_users_step_up() {
    let Some(folder) = folder("authgear/live") else {
        return;
    };
    let file = vector_files::json(folder.join("step-up.json"));
    let keys = JwkSet::parse(&vector_files::bytes(folder.join("jwks.json"))).expect("keys");
    let audiences: Vec<_> = list(&file["audiences"]).iter().map(text).collect();
    let policy = authgear(text(&file["issuer"]), &audiences);
    let right = [
        ("fresh login", "admitted"),
        ("fresh biometric", "admitted"),
        ("fresh biometric, refreshed AT", "admitted"),
        ("mfa route, alice (pwd)", "claim_rule"),
        ("stale AT", "auth_time_unsatisfied"),
        // Expired six seconds ago.
        (
            "stale AT + its first ID token (expired)",
            "auth_time_unsatisfied",
        ),
        ("stale AT + refreshed ID token", "auth_time_unsatisfied"),
        (
            "stale, refreshed AT (auth_time unchanged)",
            "auth_time_unsatisfied",
        ),
        ("stale AT + ID token of reauthentication", "admitted"),
        ("AT of reauthentication alone", "admitted"),
        (
            "stale AT + ID token refreshed after reauthentication",
            "admitted",
        ),
        ("AT refreshed after reauthentication", "admitted"),
        // She can be asked for her fingerprint again.
        (
            "carol: stale first biometric AT (amr x_biometric)",
            "auth_time_unsatisfied",
        ),
        (
            "carol: stale refreshed biometric AT (amr lost)",
            "cannot_reauthenticate",
        ),
        (
            "carol: stale refreshed AT + refreshed ID token",
            "cannot_reauthenticate",
        ),
        ("carol: biometric again, new AT", "admitted"),
        ("carol: old AT + new ID token", "admitted"),
        // A recent login counts, whatever else the token says.
        (
            "carol: old AT + new ID token, refreshed (amr lost)",
            "admitted",
        ),
        ("alice AT + carol ID token", "id_token_mismatch"),
        (
            "alice AT + alice ID token of another client",
            "id_token_mismatch",
        ),
        ("alice AT + access token as X-Id-Token", "id_token_invalid"),
    ];
    let cases = list(&file["cases"]);
    assert_eq!(cases.len(), right.len());
    for (case, (name, right)) in cases.iter().zip(right) {
        assert_eq!(text(&case["name"]), name);
        assert_eq!(stepped_up(case, &keys, &policy), right, "{name}");
    }
}

/// A custom domain changes issuer and audience; the key stays.
#[test]
fn authgear_tokens_are_of_the_origin_that_signed_them() {
    let Some(folder) = folder("authgear/live") else {
        return;
    };
    let file = vector_files::json(folder.join("custom-domain.json"));
    let keys = JwkSet::parse(&vector_files::bytes(folder.join("jwks.json"))).expect("keys");
    let now = at(&file["at"]);
    let of_origins = list(&file["plain http origins"]);
    let tokens: Vec<_> = [&file["before"], &file["after"]]
        .into_iter()
        .chain(of_origins)
        .collect();
    assert_eq!(tokens.len(), 5);
    for token in &tokens {
        let (issuer, audience) = (
            text(&token["claims"]["iss"]),
            text(&token["claims"]["aud"][0]),
        );
        let policy = authgear(issuer, &[audience]);
        for other in &tokens {
            let decided = decide_at(text(&other["token"]), &keys, &policy, now);
            let reason = decided.map_or_else(|refused| refused.reason(), |_| "admitted");
            let right = match text(&other["claims"]["iss"]) == issuer {
                true => "admitted",
                false => "issuer_unknown",
            };
            assert_eq!(reason, right, "{issuer}");
        }
    }
}

#[test]
fn t_key_04_authgear_tokens_verify_while_their_key_is_in_the_set() {
    let Some(folder) = folder("authgear/live") else {
        return;
    };
    let file = vector_files::json(folder.join("rotation.json"));
    let policy = authgear(text(&file["issuer"]), &[text(&file["audiences"][0])]);
    assert_eq!(
        (list(&file["tokens"]).len(), list(&file["steps"]).len()),
        (3, 4)
    );
    for token in list(&file["tokens"]) {
        let name = text(&token["name"]);
        let good: Vec<_> = list(&token["verifies with steps"])
            .iter()
            .map(Value::as_u64)
            .collect();
        for (step, index) in list(&file["steps"]).iter().zip(1_u64..) {
            let keys = JwkSet::parse(text(&step["body"]).as_bytes()).expect("keys");
            let decided = decide_at(text(&token["token"]), &keys, &policy, at(&file["at"]));
            let reason = decided.map_or_else(|refused| refused.reason(), |_| "admitted");
            let right = match good.contains(&Some(index)) {
                true => "admitted",
                false => "kid_unknown",
            };
            assert_eq!(reason, right, "{name} {index}");
        }
    }
}

/// Bound to the key of a client, by DPoP and by its certificate: no bearer tokens.
#[test]
fn t_pop_01_keycloak_tokens_that_are_bound_are_no_bearer_tokens() {
    let Some(folder) = folder("keycloak") else {
        return;
    };
    let tokens = vector_files::json(folder.join("tokens.json"));
    let keys = JwkSet::parse(tokens["jwks"].to_string().as_bytes()).expect("keys");
    for name in ["dpop.json", "mtls.json"] {
        let file = vector_files::json(folder.join(name));
        let token = text(&file["access_token"]);
        let claims = claims(token);
        let audience = &claims["aud"];
        let audience = audience.as_str().or_else(|| audience[0].as_str());
        let policy = Policy::builder(text(&file["issuer"]), audience.expect("an audience"));
        let policy = policy.profile(Profile::Keycloak).build().expect("a policy");
        let decided = decide_at(token, &keys, &policy, at(&file["at"]));
        let reason = decided.map(|_| ()).expect_err("it is bound").reason();
        assert_eq!(reason, "cnf_not_proven", "{name}");
    }
}

/// The logout tokens and the security events that it sends.
#[test]
fn t_clm_22_keycloak_messages_are_no_access_tokens() {
    let Some(folder) = folder("keycloak") else {
        return;
    };
    let tokens = vector_files::json(folder.join("tokens.json"));
    let keys = JwkSet::parse(tokens["jwks"].to_string().as_bytes()).expect("keys");
    for (name, least) in [("logout-token.json", 13), ("ssf.json", 20)] {
        let file = vector_files::json(folder.join(name));
        let mut found = BTreeSet::new();
        find_tokens(&file, &mut found);
        assert!(found.len() >= least, "{name}: {}", found.len());
        for token in &found {
            is_never_access_token(token, &keys, at(&claims(token)["iat"]));
        }
    }
}

/// Every compact JWS in a document.
fn find_tokens(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let words = text.split(|c| !is_of_token(c));
            let is_token = |word: &&str| word.starts_with("eyJ") && word.split('.').count() == 3;
            found.extend(words.filter(is_token).map(str::to_owned));
        }
        Value::Array(list) => list.iter().for_each(|value| find_tokens(value, found)),
        Value::Object(members) => members.values().for_each(|value| find_tokens(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
