//! serve, check and schema.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;

use bearward_testing::{Algorithm, DevIssuer, SigningKey};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::running::{Running, value};
use crate::{http, program};

fn configuration(issuer: &str, more: &str) -> String {
    format!(
        "[[issuers]]\nissuer = '{issuer}'\naudiences = 'https://api.example'\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\n\
         [listen.forward_auth]\naddress = '127.0.0.1:0'\n\
         [listen.admin]\naddress = '127.0.0.1:0'\n{more}"
    )
}

/// `bearward serve` with this configuration in this file.
fn serve(file: &Path, text: &str) -> Running {
    std::fs::write(file, text).expect("a file");
    let mut command = program::command(["serve", "--config"]);
    command.arg(file);
    Running::start(command)
}

#[test]
fn what_no_token_can_pass_is_not_good() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let check = |text: &str, format: &str| {
        std::fs::write(&file, text).expect("a file");
        let mut command = program::command(["check", "--format", format, "--config"]);
        command.arg(&file);
        program::run(command)
    };
    let good = configuration(issuer.url(), "");
    // What no key can do, and what no token can have.
    let line = format!("issuer = '{}'", issuer.url());
    for impossible in [
        good.replace(&line, &format!("{line}\nalgorithms = ['ES512']")),
        format!("{good}\n[requirements.x]\nkind = 'machine'\nmax_age = '5m'\n"),
        // Each of the two can be met, and a route requires both.
        format!(
            "{good}\n[[routes]]\nname = 'both'\npath = '/both'\nrequire = ['u', 'm']\n\
             [requirements.u]\nkind = 'user'\n[requirements.m]\nkind = 'machine'\n\
             [protection]\nrouter = 'strict'\n"
        )
        .replacen("path_prefix = '/'", "path_prefix = '/all'", 1),
    ] {
        let ended = check(&impossible, "text");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stdout.contains("no token can"), "{ended:?}");
        assert!(ended.stdout.ends_with("\nnot good\n"), "{ended:?}");
        let told: serde_json::Value =
            serde_json::from_str(&check(&impossible, "json").stdout).expect("JSON");
        assert_eq!(told["warnings"][0]["code"], "impossible");
        assert_eq!(told["good"], false);
    }
}

/// Keys from a file, which check looks at as it does at those of an issuer.
#[test]
fn t_key_20_check_names_the_keys_that_no_token_can_have() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let about = |keys: &[serde_json::Value]| {
        let document = serde_json::json!({ "keys": keys }).to_string();
        std::fs::write(folder.path().join("keys.json"), document).expect("a file");
        let text = configuration("https://id.example", "");
        let text = text.replacen("audiences", "jwks_file = 'keys.json'\naudiences", 1);
        std::fs::write(&file, text).expect("a file");
        let mut command = program::command(["check", "--config"]);
        command.arg(&file);
        program::run(command)
    };
    let with = |key: SigningKey, name: &str, value: &str| {
        let mut jwk = key.public_jwk();
        jwk["kid"] = name.into();
        jwk["x"] = if value.is_empty() {
            jwk["x"].clone()
        } else {
            value.into()
        };
        jwk
    };
    let (one, two) = (
        SigningKey::first(Algorithm::Es256),
        SigningKey::second(Algorithm::Es256),
    );
    let good = SigningKey::first(Algorithm::Es384).public_jwk();
    let twins = about(&[
        with(one.clone(), "twin", ""),
        with(two, "twin", ""),
        good.clone(),
    ]);
    let text = "several keys have the same `kid` or thumbprint \"twin\", so tokens that name it are refused";
    assert!(twins.stdout.contains(text), "{twins:?}");
    assert!(twins.stdout.ends_with("\ngood, 1 warning\n"), "{twins:?}");
    let odd = about(&[with(one, "odd", "***"), good]);
    let text = "key 0 (kid \"odd\") is left out: jwk_unusable: the key is not a supported key for verifying \
                signatures: `x` is not base64url [EC P-256 ES256]";
    assert!(odd.stdout.contains(text), "{odd:?}");
    assert_eq!(odd.code, Some(0), "{odd:?}");
    assert!(odd.stdout.ends_with("\ngood, 1 warning\n"), "{odd:?}");
    let nameless = (0..5).map(|_| {
        let mut jwk = SigningKey::generate(Algorithm::Es256)
            .expect("a key")
            .public_jwk();
        jwk.as_object_mut().expect("an object").remove("kid");
        jwk
    });
    let nameless = about(&nameless.collect::<Vec<_>>());
    let text = "more than 4 keys without a `kid` are for ES256, so its tokens are refused";
    assert!(nameless.stdout.contains(text), "{nameless:?}");
    // Without another key, no token passes at all.
    let text = "no token can pass: each of its keys shares its `kid` or thumbprint with another";
    assert!(nameless.stdout.contains(text), "{nameless:?}");
    assert!(nameless.stdout.ends_with("\nnot good\n"), "{nameless:?}");
    assert_eq!(nameless.code, Some(1), "{nameless:?}");
}

