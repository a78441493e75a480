//! The fields of a message as they are passed on: hop-by-hop fields end here ([RFC 9110 §7.6.1]),
//! and so does what a client says about itself that only a proxy may say.
//!
//! The order is the point: first everything of the client's goes that must go, then ours is set. So
//! `Connection` cannot name a field of ours.
//!
//! [RFC 9110 §7.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::settings::Settings;
use crate::original::media_type;
use crate::peer::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Fields by which some applications take another method than that of the request line.
const OVERRIDES: [&str; 4] = [
    "-method",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Fields by which some applications take another path, method or host than those of the request.
const REWRITES: [&str; 10] = [
    "x-envoy-original-path",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

/// Who is on the other side, and how it reached us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Via<'r> {
    pub(super) peer: Peer,
    pub(super) host: Option<&'r str>,
    pub(super) scheme: &'static str,
}

/// Takes out of a client's request what must not reach an application.
pub(super) fn clean_request(headers: &mut HeaderMap, settings: &Settings, trusted: bool) {
    end_hop(headers);
    let dropped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| !may_pass(name, settings, trusted))
        .cloned()
        .collect();
    for name in dropped {
        headers.remove(name);
    }
    join_cookies(headers);
    // HTTP/2 lets it come twice if both say the same; HTTP/1.1 does not (RFC 9112 §6.3).
    if let Some(length) = headers.get(CONTENT_LENGTH).cloned() {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// Takes the hop-by-hop fields out, and those that `Connection` names.
pub(super) fn end_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = tokens(headers, &CONNECTION).collect();
    for name in named {
        headers.remove(name.as_str());
    }
    for name in [CONNECTION, TE, TRAILER, UPGRADE] {
        headers.remove(name);
    }
    // It overrides the length, which is then another message's (RFC 9112 §6.3).
    if headers.remove(TRANSFER_ENCODING).is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    let proxied: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let folded = fold(name);
            folded.starts_with("proxy-") || folded == "keep-alive"
        })
        .cloned()
        .collect();
    for name in proxied {
        headers.remove(name);
    }
}

/// Takes out of trailers what must not stand there ([RFC 9110 §6.5.1]).
///
/// [RFC 9110 §6.5.1]: https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    end_hop(trailers);
    for name in [AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST] {
        trailers.remove(name);
    }
}

/// Says who sent the request, for which host and how.
pub(super) fn set_forwarded(headers: &mut HeaderMap, via: Via<'_>) {
    let address = match via.peer {
        Peer::Ip(address) => Some(address.to_canonical()),
        Peer::UnixSocket => None,
    };
    let text = address.map(|address| address.to_string());
    let mut element = String::with_capacity(128);
    // An IPv6 address needs brackets, and so quotes; a process of this machine has no address
    // (RFC 7239 §6).
    match (address, text.as_deref()) {
        (Some(IpAddr::V6(_)), Some(text)) => element.extend(["for=\"[", text, "]\""]),
        (_, text) => element.extend(["for=", text.unwrap_or("unknown")]),
    }
    if let Some(host) = via.host {
        element.extend([";host=\"", host, "\""]);
    }
    element.extend([";proto=", via.scheme]);
    append(headers, FORWARDED, &element);
    if let Some(text) = text {
        append(headers, X_FORWARDED_FOR, &text);
    }
    // A trusted proxy before us knows what the client asked for; we know what the proxy asked for.
    if let Some(Ok(host)) = via.host.map(HeaderValue::from_str) {
        headers.entry(X_FORWARDED_HOST).or_insert(host);
    }
    headers
        .entry(X_FORWARDED_PROTO)
        .or_insert(HeaderValue::from_static(via.scheme));
}

/// The tokens of a list field, in lower case.
pub(super) fn tokens(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|token| token.trim().to_ascii_lowercase())
        .filter(|token| !token.is_empty())
}

/// Whether an answer is a stream that has no end of its own: of events, or of a call.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    // `application/grpc-web` among them.
    media_type(headers)
        .is_some_and(|media| media == "text/event-stream" || media.starts_with("application/grpc"))
}

fn may_pass(name: &HeaderName, settings: &Settings, trusted: bool) -> bool {
    let folded = fold(name);
    if OVERRIDES.contains(&&*folded) {
        return settings.overrides.contains(name);
    }
    if REWRITES.contains(&&*folded) {
        return false;
    }
    let forwarded = folded == "forwarded" || folded.starts_with("x-forwarded-");
    if forwarded || folded == "x-real-ip" {
        return trusted && folded == name.as_str();
    }
    // To a reader that folds, another spelling of these would be a second one.
    let framing = ["content-length", "transfer-encoding", "host"].contains(&&*folded);
    if framing {
        return folded == name.as_str();
    }
    // `Expect` is ours to fulfil: the body is asked for when the upstream takes it. `Proxy` is
    // nobody's, and the proxy that CGI programs use for their own requests (CVE-2016-5385).
    ![
        "expect",
        "http2-settings",
        "te",
        "upgrade",
        "connection",
        "proxy",
    ]
    .contains(&&*folded)
}

/// As readers fold that turn fields into variables: `X_Auth.User` is `x-auth-user`.
fn fold(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    if memchr::memchr2(b'_', b'.', name.as_bytes()).is_none() {
        return name.into();
    }
    name.replace(['_', '.'], "-").into()
}

fn append(headers: &mut HeaderMap, name: HeaderName, element: &str) {
    let lines = headers.get_all(&name).iter();
    let mut list: Vec<u8> = Vec::new();
    for line in lines {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(element.as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(name, value);
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
