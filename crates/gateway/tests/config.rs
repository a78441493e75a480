//! The configuration: what is accepted, and each mistake with its code and its place (THREATS
//! table 12).

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bearward::core::requirements::Asked;
use bearward::core::source::TokenEncoding;
use bearward::{Requirements, Source, Sources};
use bearward_gateway::config::{self, Code, Config, Mistakes, Surroundings};
use bearward_gateway::doors::failures::Allowance;
use bearward_gateway::original::Original;
use bearward_gateway::route::Tolerance;
use bearward_gateway::target::Oddity;
use bearward_testing::{Algorithm, SigningKey, keys};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

/// Right in every respect.
const GOOD: &str = r#"
[[issuers]]
issuer = "https://id.example.com"
audiences = ["https://api.example.com"]

[[routes]]
name = "all"
path_prefix = "/"
"#;

fn surroundings(folder: &Path) -> Surroundings<'_> {
    Surroundings::new(folder, |name| match name {
        "STRONG" => Some(OsString::from("0123456789abcdef0123456789abcdef")),
        "WEAK" => Some(OsString::from("hunter2")),
        _ => None,
    })
}

fn parse(text: &str) -> Result<Config, Mistakes> {
    let folder = TempDir::new().expect("a folder");
    Config::parse_in(text, &surroundings(folder.path()))
}

/// The mistakes as `code line:column`.
fn mistakes(text: &str) -> Vec<String> {
    let Err(mistakes) = parse(text) else {
        return Vec::new();
    };
    let place = |mistake: &config::Mistake| {
        let (line, column) = mistakes.place(mistake);
        format!("{} {line}:{column}", mistake.code.as_str())
    };
    mistakes.iter().map(place).collect()
}

/// The good configuration with this in the place of that.
fn with(that: &str, this: &str) -> String {
    assert!(GOOD.contains(that), "{that}");
    GOOD.replace(that, this)
}

fn with_more(more: &str) -> String {
    format!("{GOOD}{more}")
}

const AUDIENCES: &str = "audiences = [\"https://api.example.com\"]";

#[tokio::test]
async fn the_token_cache_is_on_unless_it_is_turned_off() {
    let is_on = |more: &str| {
        let config = parse(&with_more(more)).expect("no mistake");
        config
            .resource_server()
            .expect("a server")
            .token_cache()
            .is_some()
    };
    assert!(is_on(""));
    assert!(is_on("[token_cache]\n"));
    assert!(is_on(
        "[token_cache]\nmax_entries = 1_000\nmax_bytes = 0xFFFFFF\n"
    ));
    assert!(!is_on("[token_cache]\nmax_entries = 0\n"));
    assert!(!is_on("[token_cache]\nmax_bytes = 0\n"));
    for (wrong, expected) in [
        ("max_entries = -1", "value 10:15"),
        ("max_entries = 4294967296", "value 10:15"),
        ("max_entries = 1.0", "type 10:15"),
        ("max_entries = \"1000\"", "type 10:15"),
        ("max_entry = 1", "unknown_key 10:1"),
    ] {
        let found = mistakes(&with_more(&format!("[token_cache]\n{wrong}\n")));
        assert_eq!(found, [expected], "{wrong}");
    }
}

#[test]
fn t_dos_03_the_limit_on_failures_is_off_unless_it_is_configured() {
    let failures = |more: &str| parse(&with_more(more)).expect("no mistake").failures;
    assert_eq!(failures(""), None);
    let minute = Duration::from_secs(60);
    let default = Some(Allowance::new(100, minute));
    assert_eq!(failures("[failures]\n"), default);
    let all = "[failures]\nmax_per_client = 7\nperiod = \"5m\"\n";
    assert_eq!(failures(all), Some(Allowance::new(7, 5 * minute)));
}

#[test]
fn t_dos_03_the_limit_on_failures_has_sensible_numbers() {
    for (wrong, expected) in [
        ("max_per_client = 0", "value 10:1"),
        ("max_per_client = 1000001", "value 10:1"),
        ("period = \"999ms\"", "value 10:1"),
        ("period = \"3601s\"", "value 10:1"),
        ("period = 60", "type 10:10"),
        ("max = 1", "unknown_key 10:1"),
    ] {
        let found = mistakes(&with_more(&format!("[failures]\n{wrong}\n")));
        assert_eq!(found, [expected], "{wrong}");
    }
    for good in [
        "max_per_client = 1000000",
        "period = \"1s\"",
        "period = \"1h\"",
    ] {
        let found = mistakes(&with_more(&format!("[failures]\n{good}\n")));
        assert!(found.is_empty(), "{good}: {found:?}");
    }
}

/// The warnings about a limit on failures with this listener.
fn warnings_of_failures(listener: &str) -> Vec<String> {
    let config = parse(&with_more(&format!("[failures]\n{listener}"))).expect("no mistake");
    let warnings = config.warnings.iter();
    let of_failures = warnings.filter(|warning| warning.message.starts_with("[failures]"));
    of_failures.map(|warning| warning.message.clone()).collect()
}

#[test]
fn t_dos_12_a_limit_on_failures_that_cannot_know_the_client_is_warned_of() {
    let all = "trusted_proxies = [\"10.0.0.0/8\", \"::/0\"]\n";
    for table in ["listen.forward_auth", "listen.ext_authz"] {
        let found = warnings_of_failures(&format!("[{table}]\n{all}"));
        assert_eq!(found.len(), 1, "{table}: {found:?}");
        assert!(
            found[0].contains(&format!("no effect at [{table}]")),
            "{found:?}"
        );
        for good in ["", "trusted_proxies = [\"10.0.0.0/8\"]\n"] {
            let found = warnings_of_failures(&format!("[{table}]\n{good}"));
            assert!(found.is_empty(), "{table} {good}: {found:?}");
        }
    }
    let app = "[upstreams.app]\nurls = \"http://127.0.0.1:3000\"\n[listen.proxy]\n";
    let proxy = |settings: &str| {
        let text = with(
            "path_prefix = \"/\"",
            "path_prefix = \"/\"\nupstream = \"app\"",
        );
        let config = parse(&format!("{text}[failures]\n{app}{settings}")).expect("no mistake");
        let warnings = config
            .warnings
            .iter()
            .map(|warning| warning.message.clone());
        let of_failures = warnings.filter(|message| message.starts_with("[failures]"));
        of_failures.collect::<Vec<_>>()
    };
    let found = proxy("");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("all clients of [listen.proxy] as one"),
        "{found:?}"
    );
    for good in [
        "trusted_proxies = \"127.0.0.1\"",
        "address = \"0.0.0.0:8080\"",
        "address = \"unix:/run/bearward.sock\"",
    ] {
        assert_eq!(proxy(good), Vec::<String>::new(), "{good}");
    }
    assert_eq!(proxy(all).len(), 1);
}

#[test]
fn a_good_configuration_has_no_mistakes() {
    let config = parse(GOOD).expect("a good configuration");
    assert_eq!(config.routes.iter().count(), 1);
}

#[test]
fn t_cfg_01_unknown_keys_are_mistakes_at_their_place() {
    let text = with(AUDIENCES, &format!("{AUDIENCES}\naudience = \"x\""));
    assert_eq!(mistakes(&text), ["unknown_key 5:1"]);
    assert_eq!(mistakes(&with_more("[tls]\n")), ["unknown_key 9:2"]);
    let rendered = parse(&text).unwrap_err().render("b.toml");
    assert!(
        rendered.contains("help: did you mean `audiences`?"),
        "{rendered}"
    );
}

#[test]
fn t_cfg_01_types_are_not_coerced() {
    for (line, code) in [
        ("leeway = 30", "type 5:10"),
        ("leeway = \"soon\"", "value 5:10"),
        ("leeway = \"-1s\"", "value 5:10"),
        ("insecure_plain_http = \"false\"", "type 5:23"),
        ("insecure_plain_http = 0", "type 5:23"),
        ("also = \"https://x.example\"", "type 5:8"),
        ("also = [1]", "type 5:9"),
        ("profile = \"RFC9068\"", "value 5:11"),
        ("algorithms = [\"none\"]", "value 5:15"),
        ("client_ids = { a = 1 }", "type 5:14"),
        ("secret = 5", "type 5:1"),
    ] {
        let text = with(AUDIENCES, &format!("{AUDIENCES}\n{line}"));
        assert_eq!(mistakes(&text), [code], "{line}");
    }
    assert_eq!(
        mistakes("issuers = 1\nroutes = 2\n"),
        ["type 1:11", "type 2:10"]
    );
    assert_eq!(mistakes("x = n\n"), ["syntax 1:5"]);
}

#[test]
fn t_cfg_02_access_is_required_unless_it_is_said() {
    use bearward_gateway::route::{Access, Mode, Preflight};
    let config = parse(GOOD).expect("a good configuration");
    let route = config.routes.iter().next().expect("a route");
    assert_eq!(route.access, Access::Required);
    assert_eq!(route.preflight, Preflight::Authenticated);
    assert_eq!(route.mode, Mode::Enforce);
    assert_eq!(route.tolerance, Tolerance::Exact);
    for (word, access) in [("optional", Access::Optional), ("public", Access::Public)] {
        let config = parse(&with_more(&format!("access = \"{word}\"\n"))).expect(word);
        assert_eq!(config.routes.iter().next().expect("a route").access, access);
    }
    let text =
        with_more("access = \"public\"\nrequire = \"x\"\n[requirements.x]\nverified = true\n");
    assert_eq!(mistakes(&text), ["value 10:1"]);
}

#[test]
fn t_cfg_03_what_would_open_the_door_is_not_left_out() {
    assert_eq!(mistakes(&with(AUDIENCES, "")), ["audience_missing 2:1"]);
    assert_eq!(
        mistakes(&with(AUDIENCES, "audiences = []")),
        ["audience_missing 4:1"]
    );
    assert_eq!(
        mistakes(&with(AUDIENCES, "audiences = \"\"")),
        ["audience_missing 4:1"]
    );
    let issuer = "issuer = \"https://id.example.com\"";
    assert_eq!(mistakes(&with(issuer, "")), ["issuer_missing 2:1"]);
    assert_eq!(
        mistakes(&with(issuer, "issuer = \"\"")),
        ["issuer_missing 3:1"]
    );
    assert_eq!(
        mistakes("issuers = []\nroutes = []\n"),
        ["issuer_missing 1:1", "missing 2:1"]
    );
    assert_eq!(mistakes(""), ["issuer_missing 1:1", "missing 1:1"]);

    let leeway = |text: &str| with(AUDIENCES, &format!("{AUDIENCES}\nleeway = \"{text}\""));
    assert_eq!(mistakes(&leeway("5m 1s")), ["leeway 5:1"]);
    assert_eq!(mistakes(&leeway("300s")), [""; 0]);

    for url in ["http://id.example.com", "ftp://id.example.com"] {
        let text = with("https://id.example.com", url);
        assert_eq!(mistakes(&text), ["url_scheme 3:10"], "{url}");
    }
    let said = with("https://id.example.com", "http://id.example.com").replace(
        AUDIENCES,
        &format!("{AUDIENCES}\ninsecure_plain_http = true"),
    );
    for text in [
        said,
        with("https://id.example.com", "http://127.0.0.1:3000"),
    ] {
        assert_eq!(mistakes(&text), [""; 0]);
    }
    let keys = with(
        AUDIENCES,
        &format!("{AUDIENCES}\njwks_uri = \"http://id.example.com/keys\""),
    );
    assert_eq!(mistakes(&keys), ["url_scheme 5:12"]);
}

#[test]
fn t_cfg_03_a_public_key_is_never_a_secret() {
    let hmac = with(AUDIENCES, &format!("{AUDIENCES}\nalgorithms = [\"HS256\"]"));
    assert_eq!(mistakes(&hmac), ["missing 5:1"]);
    let both = with(
        AUDIENCES,
        &format!("{AUDIENCES}\nalgorithms = [\"HS256\", \"RS256\"]\nsecret = \"env:STRONG\""),
    );
    assert!(!mistakes(&both).is_empty());
}

#[test]
fn t_cfg_06_names_are_there_once() {
    let twice = format!("{GOOD}{}", GOOD.replace("\"all\"", "\"other\""));
    assert_eq!(mistakes(&twice), ["duplicate 11:10"]);
    let also = with(
        AUDIENCES,
        &format!("{AUDIENCES}\nalso = [\"https://id.example.com\"]"),
    );
    assert_eq!(mistakes(&also), ["duplicate 5:9"]);
    let route = with_more("[[routes]]\nname = \"all\"\npath = \"/x\"\n");
    assert_eq!(mistakes(&route), ["duplicate 10:8"]);
    let key = with(AUDIENCES, &format!("{AUDIENCES}\n{AUDIENCES}"));
    assert_eq!(mistakes(&key), ["duplicate 5:1"]);
    let table = with_more("[requirements.x]\nverified = true\n[requirements.x]\nverified = true\n");
    let found = mistakes(&table);
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|mistake| mistake.starts_with("duplicate ")),
        "{found:?}"
    );
}

#[test]
fn t_cfg_07_what_is_not_there_is_not_empty() {
    for line in [
        "jwks_file = \"no.json\"",
        "algorithms = [\"HS256\"]\nsecret = \"file:no.key\"",
        "algorithms = [\"HS256\"]\nsecret = \"env:NOT_SET\"",
    ] {
        let text = with(AUDIENCES, &format!("{AUDIENCES}\n{line}"));
        let found = mistakes(&text);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("file_missing "), "{line}: {found:?}");
    }
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("empty.json"), "").expect("a file");
    let text = with(
        AUDIENCES,
        &format!("{AUDIENCES}\njwks_file = \"empty.json\""),
    );
    let refused = Config::parse_in(&text, &surroundings(folder.path()));
    let refused = refused.expect_err("an empty file");
    assert_eq!(refused.iter().next().expect("one").code, Code::FileMissing);
}

