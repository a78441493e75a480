//! Identity fields: what they say, what they refuse to say, and what is stripped (THREATS table 7).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bearward_core::{ClaimPath, Principal, PrincipalKind, Profile};
use bearward_gate::identity::{
    ClaimSource, Encoding, Identity, IdentityBuildError, IdentityBuilder, IdentityError,
    IdentityFields, Preset, Token as Credentials, Underscores,
};
use bearward_gate::misleading::{self, Sender};
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW};
use bearward_testing::{Token, token};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::fixture::Known;

// --- the preset authgear ---

#[test]
fn the_preset_authgear_says_what_the_resolver_says() {
    let Some(vectors) = resolver_vectors() else {
        return;
    };
    let by_case = |name: &str| {
        let all = vectors["vectors"].as_array().unwrap();
        let found = all.iter().find(|vector| vector["case"] == name);
        let headers = found.unwrap()["headers"].as_object().unwrap();
        let field = |(name, value): (&String, &Value)| {
            (
                name.to_ascii_lowercase(),
                value.as_str().unwrap().to_owned(),
            )
        };
        let mut fields: Vec<_> = headers.iter().map(field).collect();
        fields.sort();
        fields
    };
    let resolver_user = || {
        user()
            .claim("sub", "user-id")
            .claim("amr", json!([]))
            .without_claim("auth_time")
    };
    let anonymous = resolver_user()
        .claim(token::IS_ANONYMOUS, true)
        .claim(token::IS_VERIFIED, false)
        .claim(token::CAN_REAUTHENTICATE, false);
    let all = user()
        .claim("sub", "user-id")
        .claim(token::IS_ANONYMOUS, true)
        .claim(token::ROLES, json!(["role"]))
        .claim("amr", json!(["pwd", "mfa", "otp"]))
        .claim("auth_time", 1_136_171_045);
    for (case, token) in [
        ("valid, normal user", resolver_user()),
        ("valid, anonymous user", anonymous),
        ("all headers", all),
    ] {
        assert_eq!(told(&authgear(), &token), by_case(case), "{case}");
    }
    assert_eq!(set(&authgear().of(None).unwrap()), by_case("no session"));
}

/// Nothing else reads it, and some readers see another domain in an address with several `@`.
#[test]
fn t_clm_13_an_email_identifies_only_as_one_address() {
    for encoding in [
        Encoding::Plain,
        Encoding::Percent,
        Encoding::Json,
        Encoding::Comma,
    ] {
        let email =
            Identity::builder().field("X-Email", ClaimSource::Claim("email".into()), encoding);
        let email = email.build().unwrap();
        for good in ["a@example.com", "postmaster"] {
            let fields = email
                .of(Some(&principal(&user().claim("email", good))))
                .unwrap();
            assert_eq!(fields.set.len(), 1, "{good}");
        }
        for odd in [
            json!("a@b@c.example"),
            json!(["a@example.com"]),
            json!({ "work": "a@example.com" }),
            json!(1),
        ] {
            let principal = principal(&user().claim("email", odd.clone()));
            let refused = email.of(Some(&principal)).unwrap_err();
            assert_eq!(refused, IdentityError::NotHeaderSafe, "{odd}");
            // Without the field, nobody reads it.
            authgear().of(Some(&principal)).unwrap();
        }
        let absent = principal(&user().claim("email", json!(null)));
        assert!(email.of(Some(&absent)).unwrap().set.is_empty());
    }
}

#[test]
fn the_preset_authgear_byte_for_byte() {
    let token = user()
        .claim(token::ROLES, json!(["admin", "editor"]))
        .claim("amr", json!(["pwd", "mfa"]));
    let wanted = [
        ("x-authgear-session-amr", "pwd mfa"),
        ("x-authgear-session-authenticated-at", "1700000000"),
        ("x-authgear-session-valid", "true"),
        ("x-authgear-user-anonymous", "false"),
        ("x-authgear-user-can-reauthenticate", "true"),
        ("x-authgear-user-id", token::SUBJECT),
        ("x-authgear-user-roles", "admin,editor"),
        ("x-authgear-user-verified", "true"),
    ];
    assert_eq!(told(&authgear(), &token), owned(&wanted));
    let fields = authgear().of(Some(&principal(&token))).unwrap();
    let removed: Vec<_> = fields.remove.iter().map(HeaderName::as_str).collect();
    let credentials = ["authorization", "x-id-token"];
    assert_eq!(
        removed,
        [
            ["x-bearward-client-id", "x-authgear-session-acr"],
            credentials
        ]
        .concat()
    );
}

#[test]
fn roles_are_absent_and_methods_empty_where_there_are_none() {
    for token in [
        user()
            .claim(token::ROLES, json!([]))
            .claim("amr", json!([])),
        user().without_claim(token::ROLES).without_claim("amr"),
        user()
            .claim(token::ROLES, Value::Null)
            .claim("amr", Value::Null),
    ] {
        let told = told(&authgear(), &token);
        assert_eq!(value(&told, "x-authgear-user-roles"), None);
        assert_eq!(value(&told, "x-authgear-session-amr"), Some(""));
    }
}

#[test]
fn who_never_authenticated_did_so_at_no_time() {
    for auth_time in [json!(0), json!(-62_135_596_800_i64)] {
        let told = told(&authgear(), &user().claim("auth_time", auth_time));
        assert_eq!(value(&told, "x-authgear-session-authenticated-at"), None);
    }
}

/// The resolver knows users alone, and this may be none.
#[test]
fn t_clm_21_of_an_unknown_kind_the_preset_authgear_says_nothing() {
    let either = user().claim("sub", format!("{}@clients", token::CLIENT_ID));
    let principal = principal(&either);
    assert_eq!(principal.kind(), PrincipalKind::Unknown);
    let fields = authgear().of(Some(&principal)).unwrap();
    assert_eq!(set(&fields), owned(&[]));
    let nobody = authgear().of(None).unwrap();
    assert_eq!(fields.remove, nobody.remove);
}

