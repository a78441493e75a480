//! A token in another place than `Authorization`: it is taken out of the request, unless the application
//! receives it, and the response does not name it ([RFC 6455 §4.2.2], [RFC 6750 §2.3]).
//!
//! [RFC 6455 §4.2.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//! [RFC 6750 §2.3]: https://www.rfc-editor.org/rfc/rfc6750#section-2.3

use bearward::core::source::Handshake;
use bearward_gate::gate::Gate;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use super::fields;

/// Takes it out of a request for the application. `None` if the rest is no target, which cannot happen.
pub(super) fn take_out(gate: &Gate, head: &mut Parts) -> Option<()> {
    let Some(sources) = gate.stripped_sources() else {
        return Some(());
    };
    sources.strip(&mut head.headers);
    let target = head.uri.path_and_query()?;
    if let Some(rest) = sources.target_without_token(target.as_str()) {
        let mut parts = head.uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
        head.uri = Uri::from_parts(parts).ok()?;
    }
    Some(())
}

/// What the response to a request depends on because of where its token was.
pub(super) struct TokenTraces {
    handshake: Option<Handshake>,
    was_in_query: bool,
}

impl TokenTraces {
    pub(super) fn of(gate: &Gate, headers: &HeaderMap, uri: &Uri) -> Self {
        let sources = gate.sources();
        if sources.is_empty() {
            return Self {
                handshake: None,
                was_in_query: false,
            };
        }
        let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
        Self {
            handshake: sources.handshake(headers),
            was_in_query: sources.token_parameters(target).next().is_some(),
        }
    }

    /// Names a subprotocol without the token, and keeps shared caches from storing what a URL with a
    /// token yields.
    pub(super) fn clean_response<B>(&self, response: &mut Response<B>) {
        let status = response.status();
        let headers = response.headers_mut();
        if let Some(handshake) = &self.handshake {
            match status {
                StatusCode::SWITCHING_PROTOCOLS => handshake.complete(headers),
                _ => handshake.hide_token(headers),
            }
        }
        if !self.was_in_query || !status.is_success() {
            return;
        }
        let mut directives = fields::tokens(headers, CACHE_CONTROL);
        let is_private = directives.any(|name| name == "private" || name == "no-store");
        drop(directives);
        if !is_private {
            headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
    }
}
