//! The way to an issuer, as configured: proxies, authorities, client certificates, credentials.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bearward::fetch::{Egress, Proxy};
use bearward_gateway::config::{
    Code, Config, EnvironmentError, Mistakes, Surroundings, proxies_of_environment,
};
use bearward_gateway::record::metrics::Reload;
use bearward_gateway::run::Reloads;
use bearward_testing::issuer::Tls;
use bearward_testing::{Algorithm, DevIssuer, Fault, SigningKey, keys};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use crate::log::Log;
use crate::running::{Running, SOON, asking, get, issuers, status};
use crate::tls::Authority;

/// A configuration whose only issuer has these lines.
fn with(lines: &str) -> String {
    format!(
        "[[issuers]]\nissuer = 'https://id.example'\naudiences = 'api'\n{lines}\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\n"
    )
}

/// A folder with everything that could be configured.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let (ours, others) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.certificate("client");
    let (_, other_key) = others.certificate("client");
    for (name, text) in [
        ("ca.pem", &*ours.pem),
        ("both.pem", &format!("{certificate}{key}")),
        ("cert.pem", &certificate),
        ("key.pem", &key),
        ("other.pem", &other_key),
        ("empty", ""),
        ("two", "hunter2\nhunter2\n"),
        ("token", "hunter2\n"),
        ("long", &"# a comment\n".repeat(30_000)),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let keys = keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]);
    fs::write(folder.path().join("jwks.json"), keys.to_string()).unwrap();
    folder
}

fn parse(lines: &str, folder: &Path) -> Result<Config, Mistakes> {
    let surroundings = Surroundings::new(folder, |name| match name {
        "CREDENTIALS" => Some(OsString::from("user:hunter22")),
        "STRONG" => Some(OsString::from("0123456789abcdef0123456789abcdef")),
        "HTTPS_PROXY" => Some(OsString::from("http://user:hunter22@proxy:3128")),
        _ => None,
    });
    Config::parse_in(&with(lines), &surroundings)
}

#[test]
fn every_way_to_an_issuer_may_be_configured() {
    let folder = folder();
    for lines in [
        "proxy = 'http://proxy:3128'",
        "proxy = 'https://10.0.0.1'\nproxy_authorization = 'file:token'",
        "proxy = 'http://[::1]:3128/'\nproxy_authorization = 'env:CREDENTIALS'",
        "proxy = 'environment'",
        "proxy = 'environment'\nproxy_authorization = 'file:token'",
        "ca = 'ca.pem'",
        "ca = 'ca.pem'\nca_only = true",
        "client_certificate = 'cert.pem'\nclient_key = 'key.pem'",
        "client_certificate = 'both.pem'\nclient_key = 'both.pem'",
        "authorization = 'file:token'",
        "authorization = 'env:CREDENTIALS'",
        "jwks_uri = 'https://id.example/k'\nauthorization = 'file:token'\nca = 'ca.pem'",
    ] {
        let config = parse(lines, folder.path());
        let config = config.unwrap_or_else(|mistakes| panic!("{lines}: {mistakes}"));
        assert!(config.warnings.is_empty(), "{lines}: {}", config.warnings);
        let shown = format!("{config:?}");
        for secret in ["hunter2", "dXNlcjpodW50ZXIyMg==", "104, 117, 110", "BEGIN"] {
            assert!(!shown.contains(secret), "{lines}: {shown}");
        }
    }
}

