//! What `check` calls good: files of known kinds with which nothing, or hardly anything, can pass, each
//! named at its place, and good ones, through whose every route a token passes. All are drawn from a seed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::SystemTime;

use bearward::{Algorithm, UnixTime};
use bearward_gateway::Decision;
use bearward_gateway::check::Findings;
use bearward_gateway::config::{Config, Mistakes, Surroundings};
use bearward_gateway::original::Original;
use bearward_testing::{SigningKey, Token, keys};
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use tempfile::TempDir;

use self::kinds::{Expected, KINDS, Kind, Scope, Verdict};

mod kinds;

const AUDIENCE: &str = "https://api.example";
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

fn read(text: &str, folder: &TempDir) -> Result<Config, Mistakes> {
    let surroundings = Surroundings::new(folder.path(), |name| {
        (name == "SECRET").then(|| OsString::from("0123456789abcdef0123456789abcdef"))
    });
    Config::parse_in(text, &surroundings)
}

/// What `check` finds, as the command asks.
fn check(config: &Config) -> Findings {
    let server = config.resource_server().expect("a server");
    Findings::of(config, &server.state(), SystemTime::UNIX_EPOCH)
}

/// A folder with the files that configurations here name.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let key = SigningKey::first(Algorithm::EdDsa);
    write("keys.json", &keys::jwk_set([&key]).to_string());
    let twin = |key: SigningKey| key.with_kid("twin");
    let twins = [
        twin(SigningKey::first(Algorithm::Es256)),
        twin(SigningKey::second(Algorithm::Es256)),
    ];
    write("twins.json", &keys::jwk_set(&twins).to_string());
    let with_good = twins.iter().chain([&key]);
    write("twins-and-good.json", &keys::jwk_set(with_good).to_string());
    let nameless = || {
        let key = SigningKey::generate(Algorithm::Es256).expect("a key");
        key.without_kid()
    };
    let nameless: Vec<_> = (0..5).map(|_| nameless()).collect();
    write("nameless.json", &keys::jwk_set(&nameless).to_string());
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
fn minted(issuer: &Trusted) -> String {
    let (profile, subject_claim) = (issuer.profile, issuer.subject);
    let token = Token::user(&issuer.url(), AUDIENCE, NOW)
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

/// An issuer of a good file.
#[derive(Clone, Debug)]
struct Trusted {
    number: usize,
    profile: &'static str,
    subject: Option<&'static str>,
    lines: Vec<&'static str>,
}

impl Trusted {
    fn url(&self) -> String {
        format!("https://id-{}.example", self.number)
    }

    fn text(&self) -> String {
        let subject = self.subject.map(|name| format!("subject_claim = '{name}'\n"));
        format!(
            "[[issuers]]\nissuer = '{}'\naudiences = ['{AUDIENCE}']\njwks_file = 'keys.json'\n\
             profile = '{}'\n{}{}\n",
            self.url(),
            self.profile,
            subject.unwrap_or_default(),
            self.lines.join("\n")
        )
    }
}

fn trusted(number: usize) -> impl Strategy<Value = Trusted> {
    let profile = prop::sample::select(PROFILES);
    let subject = prop::sample::select(vec![None, None, Some("upn")]);
    let lines = vec![
        "leeway = '1m'",
        "max_lifetime = '2h'",
        "tokens = 'by_audience'",
        "algorithms = ['EdDSA', 'RS256']",
        "required_claims = ['plan']",
    ];
    let lines = prop::sample::subsequence(lines, 0..=4);
    (profile, subject, lines).prop_map(move |(profile, subject, lines)| {
        // A service account's `sub` marks its kind, and without one who it is is not known.
        let subject =
            subject.filter(|_| !["kubernetes", "rfc9068", "generic", "ory"].contains(&profile));
        Trusted {
            number,
            profile,
            subject,
            lines,
        }
    })
}

/// A route of a good file: which paths and methods, and the issuers whose tokens meet it.
#[derive(Clone, Debug)]
struct Good {
    pattern: usize,
    methods: &'static [&'static str],
    combined: Combined,
    /// Of which issuer, and which of the requirements that its tokens meet.
    ways: Vec<(prop::sample::Index, Vec<prop::sample::Index>)>,
}

