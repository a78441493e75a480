//! `[[routes]]`: which requests may pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bearward::Sources;
use bearward_gate::route::{Access, Mode, PathPattern, PathPatternError, Route, Tolerance};
use bearward_gate::target::{Oddities, Oddity};
use http::Method;

use super::description::{self, PROTECTION, Paths, ROOT, ROUTE, Root, UPSTREAM};
use super::hosts::hosts;
use super::key::{Field, Key};
use super::listen::Listen;
use super::mistakes::Code;
use super::reader::{At, Fields};
use super::report_duplicates;
use super::requirements::Named;
use super::route_order::{self, Placed};
use super::sources;

pub(super) fn read<'t>(
    fields: &Fields<'t, Root>,
    requirements: &Named<'_>,
    sources: &sources::Reader<'t>,
    listen: &Listen,
) -> Vec<Route> {
    let tables = ROOT.routes.read(fields);
    let names: Vec<_> = tables
        .iter()
        .filter_map(|table| ROUTE.name.read(table))
        .collect();
    report_duplicates(&names, "the route", fields);
    if fields.is_empty(&ROOT.routes) {
        let message = "`routes` is empty, so every request would be refused";
        fields.report(Code::Missing, &ROOT.routes, message, "");
    }
    let upstreams = ROOT.upstreams.read(fields);
    let names = fields.names(&ROOT.upstreams);
    let routers: BTreeMap<_, _> = upstreams
        .iter()
        .filter_map(|(name, table)| Some((name.value, UPSTREAM.router.read(table)?)))
        .collect();
    let protection = ROOT.protection.read(fields);
    let general = protection.and_then(|table| PROTECTION.router.read(&table));
    let mut has_router = Vec::new();
    let routes: Vec<_> = tables
        .iter()
        .map(|table| {
            let mut route = read_one(table, requirements);
            route.sources = read_sources(table, sources);
            route.upstream = upstream(table, names.as_ref(), listen);
            let of_upstream = || routers.get(route.upstream.as_deref()?).copied();
            let said = ROUTE.router.read(table).or_else(of_upstream).or(general);
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
    route_order::report_tolerant(&placed);
    route_order::warn(&placed);
    routes
}

fn read_one(fields: &Fields<'_, description::Route>, requirements: &Named<'_>) -> Route {
    let name = ROUTE.name.read(fields).map(|name| name.value);
    let mut route = Route::new(name.unwrap_or_default(), paths(fields));
    if name == Some("") {
        fields.report(Code::Value, &ROUTE.name, "`name` is empty", "");
    }
    route.hosts = hosts(&ROUTE.hosts, fields);
    route.methods = methods(fields);
    route.access = ROUTE.access.read(fields);
    let names = ROUTE.require.read(fields);
    if fields.is_empty(&ROUTE.require) {
        let message = "`require` is empty, so it requires nothing";
        fields.report(Code::Value, &ROUTE.require, message, "leave it out");
    }
    route.require = requirements.all(&names, fields);
    if route.access == Access::Public && fields.has(&ROUTE.require) {
        let message = "a public route ignores credentials, so it cannot `require` anything";
        let help = "leave out `access` or `require`";
        fields.report(Code::Value, &ROUTE.require, message, help);
    }
    route.tolerance = tolerance(fields);
    warn_of_parameters(fields, route.tolerance);
    route.preflight = ROUTE.preflight.read(fields);
    if ROUTE.shadow.read(fields) {
        route.mode = Mode::Shadow;
    }
    route
}

/// What `paths` says, or the keys that it replaces.
fn tolerance(fields: &Fields<'_, description::Route>) -> Tolerance {
    let paths = ROUTE.paths.read(fields);
    let mut listed = Oddities::default();
    for (key, oddity) in [
        (&ROUTE.allow_encoded_slash, Oddity::EncodedSlash),
        (&ROUTE.allow_semicolon, Oddity::Semicolon),
    ] {
        let is_allowed = key.read(fields);
        if !fields.has(key) {
            continue;
        }
        if is_allowed && fields.has(&ROUTE.paths) {
            let message = format!(
                "`paths` and the deprecated `{}` cannot be used together",
                key.field()
            );
            fields.report(Code::Value, key, message, "leave out the deprecated key");
            continue;
        }
        listed.extend(is_allowed.then_some(oddity));
        let message = format!("`{}` is deprecated", key.field());
        fields.warn(Code::Deprecated, key, message, REPLACEMENT);
    }
    match paths {
        Paths::Tolerant => Tolerance::Tolerant,
        Paths::Exact if listed.is_empty() => Tolerance::Exact,
        Paths::Exact => Tolerance::Listed(listed),
    }
}

const REPLACEMENT: &str = "use `paths = \"tolerant\"`, which also requires a route for each path \
 that a server could read such a path as";

/// Warns about paths with `;`, whose requests are all refused where the route does not tolerate it. Paths
/// with another oddity are no patterns.
fn warn_of_parameters(fields: &Fields<'_, description::Route>, tolerance: Tolerance) {
    let parameters = Oddities::from_iter([Oddity::Semicolon]);
    let is_refused = match tolerance {
        Tolerance::Exact => true,
        Tolerance::Listed(listed) => parameters.without(listed).next().is_some(),
        Tolerance::Tolerant => false,
    };
    let keys = [&ROUTE.path, &ROUTE.path_prefix, &ROUTE.path_glob];
    let patterns: Vec<_> = keys.into_iter().flat_map(|key| key.read(fields)).collect();
    let has_parameters = |pattern: &At<&str>| pattern.value.contains(';');
    let (code, what) = match patterns.iter().all(has_parameters) {
        true => (Code::Impossible, "no request can pass the route"),
        false => (Code::RulePattern, "no request can have this path"),
    };
    for pattern in patterns
        .iter()
        .filter(|pattern| is_refused && has_parameters(pattern))
    {
        let message = format!(
            "{what}: with `paths = \"exact\"`, every request for {:?} is answered 400, because of the `;`",
            pattern.value
        );
        let help = "set `paths = \"tolerant\"`, or leave out the path";
        fields.warn_at(code, &pattern.span, message, help);
    }
}

fn read_sources<'t>(
    fields: &Fields<'t, description::Route>,
    sources: &sources::Reader<'t>,
) -> Sources {
    let is_public = ROUTE.access.read(fields) == Access::Public;
    let read = sources.read(&ROUTE.sources, fields);
    if is_public && fields.has(&ROUTE.sources) {
        let message = "a public route ignores credentials, so it reads no `sources`";
        let help = "leave out `access` or `sources`";
        fields.report(Code::Value, &ROUTE.sources, message, help);
    }
    match is_public {
        true => Sources::default(),
        false => read,
    }
}

fn upstream(
    fields: &Fields<'_, description::Route>,
    names: Option<&BTreeSet<&str>>,
    listen: &Listen,
) -> Option<Arc<str>> {
    let Some(given) = ROUTE.upstream.read(fields) else {
        if listen.proxy.is_some() && !fields.has(&ROUTE.upstream) {
            let message = "the route has no `upstream`, which the reverse proxy needs";
            let help = names.and_then(only);
            let help = help.map(|name| format!("add `upstream = {name:?}`"));
            let help = help.unwrap_or_default();
            fields.report_at(Code::Missing, &fields.span, message, help);
        }
        return None;
    };
    fields.report_unknown_name(&given, names, "upstreams", "no such upstream:");
    Some(given.value.into())
}

/// The name, if there is only one.
fn only<'n>(names: &BTreeSet<&'n str>) -> Option<&'n str> {
    names.first().copied().filter(|_| names.len() == 1)
}

