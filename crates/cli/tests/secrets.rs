//! No secret of a configuration is found in anything that the program writes, at any level of the log.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use bearward_gateway::config::{Config, Surroundings};
use serde_json::Value;
use tempfile::TempDir;

use crate::egress::Proxy;
use crate::running::{as_text, until};
use crate::{http, program};

/// Every key of the schema that refers to a secret, and the files of [`Place`] with what it refers to.
/// Those in `VARIABLES` are in the environment as well.
const SECRETS: &[(&str, &[&str])] = &[
    ("issuers.secret", &["hmac"]),
    ("issuers.proxy_authorization", &["proxy"]),
    ("issuers.authorization", &["token"]),
    ("issuers.client_key", &["client-key.pem"]),
    ("log.identity_key", &["identity"]),
    ("listen.admin.tls.key", &["admin-key.pem"]),
    ("listen.ext_authz.tls.key", &["ext-authz-key.pem"]),
    ("listen.forward_auth.tls.key", &["forward-auth-key.pem"]),
    ("listen.proxy.tls.key", &["proxy-key.pem"]),
];

const HMAC: &str = "pL4nt3d+hmac/0f7c1d9e5b3a8642/of.48.bytes.and=mor";
const IDENTITY: &str = "pL4nt3d-1dentity+5e4d3c2b1a09/8f7e6d5c";
const PROXY: &str = "pL4ntedUser:pL4nt3d/pr0xy+9d8c7b6a5f4e3d2c";
const TOKEN: &str = "pL4nt3d-tok3n+a1b2c3d4e5f60718/293a4b5c";

/// Variables with secrets, the last two without a key of their own.
const VARIABLES: &[(&str, &str)] = &[
    (
        "PLANTED_HMAC",
        "pL4nt3d+env/hmac-5e6f7a8b9c0d1e2f/3a4b5c6d7e8f90a1",
    ),
    (
        "PLANTED_PROXY",
        "pL4ntedEnv:pL4nt3d/env+pr0xy-1a2b3c4d5e6f7081",
    ),
    (
        "PLANTED_TOKEN",
        "pL4nt3d-env-tok3n+f0e1d2c3b4a59687/78695a4b",
    ),
    (
        "HTTPS_PROXY",
        "http://planted:pL4nt3dUrl7a6b5c4d3e2f1a0b@127.0.0.1:9",
    ),
    (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization=pL4nt3d0telHeader5b4a39281706f5e4",
    ),
];

