//! The program when the machine around it fails: descriptors, disk, names, certificates, and the
//! program's own sudden end. What an issuer's answers can do is in the fault matrix.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bearward_testing::issuer::Tls;
use bearward_testing::{Algorithm, DevIssuer, Fault, SigningKey, Token, UnixTime, keys};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::http::{self, Answer};
use crate::program::{self, AUDIENCE};
use crate::running::{Running, until, value};

/// A gateway that serves.
struct Gateway {
    running: Running,
    door: String,
    proxy: Option<String>,
    admin: String,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts it with a shell's line before, which sets limits.
    fn start(place: &Place, before: &str, environment: &[(&str, &str)]) -> Self {
        let serve = program::command(["serve"]);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{before} exec \"$0\" serve --config \"$1\"")])
            .arg(serve.get_program())
            .arg(place.config())
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::<Mutex<String>>::default();
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().expect("the log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut running = Running { child, stdout };
        let lines = running.printed_until("ready");
        let door = lines.iter().find(|line| line.starts_with("forward auth"));
        let door = door.and_then(|line| line.split_whitespace().last());
        let proxy = lines.iter().find(|line| line.starts_with("proxy"));
        let proxy = proxy.and_then(|line| line.split_whitespace().last());
        Self {
            proxy: proxy.map(str::to_owned),
            door: door.expect("its address").to_owned(),
            admin: format!("http://{}", value(&lines, "admin")),
            running,
            log,
        }
    }

    fn ask(&self, token: &str) -> Answer {
        http::curl(&format!(
            "curl -i http://{}/auth/traefik -H \"X-Forwarded-Method: GET\" \
             -H \"X-Forwarded-Host: a.example\" -H \"X-Forwarded-Uri: /orders\" \
             -H \"Authorization: Bearer {token}\"",
            self.door
        ))
    }

    fn readiness(&self) -> Answer {
        http::get(&format!("{}/readyz", self.admin))
    }

    /// How many lines of the log say this.
    fn count_of(&self, what: &str) -> usize {
        self.log()
            .lines()
            .filter(|line| line.contains(what))
            .count()
    }

    fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Ends it as nothing else does: it cannot do anything about it.
    fn kill(mut self) {
        self.running.child.kill().expect("SIGKILL");
        self.running.child.wait().expect("its end");
    }
}

/// A folder with a configuration, and room for a snapshot.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(issuer: &str, more: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let place = Self { folder };
        let text = format!(
            "[[issuers]]\nissuer = '{issuer}'\naudiences = '{AUDIENCE}'\n{more}\n\
             [[routes]]\nname = 'all'\npath_prefix = '/'\n\
             [listen.forward_auth]\naddress = '127.0.0.1:0'\n\
             [listen.admin]\naddress = '127.0.0.1:0'\n"
        );
        let text = text.replace("SNAPSHOT", &place.snapshot().display().to_string());
        std::fs::write(place.config(), text).expect("a file");
        place
    }

    fn with_snapshot(issuer: &str) -> Self {
        Self::new(issuer, "snapshot = 'SNAPSHOT'")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("b.toml")
    }

    fn snapshot(&self) -> PathBuf {
        self.folder.path().join("keys").join("keys.json")
    }

    fn files_beside_the_snapshot(&self) -> usize {
        let folder = std::fs::read_dir(self.folder.path().join("keys"));
        folder.map_or(0, Iterator::count)
    }
}

