//! Text that others chose, made safe to show.
//!
//! A token may contain escape sequences that recolour, retitle or rewrite a terminal, characters
//! that change the reading direction, and letters that look like others. We escape them all.

use std::fmt::Write;

/// `text` in printable ASCII, at most `cap` characters.
///
/// Escapes non-ASCII characters as well: identifiers are compared byte for byte, so a Cyrillic `а`
/// in an issuer must be visible.
#[must_use]
pub fn shown(text: &str, cap: usize) -> String {
    let mut shown = String::new();
    for char in text.chars() {
        let escaped = if matches!(char, '\'' | '"') {
            String::from(char)
        } else {
            char.escape_default().collect()
        };
        if shown.len().saturating_add(escaped.len()) > cap {
            // Writing to a string does not fail.
            let _ = write!(shown, "… ({} bytes in all)", text.len());
            break;
        }
        shown.push_str(&escaped);
    }
    shown
}

/// A JSON text for a person. Escapes in strings are resolved, so a reader sees the values that the
/// pipeline compares.
#[must_use]
pub fn value(json: &str) -> String {
    match serde_json::from_str::<String>(json) {
        Ok(text) => quoted(&text),
        Err(_) => shown(json, VALUE_CHARS),
    }
}

/// A text between quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    let shown = shown(text, VALUE_CHARS);
    format!("\"{shown}\"")
}

/// Longest value shown.
const VALUE_CHARS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_look_alikes_are_shown_as_escapes() {
        assert_eq!(shown("at+jwt", 40), "at+jwt");
        assert_eq!(shown("it's \"so\"", 40), "it's \"so\"");
        assert_eq!(shown("\u{1b}[2J\r\n\0", 40), "\\u{1b}[2J\\r\\n\\u{0}");
        assert_eq!(shown("\u{202e}\u{430}", 40), "\\u{202e}\\u{430}");
        assert_eq!(shown("\\", 40), "\\\\");
    }

    #[test]
    fn what_is_long_is_cut_and_says_so() {
        assert_eq!(shown("abcdef", 6), "abcdef");
        assert_eq!(shown("abcdefg", 6), "abcdef… (7 bytes in all)");
        // Never cuts an escape in two.
        assert_eq!(shown("abc\u{1b}", 6), "abc… (4 bytes in all)");
    }
}
