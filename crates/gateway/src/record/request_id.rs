//! The id of a request: one value in the log, in every answer of ours, at the application and in the
//! trace, so that an operator finds one request again.

use std::fmt;

use http::{HeaderName, HeaderValue};

/// The id of a request.
#[derive(Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id that a trusted proxy sent, or a new one if there is none, or one that is not an id: up to
    /// 128 letters, digits and `-_.:=/+~@`.
    #[must_use]
    pub fn sent_or_new(sent: Option<&HeaderValue>) -> Self {
        let sent = sent.filter(|sent| is_id(sent.as_bytes()));
        sent.map_or_else(Self::new, |sent| Self(sent.clone()))
    }

    /// A new one: 32 hexadecimal digits, which no two requests have in common.
    fn new() -> Self {
        let id = fastrand::u128(..).to_be_bytes();
        let mut text = [0; 32];
        for (digits, byte) in text.chunks_exact_mut(2).zip(id) {
            digits.copy_from_slice(&hex(byte));
        }
        // Hexadecimal digits are the value of a field.
        let value = HeaderValue::from_bytes(&text);
        Self(value.unwrap_or(HeaderValue::from_static("-")))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The same as the value of a field.
    pub(crate) const fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const fn hex(byte: u8) -> [u8; 2] {
    const fn digit(value: u8) -> u8 {
        match value {
            0..=9 => b'0'.wrapping_add(value),
            _ => b'a'.wrapping_add(value.wrapping_sub(10)),
        }
    }
    [digit(byte >> 4), digit(byte & 15)]
}

fn is_id(text: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:=/+~@".contains(byte);
    (1..=ID_BYTES).contains(&text.len()) && text.iter().all(is_part)
}

/// The longest id that is taken from a proxy.
const ID_BYTES: usize = 128;

/// The field with the id in every answer of ours.
pub(crate) const ANSWERED: HeaderName = HeaderName::from_static("x-bearward-request-id");

/// The field with the id that proxies send, and that the application gets.
pub(crate) const PASSED_ON: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::HeaderValue;

    use super::RequestId;

    #[test]
    fn a_new_id_is_of_hexadecimal_digits_and_no_other_request_has_it() {
        let ids: BTreeSet<_> = (0..10_000)
            .map(|_| RequestId::sent_or_new(None).as_str().to_owned())
            .collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            assert!(id.len() == 32 && id.bytes().all(is_digit), "{id}");
        }
    }

    #[test]
    fn t_err_06_only_what_is_an_id_is_taken_from_a_proxy() {
        let longest = "a".repeat(128);
        for id in ["a", "Root=1-67891233-abc", "7b0c:1/2.3_4+5~6@7", &longest] {
            let sent = HeaderValue::from_str(id).unwrap();
            assert_eq!(RequestId::sent_or_new(Some(&sent)).as_str(), id);
        }
        let too_long = "a".repeat(129);
        for other in [
            "", " ", "a b", "a\tb", "a,b", "a;b", "\"a\"", "a\\", "a\u{e9}", "%0a", "<a>",
            &too_long,
        ] {
            let sent = HeaderValue::from_bytes(other.as_bytes()).unwrap();
            let id = RequestId::sent_or_new(Some(&sent));
            assert_eq!(id.as_str().len(), 32, "{other:?}");
        }
    }
}
