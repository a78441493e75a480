//! Access tokens of the providers that have a profile, each in the shape that its documentation or
//! source shows, and the other tokens that the same provider signs.

use bearward_core::rejection::InvalidToken;
use bearward_core::{Policy, PrincipalKind, Profile};
use bearward_testing::Token;
use serde_json::{Value, json};

use crate::fixture::{AUDIENCE, ISSUER, NOW, accepted_by, refused_by, settings};
use crate::profiles::bare;

const MACHINE: PrincipalKind = PrincipalKind::Machine;
const UNKNOWN: PrincipalKind = PrincipalKind::Unknown;
const USER: PrincipalKind = PrincipalKind::User;

/// What a provider signs.
struct Provider {
    profile: Profile,
    access: Token,
    client: Option<&'static str>,
    kind: PrincipalKind,
    /// Its tokens of other kinds, each with the reason that refuses it.
    others: Vec<(Token, InvalidToken)>,
}

/// A token with `typ` `JWT` and these claims, in addition to `iss`, `exp` and `iat`.
fn jwt(claims: &Value) -> Token {
    bare(claims).header("typ", "JWT")
}

/// The same without a `typ`.
fn untyped(claims: &Value) -> Token {
    bare(claims).without_header("typ")
}

fn by(profile: Profile) -> Policy {
    settings().profile(profile).build().unwrap()
}

const NO_ACCESS: InvalidToken = InvalidToken::TypNotAccepted;

fn adfs() -> Provider {
    Provider {
        profile: Profile::Adfs,
        access: jwt(&json!({
            "appid": "PDLAPI", "apptype": "Confidential", "aud": AUDIENCE,
            "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            "auth_time": "2017-04-03T10:21:15.733Z", "scp": "openid",
            "sub": "xBZpMT9zNKNyMjFsj4CF80crrwS/ATrfkgm4n4iYDFw=", "ver": "1.0",
        })),
        client: Some("PDLAPI"),
        kind: UNKNOWN,
        others: vec![(
            jwt(&json!({
                "aud": AUDIENCE, "auth_time": 1_491_214_875, "sub": "xBZp",
                "unique_name": "name", "upn": "name@domain.example",
            })),
            NO_ACCESS,
        )],
    }
}

fn authentik() -> Provider {
    let login = json!({
        "acr": "goauthentik.io/providers/oauth2/default", "amr": ["pwd"], "aud": AUDIENCE,
        "auth_time": 1_699_999_000, "groups": ["admins"], "nonce": "n", "sid": "s", "sub": "hash",
    });
    Provider {
        profile: Profile::Authentik,
        access: jwt(&login).claim("azp", "client").claim("uid", "u"),
        client: Some("client"),
        kind: USER,
        others: vec![
            (jwt(&login), NO_ACCESS),
            (
                jwt(&login).claim("at_hash", "h").claim("uid", "u"),
                NO_ACCESS,
            ),
        ],
    }
}

fn azure_b2c() -> Provider {
    let login = json!({
        "aud": AUDIENCE, "nonce": "n", "oid": "o", "sub": "user-1", "tfp": "B2C_1_signin",
        "ver": "1.0",
    });
    Provider {
        profile: Profile::AzureB2c,
        access: jwt(&login).claim("scp", "read").claim("azp", "client"),
        client: Some("client"),
        kind: UNKNOWN,
        others: vec![
            (jwt(&login), NO_ACCESS),
            (
                jwt(&login).claim("scp", "read").claim("at_hash", "h"),
                NO_ACCESS,
            ),
        ],
    }
}

fn clerk() -> Provider {
    let session = json!({
        "aud": AUDIENCE, "azp": "https://app.example", "jti": "j", "nbf": 1_699_999_990,
        "sid": "sess_1", "sub": "user_1",
    });
    Provider {
        profile: Profile::Clerk,
        access: jwt(&session).claim("v", 2).claim("fva", json!([0, -1])),
        client: None,
        kind: UNKNOWN,
        others: vec![
            (jwt(&session), NO_ACCESS),
            (
                jwt(&json!({
                    "aud": AUDIENCE, "at_hash": "h", "nonce": "n", "sub": "user_1", "v": 2,
                })),
                NO_ACCESS,
            ),
        ],
    }
}

fn cloudflare_access() -> Provider {
    let user = json!({
        "aud": [AUDIENCE], "country": "US", "email": "user@example.com",
        "identity_nonce": "6ei69kawdKzMIAPF", "nbf": 1_699_999_990, "sub": "7335d417", "type": "app",
    });
    Provider {
        profile: Profile::CloudflareAccess,
        access: jwt(&user),
        client: None,
        kind: USER,
        others: vec![(jwt(&user).claim("type", "org"), NO_ACCESS)],
    }
}

