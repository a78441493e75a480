//! One line of the log is found for each request by its id, its path, or its subject: one that was refused,
//! admitted, decided during a reload, or given up, at each door, also among 100 streams of one connection.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bearward_gateway::config::{Config, Surroundings};
use bearward_gateway::record::log::{LogFormat, LogQueue};
use bearward_gateway::record::metrics::Reload;
use bearward_testing::token::SUBJECT;
use bearward_testing::{Algorithm, DevIssuer, Fault, SigningKey, strict_json};
use envoy_types::ext_authz::v3::pb::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request as Asked};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use futures_util::future::join_all;
use http::Request;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::log::Log;
use crate::running::Running;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

/// The lines of the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// The line with these fields, which is the only one; waits for it.
    async fn one(&self, fields: &[(&str, &str)]) -> Value {
        let mut found = self.find(fields);
        let began = Instant::now();
        while found.is_empty() {
            assert!(began.elapsed() < SOON, "no line with {fields:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
            found = self.find(fields);
        }
        let [one] = found.as_slice() else {
            panic!("{fields:?}: {found:?}");
        };
        one.clone()
    }

    fn find(&self, fields: &[(&str, &str)]) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| {
            strict_json::check(line).unwrap();
            serde_json::from_str::<Value>(line).unwrap()["fields"].clone()
        });
        let has = |line: &Value| fields.iter().all(|(name, value)| line[*name] == **value);
        lines.filter(has).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Setting {
    issuer: DevIssuer,
    running: Running,
    lines: Lines,
    text: String,
    /// Lets the application answer what it holds.
    release: Arc<Notify>,
}

impl Setting {
    async fn start() -> Self {
        let issuer = DevIssuer::start().await.expect("a port");
        let release = Arc::<Notify>::default();
        let app = application(Arc::clone(&release)).await;
        let text = format!(
            "[[issuers]]\nissuer = '{0}'\naudiences = '{0}'\n[[routes]]\nname = 'before'\npath_prefix = '/'\nupstream = 'app'\n\
             [upstreams.app]\nurls = 'http://{app}'\nresponse_timeout = '300ms'\n\
             [listen.proxy]\naddress = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.1'\n\
             [listen.forward_auth]\naddress = '127.0.0.1:0'\n[listen.ext_authz]\naddress = '127.0.0.1:0'\n\
             [log]\nidentity = 'subject'\n",
            issuer.url()
        );
        let running = Running::start(&text).await;
        let lines = Lines::default();
        let queue = LogQueue::start(lines.clone(), LogFormat::Json).unwrap();
        running.metrics.write_log_to(queue);
        Self {
            issuer,
            running,
            lines,
            text,
            release,
        }
    }

    fn good(&self) -> String {
        self.issuer.user_token(self.issuer.url()).sign()
    }

    /// One whose key has to be fetched first, which the issuer never lets happen.
    fn of_an_unknown_key(&self) -> String {
        let token = self.issuer.user_token(self.issuer.url());
        token.key(SigningKey::second(Algorithm::Rs256)).sign()
    }

    /// Puts another configuration in force.
    async fn reload(&self, route: &str) {
        let text = self.text.replace("'before'", &format!("'{route}'"));
        let config = Config::parse_in(&text, &Surroundings::new("", |_| None)).unwrap();
        assert_eq!(self.running.reloader.apply(config).await, Reload::Applied);
    }
}

/// An application that answers 200; under `/held` once it is released, under `/slow` never.
async fn application(release: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&release)));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, release: Arc<Notify>) {
    let mut head = [0; 4096];
    let read = stream.read(&mut head).await.unwrap_or_default();
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    if head.contains("/held") {
        release.notified().await;
    } else if head.contains("/slow") {
        std::future::pending::<()>().await;
    }
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = stream.write_all(answer).await;
}

/// A question or request, and the fields of its line.
struct Case<'c> {
    id: &'c str,
    path: &'c str,
    token: Option<String>,
}

/// A way to ask the gateway.
#[derive(Clone, Copy, Debug)]
enum Way {
    ExtAuthz,
    ForwardAuth,
    Proxy,
}

