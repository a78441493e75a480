//! The kinds of access token that issuers write: RFC 9068, and named presets for other issuers.
//!
//! A preset is a row: how to distinguish an access token from the issuer's other tokens, which
//! claims it must have, which claim names the client, and which marks distinguish a machine from a
//! user. The policy, `bearward explain`, the configuration and its manual read the same rows. A
//! preset does not relax the checks of signature, issuer, audience or times.

mod machines;

use crate::claims::Claims;
use crate::header::Typ;
use crate::json::{Kind, Value};
use crate::principal_kind::PrincipalKind::{self, Machine, Unknown};
use crate::rejection::InvalidToken;
use crate::rows::rows;

use self::machines::{AUTH0_MACHINE, AUTHGEAR_MACHINE, CLIENT, Machines, Subject};

rows! {
    /// How an issuer writes access tokens.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Profile of Row, or UnknownProfile;

    /// RFC 9068: `typ` `at+jwt`; `iss aud exp sub iat jti client_id`. Authgear conforms to it.
    /// The default: no other token of the issuer can be taken for an access token. A machine's
    /// `sub` is its `client_id`, at Authgear with `client_id_` in front of it.
    #[default]
    Rfc9068 = Row {
        name: "rfc9068",
        documentation: "https://www.rfc-editor.org/rfc/rfc9068",
        types: Types::AtJwt,
        required_claims: &["sub", "iat", "jti", "client_id"],
        client_id_claims: &["client_id"],
        roles: &[&["roles"], &["groups"]],
        // §2.2: without a resource owner, `sub` is an identifier of the client; §5: the issuer makes
        // sure that no user is called so. Auth0 writes machines in its own way in this dialect as
        // well; at another issuer such a name may be a user's.
        machines: Machines::Marked {
            claims: &[],
            subjects: &[(CLIENT, Machine), (AUTHGEAR_MACHINE, Machine), (AUTH0_MACHINE, Unknown)],
        },
        ..COMMON
    };

    /// Auth0: in its own dialect `typ` is `JWT` and the client in `azp`. A machine's `gty` is
    /// `client-credentials`, or its `sub` the client with `@clients` behind it.
    Auth0 = Row {
        name: "auth0",
        documentation: "https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles",
        issuers: &[".auth0.com"],
        // Its own ID tokens may lack every mark, but do not name a client next to `aud`; those of
        // other issuers may do that, too. So at Microsoft.
        needs: &["azp", "client_id"],
        beyond_a_login: ACCESS_AT_AUTH0_OR_ENTRA,
        client_id_claims: &["azp", "client_id"],
        roles: &[&["permissions"]],
        // A user's `sub` has `|` in it.
        machines: Machines::Marked {
            claims: &[("gty", "client-credentials")],
            subjects: &[(AUTH0_MACHINE, Machine)],
        },
        ..COMMON
    };

    /// Amazon Cognito: no `typ`, no `aud`; `token_use` is `access`, and the audience is compared
    /// with `client_id`. A user has a `username`; a machine has none, and its `sub` is its
    /// `client_id`.
    Cognito = Row {
        name: "cognito",
        // "Understanding the access token": `username` is in the tokens of users. Those of client
        // credentials have none, and the client in `sub`.
        documentation: "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html",
        issuers: &["cognito-idp."],
        says: Some(("token_use", &["access"])),
        required_claims: &["sub", "iat", "client_id"],
        client_id_claims: &["client_id"],
        audience_claim: "client_id",
        roles: &[&["cognito:groups"]],
        machines: Machines::WithoutClaimOfUsers("username"),
        ..COMMON
    };

    /// Microsoft Entra ID: `typ` `JWT`; the client in `azp` or `appid`. A machine's `idtyp` is
    /// `app`, or it has neither `idtyp` nor `scp`.
    Entra = Row {
        name: "entra",
        documentation: "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference",
        issuers: &["login.microsoftonline.com", "sts.windows.net"],
        needs: &["azp", "appid"],
        beyond_a_login: ACCESS_AT_AUTH0_OR_ENTRA,
        client_id_claims: &["azp", "appid"],
        roles: &[&["roles"], &["groups"]],
        machines: Machines::Entra,
        ..COMMON
    };

    /// Any `typ` except that of another kind of token; ID, logout and DPoP tokens are still refused
    /// because of their claims. A token counts as an ID token if it describes a login but names no
    /// scope and no client. Machines have no known mark: if `sub` is the client or an audience, the
    /// kind of the principal is unknown.
    Generic = Row {
        name: "generic",
        documentation: "https://www.rfc-editor.org/rfc/rfc8725#section-3.11",
        types: Types::AnyButOtherKinds,
        access_types: &["Bearer", "JWT", "at+jwt", BOUND],
        beyond_a_login: &["scope", "scp", "client_id", "cid", "appid"],
        required_claims: &["sub"],
        client_id_claims: &["client_id", "azp", "cid", "appid"],
        // Spring Authorization Server writes client and audience into `sub` alike, and lets users
        // have that name.
        machines: Machines::Marked {
            claims: &[],
            subjects: &[
                (CLIENT, Unknown), (AUTHGEAR_MACHINE, Unknown), (AUTH0_MACHINE, Unknown), (Subject::IsAudience, Unknown),
            ],
        },
        ..COMMON
    };

    /// Keycloak: header `typ` `JWT`, claim `typ` `Bearer`; the client in `azp`. A machine's
    /// `client_id` (`clientId` in older realms) is its `azp`, or its `jti` names the grant of client
    /// credentials. Without any of these marks the kind is unknown, unless `sid` shows a login.
    Keycloak = Row {
        name: "keycloak",
        documentation: "https://www.keycloak.org/docs/latest/server_admin/",
        issuers: &["/realms/"],
        access_types: KEYCLOAK_ACCESS,
        says: Some(("typ", KEYCLOAK_ACCESS)),
        required_claims: &["sub", "iat", "jti"],
        client_id_claims: &["azp", "client_id"],
        roles: &[&["realm_access", "roles"], &["resource_access", "CLIENT", "roles"]],
        machines: Machines::Keycloak,
        ..COMMON
    };

    /// Okta: the client in `cid`, the scope in `scp`. A user has a `uid`; a machine has none, and
    /// its `sub` is its `cid`.
    Okta = Row {
        name: "okta",
        // Access token payload: `uid` "isn't included in the access token if there is no user bound
        // to it"; `sub` is "a name for the user or a unique identifier for the client".
        documentation: "https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/",
        issuers: &[".okta.com", ".oktapreview.com"],
        types: Types::JwtOrOkta,
        required_claims: &["sub", "iat", "jti", "cid"],
        client_id_claims: &["cid"],
        roles: &[&["groups"]],
        machines: Machines::WithoutClaimOfUsers("uid"),
        ..COMMON
    };
}

