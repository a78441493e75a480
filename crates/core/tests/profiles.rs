//! Access tokens of issuers that do not write RFC 9068, each as its issuer documents it.

use std::str::FromStr;

use bearward_core::jws::Typ;
use bearward_core::rejection::InvalidToken;
use bearward_core::{Policy, PrincipalKind, Profile};
use bearward_testing::Token;
use bearward_testing::providers::with_claims;
use serde_json::json;

use crate::fixture::{
    AUDIENCE, ISSUER, NOW, accepted, accepted_by, good, refused, refused_by, settings,
};
use crate::providers::access_token;

const USER: &str = "00u1a2b3c4";
const CLIENT: &str = "0oa9z8y7x6";

fn by(profile: Profile) -> Policy {
    settings().profile(profile).build().unwrap()
}

fn auth0() -> Token {
    let claims = json!({
        "aud": [AUDIENCE, "https://tenant.auth0.example/userinfo"],
        "azp": CLIENT,
        "scope": "openid read:x",
        "sub": "auth0|1",
    });
    with_claims(&claims).header("typ", "JWT")
}

fn okta() -> Token {
    let claims = json!({
        "aud": AUDIENCE,
        "cid": CLIENT,
        "jti": "AT.1",
        "scp": ["openid", "read:x"],
        "sub": "user@example.com",
        "uid": USER,
        "ver": 1,
    });
    with_claims(&claims).without_header("typ")
}

fn entra() -> Token {
    let claims = json!({
        "aud": AUDIENCE,
        "azp": CLIENT,
        "oid": USER,
        "scp": "read.x write.x",
        "sub": "AAAA",
        "tid": "t",
        "ver": "2.0",
    });
    with_claims(&claims).header("typ", "JWT")
}

fn cognito() -> Token {
    let claims = json!({
        "auth_time": 1_700_000_000,
        "client_id": AUDIENCE,
        "scope": "aws/read",
        "sub": USER,
        "token_use": "access",
        "username": "user",
    });
    with_claims(&claims).without_header("typ")
}

fn keycloak() -> Token {
    let claims = json!({
        "aud": ["account", AUDIENCE],
        "azp": CLIENT,
        "jti": "1",
        "preferred_username": "user",
        "realm_access": { "roles": ["a"] },
        "scope": "openid",
        "sid": "the session of a login",
        "sub": USER,
        "typ": "Bearer",
    });
    with_claims(&claims).header("typ", "JWT")
}

/// A user's token, as the issuers of this profile write it.
pub(crate) fn sample(profile: Profile) -> Token {
    let of_others = [
        (Profile::Rfc9068, good()),
        (Profile::Generic, good()),
        (Profile::Auth0, auth0()),
        (Profile::Cognito, cognito()),
        (Profile::Entra, entra()),
        (Profile::Keycloak, keycloak()),
        (Profile::Okta, okta()),
    ];
    let mut others = of_others.into_iter();
    let other = others.find_map(|(of, token)| (of == profile).then_some(token));
    let token = other.or_else(|| access_token(profile));
    token.unwrap_or_else(|| panic!("{profile} has no sample"))
}

#[test]
fn each_profile_accepts_the_tokens_of_its_issuer() {
    for profile in Profile::ALL {
        let token = sample(*profile);
        let principal = accepted_by(&by(*profile), &token);
        let claims = token.claims();
        let mut names = profile.client_id_claims().iter();
        let client_id = names.find_map(|name| claims[name].as_str());
        let client_id = match profile.is_of_load_balancer() {
            true => Some("client"),
            false => client_id,
        };
        assert_eq!(principal.client_id(), client_id, "{profile}");
        let is_known = principal.kind() != PrincipalKind::Unknown;
        assert!(is_known || !profile.marks_machines(), "{profile}");
        assert_eq!(principal.subject(), claims["sub"], "{profile}");
    }
}

#[test]
fn each_profile_says_where_it_is_documented_and_what_it_is() {
    for profile in Profile::ALL {
        let link = profile.documentation();
        assert!(link.starts_with("https://"), "{profile}: {link}");
        assert!(profile.meaning().ends_with('.'), "{profile}");
        assert!(!profile.meaning().contains(['\n', '|']), "{profile}");
    }
}

/// This is Keycloak, at a host whose name is a path of Dex.
#[test]
fn of_several_parts_of_an_issuer_the_longest_counts() {
    let profile = Profile::of_issuer("https://dex.example/realms/x");
    assert_eq!(profile, Some(Profile::Keycloak));
}

