//! Vectors whose payload is a claims set, and key sets: Authgear's, and those of the RFCs.
//!
//! Vectors that are signatures over other payloads are tested where signatures are, in `jws`.

use std::path::Path;
use std::time::Duration;

use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::jwk::{SecretError, UnusableJwk, VerificationKey};
use bearward_core::jws::UnverifiedJws;
use bearward_core::policy::{PolicyBuilder, Rule};
use bearward_core::rejection::{InvalidToken, Rejection, StepUpReason};
use bearward_core::{
    Algorithm, JwkSet, Policy, Principal, PrincipalKind, Profile, RequestHead, Requirements,
    UnixTime, authenticate,
};
use bearward_testing::Token;
use serde_json::Value;

use crate::fixture::{
    AUDIENCE, LEEWAY, decide, decide_at, from_base64url, good, invalid, key, keys, keys_from,
    refused, settings, unparsed, without,
};
use crate::vector_files;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn set(jwks: &Value) -> JwkSet {
    JwkSet::parse(jwks.to_string().as_bytes()).unwrap()
}

fn at(seconds: &Value) -> UnixTime {
    UnixTime::from_secs(seconds.as_u64().unwrap())
}

/// The policy of the API that the claims are for.
fn policy_for(claims: &Value) -> PolicyBuilder {
    Policy::builder(text(&claims["iss"]), text(&claims["aud"][0]))
}

#[test]
fn authgear_constructed_tokens() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("authgear/constructed-tokens.json"));
    let keys = set(&file["jwks"]);
    assert_eq!(keys.unusable(), []);
    let expected = [
        Err(InvalidToken::ClaimMissing),
        Ok(PrincipalKind::Machine),
        Err(InvalidToken::TypNotAccepted),
        Ok(PrincipalKind::User),
        Ok(PrincipalKind::Machine),
        Ok(PrincipalKind::User),
    ];
    let vectors = list(&file["vectors"]);
    assert_eq!(vectors.len(), expected.len());
    for (vector, expected) in vectors.iter().zip(expected) {
        let claims = &vector["claims"];
        let policy = policy_for(claims).build().unwrap();
        let now = at(&claims["iat"]);
        let decided = decide_at(text(&vector["token"]), &keys, &policy, now);
        match expected {
            Err(reason) => assert_eq!(invalid(decided), reason, "{}", vector["what"]),
            Ok(kind) => {
                let principal = decided.unwrap();
                assert_eq!(principal.kind(), kind, "{}", vector["what"]);
                assert_eq!(principal.subject(), text(&claims["sub"]));
                assert_eq!(principal.client_id(), claims["client_id"].as_str());
                assert_eq!(principal.expires_at(), at(&claims["exp"]));
                assert_eq!(principal.claims::<Value>().unwrap(), *claims);
                let scope: Vec<_> = principal.scopes().collect();
                assert_eq!(
                    scope.join(" "),
                    claims["scope"].as_str().unwrap_or_default()
                );
                let late = at(&claims["exp"]).plus(LEEWAY);
                let late = decide_at(text(&vector["token"]), &keys, &policy, late);
                assert_eq!(invalid(late), InvalidToken::TokenExpired);
            }
        }
    }
    // Only `sub` is missing in the first, which nobody is under any profile.
    let first = &vectors[0];
    let policy = policy_for(&first["claims"])
        .profile(Profile::Generic)
        .build()
        .unwrap();
    let now = at(&first["claims"]["iat"]);
    let decided = decide_at(text(&first["token"]), &keys, &policy, now);
    assert_eq!(invalid(decided), InvalidToken::ClaimMissing);
}

/// A principal of the issuer, user and client of an ID token, by a token of our own.
fn principal_beside(claims: &Value, client_id: &str, now: UnixTime) -> Principal {
    let issuer = text(&claims["iss"]);
    let policy = Policy::builder(issuer, AUDIENCE).build().unwrap();
    let token = Token::user(issuer, AUDIENCE, now)
        .claim("sub", text(&claims["sub"]))
        .claim("client_id", client_id)
        .authenticated_at(UnixTime::from_secs(1));
    decide_at(&token.sign(), &keys(), &policy, now).unwrap()
}

