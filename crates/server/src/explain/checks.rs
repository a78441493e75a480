//! Every check, in the order of decision: the first that fails is the reason.

use bearward_core::limits::{self, JSON_DEPTH, JSON_MEMBERS};
use bearward_core::rejection::InvalidToken;

use super::anatomy::Anatomy;
use super::asked::Asked;
use super::check::{Check, Verdict};
use super::members::Members;
use super::text::quoted;
use super::{claims, header, key, probe};

/// Every check of the token, even after a failure.
pub(crate) fn all(anatomy: &Anatomy<'_>, asked: &Asked) -> Vec<Check> {
    let mut checks = vec![
        input(anatomy),
        within("size", anatomy.token.len(), limits::TOKEN_BYTES),
        shape(anatomy),
        header_size(anatomy),
        base64url(anatomy, asked),
        json("header JSON", anatomy),
    ];
    let of_header = header::checks(anatomy, asked);
    checks.extend(of_header.form);
    checks.push(json("payload JSON", anatomy));
    checks.push(claims::issuer(anatomy, asked));
    checks.extend(of_header.policy);
    let is_alg_refused = checks
        .iter()
        .any(|check| check.name == "alg" && check.verdict.code().is_some());
    checks.extend(key::checks(anatomy, asked, is_alg_refused));
    checks.extend(claims::rules(anatomy, asked));
    checks
}

fn input(anatomy: &Anatomy<'_>) -> Check {
    let alone = "only the token";
    let found = anatomy.pasted.map_or(alone, |pasted| pasted.found());
    // The pasted text is part of the input, so the pipeline determines the failure.
    let verdict = match anatomy.pasted {
        Some(_) => Verdict::of(probe::form(anatomy.given)),
        None => Verdict::Ok,
    };
    Check::new(INPUT, alone, (found, verdict))
}

/// The name of the check for text that was pasted along.
pub(crate) const INPUT: &str = "input";

fn header_size(anatomy: &Anatomy<'_>) -> Check {
    let bytes = anatomy.header_part().len();
    let mut check = within("header size", bytes, limits::HEADER_BYTES);
    if anatomy.parts != 3 {
        check.found = "no header".to_owned();
        check.verdict = Verdict::Unchecked;
    }
    check
}

fn within(name: &'static str, bytes: usize, limit: usize) -> Check {
    let unit = if bytes == 1 { "byte" } else { "bytes" };
    let verdict = match bytes > limit {
        true => Verdict::Fail(InvalidToken::TokenTooLarge.code()),
        false => Verdict::Ok,
    };
    let expected = format!("at most {limit} bytes");
    Check::new(name, expected, (format!("{bytes} {unit}"), verdict))
}

fn shape(anatomy: &Anatomy<'_>) -> Check {
    let found = match (anatomy.parts, anatomy.token.first()) {
        (_, None) => "nothing".to_owned(),
        (_, Some(b'{')) => "JSON text".to_owned(),
        (1, _) => "one part, no dot".to_owned(),
        (3, _) if anatomy.header_part().is_empty() => "an empty header".to_owned(),
        (3, _) if anatomy.payload_part().is_empty() => "an empty payload".to_owned(),
        (3, _) => "three parts".to_owned(),
        (parts, _) => format!("{parts} parts"),
    };
    let answer = probe::form(anatomy.token());
    let verdict = match answer {
        // The pipeline checks nothing else if a token is too large.
        Err(InvalidToken::TokenTooLarge) if anatomy.parts != 3 => Verdict::Unchecked,
        Err(InvalidToken::NotCompactJws | InvalidToken::JweNotSupported) => Verdict::of(answer),
        _ => Verdict::Ok,
    };
    Check::new("shape", "three parts, two dots", (found, verdict))
}

fn base64url(anatomy: &Anatomy<'_>, asked: &Asked) -> Check {
    let parts = [
        ("header", anatomy.header_part()),
        ("payload", anatomy.payload_part()),
        ("signature", anatomy.signature_part()),
    ];
    // Placed as the signature, any part can be checked separately.
    let not_canonical = Err(InvalidToken::Base64NotCanonical);
    let is_odd = |part: &[u8]| probe::form(&probe::with_signature(part)) == not_canonical;
    let odd = parts.iter().find(|(_, part)| is_odd(part));
    let may_be_padded = asked.policy.profile().is_of_load_balancer();
    let (found, verdict) = match odd {
        _ if !anatomy.is_jws() => ("not examined".to_owned(), Verdict::Unchecked),
        Some((name, part)) => (
            format!("{name}: {}", oddity(part)),
            Verdict::of(not_canonical),
        ),
        None if anatomy.is_padded => {
            let verdict = match may_be_padded {
                true => Verdict::Ok,
                false => Verdict::of(not_canonical),
            };
            ("canonical, with padding (=)".to_owned(), verdict)
        }
        None if may_be_padded => ("without padding".to_owned(), Verdict::of(not_canonical)),
        None => ("canonical".to_owned(), Verdict::Ok),
    };
    let expected = match may_be_padded {
        true => "canonical, with padding in every part",
        false => "canonical, without padding",
    };
    Check::new("base64url", expected, (found, verdict))
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
        "an impossible length: the end is cut off"
    } else {
        "unused bits at the end that are not zero"
    }
}

fn json(name: &'static str, anatomy: &Anatomy<'_>) -> Check {
    let (token, members) = if name == "header JSON" {
        (probe::with_header(anatomy.header_part()), &anatomy.header)
    } else {
        (
            probe::with_payload(anatomy.payload_part()),
            &anatomy.payload,
        )
    };
    let members = members.as_ref();
    let answer = probe::form(&token);
    let verdict = Verdict::of(answer);
    let outcome = match answer {
        _ if !anatomy.is_jws() => ("not examined".to_owned(), Verdict::Unchecked),
        Err(InvalidToken::Base64NotCanonical) => ("not decoded".to_owned(), Verdict::Unchecked),
        Err(InvalidToken::JsonInvalid) => ("not an object".to_owned(), verdict),
        Err(InvalidToken::JsonDuplicateMember) => {
            let name = members.and_then(Members::duplicate).map(quoted);
            let name = name.as_deref().unwrap_or("a nested member");
            (format!("{name} appears twice"), verdict)
        }
        Err(InvalidToken::JsonLimits) => {
            let found = format!("deeper than {JSON_DEPTH} or more than {JSON_MEMBERS} members");
            (found, verdict)
        }
        // Other failures are about a member, and have their own checks.
        _ => {
            let count = members.map_or(0, Members::len);
            (format!("an object with {count} members"), Verdict::Ok)
        }
    };
    Check::new(name, "an object, each member once", outcome)
}
