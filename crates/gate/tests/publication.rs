//! The protected resource metadata (RFC 9728 §3.1).

use bearward_core::Profile;
use bearward_gate::decision::Reason;
use bearward_gate::identity::Identity;
use bearward_gate::original::Original;
use bearward_gate::publication::Published;
use bearward_gate::route::{PathPattern, Route, Routes};
use bearward_gate::{Decision, Gate};
use bearward_testing::conformance::metadata;
use http::{HeaderMap, Method};

use crate::fixture::{Known, decide, decide_by_route};

/// A gate that publishes, and whose only route is for another path.
fn publishing() -> Gate {
    let route = Route::new("orders", [PathPattern::exact("/orders").unwrap()]);
    let gate = Gate::new(Routes::new([route]), Identity::default());
    gate.publish(Some(&metadata()))
}

/// The response to a request without fields.
fn published(method: &Method, target: &str) -> Option<Published> {
    let headers = HeaderMap::new();
    let host = Some("api.example");
    publishing().published(&Original::new(method, target, host, &headers))
}

#[test]
fn the_metadata_is_read_with_get_and_head_from_a_page_of_any_origin() {
    let path = metadata().path().to_owned();
    for (method, target) in [
        (Method::GET, path.clone()),
        (Method::HEAD, path.clone()),
        (Method::GET, format!("{path}?x=1?y")),
        (Method::GET, format!("http://api.example{path}")),
    ] {
        let published = published(&method, &target).unwrap();
        assert_eq!(published.status, 200);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        headers.insert("access-control-allow-origin", "*".parse().unwrap());
        assert_eq!(published.headers, headers);
        assert_eq!(*published.body, metadata().to_json());
    }
}

/// The response to OPTIONS with these fields.
fn preflighted(fields: &[(&'static str, &str)], has_body: bool) -> Published {
    let (metadata, mut headers) = (metadata(), HeaderMap::new());
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let original = Original::new(&Method::OPTIONS, metadata.path(), None, &headers);
    let published = publishing().published(&original.with_body(has_body));
    published.unwrap()
}

#[test]
fn a_preflight_of_the_metadata_lets_any_page_send_any_field() {
    let origin = ("origin", "https://page.example");
    let method = ("access-control-request-method", "GET");
    for more in [
        &[("access-control-request-headers", "mcp-protocol-version")][..],
        &[("access-control-request-headers", "authorization, x-y")],
        &[("content-length", "0")],
        &[],
    ] {
        let published = preflighted(&[&[origin, method], more].concat(), false);
        assert_eq!(published.status, 204);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET, HEAD"),
            ("access-control-allow-headers", "*, Authorization"),
            ("access-control-max-age", "86400"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(published.headers, headers);
        assert_eq!(&*published.body, "");
    }
}

#[test]
fn t_req_08_options_that_is_no_preflight_is_405_for_the_metadata() {
    let origin = ("origin", "https://page.example");
    let method = ("access-control-request-method", "GET");
    for fields in [
        &[][..],
        &[origin],
        &[method],
        &[origin, origin, method],
        &[origin, method, ("content-length", "4")],
        &[origin, method, ("transfer-encoding", "chunked")],
        &[origin, ("access-control-request-method", "G T")],
    ] {
        let published = preflighted(fields, false);
        assert_eq!(published.status, 405, "{fields:?}");
    }
    assert_eq!(preflighted(&[origin, method], true).status, 405);
}

#[test]
fn the_metadata_cannot_be_changed() {
    for method in [Method::POST, Method::OPTIONS, Method::DELETE] {
        let published = published(&method, metadata().path()).unwrap();
        assert_eq!(published.status, 405);
        let mut headers = HeaderMap::new();
        headers.insert("allow", "GET, HEAD".parse().unwrap());
        headers.insert("cache-control", "no-store".parse().unwrap());
        let problem = "application/problem+json".parse().unwrap();
        headers.insert("content-type", problem);
        assert_eq!(published.headers, headers);
        assert_eq!(
            &*published.body,
            r#"{"title":"Method Not Allowed","status":405}"#
        );
    }
}

#[test]
fn a_path_that_differs_in_any_way_falls_under_the_routes() {
    let path = metadata().path().to_owned();
    for target in [
        "/orders",
        &format!("{path}/"),
        &format!("{path}x"),
        &path.to_uppercase(),
        &format!("//{path}"),
        &format!("http://other.example{path}"),
    ] {
        let published = published(&Method::GET, target);
        assert!(published.is_none(), "{target}");
    }
}

#[test]
fn without_metadata_nothing_is_published() {
    let gate = publishing().publish(None);
    let (metadata, headers) = (metadata(), HeaderMap::new());
    let original = Original::new(&Method::GET, metadata.path(), None, &headers);
    assert!(gate.published(&original).is_none());
}

#[test]
fn the_metadata_is_published_before_any_route_is_looked_at() {
    let (metadata, headers) = (metadata(), HeaderMap::new());
    let original = Original::new(&Method::GET, metadata.path(), None, &headers);
    let known = Known::new(Profile::Rfc9068);
    let decision = decide(&publishing(), &original, &known);
    assert!(matches!(decision, Decision::Publish(_)), "{decision:?}");
}

#[test]
fn a_door_that_cannot_answer_the_metadata_asks_the_routes() {
    let (metadata, headers) = (metadata(), HeaderMap::new());
    let original = Original::new(&Method::GET, metadata.path(), None, &headers);
    let known = Known::new(Profile::Rfc9068);
    let refusal = decide_by_route(&publishing(), &original, &known).unwrap_err();
    assert_eq!(refusal.reason, Reason::NoRule);
}
