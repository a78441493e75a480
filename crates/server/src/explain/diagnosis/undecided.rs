//! A token in which nothing is wrong, as far as the options say what is right.

use bearward_core::Profile;

use super::{Case, Diagnosis};

/// What to run for a decision, with the values that the token has.
pub(super) fn diagnose(case: &Case<'_>) -> Option<Diagnosis> {
    let mut missing = Vec::new();
    let mut command = "bearward explain".to_owned();
    let mut ask =
        |option: &str, placeholder: &str, configured: Option<&str>, found: Option<&str>| {
            if configured.is_none() {
                missing.push(format!("`{option}`"));
            }
            let value = configured.or(found).filter(|value| is_plain(value));
            command.push_str(&format!(" {option} {}", value.unwrap_or(placeholder)));
        };
    let issuer = case.payload.string("iss");
    let mut audiences = case.audiences();
    // No API has this name, though every token of a realm has it.
    audiences.retain(|audience| !case.is_of(Profile::Keycloak) || audience != "account");
    ask("--issuer", "ISSUER", case.asked.issuer(), issuer.as_deref());
    let configured = case.asked.audiences().next();
    ask(
        "--audience",
        "AUDIENCE",
        configured,
        audiences.first().map(String::as_str),
    );
    if missing.is_empty() {
        return None;
    }
    let profile = case.asked.policy.profile();
    if case.asked.assumed_profile().is_none() && profile != Profile::Rfc9068 {
        command.push_str(&format!(" --profile {profile}"));
    }
    Some(Diagnosis::new(
        format!(
            "Nothing is wrong with the token so far; for a decision, {} must say what the server expects.",
            missing.join(" and ")
        ),
        format!(
            "Run `{command} TOKEN`. What it fills in is from the token itself: compare it with what the server is configured \
             with, and never copy it into a configuration unseen."
        ),
    ))
}

/// Whether a value means itself on a command line and is short enough to be read.
fn is_plain(value: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@+,%=".contains(&byte);
    (1..=VALUE_CHARS).contains(&value.len())
        && !value.starts_with('-')
        && value.bytes().all(is_plain)
}

/// Longest value in a command.
const VALUE_CHARS: usize = 200;
