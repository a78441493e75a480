//! `bearward issuer` and `bearward demo`, and the commands that fetch keys over the network.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use bearward_testing::{DevIssuer, Fault, UnixTime, token};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::http;
use crate::program::{self, Ended, NOW};

/// A program that keeps running until it is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        // Its log is of no interest, and a full pipe would stop it.
        let mut child = command
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("a pipe from stdout");
        Self {
            child,
            stdout: BufReader::new(stdout),
        }
    }

    /// What it prints, up to a line with this text.
    pub(crate) fn printed_until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self
                .stdout
                .read_line(&mut line)
                .expect("reading what it prints");
            assert_ne!(read, 0, "it ended after {lines:?}");
            lines.extend(as_text(line.trim_end()));
            if lines.iter().any(|line| line.contains(text)) {
                return lines;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a program prints as text, from those or from one line of JSON.
pub(crate) fn as_text(line: &str) -> Vec<String> {
    let Ok(Value::Object(line)) = serde_json::from_str(line) else {
        return vec![line.to_owned()];
    };
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let fields = line["fields"].as_object().expect("fields");
    let others = fields.iter().filter(|(name, _)| *name != "message");
    let others =
        others.map(|(name, value)| format!("{:<13} {}", name.replace('_', " "), text(value)));
    others.chain([text(&fields["message"])]).collect()
}

/// The value of a line such as `issuer  http://…`.
pub(crate) fn value<'l>(lines: &'l [String], name: &str) -> &'l str {
    let line = lines.iter().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1))
        .expect("a line of that name")
}

#[track_caller]
pub(crate) fn until(mut is_done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_done() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it did not happen in time"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_line_of_the_demo_is_answered_as_it_says() {
    let mut demo = Running::start(program::command(["demo"]));
    let lines = demo.printed_until("Ctrl-C");
    let explained = lines.windows(2).filter(|pair| pair[0].starts_with("# "));
    let mut statuses = Vec::new();
    for pair in explained {
        let status = pair[0]
            .strip_prefix("# ")
            .and_then(|what| what.get(..3))
            .expect("a status");
        let answer = http::curl(&pair[1]);
        assert_eq!(answer.status.to_string(), status, "{}: {answer:?}", pair[0]);
        statuses.push(answer.status);
    }
    let of_application = [401, 200, 200, 401, 401, 403, 200, 401, 200];
    let of_gateway = [401, 200, 200, 200, 401, 403, 200, 401, 200];
    let of_operator = [200, 403, 200, 200];
    let expected = [&of_application[..], &of_gateway, &of_operator].concat();
    assert_eq!(statuses, expected);
}

/// What the lines of the gateway say beside their status.
#[test]
fn the_gateway_of_the_demo_tells_the_application_who_is_there() {
    let mut demo = Running::start(program::command(["demo"]));
    let lines = demo.printed_until("Ctrl-C");
    let gateway = lines
        .iter()
        .position(|line| line.starts_with("The gateway, in front"));
    let answer = |what: &str| {
        let mut lines = lines[gateway.expect("its heading")..].iter();
        lines.find(|line| line.starts_with(what)).expect("its line");
        http::curl(lines.next().expect("a line behind its comment"))
    };
    let nobody = answer("# 401: no token");
    assert!(
        nobody
            .head
            .contains("www-authenticate: Bearer realm=\"api\"\r\n"),
        "{}",
        nobody.head
    );
    let user = fields_of(&answer("# 200: a user"));
    assert_eq!(user["x-authgear-session-valid"], "true");
    assert_eq!(user["x-authgear-user-id"], token::SUBJECT);
    assert_eq!(user["x-authgear-user-verified"], "true");
    assert_eq!(user["x-authgear-session-amr"], "pwd");
    assert_eq!(user.get("authorization"), None);

    let spoofed = fields_of(&answer("# 200: the same user, although"));
    assert_eq!(spoofed["x-authgear-user-id"], token::SUBJECT);
    let has_role = |name: &String| name.replace('_', "-") == "x-authgear-user-roles";
    assert!(!spoofed.keys().any(has_role), "{spoofed:?}");

    let machine = fields_of(&answer("# 200: a machine"));
    let expected = json!({ "x-bearward-client-id": token::MACHINE_CLIENT_ID });
    assert_eq!(Value::Object(machine), expected);

    let admin = fields_of(&answer("# 200: the user is an admin"));
    assert_eq!(admin["x-authgear-user-roles"], "admin");

    let stepped = answer("# 401: the login is an hour");
    assert!(stepped.head.contains("max_age=\"300\""), "{}", stepped.head);
    let asked = answer("# 200: the user is allowed");
    let field = format!("x-authgear-user-id: {}", token::SUBJECT);
    assert!(asked.head.contains(&field), "{}", asked.head);
    let metrics = answer("# 200: which requests were allowed");
    let refused = "reason=\"auth_time_unsatisfied\"";
    assert!(metrics.body.contains(refused), "{}", metrics.body);
    let families = metrics.body.lines();
    let families = families.filter_map(|line| line.strip_prefix("# TYPE "));
    let mut count = 0;
    for family in families {
        let (name, kind) = family.split_once(' ').expect("a name and its kind");
        let total = if kind == "counter" { "_total" } else { "" };
        let documented = format!("| `{name}{total}` |");
        assert!(MANUAL.contains(&documented), "{documented}");
        count += 1;
    }
    // Those whose families have no member yet are not there.
    let rows = MANUAL.matches("| `bearward_").count();
    assert!(count >= 9 && rows >= count, "{count} of {rows}");
}

