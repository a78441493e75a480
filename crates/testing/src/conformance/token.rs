//! Stages 2, 4 and 5: the access token, its signature and its claims ([RFC 9068 §4]).
//!
//! Each token is valid except for one defect.
//!
//! [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4

use std::time::Duration;

use bearward_core::limits::TOKEN_BYTES;
use serde_json::json;

use super::case::{Answer, Case, Sent};
use super::setting::{AUDIENCE, ISSUER, NOW, foreign_key, forging_key, machine, signing_key, user};
use crate::token::CLIENT_ID;
use crate::{Algorithm, SigningKey, Token};

/// The same answer for every invalid token: T-ERR-03.
pub(super) const INVALID_TOKEN: Answer = Answer::challenge(
    401,
    r#"Bearer realm="api", error="invalid_token", error_description="The access token is not valid", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Unauthorized","status":401,"error":"invalid_token"}"#,
);

pub(super) fn cases() -> Vec<Case> {
    [
        accepted(),
        shape(),
        header(),
        signature(),
        times(),
        claims(),
        optional(),
    ]
    .concat()
}

fn accepted() -> Vec<Case> {
    let admits = |name, token: Token| Sent::get(name, "/").bearer(&token).admits_user();
    let leeway = Duration::from_secs(29);
    vec![
        admits("a_jws_04_without_kid", user().without_header("kid")),
        admits(
            "a_jws_01_typ_as_media_type",
            user().header("typ", "application/at+jwt"),
        ),
        admits(
            "a_jws_03_unused_members",
            user().header("jku", "https://evil.example/keys"),
        ),
        admits(
            "a_clm_01_audience_as_a_string",
            user().claim("aud", AUDIENCE),
        ),
        admits(
            "a_clm_01_audience_among_others",
            user().claim("aud", json!(["https://other.example", AUDIENCE])),
        ),
        admits(
            "a_clm_03_expired_within_leeway",
            user().expires_at(NOW.minus(leeway)),
        ),
        admits(
            "a_clm_03_early_within_leeway",
            user().not_before(NOW.plus(leeway)),
        ),
        admits(
            "a_clm_04_unknown_claims",
            user().claim("x", json!({"a": [1.5, null, true], "b": "\u{e9}\u{1f43b}"})),
        ),
        Sent::get("a_clm_09_machine", "/")
            .bearer(&machine())
            .admits("client_id_bea2d0000000b220"),
        Sent::get("a_req_06_token_of_exactly_the_size_limit", "/")
            .authorization(format!("Bearer {}", of_size(TOKEN_BYTES)))
            .admits_user(),
    ]
}

