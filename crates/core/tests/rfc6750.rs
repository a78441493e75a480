//! Bearer token usage: the credentials of a request, and the challenge that answers it.

use std::time::Duration;

use bearward_core::credentials::{Credentials, UncheckedCredentials};
use bearward_core::rejection::{
    Forbidden, InvalidRequest, InvalidToken, Rejection, TooManyFailures, Unavailable,
};
use bearward_core::{Challenge, ProtectionSpace, RequestHead, Requirements, authenticate};
use http::header::{HeaderName, HeaderValue};
use http::{Request, StatusCode};

use crate::fixture::{NOW, accepted, good, keys, policy};

const MALFORMED: Rejection = Rejection::InvalidRequest(InvalidRequest::MalformedCredentials);
const MULTIPLE: Rejection = Rejection::InvalidRequest(InvalidRequest::MultipleCredentials);

/// The access token of a request with these `Authorization` fields.
fn parse(uri: &str, fields: &[&[u8]]) -> Result<Vec<u8>, Rejection> {
    let mut request = Request::get(uri);
    for field in fields {
        let field = HeaderValue::from_bytes(field).unwrap();
        request = request.header("authorization", field);
    }
    let request = request.body(()).unwrap();
    Credentials::parse(RequestHead::from(&request)).map(|found| found.access_token().to_vec())
}

fn field(value: &str) -> Result<Vec<u8>, Rejection> {
    parse("/orders", &[value.as_bytes()])
}

#[test]
fn t_req_01_two_fields_are_refused() {
    let token = good().sign();
    let good = format!("Bearer {token}");
    let bad = "Bearer e30.e30.AA";
    let basic = "Basic dXNlcjpwYXNz";
    for fields in [
        [&*good, bad],
        [bad, &*good],
        [basic, &*good],
        [&*good, basic],
        [&*good, &*good],
        ["", &*good],
        [&*good, ""],
        [basic, basic],
    ] {
        let fields = fields.map(str::as_bytes);
        assert_eq!(parse("/", &fields), Err(MULTIPLE), "{fields:?}");
    }
    let three = [good.as_bytes(), good.as_bytes(), good.as_bytes()];
    assert_eq!(parse("/", &three), Err(MULTIPLE));
}

#[test]
fn t_req_02_one_field_with_several_is_refused() {
    let token = good().sign();
    for value in [
        "Bearer a, Bearer b",
        "Bearer a,Bearer b",
        "Bearer a,b",
        "Bearer tok, realm=x",
        "Bearer tok,realm=x",
        "Bearer ,",
        "Bearer , a",
        &format!("Bearer {token}, Bearer {token}"),
        &format!("Bearer {token},{token}"),
        &format!("Bearer {token}, Basic dXNlcjpwYXNz"),
        &format!("Bearer {token},"),
    ] {
        assert_eq!(field(value), Err(MALFORMED), "{value}");
    }
}

#[test]
fn t_req_03_a_token_by_two_methods_is_refused() {
    let token = good().sign();
    let field = format!("Bearer {token}");
    for query in [
        "access_token=abc",
        &format!("access_token={token}"),
        "access_token=",
        "access_token",
        "a=1&access_token=abc",
        "access_token=abc&a=1",
        "access_token=a&access_token=b",
        "access%5Ftoken=abc",
        "%61ccess_token=abc",
    ] {
        let uri = format!("/orders?{query}");
        assert_eq!(parse(&uri, &[field.as_bytes()]), Err(MULTIPLE), "{query}");
    }
}

#[test]
fn t_req_04_a_token_elsewhere_is_not_read() {
    let token = good().sign();
    let by_query = Request::get(format!("/orders?access_token={token}"))
        .body(String::new())
        .unwrap();
    let by_form = Request::post("/orders")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("access_token={token}"))
        .unwrap();
    let by_cookie = Request::get("/orders")
        .header(
            "cookie",
            format!("app_access_token={token}; session={token}"),
        )
        .body(String::new())
        .unwrap();
    for request in [by_query, by_form, by_cookie] {
        let head = RequestHead::from(&request);
        let refused = authenticate(head, &keys(), &policy(), NOW).unwrap_err();
        assert_eq!(refused, Rejection::NoCredentials);
        assert_eq!(refused.reason(), "no_credentials");
        let challenge = Challenge::new(&refused, &ProtectionSpace::default());
        assert_eq!(
            challenge.headers()["www-authenticate"],
            "Bearer realm=\"api\""
        );
        assert_eq!(challenge.status(), StatusCode::UNAUTHORIZED);
        let shown = format!("{head:?}");
        assert!(!shown.contains(&token), "{shown}");
    }
}

