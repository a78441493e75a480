//! Cookies ([RFC 6265 §4.2]): pairs in one field, or in several lines, as HTTP/2 may split them
//! ([RFC 9113 §8.2.3]).
//!
//! [RFC 6265 §4.2]: https://www.rfc-editor.org/rfc/rfc6265#section-4.2
//! [RFC 9113 §8.2.3]: https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::{Carried, is_empty, the_only};

/// The token in the cookie with this name; an empty cookie, which a logout leaves, carries none.
pub(super) fn find<'r>(headers: &'r HeaderMap, name: &str) -> Option<Carried<'r>> {
    let values = all(headers).filter(|(other, _)| *other == name.as_bytes());
    the_only(values.map(|(_, value)| Cow::Borrowed(value))).filter(|carried| !is_empty(carried))
}

/// All cookies, each with its name and value.
pub(super) fn all(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    pieces(headers).filter_map(pair)
}

/// All cookies except those of which `is_out` is true, on one line, byte for byte.
pub(super) fn rest(headers: &HeaderMap, is_out: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let kept = pieces(headers).filter(|piece| !pair(piece).is_some_and(|(name, _)| is_out(name)));
    kept.collect::<Vec<_>>().join(&b"; "[..])
}

fn pieces(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let pieces = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    pieces
        .map(<[u8]>::trim_ascii)
        .filter(|piece| !piece.is_empty())
}

fn pair(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = piece.iter().position(|byte| *byte == b'=')?;
    let (name, value) = piece.split_at_checked(at)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}