fn dev_issuer(runtime: &Runtime) -> DevIssuer {
    runtime.block_on(DevIssuer::start()).expect("a free port")
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    let head = answer.head.to_ascii_lowercase();
    let field = head
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let seconds: u64 = field.expect("Retry-After").trim().parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[test]
fn t_key_06_a_restart_during_an_outage_serves_at_once_from_the_snapshot() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    let place = Place::with_snapshot(issuer.url());
    std::fs::create_dir(place.folder.path().join("keys")).expect("a folder");
    let gateway = Gateway::start(&place, "", &[]);
    until(|| gateway.ask(&token).status == 200 && place.snapshot().exists());
    issuer.set_fault(Fault::Down);
    gateway.kill();

    for _ in 0..3 {
        let gateway = Gateway::start(&place, "", &[]);
        // The very first answer.
        let answer = gateway.ask(&token);
        assert_eq!(answer.status, 200, "{answer:?}");
        let readiness = gateway.readiness();
        assert_eq!(readiness.status, 200, "{readiness:?}");
        assert!(readiness.body.contains("\"stale\":true"), "{readiness:?}");
        gateway.kill();
    }
    let gateway = Gateway::start(&place, "", &[]);
    until(|| gateway.count_of("keys not fetched") > 0);
    let rotated = runtime.block_on(issuer.rotate()).expect("a key");
    let rotated = issuer.user_token(AUDIENCE).key(rotated).sign();
    assert_unavailable(&gateway.ask(&rotated));
    issuer.clear_fault();
    until(|| gateway.ask(&rotated).status == 200);
}

#[test]
fn a_key_05_a_restart_during_an_outage_without_a_snapshot_heals_by_itself() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    let place = Place::new(issuer.url(), "");
    let gateway = Gateway::start(&place, "", &[]);
    until(|| gateway.ask(&token).status == 200);
    issuer.set_fault(Fault::Down);
    gateway.kill();

    let gateway = Gateway::start(&place, "", &[]);
    assert_unavailable(&gateway.ask(&token));
    assert_eq!(gateway.readiness().status, 503);
    until(|| gateway.count_of("keys not fetched") > 1);
    assert_unavailable(&gateway.ask(&token));
    issuer.clear_fault();
    until(|| gateway.ask(&token).status == 200);
    assert_eq!(gateway.readiness().status, 200);
}

/// The end may come between any two steps of writing it.
#[test]
fn a_snapshot_is_whole_whenever_the_program_is_killed() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let place = Place::with_snapshot(issuer.url());
    std::fs::create_dir(place.folder.path().join("keys")).expect("a folder");
    let mut whole = 0;
    for millis in 0..12 {
        let gateway = Gateway::start(&place, "", &[]);
        std::thread::sleep(Duration::from_millis(millis));
        gateway.kill();
        if let Ok(text) = std::fs::read(place.snapshot()) {
            let file: serde_json::Value = serde_json::from_slice(&text).expect("a whole snapshot");
            assert_eq!(file["issuer"], issuer.url());
            whole += 1;
        }
    }
    let gateway = Gateway::start(&place, "", &[]);
    until(|| place.snapshot().exists());
    drop(gateway);
    eprintln!("{whole} of 12 had a snapshot");
}

/// What a write past the limit of a file's size is told, EFBIG, is to the program what a full disk is.
#[test]
fn a_full_disk_stops_nothing_tears_nothing_and_is_told_once() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let place = Place::with_snapshot(issuer.url());
    std::fs::create_dir(place.folder.path().join("keys")).expect("a folder");
    let token = issuer.user_token(AUDIENCE).sign();
    let gateway = Gateway::start(&place, "", &[]);
    until(|| gateway.ask(&token).status == 200 && place.snapshot().exists());
    drop(gateway);
    let before = std::fs::read(place.snapshot()).expect("the snapshot");

    let gateway = Gateway::start(&place, "trap '' XFSZ; ulimit -f 0;", &[]);
    until(|| gateway.count_of("key snapshot not written") == 1);
    for rotation in 0..2 {
        runtime.block_on(issuer.rotate()).expect("a key");
        let token = issuer.user_token(AUDIENCE).sign();
        until(|| gateway.ask(&token).status == 200);
        let fetched = format!("generation={}", rotation + 2);
        until(|| gateway.count_of(&fetched) == 1);
    }
    assert_eq!(gateway.ask(&token).status, 200);
    assert_eq!(
        gateway.count_of("key snapshot not written"),
        1,
        "{}",
        gateway.log()
    );
    assert_eq!(
        std::fs::read(place.snapshot()).expect("the snapshot"),
        before
    );
    // The last attempt may not be over yet.
    until(|| place.files_beside_the_snapshot() == 1);
}

