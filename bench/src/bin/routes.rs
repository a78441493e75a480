//! An axum application with the same route three times: bare, behind bearward with a cache of
//! verified tokens, and behind bearward without: `routes ISSUER ADDRESS`.
//!
//! Nothing is fetched: the issuer's key set is the first fixed RS256 key. One thread serves.

use axum::Router;
use axum::routing::get;
use bearward_axum::{BearerLayer, Caller, Issuer, ResourceServer};
use bearward_core::{Algorithm, JwkSet, Policy};
use bearward_testing::{SigningKey, keys::jwk_set};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, address] = &arguments[..] else {
        panic!("routes ISSUER ADDRESS");
    };
    let server = || {
        let key = SigningKey::first(Algorithm::Rs256);
        let keys = JwkSet::parse(jwk_set([&key]).to_string().as_bytes()).unwrap();
        let policy = Policy::builder(issuer, issuer).build().unwrap();
        ResourceServer::builder().issuer(Issuer::jwk_set(policy, keys))
    };
    let cached = server().token_cache(bearward::TokenCache::new());
    let cached = BearerLayer::new(&cached.build().unwrap());
    let fresh = BearerLayer::new(&server().build().unwrap());
    let app = Router::new()
        .route("/bare", get(bare))
        .route("/cached", get(protected).layer(cached))
        .route("/fresh", get(protected).layer(fresh));
    let listener = TcpListener::bind(address).await.unwrap();
    println!("ready");
    axum::serve(listener, app).await.unwrap();
}

async fn bare() -> &'static str {
    "Hello!"
}

async fn protected(_: Caller) -> &'static str {
    "Hello!"
}