#[test]
fn authgear_real_id_token() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("authgear/real-id-token-2021.json"));
    let keys = set(&file["jwks"]);
    let token = text(&file["token"]);
    let claims = &file["claims"];
    let jws = || {
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        let key = keys.select(jws.header()).unwrap();
        jws.verify(&key).unwrap()
    };
    let check = |client_id: &str, leeway: u64, now: UnixTime| {
        let policy = Policy::builder(text(&claims["iss"]), AUDIENCE);
        let policy = policy.leeway(Duration::from_secs(leeway)).build().unwrap();
        let principal = principal_beside(claims, client_id, now);
        let id_token = IdToken::check(&policy, jws(), &principal, now);
        (principal, id_token)
    };
    let expect = list(&file["expect"]);
    assert_eq!(expect.len(), 6);
    for expected in expect {
        let now = at(&expected["now"]);
        match text(&expected["as"]) {
            "id_token" => {
                let leeway = expected["leeway"].as_u64().unwrap_or(30);
                let (_, checked) = check(text(&expected["audience"]), leeway, now);
                assert_eq!(
                    checked.is_ok(),
                    expected["valid"].as_bool().unwrap(),
                    "{expected}"
                );
                match (text(&expected["audience"]), leeway) {
                    ("portal", 0) => {
                        assert_eq!(checked.unwrap_err(), InvalidToken::TokenExpired.into());
                    }
                    ("portal", _) => assert_eq!(checked.unwrap().can_reauthenticate(), Some(true)),
                    _ => assert_eq!(checked.unwrap_err(), IdTokenRefused::Mismatch),
                }
            }
            "access_token" => {
                let policy = policy_for(claims).build().unwrap();
                let decided = decide_at(token, &keys, &policy, now);
                assert_eq!(invalid(decided), InvalidToken::TypNotAccepted);
            }
            "reauth" => {
                let (principal, id_token) = check("portal", 30, now);
                let asked = Requirements::builder();
                let max_age = expected["max_auth_age"].as_u64().unwrap();
                let asked = asked.max_age(Duration::from_secs(max_age)).build().unwrap();
                let id_token = id_token.as_ref().map_err(|refused| *refused);
                let decided = asked.authorize_with_id_token(&principal, id_token, now);
                assert_eq!(decided.is_ok(), expected["valid_age"].as_bool().unwrap());
                if let Err(refused) = decided {
                    assert_eq!(refused.reason(), StepUpReason::AuthTimeUnsatisfied.code());
                }
            }
            other => panic!("{other}"),
        }
    }
}

/// Authgear's own middleware asks for a good signature, `typ` `at+jwt` and `exp` alone; its
/// verdicts are ours, as far as that goes. Ours goes on: these tokens have no `iss`.
#[test]
fn authgear_middleware_cases() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("authgear/portal-middleware-unit.json"));
    let skew = Duration::from_secs(file["skew"].as_u64().unwrap());
    let policy = settings().leeway(skew).build().unwrap();
    let now = at(&file["now"]);
    let vectors = list(&file["vectors"]);
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let valid = vector["valid"].as_bool().unwrap();
        let Some(token) = vector["token"].as_str() else {
            assert!(!valid);
            let mut request = http::Request::get("/");
            if let Some(field) = vector["authorization"].as_str() {
                request = request.header("authorization", field);
            }
            let request = request.body(()).unwrap();
            let decided = authenticate(RequestHead::from(&request), &keys(), &policy, now);
            assert_eq!(decided.unwrap_err(), Rejection::NoCredentials);
            continue;
        };
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        assert_eq!(jws.unverified_issuer(), Err(InvalidToken::IssMissing));
        let jwks = vector.get("jwks").unwrap_or_else(|| &file["jwks"]);
        let signature = JwkSet::parse(jwks.to_string().as_bytes()).map(|keys| {
            let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
            let verified = keys.select(jws.header()).and_then(|keys| jws.verify(&keys));
            verified.is_ok()
        });
        let in_time = policy
            .danger_unverified_rules(&jws, now)
            .any(|(rule, decided)| rule == Rule::Expiry && decided.is_ok());
        let accepted =
            signature == Ok(true) && policy.check_header(jws.header()).is_ok() && in_time;
        assert_eq!(accepted, valid, "{}", vector["provenance"]);
    }
}

