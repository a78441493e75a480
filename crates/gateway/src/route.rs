//! Which rule a request falls under: host, path and method, first match first.
//!
//! A request that no route matches is refused: there is no route by default.

use std::fmt;
use std::sync::Arc;

use bearward::Requirements;
use http::Method;

use crate::original::canonical_host;
use crate::target::{Oddities, Target};

/// The routes, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
    /// Whether any of them is for some hosts alone.
    has_hosts: bool,
}

impl Routes {
    /// Routes in the order in which they are tried.
    #[must_use]
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        let has_hosts = routes.iter().any(|route| !route.hosts.is_empty());
        Self { routes, has_hosts }
    }

    /// The first route that matches.
    #[must_use]
    pub fn select(
        &self,
        method: &Method,
        host: Option<&str>,
        target: &Target<'_>,
    ) -> Option<&Arc<Route>> {
        let host = host.filter(|_| self.has_hosts).map(canonical_host);
        self.routes
            .iter()
            .find(|route| route.fit(method, host.as_deref(), target).is_match())
    }

    /// Every route, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(AsRef::as_ref)
    }
}

/// One rule: what it is for, and what it asks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Route {
    /// Its name, for logs and metrics. From configuration.
    pub name: Arc<str>,
    /// The hosts it is for, in canonical form; empty means every host.
    pub hosts: Vec<String>,
    /// The paths it is for.
    pub paths: Vec<PathPattern>,
    /// The methods it is for; empty means every method.
    pub methods: Vec<Method>,
    /// Who may use it.
    pub access: Access,
    /// Of these groups one must be met, all of whose requirements must be met. Empty: no more than
    /// `access` asks for.
    pub require: Vec<Vec<Requirements>>,
    /// What its paths may hold beside the usual.
    pub allow: Oddities,
    /// Whether a cross-origin preflight passes without credentials.
    pub preflight: Preflight,
    /// Whether a refusal is carried out or only told.
    pub mode: Mode,
    /// Where the reverse proxy sends its requests: the name of an upstream.
    pub upstream: Option<Arc<str>>,
}

impl Route {
    /// A route for `paths` that every authenticated request may use.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, paths: impl IntoIterator<Item = PathPattern>) -> Self {
        Self {
            name: name.into(),
            hosts: Vec::new(),
            paths: paths.into_iter().collect(),
            methods: Vec::new(),
            access: Access::Required,
            require: Vec::new(),
            allow: Oddities::default(),
            preflight: Preflight::Authenticated,
            mode: Mode::Enforce,
            upstream: None,
        }
    }

    /// Whether the path of `target` holds nothing but what the route allows.
    #[must_use]
    pub fn allows(&self, target: &Target<'_>) -> bool {
        let odd = target.oddities();
        (!odd.encoded_slash || self.allow.encoded_slash) && (!odd.semicolon || self.allow.semicolon)
    }

    /// Whether it is for a request, part by part. The host is in [canonical
    /// form](canonical_host).
    #[must_use]
    pub fn fit(&self, method: &Method, host: Option<&str>, target: &Target<'_>) -> Fit {
        Fit {
            host: self.hosts.is_empty()
                || host.is_some_and(|host| self.hosts.iter().any(|ours| ours == host)),
            method: self.methods.is_empty()
                || self.methods.contains(method)
                // The preflight asks for another method than its own.
                || (*method == Method::OPTIONS && self.preflight == Preflight::Passes),
            path: self
                .paths
                .iter()
                .any(|pattern| pattern.matches(target.path())),
        }
    }
}

/// Which parts of a request a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fit {
    /// Its host.
    pub host: bool,
    /// Its method.
    pub method: bool,
    /// Its path.
    pub path: bool,
}

impl Fit {
    /// Whether the route is for the request: every part of it.
    #[must_use]
    pub const fn is_match(self) -> bool {
        self.host && self.method && self.path
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Authenticated requests only. The default.
    #[default]
    Required,
    /// Requests without credentials as well; bad credentials are refused.
    Optional,
    /// Everybody; credentials are not looked at.
    Public,
}

/// Whether a cross-origin preflight (Fetch §3.2) passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preflight {
    /// Only when authenticated, which no browser can do. The default.
    #[default]
    Authenticated,
    /// Without credentials: `OPTIONS` with `Origin` and `Access-Control-Request-Method`.
    Passes,
}

/// Whether a refusal is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// It is. The default.
    #[default]
    Enforce,
    /// It is told in log and metrics, and the request passes without identity.
    Shadow,
}

/// A pattern of paths, over whole segments.
#[derive(Clone, PartialEq, Eq)]
pub struct PathPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    /// The path itself and all below it. Without trailing slash.
    Prefix(String),
    Glob(Vec<Segment>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `*`: one segment, not empty.
    Any,
    /// `**`: the rest, however many segments; at the end only.
    Rest,
    /// This segment.
    Literal(String),
}