#[test]
fn a_machine_is_named_by_its_client_alone() {
    let machine = Token::machine(ISSUER, AUDIENCE, NOW);
    let wanted = [("x-bearward-client-id", token::MACHINE_CLIENT_ID)];
    assert_eq!(told(&authgear(), &machine), owned(&wanted));
    let fields = authgear().of(Some(&principal(&machine))).unwrap();
    let removed = fields
        .remove
        .iter()
        .filter(|name| name.as_str().starts_with("x-authgear-"));
    assert_eq!(removed.count(), 9);
}

#[test]
fn a_hdr_02_a_missing_flag_is_removed_and_one_of_another_type_refused() {
    let told = told(&authgear(), &user().without_claim(token::IS_VERIFIED));
    assert_eq!(value(&told, "x-authgear-user-verified"), None);
    for spoilt in [
        user().claim(token::IS_ANONYMOUS, "false"),
        user().claim(token::IS_VERIFIED, 1),
        user().claim(token::ROLES, "admin"),
        user().claim(token::ROLES, json!([["admin"]])),
        user().claim("amr", json!({"pwd": true})),
        user().claim("sub", "user\u{e9}"),
        user().claim(token::ROLES, json!(["a,admin"])),
        user().claim("amr", json!(["pwd mfa"])),
    ] {
        let refused = authgear().of(Some(&principal(&spoilt)));
        assert_eq!(
            refused.unwrap_err(),
            IdentityError::NotHeaderSafe,
            "{:?}",
            spoilt.claims()
        );
    }
}

#[test]
fn t_hdr_03_every_name_of_the_preset_is_told() {
    let authgear = authgear();
    let names: Vec<_> = authgear.names().map(HeaderName::as_str).collect();
    assert_eq!(
        names,
        [
            "x-authgear-session-valid",
            "x-authgear-user-id",
            "x-authgear-user-anonymous",
            "x-authgear-user-verified",
            "x-authgear-user-can-reauthenticate",
            "x-authgear-user-roles",
            "x-authgear-session-amr",
            "x-authgear-session-authenticated-at",
            "x-bearward-client-id",
            "x-authgear-session-acr",
        ]
    );
}

// --- the preset bearward ---

#[test]
fn the_preset_bearward() {
    let identity = Identity::builder()
        .preset(Preset::Bearward)
        .build()
        .unwrap();
    let wanted = [
        ("x-bearward-auth-time", "1700000000"),
        ("x-bearward-client-id", token::CLIENT_ID),
        ("x-bearward-expires-at", "1700001800"),
        ("x-bearward-issuer", ISSUER),
        ("x-bearward-kind", "user"),
        ("x-bearward-scope", "openid profile"),
        ("x-bearward-subject", token::SUBJECT),
    ];
    assert_eq!(told(&identity, &user()), owned(&wanted));
    let machine = told(&identity, &Token::machine(ISSUER, AUDIENCE, NOW));
    assert_eq!(value(&machine, "x-bearward-kind"), Some("machine"));
    assert_eq!(value(&machine, "x-bearward-auth-time"), None);
    let either = user().claim("sub", format!("{}@clients", token::CLIENT_ID));
    let either = told(&identity, &either);
    assert_eq!(value(&either, "x-bearward-kind"), Some("unknown"));
    let bare = told(&identity, &user().without_claim("scope"));
    assert_eq!(value(&bare, "x-bearward-scope"), None);
}

#[test]
fn t_err_01_claims_are_not_shown() {
    let fields = authgear().of(Some(&principal(&user()))).unwrap();
    let shown = format!("{fields:?}");
    assert!(shown.contains("x-authgear-user-id"), "{shown}");
    assert!(!shown.contains(token::SUBJECT), "{shown}");
}

// --- claims and encodings ---

#[test]
fn t_clm_15_numbers_keep_their_digits() {
    let digits = "9007199254740993";
    for encoding in [
        Encoding::Plain,
        Encoding::Json,
        Encoding::Comma,
        Encoding::Percent,
    ] {
        let claim: Value = serde_json::from_str(digits).unwrap();
        assert_eq!(encoded(claim, encoding).unwrap().as_deref(), Some(digits));
    }
    let listed = serde_json::from_str(&format!("[{digits}, 1]")).unwrap();
    let listed = encoded(listed, Encoding::Json).unwrap();
    assert_eq!(listed.as_deref(), Some("[9007199254740993,1]"));
    // Nor is a number written otherwise than the issuer wrote it.
    let text = String::from_utf8(user().payload_bytes()).unwrap();
    let text = text.replacen('{', "{\"told\": 123456789012345678901234567890.10e1,", 1);
    let token = user().payload_text(text);
    let told = told(&field("told", Encoding::Plain), &token);
    assert_eq!(
        value(&told, "x-told"),
        Some("123456789012345678901234567890.10e1")
    );
}

#[test]
fn t_hdr_05_what_cannot_stand_in_a_field_is_refused() {
    for claim in [
        "a\r\nX-Admin: true",
        "a\rb",
        "a\nb",
        "a\0b",
        "a\tb",
        "\u{1b}[0m",
        "a\u{7f}",
        "Zoë\n",
        "\u{1b}名",
        "\u{85}",
        " a",
        "a ",
        " ",
    ] {
        for encoding in [Encoding::Plain, Encoding::Comma] {
            let refused = encoded(json!(claim), encoding);
            assert_eq!(refused, Err(IdentityError::NotHeaderSafe), "{claim:?}");
        }
    }
    for claim in [json!(["a"]), json!({"a": 1})] {
        for encoding in [Encoding::Plain, Encoding::Percent, Encoding::Base64Url] {
            let refused = encoded(claim.clone(), encoding);
            assert_eq!(
                refused,
                Err(IdentityError::NotHeaderSafe),
                "{claim} {encoding:?}"
            );
        }
    }
}

