//! The bytes of tokens: Authgear's layout, and one thing spoilt.

use std::time::Duration;

use bearward_testing::token::{CLIENT_ID, MACHINE_CLIENT_ID, Parts, SUBJECT};
use bearward_testing::{Algorithm, SigningKey, Token, UnixTime};
use serde_json::{Value, json};

const ISSUER: &str = "https://my-project.authgear.cloud";
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

fn user() -> Token {
    Token::user(ISSUER, ISSUER, NOW)
}

fn decode(part: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).unwrap()
}

fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&decode(payload)).unwrap()
}

#[test]
fn a_user_token_has_authgears_bytes() {
    let key = SigningKey::first(Algorithm::Rs256);
    let token = user().sign();
    let parts: Vec<&str> = token.split('.').collect();
    let header = format!(
        r#"{{"alg":"RS256","kid":"{}","typ":"at+jwt"}}"#,
        key.kid().unwrap()
    );
    assert_eq!(decode(parts[0]), header.as_bytes());
    let jti = payload(&token)["jti"].as_str().unwrap().to_owned();
    assert!(jti.len() == 64 && jti.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let claims = format!(
        concat!(
            r#"{{"amr":["pwd"],"aud":["https://my-project.authgear.cloud"],"#,
            r#""auth_time":1700000000,"client_id":"{}","exp":1700001800,"#,
            r#""https://authgear.com/claims/user/can_reauthenticate":true,"#,
            r#""https://authgear.com/claims/user/is_anonymous":false,"#,
            r#""https://authgear.com/claims/user/is_verified":true,"#,
            r#""https://authgear.com/claims/user/roles":[],"#,
            r#""iat":1700000000,"iss":"https://my-project.authgear.cloud","jti":"{}","#,
            r#""scope":"openid profile","sub":"{}"}}"#
        ),
        CLIENT_ID, jti, SUBJECT
    );
    assert_eq!(decode(parts[1]), claims.as_bytes());
    assert_eq!(parts.len(), 3);
    assert_eq!(decode(parts[2]).len(), 256);
}

#[test]
fn a_user_token_is_the_same_in_every_run() {
    assert_eq!(user().sign(), user().sign());
    let other = Token::user(ISSUER, ISSUER, NOW.plus(Duration::from_secs(1)));
    assert_ne!(user().claims()["jti"], other.claims()["jti"]);
}

#[test]
fn a_machine_token_has_no_claims_of_users() {
    let token = Token::machine(ISSUER, "https://api.example", NOW).sign();
    let mut claims = payload(&token);
    claims["jti"].take();
    assert_eq!(
        claims,
        json!({
            "aud": ["https://api.example"],
            "client_id": MACHINE_CLIENT_ID,
            "exp": 1_700_001_800,
            "iat": 1_700_000_000,
            "iss": ISSUER,
            "jti": null,
            "scope": "read",
            "sub": format!("client_id_{MACHINE_CLIENT_ID}"),
        })
    );
}

#[test]
fn an_id_token_is_of_the_same_user_and_client() {
    let token = Token::id_token(ISSUER, CLIENT_ID, NOW);
    let header: Value = serde_json::from_slice(&token.header_bytes()).unwrap();
    assert_eq!(header["typ"], "JWT");
    let claims = token.claims();
    assert_eq!(claims["aud"], json!([CLIENT_ID]));
    assert_eq!(claims["sub"], SUBJECT);
    assert_eq!(claims["exp"], 1_700_000_300);
    assert_eq!(claims["auth_time"], 1_700_000_000);
    assert!(claims["sid"].is_string());
    assert_eq!(claims.get("client_id"), None);
    assert_eq!(claims.get("scope"), None);
}

#[test]
fn json_is_escaped_as_go_does() {
    let token = user().claim("name", "<a&b>é");
    let text = String::from_utf8(token.payload_bytes()).unwrap();
    assert!(text.contains(r#""name":"\u003ca\u0026b\u003eé""#));
}

#[test]
fn claims_are_set_and_taken_out() {
    let token = user()
        .claim("scope", "admin")
        .claim("n", json!({"b": 1, "a": 2}))
        .without_claim("jti");
    let claims = payload(&token.sign());
    assert_eq!(claims["scope"], "admin");
    assert_eq!(claims.get("jti"), None);
    let text = String::from_utf8(token.payload_bytes()).unwrap();
    assert!(text.contains(r#""n":{"a":2,"b":1}"#));
}

#[test]
fn times_are_set_one_by_one() {
    let second = Duration::from_secs(1);
    let token = user()
        .issued_at(NOW.minus(second))
        .not_before(NOW)
        .authenticated_at(NOW.plus(second))
        .expires_in(second);
    let claims = token.claims();
    assert_eq!(claims["iat"], 1_699_999_999);
    assert_eq!(claims["nbf"], 1_700_000_000);
    assert_eq!(claims["auth_time"], 1_700_000_001);
    assert_eq!(claims["exp"], 1_700_000_001);
    assert_eq!(token.expires_at(NOW).claims()["exp"], 1_700_000_000);
}

#[test]
fn the_header_follows_the_key_unless_it_is_spoilt() {
    let header = |token: Token| String::from_utf8(token.header_bytes()).unwrap();
    let key = SigningKey::second(Algorithm::Es256).with_kid("k1");
    let token = user().key(key.clone());
    assert_eq!(
        header(token.clone()),
        r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#
    );
    assert_eq!(
        header(token.clone().algorithm(Algorithm::Hs256)),
        r#"{"alg":"HS256","kid":"k1","typ":"at+jwt"}"#
    );
    assert_eq!(
        header(
            token
                .clone()
                .without_header("typ")
                .header("crit", json!([]))
        ),
        r#"{"alg":"ES256","crit":[],"kid":"k1"}"#
    );
    assert_eq!(
        header(token.header("alg", "none").key(key.without_kid())),
        r#"{"alg":"none","typ":"at+jwt"}"#
    );
}

#[test]
fn texts_are_signed_as_they_are() {
    let header = br#"{"alg":"RS256","alg":"none"}"#;
    let payload = [0xff, 0x00];
    let token = user().header_text(*header).payload_text(payload);
    let parts = token.parts();
    assert_eq!(decode(&parts.header_b64), header);
    assert_eq!(decode(&parts.payload_b64), payload);
    assert_eq!(
        parts,
        Parts::sign(header, &payload, &SigningKey::first(Algorithm::Rs256))
    );
}

#[test]
fn parts_make_the_token_they_came_from() {
    let parts = user().parts();
    assert_eq!(parts.encode(), user().sign());
    let mut spoilt = parts.clone();
    spoilt.payload_b64.push_str("==");
    assert_eq!(
        spoilt.signing_input(),
        format!("{}==", parts.signing_input())
    );
}

#[test]
fn debug_shows_no_token() {
    let shown = format!("{:?} {:?}", user(), user().parts());
    assert!(!shown.contains(SUBJECT));
    assert!(!shown.contains("eyJ"));
}
