//! Who may ask, and where.

use std::net::IpAddr;

use bearward_gateway::Current;
use bearward_gateway::doors::forward_auth::{ForwardAuth, Peer, TrustedPeers};
use http::StatusCode;

use super::setting::{
    DIALECTS, LOOPBACK, answer, ask_nginx, assert_refused_plainly, code, door, field, gate, get,
    good, head_of, identity,
};

#[tokio::test]
async fn t_fwd_02_another_peer_is_refused_whatever_it_asks() {
    let door = door();
    let stranger: IpAddr = "192.0.2.7".parse().unwrap();
    for (dialect, ask) in DIALECTS {
        let question = ask(good("/"));
        let response = door.answer(stranger, head_of(&question)).await;
        assert_eq!(code(&response), "untrusted_peer", "{dialect}");
        assert_refused_plainly(&response, 403);
    }
    // Neither that a field is missing nor that there is no such path comes first.
    for path in ["/auth/nginx", "/", "/metrics"] {
        let question = get(path);
        let response = door.answer(stranger, head_of(&question)).await;
        assert_eq!(code(&response), "untrusted_peer", "{path}");
    }
}

#[tokio::test]
async fn t_fwd_02_configured_peers_and_the_unix_socket_may_ask() {
    let gate = gate([], identity(), None);
    let networks = TrustedPeers::new(["10.0.0.0/8".parse().unwrap()]);
    let door = ForwardAuth::new(Current::new(gate), networks);
    let question = ask_nginx(good("/"));
    let from = |peer: Peer| door.answer(peer, head_of(&question));
    let proxy: IpAddr = "10.1.2.3".parse().unwrap();
    assert_eq!(from(proxy.into()).await.status(), StatusCode::OK);
    assert_eq!(from(Peer::UnixSocket).await.status(), StatusCode::OK);
    assert_eq!(code(&from(LOOPBACK).await), "untrusted_peer");
}

#[tokio::test]
async fn a_path_that_is_no_endpoint_is_answered_with_nothing() {
    let door = door();
    for path in [
        "/",
        "/auth",
        "/auth/",
        "/auth/nginx/",
        "/auth/nginxx",
        "/auth/NGINX",
        "/auth/haproxy",
    ] {
        let response = answer(&door, get(path)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(*response.body(), "");
        assert_eq!(response.headers().len(), 1, "{:?}", response.headers());
        assert_eq!(field(&response, "cache-control"), "no-store");
    }
}
