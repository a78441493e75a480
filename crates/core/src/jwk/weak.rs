//! Public keys that are well-formed but must not be trusted.

use super::{JwkFault, LeftOut, UnusableJwk};
use crate::limits;

pub(super) fn without_leading_zeros(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(&[0]) {
        bytes = rest;
    }
    bytes
}

/// Checks size, exponent and ROCA. Both numbers are big-endian, without leading zeros.
pub(super) fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), LeftOut> {
    if n.last().is_none_or(|byte| byte & 1 == 0) {
        return Err(JwkFault::NotAKey("n").into());
    }
    let exponent = e
        .iter()
        .try_fold(0_u64, |sum, byte| {
            sum.checked_mul(256)?.checked_add(u64::from(*byte))
        })
        .ok_or(JwkFault::NotAKey("e"))?;
    let is_weak = !limits::RSA_BITS.contains(&bits(n))
        || exponent < limits::RSA_EXPONENT_MIN
        || exponent & 1 == 0
        || is_roca(n);
    if is_weak {
        return Err(UnusableJwk::Weak.into());
    }
    Ok(())
}

fn bits(n: &[u8]) -> usize {
    let unused = n.first().map_or(0, |byte| byte.leading_zeros());
    n.len()
        .saturating_mul(8)
        .saturating_sub(usize::try_from(unused).unwrap_or_default())
}

/// Whether the modulus comes from Infineon's broken generator (CVE-2017-15361): its primes, and
/// therefore the modulus, are powers of 65537 modulo each small prime. Another modulus passes all
/// of these tests with a probability below 2⁻²⁷.
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

