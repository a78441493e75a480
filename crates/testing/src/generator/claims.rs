//! Claims ([RFC 7519 §4], [RFC 9068 §2.2]): permitted values, and a violation of each rule.
//!
//! [RFC 7519 §4]: https://www.rfc-editor.org/rfc/rfc7519#section-4
//! [RFC 9068 §2.2]: https://www.rfc-editor.org/rfc/rfc9068#section-2.2

use bearward_core::rejection::InvalidToken;

use super::draft::change::{Change, Check, Edit};

/// A claim with one of these values: still valid.
const fn good(
    name: &'static str,
    claim: &'static [&'static str; 1],
    values: &'static [&'static str],
) -> Change {
    let [of] = claim;
    Change::edge(name, claim, Edit::Claim(of, values))
}

/// A claim with one of these values, which breaks a check.
const fn bad(
    name: &'static str,
    claim: &'static [&'static str; 1],
    values: &'static [&'static str],
    check: Check,
    reason: InvalidToken,
) -> Change {
    let [of] = claim;
    Change::spoil(name, claim, Edit::Claim(of, values), check, reason)
}

/// Without a claim, which breaks a check.
const fn without(
    name: &'static str,
    claim: &'static [&'static str; 1],
    check: Check,
    reason: InvalidToken,
) -> Change {
    let [of] = claim;
    Change::spoil(name, claim, Edit::WithoutClaim(of), check, reason)
}

