//! Access tokens of the providers that have a profile, and the other tokens that they sign.

use bearward_core::rejection::InvalidToken;
use bearward_core::{Policy, PrincipalKind, Profile};
use bearward_testing::Token;
use bearward_testing::providers::{all, with_claims};
use serde_json::json;

use crate::fixture::{AUDIENCE, ISSUER, NOW, accepted_by, refused_by, settings};

const MACHINE: PrincipalKind = PrincipalKind::Machine;
const UNKNOWN: PrincipalKind = PrincipalKind::Unknown;
const USER: PrincipalKind = PrincipalKind::User;

const NO_ACCESS: InvalidToken = InvalidToken::TypNotAccepted;

/// A token with `typ` `JWT` and these claims, in addition to `iss`, `exp` and `iat`.
fn jwt(claims: &serde_json::Value) -> Token {
    with_claims(claims).header("typ", "JWT")
}

fn by(profile: Profile) -> Policy {
    settings().profile(profile).build().unwrap()
}

fn access_of(profile: Profile) -> Token {
    access_token(profile).unwrap()
}

/// The access token of a provider, as its documentation shows it.
pub(crate) fn access_token(profile: Profile) -> Option<Token> {
    let mut all = all().into_iter();
    let provider = all.find(|provider| provider.profile == profile);
    provider.map(|provider| provider.access)
}

#[test]
fn a_jws_02_each_provider_is_admitted_under_its_profile() {
    for provider in all() {
        let profile = provider.profile;
        let principal = accepted_by(&by(profile), &provider.access);
        assert_eq!(principal.client_id(), provider.client, "{profile}");
        assert_eq!(principal.kind(), provider.kind, "{profile}");
        let sub = provider.access.claims()["sub"].clone();
        assert_eq!(principal.subject(), sub, "{profile}");
    }
}

#[test]
fn t_jws_30_the_other_tokens_of_each_provider_are_refused() {
    for provider in all() {
        let profile = provider.profile;
        for (token, expected) in provider.others {
            let reason = refused_by(&by(profile), &token);
            assert_eq!(reason, expected, "{profile} {}", token.claims());
        }
    }
}

/// An ID token with every mark, as each of them might write it.
#[test]
fn t_jws_30_an_id_token_of_openid_connect_is_refused_at_each_provider() {
    let id_token = jwt(&json!({
        "at_hash": "h", "aud": AUDIENCE, "auth_time": 1_699_999_000, "c_hash": "h", "nonce": "n",
        "sub": "user-1",
    }));
    for provider in all() {
        let reason = refused_by(&by(provider.profile), &id_token);
        assert_eq!(reason, NO_ACCESS, "{}", provider.profile);
    }
}

#[test]
fn a_jws_02_further_shapes_of_providers() {
    let machine_of_cloudflare = access_of(Profile::CloudflareAccess).claim("sub", "");
    let machine_of_cloudflare = machine_of_cloudflare
        .without_claim("identity_nonce")
        .claim("common_name", "e367826f.access");
    let principal = accepted_by(&by(Profile::CloudflareAccess), &machine_of_cloudflare);
    assert_eq!(principal.kind(), MACHINE);
    assert_eq!(principal.subject(), "e367826f.access");
    assert_eq!(principal.client_id(), Some("e367826f.access"));

    let oauth_of_clerk = with_claims(&json!({
        "aud": AUDIENCE, "client_id": "c", "jti": "oat_1", "scope": "read", "sub": "user_1",
    }));
    let principal = accepted_by(&by(Profile::Clerk), &oauth_of_clerk.header("typ", "at+jwt"));
    assert_eq!(principal.client_id(), Some("c"));

    let machine_of_workos = access_of(Profile::WorkOs)
        .without_claim("sid")
        .claim("sub", "client_01");
    let principal = accepted_by(&by(Profile::WorkOs), &machine_of_workos);
    assert_eq!(principal.kind(), MACHINE);

    let of_iap = jwt(&json!({
        "aud": [AUDIENCE], "email": "user@example.com", "hd": "example.com",
        "sub": "accounts.google.com:1",
    }));
    let principal = accepted_by(&by(Profile::Google), &of_iap);
    assert_eq!(principal.kind(), USER);
    let assertion = of_iap.claim("azp", AUDIENCE);
    assert_eq!(accepted_by(&by(Profile::Google), &assertion).kind(), USER);
    let signed_in = jwt(&json!({
        "aud": AUDIENCE, "azp": "1234-a.apps.googleusercontent.com", "sub": "1",
    }));
    accepted_by(&by_audience(Profile::Google), &signed_in);

    let by_another_client = access_of(Profile::Dex)
        .claim("aud", json!([AUDIENCE, "b"]))
        .claim("azp", "b");
    let principal = accepted_by(&by(Profile::Dex), &by_another_client);
    assert_eq!(principal.client_id(), Some("b"));
    // Of several audiences, none is known to be the client.
    let nameless = access_of(Profile::Spring).claim("aud", json!([AUDIENCE, "b"]));
    assert_eq!(
        accepted_by(&by(Profile::Spring), &nameless).client_id(),
        None
    );

    let service_of_supabase = access_of(Profile::Supabase).claim("role", "service_role");
    assert_eq!(
        accepted_by(&by(Profile::Supabase), &service_of_supabase).kind(),
        MACHINE
    );
    let client_of_ory = access_of(Profile::Ory).claim("sub", "c");
    assert_eq!(
        accepted_by(&by(Profile::Ory), &client_of_ory).kind(),
        UNKNOWN
    );
    let machine_of_authentik = access_of(Profile::Authentik).without_claim("sid");
    assert_eq!(
        accepted_by(&by(Profile::Authentik), &machine_of_authentik).kind(),
        UNKNOWN
    );
    let jose = access_of(Profile::Spiffe).header("typ", "JOSE");
    assert_eq!(accepted_by(&by(Profile::Spiffe), &jose).kind(), MACHINE);
}

