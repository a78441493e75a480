//! Keys that change: at once, on demand and by the clock.

use std::time::Duration;

use bearward_testing::{Algorithm, DevIssuer, SigningKey, Token};
use serde_json::Value;

use crate::browser::{Browser, Clock, json, part};

async fn kids(browser: &Browser) -> Vec<Value> {
    let set = json(browser.get("/oauth2/jwks").await).await;
    let keys = set["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].clone()).collect()
}

#[tokio::test]
async fn a_new_key_signs_at_once_and_the_old_one_stays() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let old = issuer.signing_key();
    let new = issuer.rotate().await.unwrap();
    assert_ne!(old.kid(), new.kid());
    assert_eq!(new.algorithm(), Algorithm::Rs256);
    let token = issuer.user_token("https://api.example").sign();
    assert_eq!(part(&token, 0)["kid"], new.kid().unwrap());
    assert_eq!(
        kids(&browser).await,
        [new.kid().unwrap(), old.kid().unwrap()]
    );
}

#[tokio::test]
async fn old_keys_are_dropped_on_demand() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    issuer.rotate().await.unwrap();
    let new = issuer.rotate_and_drop().await.unwrap();
    assert_eq!(kids(&browser).await, [new.kid().unwrap()]);
}

#[tokio::test]
async fn keys_are_replaced_under_their_names() {
    let builder = DevIssuer::builder().algorithms([Algorithm::Es256, Algorithm::Ed25519]);
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    let before = kids(&browser).await;
    issuer.rotate().await.unwrap();
    let kept = kids(&browser).await;
    issuer.rotate_in_place().await.unwrap();
    assert_eq!(kids(&browser).await, kept);
    assert_eq!(kept[2..], before);
}

#[tokio::test]
async fn keys_without_names_are_replaced_by_others_without_names() {
    let key = SigningKey::first(Algorithm::Es256).without_kid();
    let issuer = DevIssuer::builder().keys([key]).start().await.unwrap();
    issuer.rotate_in_place().await.unwrap();
    assert_eq!(kids(&Browser::new(&issuer)).await, [Value::Null]);
    let token = issuer.user_token("https://api.example").sign();
    assert_eq!(part(&token, 0)["kid"], Value::Null);
}

#[tokio::test]
async fn every_algorithm_keeps_a_key() {
    let builder = DevIssuer::builder().algorithms([Algorithm::Es256, Algorithm::Ed25519]);
    let issuer = builder.start().await.unwrap();
    issuer.rotate_and_drop().await.unwrap();
    let algorithms: Vec<Algorithm> = issuer.keys().iter().map(SigningKey::algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Es256, Algorithm::Ed25519]);
}

#[tokio::test]
async fn the_clock_rotates() {
    let clock = Clock::new();
    let builder = clock
        .issuer()
        .algorithms([Algorithm::Es256])
        .rotate_every(Duration::from_secs(60));
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    clock.advance(59);
    assert_eq!(kids(&browser).await.len(), 1);
    clock.advance(1);
    assert_eq!(kids(&browser).await.len(), 2);
    assert_eq!(kids(&browser).await.len(), 2);
    clock.advance(60);
    let answer = json(
        browser
            .post("/mint", &Value::Object(Default::default()))
            .await,
    )
    .await;
    let kid = part(answer["token"].as_str().unwrap(), 0)["kid"].clone();
    assert_eq!(kids(&browser).await[0], kid);
    assert_eq!(kids(&browser).await.len(), 3);
}

#[tokio::test]
async fn the_key_set_does_not_grow_without_end() {
    let builder = DevIssuer::builder().algorithms([Algorithm::Ed25519]);
    let issuer = builder.start().await.unwrap();
    for _ in 0..40 {
        issuer.rotate().await.unwrap();
    }
    assert_eq!(issuer.keys().len(), 33);
}

#[tokio::test]
async fn any_token_is_signed_with_the_key_of_the_moment() {
    let issuer = DevIssuer::start().await.unwrap();
    let token = Token::user("https://another.example", "aud", Default::default());
    let minted = issuer.mint(token.clone().header("typ", "JWT"));
    assert_eq!(part(&minted, 0)["kid"], issuer.signing_key().kid().unwrap());
    assert_eq!(part(&minted, 0)["typ"], "JWT");
    assert_eq!(part(&minted, 1), token.claims());
}