/// All of these, the valid ones first. [`NOW`](super::NOW) is 1700000000, the leeway 30 s.
pub(super) static ALL: &[Change] = &[
    // Times, within their bounds.
    good(
        "exp-within-leeway",
        &["exp"],
        &["1699999971", "1699999999", "1700000000"],
    ),
    good(
        "exp-with-fraction",
        &["exp"],
        &["1700000900.5", "1699999970.5", "1700001800.0"],
    ),
    good(
        "exp-with-exponent",
        &["exp"],
        &["1.7000018e9", "17000018E2", "17.000018e+8"],
    ),
    good(
        "exp-far-away",
        &["exp"],
        &["253402300799", "4102444800", "9999999999"],
    ),
    good(
        "nbf-past",
        &["nbf"],
        &["1700000000", "1600000000", "0", "1699999999.25"],
    ),
    good(
        "nbf-within-leeway",
        &["nbf"],
        &["1700000001", "1700000029", "1700000030"],
    ),
    good(
        "iat-within-leeway",
        &["iat"],
        &["1700000001", "1700000029", "1700000030"],
    ),
    good("iat-with-fraction", &["iat"], &["1699999999.75", "1.7e9"]),
    good(
        "auth-time-of-any-kind",
        &["auth_time"],
        &["0", "-62135596800", "\"never\"", "null", "1e400"],
    ),
    // `null` is absent.
    good("nbf-null", &["nbf"], &["null"]),
    good("scope-null", &["scope"], &["null"]),
    good("scp-null", &["scp"], &["null"]),
    good("cnf-null", &["cnf"], &["null"]),
    good("email-null", &["email"], &["null"]),
    good("azp-null", &["azp"], &["null"]),
    good("acr-null", &["acr"], &["null"]),
    good("amr-null", &["amr"], &["null"]),
    good("nonce-null", &["nonce"], &["null"]),
    good("sid-null", &["sid"], &["null"]),
    // Audience.
    good("aud-string", &["aud"], &[r#""https://api.example""#]),
    good(
        "aud-among-others",
        &["aud"],
        &[
            r#"["https://other.example","https://api.example"]"#,
            r#"["https://api.example","https://other.example",""]"#,
        ],
    ),
    good(
        "aud-escaped",
        &["aud"],
        &[
            r#""https:\/\/api.example""#,
            r#"["\u0068ttps://api.example"]"#,
        ],
    ),
    good(
        "iss-escaped",
        &["iss"],
        &[
            r#""https:\/\/auth.example""#,
            r#""https://auth\u002eexample""#,
        ],
    ),
    // Scope.
    good("scope-empty", &["scope"], &["\"\"", "\"  \"", "[]"]),
    good("scope-array", &["scope"], &[r#"["openid","orders:read"]"#]),
    good(
        "scp",
        &["scp"],
        &[r#""orders:read""#, r#"["orders:read","openid"]"#],
    ),
    Change::edge("scope-absent", &["scope"], Edit::WithoutClaim("scope")),
    // Others.
    good(
        "email",
        &["email"],
        &[
            r#""a@example.com""#,
            r#""postmaster""#,
            "\"\"",
            "1",
            r#"["a@example.com"]"#,
            r#"{"work":"a@example.com"}"#,
            r#""a@example.com@evil.example""#,
        ],
    ),
    good(
        "non-ascii",
        &["name"],
        &[
            "\"\u{c9}lo\u{ef}se \u{1f43b}\"",
            r#""\u00c9lo\u00efse \ud83d\udc3b""#,
        ],
    ),
    good(
        "integer-beyond-a-float",
        &["n"],
        &["9007199254740993", "18446744073709551616", "-0"],
    ),
    good(
        "number-beyond-a-float",
        &["m"],
        &["1e400", "-1e999", "1E-999"],
    ),
    good(
        "claim-of-any-type",
        &["x"],
        &[
            "null",
            "true",
            "{}",
            "[]",
            "[1.5,null,{\"a\":[\"b\"]}]",
            "0.1e-7",
        ],
    ),
    good(
        "claim-named-by-url",
        &["https://example.com/claims/a.b"],
        &["{\"a/b\":{\"c.d\":1}}", "[]"],
    ),
    good("claim-in-another-case", &["EXP"], &["0", "\"x\"", "null"]),
    good(
        "claim-named-proto",
        &["__proto__"],
        &["{\"iss\":\"https://evil.example\"}", "1"],
    ),
    good(
        "sub-url",
        &["sub"],
        &["\"https://user.example/\u{e9}\"", "\"a:b c\"", "\" \""],
    ),
    // Issuer.
    without(
        "iss-absent",
        &["iss"],
        Check::Issuer,
        InvalidToken::IssMissing,
    ),
    bad(
        "iss-null",
        &["iss"],
        &["null"],
        Check::Issuer,
        InvalidToken::IssMissing,
    ),
    bad(
        "iss-empty",
        &["iss"],
        &["\"\""],
        Check::Issuer,
        InvalidToken::IssMissing,
    ),
    bad(
        "iss-type",
        &["iss"],
        &["1", "true", "{}", r#"["https://auth.example"]"#],
        Check::Issuer,
        InvalidToken::IssType,
    ),
    bad(
        "iss-nearly",
        &["iss"],
        &[
            r#""https://auth.example/""#,
            r#""https://auth.exampl""#,
            r#""https://auth.example.evil.example""#,
            r#""HTTPS://AUTH.EXAMPLE""#,
            r#""https://auth.example ""#,
            r#"" https://auth.example""#,
            r#""http://auth.example""#,
            r#""https://auth.example\u0000""#,
            r#""auth.example""#,
        ],
        Check::Issuer,
        InvalidToken::IssuerUnknown,
    ),
    Change::spoil(
        "iss-in-another-case",
        &["iss"],
        Edit::RenamedClaim("iss", "ISS"),
        Check::Issuer,
        InvalidToken::IssMissing,
    ),
    // Audience.
    without(
        "aud-absent",
        &["aud"],
        Check::Audience,
        InvalidToken::AudMissing,
    ),
    bad(
        "aud-null",
        &["aud"],
        &["null"],
        Check::Audience,
        InvalidToken::AudMissing,
    ),
    bad(
        "aud-empty",
        &["aud"],
        &["\"\"", "[]", "[\"\"]"],
        Check::Audience,
        InvalidToken::AudMissing,
    ),
    bad(
        "aud-type",
        &["aud"],
        &["1", "true", r#"{"https://api.example":1}"#],
        Check::Audience,
        InvalidToken::AudType,
    ),
    bad(
        "aud-mixed-array",
        &["aud"],
        &[
            r#"["https://api.example",1]"#,
            r#"[null,"https://api.example"]"#,
            r#"["https://api.example",["https://api.example"]]"#,
            r#"["https://api.example",{}]"#,
        ],
        Check::Audience,
        InvalidToken::AudType,
    ),
    bad(
        "aud-nested-array",
        &["aud"],
        &[r#"[["https://api.example"]]"#],
        Check::Audience,
        InvalidToken::AudType,
    ),
    bad(
        "aud-nearly",
        &["aud"],
        &[
            r#""https://api.example/""#,
            r#""https://api.exampl""#,
            r#""https://api.example.evil.example""#,
            r#""https://API.example""#,
            r#""https://api.example https://other.example""#,
            r#"["https://api.example/","https://other.example"]"#,
            r#""*""#,
        ],
        Check::Audience,
        InvalidToken::AudMismatch,
    ),
    Change::spoil(
        "aud-in-another-case",
        &["aud"],
        Edit::RenamedClaim("aud", "Aud"),
        Check::Audience,
        InvalidToken::AudMissing,
    ),
    // Expiry.
    without(
        "exp-absent",
        &["exp"],
        Check::Expiry,
        InvalidToken::ExpMissing,
    ),
    Change::spoil(
        "exp-in-another-case",
        &["exp"],
        Edit::RenamedClaim("exp", "Exp"),
        Check::Expiry,
        InvalidToken::ExpMissing,
    ),
    bad(
        "exp-null",
        &["exp"],
        &["null"],
        Check::Expiry,
        InvalidToken::ExpMissing,
    ),
    bad(
        "exp-string",
        &["exp"],
        &["\"1700001800\"", "\"\"", "\"never\"", "\"1.7e9\""],
        Check::Expiry,
        InvalidToken::DateType,
    ),
    bad(
        "exp-boolean",
        &["exp"],
        &["true", "false"],
        Check::Expiry,
        InvalidToken::DateType,
    ),
    bad(
        "exp-array-or-object",
        &["exp"],
        &["[1700001800]", "{}", "[]"],
        Check::Expiry,
        InvalidToken::DateType,
    ),
    bad(
        "exp-beyond-a-float",
        &["exp"],
        &["1e400", "1e999999"],
        Check::Expiry,
        InvalidToken::DateRange,
    ),
    bad(
        "exp-after-9999",
        &["exp"],
        &[
            "253402300800",
            "9223372036854775808",
            "1e300",
            "1700001800000",
            "999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
        ],
        Check::Expiry,
        InvalidToken::DateRange,
    ),
    bad(
        "exp-negative",
        &["exp"],
        &["-1", "-1700001800", "-1e400", "-0.5"],
        Check::Expiry,
        InvalidToken::DateRange,
    ),
    bad(
        "exp-passed",
        &["exp"],
        &["1699999969", "1699990000", "1699999000.5", "1.6e9"],
        Check::Expiry,
        InvalidToken::TokenExpired,
    ),
    bad(
        "exp-zero",
        &["exp"],
        &["0", "0.0", "1e-9"],
        Check::Expiry,
        InvalidToken::TokenExpired,
    ),
    bad(
        "exp-at-the-bound",
        &["exp"],
        &["1699999970", "1699999970.0"],
        Check::Expiry,
        InvalidToken::TokenExpired,
    ),
    bad(
        "exp-a-fraction-before-the-bound",
        &["exp"],
        &["1699999969.5", "1699999969.999"],
        Check::Expiry,
        InvalidToken::TokenExpired,
    ),
    // Not before.
    bad(
        "nbf-string",
        &["nbf"],
        &["\"1700000000\"", "\"\""],
        Check::NotBefore,
        InvalidToken::DateType,
    ),
    bad(
        "nbf-boolean",
        &["nbf"],
        &["true", "false"],
        Check::NotBefore,
        InvalidToken::DateType,
    ),
    bad(
        "nbf-array-or-object",
        &["nbf"],
        &["[0]", "{}"],
        Check::NotBefore,
        InvalidToken::DateType,
    ),
    bad(
        "nbf-beyond-a-float",
        &["nbf"],
        &["1e400"],
        Check::NotBefore,
        InvalidToken::DateRange,
    ),
    bad(
        "nbf-after-9999",
        &["nbf"],
        &["253402300800", "1e300"],
        Check::NotBefore,
        InvalidToken::DateRange,
    ),
    bad(
        "nbf-negative",
        &["nbf"],
        &["-1", "-1e400"],
        Check::NotBefore,
        InvalidToken::DateRange,
    ),
    bad(
        "nbf-to-come",
        &["nbf"],
        &["1700000031", "1800000000", "1.8e9"],
        Check::NotBefore,
        InvalidToken::TokenNotYetValid,
    ),
    bad(
        "nbf-a-fraction-beyond-the-bound",
        &["nbf"],
        &["1700000030.5"],
        Check::NotBefore,
        InvalidToken::TokenNotYetValid,
    ),
    // Issued at.
    bad(
        "iat-null",
        &["iat"],
        &["null"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    bad(
        "iat-string",
        &["iat"],
        &["\"1700000000\"", "\"\""],
        Check::IssuedAt,
        InvalidToken::DateType,
    ),
    bad(
        "iat-boolean",
        &["iat"],
        &["true", "false"],
        Check::IssuedAt,
        InvalidToken::DateType,
    ),
    bad(
        "iat-array-or-object",
        &["iat"],
        &["[0]", "{}"],
        Check::IssuedAt,
        InvalidToken::DateType,
    ),
    bad(
        "iat-beyond-a-float",
        &["iat"],
        &["1e400"],
        Check::IssuedAt,
        InvalidToken::DateRange,
    ),
    bad(
        "iat-after-9999",
        &["iat"],
        &["253402300800", "1e300"],
        Check::IssuedAt,
        InvalidToken::DateRange,
    ),
    bad(
        "iat-negative",
        &["iat"],
        &["-1", "-1e400"],
        Check::IssuedAt,
        InvalidToken::DateRange,
    ),
    bad(
        "iat-to-come",
        &["iat"],
        &["1700000031", "1800000000", "1.8e9"],
        Check::IssuedAt,
        InvalidToken::IatInFuture,
    ),
    bad(
        "iat-a-fraction-beyond-the-bound",
        &["iat"],
        &["1700000030.5"],
        Check::IssuedAt,
        InvalidToken::IatInFuture,
    ),
    // Required claims.
    without(
        "sub-absent",
        &["sub"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    without(
        "iat-absent",
        &["iat"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    without(
        "jti-absent",
        &["jti"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    without(
        "client-id-absent",
        &["client_id"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    bad(
        "sub-null",
        &["sub"],
        &["null"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    bad(
        "jti-null",
        &["jti"],
        &["null"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    bad(
        "client-id-null",
        &["client_id"],
        &["null"],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    bad(
        "sub-empty",
        &["sub"],
        &["\"\""],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    bad(
        "jti-empty",
        &["jti"],
        &["\"\""],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    bad(
        "client-id-empty",
        &["client_id"],
        &["\"\""],
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    Change::spoil(
        "sub-in-another-case",
        &["sub"],
        Edit::RenamedClaim("sub", "SUB"),
        Check::RequiredClaims,
        InvalidToken::ClaimMissing,
    ),
    // Types.
    bad(
        "sub-type",
        &["sub"],
        &["1", "0", "true", "false", "{}", "[]", r#"["alice"]"#],
        Check::ClaimTypes,
        InvalidToken::ClaimType,
    ),
    bad(
        "jti-type",
        &["jti"],
        &["1", "0", "true", "{}", "[\"a\"]"],
        Check::ClaimTypes,
        InvalidToken::ClaimType,
    ),
    bad(
        "scope-type",
        &["scope"],
        &["1", "true", "{\"admin\":true}", "[\"openid\",1]", "[null]"],
        Check::ClaimTypes,
        InvalidToken::ClaimType,
    ),
    bad(
        "scp-type",
        &["scp"],
        &["1", "{}", "[[\"admin\"]]"],
        Check::ClaimTypes,
        InvalidToken::ClaimType,
    ),
    bad(
        "client-id-type",
        &["client_id"],
        &["1", "true", "{}", "[\"a\"]"],
        Check::ClientId,
        InvalidToken::ClaimType,
    ),
    // Confirmation.
    bad(
        "cnf-jkt",
        &["cnf"],
        &[
            r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
            r#"{"jkt":""}"#,
        ],
        Check::Confirmation,
        InvalidToken::CnfNotProven,
    ),
    bad(
        "cnf-x5t-s256",
        &["cnf"],
        &[r#"{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}"#],
        Check::Confirmation,
        InvalidToken::CnfNotProven,
    ),
    bad(
        "cnf-several",
        &["cnf"],
        &[r#"{"jkt":"a","x5t#S256":"b"}"#, r#"{"jkt":"a","kid":"b"}"#],
        Check::Confirmation,
        InvalidToken::CnfUnsupported,
    ),
    bad(
        "cnf-unknown",
        &["cnf"],
        &[
            r#"{"kid":"1"}"#,
            r#"{"jwk":{}}"#,
            r#"{"jku":"https://a.example","kid":"1"}"#,
        ],
        Check::Confirmation,
        InvalidToken::CnfUnsupported,
    ),
    bad(
        "cnf-malformed",
        &["cnf"],
        &[
            "{}",
            "\"jkt\"",
            "[]",
            "1",
            r#"{"jkt":1}"#,
            r#"{"jkt":null}"#,
        ],
        Check::Confirmation,
        InvalidToken::CnfUnsupported,
    ),
];
