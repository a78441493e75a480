//! JSON Web Algorithms: which are allowed, with which keys, and what signatures must be.

use std::collections::BTreeSet;
use std::str::FromStr;

use bearward_core::algorithm::Algorithm;
use bearward_core::jwk::{SecretError, VerificationKey};
use bearward_core::jwk_set::{Candidates, JwkSet};
use bearward_core::jws::UnverifiedJws;
use bearward_core::policy::{Policy, PolicyError};
use bearward_core::rejection::InvalidToken;
use bearward_testing::{SigningKey, Token};
use serde_json::json;

use crate::fixture::{
    decide, from_base64url, good, invalid, key, keys, keys_from, keys_of, policy, refused,
    refused_parts, settings, unparsed, with, without,
};

/// Every algorithm with a public key, so also what a default policy allows.
fn asymmetric() -> Vec<Algorithm> {
    let all = Algorithm::ALL.iter().copied();
    all.filter(|algorithm| !algorithm.is_symmetric()).collect()
}

const HMAC: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];

fn allowing(algorithms: &[Algorithm]) -> Policy {
    settings()
        .algorithms(algorithms.iter().copied())
        .build()
        .unwrap()
}

fn signed_with(key: &SigningKey) -> Token {
    good().key(key.clone())
}

fn verdict(token: &str, keys: &JwkSet) -> InvalidToken {
    invalid(decide(token, keys, &policy()))
}

/// The verdict on a good token with another signature, under the key that signed it.
fn with_signature(key: &SigningKey, change: impl FnOnce(&[u8]) -> Vec<u8>) -> InvalidToken {
    let mut parts = signed_with(key).parts();
    parts.signature = change(&parts.signature);
    verdict(&parts.encode(), &keys_of([key]))
}

#[test]
fn a_jws_01_every_algorithm_with_a_public_key_is_accepted() {
    for algorithm in asymmetric() {
        for key in [SigningKey::first(algorithm), SigningKey::second(algorithm)] {
            let token = signed_with(&key).sign();
            let header = UnverifiedJws::parse(token.as_bytes())
                .unwrap()
                .header()
                .clone();
            assert_eq!(header.algorithm(), algorithm);
            let keys = keys_of([&key]);
            let selected = keys.select(&header).unwrap();
            assert!(
                selected
                    .iter()
                    .map(VerificationKey::algorithm)
                    .eq([algorithm])
            );
            decide(&token, &keys, &policy()).unwrap();
            decide(&token, &keys, &allowing(&[algorithm])).unwrap();
        }
    }
    let key = SigningKey::rsa_4096();
    decide(&signed_with(&key).sign(), &keys_of([&key]), &policy()).unwrap();
}

#[test]
fn a_jws_01_hmac_with_a_static_secret_is_accepted() {
    for algorithm in HMAC {
        let key = SigningKey::first(algorithm);
        let secret = VerificationKey::secret(algorithm, key.secret().unwrap()).unwrap();
        assert_eq!(secret.algorithm(), algorithm);
        let keys = JwkSet::from_secrets([(key.kid().map(str::to_owned), secret)]);
        let token = signed_with(&key).sign();
        decide(&token, &keys, &allowing(&HMAC)).unwrap();
        decide(&token, &keys, &allowing(&[algorithm])).unwrap();
        let default = invalid(decide(&token, &keys, &policy()));
        assert_eq!(default, InvalidToken::AlgNotAllowed);
    }
}

#[test]
fn names_are_those_of_the_registry() {
    // The signature algorithms of the IANA registry "JSON Web Signature and Encryption Algorithms".
    let registered = [
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "ES256",
        "ES384",
        "ES512",
        "PS256",
        "PS384",
        "PS512",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "ES256K",
        "ML-DSA-44",
        "ML-DSA-65",
        "ML-DSA-87",
    ];
    let names: BTreeSet<&str> = Algorithm::NAMES.iter().copied().collect();
    assert_eq!(names.len(), Algorithm::ALL.len());
    for name in &names {
        assert!(registered.contains(name), "{name}");
    }
    for name in &registered[..14] {
        assert!(names.contains(name), "{name}");
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_str(algorithm.as_str()), Ok(*algorithm));
        assert_eq!(algorithm.to_string(), algorithm.as_str());
        assert_eq!(
            algorithm.is_symmetric(),
            algorithm.as_str().starts_with("HS")
        );
    }
    for name in ["", "none", "None", "rs256", "RS256 ", "ES521", "HS1"] {
        assert!(Algorithm::from_str(name).is_err(), "{name}");
    }
    assert_eq!(
        Algorithm::from_str("").unwrap_err().to_string(),
        "not the name of a supported signature algorithm"
    );
}

