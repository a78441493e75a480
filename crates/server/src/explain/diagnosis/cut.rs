//! Tokens that lost a part on their way through a terminal, a log or a clipboard.

use bearward_core::Algorithm;

use super::Diagnosis;
use super::opaque::JWT_START;
use crate::explain::anatomy::Anatomy;
use crate::explain::check::Check;
use crate::explain::members::Members;

/// Recognises a token of which a part is missing.
pub(super) fn diagnose(anatomy: &Anatomy<'_>, checks: &[Check]) -> Option<Diagnosis> {
    let token = anatomy.token;
    let holds = |text: &[u8]| token.windows(text.len()).any(|part| part == text);
    if token.starts_with(JWT_START) && (holds(b"...") || holds("…".as_bytes())) {
        return Some(cut(
            "The token was shortened: it has an ellipsis in place of a part.",
        ));
    }
    // Whatever else it has, a text that starts like this has no other meaning.
    let why = match anatomy.parts {
        1 if token.starts_with(JWT_START) => {
            "The token is cut off: it ends within or after its header."
        }
        2 if token.starts_with(JWT_START) => {
            "The token is cut off: it ends within or after its payload, and has no signature."
        }
        3 => return cut_signature(anatomy, checks).or_else(|| cut_start(anatomy)),
        _ => return None,
    };
    Some(cut(why))
}

/// A signature shorter than any that its algorithm makes.
fn cut_signature(anatomy: &Anatomy<'_>, checks: &[Check]) -> Option<Diagnosis> {
    let header = anatomy.header.as_ref()?;
    let algorithm: Algorithm = header.string("alg")?.parse().ok()?;
    let found = anatomy.signature_part.len().saturating_mul(3) / 4;
    // A longer key of RSA is known by the check of its signature.
    let is_short_for_key = checks
        .iter()
        .any(|check| check.name == "signature" && check.verdict.code() == Some("signature_length"));
    let expected = shortest(algorithm);
    // A signature of another key has the whole length of that key.
    let is_cut_of_longer_key = is_short_for_key
        && algorithm.key_type() == "RSA"
        && (expected..512).contains(&found)
        && ![256, 384].contains(&found);
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

/// A payload without the header that should be before it.
fn cut_start(anatomy: &Anatomy<'_>) -> Option<Diagnosis> {
    let is_unreadable = anatomy.is_jws() && anatomy.header.is_none();
    let claims = Members::of(anatomy.payload_part).filter(|_| is_unreadable)?;
    let is_whole = anatomy.token.starts_with(JWT_START);
    (claims.has("iss") && !is_whole).then(|| {
        cut("The beginning of the token is missing: its payload is readable, but its header is not.")
    })
}

fn cut(why: &str) -> Diagnosis {
    Diagnosis::new(
        why,
        "Copy the whole token again, to its last character: three parts with two dots between them. \
         Terminals, logs and databases shorten long texts.",
    )
}