/// Of both, neither or empty marks, who it is is not known.
#[test]
fn t_clm_14_contradictory_marks_make_nobody_a_machine() {
    let both = access_of(Profile::CloudflareAccess).claim("common_name", "x.access");
    let principal = accepted_by(&by(Profile::CloudflareAccess), &both);
    assert_eq!(principal.kind(), UNKNOWN);
    let neither = access_of(Profile::CloudflareAccess).without_claim("identity_nonce");
    assert_eq!(
        accepted_by(&by(Profile::CloudflareAccess), &neither).kind(),
        UNKNOWN
    );
    for sub in [json!(""), json!(null)] {
        let nobody = access_of(Profile::CloudflareAccess).claim("sub", sub);
        let reason = refused_by(&by(Profile::CloudflareAccess), &nobody);
        assert_eq!(reason, InvalidToken::ClaimMissing);
        let empty = nobody.clone().claim("common_name", "");
        let reason = refused_by(&by(Profile::CloudflareAccess), &empty);
        assert_eq!(reason, InvalidToken::ClaimMissing);
        let number = nobody.claim("common_name", 5);
        let reason = refused_by(&by(Profile::CloudflareAccess), &number);
        assert_eq!(reason, InvalidToken::ClaimType);
    }
    let number = access_of(Profile::CloudflareAccess).claim("sub", 5);
    let reason = refused_by(&by(Profile::CloudflareAccess), &number);
    assert_eq!(reason, InvalidToken::ClaimType);
}

#[test]
fn t_jws_30_generic_needs_more_than_a_nonce() {
    let generic = by(Profile::Generic);
    let asked = || jwt(&json!({ "aud": AUDIENCE, "nonce": "n", "sub": "user-1" }));
    assert_eq!(refused_by(&generic, &asked()), NO_ACCESS);
    assert_eq!(refused_by(&generic, &asked().claim("azp", "c")), NO_ACCESS);
    for (name, value) in [
        ("scope", "read"),
        ("scp", ""),
        ("client_id", "c"),
        ("cid", "c"),
        ("appid", "c"),
    ] {
        accepted_by(&generic, &asked().claim(name, value));
        let login = asked().claim(name, value).claim("auth_time", 1_699_999_000);
        // ZITADEL writes `client_id` into ID tokens.
        match name {
            "scope" | "scp" => drop(accepted_by(&generic, &login)),
            _ => assert_eq!(refused_by(&generic, &login), NO_ACCESS, "{name}"),
        }
        for hash in ["at_hash", "c_hash", "s_hash"] {
            let id_token = asked().claim(name, value).claim(hash, "h");
            assert_eq!(refused_by(&generic, &id_token), NO_ACCESS, "{name} {hash}");
        }
    }
}

fn by_audience(profile: Profile) -> Policy {
    let settings = settings().profile(profile).tokens_by_audience();
    settings.build().unwrap()
}