/// A note is not a warning: the setting is right if it is intended.
#[test]
fn check_notes_what_the_operator_vouches_for() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let keys = bearward_testing::keys::jwk_set([&SigningKey::first(Algorithm::Es256)]);
    std::fs::write(folder.path().join("keys.json"), keys.to_string()).expect("a file");
    let text = configuration("https://id.example", "");
    let lines = "jwks_file = 'keys.json'\nalso = ['https://old.example']\ntokens = 'by_audience'\naudiences";
    let text = text.replacen("audiences", lines, 1);
    let other =
        "[[issuers]]\nissuer = 'https://b.example'\naudiences = ['b']\njwks_file = 'keys.json'\n";
    std::fs::write(&file, format!("{text}{other}")).expect("a file");
    let check = |format: &str| {
        let mut command = program::command(["check", "--format", format, "--config"]);
        command.arg(&file);
        let ended = program::run(command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let note = "https://id.example: with `tokens = \"by_audience\"`, you vouch that only access tokens have the \
                audience \"https://api.example\"; an ID token that has it would pass";
    let printed = check("text");
    let end = format!("\nnote: {note}\ngood\n");
    assert!(printed.ends_with(&end), "{printed}");
    let report: serde_json::Value = serde_json::from_str(&check("json")).expect("JSON");
    assert_eq!(report["notes"], serde_json::json!([note]));
    assert_eq!(report["warnings"], serde_json::json!([]));
}

#[test]
fn t_cfg_01_check_tells_all_mistakes_and_asks_the_issuers() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let check = |text: &str, format: &str| {
        std::fs::write(&file, text).expect("a file");
        let mut command = program::command(["check", "--format", format, "--config"]);
        command.arg(&file);
        program::run(command)
    };
    let good = configuration(issuer.url(), "");
    let ended = check(&good, "text");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.ends_with("\ngood\n"), "{ended:?}");

    // What a proxy cannot carry out, which the configuration does not name.
    let pages = "[protection]\norigins = ['https://app.example']\n";
    let pages = configuration(issuer.url(), pages);
    let ended = check(&pages, "text");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let note = "note: behind ingress-nginx, `origins` does not let pages read refusals";
    assert!(ended.stdout.contains(note), "{ended:?}");
    let told: serde_json::Value =
        serde_json::from_str(&check(&pages, "json").stdout).expect("JSON");
    assert!(
        told["notes"][0]
            .as_str()
            .is_some_and(|note| note.contains("ingress-nginx"))
    );

    let bad = configuration("http://id.example", "colour = 1\n");
    let ended = check(&bad, "text");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for line in [
        "error[url_scheme]: ",
        "error[unknown_key]: ",
        "b.toml:2:10\n",
        "2 mistakes in ",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    let told: serde_json::Value = serde_json::from_str(&check(&bad, "json").stdout).expect("JSON");
    assert_eq!(told["mistakes"][0]["code"], "url_scheme");
    assert_eq!(told["mistakes"][1]["line"], 11);

    issuer.set_fault(bearward_testing::Fault::Error500);
    let ended = check(&good, "text");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.ends_with("\nnot good\n"), "{ended:?}");

    // Whose metadata it is instead, in both formats.
    issuer.set_fault(bearward_testing::Fault::WrongIssuer);
    for format in ["text", "json"] {
        let ended = check(&good, format);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let named = ended.stdout.matches("https://another.example").count();
        assert_eq!(named, 2, "at both URLs: {ended:?}");
    }

    let gone = program::run(program::command(["check", "--config", "no/such.toml"]));
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(2), ""));
}

