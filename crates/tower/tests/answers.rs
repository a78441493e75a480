//! What goes over the wire: every answer as a whole, from the request to its last byte.

use std::time::Duration;

use bearward::{ProtectionSpace, Requirements};
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, DOWN_ISSUER, ISSUER, NOW};
use bearward_testing::token::CAN_REAUTHENTICATE;
use bearward_tower::BearerLayer;
use http::{Request, Response};
use serde_json::json;
use tower::Layer;

use crate::fixture::{anonymous, answer, forged, good, reason, server, settings, who, with};

/// The whole answer: status, fields in alphabetical order, body.
fn wire(response: &Response<String>) -> String {
    let mut fields: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    fields.sort();
    format!(
        "{}\n{}\n{}",
        response.status(),
        fields.concat(),
        response.body()
    )
}

/// The answer of a layer with the defaults, and its reason.
async fn refused(request: Request<()>) -> (String, &'static str) {
    let layer = BearerLayer::new(&settings().build().unwrap());
    refused_by(layer, request).await
}

/// The same, where this is asked for as well.
async fn refused_where(asked: Requirements, request: Request<()>) -> (String, &'static str) {
    let layer = BearerLayer::new(&settings().build().unwrap());
    refused_by(layer.require(asked), request).await
}

async fn refused_by(layer: BearerLayer, request: Request<()>) -> (String, &'static str) {
    let response = answer(&layer.layer(who()), request).await;
    (wire(&response), reason(&response).unwrap())
}

fn recent() -> Requirements {
    let recent = Requirements::builder().max_age(Duration::from_secs(300));
    recent.build().unwrap()
}

fn stale() -> Token {
    good().authenticated_at(NOW.minus(Duration::from_secs(301)))
}

#[tokio::test]
async fn t_err_05_no_credentials() {
    let answer = "401 Unauthorized\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"api\"\n\
        \n\
        {\"title\":\"Unauthorized\",\"status\":401}";
    assert_eq!(
        refused(anonymous()).await,
        (answer.into(), "no_credentials")
    );
}

#[tokio::test]
async fn t_err_05_malformed_credentials() {
    let request = Request::get("/").header("authorization", "Bearer").body(());
    let answer = "400 Bad Request\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"api\", error=\"invalid_request\", error_description=\"The credentials are malformed\"\n\
        \n\
        {\"title\":\"Bad Request\",\"status\":400,\"error\":\"invalid_request\"}";
    let found = refused(request.unwrap()).await;
    assert_eq!(found, (answer.into(), "malformed_credentials"));
}

#[tokio::test]
async fn t_err_05_multiple_credentials() {
    let mut request = with(&good());
    let same = request.headers()["authorization"].clone();
    request.headers_mut().append("authorization", same);
    let answer = "400 Bad Request\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"api\", error=\"invalid_request\", error_description=\"More than one access token was sent\"\n\
        \n\
        {\"title\":\"Bad Request\",\"status\":400,\"error\":\"invalid_request\"}";
    let found = refused(request).await;
    assert_eq!(found, (answer.into(), "multiple_credentials"));
}

const INVALID_TOKEN: &str = "401 Unauthorized\n\
    cache-control: no-store\n\
    content-type: application/problem+json\n\
    www-authenticate: Bearer realm=\"api\", error=\"invalid_token\", error_description=\"The access token is not valid\"\n\
    \n\
    {\"title\":\"Unauthorized\",\"status\":401,\"error\":\"invalid_token\"}";

#[tokio::test]
async fn t_err_05_invalid_token() {
    let expired = good().expires_at(NOW.minus(Duration::from_secs(3600)));
    let found = refused(with(&expired)).await;
    assert_eq!(found, (INVALID_TOKEN.into(), "token_expired"));
}

#[tokio::test]
async fn t_err_03_every_invalid_token_gets_the_same_bytes() {
    let tokens = [
        (forged(), "signature_invalid"),
        (good().header("kid", "other"), "kid_unknown"),
        (good().claim("aud", "https://other.example"), "aud_mismatch"),
        (
            good().claim("iss", "https://other.example"),
            "issuer_unknown",
        ),
        (good().header("typ", "JWT"), "typ_not_accepted"),
        (good().payload_text("{"), "json_invalid"),
        (good().claim("cnf", json!({"jkt": "a"})), "cnf_not_proven"),
    ];
    for (token, reason) in tokens {
        let found = refused(with(&token)).await;
        assert_eq!(found, (INVALID_TOKEN.into(), reason));
    }
}

