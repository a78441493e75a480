//! The requirements of a route for a principal, beyond a valid access token: scope ([RFC 6750
//! §3.1]), client, claims, kind, and how the user authenticated ([RFC 9470]).
//!
//! All requirements must hold. The first that does not hold gives the reason, in a fixed order:
//! kind, client, scope, claims, class and methods of authentication, its age. To combine
//! requirements, add more. The same checks admit and explain.
//!
//! [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
//! [RFC 9470]: https://www.rfc-editor.org/rfc/rfc9470

mod claim_value;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::authgear::{self, IS_ANONYMOUS, IS_VERIFIED};
use crate::claims::ClaimPath;
use crate::id_token::{IdToken, IdTokenRefused};
use crate::json::Value;
use crate::principal::{Principal, PrincipalKind};
use crate::rejection::{
    Forbidden, InsufficientScope, InsufficientUserAuthentication, InvalidToken, Rejection,
    StepUpReason,
};
use crate::time::UnixTime;

pub use self::claim_value::ClaimValue;

/// The requirements of a route for a principal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Requirements(Arc<Settled>);

#[derive(Debug)]
struct Settled {
    asked: RequirementsBuilder,
    /// Texts for the challenges, made once.
    scope: Arc<str>,
    acr_values: Vec<Arc<str>>,
}

impl Requirements {
    /// Starts without requirements.
    pub fn builder() -> RequirementsBuilder {
        RequirementsBuilder::default()
    }

    /// Checks whether `principal` meets all requirements at the time `now`.
    ///
    /// # Errors
    ///
    /// [`Rejection::InsufficientScope`], [`Rejection::InsufficientUserAuthentication`] or
    /// [`Rejection::Forbidden`].
    pub fn authorize(&self, principal: &Principal, now: UnixTime) -> Result<(), Rejection> {
        self.check(principal, None, now)
    }

    /// Like [`Requirements::authorize`], with the ID token sent along for re-authentication, or the
    /// reason why that was refused.
    ///
    /// # Errors
    ///
    /// As [`Requirements::authorize`].
    pub fn authorize_with_id_token(
        &self,
        principal: &Principal,
        id_token: Result<&IdToken, IdTokenRefused>,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        self.check(principal, Some(id_token), now)
    }

    /// Whether an ID token sent along could change `rejection`: into an admission, or into a refusal
    /// without a challenge if the login is recent already.
    #[must_use]
    pub fn wants_id_token(&self, rejection: &Rejection) -> bool {
        if let Rejection::InsufficientUserAuthentication(refused) = rejection {
            let reasons = [
                StepUpReason::AuthTimeUnsatisfied,
                StepUpReason::AmrUnsatisfied,
            ];
            return reasons.contains(&refused.reason);
        }
        *rejection == Forbidden::CannotReauthenticate.into()
    }

