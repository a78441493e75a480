//! What `check` calls good: files with one impossible setting each, of which each is named, and good
//! ones, whose every route some token passes. Both are drawn from a seed.

use std::ffi::OsString;

use bearward::{Algorithm, Principal, Requirements, UnixTime};
use bearward_gateway::config::{Config, Surroundings};
use bearward_testing::{SigningKey, Token, keys};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tempfile::TempDir;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// A file: the lines of its issuer, and the tables after it.
#[derive(Clone, Debug)]
struct File {
    issuer: &'static str,
    lines: String,
    tables: String,
}

impl File {
    fn text(&self) -> String {
        format!(
            "[[issuers]]\nissuer = \"{}\"\naudiences = [\"{AUDIENCE}\"]\njwks_file = \"keys.json\"\n{}\n\
             [[routes]]\nname = \"named\"\npath_prefix = \"/named\"\nrequire = [\"x\"]\n\
             [[routes]]\nname = \"all\"\npath_prefix = \"/\"\n{}\n\
             [protection]\nrouter = \"strict\"\n",
            self.issuer, self.lines, self.tables
        )
    }

    /// The codes of its mistakes and warnings, or the configuration if there are none.
    fn read(&self, folder: &TempDir) -> Result<Config, Vec<String>> {
        let surroundings = Surroundings::new(folder.path(), |name| {
            (name == "SECRET").then(|| OsString::from("0123456789abcdef0123456789abcdef"))
        });
        let codes = |mistakes: &bearward_gateway::config::Mistakes| {
            let codes = mistakes
                .iter()
                .map(|mistake| mistake.code.as_str().to_owned());
            codes.collect::<Vec<_>>()
        };
        let config =
            Config::parse_in(&self.text(), &surroundings).map_err(|mistakes| codes(&mistakes))?;
        match codes(&config.warnings) {
            warnings if warnings.is_empty() => Ok(config),
            warnings => Err(warnings),
        }
    }
}

/// A folder with the files that configurations here name.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let key = SigningKey::first(Algorithm::EdDsa);
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("keys.json", &keys::jwk_set([&key]).to_string());
    write("newline.txt", "0123456789abcdef0123456789abcdef\n");
    folder
}

fn drawn<S: Strategy>(strategy: &S, count: usize, seed: u8) -> Vec<S::Value> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Settings::default(), rng);
    let mut draw = || strategy.new_tree(&mut runner).expect("a value").current();
    (0..count).map(|_| draw()).collect()
}

/// Profiles whose tokens [`minted`] can make.
const PROFILES: &[&str] = &[
    "rfc9068",
    "generic",
    "keycloak",
    "okta",
    "ory",
    "dex",
    "kubernetes",
];

/// Requirements that a token of the profile can meet, each as a line.
fn possible(profile: &str) -> Vec<&'static str> {
    let mut lines = Vec::new();
    let has = |profiles: &[&str]| profiles.contains(&profile);
    if !has(&["dex", "kubernetes"]) {
        lines.extend(["scopes = ['read']", "any_scopes = [['write', 'read']]"]);
    }
    if !has(&["kubernetes"]) {
        lines.push("client_ids = ['other', 'client']");
        lines.push("max_age = '1h'");
        lines.push("acr = ['gold']");
        lines.push("amr = ['pwd']");
    }
    if !has(&["dex", "kubernetes"]) {
        lines.push("kind = 'user'");
    }
    if has(&["rfc9068", "generic"]) {
        lines.extend([
            "roles = ['buyer']",
            "verified = true",
            "not_anonymous = true",
        ]);
    }
    if has(&["keycloak"]) {
        lines.push("roles = ['buyer']\nroles_claim = ['realm_access', 'roles']");
    }
    if has(&["ory", "generic"]) {
        lines.push("roles = ['buyer']\nroles_claim = ['ext', 'roles']");
    }
    if has(&["kubernetes"]) {
        lines.push("kind = 'machine'");
        lines.push("claim_rules = [{ claim = ['kubernetes.io', 'namespace'], values = ['shop'] }]");
    }
    lines.push("claims = { plan = ['gold', 'silver'] }");
    lines
}

