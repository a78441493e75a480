//! Step-up authentication, and the ID token that is sent along for it.

use std::time::Duration;

use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::{
    Forbidden, InsufficientUserAuthentication, InvalidToken, Rejection, StepUpReason,
};
use bearward_core::requirements::{CannotReauthenticate, RequirementsBuilder};
use bearward_core::{
    Policy, Principal, PrincipalKind, Profile, ProtectionSpace, Requirements, UnixTime,
};
use bearward_testing::Token;
use bearward_testing::providers::with_claims;
use bearward_testing::token::{CAN_REAUTHENTICATE, CLIENT_ID, IS_ANONYMOUS, SUBJECT};
use serde_json::{Value, json};

use crate::fixture::{
    AUDIENCE, INSTANT, ISSUER, LEEWAY, NOW, SECOND, accepted, accepted_by, good, policy, refused,
    refused_by, settings, verified,
};
use crate::rfc6750::wire;

const MAX_AGE: Duration = Duration::from_secs(300);

fn recent() -> RequirementsBuilder {
    Requirements::builder().max_age(MAX_AGE)
}

fn authorize(asked: RequirementsBuilder, token: &Token) -> Result<(), Rejection> {
    asked.build().unwrap().authorize(&accepted(token), NOW)
}

#[track_caller]
fn step_up(decision: Result<(), Rejection>) -> InsufficientUserAuthentication {
    let rejection = decision.unwrap_err();
    let Rejection::InsufficientUserAuthentication(asked) = rejection else {
        panic!("{rejection:?} is not insufficient_user_authentication");
    };
    asked
}

/// A principal whose access token keeps an `auth_time` of an hour ago, as Authgear's do.
fn stale() -> Principal {
    accepted(&good().authenticated_at(NOW.minus(Duration::from_secs(3600))))
}

/// An ID token of the same user and client, just issued.
fn fresh() -> Token {
    Token::id_token(ISSUER, CLIENT_ID, NOW)
}

fn check(token: &Token) -> Result<IdToken, IdTokenRefused> {
    IdToken::check(&policy(), verified(token), &stale(), NOW)
}

#[track_caller]
fn check_refused(token: &Token) -> IdTokenRefused {
    check(token).unwrap_err()
}

#[test]
fn an_age_of_exactly_max_age_suffices() {
    for age in [Duration::ZERO, SECOND, MAX_AGE] {
        authorize(recent(), &good().authenticated_at(NOW.minus(age))).unwrap();
    }
    let over = good().authenticated_at(NOW.minus(MAX_AGE).minus(SECOND));
    let refused = step_up(authorize(recent(), &over));
    assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
    assert_eq!(refused.max_age, Some(MAX_AGE));
    assert_eq!(refused.acr_values, None);
    assert_eq!(refused.id_token, None);
    let principal = accepted(&good().authenticated_at(NOW.minus(MAX_AGE)));
    let asked = recent().build().unwrap();
    asked.authorize(&principal, NOW).unwrap();
    step_up(asked.authorize(&principal, NOW.plus(INSTANT)));
}

#[test]
fn t_clm_18_auth_time_is_not_evaded() {
    let with = |auth_time: Value| good().claim("auth_time", auth_time);
    for token in [
        good().without_claim("auth_time"),
        with(json!(0)),
        with(json!(-1)),
        with(json!(-62_135_596_800_i64)),
        with(json!("1700000000")),
        with(json!(null)),
        with(json!(true)),
        with(json!([1_700_000_000])),
        with(json!({})),
        with(json!(1_700_000_001)),
        with(json!(1_700_000_000.001)),
        with(json!(9_999_999_999_u64)),
        with(json!(1e300)),
        with(json!(1_699_999_699)),
        with(json!(1)),
    ] {
        assert_eq!(
            token.claims()["iat"],
            1_700_000_000,
            "iat never counts instead"
        );
        let refused = step_up(authorize(recent(), &token));
        assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
        assert_eq!(refused.reason.code(), "auth_time_unsatisfied");
        assert_eq!(
            wire(&refused.into(), &ProtectionSpace::default()),
            r#"401 Unauthorized
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", error="insufficient_user_authentication", error_description="A more recent or stronger authentication is required", max_age="300"

{"title":"Unauthorized","status":401,"error":"insufficient_user_authentication"}"#
        );
    }
}

#[test]
fn t_clm_18_max_age_zero_asks_for_now() {
    let now = || Requirements::builder().max_age(Duration::ZERO);
    authorize(now(), &good()).unwrap();
    let refused = step_up(authorize(
        now(),
        &good().authenticated_at(NOW.minus(SECOND)),
    ));
    assert_eq!(refused.max_age, Some(Duration::ZERO));
    assert!(wire(&refused.into(), &ProtectionSpace::default()).contains("max_age=\"0\""));
}