    /// The name of these requirements, if any, for explanations.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.asked.name.as_deref()
    }

    /// Each requirement, in the order of the checks.
    pub fn each(&self) -> impl Iterator<Item = Asked<'_>> {
        let asked = &self.0.asked;
        let asks_scope = !asked.scopes.is_empty() || !asked.any_scopes.is_empty();
        let before = [
            asked.kinds.first().copied().map(Asked::Kind),
            Some(Asked::Client(&asked.client_ids)).filter(|_| !asked.client_ids.is_empty()),
            asks_scope.then_some(Asked::Scope {
                all: &asked.scopes,
                any: &asked.any_scopes,
            }),
        ];
        let claims = asked.claims.iter().map(ClaimRule::asked);
        let after = [
            Some(Asked::Acr(&asked.acr)).filter(|_| !asked.acr.is_empty()),
            Some(Asked::Amr(&asked.amr)).filter(|_| !asked.amr.is_empty()),
            asked.max_age.map(Asked::Age),
        ];
        let before = before.into_iter().flatten();
        before.chain(claims).chain(after.into_iter().flatten())
    }

    /// The result of each requirement, to explain a refusal. [`authorize`](Self::authorize) stops
    /// at the first that `principal` does not meet.
    pub fn verdicts(
        &self,
        principal: &Principal,
        now: UnixTime,
    ) -> impl Iterator<Item = (Asked<'_>, Result<(), Rejection>)> {
        self.each()
            .map(move |asked| (asked, self.check_one(asked, principal, None, now)))
    }

    /// The same with an ID token that was sent along.
    pub fn verdicts_with_id_token<'r>(
        &'r self,
        principal: &'r Principal,
        id_token: Result<&'r IdToken, IdTokenRefused>,
        now: UnixTime,
    ) -> impl Iterator<Item = (Asked<'r>, Result<(), Rejection>)> {
        self.each().map(move |asked| {
            let verdict = self.check_one(asked, principal, Some(id_token), now);
            (asked, verdict)
        })
    }

    /// The requirement that [`authorize`](Self::authorize) rejected `principal` for, to name it in a
    /// log; `None` if the rejection is not about these requirements.
    #[must_use]
    pub fn unmet(&self, principal: &Principal, rejection: &Rejection) -> Option<Asked<'_>> {
        // Claims do not change with time, so of several the first that does not fit is the one.
        let is_met = |asked: &Asked<'_>| matches!(asked, Asked::Claim { path, values } if check_claim(principal, path, values).is_ok());
        self.each()
            .find(|asked| asked.is_about(rejection) && !is_met(asked))
    }

    fn check(
        &self,
        principal: &Principal,
        id_token: Option<Result<&IdToken, IdTokenRefused>>,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        self.each()
            .try_for_each(|asked| self.check_one(asked, principal, id_token, now))
    }

    fn check_one(
        &self,
        asked: Asked<'_>,
        principal: &Principal,
        id_token: Option<Result<&IdToken, IdTokenRefused>>,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        match asked {
            Asked::Kind(kind) if kind == principal.kind() => Ok(()),
            Asked::Kind(_) => Err(Forbidden::PrincipalKind.into()),
            Asked::Client(clients) => check_client(principal, clients),
            Asked::Scope { all, any } => self.check_scope(principal, all, any),
            Asked::Claim { path, values } => check_claim(principal, path, values),
            // Absent is not "no": without the claim, the user is not known.
            Asked::NotAnonymous => {
                is_flag(principal, IS_ANONYMOUS, false, Forbidden::UserAnonymous)
            }
            Asked::Verified => is_flag(principal, IS_VERIFIED, true, Forbidden::UserNotVerified),
            Asked::Acr(groups) => self.check_acr(principal, groups),
            Asked::Amr(methods) => self.check_amr(principal, id_token, methods, now),
            Asked::Age(max_age) => self.check_age(principal, id_token, max_age, now),
        }
    }

    fn check_scope(
        &self,
        principal: &Principal,
        all: &[String],
        any: &[Vec<String>],
    ) -> Result<(), Rejection> {
        let has_all = all.iter().all(|scope| principal.has_scope(scope));
        let has_any = |group: &Vec<String>| group.iter().any(|scope| principal.has_scope(scope));
        if !has_all || !any.iter().all(has_any) {
            let scope = Arc::clone(&self.0.scope);
            return Err(InsufficientScope { scope }.into());
        }
        Ok(())
    }

    fn check_acr(&self, principal: &Principal, groups: &[Vec<String>]) -> Result<(), Rejection> {
        let acr = principal.all_claims().acr();
        for (group, acr_values) in groups.iter().zip(&self.0.acr_values) {
            let is_met = acr.is_some_and(|acr| group.iter().any(|value| acr.contains(value)));
            if is_met {
                continue;
            }
            // Nobody could be asked to log in, so we send no challenge.
            if is_nobody(principal)
                || (self.0.asked.max_age.is_some() && !can_authenticate(principal))
            {
                return Err(Forbidden::CannotReauthenticate.into());
            }
            let asked = Some(Arc::clone(acr_values));
            return Err(self.step_up(StepUpReason::AcrUnsatisfied, asked, None));
        }
        Ok(())
    }

    fn check_amr(
        &self,
        principal: &Principal,
        id_token: Option<Result<&IdToken, IdTokenRefused>>,
        methods: &[String],
        now: UnixTime,
    ) -> Result<(), Rejection> {
        let amr = principal.all_claims().amr();
        let is_met = amr.is_some_and(|amr| methods.iter().all(|method| amr.contains(method)));
        if is_met {
            return Ok(());
        }
        // A challenge cannot name methods, and the classes are met already. Only where the login is too
        // old does the challenge ask for something that a client can do.
        let max_age = self.0.asked.max_age;
        match max_age.map(|max_age| self.check_age(principal, id_token, max_age, now)) {
            Some(Err(Rejection::InsufficientUserAuthentication(_))) => {
                let acr_values = self.0.acr_values.first().cloned();
                Err(self.step_up(StepUpReason::AmrUnsatisfied, acr_values, None))
            }
            Some(Err(refused)) => Err(refused),
            Some(Ok(())) | None => Err(Forbidden::ClaimRule.into()),
        }
    }

    /// RFC 9470 §4: uses `auth_time` from the access token or from the ID token sent along, never
    /// `iat`, which a refresh changes.
    fn check_age(
        &self,
        principal: &Principal,
        id_token: Option<Result<&IdToken, IdTokenRefused>>,
        max_age: Duration,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        // Nobody authenticated, so `Allow`, which is for users, is not meant for them.
        if !can_authenticate(principal) {
            return Err(Forbidden::CannotReauthenticate.into());
        }
        if is_login_recent(principal, id_token, max_age, now) {
            return Ok(());
        }
        let valid = id_token.and_then(Result::ok);
        let claims = principal.all_claims();
        let claim = claims.get(authgear::CAN_REAUTHENTICATE);
        let can_reauthenticate = valid
            .and_then(IdToken::can_reauthenticate)
            .or_else(|| claim.and_then(Value::as_bool))
            .unwrap_or(true)
            || valid.is_some_and(IdToken::is_biometric)
            || claims
                .amr()
                .is_some_and(|amr| amr.contains(authgear::AMR_BIOMETRIC));
        if !can_reauthenticate {
            return match self.0.asked.cannot_reauthenticate {
                CannotReauthenticate::Allow => Ok(()),
                CannotReauthenticate::Refuse => Err(Forbidden::CannotReauthenticate.into()),
            };
        }
        let (reason, invalid) = match id_token.and_then(Result::err) {
            None => (StepUpReason::AuthTimeUnsatisfied, None),
            Some(IdTokenRefused::Invalid(reason)) => (StepUpReason::IdTokenInvalid, Some(reason)),
            Some(IdTokenRefused::Mismatch) => (StepUpReason::IdTokenMismatch, None),
        };
        Err(self.step_up(reason, self.0.acr_values.first().cloned(), invalid))
    }

    fn step_up(
        &self,
        reason: StepUpReason,
        acr_values: Option<Arc<str>>,
        id_token: Option<InvalidToken>,
    ) -> Rejection {
        InsufficientUserAuthentication {
            reason,
            id_token,
            acr_values,
            max_age: self.0.asked.max_age,
        }
        .into()
    }
}

