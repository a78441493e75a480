//! `[[routes]]`: which requests may pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bearward_gate::host::canonical_host;
use bearward_gate::route::{Access, Mode, PathPattern, PathPatternError, Preflight, Route, Router};
use http::Method;

use super::listen::Listen;
use super::mistakes::Code;
use super::reader::{At, Fields, nearest};
use super::requirements::Named;
use super::route_order::{self, Placed};
use super::tell_duplicates;

pub(super) fn read(fields: &Fields<'_>, requirements: &Named<'_>, listen: &Listen) -> Vec<Route> {
    let tables = fields.tables("routes");
    let names: Vec<_> = tables
        .iter()
        .filter_map(|table| table.text("name"))
        .collect();
    tell_duplicates(&names, "the route", fields.found());
    if fields.is_empty("routes") {
        let message = "`routes` is empty, so every request would be refused";
        fields.tell(Code::Missing, "routes", message, "");
    }
    let upstreams = fields.named("upstreams");
    let names = fields.names("upstreams");
    let routers: BTreeMap<_, _> = upstreams
        .iter()
        .filter_map(|(name, table)| Some((name.value, router(table)?)))
        .collect();
    let protection = fields.table("protection");
    let general = protection.as_ref().and_then(router);
    let mut has_router = Vec::new();
    let routes: Vec<_> = tables
        .iter()
        .map(|table| {
            let mut route = read_one(table, requirements);
            route.upstream = upstream(table, names.as_ref(), listen);
            let of_upstream = || routers.get(route.upstream.as_deref()?).copied();
            let said = router(table).or_else(of_upstream).or(general);
            has_router.push(said.is_some());
            route.router = said.unwrap_or_default();
            route
        })
        .collect();
    let placed = routes.iter().zip(&tables).zip(has_router);
    let placed: Vec<_> = placed
        .map(|((route, table), has_router)| Placed {
            route,
            table,
            has_router,
        })
        .collect();
    route_order::warn(&placed);
    routes
}

/// The router that a table names.
fn router(fields: &Fields<'_>) -> Option<Router> {
    Router::named(fields.choice("router")?.value)
}

fn read_one(fields: &Fields<'_>, requirements: &Named<'_>) -> Route {
    let name = fields.text("name").map(|name| name.value);
    let mut route = Route::new(name.unwrap_or_default(), paths(fields));
    if name == Some("") {
        fields.tell(Code::Value, "name", "`name` is empty", "");
    }
    route.hosts = hosts(fields);
    route.methods = methods(fields);
    route.access = match fields.choice("access").map(|access| access.value) {
        Some("optional") => Access::Optional,
        Some("public") => Access::Public,
        _ => Access::Required,
    };
    let names = fields.texts("require");
    if fields.is_empty("require") {
        let message = "`require` is empty, so it asks for nothing";
        fields.tell(Code::Value, "require", message, "leave it out");
    }
    route.require = requirements.all(&names, fields);
    if route.access == Access::Public && fields.has("require") {
        let message = "a public route looks at no credentials, so it cannot `require` anything";
        fields.tell(
            Code::Value,
            "require",
            message,
            "leave out `access` or `require`",
        );
    }
    route.allow.encoded_slash = fields.flag("allow_encoded_slash");
    route.allow.semicolon = fields.flag("allow_semicolon");
    if fields.choice("preflight").map(|given| given.value) == Some("passes") {
        route.preflight = Preflight::Passes;
    }
    if fields.flag("shadow") {
        route.mode = Mode::Shadow;
    }
    route
}

fn upstream(
    fields: &Fields<'_>,
    names: Option<&BTreeSet<&str>>,
    listen: &Listen,
) -> Option<Arc<str>> {
    let Some(given) = fields.text("upstream") else {
        if listen.proxy.is_some() && !fields.has("upstream") {
            let message = "the route has no `upstream`, and the reverse proxy needs one";
            let help = names
                .and_then(only)
                .map(|name| format!("add `upstream = {name:?}`"));
            fields
                .found()
                .add(Code::Missing, fields.span(), message, help);
        }
        return None;
    };
    if let Some(names) = names.filter(|names| !names.contains(given.value)) {
        let message = format!("there is no upstream {:?}", given.value);
        let known = names.iter().copied().filter(|_| !fields.found().is_full());
        let help = nearest(given.value, known)
            .unwrap_or_else(|| format!("add a table [upstreams.{}]", given.value));
        fields
            .found()
            .add(Code::Value, &given.span, message, Some(help));
    }
    Some(given.value.into())
}