impl Profile {
    /// The profile for this issuer, recognised by a common part of its URLs.
    #[must_use]
    pub fn of_issuer(issuer: &str) -> Option<Self> {
        let is_its = |profile: &Self| {
            let mut parts = profile.row().issuers.iter();
            parts.any(|part| issuer.contains(part))
        };
        Self::ALL.iter().copied().find(is_its)
    }

    /// The URL where the issuer or the standard documents these access tokens.
    #[must_use]
    pub const fn documentation(self) -> &'static str {
        self.row().documentation
    }

    /// Whether an access token may have this `typ` in its header.
    #[must_use]
    pub const fn accepts(self, typ: Typ) -> bool {
        match self.row().types {
            Types::AnyButOtherKinds => !matches!(typ, Typ::OtherKind),
            Types::AtJwt => matches!(typ, Typ::AtJwt),
            Types::Jwt => matches!(typ, Typ::Absent | Typ::AtJwt | Typ::Jwt),
            Types::JwtOrOkta => !matches!(typ, Typ::OtherKind | Typ::Unregistered),
        }
    }

    /// Describes in words which `typ` it [accepts](Self::accepts).
    #[must_use]
    pub const fn accepted_types(self) -> &'static str {
        match self.row().types {
            Types::AnyButOtherKinds => "any but that of another kind of token",
            Types::AtJwt => "at+jwt",
            Types::Jwt => "absent, JWT or at+jwt",
            Types::JwtOrOkta => "absent, JWT, at+jwt or okta-internal-at+jwt",
        }
    }

    /// Describes in words how the claims identify an access token if the header does not.
    #[must_use]
    pub fn accepted_kind(self) -> String {
        let row = self.row();
        if let Some((name, values)) = row.says {
            return format!("the claim {name} is \"{}\"", values.join("\" or \""));
        }
        if matches!(row.types, Types::AtJwt) {
            return "no claim of another kind of token".to_owned();
        }
        let needed = row.needs.join(" or ");
        let needed = needed + if row.needs.is_empty() { "" } else { ", " };
        let login = match row.beyond_a_login {
            [] => "",
            [_, ..] => ", and none of a login without access",
        };
        format!("{needed}no claim of another kind of token{login}")
    }

    /// The claims that distinguish an access token from the issuer's other tokens: those that name
    /// the kind, and those that only another kind has.
    pub fn kind_claims(self) -> impl Iterator<Item = &'static str> {
        let row = self.row();
        let login = LOGIN.iter().filter(|_| !row.beyond_a_login.is_empty());
        let names = ["token_use", "typ"].iter().chain(row.refused).chain(login);
        names.copied()
    }

    /// The claims of which an access token must have one if its header does not name its kind;
    /// empty if there is no such rule.
    #[must_use]
    pub const fn kind_needs(self) -> &'static [&'static str] {
        self.row().needs
    }

    /// The claims that must be present, in addition to `iss`, `exp` and the audience.
    #[must_use]
    pub const fn required_claims(self) -> &'static [&'static str] {
        self.row().required_claims
    }

    /// The claims that may name the client; the first that is present counts.
    #[must_use]
    pub const fn client_id_claims(self) -> &'static [&'static str] {
        self.row().client_id_claims
    }

    /// The claims with roles, groups or permissions, as paths of member names.
    #[must_use]
    pub const fn roles_claims(self) -> &'static [&'static [&'static str]] {
        self.row().roles
    }

    /// Whether its issuers mark the tokens that a client gets on its own behalf. If they do not, no
    /// principal is known to be a machine.
    #[must_use]
    pub const fn marks_machines(self) -> bool {
        match self.row().machines {
            Machines::Marked { claims, subjects } => {
                !claims.is_empty() || matches!(subjects, [(_, Machine), ..])
            }
            Machines::Entra | Machines::Keycloak | Machines::WithoutClaimOfUsers(_) => true,
            Machines::Unmarked => false,
        }
    }

    /// The claim that is compared with the configured audience.
    #[must_use]
    pub const fn audience_claim(self) -> &'static str {
        self.row().audience_claim
    }

    /// Distinguishes an access token by its claims from the issuer's other tokens if `typ` does
    /// not.
    pub(crate) fn check_kind(self, claims: &Claims, typ: Typ) -> Result<(), InvalidToken> {
        if self.row().is_access_token(claims, typ) {
            return Ok(());
        }
        Err(InvalidToken::TypNotAccepted)
    }

    /// The claim that names the client in this token.
    #[inline]
    pub(crate) fn client_id(self, claims: &Claims) -> Option<Value<'_>> {
        self.row().client_id(claims)
    }

    /// The kind of principal that the token is for.
    pub(crate) fn principal_kind(self, claims: &Claims, client_id: Option<&str>) -> PrincipalKind {
        self.row().machines.kind_of(claims, client_id)
    }
}

