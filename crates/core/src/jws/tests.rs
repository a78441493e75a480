//! Signatures that others made over payloads of any kind: Wycheproof, RFC 7515, RFC 7520, RFC 8037,
//! ML-DSA.
//!
//! Each vector runs through the same code as a token: shape, base64url, header members, key
//! selection, signature. Only the claims are left out, because these payloads are not claims sets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Header, Parts, decode, utf8};
use crate::json::Tape;
use crate::jwk::VerificationKey;
use crate::jwk_set::{Candidates, JwkSet, JwkSetError};
use crate::rejection::InvalidToken;
use crate::{Algorithm, base64url, vector_files};

/// The vectors of Wycheproof's `json_web_signature` that we decide differently, and why.
const WYCHEPROOF_DEVIATIONS: [(u64, InvalidToken, &str); 6] = [
    (346, InvalidToken::AlgKeyMismatch, ALG_BINDS),
    (347, InvalidToken::KidUnknown, ALG_UNKNOWN),
    (350, InvalidToken::AlgKeyMismatch, ALG_BINDS),
    (351, InvalidToken::KidUnknown, ALG_UNKNOWN),
    (372, InvalidToken::Base64NotCanonical, ONE_SPELLING),
    (373, InvalidToken::Base64NotCanonical, ONE_SPELLING),
];

/// Two more that no verifier can decide according to their label: they are labelled invalid, but
/// equal vector 357, which is valid, byte for byte. The padding that their comments mention is
/// missing.
const WYCHEPROOF_CONTRADICTIONS: [u64; 2] = [367, 370];

const ALG_BINDS: &str = "the JWK says PS256, the JWS is PS384: a key with alg is for that alone";
const ALG_UNKNOWN: &str = "the JWK says ES521, which is no algorithm: the key is not used";
const ONE_SPELLING: &str = "a character outside the alphabet of base64url is not ignored";

/// Everything that [`super::UnverifiedJws::parse`] and [`super::UnverifiedJws::verify`] do, except
/// for the claims.
fn verdict(token: &str, keys: &JwkSet) -> Result<(), InvalidToken> {
    let parts = split(token)?;
    let mut is_padded = false;
    let mut decode = |part| decode(part, &mut is_padded);
    let header = decode(parts.header)?;
    decode(parts.payload)?;
    let signature = decode(parts.signature)?;
    // As every policy refuses it except that of a load balancer.
    if is_padded {
        return Err(InvalidToken::Base64NotCanonical);
    }
    let text = utf8(&header)?;
    let header = Header::parse(Tape::default().parse(text)?.root(text))?;
    only(&keys.select(&header)?).verify(parts.signing_input, &signature)
}

/// The parts of a token, even if the payload is empty: a claims set never is, but other data may
/// be.
fn split(token: &str) -> Result<Parts<'_>, InvalidToken> {
    match Parts::split(token.as_bytes()) {
        Err(InvalidToken::NotCompactJws) => {}
        parts => return parts,
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, "", signature] = *parts else {
        return Err(InvalidToken::NotCompactJws);
    };
    if header.is_empty() {
        return Err(InvalidToken::NotCompactJws);
    }
    Ok(Parts {
        signing_input: token.rsplit_once('.').unwrap().0.as_bytes(),
        header: header.as_bytes(),
        payload: b"",
        signature: signature.as_bytes(),
    })
}

/// The keys of a JWK Set as a resource server gets them: public ones fetched, secrets configured.
/// Never both.
fn keys(jwks: &Value) -> JwkSet {
    let jwks = jwks.as_array().unwrap();
    if jwks.iter().all(|jwk| jwk["kty"] == "oct") {
        return JwkSet::from_secrets(jwks.iter().filter_map(secret));
    }
    let document = json!({ "keys": jwks }).to_string();
    match JwkSet::parse(document.as_bytes()) {
        // A set without usable keys verifies nothing; we replace it with a key that nobody has.
        Err(JwkSetError::NoUsableKey(_)) => JwkSet::from_secrets([(
            Some("no usable key".to_owned()),
            VerificationKey::secret(Algorithm::Hs512, &[0; 64]).unwrap(),
        )]),
        keys => keys.unwrap(),
    }
}

fn secret(jwk: &Value) -> Option<(Option<String>, VerificationKey)> {
    let algorithm: Algorithm = jwk["alg"].as_str().unwrap().parse().ok()?;
    // A secret is configured as bytes, so its spelling does not matter: one of these has unused
    // bits that are not zero.
    let text = jwk["k"]
        .as_str()
        .unwrap()
        .replace('-', "+")
        .replace('_', "/");
    let secret = base64_simd::forgiving_decode_to_vec(text.as_bytes()).unwrap();
    let key = VerificationKey::secret(algorithm, &secret).ok()?;
    Some((jwk["kid"].as_str().map(str::to_owned), key))
}

