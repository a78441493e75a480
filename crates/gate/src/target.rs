//! The target of a request ([RFC 9112 §3.2]), with its path in the canonical form that routes match.
//!
//! The gateway refuses a path that two readers could read differently, and never repairs it: the
//! application behind us has its own reader. The target is forwarded as it came; routes match its path
//! with escapes resolved, except those of characters that would become structure.
//!
//! A few spellings that honest senders use, and that many servers repair, pass where a route tolerates
//! them ([`Oddity`]).
//!
//! [RFC 9112 §3.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2

use std::borrow::Cow;
use std::fmt::Write;

use crate::host::is_host;

mod oddities;
mod readings;

pub use self::oddities::{Oddities, Oddity};
pub(crate) use self::readings::Reading;

/// A request target in origin-form, whose path has only one reading, apart from its [oddities](Oddity).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'t> {
    raw: &'t str,
    path: Cow<'t, str>,
    query: Option<&'t str>,
    oddities: Oddities,
    readings: Vec<Reading>,
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
                readings: Vec::new(),
            });
        }
        Self::parse_any(raw)
    }

    /// Turns a target in absolute-form into origin-form, if its authority is the `host` of the request;
    /// one in any other form is left alone. Clients that take us for a proxy send it, and servers must
    /// accept it ([RFC 9112 §3.2.2]).
    ///
    /// The scheme may be `http` or `https`, whichever the connection has: a proxy in front may have ended
    /// TLS, and no decision depends on it. The default port of the scheme may be written or left out ([RFC
    /// 9110 §4.2.3]). An empty path is `/` ([RFC 9110 §4.2.3]).
    ///
    /// [RFC 9110 §4.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-4.2.3
    /// [RFC 9112 §3.2.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    ///
    /// # Errors
    ///
    /// [`TargetError::Form`] if the target is for another host or scheme, or names a user: then the
    /// request has two readings.
    pub fn origin_form<'r>(raw: &'r str, host: Option<&str>) -> Result<Cow<'r, str>, TargetError> {
        if raw.starts_with('/') {
            return Ok(Cow::Borrowed(raw));
        }
        let Some((scheme, rest)) = raw.split_once("://") else {
            return Ok(Cow::Borrowed(raw));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or_default();
        let is_web = ["http", "https"]
            .iter()
            .any(|web| web.eq_ignore_ascii_case(scheme));
        let default = if scheme.eq_ignore_ascii_case("https") {
            ":443"
        } else {
            ":80"
        };
        let without_port =
            |authority: &'r str| authority.strip_suffix(default).unwrap_or(authority);
        let is_ours = host.is_some_and(|host| {
            let host = host.strip_suffix(default).unwrap_or(host);
            host.eq_ignore_ascii_case(without_port(authority))
        });
        if !is_web || !is_ours || !is_host(authority) {
            return Err(TargetError::Form);
        }
        Ok(match target.starts_with('/') {
            true => Cow::Borrowed(target),
            false => Cow::Owned(format!("/{target}")),
        })
    }

    fn parse_any(raw: &'t str) -> Result<Self, TargetError> {
        // authority-form and `*` do not name one of our paths. A fragment is never sent, and a reader
        // may cut it off.
        if !raw.starts_with('/') || raw.contains('#') || !raw.bytes().all(is_printable) {
            return Err(TargetError::Form);
        }
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        let mut oddities = Oddities::default();
        let resolved = resolve(path, &mut oddities)?;
        find_oddities(&resolved, &mut oddities)?;
        let readings = readings::of(path, &resolved)?;
        Ok(Self {
            raw,
            readings,
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

    /// The path with its escapes resolved, except those of `/`, `;`, `?`, `#`, `%` and of bytes that
    /// are not UTF-8, which stay escapes in upper case.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The paths that servers with other rules for escapes make of it, if they differ.
    pub(crate) fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// The paths that servers make of it if they repair its oddities; `None` if they are too many.
    pub(crate) fn repaired(&self) -> Option<Vec<Reading>> {
        match self.oddities.is_empty() {
            true => Some(Vec::new()),
            false => readings::repaired(&self.path),
        }
    }

    /// The path for a log: see [`shown`].
    #[must_use]
    pub fn shown(&self) -> Box<str> {
        shown(&self.path)
    }

    /// The query, as it came.
    #[must_use]
    pub const fn query(&self) -> Option<&'t str> {
        self.query
    }

    /// The oddities that a route must tolerate.
    #[must_use]
    pub const fn oddities(&self) -> Oddities {
        self.oddities
    }
}

/// A path for a log, without the query, which may hold a token: printable ASCII in one spelling, every other
/// byte, `"` and `\\` as escapes ([RFC 3986 §2.1]), and at most [`SHOWN_BYTES`] of it, with `...` in the place
/// of the rest.
///
/// [RFC 3986 §2.1]: https://www.rfc-editor.org/rfc/rfc3986#section-2.1
#[must_use]
pub fn shown(path: &str) -> Box<str> {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let path = path.as_bytes().get(..end).unwrap_or_default();
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    // As nearly every path is.
    if path.len() <= SHOWN_BYTES && path.iter().all(is_plain) {
        return str::from_utf8(path).unwrap_or_default().into();
    }
    let mut text = String::with_capacity(path.len().min(SHOWN_BYTES));
    for byte in path {
        if text.len() >= SHOWN_BYTES {
            text.push_str("...");
            break;
        }
        if is_plain(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text.into()
}

/// How much of a path is shown.
pub const SHOWN_BYTES: usize = 1024;

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
    /// A segment consists of dots and spaces, such as `.` and `..`.
    #[error("a segment consists of dots, which some servers resolve")]
    DotSegment,
    /// An escaped character that would have a special meaning once resolved.
    #[error("an escaped character has a special meaning once it is decoded")]
    Escape,
    /// Overlong UTF-8.
    #[error("its escapes have a longer form of UTF-8 than necessary")]
    Overlong,
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

/// Resolves the escapes once, and refuses any that would need a second pass.
fn resolve<'t>(path: &'t str, oddities: &mut Oddities) -> Result<Cow<'t, str>, Ambiguity> {
    if path.contains(';') {
        oddities.insert(Oddity::Semicolon);
    }
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
            // An attacker escapes a dot so that a later reader resolves it; some readers take a
            // backslash for a slash; a control ends a string.
            b'.' | b'\\' | 0..0x20 | 0x7F => return Err(Ambiguity::Escape),
            resolved => {
                oddities.extend(Oddity::escaped(resolved));
                push_resolved(&mut bytes, resolved);
            }
        }
    }
    if may_be_resolved_again(path) {
        return Err(Ambiguity::Escape);
    }
    if bytes.windows(2).any(is_overlong) {
        return Err(Ambiguity::Overlong);
    }
    Ok(Cow::Owned(into_text(bytes)))
}

