//! What kinds of access token issuers write: RFC 9068, and named presets for those that do not.
//!
//! A preset says how an access token is told from the other tokens of its issuer, which claims it
//! must have, where the client is named, and by which marks a machine is told from a user. It does
//! not loosen signature, issuer, audience or times.

use std::fmt;
use std::str::FromStr;

use crate::claims::Claims;
use crate::header::Typ;
use crate::json::{Kind, Value};
use crate::principal::PrincipalKind;
use crate::rejection::InvalidToken;

/// How an issuer writes access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// [RFC 9068]: `typ` `at+jwt`; `iss aud exp sub iat jti client_id`. Authgear conforms to it.
    /// The default: no other token of the issuer can be taken for an access token. A machine's
    /// `sub` is its `client_id`, at Authgear with `client_id_` in front of it.
    ///
    /// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
    #[default]
    Rfc9068,
    /// Auth0: in its own dialect `typ` is `JWT` and the client in `azp`. A machine's `gty` is
    /// `client-credentials`, or its `sub` the client with `@clients` behind it.
    Auth0,
    /// Amazon Cognito: no `typ`, no `aud`; `token_use` is `access`, and the audience is compared
    /// with `client_id`. A user has a `username`; a machine has none, and its `sub` is its
    /// `client_id`.
    Cognito,
    /// Microsoft Entra ID: `typ` `JWT`; the client in `azp` or `appid`. A machine's `idtyp` is
    /// `app`, or it has neither `idtyp` nor `scp`.
    Entra,
    /// Any `typ` but that of another kind of token; ID, logout and DPoP tokens are still refused
    /// by their claims. An ID token without any mark of its kind is known by the login it tells of
    /// while it names no scope and no client. No mark of a machine is known: where `sub` is the
    /// client or an audience, the kind of the principal is unknown.
    Generic,
    /// Keycloak: header `typ` `JWT`, claim `typ` `Bearer`; the client in `azp`. A machine's
    /// `client_id` (`clientId` in older realms) is its `azp`, or its `jti` names the grant of client
    /// credentials. Without any mark the kind is unknown, unless `sid` tells of a login.
    Keycloak,
    /// Okta: the client in `cid`, the scope in `scp`. A user has a `uid`; a machine has none, and
    /// its `sub` is its `cid`.
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

    /// Whether its issuers mark the tokens that a client gets for itself. Where they do not,
    /// nobody is known to be a machine.
    #[must_use]
    pub const fn marks_machines(self) -> bool {
        match self {
            Self::Rfc9068
            | Self::Auth0
            | Self::Cognito
            | Self::Entra
            | Self::Keycloak
            | Self::Okta => true,
            Self::Generic => false,
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
        let kind = claims.get("typ");
        if kind.is_some_and(|kind| !self.is_of_access(kind, claims)) {
            return Err(InvalidToken::TypNotAccepted);
        }
        let is_access_token = match self {
            Self::Rfc9068 => true,
            Self::Cognito => is(claims, "token_use", "access"),
            Self::Keycloak => kind.is_some(),
            Self::Okta => typ == Typ::AtJwt || !has_mark_of_another_kind(claims),
            // Their own ID tokens may lack every mark, but do not name a client next to `aud`;
            // those of other issuers may do that, too.
            Self::Auth0 | Self::Entra => {
                typ == Typ::AtJwt
                    || self.names_client(claims)
                        && !has_mark_of_another_kind(claims)
                        && self.is_more_than_a_login(claims)
            }
            Self::Generic => {
                typ == Typ::AtJwt
                    || !has_mark_of_another_kind(claims) && self.is_more_than_a_login(claims)
            }
        };
        if is_access_token {
            return Ok(());
        }
        Err(InvalidToken::TypNotAccepted)
    }

    /// Whether the claim `typ`, by which Keycloak says what a token is, says access token.
    ///
    /// Such a token that is bound to a key says `DPoP`: what it lacks is the proof, so that is what
    /// it is refused for.
    fn is_of_access(self, kind: Value<'_>, claims: &Claims) -> bool {
        let is_bound = || {
            let jkt = claims.confirmation().and_then(|cnf| cnf.get("jkt"));
            jkt.is_some_and(|jkt| jkt.kind() == Kind::String)
        };
        match self {
            Self::Keycloak => kind.is_str("Bearer") || kind.is_str("DPoP") && is_bound(),
            Self::Generic if kind.is_str("DPoP") => is_bound(),
            Self::Rfc9068
            | Self::Auth0
            | Self::Cognito
            | Self::Entra
            | Self::Generic
            | Self::Okta => ["Bearer", "JWT", "at+jwt"]
                .iter()
                .any(|access| kind.is_str(access)),
        }
    }

    fn names_client(self, claims: &Claims) -> bool {
        let mut names = self.client_id_claims().iter();
        names.any(|name| has(claims, name))
    }

    /// Whether it says to whom or for what access was given, if it tells how somebody logged in,
    /// which is what ID tokens are for. `azp` is one of their claims, too; these are not.
    fn is_more_than_a_login(self, claims: &Claims) -> bool {
        let of_access: &[&str] = match self {
            Self::Auth0 | Self::Entra => &[
                "scope",
                "scp",
                "permissions",
                "roles",
                "gty",
                "idtyp",
                "appid",
            ],
            Self::Rfc9068 | Self::Cognito | Self::Generic | Self::Keycloak | Self::Okta => {
                &["scope", "scp", "client_id", "cid", "appid"]
            }
        };
        !tells_of_a_login(claims) || of_access.iter().any(|name| has(claims, name))
    }

    /// Whom the token stands for, by marks that the issuer alone sets: never by a name that users
    /// choose, such as `preferred_username`.
    pub(crate) fn principal_kind(self, claims: &Claims, client_id: Option<&str>) -> PrincipalKind {
        let subject = claims.subject().ok().flatten();
        let subject = subject.as_deref().unwrap_or_default();
        let is_client = |written: Option<&str>| written.is_some() && written == client_id;
        match self {
            // RFC 9068 §2.2: without a resource owner, `sub` is an identifier of the client; §5:
            // the issuer makes sure that no user is called so.
            Self::Rfc9068 if is_client(Some(subject)) => PrincipalKind::Machine,
            Self::Rfc9068 if is_client(subject.strip_prefix(AUTHGEAR_MACHINE)) => {
                PrincipalKind::Machine
            }
            // Auth0 writes machines so in this dialect as well; at another issuer it may be a user.
            Self::Rfc9068 if is_client(subject.strip_suffix(AUTH0_MACHINE)) => {
                PrincipalKind::Unknown
            }
            // A user's `sub` has `|` in it.
            Self::Auth0
                if is(claims, "gty", "client-credentials")
                    || is_client(subject.strip_suffix(AUTH0_MACHINE)) =>
            {
                PrincipalKind::Machine
            }
            // Amazon Cognito's developer guide ("Understanding the access token") has `username` in
            // the tokens of users. Those of client credentials have none, and the client in `sub`.
            Self::Cognito => by_claim_of_users(claims, "username", is_client(Some(subject))),
            // Okta's reference of OpenID Connect & OAuth 2.0, access token payload: `uid` "isn't
            // included in the access token if there is no user bound to it"; `sub` is "a name for
            // the user or a unique identifier for the client".
            Self::Okta => by_claim_of_users(claims, "uid", is_client(Some(subject))),
            Self::Entra => entra_kind(claims),
            Self::Keycloak => keycloak_kind(claims, client_id),
            // Spring Authorization Server writes client and audience into `sub` alike, and lets
            // users have that name.
            Self::Generic
                if is_client(Some(subject))
                    || is_client(subject.strip_prefix(AUTHGEAR_MACHINE))
                    || is_client(subject.strip_suffix(AUTH0_MACHINE))
                    || claims.audience().is_ok_and(|aud| aud.contains(subject)) =>
            {
                PrincipalKind::Unknown
            }
            Self::Rfc9068 | Self::Auth0 | Self::Generic => PrincipalKind::User,
        }
    }
}

