//! The protected resource metadata ([RFC 9728 §3]): served to everyone, named by the challenges.
//!
//! [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3

use axum::Router;
use axum::routing::get as route;
use bearward_axum::{BearerLayer, ProtectedResourceMetadata, ResourceServer, metadata_route};
use bearward_testing::conformance::{ISSUER, metadata};
use http::{Request, Response, StatusCode};

use crate::fixture::{answer, get, get_with, good, publishing, reason, server, settings, who};

/// An application that serves the metadata of its server beside the layer.
fn app(server: &ResourceServer) -> Router {
    Router::new()
        .without_v07_checks()
        .route("/orders", route(who))
        .layer(BearerLayer::new(server))
        .merge(metadata_route(server.metadata().unwrap()))
}

/// The whole answer: status, fields in alphabetical order, body.
fn wire(response: &Response<String>) -> String {
    let mut fields: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    fields.sort();
    format!(
        "{}\n{}\n{}",
        response.status(),
        fields.concat(),
        response.body()
    )
}

#[tokio::test]
async fn the_document_is_served_without_authentication() {
    let app = app(&server());
    let document = "200 OK\n\
        access-control-allow-origin: *\n\
        content-length: 159\n\
        content-type: application/json\n\
        \n\
        {\"resource\":\"https://api.example/v1\",\"authorization_servers\":[\"https://auth.example\"],\"scopes_supported\":[\"orders:read\"],\"bearer_methods_supported\":[\"header\"]}";
    let path = "/.well-known/oauth-protected-resource/v1";
    assert_eq!(wire(&answer(&app, get(path)).await), document);
    // Credentials are not looked at.
    let with_bad = get_with(path, &good().claim("aud", "other"));
    assert_eq!(wire(&answer(&app, with_bad).await), document);
    // Nor is the host.
    let other_host = Request::get(path).header("host", "evil.example").body(());
    assert_eq!(wire(&answer(&app, other_host.unwrap()).await), document);
    // The routes beside it are guarded as before.
    let refused = answer(&app, get("/orders")).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
}

#[tokio::test]
async fn every_member_is_in_the_document() {
    let metadata =
        ProtectedResourceMetadata::new("https://api.example", [ISSUER, "https://custom.example"]);
    let metadata = metadata
        .unwrap()
        .scopes_supported(["orders:read", "orders:write"])
        .resource_name("Orders")
        .resource_documentation("https://docs.example");
    let app = app(&publishing(metadata));
    let response = answer(&app, get("/.well-known/oauth-protected-resource")).await;
    assert_eq!(
        response.body(),
        "{\"resource\":\"https://api.example\",\"authorization_servers\":[\"https://auth.example\",\"https://custom.example\"],\"scopes_supported\":[\"orders:read\",\"orders:write\"],\"bearer_methods_supported\":[\"header\"],\"resource_name\":\"Orders\",\"resource_documentation\":\"https://docs.example\"}"
    );
}

#[tokio::test]
async fn the_challenge_leads_to_the_document() {
    for resource in [
        "https://api.example",
        "https://api.example/",
        "https://api.example/v1",
        "https://api.example/v1/orders",
        "https://api.example:8443/v1",
        "https://api.example/a%20b",
        "https://api.example/~a.b-c_d!$&'()+,;=@",
    ] {
        let metadata = ProtectedResourceMetadata::new(resource, [ISSUER]).unwrap();
        let server = publishing(metadata);
        let app = app(&server);
        let refused = answer(&app, get("/orders")).await;
        let url = server.metadata().unwrap().url();
        assert_eq!(
            refused.headers()["www-authenticate"],
            format!("Bearer realm=\"api\", resource_metadata=\"{url}\"")
        );
        let url: http::Uri = url.parse().unwrap();
        let document = answer(&app, get(url.path())).await;
        assert_eq!(document.status(), StatusCode::OK, "{resource}");
        let document: serde_json::Value = serde_json::from_str(document.body()).unwrap();
        assert_eq!(document["resource"], resource);
    }
}

