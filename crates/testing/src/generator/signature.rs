//! Signatures ([RFC 7515 §5.2], [RFC 7518 §3], [RFC 8032 §5.1.7]): forged, cut, and with
//! manipulated numbers.
//!
//! [RFC 7515 §5.2]: https://www.rfc-editor.org/rfc/rfc7515#section-5.2
//! [RFC 7518 §3]: https://www.rfc-editor.org/rfc/rfc7518#section-3
//! [RFC 8032 §5.1.7]: https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7

use bearward_core::Algorithm;
use bearward_core::rejection::InvalidToken;
use fastrand::Rng;

use super::draft::Draft;
use super::draft::change::{Change, Check, Edit};
use super::header::{Family, family};
use super::key_set::{Signer, algorithms};
use crate::keys::SigningKey;
use crate::token::{Parts, base64url};

/// The signature does not verify.
const fn invalid(name: &'static str, edit: fn(&mut Parts, &Signer, &mut Rng)) -> Change {
    Change::spoil(
        name,
        SIGNATURE,
        Edit::Signature(edit),
        Check::Signature,
        InvalidToken::SignatureInvalid,
    )
}

/// The signature has another length.
const fn length(name: &'static str, edit: fn(&mut Parts, &Signer, &mut Rng)) -> Change {
    Change::spoil(
        name,
        SIGNATURE,
        Edit::Signature(edit),
        Check::SignatureLength,
        InvalidToken::SignatureLength,
    )
}

/// The attacker's key, referenced in the header.
const fn injected(
    name: &'static str,
    touches: &'static [&'static str],
    edit: fn(&mut Draft, &mut Rng),
) -> Change {
    Change::spoil(
        name,
        touches,
        Edit::Draft(edit),
        Check::Signature,
        InvalidToken::SignatureInvalid,
    )
}

/// All of these, the valid one first.
pub(super) static ALL: &[Change] = &[
    Change::edge("ecdsa-high-s", SIGNATURE, Edit::Signature(mirrored_s)).only_if(is_ec),
    invalid("signature-bit-flipped", bit_flipped),
    invalid("signature-by-another-key", by_another_key),
    invalid("signature-of-another-token", of_another_token),
    invalid("signature-all-zeros", |parts, _, _| parts.signature.fill(0)),
    invalid("signature-all-ones", |parts, _, _| {
        parts.signature.fill(0xFF)
    }),
    invalid("signature-by-another-algorithm", by_another_algorithm).only_if(is_rsa),
    invalid("rsa-signature-plus-modulus", plus_modulus).only_if(is_rsa),
    invalid("ecdsa-r-zero", |parts, _, _| halves(parts).0.fill(0)).only_if(is_ec),
    invalid("ecdsa-s-zero", |parts, _, _| halves(parts).1.fill(0)).only_if(is_ec),
    invalid("ecdsa-r-and-s-the-order", both_the_order).only_if(is_ec),
    invalid("ecdsa-s-plus-order", s_plus_order).only_if(is_p521),
    invalid("ecdsa-r-and-s-swapped", swapped).only_if(is_ec),
    invalid("eddsa-s-plus-order", eddsa_s_plus_order).only_if(is_ed25519),
    invalid("eddsa-small-order", eddsa_small_order).only_if(is_ed25519),
    length("signature-empty", |parts, _, _| parts.signature.clear()),
    length("signature-truncated", truncated),
    length("signature-with-a-byte-more", |parts, _, rng| {
        parts.signature.push(rng.u8(..))
    }),
    length("signature-with-a-zero-before", |parts, _, _| {
        parts.signature.insert(0, 0)
    }),
    length("ecdsa-der", |parts, _, _| {
        parts.signature = der(&parts.signature)
    })
    .only_if(is_ec),
    length("hmac-as-signature", hmac),
    injected("jwk-injected", &["signature", "jwk", "bulk"], jwk_injected),
    injected("jku-injected", &["signature", "jku"], jku_injected),
    injected("x5c-injected", &["signature", "x5c", "bulk"], x5c_injected),
];

const SIGNATURE: &[&str] = &["signature"];

