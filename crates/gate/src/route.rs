//! Which route a request matches, by host, path and method: the first match wins.
//!
//! A request that no route matches is refused: there is no default route.
//!
//! If the application's router is laxer than ours, it may select another route for a request. Such a
//! route never opens anything: both it and the matching route must admit the request. The same is true
//! of the routes that a tolerated path leads to once a server repairs it.

use std::sync::Arc;

use bearward_core::{Requirements, Sources};
use http::Method;

use crate::host::canonical_host;
use crate::target::{Oddities, Oddity, Target};

mod pattern;
mod router;

pub use self::pattern::{PathPattern, PathPatternError};
pub use self::router::{PathFit, Router};

/// The routes, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
    /// Whether any route is limited to certain hosts.
    has_hosts: bool,
}

impl Routes {
    /// Creates routes that are tried in this order.
    #[must_use]
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        let has_hosts = routes.iter().any(|route| !route.hosts.is_empty());
        Self { routes, has_hosts }
    }

    /// The first route that matches, and those that the application could select for the request:
    /// earlier ones if its router is lax, and those of other readings of the path. If no route matches,
    /// the first whose path the application always treats as the same, and all that may match.
    ///
    /// If the route tolerates oddities, each path that a server could make of this one needs a route.
    #[must_use]
    pub fn select(
        &self,
        method: &Method,
        host: Option<&str>,
        target: &Target<'_>,
    ) -> Option<Selection<'_>> {
        let host = host.filter(|_| self.has_hosts).map(canonical_host);
        let host = host.as_deref();
        let mut selection = self.select_path(method, host, target.path())?;
        let repaired = match selection.route.tolerance {
            Tolerance::Tolerant => target.repaired()?,
            Tolerance::Exact | Tolerance::Listed(_) => Vec::new(),
        };
        for reading in target.readings().iter().chain(&repaired) {
            match self.select_path(method, host, &reading.path) {
                Some(other) => selection = selection.and(&other),
                None if reading.needs_route => return None,
                None => {}
            }
        }
        Some(selection)
    }

    fn select_path(
        &self,
        method: &Method,
        host: Option<&str>,
        path: &str,
    ) -> Option<Selection<'_>> {
        // Unless a router is lax, this stays empty and allocates nothing.
        let mut also = Vec::new();
        let mut same = None;
        for route in &self.routes {
            let fit = route.fit(method, host, path);
            if fit.is_match() {
                return Some(Selection { route, also });
            }
            if !fit.is_possible() {
                continue;
            }
            if fit.path == PathFit::Same {
                same.get_or_insert(also.len());
            }
            also.push(route);
        }
        let route = also.remove(same?);
        Some(Selection { route, also })
    }

    /// Everywhere that one of them looks for a token.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let all = self.iter().map(|route| &route.sources);
        all.fold(Sources::default(), |all, more| match all == *more {
            true => all,
            false => all.union(more),
        })
    }

    /// Every route, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(AsRef::as_ref)
    }
}

/// The routes that decide on a request. All of them must admit it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selection<'r> {
    /// The route that matches: it determines the upstream, and the name in logs and metrics.
    pub route: &'r Arc<Route>,
    /// The routes that the application could select for the request.
    pub also: Vec<&'r Arc<Route>>,
}

impl<'r> Selection<'r> {
    /// Adds the routes that another reading of the same path selects.
    fn and(mut self, other: &Self) -> Self {
        for route in other.iter() {
            if !self.iter().any(|known| Arc::ptr_eq(known, route)) {
                self.also.push(route);
            }
        }
        self
    }

    /// Everywhere that one of them looks for a token.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let ours = &self.route.sources;
        let others = self.also.iter().map(|route| &route.sources);
        let others = others.filter(|sources| *sources != ours);
        others.fold(ours.clone(), |all, more| all.union(more))
    }

    /// All the routes; the one that matches comes last.
    pub fn iter(&self) -> impl Iterator<Item = &'r Arc<Route>> {
        self.also.iter().copied().chain([self.route])
    }
}

