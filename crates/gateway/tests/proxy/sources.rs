//! Tokens in other places than `Authorization`: read, taken out of the request, and not named in the
//! response.

use std::net::SocketAddr;
use std::time::Duration;

use bearward::core::source::TokenEncoding;
use bearward::{Issuer, JwkSet, ResourceServer, Source, Sources};
use bearward_gateway::config::Address;
use bearward_gateway::doors::proxy::{Expiry, Limits, Settings, Upstreams};
use bearward_gateway::identity::{Identity, Token as Credentials};
use bearward_gateway::net::listener::Listener;
use bearward_gateway::route::{Access, PathPattern, Route, Routes};
use bearward_gateway::{Gate, InForce};
use bearward_testing::conformance::{ISSUER, NOW, key_set, policy};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::fixture::{App, Gateway, SOON, Seen, bare, bearer, empty, send, token, upstream};

const FIELD: &str = "cf-access-jwt-assertion";
const PROTOCOL: &str = "sec-websocket-protocol";

fn all() -> Sources {
    let sources = [
        Source::field(FIELD),
        Source::cookie("token"),
        Source::websocket_protocol("bearer"),
        Source::websocket_prefix("api-key.", TokenEncoding::Plain),
        Source::query("access_token"),
    ];
    Sources::new(sources.map(Result::unwrap)).unwrap()
}

async fn gateway(app: SocketAddr, credentials: Credentials, settings: Settings) -> Gateway {
    let identity = Identity::builder().token(credentials);
    let identity = identity.token_field(HeaderName::from_static(FIELD));
    let route = |path, sources| {
        let mut route = Route::new(path, [PathPattern::prefix(path).unwrap()]);
        route.upstream = Some("app".into());
        route.sources = sources;
        route
    };
    let mut public = route("/public", Sources::default());
    public.access = Access::Public;
    let routes = [public, route("/off", Sources::default()), route("/", all())];
    let keys = JwkSet::parse(key_set().as_bytes()).unwrap();
    let server = ResourceServer::builder()
        .issuer(Issuer::jwk_set(policy(ISSUER), keys))
        .clock(|| NOW);
    let gate = Gate::new(Routes::new(routes), identity.build().unwrap());
    let in_force = InForce::new(server.build().unwrap(), gate);
    let in_force = in_force.upstreams(Upstreams::new([upstream(app)]));
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::bind(&address).await.unwrap();
    Gateway::serving_by(listener, in_force, settings, Limits::new())
}

async fn stripping() -> (App, Gateway) {
    let (app, addr) = App::start().await;
    let gateway = gateway(addr, Credentials::Strip, Settings::new()).await;
    (app, gateway)
}

async fn ask(gateway: &Gateway, target: &str, fields: &[(&str, &str)]) -> StatusCode {
    ask_whole(gateway, target, fields).await.status()
}

