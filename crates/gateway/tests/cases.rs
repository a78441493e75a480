//! Inputs of honest issuers that were refused once, each tried with the setting that an operator would
//! write.

use std::path::{Path, PathBuf};

use bearward::core::jwk_set::KeyDocument;
use bearward::{
    Algorithm, Issuer, JwkSet, Profile, Rejection, RequestHead, ResourceServer, UnixTime,
};
use bearward_gateway::Decision;
use bearward_gateway::config::{Config, Surroundings};
use bearward_gateway::original::Original;
use bearward_testing::providers::{self, AUDIENCE, ISSUER, NOW};
use bearward_testing::{SigningKey, Token};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The cases next to the folder that `BEARWARD_VECTORS` names, or next to the usual one.
fn cases() -> Option<Value> {
    let named = std::env::var_os("BEARWARD_VECTORS").map(PathBuf::from);
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let file = named.unwrap_or(usual).join("../cases/tokens.json");
    if !file.is_file() {
        println!("skipped: no cases here; BEARWARD_VECTORS names the folder next to theirs");
        return None;
    }
    let text = std::fs::read(&file).expect("a file");
    Some(serde_json::from_slice(&text).expect("JSON"))
}

/// The verdict on a case, by a configuration with its issuer, and its keys from a file.
fn verdict(case: &Value) -> String {
    let text = |name: &str| case[name].as_str().unwrap_or_default();
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("keys.json"), text("jwk_set")).expect("a file");
    let configuration = format!(
        "[[issuers]]\nissuer = {:?}\naudiences = [{:?}]\nprofile = {:?}\njwks_file = \"keys.json\"\n{}\n\
         [[routes]]\nname = \"all\"\npath_prefix = \"/\"\n",
        text("issuer"),
        text("audience"),
        text("profile"),
        text("setting"),
    );
    let request = http::Request::get("https://api.example.test/")
        .header("authorization", format!("Bearer {}", text("token")))
        .body(())
        .expect("a request");
    let at = UnixTime::from_secs(case["at"].as_u64().expect("a time"));
    let by_gateway = decided(&folder, &configuration, at, &request);
    let config = parsed(&folder, &configuration);
    let policy = config.server.policy(text("issuer")).expect("a policy");
    let keys = JwkSet::parse(text("jwk_set").as_bytes()).expect("a key set");
    let by_library = bearward::core::authenticate(RequestHead::from(&request), &keys, &policy, at);
    let by_library = by_library.map_or_else(
        |rejection: Rejection| rejection.reason().to_owned(),
        |_| "admitted".to_owned(),
    );
    assert_eq!(by_gateway, by_library, "{}", case["name"]);
    by_library
}

fn parsed(folder: &TempDir, configuration: &str) -> Config {
    let surroundings = Surroundings::of(&folder.path().join("x.toml"));
    let config = Config::parse_in(configuration, &surroundings);
    config.unwrap_or_else(|mistakes| panic!("{configuration}\n{}", mistakes.render("")))
}

/// What the gateway decides about a request.
fn decided(
    folder: &TempDir,
    configuration: &str,
    at: UnixTime,
    request: &http::Request<()>,
) -> String {
    let config = parsed(folder, configuration);
    let keys = std::fs::read(folder.path().join("keys.json")).expect("a file");
    let mut server = ResourceServer::builder().clock(move || at);
    for name in config.server.issuers() {
        let policy = config.server.policy(name).expect("a policy");
        let keys = policy
            .profile()
            .key_document()
            .parse(&keys)
            .expect("a key set");
        server = server.issuer(Issuer::jwk_set(policy, keys));
    }
    let in_force = config.in_force(server.build().expect("a server"));
    let (target, headers) = (request.uri().path(), request.headers());
    let original = Original::new(request.method(), target, None, headers);
    let decision = in_force.decide(&original);
    match decision.now_or_never().expect("nothing to wait for") {
        Decision::Admit(_) => "admitted".to_owned(),
        Decision::Refuse(refusal) => refusal.reason.code().to_owned(),
        Decision::Publish(_) => panic!("the metadata"),
    }
}

#[tokio::test]
async fn a_jws_02_what_honest_issuers_send_has_the_right_verdict() {
    let Some(file) = cases() else {
        return;
    };
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= 17, "{}", cases.len());
    for case in cases {
        assert_eq!(verdict(case), case["right"], "{}", case["name"]);
    }
}

/// The tokens of each provider, by a configuration that names its profile.
#[tokio::test]
async fn a_jws_02_t_jws_30_each_provider_at_the_gateway() {
    // A load balancer's keys are in no file; `alb.rs` has them.
    let from_a_file = |profile: Profile| profile.key_document() != KeyDocument::PemByKid;
    for provider in providers::all() {
        if !from_a_file(provider.profile) {
            continue;
        }
        let folder = TempDir::new().expect("a folder");
        let mut key = SigningKey::first(Algorithm::Rs256).public_jwk();
        if provider.profile == Profile::Spiffe {
            key["use"] = "jwt-svid".into();
        }
        let keys = json!({ "keys": [key] });
        std::fs::write(folder.path().join("keys.json"), keys.to_string()).expect("a file");
        let profile = provider.profile;
        let configuration = format!(
            "[[issuers]]\nissuer = {ISSUER:?}\naudiences = [{AUDIENCE:?}]\nprofile = \"{profile}\"\n\
             jwks_file = \"keys.json\"\n[[routes]]\nname = \"all\"\npath_prefix = \"/\"\n",
        );
        let verdict = |token: &Token| {
            let request = http::Request::get("https://api.example.test/")
                .header("authorization", format!("Bearer {}", token.sign()))
                .body(())
                .expect("a request");
            decided(&folder, &configuration, NOW, &request)
        };
        assert_eq!(verdict(&provider.access), "admitted", "{profile}");
        for (token, reason) in &provider.others {
            assert_eq!(verdict(token), reason.code(), "{profile}");
        }
    }
}