#[test]
fn t_key_12_a_certificate_that_goes_bad_is_an_outage_and_no_more() {
    let runtime = Runtime::new().expect("threads");
    let issuer = DevIssuer::builder().tls(Tls::SignedByCa).start();
    let issuer = runtime.block_on(issuer).expect("a free port");
    let place = Place::new(issuer.url(), "");
    let ca = place.folder.path().join("ca.pem");
    std::fs::write(&ca, issuer.ca_pem().expect("an authority")).expect("a file");
    let trusting = [("SSL_CERT_FILE", ca.to_str().expect("a name"))];
    let old = issuer.user_token(AUDIENCE).sign();

    let stranger = Gateway::start(&place, "", &[]);
    assert_unavailable(&stranger.ask(&old));
    until(|| stranger.count_of("tls: ") > 0);
    drop(stranger);

    for tls in [Tls::Expired, Tls::SelfSigned, Tls::WrongName] {
        let gateway = Gateway::start(&place, "", &trusting);
        let old = issuer.user_token(AUDIENCE).sign();
        until(|| gateway.ask(&old).status == 200);
        issuer.set_tls(tls).expect("a certificate");
        runtime.block_on(issuer.rotate()).expect("a key");
        let new = issuer.user_token(AUDIENCE).sign();
        assert_unavailable(&gateway.ask(&new));
        until(|| gateway.count_of("tls: ") > 0);
        assert_eq!(gateway.ask(&old).status, 200, "{tls:?}");
        assert_unavailable(&gateway.ask(&new));
        issuer.set_tls(Tls::SignedByCa).expect("a certificate");
        until(|| gateway.ask(&new).status == 200);
    }
}

#[test]
fn a_key_05_a_name_that_does_not_resolve_is_an_outage() {
    // A label of 64 octets, one too many, so no resolver is asked for it.
    let issuer = format!("https://{}.invalid", "x".repeat(64));
    let place = Place::new(&issuer, "");
    let gateway = Gateway::start(&place, "", &[]);
    let now = UnixTime::from(std::time::SystemTime::now());
    assert_unavailable(&gateway.ask(&Token::user(&issuer, AUDIENCE, now).sign()));
    assert_eq!(gateway.readiness().status, 503);
    until(|| gateway.count_of("connect: could not connect to the server") > 0);
    assert_eq!(http::get(&format!("{}/livez", gateway.admin)).status, 200);
}

/// The program may have no more descriptors than these from now on. It made its caps for more.
#[cfg(target_os = "linux")]
fn take_descriptors(gateway: &Gateway, left: u64) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = i32::try_from(gateway.running.child.id()).expect("a process");
    let limit = Rlimit {
        current: Some(left),
        maximum: Some(left),
    };
    prlimit(Pid::from_raw(pid), Resource::Nofile, limit).expect("a limit");
}

