//! JSON ([RFC 8259]) of header and payload: texts that two readers would read differently, or not
//! at all.
//!
//! [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259

use bearward_core::rejection::InvalidToken;
use fastrand::Rng;
use serde_json::Value;

use super::draft::change::{Change, Check, Edit};
use super::draft::{Draft, Spelling, Text, one_of};

/// A table of spoils for both texts: `header-…` and `payload-…`.
macro_rules! in_both {
    ([$($edges:expr,)*] $($name:literal => $reason:ident, $edit:expr;)+) => {
        &[
            $($edges,)*
            $(
                Change::spoil(concat!("header-", $name), &["header text", "bulk"], Edit::HeaderText($edit), Check::HeaderJson, InvalidToken::$reason),
                Change::spoil(concat!("payload-", $name), &["payload text"], Edit::PayloadText($edit), Check::PayloadJson, InvalidToken::$reason),
            )+
        ]
    };
}

/// All of these, the valid ones first.
pub(super) static ALL: &[Change] = in_both! {
    [
        Change::edge("members-shuffled", &["spelling"], Edit::Draft(shuffled)),
        Change::edge("json-white-space", &["space"], Edit::Draft(spaced)),
        Change::edge("names-escaped", &["payload text"], Edit::PayloadText(names_escaped)),
        Change::edge("depth-32", &["payload text"], Edit::PayloadText(|text, _| nested(text, 31))),
        Change::edge("members-hundreds", &["payload text", "bulk"], Edit::PayloadText(add_hundreds_of_members)),
        Change::spoil("payload-json-duplicate-among-hundreds", &["payload text", "bulk"], Edit::PayloadText(duplicate_among_hundreds), Check::PayloadJson, InvalidToken::JsonDuplicateMember),
        Change::spoil("payload-json-duplicate-nested-among-hundreds", &["payload text", "bulk"], Edit::PayloadText(duplicate_nested_among_hundreds), Check::PayloadJson, InvalidToken::JsonDuplicateMember),
        Change::edge("header-names-escaped", &["header text", "bulk"], Edit::HeaderText(names_escaped)),
        Change::edge("header-depth-32", &["header text", "bulk"], Edit::HeaderText(|text, _| nested(text, 31))),
    ]
    "json-bom" => JsonInvalid, |text, _| before(text, b"\xEF\xBB\xBF");
    "json-utf-16" => JsonInvalid, utf_16;
    "json-not-utf-8" => JsonInvalid, not_utf_8;
    "json-nan" => JsonInvalid, |text, rng| member(text, one_of(&["NaN", "Infinity", "-Infinity"], rng));
    "json-comment" => JsonInvalid, comment;
    "json-trailing-comma" => JsonInvalid, |text, _| inside(text, ",");
    "json-single-quotes" => JsonInvalid, |text, _| inside(text, ",'z':1");
    "json-bare-name" => JsonInvalid, |text, _| inside(text, ",z:1");
    "json-odd-number" => JsonInvalid, |text, rng| member(text, one_of(&["01", "+1", ".5", "1.", "0x10", "1e", "-", "1_0", "1.e1"], rng));
    "json-odd-literal" => JsonInvalid, |text, rng| member(text, one_of(&["True", "NULL", "undefined", "nul", "tru"], rng));
    "json-control-character" => JsonInvalid, |text, rng| member(text, one_of(&["\"a\tb\"", "\"a\nb\"", "\"\0\"", "\"\u{1f}\""], rng));
    "json-odd-white-space" => JsonInvalid, |text, rng| inside(text, one_of(&["\u{a0}", "\u{b}", "\u{c}", "\u{2028}"], rng));
    "json-lone-surrogate" => JsonInvalid, |text, rng| member(text, one_of(&[r#""\ud800""#, r#""\udc00x""#, r#""\udc00\ud800""#, r#""\ud83d\u0041""#], rng));
    "json-odd-escape" => JsonInvalid, |text, rng| member(text, one_of(&[r#""\x41""#, r#""\'""#, r#""\u12""#, r#""\u{41}""#, r#""\U0041""#], rng));
    "json-trailing-bytes" => JsonInvalid, |text, rng| behind(text, one_of(&["}", "x", "\0", "{}", "//", "null", ",", "\u{feff}"], rng).as_bytes());
    "json-truncated" => JsonInvalid, truncated;
    "json-not-an-object" => JsonInvalid, not_an_object;
    "json-duplicate" => JsonDuplicateMember, duplicate;
    "json-duplicate-escaped" => JsonDuplicateMember, duplicate_escaped;
    "json-duplicate-nested" => JsonDuplicateMember, duplicate_nested;
    "json-too-deep" => JsonLimits, too_deep;
    "json-duplicate-among-many" => JsonDuplicateMember, duplicate_among_many;
};

fn shuffled(draft: &mut Draft, _: &mut Rng) {
    draft.spelling.is_shuffled = true;
}

fn spaced(draft: &mut Draft, rng: &mut Rng) {
    draft.spelling = Spelling {
        space: one_of(&[" ", "\n", "\t", "\r\n", "  "], rng),
        ..draft.spelling
    };
}

/// RFC 8259 §8.3: names are compared after their escapes are resolved.
fn names_escaped(text: &mut Text, rng: &mut Rng) {
    let names = text.names.clone();
    if let Some(name) = rng.choice(&names) {
        let plain = Value::from(name.as_str()).to_string();
        let escaped = escaped(name);
        let found = String::from_utf8_lossy(&text.bytes).replacen(&plain, &escaped, 1);
        text.bytes = found.into_bytes();
    }
}

/// This many arrays inside one another, inside the object.
fn nested(text: &mut Text, arrays: usize) {
    let value = format!("{}{}", "[".repeat(arrays), "]".repeat(arrays));
    member(text, &value);
}

fn add_members(text: &mut Text, count: usize) {
    let members: String = (0..count).map(|index| format!(",\"{index}\":0")).collect();
    inside(text, &members);
}

/// Groups of members, as Keycloak lists the roles of each client. The names are short, so that many
/// fit into a token.
fn add_hundreds_of_members(text: &mut Text, rng: &mut Rng) {
    let count = rng.usize(HUNDREDS);
    for (group, start) in (0..count).step_by(GROUP.len()).enumerate() {
        let of_this_group = count.saturating_sub(start);
        let members: Vec<String> = GROUP
            .chars()
            .take(of_this_group)
            .map(|name| format!("\"{name}\":0"))
            .collect();
        inside(text, &format!(",\"{group}\":{{{}}}", members.join(",")));
    }
}

/// The most fit into 16 KiB together with everything else that a change may add.
const HUNDREDS: std::ops::Range<usize> = 300..1_750;

const GROUP: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn duplicate_among_hundreds(text: &mut Text, rng: &mut Rng) {
    add_hundreds_of_members(text, rng);
    inside(text, ",\"3\":0");
}

fn duplicate_nested_among_hundreds(text: &mut Text, rng: &mut Rng) {
    add_hundreds_of_members(text, rng);
    inside(text, ",\"last\":{\"a\":0,\"b\":0,\"a\":1}");
}

fn utf_16(text: &mut Text, _: &mut Rng) {
    let utf_8 = String::from_utf8_lossy(&text.bytes).into_owned();
    text.bytes = utf_8.encode_utf16().flat_map(u16::to_le_bytes).collect();
}

/// A stray byte, an overlong `/`, a surrogate, a code point that does not exist.
fn not_utf_8(text: &mut Text, rng: &mut Rng) {
    let odd: [&[u8]; 4] = [b"\xFF", b"\xC0\xAF", b"\xED\xA0\x80", b"\xF4\x90\x80\x80"];
    let odd = rng.choice(odd).unwrap_or(b"\xFF");
    let end = text.bytes.iter().rposition(|byte| *byte == b'}');
    let end = end.unwrap_or_default();
    text.bytes
        .splice(end..end, [b",\"z\":\"", odd, b"\""].concat());
}

fn comment(text: &mut Text, rng: &mut Rng) {
    inside(text, one_of(&["/* */", "// x\n", "# x\n", "<!-- -->"], rng));
}

fn truncated(text: &mut Text, _: &mut Rng) {
    let end = text.bytes.iter().rposition(|byte| *byte == b'}');
    text.bytes.truncate(end.unwrap_or_default());
}

fn not_an_object(text: &mut Text, rng: &mut Rng) {
    if rng.bool() {
        before(text, b"[");
        behind(text, b"]");
    } else {
        let other = one_of(&["null", "1", "\"x\"", "[]", "true", " "], rng);
        text.bytes = other.as_bytes().to_vec();
    }
}

/// Repeats an existing member, with another value before or after it.
fn duplicate(text: &mut Text, rng: &mut Rng) {
    let name = rng.choice(&text.names).cloned().unwrap_or_default();
    repeat(text, &Value::from(name).to_string(), rng);
}

fn duplicate_escaped(text: &mut Text, rng: &mut Rng) {
    let name = rng.choice(&text.names).cloned().unwrap_or_default();
    repeat(text, &escaped(&name), rng);
}

fn repeat(text: &mut Text, name: &str, rng: &mut Rng) {
    let value = one_of(&["null", "\"admin\"", "0", "[]", "9999999999"], rng);
    if rng.bool() {
        inside(text, &format!(",{name}:{value}"));
        return;
    }
    let start = text.bytes.iter().position(|byte| *byte == b'{');
    let start = start.unwrap_or_default().saturating_add(1);
    let member = format!("{name}:{value},");
    text.bytes.splice(start..start, member.into_bytes());
}

fn duplicate_nested(text: &mut Text, rng: &mut Rng) {
    let value = one_of(
        &[
            r#"{"a":1,"a":1}"#,
            r#"[[{"a":{"b":1,"c":2,"b":3}}]]"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"":1,"":2}"#,
        ],
        rng,
    );
    member(text, value);
}

fn too_deep(text: &mut Text, rng: &mut Rng) {
    let arrays = rng.choice([32, 33, 100, 500]).unwrap_or(32);
    nested(text, arrays);
}

fn duplicate_among_many(text: &mut Text, rng: &mut Rng) {
    let count = rng.usize(64..200);
    add_members(text, count);
    let twice = rng.usize(0..count);
    inside(text, &format!(",\"{twice}\":1"));
}

/// The name as a JSON string whose first character is written as an escape.
fn escaped(name: &str) -> String {
    let mut chars = name.chars();
    let Some(first) = chars.next() else {
        return "\"\"".to_owned();
    };
    let rest = Value::from(chars.as_str()).to_string();
    let rest = rest.strip_prefix('"').unwrap_or_default();
    format!("\"\\u{:04x}{rest}", u32::from(first))
}

/// One more member with this value.
fn member(text: &mut Text, value: &str) {
    inside(text, &format!(",\"z\":{value}"));
}

/// These characters before the closing brace.
fn inside(text: &mut Text, what: &str) {
    let end = text.bytes.iter().rposition(|byte| *byte == b'}');
    let end = end.unwrap_or_default();
    text.bytes.splice(end..end, what.bytes());
}

fn before(text: &mut Text, what: &[u8]) {
    text.bytes.splice(0..0, what.iter().copied());
}

fn behind(text: &mut Text, what: &[u8]) {
    text.bytes.extend_from_slice(what);
}
