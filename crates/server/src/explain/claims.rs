//! The checks of the claims: the policy's rules, one after the other.

use std::time::Duration;

use bearward_core::confirmation::{Confirmation, Evidence};
use bearward_core::jws::UnverifiedJws;
use bearward_core::policy::Rule;
use bearward_core::rejection::InvalidToken;
use bearward_core::{ClaimPath, Policy, Profile, UnixTime};

use super::anatomy::Anatomy;
use super::asked::Asked;
use super::check::{Check, Verdict};
use super::members::Members;
use super::probe;
use super::text::quoted;
use super::{text, time};

/// `iss`, which is checked before the key lookup.
pub(crate) fn issuer(anatomy: &Anatomy<'_>, asked: &Asked) -> Check {
    let token = probe::payload(anatomy);
    let answer = UnverifiedJws::parse(&token).map(|jws| asked.policy.check_issuer(&jws));
    let verdict = match (asked.issuer(), answer) {
        // A token without `iss` fails for every issuer.
        (None, Ok(Ok(()) | Err(InvalidToken::IssuerUnknown))) | (_, Err(_)) => Verdict::Unchecked,
        (_, Ok(answer)) => Verdict::of(answer),
    };
    let issuers = asked.issuers().count();
    let shown = asked.issuers().take(ISSUERS);
    let mut expected = one_of(shown, "not configured: pass --issuer");
    if let Some(more) = issuers.checked_sub(ISSUERS).filter(|more| *more > 0) {
        expected = format!("{expected} or {more} more");
    }
    match &anatomy.payload {
        Some(claims) => Check::new("iss", expected, (claims.shown("iss"), verdict)),
        None => Check::new("iss", expected, ("not readable", verdict)),
    }
}

/// The rules of the policy, except `iss`.
pub(crate) fn rules(anatomy: &Anatomy<'_>, asked: &Asked) -> Vec<Check> {
    let token = probe::payload(anatomy);
    let jws = UnverifiedJws::parse(&token).ok();
    let jws = jws.filter(|_| anatomy.is_jws());
    let answer = |rule: Rule| {
        let jws = jws.as_ref()?;
        if rule == Rule::Confirmation {
            return Some(proven(jws));
        }
        let mut answers = asked.policy.danger_unverified_rules(jws, asked.now);
        answers.find_map(|(of, answer)| (of == rule).then_some(answer))
    };
    let is_of_load_balancer = asked.policy.profile().is_of_load_balancer();
    let rules = Rule::ALL.iter().copied();
    rules
        .filter_map(|rule| {
            let (name, expected) = expected(rule, asked)?;
            let Some(claims) = &anatomy.payload else {
                return Some(Check::unreadable(name, expected));
            };
            let answer = answer(rule);
            let claims = match (rule, &anatomy.header) {
                (Rule::Audience | Rule::ClientId, Some(header)) if is_of_load_balancer => header,
                _ => claims,
            };
            let found = found(rule, claims, asked, answer);
            Some(Check::new(
                name,
                expected,
                (found, verdict(rule, asked, answer)),
            ))
        })
        .collect()
}

/// The check of `cnf`: there is no evidence for the key of a bound token.
fn proven(jws: &UnverifiedJws<'_>) -> Result<(), InvalidToken> {
    match Confirmation::danger_unverified(jws)? {
        Some(confirmation) => confirmation.check(Evidence::NONE),
        None => Ok(()),
    }
}