/// Someone opens connections until the program has no descriptor left for one more, and leaves.
#[cfg(target_os = "linux")]
#[test]
fn t_dos_01_out_of_file_descriptors_it_serves_on_and_recovers() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    let place = Place::new(issuer.url(), "");
    let mut text = std::fs::read_to_string(place.config()).expect("a file");
    text.push_str("[listen.proxy]\naddress = '127.0.0.1:0'\n");
    text.push_str("[upstreams.app]\nurls = 'http://127.0.0.1:9'\n");
    let text = text.replace("path_prefix = '/'", "path_prefix = '/'\nupstream = 'app'");
    std::fs::write(place.config(), text).expect("a file");
    let gateway = Gateway::start(&place, "", &[]);
    until(|| gateway.ask(&token).status == 200);
    take_descriptors(&gateway, 48);
    let mut kept = TcpStream::connect(&gateway.door).expect("a connection");
    assert_eq!(asked_over(&mut kept, &token), "HTTP/1.1 200 OK");

    let door: SocketAddr = gateway.door.parse().expect("an address");
    let crowd: Vec<_> = (0..100).map(|_| TcpStream::connect(door)).collect();
    until(|| gateway.count_of("cannot accept connections") > 0);
    let (cpu, began) = (cpu_ticks(&gateway), Instant::now());
    // Who is connected is served, again and again.
    while began.elapsed() < Duration::from_secs(2) {
        assert_eq!(asked_over(&mut kept, &token), "HTTP/1.1 200 OK");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Of a hundred a second, by the kernel's clock for user space.
    let used = cpu_ticks(&gateway) - cpu;
    assert!(used <= 30, "{used} ticks of CPU in 2 s");
    let count = gateway.count_of("cannot accept connections");
    assert!(
        count <= 3,
        "one for each listener at most: {}",
        gateway.log()
    );

    // Neither has the program one for the issuer, unless its connection is still open.
    runtime.block_on(issuer.rotate()).expect("a key");
    let rotated = issuer.user_token(AUDIENCE).sign();
    let answer = asked_over(&mut kept, &rotated);
    assert!(
        answer.contains(" 200 ") || answer.contains(" 503 "),
        "{answer}"
    );

    drop(crowd);
    until(|| {
        let stream = TcpStream::connect(door);
        stream.is_ok_and(|mut stream| asked_over(&mut stream, &token) == "HTTP/1.1 200 OK")
    });
    until(|| gateway.ask(&rotated).status == 200);
    assert_eq!(gateway.ask(&token).status, 200);
    assert_eq!(gateway.readiness().status, 200);
    assert!(gateway.log().lines().count() < 100, "{}", gateway.log());
}

/// Few descriptors, and a client that takes as many as it can get: one is left for whoever comes next.
#[cfg(target_os = "linux")]
#[test]
fn t_dos_08_few_descriptors_are_shared_out_so_that_everybody_gets_an_answer() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    // It accepts, and never answers.
    let app = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = app.local_addr().expect("its address");
    std::thread::spawn(move || app.incoming().collect::<Vec<_>>());
    let place = Place::new(issuer.url(), "");
    let mut text = std::fs::read_to_string(place.config()).expect("a file");
    text.push_str("[listen.proxy]\naddress = '127.0.0.1:0'\n");
    text.push_str(&format!("[upstreams.app]\nurls = 'http://{address}'\n"));
    let text = text.replace("path_prefix = '/'", "path_prefix = '/'\nupstream = 'app'");
    std::fs::write(place.config(), text).expect("a file");
    let gateway = Gateway::start(&place, "ulimit -n 512;", &[]);
    until(|| gateway.ask(&token).status == 200);
    assert_eq!(gateway.count_of("too few file descriptors"), 1);

    let door = gateway.proxy.clone().expect("a reverse proxy");
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    let crowd: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(&door).expect("a connection");
            let _ = stream.write_all(request.as_bytes());
            stream
        })
        .collect();
    until(|| gateway.count_of("too_many_requests") > 0);
    until(|| gateway.count_of("too_many_connections") > 0);
    let other = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let source = "127.0.0.2:0".parse().expect("an address");
        socket.bind(source).expect("an address of this machine");
        let stream = socket.connect(door.parse().expect("an address")).await;
        stream
            .and_then(tokio::net::TcpStream::into_std)
            .expect("a connection")
    });
    other.set_nonblocking(false).expect("a socket");
    let mut other = other;
    let bare = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    other.write_all(bare).expect("a connection");
    let mut answer = String::new();
    let _ = other.set_read_timeout(Some(Duration::from_secs(5)));
    other.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(gateway.ask(&token).status, 200);
    assert_eq!(gateway.readiness().status, 200);
    assert_eq!(gateway.count_of("cannot accept connections"), 0);
    assert_eq!(gateway.count_of("cannot connect to"), 0);
    drop(crowd);
}

