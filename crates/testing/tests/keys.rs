//! Fixed keys against core: what they sign verifies under the JWK they show. Odd ones against aws-lc.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use bearward_core::jwk::VerificationKey;
use bearward_core::jws::UnverifiedJws;
use bearward_core::{JwkSet, UnixTime};
use bearward_testing::keys::{KeyError, OddJwk, jwk_set, rsa_jwk_with_bits};
use bearward_testing::{Algorithm, SigningKey, Token};
use serde_json::{Value, json};

const MESSAGE: &[u8] = b"header.payload";

fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
    let text = jwk[name].as_str().unwrap();
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

/// Verifies with aws-lc alone: core refuses an odd JWK.
fn verifies(key: &SigningKey, jwk: &Value, signature: &[u8]) -> bool {
    if let Some(secret) = key.secret() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        return hmac::verify(&key, MESSAGE, signature).is_ok();
    }
    if jwk["alg"] == "ES256" {
        let point = [vec![4], bytes(jwk, "x"), bytes(jwk, "y")].concat();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        return public.verify(MESSAGE, signature).is_ok();
    }
    assert_eq!(jwk["alg"], "RS256");
    let public = RsaPublicKeyComponents {
        n: bytes(jwk, "n"),
        e: bytes(jwk, "e"),
    };
    let verified = public.verify(&RSA_PKCS1_2048_8192_SHA256, MESSAGE, signature);
    verified.is_ok()
}

/// Whether core, which has test vectors of others, verifies a token of `signer` under the JWK of
/// `shown`, or under its secret.
fn core_verifies(signer: &SigningKey, shown: &SigningKey) -> bool {
    let keys = if let Some(secret) = shown.secret() {
        let key = VerificationKey::secret(shown.algorithm(), secret).unwrap();
        JwkSet::from_secrets([(None, key)])
    } else {
        let set = jwk_set([&shown.clone().without_kid()]);
        JwkSet::parse(set.to_string().as_bytes()).unwrap()
    };
    let now = UnixTime::from_secs(1_700_000_000);
    let token = Token::user("https://id.example.com", "https://api.example.com", now);
    let token = token.key(signer.clone()).sign();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    let key = keys.select(jws.header()).unwrap();
    jws.verify(&key).is_ok()
}

#[test]
fn what_a_fixed_key_signs_verifies_under_its_jwk_and_no_other() {
    for algorithm in Algorithm::ALL {
        let first = SigningKey::first(*algorithm);
        let second = SigningKey::second(*algorithm);
        assert!(core_verifies(&first, &first), "{algorithm}");
        assert!(core_verifies(&second, &second), "{algorithm}");
        assert!(!core_verifies(&first, &second), "{algorithm}");
    }
}

#[test]
fn what_a_generated_key_signs_verifies_under_its_jwk() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap();
        assert!(core_verifies(&key, &key), "{algorithm}");
    }
}

#[test]
fn every_fixed_key_has_a_kid_of_its_own() {
    let keys = Algorithm::ALL.iter().flat_map(|algorithm| {
        [
            SigningKey::first(*algorithm),
            SigningKey::second(*algorithm),
        ]
    });
    let mut kids: Vec<String> = keys.map(|key| key.kid().unwrap().to_owned()).collect();
    kids.sort();
    kids.dedup();
    assert_eq!(kids.len(), 2 * Algorithm::ALL.len());
}

#[test]
fn signatures_have_the_length_jws_wants() {
    let length = |algorithm| SigningKey::first(algorithm).sign(MESSAGE).len();
    assert_eq!(length(Algorithm::Rs256), 256);
    assert_eq!(length(Algorithm::Ps512), 256);
    assert_eq!(length(Algorithm::Es256), 64);
    assert_eq!(length(Algorithm::Es384), 96);
    assert_eq!(length(Algorithm::Es512), 132);
    assert_eq!(length(Algorithm::EdDsa), 64);
    assert_eq!(length(Algorithm::Hs512), 64);
    assert_eq!(SigningKey::rsa_4096().sign(MESSAGE).len(), 512);
}