fn descope() -> Provider {
    let session = json!({
        "amr": ["email"], "aud": AUDIENCE, "drn": "DS", "sub": "U2CuCPuJgPWHGB5P4GmfbuPGhGVm",
    });
    Provider {
        profile: Profile::Descope,
        access: jwt(&session),
        client: None,
        kind: UNKNOWN,
        others: vec![(jwt(&session).claim("drn", "DSR"), NO_ACCESS)],
    }
}

fn dex() -> Provider {
    let token = json!({
        "at_hash": "h", "aud": AUDIENCE, "auth_time": 1_699_999_000, "jti": "j", "nonce": "n",
        "sid": "s", "sub": "Cg0wLTM4NS0yODA4OS0wEgRtb2Nr",
    });
    Provider {
        profile: Profile::Dex,
        access: untyped(&token),
        client: Some(AUDIENCE),
        kind: UNKNOWN,
        others: vec![
            (untyped(&token).claim("c_hash", "h"), NO_ACCESS),
            (untyped(&token).claim("events", json!({})), NO_ACCESS),
            (untyped(&token).without_claim("at_hash"), NO_ACCESS),
        ],
    }
}

fn firebase() -> Provider {
    let token = json!({
        "aud": AUDIENCE, "auth_time": 1_699_999_000, "email": "user@example.com",
        "firebase": { "identities": { "email": ["user@example.com"] }, "sign_in_provider": "password" },
        "sub": "uid", "user_id": "uid",
    });
    Provider {
        profile: Profile::Firebase,
        access: jwt(&token),
        client: None,
        kind: UNKNOWN,
        others: vec![
            (jwt(&token).claim("event_type", "beforeSignIn"), NO_ACCESS),
            (jwt(&token).without_claim("firebase"), NO_ACCESS),
        ],
    }
}

fn fusionauth() -> Provider {
    let login = json!({
        "aud": AUDIENCE, "auth_time": 1_699_999_000, "authenticationType": "PASSWORD", "jti": "j",
        "scope": "offline_access", "sid": "s", "sub": "00000000-0000-0000-0000-111111111111",
    });
    Provider {
        profile: Profile::FusionAuth,
        access: jwt(&login)
            .claim("applicationId", AUDIENCE)
            .claim("roles", json!(["admin"])),
        client: Some(AUDIENCE),
        kind: USER,
        others: vec![
            (jwt(&login), NO_ACCESS),
            (
                jwt(&login)
                    .claim("applicationId", AUDIENCE)
                    .claim("at_hash", "h"),
                NO_ACCESS,
            ),
        ],
    }
}

fn github_actions() -> Provider {
    let job = json!({
        "aud": AUDIENCE, "jti": "example-id", "ref": "refs/heads/main",
        "repository": "octo-org/octo-repo", "repository_id": "74", "repository_owner_id": "65",
        "sub": "repo:octo-org/octo-repo:environment:prod",
    });
    Provider {
        profile: Profile::GithubActions,
        access: jwt(&job).header("x5t", "example-thumbprint"),
        client: None,
        kind: MACHINE,
        others: vec![(jwt(&job).without_claim("repository"), NO_ACCESS)],
    }
}

fn gitlab() -> Provider {
    let job = json!({
        "aud": AUDIENCE, "job_id": "302", "jti": "j", "namespace_id": "72", "project_id": "20",
        "project_path": "my-group/my-project",
        "sub": "project_path:my-group/my-project:ref_type:branch:ref:main", "user_id": "1",
    });
    Provider {
        profile: Profile::Gitlab,
        access: jwt(&job),
        client: None,
        kind: MACHINE,
        others: vec![(
            jwt(&json!({
                "aud": AUDIENCE, "auth_time": 1_699_999_000, "email": "user@example.com", "sub": "1",
                "sub_legacy": "x",
            })),
            NO_ACCESS,
        )],
    }
}

fn google() -> Provider {
    let account = json!({
        "aud": AUDIENCE, "azp": "110987294251917851298", "email": "x@developer.gserviceaccount.com",
        "email_verified": true, "sub": "110987294251917851298",
    });
    Provider {
        profile: Profile::Google,
        access: jwt(&account),
        client: Some("110987294251917851298"),
        kind: MACHINE,
        others: vec![
            (jwt(&account).claim("at_hash", "h"), NO_ACCESS),
            (jwt(&account).claim("nonce", "n"), NO_ACCESS),
            // A user who signed in with Google, without a nonce.
            (
                jwt(&account).claim("azp", "1234-a.apps.googleusercontent.com"),
                NO_ACCESS,
            ),
        ],
    }
}