impl Way {
    /// Asks, and waits for the answer.
    async fn ask(self, running: &Running, case: &Case<'_>) {
        let Case { id, path, token } = case;
        let bearer = token.as_ref().map(|token| format!("Bearer {token}"));
        match self {
            Self::ExtAuthz => {
                let mut client = envoy(running).await;
                let _ = client.check(question(id, path, bearer.as_deref())).await;
            }
            Self::ForwardAuth => {
                let fields = format!(
                    "X-Original-URI: {path}\r\nX-Original-Method: GET\r\nX-Original-Host: a.example\r\nX-Original-Id: {id}\r\n{}",
                    bearer
                        .map(|bearer| format!("Authorization: {bearer}\r\n"))
                        .unwrap_or_default()
                );
                let _ = send(running.address("forward auth"), "/auth/nginx", &fields).await;
            }
            Self::Proxy => {
                let fields = format!(
                    "X-Request-Id: {id}\r\n{}",
                    bearer
                        .map(|bearer| format!("Authorization: {bearer}\r\n"))
                        .unwrap_or_default()
                );
                let _ = send(running.address("proxy"), path, &fields).await;
            }
        }
    }
}

async fn send(address: SocketAddr, path: &str, fields: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn envoy(running: &Running) -> AuthorizationClient<Channel> {
    let url = format!("http://{}", running.address("ext_authz"));
    let channel = Channel::from_shared(url).expect("a URL");
    AuthorizationClient::new(channel.connect().await.expect("a connection"))
}

fn question(id: &str, path: &str, bearer: Option<&str>) -> CheckRequest {
    let mut http = HttpRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        host: "a.example".to_owned(),
        ..HttpRequest::default()
    };
    http.headers
        .insert("x-request-id".to_owned(), id.to_owned());
    if let Some(bearer) = bearer {
        http.headers
            .insert("authorization".to_owned(), bearer.to_owned());
    }
    CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(Asked {
                http: Some(http),
                ..Asked::default()
            }),
            ..AttributeContext::default()
        }),
    }
}

const WAYS: [(Way, &str); 3] = [
    (Way::ExtAuthz, "ext_authz"),
    (Way::ForwardAuth, "forward_auth"),
    (Way::Proxy, "proxy"),
];

#[tokio::test]
async fn a_request_that_was_refused_or_admitted_has_one_line() {
    let (_log, _guard) = Log::listen();
    let setting = Setting::start().await;
    for (way, door) in WAYS {
        let (refused, admitted) = (format!("{door}-r"), format!("{door}-a"));
        let paths = [format!("/{door}/refused"), format!("/{door}/admitted")];
        for (id, path, token) in [
            (&refused, &paths[0], None),
            (&admitted, &paths[1], Some(setting.good())),
        ] {
            let target = format!("{path}?access_token_is_not_read=secret");
            way.ask(
                &setting.running,
                &Case {
                    id,
                    path: &target,
                    token,
                },
            )
            .await;
        }
        let line = setting.lines.one(&[("id", &refused)]).await;
        assert_eq!(line["reason"], "no_credentials");
        assert_eq!(setting.lines.one(&[("path", &paths[0])]).await, line);
        let line = setting.lines.one(&[("id", &admitted)]).await;
        assert_eq!(line["reason"], "admitted");
        assert_eq!(setting.lines.one(&[("path", &paths[1])]).await, line);
        assert_eq!(
            setting
                .lines
                .one(&[("subject", SUBJECT), ("door", door)])
                .await,
            line
        );
        assert!(!line.to_string().contains("secret"), "{line}");
    }
    setting.running.stop().await;
}