fn classes() -> RequirementsBuilder {
    Requirements::builder().acr(["urn:example:loa:3", "urn:example:loa:2"])
}

#[test]
fn t_clm_19_acr_is_one_of_the_values() {
    let with = |acr: Value| good().claim("acr", acr);
    for token in [
        good(),
        with(json!("")),
        with(json!("urn:example:loa:1")),
        with(json!("urn:example:loa:33")),
        with(json!("xurn:example:loa:3")),
        with(json!("urn:example:loa:")),
        with(json!("URN:example:loa:3")),
        with(json!("urn:example:loa:3 urn:example:loa:2")),
        with(json!([])),
        with(json!(["urn:example:loa:1"])),
        with(json!(["urn:example:loa:3", 1])),
        with(json!(3)),
        with(json!(null)),
        with(json!({"urn:example:loa:3": true})),
    ] {
        let refused = step_up(authorize(classes(), &token));
        assert_eq!(refused.reason, StepUpReason::AcrUnsatisfied);
        assert_eq!(refused.reason.code(), "acr_unsatisfied");
        assert_eq!(refused.max_age, None);
        assert_eq!(
            wire(&refused.into(), &ProtectionSpace::default()),
            r#"401 Unauthorized
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", error="insufficient_user_authentication", error_description="A more recent or stronger authentication is required", acr_values="urn:example:loa:3 urn:example:loa:2"

{"title":"Unauthorized","status":401,"error":"insufficient_user_authentication"}"#
        );
    }
}

#[test]
fn a_clm_07_acr_is_a_string_or_an_array() {
    for acr in [
        json!("urn:example:loa:3"),
        json!("urn:example:loa:2"),
        json!(["urn:example:loa:2"]),
        json!(["urn:example:loa:1", "urn:example:loa:3"]),
    ] {
        authorize(classes(), &good().claim("acr", acr)).unwrap();
    }
}

#[test]
fn the_challenge_names_class_and_age() {
    let asked = || classes().max_age(MAX_AGE);
    let space = ProtectionSpace::new("orders")
        .unwrap()
        .resource_metadata("https://api.example/.well-known/oauth-protected-resource")
        .unwrap();
    let expected = r#"401 Unauthorized
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="orders", error="insufficient_user_authentication", error_description="A more recent or stronger authentication is required", acr_values="urn:example:loa:3 urn:example:loa:2", max_age="300", resource_metadata="https://api.example/.well-known/oauth-protected-resource"

{"title":"Unauthorized","status":401,"error":"insufficient_user_authentication"}"#;
    let acr = step_up(authorize(asked(), &good()));
    assert_eq!(acr.reason, StepUpReason::AcrUnsatisfied);
    assert_eq!(wire(&acr.into(), &space), expected);
    let token = good()
        .claim("acr", "urn:example:loa:2")
        .without_claim("auth_time");
    let age = step_up(authorize(asked(), &token));
    assert_eq!(age.reason, StepUpReason::AuthTimeUnsatisfied);
    assert_eq!(wire(&age.into(), &space), expected);
}

#[test]
fn t_clm_19_one_class_of_each_group_is_needed() {
    let asked = || classes().acr(["phr", "phrh"]);
    let with = |acr: Value| good().claim("acr", acr);
    for acr in [
        json!(["urn:example:loa:3", "phr"]),
        json!(["phrh", "urn:example:loa:2"]),
    ] {
        authorize(asked(), &with(acr)).unwrap();
    }
    for (acr, first_not_met) in [
        (json!("other"), "urn:example:loa:3 urn:example:loa:2"),
        (json!("phr"), "urn:example:loa:3 urn:example:loa:2"),
        (
            json!(["phr", "phrh"]),
            "urn:example:loa:3 urn:example:loa:2",
        ),
        (json!("urn:example:loa:3"), "phr phrh"),
        (
            json!(["urn:example:loa:3", "urn:example:loa:2"]),
            "phr phrh",
        ),
    ] {
        let refused = step_up(authorize(asked(), &with(acr)));
        assert_eq!(refused.reason, StepUpReason::AcrUnsatisfied);
        assert_eq!(refused.acr_values.as_deref(), Some(first_not_met));
    }
    // Whatever else is not met, the first group is named.
    let token = with(json!(["urn:example:loa:3", "phr"])).authenticated_at(UnixTime::from_secs(1));
    for refused in [
        step_up(authorize(asked().max_age(MAX_AGE), &token)),
        step_up(authorize(asked().max_age(MAX_AGE).amr("mfa"), &token)),
    ] {
        let acr_values = refused.acr_values.as_deref();
        assert_eq!(acr_values, Some("urn:example:loa:3 urn:example:loa:2"));
    }
}