/// Each case of a Wycheproof file: its number, whether it is valid, and our verdict.
fn wycheproof(
    file: &Value,
    keys_of: impl Fn(&Value) -> Value,
) -> Vec<(u64, bool, Result<(), InvalidToken>)> {
    let mut cases = Vec::new();
    for group in file["testGroups"].as_array().unwrap() {
        let keys = keys(&keys_of(group));
        for test in group["tests"].as_array().unwrap() {
            let decided = verdict(&in_compact(&test["jws"]), &keys);
            let id = test["tcId"].as_u64().unwrap();
            cases.push((id, test["result"] == "valid", decided));
        }
    }
    assert_eq!(file["numberOfTests"], cases.len());
    cases
}

/// A token. Some use the JSON serialisation; we pass those on as text.
fn in_compact(token: &Value) -> String {
    let text = token.as_str().map(str::to_owned);
    text.unwrap_or_else(|| token.to_string())
}

/// The public key if there is one, otherwise the secret.
fn one_of(group: &Value) -> &Value {
    group.get("public").unwrap_or_else(|| &group["private"])
}

#[test]
fn a_jws_07_wycheproof_signatures() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("wycheproof/json_web_signature_test.json"));
    let cases = wycheproof(&file, |group| json!([one_of(group)]));
    let otherwise: BTreeMap<u64, Result<(), InvalidToken>> = cases
        .iter()
        .filter(|(id, ..)| !WYCHEPROOF_CONTRADICTIONS.contains(id))
        .filter(|(_, valid, decided)| *valid != decided.is_ok())
        .map(|(id, _, decided)| (*id, *decided))
        .collect();
    let expected = WYCHEPROOF_DEVIATIONS
        .into_iter()
        .map(|(id, reason, _)| (id, Err(reason)))
        .collect();
    assert_eq!(otherwise, expected);
    let decidable = cases.len() - WYCHEPROOF_CONTRADICTIONS.len();
    assert_eq!(
        (decidable - otherwise.len(), decidable, cases.len()),
        (393, 399, 401)
    );
}

#[test]
fn contradictions_of_wycheproof() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("wycheproof/json_web_signature_test.json"));
    let groups = file["testGroups"].as_array().unwrap();
    let tests: Vec<&Value> = groups
        .iter()
        .flat_map(|group| group["tests"].as_array().unwrap())
        .collect();
    let by_id = |id: u64| *tests.iter().find(|test| test["tcId"] == id).unwrap();
    assert_eq!(by_id(357)["result"], "valid");
    for id in WYCHEPROOF_CONTRADICTIONS {
        assert_eq!(by_id(id)["result"], "invalid");
        assert_eq!(by_id(id)["jws"], by_id(357)["jws"]);
    }
}

#[test]
fn wycheproof_key_sets() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("wycheproof/json_web_key_test.json"));
    let cases = wycheproof(&file, |group| one_of(group)["keys"].clone());
    for (id, valid, decided) in &cases {
        assert_eq!(*valid, decided.is_ok(), "tcId {id}: {decided:?}");
    }
    assert_eq!(cases.len(), 26);
    let reason = |wanted| {
        let found = cases.iter().find(|(id, ..)| *id == wanted);
        found.unwrap().2
    };
    assert_eq!(reason(3), Err(InvalidToken::SignatureInvalid));
    assert_eq!(reason(4), Err(InvalidToken::KidAmbiguous));
    // Wrong use, ROCA, too small, exponent 1; algorithm, use, point, curve and type.
    for id in (6..=9).chain(19..=24) {
        assert_eq!(reason(id), Err(InvalidToken::KidUnknown), "tcId {id}");
    }
}

/// Its signatures, and its JWEs, which are not signatures.
#[test]
fn t_jws_05_wycheproof_crypto() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let mut file = vector_files::json(folder.join("wycheproof/json_web_crypto_test.json"));
    let is_jwe = |group: &Value| group["comment"].as_str().unwrap().starts_with("jwe_");
    let groups = file["testGroups"].as_array_mut().unwrap();
    let jwe: Vec<Value> = groups.extract_if(.., |group| is_jwe(group)).collect();
    let jwe: Vec<&Value> = jwe
        .iter()
        .flat_map(|group| group["tests"].as_array().unwrap())
        .collect();
    for test in &jwe {
        let token = in_compact(&test["jwe"]);
        let refused = split(&token).map(|_| ());
        // Some do not have the parts of a JWE either.
        let reasons = [InvalidToken::JweNotSupported, InvalidToken::NotCompactJws];
        let is_one = refused.is_err_and(|reason| reasons.contains(&reason));
        assert!(is_one, "{}", test["tcId"]);
    }
    file["numberOfTests"] = 49.into();
    let cases = wycheproof(&file, |group| {
        let one = one_of(group);
        one.get("keys").cloned().unwrap_or_else(|| json!([one]))
    });
    let otherwise: Vec<_> = cases
        .iter()
        .filter(|(_, valid, decided)| *valid != decided.is_ok())
        .collect();
    assert_eq!((jwe.len(), cases.len(), otherwise), (34, 49, vec![]));
}

