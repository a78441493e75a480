//! What `check` calls impossible is so: no token passes, whatever its issuer was set up to write.
//!
//! The profiles here are of issuers that anybody can have written any claim, so that only what bearward
//! itself refuses is certain. Most of the drawn tokens are odd, and some pass.

use bearward::core::authenticate;
use bearward::{Algorithm, JwkSet, Principal, RequestHead, Requirements};
use bearward_gateway::config::Config;
use bearward_testing::{SigningKey, Token};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::good::NOW;
use super::{AUDIENCE, drawn, folder, read};

const ISSUER: &str = "https://id.example";

/// Profiles, and what their tokens must have, as claims.
const PROFILES: &[(&str, &str)] = &[
    ("rfc9068", r#"{}"#),
    ("generic", r#"{}"#),
    ("auth0", r#"{ "azp": "c" }"#),
    (
        "cognito",
        r#"{ "token_use": "access", "client_id": "https://api.example", "username": "u" }"#,
    ),
    ("keycloak", r#"{ "typ": "Bearer", "azp": "c", "sid": "s" }"#),
    ("okta", r#"{ "cid": "c", "uid": "u" }"#),
    ("ory", r#"{}"#),
    ("spiffe", r#"{ "sub": "spiffe://example.org/a" }"#),
    ("spring", r#"{}"#),
    ("workos", r#"{ "sid": "s" }"#),
    ("zitadel", r#"{}"#),
];

const ISSUERS: &[&str] = &[
    "client_ids = ['c']",
    "client_ids = ['https://api.example']",
    "required_claims = ['nonce']",
    "required_claims = ['events']",
    "required_claims = ['scope']",
    "subject_claim = 'iat'",
    "subject_claim = 'azp'",
    "tokens = 'by_audience'",
];

const REQUIREMENTS: &[&str] = &[
    "acr = ['gold']",
    "amr = ['pwd']",
    "any_scopes = [['a', 'b']]",
    "claim_rules = [{ claim = ['exp', 'x'], values = 1 }]",
    "claim_rules = [{ claim = ['ext', 'roles'], values = 'a' }]",
    "claims = { 'realm_access.roles' = 'a' }",
    "claims = { aud = 'c' }",
    "claims = { client_id = 'c' }",
    "claims = { exp = 1700001800 }",
    "claims = { iss = ['https://id.example', 'x'] }",
    "claims = { iss = 'x' }",
    "claims = { nonce = 'n' }",
    "claims = { aud = 7 }",
    "claims = { scope = [true, 7] }",
    "claims = { sub = 'a' }",
    "claims = { sub = 7 }",
    "claims = { sub = ['a', 'c'] }",
    "claim_rules = [{ claim = ['sub', 'x'], values = 'a' }]",
    "claims = { token_use = 'id' }",
    "claims = { typ = ['ID', 'Bearer'] }",
    "claims = { typ = 'ID' }",
    "client_ids = ['c', 'd']",
    "client_ids = ['https://api.example']",
    "kind = 'machine'",
    "kind = 'user'",
    "max_age = '1h'",
    "not_anonymous = true",
    "roles = ['a']",
    "roles = ['a']\nroles_claim = ['realm_access', 'roles']",
    "scopes = ['a']",
    "verified = true",
];

/// Members of the payload; `header` is the `typ` of the header, and `null` takes a member away.
const MEMBERS: &[(&str, &str)] = &[
    ("acr", r#""gold""#),
    ("amr", r#"["pwd"]"#),
    ("aud", r#"["https://api.example", "c"]"#),
    ("auth_time", "1700000000"),
    ("azp", r#""c""#),
    ("cid", r#""c""#),
    ("client_id", r#""c""#),
    ("client_id", r#"["https://api.example", "c"]"#),
    ("events", r#""x""#),
    ("exp", r#"[1700001800]"#),
    ("ext", r#"{ "roles": ["a"] }"#),
    ("gty", r#""client-credentials""#),
    ("https://authgear.com/claims/user/is_anonymous", "false"),
    ("https://authgear.com/claims/user/is_verified", "true"),
    ("https://authgear.com/claims/user/roles", r#"["a"]"#),
    ("iss", r#"["https://id.example", "x"]"#),
    ("jti", r#""trrtcc:x""#),
    ("nonce", r#""n""#),
    ("realm_access", r#"{ "roles": ["a"] }"#),
    ("realm_access.roles", r#""a""#),
    ("scope", r#""a""#),
    ("aud", r#"["https://api.example", 7]"#),
    ("scope", "true"),
    ("scp", r#"["a", 7]"#),
    ("sub", "7"),
    ("sub", r#"{ "x": "a" }"#),
    ("sub", r#""a""#),
    ("sub", r#""c""#),
    ("sub", r#"["a", "c"]"#),
    ("token_use", r#""id""#),
    ("typ", r#""ID""#),
    ("typ", r#"["ID", "Bearer"]"#),
    ("header", r#""at+jwt""#),
    ("uid", "null"),
    ("username", "null"),
    ("sid", "null"),
];

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// A token of the profile with these members; `null` takes one away.
fn token(profile: &str, claims: &str, members: &[(&str, &str)]) -> String {
    let mut token = Token::user(ISSUER, AUDIENCE, NOW)
        .key(SigningKey::first(Algorithm::EdDsa))
        .claim("aud", json!(AUDIENCE))
        .claim("client_id", "c");
    for name in ["auth_time", "amr", "acr"] {
        token = token.without_claim(name);
    }
    if profile != "rfc9068" {
        token = token.header("typ", "JWT");
    }
    for (name, claim) in value(claims).as_object().expect("an object") {
        token = token.claim(name, claim.clone());
    }
    for (name, member) in members {
        token = match (*name, value(member)) {
            ("header", typ) => token.header("typ", typ),
            (name, Value::Null) => token.without_claim(name),
            (name, claim) => token.claim(name, claim),
        };
    }
    token.sign()
}

fn passes(config: &Config, keys: &JwkSet, token: &str) -> bool {
    let policy = config.server.policy(ISSUER).expect("a policy");
    let request = http::Request::get("https://api.example/named")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .expect("a request");
    let head = RequestHead::from(&request);
    let Ok(principal) = authenticate(head, keys, &policy, NOW) else {
        return false;
    };
    let route = config.routes.iter().next().expect("a route");
    let mut groups = route.require.iter();
    groups.any(|group| meets(group, &principal))
}

fn meets(group: &[Requirements], principal: &Principal) -> bool {
    let mut group = group.iter();
    group.all(|required| required.authorize(principal, NOW).is_ok())
}

#[test]
fn what_some_token_passes_is_never_called_impossible() {
    let folder = folder();
    let document = std::fs::read(folder.path().join("keys.json")).expect("a file");
    let keys = JwkSet::parse(&document).expect("a key set");
    let subset =
        |lines: &'static [&'static str], count| prop::sample::subsequence(lines.to_vec(), count);
    let members = prop::sample::subsequence(MEMBERS.to_vec(), 0..=6).prop_shuffle();
    let drawn_files = (
        prop::sample::select(PROFILES),
        subset(ISSUERS, 0..=1),
        subset(REQUIREMENTS, 1..=2),
        prop::collection::vec(members, 24),
    );
    let (mut impossible, mut passed) = (0, 0);
    for ((profile, claims), issuer, requirements, tokens) in drawn(&drawn_files, 500, 3) {
        let mut text = format!(
            "[[issuers]]\nissuer = '{ISSUER}'\naudiences = '{AUDIENCE}'\njwks_file = 'keys.json'\n\
             profile = '{profile}'\n{}\n",
            issuer.concat()
        );
        let mut names = Vec::new();
        let mut tables = String::new();
        for (number, lines) in requirements.iter().enumerate() {
            names.push(format!("'r{number}'"));
            tables.push_str(&format!("[requirements.r{number}]\n{lines}\n"));
        }
        text.push_str(&format!(
            "[[routes]]\nname = 'named'\npath = '/named'\nrequire = [{}]\n{tables}",
            names.join(", ")
        ));
        let config = read(&text, &folder).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
        let mut tokens = tokens.iter();
        let passing =
            tokens.find(|members| passes(&config, &keys, &token(profile, claims, members)));
        let is_impossible = config.warnings.has_impossible();
        assert!(
            !is_impossible || passing.is_none(),
            "{passing:?} passes\n{text}\n{}",
            config.warnings
        );
        impossible += usize::from(is_impossible);
        passed += usize::from(passing.is_some());
    }
    // Otherwise nothing was tried.
    assert!(impossible > 80 && passed > 80, "{impossible} {passed}");
}
