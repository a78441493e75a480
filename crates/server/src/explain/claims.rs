//! The checks of the claims: the policy's rules, one after the other.

use std::time::Duration;

use bearward_core::confirmation::{Confirmation, Evidence};
use bearward_core::jws::UnverifiedJws;
use bearward_core::policy::Rule;
use bearward_core::rejection::InvalidToken;
use bearward_core::{Policy, Profile, UnixTime};

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
        (_, Ok(answer)) => verdict(answer),
    };
    Check {
        name: "iss",
        expected: one_of(asked.issuers(), "not configured: pass --issuer"),
        found: shown(anatomy, "iss"),
        verdict,
    }
}

/// The rules of the policy, except `iss`.
pub(crate) fn rules(anatomy: &Anatomy<'_>, asked: &Asked) -> Vec<Check> {
    let token = probe::payload(anatomy);
    let jws = UnverifiedJws::parse(&token)
        .ok()
        .filter(|_| anatomy.is_jws());
    let answers = jws.map(|jws| -> Vec<_> {
        let rules = asked.policy.danger_unverified_rules(&jws, asked.now);
        let answers = rules.map(|(rule, answer)| match rule == Rule::Confirmation {
            true => (rule, proven(&jws)),
            false => (rule, answer),
        });
        answers.collect()
    });
    let answer = |rule: Rule| {
        let (_, answer) = *answers.as_ref()?.iter().find(|(of, _)| *of == rule)?;
        Some(answer)
    };
    let rules = Rule::ALL.iter().filter(|rule| **rule != Rule::Issuer);
    rules
        .filter_map(|rule| {
            Row::of(*rule, asked).map(|row| row.check(anatomy, asked, answer(*rule)))
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

/// A rule as the report shows it.
struct Row {
    rule: Rule,
    name: &'static str,
    expected: String,
}

impl Row {
    fn of(rule: Rule, asked: &Asked) -> Option<Self> {
        let profile = asked.policy.profile();
        let (name, expected) = match rule {
            Rule::Kind => ("token kind", profile.accepted_kind()),
            Rule::Audience => (
                profile.audience_claim(),
                one_of(asked.audiences(), "not configured: pass --audience"),
            ),
            Rule::Expiry => ("exp", after(asked.now.minus(asked.policy.leeway()))),
            Rule::NotBefore => ("nbf", absent_or_by(asked)),
            Rule::IssuedAt => ("iat", absent_or_by(asked)),
            Rule::Lifetime => ("lifetime", expected_lifetime(&asked.policy)),
            Rule::RequiredClaims => ("required claims", expected_claims(&asked.policy)),
            Rule::ClaimTypes => (
                "claim types",
                "sub, jti: strings; scope: string or strings; email: one address".to_owned(),
            ),
            Rule::ClientId => (
                "client",
                one_of(asked.policy.client_ids(), "a string, any client"),
            ),
            Rule::ClaimValues => ("claim values", "none asked for".to_owned()),
            Rule::Confirmation => ("cnf", "absent".to_owned()),
            // `iss` has its own check; we do not know rules of a newer pipeline.
            Rule::Issuer | _ => return None,
        };
        Some(Self {
            rule,
            name,
            expected,
        })
    }

    fn check(
        self,
        anatomy: &Anatomy<'_>,
        asked: &Asked,
        answer: Option<Result<(), InvalidToken>>,
    ) -> Check {
        let Some(claims) = &anatomy.payload else {
            return Check {
                name: self.name,
                expected: self.expected,
                found: "not readable".to_owned(),
                verdict: Verdict::Unchecked,
            };
        };
        let is_unconfigured = self.rule == Rule::Audience && asked.audiences().next().is_none();
        let verdict = match answer {
            None => Verdict::Unchecked,
            Some(Ok(()) | Err(InvalidToken::AudMismatch)) if is_unconfigured => Verdict::Unchecked,
            Some(answer) => verdict(answer),
        };
        Check {
            found: self.found(claims, asked, answer),
            name: self.name,
            expected: self.expected,
            verdict,
        }
    }

    fn found(
        &self,
        claims: &Members,
        asked: &Asked,
        answer: Option<Result<(), InvalidToken>>,
    ) -> String {
        match self.rule {
            Rule::Kind => marks(claims, asked.policy.profile()),
            Rule::Expiry => date(claims, "exp", asked.now, ("expired", "expires")),
            Rule::NotBefore => date(claims, "nbf", asked.now, ("valid since", "valid")),
            Rule::IssuedAt => date(claims, "iat", asked.now, ("issued", "issued")),
            Rule::Lifetime => lifetime(claims),
            Rule::RequiredClaims => missing(claims, &asked.policy),
            Rule::ClaimTypes => wrong_types(claims, asked, answer),
            Rule::ClientId => client(claims, asked.policy.profile()),
            Rule::ClaimValues => "none asked for".to_owned(),
            Rule::Audience | Rule::Confirmation | Rule::Issuer | _ => claims.shown(self.name),
        }
    }
}

const fn verdict(answer: Result<(), InvalidToken>) -> Verdict {
    match answer {
        Ok(()) => Verdict::Ok,
        Err(reason) => Verdict::Fail(reason.code()),
    }
}

fn shown(anatomy: &Anatomy<'_>, name: &str) -> String {
    let claims = anatomy.payload.as_ref();
    claims.map_or_else(|| "not readable".to_owned(), |claims| claims.shown(name))
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

fn expected_claims(policy: &Policy) -> String {
    let names: Vec<_> = policy.required_claims().map(shown_name).collect();
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
fn date(claims: &Members, name: &str, now: UnixTime, (past, ahead): (&str, &str)) -> String {
    let Some(at) = seconds(claims, name) else {
        return claims.shown(name);
    };
    let says = if at <= now { past } else { ahead };
    let (iso, relative) = (time::iso(at), time::relative(at, now));
    format!("{iso} ({says} {relative})")
}

/// A NumericDate without its fraction, if it can be shown.
fn seconds(claims: &Members, name: &str) -> Option<UnixTime> {
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
    let missing: Vec<_> = policy
        .required_claims()
        .filter(|name| !claims.has(name) || claims.get(name) == Some("\"\""))
        .map(shown_name)
        .collect();
    match missing.as_slice() {
        [] => "all there".to_owned(),
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
        let payload = probe::header(&[(name, value)]);
        let token = probe::token(&probe::header(&[("alg", probe::GOOD_ALG)]), &payload, b"");
        UnverifiedJws::parse(&token).is_ok_and(|jws| {
            let mut rules = asked.policy.danger_unverified_rules(&jws, asked.now);
            rules.any(|(rule, answer)| rule == Rule::ClaimTypes && answer.is_err())
        })
    };
    let typed = ["sub", "jti", "scope", "scp", "email"];
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

/// Longest name of a claim shown.
const NAME_CHARS: usize = 80;
