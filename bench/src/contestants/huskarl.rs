//! huskarl-resource-server, as RFC 9068 has it, with a key set that stays.

use std::hint::black_box;
use std::sync::Arc;

use bearward_testing::SigningKey;
use bearward_testing::keys::jwk_set;
use http::{Request, Uri};
use huskarl_resource_server::core::EndpointUrl;
use huskarl_resource_server::core::crypto::verifier::{
    JwsVerifier, JwsVerifierPlatform, MultiKeyVerifier,
};
use huskarl_resource_server::core::jwk::{Jwks, PublicJwks};
use huskarl_resource_server::core::platform::MaybeSendBoxFuture;
use huskarl_resource_server::validator::rfc9068::Rfc9068Validator;

use super::{Contestant, at_once};
use crate::tokens::ISSUER;

pub(super) struct Huskarl {
    validator: Rfc9068Validator,
    /// What the request was sent to, as an application puts it together.
    uri: Uri,
}

impl Huskarl {
    pub(super) fn new(key: &SigningKey) -> Self {
        let keys: Jwks = serde_json::from_value(jwk_set([key])).unwrap();
        let keys = PublicJwks::from(keys);
        let held = move |_: Option<&EndpointUrl>, platform: Arc<dyn JwsVerifierPlatform>| {
            let keys = keys.clone();
            let verifier = async move {
                let verifier = MultiKeyVerifier::from_jwks(&keys, platform.as_ref()).await?;
                Ok(Arc::new(verifier) as Arc<dyn JwsVerifier>)
            };
            Box::pin(verifier) as MaybeSendBoxFuture<'static, _>
        };
        let validator = Rfc9068Validator::builder()
            .issuer(ISSUER)
            .audience(ISSUER)
            .jws_verifier_factory(held);
        Self {
            validator: at_once(validator.build()).unwrap(),
            uri: format!("{ISSUER}/hello").parse().unwrap(),
        }
    }
}

impl Contestant for Huskarl {
    fn lets_in(&self, request: &Request<()>) -> bool {
        let request = black_box(request);
        let (fields, method) = (request.headers(), request.method());
        let validated = self
            .validator
            .validate_request(fields, method, &self.uri, None);
        let validated = black_box(at_once(validated));
        matches!(validated.outcome, Ok(Some(_)))
    }
}
