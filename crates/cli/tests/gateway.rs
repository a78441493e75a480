//! serve, check and schema.

use std::io::{BufRead, Read};
use std::process::Command;

use bearward_testing::DevIssuer;
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

    let gone = program::run(program::command(["check", "--config", "no/such.toml"]));
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(2), ""));
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
    let url = format!("http://{}/", value(&lines, "proxy"));
    let token = issuer.user_token("https://api.example").sign();
    let discovery = ".well-known/openid-configuration";
    let line = format!("curl -i {url}{discovery} -H \"Authorization: Bearer {token}\"");
    let mut answer = http::curl(&line);
    // Until there are keys.
    while answer.status == 503 {
        answer = http::curl(&line);
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(http::get(&format!("{url}{discovery}")).status, 401);
}

#[cfg(unix)]
#[test]
fn t_cfg_04_a_hang_up_reloads_and_a_signal_ends_it_well() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    std::fs::write(&file, configuration(issuer.url(), "")).expect("a file");
    let mut command = program::command(["serve", "--config"]);
    command.arg(&file);
    let mut running = Running::start(command);
    let lines = running.printed_until("ready");
    let metrics = format!("http://{}/metrics", value(&lines, "admin"));
    let id = running.child.id().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill is there").success());
    };
    signal("-HUP");
    let reloaded = "bearward_reloads_total{outcome=\"applied\"} ";
    while !http::get(&metrics).body.contains(reloaded) {}
    signal("-TERM");
    let mut rest = String::new();
    running.stdout.read_to_string(&mut rest).expect("its end");
    let status = running.child.wait().expect("its end");
    assert_eq!(status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn t_err_06_the_log_may_be_json_of_which_a_sender_writes_nothing() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let folder = TempDir::new().expect("a folder");
    let (file, log) = (folder.path().join("b.toml"), folder.path().join("log"));
    std::fs::write(&file, configuration(issuer.url(), "")).expect("a file");
    let mut command = program::command(["serve", "--log-format", "json", "--config"]);
    command.arg(&file);
    command.stderr(std::fs::File::create(&log).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("a pipe from stdout"));
    let mut printed = String::new();
    while !printed.ends_with("ready\n") {
        let read = stdout.read_line(&mut printed).expect("what it prints");
        assert_ne!(read, 0, "{printed}");
    }
    let mut lines = printed.lines();
    let line = lines.find(|line| line.starts_with("forward auth "));
    let door = line.and_then(|line| line.split_whitespace().last());
    let door = door.expect("an address");
    let line = format!(
        "curl -i http://{door}/auth/nginx -H \"X-Original-URI: /mark-path\" \
         -H \"X-Original-Method: GET\" -H \"X-Original-Host: mark-host\" \
         -H \"Authorization: Bearer mark-token\" -H \"User-Agent: mark-agent\""
    );
    assert_eq!(http::curl(&line).status, 401);
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill is there").success());
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    let text = std::fs::read_to_string(&log).expect("a log");
    let told: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let request = told.iter().find(|line| line["message"] == "request");
    let request = request.expect("a request");
    assert_eq!(request["door"], "forward_auth");
    assert_eq!(request["route"], "all");
    assert_eq!(request["reason"], "not_compact_jws");
    assert_eq!(request["status"], 401);
    assert!(!text.contains("mark-"), "{text}");
}