#[test]
fn t_jws_12_none_is_not_an_algorithm() {
    for alg in ["none", "None", "nOnE", "NONE", "none ", "", "null"] {
        let token = good().header("alg", alg);
        assert_eq!(refused(&token), InvalidToken::AlgNotAllowed, "{alg}");
        assert_eq!(
            refused(&token.clone().without_header("kid")),
            InvalidToken::AlgNotAllowed
        );
        let mut parts = token.parts();
        parts.signature.clear();
        assert_eq!(refused_parts(&parts), InvalidToken::AlgNotAllowed, "{alg}");
        // Refused by the header alone, before anybody is asked for a key.
        let unparsed = unparsed(parts.encode());
        assert_eq!(unparsed, InvalidToken::AlgNotAllowed, "{alg}");
    }
}

/// The public key in every form in which somebody has taken it for a secret.
fn public_key_as_text(key: &SigningKey) -> Vec<Vec<u8>> {
    let spki = key.public_key_pem().unwrap();
    let pkcs1 = key.rsa_public_key_pem().unwrap();
    let jwk = key.public_jwk();
    let [n, e] = ["n", "e"].map(|name| from_base64url(jwk[name].as_str().unwrap()));
    let ssh: Vec<u8> = [b"ssh-rsa".as_slice(), &e, &[&[0], n.as_slice()].concat()]
        .iter()
        .flat_map(|field| {
            let length = u32::try_from(field.len()).unwrap().to_be_bytes();
            [length.as_slice(), field].concat()
        })
        .collect();
    let ssh = base64_simd::STANDARD.encode_to_string(ssh);
    vec![
        spki.clone().into_bytes(),
        pkcs1.clone().into_bytes(),
        spki.trim_end().as_bytes().to_vec(),
        pkcs1.trim_end().as_bytes().to_vec(),
        format!(" \n{spki}").into_bytes(),
        format!("\u{feff}{spki}").into_bytes(),
        spki.replace('\n', "\r\n").into_bytes(),
        key.public_key_der().unwrap(),
        key.rsa_public_key_der().unwrap(),
        format!("ssh-rsa {ssh}").into_bytes(),
        format!("ssh-rsa {ssh} issuer@auth.example\n").into_bytes(),
        jwk["n"].as_str().unwrap().as_bytes().to_vec(),
        n,
        jwk.to_string().into_bytes(),
        Vec::new(),
    ]
}

#[test]
fn t_jws_13_a_public_key_is_not_an_hmac_secret() {
    for text in public_key_as_text(&key()) {
        for algorithm in HMAC {
            let forger = SigningKey::from_secret(algorithm, &text).unwrap();
            let token = good().key(forger.with_kid(key().kid().unwrap()));
            assert_eq!(refused(&token), InvalidToken::AlgNotAllowed);
            assert_eq!(
                refused(&token.clone().without_header("kid")),
                InvalidToken::AlgNotAllowed
            );
            // Even where HMAC is allowed, a set of public keys has no secret.
            let decided = decide(&token.sign(), &keys(), &allowing(&HMAC));
            assert_eq!(invalid(decided), InvalidToken::AlgKeyMismatch);
        }
    }
}

#[test]
fn t_jws_13_hmac_is_never_allowed_beside_public_keys() {
    for hmac in HMAC {
        for public in asymmetric() {
            for mixed in [[hmac, public], [public, hmac]] {
                let built = settings().algorithms(mixed).build();
                assert_eq!(built.unwrap_err(), PolicyError::AlgorithmsMixed);
            }
        }
    }
    assert_eq!(
        PolicyError::AlgorithmsMixed.to_string(),
        "algorithms_mixed: HS256, HS384 and HS512 cannot be allowed together with others"
    );
}