/// The row of a profile.
pub(crate) struct Row {
    name: &'static str,
    documentation: &'static str,
    /// The common parts of its issuers' URLs, if any.
    issuers: &'static [&'static str],
    /// The values that the header's `typ` may have.
    types: Types,
    /// The values that the claim `typ` may have, if present.
    access_types: &'static [&'static str],
    /// The claim that names the kind of a token, with its values for access tokens. If there is no
    /// such claim and the header's `typ` is not `at+jwt`, the following fields decide.
    says: Option<(&'static str, &'static [&'static str])>,
    /// An access token has one of these, if there are any.
    needs: &'static [&'static str],
    /// It has none of these, which only another kind of token has.
    refused: &'static [&'static str],
    /// If there are any, a token that describes a login, as ID tokens do, must also have one of
    /// these, which name the client or the access it was given. `azp` does not count: ID tokens
    /// have it, too.
    beyond_a_login: &'static [&'static str],
    required_claims: &'static [&'static str],
    client_id_claims: &'static [&'static str],
    audience_claim: &'static str,
    roles: &'static [&'static [&'static str]],
    machines: Machines,
}

/// The defaults that most profiles share.
const COMMON: Row = Row {
    name: "",
    documentation: "",
    issuers: &[],
    types: Types::Jwt,
    access_types: &["Bearer", "JWT", "at+jwt"],
    says: None,
    needs: &[],
    refused: OTHER_KINDS,
    beyond_a_login: &[],
    required_claims: &["sub", "iat"],
    client_id_claims: &[],
    audience_claim: "aud",
    roles: &[],
    machines: Machines::Unmarked,
};