#[tokio::test]
async fn t_err_05_insufficient_scope() {
    let asked = Requirements::builder()
        .scope("orders:read")
        .scope("orders:write");
    let answer = "403 Forbidden\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"api\", error=\"insufficient_scope\", error_description=\"The request needs more scope\", scope=\"orders:read orders:write\"\n\
        \n\
        {\"title\":\"Forbidden\",\"status\":403,\"error\":\"insufficient_scope\"}";
    let found = refused_where(asked.build().unwrap(), with(&good())).await;
    assert_eq!(found, (answer.into(), "insufficient_scope"));
}

#[tokio::test]
async fn t_err_05_step_up_by_age() {
    let answer = "401 Unauthorized\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"api\", error=\"insufficient_user_authentication\", error_description=\"A more recent or stronger authentication is required\", max_age=\"300\"\n\
        \n\
        {\"title\":\"Unauthorized\",\"status\":401,\"error\":\"insufficient_user_authentication\"}";
    let found = refused_where(recent(), with(&stale())).await;
    assert_eq!(found, (answer.into(), "auth_time_unsatisfied"));
}

#[tokio::test]
async fn t_err_05_step_up_by_class() {
    let asked = Requirements::builder().acr(["urn:example:loa:3", "urn:example:loa:2"]);
    let answer = "401 Unauthorized\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"api\", error=\"insufficient_user_authentication\", error_description=\"A more recent or stronger authentication is required\", acr_values=\"urn:example:loa:3 urn:example:loa:2\"\n\
        \n\
        {\"title\":\"Unauthorized\",\"status\":401,\"error\":\"insufficient_user_authentication\"}";
    let found = refused_where(asked.build().unwrap(), with(&good())).await;
    assert_eq!(found, (answer.into(), "acr_unsatisfied"));
}

#[tokio::test]
async fn t_err_05_forbidden_has_no_challenge() {
    let answer = "403 Forbidden\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        \n\
        {\"title\":\"Forbidden\",\"status\":403}";
    let machine = Token::machine(ISSUER, AUDIENCE, NOW);
    let users = Requirements::builder().user().build().unwrap();
    let found = refused_where(users, with(&machine)).await;
    assert_eq!(found, (answer.into(), "principal_kind"));
    let cannot = stale().claim(CAN_REAUTHENTICATE, false);
    let found = refused_where(recent(), with(&cannot)).await;
    assert_eq!(found, (answer.into(), "cannot_reauthenticate"));
}

#[tokio::test]
async fn t_err_05_unavailable_says_when_to_come_again() {
    let down = Token::user(DOWN_ISSUER, AUDIENCE, NOW);
    let (found, reason) = refused(with(&down)).await;
    // The first back-off is 1 s ± 10 %, rounded up.
    let answer = |seconds| {
        format!(
            "503 Service Unavailable\n\
            cache-control: no-store\n\
            content-type: application/problem+json\n\
            retry-after: {seconds}\n\
            \n\
            {{\"title\":\"Service Unavailable\",\"status\":503}}"
        )
    };
    assert!([answer(1), answer(2)].contains(&found), "{found}");
    assert_eq!(reason, "keys_unavailable");
}

#[tokio::test]
async fn challenges_name_the_metadata_and_the_realm_that_are_configured() {
    let asked = Requirements::builder()
        .scope("orders:read")
        .build()
        .unwrap();
    let (found, _) = refused_by(BearerLayer::new(&server()).require(asked), with(&good())).await;
    assert_eq!(
        found,
        "403 Forbidden\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"api\", error=\"insufficient_scope\", error_description=\"The request needs more scope\", scope=\"orders:read\", resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/v1\"\n\
        \n\
        {\"title\":\"Forbidden\",\"status\":403,\"error\":\"insufficient_scope\"}"
    );
    let space = ProtectionSpace::new("Orders, v1").unwrap();
    let server = settings().protection_space(space).build().unwrap();
    let (found, _) = refused_by(BearerLayer::new(&server), anonymous()).await;
    assert_eq!(
        found,
        "401 Unauthorized\n\
        cache-control: no-store\n\
        content-type: application/problem+json\n\
        www-authenticate: Bearer realm=\"Orders, v1\"\n\
        \n\
        {\"title\":\"Unauthorized\",\"status\":401}"
    );
}

#[tokio::test]
async fn t_err_02_nothing_of_the_request_is_in_the_answer() {
    let layer = BearerLayer::new(&server());
    let (plain, _) = refused_by(layer.clone(), anonymous()).await;
    let request = Request::post("https://evil.example/%22,evil=%22?realm=%22evil%22&evil")
        .header("host", "evil.example")
        .header("forwarded", "host=evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "evil")
        .header("x-forwarded-uri", "/evil")
        .header("x-original-url", "/evil")
        .header("origin", "https://evil.example")
        .header("user-agent", "evil\"")
        .header("authorization", "Evil evil=\"evil\"")
        .body(());
    let (found, _) = refused_by(layer, request.unwrap()).await;
    assert_eq!(found, plain);
}
