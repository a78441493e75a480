//! Who takes part: bearward and its peers, each as an application that cares about speed would use
//! it. The key is parsed as early as the crate allows; issuer, audience and expiry are checked; the
//! claims are in the types it has for them; nothing is fetched.

mod bare;
mod huskarl;
mod jsonwebtoken;
mod jwt_simple;
mod oauth_resource_server;
mod ours;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bearward_testing::SigningKey;
use http::Request;

use crate::tokens;

pub use self::bare::{Bare, parsed_key};
use self::huskarl::Huskarl;
use self::jsonwebtoken::Jsonwebtoken;
use self::jwt_simple::JwtSimple;
use self::oauth_resource_server::OauthResourceServer;
pub use self::ours::Ours;

pub trait Contestant {
    /// Whether the request's token is good.
    fn lets_in(&self, request: &Request<()>) -> bool;
}

/// One of them, set up with the public half of a key.
type New = fn(&SigningKey) -> Box<dyn Contestant>;

/// By their names in the tables, ours first. In brackets is what checks the signatures, where it is
/// not aws-lc.
const ALL: [(&str, New); 5] = [
    ("bearward", |key| Box::new(Ours::new(key))),
    ("jsonwebtoken", |key| Box::new(Jsonwebtoken::new(key))),
    ("jwt-simple (RustCrypto)", |key| {
        Box::new(JwtSimple::new(key))
    }),
    ("oauth-resource-server (ring)", |key| {
        Box::new(OauthResourceServer::new(key))
    }),
    ("huskarl-resource-server (RustCrypto)", |key| {
        Box::new(Huskarl::new(key))
    }),
];

pub fn names() -> [&'static str; ALL.len()] {
    ALL.map(|(name, _)| name)
}

/// All of them. Each has let a good token in and kept spoilt ones out: else there is nothing to
/// compare.
pub fn all(key: &SigningKey, token: &str) -> Vec<(&'static str, Box<dyn Contestant>)> {
    let good = tokens::request(token);
    let spoilt = tokens::spoilt(key).map(|(what, token)| (what, tokens::request(&token)));
    let all = ALL.map(|(name, new)| (name, new(key)));
    for (name, contestant) in &all {
        let algorithm = key.algorithm();
        let is_let_in = contestant.lets_in(&good);
        assert!(is_let_in, "{name} keeps a good {algorithm} token out");
        for (what, request) in &spoilt {
            let is_let_in = contestant.lets_in(request);
            assert!(!is_let_in, "{name} takes {algorithm} with a spoilt {what}");
        }
    }
    all.into()
}

/// The keys are at hand, so the first poll has the answer.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let Poll::Ready(answer) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("there was something to wait for");
    };
    answer
}