/// One rule: its requests and its requirements.
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
    /// Groups of requirements: a principal must meet all requirements of one group. Empty: nothing
    /// beyond `access`.
    pub require: Vec<Vec<Requirements>>,
    /// Which oddities its paths may have.
    pub tolerance: Tolerance,
    /// Where its requests may carry their token in addition to `Authorization`.
    pub sources: Sources,
    /// Whether a cross-origin preflight passes without credentials.
    pub preflight: Preflight,
    /// Whether a refusal is enforced or only reported.
    pub mode: Mode,
    /// Where the reverse proxy sends its requests: the name of an upstream.
    pub upstream: Option<Arc<str>>,
    /// How the application behind it reads paths.
    pub router: Router,
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
            tolerance: Tolerance::Exact,
            sources: Sources::default(),
            preflight: Preflight::Authenticated,
            mode: Mode::Enforce,
            upstream: None,
            router: Router::Strict,
        }
    }

    /// Whether the route tolerates every oddity in the path of `target`.
    #[must_use]
    pub fn allows(&self, target: &Target<'_>) -> bool {
        self.forbidden(target).is_none()
    }

    /// The first oddity in the path of `target` that the route does not tolerate.
    #[must_use]
    pub fn forbidden(&self, target: &Target<'_>) -> Option<Oddity> {
        if target.oddities().is_empty() {
            return None;
        }
        let tolerated = match self.tolerance {
            Tolerance::Exact => Oddities::default(),
            Tolerance::Listed(listed) => listed,
            Tolerance::Tolerant => return None,
        };
        target.oddities().without(tolerated).next()
    }

    /// Whether each part of a request matches. The host is in [canonical form](canonical_host), and the
    /// path is [resolved](Target::path).
    #[must_use]
    pub fn fit(&self, method: &Method, host: Option<&str>, path: &str) -> Fit {
        Fit {
            host: self.hosts.is_empty()
                || host.is_some_and(|host| self.hosts.iter().any(|ours| ours == host)),
            method: self.methods.is_empty()
                || self.methods.contains(method)
                // A preflight asks about another method than its own.
                || (*method == Method::OPTIONS && self.preflight == Preflight::Passes),
            path: self.path_fit(path),
        }
    }

    /// The best fit among its patterns.
    fn path_fit(&self, path: &str) -> PathFit {
        let mut best = PathFit::No;
        for pattern in &self.paths {
            best = best.max(pattern.fit(path, self.router));
            if best == PathFit::Exact {
                break;
            }
        }
        best
    }
}

/// Which parts of a request match a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fit {
    /// The host matches.
    pub host: bool,
    /// The method matches.
    pub method: bool,
    /// How the path fits, as the application's router reads it.
    pub path: PathFit,
}

impl Fit {
    /// Whether every part of the request matches.
    #[must_use]
    pub const fn is_match(self) -> bool {
        self.host && self.method && matches!(self.path, PathFit::Exact)
    }

    /// Whether the route matches, or the application could select it for the request.
    #[must_use]
    pub const fn is_possible(self) -> bool {
        self.host && self.method && !matches!(self.path, PathFit::No)
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the gateway must not forget one")]
pub enum Access {
    /// Authenticated requests only. The default.
    #[default]
    Required,
    /// Also requests without credentials; bad credentials are refused.
    Optional,
    /// Everybody; the gateway ignores credentials.
    Public,
}

/// Which oddities the paths of a route may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the configuration must not forget one"
)]
pub enum Tolerance {
    /// None. The default.
    #[default]
    Exact,
    /// These. The path is matched as it came: the operator vouches that the application does not repair
    /// it. For the deprecated keys `allow_encoded_slash` and `allow_semicolon`.
    Listed(Oddities),
    /// All. Each path that a server could make of it must have a route, and all these routes must
    /// tolerate it and admit the request.
    Tolerant,
}

/// Whether a cross-origin preflight (Fetch §3.2) passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the configuration must not forget one"
)]
pub enum Preflight {
    /// Only when authenticated, which browsers never do. The default.
    #[default]
    Authenticated,
    /// Without credentials: `OPTIONS` with `Origin` and `Access-Control-Request-Method`.
    Passes,
}

/// Whether a refusal is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a route decides or is tried out")]
pub enum Mode {
    /// It is enforced. The default.
    #[default]
    Enforce,
    /// It is only reported in log and metrics, and the request passes without identity.
    Shadow,
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{PathFit, PathPattern, Preflight, Route, Router, Routes, Tolerance};
    use crate::target::{Oddity, Target};

    #[test]
    fn it_is_told_which_part_does_not_fit() {
        let mut route = Route::new("x", [PathPattern::exact("/a").unwrap()]);
        route.hosts = vec!["a.example".to_owned()];
        route.methods = vec![Method::GET];
        let fit = |method: Method, host: Option<&str>, path: &str| {
            let fit = route.fit(&method, host, path);
            let is_all = fit.host && fit.method && fit.path == PathFit::Exact;
            assert_eq!(fit.is_match(), is_all);
            (fit.host, fit.method, fit.path == PathFit::Exact)
        };
        let host = Some("a.example");
        assert_eq!(fit(Method::GET, host, "/a"), (true, true, true));
        assert_eq!(fit(Method::GET, None, "/a"), (false, true, true));
        assert_eq!(fit(Method::OPTIONS, host, "/a"), (true, false, true));
        assert_eq!(fit(Method::GET, host, "/b"), (true, true, false));
        let mut open = route.clone();
        open.preflight = Preflight::Passes;
        assert!(open.fit(&Method::OPTIONS, host, "/a").is_match());
    }