#[derive(Clone, Copy, Debug)]
enum Combined {
    All,
    Any,
    List,
}

/// What a path is written as, and a path that it matches, after a start of its own.
const PATTERNS: &[(&str, &str, &str)] = &[
    ("path", "", ""),
    ("path_prefix", "", "/below"),
    ("path_glob", "/*/orders", "/7/orders"),
    ("path_glob", "/**", "/a/b"),
];

impl Good {
    /// The tables and the route, and its requests: method, path, and the number of the issuer.
    fn text(&self, number: usize, issuers: &[Trusted]) -> (String, Vec<(Method, String, usize)>) {
        let mut tables = String::new();
        let mut names = Vec::new();
        let mut senders = Vec::new();
        // All of a list must be met by the tokens of one issuer.
        let ways = match self.combined {
            Combined::Any => &self.ways[..],
            Combined::All | Combined::List => &self.ways[..1],
        };
        for (way, (issuer, lines)) in ways.iter().enumerate() {
            let issuer = issuer.index(issuers.len());
            senders.push(issuer);
            let possible = possible(issuers[issuer].profile);
            let mut given = BTreeSet::new();
            for (index, line) in lines.iter().enumerate() {
                let line = possible[line.index(possible.len())];
                let name = format!("r{number}-{way}-{index}");
                if given.insert(line) {
                    tables.push_str(&format!("[requirements.{name}]\n{line}\n"));
                    names.push((way, name));
                }
            }
        }
        let of_way = |way: usize| {
            let names = names.iter().filter(move |(of, _)| *of == way);
            let names = names.map(|(_, name)| format!("'{name}'"));
            names.collect::<Vec<_>>().join(", ")
        };
        let require = match self.combined {
            Combined::List => of_way(0),
            Combined::All => {
                tables.push_str(&format!("[requirements.r{number}]\nall = [{}]\n", of_way(0)));
                format!("'r{number}'")
            }
            Combined::Any => {
                let ways = 0..ways.len();
                for way in ways.clone() {
                    let all = of_way(way);
                    tables.push_str(&format!("[requirements.r{number}-{way}]\nall = [{all}]\n"));
                }
                let any: Vec<_> = ways.map(|way| format!("'r{number}-{way}'")).collect();
                let any = any.join(", ");
                tables.push_str(&format!("[requirements.r{number}]\nany = [{any}]\n"));
                format!("'r{number}'")
            }
        };
        let (key, pattern, path) = PATTERNS[self.pattern];
        let methods = match self.methods {
            [] => String::new(),
            methods => format!("methods = {methods:?}\n"),
        };
        let text = format!(
            "{tables}[[routes]]\nname = 'r{number}'\n{key} = '/r{number}{pattern}'\n{methods}\
             require = [{require}]\n"
        );
        let path = format!("/r{number}{path}");
        let methods: &[&str] = match self.methods {
            [] => &["DELETE"],
            methods => methods,
        };
        let requests = methods.iter().flat_map(|method| {
            let method: Method = method.parse().expect("a method");
            let of = |sender: &usize| (method.clone(), path.clone(), *sender);
            senders.iter().map(of).collect::<Vec<_>>()
        });
        (text, requests.collect())
    }
}

fn good_route() -> impl Strategy<Value = Good> {
    const METHODS: &[&[&str]] = &[&[], &["GET"], &["POST", "PUT"]];
    let combined = prop::sample::select(vec![Combined::All, Combined::Any, Combined::List]);
    let lines = prop::collection::vec(any::<prop::sample::Index>(), 1..=3);
    let way = (any::<prop::sample::Index>(), lines);
    let ways = prop::collection::vec(way, 1..=3);
    let pattern = 0..PATTERNS.len();
    (pattern, prop::sample::select(METHODS), combined, ways).prop_map(
        |(pattern, methods, combined, ways)| Good {
            pattern,
            methods,
            combined,
            ways,
        },
    )
}

