//! The token endpoint: each grant, and what it refuses.

use std::time::Duration;

use bearward_testing::DevIssuer;
use bearward_testing::token::{CLIENT_ID, MACHINE_CLIENT_ID, SUBJECT};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::browser::{ALICE, Browser, Clock, claims, code, encode, json, part};

fn refused(answer: &(StatusCode, Value), status: StatusCode, error: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert_eq!(answer.1["error"], error, "{}", answer.1);
}

fn invalid_grant(answer: &(StatusCode, Value)) {
    refused(answer, StatusCode::BAD_REQUEST, "invalid_grant");
}

#[tokio::test]
async fn a_code_gives_authgears_tokens() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let tokens = browser.tokens().await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 1800);
    assert_eq!(tokens["scope"], "openid profile");

    let access_token = tokens["access_token"].as_str().unwrap();
    let kid = issuer.signing_key().kid().unwrap().to_owned();
    let header = json!({"alg": "RS256", "kid": kid, "typ": "at+jwt"});
    assert_eq!(part(access_token, 0), header);
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["iss"], issuer.url());
    assert_eq!(access["aud"], json!([issuer.url()]));
    assert_eq!(access["sub"], SUBJECT);
    assert_eq!(access["client_id"], CLIENT_ID);
    assert_eq!(access["scope"], "openid profile");
    assert_eq!(access["auth_time"], clock.now());
    assert_eq!(access["exp"], clock.now() + 1800);
    assert_eq!(access["amr"], json!(["pwd"]));
    assert_eq!(access.get("sid"), None);

    let id = claims(&tokens["id_token"]);
    assert_eq!(part(tokens["id_token"].as_str().unwrap(), 0)["typ"], "JWT");
    assert_eq!(id["aud"], json!([CLIENT_ID]));
    assert_eq!(id["sub"], SUBJECT);
    assert_eq!(id["nonce"], "n1");
    assert_eq!(id["exp"], clock.now() + 300);

    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let (uuid, rest) = refresh_token.split_once('.').unwrap();
    assert_eq!((uuid.len(), rest.len()), (36, 32));
}

#[tokio::test]
async fn answers_are_not_stored() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let url = format!("{}/oauth2/token", issuer.url());
    let body = encode(&[
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
    ]);
    let response = browser.client.post(url).body(body).send().await.unwrap();
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let code = code(&browser.log_in(&[("scope", "read")], ALICE).await);
    let (_, tokens) = browser.redeem(&code, &[]).await;
    assert_eq!(tokens.get("id_token"), None);
    assert_eq!(claims(&tokens["access_token"])["scope"], "read");
}

#[tokio::test]
async fn a_code_must_be_redeemed_as_it_was_asked_for() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let other = "x".repeat(43);
    for change in [
        ("code_verifier", other.as_str()),
        ("code_verifier", "short"),
        ("redirect_uri", "http://127.0.0.1:9/other"),
        ("redirect_uri", ""),
        ("code", "unknown"),
    ] {
        let code = code(&browser.log_in(&[], ALICE).await);
        invalid_grant(&browser.redeem(&code, &[change]).await);
    }
    let code = code(&browser.log_in(&[], ALICE).await);
    let answer = browser.redeem(&code, &[("code_verifier", "")]).await;
    refused(&answer, StatusCode::BAD_REQUEST, "invalid_request");
}

#[tokio::test]
async fn a_code_is_its_clients_only() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let code = code(&browser.log_in(&[], ALICE).await);
    let other = [
        ("client_id", MACHINE_CLIENT_ID),
        ("client_secret", "machine-secret"),
    ];
    invalid_grant(&browser.redeem(&code, &other).await);
}

#[tokio::test]
async fn a_code_expires() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let early = code(&browser.log_in(&[], ALICE).await);
    let late = code(&browser.authorize(&[]).await);
    clock.advance(59);
    assert_eq!(browser.redeem(&early, &[]).await.0, StatusCode::OK);
    clock.advance(1);
    invalid_grant(&browser.redeem(&late, &[]).await);
}

#[tokio::test]
async fn a_code_used_twice_ends_what_it_gave() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let code = code(&browser.log_in(&[], ALICE).await);
    let (_, tokens) = browser.redeem(&code, &[]).await;
    invalid_grant(&browser.redeem(&code, &[]).await);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    invalid_grant(&browser.refresh(refresh_token).await);
}

#[tokio::test]
async fn a_refresh_rotates_and_brings_auth_time_up_to_date() {
    let clock = Clock::new();
    let issuer = clock.issuer().start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let tokens = browser.tokens().await;
    let login = clock.now();
    clock.advance(600);
    let first = tokens["refresh_token"].as_str().unwrap();
    let (status, tokens) = browser.refresh(first).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(claims(&tokens["access_token"])["auth_time"], login);
    // As at Authgear, `amr` does not outlive the first tokens.
    for token in ["access_token", "id_token"] {
        assert_eq!(claims(&tokens[token]).get("amr"), None, "{token}");
    }

    browser.log_in(&[("prompt", "login")], ALICE).await;
    let second = tokens["refresh_token"].as_str().unwrap();
    let (_, tokens) = browser.refresh(second).await;
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["auth_time"], clock.now());
    assert_eq!(access["iat"], clock.now());
    assert_eq!(claims(&tokens["id_token"])["auth_time"], clock.now());
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_line() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let tokens = browser.tokens().await;
    let first = tokens["refresh_token"].as_str().unwrap();
    let (_, tokens) = browser.refresh(first).await;
    invalid_grant(&browser.refresh(first).await);
    let second = tokens["refresh_token"].as_str().unwrap();
    invalid_grant(&browser.refresh(second).await);
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_only() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let tokens = browser.tokens().await;
    let refresh = |token: &str, scope: &'static str| {
        let token = token.to_owned();
        let browser = &browser;
        async move {
            let params = [
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("refresh_token", token.as_str()),
                ("scope", scope),
            ];
            browser.token(&params).await
        }
    };
    let first = tokens["refresh_token"].as_str().unwrap();
    let (_, tokens) = refresh(first, "profile").await;
    assert_eq!(claims(&tokens["access_token"])["scope"], "profile");
    let second = tokens["refresh_token"].as_str().unwrap();
    let answer = refresh(second, "profile admin").await;
    refused(&answer, StatusCode::BAD_REQUEST, "invalid_scope");
}