/// Tokens of an issuer that publishes its key for signing, not for verifying.
#[test]
fn authgear_external_issuer() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("authgear/external-jwt-e2e.json"));
    let refused = JwkSet::parse(file["jwks"].to_string().as_bytes()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the JWK Set has no usable key; key 0 (kid \"FDKus3nofZY6iTkdOZLU86hKo1eIyHyeOtgMcsnleGw=\") is left out: jwk_unusable: the key is not a supported key for verifying signatures: `key_ops` has a value that is not supported for this key [RSA RS256]"
    );
    let keys = keys_from([without(file["jwks"]["keys"][0].clone(), "key_ops")]);
    let vectors = list(&file["vectors"]);
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let claims = &vector["claims"];
        let settings = || Policy::builder(text(&claims["iss"]), AUDIENCE);
        let now = at(&claims["iat"]);
        let token = text(&vector["token"]);
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        assert_eq!(jws.header().kid(), vector["header"]["kid"].as_str());
        let verified = jws.verify(&keys.select(&header(token)).unwrap());
        assert_eq!(
            verified.is_ok(),
            vector["signature_valid"].as_bool().unwrap()
        );
        let strict = decide_at(token, &keys, &settings().build().unwrap(), now);
        assert_eq!(invalid(strict), InvalidToken::TypNotAccepted);
        let generic = settings().profile(Profile::Generic).build().unwrap();
        let generic = decide_at(token, &keys, &generic, now);
        assert_eq!(invalid(generic), InvalidToken::AudMissing);
    }
}

fn header(token: &str) -> bearward_core::jws::Header {
    UnverifiedJws::parse(token.as_bytes())
        .unwrap()
        .header()
        .clone()
}

#[test]
fn authgear_fixtures_parse_and_are_not_accepted() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("authgear/jwtutil-fixtures.json"));
    let vectors = list(&file["vectors"]);
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let token = text(&vector["token"]);
        let header = header(token);
        assert_eq!(header.algorithm().as_str(), text(&vector["header"]["alg"]));
        assert_eq!(header.kid(), vector["header"]["kid"].as_str());
        let generic = settings().profile(Profile::Generic).build().unwrap();
        let allowed = generic.check_header(&header);
        if vector["hs256_key_secret"] == true {
            assert_eq!(allowed, Err(InvalidToken::AlgNotAllowed));
            let secret = VerificationKey::secret(Algorithm::Hs256, b"secret");
            assert_eq!(secret.unwrap_err(), SecretError::Weak);
        } else {
            assert_eq!(allowed, Ok(()));
        }
        let decided = decide(token, &keys(), &generic);
        assert_eq!(invalid(decided), InvalidToken::IssMissing);
    }
}

#[test]
fn authgear_key_sets() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let file = vector_files::json(folder.join("authgear/jwks.json"));
    let served = set(&file["e2e_served"]["jwks"]);
    let kids: Vec<&str> = served.kids().collect();
    assert_eq!(kids, ["52b11413-a7c4-4afc-91ef-fc2c6ea99018"]);
    let small = file["public_set_of"]["jwks"]["keys"][0].clone();
    let keys = keys_from([key().public_jwk(), small]);
    assert_eq!(keys.unusable()[0].reason, UnusableJwk::Weak);
    assert_eq!(
        keys_from([file["dpop_thumbprint"]["jwk"].clone()]).unusable(),
        []
    );
}

/// What a token is to be: admitted as this kind of principal, or refused for this reason.
fn decided(token: &Value, keys: &JwkSet, profile: Profile, audience: &str) -> String {
    let policy = Policy::builder(text(&token["issuer"]), audience).profile(profile);
    let policy = policy.build().unwrap();
    match decide_at(text(&token["token"]), keys, &policy, at(&token["at"])) {
        Ok(principal) => format!("admitted {}", principal.kind().as_str()),
        Err(rejection) => rejection.reason().to_owned(),
    }
}

fn keycloak_tokens(folder: &Path) -> (JwkSet, Vec<Value>) {
    let file = vector_files::json(folder.join("keycloak/tokens.json"));
    let tokens = list(&file["tokens"]).to_vec();
    assert_eq!(tokens.len(), 51);
    // An Ed448 key is among them, which is not used.
    (set(&file["jwks"]), tokens)
}