#[test]
fn t_cfg_08_secrets_are_never_shown() {
    let secret = "correct-horse-battery-staple-0123456789";
    for (line, codes) in [
        // The secret itself where its place is asked for.
        (
            format!("algorithms = [\"HS256\"]\nsecret = \"{secret}\""),
            ["value"].as_slice(),
        ),
        // A misspelt key, twice on a line.
        (format!("secert = \"{secret}\""), &["unknown_key"]),
        (
            format!("x = {{ secret = \"{secret}\", y = 1 }}"),
            &["unknown_key"],
        ),
        (
            format!("algorithms = [\"HS256\"]\nsecret = [\"{secret}\"]"),
            &["type"],
        ),
        (format!("secret = \"{secret}"), &["syntax"]),
    ] {
        let text = with(AUDIENCES, &format!("{AUDIENCES}\n{line}"));
        let refused = parse(&text).expect_err(&line);
        let found: Vec<_> = refused
            .iter()
            .map(|mistake| mistake.code.as_str())
            .collect();
        assert_eq!(found, codes, "{line}");
        for shown in [
            refused.render("b.toml"),
            format!("{refused:?}"),
            refused.to_string(),
        ] {
            assert!(!shown.contains("correct-horse"), "{line}: {shown}");
        }
    }
    let strong = format!("{AUDIENCES}\nalgorithms = [\"HS256\"]\nsecret = \"env:STRONG\"");
    let config = parse(&with(AUDIENCES, &strong)).expect("a good configuration");
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
    assert!(!format!("{config:?}").contains("48, 49, 50"));
    let weak = strong.replace("STRONG", "WEAK");
    assert_eq!(mistakes(&with(AUDIENCES, &weak)), ["secret_weak 6:1"]);
}

#[test]
fn a_cfg_01_comments_files_and_environment_references() {
    let folder = TempDir::new().expect("a folder");
    let keys = keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]);
    std::fs::write(folder.path().join("jwks.json"), keys.to_string()).expect("a file");
    std::fs::write(folder.path().join("key"), [7; 32]).expect("a file");
    for line in [
        "# a comment\njwks_file = \"jwks.json\" # another",
        "algorithms = [\"HS256\"]\nsecret = \"env:STRONG\"",
        "algorithms = [\"HS256\"]\nsecret = \"file:key\"",
    ] {
        let text = with(AUDIENCES, &format!("{AUDIENCES}\n{line}"));
        Config::parse_in(&text, &surroundings(folder.path())).expect(line);
    }
}

#[test]
fn rule_patterns_that_no_request_could_match_are_mistakes() {
    for (line, place) in [
        ("path = \"/a/../b\"", "rule_pattern 8:8"),
        ("path = \"a\"", "rule_pattern 8:8"),
        ("path = \"/a?x\"", "rule_pattern 8:8"),
        ("path = \"/a*\"", "rule_pattern 8:8"),
        ("path_prefix = \"/a/*\"", "rule_pattern 8:15"),
        ("path_glob = \"/a/**/b\"", "rule_pattern 8:13"),
        ("path = []", "rule_pattern 8:1"),
        ("", "rule_pattern 6:1"),
    ] {
        assert_eq!(
            mistakes(&with("path_prefix = \"/\"", line)),
            [place],
            "{line}"
        );
    }
    for (line, place) in [
        ("methods = [\"get\"]", "value 9:12"),
        ("hosts = [\"a.example:80\"]", "value 9:10"),
        ("hosts = \"*.example\"", "value 9:9"),
        ("require = \"nobody\"", "value 9:11"),
        ("require = []", "value 9:1"),
    ] {
        assert_eq!(
            mistakes(&with_more(&format!("{line}\n"))),
            [place],
            "{line}"
        );
    }
}

#[test]
fn t_dos_07_a_regular_expression_is_a_mistake() {
    for pattern in ["^/(a+)+$", "(a|a)*", "~ ^/a", "/a/(b+)*", "/a/[0-9]*"] {
        let text = with("path_prefix = \"/\"", &format!("path_glob = '{pattern}'"));
        let place = "rule_pattern 8:13";
        assert_eq!(mistakes(&text), [place], "{pattern}");
    }
}

#[test]
fn t_fwd_10_no_route_depends_on_a_user_agent() {
    for key in ["user_agent", "headers", "skip", "exempt"] {
        let text = with_more(&format!("{key} = \"kube-probe\"\n"));
        assert_eq!(mistakes(&text), ["unknown_key 9:1"], "{key}");
    }
}

/// How many groups, and how many requirements each.
fn groups(requirements: &str, require: &str) -> Vec<usize> {
    let text = with_more(&format!("require = {require}\n{requirements}"));
    let config = parse(&text).expect(requirements);
    let route = config.routes.iter().next().expect("a route");
    route.require.iter().map(Vec::len).collect()
}

#[test]
fn requirements_are_composed_by_name() {
    let named = "\
        [requirements.a]\nscopes = [\"a\"]\n\
        [requirements.b]\nverified = true\n\
        [requirements.c]\nroles = [\"c\"]\n\
        [requirements.any]\nany = [\"a\", \"b\"]\n\
        [requirements.all]\nall = [\"a\", \"b\"]\n\
        [requirements.own]\nmax_age = \"5m\"\nall = [\"c\"]\nany = [\"a\", \"b\"]\n\
        [requirements.deep]\nany = [\"own\", \"c\"]\n";
    assert_eq!(groups(named, "\"a\""), [1]);
    assert_eq!(groups(named, "[\"a\", \"b\"]"), [2]);
    assert_eq!(groups(named, "\"any\""), [1, 1]);
    assert_eq!(groups(named, "\"all\""), [2]);
    assert_eq!(groups(named, "\"own\""), [3, 3]);
    assert_eq!(groups(named, "\"deep\""), [3, 3, 1]);
    // a, a and b, b and a, b: what is asked twice is asked once.
    assert_eq!(groups(named, "[\"any\", \"any\"]"), [1, 2, 2, 1]);
}

#[test]
fn requirements_that_nobody_meant_are_mistakes() {
    for (table, codes) in [
        ("", ["missing"].as_slice()),
        ("scopes = []", &["value"]),
        ("any = []", &["value"]),
        ("scopes = [\"a b\"]", &["value"]),
        ("scopes = \"a\"", &["type"]),
        ("any_scopes = [\"a\"]", &["type"]),
        ("claims = { a = 1.5 }", &["type", "value"]),
        ("claims = { a = { b = 1 } }", &["type", "value"]),
        ("claims = { a = [1979-05-27] }", &["type", "value"]),
        ("claims = { a = 9223372036854775808 }", &["value", "value"]),
        (
            "claim_rules = [{ claim = \"a\", values = [1.5] }]",
            &["type"],
        ),
        ("all = [\"y\"]", &["value"]),
        ("all = [\"x\"]", &["value"]),
        (
            "verified = true\ncannot_reauthenticate = \"allow\"",
            &["missing"],
        ),
    ] {
        let text = with_more(&format!("[requirements.x]\n{table}\n"));
        let found = parse(&text).expect_err(table);
        let found: Vec<_> = found.iter().map(|mistake| mistake.code.as_str()).collect();
        let mut found_sorted = found.clone();
        found_sorted.sort_unstable();
        assert_eq!(found_sorted, codes, "{table}");
    }
}

#[test]
fn t_dos_05_requirements_are_not_multiplied_without_end() {
    // All of so many, each of which is one of two.
    let text = |count: usize| {
        let names: Vec<_> = (0..count).map(|name| format!("p{name}")).collect();
        let either = |name: &String| format!("[requirements.{name}]\nany = ['a', 'b']\n");
        let tables: String = names.iter().map(either).collect();
        with_more(&format!(
            "[requirements.a]\nscopes = ['a']\n[requirements.b]\nscopes = ['b']\n{tables}\
             [requirements.x]\nall = ['{}']\n",
            names.join("', '")
        ))
    };
    assert!(parse(&text(6)).is_ok());
    let found = parse(&text(7)).unwrap_err();
    let found: Vec<_> = found
        .iter()
        .map(|mistake| mistake.message.as_str())
        .collect();
    assert_eq!(found, ["combined, these are more than 64 alternatives"]);
}

/// Each names the next one twice: as many ways as 2 to the power of their number.
#[test]
fn t_dos_05_requirements_are_expanded_once() {
    let of = |name: usize| format!("[requirements.p{name}]\nall = ['p{0}', 'p{0}']\n", name + 1);
    let tables: String = (0..31).map(of).collect();
    let text = with_more(&format!("{tables}[requirements.p31]\nscopes = ['a']\n"));
    let config = parse(&text).expect("a good configuration");
    assert_eq!(config.routes.iter().count(), 1);
    // In a circle, too.
    let text = with_more(&format!("{tables}[requirements.p31]\nany = ['p0', 'p0']\n"));
    let found = parse(&text).unwrap_err();
    let codes: Vec<_> = found.iter().map(|mistake| mistake.code).collect();
    assert_eq!(codes, [Code::Value; 32]);
}

/// A terminal would obey them.
#[test]
fn what_is_rendered_has_no_control_characters() {
    for escape in [r"\t", r"\u001b[2J", r"\u009b2J", r"\n"] {
        let text = with_more(&format!(
            "require = \"x{escape}\"\nupstream = \"y{escape}\"\n"
        ));
        let rendered = parse(&text).unwrap_err().render("bearward.toml");
        let is_obeyed = |char: char| char.is_control() && char != '\n';
        assert!(!rendered.contains(is_obeyed), "{rendered:?}");
        assert!(rendered.contains("2 mistakes"), "{rendered}");
    }
}

/// Of two names that are equally near, always the same one.
#[test]
fn the_same_mistakes_are_told_each_time() {
    let text = with_more(
        "require = \"x\"\n[requirements.y]\nverified = true\n[requirements.z]\nverified = true\n",
    );
    let first = parse(&text).unwrap_err();
    for _ in 0..20 {
        assert_eq!(parse(&text).unwrap_err(), first);
    }
}

#[test]
fn t_dos_05_requirements_that_double_at_each_name_are_refused() {
    // Twice the one before, sixty times: nobody could wait for the end, nor hold it.
    let doubled = |count: usize| {
        let tables: String = (1..count)
            .map(|each| {
                let before = each - 1;
                format!("[requirements.r{each}]\nall = ['r{before}', 'r{before}']\n")
            })
            .collect();
        with_more(&format!("[requirements.r0]\nscopes = ['a']\n{tables}"))
    };
    // What two ways lead to is asked once; of alternatives there are 2⁶.
    assert!(parse(&doubled(30)).is_ok());
    assert!(parse(&doubled(7).replace("all =", "any =")).is_ok());
    let found = |text: String| {
        let found = parse(&text).unwrap_err();
        found.iter().next().expect("a mistake").message.clone()
    };
    for count in [8, 30] {
        assert_eq!(
            found(doubled(count).replace("all =", "any =")),
            "combined, these are more than 64 alternatives"
        );
    }
    let side_by_side = |count: usize| {
        let names: Vec<String> = (0..count).map(|each| format!("r{each}")).collect();
        let table = |name: &String| format!("[requirements.{name}]\nscopes = ['{name}']\n");
        let tables: String = names.iter().map(table).collect();
        let names = names.join("', '");
        with_more(&format!("{tables}[requirements.x]\nall = ['{names}']\n"))
    };
    assert!(parse(&side_by_side(64)).is_ok());
    assert_eq!(
        found(side_by_side(65)),
        "combined, these are more than 64 requirements"
    );
}

#[test]
fn t_dos_05_names_lead_to_names_only_so_far() {
    // Both ways round: from the first name in the order of the alphabet, and from the last.
    let chain = |count: usize, name: fn(usize) -> usize| {
        let last = name(count - 1);
        let tables: String = (0..count - 1)
            .map(|each| {
                let (this, next) = (name(each), name(each + 1));
                format!("[requirements.r{this:05}]\nall = ['r{next:05}']\n")
            })
            .collect();
        with_more(&format!(
            "{tables}[requirements.r{last:05}]\nscopes = ['a']\n"
        ))
    };
    for name in [|each| each, |each| 20_000 - each] {
        assert!(parse(&chain(32, name)).is_ok());
        for count in [33, 15_000] {
            let found = parse(&chain(count, name)).unwrap_err();
            let message = "the chain of references is longer than 32 names";
            assert!(found.iter().all(|mistake| mistake.message == message));
        }
    }
}

#[test]
fn t_dos_05_a_configuration_has_a_largest_size() {
    const MOST: usize = 4 * 1024 * 1024;
    let of = |length: usize| {
        let comment = "#".repeat(length - GOOD.len());
        with_more(&comment)
    };
    assert!(parse(&of(MOST)).is_ok());
    assert_eq!(mistakes(&of(MOST + 1)), ["too_large 1:1"]);
    let rendered = parse(&of(MOST + 1)).unwrap_err().render("b.toml");
    assert!(
        rendered.contains("is longer than the maximum of 4194304 bytes"),
        "{rendered}"
    );

    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.toml");
    let read = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("a file");
        config::read_text(&file)
    };
    let whole = of(MOST);
    assert_eq!(read(whole.as_bytes()).expect("a text"), whole);
    // Read to where it is too long, which is within a character, and no further.
    let text = read("# ✓".repeat(3 * MOST).as_bytes()).expect("a text");
    assert!(text.len() > MOST && text.len() < MOST + 8);
    assert_eq!(mistakes(&text), ["too_large 1:1"]);
    let error = read(b"# \xff").expect_err("not a text");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

