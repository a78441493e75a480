//! `bearward explain --url`: the whole output, as it stands in `tests/golden/url`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use bearward_testing::token::ROLES;
use bearward_testing::{DevIssuer, Fault};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::explain::assert_golden;
use crate::http;
use crate::program::{self, AUDIENCE, Ended, ISSUER, NOW, Setting, good};
use crate::running::Running;

/// A configuration with a route of each kind.
const CONFIGURATION: &str = r#"
[[issuers]]
issuer = "https://id.example"
audiences = ["https://api.example"]
algorithms = ["RS256", "PS256", "ES256", "EdDSA"]
jwks_file = "jwks.json"

[[issuers]]
issuer = "https://other.example"
audiences = ["https://api.example"]
algorithms = ["RS256"]
client_ids = ["one", "two"]
required_claims = ["tenant"]
max_lifetime = "1h"
jwks_file = "jwks.json"

[identity]
preset = "authgear"

[requirements.admin]
roles = ["admin"]

[requirements.auditor]
scopes = ["audit"]
any_scopes = [["read", "write"]]
kind = "user"

[requirements.recent]
max_age = "5m"
verified = true

[requirements.insiders]
any = ["admin", "auditor"]

[[routes]]
name = "health"
path = ["/livez", "/readyz"]
access = "public"

[[routes]]
name = "reports"
hosts = ["api.example", "reports.example"]
path_glob = "/reports/*/**"
methods = ["GET", "HEAD"]
require = ["insiders", "recent"]

[[routes]]
name = "orders"
hosts = "api.example"
path_prefix = "/orders"

[[routes]]
name = "trial"
path_prefix = "/trial"
shadow = true

[[routes]]
name = "site"
path_glob = "/site/*"
access = "optional"
preflight = "passes"
"#;

struct Explained {
    setting: Setting,
    file: PathBuf,
}

impl Explained {
    fn by(configuration: &str) -> Self {
        let setting = Setting::new();
        let file = setting.write("b.toml", configuration);
        Self { setting, file }
    }

    fn command(&self, url: &str, more: &[&str]) -> Command {
        let mut command = program::command(["explain", "--url", url]);
        command.arg("--config").arg(&self.file);
        command
            .args(["--at", &NOW.as_secs().to_string()])
            .args(more);
        command
    }
}

fn explain(url: &str, more: &[&str]) -> Ended {
    let explained = Explained::by(CONFIGURATION);
    program::run(explained.command(url, more))
}

#[test]
fn what_an_admitted_request_brings_is_shown() {
    let token = good().claim(ROLES, vec!["a", "b"]).sign();
    let ended = explain("https://API.example:8443/orders/%37?x=1", &[&token]);
    assert_golden("url/admitted.txt", &ended, 0);
}

#[test]
fn each_alternative_is_shown_with_what_it_lacks() {
    let hour = std::time::Duration::from_secs(3600);
    let token = good().authenticated_at(NOW.minus(hour)).sign();
    let ended = explain("https://api.example/reports/7/pdf", &[&token]);
    assert_golden("url/alternatives.txt", &ended, 1);
}

#[test]
fn a_second_alternative_suffices() {
    let token = good().claim("scope", "audit write");
    let ended = explain("https://api.example/reports/7", &[&token.sign()]);
    assert_golden("url/second_alternative.txt", &ended, 0);
}

#[test]
fn without_a_route_it_says_what_of_each_does_not_fit() {
    let ended = explain("https://www.example/reports/7", &["--method", "POST"]);
    assert_golden("url/no_rule.txt", &ended, 1);
    // The token of a request that nothing is for is not looked at.
    let with_token = explain(
        "https://www.example/reports/7",
        &["--method", "POST", &good().sign()],
    );
    assert_eq!(with_token.stdout, ended.stdout);
}