#[test]
fn of_several_ages_the_shortest_counts() {
    let longer = MAX_AGE.saturating_add(SECOND);
    for asked in [
        || recent().max_age(MAX_AGE.saturating_add(SECOND)),
        || {
            Requirements::builder()
                .max_age(MAX_AGE.saturating_add(SECOND))
                .max_age(MAX_AGE)
        },
    ] {
        authorize(asked(), &good().authenticated_at(NOW.minus(MAX_AGE))).unwrap();
        let old = good().authenticated_at(NOW.minus(longer));
        let refused = step_up(authorize(asked(), &old));
        assert_eq!(refused.max_age, Some(MAX_AGE));
    }
}

/// A challenge has no word for methods.
#[test]
fn a_method_is_asked_for_by_age() {
    let old = good().authenticated_at(NOW.minus(Duration::from_secs(3600)));
    let without = old.without_claim("amr");
    let plain = authorize(Requirements::builder().amr("mfa"), &without).unwrap_err();
    assert_eq!(plain, Forbidden::ClaimRule.into());
    assert_eq!(
        wire(&plain, &ProtectionSpace::default()),
        "403 Forbidden\ncache-control: no-store\ncontent-type: application/problem+json\n\n{\"title\":\"Forbidden\",\"status\":403}"
    );
    let asked = recent().amr("mfa");
    let refused = step_up(authorize(asked, &without));
    assert_eq!(refused.reason, StepUpReason::AmrUnsatisfied);
    assert_eq!((refused.acr_values, refused.max_age), (None, Some(MAX_AGE)));
    // With a class that is not met, the challenge asks for that.
    let asked = || Requirements::builder().acr(["gold"]).amr("mfa");
    let refused = step_up(authorize(asked(), &without));
    assert_eq!(refused.reason, StepUpReason::AcrUnsatisfied);
    // If it is met, and the login is recent, the client has all that a challenge could ask for.
    let gold = without.claim("acr", "gold");
    let plain = Err(Forbidden::ClaimRule.into());
    assert_eq!(authorize(asked(), &gold), plain);
    let aged = || asked().max_age(MAX_AGE);
    let refused = step_up(authorize(aged(), &gold));
    assert_eq!(refused.reason, StepUpReason::AmrUnsatisfied);
    assert_eq!(refused.acr_values.as_deref(), Some("gold"));
    assert_eq!(refused.max_age, Some(MAX_AGE));
    assert_eq!(authorize(aged(), &gold.authenticated_at(NOW)), plain);
}

#[test]
fn every_method_of_amr_is_needed() {
    let asked = || recent().acr(["gold"]).amr("pwd").amr("otp");
    let old = || good().authenticated_at(NOW.minus(Duration::from_secs(3600)));
    let with = |amr: Value| good().claim("acr", "gold").claim("amr", amr);
    authorize(asked(), &with(json!(["otp", "x", "pwd"]))).unwrap();
    authorize(Requirements::builder().amr("pwd"), &with(json!("pwd"))).unwrap();
    for token in [
        with(json!([])).without_claim("amr"),
        with(json!(["pwd"])),
        with(json!(["otp"])),
        with(json!(["pwd otp"])),
        with(json!("pwd otp")),
        with(json!([])),
        with(json!(["pwd", "otp", 1])),
        with(json!(null)),
        with(json!(["PWD", "OTP"])),
    ] {
        let plain = authorize(asked(), &token).unwrap_err();
        assert_eq!(plain, Forbidden::ClaimRule.into());
        let token = token.claim("auth_time", old().claims()["auth_time"].clone());
        let refused = step_up(authorize(asked(), &token));
        assert_eq!(refused.reason, StepUpReason::AmrUnsatisfied);
        assert_eq!(refused.reason.code(), "amr_unsatisfied");
        assert_eq!(refused.acr_values.as_deref(), Some("gold"));
        assert_eq!(refused.max_age, Some(MAX_AGE));
    }
}

