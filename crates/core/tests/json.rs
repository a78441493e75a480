//! JSON values as the public API shows them.

use bearward_core::Principal;
use bearward_core::json::{Kind, Value};
use bearward_core::limits;
use serde_json::json;

use crate::fixture::{accepted, good};

/// A principal whose token has every kind of value under `v`.
fn principal() -> Principal {
    let values = json!({
        "null": null,
        "true": true,
        "false": false,
        "number": -1.5,
        "string": "text",
        "escaped": "\"\u{1}",
        "empty": "",
        "array": [1, "a", [2], {"b": 3}, null],
        "object": {"a": {"b": "c"}, "d.e": [4]},
        "none": [],
        "nothing": {},
    });
    accepted(&good().claim("v", values))
}

fn value<'p>(principal: &'p Principal, name: &'static str) -> Value<'p> {
    principal
        .all_claims()
        .root()
        .get("v")
        .unwrap()
        .get(name)
        .unwrap()
}

#[test]
fn the_kind_of_a_value() {
    let principal = principal();
    for (name, kind, article) in [
        ("null", Kind::Null, "null"),
        ("true", Kind::Bool, "a boolean"),
        ("false", Kind::Bool, "a boolean"),
        ("number", Kind::Number, "a number"),
        ("string", Kind::String, "a string"),
        ("escaped", Kind::String, "a string"),
        ("array", Kind::Array, "an array"),
        ("object", Kind::Object, "an object"),
    ] {
        assert_eq!(value(&principal, name).kind(), kind, "{name}");
        assert_eq!(kind.to_string(), article);
    }
}

#[test]
fn a_value_is_read_as_what_it_is_and_nothing_else() {
    let principal = principal();
    let names = [
        "null", "true", "false", "number", "string", "escaped", "empty", "array", "object",
    ];
    for name in names {
        let value = value(&principal, name);
        let string = match name {
            "string" => Some("text"),
            "escaped" => Some("\"\u{1}"),
            "empty" => Some(""),
            _ => None,
        };
        assert_eq!(value.as_str().as_deref(), string, "{name}");
        assert_eq!(
            value.as_number(),
            (name == "number").then_some("-1.5"),
            "{name}"
        );
        let boolean = match name {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        assert_eq!(value.as_bool(), boolean, "{name}");
        let elements = if name == "array" { 5 } else { 0 };
        assert_eq!(value.elements().count(), elements, "{name}");
        let members = if name == "object" { 2 } else { 0 };
        assert_eq!(value.members().count(), members, "{name}");
        assert_eq!(value.get("a").is_some(), name == "object", "{name}");
        for text in ["text", "\"\u{1}", "", "true", "null", "-1.5"] {
            assert_eq!(value.is_str(text), string == Some(text), "{name} {text}");
        }
    }
}

#[test]
fn the_text_of_a_value() {
    let principal = principal();
    for (name, text) in [
        ("null", "null"),
        ("true", "true"),
        ("number", "-1.5"),
        ("string", r#""text""#),
        ("escaped", r#""\"\u0001""#),
        ("empty", r#""""#),
        ("array", r#"[1,"a",[2],{"b":3},null]"#),
        ("object", r#"{"a":{"b":"c"},"d.e":[4]}"#),
        ("none", "[]"),
        ("nothing", "{}"),
    ] {
        assert_eq!(value(&principal, name).as_json(), text);
    }
}

#[test]
fn elements_and_members_come_in_order() {
    let principal = principal();
    let elements: Vec<&str> = value(&principal, "array")
        .elements()
        .map(Value::as_json)
        .collect();
    assert_eq!(elements, ["1", "\"a\"", "[2]", "{\"b\":3}", "null"]);
    let members: Vec<(String, &str)> = value(&principal, "object")
        .members()
        .map(|(name, value)| (name.into_owned(), value.as_json()))
        .collect();
    assert_eq!(
        members,
        [("a".to_owned(), r#"{"b":"c"}"#), ("d.e".to_owned(), "[4]")]
    );
    assert_eq!(value(&principal, "none").elements().count(), 0);
    assert_eq!(value(&principal, "nothing").members().count(), 0);
}

#[test]
fn a_member_is_found_at_its_level_only() {
    let principal = principal();
    let object = value(&principal, "object");
    assert_eq!(
        object.get("a").unwrap().get("b").unwrap().as_json(),
        "\"c\""
    );
    assert!(object.get("b").is_none());
    assert!(object.get("c").is_none());
    assert!(object.get("d").is_none());
    assert_eq!(object.get("d.e").unwrap().as_json(), "[4]");
    assert!(value(&principal, "array").get("b").is_none());
    assert!(value(&principal, "nothing").get("a").is_none());
    let root = principal.all_claims().root();
    assert!(root.get("null").is_none());
    assert!(root.get("v").is_some());
}

#[test]
fn a_member_with_an_escaped_name_is_found_by_what_it_means() {
    let text = String::from_utf8(good().payload_bytes()).unwrap();
    let text = text.replacen('{', r#"{"\u0061\/b\"":{"\ud83d\ude00":"\u0078"},"#, 1);
    let principal = accepted(&good().payload_text(text));
    let claim = principal.claim(&["a/b\"", "\u{1F600}"].into()).unwrap();
    assert!(claim.is_str("x"));
    assert!(!claim.is_str("y"));
    let names: Vec<String> = principal
        .all_claims()
        .root()
        .members()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names.first().map(String::as_str), Some("a/b\""));
}

/// What a sender or an issuer can make us work for.
#[test]
fn limits_are_those_of_the_design() {
    assert_eq!(limits::TOKEN_BYTES, 16_384);
    assert_eq!(limits::HEADER_BYTES, 4_096);
    assert_eq!(limits::JSON_DEPTH, 32);
    assert_eq!(limits::JSON_MEMBERS, 2_048);
    assert_eq!(limits::KID_BYTES, 256);
    assert_eq!(limits::JWK_SET_KEYS, 100);
    assert_eq!(limits::DOCUMENT_BYTES, 262_144);
    assert_eq!(limits::RSA_BITS, 2_048..=8_192);
    assert_eq!(limits::RSA_EXPONENT_MIN, 65_537);
    assert_eq!(limits::LEEWAY_SECONDS, 300);
}