#[test]
fn tokens_by_audience_admits_what_cannot_be_told_from_an_id_token() {
    let generic = by_audience(Profile::Generic);
    for provider in all() {
        // The one names no subject, and the other its audience elsewhere.
        if ![Profile::AwsAlb, Profile::CloudflareAccess].contains(&provider.profile) {
            accepted_by(&generic, &provider.access);
        }
    }
    // The operator vouches that there is no ID token for this audience.
    let id_token = Token::id_token("https://auth.example", AUDIENCE, NOW).claim("nonce", "n");
    accepted_by(&generic, &id_token);
    accepted_by(&generic, &id_token.clone().without_header("typ"));
    let reason = refused_by(&by(Profile::Generic), &id_token);
    assert_eq!(reason, NO_ACCESS);
    // What else the profile requires, it requires now.
    for typ in ["JWT", "JOSE", "at+jwt"] {
        let strict = by_audience(Profile::Rfc9068);
        let reason = refused_by(&strict, &id_token.clone().header("typ", typ));
        assert_eq!(reason, InvalidToken::ClaimMissing);
        accepted_by(&strict, &crate::fixture::good().header("typ", typ));
    }
    let other = id_token.claim("aud", "other");
    assert_eq!(refused_by(&generic, &other), InvalidToken::AudMismatch);
}

/// It has no `scp`, as a machine's token has none, but names a person or a login.
#[test]
fn t_clm_14_an_id_token_of_entra_by_audience_is_no_machine() {
    let entra = by_audience(Profile::Entra);
    let machine = jwt(&json!({ "appid": "c", "aud": AUDIENCE, "oid": "o", "sub": "o" }));
    assert_eq!(accepted_by(&entra, &machine).kind(), MACHINE);
    for mark in ["nonce", "name", "preferred_username", "auth_time"] {
        let value = if mark == "auth_time" {
            json!(1)
        } else {
            json!("x")
        };
        let id_token = machine.clone().claim(mark, value);
        assert_eq!(accepted_by(&entra, &id_token).kind(), UNKNOWN, "{mark}");
    }
}

#[test]
fn t_clm_22_tokens_by_audience_refuses_what_says_it_is_of_another_kind() {
    for profile in Profile::ALL {
        let policy = by_audience(*profile);
        assert!(policy.tokens_by_audience());
        let token = crate::profiles::sample(*profile);
        accepted_by(&policy, &token);
        for kind in ["ID", "Refresh", "Offline", "Logout", "DPoP", ""] {
            let reason = refused_by(&policy, &token.clone().claim("typ", kind));
            assert_eq!(reason, NO_ACCESS, "{profile} {kind}");
        }
        for mark in ["events", "htm", "htu"] {
            let reason = refused_by(&policy, &token.clone().claim(mark, "x"));
            assert_eq!(reason, NO_ACCESS, "{profile} {mark}");
        }
        for token_use in ["id", "refresh"] {
            let reason = refused_by(&policy, &token.clone().claim("token_use", token_use));
            assert_eq!(reason, NO_ACCESS, "{profile}");
        }
        for typ in [
            "logout+jwt",
            "dpop+jwt",
            "secevent+jwt",
            "id-token",
            "idtoken",
            "RT",
            "refreshtoken",
            "ID",
            "refresh_token",
        ] {
            let reason = refused_by(&policy, &token.clone().header("typ", typ));
            assert_eq!(reason, NO_ACCESS, "{profile} {typ}");
        }
    }
    // The issuer's own mark.
    let team = access_of(Profile::CloudflareAccess).claim("type", "org");
    let reason = refused_by(&by_audience(Profile::CloudflareAccess), &team);
    assert_eq!(reason, NO_ACCESS);
    let refresh = access_of(Profile::Descope).claim("drn", "DSR");
    assert_eq!(
        refused_by(&by_audience(Profile::Descope), &refresh),
        NO_ACCESS
    );
    let elsewhere = access_of(Profile::Spiffe).claim("sub", "https://example.org/x");
    assert_eq!(
        refused_by(&by_audience(Profile::Spiffe), &elsewhere),
        NO_ACCESS
    );
}