    #[test]
    fn the_best_of_several_patterns_counts_in_any_order() {
        let patterns = ["/a", "/a/b", "/c"].map(|path| PathPattern::exact(path).unwrap());
        let mut route = Route::new("x", patterns);
        route.router = Router::Express;
        for (path, fit) in [
            ("/a", PathFit::Exact),
            ("/a/b", PathFit::Exact),
            ("/c", PathFit::Exact),
            ("/A/b/", PathFit::Same),
            ("/c.x", PathFit::Possible),
            ("/b", PathFit::No),
        ] {
            assert_eq!(route.fit(&Method::GET, None, path).path, fit, "{path}");
        }
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
                .map(|selection| selection.route.name.to_string())
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

    /// The names of the deciding routes; the one that matches comes last.
    fn deciding(routes: &Routes, path: &str) -> Vec<String> {
        let target = Target::parse(path).unwrap();
        let selection = routes.select(&Method::GET, None, &target);
        let names = selection
            .iter()
            .flat_map(|selection| selection.iter().map(|route| route.name.to_string()));
        names.collect()
    }

    fn route(name: &str, pattern: PathPattern, router: Router) -> Route {
        let mut route = Route::new(name, [pattern]);
        route.router = router;
        route
    }

    #[test]
    fn t_fwd_13_a_router_that_resolves_no_escapes_is_thought_of() {
        let prefix = |path| PathPattern::prefix(path).unwrap();
        let routes = Routes::new([
            route("public", prefix("/public"), Router::Strict),
            route("me", prefix("/@me"), Router::Strict),
            route("café", prefix("/café"), Router::Strict),
            route("all", prefix("/"), Router::Strict),
        ]);
        for path in ["/%70ublic", "/publi%63/a", "/%70%75%62%6C%69%63/a"] {
            assert_eq!(deciding(&routes, path), ["all", "public"], "{path}");
        }
        assert_eq!(deciding(&routes, "/%40me"), ["all", "me"]);
        assert_eq!(deciding(&routes, "/caf%c3%a9"), ["all", "café"]);
        // The route's own path has its usual spelling.
        assert_eq!(deciding(&routes, "/public/%7Eanna/%61"), ["public"]);
        assert_eq!(deciding(&routes, "/public/a%20b"), ["public"]);
        assert_eq!(deciding(&routes, "/caf%C3%A9"), ["café"]);
        assert_eq!(deciding(&routes, "/%61"), ["all"]);
        // Such a router matches it to no route; characters that clients escape to be safe still pass.
        let few = Routes::new([
            route("public", prefix("/public"), Router::Strict),
            route("me", prefix("/@me"), Router::Strict),
        ]);
        assert_eq!(deciding(&few, "/%70ublic"), Vec::<String>::new());
        assert_eq!(deciding(&few, "/%40me"), ["me"]);
    }

    #[test]
    fn t_fwd_04_an_escape_that_a_server_may_read_twice_needs_both_routes() {
        let prefix = |path| PathPattern::prefix(path).unwrap();
        let routes = Routes::new([
            route("admin", prefix("/admin"), Router::Strict),
            route("café", prefix("/café"), Router::Strict),
            route("all", prefix("/"), Router::Strict),
        ]);
        // A server that parses the resolved path again cuts it off at the query.
        for path in ["/admin%3Fx", "/admin%23x", "/admin%3f/b", "/admin%23%3F"] {
            assert_eq!(deciding(&routes, path), ["admin", "all"], "{path}");
        }
        // One that falls back to Latin-1, and one that drops what is not UTF-8.
        assert_eq!(deciding(&routes, "/caf%E9"), ["café", "all"]);
        assert_eq!(deciding(&routes, "/adm%FFin"), ["admin", "all"]);
        // The next one repairs what they leave: it merges slashes, and ignores final dots and spaces.
        for path in [
            "/%FF/admin",
            "/%E9/admin/x",
            "/admin.%E9",
            "/admin%20%E9",
            "/admin.%23",
            "/admin%20%3Fx",
            "/admin%FF%3Fx",
        ] {
            assert_eq!(deciding(&routes, path), ["admin", "all"], "{path}");
        }
        for path in ["/who%3F", "/tags/c%23", "/50%25", "/%E9", "/x/admin%3Fy"] {
            assert_eq!(deciding(&routes, path), ["all"], "{path}");
        }
        assert_eq!(deciding(&routes, "/admin/c%23"), ["admin"]);
        // Such a reading adds routes only: a glob that does not match it still admits.
        let tags = PathPattern::glob("/tags/c*").unwrap();
        let tags = Routes::new([route("tags", tags, Router::Strict)]);
        assert_eq!(deciding(&tags, "/tags/c%23"), ["tags"]);
        assert_eq!(deciding(&tags, "/tags%23c"), Vec::<String>::new());
    }

    /// Routes of which some tolerate oddities.
    fn tolerant(routes: &[(&str, PathPattern, bool)]) -> Routes {
        let routes = routes.iter().map(|(name, pattern, is_tolerant)| {
            let mut route = route(name, pattern.clone(), Router::Strict);
            if *is_tolerant {
                route.tolerance = Tolerance::Tolerant;
            }
            route
        });
        Routes::new(routes.collect::<Vec<_>>())
    }

    #[test]
    fn t_fwd_04_each_repair_of_a_tolerated_path_needs_a_route() {
        let prefix = |path| PathPattern::prefix(path).unwrap();
        let files = tolerant(&[("files", prefix("/files"), true)]);
        for path in [
            "/files/a//b",
            "/files//",
            "/files/Acme%20Inc.",
            "/files/a./b",
            "/files/a%2Fb",
            "/files/a%2F%2Fb",
            "/files/a;v=1/b",
            "/files/a%3Bv=1",
            "/files/;/b",
        ] {
            assert_eq!(deciding(&files, path), ["files"], "{path}");
        }
        // As it came or repaired, the path has no route.
        for path in [
            "//files/a",
            "/files%2Fa",
            "/files;x/a",
            "/files./a",
            "/files.",
            "//files",
            "/%2Ffiles/a",
        ] {
            assert_eq!(deciding(&files, path), Vec::<String>::new(), "{path}");
        }
        // A glob has a fixed number of segments, and a repair changes it.
        let glob = PathPattern::glob("/projects/*").unwrap();
        let glob = tolerant(&[("projects", glob, true)]);
        assert_eq!(deciding(&glob, "/projects/a."), ["projects"]);
        assert_eq!(deciding(&glob, "/projects/a%2Fb"), Vec::<String>::new());
        assert_eq!(deciding(&glob, "/projects/a%2F"), Vec::<String>::new());
    }

    #[test]
    fn t_fwd_04_a_tolerated_path_never_falls_to_the_laxer_route_alone() {
        let prefix = |path| PathPattern::prefix(path).unwrap();
        // `check` refuses this order; the routes do not rely on it.
        let routes = tolerant(&[
            ("admin", prefix("/admin"), false),
            ("deep", prefix("/x/admin"), true),
            ("all", prefix("/"), true),
        ]);
        for (path, others) in [
            ("//admin", &["admin"][..]),
            ("/%2Fadmin", &["admin"]),
            ("/admin%2Fusers", &["admin"]),
            ("/admin;x=1/users", &["admin"]),
            ("/admin%3Bx/users", &["admin"]),
            ("/admin./users", &["admin"]),
            ("/admin%20", &["admin"]),
            ("/;/admin", &["admin"]),
            ("/;x=1//admin./", &["admin"]),
            // A reader of URLs takes the first segment for a host.
            ("//evil.example/admin", &["admin"]),
            ("//evil.example//admin", &["admin"]),
            ("/x//admin", &["deep"]),
            ("/x%2Fadmin", &["deep"]),
            ("//x/admin", &["admin", "deep"]),
            ("//a/b", &[]),
            ("/a%2Fb;c./", &[]),
        ] {
            let mut found = deciding(&routes, path);
            assert_eq!(found.pop().as_deref(), Some("all"), "{path}");
            found.sort();
            assert_eq!(found, others, "{path}");
        }
        assert_eq!(deciding(&routes, "/admin//users"), ["admin"]);
    }

    #[test]
    fn t_dos_07_a_path_with_too_many_readings_has_no_route() {
        let prefix = PathPattern::prefix("/").unwrap();
        let all = tolerant(&[("all", prefix, true)]);
        assert_eq!(deciding(&all, "//a;x/b%2Fc"), ["all"]);
        assert!(deciding(&all, "//a%2Fb%3Bc%2F;x/d.//e").is_empty());
    }

    #[test]
    fn t_fwd_04_a_listed_oddity_is_matched_as_it_came() {
        let mut projects = Route::new("projects", [PathPattern::glob("/projects/*").unwrap()]);
        projects.tolerance = Tolerance::Listed([Oddity::EncodedSlash].into_iter().collect());
        let target = Target::parse("/projects/group%2Fname").unwrap();
        assert!(projects.allows(&target));
        let routes = Routes::new([projects.clone()]);
        assert_eq!(deciding(&routes, "/projects/group%2Fname"), ["projects"]);
        for (path, oddity) in [
            ("/projects/a;b", Oddity::Semicolon),
            ("/projects/a%3Bb", Oddity::EncodedSemicolon),
            ("/projects/a%2Fb.", Oddity::FinalDot),
            ("/projects//a", Oddity::EmptySegment),
        ] {
            let target = Target::parse(path).unwrap();
            assert_eq!(projects.forbidden(&target), Some(oddity), "{path}");
        }
    }

    #[test]
    fn t_fwd_13_a_route_that_the_router_could_mean_decides_as_well() {
        for (router, paths) in [
            (
                Router::Express,
                &["/Admin", "/ADMIN/users", "/exact/", "/EXACT", "/admin.x"][..],
            ),
            (
                Router::Rails,
                &[
                    "/admin.json",
                    "/exact/",
                    "/exact.json",
                    "/admin,x",
                    "/admin.x/y",
                ],
            ),
            (
                Router::Aspnet,
                &["/Admin", "/exact/", "/aDmin/x", "/Exact/"],
            ),
            (
                Router::Servlet,
                &[
                    "/admin,x",
                    "/adminx",
                    "/exact/",
                    "/exact.json",
                    "/admin.x/y",
                    "/admin;x/y",
                ],
            ),
        ] {
            let routes = |router| {
                Routes::new([
                    route("admin", PathPattern::prefix("/admin").unwrap(), router),
                    route("exact", PathPattern::exact("/exact").unwrap(), router),
                    route("all", PathPattern::prefix("/").unwrap(), router),
                ])
            };
            for path in paths {
                let decides = deciding(&routes(router), path);
                assert_eq!(decides.len(), 2, "{router:?} {path}: {decides:?}");
                assert_eq!(decides.last().unwrap(), "all");
                assert_eq!(deciding(&routes(Router::Strict), path), ["all"], "{path}");
            }
            // Paths that no router confuses with another, and exact matches.
            for path in ["/", "/x/admin", "/adm", "/exa"] {
                assert_eq!(
                    deciding(&routes(router), path),
                    ["all"],
                    "{router:?} {path}"
                );
            }
            assert_eq!(deciding(&routes(router), "/admin/users"), ["admin"]);
            assert_eq!(deciding(&routes(router), "/exact"), ["exact"]);
        }
    }

    #[test]
    fn t_fwd_13_a_lax_match_before_an_exact_one_opens_nothing() {
        let public = || {
            route(
                "health",
                PathPattern::prefix("/health").unwrap(),
                Router::Servlet,
            )
        };
        let boss = route(
            "boss",
            PathPattern::exact("/healthadmin").unwrap(),
            Router::Servlet,
        );
        // The JDK's server could select either route, so the request must pass both.
        let routes = Routes::new([public(), boss]);
        assert_eq!(deciding(&routes, "/healthadmin"), ["health", "boss"]);
        // A route that only may match opens nothing if no route matches.
        assert!(deciding(&Routes::new([public()]), "/healthadmin").is_empty());
        assert!(deciding(&Routes::new([public()]), "/health.json").is_empty());
    }

    #[test]
    fn a_fwd_04_a_slash_at_the_end_is_kept_distinct_unless_the_router_ignores_it() {
        let routes = |router| {
            let exact = PathPattern::exact("/orders").unwrap();
            Routes::new([route("orders", exact, router)])
        };
        for router in [Router::Aspnet, Router::Express, Router::Rails] {
            assert_eq!(
                deciding(&routes(router), "/orders/"),
                ["orders"],
                "{router:?}"
            );
        }
        // Old versions of Spring ignore it; others do not.
        for router in [Router::Strict, Router::Servlet] {
            assert!(
                deciding(&routes(router), "/orders/").is_empty(),
                "{router:?}"
            );
        }
        assert_eq!(deciding(&routes(Router::Express), "/Orders"), ["orders"]);
        assert!(deciding(&routes(Router::Rails), "/Orders").is_empty());
    }
}