#[test]
fn t_dos_05_mistakes_without_number_are_told_as_a_hundred_and_a_number() {
    let started = std::time::Instant::now();
    let text = |count: usize| {
        let routes: String = (0..count)
            .map(|each| format!("[[routes]]\nname='r{each}'\npath='/'\nrequire='x{each}'\n"))
            .collect();
        let tables: String = (0..count)
            .map(|each| format!("[requirements.y{each}]\nverified=true\n"))
            .collect();
        with_more(&format!("{routes}{tables}"))
    };
    for (count, told, left_out) in [(100, 100, 0), (101, 100, 1), (10_000, 100, 9_900)] {
        let mistakes = parse(&text(count)).expect_err("mistakes");
        assert_eq!(mistakes.iter().count(), told);
        assert_eq!(mistakes.left_out(), left_out);
        let rendered = mistakes.render("b.toml");
        let more = format!("… and {left_out} more, which are not shown\n");
        assert_eq!(rendered.contains(&more), left_out > 0, "{rendered}");
        let end = format!("\n{count} mistakes in b.toml\n");
        assert!(rendered.ends_with(&end), "{rendered}");
    }
    // A name that is as long as the file is compared with no other.
    let long = "x".repeat(4 * 1024 * 1024 - 2 * GOOD.len());
    let mistakes = parse(&with_more(&format!("{long} = 1\n"))).expect_err("a mistake");
    let help = mistakes.iter().next().and_then(|told| told.help.clone());
    assert!(
        help.expect("the keys")
            .starts_with("the keys of this table are ")
    );
    let mistakes = parse(&"x = n\n".repeat(40_000)).expect_err("mistakes");
    assert_eq!(mistakes.iter().count(), 100);
    assert!(mistakes.render("b.toml").contains("more, which"));
    // Each compared with each, and looked for from the beginning, they took minutes.
    assert!(started.elapsed() < Duration::from_secs(120));
}

#[test]
fn identity_fields_upstreams_and_listeners_are_checked() {
    for (more, place) in [
        ("[identity]\npreset = \"oathkeeper\"\n", "value 10:10"),
        (
            "[[identity.fields]]\nheader = \"Host\"\nclaim = \"sub\"\n",
            "value 10:10",
        ),
        ("[[identity.fields]]\nheader = \"X-A\"\n", "missing 9:1"),
        ("[upstreams.a]\nurls = \"127.0.0.1:80\"\n", "value 10:8"),
        ("[upstreams.a]\nurls = \"http://a/path\"\n", "value 10:8"),
        (
            "[upstreams.a]\nurls = \"http://a\"\nca = \"x.pem\"\n",
            "value 11:1",
        ),
        ("upstream = \"a\"\n", "value 9:12"),
        ("[listen.proxy]\n", "missing 6:1"),
        ("[listen.admin]\naddress = \":9000\"\n", "value 10:11"),
        (
            "[listen.forward_auth]\ntrusted_proxies = \"anybody\"\n",
            "value 10:19",
        ),
        ("[protection]\nscopes = [\"a\"]\n", "missing 10:1"),
        ("[protection]\nresource = \"api\"\n", "value 10:1"),
        (
            "[telemetry]\nendpoint = \"https://user:word@collector\"\n",
            "value 10:1",
        ),
        (
            "[protection]\norigins = [\"https://app.example/\"]\n",
            "value 10:12",
        ),
        ("[protection]\nallow_credentials = true\n", "value 10:1"),
        ("[protection]\norigins = [\"*\"]\n", "value 10:12"),
    ] {
        assert_eq!(mistakes(&with_more(more)), [place], "{more}");
    }
    let all = "upstream = \"app\"\n[upstreams.app]\nurls = [\"http://127.0.0.1:3000\", \"http://[::1]:3000\"]\n\
        [identity]\npreset = \"authgear\"\n[[identity.fields]]\nheader = \"X-Mail\"\n\
        claim = [\"user\", \"mail\"]\nencoding = \"percent\"\n\
        [protection]\nrealm = \"shop\"\nresource = \"https://api.example.com\"\nscopes = [\"a\"]\norigins = [\"https://app.example\"]\n\
        [listen.proxy]\naddress = \"127.0.0.1:0\"\n\
        [listen.forward_auth]\naddress = \"unix:/run/bearward.sock\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n\
        [listen.admin]\n";
    assert_eq!(mistakes(&with_more(all)), [""; 0]);
}

#[test]
fn all_mistakes_are_told_at_once_as_a_person_reads_them() {
    let text = "\
[[issuers]]
issuer = \"http://id.example.com\"
audience = \"https://api.example.com\"
leeway = 30

[[routes]]
name = \"all\"
path = \"/a/../b\"
";
    let expected = "\
error[audience_missing]: [[issuers]] has no `audiences`
 --> bearward.toml:1:1
  |
1 | [[issuers]]
  | ^^^^^^^^^^^
  = help: add `audiences`, a string or a list of strings

error[url_scheme]: `issuer` must be https; plain http is allowed only for this machine
 --> bearward.toml:2:10
  |
2 | issuer = \"http://id.example.com\"
  |          ^^^^^^^^^^^^^^^^^^^^^^^
  = help: over plain http, anyone on the network path can replace the keys; `insecure_plain_http = true` accepts this risk

error[unknown_key]: `audience` is not a key of [[issuers]]
 --> bearward.toml:3:1
  |
3 | audience
  | ^^^^^^^^
  = help: did you mean `audiences`?

error[type]: `leeway` must be a duration such as \"30s\", \"5m\" or \"1h 30m\", not an integer
 --> bearward.toml:4:10
  |
4 | leeway = 30
  |          ^^
  = help: write \"30s\" for seconds

error[rule_pattern]: `path`: \"/a/../b\" is not a valid path: it must start with `/` and have no query, no escapes, and no empty or dot segments; in a glob, `**` must be the last segment
 --> bearward.toml:8:8
  |
8 | path = \"/a/../b\"
  |        ^^^^^^^^^

5 mistakes in bearward.toml
";
    let refused = parse(text).expect_err("mistakes");
    assert_eq!(refused.render("bearward.toml"), expected);
}

