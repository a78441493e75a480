//! `bearward explain`: the whole output, as it stands in `tests/golden`.
//!
//! With `BEARWARD_BLESS=1` in the environment the files are written anew; look at the difference.

use std::path::Path;

use bearward_testing::{Algorithm, SigningKey, Token};

use crate::program::{self, Ended, ISSUER, NOW, Setting, good};

/// Runs `explain` with all options, and these arguments.
fn explain(arguments: &[&str]) -> Ended {
    let setting = Setting::new();
    let mut command = setting.command("explain");
    command.args(ALGORITHMS).args(arguments);
    program::run(command)
}

#[track_caller]
pub(crate) fn assert_golden(name: &str, ended: &Ended, code: i32) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("BEARWARD_BLESS").is_some() {
        std::fs::write(&path, &ended.stdout).expect("writing a golden file");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(ended.stdout, golden, "{}", path.display());
}

#[test]
fn a_good_token_is_accepted() {
    assert_golden("accepted.txt", &explain(&[&good().sign()]), 0);
}

#[test]
fn an_expired_token_is_refused() {
    let token = good()
        .issued_at(NOW.minus(MINUTES_35))
        .expires_at(NOW.minus(MINUTES_5));
    assert_golden("expired.txt", &explain(&[&token.sign()]), 1);
}

#[test]
fn an_opaque_token_is_named() {
    assert_golden(
        "opaque.txt",
        &explain(&["a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4"]),
        1,
    );
}

#[test]
fn a_refresh_token_is_named() {
    let token = "2311567d-8826-4802-9619-b75c0fea527c.a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4";
    assert_golden("refresh_token.txt", &explain(&[token]), 1);
}

#[test]
fn an_id_token_is_named() {
    let token = Token::id_token(ISSUER, "bea2d0000000a110", NOW);
    assert_golden("id_token.txt", &explain(&[&token.sign()]), 1);
}

#[test]
fn an_encrypted_token_is_named() {
    let token =
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA";
    assert_golden("jwe.txt", &explain(&[token]), 1);
}

#[test]
fn a_token_for_another_audience_is_named() {
    let token = good().claim("aud", "https://other.example").sign();
    assert_golden("audience.txt", &explain(&[&token]), 1);
}

#[test]
fn authgears_audience_is_named() {
    let token = Token::user(ISSUER, ISSUER, NOW).sign();
    let ended = explain(&[&token]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stdout.contains("pass the issuer as --audience too"),
        "{}",
        ended.stdout
    );
}

#[test]
fn an_issuer_that_differs_in_a_slash_is_named() {
    let token = good().claim("iss", format!("{ISSUER}/")).sign();
    assert_golden("issuer_slash.txt", &explain(&[&token]), 1);
}

#[test]
fn what_was_pasted_along_is_named() {
    let token = good().sign();
    assert_golden(
        "pasted_scheme.txt",
        &explain(&[&format!("Bearer {token}")]),
        1,
    );
    assert_golden("pasted_quotes.txt", &explain(&[&format!("\"{token}\"")]), 1);
    assert_golden(
        "pasted_white_space.txt",
        &explain(&[&format!(" {token}\r\n")]),
        1,
    );
}

#[test]
fn an_unknown_key_is_shown_beside_the_known_ones() {
    let token = good().key(SigningKey::second(Algorithm::Rs256)).sign();
    assert_golden("kid_unknown.txt", &explain(&[&token]), 1);
}

#[test]
fn a_changed_payload_does_not_verify() {
    let mut parts = good().parts();
    parts.payload_b64 = good().claim("sub", "somebody else").parts().payload_b64;
    assert_golden("signature_invalid.txt", &explain(&[&parts.encode()]), 1);
}

#[test]
fn a_profile_is_proposed_for_issuers_that_need_one() {
    let token = good()
        .header("typ", "JWT")
        .claim("iss", "https://tenant.eu.auth0.com/")
        .without_claim("jti")
        .without_claim("auth_time")
        .sign();
    assert_golden("profile.txt", &explain(&[&token]), 1);
}

#[test]
fn padding_is_named() {
    let token = good().sign();
    assert_golden("padding.txt", &explain(&[&format!("{token}==")]), 1);
}

