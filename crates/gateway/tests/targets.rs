//! One target at every door: the same verdict. And routers that are laxer than routes, at a door.

use bearward_testing::DevIssuer;
use envoy_types::ext_authz::v3::pb::{CheckRequest, HttpResponse};
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;

use crate::proxy::fixture::App;
use crate::running::{Running, get, issuers, status};

/// Every door, with these routes to an application.
async fn running(issuer: &DevIssuer, routes: &str) -> (Running, App) {
    let (app, address) = App::start().await;
    let text = format!(
        "{}{routes}[upstreams.app]\nurls = 'http://{address}'\n\
         [listen.proxy]\naddress = '127.0.0.1:0'\n\
         [listen.forward_auth]\naddress = '127.0.0.1:0'\n\
         [listen.ext_authz]\naddress = '127.0.0.1:0'\n",
        issuers(&[issuer])
    );
    (Running::start(&text).await, app)
}

/// What each door answers to a request for `target`, by its name.
async fn verdicts(running: &Running, target: &str, fields: &str) -> Vec<(&'static str, u16)> {
    let proxied = get(running.address("proxy"), target, fields).await;
    let mut verdicts = vec![("proxy", status(&proxied))];
    let door = running.address("forward auth");
    let envoy = get(door, &format!("/auth/envoy{target}"), fields).await;
    verdicts.push(("envoy", decided(&envoy)));
    for (name, prefix, uri) in [
        ("nginx", "X-Original", "URI"),
        ("traefik", "X-Forwarded", "Uri"),
        ("caddy", "X-Forwarded", "Uri"),
    ] {
        let told = format!(
            "{prefix}-Method: GET\r\n{prefix}-Host: a.example\r\n{prefix}-{uri}: {target}\r\n{fields}"
        );
        let answer = get(door, &format!("/auth/{name}"), &told).await;
        verdicts.push((name, decided(&answer)));
    }
    verdicts.push(("ext_authz", checked(running, target, fields).await));
    verdicts
}

/// The status that was decided on, which not every proxy can be told as such.
fn decided(answer: &str) -> u16 {
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-bearward-status: "));
    line.map_or_else(|| status(answer), |status| status.parse().unwrap())
}

async fn checked(running: &Running, target: &str, fields: &str) -> u16 {
    let url = format!("http://{}", running.address("ext_authz"));
    let mut client = AuthorizationClient::connect(url).await.unwrap();
    let headers = fields.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let request = Request {
        http: Some(HttpRequest {
            method: "GET".to_owned(),
            path: target.to_owned(),
            host: "a.example".to_owned(),
            headers: headers.collect(),
            ..HttpRequest::default()
        }),
        ..Request::default()
    };
    let attributes = Some(AttributeContext {
        request: Some(request),
        ..AttributeContext::default()
    });
    let answered = client.check(CheckRequest { attributes }).await.unwrap();
    match answered.into_inner().http_response {
        Some(HttpResponse::DeniedResponse(denied)) => {
            u16::try_from(denied.status.unwrap().code).unwrap()
        }
        Some(HttpResponse::OkResponse(_)) => 200,
        other => panic!("neither: {other:?}"),
    }
}

const PUBLIC: &str = "[[routes]]\nname = 'public'\npath_prefix = '/public'\naccess = 'public'\n\
    upstream = 'app'\n[[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n";

#[tokio::test]
async fn t_prx_09_every_door_reads_a_target_the_same() {
    let issuer = DevIssuer::start().await.unwrap();
    let (running, app) = running(&issuer, PUBLIC).await;
    for (target, verdict) in [
        ("/public", 200),
        ("/public/caf%C3%A9", 200),
        ("/public/a%20b", 200),
        ("/public?x=//..%2f", 200),
        ("/public/c%23", 200),
        ("/public/50%25", 200),
        ("/public/who%3F", 200),
        ("/public/%E9", 200),
        ("/admin%3F/public", 401),
        ("/publicx", 401),
        ("/admin", 401),
        ("/admin?x=/public", 401),
        ("/public#", 400),
        ("/public#/../admin", 400),
        ("/public?x#y", 400),
        ("/admin#/public", 400),
        ("/public/../admin", 400),
        ("/public/%2e%2e/admin", 400),
        ("/public/.", 400),
        ("//public", 400),
        ("/public//x", 400),
        ("/public\\x", 400),
        ("/public;x", 400),
        ("/public%2Fx", 400),
        ("/public/Acme%20Inc.", 400),
        ("/public/%252e%252e/admin", 400),
        ("/public/%zz", 400),
        ("/public/%00", 400),
    ] {
        let verdicts = verdicts(&running, target, "").await;
        assert_eq!(verdicts.len(), 6);
        for (door, found) in verdicts {
            assert_eq!(found, verdict, "{door}: {target}");
        }
    }
    let seen = app.seen();
    assert!(seen.iter().all(|seen| seen.target.starts_with("/public")));
    running.stop().await;
}

