//! Stage 1, parse: the credentials in the request ([RFC 6750 §2], [RFC 9110 §11]).
//!
//! [RFC 6750 §2]: https://www.rfc-editor.org/rfc/rfc6750#section-2
//! [RFC 9110 §11]: https://www.rfc-editor.org/rfc/rfc9110#section-11

use http::Method;

use super::case::{Answer, Case, Sent};
use super::setting::user;

/// No credentials that the adapter reads: a challenge without an error code.
pub(super) const NO_CREDENTIALS: Answer = Answer::challenge(
    401,
    r#"Bearer realm="api", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Unauthorized","status":401}"#,
);

pub(super) const MALFORMED: Answer = Answer::challenge(
    400,
    r#"Bearer realm="api", error="invalid_request", error_description="The credentials are malformed", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Bad Request","status":400,"error":"invalid_request"}"#,
);

pub(super) const MULTIPLE: Answer = Answer::challenge(
    400,
    r#"Bearer realm="api", error="invalid_request", error_description="More than one access token was sent", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Bad Request","status":400,"error":"invalid_request"}"#,
);

pub(super) fn cases() -> Vec<Case> {
    [absent(), accepted(), several(), malformed(), optional()].concat()
}

fn absent() -> Vec<Case> {
    let token = user().sign();
    let refuses = |sent: Sent| sent.refuses(NO_CREDENTIALS, "no_credentials");
    let with = |name, value: String| refuses(Sent::get(name, "/").authorization(value));
    let query = format!("/?access_token={token}");
    let cookie = format!("access_token={token}; app_access_token={token}");
    vec![
        refuses(Sent::get("no_credentials", "/")),
        refuses(Sent::get(
            "no_credentials_where_more_is_asked_for",
            "/scoped",
        )),
        with("t_req_05_basic", "Basic dXNlcjpwYXNz".into()),
        with(
            "t_req_05_bearer_within_basic",
            format!("Basic xBearer {token}"),
        ),
        with("t_req_05_token_without_scheme", token.clone()),
        with("t_req_05_other_scheme", format!("Token {token}")),
        with(
            "t_req_05_scheme_that_ends_alike",
            format!("NotBearer {token}"),
        ),
        with(
            "dpop_counts_as_none_while_it_is_not_supported",
            format!("DPoP {token}"),
        ),
        refuses(Sent::get("t_req_04_query_alone", &query)),
        refuses(Sent::get("t_req_04_cookie_alone", "/").field("cookie", cookie)),
        refuses(
            Sent::get("t_req_08_preflight", "/")
                .method(Method::OPTIONS)
                .field("origin", "https://app.example")
                .field("access-control-request-method", "GET"),
        ),
        refuses(
            Sent::get(
                "t_err_02_nothing_is_reflected",
                "/?realm=%22,%20error=%22evil&evil",
            )
            .host("evil.example")
            .field("x-forwarded-host", "evil.example")
            .field("x-forwarded-proto", "evil")
            .field("forwarded", "host=evil.example;proto=evil"),
        ),
    ]
}

fn accepted() -> Vec<Case> {
    let token = user().sign();
    let admits = |name, value: String| Sent::get(name, "/").authorization(value).admits_user();
    vec![
        admits("good_token", format!("Bearer {token}")),
        admits("a_req_01_scheme_in_lower_case", format!("bearer {token}")),
        admits("a_req_01_scheme_in_upper_case", format!("BEARER {token}")),
        admits("a_req_01_scheme_in_mixed_case", format!("bEaReR {token}")),
        admits("a_req_02_several_spaces", format!("Bearer    {token}")),
        Sent::get(
            "a_req_03_unrelated_cookies_and_parameters",
            "/?page=2&access_tokens=a&token=b",
        )
        .authorization(format!("Bearer {token}"))
        .field("cookie", "access_token=a; session=b")
        .admits_user(),
        Sent::get("a_req_03_any_method", "/")
            .method(Method::DELETE)
            .authorization(format!("Bearer {token}"))
            .admits_user(),
    ]
}

fn several() -> Vec<Case> {
    let token = user().sign();
    let good = format!("Bearer {token}");
    let refuses = |sent: Sent| sent.refuses(MULTIPLE, "multiple_credentials");
    let with = |name, first: &str, second: &str| {
        refuses(
            Sent::get(name, "/")
                .authorization(first)
                .authorization(second),
        )
    };
    let query = |name, parameter: &str| {
        let target = format!("/?page=2&{parameter}={token}");
        refuses(Sent::get(name, &target).authorization(&good))
    };
    vec![
        with("t_req_01_good_and_bad", &good, "Bearer e30.e30.AA"),
        with("t_req_01_bad_and_good", "Bearer e30.e30.AA", &good),
        with("t_req_01_basic_and_good", "Basic dXNlcjpwYXNz", &good),
        with("t_req_01_good_and_basic", &good, "Basic dXNlcjpwYXNz"),
        with("t_req_01_the_same_twice", &good, &good),
        query("t_req_03_field_and_query", "access_token"),
        query("t_req_03_field_and_escaped_query", "%61ccess%5Ftoken"),
    ]
}

fn malformed() -> Vec<Case> {
    let token = user().sign();
    let refuses = |name, value: &[u8]| {
        let sent = Sent::get(name, "/").authorization(value);
        sent.refuses(MALFORMED, "malformed_credentials")
    };
    let with = |name, value: String| refuses(name, value.as_bytes());
    vec![
        with(
            "t_req_02_two_in_one_field",
            format!("Bearer {token}, Bearer {token}"),
        ),
        with(
            "t_req_02_with_a_parameter",
            format!("Bearer {token}, realm=x"),
        ),
        with("t_req_06_scheme_alone", "Bearer".into()),
        with("t_req_06_spaces_alone", "Bearer   ".into()),
        with("t_req_06_tab_for_space", format!("Bearer\t{token}")),
        with("t_req_06_second_word", format!("Bearer {token} x")),
        with("t_req_06_quotes", format!("Bearer \"{token}\"")),
        with("t_req_06_scheme_twice", format!("Bearer Bearer {token}")),
        refuses("t_req_06_beyond_ascii", b"Bearer t\xC3\xB6k"),
    ]
}

fn optional() -> Vec<Case> {
    let token = user().sign();
    let sent = |name| Sent::get(name, "/optional");
    vec![
        sent("a_req_04_anonymous").admits_nobody(),
        sent("a_req_04_basic_counts_as_none")
            .authorization("Basic dXNlcjpwYXNz")
            .admits_nobody(),
        Sent::get(
            "t_req_04_optional_query_is_not_read",
            &format!("/optional?access_token={token}"),
        )
        .admits_nobody(),
        sent("optional_good_token")
            .authorization(format!("Bearer {token}"))
            .admits_user(),
        sent("t_req_07_malformed")
            .authorization("Bearer")
            .refuses(MALFORMED, "malformed_credentials"),
        sent("t_req_07_two")
            .authorization(format!("Bearer {token}"))
            .authorization(format!("Bearer {token}"))
            .refuses(MULTIPLE, "multiple_credentials"),
    ]
}
