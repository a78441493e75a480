//! Where an answer ends, read strictly ([RFC 9112 §6]): what the next reader could read differently
//! is not passed on.
//!
//! If the last transfer coding is not `chunked`, hyper reads the answer until the connection ends. It
//! ignores the length of an answer without a body. It decodes `chunked`, and refuses lengths that
//! differ if there is a body.
//!
//! [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

use crate::doors::only::only;
use crate::net::framing;

/// Two readers could differ about where the answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// Checks the head of an answer. A repeated length is reduced to one ([RFC 9110 §8.6]).
///
/// [RFC 9110 §8.6]: https://www.rfc-editor.org/rfc/rfc9110#section-8.6
pub(super) fn check(headers: &mut HeaderMap) -> Result<(), Ambiguous> {
    if headers.contains_key(TRANSFER_ENCODING) {
        // We ask for no other coding, so an upstream may not use one (RFC 9112 §7.4). It overrides the
        // length, which is dropped before the answer goes on (RFC 9112 §6.3).
        let coding = only(headers, &TRANSFER_ENCODING);
        let is_chunked =
            coding.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
        return is_chunked.then_some(()).ok_or(Ambiguous);
    }
    let mut lengths = headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|digits| framing::length(digits.trim_ascii()).ok_or(Ambiguous));
    let Some(first) = lengths.next().transpose()? else {
        return Ok(());
    };
    let mut is_repeated = false;
    for length in lengths {
        is_repeated = true;
        if length? != first {
            return Err(Ambiguous);
        }
    }
    if is_repeated {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(first));
    }
    Ok(())
}
