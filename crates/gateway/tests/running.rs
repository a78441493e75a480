//! The running gateway: listeners, reload, stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bearward::ResourceServer;
use bearward_gateway::config::{Address, Config, Surroundings};
use bearward_gateway::identity::IdentityFields;
use bearward_gateway::record::metrics::{Metrics, Reload};
use bearward_gateway::run::{Gateway, Reloader, Reloads, Trigger};
use bearward_gateway::{Current, InForce};
use bearward_testing::token::SUBJECT;
use bearward_testing::{DevIssuer, Fault};
use envoy_types::ext_authz::v3::pb::{CheckRequest, HttpResponse};
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Peer, Request as Asked,
};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use futures_util::stream;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::log::Log;

/// Longer than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A gateway that serves, and what it takes to stop it.
pub(crate) struct Running {
    pub(crate) addresses: Vec<(&'static str, Address)>,
    pub(crate) reloader: Reloader,
    gate: Current,
    pub(crate) metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(text: &str) -> Self {
        Self::of(parse(text)).await
    }

    pub(crate) async fn of(config: Config) -> Self {
        let running = Self::launch_of(config).await;
        running.server().attempted().await;
        running
    }

    /// The same, without waiting for keys.
    pub(crate) async fn launch(text: &str) -> Self {
        Self::launch_of(parse(text)).await
    }

    async fn launch_of(config: Config) -> Self {
        let gateway = Gateway::start(config).await.expect("free ports");
        let (stop, stopped) = oneshot::channel();
        let (addresses, reloader) = (gateway.addresses(), gateway.reloader());
        let (gate, metrics) = (gateway.current().clone(), Arc::clone(gateway.metrics()));
        let served = tokio::spawn(gateway.serve(async {
            let _ = stopped.await;
        }));
        Self {
            addresses,
            reloader,
            gate,
            metrics,
            stop,
            served,
        }
    }

    pub(crate) fn server(&self) -> ResourceServer {
        self.gate.load().server().clone()
    }

    pub(crate) fn address(&self, door: &str) -> SocketAddr {
        let found = self.addresses.iter().find(|(name, _)| *name == door);
        match found {
            Some((_, Address::Tcp(address))) => *address,
            _ => panic!("{door} does not listen: {:?}", self.addresses),
        }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.served.await.expect("an end");
    }
}

fn parse(text: &str) -> Config {
    let surroundings = Surroundings::new("", |_| None);
    match Config::parse_in(text, &surroundings) {
        Ok(config) => config,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

pub(crate) fn issuers(issuers: &[&DevIssuer]) -> String {
    let table = |issuer: &&DevIssuer| {
        let url = issuer.url();
        format!("[[issuers]]\nissuer = '{url}'\naudiences = '{url}'\n")
    };
    issuers.iter().map(table).collect()
}

fn forward_auth(issuer: &DevIssuer, prefix: &str) -> String {
    format!(
        "{}[[routes]]\nname = 'all'\npath_prefix = '{prefix}'\n\
         [listen.forward_auth]\naddress = '127.0.0.1:0'\n[listen.admin]\naddress = '127.0.0.1:0'\n",
        issuers(&[issuer])
    )
}

/// A whole answer to a request with these fields.
pub(crate) async fn get(address: SocketAddr, path: &str, fields: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sending");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

pub(crate) fn status(answer: &str) -> u16 {
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{answer}"))
}

pub(crate) fn asking(path: &str, token: &str) -> String {
    format!(
        "X-Original-URI: {path}\r\nX-Original-Method: GET\r\nX-Original-Host: a.example\r\n\
         Authorization: Bearer {token}\r\n"
    )
}

#[tokio::test]
async fn forward_auth_and_admin_are_served() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/app")).await;
    let (door, admin) = (running.address("forward auth"), running.address("admin"));
    let token = issuer.user_token(issuer.url()).sign();
    let answer = get(door, "/auth/nginx", &asking("/app/1", &token)).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("x-bearward-subject: "), "{answer}");
    assert_eq!(
        status(&get(door, "/auth/nginx", &asking("/other", &token)).await),
        403
    );
    assert_eq!(
        status(&get(door, "/auth/nginx", &asking("/app", "x")).await),
        401
    );
    assert_eq!(status(&get(admin, "/readyz", "").await), 200);
    let metrics = get(admin, "/metrics", "").await;
    for line in [
        r#"bearward_requests_total{door="forward_auth",route="all",reason="admitted",shadowed=""} 1"#,
        r#"bearward_requests_total{door="forward_auth",route="-",reason="no_rule",shadowed=""} 1"#,
    ] {
        assert!(metrics.lines().any(|other| other == line), "{metrics}");
    }
    running.stop().await;
}

/// The operator learns whose metadata it is, and no client does.
#[tokio::test]
async fn t_key_09_the_issuer_that_the_metadata_names_is_told_to_the_operator_alone() {
    let (log, _guard) = Log::listen();
    let issuer = DevIssuer::builder().fault(Fault::WrongIssuer).start();
    let issuer = issuer.await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/app")).await;
    let (door, admin) = (running.address("forward auth"), running.address("admin"));
    let named = "https://another.example";
    let answer = get(admin, "/issuers", "").await;
    let said = format!(r#"issuer_mismatch: the metadata names the issuer \"{named}\","#);
    assert!(answer.contains(&said), "{answer}");
    assert!(log.text().contains(named), "{}", log.text());

    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!(
        "X-Forwarded-Method: GET\r\nX-Forwarded-Host: a.example\r\nX-Forwarded-Uri: /app/1\r\n\
         Authorization: Bearer {token}\r\n"
    );
    let answer = get(door, "/auth/traefik", &fields).await;
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(!answer.contains(named), "{answer}");
    // Metrics have fixed words alone.
    let metrics = get(admin, "/metrics", "").await;
    assert!(!metrics.contains(named), "{metrics}");
    running.stop().await;
}

/// A listener of IPv6 that IPv4 comes to as well shows its addresses in the clothes of IPv6.
#[tokio::test]
async fn t_fwd_02_peers_of_ipv4_are_known_on_a_listener_of_ipv6() {
    let issuer = DevIssuer::start().await.expect("a port");
    let token = issuer.user_token(issuer.url()).sign();
    for (trusted, expected) in [
        ("127.0.0.0/8", 200),
        ("::ffff:127.0.0.0/104", 200),
        ("::ffff:127.0.0.1", 200),
        ("::ffff:10.0.0.0/104", 403),
        ("::1", 403),
    ] {
        let text = forward_auth(&issuer, "/app").replace(
            "[listen.forward_auth]\naddress = '127.0.0.1:0'\n",
            &format!(
                "[listen.forward_auth]\naddress = '[::ffff:127.0.0.1]:0'\ntrusted_proxies = '{trusted}'\n"
            ),
        );
        let running = Running::start(&text).await;
        let port = running.address("forward auth").port();
        let door = SocketAddr::from(([127, 0, 0, 1], port));
        let answer = get(door, "/auth/nginx", &asking("/app", &token)).await;
        assert_eq!(status(&answer), expected, "{trusted}: {answer}");
        running.stop().await;
    }
}

#[tokio::test]
async fn the_reverse_proxy_is_served() {
    let issuer = DevIssuer::start().await.expect("a port");
    let application = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream = application.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = application.accept().await {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let seen = String::from_utf8_lossy(&head[..length]).contains("x-bearward-subject: ");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: {seen}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let text = format!(
        "{}[[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n\
         [upstreams.app]\nurls = 'http://{upstream}'\n[listen.proxy]\naddress = '127.0.0.1:0'\n",
        issuers(&[&issuer])
    );
    let running = Running::start(&text).await;
    let door = running.address("proxy");
    let token = issuer.user_token(issuer.url()).sign();
    let answer = get(door, "/", &format!("Authorization: Bearer {token}\r\n")).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("x-seen: true"),
        "{answer}"
    );
    assert_eq!(status(&get(door, "/", "").await), 401);

    // Another name for the same upstream, in routes and upstreams at once.
    let renamed = text
        .replace("'app'", "'other'")
        .replace("[upstreams.app]", "[upstreams.other]");
    let renamed = renamed.replace("127.0.0.1:0", &door.to_string());
    assert_eq!(
        running.reloader.apply(parse(&renamed)).await,
        Reload::Applied
    );
    let answer = get(door, "/", &format!("Authorization: Bearer {token}\r\n")).await;
    assert_eq!(status(&answer), 200, "{answer}");
    let metrics = running.metrics.encode().expect("metrics");
    assert!(
        metrics.contains(r#"door="proxy",route="all",reason="admitted""#),
        "{metrics}"
    );
    running.stop().await;
}

/// One query distinguishes a 401 or 403 of the application from ours.
#[tokio::test]
async fn answers_are_counted_by_who_gave_them() {
    let issuer = DevIssuer::start().await.expect("a port");
    let application = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream = application.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = application.accept().await {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let status = head.split(['/', ' ']).nth(2).expect("a status");
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let text = format!(
        "{}[[routes]]\nname = 'all'\npath = ['/200', '/401', '/403', '/499', '/799']\nupstream = 'app'\n\
         [upstreams.app]\nurls = 'http://{upstream}'\n[listen.proxy]\naddress = '127.0.0.1:0'\n",
        issuers(&[&issuer])
    );
    let running = Running::start(&text).await;
    let door = running.address("proxy");
    let token = issuer.user_token(issuer.url()).sign();
    for path in ["/200", "/401", "/401", "/403", "/499", "/799"] {
        let answer = get(door, path, &format!("Authorization: Bearer {token}\r\n")).await;
        assert_eq!(format!("/{}", status(&answer)), path);
    }
    assert_eq!(status(&get(door, "/401", "").await), 401);
    assert_eq!(status(&get(door, "/other", "").await), 403);
    let metrics = running.metrics.encode().expect("metrics");
    let counted = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("bearward_responses_total"));
    let counted: std::collections::BTreeSet<_> = counted.collect();
    let expected = [
        r#"{route="-",answered_by="gateway",status="403"} 1"#,
        r#"{route="all",answered_by="application",status="200"} 1"#,
        r#"{route="all",answered_by="application",status="400"} 1"#,
        r#"{route="all",answered_by="application",status="401"} 2"#,
        r#"{route="all",answered_by="application",status="403"} 1"#,
        r#"{route="all",answered_by="application",status="500"} 1"#,
        r#"{route="all",answered_by="gateway",status="401"} 1"#,
    ];
    assert_eq!(counted, expected.into(), "{metrics}");
    running.stop().await;
}

/// An application that says its name, and whether it was told of somebody under this field; and how
/// often it was connected to.
async fn application(name: &'static str, field: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let count = Arc::<AtomicUsize>::default();
    let connections = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(say_name(stream, name, field));
        }
    });
    (address, count)
}

async fn say_name(mut stream: TcpStream, name: &str, field: &str) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let is_told = String::from_utf8_lossy(&head).contains(field);
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: {name} {is_told}\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
        head.clear();
    }
}