/// Adds a byte that was escaped: as an escape if it would otherwise become structure.
fn push_resolved(bytes: &mut Vec<u8>, resolved: u8) {
    match kept_escape(resolved) {
        Some(escape) => bytes.extend_from_slice(escape),
        None => bytes.push(resolved),
    }
}

/// The escape of a character that has a meaning of its own in a path, so that the escape never equals
/// the character ([RFC 3986 §2.2]).
///
/// [RFC 3986 §2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-2.2
const fn kept_escape(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'#' => Some(b"%23"),
        b'%' => Some(b"%25"),
        b'/' => Some(b"%2F"),
        b';' => Some(b"%3B"),
        b'?' => Some(b"%3F"),
        _ => None,
    }
}

/// Whether the path, resolved once, contains an escape: `%2e`, or `%u002e` as some readers write it.
fn may_be_resolved_again(path: &str) -> bool {
    if !path.contains("%25") {
        return false;
    }
    let resolved = percent_decoded(path);
    let is_escape = |rest: &[u8]| {
        let digits = match rest {
            [b'u' | b'U', rest @ ..] => rest.get(..4),
            rest => rest.get(..2),
        };
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    resolved.split(|byte| *byte == b'%').skip(1).any(is_escape)
}

/// The bytes of a path with all its escapes resolved once. It has only whole escapes.
fn percent_decoded(path: &str) -> Vec<u8> {
    let mut pieces = path.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        if let Some((digits, rest)) = piece.as_bytes().split_first_chunk() {
            bytes.extend(escaped_byte(*digits));
            bytes.extend_from_slice(rest);
        }
    }
    bytes
}

