//! Fresh tokens through the whole pipeline, beside the bare signature check and other crates: the
//! same tokens, the same run, turn by turn. Prints ratios; absolute times are this machine's.
//!
//! `cargo run --release --manifest-path bench/Cargo.toml [-- --check]`; with `--check` the exit code
//! is 1 if a target is missed. Memory is the system's, as in an application that chooses no
//! allocator: what is allocated is counted by another program, `allocations`.

use std::cell::Cell;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bearward::{Algorithm, Issuer, JwkSet, Policy, ResourceServer, TokenCache};
use bearward_bench::contestants::{self, Bare, Contestant, Ours};
use bearward_bench::targets::Targets;
use bearward_bench::tokens::{ALGORITHMS, ISSUER, now, request, signed, spoilt};
use bearward_testing::{SigningKey, Token, keys::jwk_set};
use http::Request;

const TARGET_FRESH: f64 = 1.06;
const TARGET_REST: f64 = 0.9;
const TARGET_CACHED: f64 = 0.3;
const TARGET_THRASH: f64 = 1.03;
const TARGET_ISSUERS: f64 = 1.1;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let mut targets = Targets::default();
    fresh(&mut targets);
    key_sets();
    cached(&mut targets);
    thrash(&mut targets);
    many_issuers(&mut targets);
    targets.report()
}

/// A fresh token of each algorithm, beside all others.
fn fresh(targets: &mut Targets) {
    let columns = contestants::names().map(|name| format!(" | {name} | ratio"));
    println!("A fresh token, × the bare signature check");
    println!();
    println!("algorithm | signature{}", columns.concat());
    println!(
        "----------|----------:{}",
        "|---:|---:".repeat(columns.len())
    );
    for algorithm in ALGORITHMS {
        compare(algorithm, targets);
    }
}

fn compare(algorithm: Algorithm, targets: &mut Targets) {
    let (key, token) = signed(algorithm);
    let request = request(&token);
    let bare = Bare::new(&key, &token);
    let [(_, forged), ..] = spoilt(&key);
    assert!(!Bare::new(&key, &forged).verify(), "a forged token is good");
    let all = contestants::all(&key, &token);
    let verify = || assert!(bare.verify());
    let authenticate: Vec<_> = all
        .iter()
        .map(|(_, contestant)| || assert!(contestant.lets_in(&request)))
        .collect();
    let mut calls: Vec<&dyn Fn()> = vec![&verify];
    calls.extend(authenticate.iter().map(|call| call as &dyn Fn()));
    let times = turn_by_turn(&calls);

    let (bare, times) = times.split_first().unwrap();
    print!("{algorithm} | {:.2} µs", micros(*bare));
    for time in times {
        print!(" | {:.2} µs | {:.3}", micros(*time), ratio(*time, *bare));
    }
    println!();
    let time_of = |wanted: &str| {
        let place = all.iter().position(|(name, _)| *name == wanted);
        times[place.unwrap()]
    };
    let (ours, theirs) = (time_of("bearward"), time_of("jsonwebtoken"));
    if algorithm == Algorithm::Rs256 {
        let of_bare = ratio(ours, *bare);
        targets.at_most("fresh RS256, x the bare check", TARGET_FRESH, of_bare);
        let rest = micros(ours) - micros(*bare);
        targets.at_most("fresh RS256, all but the signature, µs", TARGET_REST, rest);
    }
    let what = format!("fresh {algorithm}, x jsonwebtoken");
    targets.at_most(what, 1.0, ratio(ours, theirs));
}

/// The token's key is the last of its set.
fn key_sets() {
    const KEYS: [usize; 3] = [1, 10, 100];
    let (key, token) = signed(Algorithm::Rs256);
    let request = request(&token);
    let servers = KEYS.map(|keys| {
        // As long as the last one's.
        let others = (1..keys).map(|other| key.clone().with_kid(format!("{other:036}")));
        let keys: Vec<SigningKey> = others.chain([key.clone()]).collect();
        Ours::of(ResourceServer::builder(), &keys)
    });
    let [one, ten, hundred] = &servers;
    let times = turn_by_turn(&[
        &|| assert!(one.lets_in(&request)),
        &|| assert!(ten.lets_in(&request)),
        &|| assert!(hundred.lets_in(&request)),
    ]);
    println!();
    println!("A fresh RS256 token, its key the last of a set, × one key");
    println!();
    println!("keys | bearward | ratio");
    println!("----:|---------:|------:");
    for (keys, time) in KEYS.iter().zip(&times) {
        println!(
            "{keys} | {:.2} µs | {:.3}",
            micros(*time),
            ratio(*time, times[0])
        );
    }
}

