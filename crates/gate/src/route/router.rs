//! How the application's router reads a path: it may be laxer than our routes.
//!
//! Each bundle covers what a framework does by default, and a little more where its versions
//! differ. Covering more is safe: a route that a path only [may](PathFit::Possible) match never
//! opens anything, it adds its own requirements. `docs/routers.md` has the sources.

/// The router of the application behind a route: which paths it treats as the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Router {
    /// Like our routes: byte for byte. The default.
    #[default]
    Strict,
    /// ASP.NET Core: ignores case and a trailing slash.
    Aspnet,
    /// Express: ignores case and a trailing slash. Connect treats `/a.b` as a path below `/a`.
    Express,
    /// Rails: ignores a trailing slash, reads `.json` as a format, and ends a mounted path at a
    /// word boundary.
    Rails,
    /// Servlets, Spring and the JDK's `HttpServer`: old versions ignore a trailing slash and a
    /// suffix, and `HttpServer` matches prefixes by bytes.
    Servlet,
}

impl Router {
    /// Every router, in the order of the manual.
    pub const ALL: &'static [Self] = &[
        Self::Strict,
        Self::Express,
        Self::Rails,
        Self::Aspnet,
        Self::Servlet,
    ];

    /// Its name in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Aspnet => "aspnet",
            Self::Express => "express",
            Self::Rails => "rails",
            Self::Servlet => "servlet",
        }
    }

    /// The router of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|router| router.as_str() == name)
    }

    pub(super) const fn ignores_case(self) -> bool {
        matches!(self, Self::Aspnet | Self::Express)
    }

    /// Whether it always ignores a trailing slash.
    pub(super) const fn ignores_slash(self) -> bool {
        matches!(self, Self::Aspnet | Self::Express | Self::Rails)
    }

    /// Whether this text may follow the last segment that a pattern names.
    pub(super) fn may_follow(self, rest: &str) -> bool {
        match self {
            Self::Strict | Self::Aspnet => false,
            Self::Express => rest.starts_with('.'),
            Self::Rails => {
                rest.starts_with(|char: char| !char.is_ascii_alphanumeric() && char != '_')
            }
            Self::Servlet => !rest.is_empty(),
        }
    }

    /// Whether anything may follow the last segment that a pattern names.
    pub(super) const fn has_tail(self) -> bool {
        matches!(self, Self::Express | Self::Rails | Self::Servlet)
    }
}

/// How a path fits a pattern, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PathFit {
    /// It does not match.
    No,
    /// The router may treat it as matching.
    Possible,
    /// The router always treats it as matching.
    Same,
    /// It matches.
    Exact,
}

/// Folds a character as routers that ignore case do: one to one. .NET and JavaScript fold fewer
/// characters.
pub(super) fn fold(char: char) -> char {
    if char.is_ascii() {
        return char.to_ascii_lowercase();
    }
    let upper = the_one(char.to_uppercase()).unwrap_or(char);
    the_one(upper.to_lowercase()).unwrap_or(upper)
}

fn the_one(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::{Router, fold};

    #[test]
    fn t_fwd_13_what_one_letter_is_to_a_router_is_one_letter_here() {
        for char in '\0'..=char::MAX {
            for other in [char.to_lowercase().next(), char.to_uppercase().next()] {
                let other = other.unwrap();
                let is_one = char.to_lowercase().count() == 1 && char.to_uppercase().count() == 1;
                assert!(!is_one || fold(other) == fold(char), "{char} {other}");
            }
        }
        // Two letters to JavaScript and .NET; treating them as one can only add requirements.
        assert_eq!(fold('\u{17f}'), 's');
        assert_eq!(fold('\u{212a}'), 'k');
        assert_ne!(fold('a'), fold('b'));
    }

    #[test]
    fn a_router_has_its_name() {
        for router in Router::ALL {
            assert_eq!(Router::named(router.as_str()), Some(*router));
        }
        assert_eq!(Router::named("Express"), None);
    }
}