#[test]
fn t_jws_14_the_header_does_not_choose_the_family() {
    let jwk = without(key().public_jwk(), "alg");
    let keys = keys_from([jwk]);
    for algorithm in HMAC {
        for secret in [b"".as_slice(), &[0; 32], &[0; 64]] {
            let forger = SigningKey::from_secret(algorithm, secret).unwrap();
            let token = good().key(forger.with_kid(key().kid().unwrap())).sign();
            assert_eq!(verdict(&token, &keys), InvalidToken::AlgNotAllowed);
            let decided = decide(&token, &keys, &allowing(&HMAC));
            assert_eq!(invalid(decided), InvalidToken::AlgKeyMismatch);
        }
    }
    // Nor among public keys.
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let forger = SigningKey::first(algorithm).with_kid(key().kid().unwrap());
        let token = good().key(forger).sign();
        assert_eq!(verdict(&token, &keys), InvalidToken::AlgKeyMismatch);
    }
}

/// Whoever looks a key up by other means than [`JwkSet::select`] is not let off the comparison.
#[test]
fn t_jws_15_a_key_of_another_algorithm_verifies_nothing() {
    let keys: Vec<_> = asymmetric()
        .into_iter()
        .map(|algorithm| {
            let key = SigningKey::first(algorithm);
            let token = good().key(key.clone()).sign();
            let set = keys_of([&key]);
            let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
            let key = set.select(jws.header()).unwrap();
            (token, key)
        })
        .collect();
    for (token, own) in &keys {
        for (_, key) in &keys {
            let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
            let verified = jws.verify(key);
            let algorithm = |keys: &Candidates| keys.iter().next().unwrap().algorithm();
            if algorithm(key) == algorithm(own) {
                verified.unwrap();
            } else {
                assert_eq!(verified.unwrap_err(), InvalidToken::AlgKeyMismatch);
            }
        }
    }
}

#[test]
fn t_jws_15_alg_of_the_key_binds() {
    let kid = key().kid().unwrap().to_owned();
    for algorithm in [
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ] {
        // The same RSA key: the signature is good, the algorithm is not the JWK's.
        let signer = SigningKey::first(algorithm).with_kid(&*kid);
        let token = good().key(signer).sign();
        assert_eq!(verdict(&token, &keys()), InvalidToken::AlgKeyMismatch);
        let unbound = keys_from([without(key().public_jwk(), "alg")]);
        decide(&token, &unbound, &policy()).unwrap();
    }
}

/// RFC 9864 §2.2: `EdDSA` on Ed25519 and `Ed25519` are one algorithm under two names.
#[test]
fn eddsa_and_ed25519_are_one_algorithm() {
    let eddsa = SigningKey::first(Algorithm::EdDsa);
    let ed25519 = SigningKey::first(Algorithm::Ed25519).with_kid(eddsa.kid().unwrap());
    for token in [&eddsa, &ed25519] {
        let token = good().key(token.clone()).sign();
        for jwk in [
            eddsa.public_jwk(),
            ed25519.public_jwk(),
            without(eddsa.public_jwk(), "alg"),
        ] {
            let keys = keys_from([jwk]);
            decide(&token, &keys, &policy()).unwrap();
            for name in [Algorithm::EdDsa, Algorithm::Ed25519] {
                decide(&token, &keys, &allowing(&[name])).unwrap();
            }
            let refused = invalid(decide(&token, &keys, &allowing(&[Algorithm::Es256])));
            assert_eq!(refused, InvalidToken::AlgNotAllowed);
        }
    }
}

#[test]
fn t_jws_15_the_allow_list_binds() {
    let unbound = keys_from([without(key().public_jwk(), "alg")]);
    let only_rs256 = allowing(&[Algorithm::Rs256]);
    for algorithm in [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256] {
        let signer = SigningKey::first(algorithm).with_kid(key().kid().unwrap());
        let token = good().key(signer).sign();
        decide(&token, &unbound, &policy()).unwrap();
        let refused = invalid(decide(&token, &unbound, &only_rs256));
        assert_eq!(refused, InvalidToken::AlgNotAllowed, "{algorithm}");
    }
    decide(&good().sign(), &unbound, &only_rs256).unwrap();
}

