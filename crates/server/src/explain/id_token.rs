//! The checks of an ID token that is sent along with an access token, for re-authentication ([OIDC Core
//! §3.1.3.7]).
//!
//! The verdict is that of the pipeline. The rows compare the ID token with the principal of the access
//! token, so that a reader sees which of them differs.
//!
//! [OIDC Core §3.1.3.7]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation

use std::fmt;

use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;
use bearward_core::vouch::{IdTokenOf, Unvouched};
use bearward_core::{JwkSet, Policy, Principal};

use super::anatomy::{Anatomy, is_at_jwt};
use super::asked::{Asked, Keys};
use super::check::{Check, Verdict};
use super::claims::{date, seconds};
use super::members::Members;
use super::text::{quoted, value};
use super::time;

/// The report about an ID token.
#[non_exhaustive]
pub struct IdTokenReport {
    /// What is compared, in the order of decision.
    pub checks: Vec<Check>,
    /// The ID token, or why it does not count.
    pub outcome: Result<IdToken, IdTokenRefused>,
    /// When the user logged in, according to each token, in words.
    pub logins: String,
    /// Whether an access token was given instead.
    is_access_token: bool,
}

impl IdTokenReport {
    /// Explains the ID token `given` along with the access token of `principal`. Without keys there is
    /// nothing to explain.
    #[must_use]
    pub fn new(given: &[u8], principal: &Principal, asked: &Asked) -> Option<Self> {
        let Keys::Known(keys) = &asked.keys else {
            return None;
        };
        let outcome = verify(given, principal, keys, asked);
        let anatomy = Anatomy::of(given);
        let mut checks = Vec::new();
        let is_access_token = anatomy.header.as_ref().is_some_and(is_at_jwt)
            || anatomy
                .payload
                .as_ref()
                .is_some_and(|payload| payload.has_any(OF_ACCESS_TOKENS));
        if let (Some(header), Some(payload)) = (&anatomy.header, &anatomy.payload) {
            checks = compared(header, payload, principal, asked);
        }
        checks.push(decided(outcome.as_ref().err().copied()));
        let logins = logins(anatomy.payload.as_ref(), principal, asked);
        Some(Self {
            checks,
            outcome,
            logins,
            is_access_token,
        })
    }

    /// The first thing that is wrong with it, in a sentence.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        if self.is_access_token {
            return Some(ACCESS_TOKEN.to_owned());
        }
        let mut checks = self.checks.iter();
        let failed = checks.find(|check| check.verdict.code().is_some())?;
        let Check {
            name,
            expected,
            found,
            ..
        } = failed;
        Some(match *name {
            WHOLE => format!("The ID token does not count: {found}."),
            name => format!("The `{name}` of the ID token is {found}, expected is {expected}."),
        })
    }

    /// The code of the reason that refuses it.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.outcome.as_ref().err().map(|refused| code(*refused))
    }
}

impl fmt::Debug for IdTokenReport {
    /// Shows no claims: they are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenReport")
            .field("code", &self.code())
            .finish_non_exhaustive()
    }
}

fn verify(
    given: &[u8],
    principal: &Principal,
    keys: &JwkSet,
    asked: &Asked,
) -> Result<IdToken, IdTokenRefused> {
    let jws = UnverifiedJws::parse(given)?;
    let is_issuer = |issuer: &str| (issuer == &**asked.policy.issuer()).then_some(&asked.policy);
    let unvouched: Unvouched<'_, &Policy, _> =
        Unvouched::new(jws, IdTokenOf(principal), asked.now, is_issuer)?;
    let keys = keys.select(unvouched.header())?;
    unvouched.vouch(&keys, |_| {})?
}

