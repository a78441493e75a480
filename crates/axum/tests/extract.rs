//! The extractor.

use axum::extract::{Path, State};
use axum::routing::get as route;
use axum::{RequestPartsExt, Router};
use bearward_axum::{BearerLayer, Caller, LayerMissing, PrincipalKind};
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW};
use bearward_testing::token::{CLIENT_ID, SUBJECT};
use http::StatusCode;

use crate::fixture::{answer, get, get_with, good, reason, server, who, who_if_anybody};

#[tokio::test]
async fn a_handler_takes_the_principal_beside_other_arguments() {
    async fn handler(
        State(greeting): State<&'static str>,
        Path(order): Path<u32>,
        Caller(principal): Caller,
    ) -> String {
        format!("{greeting} {}: {order}", principal.subject())
    }
    let app = Router::new()
        .route("/orders/{order}", route(handler))
        .layer(BearerLayer::new(&server()))
        .with_state("hello");
    let response = answer(&app, get_with("/orders/7", &good())).await;
    assert_eq!(*response.body(), format!("hello {SUBJECT}: 7"));
}

#[tokio::test]
async fn what_the_token_says_is_there_without_unwrapping() {
    async fn handler(Caller(principal): Caller) {
        assert_eq!(principal.issuer(), ISSUER);
        assert_eq!(principal.subject(), SUBJECT);
        assert_eq!(principal.kind(), PrincipalKind::User);
        assert_eq!(principal.client_id(), Some(CLIENT_ID));
        assert_eq!(principal.auth_time(), Some(NOW));
        assert!(principal.has_scope("profile"));
    }
    let app = Router::new()
        .route("/", route(handler))
        .layer(BearerLayer::new(&server()));
    assert_eq!(
        answer(&app, get_with("/", &good())).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_optional_principal_is_one_or_nobody() {
    let app = Router::new()
        .route("/", route(who_if_anybody))
        .layer(BearerLayer::new(&server()).optional());
    assert_eq!(answer(&app, get("/")).await.body(), "nobody");
    assert_eq!(answer(&app, get_with("/", &good())).await.body(), SUBJECT);
    let refused = answer(&app, get_with("/", &good().claim("aud", "other"))).await;
    assert_eq!(reason(&refused), Some("aud_mismatch"));
}

#[tokio::test]
async fn without_a_layer_nobody_gets_in() {
    let app = Router::new().route("/", route(who));
    for request in [get("/"), get_with("/", &good())] {
        let response = answer(&app, request).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers().get("www-authenticate"), None);
        assert_eq!(response.body(), "");
    }
}

#[tokio::test]
async fn without_a_layer_an_optional_principal_is_nobody() {
    let app = Router::new().route("/", route(who_if_anybody));
    assert_eq!(answer(&app, get_with("/", &good())).await.body(), "nobody");
}

#[tokio::test]
async fn a_handler_for_somebody_under_an_optional_layer_is_a_mistake() {
    let app = Router::new()
        .route("/", route(who))
        .layer(BearerLayer::new(&server()).optional());
    let response = answer(&app, get("/")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer(&app, get_with("/", &good())).await.body(), SUBJECT);
}

#[tokio::test]
async fn the_extractors_themselves() {
    let (mut parts, ()) = get("/").into_parts();
    assert!(parts.extract::<Option<Caller>>().await.unwrap().is_none());
    let missing: LayerMissing = parts.extract::<Caller>().await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "a handler takes Caller, and its route has no BearerLayer, or an optional one: \
         add the layer, or take Option<Caller>"
    );

    let principal = server()
        .authenticate(&get_with("/", &good()))
        .await
        .unwrap();
    parts.extensions.insert(principal.into_principal());
    // It stays there for the next extractor.
    let somebody = parts.extract::<Caller>().await.unwrap();
    assert_eq!(somebody.subject(), SUBJECT);
    let somebody = parts.extract::<Option<Caller>>().await.unwrap();
    assert_eq!(somebody.unwrap().subject(), SUBJECT);
}

#[tokio::test]
async fn t_err_01_debug_shows_no_claims() {
    let machine = Token::machine(ISSUER, AUDIENCE, NOW);
    for token in [good(), machine] {
        let principal = server().authenticate(&get_with("/", &token)).await.unwrap();
        let shown = format!("{:?}", Caller(principal.principal.clone()));
        assert!(shown.contains(ISSUER), "{shown}");
        assert!(!shown.contains(principal.subject()), "{shown}");
    }
}
