//! How a claim is written into a field: the application can recover it exactly, or does not get it.

use std::borrow::Cow;
use std::fmt::Write;

use base64_simd::URL_SAFE_NO_PAD;
use bearward_core::json::{Kind, Value};

use super::claim::{Claim, Unfit};
use crate::target::is_unreserved;

/// How a claim is written into a field. A claim is never changed: if the encoding cannot carry it, the
/// field is left out or the request is refused, as [`IdentityError::NotHeaderSafe`](super::IdentityError::NotHeaderSafe) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the configuration must not forget one"
)]
pub enum Encoding {
    /// Base64url without padding, of the UTF-8 text of a string, number or boolean.
    Base64Url,
    /// A list with `,` between its elements, in printable ASCII. No element is empty or contains `,`, `;`
    /// or `"`.
    Comma,
    /// Compact JSON in ASCII, of any claim: other characters are escaped, such as `\u00e9`.
    Json,
    /// Percent-encoded UTF-8 of a string, number or boolean; letters, digits and `-._~` stay.
    Percent,
    /// A string, number or boolean, unchanged, in printable ASCII.
    Plain,
    /// A list with a space between its elements, in printable ASCII. No element is empty or contains a
    /// space.
    Space,
}

impl Encoding {
    pub(super) fn encode(self, claim: Claim<'_>) -> Result<Cow<'_, str>, Unfit> {
        match self {
            Self::Base64Url => {
                let text = claim.scalar()?;
                Ok(URL_SAFE_NO_PAD.encode_to_string(text.as_bytes()).into())
            }
            Self::Comma => {
                let is_special = |byte| matches!(byte, b',' | b';' | b'"');
                joined(&claim.list()?, ",", is_special).map(Cow::Owned)
            }
            Self::Json => Ok(json(&claim).into()),
            Self::Percent => Ok(percent(&claim.scalar()?).into()),
            Self::Plain => plain(claim.scalar()?),
            Self::Space => joined(&claim.list()?, " ", |byte| byte == b' ').map(Cow::Owned),
        }
    }
}

/// Printable ASCII. Recipients trim spaces at the ends ([RFC 9110 §5.5]), which would change the value.
///
/// [RFC 9110 §5.5]: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
pub(super) fn plain(text: Cow<'_, str>) -> Result<Cow<'_, str>, Unfit> {
    // No early return, so that the compiler can check many bytes at a time.
    let is_printable = text
        .bytes()
        .fold(true, |all, byte| all & matches!(byte, 0x20..=0x7E));
    if !is_printable && !text.contains(char::is_control) {
        return Err(Unfit::NotAscii);
    }
    if !is_printable || text.starts_with(' ') || text.ends_with(' ') {
        return Err(Unfit::NotHeaderSafe);
    }
    Ok(text)
}

/// One element never becomes two, nor do two become one. No element is left out of a list: the rest would
/// be another list.
pub(super) fn joined(
    elements: &[Cow<'_, str>],
    separator: &str,
    is_special: impl Fn(u8) -> bool,
) -> Result<String, Unfit> {
    let mut is_ascii = true;
    for element in elements {
        let is_divided = element
            .bytes()
            .fold(false, |any, byte| any | is_special(byte));
        if element.is_empty() || is_divided {
            return Err(Unfit::NotHeaderSafe);
        }
        match plain(Cow::Borrowed(element)) {
            Ok(_) => {}
            Err(Unfit::NotAscii) => is_ascii = false,
            Err(unsafe_element @ Unfit::NotHeaderSafe) => return Err(unsafe_element),
        }
    }
    match is_ascii {
        true => Ok(elements.join(separator)),
        false => Err(Unfit::NotAscii),
    }
}

fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) {
            encoded.push(char::from(byte));
        } else {
            push(&mut encoded, format_args!("%{byte:02X}"));
        }
    }
    encoded
}

fn json(claim: &Claim<'_>) -> String {
    let mut text = String::new();
    match claim {
        Claim::Json(value) => push_value(&mut text, *value),
        Claim::Number(number) => push(&mut text, format_args!("{number}")),
        Claim::Text(string) => push_string(&mut text, string),
        Claim::Words(words) => push_list(&mut text, ['[', ']'], words.iter(), |text, word| {
            push_string(text, word);
        }),
    }
    text
}

/// The issuer's text, without the white space between tokens, which may include line breaks. The parser
/// bounds the depth.
fn push_value(text: &mut String, value: Value<'_>) {
    match value.kind() {
        Kind::Array => push_list(text, ['[', ']'], value.elements(), push_value),
        Kind::Object => push_list(text, ['{', '}'], value.members(), |text, (name, value)| {
            push_string(text, &name);
            text.push(':');
            push_value(text, value);
        }),
        Kind::String => push_string(text, &value.as_str().unwrap_or_default()),
        Kind::Bool | Kind::Null | Kind::Number => text.push_str(value.as_json()),
    }
}

fn push_list<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    push_item: impl Fn(&mut String, T),
) {
    text.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_item(text, item);
    }
    text.push(close);
}

fn push_string(text: &mut String, string: &str) {
    text.push('"');
    for char in string.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            ' '..='~' => text.push(char),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    push(text, format_args!("\\u{unit:04x}"));
                }
            }
        }
    }
    text.push('"');
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::{Encoding, Unfit, plain};
    use crate::identity::claim::Claim;

    #[test]
    fn base64url_has_no_padding() {
        let encoded = Encoding::Base64Url.encode(Claim::Text("Zoë?>")).unwrap();
        assert_eq!(encoded, "Wm_Dqz8-");
    }

    #[test]
    fn a_hdr_03_percent_is_what_decode_uri_component_reads() {
        let encoded = Encoding::Percent
            .encode(Claim::Text("Zoë 100%-._~"))
            .unwrap();
        assert_eq!(encoded, "Zo%C3%AB%20100%25-._~");
    }

    proptest! {
        #[test]
        fn t_hdr_05_what_is_written_is_printable(text: String) {
            for encoding in [
                Encoding::Base64Url,
                Encoding::Comma,
                Encoding::Json,
                Encoding::Percent,
                Encoding::Plain,
                Encoding::Space,
            ] {
                if let Ok(encoded) = encoding.encode(Claim::Text(&text)) {
                    prop_assert!(plain(Cow::Borrowed(&encoded)).is_ok(), "{:?}", encoding);
                }
            }
        }

        #[test]
        fn t_hdr_05_json_reads_back(text: String) {
            let encoded = Encoding::Json.encode(Claim::Text(&text)).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&encoded).unwrap(), text);
        }

        #[test]
        fn t_hdr_06_lists_read_back_or_are_refused(list in prop::collection::vec("[ab ,;\"é]{0,3}", 1..4)) {
            for (encoding, separator) in [(Encoding::Comma, ','), (Encoding::Space, ' ')] {
                let words = list.iter().map(|word| Cow::Borrowed(word.as_str())).collect();
                match encoding.encode(Claim::Words(words)) {
                    Ok(encoded) => prop_assert_eq!(encoded.split(separator).collect::<Vec<_>>(), list.clone()),
                    Err(Unfit::NotAscii) => prop_assert!(!list.concat().is_ascii()),
                    Err(Unfit::NotHeaderSafe) => {
                        let is_split = |word: &String| word.is_empty() || word.contains([separator, ',', ';', '"', ' ']);
                        prop_assert!(list.iter().any(is_split));
                    }
                }
            }
        }
    }
}
