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
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, Entry, FORWARDED, HOST, TE,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Bytes;

use super::settings::Settings;
use crate::identity::Identity;
use crate::original::{media_type, starts_with};
use crate::peer::Peer;

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who is on the other side, and how it reached us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Via<'r> {
    pub(super) peer: &'r PeerName,
    pub(super) host: Option<&'r HeaderValue>,
    pub(super) scheme: &'static str,
}

/// How applications are told of a peer: the same for every request of a connection.
#[derive(Debug)]
pub(super) struct PeerName {
    /// For `X-Forwarded-For`: a process of this machine has no address.
    address: Option<HeaderValue>,
    /// For `Forwarded`: `for=` and a node ([RFC 7239 §6]).
    ///
    /// [RFC 7239 §6]: https://www.rfc-editor.org/rfc/rfc7239#section-6
    node: Box<str>,
}

impl PeerName {
    pub(super) fn of(peer: Peer) -> Self {
        let Peer::Ip(address) = peer else {
            return Self {
                address: None,
                node: "for=unknown".into(),
            };
        };
        let address = address.to_canonical();
        let text = address.to_string();
        // An IPv6 address needs brackets, and so quotes.
        let node = match address {
            IpAddr::V4(_) => format!("for={text}"),
            IpAddr::V6(_) => format!("for=\"[{text}]\""),
        };
        Self {
            address: HeaderValue::try_from(text).ok(),
            node: node.into(),
        }
    }
}

/// Takes out of a client's request what must not reach an application: what ends here, what only a
/// proxy may say, and what would pass for an identity field.
pub(super) fn clean_request(
    headers: &mut HeaderMap,
    settings: &Settings,
    trusted: bool,
    identity: &Identity,
) {
    let hop = Hop::of(headers);
    take_out(headers, |name| {
        let folded = fold(name);
        hop.ends(name, &folded)
            || !may_pass(name, &folded, settings, trusted)
            || identity.is_stripped(name)
    });
    join_cookies(headers);
    // HTTP/2 lets it come twice if both say the same; HTTP/1.1 does not (RFC 9112 §6.3).
    if let Some(length) = headers.get(CONTENT_LENGTH).cloned() {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// Takes the hop-by-hop fields out, and those that `Connection` names.
pub(super) fn end_hop(headers: &mut HeaderMap) {
    let hop = Hop::of(headers);
    take_out(headers, |name| hop.ends(name, &fold(name)));
}

/// What ends here of a message.
struct Hop {
    /// The fields that `Connection` names, ascending. Those that are not there are left out: it may name
    /// thousands.
    named: Vec<String>,
    is_chunked: bool,
}

impl Hop {
    fn of(headers: &HeaderMap) -> Self {
        Self {
            named: Self::named(headers),
            is_chunked: headers.contains_key(TRANSFER_ENCODING),
        }
    }

    fn named(headers: &HeaderMap) -> Vec<String> {
        // What nearly all say, of a field that ends here by its own name.
        let is_usual = |value: &HeaderValue| value == "keep-alive";
        if headers.get_all(CONNECTION).iter().all(is_usual) {
            return Vec::new();
        }
        let named = tokens(headers, &CONNECTION).filter(|name| headers.contains_key(name));
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    fn is_named(&self, name: &HeaderName) -> bool {
        let order = |named: &String| named.as_str().cmp(name.as_str());
        self.named.binary_search_by(order).is_ok()
    }

    fn ends(&self, name: &HeaderName, folded: &str) -> bool {
        match name.as_str() {
            "connection" | "te" | "trailer" | "transfer-encoding" | "upgrade" => true,
            // The coding overrides the length, which is then another message's (RFC 9112 §6.3).
            "content-length" if self.is_chunked => true,
            _ => folded.starts_with("proxy-") || folded == "keep-alive" || self.is_named(name),
        }
    }
}

fn take_out(headers: &mut HeaderMap, is_out: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_out(name))
        .cloned()
        .collect();
    for name in names {
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
    let mut element = Vec::with_capacity(128);
    element.extend_from_slice(via.peer.node.as_bytes());
    if let Some(host) = via.host {
        element.extend_from_slice(b";host=\"");
        element.extend_from_slice(host.as_bytes());
        element.push(b'"');
    }
    element.extend_from_slice(b";proto=");
    element.extend_from_slice(via.scheme.as_bytes());
    if let Ok(element) = HeaderValue::from_maybe_shared(Bytes::from(element)) {
        append(headers, FORWARDED, element);
    }
    if let Some(address) = &via.peer.address {
        append(headers, X_FORWARDED_FOR, address.clone());
    }
    // A trusted proxy before us knows what the client asked for; we know what the proxy asked for.
    if let Some(host) = via.host {
        headers
            .entry(X_FORWARDED_HOST)
            .or_insert_with(|| host.clone());
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

/// Whether a client takes trailers.
pub(super) fn wants_trailers(headers: &HeaderMap) -> bool {
    tokens(headers, &TE).any(|coding| coding == "trailers")
}

/// Whether an answer is a stream that has no end of its own: of events, or of a call.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    // `application/grpc-web` among them.
    media_type(headers).is_some_and(|media| {
        media.eq_ignore_ascii_case(b"text/event-stream") || starts_with(media, b"application/grpc")
    })
}

/// Whether a client may say this to an application; `folded` is the name as readers may take it.
fn may_pass(name: &HeaderName, folded: &str, settings: &Settings, trusted: bool) -> bool {
    match folded {
        // By these some applications take another method than that of the request line.
        "-method" | "x-http-method" | "x-http-method-override" | "x-method-override" => {
            settings.overrides.contains(name)
        }
        // By these some take another path, method or host than those of the request.
        "x-envoy-original-path"
        | "x-forwarded-method"
        | "x-forwarded-path"
        | "x-forwarded-prefix"
        | "x-forwarded-uri"
        | "x-original-host"
        | "x-original-method"
        | "x-original-uri"
        | "x-original-url"
        | "x-rewrite-url" => false,
        "forwarded" | "x-real-ip" => trusted && folded == name.as_str(),
        // To a reader that folds, another spelling of these would be a second one.
        "content-length" | "transfer-encoding" | "host" => folded == name.as_str(),
        // `Expect` is ours to fulfil: the body is asked for when the upstream takes it. `Proxy` is
        // nobody's, and the proxy that CGI programs use for their own requests (CVE-2016-5385).
        "expect" | "http2-settings" | "te" | "upgrade" | "connection" | "proxy" => false,
        _ if folded.starts_with("x-forwarded-") => trusted && folded == name.as_str(),
        _ => true,
    }
}

/// As readers fold that turn fields into variables: `X_Auth.User` is `x-auth-user`.
fn fold(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    // Names are too short for a search to be worth its start.
    if !name.bytes().any(|byte| matches!(byte, b'_' | b'.')) {
        return name.into();
    }
    name.replace(['_', '.'], "-").into()
}

fn append(headers: &mut HeaderMap, name: HeaderName, element: HeaderValue) {
    let mut entry = match headers.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(element);
            return;
        }
        Entry::Occupied(entry) => entry,
    };
    let lines = entry.iter().chain([&element]).map(HeaderValue::as_bytes);
    let lines: Vec<&[u8]> = lines.collect();
    if let Ok(list) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
        entry.insert(list);
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
