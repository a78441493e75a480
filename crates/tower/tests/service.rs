//! The service: what it hands on, what it keeps back, and what it asks of its types.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bearward::{Principal, Rejection, ResourceServer};
use bearward_testing::conformance::{AUDIENCE, ISSUER};
use bearward_testing::token::SUBJECT;
use bearward_tower::{BearerLayer, BearerService};
use http::{Method, Request, Response, StatusCode, Version};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::fixture::{anonymous, answer, forged, good, reason, server, who, with};

#[tokio::test]
async fn the_principal_is_in_the_extensions() {
    let handler = service_fn(async |request: Request<()>| {
        let principal = request.extensions().get::<Principal>().cloned();
        let mut response = Response::new(String::new());
        response.extensions_mut().insert(principal.unwrap());
        Ok::<_, Infallible>(response)
    });
    let service = BearerLayer::new(&server()).layer(handler);
    let response = answer(&service, with(&good())).await;
    let principal: &Principal = response.extensions().get().unwrap();
    assert_eq!(principal.issuer(), ISSUER);
    assert_eq!(principal.subject(), SUBJECT);
    assert!(principal.has_scope("profile"));
    assert_eq!(reason(&response), None);
}

#[tokio::test]
async fn the_rejection_is_left_for_layers_outside() {
    let service = BearerLayer::new(&server()).layer(who());
    let response = answer(&service, anonymous()).await;
    let rejection: Option<&Rejection> = response.extensions().get();
    assert_eq!(rejection, Some(&Rejection::NoCredentials));
    let response = answer(&service, with(&forged())).await;
    assert_eq!(reason(&response), Some("signature_invalid"));
}

