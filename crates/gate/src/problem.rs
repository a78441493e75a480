//! Responses whose body is a problem document ([RFC 9457]).
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

/// The fields of a response whose body is a fixed problem document.
pub fn problem() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers
}

/// The document for the status of a refusal: its reason phrase, as there is no `type` ([RFC 9457
/// §4.2.1]).
///
/// [RFC 9457 §4.2.1]: https://www.rfc-editor.org/rfc/rfc9457#section-4.2.1
#[must_use]
pub fn document(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => r#"{"title":"Bad Request","status":400}"#,
        403 => r#"{"title":"Forbidden","status":403}"#,
        405 => r#"{"title":"Method Not Allowed","status":405}"#,
        408 => r#"{"title":"Request Timeout","status":408}"#,
        502 => r#"{"title":"Bad Gateway","status":502}"#,
        503 => r#"{"title":"Service Unavailable","status":503}"#,
        504 => r#"{"title":"Gateway Timeout","status":504}"#,
        _ => r#"{"title":"Internal Server Error","status":500}"#,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::document;

    #[test]
    fn a_document_says_the_status_it_comes_with() {
        for status in [400, 403, 405, 408, 500, 502, 503, 504] {
            let status = StatusCode::from_u16(status).unwrap();
            let title = status.canonical_reason().unwrap();
            let expected = format!(r#"{{"title":"{title}","status":{}}}"#, status.as_u16());
            assert_eq!(document(status), expected);
        }
    }
}
