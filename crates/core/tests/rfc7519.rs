//! JSON Web Token: the registered claims, their types and what they must say.

use std::time::Duration;

use bearward_core::rejection::InvalidToken;
use bearward_core::{Policy, Profile, UnixTime};
use bearward_testing::Token;
use serde_json::{Value, json};

use crate::fixture::{
    AUDIENCE, INSTANT, ISSUER, LEEWAY, NOW, SECOND, accepted, accepted_at, accepted_by, claimed,
    decide_at, good, invalid, keys, machine, policy, refused, refused_at, refused_by, settings,
    verified,
};

/// A good token with this JSON text, which a `Value` could not hold, as a claim.
fn with_text(name: &str, json: &str) -> Token {
    let rest = good().without_claim(name).payload_bytes();
    let rest = String::from_utf8(rest).unwrap();
    let rest = rest.strip_prefix('{').unwrap();
    good().payload_text(format!("{{\"{name}\":{json},{rest}"))
}

#[test]
fn t_clm_01_exp_is_required() {
    assert_eq!(
        refused(&good().without_claim("exp")),
        InvalidToken::ExpMissing
    );
    assert_eq!(
        refused(&machine().without_claim("exp")),
        InvalidToken::ExpMissing
    );
}

#[test]
fn t_clm_02_a_date_that_is_no_number_is_refused() {
    for name in ["exp", "nbf", "iat"] {
        for date in [
            json!("1700000000"),
            json!(""),
            json!(true),
            json!(false),
            json!([1_700_000_000]),
            json!([]),
            json!({}),
            json!({"seconds": 1_700_000_000}),
        ] {
            let token = good().claim(name, date.clone());
            assert_eq!(refused(&token), InvalidToken::DateType, "{name} {date}");
        }
    }
}

#[test]
fn t_clm_03_a_date_out_of_range_is_refused() {
    let digits = "9".repeat(99);
    for name in ["exp", "nbf", "iat"] {
        for date in [
            "1e400",
            "-1e400",
            &digits,
            &format!("-{digits}"),
            &format!("{digits}.5"),
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "1E+20",
            "-1",
            "-1.5",
            "-0.5",
            "-62135596800",
            "-1e300",
            "253402300800",
            "253402300799.5",
            "2.53402300800e11",
        ] {
            let token = with_text(name, date);
            assert_eq!(refused(&token), InvalidToken::DateRange, "{name} {date}");
        }
    }
}

#[test]
fn dates_to_the_end_of_the_calendar_are_accepted() {
    for date in [
        "253402300799",
        "253402300799.0",
        "253402300798.5",
        "2534023007990e-1",
        "2.53402300799E+11",
    ] {
        let principal = accepted(&with_text("exp", date));
        assert!(principal.expires_at() <= UnixTime::MAX, "{date}");
    }
    assert_eq!(
        accepted(&with_text("exp", "253402300799")).expires_at(),
        UnixTime::MAX
    );
}

#[test]
fn t_clm_04_an_expired_token_is_refused() {
    let exp = NOW.plus(Duration::from_secs(1800));
    let bound = exp.plus(LEEWAY);
    assert_eq!(refused_at(bound, &good()), InvalidToken::TokenExpired);
    assert_eq!(
        refused_at(bound.plus(INSTANT), &good()),
        InvalidToken::TokenExpired
    );
    assert_eq!(
        refused_at(bound.plus(SECOND), &good()),
        InvalidToken::TokenExpired
    );
    assert_eq!(
        refused_at(UnixTime::MAX, &good()),
        InvalidToken::TokenExpired
    );
    for exp in [
        "0",
        "1",
        "0.0",
        "-0",
        "-0.0",
        "1699999970",
        "1699999969.999",
        "1.6e9",
    ] {
        assert_eq!(
            refused(&with_text("exp", exp)),
            InvalidToken::TokenExpired,
            "{exp}"
        );
    }
}

