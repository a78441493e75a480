//! The admin listener's answers (THREATS T-CFG-05, T-CFG-08, T-FWD-10).

use std::sync::Arc;
use std::time::Duration;

use bearward::RequestHead;
use bearward_gateway::config::{Config, Surroundings};
use bearward_gateway::doors::admin::Admin;
use bearward_gateway::doors::proxy::{Upstream, Upstreams};
use bearward_gateway::original::Original;
use bearward_gateway::record::metrics::{Metrics, Reload};
use bearward_gateway::record::observer::Observe;
use bearward_gateway::record::request::{ADMITTED, Door, Record, Request};
use bearward_gateway::record::request_id::RequestId;
use bearward_gateway::{Current, Gate, InForce};
use bearward_testing::{DevIssuer, Fault};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

use crate::log::Log;

/// A request that somebody made.
fn asked() -> Request {
    let id = RequestId::sent_or_new(None);
    Request::new(
        id,
        &Method::GET,
        std::net::IpAddr::from([127, 0, 0, 1]).into(),
    )
}

struct Setting {
    admin: Admin,
    gate: Current,
    metrics: Arc<Metrics>,
}

impl Setting {
    /// One issuer with a secret, so that nothing is fetched.
    fn new() -> Self {
        let text = "
            [[issuers]]
            issuer = 'https://id.example.com'
            audiences = 'https://api.example.com'
            algorithms = ['HS256']
            secret = 'env:SECRET'
            [[routes]]
            name = 'all'
            path_prefix = '/app'";
        Self::of(text)
    }

    fn of(text: &str) -> Self {
        let secret = |_: &str| Some("0123456789abcdef0123456789abcdef".into());
        let config = Config::parse_in(text, &Surroundings::new("", secret));
        let config = config.expect("a good configuration");
        let server = config.resource_server().expect("a resource server");
        let down = Upstream::new("app", ["127.0.0.1:9".parse().expect("an address")]);
        let gate = InForce::new(server, Gate::new(config.routes, config.identity));
        let gate = Current::new(gate.upstreams(Upstreams::new([down])));
        let metrics = Arc::new(Metrics::new(gate.clone()));
        let hosts = ["bearward.internal".to_owned()];
        let admin = Admin::new(gate.clone(), Arc::clone(&metrics), hosts);
        Self {
            admin,
            gate,
            metrics,
        }
    }

    fn ask(&self, method: &Method, path: &str, fields: &[(&str, &str)]) -> Response<String> {
        let uri: Uri = path.parse().expect("a path");
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: http::HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        let response = self.admin.answer(RequestHead::new(method, &uri, &headers));
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        response
    }

    fn get(&self, path: &str) -> Response<String> {
        self.ask(&Method::GET, path, &[("host", "127.0.0.1:9180")])
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(self.get(path).body()).expect("JSON")
    }
}

#[tokio::test]
async fn t_cfg_05_a_page_in_a_browser_gets_nothing() {
    let setting = Setting::new();
    for fields in [
        // DNS rebinding.
        [("host", "attacker.example:9180")].as_slice(),
        &[("host", "localhost.attacker.example")],
        &[("host", "127.0.0.1.attacker.example")],
        // Another origin.
        &[
            ("host", "127.0.0.1:9180"),
            ("origin", "https://attacker.example"),
        ],
        &[("host", "127.0.0.1:9180"), ("origin", "null")],
        &[
            ("host", "127.0.0.1:9180"),
            ("origin", "http://127.0.0.1:9181"),
        ],
        &[("host", "127.0.0.1:9180"), ("sec-fetch-site", "cross-site")],
        &[("host", "127.0.0.1:9180"), ("sec-fetch-site", "same-site")],
        // No host, or two.
        &[],
        &[("host", "localhost"), ("host", "attacker.example")],
    ] {
        for path in ["/livez", "/readyz", "/metrics", "/issuers", "/other"] {
            let refused = setting.ask(&Method::GET, path, fields);
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{fields:?}");
            assert_eq!(refused.body(), "{\"error\":\"admin_origin\"}\n");
        }
    }
}

#[tokio::test]
async fn what_is_no_page_of_others_is_answered() {
    let setting = Setting::new();
    for fields in [
        [("host", "127.0.0.1:9180")].as_slice(),
        &[("host", "[::1]:9180")],
        &[("host", "10.2.3.4:9180")],
        &[("host", "LOCALHOST")],
        &[("host", "bearward.internal:9180")],
        &[
            ("host", "localhost:9180"),
            ("origin", "http://localhost:9180"),
        ],
        &[("host", "localhost:9180"), ("sec-fetch-site", "none")],
    ] {
        let answered = setting.ask(&Method::GET, "/livez", fields);
        assert_eq!(answered.status(), StatusCode::OK, "{fields:?}");
    }
}