#[test]
fn t_fwd_04_it_says_why_a_path_is_ambiguous() {
    let ended = explain("https://api.example/orders/%2e%2e/admin", &[&good().sign()]);
    assert_golden("url/ambiguous.txt", &ended, 1);
    for (path, why) in [
        (
            "/orders//7",
            "paths without `//`, since `paths` is not \"tolerant\"",
        ),
        ("/orders/../7", "consists of dots"),
        ("/orders/7.", "paths without a dot or a space at the end"),
        ("/orders\\7", "treat a backslash"),
        ("/orders/7;x", "paths without `;`, since `paths` is not"),
        ("/orders/a%2Fb", "paths without `%2F`, since `paths` is not"),
        ("/orders#7", "refused: target_form, 400"),
    ] {
        let url = format!("https://api.example{path}");
        let ended = explain(&url, &[&good().sign()]);
        assert_eq!(ended.code, Some(1), "{path}");
        assert!(ended.stdout.contains(", 400\n"), "{path}: {}", ended.stdout);
        assert!(ended.stdout.contains(why), "{path}: {}", ended.stdout);
    }
}

#[test]
fn t_fwd_13_it_says_which_routes_a_router_could_mean() {
    let lax = "[[routes]]\nname = \"admin\"\npath_prefix = \"/admin\"\nrequire = \"admin\"\n\
        router = \"express\"\n[[routes]]\nname = \"all\"\npath_prefix = \"/\"\n";
    let explained = Explained::by(&format!("{CONFIGURATION}{lax}"));
    let ended = program::run(explained.command("/Admin/x", &[&good().sign()]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for line in [
        "\nadmin    may match  any host, path_prefix \"/admin\" with router express, any method\n",
        "\nall      matches    any host, path_prefix \"/\", any method\n",
        "\nthe route admin\n",
        "  router     express\n",
        "\nthe route all\n",
        "\nrequired: admin\n",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    let staff = good().claim(ROLES, vec!["admin"]).sign();
    let command = explained.command("/Admin/x", &["--format", "json", &staff]);
    let ended = program::run(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(told["also"][0]["name"], "admin");
    assert_eq!(told["also"][0]["router"], "express");
    assert_eq!(told["route"]["name"], "all");
    assert_eq!(told["route"]["router"], "strict");
    assert_eq!(told["decision"]["admitted"], true);
}

#[test]
fn the_metadata_is_answered_by_the_gateway_itself() {
    let with = "[protection]\nresource = \"https://api.example/v1\"\n";
    let explained = Explained::by(&format!("{CONFIGURATION}{with}"));
    let path = "/.well-known/oauth-protected-resource/v1";
    // Nobody has to be authenticated, so the token is not looked at.
    let ended = program::run(explained.command(path, &["not a token"]));
    assert_golden("url/metadata.txt", &ended, 0);
    let ended = program::run(explained.command(path, &["--method", "POST"]));
    assert_golden("url/metadata_post.txt", &ended, 0);
}

#[test]
fn on_a_public_route_the_token_is_not_looked_at() {
    let ended = explain("/livez", &["not a token"]);
    assert_golden("url/public.txt", &ended, 0);
}

#[test]
fn without_token_it_says_what_nobody_is_answered() {
    let ended = explain("https://api.example/orders", &[]);
    assert_golden("url/nobody.txt", &ended, 1);
    let ended = explain("/site/x", &[]);
    assert_golden("url/optional.txt", &ended, 0);
}

#[test]
fn a_refused_token_is_taken_apart() {
    let token = good().claim("aud", "https://other.example").sign();
    let ended = explain("https://api.example/reports/7", &[&token]);
    assert_golden("url/refused_token.txt", &ended, 1);
}

#[test]
fn the_rules_are_those_of_the_issuer_that_the_token_names() {
    let token = good().claim("iss", "https://other.example").sign();
    let ended = explain("https://api.example/orders", &[&token]);
    assert_golden("url/other_issuer.txt", &ended, 1);
    let token = good().claim("iss", "https://id.example/").sign();
    let ended = explain("https://api.example/orders", &[&token]);
    assert_golden("url/unknown_issuer.txt", &ended, 1);
}

#[test]
fn in_shadow_mode_it_says_what_would_be_refused() {
    let ended = explain("/trial/x", &["a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4"]);
    assert_golden("url/shadow.txt", &ended, 0);
}

#[test]
fn json_says_the_same_of_a_request() {
    let ended = explain(
        "https://api.example/orders/7",
        &["--format", "json", &good().sign()],
    );
    assert_golden("url/admitted.json", &ended, 0);
    let ended = explain("/nowhere", &["--format", "json"]);
    assert_golden("url/no_rule.json", &ended, 1);
    let ended = explain("/trial//x", &["--format", "json"]);
    assert_golden("url/ambiguous.json", &ended, 1);
}

#[test]
fn a_hdr_03_it_says_which_fields_are_left_out() {
    let token = good().claim("name", "Jürgen 日本").sign();
    let field = "[identity]\npreset = \"none\"\n[[identity.fields]]\nheader = \"X-Name\"\nclaim = \"name\"\n";
    let configuration = CONFIGURATION.replace("[identity]\npreset = \"authgear\"\n", field);
    let explained = Explained::by(&configuration);
    let run = |format| {
        let options = ["--format", format, &token];
        program::run(explained.command("https://api.example/orders", &options))
    };
    let text = run("text");
    assert_eq!(text.code, Some(0), "{text:?}");
    let lacks = "x-name: the claim has characters outside ASCII";
    assert!(text.stdout.contains(lacks), "{}", text.stdout);
    assert!(text.stdout.is_ascii() || !text.stdout.contains("Jürgen"));
    let json: Value = serde_json::from_str(&run("json").stdout).expect("JSON");
    assert_eq!(json["decision"]["left_out"], serde_json::json!(["x-name"]));
    assert_eq!(json["decision"]["identity"], serde_json::json!([]));
}

#[test]
fn t_err_06_nothing_of_a_request_reaches_the_terminal_as_it_is() {
    let token = good()
        .claim("sub", "\u{1b}]0;title\u{7}")
        .claim("client_id", "\u{202e}x")
        .sign();
    let url = "https://a\u{1b}[2J.example/orders/caf\u{e9}\u{202e}?\u{430}";
    let configuration = CONFIGURATION.replace("hosts = \"api.example\"\n", "");
    let explained = Explained::by(&configuration);
    for format in ["text", "json"] {
        let command = explained.command(url, &["--format", format, &token]);
        let ended = program::run(command);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stdout.contains("claim_not_header_safe"), "{ended:?}");
        let is_shown = |char: char| char == '\n' || char == '…' || (' '..='~').contains(&char);
        assert!(ended.stdout.chars().all(is_shown), "{}", ended.stdout);
    }
}

#[test]
fn t_err_01_no_token_is_printed_with_a_request() {
    let token = good().sign();
    for format in ["text", "json"] {
        let ended = explain("https://api.example/orders", &["--format", format, &token]);
        for part in token.split('.') {
            let start = part.get(..40).expect("a part is longer");
            assert!(!ended.stdout.contains(start), "{}", ended.stdout);
        }
    }
}

#[test]
fn the_token_of_a_request_is_read_from_stdin_and_judged_as_it_is() {
    let explained = Explained::by(CONFIGURATION);
    for (input, code, reason) in [
        (good().sign(), 0, "admitted"),
        (format!("{}\n", good().sign()), 0, "admitted"),
        (String::new(), 1, "malformed_credentials, 400"),
        (
            format!("{}\r\n", good().sign()),
            1,
            "malformed_credentials, 400",
        ),
    ] {
        let command = explained.command("https://api.example/orders", &["-"]);
        let ended = program::run_with(command, input);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stdout.contains(reason), "{reason}: {ended:?}");
    }
}

#[test]
fn without_keys_a_request_is_undecided() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::builder().fault(Fault::Error500).start());
    let issuer = issuer.expect("a free port");
    let configuration = format!(
        "[[issuers]]\nissuer = '{}'\naudiences = 'https://api.example'\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\n",
        issuer.url()
    );
    let explained = Explained::by(&configuration);
    let ended = |token: &str| {
        let mut command = program::command(["explain", "--url", "/x", "--config"]);
        command.arg(&explained.file).arg(token);
        program::run(command)
    };
    let good = ended(&issuer.user_token(AUDIENCE).sign());
    assert_eq!(good.code, Some(2), "{good:?}");
    assert!(
        good.stdout.contains("\nundecided: keys_unavailable\n"),
        "{}",
        good.stdout
    );
    // What needs no key is decided without.
    let opaque = ended("a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4");
    assert_eq!(opaque.code, Some(1), "{opaque:?}");
    assert!(opaque.stdout.contains("\nrefused: not_compact_jws, 401\n"));
    issuer.clear_fault();
    let good = ended(&issuer.user_token(AUDIENCE).sign());
    assert_eq!(good.code, Some(0), "{good:?}");
}