const MANUAL: &str = include_str!("../../../docs/gateway.md");

/// The fields that the application got.
fn fields_of(answer: &http::Answer) -> Map<String, Value> {
    serde_json::from_str(&answer.body).expect("a JSON object")
}

#[test]
fn the_sample_application_answers_as_its_predecessor_did() {
    let mut demo = Running::start(program::command(["demo"]));
    let lines = demo.printed_until("Ctrl-C");
    let application = value(&lines, "application");
    assert_eq!(http::get(&format!("{application}/livez")).status, 200);
    until(|| http::get(&format!("{application}/readyz")).status == 200);
    assert_eq!(http::get(&format!("{application}/elsewhere")).status, 404);

    let of_user = lines
        .iter()
        .position(|line| line == "# 200: a user")
        .expect("its line");
    let answer = http::curl(&lines[of_user + 1]);
    assert!(
        answer.head.contains("content-type: application/json"),
        "{}",
        answer.head
    );
    assert!(
        answer
            .body
            .starts_with(r#"{"message":"Hello!","user_data":{"#),
        "{}",
        answer.body
    );
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["user_data"]["iss"], value(&lines, "issuer"));

    let stepped = lines
        .iter()
        .position(|line| line.starts_with("# 401: the login is an hour"));
    let answer = http::curl(&lines[stepped.expect("its line") + 1]);
    assert!(
        answer.head.contains(
            "www-authenticate: Bearer realm=\"api\", error=\"insufficient_user_authentication\", \
             error_description=\"A more recent or stronger authentication is required\", \
             max_age=\"300\""
        ),
        "{}",
        answer.head
    );
}

#[test]
fn the_sample_application_serves_another_issuer() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::builder().fault(Fault::Error500).start());
    let issuer = issuer.expect("a free port");
    let mut command = program::command(["demo", "--issuer", issuer.url()]);
    command.args([
        "--audience",
        "https://api.example",
        "--listen",
        "127.0.0.1:0",
    ]);
    let mut application = Running::start(command);
    let lines = application.printed_until("issuer");
    let url = value(&lines, "application");
    let hello = |token: &str| {
        http::curl(&format!(
            "curl -i {url}/hello -H \"Authorization: Bearer {token}\""
        ))
        .status
    };
    assert_eq!(http::get(&format!("{url}/livez")).status, 200);
    assert_eq!(http::get(&format!("{url}/readyz")).status, 503);
    let token = issuer.user_token("https://api.example").sign();
    assert_eq!(hello(&token), 503);

    // It heals by itself.
    issuer.clear_fault();
    until(|| http::get(&format!("{url}/readyz")).status == 200);
    assert_eq!(hello(&token), 200);
    assert_eq!(
        hello(&issuer.user_token("https://other.example").sign()),
        401
    );
}

