//! What `bearward explain` answers the holder of a refused token: for each of these tokens, what is wrong
//! and what to do about it, and never the advice that would make it worse.

use std::time::Duration;

use bearward_testing::providers::with_claims;
use bearward_testing::{Algorithm, SigningKey, Token, keys};
use serde_json::{Value, json};

use crate::program::{self, AUDIENCE, Ended, ISSUER, NOW, Setting, good};

const REALM: &str = "https://id.example/realms/shop";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// What both formats say about a token, on one line each.
struct Answer {
    text: String,
    json: Value,
}

impl Answer {
    /// Checks a token with these options, and the keys of the setting.
    fn to(token: &str, options: &[&str]) -> Self {
        let setting = Setting::new();
        let jwks = setting.jwks();
        let jwks = jwks.to_str().expect("UTF-8");
        Self::of(|format| {
            let mut command = program::command(["explain", "--jwks", jwks, "--format", format]);
            command.args(["--at", &NOW.as_secs().to_string()]);
            command.args(options).arg(token);
            program::run(command)
        })
    }

    /// Checks a token of the usual issuer, for the usual audience.
    fn to_usual(token: &Token) -> Self {
        Self::to(&token.sign(), &["--issuer", ISSUER, "--audience", AUDIENCE])
    }

    /// The same under a configuration, for a request.
    fn to_request(token: &str, configuration: &str, more: &[&str]) -> Self {
        let setting = Setting::new();
        let file = setting.write("b.toml", configuration);
        let file = file.to_str().expect("UTF-8");
        Self::of(|format| {
            let mut command = program::command(["explain", "--url", "/orders", "--config", file]);
            command.args(["--at", &NOW.as_secs().to_string(), "--format", format]);
            command.args(more).arg(token);
            program::run(command)
        })
    }

    fn of(run: impl Fn(&str) -> Ended) -> Self {
        let (text, json) = (run("text"), run("json"));
        assert_eq!((text.code, json.code), (Some(1), Some(1)), "{text:?}");
        Self {
            text: on_one_line(&text.stdout),
            json: serde_json::from_str(&json.stdout).expect("JSON"),
        }
    }

    #[track_caller]
    fn because_of(self, reason: &str) -> Self {
        let decided = self.json.get("decision").unwrap_or(&self.json);
        assert_eq!(decided["reason"], reason, "{}", self.text);
        let verdict = format!("refused: {reason}");
        assert!(self.text.contains(&verdict), "{}", self.text);
        let page = format!("docs/reasons.md#{reason}");
        assert!(self.text.contains(&page), "{}", self.text);
        self
    }

    /// Both formats have this sentence.
    #[track_caller]
    fn says(self, sentence: &str) -> Self {
        let json = strings(&self.json);
        assert!(self.text.contains(sentence), "{sentence}\n{}", self.text);
        assert!(json.contains(sentence), "{sentence}\n{json}");
        self
    }

    /// The text has this sentence; in JSON it is in the checks.
    #[track_caller]
    fn text_has(self, sentence: &str) -> Self {
        assert!(self.text.contains(sentence), "{sentence}\n{}", self.text);
        self
    }