/// Authgear drops `amr` at a refresh, and a re-authentication does not bring it back: a challenge would
/// be answered for ever, and never met.
#[test]
fn no_login_is_asked_for_that_would_not_help() {
    let asked = || recent().amr("mfa");
    let refreshed = good().without_claim("amr");
    assert_eq!(
        authorize(asked(), &refreshed),
        Err(Forbidden::ClaimRule.into())
    );
    // An old login may have been one without the second factor.
    let old = refreshed.authenticated_at(NOW.minus(Duration::from_secs(3600)));
    let refused = step_up(authorize(asked(), &old));
    assert_eq!(refused.reason, StepUpReason::AmrUnsatisfied);
    // The ID token of a new one shows that it has been tried.
    let asked = recent().amr("x_never");
    assert_eq!(
        with_id_token(asked.clone(), &fresh()),
        Err(Forbidden::ClaimRule.into())
    );
    let old_id = fresh().authenticated_at(NOW.minus(MAX_AGE).minus(SECOND));
    let refused = step_up(with_id_token(asked, &old_id));
    assert_eq!(refused.reason, StepUpReason::AmrUnsatisfied);
    // Who cannot log in again is not asked to; the policy may allow the age, but not the method.
    let stuck = good().without_claim("amr").claim(CAN_REAUTHENTICATE, false);
    let stuck = stuck.authenticated_at(NOW.minus(Duration::from_secs(3600)));
    let asked = |then| recent().amr("mfa").cannot_reauthenticate(then);
    for (then, reason) in [
        (
            CannotReauthenticate::Refuse,
            Forbidden::CannotReauthenticate,
        ),
        (CannotReauthenticate::Allow, Forbidden::ClaimRule),
    ] {
        assert_eq!(authorize(asked(then), &stuck), Err(reason.into()));
    }
}

/// Nobody authenticated for these tokens, so nobody could again: also under `Allow`.
#[test]
fn t_clm_18_who_never_authenticated_is_not_asked_to_again() {
    let anonymous = good().claim(IS_ANONYMOUS, true);
    let old = anonymous
        .clone()
        .authenticated_at(NOW.minus(Duration::from_secs(3600)));
    for token in [crate::fixture::machine(), anonymous, old] {
        for then in [CannotReauthenticate::Refuse, CannotReauthenticate::Allow] {
            let asked = || recent().cannot_reauthenticate(then);
            let cannot = Err(Forbidden::CannotReauthenticate.into());
            assert_eq!(authorize(asked(), &token), cannot);
            for more in [
                asked().amr("mfa"),
                asked().acr(["gold"]),
                asked().acr(["gold"]).amr("mfa"),
            ] {
                assert_eq!(authorize(more, &token), cannot);
            }
        }
        // No class is asked for either.
        let cannot = Err(Forbidden::CannotReauthenticate.into());
        let asked = Requirements::builder().acr(["gold"]);
        assert_eq!(authorize(asked.clone(), &token), cannot);
        authorize(asked, &token.claim("acr", "gold")).unwrap();
    }
}

/// A token of which nobody can say whether a user logged in for it may be a user's, whom a class can be
/// asked of.
#[test]
fn t_clm_18_a_principal_of_unknown_kind_is_asked_for_a_class_and_not_for_an_age() {
    let policy = settings().profile(Profile::Spring).build().unwrap();
    let token = with_claims(&json!({ "aud": AUDIENCE, "scope": ["read"], "sub": "7" }));
    let token = token.without_header("typ");
    let unknown = accepted_by(&policy, &token);
    assert_eq!(unknown.kind(), PrincipalKind::Unknown);
    let authorize = |asked: RequirementsBuilder| asked.build().unwrap().authorize(&unknown, NOW);
    let refused = step_up(authorize(Requirements::builder().acr(["gold"])));
    assert_eq!(refused.reason, StepUpReason::AcrUnsatisfied);
    let cannot = Err(Forbidden::CannotReauthenticate.into());
    assert_eq!(authorize(recent()), cannot);
    assert_eq!(authorize(recent().acr(["gold"])), cannot);
}

#[test]
fn an_id_token_tells_of_the_authentication() {
    let id_token = check(&fresh()).unwrap();
    assert_eq!(id_token.auth_time(), Some(NOW));
    assert_eq!(id_token.can_reauthenticate(), Some(true));
    assert!(!id_token.is_biometric());
    let id_token = check(&fresh().claim(CAN_REAUTHENTICATE, false)).unwrap();
    assert_eq!(id_token.can_reauthenticate(), Some(false));
    let id_token = check(
        &fresh()
            .without_claim("auth_time")
            .without_claim(CAN_REAUTHENTICATE)
            .claim("amr", json!(["pwd", "x_biometric"])),
    )
    .unwrap();
    assert_eq!(id_token.auth_time(), None);
    assert_eq!(id_token.can_reauthenticate(), None);
    assert!(id_token.is_biometric());
    let id_token = check(
        &fresh()
            .without_claim("amr")
            .claim(CAN_REAUTHENTICATE, "true"),
    )
    .unwrap();
    assert_eq!(id_token.can_reauthenticate(), None);
    assert!(!id_token.is_biometric());
    assert!(
        check(&fresh().claim("amr", "x_biometric"))
            .unwrap()
            .is_biometric()
    );
    assert!(
        !check(&fresh().claim("amr", json!(["biometric", 5])))
            .unwrap()
            .is_biometric()
    );
}

