//! One request found again: in the log, in the audit log, and by `explain --id`.

#![cfg(unix)]

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bearward_testing::DevIssuer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::http;
use crate::program::{self, AUDIENCE};
use crate::running::{Running, until, value};

/// A gateway in front of an application that answers each request with 401, and the folder of its files.
struct Setting {
    folder: TempDir,
    running: Running,
    proxy: String,
    admin: String,
    token: String,
    _issuer: (Runtime, DevIssuer),
}

impl Setting {
    fn start(audit: &str) -> Self {
        let runtime = Runtime::new().expect("threads");
        let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("b.toml");
        let application = unfriendly();
        let text = format!(
            "[[issuers]]\nissuer = '{}'\naudiences = ['{AUDIENCE}']\n[[routes]]\nname = 'own'\npath_prefix = '/own'\n\
             upstream = 'app'\n[upstreams.app]\nurls = 'http://{application}'\n[listen.proxy]\naddress = '127.0.0.1:0'\n\
             [listen.admin]\naddress = '127.0.0.1:0'\n[log]\nidentity = 'subject'\n[audit]\nto = '{audit}'\n",
            issuer.url()
        );
        std::fs::write(&file, text).expect("a file");
        let mut command = program::command(["serve", "--log-format", "json", "--config"]);
        command.arg(&file).stdout(Stdio::piped());
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let mut child = command.stderr(log).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut running = Running { child, stdout };
        let lines = running.printed_until("ready");
        Self {
            proxy: value(&lines, "proxy").to_owned(),
            admin: format!("http://{}", value(&lines, "admin")),
            token: issuer.user_token(AUDIENCE).sign(),
            folder,
            running,
            _issuer: (runtime, issuer),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A request with this token, or without one.
    fn ask(&self, path: &str, token: Option<&str>) -> http::Answer {
        let fields = token.map(|token| format!("Authorization: Bearer {token}"));
        let fields: Vec<_> = fields.into_iter().collect();
        http::ask(&self.proxy, "api.example", "GET", path, &fields)
    }

    /// The same with a good token.
    fn ask_well(&self, path: &str) -> http::Answer {
        self.ask(path, Some(&self.token))
    }

    /// The output of `explain --id`.
    fn explain(&self, id: &str, more: &[&str]) -> program::Ended {
        let mut command = program::command(["explain", "--id", id, "--admin", &self.admin]);
        command.args(more);
        program::run(command)
    }

    fn signal(&self, name: &str) {
        let id = self.running.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }
}

/// The address of an application that refuses everything by itself.
fn unfriendly() -> std::net::SocketAddr {
    use std::io::Write;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 8192]);
            let answer =
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer);
        }
    });
    address
}

/// The id in an answer of ours.
fn id_of(answer: &http::Answer) -> Option<String> {
    let mut fields = answer.head.lines().filter_map(|line| line.split_once(": "));
    let field = fields.find(|(name, _)| name.eq_ignore_ascii_case("x-bearward-request-id"));
    field.map(|(_, id)| id.to_owned())
}

fn lines(file: &Path, target: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let parsed = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    parsed.filter(|line| line["target"] == target).collect()
}

