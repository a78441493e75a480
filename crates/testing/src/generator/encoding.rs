//! Size and shape ([RFC 7515 §7.1]), and base64url ([RFC 7515 §2], [RFC 4648 §3.5]).
//!
//! [RFC 4648 §3.5]: https://www.rfc-editor.org/rfc/rfc4648#section-3.5
//! [RFC 7515 §2]: https://www.rfc-editor.org/rfc/rfc7515#section-2
//! [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1

use bearward_core::rejection::InvalidToken;
use fastrand::Rng;

use super::draft::change::{Change, Check, Edit};
use super::draft::{Draft, one_of};

/// Another shape.
const fn shape(name: &'static str, edit: fn(&mut String, &mut Rng)) -> Change {
    Change::spoil(
        name,
        SHAPE,
        Edit::Token(edit),
        Check::Shape,
        InvalidToken::NotCompactJws,
    )
}

/// Not canonical base64url. It touches nothing that could conflict with the others.
const fn base64(name: &'static str, edit: fn(&str, &mut Rng) -> Option<String>) -> Change {
    Change::spoil(
        name,
        &[],
        Edit::Encoding(edit),
        Check::Base64url,
        InvalidToken::Base64NotCanonical,
    )
}

/// All of these, the valid one first.
pub(super) static ALL: &[Change] = &[
    Change::edge("large", &["shape", "payload text"], Edit::Draft(large)),
    Change::spoil(
        "token-too-large",
        &["shape", "payload text"],
        Edit::Draft(too_large),
        Check::Size,
        InvalidToken::TokenTooLarge,
    ),
    Change::spoil(
        "header-too-large",
        &["shape", "bulk"],
        Edit::Draft(header_too_large),
        Check::HeaderSize,
        InvalidToken::TokenTooLarge,
    ),
    shape("empty", |token, _| token.clear()),
    shape("opaque", |token, rng| {
        *token = (0..40).map(|_| rng.alphanumeric()).collect()
    }),
    shape("two-parts", two_parts),
    shape("four-parts", |token, _| token.push_str(".e30")),
    shape("six-parts", |token, _| token.push_str(".e30.e30.e30")),
    shape("dot-before", |token, _| token.insert(0, '.')),
    shape("dot-behind", |token, _| token.push('.')),
    shape("no-header", |token, _| *token = without_part(token, 0)),
    shape("no-payload", |token, _| *token = without_part(token, 1)),
    shape("white-space-before", |token, rng| {
        token.insert_str(0, one_of(WHITE_SPACE, rng))
    }),
    shape("json-serialization", json_serialization),
    Change::spoil(
        "five-parts",
        SHAPE,
        Edit::Token(|token, _| token.push_str(".e30.e30")),
        Check::Shape,
        InvalidToken::JweNotSupported,
    ),
    base64("base64-padding", |part, rng| {
        Some(part.to_owned() + one_of(&["=", "==", "==="], rng))
    }),
    base64("base64-proper-padding", proper_padding),
    base64("base64-standard-alphabet", standard_alphabet),
    base64("base64-unused-bits", unused_bits),
    base64("base64-impossible-length", impossible_length),
    base64("base64-white-space", |part, rng| {
        inserted(part, one_of(WHITE_SPACE, rng), rng)
    }),
    base64("base64-junk", |part, rng| {
        inserted(
            part,
            one_of(&["!", "%", "*", "~", ",", "\"", "=", "\\"], rng),
            rng,
        )
    }),
    base64("base64-nul", |part, rng| inserted(part, "\0", rng)),
    base64("base64-non-ascii", |part, rng| {
        inserted(
            part,
            one_of(&["\u{e9}", "\u{430}", "\u{1f43b}", "\u{feff}"], rng),
            rng,
        )
    }),
    Change::spoil(
        "white-space-behind",
        SHAPE,
        Edit::Token(|token, rng| token.push_str(one_of(WHITE_SPACE, rng))),
        Check::Base64url,
        InvalidToken::Base64NotCanonical,
    ),
];

const SHAPE: &[&str] = &["shape"];

const WHITE_SPACE: &[&str] = &[" ", "\t", "\n", "\r", "\r\n"];

/// Within the limit of 16 KiB, whatever else is done.
fn large(draft: &mut Draft, rng: &mut Rng) {
    draft
        .payload
        .set_text("pad", &"x".repeat(rng.usize(4_000..7_000)));
}

fn too_large(draft: &mut Draft, rng: &mut Rng) {
    draft
        .payload
        .set_text("pad", &"x".repeat(rng.usize(12_300..40_000)));
}

fn header_too_large(draft: &mut Draft, rng: &mut Rng) {
    draft
        .header
        .set_text("pad", &"x".repeat(rng.usize(3_100..6_000)));
}

fn two_parts(token: &mut String, _: &mut Rng) {
    let end = token.rfind('.').unwrap_or_default();
    token.truncate(end);
}

fn without_part(token: &str, part: usize) -> String {
    let parts = token.split('.').enumerate();
    let parts: Vec<&str> = parts
        .map(|(index, text)| if index == part { "" } else { text })
        .collect();
    parts.join(".")
}

/// RFC 7515 §7.2, general or flattened.
fn json_serialization(token: &mut String, rng: &mut Rng) {
    let mut parts = token.split('.');
    let mut part = || parts.next().unwrap_or_default();
    let (header, payload, signature) = (part(), part(), part());
    *token = if rng.bool() {
        format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#)
    } else {
        format!(
            r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
        )
    };
}

/// Padding as in RFC 4648 §4, which JWS omits.
fn proper_padding(part: &str, _: &mut Rng) -> Option<String> {
    match part.len() & 3 {
        2 => Some(format!("{part}==")),
        3 => Some(format!("{part}=")),
        _ => None,
    }
}

fn standard_alphabet(part: &str, _: &mut Rng) -> Option<String> {
    let other = part.replacen('-', "+", 1).replacen('_', "/", 1);
    (other != part).then_some(other)
}

/// Sets the unused bits of the last character.
fn unused_bits(part: &str, _: &mut Rng) -> Option<String> {
    let mask = match part.len() & 3 {
        2 => 0b1111,
        3 => 0b11,
        _ => return None,
    };
    let mut part = part.to_owned();
    let last = part.pop()?;
    let value = ALPHABET.find(last)?;
    // The bits were 0, because the text is canonical.
    let other = ALPHABET.chars().nth(value | mask)?;
    part.push(other);
    Some(part)
}

fn impossible_length(part: &str, _: &mut Rng) -> Option<String> {
    let mut part = part.to_owned();
    while part.len() & 3 != 1 {
        part.push('A');
    }
    Some(part)
}

/// Not before the first character, where it would change the token's shape.
fn inserted(part: &str, what: &str, rng: &mut Rng) -> Option<String> {
    let at = rng.usize(1..part.len().max(2));
    let (before, behind) = part.split_at_checked(at)?;
    Some(format!("{before}{what}{behind}"))
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
