//! The target of a request ([RFC 9112 §3.2]), with its path in the canonical form that routes match.
//!
//! The gateway refuses a path that two readers could read differently, and never repairs it: the
//! application behind us has its own reader. The target is forwarded as it came; routes match its path
//! with escapes resolved.
//!
//! [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2

use std::borrow::Cow;

/// A request target in origin-form, whose path has only one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'t> {
    raw: &'t str,
    path: Cow<'t, str>,
    query: Option<&'t str>,
    oddities: Oddities,
    literal: Option<LiteralPath>,
}

/// A path as read by a router that compares it as written (Express, `Rack::URLMap`): unnecessary
/// escapes stay as they are, and so do escapes in lower case ([RFC 3986 §6.2.2]).
///
/// [RFC 3986 §6.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiteralPath {
    pub(crate) path: String,
    /// Whether the escaped characters include letters, digits, `-`, `_` or `~`, which honest senders do
    /// not escape. Libraries that escape segments do escape `@` and the like.
    pub(crate) is_disguised: bool,
}

/// What a path may contain only if a route allows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Oddities {
    /// `%2F`: a slash within a segment. Routes match it as `%2F`.
    pub encoded_slash: bool,
    /// `;`: parameters of a segment, which some servers cut off before matching.
    pub semicolon: bool,
}

impl<'t> Target<'t> {
    /// Reads a request target.
    ///
    /// # Errors
    ///
    /// [`TargetError`] if it is not in origin-form or has several readings.
    pub fn parse(raw: &'t str) -> Result<Self, TargetError> {
        if is_plain(raw) {
            return Ok(Self {
                raw,
                path: Cow::Borrowed(raw),
                query: None,
                oddities: Oddities::default(),
                literal: None,
            });
        }
        Self::parse_any(raw)
    }

    fn parse_any(raw: &'t str) -> Result<Self, TargetError> {
        // absolute-form, authority-form and `*` do not name one of our paths. A fragment is never sent,
        // and a reader may cut it off.
        if !raw.starts_with('/') || raw.contains('#') || !raw.bytes().all(is_printable) {
            return Err(TargetError::Form);
        }
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        let mut oddities = Oddities::default();
        let resolved = resolve(path, &mut oddities)?;
        if let Some(ambiguity) = several_readings(&resolved) {
            return Err(ambiguity.into());
        }
        Ok(Self {
            raw,
            literal: literal(path),
            path: resolved,
            query,
            oddities,
        })
    }

    /// The target as it came, to be forwarded byte for byte.
    #[must_use]
    pub const fn raw(&self) -> &'t str {
        self.raw
    }

    /// The path with its escapes resolved, except `%2F`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path as read by a router that does not resolve its escapes, if it differs.
    pub(crate) const fn literal(&self) -> Option<&LiteralPath> {
        self.literal.as_ref()
    }

    /// The query, as it came.
    #[must_use]
    pub const fn query(&self) -> Option<&'t str> {
        self.query
    }

    /// The oddities that a route must allow.
    #[must_use]
    pub const fn oddities(&self) -> Oddities {
        self.oddities
    }
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The path has several readings.
    #[error("ambiguous_path: the path can be read in several ways: {0}")]
    Ambiguous(#[from] Ambiguity),
    /// Not in origin-form.
    #[error("target_form: the request target is not a path with an optional query")]
    Form,
}

/// Why a path has several readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ambiguity {
    /// `\`, which some readers take for a slash.
    #[error("some servers treat a backslash as a slash")]
    Backslash,
    /// `%` without two hexadecimal digits after it.
    #[error("a `%` is not followed by two hexadecimal digits")]
    BrokenEscape,
    /// A segment ends in a dot or a space; this includes `.` and `..`.
    #[error("a segment ends in a dot or a space, which some servers resolve or remove")]
    DotSegment,
    /// `//`.
    #[error("a segment is empty, and some servers merge slashes")]
    EmptySegment,
    /// An escaped character that would have a special meaning once resolved.
    #[error("an escaped character has a special meaning once it is decoded")]
    Escape,
    /// Escapes that are not UTF-8.
    #[error("its escapes are not UTF-8")]
    NotUtf8,
}