fn good() -> impl Strategy<Value = (Vec<Trusted>, Vec<Good>)> {
    let issuers = (trusted(0), trusted(1), trusted(2), 1..=3_usize);
    let issuers = issuers.prop_map(|(first, second, third, count)| {
        let mut issuers = vec![first, second, third];
        issuers.truncate(count);
        issuers
    });
    (issuers, prop::collection::vec(good_route(), 1..=4))
}

#[tokio::test]
async fn a_token_passes_each_route_of_what_is_good() {
    let folder = folder();
    let document = std::fs::read(folder.path().join("keys.json")).expect("a file");
    let keys = bearward::JwkSet::parse(&document).expect("a key set");
    let mut distinct = BTreeSet::new();
    let mut passed = 0;
    for (issuers, routes) in drawn(&good(), 1000, 1) {
        let mut text: String = issuers.iter().map(Trusted::text).collect();
        let mut requests = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let (lines, more) = route.text(number, &issuers);
            text.push_str(&lines);
            requests.push(more);
        }
        text.push_str(
            "[[routes]]\nname = 'all'\npath_prefix = '/'\n[protection]\nrouter = 'strict'\n\
             [listen.forward_auth]\n",
        );
        let config = read(&text, &folder).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
        assert_eq!(check(&config).verdict(), "good", "{}\n{text}", config.warnings);
        distinct.insert(text.clone());
        for (number, requests) in requests.iter().enumerate() {
            for (method, path, sender) in requests {
                let issuer = &issuers[*sender];
                let server = config.server.with_keys(&issuer.url(), &keys).expect("an issuer");
                let server = server.clock(|| NOW).build().expect("a server");
                let mut headers = HeaderMap::new();
                let token = format!("Bearer {}", minted(issuer));
                headers.insert("authorization", HeaderValue::from_str(&token).expect("a value"));
                let original = Original::new(method, path, None, &headers);
                let route = match config.in_force(server).decide(&original).await {
                    Decision::Admit(admission) => admission.route.name.to_string(),
                    other => panic!("{method} {path} of {}: {other:?}\n{text}", issuer.url()),
                };
                assert_eq!(route, format!("r{number}"), "{text}");
                passed += 1;
            }
        }
    }
    assert!(distinct.len() > 900, "{}", distinct.len());
    assert!(passed > 2000, "{passed}");
}

/// What varies in a file of a kind, and does not change what is found.
#[derive(Clone, Debug)]
struct Around {
    /// How many issuers there are in addition.
    others: usize,
    leeway: Vec<&'static str>,
    /// Further routes.
    routes: Vec<&'static str>,
    /// Whether the table `x` is required by itself, or with others.
    is_wrapped: bool,
    realm: bool,
}

const ROUTES: &[&str] = &[
    "name = \"health\"\npath = \"/healthz\"\naccess = \"public\"\n",
    "name = \"files\"\npath_prefix = \"/files\"\nmethods = [\"GET\", \"HEAD\"]\n",
    "name = \"orders\"\npath_glob = \"/orders/*\"\nhosts = [\"a.example\"]\n",
];

fn around() -> impl Strategy<Value = Around> {
    let leeway = prop::sample::select(vec!["", "leeway = '10s'\n", "leeway = '1m'\n"]);
    let leeway = prop::collection::vec(leeway, 3);
    let routes = prop::sample::subsequence(ROUTES.to_vec(), 0..=3);
    (0..=2_usize, leeway, routes, any::<bool>(), any::<bool>()).prop_map(
        |(others, leeway, routes, is_wrapped, realm)| Around {
            others,
            leeway,
            routes,
            is_wrapped,
            realm,
        },
    )
}