#[test]
fn a_hdr_03_what_is_not_ascii_is_left_out_of_a_plain_field() {
    for claim in [
        json!("Zoë"),
        json!("名"),
        json!("Jürgen 日本"),
        json!(" é "),
        json!("\u{202e}x"),
        json!("\u{2028}"),
    ] {
        for encoding in [Encoding::Plain, Encoding::Comma] {
            assert_left_out(&claim, encoding);
        }
    }
    // Half a list would be another one.
    assert_left_out(&json!(["admin", "Vertrieb Süd"]), Encoding::Comma);
    assert_left_out(&json!(["admin", "ventes-é"]), Encoding::Space);
    // A separator is refused, whatever stands next to it.
    for claim in [json!(["é", "a,admin"]), json!(["é,admin"])] {
        let refused = encoded(claim, Encoding::Comma);
        assert_eq!(refused, Err(IdentityError::NotHeaderSafe));
    }
}

#[track_caller]
fn assert_left_out(claim: &Value, encoding: Encoding) {
    let principal = principal(&user().claim("told", claim.clone()));
    let fields = field("told", encoding).of(Some(&principal)).unwrap();
    assert_eq!(set(&fields), [], "{claim}");
    assert_eq!(fields.left_out, ["x-told"], "{claim}");
    assert!(fields.remove.contains(&fields.left_out[0]), "{claim}");
    // It is remembered as such.
    let again = field("told", encoding).of(Some(&principal)).unwrap();
    assert_eq!(again.left_out, fields.left_out, "{claim}");
}

/// The table of the manual: each encoding, and what it makes of the claims in the heads of the columns.
#[test]
fn the_manual_shows_how_claims_arrive() {
    let manual = include_str!("../../../docs/gateway.md");
    let (_, table) = manual.split_once("| `encoding` |").unwrap();
    let mut lines = table.lines();
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches(['|', ' ']).split(" | ");
        cells
            .map(|cell| cell.trim_matches('`').to_owned())
            .collect()
    };
    let claims = cells(lines.next().unwrap());
    assert_eq!(claims.len(), 3);
    let claims = claims.iter().map(|claim| {
        let list = serde_json::from_str(claim).ok();
        list.unwrap_or_else(|| json!(claim))
    });
    let claims: Vec<Value> = claims.collect();
    let rows: Vec<_> = lines
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(cells)
        .collect();
    let names: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(
        names,
        ["plain", "percent", "base64url", "json", "comma", "space"]
    );
    let encodings = [
        Encoding::Plain,
        Encoding::Percent,
        Encoding::Base64Url,
        Encoding::Json,
        Encoding::Comma,
        Encoding::Space,
    ];
    for (encoding, row) in encodings.into_iter().zip(&rows) {
        for (claim, cell) in claims.iter().zip(&row[1..]) {
            let said = match encoded(claim.clone(), encoding) {
                Ok(Some(text)) => text,
                Ok(None) => "left out".to_owned(),
                Err(error) => {
                    assert_eq!(error, IdentityError::NotHeaderSafe);
                    "refused".to_owned()
                }
            };
            assert_eq!(said, *cell, "{encoding:?} {claim}");
        }
    }
}

#[test]
fn a_hdr_03_only_the_field_that_cannot_be_written_is_left_out() {
    let identity = own()
        .field("X-Name", ClaimSource::Claim("name".into()), Encoding::Plain)
        .field("X-Plan", ClaimSource::Claim("plan".into()), Encoding::Plain)
        .build()
        .unwrap();
    let token = user().claim("name", "日本 太郎").claim("plan", "gold");
    let fields = identity.of(Some(&principal(&token))).unwrap();
    let wanted = [("x-auth-user", token::SUBJECT), ("x-plan", "gold")];
    assert_eq!(set(&fields), owned(&wanted));
    assert_eq!(fields.left_out, ["x-name"]);
    let absent = identity.of(Some(&principal(&user()))).unwrap();
    assert!(absent.left_out.is_empty());
    assert!(absent.remove.iter().any(|name| name == "x-name"));
}

/// An application that reads an absent field as an empty text would take all of them for one user.
#[test]
fn t_hdr_05_who_sent_the_request_is_never_left_out() {
    let plain = |source| Identity::builder().field("X-Who", source, Encoding::Plain);
    let path = |name: &str| ClaimSource::Claim(name.into());
    let of_subject = [ClaimSource::Subject, path("sub")];
    let of_client = [ClaimSource::ClientId, path("client_id")];
    let presets = [Preset::Authgear, Preset::Bearward];
    let presets = presets.map(|preset| Identity::builder().preset(preset));
    let by_subject = of_subject.map(plain).into_iter().chain(presets.clone());
    let by_client = of_client.map(plain).into_iter();
    let machine = Token::machine(ISSUER, AUDIENCE, NOW)
        .claim("client_id", "m\u{e9}")
        .claim("sub", "client_id_m\u{e9}");
    for (identity, token) in by_subject
        .map(|identity| (identity, user().claim("sub", "Zoë")))
        .chain(by_client.map(|identity| (identity, user().claim("client_id", "é"))))
        .chain(presets.map(|identity| (identity, machine.clone())))
    {
        let refused = identity.build().unwrap().of(Some(&principal(&token)));
        assert_eq!(refused.unwrap_err(), IdentityError::NotHeaderSafe);
    }
    // A member of another claim is none of these.
    let nested = ClaimSource::Claim(ClaimPath::new(["act", "sub"]));
    let nested = plain(nested).build().unwrap();
    let token = user().claim("act", json!({ "sub": "Zoë" }));
    let fields = nested.of(Some(&principal(&token))).unwrap();
    assert_eq!(fields.left_out, ["x-who"]);
}