#[test]
fn t_jws_15_es521_is_a_name_of_nothing() {
    let key = SigningKey::first(Algorithm::Es512);
    let token = good().key(key.clone());
    let named = token.clone().header("alg", "ES521").sign();
    assert_eq!(
        verdict(&named, &keys_of([&key])),
        InvalidToken::AlgNotAllowed
    );
    let misspelt = with(key.public_jwk(), "alg", "ES521");
    let keys = keys_from([misspelt, key_beside()]);
    assert_eq!(verdict(&token.sign(), &keys), InvalidToken::KidUnknown);
    assert_eq!(verdict(&named, &keys), InvalidToken::AlgNotAllowed);
}

/// Another usable key, so that a set is not empty.
fn key_beside() -> serde_json::Value {
    SigningKey::second(Algorithm::Es384).public_jwk()
}

#[test]
fn t_jws_17_the_curve_is_the_algorithms() {
    let curves = [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512];
    for of_key in curves {
        for named in curves.into_iter().filter(|named| *named != of_key) {
            let key = SigningKey::first(of_key);
            // By kid, signed with the right curve's key; and by the real signer.
            let by_kid = SigningKey::first(named).with_kid(key.kid().unwrap());
            let by_kid = good().key(by_kid).sign();
            let by_signer = good().key(key.clone()).algorithm(named).sign();
            for keys in [
                keys_of([&key]),
                keys_from([without(key.public_jwk(), "alg")]),
            ] {
                assert_eq!(verdict(&by_kid, &keys), InvalidToken::AlgKeyMismatch);
                assert_eq!(verdict(&by_signer, &keys), InvalidToken::AlgKeyMismatch);
            }
        }
    }
}

/// The order of P-256 (FIPS 186-5, SP 800-186).
const P256_ORDER: &str = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

/// The order of P-521.
const P521_ORDER: &str = concat!(
    "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
    "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
);

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}

/// a + b of the same length, big-endian, without the last carry.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = u16::from(*a) + u16::from(*b) + carry;
            carry = digit >> 8;
            digit.to_be_bytes()[1]
        })
        .collect();
    sum.reverse();
    sum
}

/// a - b of the same length, big-endian; a must not be the smaller.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|byte| !byte).collect();
    let mut one = vec![0; b.len()];
    *one.last_mut().unwrap() = 1;
    sum(&sum(a, &complement), &one)
}

/// What becomes of the two halves of a signature.
type Change<'c> = &'c dyn Fn(&[u8], &[u8]) -> Vec<u8>;

fn halves(signature: &[u8]) -> (&[u8], &[u8]) {
    signature.split_at(signature.len() / 2)
}

#[test]
fn t_jws_18_ecdsa_numbers_out_of_range_are_refused() {
    let zero = vec![0; 32];
    let order = bytes_of(P256_ORDER);
    let one = [vec![0; 31], vec![1]].concat();
    let most = vec![0xFF; 32];
    let key = SigningKey::first(Algorithm::Es256);
    let refused = |change: Change<'_>| {
        let reason = with_signature(&key, |signature| {
            let (r, s) = halves(signature);
            change(r, s)
        });
        assert_eq!(reason, InvalidToken::SignatureInvalid);
    };
    refused(&|_, s| [&zero, s].concat());
    refused(&|r, _| [r, &zero].concat());
    refused(&|_, _| [&*zero, &*zero].concat());
    refused(&|_, s| [&order, s].concat());
    refused(&|r, _| [r, &order].concat());
    refused(&|_, _| [&*order, &*order].concat());
    refused(&|_, s| [&*sum(&order, &one), s].concat());
    refused(&|r, _| [r, &*sum(&order, &one)].concat());
    refused(&|_, s| [&most, s].concat());
    refused(&|r, _| [r, &most].concat());
    refused(&|_, _| [&*one, &*one].concat());
    refused(&|r, s| [s, r].concat());
}

#[test]
fn t_jws_18_ecdsa_numbers_plus_the_order_are_refused() {
    // On P-521 a number plus the order still fits into the field's 66 bytes.
    let order = bytes_of(P521_ORDER);
    assert_eq!(order.len(), 66);
    let key = SigningKey::first(Algorithm::Es512);
    let reason = with_signature(&key, |signature| {
        let (r, s) = halves(signature);
        [&*sum(r, &order), s].concat()
    });
    assert_eq!(reason, InvalidToken::SignatureInvalid);
    let reason = with_signature(&key, |signature| {
        let (r, s) = halves(signature);
        [r, &*sum(s, &order)].concat()
    });
    assert_eq!(reason, InvalidToken::SignatureInvalid);
}

