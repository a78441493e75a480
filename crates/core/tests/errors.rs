//! Reasons, their codes, and what may be seen of a refused request (THREATS, table 11).

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use bearward_core::claims::Claims;
use bearward_core::confirmation::Evidence;
use bearward_core::credentials::Credentials;
use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::json::{JsonError, Value};
use bearward_core::jwk::{SecretError, UnusableJwk, VerificationKey};
use bearward_core::jwk_set::{Candidates, JwkSet, JwkSetError};
use bearward_core::jws::{KnownHeader, UnverifiedJws, VerifiedJws};
use bearward_core::policy::{Policy, PolicyError, Rule};
use bearward_core::protected_resource_metadata::ResourceError;
use bearward_core::rejection::{
    Forbidden, InvalidRequest, InvalidToken, Rejection, StepUpReason, TooManyFailures, Unavailable,
};
use bearward_core::requirements::RequirementsError;
use bearward_core::vouch::{AccessToken, Unvouched};
use bearward_core::{
    Algorithm, Challenge, Claimed, Principal, ProtectionSpace, RequestHead, Requirements, UnixTime,
};
use bearward_testing::token::{CLIENT_ID, SUBJECT};
use bearward_testing::{SigningKey, Token};
use http::StatusCode;

use crate::fixture::{
    ISSUER, LEEWAY, NOW, accepted, decide, good, key, keys, keys_of, policy, verified,
};
use crate::rfc6750::wire;

/// Every reason, as a rejection.
pub(crate) fn every_rejection() -> Vec<Rejection> {
    let principal = accepted(&good());
    let scope = Requirements::builder().scope("admin").build().unwrap();
    let scope = scope.authorize(&principal, NOW).unwrap_err();
    let requests = InvalidRequest::ALL.iter().copied().map(Rejection::from);
    let tokens = InvalidToken::ALL.iter().copied().map(Rejection::from);
    let forbidden = Forbidden::ALL.iter().copied().map(Rejection::from);
    let unavailable = Unavailable::new(Duration::from_secs(5)).into();
    let failures = TooManyFailures::new(Duration::from_secs(5)).into();
    [Rejection::NoCredentials, scope, failures, unavailable]
        .into_iter()
        .chain(requests)
        .chain(tokens)
        .chain(forbidden)
        .chain(every_step_up())
        .collect()
}

/// Every reason to ask for another authentication, as they come about.
fn every_step_up() -> Vec<Rejection> {
    let principal = accepted(&good());
    let asked = Requirements::builder().max_age(Duration::from_secs(60));
    let later = NOW.plus(Duration::from_secs(61));
    let age = asked.clone().build().unwrap();
    let acr = asked.clone().acr(["gold"]).build().unwrap();
    let amr = asked.amr("mfa").build().unwrap();
    let with = |id_token| age.authorize_with_id_token(&principal, Err(id_token), later);
    [
        age.authorize(&principal, later),
        acr.authorize(&principal, NOW),
        amr.authorize(&principal, later),
        with(IdTokenRefused::Invalid(InvalidToken::TokenExpired)),
        with(IdTokenRefused::Mismatch),
    ]
    .into_iter()
    .map(Result::unwrap_err)
    .collect()
}

#[test]
fn every_reason_has_its_code() {
    let codes: Vec<&str> = Rejection::reasons().collect();
    let unique: HashSet<&str> = codes.iter().copied().collect();
    assert_eq!(codes.len(), unique.len(), "{codes:?}");
    let of_rejections: BTreeSet<&str> = every_rejection().iter().map(Rejection::reason).collect();
    assert_eq!(of_rejections, codes.iter().copied().collect());
}