/// A running Keycloak's tokens of every kind, each with the verdict that is right.
#[test]
fn t_clm_21_keycloak_tokens_are_who_they_are() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let (keys, tokens) = keycloak_tokens(&folder);
    for token in &tokens {
        let name = text(&token["name"]);
        let right = match token["right"].as_str() {
            Some("admitted") => format!("admitted {}", text(&token["kind"])),
            reason => reason.unwrap().to_owned(),
        };
        let profile: Profile = text(&token["profile"]).parse().unwrap();
        let decided = decided(token, &keys, profile, text(&token["audience"]));
        assert_eq!(decided, right, "{name}");
    }
}

/// What is no access token is none under any profile, also where the client is the audience.
#[test]
fn t_clm_22_keycloak_tokens_of_another_kind_are_refused_under_every_profile() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let (keys, tokens) = keycloak_tokens(&folder);
    let mut count = 0;
    for token in &tokens {
        let name = text(&token["name"]);
        let of_another_kind = [
            "id_token",
            "refresh",
            "offline_token",
            "initial_access_token",
            "registration_access_token",
            "jarm_response",
            "signed_userinfo",
            "logout_token",
            "set_session_revoked",
        ];
        if !of_another_kind.iter().any(|kind| name.contains(kind)) {
            continue;
        }
        count += 1;
        for audience in audiences(text(&token["token"])) {
            for profile in Profile::ALL {
                let decided = decided(token, &keys, *profile, &audience);
                assert!(
                    !decided.starts_with("admitted"),
                    "{name} {profile} {audience}"
                );
            }
        }
    }
    assert_eq!(count, 17);
    // The one that Auth0's and Entra's profiles admitted, for its own reason.
    let exchanged = tokens
        .iter()
        .find(|token| token["name"] == "exchanged_id_token");
    for profile in Profile::ALL {
        let decided = decided(exchanged.unwrap(), &keys, *profile, "api");
        let expected = match *profile == Profile::AwsAlb {
            true => "alg_not_allowed",
            false => "typ_not_accepted",
        };
        assert_eq!(decided, expected, "{profile}");
    }
}

/// Our own audience, and each string anywhere in the payload that it might be for.
fn audiences(token: &str) -> Vec<String> {
    let payload = token.split('.').nth(1).unwrap();
    let payload = from_base64url(payload);
    let mut all = vec![AUDIENCE.to_owned()];
    // The last of two members of one name counts, which makes no difference here.
    if let Ok(claims) = serde_json::from_slice::<Value>(&payload) {
        for name in ["aud", "azp", "client_id"] {
            let claim = &claims[name];
            let several = claim.as_array().into_iter().flatten();
            let strings = several.chain([claim]).filter_map(Value::as_str);
            all.extend(strings.map(str::to_owned));
        }
    }
    all
}

/// Access tokens of a running Authgear, each with its verdict.
#[test]
fn authgear_live_tokens() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let folder = folder.join("authgear/live");
    let file = vector_files::json(folder.join("tokens.json"));
    let tokens = list(&file["tokens"]);
    assert_eq!(tokens.len(), 37);
    for token in tokens {
        let name = text(&token["name"]);
        let keys = match text(&token["jwks"]) {
            "rotation.json: step 4" => {
                let rotation = vector_files::json(folder.join("rotation.json"));
                JwkSet::parse(text(&rotation["steps"][3]["body"]).as_bytes()).unwrap()
            }
            file => JwkSet::parse(&vector_files::bytes(folder.join(file))).unwrap(),
        };
        let mut policy = Policy::builder(text(&token["issuer"]), text(&token["audiences"][0]));
        for audience in &list(&token["audiences"])[1..] {
            policy = policy.audience(text(audience));
        }
        let decided = decide_at(
            text(&token["token"]),
            &keys,
            &policy.build().unwrap(),
            at(&token["at"]),
        );
        match (text(&token["expect"]), decided) {
            ("valid", Ok(principal)) => {
                let is_machine = principal.subject().starts_with("client_id_");
                let expected = if is_machine {
                    PrincipalKind::Machine
                } else {
                    PrincipalKind::User
                };
                assert_eq!(principal.kind(), expected, "{name}");
            }
            (expect, decided) => {
                let reason = decided.map(|_| ()).unwrap_err();
                assert_eq!(expect, "invalid", "{name}: {}", reason.reason());
                assert_eq!(reason.reason(), text(&token["reason"]), "{name}");
            }
        }
    }
}

