//! The route of the protected resource metadata ([RFC 9728 §3]).
//!
//! [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3

use axum::Router;
use axum::routing::get;
use bearward::ProtectedResourceMetadata;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};

/// Serves `metadata` at its well-known path, to everyone: merge it outside the layer.
///
/// The document is public, and scripts from any origin may read it: clients in browsers start here.
///
/// If a segment of the resource's path begins with `:` or `*`, the router that you merge this into
/// needs [`Router::without_v07_checks`].
pub fn metadata_route<S>(metadata: &ProtectedResourceMetadata) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let document = metadata.to_json();
    let serve = move || async move {
        let headers = [
            (CONTENT_TYPE, "application/json"),
            (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ];
        (headers, document)
    };
    // The path is a path and no pattern: its braces capture nothing.
    let path = metadata.path().replace('{', "{{").replace('}', "}}");
    Router::new().without_v07_checks().route(&path, get(serve))
}
