//! Claims: times that have passed or not come, claims that are missing, and keys that tokens are bound to.

use bearward_core::{Profile, UnixTime};

use super::{Case, Diagnosis};
use crate::explain::claims::seconds;
use crate::explain::time;

/// A token after its end.
pub(super) fn expired(case: &Case<'_>) -> Option<Diagnosis> {
    let now = case.asked.now;
    let at = seconds(case.payload, "exp")?;
    Some(Diagnosis::new(
        format!(
            "It expired {}, at {}; it is {} now.",
            time::relative(at, now),
            time::iso(at),
            time::iso(now)
        ),
        "Get a new token, and have the client refresh its token before `exp`. If this one is new, correct the clock of \
         this machine.",
    ))
}

/// A token whose time has not come.
pub(super) fn in_future(case: &Case<'_>, claim: &str) -> Option<Diagnosis> {
    let now = case.asked.now;
    let at = seconds(case.payload, claim)?;
    let what = match claim {
        "iat" => "Its time of issue lies",
        _ => "It becomes valid",
    };
    Some(Diagnosis::new(
        format!(
            "{what} in the future: {} ({}), and it is {} here. The clock of this machine is behind, or that of the \
             issuer is ahead.",
            time::iso(at),
            time::relative(at, now),
            time::iso(now)
        ),
        format!(
            "Compare `date -u` on both machines, and synchronise their clocks (NTP).{} `leeway` is for differences of a \
             few seconds.",
            time_zone(at, now)
        ),
    ))
}

/// A remark, if two clocks differ by whole hours, as they do if one shows local time.
fn time_zone(at: UnixTime, now: UnixTime) -> String {
    let ahead = at.since(now).unwrap_or_default().as_secs();
    let hours = ahead.saturating_add(ABOUT) / HOUR;
    let differs = ahead.abs_diff(hours.saturating_mul(HOUR));
    if !(1..=14).contains(&hours) || differs > ABOUT {
        return String::new();
    }
    format!(
        " They differ by about {hours} h, so one of them may take its local time for UTC: check its time zone as well."
    )
}

/// A token without a claim that the policy requires.
pub(super) fn missing(case: &Case<'_>) -> Option<Diagnosis> {
    let found = &case.check("required claims")?.found;
    let names = found.strip_prefix("missing: ")?;
    if case.is_of(Profile::Keycloak) {
        let remedy = case.provider.and_then(|provider| provider.claims)?;
        return Some(Diagnosis::new(format!("It has no {names}."), remedy));
    }
    let profile = case.asked.policy.profile();
    Some(Diagnosis::new(
        format!("It has no {names}, which tokens must have under the profile `{profile}`."),
        format!(
            "Configure the issuer to write it, or choose the profile named after the issuer. For a token without `sub`, \
             name the claim of the user in {}.",
            case.setting("subject_claim", "--subject-claim")
        ),
    ))
}

/// A token that is bound to a key.
pub(super) fn bound(case: &Case<'_>) -> Option<Diagnosis> {
    let cnf = case.payload.get("cnf")?;
    let (how, by) = match (cnf.contains("\"jkt\""), cnf.contains("\"x5t#S256\"")) {
        (true, _) => ("DPoP", "with a proof in the field `DPoP`"),
        (_, true) => ("mutual TLS", "with a client certificate"),
        (false, false) => (
            "a method that is not known",
            "in a way that only its issuer knows",
        ),
    };
    let provider = case.provider.and_then(|provider| provider.unbound);
    let provider = provider.map_or_else(String::new, |text| format!(" {text}"));
    Some(Diagnosis::new(
        format!(
            "It is bound to a key of its client by {how}: the client must prove with each request that it has the key, \
             {by}. bearward does not check such proofs, and never accepts a bound token as a plain one."
        ),
        format!(
            "Configure the issuer to give this client plain bearer tokens: turn the binding off.{provider}"
        ),
    ))
}

/// In seconds, and how near whole hours a difference of time zones is.
const HOUR: u64 = 3600;
const ABOUT: u64 = 120;
