//! oauth-resource-server, with the key set it starts with and never fetches another.

use std::hint::black_box;

use bearward_testing::SigningKey;
use bearward_testing::keys::jwk_set;
use http::Request;
use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator};

use super::{Contestant, at_once};
use crate::tokens::{self, ISSUER};

pub(super) struct OauthResourceServer(OAuthValidator);

impl OauthResourceServer {
    pub(super) fn new(key: &SigningKey) -> Self {
        let config = OAuthConfig {
            enabled: true,
            algorithms: vec![key.algorithm().as_str().into()],
            audience: ISSUER.into(),
            issuer: ISSUER.into(),
            require_at_jwt: true,
            resource: ISSUER.into(),
            ..OAuthConfig::default()
        };
        let config = config.resolve(KeyNaming::Dotted("oauth")).unwrap().unwrap();
        let keys = jwk_set([key]).to_string();
        let validator = OAuthValidator::builder(&config).initial_jwks(&keys);
        Self(validator.build().unwrap())
    }
}

impl Contestant for OauthResourceServer {
    fn lets_in(&self, request: &Request<()>) -> bool {
        let token = tokens::of(black_box(request));
        let authorized = at_once(self.0.validate(token));
        black_box(authorized).is_ok()
    }
}