#[test]
fn a_clm_03_dates_within_the_leeway_are_accepted() {
    let exp = NOW.plus(Duration::from_secs(1800));
    accepted_at(exp.minus(INSTANT), &good());
    accepted_at(exp, &good());
    accepted_at(exp.plus(LEEWAY).minus(INSTANT), &good());
    accepted(&with_text("exp", "1699999970.001"));
    accepted(&good().not_before(NOW));
    accepted(&good().not_before(NOW.plus(LEEWAY)));
    accepted(&good().issued_at(NOW.plus(LEEWAY)));
    accepted(&with_text("nbf", "1700000030.0"));
    for zero in ["0", "0.0", "-0", "-0.0", "0e5", "0.000000001"] {
        accepted(&with_text("nbf", zero));
        accepted(&with_text("iat", zero));
    }
}

#[test]
fn t_clm_04_leeway_is_30_s_unless_set() {
    assert_eq!(policy().leeway(), Duration::from_secs(30));
    let exp = NOW.plus(Duration::from_secs(1800));
    let token = good().sign();
    for seconds in [0, 1, 60, 300] {
        let leeway = Duration::from_secs(seconds);
        let policy = settings().leeway(leeway).build().unwrap();
        assert_eq!(policy.leeway(), leeway);
        let bound = exp.plus(leeway);
        let late = invalid(decide_at(&token, &keys(), &policy, bound));
        assert_eq!(late, InvalidToken::TokenExpired);
        decide_at(&token, &keys(), &policy, bound.minus(INSTANT)).unwrap();
    }
}

#[test]
fn t_clm_05_a_token_of_the_future_is_refused() {
    let bound = NOW.plus(LEEWAY);
    let nbf = good().not_before(bound.plus(SECOND));
    assert_eq!(refused(&nbf), InvalidToken::TokenNotYetValid);
    let iat = good().issued_at(bound.plus(SECOND));
    assert_eq!(refused(&iat), InvalidToken::IatInFuture);
    let nbf = good().not_before(NOW);
    let early = NOW.minus(LEEWAY);
    let reason = refused_at(early.minus(INSTANT), &nbf.clone().claim("iat", 0));
    assert_eq!(reason, InvalidToken::TokenNotYetValid);
    accepted_at(early, &nbf.claim("iat", 0));
    let reason = refused_at(early.minus(INSTANT), &good());
    assert_eq!(reason, InvalidToken::IatInFuture);
    accepted_at(early, &good());
    for text in ["1700000030.001", "1.7000000301e9", "253402300799"] {
        let reason = refused(&with_text("nbf", text));
        assert_eq!(reason, InvalidToken::TokenNotYetValid, "{text}");
        assert_eq!(
            refused(&with_text("iat", text)),
            InvalidToken::IatInFuture,
            "{text}"
        );
    }
}

#[test]
fn t_clm_05_leeway_is_granted_to_nbf_and_iat() {
    let strict = settings().leeway(Duration::ZERO).build().unwrap();
    accepted_by(&strict, &good().not_before(NOW));
    let nbf = good().not_before(NOW.plus(SECOND));
    assert_eq!(refused_by(&strict, &nbf), InvalidToken::TokenNotYetValid);
    let iat = good().issued_at(NOW.plus(SECOND));
    assert_eq!(refused_by(&strict, &iat), InvalidToken::IatInFuture);
}

#[test]
fn the_times_of_an_admitted_token_are_checked_when_it_comes_again() {
    let exp = NOW.plus(Duration::from_secs(1800));
    let early = NOW.minus(LEEWAY);
    let claims = claimed(&policy(), &good());
    let again = |now| policy().check_times(&claims, now);
    assert_eq!(again(exp.plus(LEEWAY).minus(INSTANT)), Ok(()));
    assert_eq!(again(exp.plus(LEEWAY)), Err(InvalidToken::TokenExpired));
    assert_eq!(again(early), Ok(()));
    let stepped_back = early.minus(INSTANT);
    assert_eq!(again(stepped_back), Err(InvalidToken::IatInFuture));

    let claims = claimed(&policy(), &good().claim("iat", 0).not_before(NOW));
    let again = |now| policy().check_times(&claims, now);
    assert_eq!(again(early), Ok(()));
    assert_eq!(again(stepped_back), Err(InvalidToken::TokenNotYetValid));

    let generic = settings().profile(Profile::Generic).build().unwrap();
    let claims = claimed(&generic, &good().without_claim("iat"));
    let start = UnixTime::default();
    assert_eq!(generic.check_times(&claims, start), Ok(()));
}