#[test]
fn t_cfg_08_a_password_in_a_url_is_not_shown() {
    for text in [
        with(
            "https://id.example.com",
            "https://user:hunter2@id.example.com",
        ),
        with("https://id.example.com", "user:hunter2@id.example.com"),
        with(
            AUDIENCES,
            &format!("{AUDIENCES}\njwks_uri = \"https://:hunter2@id/keys\""),
        ),
        with(
            AUDIENCES,
            &format!("{AUDIENCES}\ninternal_origin = \"https://u:hunter2@id\""),
        ),
        with_more("[telemetry]\nendpoint = \"https://u:hunter2@collector\"\n"),
        with_more("[upstreams.a]\nurls = [\"http://u:hunter2@app\"]\n"),
    ] {
        let refused = parse(&text).expect_err("a mistake");
        assert_eq!(refused.iter().count(), 1, "{refused}");
        let shown = format!("{refused} {refused:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// If it parses.
fn assert_can_be_built(text: &str) {
    if let Ok(config) = parse(text) {
        let built = config.resource_server();
        assert!(built.is_ok(), "{text}: {built:?}");
    }
}

#[tokio::test]
async fn t_cfg_03_whatever_parses_can_be_built() {
    for url in [
        "https://id.example.com",
        "http://localhost:9",
        "http://id.localhost:9",
        "http://id.localhost.:9",
        "http://id.localhost.example.com",
        "http://127.0.0.1:9/realms/a",
        "http://10.0.0.1",
        "https://user@id.example.com",
        "https://id.example.com/?a=b",
        "https://id.example.com/#a",
        "https://",
        "id.example.com",
        "ftp://id.example.com",
        "data:application/json,{}",
    ] {
        for more in [
            "",
            "insecure_plain_http = true",
            "internal_origin = 'https://10.0.0.7'",
            "internal_origin = 'http://keys.localhost'",
            "jwks_uri = 'http://keys.localhost/k'",
            "jwks_uri = 'ftp://keys.localhost/k'",
        ] {
            let text = GOOD.replace("https://id.example.com", url);
            let text = text.replace(AUDIENCES, &format!("{AUDIENCES}\n{more}"));
            assert_can_be_built(&text);
        }
    }
    for resource in [
        "https://api.example/a\"b",
        "https://api.example/a b",
        "https://api.example/\u{e9}",
    ] {
        let text = with_more(&format!("[protection]\nresource = '{resource}'\n"));
        assert_can_be_built(&text);
    }
    let localhost = GOOD.replace("https://id.example.com", "http://id.localhost:9");
    assert!(parse(&localhost).is_ok());
}

/// Uses every table, and can be spoilt in each value alone.
const WHOLE: &str = r#"
[[issuers]]
issuer = "https://id.example.com"
also = ["https://id.example.org"]
audiences = ["https://api.example.com"]
profile = "keycloak"
algorithms = ["RS256"]
client_ids = ["shop"]
required_claims = ["sid"]
leeway = "20s"
max_lifetime = "1h"
internal_origin = "https://id.internal"
stale_if_error = "2h"
snapshot = "keys.json"

[[issuers]]
issuer = "https://second.example.com"
audiences = ["https://api.example.com"]
jwks_uri = "https://second.example.com/keys"

[[issuers]]
issuer = "https://third.example.com"
audiences = ["https://api.example.com"]
algorithms = ["HS256"]
secret = "env:STRONG"

[protection]
realm = "shop"
resource = "https://api.example.com"
scopes = ["read"]
id_token_header = "X-Id-Token"
origins = ["https://app.example.com"]
allow_credentials = true
router = "express"

[[protection.sources]]
field = "X-Goog-IAP-JWT-Assertion"

[[protection.sources]]
cookie = "__Host-token"

[token_cache]
max_entries = 10
max_bytes = 100000

[requirements.staff]
scopes = ["read"]
any_scopes = [["read"], ["write"]]
roles = ["staff"]
client_ids = ["shop"]
kind = "user"
verified = true
not_anonymous = true
acr = ["high"]
amr = ["otp"]
max_age = "1h"
cannot_reauthenticate = "allow"

[requirements.both]
all = ["staff"]
any = ["staff"]

[identity]
preset = "authgear"
forward_token = true
drop_underscores = false
remove_fields = ["X-Tenant"]
keep_fields = ["X-HTTP-Method"]

[[identity.fields]]
header = "X-Mail"
claim = ["user", "mail"]
encoding = "percent"

[[routes]]
name = "admin"
path = ["/admin"]
path_prefix = ["/admins"]
path_glob = ["/*/admin"]
hosts = ["api.example.com"]
methods = ["GET"]
access = "required"
require = ["both"]
upstream = "app"
router = "strict"
preflight = "passes"
paths = "exact"
allow_encoded_slash = false
allow_semicolon = false
shadow = false

[[routes.sources]]
websocket_protocol = "bearer"

[[routes.sources]]
websocket_prefix = "base64url.bearer.authorization.k8s.io."
encoding = "base64url"

[[routes.sources]]
query = "access_token"

[upstreams.app]
urls = ["http://127.0.0.1:3000"]
host = "app.internal"
protocol = "http1"
router = "rails"
connect_timeout = "1s"
response_timeout = "1s"
idle_timeout = "1s"
cooldown = "1s"
max_requests = 10
max_streams = 10

[listen.proxy]
address = "127.0.0.1:0"
trusted_proxies = ["10.0.0.0/8"]
expiry_leeway = "1m"
end_expired_streams = true
client_idle = "10s"
max_requests = 10
max_streams = 10
method_overrides = ["X-HTTP-Method-Override"]

[listen.forward_auth]
address = "127.0.0.1:0"
trusted_proxies = ["10.0.0.0/8"]

[listen.ext_authz]
address = "127.0.0.1:0"
trusted_proxies = ["10.0.0.0/8"]

[listen.admin]
address = "127.0.0.1:0"
hosts = ["metrics.internal"]

[log]
identity = "keyed-hash"
identity_key = "env:STRONG"
admitted_one_in = 100

[audit]
to = "stdout"

[telemetry]
endpoint = "http://127.0.0.1:4318"
service_name = "gate"
trust_traceparent = true
"#;

/// Where each value of [`WHOLE`] stands, with the ways to spoil it that the kind of value has.
fn values_of_whole() -> Vec<(Range<usize>, Vec<String>)> {
    let assignments = WHOLE.lines().scan(0, |start, line| {
        let at = *start;
        *start += line.len() + 1;
        Some((at, line))
    });
    let assignments = assignments.filter_map(|(at, line)| {
        let (key, value) = line.split_once(" = ")?;
        let span = at + line.len() - value.len()..at + line.len();
        let mut wrong = vec!["1979-05-27".to_owned()];
        let words = ["profile", "kind", "access", "preset", "protocol", "router"];
        let lengths = ["leeway", "max_age", "cooldown", "client_idle"];
        let addresses = ["jwks_uri", "internal_origin", "endpoint", "address", "host"];
        if words.contains(&key) || lengths.contains(&key) || addresses.contains(&key) {
            wrong.push("\"no such thing\"".to_owned());
        }
        if ["algorithms", "urls", "trusted_proxies", "hosts", "methods"].contains(&key) {
            wrong.push("[\"no such thing\"]".to_owned());
        }
        if ["roles", "acr", "amr", "audiences", "require", "path"].contains(&key) {
            wrong.push("[]".to_owned());
        }
        if key.starts_with("max_") && !value.contains('"') {
            wrong.push("-1".to_owned());
        }
        Some((span, wrong))
    });
    assignments.collect()
}

#[test]
fn whatever_is_wrong_with_one_value_is_one_mistake() {
    assert_eq!(mistakes(WHOLE), [""; 0]);
    let mut otherwise = Vec::new();
    for (span, ways) in values_of_whole() {
        for wrong in ways {
            let mut text = WHOLE.to_owned();
            text.replace_range(span.clone(), &wrong);
            let told = mistakes(&text);
            if told.len() != 1 {
                otherwise.push(format!("{wrong} at {}: {told:?}", span.start));
            }
        }
    }
    assert_eq!(otherwise, [""; 0]);
}

#[test]
fn no_mistake_hides_another() {
    for (text, expected) in [
        (
            with(AUDIENCES, "audiences = []\nleeway = 60"),
            &["audience_missing 4:1", "type 5:10"][..],
        ),
        (
            with_more(
                "[upstreams.app]\nurls = [\"ftp://app\"]\nca = \"absent.pem\"\ncooldown = 5\nhost = \"a b\"\n\
                 max_requests = 0\n",
            ),
            &[
                "value 10:9",
                "file_missing 11:1",
                "type 12:12",
                "value 13:1",
                "value 14:1",
            ],
        ),
        (
            // Of a URL that cannot be read nothing follows, and it is not shown.
            with_more("[upstreams.app]\nurls = [\"https://u:p@app\"]\ntls_name = \"app\"\n"),
            &["value 10:1"],
        ),
        (
            with_more(
                "[listen.proxy]\naddress = \"nowhere\"\nmax_streams = 0\n[listen.proxy.tls]\n\
                 certificate = \"absent.pem\"\n[listen.admin]\naddress = \":9\"\n",
            ),
            // The route has no upstream.
            &[
                "missing 6:1",
                "value 10:11",
                "value 11:1",
                "missing 12:1",
                "file_missing 13:1",
                "value 15:11",
            ],
        ),
    ] {
        assert_eq!(mistakes(&text), expected, "{text}");
    }
}

#[test]
fn no_mistake_of_keys_or_identity_fields_hides_another() {
    for (text, expected) in [
        (
            with(
                AUDIENCES,
                "jwks_file = \"absent.json\"\nsecret = \"hunter2\"\nprofile = 5",
            ),
            &[
                "audience_missing 2:1",
                "file_missing 4:1",
                "value 5:1",
                "value 5:1",
                "type 6:11",
            ][..],
        ),
        (
            with_more(
                "[identity]\nkeep_fields = [\"X-Scheme\", \"X-A_B\"]\nremove_fields = [\"X-Scheme\"]\n\
                 [[identity.fields]]\nheader = \"X-A-B\"\nclaim = \"a\"\n\
                 [[identity.fields]]\nheader = \"x-a-b\"\nclaim = \"b\"\n\
                 [[identity.fields]]\nheader = \"X-Bearward-Kind\"\nclaim = \"c\"\n",
            ),
            &[
                "value 10:16",
                "value 10:28",
                "duplicate 16:10",
                "duplicate 19:10",
            ],
        ),
    ] {
        assert_eq!(mistakes(&text), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn as_many_mistakes_are_told_as_values_are_spoilt(
        spoilt in prop::sample::subsequence(values_of_whole(), 0..=60),
        way in any::<prop::sample::Index>(),
    ) {
        let mut text = WHOLE.to_owned();
        for (span, ways) in spoilt.iter().rev() {
            text.replace_range(span.clone(), &ways[way.index(ways.len())]);
        }
        prop_assert_eq!(mistakes(&text).len(), spoilt.len(), "{}", text);
    }
}

/// Every key of every table, as `table key`.
fn keys_of(schema: &Value, path: &str, found: &mut Vec<String>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    assert_eq!(schema["additionalProperties"], Value::Bool(false), "{path}");
    for (key, inner) in properties {
        found.push(format!("{path}{key}"));
        assert!(inner["description"].is_string(), "{path}{key}");
        let places = [
            Some(inner),
            inner.get("items"),
            inner.get("additionalProperties"),
        ];
        for place in places.into_iter().flatten() {
            keys_of(place, &format!("{path}{key}."), found);
        }
    }
}

#[test]
fn t_fwd_12_fields_are_removed_and_kept_as_it_is_said() {
    let stripped = |more: &str| {
        let config = parse(&format!("{GOOD}{more}")).expect("a configuration");
        let is_stripped = |name: &str| config.identity.is_stripped(&name.parse().expect("a name"));
        let names = [
            "x_any",
            "x-tenant",
            "x-script-name",
            "x-http-method",
            "x-forwarded-prefix",
        ];
        names.map(is_stripped)
    };
    assert_eq!(stripped(""), [true, false, true, true, true]);
    assert_eq!(
        stripped("[identity]\ndrop_underscores = false\n"),
        [false, false, true, true, true]
    );
    let both =
        "[identity]\nremove_fields = ['X-Tenant']\nkeep_fields = ['x-forwarded-prefix', 'X_Any']\n";
    assert_eq!(stripped(both), [false, true, true, true, false]);
    let proxy = "upstream = 'app'\n[upstreams.app]\nurls = 'http://127.0.0.1:3000'\n\
        [listen.proxy]\nmethod_overrides = ['X-HTTP-Method', 'X-Of-Nobody']\n";
    assert_eq!(stripped(proxy), [true, false, true, false, true]);

    for (more, expected) in [
        ("remove_fields = ['Host']", "value 10:18"),
        ("remove_fields = ['X-A', 'a b']", "value 10:25"),
        ("keep_fields = ['Accept']", "value 10:16"),
        (
            "remove_fields = ['X-Scheme']\nkeep_fields = ['X-Scheme']",
            "value 11:1",
        ),
        ("keep_fields = ['X-Bearward-Subject']", "value 10:16"),
    ] {
        let found = mistakes(&with_more(&format!("[identity]\n{more}\n")));
        assert_eq!(found.len(), 1, "{more}: {found:?}");
        let place = |text: &str| text.split(':').next().map(str::to_owned);
        assert_eq!(place(&found[0]), place(expected), "{more}: {found:?}");
    }
}

#[test]
fn the_manual_has_every_key_of_the_schema_and_no_other() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let marker = "<!-- bearward schema --format markdown -->\n";
    let page = std::fs::read_to_string(&manual).expect("docs/configuration.md");
    let (above, written) = page
        .split_once(marker)
        .expect("the marker of what is generated");
    let reference = config::reference();
    if std::env::var_os("BEARWARD_BLESS").is_some() {
        let page = format!("{above}{marker}{reference}");
        std::fs::write(manual, page).expect("writing docs/configuration.md");
        return;
    }
    assert_eq!(written.trim(), reference.trim());

    let mut keys = Vec::new();
    keys_of(&config::schema(), "", &mut keys);
    let rows = written.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), keys.len(), "{keys:#?}");
}

#[test]
fn the_examples_of_the_manual_are_read() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let manual = std::fs::read_to_string(manual).expect("docs/configuration.md");
    let mut examples = manual.split("```toml\n").skip(1).peekable();
    assert!(examples.peek().is_some());
    for example in examples {
        let (example, _) = example.split_once("```").expect("its end");
        match parse(example) {
            Ok(config) => assert!(config.warnings.is_empty(), "{}", config.warnings),
            Err(mistakes) => panic!("{}", mistakes.render("docs/configuration.md")),
        }
    }
}

/// The warnings as `code line:column`.
fn warnings(text: &str) -> Vec<String> {
    let config = parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let warnings = &config.warnings;
    let place = |warning: &config::Mistake| {
        let (line, column) = warnings.place(warning);
        format!("{} {line}:{column}", warning.code.as_str())
    };
    warnings.iter().map(place).collect()
}

/// Routes between the issuer and the requirements that they name.
fn routes(routes: &[&str]) -> String {
    let issuer = "[[issuers]]\nissuer = \"https://id.example.com\"\naudiences = \"a\"\n\
        [requirements.staff]\nroles = [\"staff\"]\n[requirements.boss]\nroles = [\"boss\"]\n";
    let tables = routes.iter().enumerate();
    let tables: Vec<_> = tables
        .map(|(at, route)| format!("[[routes]]\nname = \"r{at}\"\n{route}\n"))
        .collect();
    issuer.to_owned() + &tables.concat()
}

#[test]
fn t_fwd_13_a_strict_route_before_a_laxer_one_is_warned_of() {
    let admin = "path_prefix = \"/admin\"\nrequire = \"staff\"";
    let all = "path_prefix = \"/\"";
    for laxer in [
        all,
        "path_prefix = \"/\"\naccess = \"optional\"",
        "path_prefix = \"/\"\naccess = \"public\"",
        "path_prefix = \"/\"\nrequire = \"boss\"",
        "path_glob = \"/**\"",
        "path_glob = [\"/x\", \"/a*/**\"]",
        "path_prefix = \"/\"\nrequire = \"staff\"\nshadow = true",
        "path_prefix = \"/\"\nmethods = \"GET\"",
        "path_prefix = \"/\"\nhosts = \"a.example\"",
    ] {
        let text = routes(&[admin, laxer]);
        assert_eq!(warnings(&text), ["router 9:1"], "{laxer}");
        for silent in ["strict", "express"] {
            let said = format!("{text}[protection]\nrouter = \"{silent}\"\n");
            assert!(warnings(&said).is_empty(), "{laxer}");
            let own = format!("{admin}\nrouter = \"{silent}\"");
            assert!(warnings(&routes(&[&own, laxer])).is_empty(), "{laxer}");
        }
    }
    // Nor does it matter that no path is in both.
    for (strict, laxer) in [
        ("path_prefix = \"/admin\"", "path_glob = \"/*.json\""),
        ("path = \"/admin\"", "path = \"/admin/\""),
        ("path_prefix = \"/admin\"", "path_prefix = \"/Admin\""),
        ("path = \"/a/b\"", "path_glob = \"/a/B*\""),
        ("path = \"/admin\"", "path = \"/admin.json\""),
    ] {
        let text = routes(&[&format!("{strict}\nrequire = \"staff\""), laxer]);
        assert_eq!(warnings(&text), ["router 9:1"], "{strict} {laxer}");
        let said = format!("{text}[protection]\nrouter = \"strict\"\n");
        assert!(warnings(&said).is_empty(), "{strict} {laxer}");
    }
    // The laxer one first decides alone.
    let assets = "path_glob = [\"/*.css\", \"/*/*.css\"]\naccess = \"public\"";
    for (router, is_warned) in [("servlet", true), ("rails", true), ("strict", false)] {
        let text = format!(
            "{}[protection]\nrouter = \"{router}\"\n",
            routes(&[assets, admin])
        );
        let expected = if is_warned {
            vec!["router 13:1"]
        } else {
            Vec::new()
        };
        assert_eq!(warnings(&text), expected, "{router}");
    }
    // One for each that asks for more.
    let exact = "path = \"/exact\"\nrequire = \"boss\"";
    let both = routes(&[admin, exact, "path = \"/x\"", all]);
    assert_eq!(warnings(&both), ["router 9:1", "router 13:1"]);
    let public = "path_glob = \"/v*/admin\"";
    let open = "path_prefix = \"/\"\naccess = \"public\"";
    assert_eq!(warnings(&routes(&[public, open])), ["router 9:1"]);
}

#[test]
fn t_fwd_13_a_route_that_is_never_used_is_warned_of() {
    let admin = "path_prefix = \"/admin\"\nrequire = \"staff\"";
    for (earlier, is_warned) in [
        ("path_prefix = \"/\"", true),
        ("path_prefix = \"/\"\naccess = \"public\"", true),
        ("path_prefix = [\"/x\", \"/admin\"]", true),
        ("path_glob = \"/*/**\"", true),
        // Something is left.
        ("path = \"/admin\"", false),
        ("path_prefix = \"/admins\"", false),
        ("path_prefix = \"/\"\nmethods = \"GET\"", false),
        ("path_prefix = \"/\"\nhosts = \"a.example\"", false),
    ] {
        let said = "[protection]\nrouter = \"strict\"\n";
        let text = format!("{}{said}", routes(&[earlier, admin]));
        let line = 9 + earlier.lines().count() + 2;
        let expected = if is_warned {
            vec![format!("rule_pattern {line}:1")]
        } else {
            Vec::new()
        };
        assert_eq!(warnings(&text), expected, "{text}");
    }
    let twice = routes(&[
        "path = \"/a\"",
        "path = [\"/a\", \"/a\"]",
        "path = [\"/a\", \"/b\"]",
    ]);
    assert_eq!(warnings(&twice), ["rule_pattern 12:1"]);
}

#[test]
fn signals_and_their_interval_are_checked() {
    let text = |lines: &str| {
        format!(
            "[[issuers]]\nissuer = 'https://a.example'\naudiences = ['https://api.example']\n\
             [[routes]]\nname = 'r'\npath_prefix = '/'\n[telemetry]\n{lines}\n"
        )
    };
    for (lines, part) in [
        ("signals = []", "`signals` is empty"),
        (
            "signals = ['logs']",
            "`signals` takes \"traces\" and \"metrics\", not \"logs\"",
        ),
        (
            "metrics_interval = '999ms'",
            "`metrics_interval` must be at least 1s",
        ),
        (
            "signals = ['traces']\nmetrics_interval = '5s'",
            "`metrics_interval` has no effect: `signals` does not have \"metrics\"",
        ),
        (
            "signals = ['metrics']\ntrust_traceparent = true",
            "`trust_traceparent` has no effect: `signals` does not have \"traces\"",
        ),
    ] {
        let found = parse(&text(lines)).unwrap_err();
        let messages: Vec<_> = found.iter().map(|mistake| &*mistake.message).collect();
        assert_eq!(messages.len(), 1, "{lines}: {messages:?}");
        assert!(messages[0].contains(part), "{lines}: {messages:?}");
    }
    for lines in [
        "signals = ['metrics', 'traces']\nmetrics_interval = '1s'\ntrust_traceparent = true",
        "signals = ['metrics']\nmetrics_interval = '10m'",
        "signals = ['traces']",
        "",
    ] {
        parse(&text(lines)).unwrap();
    }
}

/// Two issuers may give the same subject to different users.
#[test]
fn subjects_of_several_issuers_need_the_issuer_or_a_rule() {
    let one = "[[issuers]]\nissuer = 'https://a.example'\naudiences = ['https://api.example']\n";
    let two = format!("{one}{}", one.replace("a.example", "b.example"));
    let tenants = one.replace("a.example'", "a.example/{t}'\ntenants = ['x', 'y']");
    let named = one.replace("audiences", "subject_claim = 'employee'\naudiences");
    let named = format!("{named}{}", named.replace("a.example", "b.example"));
    let field = |claim| format!("[[identity.fields]]\nheader = 'X-Own'\nclaim = '{claim}'\n");
    let none = |claim| format!("[identity]\npreset = 'none'\n{}", field(claim));
    let authgear = "[identity]\npreset = 'authgear'\n".to_owned();
    let with_issuer = format!("{authgear}{}", field("iss"));
    let [open, public] = ["", "access = 'public'\n"]
        .map(|more| format!("[[routes]]\nname = 'r'\npath_prefix = '/'\n{more}"));
    let rule = |values: &str| {
        format!(
            "[[routes]]\nname = 'r'\npath_prefix = '/'\nrequire = ['of-one', 'extra']\n\
             [requirements.of-one]\nclaims = {{ iss = {values} }}\n\
             [requirements.extra]\nscopes = ['read']\n"
        )
    };
    let is_of_one = rule("'https://a.example'");
    let is_of_two = rule("['https://a.example', 'https://b.example']");
    let either = format!(
        "{}[requirements.either]\nany = ['of-one', 'extra']\n",
        is_of_one.replace("['of-one', 'extra']", "['either']")
    );
    for (issuers, identity, routes, is_warned) in [
        (&two, &authgear, &open, true),
        (&two, &none("sub"), &open, true),
        (&named, &none("employee"), &open, true),
        (&tenants, &authgear, &open, true),
        (&two, &authgear, &is_of_two, true),
        (&two, &authgear, &either, true),
        // Good: one issuer, its name in a field, a rule, or nothing about the user.
        (&one.to_owned(), &authgear, &open, false),
        (&two, &with_issuer, &open, false),
        (&two, &String::new(), &open, false),
        (&two, &none("plan"), &open, false),
        (&two, &authgear, &is_of_one, false),
        (&two, &authgear, &public, false),
    ] {
        let text = format!("{issuers}{identity}{routes}[listen.forward_auth]\n");
        let config = parse(&text).unwrap();
        let found: Vec<_> = config.warnings.iter().collect();
        let count = usize::from(is_warned);
        assert_eq!(found.len(), count, "{}\n{text}", config.warnings);
        for warning in found {
            assert_eq!(warning.code.as_str(), "value", "{text}");
            let part = "the route \"r\" admits tokens of several issuers";
            assert!(warning.message.starts_with(part), "{}", warning.message);
        }
    }
}

#[test]
fn a_hdr_03_an_encoding_lets_names_and_subjects_of_any_script_through() {
    let issuer = "[[issuers]]\nissuer = 'https://a.example'\naudiences = ['https://api.example']\n\
                  subject_claim = 'display_name'\n";
    let identity = "[identity]\nsubject_encoding = 'percent'\n[[identity.fields]]\n\
                    header = 'X-Name'\nclaim = 'name'\nencoding = 'base64url'\n";
    let routes = "[[routes]]\nname = 'r'\npath_prefix = '/'\n[listen.forward_auth]\n";
    assert_eq!(warnings(&format!("{issuer}{identity}{routes}")), NOT_WARNED);
    let plain = identity
        .replace("percent", "plain")
        .replace("base64url", "space");
    let warned = warnings(&format!("{issuer}{plain}{routes}"));
    assert_eq!(warned, ["value 4:1", "value 9:1"]);
}

/// The warnings about an issuer with this profile and these requirements, without their places.
fn warnings_of(issuer: &str, requirements: &str) -> Vec<String> {
    let text = with_more(&format!("[requirements.x]\n{requirements}\n"));
    let text = text.replacen("[[issuers]]", &format!("[[issuers]]\n{issuer}"), 1);
    let codes = warnings(&text).into_iter();
    let code = |warning: String| warning.split(' ').next().unwrap_or_default().to_owned();
    codes.map(code).collect()
}

const NOT_WARNED: [String; 0] = [];

#[test]
fn t_fwd_04_a_tolerant_route_over_a_stricter_one_is_refused() {
    let admin = "path_prefix = \"/admin\"\nrequire = \"staff\"";
    let all = "path_prefix = \"/\"\npaths = \"tolerant\"";
    let tolerant = |route: &str| format!("{route}\npaths = \"tolerant\"");
    // In either order, and also if the stricter route is tolerant itself.
    assert_eq!(mistakes(&routes(&[admin, all])), ["paths 15:1"]);
    assert_eq!(mistakes(&routes(&[all, admin])), ["paths 11:1"]);
    assert_eq!(mistakes(&routes(&[&tolerant(admin), all])), ["paths 16:1"]);
    for laxer in [
        "path_prefix = \"/\"\naccess = \"public\"",
        "path_prefix = \"/\"\nrequire = \"boss\"",
        "path_prefix = \"/x\"\npath_glob = \"/*/x\"\naccess = \"optional\"",
        "path_glob = \"/**\"",
        "path_glob = \"/adm*/**\"",
        "path_prefix = \"/\"\nrequire = \"staff\"\nshadow = true",
    ] {
        let text = routes(&[admin, &tolerant(laxer)]);
        let found = mistakes(&text);
        assert!(
            found.len() == 1 && found[0].starts_with("paths "),
            "{laxer}: {found:?}"
        );
    }
    for (strict, laxer) in [
        ("path = \"/files/secret\"", "path_prefix = \"/files\""),
        // A server may fall back to the handler of a shorter prefix.
        ("path_prefix = \"/\"", "path_prefix = \"/files\""),
        // A glob may reach below a prefix.
        ("path_glob = \"/*/secret\"", "path_prefix = \"/files\""),
        ("path_glob = \"/files/**\"", "path_prefix = \"/files\""),
    ] {
        let text = routes(&[&format!("{strict}\nrequire = \"staff\""), &tolerant(laxer)]);
        let found = mistakes(&text);
        assert!(
            found.len() == 1 && found[0].starts_with("paths "),
            "{strict}: {found:?}"
        );
    }
    for (strict, laxer) in [
        // Another prefix.
        ("path_prefix = \"/admin\"", "path_prefix = \"/files\""),
        ("path_prefix = \"/files2\"", "path_prefix = \"/files\""),
        ("path = \"/\"", "path_prefix = \"/files\""),
        // The same paths with another method, or another host.
        (
            "path_prefix = \"/files\"\nmethods = \"POST\"",
            "path_prefix = \"/files\"",
        ),
        (
            "path_prefix = \"/a\"\nmethods = \"POST\"",
            "path_prefix = \"/\"\nmethods = \"GET\"",
        ),
        (
            "path_prefix = \"/a\"\nhosts = \"a.x\"",
            "path_prefix = \"/\"\nhosts = \"b.x\"",
        ),
        // It requires as much.
        (
            "path_prefix = \"/a\"",
            "path_prefix = \"/\"\nrequire = \"staff\"",
        ),
    ] {
        let strict = format!("{strict}\nrequire = \"staff\"");
        let text = routes(&[&tolerant(laxer), &strict]);
        parse(&text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes}"));
    }
}

#[test]
fn the_keys_that_paths_replaces_open_no_more_than_they_did() {
    let one = |keys: &str| routes(&[&format!("path_prefix = \"/\"\n{keys}")]);
    let tolerance = |text: &str| {
        let config = parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        config.routes.iter().next().expect("a route").tolerance
    };
    let listed = |oddities: &[Oddity]| Tolerance::Listed(oddities.iter().copied().collect());
    let (slash, semicolon) = ("allow_encoded_slash = true\n", "allow_semicolon = true\n");
    for (keys, expected, warned) in [
        ("", Tolerance::Exact, &[][..]),
        ("paths = \"exact\"", Tolerance::Exact, &[]),
        ("paths = \"tolerant\"", Tolerance::Tolerant, &[]),
        (slash, listed(&[Oddity::EncodedSlash]), &["deprecated 11:1"]),
        (
            semicolon,
            listed(&[Oddity::Semicolon]),
            &["deprecated 11:1"],
        ),
        (
            &format!("{slash}{semicolon}"),
            listed(&[Oddity::EncodedSlash, Oddity::Semicolon]),
            &["deprecated 11:1", "deprecated 12:1"],
        ),
        (
            "allow_semicolon = false",
            Tolerance::Exact,
            &["deprecated 11:1"],
        ),
    ] {
        let text = one(keys);
        assert_eq!(tolerance(&text), expected, "{keys}");
        assert_eq!(warnings(&text), warned, "{keys}");
    }
    for keys in [slash, semicolon] {
        let both = one(&format!("paths = \"tolerant\"\n{keys}"));
        assert_eq!(mistakes(&both), ["value 12:1"], "{keys}");
    }
}

#[test]
fn t_clm_21_a_kind_that_no_token_can_have_is_warned_of() {
    for (profile, kind) in [
        ("generic", "machine"),
        ("dex", "user"),
        ("dex", "machine"),
        ("kubernetes", "user"),
        ("authentik", "machine"),
    ] {
        let found = warnings_of(
            &format!("profile = '{profile}'"),
            &format!("kind = '{kind}'"),
        );
        assert_eq!(found, ["impossible"], "{profile} {kind}");
    }
    for (profile, kind) in [
        ("generic", "user"),
        ("keycloak", "machine"),
        ("rfc9068", "machine"),
        ("kubernetes", "machine"),
        ("authentik", "user"),
    ] {
        let found = warnings_of(
            &format!("profile = '{profile}'"),
            &format!("kind = '{kind}'"),
        );
        assert_eq!(found, NOT_WARNED, "{profile} {kind}");
    }
}

#[test]
fn requirements_that_no_token_can_meet_are_warned_of() {
    for (profile, requirements) in [
        ("firebase", "client_ids = ['c']"),
        ("kubernetes", "any_scopes = [['read']]"),
        ("google", "verified = true"),
        ("rfc9068", "kind = 'machine'\nmax_age = '5m'"),
        ("kubernetes", "max_age = '5m'"),
        ("keycloak", "claims = { realm_access = 'buyer' }"),
        (
            "keycloak",
            "roles = ['buyer']\nroles_claim = 'realm_access'",
        ),
        ("ory", "claims = { ext = 'x' }"),
        ("kubernetes", "claims = { 'kubernetes.io' = 'x' }"),
    ] {
        let found = warnings_of(&format!("profile = '{profile}'"), requirements);
        assert_eq!(found, ["impossible"], "{profile} {requirements}");
    }
    // Where an issuer can be set up to write it, it is only unusual.
    for (profile, requirements) in [
        ("keycloak", "roles = ['buyer']"),
        ("okta", "verified = true"),
        ("firebase", "scopes = ['read']"),
        ("zitadel", "scopes = ['read']"),
        ("spiffe", "any_scopes = [['read']]"),
        ("rfc9068", "kind = 'machine'\nverified = true"),
    ] {
        let found = warnings_of(&format!("profile = '{profile}'"), requirements);
        assert_eq!(found, ["value"], "{profile} {requirements}");
    }
}

#[test]
fn requirements_that_some_token_can_meet_are_not_warned_of() {
    for (profile, requirements) in [
        (
            "rfc9068",
            "roles = ['buyer']\nverified = true\nmax_age = '5m'",
        ),
        (
            "generic",
            "roles = ['buyer']\nscopes = ['read']\nclient_ids = ['c']",
        ),
        (
            "keycloak",
            "roles = ['buyer']\nroles_claim = ['realm_access', 'roles']",
        ),
        ("ory", "roles = ['a']\nroles_claim = ['ext', 'roles']"),
        ("generic", "roles = ['a']\nroles_claim = ['ext', 'roles']"),
        ("dex", "client_ids = ['c']\nclaims = { groups = 'a' }"),
        // The time of the login may be in an ID token that is sent along.
        ("google", "max_age = '5m'"),
        ("dex", "acr = ['gold']\nmax_age = '5m'"),
        ("spiffe", "acr = ['gold']"),
        ("firebase", "claims = { scope = 'a', email = 'b' }"),
        (
            "cloudflare-access",
            "claims = { groups = 'a', common_name = 'b' }",
        ),
        ("google", "client_ids = ['c']\nclaims = { email = 'a' }"),
        (
            "keycloak",
            "claims = { typ = ['ID', 'Bearer'], token_use = 'id' }",
        ),
        (
            "cognito",
            "claims = { token_use = 'access' }\nclient_ids = ['https://api.example.com']",
        ),
        (
            "rfc9068",
            "claims = { iss = 'https://id.example.com', exp = 1, aud = 'other' }",
        ),
        (
            "kubernetes",
            "claims = { sub = 'system:serviceaccount:shop:api', plan = 'gold' }",
        ),
        ("spring", "client_ids = ['https://api.example.com', 'c']"),
        (
            "kubernetes",
            "[[requirements.x.claim_rules]]\nclaim = ['kubernetes.io', 'namespace']\nvalues = 'a'",
        ),
        (
            "rfc9068",
            "claims = { 'https://x.example/claims/a.b' = 'x' }",
        ),
    ] {
        let found = warnings_of(&format!("profile = '{profile}'"), requirements);
        assert_eq!(found, NOT_WARNED, "{profile} {requirements}");
    }
    // Where one of several issuers can meet them, they are of use.
    let other = "[[issuers]]\nissuer = 'https://b.example'\naudiences = ['b']\nprofile = 'ory'\n";
    let text = with_more(&format!(
        "{other}[requirements.x]\nkind = 'user'\nscopes = ['a']\n"
    ));
    let dex = text.replacen("[[issuers]]", "[[issuers]]\nprofile = 'dex'", 1);
    assert_eq!(warnings(&dex), NOT_WARNED);
}

/// A token has one issuer, so all tables of a way must be met by the tokens of one.
#[test]
fn each_way_is_judged_for_each_issuer() {
    let both = |tables: &str| {
        let other = "[[issuers]]\nissuer = 'https://b.example'\naudiences = ['b']\n\
                     profile = 'kubernetes'\n";
        let text = with_more(&format!("require = ['x', 'y']\n{other}{tables}"));
        warnings(&text.replacen("[[issuers]]", "[[issuers]]\nprofile = 'generic'", 1))
    };
    // Users are those of one issuer, and machines those of the other.
    let user = "[requirements.x]\nkind = 'user'\n";
    let machine = "[requirements.y]\nkind = 'machine'\n";
    assert_eq!(both(&format!("{user}{machine}")), ["impossible 10:1"]);
    let scopes = "[requirements.y]\nscopes = ['a']\n";
    assert_eq!(both(&format!("{user}{scopes}")), NOT_WARNED);
    let account = "[requirements.x]\nclaims = { sub = 'system:serviceaccount:a:b' }\n";
    assert_eq!(both(&format!("{account}{machine}")), NOT_WARNED);
    // Scopes are certainly not Kubernetes', and a machine is none of the other issuer.
    let needed = "[requirements.x]\nscopes = ['a']\n";
    assert_eq!(both(&format!("{needed}{machine}")), ["impossible 10:1"]);
    // Another claim may be there at the one issuer.
    let verified = "[requirements.x]\nverified = true\n";
    assert_eq!(both(&format!("{verified}{scopes}")), NOT_WARNED);
}

/// If no token of an issuer passes, the others alone decide about routes.
#[test]
fn an_issuer_whose_tokens_are_all_refused_meets_nothing() {
    let other = "[[issuers]]\nissuer = 'https://b.example'\naudiences = ['b']\nprofile = 'dex'\n";
    let text = |first: &str| {
        let text = with_more(&format!(
            "require = 'x'\n{other}[requirements.x]\nkind = 'user'\n"
        ));
        text.replacen("[[issuers]]", &format!("[[issuers]]\n{first}"), 1)
    };
    assert_eq!(warnings(&text("")), NOT_WARNED);
    let found = warnings(&text("max_lifetime = '0s'"));
    assert_eq!(
        found,
        ["impossible 3:1", "impossible 10:1", "impossible 16:1"]
    );
}

/// Dex names the client in `azp` if the audience is another one, so no list of clients is too short.
#[test]
fn clients_of_dex_are_no_audiences() {
    let found = warnings_of(
        "profile = 'dex'\nclient_ids = ['app']",
        "client_ids = ['app']",
    );
    assert_eq!(found, NOT_WARNED);
}

/// The hundred and first warning is not listed, and counts nevertheless.
#[test]
fn what_is_impossible_counts_even_if_it_is_left_out() {
    let dotted = |count: usize| {
        let tables = (0..count)
            .map(|name| format!("[requirements.n{name:03}]\nclaims = {{ 'a.b' = 'c' }}\n"));
        tables.collect::<String>()
    };
    let machine = "[requirements.x]\nkind = 'machine'\nmax_age = '5m'\n";
    for (count, more, expected) in [(100, "", false), (100, machine, true), (0, machine, true)] {
        let text = with_more(&format!("{}{more}", dotted(count)));
        let config = parse(&text).expect("a configuration");
        assert_eq!(config.warnings.has_impossible(), expected, "{count} {more}");
    }
}

/// The messages about a route after earlier ones.
fn messages_of(earlier: &[&str], last: &str) -> Vec<String> {
    let mut all: Vec<_> = earlier.to_vec();
    all.push(last);
    let text = format!("{}[protection]\nrouter = 'strict'\n", routes(&all));
    let config = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let messages = config.warnings.iter().map(|found| found.message.clone());
    messages.collect()
}

/// A route is covered by earlier ones for each of its hosts and methods.
#[test]
fn a_route_is_never_used_if_earlier_ones_match_all_of_its_requests() {
    let (get, post) = (
        "path_prefix = '/w'\nmethods = 'GET'",
        "path_prefix = '/w'\nmethods = 'POST'",
    );
    let both = "path = '/w/a'\nmethods = ['GET', 'POST']";
    let never = |names: &str| {
        [format!(
            "the route \"r2\" is never used: the earlier {names} all of its requests"
        )]
    };
    assert_eq!(
        messages_of(&[get, post], both),
        never("routes \"r0\" and \"r1\" together match")
    );
    let all = "path_prefix = '/w'";
    assert_eq!(
        messages_of(&[get, all], both),
        never("route \"r1\" matches")
    );
    let (a, b) = (
        "path_prefix = '/'\nhosts = 'a.example'",
        "path_prefix = '/'\nhosts = 'b.example'",
    );
    let hosts = "path = '/x'\nhosts = ['a.example', 'b.example']";
    assert_eq!(
        messages_of(&[a, b], hosts),
        never("routes \"r0\" and \"r1\" together match")
    );
    let paths = "path = ['/w/a', '/v']";
    let (w, v) = ("path_prefix = '/w'", "path = '/v'");
    assert_eq!(
        messages_of(&[w, v], paths),
        never("routes \"r0\" and \"r1\" together match")
    );
    let preflights = "path_prefix = '/w'\nmethods = 'OPTIONS'";
    let passes = "path = '/w/a'\nmethods = 'GET'\npreflight = 'passes'";
    assert_eq!(
        messages_of(&[get, preflights], passes),
        never("routes \"r0\" and \"r1\" together match")
    );
}

#[test]
fn a_route_for_which_something_is_left_is_used() {
    let (get, post) = (
        "path_prefix = '/w'\nmethods = 'GET'",
        "path_prefix = '/w'\nmethods = 'POST'",
    );
    let (a, b) = (
        "path_prefix = '/'\nhosts = 'a.example'",
        "path_prefix = '/'\nhosts = 'b.example'",
    );
    let (w, v) = ("path_prefix = '/w'", "path = '/v'");
    // A method, a host, a path, or a preflight.
    for (earlier, last) in [
        ([get, post], "path = '/w/a'"),
        (
            [get, post],
            "path = '/w/a'\nmethods = ['GET', 'POST', 'PUT']",
        ),
        ([a, b], "path = '/x'"),
        ([w, v], "path = ['/w/a', '/u']"),
        (
            [get, post],
            "path = '/w/a'\nmethods = ['GET', 'POST']\npreflight = 'passes'",
        ),
        (
            ["path = '/w/a'\nmethods = 'GET'", post],
            "path_prefix = '/w'\nmethods = ['GET', 'POST']",
        ),
    ] {
        assert_eq!(
            messages_of(&earlier, last),
            NOT_WARNED,
            "{earlier:?} {last}"
        );
    }
}

#[test]
fn paths_with_parameters_are_refused_unless_the_route_tolerates_them() {
    for (lines, expected) in [
        ("path = '/a;b'", &["impossible 10:8"][..]),
        (
            "path_prefix = '/a;b'\naccess = 'public'",
            &["impossible 10:15"],
        ),
        ("path_glob = ['/a;b/*', '/c']", &["rule_pattern 10:14"]),
        ("path = '/a;b'\npaths = 'tolerant'", &[]),
        (
            "path = '/a;b'\nallow_semicolon = true",
            &["deprecated 11:1"],
        ),
        (
            "path = '/a;b'\nallow_encoded_slash = true",
            &["impossible 10:8", "deprecated 11:1"],
        ),
    ] {
        assert_eq!(warnings(&routes(&[lines])), expected, "{lines}");
    }
}

#[test]
fn what_hardly_anybody_means_is_warned_of() {
    for (issuer, requirements) in [
        ("required_claims = ['realm_access.roles']", "scopes = ['a']"),
        (
            "",
            "scopes = ['a']\n[[identity.fields]]\nheader = 'x-roles'\nclaim = 'realm_access.roles'",
        ),
        ("", "claims = { 'realm_access.roles' = 'buyer' }"),
        (
            "",
            "roles = ['a']\nroles_claim = 'resource_access.api.roles'",
        ),
        (
            "profile = 'okta'",
            "roles = ['a']\nroles_claim = ['ext', 'roles']",
        ),
        (
            "profile = 'okta'",
            "roles = ['a']\nroles_claim = ['realm_access', 'roles']",
        ),
        ("subject_claim = 'email'", "scopes = ['a']"),
        ("client_ids = ['https://api.example.com']", "scopes = ['a']"),
        (
            "client_ids = ['https://api.example.com']\ntokens = 'by_audience'\nprofile = 'generic'",
            "scopes = ['a']",
        ),
    ] {
        let found = warnings_of(issuer, requirements);
        assert_eq!(found, ["value"], "{issuer} {requirements}");
    }
    for (issuer, requirements) in [
        (
            "client_ids = ['https://api.example.com']\nprofile = 'spring'",
            "scopes = ['a']",
        ),
        ("subject_claim = 'upn'\nprofile = 'adfs'", "scopes = ['a']"),
        ("tokens = 'by_audience'", "scopes = ['a']"),
    ] {
        assert_eq!(
            warnings_of(issuer, requirements),
            NOT_WARNED,
            "{issuer} {requirements}"
        );
    }
    let clients = warnings_of("client_ids = ['c']\nprofile = 'firebase'", "max_age = '5m'");
    assert_eq!(clients, ["impossible"]);
}

#[test]
fn an_issuer_that_needs_a_profile_is_recognised() {
    let of = |issuer: &str, more: &str| {
        let text = with("https://id.example.com", issuer);
        warnings(&text.replacen("[[issuers]]", &format!("[[issuers]]\n{more}"), 1)).len()
    };
    assert_eq!(of("https://id.example.com/realms/shop", ""), 1);
    assert_eq!(
        of("https://id.example.com/realms/shop", "profile = 'keycloak'"),
        0
    );
    assert_eq!(
        of("https://id.example.com/realms/shop", "profile = 'generic'"),
        0
    );
    assert_eq!(of("https://x.b2clogin.com/t/v2.0/", ""), 1);
    assert_eq!(of("https://id.example.com", ""), 0);
    for (audience, expected) in [
        ("account", 1),
        ("realm-management", 1),
        ("shop-realm", 1),
        ("api", 0),
    ] {
        let text = with(
            AUDIENCES,
            &format!("audiences = ['{audience}']\nprofile = 'keycloak'"),
        );
        assert_eq!(warnings(&text).len(), expected, "{audience}");
    }
}

/// What the warnings say is to be done.
fn helps_of(text: &str) -> Vec<String> {
    let config = parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let helps = config.warnings.iter().map(|found| found.help.clone());
    helps.map(Option::unwrap_or_default).collect()
}

#[test]
fn a_url_of_another_profile_is_warned_of_with_what_to_write() {
    let of = |issuer: &str, profile: &str| {
        let profile = format!("[[issuers]]\nprofile = '{profile}'");
        helps_of(&with("https://id.example.com", issuer).replacen("[[issuers]]", &profile, 1))
    };
    let keycloak = "https://id.example.com/realms/shop";
    assert_eq!(
        of(keycloak, "okta"),
        ["write `profile = \"keycloak\"`, or correct the URL"]
    );
    assert_eq!(
        of("https://ref.supabase.co/auth/v1", "keycloak"),
        ["write `profile = \"supabase\"`, or correct the URL"]
    );
    for (issuer, profile) in [
        (keycloak, "keycloak"),
        (keycloak, "generic"),
        ("https://id.example.com", "okta"),
    ] {
        assert_eq!(of(issuer, profile), NOT_WARNED, "{issuer} {profile}");
    }
}

#[test]
fn a_claim_that_is_a_flag_is_warned_of_with_what_to_write() {
    for (profile, claims, expected) in [
        (
            "generic",
            "email_verified = 'true'",
            "write true, without quotes",
        ),
        (
            "supabase",
            "is_anonymous = 'false'",
            "write false, without quotes",
        ),
        (
            "okta",
            "phone_number_verified = ['true', 'false']",
            "write true, without quotes",
        ),
        // What is right, or may be.
        ("generic", "email_verified = true", ""),
        ("generic", "email_verified = [true, 'true']", ""),
        ("generic", "email_verified = 'yes'", ""),
        ("generic", "phone_verified = 'true'", ""),
    ] {
        let text = with_more(&format!("[requirements.x]\nclaims = {{ {claims} }}\n"));
        let profile = format!("[[issuers]]\nprofile = '{profile}'");
        let text = text.replacen("[[issuers]]", &profile, 1);
        let text = text.replacen(AUDIENCES, "audiences = 'authenticated'", 1);
        let found = helps_of(&text);
        assert_eq!(found.join(";"), expected, "{profile} {claims}");
    }
}

/// Two routes with these lines, and an issuer.
fn two_routes(issuer: &str, lines: &str, route: &str) -> String {
    let text = with("https://id.example.com", issuer);
    let text = text.replacen("[[issuers]]", &format!("[[issuers]]\n{lines}"), 1);
    let text = text.replacen("path_prefix = \"/\"", "path_prefix = '/all'", 1);
    let more = "[[routes]]\nname = 'more'\npath = '/more'\n";
    let requirements = "[requirements.x]\nclaims = { repository_id = '1' }\n";
    format!("{text}\n{route}\n{more}{route}\n{requirements}")
}

/// Everybody has tokens of these issuers: one warning names the first route and counts the others.
#[test]
fn a_route_that_admits_strangers_is_warned_of_with_what_to_require() {
    let github = "https://token.actions.githubusercontent.com";
    let open = [
        (
            github,
            "github-actions",
            "require the claim `repository_id` or `repository_owner_id`",
        ),
        (
            "https://gitlab.com",
            "gitlab",
            "require the claim `project_id` or `namespace_id`",
        ),
        (
            "https://accounts.google.com",
            "google",
            "require the claim `sub` or `email`, or set `client_ids`",
        ),
    ];
    for (issuer, profile, help) in open {
        let text = two_routes(issuer, &format!("profile = '{profile}'"), "");
        assert_eq!(helps_of(&text), [help], "{issuer}");
        let config = parse(&text).expect("a configuration");
        let message = config
            .warnings
            .iter()
            .next()
            .map(|found| found.message.clone());
        let message = message.expect("a warning");
        assert!(
            message.contains(", like another one, requires"),
            "{message}"
        );
    }
    // Who is meant is known, or nobody is kept out, or nothing is enforced.
    let actions = "profile = 'github-actions'";
    for (issuer, lines, route) in [
        (github, actions, "require = 'x'"),
        (github, actions, "access = 'optional'"),
        (github, actions, "shadow = true"),
        (
            "https://token.actions.githubusercontent.com/octo",
            actions,
            "",
        ),
        ("https://gitlab.example.com", "profile = 'gitlab'", ""),
        ("https://cloud.google.com/iap", "profile = 'google'", ""),
        (
            "https://accounts.google.com",
            "profile = 'google'\nclient_ids = ['1']",
            "",
        ),
    ] {
        let found = helps_of(&two_routes(issuer, lines, route));
        assert_eq!(found, NOT_WARNED, "{issuer} {lines} {route}");
    }
}

/// The signer is the ARN of a load balancer, in any partition.
#[test]
fn audiences_that_are_no_load_balancer_are_warned_of() {
    let of = |audiences: &str, more: &str| {
        let uri = "jwks_uri = 'https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}'";
        let audiences = format!("audiences = [{audiences}]");
        let text = behind_alb(uri).replacen(AUDIENCES, &audiences, 1);
        warnings(&format!("{text}{more}"))
    };
    let field = "[[protection.sources]]\nfield = 'x-amzn-oidc-data'\n";
    let arn = "'arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:1:loadbalancer/app/a/1'";
    assert_eq!(of(arn, field), NOT_WARNED);
    for wrong in [
        "'https://api.example.com'",
        "'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/1'",
        "'arn:aws:cognito-idp:eu-west-1:1:userpool/a'",
        "'arn:aws:elasticloadbalancing:eu-west-1:1'",
        "'arn::elasticloadbalancing:eu-west-1:1:loadbalancer/app/a/1'",
    ] {
        assert_eq!(of(wrong, field), ["impossible 6:1"], "{wrong}");
        assert_eq!(
            of(&format!("{arn}, {wrong}"), field),
            ["value 6:90"],
            "{wrong}"
        );
    }
    // The field may be one route's alone.
    let of_route = "[[routes.sources]]\nfield = 'X-Amzn-Oidc-Data'\n";
    assert_eq!(of(arn, of_route), NOT_WARNED);
    for more in ["", "[[protection.sources]]\nfield = 'X-Other'\n"] {
        assert_eq!(of(arn, more), ["value 3:1"], "{more}");
    }
}

/// `iss` and `tid` have the ID of a tenant in lower case, and never a name for many tenants.
#[test]
fn names_that_microsoft_does_not_write_are_warned_of_with_what_to_write() {
    let (lower, upper) = (
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "9188040D-6C67-4C5B-B112-36A304B66DAD",
    );
    let of = |tenant: &str| {
        let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let text = with("https://id.example.com", &issuer);
        helps_of(&text.replacen("[[issuers]]", "[[issuers]]\nprofile = 'entra'", 1))
    };
    assert_eq!(of(lower), NOT_WARNED);
    assert_eq!(of(upper), ["write the ID in lower case"]);
    for alias in ["common", "organizations", "consumers"] {
        let help = "write `{tenantid}` in its place, and list `tenants`";
        assert_eq!(of(alias), [help], "{alias}");
    }
    let tenants = |id: &str| helps_of(&with_tenants(&format!("tenants = ['{id}']")));
    assert_eq!(tenants(lower), NOT_WARNED);
    assert_eq!(tenants(upper), ["write the ID in lower case"]);
}

/// HTTP/2 to an upstream has no upgrade.
#[test]
fn a_source_in_a_handshake_that_reaches_no_upstream_is_warned_of() {
    let of = |general: &str, own: &str, protocol: &str, more: &str| {
        let sources = |of: &str, key: &str| match key {
            "" => String::new(),
            key => format!("[[{of}.sources]]\n{key} = 'bearer'\n"),
        };
        let text = with(
            "path_prefix = \"/\"",
            "path_prefix = \"/all\"\nupstream = 'app'",
        );
        let (general, own) = (sources("protection", general), sources("routes", own));
        helps_of(&format!(
            "{text}{own}{more}{general}[protection]\nrouter = 'strict'\n[listen.proxy]\n\
             [upstreams.app]\nurls = 'http://127.0.0.1:3000'\nprotocol = '{protocol}'\n\
             [upstreams.other]\nurls = 'http://127.0.0.1:3001'\n"
        ))
    };
    let help = ["leave out `protocol` of the upstream, or the source"];
    let other = "[[routes]]\nname = 'other'\npath = '/other'\nupstream = 'other'\n";
    let public = "[[routes]]\nname = 'p'\npath = '/p'\nupstream = 'other'\naccess = 'public'\n";
    for key in ["websocket_protocol", "websocket_prefix"] {
        assert_eq!(of("", key, "http2", other), help, "{key}");
        assert_eq!(of(key, "", "http2", public), help, "{key}");
        // Another route has a use for it.
        assert_eq!(of(key, "", "http2", other), NOT_WARNED, "{key}");
        for protocol in ["auto", "http1"] {
            assert_eq!(of(key, key, protocol, ""), NOT_WARNED, "{key} {protocol}");
        }
    }
    assert_eq!(of("cookie", "", "http2", ""), NOT_WARNED);
}

/// The table says why, and the route names the table.
#[test]
fn the_cause_of_an_impossible_route_is_given_once() {
    let table = "[requirements.x]\nkind = 'machine'\n";
    let wrapped = "[requirements.wrapped]\nall = ['x']\n";
    for (name, more) in [("x", ""), ("wrapped", wrapped)] {
        let text = with_more(&format!("require = '{name}'\n{table}{more}"));
        let text = text.replacen("[[issuers]]", "[[issuers]]\nprofile = 'dex'", 1);
        let config = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let messages: Vec<_> = config
            .warnings
            .iter()
            .map(|found| &*found.message)
            .collect();
        assert_eq!(
            messages,
            [
                "no token can pass the route \"all\": no token can meet the requirements \"x\"",
                "no token can meet the requirements \"x\": the profile \"dex\" recognises no machines",
            ],
            "{name}"
        );
        assert!(config.warnings.has_impossible(), "{name}");
    }
}

/// A hook may change it, so it is only unusual; that the claim is there is not.
#[test]
fn what_supabase_does_not_write_is_unusual() {
    let of = |issuer: &str, requirements: &str| {
        warnings_of(&format!("profile = 'supabase'\n{issuer}"), requirements)
    };
    // The audience of the file is another one.
    assert_eq!(of("", "scopes = ['a']"), ["value"]);
    for requirements in ["amr = ['pwd']", "acr = ['a']", "max_age = '5m'"] {
        assert_eq!(of("", requirements), ["value"; 2], "{requirements}");
    }
    assert_eq!(of("required_claims = ['amr']", "scopes = ['a']"), ["value"]);
}

/// The paths of the claims that the first route requires.
fn claims_of(config: &Config) -> Vec<Vec<String>> {
    let route = config.routes.iter().next().expect("a route");
    let all = route.require.iter().flatten().flat_map(Requirements::each);
    let paths = all.filter_map(Asked::claim);
    paths
        .map(|path| path.names().map(str::to_owned).collect())
        .collect()
}

/// As Microsoft's metadata names the issuer of all tenants.
#[test]
fn t_key_18_a_placeholder_in_an_issuer_is_a_mistake() {
    let placeholder = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let issuer = with("https://id.example.com", placeholder);
    assert_eq!(mistakes(&issuer), ["value 3:10"]);
    let text = with(
        AUDIENCES,
        &format!("{AUDIENCES}\nalso = ['https://b.example', '{placeholder}']"),
    );
    assert_eq!(mistakes(&text), ["value 5:30"]);
}

/// An empty list would mean the opposite of what it says.
#[test]
fn t_cfg_02_an_empty_list_of_clients_is_a_mistake() {
    let none = with(AUDIENCES, &format!("{AUDIENCES}\nclient_ids = []"));
    assert_eq!(mistakes(&none), ["value 5:1"]);
}

/// An issuer that is a SPIFFE trust domain has no URL of its own: neither for its keys, nor for clients.
#[test]
fn a_trust_domain_is_an_issuer_whose_keys_are_somewhere_else() {
    let domain = with("https://id.example.com", "spiffe://example.org");
    let domain = domain.replacen("[[issuers]]", "[[issuers]]\nprofile = 'spiffe'", 1);
    assert_eq!(mistakes(&domain), ["missing 4:10"]);
    let bundle = "jwks_uri = 'https://bundle.example.org/'";
    let text = domain.replacen(AUDIENCES, &format!("{AUDIENCES}\n{bundle}"), 1);
    let resource = "[protection]\nresource = 'https://api.example.com'\n";
    let config = parse(&format!("{text}\n{resource}")).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.render(""));
    });
    assert_eq!(
        config.server.issuers().collect::<Vec<_>>(),
        ["spiffe://example.org"]
    );
    let headers = http::HeaderMap::new();
    let path = "/.well-known/oauth-protected-resource";
    let asked = Original::new(&http::Method::GET, path, None, &headers);
    let published = config.server.published(&asked).expect("metadata");
    let document: Value = serde_json::from_str(&published.body).expect("JSON");
    assert_eq!(document.get("authorization_servers"), None);
}