#[test]
fn options_that_the_configuration_has_do_not_go_with_a_url() {
    for more in [
        &["--issuer", ISSUER][..],
        &["--audience", AUDIENCE],
        &["--jwks", "x"],
        &["--profile", "generic"],
        &["--leeway", "5"],
        &["--algorithm", "RS256"],
    ] {
        let ended = explain("/x", more);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{more:?}"
        );
    }
    for arguments in [
        &["explain", "--method", "GET", "x"][..],
        &["explain", "--config", "x", "x"],
        &["explain", "--url", "api.example/x"],
        &["explain", "--url", "/x", "--config", "no/such.toml"],
        &["explain"],
    ] {
        let ended = program::run(program::command(arguments));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
    }
    let mistaken = Explained::by("[[issuers]]\n");
    let ended = program::run(mistaken.command("/x", &[]));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("error[issuer_missing]"), "{ended:?}");
    // The folder of the key file goes with the setting.
    assert!(mistaken.setting.jwks().exists());
}

/// What `--url` is held against: a gateway with these routes, and an application that answers 200.
const SERVED: &str = r#"
[protection]
resource = "https://api.example/v1"

[requirements.admin]
roles = ["admin"]

[requirements.read]
scopes = ["read"]

[upstreams.app]
urls = ["@APPLICATION@"]