struct Place {
    folder: TempDir,
    tunnel: Proxy,
    server: Proxy,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: TempDir::new().expect("a folder"),
            tunnel: Proxy::start(),
            server: Proxy::start(),
        };
        for (name, text) in [
            ("hmac", HMAC),
            ("identity", IDENTITY),
            ("proxy", PROXY),
            ("token", TOKEN),
        ] {
            fs::write(place.path(name), text).expect("a file");
        }
        for name in ["client", "admin", "ext-authz", "forward-auth", "proxy"] {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("one");
            let write = |end: &str, pem: String| {
                fs::write(place.path(&format!("{name}{end}.pem")), pem).expect("a file");
            };
            write("", made.cert.pem());
            write("-key", made.signing_key.serialize_pem());
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A configuration with every secret, and listeners with TLS or, so that they can be asked, without.
    fn configuration(&self, tls: Tls) -> String {
        let (tunnel, server) = (self.tunnel.url(), self.server.url());
        let through = |name: &str, proxy: &str, lines: &str| {
            format!(
                "[[issuers]]\nissuer = 'https://{name}.invalid'\naudiences = 'a'\nproxy = '{proxy}'\n{lines}\n"
            )
        };
        let symmetric = |name: &str, secret: &str| {
            format!(
                "[[issuers]]\nissuer = 'https://{name}.example'\naudiences = 'a'\n\
                 algorithms = ['HS256']\nsecret = '{secret}'\n"
            )
        };
        let mut text = symmetric("file", "file:hmac") + &symmetric("env", "env:PLANTED_HMAC");
        text += &through(
            "file",
            &tunnel,
            "proxy_authorization = 'file:proxy'\nauthorization = 'file:token'\n\
             client_certificate = 'client.pem'\nclient_key = 'client-key.pem'",
        );
        text += &through(
            "env",
            &tunnel,
            "proxy_authorization = 'env:PLANTED_PROXY'\nauthorization = 'env:PLANTED_TOKEN'",
        );
        text += &through("environment", "environment", "");
        let _ = write!(
            text,
            "[[issuers]]\nissuer = '{server}'\naudiences = 'a'\nauthorization = 'file:token'\n\
             [[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n\
             [upstreams.app]\nurls = 'http://127.0.0.1:9'\n[telemetry]\nendpoint = '{server}'\n\
             [log]\nidentity = 'keyed-hash'\nidentity_key = 'file:identity'\n"
        );
        for door in ["admin", "ext_authz", "forward_auth", "proxy"] {
            let name = door.replace('_', "-");
            let _ = writeln!(text, "[listen.{door}]\naddress = '127.0.0.1:0'");
            if tls == Tls::On {
                let _ = writeln!(
                    text,
                    "tls = {{ certificate = '{name}.pem', key = '{name}-key.pem' }}"
                );
            }
        }
        text
    }

    /// The program with these arguments, and this text as its configuration.
    fn command(&self, arguments: &[&str], text: &str) -> Command {
        let file = self.path("b.toml");
        fs::write(&file, text).expect("a file");
        let mut command = program::command(arguments);
        command
            .arg("--config")
            .arg(file)
            .envs(VARIABLES.iter().copied());
        command
    }

    /// Every secret, as bytes of which any output has none.
    fn planted(&self) -> Vec<Marker> {
        let mut markers = Vec::new();
        for (key, files) in SECRETS {
            for file in *files {
                let bytes = fs::read(self.path(file)).expect("a file");
                markers.extend(Marker::of_file(key, &bytes));
            }
        }
        markers.extend(VARIABLES.iter().map(|(name, value)| {
            let secret = value.trim_start_matches("http://planted:");
            Marker::new(name, secret.trim_end_matches("@127.0.0.1:9").as_bytes())
        }));
        markers
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Off,
    On,
}

/// A part of a secret, in each form in which it could leak.
struct Marker {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Marker {
    /// The text, or the private key of a PEM: the bytes after the tag of a 32-byte string, and those lines.
    fn of_file(name: &str, bytes: &[u8]) -> Vec<Self> {
        let text = std::str::from_utf8(bytes).expect("text");
        if !text.starts_with("-----BEGIN") {
            return vec![Self::new(name, bytes)];
        }
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode_to_vec(lines.concat()).expect("base64");
        let at = der
            .windows(2)
            .position(|pair| pair == [4, 32])
            .expect("a key");
        let (_, key) = der.split_at(at);
        let key = key.get(2..34).expect("its bytes");
        let mut whole = Self::new(name, key);
        // The first line has the algorithm, and the beginning of the key.
        whole.forms.push(lines[0].as_bytes().to_vec());
        vec![whole]
    }

    fn new(name: &str, secret: &[u8]) -> Self {
        // What a truncated or prefixed text would still show.
        let (secret, _) = secret.split_last_chunk::<2>().expect("18 bytes");
        let part = secret.last_chunk::<16>().expect("18 bytes");
        let hex = |upper: bool| -> Vec<u8> {
            let digits = part.iter().map(|byte| match upper {
                true => format!("{byte:02X}"),
                false => format!("{byte:02x}"),
            });
            digits.collect::<String>().into_bytes()
        };
        let percent = part.iter().map(|byte| match byte.is_ascii_alphanumeric() {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02X}"),
        });
        let listed: Vec<_> = part.iter().map(u8::to_string).collect();
        let mut forms = vec![
            part.to_vec(),
            hex(true),
            hex(false),
            percent.collect::<String>().into_bytes(),
            listed.join(", ").into_bytes(),
            listed.join(",").into_bytes(),
        ];
        // Base64 within a longer text begins at one of three bits.
        for (before, cut) in [(0, 0), (1, 2), (2, 3)] {
            let mut text = vec![0; before];
            text.extend(part);
            let text = text.chunks_exact(3).flatten().copied().collect::<Vec<_>>();
            for encoded in [
                STANDARD.encode_to_string(&text),
                URL_SAFE_NO_PAD.encode_to_string(&text),
            ] {
                forms.push(encoded.as_bytes().get(cut..).expect("more").to_vec());
            }
        }
        Self {
            name: name.to_owned(),
            forms,
        }
    }

    fn is_in(&self, output: &[u8]) -> bool {
        let has = |form: &Vec<u8>| output.windows(form.len()).any(|part| part == form);
        self.forms.iter().any(has)
    }
}

/// The keys that the schema marks as secret.
fn secrets_of_schema() -> BTreeSet<String> {
    let ended = program::run(program::command(["schema"]));
    let schema: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let mut found = BTreeSet::new();
    collect(&schema, "", &mut found);
    found
}

fn collect(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if schema["writeOnly"] == true {
        found.insert(path.to_owned());
    }
    for part in ["items", "additionalProperties"] {
        if schema[part].is_object() {
            collect(&schema[part], path, found);
        }
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let inner_path = format!("{path}.{name}");
        collect(inner, inner_path.trim_start_matches('.'), found);
    }
}

/// What the program wrote, by what it did.
#[derive(Default)]
struct Outputs(Vec<(String, Vec<u8>)>);

impl Outputs {
    fn add(&mut self, name: impl Into<String>, output: impl Into<Vec<u8>>) {
        self.0.push((name.into(), output.into()));
    }

    fn run(&mut self, place: &Place, arguments: &[&str], text: &str) {
        let ended = program::run(place.command(arguments, text));
        assert_ne!(ended.code, None, "{ended:?}");
        assert!(
            !ended.stdout.is_empty() || !ended.stderr.is_empty(),
            "{arguments:?}"
        );
        self.add(format!("{arguments:?}"), ended.stdout + &ended.stderr);
    }

    #[track_caller]
    fn assert_without(&self, markers: &[Marker]) {
        for (name, output) in &self.0 {
            for marker in markers {
                assert!(
                    !marker.is_in(output),
                    "{} is in {name}: {}",
                    marker.name,
                    String::from_utf8_lossy(output)
                );
            }
        }
    }
}

#[test]
fn t_cfg_08_each_secret_of_the_schema_has_a_marker() {
    let planted = SECRETS.iter().map(|(key, _)| (*key).to_owned());
    assert_eq!(secrets_of_schema(), planted.collect());
}

/// Otherwise the test below would find nothing, whatever there is.
#[test]
fn a_marker_is_found_in_every_form() {
    let place = Place::new();
    for marker in place.planted() {
        assert!(!marker.is_in(b"nothing of the kind"), "{}", marker.name);
        for form in &marker.forms {
            let output = [b"before ", &form[..], b" after"].concat();
            assert!(marker.is_in(&output), "{}", marker.name);
        }
    }
    let token = Marker::new("token", TOKEN.as_bytes());
    for before in ["", "a", "ab", "user:", "Bearer "] {
        let encoded = STANDARD.encode_to_string(format!("{before}{TOKEN}"));
        assert!(token.is_in(encoded.as_bytes()), "{before}");
    }
    let pem = fs::read(place.path("client-key.pem")).expect("a file");
    let key = Marker::of_file("key", &pem);
    assert!(key.iter().all(|marker| marker.is_in(&pem)));
    let listed = format!("{:?}", TOKEN.as_bytes());
    assert!(token.is_in(listed.as_bytes()));
}

#[test]
fn t_cfg_08_no_secret_is_in_what_commands_print() {
    let place = Place::new();
    let mut outputs = Outputs::default();
    for tls in [Tls::Off, Tls::On] {
        let text = place.configuration(tls);
        // Good, and with a mistake before each secret and after it.
        let mistaken = text.replace("audiences = 'a'", "audiences = 5\nunknown = 1");
        let broken = format!("{text}\n[[[");
        for text in [&text, &mistaken, &broken] {
            for format in ["text", "json"] {
                outputs.run(&place, &["check", "--format", format], text);
                let explain = [
                    "explain",
                    "--url",
                    "https://a.example/x",
                    "--format",
                    format,
                    "a.b.c",
                ];
                outputs.run(&place, &explain, text);
                outputs.run(&place, &["verify", "--format", format, "a.b.c"], text);
            }
            for proxy in [
                "nginx",
                "ingress-nginx",
                "envoy",
                "envoy-grpc",
                "caddy",
                "traefik",
                "haproxy",
                "apache",
            ] {
                outputs.run(&place, &["gen-config", proxy], text);
            }
        }
        let variable = |name: &str| {
            let found = VARIABLES.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).into())
        };
        let surroundings = Surroundings::new(place.folder.path(), variable);
        let config = Config::parse_in(&text, &surroundings).expect("a good configuration");
        outputs.add("Debug", format!("{config:?} {config:#?} {surroundings:?}"));
    }
    outputs.assert_without(&place.planted());
}