#[test]
fn an_id_token_is_of_typ_jwt() {
    for typ in ["at+jwt", "logout+jwt", "JOSE", ""] {
        let refused = check_refused(&fresh().header("typ", typ));
        assert_eq!(refused, InvalidToken::TypNotAccepted.into(), "{typ}");
    }
    let refused = check_refused(&fresh().without_header("typ"));
    assert_eq!(refused, InvalidToken::TypNotAccepted.into());
    for typ in ["JWT", "jwt", "application/jwt"] {
        check(&fresh().header("typ", typ)).unwrap();
    }
    let access_token = check_refused(&good());
    assert_eq!(access_token, InvalidToken::TypNotAccepted.into());
}

#[test]
fn an_id_token_is_signed_with_an_algorithm_of_the_policy() {
    let policy = settings()
        .algorithms([bearward_core::Algorithm::Es256])
        .build()
        .unwrap();
    let jws = verified(&fresh());
    assert_eq!(
        IdToken::check_header(&policy, jws.header()),
        Err(InvalidToken::AlgNotAllowed)
    );
    assert_eq!(IdToken::check_header(&self::policy(), jws.header()), Ok(()));
    let refused = IdToken::check(&policy, jws, &stale(), NOW).unwrap_err();
    assert_eq!(refused, InvalidToken::AlgNotAllowed.into());
}

#[test]
fn the_claims_of_an_id_token_are_checked() {
    let mismatch = IdTokenRefused::Mismatch;
    for (token, expected) in [
        (fresh().claim("iss", "https://other.example"), mismatch),
        (fresh().claim("iss", format!("{ISSUER}/")), mismatch),
        (
            fresh().without_claim("iss"),
            InvalidToken::IssMissing.into(),
        ),
        (fresh().claim("iss", 5), InvalidToken::IssType.into()),
        (fresh().claim("aud", "another"), mismatch),
        (fresh().claim("aud", AUDIENCE), mismatch),
        (
            fresh().claim("aud", json!([])),
            InvalidToken::AudMissing.into(),
        ),
        (
            fresh().without_claim("aud"),
            InvalidToken::AudMissing.into(),
        ),
        (
            fresh().claim("aud", json!([CLIENT_ID, 1])),
            InvalidToken::AudType.into(),
        ),
        (fresh().claim("sub", "another"), mismatch),
        (
            fresh().without_claim("sub"),
            InvalidToken::ClaimMissing.into(),
        ),
        (fresh().claim("sub", ""), InvalidToken::ClaimMissing.into()),
        (fresh().claim("sub", 5), InvalidToken::ClaimType.into()),
        (
            fresh().without_claim("exp"),
            InvalidToken::ExpMissing.into(),
        ),
        (
            fresh().claim("exp", "1700000300"),
            InvalidToken::DateType.into(),
        ),
        (fresh().claim("exp", -1), InvalidToken::DateRange.into()),
        (
            fresh().without_claim("iat"),
            InvalidToken::ClaimMissing.into(),
        ),
        (
            fresh().claim("iat", "1700000000"),
            InvalidToken::DateType.into(),
        ),
        (fresh().claim("nbf", "x"), InvalidToken::DateType.into()),
    ] {
        assert_eq!(check_refused(&token), expected);
    }
    check(&fresh().claim("aud", json!(["another", CLIENT_ID]))).unwrap();
    check(&fresh().claim("aud", CLIENT_ID)).unwrap();
    check(&fresh().claim("nonce", "n")).unwrap();
}

#[test]
fn a_token_of_another_kind_is_no_id_token() {
    for mark in [
        "scope",
        "scp",
        "client_id",
        "cid",
        "appid",
        "cnf",
        "events",
        "htm",
        "htu",
    ] {
        for value in [json!("x"), json!(""), json!({})] {
            let refused = check_refused(&fresh().claim(mark, value));
            assert_eq!(refused, InvalidToken::TypNotAccepted.into(), "{mark}");
        }
    }
    for (name, id, others) in [
        ("typ", "ID", ["Bearer", "Refresh", "Logout", "id", ""]),
        ("token_use", "id", ["access", "refresh", "ID", "id ", ""]),
    ] {
        check(&fresh().claim(name, id)).unwrap();
        for other in others.map(Value::from) {
            let refused = check_refused(&fresh().claim(name, other.clone()));
            let expected = InvalidToken::TypNotAccepted.into();
            assert_eq!(refused, expected, "{name} {other}");
        }
    }
    // An access token whose header says JWT, in every other respect like an ID token.
    let access_token = good().header("typ", "JWT").claim("aud", CLIENT_ID);
    let refused = step_up(with_id_token(recent(), &access_token));
    assert_eq!(refused.reason, StepUpReason::IdTokenInvalid);
    assert_eq!(refused.id_token, Some(InvalidToken::TypNotAccepted));
    let twin = ["scope", "client_id"]
        .into_iter()
        .fold(access_token, |token, name| token.without_claim(name));
    check(&twin).unwrap();
}

