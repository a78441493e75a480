//! Where a layer stands in a router, and what it then guards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::Response;
use axum::routing::{get as route, post};
use bearward_axum::{BearerLayer, Caller, Rejection, Requirements, metadata_route};
use bearward_testing::conformance::{ISSUER, NOW, key_set, policy};
use bearward_testing::token::SUBJECT;
use http::{Request, StatusCode};

use crate::fixture::{answer, get, get_with, good, reason, server, who, who_if_anybody};

#[tokio::test]
async fn a_layer_around_the_router_guards_what_matches_nothing() {
    let app = Router::new()
        .route("/orders", route(who))
        .layer(BearerLayer::new(&server()));
    let refused = answer(&app, get("/elsewhere")).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
    let not_found = answer(&app, get_with("/elsewhere", &good())).await;
    assert_eq!(not_found.status(), StatusCode::NOT_FOUND);

    let other_method = Request::post("/orders").body(()).unwrap();
    let refused = answer(&app, other_method).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
}

#[tokio::test]
async fn the_metadata_route_opens_nothing_else() {
    let server = server();
    let app = Router::new()
        .route("/orders", route(who))
        .fallback(who)
        .layer(BearerLayer::new(&server))
        .merge(metadata_route(server.metadata().unwrap()));
    for path in [
        "/orders",
        "/elsewhere",
        "/.well-known/oauth-protected-resource",
    ] {
        let refused = answer(&app, get(path)).await;
        assert_eq!(reason(&refused), Some("no_credentials"), "{path}");
        assert_eq!(answer(&app, get_with(path, &good())).await.body(), SUBJECT);
    }
}

