//! The protected resource metadata ([RFC 9728 §3]), which the gateway serves in the application's
//! place: the gateway checks the tokens, and its challenge names the document.
//!
//! The gateway serves it without authentication and before any route, from configuration alone: neither
//! path nor document depends on `Host`. Pages of any origin may read it.
//!
//! [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3

use std::sync::Arc;

use bearward_core::ProtectedResourceMetadata;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CONTENT_TYPE};
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
        if !matches!(*original.method, Method::GET | Method::HEAD) {
            let mut headers = problem();
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(Published {
                status: StatusCode::METHOD_NOT_ALLOWED,
                headers,
                body: document(StatusCode::METHOD_NOT_ALLOWED).into(),
            });
        }
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some(Published {
            status: StatusCode::OK,
            headers,
            body: Arc::clone(&self.document),
        })
    }
}

/// The response to a request for the metadata.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// 200, or 405 unless the method is GET or HEAD.
    pub status: StatusCode,
    /// The fields of the response.
    pub headers: HeaderMap,
    /// The metadata, or a problem document.
    pub body: Arc<str>,
}