#[test]
fn the_party_of_an_id_token_is_the_client() {
    check(&fresh().claim("azp", CLIENT_ID)).unwrap();
    let several = fresh().claim("aud", json!([CLIENT_ID, "another"]));
    check(&several.clone().claim("azp", CLIENT_ID)).unwrap();
    for azp in [json!("another"), json!(""), json!(5), json!([CLIENT_ID])] {
        for token in [fresh(), several.clone()] {
            let refused = check_refused(&token.claim("azp", azp.clone()));
            assert_eq!(refused, IdTokenRefused::Mismatch, "{azp}");
        }
    }
    let other = fresh().claim("azp", "another");
    let refused = step_up(with_id_token(recent(), &other));
    assert_eq!(refused.reason, StepUpReason::IdTokenMismatch);
}

#[test]
fn the_times_of_an_id_token_have_their_leeway() {
    let expired = fresh().expires_at(NOW.minus(LEEWAY));
    assert_eq!(check_refused(&expired), InvalidToken::TokenExpired.into());
    check(&fresh().expires_at(NOW.minus(LEEWAY).plus(SECOND))).unwrap();
    let early = fresh().not_before(NOW.plus(LEEWAY).plus(SECOND));
    assert_eq!(check_refused(&early), InvalidToken::TokenNotYetValid.into());
    check(&fresh().not_before(NOW.plus(LEEWAY))).unwrap();
    let future = fresh().issued_at(NOW.plus(LEEWAY).plus(SECOND));
    assert_eq!(check_refused(&future), InvalidToken::IatInFuture.into());
    check(&fresh().issued_at(NOW.plus(LEEWAY))).unwrap();
    let strict = settings().leeway(Duration::ZERO).build().unwrap();
    let check = |token: Token| IdToken::check(&strict, verified(&token), &stale(), NOW);
    let expired = check(fresh().expires_at(NOW)).unwrap_err();
    assert_eq!(expired, InvalidToken::TokenExpired.into());
    let early = check(fresh().not_before(NOW.plus(SECOND))).unwrap_err();
    assert_eq!(early, InvalidToken::TokenNotYetValid.into());
    let future = check(fresh().issued_at(NOW.plus(SECOND))).unwrap_err();
    assert_eq!(future, InvalidToken::IatInFuture.into());
    check(fresh()).unwrap();
}

#[test]
fn only_a_plausible_id_token_may_cost_a_fetch() {
    let is_plausible = |token: &Token| {
        let token = token.sign();
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        IdToken::is_plausible(&policy(), &jws, &stale(), NOW)
    };
    assert!(is_plausible(&fresh()));
    assert!(is_plausible(&fresh().header("kid", "unknown")));
    assert!(is_plausible(&fresh().without_header("kid")));
    for implausible in [
        fresh().header("typ", "at+jwt"),
        fresh().without_header("typ"),
        fresh().header("alg", "HS256"),
        fresh().claim("iss", "https://other.example"),
        fresh().claim("aud", "another"),
        fresh().claim("sub", "another"),
        fresh().claim("azp", "another"),
        fresh().claim("scope", "openid"),
        fresh().expires_at(NOW.minus(LEEWAY)),
        fresh().without_claim("exp"),
        fresh().without_claim("iat"),
        fresh().issued_at(NOW.plus(LEEWAY).plus(SECOND)),
        good(),
    ] {
        assert!(!is_plausible(&implausible));
    }
}

#[test]
fn an_id_token_belongs_to_a_client_of_ours() {
    let with_clients = |clients: &[&str]| -> Policy {
        clients
            .iter()
            .fold(settings(), |settings, client| settings.client_id(*client))
            .build()
            .unwrap()
    };
    let check = |policy: &Policy| IdToken::check(policy, verified(&fresh()), &stale(), NOW);
    check(&with_clients(&[CLIENT_ID])).unwrap();
    check(&with_clients(&["another", CLIENT_ID])).unwrap();
    let refused = check(&with_clients(&["another"])).unwrap_err();
    assert_eq!(refused, IdTokenRefused::Mismatch);
    let generic = settings().profile(Profile::Generic).build().unwrap();
    let nameless = accepted_by(&generic, &good().without_claim("client_id"));
    let refused = IdToken::check(&generic, verified(&fresh()), &nameless, NOW).unwrap_err();
    assert_eq!(refused, IdTokenRefused::Mismatch);
}

