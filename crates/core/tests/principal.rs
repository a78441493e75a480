//! What a principal tells of itself, and its claims.

use std::borrow::Cow;

use bearward_core::claims::ClaimPath;
use bearward_core::json::Kind;
use bearward_core::rejection::InvalidToken;
use bearward_core::{Profile, UnixTime};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fixture::{NOW, SECOND, accepted, accepted_by, good, refused_by, settings};

fn text(json: &str) -> bearward_core::Principal {
    let rest = good().without_claim("extra").payload_bytes();
    let rest = String::from_utf8(rest).unwrap();
    let rest = rest.strip_prefix('{').unwrap();
    accepted(&good().payload_text(format!("{{\"extra\":{json},{rest}")))
}

#[test]
fn a_claim_is_found_by_its_path() {
    let principal = accepted(&good().claim("a", json!({"b": {"c": [1, "x"]}, "d.e": null})));
    let at = |path: ClaimPath| {
        principal
            .claim(&path)
            .map(|value| value.as_json().to_owned())
    };
    assert_eq!(at("a".into()).unwrap(), r#"{"b":{"c":[1,"x"]},"d.e":null}"#);
    assert_eq!(at(["a", "b"].into()).unwrap(), r#"{"c":[1,"x"]}"#);
    assert_eq!(at(["a", "b", "c"].into()).unwrap(), r#"[1,"x"]"#);
    // `null` is no value.
    assert_eq!(at(["a", "d.e"].into()), None);
    assert_eq!(at(["a", "d", "e"].into()), None);
    assert_eq!(at(["a", "b", "c", "0"].into()), None);
    assert_eq!(at("b".into()), None);
    assert_eq!(at("a.b".into()), None);
    let whole = ClaimPath::new([]);
    assert_eq!(principal.claim(&whole).unwrap().kind(), Kind::Object);
    assert_eq!(
        at(whole).unwrap().as_bytes(),
        principal.all_claims().as_json().as_bytes()
    );
}

#[test]
fn a_path_is_its_names() {
    let path = ClaimPath::new(["a", "b.c"]);
    let names: Vec<&str> = path.names().collect();
    assert_eq!(names, ["a", "b.c"]);
    assert_eq!(path, ClaimPath::from(["a", "b.c"]));
    let one: Vec<String> = ClaimPath::from("a.b").names().map(str::to_owned).collect();
    assert_eq!(one, ["a.b"]);
}

#[test]
fn claims_into_a_type_of_ones_own() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Mine {
        sub: String,
        extra: u64,
    }
    let principal = accepted(&good().claim("extra", 7));
    let mine: Mine = principal.claims().unwrap();
    assert_eq!(
        mine,
        Mine {
            sub: bearward_testing::token::SUBJECT.to_owned(),
            extra: 7
        }
    );
    accepted(&good()).claims::<Mine>().unwrap_err();
    let mine: Mine = principal.all_claims().deserialize().unwrap();
    assert_eq!(mine.extra, 7);
}

#[test]
fn all_claims_as_the_issuer_wrote_them() {
    let token = good().claim("a", "\u{1F600}");
    let principal = accepted(&token);
    assert_eq!(
        principal.all_claims().as_json().as_bytes(),
        token.payload_bytes()
    );
    let parsed: Value = serde_json::from_str(principal.all_claims().as_json()).unwrap();
    assert_eq!(parsed, token.claims());
    let claims = principal.all_claims();
    assert_eq!(claims.get("a").unwrap().as_str().unwrap(), "\u{1F600}");
    assert!(claims.get("b").is_none());
    assert_eq!(
        claims.at(&"a".into()).unwrap().as_str().unwrap(),
        "\u{1F600}"
    );
    assert_eq!(claims.root().kind(), Kind::Object);
    assert_eq!(claims.clone().as_json(), claims.as_json());
}

#[test]
fn t_clm_15_integers_are_exact() {
    for digits in [
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
        "1E+2",
    ] {
        let principal = text(digits);
        let claim = principal.claim(&"extra".into()).unwrap();
        assert_eq!(claim.as_number(), Some(digits));
        assert_eq!(claim.as_json(), digits);
        assert_eq!(claim.kind(), Kind::Number);
    }
    #[derive(Deserialize)]
    struct Mine {
        extra: u64,
    }
    let mine: Mine = text("9007199254740993").claims().unwrap();
    assert_eq!(mine.extra, 9_007_199_254_740_993);
}

#[test]
fn scopes_are_words() {
    let scopes = |scope: Value| {
        let principal = accepted(&good().claim("scope", scope));
        let words: Vec<String> = principal.scopes().map(Cow::into_owned).collect();
        words
    };
    assert_eq!(scopes(json!("a b c")), ["a", "b", "c"]);
    assert_eq!(scopes(json!("  a   b  ")), ["a", "b"]);
    assert_eq!(scopes(json!("a")), ["a"]);
    assert_eq!(scopes(json!("a\tb")), ["a\tb"]);
    assert_eq!(scopes(json!(["a b", "", "c"])), ["a b", "c"]);
    assert_eq!(scopes(json!("")), Vec::<String>::new());
    assert_eq!(scopes(json!([])), Vec::<String>::new());
    // An escape makes a string of its own.
    let principal = text("1");
    assert_eq!(principal.scopes().count(), 2);
    let escaped = good().without_claim("scope").payload_bytes();
    let escaped = String::from_utf8(escaped).unwrap();
    let escaped = escaped.replacen('{', r#"{"scope":" caf\u00e9  b\u0026c \"d\" ","#, 1);
    let principal = accepted(&good().payload_text(escaped));
    let words: Vec<String> = principal.scopes().map(Cow::into_owned).collect();
    assert_eq!(words, ["caf\u{e9}", "b&c", "\"d\""]);
}

#[test]
fn has_scope_compares_words() {
    let principal = accepted(&good().claim("scope", "read write"));
    assert!(principal.has_scope("read"));
    assert!(principal.has_scope("write"));
    assert!(!principal.has_scope("rea"));
    assert!(!principal.has_scope("read write"));
    assert!(!principal.has_scope(""));
    let array = accepted(&good().claim("scope", json!(["read", "a b"])));
    assert!(array.has_scope("read"));
    assert!(array.has_scope("a b"));
    assert!(!array.has_scope("a"));
}

#[test]
fn auth_time_says_when_or_nothing() {
    let auth_time = |value: Value| accepted(&good().claim("auth_time", value)).auth_time();
    assert_eq!(auth_time(json!(1)), Some(UnixTime::from_secs(1)));
    assert_eq!(auth_time(json!(1_699_999_999)), Some(NOW.minus(SECOND)));
    assert_eq!(
        auth_time(json!(9_999_999_999_u64)),
        Some(UnixTime::from_secs(9_999_999_999))
    );
    for never in [
        json!(0),
        json!(0.5),
        json!(-1),
        json!(-62_135_596_800_i64),
        json!("1700000000"),
        json!(null),
        json!(true),
        json!([]),
        json!(1e300),
        json!(253_402_300_800_u64),
    ] {
        assert_eq!(auth_time(never.clone()), None, "{never}");
    }
    assert_eq!(
        accepted(&good().without_claim("auth_time")).auth_time(),
        None
    );
}

#[test]
fn a_clm_05_auth_time_of_any_kind_where_nothing_is_asked() {
    for value in [json!(0), json!(-1), json!(-62_135_596_800_i64), json!(null)] {
        accepted(&good().claim("auth_time", value));
    }
    accepted(&good().without_claim("auth_time"));
}

#[test]
fn strings_with_escapes_are_resolved() {
    let payload = String::from_utf8(good().payload_bytes()).unwrap();
    let subject = bearward_testing::token::SUBJECT;
    let payload = payload.replace(subject, "caf\\u00e9 \\ud83d\\ude00");
    let payload = payload.replace(
        &format!("\"{}\"", bearward_testing::token::CLIENT_ID),
        "\"cl\\u0069ent\"",
    );
    let principal = accepted(&good().payload_text(payload));
    assert_eq!(principal.subject(), "caf\u{e9} \u{1F600}");
    assert_eq!(principal.client_id(), Some("client"));
    let clone = principal.clone();
    assert_eq!(clone.subject(), principal.subject());
}

#[test]
fn an_empty_client_is_none_and_an_empty_subject_nobody() {
    let generic = settings().profile(Profile::Generic).build().unwrap();
    let principal = accepted_by(&generic, &good().claim("client_id", ""));
    assert_eq!(principal.client_id(), None);
    let nobody = good().claim("sub", "");
    assert_eq!(refused_by(&generic, &nobody), InvalidToken::ClaimMissing);
}

#[test]
fn what_is_derived_is_derived_once_and_shared_by_clones() {
    struct Length(usize);

    let principal = accepted(&good());
    let clone = principal.clone();
    let expected = principal.subject().len();
    let first = principal.derived(|principal| Length(principal.subject().len()));
    assert_eq!(first.0, expected);
    let second = clone.derived(|_| -> Length { panic!("derived twice") });
    assert!(std::ptr::eq(first, second));
}

#[test]
fn each_type_is_derived_by_itself() {
    let principal = accepted(&good());
    assert_eq!(principal.derived(|_| 1_u8), &1);
    assert_eq!(principal.derived(|_| "another"), &"another");
    assert_eq!(principal.derived(|_| 2_u8), &1);
    assert_eq!(principal.derived(|_| "a third"), &"another");
}
