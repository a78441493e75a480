//! Fresh tokens through the whole pipeline, beside the bare signature check and jsonwebtoken: the
//! same tokens, the same run, turn by turn. Prints ratios; absolute times are this machine's.
//!
//! `cargo run --release --manifest-path bench/Cargo.toml [-- --check]`; with `--check` the exit code
//! is 1 if a target is missed.

use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use bearward::resource_server::ResourceServerBuilder;
use bearward::{Algorithm, Issuer, JwkSet, Policy, ResourceServer, TokenCache, UnixTime};
use bearward_testing::{SigningKey, Token, keys::jwk_set};
use http::Request;
use http::header::AUTHORIZATION;
use serde::Deserialize;

const ISSUER: &str = "https://my-project.authgear.cloud";
const TARGET_FRESH: f64 = 1.06;
const TARGET_REST: f64 = 0.9;
const TARGET_ALLOCATIONS: u64 = 8;
const TARGET_CACHED: f64 = 0.3;
const TARGET_CACHED_ALLOCATIONS: u64 = 1;
const TARGET_THRASH: f64 = 1.03;
const TARGET_ISSUERS: f64 = 1.1;

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let mut targets = Targets::default();
    println!(
        "algorithm | signature | bearward | ratio | jsonwebtoken | ratio | allocations (bearward, jsonwebtoken)"
    );
    println!(
        "----------|----------:|---------:|------:|-------------:|------:|-------------------------------------"
    );
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ] {
        compare(algorithm, &mut targets);
    }
    cached(&mut targets);
    thrash(&mut targets);
    many_issuers(&mut targets);
    targets.print();
    if check && !targets.are_met() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// What was measured against what it should be.
#[derive(Default)]
struct Targets(Vec<(String, f64, f64)>);

impl Targets {
    fn at_most(&mut self, what: impl Into<String>, target: f64, measured: f64) {
        self.0.push((what.into(), target, measured));
    }

    fn print(&self) {
        println!();
        println!("what | at most | measured | ");
        println!("-----|--------:|---------:|-");
        for (what, target, measured) in &self.0 {
            let verdict = if measured <= target { "met" } else { "MISSED" };
            println!("{what} | {target} | {measured:.3} | {verdict}");
        }
    }

    fn are_met(&self) -> bool {
        self.0
            .iter()
            .all(|(_, target, measured)| measured <= target)
    }
}

/// A token that was seen before.
fn cached(targets: &mut Targets) {
    let (key, token) = signed(Algorithm::Rs256);
    let ours = Ours::remembering(&key, &token, TokenCache::new());
    ours.authenticate();
    let [time] = turn_by_turn([&|| ours.authenticate()]);
    let allocations = allocation_counter::measure(|| ours.authenticate()).count_total;
    targets.at_most("cached token, µs", TARGET_CACHED, micros(time));
    let allocations = u32::try_from(allocations).unwrap().into();
    let target = u32::try_from(TARGET_CACHED_ALLOCATIONS).unwrap().into();
    targets.at_most("cached token, allocations", target, allocations);
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
    let with = Crowd::new(
        &key,
        &tokens,
        Some(TokenCache::new().max_entries(TOKENS / 2)),
    );
    let [without_time, with_time] = turn_by_turn([&|| without.next(), &|| with.next()]);
    let ratio = with_time.as_secs_f64() / without_time.as_secs_f64();
    targets.at_most(
        "2000 tokens in turn in 1000 slots, x no cache",
        TARGET_THRASH,
        ratio,
    );
    // All of them once: nothing is ever found, every token is put in.
    let once = Crowd::new(&key, &tokens, Some(TokenCache::new().max_entries(10)));
    let [without_time, once_time] = turn_by_turn([&|| without.next(), &|| once.next()]);
    let ratio = once_time.as_secs_f64() / without_time.as_secs_f64();
    targets.at_most(
        "2000 tokens in turn in 10 slots, x no cache",
        TARGET_THRASH,
        ratio,
    );
}

