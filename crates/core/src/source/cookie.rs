//! Cookies ([RFC 6265 §4.2]): pairs in one field, or in several lines, as HTTP/2 may split them
//! ([RFC 9113 §8.2.3]).
//!
//! A comma separates nothing there, but some servers read it so, and some proxies join lines by it. So
//! a token behind a comma has two readings, and is refused.
//!
//! [RFC 6265 §4.2]: https://www.rfc-editor.org/rfc/rfc6265#section-4.2
//! [RFC 9113 §8.2.3]: https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::rejection::InvalidRequest;

use super::{Carried, is_empty, the_only};

/// The token in the cookie with this name; an empty cookie, which a logout leaves, carries none.
pub(super) fn find<'r>(headers: &'r HeaderMap, name: &str) -> Option<Carried<'r>> {
    let found = pieces(headers).filter_map(|piece| read(piece, |other| other == name.as_bytes()));
    the_only(found)
        .map(|carried| carried.flatten())
        .filter(|carried| !is_empty(carried))
}

/// Whether there is a cookie of whose name `is_ours` is true.
pub(super) fn has(headers: &HeaderMap, is_ours: impl Fn(&[u8]) -> bool + Copy) -> bool {
    pieces(headers).any(|piece| read(piece, is_ours).is_some())
}

/// All other cookies, on one line, byte for byte.
pub(super) fn rest(headers: &HeaderMap, is_ours: impl Fn(&[u8]) -> bool + Copy) -> Vec<u8> {
    let others = pieces(headers).filter(|piece| read(piece, is_ours).is_none());
    others.collect::<Vec<_>>().join(&b"; "[..])
}

/// The value of one of our cookies.
fn read(piece: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> Option<Carried<'_>> {
    let is_named = |pair: Option<(&[u8], &[u8])>| pair.is_some_and(|(name, _)| is_ours(name));
    let mut behind_commas = piece.split(|byte| *byte == b',').skip(1);
    if behind_commas.any(|part| is_named(pair(part))) {
        return Some(Err(InvalidRequest::MalformedCredentials));
    }
    let (name, value) = pair(piece)?;
    is_ours(name).then_some(Ok(Cow::Borrowed(value)))
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
