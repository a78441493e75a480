//! Tokens and keys for the benchmarks that run other programs: all get the same, signed with the
//! fixed keys of `bearward-testing`.
//!
//! ```text
//! mint tokens ISSUER COUNT [ALG] [first|second|unknown]   distinct tokens, one a line, valid for a day
//! mint jwks ALG first|second|both                         a JWK Set
//! mint pem ALG                                            the first key, for those that read no JWK
//! ```
//!
//! `unknown` is the second key under a `kid` of its own for each token. Tokens come in no particular
//! order: all cores sign.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bearward::{Algorithm, UnixTime};
use bearward_testing::{SigningKey, Token, keys::jwk_set};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["tokens", issuer, count, ref rest @ ..] => {
            let algorithm = rest.first().map_or(Algorithm::Rs256, |alg| algorithm(alg));
            let which = rest.get(1).copied().unwrap_or("first");
            tokens(issuer, count.parse().unwrap(), algorithm, which);
        }
        ["jwks", alg, which] => {
            let (first, second) = keys(algorithm(alg));
            let set = match which {
                "first" => jwk_set([&first]),
                "second" => jwk_set([&second]),
                _ => jwk_set([&second, &first]),
            };
            println!("{set}");
        }
        ["pem", alg] => print!("{}", keys(algorithm(alg)).0.public_key_pem().unwrap()),
        _ => panic!("mint tokens ISSUER COUNT [ALG] [KEY] | mint jwks ALG KEY | mint pem ALG"),
    }
}

fn algorithm(name: &str) -> Algorithm {
    name.parse().unwrap()
}

fn keys(algorithm: Algorithm) -> (SigningKey, SigningKey) {
    (SigningKey::first(algorithm), SigningKey::second(algorithm))
}

fn tokens(issuer: &str, count: u32, algorithm: Algorithm, which: &str) {
    const BATCH: u32 = 250;
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = UnixTime::from_secs(now.as_secs());
    let (first, second) = keys(algorithm);
    let key = |user: u32| match which {
        "first" => first.clone(),
        "second" => second.clone(),
        _ => second.clone().with_kid(format!("unknown-{user}")),
    };
    let token = |user: u32| {
        let token = Token::user(issuer, issuer, now).expires_in(DAY);
        token.claim("sub", format!("user-{user:07}")).key(key(user))
    };
    let next = AtomicU32::new(0);
    let sign = || loop {
        let start = next.fetch_add(BATCH, Ordering::Relaxed);
        if start >= count {
            break;
        }
        let lines = (start..count.min(start + BATCH)).map(|user| token(user).sign());
        let mut lines = lines.collect::<Vec<_>>().join("\n");
        lines.push('\n');
        // Whoever reads may have had enough.
        if io::stdout().lock().write_all(lines.as_bytes()).is_err() {
            break;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(sign);
        }
    });
}
