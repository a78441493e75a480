//! Warnings about the order of routes, and mistakes of tolerant ones.
//!
//! A route is never used if earlier ones match all its requests, or if all of them are refused because of
//! their paths. And if a route precedes one that
//! requires less and matches more paths, a path that only the application treats as one of the first
//! route's falls to the second. The operator has considered this if the configuration states how the
//! application reads paths.

use std::collections::HashMap;

use bearward_gate::route::{Access, Mode, PathPattern, Preflight, Route, Router, Tolerance};
use http::Method;

use super::description::{self, ROUTE};
use super::mistakes::Code;
use super::reader::Fields;

/// A route and its table.
pub(super) struct Placed<'r> {
    pub(super) route: &'r Route,
    pub(super) table: &'r Fields<'r, description::Route>,
    /// Whether the configuration states how its application reads paths.
    pub(super) has_router: bool,
}

/// Warns about each route that is never used, and about each that requires more than a later one that
/// matches more paths.
pub(super) fn warn(routes: &[Placed<'_>]) {
    let wide = Wide::new(routes);
    for (at, placed) in routes.iter().enumerate() {
        if let Some((code, message, help)) = wide.warning(at, placed) {
            placed.table.warn(code, &ROUTE.name, message, help);
        }
    }
}

/// Reports each tolerant route that shares a prefix with a route that requires more. A server that
/// repairs a path could make one of the other's paths of it, and one that finds no handler below the
/// prefix falls back to that of a shorter one (Flask, for `/public//a`).
pub(super) fn report_tolerant(routes: &[Placed<'_>]) {
    let is_tolerant = |placed: &&Placed<'_>| placed.route.tolerance == Tolerance::Tolerant;
    for placed in routes.iter().filter(is_tolerant) {
        let own = placed.route;
        let others = routes.iter().map(|other| other.route);
        let mut stricter =
            others.filter(|other| !std::ptr::eq(own, *other) && is_laxer(own, other));
        let found = stricter.find_map(|other| Some((other, shared_prefix(own, other)?)));
        let Some((other, pattern)) = found else {
            continue;
        };
        let message = format!(
            "the route {:?} is tolerant, and {:?} requires more for {pattern}: a server could \
             read a path that {:?} lets pass as a path of {:?}",
            own.name, other.name, own.name, other.name
        );
        let table = placed.table;
        table.report(Code::Paths, &ROUTE.paths, message, TOLERANT_HELP);
    }
}

const TOLERANT_HELP: &str = "leave out `paths`, or give the tolerant route a prefix that the stricter one does \
                             not share";

/// The pattern of `other` for paths among which a path of `own` may be once a server has read it.
fn shared_prefix<'o>(own: &Route, other: &'o Route) -> Option<&'o PathPattern> {
    other.paths.iter().find(|pattern| {
        let start = pattern.literal_start();
        own.paths.iter().any(|own| {
            let from = own.literal_start();
            let is_shared = is_below(&start, &from) || is_below(&from, &start);
            // With the same paths, no reading leads from one route to the other.
            is_shared && own != *pattern
        })
    })
}

/// Whether a path is another one, or below it.
fn is_below(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The position of another route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    After,
    Before,
}

const HELP: &str = "set `router` of the application's upstream, of the route or of [protection], to say how it \
                    reads paths; \"strict\" if it never treats different paths as the same";

/// The routes that could match all paths of another route, indexed by the start of their paths.
struct Wide<'r> {
    routes: &'r [Placed<'r>],
    prefixes: HashMap<&'r str, Vec<usize>>,
    /// Routes for a single path.
    exact: HashMap<String, Vec<usize>>,
    globs: Vec<usize>,
    /// Routes that some router may confuse have the same folded path.
    folded: HashMap<String, Vec<usize>>,
}