/// A token of the profile that has all of it.
fn minted(profile: &str, subject_claim: Option<&str>) -> String {
    let token = Token::user(ISSUER, AUDIENCE, NOW)
        .key(SigningKey::first(Algorithm::EdDsa))
        .claim("client_id", "client")
        .claim("scope", "read")
        .claim("plan", "gold")
        .claim("auth_time", 1_700_000_000)
        .claim("acr", "gold")
        .claim("amr", json!(["pwd"]))
        .claim("https://authgear.com/claims/user/is_verified", true)
        .claim("https://authgear.com/claims/user/is_anonymous", false)
        .claim("https://authgear.com/claims/user/roles", json!(["buyer"]));
    let roles = json!({ "roles": ["buyer"] });
    let token = match profile {
        "keycloak" => token
            .header("typ", "JWT")
            .claim("typ", "Bearer")
            .without_claim("client_id")
            .claim("azp", "client")
            .claim("sid", "s")
            .claim("realm_access", roles),
        "okta" => token
            .header("typ", "JWT")
            .claim("cid", "client")
            .claim("uid", "u"),
        "ory" => token.header("typ", "JWT").claim("ext", roles),
        "generic" => token.header("typ", "JWT").claim("ext", roles),
        "dex" => token
            .without_header("typ")
            .without_claim("scope")
            .claim("at_hash", "h")
            .claim("azp", "client"),
        "kubernetes" => token
            .without_header("typ")
            .claim("sub", "system:serviceaccount:shop:api")
            .claim("kubernetes.io", json!({ "namespace": "shop" })),
        _ => token,
    };
    let token = match subject_claim {
        Some(name) => {
            let sub = token.claims()["sub"].clone();
            token.without_claim("sub").claim(name, sub)
        }
        None => token,
    };
    token.sign()
}

fn good() -> impl Strategy<Value = (&'static str, Option<&'static str>, File)> {
    let profile = prop::sample::select(PROFILES);
    profile.prop_flat_map(|profile| {
        let lines = prop::sample::subsequence(possible(profile), 1..=3);
        let subject = prop::sample::select(vec![None, None, Some("upn")]);
        let more = prop::sample::subsequence(
            vec![
                "leeway = '1m'",
                "max_lifetime = '2h'",
                "tokens = 'by_audience'",
                "algorithms = ['EdDSA', 'RS256']",
            ],
            0..=3,
        );
        (lines, subject, more).prop_map(move |(lines, subject, more)| {
            // One table cannot have a key twice.
            let mut given = Vec::new();
            let unique = lines.into_iter().filter(|line| {
                let key = line.split(' ').next();
                let is_new = !given.contains(&key);
                given.push(key);
                is_new
            });
            // A service account's `sub` marks its kind, and without one who it is is not known.
            let subject =
                subject.filter(|_| !["kubernetes", "rfc9068", "generic", "ory"].contains(&profile));
            let mut issuer = vec![format!("profile = '{profile}'")];
            issuer.extend(more.iter().map(|line| (*line).to_owned()));
            issuer.extend(subject.map(|name| format!("subject_claim = '{name}'")));
            let requirements = unique.collect::<Vec<_>>().join("\n");
            let file = File {
                issuer: ISSUER,
                lines: issuer.join("\n"),
                tables: format!("[requirements.x]\n{requirements}\n"),
            };
            (profile, subject, file)
        })
    })
}

fn meets(group: &[Requirements], principal: &Principal) -> bool {
    let mut group = group.iter();
    group.all(|required| required.authorize(principal, NOW).is_ok())
}

#[tokio::test]
async fn a_token_passes_each_route_of_what_is_good() {
    let folder = folder();
    for (profile, subject, file) in drawn(&good(), 1000, 1) {
        let config = file
            .read(&folder)
            .unwrap_or_else(|codes| panic!("{codes:?}\n{}", file.text()));
        let server = config.resource_server().expect("a server");
        let policy = config.server.policy(ISSUER).expect("a policy");
        let document = std::fs::read(folder.path().join("keys.json")).expect("a file");
        let keys = bearward::JwkSet::parse(&document).expect("a key set");
        let request = http::Request::get("https://api.example/named")
            .header(
                "authorization",
                format!("Bearer {}", minted(profile, subject)),
            )
            .body(())
            .expect("a request");
        let head = bearward::RequestHead::from(&request);
        let principal = bearward::core::authenticate(head, &keys, &policy, NOW);
        let principal =
            principal.unwrap_or_else(|refused| panic!("{}\n{}", refused.reason(), file.text()));
        for route in config.routes.iter() {
            let mut groups = route.require.iter();
            let passes = route.require.is_empty() || groups.any(|group| meets(group, &principal));
            assert!(passes, "{}\n{}", route.name, file.text());
        }
        drop(server);
    }
}