#[test]
fn a_profile_is_recognised_by_the_issuer() {
    for (issuer, expected) in [
        ("https://partner.eu.auth0.com/", Some(Profile::Auth0)),
        (
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a",
            Some(Profile::Cognito),
        ),
        (
            "https://login.microsoftonline.com/t/v2.0",
            Some(Profile::Entra),
        ),
        ("https://sts.windows.net/t/", Some(Profile::Entra)),
        (
            "https://id.example.com/realms/main",
            Some(Profile::Keycloak),
        ),
        (
            "http://sts.example/adfs/services/trust",
            Some(Profile::Adfs),
        ),
        ("https://sts.example/adfs", None),
        ("https://dex.example.com/dex", Some(Profile::Dex)),
        (
            "https://id.example.com/application/o/app/",
            Some(Profile::Authentik),
        ),
        ("https://x.b2clogin.com/guid/v2.0/", Some(Profile::AzureB2c)),
        ("https://x.clerk.accounts.dev", Some(Profile::Clerk)),
        (
            "https://team.cloudflareaccess.com",
            Some(Profile::CloudflareAccess),
        ),
        (
            "https://securetoken.google.com/project",
            Some(Profile::Firebase),
        ),
        (
            "https://token.actions.githubusercontent.com",
            Some(Profile::GithubActions),
        ),
        (
            "https://token.actions.octo.ghe.com",
            Some(Profile::GithubActions),
        ),
        ("https://gitlab.com", Some(Profile::Gitlab)),
        ("https://accounts.google.com", Some(Profile::Google)),
        ("https://cloud.google.com/iap", Some(Profile::Google)),
        (
            "https://kubernetes.default.svc.cluster.local",
            Some(Profile::Kubernetes),
        ),
        ("https://x.projects.oryapis.com", Some(Profile::Ory)),
        ("https://ref.supabase.co/auth/v1", Some(Profile::Supabase)),
        ("https://x.authkit.app", Some(Profile::WorkOs)),
        ("https://x.zitadel.cloud", Some(Profile::Zitadel)),
        ("https://dev-1.okta.com", Some(Profile::Okta)),
        ("https://dev-1.oktapreview.com", Some(Profile::Okta)),
        ("https://id.example.com", None),
    ] {
        assert_eq!(Profile::of_issuer(issuer), expected, "{issuer}");
    }
}

#[test]
fn each_profile_says_how_it_tells_an_access_token() {
    for (profile, kind) in [
        (Profile::Rfc9068, "no claim of another kind of token"),
        (
            Profile::Auth0,
            "azp or client_id, no claim of another kind of token, and none of a login without access",
        ),
        (Profile::Cognito, "the claim token_use is \"access\""),
        (
            Profile::Entra,
            "azp or appid, no claim of another kind of token, and none of a login without access",
        ),
        (
            Profile::Generic,
            "no claim of another kind of token, and none of a login without access",
        ),
        (Profile::Keycloak, "the claim typ is \"Bearer\" or \"DPoP\""),
        (Profile::Okta, "no claim of another kind of token"),
        (Profile::Dex, "at_hash, no claim of another kind of token"),
        (
            Profile::Kubernetes,
            "kubernetes.io, sub system:serviceaccount:…, no claim of another kind of token",
        ),
    ] {
        assert_eq!(profile.accepted_kind(), kind, "{profile}");
        let has_login = profile.kind_claims().any(|name| name == "auth_time");
        assert_eq!(has_login, kind.contains("login"), "{profile}");
        let needs = profile.kind_needs().join(" or ");
        assert!(kind.starts_with(&needs), "{profile}");
    }
}

/// What a claim must or must not be, as the configuration is judged by it.
#[test]
fn what_marks_the_kind_of_a_token_is_said() {
    for (profile, kind, is_refusing, start) in [
        (Profile::Rfc9068, None, false, ""),
        (Profile::Cognito, Some(("token_use", "access")), false, ""),
        (Profile::CloudflareAccess, Some(("type", "app")), false, ""),
        (Profile::Ory, None, true, ""),
        (Profile::Kubernetes, None, true, "system:serviceaccount:"),
    ] {
        let says = profile
            .kind_claim()
            .map(|(claim, values)| (claim, values[0]));
        assert_eq!(says, kind, "{profile}");
        assert_eq!(!profile.kind_refuses().is_empty(), is_refusing, "{profile}");
        assert_eq!(profile.subject_begins(), start, "{profile}");
    }
    assert_eq!(Profile::Keycloak.claim_types(), ["Bearer", "DPoP"]);
    for profile in Profile::ALL {
        let token = sample(*profile);
        let claims = token.claims();
        for name in profile.kind_refuses() {
            assert!(claims[*name].is_null(), "{profile}: {name}");
        }
        if let Some((name, values)) = profile.kind_claim() {
            assert!(
                values.iter().any(|value| claims[name] == *value),
                "{profile}"
            );
        }
        let typ = claims["typ"].as_str();
        assert!(
            typ.is_none_or(|typ| profile.claim_types().contains(&typ)),
            "{profile}"
        );
        let subject = claims["sub"].as_str().unwrap_or_default();
        assert!(subject.starts_with(profile.subject_begins()), "{profile}");
    }
}

#[test]
fn what_no_token_of_a_profile_has() {
    for (profile, scopes, users, machines) in [
        (Profile::Rfc9068, true, true, true),
        (Profile::Generic, true, true, false),
        (Profile::Dex, false, false, false),
        (Profile::Kubernetes, false, false, true),
        (Profile::Authentik, true, true, false),
        (Profile::CloudflareAccess, false, true, true),
        (Profile::Spring, true, false, false),
    ] {
        assert_eq!(profile.has_scopes(), scopes, "{profile}");
        assert_eq!(profile.marks_users(), users, "{profile}");
        assert_eq!(profile.marks_machines(), machines, "{profile}");
    }
    for profile in Profile::ALL {
        let sample = sample(*profile);
        let names = ["scope", "scp"];
        let has_scope = names.iter().any(|name| !sample.claims()[*name].is_null());
        assert!(profile.has_scopes() || !has_scope, "{profile}");
    }
}