#[test]
fn a_jws_05_high_s_is_accepted() {
    for (algorithm, order) in [
        (Algorithm::Es256, P256_ORDER),
        (Algorithm::Es512, P521_ORDER),
    ] {
        let key = SigningKey::first(algorithm);
        let mut parts = signed_with(&key).parts();
        let (r, s) = halves(&parts.signature);
        let mirrored = [r, &*difference(&bytes_of(order), s)].concat();
        assert_ne!(mirrored, parts.signature);
        parts.signature = mirrored;
        decide(&parts.encode(), &keys_of([&key]), &policy()).unwrap();
    }
}

/// The two numbers as a DER sequence, as OpenSSL and Java write ECDSA signatures.
fn der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = halves(signature);
    let integer = |number: &[u8]| {
        let number = [&[0], number].concat();
        [&[0x02, u8::try_from(number.len()).unwrap()], &*number].concat()
    };
    let content = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], &*content].concat()
}

#[test]
fn t_jws_19_ecdsa_signatures_have_one_length() {
    for (algorithm, length) in [
        (Algorithm::Es256, 64),
        (Algorithm::Es384, 96),
        (Algorithm::Es512, 132),
    ] {
        let key = SigningKey::first(algorithm);
        let refused = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
            let reason = with_signature(&key, |signature| {
                assert_eq!(signature.len(), length);
                change(signature)
            });
            assert_eq!(reason, InvalidToken::SignatureLength, "{algorithm}");
        };
        refused(&|_| Vec::new());
        refused(&|signature| signature[1..].to_vec());
        refused(&|signature| signature[..length - 1].to_vec());
        refused(&|signature| signature[..length / 2].to_vec());
        refused(&|signature| [signature, &[0]].concat());
        refused(&|signature| [&[0], signature].concat());
        refused(&|signature| [signature, &[0, 0]].concat());
        refused(&|signature| {
            let (r, s) = halves(signature);
            [&[0], r, &[0], s].concat()
        });
        refused(&|signature| [signature, signature].concat());
        refused(&|_| vec![1; 10_000]);
    }
    let key = SigningKey::first(Algorithm::Es256);
    assert_eq!(with_signature(&key, der), InvalidToken::SignatureLength);
}

#[test]
fn t_jws_19_a_signature_of_21800_characters_is_refused() {
    // No token that long comes so far as to have a signature.
    let key = SigningKey::first(Algorithm::Es256);
    let reason = with_signature(&key, |_| vec![1; 21_800 * 3 / 4]);
    assert_eq!(reason, InvalidToken::TokenTooLarge);
}

#[test]
fn t_jws_20_rsa_signatures_have_the_length_of_the_modulus() {
    for key in [
        SigningKey::first(Algorithm::Rs256),
        SigningKey::first(Algorithm::Ps256),
        SigningKey::rsa_4096(),
    ] {
        let refused = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
            assert_eq!(with_signature(&key, change), InvalidToken::SignatureLength);
        };
        refused(&|_| Vec::new());
        refused(&|signature| signature[..signature.len() - 1].to_vec());
        refused(&|signature| signature[1..].to_vec());
        refused(&|signature| [&[0], signature].concat());
        refused(&|signature| [signature, &[0]].concat());
        refused(&|_| vec![1; 64]);
        refused(&|signature| [signature, signature].concat());
    }
}

#[test]
fn t_jws_20_rsa_signatures_made_without_the_key_are_refused() {
    let modulus = from_base64url(key().public_jwk()["n"].as_str().unwrap());
    let one = [vec![0; 255], vec![1]].concat();
    let padding = [vec![0, 1], vec![0xFF; 202], vec![0]].concat();
    for forged in [
        vec![0; 256],
        one.clone(),
        difference(&modulus, &one),
        modulus.clone(),
        vec![0xFF; 256],
        // The padding itself, which is its own signature under the exponent 1.
        [padding, vec![0; 51]].concat(),
    ] {
        let reason = with_signature(&key(), |_| forged);
        assert_eq!(reason, InvalidToken::SignatureInvalid);
    }
}

#[test]
fn t_jws_20_no_key_has_a_small_exponent() {
    for (exponent, kid) in [("AQ", "e1"), ("Aw", "e3"), ("EQ", "e17"), ("AQE", "e257")] {
        let jwk = with(with(key().public_jwk(), "e", exponent), "kid", kid);
        let keys = keys_from([jwk, key_beside()]);
        let token = good().header("kid", kid).sign();
        assert_eq!(verdict(&token, &keys), InvalidToken::KidUnknown, "{kid}");
    }
}

