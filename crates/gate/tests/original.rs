//! What the fields of a request say about its content.

use bearward_gate::original::{Original, is_grpc, media_type, starts_with};
use http::{HeaderMap, Method};

fn of_type(content_type: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    headers
}

#[test]
fn a_media_type_is_read_without_its_parameters() {
    for (content_type, media) in [
        ("text/event-stream", "text/event-stream"),
        ("text/html;charset=utf-8", "text/html"),
        (" text/html ; a=b;c", "text/html"),
        ("Text/HTML", "Text/HTML"),
        ("", ""),
    ] {
        let headers = of_type(content_type);
        assert_eq!(media_type(&headers), Some(media.as_bytes()));
    }
    assert_eq!(media_type(&HeaderMap::new()), None);
}

#[test]
fn grpc_is_known_by_its_media_type_in_any_case_and_with_any_message_format() {
    for content_type in [
        "application/grpc",
        "APPLICATION/gRPC",
        "application/grpc;x=y",
        "application/grpc+proto",
        "application/GRPC+json; x=y",
    ] {
        assert!(is_grpc(&of_type(content_type)), "{content_type}");
    }
    for content_type in [
        "application/grpc-web",
        "application/grp",
        "application/json",
        "text/html;application/grpc",
        "",
    ] {
        assert!(!is_grpc(&of_type(content_type)), "{content_type}");
    }
    assert!(!is_grpc(&HeaderMap::new()));
}

#[test]
fn a_media_type_starts_with_its_beginning_in_any_case() {
    for media in ["application/grpc", "Application/gRPC-web"] {
        assert!(starts_with(media.as_bytes(), b"application/grpc"));
    }
    for media in ["", "application/grp", "xapplication/grpc"] {
        assert!(!starts_with(media.as_bytes(), b"application/grpc"));
    }
}

#[test]
fn t_err_01_a_request_is_shown_by_its_method_alone() {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer secret".parse().unwrap());
    let original = Original::new(&Method::GET, "/?token=secret", Some("secret"), &headers);
    assert_eq!(format!("{original:?}"), "Original { method: GET, .. }");
}
