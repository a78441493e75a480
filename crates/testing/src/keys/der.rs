//! The subset of DER that RSA keys need ([RFC 8017 §A.1], the private one inside [RFC 5208 §5]).
//!
//! It reads only keys that a cryptographic library has already parsed or written.
//!
//! [RFC 5208 §5]: https://www.rfc-editor.org/rfc/rfc5208#section-5
//! [RFC 8017 §A.1]: https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1

/// The public members of an RSA key in PKCS#1: `n` and `e`, without leading zeros.
pub(super) fn rsa_public_members(pkcs1: &[u8]) -> Option<[&[u8]; 2]> {
    let key = content(pkcs1, SEQUENCE)?.0;
    let (n, key) = unsigned(key)?;
    let (e, _end) = unsigned(key)?;
    Some([n, e])
}

/// The private members of an RSA key: `d`, `p`, `q`, `dp`, `dq`, `qi`, without leading zeros.
pub(super) fn rsa_private_members(pkcs8: &[u8]) -> Option<[&[u8]; 6]> {
    let info = content(pkcs8, SEQUENCE)?.0;
    let (_version, info) = content(info, INTEGER)?;
    let (_algorithm, info) = content(info, SEQUENCE)?;
    let key = content(content(info, OCTET_STRING)?.0, SEQUENCE)?.0;
    let (_version, key) = content(key, INTEGER)?;
    let (_n, key) = content(key, INTEGER)?;
    let (_e, key) = content(key, INTEGER)?;
    let (d, key) = unsigned(key)?;
    let (p, key) = unsigned(key)?;
    let (q, key) = unsigned(key)?;
    let (dp, key) = unsigned(key)?;
    let (dq, key) = unsigned(key)?;
    let (qi, _end) = unsigned(key)?;
    Some([d, p, q, dp, dq, qi])
}

/// A positive INTEGER, without the zero byte that keeps it positive, and what follows it.
fn unsigned(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (integer, rest) = content(input, INTEGER)?;
    Some((integer.strip_prefix(&[0]).unwrap_or(integer), rest))
}

/// The content of the element with this `tag` that `input` starts with, and what follows it.
fn content(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, input) = input.strip_prefix(&[tag])?.split_first()?;
    let Some(octets) = first.checked_sub(0x80) else {
        return input.split_at_checked(usize::from(*first));
    };
    let (length, input) = input.split_at_checked(usize::from(octets))?;
    let length = length.iter().try_fold(0_usize, |length, octet| {
        length.checked_mul(256)?.checked_add(usize::from(*octet))
    })?;
    input.split_at_checked(length)
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
