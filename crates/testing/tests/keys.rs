//! Fixed keys against aws-lc: what they sign verifies under the JWK they show.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ML_DSA_44,
    ML_DSA_65, ML_DSA_87, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use bearward_testing::keys::{KeyError, OddJwk, jwk_set, rsa_jwk_with_bits};
use bearward_testing::{Algorithm, SigningKey};
use serde_json::{Value, json};

const MESSAGE: &[u8] = b"header.payload";

fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
    let text = jwk[name].as_str().unwrap();
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

fn rsa_parameters(alg: &str) -> Option<&'static RsaParameters> {
    Some(match alg {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// The algorithm of aws-lc and the public key in the form it takes.
fn unparsed(jwk: &Value) -> (&'static dyn VerificationAlgorithm, Vec<u8>) {
    let point = || [vec![4], bytes(jwk, "x"), bytes(jwk, "y")].concat();
    match jwk["alg"].as_str().unwrap() {
        "ES256" => (&ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => (&ECDSA_P384_SHA384_FIXED, point()),
        "ES512" => (&ECDSA_P521_SHA512_FIXED, point()),
        "EdDSA" | "Ed25519" => (&ED25519, bytes(jwk, "x")),
        "ML-DSA-44" => (&ML_DSA_44, bytes(jwk, "pub")),
        "ML-DSA-65" => (&ML_DSA_65, bytes(jwk, "pub")),
        "ML-DSA-87" => (&ML_DSA_87, bytes(jwk, "pub")),
        alg => panic!("{alg} is not verified here"),
    }
}

fn verifies(key: &SigningKey, jwk: &Value, signature: &[u8]) -> bool {
    let alg = jwk["alg"].as_str().unwrap();
    if let Some(secret) = key.secret() {
        let hash = match alg {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            _ => hmac::HMAC_SHA512,
        };
        return hmac::verify(&hmac::Key::new(hash, secret), MESSAGE, signature).is_ok();
    }
    if let Some(parameters) = rsa_parameters(alg) {
        let public = RsaPublicKeyComponents {
            n: bytes(jwk, "n"),
            e: bytes(jwk, "e"),
        };
        return public.verify(parameters, MESSAGE, signature).is_ok();
    }
    let (algorithm, public) = unparsed(jwk);
    UnparsedPublicKey::new(algorithm, public)
        .verify(MESSAGE, signature)
        .is_ok()
}

#[test]
fn what_a_fixed_key_signs_verifies_under_its_jwk_and_no_other() {
    for algorithm in Algorithm::ALL {
        let first = SigningKey::first(*algorithm);
        let second = SigningKey::second(*algorithm);
        let signature = first.sign(MESSAGE);
        assert!(
            verifies(&first, &first.public_jwk(), &signature),
            "{algorithm}"
        );
        assert!(
            !verifies(&second, &second.public_jwk(), &signature),
            "{algorithm}"
        );
    }
}

#[test]
fn what_a_generated_key_signs_verifies_under_its_jwk() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap();
        let signature = key.sign(MESSAGE);
        assert!(verifies(&key, &key.public_jwk(), &signature), "{algorithm}");
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
