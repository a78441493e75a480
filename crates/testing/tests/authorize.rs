//! The authorization endpoint: when it asks for a login, and how it refuses.

use bearward_testing::DevIssuer;
use bearward_testing::issuer::Client;
use http::{StatusCode, header};
use serde_json::json;

use crate::browser::{ALICE, Browser, CALLBACK, Clock, claims, code, location};

#[tokio::test]
async fn a_login_gives_a_code() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let page = browser.authorize(&[]).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
    let text = page.text().await.unwrap();
    assert!(text.contains("<form method=\"post\">"));
    assert!(text.contains("<code>alice-password</code>"));
    assert!(!text.contains("<script"));
    let response = browser.log_in(&[], ALICE).await;
    assert!(code(&response).len() == 32);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let wrong = [("username", "alice"), ("password", "admin-password")];
    let page = browser.log_in(&[], &wrong).await;
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    assert!(browser.cookie.is_none());
    assert!(page.text().await.unwrap().contains("No such user"));
    let page = browser.log_in(&[], &[("username", "alice")]).await;
    assert_eq!(page.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_session_is_used_again_and_keeps_its_auth_time() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    browser.log_in(&[], ALICE).await;
    let login = clock.now();
    clock.advance(600);
    let code = code(&browser.authorize(&[]).await);
    let (_, tokens) = browser.redeem(&code, &[]).await;
    for token in ["access_token", "id_token"] {
        let claims = claims(&tokens[token]);
        assert_eq!(claims["auth_time"], login);
        assert_eq!(claims["iat"], clock.now());
    }
}

#[tokio::test]
async fn prompt_login_moves_auth_time() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let before = browser.tokens().await;
    clock.advance(600);
    let prompt = [("prompt", "login")];
    assert_eq!(browser.authorize(&prompt).await.status(), StatusCode::OK);
    let code = code(&browser.log_in(&prompt, ALICE).await);
    let (_, after) = browser.redeem(&code, &[]).await;
    let (before, after) = (claims(&before["id_token"]), claims(&after["id_token"]));
    assert_eq!(after["auth_time"], clock.now());
    assert_eq!(before["auth_time"], clock.now() - 600);
    assert_eq!(before["sid"], after["sid"]);
}

#[tokio::test]
async fn max_age_asks_again_once_it_has_run_out() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    browser.log_in(&[], ALICE).await;
    let max_age = [("max_age", "300")];
    clock.advance(300);
    code(&browser.authorize(&max_age).await);
    clock.advance(1);
    assert_eq!(browser.authorize(&max_age).await.status(), StatusCode::OK);
    let code = code(&browser.log_in(&max_age, ALICE).await);
    let (_, tokens) = browser.redeem(&code, &[]).await;
    assert_eq!(claims(&tokens["id_token"])["auth_time"], clock.now());
}

#[tokio::test]
async fn max_age_0_always_asks() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    browser.log_in(&[], ALICE).await;
    let page = browser.authorize(&[("max_age", "0")]).await;
    assert_eq!(page.status(), StatusCode::OK);
}

#[tokio::test]
async fn prompt_none_never_asks() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let refused = json!({
        "error": "login_required",
        "error_description": "the user has to log in",
        "state": "s&1",
    });
    let response = browser.authorize(&[("prompt", "none")]).await;
    assert_eq!(location(&response), (CALLBACK.to_owned(), refused.clone()));
    browser.log_in(&[], ALICE).await;
    code(&browser.authorize(&[("prompt", "none")]).await);
    clock.advance(301);
    let changes = [("prompt", "none"), ("max_age", "300")];
    assert_eq!(location(&browser.authorize(&changes).await).1, refused);
}

#[tokio::test]
async fn another_user_has_another_session() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let alice = claims(&browser.tokens().await["id_token"]);
    let admin = [("username", "admin"), ("password", "admin-password")];
    let code = code(&browser.log_in(&[("prompt", "login")], &admin).await);
    let (_, tokens) = browser.redeem(&code, &[]).await;
    let admin = claims(&tokens["id_token"]);
    assert_ne!(alice["sub"], admin["sub"]);
    assert_ne!(alice["sid"], admin["sid"]);
    let roles = "https://authgear.com/claims/user/roles";
    assert_eq!(alice[roles], json!([]));
    assert_eq!(admin[roles], json!(["admin"]));
}

#[tokio::test]
async fn an_unknown_client_or_address_is_never_redirected_to() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    for change in [
        ("client_id", "unknown"),
        ("client_id", ""),
        ("redirect_uri", "https://elsewhere.example/"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", ""),
    ] {
        let page = browser.authorize(&[change]).await;
        assert_eq!(page.status(), StatusCode::BAD_REQUEST, "{change:?}");
        assert!(!page.headers().contains_key(header::LOCATION));
    }
}

#[tokio::test]
async fn a_registered_address_keeps_its_query() {
    let uri = "https://app.example/callback?tenant=1";
    let client = Client::confidential("app", "secret").redirect_uri(uri);
    let issuer = DevIssuer::builder()
        .clients([client])
        .start()
        .await
        .unwrap();
    let mut browser = Browser::new(&issuer);
    let changes = [("client_id", "app"), ("redirect_uri", uri)];
    let response = browser.log_in(&changes, ALICE).await;
    let (address, params) = location(&response);
    assert_eq!(address, "https://app.example/callback");
    assert_eq!(params["tenant"], "1");
    assert!(params["code"].is_string());
    let response = browser.authorize(&[("client_id", "app")]).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_that_is_wrong_is_answered_with_its_error() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "create"), "invalid_request"),
        (("resource", "not-a-uri"), "invalid_target"),
        (("resource", "https://api.example/#f"), "invalid_target"),
    ] {
        let (address, params) = location(&browser.authorize(&[change]).await);
        assert_eq!(address, CALLBACK);
        assert_eq!(params["error"], error, "{change:?}");
        assert_eq!(params["state"], "s&1");
    }
    let url = format!("{}&nonce=n2", browser.authorize_url(&[]));
    let response = browser.client.get(url).send().await.unwrap();
    assert_eq!(location(&response).1["error"], "invalid_request");
}