/// The decision on a stale access token with this ID token sent along.
fn with_id_token(asked: RequirementsBuilder, id_token: &Token) -> Result<(), Rejection> {
    let principal = stale();
    let id_token = IdToken::check(&policy(), verified(id_token), &principal, NOW);
    let id_token = id_token.as_ref().map_err(|refused| *refused);
    let asked = asked.build().unwrap();
    asked.authorize_with_id_token(&principal, id_token, NOW)
}

#[test]
fn a_recent_id_token_suffices_where_the_access_token_is_stale() {
    let stale = recent().build().unwrap().authorize(&stale(), NOW);
    assert_eq!(step_up(stale).reason, StepUpReason::AuthTimeUnsatisfied);
    with_id_token(recent(), &fresh()).unwrap();
    with_id_token(recent(), &fresh().authenticated_at(NOW.minus(MAX_AGE))).unwrap();
    let old = fresh().authenticated_at(NOW.minus(MAX_AGE).minus(SECOND));
    let refused = step_up(with_id_token(recent(), &old));
    assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
    assert_eq!(refused.id_token, None);
    let without = step_up(with_id_token(recent(), &fresh().without_claim("auth_time")));
    assert_eq!(without.reason, StepUpReason::AuthTimeUnsatisfied);
}

#[test]
fn the_clock_of_the_issuer_may_be_30_s_ahead() {
    let ahead = |by: Duration| fresh().authenticated_at(NOW.plus(by));
    with_id_token(recent(), &ahead(SECOND)).unwrap();
    with_id_token(recent(), &ahead(Duration::from_secs(30))).unwrap();
    with_id_token(
        Requirements::builder().max_age(Duration::ZERO),
        &ahead(LEEWAY),
    )
    .unwrap();
    let refused = step_up(with_id_token(recent(), &ahead(Duration::from_secs(31))));
    assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
}

#[test]
fn an_id_token_that_does_not_count_says_why() {
    let refused = step_up(with_id_token(
        recent(),
        &fresh().expires_at(NOW.minus(LEEWAY)),
    ));
    assert_eq!(refused.reason, StepUpReason::IdTokenInvalid);
    assert_eq!(refused.reason.code(), "id_token_invalid");
    assert_eq!(refused.id_token, Some(InvalidToken::TokenExpired));
    assert_eq!(refused.max_age, Some(MAX_AGE));
    let refused = step_up(with_id_token(recent(), &fresh().claim("sub", "another")));
    assert_eq!(refused.reason, StepUpReason::IdTokenMismatch);
    assert_eq!(refused.reason.code(), "id_token_mismatch");
    assert_eq!(refused.id_token, None);
}

#[test]
fn an_id_token_is_not_looked_at_where_the_access_token_suffices() {
    let asked = recent().build().unwrap();
    let principal = accepted(&good());
    let refused = Err(IdTokenRefused::Mismatch);
    asked
        .authorize_with_id_token(&principal, refused, NOW)
        .unwrap();
    let nothing = Requirements::builder().build().unwrap();
    nothing
        .authorize_with_id_token(&stale(), refused, NOW)
        .unwrap();
}

#[test]
fn an_id_token_grants_nothing_but_recency() {
    for (asked, expected) in [
        (recent().scope("admin"), "insufficient_scope"),
        (recent().role("admin"), "claim_rule"),
        (recent().machine(), "principal_kind"),
        (recent().acr(["gold"]), "acr_unsatisfied"),
        // The login is recent already: another would not help.
        (recent().amr("mfa"), "claim_rule"),
    ] {
        let generous = fresh()
            .claim(bearward_testing::token::ROLES, json!(["admin"]))
            .claim("acr", "gold")
            .claim("amr", json!(["mfa"]));
        let refused = with_id_token(asked, &generous).unwrap_err();
        assert_eq!(refused.reason(), expected);
    }
}