/// What Authgear writes in front of the client in a machine's `sub`.
const AUTHGEAR_MACHINE: &str = "client_id_";

/// What Auth0 writes behind the client in a machine's `sub`.
const AUTH0_MACHINE: &str = "@clients";

/// The kind where the issuer has a claim for users alone, which says that there is one.
fn by_claim_of_users(claims: &Claims, name: &str, is_client: bool) -> PrincipalKind {
    match (has(claims, name), is_client) {
        (true, _) => PrincipalKind::User,
        (false, true) => PrincipalKind::Machine,
        (false, false) => PrincipalKind::Unknown,
    }
}

/// Microsoft's reference of access token claims: `scp` is "only included for user tokens"; the
/// optional claim `idtyp` is `app` in app-only tokens, and "the most accurate way" to tell them.
fn entra_kind(claims: &Claims) -> PrincipalKind {
    if is(claims, "idtyp", "app") {
        return PrincipalKind::Machine;
    }
    let is_there = |name: &&str| claims.get(name).is_some();
    if ["idtyp", "scp"].iter().any(is_there) {
        return PrincipalKind::User;
    }
    if tells_of_a_login(claims) {
        return PrincipalKind::Unknown;
    }
    PrincipalKind::Machine
}

/// Keycloak: the scope `service_account` puts the note `client_id` of a session into the token (before
/// Keycloak 23, and in realms from that time, `clientId`), and only a service account's session has it.
/// Without that scope, the front of `jti` tells the session and the grant; before Keycloak 26 it does
/// not, and then only the session of a login, `sid`, tells a user.
fn keycloak_kind(claims: &Claims, client_id: Option<&str>) -> PrincipalKind {
    let jti = claims.token_id().ok().flatten();
    let context = jti.as_deref().and_then(KeycloakContext::of);
    let notes = ["client_id", "clientId"].map(|name| claims.get(name));
    let mut notes = notes.into_iter().flatten();
    let note = notes.find(|note| note.kind() != Kind::Null);
    let is_own = note
        .is_some_and(|note| has(claims, "azp") && client_id.is_some_and(|azp| note.is_str(azp)));
    match context {
        Some(KeycloakContext {
            is_machine: true, ..
        }) => PrincipalKind::Machine,
        // A user has logged in, whatever else is in the token.
        Some(KeycloakContext { is_login: true, .. }) if note.is_none() => PrincipalKind::User,
        Some(KeycloakContext { is_login: true, .. }) => PrincipalKind::Unknown,
        Some(_) | None if is_own => PrincipalKind::Machine,
        None if note.is_none() && (has(claims, "sid") || has(claims, "session_state")) => {
            PrincipalKind::User
        }
        // Another client has exchanged it, or nothing is marked.
        Some(_) | None => PrincipalKind::Unknown,
    }
}

