//! The requirements of a route: each alternative, and how the principal meets it.

use bearward::explain::text::{quoted, shown, value};
use bearward::explain::{Check, Verdict, time};
use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::requirements::Asked;
use bearward_core::{Principal, PrincipalKind, Requirements, UnixTime};
use bearward_gateway::route::Route;

use super::unmet::Unmet;

/// Requirements that must all be met; one of several alternatives suffices.
pub(super) struct Alternative {
    /// Their names in the configuration.
    pub(super) names: Vec<String>,
    pub(super) checks: Vec<Check>,
    /// What those that are not met lack.
    pub(super) unmet: Vec<Unmet>,
}

/// Who sent a request, with the ID token that was sent along.
#[derive(Clone, Copy)]
pub(super) struct Sender<'s> {
    pub(super) principal: &'s Principal,
    pub(super) id_token: Option<Result<&'s IdToken, IdTokenRefused>>,
}

/// The alternatives of a route; without a sender, nothing is checked.
pub(super) fn alternatives(
    route: &Route,
    sender: Option<Sender<'_>>,
    now: UnixTime,
) -> Vec<Alternative> {
    let alternative = |group: &Vec<Requirements>| {
        let (mut checks, mut unmet) = (Vec::new(), Vec::new());
        for requirements in group {
            add_checks(requirements, sender, now, &mut checks, &mut unmet);
        }
        Alternative {
            names: group.iter().map(|one| name(one).to_owned()).collect(),
            checks,
            unmet,
        }
    };
    route.require.iter().map(alternative).collect()
}

fn name(requirements: &Requirements) -> &str {
    requirements.name().unwrap_or("unnamed")
}

fn add_checks(
    requirements: &Requirements,
    sender: Option<Sender<'_>>,
    now: UnixTime,
    checks: &mut Vec<Check>,
    unmet: &mut Vec<Unmet>,
) {
    let Some(sender) = sender else {
        let unchecked = |asked| check(asked, None, now, Verdict::Unchecked);
        checks.extend(requirements.each().map(unchecked));
        return;
    };
    let principal = sender.principal;
    let verdicts: Vec<_> = match sender.id_token {
        Some(id_token) => requirements
            .verdicts_with_id_token(principal, id_token, now)
            .collect(),
        None => requirements.verdicts(principal, now).collect(),
    };
    for (asked, verdict) in verdicts {
        let verdict = verdict.map_or_else(
            |rejection| Verdict::Fail(rejection.reason()),
            |()| Verdict::Ok,
        );
        let check = check(asked, Some(sender), now, verdict);
        if let Some(code) = verdict.code() {
            let name = name(requirements);
            unmet.extend(Unmet::new(code, name, asked, principal, &check.found));
        }
        checks.push(check);
    }
}

fn check(asked: Asked<'_>, sender: Option<Sender<'_>>, now: UnixTime, verdict: Verdict) -> Check {
    let found = sender.map_or_else(
        || "no principal yet".to_owned(),
        |sender| found(asked, sender.principal, sender.id_token, now),
    );
    Check {
        name: asked.name(),
        expected: expected(asked, now),
        found,
        verdict,
    }
}

fn expected(asked: Asked<'_>, now: UnixTime) -> String {
    if let Asked::Age(max_age) = asked {
        let earliest = time::iso(now.minus(max_age));
        return format!("{earliest} or later, in this token or the ID token");
    }
    shown(&asked.to_string(), EXPECTED_CHARS)
}

fn found(
    asked: Asked<'_>,
    principal: &Principal,
    id_token: Option<Result<&IdToken, IdTokenRefused>>,
    now: UnixTime,
) -> String {
    let absent = || "absent".to_owned();
    let claim = || {
        let claim = asked.claim().and_then(|path| principal.claim(&path));
        claim.map_or_else(absent, |claim| value(claim.as_json()))
    };
    match asked {
        Asked::Kind(_) => match principal.kind() {
            kind @ (PrincipalKind::Machine | PrincipalKind::User) => Asked::Kind(kind).to_string(),
            PrincipalKind::Unknown => "unknown".to_owned(),
        },
        Asked::Client(_) => principal.client_id().map_or_else(absent, quoted),
        Asked::Scope { .. } => match principal.scopes().collect::<Vec<_>>().join(" ").as_str() {
            "" => "none".to_owned(),
            scopes => quoted(scopes),
        },
        Asked::Age(_) => {
            let said = |at: UnixTime| format!("{} ({})", time::iso(at), time::relative(at, now));
            let in_token = principal.auth_time().map_or_else(claim, said);
            match id_token {
                None => in_token,
                Some(Ok(id_token)) => {
                    let in_id_token = id_token.auth_time().map_or_else(absent, said);
                    format!("{in_token}; ID token: {in_id_token}")
                }
                Some(Err(_)) => format!("{in_token}; the ID token does not count"),
            }
        }
        Asked::Claim { .. }
        | Asked::NotAnonymous
        | Asked::Verified
        | Asked::Acr(_)
        | Asked::Amr(_)
        | _ => claim(),
    }
}

/// The maximum length of a requirement's text.
const EXPECTED_CHARS: usize = 600;
