//! JSON text as Authgear writes it: compact, members sorted by name, `&`, `<` and `>` escaped.
//!
//! This is the output of Go's `encoding/json`. The order does not depend on the `serde_json`
//! features that other crates enable.

use serde_json::{Map, Value};

/// The text of an object with these `members`.
pub(crate) fn object(members: Map<String, Value>) -> String {
    text(Value::Object(members))
}

/// The text of any JSON `value`.
pub(crate) fn text(mut value: Value) -> String {
    value.sort_all_objects();
    let compact = value.to_string();
    // Outside strings JSON has none of these characters, so replacing them everywhere is exact.
    compact
        .chars()
        .fold(String::with_capacity(compact.len()), |mut text, char| {
            match char {
                '&' => text.push_str("\\u0026"),
                '<' => text.push_str("\\u003c"),
                '>' => text.push_str("\\u003e"),
                '\u{2028}' => text.push_str("\\u2028"),
                '\u{2029}' => text.push_str("\\u2029"),
                plain => text.push(plain),
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_and_html_is_escaped() {
        let value = json!({"b": "<a&b>", "a": {"z": 1, "y": "\u{2028}"}});
        assert_eq!(
            text(value),
            r#"{"a":{"y":"\u2028","z":1},"b":"\u003ca\u0026b\u003e"}"#
        );
    }
}
