//! Public keys that are valid in form and must not be trusted.

use super::UnusableJwk;
use crate::limits;

pub(super) fn without_leading_zeros(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(&[0]) {
        bytes = rest;
    }
    bytes
}

/// Size, exponent and ROCA. Both numbers are big-endian, without leading zeros.
pub(super) fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), UnusableJwk> {
    if n.last().is_none_or(|byte| byte & 1 == 0) {
        return Err(UnusableJwk::Unusable);
    }
    let exponent = e
        .iter()
        .try_fold(0_u64, |sum, byte| {
            Some(sum.checked_mul(256)? | u64::from(*byte))
        })
        .ok_or(UnusableJwk::Unusable)?;
    let is_weak = !limits::RSA_BITS.contains(&bits(n))
        || exponent < limits::RSA_EXPONENT_MIN
        || exponent & 1 == 0
        || is_roca(n);
    if is_weak {
        return Err(UnusableJwk::Weak);
    }
    Ok(())
}

fn bits(n: &[u8]) -> usize {
    let unused = n.first().map_or(0, |byte| byte.leading_zeros());
    n.len()
        .saturating_mul(8)
        .saturating_sub(usize::try_from(unused).unwrap_or_default())
}

/// Whether the modulus was made by Infineon's broken generator (CVE-2017-15361): its primes, so
/// the modulus too, are powers of 65537 modulo each small prime. Another modulus passes all of
/// these tests with a probability below 2⁻²⁷.
fn is_roca(n: &[u8]) -> bool {
    const PRIMES: [u64; 17] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];
    PRIMES.iter().all(|prime| {
        let residue = n.iter().fold(0_u64, |sum, byte| {
            modulo(sum.wrapping_mul(256).wrapping_add(u64::from(*byte)), *prime)
        });
        is_power_of_65537(residue, *prime)
    })
}

fn is_power_of_65537(residue: u64, prime: u64) -> bool {
    let mut power = 1;
    for _ in 1..prime {
        if power == residue {
            return true;
        }
        power = modulo(65_537_u64.wrapping_mul(power), prime);
    }
    false
}

fn modulo(number: u64, prime: u64) -> u64 {
    number.checked_rem(prime).unwrap_or_default()
}

/// Refuses an encoding that is not canonical and the points of small order ([RFC 7748 §6.1] tells
/// the like of X25519): under such a key one signature fits many messages.
///
/// [RFC 7748 §6.1]: https://www.rfc-editor.org/rfc/rfc7748#section-6.1
pub(super) fn check_ed25519(point: &[u8]) -> Result<(), UnusableJwk> {
    let y: [u8; 32] = point.try_into().map_err(|_| UnusableJwk::Unusable)?;
    let y = without_sign(y);
    if !is_reduced(&y) || SMALL_ORDER.contains(&y) {
        return Err(UnusableJwk::Weak);
    }
    Ok(())
}

fn without_sign(mut y: [u8; 32]) -> [u8; 32] {
    if let Some(last) = y.last_mut() {
        *last &= 0x7F;
    }
    y
}

/// Whether the little-endian `y` is below p = 2²⁵⁵ − 19.
fn is_reduced(y: &[u8; 32]) -> bool {
    y.iter().rev().lt(P.iter().rev())
}

const P: [u8; 32] = {
    let mut p = [0xFF; 32];
    p[0] = 0xED;
    p[31] = 0x7F;
    p
};

/// The y coordinates of the eight points whose order divides 8: 0, 1, p − 1 and two of order 8.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = P;
        minus_one[0] = 0xEC;
        minus_one
    },
    [
        0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98,
        0xF0, 0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53,
        0xFC, 0x05,
    ],
    [
        0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67,
        0x0F, 0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC,
        0x03, 0x7A,
    ],
];
