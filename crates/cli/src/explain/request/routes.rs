//! Each route in order, with the parts of the request that match or do not match it.

use std::sync::Arc;

use bearward_gateway::route::{PathFit, Route, Routes, Selection};
use bearward_gateway::target::Target;
use http::Method;

/// A route, and the result of trying it.
pub(super) struct Tried {
    pub(super) name: String,
    pub(super) verdict: Verdict,
    /// The parts that match, or those that do not.
    pub(super) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Matches,
    /// The application could select it for the request, so it decides as well.
    MayMatch,
    No,
    /// An earlier route matched.
    NotTried,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::MayMatch => "may match",
            Self::No => "no",
            Self::NotTried => "not tried",
        }
    }
}

/// Tries each route as the gate does, and stops at the first exact match. Also shows the routes that
/// the path as written leads to.
pub(super) fn tried(
    routes: &Routes,
    method: &Method,
    host: Option<&str>,
    target: &Target<'_>,
    selection: Option<&Selection<'_>>,
) -> Vec<Tried> {
    let matching_one = selection.map(|selection| Arc::as_ptr(selection.route));
    let may_match = |route| {
        let mut also = selection.iter().flat_map(|selection| &selection.also);
        also.any(|also| Arc::as_ptr(also) == route)
    };
    let mut is_decided = false;
    let routes = routes.iter().map(|route| {
        let fit = route.fit(method, host, target.path());
        let (verdict, why) = if may_match(std::ptr::from_ref(route)) {
            (Verdict::MayMatch, matching(route, target))
        } else if is_decided {
            (Verdict::NotTried, "an earlier route matches".to_owned())
        } else if matching_one == Some(std::ptr::from_ref(route)) {
            is_decided = fit.is_match();
            (Verdict::Matches, matching(route, target))
        } else if fit.is_match() {
            is_decided = true;
            let why = "some server could read the path as one that no route matches";
            (Verdict::No, why.to_owned())
        } else {
            let mut why = Vec::new();
            if !fit.host {
                why.push(other_host(route, host));
            }
            if fit.path == PathFit::No {
                why.push(format!(
                    "the path does not match {}",
                    any_of(patterns(route))
                ));
            }
            if !fit.method {
                let methods = route.methods.iter().map(Method::to_string);
                why.push(format!("{method} is not {}", any_of(methods)));
            }
            (Verdict::No, why.join("; "))
        };
        Tried {
            name: route.name.to_string(),
            verdict,
            why,
        }
    });
    routes.collect()
}

/// The part of `target` that the route does not tolerate.
pub(super) fn forbids(route: &Route, target: &Target<'_>) -> Option<String> {
    let oddity = route.forbidden(target)?.as_str();
    Some(format!(
        "its paths without {oddity}, since `paths` is not \"tolerant\""
    ))
}

fn matching(route: &Route, target: &Target<'_>) -> String {
    let host = match route.hosts.is_empty() {
        true => "any host".to_owned(),
        false => any_of(route.hosts.iter().cloned()),
    };
    let fitting = route.paths.iter().filter_map(|pattern| {
        let router = route.router.as_str();
        let fit = pattern.fit(target.path(), route.router);
        if fit == PathFit::Exact {
            return Some(pattern.to_string());
        }
        (fit != PathFit::No).then(|| format!("{pattern} with router {router}"))
    });
    let mut path = any_of(fitting);
    if path.is_empty() {
        path = format!(
            "{} if a server reads the path in another way",
            any_of(patterns(route))
        );
    }
    let method = match route.methods.is_empty() {
        true => "any method".to_owned(),
        false => any_of(route.methods.iter().map(Method::to_string)),
    };
    format!("{host}, {path}, {method}")
}

fn other_host(route: &Route, host: Option<&str>) -> String {
    let ours = any_of(route.hosts.iter().cloned());
    match host {
        Some(host) => format!("the host {host} is not {ours}"),
        None => format!("no host was given, and the route is for {ours}"),
    }
}

fn patterns(route: &Route) -> impl Iterator<Item = String> {
    route.paths.iter().map(ToString::to_string)
}

fn any_of(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(" or ")
}
