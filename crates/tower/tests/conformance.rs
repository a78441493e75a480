//! The suite for adapters, through layers in every arrangement.

use std::collections::HashMap;
use std::convert::Infallible;

use bearward::{Principal, ResourceServer};
use bearward_testing::conformance::{Failures, Route, RouteAccess, Suite, metadata, routes};
use bearward_tower::BearerLayer;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use tower::util::{BoxCloneService, service_fn};
use tower::{Layer, ServiceExt};

use crate::fixture::server;

type Door = BoxCloneService<Request<()>, Response<Full<Bytes>>, Infallible>;

#[tokio::test]
async fn one_layer_conforms() -> Result<(), Failures> {
    let server = server();
    conforms(|route| layer(&server, route).layer(handler()).boxed_clone()).await
}

#[tokio::test]
async fn a_layer_within_another_conforms() -> Result<(), Failures> {
    let server = server();
    conforms(|route| {
        let inner = layer(&server, route).layer(handler());
        access(&server, route).layer(inner).boxed_clone()
    })
    .await
}

#[tokio::test]
async fn a_layer_around_another_conforms() -> Result<(), Failures> {
    let server = server();
    conforms(|route| {
        let inner = access(&server, route).layer(handler());
        layer(&server, route).layer(inner).boxed_clone()
    })
    .await
}

#[tokio::test]
async fn an_optional_layer_outside_changes_nothing() -> Result<(), Failures> {
    let server = server();
    conforms(|route| {
        let inner = layer(&server, route).layer(handler());
        let outer = BearerLayer::new(&server).optional();
        outer.layer(inner).boxed_clone()
    })
    .await
}

#[tokio::test]
async fn layers_of_two_servers_conform() -> Result<(), Failures> {
    let (one, other) = (server(), server());
    conforms(|route| {
        let inner = layer(&one, route).layer(handler());
        layer(&other, route).layer(inner).boxed_clone()
    })
    .await
}

/// The layer that a route asks for.
fn layer(server: &ResourceServer, route: &Route) -> BearerLayer {
    let layer = access(server, route);
    match route.requirements() {
        Some(requirements) => layer.require(requirements.clone()),
        None => layer,
    }
}

/// The same, but for the requirements.
fn access(server: &ResourceServer, route: &Route) -> BearerLayer {
    let layer = BearerLayer::new(server);
    match route.access() {
        RouteAccess::Required => layer,
        RouteAccess::Optional => layer.optional(),
    }
}

async fn conforms(door: impl Fn(&Route) -> Door) -> Result<(), Failures> {
    let doors: HashMap<_, _> = routes()
        .iter()
        .map(|route| (route.path(), door(route)))
        .collect();
    let adapter = async |request: Request<()>| {
        let door = doors.get(request.uri().path()).cloned();
        let door = door.unwrap_or_else(|| service_fn(metadata_document).boxed_clone());
        let response = door.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Response::from_parts(parts, String::from_utf8(body.into()).unwrap())
    };
    Suite::new().with_metadata_document().run(adapter).await
}

/// The handler behind each door.
fn handler()
-> impl tower::Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(async |request: Request<()>| {
        let principal: Option<&Principal> = request.extensions().get();
        let mut response = Response::builder();
        if let Some(principal) = principal {
            response = response.header("x-subject", principal.subject());
        }
        Ok(response.body(Full::from("welcome")).unwrap())
    })
}

/// What an application serves beside its layers.
async fn metadata_document(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    let metadata = metadata();
    let mut response = Response::builder();
    if request.uri().path() != metadata.path() {
        response = response.status(StatusCode::NOT_FOUND);
    }
    let response = response
        .header("content-type", "application/json")
        .header("access-control-allow-origin", "*");
    Ok(response
        .body(metadata.to_json().into_bytes().into())
        .unwrap())
}