/// The `typ` that the header of an access token may have.
enum Types {
    AnyButOtherKinds,
    AtJwt,
    /// `JWT`, or none.
    Jwt,
    JwtOrOkta,
}

/// Claims that only another kind of token has: ID token (OIDC Core §2, §3.3.2.11), logout token and
/// security event (RFC 8417 §2.2), DPoP proof (RFC 9449 §4.2).
const OTHER_KINDS: &[&str] = &[
    "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu",
];

/// Claims that describe a login.
const LOGIN: &[&str] = &["auth_time", "sid", "acr", "amr"];

/// The claims about access that go beyond a login.
const ACCESS_AT_AUTH0_OR_ENTRA: &[&str] = &[
    "scope",
    "scp",
    "permissions",
    "roles",
    "gty",
    "idtyp",
    "appid",
];

/// The values of Keycloak's claim `typ` for access tokens.
const KEYCLOAK_ACCESS: &[&str] = &["Bearer", BOUND];

/// The value of the claim `typ` for a token that is bound to a key. Such a token only lacks the
/// proof, so we refuse it for that reason.
const BOUND: &str = "DPoP";

impl Row {
    /// The first claim that is present counts.
    #[inline]
    fn client_id<'c>(&self, claims: &'c Claims) -> Option<Value<'c>> {
        self.client_id_claims.iter().find_map(|name| {
            let claim = claims.get(name)?;
            if *name == "aud" {
                single(claim)
            } else {
                Some(claim)
            }
        })
    }

    fn is_access_token(&self, claims: &Claims, typ: Typ) -> bool {
        let kind = claims.get("typ");
        if kind.is_some_and(|kind| !self.is_of_access(kind, claims)) {
            return false;
        }
        if let Some((name, values)) = self.says {
            return values.iter().any(|value| says(claims, name, value));
        }
        let is_marked_by_header = typ == Typ::AtJwt || matches!(self.types, Types::AtJwt);
        is_marked_by_header || self.is_of_access_by_its_claims(claims)
    }

    fn is_of_access_by_its_claims(&self, claims: &Claims) -> bool {
        let (needs, beyond) = (self.needs, self.beyond_a_login);
        (needs.is_empty() || has_any(claims, needs))
            && !has_any(claims, self.refused)
            && !is_for_another_use(claims)
            && (beyond.is_empty() || !has_any(claims, LOGIN) || has_any(claims, beyond))
    }

    /// Whether the claim `typ`, in which Keycloak names the kind of a token, marks an access token.
    fn is_of_access(&self, kind: Value<'_>, claims: &Claims) -> bool {
        let is_bound = || {
            let jkt = claims.confirmation().and_then(|cnf| cnf.get("jkt"));
            jkt.is_some_and(|jkt| jkt.kind() == Kind::String)
        };
        let mut types = self.access_types.iter();
        types.any(|access| kind.is_str(access)) && (!kind.is_str(BOUND) || is_bound())
    }
}

