//! Inputs of honest issuers that were refused once, each tried with the setting that an operator would
//! write.

use std::path::{Path, PathBuf};

use bearward::{JwkSet, Rejection, RequestHead, UnixTime};
use bearward_gateway::config::{Config, Surroundings};
use serde_json::Value;
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
    let config = Config::parse_in(
        &configuration,
        &Surroundings::of(&folder.path().join("x.toml")),
    )
    .unwrap_or_else(|mistakes| panic!("{}: {}", case["name"], mistakes.render("")));
    let policy = config.server.policy(text("issuer")).expect("a policy");
    let keys = JwkSet::parse(text("jwk_set").as_bytes()).expect("a key set");
    let request = http::Request::get("https://api.example.test/")
        .header("authorization", format!("Bearer {}", text("token")))
        .body(())
        .expect("a request");
    let at = UnixTime::from_secs(case["at"].as_u64().expect("a time"));
    let decided = bearward::core::authenticate(RequestHead::from(&request), &keys, &policy, at);
    decided.map_or_else(
        |rejection: Rejection| rejection.reason().to_owned(),
        |_| "admitted".to_owned(),
    )
}

#[test]
fn a_jws_02_what_honest_issuers_send_has_the_right_verdict() {
    let Some(file) = cases() else {
        return;
    };
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= 17, "{}", cases.len());
    for case in cases {
        assert_eq!(verdict(case), case["right"], "{}", case["name"]);
    }
}