/// A gateway without a listener for requests would start, and serve nobody.
#[test]
fn a_configuration_without_a_listener_is_not_good() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let (url, audience) = (issuer.url(), issuer.audience());
    let text = format!(
        "[[issuers]]\nissuer = \"{url}\"\naudiences = [\"{audience}\"]\n\n\
         [[routes]]\nname = \"all\"\npath_prefix = \"/\"\naccess = \"public\"\n"
    );
    std::fs::write(&file, text).expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = program::command(arguments.iter().copied());
        command.arg("--config").arg(&file);
        program::run(command)
    };
    let why = "there is no listener for requests: add a table `[listen.proxy]`";
    let checked = run(&["check"]);
    assert_eq!(checked.code, Some(1), "{}", checked.stderr);
    assert!(checked.stdout.contains(why), "{}", checked.stdout);
    assert!(checked.stdout.ends_with("not good\n"), "{}", checked.stdout);
    let checked = run(&["check", "--format", "json"]);
    assert!(
        checked.stdout.contains(r#""good":false"#),
        "{}",
        checked.stdout
    );
    assert!(checked.stdout.contains(why), "{}", checked.stdout);
    let served = run(&["serve"]);
    assert_eq!(served.code, Some(2));
    assert!(served.stderr.contains(why), "{}", served.stderr);
}

#[test]
fn check_warns_of_a_certificate_that_has_expired() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let tls = "tls = { certificate = 'cert.pem', key = 'key.pem' }\n";
    std::fs::write(&file, configuration(issuer.url(), tls)).expect("a file");
    let key = rcgen::KeyPair::generate().expect("a key");
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).expect("a file");
    for (until, is_warned) in [(2020, true), (3000, false)] {
        let names = ["localhost".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).expect("a name");
        params.not_after = rcgen::date_time_ymd(until, 1, 2);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let path = folder.path().join("cert.pem");
        std::fs::write(&path, certificate).expect("a file");
        let warning = format!(
            "{}: the certificate expired at 2020-01-02T00:00:00Z",
            path.display()
        );
        let check = |format| {
            let mut command = program::command(["check", "--format", format, "--config"]);
            command.arg(&file);
            program::run(command)
        };
        let ended = check("text");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let line = format!("\nwarning: {warning}\ngood, 1 warning\n");
        assert_eq!(ended.stdout.contains(&line), is_warned, "{ended:?}");
        let told: serde_json::Value = serde_json::from_str(&check("json").stdout).expect("JSON");
        let warnings = told["warnings"].as_array().expect("a list");
        assert_eq!(warnings.len(), usize::from(is_warned), "{told}");
        if let [found] = &warnings[..] {
            assert_eq!(found["code"], "certificate");
            assert_eq!(found["message"], warning);
        }
    }
}

