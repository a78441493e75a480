//! The setting: one issuer whose keys are at hand, one point in time, and a gate that asks it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bearward_core::{
    Challenge, JwkSet, Policy, Principal, Profile, ProtectionSpace, Rejection, RequestHead,
    Requirements, Sources, authenticate, authenticate_from,
};
use bearward_gate::decision::Verdict;
use bearward_gate::gate::Authenticator;
use bearward_gate::original::Original;
use bearward_gate::{Decision, Gate};
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW, key_set};
use http::{HeaderMap, Method, Uri};

/// An issuer of this profile, whose keys never have to be fetched.
pub(crate) struct Known {
    keys: JwkSet,
    policy: Policy,
}

impl Known {
    pub(crate) fn new(profile: Profile) -> Self {
        let policy = Policy::builder(ISSUER, AUDIENCE).profile(profile);
        Self {
            keys: JwkSet::parse(key_set().as_bytes()).unwrap(),
            policy: policy.build().unwrap(),
        }
    }

    /// The principal of a good token.
    pub(crate) fn principal(&self, token: &Token) -> Principal {
        let mut headers = HeaderMap::new();
        let credentials = format!("Bearer {}", token.sign());
        headers.insert("authorization", credentials.parse().unwrap());
        let uri = Uri::from_static("/");
        let head = RequestHead::new(&Method::GET, &uri, &headers);
        authenticate(head, &self.keys, &self.policy, NOW).unwrap()
    }
}

impl Authenticator for Known {
    async fn authenticate(
        &self,
        head: RequestHead<'_>,
        sources: &Sources,
    ) -> Result<Principal, Rejection> {
        authenticate_from(head, sources, &self.keys, &self.policy, NOW)
    }

    async fn authorize(
        &self,
        _head: RequestHead<'_>,
        principal: &Principal,
        requirements: &Requirements,
    ) -> Result<(), Rejection> {
        requirements.authorize(principal, NOW)
    }

    fn challenge(&self, rejection: &Rejection, _head: RequestHead<'_>) -> Challenge {
        let space = ProtectionSpace::new("api").unwrap();
        Challenge::new(rejection, &space)
    }
}

/// What a gate decides, asking `known`, which never makes it wait.
pub(crate) fn decide(gate: &Gate, original: &Original<'_>, known: &Known) -> Decision {
    at_once(gate.decide(original, known))
}

/// What its routes alone decide.
pub(crate) fn decide_by_route(gate: &Gate, original: &Original<'_>, known: &Known) -> Verdict {
    at_once(gate.decide_by_route(original, known))
}

fn at_once<T>(deciding: impl Future<Output = T>) -> T {
    match pin!(deciding).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(decision) => decision,
        Poll::Pending => panic!("nothing is waited for"),
    }
}
