//! Compares the parser with `serde_json` on texts of all kinds, and with published test cases.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Number, json};

use super::{JsonError, Kind, Tape, Value};
use crate::{limits, vector_files};

fn parse(text: &str) -> Result<serde_json::Value, JsonError> {
    let tape = Tape::default().parse(text)?;
    Ok(converted(tape.root(text)))
}

/// The value as `serde_json` represents it.
fn converted(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool => value.as_bool().unwrap().into(),
        Kind::Number => serde_json::from_str(value.as_number().unwrap())
            .unwrap_or_else(|_| json!({ "a number out of range": value.as_number() })),
        Kind::String => value.as_str().unwrap().into(),
        Kind::Array => value.elements().map(converted).collect(),
        Kind::Object => {
            let members = value.members().map(|(name, value)| {
                assert_eq!(value.as_json(), value.as_json().trim());
                (name.into_owned(), converted(value))
            });
            members.collect::<Map<_, _>>().into()
        }
    }
}

/// Any value within the limits.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(|float| Number::from_f64(float).into()),
        any_text().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::btree_map(any_text(), inner, 0..6).prop_map(|members| {
                let members: Map<String, serde_json::Value> = members.into_iter().collect();
                members.into()
            }),
        ]
    })
}

/// Text with difficult characters: quotes, backslashes, controls, non-ASCII.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-c]{0,3}",
        "[ -~]{0,40}",
        "[\"\\\\/\u{0}-\u{1f}\u{7f}\u{e9}\u{2028}\u{1F600}a]{0,12}",
    ]
}

/// Pieces of JSON, good and bad, in any order.
fn any_pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\u12\"",
        "\"\\x\"",
        "\"\\\"\"",
        "\"\t\"",
        "\\",
        "1",
        "0",
        "-",
        "-0",
        "01",
        "1.",
        "1.5",
        ".5",
        "e",
        "1e5",
        "1E-5",
        "1e+",
        "1e400",
        "true",
        "false",
        "null",
        "tru",
        "nul",
        "NaN",
        " ",
        "\n",
        "\t",
        "\r",
        "\u{b}",
        "\u{a0}",
        "\u{feff}",
        "\0",
        "{\"a\":1}",
        "[1,2]",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"b\":2}",
        "//",
        "\u{e9}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Both parsers agree, unless ours refuses on purpose or a number is beyond a float.
fn agrees(text: &str) {
    let theirs: Result<serde_json::Value, _> = serde_json::from_str(text);
    match (parse(text), theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text:?}"),
        (Err(JsonError::Invalid), Ok(theirs)) => panic!("{text:?} is {theirs}"),
        (Err(JsonError::DuplicateMember | JsonError::Limits), _)
        | (Err(JsonError::Invalid), Err(_)) => {}
        (Ok(ours), Err(theirs)) => {
            let theirs = theirs.to_string();
            assert!(
                theirs.contains("number out of range"),
                "{text:?} is {ours}: {theirs}"
            );
        }
    }
}

