//! Tokens that lost a part on their way through a terminal, a log or a clipboard.

use bearward_core::Algorithm;

use super::Diagnosis;
use crate::explain::anatomy::{Anatomy, JWT_START};
use crate::explain::asked::Asked;
use crate::explain::check::Check;
use crate::explain::members::Members;

/// Recognises a token of which a part is missing.
pub(super) fn diagnose(anatomy: &Anatomy<'_>, checks: &[Check]) -> Option<Diagnosis> {
    let token = anatomy.token();
    if let Some(shortened) = shortened(token) {
        return Some(shortened);
    }
    // Whatever else it has, a text that starts like this has no other meaning.
    let why = match anatomy.parts {
        1 if token.starts_with(JWT_START) => {
            "The token is cut off: it ends within or after its header."
        }
        2 if token.starts_with(JWT_START) => {
            "The token is cut off: it ends within or after its payload, and has no signature."
        }
        3 => {
            return cut_signature(anatomy, checks)
                .or_else(|| cut_start(anatomy))
                .or_else(|| damaged_payload(anatomy));
        }
        _ => return None,
    };
    Some(cut(why))
}

/// A text with an ellipsis: dots in a row, or the character for them.
///
/// Only a JWE has an empty part by right, its second ([RFC 7516 §5.1]), and then no other.
///
/// [RFC 7516 §5.1]: https://www.rfc-editor.org/rfc/rfc7516#section-5.1
pub(super) fn shortened(token: &[u8]) -> Option<Diagnosis> {
    let holds = |text: &[u8]| token.windows(text.len()).any(|part| part == text);
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let is_jwe = matches!(parts.as_slice(), [[_, ..], [], [_, ..], [_, ..], [_, ..]]);
    let has_ellipsis = (holds(b"..") && !is_jwe) || holds("…".as_bytes());
    has_ellipsis.then(|| cut("The token was shortened: it has an ellipsis in place of a part."))
}

/// A token whose header and signature are whole, and whose payload is not.
fn damaged_payload(anatomy: &Anatomy<'_>) -> Option<Diagnosis> {
    let algorithm = algorithm(anatomy)?;
    let signature = anatomy.signature_part();
    let bytes = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(signature)
        .ok()?
        .len();
    let is_whole = match algorithm.key_type() {
        "RSA" => RSA_BYTES.contains(&bytes),
        _ => bytes == shortest(algorithm),
    };
    (is_whole && anatomy.payload.is_none()).then(|| {
        damaged(
            "Something is missing from the payload of the token, or was changed within it: its header is readable and its \
             signature has the right length, but its payload is not readable.",
        )
    })
}

/// The algorithm that a readable header names.
fn algorithm(anatomy: &Anatomy<'_>) -> Option<Algorithm> {
    anatomy.header.as_ref()?.string("alg")?.parse().ok()
}

/// A signature shorter than any that its algorithm makes.
fn cut_signature(anatomy: &Anatomy<'_>, checks: &[Check]) -> Option<Diagnosis> {
    let algorithm = algorithm(anatomy)?;
    let found = anatomy.signature_part().len().saturating_mul(3) / 4;
    // A longer key of RSA is known by the check of its signature.
    let is_short_for_key = checks
        .iter()
        .any(|check| check.name == "signature" && check.verdict.code() == Some("signature_length"));
    let expected = shortest(algorithm);
    // A signature of another key has the whole length of that key.
    let is_cut_of_longer_key = is_short_for_key
        && algorithm.key_type() == "RSA"
        && (expected..512).contains(&found)
        && !RSA_BYTES.contains(&found);
    if found >= expected && !is_cut_of_longer_key {
        return None;
    }
    let why = match (found, is_cut_of_longer_key) {
        (0, _) => "The token is cut off: it has no signature after its second dot.".to_owned(),
        (_, true) => format!(
            "The token is cut off: its signature is only {found} bytes, which is too short for the issuer's key."
        ),
        (_, false) => format!(
            "The token is cut off: its signature is only {found} bytes, and one of {algorithm} has at \
             least {expected}."
        ),
    };
    Some(cut(&why))
}

/// The bytes of the shortest signature that we accept of an algorithm.
fn shortest(algorithm: Algorithm) -> usize {
    match (algorithm.key_type(), algorithm.curve()) {
        ("RSA", _) => 256,
        ("EC", Some("P-384")) => 96,
        ("EC", Some("P-521")) => 132,
        ("EC" | "OKP", _) => 64,
        ("oct", _) => 32,
        _ => 0,
    }
}

/// A payload without the header that should be before it, or with a part of it.
fn cut_start(anatomy: &Anatomy<'_>) -> Option<Diagnosis> {
    let is_unreadable = anatomy.is_jws() && anatomy.header.is_none();
    let claims = Members::of(anatomy.payload_part()).filter(|_| is_unreadable)?;
    if !claims.has("iss") {
        return None;
    }
    // The beginning is there.
    if anatomy.token().starts_with(JWT_START) {
        return Some(damaged(
            "Something is missing from the header of the token, or was changed within it: its payload is readable, but \
             its header is not.",
        ));
    }
    Some(Diagnosis::new(
        "The beginning of the token is missing: its payload is readable, but its header is not.",
        "Copy the whole token again, from its first character: nearly every JWT begins with `eyJ`.",
    ))
}

/// Parts that are not canonical base64url, of a token that no load balancer wrote.
pub(super) fn encoding(
    anatomy: &Anatomy<'_>,
    asked: &Asked,
    checks: &[Check],
) -> Option<Diagnosis> {
    let header = anatomy.header.as_ref();
    let is_of_load_balancer = asked.policy.profile().is_of_load_balancer()
        || header.is_some_and(|header| header.has("signer"));
    let mut checks = checks.iter().filter(|_| !is_of_load_balancer);
    let odd = checks.find(|check| check.name == "base64url" && check.verdict.code().is_some())?;
    Some(Diagnosis::new(
        format!(
            "A part of the token is not the base64url that its issuer wrote: {}.",
            odd.found
        ),
        "Send the token exactly as the issuer returned it, byte for byte: something on its way changed it or cut it.",
    ))
}

fn damaged(why: &str) -> Diagnosis {
    Diagnosis::new(
        why,
        "Copy the whole token again, without any change. Terminals that wrap long lines, editors and spreadsheets lose \
         characters in the middle.",
    )
}

/// The bytes of signatures with the usual keys of RSA.
const RSA_BYTES: [usize; 3] = [256, 384, 512];

fn cut(why: &str) -> Diagnosis {
    Diagnosis::new(
        why,
        "Copy the whole token again, to its last character: three parts with two dots between them. \
         Terminals, logs and databases shorten long texts.",
    )
}