impl PathPattern {
    /// This path alone.
    ///
    /// # Errors
    ///
    /// [`PathPatternError`] if no request could have it.
    pub fn exact(path: &str) -> Result<Self, PathPatternError> {
        canonical(path).map(|path| Self(Pattern::Exact(path)))
    }

    /// This path and all below it, from segment to segment: `/health` is not `/healthz`.
    ///
    /// # Errors
    ///
    /// [`PathPatternError`] if no request could have it.
    pub fn prefix(path: &str) -> Result<Self, PathPatternError> {
        let path = canonical(path)?;
        let path = path.strip_suffix('/').unwrap_or(&path);
        Ok(Self(Pattern::Prefix(path.to_owned())))
    }

    /// Segments of which `*` is any one, and `**` at the end any number, none included.
    ///
    /// # Errors
    ///
    /// [`PathPatternError`] if no request could have it, or a star stands within a segment.
    pub fn glob(pattern: &str) -> Result<Self, PathPatternError> {
        let rest = pattern.strip_prefix('/').ok_or(PathPatternError)?;
        let count = rest.split('/').count();
        let segment = |(index, segment): (usize, &str)| match segment {
            "*" => Ok(Segment::Any),
            "**" if index.saturating_add(1) == count => Ok(Segment::Rest),
            literal if literal.contains('*') => Err(PathPatternError),
            literal => Ok(Segment::Literal(literal.to_owned())),
        };
        // Stars aside, it must be a path like any other.
        canonical(&pattern.replace('*', "x"))?;
        let segments: Result<_, _> = rest.split('/').enumerate().map(segment).collect();
        Ok(Self(Pattern::Glob(segments?)))
    }

    /// Whether it matches a path, which is [resolved](Target::path).
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match &self.0 {
            Pattern::Exact(exact) => path == exact,
            Pattern::Prefix(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Pattern::Glob(segments) => glob_matches(segments, path),
        }
    }
}

impl fmt::Display for PathPattern {
    /// As in the configuration: its kind, and what it matches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Exact(path) => write!(f, "path {path:?}"),
            Pattern::Prefix(path) if path.is_empty() => f.write_str("path_prefix \"/\""),
            Pattern::Prefix(path) => write!(f, "path_prefix {path:?}"),
            Pattern::Glob(segments) => {
                let mut pattern = String::new();
                for segment in segments {
                    pattern.push('/');
                    pattern.push_str(match segment {
                        Segment::Any => "*",
                        Segment::Rest => "**",
                        Segment::Literal(literal) => literal,
                    });
                }
                write!(f, "path_glob {pattern:?}")
            }
        }
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The pattern is not a path that a request could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a path: it starts with `/`, has no query, no escapes, no empty or dot segments; `*` is a whole segment, `**` the last one"
)]
#[non_exhaustive]
pub struct PathPatternError;

/// Patterns are written as paths are matched: with escapes resolved.
fn canonical(path: &str) -> Result<String, PathPatternError> {
    let spaced = path.replace(' ', "%20");
    let target = Target::parse(&spaced).map_err(|_| PathPatternError)?;
    if target.query().is_some() || path.contains('%') {
        return Err(PathPatternError);
    }
    Ok(target.path().to_owned())
}