/// The order of Ed25519's base point, little-endian ([RFC 8032 §5.1]).
///
/// [RFC 8032 §5.1]: https://www.rfc-editor.org/rfc/rfc8032#section-5.1
const ED25519_ORDER: &str = "EDD3F55C1A631258D69CF7A2DEF9DE1400000000000000000000000000000010";

#[test]
fn t_jws_21_eddsa_numbers_out_of_range_are_refused() {
    let key = SigningKey::first(Algorithm::EdDsa);
    let big_endian = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let order = big_endian(&bytes_of(ED25519_ORDER));
    let plus_order = with_signature(&key, |signature| {
        let (r, s) = halves(signature);
        [r, &*big_endian(&sum(&big_endian(s), &order))].concat()
    });
    assert_eq!(plus_order, InvalidToken::SignatureInvalid);
    for s in [[0; 32], [0xFF; 32]] {
        let reason = with_signature(&key, |signature| [halves(signature).0, &s].concat());
        assert_eq!(reason, InvalidToken::SignatureInvalid);
    }
}

#[test]
fn t_jws_21_eddsa_points_of_small_order_or_other_spelling_are_refused() {
    let key = SigningKey::first(Algorithm::Ed25519);
    let identity = [vec![1], vec![0; 31]].concat();
    let order_two = [vec![0xEC], vec![0xFF; 30], vec![0x7F]].concat();
    let order_four = vec![0; 32];
    let not_reduced = [vec![0xEE], vec![0xFF; 30], vec![0x7F]].concat();
    let identity_with_sign = [vec![1], vec![0; 30], vec![0x80]].concat();
    for point in [
        identity,
        order_two,
        order_four,
        not_reduced,
        identity_with_sign,
    ] {
        let reason = with_signature(&key, |signature| [&point, halves(signature).1].concat());
        assert_eq!(reason, InvalidToken::SignatureInvalid);
        let reason = with_signature(&key, |_| [&*point, &[0; 32]].concat());
        assert_eq!(reason, InvalidToken::SignatureInvalid);
    }
}

#[test]
fn t_jws_21_eddsa_signatures_have_64_bytes() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519] {
        let key = SigningKey::first(algorithm);
        for length in [0, 1, 32, 63, 65, 114, 128] {
            let reason = with_signature(&key, |signature| {
                signature.iter().copied().cycle().take(length).collect()
            });
            assert_eq!(reason, InvalidToken::SignatureLength, "{length}");
        }
    }
}

#[test]
fn t_jws_22_a_flipped_bit_is_noticed() {
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ] {
        let key = SigningKey::first(algorithm);
        let length = signed_with(&key).parts().signature.len();
        for at in (0..length).step_by(7).chain([length - 1]) {
            let reason = with_signature(&key, |signature| {
                let mut flipped = signature.to_vec();
                flipped[at] ^= 1;
                flipped
            });
            assert_eq!(reason, InvalidToken::SignatureInvalid, "{algorithm} {at}");
        }
    }
}

#[test]
fn t_jws_22_a_payload_of_another_token_is_noticed() {
    let mut parts = good().parts();
    parts.payload_b64 = good().claim("sub", "admin").parts().payload_b64;
    assert_eq!(refused_parts(&parts), InvalidToken::SignatureInvalid);
    let mut parts = good().parts();
    parts.header_b64 = good().header("x", 1).parts().header_b64;
    assert_eq!(refused_parts(&parts), InvalidToken::SignatureInvalid);
    let mut parts = good().parts();
    parts.signature = good().claim("sub", "admin").parts().signature;
    assert_eq!(refused_parts(&parts), InvalidToken::SignatureInvalid);
}

#[test]
fn t_jws_22_the_right_kid_with_another_key_is_noticed() {
    for algorithm in asymmetric() {
        let ours = SigningKey::first(algorithm);
        let forger = SigningKey::second(algorithm).with_kid(ours.kid().unwrap());
        let token = good().key(forger).sign();
        assert_eq!(
            verdict(&token, &keys_of([&ours])),
            InvalidToken::SignatureInvalid
        );
    }
}

