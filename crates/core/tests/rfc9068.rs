//! The JWT profile for OAuth 2.0 access tokens, which is the default.

use std::time::Duration;

use bearward_core::policy::{PolicyError, Rule};
use bearward_core::rejection::{InvalidToken, Rejection};
use bearward_core::{ClaimPath, JwkSet, Policy, PrincipalKind, Profile, RequestHead, authenticate};
use bearward_testing::Token;
use bearward_testing::token::{CLIENT_ID, MACHINE_CLIENT_ID, SUBJECT};
use http::Request;
use serde_json::{Value, json};

use crate::fixture::{
    AUDIENCE, INSTANT, ISSUER, LEEWAY, NOW, SECOND, accepted, accepted_by, decide, good, invalid,
    keys, machine, policy, refused, refused_by, settings,
};

#[test]
fn a_good_token_makes_a_principal() {
    let principal = accepted(&good());
    assert_eq!(principal.issuer(), ISSUER);
    assert_eq!(principal.subject(), SUBJECT);
    assert_eq!(principal.client_id(), Some(CLIENT_ID));
    assert_eq!(principal.kind(), PrincipalKind::User);
    assert_eq!(principal.expires_at(), NOW.plus(Duration::from_secs(1800)));
    assert_eq!(principal.auth_time(), Some(NOW));
    let scopes: Vec<_> = principal.scopes().collect();
    assert_eq!(scopes, ["openid", "profile"]);
    let claims: Value = principal.claims().unwrap();
    assert_eq!(claims, good().claims());
}

#[test]
fn every_required_claim_is_required() {
    let required = ["iss", "aud", "exp", "sub", "iat", "jti", "client_id"];
    for name in required {
        let reason = refused(&good().without_claim(name));
        let expected = match name {
            "iss" => InvalidToken::IssMissing,
            "aud" => InvalidToken::AudMissing,
            "exp" => InvalidToken::ExpMissing,
            _ => InvalidToken::ClaimMissing,
        };
        assert_eq!(reason, expected, "{name}");
    }
    for name in ["sub", "jti", "client_id"] {
        for absent in [json!(null), json!("")] {
            let token = good().claim(name, absent.clone());
            assert_eq!(
                refused(&token),
                InvalidToken::ClaimMissing,
                "{name} {absent}"
            );
        }
    }
    // And no other.
    let others = good()
        .claims()
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !required.contains(&name.as_str()))
        .fold(good(), |token, name| token.without_claim(name));
    assert_eq!(others.claims().as_object().unwrap().len(), required.len());
    accepted(&others);
}

#[test]
fn a_clm_10_claims_of_the_profile_may_be_absent_outside_it() {
    let generic = settings().profile(Profile::Generic).build().unwrap();
    for token in [good(), good().header("typ", "JWT")] {
        for name in ["iat", "jti", "client_id"] {
            accepted_by(&generic, &token.clone().without_claim(name));
        }
        let bare = ["iat", "jti", "client_id"]
            .into_iter()
            .fold(token, |token, name| token.without_claim(name));
        let principal = accepted_by(&generic, &bare);
        assert_eq!(principal.subject(), SUBJECT);
        assert_eq!(principal.client_id(), None);
        assert_eq!(principal.kind(), PrincipalKind::User);
    }
}

#[test]
fn a_clm_09_machine_tokens_have_no_user_claims() {
    let principal = accepted(&machine());
    assert_eq!(principal.kind(), PrincipalKind::Machine);
    assert_eq!(principal.client_id(), Some(MACHINE_CLIENT_ID));
    assert_eq!(
        principal.subject(),
        format!("client_id_{MACHINE_CLIENT_ID}")
    );
    assert_eq!(principal.auth_time(), None);
}

