//! Every check, in the order in which a reader takes a token apart.

use bearward_core::limits;
use bearward_core::rejection::InvalidToken;

use super::anatomy::Anatomy;
use super::asked::Asked;
use super::check::{Check, Verdict};
use super::{claims, header, key, probe};

/// Every check of the token, even after a failure.
pub(crate) fn all(anatomy: &Anatomy<'_>, asked: &Asked) -> Vec<Check> {
    let mut checks = vec![input(anatomy), size(anatomy), shape(anatomy)];
    checks.push(header_size(anatomy));
    checks.push(base64url(anatomy));
    checks.push(json("header", anatomy));
    checks.extend(header::checks(anatomy, asked));
    checks.push(json("payload", anatomy));
    checks.push(claims::issuer(anatomy, asked));
    let is_alg_refused = checks
        .iter()
        .any(|check| check.name == "alg" && check.verdict.code().is_some());
    checks.extend(key::checks(anatomy, asked, is_alg_refused));
    checks.extend(claims::rules(anatomy, asked));
    checks
}

fn input(anatomy: &Anatomy<'_>) -> Check {
    let alone = "the token and nothing else";
    Check {
        name: "input",
        expected: alone.to_owned(),
        found: anatomy
            .pasted
            .map_or(alone, |pasted| pasted.found())
            .to_owned(),
        // The pasted text is part of the input, so the pipeline determines the failure.
        verdict: match (anatomy.pasted, probe::form(anatomy.given)) {
            (Some(_), Err(reason)) => Verdict::Fail(reason.code()),
            (Some(_), Ok(())) | (None, _) => Verdict::Ok,
        },
    }
}

fn size(anatomy: &Anatomy<'_>) -> Check {
    within("size", anatomy.token.len(), limits::TOKEN_BYTES)
}

fn header_size(anatomy: &Anatomy<'_>) -> Check {
    let mut check = within(
        "header size",
        anatomy.header_part.len(),
        limits::HEADER_BYTES,
    );
    if anatomy.parts != 3 {
        check.found = "no header".to_owned();
        check.verdict = Verdict::Unchecked;
    }
    check
}

fn within(name: &'static str, bytes: usize, limit: usize) -> Check {
    Check {
        name,
        expected: format!("at most {limit} bytes"),
        found: match bytes {
            1 => "1 byte".to_owned(),
            bytes => format!("{bytes} bytes"),
        },
        verdict: if bytes > limit {
            Verdict::Fail(InvalidToken::TokenTooLarge.code())
        } else {
            Verdict::Ok
        },
    }
}

fn shape(anatomy: &Anatomy<'_>) -> Check {
    let found = match (anatomy.parts, anatomy.token.first()) {
        (_, None) => "nothing".to_owned(),
        (_, Some(b'{')) => "a JSON text".to_owned(),
        (1, _) => "one part, no dot".to_owned(),
        (3, _) if anatomy.header_part.is_empty() => "an empty header".to_owned(),
        (3, _) if anatomy.payload_part.is_empty() => "an empty payload".to_owned(),
        (3, _) => "three parts".to_owned(),
        (parts, _) => format!("{parts} parts"),
    };
    Check {
        name: "shape",
        expected: "three parts, two dots".to_owned(),
        found,
        verdict: match probe::form(anatomy.token) {
            // The pipeline checks nothing else if a token is too large.
            Err(InvalidToken::TokenTooLarge) if anatomy.parts == 3 => Verdict::Ok,
            Err(InvalidToken::TokenTooLarge) => Verdict::Unchecked,
            Err(reason @ (InvalidToken::NotCompactJws | InvalidToken::JweNotSupported)) => {
                Verdict::Fail(reason.code())
            }
            _ => Verdict::Ok,
        },
    }
}

fn base64url(anatomy: &Anatomy<'_>) -> Check {
    let parts = [
        ("header", anatomy.header_part),
        ("payload", anatomy.payload_part),
        ("signature", anatomy.signature_part),
    ];
    // Placed as payload or signature, any part can be checked separately.
    let is_odd = |part: &[u8]| {
        let token = probe::token(
            &probe::header(&[("alg", probe::GOOD_ALG)]),
            probe::EMPTY_OBJECT,
            part,
        );
        probe::form(&token) == Err(InvalidToken::Base64NotCanonical)
    };
    let odd = parts.iter().find(|(_, part)| is_odd(part));
    let (found, verdict) = match odd {
        _ if !anatomy.is_jws() => ("not looked into".to_owned(), Verdict::Unchecked),
        Some((name, part)) => (
            format!("{name}: {}", oddity(part)),
            Verdict::Fail(InvalidToken::Base64NotCanonical.code()),
        ),
        None => ("canonical".to_owned(), Verdict::Ok),
    };
    Check {
        name: "base64url",
        expected: "canonical, without padding".to_owned(),
        found,
        verdict,
    }
}

/// Describes why a part is not canonical base64url.
fn oddity(part: &[u8]) -> &'static str {
    let has = |bytes: &[u8]| part.iter().any(|byte| bytes.contains(byte));
    let is_in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    if has(b"=") {
        "padding (=)"
    } else if has(b" \t\r\n") {
        "white space"
    } else if has(b"+/") {
        "the standard alphabet (+ and /), not the one for URLs"
    } else if !part.iter().all(is_in_alphabet) {
        "a character that is not base64url"
    } else if part.len() % 4 == 1 {
        "an impossible length: something is cut off"
    } else {
        "bits at the end that are not zero"
    }
}

fn json(part: &'static str, anatomy: &Anatomy<'_>) -> Check {
    let good_header = probe::header(&[("alg", probe::GOOD_ALG)]);
    let (name, token, members) = if part == "header" {
        let token = probe::token(anatomy.header_part, probe::EMPTY_OBJECT, b"");
        ("header JSON", token, &anatomy.header)
    } else {
        let token = probe::token(&good_header, anatomy.payload_part, b"");
        ("payload JSON", token, &anatomy.payload)
    };
    let count = members.as_ref().map_or(0, |members| members.len());
    let duplicate = members.as_ref().and_then(|members| members.duplicate());
    let (found, verdict) = match probe::form(&token) {
        _ if !anatomy.is_jws() => ("not looked into".to_owned(), Verdict::Unchecked),
        Err(InvalidToken::Base64NotCanonical) => ("not decoded".to_owned(), Verdict::Unchecked),
        Err(reason @ InvalidToken::JsonInvalid) => {
            ("not an object".to_owned(), Verdict::Fail(reason.code()))
        }
        Err(reason @ InvalidToken::JsonDuplicateMember) => {
            let found = match duplicate {
                Some(name) => format!("{} stands twice", super::text::quoted(name)),
                None => "a nested member stands twice".to_owned(),
            };
            (found, Verdict::Fail(reason.code()))
        }
        Err(reason @ InvalidToken::JsonLimits) => (
            format!(
                "deeper than {} or more than {} members",
                limits::JSON_DEPTH,
                limits::JSON_MEMBERS,
            ),
            Verdict::Fail(reason.code()),
        ),
        // Each header member has its own check.
        _ => (format!("an object of {count} members"), Verdict::Ok),
    };
    Check {
        name,
        expected: "an object, no member twice".to_owned(),
        found,
        verdict,
    }
}
