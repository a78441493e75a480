//! Metadata and keys, as a fetcher sees them.

use bearward_testing::keys::jwk_set;
use bearward_testing::{Algorithm, DevIssuer, SigningKey};
use http::{StatusCode, header};
use serde_json::json;

use crate::browser::{Browser, json};

const METADATA: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn metadata_names_issuer_and_keys() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let metadata = json(browser.get(METADATA).await).await;
    let same = json(browser.get("/.well-known/oauth-authorization-server").await).await;
    assert_eq!(metadata, same);
    assert_eq!(metadata["issuer"], issuer.url());
    assert_eq!(metadata["jwks_uri"], issuer.jwks_uri());
    assert_eq!(issuer.jwks_uri(), format!("{}/oauth2/jwks", issuer.url()));
    assert_eq!(
        metadata["id_token_signing_alg_values_supported"],
        json!(["RS256"])
    );
    assert_eq!(issuer.fetches().discovery, 2);
}

#[tokio::test]
async fn the_signer_is_the_first_key() {
    let algorithms = [Algorithm::Es256, Algorithm::Rs256];
    let builder = DevIssuer::builder().algorithms(algorithms);
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    let keys = json(browser.get("/oauth2/jwks").await).await;
    assert_eq!(keys, jwk_set(&algorithms.map(SigningKey::first)));
    assert_eq!(issuer.signing_key().algorithm(), Algorithm::Es256);
    assert_eq!(issuer.fetches().jwks, 1);
}

#[tokio::test]
async fn fields_are_authgears_by_default() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    for path in [METADATA, "/oauth2/jwks"] {
        let response = browser.get(path).await;
        let fields = response.headers();
        assert_eq!(fields[header::CONTENT_TYPE], "application/json");
        assert_eq!(fields[header::VARY], "User-Agent");
        assert!(fields.contains_key(header::SET_COOKIE));
        assert!(!fields.contains_key(header::CACHE_CONTROL));
        assert!(!fields.contains_key(header::ETAG));
    }
}

#[tokio::test]
async fn cache_control_and_etags_on_demand() {
    let builder = DevIssuer::builder().cache_control("max-age=60").etags();
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    let response = browser.get("/oauth2/jwks").await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "max-age=60");
    let etag = response.headers()[header::ETAG].clone();

    let again = || {
        let request = browser.client.get(issuer.jwks_uri());
        let request = request.header(header::IF_NONE_MATCH, etag.clone());
        async { request.send().await.unwrap() }
    };
    let response = again().await;
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(response.headers()[header::ETAG], etag);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "max-age=60");
    assert_eq!(issuer.fetches().not_modified, 1);
    assert_eq!(issuer.fetches().jwks, 2);

    issuer.rotate().await.unwrap();
    assert_eq!(again().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn another_host_or_scheme_is_sent_to_the_public_origin() {
    let builder = DevIssuer::builder().public_origin("https://auth.example");
    let issuer = builder.start().await.unwrap();
    assert_eq!(issuer.url(), "https://auth.example");
    let client = crate::browser::client();
    let ask = |host: &'static str, scheme: &'static str| {
        let url = format!("http://{}{METADATA}?a=b", issuer.addr());
        let request = client.get(url).header(header::HOST, host);
        let request = request.header("x-forwarded-proto", scheme);
        async { request.send().await.unwrap() }
    };
    let good = ask("auth.example", "https").await;
    assert_eq!(json(good).await["issuer"], "https://auth.example");
    for (host, scheme) in [("127.0.0.1", "https"), ("auth.example", "http")] {
        let response = ask(host, scheme).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        let location = &response.headers()[header::LOCATION];
        assert_eq!(location, &format!("https://auth.example{METADATA}?a=b"));
    }
}