/// What stands in front of a `jti`: two letters each for the kind of session, of token and of grant, and
/// a colon (Keycloak's `DefaultTokenContextEncoderProvider`).
struct KeycloakContext {
    /// Client credentials.
    is_machine: bool,
    /// The session is not one for this token alone.
    is_login: bool,
}

impl KeycloakContext {
    fn of(jti: &str) -> Option<Self> {
        let (front, _) = jti.split_once(':')?;
        let (session, rest) = front.split_at_checked(2)?;
        let (token, grant) = rest.split_at_checked(2)?;
        let is_known = ["rt", "lt"].contains(&token) && grant.len() == 2;
        is_known.then_some(Self {
            is_machine: grant == "cc",
            is_login: session != "tr",
        })
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
/// security event (RFC 8417 §2.2), DPoP proof (RFC 9449 §4.2). Cognito says what it is.
fn has_mark_of_another_kind(claims: &Claims) -> bool {
    let is_other_use = || {
        let token_use = claims.get("token_use");
        token_use.is_some_and(|token_use| !token_use.is_str("access"))
    };
    [
        "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu",
    ]
    .iter()
    .any(|name| has(claims, name))
        || is_other_use()
}

/// Whether it tells how somebody logged in.
fn tells_of_a_login(claims: &Claims) -> bool {
    ["auth_time", "sid", "acr", "amr"]
        .iter()
        .any(|name| has(claims, name))
}

fn has(claims: &Claims, name: &str) -> bool {
    claims
        .get(name)
        .is_some_and(|claim| claim.kind() != Kind::Null)
}

fn is(claims: &Claims, name: &str, value: &str) -> bool {
    claims.get(name).is_some_and(|claim| claim.is_str(value))
}