/// One of the [`Requirements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked<'r> {
    /// A user, or a machine.
    Kind(PrincipalKind),
    /// One of these clients.
    Client(&'r [String]),
    /// Scopes.
    Scope {
        /// All of these.
        all: &'r [String],
        /// One of each group.
        any: &'r [Vec<String>],
    },
    /// A claim that is, or contains, one of these values.
    Claim {
        /// The path to the claim.
        path: &'r ClaimPath,
        /// The values, of which it must have one.
        values: &'r [ClaimValue],
    },
    /// A user whom Authgear marks as not anonymous.
    NotAnonymous,
    /// A user whom Authgear marks as verified.
    Verified,
    /// One authentication context class from each group.
    Acr(&'r [Vec<String>]),
    /// All these authentication methods.
    Amr(&'r [String]),
    /// Authentication at most this long ago.
    Age(Duration),
}

/// For explanations: [`Display`](fmt::Display) describes the requirement in words.
impl Asked<'_> {
    /// The subject of the requirement, in one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind(_) => "kind",
            Self::Client(_) => "client",
            Self::Scope { .. } => "scope",
            Self::Claim { .. } => "claim",
            Self::NotAnonymous => "anonymous",
            Self::Verified => "verified",
            Self::Acr(_) => "acr",
            Self::Amr(_) => "amr",
            Self::Age(_) => "auth_time",
        }
    }

    /// Whether this kind of requirement gives such a rejection.
    const fn is_about(self, rejection: &Rejection) -> bool {
        match rejection {
            Rejection::Forbidden(reason) => match reason {
                Forbidden::PrincipalKind => matches!(self, Self::Kind(_)),
                Forbidden::ClientNotAllowed => matches!(self, Self::Client(_)),
                Forbidden::ClaimRule => matches!(self, Self::Claim { .. } | Self::Amr(_)),
                Forbidden::UserNotVerified => matches!(self, Self::Verified),
                Forbidden::UserAnonymous => matches!(self, Self::NotAnonymous),
                Forbidden::CannotReauthenticate => {
                    matches!(self, Self::Acr(_) | Self::Amr(_) | Self::Age(_))
                }
                Forbidden::CsrfOrigin => false,
            },
            Rejection::InsufficientScope(_) => matches!(self, Self::Scope { .. }),
            Rejection::InsufficientUserAuthentication(step_up) => match step_up.reason {
                StepUpReason::AcrUnsatisfied => matches!(self, Self::Acr(_)),
                StepUpReason::AmrUnsatisfied => matches!(self, Self::Amr(_)),
                StepUpReason::AuthTimeUnsatisfied
                | StepUpReason::IdTokenInvalid
                | StepUpReason::IdTokenMismatch => matches!(self, Self::Age(_)),
            },
            Rejection::InvalidRequest(_)
            | Rejection::InvalidToken(_)
            | Rejection::NoCredentials
            | Rejection::TooManyFailures(_)
            | Rejection::Unavailable(_) => false,
        }
    }

    /// The claim that it checks. `None` for kind, client and scope, which the profile reads from
    /// several claims.
    #[must_use]
    pub fn claim(self) -> Option<ClaimPath> {
        match self {
            Self::Kind(_) | Self::Client(_) | Self::Scope { .. } => None,
            Self::Claim { path, .. } => Some(path.clone()),
            Self::NotAnonymous => Some(IS_ANONYMOUS.into()),
            Self::Verified => Some(IS_VERIFIED.into()),
            Self::Acr(_) | Self::Amr(_) | Self::Age(_) => Some(self.name().into()),
        }
    }
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |texts: &[String]| texts.iter().map(|text| format!("\"{text}\"")).collect();
        let one_of = |texts: &[String]| {
            let texts: Vec<String> = quoted(texts);
            let of_several = if texts.len() == 1 { "" } else { "one of " };
            format!("{of_several}{}", texts.join(" "))
        };
        let one_of_values = |values: &[ClaimValue]| {
            let of_several = if values.len() == 1 { "" } else { "one of " };
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            format!("{of_several}{}", values.join(" "))
        };
        let each = |groups: &[Vec<String>]| groups.iter().map(|group| one_of(group)).collect();
        let all: Vec<String> = match self {
            Self::Kind(kind) => vec![format!("a {}", kind.as_str())],
            Self::Client(clients) => vec![one_of(clients)],
            Self::Scope { all, any } => [quoted(all), each(any)].concat(),
            Self::Claim { path, values } => {
                let path: Vec<_> = path.names().map(|name| format!("\"{name}\"")).collect();
                vec![format!(
                    "{} is or has {}",
                    path.join(" > "),
                    one_of_values(values)
                )]
            }
            Self::NotAnonymous => vec![format!("\"{}\" is false", IS_ANONYMOUS)],
            Self::Verified => vec![format!("\"{}\" is true", IS_VERIFIED)],
            Self::Acr(groups) => each(groups),
            Self::Amr(methods) => quoted(methods),
            Self::Age(max_age) => vec![format!("{} s ago at most", max_age.as_secs())],
        };
        f.write_str(&all.join(" and "))
    }
}