#[tokio::test]
async fn t_cfg_05_nothing_can_be_changed() {
    let setting = Setting::new();
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        for path in ["/livez", "/issuers", "/config"] {
            let refused = setting.ask(&method, path, &[("host", "localhost")]);
            assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
            assert_eq!(refused.headers()["allow"], "GET, HEAD");
        }
    }
}

#[tokio::test]
async fn t_fwd_10_health_has_exact_paths_and_no_user_agent() {
    let setting = Setting::new();
    for path in ["/livez/", "/livez/x", "/LIVEZ", "//livez", "/", "/healthz"] {
        assert_eq!(setting.get(path).status(), StatusCode::NOT_FOUND, "{path}");
    }
    // On the gate there is no such path, whoever asks.
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", "kube-probe/1.30".parse().expect("a value"));
    for path in ["/livez", "/readyz", "/metrics"] {
        let original = Original::new(&Method::GET, path, None, &headers);
        let decision = setting.gate.load().decide(&original).await;
        let request = Record::decided(Door::ForwardAuth, asked(), decision, Duration::ZERO);
        assert_eq!((request.reason, request.route), ("no_rule", None), "{path}");
    }
}

#[tokio::test]
async fn readiness_says_whether_tokens_can_be_verified() {
    let setting = Setting::new();
    assert_eq!(setting.get("/readyz").status(), StatusCode::OK);
    let issuer = "https://id.example.com";
    let expected = json!({
        "ready": true,
        "stale": false,
        "issuers": [{ "issuer": issuer, "usable": true, "stale": false }],
    });
    assert_eq!(setting.json("/readyz"), expected);

    let down = DevIssuer::builder()
        .fault(Fault::Error500)
        .start()
        .await
        .expect("a port");
    let text = format!(
        "[[issuers]]\nissuer = '{}'\naudiences = 'x'\n[[routes]]\nname = 'a'\npath = '/'",
        down.url()
    );
    let setting = Setting::of(&text);
    setting.gate.load().server().attempted().await;
    assert_eq!(
        setting.get("/readyz").status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(setting.json("/readyz")["ready"], json!(false));
    assert_eq!(setting.get("/livez").status(), StatusCode::OK);
    let error = &setting.json("/issuers")["issuers"][0]["last_error"];
    assert!(error.as_str().expect("an error").contains("500"), "{error}");
    let metrics = setting.get("/metrics").into_body();
    for line in [
        format!("bearward_keys_usable{{issuer=\"{}\"}} 0.0", down.url()),
        format!(
            "bearward_keys_fetch_failed{{issuer=\"{}\",reason=\"discovery\"}} 1.0",
            down.url()
        ),
    ] {
        assert!(
            metrics.lines().any(|other| other == line),
            "{line}\n{metrics}"
        );
    }
}

#[tokio::test]
async fn t_cfg_08_no_secret_and_no_token_is_told() {
    let setting = Setting::new();
    let headers = HeaderMap::from_iter([(
        http::header::AUTHORIZATION,
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
            .parse()
            .expect("a value"),
    )]);
    let original = Original::new(&Method::GET, "/app/secret-path?token=x", None, &headers);
    let decision = setting.gate.load().decide(&original).await;
    let request = Record::decided(Door::ForwardAuth, asked(), decision, Duration::ZERO);
    setting.metrics.ended(&request);
    for path in ["/issuers", "/metrics", "/readyz"] {
        let told = setting.get(path).into_body();
        for hidden in ["0123456789abcdef", "eyJ", "secret-path"] {
            assert!(!told.contains(hidden), "{path}: {told}");
        }
    }
}

#[tokio::test]
async fn metrics_are_by_route_and_reason() {
    let setting = Setting::new();
    let headers = HeaderMap::new();
    for path in ["/app", "/app/1", "/elsewhere", "/a//b"] {
        let original = Original::new(&Method::GET, path, None, &headers);
        let decision = setting.gate.load().decide(&original).await;
        let took = Duration::from_micros(300);
        setting
            .metrics
            .ended(&Record::decided(Door::ForwardAuth, asked(), decision, took));
    }
    setting.metrics.reload(Reload::Applied);
    setting.metrics.reload(Reload::Refused);
    let response = setting.get("/metrics");
    let kind = response.headers()["content-type"].to_str().expect("text");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = response.into_body();
    for line in [
        r#"bearward_requests_total{door="forward_auth",route="all",reason="no_credentials",shadowed=""} 2"#,
        r#"bearward_requests_total{door="forward_auth",route="-",reason="no_rule",shadowed=""} 1"#,
        r#"bearward_requests_total{door="forward_auth",route="-",reason="ambiguous_path",shadowed=""} 1"#,
        r#"bearward_request_duration_seconds_bucket{le="0.0005",door="forward_auth",route="all"} 2"#,
        r#"bearward_reloads_total{outcome="applied"} 1"#,
        r#"bearward_reloads_total{outcome="refused"} 1"#,
        "bearward_config_current 0",
        r#"bearward_keys_usable{issuer="https://id.example.com"} 1.0"#,
        r#"bearward_keys_stale{issuer="https://id.example.com"} 0.0"#,
        r#"bearward_keys_fetches_total{issuer="https://id.example.com",outcome="succeeded"} 0"#,
        r#"bearward_keys_fetches_total{issuer="https://id.example.com",outcome="failed"} 0"#,
        r#"bearward_token_cache_lookups_total{outcome="hit"} 0"#,
        r#"bearward_token_cache_lookups_total{outcome="miss"} 0"#,
        "bearward_token_cache_entries 0",
        "bearward_token_cache_bytes 0",
        r#"bearward_upstream_up{upstream="app",address="127.0.0.1:9"} 1.0"#,
        "bearward_log_lines_left_out_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
}

/// What is logged, as text.
#[tokio::test]
async fn t_dos_06_a_flood_of_refusals_does_not_fill_the_log() {
    let (log, _guard) = Log::listen();
    let setting = Setting::new();
    let gate = setting.gate.load();
    let (post, headers) = (Method::POST, HeaderMap::new());
    let original = Original::new(&post, "/app", None, &headers);
    let decision = gate.decide(&original).await;
    let refused = Record::decided(Door::Proxy, asked(), decision, Duration::ZERO);
    let mut admitted = refused.clone();
    admitted.reason = ADMITTED;
    for _ in 0..10_000 {
        setting.metrics.ended(&refused);
    }
    for _ in 0..500 {
        setting.metrics.ended(&admitted);
    }
    let text = log.text();
    let lines = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    let written = lines("no_credentials");
    // However slow this machine is: it is far from all of them, and what is good is all there.
    assert!((100..5_000).contains(&written), "{written}");
    assert_eq!(lines("admitted"), 500);
    // All are counted, those left out as well.
    let metrics = setting.metrics.encode().expect("metrics");
    let counted = r#"{door="proxy",route="all",reason="no_credentials",shadowed=""} 10000"#;
    assert!(metrics.contains(counted), "{metrics}");
    let left_out = format!("bearward_log_lines_left_out_total {}", 10_000 - written);
    assert!(metrics.contains(&left_out), "{left_out}\n{metrics}");
}

#[tokio::test]
async fn a_request_that_was_refused_is_known_by_its_id() {
    use bearward_gateway::decision::{Decision, Reason, Refusal};
    use bearward_gateway::record::observer::Observe;
    use bearward_gateway::record::request::{Door, Record, Request};
    use bearward_gateway::record::request_id::RequestId;

    let setting = Setting::new();
    let id = http::HeaderValue::from_static("a-1:b");
    let request = Request::new(
        RequestId::sent_or_new(Some(&id)),
        &Method::GET,
        std::net::IpAddr::from([10, 0, 0, 1]).into(),
    );
    let decision = Decision::Refuse(Box::new(Refusal::plain(None, Reason::NoRule)));
    let record = Record::decided(Door::Proxy, request, decision, Duration::ZERO);
    let nothing = json!({ "requests": [] });
    assert_eq!(setting.json("/requests/a-1:b"), nothing);
    setting.metrics.ended(&record);
    let found = setting.json("/requests/a-1:b");
    let [found] = found["requests"].as_array().unwrap().as_slice() else {
        panic!("{found}");
    };
    assert_eq!(found["id"], "a-1:b");
    assert_eq!(found["reason"], "no_rule");
    assert_eq!(found["status"], 403);
    assert_eq!(found["peer"], "10.0.0.1");
    assert!(
        found["timestamp"].as_str().unwrap().ends_with('Z'),
        "{found}"
    );
    for path in ["/requests/", "/requests/other", "/requests/a-1%3Ab"] {
        assert_eq!(setting.json(path), nothing, "{path}");
    }
    assert_eq!(setting.get("/requests").status(), 404);
}