fn kubernetes() -> Provider {
    let pod = json!({
        "aud": [AUDIENCE], "jti": "aed34954",
        "kubernetes.io": {
            "namespace": "my-namespace", "pod": { "name": "my-pod", "uid": "5e0bd49b" },
            "serviceaccount": { "name": "my-serviceaccount", "uid": "14ee3fa4" },
        },
        "nbf": 1_699_999_990, "sub": "system:serviceaccount:my-namespace:my-serviceaccount",
    });
    Provider {
        profile: Profile::Kubernetes,
        access: untyped(&pod),
        client: None,
        kind: MACHINE,
        others: vec![
            (untyped(&pod).without_claim("kubernetes.io"), NO_ACCESS),
            (untyped(&pod).claim("sub", "system:node:x"), NO_ACCESS),
        ],
    }
}

fn ory() -> Provider {
    let token = json!({
        "aud": [AUDIENCE], "client_id": "c", "ext": { "roles": ["a"] }, "jti": "j",
        "nbf": 1_699_999_990, "scp": ["read"], "sub": "user-1",
    });
    Provider {
        profile: Profile::Ory,
        access: jwt(&token),
        client: Some("c"),
        kind: USER,
        others: vec![
            (
                jwt(&json!({
                    "at_hash": "h", "aud": [AUDIENCE], "auth_time": 1_699_999_000, "jti": "j",
                    "rat": 1_699_999_000, "sid": "s", "sub": "user-1",
                })),
                NO_ACCESS,
            ),
            (jwt(&token).claim("rat", 1), NO_ACCESS),
        ],
    }
}

fn spiffe() -> Provider {
    let svid = json!({ "aud": [AUDIENCE], "sub": "spiffe://example.org/billing" });
    Provider {
        profile: Profile::Spiffe,
        access: jwt(&svid).without_claim("iat"),
        client: None,
        kind: MACHINE,
        others: vec![
            (
                jwt(&svid).claim("sub", "https://example.org/billing"),
                NO_ACCESS,
            ),
            (jwt(&svid).header("typ", "wit+jwt"), NO_ACCESS),
        ],
    }
}

fn spring() -> Provider {
    Provider {
        profile: Profile::Spring,
        access: untyped(&json!({
            "aud": AUDIENCE, "jti": "j", "nbf": 1_699_999_990, "scope": ["read"], "sub": "user",
        })),
        client: Some(AUDIENCE),
        kind: UNKNOWN,
        others: vec![(
            untyped(&json!({
                "aud": AUDIENCE, "auth_time": 1_699_999_000, "azp": AUDIENCE, "jti": "j", "sid": "s",
                "sub": "user",
            })),
            NO_ACCESS,
        )],
    }
}

fn supabase() -> Provider {
    Provider {
        profile: Profile::Supabase,
        access: jwt(&json!({
            "aal": "aal1", "amr": [{ "method": "password", "timestamp": 1_699_999_000 }],
            "aud": AUDIENCE, "email": "a@x.test", "is_anonymous": false, "phone": "",
            "role": "authenticated", "session_id": "s", "sub": "user-1",
        })),
        client: None,
        kind: USER,
        others: vec![(
            jwt(&json!({
                "aud": AUDIENCE, "auth_time": 1_699_999_000, "client_id": "c", "nonce": "n",
                "sub": "user-1",
            })),
            NO_ACCESS,
        )],
    }
}

fn workos() -> Provider {
    Provider {
        profile: Profile::WorkOs,
        access: untyped(&json!({
            "aud": AUDIENCE, "client_id": "client_01", "jti": "j", "org_id": "org_01",
            "permissions": ["read"], "sid": "app_consent_01", "sub": "user_01",
        })),
        client: Some("client_01"),
        kind: USER,
        others: vec![(
            untyped(&json!({
                "aud": AUDIENCE, "email": "user@example.com", "name": "User", "sub": "user_01",
            })),
            NO_ACCESS,
        )],
    }
}

fn zitadel() -> Provider {
    Provider {
        profile: Profile::Zitadel,
        access: jwt(&json!({
            "aud": ["client", AUDIENCE], "client_id": "client", "jti": "j", "nbf": 1_699_999_990,
            "sub": "163840776835432705",
            "urn:zitadel:iam:org:project:roles": { "admin": { "1": "x.zitadel.cloud" } },
        })),
        client: Some("client"),
        kind: UNKNOWN,
        others: vec![(
            jwt(&json!({
                "amr": ["pwd"], "at_hash": "h", "aud": ["client", AUDIENCE],
                "auth_time": 1_699_999_000, "azp": "client", "client_id": "client",
                "sub": "163840776835432705",
            })),
            NO_ACCESS,
        )],
    }
}

