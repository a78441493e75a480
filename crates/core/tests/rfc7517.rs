//! JSON Web Key: what becomes a key of the issuer, and which one a token means.

use bearward_core::jwk::{JwkFault, UnusableJwk, VerificationKey};
use bearward_core::jwk_set::{Candidates, JwkSet, JwkSetError, UnusableKey};
use bearward_core::jws::UnverifiedJws;
use bearward_core::limits;
use bearward_core::rejection::InvalidToken;
use bearward_core::{Algorithm, Policy, Profile};
use bearward_testing::keys::{OddJwk, jwk_set, rsa_jwk_with_bits};
use bearward_testing::{SigningKey, Token};
use serde_json::{Value, json};

use crate::fixture::{
    AUDIENCE, ISSUER, LEEWAY, NOW, SECOND, accepted, base64url, decide, from_base64url, good,
    invalid, key, keys_from, keys_of, machine, policy, refused, refused_parts, settings, with,
    without,
};

/// Another usable key, so that a set is not empty.
fn key_beside() -> SigningKey {
    SigningKey::second(Algorithm::Es384)
}

/// Why a JWK is left out, beside a good one that stays.
#[track_caller]
fn unusable(jwk: Value) -> UnusableJwk {
    left_out(jwk).reason
}

/// The same with all that is said about it.
#[track_caller]
fn left_out(jwk: Value) -> UnusableKey {
    let keys = keys_from([key_beside().public_jwk(), jwk]);
    let [key] = keys.unusable() else {
        panic!("the key is used");
    };
    assert_eq!(key.index, 1);
    let kids: Vec<&str> = keys.kids().collect();
    assert_eq!(kids, [key_beside().kid().unwrap()]);
    let token = good().key(key_beside()).sign();
    decide(&token, &keys, &policy()).unwrap();
    key.clone()
}

/// The verdict on the token of a key whose JWK stands in the set as it is given.
fn verdict(token: &Token, jwk: Value) -> InvalidToken {
    let keys = keys_from([key_beside().public_jwk(), jwk]);
    invalid(decide(&token.sign(), &keys, &policy()))
}

#[track_caller]
fn usable(jwk: Value) -> JwkSet {
    let keys = keys_from([jwk]);
    assert_eq!(keys.unusable(), []);
    keys
}

fn is_plausible(policy: &Policy, token: &Token) -> bool {
    let token = token.sign();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    policy.is_plausible(&jws, NOW)
}

#[test]
fn t_key_01_what_floods_is_refused_by_its_own_reason() {
    for index in 0..100 {
        let token = good().header("kid", format!("random-{index}"));
        assert_eq!(refused(&token), InvalidToken::KidUnknown);
    }
    let both = keys_of([&key(), &SigningKey::second(Algorithm::Rs256)]);
    let nameless = good().without_header("kid").sign();
    assert_eq!(
        invalid(decide(&nameless, &both, &policy())),
        InvalidToken::KidMissing
    );
    let mut garbage = good().parts();
    garbage.signature.fill(0x55);
    assert_eq!(refused_parts(&garbage), InvalidToken::SignatureInvalid);
    let mut unsigned = good().header("alg", "none").parts();
    unsigned.signature.clear();
    assert_eq!(refused_parts(&unsigned), InvalidToken::AlgNotAllowed);
}

#[test]
fn t_key_01_only_a_plausible_token_may_cost_a_fetch() {
    let policy = policy();
    let unknown = good().header("kid", "unknown");
    assert!(is_plausible(&policy, &unknown));
    assert!(is_plausible(
        &policy,
        &unknown.clone().without_header("kid")
    ));
    assert!(is_plausible(&policy, &machine()));
    for implausible in [
        unknown.clone().header("typ", "JWT"),
        unknown.clone().without_header("typ"),
        unknown.clone().header("alg", "HS256"),
        unknown.clone().claim("iss", "https://other.example"),
        unknown.clone().claim("iss", format!("{ISSUER}/")),
        unknown.clone().without_claim("iss"),
        unknown.clone().claim("iss", 1),
        unknown.clone().claim("aud", "https://other.example"),
        unknown.clone().claim("aud", json!([])),
        unknown.clone().claim("aud", json!([AUDIENCE, 1])),
        unknown.clone().without_claim("aud"),
        unknown.clone().expires_at(NOW.minus(LEEWAY)),
        unknown.clone().claim("exp", 0),
        unknown.clone().claim("exp", "1700001800"),
        unknown.clone().claim("exp", 1e300),
        unknown.clone().without_claim("exp"),
    ] {
        assert!(!is_plausible(&policy, &implausible));
    }
    let not_yet_expired = unknown.expires_at(NOW.minus(LEEWAY).plus(SECOND));
    assert!(is_plausible(&policy, &not_yet_expired));
}

#[test]
fn t_key_01_the_allow_list_is_part_of_the_gate() {
    let policy = settings().algorithms([Algorithm::Es256]).build().unwrap();
    assert!(!is_plausible(&policy, &good()));
    let token = good().key(SigningKey::first(Algorithm::Es256));
    assert!(is_plausible(&policy, &token));
}

#[test]
fn t_key_04_a_key_that_is_gone_verifies_nothing() {
    let next = SigningKey::second(Algorithm::Rs256);
    let rotated = keys_of([&next]);
    let old = invalid(decide(&good().sign(), &rotated, &policy()));
    assert_eq!(old, InvalidToken::KidUnknown);
    decide(&good().key(next).sign(), &rotated, &policy()).unwrap();
}