/// The table of THREATS: a code is public, once and for all.
#[test]
fn codes_are_those_of_the_threat_model() {
    let codes: BTreeSet<&str> = Rejection::reasons().collect();
    let expected = BTreeSet::from([
        // Request and credentials.
        "csrf_origin",
        "malformed_credentials",
        "multiple_credentials",
        "no_credentials",
        // Header, encoding and signature.
        "alg_invalid",
        "alg_key_mismatch",
        "alg_not_allowed",
        "b64_unsupported",
        "base64_not_canonical",
        "crit_unsupported",
        "header_zip",
        "json_duplicate_member",
        "json_invalid",
        "json_limits",
        "jwe_not_supported",
        "kid_invalid",
        "kid_missing",
        "kid_unknown",
        "not_compact_jws",
        "signature_invalid",
        "signature_length",
        "token_too_large",
        "typ_not_accepted",
        // Load.
        "too_many_failures",
        // Keys.
        "issuer_unknown",
        "keys_unavailable",
        "kid_ambiguous",
        // Claims.
        "acr_unsatisfied",
        "aud_mismatch",
        "aud_missing",
        "aud_type",
        "auth_time_unsatisfied",
        "claim_missing",
        "claim_rule",
        "claim_type",
        "date_range",
        "date_type",
        "exp_missing",
        "iat_in_future",
        "insufficient_scope",
        "iss_missing",
        "iss_type",
        "lifetime_exceeded",
        "principal_kind",
        "token_expired",
        "token_not_yet_valid",
        // Sender constraint.
        "cnf_not_proven",
        "cnf_unsupported",
        // Not in the catalogue of attacks.
        "amr_unsatisfied",
        "cannot_reauthenticate",
        "claim_mismatch",
        "client_not_allowed",
        "id_token_invalid",
        "id_token_mismatch",
        "user_anonymous",
        "user_not_verified",
    ]);
    assert_eq!(codes, expected);
}

#[test]
fn codes_are_snake_case() {
    for code in Rejection::reasons() {
        let is_fine = code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        assert!(is_fine, "{code}");
    }
}

#[test]
fn the_reason_of_a_rejection_is_that_of_its_inner_value() {
    for reason in InvalidRequest::ALL {
        assert_eq!(Rejection::from(*reason).reason(), reason.code());
        assert_eq!(Rejection::from(*reason).to_string(), reason.to_string());
    }
    for reason in InvalidToken::ALL {
        assert_eq!(Rejection::from(*reason).reason(), reason.code());
        assert_eq!(Rejection::from(*reason).to_string(), reason.to_string());
    }
    for reason in Forbidden::ALL {
        assert_eq!(Rejection::from(*reason).reason(), reason.code());
        assert_eq!(Rejection::from(*reason).to_string(), reason.to_string());
    }
    let asked = [
        StepUpReason::AuthTimeUnsatisfied,
        StepUpReason::AcrUnsatisfied,
        StepUpReason::AmrUnsatisfied,
        StepUpReason::IdTokenInvalid,
        StepUpReason::IdTokenMismatch,
    ];
    assert_eq!(asked, StepUpReason::ALL);
    for (rejection, reason) in every_step_up().into_iter().zip(asked) {
        assert_eq!(rejection.reason(), reason.code());
        assert_eq!(rejection.to_string(), reason.to_string());
    }
}

#[test]
fn messages_are_lowercase_without_full_stop() {
    let mut messages: Vec<String> = every_rejection().iter().map(ToString::to_string).collect();
    messages.extend([
        JsonError::DuplicateMember.to_string(),
        JsonError::Invalid.to_string(),
        JsonError::Limits.to_string(),
        JwkSetError::NoUsableKey(Vec::new().into()).to_string(),
        JwkSetError::NotAJwkSet.to_string(),
        RequirementsError::Acr.to_string(),
        RequirementsError::Claim.to_string(),
        RequirementsError::ClaimName.to_string(),
        RequirementsError::Scope.to_string(),
        ResourceError::to_string(&crate::rfc9728::refused("x")),
        PolicyError::AudienceMissing.to_string(),
    ]);
    let unique: HashSet<&String> = messages.iter().collect();
    assert_eq!(unique.len(), messages.len(), "{messages:?}");
    for message in &messages {
        assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
        assert!(!message.contains(['\n', '\r', '\u{1b}']), "{message}");
    }
}

#[test]
fn messages_name_their_limits_and_codes() {
    for (message, expected) in [
        (
            JwkSetError::TooLarge.to_string(),
            "jwks_too_large: the JWK Set is larger than 262144 bytes",
        ),
        (
            JwkSetError::TooManyKeys.to_string(),
            "jwks_too_large: the JWK Set has more than 100 keys",
        ),
        (PolicyError::Leeway.to_string(), "leeway: more than 300 s"),
        (
            PolicyError::ClaimName.to_string(),
            "claim_name: the name of a claim is empty",
        ),
        (
            SecretError::NotSymmetric.to_string(),
            "a static secret is for HS256, HS384 and HS512 only",
        ),
        (
            SecretError::Weak.to_string(),
            "secret_weak: the secret is shorter than the output of the algorithm's hash",
        ),
        (
            IdTokenRefused::Mismatch.to_string(),
            "the ID token has another issuer, user or client than the access token",
        ),
        (
            IdTokenRefused::from(InvalidToken::TokenExpired).to_string(),
            "the token has expired",
        ),
    ] {
        assert_eq!(message, expected);
    }
    for reason in [
        UnusableJwk::OtherUse,
        UnusableJwk::Private,
        UnusableJwk::Symmetric,
        UnusableJwk::Unusable,
        UnusableJwk::Weak,
    ] {
        let message = reason.to_string();
        assert!(
            message.starts_with(&format!("{}: ", reason.code())),
            "{message}"
        );
    }
}

