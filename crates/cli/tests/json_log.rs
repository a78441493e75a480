//! What a container writes with `--log-format json`: one JSON object a line, with no member twice, on
//! standard output and in the log, also where both are one pipe.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};

use bearward_testing::strict_json;
use tempfile::TempDir;

use crate::program;
use crate::running::until;

/// `serve` with these arguments, with stdout and stderr in one file.
fn serve(arguments: &[&str], log: &Path) -> Child {
    let mut command: Command = program::command(["serve", "--log-format", "json"]);
    let file = File::create(log).expect("a file");
    command
        .args(arguments)
        .stdout(file.try_clone().expect("a copy"));
    command.stderr(file).spawn().expect("it starts")
}

/// The log, each line of which is JSON.
fn read(log: &Path) -> String {
    let text = std::fs::read_to_string(log).expect("a log");
    assert!(text.ends_with('\n'), "{text}");
    for line in text.lines() {
        let read = strict_json::check(line);
        assert!(read.is_ok(), "{:?}: {line}", read.err());
    }
    text
}

#[cfg(unix)]
#[test]
fn every_line_of_a_container_is_json() {
    let folder = TempDir::new().expect("a folder");
    let (file, log) = (folder.path().join("b.toml"), folder.path().join("log"));
    let good = "[[issuers]]\nissuer = 'https://id.example'\naudiences = ['a']\njwks_uri = 'http://127.0.0.1:1/'\n\
                insecure_plain_http = true\n[[routes]]\nname = 'all'\npath_prefix = '/'\n[listen.forward_auth]\naddress = '127.0.0.1:0'\n";
    std::fs::write(&file, good).expect("a file");
    let mut child = serve(&["--config", file.to_str().expect("text")], &log);
    let holds = |text: &str| read_some(&log).contains(text);
    until(|| holds("not ready: no keys yet"));
    std::fs::write(&file, good.replace("name = 'all'", "secert = 'all'")).expect("a file");
    until(|| holds("the configuration was not reloaded"));
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill is there").success());
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    let text = read(&log);
    for message in ["listening", "a mistake in the configuration", "stopped"] {
        assert!(
            text.contains(&format!("\"message\":\"{message}\"")),
            "{message}: {text}"
        );
    }
}

/// What is in the log so far.
fn read_some(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

#[test]
fn a_start_that_fails_is_json_too() {
    let folder = TempDir::new().expect("a folder");
    let (file, log) = (folder.path().join("b.toml"), folder.path().join("log"));
    std::fs::write(&file, "nonsense = 1\n[[routes]]\n").expect("a file");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken
        .local_addr()
        .map(|address| (taken, address.to_string()));
    let (_taken, address) = taken.expect("an address");
    let options = [
        "--issuer",
        "https://id.example",
        "--audience",
        "a",
        "--upstream",
        "http://127.0.0.1:1",
    ];
    let listen = [&options[..], &["--listen", &address]].concat();
    for (arguments, said) in [
        (
            &["--config", file.to_str().expect("text")][..],
            "a mistake in the configuration",
        ),
        (&["--config", "/nowhere/b.toml"], "/nowhere/b.toml: "),
        (&listen, "cannot listen on"),
    ] {
        let mut child = serve(arguments, &log);
        assert_eq!(child.wait().expect("its end").code(), Some(2));
        let text = read(&log);
        assert!(
            text.contains("\"level\":\"ERROR\"") && text.contains(said),
            "{said}: {text}"
        );
    }
}