#[test]
fn t_fwd_13_check_warns_of_an_order_that_depends_on_the_router() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let admin = "[requirements.staff]\nroles = ['staff']\n[[routes]]\nname = 'admin'\n\
        path_prefix = '/admin'\nrequire = 'staff'\n[[routes]]\nname = 'all'";
    let text = configuration(issuer.url(), "").replace("[[routes]]\nname = 'all'", admin);
    let check = |text: &str, format: &str| {
        std::fs::write(&file, text).expect("a file");
        let mut command = program::command(["check", "--format", format, "--config"]);
        command.arg(&file);
        let ended = program::run(command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let told = check(&text, "text");
    for part in [
        "warning[router]: the route \"admin\" requires more than the later route \"all\"",
        "b.toml:7:1\n",
        "1 warning in ",
        "\ngood, 1 warning\n",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let json: serde_json::Value = serde_json::from_str(&check(&text, "json")).expect("JSON");
    assert_eq!(json["warnings"][0]["code"], "router");
    assert_eq!(json["warnings"][0]["line"], 7);
    assert_eq!(json["good"], true);
    let said = check(&format!("{text}[protection]\nrouter = 'strict'\n"), "text");
    assert!(!said.contains("warning"), "{said}");
    let mut command = program::command(["serve", "--config"]);
    std::fs::write(&file, &text).expect("a file");
    command.arg(&file).stderr(std::process::Stdio::piped());
    let mut child = command
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("a start");
    let log = BufReader::new(child.stderr.take().expect("its log"));
    let warning = log
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("WARN"));
    child.kill().expect("an end");
    child.wait().expect("an end");
    let warning = warning.expect("a warning");
    assert!(
        warning.contains("code=\"router\"") && warning.contains("line=7"),
        "{warning}"
    );
}

#[test]
fn the_schema_is_json() {
    let ended = program::run(program::command(["schema"]));
    let schema: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(
        schema["properties"]["issuers"]["items"]["required"][0],
        "issuer"
    );
}

#[test]
fn a_configuration_with_mistakes_is_not_served() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    std::fs::write(&file, "[[issuers]]\n").expect("a file");
    let mut command = program::command(["serve", "--config"]);
    command.arg(&file);
    let ended = program::run(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(
        ended.stderr.contains("error[issuer_missing]: "),
        "{}",
        ended.stderr
    );
    let usage = program::run(program::command([
        "serve",
        "--issuer",
        "https://id.example",
    ]));
    assert_eq!(usage.code, Some(2));
}

#[test]
fn options_alone_are_a_reverse_proxy() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    // The issuer is an application like any other.
    let mut command = program::command(["serve", "--issuer", issuer.url()]);
    command.args([
        "--audience",
        "https://api.example",
        "--upstream",
        issuer.url(),
    ]);
    command.args(["--listen", "127.0.0.1:0"]);
    let mut running = Running::start(command);
    let lines = running.printed_until("ready");
    assert!(lines.contains(&"listening".to_owned()), "{lines:?}");
    let url = format!("http://{}/", value(&lines, "proxy"));
    let token = issuer.user_token("https://api.example").sign();
    let discovery = ".well-known/openid-configuration";
    let line = format!("curl -i {url}{discovery} -H \"Authorization: Bearer {token}\"");
    let answer = http::curl(&line);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(http::get(&format!("{url}{discovery}")).status, 401);
}

#[test]
fn it_says_that_it_is_ready_when_it_is() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    issuer.set_fault(bearward_testing::Fault::Error500);
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let mut running = serve(&file, &configuration(issuer.url(), ""));
    let lines = running.printed_until("not ready");
    let missing = format!("not ready: no keys yet from issuer {}", issuer.url());
    assert_eq!(lines[lines.len() - 2..], ["listening".to_owned(), missing]);
    let ready = format!("http://{}/readyz", value(&lines, "admin"));
    assert_eq!(http::get(&ready).status, 503);
    issuer.clear_fault();
    assert_eq!(running.printed_until("ready"), ["ready"]);
    assert_eq!(http::get(&ready).status, 200);
}

