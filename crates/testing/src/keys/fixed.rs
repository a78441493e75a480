//! The keys embedded in this crate: two of each kind, and the RSA key of 4096 bits.
//!
//! They are public. Anything that trusts one of them outside a test is open to everybody.

/// The first and the second key of a kind, each in the form that `Scheme::parse` takes.
pub(super) type Pair = [&'static [u8]; 2];

/// The two halves of a file with two keys of equal length.
pub(super) const fn pair(both: &'static [u8]) -> Pair {
    let (first, second) = both.split_at(both.len() / 2);
    [first, second]
}

/// The shared secrets of all HMACs.
pub(super) const HMAC: Pair = pair(include_bytes!("../../keys/hmac.bin"));

/// The keys of all algorithms that use RSA.
pub(super) const RSA_2048: Pair = [
    include_bytes!("../../keys/rsa-2048-first.der"),
    include_bytes!("../../keys/rsa-2048-second.der"),
];

/// The RSA key of 4096 bits.
pub(super) const RSA_4096: &[u8] = include_bytes!("../../keys/rsa-4096.der");