/// The good issuer as a load balancer with these further lines.
fn behind_alb(lines: &str) -> String {
    let profile = format!("[[issuers]]\nprofile = 'aws-alb'\n{lines}");
    GOOD.replacen("[[issuers]]", &profile, 1)
}

#[tokio::test]
async fn keys_by_kid_need_a_url_with_the_placeholder() {
    let uri = "jwks_uri = 'https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}'";
    let arn =
        "audiences = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1'";
    let text = behind_alb(uri).replacen(AUDIENCES, arn, 1);
    let source = "[[protection.sources]]\nfield = 'X-Amzn-Oidc-Data'\n";
    let config = parse(&format!("{text}{source}")).expect("no mistake");
    assert!(config.warnings.is_empty(), "{}", config.warnings);
    let server = config.resource_server().expect("a server");
    assert!(server.is_ready());
    for (lines, expected) in [
        (String::new(), &["missing 3:1"][..]),
        (
            "jwks_uri = 'https://keys.example/'".to_owned(),
            &["value 4:12"],
        ),
        (
            "jwks_uri = 'https://keys.example/{KID}'".to_owned(),
            &["value 4:12"],
        ),
        (
            "jwks_uri = 'https://keys.example/{kid}/{kid}'".to_owned(),
            &["value 4:12"],
        ),
        (
            "jwks_uri = 'https://{kid}.example/'".to_owned(),
            &["value 4:12"],
        ),
        (
            "jwks_uri = 'https://keys.example/?k={kid}'".to_owned(),
            &["value 4:12"],
        ),
        (
            "jwks_uri = 'http://keys.example/{kid}'".to_owned(),
            &["url_scheme 4:12"],
        ),
        (format!("{uri}\nsnapshot = 'keys.json'"), &["value 5:1"]),
        (format!("{uri}\nalgorithms = ['RS256']"), &["value 5:1"]),
    ] {
        assert_eq!(mistakes(&behind_alb(&lines)), expected, "{lines}");
    }
    // Under every other profile it is no placeholder.
    for profile in ["rfc9068", "cognito", "spiffe"] {
        let other = behind_alb(uri).replace("aws-alb", profile);
        assert_eq!(mistakes(&other), ["value 4:12"], "{profile}");
    }
    let folder = TempDir::new().expect("a folder");
    let pem = SigningKey::first(Algorithm::Es256).public_key_pem();
    std::fs::write(folder.path().join("key.pem"), pem.expect("a public key")).expect("a file");
    let text = behind_alb("jwks_file = 'key.pem'");
    let Err(found) = Config::parse_in(&text, &surroundings(folder.path())) else {
        panic!("a file of one key has no names");
    };
    let codes: Vec<_> = found.iter().map(|mistake| mistake.code.as_str()).collect();
    assert_eq!(codes, ["missing", "value"]);
    let found = found.render("x.toml");
    assert!(found.contains("amazonaws.com/{kid}"), "{found}");
}