/// Settings with which nothing can pass, or that nobody means, each with the code that names it.
const IMPOSSIBLE: &[(&str, &str, &str, &str)] = &[
    // A claim that no profile has.
    ("okta", "", "roles = ['a']", "impossible"),
    ("supabase", "", "verified = true", "impossible"),
    ("keycloak", "", "not_anonymous = true", "impossible"),
    // A dotted name.
    (
        "keycloak",
        "",
        "claims = { 'realm_access.roles' = 'a' }",
        "value",
    ),
    (
        "generic",
        "",
        "roles = ['a']\nroles_claim = 'resource_access.api.roles'",
        "value",
    ),
    // Algorithms that no key can do.
    (
        "rfc9068",
        "algorithms = ['RS256', 'ES256']",
        "scopes = ['a']",
        "impossible",
    ),
    // A secret with a final newline.
    ("generic", "SECRET", "scopes = ['a']", "value"),
    // An audience that only ID tokens have.
    (
        "rfc9068",
        "client_ids = ['https://api.example']",
        "scopes = ['a']",
        "value",
    ),
    (
        "generic",
        "client_ids = ['https://api.example']\ntokens = 'by_audience'",
        "scopes = ['a']",
        "value",
    ),
    // What the kind excludes.
    (
        "rfc9068",
        "",
        "kind = 'machine'\nmax_age = '5m'",
        "impossible",
    ),
    (
        "auth0",
        "",
        "kind = 'machine'\nverified = true",
        "impossible",
    ),
    ("github-actions", "", "max_age = '5m'", "impossible"),
    // A kind or a client that the issuer's tokens do not name.
    ("generic", "", "kind = 'machine'", "impossible"),
    ("dex", "", "kind = 'user'", "impossible"),
    ("gitlab", "", "kind = 'user'", "impossible"),
    (
        "firebase",
        "client_ids = ['c']",
        "claims = { a = 'b' }",
        "impossible",
    ),
    ("descope", "", "client_ids = ['c']", "impossible"),
    // Scopes where there are none.
    ("zitadel", "", "scopes = ['a']", "impossible"),
    ("dex", "", "any_scopes = [['a', 'b']]", "impossible"),
    // Hydra's and Keycloak's claims elsewhere.
    (
        "auth0",
        "",
        "roles = ['a']\nroles_claim = ['ext', 'roles']",
        "value",
    ),
    (
        "okta",
        "",
        "claim_rules = [{ claim = ['realm_access', 'roles'], values = ['a'] }]",
        "value",
    ),
    // An object where a text is required.
    (
        "keycloak",
        "",
        "claims = { realm_access = 'a' }",
        "impossible",
    ),
    (
        "ory",
        "",
        "roles = ['a']\nroles_claim = 'ext'",
        "impossible",
    ),
    // A subject that users choose.
    (
        "keycloak",
        "subject_claim = 'preferred_username'",
        "scopes = ['a']",
        "value",
    ),
];

/// The same, in the issuer or the routes.
const ELSEWHERE: &[(&str, &str, &str, &str)] = &[
    ("https://id.example/{tenant}", "", "", "value"),
    ("https://id.example/realms/shop", "", "", "value"),
    ("https://dex.example/dex", "", "", "value"),
    ("https://x.b2clogin.com/t/v2.0/", "", "", "value"),
    (
        ISSUER,
        "",
        "[[routes]]\nname = \"late\"\npath_prefix = \"/late\"\n",
        "rule_pattern",
    ),
    (
        ISSUER,
        "profile = 'keycloak'\naudiences = ['account']",
        "",
        "value",
    ),
];

fn impossible() -> impl Strategy<Value = (File, &'static str)> {
    let in_requirements =
        (prop::sample::select(IMPOSSIBLE), any::<bool>()).prop_map(|(row, leeway)| {
            let (profile, lines, requirements, code) = row;
            let more = if leeway { "leeway = '10s'\n" } else { "" };
            let file = File {
                issuer: ISSUER,
                lines: format!("profile = '{profile}'\n{more}{lines}"),
                tables: format!("[requirements.x]\n{requirements}\n"),
            };
            (file, code)
        });
    let elsewhere = (prop::sample::select(ELSEWHERE), any::<bool>()).prop_map(|(row, leeway)| {
        let (issuer, lines, tables, code) = row;
        let more = if leeway { "leeway = '10s'\n" } else { "" };
        let file = File {
            issuer,
            lines: format!("{more}{lines}"),
            tables: format!("{tables}[requirements.x]\nclaims = {{ a = 'b' }}\n"),
        };
        (file, code)
    });
    prop_oneof![4 => in_requirements, 1 => elsewhere]
}

#[test]
fn what_no_token_can_pass_is_named() {
    let folder = folder();
    let mut kinds = std::collections::BTreeSet::new();
    for (mut file, code) in drawn(&impossible(), 1000, 2) {
        kinds.insert(format!("{} {} {}", file.issuer, file.lines, file.tables));
        let mut text = file.text();
        if file.lines.contains("SECRET") {
            file.lines = file.lines.replace(
                "SECRET",
                "algorithms = ['HS256']\nsecret = 'file:newline.txt'",
            );
            text = file.text().replace("jwks_file = \"keys.json\"\n", "");
        }
        if file.lines.contains("audiences") {
            text = file
                .text()
                .replace(&format!("audiences = [\"{AUDIENCE}\"]\n"), "");
        }
        let surroundings = Surroundings::new(folder.path(), |_| None);
        let found: Vec<Value> = match Config::parse_in(&text, &surroundings) {
            Ok(config) => config
                .warnings
                .iter()
                .map(|found| found.code.as_str().into())
                .collect(),
            Err(mistakes) => mistakes
                .iter()
                .map(|found| found.code.as_str().into())
                .collect(),
        };
        assert_eq!(found, [Value::from(code)], "{text}");
    }
    assert_eq!(kinds.len(), 2 * (IMPOSSIBLE.len() + ELSEWHERE.len()));
}