/// The name of a rule in the report, and the expected value.
fn expected(rule: Rule, asked: &Asked) -> Option<(&'static str, String)> {
    let (policy, profile) = (&asked.policy, asked.policy.profile());
    Some(match rule {
        Rule::Kind if policy.tokens_by_audience() => {
            let vouched = "any that names no other kind: tokens = \"by_audience\"";
            ("token kind", vouched.to_owned())
        }
        Rule::Kind => ("token kind", profile.accepted_kind()),
        Rule::Audience => {
            let audiences = one_of(asked.audiences(), "not configured: pass --audience");
            (profile.audience_claim(), audiences)
        }
        Rule::Expiry => ("exp", after(asked.now.minus(policy.leeway()))),
        Rule::NotBefore => ("nbf", absent_or_by(asked)),
        Rule::IssuedAt => ("iat", absent_or_by(asked)),
        Rule::Lifetime => ("lifetime", expected_lifetime(policy)),
        Rule::RequiredClaims => ("required claims", expected_claims(policy)),
        Rule::ClaimTypes => {
            let subject = subject_claim(policy);
            let types = format!("{subject}, jti: strings; scope: string or strings");
            ("claim types", types)
        }
        Rule::ClientId => (
            "client",
            one_of(policy.client_ids(), "any client, as a string"),
        ),
        Rule::ClaimValues => ("claim values", "none required".to_owned()),
        Rule::Confirmation => ("cnf", "absent".to_owned()),
        // `iss` has its own check; we do not know rules of a newer pipeline.
        Rule::Issuer | _ => return None,
    })
}

fn found(
    rule: Rule,
    claims: &Members,
    asked: &Asked,
    answer: Option<Result<(), InvalidToken>>,
) -> String {
    let profile = asked.policy.profile();
    match rule {
        Rule::Kind => marks(claims, profile),
        Rule::Audience => claims.shown(profile.audience_claim()),
        Rule::Expiry => date(claims, "exp", asked.now, ("expired", "expires")),
        Rule::NotBefore => date(claims, "nbf", asked.now, ("valid since", "valid")),
        Rule::IssuedAt => date(claims, "iat", asked.now, ("issued", "issued")),
        Rule::Lifetime => lifetime(claims),
        Rule::RequiredClaims => missing(claims, &asked.policy),
        Rule::ClaimTypes => wrong_types(claims, asked, answer),
        Rule::ClientId => client(claims, profile),
        Rule::ClaimValues => "none required".to_owned(),
        Rule::Confirmation | Rule::Issuer | _ => claims.shown("cnf"),
    }
}

fn verdict(rule: Rule, asked: &Asked, answer: Option<Result<(), InvalidToken>>) -> Verdict {
    let is_unconfigured = rule == Rule::Audience && asked.audiences().next().is_none();
    match answer {
        None => Verdict::Unchecked,
        Some(Ok(()) | Err(InvalidToken::AudMismatch)) if is_unconfigured => Verdict::Unchecked,
        Some(answer) => Verdict::of(answer),
    }
}

/// One of these texts, or `none` if there are none.
fn one_of<'t>(texts: impl Iterator<Item = &'t str>, none: &str) -> String {
    let texts: Vec<String> = texts.map(quoted).collect();
    match texts.as_slice() {
        [] => none.to_owned(),
        [text] => text.clone(),
        several => format!("one of {}", several.join(" ")),
    }
}

/// The claim that names the subject, as a path.
fn subject_claim(policy: &Policy) -> String {
    let path = policy.subject_claim().map_or_else(
        || "sub".to_owned(),
        |path| path.names().collect::<Vec<_>>().join(" → "),
    );
    shown_name(&path)
}

fn expected_claims(policy: &Policy) -> String {
    let mut names: Vec<_> = policy.required_claims().map(shown_name).collect();
    if policy.subject_claim().is_some() {
        names.push(subject_claim(policy));
    }
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(" "),
    }
}

fn shown_name(name: &str) -> String {
    text::shown(name, NAME_CHARS)
}

fn expected_lifetime(policy: &Policy) -> String {
    let max = policy.max_lifetime();
    max.map_or_else(
        || "any".to_owned(),
        |max| format!("at most {} s", max.as_secs()),
    )
}

fn after(bound: UnixTime) -> String {
    format!("after {}", time::iso(bound))
}

fn absent_or_by(asked: &Asked) -> String {
    let bound = asked.now.plus(asked.policy.leeway());
    format!("absent, or by {}", time::iso(bound))
}