#[test]
fn jwks_have_authgears_members() {
    let members = |algorithm| {
        let jwk = SigningKey::first(algorithm).public_jwk();
        let mut names: Vec<String> = jwk.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(members(Algorithm::Rs256), "alg created_at e kid kty n use");
    assert_eq!(
        members(Algorithm::Es256),
        "alg created_at crv kid kty use x y"
    );
    assert_eq!(
        members(Algorithm::Ed25519),
        "alg created_at crv kid kty use x"
    );
    assert_eq!(members(Algorithm::Hs256), "alg created_at kid kty use");
}

#[test]
fn coordinates_have_full_length() {
    for (algorithm, length) in [
        (Algorithm::Es256, 32),
        (Algorithm::Es384, 48),
        (Algorithm::Es512, 66),
    ] {
        let jwk = SigningKey::second(algorithm).private_jwk();
        for name in ["x", "y", "d"] {
            assert_eq!(bytes(&jwk, name).len(), length, "{algorithm} {name}");
        }
    }
}

#[test]
fn private_jwks_have_the_private_members() {
    let rsa = SigningKey::first(Algorithm::Rs256).private_jwk();
    assert_eq!(bytes(&rsa, "d").len(), 256);
    for name in ["p", "q", "dp", "dq", "qi"] {
        assert!((126..=128).contains(&bytes(&rsa, name).len()), "{name}");
    }
    let okp = SigningKey::first(Algorithm::Ed25519).private_jwk();
    assert_eq!(bytes(&okp, "d").len(), 32);
    let oct = SigningKey::first(Algorithm::Hs256);
    assert_eq!(bytes(&oct.private_jwk(), "k"), oct.secret().unwrap());
}

/// p · q = n is what makes the members of an RSA key belong together; modulo 2^64 will do.
#[test]
fn private_rsa_members_belong_together() {
    let low = |bytes: Vec<u8>| u64::from_be_bytes(*bytes.last_chunk().unwrap());
    let jwk = SigningKey::second(Algorithm::Rs256).private_jwk();
    let product = low(bytes(&jwk, "p")).wrapping_mul(low(bytes(&jwk, "q")));
    assert_eq!(product, low(bytes(&jwk, "n")));
}

#[cfg(feature = "ml-dsa")]
#[test]
fn ml_dsa_shows_its_seed() {
    for algorithm in [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let key = SigningKey::first(algorithm);
        let jwk = key.private_jwk();
        assert_eq!(jwk["kty"], "AKP");
        assert_eq!(bytes(&jwk, "priv").len(), 32);
        assert!(
            key.public_key_pem()
                .unwrap()
                .starts_with("-----BEGIN PUBLIC KEY-----\n")
        );
    }
}

#[test]
fn a_kid_can_be_set_and_taken_out() {
    let key = SigningKey::first(Algorithm::Rs256).with_kid("k1");
    assert_eq!(key.public_jwk()["kid"], "k1");
    let key = key.without_kid();
    assert_eq!(key.kid(), None);
    assert_eq!(key.public_jwk().get("kid"), None);
}

#[test]
fn a_key_set_has_the_public_halves_in_order() {
    let keys = [
        SigningKey::first(Algorithm::Rs256),
        SigningKey::second(Algorithm::Es256),
    ];
    let expected = json!({"keys": [keys[0].public_jwk(), keys[1].public_jwk()]});
    assert_eq!(jwk_set(&keys), expected);
}

#[test]
fn public_keys_in_pem_are_wrapped_and_parse() {
    let key = SigningKey::first(Algorithm::Rs256);
    let pem = key.public_key_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMII"));
    assert!(pem.ends_with("\n-----END PUBLIC KEY-----\n"));
    assert!(pem.lines().all(|line| line.len() <= 64));
    assert!(!pem.contains("\n\n"));
    let pkcs1 = key.rsa_public_key_pem().unwrap();
    assert!(pkcs1.starts_with("-----BEGIN RSA PUBLIC KEY-----\nMII"));
    let der = key.rsa_public_key_der().unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der);
    assert!(public.verify(MESSAGE, &key.sign(MESSAGE)).is_ok());
    assert_eq!(SigningKey::first(Algorithm::Hs256).public_key_pem(), None);
    assert_eq!(
        SigningKey::first(Algorithm::Es256).rsa_public_key_pem(),
        None
    );
}

#[test]
fn a_key_must_fit_its_algorithm() {
    let refused = |result: Result<SigningKey, KeyError>| result.unwrap_err();
    let secret = SigningKey::from_secret(Algorithm::Hs256, b"").unwrap();
    assert_eq!(secret.kid(), None);
    assert_eq!(secret.sign(MESSAGE).len(), 32);
    assert_eq!(
        refused(SigningKey::from_secret(Algorithm::Rs256, b"secret")),
        KeyError::NotSymmetric
    );
    assert_eq!(
        refused(SigningKey::from_pkcs8(Algorithm::Hs256, b"secret")),
        KeyError::Symmetric
    );
    let rsa = include_bytes!("../keys/rsa-4096.der");
    assert!(SigningKey::from_pkcs8(Algorithm::Ps256, rsa).is_ok());
    assert_eq!(
        refused(SigningKey::from_pkcs8(Algorithm::Es256, rsa)),
        KeyError::Parse
    );
}

#[test]
fn debug_shows_no_key() {
    let key = SigningKey::first(Algorithm::Hs256).with_kid("k1");
    assert_eq!(
        format!("{key:?}"),
        r#"SigningKey { algorithm: Hs256, kid: Some("k1"), .. }"#
    );
}

#[test]
fn an_rsa_jwk_has_exactly_the_bits_asked_for() {
    for bits in [512, 1024, 2047, 2048, 2049, 4096, 8192, 8193] {
        let n = bytes(&rsa_jwk_with_bits(bits), "n");
        let zeros = usize::try_from(n[0].leading_zeros()).unwrap();
        assert_eq!(n.len() * 8 - zeros, bits);
        assert_eq!(n.last().unwrap() & 1, 1);
    }
}

#[test]
fn odd_jwks_are_odd_in_one_respect_only() {
    for odd in OddJwk::ALL {
        let jwk = odd.jwk();
        let kid = &jwk["kid"];
        let named = kid == odd.as_str();
        assert!(
            named || matches!(odd, OddJwk::KidNotText | OddJwk::NotAnObject),
            "{odd}"
        );
    }
}

#[test]
fn tokens_by_an_odd_jwk_would_verify() {
    for odd in OddJwk::ALL {
        let Some(key) = odd.signing_key() else {
            continue;
        };
        let mut jwk = odd.jwk();
        assert_eq!(key.kid(), Some(odd.as_str()));
        jwk["alg"] = key.algorithm().as_str().into();
        assert!(verifies(&key, &jwk, &key.sign(MESSAGE)), "{odd}");
    }
}