#[test]
fn the_manual_s_example_for_kubernetes_is_without_mistakes() {
    let folder = folder();
    let manual = include_str!("../../../docs/gateway.md");
    let example = manual.split("```toml fragment\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let mounted = "/var/run/secrets/kubernetes.io/serviceaccount/";
    let example = example.replace(mounted, "").replace("ca.crt", "ca.pem");
    let text = format!("{example}[[routes]]\nname = 'all'\npath_prefix = '/'\n");
    let config = Config::parse_in(&text, &Surroundings::new(folder.path(), |_| None));
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(config.warnings.is_empty(), "{}", config.warnings);
}

/// Lines that cannot be used, and the place of the mistake: the first of them is line 4.
const MISTAKES: &[(&str, &str)] = &[
    ("ca = 'no.pem'", "file_missing 4:1"),
    ("ca = 'empty'", "file_missing 4:1"),
    ("ca = 'key.pem'", "file_missing 4:1"),
    ("ca = 'long'", "too_large 4:1"),
    ("ca_only = true", "missing 4:1"),
    ("client_certificate = 'cert.pem'", "missing 4:1"),
    ("client_key = 'key.pem'", "missing 4:1"),
    (
        "client_certificate = 'cert.pem'\nclient_key = 'other.pem'",
        "file_missing 4:1",
    ),
    (
        "client_certificate = 'cert.pem'\nclient_key = 'no.pem'",
        "file_missing 5:1",
    ),
    ("authorization = 'file:no'", "file_missing 4:1"),
    ("authorization = 'file:empty'", "file_missing 4:1"),
    ("authorization = 'file:two'", "file_missing 4:1"),
    ("authorization = 'file:.'", "file_missing 4:1"),
    ("authorization = 'env:NOT_SET'", "file_missing 4:1"),
    ("authorization = 'Bearer hunter2'", "value 4:1"),
    ("authorization = 5", "type 4:1"),
    ("proxy_authorization = 'file:token'", "missing 4:1"),
    (
        "proxy = 'http://proxy'\nproxy_authorization = 'file:two'",
        "file_missing 5:1",
    ),
    (
        "proxy = 'http://proxy'\nproxy_authorization = 'user:hunter22'",
        "value 5:1",
    ),
    ("proxy = 'proxy:3128'", "value 4:9"),
    ("proxy = 'socks5://proxy'", "value 4:9"),
    ("proxy = 'http://proxy/path'", "value 4:9"),
    ("proxy = ''", "value 4:9"),
    // The place would show the password.
    ("proxy = 'http://user:hunter22@proxy'", "value 4:1"),
    ("jwks_file = 'jwks.json'\nca = 'ca.pem'", "value 5:1"),
    (
        "jwks_file = 'jwks.json'\nauthorization = 'file:token'",
        "value 5:1",
    ),
    (
        "jwks_file = 'jwks.json'\nproxy = 'environment'",
        "value 5:1",
    ),
    (
        "algorithms = ['HS256']\nsecret = 'env:STRONG'\nca_only = false",
        "value 6:1",
    ),
];

#[test]
fn t_cfg_07_what_cannot_be_used_is_a_mistake_with_its_place() {
    let folder = folder();
    for (lines, expected) in MISTAKES {
        let mistakes = parse(lines, folder.path()).expect_err(lines);
        let found: Vec<_> = mistakes
            .iter()
            .map(|mistake| {
                let (line, column) = mistakes.place(mistake);
                format!("{} {line}:{column}", mistake.code.as_str())
            })
            .collect();
        assert_eq!(found, [*expected], "{lines}: {mistakes}");
        let rendered = mistakes.render("b.toml");
        let is_shown = rendered.contains("hunter2") || format!("{mistakes:?}").contains("hunter2");
        assert!(!is_shown, "{lines}: {rendered}");
    }
    let mistakes = parse("proxy = 'http://user:hunter22@proxy'", folder.path());
    let rendered = mistakes.unwrap_err().render("b.toml");
    let help = "help: credentials go to `proxy_authorization`, as a reference";
    assert!(rendered.contains(help), "{rendered}");
}

#[test]
fn credentials_over_plain_http_are_a_warning() {
    let folder = folder();
    let lines = "insecure_plain_http = true\nauthorization = 'file:token'";
    let config = parse(lines, folder.path()).unwrap();
    let codes: Vec<_> = config.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, [Code::UrlScheme]);
}