#[test]
fn each_line_of_the_issuer_does_what_it_says() {
    let mut issuer = Running::start(program::command(["issuer"]));
    let lines = issuer.printed_until("Ctrl-C");
    for url in [value(&lines, "metadata"), value(&lines, "keys")] {
        assert_eq!(http::get(url).status, 200, "{url}");
    }
    for line in lines.iter().filter(|line| line.starts_with("curl ")) {
        let answer = http::curl(line);
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
    }
    let line = lines
        .iter()
        .find(|line| line.starts_with("bearward verify"));
    let words = http::words(&http::substituted(line.expect("a line that verifies")));
    let ended = program::run(program::command(&words[1..]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn the_issuer_starts_with_its_fault() {
    let mut issuer = Running::start(program::command(["issuer", "--fault", "error-500"]));
    let lines = issuer.printed_until("Ctrl-C");
    assert_eq!(http::get(value(&lines, "keys")).status, 500);
    let url = value(&lines, "issuer");
    http::curl(&format!("curl -s -X DELETE {url}/faults"));
    assert_eq!(http::get(value(&lines, "keys")).status, 200);
    let unknown = program::run(program::command(["issuer", "--fault", "fire"]));
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("possible values: down, "),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_port_that_is_taken_is_a_failure() {
    let mut issuer = Running::start(program::command(["issuer"]));
    let lines = issuer.printed_until("Ctrl-C");
    let port = value(&lines, "issuer").rsplit(':').next().expect("a port");
    for command in ["issuer", "demo"] {
        let ended = program::run(program::command([command, "--port", port, "--log", "off"]));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{command}"
        );
        assert!(
            ended.stderr.contains(&format!("127.0.0.1:{port}")),
            "{}",
            ended.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_well() {
    for command in ["issuer", "demo"] {
        let mut running = Running::start(program::command([command]));
        let lines = running.printed_until("Ctrl-C");
        // A connection that is kept open does not hold it up.
        let url = value(&lines, "issuer").to_owned();
        let _idle = std::net::TcpStream::connect(url.strip_prefix("http://").expect("http"));
        let id = running.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill is there").success());
        let mut rest = String::new();
        running.stdout.read_to_string(&mut rest).expect("its end");
        let status = running.child.wait().expect("its end");
        assert_eq!(status.code(), Some(0), "{command}");
    }
}

/// A command with the keys of this issuer, by discovery unless more is said.
fn with_issuer(command: &str, issuer: &DevIssuer, more: &[&str]) -> Ended {
    let arguments = [
        command,
        "--issuer",
        issuer.url(),
        "--audience",
        issuer.url(),
    ];
    let mut command = program::command(arguments);
    command.args(more);
    program::run(command)
}

#[test]
fn keys_are_discovered_or_fetched() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let token = issuer.user_token(issuer.url()).sign();
    assert_eq!(with_issuer("verify", &issuer, &[&token]).code, Some(0));
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 1));
    let jwks = issuer.jwks_uri();
    assert_eq!(
        with_issuer("verify", &issuer, &["--jwks", &jwks, &token]).code,
        Some(0)
    );
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 2));
    assert_eq!(with_issuer("explain", &issuer, &[&token]).code, Some(0));

    let new = runtime
        .block_on(issuer.rotate_and_drop())
        .expect("randomness");
    assert_eq!(with_issuer("verify", &issuer, &[&token]).code, Some(1));
    let token = issuer.user_token(issuer.url()).key(new).sign();
    assert_eq!(with_issuer("verify", &issuer, &[&token]).code, Some(0));
}

#[test]
fn what_each_attempt_met_is_said() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::builder().fault(Fault::Redirect).start());
    let issuer = issuer.expect("a free port");
    let url = issuer.url();
    let token = issuer.user_token(url).sign();
    let ended = with_issuer("verify", &issuer, &[&token]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(
        ended
            .stderr
            .starts_with(&format!("error: no keys from {url}: "))
    );
    for path in ["openid-configuration", "oauth-authorization-server"] {
        let attempt = format!("{url}/.well-known/{path}: redirect_refused: ");
        assert!(
            ended.stderr.contains(&attempt),
            "{attempt}: {}",
            ended.stderr
        );
    }
}

