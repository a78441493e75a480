//! The protected resource metadata (RFC 9728) at every door, and what a page of another origin may
//! read.

use bearward::{Issuer, JwkSet, ResourceServer};
use bearward_gateway::decision::Reason;
use bearward_gateway::doors::ext_authz::ExtAuthz;
use bearward_gateway::doors::forward_auth::{Peer, TrustedPeers};
use bearward_gateway::identity::Identity;
use bearward_gateway::original::Original;
use bearward_gateway::origins::Origins;
use bearward_gateway::route::Routes;
use bearward_gateway::{Current, Decision, Gate, InForce};
use bearward_testing::DevIssuer;
use bearward_testing::conformance::{ISSUER, key_set, metadata, policy};
use envoy_types::ext_authz::v3::pb::HttpResponse;
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};

use crate::ext_authz::question;
use crate::forward_auth::setting::{LOOPBACK, door, gate, head_of};
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
    let response = door.answer(LOOPBACK, &question(&asked)).await.into_inner();
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
}

#[tokio::test]
async fn without_a_resource_nothing_is_published() {
    let keys = JwkSet::parse(key_set().as_bytes()).unwrap();
    let issuer = Issuer::jwk_set(policy(ISSUER), keys);
    let server = ResourceServer::builder().issuer(issuer).build().unwrap();
    let gate = InForce::new(server, Gate::new(Routes::default(), Identity::default()));
    for path in [PATH, "/.well-known/oauth-protected-resource"] {
        assert!(
            gate.gate().published(&Method::GET, path).is_none(),
            "{path}"
        );
    }
}

/// The fields of a refusal to a request with these `Origin` fields.
async fn refused(ours: &[&str], sent: &[&str]) -> HeaderMap {
    let origins = ours.iter().map(|origin| origin.parse().unwrap());
    let identity = Identity::builder().build().unwrap();
    let gate = gate([], identity, None);
    let with_origins = gate.gate().clone().origins(Origins::new(origins));
    let gate = InForce::new(gate.server().clone(), with_origins);
    let mut headers = HeaderMap::new();
    for origin in sent {
        headers.append("origin", origin.parse().unwrap());
    }
    let method = Method::GET;
    let original = Original::new(&method, "/", None, &headers);
    match gate.decide(&original).await {
        Decision::Refuse(refusal) => {
            assert_eq!(refusal.reason.code(), "no_credentials");
            refusal.headers
        }
        other @ (Decision::Admit(_) | Decision::Publish(_)) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_page_of_a_configured_origin_may_read_the_challenge() {
    let ours = ["https://app.example", "http://localhost:3000"];
    for origin in ours {
        let headers = refused(&ours, &[origin]).await;
        assert_eq!(headers["access-control-allow-origin"], origin);
        assert_eq!(
            headers["access-control-expose-headers"],
            "WWW-Authenticate, DPoP-Nonce"
        );
        assert_eq!(headers["vary"], "Origin");
        assert!(headers.contains_key("www-authenticate"));
    }
    for others in [
        &["https://evil.example"][..],
        &["https://app.example:444"],
        &["http://app.example"],
        &["https://app.example.evil.example"],
        &["null"],
        &["https://app.example", "https://app.example"],
        &[],
    ] {
        let headers = refused(&ours, others).await;
        assert!(!headers.contains_key("access-control-allow-origin"));
        assert!(!headers.contains_key("access-control-expose-headers"));
        // What is stored for one origin is not for another.
        assert_eq!(headers["vary"], "Origin");
    }
    let headers = refused(&[], &["https://app.example"]).await;
    assert!(!headers.contains_key("access-control-allow-origin"));
    assert!(!headers.contains_key("vary"));
}