#[test]
fn no_other_profile_is_the_default() {
    assert_eq!(Profile::default(), Profile::Rfc9068);
    for token in [auth0(), okta(), entra(), cognito(), keycloak()] {
        assert_eq!(refused(&token), InvalidToken::TypNotAccepted);
    }
}

#[test]
fn names_are_those_of_the_configuration() {
    let names: Vec<&str> = Profile::ALL
        .iter()
        .map(|profile| profile.as_str())
        .collect();
    assert_eq!(names, Profile::NAMES);
    for profile in Profile::ALL {
        assert_eq!(Profile::from_str(profile.as_str()), Ok(*profile));
        assert_eq!(profile.to_string(), profile.as_str());
    }
    for name in ["", "RFC9068", "azure", "okta "] {
        Profile::from_str(name).unwrap_err();
    }
    let message = Profile::from_str("").unwrap_err().to_string();
    let start =
        "not a profile: one of rfc9068, adfs, auth0, authentik, aws-alb, azure-b2c, clerk, ";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn each_profile_accepts_its_types() {
    let types = [
        Typ::Absent,
        Typ::AtJwt,
        Typ::Jwt,
        Typ::Jose,
        Typ::OktaInternalAtJwt,
        Typ::OtherKind,
        Typ::Unregistered,
    ];
    for (profile, accepted) in [
        (
            Profile::Rfc9068,
            [false, true, false, false, false, false, false],
        ),
        (
            Profile::Auth0,
            [true, true, true, false, false, false, false],
        ),
        (
            Profile::Cognito,
            [true, true, true, false, false, false, false],
        ),
        (
            Profile::Entra,
            [true, true, true, false, false, false, false],
        ),
        (
            Profile::Generic,
            [true, true, true, true, true, false, true],
        ),
        (
            Profile::Keycloak,
            [true, true, true, false, false, false, false],
        ),
        (Profile::Okta, [true, true, true, false, true, false, false]),
        (
            Profile::Spiffe,
            [true, true, true, true, false, false, false],
        ),
    ] {
        assert_eq!(types.map(|typ| profile.accepts(typ)), accepted, "{profile}");
    }
}

#[test]
fn each_profile_requires_its_claims() {
    for profile in Profile::ALL {
        for name in profile.required_claims() {
            let token = sample(*profile).without_claim(name);
            let expected = if *name == profile.audience_claim() {
                InvalidToken::AudMissing
            } else if profile.kind_needs() == [*name] {
                InvalidToken::TypNotAccepted
            } else {
                InvalidToken::ClaimMissing
            };
            let reason = refused_by(&by(*profile), &token);
            assert_eq!(reason, expected, "{profile} {name}");
        }
    }
}

#[test]
fn the_claims_of_each_profile() {
    for (profile, required, client, audience) in [
        (
            Profile::Rfc9068,
            &["sub", "iat", "jti", "client_id"][..],
            &["client_id"][..],
            "aud",
        ),
        (
            Profile::Auth0,
            &["sub", "iat"],
            &["azp", "client_id"],
            "aud",
        ),
        (
            Profile::Cognito,
            &["sub", "iat", "client_id"],
            &["client_id"],
            "client_id",
        ),
        (Profile::Entra, &["sub", "iat"], &["azp", "appid"], "aud"),
        (
            Profile::Generic,
            &["sub"],
            &["client_id", "azp", "cid", "appid"],
            "aud",
        ),
        (
            Profile::Keycloak,
            &["sub", "iat", "jti"],
            &["azp", "client_id"],
            "aud",
        ),
        (
            Profile::Okta,
            &["sub", "iat", "jti", "cid"],
            &["cid"],
            "aud",
        ),
    ] {
        assert_eq!(profile.required_claims(), required, "{profile}");
        assert_eq!(profile.client_id_claims(), client, "{profile}");
        assert_eq!(profile.audience_claim(), audience, "{profile}");
    }
}

#[test]
fn the_first_claim_that_names_the_client_counts() {
    let client = |profile, token: &Token| {
        let principal = accepted_by(&by(profile), token);
        principal.client_id().map(str::to_owned)
    };
    let both = auth0().claim("client_id", "other");
    assert_eq!(client(Profile::Auth0, &both).unwrap(), CLIENT);
    let second = both.without_claim("azp");
    assert_eq!(client(Profile::Auth0, &second).unwrap(), "other");
    let v1 = entra().without_claim("azp").claim("appid", "v1");
    assert_eq!(client(Profile::Entra, &v1).unwrap(), "v1");
    let nameless = v1.without_claim("appid").header("typ", "at+jwt");
    assert_eq!(client(Profile::Entra, &nameless), None);
    let generic =
        with_claims(&json!({"aud": AUDIENCE, "sub": "s", "appid": "4", "cid": "3", "azp": "2"}));
    assert_eq!(client(Profile::Generic, &generic).unwrap(), "2");
    let generic = generic.without_claim("azp");
    assert_eq!(client(Profile::Generic, &generic).unwrap(), "3");
    let generic = generic.without_claim("cid");
    assert_eq!(client(Profile::Generic, &generic).unwrap(), "4");
    let empty = generic.claim("client_id", "");
    assert_eq!(client(Profile::Generic, &empty), None);
}

#[test]
fn t_clm_12_azp_is_checked_where_it_names_the_client() {
    let policy = settings()
        .profile(Profile::Auth0)
        .client_id(CLIENT)
        .build()
        .unwrap();
    accepted_by(&policy, &auth0());
    let nameless = auth0().without_claim("azp").header("typ", "at+jwt");
    let reason = refused_by(&policy, &nameless);
    assert_eq!(reason, InvalidToken::ClaimMissing);
    let reason = refused_by(&policy, &auth0().claim("azp", ""));
    assert_eq!(reason, InvalidToken::ClaimMissing);
    let reason = refused_by(&policy, &auth0().claim("azp", "other"));
    assert_eq!(reason, InvalidToken::ClaimMismatch);
    let reason = refused_by(&policy, &auth0().claim("azp", 5));
    assert_eq!(reason, InvalidToken::ClaimType);
    // One that is there counts, even if the next would do.
    let other = auth0().claim("azp", "other").claim("client_id", CLIENT);
    assert_eq!(refused_by(&policy, &other), InvalidToken::ClaimMismatch);
}

#[test]
fn cognito_compares_the_audience_with_client_id() {
    let policy = by(Profile::Cognito);
    accepted_by(&policy, &cognito());
    accepted_by(&policy, &cognito().claim("aud", 5));
    let reason = refused_by(&policy, &cognito().claim("client_id", "other"));
    assert_eq!(reason, InvalidToken::AudMismatch);
    let reason = refused_by(&policy, &cognito().claim("client_id", 5));
    assert_eq!(reason, InvalidToken::AudType);
    let reason = refused_by(&policy, &cognito().without_claim("client_id"));
    assert_eq!(reason, InvalidToken::AudMissing);
}

#[test]
fn t_jws_30_cognito_and_keycloak_say_what_a_token_is_for() {
    for token_use in [
        json!("id"),
        json!("refresh"),
        json!(""),
        json!(null),
        json!(["access"]),
    ] {
        let token = cognito().claim("token_use", token_use);
        let reason = refused_by(&by(Profile::Cognito), &token);
        assert_eq!(reason, InvalidToken::TypNotAccepted);
    }
    let without = cognito().without_claim("token_use");
    assert_eq!(
        refused_by(&by(Profile::Cognito), &without),
        InvalidToken::TypNotAccepted
    );
    for typ in [
        json!("ID"),
        json!("Refresh"),
        json!("Offline"),
        json!("bearer"),
        json!(null),
    ] {
        let token = keycloak().claim("typ", typ);
        let reason = refused_by(&by(Profile::Keycloak), &token);
        assert_eq!(reason, InvalidToken::TypNotAccepted);
    }
    let without = keycloak().without_claim("typ");
    assert_eq!(
        refused_by(&by(Profile::Keycloak), &without),
        InvalidToken::TypNotAccepted
    );
}

#[test]
fn t_jws_30_the_marks_of_another_kind_are_refused_where_typ_does_not_tell() {
    for (profile, token) in [
        (Profile::Auth0, auth0()),
        (Profile::Okta, okta()),
        (Profile::Entra, entra()),
        (Profile::Generic, good().header("typ", "JWT")),
        (Profile::Generic, good().without_header("typ")),
    ] {
        let nonce = (profile != Profile::Generic).then_some("nonce");
        let marks = ["at_hash", "c_hash", "s_hash", "events", "htm", "htu"];
        for mark in marks.into_iter().chain(nonce) {
            for value in [json!("x"), json!(""), json!({}), json!(false)] {
                let token = token.clone().claim(mark, value);
                let reason = refused_by(&by(profile), &token);
                assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile} {mark}");
            }
            accepted_by(&by(profile), &token.clone().claim(mark, json!(null)));
            accepted_by(
                &by(profile),
                &token.clone().claim(mark, "x").header("typ", "at+jwt"),
            );
        }
    }
    accepted(&good().claim("nonce", "x"));
}

