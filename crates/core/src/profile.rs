//! What kinds of access token issuers write: RFC 9068, and named presets for those that do not.
//!
//! A preset says how an access token is told from the other tokens of its issuer, which claims it
//! must have, and where the client is named. It does not loosen signature, issuer, audience or
//! times.

use std::fmt;
use std::str::FromStr;

use crate::claims::Claims;
use crate::json::Kind;
use crate::jws::Typ;
use crate::rejection::InvalidToken;

/// How an issuer writes access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// [RFC 9068]: `typ` `at+jwt`; `iss aud exp sub iat jti client_id`. Authgear conforms to it.
    /// The default: no other token of the issuer can be taken for an access token.
    ///
    /// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
    #[default]
    Rfc9068,
    /// Auth0's own dialect: `typ` `JWT`; the client in `azp`.
    Auth0,
    /// Amazon Cognito: no `typ`, no `aud`; `token_use` is `access`, and the audience is compared
    /// with `client_id`.
    Cognito,
    /// Microsoft Entra ID: `typ` `JWT`; the client in `azp` or `appid`.
    Entra,
    /// Any `typ` but that of another kind of token; ID, logout and DPoP tokens are still refused
    /// by their claims. An ID token without any mark of its kind is known by the login it tells of
    /// while it names no scope and no client.
    Generic,
    /// Keycloak: header `typ` `JWT`, claim `typ` `Bearer`; the client in `azp`.
    Keycloak,
    /// Okta: the client in `cid`, the scope in `scp`.
    Okta,
}

impl Profile {
    /// Every profile.
    pub const ALL: &'static [Self] = &[
        Self::Rfc9068,
        Self::Auth0,
        Self::Cognito,
        Self::Entra,
        Self::Generic,
        Self::Keycloak,
        Self::Okta,
    ];

    /// Its name in configuration and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rfc9068 => "rfc9068",
            Self::Auth0 => "auth0",
            Self::Cognito => "cognito",
            Self::Entra => "entra",
            Self::Generic => "generic",
            Self::Keycloak => "keycloak",
            Self::Okta => "okta",
        }
    }

    /// Whether a header's `typ` can be that of an access token.
    #[must_use]
    pub const fn accepts(self, typ: Typ) -> bool {
        match self {
            Self::Rfc9068 => matches!(typ, Typ::AtJwt),
            Self::Auth0 | Self::Cognito | Self::Entra | Self::Keycloak => {
                matches!(typ, Typ::Absent | Typ::AtJwt | Typ::Jwt)
            }
            Self::Generic => !matches!(typ, Typ::OtherKind),
            Self::Okta => !matches!(typ, Typ::OtherKind | Typ::Unregistered),
        }
    }

    /// The claims that must be there, beside `iss`, `exp` and the audience.
    #[must_use]
    pub const fn required_claims(self) -> &'static [&'static str] {
        match self {
            Self::Rfc9068 => &["sub", "iat", "jti", "client_id"],
            Self::Auth0 => &["sub", "iat"],
            Self::Cognito => &["sub", "iat", "client_id"],
            Self::Entra => &["sub", "iat"],
            Self::Generic => &["sub"],
            Self::Keycloak => &["sub", "iat", "jti"],
            Self::Okta => &["sub", "iat", "jti", "cid"],
        }
    }

    /// The claims that may name the client, the first that is there counting.
    #[must_use]
    pub const fn client_id_claims(self) -> &'static [&'static str] {
        match self {
            Self::Rfc9068 | Self::Cognito => &["client_id"],
            Self::Auth0 | Self::Keycloak => &["azp", "client_id"],
            Self::Entra => &["azp", "appid"],
            Self::Generic => &["client_id", "azp", "cid", "appid"],
            Self::Okta => &["cid"],
        }
    }

    /// The claim the configured audience is compared with.
    #[must_use]
    pub const fn audience_claim(self) -> &'static str {
        match self {
            Self::Cognito => "client_id",
            Self::Rfc9068
            | Self::Auth0
            | Self::Entra
            | Self::Generic
            | Self::Keycloak
            | Self::Okta => "aud",
        }
    }

    /// Tells an access token by its claims from the issuer's other tokens, where `typ` does not.
    pub(crate) fn check_kind(self, claims: &Claims, typ: Typ) -> Result<(), InvalidToken> {
        let is =
            |name: &str, value: &str| claims.get(name).is_some_and(|claim| claim.is_str(value));
        let is_access_token = match self {
            Self::Rfc9068 => true,
            Self::Cognito => is("token_use", "access"),
            Self::Keycloak => is("typ", "Bearer"),
            Self::Okta => typ == Typ::AtJwt || !has_mark_of_another_kind(claims),
            // Their ID tokens may lack every mark, but do not name a client beside `aud`.
            Self::Auth0 | Self::Entra => {
                typ == Typ::AtJwt || self.names_client(claims) && !has_mark_of_another_kind(claims)
            }
            Self::Generic => {
                typ == Typ::AtJwt
                    || !has_mark_of_another_kind(claims)
                        && !says_another_kind(claims)
                        && (!tells_of_a_login(claims) || is_for_access(claims))
            }
        };
        if is_access_token {
            return Ok(());
        }
        Err(InvalidToken::TypNotAccepted)
    }

    fn names_client(self, claims: &Claims) -> bool {
        let mut names = self.client_id_claims().iter();
        names.any(|name| has(claims, name))
    }

    /// Whether the token was issued to a client for itself and stands for no user.
    pub(crate) fn is_machine(self, claims: &Claims, client_id: Option<&str>) -> bool {
        let is =
            |name: &str, value: &str| claims.get(name).is_some_and(|claim| claim.is_str(value));
        let subject = claims.subject().ok().flatten();
        // RFC 9068 §2.2: without a resource owner, `sub` is an identifier of the client. Authgear
        // and Auth0 write it with a mark of their own.
        let is_client = match (&subject, client_id) {
            (Some(subject), Some(client_id)) => {
                subject == client_id
                    || subject.strip_prefix("client_id_") == Some(client_id)
                    || subject.strip_suffix("@clients") == Some(client_id)
            }
            _ => false,
        };
        match self {
            Self::Auth0 => is_client || is("gty", "client-credentials"),
            Self::Entra => {
                is("idtyp", "app")
                    || ["idtyp", "scp"]
                        .iter()
                        .all(|name| claims.get(name).is_none())
            }
            Self::Keycloak => {
                let name = claims.string_claim("preferred_username").ok().flatten();
                is_client || name.is_some_and(|name| name.starts_with("service-account-"))
            }
            Self::Rfc9068 | Self::Cognito | Self::Generic | Self::Okta => is_client,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        Self::ALL
            .iter()
            .copied()
            .find(|profile| profile.as_str() == name)
            .ok_or(UnknownProfile)
    }
}