/// An issuer with a placeholder and these further lines.
fn with_tenants(lines: &str) -> String {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let text = with("https://id.example.com", template);
    text.replacen(
        "[[issuers]]",
        &format!("[[issuers]]\nprofile = 'entra'\n{lines}"),
        1,
    )
}

#[test]
fn t_key_24_tenants_are_a_list_of_issuers() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("tenants.txt");
    std::fs::write(&file, "# ours\n t1 \n\nt2 # the other\r\nt1\n").expect("a file");
    for lines in ["tenants = ['t1', 't2']", "tenants = 'file:tenants.txt'"] {
        let text = with_tenants(lines);
        let config = Config::parse_in(&text, &surroundings(folder.path()));
        let config = config.unwrap_or_else(|mistakes| panic!("{}", mistakes.render("")));
        let names: Vec<_> = config.server.issuers().collect();
        let of = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        assert_eq!(names, [of("t1"), of("t2")]);
        for (tenant, is_one) in [
            ("t1", true),
            ("T1", false),
            ("t3", false),
            ("{tenantid}", false),
        ] {
            assert_eq!(
                config.server.policy(&of(tenant)).is_some(),
                is_one,
                "{tenant}"
            );
            assert_eq!(
                config.server.issuer(&of(tenant)).is_ok(),
                is_one,
                "{tenant}"
            );
        }
        // A reload follows the file.
        assert_eq!(config.files.len(), usize::from(lines.contains("file:")));
    }
}