#[tokio::test]
async fn a_route_that_is_added_after_the_layer_is_open() {
    let app = Router::new()
        .route("/orders", route(who))
        .layer(BearerLayer::new(&server()))
        .route("/health", route(who_if_anybody));
    assert_eq!(answer(&app, get("/health")).await.body(), "nobody");
    let refused = answer(&app, get("/orders")).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn routes_ask_for_more_than_the_router() {
    let server = server();
    let scope = Requirements::builder()
        .scope("orders:write")
        .build()
        .unwrap();
    let write = post(who).layer(BearerLayer::new(&server).require(scope));
    let app = Router::new()
        .route("/orders", route(who).merge(write))
        .layer(BearerLayer::new(&server));
    assert_eq!(
        answer(&app, get_with("/orders", &good())).await.body(),
        SUBJECT
    );

    let mut request = get_with("/orders", &good());
    *request.method_mut() = http::Method::POST;
    let refused = answer(&app, request).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(reason(&refused), Some("insufficient_scope"));

    let mut request = get_with("/orders", &good().claim("scope", "orders:write"));
    *request.method_mut() = http::Method::POST;
    assert_eq!(answer(&app, request).await.body(), SUBJECT);
}

#[tokio::test]
async fn nested_routers_are_guarded_by_the_layers_around_them() {
    let server = server();
    let role = Requirements::builder().role("admin").build().unwrap();
    let admin = Router::new()
        .route("/users", route(who))
        .layer(BearerLayer::new(&server).require(role));
    let app = Router::new()
        .nest("/admin", admin)
        .route("/hello", route(who_if_anybody))
        .layer(BearerLayer::new(&server).optional());
    assert_eq!(answer(&app, get("/hello")).await.body(), "nobody");
    let refused = answer(&app, get("/admin/users")).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
    let refused = answer(&app, get_with("/admin/users", &good())).await;
    assert_eq!(reason(&refused), Some("claim_rule"));
}

/// A second credential counts where the sender put it, whatever routers and middleware between the two
/// have made of the target.
#[tokio::test]
async fn t_req_03_a_layer_in_a_nested_router_sees_the_target_that_was_sent() {
    async fn without_query(mut request: axum::extract::Request, next: Next) -> Response {
        let path = request.uri().path().parse().unwrap();
        *request.uri_mut() = path;
        next.run(request).await
    }
    let path = async |_: Caller, uri: http::Uri| uri.to_string();
    let inner = Router::new()
        .route("/orders", route(path))
        .layer(BearerLayer::new(&server()));
    let nested = Router::new().nest("/v1", inner);
    let app = Router::new()
        .nest("/api", nested.clone())
        .nest("/cut", nested.layer(from_fn(without_query)));

    for within in ["/api", "/cut"] {
        let path = format!("{within}/v1/orders");
        let admitted = answer(&app, get_with(&path, &good())).await;
        assert_eq!(admitted.body(), "/orders");
        let twice = format!("{path}?access_token=a");
        let refused = answer(&app, get_with(&twice, &good())).await;
        assert_eq!(reason(&refused), Some("multiple_credentials"), "{within}");
    }
}

/// Middleware and handlers find the same type, by whichever name they know it.
#[tokio::test]
async fn the_principal_of_extensions_and_of_handlers_is_one_type() {
    async fn found(request: axum::extract::Request) -> String {
        let of_axum: Option<&bearward_axum::Principal> = request.extensions().get();
        let of_core: Option<&bearward::core::Principal> = request.extensions().get();
        let found = of_axum.zip(of_core);
        let found = found.filter(|(ours, theirs)| std::ptr::eq(*ours, *theirs));
        found.map_or_else(|| "nobody".to_owned(), |(who, _)| who.subject().to_owned())
    }
    let app = Router::new()
        .route("/", route(found))
        .layer(BearerLayer::new(&server()).optional());
    assert_eq!(answer(&app, get_with("/", &good())).await.body(), SUBJECT);
    assert_eq!(answer(&app, get("/")).await.body(), "nobody");
}

#[tokio::test]
async fn a_token_is_verified_once_by_nested_layers() {
    let count = Arc::new(AtomicUsize::new(0));
    let clock = Arc::clone(&count);
    let keys = bearward_axum::JwkSet::parse(key_set().as_bytes()).unwrap();
    let server = bearward_axum::ResourceServer::builder()
        .issuer(bearward_axum::Issuer::jwk_set(policy(ISSUER), keys))
        .clock(move || {
            clock.fetch_add(1, Ordering::Relaxed);
            NOW
        })
        .build()
        .unwrap();
    let layer = || BearerLayer::new(&server);
    let inner = Router::new().route("/orders", route(who).layer(layer()));
    let app = Router::new()
        .nest("/v1", inner.layer(layer()))
        .layer(layer());
    assert_eq!(
        answer(&app, get_with("/v1/orders", &good())).await.body(),
        SUBJECT
    );
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn middleware_within_sees_the_principal_and_middleware_outside_the_rejection() {
    async fn within(request: axum::extract::Request, next: Next) -> Response {
        let principal: Option<&bearward::Principal> = request.extensions().get();
        let subject = principal.map(|principal| principal.subject().to_owned());
        let mut response = next.run(request).await;
        let subject = http::HeaderValue::try_from(subject.unwrap()).unwrap();
        response.headers_mut().insert("x-within", subject);
        response
    }
    async fn outside(mut response: Response) -> Response {
        let rejection: Option<&Rejection> = response.extensions().get();
        let reason = rejection.map_or("none", Rejection::reason);
        let reason = http::HeaderValue::from_static(reason);
        response.headers_mut().insert("x-outside", reason);
        response
    }
    let app = Router::new()
        .route("/", route(who))
        .layer(from_fn(within))
        .layer(BearerLayer::new(&server()))
        .layer(map_response(outside));

    let admitted = answer(&app, get_with("/", &good())).await;
    assert_eq!(admitted.headers()["x-within"], SUBJECT);
    assert_eq!(admitted.headers()["x-outside"], "none");

    let refused = answer(&app, get("/")).await;
    assert_eq!(refused.headers().get("x-within"), None);
    assert_eq!(refused.headers()["x-outside"], "no_credentials");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_are_not_mixed_up() {
    let app = Router::new()
        .route("/", route(who_if_anybody))
        .layer(BearerLayer::new(&server()).optional());
    let tasks: Vec<_> = (0..60)
        .map(|number| {
            let subject = format!("user {number}");
            let request = match number % 3 {
                0 => get("/"),
                _ => get_with("/", &good().claim("sub", &*subject)),
            };
            let app = app.clone();
            let task = tokio::spawn(async move { answer(&app, request).await });
            (number, subject, task)
        })
        .collect();
    for (number, subject, task) in tasks {
        let found = task.await.unwrap();
        match number % 3 {
            0 => assert_eq!(found.body(), "nobody"),
            _ => assert_eq!(*found.body(), subject),
        }
    }
}