#[tokio::test]
async fn a_request_that_was_given_up_has_one_line() {
    let (_log, _guard) = Log::listen();
    let setting = Setting::start().await;
    setting.issuer.set_fault(Fault::Hang);
    for (way, door) in WAYS {
        let (id, path) = (format!("{door}-t"), format!("/{door}/gone"));
        let token = Some(setting.of_an_unknown_key());
        let case = Case {
            id: &id,
            path: &path,
            token,
        };
        // It would be answered after a second.
        let asked = timeout(Duration::from_millis(200), way.ask(&setting.running, &case)).await;
        assert!(asked.is_err(), "{door}");
        let line = setting.lines.one(&[("id", &id)]).await;
        assert_eq!(line["reason"], "client_gone", "{line}");
        assert_eq!(setting.lines.one(&[("path", &path)]).await, line);
    }
    let token = Some(setting.good());
    let case = Case {
        id: "slow",
        path: "/slow",
        token,
    };
    Way::Proxy.ask(&setting.running, &case).await;
    let line = setting.lines.one(&[("path", "/slow")]).await;
    assert_eq!(
        (&line["reason"], &line["status"]),
        (&"upstream_timeout".into(), &504.into())
    );
    assert_eq!(line["subject"], SUBJECT);
    setting.running.stop().await;
}

#[tokio::test]
async fn a_request_that_a_reload_overtakes_has_one_line_of_what_it_was_decided_by() {
    let (_log, _guard) = Log::listen();
    let setting = Setting::start().await;
    setting.issuer.set_fault(Fault::Hang);
    for (way, door) in &WAYS[..2] {
        let id = format!("{door}-o");
        let token = Some(setting.of_an_unknown_key());
        let case = Case {
            id: &id,
            path: "/x",
            token,
        };
        let reloading = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            setting.reload("after").await;
            setting.reload("before").await;
        };
        both(way.ask(&setting.running, &case), reloading).await;
        let line = setting.lines.one(&[("id", &id)]).await;
        assert_eq!(line["route"], "before", "{line}");
        assert_eq!(line["status"], 503, "{line}");
    }
    let case = Case {
        id: "held",
        path: "/held",
        token: Some(setting.good()),
    };
    let reloading = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        setting.reload("after").await;
        setting.release.notify_one();
    };
    both(Way::Proxy.ask(&setting.running, &case), reloading).await;
    let line = setting
        .lines
        .one(&[("subject", SUBJECT), ("path", "/held")])
        .await;
    assert_eq!(
        (&line["route"], &line["status"]),
        (&"before".into(), &200.into())
    );
    let case = Case {
        id: "next",
        path: "/next",
        token: Some(setting.good()),
    };
    Way::Proxy.ask(&setting.running, &case).await;
    assert_eq!(setting.lines.one(&[("id", "next")]).await["route"], "after");
    setting.running.stop().await;
}

async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::join!(one, other);
}

/// Whether this of 100 streams has a token: the log writes 100 refusals a second.
const fn has_token(stream: usize) -> bool {
    stream % 5 < 3
}

#[tokio::test]
async fn each_of_100_streams_on_a_connection_has_one_line() {
    let (_log, _guard) = Log::listen();
    let setting = Setting::start().await;
    let bearer = format!("Bearer {}", setting.good());
    let stream = TcpStream::connect(setting.running.address("proxy"))
        .await
        .unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap();
    let streams = (0..100).map(|number| {
        let request = Request::get(format!("http://a.example/proxy/{number}"))
            .header("x-request-id", format!("p-{number}"));
        let request = match has_token(number) {
            true => request.header("authorization", &bearer),
            false => request,
        };
        sender.send_request(request.body(Empty::<Bytes>::new()).unwrap())
    });
    let answers = join_all(streams.collect::<Vec<_>>()).await;
    assert!(answers.iter().all(Result::is_ok));
    drop(answers);
    let client = envoy(&setting.running).await;
    let questions = (0..100).map(|number| {
        let mut client = client.clone();
        let (id, path) = (format!("e-{number}"), format!("/envoy/{number}"));
        let question = question(&id, &path, has_token(number).then_some(&*bearer));
        async move { client.check(question).await.is_ok() }
    });
    assert!(join_all(questions).await.into_iter().all(|is_ok| is_ok));
    for number in 0..100 {
        for (id, path) in [("p", "proxy"), ("e", "envoy")] {
            let line = setting
                .lines
                .one(&[("id", &format!("{id}-{number}"))])
                .await;
            assert_eq!(line["path"], format!("/{path}/{number}"));
            let reason = ["no_credentials", "admitted"][usize::from(has_token(number))];
            assert_eq!(line["reason"], reason);
        }
    }
    setting.running.stop().await;
}
