//! What stands under `deploy`: configurations that parse, and arguments that the program takes.

use std::path::{Path, PathBuf};

use bearward_gateway::config::{Address, Config};

use crate::program;

fn read(path: &str) -> String {
    let path = folder().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// The configurations in a manifest: the blocks under `bearward.toml: |`.
fn embedded(manifest: &str) -> Vec<String> {
    let blocks = manifest.split("\n  bearward.toml: |\n").skip(1);
    let inside = |line: &'_ str| -> Option<String> {
        let inside = line.strip_prefix("    ").map(str::to_owned);
        inside.or_else(|| line.is_empty().then(String::new))
    };
    blocks
        .map(|block| {
            block
                .lines()
                .map_while(inside)
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect()
}

#[track_caller]
fn parsed(text: &str, what: &str) -> Config {
    match Config::parse(text) {
        Ok(config) if config.warnings.is_empty() => config,
        Ok(config) => panic!("{what}: {}", config.warnings.render(what)),
        Err(mistakes) => panic!("{what}: {}", mistakes.render(what)),
    }
}

#[test]
fn each_configuration_is_without_mistakes() {
    let unit = parsed(&read("systemd/bearward.toml"), "the unit's");
    let admin = unit.listen.admin.expect("an admin listener");
    assert_eq!(admin.address, "127.0.0.1:9180".parse().expect("an address"));
    for manifest in ["kubernetes/gateway.yaml", "kubernetes/sidecar.yaml"] {
        let text = read(manifest);
        let configurations = embedded(&text);
        assert_eq!(configurations.len(), 1, "{manifest}");
        let config = parsed(&configurations[0], manifest);
        // What the container's ports and probes say.
        let proxy = config.listen.proxy.expect("a reverse proxy");
        let admin = config.listen.admin.expect("an admin listener");
        for (name, address) in [("http", proxy.address), ("admin", admin.address)] {
            let Address::Tcp(address) = address else {
                panic!("{manifest}: the kubelet cannot ask a Unix socket");
            };
            assert!(address.ip().is_unspecified(), "{manifest}: {name}");
            let port = address.port();
            let expected = format!("- name: {name}\n              containerPort: {port}\n");
            assert!(text.contains(&expected), "{manifest}: {expected}");
        }
    }
}

/// The probes ask paths that the admin listener has.
#[test]
fn each_probe_asks_what_is_there() {
    for manifest in ["kubernetes/gateway.yaml", "kubernetes/sidecar.yaml"] {
        let text = read(manifest);
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            let behind = text.split(&format!("{probe}:")).nth(1).expect(probe);
            let expected = format!("\n              path: {path}\n              port: admin\n");
            let probe = behind.split("periodSeconds").next().expect(probe);
            assert!(probe.contains(&expected), "{manifest}: {probe}");
        }
    }
}

/// With a configuration that is not there: what it complains of is that, and not the arguments.
#[test]
fn the_program_takes_the_arguments_it_is_started_with() {
    let unit = read("systemd/bearward.service");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let start = start.expect("a start").split(' ').skip(1);
    let start: Vec<_> = start.map(str::to_owned).collect();
    let list = |text: &str, before: &str| -> Vec<String> {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(before));
        serde_json::from_str(line.expect(before)).expect("a list")
    };
    let all = [
        start,
        list(&read("Dockerfile"), "CMD "),
        list(&read("kubernetes/gateway.yaml"), "args: "),
        list(&read("kubernetes/sidecar.yaml"), "args: "),
    ];
    for arguments in all {
        let there = "/etc/bearward/bearward.toml";
        assert!(arguments.iter().any(|argument| argument == there));
        let gone = arguments
            .iter()
            .map(|argument| argument.replace(there, "no/such.toml"));
        let ended = program::run(program::command(gone));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        // The program that collects the log reads JSON.
        let line: serde_json::Value = serde_json::from_str(&ended.stderr).expect("one line");
        let message = line["fields"]["message"].as_str().expect("text");
        assert!(
            message.starts_with("no/such.toml: "),
            "{arguments:?}: {line}"
        );
    }
}

/// Neither do the other configurations that ship leave open how the application reads paths.
#[test]
fn t_fwd_13_what_ships_is_not_warned_of() {
    let root = folder().join("..");
    let mut count = 0;
    for file in [
        "crates/cli/src/demo/gateway.toml",
        "examples/flask-behind-gateway/bearward.toml",
        "examples/flask-behind-gateway/nginx/bearward.toml",
        "docs/gateway.md",
        "docs/issuers.md",
        "docs/recipes/README.md",
        "docs/sources.md",
    ] {
        let text = std::fs::read_to_string(root.join(file)).expect(file);
        let examples: Vec<_> = match text.split_once("```toml\n") {
            Some((_, rest)) => rest.split("```toml\n").map(str::to_owned).collect(),
            None => vec![text],
        };
        for example in examples {
            let example = example.split("```").next().expect("its end");
            let example = example.replace("\"ISSUER\"", "\"https://id.example\"");
            let example = example.replace("\"APPLICATION\"", "\"http://127.0.0.1:1\"");
            // What only a pod of Kubernetes has.
            let mounted =
                |line: &&str| !line.contains("/var/run/secrets/") && !line.starts_with("ca_only");
            let example = example
                .lines()
                .filter(mounted)
                .collect::<Vec<_>>()
                .join("\n");
            parsed(&example, file);
            count += 1;
        }
    }
    assert!(count >= 14, "{count}");
}

/// The manual's example, and what it says of presets.
#[test]
fn the_example_of_the_manual_is_without_mistakes() {
    let manual = read("../docs/gateway.md");
    let example = manual.split("```toml\n").nth(1).expect("an example");
    let example = example.split("```").next().expect("its end");
    let config = parsed(example, "docs/gateway.md");
    let documented = |name: &str| {
        let short = name.trim_start_matches("x-authgear");
        let manual = manual.to_ascii_lowercase();
        manual.contains(&format!("`{name}`")) || manual.contains(&format!("`{short}`"))
    };
    let of_preset = config.identity.names().map(|name| name.as_str());
    // Of the resolver's published configuration, and never sent by it.
    for name in of_preset.filter(|name| *name != "x-authgear-session-acr") {
        assert!(documented(name), "{name}");
    }
    let default = example.replace("preset = \"authgear\"", "");
    for name in parsed(&default, "with the default preset").identity.names() {
        assert!(documented(name.as_str()), "{name}");
    }
}
