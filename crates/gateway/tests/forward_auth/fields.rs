//! Which fields tell the original request: each dialect's own, each once.

use bearward_gateway::decision::Decision;
use bearward_gateway::route::Route;
use bearward_testing::token;
use http::{HeaderValue, Method, Request, StatusCode};

use super::setting::{
    Ask, DIALECTS, FORWARDING, answer, ask_envoy, ask_nginx, ask_traefik, assert_refused_plainly,
    code, decision, dialect_fields, door, door_of, field, good, identity, prefix, reason,
};

#[tokio::test]
async fn a_prx_04_allow_is_200_with_nothing_in_every_dialect() {
    let door = door();
    for (dialect, ask) in DIALECTS {
        let response = answer(&door, ask(good("/"))).await;
        assert_eq!(response.status(), StatusCode::OK, "{dialect}");
        assert_eq!(*response.body(), "", "{dialect}");
        assert_eq!(field(&response, "x-subject"), token::SUBJECT, "{dialect}");
        assert_eq!(field(&response, "x-bearward-status"), "200", "{dialect}");
        assert!(reason(&response).is_none(), "{dialect}");
        assert!(
            matches!(decision(&response), Decision::Admit(_)),
            "{dialect}"
        );
    }
}

#[tokio::test]
async fn t_fwd_01_only_the_fields_of_the_dialect_are_read() {
    // Everything that others read says something public; the dialect's own says `/admin`.
    let door = door();
    for (dialect, ask) in DIALECTS {
        let mut question = ask(good("/admin"));
        for name in stray(dialect) {
            append(&mut question, name, "/public");
        }
        let response = answer(&door, question).await;
        assert_eq!(code(&response), "claim_rule", "{dialect}");
    }
}

#[tokio::test]
async fn a_fwd_05_stray_forwarding_fields_are_ignored() {
    let door = door();
    for (dialect, ask) in DIALECTS {
        let mut question = ask(good("/"));
        for name in stray(dialect) {
            append(&mut question, name, "/nowhere");
            append(&mut question, name, "");
        }
        let response = answer(&door, question).await;
        assert_eq!(response.status(), StatusCode::OK, "{dialect}");
    }
}

#[tokio::test]
async fn t_fwd_03_a_field_missing_empty_or_repeated_is_refused() {
    let door = door();
    let names = |dialect| dialect_fields(dialect).iter();
    let pairs = DIALECTS
        .into_iter()
        .flat_map(|(dialect, ask)| names(dialect).map(move |name| (dialect, ask, *name)));
    for (dialect, ask, name) in pairs {
        let [mut missing, mut empty, mut twice, mut then_empty] = [(); 4].map(|()| ask(good("/")));
        missing.headers_mut().remove(name);
        empty
            .headers_mut()
            .insert(name, HeaderValue::from_static(""));
        let value = twice.headers().get(name).unwrap().clone();
        twice.headers_mut().append(name, value);
        append(&mut then_empty, name, "");
        for question in [missing, empty, twice, then_empty] {
            let response = answer(&door, question).await;
            assert_eq!(code(&response), "dialect_field", "{dialect} {name}");
            assert_refused_plainly(&response, 403);
        }
    }
}

#[tokio::test]
async fn t_fwd_03_one_dialect_is_no_fallback_for_another() {
    let door = door();
    // Traefik's and Caddy's fields are the same; their endpoints differ in the answer alone.
    let asked: [(Ask, _); 3] = [
        (ask_traefik, "/auth/nginx"),
        (ask_nginx, "/auth/traefik"),
        (ask_nginx, "/auth/caddy"),
    ];
    for (asked, path) in asked {
        let mut question = asked(good("/"));
        *question.uri_mut() = path.parse().unwrap();
        assert_eq!(
            code(&answer(&door, question).await),
            "dialect_field",
            "{path}"
        );
    }
    // Envoy with no path behind the prefix: not `/`.
    let mut question = ask_envoy(good("/"));
    *question.uri_mut() = "/auth/envoy".parse().unwrap();
    assert_eq!(code(&answer(&door, question).await), "dialect_field");
}

#[tokio::test]
async fn t_fwd_03_what_is_no_method_or_host_is_refused() {
    let door = door();
    for (name, value) in [
        ("x-forwarded-method", "GET, GET"),
        ("x-forwarded-method", "G T"),
        ("x-forwarded-host", "a.example, b.example"),
        ("x-forwarded-host", "a.example,b.example"),
        ("x-forwarded-host", "a.example/b"),
        ("x-forwarded-host", "user@a.example"),
        ("x-forwarded-host", "a b"),
    ] {
        let mut question = ask_traefik(good("/"));
        question
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        assert_eq!(
            code(&answer(&door, question).await),
            "dialect_field",
            "{name}: {value}"
        );
    }
    let mut question = ask_traefik(good("/"));
    let latin1 = HeaderValue::from_bytes(b"a\xE9.example").unwrap();
    question.headers_mut().insert("x-forwarded-host", latin1);
    assert_eq!(code(&answer(&door, question).await), "dialect_field");
}

#[tokio::test]
async fn t_fwd_07_a_fwd_03_method_and_host_are_the_original_ones() {
    let mut writes = Route::new("writes", [prefix("/orders")]);
    writes.methods = vec![Method::POST];
    writes.hosts = vec!["api.example".to_owned()];
    let door = door_of([writes], identity());
    for (dialect, ask) in DIALECTS {
        let request = |method: Method, host: &'static str| {
            let mut request = good("/orders/7");
            *request.method_mut() = method;
            request
                .headers_mut()
                .insert("host", HeaderValue::from_static(host));
            request
        };
        let post = answer(&door, ask(request(Method::POST, "api.example"))).await;
        assert_eq!(post.status(), StatusCode::OK, "{dialect}");
        let get = answer(&door, ask(request(Method::GET, "api.example"))).await;
        assert_eq!(code(&get), "no_rule", "{dialect}");
        let elsewhere = answer(&door, ask(request(Method::POST, "other.example"))).await;
        assert_eq!(code(&elsewhere), "no_rule", "{dialect}");
        let folded = answer(&door, ask(request(Method::POST, "API.Example.:8443"))).await;
        assert_eq!(folded.status(), StatusCode::OK, "{dialect}");
    }
}

#[tokio::test]
async fn t_fwd_11_a_method_override_overrides_nothing() {
    let mut reads = Route::new("reads", [prefix("/")]);
    reads.methods = vec![Method::GET];
    let door = door_of([reads], identity());
    for (dialect, ask) in DIALECTS {
        let named = {
            let mut request = good("/?_method=GET");
            *request.method_mut() = Method::DELETE;
            answer(&door, ask(request)).await
        };
        assert_eq!(code(&named), "query_override", "{dialect}");
        let mut request = good("/");
        *request.method_mut() = Method::DELETE;
        for name in [
            "x-http-method-override",
            "x-method-override",
            "x-http-method",
        ] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static("GET"));
        }
        assert_eq!(
            code(&answer(&door, ask(request)).await),
            "no_rule",
            "{dialect}"
        );
    }
}

/// The fields of [`FORWARDING`] that are not the dialect's own.
fn stray(dialect: &str) -> impl Iterator<Item = &'static str> {
    let ours = dialect_fields(dialect);
    let names = FORWARDING.iter().copied();
    names.filter(move |name| !ours.contains(name))
}

fn append(question: &mut Request<()>, name: &'static str, value: &'static str) {
    let value = HeaderValue::from_static(value);
    question.headers_mut().append(name, value);
}