fn shape() -> Vec<Case> {
    let with = |name, token: String, reason| {
        let sent = Sent::get(name, "/").authorization(format!("Bearer {token}"));
        sent.refuses(INVALID_TOKEN, reason)
    };
    let mut padded = user().parts();
    padded.payload_b64.push_str("==");
    let longer = TOKEN_BYTES.saturating_add(1);
    let claims =
        String::from_utf8_lossy(&user().payload_bytes()).replacen('{', r#"{"sub":"admin","#, 1);
    vec![
        with(
            "t_jws_01_opaque_token",
            "0123456789abcdefABCDEF0123456789".into(),
            "not_compact_jws",
        ),
        with("t_jws_01_two_parts", "e30.e30".into(), "not_compact_jws"),
        with(
            "t_jws_03_larger_than_the_limit",
            of_size(longer),
            "token_too_large",
        ),
        with(
            "t_jws_05_encrypted",
            "e30.e30.e30.e30.e30".into(),
            "jwe_not_supported",
        ),
        with("t_jws_07_padding", padded.encode(), "base64_not_canonical"),
        with(
            "t_jws_08_not_json",
            user().payload_text("{").sign(),
            "json_invalid",
        ),
        with(
            "t_jws_09_duplicate_member",
            user().payload_text(claims).sign(),
            "json_duplicate_member",
        ),
    ]
}

fn header() -> Vec<Case> {
    let mut unsigned = user().header("alg", "none").without_header("kid").parts();
    unsigned.signature.clear();
    let public_key = signing_key().public_key_pem().unwrap_or_default();
    let kid = signing_key().kid().unwrap_or_default().to_owned();
    let confused = SigningKey::from_secret(Algorithm::Hs256, public_key.as_bytes())
        .map(|secret| user().key(secret.with_kid(&*kid)).sign());
    let id_token =
        Token::id_token(ISSUER, CLIENT_ID, NOW).claim("aud", json!([AUDIENCE, CLIENT_ID]));
    let with = |name, token: String, reason| {
        let sent = Sent::get(name, "/").authorization(format!("Bearer {token}"));
        sent.refuses(INVALID_TOKEN, reason)
    };
    vec![
        with("t_jws_12_alg_none", unsigned.encode(), "alg_not_allowed"),
        with(
            "t_jws_12_alg_none_signed",
            user().header("alg", "none").sign(),
            "alg_not_allowed",
        ),
        with(
            "t_jws_13_public_key_as_secret",
            confused.unwrap_or_default(),
            "alg_not_allowed",
        ),
        with(
            "t_jws_15_other_algorithm_of_the_family",
            user().header("alg", "PS256").sign(),
            "alg_key_mismatch",
        ),
        with(
            "t_jws_16_alg_missing",
            user().without_header("alg").sign(),
            "alg_invalid",
        ),
        with(
            "t_jws_24_crit",
            user().header("crit", json!(["exp"])).sign(),
            "crit_unsupported",
        ),
        with(
            "t_jws_28_kid_not_a_string",
            user().header("kid", 1).sign(),
            "kid_invalid",
        ),
        with("t_jws_30_id_token", id_token.sign(), "typ_not_accepted"),
        with(
            "t_jws_30_logout_token",
            user().header("typ", "logout+jwt").sign(),
            "typ_not_accepted",
        ),
        with(
            "t_jws_30_typ_absent",
            user().without_header("typ").sign(),
            "typ_not_accepted",
        ),
    ]
}

fn signature() -> Vec<Case> {
    let refuses = |name, token: Token, reason| {
        Sent::get(name, "/")
            .bearer(&token)
            .refuses(INVALID_TOKEN, reason)
    };
    let mut tampered = user().parts();
    tampered.payload_b64 = user().claim("sub", "admin").parts().payload_b64;
    let mut cut = user().parts();
    cut.signature.pop();
    let with = |name, token: String, reason| {
        let sent = Sent::get(name, "/").authorization(format!("Bearer {token}"));
        sent.refuses(INVALID_TOKEN, reason)
    };
    vec![
        refuses(
            "t_key_01_unknown_kid",
            user().key(foreign_key()),
            "kid_unknown",
        ),
        refuses(
            "t_jws_22_forged",
            user().key(forging_key()),
            "signature_invalid",
        ),
        refuses(
            "t_jws_26_key_within_the_token",
            user()
                .key(forging_key())
                .header("jwk", foreign_key().public_jwk()),
            "signature_invalid",
        ),
        with(
            "t_jws_22_payload_of_another_token",
            tampered.encode(),
            "signature_invalid",
        ),
        with("t_jws_20_signature_cut", cut.encode(), "signature_length"),
    ]
}

fn times() -> Vec<Case> {
    let refuses = |name, token: Token, reason| {
        let sent = Sent::get(name, "/").bearer(&token);
        sent.refuses(INVALID_TOKEN, reason)
    };
    let leeway = Duration::from_secs(30);
    let at_the_bound = user().expires_at(NOW.minus(leeway));
    let later = NOW.plus(Duration::from_secs(31));
    let not_yet = user().not_before(later);
    let of_the_future = user().issued_at(later);
    vec![
        refuses(
            "t_clm_01_without_exp",
            user().without_claim("exp"),
            "exp_missing",
        ),
        refuses(
            "t_clm_02_exp_as_a_string",
            user().claim("exp", "1800000000"),
            "date_type",
        ),
        refuses("t_clm_04_expired", expired(), "token_expired"),
        refuses(
            "t_clm_04_expired_at_the_bound",
            at_the_bound,
            "token_expired",
        ),
        refuses("t_clm_05_not_yet_valid", not_yet, "token_not_yet_valid"),
        refuses(
            "t_clm_05_issued_in_the_future",
            of_the_future,
            "iat_in_future",
        ),
    ]
}

fn claims() -> Vec<Case> {
    let refuses = |name, token: Token, reason| {
        let sent = Sent::get(name, "/").bearer(&token);
        sent.refuses(INVALID_TOKEN, reason)
    };
    let other = user().claim("aud", json!(["https://other.example"]));
    let slash = user().claim("aud", format!("{AUDIENCE}/"));
    let thumbprint = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    let bound = user().claim("cnf", thumbprint);
    let bound_otherwise = user().claim("cnf", json!({"kid": "1"}));
    vec![
        refuses(
            "t_clm_07_without_audience",
            user().without_claim("aud"),
            "aud_missing",
        ),
        refuses("t_clm_09_other_audience", other, "aud_mismatch"),
        refuses("t_clm_09_audience_with_a_slash", slash, "aud_mismatch"),
        refuses(
            "t_clm_10_without_issuer",
            user().without_claim("iss"),
            "iss_missing",
        ),
        refuses(
            "t_clm_12_without_jti",
            user().without_claim("jti"),
            "claim_missing",
        ),
        refuses(
            "t_clm_13_subject_as_a_number",
            user().claim("sub", 1),
            "claim_type",
        ),
        refuses("t_pop_01_bound_to_a_key", bound, "cnf_not_proven"),
        refuses(
            "t_pop_02_bound_otherwise",
            bound_otherwise,
            "cnf_unsupported",
        ),
    ]
}

/// Optional only allows missing credentials.
fn optional() -> Vec<Case> {
    let refuses = |name, token: Token, reason| {
        let sent = Sent::get(name, "/optional").bearer(&token);
        sent.refuses(INVALID_TOKEN, reason)
    };
    vec![
        refuses("t_req_07_expired", expired(), "token_expired"),
        refuses(
            "t_req_07_forged",
            user().key(forging_key()),
            "signature_invalid",
        ),
        refuses(
            "t_req_07_unknown_issuer",
            Token::user("https://evil.example", AUDIENCE, NOW),
            "issuer_unknown",
        ),
        Sent::get("t_req_07_garbage", "/optional")
            .authorization("Bearer garbage")
            .refuses(INVALID_TOKEN, "not_compact_jws"),
    ]
}

/// A token that was valid an hour ago.
pub(super) fn expired() -> Token {
    user().expires_at(NOW.minus(Duration::from_secs(3600)))
}

/// A valid token of exactly this many bytes. One filler cannot produce every length, because
/// base64url skips some: so there is one in the header and one in the payload.
fn of_size(bytes: usize) -> String {
    let filled = |header: usize, payload: usize| {
        let token = user().header("x", "a".repeat(header));
        token.claim("x", "a".repeat(payload)).sign()
    };
    let missing = bytes.saturating_sub(filled(2, 0).len());
    let payload = missing.saturating_mul(3).div_euclid(4);
    let tries = (0..3).flat_map(|header| (0..4).map(move |more| (header, more)));
    tries
        .map(|(header, more)| filled(header, payload.saturating_add(more)))
        .find(|token| token.len() == bytes)
        .unwrap_or_default()
}
