//! What providers sign, for each that has a profile: an access token in the shape that the provider's
//! documentation or source shows, and tokens of other kinds that it signs as well.
//!
//! ```
//! use bearward_testing::providers;
//!
//! for provider in providers::all() {
//!     println!("{}: {}", provider.profile, provider.access.sign());
//! }
//! ```

use bearward_core::rejection::InvalidToken;
use bearward_core::{PrincipalKind, Profile, UnixTime};
use serde_json::{Value, json};

use crate::Token;

/// The issuer of each of them.
pub const ISSUER: &str = "https://auth.example";

/// The audience of each of them.
pub const AUDIENCE: &str = "https://api.example";

/// When they are valid.
pub const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

const MACHINE: PrincipalKind = PrincipalKind::Machine;
const UNKNOWN: PrincipalKind = PrincipalKind::Unknown;
const USER: PrincipalKind = PrincipalKind::User;

/// What a provider signs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Provider {
    /// The profile for its issuers.
    pub profile: Profile,
    /// An access token.
    pub access: Token,
    /// The client that the access token names.
    pub client: Option<&'static str>,
    /// Whom the access token is for.
    pub kind: PrincipalKind,
    /// Its tokens of other kinds, each with the reason that refuses it.
    pub others: Vec<(Token, InvalidToken)>,
}

/// A token with these claims alone, in addition to `iss`, `exp` and `iat`.
#[must_use]
pub fn with_claims(claims: &Value) -> Token {
    let usual = Token::user(ISSUER, AUDIENCE, NOW);
    let names = usual.claims();
    let names = names.as_object().into_iter().flat_map(|names| names.keys());
    let others = names.filter(|name| !["iss", "exp", "iat"].contains(&name.as_str()));
    let empty = others.fold(usual, |token, name| token.without_claim(name));
    let claims = claims.as_object().into_iter().flatten();
    claims.fold(empty, |token, (name, value)| {
        token.claim(name, value.clone())
    })
}

/// A token with `typ` `JWT` and these claims, in addition to `iss`, `exp` and `iat`.
fn jwt(claims: &Value) -> Token {
    with_claims(claims).header("typ", "JWT")
}

/// The same without a `typ`.
fn untyped(claims: &Value) -> Token {
    with_claims(claims).without_header("typ")
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

/// As the documentation shows it: the claims are those of the provider's UserInfo endpoint, and the
/// rest stands in the header.
fn aws_alb() -> Provider {
    let user = untyped(&json!({
        "email": "alias@example.com", "name": "name", "sub": "1234567890",
    }));
    let user = user.without_claim("iat");
    let cognito = json!({
        "client_id": "client", "scope": "openid", "sub": "1234567890", "token_use": "access",
    });
    Provider {
        profile: Profile::AwsAlb,
        access: user
            .clone()
            .header("client", "client")
            .header("signer", AUDIENCE),
        client: Some("client"),
        kind: USER,
        others: vec![
            // The access token and the ID token that the load balancer got, by the same issuer.
            (untyped(&cognito), InvalidToken::AudMissing),
            (
                jwt(&json!({"aud": AUDIENCE, "sub": "1234567890"})),
                InvalidToken::AudMissing,
            ),
            (
                user.clone().header("client", "client"),
                InvalidToken::AudMissing,
            ),
            (
                user.header("signer", AUDIENCE).header("typ", "at+jwt"),
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
            (
                jwt(&svid).claim("sub", "spiffe://example.org/../billing"),
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

/// All of them.
#[must_use]
pub fn all() -> Vec<Provider> {
    vec![
        adfs(),
        authentik(),
        aws_alb(),
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
