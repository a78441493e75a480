//! Tokens in other places than `Authorization`: what each proxy is to pass on in place of the client's.

use std::borrow::Cow;

use bearward::{Source, Sources};
use bearward_gateway::doors::forward_auth::ForwardAuth;
use bearward_gateway::identity::{Identity, Token as Credentials};
use bearward_gateway::route::Route;
use http::{HeaderName, HeaderValue, Method, Request, Response};

use super::setting::{
    DIALECTS, TO_REMOVE, answer, assert_refused_plainly, assert_removed, code, door_of, field, get,
    good, prefix, user,
};

const FIELD: &str = "x-goog-iap-jwt-assertion";
const PROTOCOL: &str = "sec-websocket-protocol";

fn door(credentials: Credentials) -> ForwardAuth {
    let mut route = Route::new("all", [prefix("/")]);
    let sources = [
        Source::field(FIELD),
        Source::cookie("token"),
        Source::websocket_protocol("bearer"),
    ];
    route.sources = Sources::new(sources.map(Result::unwrap)).unwrap();
    let identity = Identity::builder().token(credentials);
    let identity = identity.token_field(HeaderName::from_static(FIELD));
    door_of([route], identity.build().unwrap())
}

fn carrying(fields: &[(&'static str, &str)]) -> Request<()> {
    let mut request = get("/orders");
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

fn assert_rest(
    response: &Response<Cow<'static, str>>,
    dialect: &str,
    name: &str,
    (is_sent, rest): (bool, Option<&str>),
) {
    match rest {
        Some(rest) => assert_eq!(field(response, name), rest, "{dialect}"),
        // Envoy need not remove what nobody sent.
        None if dialect == "envoy" && !is_sent => {
            assert!(!response.headers().contains_key(name));
            let list = response.headers().get(TO_REMOVE).unwrap();
            assert!(!list.to_str().unwrap().contains(name));
        }
        None => assert_removed(response, dialect, name),
    }
}

#[tokio::test]
async fn t_req_11_each_proxy_learns_what_remains_without_the_token() {
    let door = door(Credentials::Strip);
    let token = user().sign();
    let bearer = format!("Bearer {token}");
    let cookies = format!("a=1; token={token}; b=2");
    let cookie = format!("token={token}");
    let pair = format!("bearer, {token}");
    let more = format!("v2.chat,bearer,{token}, chat");
    for (fields, cookie_rest, protocol_rest) in [
        (vec![(FIELD, &*token)], None, None),
        (vec![("cookie", &*cookies)], Some("a=1; b=2"), None),
        (vec![("cookie", &*cookie)], None, None),
        (
            vec![("cookie", "a=1"), ("cookie", &*cookie)],
            Some("a=1"),
            None,
        ),
        (vec![(PROTOCOL, &*pair)], None, None),
        (
            vec![(PROTOCOL, &*more), ("cookie", "a=1;b")],
            Some("a=1;b"),
            Some("v2.chat, chat"),
        ),
        (
            vec![("authorization", &*bearer), (PROTOCOL, "v2.chat,chat")],
            None,
            Some("v2.chat,chat"),
        ),
    ] {
        for (dialect, ask) in DIALECTS {
            let response = answer(&door, ask(carrying(&fields))).await;
            assert_eq!(code(&response), "admitted", "{dialect}");
            let is_sent = |name| fields.iter().any(|(sent, _)| *sent == name);
            let (cookie, protocol) = (is_sent("cookie"), is_sent(PROTOCOL));
            assert_rest(&response, dialect, "cookie", (cookie, cookie_rest));
            assert_rest(&response, dialect, PROTOCOL, (protocol, protocol_rest));
            assert_removed(&response, dialect, FIELD);
            let shown = format!("{:?}", response.headers());
            assert!(!shown.contains(&token), "{dialect}");
        }
    }
}

/// nginx alone can complete the response to a handshake, and only it learns how.
#[tokio::test]
async fn t_req_11_nginx_learns_which_subprotocol_to_name() {
    let door = door(Credentials::Strip);
    let pair = format!("bearer, {}", user().sign());
    for (dialect, ask) in DIALECTS {
        let response = answer(&door, ask(carrying(&[(PROTOCOL, &pair)]))).await;
        let named = response.headers().get("x-bearward-subprotocol");
        let expected = (dialect == "nginx").then_some("bearer");
        assert_eq!(named.map(|name| name.to_str().unwrap()), expected);
        let response = answer(&door, ask(good("/orders"))).await;
        assert!(!response.headers().contains_key("x-bearward-subprotocol"));
    }
}

#[tokio::test]
async fn t_hdr_08_a_token_that_is_forwarded_stays() {
    let door = door(Credentials::Forward);
    let cookie = format!("token={}", user().sign());
    for (dialect, ask) in DIALECTS {
        let response = answer(&door, ask(carrying(&[("cookie", &cookie)]))).await;
        assert_eq!(code(&response), "admitted", "{dialect}");
        assert!(!response.headers().contains_key("cookie"), "{dialect}");
        let list = response.headers().get(TO_REMOVE);
        assert!(list.is_none_or(|list| !list.to_str().unwrap().contains("cookie")));
    }
}

/// The host is that of the request, which the dialect names, not of the question.
#[tokio::test]
async fn t_req_09_a_foreign_page_is_refused_through_every_proxy() {
    let door = door(Credentials::Strip);
    let cookie = format!("token={}", user().sign());
    let version = ("sec-websocket-version", "13");
    for (method, fields, expected) in [
        (
            Method::POST,
            vec![("origin", "https://evil.example")],
            "csrf_origin",
        ),
        (
            Method::POST,
            vec![("origin", "https://bearward.internal")],
            "csrf_origin",
        ),
        (Method::POST, vec![], "csrf_origin"),
        (
            Method::POST,
            vec![("origin", "https://api.example")],
            "admitted",
        ),
        (Method::GET, vec![version], "csrf_origin"),
        (
            Method::GET,
            vec![version, ("origin", "https://api.example")],
            "admitted",
        ),
        (Method::GET, vec![], "admitted"),
    ] {
        for (dialect, ask) in DIALECTS {
            let fields = [&fields[..], &[("cookie", &*cookie)]].concat();
            let mut request = carrying(&fields);
            *request.method_mut() = method.clone();
            let response = answer(&door, ask(request)).await;
            assert_eq!(code(&response), expected, "{dialect} {method}");
            let is_refused = expected == "csrf_origin";
            assert_eq!(response.status() == 403, is_refused, "{dialect} {method}");
        }
    }
}

#[tokio::test]
async fn t_req_09_a_foreign_page_gets_no_challenge() {
    let door = door(Credentials::Strip);
    let cookie = format!("token={}", user().sign());
    for (_, ask) in DIALECTS {
        let mut request = carrying(&[("cookie", &cookie)]);
        *request.method_mut() = Method::POST;
        assert_refused_plainly(&answer(&door, ask(request)).await, 403);
    }
}
