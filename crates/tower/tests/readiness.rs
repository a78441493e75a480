//! tower's contract: the service that was polled ready is the one that is called, and what it
//! reserved is given back.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bearward_tower::BearerLayer;
use http::{Request, Response, StatusCode};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::fixture::{anonymous, good, server, who, with};

/// Refuses to be called without having been polled; a clone of a ready one is not ready.
struct Strict {
    is_ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { is_ready: false }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.is_ready),
            "called before it was ready"
        );
        ready(Ok(Response::new(String::new())))
    }
}

#[tokio::test]
async fn the_service_that_was_polled_is_the_one_that_is_called() {
    let mut service = BearerLayer::new(&server()).layer(Strict { is_ready: false });
    for request in [with(&good()), with(&good()), anonymous(), with(&good())] {
        let response = service.ready().await.unwrap().call(request);
        response.await.unwrap();
    }
    // Two calls under way at once.
    let first = service.ready().await.unwrap().call(with(&good()));
    let second = service.ready().await.unwrap().call(with(&good()));
    let (first, second) = tokio::join!(second, first);
    assert_eq!(first.unwrap().status(), StatusCode::OK);
    assert_eq!(second.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn nested_layers_keep_the_contract() {
    let server = server();
    let mut service = ServiceBuilder::new()
        .layer(BearerLayer::new(&server).optional())
        .layer(BearerLayer::new(&server))
        .service(Strict { is_ready: false });
    for request in [with(&good()), anonymous(), with(&good())] {
        let response = service.ready().await.unwrap().call(request);
        response.await.unwrap();
    }
}

/// Is ready when it is told so, and fails when it is told otherwise.
#[derive(Clone)]
struct Told {
    is_ready: Arc<AtomicBool>,
    is_broken: Arc<AtomicBool>,
}

impl Service<Request<()>> for Told {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Poll::Ready(Err("broken"));
        }
        if self.is_ready.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(String::new())))
    }
}

#[tokio::test]
async fn readiness_is_that_of_the_inner_service() {
    let told = Told {
        is_ready: Arc::default(),
        is_broken: Arc::default(),
    };
    let mut service = BearerLayer::new(&server()).layer(told.clone());
    let mut poll = async || poll_fn(|context| Poll::Ready(service.poll_ready(context))).await;
    assert_eq!(poll().await, Poll::Pending);
    told.is_ready.store(true, Ordering::Relaxed);
    assert_eq!(poll().await, Poll::Ready(Ok(())));
    told.is_broken.store(true, Ordering::Relaxed);
    assert_eq!(poll().await, Poll::Ready(Err("broken")));
}

#[tokio::test]
async fn a_refusal_gives_back_what_was_reserved() {
    let mut service = ServiceBuilder::new()
        .layer(BearerLayer::new(&server()))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(who());
    for request in [anonymous(), with(&good()), anonymous(), with(&good())] {
        let response = service.ready().await.unwrap().call(request);
        response.await.unwrap();
    }
}
