//! The id of a request: one value in the log, in our answers and at the application, at every door.

use std::net::IpAddr;

use bearward_gateway::doors::forward_auth::TrustedPeers;
use bearward_gateway::doors::proxy::Settings;
use bearward_testing::DevIssuer;
use http::{HeaderMap, Request, Response};

use crate::forward_auth::setting::{DIALECTS, LOOPBACK, door, get, good, head_of};
use crate::log::Log;
use crate::proxy::fixture::{App, Gateway, bare, empty, get as asking, own, send};
use crate::running::{Running, get as get_whole};

fn id_of(headers: &HeaderMap, name: &str) -> String {
    let mut values = headers.get_all(name).iter();
    let (Some(id), None) = (values.next(), values.next()) else {
        panic!("one {name}: {headers:?}");
    };
    id.to_str().unwrap().to_owned()
}

fn is_new(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[tokio::test]
async fn t_err_06_the_reverse_proxy_takes_the_id_of_a_trusted_proxy_alone() {
    let (app, addr) = App::start().await;
    let identity = || own().build().unwrap();
    let stranger = Gateway::telling(addr, identity(), Settings::new()).await;
    let settings = Settings::new().trust(TrustedPeers::default());
    let trusted = Gateway::telling(addr, identity(), settings).await;
    for (gateway, sent, is_kept) in [
        (&stranger, &["a-1"][..], false),
        (&stranger, &[], false),
        (&trusted, &["a-1"], true),
        (&trusted, &["a-1", "a-2"], false),
        (&trusted, &["not an id"], false),
        (&trusted, &[""], false),
        (&trusted, &[], false),
    ] {
        let with = |request| sent.iter().fold(request, with_id);
        let before = gateway.records(0).await.len();
        let admitted = send(gateway.addr, with(asking("/x")).body(empty()).unwrap()).await;
        assert_eq!(admitted.status(), 200);
        // The application answers, and may have an id of its own.
        assert!(!admitted.headers().contains_key("x-bearward-request-id"));
        drop(admitted);
        let at_application = id_of(&app.seen().pop().unwrap().headers, "x-request-id");
        let unknown = with(bare(http::Method::GET, "/x"));
        let refused = send(gateway.addr, unknown.body(empty()).unwrap()).await;
        assert_eq!(refused.status(), 401);
        let answered = id_of(refused.headers(), "x-bearward-request-id");
        drop(refused);
        let records = gateway.records(before + 2).await;
        let recorded: Vec<_> = records[before..]
            .iter()
            .map(|record| record.request.id.as_str())
            .collect();
        assert!(recorded.contains(&&*at_application), "{sent:?}");
        assert!(recorded.contains(&&*answered), "{sent:?}");
        for id in [at_application, answered] {
            assert_eq!(id == "a-1", is_kept, "{sent:?}");
            assert!(is_kept || is_new(&id), "{sent:?} {id}");
        }
    }
}

fn with_id(request: http::request::Builder, id: &&str) -> http::request::Builder {
    request.header("x-request-id", *id)
}

#[tokio::test]
async fn t_err_06_forward_auth_takes_the_id_from_the_field_of_the_dialect() {
    let door = door();
    let stranger: IpAddr = "192.0.2.7".parse().unwrap();
    for (dialect, ask) in DIALECTS {
        let [field, other] = match dialect {
            "nginx" => ["x-original-id", "x-request-id"],
            _ => ["x-request-id", "x-original-id"],
        };
        for (request, given) in [
            (good("/"), "x-request-id"),
            (get("/"), "x-bearward-request-id"),
        ] {
            let mut question: Request<()> = ask(request);
            let is_admitted = given == "x-request-id";
            question.headers_mut().insert(field, "a-1".parse().unwrap());
            question.headers_mut().insert(other, "b-2".parse().unwrap());
            let response: Response<_> = door.answer(LOOPBACK, head_of(&question)).await;
            assert_eq!(response.status() == 200, is_admitted, "{dialect}");
            assert_eq!(id_of(response.headers(), given), "a-1", "{dialect}");
            let refused = door.answer(stranger, head_of(&question)).await;
            assert!(is_new(&id_of(refused.headers(), "x-bearward-request-id")));
        }
    }
}

#[tokio::test]
async fn t_err_06_ext_authz_takes_the_id_of_envoy() {
    let door = crate::ext_authz::door();
    let stranger: IpAddr = "192.0.2.7".parse().unwrap();
    for (request, given) in [
        (good("/"), "x-request-id"),
        (get("/"), "x-bearward-request-id"),
    ] {
        let mut request: Request<()> = request;
        request
            .headers_mut()
            .insert("x-request-id", "a-1".parse().unwrap());
        let asked = crate::ext_authz::question(&request);
        for (peer, given, expected) in [
            (LOOPBACK, given, Some("a-1")),
            (stranger.into(), "x-bearward-request-id", None),
        ] {
            let answer = crate::ext_authz::ask(&door, peer, &asked).await;
            let fields = crate::ext_authz::answered(answer);
            let (_, id) = fields.iter().find(|(name, _)| name == given).unwrap();
            assert!(expected.map_or_else(|| is_new(id), |expected| id == expected));
        }
    }
}

/// By its id, or by its path and peer, one line is found, which says what is missing.
#[tokio::test]
async fn a_request_is_found_in_the_log_with_the_requirement_that_it_lacks() {
    let (log, _guard) = Log::listen();
    let issuer = DevIssuer::start().await.expect("a port");
    let text = format!(
        "[[issuers]]\nissuer = '{0}'\naudiences = '{0}'\n\
         [requirements.buyer]\nroles_claim = ['realm_access', 'roles']\nroles = ['buyer']\n\
         [[routes]]\nname = 'orders'\npath_prefix = '/orders'\nrequire = ['buyer']\n\
         [listen.forward_auth]\naddress = '127.0.0.1:0'\n",
        issuer.url()
    );
    let running = Running::start(&text).await;
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!(
        "X-Original-URI: /orders/%22a%22?token=secret\r\nX-Original-Method: DELETE\r\n\
         X-Original-Host: a.example\r\nX-Original-Id: from-nginx\r\nAuthorization: Bearer {token}\r\n"
    );
    let answer = get_whole(running.address("forward auth"), "/auth/nginx", &fields).await;
    assert!(
        answer.contains("x-bearward-request-id: from-nginx\r\n"),
        "{answer}"
    );
    let text = log.text();
    let mut lines = text.lines().filter(|line| line.contains("from-nginx"));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        panic!("one line: {text}");
    };
    for part in [
        "id=\"from-nginx\"",
        "door=\"forward_auth\"",
        "peer=\"127.0.0.1\"",
        "method=\"DELETE\"",
        "path=\"/orders/%22a%22\"",
        "route=\"orders\"",
        "reason=\"claim_rule\"",
        "requirement=\"buyer\"",
        "claim=\"realm_access > roles\"",
        "status=403",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!text.contains("secret") && !text.contains(&token), "{text}");
    running.stop().await;
}

#[tokio::test]
async fn t_err_03_nginx_alone_learns_the_reason() {
    let door = door();
    for (dialect, ask) in DIALECTS {
        for (request, reason) in [
            (get("/"), "no_credentials"),
            (good("/"), "admitted"),
            (get("/a/..%2fb"), "ambiguous_path"),
        ] {
            let request = ask(request);
            let response = door.answer(LOOPBACK, head_of(&request)).await;
            let reasons: Vec<_> = response
                .headers()
                .get_all("x-bearward-reason")
                .iter()
                .collect();
            match dialect {
                "nginx" => assert_eq!(reasons, [reason]),
                _ => assert!(reasons.is_empty(), "{dialect}: {reasons:?}"),
            }
            let stranger: IpAddr = [192, 0, 2, 1].into();
            let response = door.answer(stranger, head_of(&request)).await;
            assert!(!response.headers().contains_key("x-bearward-reason"));
        }
    }
}