fn many_issuers(targets: &mut Targets) {
    let (key, token) = signed(Algorithm::Rs256);
    let [one, many] = [1, 10_000].map(|issuers| {
        let mut server = ResourceServer::builder();
        for issuer in 1..issuers {
            let name = format!("https://tenant-{issuer}.example.com");
            let keys = JwkSet::parse(jwk_set([&key]).to_string().as_bytes()).unwrap();
            let policy = Policy::builder(name, ISSUER).build().unwrap();
            server = server.issuer(Issuer::jwk_set(policy, keys));
        }
        Ours::of(server, &key, &token)
    });
    let [one_time, many_time] = turn_by_turn([&|| one.authenticate(), &|| many.authenticate()]);
    let ratio = many_time.as_secs_f64() / one_time.as_secs_f64();
    targets.at_most("10 000 issuers, x one", TARGET_ISSUERS, ratio);
}

fn now() -> UnixTime {
    UnixTime::from_secs(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
}

fn signed(algorithm: Algorithm) -> (SigningKey, String) {
    let key = SigningKey::first(algorithm);
    let token = Token::user(ISSUER, ISSUER, now()).key(key.clone()).sign();
    (key, token)
}

fn compare(algorithm: Algorithm, targets: &mut Targets) {
    let (key, token) = signed(algorithm);
    let bare = Bare::new(&key, &token);
    let ours = Ours::new(&key, &token);
    let theirs = Theirs::new(&key, &token);

    let [bare_time, our_time, their_time] =
        turn_by_turn([&|| bare.verify(), &|| ours.authenticate(), &|| {
            theirs.decode()
        }]);
    let our_allocations = allocation_counter::measure(|| ours.authenticate()).count_total;
    let their_allocations = allocation_counter::measure(|| theirs.decode()).count_total;
    let ratio = |time: Duration| time.as_secs_f64() / bare_time.as_secs_f64();
    println!(
        "{algorithm} | {:.2} µs | {:.2} µs | {:.3} | {:.2} µs | {:.3} | {our_allocations}, {their_allocations}",
        micros(bare_time),
        micros(our_time),
        ratio(our_time),
        micros(their_time),
        ratio(their_time),
    );
    if algorithm == Algorithm::Rs256 {
        targets.at_most(
            "fresh RS256, x the bare check",
            TARGET_FRESH,
            ratio(our_time),
        );
        let rest = micros(our_time) - micros(bare_time);
        targets.at_most("fresh RS256, all but the signature, µs", TARGET_REST, rest);
        let target = u32::try_from(TARGET_ALLOCATIONS).unwrap().into();
        let allocations = u32::try_from(our_allocations).unwrap().into();
        targets.at_most("fresh RS256, allocations", target, allocations);
    }
    let against = our_time.as_secs_f64() / their_time.as_secs_f64();
    targets.at_most(format!("fresh {algorithm}, x jsonwebtoken"), 1.0, against);
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The time of one call of each, from many short rounds in turn, so that what the machine does
/// beside us meets all alike. The median of the rounds counts.
fn turn_by_turn<const N: usize>(calls: [&dyn Fn(); N]) -> [Duration; N] {
    const ROUNDS: usize = 401;
    const CALLS: u32 = 50;
    let mut rounds: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (call, times) in calls.iter().zip(&mut rounds) {
            let start = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            times.push(start.elapsed() / CALLS);
        }
    }
    rounds.map(|mut times| {
        times.sort();
        times[ROUNDS / 2]
    })
}

/// What cannot be saved: the signature, decoded, under a key parsed once.
struct Bare {
    key: ParsedPublicKey,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

impl Bare {
    fn new(key: &SigningKey, token: &str) -> Self {
        let (signing_input, signature) = token.rsplit_once('.').unwrap();
        let jwk = key.public_jwk();
        let member = |name: &str| decode_base64url(jwk[name].as_str().unwrap());
        let key = match key.algorithm() {
            Algorithm::Rs256 => RsaPublicKeyComponents {
                n: member("n"),
                e: member("e"),
            }
            .to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256)
            .unwrap(),
            Algorithm::Ps256 => RsaPublicKeyComponents {
                n: member("n"),
                e: member("e"),
            }
            .to_parsed_public_key(&signature::RSA_PSS_2048_8192_SHA256)
            .unwrap(),
            Algorithm::Es256 => {
                let point = [&[4][..], &member("x"), &member("y")].concat();
                ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).unwrap()
            }
            _ => ParsedPublicKey::new(&signature::ED25519, member("x")).unwrap(),
        };
        Self {
            key,
            signing_input: signing_input.into(),
            signature: decode_base64url(signature),
        }
    }

    fn verify(&self) {
        let verified = self
            .key
            .verify_sig(black_box(&self.signing_input), &self.signature);
        black_box(verified).unwrap();
    }
}

