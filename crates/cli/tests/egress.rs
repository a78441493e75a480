//! The way to the issuer: authorities and proxies, from options, files and the environment.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use bearward_testing::DevIssuer;
use bearward_testing::issuer::Tls;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::program::{self, AUDIENCE, Ended};
use crate::running::{Running, until};

/// An issuer that a private authority vouches for, in a file of this folder.
struct Private {
    issuer: DevIssuer,
    folder: TempDir,
    runtime: Runtime,
}

impl Private {
    fn start() -> Self {
        let runtime = Runtime::new().expect("threads");
        let issuer = DevIssuer::builder().tls(Tls::SignedByCa).start();
        let issuer = runtime.block_on(issuer).expect("a free port");
        let folder = TempDir::new().expect("a folder");
        fs::create_dir(folder.path().join("folder")).expect("a folder");
        for name in ["ca.pem", "folder/ca.pem"] {
            let pem = issuer.ca_pem().expect("an authority");
            fs::write(folder.path().join(name), pem).expect("a file");
        }
        Self {
            issuer,
            folder,
            runtime,
        }
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("a name").to_owned()
    }

    /// `bearward verify` of a good token.
    fn verify(&self) -> Command {
        let token = self.issuer.user_token(AUDIENCE).sign();
        let url = self.issuer.url();
        program::command(["verify", "--issuer", url, "--audience", AUDIENCE, &token])
    }
}

fn run(mut command: Command, options: &[&str], environment: &[(&str, &str)]) -> Ended {
    for name in [
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NO_PROXY",
        "REQUEST_METHOD",
    ] {
        command.env_remove(name);
    }
    command.args(options).envs(environment.iter().copied());
    program::run(command)
}

/// As docs/gateway.md has it.
#[cfg(target_os = "linux")]
#[test]
fn t_key_12_ssl_cert_file_and_dir_take_the_place_of_the_system_s_authorities() {
    let (private, other) = (Private::start(), Private::start());
    let (ca, none) = (private.path("ca.pem"), private.path("none.pem"));
    let (folder, of_other) = (private.path("folder"), other.path("ca.pem"));
    let nothing = ended_with("tls: ");
    for (options, environment, expected) in [
        ([].as_slice(), [("SSL_CERT_FILE", &*ca)].as_slice(), None),
        (&[], &[("SSL_CERT_DIR", &*folder)], None),
        (&[], &[("SSL_CERT_FILE", &*of_other)], Some(nothing)),
        (
            &[],
            &[("SSL_CERT_FILE", &*of_other), ("SSL_CERT_DIR", &*folder)],
            None,
        ),
        (
            &[],
            &[("SSL_CERT_FILE", &*none)],
            Some(ended_with("TLS cannot be set up")),
        ),
        (&["--ca", &*ca], &[], None),
        (&["--ca", &*ca], &[("SSL_CERT_FILE", &*of_other)], None),
        (&["--ca", &*ca], &[("SSL_CERT_FILE", &*none)], None),
        (&["--ca", &*of_other], &[], Some(nothing)),
    ] {
        let ended = run(private.verify(), options, environment);
        match expected {
            None => assert_eq!(ended.code, Some(0), "{environment:?}: {ended:?}"),
            Some(is_expected) => assert!(is_expected(&ended), "{environment:?}: {ended:?}"),
        }
    }
    let ended = run(private.verify(), &[], &[("SSL_CERT_FILE", &*of_other)]);
    let advice = "if a private authority did, configure it (`ca`)";
    assert!(ended.stderr.contains(advice), "{ended:?}");
}

type Expected = fn(&Ended) -> bool;

fn ended_with(text: &'static str) -> Expected {
    match text {
        "tls: " => |ended| ended.code == Some(2) && ended.stderr.contains("tls: "),
        _ => |ended| ended.code == Some(2) && ended.stderr.contains("TLS cannot be set up"),
    }
}

