//! What is answered: statuses that each proxy can carry, and nothing to store.

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bearward::{Rejection, RequestHead};
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, DOWN_ISSUER, NOW, Suite};
use http::{HeaderValue, Method, Response, StatusCode};

use super::setting::{
    DIALECTS, Hangs, LOOPBACK, answer, ask_envoy, ask_nginx, ask_traefik, carried, code, door,
    door_of_transport, field, get, good, head_of, with,
};

#[tokio::test]
async fn statuses_are_mapped_as_each_proxy_can_carry_them() {
    let door = door();
    let malformed = || {
        let mut request = get("/");
        request
            .headers_mut()
            .insert("authorization", HeaderValue::from_static("Bearer a b"));
        request
    };
    let down = || with(&Token::user(DOWN_ISSUER, AUDIENCE, NOW), "/");
    // What was decided, and what is told where every status is carried, challenges alone, and no server error.
    for (request, wanted, true_status, statuses) in [
        (get("/"), "no_credentials", "401", [401, 401, 401]),
        (
            good("/scoped"),
            "insufficient_scope",
            "403",
            [403, 403, 403],
        ),
        (good("/a//b"), "ambiguous_path", "400", [400, 403, 400]),
        (malformed(), "malformed_credentials", "400", [400, 401, 400]),
        (down(), "keys_unavailable", "503", [503, 403, 403]),
    ] {
        for (dialect, ask) in DIALECTS {
            let status = carried(dialect, statuses);
            let response = answer(&door, ask(request.clone())).await;
            assert_eq!(code(&response), wanted, "{dialect}");
            assert_eq!(response.status(), status, "{dialect} {wanted}");
            assert_eq!(
                field(&response, "x-bearward-status"),
                true_status,
                "{dialect} {wanted}"
            );
            assert_body_agrees(&response, true_status);
        }
    }
}

/// A problem document that says another status than it came with would be a lie.
fn assert_body_agrees(response: &Response<Cow<'static, str>>, true_status: &str) {
    let has_type = response.headers().contains_key("content-type");
    let is_mapped = response.status().as_str() != true_status;
    assert_eq!(response.body().is_empty(), is_mapped, "{true_status}");
    assert_eq!(has_type, !is_mapped, "{true_status}");
    assert!(is_mapped || response.body().contains(true_status));
}

#[tokio::test]
async fn the_challenge_survives_in_every_dialect() {
    let door = door();
    for (dialect, ask) in DIALECTS {
        let mut request = get("/");
        request
            .headers_mut()
            .insert("authorization", HeaderValue::from_static("Bearer a b"));
        let response = answer(&door, ask(request)).await;
        let challenge = field(&response, "www-authenticate");
        assert!(challenge.contains("error=\"invalid_request\""), "{dialect}");
        let response = answer(&door, ask(good("/scoped"))).await;
        let challenge = field(&response, "www-authenticate");
        assert!(challenge.contains("scope=\"orders:read\""), "{dialect}");
        let rejection: Option<&Rejection> = response.extensions().get();
        assert!(
            matches!(rejection, Some(Rejection::InsufficientScope(_))),
            "{dialect}"
        );
    }
}

#[tokio::test]
async fn t_prx_02_envoy_never_sees_a_server_error() {
    let door = door();
    let suite = Suite::new();
    for case in suite.cases() {
        let response = answer(&door, ask_envoy(case.request())).await;
        assert!(!response.status().is_server_error(), "{}", case.name());
        let response = answer(&door, ask_nginx(case.request())).await;
        assert!(
            matches!(response.status().as_u16(), 200 | 401 | 403),
            "{}",
            case.name()
        );
    }
}

#[tokio::test]
async fn t_prx_06_no_answer_may_be_stored() {
    let door = door();
    let stranger: IpAddr = "192.0.2.7".parse().unwrap();
    let question = ask_nginx(good("/"));
    let response = door.answer(stranger, head_of(&question)).await;
    assert_eq!(field(&response, "cache-control"), "no-store");
    for (dialect, ask) in DIALECTS {
        for request in [
            good("/"),
            get("/"),
            get("/optional"),
            good("/admin"),
            good("/a//b"),
            with(&Token::user(DOWN_ISSUER, AUDIENCE, NOW), "/"),
        ] {
            let response = answer(&door, ask(request)).await;
            assert_eq!(field(&response, "cache-control"), "no-store", "{dialect}");
            assert!(!response.headers().contains_key("set-cookie"), "{dialect}");
        }
    }
}

#[tokio::test]
async fn a_prx_01_head_http_1_0_and_an_empty_body_are_fine() {
    let door = door();
    for (dialect, ask) in DIALECTS {
        let mut question = ask(good("/"));
        *question.version_mut() = http::Version::HTTP_10;
        question
            .headers_mut()
            .insert("content-length", HeaderValue::from_static("0"));
        assert_eq!(
            answer(&door, question).await.status(),
            StatusCode::OK,
            "{dialect}"
        );
        let mut request = good("/");
        *request.method_mut() = Method::HEAD;
        let mut question = ask(request);
        *question.method_mut() = Method::HEAD;
        assert_eq!(
            answer(&door, question).await.status(),
            StatusCode::OK,
            "{dialect}"
        );
    }
}

#[tokio::test]
async fn t_prx_05_a_body_is_not_even_asked_for() {
    /// There is no way to read it.
    struct Endless;

    let door = door();
    for (dialect, ask) in DIALECTS {
        let mut question = ask(good("/")).map(|()| Endless);
        let length = HeaderValue::from_static("10737418240");
        question.headers_mut().insert("content-length", length);
        let response = door.answer(LOOPBACK, RequestHead::from(&question)).await;
        assert_eq!(response.status(), StatusCode::OK, "{dialect}");
    }
}

#[tokio::test]
async fn t_prx_03_a_proxy_that_hangs_up_changes_nothing() {
    let door = door_of_transport(Hangs);
    let question = ask_traefik(with(&Token::user(DOWN_ISSUER, AUDIENCE, NOW), "/"));
    {
        // Servers spawn it, so it can be sent.
        let mut dropped: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(door.answer(LOOPBACK, head_of(&question)));
        let mut context = Context::from_waker(Waker::noop());
        let _: Poll<_> = dropped.as_mut().poll(&mut context);
    }
    let response = answer(&door, ask_traefik(good("/"))).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn t_err_02_nothing_that_was_sent_is_answered() {
    let door = door();
    for (dialect, ask) in DIALECTS {
        let mut request = get("/evilpath?evilquery");
        request
            .headers_mut()
            .insert("authorization", HeaderValue::from_static("Bearer evil"));
        request
            .headers_mut()
            .insert("host", HeaderValue::from_static("evil.example"));
        request
            .headers_mut()
            .insert("x-authgear-evil", HeaderValue::from_static("evil"));
        let response = answer(&door, ask(request)).await;
        assert!(response.status().is_client_error());
        let shown = format!("{:?} {}", response.headers(), response.body());
        assert!(!shown.contains("evil"), "{dialect}: {shown}");
    }
}