/// A date with its distance from now, using the first wording if it has passed.
pub(crate) fn date(
    claims: &Members,
    name: &str,
    now: UnixTime,
    (past, ahead): (&str, &str),
) -> String {
    let Some(at) = seconds(claims, name) else {
        return claims.shown(name);
    };
    let says = if at <= now { past } else { ahead };
    let (iso, relative) = (time::iso(at), time::relative(at, now));
    format!("{iso} ({says} {relative})")
}

/// A NumericDate without its fraction, if it can be shown.
pub(crate) fn seconds(claims: &Members, name: &str) -> Option<UnixTime> {
    let text = claims.get(name)?;
    let whole = text.split('.').next().unwrap_or_default();
    let time = UnixTime::from_secs(whole.parse().ok()?);
    Some(time).filter(|time| *time <= UnixTime::MAX && !text.contains(['e', 'E']))
}

fn lifetime(claims: &Members) -> String {
    let (from, to) = (seconds(claims, "iat"), seconds(claims, "exp"));
    let lifetime = from.zip(to).and_then(|(from, to)| to.since(from));
    lifetime.map_or_else(
        || "unknown".to_owned(),
        |lifetime: Duration| format!("{} s", lifetime.as_secs()),
    )
}

fn missing(claims: &Members, policy: &Policy) -> String {
    let mut missing: Vec<_> = policy
        .required_claims()
        .filter(|name| !claims.has(name) || claims.get(name) == Some("\"\""))
        .map(shown_name)
        .collect();
    let has_subject = |path: &ClaimPath| {
        let value = claims.at(path).unwrap_or_default();
        !value.is_null() && value != ""
    };
    if policy
        .subject_claim()
        .is_some_and(|path| !has_subject(path))
    {
        missing.push(subject_claim(policy));
    }
    match missing.as_slice() {
        [] => "all present".to_owned(),
        missing => format!("missing: {}", missing.join(" ")),
    }
}

/// The claims with a wrong type; each is checked separately.
fn wrong_types(
    claims: &Members,
    asked: &Asked,
    answer: Option<Result<(), InvalidToken>>,
) -> String {
    match answer {
        None => return "not checked".to_owned(),
        Some(Ok(())) => return "as expected".to_owned(),
        Some(Err(_)) => {}
    }
    let is_wrong = |name: &&str| {
        let Some(value) = claims.get(name) else {
            return false;
        };
        let token = probe::with_payload(&probe::object(&[(name, value)]));
        UnverifiedJws::parse(&token).is_ok_and(|jws| {
            let mut rules = asked.policy.danger_unverified_rules(&jws, asked.now);
            rules.any(|(rule, answer)| rule == Rule::ClaimTypes && answer.is_err())
        })
    };
    let subject = asked
        .policy
        .subject_claim()
        .and_then(|path| path.names().next());
    let typed = [subject.unwrap_or("sub"), "jti", "scope", "scp"];
    let wrong: Vec<String> = typed
        .into_iter()
        .filter(is_wrong)
        .map(|name| format!("{name} is {}", claims.shown(name)))
        .collect();
    wrong.join("; ")
}

fn client(claims: &Members, profile: Profile) -> String {
    let names = profile.client_id_claims().iter();
    let named = names.copied().find(|name| claims.get(name).is_some());
    named.map_or_else(
        || "absent".to_owned(),
        |name| format!("{name} {}", claims.shown(name)),
    )
}

/// The claims that identify the kind of a token in this profile.
fn marks(claims: &Members, profile: Profile) -> String {
    let mut found: Vec<String> = profile
        .kind_claims()
        .filter(|name| claims.has(name))
        .map(|name| format!("{name} {}", claims.shown(name)))
        .collect();
    let needs = profile.kind_needs();
    if !needs.is_empty() && !needs.iter().any(|name| claims.has(name)) {
        found.push(format!("no {}", needs.join(" or ")));
    }
    match found.as_slice() {
        [] => "no claim of another kind".to_owned(),
        found => found.join("; "),
    }
}

/// How many issuers are shown; an issuer with tenants has one for each.
const ISSUERS: usize = 8;

/// Longest name of a claim shown.
const NAME_CHARS: usize = 80;
