//! Routes whose order decides who gets where, if the application's router is laxer than they are.
//!
//! If a route that requires more comes before one that requires less and matches more paths, a path
//! that only the application treats as one of the first falls to the second. An operator who says
//! how the application reads paths has considered that.

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

/// Warns of each route that requires more than a later one that matches more paths.
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
            "the route {:?} requires more than the later route {:?}, which matches more paths: \
             a path that only the application treats as one of {:?} falls to {:?}",
            placed.route.name, laxer.name, placed.route.name, laxer.name
        );
        let found = placed.table.found();
        found.warn(Code::Router, &placed.table.span_of("name"), message, HELP);
    }
}

const HELP: &str = "say how the application reads paths: set `router` of its upstream, of the route or of \
                    [protection]; \"strict\" if it treats no other path as the same";

/// The routes that could match all paths of another one, indexed by the start of those paths.
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

    /// The first later route that requires less and matches more paths.
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

/// Whether some request could be in both; an empty list stands for all.
fn overlap<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|item| other.contains(item))
}

/// Whether `other` admits anybody whom `route` refuses.
fn asks_less(other: &Route, route: &Route) -> bool {
    // In shadow mode a route requires nothing for the time being.
    let asked = match other.mode {
        Mode::Shadow => Asked::Nothing,
        Mode::Enforce => Asked::by(other),
    };
    asked < Asked::by(route) || (asked == Asked::Requirements && names(other).ne(names(route)))
}

/// What a route requires, the least first.
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
