//! `bearward verify`: its contract with programs, and with the shell.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use bearward_testing::{Algorithm, SigningKey, Token, UnixTime};

use crate::program::{self, AUDIENCE, Ended, ISSUER, NOW, Setting, good};

fn verify(arguments: &[&str]) -> Ended {
    let setting = Setting::new();
    let mut command = setting.command("verify");
    command.args(arguments);
    program::run(command)
}

fn verify_lines(input: impl AsRef<[u8]> + Send) -> Ended {
    let setting = Setting::new();
    let mut command = setting.command("verify");
    command.arg("-");
    program::run_with(command, input)
}

fn refused(reason: &str) -> String {
    format!("{{\"valid\":false,\"error\":\"invalid_token\",\"reason\":\"{reason}\"}}\n")
}

fn valid(token: &Token) -> String {
    let claims = String::from_utf8(token.payload_bytes()).expect("JSON");
    let subject = &token.claims()["sub"];
    let is_machine = subject
        .as_str()
        .is_some_and(|of| of.starts_with("client_id_"));
    let kind = if is_machine { "machine" } else { "user" };
    format!("{{\"valid\":true,\"subject\":{subject},\"kind\":\"{kind}\",\"claims\":{claims}}}\n")
}

/// What one line on stdin is answered.
#[track_caller]
fn assert_line(line: impl AsRef<[u8]>, expected: &str) {
    let ended = verify_lines([line.as_ref(), b"\n"].concat());
    assert_eq!(ended.stdout, expected);
    assert_eq!(ended.code, Some(i32::from(!expected.contains("true"))));
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_valid_token() {
    let ended = verify(&[&good().sign()]);
    assert_eq!(ended.stdout, valid(&good()));
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_err_02_the_result_is_this_text() {
    let token = good().payload_text(
        "{ \"iss\" : \"https://id.example\",\n \"aud\":\"https://api.example\", \"sub\":\"u 1\",\
         \"exp\":1700000001.50, \"iat\":17e8,\"jti\":\"j\",\"client_id\":\"c\",\
         \"n\":9007199254740993,\"\\u0061\":\"\u{9b}\",\"q\":\"\\\"\\\\\"}",
    );
    let ended = verify(&[&token.sign()]);
    assert_eq!(
        ended.stdout,
        "{\"valid\":true,\"subject\":\"u 1\",\"kind\":\"user\",\"claims\":{\"iss\":\"https://id.example\",\
         \"aud\":\"https://api.example\",\"sub\":\"u 1\",\"exp\":1700000001.50,\"iat\":17e8,\
         \"jti\":\"j\",\"client_id\":\"c\",\"n\":9007199254740993,\"\\u0061\":\"\\u009b\",\"q\":\"\\\"\\\\\"}}\n"
    );
}

#[test]
fn a_refused_token() {
    let ended = verify(&[&good().expires_at(UnixTime::from_secs(0)).sign()]);
    assert_eq!(ended.stdout, refused("token_expired"));
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_token_without_subject_is_nobodys() {
    let token = good().without_claim("sub").header("typ", "JWT");
    let ended = verify(&["--profile", "generic", &token.sign()]);
    assert_eq!(ended.stdout, refused("claim_missing"));
    assert_eq!(ended.code, Some(1));
}

#[test]
fn text_is_for_people() {
    let ended = verify(&["--format", "text", &good().sign()]);
    assert_eq!(
        ended.stdout,
        "valid    user 2311567d-8826-4802-9619-b75c0fea527c of https://id.example, \
         expires in 30 min\n"
    );
    let ended = verify(&["--format", "text", "x"]);
    assert_eq!(
        ended.stdout,
        "refused  not_compact_jws: the token is not a JWS in compact form\n"
    );
}

#[test]
fn leeway_and_time_are_options() {
    let token = good()
        .expires_at(NOW.minus(std::time::Duration::from_secs(29)))
        .sign();
    assert_eq!(verify(&[&token]).code, Some(0));
    assert_eq!(verify(&["--leeway", "29", &token]).code, Some(1));
    let ended = verify(&["--leeway", "301", &token]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (Some(2), "error: leeway: more than 300 s\n")
    );
}

#[test]
fn one_of_several_audiences_suffices() {
    let machine = Token::machine(ISSUER, "https://other.example", NOW);
    assert_eq!(verify(&[&machine.sign()]).stdout, refused("aud_mismatch"));
    let ended = verify(&["--audience", "https://other.example", &machine.sign()]);
    assert_eq!(ended.stdout, valid(&machine));
}

#[test]
fn algorithms_are_an_option() {
    let token = good().sign();
    assert_eq!(
        verify(&["--algorithm", "ES256,PS256", &token]).stdout,
        refused("alg_not_allowed")
    );
    assert_eq!(
        verify(&["--algorithm", "ES256", "--algorithm", "RS256", &token]).code,
        Some(0)
    );
    let ended = verify(&["--algorithm", "rs256", &token]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("possible values: HS256, "),
        "{}",
        ended.stderr
    );
}

#[test]
fn every_kind_of_signature_is_verified() {
    for algorithm in Algorithm::ALL
        .iter()
        .filter(|algorithm| !algorithm.is_symmetric())
    {
        let setting = Setting::new();
        let keys = bearward_testing::keys::jwk_set([&SigningKey::first(*algorithm)]);
        setting.write("jwks.json", keys.to_string());
        let mut command = setting.command("verify");
        command.arg(good().key(SigningKey::first(*algorithm)).sign());
        assert_eq!(program::run(command).code, Some(0), "{algorithm}");
    }
}

#[test]
fn a_usage_error_exits_with_2() {
    for arguments in [
        &["verify"][..],
        &["verify", "--issuer", ISSUER, "x"],
        &["verify", "--audience", AUDIENCE, "x"],
        &["verify", "--issuer", ISSUER, "--audience", AUDIENCE],
        &["verify", "--issuer", "", "--audience", AUDIENCE, "x"],
        &["verify", "--issuer", ISSUER, "--audience", "", "x"],
        &[
            "verify",
            "--issuer",
            ISSUER,
            "--audience",
            AUDIENCE,
            "--at",
            "now",
            "x",
        ],
        &[
            "verify",
            "--issuer",
            ISSUER,
            "--audience",
            AUDIENCE,
            "--secret",
            "x",
            "x",
        ],
        &[
            "verify",
            "--issuer",
            ISSUER,
            "--audience",
            AUDIENCE,
            "--algorithm",
            "HS256",
            "x",
        ],
        &["unknown"],
        &[],
    ] {
        let ended = program::run(program::command(arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert_ne!(ended.stderr, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let version = program::run(program::command(["--version"]));
    assert_eq!(
        version.stdout,
        concat!("bearward ", env!("CARGO_PKG_VERSION"), "\n")
    );
    for arguments in [&["--help"][..], &["verify", "--help"], &["explain", "-h"]] {
        let help = program::run(program::command(arguments));
        assert_eq!(
            (help.code, help.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn without_keys_it_exits_with_2() {
    let setting = Setting::new();
    for (contents, message) in [
        ("", "the document is not a JWK Set"),
        ("{}", "the document is not a JWK Set"),
        (r#"{"keys":[]}"#, "the JWK Set has no usable key"),
    ] {
        let path = setting.write("jwks.json", contents);
        let mut command = setting.command("verify");
        command.arg(good().sign());
        let ended = program::run(command);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert_eq!(
            ended.stderr,
            format!("error: {}: {message}\n", path.display())
        );
    }
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000));
    setting.write("jwks.json", large);
    let mut command = setting.command("verify");
    command.arg(good().sign());
    assert!(
        program::run(command)
            .stderr
            .ends_with("larger than 262144 bytes\n")
    );

    std::fs::remove_file(setting.jwks()).expect("removing the keys");
    let mut command = setting.command("verify");
    command.arg(good().sign());
    let ended = program::run(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
}

#[test]
fn a_key_that_is_left_out_is_named() {
    let setting = Setting::new();
    let mut keys = bearward_testing::keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]);
    let list = keys["keys"].as_array_mut().expect("keys");
    list.push(serde_json::json!({"kty": "oct", "k": "AAAA"}));
    setting.write("jwks.json", keys.to_string());
    let mut command = setting.command("verify");
    command.arg(good().sign());
    let ended = program::run(command);
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.stderr,
        "warning: key 1 is left out: jwk_symmetric: the key is a shared secret [oct]\n"
    );
}

#[test]
fn t_key_21_a_static_secret_comes_from_the_environment_or_a_file() {
    let key = SigningKey::first(Algorithm::Hs256);
    let secret = key.secret().expect("an HMAC key has a secret").to_vec();
    let token = good().key(key.without_kid()).sign();
    let run = |source: &str, text: &str| {
        let at = NOW.as_secs().to_string();
        let mut command = program::command(["verify", "--issuer", ISSUER, "--audience", AUDIENCE]);
        command.args(["--at", &at, "--algorithm", "HS256", "--secret", source]);
        command.arg(&token).env("BEARWARD_TEST_SECRET", text);
        program::run(command)
    };
    let setting = Setting::new();
    let path = |path: std::path::PathBuf| format!("file:{}", path.display());

    let good_file = path(setting.write("secret", &secret));
    assert_eq!(run(&good_file, "").stdout, valid(&good()));
    let with_line_feed = path(setting.write("other", [&secret[..], b"\n"].concat()));
    assert_eq!(
        run(&with_line_feed, "").stdout,
        refused("signature_invalid")
    );
    let wrong = run(
        "env:BEARWARD_TEST_SECRET",
        "a secret of at least 32 bytes, but another",
    );
    assert_eq!(wrong.stdout, refused("signature_invalid"));

    let short = run("env:BEARWARD_TEST_SECRET", "short");
    assert_eq!(short.code, Some(2));
    assert_eq!(
        short.stderr,
        "error: secret_weak: the secret is shorter than the output of the algorithm's hash\n"
    );
    let unset = run("env:BEARWARD_TEST_NO_SUCH", "");
    assert_eq!(
        unset.stderr,
        "error: the environment variable BEARWARD_TEST_NO_SUCH is not set\n"
    );
}

/// A public key taken for a secret is the oldest trick of all.
#[test]
fn hmac_never_meets_a_key_set() {
    let ended = verify(&["--algorithm", "HS256", &good().sign()]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: HS256 needs --secret env:NAME or --secret file:PATH: a shared secret never comes \
         from a JWK Set\n"
    );
    let ended = verify(&["--algorithm", "HS256,RS256", &good().sign()]);
    assert_eq!(ended.code, Some(2));
}

#[test]
fn results_come_in_the_order_of_the_lines() {
    let good_line = good().sign();
    let mut spoilt: Vec<(String, String)> = [
        (good().without_claim("exp"), "exp_missing"),
        (good().claim("aud", "x"), "aud_mismatch"),
        (good().header("typ", "JWT"), "typ_not_accepted"),
        (
            good().key(SigningKey::second(Algorithm::Rs256)),
            "kid_unknown",
        ),
    ]
    .map(|(token, reason)| (token.sign(), refused(reason)))
    .into();
    spoilt.push((String::new(), refused("not_compact_jws")));
    let (mut input, mut expected) = (String::new(), String::new());
    for index in 0..10_000_usize {
        // Neither the workers' turns nor the chunks divide this.
        let (line, answer) = match (index * index) % 7 {
            at if at < spoilt.len() => spoilt[at].clone(),
            _ => (good_line.clone(), valid(&good())),
        };
        writeln!(input, "{line}").expect("writing to a string");
        expected.push_str(&answer);
    }
    let ended = verify_lines(input);
    assert_eq!(ended.stdout.lines().count(), 10_000);
    assert!(
        ended.stdout == expected,
        "results differ or are out of order"
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
}

#[test]
fn all_valid_exits_with_0() {
    let ended = verify_lines(format!("{}\n", good().sign()).repeat(500));
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, valid(&good()).repeat(500));
}

#[test]
fn no_lines_have_no_results() {
    let ended = verify_lines("");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
}

#[test]
fn a_line_is_taken_byte_for_byte() {
    let token = good().sign();
    assert_line(&token, &valid(&good()));
    assert_line(format!("{token}\r"), &refused("base64_not_canonical"));
    assert_line(format!("{token} "), &refused("base64_not_canonical"));
    assert_line(format!(" {token}"), &refused("not_compact_jws"));
    assert_line("", &refused("not_compact_jws"));
    assert_line("\r", &refused("not_compact_jws"));
    assert_line("\0", &refused("not_compact_jws"));
    assert_line(format!("{token}\0"), &refused("base64_not_canonical"));
    assert_line(b"\xff.\xfe.\xfd", &refused("base64_not_canonical"));
}

#[test]
fn a_line_without_line_feed_at_the_end_counts() {
    let token = good().sign();
    let both = valid(&good()).repeat(2);
    assert_eq!(verify_lines(format!("{token}\n{token}")).stdout, both);
    assert_eq!(verify_lines(format!("{token}\n{token}\n")).stdout, both);
    let empty = refused("not_compact_jws");
    assert_eq!(
        verify_lines(format!("{token}\n\n")).stdout,
        valid(&good()) + &empty
    );
}

#[test]
fn a_line_of_megabytes_does_not_disturb_its_neighbours() {
    let token = good().sign();
    let large = "x".repeat(3 * 1024 * 1024);
    let ended = verify_lines(format!("{token}\n{large}\n{token}\n"));
    let expected = [valid(&good()), refused("token_too_large"), valid(&good())].concat();
    assert_eq!(ended.stdout, expected);
}

#[test]
fn t_jws_11_what_wants_to_exhaust_has_its_own_reason() {
    let nested = |depth: usize| {
        let claim = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        good().payload_text(format!("{{\"x\":{claim}}}")).sign()
    };
    let members: Vec<String> = (0..10_000)
        .map(|member| format!("\"{member}\":0"))
        .collect();
    let members = good().payload_text(format!("{{{}}}", members.join(",")));
    assert_line(".".repeat(100_000), &refused("token_too_large"));
    assert_line(".".repeat(10_000), &refused("not_compact_jws"));
    assert_line(nested(33), &refused("json_limits"));
    assert_line(nested(5000), &refused("json_limits"));
    assert_line(members.sign(), &refused("token_too_large"));
    let members: Vec<String> = (0..1_000).map(|member| format!("\"{member}\":0")).collect();
    let twice = good().payload_text(format!("{{{},\"7\":1}}", members.join(",")));
    assert_line(twice.sign(), &refused("json_duplicate_member"));
}

/// A program may ask one token at a time and wait for each answer.
#[test]
fn an_answer_does_not_wait_for_more_input() {
    let setting = Setting::new();
    let mut command = setting.command("verify");
    let mut child = command
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe to stdin");
    let mut answers = BufReader::new(child.stdout.take().expect("a pipe from stdout"));
    for _ in 0..5 {
        writeln!(stdin, "{}", good().sign()).expect("the program reads");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("the program answers");
        assert_eq!(answer, valid(&good()));
    }
    drop(stdin);
    assert!(child.wait().expect("the program ends").success());
}

/// As in `bearward verify … - | head -1`: quietly, and without waiting for the end of the input.
#[test]
fn it_ends_quietly_when_nobody_reads_the_results() {
    let setting = Setting::new();
    let mut command = setting.command("verify");
    let mut child = command
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe to stdin");
    drop(child.stdout.take());
    let lines = format!("{}\n", good().sign()).repeat(100);
    // Until the program is gone, which is then seen here as well.
    while stdin.write_all(lines.as_bytes()).is_ok() {}
    let output = child.wait_with_output().expect("the program ends");
    // Not "all valid": the rest was not even looked at.
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stderr, b"");
}

/// What was refused counts, whether anybody reads the results or not.
#[test]
fn it_exits_with_1_for_a_refused_token_that_nobody_reads_of() {
    let setting = Setting::new();
    let mut command = setting.command("verify");
    let mut child = command
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe to stdin");
    drop(child.stdout.take());
    while stdin.write_all(b"not a token\n").is_ok() {}
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"");
}

/// The tokens of a file of lines, decided by a configuration.
fn by_config(issuers: &str, lines: &str) -> Ended {
    let setting = Setting::new();
    let other = SigningKey::second(Algorithm::Es256);
    let keys = bearward_testing::keys::jwk_set([&other]).to_string();
    setting.write("other.json", keys);
    let routes = "[[routes]]\nname = \"all\"\npath_prefix = \"/\"\n";
    let config = setting.write("bearward.toml", format!("{issuers}\n{routes}"));
    let mut command = program::command(["verify", "--at", &NOW.as_secs().to_string(), "--config"]);
    command.arg(config).arg("-");
    program::run_with(command, lines)
}

const BY_CONFIG: &str = "\
    [[issuers]]\nissuer = \"https://id.example\"\naudiences = [\"https://api.example\"]\njwks_file = \"jwks.json\"\n\
    [[issuers]]\nissuer = \"https://other.example\"\naudiences = [\"other\"]\nprofile = \"generic\"\n\
    subject_claim = \"upn\"\njwks_file = \"other.json\"\n";

#[test]
fn a_configuration_has_all_issuers_with_their_rules() {
    let theirs = Token::user("https://other.example", "other", NOW)
        .key(SigningKey::second(Algorithm::Es256))
        .without_claim("sub")
        .claim("upn", "a@x.example");
    let forged = Token::user("https://other.example", "other", NOW).claim("upn", "a@x.example");
    let unknown = Token::user("https://third.example", AUDIENCE, NOW);
    let tokens = [good(), theirs, forged, unknown].map(|token| token.sign());
    let ended = by_config(BY_CONFIG, &format!("{}\nx\n", tokens.join("\n")));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], valid(&good()).trim_end());
    assert!(
        lines[1].starts_with("{\"valid\":true,\"subject\":\"a@x.example\""),
        "{}",
        lines[1]
    );
    let reasons = ["kid_unknown", "issuer_unknown", "not_compact_jws"];
    assert_eq!(
        lines[2..],
        reasons.map(|reason| refused(reason).trim_end().to_owned())
    );
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
}

#[test]
fn a_configuration_takes_the_place_of_the_options() {
    let setting = Setting::new();
    let config = setting.write("bearward.toml", "");
    for option in [
        "--issuer",
        "--audience",
        "--profile",
        "--subject-claim",
        "--internal-origin",
        "--jwks",
    ] {
        let value = if option == "--profile" {
            "generic"
        } else {
            "x"
        };
        let mut command = program::command(["verify", option, value, "--config"]);
        command.arg(&config).arg("token");
        let ended = program::run(command);
        assert_eq!(ended.code, Some(2), "{option}");
        assert!(
            ended.stderr.contains("cannot be used with"),
            "{option}: {}",
            ended.stderr
        );
    }
    let mut command = program::command(["verify", "--config"]);
    command.arg(&config).arg("token");
    let ended = program::run(command);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("issuer_missing"), "{}", ended.stderr);
}

#[test]
fn other_subjects_and_tokens_by_audience_are_options() {
    let nameless = good()
        .without_claim("sub")
        .claim("ext", serde_json::json!({ "id": "7" }));
    let nameless = nameless.sign();
    let ended = verify(&[&nameless]);
    assert_eq!(ended.stdout, refused("claim_missing"));
    let ended = verify(&["--subject-claim", "ext", "--subject-claim", "id", &nameless]);
    assert!(
        ended
            .stdout
            .starts_with("{\"valid\":true,\"subject\":\"7\""),
        "{}",
        ended.stdout
    );
    let login = Token::id_token(ISSUER, AUDIENCE, NOW).sign();
    let ended = verify(&["--profile", "generic", &login]);
    assert_eq!(ended.stdout, refused("typ_not_accepted"));
    let ended = verify(&["--profile", "generic", "--tokens", "by_audience", &login]);
    assert!(
        ended.stdout.starts_with("{\"valid\":true"),
        "{}",
        ended.stdout
    );
}

/// The metadata names the public origin, which nobody answers at.
#[tokio::test]
async fn the_issuer_may_be_at_an_internal_origin() {
    let issuer = bearward_testing::DevIssuer::builder()
        .public_origin("https://id.example")
        .start()
        .await
        .expect("a free port");
    let token = issuer.user_token(AUDIENCE).sign();
    let origin = format!("http://{}", issuer.addr());
    let verify = move |more: &[&str]| {
        let mut command = program::command(["verify", "--issuer", ISSUER, "--audience", AUDIENCE]);
        command.args(more).arg(&token);
        program::run(command)
    };
    let ended = tokio::task::spawn_blocking(move || verify(&["--internal-origin", &origin]));
    let ended = ended.await.expect("no panic");
    assert!(
        ended.stdout.starts_with("{\"valid\":true"),
        "{} {}",
        ended.stdout,
        ended.stderr
    );
}
