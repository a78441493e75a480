//! What `check` calls good: files of known kinds with which nothing, or hardly anything, can pass, each
//! named at its place, and good ones, through whose every route a token passes. All are drawn from a seed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::SystemTime;

use bearward_gateway::check::Findings;
use bearward_gateway::config::{Config, Mistake, Mistakes, Surroundings};
use bearward_testing::{Algorithm, SigningKey, keys};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestRng, TestRunner};
use tempfile::TempDir;

use self::kinds::{Expected, KINDS, Kind, Scope, Verdict};

mod good;
mod kinds;
mod sound;

const AUDIENCE: &str = "https://api.example";
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
        let lines = if is_its {
            kind.issuer
        } else {
            "profile = 'generic'"
        };
        let url = format!("issuer = 'https://id-{number}.example'\n");
        let audiences = format!("audiences = ['{AUDIENCE}']\n");
        let has = |key: &str| lines.lines().any(|line| line.starts_with(key));
        text.push_str("[[issuers]]\n");
        for (key, line) in [
            ("issuer", &*url),
            ("audiences", &*audiences),
            ("jwks_file", "jwks_file = 'keys.json'\n"),
        ] {
            let has_keys = has("secret") || has("jwks_uri");
            let is_given = has(key) || (key == "jwks_file" && has_keys);
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
            let more = "[requirements.easy]\nclaims = { plan = 'a' }\n";
            text.push_str(&format!(
                "[requirements.wrapped]\nall = [\"x\", \"easy\"]\n{more}"
            ));
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
type Found = (String, String, String);

fn found(text: &str, mistakes: &Mistakes) -> Vec<Found> {
    let of = |mistake: &Mistake| {
        let place = text.get(mistake.span.clone()).expect("a place");
        (
            mistake.code.as_str().to_owned(),
            mistake.message.clone(),
            place.to_owned(),
        )
    };
    mistakes.iter().map(of).collect()
}

/// Each expectation is found once for each issuer or route that it is about, and nothing else is found.
fn compare(kind: &Kind, found: &[Found], text: &str) {
    let fits = |(code, message, place): &Found, expected: &Expected| {
        let (its_code, part, its_place) = *expected;
        code == its_code && message.contains(part) && place.starts_with(its_place)
    };
    for expected in kind.expected {
        let is_found = found.iter().any(|found| fits(found, expected));
        assert!(
            is_found,
            "{}: {expected:?} is not in {found:#?}\n{text}",
            kind.name
        );
    }
    for found in found {
        let is_expected = kind.expected.iter().any(|expected| fits(found, expected));
        assert!(is_expected, "{}: {found:#?}\n{text}", kind.name);
    }
}

/// The verdict of `check`, and what it finds.
fn judged(text: &str, folder: &TempDir) -> (Verdict, Vec<Found>) {
    let config = match read(text, folder) {
        Err(mistakes) => return (Verdict::Refused, found(text, &mistakes)),
        Ok(config) => config,
    };
    let findings = check(&config);
    let mut all = found(text, findings.warnings());
    let placeless = findings.placeless().iter();
    all.extend(
        placeless.map(|found| (found.code.to_owned(), found.message.clone(), String::new())),
    );
    let plural = if all.len() == 1 { "" } else { "s" };
    let warned = format!("good, {} warning{plural}", all.len());
    let verdict = findings.verdict();
    let is_good = verdict == warned;
    assert!(is_good || verdict == "not good", "{verdict}\n{text}");
    assert_eq!(findings.is_good(), is_good);
    match is_good {
        true => (Verdict::Warned, all),
        false => (Verdict::NotGood, all),
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
        let (verdict, all) = judged(&text, &folder);
        compare(kind, &all, &text);
        assert_eq!(verdict, kind.verdict, "{}: {all:#?}\n{text}", kind.name);
        distinct.insert(text);
    }
    assert!(distinct.len() > 900, "{}", distinct.len());
}
