//! Who sent a request, for which host and how: `Forwarded` ([RFC 7239]) and `X-Forwarded-For`, `-Host`
//! and `-Proto`, which say the same.
//!
//! An application reads one of the two kinds, and the gateway does not know which. So both are
//! written from one source: what a trusted proxy said about the hops before it, followed by the
//! connection.
//!
//! [RFC 7239]: https://www.rfc-editor.org/rfc/rfc7239

use std::net::IpAddr;

use bearward_gate::host::is_host;
use bearward_gate::misleading::Sender;
use bearward_gate::peer::Peer;
use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Bytes;

use crate::doors::client::{X_FORWARDED_FOR, address};

use super::fields::elements;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How many addresses before ours are passed on: the nearest ones.
pub(super) const HOPS: usize = 32;

/// Who is on the other side, and how it reached us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Via<'r> {
    pub(super) peer: &'r PeerName,
    pub(super) host: Option<&'r HeaderValue>,
    pub(super) scheme: &'static str,
}

/// How a peer is described to applications: the same for every request on a connection.
#[derive(Debug)]
pub(super) struct PeerName {
    /// For `X-Forwarded-For`; a process on this machine has no address.
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
                node: UNKNOWN.into(),
            };
        };
        let address = address.to_canonical();
        Self {
            address: HeaderValue::try_from(address.to_string()).ok(),
            node: node(address).into(),
        }
    }
}

const UNKNOWN: &str = "for=unknown";

/// An IPv6 address needs brackets, and so quotes.
fn node(address: IpAddr) -> String {
    match address {
        IpAddr::V4(_) => format!("for={address}"),
        IpAddr::V6(_) => format!("for=\"[{address}]\""),
    }
}

/// Writes who sent a request, for which host and how. The request must already be cleaned.
pub(super) fn set_forwarded(headers: &mut HeaderMap, sender: Sender, via: Via<'_>) {
    let before = match sender {
        Sender::TrustedProxy => Before::read(headers),
        // Their own forwarding fields have been removed.
        Sender::Stranger | Sender::Envoy => Before::default(),
    };
    before.set(headers, via);
}

fn push_element(list: &mut Vec<u8>, node: &str, host: Option<&HeaderValue>, scheme: &[u8]) {
    push(list, node.as_bytes());
    if let Some(host) = host {
        list.extend_from_slice(b";host=\"");
        list.extend_from_slice(host.as_bytes());
        list.push(b'"');
    }
    list.extend_from_slice(b";proto=");
    list.extend_from_slice(scheme);
}

fn push(list: &mut Vec<u8>, element: &[u8]) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(element);
}

/// Sets a field; removes it if there is nothing to say.
fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => headers.insert(name, value),
        None => headers.remove(name),
    };
}

/// A list as a value; `None` if it is empty.
fn value(list: Vec<u8>) -> Option<HeaderValue> {
    let list = Some(list).filter(|list| !list.is_empty())?;
    HeaderValue::from_maybe_shared(Bytes::from(list)).ok()
}

/// What a trusted proxy reported; the same fields from any other sender have been removed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Before {
    /// The hops before the proxy, the client first, as in `X-Forwarded-For`.
    hops: Vec<String>,
    host: Option<HeaderValue>,
    scheme: Option<HeaderValue>,
}

impl Before {
    /// Reads `X-Forwarded-*`, which most proxies write; `Forwarded` if there are none.
    fn read(headers: &HeaderMap) -> Self {
        let mut usual = [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO].into_iter();
        match usual.any(|name| headers.contains_key(name)) {
            true => Self::of_x_forwarded(headers),
            false => Self::of_forwarded(headers),
        }
    }

    fn of_x_forwarded(headers: &HeaderMap) -> Self {
        let hops = elements(headers, X_FORWARDED_FOR).map(str::to_owned);
        Self {
            hops: hops.collect(),
            // The value that the nearest proxy added. Proxies before it may have let a client's copy
            // through.
            host: elements(headers, X_FORWARDED_HOST).last().and_then(host),
            // The first connection is the client's: the others are between proxies.
            scheme: elements(headers, X_FORWARDED_PROTO).next().and_then(scheme),
        }
    }

    fn of_forwarded(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        let elements = elements(headers, FORWARDED);
        let pairs = elements.flat_map(|element| element.split(';'));
        for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match &*name.trim().to_ascii_lowercase() {
                "for" => found.hops.push(
                    address(value)
                        .map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
                ),
                "host" => found.host = host(value).or(found.host),
                "proto" => found.scheme = found.scheme.or_else(|| scheme(value)),
                _ => {}
            }
        }
        found
    }

    fn set(self, headers: &mut HeaderMap, via: Via<'_>) {
        let host = self.host.as_ref().or(via.host);
        let scheme = self
            .scheme
            .unwrap_or_else(|| HeaderValue::from_static(via.scheme));
        let skipped = self.hops.len().saturating_sub(HOPS);
        let (mut forwarded, mut addresses) = (Vec::with_capacity(128), Vec::new());
        for hop in self.hops.iter().skip(skipped) {
            let node = address(hop).map_or_else(|| UNKNOWN.to_owned(), node);
            push_element(&mut forwarded, &node, host, scheme.as_bytes());
            push(&mut addresses, hop.as_bytes());
        }
        let peer = &via.peer.address;
        if let Some(address) = peer.as_ref().filter(|_| !addresses.is_empty()) {
            push(&mut addresses, address.as_bytes());
        }
        // A process on this machine is a proxy that has named its own peer.
        if peer.is_some() || forwarded.is_empty() {
            push_element(&mut forwarded, &via.peer.node, host, scheme.as_bytes());
        }
        set(headers, FORWARDED, value(forwarded));
        // Usually the peer's address alone, whose value all its requests share.
        let addresses = value(addresses).or_else(|| peer.clone());
        set(headers, X_FORWARDED_FOR, addresses);
        set(headers, X_FORWARDED_HOST, host.cloned());
        headers.insert(X_FORWARDED_PROTO, scheme);
    }
}

fn host(text: &str) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok()?;
    is_host(text).then_some(value)
}

/// A scheme as defined by [RFC 3986 §3.1].
///
/// [RFC 3986 §3.1]: https://www.rfc-editor.org/rfc/rfc3986#section-3.1
fn scheme(text: &str) -> Option<HeaderValue> {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let value = HeaderValue::from_str(text).ok()?;
    (!text.is_empty() && text.bytes().all(is_of_it)).then_some(value)
}
