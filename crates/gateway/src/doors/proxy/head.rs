//! The head of a request: which target and host it names, and which protocol it wants to change to.

use bearward_gate::host::is_host;
use bearward_gate::target::Target;
use http::header::{CONNECTION, HOST, UPGRADE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use crate::doors::only::only;

use super::fields;
use super::settings::Settings;
use super::upload::Unread;
use super::upstream::Upstream;

/// Turns the target of a request over HTTP/1 into origin-form, if it is in absolute-form and names the
/// same host as `Host`, as [`Target::origin_form`] does: what follows sees one form only.
pub(super) fn to_origin_form<B>(request: &mut Request<B>) -> Option<()> {
    let uri = request.uri();
    let authority = uri
        .authority()
        .filter(|_| request.version() != Version::HTTP_2);
    let Some(authority) = authority else {
        return Some(());
    };
    // HTTP/1.0 may omit `Host`; the target has it then.
    let is_named = request.version() != Version::HTTP_10 || request.headers().contains_key(HOST);
    let host = match is_named {
        true => only(request.headers(), &HOST)?.clone(),
        false => HeaderValue::from_str(authority.as_str()).ok()?,
    };
    let target = uri.to_string();
    let target = Target::origin_form(&target, Some(host.to_str().ok()?)).ok()?;
    *request.uri_mut() = Uri::from(PathAndQuery::try_from(&*target).ok()?);
    request.headers_mut().insert(HOST, host);
    Some(())
}

/// The target and the host of a request, if both are unambiguous: the target is in origin-form, and
/// `Host` and `:authority` agree.
pub(super) fn read<B>(request: &Request<B>) -> Option<(&str, Option<&str>)> {
    let uri = request.uri();
    let mut hosts = request.headers().get_all(HOST).iter();
    let field = hosts.next().map(HeaderValue::to_str).transpose().ok()?;
    if hosts.next().is_some() {
        return None;
    }
    let host = match (uri.authority(), field) {
        (Some(authority), Some(field)) if !authority.as_str().eq_ignore_ascii_case(field) => {
            return None;
        }
        (Some(authority), _) => Some(authority.as_str()),
        (None, field) => field,
    };
    // RFC 9112 §3.2: only HTTP/1.0 may omit it.
    let needs_host = request.version() != Version::HTTP_10;
    if !host.map_or(!needs_host, is_host) {
        return None;
    }
    Some((uri.path_and_query()?.as_str(), host))
}

/// A request's host as a field value. The value of `Host` is shared, not copied.
pub(super) fn host(headers: &HeaderMap, host: &str) -> Option<HeaderValue> {
    let field = headers.get(HOST).filter(|field| *field == host);
    field.map_or_else(
        || HeaderValue::from_str(host).ok(),
        |field| Some(field.clone()),
    )
}

/// Sets where a request goes: the target as received, and the host.
pub(super) fn address(
    head: &mut Parts,
    client_host: Option<HeaderValue>,
    upstream: &Upstream,
) -> Option<()> {
    let target: PathAndQuery = head.uri.path_and_query()?.clone();
    let host = upstream.host.clone().or(client_host);
    if head.version == Version::HTTP_2 {
        head.headers.remove(HOST);
        let host = host.unwrap_or(HeaderValue::from_static("localhost"));
        head.uri = Uri::builder()
            .scheme(upstream.scheme())
            .authority(host.as_bytes())
            .path_and_query(target)
            .build()
            .ok()?;
        return Some(());
    }
    let host = host.unwrap_or(HeaderValue::from_static(""));
    head.headers.insert(HOST, host);
    head.uri = Uri::from(target);
    Some(())
}

/// A change of protocol that a client asks for ([RFC 9110 §7.8]).
///
/// [RFC 9110 §7.8]: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
#[derive(Debug)]
pub(super) struct Upgrade(HeaderValue);

impl Upgrade {
    /// The change that a request asks for, if it may be forwarded: one protocol, over HTTP/1.1, by a
    /// GET without body.
    pub(super) fn requested_by(request: &Request<Unread>, settings: &Settings) -> Option<Self> {
        let headers = request.headers();
        let protocol = only(headers, &UPGRADE)?;
        let name = protocol.to_str().ok()?.to_ascii_lowercase();
        let is_requested = request.version() == Version::HTTP_11
            && request.method() == Method::GET
            && request.body().is_empty()
            && fields::tokens(headers, CONNECTION).any(|token| token == "upgrade");
        let may_pass = settings.upgrades.contains(&name) && !speaks_http(&name);
        (is_requested && may_pass).then(|| Self(protocol.clone()))
    }

    /// Whether an upstream changed to this protocol, and to no other.
    pub(super) fn is_agreed(&self, headers: &HeaderMap) -> bool {
        only(headers, &UPGRADE)
            .is_some_and(|agreed| agreed.as_bytes().eq_ignore_ascii_case(self.0.as_bytes()))
    }

    pub(super) fn set(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.0.clone());
    }
}

/// Whether a protocol carries HTTP: the gate would not see the requests in its tunnel.
fn speaks_http(protocol: &str) -> bool {
    let name = protocol.split('/').next().unwrap_or_default();
    ["h2", "h2c", "h3", "http", "tls"].contains(&name)
}
