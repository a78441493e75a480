//! The protected resource metadata ([RFC 9728 §3]), which the gateway serves in the application's
//! place: the gateway checks the tokens, and its challenge names the document.
//!
//! The gateway serves it without authentication and before any route, from configuration alone: neither
//! path nor document depends on `Host`. Pages of any origin may read it.
//!
//! [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3

use std::sync::Arc;

use bearward_core::ProtectedResourceMetadata;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CONTENT_TYPE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::original::Original;
use crate::problem::{document, problem};
use crate::target::Target;

/// The document and its path.
#[derive(Clone, Debug)]
pub struct Publication {
    path: Arc<str>,
    document: Arc<str>,
}

impl Publication {
    /// The publication of this metadata.
    #[must_use]
    pub fn of(metadata: &ProtectedResourceMetadata) -> Self {
        Self {
            path: metadata.path().into(),
            document: metadata.to_json().into(),
        }
    }

    /// The response to a request for the document; `None` for any other target.
    #[must_use]
    pub fn answer(&self, original: &Original<'_>) -> Option<Published> {
        let target = Target::origin_form(original.target, original.host).ok()?;
        let path = target.split('?').next();
        if path != Some(&*self.path) {
            return None;
        }
        if original.is_preflight() {
            return Some(self.preflight());
        }
        if !matches!(*original.method, Method::GET | Method::HEAD) {
            let mut headers = problem();
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(Published {
                status: StatusCode::METHOD_NOT_ALLOWED,
                headers,
                body: document(StatusCode::METHOD_NOT_ALLOWED).into(),
                path: Arc::clone(&self.path),
            });
        }
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some(Published {
            status: StatusCode::OK,
            headers,
            body: Arc::clone(&self.document),
            path: Arc::clone(&self.path),
        })
    }

    /// The response to a preflight of a page that asks with fields of its own, as MCP clients do with
    /// `MCP-Protocol-Version`. The same for every page and every field: nothing of the request decides what
    /// is answered.
    fn preflight(&self) -> Published {
        let headers = [
            (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
            // The star does not include `Authorization` (Fetch §3.3.6).
            (ACCESS_CONTROL_ALLOW_HEADERS, "*, Authorization"),
            // A day. Browsers keep it for at most that long.
            (ACCESS_CONTROL_MAX_AGE, "86400"),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Published {
            status: StatusCode::NO_CONTENT,
            headers: headers.into_iter().collect(),
            body: "".into(),
            path: Arc::clone(&self.path),
        }
    }
}

/// The response to a request for the metadata.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// 200 for GET and HEAD, 204 for a preflight, 405 for everything else.
    pub status: StatusCode,
    /// The fields of the response.
    pub headers: HeaderMap,
    /// The metadata, a problem document, or nothing.
    pub body: Arc<str>,
    /// The path of the metadata, for a log.
    pub path: Arc<str>,
}