#[cfg(unix)]
#[test]
fn t_cfg_04_a_hang_up_reloads_and_a_signal_ends_it_well() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let mut running = serve(&file, &configuration(issuer.url(), ""));
    let lines = running.printed_until("ready");
    let metrics = format!("http://{}/metrics", value(&lines, "admin"));
    let id = running.child.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill is there").success());
    };
    signal("-HUP");
    let reloaded = "bearward_reloads_total{outcome=\"applied\"} 1";
    while !http::get(&metrics).body.contains(reloaded) {}
    signal("-TERM");
    let mut rest = String::new();
    running.stdout.read_to_string(&mut rest).expect("its end");
    let status = running.child.wait().expect("its end");
    assert_eq!(status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn systemd_is_told_that_it_listens_and_that_it_stops() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    std::fs::write(&file, configuration("http://127.0.0.1:9", "")).expect("a file");
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    let told = || {
        let mut text = [0; 100];
        let length = socket.recv(&mut text).expect("a message");
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    let mut command = program::command(["serve", "--config"]);
    command.arg(&file).env("NOTIFY_SOCKET", &path);
    let mut running = Running::start(command);
    assert_eq!(told(), "READY=1");
    let lines = running.printed_until("listening");
    assert_eq!(
        http::get(&format!("http://{}/livez", value(&lines, "admin"))).status,
        200
    );
    let id = running.child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill is there").success());
    assert_eq!(told(), "STOPPING=1");
    let status = running.child.wait().expect("its end");
    assert_eq!(status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn the_access_log_can_be_json() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    // Nothing listens there: the request is refused before keys are needed.
    std::fs::write(&file, configuration("http://127.0.0.1:9", "")).expect("a file");
    let mut command = program::command(["serve", "--log-format", "json", "--config"]);
    command.arg(&file);
    let mut child = command.spawn().expect("the program starts");
    let stdout = child.stdout.take().expect("a pipe");
    let mut running = Running {
        child,
        stdout: BufReader::new(stdout),
    };
    let lines = running.printed_until("listening");
    let door = lines.iter().find(|line| line.starts_with("forward auth"));
    let address = door.and_then(|line| line.split_whitespace().last());
    let url = format!("http://{}/auth/nginx", address.expect("its address"));
    assert_eq!(http::get(&url).status, 403);
    let id = running.child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill is there").success());
    let mut log = String::new();
    let stderr = running.child.stderr.as_mut().expect("a pipe");
    stderr.read_to_string(&mut log).expect("its log");
    let parsed = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let access: Vec<_> = parsed
        .filter(|line| line["target"] == "bearward::access")
        .collect();
    assert_eq!(access.len(), 1, "{log}");
    let fields = &access[0]["fields"];
    assert_eq!(fields["door"], "forward_auth");
    assert_eq!(fields["reason"], "dialect_field");
    assert_eq!(fields["status"], 403);
    let manual = include_str!("../../../docs/gateway.md");
    for name in fields.as_object().expect("fields").keys() {
        assert!(manual.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn gen_config_prints_a_recipe_or_says_what_is_missing() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let upstreams = "[upstreams.one]\nurls = 'http://127.0.0.1:3000'\n\
                     [upstreams.two]\nurls = 'http://127.0.0.1:3001'\n";
    let text = configuration("https://id.example", upstreams).replace(
        "[listen.forward_auth]\naddress = '127.0.0.1:0'",
        "[listen.forward_auth]",
    );
    std::fs::write(&file, text).expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = program::command(["gen-config"]);
        command.args(arguments).arg("--config").arg(&file);
        program::run(command)
    };
    let ended = run(&["nginx", "--listen", "127.0.0.1:81", "--application", "two"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "    listen 127.0.0.1:81 default_server;\n",
        "        proxy_pass http://127.0.0.1:3001;\n",
        "        proxy_pass http://127.0.0.1:9170/auth/nginx;\n",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    let ended = run(&[
        "caddy",
        "--application",
        "app:3000",
        "--bearward",
        "unix:/run/b.sock",
    ]);
    assert!(
        ended.stdout.contains("\treverse_proxy app:3000 {\n"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("\tforward_auth unix//run/b.sock {\n"),
        "{ended:?}"
    );

    for (arguments, said) in [
        (&["nginx"][..], "the configuration has \"one\", \"two\""),
        (&["haproxy"], "`gen-config haproxy` needs [listen.proxy]"),
        (
            &["nginx", "--application", "three"],
            "\"three\" is not `host:port`",
        ),
        (&["nginx", "--bearward", "a;b:80"], "cannot be written into"),
        (&["lighttpd"], "possible values"),
    ] {
        let ended = run(arguments);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{ended:?}"
        );
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}

/// A request over HTTP/2 whose path is none: it has a space in it.
fn malformed_over_http2() -> Vec<u8> {
    let path = b"/mark-path mark-token?access_token=mark-token";
    let length = u8::try_from(path.len()).expect("less than 127");
    // GET, http, and a path that is written out (RFC 7541 §6.2.2).
    let fields = [&[0x82, 0x86, 0x04, length][..], path].concat();
    let count = u8::try_from(fields.len()).expect("less than 256");
    // HEADERS on stream 1: END_STREAM, END_HEADERS.
    let headers = [&[0, 0, count, 1, 5, 0, 0, 0, 1][..], &fields].concat();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &settings,
        &headers,
    ]
    .concat()
}

#[cfg(unix)]
#[test]
fn t_err_06_the_log_may_be_json_of_which_a_sender_writes_nothing() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let (file, log) = (folder.path().join("b.toml"), folder.path().join("log"));
    let proxy =
        "[listen.proxy]\naddress = '127.0.0.1:0'\n[upstreams.app]\nurls = 'http://127.0.0.1:1'\n";
    let text =
        configuration(issuer.url(), proxy).replace("path_prefix", "upstream = 'app'\npath_prefix");
    std::fs::write(&file, text).expect("a file");
    let mut command = program::command(["serve", "--log-format", "json", "--config"]);
    // Everything that there is to log.
    command.env("RUST_LOG", "trace");
    command.arg(&file);
    command.stderr(std::fs::File::create(&log).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    let stdout = child.stdout.take().expect("a pipe from stdout");
    let mut running = Running {
        child,
        stdout: BufReader::new(stdout),
    };
    let printed = running.printed_until("listening");
    let address = |door: &str| {
        let line = printed.iter().find(|line| line.starts_with(door));
        let address = line.and_then(|line| line.split_whitespace().last());
        address.expect("an address").to_owned()
    };
    let mut stream = TcpStream::connect(address("proxy")).expect("it listens");
    stream.write_all(&malformed_over_http2()).expect("it reads");
    // Its preface, the end of the stream, and whatever else it has to say.
    stream.shutdown(Shutdown::Write).expect("half of it closes");
    stream.read_to_end(&mut Vec::new()).expect("it answers");
    let door = address("forward auth");
    let line = format!(
        "curl -i http://{door}/auth/nginx -H \"X-Original-URI: /mark-path\" \
         -H \"X-Original-Method: GET\" -H \"X-Original-Host: mark-host\" \
         -H \"Authorization: Bearer mark-token\" -H \"User-Agent: mark-agent\""
    );
    assert_eq!(http::curl(&line).status, 401);
    let id = running.child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill is there").success());
    assert_eq!(running.child.wait().expect("its end").code(), Some(0));
    let text = std::fs::read_to_string(&log).expect("a log");
    let told: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let request = told
        .iter()
        .find(|line| line["fields"]["message"] == "request");
    let request = &request.expect("a request")["fields"];
    assert_eq!(request["door"], "forward_auth");
    assert_eq!(request["route"], "all");
    assert_eq!(request["reason"], "not_compact_jws");
    assert_eq!(request["status"], 401);
    // The path alone, which is printable ASCII.
    assert_eq!(request["path"], "/mark-path");
    let rest = text.replacen("\"path\":\"/mark-path\"", "", 1);
    assert!(!rest.contains("mark-"), "{text}");
}