/// No profile has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a profile: one of {}", Profile::NAMES.join(", "))]
#[non_exhaustive]
pub struct UnknownProfile;

/// The `aud`, if there is exactly one.
#[inline(never)]
fn single(aud: Value<'_>) -> Option<Value<'_>> {
    if aud.kind() == Kind::String {
        return Some(aud);
    }
    let mut elements = aud.elements();
    elements.next().filter(|_| elements.next().is_none())
}

/// Cognito names the use of a token in `token_use`.
fn is_for_another_use(claims: &Claims) -> bool {
    let token_use = claims.get("token_use");
    token_use.is_some_and(|token_use| !token_use.is_str("access"))
}

fn has_any(claims: &Claims, names: &[&str]) -> bool {
    names.iter().any(|name| has(claims, name))
}

fn has(claims: &Claims, name: &str) -> bool {
    claims.get(name).is_some()
}

fn says(claims: &Claims, name: &str, value: &str) -> bool {
    claims.get(name).is_some_and(|claim| claim.is_str(value))
}

#[cfg(test)]
mod tests {
    use super::{COMMON, Row};
    use crate::claims::Claims;
    use crate::header::Typ;
    use crate::json::Tape;
    use crate::principal_kind::PrincipalKind;

    fn claims(json: &str) -> Claims {
        Claims::parse(json.as_bytes().to_vec(), Tape::default()).unwrap()
    }

    /// As Spring Authorization Server writes tokens: without a claim for the client.
    const NAMELESS: Row = Row {
        refused: &["azp", "auth_time", "sid", "nonce"],
        client_id_claims: &["azp", "aud"],
        ..COMMON
    };

    #[test]
    fn the_client_may_be_the_single_audience() {
        for (json, expected) in [
            (r#"{"aud":"one"}"#, Some("one")),
            (r#"{"aud":["one"]}"#, Some("one")),
            (r#"{"aud":["one","two"]}"#, None),
            (r#"{"aud":[]}"#, None),
            (r#"{"aud":5}"#, None),
            (r#"{"azp":["one"],"aud":"one"}"#, None),
            (r#"{"azp":"named","aud":"one"}"#, Some("named")),
            ("{}", None),
        ] {
            let claims = claims(json);
            let client = NAMELESS.client_id(&claims).and_then(|value| value.as_str());
            assert_eq!(client.as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn where_a_row_has_no_marks_the_kind_is_unknown() {
        let claims = claims(r#"{"sub":"user","aud":"one"}"#);
        let kind = NAMELESS.machines.kind_of(&claims, Some("one"));
        assert_eq!(kind, PrincipalKind::Unknown);
    }

    #[test]
    fn a_row_says_which_claims_are_of_another_kind() {
        for (json, expected) in [
            (r#"{"scope":["a"]}"#, true),
            (r#"{"at_hash":"x"}"#, true),
            (r#"{"azp":"one"}"#, false),
            (r#"{"sid":"x"}"#, false),
            (r#"{"token_use":"id"}"#, false),
        ] {
            let is_access = NAMELESS.is_access_token(&claims(json), Typ::Absent);
            assert_eq!(is_access, expected, "{json}");
        }
        let usual = Row {
            needs: &["kubernetes.io"],
            ..COMMON
        };
        assert!(!usual.is_access_token(&claims("{}"), Typ::Jwt));
        assert!(usual.is_access_token(&claims(r#"{"kubernetes.io":{}}"#), Typ::Jwt));
    }
}
