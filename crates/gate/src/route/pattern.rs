//! Patterns of paths.

use std::fmt;

use super::router::{PathFit, Router, fold};
use crate::target::{Oddities, Oddity, Target};

/// A pattern of paths, over segments.
#[derive(Clone, PartialEq, Eq)]
pub struct PathPattern {
    kind: Kind,
    /// The pattern as configured. A prefix has no trailing slash.
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exact,
    /// The path itself and all below it.
    Prefix,
    Glob,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `*`: one segment, not empty.
    Any,
    /// `**`: the rest, however many segments; at the end only.
    Rest,
    /// This segment.
    Literal(String),
    /// The texts between stars; each star matches any run of characters, even an empty one.
    Wild(Vec<String>),
}

impl PathPattern {
    /// Matches this path alone.
    ///
    /// # Errors
    ///
    /// [`PathPatternError`] if no request could have this path.
    pub fn exact(path: &str) -> Result<Self, PathPatternError> {
        let text = canonical(path)?;
        Ok(Self {
            kind: Kind::Exact,
            segments: literals(&text).collect(),
            text,
        })
    }

    /// Matches this path and all below it, by segments: `/health` does not match `/healthz`.
    ///
    /// # Errors
    ///
    /// [`PathPatternError`] if no request could have this path.
    pub fn prefix(path: &str) -> Result<Self, PathPatternError> {
        let path = canonical(path)?;
        let text = path.strip_suffix('/').unwrap_or(&path).to_owned();
        Ok(Self {
            kind: Kind::Prefix,
            segments: literals(&text).chain([Segment::Rest]).collect(),
            text,
        })
    }

    /// Matches segments in which `*` is any run of characters. `*` alone is any one segment, and `**`
    /// at the end is any number of segments, even none.
    ///
    /// # Errors
    ///
    /// [`PathPatternError`] if no request could match it, or if `**` appears anywhere else.
    pub fn glob(pattern: &str) -> Result<Self, PathPatternError> {
        let rest = pattern.strip_prefix('/').ok_or(PathPatternError)?;
        let count = rest.split('/').count();
        let segment = |(index, segment): (usize, &str)| match segment {
            "*" => Ok(Segment::Any),
            "**" if index.saturating_add(1) == count => Ok(Segment::Rest),
            // `**` within a segment, or repetition as in a regular expression.
            segment if ["**", ")*", "]*"].iter().any(|part| segment.contains(part)) => {
                Err(PathPatternError)
            }
            segment if segment.contains('*') => Ok(Segment::Wild(
                segment.split('*').map(str::to_owned).collect(),
            )),
            literal => Ok(Segment::Literal(literal.to_owned())),
        };
        // Apart from its stars, it must be a valid path.
        canonical(&pattern.replace('*', "x"))?;
        let segments: Result<_, _> = rest.split('/').enumerate().map(segment).collect();
        Ok(Self {
            kind: Kind::Glob,
            text: pattern.to_owned(),
            segments: segments?,
        })
    }