/// Characters that mean something in the pattern of an axum route.
#[tokio::test]
async fn a_path_is_no_pattern() {
    for path in [
        "/{tenant}",
        "/{*rest}",
        "/a{b",
        "/a}b",
        "/{}",
        "/{{a}}",
        "/a:b",
        "/a*b",
    ] {
        let resource = format!("https://api.example{path}");
        let Ok(metadata) = ProtectedResourceMetadata::new(&resource, [ISSUER]) else {
            panic!("{resource} is a resource");
        };
        let app = app(&publishing(metadata));
        let prefix = "/.well-known/oauth-protected-resource";
        let served = answer(&app, get(&format!("{prefix}{path}"))).await;
        assert_eq!(served.status(), StatusCode::OK, "{path}");
        let other = answer(&app, get(&format!("{prefix}/other"))).await;
        assert_eq!(other.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

/// Older versions of axum had patterns of these, and it still refuses them unless told otherwise.
#[tokio::test]
async fn a_path_is_no_old_pattern() {
    for path in ["/:tenant", "/*rest", "/v1/:tenant"] {
        let resource = format!("https://api.example{path}");
        let metadata = ProtectedResourceMetadata::new(resource, [ISSUER]).unwrap();
        let app = app(&publishing(metadata));
        let prefix = "/.well-known/oauth-protected-resource";
        let served = answer(&app, get(&format!("{prefix}{path}"))).await;
        assert_eq!(served.status(), StatusCode::OK, "{path}");
        let other = answer(&app, get(&format!("{prefix}/other"))).await;
        assert_eq!(other.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn it_is_read_and_nothing_else() {
    let app = app(&server());
    let path = "/.well-known/oauth-protected-resource/v1";
    let head = Request::head(path).body(()).unwrap();
    let response = answer(&app, head).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.body(), "");
    let post = Request::post(path).body(()).unwrap();
    assert_eq!(
        answer(&app, post).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn it_is_served_where_it_belongs_only() {
    let app = app(&server());
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/v1/",
        "/.well-known/oauth-protected-resource/v2",
        "/v1/.well-known/oauth-protected-resource",
    ] {
        let not_found = answer(&app, get(path)).await;
        assert_eq!(not_found.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn within_the_layer_it_is_guarded() {
    let server = server();
    let app: Router = metadata_route(&metadata()).layer(BearerLayer::new(&server));
    let refused = answer(&app, get("/.well-known/oauth-protected-resource/v1")).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
}

#[tokio::test]
async fn two_resources_are_served_side_by_side() {
    let of = |resource: &str| ProtectedResourceMetadata::new(resource, [ISSUER]).unwrap();
    let app: Router = Router::new()
        .without_v07_checks()
        .merge(metadata_route(&of("https://api.example/v1")))
        .merge(metadata_route(&of("https://api.example/v2")))
        .merge(metadata_route(&of("https://api.example/:v3")))
        .merge(metadata_route(&of("https://api.example/*v4")));
    for version in ["v1", "v2", ":v3", "*v4"] {
        let path = format!("/.well-known/oauth-protected-resource/{version}");
        let document = answer(&app, get(&path)).await;
        let document: serde_json::Value = serde_json::from_str(document.body()).unwrap();
        assert_eq!(
            document["resource"],
            format!("https://api.example/{version}")
        );
    }
}

#[tokio::test]
async fn without_metadata_challenges_name_none() {
    let server = settings().build().unwrap();
    assert_eq!(server.metadata(), None);
    let app = Router::new()
        .route("/orders", route(who))
        .layer(BearerLayer::new(&server));
    let refused = answer(&app, get("/orders")).await;
    assert_eq!(
        refused.headers()["www-authenticate"],
        "Bearer realm=\"api\""
    );
}
