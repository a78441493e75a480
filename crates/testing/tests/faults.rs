//! Each fault, over a real socket; and that nothing else is wrong with the answer.

use std::time::Duration;

use bearward_testing::keys::OddJwk;
use bearward_testing::{DevIssuer, Fault};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::browser::{Browser, json};

const JWKS: &str = "/oauth2/jwks";
const METADATA: &str = "/.well-known/openid-configuration";

/// The limit of a resource server that takes 256 KiB.
const LIMIT: usize = 256 * 1024;

async fn start(fault: Fault) -> (DevIssuer, Browser) {
    let issuer = DevIssuer::builder().fault(fault).start().await.unwrap();
    let browser = Browser::new(&issuer);
    (issuer, browser)
}

/// The key set under a fault that leaves the metadata alone.
async fn keys(fault: Fault) -> (DevIssuer, Vec<Value>, usize) {
    let (issuer, browser) = start(fault).await;
    let metadata = json(browser.get(METADATA).await).await;
    assert_eq!(metadata["jwks_uri"], issuer.jwks_uri());
    let body = browser.get(JWKS).await.bytes().await.unwrap();
    let set: Value = serde_json::from_slice(&body).unwrap();
    let keys = set["keys"].as_array().unwrap().clone();
    (issuer, keys, body.len())
}

/// The metadata under a fault that leaves the key set alone.
async fn metadata(fault: Fault) -> (DevIssuer, Value) {
    let (issuer, browser) = start(fault).await;
    let set = json(browser.get(JWKS).await).await;
    assert_eq!(set["keys"][0], issuer.signing_key().public_jwk());
    let metadata = json(browser.get(METADATA).await).await;
    (issuer, metadata)
}

#[test]
fn names_are_read_back() {
    for fault in Fault::ALL {
        assert_eq!(fault.to_string().parse(), Ok(*fault));
    }
    assert!("Down".parse::<Fault>().is_err());
}

#[tokio::test]
async fn down_closes_the_connection_without_an_answer() {
    let (issuer, browser) = start(Fault::Down).await;
    for url in [issuer.jwks_uri(), format!("{}{METADATA}", issuer.url())] {
        assert!(browser.client.get(url).send().await.is_err());
    }
    assert_eq!(issuer.fetches().jwks, 1);
    issuer.clear_fault();
    assert_eq!(browser.get(JWKS).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn down_leaves_the_other_endpoints_up() {
    let (_issuer, browser) = start(Fault::Down).await;
    let response = browser.post("/mint", &json!({})).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn hang_answers_when_it_is_cleared() {
    let (issuer, browser) = start(Fault::Hang).await;
    let url = issuer.jwks_uri();
    let waiting = tokio::spawn(async move { browser.client.get(url).send().await });
    issuer.wait_for_fetches(|fetches| fetches.jwks == 1).await;
    assert!(!waiting.is_finished());
    issuer.clear_fault();
    let response = waiting.await.unwrap().unwrap();
    assert_eq!(json(response).await["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn slow_drips() {
    let (_issuer, browser) = start(Fault::Slow).await;
    let mut response = browser.get(JWKS).await;
    assert!(response.content_length().unwrap() > 100);
    assert_eq!(response.chunk().await.unwrap().unwrap(), "{");
    // The second byte is due after 200 ms, the whole document after a minute.
    let second = timeout(Duration::from_secs(10), response.chunk()).await;
    assert_eq!(second.unwrap().unwrap().unwrap(), "\"");
}

#[tokio::test]
async fn error_500() {
    let (_issuer, browser) = start(Fault::Error500).await;
    for path in [JWKS, METADATA] {
        let response = browser.get(path).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn garbage_is_html_with_200() {
    let (_issuer, browser) = start(Fault::Garbage).await;
    let response = browser.get(JWKS).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
    assert!(
        response
            .text()
            .await
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
}

#[tokio::test]
async fn empty_set() {
    let (_issuer, keys, _) = keys(Fault::EmptySet).await;
    assert!(keys.is_empty());
}

#[tokio::test]
async fn huge_bodies_are_good_but_for_their_size() {
    let (issuer, browser) = start(Fault::HugeBody).await;
    for (path, name) in [(JWKS, "keys"), (METADATA, "issuer")] {
        let body = browser.get(path).await.bytes().await.unwrap();
        assert!(body.len() > 4 * 1024 * 1024);
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert!(document.get(name).is_some());
    }
    issuer.clear_fault();
    let body = browser.get(JWKS).await.bytes().await.unwrap();
    assert!(body.len() < LIMIT);
}

#[tokio::test]
async fn endless_goes_on_past_any_limit() {
    let (_issuer, browser) = start(Fault::Endless).await;
    let mut response = browser.get(JWKS).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.content_length(), None);
    let mut received = 0;
    while received < 16 * LIMIT {
        received += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn a_redirect_leads_to_the_document_and_is_counted_when_followed() {
    let (issuer, browser) = start(Fault::Redirect).await;
    let response = browser.get(JWKS).await;
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    let location = response.headers()[header::LOCATION].to_str().unwrap();
    assert_eq!(issuer.fetches().redirected, 0);
    let followed = browser.client.get(location).send().await.unwrap();
    let set = json(followed).await;
    assert_eq!(set["keys"][0], issuer.signing_key().public_jwk());
    assert_eq!(issuer.fetches().redirected, 1);
}

#[tokio::test]
async fn wrong_issuer() {
    let (issuer, metadata) = metadata(Fault::WrongIssuer).await;
    assert_ne!(metadata["issuer"], issuer.url());
    assert_eq!(metadata["jwks_uri"], issuer.jwks_uri());
}

#[tokio::test]
async fn jwks_uri_downgrade_and_file() {
    let (issuer, downgraded) = metadata(Fault::JwksUriDowngrade).await;
    assert_eq!(downgraded["issuer"], issuer.url());
    assert_eq!(downgraded["jwks_uri"], "http://issuer.invalid/oauth2/jwks");
    let (issuer, file) = metadata(Fault::JwksUriFile).await;
    assert_eq!(file["issuer"], issuer.url());
    assert_eq!(file["jwks_uri"], "file:///oauth2/jwks");
}

#[tokio::test]
async fn jwks_uri_unresolvable() {
    let (issuer, metadata) = metadata(Fault::JwksUriUnresolvable).await;
    assert_eq!(metadata["issuer"], issuer.url());
    let url = metadata["jwks_uri"].as_str().unwrap();
    assert!(url.starts_with("https://"), "{url}");
    let error = reqwest::get(url).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn odd_keys_surround_the_good_one() {
    let (issuer, keys, _) = keys(Fault::OddKeys).await;
    let good = issuer.signing_key().public_jwk();
    let place = keys.iter().position(|key| *key == good).unwrap();
    assert!(place > 0 && place < keys.len() - 1);
    assert_eq!(keys.len(), OddJwk::ALL.len() + 1);
}

#[tokio::test]
async fn no_usable_key_has_odd_ones_only() {
    let (issuer, keys, _) = keys(Fault::NoUsableKey).await;
    assert!(!keys.contains(&issuer.signing_key().public_jwk()));
    assert_eq!(keys.len(), OddJwk::ALL.len());
}

#[tokio::test]
async fn too_many_keys_are_too_many_and_no_more() {
    let (issuer, keys, size) = keys(Fault::TooManyKeys).await;
    assert_eq!(keys[0], issuer.signing_key().public_jwk());
    assert_eq!(keys.len(), 10_000);
    assert!(size < LIMIT, "{size}");
}