#[test]
fn t_jws_30_an_id_token_is_refused_by_its_marks() {
    let id_token = Token::id_token(ISSUER, AUDIENCE, NOW).claim("nonce", "n-0S6_WzA2Mj");
    for profile in Profile::ALL {
        let reason = refused_by(&by(*profile), &id_token);
        assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile}");
    }
}

/// By the claim `typ`, which says so where an issuer writes one.
#[test]
fn t_jws_30_a_sample_with_the_mark_of_another_kind_is_refused() {
    for profile in Profile::ALL {
        let token = sample(*profile);
        for kind in ["ID", "Refresh", "Logout"] {
            let reason = refused_by(&by(*profile), &token.clone().claim("typ", kind));
            assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile} {kind}");
        }
    }
}

/// Without `nonce`, which a login without a browser does not have.
#[test]
fn t_jws_30_an_id_token_of_authgear_without_a_nonce_is_refused() {
    let id_token = Token::id_token(ISSUER, AUDIENCE, NOW);
    for mark in ["nonce", "at_hash", "azp", "scope", "client_id"] {
        assert!(id_token.claims().get(mark).is_none(), "{mark}");
    }
    for (profile, expected) in [
        (Profile::Rfc9068, InvalidToken::TypNotAccepted),
        (Profile::Auth0, InvalidToken::TypNotAccepted),
        (Profile::Cognito, InvalidToken::TypNotAccepted),
        (Profile::Entra, InvalidToken::TypNotAccepted),
        (Profile::Generic, InvalidToken::TypNotAccepted),
        (Profile::Keycloak, InvalidToken::TypNotAccepted),
        // Theirs is told by what it lacks.
        (Profile::Okta, InvalidToken::ClaimMissing),
    ] {
        let reason = refused_by(&by(profile), &id_token);
        assert_eq!(reason, expected, "{profile}");
        let untyped = id_token.clone().without_header("typ");
        assert_eq!(refused_by(&by(profile), &untyped), expected, "{profile}");
    }
}