fn compared(
    header: &Members,
    payload: &Members,
    principal: &Principal,
    asked: &Asked,
) -> Vec<Check> {
    let equal = |name: &'static str, expected: &str| {
        let is_equal = payload.string(name).as_deref() == Some(expected);
        let found = payload.shown(name);
        Check::new(
            name,
            quoted(expected),
            (
                found,
                verdict(is_equal.then_some(()).ok_or(IdTokenRefused::Mismatch)),
            ),
        )
    };
    let other_kind = IdTokenRefused::Invalid(InvalidToken::TypNotAccepted);
    let typ = header.string("typ").unwrap_or_default();
    let is_jwt = typ.eq_ignore_ascii_case("JWT");
    let answer = is_jwt.then_some(()).ok_or(other_kind);
    let typ = Check::new("typ", "JWT", (header.shown("typ"), verdict(answer)));
    let mut checks = vec![equal("iss", principal.issuer()), typ];
    let marks: Vec<&str> = IdToken::NEVER_HAS
        .iter()
        .copied()
        .filter(|name| payload.has(name))
        .collect();
    let found = match marks.as_slice() {
        [] => "none".to_owned(),
        marks => marks.join(" "),
    };
    let expected = "no claim of an access token";
    let answer = marks.is_empty().then_some(()).ok_or(other_kind);
    checks.push(Check::new("token kind", expected, (found, verdict(answer))));
    let at = seconds(payload, "exp");
    let is_current = at.is_some_and(|at| at > asked.now.minus(asked.policy.leeway()));
    let expected = format!(
        "after {}",
        time::iso(asked.now.minus(asked.policy.leeway()))
    );
    let found = date(payload, "exp", asked.now, ("expired", "expires"));
    let answer = is_current
        .then_some(())
        .ok_or(IdTokenRefused::Invalid(InvalidToken::TokenExpired));
    checks.push(Check::new("exp", expected, (found, verdict(answer))));
    checks.push(equal("sub", principal.subject()));
    checks.push(audience(payload, principal));
    if payload.has("azp") {
        checks.push(equal("azp", principal.client_id().unwrap_or_default()));
    }
    checks
}

/// The client of the access token, for which the ID token must be.
fn audience(payload: &Members, principal: &Principal) -> Check {
    let found = payload.get("aud").unwrap_or("null");
    let audiences: Vec<String> = serde_json::from_str(found)
        .or_else(|_| serde_json::from_str(found).map(|audience| vec![audience]))
        .unwrap_or_default();
    let client = principal.client_id();
    let is_for_client = client.is_some_and(|client| audiences.iter().any(|name| name == client));
    let answer = is_for_client.then_some(()).ok_or(IdTokenRefused::Mismatch);
    let expected = client.map_or_else(
        || "the client of the access token, which names none".to_owned(),
        |client| format!("{}, the client of the access token", quoted(client)),
    );
    Check::new("aud", expected, (value(found), verdict(answer)))
}

/// The pipeline's answer, with the reason that the rows above may not show.
fn decided(refused: Option<IdTokenRefused>) -> Check {
    let expected = "valid, and of the same login";
    match refused {
        None => Check::new(WHOLE, expected, ("as expected", Verdict::Ok)),
        Some(refused) => {
            let verdict = Verdict::Fail(code(refused));
            Check::new(WHOLE, expected, (refused.to_string(), verdict))
        }
    }
}

fn code(refused: IdTokenRefused) -> &'static str {
    match refused {
        IdTokenRefused::Invalid(reason) => reason.code(),
        IdTokenRefused::Mismatch | _ => "id_token_mismatch",
    }
}

fn verdict(answer: Result<(), IdTokenRefused>) -> Verdict {
    answer.map_or_else(|refused| Verdict::Fail(code(refused)), |()| Verdict::Ok)
}

fn logins(payload: Option<&Members>, principal: &Principal, asked: &Asked) -> String {
    let said = |at: Option<_>| {
        at.map_or_else(
            || "absent".to_owned(),
            |at| format!("{} ({})", time::iso(at), time::relative(at, asked.now)),
        )
    };
    let in_id_token = payload.and_then(|payload| seconds(payload, "auth_time"));
    format!(
        "`auth_time` of the access token: {}; of the ID token: {}",
        said(principal.auth_time()),
        said(in_id_token)
    )
}

/// What names a client or an access given: claims of [`IdToken::NEVER_HAS`] that other kinds lack as well.
const OF_ACCESS_TOKENS: &[&str] = &["scope", "scp", "client_id", "cid", "appid"];

const ACCESS_TOKEN: &str = "This is an access token, not an ID token: send the value of `id_token` in the response of the \
    token endpoint.";

/// The name of the last check, which is about the whole ID token.
const WHOLE: &str = "ID token";
