//! The profile `aws-alb`: keys that are fetched by the `kid` of a token, as each command gets them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use bearward_testing::{Algorithm, SigningKey, Token};

use crate::program::{Ended, ISSUER, NOW, Setting, command, run};

const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";
const KID: &str = "6e1b4a0c-9d0f-4a53-8f4c-0a1b2c3d4e5f";

fn key() -> SigningKey {
    SigningKey::first(Algorithm::Es256).with_kid(KID)
}

fn good() -> Token {
    Token::id_token(ISSUER, "unused", NOW)
        .without_claim("aud")
        .key(key())
        .header("signer", ARN)
        .header("client", "client-id")
}

/// The endpoint of a region, with one key, for as long as the tests run.
fn key_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut lines = BufReader::new(&stream).lines();
            let first = lines.next().expect("a line").expect("text");
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let is_it = first.starts_with(&format!("GET /{KID} "));
            let (status, body) = match is_it {
                true => ("200 OK", key().public_key_pem().expect("a public key")),
                false => ("404 Not Found", String::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address
}

/// A command with the profile, these keys and these arguments.
fn with_keys(name: &str, keys: &str, arguments: &[&str]) -> Ended {
    let mut command = command([name, "--profile", "aws-alb", "--issuer", ISSUER]);
    command.args(["--audience", ARN, "--at", &NOW.as_secs().to_string()]);
    command.args(["--jwks", keys]).args(arguments);
    run(command)
}

#[test]
fn explain_and_verify_take_a_key_as_pem() {
    let setting = Setting::new();
    let pem = setting.write("key.pem", key().public_key_pem().expect("a public key"));
    let pem = pem.to_str().expect("UTF-8");
    let token = good().sign_padded();
    let explained = with_keys("explain", pem, &[&token]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    for text in [
        "accepted: user",
        "canonical, with padding (=)",
        "signer",
        "client \"client-id\"",
    ] {
        assert!(explained.stdout.contains(text), "{}", explained.stdout);
    }
    for text in ["hint", "FAIL"] {
        assert!(!explained.stdout.contains(text), "{}", explained.stdout);
    }
    let verified = with_keys("verify", pem, &[&token]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let set = with_keys("verify", setting.jwks().to_str().expect("UTF-8"), &[&token]);
    assert!(
        set.stderr.contains("not a public key as one PEM block"),
        "{set:?}"
    );
}

#[test]
fn explain_names_what_is_wrong_with_such_a_token() {
    let setting = Setting::new();
    let pem = setting.write("key.pem", key().public_key_pem().expect("a public key"));
    let pem = pem.to_str().expect("UTF-8");
    let padded = good().sign_padded();
    for (token, reason) in [
        (
            good().header("signer", "other").sign_padded(),
            "aud_mismatch",
        ),
        (good().without_header("signer").sign_padded(), "aud_missing"),
        (good().header("signer", 5).sign_padded(), "aud_type"),
        (
            good()
                .header("signer", serde_json::json!({"a": 1}))
                .sign_padded(),
            "aud_type",
        ),
        (good().header("client", 5).sign_padded(), "claim_type"),
        (
            good().header("typ", "at+jwt").sign_padded(),
            "typ_not_accepted",
        ),
        (format!("{padded}="), "base64_not_canonical"),
        (
            padded.trim_end_matches('=').to_owned(),
            "base64_not_canonical",
        ),
        (padded.replacen('.', "=.", 1), "base64_not_canonical"),
    ] {
        let explained = with_keys("explain", pem, &["--format", "json", &token]);
        let expected = format!("\"reason\":\"{reason}\"");
        assert!(
            explained.stdout.contains(&expected),
            "{reason}: {explained:?}"
        );
    }
    let mut other = setting.command("explain");
    other.arg(padded);
    let explained = run(other);
    assert_eq!(explained.code, Some(1));
    for text in ["base64_not_canonical", "--profile aws-alb"] {
        assert!(explained.stdout.contains(text), "{}", explained.stdout);
    }
}

#[test]
fn the_key_of_a_token_is_fetched_by_its_kid() {
    let template = format!("http://{}/{{kid}}", key_server());
    let token = good().sign_padded();
    for name in ["verify", "explain"] {
        let ended = with_keys(name, &template, &[&token]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let unknown = good().key(key().with_kid(KID.replace("6e", "6f")));
    let ended = with_keys("verify", &template, &[&unknown.sign_padded()]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("status 404"), "{}", ended.stderr);
    for token in [
        good().key(key().with_kid("../x")).sign_padded(),
        "-".to_owned(),
    ] {
        let ended = with_keys("verify", &template, &[&token]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("must be a UUID"), "{}", ended.stderr);
    }
    let without = with_keys("verify", &template.replace("{kid}", "x"), &[&token]);
    assert!(
        without.stderr.contains("{kid} in its path"),
        "{}",
        without.stderr
    );
}

fn configuration(setting: &Setting, uri: &str) -> String {
    let text = format!(
        "[[issuers]]\nissuer = '{ISSUER}'\nprofile = 'aws-alb'\naudiences = ['{ARN}']\njwks_uri = '{uri}'\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\n[listen.forward_auth]\naddress = '127.0.0.1:0'\n\
         [[protection.sources]]\nfield = 'X-Amzn-Oidc-Data'\n"
    );
    let path = setting.write("bearward.toml", text);
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn check_tries_whether_the_keys_could_be_fetched() {
    let setting = Setting::new();
    let good = configuration(&setting, &format!("http://{}/{{kid}}", key_server()));
    let ended = run(command(["check", "--config", &good]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = format!("{ISSUER}  keys, each of which is fetched when its tokens arrive\n");
    assert_eq!(ended.stdout, format!("{line}good\n"));
    let verified = run(command([
        "verify",
        "--config",
        &good,
        "--at",
        &NOW.as_secs().to_string(),
        &self::good().sign_padded(),
    ]));
    assert_eq!(verified.code, Some(0), "{verified:?}");

    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = free.local_addr().expect("an address");
    drop(free);
    let ended = run(command([
        "check",
        "--config",
        &configuration(&setting, &format!("http://{closed}/{{kid}}")),
    ]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("connect: could not connect"),
        "{}",
        ended.stdout
    );
    let mistaken = configuration(&setting, "https://keys.example/");
    let ended = run(command(["check", "--config", &mistaken]));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("5:12"), "{}", ended.stdout);
}
