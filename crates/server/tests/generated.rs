//! Tokens drawn by chance, through the whole resource server with its cache of verified tokens: the
//! first time, the second time, and among others.
//!
//! `BEARWARD_SPECIMENS=100000` draws more than an ordinary run does, and `BEARWARD_SEED=…` others.

use std::collections::{BTreeMap, VecDeque};

use bearward::{Issuer, JwkSet, Policy, ResourceServer, TokenCache};
use bearward_testing::generator::{AUDIENCE, Generator, ISSUER, KeySet, NOW, Specimen};

/// How many tokens are kept to come again: more than the cache has room for, so that some are found
/// in it and some are not.
const AMONG_OTHERS: usize = 200;

#[tokio::test]
async fn a_cch_01_every_generated_token_is_decided_the_same_each_time() {
    let servers: Servers = KeySet::ALL.iter().map(|set| (*set, server(*set))).collect();
    let number = |name, otherwise| {
        std::env::var(name).map_or(otherwise, |number| number.parse().expect("a number"))
    };
    let (count, seed) = (
        number("BEARWARD_SPECIMENS", 2_000),
        number("BEARWARD_SEED", 3),
    );

    let mut wrong = Vec::new();
    let mut earlier: VecDeque<Specimen> = VecDeque::new();
    let mut rng = fastrand::Rng::with_seed(seed);
    for (_, specimen) in (0..count).zip(Generator::from_seed(seed)) {
        let server = &servers[&specimen.key_set];
        decide(&servers, &specimen, "first", &mut wrong).await;
        let before = server.token_cache().unwrap();
        decide(&servers, &specimen, "second", &mut wrong).await;
        let after = server.token_cache().unwrap();
        // What was admitted a moment ago is remembered, and what was refused never is.
        let found = after.hits - before.hits;
        assert!(
            found <= 1 && (specimen.expected.is_ok() || found == 0),
            "{specimen:?}"
        );

        for other in rng.choose_multiple(&earlier, 2) {
            decide(&servers, other, "again", &mut wrong).await;
        }
        earlier.push_back(specimen);
        if earlier.len() > AMONG_OTHERS {
            earlier.pop_front();
        }
    }
    for server in servers.values() {
        let state = server.token_cache().unwrap();
        println!("{count} tokens, each two to four times: {state:?}");
        assert!(state.hits > 0 && state.entries <= 50);
    }
    let (total, shown) = (wrong.len(), wrong.iter().take(20));
    let shown: Vec<&str> = shown.map(String::as_str).collect();
    assert!(wrong.is_empty(), "{total} wrong:\n{}", shown.join("\n"));
}

/// A resource server for each key set.
type Servers = BTreeMap<KeySet, ResourceServer>;

fn server(key_set: KeySet) -> ResourceServer {
    let keys = JwkSet::parse(key_set.jwk_set().to_string().as_bytes()).unwrap();
    let policy = Policy::builder(ISSUER, AUDIENCE).build().unwrap();
    ResourceServer::builder()
        .issuer(Issuer::jwk_set(policy, keys))
        .token_cache(TokenCache::new().max_entries(50))
        .clock(|| NOW)
        .build()
        .unwrap()
}

async fn decide(servers: &Servers, specimen: &Specimen, when: &str, wrong: &mut Vec<String>) {
    let server = &servers[&specimen.key_set];
    let found = server.authenticate_token(specimen.token.as_bytes()).await;
    let found = found.map(drop).map_err(|refused| refused.reason());
    if found != specimen.expected.map_err(|reason| reason.code()) {
        wrong.push(format!("{when}: {specimen:?}, found {found:?}"));
    }
}