#[test]
fn t_req_05_the_scheme_is_the_whole_first_word() {
    let token = good().sign();
    for value in [
        &format!("Basic xBearer {token}"),
        &format!("Basic Bearer {token}"),
        &*token,
        &format!("Token {token}"),
        &format!("NotBearer {token}"),
        &format!("Bearer2 {token}"),
        &format!("Bearer-{token}"),
        &format!("Bearer.{token}"),
        &format!("Bearer_ {token}"),
        &format!("Beare {token}"),
        &format!("B {token}"),
        "Basic",
        "Basic ",
        "Digest username=\"Bearer\"",
        "Negotiate",
    ] {
        assert_eq!(field(value), Err(Rejection::NoCredentials), "{value}");
    }
}

#[test]
fn t_req_06_a_broken_field_is_refused() {
    let token = good().sign();
    for value in [
        "Bearer".as_bytes(),
        b"Bearer ",
        b"Bearer    ",
        format!("Bearer\t{token}").as_bytes(),
        format!("Bearer \t{token}").as_bytes(),
        format!("Bearer {token}\t").as_bytes(),
        format!("Bearer {token} ").as_bytes(),
        format!("Bearer {token} x").as_bytes(),
        b"Bearer tok x",
        b"Bearer tok  x",
        format!("Bearer \"{token}\"").as_bytes(),
        b"Bearer \"tok\"",
        b"Bearer 'tok'",
        b"Bearer tok;x",
        b"Bearer tok:x",
        b"Bearer <tok>",
        b"Bearer {}",
        b"Bearer tok%20",
        b"Bearer tok\\",
        b"Bearer:tok",
        b"Bearer,tok",
        b"Bearer=tok",
        b"Bearer\"tok\"",
        b"Bearer tok\x80",
        b"Bearer \xE4",
        b"Bearer\xA0tok",
        "Bearer t\u{f6}k".as_bytes(),
        b"",
        b" ",
        b" Bearer tok",
        b"\tBearer tok",
        b",Bearer tok",
        b"\"Bearer\" tok",
    ] {
        let decided = parse("/orders", &[value]);
        assert_eq!(decided, Err(MALFORMED), "{}", value.escape_ascii());
    }
}

#[test]
fn t_req_06_control_characters_do_not_fit_into_a_field() {
    for byte in (0_u8..0x20).chain([0x7F]).filter(|byte| *byte != b'\t') {
        let value = [b"Bearer a".as_slice(), &[byte], b"b"].concat();
        assert!(HeaderValue::from_bytes(&value).is_err(), "{byte:#x}");
    }
}

#[test]
fn t_pop_03_the_dpop_scheme_counts_as_no_credentials() {
    let token = good().sign();
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let refused = field(&format!("{scheme} {token}")).unwrap_err();
        assert_eq!(refused, Rejection::NoCredentials);
        assert_eq!(refused.reason(), "no_credentials");
    }
}

#[test]
fn no_field_is_no_credentials() {
    assert_eq!(parse("/orders", &[]), Err(Rejection::NoCredentials));
    assert_eq!(
        parse("/orders?access_token=abc", &[]),
        Err(Rejection::NoCredentials)
    );
    assert_eq!(
        parse("/orders?access_token=abc", &[b"Basic dXNlcjpwYXNz"]),
        Err(Rejection::NoCredentials)
    );
}

