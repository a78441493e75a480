//! A JWK Set as RFC 7517 §5 has it, read by `serde_json`.

use std::collections::BTreeMap;

use bearward_core::JwkSet;
use bearward_core::jws::UnverifiedJws;
use serde_json::value::RawValue;

use crate::json::{Json, Members};
use crate::setting::{KEY, base64url};

/// The keys of a document, if it is a JWK Set: an object with one array `keys`.
pub fn read(document: &[u8]) -> Option<Vec<Json>> {
    // RFC 8259 §8.1: a byte order mark may be ignored.
    let document = document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(document);
    let members: Members = serde_json::from_slice(document).ok()?;
    let mut keys = members.0.into_iter().filter(|(name, _)| name == "keys");
    let (Some((_, keys)), None) = (keys.next(), keys.next()) else {
        return None;
    };
    let keys: Vec<Box<RawValue>> = serde_json::from_str(keys.get()).ok()?;
    Some(keys.iter().map(|key| key_of(key)).collect())
}

/// Member by member: one that nobody asks for may hold what is no string (half a surrogate pair) or
/// no float.
fn key_of(key: &RawValue) -> Json {
    let Ok(members) = serde_json::from_str::<Members>(key.get()) else {
        return Json::Null;
    };
    let read = |value: Box<RawValue>| serde_json::from_str(value.get()).unwrap_or(Json::Null);
    Json::Object(
        members
            .0
            .into_iter()
            .map(|(name, value)| (name, read(value)))
            .collect(),
    )
}

/// Asserts that the set holds the keys that can verify, each under its name.
pub fn assert_kept(set: &JwkSet, keys: &[Json]) {
    let unusable: BTreeMap<usize, _> = set
        .unusable()
        .iter()
        .map(|key| (key.index, key.reason))
        .collect();
    assert_eq!(unusable.len(), set.unusable().len());
    assert!(unusable.len() < keys.len(), "a set without a key");
    assert!(unusable.keys().all(|index| *index < keys.len()));
    for (index, key) in keys.iter().enumerate() {
        if unusable.contains_key(&index) {
            assert!(
                !is_plainly_good(key),
                "a good key is not used: {:?}",
                unusable.get(&index)
            );
        } else {
            assert_may_verify(key);
        }
    }
    let used = keys
        .iter()
        .enumerate()
        .filter(|(index, _)| !unusable.contains_key(index));
    let mut names: Vec<&str> = used
        .filter_map(|(_, key)| key.get("kid").and_then(Json::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut kids: Vec<&str> = set.kids().collect();
    kids.sort_unstable();
    assert_eq!(kids, names);
    for name in names {
        assert_selects(set, name, keys);
    }
}

/// RFC 9864 §2.2: one algorithm has two names.
fn is_same(one: &str, other: &str) -> bool {
    let is_eddsa = |alg| ["EdDSA", "Ed25519"].contains(&alg);
    one == other || is_eddsa(one) && is_eddsa(other)
}

/// A key that is selected by its name is for the algorithm of the token.
fn assert_selects(set: &JwkSet, kid: &str, keys: &[Json]) {
    let Ok(quoted) = serde_json::to_string(kid) else {
        return;
    };
    for alg in [
        "EdDSA", "Ed25519", "ES256", "ES384", "ES512", "RS256", "PS512", "HS256",
    ] {
        let header = format!("{{\"alg\":\"{alg}\",\"kid\":{quoted}}}");
        let token = format!("{}.e30.", base64url(header.as_bytes()));
        // A name that no token can have.
        let Ok(jws) = UnverifiedJws::parse(token.as_bytes()) else {
            continue;
        };
        let Ok(keys_found) = set.select(jws.header()) else {
            continue;
        };
        let algorithms: Vec<_> = keys_found.iter().map(|key| key.algorithm()).collect();
        let [algorithm] = algorithms.as_slice() else {
            panic!("several keys for one name");
        };
        assert_eq!(algorithm.as_str(), alg);
        assert!(!algorithm.is_symmetric());
        let is_meant = |jwk: &&Json| {
            let of = jwk.get("alg").and_then(Json::as_str);
            jwk.get("kid").and_then(Json::as_str) == Some(kid)
                && of.is_none_or(|of| is_same(of, alg))
        };
        assert!(
            keys.iter().any(|key| is_meant(&key)),
            "a key that the set does not have"
        );
    }
}

/// RFC 7517 §4: what a key that verifies signatures may be, and what it must not hold.
fn assert_may_verify(key: &Json) {
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        assert!(
            key.get(private).is_none_or(|member| *member == Json::Null),
            "{private}"
        );
    }
    let text = |name| key.get(name).and_then(Json::as_str);
    assert!(matches!(text("kty"), Some("RSA" | "EC" | "OKP")));
    assert!(matches!(text("use"), None | Some("sig")));
    if let Some(Json::Array(ops)) = key.get("key_ops") {
        assert!(ops.iter().any(|op| op.as_str() == Some("verify")));
    }
    if text("kty") == Some("RSA") {
        assert!(
            text("n").is_some_and(|n| n.len() >= 342),
            "a modulus below 2048 bits"
        );
    }
}

/// The key that signs in this crate, whatever it is called.
pub fn is_plainly_good(key: &Json) -> bool {
    let Json::Object(members) = key else {
        return false;
    };
    let jwk = KEY.public_jwk();
    let is_text = |(name, value): &(String, Json)| match name.as_str() {
        "kid" => value.as_str().is_some(),
        name => {
            value.as_str() == jwk.get(name).and_then(|value| value.as_str())
                && value.as_str().is_some()
        }
    };
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    let has = |name: &&str| names.contains(name);
    names.len() == count && ["kty", "crv", "x"].iter().all(has) && members.iter().all(is_text)
}