#[test]
fn a_user_who_cannot_reauthenticate_is_refused_plainly() {
    let cannot = good()
        .authenticated_at(NOW.minus(Duration::from_secs(3600)))
        .claim(CAN_REAUTHENTICATE, false);
    let principal = accepted(&cannot);
    let asked = recent().build().unwrap();
    let refused = asked.authorize(&principal, NOW).unwrap_err();
    assert_eq!(refused, Forbidden::CannotReauthenticate.into());
    assert_eq!(refused.reason(), "cannot_reauthenticate");
    assert_eq!(
        wire(&refused, &ProtectionSpace::default()),
        "403 Forbidden\ncache-control: no-store\ncontent-type: application/problem+json\n\n{\"title\":\"Forbidden\",\"status\":403}"
    );
    let explicit = recent().cannot_reauthenticate(CannotReauthenticate::Refuse);
    let explicit = explicit.build().unwrap().authorize(&principal, NOW);
    assert_eq!(explicit, Err(refused));
    assert_eq!(
        CannotReauthenticate::default(),
        CannotReauthenticate::Refuse
    );
    let allowed = recent().cannot_reauthenticate(CannotReauthenticate::Allow);
    allowed.build().unwrap().authorize(&principal, NOW).unwrap();
    // Recent all the same: nothing to ask for.
    let token = good().claim(CAN_REAUTHENTICATE, false);
    asked.authorize(&accepted(&token), NOW).unwrap();
}

#[test]
fn whoever_does_not_say_can_reauthenticate() {
    let old = good().authenticated_at(NOW.minus(Duration::from_secs(3600)));
    for token in [
        old.clone().without_claim(CAN_REAUTHENTICATE),
        old.clone().claim(CAN_REAUTHENTICATE, "false"),
        old.claim(CAN_REAUTHENTICATE, json!(null)),
    ] {
        let refused = step_up(authorize(recent(), &token));
        assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
    }
}

#[test]
fn the_id_token_tells_better_who_can_reauthenticate() {
    let cannot = fresh().claim(CAN_REAUTHENTICATE, false);
    // A recent login needs no other.
    with_id_token(recent(), &cannot).unwrap();
    let old = cannot.authenticated_at(NOW.minus(MAX_AGE).minus(SECOND));
    let refused = with_id_token(recent(), &old).unwrap_err();
    assert_eq!(refused, Forbidden::CannotReauthenticate.into());
    let allowed = recent().cannot_reauthenticate(CannotReauthenticate::Allow);
    with_id_token(allowed, &old).unwrap();
    // Biometrics are a means, whichever token says so.
    let biometric = old.claim("amr", json!(["x_biometric"]));
    let refused = step_up(with_id_token(recent(), &biometric));
    assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
    let access = good()
        .authenticated_at(NOW.minus(Duration::from_secs(3600)))
        .claim(CAN_REAUTHENTICATE, false)
        .claim("amr", json!(["x_biometric"]));
    let refused = step_up(authorize(recent(), &access));
    assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
}

#[test]
fn an_id_token_may_have_means_that_the_access_token_did_not_know() {
    let cannot = good()
        .authenticated_at(NOW.minus(Duration::from_secs(3600)))
        .claim(CAN_REAUTHENTICATE, false);
    let principal = accepted(&cannot);
    let asked = recent().build().unwrap();
    let with = |id_token: &Token| {
        let id_token = IdToken::check(&policy(), verified(id_token), &principal, NOW);
        let id_token = id_token.as_ref().map_err(|refused| *refused);
        asked.authorize_with_id_token(&principal, id_token, NOW)
    };
    with(&fresh()).unwrap();
    let old = fresh().authenticated_at(NOW.minus(MAX_AGE).minus(SECOND));
    assert_eq!(
        step_up(with(&old)).reason,
        StepUpReason::AuthTimeUnsatisfied
    );
    let silent = old.without_claim(CAN_REAUTHENTICATE);
    assert_eq!(with(&silent), Err(Forbidden::CannotReauthenticate.into()));
    let invalid = fresh().claim("sub", "another");
    assert_eq!(with(&invalid), Err(Forbidden::CannotReauthenticate.into()));
}

#[test]
fn an_id_token_is_wanted_where_it_could_help() {
    let asked = recent().build().unwrap();
    for rejection in crate::errors::every_rejection() {
        let expected = matches!(
            rejection.reason(),
            "auth_time_unsatisfied" | "amr_unsatisfied" | "cannot_reauthenticate"
        );
        assert_eq!(asked.wants_id_token(&rejection), expected, "{rejection:?}");
    }
}

#[test]
fn an_id_token_never_authenticates_a_request() {
    assert_eq!(refused(&fresh()), InvalidToken::TypNotAccepted);
    let generic = settings().profile(Profile::Generic).build().unwrap();
    assert_eq!(refused_by(&generic, &fresh()), InvalidToken::TypNotAccepted);
    assert_eq!(stale().subject(), SUBJECT);
    assert!(stale().auth_time() < Some(UnixTime::from_secs(1_700_000_000)));
}
