//! Fresh tokens through the whole pipeline, beside the bare signature check and jsonwebtoken: the
//! same tokens, the same run, turn by turn. Prints ratios; absolute times are this machine's.
//!
//! `cargo run --release --manifest-path bench/Cargo.toml [-- --check]`; with `--check` the exit code
//! is 1 if a target is missed.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use bearward::{Algorithm, Issuer, JwkSet, Policy, ResourceServer, UnixTime};
use bearward_testing::{SigningKey, Token, keys::jwk_set};
use http::Request;
use http::header::AUTHORIZATION;
use serde::Deserialize;

const ISSUER: &str = "https://my-project.authgear.cloud";
const TARGET_RS256: f64 = 1.10;
const TARGET_ALLOCATIONS: u64 = 10;

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    println!(
        "algorithm | signature | bearward | ratio | jsonwebtoken | ratio | allocations (bearward, jsonwebtoken)"
    );
    println!(
        "----------|----------:|---------:|------:|-------------:|------:|-------------------------------------"
    );
    let mut is_met = true;
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        is_met &= compare(algorithm);
    }
    println!();
    println!("targets: RS256 at most {TARGET_RS256:.2} x the bare signature check, at most");
    println!(
        "{TARGET_ALLOCATIONS} allocations, and faster than jsonwebtoken for all three: {}",
        if is_met { "met" } else { "MISSED" }
    );
    if check && !is_met {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn compare(algorithm: Algorithm) -> bool {
    let now = UnixTime::from_secs(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    );
    let key = SigningKey::first(algorithm);
    let token = Token::user(ISSUER, ISSUER, now).key(key.clone()).sign();

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
    let is_close = algorithm != Algorithm::Rs256 || ratio(our_time) <= TARGET_RS256;
    is_close && our_allocations <= TARGET_ALLOCATIONS && our_time < their_time
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
        let keys = JwkSet::parse(jwk_set([key]).to_string().as_bytes()).unwrap();
        let policy = Policy::builder(ISSUER, ISSUER).build().unwrap();
        let server = ResourceServer::builder()
            .issuer(Issuer::jwk_set(policy, keys))
            .build()
            .unwrap();
        let request = Request::get("/hello").header(AUTHORIZATION, format!("Bearer {token}"));
        Self {
            server,
            request: request.body(()).unwrap(),
        }
    }

    /// The key is at hand, so the first poll has the answer.
    fn authenticate(&self) {
        let principal = pin!(self.server.authenticate(black_box(&self.request)));
        let Poll::Ready(principal) = principal.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("authenticating waited");
        };
        black_box(principal).unwrap();
    }
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
        let request = Request::get("/hello").header(AUTHORIZATION, format!("Bearer {token}"));
        Self {
            key: jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap(),
            validation,
            request: request.body(()).unwrap(),
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
