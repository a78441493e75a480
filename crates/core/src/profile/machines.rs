//! Whom a token stands for, by marks that the issuer alone sets: never by a name that users choose,
//! such as `preferred_username`.

use super::{LOGIN, has, has_any, says};
use crate::claims::Claims;
use crate::json::Kind;
use crate::principal_kind::PrincipalKind;

/// By which marks of the issuer a machine is told from a user.
pub(super) enum Machines {
    /// A machine has one of these claims with this value, and with one of these subjects the principal
    /// is of this kind. All others are users.
    Marked {
        claims: &'static [(&'static str, &'static str)],
        subjects: &'static [(Subject, PrincipalKind)],
    },
    /// Users alone have this claim. Without it, `sub` is the client, or the kind is unknown.
    WithoutClaimOfUsers(&'static str),
    /// Nothing is marked, so the kind is unknown.
    Unmarked,
    Entra,
    Keycloak,
}

/// What a `sub` may be, other than the identifier of a user.
pub(super) enum Subject {
    IsAudience,
    /// The client, with this before and that behind it.
    IsClient(&'static str, &'static str),
}

/// The client and nothing else.
pub(super) const CLIENT: Subject = Subject::IsClient("", "");

/// What Authgear writes in front of the client in a machine's `sub`.
pub(super) const AUTHGEAR_MACHINE: Subject = Subject::IsClient("client_id_", "");

/// What Auth0 writes behind the client in a machine's `sub`.
pub(super) const AUTH0_MACHINE: Subject = Subject::IsClient("", "@clients");

impl Machines {
    pub(super) fn kind_of(&self, claims: &Claims, client_id: Option<&str>) -> PrincipalKind {
        let subject = claims.subject().ok().flatten();
        let subject = subject.as_deref().unwrap_or_default();
        match *self {
            Self::Marked {
                claims: marks,
                subjects,
            } => {
                let mut marks = marks.iter();
                if marks.any(|(name, value)| says(claims, name, value)) {
                    return PrincipalKind::Machine;
                }
                let mut subjects = subjects.iter();
                let found = subjects.find(|(form, _)| form.is(subject, claims, client_id));
                found.map_or(PrincipalKind::User, |(_, kind)| *kind)
            }
            Self::WithoutClaimOfUsers(name) => {
                match (has(claims, name), client_id == Some(subject)) {
                    (true, _) => PrincipalKind::User,
                    (false, true) => PrincipalKind::Machine,
                    (false, false) => PrincipalKind::Unknown,
                }
            }
            Self::Unmarked => PrincipalKind::Unknown,
            Self::Entra => entra_kind(claims),
            Self::Keycloak => keycloak_kind(claims, client_id),
        }
    }
}

impl Subject {
    #[inline]
    fn is(&self, subject: &str, claims: &Claims, client_id: Option<&str>) -> bool {
        match *self {
            Self::IsAudience => is_audience(subject, claims),
            // By the lengths first: nearly every user's `sub` has another. A `sub` shorter than the
            // client wraps to a length that no affixes have.
            Self::IsClient(before, behind) => client_id.is_some_and(|client| {
                let excess = subject.len().wrapping_sub(client.len());
                excess == before.len().wrapping_add(behind.len())
                    && is_between(subject, before, client, behind)
            }),
        }
    }
}

/// As [`is_between`], not inlined, so that the questions before it are.
#[inline(never)]
fn is_audience(subject: &str, claims: &Claims) -> bool {
    claims.audience().is_ok_and(|aud| aud.contains(subject))
}

#[inline(never)]
fn is_between(text: &str, before: &str, middle: &str, behind: &str) -> bool {
    let rest = text.strip_prefix(before);
    rest.and_then(|rest| rest.strip_suffix(behind)) == Some(middle)
}

/// Microsoft's reference of access token claims: `scp` is "only included for user tokens"; the
/// optional claim `idtyp` is `app` in app-only tokens, and "the most accurate way" to tell them.
fn entra_kind(claims: &Claims) -> PrincipalKind {
    if says(claims, "idtyp", "app") {
        return PrincipalKind::Machine;
    }
    let is_there = |name: &&str| claims.get(name).is_some();
    if ["idtyp", "scp"].iter().any(is_there) {
        return PrincipalKind::User;
    }
    if has_any(claims, LOGIN) {
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