impl<'r> Wide<'r> {
    fn new(routes: &'r [Placed<'r>]) -> Self {
        let mut prefixes: HashMap<_, Vec<_>> = HashMap::new();
        let mut exact: HashMap<_, Vec<_>> = HashMap::new();
        let mut globs = Vec::new();
        let mut folded: HashMap<_, Vec<_>> = HashMap::new();
        let all = routes.iter().enumerate();
        let patterns =
            all.flat_map(|(at, placed)| placed.route.paths.iter().map(move |one| (at, one)));
        for (at, pattern) in patterns {
            if !pattern.is_glob() {
                let folded = folded.entry(fold(&pattern.literal_start()));
                folded.or_default().push(at);
            }
            if let Some(prefix) = pattern.as_prefix() {
                prefixes.entry(prefix).or_default().push(at);
            } else if pattern.is_glob() {
                globs.push(at);
            } else {
                exact.entry(pattern.literal_start()).or_default().push(at);
            }
        }
        Self {
            routes,
            prefixes,
            exact,
            globs,
            folded,
        }
    }

    /// The first warning about this route: its code, message and help.
    fn warning(&self, at: usize, placed: &Placed<'_>) -> Option<(Code, String, &'static str)> {
        let name = &placed.route.name;
        if let Some(earlier) = self.covering(at, placed.route) {
            let earlier = match earlier.as_slice() {
                [alone] => format!("route {:?} matches", alone.name),
                several => {
                    let names: Vec<_> = several
                        .iter()
                        .map(|one| format!("{:?}", one.name))
                        .collect();
                    format!("routes {} together match", names.join(" and "))
                }
            };
            let message = format!(
                "the route {name:?} is never used: the earlier {earlier} all of its requests"
            );
            let help = "put the more specific route first";
            return Some((Code::RulePattern, message, help));
        }
        if let Some((earlier, path)) = self.alike(Side::Before, at, placed) {
            let message = format!(
                "the route {name:?} requires more than the earlier route {:?}, which matches {path:?}: if the \
                 application treats that as a path of {name:?}, it serves it without the stricter requirements",
                earlier.name
            );
            let help = "put the stricter route first; or, if the application never treats different paths as \
                        the same, set `router = \"strict\"`";
            return Some((Code::Router, message, help));
        }
        if placed.has_router {
            return None;
        }
        let laxer = self.laxer(at, placed.route);
        let alike = || Some(self.alike(Side::After, at, placed)?.0);
        let laxer = &laxer.or_else(alike)?.name;
        let message = format!(
            "the route {name:?} requires more than the later route {laxer:?}, which matches other paths: \
             a path that only the application treats as one of {name:?} goes to {laxer:?}"
        );
        Some((Code::Router, message, HELP))
    }

    /// A route on this side that requires less, and one of its paths that the router of `placed`, or
    /// any router if unknown, could treat as one of `placed`.
    fn alike(&self, side: Side, at: usize, placed: &Placed<'_>) -> Option<(&'r Route, String)> {
        let route = placed.route;
        let own = [route.router];
        let routers = if placed.has_router {
            &own[..]
        } else {
            Router::ALL
        };
        let is_there = |other: &usize| match side {
            Side::After => *other > at,
            Side::Before => *other < at,
        };
        route.paths.iter().find_map(|pattern| {
            let start = pattern.literal_start();
            let others = self.folded.get(&fold(&start)).into_iter();
            let others = others.chain([&self.globs]).flatten().copied();
            let others = others.filter(is_there);
            let others = others.filter_map(|other| Some(self.routes.get(other)?.route));
            let mut laxer = others.filter(|other| is_laxer(other, route));
            laxer.find_map(|other| {
                let mut paths = other.paths.iter().flat_map(|own| own.paths_like(&start));
                let path = paths.find(|path| pattern.is_alike(path, routers))?;
                Some((other, path))
            })
        })
    }

    /// The routes that may match every path of a pattern that starts with these literal segments. Each
    /// list is ascending.
    fn wider<'w>(&'w self, start: &'w str) -> impl Iterator<Item = &'w Vec<usize>> {
        let slashes = start.match_indices('/').map(|(slash, _)| slash);
        let starts = slashes.chain([start.len()]);
        let prefixes = starts.filter_map(|end| self.prefixes.get(start.get(..end)?));
        let exact = self.exact.get(start);
        prefixes.chain(exact).chain([&self.globs])
    }

    /// The earlier routes that match every request of this one: one if one does, or several together.
    fn covering(&self, at: usize, route: &Route) -> Option<Vec<&'r Route>> {
        let parts = Part::of(route);
        let (first, others) = parts.split_first()?;
        let covers_all = |other: &&Route| parts.iter().all(|part| part.is_of(other));
        if let Some(alone) = self.earlier(at, first.path, covers_all) {
            return Some(vec![alone]);
        }
        // Nearly every route has a single part.
        if others.is_empty() {
            return None;
        }
        let mut found: Vec<&Route> = Vec::new();
        for part in &parts {
            let covering = self.earlier(at, part.path, |other| part.is_of(other))?;
            if !found.iter().any(|known| std::ptr::eq(*known, covering)) {
                found.push(covering);
            }
        }
        Some(found)
    }

    /// An earlier route that may match every path of a pattern, and for which this holds.
    fn earlier(
        &self,
        at: usize,
        path: &PathPattern,
        holds: impl Fn(&&Route) -> bool,
    ) -> Option<&'r Route> {
        let start = path.literal_start();
        let mut found = self.wider(&start).filter_map(|others| {
            let earlier = others.iter().take_while(|other| **other < at);
            let mut earlier = earlier.filter_map(|other| Some(self.routes.get(*other)?.route));
            earlier.find(&holds)
        });
        found.next()
    }

    /// The first later route that requires less and matches more paths.
    fn laxer(&self, at: usize, route: &Route) -> Option<&'r Route> {
        let found = route.paths.iter().filter_map(|pattern| {
            let start = pattern.literal_start();
            let wider = self.wider(&start).flatten().copied();
            let wider = wider.filter(|other| *other > at);
            wider
                .filter(|other| self.is_laxer(*other, route, pattern))
                .min()
        });
        Some(self.routes.get(found.min()?)?.route)
    }

    fn is_laxer(&self, other: usize, route: &Route, pattern: &PathPattern) -> bool {
        self.routes.get(other).is_some_and(|other| {
            let other = other.route;
            is_laxer(other, route) && other.paths.iter().any(|wider| wider.exceeds(pattern))
        })
    }
}

