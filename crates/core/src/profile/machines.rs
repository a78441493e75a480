//! The kind of principal that a token is for, by marks that only the issuer sets, never by a name
//! that users choose, such as `preferred_username`.

use super::{LOGIN, has, has_any, says};
use crate::claims::Claims;
use crate::principal_kind::PrincipalKind;

/// The issuer's marks that distinguish a machine from a user.
pub(super) enum Machines {
    /// A machine has one of these claims with this value. A principal with one of these subjects
    /// has this kind. All others are users.
    Marked {
        claims: &'static [(&'static str, &'static str)],
        subjects: &'static [(Subject, PrincipalKind)],
    },
    /// Only users have this claim. Without it, a machine's `sub` is its client; otherwise the kind
    /// is unknown.
    WithoutClaimOfUsers(&'static str),
    /// Only users have one of these claims, and only machines the other, if there is such a claim.
    /// Without either, the kind is unknown.
    ByClaim {
        users: &'static str,
        machines: Option<&'static str>,
    },
    /// The issuer sets no marks, so the kind is unknown.
    Unmarked,
    /// Every principal is a machine.
    All,
    /// None is: every principal is a user.
    None,
    Entra,
    Keycloak,
}

/// The values of `sub` that are not the identifier of a user.
pub(super) enum Subject {
    IsAudience,
    /// The client, between this prefix and this suffix.
    IsClient(&'static str, &'static str),
}

/// Exactly the client.
pub(super) const CLIENT: Subject = Subject::IsClient("", "");

/// Authgear's prefix of the client in a machine's `sub`.
pub(super) const AUTHGEAR_MACHINE: Subject = Subject::IsClient("client_id_", "");

/// Auth0's suffix of the client in a machine's `sub`.
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
                // Its forms are compared with `sub`, so without one they say nothing.
                if subject.is_empty() {
                    return PrincipalKind::Unknown;
                }
                let mut subjects = subjects.iter();
                let found = subjects.find(|(form, _)| form.is(subject, claims, client_id));
                found.map_or(PrincipalKind::User, |(_, kind)| *kind)
            }
            Self::WithoutClaimOfUsers(name) => {
                let is_client = !subject.is_empty() && client_id == Some(subject);
                match (has(claims, name), is_client) {
                    (true, _) => PrincipalKind::User,
                    (false, true) => PrincipalKind::Machine,
                    (false, false) => PrincipalKind::Unknown,
                }
            }
            Self::ByClaim { users, machines } => {
                match (
                    has(claims, users),
                    machines.is_some_and(|name| has(claims, name)),
                ) {
                    (true, false) => PrincipalKind::User,
                    (false, true) => PrincipalKind::Machine,
                    (true, true) | (false, false) => PrincipalKind::Unknown,
                }
            }
            Self::Unmarked => PrincipalKind::Unknown,
            Self::All => PrincipalKind::Machine,
            Self::None => PrincipalKind::User,
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
            // Compares lengths first: nearly every user's `sub` has another length. If `sub` is
            // shorter than the client, the excess wraps to a length that no affixes have.
            Self::IsClient(before, behind) => client_id.is_some_and(|client| {
                let excess = subject.len().wrapping_sub(client.len());
                excess == before.len().wrapping_add(behind.len())
                    && is_between(subject, before, client, behind)
            }),
        }
    }
}

/// Like [`is_between`], not inlined, so that the checks before it are.
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
/// optional claim `idtyp` is `app` in app-only tokens, and "the most accurate way" to recognise
/// them.
fn entra_kind(claims: &Claims) -> PrincipalKind {
    if says(claims, "idtyp", "app") {
        return PrincipalKind::Machine;
    }
    if has_any(claims, &["idtyp", "scp"]) {
        return PrincipalKind::User;
    }
    // An ID token, which `tokens_by_audience` may accept, has no `scp` either.
    if has_any(claims, LOGIN) || has_any(claims, OF_ID_TOKENS) {
        return PrincipalKind::Unknown;
    }
    PrincipalKind::Machine
}

/// What Microsoft's ID tokens have, and its app-only tokens do not.
const OF_ID_TOKENS: &[&str] = &["nonce", "name", "preferred_username", "at_hash", "c_hash"];

/// Keycloak: the scope `service_account` puts the session note `client_id` into the token
/// (`clientId` before Keycloak 23 and in realms from that time), and only a service account's
/// session has that note. Without that scope, the prefix of `jti` identifies the session and the
/// grant. Before Keycloak 26 there is no prefix, and only `sid`, the session of a login, identifies
/// a user.
fn keycloak_kind(claims: &Claims, client_id: Option<&str>) -> PrincipalKind {
    let jti = claims.token_id().ok().flatten();
    let context = jti.as_deref().and_then(KeycloakContext::of);
    let notes = ["client_id", "clientId"].map(|name| claims.get(name));
    let note = notes.into_iter().flatten().next();
    let is_own = note
        .is_some_and(|note| has(claims, "azp") && client_id.is_some_and(|azp| note.is_str(azp)));
    match context {
        Some(KeycloakContext {
            is_machine: true, ..
        }) => PrincipalKind::Machine,
        // A user has logged in, whatever else the token contains.
        Some(KeycloakContext { is_login: true, .. }) if note.is_none() => PrincipalKind::User,
        Some(KeycloakContext { is_login: true, .. }) => PrincipalKind::Unknown,
        Some(_) | None if is_own => PrincipalKind::Machine,
        None if note.is_none() && (has(claims, "sid") || has(claims, "session_state")) => {
            PrincipalKind::User
        }
        // Another client has exchanged the token, or it has no marks.
        Some(_) | None => PrincipalKind::Unknown,
    }
}

/// The prefix of a `jti`: two letters each for the kind of session, token and grant, and a colon
/// (Keycloak's `DefaultTokenContextEncoderProvider`).
struct KeycloakContext {
    /// Client credentials.
    is_machine: bool,
    /// The session is not only for this token.
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
