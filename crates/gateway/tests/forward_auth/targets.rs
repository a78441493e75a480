//! Targets with one reading pass; all others are refused.

use bearward_gateway::route::{Access, PathPattern, Route, Tolerance};
use http::{HeaderName, HeaderValue, StatusCode};

use super::setting::{
    Ask, DIALECTS, answer, ask_caddy, ask_envoy, ask_nginx, ask_traefik, carried, code,
    dialect_fields, door, door_of, field, get, good, identity, prefix,
};

#[tokio::test]
async fn t_fwd_04_an_ambiguous_path_is_refused() {
    let door = door_of([Route::new("all", [prefix("/")])], identity());
    for path in [
        "/a//b",
        "/a/./b",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a%2fb",
        "/a%5cb",
        "/a;x=1/b",
        "/a/..;/b",
        "/a/%252e%252e/b",
        "/a./b",
        "/a%00b",
        "/a%c0%afb",
        "/a%zz",
    ] {
        for (dialect, ask) in DIALECTS {
            let status = carried(dialect, [400, 403, 400]);
            let response = answer(&door, ask(good(path))).await;
            assert_eq!(code(&response), "ambiguous_path", "{dialect} {path}");
            assert_eq!(response.status(), status, "{dialect} {path}");
            assert_eq!(field(&response, "x-bearward-status"), "400");
        }
    }
    // Not UTF-8, unescaped: some reader will take it for Latin-1.
    let mut question = ask_nginx(good("/"));
    let latin1 = HeaderValue::from_bytes(b"/caf\xE9").unwrap();
    question.headers_mut().insert("x-original-uri", latin1);
    assert_eq!(code(&answer(&door, question).await), "ambiguous_path");
}

#[tokio::test]
async fn t_fwd_04_a_route_may_be_tolerant() {
    let mut open = Route::new("open", [prefix("/files")]);
    open.tolerance = Tolerance::Tolerant;
    let door = door_of([open], identity());
    for (dialect, ask) in DIALECTS {
        for path in [
            "/files/a%2fb;v=1",
            "/files//a",
            "/files/Acme%20Inc.",
            "/files/a%3Bb",
        ] {
            let response = answer(&door, ask(good(path))).await;
            assert_eq!(response.status(), StatusCode::OK, "{dialect} {path}");
        }
        for path in [
            "//files/a",
            "/files%2Fa",
            "/files/..%2Fa",
            "/files/%2e%2e/a",
        ] {
            let response = answer(&door, ask(good(path))).await;
            assert_eq!(code(&response), "ambiguous_path", "{dialect} {path}");
        }
    }
}

#[tokio::test]
async fn t_fwd_06_rules_see_neither_query_nor_fragment() {
    let mut open = Route::new("open", [prefix("/public")]);
    open.access = Access::Public;
    let door = door_of([open], identity());
    for (dialect, ask) in DIALECTS {
        let response = answer(&door, ask(get("/secret?x=/public"))).await;
        assert_eq!(code(&response), "no_rule", "{dialect}");
        if dialect != "envoy" {
            let mut question = ask(get("/public"));
            let name = HeaderName::from_static(dialect_fields(dialect)[1]);
            let fragment = HeaderValue::from_static("/public#/../secret");
            question.headers_mut().insert(name, fragment);
            assert_eq!(
                code(&answer(&door, question).await),
                "target_form",
                "{dialect}"
            );
        }
    }
}