/// Whether `other` admits some request that `route` refuses, provided that their paths overlap.
fn is_laxer(other: &Route, route: &Route) -> bool {
    asks_less(other, route)
        && overlap(&other.hosts, &route.hosts)
        && overlap(&other.methods, &route.methods)
}

/// The part of a path that no router ignores: without case, slashes at the end, and whatever follows
/// the first word of the last segment.
fn fold(path: &str) -> String {
    let path = path.trim_end_matches('/');
    let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let word = last.split(|char| !is_word(char)).next().unwrap_or_default();
    format!("{before}/{word}").to_lowercase()
}

/// Whether both lists have an item in common; an empty list means all.
fn overlap<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|item| other.contains(item))
}

/// One part of a route's requests: for one of its paths, hosts and methods each; `None` means all.
struct Part<'r> {
    path: &'r PathPattern,
    host: Option<&'r String>,
    method: Option<Method>,
}

impl<'r> Part<'r> {
    fn of(route: &'r Route) -> Vec<Self> {
        let mut methods: Vec<_> = route.methods.iter().cloned().map(Some).collect();
        let is_preflight = !methods.is_empty() && has_method(route, Some(&Method::OPTIONS));
        if is_preflight && !route.methods.contains(&Method::OPTIONS) {
            methods.push(Some(Method::OPTIONS));
        }
        methods.extend(route.methods.is_empty().then_some(None));
        let mut hosts: Vec<_> = route.hosts.iter().map(Some).collect();
        hosts.extend(route.hosts.is_empty().then_some(None));
        let mut parts = Vec::new();
        for path in &route.paths {
            for host in &hosts {
                let of_method = |method: &Option<Method>| Self {
                    path,
                    host: *host,
                    method: method.clone(),
                };
                parts.extend(methods.iter().map(of_method));
            }
        }
        parts
    }

    /// Whether all its requests are the route's as well.
    fn is_of(&self, route: &Route) -> bool {
        let is_of_host = || self.host.is_some_and(|host| route.hosts.contains(host));
        (route.hosts.is_empty() || is_of_host())
            && has_method(route, self.method.as_ref())
            && route.paths.iter().any(|own| own.covers(self.path))
    }
}

/// Whether a route matches the method, or all if it is `None`.
fn has_method(route: &Route, method: Option<&Method>) -> bool {
    let is_preflight =
        |method: &Method| *method == Method::OPTIONS && route.preflight == Preflight::Passes;
    let has = |method: &Method| route.methods.contains(method) || is_preflight(method);
    route.methods.is_empty() || method.is_some_and(has)
}

/// Whether `other` admits somebody whom `route` refuses.
fn asks_less(other: &Route, route: &Route) -> bool {
    // A route in shadow mode requires nothing at present.
    let theirs = match other.mode {
        Mode::Shadow => Demand::Nothing,
        Mode::Enforce => Demand::by(other),
    };
    let ours = Demand::by(route);
    // With different requirements, each may admit somebody whom the other refuses.
    let is_other = theirs == Demand::Requirements && names(other).ne(names(route));
    theirs < ours || (theirs == ours && is_other)
}

/// The requirements of a route, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Demand {
    Nothing,
    /// No token, or a valid one.
    NothingWrong,
    Token,
    Requirements,
}

impl Demand {
    fn by(route: &Route) -> Self {
        match route.access {
            Access::Public => Self::Nothing,
            Access::Optional if route.require.is_empty() => Self::NothingWrong,
            Access::Required if route.require.is_empty() => Self::Token,
            Access::Optional | Access::Required => Self::Requirements,
        }
    }
}

fn names(route: &Route) -> impl Iterator<Item = Vec<Option<&str>>> {
    let groups = route.require.iter();
    groups.map(|group| group.iter().map(|each| each.name()).collect())
}
