//! A result as a line of output.

use std::io::Write;

use bearward::explain::{text, time};
use bearward_core::rejection::InvalidToken;
use bearward_core::{Principal, UnixTime};

use crate::escape;
use crate::format::Format;

/// Appends the line of a result, including `\n`.
pub(super) fn push_line(
    verdict: &Result<Principal, InvalidToken>,
    format: Format,
    now: UnixTime,
    line: &mut Vec<u8>,
) {
    match (format, verdict) {
        (Format::Json, Ok(principal)) => push_valid(principal, line),
        (Format::Json, Err(reason)) => push_refused(*reason, line),
        (Format::Text, Ok(principal)) => push_valid_text(principal, now, line),
        (Format::Text, Err(reason)) => push_refused_text(*reason, line),
    }
    line.push(b'\n');
}

/// The members have this order; the claims are as the issuer wrote them.
fn push_valid(principal: &Principal, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"valid":true,"subject":"#);
    match principal.subject() {
        "" => line.extend_from_slice(b"null"),
        subject => {
            let subject = serde_json::to_string(subject).unwrap_or_default();
            escape::push_json(&subject, line);
        }
    }
    line.extend_from_slice(br#","kind":""#);
    line.extend_from_slice(principal.kind().as_str().as_bytes());
    line.extend_from_slice(br#"","claims":"#);
    escape::push_json(principal.all_claims().as_json(), line);
    line.push(b'}');
}

/// Without a request, a token is refused only with this error code.
fn push_refused(reason: InvalidToken, line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"valid":false,"error":"invalid_token","reason":""#);
    line.extend_from_slice(reason.code().as_bytes());
    line.extend_from_slice(br#""}"#);
}

fn push_valid_text(principal: &Principal, now: UnixTime, line: &mut Vec<u8>) {
    let kind = principal.kind().as_str();
    let subject = text::shown(principal.subject(), TEXT_CHARS);
    let issuer = text::shown(principal.issuer(), TEXT_CHARS);
    let expires = time::relative(principal.expires_at(), now);
    // Writing to memory cannot fail.
    let _ = write!(
        line,
        "valid    {kind} {subject} of {issuer}, expires {expires}"
    );
}

fn push_refused_text(reason: InvalidToken, line: &mut Vec<u8>) {
    let _ = write!(line, "refused  {}: {reason}", reason.code());
}

/// Longest subject or issuer shown to a person.
const TEXT_CHARS: usize = 120;