/// Shells give 1024, in the way of ten thousand connections; what may be had is taken.
#[cfg(target_os = "linux")]
#[test]
fn it_takes_as_many_file_descriptors_as_it_may() {
    // Nothing listens there.
    let place = Place::new("http://127.0.0.1:9", "");
    let gateway = Gateway::start(&place, "ulimit -Sn 64; ulimit -Hn 512;", &[]);
    let path = format!("/proc/{}/limits", gateway.running.child.id());
    let limits = std::fs::read_to_string(path).expect("its limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<_> = line.expect("a line").split_whitespace().skip(3).collect();
    assert_eq!(numbers, ["512", "512", "files"]);
}

/// A question of forward auth.
#[cfg(target_os = "linux")]
fn question(token: &str) -> String {
    format!(
        "GET /auth/traefik HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\n\
         X-Forwarded-Host: a.example\r\nX-Forwarded-Uri: /orders\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    )
}

/// Asks over a connection that stays; the status line.
#[cfg(target_os = "linux")]
fn asked_over(stream: &mut TcpStream, token: &str) -> String {
    let request = question(token);
    let limit = Some(Duration::from_secs(10));
    stream.set_read_timeout(limit).expect("a limit");
    if stream.write_all(request.as_bytes()).is_err() {
        return String::new();
    }
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    let head = String::from_utf8_lossy(&head);
    // The answer of an admission has no body.
    head.lines().next().unwrap_or_default().to_owned()
}

/// What the program has used, in user and system mode.
#[cfg(target_os = "linux")]
fn cpu_ticks(gateway: &Gateway) -> u64 {
    let path = format!("/proc/{}/stat", gateway.running.child.id());
    let stat = std::fs::read_to_string(path).expect("its state");
    let (_, fields) = stat.rsplit_once(") ").expect("its name");
    let ticks = fields.split(' ').skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<u64>().expect("ticks"))
        .sum()
}

/// Asks it to end, and says how long it takes and how it ends.
fn terminate(running: &mut Running) -> (Option<i32>, Duration) {
    let id = running.child.id().to_string();
    let began = Instant::now();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill is there").success());
    while began.elapsed() < Duration::from_secs(20) {
        if let Some(status) = running.child.try_wait().expect("its state") {
            return (status.code(), began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it does not end");
}

/// No request is under way, so there is nothing that it would have to wait for.
const SOON: Duration = Duration::from_secs(5);

/// A gateway whose log nobody reads, and what is left to read of it.
fn start_unread(place: &Place, format: &str) -> (Gateway, std::process::ChildStderr) {
    let mut command = program::command(["serve", "--log-format", format, "--config"]);
    let mut child = command.arg(place.config()).spawn().expect("it starts");
    let stderr = child.stderr.take().expect("a pipe");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut running = Running { child, stdout };
    let lines = running.printed_until("ready");
    let door = lines.iter().find(|line| line.starts_with("forward auth"));
    let door = door.and_then(|line| line.split_whitespace().last());
    let gateway = Gateway {
        door: door.expect("its address").to_owned(),
        proxy: None,
        admin: format!("http://{}", value(&lines, "admin")),
        running,
        log: Arc::default(),
    };
    (gateway, stderr)
}

/// So many lines do not fit into a pipe and the queue.
const FLOOD: usize = 30_000;

/// Asks so often that there are more lines than fit. Each question is answered.
fn flood(gateway: &Gateway, token: &str) {
    let mut stream = TcpStream::connect(&gateway.door).expect("a connection");
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).expect("a limit");
    let together = 50;
    let questions = question(token).repeat(together);
    for _ in 0..FLOOD / together {
        stream.write_all(questions.as_bytes()).expect("questions");
        let mut answers = Vec::new();
        let mut piece = [0; 16 * 1024];
        while String::from_utf8_lossy(&answers)
            .matches("\r\n\r\n")
            .count()
            < together
        {
            let read = stream.read(&mut piece).expect("answers");
            assert_ne!(read, 0, "it is not answered any more");
            answers.extend_from_slice(&piece[..read]);
        }
        let answers = String::from_utf8_lossy(&answers);
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), together);
    }
}

fn dropped(gateway: &Gateway) -> u64 {
    let metrics = http::get(&format!("{}/metrics", gateway.admin)).body;
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix("bearward_log_lines_dropped_total "));
    line.expect("the metric").parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn t_dos_09_a_log_that_nobody_reads_holds_up_no_request_reload_or_end() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    let place = Place::new(issuer.url(), "");
    let (mut gateway, _unread) = start_unread(&place, "text");
    until(|| gateway.ask(&token).status == 200);
    assert_eq!(dropped(&gateway), 0);
    flood(&gateway, &token);
    until(|| dropped(&gateway) > 0);
    assert_eq!(http::get(&format!("{}/livez", gateway.admin)).status, 200);
    assert_eq!(gateway.ask("nonsense").status, 401);

    let mut text = std::fs::read_to_string(place.config()).expect("a file");
    text = text.replace("path_prefix = '/'", "path_prefix = '/elsewhere'");
    std::fs::write(place.config(), text).expect("a file");
    until(|| gateway.ask(&token).status != 200);
    let (code, took) = terminate(&mut gateway.running);
    assert_eq!(code, Some(0));
    assert!(took < SOON, "{took:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn t_dos_09_what_was_dropped_is_told_when_the_log_flows_again() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    let place = Place::new(issuer.url(), "");
    for format in ["text", "json"] {
        let (mut gateway, unread) = start_unread(&place, format);
        until(|| gateway.ask(&token).status == 200);
        flood(&gateway, &token);
        until(|| dropped(&gateway) > 0);
        let read = std::thread::spawn(move || {
            let lines = BufReader::new(unread).lines();
            lines.map_while(Result::ok).collect::<Vec<_>>()
        });
        // The reader takes what waits, and the next lines come after it.
        std::thread::sleep(Duration::from_millis(500));
        let count = dropped(&gateway);
        assert_eq!(gateway.ask(&token).status, 200);
        assert_eq!(terminate(&mut gateway.running).0, Some(0));
        let lines = read.join().expect("lines");
        let told = match format {
            "json" => format!("\"message\":\"lines were dropped\",\"dropped\":{count}}}"),
            _ => format!("WARN bearward::log: lines were dropped dropped={count}"),
        };
        assert_eq!(lines.iter().filter(|line| line.contains(&told)).count(), 1);
        let requests = lines.iter().filter(|line| line.contains("admitted"));
        let requests = u64::try_from(requests.count()).expect("a count");
        let all = u64::try_from(FLOOD).expect("a count");
        assert!(requests + count >= all, "{requests} and {count}");
        let last = lines.last().expect("a line");
        assert!(last.contains("stopped"), "{last}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_at_standard_output_does_not_prevent_the_start() {
    let place = Place::new("http://127.0.0.1:9", "");
    let full = || {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        Stdio::from(full.expect("a full device"))
    };
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    for stdout in [full(), closed()] {
        let address = free_address();
        let text = std::fs::read_to_string(place.config()).expect("a file");
        let (before, _) = text.split_once("[listen.admin]").expect("a table");
        let text = format!("{before}[listen.admin]\naddress = '{address}'\n");
        std::fs::write(place.config(), text).expect("a file");
        let mut command = program::command(["serve", "--config"]);
        command.arg(place.config()).stdout(stdout);
        let mut child = command.spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut lines = stderr.lines().map_while(Result::ok);
        let warning = lines.find(|line| line.contains("cannot write to standard output"));
        assert!(warning.is_some());
        let rest = std::thread::spawn(move || lines.count());
        let livez = || TcpStream::connect(address).is_ok();
        until(livez);
        assert_eq!(http::get(&format!("http://{address}/livez")).status, 200);
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill is there").success());
        assert_eq!(child.wait().expect("its end").code(), Some(0));
        rest.join().expect("lines");
    }
}

/// One that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

fn make_pipe(path: &std::path::Path) {
    // In one step, so that nobody finds nothing in between.
    let new = path.with_extension("new");
    let made = Command::new("mkfifo").arg(&new).status();
    assert!(made.expect("mkfifo is there").success());
    std::fs::rename(new, path).expect("a pipe in its place");
}

/// A pipe without a writer hangs whoever opens it, as a network file system that is gone does.
#[test]
fn t_dos_11_a_file_that_hangs_refuses_the_reload_and_holds_up_no_end() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    for hanging in [
        "b.toml",
        "certificate.pem",
        "key.pem",
        "secret",
        "keys.json",
    ] {
        let place = Place::new(issuer.url(), "");
        let file = |name: &str| place.folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("one");
        std::fs::write(file("certificate.pem"), made.cert.pem()).expect("a file");
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).expect("a file");
        std::fs::write(file("secret"), "0123456789".repeat(5)).expect("a file");
        let keys = keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]);
        std::fs::write(file("keys.json"), keys.to_string()).expect("a file");
        let text = std::fs::read_to_string(place.config()).expect("a file");
        let text = format!(
            "[[issuers]]\nissuer = 'https://static.example'\naudiences = 'a'\njwks_file = 'keys.json'\n\
             [[issuers]]\nissuer = 'https://hmac.example'\naudiences = 'a'\n\
             algorithms = ['HS256']\nsecret = 'file:secret'\n\
             {text}\
             [listen.ext_authz]\naddress = '127.0.0.1:0'\n\
             tls = {{ certificate = 'certificate.pem', key = 'key.pem' }}\n"
        );
        std::fs::write(place.config(), &text).expect("a file");
        let mut gateway = Gateway::start(&place, "", &[]);
        until(|| gateway.ask(&token).status == 200);
        make_pipe(&file(hanging));
        if hanging != "b.toml" {
            // Something else changes as well, so that it is read for sure.
            std::fs::write(place.config(), format!("{text}\n# changed\n")).expect("a file");
        }
        until(|| gateway.count_of("it is not a regular file") > 0);
        until(|| gateway.count_of("the configuration was not reloaded") > 0);
        let metrics = http::get(&format!("{}/metrics", gateway.admin)).body;
        let refused = "bearward_reloads_total{outcome=\"refused\"} ";
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix(refused));
        assert_ne!(count, Some("0"), "{hanging}: {metrics}");
        assert_eq!(gateway.ask(&token).status, 200, "{hanging}");
        let (code, took) = terminate(&mut gateway.running);
        assert_eq!(code, Some(0), "{hanging}");
        assert!(took < SOON, "{hanging}: {took:?}");
    }
}