fn glob_matches(pattern: &[Segment], path: &str) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    for wanted in pattern {
        match (wanted, segments.next()) {
            (Segment::Rest, _) => return true,
            (Segment::Any, Some(segment)) if !segment.is_empty() => {}
            (Segment::Literal(literal), Some(segment)) if literal == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{PathPattern, PathPatternError, Preflight, Route, Routes};
    use crate::target::Target;

    fn matches(pattern: &PathPattern, path: &str) -> bool {
        pattern.matches(Target::parse(path).unwrap().path())
    }

    #[test]
    fn t_fwd_09_a_prefix_ends_between_segments() {
        let health = PathPattern::prefix("/health").unwrap();
        for path in ["/health", "/health/", "/health/live"] {
            assert!(matches(&health, path), "{path}");
        }
        for path in ["/healthz", "/healthzz", "/", "/Health", "/x/health"] {
            assert!(!matches(&health, path), "{path}");
        }
        assert!(matches(
            &PathPattern::prefix("/").unwrap(),
            "/anything/at/all"
        ));
        assert_eq!(PathPattern::prefix("/a/"), PathPattern::prefix("/a"));
    }

    #[test]
    fn an_exact_path_is_that_path_alone() {
        let exact = PathPattern::exact("/a/b").unwrap();
        assert!(matches(&exact, "/a/b"));
        assert!(matches(&exact, "/%61/b"));
        for path in ["/a/b/", "/a", "/A/b", "/a/b/c"] {
            assert!(!matches(&exact, path), "{path}");
        }
    }

    #[test]
    fn a_star_is_one_segment_and_two_are_the_rest() {
        let one = PathPattern::glob("/users/*/orders").unwrap();
        assert!(matches(&one, "/users/7/orders"));
        for path in [
            "/users/orders",
            "/users/7/8/orders",
            "/users/7/orders/9",
            "/users/7/orders/",
        ] {
            assert!(!matches(&one, path), "{path}");
        }
        let rest = PathPattern::glob("/files/**").unwrap();
        for path in ["/files", "/files/", "/files/a", "/files/a/b/"] {
            assert!(matches(&rest, path), "{path}");
        }
        assert!(!matches(&rest, "/filesystem"));
    }

    #[test]
    fn t_fwd_06_a_pattern_cannot_reach_the_query() {
        let public = PathPattern::prefix("/public").unwrap();
        assert!(!matches(&public, "/admin?x=/public"));
        for pattern in [
            "", "a", "/a?b", "/a#b", "/a//b", "/a/../b", "/a%2fb", "/a\\b", "/a.",
        ] {
            assert_eq!(
                PathPattern::exact(pattern),
                Err(PathPatternError),
                "{pattern}"
            );
            assert_eq!(
                PathPattern::prefix(pattern),
                Err(PathPatternError),
                "{pattern}"
            );
            assert_eq!(
                PathPattern::glob(pattern),
                Err(PathPatternError),
                "{pattern}"
            );
        }
        for pattern in ["/a*", "/**/a", "/*a/b", "/a/***"] {
            assert_eq!(
                PathPattern::glob(pattern),
                Err(PathPatternError),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_is_written() {
        let shown = |pattern: Result<PathPattern, _>| pattern.unwrap().to_string();
        assert_eq!(shown(PathPattern::exact("/a/b")), "path \"/a/b\"");
        assert_eq!(shown(PathPattern::prefix("/")), "path_prefix \"/\"");
        assert_eq!(shown(PathPattern::prefix("/a/")), "path_prefix \"/a\"");
        assert_eq!(shown(PathPattern::glob("/a/*/**")), "path_glob \"/a/*/**\"");
    }

    #[test]
    fn it_is_told_which_part_does_not_fit() {
        let mut route = Route::new("x", [PathPattern::exact("/a").unwrap()]);
        route.hosts = vec!["a.example".to_owned()];
        route.methods = vec![Method::GET];
        let fit = |method: Method, host: Option<&str>, path: &str| {
            let fit = route.fit(&method, host, &Target::parse(path).unwrap());
            assert_eq!(fit.is_match(), fit.host && fit.method && fit.path);
            (fit.host, fit.method, fit.path)
        };
        let host = Some("a.example");
        assert_eq!(fit(Method::GET, host, "/a"), (true, true, true));
        assert_eq!(fit(Method::GET, None, "/a"), (false, true, true));
        assert_eq!(fit(Method::OPTIONS, host, "/a"), (true, false, true));
        assert_eq!(fit(Method::GET, host, "/b"), (true, true, false));
        let mut open = route.clone();
        open.preflight = Preflight::Passes;
        let target = Target::parse("/a").unwrap();
        assert!(open.fit(&Method::OPTIONS, host, &target).is_match());
    }

    #[test]
    fn t_dos_07_a_pattern_cannot_backtrack() {
        // Each segment is looked at once, whatever stands before it.
        let stars = "/*".repeat(2_000);
        let pattern = PathPattern::glob(&format!("{stars}/end")).unwrap();
        let long = "/aaaa".repeat(2_000);
        assert!(matches(&pattern, &format!("{long}/end")));
        let started = std::time::Instant::now();
        for _ in 0..100 {
            assert!(!matches(&pattern, &format!("{long}/other")));
        }
        // Two to the number of stars would be longer than this universe has been.
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
    }

    #[test]
    fn the_first_route_that_matches_counts() {
        let mut writes = Route::new("writes", [PathPattern::prefix("/orders").unwrap()]);
        writes.methods = vec![Method::POST];
        let mut here = Route::new("here", [PathPattern::prefix("/").unwrap()]);
        here.hosts = vec!["api.example.com".to_owned()];
        let routes = Routes::new([writes, here]);
        let name = |method: Method, host: Option<&str>, path: &str| {
            let target = Target::parse(path).unwrap();
            routes
                .select(&method, host, &target)
                .map(|route| route.name.to_string())
        };
        let api = Some("API.example.com:8443");
        assert_eq!(
            name(Method::POST, api, "/orders/7").as_deref(),
            Some("writes")
        );
        assert_eq!(name(Method::GET, api, "/orders/7").as_deref(), Some("here"));
        assert_eq!(
            name(Method::GET, Some("other.example.com"), "/orders/7"),
            None
        );
        assert_eq!(name(Method::GET, None, "/orders/7"), None);
    }
}