proptest! {
    #[test]
    fn values_come_back_as_they_were(value in any_value()) {
        // `serde_json` may be wrong in the last digit of a float: compare what it reads.
        let compact = value.to_string();
        prop_assert_eq!(parse(&compact), Ok(serde_json::from_str(&compact).unwrap()));
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(parse(&pretty), Ok(serde_json::from_str(&pretty).unwrap()));
    }

    #[test]
    fn every_text_is_accepted_or_refused_alike(text in prop_oneof![any::<String>(), any_pieces()]) {
        agrees(&text);
    }

    #[test]
    fn every_spoilt_text_is_accepted_or_refused_alike(
        value in any_value(),
        at in any::<prop::sample::Index>(),
        cut in 0..3_usize,
        piece in any_pieces(),
    ) {
        let text = value.to_string();
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let end = chars.len().min(at.saturating_add(cut));
        chars.splice(at..end, piece.chars());
        agrees(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn what_is_refused_as_duplicate_is_one_among_many(
        count in 1..400_usize,
        // Another object in between, with names of its own.
        nested in 0..80_usize,
        twice in prop::option::of(any::<prop::sample::Index>()),
        escaped in any::<bool>(),
    ) {
        let name = |index: usize| format!("m{}", index.wrapping_mul(7919).wrapping_rem(401));
        let mut members: Vec<String> = (0..count).map(|index| format!("\"{}\":0", name(index))).collect();
        let inner: Vec<String> = (0..nested).map(|index| format!("\"{}\":0", name(index))).collect();
        members.insert(count.wrapping_div(2), format!("\"inner\":{{{}}}", inner.join(",")));
        if let Some(twice) = twice {
            let name = name(twice.index(count));
            let name = if escaped { name.replace('m', "\\u006d") } else { name };
            members.push(format!("\"{name}\":0"));
        }
        let parsed = parse(&format!("{{{}}}", members.join(",")));
        prop_assert_eq!(parsed.is_ok(), twice.is_none());
        prop_assert_eq!(parsed.err(), twice.map(|_| JsonError::DuplicateMember));
    }

    #[test]
    fn what_is_refused_as_duplicate_is_one(
        names in prop::collection::vec("[ab\u{e9}]{0,2}", 0..8),
        escaped in any::<u8>(),
    ) {
        let spelt = |index: usize, name: &str| {
            if escaped.unbounded_shr(u32::try_from(index).unwrap()) & 1 == 0 {
                return format!("\"{name}\":0");
            }
            let units: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{units}\":0")
        };
        let members: Vec<String> =
            names.iter().enumerate().map(|(index, name)| spelt(index, name)).collect();
        let unique: std::collections::BTreeSet<&String> = names.iter().collect();
        let expected = if unique.len() == names.len() {
            Ok(names.iter().map(|name| (name.clone(), json!(0))).collect::<Map<_, _>>().into())
        } else {
            Err(JsonError::DuplicateMember)
        };
        prop_assert_eq!(parse(&format!("{{{}}}", members.join(","))), expected);
    }
}

#[test]
fn strings() {
    for (text, expected) in [
        (r#""""#, ""),
        (r#""a""#, "a"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (
            r#""\u0041\u00e9\u20AC\uffff\u0000""#,
            "A\u{e9}\u{20ac}\u{ffff}\0",
        ),
        (r#""\ud800\udc00\uDBFF\uDFFF""#, "\u{10000}\u{10ffff}"),
        (r#""\ud7ff\ue000""#, "\u{d7ff}\u{e000}"),
        (
            "\"\u{7f}\u{80}\u{2028}\u{1F600}\"",
            "\u{7f}\u{80}\u{2028}\u{1F600}",
        ),
        (" \t\r\n\"a\" \t\r\n", "a"),
    ] {
        assert_eq!(parse(text), Ok(expected.into()), "{text}");
    }
    for text in [
        r#"""#,
        r#""a"#,
        r#""\"#,
        r#""\""#,
        r#""\a""#,
        r#""\0""#,
        r#""\x41""#,
        r#""\U0041""#,
        r#""\u""#,
        r#""\u4""#,
        r#""\u41""#,
        r#""\u004""#,
        r#""\u004"#,
        r#""\u00g1""#,
        r#""\u+041""#,
        r#""\u-041""#,
        r#""\u 041""#,
        r#""\ud800""#,
        r#""\udbff""#,
        r#""\udc00""#,
        r#""\udfff""#,
        r#""\ud800a""#,
        r#""\ud800\n""#,
        r#""\ud800\u0041""#,
        r#""\ud800\ud800""#,
        r#""\ud800\ue000""#,
        r#""\ud800\udbff""#,
        r#""\udc00\ud800""#,
        r#""\ud800x\udc00""#,
        r#""\ud800\udc0""#,
        "\"\0\"",
        "\"\u{1f}\"",
        "\"\n\"",
        "\"\t\"",
        "'a'",
        "\"a\"b",
        "\"\\u00\u{e9}1\"",
    ] {
        assert_eq!(parse(text), Err(JsonError::Invalid), "{text}");
    }
}

#[test]
fn numbers() {
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "9007199254740993",
        "0.0",
        "-0.5",
        "1.25",
        "10.01",
        "0e0",
        "1e5",
        "1E5",
        "1e+5",
        "1E-5",
        "-1.5e-05",
        "0.1e1",
        "123456789012345678901234567890",
        "1e400",
        "-1e400",
    ] {
        let tape = Tape::default().parse(text).unwrap();
        assert_eq!(tape.root(text).as_number(), Some(text));
        let array = format!("[{text} ,{text}]");
        let tape = Tape::default().parse(&array).unwrap();
        let found: Vec<_> = tape.root(&array).elements().map(Value::as_number).collect();
        assert_eq!(found, [Some(text), Some(text)]);
    }
    for text in [
        "-",
        "+1",
        "--1",
        "01",
        "-01",
        "00",
        "1.",
        "-1.",
        ".5",
        "-.5",
        "1.e5",
        "1e",
        "1e+",
        "1e-",
        "1E",
        "1e5.5",
        "1e+-5",
        "1.5.5",
        "1,5",
        "0x1",
        "1_000",
        "1 2",
        "1a",
        "Infinity",
        "-Infinity",
        "NaN",
        "\u{661}",
    ] {
        assert_eq!(parse(text), Err(JsonError::Invalid), "{text}");
    }
}

#[test]
fn structure() {
    for (text, expected) in [
        ("null", json!(null)),
        ("true", json!(true)),
        ("false", json!(false)),
        ("[]", json!([])),
        ("{}", json!({})),
        ("[ ]", json!([])),
        ("{ }", json!({})),
        (" [ 1 , [ ] , { } ] ", json!([1, [], {}])),
        (
            r#" { "a" : { "b" : [ ] } , "c" : 1 } "#,
            json!({"a": {"b": []}, "c": 1}),
        ),
        (r#"{"":""}"#, json!({"": ""})),
    ] {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_structure() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "Null",
        "tru",
        "truth",
        "fals",
        "falsey",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "[,1]",
        "[1 2]",
        "[1:2]",
        "[1}",
        "{]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\",1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "{a:1}",
        "{1:1}",
        "{null:1}",
        "{\"a\"::1}",
        "[]]",
        "[][]",
        "{}{}",
        "[] x",
        "null null",
        "//\n1",
        "/**/1",
        "1//",
        "#\n1",
        "\u{feff}1",
        "\u{a0}1",
        "\u{b}1",
        "\u{c}1",
        "1\0",
    ] {
        assert_eq!(parse(text), Err(JsonError::Invalid), "{text}");
    }
}

#[test]
fn limits_are_exact() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&nested(limits::JSON_DEPTH)).is_ok());
    for levels in [limits::JSON_DEPTH.saturating_add(1), 5_000, 100_000] {
        assert_eq!(parse(&nested(levels)), Err(JsonError::Limits), "{levels}");
        assert_eq!(
            parse(&"[".repeat(levels)),
            Err(JsonError::Limits),
            "{levels}"
        );
        assert_eq!(
            parse(&"{\"a\":".repeat(levels)),
            Err(JsonError::Limits),
            "{levels}"
        );
    }
    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|index| format!("\"{index}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(parse(&members(limits::JSON_MEMBERS)).is_ok());
    for count in [limits::JSON_MEMBERS.saturating_add(1), 10_000] {
        assert_eq!(parse(&members(count)), Err(JsonError::Limits), "{count}");
    }
    // Those of all objects together.
    let half = members(limits::JSON_MEMBERS.wrapping_div(2));
    assert!(parse(&format!("[{half},{half}]")).is_ok());
    assert_eq!(
        parse(&format!("[{half},{{\"a\":{half}}}]")),
        Err(JsonError::Limits)
    );
    // Whatever follows the last member allowed.
    let full = members(limits::JSON_MEMBERS);
    for end in ["\"a\":0}", "0}", " \"a\":0}", ""] {
        let text = format!("{},{end}", full.trim_end_matches('}'));
        assert_eq!(parse(&text), Err(JsonError::Limits), "{end}");
    }
    // Elements of arrays are not counted.
    assert!(parse(&format!("[{}0]", "0,".repeat(5_000))).is_ok());
}

#[test]
fn names_with_escapes_are_compared_as_what_they_mean() {
    let members = |count: u32, twice: &str| {
        let members: String = (0..count)
            .map(|index| format!("\"\\u{index:04x}\":0,"))
            .collect();
        format!("{{{members}\"{twice}\":0}}")
    };
    assert!(parse(&members(255, "x12345")).is_ok());
    assert!(parse(&members(255, "\\u00ff")).is_ok());
    assert_eq!(
        parse(&members(255, "\\u00fe")),
        Err(JsonError::DuplicateMember)
    );
    assert_eq!(
        parse(&members(255, "\\u0000")),
        Err(JsonError::DuplicateMember)
    );
    assert_eq!(parse(&members(255, "a")), Err(JsonError::DuplicateMember));
    assert_eq!(
        parse(r#"{"x":{"\u0061":0},"\u0062":0,"y":{"\u0061":0,"b":1},"a":0,"b":0}"#),
        Err(JsonError::DuplicateMember)
    );
    assert!(parse(r#"{"x":{"\u0061":0},"\u0062":0,"y":{"\u0061":0,"b":1},"a":0}"#).is_ok());
}

#[test]
fn what_stands_where_nothing_is_is_nothing() {
    let tape = Tape::default().parse("[1]").unwrap();
    let nowhere = tape.root("[1]").sibling(9);
    assert_eq!(nowhere.kind(), Kind::Null);
    assert_eq!(nowhere.as_json(), "");
    assert_eq!(nowhere.elements().count(), 0);
}

/// There is enough room that the tape of a usual token grows at most once.
#[test]
fn a_tape_has_room_for_a_value_every_twelve_bytes() {
    for (bytes, room) in [
        (0, 8),
        (96, 8),
        (119, 9),
        (240, 20),
        (720, 60),
        (16_384, 60),
    ] {
        let Tape(nodes) = Tape::with_capacity_for(bytes);
        assert_eq!(nodes.capacity(), room, "{bytes}");
    }
}

/// The texts that parsers must accept (`y_`) and ours does not: a name appears twice.
const ACCEPTED_BY_OTHERS: [&str; 2] = [
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
];

/// The texts that a parser may accept or refuse (`i_`), and what ours does.
fn decided(name: &str) -> Result<(), JsonError> {
    // Numbers keep their text: none is too large or too small.
    if name.starts_with("i_number_") {
        return Ok(());
    }
    match name {
        "i_structure_500_nested_arrays.json" => Err(JsonError::Limits),
        // A byte order mark is not white space (RFC 8259 §2); a lone surrogate is no character;
        // bytes that are not UTF-8 are no text.
        "i_structure_UTF-8_BOM_empty_object.json" => Err(JsonError::Invalid),
        name if name.starts_with("i_string_") || name.starts_with("i_object_key_lone") => {
            Err(JsonError::Invalid)
        }
        other => panic!("{other} is not decided"),
    }
}

fn cases(folder: &str) -> Option<BTreeMap<String, Result<serde_json::Value, JsonError>>> {
    let folder = vector_files::folder()?.join("jsontestsuite").join(folder);
    let files = std::fs::read_dir(folder).unwrap();
    let decided = files.map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = vector_files::bytes(&path);
        // As for header and claims: UTF-8 first.
        let text = std::str::from_utf8(&bytes).map_err(|_| JsonError::Invalid);
        (name, text.and_then(parse))
    });
    Some(decided.collect())
}

#[test]
fn json_test_suite() {
    let Some(cases) = cases("test_parsing") else {
        return;
    };
    let mut counts = [0_usize; 3];
    for (name, found) in &cases {
        let (kind, expected) = match name.get(..2) {
            Some("y_") if ACCEPTED_BY_OTHERS.contains(&name.as_str()) => {
                (0, Err(JsonError::DuplicateMember))
            }
            Some("y_") => (0, Ok(())),
            Some("n_") if name.contains("100000") || name.contains("open_array_object") => {
                (1, Err(JsonError::Limits))
            }
            Some("n_") => (1, Err(JsonError::Invalid)),
            _ => (2, decided(name)),
        };
        assert_eq!(found.clone().map(|_| ()), expected, "{name}");
        counts[kind] = counts[kind].saturating_add(1);
    }
    assert_eq!(counts, [95, 188, 35]);
}

#[test]
fn json_test_suite_transformations() {
    let Some(cases) = cases("test_transform") else {
        return;
    };
    for (name, found) in &cases {
        let expected = match name.as_str() {
            "object_same_key_different_values.json"
            | "object_same_key_same_value.json"
            | "object_same_key_unclear_values.json" => Err(JsonError::DuplicateMember),
            name if name.contains("invalid_codepoint") => Err(JsonError::Invalid),
            _ => Ok(()),
        };
        assert_eq!(found.clone().map(|_| ()), expected, "{name}");
    }
    assert_eq!(cases.len(), 22);
    let value = |name: &str| cases.get(name).unwrap().clone().unwrap();
    // Names that only look alike are different.
    assert_eq!(
        value("object_key_nfc_nfd.json").as_object().unwrap().len(),
        2
    );
    assert_eq!(
        value("number_9223372036854775807.json"),
        json!([9_223_372_036_854_775_807_u64])
    );
}
