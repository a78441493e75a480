//! The requirements of a route: each alternative, and how the principal meets it.

use bearward::explain::text::{quoted, shown, value};
use bearward::explain::{Check, Verdict, time};
use bearward_core::requirements::Asked;
use bearward_core::{Principal, PrincipalKind, Requirements, UnixTime};
use bearward_gateway::route::Route;

/// Requirements that must all be met; one of several alternatives suffices.
pub(super) struct Alternative {
    /// Their names in the configuration.
    pub(super) names: Vec<String>,
    pub(super) checks: Vec<Check>,
}

/// The alternatives of a route; without a principal, nothing is checked.
pub(super) fn alternatives(
    route: &Route,
    principal: Option<&Principal>,
    now: UnixTime,
) -> Vec<Alternative> {
    let name = |requirements: &Requirements| requirements.name().unwrap_or("unnamed").to_owned();
    let alternative = |group: &Vec<Requirements>| Alternative {
        names: group.iter().map(name).collect(),
        checks: group
            .iter()
            .flat_map(|requirements| checks(requirements, principal, now))
            .collect(),
    };
    route.require.iter().map(alternative).collect()
}

fn checks(requirements: &Requirements, principal: Option<&Principal>, now: UnixTime) -> Vec<Check> {
    let Some(principal) = principal else {
        let unchecked = |asked| check(asked, None, now, Verdict::Unchecked);
        return requirements.each().map(unchecked).collect();
    };
    requirements
        .verdicts(principal, now)
        .map(|(asked, verdict)| {
            let verdict = match verdict {
                Ok(()) => Verdict::Ok,
                Err(rejection) => Verdict::Fail(rejection.reason()),
            };
            check(asked, Some(principal), now, verdict)
        })
        .collect()
}

fn check(
    asked: Asked<'_>,
    principal: Option<&Principal>,
    now: UnixTime,
    verdict: Verdict,
) -> Check {
    let found = principal.map_or_else(
        || "no principal yet".to_owned(),
        |principal| found(asked, principal, now),
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

fn found(asked: Asked<'_>, principal: &Principal, now: UnixTime) -> String {
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
        Asked::Age(_) => principal.auth_time().map_or_else(claim, |at| {
            format!("{} ({})", time::iso(at), time::relative(at, now))
        }),
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
