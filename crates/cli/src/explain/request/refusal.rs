//! What a refusal is about that a valid token alone does not show: a requirement, a field, the ID token.

use bearward::explain::{Diagnosis, Report};
use bearward_core::Principal;
use bearward_gateway::config::Config;

use super::outcome::Outcome;
use super::text::described;
use super::{Applied, Examined};
use crate::explain::explanation_of;
use crate::explain::id_token::SentAlong;
use crate::reasons::Explanation;

/// What a refusal of a verified principal is about: a requirement that it does not meet, or a field that
/// cannot carry its claim.
pub(super) fn diagnose(
    outcome: &Outcome,
    routes: &[Applied],
    examined: &Examined,
    config: &Config,
) -> Option<Diagnosis> {
    let code = outcome.code()?;
    let report = examined.token.as_ref();
    if let Some(pasted) = report.and_then(|report| wrapped(code, report)) {
        return Some(pasted);
    }
    if code.starts_with("id_token_") {
        return id_token(code, examined.id_token.as_ref()?);
    }
    if let "claim_not_header_safe" | "claim_too_large" = code {
        let principal = examined.token.as_ref()?.principal()?;
        return unwritable(code, principal, config);
    }
    let alternatives = routes.iter().flat_map(|applied| &applied.alternatives);
    let mut unmet = alternatives.flat_map(|alternative| &alternative.unmet);
    let unmet = unmet.find(|unmet| unmet.code == code)?;
    Some(Diagnosis {
        why: unmet.why.clone(),
        remedy: unmet.remedy.clone(),
    })
}

/// Text around a token that is refused for a reason of its own as well, where the gateway refuses the whole.
fn wrapped(code: &str, report: &Report) -> Option<Diagnosis> {
    let pasted = report.pasted.as_ref()?;
    let alone = report.code().filter(|alone| *alone != code)?;
    let reason = explanation_of(alone);
    let meaning = report.meaning(reason.as_ref().map(Explanation::meaning))?;
    Some(Diagnosis {
        why: format!(
            "{} The token alone is refused for {alone}: {}",
            pasted.why, meaning.means
        ),
        remedy: format!("{} {}", pasted.remedy, meaning.remedy),
    })
}

/// An identity field that cannot carry its claim.
fn unwritable(code: &str, principal: &Principal, config: &Config) -> Option<Diagnosis> {
    let (field, source) = config.identity.unwritable(principal)?;
    let source = source.map_or_else(
        || "its value".to_owned(),
        |source| format!("`{}`", described(&source.to_string())),
    );
    let (cannot, remedy) = match code {
        "claim_too_large" => (
            "is longer than `max_bytes` of [identity] allows",
            "Raise `max_bytes`, or have the issuer write less into the claim.",
        ),
        _ => (
            "cannot be written into it unchanged",
            "Choose an `encoding` for this field in [identity] that can carry the claim (`json`, `percent` or `base64url`), or \
             remove line breaks, control characters and the like at the issuer.",
        ),
    };
    Some(Diagnosis {
        why: format!("The identity field `{field}` has {source}, which {cannot}."),
        remedy: remedy.to_owned(),
    })
}

/// An ID token that does not count.
fn id_token(code: &str, sent_along: &SentAlong) -> Option<Diagnosis> {
    Some(Diagnosis {
        why: sent_along.report()?.why()?,
        remedy: explanation_of(code)?.remedy,
    })
}
