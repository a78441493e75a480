//! What a route requires, composed: each alternative, and what the principal has of it.

use std::time::Duration;

use bearward::explain::text::{quoted, value};
use bearward::explain::{Check, Verdict, time};
use bearward_core::authgear::{IS_ANONYMOUS, IS_VERIFIED};
use bearward_core::requirements::Asked;
use bearward_core::{Principal, PrincipalKind, Requirements, UnixTime};
use bearward_gateway::route::Route;

/// Requirements all of which must be met; of several alternatives one suffices.
pub(super) struct Alternative {
    /// The names under which they are configured.
    pub(super) names: Vec<String>,
    pub(super) checks: Vec<Check>,
}

/// The alternatives of a route; without principal nothing is checked.
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
    let (name, expected) = expected(asked, now);
    let found = principal.map_or_else(
        || "nobody yet".to_owned(),
        |principal| found(asked, principal, now),
    );
    Check {
        name,
        expected,
        found,
        verdict,
    }
}

fn expected(asked: Asked<'_>, now: UnixTime) -> (&'static str, String) {
    match asked {
        Asked::Kind(kind) => ("kind", kind_of(kind).to_owned()),
        Asked::Client(clients) => ("client", one_of(clients)),
        Asked::Scope { all, any } => {
            let all = all.iter().map(|scope| quoted(scope));
            let any = any.iter().map(|group| one_of(group));
            ("scope", all.chain(any).collect::<Vec<_>>().join(" and "))
        }
        Asked::Claim { path, values } => {
            let path: Vec<_> = path.names().map(quoted).collect();
            let path = path.join(" > ");
            ("claim", format!("{path} is or has {}", one_of(values)))
        }
        Asked::NotAnonymous => ("anonymous", format!("{} is false", quoted(IS_ANONYMOUS))),
        Asked::Verified => ("verified", format!("{} is true", quoted(IS_VERIFIED))),
        Asked::Acr(groups) => {
            let groups: Vec<_> = groups.iter().map(|group| one_of(group)).collect();
            ("acr", groups.join(" and "))
        }
        Asked::Amr(methods) => {
            let methods: Vec<_> = methods.iter().map(|method| quoted(method)).collect();
            ("amr", methods.join(" and "))
        }
        Asked::Age(max_age) => ("auth_time", since(max_age, now)),
        _ => ("other", "something this command does not know".to_owned()),
    }
}

fn found(asked: Asked<'_>, principal: &Principal, now: UnixTime) -> String {
    let claim = |name: &str| {
        let claim = principal.all_claims().get(name);
        claim.map_or_else(|| "absent".to_owned(), |claim| value(claim.as_json()))
    };
    match asked {
        Asked::Kind(_) => kind_of(principal.kind()).to_owned(),
        Asked::Client(_) => principal
            .client_id()
            .map_or_else(|| "absent".to_owned(), quoted),
        Asked::Scope { .. } => {
            let scopes: Vec<_> = principal.scopes().collect();
            match scopes.is_empty() {
                true => "none".to_owned(),
                false => quoted(&scopes.join(" ")),
            }
        }
        Asked::Claim { path, .. } => {
            let claim = principal.claim(path);
            claim.map_or_else(|| "absent".to_owned(), |claim| value(claim.as_json()))
        }
        Asked::NotAnonymous => claim(IS_ANONYMOUS),
        Asked::Verified => claim(IS_VERIFIED),
        Asked::Acr(_) => claim("acr"),
        Asked::Amr(_) => claim("amr"),
        Asked::Age(_) => match principal.auth_time() {
            Some(at) => format!("{} ({})", time::iso(at), time::relative(at, now)),
            None => claim("auth_time"),
        },
        _ => "not looked at".to_owned(),
    }
}

const fn kind_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Machine => "a machine",
        PrincipalKind::User => "a user",
        PrincipalKind::Unknown => "unknown",
    }
}

fn since(max_age: Duration, now: UnixTime) -> String {
    let earliest = time::iso(now.minus(max_age));
    format!("{earliest} or later, here or in an ID token sent along")
}

fn one_of(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    match texts.as_slice() {
        [text] => text.clone(),
        several => format!("one of {}", several.join(" ")),
    }
}
