//! The protected resource metadata (RFC 9728) at every door.

use bearward_gateway::decision::Reason;
use bearward_gateway::doors::ext_authz::ExtAuthz;
use bearward_gateway::doors::forward_auth::{Peer, TrustedPeers};
use bearward_gateway::identity::Identity;
use bearward_gateway::{Current, Decision};
use bearward_testing::DevIssuer;
use bearward_testing::conformance::metadata;
use envoy_types::ext_authz::v3::pb::HttpResponse;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::ext_authz::{ask, question};
use crate::forward_auth::setting::{LOOPBACK, door, gate, head_of};
use crate::proxy::fixture::raw;
use crate::running::{Running, get, issuers, status};

const PATH: &str = "/.well-known/oauth-protected-resource/v1";

/// The gateway with every door that serves it, protecting `https://api.example/v1`.
async fn start(issuer: &DevIssuer) -> Running {
    let text = format!(
        "{}[protection]\nresource = 'https://api.example/v1'\nscopes = ['orders:read']\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n\
         [upstreams.app]\nurls = 'http://127.0.0.1:9'\n\
         [listen.proxy]\naddress = '127.0.0.1:0'\n[listen.forward_auth]\naddress = '127.0.0.1:0'\n",
        issuers(&[issuer])
    );
    Running::start(&text).await
}

#[tokio::test]
async fn the_metadata_is_served_without_a_token_and_from_configuration_alone() {
    let issuer = DevIssuer::start().await.unwrap();
    let running = start(&issuer).await;
    for door in ["proxy", "forward auth"] {
        let address = running.address(door);
        for path in [PATH.to_owned(), format!("{PATH}?x=1")] {
            let answer = get(address, &path, "X-Forwarded-Host: evil.example\r\n").await;
            assert_eq!(status(&answer), 200, "{door}: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let head = head.to_ascii_lowercase();
            assert!(head.contains("content-type: application/json"), "{head}");
            assert!(head.contains("access-control-allow-origin: *"), "{head}");
            let document: Value = serde_json::from_str(body).unwrap();
            assert_eq!(
                document,
                json!({
                    "resource": "https://api.example/v1",
                    "authorization_servers": [issuer.url()],
                    "scopes_supported": ["orders:read"],
                    "bearer_methods_supported": ["header"],
                })
            );
        }
    }
    // The challenge names it; what is beside it falls under the routes.
    let proxy = running.address("proxy");
    let refused = get(proxy, "/", "").await;
    let named = format!("resource_metadata=\"https://api.example{PATH}\"");
    assert!(refused.contains(&named), "{refused}");
    for other in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/v1/",
        "/.well-known/oauth-protected-resource/v2",
        "/.well-known/OAuth-protected-resource/v1",
    ] {
        assert_eq!(status(&get(proxy, other, "").await), 401, "{other}");
        let door = running.address("forward auth");
        assert_eq!(status(&get(door, other, "").await), 404, "{other}");
    }
    let metrics = running.metrics.encode().unwrap();
    for line in [
        r#"bearward_requests_total{door="proxy",route="-",reason="metadata",shadowed=""} 2"#,
        r#"bearward_requests_total{door="forward_auth",route="-",reason="metadata",shadowed=""} 2"#,
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    running.stop().await;
}

#[tokio::test]
async fn t_req_08_a_preflight_of_the_metadata_is_answered_at_every_door() {
    let issuer = DevIssuer::start().await.unwrap();
    let running = start(&issuer).await;
    let preflight = "Origin: https://page.example\r\nAccess-Control-Request-Method: GET\r\n\
        Access-Control-Request-Headers: mcp-protocol-version\r\n";
    for door in ["proxy", "forward auth"] {
        let address = running.address(door);
        let ask = async |fields: &str, body: &str| {
            let message = format!(
                "OPTIONS {PATH} HTTP/1.1\r\nHost: a.example\r\n{fields}Connection: close\r\n\r\n{body}"
            );
            raw(address, message).await
        };
        let answer = ask(preflight, "").await;
        assert_eq!(status(&answer), 204, "{door}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.is_empty(), "{door}: {answer}");
        for line in [
            "access-control-allow-origin: *",
            "access-control-allow-methods: GET, HEAD",
            "access-control-allow-headers: *, Authorization",
            "access-control-max-age: 86400",
        ] {
            assert!(head.contains(line), "{door}: {head}");
        }
        let with_body = format!("{preflight}Content-Length: 4\r\n");
        assert_eq!(status(&ask(&with_body, "body").await), 405, "{door}");
        assert_eq!(status(&ask("", "").await), 405, "{door}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_metadata_is_read_only_and_for_peers_that_may_not_ask() {
    let target = metadata().path().to_owned();
    let stranger = Peer::Ip("192.0.2.7".parse().unwrap());
    let of = async |method: Method| {
        let request = Request::builder().method(method).uri(&target);
        let request = request.body(()).unwrap();
        door().answer(stranger, head_of(&request)).await
    };
    for method in [Method::GET, Method::HEAD] {
        let response = of(method).await;
        assert_eq!(response.status(), 200);
        assert_eq!(*response.body(), metadata().to_json());
        let decision = response.extensions().get::<Decision>();
        assert!(
            matches!(decision, Some(Decision::Publish(_))),
            "{decision:?}"
        );
    }
    for method in [Method::POST, Method::OPTIONS, Method::DELETE] {
        let response = of(method).await;
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
    }
    let request = Request::options(&target).header("origin", "https://page.example");
    let request = request.header("access-control-request-method", "GET");
    let response = door()
        .answer(stranger, head_of(&request.body(()).unwrap()))
        .await;
    assert_eq!(response.status(), 204);
    // At the endpoint of a dialect a question about it is a question like any other: no route is
    // for it here.
    let asked = Request::get(format!("/auth/envoy{target}"))
        .header("host", "api.example")
        .body(())
        .unwrap();
    let response = door().answer(LOOPBACK, head_of(&asked)).await;
    let reason = response.extensions().get::<Reason>().unwrap();
    assert_eq!(reason.code(), "no_rule");
}

#[tokio::test]
async fn envoy_answers_the_metadata_itself() {
    let identity = Identity::builder().build().unwrap();
    let door = ExtAuthz::new(
        Current::new(gate([], identity, None)),
        TrustedPeers::default(),
    );
    let asked = Request::get(metadata().path()).body(()).unwrap();
    let response = ask(&door, LOOPBACK, &question(&asked)).await.into_inner();
    // Not an admission: the application does not have it.
    assert_eq!(response.status.unwrap().code, 7);
    let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else {
        panic!("{:?}", response.http_response);
    };
    assert_eq!(denied.status.unwrap().code, 200);
    assert_eq!(denied.body, metadata().to_json());
    let fields = denied.headers.iter();
    let fields: Vec<_> = fields
        .map(|option| option.header.clone().unwrap())
        .map(|field| (field.key, field.value))
        .collect();
    let json = ("content-type".to_owned(), "application/json".to_owned());
    assert!(fields.contains(&json), "{fields:?}");

    let asked = Request::options(metadata().path()).header("origin", "https://page.example");
    let asked = asked.header("access-control-request-method", "GET");
    let asked = question(&asked.body(()).unwrap());
    let response = ask(&door, LOOPBACK, &asked).await.into_inner();
    assert_eq!(response.status.unwrap().code, 7);
    let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else {
        panic!("{:?}", response.http_response);
    };
    assert_eq!(denied.status.unwrap().code, 204);
    assert_eq!(denied.body, "");
}