/// The name is not that of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a profile: one of rfc9068, auth0, cognito, entra, generic, keycloak, okta")]
#[non_exhaustive]
pub struct UnknownProfile;

/// Claims that only another kind of token has: ID token (OIDC Core §2, §3.3.2.11), logout token and
/// security event (RFC 8417 §2.2), DPoP proof (RFC 9449 §4.2).
fn has_mark_of_another_kind(claims: &Claims) -> bool {
    [
        "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu",
    ]
    .iter()
    .any(|name| has(claims, name))
}

/// Whether a claim of Keycloak's or Cognito's says that it is not an access token.
fn says_another_kind(claims: &Claims) -> bool {
    let says = |name: &str, access: &[&str]| {
        let claim = claims.get(name);
        claim.is_some_and(|claim| !access.iter().any(|kind| claim.is_str(kind)))
    };
    says("typ", &["Bearer", "JWT", "at+jwt"]) || says("token_use", &["access"])
}

/// Whether it tells how somebody logged in, which is what ID tokens are for.
fn tells_of_a_login(claims: &Claims) -> bool {
    ["auth_time", "sid", "acr", "amr"]
        .iter()
        .any(|name| has(claims, name))
}

/// Whether it says to whom or for what access was given, which ID tokens do not: `azp` is one of
/// their claims, these are not.
fn is_for_access(claims: &Claims) -> bool {
    ["scope", "scp", "client_id", "cid", "appid"]
        .iter()
        .any(|name| has(claims, name))
}

fn has(claims: &Claims, name: &str) -> bool {
    claims
        .get(name)
        .is_some_and(|claim| claim.kind() != Kind::Null)
}