#[test]
fn t_jws_30_auth0_and_entra_name_the_client_in_access_tokens() {
    for (profile, token, names) in [
        (Profile::Auth0, auth0(), ["azp", "client_id"]),
        (Profile::Entra, entra(), ["azp", "appid"]),
    ] {
        let nameless = names
            .into_iter()
            .fold(token, |token, name| token.without_claim(name));
        let policy = by(profile);
        for typ in ["JWT", "application/jwt"] {
            let reason = refused_by(&policy, &nameless.clone().header("typ", typ));
            assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile}");
        }
        let untyped = nameless.clone().without_header("typ");
        let reason = refused_by(&policy, &untyped);
        assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile}");
        let null = nameless.clone().claim(names[0], json!(null));
        let reason = refused_by(&policy, &null);
        assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile}");
        // A claim by which another issuer names it is none of theirs.
        let reason = refused_by(&policy, &nameless.clone().claim("cid", CLIENT));
        assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile}");
        for name in names {
            accepted_by(&policy, &nameless.clone().claim(name, CLIENT));
            accepted_by(&policy, &untyped.clone().claim(name, CLIENT));
        }
        // Where `typ` says so, nothing else has to.
        accepted_by(&policy, &nameless.header("typ", "at+jwt"));
    }
}

#[test]
fn t_clm_14_an_id_token_of_entra_is_no_machine() {
    let claims = json!({
        "aud": AUDIENCE,
        "name": "A User",
        "oid": USER,
        "preferred_username": "user@example.com",
        "sub": "AAAA",
        "tid": "t",
        "ver": "2.0",
    });
    let id_token = with_claims(&claims).header("typ", "JWT");
    let reason = refused_by(&by(Profile::Entra), &id_token);
    assert_eq!(reason, InvalidToken::TypNotAccepted);
    let machine = id_token.claim("azp", CLIENT).claim("idtyp", "app");
    let principal = accepted_by(&by(Profile::Entra), &machine);
    assert_eq!(principal.kind(), PrincipalKind::Machine);
}

/// An access token without any mark, and nothing but what [`Profile::Generic`] requires.
fn plain() -> Token {
    with_claims(&json!({"aud": AUDIENCE, "sub": USER})).header("typ", "JWT")
}

#[test]
fn t_jws_30_generic_believes_a_token_that_says_it_is_of_another_kind() {
    let generic = by(Profile::Generic);
    for (name, access, others) in [
        (
            "typ",
            &["Bearer", "JWT", "at+jwt"][..],
            &[
                json!("ID"),
                json!("Refresh"),
                json!("Offline"),
                json!("Logout"),
                json!("bearer"),
                json!(""),
                json!(5),
                json!(["Bearer"]),
            ][..],
        ),
        (
            "token_use",
            &["access"],
            &[
                json!("id"),
                json!("refresh"),
                json!("Access"),
                json!(""),
                json!(true),
                json!(["access"]),
            ],
        ),
    ] {
        for kind in access {
            accepted_by(&generic, &plain().claim(name, *kind));
        }
        for kind in others {
            // A scope does not make up for it.
            for token in [plain(), plain().claim("scope", "read")] {
                let reason = refused_by(&generic, &token.claim(name, kind.clone()));
                assert_eq!(reason, InvalidToken::TypNotAccepted, "{name} {kind}");
            }
            // The header's `typ` makes up for the one claim, and not for the claim of its name.
            let typed = plain().header("typ", "at+jwt").claim(name, kind.clone());
            if name == "typ" {
                let reason = refused_by(&generic, &typed);
                assert_eq!(reason, InvalidToken::TypNotAccepted, "{name} {kind}");
            } else {
                accepted_by(&generic, &typed);
            }
        }
    }
}

#[test]
fn t_jws_30_generic_knows_an_id_token_by_the_login_it_tells_of() {
    let generic = by(Profile::Generic);
    accepted_by(&generic, &plain());
    for (name, value) in [
        ("auth_time", json!(1_700_000_000)),
        ("sid", json!("s")),
        ("acr", json!("1")),
        ("amr", json!(["pwd"])),
    ] {
        let login = || plain().claim(name, value.clone());
        for token in [
            login(),
            login().without_header("typ"),
            login().header("typ", "JOSE"),
            // Neither of these is a claim of access tokens alone.
            login().claim("azp", CLIENT),
            login().claim("jti", "1"),
            login().claim("scope", json!(null)),
        ] {
            let reason = refused_by(&generic, &token);
            assert_eq!(reason, InvalidToken::TypNotAccepted, "{name}");
        }
        for (access, value) in [
            ("scope", ""),
            ("scp", "read"),
            ("client_id", CLIENT),
            ("cid", CLIENT),
            ("appid", CLIENT),
        ] {
            accepted_by(&generic, &login().claim(access, value));
        }
        accepted_by(&generic, &login().header("typ", "at+jwt"));
        accepted_by(&generic, &plain().claim(name, json!(null)));
    }
}