/// Whether a longer form of UTF-8 than necessary begins with these two bytes. Lenient readers take it
/// for a shorter one, even for a slash or a dot ([RFC 3629 §10]).
///
/// [RFC 3629 §10]: https://www.rfc-editor.org/rfc/rfc3629#section-10
const fn is_overlong(pair: &[u8]) -> bool {
    matches!(
        pair,
        [0xC0 | 0xC1, 0x80..=0xBF]
            | [0xE0, 0x80..=0x9F]
            | [0xF0, 0x80..=0x8F]
            | [0xF8, 0x80..=0x87]
            | [0xFC, 0x80..=0x83]
    )
}

/// The bytes as text. Those that are not UTF-8 become escapes: nobody knows their encoding.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let mut text = String::new();
        for chunk in error.as_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            let escapes = chunk.invalid().iter().map(|byte| format!("%{byte:02X}"));
            text.extend(escapes);
        }
        text
    })
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

/// Finds empty segments and segments that end in a dot or a space. Refuses those that a reader may
/// resolve: `.` and `..`, also with parameters behind them.
fn find_oddities(path: &str, oddities: &mut Oddities) -> Result<(), Ambiguity> {
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let last = segments.clone().count().saturating_sub(1);
    // Nearly every path: each segment is a name.
    let is_plain = !path.bytes().any(|byte| byte == b'%' || byte == b';');
    for (index, segment) in segments.enumerate() {
        let is_nameless = match is_plain {
            true => segment.is_empty(),
            false => name(segment).is_empty(),
        };
        // The last segment may be empty: a trailing slash.
        if is_nameless && (index != last || !segment.is_empty()) {
            oddities.insert(Oddity::EmptySegment);
        }
        if is_plain {
            find_final_dot(segment, oddities)?;
            continue;
        }
        // Even if `%2F` may pass, `..%2F` may not: a reader that resolves `%2F` resolves `..` too.
        for name in segment.split("%2F").map(name) {
            find_final_dot(name, oddities)?;
        }
    }
    Ok(())
}

fn find_final_dot(name: &str, oddities: &mut Oddities) -> Result<(), Ambiguity> {
    if !name.bytes().next_back().is_some_and(may_end) {
        return Ok(());
    }
    if name.bytes().all(may_end) {
        return Err(Ambiguity::DotSegment);
    }
    oddities.insert(Oddity::FinalDot);
    Ok(())
}

/// A segment without its parameters.
fn name(segment: &str) -> &str {
    let name = segment.split(';').next().unwrap_or_default();
    name.split("%3B").next().unwrap_or_default()
}