    /// Whether it matches a [resolved](Target::path) path.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match self.kind {
            Kind::Exact => path == self.text,
            Kind::Prefix => path
                .strip_prefix(self.text.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Kind::Glob => glob_matches(&self.segments, path),
        }
    }

    /// How a path fits it, as this router reads paths.
    #[must_use]
    pub fn fit(&self, path: &str, router: Router) -> PathFit {
        if self.matches(path) {
            return PathFit::Exact;
        }
        if router == Router::Strict {
            return PathFit::No;
        }
        self.lax_fit(path, router)
    }

    /// Whether it matches every path that `other` does, and more.
    pub fn exceeds(&self, other: &Self) -> bool {
        self.covers(other) && !other.covers(self)
    }

    /// Whether it matches every path that `other` does, judged segment by segment.
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.segments, &other.segments)
    }

    /// The leading segments that are literal, as a path.
    pub fn literal_start(&self) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            let Segment::Literal(literal) = segment else {
                break;
            };
            path.push('/');
            path.push_str(literal);
        }
        path
    }

    /// The path below which it matches everything, if it is a prefix.
    pub fn as_prefix(&self) -> Option<&str> {
        (self.kind == Kind::Prefix).then_some(self.text.as_str())
    }

    /// Whether it is a glob.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.kind == Kind::Glob
    }

    /// Two paths as similar to the literal path `other` as its stars allow: one with stars for as much
    /// as possible, one only for whole segments.
    pub fn paths_like(&self, other: &str) -> [String; 2] {
        let others = || other.split('/').chain(std::iter::repeat(""));
        let segments = || self.text.split('/').zip(others());
        let with = segments().map(|(own, other)| own.replacen('*', other, 1).replace('*', ""));
        let without = segments().map(|(own, other)| match own {
            "*" => other.to_owned(),
            own => own.replace('*', ""),
        });
        [
            with.collect::<Vec<_>>().join("/"),
            without.collect::<Vec<_>>().join("/"),
        ]
    }

    /// Whether it does not match the path, but one of these routers may treat the path as matching.
    pub fn is_alike(&self, path: &str, routers: &[Router]) -> bool {
        let is_same = |fit| matches!(fit, PathFit::Same | PathFit::Possible);
        routers
            .iter()
            .any(|router| is_same(self.fit(path, *router)))
    }

    /// Compares segment by segment, ignoring a slash at the end.
    fn lax_fit(&self, path: &str, router: Router) -> PathFit {
        let (wanted, wants_slash) = match self.segments.split_last() {
            Some((Segment::Literal(last), before)) if last.is_empty() => (before, true),
            _ => (self.segments.as_slice(), false),
        };
        let (path, has_slash) = match path.strip_suffix('/') {
            Some(path) => (path, true),
            None => (path, false),
        };
        let mut given = path.split('/').skip(1);
        let mut fit = PathFit::Same;
        for (index, segment) in wanted.iter().enumerate() {
            if *segment == Segment::Rest {
                return fit;
            }
            let behind = wanted.get(index.saturating_add(1));
            let is_last = behind.is_none_or(|segment| *segment == Segment::Rest);
            let found = given.next();
            let found = found.map(|found| segment.fit(found, router, is_last));
            fit = fit.min(found.unwrap_or(PathFit::No));
            if fit == PathFit::No {
                return fit;
            }
        }
        if given.next().is_some() {
            return PathFit::No;
        }
        if has_slash != wants_slash && !router.ignores_slash() {
            return fit.min(PathFit::Possible);
        }
        fit
    }
}

impl fmt::Display for PathPattern {
    /// As in the configuration: its key and its path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.kind {
            Kind::Exact => "path",
            Kind::Prefix => "path_prefix",
            Kind::Glob => "path_glob",
        };
        let text = Some(self.text.as_str()).filter(|text| !text.is_empty());
        write!(f, "{key} {:?}", text.unwrap_or("/"))
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The pattern is not a path that a request could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a valid path: it must start with `/` and have no query, no escapes, and no empty or dot segments; in a glob, `**` must be the last segment"
)]
#[non_exhaustive]
pub struct PathPatternError;