fn is_ec(draft: &Draft) -> bool {
    family(draft.algorithm()) == Family::Ec
}

fn is_p521(draft: &Draft) -> bool {
    draft.algorithm() == Algorithm::Es512
}

fn is_rsa(draft: &Draft) -> bool {
    family(draft.algorithm()) == Family::Rsa
}

fn is_ed25519(draft: &Draft) -> bool {
    family(draft.algorithm()) == Family::Ed25519
}

fn bit_flipped(parts: &mut Parts, _: &Signer, rng: &mut Rng) {
    if let Some(byte) = rng.choice(&mut parts.signature) {
        *byte ^= rng.choice([1, 2, 4, 8, 16, 32, 64, 128]).unwrap_or(1);
    }
}

fn by_another_key(parts: &mut Parts, signer: &Signer, _: &mut Rng) {
    parts.signature = signer.attacker().sign(parts.signing_input().as_bytes());
}

fn of_another_token(parts: &mut Parts, signer: &Signer, _: &mut Rng) {
    let other = format!("{}.{}", parts.header_b64, base64url(b"{\"sub\":\"admin\"}"));
    parts.signature = signer.key.sign(other.as_bytes());
}

/// Signs with the same RSA key, but another hash or padding.
fn by_another_algorithm(parts: &mut Parts, signer: &Signer, rng: &mut Rng) {
    let own = signer.key.algorithm();
    let others: Vec<Algorithm> = algorithms()
        .filter(|other| *other != own && family(*other) == Family::Rsa)
        .collect();
    let other = rng.choice(others).unwrap_or(own);
    let key = signer.for_algorithm(other);
    parts.signature = key.sign(parts.signing_input().as_bytes());
}

/// RFC 8017 §5.2.2: a representative at or above the modulus is out of range, although the
/// arithmetic sees the same number.
fn plus_modulus(parts: &mut Parts, signer: &Signer, _: &mut Rng) {
    let jwk = signer.key.public_jwk();
    let modulus = jwk.get("n").and_then(serde_json::Value::as_str);
    let modulus = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(modulus.unwrap_or_default())
        .unwrap_or_default();
    let (sum, carry) = sum(&parts.signature, &modulus);
    // If it does not fit into the length, the modulus itself is out of range as well.
    parts.signature = if carry == 0 { sum } else { modulus };
}

fn mirrored_s(parts: &mut Parts, signer: &Signer, _: &mut Rng) {
    let order = order(signer.key.algorithm());
    let (_, s) = halves(parts);
    let mirrored = difference(&order, s);
    s.copy_from_slice(&mirrored);
}

fn both_the_order(parts: &mut Parts, signer: &Signer, _: &mut Rng) {
    let order = order(signer.key.algorithm());
    let (r, s) = halves(parts);
    r.copy_from_slice(&order);
    s.copy_from_slice(&order);
}

fn s_plus_order(parts: &mut Parts, signer: &Signer, _: &mut Rng) {
    let order = order(signer.key.algorithm());
    let (_, s) = halves(parts);
    let (sum, _) = sum(s, &order);
    s.copy_from_slice(&sum);
}

fn swapped(parts: &mut Parts, _: &Signer, _: &mut Rng) {
    let (r, s) = halves(parts);
    r.swap_with_slice(s);
}

/// RFC 8032 §5.1.7: S must be below the order, or one signature has several spellings.
fn eddsa_s_plus_order(parts: &mut Parts, _: &Signer, _: &mut Rng) {
    let (_, s) = halves(parts);
    s.reverse();
    let (mut sum, _) = sum(s, ED25519_ORDER);
    sum.reverse();
    s.copy_from_slice(&sum);
}

/// R is the neutral point, S is 0.
fn eddsa_small_order(parts: &mut Parts, _: &Signer, _: &mut Rng) {
    parts.signature.fill(0);
    if let Some(first) = parts.signature.first_mut() {
        *first = 1;
    }
}

fn truncated(parts: &mut Parts, _: &Signer, rng: &mut Rng) {
    let length = rng.usize(1..parts.signature.len().max(2));
    parts.signature.truncate(length);
}