/// Why each key of a JWK or JWK Set of the RFCs is left out; `None` for those that are used.
fn reasons(path: &Path) -> Vec<Option<UnusableJwk>> {
    let document = vector_files::json(path);
    let jwks = match document.get("keys") {
        Some(keys) => list(keys).to_vec(),
        None => vec![document],
    };
    let count = jwks.len();
    let keys = keys_from(jwks.into_iter().chain([key().public_jwk()]));
    let reason = |index| {
        let unusable = keys.unusable().iter().find(|key| key.index == index);
        unusable.map(|key| key.reason)
    };
    (0..count).map(reason).collect()
}

#[test]
fn keys_of_the_rfcs() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let private = Some(UnusableJwk::Private);
    let symmetric = Some(UnusableJwk::Symmetric);
    for (file, expected) in [
        // A P-256 key for encryption, an RSA key for signatures.
        (
            "rfc7517_A.1.jwkset",
            vec![Some(UnusableJwk::OtherUse), None],
        ),
        ("rfc7517_A.2.jwkset", vec![private, private]),
        ("rfc7517_A.3.jwkset", vec![symmetric, symmetric]),
        ("rfc7517_B.jwk", vec![None]),
        ("rfc7515_A.1.jwk", vec![symmetric]),
        ("rfc7515_A.2.jwk", vec![private]),
        ("rfc7515_A.3.jwk", vec![private]),
        ("rfc7515_A.4.jwk", vec![private]),
        ("rfc7520_3.1.jwk", vec![None]),
        ("rfc7520_3.2.jwk", vec![private]),
        ("rfc7520_3.3.jwk", vec![None]),
        ("rfc7520_3.4.jwk", vec![private]),
        ("rfc7520_3.5.jwk", vec![symmetric]),
        ("rfc7520_3.6.jwk", vec![symmetric]),
        ("rfc7638_3.1.jwk", vec![None]),
    ] {
        assert_eq!(reasons(&folder.join("rfc").join(file)), expected, "{file}");
    }
}

#[test]
fn t_jws_04_json_serialisations_of_the_rfcs_are_refused() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    for file in [
        "rfc7515_A.6.jwsg",
        "rfc7515_A.7.jwsf",
        "rfc7520_4.1.jwsf",
        "rfc7520_4.1.jwsg",
        "rfc7520_4.6.jwsf",
        "rfc7520_4.7.jwsf",
        "rfc7520_4.8.jwsg",
        // Detached: the payload is elsewhere.
        "rfc7520_4.5.jwsc",
    ] {
        let token = vector_files::bytes(folder.join("rfc").join(file));
        assert_eq!(unparsed(token), InvalidToken::NotCompactJws, "{file}");
    }
}

#[test]
fn t_jws_12_the_unsecured_jws_of_rfc_7515_a_5_is_refused() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let token = vector_files::text(folder.join("rfc/rfc7515_A.5.jwsc"));
    assert_eq!(unparsed(token.trim_end()), InvalidToken::AlgNotAllowed);
}

#[test]
fn t_jws_24_the_unencoded_payloads_of_rfc_7797_are_refused() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    for file in ["4.2.hmac-sha2_b64_false.json", "hmac-sha2_b64_false.json"] {
        let vector = vector_files::json(folder.join("rfc7520-cookbook/rfc7797").join(file));
        let protected = &vector["signing"]["protected"];
        assert_eq!(protected["b64"], false);
        let token = protected
            .as_object()
            .unwrap()
            .iter()
            .fold(good(), |token, (name, value)| {
                token.header(name, value.clone())
            });
        assert_eq!(refused(&token), InvalidToken::CritUnsupported, "{file}");
    }
}

#[test]
fn t_jws_05_the_jwe_of_rfc_7520_are_refused() {
    let Some(folder) = vector_files::folder() else {
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("rfc7520-cookbook/jwe")).unwrap() {
        let vector = vector_files::json(entry.unwrap().path());
        let Some(token) = vector["output"]["compact"].as_str() else {
            continue;
        };
        assert_eq!(
            unparsed(token),
            InvalidToken::JweNotSupported,
            "{}",
            vector["title"]
        );
        count += 1;
    }
    assert_eq!(count, 9);
    let nested = folder.join("rfc7520-cookbook/6.nesting_signatures_and_encryption.json");
    let nested = vector_files::json(nested);
    let token = text(&nested["encrypt"]["output"]["compact"]);
    assert_eq!(unparsed(token), InvalidToken::JweNotSupported);
}