#[test]
fn a_jws_02_generic_accepts_the_access_tokens_of_each_issuer() {
    for token in [auth0(), okta(), entra(), keycloak(), good(), plain()] {
        let principal = accepted_by(&by(Profile::Generic), &token);
        assert_eq!(principal.kind(), PrincipalKind::User);
    }
    let with_aud = cognito().claim("aud", AUDIENCE);
    accepted_by(&by(Profile::Generic), &with_aud);
}

#[test]
fn t_clm_14_without_a_subject_there_is_nobody() {
    for (profile, token) in [
        (Profile::Rfc9068, good()),
        (Profile::Auth0, auth0()),
        (Profile::Cognito, cognito()),
        (Profile::Entra, entra()),
        (Profile::Generic, plain()),
        (Profile::Keycloak, keycloak()),
        (Profile::Okta, okta()),
    ] {
        accepted_by(&by(profile), &token);
        for nobody in [
            token.clone().without_claim("sub"),
            token.clone().claim("sub", json!(null)),
            token.claim("sub", ""),
        ] {
            let reason = refused_by(&by(profile), &nobody);
            assert_eq!(reason, InvalidToken::ClaimMissing, "{profile}");
        }
    }
}

/// Each token of the profile's own issuer, and Authgear's.
fn of_each_profile() -> [(Profile, Token); 7] {
    [
        (Profile::Rfc9068, good()),
        (Profile::Auth0, auth0()),
        (Profile::Cognito, cognito()),
        (Profile::Entra, entra()),
        (Profile::Generic, plain()),
        (Profile::Keycloak, keycloak()),
        (Profile::Okta, okta()),
    ]
}

#[test]
fn t_clm_22_a_claim_typ_of_another_kind_refuses_under_every_profile() {
    for (profile, token) in of_each_profile() {
        accepted_by(&by(profile), &token);
        accepted_by(&by(profile), &token.clone().claim("typ", "Bearer"));
        for kind in [
            json!("ID"),
            json!("Refresh"),
            json!("Offline"),
            json!("Logout"),
            json!("InitialAccessToken"),
            json!("RegistrationAccessToken"),
            json!("DPoP"),
            json!("id"),
            json!(""),
            json!(1),
            json!(["Bearer"]),
            json!({ "Bearer": "Bearer" }),
        ] {
            let spoilt = token.clone().claim("typ", kind.clone());
            // No header and no scope makes up for it.
            let typed = spoilt.clone().header("typ", "at+jwt");
            for token in [spoilt.clone(), typed, spoilt.claim("scope", "read")] {
                let reason = refused_by(&by(profile), &token);
                assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile} {kind}");
            }
        }
    }
}

#[test]
fn t_clm_22_an_id_token_after_a_refresh_is_refused() {
    // Spring Authorization Server's, which has no mark of an ID token; `aud` is the client.
    let claims = json!({
        "aud": AUDIENCE,
        "auth_time": 1_700_000_000,
        "azp": AUDIENCE,
        "sid": "s",
        "sub": USER,
    });
    let id_token = with_claims(&claims);
    for token in [
        id_token.clone().without_header("typ"),
        id_token.clone().header("typ", "JWT"),
        id_token.without_header("typ").claim("jti", "j"),
    ] {
        for profile in Profile::ALL {
            let reason = refused_by(&by(*profile), &token);
            // These are recognised by what they lack.
            let others = [
                (Profile::AwsAlb, InvalidToken::AudMissing),
                (Profile::Okta, InvalidToken::ClaimMissing),
            ];
            let other = others.iter().find(|(other, _)| other == profile);
            let expected = other.map_or(InvalidToken::TypNotAccepted, |(_, reason)| *reason);
            assert_eq!(reason, expected, "{profile}");
        }
    }
}

#[test]
fn t_clm_22_under_auth0_and_entra_a_login_is_for_something() {
    let unmarked = |token: Token| {
        ["scope", "scp"]
            .into_iter()
            .fold(token, |token, name| token.without_claim(name))
    };
    for (profile, token) in [
        (Profile::Auth0, unmarked(auth0())),
        (Profile::Entra, unmarked(entra())),
    ] {
        // Nothing tells of a login, and the client is named.
        accepted_by(&by(profile), &token);
        for (login, value) in [
            ("auth_time", json!(1_700_000_000)),
            ("sid", json!("s")),
            ("acr", json!("1")),
            ("amr", json!(["pwd"])),
        ] {
            let login = token.clone().claim(login, value);
            for token in [
                login.clone(),
                login.clone().claim("scope", json!(null)),
                // By these another issuer would say it.
                login.clone().claim("cid", CLIENT),
                login.clone().claim("jti", "1"),
            ] {
                let reason = refused_by(&by(profile), &token);
                assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile}");
            }
            for (access, value) in [
                ("scope", json!("read")),
                ("scp", json!("read")),
                ("permissions", json!(["read:x"])),
                ("roles", json!(["x"])),
                ("gty", json!("password")),
                ("idtyp", json!("user")),
                ("appid", json!(CLIENT)),
            ] {
                accepted_by(&by(profile), &login.clone().claim(access, value));
            }
            accepted_by(&by(profile), &login.header("typ", "at+jwt"));
        }
    }
}