impl Segment {
    /// How a segment of a path fits it. A router may allow a suffix after the last segment that a
    /// pattern names, and parameters after any segment.
    fn fit(&self, segment: &str, router: Router, is_last: bool) -> PathFit {
        let bare = segment.split(';').next().unwrap_or_default();
        let ignores_case = router.ignores_case();
        match self {
            Self::Any | Self::Rest => PathFit::Same,
            Self::Literal(literal) if literal == segment => PathFit::Same,
            Self::Literal(literal) if ignores_case && literal.eq_ignore_ascii_case(segment) => {
                PathFit::Same
            }
            Self::Literal(literal) => {
                let is_like = [segment, bare].iter().any(|segment| {
                    let rest = strip(segment, literal, ignores_case);
                    rest.is_some_and(|rest| rest.is_empty() || (is_last && router.may_follow(rest)))
                });
                possible_if(is_like)
            }
            Self::Wild(parts) if wild_matches(parts, segment, false) => PathFit::Same,
            Self::Wild(parts) => {
                let folded = |text: &str| match ignores_case {
                    true => text.chars().map(fold).collect(),
                    false => text.to_owned(),
                };
                let parts: Vec<_> = parts.iter().map(|part| folded(part)).collect();
                let is_open = is_last && router.has_tail();
                let mut segments = [segment, bare].into_iter().map(folded);
                possible_if(segments.any(|segment| wild_matches(&parts, &segment, is_open)))
            }
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rest, _) | (Self::Any, Self::Any | Self::Wild(_)) => true,
            (Self::Any, Self::Literal(other)) => !other.is_empty(),
            (Self::Wild(parts), Self::Literal(other)) => wild_matches(parts, other, false),
            (own, other) => own == other,
        }
    }
}

const fn possible_if(is_like: bool) -> PathFit {
    match is_like {
        true => PathFit::Possible,
        false => PathFit::No,
    }
}

/// The rest of a segment that starts with `literal`.
fn strip<'s>(segment: &'s str, literal: &str, ignores_case: bool) -> Option<&'s str> {
    if !ignores_case {
        return segment.strip_prefix(literal);
    }
    let mut rest = segment.chars();
    let is_alike = literal.chars().all(|wanted| {
        let found = rest.next();
        found.is_some_and(|found| fold(found) == fold(wanted))
    });
    is_alike.then_some(rest.as_str())
}

/// Patterns are written like matched paths: with escapes resolved.
fn canonical(path: &str) -> Result<String, PathPatternError> {
    let spaced = path.replace(' ', "%20");
    let target = Target::parse(&spaced).map_err(|_| PathPatternError)?;
    let parameters = Oddities::from_iter([Oddity::Semicolon]);
    let is_odd = target.oddities().without(parameters).next().is_some();
    if target.query().is_some() || path.contains('%') || is_odd {
        return Err(PathPatternError);
    }
    Ok(target.path().to_owned())
}

fn literals(path: &str) -> impl Iterator<Item = Segment> {
    let segments = path.split('/').skip(1);
    segments.map(|segment| Segment::Literal(segment.to_owned()))
}

