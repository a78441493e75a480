//! bearward, the whole pipeline: the head of a request in, a principal out.

use std::hint::black_box;

use bearward::resource_server::ResourceServerBuilder;
use bearward::{Issuer, JwkSet, Policy, ResourceServer};
use bearward_testing::SigningKey;
use bearward_testing::keys::jwk_set;
use http::Request;

use super::{Contestant, at_once};
use crate::tokens::ISSUER;

pub struct Ours(ResourceServer);

impl Ours {
    pub fn new(key: &SigningKey) -> Self {
        Self::of(ResourceServer::builder(), [key])
    }

    /// One of its own settings, with the issuer of the tokens added.
    pub fn of<'a>(
        server: ResourceServerBuilder,
        keys: impl IntoIterator<Item = &'a SigningKey>,
    ) -> Self {
        let keys = JwkSet::parse(jwk_set(keys).to_string().as_bytes()).unwrap();
        let policy = Policy::builder(ISSUER, ISSUER).build().unwrap();
        let server = server.issuer(Issuer::jwk_set(policy, keys));
        Self(server.build().unwrap())
    }
}

impl Contestant for Ours {
    fn lets_in(&self, request: &Request<()>) -> bool {
        let principal = at_once(self.0.authenticate(black_box(request)));
        black_box(principal).is_ok()
    }
}