#[test]
fn t_clm_06_a_lifetime_over_the_maximum_is_refused() {
    let limited = |seconds| {
        settings()
            .max_lifetime(Duration::from_secs(seconds))
            .build()
            .unwrap()
    };
    accepted_by(&limited(1800), &good());
    accepted_by(&limited(1801), &good());
    assert_eq!(
        refused_by(&limited(1799), &good()),
        InvalidToken::LifetimeExceeded
    );
    let long = good().expires_in(Duration::from_secs(86_400 * 365));
    assert_eq!(
        refused_by(&limited(1800), &long),
        InvalidToken::LifetimeExceeded
    );
    accepted(&long);
    let fraction = with_text("exp", "1700001800.5");
    assert_eq!(
        refused_by(&limited(1800), &fraction),
        InvalidToken::LifetimeExceeded
    );
    // No leeway on what the issuer's clock alone has written.
    let backdated = good().issued_at(NOW.minus(SECOND));
    assert_eq!(
        refused_by(&limited(1800), &backdated),
        InvalidToken::LifetimeExceeded
    );
    let without = good().without_claim("iat");
    assert_eq!(
        refused_by(&limited(1800), &without),
        InvalidToken::ClaimMissing
    );
    // A lifetime below zero is for `exp` to refuse.
    accepted_by(&limited(0), &good().expires_at(NOW));
}

#[test]
fn t_clm_07_aud_is_required() {
    let missing = good().without_claim("aud");
    assert_eq!(refused(&missing), InvalidToken::AudMissing);
    for aud in [
        json!(null),
        json!(""),
        json!([]),
        json!([""]),
        json!(["", ""]),
    ] {
        let token = good().claim("aud", aud.clone());
        assert_eq!(refused(&token), InvalidToken::AudMissing, "{aud}");
    }
}

#[test]
fn t_clm_08_aud_is_a_string_or_an_array_of_strings() {
    for aud in [
        json!(1),
        json!(1.5),
        json!({}),
        json!({ AUDIENCE: 1 }),
        json!(true),
        json!(false),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, 1]),
        json!([1, AUDIENCE]),
        json!([AUDIENCE, null]),
        json!([AUDIENCE, [AUDIENCE]]),
        json!([AUDIENCE, {}]),
        json!([AUDIENCE, true]),
        json!([null]),
        json!([{}]),
    ] {
        let token = good().claim("aud", aud.clone());
        assert_eq!(refused(&token), InvalidToken::AudType, "{aud}");
    }
}

#[test]
fn t_clm_09_an_audience_that_is_nearly_ours_is_refused() {
    for aud in [
        "https://api.exampl",
        "https://api.example.com",
        "api.example",
        "https://API.example",
        "HTTPS://api.example",
        "https://api.example/",
        "https://api.example/other",
        "https://api.example ",
        " https://api.example",
        "https://api.example https://other.example",
        "https://api.example,https://other.example",
        "https://other.example",
        "https://ap\u{456}.example",
        "https://api.example\0",
        "*",
        "account",
        ISSUER,
    ] {
        let alone = good().claim("aud", aud);
        assert_eq!(refused(&alone), InvalidToken::AudMismatch, "{aud}");
        let listed = good().claim("aud", json!([aud, "https://other.example"]));
        assert_eq!(refused(&listed), InvalidToken::AudMismatch, "{aud}");
    }
}

