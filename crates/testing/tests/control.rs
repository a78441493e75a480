//! `/mint`, `/rotate`, `/faults`, `/fetches`.

use bearward_testing::token::{CLIENT_ID, SUBJECT};
use bearward_testing::{Algorithm, DevIssuer, Fault};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::browser::{Browser, Clock, json, part};

async fn mint(browser: &Browser, request: Value) -> (Value, Value) {
    let response = browser.post("/mint", &request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let token = json(response).await["token"].as_str().unwrap().to_owned();
    (part(&token, 0), part(&token, 1))
}

#[tokio::test]
async fn mint_without_a_body_gives_a_good_user_token() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let browser = Browser::new(&issuer);
    let url = format!("{}/mint", issuer.url());
    let response = browser.client.post(url).send().await.unwrap();
    let token = json(response).await["token"].as_str().unwrap().to_owned();
    let mut claims = part(&token, 1);
    let mut expected = issuer.user_token(issuer.url()).claims();
    assert_ne!(claims["jti"].take(), expected["jti"].take());
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn mint_spoils_what_it_is_told_to() {
    let clock = Clock::new();
    let builder = clock
        .issuer()
        .algorithms([Algorithm::Rs256, Algorithm::Es256]);
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    let (header, claims) = mint(
        &browser,
        json!({
            "alg": "ES256",
            "audience": "https://api.example",
            "auth_time_age": 301,
            "claims": {"scope": "transfer", "jti": null},
            "expires_in": -1,
            "header": {"typ": null, "crit": ["b64"]},
            "subject": "someone",
        }),
    )
    .await;
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["crit"], json!(["b64"]));
    assert_eq!(header.get("typ"), None);
    assert_eq!(claims["aud"], json!(["https://api.example"]));
    assert_eq!(claims["auth_time"], clock.now() - 301);
    assert_eq!(claims["exp"], clock.now() - 1);
    assert_eq!(claims["scope"], "transfer");
    assert_eq!(claims["sub"], "someone");
    assert_eq!(claims.get("jti"), None);
}

#[tokio::test]
async fn mint_knows_other_kinds() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let (header, claims) = mint(&browser, json!({"kind": "id_token"})).await;
    assert_eq!(header["typ"], "JWT");
    assert_eq!(claims["aud"], json!([CLIENT_ID]));
    assert_eq!(claims["sub"], SUBJECT);
    let (header, claims) = mint(&browser, json!({"kind": "machine"})).await;
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(claims["aud"], json!([issuer.url()]));
    assert_eq!(claims.get("auth_time"), None);
}

#[tokio::test]
async fn mint_refuses_what_it_does_not_understand() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    for request in [
        json!({"claim": {}}),
        json!({"kind": "dpop"}),
        json!({"alg": "ES256"}),
        json!({"alg": "none"}),
        json!({"expires_in": "soon"}),
        json!("x"),
    ] {
        let response = browser.post("/mint", &request).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{request}");
        assert_eq!(json(response).await["error"], "invalid_request");
    }
}

#[tokio::test]
async fn rotate_keeps_or_drops() {
    let builder = DevIssuer::builder().algorithms([Algorithm::Es256]);
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    let answer = json(browser.post("/rotate", &json!({})).await).await;
    assert_eq!(answer["kid"], issuer.signing_key().kid().unwrap());
    assert_eq!(issuer.keys().len(), 2);
    browser.post("/rotate", &json!({"drop": true})).await;
    assert_eq!(issuer.keys().len(), 1);
}

#[tokio::test]
async fn rotate_replaces_in_place() {
    let builder = DevIssuer::builder().algorithms([Algorithm::Es256]);
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    let former = issuer.signing_key();
    let answer = json(browser.post("/rotate", &json!({"in_place": true})).await).await;
    assert_eq!(answer["kid"], former.kid().unwrap());
    let [new] = &issuer.keys()[..] else {
        panic!("one key, not {:?}", issuer.keys());
    };
    assert_ne!(new.public_jwk()["x"], former.public_jwk()["x"]);
    let both = json!({"drop": true, "in_place": true});
    let refused = browser.post("/rotate", &both).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(issuer.keys().len(), 1);
}

#[tokio::test]
async fn faults_are_listed_set_and_cleared() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let list = json(browser.get("/faults").await).await;
    assert_eq!(list["fault"], Value::Null);
    assert_eq!(list["known"].as_array().unwrap().len(), Fault::ALL.len());
    let set = browser
        .post("/faults", &json!({"fault": "empty-set"}))
        .await;
    assert_eq!(json(set).await["fault"], "empty-set");
    assert_eq!(issuer.fault(), Some(Fault::EmptySet));
    let url = format!("{}/faults", issuer.url());
    browser.client.delete(url).send().await.unwrap();
    assert_eq!(issuer.fault(), None);
    let unknown = browser.post("/faults", &json!({"fault": "bad-day"})).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn fetches_are_counted() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    browser.get("/oauth2/jwks").await;
    let counts = json(browser.get("/fetches").await).await;
    let expected = json!({"discovery": 0, "jwks": 1, "not_modified": 0, "redirected": 0});
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let ask = |origin: &str| {
        let request = browser.client.post(format!("{}/mint", issuer.url()));
        let request = request.header(header::ORIGIN, origin);
        async { request.send().await.unwrap().status() }
    };
    assert_eq!(
        ask("https://elsewhere.example").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(ask("null").await, StatusCode::FORBIDDEN);
    assert_eq!(ask(issuer.url()).await, StatusCode::OK);
}