/// What happens to a user who must re-authenticate but is not able to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CannotReauthenticate {
    /// Admits the user: a decision for you, not for us.
    Allow,
    /// Answers a plain 403, because the user could never meet a challenge. The default.
    #[default]
    Refuse,
}

/// Builds the [`Requirements`] of a route.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RequirementsBuilder {
    name: Option<Arc<str>>,
    kinds: Vec<PrincipalKind>,
    client_ids: Vec<String>,
    scopes: Vec<String>,
    any_scopes: Vec<Vec<String>>,
    claims: Vec<ClaimRule>,
    acr: Vec<Vec<String>>,
    amr: Vec<String>,
    max_age: Option<Duration>,
    cannot_reauthenticate: CannotReauthenticate,
}

impl RequirementsBuilder {
    /// A name, for explanations. Default: none.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A scope the token must have; call again for more.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Scopes, of which the token must have one. The challenge names the first.
    pub fn any_scope<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.any_scopes
            .push(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// A client that may use the route; call again to allow others as well.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_ids.push(client_id.into());
        self
    }

    /// A role that the user must have, in Authgear's claim for roles.
    pub fn role(self, role: impl Into<String>) -> Self {
        self.claim(authgear::ROLES, role.into())
    }

    /// A value that the claim at `path` must equal or, as an array, contain: a string, `true` or
    /// `false`, or a whole number.
    pub fn claim(self, path: impl Into<ClaimPath>, value: impl Into<ClaimValue>) -> Self {
        self.any_claim(path, [value.into()])
    }

