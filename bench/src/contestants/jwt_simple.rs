//! jwt-simple, with the key brought along.

use std::collections::HashSet;
use std::hint::black_box;

use bearward::Algorithm;
use bearward_testing::SigningKey;
use http::Request;
use jwt_simple::Error;
use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike, JWTClaims,
    PS256PublicKey, RS256PublicKey, RSAPublicKeyLike, VerificationOptions,
};
use serde::Deserialize;

use super::Contestant;
use crate::tokens::{self, ISSUER};

pub(super) struct JwtSimple {
    key: Key,
    options: VerificationOptions,
}

/// A type for each algorithm, without one for all of them.
enum Key {
    EdDsa(Ed25519PublicKey),
    Es256(ES256PublicKey),
    Ps256(PS256PublicKey),
    Rs256(RS256PublicKey),
}

/// Those that it has no members for.
#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "parsed as an application would, for the cost of it"
)]
struct Claims {
    client_id: String,
    scope: String,
}

impl JwtSimple {
    pub(super) fn new(key: &SigningKey) -> Self {
        Self {
            key: Key::parse(key.algorithm(), &key.public_jwk().to_string()).unwrap(),
            options: VerificationOptions {
                allowed_audiences: Some(HashSet::from([ISSUER.into()])),
                allowed_issuers: Some(HashSet::from([ISSUER.into()])),
                ..VerificationOptions::default()
            },
        }
    }
}

impl Contestant for JwtSimple {
    fn lets_in(&self, request: &Request<()>) -> bool {
        let token = tokens::of(black_box(request));
        // It takes them by value.
        let options = Some(self.options.clone());
        let claims: Result<JWTClaims<Claims>, Error> = match &self.key {
            Key::EdDsa(key) => key.verify_token(token, options),
            Key::Es256(key) => key.verify_token(token, options),
            Key::Ps256(key) => key.verify_token(token, options),
            Key::Rs256(key) => key.verify_token(token, options),
        };
        black_box(claims).is_ok()
    }
}

impl Key {
    fn parse(algorithm: Algorithm, jwk: &str) -> Result<Self, Error> {
        match algorithm {
            Algorithm::Es256 => ES256PublicKey::from_jwk(jwk).map(Self::Es256),
            Algorithm::Ps256 => PS256PublicKey::from_jwk(jwk).map(Self::Ps256),
            Algorithm::Rs256 => RS256PublicKey::from_jwk(jwk).map(Self::Rs256),
            _ => Ed25519PublicKey::from_jwk(jwk).map(Self::EdDsa),
        }
    }
}