#[tokio::test]
async fn resources_become_the_audience() {
    let issuer = DevIssuer::builder()
        .audience("https://api.example")
        .start()
        .await
        .unwrap();
    let mut browser = Browser::new(&issuer);
    let tokens = browser.tokens().await;
    let aud = |tokens: &Value| claims(&tokens["access_token"])["aud"].clone();
    assert_eq!(aud(&tokens), json!(["https://api.example"]));

    let resource = [("resource", "https://b.example")];
    let code = code(&browser.authorize(&resource).await);
    let (_, tokens) = browser.redeem(&code, &resource).await;
    assert_eq!(aud(&tokens), json!(["https://b.example"]));
    assert_eq!(claims(&tokens["id_token"])["aud"], json!([CLIENT_ID]));
}

#[tokio::test]
async fn a_resource_must_have_been_granted() {
    let issuer = DevIssuer::start().await.unwrap();
    let mut browser = Browser::new(&issuer);
    let granted = [("resource", "https://a.example")];
    let code = code(&browser.log_in(&granted, ALICE).await);
    let asked = [("resource", "https://b.example")];
    let answer = browser.redeem(&code, &asked).await;
    refused(&answer, StatusCode::BAD_REQUEST, "invalid_target");
}

#[tokio::test]
async fn client_credentials_give_a_machines_token() {
    let clock = Clock::new();
    let builder = clock
        .issuer()
        .access_token_lifetime(Duration::from_secs(300));
    let issuer = builder.start().await.unwrap();
    let browser = Browser::new(&issuer);
    let (status, answer) = browser
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", MACHINE_CLIENT_ID),
            ("client_secret", "machine-secret"),
            ("scope", "read write"),
            ("resource", "https://a.example"),
            ("resource", "https://b.example"),
        ])
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["expires_in"], 300);
    assert_eq!(answer.get("refresh_token"), None);
    let mut claims = claims(&answer["access_token"]);
    assert_eq!(claims["jti"].take().as_str().unwrap().len(), 64);
    let expected = json!({
        "aud": ["https://a.example", "https://b.example"],
        "client_id": MACHINE_CLIENT_ID,
        "exp": clock.now() + 300,
        "iat": clock.now(),
        "iss": issuer.url(),
        "jti": null,
        "scope": "read write",
        "sub": format!("client_id_{MACHINE_CLIENT_ID}"),
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_client_authenticates_by_basic_or_form() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let ask = |secret: &'static str, body: &'static str| {
        let url = format!("{}/oauth2/token", issuer.url());
        let request = browser.client.post(url).body(body);
        let request = request.basic_auth(MACHINE_CLIENT_ID, Some(secret));
        async { request.send().await.unwrap() }
    };
    let good = ask("machine-secret", "grant_type=client_credentials").await;
    assert_eq!(good.status(), StatusCode::OK);

    let wrong = ask("wrong", "grant_type=client_credentials").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let challenge = &wrong.headers()[header::WWW_AUTHENTICATE];
    assert_eq!(challenge, "Basic realm=\"development issuer\"");
    assert_eq!(json(wrong).await["error"], "invalid_client");

    let both = "grant_type=client_credentials&client_secret=machine-secret";
    let both = ask("machine-secret", both).await;
    assert_eq!(both.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_public_client_needs_no_secret_a_confidential_one_does() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let ask = |id| browser_ask(&browser, id);
    assert_eq!(ask(CLIENT_ID).await.0, StatusCode::OK);
    let answer = ask(MACHINE_CLIENT_ID).await;
    refused(&answer, StatusCode::UNAUTHORIZED, "invalid_client");
    let answer = ask("unknown").await;
    refused(&answer, StatusCode::UNAUTHORIZED, "invalid_client");
}

async fn browser_ask(browser: &Browser, id: &str) -> (StatusCode, Value) {
    let params = [("grant_type", "client_credentials"), ("client_id", id)];
    browser.token(&params).await
}

#[tokio::test]
async fn other_grants_and_broken_requests_are_refused() {
    let issuer = DevIssuer::start().await.unwrap();
    let browser = Browser::new(&issuer);
    let bad = StatusCode::BAD_REQUEST;
    let answer = browser
        .token(&[("grant_type", "password"), ("client_id", CLIENT_ID)])
        .await;
    refused(&answer, bad, "unsupported_grant_type");
    let answer = browser.token(&[("client_id", CLIENT_ID)]).await;
    refused(&answer, bad, "invalid_request");
    let answer = browser.token(&[("grant_type", "refresh_token")]).await;
    refused(&answer, bad, "invalid_request");
    let twice = [
        ("grant_type", "client_credentials"),
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
    ];
    refused(&browser.token(&twice).await, bad, "invalid_request");
}