#[test]
fn t_pop_01_a_bound_token_of_keycloak_lacks_its_proof() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let cnf = json!({ "jkt": jkt, "kc-jkt-type": "DPoP" });
    let bound = |token: Token| token.claim("typ", "DPoP").claim("cnf", cnf.clone());
    for (profile, token) in of_each_profile() {
        let expected = if matches!(profile, Profile::Generic | Profile::Keycloak) {
            InvalidToken::CnfNotProven
        } else {
            InvalidToken::TypNotAccepted
        };
        let reason = refused_by(&by(profile), &bound(token.clone()));
        assert_eq!(reason, expected, "{profile}");
        let typed = bound(token.clone()).header("typ", "at+jwt");
        assert_eq!(refused_by(&by(profile), &typed), expected, "{profile}");
        let alone = bound(token.clone()).claim("cnf", json!({ "jkt": jkt }));
        assert_eq!(refused_by(&by(profile), &alone), expected, "{profile}");
        // Bound by nothing, or otherwise.
        for cnf in [
            json!({}),
            json!(null),
            json!({ "jkt": 1 }),
            json!({ "x5t#S256": jkt }),
            json!(jkt),
        ] {
            let token = bound(token.clone()).claim("cnf", cnf);
            let reason = refused_by(&by(profile), &token);
            assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile}");
        }
    }
}

fn kind(profile: Profile, token: &Token) -> PrincipalKind {
    accepted_by(&by(profile), token).kind()
}

const MACHINE: PrincipalKind = PrincipalKind::Machine;
const UNKNOWN: PrincipalKind = PrincipalKind::Unknown;
const A_USER: PrincipalKind = PrincipalKind::User;

#[test]
fn the_marks_of_a_machine_at_each_issuer() {
    let token = auth0().claim("sub", format!("{CLIENT}@clients"));
    assert_eq!(kind(Profile::Auth0, &token), MACHINE);
    let token = auth0().claim("gty", "client-credentials");
    assert_eq!(kind(Profile::Auth0, &token), MACHINE);
    let token = auth0().claim("gty", "password");
    assert_eq!(kind(Profile::Auth0, &token), A_USER);

    let token = entra().claim("idtyp", "app");
    assert_eq!(kind(Profile::Entra, &token), MACHINE);
    let token = entra().without_claim("scp").claim("roles", json!(["x"]));
    assert_eq!(kind(Profile::Entra, &token), MACHINE);
    // A machine does not log in.
    assert_eq!(kind(Profile::Entra, &token.claim("sid", "s")), UNKNOWN);
    let token = entra().without_claim("scp").claim("idtyp", "user");
    assert_eq!(kind(Profile::Entra, &token), A_USER);

    let machine = okta().without_claim("uid").claim("sub", CLIENT);
    assert_eq!(kind(Profile::Okta, &machine), MACHINE);
    let machine = machine.claim("uid", json!(null));
    assert_eq!(kind(Profile::Okta, &machine), MACHINE);
    let neither = okta().without_claim("uid");
    assert_eq!(kind(Profile::Okta, &neither), UNKNOWN);

    let machine = cognito().without_claim("username").claim("sub", AUDIENCE);
    assert_eq!(kind(Profile::Cognito, &machine), MACHINE);
    let neither = cognito().without_claim("username");
    assert_eq!(kind(Profile::Cognito, &neither), UNKNOWN);

    // The marks of one issuer mean nothing at another.
    let token = good()
        .claim("gty", "client-credentials")
        .claim("idtyp", "app")
        .claim("jti", "trrtcc:1");
    assert_eq!(kind(Profile::Rfc9068, &token), A_USER);
}

#[test]
fn the_marks_of_a_machine_at_keycloak() {
    let kind = |token: Token| kind(Profile::Keycloak, &token);
    assert_eq!(kind(keycloak()), A_USER);
    // A service account has this claim, and alone has it; the name that goes with it is no matter.
    let service_account = || keycloak().claim("client_id", CLIENT);
    assert_eq!(kind(service_account()), MACHINE);
    let nameless = service_account().without_claim("preferred_username");
    assert_eq!(kind(nameless), MACHINE);
    assert_eq!(kind(keycloak().claim("client_id", json!(null))), A_USER);
    // Exchanged by another client, or not to be compared: who it is, is not told.
    let exchanged = service_account().claim("client_id", "another");
    assert_eq!(kind(exchanged), UNKNOWN);
    assert_eq!(kind(service_account().without_claim("azp")), UNKNOWN);
    let empty = service_account().claim("azp", "").claim("client_id", "");
    assert_eq!(kind(empty), UNKNOWN);
    // Older realms have it under another name.
    let older = keycloak().without_claim("sid").claim("clientId", CLIENT);
    assert_eq!(kind(older.clone()), MACHINE);
    assert_eq!(kind(older.claim("clientId", "another")), UNKNOWN);
    // Without any mark it may be one, and without the session of a login as well.
    assert_eq!(kind(keycloak().without_claim("sid")), UNKNOWN);
    let older = keycloak().without_claim("sid").claim("session_state", "s");
    assert_eq!(kind(older), A_USER);
    // A user has logged in, so a claim of service accounts does not make this token a machine's.
    assert_eq!(kind(service_account().claim("jti", "onrtac:1")), UNKNOWN);
    // A session for one token, exchanged: of a service account, most likely.
    assert_eq!(kind(keycloak().claim("jti", "trrtte:1")), UNKNOWN);
    assert_eq!(kind(service_account().claim("jti", "trrtte:1")), MACHINE);
    // Without the scope that puts it there, the grant tells.
    for jti in ["trrtcc:1", "trltcc:1", "onrtcc:1", "ofltcc:"] {
        assert_eq!(kind(keycloak().claim("jti", jti)), MACHINE, "{jti}");
    }
    for jti in [
        "onrtro:1",
        "onrtac:1",
        "ntrtte:1",
        "trrtcc",
        "trrtcc-1",
        "rtcc:1",
        "xtrrtcc:1",
        "trxxcc:1",
        "TRRTCC:1",
        "1:trrtcc:",
        "é",
        "ééétcc:",
    ] {
        assert_eq!(kind(keycloak().claim("jti", jti)), A_USER, "{jti}");
    }
}