/// The file of a kind.
fn text_of(kind: &Kind, around: &Around) -> String {
    let mut text = String::new();
    for number in 0..=around.others {
        let is_its = number == 0 || kind.scope == Scope::AllIssuers;
        let lines = if is_its { kind.issuer } else { "profile = 'generic'" };
        let url = format!("issuer = 'https://id-{number}.example'\n");
        let audiences = format!("audiences = ['{AUDIENCE}']\n");
        let has = |key: &str| lines.lines().any(|line| line.starts_with(key));
        text.push_str("[[issuers]]\n");
        for (key, line) in [
            ("issuer", &*url),
            ("audiences", &*audiences),
            ("jwks_file", "jwks_file = 'keys.json'\n"),
        ] {
            let is_given = has(key) || (key == "jwks_file" && has("secret"));
            text.push_str(if is_given { "" } else { line });
        }
        text.push_str(&format!("{}{lines}\n", around.leeway[number]));
    }
    for route in &around.routes {
        text.push_str(&format!("[[routes]]\n{route}"));
    }
    if kind.tables.contains("[requirements.x]") && !kind.tables.contains("[[routes]]") {
        let name = if around.is_wrapped { "wrapped" } else { "x" };
        let route = "[[routes]]\nname = \"named\"\npath_prefix = \"/named\"\n";
        text.push_str(&format!("{route}require = [\"{name}\"]\n"));
        if around.is_wrapped {
            let more = "[requirements.easy]\nrequired = 1\n".replace("required = 1", "claims = { plan = 'a' }");
            text.push_str(&format!("[requirements.wrapped]\nall = [\"x\", \"easy\"]\n{more}"));
        }
    }
    text.push_str(kind.tables);
    let realm = if around.realm { "realm = 'shop'\n" } else { "" };
    text.push_str(&format!(
        "\n[[routes]]\nname = \"all\"\npath_prefix = \"/all\"\n\
         [protection]\nrouter = \"strict\"\n{realm}[listen.forward_auth]\n"
    ));
    text
}

/// What was found: code, message, and the text at its place.
fn found(text: &str, mistakes: &Mistakes) -> Vec<(String, String, String)> {
    let of = |mistake: &bearward_gateway::config::Mistake| {
        let place = text.get(mistake.span.clone()).expect("a place");
        (mistake.code.as_str().to_owned(), mistake.message.clone(), place.to_owned())
    };
    mistakes.iter().map(of).collect()
}

/// Each expectation is found once for each issuer or route that it is about, and nothing else is found.
fn compare(kind: &Kind, found: &[(String, String, String)], text: &str) {
    let fits = |(code, message, place): &(String, String, String), expected: &Expected| {
        let (its_code, part, its_place) = *expected;
        code == its_code && message.contains(part) && place.starts_with(its_place)
    };
    for expected in kind.expected {
        let is_found = found.iter().any(|found| fits(found, expected));
        assert!(is_found, "{}: {expected:?} is not in {found:#?}\n{text}", kind.name);
    }
    for found in found {
        let is_expected = kind.expected.iter().any(|expected| fits(found, expected));
        assert!(is_expected, "{}: {found:#?}\n{text}", kind.name);
    }
}

#[tokio::test]
async fn what_no_token_can_pass_is_named() {
    let folder = folder();
    let names: BTreeSet<_> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.len(), "each kind has a name of its own");
    assert!(KINDS.len() >= 25, "{}", KINDS.len());
    let mut distinct = BTreeSet::new();
    // Each kind in turn, in surroundings that differ.
    for (around, kind) in drawn(&around(), 1000, 2).iter().zip(KINDS.iter().cycle()) {
        let text = text_of(kind, around);
        let (verdict, all) = match read(&text, &folder) {
            Err(mistakes) => (Verdict::Refused, found(&text, &mistakes)),
            Ok(config) => {
                let findings = check(&config);
                let mut all = found(&text, findings.warnings());
                let placeless = findings.placeless().iter();
                all.extend(placeless.map(|found| {
                    (found.code.to_owned(), found.message.clone(), String::new())
                }));
                let verdict = match findings.verdict().as_str() {
                    "good" => panic!("{}\n{text}", kind.name),
                    "not good" => Verdict::NotGood,
                    verdict => {
                        let count = all.len();
                        let plural = if count == 1 { "" } else { "s" };
                        let expected = format!("good, {count} warning{plural}");
                        assert_eq!(verdict, expected, "{}\n{text}", kind.name);
                        Verdict::Warned
                    }
                };
                (verdict, all)
            }
        };
        compare(kind, &all, &text);
        assert_eq!(verdict, kind.verdict, "{}: {all:#?}\n{text}", kind.name);
        distinct.insert(text);
    }
    assert!(distinct.len() > 900, "{}", distinct.len());
}