/// The whole pipeline: the head of a request in, a principal out.
struct Ours {
    server: ResourceServer,
    request: Request<()>,
}

impl Ours {
    fn new(key: &SigningKey, token: &str) -> Self {
        Self::of(ResourceServer::builder(), key, token)
    }

    fn remembering(key: &SigningKey, token: &str, cache: TokenCache) -> Self {
        Self::of(ResourceServer::builder().token_cache(cache), key, token)
    }

    fn of(server: ResourceServerBuilder, key: &SigningKey, token: &str) -> Self {
        Self {
            server: with_issuer(server, key),
            request: request(token),
        }
    }

    /// The key is at hand, so the first poll has the answer.
    fn authenticate(&self) {
        authenticate(&self.server, &self.request);
    }
}

/// Many users, one request each in turn.
struct Crowd {
    server: ResourceServer,
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
            server: with_issuer(server, key),
            requests: tokens.iter().map(|token| request(token)).collect(),
            next: Cell::new(0),
        }
    }

    fn next(&self) {
        let next = self.next.get();
        self.next.set((next + 1) % self.requests.len());
        authenticate(&self.server, &self.requests[next]);
    }
}

fn with_issuer(server: ResourceServerBuilder, key: &SigningKey) -> ResourceServer {
    let keys = JwkSet::parse(jwk_set([key]).to_string().as_bytes()).unwrap();
    let policy = Policy::builder(ISSUER, ISSUER).build().unwrap();
    server
        .issuer(Issuer::jwk_set(policy, keys))
        .build()
        .unwrap()
}

fn request(token: &str) -> Request<()> {
    let request = Request::get("/hello").header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(()).unwrap()
}

fn authenticate(server: &ResourceServer, request: &Request<()>) {
    let principal = pin!(server.authenticate(black_box(request)));
    let Poll::Ready(principal) = principal.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("authenticating waited");
    };
    black_box(principal).unwrap();
}

/// As an application would use it: the key parsed as early as the crate allows, issuer, audience and
/// expiry checked, the claims typed.
struct Theirs {
    key: jsonwebtoken::DecodingKey,
    validation: jsonwebtoken::Validation,
    request: Request<()>,
}

#[derive(Deserialize)]
#[expect(
    dead_code,
    reason = "parsed as an application would, for the cost of it"
)]
struct TheirClaims {
    iss: String,
    sub: String,
    client_id: String,
    exp: u64,
    iat: u64,
    jti: String,
    scope: String,
}

impl Theirs {
    fn new(key: &SigningKey, token: &str) -> Self {
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.public_jwk()).unwrap();
        let algorithm = key.algorithm().as_str().parse().unwrap();
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.set_audience(&[ISSUER]);
        validation.set_issuer(&[ISSUER]);
        Self {
            key: jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap(),
            validation,
            request: request(token),
        }
    }

    fn decode(&self) {
        let field = black_box(&self.request).headers()[AUTHORIZATION]
            .to_str()
            .unwrap();
        let token = field.strip_prefix("Bearer ").unwrap();
        let decoded = jsonwebtoken::decode::<TheirClaims>(token, &self.key, &self.validation);
        black_box(decoded).unwrap();
    }
}

fn decode_base64url(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}