#[test]
fn t_clm_21_a_name_that_users_choose_makes_no_machine() {
    for name in [
        "service-account-evil",
        &format!("service-account-{CLIENT}"),
        &format!("{CLIENT}@clients"),
        &format!("client_id_{CLIENT}"),
        CLIENT,
        "trrtcc:1",
    ] {
        for (profile, token) in [
            (Profile::Auth0, auth0()),
            (Profile::Cognito, cognito()),
            (Profile::Entra, entra()),
            (Profile::Generic, auth0()),
            (Profile::Keycloak, keycloak()),
            (Profile::Okta, okta()),
            (Profile::Rfc9068, good()),
        ] {
            let token = token
                .claim("preferred_username", name)
                .claim("name", name)
                .claim("nickname", name)
                .claim("email", "client-credentials@example.com");
            assert_eq!(kind(profile, &token), A_USER, "{profile} {name}");
        }
    }
    // Where `sub` is the name of an account, it may be chosen as well.
    for subject in [CLIENT.to_owned(), format!("client_id_{CLIENT}")] {
        for (profile, token) in [
            (Profile::Auth0, auth0()),
            (Profile::Cognito, cognito()),
            (Profile::Entra, entra()),
            (Profile::Keycloak, keycloak()),
            (Profile::Okta, okta()),
        ] {
            let token = token.claim("sub", subject.clone());
            assert_eq!(kind(profile, &token), A_USER, "{profile} {subject}");
        }
    }
    let name = cognito().claim("sub", AUDIENCE);
    assert_eq!(kind(Profile::Cognito, &name), A_USER);
    let name = okta().claim("sub", CLIENT);
    assert_eq!(kind(Profile::Okta, &name), A_USER);
}

#[test]
fn t_clm_21_where_nothing_marks_a_machine_the_kind_is_unknown() {
    let kind = |token: &Token| kind(Profile::Generic, token);
    assert_eq!(kind(&plain()), A_USER);
    // Spring Authorization Server: `sub` and `aud` are the client, and a user may have its name.
    let named = |aud| plain().claim("aud", aud).claim("sub", AUDIENCE);
    assert_eq!(kind(&named(json!(AUDIENCE))), UNKNOWN);
    assert_eq!(kind(&named(json!(["other", AUDIENCE]))), UNKNOWN);
    assert_eq!(
        kind(&plain().claim("aud", json!([AUDIENCE, USER]))),
        UNKNOWN
    );
    for name in ["client_id", "azp", "cid", "appid"] {
        let token = plain().claim(name, CLIENT);
        assert_eq!(kind(&token), A_USER, "{name}");
        for subject in [
            CLIENT.to_owned(),
            format!("client_id_{CLIENT}"),
            format!("{CLIENT}@clients"),
        ] {
            let token = token.clone().claim("sub", subject);
            assert_eq!(kind(&token), UNKNOWN, "{name}");
        }
        for subject in [
            CLIENT.to_uppercase(),
            format!("{CLIENT}x"),
            format!("{CLIENT}@client"),
            "client_id_".to_owned(),
            "@clients".to_owned(),
        ] {
            let token = token.clone().claim("sub", subject);
            assert_eq!(kind(&token), A_USER, "{name}");
        }
    }
    // Without a client there is none to be like.
    for subject in ["client_id_", "@clients", "client_id_x", "x@clients"] {
        assert_eq!(kind(&plain().claim("sub", subject)), A_USER, "{subject}");
    }
}

#[test]
fn kinds_are_spelt_one_way() {
    let spelt = [A_USER, MACHINE, UNKNOWN].map(PrincipalKind::as_str);
    assert_eq!(spelt, ["user", "machine", "unknown"]);
}

#[test]
fn no_profile_loosens_issuer_audience_or_times() {
    for (profile, token) in [
        (Profile::Auth0, auth0()),
        (Profile::Okta, okta()),
        (Profile::Entra, entra()),
        (Profile::Keycloak, keycloak()),
        (Profile::Generic, good()),
    ] {
        let reason = |token: Token| refused_by(&by(profile), &token);
        let token = || token.clone();
        assert_eq!(
            reason(token().claim("iss", "x")),
            InvalidToken::IssuerUnknown
        );
        assert_eq!(reason(token().claim("aud", "x")), InvalidToken::AudMismatch);
        assert_eq!(
            reason(token().without_claim("aud")),
            InvalidToken::AudMissing
        );
        assert_eq!(reason(token().claim("exp", 0)), InvalidToken::TokenExpired);
        assert_eq!(
            reason(token().without_claim("exp")),
            InvalidToken::ExpMissing
        );
        let nbf = token().claim("nbf", 9_999_999_999_u64);
        assert_eq!(reason(nbf), InvalidToken::TokenNotYetValid);
    }
}
