//! The keys embedded in this crate: two of each kind, and the RSA key of 4096 bits.
//!
//! They are public. Whatever trusts one of them outside a test is open to everybody.

use bearward_core::Algorithm;

/// One of the two keys there are of each kind.
#[derive(Clone, Copy)]
pub(super) enum Which {
    First,
    Second,
}

/// The embedded key for an algorithm, in the form `Scheme::parse` takes; empty if there is none.
pub(super) fn key(algorithm: Algorithm, which: Which) -> &'static [u8] {
    let [first, second]: [&[u8]; 2] = match algorithm.as_str() {
        "HS256" | "HS384" | "HS512" => [
            include_bytes!("../../keys/hmac-first.bin"),
            include_bytes!("../../keys/hmac-second.bin"),
        ],
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => [
            include_bytes!("../../keys/rsa-2048-first.der"),
            include_bytes!("../../keys/rsa-2048-second.der"),
        ],
        "ES256" => [
            include_bytes!("../../keys/p-256-first.der"),
            include_bytes!("../../keys/p-256-second.der"),
        ],
        "ES384" => [
            include_bytes!("../../keys/p-384-first.der"),
            include_bytes!("../../keys/p-384-second.der"),
        ],
        "ES512" => [
            include_bytes!("../../keys/p-521-first.der"),
            include_bytes!("../../keys/p-521-second.der"),
        ],
        "EdDSA" | "Ed25519" => [
            include_bytes!("../../keys/ed25519-first.der"),
            include_bytes!("../../keys/ed25519-second.der"),
        ],
        "ML-DSA-44" => [
            include_bytes!("../../keys/ml-dsa-44-first.der"),
            include_bytes!("../../keys/ml-dsa-44-second.der"),
        ],
        "ML-DSA-65" => [
            include_bytes!("../../keys/ml-dsa-65-first.der"),
            include_bytes!("../../keys/ml-dsa-65-second.der"),
        ],
        "ML-DSA-87" => [
            include_bytes!("../../keys/ml-dsa-87-first.der"),
            include_bytes!("../../keys/ml-dsa-87-second.der"),
        ],
        _ => [&[], &[]],
    };
    match which {
        Which::First => first,
        Which::Second => second,
    }
}

/// The RSA key of 4096 bits.
pub(super) const RSA_4096: &[u8] = include_bytes!("../../keys/rsa-4096.der");
