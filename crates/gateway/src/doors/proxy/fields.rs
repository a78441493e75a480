//! The fields of a message as they are passed on: hop-by-hop fields end here ([RFC 9110 §7.6.1]),
//! and so does what a client says about itself that only a proxy may say.
//!
//! The order matters: the client's fields are removed first, then ours are set. So the client's
//! `Connection` cannot remove a field of ours.
//!
//! [RFC 9110 §7.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1

use bearward_gate::identity::Identity;
use bearward_gate::misleading::{Sender, fold};
use bearward_gate::original::{media_type, starts_with};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Removes the fields that must not reach an application: hop-by-hop fields, fields that only a proxy
/// may send, misleading ones, and ones that would pass for an identity field.
pub(super) fn clean_request(headers: &mut HeaderMap, sender: Sender, identity: &Identity) {
    take_out(headers, |hop, name| {
        let folded = fold(name.as_str());
        hop.ends(name, &folded)
            || !may_pass(name, &folded)
            || identity.is_taken_out(name, &folded, sender)
    });
    join_cookies(headers);
    // HTTP/2 allows it twice if both values are equal; HTTP/1.1 does not (RFC 9112 §6.3).
    if let Some(length) = headers.get(CONTENT_LENGTH).cloned() {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// Removes the hop-by-hop fields, and those that `Connection` names.
pub(super) fn end_hop(headers: &mut HeaderMap) {
    take_out(headers, |hop, name| hop.ends(name, &fold(name.as_str())));
}

/// The fields of a message that end at this hop.
struct Hop<'m> {
    headers: &'m HeaderMap,
    /// The fields that `Connection` names, ascending. Absent ones are left out: it may name thousands.
    named: Vec<String>,
}

impl<'m> Hop<'m> {
    fn of(headers: &'m HeaderMap) -> Self {
        let mut named = Vec::new();
        // Nearly every message has this value, and `Keep-Alive` ends here anyway.
        let is_usual = |value: &HeaderValue| value == "keep-alive";
        if !headers.get_all(CONNECTION).iter().all(is_usual) {
            let present = tokens(headers, CONNECTION).filter(|name| headers.contains_key(name));
            named.extend(present);
            named.sort_unstable();
            named.dedup();
        }
        Self { headers, named }
    }

    fn is_named(&self, name: &HeaderName) -> bool {
        let order = |named: &String| named.as_str().cmp(name.as_str());
        self.named.binary_search_by(order).is_ok()
    }

    fn ends(&self, name: &HeaderName, folded: &str) -> bool {
        match name.as_str() {
            "connection" | "te" | "trailer" | "transfer-encoding" | "upgrade" => true,
            // The coding overrides the length, which does not describe this message then (RFC 9112
            // §6.3).
            "content-length" if self.headers.contains_key(TRANSFER_ENCODING) => true,
            _ => {
                folded.starts_with("proxy-")
                    || matches!(folded, "connection" | "keep-alive" | "te" | "upgrade")
                    || self.is_named(name)
            }
        }
    }
}

fn take_out(headers: &mut HeaderMap, is_out: impl Fn(&Hop<'_>, &HeaderName) -> bool) {
    let hop = Hop::of(headers);
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_out(&hop, name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// Removes the fields that must not appear in trailers ([RFC 9110 §6.5.1]).
///
/// [RFC 9110 §6.5.1]: https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    end_hop(trailers);
    for name in [AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST] {
        trailers.remove(name);
    }
}

/// The elements of a list field, in all its lines.
pub(super) fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

/// The tokens of a list field, in lower case.
pub(super) fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = String> {
    elements(headers, name).map(str::to_ascii_lowercase)
}

/// Whether a client accepts trailers.
pub(super) fn wants_trailers(headers: &HeaderMap) -> bool {
    tokens(headers, TE).any(|coding| coding == "trailers")
}

/// Whether an answer is a stream without an end of its own: of events, or of a gRPC call.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    // `application/grpc-web` among them.
    media_type(headers).is_some_and(|media| {
        media.eq_ignore_ascii_case(b"text/event-stream") || starts_with(media, b"application/grpc")
    })
}

/// Whether a field may reach an application at all; `folded` is the name as a lenient reader sees it.
fn may_pass(name: &HeaderName, folded: &str) -> bool {
    match folded {
        // For a lenient reader, another spelling of these would be a second field.
        "content-length" | "transfer-encoding" | "host" => folded == name.as_str(),
        // We fulfil `Expect` ourselves: we ask for the body when the upstream takes it.
        "expect" | "http2-settings" => false,
        _ => true,
    }
}

/// HTTP/2 may split `Cookie`; HTTP/1.1 may not ([RFC 9113 §8.2.3]).
///
/// [RFC 9113 §8.2.3]: https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let pieces: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}
