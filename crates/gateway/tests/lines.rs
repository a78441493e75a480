//! The lines of the access log and of the audit log: what stands in them of a request, and what never does.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bearward_gateway::Current;
use bearward_gateway::decision::Decision;
use bearward_gateway::doors::ext_authz::ExtAuthz;
use bearward_gateway::doors::forward_auth::{ForwardAuth, TrustedPeers};
use bearward_gateway::identity::{ClaimSource, Encoding, Identity};
use bearward_gateway::original::Original;
use bearward_gateway::record::identity::{HashKey, LoggedIdentity};
use bearward_gateway::record::log::{LogFormat, LogQueue};
use bearward_gateway::record::metrics::Metrics;
use bearward_gateway::record::observer::Observe;
use bearward_gateway::record::request::{Door, Record, Request as Asked};
use bearward_gateway::record::request_id::RequestId;
use bearward_gateway::route::{Mode, PathPattern, Route};
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW};
use bearward_testing::{Algorithm, SigningKey, Token, strict_json};
use fastrand::Rng;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use crate::forward_auth::setting::{DIALECTS, LOOPBACK, gate, head_of, identity};

/// What was written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The fields of each line.
    fn fields(&self) -> Vec<Value> {
        let lines = self.lines();
        let parsed = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        parsed.map(|line| line["fields"].clone()).collect()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Metrics with an audit log.
fn audited() -> (Metrics, Written, LogQueue) {
    let written = Written::default();
    let queue = LogQueue::start(written.clone(), LogFormat::Json).unwrap();
    let metrics = Metrics::new(Current::new(gate([], identity(), None)));
    metrics.audit().write_to(queue.clone());
    (metrics, written, queue)
}

/// The record of a request at the reverse proxy.
async fn record(routes: Vec<Route>, request: &Request<()>) -> Record {
    let in_force = gate(routes, identity(), None);
    let uri = request.uri().to_string();
    let original = Original::new(request.method(), &uri, None, request.headers());
    let decision = in_force.decide(&original).await;
    let asked = Asked::new(RequestId::sent_or_new(None), request.method(), LOOPBACK);
    Record::decided(Door::Proxy, asked, decision, Duration::ZERO)
}

fn asking(target: &str, token: &str) -> Request<()> {
    let request = Request::get(target).header("authorization", format!("Bearer {token}"));
    request.body(()).unwrap()
}

fn user() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

fn all() -> Route {
    Route::new("all", [PathPattern::prefix("/").unwrap()])
}

fn fields(line: &[u8]) -> Value {
    let text = std::str::from_utf8(line).unwrap();
    strict_json::check(text).unwrap();
    serde_json::from_str::<Value>(text).unwrap()["fields"].clone()
}

#[tokio::test]
async fn t_err_08_a_line_names_the_sender_only_where_asked_and_only_as_verified() {
    let key = HashKey::new(b"0123456789abcdef").unwrap();
    let subject = user().claims()["sub"].as_str().unwrap().to_owned();
    let client = user().claims()["client_id"].as_str().unwrap().to_owned();
    let good = user().sign();
    let forged = user().key(SigningKey::second(Algorithm::Rs256)).sign();
    for (token, is_verified) in [
        (&good, true),
        (&forged, false),
        (&user().expires_at(NOW.minus(HOUR)).sign(), false),
        (
            &Token::user(ISSUER, "https://other.example", NOW).sign(),
            false,
        ),
    ] {
        let record = record(vec![all()], &asking("/x", token)).await;
        let line = |identity| fields(&record.to_line(LogFormat::Json, identity));
        let none = line(&LoggedIdentity::None);
        let named = line(&LoggedIdentity::Subject);
        let hashed = line(&LoggedIdentity::KeyedHash(key.clone()));
        let keys = ["issuer", "subject", "client"];
        assert!(keys.iter().all(|key| none.get(key).is_none()), "{none}");
        if is_verified {
            assert_eq!(
                keys.map(|key| named[key].clone()),
                [ISSUER, &*subject, &*client].map(Value::from)
            );
            assert_eq!(hashed["issuer"], ISSUER);
            assert_eq!(hashed["subject"].as_str().unwrap().len(), 32);
            assert!(hashed.get("client").is_none() && !hashed.to_string().contains(&subject));
        } else {
            assert!(keys.iter().all(|key| named.get(key).is_none()), "{named}");
            assert!(keys.iter().all(|key| hashed.get(key).is_none()), "{hashed}");
        }
    }
}

#[tokio::test]
async fn a_verified_sender_who_is_refused_is_named_also_in_shadow_mode() {
    let requirements = bearward::Requirements::builder()
        .scope("never")
        .build()
        .unwrap();
    let mut route = all();
    route.require = vec![vec![requirements]];
    let mut shadow = route.clone();
    shadow.mode = Mode::Shadow;
    for (route, status, reason, shadowed) in [
        (route, 403, "insufficient_scope", None),
        (shadow, 200, "admitted", Some("insufficient_scope")),
    ] {
        let record = record(vec![route], &asking("/x", &user().sign())).await;
        let line = fields(&record.to_line(LogFormat::Json, &LoggedIdentity::Subject));
        assert_eq!(line["status"], status);
        assert_eq!(line["reason"], reason);
        assert_eq!(line["subject"], user().claims()["sub"]);
        assert_eq!(line.get("shadowed").and_then(Value::as_str), shadowed);
    }
}

/// The fields of the line about the admission of a user with an actor.
fn of_an_admission() -> [(&'static str, Value); 12] {
    [
        ("message", json!("decision")),
        ("decision", json!("admitted")),
        ("reason", json!("admitted")),
        ("status", json!(200)),
        ("door", json!("proxy")),
        ("method", json!("GET")),
        ("route", json!("all")),
        ("issuer", json!(ISSUER)),
        ("subject", user().claims()["sub"].clone()),
        ("client", user().claims()["client_id"].clone()),
        ("kind", json!("user")),
        (
            "act",
            json!({
                "iss": "https://id.example", "sub": "agent-1",
                "act": { "client_id": "tool\\u{1b}", "act": { "act": { "act": "...", "sub": "4" } } },
            }),
        ),
    ]
}

#[tokio::test]
async fn the_audit_log_has_who_may_what_on_whose_behalf() {
    let (metrics, written, queue) = audited();
    let act = json!({
        "sub": "agent-1", "iss": "https://id.example", "secret": "zq",
        "act": { "client_id": "tool\u{1b}", "act": { "act": { "sub": "4", "act": { "sub": "5" } } } },
    });
    let token = user().claim("act", act).claim("private", "zq");
    let admitted = record(vec![all()], &asking("/private-zq?zq=zq", &token.sign())).await;
    metrics.ended(&admitted);
    let mut never = all();
    never.require = vec![vec![
        bearward::Requirements::builder()
            .scope("never")
            .build()
            .unwrap(),
    ]];
    metrics.ended(&record(vec![never], &asking("/x", &user().sign())).await);
    let forged = user()
        .claim("sub", "zq")
        .key(SigningKey::second(Algorithm::Rs256));
    metrics.ended(&record(vec![all()], &asking("/x", &forged.sign())).await);
    assert!(queue.flush(Duration::from_secs(20)));
    let text = written.lines().join("\n");
    assert!(!text.contains("zq") && !text.contains("eyJ"), "{text}");
    let lines = written.fields();
    let [admitted, refused, unknown] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    let sub = &user().claims()["sub"];
    for (name, value) in of_an_admission() {
        assert_eq!(admitted[name], value, "{name}");
    }
    assert_eq!(refused["decision"], "refused");
    assert_eq!(refused["reason"], "insufficient_scope");
    assert_eq!(&refused["subject"], sub);
    assert_eq!(refused["claim"], "scope");
    assert_eq!(unknown["reason"], "kid_unknown");
    for name in ["issuer", "subject", "client", "kind", "act"] {
        assert!(unknown.get(name).is_none(), "{unknown}");
    }
    let manual = include_str!("../../../docs/gateway.md");
    let (_, manual) = manual.split_once("### The audit log").unwrap();
    for name in lines
        .iter()
        .flat_map(|line| line.as_object().unwrap().keys())
    {
        assert!(manual.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[tokio::test]
async fn t_dos_06_a_flood_of_unknown_senders_loses_lines_and_hides_no_user() {
    let (metrics, written, queue) = audited();
    let unknown = record(vec![all()], &Request::get("/x").body(()).unwrap()).await;
    let known = record(vec![all()], &asking("/x", &user().sign())).await;
    for _ in 0..1000 {
        metrics.ended(&unknown);
        metrics.ended(&known);
    }
    assert!(queue.flush(Duration::from_secs(20)));
    let lines = written.fields();
    let count = |reason: &str| lines.iter().filter(|line| line["reason"] == reason).count();
    assert_eq!(count("admitted"), 1000);
    let written = count("no_credentials");
    assert!((100..1000).contains(&written), "{written}");
    let metrics = metrics.encode().unwrap();
    let lost = format!("bearward_audit_lines_lost_total {}\n", 1000 - written);
    assert!(metrics.contains(&lost), "{metrics}");
}

/// Of the requests that were admitted and answered well, as many have a line as asked for; all others have one.
#[tokio::test]
async fn admitted_requests_may_be_thinned_out() {
    for (one_in, expected) in [("1", 40), ("10", 4), ("0", 0)] {
        let written = Written::default();
        let queue = LogQueue::start(written.clone(), LogFormat::Json).unwrap();
        let running = crate::running::Running::launch(&format!(
            "[[issuers]]\nissuer = 'https://id.example'\naudiences = ['a']\njwks_uri = 'http://127.0.0.1:1/'\n\
             [[routes]]\nname = 'all'\npath_prefix = '/'\n[listen.forward_auth]\naddress = '127.0.0.1:0'\n\
             [log]\nadmitted_one_in = {one_in}\n"
        ))
        .await;
        running.metrics.write_log_to(queue.clone());
        let good = record(vec![all()], &asking("/x", &user().sign())).await;
        let refused = record(vec![all()], &asking("/x", "x")).await;
        let mut own = good.clone();
        own.status = http::StatusCode::UNAUTHORIZED;
        let (_log, _guard) = crate::log::Log::listen();
        for _ in 0..40 {
            running.metrics.ended(&good);
        }
        running.metrics.ended(&refused);
        running.metrics.ended(&own);
        assert!(queue.flush(Duration::from_secs(20)));
        let lines = written.fields();
        let count = |status: u16| lines.iter().filter(|line| line["status"] == status).count();
        assert_eq!((count(200), count(401)), (expected, 2), "{one_in}");
        running.stop().await;
    }
}

/// What the fuzz draws texts from: what breaks lines, JSON, terminals, fields. `zq` marks them.
const PIECES: &[&str] = &[
    "zq",
    "/",
    "..",
    "%2f",
    "%00",
    "\"",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{0}",
    "é",
    "日本",
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "{",
    "}",
    ":",
    ",",
    "=",
    " ",
    "'",
    "?",
    "#",
    "x",
    "A",
    "7",
    ";",
    "&",
    "+",
    "%",
    "\u{2028}",
    "\u{10ffff}",
];

fn text(rng: &mut Rng) -> String {
    let count = match rng.u8(..) {
        0..=3 => rng.usize(200..2000),
        _ => rng.usize(0..12),
    };
    let pieces = (0..count).map(|_| PIECES[rng.usize(..PIECES.len())]);
    format!("zq{}", pieces.collect::<String>())
}

/// Tokens with texts in them: half of them are good. Signing takes longer than everything else here.
fn draw_tokens(rng: &mut Rng) -> Vec<String> {
    let draw = |number: usize| {
        let token = user().claim("sub", text(rng)).claim("client_id", text(rng));
        let token = token.claim("act", json!({ "sub": text(rng) }));
        let token = match number % 6 {
            0 => token.header("kid", text(rng)),
            1 => token.claim("iss", text(rng)),
            2 => token.claim("aud", text(rng)),
            _ => token,
        };
        token.sign()
    };
    (0..1000).map(draw).collect()
}

/// A request of anybody, with texts of theirs everywhere.
fn draw(rng: &mut Rng, tokens: &[String]) -> Request<()> {
    let target = format!("/{}", text(rng));
    let target = target.parse::<http::Uri>();
    let methods = ["GET", "POST", "OPTIONS", "zq", "get", "PROPFIND", "zq-1"];
    let method = Method::from_bytes(methods[rng.usize(..methods.len())].as_bytes());
    let mut request = Request::new(());
    *request.method_mut() = method.unwrap();
    *request.uri_mut() = target.unwrap_or_else(|_| "/zq?zq=%22".parse().unwrap());
    let names = [
        "x-request-id",
        "x-original-id",
        "x-forwarded-for",
        "user-agent",
        "host",
        "x-id-token",
        "origin",
        "traceparent",
        "x-subject",
    ];
    for name in names {
        let value = match rng.u8(0..4) {
            0 => HeaderValue::from_bytes(text(rng).as_bytes()).ok(),
            1 => Some(HeaderValue::from_static("zq-1")),
            _ => None,
        };
        if let Some(value) = value {
            request.headers_mut().insert(name, value);
        }
    }
    let token = match rng.u8(0..6) {
        0..=2 => Some(tokens[rng.usize(..tokens.len())].clone()),
        3 => Some(text(rng)),
        _ => None,
    };
    let value = token.map(|token| HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()));
    if let Some(Ok(value)) = value {
        request.headers_mut().insert("authorization", value);
    }
    request
}

/// Checks one line: strict JSON in one line, and of the sender only what the table allows.
fn check(line: &str, allowed: &[&str]) {
    strict_json::check(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let is_safe = |char: char| {
        !char.is_control() && !matches!(char, '\u{2028}' | '\u{202e}' | '\u{200b}' | '\u{feff}')
    };
    assert!(line.chars().all(is_safe), "{line:?}");
    let parsed: Value = serde_json::from_str(line).unwrap();
    let fields = parsed["fields"].as_object().unwrap();
    for (name, value) in fields {
        if !allowed.contains(&name.as_str()) {
            assert!(!value.to_string().contains("zq"), "{name}: {line}");
        }
    }
    for name in ["id", "path"] {
        let text = fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        assert!(
            text.bytes().all(is_plain) && text.len() <= 1024 + 6,
            "{text}"
        );
    }
}

/// The three doors of one gate.
struct Doors {
    forward_auth: ForwardAuth,
    ext_authz: ExtAuthz,
    current: Current,
}

impl Doors {
    fn new(current: Current) -> Self {
        Self {
            forward_auth: ForwardAuth::new(current.clone(), TrustedPeers::default()),
            ext_authz: ExtAuthz::new(current.clone(), TrustedPeers::default()),
            current,
        }
    }

    /// The decision of one of them.
    async fn decide(&self, round: usize, request: Request<()>, rng: &mut Rng) -> (Door, Decision) {
        let (at, decision) = match round % 3 {
            0 => {
                let (_, ask) = DIALECTS[rng.usize(..DIALECTS.len())];
                let question = ask(request);
                let mut response = self.forward_auth.answer(LOOPBACK, head_of(&question)).await;
                (
                    Door::ForwardAuth,
                    response.extensions_mut().remove::<Decision>(),
                )
            }
            1 => {
                let question = crate::ext_authz::question(&request);
                let question = crate::ext_authz::as_read(&question);
                let mut response = self.ext_authz.answer(LOOPBACK, &question).await;
                (
                    Door::ExtAuthz,
                    response.extensions_mut().remove::<Decision>(),
                )
            }
            _ => {
                let target = request.uri().to_string();
                let original = Original::new(request.method(), &target, None, request.headers());
                (
                    Door::Proxy,
                    Some(self.current.load().decide(&original).await),
                )
            }
        };
        (at, decision.expect("a decision"))
    }
}

/// The fuzz of the log: no request makes a line that is no JSON, has a member twice, or shows what the sender chose
/// where the table does not allow it.
#[tokio::test]
async fn t_err_01_t_err_06_t_err_08_no_request_writes_into_the_log() {
    let (metrics, written, queue) = audited();
    let subject = Identity::builder().field("X-Subject", ClaimSource::Subject, Encoding::Percent);
    let current = Current::new(gate([all()], subject.build().unwrap(), None));
    let (mut verified, mut rng) = (0, Rng::with_seed(17));
    let tokens = draw_tokens(&mut rng);
    let doors = Doors::new(current);
    for round in 0..FUZZ {
        let request = draw(&mut rng, &tokens);
        let sent = request.headers().get("x-request-id");
        let asked = Asked::new(RequestId::sent_or_new(sent), request.method(), LOOPBACK);
        let (at, decision) = doors.decide(round, request, &mut rng).await;
        let record = Record::decided(at, asked, decision, Duration::ZERO);
        verified += usize::from(record.sender.is_some());
        for (identity, allowed) in [
            (LoggedIdentity::None, &["id", "path"][..]),
            (
                LoggedIdentity::Subject,
                &["id", "path", "subject", "client"],
            ),
        ] {
            let json = record.to_line(LogFormat::Json, &identity);
            check(str::from_utf8(&json).unwrap().trim_end(), allowed);
            let text = record.to_line(LogFormat::Text, &identity);
            let text = str::from_utf8(&text).unwrap();
            let text = text.strip_suffix('\n').expect("an end");
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        if record.sender.is_some() {
            metrics.ended(&record);
        }
        if round % 100 == 0 {
            assert!(queue.flush(Duration::from_secs(20)));
        }
    }
    assert!(queue.flush(Duration::from_secs(20)));
    let lines = written.lines();
    assert_eq!(lines.len(), verified);
    assert!(verified > FUZZ / 20, "{verified}");
    for line in lines {
        check(&line, &["id", "subject", "client", "act"]);
    }
}

const FUZZ: usize = 100_000;

const HOUR: Duration = Duration::from_secs(3600);
