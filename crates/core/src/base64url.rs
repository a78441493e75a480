//! base64url without padding ([RFC 7515 §2]), canonical ([RFC 4648 §3.5]): one value, one spelling.
//!
//! [RFC 7515 §2]: https://www.rfc-editor.org/rfc/rfc7515#section-2
//! [RFC 4648 §3.5]: https://www.rfc-editor.org/rfc/rfc4648#section-3.5

use base64_simd::URL_SAFE_NO_PAD;

/// Padding, white space, a character outside the alphabet, an impossible length or unused bits
/// that are not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical base64url without padding")]
pub(crate) struct NotCanonical;

pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .map_err(|_| NotCanonical)
}

/// Decodes to the end of `bytes`.
pub(crate) fn decode_append(text: &[u8], bytes: &mut Vec<u8>) -> Result<(), NotCanonical> {
    URL_SAFE_NO_PAD
        .decode_append(text, bytes)
        .map_err(|_| NotCanonical)
}

#[cfg(test)]
mod tests {
    use super::{NotCanonical, decode};

    #[test]
    fn decodes_what_is_canonical() {
        assert_eq!(decode(b""), Ok(vec![]));
        assert_eq!(decode(b"AA"), Ok(vec![0]));
        assert_eq!(decode(b"-_8"), Ok(vec![0xFB, 0xFF]));
        assert_eq!(decode(b"AAAA"), Ok(vec![0, 0, 0]));
    }

    #[test]
    fn refuses_every_other_spelling() {
        for text in [
            "A", "AAAAA", "AA==", "AAA=", "AB", "AAB", "A A", "AA\n", "AA\0", "+/8", "A.A", "AA ",
            " AA", "\u{c4}A",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(NotCanonical), "{text:?}");
        }
    }
}
