//! The route of the protected resource metadata ([RFC 9728 §3]).
//!
//! [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3

use axum::Router;
use axum::routing::get;
use bearward::ProtectedResourceMetadata;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};

/// Serves `metadata` under its well-known path, to everyone: merge it outside of the layer.
///
/// Public, so scripts of any origin may read it: a client in a browser starts here.
///
/// A resource whose path has a segment that begins with `:` or `*` is served as well, but axum wants
/// to hear of it: the router it is merged into needs [`Router::without_v07_checks`].
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