#[test]
fn t_dos_11_a_file_that_hangs_at_the_start_can_be_interrupted() {
    let folder = TempDir::new().expect("a folder");
    let pipe = folder.path().join("b.toml");
    make_pipe(&pipe);
    for command in ["serve", "check"] {
        for signal in ["-TERM", "-INT"] {
            let mut command = program::command([command, "--config"]);
            let mut child = command.arg(&pipe).spawn().expect("it starts");
            std::thread::sleep(Duration::from_millis(200));
            assert!(child.try_wait().expect("its state").is_none());
            let id = child.id().to_string();
            let sent = Command::new("kill").args([signal, &id]).status();
            assert!(sent.expect("kill is there").success());
            let began = Instant::now();
            assert!(!child.wait().expect("its end").success());
            assert!(began.elapsed() < SOON);
        }
    }
}

/// What a shell makes of `--config <(command)`: whoever starts the program waits for it.
#[test]
fn a_configuration_may_come_through_a_pipe_at_the_start() {
    let runtime = Runtime::new().expect("threads");
    let issuer = dev_issuer(&runtime);
    let token = issuer.user_token(AUDIENCE).sign();
    let place = Place::new(issuer.url(), "");
    let text = std::fs::read_to_string(place.config()).expect("a file");
    make_pipe(&place.config());
    let pipe = place.config();
    std::thread::spawn(move || std::fs::write(pipe, text).expect("a reader"));
    let mut gateway = Gateway::start(&place, "", &[]);
    until(|| gateway.ask(&token).status == 200);
    assert_eq!(gateway.count_of("cannot be read"), 0, "{}", gateway.log());
    let id = gateway.running.child.id().to_string();
    let sent = Command::new("kill").args(["-HUP", &id]).status();
    assert!(sent.expect("kill is there").success());
    until(|| gateway.count_of("it is not a regular file") == 1);
    assert_eq!(gateway.ask(&token).status, 200);
    assert_eq!(terminate(&mut gateway.running).0, Some(0));
}