#[test]
fn a_jwt_svid_without_iss_is_from_the_trust_domain_of_its_subject() {
    let of = |issuer: &str, profile| {
        let policy = Policy::builder(issuer, AUDIENCE).profile(profile);
        policy.build().expect("a policy")
    };
    let domain = of("spiffe://example.org", Profile::Spiffe);
    let svid = || access_of(Profile::Spiffe).without_claim("iss");
    let principal = accepted_by(&domain, &svid());
    assert_eq!(principal.issuer(), "spiffe://example.org");
    assert_eq!(principal.subject(), "spiffe://example.org/billing");
    for same in [json!("spiffe://example.org"), json!(null), json!("")] {
        accepted_by(&domain, &svid().claim("iss", same));
    }
    let unknown = InvalidToken::IssuerUnknown;
    for (claim, value, reason) in [
        ("sub", json!("spiffe://other.example/billing"), unknown),
        ("sub", json!("spiffe://example.org.evil.example/x"), unknown),
        (
            "sub",
            json!("spiffe://example.org"),
            InvalidToken::IssMissing,
        ),
        (
            "sub",
            json!("https://example.org/x"),
            InvalidToken::IssMissing,
        ),
        (
            "sub",
            json!(["spiffe://example.org/x"]),
            InvalidToken::IssMissing,
        ),
        ("sub", json!(null), InvalidToken::IssMissing),
        ("iss", json!(ISSUER), unknown),
        ("iss", json!("spiffe://other.example"), unknown),
        ("iss", json!(1), InvalidToken::IssType),
    ] {
        let token = svid().claim(claim, value.clone());
        assert_eq!(refused_by(&domain, &token), reason, "{claim} {value}");
    }
    // `iss` names the domain, and the subject is of another.
    let stranger = svid().claim("iss", "spiffe://example.org");
    let stranger = stranger.claim("sub", "spiffe://other.example/x");
    assert_eq!(refused_by(&domain, &stranger), unknown);
    // Of every other issuer, `iss` stays required, whatever the subject is.
    let named = of(ISSUER, Profile::Spiffe);
    accepted_by(&named, &access_of(Profile::Spiffe));
    for (policy, reason) in [
        (named, unknown),
        (of("spiffe://other.example", Profile::Spiffe), unknown),
        (
            of("spiffe://example.org", Profile::Generic),
            InvalidToken::IssMissing,
        ),
    ] {
        let token = svid().claim("client_id", "x");
        assert_eq!(refused_by(&policy, &token), reason, "{policy:?}");
    }
}

#[test]
fn the_subject_may_be_another_claim() {
    let named = || {
        let settings = settings().profile(Profile::Generic);
        settings.subject_claim("upn").build().unwrap()
    };
    let token = || jwt(&json!({ "appid": "a", "aud": AUDIENCE, "scp": "openid" }));
    let principal = accepted_by(&named(), &token().claim("upn", "a@x.test"));
    assert_eq!(principal.subject(), "a@x.test");
    // `sub` is not read then.
    let both = token().claim("upn", "a@x.test").claim("sub", 5);
    assert_eq!(accepted_by(&named(), &both).subject(), "a@x.test");
    let escaped = token().claim("upn", "a\"b");
    assert_eq!(accepted_by(&named(), &escaped).subject(), "a\"b");
    let nested = settings()
        .profile(Profile::Generic)
        .subject_claim(["ext", "id"]);
    let nested = nested.build().unwrap();
    let principal = accepted_by(&nested, &token().claim("ext", json!({ "id": "7" })));
    assert_eq!(principal.subject(), "7");
    let required: Vec<_> = nested.required_claims().collect();
    assert_eq!(required, [""; 0]);
    let path = nested.subject_claim().unwrap();
    assert_eq!(path.names().collect::<Vec<_>>(), ["ext", "id"]);
}

#[test]
fn t_clm_12_13_a_subject_by_another_claim_is_required_and_a_string() {
    let named = settings().profile(Profile::Generic).subject_claim("upn");
    let named = named.build().unwrap();
    let token = || jwt(&json!({ "appid": "a", "aud": AUDIENCE, "scp": "x", "sub": "other" }));
    for nobody in [
        token(),
        token().claim("upn", ""),
        token().claim("upn", json!(null)),
    ] {
        assert_eq!(refused_by(&named, &nobody), InvalidToken::ClaimMissing);
    }
    for value in [json!(5), json!(["a"]), json!({ "a": "b" }), json!(true)] {
        let reason = refused_by(&named, &token().claim("upn", value));
        assert_eq!(reason, InvalidToken::ClaimType);
    }
    // A member of that dotted name is another claim.
    let nested = settings()
        .profile(Profile::Generic)
        .subject_claim(["ext", "id"]);
    let dotted = token().claim("ext.id", "7");
    let reason = refused_by(&nested.build().unwrap(), &dotted);
    assert_eq!(reason, InvalidToken::ClaimMissing);
}

/// Whoever chooses the name that identifies them decides nothing else by it.
#[test]
fn t_clm_21_a_subject_by_another_claim_makes_no_machine() {
    let named = settings()
        .subject_claim("preferred_username")
        .build()
        .unwrap();
    let token = crate::fixture::good();
    let client = token.claims()["client_id"].clone();
    let named_like_its_client = token.claim("preferred_username", client);
    assert_eq!(accepted_by(&named, &named_like_its_client).kind(), USER);
    let without_sub = named_like_its_client.without_claim("sub");
    assert_eq!(accepted_by(&named, &without_sub).kind(), UNKNOWN);
}