#[test]
fn tenants_of_microsoft_are_ids() {
    let id = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let none: [String; 0] = [];
    assert_eq!(
        warnings(&with_tenants(&format!("tenants = ['{id}']"))),
        none
    );
    for tenants in ["'contoso.onmicrosoft.com'", "'tenants.txt'", "'common'"] {
        let found = warnings(&with_tenants(&format!("tenants = ['{id}', {tenants}]")));
        assert_eq!(found.len(), 1, "{tenants}: {found:?}");
    }
}

#[test]
fn t_key_24_tenants_that_cannot_be_are_mistakes() {
    for (lines, expected) in [
        ("tenants = []", &["value"][..]),
        ("tenants = ['a/b']", &["value"]),
        (
            "tenants = ['a', '..', 'a%2f', '*']",
            &["value", "value", "value"],
        ),
        ("tenants = ['a', 'b', 'a']", &["duplicate"]),
        ("tenants = 'file:missing.txt'", &["file_missing"]),
        ("tenants = 5", &["type"]),
        (
            "tenants = ['a']\njwks_uri = 'https://login.microsoftonline.com/keys'",
            &["value"],
        ),
        (
            "tenants = ['a']\nsnapshot = 'x'\nalso = ['https://x.example']",
            &["value", "value"],
        ),
        (
            "tenants = ['a']\nalso = ['https://{x}.example']",
            &["value", "value"],
        ),
    ] {
        let found = mistakes(&with_tenants(lines));
        let codes: Vec<_> = found
            .iter()
            .map(|found| found.split(' ').next().unwrap())
            .collect();
        assert_eq!(codes, expected, "{lines}");
    }
    let plain = with(AUDIENCES, &format!("{AUDIENCES}\ntenants = ['a']"));
    assert_eq!(mistakes(&plain), ["value 5:1"]);
    let two = with_tenants("tenants = ['a']").replace("/v2.0", "/{version}");
    assert_eq!(mistakes(&two).len(), 1);
    let insecure = with_tenants("tenants = ['a']").replace("https:", "http:");
    let codes = mistakes(&insecure);
    assert!(codes[0].starts_with("url_scheme"), "{codes:?}");
}