/// Refuses non-canonical encodings and points of small order ([RFC 7748 §6.1] describes the same
/// for X25519): under such a key, one signature fits many messages.
///
/// [RFC 7748 §6.1]: https://www.rfc-editor.org/rfc/rfc7748#section-6.1
pub(super) fn check_ed25519(point: &[u8]) -> Result<(), LeftOut> {
    let y: [u8; 32] = point.try_into().map_err(|_| JwkFault::NotAKey("x"))?;
    let y = without_sign(y);
    if !is_reduced(&y) || SMALL_ORDER.contains(&y) {
        return Err(UnusableJwk::Weak.into());
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

#[cfg(test)]
mod tests {
    use super::{
        P, SMALL_ORDER, bits, check_ed25519, check_rsa, is_power_of_65537, is_reduced, is_roca,
        without_leading_zeros,
    };
    use crate::jwk::{JwkFault, LeftOut, UnusableJwk};

    const WEAK: LeftOut = LeftOut {
        reason: UnusableJwk::Weak,
        fault: None,
    };

    #[test]
    fn leading_zeros_do_not_count() {
        assert_eq!(without_leading_zeros(&[0, 0, 1, 0]), [1, 0]);
        assert_eq!(without_leading_zeros(&[1, 0]), [1, 0]);
        assert!(without_leading_zeros(&[0, 0]).is_empty());
        assert!(without_leading_zeros(&[]).is_empty());
    }

    #[test]
    fn bits_of_a_number() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[1]), 1);
        assert_eq!(bits(&[0x7F]), 7);
        assert_eq!(bits(&[0x80]), 8);
        assert_eq!(bits(&[1, 0]), 9);
        assert_eq!(bits(&[0x80, 0, 0]), 24);
    }

    /// The powers of 65537 by definition, without a loop that ends early.
    fn powers(prime: u64) -> std::collections::BTreeSet<u64> {
        std::iter::successors(Some(1_u64), |power| {
            power.checked_mul(65_537)?.checked_rem(prime)
        })
        .take(usize::try_from(prime).unwrap())
        .collect()
    }

    #[test]
    fn powers_of_65537() {
        for prime in [
            11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
        ] {
            let powers = powers(prime);
            for residue in 0..prime {
                let expected = powers.contains(&residue);
                assert_eq!(
                    is_power_of_65537(residue, prime),
                    expected,
                    "{residue} mod {prime}"
                );
            }
            assert!(u64::try_from(powers.len()).unwrap() < prime);
        }
    }

    /// Moduli that pass for every prime, and moduli that fail for only one.
    #[test]
    fn a_roca_modulus_passes_for_every_prime() {
        assert!(is_roca(&[1]));
        assert!(is_roca(&[1, 0, 1]));
        // 65537², 65537³.
        assert!(is_roca(&[1, 0, 2, 0, 1]));
        assert!(is_roca(&[1, 0, 3, 0, 3, 0, 1]));
        assert!(!is_roca(&[]));
        assert!(!is_roca(&[0]));
        assert!(!is_roca(&[1, 0, 3]));
        // The product of the primes plus a power for all but one of them.
        for (index, prime) in PRODUCT_OF.iter().enumerate() {
            let others: u128 = PRODUCT_OF
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
                .map(|(_, prime)| u128::from(*prime))
                .product();
            let powers = powers(*prime);
            let spoilt = (1..*prime).find_map(|times| {
                let number = others.checked_mul(u128::from(times))?.checked_add(1)?;
                let residue = u64::try_from(number.checked_rem(u128::from(*prime))?).unwrap();
                (!powers.contains(&residue)).then_some(number)
            });
            let number = spoilt.unwrap().to_be_bytes();
            assert!(!is_roca(without_leading_zeros(&number)), "{prime}");
        }
    }

    /// The primes of the test; the product of all but one has fewer than 128 bits.
    const PRODUCT_OF: [u64; 17] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];

    #[test]
    fn exponents_beyond_a_word_are_not_used() {
        let n = [&[0x80], [0; 254].as_slice(), &[1]].concat();
        assert_eq!(check_rsa(&n, &[1, 0, 1]), Ok(()));
        assert_eq!(check_rsa(&n, &[0xFF; 8]), Ok(()));
        assert_eq!(
            check_rsa(&n, &[1, 0, 0, 0, 0, 0, 0, 0, 1]),
            Err(JwkFault::NotAKey("e").into())
        );
        assert_eq!(check_rsa(&n, &[]), Err(WEAK));
        assert_eq!(check_rsa(&n, &[0xFF, 0xFF]), Err(WEAK));
        assert_eq!(check_rsa(&n, &[1, 0, 2]), Err(WEAK));
        assert_eq!(
            check_rsa(&[], &[1, 0, 1]),
            Err(JwkFault::NotAKey("n").into())
        );
    }

    #[test]
    fn a_coordinate_is_below_p() {
        assert!(!is_reduced(&P));
        let mut below = P;
        below[0] = 0xEC;
        assert!(is_reduced(&below));
        let mut above = P;
        above[0] = 0xEE;
        assert!(!is_reduced(&above));
        let mut below = P;
        below[31] = 0x7E;
        assert!(is_reduced(&below));
        assert!(is_reduced(&[0; 32]));
        assert!(!is_reduced(&[0xFF; 32]));
    }

    #[test]
    fn points_of_small_order_are_weak_whatever_their_sign() {
        for mut point in SMALL_ORDER {
            assert_eq!(check_ed25519(&point), Err(WEAK));
            point[31] |= 0x80;
            assert_eq!(check_ed25519(&point), Err(WEAK));
        }
        assert_eq!(check_ed25519(&P), Err(WEAK));
        let mut good = [0x55; 32];
        assert_eq!(check_ed25519(&good), Ok(()));
        good[31] |= 0x80;
        assert_eq!(check_ed25519(&good), Ok(()));
        assert_eq!(
            check_ed25519(&[0x55; 31]),
            Err(JwkFault::NotAKey("x").into())
        );
        assert_eq!(
            check_ed25519(&[0x55; 33]),
            Err(JwkFault::NotAKey("x").into())
        );
        assert_eq!(check_ed25519(&[]), Err(JwkFault::NotAKey("x").into()));
    }
}