#[test]
fn t_key_09_the_issuer_that_the_metadata_names_is_said() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::builder().fault(Fault::WrongIssuer).start());
    let issuer = issuer.expect("a free port");
    let token = issuer.user_token(issuer.url()).sign();
    let ended = with_issuer("verify", &issuer, &[&token]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    let said = format!(
        "issuer_mismatch: the metadata names the issuer \"https://another.example\", and \"{}\" is configured: \
         configure the issuer as the metadata names it, if that is its public name; if it is an internal one, set the \
         public name at the issuer, and `internal_origin` here",
        issuer.url()
    );
    assert_eq!(ended.stderr.matches(&said).count(), 2, "{}", ended.stderr);
}

#[test]
fn without_keys_a_token_is_explained_as_far_as_it_goes() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::builder().fault(Fault::Error500).start());
    let issuer = issuer.expect("a free port");
    let token = issuer.user_token(issuer.url());
    let ended = with_issuer("explain", &issuer, &[&token.sign()]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stdout.starts_with("undecided: keys_unavailable\n"),
        "{}",
        ended.stdout
    );

    let said = ended
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for sentence in [
        "why Nothing is wrong with the token so far, but its signature cannot be verified: no keys from",
        "the issuer answered with status 500",
        "remedy For the operator of this server: check the address of the keys, the proxy that leads to it (`proxy`)",
        "more docs/reasons.md#keys_unavailable",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }

    let expired = token.expires_at(UnixTime::from_secs(0)).sign();
    let ended = with_issuer("explain", &issuer, &[&expired]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stdout.starts_with("refused: token_expired\n"),
        "{}",
        ended.stdout
    );
}

/// A listener that answers each request with this status, and its address.
fn answering(status: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 1024];
            let _ = stream.read(&mut head);
            let answer =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn each_way_to_fail_at_fetching_keys_has_its_remedy() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let unnamed = format!("https://{}.invalid", "x".repeat(64));
    let authorization = "configure `authorization`";
    for (url, said) in [
        (
            closed,
            "connect: could not connect to the server: connection refused: nothing listens",
        ),
        (
            unnamed,
            "connect: could not connect to the server: its name does not resolve (DNS)",
        ),
        (answering("401 Unauthorized"), authorization),
        (answering("403 Forbidden"), authorization),
        (
            answering("404 Not Found"),
            "the issuer answered with status 404",
        ),
    ] {
        let token = bearward_testing::Token::user(&url, "https://api.example", NOW).sign();
        let jwks = format!("{url}/keys");
        let mut command = program::command(["explain", "--format", "json", "--issuer", &url]);
        command.args(["--audience", "https://api.example", "--jwks", &jwks]);
        command.args(["--at", &NOW.as_secs().to_string(), &token]);
        let ended = program::run(command);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let why = json["means"].as_str().expect("why");
        assert!(why.contains(said), "{said}: {why}");
        assert_eq!(why.contains(authorization), said == authorization, "{why}");
    }
}

/// Keys at another host than the issuer's are named, since the metadata alone says where they are.
#[test]
fn the_url_that_was_tried_is_named_if_it_is_another() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(
        DevIssuer::builder()
            .fault(Fault::JwksUriUnresolvable)
            .start(),
    );
    let issuer = issuer.expect("a free port");
    let token = issuer.user_token(issuer.url()).sign();
    let ended = with_issuer("verify", &issuer, &[&token]);
    assert_eq!(ended.code, Some(2));
    let said = "its name does not resolve (DNS) (at https://";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

/// An opaque token says so itself; nobody has to wait for an issuer that is down.
#[test]
fn keys_are_not_fetched_for_what_is_no_jws() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let ended = with_issuer("explain", &issuer, &["a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (0, 0));
}

#[test]
fn keys_do_not_come_over_plain_http_from_elsewhere() {
    let mut command = program::command(["verify", "--issuer", "http://id.example"]);
    command.args(["--audience", "https://api.example", "x"]);
    let ended = program::run(command);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.starts_with("error: url_scheme"),
        "{}",
        ended.stderr
    );
}