#[tokio::test]
async fn t_fwd_04_t_fwd_05_a_tolerated_path_is_forwarded_as_it_came() {
    let issuer = DevIssuer::start().await.unwrap();
    let routes = "[[routes]]\nname = 'files'\npath_prefix = '/files'\naccess = 'public'\n\
        paths = 'tolerant'\nupstream = 'app'\n";
    let (running, app) = running(&issuer, routes).await;
    let tolerated = [
        "/files/a//b",
        "/files/Acme%20Inc.",
        "/files/a%2Fb",
        "/files/a%2fb;v=%3b1",
        "/files/c%23/50%25/who%3f/%e9",
    ];
    for target in tolerated {
        for (door, found) in verdicts(&running, target, "").await {
            assert_eq!(found, 200, "{door}: {target}");
        }
    }
    for (target, verdict) in [
        ("/files/a//../b", 400),
        ("/files/%2e%2e/b", 400),
        ("/files/..%2Fb", 400),
        ("/files/%252e%252e/b", 400),
        ("/files/a%5Cb", 400),
        // A server that repairs it serves a path of the route; one that does not has another.
        ("//files/a", 400),
        ("/files%2Fa", 400),
        ("//evil.example/files/a", 400),
    ] {
        for (door, found) in verdicts(&running, target, "").await {
            assert_eq!(found, verdict, "{door}: {target}");
        }
    }
    let seen: Vec<_> = app.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(seen, tolerated);
    running.stop().await;
}

fn staff(more: &str, end: &str) -> String {
    format!(
        "[requirements.staff]\nroles = ['staff']\n\
         [[routes]]\nname = 'admin'\npath_prefix = '/admin'\nrequire = 'staff'\n\
         upstream = 'app'\n{more}\
         [[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n{end}"
    )
}

#[tokio::test]
async fn t_fwd_13_what_the_router_takes_for_the_strict_route_is_decided_by_it() {
    let issuer = DevIssuer::start().await.unwrap();
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!("Authorization: Bearer {token}\r\n");
    let general = "[protection]\nrouter = 'express'\n";
    for (routes, expected) in [
        (staff("", ""), 200),
        (staff("", general), 403),
        (staff("router = 'express'\n", ""), 403),
        // The route's own key counts more.
        (staff("router = 'strict'\n", general), 200),
    ] {
        let (running, _app) = running(&issuer, &routes).await;
        for (target, expected) in [
            ("/Admin/users", expected),
            ("/ADMIN", expected),
            ("/admin", 403),
            ("/", 200),
            ("/administrators", 200),
        ] {
            let found = verdicts(&running, target, &fields).await;
            let wrong = found.iter().find(|(_, found)| *found != expected);
            assert_eq!(wrong, None, "{target} {routes}");
        }
        running.stop().await;
    }
}

#[tokio::test]
async fn t_fwd_13_a_lax_route_opens_nothing() {
    let issuer = DevIssuer::start().await.unwrap();
    let routes = format!("{PUBLIC}[protection]\nrouter = 'servlet'\n");
    let (running, _app) = running(&issuer, &routes).await;
    for (target, expected) in [
        ("/public", 200),
        ("/public/x", 200),
        ("/publicly", 401),
        ("/public.json", 401),
        ("/public,x", 401),
    ] {
        for (door, found) in verdicts(&running, target, "").await {
            assert_eq!(found, expected, "{door}: {target}");
        }
    }
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!("Authorization: Bearer {token}\r\n");
    for (door, found) in verdicts(&running, "/publicly", &fields).await {
        assert_eq!(found, 200, "{door}");
    }
    running.stop().await;
}