fn paths(fields: &Fields<'_, description::Route>) -> Vec<PathPattern> {
    type Pattern = fn(&str) -> Result<PathPattern, PathPatternError>;
    let kinds: [(&Key<_, _>, Pattern); 3] = [
        (&ROUTE.path, PathPattern::exact),
        (&ROUTE.path_prefix, PathPattern::prefix),
        (&ROUTE.path_glob, PathPattern::glob),
    ];
    if !kinds.iter().any(|(key, _)| fields.has(key)) {
        let help = "`path_prefix = \"/\"` matches every path";
        let message = "the route has no `path`, `path_prefix` or `path_glob`";
        fields.report_at(Code::RulePattern, &fields.span, message, help);
    }
    let mut patterns = Vec::new();
    for (key, parse) in kinds {
        let given = key.read(fields);
        let name = key.field();
        if fields.is_empty(name) {
            let message = format!("`{name}` is empty");
            fields.report(Code::RulePattern, key, message, "leave it out");
        }
        for pattern in given {
            // A literal star is surely a mistake.
            let has_star = !name.is(&ROUTE.path_glob) && pattern.value.contains('*');
            let help = help_for(name, pattern.value);
            let (message, help) = match parse(pattern.value) {
                Ok(_) if has_star => (
                    format!("`{name}`: the star in {:?} is literal", pattern.value),
                    help.unwrap_or_else(|| "use `path_glob` for patterns with stars".to_owned()),
                ),
                Ok(parsed) => {
                    patterns.push(parsed);
                    continue;
                }
                Err(error) => (
                    format!("`{name}`: {:?} is {error}", pattern.value),
                    help.unwrap_or_default(),
                ),
            };
            fields.report_at(Code::RulePattern, &pattern.span, message, help);
        }
    }
    patterns
}

fn help_for(key: &Field, pattern: &str) -> Option<String> {
    if pattern.starts_with(['^', '~', '(']) {
        return Some("regular expressions are not supported; use `path_glob`".to_owned());
    }
    if key.is(&ROUTE.path_prefix) && pattern.ends_with("/*") {
        let bare = pattern.trim_end_matches('*').trim_end_matches('/');
        return Some(format!("a prefix needs no star: {bare:?}"));
    }
    None
}

fn methods(fields: &Fields<'_, description::Route>) -> Vec<Method> {
    fields.parse_each(ROUTE.methods.read(fields), "", |name| {
        let method = Method::from_bytes(name.as_bytes()).ok();
        // Methods are case-sensitive: `get` is not `GET`, and no client sends it.
        let method = method.filter(|_| !name.bytes().any(|byte| byte.is_ascii_lowercase()));
        method.ok_or_else(|| format!("{name:?} is not a method such as \"GET\""))
    })
}