#[test]
fn a_client_that_is_its_own_subject_is_a_machine() {
    let kind = |subject: &str| accepted(&good().claim("sub", subject)).kind();
    for subject in [CLIENT_ID.to_owned(), format!("client_id_{CLIENT_ID}")] {
        assert_eq!(kind(&subject), PrincipalKind::Machine, "{subject}");
    }
    // Auth0's machine, if this is Auth0: nothing says so.
    let subject = format!("{CLIENT_ID}@clients");
    assert_eq!(kind(&subject), PrincipalKind::Unknown);
    for subject in [
        SUBJECT.to_owned(),
        "client_id_another".to_owned(),
        "another@clients".to_owned(),
        format!("client_id_{CLIENT_ID}x"),
        format!("xclient_id_{CLIENT_ID}"),
        format!("{CLIENT_ID}@client"),
        CLIENT_ID.to_uppercase(),
    ] {
        assert_eq!(kind(&subject), PrincipalKind::User, "{subject}");
    }
}

#[test]
fn t_clm_14_an_identity_is_issuer_subject_and_kind() {
    let other = Policy::builder("https://other.example", AUDIENCE)
        .build()
        .unwrap();
    let token = Token::user("https://other.example", AUDIENCE, NOW);
    let theirs = accepted_by(&other, &token);
    let ours = accepted(&good());
    assert_eq!(ours.subject(), theirs.subject());
    assert_ne!(ours.issuer(), theirs.issuer());
    // Neither the client nor the key's name is ever the user.
    let nobody = good().without_claim("sub");
    assert_eq!(refused(&nobody), InvalidToken::ClaimMissing);
    let generic = settings().profile(Profile::Generic).build().unwrap();
    assert_eq!(refused_by(&generic, &nobody), InvalidToken::ClaimMissing);
}