    /// Issuer and audience are next to each other, before the rows.
    #[track_caller]
    fn shows_pair(self, text: &str, names: &[&str]) -> Self {
        let (before, _) = self.text.split_once("verdict").expect("rows");
        assert!(before.contains(text), "{before}");
        let report = self.json.get("token").unwrap_or(&self.json);
        let pair = report["recipient"].as_array().expect("a pair");
        let found: Vec<_> = pair
            .iter()
            .map(|check| check["check"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(found, names);
        self
    }

    /// Neither format has this text before the rows of the checks.
    #[track_caller]
    fn never(self, text: &str) -> Self {
        let (before, _) = self.text.split_once("verdict").unwrap_or((&self.text, ""));
        let mut json = self.json.clone();
        json["checks"].take();
        json["token"].take();
        assert!(!before.contains(text), "{text}\n{before}");
        assert!(!strings(&json).contains(text), "{text}\n{json}");
        self
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All strings in a JSON text, separated by blanks.
fn strings(json: &Value) -> String {
    match json {
        Value::Array(elements) => elements.iter().map(strings).collect::<Vec<_>>().join(" "),
        Value::Object(members) => members.values().map(strings).collect::<Vec<_>>().join(" "),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Null | Value::Number(_) => String::new(),
    }
}

/// A token of Keycloak with everything that the profile requires.
fn keycloak() -> Token {
    with_claims(&json!({
        "iss": REALM, "aud": AUDIENCE, "sub": "2311567d-8826-4802-9619-b75c0fea527c", "jti": "onrtac:1",
        "typ": "Bearer", "azp": "shop-web", "scope": "openid profile", "sid": "s",
        "realm_access": { "roles": ["buyer"] },
    }))
    .header("typ", "JWT")
}

const KEYCLOAK: [&str; 6] = [
    "--issuer",
    REALM,
    "--audience",
    AUDIENCE,
    "--profile",
    "keycloak",
];

const MINUTES_5: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_expired_token_needs_a_refresh() {
    let token = good()
        .issued_at(NOW.minus(HOUR))
        .expires_at(NOW.minus(MINUTES_5));
    Answer::to_usual(&token)
        .because_of("token_expired")
        .says("It expired 5 min ago, at 2023-11-14T22:08:20Z; it is 2023-11-14T22:13:20Z now.")
        .says("Get a new token, and have the client refresh its token before `exp`.")
        .never("leeway");
}

#[test]
fn a_token_of_another_environment_is_not_to_be_configured() {
    let token = good()
        .claim("iss", "https://id.staging.example")
        .claim("aud", "https://api.staging.example");
    Answer::to_usual(&token)
        .because_of("issuer_unknown")
        .says(
            "This token was issued by \"https://id.staging.example\" for \"https://api.staging.example\"; this server \
             trusts \"https://id.example\" for \"https://api.example\": probably a token of another environment.",
        )
        .says("Get a token from \"https://id.example\".")
        .shows_pair(
            "iss expected \"https://id.example\", found \"https://id.staging.example\" aud expected \
             \"https://api.example\", found \"https://api.staging.example\"",
            &["iss", "aud"],
        )
        .never("add it to")
        .never("exactly as it appears");
}

#[test]
fn keycloaks_audience_account_needs_a_mapper() {
    Answer::to(&keycloak().claim("aud", "account").sign(), &KEYCLOAK)
        .because_of("aud_mismatch")
        .says("Its only audience is \"account\", which Keycloak writes into nearly every token of the realm")
        .says("Client scopes → Mappers → Add mapper → By configuration → Audience")
        .says("enter \"https://api.example\" as *Included Custom Audience*")
        .never("add it to");
}

#[test]
fn an_id_token_is_not_for_an_api() {
    Answer::to_usual(&Token::id_token(ISSUER, "bea2d0000000a110", NOW))
        .because_of("typ_not_accepted")
        .says("This is an ID token")
        .says("Send the access token: the value of `access_token`")
        .never("by_audience")
        .never("audiences");
}

#[test]
fn a_refresh_token_of_keycloak_is_named_whatever_signs_it() {
    let secret = SigningKey::from_secret(Algorithm::Hs512, &[7; 64]).expect("a secret");
    for typ in ["Refresh", "Offline"] {
        let token = keycloak()
            .claim("typ", typ)
            .claim("aud", REALM)
            .key(secret.clone());
        for profile in ["keycloak", "rfc9068", "generic"] {
            let options = [
                "--issuer",
                REALM,
                "--audience",
                AUDIENCE,
                "--profile",
                profile,
            ];
            Answer::to(&token.sign(), &options)
                .because_of("alg_not_allowed")
                .says("This is a refresh token")
                .says(
                    "If this refresh token was sent to a server other than its issuer, revoke it.",
                )
                .never("secret")
                .never("audience")
                .never("RS256");
        }
    }
}

#[test]
fn an_opaque_token_of_authgear_needs_a_setting() {
    Answer::to(
        "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4",
        &["--issuer", ISSUER, "--audience", AUDIENCE],
    )
    .because_of("not_compact_jws")
    .says("This is an opaque access token of Authgear (32 letters and digits), not a JWT.")
    .says("turn on the application's option \"Issue JWT as access token\"")
    .never("cut off");
}

#[test]
fn opaque_tokens_are_known_by_their_prefix() {
    for (token, what, remedy) in [
        (
            "ory_at_abc.def",
            "an opaque access token of Ory Hydra",
            "`strategies.access_token: jwt`",
        ),
        (
            "ory_rt_abc.def",
            "a refresh token of Ory Hydra",
            "Send the access token",
        ),
        (
            "ghp_abcdef",
            "a personal access token of GitHub",
            "Only GitHub's own API accepts it.",
        ),
        (
            "github_pat_1_2",
            "a personal access token of GitHub",
            "Only GitHub's own API",
        ),
        (
            "gho_abcdef",
            "an OAuth access token of GitHub",
            "Only GitHub's own API",
        ),
        (
            "ya29.a0AfB_by",
            "an opaque access token for Google's own APIs",
            "an ID token of Google",
        ),
    ] {
        Answer::to(token, &["--issuer", ISSUER, "--audience", AUDIENCE])
            .because_of("not_compact_jws")
            .says(what)
            .says(remedy)
            .never("Authgear");
    }
}

/// A token that lost a part, with the reason that refuses it and why.
fn cut_tokens() -> Vec<(String, &'static str, &'static str)> {
    let whole = good().sign();
    let (signed, signature) = whole.rsplit_once('.').expect("a signature");
    let (header, payload) = signed.split_once('.').expect("a payload");
    let first = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    let without_start: String = header.chars().skip(9).collect();
    let in_header = "it ends within or after its header";
    let in_payload = "it ends within or after its payload";
    vec![
        (first(header, 40), "not_compact_jws", in_header),
        (header.to_owned(), "not_compact_jws", in_header),
        (first(signed, 400), "not_compact_jws", in_payload),
        (signed.to_owned(), "not_compact_jws", in_payload),
        (
            format!("{signed}.{}", first(signature, 172)),
            "signature_length",
            "its signature is only 129 bytes, and one of RS256 has at least 256",
        ),
        (
            format!("{signed}.{}", first(signature, 41)),
            "base64_not_canonical",
            "its signature is only 30 bytes",
        ),
        (
            format!("{signed}."),
            "signature_length",
            "it has no signature after its second dot",
        ),
        (
            format!("{}...{}", first(header, 20), first(signature, 9)),
            "not_compact_jws",
            "it has an ellipsis in place of a part",
        ),
        (
            format!("{without_start}.{payload}.{signature}"),
            "base64_not_canonical",
            "The beginning of the token is missing",
        ),
    ]
}

#[test]
fn a_cut_token_is_to_be_copied_again() {
    for (token, reason, why) in cut_tokens() {
        Answer::to(&token, &["--issuer", ISSUER, "--audience", AUDIENCE])
            .because_of(reason)
            .says(why)
            .says("Copy the whole token again, ")
            .never("opaque")
            .never("another environment");
    }
    Answer::to_usual(&good().claim("exp", 1)).never("cut off");
}

#[test]
fn a_version_1_token_of_entra_needs_the_manifest() {
    let token = with_claims(&json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": "api://6e74172b", "sub": "s",
        "tid": TENANT, "ver": "1.0", "appid": "c", "scp": "Orders.Read",
    }));
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let options = [
        "--issuer",
        &issuer,
        "--audience",
        "6e74172b",
        "--profile",
        "entra",
    ];
    Answer::to(&token.header("typ", "JWT").sign(), &options)
        .because_of("issuer_unknown")
        .says("This is a version 1 token of Microsoft Entra")
        .says("set `requestedAccessTokenVersion` to 2")
        .says(TENANT)
        .never("another environment");
}

#[test]
fn a_token_of_another_tenant_names_both() {
    let other = "b9419818-09af-49c2-b0c3-653adc1f376e";
    let token = with_claims(&json!({
        "iss": format!("https://login.microsoftonline.com/{other}/v2.0"), "aud": "6e74172b", "sub": "s",
        "tid": other, "ver": "2.0", "azp": "c", "scp": "Orders.Read",
    }));
    let token = token.header("typ", "JWT").sign();
    let configuration = format!(
        "[[issuers]]\nissuer = 'https://login.microsoftonline.com/{{tenantid}}/v2.0'\nprofile = 'entra'\n\
         tenants = ['{TENANT}']\naudiences = ['6e74172b']\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\n"
    );
    Answer::to_request(&token, &configuration, &[])
        .because_of("issuer_unknown")
        .says(&format!(
            "It is of the tenant \"{other}\" of Microsoft Entra; this server trusts \"{TENANT}\"."
        ))
        .says("If that tenant may use this API, add it to `tenants`.")
        .shows_pair(
            &format!("tid expected \"{TENANT}\", found \"{other}\""),
            &["iss", "aud", "tid"],
        )
        .never("another environment");
}

#[test]
fn a_token_for_microsoft_graph_is_for_nobody_else() {
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    let token = with_claims(&json!({
        "iss": issuer, "aud": "00000003-0000-0000-c000-000000000000", "sub": "s", "tid": TENANT, "ver": "1.0",
        "appid": "c", "scp": "User.Read",
    }));
    let token = token.header("typ", "JWT").header("nonce", "n").sign();
    let options = [
        "--issuer",
        &issuer,
        "--audience",
        "6e74172b",
        "--profile",
        "entra",
    ];
    Answer::to(&token, &options)
        .because_of("aud_mismatch")
        .says("This is an access token for Microsoft Graph, not for your API.")
        .says("because of the `nonce` in its header")
        .says("Have the client request a scope of your API")
        .never("add it to")
        .never("requestedAccessTokenVersion");
}

#[test]
fn an_hs256_token_of_auth0_needs_another_algorithm_of_the_api() {
    let issuer = "https://shop.eu.auth0.com/";
    let secret = SigningKey::from_secret(Algorithm::Hs256, &[7; 32]).expect("a secret");
    let token = with_claims(
        &json!({ "iss": issuer, "aud": AUDIENCE, "sub": "auth0|1", "azp": "c", "scope": "a" }),
    );
    let token = token.header("typ", "JWT").key(secret).sign();
    let options = [
        "--issuer",
        issuer,
        "--audience",
        AUDIENCE,
        "--profile",
        "auth0",
    ];
    Answer::to(&token, &options)
        .because_of("alg_not_allowed")
        .says("It is signed with HS256")
        .says("set *Signing algorithm* to RS256")
        .never("--secret")
        .never("`secret`");
}

#[test]
fn no_secret_is_advised_if_the_issuer_has_other_keys() {
    let secret = SigningKey::from_secret(Algorithm::Hs256, &[7; 32]).expect("a secret");
    Answer::to_usual(&good().key(secret))
        .because_of("alg_not_allowed")
        .says("The issuer publishes keys for asymmetric signatures")
        .never("--secret")
        .never("`secret`");
}

#[test]
fn an_encrypted_token_of_auth0_needs_an_audience() {
    let token =
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA";
    Answer::to(
        token,
        &[
            "--issuer",
            "https://shop.eu.auth0.com/",
            "--audience",
            AUDIENCE,
        ],
    )
    .because_of("jwe_not_supported")
    .says("Auth0 issues it, for itself, if the client requested no audience.")
    .says("the parameter `audience` with the identifier of the API")
    .never("secret");
}

const CONFIGURATION: &str = "
[[issuers]]
issuer = 'https://id.example/realms/shop'
profile = 'keycloak'
audiences = ['https://api.example']
jwks_file = 'jwks.json'

[requirements.reader]
scopes = ['orders:read']

[requirements.buyer]
roles_claim = 'roles'
roles = ['buyer']

[requirements.admin]
roles_claim = ['realm_access', 'roles']
roles = ['admin']

[requirements.recent]
max_age = '5m'

[[routes]]
name = 'orders'
path_prefix = '/orders'
";

#[test]
fn a_missing_scope_is_named_with_its_requirement() {
    let configuration = format!("{CONFIGURATION}require = 'reader'\n");
    Answer::to_request(&keycloak().sign(), &configuration, &[])
        .because_of("insufficient_scope")
        .says("`[requirements.reader]` requires the scope \"orders:read\", and the token has \"openid profile\".")
        .says("Have the client request \"orders:read\" when it gets its token.")
        .never("Give the user");
}

#[test]
fn a_nested_role_is_found_where_it_is() {
    let configuration = format!("{CONFIGURATION}require = 'buyer'\n");
    Answer::to_request(&keycloak().sign(), &configuration, &[])
        .because_of("claim_rule")
        .says(
            "`[requirements.buyer]` requires \"buyer\" in the claim [\"roles\"], which the token does not have; it has \
             it in [\"realm_access\", \"roles\"].",
        )
        .says("Write the path [\"realm_access\", \"roles\"] in `[requirements.buyer]`")
        .never("Give the user");
}

#[test]
fn a_role_that_the_user_lacks_is_not_a_matter_of_its_path() {
    let configuration = format!("{CONFIGURATION}require = 'admin'\n");
    Answer::to_request(&keycloak().sign(), &configuration, &[])
        .because_of("claim_rule")
        .says("requires \"admin\" in the claim [\"realm_access\", \"roles\"], and the token has [\"buyer\"].")
        .says("Give the user or client that value at the issuer, then have the client get a new token")
        .never("Check the path");
    let without = keycloak().without_claim("realm_access").sign();
    Answer::to_request(&without, &configuration, &[])
        .because_of("claim_rule")
        .says("in the claim [\"realm_access\", \"roles\"], which the token does not have.")
        .says("Check the path in `[requirements.admin]`");
}

#[test]
fn an_empty_audience_is_for_no_audience() {
    Answer::to_usual(&good().claim("aud", json!([])))
        .because_of("aud_missing")
        .says("It is for no audience: its `aud` is empty.")
        .says("Have the client request the audience \"https://api.example\"")
        .never("has no `aud`");
    Answer::to_usual(&good().without_claim("aud"))
        .because_of("aud_missing")
        .says("It has no `aud`: its issuer did not say for whom it is.")
        .never("is empty");
    let cognito = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x";
    let token = good()
        .claim("iss", cognito)
        .claim("token_use", "access")
        .without_claim("aud");
    Answer::to(
        &token.sign(),
        &["--issuer", cognito, "--audience", "client"],
    )
    .because_of("aud_missing")
    .says("Amazon Cognito names the app client in `client_id` instead.")
    .says("--profile cognito");
}

#[test]
fn a_bound_token_says_to_what() {
    for (member, how) in [("jkt", "DPoP"), ("x5t#S256", "mutual TLS")] {
        let cnf = json!({ member: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" });
        Answer::to_usual(&good().claim("cnf", cnf.clone()))
            .because_of("cnf_not_proven")
            .says(&format!("It is bound to a key of its client by {how}"))
            .says("turn the binding off")
            .never("ignore");
        Answer::to(&keycloak().claim("cnf", cnf).sign(), &KEYCLOAK)
            .because_of("cnf_not_proven")
            .says("In Keycloak, turn off *Require DPoP bound tokens*");
    }
}

#[test]
fn a_key_that_a_rotation_removed_needs_a_new_token() {
    Answer::to_usual(&good().key(SigningKey::second(Algorithm::Rs256)))
        .because_of("kid_unknown")
        .says("the issuer has no key of that name now: the key was removed after a rotation")
        .says("Get a new token.")
        .never("secret");
}

#[test]
fn a_clock_that_is_ahead_is_to_be_set() {
    Answer::to_usual(&good().issued_at(NOW.plus(MINUTES_5)))
        .because_of("iat_in_future")
        .says(
            "Its time of issue lies in the future: 2023-11-14T22:18:20Z (in 5 min), and it is 2023-11-14T22:13:20Z here.",
        )
        .says("Compare `date -u` on both machines, and synchronise their clocks (NTP).")
        .never("Get a new token");
    Answer::to_usual(&good().not_before(NOW.plus(MINUTES_5)))
        .because_of("token_not_yet_valid")
        .says("It becomes valid in the future: 2023-11-14T22:18:20Z (in 5 min)");
}

#[test]
fn a_token_of_keycloak_without_sub_needs_the_scope_basic() {
    Answer::to(&keycloak().without_claim("sub").sign(), &KEYCLOAK)
        .because_of("claim_missing")
        .says("It has no sub.")
        .says("add the client scope `basic` to the client")
        .says("*Always use lightweight access token*")
        .never("profile");
}

#[test]
fn a_changed_token_does_not_verify() {
    let mut parts = good().parts();
    parts.payload_b64 = good().claim("sub", "somebody else").parts().payload_b64;
    Answer::to(
        &parts.encode(),
        &["--issuer", ISSUER, "--audience", AUDIENCE],
    )
    .because_of("signature_invalid")
    .says("its header or payload was changed after it was signed")
    .says("Get a new token and send it unchanged.")
    .never("secret");
}

#[test]
fn an_internal_name_of_keycloak_is_not_another_environment() {
    let token = keycloak().claim("iss", "http://keycloak:8080/realms/shop");
    Answer::to(&token.sign(), &KEYCLOAK)
        .because_of("issuer_unknown")
        .says("Keycloak writes the name under which the client reached it into `iss`.")
        .says("Give Keycloak its public name (KC_HOSTNAME)")
        .says("`--internal-origin`")
        .never("another environment");
}

#[test]
fn other_kinds_of_jwts_have_their_names() {
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    for (token, what) in [
        (good().header("typ", "logout+jwt"), "a logout token"),
        (
            good().header("typ", "JWT").claim("events", logout),
            "a logout token",
        ),
        (
            good().header("typ", "secevent+jwt"),
            "a security event token",
        ),
        (good().header("typ", "dpop+jwt"), "a DPoP proof"),
        (
            good().header("typ", "token-introspection+jwt"),
            "a signed response of an introspection endpoint",
        ),
    ] {
        Answer::to_usual(&token)
            .says(what)
            .never("profile")
            .never("audiences");
    }
    let user_info =
        with_claims(&json!({ "iss": ISSUER, "aud": "client", "sub": "s", "email": "a@b.example" }));
    let user_info = user_info
        .without_claim("exp")
        .without_claim("iat")
        .header("typ", "JWT");
    Answer::to_usual(&user_info)
        .because_of("typ_not_accepted")
        .says("This looks like a signed response of the UserInfo endpoint");
}

#[test]
fn a_token_of_oktas_org_server_needs_the_custom_one() {
    let org = "https://dev-1.okta.com";
    let token = with_claims(&json!({
        "iss": org, "aud": org, "sub": "a", "cid": "c", "uid": "u", "scp": ["openid"], "jti": "x",
    }));
    let custom = "https://dev-1.okta.com/oauth2/default";
    let options = [
        "--issuer",
        custom,
        "--audience",
        "api://default",
        "--profile",
        "okta",
    ];
    Answer::to(&token.header("typ", "JWT").sign(), &options)
        .because_of("issuer_unknown")
        .says("It was issued by Okta's org authorization server \"https://dev-1.okta.com\"")
        .says("Have the client use the authorization server \"https://dev-1.okta.com/oauth2/default\".")
        .never("another environment");
}

/// Nothing but the signer says which load balancer it was.
#[test]
fn another_load_balancer_is_named_by_its_arn() {
    let arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";
    let setting = Setting::new();
    let key = SigningKey::first(Algorithm::Es256).with_kid("6e1b4a0c-9d0f-4a53-8f4c-0a1b2c3d4e5f");
    let pem = setting.write("key.pem", key.public_key_pem().expect("a public key"));
    let token = Token::id_token(ISSUER, "unused", NOW)
        .without_claim("aud")
        .key(key);
    let token = token.header("client", "c").header("signer", "arn:other");
    let explain = |token: &Token| {
        Answer::of(|format| {
            let mut command =
                program::command(["explain", "--profile", "aws-alb", "--format", format]);
            command.args([
                "--issuer",
                ISSUER,
                "--audience",
                arn,
                "--at",
                &NOW.as_secs().to_string(),
            ]);
            command.arg("--jwks").arg(&pem).arg(token.sign_padded());
            program::run(command)
        })
    };
    explain(&token)
        .because_of("aud_mismatch")
        .says(&format!(
            "It is signed by the load balancer \"arn:other\", and this server trusts \"{arn}\"."
        ))
        .says("If that load balancer is yours, add its ARN to `--audience`")
        .never("Cognito")
        .never("ID token");
    explain(&token.without_header("signer"))
        .because_of("aud_missing")
        .says("no load balancer signed it")
        .never("Cognito");
}

#[test]
fn a_secret_with_a_line_feed_is_found_out() {
    let setting = Setting::new();
    let secret = "0123456789abcdef0123456789abcdef";
    for (given, signed_with, said) in [
        (
            format!("{secret}\n"),
            secret.to_owned(),
            "without the white space at its end",
        ),
        (
            secret.to_owned(),
            format!("{secret}\n"),
            "with a line feed at its end",
        ),
    ] {
        let file = setting.write("secret", given);
        let key =
            SigningKey::from_secret(Algorithm::Hs256, signed_with.as_bytes()).expect("a secret");
        let token = good().key(key).without_header("kid").sign();
        let answer = Answer::of(|format| {
            let mut command =
                program::command(["explain", "--algorithm", "HS256", "--format", format]);
            command.args([
                "--issuer",
                ISSUER,
                "--audience",
                AUDIENCE,
                "--at",
                &NOW.as_secs().to_string(),
            ]);
            command
                .arg("--secret")
                .arg(format!("file:{}", file.display()))
                .arg(&token);
            program::run(command)
        });
        answer
            .because_of("signature_invalid")
            .says(&format!("The signature verifies with the secret {said}."));
    }
}

#[test]
fn a_field_that_cannot_carry_a_claim_is_named() {
    let configuration = format!(
        "{CONFIGURATION}\n[[identity.fields]]\nheader = 'X-Name'\nclaim = ['profile', 'name']\nencoding = 'plain'\n"
    );
    let token = keycloak().claim("profile", json!({ "name": "Zoe\nX-Role: admin" }));
    Answer::to_request(&token.sign(), &configuration, &[])
        .because_of("claim_not_header_safe")
        .says("The identity field `x-name` has `profile > name`, which cannot be written into it unchanged.")
        .says("Choose an `encoding` for this field in [identity]")
        .never("max_bytes");
}

/// An access token of an old login, and the ID token of a new one.
fn logins(client: &str) -> (String, Token) {
    let access = good().authenticated_at(NOW.minus(HOUR));
    (access.sign(), Token::id_token(ISSUER, client, NOW))
}

const CLIENT: &str = "bea2d0000000a110";

const RECENT: &str = "
[[issuers]]
issuer = 'https://id.example'
audiences = ['https://api.example']
jwks_file = 'jwks.json'

[requirements.recent]
max_age = '5m'

[[routes]]
name = 'orders'
path_prefix = '/orders'
require = 'recent'
";

#[test]
fn an_old_login_is_refused_and_an_id_token_of_another_client_does_not_help() {
    let (access, _) = logins(CLIENT);
    Answer::to_request(&access, RECENT, &[])
        .because_of("auth_time_unsatisfied")
        .says(
            "The user logged in at 2023-11-14T21:13:20Z (60 min ago); `[requirements.recent]` allows 5 min.",
        )
        .says("Have the client re-authenticate the user.")
        .never("does not say when");
    let silent = good().without_claim("auth_time").sign();
    Answer::to_request(&silent, RECENT, &[])
        .because_of("auth_time_unsatisfied")
        .says(
            "The token does not say when the user logged in; `[requirements.recent]` allows 5 min.",
        );
    Answer::to_request(&access, RECENT, &["--id-token", &access])
        .because_of("id_token_invalid")
        .says("This is an access token, not an ID token: send the value of `id_token`")
        .says("Send the ID token that the re-authentication returned, without delay.")
        .never("bearward explain");
    let (access, id_token) = logins("another");
    let id_token = id_token.sign();
    Answer::to_request(&access, RECENT, &["--id-token", &id_token])
        .because_of("id_token_mismatch")
        .says("The `aud` of the ID token is [\"another\"], expected is \"bea2d0000000a110\", the client of the access token.")
        .says("Re-authenticate the same user")
        .never("bearward explain")
        .never("access token, not an ID token")
        .says("`auth_time` of the access token: 2023-11-14T21:13:20Z (60 min ago); of the ID token: 2023-11-14T22:13:20Z (now)");
    let expired = Token::id_token(ISSUER, CLIENT, NOW)
        .expires_at(NOW.minus(MINUTES_5))
        .sign();
    Answer::to_request(&access, RECENT, &["--id-token", &expired])
        .because_of("id_token_invalid")
        .says("The `exp` of the ID token is 2023-11-14T22:08:20Z (expired 5 min ago), expected is after");
}

#[test]
fn an_id_token_of_a_new_login_satisfies_max_age() {
    let setting = Setting::new();
    let file = setting.write("b.toml", RECENT);
    let (access, id_token) = logins(CLIENT);
    let (access, id_token) = (
        setting.write("access", access + "\n"),
        setting.write("id", id_token.sign()),
    );
    let of = |path: &std::path::Path| format!("file:{}", path.display());
    let run = |format: &str| {
        let mut command = program::command(["explain", "--url", "/orders", "--config"]);
        command
            .arg(&file)
            .args(["--at", &NOW.as_secs().to_string()]);
        command.args([
            "--format",
            format,
            "--id-token",
            &of(&id_token),
            &of(&access),
        ]);
        let ended = program::run(command);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let said = on_one_line(&run("text"));
    for sentence in [
        "admitted",
        "the ID token accepted: it belongs to the access token",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    let json: Value = serde_json::from_str(&run("json")).expect("JSON");
    assert_eq!(json["id_token"]["accepted"], true);
    let check = &json["route"]["alternatives"][0]["checks"][0];
    assert_eq!(check["verdict"], "ok");
    let found = "2023-11-14T21:13:20Z (60 min ago); ID token: 2023-11-14T22:13:20Z (now)";
    assert_eq!(check["found"], found);
}

#[test]
fn an_id_token_is_explained_without_a_request_too() {
    let setting = Setting::new();
    let (access, id_token) = logins(CLIENT);
    for (name, id_token, accepted, reason) in [
        ("good", id_token.sign(), json!(true), Value::Null),
        (
            "other",
            id_token.claim("sub", "x").sign(),
            json!(false),
            json!("id_token_mismatch"),
        ),
        (
            "access",
            good().sign(),
            json!(false),
            json!("typ_not_accepted"),
        ),
        (
            "text",
            "x".to_owned(),
            json!(false),
            json!("not_compact_jws"),
        ),
    ] {
        let id_token = setting.write(name, id_token);
        let mut command = setting.command("explain");
        command
            .args(["--format", "json", "--id-token"])
            .arg(format!("file:{}", id_token.display()));
        let ended = program::run_with(
            {
                command.arg("-");
                command
            },
            access.clone(),
        );
        assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
        let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(json["token"]["accepted"], true, "{name}");
        assert_eq!(
            (&json["id_token"]["accepted"], &json["id_token"]["reason"]),
            (&accepted, &reason),
            "{name}"
        );
    }
    // Nothing can belong to a token that is refused.
    let mut command = setting.command("explain");
    command.args(["--id-token", "x", "y"]);
    let ended = program::run(command);
    assert!(
        on_one_line(&ended.stdout).contains("Not examined: an ID token counts only along with"),
        "{ended:?}"
    );
}

#[test]
fn a_token_that_cannot_be_read_is_a_usage_error() {
    let setting = Setting::new();
    for (arguments, said) in [
        (
            ["--id-token", "-", "-"],
            "standard input has one token: give the other one as file:PATH",
        ),
        (["--id-token", "file:no/such", "x"], "no/such: "),
        (["--id-token", "x", "file:no/such"], "no/such: "),
    ] {
        let mut command = setting.command("explain");
        command.args(arguments);
        let ended = program::run(command);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}

#[test]
fn where_a_cookie_carries_the_token_pages_of_strangers_are_named() {
    let sources = "[[protection.sources]]\ncookie = 'session'\n";
    for (sources, is_noted) in [(sources, true), ("", false)] {
        let setting = Setting::new();
        let file = setting.write("b.toml", format!("{RECENT}\n{sources}"));
        let mut command = program::command(["explain", "--url", "/orders", "--config"]);
        command.arg(&file);
        let said = on_one_line(&program::run(command).stdout);
        assert_eq!(
            said.contains("must come from the origin of the API or from `origins`"),
            is_noted,
            "{said}"
        );
    }
}

/// Of two things that are wrong, the first row that fails is the reason.
#[test]
fn the_rows_stand_in_the_order_of_decision() {
    type Spoil = fn(Token) -> Token;
    let spoils: [Spoil; 16] = [
        |token| token.header("alg", "none"),
        |token| token.header("alg", "HS256"),
        |token| token.header("crit", vec!["b64"]),
        |token| token.header("b64", false),
        |token| token.header("zip", "DEF"),
        |token| token.header("kid", 5),
        |token| token.header("typ", "JWT"),
        |token| token.claim("iss", "https://other.example"),
        |token| token.key(SigningKey::second(Algorithm::Rs256)),
        |token| token.claim("aud", "other"),
        |token| token.claim("exp", 5),
        |token| token.claim("nbf", 5_000_000_000_u64),
        |token| token.claim("iat", 5_000_000_000_u64),
        |token| token.without_claim("jti"),
        |token| token.claim("scope", 5),
        |token| token.claim("cnf", json!({ "jkt": "x" })),
    ];
    let setting = Setting::new();
    let reason = |token: &Token| {
        let mut command = setting.command("explain");
        command.args(["--format", "json", &token.sign()]);
        let ended = program::run(command);
        let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let checks = json["checks"].as_array().expect("checks");
        let first = checks.iter().find(|check| check["verdict"] == "FAIL");
        let first = first.expect("a check that fails")["reason"].clone();
        assert_eq!(json["reason"], first, "{json}");
    };
    for (at, one) in spoils.iter().enumerate() {
        for other in &spoils[at..] {
            reason(&other(one(good())));
        }
    }
}

/// The keys of these tests are those that the tokens are signed with.
#[test]
fn a_good_token_of_keycloak_is_accepted() {
    let setting = Setting::new();
    let keys = keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]);
    setting.write("jwks.json", keys.to_string());
    let mut command = program::command(["explain", "--at", &NOW.as_secs().to_string(), "--jwks"]);
    command
        .arg(setting.jwks())
        .args(KEYCLOAK)
        .arg(keycloak().sign());
    let ended = program::run(command);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("whether its user was"),
        "{}",
        ended.stdout
    );
}

const USUAL: [&str; 4] = ["--issuer", ISSUER, "--audience", AUDIENCE];

/// The first characters of a text.
fn first(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

#[test]
fn a_shortened_token_is_to_be_copied_whole() {
    let whole = good().sign();
    let (begin, end) = (first(&whole, 12), whole.split_at(whole.len() - 9).1);
    let begin_300 = first(&whole, 300);
    for token in [
        format!("{begin}...{end}"),
        format!("{begin}..{end}"),
        format!("{begin}…{end}"),
        format!("{begin_300}..."),
        format!("{begin_300}.."),
        format!("{begin_300}…"),
        format!("{begin_300}....."),
        format!("{whole}..."),
        "a1B2c3D4...e5F6".to_owned(),
    ] {
        Answer::to(&token, &USUAL)
            .says("The token was shortened: it has an ellipsis in place of a part.")
            .says("Copy the whole token again, to its last character")
            .never("encrypted")
            .never("Authgear")
            .never("Configure the issuer");
    }
}

#[test]
fn a_token_with_a_hole_is_to_be_copied_again() {
    let parts = good().parts();
    for (at, length) in [(60, 36), (100, 40), (40, 77), (33, 1)] {
        let mut damaged = parts.clone();
        damaged.payload_b64.replace_range(at..at + length, "");
        Answer::to(&damaged.encode(), &USUAL)
            .says("Something is missing from the payload of the token, or was changed within it")
            .says("Copy the whole token again, without any change.")
            .never("encoder")
            .never("issuer is")
            .never("load balancer")
            .never("aws-alb");
    }
    let mut damaged = parts;
    damaged.header_b64.replace_range(20..31, "");
    Answer::to(&damaged.encode(), &USUAL)
        .says("Something is missing from the header of the token")
        .never("encoder")
        .never("aws-alb");
}

#[test]
fn only_tokens_of_a_load_balancer_lead_to_its_profile() {
    let token = format!("{}==", good().sign());
    Answer::to(&token, &USUAL)
        .because_of("base64_not_canonical")
        .says("is not the base64url that its issuer wrote: signature: padding (=).")
        .says("exactly as the issuer returned it")
        .never("aws-alb")
        .never("load balancer");
    let token = good().header("signer", "arn:x").sign();
    Answer::to(&format!("{token}=="), &USUAL)
        .because_of("base64_not_canonical")
        .says("aws-alb");
}

#[test]
fn an_empty_input_has_no_token() {
    for token in ["", " ", "\"\""] {
        Answer::to(token, &USUAL)
            .because_of("not_compact_jws")
            .says("There is no token: the input is empty.")
            .never("Authgear")
            .never("hint");
    }
}

/// `token` in lines of 80 characters.
fn in_lines(token: &str) -> String {
    let characters: Vec<char> = token.chars().collect();
    let lines = characters
        .chunks(80)
        .map(|line| line.iter().collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_around_a_token_is_a_note_if_the_token_alone_is_refused() {
    let token = good()
        .issued_at(NOW.minus(HOUR))
        .expires_at(NOW.minus(MINUTES_5));
    let token = token.sign();
    for (given, note) in [
        (
            format!("\"{token}\""),
            "The token has quotes around it; the checks below leave them out.",
        ),
        (
            format!("Bearer {token}"),
            "The token has the scheme Bearer before it; the checks below leave it out.",
        ),
        (
            in_lines(&token),
            "The token has line breaks within it; the checks below leave them out.",
        ),
    ] {
        Answer::to(&given, &USUAL)
            .because_of("token_expired")
            .says("It expired 5 min ago")
            .says(note)
            .never("Send the token alone")
            .never("base64_not_canonical");
        let answer = Answer::to_request(&given, RECENT, &[]);
        assert!(!answer.text.contains("hint"), "{}", answer.text);
        answer
            .says(note)
            .says("Send the token alone")
            .says("The token alone is refused for token_expired: It expired 5 min ago");
    }
}

#[test]
fn what_is_around_a_good_token_is_the_reason() {
    let token = good().sign();
    for (given, why) in [
        (
            format!("\"{token}\""),
            "The token has quotes around it; the token would be accepted without them.",
        ),
        (
            format!("Bearer {token}"),
            "The token has the scheme Bearer before it; the token would be accepted without it.",
        ),
        (
            in_lines(&token),
            "The token has line breaks within it; the token would be accepted without them.",
        ),
    ] {
        Answer::to(&given, &USUAL)
            .because_of("base64_not_canonical")
            .says(why)
            .says("Send the token alone")
            .never("aws-alb");
    }
}

#[test]
fn a_consequence_is_not_another_reason() {
    let stranger = good()
        .claim("iss", "https://other.example")
        .key(SigningKey::second(Algorithm::Rs256));
    Answer::to_usual(&stranger)
        .because_of("issuer_unknown")
        .never("kid_unknown")
        .never("aud expected");
    let response = format!(r#"{{"access_token":"{}"}}"#, good().sign());
    Answer::to(&response, &USUAL)
        .because_of("not_compact_jws")
        .says("Send only the value of its `access_token`.")
        .never("base64_not_canonical")
        .never("also");
    let two = good().claim("iss", "https://other.example").claim("exp", 1);
    Answer::to_usual(&two)
        .because_of("issuer_unknown")
        .text_has("also it would fail for token_expired");
}

/// A token, under no profile.
fn under_no_profile(token: &Token, issuer: &str, audience: &str) -> Answer {
    let options = ["--issuer", issuer, "--audience", audience];
    Answer::to(&token.sign(), &options)
}

#[test]
fn the_profile_of_a_known_issuer_is_assumed() {
    let said = "profile keycloak, assumed from the issuer; pass --profile to choose";
    let answer = under_no_profile(&keycloak().claim("aud", "account"), REALM, AUDIENCE)
        .because_of("aud_mismatch")
        .says("Its only audience is \"account\"")
        .text_has(said)
        .never("RFC 9068");
    assert_eq!(answer.json["assumed_profile"], "keycloak");
    under_no_profile(&keycloak().without_claim("sub"), REALM, AUDIENCE)
        .because_of("claim_missing")
        .says("add the client scope `basic` to the client")
        .text_has(said)
        .never("RFC 9068");
    let chosen = Answer::to(&keycloak().claim("aud", "account").sign(), &KEYCLOAK);
    assert!(!chosen.text.contains("assumed"), "{}", chosen.text);
    assert_eq!(chosen.json.get("assumed_profile"), None);
    // What a token says of itself counts for more.
    let marked = keycloak().header("typ", "at+jwt").without_claim("sub");
    let marked = under_no_profile(&marked, REALM, AUDIENCE).because_of("claim_missing");
    assert!(!marked.text.contains("assumed"), "{}", marked.text);
    let unknown = Answer::to_usual(&good().claim("exp", 1));
    assert!(!unknown.text.contains("assumed"), "{}", unknown.text);
}

fn entra_version_1(audience: &str) -> Token {
    let token = with_claims(&json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": audience, "sub": "s", "tid": TENANT, "ver": "1.0",
        "appid": "c", "scp": "Orders.Read",
    }));
    token.header("typ", "JWT")
}

#[test]
fn the_application_of_entra_in_either_spelling_is_the_same() {
    let id = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
    let uri = format!("api://{id}");
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    for (found, ours) in [(uri.as_str(), id), (id, uri.as_str())] {
        under_no_profile(&entra_version_1(found), &issuer, ours)
            .because_of("issuer_unknown")
            .says("This is a version 1 token of Microsoft Entra")
            .says("set `requestedAccessTokenVersion` to 2")
            .never("another audience")
            .never("hint");
        let version_1 = format!("https://sts.windows.net/{TENANT}/");
        under_no_profile(&entra_version_1(found), &version_1, ours)
            .because_of("aud_mismatch")
            .says("in the spelling of the other version of Microsoft Entra's tokens")
            .says(&format!("Add \"{found}\" to `--audience`."))
            .never("another audience");
    }
    under_no_profile(&entra_version_1("api://other"), &issuer, id)
        .because_of("issuer_unknown")
        .says("It is a token for another audience: \"api://other\"");
}

/// What is said of a token without an issuer or an audience.
fn bare(token: &str) -> (String, Value) {
    let run = |format: &str| {
        let at = NOW.as_secs().to_string();
        let ended = program::run(program::command([
            "explain", "--at", &at, "--format", format, token,
        ]));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        ended.stdout
    };
    let json = serde_json::from_str(&run("json")).expect("JSON");
    (on_one_line(&run("text")), json)
}

#[test]
fn without_options_the_usual_mistakes_are_named_all_the_same() {
    let graph = entra_version_1("00000003-0000-0000-c000-000000000000").header("nonce", "n");
    for (token, said, profile) in [
        (
            keycloak().claim("aud", "account"),
            "hint Its only audience is \"account\", which Keycloak writes into nearly every token of the realm: it is for \
             no API. In Keycloak, open a client scope of the API (Client scopes → Mappers → Add mapper → By configuration \
             → Audience), enter your API's audience as",
            "keycloak",
        ),
        (
            entra_version_1("api://x"),
            "hint This is a version 1 token of Microsoft Entra, issued by",
            "entra",
        ),
        (
            graph,
            "why This is an access token for Microsoft Graph, not for your API.",
            "entra",
        ),
    ] {
        let (text, json) = bare(&token.sign());
        assert!(text.contains(said), "{said}\n{text}");
        assert_eq!(json["assumed_profile"], profile);
        assert!(!text.contains("found not configured"), "{text}");
    }
}

#[test]
fn an_undecided_token_comes_with_the_command_that_decides() {
    let (text, json) = bare(&good().sign());
    let command =
        "Run `bearward explain --issuer https://id.example --audience https://api.example TOKEN`.";
    for said in [
        command,
        "compare it with what the server is configured with",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
        assert!(strings(&json).contains(said), "{said}\n{json}");
    }
    assert!(
        text.contains("`--issuer` and `--audience` must say"),
        "{text}"
    );
    assert_eq!(json["accepted"], Value::Null);
    // No API is called so, and a profile that was chosen is part of the question.
    let (text, _) = bare(&keycloak().claim("aud", json!(["account", AUDIENCE])).sign());
    let command = format!("--issuer {REALM} --audience {AUDIENCE} TOKEN`.");
    assert!(text.contains(&command), "{text}");
    let (text, _) = bare(&keycloak().claim("aud", "account").sign());
    assert!(
        text.contains(&format!("--issuer {REALM} --audience AUDIENCE TOKEN`.")),
        "{text}"
    );
    let at = NOW.as_secs().to_string();
    let arguments = [
        "explain",
        "--at",
        &at,
        "--profile",
        "keycloak",
        &keycloak().sign(),
    ];
    let text = on_one_line(&program::run(program::command(arguments)).stdout);
    assert!(text.contains("--profile keycloak TOKEN`."), "{text}");
}

/// The command is made to be copied, so a value that a shell would read is not in it.
#[test]
fn t_err_06_nothing_in_a_token_becomes_part_of_a_command() {
    for hostile in [
        "https://x/$(reboot)",
        "https://x/`reboot`",
        "x; reboot",
        "x' reboot",
        "--config=/etc/passwd",
        "\u{1b}[2J",
    ] {
        let token = good().claim("iss", hostile).claim("aud", hostile);
        let (text, _) = bare(&token.sign());
        let command = "Run `bearward explain --issuer ISSUER --audience AUDIENCE TOKEN`.";
        assert!(text.contains(command), "{hostile:?}\n{text}");
    }
    let (text, _) = bare(&good().claim("iss", "x".repeat(201)).sign());
    assert!(
        text.contains("--issuer ISSUER --audience https://api.example TOKEN"),
        "{text}"
    );
    let (text, _) = bare(&good().claim("iss", "x".repeat(200)).sign());
    assert!(
        text.contains(&format!("--issuer {} --audience", "x".repeat(200))),
        "{text}"
    );
}

#[test]
fn a_clock_that_is_hours_ahead_shows_local_time() {
    let zone = "so one of them may take its local time for UTC";
    for (ahead, hours) in [(3600, 1), (7150, 2), (36_090, 10)] {
        let token = good().issued_at(NOW.plus(Duration::from_secs(ahead)));
        Answer::to_usual(&token.expires_at(NOW.plus(Duration::from_secs(90_000))))
            .because_of("iat_in_future")
            .says("Compare `date -u` on both machines")
            .says(&format!("They differ by about {hours} h, {zone}"));
    }
    for ahead in [60, 1800, 5400] {
        let token = good().issued_at(NOW.plus(Duration::from_secs(ahead)));
        Answer::to_usual(&token.expires_at(NOW.plus(Duration::from_secs(90_000))))
            .because_of("iat_in_future")
            .says("Compare `date -u` on both machines")
            .never(zone);
    }
}

#[test]
fn the_name_of_a_file_is_not_a_token() {
    let setting = Setting::new();
    for name in ["a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4", "token.txt"] {
        let file = setting.write(name, good().sign());
        let file = file.to_str().expect("UTF-8");
        for arguments in [vec![file], vec!["--id-token", file, "x"]] {
            let mut command = setting.command("explain");
            command.args(arguments).current_dir("/");
            let ended = program::run(command);
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (Some(2), ""),
                "{ended:?}"
            );
            let said =
                format!("found the name of a file: pass file:{file} to read the token in it");
            assert!(ended.stderr.contains(&said), "{}", ended.stderr);
            assert!(!ended.stderr.contains("Authgear"), "{}", ended.stderr);
        }
        let mut command = setting.command("explain");
        command.arg(format!("file:{file}"));
        assert_eq!(program::run(command).code, Some(0));
    }
}

#[test]
fn without_a_route_the_list_of_routes_says_why() {
    let setting = Setting::new();
    let file = setting.write("b.toml", RECENT);
    let run = |format: &str| {
        let mut command = program::command(["explain", "--url", "/other", "--format", format]);
        command.arg("--config").arg(&file);
        program::run(command)
    };
    let answer = Answer::of(run)
        .because_of("no_rule")
        .says("The list of routes says for each why it does not match.");
    assert!(!answer.text.contains("bearward explain"), "{}", answer.text);
}