    /// Values, of which the claim at `path` must have one.
    pub fn any_claim<V: Into<ClaimValue>>(
        mut self,
        path: impl Into<ClaimPath>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.claims.push(ClaimRule::AnyOf {
            path: path.into(),
            values: values.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// A user, not a client that acts on its own behalf.
    pub fn user(mut self) -> Self {
        self.kinds.push(PrincipalKind::User);
        self
    }

    /// A client that acts on its own behalf, not a user.
    pub fn machine(mut self) -> Self {
        self.kinds.push(PrincipalKind::Machine);
        self
    }

    /// A user whom Authgear marks as verified.
    pub fn verified(mut self) -> Self {
        self.claims.push(ClaimRule::Verified);
        self
    }

    /// A user whom Authgear marks as not anonymous.
    pub fn not_anonymous(mut self) -> Self {
        self.claims.push(ClaimRule::NotAnonymous);
        self
    }

    /// Authentication context classes, in order of preference; `acr` must be one of them. Call again to
    /// add another group, which `acr` must also satisfy.
    pub fn acr<S: Into<String>>(mut self, acr_values: impl IntoIterator<Item = S>) -> Self {
        self.acr
            .push(acr_values.into_iter().map(Into::into).collect());
        self
    }

    /// An authentication method that `amr` must have; call again for more.
    ///
    /// A challenge cannot ask for methods. If you also require an age that is exceeded, the challenge
    /// asks for that. Otherwise `amr` is a claim like any other, and the answer is 403.
    pub fn amr(mut self, method: impl Into<String>) -> Self {
        self.amr.push(method.into());
        self
    }

    /// The user authenticated at most this long ago; exactly this long ago is sufficient. If called
    /// again, the shortest time counts.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(self.max_age.map_or(max_age, |age| age.min(max_age)));
        self
    }

    /// What happens to a user who must re-authenticate but is not able to. Default: refused with
    /// 403.
    pub const fn cannot_reauthenticate(mut self, then: CannotReauthenticate) -> Self {
        self.cannot_reauthenticate = then;
        self
    }

    /// The requirements.
    ///
    /// # Errors
    ///
    /// [`RequirementsError`] if nobody could meet a requirement, or a value cannot appear in a
    /// challenge.
    pub fn build(self) -> Result<Requirements, RequirementsError> {
        let mut scopes = self.scopes.iter().chain(self.any_scopes.iter().flatten());
        if !scopes.all(|scope| is_scope_token(scope)) || self.any_scopes.iter().any(Vec::is_empty) {
            return Err(RequirementsError::Scope);
        }
        let mut acr_values = self.acr.iter().flatten();
        if !acr_values.all(|value| is_scope_token(value)) || self.acr.iter().any(Vec::is_empty) {
            return Err(RequirementsError::Acr);
        }
        if self
            .kinds
            .iter()
            .any(|kind| Some(kind) != self.kinds.first())
        {
            return Err(RequirementsError::Kind);
        }
        let has_values = |rule: &ClaimRule| !matches!(rule, ClaimRule::AnyOf { values, .. } if values.is_empty());
        if !self.claims.iter().all(has_values) {
            return Err(RequirementsError::Claim);
        }
        let is_named =
            |rule: &ClaimRule| !matches!(rule, ClaimRule::AnyOf { path, .. } if !path.is_named());
        if !self.claims.iter().all(is_named) {
            return Err(RequirementsError::ClaimName);
        }
        let one_of_each = self.any_scopes.iter().filter_map(|group| group.first());
        let scope: Vec<&str> = self
            .scopes
            .iter()
            .chain(one_of_each)
            .map(String::as_str)
            .collect();
        let acr_values = self.acr.iter().map(|group| group.join(" ").into());
        Ok(Requirements(Arc::new(Settled {
            scope: scope.join(" ").into(),
            acr_values: acr_values.collect(),
            asked: self,
        })))
    }
}

/// Why requirements make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequirementsError {
    /// An `acr` value is empty or has a character that cannot appear in a challenge, or a group of
    /// them is empty.
    #[error("an acr value is empty, or has a space, a quote, a backslash or a control character")]
    Acr,
    /// A list of values for a claim is empty: nobody could meet it.
    #[error("a claim is required, but none of the values is given that it may have")]
    Claim,
    /// The name of a claim is empty, or missing in its path.
    #[error("the name of a claim is empty")]
    ClaimName,
    /// A user and a machine at once: nobody is both.
    #[error("both a user and a machine are required")]
    Kind,
    /// A scope is not a scope-token (RFC 6749 §3.3), or a list of scopes is empty.
    #[error("a scope is empty, or has a space, a quote, a backslash or a control character")]
    Scope,
}

#[derive(Clone, Debug)]
enum ClaimRule {
    AnyOf {
        path: ClaimPath,
        values: Vec<ClaimValue>,
    },
    NotAnonymous,
    Verified,
}

impl ClaimRule {
    fn asked(&self) -> Asked<'_> {
        match self {
            Self::AnyOf { path, values } => Asked::Claim { path, values },
            Self::NotAnonymous => Asked::NotAnonymous,
            Self::Verified => Asked::Verified,
        }
    }
}

