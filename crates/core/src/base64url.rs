//! base64url without padding ([RFC 7515 §2]), canonical ([RFC 4648 §3.5]): one value, one spelling.
//!
//! [RFC 7515 §2]: https://www.rfc-editor.org/rfc/rfc7515#section-2
//! [RFC 4648 §3.5]: https://www.rfc-editor.org/rfc/rfc4648#section-3.5

use base64_simd::{URL_SAFE, URL_SAFE_NO_PAD, forgiving_decode_to_vec};

/// Padding, white space, a character outside the alphabet, an impossible length or unused bits
/// that are not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical base64url without padding")]
pub(crate) struct NotCanonical;

// INVARIANT: characters outside the alphabet are refused. Callers rely on this to admit no token
// that contains one.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .map_err(|_| NotCanonical)
}

/// The same with padding, as Application Load Balancers write tokens ([RFC 4648 §5]): its length is a
/// multiple of four, and it has no other spelling either.
///
/// [RFC 4648 §5]: https://www.rfc-editor.org/rfc/rfc4648#section-5
#[cold]
pub(crate) fn decode_padded(text: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    URL_SAFE.decode_to_vec(text).map_err(|_| NotCanonical)
}

/// A number of a published key, in base64url or base64, with padding or without. For secrets and
/// tokens, one value with several spellings is dangerous; a public number has the same meaning in each.
pub(crate) fn decode_number(text: &str) -> Result<Vec<u8>, NotCanonical> {
    let standard = text.replace('-', "+").replace('_', "/");
    forgiving_decode_to_vec(standard.as_bytes()).map_err(|_| NotCanonical)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NotCanonical, decode, decode_number, decode_padded};

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    /// The only spelling of `bytes`, computed bit by bit from RFC 4648 §5.
    fn encode(bytes: &[u8]) -> Vec<u8> {
        let bits: Vec<bool> = bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
            .collect();
        let value = |six: &[bool]| {
            (0..6).fold(0_usize, |value, at| {
                value << 1 | usize::from(six.get(at).copied().unwrap_or_default())
            })
        };
        bits.chunks(6).map(|six| ALPHABET[value(six)]).collect()
    }

    proptest! {
        #[test]
        fn every_value_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn every_value_comes_back_with_its_padding(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut text = encode(&bytes);
            let padding = text.len().wrapping_neg() & 3;
            text.extend(std::iter::repeat_n(b'=', padding));
            prop_assert_eq!(decode_padded(&text), Ok(bytes));
            text.push(b'=');
            prop_assert_eq!(decode_padded(&text), Err(NotCanonical));
            text.pop();
            if padding > 0 {
                text.pop();
                prop_assert_eq!(decode_padded(&text), Err(NotCanonical));
            }
        }

        #[test]
        fn what_decodes_with_padding_is_the_one_spelling(
            text in prop::collection::vec(prop::sample::select(b"ABQgw-_=+/".to_vec()), 0..13),
        ) {
            if let Ok(bytes) = decode_padded(&text) {
                let mut spelling = encode(&bytes);
                spelling.extend(std::iter::repeat_n(b'=', spelling.len().wrapping_neg() & 3));
                prop_assert_eq!(spelling, text);
            }
        }

        #[test]
        fn a_number_is_read_in_every_spelling(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let url = String::from_utf8(encode(&bytes)).unwrap();
            let padding = "=".repeat(url.len().wrapping_neg() & 3);
            let standard = url.replace('-', "+").replace('_', "/");
            for text in [&url, &standard, &format!("{url}{padding}"), &format!("{standard}{padding}")] {
                prop_assert_eq!(decode_number(text), Ok(bytes.clone()), "{}", text);
            }
        }

        #[test]
        fn what_decodes_is_the_one_spelling(text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..12),
            prop::collection::vec(prop::sample::select(ALPHABET.to_vec()), 0..50),
        ]) {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }

    #[test]
    fn every_character_alone_and_in_a_pair() {
        for first in 0..=0xFF_u8 {
            assert_eq!(decode(&[first]), Err(NotCanonical));
            for second in 0..=0xFF_u8 {
                let value = |byte: u8| ALPHABET.iter().position(|char| *char == byte);
                let is_good = value(first).is_some()
                    && value(second).is_some_and(|value| value.trailing_zeros() >= 4);
                assert_eq!(
                    decode(&[first, second]).is_ok(),
                    is_good,
                    "{first} {second}"
                );
            }
        }
    }

    /// Covers the blocks that the decoder takes at once, and the bytes after them.
    #[test]
    fn t_req_06_no_other_character_anywhere() {
        let text = [b'A'; 140];
        assert!(decode(&text).is_ok());
        let others = || (0..=0xFF_u8).filter(|byte| !ALPHABET.contains(byte));
        for (place, byte) in
            (0..text.len()).flat_map(|place| others().map(move |byte| (place, byte)))
        {
            let mut spoilt = text;
            spoilt[place] = byte;
            assert_eq!(decode(&spoilt), Err(NotCanonical), "{byte:#x} at {place}");
        }
    }

    #[test]
    fn decodes_what_is_canonical() {
        assert_eq!(decode(b""), Ok(vec![]));
        assert_eq!(decode(b"AA"), Ok(vec![0]));
        assert_eq!(decode(b"-_8"), Ok(vec![0xFB, 0xFF]));
        assert_eq!(decode(b"AAAA"), Ok(vec![0, 0, 0]));
    }

    #[test]
    fn padding_is_of_the_right_length_and_hides_no_bits() {
        for (text, bytes) in [
            ("", vec![]),
            ("AA==", vec![0]),
            ("AAA=", vec![0, 0]),
            ("AAAA", vec![0; 3]),
        ] {
            assert_eq!(decode_padded(text.as_bytes()), Ok(bytes), "{text:?}");
        }
        for text in [
            "AA", "AAA", "AA=", "AAA==", "AAAA=", "AAAA==", "A===", "====", "=", "AB==", "AAB=",
            "AA=A", "=AAA", "AA==AAAA", "+/==", "AA =",
        ] {
            assert_eq!(
                decode_padded(text.as_bytes()),
                Err(NotCanonical),
                "{text:?}"
            );
        }
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