#[tokio::test]
async fn t_fwd_08_what_is_not_origin_form_is_refused() {
    let door = door();
    for target in [
        "http://other.example/",
        "http://user@api.example/",
        "http://api.example:81/",
        "ftp://api.example/",
        "*",
        "api.example:443",
        "orders",
    ] {
        for (dialect, ask) in DIALECTS
            .into_iter()
            .filter(|(dialect, _)| *dialect != "envoy")
        {
            let mut question = ask(good("/"));
            let name = HeaderName::from_static(dialect_fields(dialect)[1]);
            question
                .headers_mut()
                .insert(name, HeaderValue::from_static(target));
            let response = answer(&door, question).await;
            assert_eq!(code(&response), "target_form", "{dialect} {target}");
        }
    }
    for target in ["/auth/envoy*", "/auth/envoyx/y", "/auth/envoy?x=/"] {
        let mut question = ask_envoy(good("/"));
        *question.uri_mut() = target.parse().unwrap();
        assert_eq!(
            code(&answer(&door, question).await),
            "target_form",
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_fwd_03_a_target_in_absolute_form_for_the_same_host_passes() {
    let door = door_of([Route::new("orders", [prefix("/orders")])], identity());
    for (dialect, ask) in DIALECTS
        .into_iter()
        .filter(|(dialect, _)| *dialect != "envoy")
    {
        for (target, expected) in [
            ("http://api.example/orders/7?x=1", "admitted"),
            ("https://API.example/orders", "admitted"),
            ("http://api.example/other", "no_rule"),
            ("http://api.example", "no_rule"),
            ("http://api.example/orders/../x", "ambiguous_path"),
            ("http://api.example/orders#x", "target_form"),
        ] {
            let mut question = ask(good("/"));
            let name = HeaderName::from_static(dialect_fields(dialect)[1]);
            let value = HeaderValue::from_static(target);
            question.headers_mut().insert(name, value);
            let response = answer(&door, question).await;
            assert_eq!(code(&response), expected, "{dialect} {target}");
        }
    }
}

#[tokio::test]
async fn t_fwd_08_an_authority_other_than_the_host_is_refused() {
    let door = door();
    let with = |host: Option<&'static str>| {
        let mut question = ask_envoy(good("/"));
        *question.uri_mut() = "http://api.example/auth/envoy/".parse().unwrap();
        question.headers_mut().remove("host");
        if let Some(host) = host {
            question
                .headers_mut()
                .insert("host", HeaderValue::from_static(host));
        }
        question
    };
    assert_eq!(
        code(&answer(&door, with(Some("evil.example"))).await),
        "target_form"
    );
    // HTTP/2 has the authority alone, or the same in both.
    assert_eq!(answer(&door, with(None)).await.status(), StatusCode::OK);
    assert_eq!(
        answer(&door, with(Some("api.example"))).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn t_fwd_09_t_fwd_10_neither_a_longer_path_nor_a_user_agent_exempts() {
    let mut health = Route::new("health", [prefix("/health")]);
    health.access = Access::Public;
    let door = door_of([health, Route::new("all", [prefix("/")])], identity());
    for (dialect, ask) in DIALECTS {
        let response = answer(&door, ask(get("/health/live"))).await;
        assert_eq!(response.status(), StatusCode::OK, "{dialect}");
        let mut request = get("/healthz");
        let agent = HeaderValue::from_static("kube-probe/1.33");
        request.headers_mut().insert("user-agent", agent);
        let response = answer(&door, ask(request)).await;
        assert_eq!(code(&response), "no_credentials", "{dialect}");
    }
}

#[tokio::test]
async fn a_fwd_01_a_fwd_02_a_fwd_04_good_targets_pass() {
    let mut slash = Route::new("slash", [PathPattern::exact("/a/").unwrap()]);
    slash.access = Access::Public;
    let door = door_of([slash, Route::new("x", [prefix("/x")])], identity());
    for path in [
        "/x/a%20b",
        "/x/caf%C3%A9",
        "/x/tags/c%23",
        "/x/50%25",
        "/x/who%3F",
        "/x/%E9",
        "/x?a=//&b=..&c=%2f",
        "/x?redirect=https://e.example/",
    ] {
        for (dialect, ask) in DIALECTS {
            let response = answer(&door, ask(good(path))).await;
            assert_eq!(response.status(), StatusCode::OK, "{dialect} {path}");
        }
    }
    for (dialect, ask) in DIALECTS {
        assert_eq!(
            answer(&door, ask(get("/a/"))).await.status(),
            StatusCode::OK,
            "{dialect}"
        );
        assert_eq!(
            code(&answer(&door, ask(get("/a"))).await),
            "no_rule",
            "{dialect}"
        );
    }
}

#[tokio::test]
async fn caddys_merged_query_is_not_looked_at() {
    let door = door();
    let endpoints: [(_, Ask); 3] = [
        ("/auth/caddy", ask_caddy),
        ("/auth/nginx", ask_nginx),
        ("/auth/traefik", ask_traefik),
    ];
    for query in ["?q=1%20&r=", "?access_token=x", "?/../.."] {
        for (path, ask) in endpoints {
            let mut question = ask(good("/"));
            *question.uri_mut() = format!("{path}{query}").parse().unwrap();
            let response = answer(&door, question).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}{query}");
        }
    }
    // The original one is.
    let response = answer(&door, ask_caddy(good("/?access_token=x"))).await;
    assert_eq!(code(&response), "multiple_credentials");
}

#[tokio::test]
async fn t_fwd_11_a_query_that_names_another_method_is_refused_at_every_door() {
    let door = door_of([Route::new("all", [prefix("/")])], identity());
    for (dialect, ask) in DIALECTS {
        for query in [
            "_method=delete",
            "a=1&X-HTTP-Method-Override=PUT",
            "%5Fmethod[]=x",
        ] {
            let response = answer(&door, ask(good(&format!("/orders/7?{query}")))).await;
            assert_eq!(code(&response), "query_override", "{dialect} {query}");
        }
        for query in ["method=delete", "payment_method=card", "_=1"] {
            let response = answer(&door, ask(good(&format!("/orders/7?{query}")))).await;
            assert_eq!(code(&response), "admitted", "{dialect} {query}");
        }
    }
}