#[test]
fn a_req_01_scheme_and_field_name_in_any_case() {
    let token = good().sign();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let found = field(&format!("{scheme} {token}"));
        assert_eq!(found, Ok(token.clone().into_bytes()));
    }
    for name in [
        "Authorization",
        "authorization",
        "AUTHORIZATION",
        "aUtHoRiZaTiOn",
    ] {
        let request = Request::get("/")
            .header(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                format!("Bearer {token}"),
            )
            .body(())
            .unwrap();
        authenticate(RequestHead::from(&request), &keys(), &policy(), NOW).unwrap();
    }
}

#[test]
fn a_req_02_several_spaces_before_the_token() {
    for spaces in 1..20 {
        let found = field(&format!("Bearer{}abc", " ".repeat(spaces)));
        assert_eq!(found, Ok(b"abc".to_vec()));
    }
}

#[test]
fn a_req_03_unrelated_cookies_and_parameters() {
    for query in [
        "",
        "a=1",
        "token=abc",
        "access_tokens=abc",
        "xaccess_token=abc",
        "access-token=abc",
        "ACCESS_TOKEN=abc",
        "access_token%3D=abc",
        "a=access_token",
        "a=%26access_token=b",
        "%FF=%FF",
    ] {
        let request = Request::get(format!("/orders?{query}"))
            .header("authorization", "Bearer abc")
            .header("cookie", "access_token=abc; session=def")
            .body(())
            .unwrap();
        let found = Credentials::parse(RequestHead::from(&request)).unwrap();
        assert_eq!(found.access_token(), b"abc", "{query}");
    }
    let path = parse("/access_token=abc/access_token", &[b"Bearer abc"]);
    assert_eq!(path, Ok(b"abc".to_vec()));
}

#[test]
fn every_b64token_character_is_taken() {
    let all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=";
    assert_eq!(field(&format!("Bearer {all}")), Ok(all.as_bytes().to_vec()));
    for byte in 0x20..=0xFF_u8 {
        let value = [b"Bearer a".as_slice(), &[byte], b"b"].concat();
        let Ok(value) = HeaderValue::from_bytes(&value) else {
            continue;
        };
        let expected = if all.as_bytes().contains(&byte) {
            Ok(vec![b'a', byte, b'b'])
        } else {
            Err(MALFORMED)
        };
        assert_eq!(parse("/", &[value.as_bytes()]), expected, "{byte:#x}");
    }
}

#[test]
fn a_head_is_made_of_a_request_its_parts_or_their_parts() {
    let request = Request::put("/a?b=c").header("d", "e").body(()).unwrap();
    let head = RequestHead::from(&request);
    assert_eq!(head.method, http::Method::PUT);
    assert_eq!(head.uri, "/a?b=c");
    assert_eq!(head.headers["d"], "e");
    let (parts, ()) = request.into_parts();
    let head = RequestHead::from(&parts);
    assert_eq!(head.method, http::Method::PUT);
    assert_eq!(head.uri, "/a?b=c");
    assert_eq!(head.headers["d"], "e");
    let head = RequestHead::new(&parts.method, &parts.uri, &parts.headers);
    assert_eq!(head.method, http::Method::PUT);
    assert_eq!(head.uri, "/a?b=c");
    assert_eq!(head.headers["d"], "e");
}

/// The whole answer as it goes over the wire, fields in alphabetical order.
pub(crate) fn wire(rejection: &Rejection, space: &ProtectionSpace) -> String {
    let response: http::Response<&str> = Challenge::new(rejection, space).into_response();
    let mut fields: Vec<String> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    fields.sort();
    let status = response.status();
    format!("{status}\n{}\n{}", fields.concat(), response.body())
}

fn with_metadata() -> ProtectionSpace {
    ProtectionSpace::default()
        .resource_metadata("https://api.example.com/.well-known/oauth-protected-resource")
        .unwrap()
}

#[test]
fn challenge_without_credentials() {
    assert_eq!(
        wire(&Rejection::NoCredentials, &with_metadata()),
        r#"401 Unauthorized
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"

{"title":"Unauthorized","status":401}"#
    );
    assert_eq!(
        wire(&Rejection::NoCredentials, &ProtectionSpace::default()),
        r#"401 Unauthorized
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api"

{"title":"Unauthorized","status":401}"#
    );
}