#[test]
fn a_member_that_stands_twice_is_named() {
    let token = good()
        .payload_text(r#"{"iss":"a","aud":"b","iss":"c"}"#)
        .sign();
    assert_golden("duplicate_member.txt", &explain(&[&token]), 1);
}

#[test]
fn a_large_token_is_not_looked_into() {
    let token = good().claim("groups", "x".repeat(20_000)).sign();
    assert_golden("too_large.txt", &explain(&[&token]), 1);
}

#[test]
fn what_wants_to_exhaust_is_shown_all_the_same() {
    for (payload, reason) in [
        (
            format!("{{\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000)),
            "json_limits",
        ),
        ("{\"x\":[".to_owned(), "json_invalid"),
        (
            format!("{{{}\"x\":0}}", "\"x\":0,".repeat(1000)),
            "json_duplicate_member",
        ),
        (format!("{{\"exp\":{}}}", "9".repeat(10_000)), "date_range"),
    ] {
        let ended = explain(&[&good().payload_text(payload).sign()]);
        assert_eq!(ended.code, Some(1));
        assert!(ended.stdout.contains(reason), "{reason}: {}", ended.stdout);
        assert!(ended.stdout.len() < 20_000, "{reason}");
    }
}

#[test]
fn t_err_01_neither_the_token_nor_its_signature_is_printed() {
    for token in [
        good(),
        good().claim("aud", "x"),
        good().header("alg", "none"),
    ] {
        let token = token.sign();
        for format in ["text", "json"] {
            let ended = explain(&["--format", format, &token]);
            for part in token.split('.') {
                let start = part.get(..40).expect("a part is longer");
                assert!(!ended.stdout.contains(start), "{}", ended.stdout);
            }
        }
    }
}

/// Escape sequences that clear a screen and set its title, a change of direction, a look-alike.
#[test]
fn t_err_06_nothing_in_a_token_reaches_the_terminal_as_it_is() {
    let token = good()
        .header("kid", "\u{1b}[2J\u{1b}]0;title\u{7}")
        .header("typ", "\u{202e}at+jwt")
        .claim("iss", "https://id.ex\u{430}mple")
        .claim(
            "aud",
            ["\u{9b}31m", "x"].map(|part| part.repeat(99)).concat(),
        )
        .claim("exp", "\r\ntoken ok")
        .sign();
    let ended = explain(&[&token]);
    assert!(
        ended
            .stdout
            .chars()
            .all(|char| char == '\n' || char == '…' || (' '..='~').contains(&char))
    );
    assert_golden("hostile.txt", &ended, 1);
}

#[test]
fn a_err_01_every_check_is_made_whatever_failed_before_it() {
    let token = good()
        .header("alg", "none")
        .header("crit", vec!["b64"])
        .header("b64", false)
        .header("zip", "DEF")
        .header("kid", 5)
        .header("typ", 5)
        .without_claim("iss")
        .without_claim("jti")
        .claim("aud", 5)
        .claim("exp", 0)
        .claim("nbf", NOW.plus(MINUTES_5).as_secs())
        .claim("iat", 1e300)
        .claim("sub", 5)
        .claim("client_id", true)
        .claim("cnf", "x")
        .sign();
    assert_golden("everything.txt", &explain(&[&token]), 1);
}

#[test]
fn without_options_it_shows_what_can_be_seen() {
    let at = NOW.as_secs().to_string();
    let mut command = program::command(["explain", "--at", &at]);
    command.args(ALGORITHMS).arg(good().sign());
    let ended = program::run(command);
    assert_golden("no_options.txt", &ended, 2);
    let expired = good().expires_at(NOW.minus(MINUTES_5)).sign();
    let ended = program::run(program::command(["explain", "--at", &at, &expired]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn json_says_the_same() {
    let good = explain(&["--format", "json", &good().sign()]);
    assert_golden("accepted.json", &good, 0);
    let opaque = explain(&["--format", "json", "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4"]);
    assert_golden("opaque.json", &opaque, 1);
}

/// Nothing that is passed to it could prove that anybody has the key.
#[test]
fn a_bound_token_is_not_proven() {
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let cnf = serde_json::json!({ "jkt": thumbprint });
    let ended = explain(&["--format", "json", &good().claim("cnf", cnf).sign()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let explained: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(explained["reason"], "cnf_not_proven");
    let checks = explained["checks"].as_array().unwrap();
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check["verdict"] == "FAIL")
        .collect();
    let expected = serde_json::json!({
        "check": "cnf",
        "expected": "absent",
        "found": format!("{{\"jkt\":\"{thumbprint}\"}}"),
        "verdict": "FAIL",
        "reason": "cnf_not_proven",
    });
    assert_eq!(failed, [&expected]);
}

/// The verdict is the same byte for byte as that of `verify`.
#[test]
fn stdin_is_read_without_the_line_feed_of_echo() {
    for (input, code) in [("", 0), ("\n", 0), ("\r\n", 1), ("\n\n", 1)] {
        let setting = Setting::new();
        let mut command = setting.command("explain");
        command.arg("-");
        let ended = program::run_with(command, format!("{}{input}", good().sign()));
        assert_eq!(ended.code, Some(code), "{input:?}: {}", ended.stdout);
    }
}

/// What the table shows is then the same with every feature.
const ALGORITHMS: [&str; 2] = ["--algorithm", "RS256,PS256,ES256,EdDSA"];

const MINUTES_5: std::time::Duration = std::time::Duration::from_secs(300);
const MINUTES_35: std::time::Duration = std::time::Duration::from_secs(2100);
