//! The setting: one issuer, one API, one point in time, and tokens that are right in every respect.

use std::time::Duration;

use bearward_core::jws::{UnverifiedJws, VerifiedJws};
use bearward_core::policy::PolicyBuilder;
use bearward_core::rejection::InvalidToken;
use bearward_core::{
    Algorithm, Claimed, JwkSet, Policy, Principal, Rejection, RequestHead, UnixTime, authenticate,
};
use bearward_testing::keys::jwk_set;
use bearward_testing::token::Parts;
use bearward_testing::{SigningKey, Token};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const AUDIENCE: &str = "https://api.example";

/// 2023-11-14T22:13:20Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// The default leeway.
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The smallest step of [`UnixTime`].
pub(crate) const INSTANT: Duration = Duration::from_nanos(1);

/// A user's access token.
pub(crate) fn good() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

/// A machine's access token.
pub(crate) fn machine() -> Token {
    Token::machine(ISSUER, AUDIENCE, NOW)
}

pub(crate) fn settings() -> PolicyBuilder {
    Policy::builder(ISSUER, AUDIENCE)
}

pub(crate) fn policy() -> Policy {
    settings().build().unwrap()
}

/// The key that signs [`good`].
pub(crate) fn key() -> SigningKey {
    SigningKey::first(Algorithm::Rs256)
}

/// The issuer's key set: the key that signs [`good`].
pub(crate) fn keys() -> JwkSet {
    keys_of([&key()])
}

/// The signed token, and its issuer's keys: for a profile with one algorithm, those of that.
fn signed_for(policy: &Policy, token: &Token) -> (String, JwkSet) {
    let Some([only]) = policy.profile().algorithms() else {
        return (token.sign(), keys());
    };
    let key = SigningKey::first(*only);
    let keys = keys_of([&key]);
    let token = token.clone().key(key);
    match policy.profile().is_of_load_balancer() {
        true => (token.sign_padded(), keys),
        false => (token.sign(), keys),
    }
}

pub(crate) fn keys_of<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> JwkSet {
    JwkSet::parse(jwk_set(keys).to_string().as_bytes()).unwrap()
}

pub(crate) fn keys_from(jwks: impl IntoIterator<Item = Value>) -> JwkSet {
    let jwks: Vec<Value> = jwks.into_iter().collect();
    JwkSet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
}

/// The JWK without this member.
pub(crate) fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

/// The JWK with this member.
pub(crate) fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    let members = jwk.as_object_mut().unwrap();
    members.insert(member.to_owned(), value.into());
    jwk
}

/// The whole pipeline: a request with this token, decided on.
pub(crate) fn decide(token: &str, keys: &JwkSet, policy: &Policy) -> Result<Principal, Rejection> {
    decide_at(token, keys, policy, NOW)
}

pub(crate) fn decide_at(
    token: &str,
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
) -> Result<Principal, Rejection> {
    let request = http::Request::get("https://api.example/orders")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap();
    authenticate(RequestHead::from(&request), keys, policy, now)
}

/// The principal that the issuer's key and the default policy let in.
#[track_caller]
pub(crate) fn accepted(token: &Token) -> Principal {
    accepted_by(&policy(), token)
}

#[track_caller]
pub(crate) fn accepted_by(policy: &Policy, token: &Token) -> Principal {
    let (token, keys) = signed_for(policy, token);
    decide(&token, &keys, policy).unwrap()
}

#[track_caller]
pub(crate) fn accepted_at(now: UnixTime, token: &Token) -> Principal {
    decide_at(&token.sign(), &keys(), &policy(), now).unwrap()
}

/// What a token says that the issuer's key and this policy let pass.
#[track_caller]
pub(crate) fn claimed(policy: &Policy, token: &Token) -> Claimed {
    policy.check(verified(token), NOW).unwrap()
}

/// Why the issuer's key and the default policy refuse the token.
#[track_caller]
pub(crate) fn refused(token: &Token) -> InvalidToken {
    refused_by(&policy(), token)
}

#[track_caller]
pub(crate) fn refused_by(policy: &Policy, token: &Token) -> InvalidToken {
    let (token, keys) = signed_for(policy, token);
    invalid(decide(&token, &keys, policy))
}

#[track_caller]
pub(crate) fn refused_at(now: UnixTime, token: &Token) -> InvalidToken {
    invalid(decide_at(&token.sign(), &keys(), &policy(), now))
}

#[track_caller]
pub(crate) fn refused_parts(parts: &Parts) -> InvalidToken {
    invalid(decide(&parts.encode(), &keys(), &policy()))
}

/// The reason of a refusal that must be `invalid_token`.
#[track_caller]
pub(crate) fn invalid(decision: Result<Principal, Rejection>) -> InvalidToken {
    let rejection = decision.unwrap_err();
    let Rejection::InvalidToken(reason) = rejection else {
        panic!("{rejection:?} is not invalid_token");
    };
    reason
}

/// Why the bytes, which need not fit into a header field, are not a JWS of ours.
#[track_caller]
pub(crate) fn unparsed(token: impl AsRef<[u8]>) -> InvalidToken {
    UnverifiedJws::parse(token.as_ref()).unwrap_err()
}

/// The token up to the signature, which holds.
#[track_caller]
pub(crate) fn verified(token: &Token) -> VerifiedJws<'static> {
    let token = token.sign().leak();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    let keys = keys();
    let key = keys.select(jws.header()).unwrap();
    jws.verify(&key).unwrap()
}

/// Signs the parts again as they stand now, so that nothing but the change is wrong.
pub(crate) fn signed_again(mut parts: Parts) -> Parts {
    parts.signature = key().sign(parts.signing_input().as_bytes());
    parts
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}
