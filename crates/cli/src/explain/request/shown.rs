//! An explained request as JSON, on one line.

use bearward::explain::{Check, text};
use serde::Serialize;
use serde_json::value::RawValue;

use super::outcome::Outcome;
use super::text::{access, described, sources};
use super::{Applied, Explained};
use crate::explain::id_token::SentAlong;
use crate::explain::{id_token, report_to_json};

/// The JSON text.
pub(in crate::explain) fn to_json(explained: &Explained) -> String {
    let (route, also) = match explained.routes.split_last() {
        Some((route, also)) => (Some(route), also),
        None => (None, &[][..]),
    };
    let json = Json {
        request: RequestJson::of(explained),
        routes: explained
            .tried
            .iter()
            .map(|tried| TriedJson {
                route: described(&tried.name),
                verdict: tried.verdict.as_str(),
                why: described(&tried.why),
            })
            .collect(),
        also: also.iter().map(RouteJson::of).collect(),
        route: route.map(RouteJson::of),
        token: explained.token.as_ref().map(report_to_json),
        id_token: explained.id_token.as_ref().map(SentAlong::to_json),
        decision: DecisionJson::of(explained),
    };
    // Strings and options of them always serialize.
    serde_json::to_string(&json).unwrap_or_default()
}

/// Serialized in this order, here and below.
#[derive(Serialize)]
struct Json<'e> {
    request: RequestJson,
    routes: Vec<TriedJson>,
    /// The routes that the application could select for the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<RouteJson<'e>>,
    route: Option<RouteJson<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<id_token::Json<'e>>,
    decision: DecisionJson<'e>,
}

#[derive(Serialize)]
struct RequestJson {
    method: String,
    host: Option<String>,
    target: String,
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl RequestJson {
    fn of(explained: &Explained) -> Self {
        let request = &explained.request;
        Self {
            method: request.method.to_string(),
            host: request.url.host.as_deref().map(described),
            target: described(&request.url.target),
            path: explained.path.as_deref().ok().map(described),
            problem: explained.path.as_ref().err().cloned(),
        }
    }
}

#[derive(Serialize)]
struct TriedJson {
    route: String,
    verdict: &'static str,
    why: String,
}

#[derive(Serialize)]
struct RouteJson<'e> {
    name: String,
    access: &'static str,
    shadow: bool,
    upstream: Option<String>,
    router: &'static str,
    /// Where its requests may carry their token, other than in `Authorization`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<String>,
    /// One of these alternatives, all of whose requirements must be met.
    alternatives: Vec<AlternativeJson<'e>>,
}

impl<'e> RouteJson<'e> {
    fn of(applied: &'e Applied) -> Self {
        let route = &applied.route;
        let alternatives = applied.alternatives.iter().map(|alternative| {
            let names = alternative.names.iter().map(|name| described(name));
            AlternativeJson {
                requirements: names.collect(),
                checks: &alternative.checks,
            }
        });
        Self {
            name: described(&route.name),
            access: access(route.access).0,
            shadow: route.mode == bearward_gateway::route::Mode::Shadow,
            upstream: route.upstream.as_deref().map(described),
            router: route.router.as_str(),
            sources: sources(route),
            alternatives: alternatives.collect(),
        }
    }
}

#[derive(Serialize)]
struct AlternativeJson<'e> {
    requirements: Vec<String>,
    checks: &'e [Check],
}

#[derive(Default, Serialize)]
struct DecisionJson<'e> {
    admitted: Option<bool>,
    /// The gateway answers it itself, with the protected resource metadata.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    published: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Vec<FieldJson<'e>>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    left_out: &'e [String],
}

#[derive(Serialize)]
struct FieldJson<'e> {
    name: &'e str,
    value: String,
}

impl<'e> DecisionJson<'e> {
    fn of(explained: &'e Explained) -> Self {
        let outcome = &explained.outcome;
        let reason = outcome.reason();
        let meaning = explained.meaning(reason.as_ref());
        let json = Self {
            reason: reason.as_ref().map(|reason| reason.code),
            means: meaning.map(|meaning| meaning.means.to_owned()),
            remedy: meaning.map(|meaning| meaning.remedy.to_owned()),
            ..Self::default()
        };
        match outcome {
            Outcome::Admitted {
                fields, left_out, ..
            } => {
                let field = |(name, value): &'e (String, String)| FieldJson {
                    name,
                    value: text::shown(value, value.len()),
                };
                Self {
                    admitted: Some(true),
                    identity: Some(fields.iter().map(field).collect()),
                    left_out,
                    ..json
                }
            }
            Outcome::Refused {
                status, challenge, ..
            } => Self {
                admitted: Some(false),
                status: *status,
                challenge: challenge.as_deref(),
                ..json
            },
            Outcome::Published { status } => Self {
                published: true,
                status: Some(*status),
                ..json
            },
            Outcome::Undecided(_) => json,
        }
    }
}