#[test]
fn a_secret_that_ends_in_a_newline_is_a_warning() {
    let folder = folder();
    let lines = "algorithms = ['HS256']\nsecret = 'file:secret'";
    let text = "0123456789abcdef0123456789abcdef";
    let random = [0x1f, 0x8b, 0xff, 0x80, 7].repeat(7);
    for (secret, is_warned) in [
        (format!("{text}\n").into_bytes(), true),
        (format!("{text}\r\n").into_bytes(), true),
        (text.into(), false),
        (format!("{text} ").into_bytes(), false),
        // Every 256th random secret ends in this byte.
        ([random, vec![b'\n']].concat(), false),
    ] {
        fs::write(folder.path().join("secret"), &secret).unwrap();
        let warnings = parse(lines, folder.path()).unwrap().warnings;
        assert_eq!(!warnings.is_empty(), is_warned, "{secret:?}");
        if is_warned {
            let rendered = warnings.render("b.toml");
            assert!(rendered.contains("b.toml:5:1"), "{rendered}");
            assert!(rendered.contains("printf %s"), "{rendered}");
            assert!(!rendered.contains("0123"), "{rendered}");
        }
    }
}

/// A server started by another may have inherited anything.
#[test]
fn t_key_27_the_environment_is_not_asked_unless_the_file_says_so() {
    let asked = RefCell::new(Vec::new());
    let surroundings = Surroundings::new("", |name| {
        asked.borrow_mut().push(name.to_owned());
        Some(OsString::from("http://proxy:3128"))
    });
    Config::parse_in(&with(""), &surroundings).unwrap();
    Config::parse_in(&with("proxy = 'http://proxy'"), &surroundings).unwrap();
    assert_eq!(*asked.borrow(), [""; 0]);
    let from_environment = with("proxy = 'environment'");
    let refused = Config::parse_in(&from_environment, &surroundings).unwrap_err();
    let codes: Vec<_> = refused.iter().map(|mistake| mistake.code).collect();
    assert_eq!(codes, [Code::Value]);
    let rendered = refused.render("b.toml");
    assert!(rendered.contains("REQUEST_METHOD"), "{rendered}");
}

fn of(variables: &[(&str, &str)]) -> Result<Egress, EnvironmentError> {
    let variable = |name: &str| {
        let mut found = variables.iter().filter(|(key, _)| *key == name);
        found.next().map(|(_, value)| OsString::from(value))
    };
    proxies_of_environment(variable, None)
}

#[test]
fn the_environment_is_read_as_other_programs_read_it() {
    let proxy = |url: &str| Proxy::new(url).unwrap();
    let with_user = || {
        proxy("http://proxy:3128")
            .authorization("user:p@ss")
            .unwrap()
    };
    for (variables, expected) in [
        ([].as_slice(), Egress::new()),
        (
            &[("HTTPS_PROXY", "http://a"), ("https_proxy", "http://b")],
            Egress::new().https_proxy(proxy("http://a")),
        ),
        (
            &[("HTTPS_PROXY", ""), ("https_proxy", "http://b")],
            Egress::new().https_proxy(proxy("http://b")),
        ),
        (
            &[("HTTP_PROXY", "http://a"), ("ALL_PROXY", "http://b")],
            Egress::new()
                .http_proxy(proxy("http://a"))
                .https_proxy(proxy("http://b")),
        ),
        (
            &[("all_proxy", "proxy:8")],
            Egress::new().proxy(proxy("http://proxy:8")),
        ),
        (
            &[("ALL_PROXY", "http://a"), ("NO_PROXY", "b,.c")],
            Egress::new().proxy(proxy("http://a")).no_proxy("b,.c"),
        ),
        (
            &[("ALL_PROXY", "http://user:p%40ss@proxy:3128/")],
            Egress::new().proxy(with_user()),
        ),
        // For other programs.
        (
            &[
                ("HTTPS_PROXY", "http://a"),
                ("ALL_PROXY", "socks5://b:1080"),
            ],
            Egress::new().https_proxy(proxy("http://a")),
        ),
        // No field of a request ends up in these.
        (
            &[("REQUEST_METHOD", "GET"), ("http_proxy", "http://a")],
            Egress::new().http_proxy(proxy("http://a")),
        ),
        (
            &[("REQUEST_METHOD", "GET"), ("HTTPS_PROXY", "http://a")],
            Egress::new().https_proxy(proxy("http://a")),
        ),
    ] {
        assert_eq!(of(variables), Ok(expected), "{variables:?}");
    }
    let always = |_: &str| Some(OsString::from("http://user:p%40ss@proxy:3128"));
    let cgi = proxies_of_environment(always, None);
    assert_eq!(cgi, Err(EnvironmentError::Cgi));
    let replaced = |name: &str| (name == "ALL_PROXY").then(|| always(name)).flatten();
    let replaced = proxies_of_environment(replaced, Some(b"token")).unwrap();
    let token = proxy("http://proxy:3128").authorization("token").unwrap();
    assert_eq!(replaced, Egress::new().proxy(token));
}

