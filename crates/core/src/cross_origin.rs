//! Whether a foreign page may have made a browser send a request with the user's cookie
//! ([Fetch Metadata], [Fetch §3.2]).
//!
//! A browser says where a request comes from: in `Sec-Fetch-Site` and `Origin`, which no page can set.
//! `Origin` comes with every WebSocket handshake and with every unsafe method. A request without
//! either comes from no current browser; such a client can send `Authorization`, so its cookie counts
//! for nothing here.
//!
//! [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/
//! [Fetch §3.2]: https://fetch.spec.whatwg.org/#origin-header

use std::net::IpAddr;

use http::header::{HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::rejection::Forbidden;
use crate::request_head::RequestHead;

/// Checks that no foreign page sent the request, if it has an unsafe method or asks for another
/// protocol.
pub(crate) fn check(head: RequestHead<'_>, trusted: &[HeaderValue]) -> Result<(), Forbidden> {
    if is_safe(head.method) && !is_upgrade(head.headers) {
        return Ok(());
    }
    let origin = only(head.headers, &ORIGIN);
    if origin.is_some_and(|origin| trusted.contains(origin)) {
        return Ok(());
    }
    let is_own = match head.headers.contains_key(SEC_FETCH_SITE) {
        // `none`: the user, not a page.
        true => only(head.headers, &SEC_FETCH_SITE)
            .is_some_and(|site| site == "same-origin" || site == "none"),
        false => origin
            .zip(host(head))
            .is_some_and(|(origin, host)| is_origin_of(origin.as_bytes(), host)),
    };
    match is_own {
        true => Ok(()),
        false => Err(Forbidden::CsrfOrigin),
    }
}

/// Whether a page may make a browser send it: a method of RFC 9110 that only reads. A method that the
/// application may not know, or take for another, is not among them.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}

/// Proxies that ask about a handshake may leave `Upgrade` out; a browser sends the version with each,
/// also over HTTP/2 ([RFC 8441 §5]).
///
/// [RFC 8441 §5]: https://www.rfc-editor.org/rfc/rfc8441#section-5
fn is_upgrade(headers: &HeaderMap) -> bool {
    [UPGRADE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// The host that the client addressed.
fn host(head: RequestHead<'_>) -> Option<&str> {
    let authority = || head.uri.authority().map(http::uri::Authority::as_str);
    let field = || only(head.headers, &HOST)?.to_str().ok();
    head.host.or_else(authority).or_else(field)
}

/// Whether a page with this origin has this host. The scheme of the request is not known for sure, and
/// a page without TLS may be anybody's; so plain http counts on this machine only.
fn is_origin_of(origin: &[u8], host: &str) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else {
        return false;
    };
    if let Some(page) = origin.strip_prefix("https://") {
        let host = host.strip_suffix(":443").unwrap_or(host);
        return page.eq_ignore_ascii_case(host);
    }
    origin.strip_prefix("http://").is_some_and(|page| {
        let host = host.strip_suffix(":80").unwrap_or(host);
        page.eq_ignore_ascii_case(host) && is_loopback(host)
    })
}

fn is_loopback(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_ip = || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || is_ip()
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