/// What vouches for the system vouches for nothing here.
#[cfg(target_os = "linux")]
#[test]
fn t_key_12_ca_only_leaves_out_the_system_s_authorities() {
    let (private, other) = (Private::start(), Private::start());
    let check = |lines: &str, system: &str| {
        let text = format!(
            "[[issuers]]\nissuer = '{}'\naudiences = 'a'\n{lines}\n\
             [[routes]]\nname = 'all'\npath_prefix = '/'\n[listen.forward_auth]\n",
            private.issuer.url()
        );
        let file = private.folder.path().join("b.toml");
        fs::write(&file, text).expect("a file");
        let mut command = program::command(["check", "--config"]);
        command.arg(&file);
        run(command, &[], &[("SSL_CERT_FILE", system)])
    };
    let (ours, of_other) = (private.path("ca.pem"), other.path("ca.pem"));
    for (lines, system, is_good) in [
        (format!("ca = '{of_other}'"), &ours, true),
        (format!("ca = '{of_other}'\nca_only = true"), &ours, false),
        (format!("ca = '{ours}'\nca_only = true"), &of_other, true),
        // Nothing of the system is needed, as in an empty container.
        (
            format!("ca = '{ours}'\nca_only = true"),
            &"/nowhere".to_owned(),
            true,
        ),
    ] {
        let ended = check(&lines, system);
        let expected = i32::from(!is_good);
        assert_eq!(ended.code, Some(expected), "{lines}: {ended:?}");
        assert_eq!(ended.stdout.contains("tls: "), !is_good, "{ended:?}");
    }
}

#[test]
fn serve_with_options_takes_them_too() {
    let private = Private::start();
    let url = private.issuer.url();
    let mut command = program::command(["serve", "--issuer", url, "--audience", AUDIENCE]);
    command.args(["--upstream", "http://127.0.0.1:1"]);
    command.args(["--listen", "127.0.0.1:0", "--ca", &private.path("ca.pem")]);
    let lines = Running::start(command).printed_until("ready");
    assert!(!lines.concat().contains("not ready"), "{lines:?}");
    // The threads of the issuer live until here.
    drop(private.runtime);
}

/// A proxy that leads nowhere, and the first bytes of each connection.
pub(crate) struct Proxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Self {
            address: listener.local_addr().expect("an address").to_string(),
            heads: Arc::default(),
        };
        let heads = Arc::clone(&proxy.heads);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                heads.lock().expect("a list").push(head);
                let _ = stream.write_all(b"HTTP/1.1 502 -\r\nContent-Length: 0\r\n\r\n");
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What arrived so far, which is forgotten.
    pub(crate) fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().expect("a list"))
    }
}

#[test]
fn t_key_27_the_environment_decides_only_if_it_is_asked() {
    let proxy = Proxy::start();
    let url = proxy.url();
    let verify = |options: &[&str], environment: &[(&str, &str)]| {
        let mut command = program::command(["verify", "--issuer", "https://id.invalid"]);
        command.args(["--audience", AUDIENCE, "a.b.c"]);
        let ended = run(command, options, environment);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        (ended.stderr, proxy.heads())
    };
    let all = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
    let all = [&all[..], &["ALL_PROXY", "all_proxy"]].concat();
    let all: Vec<_> = all.into_iter().map(|name| (name, &*url)).collect();

    let (stderr, heads) = verify(&[], &all);
    assert!(stderr.contains("connect: "), "{stderr}");
    assert_eq!(heads, [""; 0]);

    for options in [["--proxy", "environment"], ["--proxy", &url]] {
        let (stderr, heads) = verify(&options, &all);
        assert!(stderr.contains("proxy: "), "{stderr}");
        let tunnels = heads.iter();
        let tunnels =
            tunnels.filter(|head| head.starts_with("CONNECT id.invalid:443 HTTP/1.1\r\n"));
        assert_eq!(tunnels.count(), 1, "{heads:?}");
    }
    let (stderr, heads) = verify(
        &["--proxy", "environment"],
        &[("HTTPS_PROXY", &url), ("NO_PROXY", "invalid")],
    );
    assert!(stderr.contains("connect: "), "{stderr}");
    assert_eq!(heads, [""; 0]);

    // A web server that starts the program for a request writes the request's fields there.
    let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", &*url)];
    let (stderr, heads) = verify(&["--proxy", "environment"], &cgi);
    assert!(stderr.contains("`HTTP_PROXY` is set and so is"), "{stderr}");
    assert_eq!(heads, [""; 0]);
}

