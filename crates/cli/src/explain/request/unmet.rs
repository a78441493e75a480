//! What a requirement that is not met lacks, and what to change: in the token, or in the configuration.

use bearward::explain::text::{quoted, shown};
use bearward::explain::time;
use bearward_core::requirements::{Asked, ClaimValue};
use bearward_core::{ClaimPath, Principal};
use serde_json::Value;

use crate::explain::explanation_of;

/// Why a principal does not meet a requirement.
pub(super) struct Unmet {
    /// The code of the reason.
    pub(super) code: &'static str,
    pub(super) why: String,
    pub(super) remedy: String,
}

impl Unmet {
    /// What is known of a requirement `asked` by the table with this `name`, if it is more than the reason
    /// with this `code` means in general. The principal has what was `found`.
    pub(super) fn new(
        code: &'static str,
        name: &str,
        asked: Asked<'_>,
        principal: &Principal,
        found: &str,
    ) -> Option<Self> {
        let table = format!("[requirements.{}]", shown(name, NAME_CHARS));
        let (why, remedy) = match asked {
            Asked::Claim { path, values } => claim(&table, path, values, principal),
            Asked::Amr(_) => {
                let why = format!(
                    "`{table}` requires the methods {} in the claim `amr`, and the token has {}.",
                    shown(&asked.to_string(), TEXT_CHARS),
                    found
                );
                (why, "Have the user log in with these methods.".to_owned())
            }
            Asked::Scope { .. } => {
                let required = shown(&asked.to_string(), TEXT_CHARS);
                let why =
                    format!("`{table}` requires the scope {required}, and the token has {found}.");
                let remedy = format!(
                    "Have the client request {required} when it gets its token. If it does, the issuer must allow it for \
                     this client and user."
                );
                (why, remedy)
            }
            Asked::Age(max_age) => {
                let login = match principal.auth_time() {
                    Some(_) => format!("The user logged in at {found}"),
                    None => "The token does not say when the user logged in".to_owned(),
                };
                let allowed = time::length(max_age);
                let why = format!("{login}; `{table}` allows {allowed}.");
                (why, explanation_of(code)?.remedy)
            }
            Asked::Kind(_)
            | Asked::Client(_)
            | Asked::NotAnonymous
            | Asked::Verified
            | Asked::Acr(_)
            | _ => return None,
        };
        Some(Self { code, why, remedy })
    }
}

/// A claim that is absent where it is looked for, or has another value.
fn claim(
    table: &str,
    path: &ClaimPath,
    values: &[ClaimValue],
    principal: &Principal,
) -> (String, String) {
    let names: Vec<&str> = path.names().collect();
    let (here, wanted) = (written(&names), one_of(values));
    if let Some(present) = principal.claim(path) {
        let present = shown(present.as_json(), TEXT_CHARS);
        let why = format!(
            "`{table}` requires {wanted} in the claim {here}, and the token has {present}."
        );
        let remedy = "Give the user or client that value at the issuer, then have the client get a new token: this one \
             has the value of the time when it was issued.";
        return (why, remedy.to_owned());
    }
    let claims: Value = principal.claims().unwrap_or_default();
    let elsewhere = path_to(&claims, values, DEPTH).filter(|path| !path.is_empty());
    let Some(elsewhere) = elsewhere else {
        let why = format!(
            "`{table}` requires {wanted} in the claim {here}, which the token does not have."
        );
        let remedy = format!(
            "Check the path in `{table}` against the claims of the token. If it is right, configure the issuer to \
             write the claim into access tokens, or give the user that value."
        );
        return (why, remedy);
    };
    let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    let elsewhere = written(&elsewhere);
    let why = format!(
        "`{table}` requires {wanted} in the claim {here}, which the token does not have; it has it in {elsewhere}."
    );
    let remedy = format!(
        "Write the path {elsewhere} in `{table}`: `roles_claim` for roles, `claim` in `claim_rules` for others."
    );
    (why, remedy)
}

/// A path as the configuration has it: a list of names.
fn written(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

fn one_of(values: &[ClaimValue]) -> String {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    shown(&values.join(" or "), TEXT_CHARS)
}

/// The path to the first claim that is, or contains, one of these values.
fn path_to(claims: &Value, values: &[ClaimValue], depth: usize) -> Option<Vec<String>> {
    let is_one = |value: &Value| values.iter().any(|wanted| is_equal(wanted, value));
    let has_one = match claims {
        Value::Array(elements) => elements.iter().any(is_one),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            is_one(claims)
        }
    };
    if has_one {
        return Some(Vec::new());
    }
    let members = claims.as_object()?;
    let deeper = depth.checked_sub(1)?;
    members.iter().find_map(|(name, value)| {
        let mut path = path_to(value, values, deeper)?;
        path.insert(0, name.clone());
        Some(path)
    })
}

/// Only texts: numbers and flags say nothing away from their claim.
fn is_equal(wanted: &ClaimValue, value: &Value) -> bool {
    match wanted {
        ClaimValue::Text(text) => value.as_str() == Some(text),
        ClaimValue::Flag(_) | ClaimValue::Number(_) | _ => false,
    }
}

/// How many members deep a value is looked for.
const DEPTH: usize = 4;

/// Longest texts shown.
const NAME_CHARS: usize = 80;
const TEXT_CHARS: usize = 200;
