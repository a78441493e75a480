//! Good files, and tokens for each of their routes.

use std::collections::BTreeSet;

use bearward::{Algorithm, JwkSet, UnixTime};
use bearward_gateway::Decision;
use bearward_gateway::config::Config;
use bearward_gateway::original::Original;
use bearward_testing::{SigningKey, Token};
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::json;

use super::{AUDIENCE, check, drawn, folder, read};

pub(super) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

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
        let subject = self
            .subject
            .map(|name| format!("subject_claim = '{name}'\n"));
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
    /// The tables and the route, and its requests.
    fn text(&self, number: usize, issuers: &[Trusted]) -> (String, Vec<Asked>) {
        // All of a list must be met by the tokens of one issuer.
        let ways = match self.combined {
            Combined::Any => &self.ways[..],
            Combined::All | Combined::List => &self.ways[..1],
        };
        let mut tables = String::new();
        let mut lists = Vec::new();
        let mut senders = Vec::new();
        for (way, (issuer, lines)) in ways.iter().enumerate() {
            let sender = issuer.index(issuers.len());
            let name = format!("r{number}-{way}");
            let (more, names) = tables_of(&name, issuers[sender].profile, lines);
            tables.push_str(&more);
            lists.push(names.join(", "));
            senders.push(sender);
        }
        let list = match self.combined {
            Combined::List => lists.concat(),
            Combined::All => {
                let all = lists.concat();
                tables.push_str(&format!("[requirements.r{number}]\nall = [{all}]\n"));
                format!("'r{number}'")
            }
            Combined::Any => {
                let mut any = Vec::new();
                for (way, all) in lists.iter().enumerate() {
                    tables.push_str(&format!("[requirements.r{number}-{way}]\nall = [{all}]\n"));
                    any.push(format!("'r{number}-{way}'"));
                }
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
             require = [{list}]\n"
        );
        (text, self.requests(number, path, &senders))
    }

    fn requests(&self, number: usize, path: &str, senders: &[usize]) -> Vec<Asked> {
        let methods: &[&str] = match self.methods {
            [] => &["DELETE"],
            methods => methods,
        };
        let requests = methods.iter().flat_map(|method| {
            let of = |sender: &usize| Asked {
                method: method.parse().expect("a method"),
                path: format!("/r{number}{path}"),
                sender: *sender,
                route: format!("r{number}"),
            };
            senders.iter().map(of).collect::<Vec<_>>()
        });
        requests.collect()
    }
}

/// A request, the number of the issuer of its token, and the route that it matches.
#[derive(Debug)]
struct Asked {
    method: Method,
    path: String,
    sender: usize,
    route: String,
}

/// Tables of requirements that tokens of this profile meet, and their names in quotes.
fn tables_of(start: &str, profile: &str, lines: &[prop::sample::Index]) -> (String, Vec<String>) {
    let possible = possible(profile);
    let lines: BTreeSet<_> = lines.iter().map(|line| line.get(&possible)).collect();
    let named = lines.iter().enumerate();
    let named: Vec<_> = named
        .map(|(index, line)| (format!("{start}-{index}"), line))
        .collect();
    let table = |(name, line): &(String, _)| format!("[requirements.{name}]\n{line}\n");
    let names = named.iter().map(|(name, _)| format!("'{name}'"));
    (named.iter().map(table).collect(), names.collect())
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

/// The text of a file, and requests for each of its routes.
fn file(issuers: &[Trusted], routes: &[Good]) -> (String, Vec<Asked>) {
    let mut text: String = issuers.iter().map(Trusted::text).collect();
    let mut requests = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        let (lines, more) = route.text(number, issuers);
        text.push_str(&lines);
        requests.extend(more);
    }
    text.push_str(
        "[[routes]]\nname = 'all'\npath_prefix = '/'\n[protection]\nrouter = 'strict'\n\
         [listen.forward_auth]\n",
    );
    (text, requests)
}

/// The route that admits a request with a token of this issuer.
async fn admitting(config: &Config, keys: &JwkSet, issuer: &Trusted, asked: &Asked) -> String {
    let server = config.server.with_keys(&issuer.url(), keys);
    let server = server.expect("an issuer").clock(|| NOW).build();
    let mut headers = HeaderMap::new();
    let token = format!("Bearer {}", minted(issuer));
    headers.insert(
        "authorization",
        HeaderValue::from_str(&token).expect("a value"),
    );
    let original = Original::new(&asked.method, &asked.path, None, &headers);
    let in_force = config.in_force(server.expect("a server"));
    match in_force.decide(&original).await {
        Decision::Admit(admission) => admission.route.name.to_string(),
        refused @ (Decision::Publish(_) | Decision::Refuse(_)) => format!("{refused:?}"),
    }
}

#[tokio::test]
async fn a_token_passes_each_route_of_what_is_good() {
    let folder = folder();
    let document = std::fs::read(folder.path().join("keys.json")).expect("a file");
    let keys = JwkSet::parse(&document).expect("a key set");
    let mut distinct = BTreeSet::new();
    let mut passed = 0;
    for (issuers, routes) in drawn(&good(), 1000, 1) {
        let (text, requests) = file(&issuers, &routes);
        let config = read(&text, &folder).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
        let warnings = &config.warnings;
        assert_eq!(check(&config).verdict(), "good", "{warnings}\n{text}");
        for asked in requests {
            let issuer = &issuers[asked.sender];
            let route = admitting(&config, &keys, issuer, &asked).await;
            assert_eq!(route, asked.route, "{asked:?} of {}\n{text}", issuer.url());
            passed += 1;
        }
        distinct.insert(text);
    }
    assert!(distinct.len() > 900, "{}", distinct.len());
    assert!(passed > 2000, "{passed}");
}