fn all() -> Vec<Provider> {
    vec![
        adfs(),
        authentik(),
        azure_b2c(),
        clerk(),
        cloudflare_access(),
        descope(),
        dex(),
        firebase(),
        fusionauth(),
        github_actions(),
        gitlab(),
        google(),
        kubernetes(),
        ory(),
        spiffe(),
        spring(),
        supabase(),
        workos(),
        zitadel(),
    ]
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
    let machine_of_cloudflare = cloudflare_access().access.claim("sub", "");
    let machine_of_cloudflare = machine_of_cloudflare
        .without_claim("identity_nonce")
        .claim("common_name", "e367826f.access");
    let principal = accepted_by(&by(Profile::CloudflareAccess), &machine_of_cloudflare);
    assert_eq!(principal.kind(), MACHINE);
    assert_eq!(principal.subject(), "e367826f.access");
    assert_eq!(principal.client_id(), Some("e367826f.access"));

    let oauth_of_clerk = bare(&json!({
        "aud": AUDIENCE, "client_id": "c", "jti": "oat_1", "scope": "read", "sub": "user_1",
    }));
    let principal = accepted_by(&by(Profile::Clerk), &oauth_of_clerk.header("typ", "at+jwt"));
    assert_eq!(principal.client_id(), Some("c"));

    let machine_of_workos = workos()
        .access
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

    let by_another_client = dex()
        .access
        .claim("aud", json!([AUDIENCE, "b"]))
        .claim("azp", "b");
    let principal = accepted_by(&by(Profile::Dex), &by_another_client);
    assert_eq!(principal.client_id(), Some("b"));
    // Of several audiences, none is known to be the client.
    let nameless = spring().access.claim("aud", json!([AUDIENCE, "b"]));
    assert_eq!(
        accepted_by(&by(Profile::Spring), &nameless).client_id(),
        None
    );

    let service_of_supabase = supabase().access.claim("role", "service_role");
    assert_eq!(
        accepted_by(&by(Profile::Supabase), &service_of_supabase).kind(),
        MACHINE
    );
    let client_of_ory = ory().access.claim("sub", "c");
    assert_eq!(
        accepted_by(&by(Profile::Ory), &client_of_ory).kind(),
        UNKNOWN
    );
    let machine_of_authentik = authentik().access.without_claim("sid");
    assert_eq!(
        accepted_by(&by(Profile::Authentik), &machine_of_authentik).kind(),
        UNKNOWN
    );
    let jose = spiffe().access.header("typ", "JOSE");
    assert_eq!(accepted_by(&by(Profile::Spiffe), &jose).kind(), MACHINE);
}

/// Of both, neither or empty marks, who it is is not known.
#[test]
fn t_clm_14_contradictory_marks_make_nobody_a_machine() {
    let both = cloudflare_access().access.claim("common_name", "x.access");
    let principal = accepted_by(&by(Profile::CloudflareAccess), &both);
    assert_eq!(principal.kind(), UNKNOWN);
    let neither = cloudflare_access().access.without_claim("identity_nonce");
    assert_eq!(
        accepted_by(&by(Profile::CloudflareAccess), &neither).kind(),
        UNKNOWN
    );
    for sub in [json!(""), json!(null)] {
        let nobody = cloudflare_access().access.claim("sub", sub);
        let reason = refused_by(&by(Profile::CloudflareAccess), &nobody);
        assert_eq!(reason, InvalidToken::ClaimMissing);
        let empty = nobody.clone().claim("common_name", "");
        let reason = refused_by(&by(Profile::CloudflareAccess), &empty);
        assert_eq!(reason, InvalidToken::ClaimMissing);
        let number = nobody.claim("common_name", 5);
        let reason = refused_by(&by(Profile::CloudflareAccess), &number);
        assert_eq!(reason, InvalidToken::ClaimType);
    }
    let number = cloudflare_access().access.claim("sub", 5);
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
        if provider.profile != Profile::CloudflareAccess {
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
            "ID",
            "refresh_token",
        ] {
            let reason = refused_by(&policy, &token.clone().header("typ", typ));
            assert_eq!(reason, NO_ACCESS, "{profile} {typ}");
        }
    }
    // The issuer's own mark.
    let team = cloudflare_access().access.claim("type", "org");
    let reason = refused_by(&by_audience(Profile::CloudflareAccess), &team);
    assert_eq!(reason, NO_ACCESS);
    let refresh = descope().access.claim("drn", "DSR");
    assert_eq!(
        refused_by(&by_audience(Profile::Descope), &refresh),
        NO_ACCESS
    );
    let elsewhere = spiffe().access.claim("sub", "https://example.org/x");
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
    let svid = || spiffe().access.without_claim("iss");
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
    accepted_by(&named, &spiffe().access);
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