#[test]
fn t_clm_20_tokens_inside_a_token_are_data() {
    let inner = good().claim("sub", "admin").claim("scope", "admin");
    let token = good()
        .claim("act", inner.claims())
        .claim("may_act", json!({"sub": "admin"}))
        .claim("actor_token", inner.sign())
        .claim("azp", "https://attacker.example");
    let principal = accepted(&token);
    assert_eq!(principal.subject(), SUBJECT);
    assert_eq!(principal.client_id(), Some(CLIENT_ID));
    assert!(!principal.has_scope("admin"));
    let unsigned = good().claim("act", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.");
    assert_eq!(accepted(&unsigned).subject(), SUBJECT);
}

#[test]
fn the_pipeline_reports_the_first_stage_that_fails() {
    let request = Request::get("/").body(()).unwrap();
    let decided = authenticate(RequestHead::from(&request), &keys(), &policy(), NOW);
    assert_eq!(decided.unwrap_err(), Rejection::NoCredentials);
    let opaque = decide("Uj8cBGwZ0nH4xYk2LqTfRs7VdAo1PiE6", &keys(), &policy());
    assert_eq!(invalid(opaque), InvalidToken::NotCompactJws);
    let issuer = good()
        .claim("iss", "https://other.example")
        .header("alg", "HS256");
    assert_eq!(refused(&issuer), InvalidToken::IssuerUnknown);
    let key = JwkSet::from_secrets([]);
    let decided = decide(&good().sign(), &key, &policy());
    assert_eq!(invalid(decided), InvalidToken::AlgKeyMismatch);
}

#[test]
fn rules_are_checked_in_order() {
    // Everything wrong that a rule looks at; then right, one rule after the other.
    let token = good()
        .claim("aud", "another")
        .claim("exp", 0)
        .claim("nbf", 9_999_999_999_u64)
        .claim("iat", 9_999_999_998_u64)
        .without_claim("jti")
        .claim("sub", 5)
        .claim("client_id", "another")
        .claim("tenant", "another")
        .claim("cnf", json!({}));
    let policy = settings()
        .max_lifetime(Duration::from_secs(1))
        .client_id(CLIENT_ID)
        .claim_value("tenant", "acme")
        .build()
        .unwrap();
    let reason = |token: &Token| refused_by(&policy, token);
    assert_eq!(reason(&token), InvalidToken::AudMismatch);
    let token = token.claim("aud", AUDIENCE);
    assert_eq!(reason(&token), InvalidToken::TokenExpired);
    let token = token.expires_in(Duration::from_secs(2));
    assert_eq!(reason(&token), InvalidToken::TokenNotYetValid);
    let token = token.without_claim("nbf");
    assert_eq!(reason(&token), InvalidToken::IatInFuture);
    let token = token.issued_at(NOW);
    assert_eq!(reason(&token), InvalidToken::LifetimeExceeded);
    let token = token.expires_in(SECOND);
    assert_eq!(reason(&token), InvalidToken::ClaimMissing);
    let token = token.claim("jti", "1");
    assert_eq!(reason(&token), InvalidToken::ClaimType);
    let token = token.claim("sub", SUBJECT);
    assert_eq!(reason(&token), InvalidToken::ClaimMismatch);
    let token = token.claim("client_id", CLIENT_ID);
    assert_eq!(reason(&token), InvalidToken::ClaimMismatch);
    let token = token.claim("tenant", "acme");
    assert_eq!(reason(&token), InvalidToken::CnfUnsupported);
    let token = token.without_claim("cnf");
    accepted_by(&policy, &token);
}

#[test]
fn every_rule_stands_once() {
    assert_eq!(Rule::ALL.len(), 12);
    for (index, rule) in Rule::ALL.iter().enumerate() {
        let first = Rule::ALL.iter().position(|other| other == rule);
        assert_eq!(first, Some(index));
    }
}

#[test]
fn t_cfg_03_a_policy_without_a_meaning_is_not_built() {
    let missing = Policy::builder("", AUDIENCE).build().unwrap_err();
    assert_eq!(missing, PolicyError::IssuerMissing);
    assert_eq!(
        missing.to_string(),
        "issuer_missing: the issuer is empty; set the value that appears in iss"
    );
    let missing = Policy::builder(ISSUER, "").build().unwrap_err();
    assert_eq!(missing, PolicyError::AudienceMissing);
    assert_eq!(
        missing.to_string(),
        "audience_missing: an audience is empty; set the name by which this server appears in aud"
    );
    let second = settings().audience("").build().unwrap_err();
    assert_eq!(second, PolicyError::AudienceMissing);
    settings().leeway(Duration::from_secs(300)).build().unwrap();
    let leeway = settings().leeway(Duration::from_secs(300).saturating_add(INSTANT));
    assert_eq!(leeway.build().unwrap_err(), PolicyError::Leeway);
    for nameless in [
        settings().required_claim(""),
        settings().subject_claim(""),
        settings().subject_claim(["", "a"]),
        settings().claim_value(ClaimPath::new([]), "a"),
    ] {
        assert_eq!(nameless.build().unwrap_err(), PolicyError::ClaimName);
    }
}

#[test]
fn a_policy_says_what_it_was_built_of() {
    let policy = policy();
    assert_eq!(&**policy.issuer(), ISSUER);
    let audiences: Vec<&str> = policy.audiences().collect();
    assert_eq!(audiences, [AUDIENCE]);
    assert_eq!(policy.profile(), Profile::Rfc9068);
    assert_eq!(policy.leeway(), LEEWAY);
    assert_eq!(policy.max_lifetime(), None);
    let of_profile: Vec<&str> = policy.required_claims().collect();
    assert_eq!(of_profile, ["sub", "iat", "jti", "client_id"]);
    let okta = settings()
        .profile(Profile::Okta)
        .max_lifetime(LEEWAY)
        .required_claim("uid")
        .build()
        .unwrap();
    assert_eq!(okta.profile(), Profile::Okta);
    assert_eq!(okta.max_lifetime(), Some(LEEWAY));
    let required: Vec<&str> = okta.required_claims().collect();
    assert_eq!(required, ["sub", "iat", "jti", "cid", "uid"]);
}
