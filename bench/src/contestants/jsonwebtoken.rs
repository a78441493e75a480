//! jsonwebtoken, with the key brought along.

use std::hint::black_box;

use bearward_testing::SigningKey;
use http::Request;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde::Deserialize;

use super::Contestant;
use crate::tokens::{self, ISSUER};

pub(super) struct Jsonwebtoken {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "parsed as an application would, for the cost of it"
)]
struct Claims {
    iss: String,
    sub: String,
    client_id: String,
    exp: u64,
    iat: u64,
    jti: String,
    scope: String,
}

impl Jsonwebtoken {
    pub(super) fn new(key: &SigningKey) -> Self {
        let jwk: Jwk = serde_json::from_value(key.public_jwk()).unwrap();
        let mut validation = Validation::new(key.algorithm().as_str().parse().unwrap());
        validation.set_audience(&[ISSUER]);
        validation.set_issuer(&[ISSUER]);
        Self {
            key: DecodingKey::from_jwk(&jwk).unwrap(),
            validation,
        }
    }
}

impl Contestant for Jsonwebtoken {
    fn lets_in(&self, request: &Request<()>) -> bool {
        let token = tokens::of(black_box(request));
        let decoded = decode::<Claims>(token, &self.key, &self.validation);
        black_box(decoded).is_ok()
    }
}