/// What must not be seen: each stands in the token of [`secretive`].
const SECRETS: [&str; 7] = [
    SUBJECT,
    CLIENT_ID,
    "secret-kid",
    "secret-claim",
    "secret-value",
    "secret-scope",
    "secret-id",
];

fn secretive() -> Token {
    good()
        .claim("secret-claim", "secret-value")
        .claim("scope", "secret-scope")
        .claim("jti", "secret-id")
        .key(key().with_kid("secret-kid"))
}

#[track_caller]
fn shows_nothing(shown: &str, token: &str) {
    for secret in SECRETS.iter().copied().chain(token.split('.')) {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn t_err_01_debug_shows_nothing_of_a_token() {
    let token = secretive().sign();
    let request = http::Request::get(format!("/?a={token}"))
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap();
    let head = RequestHead::from(&request);
    assert_eq!(format!("{head:?}"), "RequestHead { method: GET, .. }");

    let request = http::Request::get("/")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap();
    let credentials = Credentials::parse(RequestHead::from(&request)).unwrap();
    assert_eq!(format!("{credentials:?}"), "Credentials { .. }");

    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    assert_eq!(format!("{jws:?}"), "UnverifiedJws { algorithm: Rs256, .. }");
    let header = format!("{:?}", jws.header());
    assert_eq!(header, "Header { algorithm: Rs256, typ: AtJwt, .. }");

    let keys = keys_of([&key().with_kid("secret-kid")]);
    let verified = jws
        .verify(&keys.select(&header_of(&token)).unwrap())
        .unwrap();
    assert_eq!(
        format!("{verified:?}"),
        "VerifiedJws { algorithm: Rs256, .. }"
    );
    let known = format!("{:?}", KnownHeader::of(&verified));
    assert_eq!(known, format!("KnownHeader {{ header: {header}, .. }}"));

    let claimed = policy().check(verified, NOW).unwrap();
    let shown = "Claimed { is_bound: false, .. }";
    assert_eq!(format!("{claimed:?}"), shown);
    let principal = claimed.proven(Evidence::NONE).unwrap();
    assert_eq!(
        format!("{principal:?}"),
        format!("Principal {{ issuer: {ISSUER:?}, kind: User, .. }}")
    );
    assert_eq!(format!("{:?}", principal.all_claims()), "Claims { .. }");
    let value = principal.all_claims().get("secret-claim").unwrap();
    assert_eq!(format!("{value:?}"), "Value { kind: String, .. }");
    let root = principal.all_claims().root();
    assert_eq!(format!("{root:?}"), "Value { kind: Object, .. }");
    for shown in [format!("{principal:#?}"), format!("{root:#?}")] {
        shows_nothing(&shown, &token);
    }
}

fn header_of(token: &str) -> bearward_core::jws::Header {
    UnverifiedJws::parse(token.as_bytes())
        .unwrap()
        .header()
        .clone()
}

#[test]
fn t_err_01_debug_shows_nothing_of_an_id_token_or_a_secret() {
    let principal = accepted(&good());
    let id_token = Token::id_token(ISSUER, CLIENT_ID, NOW);
    let id_token = IdToken::check(&policy(), verified(&id_token), &principal, NOW).unwrap();
    assert_eq!(format!("{id_token:?}"), "IdToken { .. }");

    let secret = b"a secret that has thirty-two byte";
    let key = VerificationKey::secret(Algorithm::Hs256, secret).unwrap();
    assert_eq!(
        format!("{key:?}"),
        "VerificationKey { algorithm: Hs256, .. }"
    );
    let keys = JwkSet::from_secrets([(Some("k".to_owned()), key)]);
    assert_eq!(
        format!("{keys:?}"),
        r#"JwkSet { kids: ["k"], unusable: [], .. }"#
    );
}

#[test]
fn t_err_01_no_answer_and_no_message_shows_anything_of_the_token() {
    let space = ProtectionSpace::default();
    let hostile = "secret-value\r\n\u{1b}[31m\"\\";
    for token in [
        secretive().claim("iss", hostile),
        secretive().claim("aud", hostile),
        secretive().claim("exp", hostile),
        secretive().header("typ", hostile),
        secretive().header("alg", hostile),
        secretive().header("kid", hostile),
        secretive().header("crit", hostile),
        secretive().claim("sub", serde_json::json!({ "secret-claim": hostile })),
        secretive().claim("cnf", serde_json::json!({ "secret-claim": hostile })),
    ] {
        let token = token.sign();
        let refused = decide(&token, &keys(), &policy()).unwrap_err();
        shows_nothing(&wire(&refused, &space), &token);
        shows_nothing(&format!("{refused:?} {refused}"), &token);
        shows_nothing(refused.reason(), &token);
    }
}

#[test]
fn t_err_03_every_invalid_token_is_answered_with_the_same_bytes() {
    let space = ProtectionSpace::new("orders")
        .unwrap()
        .resource_metadata("https://api.example/.well-known/oauth-protected-resource")
        .unwrap();
    let answers: HashSet<String> = InvalidToken::ALL
        .iter()
        .map(|reason| wire(&(*reason).into(), &space))
        .collect();
    assert_eq!(
        answers,
        HashSet::from([r#"401 Unauthorized
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="orders", error="invalid_token", error_description="The access token is not valid", resource_metadata="https://api.example/.well-known/oauth-protected-resource"

{"title":"Unauthorized","status":401,"error":"invalid_token"}"#
            .to_owned()])
    );
}

#[test]
fn t_err_03_nothing_tells_unknown_kid_wrong_audience_and_bad_signature_apart() {
    let answer = |token: Token| {
        let refused = decide(&token.sign(), &keys(), &policy()).unwrap_err();
        (
            refused.reason(),
            wire(&refused, &ProtectionSpace::default()),
        )
    };
    let (kid, first) = answer(good().header("kid", "unknown"));
    let (audience, second) = answer(good().claim("aud", "another"));
    let other = SigningKey::second(Algorithm::Rs256).with_kid(key().kid().unwrap());
    let (signature, third) = answer(good().key(other));
    assert_eq!(
        [kid, audience, signature],
        ["kid_unknown", "aud_mismatch", "signature_invalid"]
    );
    assert_eq!(first, second);
    assert_eq!(second, third);
}

#[test]
fn t_err_04_no_token_looks_like_an_outage_and_no_outage_like_a_token() {
    for rejection in every_rejection() {
        let challenge = Challenge::new(&rejection, &ProtectionSpace::default());
        let is_outage = matches!(rejection, Rejection::Unavailable(_));
        let unavailable = challenge.status() == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(unavailable, is_outage, "{rejection:?}");
        let asks_to_wait = challenge.headers().contains_key("retry-after");
        let is_limited = matches!(rejection, Rejection::TooManyFailures(_));
        assert_eq!(asks_to_wait, is_outage || is_limited, "{rejection:?}");
    }
}

#[test]
fn t_err_05_the_client_can_act_on_every_answer() {
    for rejection in every_rejection() {
        let challenge = Challenge::new(&rejection, &ProtectionSpace::default());
        let asks = challenge.headers().get("www-authenticate");
        let asks = asks.map(|value| value.to_str().unwrap());
        let asks = asks.unwrap_or_default();
        let (status, error) = match rejection {
            Rejection::NoCredentials => (401, None),
            Rejection::InvalidRequest(_) => (400, Some("invalid_request")),
            Rejection::InvalidToken(_) => (401, Some("invalid_token")),
            Rejection::InsufficientScope(_) => (403, Some("insufficient_scope")),
            Rejection::InsufficientUserAuthentication(_) => {
                (401, Some("insufficient_user_authentication"))
            }
            Rejection::Forbidden(_) => (403, None),
            Rejection::TooManyFailures(_) => (429, None),
            Rejection::Unavailable(_) => (503, None),
            other => panic!("{other:?}"),
        };
        assert_eq!(challenge.status(), status, "{rejection:?}");
        assert_eq!(
            asks.starts_with("Bearer realm=\"api\""),
            status < 402 || error.is_some()
        );
        match error {
            Some(error) => assert!(asks.contains(&format!("error=\"{error}\"")), "{asks}"),
            None => assert!(!asks.contains("error"), "{asks}"),
        }
        let names_scope = asks.contains(", scope=\"admin\"");
        assert_eq!(names_scope, error == Some("insufficient_scope"), "{asks}");
        assert_eq!(challenge.headers()["cache-control"], "no-store");
        assert_eq!(
            challenge.headers()["content-type"],
            "application/problem+json"
        );
    }
}

#[test]
fn t_err_06_what_is_logged_of_a_refusal_is_fixed_text() {
    let injected = "x\r\n2023-11-14 INFO admin logged in\u{1b}[2J";
    for token in [
        good().header("kid", injected),
        good().claim("iss", injected),
        good().claim("sub", injected).claim("aud", "another"),
    ] {
        let refused = decide(&token.sign(), &keys(), &policy()).unwrap_err();
        for shown in [
            format!("{refused:?}"),
            refused.to_string(),
            refused.reason().to_owned(),
        ] {
            assert!(
                shown.bytes().all(|byte| (0x20..0x7F).contains(&byte)),
                "{shown}"
            );
            assert!(!shown.contains("admin"), "{shown}");
        }
    }
}

/// Claims come from a principal or say `unverified`; a refusal holds none.
#[test]
fn t_err_07_claims_exist_only_behind_the_checks() {
    type Jws = VerifiedJws<'static>;
    let _: fn(&Policy, Jws, UnixTime) -> Result<Claimed, InvalidToken> = Policy::check;
    let _: fn(Claimed, Evidence) -> Result<Principal, InvalidToken> = Claimed::proven;
    let _: fn(UnverifiedJws<'static>, &Candidates) -> Result<Jws, InvalidToken> =
        UnverifiedJws::verify;
    let _: for<'p> fn(&'p Principal) -> &'p Claims = Principal::all_claims;
    let spoilt = good().claim("aud", "another");
    let token = spoilt.sign();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    assert_eq!(
        jws.danger_unverified_payload().as_bytes(),
        spoilt.payload_bytes()
    );
    assert_eq!(
        jws.danger_unverified_header().as_bytes(),
        spoilt.header_bytes()
    );
    assert_eq!(
        decide(&token, &keys(), &policy()).unwrap_err(),
        InvalidToken::AudMismatch.into()
    );
}

/// Without a key, and so also of what somebody else has signed.
#[test]
fn t_dos_03_that_a_token_has_expired_is_known_before_the_signature() {
    let spoilt = good().claim("aud", "another");
    for (token, has_expired, subject) in [
        (good(), false, SUBJECT),
        (spoilt.clone(), false, SUBJECT),
        (spoilt.claim("exp", 1), true, SUBJECT),
        (good().claim("exp", 1).claim("sub", "eve"), true, "eve"),
    ] {
        let token = token.key(SigningKey::second(Algorithm::Es256)).sign();
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        let policy = policy();
        let unvouched = Unvouched::new(jws, AccessToken, NOW, |_| Some(&policy)).unwrap();
        assert_eq!(unvouched.has_expired(), has_expired);
        assert_eq!(unvouched.unverified_subject().as_deref(), Some(subject));
    }
    let nameless = good().without_claim("sub").sign();
    let jws = UnverifiedJws::parse(nameless.as_bytes()).unwrap();
    let policy = policy();
    let unvouched = Unvouched::new(jws, AccessToken, NOW, |_| Some(&policy)).unwrap();
    assert_eq!(unvouched.unverified_subject(), None);
}

#[test]
fn a_err_01_each_rule_tells_what_it_found() {
    let token = good()
        .claim("aud", "another")
        .expires_at(NOW.minus(LEEWAY))
        .without_claim("jti")
        .sign();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    let policy = policy();
    let found: Vec<(Rule, Result<(), InvalidToken>)> =
        policy.danger_unverified_rules(&jws, NOW).collect();
    assert_eq!(
        found,
        [
            (Rule::Kind, Ok(())),
            (Rule::Issuer, Ok(())),
            (Rule::Audience, Err(InvalidToken::AudMismatch)),
            (Rule::Expiry, Err(InvalidToken::TokenExpired)),
            (Rule::NotBefore, Ok(())),
            (Rule::IssuedAt, Ok(())),
            (Rule::Lifetime, Ok(())),
            (Rule::RequiredClaims, Err(InvalidToken::ClaimMissing)),
            (Rule::ClaimTypes, Ok(())),
            (Rule::ClientId, Ok(())),
            (Rule::ClaimValues, Ok(())),
            (Rule::Confirmation, Ok(())),
        ]
    );
    let rules: Vec<Rule> = found.into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(rules, Rule::ALL);
}

#[test]
fn a_err_02_claims_with_quotes_and_backslashes_are_kept() {
    let odd = "a \"quoted\" \\ back\u{1}slash\n\u{1F600}\u{2028}";
    let principal = accepted(&good().claim("odd", odd));
    let claim: Value<'_> = principal.claim(&"odd".into()).unwrap();
    assert_eq!(claim.as_str().unwrap(), odd);
    let parsed: String = serde_json::from_str(claim.as_json()).unwrap();
    assert_eq!(parsed, odd);
    assert!(claim.as_json().bytes().all(|byte| byte >= 0x20));
}