/// That the comparison takes constant time is the primitive's promise; here it compares all bytes.
#[test]
fn t_jws_23_every_byte_of_an_hmac_counts() {
    for (algorithm, length) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        let key = SigningKey::first(algorithm);
        let secret = VerificationKey::secret(algorithm, key.secret().unwrap()).unwrap();
        let keys = JwkSet::from_secrets([(None, secret)]);
        let decide_on = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut parts = signed_with(&key).parts();
            assert_eq!(parts.signature.len(), length);
            change(&mut parts.signature);
            invalid(decide(&parts.encode(), &keys, &allowing(&HMAC)))
        };
        for at in 0..length {
            let reason = decide_on(&|signature| signature[at] ^= 0x80);
            assert_eq!(reason, InvalidToken::SignatureInvalid);
        }
        let all_zero = decide_on(&|signature| signature.fill(0));
        assert_eq!(all_zero, InvalidToken::SignatureInvalid);
        for changed in [
            decide_on(&Vec::clear),
            decide_on(&|signature| signature.truncate(length - 1)),
            decide_on(&|signature| signature.truncate(16)),
            decide_on(&|signature| signature.push(0)),
        ] {
            assert_eq!(changed, InvalidToken::SignatureLength);
        }
        let other = SigningKey::second(algorithm);
        let token = signed_with(&other).sign();
        let reason = invalid(decide(&token, &keys, &allowing(&HMAC)));
        assert_eq!(reason, InvalidToken::SignatureInvalid);
    }
}

#[test]
fn t_key_21_a_secret_is_no_shorter_than_its_hash() {
    for (algorithm, length) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        for weak in [0, 1, 16, length - 1] {
            let secret = VerificationKey::secret(algorithm, &vec![7; weak]);
            assert_eq!(secret.unwrap_err(), SecretError::Weak, "{algorithm} {weak}");
        }
        for good in [length, length + 1, 200] {
            let secret = VerificationKey::secret(algorithm, &vec![7; good]).unwrap();
            assert_eq!(secret.algorithm(), algorithm);
        }
    }
    for algorithm in asymmetric() {
        let secret = VerificationKey::secret(algorithm, &[7; 64]);
        assert_eq!(secret.unwrap_err(), SecretError::NotSymmetric);
    }
}

#[test]
fn t_key_22_one_secret_for_one_kid() {
    let keys = [
        SigningKey::first(Algorithm::Hs256),
        SigningKey::second(Algorithm::Hs256),
    ];
    let [first, second] = &keys;
    let secrets = keys.each_ref().map(|key| {
        let secret = VerificationKey::secret(Algorithm::Hs256, key.secret().unwrap()).unwrap();
        (key.kid().map(str::to_owned), secret)
    });
    let set = JwkSet::from_secrets(secrets);
    let allowed = allowing(&[Algorithm::Hs256]);
    for key in &keys {
        decide(&signed_with(key).sign(), &set, &allowed).unwrap();
    }
    let swapped = first.clone().with_kid(second.kid().unwrap());
    let reason = |token: Token| invalid(decide(&token.sign(), &set, &allowed));
    assert_eq!(
        reason(signed_with(&swapped)),
        InvalidToken::SignatureInvalid
    );
    assert_eq!(
        reason(signed_with(first).without_header("kid")),
        InvalidToken::KidMissing
    );
    assert_eq!(
        reason(signed_with(first).header("kid", "tenant-of-the-payload")),
        InvalidToken::KidUnknown
    );
    assert_eq!(
        reason(signed_with(&first.clone().with_kid("x")).header("kid", json!(["x"]))),
        InvalidToken::KidInvalid
    );
}

#[test]
fn the_default_is_every_algorithm_with_a_public_key() {
    assert_eq!(policy().algorithms(), asymmetric());
    let chosen = allowing(&[Algorithm::Es256, Algorithm::Rs256]);
    assert_eq!(chosen.algorithms(), [Algorithm::Es256, Algorithm::Rs256]);
    assert_eq!(allowing(&HMAC).algorithms(), HMAC);
    let none = settings().algorithms([]).build().unwrap_err();
    assert_eq!(none, PolicyError::AlgorithmsMissing);
    assert_eq!(
        none.to_string(),
        "algorithms_missing: no algorithm is allowed, so no token could be accepted"
    );
}