/// What somebody wrote in place of a reference or a path.
#[test]
fn t_cfg_08_a_secret_in_place_of_its_file_is_not_shown() {
    let place = Place::new();
    let text = place.configuration(Tls::On);
    let pem = fs::read_to_string(place.path("client-key.pem")).expect("a file");
    let mut outputs = Outputs::default();
    for (reference, secret) in [
        ("'file:hmac'", format!("'{HMAC}'")),
        ("'env:PLANTED_PROXY'", format!("'{PROXY}'")),
        ("'env:PLANTED_TOKEN'", format!("'{TOKEN}'")),
        ("'client-key.pem'", format!("'''{pem}'''")),
        ("'proxy-key.pem'", format!("'''{pem}'''")),
        ("'proxy-key.pem'", format!("['''{pem}''']")),
    ] {
        let inline = text.replacen(reference, &secret, 1);
        assert_ne!(inline, text, "{reference}");
        for format in ["text", "json"] {
            let ended = program::run(place.command(&["check", "--format", format], &inline));
            assert_eq!(ended.code, Some(1), "{reference}: {ended:?}");
            outputs.add(reference, ended.stdout + &ended.stderr);
        }
    }
    outputs.assert_without(&place.planted());
}

#[test]
fn t_cfg_08_no_secret_is_in_a_log_or_an_answer_at_any_level() {
    let place = Place::new();
    let mut outputs = Outputs::default();
    for (tls, format) in [
        (Tls::Off, "text"),
        (Tls::Off, "json"),
        (Tls::On, "text"),
        (Tls::On, "json"),
    ] {
        serve(&place, tls, format, &mut outputs);
    }
    outputs.assert_without(&place.planted());
    // They were used.
    let sent = [place.tunnel.heads(), place.server.heads()]
        .concat()
        .concat();
    for secret in [PROXY, VARIABLES[1].1] {
        let basic = format!("Basic {}", STANDARD.encode_to_string(secret));
        assert!(sent.contains(&basic), "{sent}");
    }
    assert!(sent.contains(&format!("Bearer {TOKEN}")), "{sent}");
}