async fn ask_whole(
    gateway: &Gateway,
    target: &str,
    fields: &[(&str, &str)],
) -> Response<hyper::body::Incoming> {
    let mut request = bare(Method::GET, target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(gateway.addr, request.body(empty()).unwrap()).await
}

fn last(app: &App) -> Seen {
    app.seen().pop().unwrap()
}

#[tokio::test]
async fn t_req_11_a_token_does_not_reach_the_application() {
    let (app, gateway) = stripping().await;
    let token = token().sign();
    let cookie = format!("token={token}; b=\"2\"");
    let cookies = format!("a=1; {cookie}");
    let protocols = format!("v2.chat, bearer, {token}, chat");
    let prefixed = format!("api-key.{token}");
    let query = format!("/x?a=%20&access_token={token}&b=1+2");
    for (target, fields, name, rest, path) in [
        (
            "/x?a=%20",
            vec![(FIELD, &*token)],
            FIELD,
            vec![],
            "/x?a=%20",
        ),
        (
            "/x",
            vec![("cookie", &*cookies)],
            "cookie",
            vec!["a=1; b=\"2\""],
            "/x",
        ),
        (
            "/x",
            vec![("cookie", "a=1"), ("cookie", &cookie)],
            "cookie",
            vec!["a=1; b=\"2\""],
            "/x",
        ),
        (
            "/x",
            vec![(PROTOCOL, &*protocols)],
            PROTOCOL,
            vec!["v2.chat, chat"],
            "/x",
        ),
        ("/x", vec![(PROTOCOL, &*prefixed)], PROTOCOL, vec![], "/x"),
        (&query, vec![], PROTOCOL, vec![], "/x?a=%20&b=1+2"),
    ] {
        assert_eq!(ask(&gateway, target, &fields).await, 200, "{name}");
        let seen = last(&app);
        assert_eq!(seen.field(name), rest);
        assert_eq!(seen.target, path);
        let shown = format!("{seen:?}");
        assert!(!shown.contains(&token), "{shown}");
    }
}

/// As `Authorization` is, although nothing reads it there.
#[tokio::test]
async fn t_req_11_a_token_is_taken_out_on_every_route() {
    let (app, gateway) = stripping().await;
    let bearer = bearer();
    for (target, authorization) in [
        ("/public?access_token=secret&a=1", "Basic x"),
        ("/off", &bearer),
    ] {
        let fields = [
            ("authorization", authorization),
            (FIELD, "secret"),
            ("cookie", "token=secret; a=1"),
            (PROTOCOL, "bearer, secret, chat"),
        ];
        assert_eq!(ask(&gateway, target, &fields).await, 200, "{target}");
        let seen = last(&app);
        assert_eq!(seen.field("cookie"), ["a=1"]);
        assert_eq!(seen.field(PROTOCOL), ["chat"]);
        assert_eq!(seen.field(FIELD), Vec::<&str>::new());
        assert!(!format!("{seen:?}").contains("secret"), "{target}");
    }
}

#[tokio::test]
async fn t_hdr_08_what_carries_no_token_keeps_its_bytes() {
    let (app, gateway) = stripping().await;
    let bearer = bearer();
    let fields = [
        ("authorization", &*bearer),
        ("cookie", "a=1;b=2;  c=token=x; Token=y"),
        (PROTOCOL, "v2.chat,chat ,bearer2"),
    ];
    assert_eq!(ask(&gateway, "/x?a=access_token=1&&b", &fields).await, 200);
    let seen = last(&app);
    assert_eq!(seen.field("cookie"), [fields[1].1]);
    assert_eq!(seen.field(PROTOCOL), [fields[2].1]);
    assert_eq!(seen.target, "/x?a=access_token=1&&b");
}

#[tokio::test]
async fn t_hdr_08_a_token_reaches_the_application_where_it_is_forwarded() {
    let (app, addr) = App::start().await;
    let gateway = gateway(addr, Credentials::Forward, Settings::new()).await;
    let token = token().sign();
    let cookies = format!("a=1; token={token}");
    let protocols = format!("bearer,{token}");
    let query = format!("/x?access_token={token}");
    for (target, name, value) in [
        ("/x", FIELD, &*token),
        ("/x", "cookie", &cookies),
        ("/x", PROTOCOL, &protocols),
    ] {
        assert_eq!(ask(&gateway, target, &[(name, value)]).await, 200, "{name}");
        assert_eq!(last(&app).field(name), [value]);
    }
    assert_eq!(ask(&gateway, &query, &[]).await, 200);
    assert_eq!(last(&app).target, query);
}

#[tokio::test]
async fn t_req_04_t_req_09_t_req_10_a_source_has_its_own_refusals() {
    let (app, gateway) = stripping().await;
    let token = token().sign();
    let cookie = format!("token={token}");
    let by_cookie = ("cookie", &*cookie);
    let in_field = (FIELD, &*token);
    let version = ("sec-websocket-version", "13");
    let foreign = ("origin", "https://evil.example");
    for (target, fields, status, reason) in [
        ("/off", vec![in_field], 401, "no_credentials"),
        ("/off", vec![by_cookie], 401, "no_credentials"),
        ("/x", vec![in_field, by_cookie], 400, "multiple_credentials"),
        (
            "/x?access_token=x",
            vec![in_field],
            400,
            "multiple_credentials",
        ),
        (
            "/x",
            vec![(PROTOCOL, "bearer")],
            400,
            "malformed_credentials",
        ),
        ("/x", vec![by_cookie, version, foreign], 403, "csrf_origin"),
        ("/x", vec![by_cookie, version], 403, "csrf_origin"),
    ] {
        assert_eq!(ask(&gateway, target, &fields).await, status, "{reason}");
        let records = gateway.records(1).await;
        assert!(
            records.iter().any(|record| record.reason == reason),
            "{reason}"
        );
    }
    assert_eq!(app.arrived(), 0);
    let own = ("origin", "https://api.example");
    assert_eq!(ask(&gateway, "/x", &[by_cookie, version, own]).await, 200);
}

/// RFC 6750 §2.3.
#[tokio::test]
async fn an_answer_to_a_url_with_a_token_is_private() {
    let (_app, gateway) = stripping().await;
    let url = format!("/x?access_token={}", token().sign());
    let answer = ask_whole(&gateway, &url, &[]).await;
    assert_eq!(answer.headers()["cache-control"], "private");
    let bearer = bearer();
    let answer = ask_whole(&gateway, "/x", &[("authorization", &bearer)]).await;
    assert!(!answer.headers().contains_key("cache-control"));
}

/// Opens a WebSocket that offers these subprotocols, and returns the one that the answer names.
async fn open(gateway: &Gateway, path: &str, offered: &str) -> (Option<String>, Duration) {
    let mut request = format!("ws://api.example{path}")
        .into_client_request()
        .unwrap();
    let offered = HeaderValue::from_str(offered).unwrap();
    request.headers_mut().insert(PROTOCOL, offered);
    let stream = TcpStream::connect(gateway.addr).await.unwrap();
    let started = tokio::time::Instant::now();
    // The client refuses an answer that names none, or one that it has not offered.
    let Ok((mut socket, answer)) = client_async(request, stream).await else {
        return (None, started.elapsed());
    };
    socket.send(Message::text("one")).await.unwrap();
    let echoed = timeout(SOON, socket.next()).await.unwrap().unwrap();
    assert_eq!(echoed.unwrap().to_text().unwrap(), "one");
    let named = answer.headers().get(PROTOCOL);
    let named = named.map(|value| value.to_str().unwrap().to_owned());
    while timeout(SOON, socket.next())
        .await
        .is_ok_and(|next| matches!(next, Some(Ok(_))))
    {}
    (named, started.elapsed())
}

#[tokio::test]
async fn t_req_11_the_answer_to_a_handshake_names_no_token() {
    let (app, addr) = App::start().await;
    // The sockets end at once: the tests wait for it.
    let settings = || Settings::new().expiry(Expiry::Ends(Duration::ZERO));
    let short = token().expires_in(Duration::from_secs(1)).sign();
    let offers = [
        // The application chooses none.
        ("/ws", format!("bearer, {short}"), Some("bearer"), None),
        (
            "/ws",
            format!("bearer, {short}, chat"),
            Some("bearer"),
            Some("chat"),
        ),
        // It chooses the first it gets.
        (
            "/first/ws",
            format!("bearer, {short}, chat"),
            Some("chat"),
            Some("chat"),
        ),
        (
            "/first/ws",
            format!("chat, api-key.{short}"),
            Some("chat"),
            Some("chat"),
        ),
        (
            "/first/ws",
            format!("bearer, {short}"),
            Some("bearer"),
            None,
        ),
        // Nothing could be named without the token.
        ("/ws", format!("api-key.{short}"), None, None),
    ];
    let stripping = gateway(addr, Credentials::Strip, settings()).await;
    for (path, offered, named, passed) in &offers {
        let (found, _) = open(&stripping, path, offered).await;
        assert_eq!(found.as_deref(), *named, "{path} {named:?}");
        assert_eq!(
            last(&app).field(PROTOCOL),
            passed.iter().copied().collect::<Vec<_>>()
        );
    }
    // An application that receives the token and names it.
    let forwarding = gateway(addr, Credentials::Forward, settings()).await;
    for (path, offered, named) in [
        ("/last/ws", format!("bearer, {short}"), Some("bearer")),
        ("/last/ws", format!("chat, api-key.{short}"), None),
        ("/first/ws", format!("bearer, {short}"), Some("bearer")),
    ] {
        let (found, _) = open(&forwarding, path, &offered).await;
        assert_eq!(found.as_deref(), named, "{path}");
        assert_eq!(last(&app).field(PROTOCOL), [&*offered]);
    }
}

#[tokio::test]
async fn t_cch_13_a_websocket_ends_with_the_token_of_its_subprotocol() {
    let (_app, addr) = App::start().await;
    let settings = Settings::new().expiry(Expiry::Ends(Duration::from_secs(1)));
    let gateway = gateway(addr, Credentials::Strip, settings).await;
    let short = token().expires_in(Duration::from_secs(1)).sign();
    let (named, lasted) = open(&gateway, "/ws", &format!("bearer, {short}")).await;
    assert_eq!(named.as_deref(), Some("bearer"));
    assert!(
        lasted >= Duration::from_secs(2) && lasted < SOON,
        "{lasted:?}"
    );
    assert_eq!(gateway.reason().await.0, "stream_expired");
}