#[tokio::test]
async fn tenants_are_not_published_and_shown_as_one_issuer() {
    let resource = "[protection]\nresource = 'https://api.example.com'\n";
    let text = format!("{}{resource}", with_tenants("tenants = ['t1', 't2']"));
    let config = parse(&text).expect("no mistake");
    let (method, fields) = (http::Method::GET, http::HeaderMap::new());
    let path = "/.well-known/oauth-protected-resource";
    let original = Original::new(&method, path, None, &fields);
    let body = config.server.published(&original).unwrap().body;
    assert!(!body.contains("microsoftonline"), "{body}");
    let server = config.resource_server().expect("a server");
    let [state] = server.state().try_into().expect("one issuer");
    assert!(state.issuer.contains("{tenantid}"));
    assert_eq!(state.tenants, Some(2));
}

#[test]
fn t_clm_16_a_path_is_a_list_of_names() {
    for (written, expected) in [
        (
            "roles = ['a']\nroles_claim = ['realm_access', 'roles']",
            &["realm_access", "roles"][..],
        ),
        (
            "roles = ['a']\nroles_claim = 'https://x.example/roles.a'",
            &["https://x.example/roles.a"],
        ),
        (
            "[[requirements.x.claim_rules]]\nclaim = ['resource_access', 'a.b/c', 'roles']\nvalues = ['a', 'b']",
            &["resource_access", "a.b/c", "roles"],
        ),
        ("claim_rules = [{ claim = 'a', values = 'a' }]", &["a"]),
        (
            "claim_rules = [{ claim = 'a', values = ['a', true, 0x10] }]",
            &["a"],
        ),
        ("claims = { a = false }", &["a"]),
    ] {
        let text = with_more(&format!("[requirements.x]\n{written}\n"));
        let text = text.replacen("path_prefix", "require = ['x']\npath_prefix", 1);
        let config = parse(&text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("")));
        let paths: Vec<Vec<String>> = claims_of(&config);
        assert_eq!(paths, [expected], "{written}");
    }
    for (wrong, expected) in [
        ("roles_claim = 'a'", &["missing", "missing"][..]),
        ("roles = ['a']\nroles_claim = []", &["value"]),
        ("roles = ['a']\nroles_claim = [1]", &["type"]),
        ("claim_rules = []", &["value"]),
        ("claim_rules = [{ claim = 'a' }]", &["missing"]),
        ("claim_rules = [{ claim = [], values = 'a' }]", &["value"]),
        ("claim_rules = [{ claim = '', values = 'a' }]", &["value"]),
        (
            "claim_rules = [{ claim = ['', 'a'], values = 'a' }]",
            &["value"],
        ),
        ("claims = { '' = 'a', b = 'c' }", &["value"]),
        ("roles = ['a']\nroles_claim = ['', '']", &["value"]),
        ("claim_rules = [{ claim = 'a', values = [] }]", &["value"]),
    ] {
        let found = mistakes(&with_more(&format!("[requirements.x]\n{wrong}\n")));
        let codes: Vec<_> = found
            .iter()
            .map(|found| found.split(' ').next().unwrap())
            .collect();
        assert_eq!(codes, expected, "{wrong}");
    }
}

#[test]
fn t_fwd_13_an_order_that_opens_nothing_is_not_warned_of() {
    let admin = "path_prefix = \"/admin\"\nrequire = \"staff\"";
    let all = "path_prefix = \"/\"";
    for silent in [
        &[all][..],
        &[admin][..],
        // Over other paths, hosts or methods.
        &[admin, "path_prefix = \"/api\""],
        &[admin, "path_prefix = \"/administrators\""],
        &[
            "path = \"/\"\nrequire = \"staff\"",
            "path_prefix = \"/api\"",
        ],
        &[
            "path_prefix = \"/admin\"\nrequire = \"staff\"\nhosts = \"a.example\"",
            "path_prefix = \"/\"\nhosts = \"b.example\"",
        ],
        &[
            "path_prefix = \"/admin\"\nrequire = \"staff\"\nmethods = \"POST\"",
            "path_prefix = \"/\"\nmethods = \"GET\"",
        ],
        // Over the same paths, and with the same requirements.
        &[
            "path_prefix = \"/\"\nrequire = \"staff\"\nmethods = \"POST\"",
            all,
        ],
        &[admin, "path_prefix = \"/\"\nrequire = \"staff\""],
        &["path = \"/healthz\"\naccess = \"public\"", all],
        // The later one requires more.
        &["path = \"/a\"", "path_prefix = \"/\"\nrequire = \"staff\""],
    ] {
        assert!(warnings(&routes(silent)).is_empty(), "{silent:?}");
    }
}

#[test]
fn t_fwd_13_a_route_has_the_router_of_the_nearest_that_names_one() {
    let of = |own: &str, upstream: &str, general: &str| {
        let line = |table: &str, router: &str| match router {
            "" => table.to_owned(),
            router => format!("{table}router = \"{router}\"\n"),
        };
        let route = line(
            "[[routes]]\nname = \"x\"\npath = \"/\"\nupstream = \"app\"\n",
            own,
        );
        let upstream = line("[upstreams.app]\nurls = \"http://127.0.0.1:1\"\n", upstream);
        let text = format!("{route}{upstream}{}", line("[protection]\n", general));
        let config = parse(&with_more(&text)).expect("no mistake");
        let router = config.routes.iter().last().expect("a route").router;
        router.as_str()
    };
    assert_eq!(of("", "", ""), "strict");
    assert_eq!(of("", "", "rails"), "rails");
    assert_eq!(of("", "express", "rails"), "express");
    assert_eq!(of("servlet", "express", "rails"), "servlet");
    assert_eq!(of("", "strict", "aspnet"), "strict");
    assert_eq!(
        mistakes(&with_more("[protection]\nrouter = \"expressjs\"\n")),
        ["value 10:10"]
    );
}

#[test]
fn warnings_are_shown_like_mistakes() {
    let text = routes(&["path = \"/a\"\nrequire = \"staff\"", "path_prefix = \"/\""]);
    let config = parse(&text).expect("no mistake");
    let shown = config.warnings.render("b.toml");
    for part in [
        "warning[router]: ",
        "--> b.toml:9:1\n",
        "\n1 warning in b.toml\n",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn t_dos_07_many_routes_are_compared_soon() {
    let mut text = routes(&[]);
    for at in 0..5_000 {
        text += &format!(
            "[[routes]]\nname = \"{at}\"\npath_prefix = \"/api/{at}\"\nrequire = \"staff\"\n"
        );
    }
    text += "[[routes]]\nname = \"all\"\npath_prefix = \"/\"\n";
    let started = std::time::Instant::now();
    assert_eq!(warnings(&text).len(), 100);
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// The sources of each route.
fn sources_of(text: &str) -> Vec<Sources> {
    let config = parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    config
        .routes
        .iter()
        .map(|route| route.sources.clone())
        .collect()
}

#[test]
fn sources_are_those_of_the_route_or_of_the_protection() {
    let field = || Source::field("X-Token").unwrap();
    let cookie = || Source::cookie("token").unwrap();
    let sources = |list: &[Source]| Sources::new(list.iter().cloned()).unwrap();
    let general = "[protection]\norigins = ['https://app.example.com']\n\
                   [[protection.sources]]\nfield = 'X-Token'\n";
    let origin = "https://app.example.com";
    for (route, protection, expected) in [
        ("", "", Sources::default()),
        (
            "",
            general,
            sources(&[field()]).trust_origin(origin).unwrap(),
        ),
        ("sources = []", general, Sources::default()),
        (
            "[[routes.sources]]\ncookie = 'token'",
            "",
            sources(&[cookie()]),
        ),
        (
            "sources = [{ cookie = 'token' }, { field = 'x-token' }]",
            general,
            sources(&[cookie(), field()]).trust_origin(origin).unwrap(),
        ),
        ("access = 'public'", general, Sources::default()),
    ] {
        let text = with_more(&format!("{route}\n{protection}"));
        assert_eq!(sources_of(&text), [expected], "{text}");
    }
    let kubernetes = "[[routes.sources]]\n\
                      websocket_prefix = 'base64url.bearer.authorization.k8s.io.'\n\
                      encoding = 'base64url'\n[[routes.sources]]\nwebsocket_protocol = 'bearer'\n";
    let prefix = "base64url.bearer.authorization.k8s.io.";
    let prefix = Source::websocket_prefix(prefix, TokenEncoding::Base64Url).unwrap();
    let bearer = Source::websocket_protocol("bearer").unwrap();
    assert_eq!(
        sources_of(&with_more(kubernetes)),
        [sources(&[prefix, bearer])]
    );
}

#[test]
fn sources_that_nobody_meant_are_mistakes() {
    for (sources, expected) in [
        ("[[routes.sources]]\nfield = 'Authorization'", "value 10:9"),
        ("[[routes.sources]]\nfield = 'Cookie'", "value 10:9"),
        (
            "[[routes.sources]]\nfield = 'X-Forwarded-For'",
            "value 10:9",
        ),
        ("[[routes.sources]]\nfield = 'X-Id-Token'", "value 10:9"),
        (
            "[[routes.sources]]\nfield = 'X-Bearward-Subject'",
            "value 10:9",
        ),
        ("[[routes.sources]]\nfield = 'X_Token'", "value 10:9"),
        ("[[routes.sources]]\nfield = ''", "value 10:9"),
        ("[[routes.sources]]\ncookie = 'a b'", "value 10:10"),
        (
            "[[routes.sources]]\nwebsocket_protocol = 'a,b'",
            "value 10:22",
        ),
        ("[[routes.sources]]\nwebsocket_prefix = ''", "value 10:20"),
        (
            "[[routes.sources]]\ncookie = 'a'\nfield = 'X-Token'",
            "value 9:1",
        ),
        ("[[routes.sources]]", "value 9:1"),
        ("[[routes.sources]]\nencoding = 'base64url'", "value 9:1"),
        (
            "[[routes.sources]]\ncookie = 'a'\nencoding = 'base64url'",
            "value 11:1",
        ),
        ("[[routes.sources]]\nheader = 'X-Token'", "unknown_key 10:1"),
        (
            "[[routes.sources]]\ncookie = 'a'\n[[routes.sources]]\ncookie = 'a'",
            "duplicate 11:1",
        ),
        (
            "[[routes.sources]]\nwebsocket_protocol = 'bearer'\n[[routes.sources]]\nwebsocket_prefix = 'bear'",
            "duplicate 11:1",
        ),
        (
            "sources = [{ query = 'access_token' }]\n[listen.forward_auth]",
            "value 9:14",
        ),
        (
            "access = 'public'\nsources = [{ cookie = 'a' }]",
            "value 10:1",
        ),
        (
            "sources = [{ field = 'X-Mail' }]\n[[identity.fields]]\nheader = 'X-Mail'\nclaim = 'mail'",
            "value 11:10",
        ),
        ("sources = 'cookie'", "type 9:11"),
    ] {
        let found = mistakes(&with_more(&format!("{sources}\n")));
        assert!(found.contains(&expected.to_owned()), "{sources}: {found:?}");
    }
}

#[test]
fn a_ninth_source_is_a_mistake() {
    let nine = (0..9)
        .map(|at| format!("{{ cookie = 'c{at}' }}"))
        .collect::<Vec<_>>();
    let nine = format!("sources = [{}]\n", nine.join(", "));
    assert_eq!(mistakes(&with_more(&nine)).len(), 1);
}

#[test]
fn a_token_in_the_query_is_warned_of() {
    let query = "sources = [{ query = 'access_token' }]\n";
    assert_eq!(warnings(&with_more(query)), ["value 9:14"]);
    let forwarded = format!("{query}[listen.forward_auth]\n[identity]\nforward_token = true\n");
    assert_eq!(warnings(&with_more(&forwarded)), ["value 9:14"]);
    let resource = "[protection]\nresource = 'https://api.example.com'\n";
    let published = |text: &str| {
        let config = parse(text).unwrap();
        let path = "/.well-known/oauth-protected-resource";
        let (method, fields) = (http::Method::GET, http::HeaderMap::new());
        let original = Original::new(&method, path, None, &fields);
        let published = config.server.published(&original).unwrap();
        published.body.to_string()
    };
    let both = r#""bearer_methods_supported":["header","query"]"#;
    assert!(published(&with_more(&format!("{query}{resource}"))).contains(both));
    assert!(!published(&with_more(resource)).contains(both));
}

#[test]
fn what_the_logs_show_is_checked() {
    for (more, place) in [
        ("[log]\nidentity = \"email\"\n", "value 10:12"),
        ("[log]\nidentity = \"keyed-hash\"\n", "missing 10:1"),
        (
            "[log]\nidentity = \"keyed-hash\"\nidentity_key = \"hunter2\"\n",
            "value 11:1",
        ),
        (
            "[log]\nidentity = \"keyed-hash\"\nidentity_key = \"env:WEAK\"\n",
            "secret_weak 11:1",
        ),
        (
            "[log]\nidentity = \"keyed-hash\"\nidentity_key = \"env:NONE\"\n",
            "file_missing 11:1",
        ),
        ("[audit]\n", "missing 9:1"),
        ("[audit]\nto = \"stderr\"\n", "value 10:6"),
        ("[audit]\nto = \"file:\"\n", "value 10:6"),
        ("[audit]\nto = \"otlp\"\n", "missing 10:6"),
        (
            "[audit]\nto = \"file:no/such/folder/audit.jsonl\"\n",
            "file_missing 10:6",
        ),
    ] {
        assert_eq!(mistakes(&with_more(more)), [place], "{more}");
    }
}

#[test]
fn a_key_that_hashes_nothing_is_warned_of() {
    let unused = "[log]\nidentity = \"subject\"\nidentity_key = \"env:STRONG\"\n";
    assert_eq!(
        warnings(&with_more(unused)).len(),
        1,
        "{:?}",
        warnings(&with_more(unused))
    );
    let used = unused.replace("subject", "keyed-hash");
    assert_eq!(warnings(&with_more(&used)), [""; 0]);
}