fn proxied(issuer: &DevIssuer, upstream: SocketAddr, field: &str, more: &str) -> String {
    format!(
        "{}[identity]\npreset = 'none'\n[[identity.fields]]\nheader = '{field}'\nclaim = 'sub'\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n\
         [upstreams.app]\nurls = 'http://{upstream}'\n{more}[listen.proxy]\naddress = '127.0.0.1:0'\n",
        issuers(&[issuer])
    )
}

#[tokio::test]
async fn t_cfg_04_a_request_goes_where_the_configuration_that_decided_leads() {
    let issuer = DevIssuer::start().await.expect("a port");
    let (old, _) = application("old", "x-old").await;
    let (new, _) = application("new", "x-new").await;
    let running = Running::start(&proxied(&issuer, old, "X-Old", "")).await;
    let door = running.address("proxy");
    let known = issuer.user_token(issuer.url()).sign();
    // A key that is not known yet: the decision about this one waits for it.
    issuer.set_fault(Fault::Hang);
    issuer.rotate().await.expect("a key");
    let before = issuer.fetches();
    let fresh = issuer.user_token(issuer.url()).sign();
    let asked = tokio::spawn(async move {
        let field = format!("Authorization: Bearer {fresh}\r\n");
        get(door, "/", &field).await
    });
    issuer
        .wait_for_fetches(|fetches| fetches.jwks > before.jwks)
        .await;
    // The same name leads to another application from now on, which is told of others.
    let config = parse(&proxied(&issuer, new, "X-New", ""));
    assert_eq!(running.reloader.apply(config).await, Reload::Applied);
    issuer.clear_fault();
    let answer = asked.await.expect("an answer");
    assert!(answer.contains("x-seen: old true\r\n"), "{answer}");
    let answer = get(door, "/", &format!("Authorization: Bearer {known}\r\n")).await;
    assert!(answer.contains("x-seen: new true\r\n"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn an_upstream_that_stays_keeps_its_connections_over_a_reload() {
    let issuer = DevIssuer::start().await.expect("a port");
    let (app, connections) = application("app", "x-user").await;
    let running = Running::start(&proxied(&issuer, app, "X-User", "")).await;
    let door = running.address("proxy");
    let token = issuer.user_token(issuer.url()).sign();
    let asked = async || {
        let answer = get(door, "/", &format!("Authorization: Bearer {token}\r\n")).await;
        assert!(answer.contains("x-seen: app true\r\n"), "{answer}");
    };
    let reload = async |more: &str| {
        let config = parse(&proxied(&issuer, app, "X-User", more));
        assert_eq!(running.reloader.apply(config).await, Reload::Applied);
    };
    asked().await;
    reload("[upstreams.other]\nurls = 'http://127.0.0.1:9'\n").await;
    asked().await;
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    reload("idle_timeout = '10s'\n").await;
    asked().await;
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    running.stop().await;
}

/// One route, asked about over gRPC.
/// A request that the application does not answer: it reads, and no more.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn t_dos_08_a_reload_changes_caps_and_what_is_under_way_still_counts() {
    let issuer = DevIssuer::start().await.expect("a port");
    let app = silent().await;
    let proxied = |upstream: &str, gateway: &str| {
        let more = format!("max_requests = {upstream}\n");
        let text = proxied(&issuer, app, "X-User", &more);
        format!("{text}max_requests = {gateway}\n[listen.admin]\naddress = '127.0.0.1:0'\n")
    };
    let running = Running::start(&proxied("2", "9")).await;
    let door = running.address("proxy");
    let field = format!(
        "Authorization: Bearer {}\r\n",
        issuer.user_token(issuer.url()).sign()
    );
    let in_progress = |count: u32| {
        let line =
            format!("bearward_upstream_requests_in_progress{{upstream=\"app\"}} {count}.0\n");
        let text = running.metrics.encode().expect("metrics");
        text.contains(&line)
    };
    let ask = || {
        let field = field.clone();
        tokio::spawn(async move { get(door, "/", &field).await })
    };
    let reload = async |upstream: &str, gateway: &str| {
        let config = parse(&proxied(upstream, gateway));
        assert_eq!(running.reloader.apply(config).await, Reload::Applied);
    };
    assert!(in_progress(0));
    let _first = ask();
    let come = async |count: u32| {
        let started = tokio::time::Instant::now();
        while !in_progress(count) {
            assert!(
                started.elapsed() < SOON,
                "{count} requests are not under way"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    come(1).await;
    // One client has half of two.
    let refused = get(door, "/", &field).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    reload("4", "9").await;
    assert!(in_progress(1), "the same upstream by another cap");
    let _second = ask();
    come(2).await;
    let refused = get(door, "/", &field).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    // The same for the gateway, which refuses before it decides.
    reload("40", "4").await;
    let refused = get(door, "/", "").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    reload("40", "9").await;
    let refused = get(door, "/", "").await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
}

fn ext_authz(issuer: &DevIssuer, address: &str) -> String {
    format!(
        "{}[[routes]]\nname = 'all'\npath_prefix = '/'\n\
         [listen.ext_authz]\naddress = '{address}'\n",
        issuers(&[issuer])
    )
}

#[tokio::test]
async fn ext_authz_is_served() {
    let issuer = DevIssuer::start().await.expect("a port");
    let text = ext_authz(&issuer, "127.0.0.1:0");
    let running = Running::start(&text).await;
    let url = format!("http://{}", running.address("ext_authz"));
    let mut client = AuthorizationClient::connect(url)
        .await
        .expect("a connection");
    // Nothing is asked, so nothing is allowed.
    let answered = client
        .check(CheckRequest::default())
        .await
        .expect("an answer");
    let status = answered.into_inner().status.expect("a status");
    assert_eq!(status.code, i32::from(tonic::Code::PermissionDenied));
    let metrics = running.metrics.encode().expect("metrics");
    assert!(
        metrics.contains(r#"{door="ext_authz",route="-",reason="dialect_field""#),
        "{metrics}"
    );
    // With the route and the reason, as at every door.
    assert_eq!(checked(&mut client, "/x").await, 401);
    let mut good = question("/x");
    if let Some(attributes) = &mut good.attributes
        && let Some(http) = attributes
            .request
            .as_mut()
            .and_then(|asked| asked.http.as_mut())
    {
        let token = issuer.user_token(issuer.url()).sign();
        let bearer = format!("Bearer {token}");
        http.headers.insert("authorization".to_owned(), bearer);
        // Nothing reads the rest of what Envoy may send.
        http.raw_body = vec![0xff; 1000];
        attributes.source = Some(Peer {
            certificate: "-----BEGIN".to_owned(),
            ..Peer::default()
        });
    }
    let answered = client.check(good).await.expect("an answer").into_inner();
    assert_eq!(answered.status.expect("a status").code, 0);
    let Some(HttpResponse::OkResponse(admitted)) = answered.http_response else {
        panic!("not admitted");
    };
    let subject = &admitted.headers[0].header;
    let subject = subject.as_ref().expect("a field");
    assert_eq!(subject.key, "x-bearward-subject");
    assert_eq!(subject.value, SUBJECT);
    let metrics = running.metrics.encode().expect("metrics");
    assert!(
        metrics.contains(r#"{door="ext_authz",route="all",reason="no_credentials""#),
        "{metrics}"
    );
    running.stop().await;
}

/// A question about a GET without credentials.
fn question(path: &str) -> CheckRequest {
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        host: "a.example".to_owned(),
        ..HttpRequest::default()
    };
    let request = Asked {
        http: Some(http),
        ..Asked::default()
    };
    let attributes = AttributeContext {
        request: Some(request),
        ..AttributeContext::default()
    };
    CheckRequest {
        attributes: Some(attributes),
    }
}

/// The status that Envoy is to answer to a GET without credentials.
pub(crate) async fn checked(client: &mut AuthorizationClient<Channel>, path: &str) -> i32 {
    let answered = client.check(question(path)).await.expect("an answer");
    match answered.into_inner().http_response {
        Some(HttpResponse::DeniedResponse(denied)) => denied.status.expect("a status").code,
        other => panic!("not denied: {other:?}"),
    }
}

/// The door agrees to no other protocol, so it reads what follows as strictly as before.
#[tokio::test]
async fn t_prx_09_a_question_with_upgrade_changes_no_later_one() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/app")).await;
    let door = running.address("forward auth").to_string();
    let token = issuer.user_token(issuer.url()).sign();
    let first = format!(
        "GET /auth/envoy/app HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    for second in [
        "GET /auth/envoy/app#/../admin HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /auth/envoy/app HTTP/1.1\nHost: a.example\r\n\r\n",
        "POST /auth/envoy/app HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(&door).await.expect("a connection");
        let both = format!("{first}{second}");
        stream.write_all(both.as_bytes()).await.expect("sending");
        let mut answers = String::new();
        let read = stream.read_to_string(&mut answers);
        timeout(SOON, read)
            .await
            .expect("the end")
            .expect("answers");
        let statuses: Vec<_> = answers.matches("HTTP/1.1 ").collect();
        assert_eq!(statuses.len(), 2, "{answers}");
        assert!(answers.starts_with("HTTP/1.1 200 OK\r\n"), "{answers}");
        assert!(
            answers.contains("HTTP/1.1 400 Bad Request\r\n"),
            "{answers}"
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn a_grpc_method_that_is_not_check_is_unimplemented() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&ext_authz(&issuer, "127.0.0.1:0")).await;
    let url = format!("http://{}", running.address("ext_authz"));
    let channel = Channel::from_shared(url).expect("a URL");
    let channel = channel.connect().await.expect("a connection");
    let mut client = AggregatedDiscoveryServiceClient::new(channel);
    let asked = tonic::Request::new(stream::empty());
    let status = client.stream_aggregated_resources(asked).await;
    let status = status.expect_err("no such method");
    assert_eq!(status.code(), tonic::Code::Unimplemented);
    running.stop().await;
}

#[tokio::test]
async fn ext_authz_listens_on_a_unix_socket() {
    let issuer = DevIssuer::start().await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    let text = ext_authz(&issuer, &format!("unix:{}", path.display()));
    let running = Running::start(&text).await;
    let url = format!("unix://{}", path.display());
    let mut client = AuthorizationClient::connect(url)
        .await
        .expect("a connection");
    assert_eq!(checked(&mut client, "/x").await, 401);
    running.stop().await;
}

#[tokio::test]
async fn a_cfg_02_a_reload_keeps_the_keys_of_unchanged_issuers() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/one")).await;
    let (before, fetches) = (running.gate.load(), issuer.fetches().jwks);
    let other = parse(&forward_auth(&issuer, "/two"));
    assert_eq!(running.reloader.apply(other).await, Reload::Applied);
    let after = running.gate.load();
    assert!(after.server().is_same(before.server()));
    assert_eq!(issuer.fetches().jwks, fetches);
    let token = issuer.user_token(issuer.url()).sign();
    let door = running.address("forward auth");
    assert_eq!(
        status(&get(door, "/auth/nginx", &asking("/two", &token)).await),
        200
    );
    assert_eq!(
        status(&get(door, "/auth/nginx", &asking("/one", &token)).await),
        403
    );
    running.stop().await;
}

/// What is remembered belongs to the issuers and their policies: it stays with them, and goes when
/// one of them says something else.
#[tokio::test]
async fn a_cfg_02_t_cch_04_verified_tokens_stay_with_unchanged_policies() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/one")).await;
    let token = issuer.user_token(issuer.url()).sign();
    let door = running.address("forward auth");
    let asked = async |path: &str| status(&get(door, "/auth/nginx", &asking(path, &token)).await);
    let counted = || {
        let cache = running.gate.load().server().token_cache();
        let cache = cache.expect("it is on by default");
        (cache.hits, cache.misses)
    };
    assert_eq!((asked("/one").await, asked("/one").await), (200, 200));
    assert_eq!(counted(), (1, 1));

    let other_routes = parse(&forward_auth(&issuer, "/two"));
    assert_eq!(running.reloader.apply(other_routes).await, Reload::Applied);
    assert_eq!((asked("/two").await, asked("/one").await), (200, 403));
    assert_eq!(
        counted(),
        (2, 1),
        "a hit, and nobody to look up where no route matches"
    );

    // Challenges say something else, and accept the same tokens.
    let text = forward_auth(&issuer, "/two");
    let realm = parse(&format!("{text}[protection]\nrealm = 'other'\n"));
    assert_eq!(running.reloader.apply(realm).await, Reload::Applied);
    assert_eq!(asked("/two").await, 200);
    assert_eq!(counted(), (3, 1));

    // The same keys, but the token is not for us any more.
    let audience = format!("audiences = '{}'", issuer.url());
    let text = forward_auth(&issuer, "/two");
    assert!(text.contains(&audience), "{text}");
    let elsewhere = text.replace(&audience, "audiences = 'https://elsewhere.example'");
    assert_eq!(
        running.reloader.apply(parse(&elsewhere)).await,
        Reload::Applied
    );
    assert_eq!(asked("/two").await, 401);
    assert_eq!(counted(), (0, 1));
    running.stop().await;
}

#[tokio::test]
async fn t_dos_03_a_reload_keeps_the_failures_and_changes_how_many_there_may_be() {
    let (log, _guard) = Log::listen();
    let issuer = DevIssuer::start().await.expect("a port");
    let text = |failures: &str| format!("{}{failures}", forward_auth(&issuer, "/app"));
    let limited = "[failures]\nmax_per_client = 2\nperiod = '1h'\n";
    let running = Running::start(&text(limited)).await;
    let door = running.address("forward auth");
    let signed = issuer.user_token(issuer.url()).sign();
    let good = signed.clone();
    // Another signature under the same header and claims.
    let (rest, signature) = signed.rsplit_once('.').expect("three parts");
    let (first, signature) = signature.split_at(1);
    let first = if first == "A" { "B" } else { "A" };
    let forged = format!("{rest}.{first}{signature}");
    let ask = async |token: &str| {
        let fields = asking("/app", token) + "X-Original-Client: 192.0.2.7\r\n";
        status(&get(door, "/auth/nginx", &fields).await)
    };
    let is_over = |count| {
        let metrics = running.metrics.encode().expect("metrics");
        metrics.contains(&format!("bearward_clients_over_failure_limit {count}\n"))
    };
    assert!(is_over(0));
    assert_eq!([ask(&forged).await, ask(&forged).await], [401, 401]);
    assert!(is_over(1));
    // nginx cannot carry 429.
    assert_eq!(ask(&forged).await, 403);
    let line = r#"reason="too_many_failures" status=429"#;
    assert!(log.text().contains(line), "{}", log.text());
    let reload = async |failures: &str| {
        let outcome = running.reloader.apply(parse(&text(failures))).await;
        assert_eq!(outcome, Reload::Applied);
    };
    let other = "[failures]\nmax_per_client = 2\nperiod = '59m'\n";
    reload(other).await;
    assert!(is_over(1));
    assert_eq!([ask(&forged).await, ask(&good).await], [403, 200]);
    let metrics = running.metrics.encode().expect("metrics");
    let counted = r#"route="all",reason="too_many_failures",shadowed=""} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
    // Without the table there is no limit, and no metric of it.
    reload("").await;
    assert_eq!(ask(&forged).await, 401);
    let metrics = running.metrics.encode().expect("metrics");
    assert!(!metrics.contains("failure_limit"), "{metrics}");
    running.stop().await;
}

/// What was told of a token is told again after a reload, unless it would be told otherwise.
#[tokio::test]
async fn a_cfg_02_t_cch_04_identity_fields_stay_with_unchanged_settings() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/one")).await;
    let token = issuer.user_token(issuer.url()).sign();
    let told = async || {
        let gate = running.gate.load();
        let principal = gate.server().authenticate_token(token.as_bytes()).await;
        let principal = principal.expect("a good token");
        gate.gate()
            .identity()
            .of(Some(&principal))
            .expect("plain claims")
    };
    let sets = |fields: &IdentityFields, name: &str| fields.set.iter().any(|(set, _)| set == name);
    let first = told().await;
    assert!(sets(&first, "x-bearward-subject"));

    let text = forward_auth(&issuer, "/two");
    assert_eq!(running.reloader.apply(parse(&text)).await, Reload::Applied);
    assert!(Arc::ptr_eq(&first, &told().await));

    let other = format!("{text}[identity]\npreset = 'authgear'\n");
    assert_eq!(running.reloader.apply(parse(&other)).await, Reload::Applied);
    let other = told().await;
    assert!(sets(&other, "x-authgear-user-id") && !sets(&other, "x-bearward-subject"));
    running.stop().await;
}

/// The first issuer is down, and keeps its keys while another joins it.
#[tokio::test]
async fn a_cfg_03_an_issuer_joins_one_that_is_down() {
    let (one, two) = (DevIssuer::start().await, DevIssuer::start().await);
    let (one, two) = (one.expect("a port"), two.expect("a port"));
    let running = Running::start(&forward_auth(&one, "/")).await;
    let fetches = one.fetches().jwks;
    one.set_fault(Fault::Down);
    let routes = "[[routes]]\nname = 'all'\npath_prefix = '/'\n";
    let both = parse(&format!("{}{routes}", issuers(&[&one, &two])));
    assert_eq!(running.reloader.apply(both).await, Reload::Applied);
    for issuer in [&one, &two] {
        let token = issuer.user_token(issuer.url()).sign();
        let server = running.gate.load().server().clone();
        let decided = server.authenticate_token(token.as_bytes()).await;
        assert!(decided.is_ok(), "{decided:?}");
    }
    assert_eq!(one.fetches().jwks, fetches);
    running.stop().await;
}

#[tokio::test]
async fn a_cfg_03_issuers_come_and_go_while_others_stay() {
    let (one, two) = (DevIssuer::start().await, DevIssuer::start().await);
    let (one, two) = (one.expect("a port"), two.expect("a port"));
    let with = |list: &[&DevIssuer]| {
        let routes = "[[routes]]\nname = 'all'\npath_prefix = '/'\n";
        parse(&format!("{}{routes}", issuers(list)))
    };
    let running = Running::start(&forward_auth(&one, "/")).await;
    let accepts = async |issuer: &DevIssuer| {
        let token = issuer.user_token(issuer.url()).sign();
        let server = running.gate.load().server().clone();
        server.authenticate_token(token.as_bytes()).await.is_ok()
    };
    assert_eq!((accepts(&one).await, accepts(&two).await), (true, false));
    assert_eq!(
        running.reloader.apply(with(&[&one, &two])).await,
        Reload::Applied
    );
    assert_eq!((accepts(&one).await, accepts(&two).await), (true, true));
    assert_eq!(running.reloader.apply(with(&[&two])).await, Reload::Applied);
    assert_eq!((accepts(&one).await, accepts(&two).await), (false, true));

    // One that is down now keeps its keys, unless they are to be come by in another way.
    two.set_fault(Fault::Error500);
    let other_way =
        issuers(&[&two]) + "stale_if_error = '1h'\n\n[[routes]]\nname = 'all'\npath_prefix = '/'\n";
    assert_eq!(
        running.reloader.apply(parse(&other_way)).await,
        Reload::Refused
    );
    assert_eq!((accepts(&one).await, accepts(&two).await), (false, true));
    assert_eq!(
        running.reloader.apply(with(&[&two, &one])).await,
        Reload::Applied
    );
    assert_eq!((accepts(&one).await, accepts(&two).await), (true, true));
    running.stop().await;
}

fn write(folder: &Path, text: &str) -> std::path::PathBuf {
    let file = folder.join("bearward.toml");
    std::fs::write(&file, text).expect("a file");
    file
}

#[tokio::test]
async fn t_cfg_04_with_a_broken_file_the_last_good_one_stays() {
    let issuer = DevIssuer::start().await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let good = forward_auth(&issuer, "/one");
    let running = Running::start(&good).await;
    let before = running.gate.load();
    let (half, _) = good.split_once("path_prefix").expect("a route");
    for broken in ["", "x", half, &good.replace("path_prefix", "path_prefx")] {
        let file = write(folder.path(), broken);
        assert_eq!(
            running.reloader.read(&file).await,
            Reload::Refused,
            "{broken}"
        );
        assert!(Arc::ptr_eq(&before, &running.gate.load()), "{broken}");
    }
    let gone = folder.path().join("gone.toml");
    assert_eq!(running.reloader.read(&gone).await, Reload::Refused);
    let metrics = running.metrics.encode().expect("metrics");
    assert!(
        metrics.contains("bearward_reloads_total{outcome=\"refused\"} 5"),
        "{metrics}"
    );
    assert!(metrics.contains("bearward_config_current 0"), "{metrics}");
    let file = write(folder.path(), &good);
    assert_eq!(running.reloader.read(&file).await, Reload::Applied);
    let metrics = running.metrics.encode().expect("metrics");
    assert!(metrics.contains("bearward_config_current 1"), "{metrics}");
    running.stop().await;
}

/// A long configuration takes its time.
#[tokio::test]
async fn t_dos_05_requests_are_answered_while_a_configuration_is_read() {
    let issuer = DevIssuer::start().await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let text = forward_auth(&issuer, "/one");
    let running = Running::start(&text).await;
    let routes: Vec<_> = (0..2000)
        .map(|number| format!("[[routes]]\nname = 'r{number}'\npath_prefix = '/r{number}'\n"))
        .collect();
    let file = write(folder.path(), &format!("{}{text}", routes.concat()));
    // On a runtime of one thread, which must not be the one that reads.
    let reloader = running.reloader.clone();
    let reload = tokio::spawn(async move { reloader.read(&file).await });
    let mut answers = 0;
    while !reload.is_finished() {
        let answer = get(running.address("admin"), "/livez", "").await;
        assert_eq!(status(&answer), 200, "{answer}");
        answers += 1;
    }
    assert!(answers >= 3, "{answers}");
    assert_eq!(reload.await.expect("no panic"), Reload::Applied);
    running.stop().await;
}

/// A pipe that nobody writes into, and a device without an end.
#[cfg(unix)]
#[tokio::test]
async fn t_dos_11_what_is_no_file_is_not_read_while_it_serves() {
    let (log, _guard) = Log::listen();
    let issuer = DevIssuer::start().await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let text = forward_auth(&issuer, "/one");
    let running = Running::start(&text).await;
    let pipe = folder.path().join("keys");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let refused = |text: &str| text.matches("is not a regular file").count();
    let keys = |path: &str| {
        let issuer = "[[issuers]]\nissuer = 'https://other.example'\naudiences = 'a'\n";
        write(
            folder.path(),
            &format!("{issuer}jwks_file = '{path}'\n{text}"),
        )
    };
    let before = running.gate.load();
    for (count, path) in ["keys", "/dev/zero", "."].into_iter().enumerate() {
        let outcome = running.reloader.read(&keys(path)).await;
        assert_eq!(outcome, Reload::Refused, "{path}");
        assert_eq!(refused(&log.text()), count + 1, "{path}: {}", log.text());
    }
    for path in [pipe.as_path(), folder.path()] {
        assert_eq!(running.reloader.read(path).await, Reload::Refused);
    }
    assert_eq!(refused(&log.text()), 5, "{}", log.text());
    assert!(Arc::ptr_eq(&before, &running.gate.load()));

    // A link to a file is one.
    let set = bearward_testing::conformance::key_set();
    std::fs::write(folder.path().join("set"), set).expect("a file");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("set", link).expect("a link");
    let outcome = running.reloader.read(&keys("link")).await;
    assert_eq!(outcome, Reload::Applied, "{}", log.text());
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_as_it_was_at_the_start_needs_none() {
    let (log, _guard) = Log::listen();
    let issuer = DevIssuer::start().await.expect("a port");
    let text = forward_auth(&issuer, "/one");
    let other = text.replacen("127.0.0.1:0", "127.0.0.2:0", 1);
    let running = Running::start(&text).await;
    let told = || {
        let text = log.text();
        text.matches("listeners changed").count()
    };
    for (text, expected) in [
        (&text, 0),
        (&other, 1),
        // Told already.
        (&other, 1),
        // They are as they were started.
        (&text, 1),
        (&other, 2),
    ] {
        assert_eq!(running.reloader.apply(parse(text)).await, Reload::Applied);
        assert_eq!(told(), expected);
    }
    running.stop().await;
}

/// Waits until the gate in force is another one than `before`.
async fn replaced(gate: &Current, before: &Arc<InForce>) {
    let is_replaced = async {
        while Arc::ptr_eq(before, &gate.load()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, is_replaced).await.expect("a reload");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cfg_04_a_file_that_changes_is_read_again() {
    let issuer = DevIssuer::start().await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let text = forward_auth(&issuer, "/one");
    let file = write(folder.path(), &text);
    let running = Running::start(&text).await;
    let reloads = Reloads::new(&file, &text);
    let trigger = reloads.trigger();
    let followed = tokio::spawn(reloads.follow(running.reloader.clone()));

    // Asked for, though nothing has changed; then it is known to follow.
    let before = running.gate.load();
    trigger.send(Trigger::Asked).await.expect("it follows");
    replaced(&running.gate, &before).await;

    // Replaced by a rename, as editors do.
    let before = running.gate.load();
    let new = folder.path().join("new");
    std::fs::write(&new, forward_auth(&issuer, "/two")).expect("a file");
    std::fs::rename(&new, &file).expect("a rename");
    replaced(&running.gate, &before).await;
    followed.abort();
    running.stop().await;
}

/// Whatever happens in its folder is a reason to read a refused file again, and none to say the same
/// again; a signal is one.
#[tokio::test(flavor = "multi_thread")]
async fn t_cfg_04_mistakes_are_told_once() {
    let issuer = DevIssuer::start().await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let good = forward_auth(&issuer, "/one");
    let broken = good.replace("path_prefix", "path_prefx");
    let file = write(folder.path(), &broken);
    let running = Running::start(&good).await;
    let refused = || {
        let metrics = running.metrics.encode().expect("metrics");
        let line = |count| format!("bearward_reloads_total{{outcome=\"refused\"}} {count}\n");
        (0..10).find(|count| metrics.contains(&line(*count)))
    };
    let reloads = Reloads::new(&file, &good);
    let trigger = reloads.trigger();
    let followed = tokio::spawn(reloads.follow(running.reloader.clone()));
    let is_so = async |count| {
        while refused() != Some(count) {
            tokio::task::yield_now().await;
        }
    };
    let until = async |count| timeout(SOON, is_so(count)).await.expect("it is told");
    until(1).await;
    for _ in 0..3 {
        // The next one is taken when this one is done with.
        trigger.send(Trigger::Changed).await.expect("it follows");
    }
    assert_eq!(refused(), Some(1));
    trigger.send(Trigger::Asked).await.expect("it follows");
    until(2).await;
    // Another mistake is news.
    write(folder.path(), &good.replace("path_prefix", "path_prefax"));
    until(3).await;
    followed.abort();
    running.stop().await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/")).await;
    let door = running.address("forward auth");
    // Its key is not known, and the issuer takes its time: the request waits.
    issuer.set_fault(Fault::Hang);
    let key = issuer.rotate().await.expect("randomness");
    let token = issuer.user_token(issuer.url()).key(key).sign();
    let before = issuer.fetches();
    let mut idle = TcpStream::connect(door).await.expect("a connection");
    let mut busy = TcpStream::connect(door).await.expect("a connection");
    let fields = asking("/", &token);
    let request = format!("GET /auth/nginx HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    busy.write_all(request.as_bytes()).await.expect("sending");
    while issuer.fetches() == before {
        tokio::task::yield_now().await;
    }
    drop(running.stop);
    while TcpStream::connect(door).await.is_ok() {
        tokio::task::yield_now().await;
    }
    issuer.clear_fault();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.expect("an answer");
    assert_eq!(status(&answer), 200, "{answer}");
    running.served.await.expect("an end");
    // One that waits for its next request is closed.
    assert_eq!(idle.read(&mut [0]).await.expect("an end"), 0);
}

#[cfg(unix)]
async fn call_until_it_ends(mut client: AuthorizationClient<Channel>, count: Arc<AtomicUsize>) {
    while client.check(question("/x")).await.is_ok() {
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Calls without pause over several connections, while the gateway is told to stop: each one that was
/// seen is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_dos_03_every_call_that_ext_authz_has_seen_is_answered() {
    let issuer = DevIssuer::start().await.expect("a port");
    let text = ext_authz(&issuer, "127.0.0.1:0");
    let running = Running::start(&text).await;
    let url = format!("http://{}", running.address("ext_authz"));
    let answered = Arc::<AtomicUsize>::default();
    let mut callers = Vec::new();
    for _ in 0..4 {
        let client = AuthorizationClient::connect(url.clone()).await;
        let client = client.expect("a connection");
        callers.extend([(); 8].map(|()| {
            let calls = call_until_it_ends(client.clone(), Arc::clone(&answered));
            tokio::spawn(calls)
        }));
    }
    while answered.load(Ordering::SeqCst) < 500 {
        tokio::task::yield_now().await;
    }
    let metrics = Arc::clone(&running.metrics);
    running.stop().await;
    for caller in callers {
        let ended = timeout(SOON, caller).await.expect("an end");
        ended.expect("no panic");
    }
    let seen = format!(
        r#"bearward_requests_total{{door="ext_authz",route="all",reason="no_credentials",shadowed=""}} {}"#,
        answered.load(Ordering::SeqCst)
    );
    let metrics = metrics.encode().expect("metrics");
    assert!(metrics.contains(&seen), "{seen}: {metrics}");
}

#[tokio::test]
async fn a_unix_socket_is_listened_on_and_removed() {
    let issuer = DevIssuer::start().await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("s");
    // That of a program that is no more.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let text = forward_auth(&issuer, "/");
    let address = format!("unix:{}", path.display());
    let text = text.replacen("127.0.0.1:0", &address, 1);
    let running = Running::start(&text).await;
    // Somebody listens: another one does not take it away.
    assert!(Gateway::start(parse(&text)).await.is_err());
    let mut stream = tokio::net::UnixStream::connect(&path)
        .await
        .expect("a connection");
    let token = issuer.user_token(issuer.url()).sign();
    let fields = asking("/", &token);
    let request =
        format!("GET /auth/nginx HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sending");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert_eq!(status(&answer), 200, "{answer}");
    running.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_question_on_its_way_is_answered_after_the_stop() {
    let issuer = DevIssuer::start().await.expect("a port");
    let running = Running::start(&forward_auth(&issuer, "/app")).await;
    let door = running.address("forward auth");
    let token = issuer.user_token(issuer.url()).sign();
    let fields = asking("/app/1", &token);
    let question = format!("GET /auth/nginx HTTP/1.1\r\nHost: {door}\r\n{fields}\r\n");
    let mut kept = TcpStream::connect(door).await.expect("a connection");
    kept.write_all(question.as_bytes()).await.expect("sending");
    let mut first = Vec::new();
    while !first.ends_with(b"\r\n\r\n") {
        first.push(kept.read_u8().await.expect("an answer"));
    }
    assert!(!String::from_utf8(first).expect("text").contains("close"));
    drop(running.stop);
    while std::net::TcpStream::connect(door).is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kept.write_all(question.as_bytes()).await.expect("sending");
    let mut second = String::new();
    kept.read_to_string(&mut second).await.expect("an answer");
    assert_eq!(status(&second), 200, "{second}");
    assert!(second.contains("\r\nconnection: close\r\n"), "{second}");
    running.served.await.expect("an end");
}
