//! JSON Web Signature: the shape of a token, its encoding, and its header.

use bearward_core::jws::{Typ, UnverifiedJws};
use bearward_core::limits;
use bearward_core::rejection::{InvalidToken, Rejection};
use bearward_core::{Algorithm, Profile};
use bearward_testing::token::Parts;
use bearward_testing::{SigningKey, Token};
use serde_json::json;

use crate::fixture::{
    AUDIENCE, ISSUER, NOW, accepted, accepted_by, base64url, decide, good, invalid, key, keys,
    keys_of, policy, refused, refused_by, refused_parts, settings, signed_again, unparsed,
    verified,
};

#[test]
fn t_jws_01_what_is_not_a_compact_jws_is_refused() {
    let token = good().sign();
    let [header, payload, signature] = parts_of(&token);
    for text in [
        "",
        "a.b",
        "a",
        ".",
        "..",
        "...",
        "a.b.c.d",
        "a.b.c.d.e.f",
        ".e30.AA",
        "e30..AA",
        &format!("{header}.{payload}"),
        &format!("{header}.{payload}.{signature}.{signature}"),
        &format!("{token}."),
        &format!(".{token}"),
        &format!(".{payload}.{signature}"),
        &format!("{header}..{signature}"),
        &format!(" {token}"),
        &format!("\t{token}"),
        &format!("\r{token}"),
        &format!("\n{token}"),
        // Opaque, and a refresh token.
        "Uj8cBGwZ0nH4xYk2LqTfRs7VdAo1PiE6",
        "0b1a2e3c-4d5f-4a6b-8c7d-9e0f1a2b3c4d.Uj8cBGwZ0nH4xYk2LqTfRs7VdAo1PiE6",
    ] {
        assert_eq!(unparsed(text), InvalidToken::NotCompactJws, "{text}");
    }
}

#[test]
fn t_jws_01_nothing_is_decoded_of_what_has_another_shape() {
    assert_eq!(unparsed("?.?"), InvalidToken::NotCompactJws);
    assert_eq!(unparsed("?.?.?.?"), InvalidToken::NotCompactJws);
    assert_eq!(unparsed("?..?"), InvalidToken::NotCompactJws);
    assert_eq!(unparsed("?.?.?"), InvalidToken::Base64NotCanonical);
}