[[routes]]
name = "admin"
path_prefix = "/admin"
require = "admin"
upstream = "app"
router = "express"

[[routes]]
name = "orders"
hosts = "api.example"
path_prefix = "/orders"
methods = ["GET", "DELETE"]
require = "read"
upstream = "app"

[[routes]]
name = "health"
path = "/livez"
access = "public"
upstream = "app"

[[routes]]
name = "trial"
path_prefix = "/trial"
shadow = true
upstream = "app"

[[routes]]
name = "site"
path_glob = "/site/*"
access = "optional"
upstream = "app"

[listen.proxy]
address = "127.0.0.1:0"

[listen.forward_auth]
address = "127.0.0.1:0"
"#;

const TARGETS: [&str; 22] = [
    "/admin",
    "/Admin/x",
    "/admin/?a=b",
    "/administrator",
    "/orders/7",
    "/orders?access_token=x",
    "/orders/../admin",
    "/orders/%2e%2e/admin",
    "/orders//7",
    "/orders;x/7",
    "/orders%2f7",
    "/orders?_method=delete",
    "/livez",
    "/livez/",
    "/trial/x",
    "/site/x",
    "/site/x/y",
    "/nowhere",
    "/.well-known/oauth-protected-resource/v1",
    "/.well-known/oauth-protected-resource/v1?a",
    "/.well-known/oauth-protected-resource/v1/",
    "/.well-known/oauth-protected-resource",
];

/// The status and the challenge of an answer.
type Answered = (u16, Option<String>);

fn answered(answer: &http::Answer) -> Answered {
    let mut fields = answer.head.lines().filter_map(|line| line.split_once(": "));
    let challenge = fields.find(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
    (answer.status, challenge.map(|(_, value)| value.to_owned()))
}

/// A request that is asked about and sent.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    method: &'a str,
    host: &'a str,
    target: &'a str,
    token: Option<&'a str>,
}

impl Asked<'_> {
    fn all<'a>(tokens: &[Option<&'a str>]) -> Vec<Asked<'a>> {
        let mut all = Vec::new();
        let methods = ["GET", "POST", "DELETE", "get"];
        let hosts = ["api.example", "other.example"];
        for target in TARGETS {
            let of_target = methods
                .iter()
                .flat_map(|method| hosts.map(|host| (*method, host)));
            let asked = of_target.flat_map(|(method, host)| {
                tokens.iter().map(move |token| Asked {
                    method,
                    host,
                    target,
                    token: *token,
                })
            });
            all.extend(asked);
        }
        all
    }

    /// What `explain` says of the decision.
    fn explained(self, file: &Path) -> Value {
        let mut command = program::command(["explain", "--format", "json", "--config"]);
        command.arg(file).args(["--method", self.method, "--url"]);
        command.arg(format!("http://{}{}", self.host, self.target));
        command.args(self.token);
        let ended = program::run(command);
        let explanation: Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{self:?}: {error}: {ended:?}"));
        explanation["decision"].clone()
    }

    fn fields(self) -> Vec<String> {
        let bearer = |token| format!("Authorization: Bearer {token}");
        self.token.map(bearer).into_iter().collect()
    }

    /// What the reverse proxy answers.
    fn proxied(self, proxy: &str) -> Answered {
        let fields = self.fields();
        answered(&http::ask(
            proxy,
            self.host,
            self.method,
            self.target,
            &fields,
        ))
    }

    /// What a proxy is answered that asks as Traefik does.
    fn asked_about(self, forward_auth: &str) -> Answered {
        let mut fields = self.fields();
        fields.push(format!("X-Forwarded-Method: {}", self.method));
        fields.push(format!("X-Forwarded-Host: {}", self.host));
        fields.push(format!("X-Forwarded-Uri: {}", self.target));
        answered(&http::ask(
            forward_auth,
            "gate",
            "GET",
            "/auth/traefik",
            &fields,
        ))
    }
}