#[test]
fn it_is_explained_by_its_id() {
    let setting = Setting::start("stdout");
    let refused = setting.ask("/own/x", None);
    assert_eq!(refused.status, 401);
    let id = id_of(&refused).expect("an id");
    let explained = setting.explain(&id, &[]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    for line in [
        "no_credentials: the answer was 401\n",
        "  request    GET /own/x\n",
        "  route      own\n",
        "  more       docs/reasons.md#no_credentials, or `bearward reason no_credentials`\n",
    ] {
        assert!(
            explained.stdout.contains(line),
            "{line}: {}",
            explained.stdout
        );
    }
    let json = setting.explain(&id, &["--format", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["reason"], "no_credentials");
    assert!(
        json["explanation"]["remedy"]
            .as_str()
            .is_some_and(|remedy| !remedy.is_empty())
    );

    // The application's own 401 has no field of ours, but the log has its id.
    let own = setting.ask_well("/own/y");
    assert_eq!((own.status, id_of(&own)), (401, None));
    let log = setting.path("log");
    let is_own = |line: &&Value| line["fields"]["path"] == "/own/y";
    let find = || lines(&log, "bearward::access").iter().find(is_own).cloned();
    until(|| find().is_some());
    let line = &find().expect("a line")["fields"];
    assert_eq!(line["answered_by"], "application");
    assert_eq!(line["reason"], "admitted");
    let id = line["id"].as_str().expect("an id");
    let explained = setting.explain(id, &[]);
    for said in [
        "admitted: the 401 is the application's own\n",
        &format!("X-Request-Id {id}."),
    ] {
        assert!(
            explained.stdout.contains(said),
            "{said}: {}",
            explained.stdout
        );
    }
}

#[test]
fn what_cannot_be_asked_or_is_not_known_is_an_error() {
    let setting = Setting::start("stdout");
    let id = "nobody";
    for (id, admin, said) in [
        (id, &*setting.admin, "knows no such request"),
        ("../metrics", &*setting.admin, "knows no such request"),
        (id, "http://127.0.0.1:9", "connect: "),
        (id, "nonsense", "nonsense: "),
    ] {
        let ended = program::run(program::command(["explain", "--id", id, "--admin", admin]));
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    let mut command = program::command(["explain", "--id", id, "--config"]);
    command.arg(setting.path("b.toml"));
    // Its address is of port 0, where nobody is.
    assert_eq!(program::run(command).code, Some(2));
}

#[test]
fn the_audit_log_goes_to_a_file_that_may_be_moved() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let setting = Setting::start(&format!("file:{}", file.display()));
    let count = |file: &Path| lines(file, "bearward::audit").len();
    setting.ask_well("/own/x");
    until(|| count(&file) == 1);
    let moved = folder.path().join("audit.jsonl.1");
    for (signal, name) in [("-USR1", "audit.jsonl.1"), ("-HUP", "audit.jsonl.2")] {
        let moved = folder.path().join(name);
        std::fs::rename(&file, &moved).expect("it moves");
        setting.signal(signal);
        // A line that comes before the signal still goes into the old file.
        until(|| {
            setting.ask("/own/x", None);
            count(&file) > 0
        });
    }
    let line = &lines(&moved, "bearward::audit")[0]["fields"];
    assert_eq!(line["decision"], "admitted");
    assert_eq!(line["status"], 401);
    assert!(line["subject"].as_str().is_some());
    setting.ask_well("/own/last");
    setting.signal("-TERM");
    let mut setting = setting;
    assert_eq!(
        setting.running.child.wait().expect("its end").code(),
        Some(0)
    );
    let last = lines(&file, "bearward::audit").pop().expect("a line");
    assert_eq!(last["fields"]["decision"], "admitted");
}

#[test]
fn the_audit_log_on_standard_output_is_json_alone() {
    let mut setting = Setting::start("stdout");
    setting.ask_well("/own/x");
    setting.ask("/own/x", None);
    setting.signal("-TERM");
    let mut rest = String::new();
    setting
        .running
        .stdout
        .read_to_string(&mut rest)
        .expect("its output");
    let lines: Vec<Value> = rest
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let reasons: Vec<_> = lines
        .iter()
        .map(|line| line["fields"]["reason"].as_str())
        .collect();
    assert_eq!(reasons, [Some("admitted"), Some("no_credentials")]);
    assert!(!rest.contains("eyJ") && !rest.contains("/own"), "{rest}");
}

#[test]
fn an_audit_log_that_cannot_be_written_prevents_the_start() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let text = "[[issuers]]\nissuer = 'https://id.example'\naudiences = ['a']\n[[routes]]\nname = 'all'\npath_prefix = '/'\n\
                [listen.forward_auth]\naddress = '127.0.0.1:0'\n[audit]\nto = 'file:.'\n";
    std::fs::write(&file, text).expect("a file");
    let mut command = program::command(["serve", "--config"]);
    command.arg(&file);
    let ended = program::run(command);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("cannot write the audit log to "),
        "{}",
        ended.stderr
    );
}