/// The name of the only one.
fn only<'n>(names: &BTreeSet<&'n str>) -> Option<&'n str> {
    names.first().copied().filter(|_| names.len() == 1)
}

fn paths(fields: &Fields<'_>) -> Vec<PathPattern> {
    type Pattern = fn(&str) -> Result<PathPattern, PathPatternError>;
    let kinds: [(_, Pattern); 3] = [
        ("path", PathPattern::exact),
        ("path_prefix", PathPattern::prefix),
        ("path_glob", PathPattern::glob),
    ];
    if !kinds.iter().any(|(key, _)| fields.has(key)) {
        let help = Some("`path_prefix = \"/\"` is for every path".to_owned());
        let message = "the route has no `path`, `path_prefix` or `path_glob`";
        fields
            .found()
            .add(Code::RulePattern, fields.span(), message, help);
    }
    let mut patterns = Vec::new();
    for (key, parse) in kinds {
        let given = fields.texts(key);
        if fields.is_empty(key) {
            let message = format!("`{key}` is empty");
            fields.tell(Code::RulePattern, key, message, "leave it out");
        }
        for pattern in given {
            // A star that stands for itself is not what was meant.
            let has_star = key != "path_glob" && pattern.value.contains('*');
            match parse(pattern.value) {
                Ok(_) if has_star => {
                    let message = format!("`{key}`: in {:?} a star is only a star", pattern.value);
                    let help = help_for(key, pattern.value)
                        .or_else(|| Some("`path_glob` has stars".to_owned()));
                    fields
                        .found()
                        .add(Code::RulePattern, &pattern.span, message, help);
                }
                Ok(parsed) => patterns.push(parsed),
                Err(error) => {
                    let message = format!("`{key}`: {:?} is {error}", pattern.value);
                    let help = help_for(key, pattern.value);
                    fields
                        .found()
                        .add(Code::RulePattern, &pattern.span, message, help);
                }
            }
        }
    }
    patterns
}

fn help_for(key: &str, pattern: &str) -> Option<String> {
    if pattern.starts_with(['^', '~', '(']) {
        return Some("regular expressions are not understood; use `path_glob`".to_owned());
    }
    if key == "path_prefix" && pattern.ends_with("/*") {
        let bare = pattern.trim_end_matches('*').trim_end_matches('/');
        return Some(format!("a prefix needs no star: {bare:?}"));
    }
    None
}

/// The `hosts` of a table: names without a port.
pub(super) fn hosts(fields: &Fields<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in fields.texts("hosts") {
        let canonical = canonical_host(host.value);
        // A port that is ignored would be read as one that matters.
        if canonical.is_empty() || canonical != host.value.to_ascii_lowercase() {
            tell(
                fields,
                &host,
                format!("{:?} is not a host without port", host.value),
            );
        } else if canonical.contains(['*', '/', '@', ' ']) {
            tell(
                fields,
                &host,
                format!("{:?} is not the name of one host", host.value),
            );
        }
        hosts.push(canonical);
    }
    hosts
}

fn methods(fields: &Fields<'_>) -> Vec<Method> {
    let mut methods = Vec::new();
    for name in fields.texts("methods") {
        match Method::from_bytes(name.value.as_bytes()) {
            // Methods have case: `get` is not `GET`, and nobody sends it.
            Ok(method) if !name.value.bytes().any(|byte| byte.is_ascii_lowercase()) => {
                methods.push(method);
            }
            _ => tell(
                fields,
                &name,
                format!("{:?} is not a method such as \"GET\"", name.value),
            ),
        }
    }
    methods
}

fn tell(fields: &Fields<'_>, place: &At<&str>, message: String) {
    fields.found().add(Code::Value, &place.span, message, None);
}
