//! Who sent a request, as a log shows it: by default not at all, and only as a verified token says it.

use std::fmt::{self, Write};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use bearward::Principal;

use super::log::Line;

/// How the access log shows who sent a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoggedIdentity {
    /// Not at all.
    #[default]
    None,
    /// By a keyed hash of issuer and subject: lines of one user have one value, from which nobody without
    /// the key learns who it is.
    KeyedHash(HashKey),
    /// By issuer, subject and client.
    Subject,
}

impl LoggedIdentity {
    /// What is shown of this sender.
    pub(super) fn of(&self, sender: Option<&Principal>) -> Option<Sender> {
        let sender = sender?;
        match self {
            Self::None => None,
            Self::KeyedHash(key) => Some(Sender {
                issuer: shown(sender.issuer()),
                subject: key.hash(sender.issuer(), sender.subject()),
                client: None,
            }),
            Self::Subject => Some(Sender::of(sender)),
        }
    }
}

/// A verified sender, in a form for a log.
pub(super) struct Sender {
    pub(super) issuer: String,
    /// Empty for a sender without subject.
    pub(super) subject: String,
    pub(super) client: Option<String>,
}

impl Sender {
    pub(super) fn of(sender: &Principal) -> Self {
        Self {
            issuer: shown(sender.issuer()),
            subject: shown(sender.subject()),
            client: sender.client_id().map(shown),
        }
    }

    pub(super) fn write(&self, line: &mut Line) {
        line.text("issuer", &self.issuer);
        if !self.subject.is_empty() {
            line.text("subject", &self.subject);
        }
        if let Some(client) = &self.client {
            line.text("client", client);
        }
    }
}

/// The key of a [`LoggedIdentity::KeyedHash`].
#[derive(Clone)]
pub struct HashKey(Arc<Key>);

struct Key {
    key: hmac::Key,
    bytes: Box<[u8]>,
}

impl HashKey {
    /// A key of these bytes; `None` if there are less than [`KEY_BYTES`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= KEY_BYTES).then(|| {
            Self(Arc::new(Key {
                key: hmac::Key::new(hmac::HMAC_SHA256, bytes),
                bytes: bytes.into(),
            }))
        })
    }

    /// The first half of HMAC-SHA-256 over issuer, a zero byte and subject, in hexadecimal digits.
    fn hash(&self, issuer: &str, subject: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0.key);
        context.update(issuer.as_bytes());
        context.update(&[0]);
        context.update(subject.as_bytes());
        let tag = context.sign();
        let mut text = String::with_capacity(HASH_DIGITS);
        for byte in tag.as_ref().iter().take(HASH_DIGITS / 2) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl PartialEq for HashKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for HashKey {}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(redacted)")
    }
}

/// A text of a verified token for a log: without anything that a terminal or reader could take for other than
/// text, and at most [`SHOWN_CHARS`] characters of it, with a hash of the whole in the place of the rest. Different
/// texts are shown differently.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        if index >= SHOWN_CHARS {
            let hash = digest(&SHA256, text.as_bytes());
            shown.push_str("...#");
            for byte in hash.as_ref().iter().take(4) {
                let _ = write!(shown, "{byte:02x}");
            }
            break;
        }
        match character {
            // The format of the log escapes it.
            '"' | '\'' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// The least length of a key: that of the hash that is shown.
pub const KEY_BYTES: usize = 16;

/// A subject has at most 255 characters (OpenID Connect Core 1.0 §2).
const SHOWN_CHARS: usize = 256;

const HASH_DIGITS: usize = 32;

#[cfg(test)]
mod tests {
    use super::{HashKey, SHOWN_CHARS, shown};

    #[test]
    fn a_hash_is_what_the_manual_has_openssl_compute() {
        let key = HashKey::new(b"0123456789abcdef").unwrap();
        // printf '%s\0%s' https://id.example user-1 | openssl dgst -sha256 -hmac 0123456789abcdef | cut -c1-32
        assert_eq!(
            key.hash("https://id.example", "user-1"),
            "3953d7cc77023b11bc3e84fe6d8ded2a"
        );
        assert_ne!(key.hash("a", "bc"), key.hash("ab", "c"));
        assert!(HashKey::new(b"0123456789abcde").is_none());
        assert!(!format!("{key:?}").contains("0123"));
    }

    #[test]
    fn t_err_06_t_err_08_what_is_shown_has_no_control_characters_and_an_end() {
        assert_eq!(
            shown("a\n\u{1b}[31m\u{200b}\u{202e}b"),
            "a\\n\\u{1b}[31m\\u{200b}\\u{202e}b"
        );
        assert_eq!(shown("Jürgen \"日本\" \\n"), "Jürgen \"日本\" \\\\n");
        let long = "x".repeat(SHOWN_CHARS);
        assert_eq!(shown(&long), long);
        let (one, other) = (shown(&format!("{long}y")), shown(&format!("{long}z")));
        assert!(
            one.starts_with(&format!("{long}...#")) && one != other,
            "{one}"
        );
        assert_eq!(one.len(), SHOWN_CHARS + 12);
    }
}
