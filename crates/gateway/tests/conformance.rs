//! The suite for adapters, through every door that carries every status.

use std::borrow::Cow;
use std::future::pending;
use std::sync::Arc;

use bearward_gateway::Current;
use bearward_gateway::config::Address;
use bearward_gateway::doors::proxy::{Limits, Proxy, Settings, Upstream, Upstreams, serve};
use bearward_gateway::net::listener::Listener;
use bearward_testing::conformance::{Failures, Suite, metadata, routes};
use http::Request;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::forward_auth::setting::{
    LOOPBACK, ask_caddy, ask_envoy, ask_nginx, ask_traefik, door, gate, head_of, identity, route,
};
use crate::proxy::fixture::{empty, send};

#[tokio::test]
async fn the_traefik_door_conforms() -> Result<(), Failures> {
    conforms(ask_traefik).await
}

#[tokio::test]
async fn the_caddy_door_conforms() -> Result<(), Failures> {
    conforms(ask_caddy).await
}

/// Envoy is told 403 for 503 and nginx one of 401 and 403 for everything: what they are told is
/// tested on its own, and that the decision is the same is tested here.
#[tokio::test]
async fn the_envoy_and_nginx_doors_decide_alike() {
    let door = door();
    for case in Suite::new().cases() {
        let wanted = decided(&door, ask_traefik(case.request())).await;
        assert_eq!(
            decided(&door, ask_envoy(case.request())).await,
            wanted,
            "{}",
            case.name()
        );
        assert_eq!(
            decided(&door, ask_nginx(case.request())).await,
            wanted,
            "{}",
            case.name()
        );
    }
}

/// What the door knows of the true answer: status, reason, challenge, subject.
async fn decided(
    door: &bearward_gateway::doors::forward_auth::ForwardAuth,
    question: Request<()>,
) -> [String; 4] {
    let response = door.answer(LOOPBACK, head_of(&question)).await;
    let field = |name| {
        let values = response.headers().get_all(name).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        values.join("|")
    };
    let reason: Option<&bearward_gateway::decision::Reason> = response.extensions().get();
    [
        field("x-bearward-status"),
        reason
            .map(|reason| reason.code().to_owned())
            .unwrap_or_default(),
        field("www-authenticate"),
        field("x-subject"),
    ]
}

async fn conforms(ask: impl Fn(Request<()>) -> Request<()>) -> Result<(), Failures> {
    let door = door();
    let adapter = async |request: Request<()>| {
        // The proxy sends whoever asks for it here.
        let question = if request.uri().path() == metadata().path() {
            request
        } else {
            ask(request)
        };
        let mut response = door.answer(LOOPBACK, head_of(&question)).await;
        // Caddy is told of a field to be removed by an empty one.
        if response
            .headers()
            .get("x-subject")
            .is_some_and(|value| value.is_empty())
        {
            response.headers_mut().remove("x-subject");
        }
        response.map(Cow::into_owned)
    };
    Suite::new().with_metadata_document().run(adapter).await
}

#[tokio::test]
async fn the_reverse_proxy_conforms() -> Result<(), Failures> {
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = application.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = application.accept().await {
            tokio::spawn(name_the_subject(stream));
        }
    });
    let names = routes();
    let names = names.iter().map(|asked| {
        let mut route = route(asked);
        route.upstream = Some("app".into());
        route
    });
    let gate = gate(names, identity(), None);
    let upstream = Upstream::new("app", [address.parse().unwrap()]);
    let upstreams = Upstreams::new([upstream]);
    let gate = Current::new(gate.upstreams(upstreams));
    let proxy = Proxy::new(gate, Settings::new());
    let any = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::bind(&any).await.unwrap();
    let Address::Tcp(address) = listener.address() else {
        panic!("not on TCP");
    };
    let served = serve(listener, Arc::new(proxy), Limits::new(), pending());
    let served = tokio::spawn(served);
    let adapter = async |request: Request<()>| {
        let response = send(address, request.map(|()| empty())).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        http::Response::from_parts(head, body)
    };
    let suite = Suite::new().with_metadata_document().without_reasons();
    let outcome = suite.run(adapter).await;
    served.abort();
    outcome
}

/// An application that answers the subject it was told, and says nothing of anything else.
async fn name_the_subject(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let subject = lines.find(|line| line.starts_with("x-subject: "));
    let subject = subject.map(|line| format!("{line}\r\n"));
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n{}\r\n",
        subject.unwrap_or_default()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