/// Signs without knowing any of the keys.
fn hmac(parts: &mut Parts, _: &Signer, _: &mut Rng) {
    if let Ok(key) = SigningKey::from_secret(Algorithm::Hs256, b"secret") {
        parts.signature = key.sign(parts.signing_input().as_bytes());
    }
}

fn jwk_injected(draft: &mut Draft, _: &mut Rng) {
    draft.key = draft.signer.attacker();
    let jwk = draft.key.public_jwk();
    draft.header.set("jwk", jwk.to_string());
}

fn jku_injected(draft: &mut Draft, _: &mut Rng) {
    draft.key = draft.signer.attacker();
    draft.header.set_text("jku", "https://evil.example/keys");
}

fn x5c_injected(draft: &mut Draft, _: &mut Rng) {
    draft.key = draft.signer.attacker();
    let der = draft.key.public_key_der().unwrap_or_default();
    let text = base64_simd::STANDARD.encode_to_string(der);
    draft.header.set("x5c", format!("[\"{text}\"]"));
}

/// r and s.
fn halves(parts: &mut Parts) -> (&mut [u8], &mut [u8]) {
    let half = parts.signature.len().div_euclid(2);
    parts.signature.split_at_mut(half)
}

/// The sum of two numbers of the same length, big-endian, and the carry.
fn sum(a: &[u8], b: &[u8]) -> (Vec<u8>, u16) {
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = u16::from(*a)
                .wrapping_add(u16::from(*b))
                .wrapping_add(carry);
            carry = digit >> 8;
            let [_, low] = digit.to_be_bytes();
            low
        })
        .collect();
    sum.reverse();
    (sum, carry)
}

/// a - b, of the same length, big-endian; b is the smaller.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|byte| !byte).collect();
    let mut one = vec![0; b.len()];
    if let Some(last) = one.last_mut() {
        *last = 1;
    }
    let (sum_of_complement, _) = sum(a, &complement);
    sum(&sum_of_complement, &one).0
}

/// The two numbers as a DER sequence.
fn der(signature: &[u8]) -> Vec<u8> {
    let half = signature.len().div_euclid(2);
    let (r, s) = signature.split_at_checked(half).unwrap_or_default();
    let content = [integer(r), integer(s)].concat();
    [vec![0x30], der_length(content.len()), content].concat()
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let mut number = number.get(zeros..).unwrap_or_default().to_vec();
    if number.first().is_none_or(|byte| *byte >= 0x80) {
        number.insert(0, 0);
    }
    [vec![0x02], der_length(number.len()), number].concat()
}

fn der_length(length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short @ ..0x80) => vec![short],
        Ok(long) => vec![0x81, long],
        Err(_) => Vec::new(),
    }
}

/// The order of the algorithm's curve (SP 800-186 §3.2.1), as long as each number in its
/// signatures.
fn order(algorithm: Algorithm) -> Vec<u8> {
    match algorithm.as_str() {
        "ES256" => P256_ORDER.to_vec(),
        "ES384" => P384_ORDER.to_vec(),
        _ => P521_ORDER.to_vec(),
    }
}

const P256_ORDER: &[u8; 32] = &[
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

const P384_ORDER: &[u8; 48] = &[
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF,
    0x58, 0x1A, 0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A, 0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
];

const P521_ORDER: &[u8; 66] = &[
    0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFA, 0x51, 0x86, 0x87, 0x83, 0xBF, 0x2F, 0x96, 0x6B, 0x7F, 0xCC, 0x01, 0x48, 0xF7, 0x09,
    0xA5, 0xD0, 0x3B, 0xB5, 0xC9, 0xB8, 0x89, 0x9C, 0x47, 0xAE, 0xBB, 0x6F, 0xB7, 0x1E, 0x91, 0x38,
    0x64, 0x09,
];

/// 2²⁵² + 27742317777372353535851937790883648493 (RFC 8032 §5.1).
const ED25519_ORDER: &[u8; 32] = &[
    0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x14, 0xDE, 0xF9, 0xDE, 0xA2, 0xF7, 0x9C, 0xD6, 0x58, 0x12, 0x63, 0x1A, 0x5C, 0xF5, 0xD3, 0xED,
];