fn check_client(principal: &Principal, clients: &[String]) -> Result<(), Rejection> {
    // The token is valid, so its client would get no other one.
    let client_id = principal.client_id().ok_or(Forbidden::ClaimRule)?;
    if !clients.iter().any(|client| client == client_id) {
        return Err(Forbidden::ClientNotAllowed.into());
    }
    Ok(())
}

fn check_claim(
    principal: &Principal,
    path: &ClaimPath,
    values: &[ClaimValue],
) -> Result<(), Rejection> {
    // Of another type, it does not fit either: the token is valid, and another would not help.
    let claim = principal.claim(path).ok_or(Forbidden::ClaimRule)?;
    match ClaimValue::are_in(values, claim) {
        true => Ok(()),
        false => Err(Forbidden::ClaimRule.into()),
    }
}

fn is_flag(
    principal: &Principal,
    name: &str,
    wanted: bool,
    otherwise: Forbidden,
) -> Result<(), Rejection> {
    let claim = principal.all_claims().get(name).and_then(Value::as_bool);
    if claim != Some(wanted) {
        return Err(otherwise.into());
    }
    Ok(())
}

/// Whether a user authenticated for this token, and so could again. A machine did not, nor did an
/// anonymous user, and of a principal of unknown kind only `auth_time` says so.
fn can_authenticate(principal: &Principal) -> bool {
    !is_nobody(principal)
        && match principal.kind() {
            PrincipalKind::Machine | PrincipalKind::User => true,
            PrincipalKind::Unknown => principal.auth_time().is_some(),
        }
}

/// Whether the principal is known to be nobody who logs in: a machine, or an anonymous user.
fn is_nobody(principal: &Principal) -> bool {
    let is_anonymous = principal.all_claims().get(IS_ANONYMOUS);
    principal.kind() == PrincipalKind::Machine
        || is_anonymous.and_then(Value::as_bool) == Some(true)
}

/// Whether the access token or the ID token sent along is from a login at most `max_age` ago.
fn is_login_recent(
    principal: &Principal,
    id_token: Option<Result<&IdToken, IdTokenRefused>>,
    max_age: Duration,
    now: UnixTime,
) -> bool {
    let auth_time = id_token
        .and_then(Result::ok)
        .and_then(IdToken::auth_time)
        // An ID token comes straight from the issuer, whose clock may be ahead of ours: a time
        // slightly in the future counts as now.
        .map(|time| match time <= now.plus(CLOCK_AHEAD) {
            true => time.min(now),
            false => time,
        });
    is_recent(principal.auth_time(), max_age, now) || is_recent(auth_time, max_age, now)
}

/// Whether the user authenticated at most `max_age` ago, and not in the future.
fn is_recent(auth_time: Option<UnixTime>, max_age: Duration, now: UnixTime) -> bool {
    auth_time
        .and_then(|auth_time| now.since(auth_time))
        .is_some_and(|age| age <= max_age)
}

/// `scope-token` of [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
fn is_scope_token(scope: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    !scope.is_empty() && scope.bytes().all(is_allowed)
}

/// How far the issuer's clock may be ahead of ours when an ID token has just been issued.
const CLOCK_AHEAD: Duration = Duration::from_secs(30);
