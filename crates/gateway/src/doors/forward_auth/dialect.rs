//! What a dialect is: how a proxy asks, which statuses it can carry to the client, how it removes a field.

use std::borrow::Cow;

use bearward::RequestHead;
use bearward_gate::decision::Reason;
use bearward_gate::host::is_host;
use bearward_gate::original::Original;
use bearward_gate::peer::TrustedPeers;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::doors::client::{Client, NamedClient};
use crate::doors::only::only;

/// How one kind of proxy asks, and how it reads the answer.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) endpoint: Endpoint,
    pub(super) source: Source,
    /// The field with the id of the request. If the proxy sets none, it is the client's, and no more than
    /// a name that the client gave to its request.
    pub(super) request_id: HeaderName,
    /// The field with the code of the reason, if no client of the proxy can see it.
    pub(super) reason: Option<HeaderName>,
    /// The field with the address of the client, after those that the client or other proxies may have
    /// written. It serves to count failures, and admits nobody.
    pub(super) client: HeaderName,
    pub(super) statuses: Statuses,
    pub(super) removal: Removal,
    /// The field in which it learns what to name in the response to a WebSocket handshake whose
    /// application chooses no subprotocol, if it can.
    pub(super) subprotocol: Option<HeaderName>,
}

/// The path at which it asks.
#[derive(Debug)]
pub(super) enum Endpoint {
    /// At this path; a query is ignored.
    Exact(&'static str),
    /// At this path, followed by the original request target.
    Prefix(&'static str),
}

/// Where the original request is described.
#[derive(Debug)]
pub(super) enum Source {
    /// In these fields: each must appear exactly once and not be empty.
    Fields {
        method: HeaderName,
        target: HeaderName,
        host: HeaderName,
    },
    /// In the question itself: its method, its target after the endpoint's path, its host.
    Request,
}

/// Which statuses the proxy treats as a refusal and passes to the client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Statuses {
    /// All of them.
    All,
    /// 401 and 403: the proxy takes everything else for an error of ours.
    Challenge,
    /// All below 500: the proxy takes the rest for an outage, and may be configured to let the request
    /// pass.
    NoServerError,
}

/// How the proxy removes a client's field for which we set no value.
#[derive(Debug)]
pub(super) enum Removal {
    /// We send the field empty.
    Empty,
    /// We list the names in this field.
    Listed(HeaderName),
    /// Its configuration removes the field if we do not send it.
    Omitted,
}

/// The original request, as the dialect describes it.
pub(super) struct OriginalRequest<'r> {
    method: Cow<'r, Method>,
    target: &'r str,
    host: &'r str,
    headers: &'r HeaderMap,
}

impl Dialect {
    /// Whether its endpoint is at `path`.
    pub(super) fn is_at(&self, path: &str) -> bool {
        match self.endpoint {
            Endpoint::Exact(exact) => path == exact,
            Endpoint::Prefix(prefix) => path.starts_with(prefix),
        }
    }

    /// The client whose failures count, if a proxy names it.
    pub(super) fn client(&self, headers: &HeaderMap, trusted: &TrustedPeers) -> Option<Client> {
        NamedClient::read(headers, &self.client, trusted)?.accountable()
    }

    /// Reads the original request.
    pub(super) fn read<'r>(&self, head: RequestHead<'r>) -> Result<OriginalRequest<'r>, Reason> {
        let headers = head.headers;
        match &self.source {
            Source::Fields {
                method,
                target,
                host,
            } => {
                let method = Method::from_bytes(value_of(headers, method)?);
                // Rejects overlong forms and the like: no path may have two readings.
                let target = std::str::from_utf8(value_of(headers, target)?);
                Ok(OriginalRequest {
                    method: Cow::Owned(method.map_err(|_| Reason::DialectField)?),
                    target: target.map_err(|_| Reason::AmbiguousPath)?,
                    host: host_of(value_of(headers, host)?)?,
                    headers,
                })
            }
            Source::Request => Ok(OriginalRequest {
                method: Cow::Borrowed(head.method),
                target: self.endpoint.behind(head)?,
                host: own_host(head)?,
                headers,
            }),
        }
    }
}

impl OriginalRequest<'_> {
    pub(super) fn original(&self) -> Original<'_> {
        Original::new(&self.method, self.target, Some(self.host), self.headers)
    }
}

impl Endpoint {
    /// The target after the path of this endpoint, as received.
    fn behind<'r>(&self, head: RequestHead<'r>) -> Result<&'r str, Reason> {
        let (Self::Exact(path) | Self::Prefix(path)) = self;
        let target = head.uri.path_and_query().map(|target| target.as_str());
        target
            .and_then(|target| target.strip_prefix(path))
            .filter(|target| !target.is_empty())
            .ok_or(Reason::DialectField)
    }
}

impl Statuses {
    /// The status to send so that the proxy carries out the decision.
    pub(super) fn carried(self, status: StatusCode, has_challenge: bool) -> StatusCode {
        match (self, status) {
            (Self::All, status)
            | (_, status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => status,
            // The challenge survives with 401 only.
            (Self::Challenge, StatusCode::BAD_REQUEST) if has_challenge => StatusCode::UNAUTHORIZED,
            (Self::NoServerError, status) if !status.is_server_error() => status,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

/// The value of a field, if it appears exactly once and is not empty.
fn value_of<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<&'r [u8], Reason> {
    let value = only(headers, name).filter(|value| !value.is_empty());
    value.map(HeaderValue::as_bytes).ok_or(Reason::DialectField)
}

/// The value as a host. Several hosts joined into one value are refused.
fn host_of(value: &[u8]) -> Result<&str, Reason> {
    let host = std::str::from_utf8(value).ok();
    host.filter(|host| is_host(host))
        .ok_or(Reason::DialectField)
}

/// The host of the question: the authority of its target, or `Host`. If they differ, the host has two
/// readings.
fn own_host(head: RequestHead<'_>) -> Result<&str, Reason> {
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let Some(authority) = authority else {
        return host_of(value_of(head.headers, &HOST)?);
    };
    let has_host = head.headers.contains_key(HOST);
    if has_host && !value_of(head.headers, &HOST)?.eq_ignore_ascii_case(authority.as_bytes()) {
        return Err(Reason::TargetForm);
    }
    host_of(authority.as_bytes())
}