fn glob_matches(pattern: &[Segment], path: &str) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    for wanted in pattern {
        match (wanted, segments.next()) {
            (Segment::Rest, _) => return true,
            (Segment::Any, Some(segment)) if !segment.is_empty() => {}
            (Segment::Literal(literal), Some(segment)) if literal == segment => {}
            (Segment::Wild(parts), Some(segment)) if wild_matches(parts, segment, false) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// Whether a segment is these parts with anything between them, and after them if it is open. Each part
/// is searched for once, after the previous one: its first occurrence leaves the most for the others.
fn wild_matches(parts: &[String], segment: &str, is_open: bool) -> bool {
    before_last(parts, segment).is_some_and(|(rest, last)| match is_open {
        true => rest.contains(last),
        false => rest.ends_with(last),
    })
}

/// The rest of a segment after all parts but the last, and the last part.
fn before_last<'s>(parts: &'s [String], segment: &'s str) -> Option<(&'s str, &'s str)> {
    let (first, parts) = parts.split_first()?;
    let (last, middle) = parts.split_last()?;
    let mut rest = segment.strip_prefix(first.as_str())?;
    for part in middle {
        (_, rest) = rest.split_once(part.as_str())?;
    }
    Some((rest, last))
}

/// Whether a pattern matches every path that another does, judged segment by segment.
fn covers(pattern: &[Segment], other: &[Segment]) -> bool {
    let mut others = other.iter();
    for segment in pattern {
        if *segment == Segment::Rest {
            return true;
        }
        let covered = others.next();
        let covered = covered.filter(|other| **other != Segment::Rest);
        if !covered.is_some_and(|other| segment.covers(other)) {
            return false;
        }
    }
    others.next().is_none()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::super::router::{PathFit, Router};
    use super::{PathPattern, PathPatternError};
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
        let last = PathPattern::glob("/users/*").unwrap();
        assert!(matches(&last, "/users/7"));
        for path in ["/users/", "/users", "/users/7/"] {
            assert!(!matches(&last, path), "{path}");
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
        for pattern in ["/**/a", "/a**", "/a/***", "/*..", "/a/**b"] {
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
        assert_eq!(shown(PathPattern::glob("/v*/x")), "path_glob \"/v*/x\"");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a limit on real time")]
    fn t_dos_07_a_pattern_cannot_backtrack() {
        // Each segment is compared once, whatever precedes it.
        let stars = "/*".repeat(2_000);
        let pattern = PathPattern::glob(&format!("{stars}/end")).unwrap();
        let long = "/aaaa".repeat(2_000);
        assert!(matches(&pattern, &format!("{long}/end")));
        let started = Instant::now();
        for _ in 0..100 {
            assert!(!matches(&pattern, &format!("{long}/other")));
        }
        // Time exponential in the number of stars would outlast the universe.
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_star_within_a_segment_is_any_run_of_characters() {
        let glob = |pattern| PathPattern::glob(pattern).unwrap();
        for (pattern, fitting, others) in [
            (
                "/files/*.pdf",
                &[
                    "/files/a.pdf",
                    "/files/.pdf",
                    "/files/a.b.pdf",
                    "/files/.pdf.pdf",
                ][..],
                &[
                    "/files/a.pdfx",
                    "/files/a/b.pdf",
                    "/files/apdf",
                    "/files/a.PDF",
                    "/files/a.pdf/",
                ][..],
            ),
            (
                "/v*/admin",
                &["/v1/admin", "/v/admin", "/v2beta/admin"],
                &["/x1/admin", "/v1/admin/x", "/v1/x/admin", "/v1/adminx"],
            ),
            (
                "/a*b*c/**",
                &["/abc", "/axbxc/d", "/abcbc", "/abbc/d/e"],
                &["/ac", "/acb", "/ab/c", "/abcd"],
            ),
            ("/a*a", &["/aa", "/axa", "/aaa"], &["/a"]),
            ("/*a*", &["/a", "/bab"], &["/b"]),
        ] {
            for path in fitting {
                assert!(matches(&glob(pattern), path), "{pattern} {path}");
            }
            for path in others {
                assert!(!matches(&glob(pattern), path), "{pattern} {path}");
            }
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a limit on real time")]
    fn t_dos_07_stars_within_a_segment_cannot_backtrack() {
        let pattern = PathPattern::glob(&format!("/{}b", "*a".repeat(2_000))).unwrap();
        let path = format!("/{}", "a".repeat(60_000));
        let started = Instant::now();
        for router in [Router::Strict, Router::Express, Router::Servlet] {
            assert_ne!(pattern.fit(&path, router), PathFit::Exact);
        }
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn t_fwd_13_each_router_takes_other_paths_for_the_same() {
        use PathFit::{Exact, No, Possible, Same};
        let exact = PathPattern::exact("/a/exact").unwrap();
        let prefix = PathPattern::prefix("/admin").unwrap();
        let glob = PathPattern::glob("/v*/admin").unwrap();
        let wild = PathPattern::glob("/v*x/*.pdf").unwrap();
        // In the order of `Router::ALL`: strict, express, rails, aspnet, servlet.
        for (pattern, path, fits) in [
            (&exact, "/a/exact", [Exact; 5]),
            (&exact, "/a/exact/", [No, Same, Same, Same, Possible]),
            (&exact, "/A/Exact", [No, Same, No, Same, No]),
            (
                &exact,
                "/a/exact.json",
                [No, Possible, Possible, No, Possible],
            ),
            (&exact, "/a/exact,x", [No, No, Possible, No, Possible]),
            (&exact, "/a/exactly", [No, No, No, No, Possible]),
            (&exact, "/a.x/exact", [No; 5]),
            (
                &exact,
                "/a;x/exact;y",
                [No, Possible, Possible, Possible, Possible],
            ),
            (&exact, "/a/exact/x", [No; 5]),
            (&exact, "/a/exac", [No; 5]),
            (&exact, "/a/ex\u{e4}ct", [No; 5]),
            (&prefix, "/admin/", [Exact; 5]),
            (&prefix, "/ADMIN/Users", [No, Same, No, Same, No]),
            (
                &prefix,
                "/admin.json/x",
                [No, Possible, Possible, No, Possible],
            ),
            (&prefix, "/admin-x", [No, No, Possible, No, Possible]),
            (&prefix, "/admin_x", [No, No, No, No, Possible]),
            (&prefix, "/Admin,x", [No; 5]),
            (&prefix, "/x/admin", [No; 5]),
            (&prefix, "/", [No; 5]),
            (&glob, "/V1/Admin/", [No, Possible, No, Possible, No]),
            (&glob, "/v1/Admin", [No, Same, No, Same, No]),
            (&glob, "/v1/admin/", [No, Same, Same, Same, Possible]),
            (&wild, "/v1x/a.pdf", [Exact; 5]),
            (
                &wild,
                "/v1x/a.pdf.gz",
                [No, Possible, Possible, No, Possible],
            ),
            (&wild, "/v1x.y/a.pdf", [No; 5]),
            (
                &glob,
                "/v1/admin.json",
                [No, Possible, Possible, No, Possible],
            ),
        ] {
            let found: Vec<_> = Router::ALL
                .iter()
                .map(|router| pattern.fit(path, *router))
                .collect();
            assert_eq!(found, fits, "{pattern} {path}");
        }
        let accented = PathPattern::exact("/caf\u{e9}").unwrap();
        assert_eq!(accented.fit("/CAF\u{c9}", Router::Aspnet), Possible);
        assert_eq!(accented.fit("/CAF\u{c9}", Router::Rails), No);
        let root = PathPattern::exact("/").unwrap();
        assert_eq!(root.fit("/x", Router::Servlet), No);
    }

    #[test]
    fn one_pattern_exceeds_another() {
        let exact = |path| PathPattern::exact(path).unwrap();
        let prefix = |path| PathPattern::prefix(path).unwrap();
        let glob = |path| PathPattern::glob(path).unwrap();
        for (wide, narrow) in [
            (prefix("/"), prefix("/admin")),
            (prefix("/"), exact("/")),
            (prefix("/a"), exact("/a")),
            (prefix("/a"), exact("/a/")),
            (prefix("/a"), glob("/a/*/c")),
            (glob("/**"), prefix("/a")),
            (glob("/*"), exact("/a")),
            (glob("/a*/**"), prefix("/ab")),
            (glob("/*/b"), glob("/a*/b")),
        ] {
            assert!(wide.exceeds(&narrow), "{wide} {narrow}");
            assert!(!narrow.exceeds(&wide), "{narrow} {wide}");
        }
        for (one, other) in [
            (prefix("/a"), prefix("/a/")),
            (glob("/**"), prefix("/")),
            (prefix("/a"), prefix("/ab")),
            (prefix("/a"), glob("/*/b")),
            (exact("/a"), exact("/a")),
            (glob("/*"), exact("/")),
        ] {
            assert!(!one.exceeds(&other), "{one} {other}");
            assert!(!other.exceeds(&one), "{other} {one}");
        }
    }

    #[test]
    fn a_pattern_is_known_by_its_kind_and_where_it_starts() {
        let exact = |path| PathPattern::exact(path).unwrap();
        let prefix = |path| PathPattern::prefix(path).unwrap();
        let glob = |path| PathPattern::glob(path).unwrap();
        for (pattern, is_glob, as_prefix, start) in [
            (exact("/a/b"), false, None, "/a/b"),
            (exact("/a/"), false, None, "/a/"),
            (prefix("/a/b"), false, Some("/a/b"), "/a/b"),
            (glob("/a/b"), true, None, "/a/b"),
            (glob("/a/*/c"), true, None, "/a"),
            (glob("/a/b*/c"), true, None, "/a"),
            (glob("/a/**"), true, None, "/a"),
            (glob("/*"), true, None, ""),
        ] {
            assert_eq!(pattern.is_glob(), is_glob, "{pattern}");
            assert_eq!(pattern.as_prefix(), as_prefix, "{pattern}");
            assert_eq!(pattern.literal_start(), start, "{pattern}");
            assert_eq!(format!("{pattern:?}"), pattern.to_string());
        }
    }

    #[test]
    fn paths_like_another_have_as_much_of_it_as_the_stars_allow() {
        for (pattern, other, expected) in [
            ("/*.json", "/admin", ["/admin.json", "/.json"]),
            ("/*/b", "/admin", ["/admin/b", "/admin/b"]),
            ("/a*b*", "/x", ["/axb", "/ab"]),
            ("/*/*", "/a", ["/a/", "/a/"]),
            ("/a", "/b", ["/a", "/a"]),
        ] {
            let glob = PathPattern::glob(pattern).unwrap();
            assert_eq!(glob.paths_like(other), expected, "{pattern} {other}");
        }
    }

    #[test]
    fn another_path_is_alike_if_one_of_the_routers_may_take_it_for_the_same() {
        let admin = PathPattern::exact("/admin").unwrap();
        for (path, router) in [
            ("/Admin", Router::Express),
            ("/admin.json", Router::Rails),
            ("/admin;x", Router::Aspnet),
        ] {
            assert!(admin.is_alike(path, &[Router::Strict, router]), "{path}");
            assert!(!admin.is_alike(path, &[Router::Strict]), "{path}");
            assert!(!admin.is_alike(path, &[]), "{path}");
        }
        for path in ["/admin", "/other"] {
            assert!(!admin.is_alike(path, Router::ALL), "{path}");
        }
    }

    proptest! {
        /// A lax router never matches fewer paths to a pattern than a strict one.
        #[test]
        fn t_fwd_13_what_matches_matches_laxly(
            pattern in "(/[aB*.]{1,3}){1,3}/?",
            path in "(/[aBb.x]{1,3}){1,3}/?",
        ) {
            let patterns = [
                PathPattern::exact(&pattern.replace('*', "a")),
                PathPattern::prefix(&pattern.replace('*', "a")),
                PathPattern::glob(&pattern),
                PathPattern::glob(&format!("{}/**", pattern.trim_end_matches('/'))),
            ];
            for pattern in patterns.into_iter().flatten() {
                for router in Router::ALL {
                    let is_lax = pattern.lax_fit(&path, *router) > PathFit::No;
                    prop_assert!(is_lax || !pattern.matches(&path), "{pattern} {router:?}");
                    let is_exact = pattern.fit(&path, *router) == PathFit::Exact;
                    prop_assert_eq!(is_exact, pattern.matches(&path));
                }
            }
        }

        /// Matches stars by exhaustive search.
        #[test]
        fn stars_fit_as_a_slow_search_says(pattern in "[ab*]{1,6}", path in "[ab]{1,8}") {
            prop_assume!(!pattern.contains("**"));
            let glob = PathPattern::glob(&format!("/{pattern}")).unwrap();
            let expected = slowly(pattern.as_bytes(), path.as_bytes());
            prop_assert_eq!(glob.matches(&format!("/{path}")), expected);
        }
    }

    fn slowly(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| slowly(rest, &text[at..])),
            Some((byte, rest)) => text.first() == Some(byte) && slowly(rest, &text[1..]),
        }
    }
}