#[test]
fn what_is_explained_is_what_every_door_answers() {
    let runtime = Runtime::new().expect("threads");
    let issuer = runtime.block_on(DevIssuer::start()).expect("a free port");
    let setting = Setting::new();
    // The issuer is an application like any other.
    let configuration = format!(
        "[[issuers]]\nissuer = '{}'\naudiences = '{AUDIENCE}'\n{}",
        issuer.url(),
        SERVED.replace("@APPLICATION@", issuer.url())
    );
    let file = setting.write("b.toml", configuration);
    let mut command = program::command(["serve", "--config"]);
    command.arg(&file);
    let mut running = Running::start(command);
    let lines = running.printed_until("ready");
    let [proxy, forward_auth] = ["proxy", "forward auth"].map(|door| {
        let address = lines.iter().find_map(|line| line.strip_prefix(door));
        address.expect("an address").trim()
    });
    let token = issuer.user_token(AUDIENCE);
    let reader = token.clone().claim("scope", "read").sign();
    let admin = token.clone().claim(ROLES, ["admin"]).sign();
    let stranger = token.claim("aud", "https://other.example").sign();
    let tokens = [None, Some(&*reader), Some(&*admin), Some(&*stranger)];
    let mut seen = BTreeSet::new();
    for asked in Asked::all(&tokens) {
        let decision = asked.explained(&file);
        let challenge = decision["challenge"].as_str().map(str::to_owned);
        let status = decision["status"].as_u64().unwrap_or(200);
        let explained = (u16::try_from(status).expect("a status"), challenge);
        let mut proxied = asked.proxied(proxy);
        if decision["admitted"] == true {
            // By the application, which has few of these paths.
            assert!(
                [200, 404, 405].contains(&proxied.0),
                "{asked:?}: {proxied:?}"
            );
            proxied.0 = 200;
        }
        assert_eq!(explained, proxied, "{asked:?}");
        // By forward auth the metadata cannot be answered.
        if decision["published"] != true {
            assert_eq!(explained, asked.asked_about(forward_auth), "{asked:?}");
        }
        seen.insert(decision["reason"].to_string());
    }
    for reason in [
        "no_rule",
        "insufficient_scope",
        "no_credentials",
        "ambiguous_path",
    ] {
        assert!(seen.contains(&format!("{reason:?}")), "{reason}: {seen:?}");
    }
}

#[test]
fn it_says_where_a_route_reads_tokens() {
    let elsewhere = "[[routes]]\nname = \"socket\"\npath = \"/socket\"\n\
        sources = [{ cookie = \"token\" }, { query = \"access_token\" }]\n";
    let explained = Explained::by(&format!("{CONFIGURATION}{elsewhere}"));
    let token = good().sign();
    let ended = program::run(explained.command("/socket", &[&token]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = "  tokens     also in the cookie token, the query parameter access_token\n";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);

    // The token of the URL counts, and only where it is read.
    let json = ["--format", "json"];
    for (path, more, expected) in [
        ("/socket", None, None),
        ("/socket", Some(&token), Some("multiple_credentials")),
        ("/orders/1", None, Some("no_credentials")),
    ] {
        let target = format!("https://api.example{path}?access_token={token}");
        let arguments = json.into_iter().chain(more.map(String::as_str));
        let arguments: Vec<_> = arguments.collect();
        let ended = program::run(explained.command(&target, &arguments));
        let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(
            told["decision"]["reason"].as_str(),
            expected,
            "{path} {told}"
        );
        assert_eq!(told["decision"]["admitted"], expected.is_none(), "{path}");
    }
}
