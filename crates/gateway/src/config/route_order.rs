//! Routes whose order decides who gets where, if the application's router is laxer than they are.
//!
//! Where one that asks for more stands before one that asks for less over more paths, a path that only
//! the application takes for one of the first falls to the second. Whoever says how the application
//! reads paths has thought of that.

use std::collections::HashMap;

use super::mistakes::Code;
use super::reader::Fields;
use crate::route::{Access, Mode, PathPattern, Route};

/// A route as it was read.
pub(super) struct Placed<'r> {
    pub(super) route: &'r Route,
    pub(super) table: &'r Fields<'r>,
    /// Whether anything says how its application reads paths.
    pub(super) has_router: bool,
}

/// Warns of each route that asks for more than one behind it that is for more paths.
pub(super) fn warn(routes: &[Placed<'_>]) {
    let wide = Wide::new(routes);
    for (at, placed) in routes.iter().enumerate() {
        if placed.has_router {
            continue;
        }
        let Some(laxer) = wide.laxer(at, placed.route) else {
            continue;
        };
        let message = format!(
            "the route {:?} asks for more than {:?} behind it, which is for more paths: \
             one that the application alone takes for a path of {:?} falls to {:?}",
            placed.route.name, laxer.name, placed.route.name, laxer.name
        );
        let found = placed.table.found();
        found.warn(Code::Router, &placed.table.span_of("name"), message, HELP);
    }
}

const HELP: &str = "say how the application reads paths: `router` of its upstream, of the route or of \
                    [protection]; \"strict\" if it takes no other path for the same";

/// The routes that could be for all paths of another one, to be found by a start of those.
struct Wide<'r> {
    routes: &'r [Placed<'r>],
    prefixes: HashMap<&'r str, Vec<usize>>,
    /// Those with other patterns.
    others: Vec<usize>,
}

impl<'r> Wide<'r> {
    fn new(routes: &'r [Placed<'r>]) -> Self {
        let mut prefixes: HashMap<_, Vec<_>> = HashMap::new();
        let mut others = Vec::new();
        let all = routes.iter().enumerate();
        let patterns =
            all.flat_map(|(at, placed)| placed.route.paths.iter().map(move |one| (at, one)));
        for (at, pattern) in patterns {
            if let Some(prefix) = pattern.as_prefix() {
                prefixes.entry(prefix).or_default().push(at);
            } else if pattern.is_glob() {
                others.push(at);
            }
        }
        Self {
            routes,
            prefixes,
            others,
        }
    }

    /// The first route behind this one that asks for less and is for more paths.
    fn laxer(&self, at: usize, route: &Route) -> Option<&'r Route> {
        let found = route.paths.iter().filter_map(|pattern| {
            let start = pattern.literal_start();
            let slashes = start.match_indices('/').map(|(slash, _)| slash);
            let starts = slashes.chain([start.len()]);
            let starts = starts.filter_map(|end| self.prefixes.get(start.get(..end)?));
            let wider = starts.flatten().chain(&self.others).copied();
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
            asks_less(other, route)
                && overlap(&other.hosts, &route.hosts)
                && overlap(&other.methods, &route.methods)
                && other.paths.iter().any(|wider| wider.exceeds(pattern))
        })
    }
}

/// Whether a request could be one of both; of every one where none is named.
fn overlap<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|item| other.contains(item))
}

/// Whether `other` lets anybody pass whom `route` does not.
fn asks_less(other: &Route, route: &Route) -> bool {
    // In shadow mode nothing is asked, for the time being.
    let asked = match other.mode {
        Mode::Shadow => Asked::Nothing,
        Mode::Enforce => Asked::by(other),
    };
    asked < Asked::by(route) || (asked == Asked::Requirements && names(other).ne(names(route)))
}

/// What a route asks for, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Nothing,
    /// No token that is not valid.
    NothingWrong,
    Token,
    Requirements,
}

impl Asked {
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
    groups.map(|group| group.iter().map(|asked| asked.name()).collect())
}