/// Whether some file systems ignore it at the end of a name.
const fn may_end(byte: u8) -> bool {
    matches!(byte, b'.' | b' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Ambiguity, Oddities, Oddity, Target, TargetError, is_plain};

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
            let [literal] = target.readings() else {
                panic!("{raw}: {target:?}");
            };
            assert_eq!(literal.path, path, "{raw}");
            assert_eq!(literal.needs_route, is_disguised, "{raw}");
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
            assert_eq!(Target::parse(raw).unwrap().readings(), [], "{raw}");
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
    fn t_err_06_a_path_is_shown_in_printable_ascii_without_its_query() {
        for (path, shown) in [
            ("/orders/7", "/orders/7"),
            ("/a b/é", "/a%20b/%C3%A9"),
            ("/\"\\\n\u{1b}[31m", "/%22%5C%0A%1B[31m"),
            ("/a%2Fb", "/a%2Fb"),
            ("/x?access_token=secret", "/x"),
            ("/x#secret?", "/x"),
            ("", ""),
        ] {
            assert_eq!(&*super::shown(path), shown, "{path:?}");
        }
        let longest = format!("/{}", "a".repeat(1023));
        assert_eq!(*super::shown(&longest), *longest);
        assert_eq!(
            *super::shown(&format!("{longest}b")),
            *format!("{longest}...")
        );
        let escaped = super::shown(&"é".repeat(1000));
        assert!(
            escaped.len() <= 1024 + 6 && escaped.ends_with("%A9..."),
            "{escaped}"
        );
    }

    #[test]
    fn a_fwd_04_a_trailing_slash_is_kept() {
        assert_eq!(Target::parse("/a/").unwrap().path(), "/a/");
        assert_eq!(Target::parse("/a").unwrap().path(), "/a");
    }

    #[test]
    fn a_fwd_01_an_escape_of_a_reserved_character_never_equals_it() {
        for (raw, path) in [
            ("/tags/c%23", "/tags/c%23"),
            ("/who%3F", "/who%3F"),
            ("/who%3f?x", "/who%3F"),
            ("/50%25", "/50%25"),
            ("/50%25/x", "/50%25/x"),
            ("/%25%25", "/%25%25"),
            ("/100%25u", "/100%25u"),
            ("/100%25united", "/100%25united"),
            ("/%25%23", "/%25%23"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%3bb", "/a%3Bb"),
            // Bytes that are not UTF-8: Latin-1, Shift JIS.
            ("/%E9", "/%E9"),
            ("/caf%e9/%C3%A9", "/caf%E9/é"),
            ("/%83%7B", "/%83{"),
            ("/%C0%20la", "/%C0 la"),
            ("/%FF%FE", "/%FF%FE"),
        ] {
            let target = Target::parse(raw).unwrap();
            assert_eq!(target.path(), path, "{raw}");
            assert_eq!(target.raw(), raw);
        }
    }

    #[test]
    fn t_fwd_04_what_a_server_may_resolve_is_refused_on_every_route() {
        for (ambiguity, paths) in [
            (Ambiguity::Backslash, r"/a\b /..\a"),
            (Ambiguity::BrokenEscape, "/a% /a%2 /a%zz /%u002e /50%"),
            (
                Ambiguity::DotSegment,
                "/./a /a/. /a/./b /../a /a/.. /a/../b //../a /.../a /a/%20/b /a/.%20/b \
                 /..;/a /a/..;x=1/b /.;/a /..%3Bx/a /.%20;x/a /a;x%2f../b /a%3Bx%2f../b \
                 /a%2f..%2fb /..%2fa /.%2Fa /a%2f. /a%2f..;x%2fb",
            ),
            // A server that drops what is not UTF-8 reads `..`.
            (Ambiguity::DotSegment, "/.%FF./a /%E9../a /a%2F.%80"),
            // One that parses it a second time reads `..`.
            (
                Ambiguity::DotSegment,
                "/a/..%23 /a/..%3Fx /a/.%23 /..%23/a /a/..;x%23 /a%2F..%23 /a/..%FF%3F /%20%23",
            ),
            (
                Ambiguity::Escape,
                "/%2e/a /a/%2e%2e/b /a/%2E./b /a%2ejson /a%5cb /a%5Cb /a%00b /a%0ab /a%7fx",
            ),
            // Resolved twice, it is another path.
            (
                Ambiguity::Escape,
                "/a%25b0 /a/%252e%252e/b /a%252Fb /a%25%32%65 /a%25%32e /a%252%65 /100%25add \
                 /%25u002e /%25U002E /%25%75002e",
            ),
            (
                Ambiguity::Overlong,
                "/a%c0%afb /a%C1%9C /a%e0%80%afb /a%f0%80%80%af /a%f8%80%80%80%af \
                 /a%fc%80%80%80%80%af",
            ),
        ] {
            for raw in paths.split(' ') {
                let expected = Err(TargetError::Ambiguous(ambiguity));
                assert_eq!(Target::parse(raw), expected, "{raw}");
            }
        }
    }

    #[test]
    fn t_fwd_04_what_servers_repair_is_for_a_route_to_tolerate() {
        use Oddity::{EmptySegment, EncodedSemicolon, EncodedSlash, FinalDot, Semicolon};
        for (raw, path, oddities) in [
            ("//", "//", &[EmptySegment][..]),
            ("/a//b", "/a//b", &[EmptySegment]),
            ("//a", "//a", &[EmptySegment]),
            ("/a//", "/a//", &[EmptySegment]),
            ("/a/;/b", "/a/;/b", &[EmptySegment, Semicolon]),
            ("/;x", "/;x", &[EmptySegment, Semicolon]),
            ("/a;x=1/b", "/a;x=1/b", &[Semicolon]),
            ("/a%3bx", "/a%3Bx", &[EncodedSemicolon]),
            ("/a%2fb", "/a%2Fb", &[EncodedSlash]),
            ("/a.", "/a.", &[FinalDot]),
            ("/Acme%20Inc.", "/Acme Inc.", &[FinalDot]),
            ("/a./b", "/a./b", &[FinalDot]),
            ("/a%20/b", "/a /b", &[FinalDot]),
            ("/a.;x/b", "/a.;x/b", &[FinalDot, Semicolon]),
            ("/a%20%2fb", "/a %2Fb", &[EncodedSlash, FinalDot]),
            (
                "/fetch/https:%2f%2Fa.example%2f.well-known",
                "/fetch/https:%2F%2Fa.example%2F.well-known",
                &[EncodedSlash],
            ),
            ("/a", "/a", &[]),
            ("/a.b/..c/.d", "/a.b/..c/.d", &[]),
        ] {
            let target = Target::parse(raw).unwrap();
            assert_eq!(target.path(), path, "{raw}");
            assert_eq!(target.raw(), raw);
            let expected: Oddities = oddities.iter().copied().collect();
            assert_eq!(target.oddities(), expected, "{raw}");
        }
    }

    #[test]
    fn a_fwd_03_absolute_form_for_our_own_host_is_origin_form() {
        for (raw, host, target) in [
            ("http://api.example/x?y", "api.example", "/x?y"),
            ("https://API.example/x", "api.EXAMPLE", "/x"),
            (
                "HTTP://api.example:8443/a%2Fb",
                "api.example:8443",
                "/a%2Fb",
            ),
            ("http://[::1]:80//x", "[::1]:80", "//x"),
            ("http://api.example:80/x", "api.example", "/x"),
            ("http://api.example/x", "API.example:80", "/x"),
            ("https://api.example:443/x", "api.example", "/x"),
            ("http://api.example", "api.example", "/"),
            ("http://api.example?x=/y", "api.example", "/?x=/y"),
            // What is wrong with the rest is found later.
            ("http://api.example#x", "api.example", "/#x"),
            ("/x?http://a", "api.example", "/x?http://a"),
            ("//other.example/x", "api.example", "//other.example/x"),
            ("*", "api.example", "*"),
            ("x", "api.example", "x"),
        ] {
            let found = Target::origin_form(raw, Some(host));
            assert_eq!(found.as_deref(), Ok(target), "{raw}");
        }
    }

    #[test]
    fn t_fwd_08_absolute_form_for_another_host_scheme_or_user_is_refused() {
        for (raw, host) in [
            ("http://other.example/x", "api.example"),
            ("http://api.example:8080/x", "api.example"),
            ("http://api.example:443/x", "api.example"),
            ("https://api.example:80/x", "api.example"),
            ("http://api.example:/x", "api.example"),
            ("http://api.example:80:80/x", "api.example"),
            ("http://api.example./x", "api.example"),
            ("http://user@api.example/x", "api.example"),
            ("http://user@api.example/x", "user@api.example"),
            ("http://api.example@other.example/x", "api.example"),
            ("http://api.example\\@other.example/x", "api.example"),
            ("ftp://api.example/x", "api.example"),
            ("ws://api.example/x", "api.example"),
            ("http:///x", ""),
            ("http://a..b/x", "a..b"),
        ] {
            let found = Target::origin_form(raw, Some(host));
            assert_eq!(found, Err(TargetError::Form), "{raw}");
        }
        let unknown = Target::origin_form("http://api.example/x", None);
        assert_eq!(unknown, Err(TargetError::Form));
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
