//! The suite for adapters, through routers in every arrangement.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::any;
use bearward_axum::{BearerLayer, Caller, ResourceServer, metadata_route};
use bearward_testing::conformance::{Failures, Route, RouteAccess, Suite, metadata, routes};

use crate::fixture::{answer, server};

#[tokio::test]
async fn a_layer_on_each_method_router_conforms() -> Result<(), Failures> {
    let server = server();
    conforms(&router(|route| {
        Router::new().route(route.path(), any(handler).layer(layer(&server, route)))
    }))
    .await
}

#[tokio::test]
async fn a_layer_around_each_router_conforms() -> Result<(), Failures> {
    let server = server();
    conforms(&router(|route| {
        Router::new()
            .route(route.path(), any(handler))
            .route_layer(layer(&server, route))
    }))
    .await
}

#[tokio::test]
async fn a_layer_around_all_and_one_on_each_conform() -> Result<(), Failures> {
    let server = server();
    let inner = routes_of(|route| {
        Router::new().route(route.path(), any(handler).layer(layer(&server, route)))
    });
    let app = inner
        .layer(BearerLayer::new(&server).optional())
        .merge(metadata_route(&metadata()));
    conforms(&app).await
}

#[tokio::test]
async fn layers_of_two_servers_conform() -> Result<(), Failures> {
    let (one, other) = (server(), server());
    conforms(&router(|route| {
        let inner = any(handler).layer(layer(&one, route));
        Router::new()
            .route(route.path(), inner)
            .layer(layer(&other, route))
    }))
    .await
}

#[tokio::test]
async fn a_handler_that_wants_a_principal_conforms() -> Result<(), Failures> {
    let server = server();
    conforms(&router(|route| {
        let handler = match route.access() {
            RouteAccess::Required => any(async |caller: Caller| handler(Some(caller)).await),
            RouteAccess::Optional => any(handler),
        };
        Router::new().route(route.path(), handler.layer(layer(&server, route)))
    }))
    .await
}

/// The layer that a route asks for.
fn layer(server: &ResourceServer, route: &Route) -> BearerLayer {
    let mut layer = BearerLayer::new(server);
    if let Some(requirements) = route.requirements() {
        layer = layer.require(requirements.clone());
    }
    match route.access() {
        RouteAccess::Required => layer,
        RouteAccess::Optional => layer.optional(),
    }
}

/// The handler behind each route.
async fn handler(caller: Option<Caller>) -> impl IntoResponse {
    let subject = caller.map(|caller| [("x-subject", caller.subject().to_owned())]);
    (subject, "welcome")
}

fn router(route: impl Fn(&Route) -> Router) -> Router {
    routes_of(route).merge(metadata_route(&metadata()))
}

fn routes_of(route: impl Fn(&Route) -> Router) -> Router {
    let routers = routes().into_iter().map(|asked| route(&asked));
    routers.fold(Router::new(), Router::merge)
}

async fn conforms(app: &Router) -> Result<(), Failures> {
    let suite = Suite::new().with_metadata_document();
    suite.run(async |request| answer(app, request).await).await
}