#[test]
fn t_cfg_08_a_password_in_an_option_is_refused_and_not_repeated() {
    let refused = |options: &[&str], environment: &[(&str, &str)]| {
        let mut command = program::command(["verify", "--issuer", "https://id.invalid"]);
        command.args(["--audience", AUDIENCE, "a.b.c"]);
        let ended = run(command, options, environment);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
        ended.stderr
    };
    let given = refused(&["--proxy", "http://user:hunter22@proxy"], &[]);
    assert!(given.starts_with("error: --proxy: a proxy is "), "{given}");
    let variable = [("HTTPS_PROXY", "socks5://user:hunter22@proxy")];
    let given = refused(&["--proxy", "environment"], &variable);
    assert!(
        given.contains("\"HTTPS_PROXY\" does not contain the URL"),
        "{given}"
    );
    let setting = program::Setting::new();
    let file = setting.jwks();
    let file = file.to_str().expect("a name");
    let given = refused(&["--jwks", file, "--ca", file], &[]);
    assert!(
        given.contains("--ca, --proxy and --internal-origin have no effect"),
        "{given}"
    );
    let given = refused(&["--ca", file], &[]);
    assert!(given.contains("no certificate of an authority"), "{given}");
    let given = refused(&["--ca", "/no/such.pem"], &[]);
    assert!(given.contains("/no/such.pem: "), "{given}");
}

#[test]
fn t_cfg_08_credentials_are_in_no_log() {
    let (proxy, keys) = (Proxy::start(), Proxy::start());
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    write("token", "hunter2-token\n");
    write("proxy", "user:hunter22\n");
    let file = write(
        "b.toml",
        &format!(
            "[[issuers]]\nissuer = 'https://id.invalid'\naudiences = 'a'\n\
             proxy = '{}'\nproxy_authorization = 'file:proxy'\nauthorization = 'file:token'\n\
             [[issuers]]\nissuer = '{}'\naudiences = 'a'\nauthorization = 'file:token'\n\
             [[routes]]\nname = 'all'\npath_prefix = '/'\n\
             [listen.forward_auth]\naddress = '127.0.0.1:0'\n",
            proxy.url(),
            keys.url()
        ),
    );
    let log = folder.path().join("log");
    let mut command = program::command(["serve", "--log", "trace", "--config"]);
    command.arg(&file);
    command.stderr(fs::File::create(&log).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe from stdout"));
    let mut printed = String::new();
    while !printed.contains("not ready") {
        let read = stdout.read_line(&mut printed).expect("what it prints");
        assert_ne!(read, 0, "{printed}");
    }
    let read = |log: &Path| fs::read_to_string(log).expect("a log");
    until(|| read(&log).matches("keys not fetched").count() >= 2);
    child.kill().expect("an end");
    child.wait().expect("an end");
    // They were sent.
    let sent = [proxy.heads(), keys.heads()].concat().concat();
    for field in [
        "proxy-authorization: Basic dXNlcjpodW50ZXIyMg==\r\n",
        "authorization: Bearer hunter2-token\r\n",
    ] {
        assert!(sent.contains(field), "{sent}");
    }
    let log = read(&log);
    for secret in ["hunter2", "dXNlcjpodW50ZXIyMg=="] {
        assert!(!log.contains(secret) && !printed.contains(secret), "{log}");
    }
}