/// Whether a path is like most: words of letters, digits, `-` and `_`, each after a slash, with nothing
/// that needs a closer look.
fn is_plain(raw: &str) -> bool {
    let mut is_word = true;
    let are_words = raw.bytes().all(|byte| {
        let was_word = is_word;
        is_word = byte != b'/';
        match byte {
            b'/' => was_word,
            byte => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        }
    });
    are_words && raw.starts_with('/')
}

/// Visible ASCII and bytes above it, which some clients send unescaped: never a control or a space.
const fn is_printable(byte: u8) -> bool {
    byte > 0x20 && byte != 0x7F
}

/// Resolves the escapes once, and refuses any that would need a second pass or become structure.
fn resolve<'t>(path: &'t str, oddities: &mut Oddities) -> Result<Cow<'t, str>, Ambiguity> {
    oddities.semicolon = path.contains(';');
    if path.contains('\\') {
        return Err(Ambiguity::Backslash);
    }
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.next().zip(rest.next());
        let byte = digits.and_then(|(high, low)| escaped_byte([high, low]));
        match byte.ok_or(Ambiguity::BrokenEscape)? {
            b'/' => {
                oddities.encoded_slash = true;
                bytes.extend_from_slice(b"%2F");
            }
            // An attacker escapes a dot or per cent sign so that a later reader resolves it; some
            // readers take a backslash for a slash; a semicolon, question mark or number sign would
            // become structure; a control ends a string.
            b'.' | b'%' | b'\\' | b';' | b'?' | b'#' | 0..0x20 | 0x7F => {
                return Err(Ambiguity::Escape);
            }
            resolved => bytes.push(resolved),
        }
    }
    // This refuses overlong and otherwise invalid UTF-8.
    let path = String::from_utf8(bytes).map_err(|_| Ambiguity::NotUtf8)?;
    Ok(Cow::Owned(path))
}

/// The path as read by a router that resolves no unnecessary escapes; `None` if it has none. The path
/// was [resolved](resolve) without error before.
fn literal(path: &str) -> Option<LiteralPath> {
    if !path.contains('%') {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let (mut is_other, mut is_disguised) = (false, false);
    let mut pieces = path.split('%');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.as_bytes().split_first_chunk()?;
        let is_usual = !digits.iter().any(u8::is_ascii_lowercase);
        match escaped_byte(*digits)? {
            // As in the resolved path: `%2F`, in upper case.
            b'/' => bytes.extend_from_slice(b"%2F"),
            resolved if is_usual && !may_stand(resolved) => bytes.push(resolved),
            resolved => {
                is_other = true;
                is_disguised |= is_unreserved(resolved);
                bytes.push(b'%');
                bytes.extend_from_slice(digits);
            }
        }
        bytes.extend_from_slice(rest);
    }
    // If only part of a character was resolved, the path as it came.
    let path = String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned());
    is_other.then_some(LiteralPath { path, is_disguised })
}

/// Whether a segment may contain this byte unescaped ([RFC 3986 §3.3]).
///
/// [RFC 3986 §3.3]: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
fn may_stand(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

/// Whether the byte has no meaning of its own in a URI ([RFC 3986 §2.3]).
///
/// [RFC 3986 §2.3]: https://www.rfc-editor.org/rfc/rfc3986#section-2.3
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The byte that an escape with these two hexadecimal digits stands for.
pub(crate) fn escaped_byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    let byte = high?.checked_mul(16)?.checked_add(low?)?;
    u8::try_from(byte).ok()
}