#[test]
fn t_key_15_the_roca_key_of_wycheproof_is_weak() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("wycheproof/json_web_key_test.json"));
    for (comment, code) in [
        ("jws_rsa_roca_key", "jwk_weak"),
        ("keysize_too_small", "jwk_weak"),
        ("exponentOne", "jwk_weak"),
        ("wrong_algorithm", "jwk_unusable"),
        ("invalid_point", "jwk_unusable"),
        ("wrong_curve", "jwk_unusable"),
        ("wrong_kty", "jwk_unusable"),
    ] {
        let groups = file["testGroups"].as_array().unwrap();
        let group = groups.iter().find(|group| group["comment"] == comment);
        let odd = group.unwrap()["public"]["keys"][0].clone();
        let document = json!({ "keys": [odd, good_key()] }).to_string();
        let keys = JwkSet::parse(document.as_bytes()).unwrap();
        let codes: Vec<&str> = keys
            .unusable()
            .iter()
            .map(|key| key.reason.code())
            .collect();
        assert_eq!(codes, [code], "{comment}");
    }
}

/// The key of RFC 8037, appendix A.
fn good_key() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// The public half of a private JWK; a secret as it is, with the algorithm it is used with.
fn public(mut jwk: Value, alg: &str) -> Value {
    let members = jwk.as_object_mut().unwrap();
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"] {
        members.remove(private);
    }
    members.insert("alg".to_owned(), alg.into());
    jwk
}

/// Asserts that the token verifies with the key, but not if one bit of the signature changes.
#[track_caller]
fn verifies(token: &str, jwk: &Value) {
    let keys = keys(&json!([jwk]));
    assert_eq!(verdict(token, &keys), Ok(()));
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature.as_bytes()).unwrap();
    signature[0] ^= 1;
    let signature = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&signature);
    let spoilt = format!("{signing_input}.{signature}");
    assert_eq!(verdict(&spoilt, &keys), Err(InvalidToken::SignatureInvalid));
}

#[test]
fn signatures_of_rfc_7515_and_rfc_7520() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    for (name, alg) in [
        ("rfc7515_A.1", "HS256"),
        ("rfc7515_A.2", "RS256"),
        ("rfc7515_A.3", "ES256"),
        ("rfc7515_A.4", "ES512"),
        ("rfc7520_4.1", "RS256"),
        ("rfc7520_4.2", "PS384"),
        ("rfc7520_4.3", "ES512"),
        ("rfc7520_4.4", "HS256"),
    ] {
        let token = vector_files::text(folder.join(format!("rfc/{name}.jwsc")));
        let jwk = vector_files::json(folder.join(format!("rfc/{name}.jwk")));
        verifies(token.trim_end(), &public(jwk, alg));
    }
}

#[test]
fn the_cookbook_has_the_same_signatures() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    for name in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_2.rsa-pss_signature.json",
        "jws/4_3.ecdsa_signature.json",
        "jws/4_4.hmac-sha2_integrity_protection.json",
        // RFC 8037, appendix A.4.
        "curve25519/jws.json",
    ] {
        let vector = vector_files::json(folder.join("rfc7520-cookbook").join(name));
        let alg = vector["signing"]["protected"]["alg"].as_str().unwrap();
        let jwk = public(vector["input"]["key"].clone(), alg);
        verifies(vector["output"]["compact"].as_str().unwrap(), &jwk);
    }
}

#[cfg(feature = "ml-dsa")]
#[test]
fn ml_dsa_signatures() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    for set in ["44", "65", "87"] {
        let path = format!("mldsa-jose/examples/jose/examples/ML_DSA_{set}.jose.json");
        let vector = vector_files::json(folder.join(path));
        let alg = format!("ML-DSA-{set}");
        assert_eq!(vector["jwk"]["alg"], *alg);
        verifies(
            vector["jws"].as_str().unwrap(),
            &public(vector["jwk"].clone(), &alg),
        );
    }
}

#[test]
fn t_jws_19_a_long_signature_is_measured_and_not_converted() {
    let document = json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }] });
    let keys = JwkSet::parse(document.to_string().as_bytes()).unwrap();
    let text = r#"{"alg":"ES256"}"#;
    let header = Header::parse(Tape::default().parse(text).unwrap().root(text)).unwrap();
    let keys = keys.select(&header).unwrap();
    let key = only(&keys);
    for length in [0, 1, 63, 65, 66, 72, 21_800, 1_000_000] {
        let refused = key.verify(b"signing input", &vec![0x30; length]);
        assert_eq!(refused, Err(InvalidToken::SignatureLength), "{length}");
    }
    let refused = key.verify(b"signing input", &[0x30; 64]);
    assert_eq!(refused, Err(InvalidToken::SignatureInvalid));
}

fn only(keys: &Candidates) -> &VerificationKey {
    let keys: Vec<_> = keys.iter().collect();
    assert_eq!(keys.len(), 1);
    keys[0]
}