#[test]
fn a_hdr_03_the_subject_of_a_preset_may_be_encoded() {
    for (preset, name) in [
        (Preset::Authgear, "x-authgear-user-id"),
        (Preset::Bearward, "x-bearward-subject"),
    ] {
        let identity = Identity::builder()
            .preset(preset)
            .subject_encoding(Encoding::Percent);
        let identity = identity.build().unwrap();
        for (subject, wanted) in [
            ("Zoë", "Zo%C3%AB"),
            // What looks encoded is another subject.
            ("Zo%C3%AB", "Zo%25C3%25AB"),
            (token::SUBJECT, token::SUBJECT),
        ] {
            let told = told(&identity, &user().claim("sub", subject));
            assert_eq!(value(&told, name), Some(wanted));
        }
    }
}

#[test]
fn t_hdr_05_what_other_encodings_make_of_it() {
    let nasty = "a\r\nb: ë\0";
    for (encoding, wanted) in [
        (Encoding::Percent, "a%0D%0Ab%3A%20%C3%AB%00"),
        (Encoding::Base64Url, "YQ0KYjogw6sA"),
        (Encoding::Json, r#""a\u000d\u000ab: \u00eb\u0000""#),
    ] {
        assert_eq!(
            encoded(json!(nasty), encoding).unwrap().as_deref(),
            Some(wanted)
        );
    }
    // White space between the tokens of JSON may be line breaks.
    let text = String::from_utf8(user().payload_bytes()).unwrap();
    let text = text.replacen('{', "{\"told\": {\r\n \"a\" :\t[ 1 ,\n null ] },", 1);
    let told = told(&field("told", Encoding::Json), &user().payload_text(text));
    assert_eq!(value(&told, "x-told"), Some(r#"{"a":[1,null]}"#));
}

#[test]
fn a_hdr_03_utf_8_passes_percent_encoded() {
    let told = encoded(json!("Zoë Müller"), Encoding::Percent).unwrap();
    assert_eq!(told.as_deref(), Some("Zo%C3%AB%20M%C3%BCller"));
}

#[test]
fn t_hdr_06_one_element_never_becomes_two() {
    for (claim, encoding) in [
        (json!(["a,admin"]), Encoding::Comma),
        (json!(["x", "a;b"]), Encoding::Comma),
        (json!(["\"a", "b\""]), Encoding::Comma),
        (json!("a,admin"), Encoding::Comma),
        (json!(["", "a"]), Encoding::Comma),
        (json!(["a admin"]), Encoding::Space),
        (json!("a admin"), Encoding::Space),
        (json!([""]), Encoding::Space),
        (json!([["a", "b"]]), Encoding::Comma),
        (json!([null]), Encoding::Space),
        (json!([{"a": 1}]), Encoding::Comma),
    ] {
        let refused = encoded(claim.clone(), encoding);
        assert_eq!(refused, Err(IdentityError::NotHeaderSafe), "{claim}");
    }
    for (claim, encoding, wanted) in [
        (json!(["a", "b c", "d"]), Encoding::Comma, "a,b c,d"),
        (json!(["a", "b,c"]), Encoding::Space, "a b,c"),
        (json!(["a", 7, true]), Encoding::Comma, "a,7,true"),
        (json!("alone"), Encoding::Comma, "alone"),
        (
            json!(["a,admin", "b"]),
            Encoding::Json,
            r#"["a,admin","b"]"#,
        ),
    ] {
        assert_eq!(encoded(claim, encoding).unwrap().as_deref(), Some(wanted));
    }
}

#[test]
fn t_hdr_07_a_giant_claim_is_refused() {
    let of_length = |length: usize| json!("x".repeat(length));
    let kib8 = 8 * 1024;
    let told = encoded(of_length(kib8), Encoding::Plain).unwrap();
    assert_eq!(told.unwrap().len(), kib8);
    let refused = encoded(of_length(kib8 + 1), Encoding::Plain);
    assert_eq!(refused, Err(IdentityError::TooLarge));
    // What counts is what is sent.
    let refused = encoded(json!("ë".repeat(kib8 / 6 + 1)), Encoding::Percent);
    assert_eq!(refused, Err(IdentityError::TooLarge));

    let small = Identity::builder()
        .preset(Preset::Authgear)
        .max_bytes(64)
        .build()
        .unwrap();
    let roles: Vec<_> = (0..20).map(|number| format!("role-{number}")).collect();
    let principal = principal(&user().claim(token::ROLES, roles));
    assert_eq!(
        small.of(Some(&principal)).unwrap_err(),
        IdentityError::TooLarge
    );
}

#[test]
fn a_hdr_02_a_missing_claim_is_removed() {
    for claim in [Value::Null, json!("")] {
        assert_eq!(encoded(claim, Encoding::Plain), Ok(None));
    }
    for encoding in [Encoding::Comma, Encoding::Space] {
        assert_eq!(encoded(json!([]), encoding), Ok(None));
    }
    assert_eq!(
        encoded(json!([]), Encoding::Json).unwrap().as_deref(),
        Some("[]")
    );
    let fields = field("nowhere", Encoding::Plain)
        .of(Some(&principal(&user())))
        .unwrap();
    assert!(fields.set.is_empty());
    assert!(fields.remove.iter().any(|name| name == "x-told"));
}

#[test]
fn a_hdr_04_arrays_and_nested_claims_by_path() {
    let claim = json!({"https://x.example/roles": {"a.b": ["one", "two"]}});
    let token = user().claim("realm_access", claim);
    let path = ["realm_access", "https://x.example/roles", "a.b"];
    let source = ClaimSource::Claim(path.into());
    let identity = Identity::builder().field("X-Roles", source, Encoding::Comma);
    let told = told(&identity.build().unwrap(), &token);
    assert_eq!(value(&told, "x-roles"), Some("one,two"));
}

#[test]
fn fields_of_ones_own_stand_beside_the_preset() {
    let identity = Identity::builder()
        .preset(Preset::Authgear)
        .field("Remote-User", ClaimSource::Subject, Encoding::Plain)
        .field("X-Scopes", ClaimSource::Scopes, Encoding::Comma)
        .field("X-Client", ClaimSource::ClientId, Encoding::Json)
        .build()
        .unwrap();
    let told = told(&identity, &user());
    assert_eq!(value(&told, "remote-user"), Some(token::SUBJECT));
    assert_eq!(value(&told, "x-scopes"), Some("openid,profile"));
    assert_eq!(value(&told, "x-client"), Some(r#""bea2d0000000a110""#));
    assert_eq!(value(&told, "x-authgear-session-valid"), Some("true"));
}

#[test]
fn a_token_without_client_says_nothing_of_it() {
    let token = user().without_claim("client_id");
    let principal = Known::new(Profile::Generic).principal(&token);
    let identity = Identity::builder()
        .preset(Preset::Bearward)
        .build()
        .unwrap();
    let told = set(&identity.of(Some(&principal)).unwrap());
    assert_eq!(value(&told, "x-bearward-client-id"), None);
    assert_eq!(value(&told, "x-bearward-subject"), Some(token::SUBJECT));
}

// --- remembered ---

#[test]
fn fields_of_a_principal_that_comes_again_are_not_written_again() {
    let (identity, principal) = (authgear(), principal(&user()));
    let same = principal.clone();
    let first = identity.of(Some(&principal)).unwrap();
    let again = identity.of(Some(&same)).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(set(&first), told(&identity, &user()));
}

/// What was remembered under one configuration is not told under another.
#[test]
fn t_cch_04_other_settings_tell_by_themselves() {
    let principal = principal(&user());
    let before = own().build().unwrap();
    let then = set(&before.of(Some(&principal)).unwrap());
    assert_eq!(then, owned(&[("x-auth-user", token::SUBJECT)]));
    let after = Identity::builder().field("X-Other", ClaimSource::Subject, Encoding::Plain);
    let after = after.token(Credentials::Forward).build().unwrap();
    for _ in 0..2 {
        let now = after.of(Some(&principal)).unwrap();
        assert_eq!(set(&now), owned(&[("x-other", token::SUBJECT)]));
        assert!(now.remove.is_empty());
        assert_eq!(set(&before.of(Some(&principal)).unwrap()), then);
    }
}

/// A reload that changes nothing about them must not make every principal's fields be written again.
#[test]
fn equal_settings_share_what_was_written() {
    let principal = principal(&user());
    let earlier = own().build().unwrap();
    let written = earlier.of(Some(&principal)).unwrap();
    let equal = own().build().unwrap().reuse_if_equal(&earlier);
    assert!(Arc::ptr_eq(&equal.of(Some(&principal)).unwrap(), &written));
    let other = own().max_bytes(100).build().unwrap();
    let other = other.reuse_if_equal(&earlier).of(Some(&principal)).unwrap();
    assert!(!Arc::ptr_eq(&other, &written));
    assert_eq!(set(&other), owned(&[("x-auth-user", token::SUBJECT)]));
}

#[test]
fn a_refusal_is_remembered_as_one() {
    let principal = principal(&user().claim("told", "a\nb"));
    let identity = field("told", Encoding::Plain);
    for _ in 0..2 {
        let refused = identity.of(Some(&principal));
        assert_eq!(refused.unwrap_err(), IdentityError::NotHeaderSafe);
    }
}

/// The cache of verified tokens is bounded in bytes, so what it does not count stays small.
#[test]
fn t_dos_05_what_is_long_is_not_remembered() {
    for (length, is_remembered) in [(1000, true), (2000, false)] {
        let token = user().claim("told", "a".repeat(length));
        let (identity, principal) = (field("told", Encoding::Plain), principal(&token));
        let [first, again] = [(); 2].map(|()| identity.of(Some(&principal)).unwrap());
        assert_eq!(value(&set(&first), "x-told").unwrap().len(), length);
        assert_eq!(set(&first), set(&again));
        assert_eq!(Arc::ptr_eq(&first, &again), is_remembered, "{length}");
    }
}

// --- stripping ---

#[test]
fn t_hdr_01_t_hdr_02_identity_fields_are_stripped_in_every_spelling() {
    let identity = own().build().unwrap();
    let mut headers = HeaderMap::new();
    for name in [
        "X-Auth-User",
        "x_auth_user",
        "X.AUTH.USER",
        "x-auth_user",
        "x_auth.user",
        "x~auth~user",
        "X-Authgear-User-Id",
        "x_authgear_user_roles",
        "X-Authgear-Session-Acr",
        "X-Authgear-Invented",
        "x-bearward-status",
        "X_Bearward_Client_Id",
        "Authorization",
        "X-Id-Token",
        "x_id_token",
    ] {
        let name: HeaderName = name.parse().unwrap();
        headers.append(&name, HeaderValue::from_static("evil"));
        headers.append(&name, HeaderValue::from_static("evil again"));
    }
    identity.strip(&mut headers);
    assert!(headers.is_empty(), "{headers:?}");
}

#[test]
fn a_hdr_01_unrelated_fields_pass() {
    let names = [
        "accept",
        "x-auth",
        "x-auth-users",
        "x_request_id",
        "cookie",
        "xauthuser",
        "x-authgear",
    ];
    let mut headers = HeaderMap::new();
    for name in names {
        headers.append(name, HeaderValue::from_static("1"));
        headers.append(name, HeaderValue::from_static("2"));
    }
    let before = headers.clone();
    let keeps = own().underscores(Underscores::Keep).build().unwrap();
    keeps.strip(&mut headers);
    assert_eq!(headers, before);
    let keeps = own().keep("x_request_id".parse().unwrap()).build().unwrap();
    keeps.strip(&mut headers);
    assert_eq!(headers, before);

    // All other names with `_` are dropped unless it is said otherwise.
    own().build().unwrap().strip(&mut headers);
    assert!(!headers.contains_key("x_request_id"));
    assert_eq!(headers.keys_len(), names.len() - 1);
}

fn stripped(identity: &Identity, name: &str) -> bool {
    identity.is_stripped(&name.parse().unwrap())
}

#[test]
fn t_fwd_12_a_misleading_field_is_stripped_in_every_spelling() {
    let identity = own().underscores(Underscores::Keep).build().unwrap();
    for name in [
        "script-name",
        "SCRIPT_NAME",
        "Script.Name",
        "script~name",
        "PATH_INFO",
        "REMOTE_USER",
        "Daphne-Root-Path",
        "daphne_root_path",
        "X-Script-Name",
        "X-Forwarded-For",
        "X-Forwarded-Invented",
        "x_forwarded_for",
        "X-Original-URL",
        "X-Original-Invented",
        "$WSRU",
        "_WSRA",
        "_method",
        "spring.cloud.function.definition",
        "True-Client-IP",
        "X_Real_IP",
        "X-Accel-Mapping",
    ] {
        assert!(stripped(&identity, name), "{name}");
    }
    for name in [
        "accept",
        "script-names",
        "x-script",
        "x-forwarding",
        "x-original",
        "method",
        "x-request-id",
        "x-requested-with",
        "x-csrf-token",
        "destination",
        "te",
        "sec-websocket-key",
        "grpc-timeout",
        "x-grpc-web",
        "origin",
        "access-control-request-method",
        "traceparent",
        "x-api-key",
        "ws-secret",
    ] {
        assert!(!stripped(&identity, name), "{name}");
    }
}

#[test]
fn t_fwd_12_the_operator_removes_more_and_keeps_some() {
    let name = |name: &str| name.parse().unwrap();
    let identity = own()
        .remove(name("X-Tenant"))
        .keep(name("X-Forwarded-Prefix"))
        .keep(name("X_Kept"))
        .build()
        .unwrap();
    for removed in [
        "x-tenant",
        "X_Tenant",
        "x.tenant",
        "x_other",
        "x_forwarded_prefix",
    ] {
        assert!(stripped(&identity, removed), "{removed}");
    }
    for kept in ["x-forwarded-prefix", "x_kept", "x-tenants"] {
        assert!(!stripped(&identity, kept), "{kept}");
    }
    let said = |builder: IdentityBuilder| builder.build().unwrap_err().to_string();
    for needed in [
        "Host",
        "content_length",
        "Authorization",
        "Transfer-Encoding",
    ] {
        let said = said(own().remove(name(needed)));
        assert!(said.contains("HTTP or the gateway needs it"), "{said}");
    }
    let said_of_kept = said(own().keep(name("Accept")));
    assert_eq!(
        said_of_kept,
        "accept cannot be kept: it is not one of the misleading fields, which are removed"
    );
    for (removed, kept) in [("x-scheme", "x-scheme"), ("x-other", "x-auth-user")] {
        let said = said(own().remove(name(removed)).keep(name(kept)));
        assert!(said.contains("cannot be kept"), "{kept}: {said}");
    }
}

#[test]
fn t_fwd_12_no_identity_field_names_another_request() {
    for name in [
        "Script-Name",
        "X-Real-IP",
        "Client-IP",
        "X-Forwarded-Prefix",
        "X-Host",
    ] {
        let field = Identity::builder().field(name, ClaimSource::Subject, Encoding::Plain);
        assert!(
            matches!(field.build(), Err(IdentityBuildError::Reserved(_))),
            "{name}"
        );
    }
    for name in ["Remote-User", "X-Forwarded-User", "X-WebAuth-User"] {
        let field = Identity::builder().field(name, ClaimSource::Subject, Encoding::Plain);
        assert!(field.build().is_ok(), "{name}");
    }
}

#[test]
fn the_manual_has_the_table_of_misleading_fields() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fields.md");
    let marker = "<!-- the table -->\n";
    let page = std::fs::read_to_string(manual).expect("docs/fields.md");
    let (above, below) = page
        .split_once(marker)
        .expect("the marker of what is generated");
    let table = misleading::reference();
    if std::env::var_os("BEARWARD_BLESS").is_some() {
        std::fs::write(manual, format!("{above}{marker}{table}")).expect("writing docs/fields.md");
        return;
    }
    assert_eq!(below, table);
}

/// Senders that set some of the misleading fields themselves, under exactly the names in the table.
#[test]
fn t_fwd_12_a_misleading_field_passes_from_those_alone_who_set_it() {
    let identity = own().underscores(Underscores::Keep).build().unwrap();
    for (name, passes_from) in [
        (
            "x-forwarded-for",
            &[Sender::TrustedProxy, Sender::Envoy][..],
        ),
        ("x-real-ip", &[Sender::TrustedProxy]),
        ("x_forwarded_for", &[]),
        ("x.forwarded.for", &[]),
        ("x-forwarded-prefix", &[]),
        ("x-remote-user", &[]),
        (
            "accept",
            &[Sender::Stranger, Sender::TrustedProxy, Sender::Envoy],
        ),
    ] {
        let name = HeaderName::from_static(name);
        let folded = misleading::fold(name.as_str());
        for sender in [Sender::Stranger, Sender::TrustedProxy, Sender::Envoy] {
            let is_taken_out = identity.is_taken_out(&name, &folded, sender);
            assert_ne!(
                is_taken_out,
                passes_from.contains(&sender),
                "{name} {sender:?}"
            );
        }
    }
}

#[test]
fn what_is_kept_and_removed_besides_is_known_folded() {
    let name = |name: &str| name.parse().unwrap();
    let identity = own()
        .remove(name("X_Tenant"))
        .remove(name("X-Region"))
        .keep(name("X-Forwarded-Prefix"))
        .keep(name("X_Kept"))
        .build()
        .unwrap();
    let kept: Vec<_> = identity.kept().collect();
    assert_eq!(kept, ["x-forwarded-prefix", "x-kept"]);
    assert_eq!(identity.removed(), ["x-region", "x-tenant"]);
    for name in ["x-forwarded-prefix", "x-kept"] {
        assert!(identity.keeps(name), "{name}");
    }
    for name in ["x_kept", "x-forwarded-for", "x-tenant", ""] {
        assert!(!identity.keeps(name), "{name}");
    }
    assert_eq!(own().build().unwrap().kept().count(), 0);
    assert!(own().build().unwrap().removed().is_empty());
}

/// What a proxy is asked to remove that removes by exact name.
#[test]
fn t_hdr_01_t_hdr_02_what_has_to_be_removed_is_named_once_and_nothing_that_is_set() {
    let identity = Identity::builder()
        .field("X-Sub", ClaimSource::Subject, Encoding::Plain)
        .field(
            "X-Amr",
            ClaimSource::Claim("nickname".into()),
            Encoding::Plain,
        )
        .build()
        .unwrap();
    let fields = identity.of(Some(&principal(&user()))).unwrap();
    assert_eq!(set(&fields), owned(&[("x-sub", token::SUBJECT)]));
    let mut sent = HeaderMap::new();
    for name in [
        // Identity fields and a credential: set, removed, and in another spelling.
        "x-sub",
        "x-amr",
        "x_amr",
        "authorization",
        // Named only because the client sent them.
        "x.amr",
        "x-authgear-user-id",
        "x-remote-user",
        "x_other",
        // These pass: Envoy itself sets the one, and the other means nothing.
        "x-forwarded-for",
        "accept",
    ] {
        sent.append(name, HeaderValue::from_static("evil"));
    }
    let mut removed: Vec<_> = identity.to_remove(&fields, &sent).collect();
    removed.sort_unstable();
    assert_eq!(
        removed,
        [
            "authorization",
            "x-amr",
            "x-authgear-user-id",
            "x-id-token",
            "x-id_token",
            "x-remote-user",
            "x.amr",
            "x_amr",
            "x_id-token",
            "x_id_token",
            "x_other",
            "x_sub",
        ]
    );
}

#[test]
fn t_hdr_01_names_of_one_length_are_all_stripped() {
    let one = || own().token(Credentials::Forward);
    let other = one().field("X-Auth-Name", ClaimSource::Subject, Encoding::Plain);
    let (one, both) = (one().build().unwrap(), other.build().unwrap());
    assert!(stripped(&one, "x-auth-user"));
    assert!(!stripped(&one, "x-auth-name"));
    for name in ["x-auth-user", "x-auth-name", "X-Auth-Name"] {
        assert!(stripped(&both, name), "{name}");
    }
    assert!(!stripped(&both, "x-auth-mail"));
}

#[test]
fn settings_can_be_read_back() {
    let default = own().build().unwrap();
    assert_eq!(default.token(), Credentials::Strip);
    assert_eq!(default.underscores(), Underscores::Drop);
    assert_eq!(default.id_token_field(), "x-id-token");
    let credentials: Vec<_> = default.credentials().collect();
    assert_eq!(credentials, ["authorization", "x-id-token"]);
    let other = own()
        .token(Credentials::Forward)
        .underscores(Underscores::Keep)
        .id_token_field(HeaderName::from_static("x-reauth"));
    let other = other.build().unwrap();
    assert_eq!(other.token(), Credentials::Forward);
    assert_eq!(other.underscores(), Underscores::Keep);
    assert_eq!(other.id_token_field(), "x-reauth");
}

#[test]
fn t_hdr_08_the_token_is_stripped_unless_forwarded() {
    let credentials = || {
        let mut headers = HeaderMap::new();
        headers.append("authorization", HeaderValue::from_static("Bearer x"));
        headers.append("x-id-token", HeaderValue::from_static("x"));
        headers.append("cookie", HeaderValue::from_static("a=b;  c=d"));
        headers
    };
    let mut stripped = credentials();
    own().build().unwrap().strip(&mut stripped);
    assert_eq!(stripped.keys_len(), 1);
    assert_eq!(stripped["cookie"], "a=b;  c=d");

    let forwards = own().token(Credentials::Forward).build().unwrap();
    let mut forwarded = credentials();
    forwards.strip(&mut forwarded);
    assert_eq!(forwarded, credentials());
    assert_eq!(forwards.credentials().count(), 0);
    assert!(
        forwards
            .of(None)
            .unwrap()
            .remove
            .iter()
            .all(|name| name != "authorization")
    );
}

#[test]
fn t_hdr_04_connection_can_be_asked_about_identity_fields() {
    let identity = own().build().unwrap();
    for name in [
        "X-Auth-User",
        "x_auth_user",
        "X-AUTHGEAR-User-Id",
        "x-bearward-anything",
    ] {
        assert!(identity.is_identity(name), "{name}");
    }
    for name in ["close", "keep-alive", "upgrade", "x-auth", "authorization"] {
        assert!(!identity.is_identity(name), "{name}");
    }
    assert!(identity.is_identity(HeaderName::from_static("x-auth-user")));
}

#[test]
fn t_hdr_09_trailers_are_stripped_by_the_same_rule() {
    let mut trailers = HeaderMap::new();
    trailers.append("grpc-status", HeaderValue::from_static("0"));
    trailers.append("x-auth-user", HeaderValue::from_static("evil"));
    trailers.append("x_authgear_user_id", HeaderValue::from_static("evil"));
    own().build().unwrap().strip(&mut trailers);
    assert_eq!(trailers.keys().collect::<Vec<_>>(), ["grpc-status"]);
}

#[test]
fn the_default_has_no_fields_and_strips_all_the_same() {
    for identity in [Identity::default(), Identity::builder().build().unwrap()] {
        assert_eq!(identity.names().count(), 0);
        assert_eq!(identity.underscore_spellings().count(), 3);
        let mut headers = HeaderMap::new();
        for name in [
            "x-authgear-user-id",
            "x-bearward-subject",
            "authorization",
            "x_id_token",
        ] {
            headers.append(name, HeaderValue::from_static("evil"));
        }
        identity.strip(&mut headers);
        assert!(headers.is_empty());
        let fields = identity.of(None).unwrap();
        assert!(fields.set.is_empty());
        assert_eq!(fields.remove, ["authorization", "x-id-token"]);
    }
}

#[test]
fn the_id_token_may_come_in_another_field() {
    let named = Identity::builder().id_token_field(HeaderName::from_static("x-reauth"));
    let identity = named.build().unwrap();
    assert!(identity.is_stripped(&HeaderName::from_static("x_reauth")));
    assert!(!identity.is_stripped(&HeaderName::from_static("x-id-token")));
}

// --- settings ---

#[test]
fn a_name_that_means_something_else_is_refused() {
    for name in [
        "Authorization",
        "Host",
        "Content-Length",
        "Content-Type",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "Cache-Control",
        "WWW-Authenticate",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Uri",
        "X-Original-URI",
        "X-Envoy-Auth-Headers-To-Remove",
        "X-Bearward-Status",
        "X-Id-Token",
        "X-Accel-Redirect",
        "Location",
    ] {
        let built = Identity::builder()
            .field(name, ClaimSource::Subject, Encoding::Plain)
            .build();
        let name: HeaderName = name.parse().unwrap();
        assert_eq!(built.unwrap_err(), IdentityBuildError::Reserved(name));
    }
    for name in [
        "X-Forwarded-User",
        "Remote-User",
        "X-Auth-Request-Email",
        "User",
    ] {
        let built = Identity::builder()
            .field(name, ClaimSource::Subject, Encoding::Plain)
            .build();
        assert!(built.is_ok(), "{name}");
    }
}

#[test]
fn a_name_that_servers_read_differently_is_refused() {
    let long = "x".repeat(65);
    for name in [
        "",
        "x_user",
        "x.user",
        "x user",
        "x:user",
        "usér",
        "a-b-c-d-e-f-g-h",
        &long,
    ] {
        let built = Identity::builder()
            .field(name, ClaimSource::Subject, Encoding::Plain)
            .build();
        assert_eq!(built.unwrap_err(), IdentityBuildError::Name, "{name}");
    }
    for name in ["a-b-c-d-e-f-g", &"x".repeat(64)] {
        let built = Identity::builder()
            .field(name, ClaimSource::Subject, Encoding::Plain)
            .build();
        assert!(built.is_ok(), "{name}");
    }
}

#[test]
fn a_field_is_configured_once() {
    let twice = Identity::builder()
        .field("X-User", ClaimSource::Subject, Encoding::Plain)
        .field("x-user", ClaimSource::ClientId, Encoding::Plain);
    let name = HeaderName::from_static("x-user");
    assert_eq!(
        twice.build().unwrap_err(),
        IdentityBuildError::Duplicate(name)
    );
    for name in [
        "X-Authgear-User-Id",
        "X-Authgear-Session-Acr",
        "X-Bearward-Client-Id",
    ] {
        let twice = Identity::builder().preset(Preset::Authgear).field(
            name,
            ClaimSource::Subject,
            Encoding::Plain,
        );
        let name = name.parse().unwrap();
        assert_eq!(
            twice.build().unwrap_err(),
            IdentityBuildError::Duplicate(name)
        );
    }
}

#[test]
fn scopes_need_an_encoding_for_lists() {
    for encoding in [Encoding::Plain, Encoding::Percent, Encoding::Base64Url] {
        let built = Identity::builder()
            .field("X-Scopes", ClaimSource::Scopes, encoding)
            .build();
        let name = HeaderName::from_static("x-scopes");
        assert_eq!(built.unwrap_err(), IdentityBuildError::List(name));
    }
    for encoding in [Encoding::Comma, Encoding::Json, Encoding::Space] {
        let built = Identity::builder()
            .field("X-Scopes", ClaimSource::Scopes, encoding)
            .build();
        assert!(built.is_ok());
    }
}

// --- the setting ---

fn user() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

fn authgear() -> Identity {
    Identity::builder()
        .preset(Preset::Authgear)
        .build()
        .unwrap()
}

fn own() -> IdentityBuilder {
    Identity::builder().field("X-Auth-User", ClaimSource::Subject, Encoding::Plain)
}

/// `X-Told` with this claim.
fn field(claim: &str, encoding: Encoding) -> Identity {
    let source = ClaimSource::Claim(claim.into());
    Identity::builder()
        .field("X-Told", source, encoding)
        .build()
        .unwrap()
}

/// The text of a field with this claim; `None` if it is removed.
fn encoded(claim: Value, encoding: Encoding) -> Result<Option<String>, IdentityError> {
    let principal = principal(&user().claim("told", claim));
    let fields = field("told", encoding).of(Some(&principal))?;
    Ok(value(&set(&fields), "x-told").map(str::to_owned))
}

type Told = Vec<(String, String)>;

fn told(identity: &Identity, token: &Token) -> Told {
    set(&identity.of(Some(&principal(token))).unwrap())
}

/// What is set, sorted.
fn set(fields: &IdentityFields) -> Told {
    let owned = |(name, value): &(HeaderName, HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
    };
    let mut told: Told = fields.set.iter().map(owned).collect();
    told.sort();
    told
}

fn owned(fields: &[(&str, &str)]) -> Told {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn value<'t>(told: &'t Told, name: &str) -> Option<&'t str> {
    told.iter()
        .find(|(told, _)| told == name)
        .map(|(_, value)| value.as_str())
}

fn principal(token: &Token) -> Principal {
    Known::new(Profile::Rfc9068).principal(token)
}

/// What the resolver answered, from the folder that `BEARWARD_VECTORS` names, or the usual one
/// beside the workspace. Without either the test is skipped, and says so.
fn resolver_vectors() -> Option<Value> {
    let named = std::env::var_os("BEARWARD_VECTORS").map(PathBuf::from);
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let is_named = named.is_some();
    let folder = named.unwrap_or_else(usual);
    if !is_named && !folder.is_dir() {
        println!("skipped: no test vectors here; BEARWARD_VECTORS names their folder");
        return None;
    }
    let text = std::fs::read(folder.join("authgear/resolver-headers.json")).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}
