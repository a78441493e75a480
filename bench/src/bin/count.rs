//! Runs one part of the pipeline a number of times, for a profiler or an instruction counter:
//! `count PART [TIMES]`. What counts is inside [`measured`](bearward_bench::measured); the rest
//! is preparation.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bearward::{Algorithm, Issuer, JwkSet, Policy, ResourceServer, TokenCache, UnixTime};
use bearward_bench::measured;
use bearward_bench::tokens::ISSUER;
use bearward_core::jws::UnverifiedJws;
use bearward_testing::{SigningKey, Token, keys::jwk_set};
use http::Request;
use http::header::AUTHORIZATION;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().unwrap_or_default();
    let times: u32 = arguments
        .next()
        .map_or(1000, |times| times.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let now = UnixTime::from_secs(1_700_000_000);
    let algorithm: Algorithm = part.parse().unwrap_or(Algorithm::Rs256);
    let key = SigningKey::first(algorithm);
    let token = Token::user(ISSUER, ISSUER, now).key(key.clone());
    let token = match part.as_str() {
        "members" => with_members(token).sign(),
        _ => token.sign(),
    };
    // For counts per byte.
    println!("{}", token.len());
    let keys = JwkSet::parse(jwk_set([&key]).to_string().as_bytes()).unwrap();
    let policy = Policy::builder(ISSUER, ISSUER).build().unwrap();
    let server = ResourceServer::builder()
        .issuer(Issuer::jwk_set(policy, keys))
        .clock(move || now)
        .build()
        .unwrap();
    let request = Request::get("/hello").header(AUTHORIZATION, format!("Bearer {token}"));
    let request = request.body(()).unwrap();
    let authenticate = || {
        let principal = pin!(server.authenticate(black_box(&request)));
        let Poll::Ready(principal) = principal.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("authenticating waited");
        };
        black_box(principal).unwrap();
    };
    match part.as_str() {
        "members" | "parse" => measured(times, || {
            black_box(UnverifiedJws::parse(black_box(token.as_bytes()))).unwrap();
        }),
        "cached" => {
            let keys = JwkSet::parse(jwk_set([&key]).to_string().as_bytes()).unwrap();
            let policy = Policy::builder(ISSUER, ISSUER).build().unwrap();
            let server = ResourceServer::builder()
                .issuer(Issuer::jwk_set(policy, keys))
                .token_cache(TokenCache::new())
                .build();
            let server = server.unwrap();
            let token = Token::user(ISSUER, ISSUER, server.now())
                .key(key.clone())
                .sign();
            let request = Request::get("/hello").header(AUTHORIZATION, format!("Bearer {token}"));
            let request = request.body(()).unwrap();
            measured(times, || {
                let principal = pin!(server.authenticate(black_box(&request)));
                let Poll::Ready(principal) =
                    principal.poll(&mut Context::from_waker(Waker::noop()))
                else {
                    panic!("authenticating waited");
                };
                black_box(principal).unwrap();
            });
        }
        _ => measured(times, authenticate),
    }
}

/// The token with as many members in one object as fit into 16 KiB.
fn with_members(token: Token) -> Token {
    let letters = || ('a'..='z').chain('A'..='Z');
    let names =
        letters().flat_map(|first| letters().map(move |second| format!("member{first}{second}")));
    let members = names.take(740).map(|name| (name, "x".into()));
    token.claim("x", serde_json::Value::Object(members.collect()))
}