/// A token that was seen before.
fn cached(targets: &mut Targets) {
    let (key, token) = signed(Algorithm::Rs256);
    let request = request(&token);
    let ours = Ours::of(
        ResourceServer::builder().token_cache(TokenCache::new()),
        [&key],
    );
    let times = turn_by_turn(&[&|| assert!(ours.lets_in(&request))]);
    targets.at_most("cached token, µs", TARGET_CACHED, micros(times[0]));
}

/// Twice as many tokens as the cache has room for, one after the other.
fn thrash(targets: &mut Targets) {
    const TOKENS: u32 = 2000;
    let key = SigningKey::first(Algorithm::Rs256);
    let tokens: Vec<String> = (0..TOKENS)
        .map(|user| {
            let token = Token::user(ISSUER, ISSUER, now()).claim("sub", format!("user-{user}"));
            token.key(key.clone()).sign()
        })
        .collect();
    let without = Crowd::new(&key, &tokens, None);
    let caches = [
        ("2000 tokens in turn in 1000 slots, x no cache", TOKENS / 2),
        // All of them once: nothing is ever found, every token is put in.
        ("2000 tokens in turn in 10 slots, x no cache", 10),
    ];
    for (what, slots) in caches {
        let cache = TokenCache::new().max_entries(slots);
        let with = Crowd::new(&key, &tokens, Some(cache));
        let times = turn_by_turn(&[&|| without.next(), &|| with.next()]);
        targets.at_most(what, TARGET_THRASH, ratio(times[1], times[0]));
    }
}

fn many_issuers(targets: &mut Targets) {
    let (key, token) = signed(Algorithm::Rs256);
    let request = request(&token);
    let [one, many] = [1, 10_000].map(|issuers| {
        let mut server = ResourceServer::builder();
        for issuer in 1..issuers {
            let name = format!("https://tenant-{issuer}.example.com");
            let keys = JwkSet::parse(jwk_set([&key]).to_string().as_bytes()).unwrap();
            let policy = Policy::builder(name, ISSUER).build().unwrap();
            server = server.issuer(Issuer::jwk_set(policy, keys));
        }
        Ours::of(server, [&key])
    });
    let times = turn_by_turn(&[&|| assert!(one.lets_in(&request)), &|| {
        assert!(many.lets_in(&request))
    }]);
    let ratio = ratio(times[1], times[0]);
    targets.at_most("10 000 issuers, x one", TARGET_ISSUERS, ratio);
}

/// Many users, one request each in turn.
struct Crowd {
    ours: Ours,
    requests: Vec<Request<()>>,
    next: Cell<usize>,
}

impl Crowd {
    fn new(key: &SigningKey, tokens: &[String], cache: Option<TokenCache>) -> Self {
        let mut server = ResourceServer::builder();
        if let Some(cache) = cache {
            server = server.token_cache(cache);
        }
        Self {
            ours: Ours::of(server, [key]),
            requests: tokens.iter().map(|token| request(token)).collect(),
            next: Cell::new(0),
        }
    }

    fn next(&self) {
        let next = self.next.get();
        self.next.set((next + 1) % self.requests.len());
        assert!(self.ours.lets_in(&self.requests[next]));
    }
}

/// The time of one call of each, from many short rounds in turn, so that what the machine does
/// beside us meets all alike. The median of the rounds counts.
fn turn_by_turn(calls: &[&dyn Fn()]) -> Vec<Duration> {
    const ROUNDS: usize = 401;
    let calls: Vec<_> = calls.iter().map(|call| (call, a_turn(call))).collect();
    let mut rounds = vec![Vec::with_capacity(ROUNDS); calls.len()];
    for _ in 0..ROUNDS {
        for ((call, times), turns) in calls.iter().zip(&mut rounds) {
            turns.push(time(call, *times));
        }
    }
    let median = |mut turns: Vec<Duration>| {
        turns.sort();
        turns[ROUNDS / 2]
    };
    rounds.into_iter().map(median).collect()
}

/// How many calls are a turn: 50, or as many as a millisecond is long enough for, so that those who
/// take their time do not take everybody's.
fn a_turn(call: &dyn Fn()) -> u32 {
    const CALLS: u32 = 50;
    const TURN: Duration = Duration::from_millis(1);
    let fit = TURN.as_nanos() / time(call, CALLS).as_nanos().max(1);
    u32::try_from(fit).map_or(CALLS, |fit| fit.clamp(1, CALLS))
}

fn time(call: &dyn Fn(), times: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        call();
    }
    start.elapsed() / times
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64()
}