#[tokio::test]
async fn the_inner_service_is_called_for_those_only_who_may() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let handler = service_fn(move |_: Request<()>| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Infallible>(Response::new(String::new())) }
    });
    let service = BearerLayer::new(&server()).layer(handler);
    for refused in [
        anonymous(),
        with(&forged()),
        with(&good().without_claim("exp")),
    ] {
        assert_eq!(
            answer(&service, refused).await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    answer(&service, with(&good())).await;
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn request_and_response_pass_unchanged() {
    let echo = service_fn(async |request: Request<String>| {
        let (parts, body) = request.into_parts();
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        *response.version_mut() = parts.version;
        *response.headers_mut() = parts.headers;
        response.extensions_mut().insert((parts.method, parts.uri));
        response.extensions_mut().extend(parts.extensions);
        Ok::<_, Infallible>(response)
    });
    let service = BearerLayer::new(&server()).layer(echo);
    let bearer = format!("Bearer {}", good().sign());
    let request = Request::put("https://api.example/orders?page=2")
        .version(Version::HTTP_2)
        .header("authorization", bearer)
        .header("cookie", "a=b")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .extension("of another layer")
        .body("a body".to_owned())
        .unwrap();
    let sent = request.headers().clone();
    let response = answer(&service, request).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(*response.headers(), sent);
    assert_eq!(response.body(), "a body");
    let (method, uri): &(Method, http::Uri) = response.extensions().get().unwrap();
    assert_eq!(*method, Method::PUT);
    assert_eq!(*uri, "https://api.example/orders?page=2");
    assert_eq!(response.extensions().get(), Some(&"of another layer"));
}

/// For frameworks whose routers change the target; without being told, the layer takes that of the request.
#[tokio::test]
async fn t_req_03_the_target_is_the_one_that_was_sent() {
    let server = server();
    let layer = BearerLayer::new(&server);
    let knowing = layer.clone().original_uri(|extensions| extensions.get());
    let sent = |target: &'static str, original: Option<&'static str>| {
        let mut request = with(&good());
        *request.uri_mut() = http::Uri::from_static(target);
        let original = original.map(http::Uri::from_static);
        original.map(|original| request.extensions_mut().insert(original));
        request
    };
    let twice = "/v1/orders?access_token=a";
    for (layer, request, expected) in [
        (
            &knowing,
            sent("/orders", Some(twice)),
            Some("multiple_credentials"),
        ),
        (&knowing, sent(twice, Some("/v1/orders")), None),
        (&knowing, sent(twice, None), Some("multiple_credentials")),
        (&knowing, sent("/orders", None), None),
        (&layer, sent("/orders", Some(twice)), None),
        (
            &layer,
            sent(twice, Some("/v1/orders")),
            Some("multiple_credentials"),
        ),
    ] {
        let response = answer(&layer.layer(who()), request).await;
        assert_eq!(reason(&response), expected);
    }
}

#[tokio::test]
async fn an_error_of_the_inner_service_passes() {
    let failing = service_fn(async |_: Request<()>| Err::<Response<String>, _>("broken"));
    let service = BearerLayer::new(&server()).layer(failing);
    let error = service.clone().oneshot(with(&good())).await.unwrap_err();
    assert_eq!(error, "broken");
    let refused = service.oneshot(anonymous()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn access_is_required_unless_it_is_said_otherwise() {
    let server = ResourceServer::builder()
        .issuer(bearward::Issuer::jwk_set(
            bearward_testing::conformance::policy(ISSUER),
            bearward::JwkSet::parse(bearward_testing::conformance::key_set().as_bytes()).unwrap(),
        ))
        .clock(|| bearward_testing::conformance::NOW)
        .build()
        .unwrap();
    let service = BearerLayer::new(&server).layer(who());
    for method in [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::OPTIONS,
        Method::TRACE,
    ] {
        let mut request = anonymous();
        *request.method_mut() = method;
        assert_eq!(
            reason(&answer(&service, request).await),
            Some("no_credentials")
        );
    }
    let other = good().claim("aud", format!("{AUDIENCE}/other"));
    assert_eq!(
        reason(&answer(&service, with(&other)).await),
        Some("aud_mismatch")
    );
}

#[tokio::test]
async fn a_body_need_not_be_sync() {
    struct Body(Cell<u8>);
    let handler = service_fn(async |request: Request<Body>| {
        Ok::<_, Infallible>(Response::new(request.body().0.get().to_string()))
    });
    let service = BearerLayer::new(&server()).layer(handler);
    let request = with(&good()).map(|()| Body(Cell::new(7)));
    let task = tokio::spawn(service.oneshot(request));
    assert_eq!(task.await.unwrap().unwrap().body(), "7");
}

#[tokio::test]
async fn the_inner_service_need_not_be_sync() {
    let calls = Cell::new(0);
    let handler = service_fn(move |_: Request<()>| {
        calls.set(calls.get() + 1);
        let calls = calls.get().to_string();
        async { Ok::<_, Infallible>(Response::new(calls)) }
    });
    let mut service = BearerLayer::new(&server()).layer(handler);
    let task = tokio::spawn(async move {
        let response = service.ready().await.unwrap().call(with(&good())).await;
        response.unwrap().into_body()
    });
    assert_eq!(task.await.unwrap(), "1");
}

#[test]
fn layer_and_service_can_be_cloned_and_sent() {
    fn assert_layer<T: Clone + Send + Sync + Unpin + fmt::Debug + 'static>() {}
    assert_layer::<BearerLayer>();
    assert_layer::<BearerService<()>>();

    fn assert_clone_send<T: Clone + Send + 'static>() {}
    assert_clone_send::<BearerService<Cell<u8>>>();
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let layer = BearerLayer::new(&server());
    let shown = format!("{layer:?} {:?}", layer.layer(()));
    assert!(shown.contains(ISSUER), "{shown}");
    assert!(!shown.contains("\"n\""), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_are_not_mixed_up() {
    let service = BearerLayer::new(&server()).layer(who());
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let subject = format!("user {number}");
            let token = good().claim("sub", &*subject);
            let request = match number % 3 {
                0 => with(&token),
                1 => with(&token.claim("aud", "https://other.example")),
                _ => anonymous(),
            };
            let task = tokio::spawn(service.clone().oneshot(request));
            (number, subject, task)
        })
        .collect();
    for (number, subject, task) in tasks {
        let response = task.await.unwrap().unwrap();
        match number % 3 {
            0 => assert_eq!(*response.body(), subject),
            1 => assert_eq!(reason(&response), Some("aud_mismatch")),
            _ => assert_eq!(reason(&response), Some("no_credentials")),
        }
    }
}