fn parts_of(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn t_jws_02_many_dots_are_refused_by_counting() {
    assert_eq!(unparsed(".".repeat(100_000)), InvalidToken::TokenTooLarge);
    assert_eq!(unparsed(".".repeat(16_384)), InvalidToken::NotCompactJws);
    assert_eq!(unparsed(".".repeat(16_385)), InvalidToken::TokenTooLarge);
    assert_eq!(unparsed("a.".repeat(8_000)), InvalidToken::NotCompactJws);
}

#[test]
fn t_jws_02_giant_parts_are_refused_before_they_are_decoded() {
    let giant = "?".repeat(100_000);
    for text in [
        format!("{giant}.e30.AA"),
        format!("e30.{giant}.AA"),
        format!("e30.e30.{giant}"),
        giant,
    ] {
        assert_eq!(unparsed(text), InvalidToken::TokenTooLarge);
    }
}

#[test]
fn t_jws_03_a_valid_token_over_the_limit_is_refused() {
    for size in [60_000, 300_000, 2_000_000] {
        let token = good().claim("pad", "x".repeat(size));
        assert_eq!(refused(&token), InvalidToken::TokenTooLarge, "{size}");
    }
}

#[test]
fn t_jws_03_a_header_over_the_limit_is_refused() {
    for size in [3_073, 4_000, 8_000] {
        let token = with_header_of(size);
        assert_eq!(refused(&token), InvalidToken::TokenTooLarge, "{size}");
    }
    // One character more than the limit is no base64url: size comes first.
    let mut parts = with_header_of(3_072).parts();
    assert_eq!(parts.header_b64.len(), 4_096);
    parts.header_b64.push('A');
    assert_eq!(
        refused_parts(&signed_again(parts)),
        InvalidToken::TokenTooLarge
    );
}

#[test]
fn a_header_of_exactly_the_limit_is_accepted() {
    let token = with_header_of(3_072);
    assert_eq!(token.parts().header_b64.len(), limits::HEADER_BYTES);
    accepted(&token);
}

/// A good token whose header has this many bytes of JSON.
fn with_header_of(bytes: usize) -> Token {
    let unpadded = good().header("pad", "").header_bytes().len();
    let token = good().header("pad", "x".repeat(bytes - unpadded));
    assert_eq!(token.header_bytes().len(), bytes);
    token
}

#[test]
fn a_req_06_a_token_of_exactly_the_limit_is_accepted() {
    let token = good_token_of(limits::TOKEN_BYTES).unwrap();
    decide(&token, &keys(), &policy()).unwrap();
}

#[test]
fn t_jws_03_a_token_of_one_byte_more_is_refused() {
    let token = good_token_of(limits::TOKEN_BYTES + 1).unwrap();
    let refused = invalid(decide(&token, &keys(), &policy()));
    assert_eq!(refused, InvalidToken::TokenTooLarge);
}

/// A good token with this many bytes.
fn good_token_of(bytes: usize) -> Option<String> {
    // The length of a part is never 1 modulo 4: another header shifts the rest.
    (1..4).find_map(|shift| {
        let token = good().header("shift", "x".repeat(shift));
        let unpadded = token.clone().claim("pad", "").sign().len();
        (0..4).find_map(|slack| {
            let pad = (bytes - unpadded) * 3 / 4 + slack - 2;
            let token = token.clone().claim("pad", "x".repeat(pad)).sign();
            (token.len() == bytes).then_some(token)
        })
    })
}

#[test]
fn t_jws_04_json_serialisation_is_refused() {
    let parts = good().parts();
    let signature = base64url(&parts.signature);
    let flattened = json!({
        "protected": parts.header_b64,
        "payload": parts.payload_b64,
        "signature": signature,
    });
    let general = json!({
        "payload": parts.payload_b64,
        "signatures": [{ "protected": parts.header_b64, "signature": signature }],
    });
    let polyglot = json!({ "payload": good().sign() });
    let two_dots = format!("{{\"a\":\"{}\"}}", good().sign());
    for text in [
        flattened.to_string(),
        general.to_string(),
        polyglot.to_string(),
        two_dots,
        "{}".to_owned(),
        "{..}".to_owned(),
    ] {
        assert_eq!(unparsed(&text), InvalidToken::NotCompactJws, "{text}");
    }
}

#[test]
fn t_jws_05_a_jwe_is_refused_unread() {
    let part = |text: &str| base64url(text.as_bytes());
    let nested = base64url(
        Parts::sign(br#"{"alg":"none"}"#, b"{}", &key())
            .encode()
            .as_bytes(),
    );
    for header in [
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#,
        r#"{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AA"}"#,
        r#"{"alg":"ECDH-ES","enc":"A128GCM","epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}"#,
        r#"{"alg":"dir","enc":"A256GCM","cty":"JWT"}"#,
        r#"{"alg":"RS256","typ":"at+jwt"}"#,
        "not even JSON",
    ] {
        let text = format!(
            "{}.{}.{}.{nested}.{}",
            part(header),
            part("k"),
            part("iv"),
            part("t")
        );
        assert_eq!(unparsed(&text), InvalidToken::JweNotSupported, "{header}");
        let direct = format!("{}..{}.{nested}.{}", part(header), part("iv"), part("t"));
        assert_eq!(unparsed(&direct), InvalidToken::JweNotSupported, "{header}");
    }
    assert_eq!(unparsed("?.?.?.?.?"), InvalidToken::JweNotSupported);
}

#[test]
fn t_jws_06_zip_is_refused() {
    for zip in [json!("DEF"), json!(null), json!(1), json!("")] {
        let token = good().header("zip", zip);
        assert_eq!(refused(&token), InvalidToken::HeaderZip);
    }
}

/// Every other spelling of a part that starts canonical.
fn respelled(part: &str) -> Vec<String> {
    let middle = part.len() / 2;
    let (left, right) = part.split_at(middle);
    let mut spellings = vec![
        format!("{part}="),
        format!("{part}=="),
        format!("{part}==="),
    ];
    for junk in [
        "=", " ", "\t", "\n", "\r\n", "\0", "+", "/", "?", "!", "*", "%", ",", "~", "\u{e4}",
        "\u{7f}",
    ] {
        spellings.push(format!("{left}{junk}{right}"));
        spellings.push(format!("{part}{junk}"));
    }
    spellings
}

/// Encodes parts as they are, for what is no base64url.
fn joined(header: &str, payload: &str, signature: &str) -> String {
    format!("{header}.{payload}.{signature}")
}

#[test]
fn t_jws_07_non_canonical_base64url_is_refused() {
    let parts = good().parts();
    let (header, payload) = (&parts.header_b64, &parts.payload_b64);
    for spelling in respelled(header) {
        let again = signed_again_as(&parts, &spelling, payload);
        let text = joined(&spelling, payload, &again);
        assert_eq!(unparsed(&text), InvalidToken::Base64NotCanonical, "{text}");
    }
    for spelling in respelled(payload) {
        let again = signed_again_as(&parts, header, &spelling);
        let text = joined(header, &spelling, &again);
        assert_eq!(unparsed(&text), InvalidToken::Base64NotCanonical, "{text}");
    }
    for spelling in respelled(&base64url(&parts.signature)) {
        let text = joined(header, payload, &spelling);
        assert_eq!(unparsed(&text), InvalidToken::Base64NotCanonical, "{text}");
    }
}

/// The signature over the parts in another spelling.
fn signed_again_as(parts: &Parts, header: &str, payload: &str) -> String {
    let mut parts = parts.clone();
    parts.header_b64 = header.to_owned();
    parts.payload_b64 = payload.to_owned();
    base64url(&signed_again(parts).signature)
}

#[test]
fn t_jws_07_unused_bits_that_are_not_zero_are_refused() {
    // Header and payload with one and with two bytes in the last group.
    for pad in 0..3 {
        let parts = good()
            .header("pad", "x".repeat(pad))
            .claim("pad", "x".repeat(pad))
            .parts();
        let (header, payload) = (parts.header_b64.clone(), parts.payload_b64.clone());
        for spelling in with_trailing_bits(&header) {
            let again = signed_again_as(&parts, &spelling, &payload);
            let text = joined(&spelling, &payload, &again);
            assert_eq!(unparsed(text), InvalidToken::Base64NotCanonical);
        }
        for spelling in with_trailing_bits(&payload) {
            let again = signed_again_as(&parts, &header, &spelling);
            let text = joined(&header, &spelling, &again);
            assert_eq!(unparsed(text), InvalidToken::Base64NotCanonical);
        }
        let signature = base64url(&parts.signature);
        let spellings = with_trailing_bits(&signature);
        assert_eq!(spellings.len(), 15, "256 bytes leave four bits");
        for spelling in spellings {
            let text = joined(&header, &payload, &spelling);
            assert_eq!(unparsed(text), InvalidToken::Base64NotCanonical);
        }
    }
}

/// The spellings of the same bytes with other unused bits: none, 3 or 15.
fn with_trailing_bits(part: &str) -> Vec<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let unused = match part.len() % 4 {
        2 => 16,
        3 => 4,
        _ => 1,
    };
    let (last, rest) = part.as_bytes().split_last().unwrap();
    let value = ALPHABET.iter().position(|char| char == last).unwrap();
    (1..unused)
        .map(|bits| {
            let mut spelling = rest.to_vec();
            spelling.push(ALPHABET[value + bits]);
            String::from_utf8(spelling).unwrap()
        })
        .collect()
}

#[test]
fn t_jws_07_a_length_that_no_bytes_have_is_refused() {
    let parts = good().parts();
    let lengthened = |part: &str| {
        let missing = (5 - part.len() % 4) % 4;
        format!("{part}{}", "A".repeat(missing))
    };
    let (header, payload) = (&parts.header_b64, &parts.payload_b64);
    let signature = base64url(&parts.signature);
    for text in [
        joined(&lengthened(header), payload, &signature),
        joined(header, &lengthened(payload), &signature),
        joined(header, payload, &lengthened(&signature)),
        joined(header, payload, "A"),
    ] {
        assert_eq!(unparsed(text), InvalidToken::Base64NotCanonical);
    }
}

/// JSON texts that are none, made of one that is.
fn not_json(good: &str) -> Vec<Vec<u8>> {
    let inner = good.strip_prefix('{').unwrap();
    let utf16 = good.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf16_with_bom: Vec<u8> = [0xFE, 0xFF].into_iter().chain(utf16_of(good)).collect();
    let mut texts = vec![utf16, utf16_with_bom];
    texts.extend([
        [b"\xEF\xBB\xBF", good.as_bytes()].concat(),
        [b"{\"a\":\"\xFF\",", inner.as_bytes()].concat(),
        [b"{\"a\":\"\xC0\xAF\",", inner.as_bytes()].concat(),
        [b"{\"a\":\"\xED\xA0\x80\",", inner.as_bytes()].concat(),
        [b"{\"a\":\"\xF4\x90\x80\x80\",", inner.as_bytes()].concat(),
        [good.as_bytes(), b"\0"].concat(),
        [good.as_bytes(), b"\xFF"].concat(),
    ]);
    texts.extend(
        [
            format!("{{\"a\":NaN,{inner}"),
            format!("{{\"a\":Infinity,{inner}"),
            format!("{{\"a\":-Infinity,{inner}"),
            format!("{{\"a\":\"\\ud800\",{inner}"),
            format!("{{/* comment */{inner}"),
            format!("{good}// comment"),
            format!("# comment\n{good}"),
            format!("{good}{good}"),
            format!("{good} x"),
            format!("{good},"),
            format!("{good}]"),
            format!("\u{a0}{good}"),
            format!("{{'a':1,{inner}"),
            format!("{{a:1,{inner}"),
            format!("{{\"a\":01,{inner}"),
            format!("{{\"a\":.5,{inner}"),
            format!("{{\"a\":0x1,{inner}"),
            format!("{{\"a\":\"\n\",{inner}"),
            format!("{{,{inner}"),
            format!("[{good}]"),
            inner.to_owned(),
            String::new(),
            " ".to_owned(),
            "[]".to_owned(),
            "\"x\"".to_owned(),
            "null".to_owned(),
            "true".to_owned(),
            "1".to_owned(),
        ]
        .map(String::into_bytes),
    );
    texts
}

fn utf16_of(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn t_jws_08_a_header_that_is_no_json_object_is_refused() {
    for text in not_json(&text_of(good().header_bytes())) {
        let shown = text.escape_ascii().to_string();
        let parts = good().header_text(text).parts();
        let expected = if parts.header_b64.is_empty() {
            InvalidToken::NotCompactJws
        } else {
            InvalidToken::JsonInvalid
        };
        assert_eq!(refused_parts(&parts), expected, "{shown}");
    }
}

#[test]
fn t_jws_08_a_payload_that_is_no_json_object_is_refused() {
    for text in not_json(&text_of(good().payload_bytes())) {
        let shown = text.escape_ascii().to_string();
        let parts = good().payload_text(text).parts();
        let expected = if parts.payload_b64.is_empty() {
            InvalidToken::NotCompactJws
        } else {
            InvalidToken::JsonInvalid
        };
        assert_eq!(refused_parts(&parts), expected, "{shown}");
    }
}

/// The JSON object with one member more in front.
fn prefixed(object: Vec<u8>, member: &str) -> String {
    let object = text_of(object);
    format!("{{{member},{}", object.strip_prefix('{').unwrap())
}

#[test]
fn t_jws_09_duplicate_members_of_the_header_are_refused() {
    for member in [
        r#""alg":"RS256""#,
        r#""alg":"none""#,
        r#""\u0061lg":"RS256""#,
        r#""al\u0067":"none""#,
        r#""kid":"x""#,
        r#""k\u0069d":"x""#,
        r#""typ":"at+jwt""#,
        r#""a":1,"a":1"#,
        r#""a":1,"\u0061":2"#,
        r#""\u0061":1,"\u0061":2"#,
        r#""a":{"b":1,"b":2}"#,
        r#""a":[{"b":1,"\u0062":2}]"#,
    ] {
        let token = good().header_text(prefixed(good().header_bytes(), member));
        assert_eq!(
            refused(&token),
            InvalidToken::JsonDuplicateMember,
            "{member}"
        );
    }
}

#[test]
fn t_jws_09_duplicate_members_of_the_payload_are_refused() {
    for member in [
        r#""aud":"https://api.example""#,
        r#""\u0061ud":"https://api.example""#,
        r#""exp":1"#,
        r#""exp":9999999999"#,
        r#""ex\u0070":1"#,
        r#""iss":"https://auth.example""#,
        r#""iss":"https://other.example""#,
        r#""\u0069\u0073\u0073":"https://other.example""#,
        r#""sub":"admin""#,
        r#""su\u0062":"admin""#,
        r#""a":null,"a":null"#,
        r#""a":{"b":{"c":1,"c":1}}"#,
        r#""a":[0,{"b":1,"c":2,"b":3}]"#,
        r#""\ud83d\ude00":1,"😀":2"#,
        r#""a/b":1,"a\/b":2"#,
        r#""":1,"":2"#,
    ] {
        let token = good().payload_text(prefixed(good().payload_bytes(), member));
        assert_eq!(
            refused(&token),
            InvalidToken::JsonDuplicateMember,
            "{member}"
        );
    }
}

#[test]
fn the_same_name_in_two_objects_is_no_duplicate() {
    for member in [
        r#""a":{"aud":1,"exp":2},"b":{"aud":1,"exp":2}"#,
        r#""a":[{"b":1},{"b":1}]"#,
        r#""a":{"a":{"a":1}}"#,
        r#""a":"b","b":"a""#,
    ] {
        accepted(&good().payload_text(prefixed(good().payload_bytes(), member)));
    }
}

#[test]
fn t_jws_10_names_are_exact() {
    for name in [
        "ISS", "Iss", "EXP", "Exp", "AUD", "Sub", "eXp", " exp", "exp ",
    ] {
        accepted(&good().claim(name, "another"));
    }
    for name in ["ALG", "Alg", "aLG", "KID", "Typ", "CRIT", "Zip", "B64"] {
        accepted(&good().header(name, "none"));
    }
    let iss = good().without_claim("iss").claim("ISS", ISSUER);
    assert_eq!(refused(&iss), InvalidToken::IssMissing);
    let exp = good().without_claim("exp").claim("Exp", 9_999_999_999_u64);
    assert_eq!(refused(&exp), InvalidToken::ExpMissing);
    let aud = good().without_claim("aud").claim("AUD", AUDIENCE);
    assert_eq!(refused(&aud), InvalidToken::AudMissing);
    let alg = good().without_header("alg").header("ALG", "RS256");
    assert_eq!(refused(&alg), InvalidToken::AlgInvalid);
    let kid = good()
        .without_header("kid")
        .header("KID", key().kid().unwrap());
    let second = SigningKey::second(Algorithm::Rs256);
    let keys = keys_of([&key(), &second]);
    let refused = invalid(decide(&kid.sign(), &keys, &policy()));
    assert_eq!(refused, InvalidToken::KidMissing);
}

/// Arrays in an array, this many.
fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn t_jws_11_deep_nesting_is_refused() {
    for levels in [32, 33, 1_000, 5_000] {
        let member = format!("\"a\":{}", nested(levels));
        let token = good().payload_text(prefixed(good().payload_bytes(), &member));
        assert_eq!(refused(&token), InvalidToken::JsonLimits, "{levels}");
        let token = good().payload_text("[".repeat(levels + 1));
        assert_eq!(refused(&token), InvalidToken::JsonLimits, "{levels}");
        let token = good().payload_text("{\"a\":".repeat(levels + 1).into_bytes());
        let reason = refused(&token);
        let too_large = token.sign().len() > limits::TOKEN_BYTES;
        let expected = if too_large {
            InvalidToken::TokenTooLarge
        } else {
            InvalidToken::JsonLimits
        };
        assert_eq!(reason, expected, "{levels}");
    }
    let member = format!("\"a\":{}", nested(100_000));
    let token = good().payload_text(prefixed(good().payload_bytes(), &member));
    assert_eq!(refused(&token), InvalidToken::TokenTooLarge);
}

#[test]
fn t_jws_11_deep_nesting_in_the_header_is_refused() {
    for levels in [32, 33, 1_000] {
        let member = format!("\"a\":{}", nested(levels));
        let token = good().header_text(prefixed(good().header_bytes(), &member));
        assert_eq!(refused(&token), InvalidToken::JsonLimits, "{levels}");
    }
}

#[test]
fn nesting_to_exactly_the_limit_is_accepted() {
    // The object itself is the first level.
    let member = format!("\"a\":{}", nested(limits::JSON_DEPTH - 1));
    accepted(&good().payload_text(prefixed(good().payload_bytes(), &member)));
    accepted(&good().header_text(prefixed(good().header_bytes(), &member)));
    let objects = format!("{}1{}", "{\"a\":".repeat(31), "}".repeat(31));
    let member = format!("\"a\":{objects}");
    accepted(&good().payload_text(prefixed(good().payload_bytes(), &member)));
    let too_deep = format!("\"a\":{{\"a\":{objects}}}");
    let token = good().payload_text(prefixed(good().payload_bytes(), &too_deep));
    assert_eq!(refused(&token), InvalidToken::JsonLimits);
    // Siblings do not add up.
    let siblings = vec![nested(30); 20].join(",");
    let member = format!("\"a\":[{siblings}]");
    accepted(&good().payload_text(prefixed(good().payload_bytes(), &member)));
}

/// So many members, without a comma at the end.
fn members(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|index| format!("\"m{index}\":0")).collect();
    members.join(",")
}

/// No token has more members than the parser allows: its bytes end first.
#[test]
fn t_jws_11_too_many_members_are_refused() {
    for count in [1_500, limits::JSON_MEMBERS, 20_000] {
        let token = good().payload_text(prefixed(good().payload_bytes(), &members(count)));
        assert_eq!(refused(&token), InvalidToken::TokenTooLarge, "{count}");
    }
    let token = good().header_text(prefixed(good().header_bytes(), &members(1_000)));
    assert_eq!(refused(&token), InvalidToken::TokenTooLarge);
}

#[test]
fn as_many_members_as_fit_are_accepted() {
    for count in [256, 257, 1_000] {
        accepted(&good().payload_text(prefixed(good().payload_bytes(), &members(count))));
    }
    accepted(&good().header_text(prefixed(good().header_bytes(), &members(300))));
    // Objects in one another, as Keycloak lists the roles of clients.
    let clients: Vec<String> = (0..130)
        .map(|index| format!("\"client-{index}\":{{\"roles\":[\"manage-account\"]}}"))
        .collect();
    let access = format!("\"resource_access\":{{{}}}", clients.join(","));
    accepted(&good().payload_text(prefixed(good().payload_bytes(), &access)));
}

#[test]
fn t_jws_10_a_duplicate_among_many_members_is_refused() {
    for (count, twice) in [
        (300, "m0"),
        (1_000, "m500"),
        (1_000, "m999"),
        (1_000, "\\u006d7"),
    ] {
        let both = format!("{},\"{twice}\":0", members(count));
        let token = good().payload_text(prefixed(good().payload_bytes(), &both));
        assert_eq!(
            refused(&token),
            InvalidToken::JsonDuplicateMember,
            "{twice}"
        );
    }
}

#[test]
fn t_jws_16_alg_that_is_no_string_is_refused() {
    assert_eq!(
        refused(&good().without_header("alg")),
        InvalidToken::AlgInvalid
    );
    for alg in [
        json!(256),
        json!(["RS256"]),
        json!(null),
        json!(true),
        json!({"RS256": 1}),
    ] {
        let token = good().header("alg", alg.clone());
        assert_eq!(refused(&token), InvalidToken::AlgInvalid, "{alg}");
    }
}

#[test]
fn t_jws_16_an_unknown_alg_is_refused() {
    for alg in [
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\0",
        "RS 256",
        "RS-256",
        "RS128",
        "ES521",
        "ES256K",
        "Ed448",
        "eddsa",
        "EDDSA",
        "ed25519",
        "HS128",
        "A128KW",
        "dir",
        "RSA1_5",
        "",
        "\u{ff32}S256",
        "ML-DSA-45",
    ] {
        let token = good().header("alg", alg);
        assert_eq!(refused(&token), InvalidToken::AlgNotAllowed, "{alg}");
    }
}

#[test]
fn t_jws_24_crit_is_refused() {
    for crit in [
        json!(["http://example.com/UNDEFINED"]),
        json!([]),
        json!("exp"),
        json!(null),
        json!(["alg"]),
        json!(["absent"]),
        json!(["b64"]),
        json!(["kid", "kid"]),
        json!({}),
        json!(1),
        json!(false),
    ] {
        let token = good().header("crit", crit.clone());
        assert_eq!(refused(&token), InvalidToken::CritUnsupported, "{crit}");
        let named = token.header("http://example.com/UNDEFINED", true);
        assert_eq!(refused(&named), InvalidToken::CritUnsupported, "{crit}");
    }
    let b64 = good().header("crit", json!(["b64"])).header("b64", false);
    assert_eq!(refused(&b64), InvalidToken::CritUnsupported);
    let b64 = good().header("crit", json!(["b64"])).header("b64", true);
    assert_eq!(refused(&b64), InvalidToken::CritUnsupported);
}

#[test]
fn t_jws_25_b64_is_refused() {
    for b64 in [json!(false), json!(true), json!(null), json!("false")] {
        let token = good().header("b64", b64.clone());
        assert_eq!(refused(&token), InvalidToken::B64Unsupported, "{b64}");
    }
    // A raw payload whose bytes are base64url as well: two readers would see two payloads.
    let mut parts = good().header("b64", false).parts();
    parts.payload_b64 = "eyJhIjoxfQ".to_owned();
    assert_eq!(
        refused_parts(&signed_again(parts)),
        InvalidToken::B64Unsupported
    );
    let mut parts = good().header("b64", false).parts();
    parts.payload_b64 = "raw0".to_owned();
    assert_eq!(
        refused_parts(&signed_again(parts)),
        InvalidToken::B64Unsupported
    );
    // A raw payload of other bytes is no base64url, which is checked first.
    let mut parts = good().header("b64", false).parts();
    parts.payload_b64 = text_of(good().without_claim("iss").payload_bytes()).replace('.', "");
    let text = signed_again(parts).encode();
    assert_eq!(unparsed(text), InvalidToken::Base64NotCanonical);
}

#[test]
fn t_jws_26_keys_in_the_header_are_not_used() {
    let attacker = SigningKey::second(Algorithm::Rs256);
    let chain = json!([base64_simd::STANDARD.encode_to_string(attacker.public_key_der().unwrap())]);
    let kid = key().kid().unwrap().to_owned();
    for (name, value) in [("jwk", attacker.public_jwk()), ("x5c", chain)] {
        let injected = good().key(attacker.clone()).header(name, value);
        let with_ours = injected.clone().header("kid", &*kid);
        assert_eq!(
            refused(&with_ours),
            InvalidToken::SignatureInvalid,
            "{name}"
        );
        let without_kid = injected.clone().without_header("kid");
        assert_eq!(
            refused(&without_kid),
            InvalidToken::SignatureInvalid,
            "{name}"
        );
        assert_eq!(refused(&injected), InvalidToken::KidUnknown, "{name}");
    }
}

#[test]
fn t_jws_27_urls_in_the_header_are_not_used() {
    let attacker = SigningKey::second(Algorithm::Rs256);
    let kid = key().kid().unwrap().to_owned();
    for name in ["jku", "x5u"] {
        for url in [
            "https://attacker.example/jwks",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost/jwks",
            "file:///etc/passwd",
        ] {
            let injected = good().key(attacker.clone()).header(name, url);
            let with_ours = injected.clone().header("kid", &*kid);
            assert_eq!(refused(&with_ours), InvalidToken::SignatureInvalid, "{url}");
            let without_kid = injected.clone().without_header("kid");
            assert_eq!(
                refused(&without_kid),
                InvalidToken::SignatureInvalid,
                "{url}"
            );
            assert_eq!(refused(&injected), InvalidToken::KidUnknown, "{url}");
        }
    }
}

#[test]
fn t_jws_28_kid_is_a_map_key_and_nothing_else() {
    for kid in [
        "../../dev/null",
        "../../../../../../etc/passwd",
        "x' UNION SELECT 'secret' --",
        "__proto__",
        "constructor",
        "https://attacker.example/key",
        "file:///dev/null",
        "*",
        "%",
        "\0",
        "\u{1F600}",
        "0",
    ] {
        let token = good().header("kid", kid);
        assert_eq!(refused(&token), InvalidToken::KidUnknown, "{kid}");
    }
    let almost = format!("{} ", key().kid().unwrap());
    assert_eq!(
        refused(&good().header("kid", almost)),
        InvalidToken::KidUnknown
    );
    let upper = key().kid().unwrap().to_uppercase();
    assert_eq!(
        refused(&good().header("kid", upper)),
        InvalidToken::KidUnknown
    );
}

#[test]
fn t_jws_28_kid_of_another_type_or_length_is_refused() {
    for kid in [
        json!(1),
        json!({}),
        json!([key().kid().unwrap()]),
        json!(true),
        json!("x".repeat(257)),
        json!("\u{e9}".repeat(129)),
        json!("x".repeat(2_000)),
    ] {
        let token = good().header("kid", kid.clone());
        assert_eq!(refused(&token), InvalidToken::KidInvalid, "{kid}");
    }
}

/// `null` is absent: here the one key that fits is found without a name.
#[test]
fn a_kid_that_is_null_is_absent() {
    accepted(&good().header("kid", json!(null)));
    let keys = keys_of([&key(), &SigningKey::second(Algorithm::Rs256)]);
    let token = good().header("kid", json!(null)).sign();
    let reason = invalid(decide(&token, &keys, &policy()));
    assert_eq!(reason, InvalidToken::KidMissing);
    for present in [json!(null), json!([]), json!("exp")] {
        let token = good().header("crit", present);
        assert_eq!(refused(&token), InvalidToken::CritUnsupported);
    }
}

#[test]
fn an_empty_kid_is_a_name_like_any_other() {
    let key = key().with_kid("");
    let keys = keys_of([&key, &SigningKey::second(Algorithm::Rs256)]);
    decide(&good().key(key).sign(), &keys, &policy()).unwrap();
    assert_eq!(refused(&good().header("kid", "")), InvalidToken::KidUnknown);
}

#[test]
fn a_kid_of_exactly_the_limit_is_accepted() {
    for kid in [
        "x".repeat(limits::KID_BYTES),
        "\u{e9}".repeat(128),
        "x".to_owned(),
    ] {
        let key = key().with_kid(&*kid);
        let token = good().key(key.clone()).sign();
        decide(&token, &keys_of([&key]), &policy()).unwrap();
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        assert_eq!(jws.header().kid(), Some(&*kid));
        assert_eq!(
            refused(&good().header("kid", kid)),
            InvalidToken::KidUnknown
        );
    }
}

#[test]
fn t_jws_29_without_kid_several_fitting_keys_are_not_tried() {
    let second = SigningKey::second(Algorithm::Rs256);
    let keys = keys_of([&key(), &second]);
    for signer in [key(), second] {
        let token = good().key(signer.clone()).without_header("kid").sign();
        let refused = invalid(decide(&token, &keys, &policy()));
        assert_eq!(refused, InvalidToken::KidMissing);
        let named = good().key(signer).sign();
        decide(&named, &keys, &policy()).unwrap();
    }
}

#[test]
fn t_jws_30_other_kinds_of_token_are_refused() {
    for typ in [
        "JWT",
        "jwt",
        "application/jwt",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "application/logout+jwt",
        "LOGOUT+JWT",
        "JOSE",
        "",
        "at",
        "at+jwt ",
        " at+jwt",
        "at+jwt+x",
        "xat+jwt",
        "application/application/at+jwt",
        "/at+jwt",
        "text/at+jwt",
        "at+jwt; charset=utf-8",
        "at jwt",
        "\u{ff41}t+jwt",
    ] {
        let token = good().header("typ", typ);
        assert_eq!(refused(&token), InvalidToken::TypNotAccepted, "{typ}");
    }
    assert_eq!(
        refused(&good().without_header("typ")),
        InvalidToken::TypNotAccepted
    );
    for typ in [
        json!(5),
        json!(null),
        json!(["at+jwt"]),
        json!({}),
        json!(true),
    ] {
        let token = good().header("typ", typ.clone());
        assert_eq!(refused(&token), InvalidToken::TypNotAccepted, "{typ}");
    }
    let id_token = Token::id_token(ISSUER, AUDIENCE, NOW);
    assert_eq!(refused(&id_token), InvalidToken::TypNotAccepted);
}

#[test]
fn t_jws_30_the_legacy_switch_does_not_admit_other_kinds() {
    for profile in Profile::ALL {
        let policy = settings().profile(*profile).build().unwrap();
        for typ in [
            json!("logout+jwt"),
            json!("dpop+jwt"),
            json!("secevent+jwt"),
            json!("dpop"),
            json!("ID"),
            json!("id_token"),
            json!("logout"),
            json!("logout_token"),
            json!("refresh"),
            json!("refresh_token"),
            json!("secevent"),
            json!(5),
        ] {
            let token = good().header("typ", typ.clone());
            let reason = refused_by(&policy, &token);
            assert_eq!(reason, InvalidToken::TypNotAccepted, "{profile} {typ}");
        }
    }
}

#[test]
fn a_jws_02_typ_jwt_or_none_under_the_legacy_switch() {
    let generic = settings().profile(Profile::Generic).build().unwrap();
    for typ in ["JWT", "jwt", "application/jwt", "at+jwt", "JOSE", "at"] {
        accepted_by(&generic, &good().header("typ", typ));
    }
    accepted_by(&generic, &good().without_header("typ"));
}

#[test]
fn a_jws_01_every_spelling_of_typ() {
    for typ in [
        "at+jwt",
        "AT+JWT",
        "At+Jwt",
        "application/at+jwt",
        "Application/AT+JWT",
        "APPLICATION/at+jwt",
    ] {
        accepted(&good().header("typ", typ));
    }
}

#[test]
fn a_jws_03_members_that_are_not_used_do_no_harm() {
    let attacker = SigningKey::second(Algorithm::Rs256);
    accepted(
        &good()
            .header("x5t", "dGhlIHRodW1icHJpbnQ")
            .header("x5t#S256", "dGhlIHRodW1icHJpbnQ")
            .header("x5c", json!(["MIIB", 5, null]))
            .header("x5u", "https://attacker.example/")
            .header("jku", "https://attacker.example/")
            .header("jwk", attacker.public_jwk())
            .header("cty", "JWT")
            .header("nonce", "abc")
            .header("http://example.com/unknown", json!({"a": [1, 2.5, null]})),
    );
}

#[test]
fn a_jws_04_without_kid_the_one_fitting_key_is_used() {
    accepted(&good().without_header("kid"));
    let other = SigningKey::first(Algorithm::Es256);
    let keys = keys_of([&key(), &other]);
    for signer in [key(), other] {
        let token = good().key(signer).without_header("kid").sign();
        decide(&token, &keys, &policy()).unwrap();
    }
}

#[test]
fn a_jws_06_every_way_to_write_json() {
    let header = format!(
        " \t\r\n{{ \"kid\" :\t\"{}\" ,\n\"typ\": \"at\\u002bjwt\",\"\\u0061lg\":\"RS\\u003256\" }} \n",
        key().kid().unwrap()
    );
    let payload = r#"
    { "jti" : "\u0026\u003c\u003e\/\"\\" , "client_id":"c\u00fc",
      "iat":1700000000,"exp":1.7000018E9,"sub":"\ud83d\ude00 ü \u0000",
      "iss":"https:\/\/auth.example", "scope":"caf\u00e9 b\u0026c",
      "aud":[ "https://other.example" ,"https:\u002f\u002fapi.example"] }
"#;
    let principal = accepted(&good().header_text(header).payload_text(payload));
    assert_eq!(principal.subject(), "\u{1F600} \u{fc} \0");
    assert_eq!(principal.client_id(), Some("c\u{fc}"));
    assert_eq!(principal.issuer(), ISSUER);
    let scopes: Vec<_> = principal.scopes().collect();
    assert_eq!(scopes, ["caf\u{e9}", "b&c"]);
    let jti = principal.claim(&"jti".into()).unwrap();
    assert_eq!(jti.as_str().unwrap(), "&<>/\"\\");
}

#[test]
fn a_header_is_read_once_and_kept() {
    let token = good().sign();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    assert_eq!(jws.header().algorithm(), Algorithm::Rs256);
    assert_eq!(jws.header().kid(), key().kid());
    assert_eq!(jws.header().typ(), Typ::AtJwt);
    assert_eq!(jws.unverified_issuer().unwrap(), ISSUER);
    let verified = verified(&good());
    assert_eq!(verified.header().algorithm(), Algorithm::Rs256);
    assert_eq!(verified.header().kid(), key().kid());
    assert_eq!(verified.header().typ(), Typ::AtJwt);
    let token = good().without_header("kid").without_header("typ").sign();
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    assert_eq!(jws.header().kid(), None);
    assert_eq!(jws.header().typ(), Typ::Absent);
}

#[test]
fn typ_is_told_apart() {
    for (typ, expected) in [
        ("at+jwt", Typ::AtJwt),
        ("application/at+jwt", Typ::AtJwt),
        ("JWT", Typ::Jwt),
        ("application/JWT", Typ::Jwt),
        ("application/okta-internal-at+jwt", Typ::OktaInternalAtJwt),
        ("okta-internal-at+jwt", Typ::OktaInternalAtJwt),
        ("dpop+jwt", Typ::OtherKind),
        ("anything+json", Typ::OtherKind),
        ("dpop", Typ::OtherKind),
        ("id", Typ::OtherKind),
        ("ID", Typ::OtherKind),
        ("id_token", Typ::OtherKind),
        ("logout", Typ::OtherKind),
        ("logout_token", Typ::OtherKind),
        ("Refresh", Typ::OtherKind),
        ("refresh_token", Typ::OtherKind),
        ("application/secevent", Typ::OtherKind),
        ("JOSE", Typ::Jose),
        ("application/jose", Typ::Jose),
        ("jose2", Typ::Unregistered),
        ("idx", Typ::Unregistered),
        ("Bearer", Typ::Unregistered),
        ("", Typ::Unregistered),
    ] {
        let token = good().header("typ", typ).sign();
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        assert_eq!(jws.header().typ(), expected, "{typ}");
    }
}

/// The order of the checks: of two things wrong, the earlier gives the reason.
#[test]
fn the_first_check_that_fails_gives_the_reason() {
    let spoilt = good()
        .claim("exp", 0)
        .claim("aud", "another")
        .key(SigningKey::second(Algorithm::Rs256));
    assert_eq!(refused(&spoilt), InvalidToken::KidUnknown);
    let spoilt = spoilt.header("typ", "JWT");
    assert_eq!(refused(&spoilt), InvalidToken::TypNotAccepted);
    let spoilt = spoilt.header("alg", "HS256");
    assert_eq!(refused(&spoilt), InvalidToken::AlgNotAllowed);
    let spoilt = spoilt.claim("iss", "https://other.example");
    assert_eq!(refused(&spoilt), InvalidToken::IssuerUnknown);
    let spoilt = spoilt.payload_text(r#"{"iss":1,"iss":1}"#);
    assert_eq!(refused(&spoilt), InvalidToken::JsonDuplicateMember);
    let spoilt = spoilt.header("typ", 5);
    assert_eq!(refused(&spoilt), InvalidToken::TypNotAccepted);
    let spoilt = spoilt.header("kid", 5);
    assert_eq!(refused(&spoilt), InvalidToken::KidInvalid);
    let spoilt = spoilt.header("zip", "DEF");
    assert_eq!(refused(&spoilt), InvalidToken::HeaderZip);
    let spoilt = spoilt.header("b64", false);
    assert_eq!(refused(&spoilt), InvalidToken::B64Unsupported);
    let spoilt = spoilt.header("crit", json!([]));
    assert_eq!(refused(&spoilt), InvalidToken::CritUnsupported);
    let spoilt = spoilt.header("alg", "none");
    assert_eq!(refused(&spoilt), InvalidToken::AlgNotAllowed);
    let spoilt = spoilt.header("alg", 5);
    assert_eq!(refused(&spoilt), InvalidToken::AlgInvalid);
    let spoilt = spoilt.header_text(r#"{"alg":5"#);
    assert_eq!(refused(&spoilt), InvalidToken::JsonInvalid);
    let mut parts = spoilt.parts();
    parts.payload_b64.push('=');
    assert_eq!(refused_parts(&parts), InvalidToken::Base64NotCanonical);
    let spoilt = format!("{}.x", parts.encode());
    assert_eq!(
        invalid(decide(&spoilt, &keys(), &policy())),
        InvalidToken::NotCompactJws
    );
    let spoilt = format!("{spoilt}{}", "x".repeat(16_384));
    assert_eq!(
        invalid(decide(&spoilt, &keys(), &policy())),
        InvalidToken::TokenTooLarge
    );
    let refused = decide(&format!("{spoilt},"), &keys(), &policy()).unwrap_err();
    assert_eq!(refused.reason(), "malformed_credentials");
    assert!(matches!(refused, Rejection::InvalidRequest(_)));
}