/// Finds empty segments, and segments that a reader may resolve or shorten: `.`, `..`, with parameters
/// after them, or ending in a dot or a space.
fn several_readings(path: &str) -> Option<Ambiguity> {
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let last = segments.clone().count().saturating_sub(1);
    segments.enumerate().find_map(|(index, segment)| {
        let name = segment.split(';').next().unwrap_or_default();
        // The last segment may be empty: a trailing slash.
        if name.is_empty() && (index != last || !segment.is_empty()) {
            return Some(Ambiguity::EmptySegment);
        }
        // Even if `%2F` may pass, `..%2F` may not: a reader that resolves `%2F` resolves `..` too.
        let mut names = segment
            .split("%2F")
            .filter_map(|part| part.split(';').next());
        names
            .any(|name| name.ends_with('.') || name.ends_with(' '))
            .then_some(Ambiguity::DotSegment)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Ambiguity, Target, TargetError, is_plain};

    proptest! {
        /// The fast path agrees with the slow one.
        #[test]
        fn t_fwd_04_a_plain_path_has_one_reading(raw in "[/a-c0Z_.;%?#\\\\ -]{0,8}") {
            prop_assert_eq!(Target::parse(&raw), Target::parse_any(&raw));
        }
    }

    #[test]
    fn most_paths_are_plain() {
        for raw in ["/", "/orders", "/orders/7/", "/a-b_c/D"] {
            assert!(is_plain(raw), "{raw}");
        }
        for raw in [
            "", "orders", "//", "/a//b", "/a.", "/a?b", "/a%20b", "/a b", "/\u{e9}",
        ] {
            assert!(!is_plain(raw), "{raw}");
        }
    }

    #[test]
    fn a_plain_path_is_as_it_came() {
        let target = Target::parse("/orders/7?x=1").unwrap();
        assert_eq!(target.raw(), "/orders/7?x=1");
        assert_eq!(target.path(), "/orders/7");
        assert_eq!(target.query(), Some("x=1"));
        assert_eq!(Target::parse("/").unwrap().path(), "/");
    }

    #[test]
    fn a_fwd_01_unambiguous_escapes_are_resolved() {
        for (raw, path) in [
            ("/a%20b", "/a b"),
            ("/caf%C3%A9", "/café"),
            ("/caf\u{e9}", "/café"),
            ("/%61dmin", "/admin"),
            ("/a%3Ab", "/a:b"),
            ("/a.b/c..d", "/a.b/c..d"),
            ("/.well-known/x", "/.well-known/x"),
            ("/..a", "/..a"),
        ] {
            let target = Target::parse(raw).unwrap();
            assert_eq!(target.path(), path, "{raw}");
            assert_eq!(target.raw(), raw);
        }
    }

    #[test]
    fn t_fwd_13_escapes_that_nobody_needs_stand_for_themselves_as_well() {
        for (raw, path, is_disguised) in [
            ("/%61dmin", "/%61dmin", true),
            ("/a%7Eb", "/a%7Eb", true),
            ("/%40me", "/%40me", false),
            ("/a%2Cb%20c", "/a%2Cb c", false),
            // Upper case is usual (RFC 3986 §6.2.2.1).
            ("/caf%c3%a9", "/caf%c3%a9", false),
            ("/caf%C3%a9", "/caf%C3%a9", false),
            ("/%61%2fb", "/%61%2Fb", true),
            ("/%6a%C3%A9", "/%6aé", true),
        ] {
            let target = Target::parse(raw).unwrap();
            let literal = target.literal().unwrap();
            assert_eq!(literal.path, path, "{raw}");
            assert_eq!(literal.is_disguised, is_disguised, "{raw}");
        }
        for raw in [
            "/a",
            "/a%20b",
            "/caf%C3%A9",
            "/a%2Fb",
            "/a%2fb",
            "/a?%61",
            "/%22%3C",
        ] {
            assert_eq!(Target::parse(raw).unwrap().literal(), None, "{raw}");
        }
    }

    #[test]
    fn a_fwd_02_the_query_may_hold_anything() {
        for query in ["//", "..", "%2f", "%", "a=/../b", ";", "\\", "?"] {
            let raw = format!("/x?{query}");
            assert_eq!(Target::parse(&raw).unwrap().path(), "/x", "{query}");
        }
    }

    #[test]
    fn a_fwd_04_a_trailing_slash_is_kept() {
        assert_eq!(Target::parse("/a/").unwrap().path(), "/a/");
        assert_eq!(Target::parse("/a").unwrap().path(), "/a");
    }

    #[test]
    fn t_fwd_04_a_path_with_several_readings_is_refused() {
        for raw in [
            "//",
            "/a//b",
            "//a",
            "/a//",
            "/./a",
            "/a/.",
            "/a/./b",
            "/../a",
            "/a/..",
            "/a/../b",
            "/%2e/a",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a%5cb",
            "/a\\b",
            "/..;/a",
            "/a/..;x=1/b",
            "/.;/a",
            "/;/a",
            "/;x",
            "/a/%252e%252e/b",
            "/a%25b",
            "/a./b",
            "/a.",
            "/a%20/b",
            "/a%00b",
            "/a%0ab",
            "/a%c0%afb",
            "/a%e0%80%afb",
            "/a%ffb",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%3bx",
            "/a%3fx",
            "/a%23x",
            "/a%7fx",
            "/a%2f..%2fb",
            "/..%2fa",
            "/.%2Fa",
            "/a%2f.",
            "/a%20%2fb",
            "/a%2f..;x%2fb",
            "/a;x%2f../b",
        ] {
            let error = Target::parse(raw).expect_err(raw);
            assert!(matches!(error, TargetError::Ambiguous(_)), "{raw}");
        }
    }

    #[test]
    fn what_makes_a_path_ambiguous_is_told() {
        for (raw, ambiguity) in [
            ("/a\\b", Ambiguity::Backslash),
            ("/a%2", Ambiguity::BrokenEscape),
            ("/a%zz", Ambiguity::BrokenEscape),
            ("/a/../b", Ambiguity::DotSegment),
            ("/a.", Ambiguity::DotSegment),
            ("/a%20/b", Ambiguity::DotSegment),
            ("/a//b", Ambiguity::EmptySegment),
            ("/;x", Ambiguity::EmptySegment),
            ("/%2e%2e/b", Ambiguity::Escape),
            ("/a%00", Ambiguity::Escape),
            ("/a%c0%af", Ambiguity::NotUtf8),
        ] {
            let expected = Err(TargetError::Ambiguous(ambiguity));
            assert_eq!(Target::parse(raw), expected, "{raw}");
        }
    }

    #[test]
    fn t_fwd_04_slash_and_semicolon_are_for_a_route_to_allow() {
        let slash = Target::parse("/a%2fb").unwrap();
        assert!(slash.oddities().encoded_slash);
        assert_eq!(slash.path(), "/a%2Fb");
        let url = Target::parse("/fetch/https:%2f%2Fa.example%2f.well-known").unwrap();
        assert!(url.oddities().encoded_slash);
        let parameter = Target::parse("/a;x=1/b").unwrap();
        assert!(parameter.oddities().semicolon);
        assert_eq!(
            Target::parse("/a").unwrap().oddities(),
            super::Oddities::default()
        );
    }

    #[test]
    fn t_fwd_06_t_fwd_08_what_is_not_origin_form_is_refused() {
        for raw in [
            "",
            "*",
            "a",
            "http://a/b",
            "example.com:443",
            "/a#b",
            "/a?x#y",
            "/a b",
            "/a\tb",
            "/a\u{7f}",
            "/a\0",
            "?x",
        ] {
            assert_eq!(Target::parse(raw), Err(TargetError::Form), "{raw:?}");
        }
    }
}