#[test]
fn challenge_to_malformed_credentials() {
    assert_eq!(
        wire(&MALFORMED, &ProtectionSpace::default()),
        r#"400 Bad Request
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", error="invalid_request", error_description="The credentials are malformed"

{"title":"Bad Request","status":400,"error":"invalid_request"}"#
    );
}

#[test]
fn challenge_to_two_credentials() {
    assert_eq!(
        wire(&MULTIPLE, &ProtectionSpace::default()),
        r#"400 Bad Request
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", error="invalid_request", error_description="More than one access token was sent"

{"title":"Bad Request","status":400,"error":"invalid_request"}"#
    );
}

#[test]
fn challenge_to_an_invalid_token() {
    assert_eq!(
        wire(&InvalidToken::TokenExpired.into(), &with_metadata()),
        r#"401 Unauthorized
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", error="invalid_token", error_description="The access token is not valid", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"

{"title":"Unauthorized","status":401,"error":"invalid_token"}"#
    );
}

#[test]
fn challenge_to_insufficient_scope() {
    let principal = accepted(&good());
    let requirements = Requirements::builder()
        .scope("orders:read")
        .scope("orders:write")
        .build()
        .unwrap();
    let refused = requirements.authorize(&principal, NOW).unwrap_err();
    assert_eq!(
        wire(&refused, &ProtectionSpace::default()),
        r#"403 Forbidden
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request needs more scope", scope="orders:read orders:write"

{"title":"Forbidden","status":403,"error":"insufficient_scope"}"#
    );
    assert_eq!(
        wire(&refused, &with_metadata()),
        r#"403 Forbidden
cache-control: no-store
content-type: application/problem+json
www-authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request needs more scope", scope="orders:read orders:write", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"

{"title":"Forbidden","status":403,"error":"insufficient_scope"}"#
    );
}

#[test]
fn no_challenge_where_asking_again_does_not_help() {
    for reason in Forbidden::ALL {
        assert_eq!(
            wire(&(*reason).into(), &with_metadata()),
            r#"403 Forbidden
cache-control: no-store
content-type: application/problem+json

{"title":"Forbidden","status":403}"#
        );
    }
}

#[test]
fn no_challenge_while_keys_are_unavailable() {
    let refused = Unavailable::new(Duration::from_secs(5)).into();
    assert_eq!(
        wire(&refused, &with_metadata()),
        r#"503 Service Unavailable
cache-control: no-store
content-type: application/problem+json
retry-after: 5

{"title":"Service Unavailable","status":503}"#
    );
}

#[test]
fn no_challenge_after_too_many_failures() {
    let refused = TooManyFailures::new(Duration::from_secs(5)).into();
    assert_eq!(
        wire(&refused, &with_metadata()),
        r#"429 Too Many Requests
cache-control: no-store
content-type: application/problem+json
retry-after: 5

{"title":"Too Many Requests","status":429}"#
    );
}

#[test]
fn retry_after_is_whole_seconds_rounded_up_from_1_to_60() {
    for (milliseconds, seconds) in [
        (0, "1"),
        (1, "1"),
        (999, "1"),
        (1_000, "1"),
        (1_001, "2"),
        (4_999, "5"),
        (5_000, "5"),
        (59_000, "59"),
        (59_001, "60"),
        (60_000, "60"),
        (60_001, "60"),
        (86_400_000, "60"),
    ] {
        let refused = Unavailable::new(Duration::from_millis(milliseconds)).into();
        let challenge = Challenge::new(&refused, &ProtectionSpace::default());
        assert_eq!(
            challenge.headers()["retry-after"],
            seconds,
            "{milliseconds}"
        );
    }
    let refused = Unavailable::new(Duration::MAX).into();
    let challenge = Challenge::new(&refused, &ProtectionSpace::default());
    assert_eq!(challenge.headers()["retry-after"], "60");
}

