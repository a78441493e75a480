//! Envoy: `ext_authz` over HTTP. Envoy sends only the request fields that the recipe names, and sets
//! only the response fields that it names.

use bearward_gate::misleading::ENVOYS_OWN;

use crate::record::telemetry::Continues;

use super::application::Http;
use super::forward_auth::ForwardAuth;
use super::names::{Name, Names};
use super::place::Kind;
use super::{LIMIT, RecipeError, envoy, lines};

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let title = "Envoy in front of the application, asking bearward over HTTP.";
    let (scheme, place) = (recipe.bearward.scheme(), &recipe.bearward.place);
    let uri = match &place.0 {
        // The cluster has the address; this is only a name.
        Kind::Unix(_) => "http://bearward".to_owned(),
        Kind::Ip(_) | Kind::Name(..) => format!("{scheme}://{place}"),
    };
    let names = &recipe.names;
    let (sent, set) = (sent_fields(names, recipe.traces), set_fields(names));
    let filter = format!(
        "                      # Authorization is always sent. These are the other fields that bearward reads, and those that it
                      # can name for removal: every spelling of an identity header, and fields whose names begin like
                      # those from which applications take another path or user.
                      allowed_headers:
                        patterns:
{sent}                      http_service:
                        path_prefix: /auth/envoy
                        server_uri:
                          uri: \"{uri}\"
                          cluster: bearward
                          timeout: {LIMIT}
                        authorization_response:
                          allowed_upstream_headers:
                            patterns:
{set}"
    );
    envoy::write(recipe, title, &filter, Http::One)
}

fn sent_fields(names: &Names, traces: Continues) -> String {
    let exact = |name: &str| format!("{{ exact: \"{name}\", ignore_case: true }}");
    let pattern = |pattern: &str| format!("{{ safe_regex: {{ regex: \"(?i){pattern}\" }} }}");
    let mut patterns = vec![
        exact(names.id_token.lower()),
        exact("origin"),
        exact("access-control-request-method"),
        exact("x-request-id"),
        // Envoy has appended the client's address (`use_remote_address`).
        exact("x-forwarded-for"),
        pattern("x[^a-z0-9](authgear|bearward)[^a-z0-9].*"),
    ];
    let of_sources = names.of_sources.iter();
    patterns.extend(of_sources.map(|name| exact(name.lower())));
    if traces == Continues::OfProxies {
        patterns.extend([exact("traceparent"), exact("tracestate")]);
    }
    patterns.extend(names.unreserved().map(|name| pattern(&name.pattern())));
    let credentials = names.credentials.iter();
    // Credentials with only one spelling are sent already.
    let credentials = credentials.filter(|name| name.lower().contains('-'));
    patterns.extend(credentials.map(|name| pattern(&name.pattern())));
    let beginning = |name: &Name| {
        let start = name.written().to_ascii_lowercase();
        format!("{{ prefix: \"{start}\", ignore_case: true }}")
    };
    patterns.extend(names.beginnings(ENVOYS_OWN).map(beginning));
    if !names.drops_underscores {
        let misleading = names.misleading_singly(ENVOYS_OWN);
        patterns.extend(misleading.map(|name| pattern(&name.pattern())));
    }
    lines(patterns, |pattern| {
        format!("                          - {pattern}\n")
    })
}

fn set_fields(names: &Names) -> String {
    lines(names.identity.iter().chain(&names.shared), |name| {
        let name = name.lower();
        format!("                              - {{ exact: \"{name}\", ignore_case: true }}\n")
    }) + "                              - { exact: \"x-request-id\", ignore_case: true }\n"
}