/// Serves at the most talkative level, answers requests, and refuses a reload.
fn serve(place: &Place, tls: Tls, format: &str, outputs: &mut Outputs) {
    let text = place.configuration(tls);
    let log = place.path("log");
    let mut command = place.command(&["serve", "--log", "trace", "--log-format", format], &text);
    command.stderr(File::create(&log).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe from stdout"));
    let mut printed = String::new();
    while !printed.contains("not ready") {
        let read = stdout.read_line(&mut printed).expect("what it prints");
        assert_ne!(read, 0, "{printed} {}", read_log(&log));
    }
    if tls == Tls::Off {
        ask_all(&printed, outputs);
    }
    until(|| read_log(&log).matches("keys not fetched").count() >= 4);
    fs::write(place.path("b.toml"), format!("unknown = 1\n{text}")).expect("a file");
    until(|| read_log(&log).contains("the last good configuration stays in force"));
    child.kill().expect("an end");
    child.wait().expect("an end");
    outputs.add(format!("the log, {tls:?} {format}"), read_log(&log));
    outputs.add("what serve prints", printed);
}

fn read_log(log: &Path) -> String {
    fs::read_to_string(log).expect("a log")
}

/// Every page of the admin listener, and refusals at the other doors.
fn ask_all(printed: &str, outputs: &mut Outputs) {
    let printed: Vec<_> = printed.lines().flat_map(as_text).collect();
    let address = |door: &str| {
        let line = printed.iter().find(|line| line.starts_with(door));
        line.and_then(|line| line.split_whitespace().last())
            .expect("an address")
            .to_owned()
    };
    let mut pages = Vec::new();
    for path in ["livez", "readyz", "metrics", "issuers", "other"] {
        pages.push(format!("http://{}/{path}", address("admin")));
    }
    pages.push(format!("http://{}/auth/traefik", address("forward auth")));
    pages.push(format!("http://{}/orders", address("proxy")));
    for page in pages {
        let answer = http::get(&page);
        outputs.add(page, answer.head + &answer.body);
    }
}