#[test]
fn t_key_27_a_proxy_that_a_request_may_have_set_is_refused() {
    let cgi = [
        ("REQUEST_METHOD", "GET"),
        ("HTTP_PROXY", "http://attacker.example"),
        ("HTTPS_PROXY", "http://proxy:3128"),
    ];
    assert_eq!(of(&cgi), Err(EnvironmentError::Cgi));
    assert!(of(&cgi[1..]).is_ok());
    for value in [
        "socks5://user:hunter22@proxy",
        "::",
        "http://",
        "ftp://user:hunter22@proxy",
    ] {
        let error = of(&[("https_proxy", value)]).unwrap_err();
        assert_eq!(error, EnvironmentError::NotAProxy("https_proxy"), "{value}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

/// A gateway whose configuration file is followed.
struct Followed {
    running: Running,
    folder: TempDir,
}

impl Followed {
    /// With these tables, and everything of [`folder`] in its folder.
    async fn start(folder: TempDir, tables: &str) -> Self {
        let text = format!(
            "{tables}[[routes]]\nname = 'all'\npath_prefix = '/'\n\
             [listen.forward_auth]\naddress = '127.0.0.1:0'\n\
             [listen.admin]\naddress = '127.0.0.1:0'\n"
        );
        let file = folder.path().join("bearward.toml");
        fs::write(&file, &text).unwrap();
        let surroundings = Surroundings::new(folder.path(), |_| None);
        let config = Config::parse_in(&text, &surroundings);
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let running = Running::of(config).await;
        let reloads = Reloads::new(file, text);
        tokio::spawn(reloads.follow(running.reloader.clone()));
        Self { running, folder }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    async fn ask(&self, token: &str) -> u16 {
        let address = self.running.address("forward auth");
        let answer = get(address, "/auth/nginx", &asking("/", token)).await;
        status(&answer)
    }

    async fn until_metric(&self, line: &str) {
        let found = async {
            while !self.running.metrics.encode().unwrap().contains(line) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let found = timeout(SOON, found).await;
        assert!(
            found.is_ok(),
            "{line}: {}",
            self.running.metrics.encode().unwrap()
        );
    }

    async fn until_applied(&self, count: u32) {
        let line = format!(r#"bearward_reloads_total{{outcome="applied"}} {count}"#);
        self.until_metric(&line).await;
    }

    fn reason_of(&self, reason: &str) -> String {
        let server = self.running.server();
        let issuer = &server.state()[0].issuer;
        format!(r#"bearward_keys_fetch_failed{{issuer="{issuer}",reason="{reason}"}} 1"#)
    }
}

#[tokio::test]
async fn t_key_12_an_authority_that_changes_is_followed_and_the_keys_stay() {
    let tls = || DevIssuer::builder().tls(Tls::SignedByCa).start();
    let (issuer, other) = (tls().await.unwrap(), tls().await.unwrap());
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ca.pem"), issuer.ca_pem().unwrap()).unwrap();
    let tables = format!("{}ca = 'ca.pem'\nca_only = true\n", issuers(&[&issuer]));
    let gateway = Followed::start(folder, &tables).await;
    let token = issuer.user_token(issuer.url()).sign();
    assert_eq!(gateway.ask(&token).await, 200);

    // Another authority vouches for nobody here, and the keys are as good as they were.
    gateway.write("ca.pem", other.ca_pem().unwrap());
    gateway.until_applied(1).await;
    gateway.until_metric(&gateway.reason_of("tls")).await;
    assert_eq!(gateway.ask(&token).await, 200);

    // What is no authority is refused.
    gateway.write("ca.pem", "nothing");
    let refused = r#"bearward_reloads_total{outcome="refused"} 1"#;
    gateway.until_metric(refused).await;
    assert_eq!(gateway.ask(&token).await, 200);

    let fetched = issuer.fetches().jwks;
    gateway.write("ca.pem", issuer.ca_pem().unwrap());
    gateway.until_applied(2).await;
    issuer
        .wait_for_fetches(|fetches| fetches.jwks > fetched)
        .await;
    assert_eq!(gateway.ask(&token).await, 200);
    gateway.running.stop().await;
}

/// The issuer is down while the certificate is renewed: what follows needs the new one.
#[tokio::test]
async fn a_client_certificate_is_renewed_though_the_issuer_is_down() {
    let issuer = DevIssuer::start().await.unwrap();
    let tables = format!(
        "{}client_certificate = 'cert.pem'\nclient_key = 'key.pem'\n",
        issuers(&[&issuer])
    );
    let gateway = Followed::start(folder(), &tables).await;
    let token = issuer.user_token(issuer.url()).sign();
    assert_eq!(gateway.ask(&token).await, 200);
    issuer.set_fault(Fault::Down);
    let (certificate, key) = Authority::new().certificate("client");
    gateway.write("both.pem", format!("{certificate}{key}"));
    let file = gateway.folder.path().join("bearward.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("'cert.pem'", "'both.pem'");
    fs::write(
        &file,
        text.replace("client_key = 'key.pem'", "client_key = 'both.pem'"),
    )
    .unwrap();
    gateway.until_applied(1).await;
    assert_eq!(gateway.ask(&token).await, 200);
    gateway.running.stop().await;
}

/// A server of keys that wants this `Authorization` or `Proxy-Authorization`, and the heads it got.
struct Demanding {
    url: String,
    wanted: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Demanding {
    async fn start(wanted: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            wanted: Arc::new(Mutex::new(wanted.to_owned())),
            heads: Arc::default(),
        };
        let (wanted, heads) = (Arc::clone(&server.wanted), Arc::clone(&server.heads));
        let keys = keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]).to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 8192];
                let read = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let is_known = head.contains(&*wanted.lock().unwrap());
                heads.lock().unwrap().push(head);
                let (status, body) = [(401, ""), (200, &*keys)][usize::from(is_known)];
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} -\r\nConnection: close\r\nCache-Control: max-age=1\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        server
    }

    fn want(&self, wanted: &str) {
        wanted.clone_into(&mut self.wanted.lock().unwrap());
    }

    fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn token_of(issuer: &str) -> bearward_testing::Token {
    let now = std::time::SystemTime::now().into();
    bearward_testing::Token::user(issuer, "api", now).key(SigningKey::first(Algorithm::Rs256))
}

#[tokio::test]
async fn t_cfg_08_credentials_are_read_anew_and_never_logged() {
    let (log, _guard) = Log::listen();
    let server = Demanding::start("authorization: Bearer hunter2-one\r\n").await;
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(folder.path().join("secrets/token"), "hunter2-one\n").unwrap();
    let tables = format!(
        "[[issuers]]\nissuer = 'https://id.example'\naudiences = 'api'\n\
         jwks_uri = '{}/keys'\nauthorization = 'file:secrets/token'\n",
        server.url
    );
    let gateway = Followed::start(folder, &tables).await;
    let known = token_of("https://id.example").sign();
    assert_eq!(gateway.ask(&known).await, 200);
    let unknown = |kid: &str| {
        let key = SigningKey::second(Algorithm::Rs256).with_kid(kid);
        token_of("https://id.example").key(key).sign()
    };

    // It is replaced, as an orchestrator does it.
    server.want("authorization: Bearer hunter2-two\r\n");
    gateway.write("secrets/token", "hunter2-two\n");
    assert_eq!(gateway.ask(&unknown("one")).await, 401);
    assert_eq!(server.count(), 2);

    // It goes missing.
    fs::remove_file(gateway.folder.path().join("secrets/token")).unwrap();
    // nginx gets 503 as 403.
    assert_eq!(gateway.ask(&unknown("two")).await, 403);
    gateway
        .until_metric(&gateway.reason_of("authorization"))
        .await;
    assert_eq!(server.count(), 2);
    assert_eq!(gateway.ask(&known).await, 200);
    let admin = gateway.running.address("admin");
    let mut shown = get(admin, "/issuers", "").await;
    shown += &gateway.running.metrics.encode().unwrap();
    shown += &log.text();
    assert!(shown.contains("authorization: the file"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    // None of this is a change of the configuration.
    assert!(!shown.contains("was reloaded"), "{shown}");
    gateway.running.stop().await;
}

#[tokio::test]
async fn t_key_27_the_credentials_of_a_proxy_are_followed() {
    // For plain http, a proxy gets the whole URL.
    let wanted = |text: &str| format!("proxy-authorization: {text}\r\n");
    let proxy = Demanding::start(&wanted("Basic dXNlcjpodW50ZXIyMg==")).await;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("credentials"), "user:hunter22\n").unwrap();
    let tables = format!(
        "[[issuers]]\nissuer = 'http://id.example'\naudiences = 'api'\ninsecure_plain_http = true\n\
         jwks_uri = 'http://id.example/keys'\nproxy = '{}'\n\
         proxy_authorization = 'file:credentials'\n",
        proxy.url
    );
    let gateway = Followed::start(folder, &tables).await;
    let token = token_of("http://id.example").sign();
    assert_eq!(gateway.ask(&token).await, 200);
    let line = "GET http://id.example/keys HTTP/1.1\r\n";
    assert!(proxy.heads.lock().unwrap()[0].starts_with(line));

    proxy.want(&wanted("Bearer hunter3"));
    let fetched = proxy.count();
    gateway.write("credentials", "hunter3");
    gateway.until_applied(1).await;
    let state = gateway.running.server().state().remove(0).keys;
    assert_eq!(state.last_error, None);
    assert!(proxy.count() > fetched);
    assert_eq!(gateway.ask(&token).await, 200);
    gateway.running.stop().await;
}

/// The keys are kept in a reload by hand, too, and the reload is not refused for the sake of an issuer
/// that is down.
#[tokio::test]
async fn a_cfg_02_another_proxy_is_put_in_force_with_the_keys_of_before() {
    let issuer = DevIssuer::builder().tls(Tls::SignedByCa).start();
    let issuer = issuer.await.unwrap();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ca.pem"), issuer.ca_pem().unwrap()).unwrap();
    let tables = format!("{}ca = 'ca.pem'\n", issuers(&[&issuer]));
    let gateway = Followed::start(folder, &tables).await;
    let generation = gateway.running.server().state()[0].keys.generation;
    let text = fs::read_to_string(gateway.folder.path().join("bearward.toml")).unwrap();
    let text = text.replace("ca = 'ca.pem'", "proxy = 'http://127.0.0.1:9'");
    let surroundings = Surroundings::new(gateway.folder.path(), |_| None);
    let config = Config::parse_in(&text, &surroundings).unwrap();
    assert_eq!(
        gateway.running.reloader.apply(config).await,
        Reload::Applied
    );
    let state = gateway.running.server().state().remove(0).keys;
    assert!(state.is_usable);
    assert_eq!(state.generation, generation);
    gateway.running.stop().await;
}