#[test]
fn t_key_05_what_has_no_usable_key_is_no_set() {
    for document in [
        r#"{"keys":[]}"#,
        r#"{"keys":[{}]}"#,
        r#"{"keys":[1,null,"x",[]]}"#,
        r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
    ] {
        let refused = JwkSet::parse(document.as_bytes()).unwrap_err();
        assert!(matches!(refused, JwkSetError::NoUsableKey(_)), "{document}");
    }
    let key = key().public_jwk();
    for document in [
        String::new(),
        "<!DOCTYPE html><title>502</title>".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"keys":null}"#.to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        r#"{"keys":"x"}"#.to_owned(),
        r#"{"error":"server_error"}"#.to_owned(),
        format!("[[{key}]]"),
        format!("[{key}]"),
        key.to_string(),
        format!(r#"{{"keys":[{key}]"#),
        format!(r#"{{"keys":[{key}]}}x"#),
        format!(r#"{{"keys":[{key}]}}{{}}"#),
        format!(r#"{{"keys":[],"keys":[{key}]}}"#),
        format!(r#"{{"KEYS":[{key}]}}"#),
        format!("\u{feff}\u{feff}{{\"keys\":[{key}]}}"),
    ] {
        let refused = JwkSet::parse(document.as_bytes()).unwrap_err();
        assert_eq!(refused, JwkSetError::NotAJwkSet, "{document}");
    }
    // RFC 8259 §8.1: a byte order mark may be ignored.
    let marked = format!("\u{feff}{{\"keys\":[{key}]}}");
    JwkSet::parse(marked.as_bytes()).unwrap();
    let utf16: Vec<u8> = format!(r#"{{"keys":[{key}]}}"#)
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(JwkSet::parse(&utf16).unwrap_err(), JwkSetError::NotAJwkSet);
    // RFC 8259 §8.1: UTF-8, also where nobody looks.
    let with = |byte: u8| {
        let document = format!(r#"{{"keys":[{key}],"x":"?"}}"#).into_bytes();
        let spoilt = document
            .iter()
            .map(|old| if *old == b'?' { byte } else { *old });
        JwkSet::parse(&spoilt.collect::<Vec<u8>>()).map(|_| ())
    };
    assert_eq!(with(b'y'), Ok(()));
    assert_eq!(with(0xFF), Err(JwkSetError::NotAJwkSet));
}

#[test]
fn t_key_07_one_odd_key_does_not_spoil_the_set() {
    let weak = [
        OddJwk::ExponentEven,
        OddJwk::ExponentOne,
        OddJwk::Rsa1024,
        OddJwk::Rsa16384,
    ];
    for odd in OddJwk::ALL {
        let expected = if weak.contains(odd) {
            UnusableJwk::Weak
        } else if [OddJwk::EncryptionOnly, OddJwk::KeyOpsWithoutVerify].contains(odd) {
            UnusableJwk::OtherUse
        } else if *odd == OddJwk::PrivateMembers {
            UnusableJwk::Private
        } else if *odd == OddJwk::Symmetric {
            UnusableJwk::Symmetric
        } else {
            UnusableJwk::Unusable
        };
        assert_eq!(unusable(odd.jwk()), expected, "{odd}");
    }
}

#[test]
fn t_key_07_every_way_to_be_no_key() {
    let rsa = key().public_jwk();
    for (jwk, fault) in [
        (json!(null), JwkFault::NotAnObject),
        (json!(1), JwkFault::NotAnObject),
        (json!("RSA"), JwkFault::NotAnObject),
        (json!({}), JwkFault::Missing("kty")),
        (json!([]), JwkFault::NotAnObject),
        (
            json!([
                "RSA", "kid", null, null, null, null, null, null, rsa["n"], rsa["e"]
            ]),
            JwkFault::NotAnObject,
        ),
        (without(rsa.clone(), "kty"), JwkFault::Missing("kty")),
        (
            with(rsa.clone(), "kty", json!(null)),
            JwkFault::Missing("kty"),
        ),
        (with(rsa.clone(), "kty", 1), JwkFault::Type("kty")),
        (with(rsa.clone(), "kty", "rsa"), JwkFault::Value("kty")),
        (with(rsa.clone(), "kty", "EC"), JwkFault::Missing("crv")),
        (with(rsa.clone(), "kty", "OKP"), JwkFault::Missing("crv")),
        (with(rsa.clone(), "kty", "AKP"), JwkFault::Value("kty")),
        (without(rsa.clone(), "n"), JwkFault::Missing("n")),
        (without(rsa.clone(), "e"), JwkFault::Missing("e")),
        (with(rsa.clone(), "n", json!(null)), JwkFault::Missing("n")),
        (with(rsa.clone(), "n", 5), JwkFault::Type("n")),
        (with(rsa.clone(), "n", ""), JwkFault::NotAKey("n")),
        (with(rsa.clone(), "n", "AA"), JwkFault::NotAKey("n")),
        (with(rsa.clone(), "e", 65_537), JwkFault::Type("e")),
        (with(rsa.clone(), "e", "AQAB="), JwkFault::Encoding("e")),
        (with(rsa.clone(), "e", "AQAB!"), JwkFault::Encoding("e")),
        (with(rsa.clone(), "alg", 1), JwkFault::Type("alg")),
        (
            with(rsa.clone(), "use", json!(["sig"])),
            JwkFault::Type("use"),
        ),
        (
            with(rsa.clone(), "key_ops", "verify"),
            JwkFault::Type("key_ops"),
        ),
        (with(rsa.clone(), "alg", "RS1"), JwkFault::Value("alg")),
        (with(rsa.clone(), "use", "tls"), JwkFault::Value("use")),
        (
            with(rsa.clone(), "key_ops", json!(["sign"])),
            JwkFault::Value("key_ops"),
        ),
        (with(rsa, "kid", 7), JwkFault::Type("kid")),
    ] {
        is_left_out_for(jwk, fault);
    }
}

#[test]
fn t_key_07_every_way_to_be_no_point_of_a_curve() {
    let ec = SigningKey::first(Algorithm::Es256).public_jwk();
    let okp = SigningKey::first(Algorithm::EdDsa).public_jwk();
    let long = "_".repeat(44);
    for (jwk, fault) in [
        (without(ec.clone(), "x"), JwkFault::Missing("x")),
        (without(ec.clone(), "y"), JwkFault::Missing("y")),
        (without(ec.clone(), "crv"), JwkFault::Missing("crv")),
        (with(ec.clone(), "crv", "p-256"), JwkFault::Value("crv")),
        (with(ec.clone(), "crv", "P-257"), JwkFault::Value("crv")),
        (with(ec.clone(), "kty", "RSA"), JwkFault::Missing("n")),
        (without(okp.clone(), "x"), JwkFault::Missing("x")),
        (without(okp.clone(), "crv"), JwkFault::Missing("crv")),
        (with(okp.clone(), "crv", "Ed448"), JwkFault::Value("crv")),
        (with(okp.clone(), "crv", "X25519"), JwkFault::Value("crv")),
        (with(okp.clone(), "x", "AAAA"), JwkFault::NotAKey("x")),
        (with(okp, "kty", "EC"), JwkFault::Value("crv")),
        (with(ec.clone(), "x", "AA"), JwkFault::NotAKey("x")),
        (with(ec.clone(), "y", long), JwkFault::NotAKey("y")),
        (with(ec, "x", "*"), JwkFault::Encoding("x")),
    ] {
        is_left_out_for(jwk, fault);
    }
}

#[track_caller]
fn is_left_out_for(jwk: Value, fault: JwkFault) {
    let shown = jwk.to_string();
    let left_out = left_out(jwk);
    assert_eq!(left_out.reason, UnusableJwk::Unusable, "{shown}");
    assert_eq!(left_out.fault, Some(fault), "{shown}");
}

#[test]
fn an_array_of_the_members_values_is_no_key() {
    let jwk = key().public_jwk();
    let named = |names: &[&str]| -> Vec<Value> {
        names
            .iter()
            .map(|name| jwk.get(*name).cloned().unwrap_or_default())
            .collect()
    };
    let public = [
        "kty", "kid", "alg", "use", "key_ops", "crv", "x", "y", "n", "e",
    ];
    for absent in 0..12 {
        let array = [named(&public), vec![json!(null); absent]].concat();
        assert_eq!(unusable(json!(array)), UnusableJwk::Unusable);
    }
}

#[test]
fn members_that_stand_twice_make_a_key_unusable() {
    let key = SigningKey::first(Algorithm::EdDsa).public_jwk();
    let text = key.to_string();
    for member in [
        r#""kid":"other""#,
        r#""alg":"EdDSA""#,
        r#""x":"AA""#,
        r#""use":"sig""#,
    ] {
        let twice = format!("{{{member},{}", text.strip_prefix('{').unwrap());
        let set = format!("{{\"keys\":[{twice},{}]}}", key_beside().public_jwk());
        let set = JwkSet::parse(set.as_bytes()).unwrap();
        let [key] = set.unusable() else {
            panic!("{member}");
        };
        assert_eq!((key.index, key.reason), (0, UnusableJwk::Unusable));
        let (name, _) = member.split_once(':').unwrap();
        let fault = key.fault.unwrap().to_string();
        assert_eq!(
            fault,
            format!("`{}` is there twice", name.trim_matches('"'))
        );
        // Of two names, none is the key's.
        assert_eq!(key.kid.is_none(), member.contains("kid"), "{member}");
    }
}

#[test]
fn t_key_13_documents_and_sets_are_bounded() {
    let document = jwk_set([&key()]).to_string();
    let padded = |size: usize| format!("{document}{}", " ".repeat(size - document.len()));
    JwkSet::parse(padded(limits::DOCUMENT_BYTES).as_bytes()).unwrap();
    let refused = JwkSet::parse(padded(limits::DOCUMENT_BYTES + 1).as_bytes()).unwrap_err();
    assert_eq!(refused, JwkSetError::TooLarge);

    let many = |count: usize| {
        let ours = SigningKey::first(Algorithm::EdDsa);
        let keys: Vec<Value> = (0..count)
            .map(|index| ours.clone().with_kid(format!("k{index}")).public_jwk())
            .collect();
        JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes())
    };
    let hundred = many(limits::JWK_SET_KEYS).unwrap();
    assert_eq!(hundred.kids().count(), 100);
    assert_eq!(
        many(limits::JWK_SET_KEYS + 1).unwrap_err(),
        JwkSetError::TooManyKeys
    );
    assert_eq!(many(500).unwrap_err(), JwkSetError::TooManyKeys);
    // Keys that could not be used count too.
    let odd = json!({ "keys": vec![json!({}); 101] }).to_string();
    assert_eq!(
        JwkSet::parse(odd.as_bytes()).unwrap_err(),
        JwkSetError::TooManyKeys
    );
}

#[test]
fn t_key_14_a_shared_secret_in_a_set_is_no_key() {
    let odd = OddJwk::Symmetric;
    assert_eq!(unusable(odd.jwk()), UnusableJwk::Symmetric);
    assert_eq!(unusable(json!({"kty": "oct"})), UnusableJwk::Symmetric);
    let with_everything = with(key().public_jwk(), "kty", "oct");
    assert_eq!(unusable(with_everything), UnusableJwk::Symmetric);
    let token = good().key(odd.signing_key().unwrap());
    assert_eq!(verdict(&token, odd.jwk()), InvalidToken::AlgNotAllowed);
    // Even where HMAC is allowed: secrets are configured, never fetched.
    let keys = keys_from([key_beside().public_jwk(), odd.jwk()]);
    let hmac = settings().algorithms([Algorithm::Hs256]).build().unwrap();
    let refused = invalid(decide(&token.sign(), &keys, &hmac));
    assert_eq!(refused, InvalidToken::KidUnknown);
}

#[test]
fn t_key_14_a_private_key_in_a_set_is_no_key() {
    let odd = OddJwk::PrivateMembers;
    let token = good().key(odd.signing_key().unwrap());
    assert_eq!(verdict(&token, odd.jwk()), InvalidToken::KidUnknown);
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::Es512,
        Algorithm::EdDsa,
    ] {
        let jwk = SigningKey::second(algorithm).private_jwk();
        assert_eq!(unusable(jwk), UnusableJwk::Private, "{algorithm}");
    }
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        let jwk = with(key().public_jwk(), member, "AQAB");
        assert_eq!(unusable(jwk), UnusableJwk::Private, "{member}");
        let jwk = with(key().public_jwk(), member, json!([1]));
        assert_eq!(unusable(jwk), UnusableJwk::Private, "{member}");
        usable(with(key().public_jwk(), member, json!(null)));
    }
}

#[test]
fn t_key_15_weak_rsa_is_no_key() {
    for bits in [512, 1024, 2040, 2046, 2047, 8193, 8194, 8200, 16_384] {
        let jwk = rsa_jwk_with_bits(bits);
        let kid = format!("rsa-{bits}");
        assert_eq!(unusable(jwk.clone()), UnusableJwk::Weak, "{bits}");
        let token = good().header("kid", kid);
        assert_eq!(verdict(&token, jwk), InvalidToken::KidUnknown, "{bits}");
    }
    for bits in [2048, 2049, 3072, 4096, 8191, 8192] {
        usable(rsa_jwk_with_bits(bits));
    }
}

#[test]
fn t_key_15_the_exponent_is_odd_and_not_small() {
    let exponent = |bytes: &[u8]| with(key().public_jwk(), "e", base64url(bytes));
    for weak in [
        [].as_slice(),
        &[1],
        &[2],
        &[3],
        &[17],
        &[0xFF, 0xFF],
        &[1, 0, 0],
        &[1, 0, 2],
        &[0],
        &[0, 0, 3],
        &[1, 0, 0, 0],
    ] {
        assert_eq!(unusable(exponent(weak)), UnusableJwk::Weak, "{weak:?}");
    }
    // A sign byte, or several, does not count.
    for good in [
        [1, 0, 1].as_slice(),
        &[0, 1, 0, 1],
        &[0, 0, 1, 0, 1],
        &[1, 0, 3],
        &[1, 1, 1],
    ] {
        usable(exponent(good));
    }
    for giant in [[0xFF; 9].as_slice(), &[0xFF; 256]] {
        assert_eq!(unusable(exponent(giant)), UnusableJwk::Unusable);
    }
}

#[test]
fn a_modulus_with_a_sign_byte_is_the_same_key() {
    let n = from_base64url(key().public_jwk()["n"].as_str().unwrap());
    let signed = base64url(&[&[0, 0], n.as_slice()].concat());
    let keys = usable(with(key().public_jwk(), "n", signed));
    decide(&good().sign(), &keys, &policy()).unwrap();
}

#[test]
fn an_even_modulus_is_no_key() {
    let mut n = from_base64url(key().public_jwk()["n"].as_str().unwrap());
    *n.last_mut().unwrap() ^= 1;
    let jwk = with(key().public_jwk(), "n", base64url(&n));
    assert_eq!(unusable(jwk), UnusableJwk::Unusable);
}

#[test]
fn t_key_15_a_roca_modulus_is_no_key() {
    // 65537 to the 128th power is a power of 65537 modulo everything.
    let mut n = vec![1_u8];
    for _ in 0..128 {
        let mut product = vec![0; n.len() + 2];
        let mut carry = 0_u32;
        for (at, digit) in product.iter_mut().enumerate() {
            let shifted = at.checked_sub(2).and_then(|at| n.get(at)).copied();
            let same = n.get(at).copied().unwrap_or_default();
            carry += u32::from(shifted.unwrap_or_default()) + u32::from(same);
            *digit = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        n = product;
    }
    n.reverse();
    assert_eq!(n.len(), 257);
    let jwk = |n: &[u8]| with(without(key().public_jwk(), "kid"), "n", base64url(n));
    assert_eq!(unusable(jwk(&n)), UnusableJwk::Weak);
    // Its odd neighbours have nothing of it.
    *n.last_mut().unwrap() ^= 2;
    usable(jwk(&n));
}

#[test]
fn t_key_16_a_key_for_something_else_is_no_key() {
    for odd in [OddJwk::EncryptionOnly, OddJwk::KeyOpsWithoutVerify] {
        assert_eq!(unusable(odd.jwk()), UnusableJwk::OtherUse, "{odd}");
        let token = good().key(odd.signing_key().unwrap());
        assert_eq!(
            verdict(&token, odd.jwk()),
            InvalidToken::KidUnknown,
            "{odd}"
        );
    }
    let jwk = key().public_jwk();
    let unbound = without(jwk.clone(), "use");
    for for_encryption in [
        with(jwk.clone(), "use", "enc"),
        with(unbound, "key_ops", json!(["encrypt", "wrapKey"])),
        with(
            with(jwk.clone(), "use", "enc"),
            "key_ops",
            json!(["deriveBits"]),
        ),
    ] {
        assert_eq!(unusable(for_encryption), UnusableJwk::OtherUse);
    }
    for usage in ["SIG", "sig ", ""] {
        let jwk = with(jwk.clone(), "use", usage);
        assert_eq!(unusable(jwk), UnusableJwk::Unusable, "{usage}");
    }
    for ops in [
        json!([]),
        json!(["sign"]),
        json!(["encrypt", "sign"]),
        json!(["VERIFY"]),
    ] {
        let both = with(jwk.clone(), "key_ops", ops.clone());
        assert_eq!(unusable(both), UnusableJwk::Unusable, "{ops}");
        let alone = with(without(jwk.clone(), "use"), "key_ops", ops);
        assert_eq!(unusable(alone), UnusableJwk::Unusable);
    }
    let disagree = with(
        with(jwk.clone(), "use", "enc"),
        "key_ops",
        json!(["verify"]),
    );
    assert_eq!(unusable(disagree), UnusableJwk::Unusable);
    usable(with(jwk.clone(), "key_ops", json!(["verify"])));
    usable(with(
        without(jwk.clone(), "use"),
        "key_ops",
        json!(["verify"]),
    ));
    usable(with(jwk, "key_ops", json!(["sign", "verify"])));
}

#[test]
fn t_key_16_a_point_off_its_curve_is_no_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
        let jwk = SigningKey::first(algorithm).public_jwk();
        let [x, y] = ["x", "y"].map(|name| from_base64url(jwk[name].as_str().unwrap()));
        let zero = vec![0; x.len()];
        let most = vec![0xFF; x.len()];
        for (x, y) in [(&x, &x), (&y, &x), (&zero, &zero), (&most, &y), (&x, &most)] {
            let jwk = with(with(jwk.clone(), "x", base64url(x)), "y", base64url(y));
            assert_eq!(unusable(jwk), UnusableJwk::Unusable, "{algorithm}");
        }
        // Coordinates are numbers of the field. Leading zeros change none.
        for change in [
            [&[1], x.as_slice()].concat(),
            x[..x.len() - 1].to_vec(),
            Vec::new(),
        ] {
            let jwk = with(jwk.clone(), "x", base64url(&change));
            assert_eq!(unusable(jwk), UnusableJwk::Unusable, "{algorithm}");
        }
        for change in [
            [&[1], y.as_slice()].concat(),
            y[..y.len() - 1].to_vec(),
            Vec::new(),
        ] {
            let jwk = with(jwk.clone(), "y", base64url(&change));
            assert_eq!(unusable(jwk), UnusableJwk::Unusable, "{algorithm}");
        }
    }
    let odd = OddJwk::OffCurve;
    let token = good().header("kid", odd.as_str());
    assert_eq!(verdict(&token, odd.jwk()), InvalidToken::KidUnknown);
}

/// A point of Ed25519 is taken off its encoding when a signature is verified, not before: this key
/// is not left out, but verifies nothing.
#[test]
fn t_key_16_an_ed25519_point_off_its_curve_verifies_nothing() {
    // No x belongs to y = 2.
    let two = [vec![2], vec![0; 31]].concat();
    let key = SigningKey::first(Algorithm::EdDsa);
    let keys = usable(with(key.public_jwk(), "x", base64url(&two)));
    let refused = invalid(decide(&good().key(key).sign(), &keys, &policy()));
    assert_eq!(refused, InvalidToken::SignatureInvalid);
}

#[test]
fn ed25519_points_of_small_order_or_another_spelling_are_weak() {
    let jwk = SigningKey::first(Algorithm::EdDsa).public_jwk();
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        // p, p + 1 and 2^255 - 1: numbers that are 0, 1 and 18 again.
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for hex in small {
        let mut point: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
            .collect();
        for _ in 0..2 {
            let jwk = with(jwk.clone(), "x", base64url(&point));
            assert_eq!(unusable(jwk), UnusableJwk::Weak, "{hex}");
            // The same with the sign of x.
            *point.last_mut().unwrap() |= 0x80;
        }
    }
}

#[test]
fn t_key_16_what_the_members_say_must_agree() {
    for (algorithm, alg) in [
        (Algorithm::Es256, "ES384"),
        (Algorithm::Es256, "RS256"),
        (Algorithm::Es256, "ES521"),
        (Algorithm::Es256, "ES224"),
        (Algorithm::Es256, "ECDH-ES"),
        (Algorithm::Es384, "ES256"),
        (Algorithm::Es512, "ES521"),
        (Algorithm::Rs256, "ES256"),
        (Algorithm::Rs256, "HS256"),
        (Algorithm::Rs256, "RSA1_5"),
        (Algorithm::Rs256, "RSA-OAEP"),
        (Algorithm::Rs256, "rs256"),
        (Algorithm::Rs256, ""),
        (Algorithm::EdDsa, "ES256"),
        (Algorithm::EdDsa, "Ed448"),
        (Algorithm::EdDsa, "none"),
    ] {
        let key = SigningKey::first(algorithm);
        let jwk = with(key.public_jwk(), "alg", alg);
        assert_eq!(
            unusable(jwk.clone()),
            UnusableJwk::Unusable,
            "{algorithm} {alg}"
        );
        assert_eq!(
            verdict(&good().key(key), jwk),
            InvalidToken::KidUnknown,
            "{alg}"
        );
    }
    for crv in ["P-384", "P-521", "Ed25519", "secp256k1"] {
        let key = SigningKey::first(Algorithm::Es256);
        let jwk = with(key.public_jwk(), "crv", crv);
        assert_eq!(unusable(jwk), UnusableJwk::Unusable, "{crv}");
        let jwk = with(without(key.public_jwk(), "alg"), "crv", crv);
        assert_eq!(unusable(jwk), UnusableJwk::Unusable, "{crv}");
    }
}

#[cfg(feature = "ml-dsa")]
#[test]
fn ml_dsa_keys_name_their_parameter_set() {
    let sets = [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];
    for algorithm in sets {
        let key = SigningKey::first(algorithm);
        let keys = usable(key.public_jwk());
        let mut parts = good().key(key.clone()).parts();
        decide(&parts.encode(), &keys, &policy()).unwrap();
        parts.signature.pop();
        let short = invalid(decide(&parts.encode(), &keys, &policy()));
        assert_eq!(short, InvalidToken::SignatureLength);
        parts.signature.push(0);
        parts.signature[0] ^= 1;
        let wrong = invalid(decide(&parts.encode(), &keys, &policy()));
        assert_eq!(wrong, InvalidToken::SignatureInvalid);
        let jwk = without(key.public_jwk(), "alg");
        assert_eq!(unusable(jwk), UnusableJwk::Unusable);
        let jwk = without(key.public_jwk(), "pub");
        assert_eq!(unusable(jwk), UnusableJwk::Unusable);
        assert_eq!(unusable(key.private_jwk()), UnusableJwk::Private);
        for other in sets.into_iter().filter(|other| *other != algorithm) {
            let jwk = with(key.public_jwk(), "alg", other.as_str());
            assert_eq!(unusable(jwk), UnusableJwk::Unusable);
        }
    }
}

#[test]
fn t_key_17_a_key_of_one_issuer_verifies_nothing_of_another() {
    let other_key = SigningKey::second(Algorithm::Rs256);
    let other = Policy::builder("https://other.example", AUDIENCE)
        .build()
        .unwrap();
    let others = Token::user("https://other.example", AUDIENCE, NOW).key(other_key.clone());
    let other_keys = keys_of([&other_key]);
    decide(&others.sign(), &other_keys, &other).unwrap();
    // With our issuer's key, and with its own kid in ours.
    let forged = good().key(other_key.clone());
    assert_eq!(refused(&forged), InvalidToken::KidUnknown);
    let same_kid = good().key(other_key.with_kid(key().kid().unwrap()));
    assert_eq!(refused(&same_kid), InvalidToken::SignatureInvalid);
    // Each issuer's token under the other's policy.
    assert_eq!(refused(&others), InvalidToken::IssuerUnknown);
    let ours = invalid(decide(&good().sign(), &other_keys, &other));
    assert_eq!(ours, InvalidToken::IssuerUnknown);
}

#[test]
fn a_key_07_one_kid_in_two_issuers() {
    let ours = key().with_kid("1");
    let theirs = SigningKey::second(Algorithm::Rs256).with_kid("1");
    let other = Policy::builder("https://other.example", AUDIENCE)
        .build()
        .unwrap();
    decide(
        &good().key(ours.clone()).sign(),
        &keys_of([&ours]),
        &policy(),
    )
    .unwrap();
    let token = Token::user("https://other.example", AUDIENCE, NOW).key(theirs.clone());
    decide(&token.sign(), &keys_of([&theirs]), &other).unwrap();
}

#[test]
fn a_key_07_one_kid_in_one_set_with_two_types() {
    let rsa = key().with_kid("1");
    let ec = SigningKey::first(Algorithm::Es256).with_kid("1");
    let keys = keys_of([&rsa, &ec]);
    for key in [rsa, ec] {
        decide(&good().key(key).sign(), &keys, &policy()).unwrap();
    }
    let kids: Vec<&str> = keys.kids().collect();
    assert_eq!(kids, ["1"]);
}

#[test]
fn t_key_18_an_issuer_that_is_not_configured_is_unknown() {
    for issuer in [
        "https://attacker.example",
        "http://169.254.169.254/latest",
        "https://auth.example/{tenant}",
        "https://auth.example/tenant-2",
        "{{ .TokenIssuer }}",
        "file:///etc/passwd",
    ] {
        let token = good().claim("iss", issuer);
        assert_eq!(refused(&token), InvalidToken::IssuerUnknown, "{issuer}");
    }
}

#[test]
fn t_key_19_the_issuer_that_selects_is_the_issuer_that_is_reported() {
    let text = String::from_utf8(good().payload_bytes()).unwrap();
    let escaped = text.replace(ISSUER, "https:\\/\\/auth.ex\\u0061mple");
    assert_ne!(text, escaped);
    let token = good().payload_text(escaped);
    let signed = token.sign();
    let jws = UnverifiedJws::parse(signed.as_bytes()).unwrap();
    assert_eq!(jws.unverified_issuer().unwrap(), ISSUER);
    policy().check_issuer(&jws).unwrap();
    assert_eq!(accepted(&token).issuer(), ISSUER);
    let nested = good().claim("a", json!({"iss": "https://other.example"}));
    assert_eq!(accepted(&nested).issuer(), ISSUER);
}

#[test]
fn t_key_20_two_fitting_keys_with_one_kid_are_ambiguous() {
    let first = key().with_kid("1");
    let second = SigningKey::second(Algorithm::Rs256).with_kid("1");
    let other = SigningKey::first(Algorithm::Es256).with_kid("2");
    let keys = keys_of([&first, &second, &other]);
    for key in [&first, &second] {
        let token = good().key(key.clone()).sign();
        assert_eq!(
            invalid(decide(&token, &keys, &policy())),
            InvalidToken::KidAmbiguous
        );
    }
    decide(&good().key(other).sign(), &keys, &policy()).unwrap();
    assert_eq!(keys.ambiguous().collect::<Vec<_>>(), ["1"]);
    assert_eq!(
        keys.selectable().collect::<Vec<_>>(),
        [Algorithm::Es256],
        "no token can select a key of RS256"
    );
}

/// For each algorithm, whether some header selects one of its keys.
#[test]
fn t_key_20_keys_that_nothing_selects_are_of_no_use() {
    let named = |key: SigningKey, kid: &str| key.with_kid(kid);
    let (first, second) = (key(), SigningKey::second(Algorithm::Rs256));
    let other = SigningKey::first(Algorithm::Es256);
    let selectable = |keys: &[SigningKey]| {
        let keys = keys_of(keys);
        keys.selectable().collect::<Vec<_>>()
    };
    let twins = [named(first.clone(), "1"), named(second, "1")];
    assert_eq!(selectable(&twins), []);
    // One name for keys of two algorithms is no ambiguity.
    let mixed = [named(first.clone(), "1"), named(other.clone(), "1")];
    assert_eq!(selectable(&mixed), [Algorithm::Rs256, Algorithm::Es256]);
    // A key without a name next to named ones: a token without a name selects it if it is the only one.
    let one = [named(first, "1"), other.clone().without_kid()];
    assert_eq!(selectable(&one), [Algorithm::Rs256, Algorithm::Es256]);
    let few = (0..4).map(|_| {
        SigningKey::generate(Algorithm::Es256)
            .unwrap()
            .without_kid()
    });
    let mut few: Vec<_> = few.collect();
    assert_eq!(selectable(&few), [Algorithm::Es256]);
    few.push(other.without_kid());
    assert_eq!(selectable(&few), []);
    // Thumbprints are names as well.
    let thumbprints = few.iter().enumerate().map(|(index, key)| {
        let name = format!("T{}", index.min(1));
        with(without(key.public_jwk(), "kid"), "x5t", name)
    });
    let keys = keys_from(thumbprints.collect::<Vec<_>>());
    assert_eq!(keys.selectable().collect::<Vec<_>>(), [Algorithm::Es256]);
}

/// However it is listed: again, without `alg`, under another name or without one.
/// AD FS: `x5t` alone names the key, and each key of the set has one.
#[test]
fn a_key_by_thumbprint_is_selected_among_those_of_the_set() {
    let next = SigningKey::second(Algorithm::Rs256).with_kid("T2");
    let first = key().with_kid("T1");
    for (member, other) in [("x5t", "x5t#S256"), ("x5t#S256", "x5t")] {
        let named =
            [(&first, "T1"), (&next, "T2")].map(|(key, name)| with(key.public_jwk(), member, name));
        let nameless = named.clone().map(|jwk| without(jwk, "kid"));
        for jwks in [named, nameless] {
            let keys = keys_from(jwks);
            for (key, name) in [(&first, "T1"), (&next, "T2")] {
                let token = good()
                    .key(key.clone())
                    .without_header("kid")
                    .header(member, name);
                decide(&token.sign(), &keys, &policy()).unwrap();
                // What no key of the set has is ignored.
                let both = token.clone().header(other, "unknown");
                decide(&both.sign(), &keys, &policy()).unwrap();
                let null = token.header("kid", json!(null));
                decide(&null.sign(), &keys, &policy()).unwrap();
            }
        }
    }
}

#[test]
fn a_thumbprint_next_to_a_kid_decides_nothing() {
    let other = with(
        SigningKey::second(Algorithm::Rs256).public_jwk(),
        "x5t",
        "T2",
    );
    let keys = keys_from([with(key().public_jwk(), "x5t", "T1"), other]);
    for thumbprint in [json!("T2"), json!("unknown"), json!(5), json!("")] {
        let token = good().header("x5t", thumbprint);
        decide(&token.sign(), &keys, &policy()).unwrap();
    }
    // One that names nothing is ignored, whatever it is.
    let one = keys_from([with(key().public_jwk(), "x5t", "T1")]);
    for thumbprint in [json!(5), json!(null), json!(["T1"]), json!("x".repeat(257))] {
        let token = good().without_header("kid").header("x5t", thumbprint);
        decide(&token.sign(), &one, &policy()).unwrap();
    }
}

#[test]
fn t_key_25_a_thumbprint_only_selects_among_the_keys_of_the_set() {
    let attacker = SigningKey::second(Algorithm::Rs256);
    let ec = with(
        SigningKey::first(Algorithm::Es256).public_jwk(),
        "x5t",
        "E1",
    );
    let rsa = with(key().public_jwk(), "x5t", "T1");
    let keys = keys_from([rsa, ec]);
    let token = |name: &str| good().without_header("kid").header("x5t", name);
    let reason = |token: Token| decide(&token.sign(), &keys, &policy()).unwrap_err();
    // Of another kind or algorithm, though there is one key that fits.
    assert_eq!(reason(token("E1")), InvalidToken::AlgKeyMismatch.into());
    let es256 = token("T1")
        .key(SigningKey::first(Algorithm::Es256))
        .without_header("kid");
    assert_eq!(reason(es256), InvalidToken::AlgKeyMismatch.into());
    // Computed from a certificate that the token carries.
    let forged = token("of the certificate in the token")
        .key(attacker.clone())
        .without_header("kid")
        .header("x5c", json!(["MIIB"]))
        .header("jwk", attacker.public_jwk());
    assert_eq!(reason(forged.clone()), InvalidToken::KidUnknown.into());
    // Nor is it the name of a key in another form: `kid`, upper case, or with padding.
    for name in ["t1", "T1=", "", key().kid().unwrap()] {
        assert_eq!(
            reason(token(name)),
            InvalidToken::KidUnknown.into(),
            "{name}"
        );
    }
    // With the name of ours, its signature is still the attacker's.
    let named = forged.header("x5t", "T1");
    assert_eq!(reason(named), InvalidToken::SignatureInvalid.into());
}

#[test]
fn t_key_25_several_keys_with_one_thumbprint_are_ambiguous() {
    let other = with(
        SigningKey::second(Algorithm::Rs256).public_jwk(),
        "x5t",
        "T1",
    );
    let keys = keys_from([with(key().public_jwk(), "x5t", "T1"), other.clone()]);
    let token = good().without_header("kid").header("x5t", "T1");
    let reason = decide(&token.sign(), &keys, &policy()).unwrap_err();
    assert_eq!(reason, InvalidToken::KidAmbiguous.into());
    // Tokens have a `kid` where keys have one.
    assert_eq!(keys.ambiguous().count(), 0);
    let nameless = [with(key().public_jwk(), "x5t", "T1"), other].map(|jwk| without(jwk, "kid"));
    let keys = keys_from(nameless);
    assert_eq!(keys.ambiguous().collect::<Vec<_>>(), ["T1"]);
    let reason = decide(&token.sign(), &keys, &policy()).unwrap_err();
    assert_eq!(reason, InvalidToken::KidAmbiguous.into());
    // Without thumbprints in the set, the one in the token names nothing.
    let keys = keys_of([&key(), &SigningKey::second(Algorithm::Rs256)]);
    let reason = decide(&token.sign(), &keys, &policy()).unwrap_err();
    assert_eq!(reason, InvalidToken::KidMissing.into());
}

#[test]
fn t_key_16_a_spiffe_bundle_has_keys_for_jwt_svids() {
    let svid = with(key().public_jwk(), "use", "jwt-svid");
    let certificate = with(
        SigningKey::second(Algorithm::Rs256).public_jwk(),
        "use",
        "x509-svid",
    );
    let signing = with(
        SigningKey::first(Algorithm::Es256).public_jwk(),
        "use",
        "sig",
    );
    let document = |jwks: &[&Value]| json!({ "keys": jwks, "spiffe_sequence": 1 }).to_string();
    let bundle = document(&[&certificate, &svid, &signing]);
    let keys = Profile::Spiffe
        .key_document()
        .parse(bundle.as_bytes())
        .unwrap();
    assert_eq!(keys.kids().collect::<Vec<_>>(), [key().kid().unwrap()]);
    let reasons: Vec<_> = keys
        .unusable()
        .iter()
        .map(|key| (key.index, key.reason))
        .collect();
    assert_eq!(
        reasons,
        [(0, UnusableJwk::OtherUse), (2, UnusableJwk::Unusable)]
    );
    // Elsewhere such a key is for something else.
    let keys = Profile::Generic
        .key_document()
        .parse(bundle.as_bytes())
        .unwrap();
    let reasons: Vec<_> = keys.unusable().iter().map(|key| key.reason).collect();
    assert_eq!(reasons, [UnusableJwk::Unusable; 2]);
    // SPIRE's discovery provider writes no `use`, or `sig`.
    let bare = without(svid, "use");
    let set = document(&[&bare, &signing]);
    assert_eq!(
        Profile::Spiffe
            .key_document()
            .parse(set.as_bytes())
            .unwrap()
            .kids()
            .count(),
        2
    );
    let none = Profile::Spiffe
        .key_document()
        .parse(document(&[&certificate]).as_bytes());
    assert!(matches!(none, Err(JwkSetError::NoUsableKey(_))));
    let no_set = Profile::Spiffe.key_document().parse(b"[]");
    assert_eq!(no_set.unwrap_err(), JwkSetError::NotAJwkSet);
}

#[test]
fn one_key_is_one_key() {
    let (key, jwk) = (key(), key().public_jwk());
    let token = good().sign();
    let nameless = good().without_header("kid").sign();
    for again in [
        jwk.clone(),
        without(jwk.clone(), "alg"),
        with(jwk.clone(), "kid", "another"),
        without(jwk.clone(), "kid"),
        with(jwk.clone(), "use", "sig"),
    ] {
        for jwks in [[jwk.clone(), again.clone()], [again, jwk.clone()]] {
            let keys = keys_from(jwks);
            assert_eq!(keys.ambiguous().count(), 0);
            decide(&token, &keys, &policy()).unwrap();
            decide(&nameless, &keys, &policy()).unwrap();
        }
    }
    // Another key under the name is another key.
    let other = SigningKey::second(key.algorithm()).with_kid(key.kid().unwrap());
    let keys = keys_from([jwk.clone(), jwk, other.public_jwk()]);
    let refused = invalid(decide(&token, &keys, &policy()));
    assert_eq!(refused, InvalidToken::KidAmbiguous);
}

/// A public number has one reading, however it is spelt.
#[test]
fn a_key_in_another_alphabet_or_with_padding_is_used() {
    let jwk = key().public_jwk();
    let n = jwk["n"].as_str().unwrap().to_owned();
    let standard = n.replace('-', "+").replace('_', "/");
    for n in [format!("{n}=="), standard.clone(), format!("{standard}==")] {
        let keys = usable(with(jwk.clone(), "n", n));
        decide(&good().sign(), &keys, &policy()).unwrap();
    }
    for key in [
        SigningKey::first(Algorithm::Es256),
        SigningKey::first(Algorithm::EdDsa),
    ] {
        let jwk = key.public_jwk();
        let x = format!("{}=", jwk["x"].as_str().unwrap());
        let keys = usable(with(jwk, "x", x));
        decide(&good().key(key).sign(), &keys, &policy()).unwrap();
    }
}

#[test]
fn a_key_that_is_left_out_is_named() {
    let okp = SigningKey::first(Algorithm::EdDsa).public_jwk();
    let ed448 = with(with(okp, "crv", "Ed448"), "kid", "old");
    let long = with(
        with(key().public_jwk(), "use", "enc"),
        "kid",
        "\u{e9}".repeat(200),
    );
    let keys = keys_from([key().public_jwk(), ed448, long, json!(5)]);
    let [ed448, long, odd] = keys.unusable() else {
        panic!("{keys:?}");
    };
    assert_eq!((ed448.index, ed448.reason), (1, UnusableJwk::Unusable));
    assert_eq!(ed448.kid.as_deref(), Some("old"));
    assert_eq!(ed448.kind.as_deref(), Some("OKP Ed448 EdDSA"));
    assert_eq!((long.index, long.reason), (2, UnusableJwk::OtherUse));
    assert_eq!(long.kid.as_deref(), Some(&*"\u{e9}".repeat(128)));
    assert_eq!(
        (odd.index, odd.kid.as_deref(), odd.kind.as_deref()),
        (3, None, None)
    );
}

/// Also if there is no other.
#[test]
fn keys_that_are_all_left_out_are_named() {
    let named = |kid: &str| with(with(key().public_jwk(), "kid", kid), "n", "***");
    let keys: Vec<_> = ["a", "b\n", "c", "d", "e", "f"].map(named).into();
    let refused = JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap_err();
    let text = refused.to_string();
    let first = "the JWK Set has no usable key; key 0 (kid \"a\") is left out: jwk_unusable: the key is not a \
                 supported key for verifying signatures: `n` is not base64url [RSA RS256]; key 1 (kid \"b\\n\")";
    assert!(text.starts_with(first), "{text}");
    assert!(text.ends_with("; and 2 more"), "{text}");
    let JwkSetError::NoUsableKey(left_out) = refused else {
        panic!("{text}");
    };
    assert_eq!(left_out.keys().len(), 6);
}

/// A number has one reading, whether or not its leading zeros are written.
#[test]
fn a_coordinate_may_be_written_without_its_leading_zeros() {
    let short = |jwk: &Value| {
        let coordinate = from_base64url(jwk["x"].as_str().unwrap());
        coordinate.first() == Some(&0)
    };
    let keys = (0_u32..4096).map(|_| SigningKey::generate(Algorithm::Es256).unwrap());
    let key = { keys }
        .find(|key| short(&key.public_jwk()))
        .expect("one in 256 has a zero there");
    let key = key.with_kid("short");
    let jwk = key.public_jwk();
    let x = from_base64url(jwk["x"].as_str().unwrap());
    let token = good().key(key);
    for x in [x[1..].to_vec(), [&[0], x.as_slice()].concat(), x.clone()] {
        let keys = usable(with(jwk.clone(), "x", base64url(&x)));
        decide(&token.sign(), &keys, &policy()).unwrap();
    }
    // Another number is another key, or none.
    let odd = [x.as_slice(), &[0]].concat();
    assert_eq!(
        left_out(with(jwk, "x", base64url(&odd))).fault,
        Some(JwkFault::NotAKey("x"))
    );
}

#[test]
fn a_key_01_an_unusable_key_beside_a_good_one() {
    let mut jwks: Vec<Value> = OddJwk::ALL.iter().map(|odd| odd.jwk()).collect();
    jwks.insert(3, key().public_jwk());
    let keys = keys_from(jwks);
    assert_eq!(keys.unusable().len(), OddJwk::ALL.len());
    let indices: Vec<usize> = keys
        .unusable()
        .iter()
        .map(|key: &UnusableKey| key.index)
        .collect();
    assert_eq!(indices.get(..5), Some([0, 1, 2, 4, 5].as_slice()));
    decide(&good().sign(), &keys, &policy()).unwrap();
}

#[test]
fn a_key_02_members_that_may_be_absent_or_unknown() {
    let bare = ["alg", "use", "created_at"]
        .into_iter()
        .fold(key().public_jwk(), without);
    let keys = usable(bare.clone());
    decide(&good().sign(), &keys, &policy()).unwrap();
    let keys = usable(with(bare.clone(), "created_at", 1_577_836_800));
    decide(&good().sign(), &keys, &policy()).unwrap();
    let odd = with(bare, "x5c", json!([1, {"a": null}]));
    let odd = with(with(odd, "ext", true), "x5t#S256", json!(5));
    let keys = usable(odd);
    decide(&good().sign(), &keys, &policy()).unwrap();
    // Members of the set itself, too.
    let document = json!({ "keys": [key().public_jwk()], "issuer": ISSUER, "a": [1] });
    let keys = JwkSet::parse(document.to_string().as_bytes()).unwrap();
    decide(&good().sign(), &keys, &policy()).unwrap();
    let document = format!(" \r\n\t{document}\n ");
    JwkSet::parse(document.as_bytes()).unwrap();
}

#[test]
fn a_key_without_alg_does_all_that_its_type_can() {
    let rsa = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ];
    let families: [(&[Algorithm], &[Algorithm]); 5] = [
        (&rsa, &[Algorithm::Rs256]),
        (&[Algorithm::Es256], &[Algorithm::Es256]),
        (&[Algorithm::Es384], &[Algorithm::Es384]),
        (&[Algorithm::Es512], &[Algorithm::Es512]),
        (&[Algorithm::EdDsa, Algorithm::Ed25519], &[Algorithm::EdDsa]),
    ];
    for (family, key) in families {
        let jwk = SigningKey::first(key[0]).with_kid("k").public_jwk();
        let keys = usable(without(jwk, "alg"));
        for algorithm in family {
            let token = good().key(SigningKey::first(*algorithm).with_kid("k"));
            decide(&token.sign(), &keys, &policy()).unwrap();
        }
    }
}

#[test]
fn without_kid_no_fitting_key_is_a_mismatch() {
    let token = good()
        .key(SigningKey::first(Algorithm::Es256))
        .without_header("kid");
    assert_eq!(refused(&token), InvalidToken::AlgKeyMismatch);
}

#[test]
fn where_no_key_has_a_name_the_kid_of_a_token_says_nothing() {
    let nameless = key().without_kid();
    let keys = keys_of([&nameless]);
    assert_eq!(keys.kids().count(), 0);
    decide(&good().sign(), &keys, &policy()).unwrap();
    decide(&good().without_header("kid").sign(), &keys, &policy()).unwrap();
}

/// `public_jwk` of so many keys, none with a name. The last is our key.
fn nameless(count: usize) -> JwkSet {
    let others = (1..count).map(|index| {
        let mut jwk = without(key().public_jwk(), "kid");
        let mut n = from_base64url(jwk["n"].as_str().unwrap());
        // Another odd number: a key that verifies nothing of ours.
        n[100] ^= u8::try_from(index).unwrap();
        jwk["n"] = base64url(&n).into();
        jwk
    });
    keys_from(others.chain([without(key().public_jwk(), "kid")]))
}

#[test]
fn t_jws_29_of_keys_without_names_at_most_four_are_tried() {
    for token in [good(), good().without_header("kid")] {
        for count in 1..=limits::NAMELESS_KEYS {
            let keys = nameless(count);
            assert_eq!(keys.too_many_nameless().count(), 0);
            decide(&token.sign(), &keys, &policy()).unwrap();
            let forged = token
                .clone()
                .key(SigningKey::second(Algorithm::Rs256))
                .sign();
            let refused = invalid(decide(&forged, &keys, &policy()));
            assert_eq!(refused, InvalidToken::SignatureInvalid, "{count}");
        }
        let keys = nameless(limits::NAMELESS_KEYS + 1);
        assert!(keys.too_many_nameless().eq([Algorithm::Rs256]));
        let refused = invalid(decide(&token.sign(), &keys, &policy()));
        assert_eq!(refused, InvalidToken::KidMissing);
    }
    // One name in the set, and none of several is tried.
    let named = SigningKey::second(Algorithm::Rs256)
        .with_kid("named")
        .public_jwk();
    let keys = keys_from([without(key().public_jwk(), "kid"), named]);
    let refused = invalid(decide(
        &good().without_header("kid").sign(),
        &keys,
        &policy(),
    ));
    assert_eq!(refused, InvalidToken::KidMissing);
}

#[test]
fn beside_keys_with_names_one_without_is_not_meant_by_a_kid() {
    let nameless = key().without_kid();
    let named = SigningKey::first(Algorithm::Es256);
    let keys = keys_of([&nameless, &named]);
    assert_eq!(
        invalid(decide(&good().sign(), &keys, &policy())),
        InvalidToken::KidUnknown
    );
    let token = good().without_header("kid").sign();
    decide(&token, &keys, &policy()).unwrap();
}

/// The key that this set has for a token of `key`.
fn selected(set: &JwkSet, key: &SigningKey) -> Candidates {
    let token = good().key(key.clone()).sign();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    set.select(jws.header()).unwrap()
}

#[test]
fn a_set_shares_the_keys_that_are_the_same_and_no_other() {
    let (one, other) = (key(), key_beside());
    let before = keys_of([&one, &other]);
    // The name is not the key, nor is the place.
    let renamed = one.clone().with_kid("renamed");
    let replaced = SigningKey::second(one.algorithm()).with_kid(one.kid().unwrap());
    let now = keys_of([&other, &replaced, &renamed]).sharing(&before);
    let shares = |before_of, now_of| selected(&before, before_of).is_same(&selected(&now, now_of));
    assert!(shares(&other, &other));
    assert!(shares(&one, &renamed));
    assert!(!shares(&one, &replaced));
    assert!(!selected(&before, &one).is_same(&selected(&keys_of([&one]), &one)));
}

/// One JWK without `alg` is several keys, of the same material.
#[test]
fn a_key_for_another_algorithm_is_not_the_same() {
    let one = key();
    let with_alg = |alg: &str| {
        let mut jwk = one.public_jwk();
        jwk["alg"] = alg.into();
        keys_from([jwk])
    };
    let now = with_alg("RS256").sharing(&with_alg("RS384"));
    let token = good().key(one.clone()).sign();
    assert!(decide(&token, &now, &policy()).is_ok());
}

#[test]
fn secrets_are_never_taken_for_the_same() {
    let secret = || VerificationKey::secret(Algorithm::Hs256, &[7; 32]).unwrap();
    let set = || JwkSet::from_secrets([(None, secret())]);
    let before = set();
    let now = set().sharing(&before);
    let key = SigningKey::from_secret(Algorithm::Hs256, &[7; 32]).unwrap();
    assert!(!selected(&before, &key).is_same(&selected(&now, &key)));
}

#[test]
fn a_set_shows_names_and_what_is_left_out() {
    let keys = keys_from([key().with_kid("k1").public_jwk(), json!({})]);
    assert_eq!(
        format!("{keys:?}"),
        "JwkSet { kids: [\"k1\"], unusable: [UnusableKey { index: 1, kid: None, kind: None, reason: Unusable, fault: Some(Missing(\"kty\")) }], .. }"
    );
}

#[test]
fn codes_of_keys_that_are_left_out() {
    let codes = [
        UnusableJwk::Private,
        UnusableJwk::Symmetric,
        UnusableJwk::Unusable,
        UnusableJwk::Weak,
    ]
    .map(UnusableJwk::code);
    assert_eq!(
        codes,
        ["jwk_private", "jwk_symmetric", "jwk_unusable", "jwk_weak"]
    );
}