/// In Bearer, whether the refused request had credentials of it, of another scheme, of several or none.
#[test]
fn the_challenge_to_a_request_is_of_our_scheme() {
    let space = ProtectionSpace::default();
    for fields in [
        &[][..],
        &["Bearer a"],
        &["bEARER a"],
        &["Basic a"],
        &["DPoP a"],
        &["Bearer a", "Basic b"],
        &[""],
    ] {
        let mut request = Request::get("/");
        for field in fields {
            request = request.header("authorization", *field);
        }
        let request = request.body(()).unwrap();
        for refused in [Rejection::NoCredentials, MALFORMED] {
            let challenge = Challenge::to(RequestHead::from(&request), &refused, &space);
            assert_eq!(challenge, Challenge::new(&refused, &space), "{fields:?}");
        }
    }
}

/// The characters of a token that is to be read as a JWS decide nothing but the reason of its refusal.
#[test]
fn t_req_06_characters_that_are_not_checked_yet() {
    let unchecked = |field: &str| {
        let request = Request::get("/").header("authorization", field);
        let request = request.body(()).unwrap();
        let found = UncheckedCredentials::parse(RequestHead::from(&request)).unwrap();
        assert_eq!(format!("{found:?}"), "UncheckedCredentials { .. }");
        let token = found.for_jws().to_vec();
        let refusal = found.refusal(InvalidToken::NotCompactJws.into());
        let checked = found.check().map(|found| found.access_token().to_vec());
        (token, checked, refusal)
    };
    let expected = InvalidToken::NotCompactJws.into();
    let good = (b"a.b".to_vec(), Ok(b"a.b".to_vec()), expected);
    assert_eq!(unchecked("Bearer a.b"), good);
    let malformed = InvalidRequest::MalformedCredentials;
    let bad = (b"a,b".to_vec(), Err(malformed), malformed.into());
    assert_eq!(unchecked("Bearer a,b"), bad);
}

#[test]
fn an_answer_is_its_parts() {
    let challenge = Challenge::new(&MALFORMED, &ProtectionSpace::default());
    assert_eq!(challenge.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        challenge.body(),
        r#"{"title":"Bad Request","status":400,"error":"invalid_request"}"#
    );
    assert_eq!(challenge.headers().len(), 3);
    let response: http::Response<String> = challenge.clone().into_response();
    assert_eq!(response.status(), challenge.status());
    assert_eq!(response.headers(), challenge.headers());
    assert_eq!(response.body(), challenge.body());
}

#[test]
fn every_body_is_a_json_object_with_its_status() {
    let space = ProtectionSpace::default();
    for rejection in crate::errors::every_rejection() {
        let challenge = Challenge::new(&rejection, &space);
        let body: serde_json::Value = serde_json::from_str(challenge.body()).unwrap();
        assert_eq!(body["status"], challenge.status().as_u16());
    }
}

#[test]
fn the_realm_is_what_is_configured() {
    let space = ProtectionSpace::new("Orders & more, ~all! #1 [x]").unwrap();
    let challenge = Challenge::new(&Rejection::NoCredentials, &space);
    assert_eq!(
        challenge.headers()["www-authenticate"],
        "Bearer realm=\"Orders & more, ~all! #1 [x]\""
    );
    assert_eq!(
        ProtectionSpace::new("api").unwrap(),
        ProtectionSpace::default()
    );
}

#[test]
fn t_err_02_what_could_not_stand_between_quotes_is_refused() {
    for byte in 0..=0x7F_u8 {
        let text = format!("a{}b", char::from(byte));
        let fits = (0x20..=0x7E).contains(&byte) && byte != b'"' && byte != b'\\';
        let realm = ProtectionSpace::new(text.clone());
        let url = ProtectionSpace::default().resource_metadata(text);
        if fits {
            assert!(realm.is_ok() && url.is_ok(), "{byte:#x}");
        } else {
            assert!(realm.is_err(), "{byte:#x}");
            assert!(url.is_err(), "{byte:#x}");
        }
    }
    ProtectionSpace::new("\u{e4}pi").unwrap_err();
    let injected = ProtectionSpace::new("api\r\nSet-Cookie: a=b").unwrap_err();
    assert_eq!(
        injected.to_string(),
        "a realm or URL in a challenge must be printable ASCII without quotes and backslashes"
    );
}
