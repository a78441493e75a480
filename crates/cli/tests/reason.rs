//! reason: what a code means.

use crate::program;

fn reason(arguments: &[&str]) -> program::Ended {
    let mut command = program::command(["reason"]);
    command.args(arguments);
    program::run(command)
}

#[test]
fn a_reason_is_printed_as_the_document_has_it() {
    let expected = "\
kid_ambiguous
  means      Several different keys of the issuer have this `kid` and fit the algorithm. The same
             key listed twice is one key.
  by         every resource server, and `bearward verify`.
  answer     401 `invalid_token`.
  causes     two key sets were merged by hand
  remedy     Give each of the issuer's keys a different `kid`.
  more       docs/reasons.md#kid_ambiguous
";
    let ended = reason(&["kid_ambiguous"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), expected));
}

#[test]
fn a_program_gets_it_as_json() {
    let ended = reason(&["untrusted_peer", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(json["code"], "untrusted_peer");
    assert_eq!(json["refused_by"], "the gateway.");
    assert_eq!(json["answer"], "403, without a challenge.");
    assert_eq!(json["causes"][1], "somebody else can reach the listener");
}

#[test]
fn without_a_code_every_code_has_one_line() {
    let text = reason(&[]);
    let json = reason(&["--format", "json"]);
    assert_eq!((text.code, json.code), (Some(0), Some(0)));
    let codes = text
        .stdout
        .lines()
        .filter_map(|line| line.split(' ').next());
    let codes: Vec<_> = codes.collect();
    assert!(codes.contains(&"no_credentials") && codes.contains(&"value"));
    assert_eq!(json.stdout.lines().count(), codes.len());
}

#[test]
fn an_unknown_code_is_a_usage_error_that_says_what_may_be_meant() {
    let ended = reason(&["kid_unknown_"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    let expected = "\
error: invalid value 'kid_unknown_' for '[CODE]'

  tip: a similar value exists: 'kid_unknown'
  tip: no such code; `bearward reason` lists all codes

For more information, try '--help'.
";
    assert_eq!(ended.stderr, expected);
    let ended = reason(&["401"]);
    assert_eq!(ended.code, Some(2));
    let said = "tip: no such code; `bearward reason` lists all codes";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

/// As `bearward reason | head` does.
#[test]
fn a_reader_that_stops_ends_the_list_silently() {
    for format in ["text", "json"] {
        let mut child = program::command(["reason", "--format", format])
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("the program ends");
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    }
}