#[test]
fn a_clm_01_aud_is_ours_alone_or_among_others() {
    for aud in [
        json!(AUDIENCE),
        json!([AUDIENCE]),
        json!(["https://other.example", AUDIENCE]),
        json!([AUDIENCE, "", "https://other.example"]),
        json!([AUDIENCE, AUDIENCE]),
    ] {
        accepted(&good().claim("aud", aud));
    }
    let spelt = with_text("aud", r#"["https:\/\/api.example"]"#);
    accepted(&spelt);
}

#[test]
fn one_of_several_audiences_of_ours_suffices() {
    let two = settings()
        .audience("https://second.example")
        .build()
        .unwrap();
    let names: Vec<&str> = two.audiences().collect();
    assert_eq!(names, [AUDIENCE, "https://second.example"]);
    accepted_by(&two, &good());
    accepted_by(&two, &good().claim("aud", "https://second.example"));
    let neither = good().claim("aud", "https://third.example");
    assert_eq!(refused_by(&two, &neither), InvalidToken::AudMismatch);
}

#[test]
fn t_clm_10_iss_is_required_and_a_string() {
    assert_eq!(
        refused(&good().without_claim("iss")),
        InvalidToken::IssMissing
    );
    for iss in [json!(null), json!("")] {
        let token = good().claim("iss", iss);
        assert_eq!(refused(&token), InvalidToken::IssMissing);
    }
    for iss in [
        json!(1),
        json!([ISSUER]),
        json!([]),
        json!({}),
        json!(true),
        json!({"a": ISSUER}),
    ] {
        let token = good().claim("iss", iss.clone());
        assert_eq!(refused(&token), InvalidToken::IssType, "{iss}");
    }
}

#[test]
fn t_clm_11_an_issuer_that_is_nearly_ours_is_unknown() {
    for iss in [
        "https://auth.exampl",
        "https://auth.example.attacker.example",
        "auth.example",
        "https://auth.example/",
        "https://auth.example/tenant",
        "https://AUTH.example",
        "HTTPS://auth.example",
        "http://auth.example",
        "https://auth.example:443",
        "https://auth.example ",
        " https://auth.example",
        "https://auth.example?",
        "https://auth.example#",
        "https://user@auth.example",
        "https://\u{430}uth.example",
        "https://auth.example\0",
    ] {
        let token = good().claim("iss", iss);
        assert_eq!(refused(&token), InvalidToken::IssuerUnknown, "{iss}");
    }
}

/// The policy looks at the issuer itself: it does not rely on having been selected by it.
#[test]
fn t_clm_11_the_issuer_is_compared_again_after_the_signature() {
    let other = Policy::builder("https://other.example", AUDIENCE)
        .build()
        .unwrap();
    let refused = other.check(verified(&good()), NOW).unwrap_err();
    assert_eq!(refused, InvalidToken::IssuerUnknown);
    for iss in [json!(null), json!("")] {
        let jws = verified(&good().claim("iss", iss));
        assert_eq!(
            policy().check(jws, NOW).unwrap_err(),
            InvalidToken::IssMissing
        );
    }
    let jws = verified(&good().claim("iss", 5));
    assert_eq!(policy().check(jws, NOW).unwrap_err(), InvalidToken::IssType);
    let jws = verified(&good().header("typ", "JWT"));
    assert_eq!(
        policy().check(jws, NOW).unwrap_err(),
        InvalidToken::TypNotAccepted
    );
}

#[test]
fn a_clm_02_dates_may_have_fractions() {
    for exp in [
        "1700001800.5",
        "1700001800.0",
        "1.7000018e9",
        "17000018e2",
        "1700001800.123456789",
    ] {
        accepted(&with_text("exp", exp));
    }
    let principal = accepted(&with_text("exp", "1700001800.5"));
    assert_eq!(
        principal.expires_at(),
        UnixTime::from_duration(Duration::from_millis(1_700_001_800_500))
    );
    let principal = accepted(&with_text("exp", "1700001800"));
    assert_eq!(principal.expires_at(), UnixTime::from_secs(1_700_001_800));
}

#[test]
fn a_clm_04_unknown_claims_of_any_type() {
    for extra in [
        json!(null),
        json!(true),
        json!(-1.5e-7),
        json!(u64::MAX),
        json!(""),
        json!("text"),
        json!([]),
        json!([1, "a", null, [[]], {}]),
        json!({}),
        json!({"a": {"b": [{"c": null}]}}),
    ] {
        accepted(&good().claim("https://example.com/extra", extra.clone()));
        accepted(&good().claim("", extra));
    }
    accepted(&with_text("huge", &"9".repeat(400)));
    accepted(&with_text("tiny", "1e-400"));
    accepted(&with_text("vast", "-1E+400"));
}

#[test]
fn t_clm_13_typed_claims_have_their_type() {
    for (name, values) in [
        (
            "sub",
            vec![json!(1), json!({}), json!([SUBJECT]), json!(true)],
        ),
        ("jti", vec![json!(1), json!({}), json!([]), json!(false)]),
        (
            "client_id",
            vec![json!(1), json!({}), json!(["a"]), json!(true)],
        ),
        (
            "scope",
            vec![
                json!(1),
                json!({}),
                json!(true),
                json!(["a", 1]),
                json!([null]),
            ],
        ),
    ] {
        for value in values {
            let token = good().claim(name, value.clone());
            assert_eq!(refused(&token), InvalidToken::ClaimType, "{name} {value}");
        }
    }
    for value in [json!(1), json!({}), json!([1])] {
        let token = good().without_claim("scope").claim("scp", value.clone());
        assert_eq!(refused(&token), InvalidToken::ClaimType, "{value}");
        // Also beside a good `scope`, and the other way round.
        let token = good().claim("scp", value.clone());
        assert_eq!(refused(&token), InvalidToken::ClaimType, "{value}");
        let token = good().claim("scope", value.clone()).claim("scp", "read");
        assert_eq!(refused(&token), InvalidToken::ClaimType, "{value}");
    }
}

const SUBJECT: &str = bearward_testing::token::SUBJECT;

#[test]
fn an_email_has_at_most_one_at() {
    for email in ["a@b.example", "", "nobody", "\"a b\"@c.example"] {
        accepted(&good().claim("email", email));
    }
}

#[test]
fn a_clm_06_scope_may_be_absent_empty_or_an_array() {
    accepted(&good().without_claim("scope"));
    for scope in [
        json!(""),
        json!(" "),
        json!([]),
        json!(["a", "b"]),
        json!("a b"),
    ] {
        accepted(&good().claim("scope", scope.clone()));
        accepted(&good().without_claim("scope").claim("scp", scope.clone()));
        let both = accepted(&good().claim("scp", scope));
        assert!(both.has_scope("openid"));
    }
}

#[test]
fn t_clm_12_a_claim_that_is_checked_must_be_there() {
    let client = settings().client_id(bearward_testing::token::CLIENT_ID);
    let client = client.profile(Profile::Generic).build().unwrap();
    let token = good().without_claim("client_id");
    assert_eq!(refused_by(&client, &token), InvalidToken::ClaimMissing);
    assert_eq!(
        refused_by(&client, &good().claim("client_id", "")),
        InvalidToken::ClaimMissing
    );
    let azp = token.claim("azp", "");
    assert_eq!(refused_by(&client, &azp), InvalidToken::ClaimMissing);
    for name in ["sub", "jti", "client_id", "iat"] {
        let token = good().without_claim(name);
        assert_eq!(refused(&token), InvalidToken::ClaimMissing, "{name}");
    }
    let sid = settings().required_claim("sid").build().unwrap();
    assert_eq!(refused_by(&sid, &good()), InvalidToken::ClaimMissing);
    for absent in [json!(null), json!("")] {
        let token = good().claim("sid", absent);
        assert_eq!(refused_by(&sid, &token), InvalidToken::ClaimMissing);
    }
    for present in [json!("x"), json!(0), json!(false), json!([]), json!({})] {
        accepted_by(&sid, &good().claim("sid", present));
    }
    let tenant = settings().claim_value("tenant", "acme").build().unwrap();
    assert_eq!(refused_by(&tenant, &good()), InvalidToken::ClaimMissing);
    let nested = settings().claim_value(["a", "b"], "acme").build().unwrap();
    assert_eq!(refused_by(&nested, &good()), InvalidToken::ClaimMissing);
    let token = good().claim("a", json!({"c": "acme"}));
    assert_eq!(refused_by(&nested, &token), InvalidToken::ClaimMissing);
}

/// A claim decides only where something reads it.
#[test]
fn a_claim_that_nothing_reads_may_be_anything() {
    for name in [
        "email",
        "name",
        "groups",
        "address",
        "email_verified",
        "updated_at",
    ] {
        for value in [
            json!("a@b@c.example"),
            json!(1),
            json!(null),
            json!(["a@example.com", "b@example.com"]),
            json!({ "work": "a@example.com" }),
        ] {
            accepted(&good().claim(name, value));
        }
    }
}

/// Issuers write `null` for a value that they do not have.
#[test]
fn a_claim_that_is_null_is_absent() {
    for name in [
        "nbf",
        "scope",
        "scp",
        "azp",
        "email",
        "cnf",
        "typ",
        "auth_time",
        "acr",
        "amr",
        "nonce",
        "sid",
    ] {
        accepted(&good().claim(name, json!(null)));
    }
    for (name, missing) in [
        ("iss", InvalidToken::IssMissing),
        ("aud", InvalidToken::AudMissing),
        ("exp", InvalidToken::ExpMissing),
        ("iat", InvalidToken::ClaimMissing),
        ("sub", InvalidToken::ClaimMissing),
        ("jti", InvalidToken::ClaimMissing),
        ("client_id", InvalidToken::ClaimMissing),
    ] {
        let null = good().claim(name, json!(null));
        assert_eq!(refused(&null), missing, "{name}");
        assert_eq!(refused(&good().without_claim(name)), missing, "{name}");
    }
}

#[test]
fn a_configured_claim_has_its_value() {
    let tenant = settings().claim_value("tenant", "acme").build().unwrap();
    accepted_by(&tenant, &good().claim("tenant", "acme"));
    accepted_by(&tenant, &with_text("tenant", r#""\u0061cme""#));
    for other in ["", "acm", "acme2", "ACME", "acme "] {
        let token = good().claim("tenant", other);
        assert_eq!(
            refused_by(&tenant, &token),
            InvalidToken::ClaimMismatch,
            "{other}"
        );
    }
    for other in [json!(1), json!(["acme"]), json!({"acme": 1}), json!(true)] {
        let token = good().claim("tenant", other.clone());
        assert_eq!(
            refused_by(&tenant, &token),
            InvalidToken::ClaimType,
            "{other}"
        );
    }
    let both = settings()
        .claim_value("tenant", "acme")
        .claim_value(["realm", "name"], "r1")
        .build()
        .unwrap();
    let token = good()
        .claim("tenant", "acme")
        .claim("realm", json!({"name": "r1"}));
    accepted_by(&both, &token);
    let token = token.claim("realm", json!({"name": "r2"}));
    assert_eq!(refused_by(&both, &token), InvalidToken::ClaimMismatch);
}

#[test]
fn a_configured_client_is_the_only_one() {
    let ours = bearward_testing::token::CLIENT_ID;
    let policy = settings()
        .client_id("another")
        .client_id(ours)
        .build()
        .unwrap();
    let names: Vec<&str> = policy.client_ids().collect();
    assert_eq!(names, ["another", ours]);
    accepted_by(&policy, &good());
    accepted_by(&policy, &good().claim("client_id", "another"));
    let upper = ours.to_uppercase();
    for other in ["third", &upper, "another "] {
        let token = good().claim("client_id", other);
        assert_eq!(
            refused_by(&policy, &token),
            InvalidToken::ClaimMismatch,
            "{other}"
        );
    }
    assert_eq!(self::policy().client_ids().count(), 0);
}

/// Every combination of a member's place: the first, the last and the only one of its kind count
/// alike, since the claims are found in one pass.
#[test]
fn the_order_of_claims_does_not_matter() {
    let claims = good().claims();
    let mut members: Vec<(String, Value)> = claims
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for _ in 0..members.len() {
        members.rotate_left(1);
        let text: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{}:{value}", json!(name)))
            .collect();
        accepted(&good().payload_text(format!("{{{}}}", text.join(","))));
    }
}
