//! Sources of a token other than `Authorization`: which are read, which are refused, and how a token
//! is taken out again (THREATS table 1).

use bearward_core::credentials::Credentials;
use bearward_core::rejection::{Forbidden, InvalidRequest, Rejection};
use bearward_core::source::{SourcesError, TokenEncoding};
use bearward_core::{Challenge, ProtectionSpace, RequestHead, Source, Sources};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use proptest::prelude::*;

const MALFORMED: Rejection = Rejection::InvalidRequest(InvalidRequest::MalformedCredentials);
const MULTIPLE: Rejection = Rejection::InvalidRequest(InvalidRequest::MultipleCredentials);
const CSRF: Rejection = Rejection::Forbidden(Forbidden::CsrfOrigin);

const KUBERNETES: &str = "base64url.bearer.authorization.k8s.io.";
const ASSERTION: &str = "cf-access-jwt-assertion";
const PROTOCOL: &str = "sec-websocket-protocol";

fn field() -> Source {
    Source::field("Cf-Access-Jwt-Assertion").unwrap()
}

fn cookie() -> Source {
    Source::cookie("access_token").unwrap()
}

fn pair() -> Source {
    Source::websocket_protocol("bearer").unwrap()
}

fn kubernetes() -> Source {
    Source::websocket_prefix(KUBERNETES, TokenEncoding::Base64Url).unwrap()
}

fn plain_prefix() -> Source {
    Source::websocket_prefix("api-key.", TokenEncoding::Plain).unwrap()
}

fn query_source() -> Source {
    Source::query("access_token").unwrap()
}

fn sources(list: impl IntoIterator<Item = Source>) -> Sources {
    Sources::new(list).unwrap()
}

/// One of each.
fn all() -> Sources {
    let other = Source::field("X-Goog-Iap-Jwt-Assertion").unwrap();
    sources([
        field(),
        other,
        cookie(),
        pair(),
        kubernetes(),
        query_source(),
    ])
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        headers.append(name, value);
    }
    headers
}

fn parse(target: &str, lines: &[(&str, &str)], sources: &Sources) -> Result<String, Rejection> {
    let mut request = Request::get(target).body(()).unwrap();
    *request.headers_mut() = fields(lines);
    let found = Credentials::parse_from(RequestHead::from(&request), sources)?;
    assert_eq!(format!("{found:?}"), "Credentials { .. }");
    Ok(String::from_utf8(found.access_token().to_vec()).unwrap())
}

#[test]
fn a_token_is_found_in_each_source() {
    let found = Ok("a.b.c".to_owned());
    for (target, lines) in [
        ("/", &[("authorization", "Bearer a.b.c")][..]),
        ("/", &[(ASSERTION, "a.b.c")]),
        ("/", &[("x-goog-iap-jwt-assertion", "a.b.c")]),
        ("/", &[("cookie", "access_token=a.b.c")]),
        ("/", &[("cookie", "a=1; access_token=a.b.c; b=2")]),
        ("/", &[("cookie", "a=1;access_token=a.b.c")]),
        ("/", &[("cookie", "a=1"), ("cookie", "access_token=a.b.c")]),
        ("/", &[(PROTOCOL, "bearer, a.b.c")]),
        ("/", &[(PROTOCOL, "bearer,a.b.c,chat")]),
        ("/", &[(PROTOCOL, "chat, bearer, a.b.c")]),
        ("/", &[(PROTOCOL, "bearer"), (PROTOCOL, "a.b.c")]),
        ("/", &[(PROTOCOL, "chat,,\tbearer , a.b.c ,")]),
        (
            "/",
            &[(
                PROTOCOL,
                "base64url.bearer.authorization.k8s.io.YS5iLmM, chat",
            )],
        ),
        ("/x?access_token=a.b.c", &[]),
        ("/x?a=1&access%5Ftoken=a%2Eb.c", &[]),
    ] {
        assert_eq!(parse(target, lines, &all()), found, "{target} {lines:?}");
    }
    let plain = sources([plain_prefix()]);
    let offered = [(PROTOCOL, "realtime, api-key.a.b.c, beta")];
    assert_eq!(parse("/", &offered, &plain), found);
}

/// A browser keeps an emptied cookie after a logout, and some proxies send an empty field for none.
#[test]
fn a_req_03_an_empty_cookie_or_field_carries_nothing() {
    let good = ("authorization", "Bearer a.b.c");
    for empty in [("cookie", "access_token="), (ASSERTION, "")] {
        assert_eq!(parse("/", &[empty], &all()), Err(Rejection::NoCredentials));
        assert_eq!(parse("/", &[good, empty], &all()), Ok("a.b.c".to_owned()));
    }
    for other in [
        ("cookie", "access_token"),
        ("cookie", "Access_Token=a"),
        ("cookie", "x_access_token=a"),
    ] {
        assert_eq!(
            parse("/", &[good, other], &all()),
            Ok("a.b.c".to_owned()),
            "{other:?}"
        );
    }
}

#[test]
fn t_req_03_a_token_by_two_methods_is_refused() {
    let good = ("authorization", "Bearer a.b.c");
    let by_query = sources([query_source()]);
    let other_query = sources([Source::query("token").unwrap(), field()]);
    let by_cookie = sources([cookie()]);
    let cookie = ("cookie", "access_token=a.b.c");
    for (target, lines, sources) in [
        ("/x?access_token=a.b.c", &[good][..], &by_query),
        ("/x?access_token=", &[good], &by_query),
        ("/x?access_token=a&access_token=a", &[], &by_query),
        ("/", &[good, cookie], &by_cookie),
        ("/", &[good, ("cookie", "a=1; access_token=x")], &by_cookie),
        // The name of RFC 6750 counts although that source is off.
        ("/x?access_token=a.b.c", &[cookie], &by_cookie),
        ("/x?token=a.b.c&access_token=a.b.c", &[], &other_query),
        (
            "/x?access_token=a.b.c",
            &[(ASSERTION, "a.b.c")],
            &other_query,
        ),
    ] {
        assert_eq!(
            parse(target, lines, sources),
            Err(MULTIPLE),
            "{target} {lines:?}"
        );
    }
}

#[test]
fn t_req_04_a_source_that_is_off_is_not_read() {
    for (on, target, line) in [
        (sources([field()]), "/", ("cookie", "access_token=a.b.c")),
        (sources([cookie()]), "/", (ASSERTION, "a.b.c")),
        (sources([cookie()]), "/", (PROTOCOL, "bearer, a.b.c")),
        (
            sources([pair()]),
            "/",
            (PROTOCOL, "base64url.bearer.authorization.k8s.io.YS5iLmM"),
        ),
        (sources([kubernetes()]), "/", (PROTOCOL, "bearer, a.b.c")),
        (
            sources([field(), cookie()]),
            "/x?access_token=a.b.c",
            ("accept", "*/*"),
        ),
        (
            sources([field()]),
            "/",
            ("x-goog-iap-jwt-assertion", "a.b.c"),
        ),
        (Sources::default(), "/", (ASSERTION, "a.b.c")),
    ] {
        assert_eq!(
            parse(target, &[line], &on),
            Err(Rejection::NoCredentials),
            "{line:?}"
        );
        // Next to a token that is read, it is no second one; the query alone counts always.
        if target == "/" {
            let good = ("authorization", "Bearer x.y.z");
            assert_eq!(
                parse(target, &[good, line], &on),
                Ok("x.y.z".to_owned()),
                "{line:?}"
            );
        }
    }
}

#[test]
fn t_req_06_a_malformed_source_is_refused() {
    let long = format!("{KUBERNETES}YS5iLmN");
    for line in [
        (ASSERTION, "Bearer a.b.c"),
        (ASSERTION, "a.b.c, a.b.c"),
        (ASSERTION, "a b"),
        ("cookie", "access_token=\"a.b.c\""),
        ("cookie", "access_token=a b"),
        // Two readings: a proxy may have joined two lines.
        ("cookie", "a=1,access_token=a.b.c"),
        ("cookie", "a=1; b=2 , access_token=a.b.c; c=3"),
        ("cookie", "access_token=a,access_token=b"),
        ("cookie", "access_token=a.b.c,b=1"),
        (PROTOCOL, "bearer"),
        (PROTOCOL, "chat, bearer"),
        (PROTOCOL, "bearer, a\"b"),
        (PROTOCOL, KUBERNETES),
        (PROTOCOL, "base64url.bearer.authorization.k8s.io.YS5iLmM="),
        (PROTOCOL, "base64url.bearer.authorization.k8s.io.!"),
        (PROTOCOL, &long),
    ] {
        assert_eq!(parse("/", &[line], &all()), Err(MALFORMED), "{line:?}");
    }
    let by_query = sources([query_source()]);
    assert_eq!(parse("/x?access_token=", &[], &by_query), Err(MALFORMED));
    assert_eq!(parse("/x?access_token=a+b", &[], &all()), Err(MALFORMED));
}

#[test]
fn t_req_10_a_token_in_two_sources_is_refused() {
    let carriers = [
        ("authorization", "Bearer a.b.c"),
        ("authorization", "Basic dXNlcjpwYXNz"),
        (ASSERTION, "a.b.c"),
        ("x-goog-iap-jwt-assertion", "a.b.c"),
        ("cookie", "access_token=a.b.c"),
        (PROTOCOL, "bearer, a.b.c"),
        (PROTOCOL, "base64url.bearer.authorization.k8s.io.YS5iLmM"),
    ];
    for one in carriers {
        for next in carriers {
            assert_eq!(
                parse("/", &[one, next], &all()),
                Err(MULTIPLE),
                "{one:?} {next:?}"
            );
        }
        let target = "/x?access_token=a.b.c";
        assert_eq!(parse(target, &[one], &all()), Err(MULTIPLE), "{one:?}");
    }
    // Neither hides the other by being malformed.
    for line in [
        (ASSERTION, "a b"),
        (PROTOCOL, "bearer"),
        ("cookie", "access_token=a b"),
    ] {
        let good = ("authorization", "Bearer a.b.c");
        assert_eq!(parse("/", &[good, line], &all()), Err(MULTIPLE), "{line:?}");
    }
    for twice in [
        "access_token=a; access_token=a",
        "access_token=; access_token=a",
        "access_token=a; b=1; access_token=",
    ] {
        assert_eq!(
            parse("/", &[("cookie", twice)], &all()),
            Err(MULTIPLE),
            "{twice}"
        );
    }
    for twice in ["bearer, a, bearer, b", "bearer, a, bearer"] {
        assert_eq!(
            parse("/", &[(PROTOCOL, twice)], &all()),
            Err(MULTIPLE),
            "{twice}"
        );
    }
}

/// How the request came: with a cookie, this method, this `Host` and these fields.
fn by_cookie(method: &Method, host: &str, lines: &[(&str, &str)]) -> Result<(), Rejection> {
    let sources = sources([cookie(), pair()])
        .trust_origin("https://app.example.com")
        .unwrap();
    let mut request = Request::get("/orders").body(()).unwrap();
    *request.method_mut() = method.clone();
    *request.headers_mut() = fields(lines);
    let headers = request.headers_mut();
    headers.insert("cookie", HeaderValue::from_static("access_token=a.b.c"));
    let head = RequestHead::from(&request).with_host(Some(host));
    let described = Credentials::parse_from(head, &sources).map(drop);
    // The same in a request of our own, whose fields have the host.
    request.headers_mut().insert("host", host.parse().unwrap());
    let own = Credentials::parse_from(RequestHead::from(&request), &sources).map(drop);
    assert_eq!(described, own);
    own
}

const HANDSHAKES: [(&str, &str); 3] = [
    ("upgrade", "websocket"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

#[test]
fn t_req_09_a_cookie_from_a_foreign_page_is_refused() {
    let api = "api.example.com";
    for lines in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "https://api.example.com.evil.example")],
        &[("origin", "https://evil.example/api.example.com")],
        &[("origin", "http://api.example.com")],
        &[("origin", "https://api.example.com:8443")],
        &[("origin", "https://sub.api.example.com")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://api.example.com https://evil.example")],
        &[
            ("origin", "https://api.example.com"),
            ("origin", "https://evil.example"),
        ],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "")],
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://api.example.com"),
        ],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://other.example.com"),
        ],
        &[("referer", "https://api.example.com/")],
        &[
            ("x-forwarded-host", "evil.example"),
            ("origin", "https://evil.example"),
        ],
    ] {
        let unknown =
            ["QUERY", "PROPFIND", "get"].map(|name| Method::from_bytes(name.as_bytes()).unwrap());
        let known = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        for method in known.into_iter().chain(unknown) {
            assert_eq!(
                by_cookie(&method, api, lines),
                Err(CSRF),
                "{method} {lines:?}"
            );
        }
        for handshake in HANDSHAKES {
            let lines = [lines, &[handshake]].concat();
            assert_eq!(by_cookie(&Method::GET, api, &lines), Err(CSRF), "{lines:?}");
        }
    }
    let answer = Challenge::new(&CSRF, &ProtectionSpace::default());
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(CSRF.reason(), "csrf_origin");
    assert!(!answer.headers().contains_key("www-authenticate"));
}

#[test]
fn a_cookie_from_an_own_or_trusted_page_is_accepted() {
    for (host, lines) in [
        (
            "api.example.com",
            &[("origin", "https://api.example.com")][..],
        ),
        ("API.example.com", &[("origin", "https://api.example.com")]),
        (
            "api.example.com:443",
            &[("origin", "https://api.example.com")],
        ),
        (
            "api.example.com:8443",
            &[("origin", "https://api.example.com:8443")],
        ),
        ("api.example.com", &[("origin", "https://app.example.com")]),
        ("api.example.com", &[("sec-fetch-site", "same-origin")]),
        (
            "api.example.com",
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        ),
        ("api.example.com", &[("sec-fetch-site", "none")]),
        (
            "api.example.com",
            &[
                ("sec-fetch-site", "same-site"),
                ("origin", "https://app.example.com"),
            ],
        ),
        ("localhost:3000", &[("origin", "http://localhost:3000")]),
        ("app.localhost", &[("origin", "http://app.localhost")]),
        ("127.0.0.1:80", &[("origin", "http://127.0.0.1")]),
        ("[::1]:8080", &[("origin", "http://[::1]:8080")]),
    ] {
        assert_eq!(
            by_cookie(&Method::POST, host, lines),
            Ok(()),
            "{host} {lines:?}"
        );
        let lines = [lines, &HANDSHAKES].concat();
        assert_eq!(
            by_cookie(&Method::GET, host, &lines),
            Ok(()),
            "{host} {lines:?}"
        );
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
        let foreign = [
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        assert_eq!(by_cookie(&method, "api.example.com", &foreign), Ok(()));
    }
}

/// A page that has the token was given it.
#[test]
fn a_token_that_no_browser_adds_by_itself_may_come_from_any_page() {
    let foreign = ("origin", "https://evil.example");
    for line in [
        ("authorization", "Bearer a.b.c"),
        (ASSERTION, "a.b.c"),
        (PROTOCOL, "bearer, a.b.c"),
    ] {
        let mut request = Request::post("/").body(()).unwrap();
        *request.headers_mut() = fields(&[foreign, HANDSHAKES[0], line]);
        let found = Credentials::parse_from(RequestHead::from(&request), &all());
        assert!(found.is_ok(), "{line:?}");
    }
}

/// What an application gets of these fields.
fn stripped(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut headers = fields(lines);
    all().strip(&mut headers);
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    headers.iter().map(line).collect()
}

#[test]
fn t_hdr_08_a_token_is_taken_out_and_all_else_stays() {
    for (sent, rest) in [
        (("cookie", "access_token=a.b.c"), None),
        (
            ("cookie", "a=1; access_token=a.b.c; b=\"2\"; c"),
            Some("a=1; b=\"2\"; c"),
        ),
        (("cookie", "access_token=a.b.c; a=1"), Some("a=1")),
        (("cookie", "a=1; access_token=a.b.c"), Some("a=1")),
        (("cookie", "a=1; access_token="), Some("a=1")),
        (("cookie", "a=1,access_token=a.b.c; b=2"), Some("b=2")),
        (
            ("cookie", "a={\"x\":1,\"access_token\"=2}"),
            Some("a={\"x\":1,\"access_token\"=2}"),
        ),
        (
            ("cookie", "access_token2=x; A_access_token=y"),
            Some("access_token2=x; A_access_token=y"),
        ),
        (
            ("cookie", "a=1;b=2;;c=access_token=d"),
            Some("a=1;b=2;;c=access_token=d"),
        ),
        ((PROTOCOL, "bearer, a.b.c"), None),
        (
            (PROTOCOL, "v2.chat,bearer, a.b.c, chat"),
            Some("v2.chat, chat"),
        ),
        (
            (PROTOCOL, "base64url.bearer.authorization.k8s.io.YQ,chat"),
            Some("chat"),
        ),
        ((PROTOCOL, "chat,v2.chat"), Some("chat,v2.chat")),
        ((ASSERTION, "a.b.c"), None),
        (("x-amzn-oidc-data", "a.b.c"), Some("a.b.c")),
    ] {
        let expected = rest.map(|rest| (sent.0.to_owned(), rest.to_owned()));
        let other = ("accept".to_owned(), "*/*".to_owned());
        let rest = stripped(&[sent, ("accept", "*/*")]);
        let expected: Vec<_> = expected.into_iter().chain([other]).collect();
        assert!(
            rest.iter().all(|line| expected.contains(line)),
            "{sent:?} {rest:?}"
        );
        assert_eq!(rest.len(), expected.len(), "{sent:?} {rest:?}");
    }
    let split = stripped(&[
        ("cookie", "a=1"),
        ("cookie", "access_token=x"),
        ("cookie", "b=2"),
    ]);
    assert_eq!(split, [("cookie".to_owned(), "a=1; b=2".to_owned())]);
}

#[test]
fn t_hdr_08_a_parameter_is_taken_out_and_all_others_stay() {
    for (target, rest) in [
        ("/a?access_token=x", Some("/a")),
        (
            "/a?b=%20&access_token=x&c=1+2&&d",
            Some("/a?b=%20&c=1+2&&d"),
        ),
        ("/a?access%5ftoken=x&b", Some("/a?b")),
        ("/a?access_token=x&access_token=y&b?c", Some("/a?b?c")),
        ("/access_token=x", None),
        ("/a?b=access_token=x", None),
        ("/a?b", None),
        ("/a?", None),
        ("/a", None),
    ] {
        let found = all().target_without_token(target);
        assert_eq!(found.as_deref(), rest, "{target}");
        let names: Vec<_> = all().token_parameters(target).map(str::to_owned).collect();
        assert_eq!(names.is_empty(), rest.is_none(), "{target} {names:?}");
        assert_eq!(sources([cookie()]).target_without_token(target), None);
    }
    let names: Vec<_> = all()
        .token_parameters("/?access%5ftoken=x&b")
        .map(str::to_owned)
        .collect();
    assert_eq!(names, ["access%5ftoken"]);
}

/// What a client gets that offered these subprotocols and whose application chose that one.
fn answered(sources: &Sources, offered: &str, chosen: Option<&str>) -> Option<String> {
    let handshake = sources.handshake(&fields(&[(PROTOCOL, offered)]))?;
    let shown = format!("{handshake:?}");
    assert!(!shown.contains("a.b.c"), "{shown}");
    let mut answer = fields(
        &chosen
            .map(|chosen| (PROTOCOL, chosen))
            .into_iter()
            .collect::<Vec<_>>(),
    );
    handshake.complete(&mut answer);
    let named = answer
        .get(PROTOCOL)
        .map(|value| value.to_str().unwrap().to_owned());
    Some(named.unwrap_or_default())
}

#[test]
fn t_req_11_the_answer_names_a_subprotocol_and_never_the_token() {
    let prefix = format!("{KUBERNETES}YS5iLmM");
    for (offered, chosen, named) in [
        ("bearer, a.b.c, chat", Some("chat"), Some("chat")),
        ("bearer, a.b.c", None, Some("bearer")),
        ("bearer, a.b.c, chat", None, Some("bearer")),
        ("bearer, a.b.c", Some("a.b.c"), Some("bearer")),
        ("bearer, a.b.c", Some("bearer"), Some("bearer")),
        ("bearer, a.b.c", Some("bearer, a.b.c"), Some("bearer")),
        (&prefix, Some(&prefix), Some("")),
        (&prefix, None, Some("")),
        (&format!("chat, {prefix}"), Some("chat"), Some("chat")),
        ("chat", None, None),
        ("", None, None),
    ] {
        let found = answered(&all(), offered, chosen);
        assert_eq!(found.as_deref(), named, "{offered} {chosen:?}");
    }
    assert_eq!(answered(&sources([cookie()]), "bearer, a.b.c", None), None);
}

#[test]
fn sources_that_could_be_confused_are_refused() {
    let prefix = |text: &str| Source::websocket_prefix(text, TokenEncoding::Plain).unwrap();
    for (list, error) in [
        (vec![field(), field()], SourcesError::Overlap),
        (vec![cookie(), cookie()], SourcesError::Overlap),
        (vec![pair(), prefix("bea")], SourcesError::Overlap),
        (vec![prefix("bearer"), pair()], SourcesError::Overlap),
        (vec![prefix("a."), prefix("a.b.")], SourcesError::Overlap),
    ] {
        assert_eq!(Sources::new(list), Err(error));
    }
    let fields = |count: usize| (0..count).map(|at| Source::field(&format!("x-{at}")).unwrap());
    assert!(Sources::new(fields(8)).is_ok());
    assert_eq!(Sources::new(fields(9)), Err(SourcesError::TooMany));
    for name in [
        "",
        "Authorization",
        "cookie",
        "Sec-WebSocket-Protocol",
        "host",
        "a b",
        "a,b",
    ] {
        assert_eq!(Source::field(name), Err(SourcesError::Name), "{name}");
    }
    let long = |length| "x".repeat(length);
    for name in ["", "a b", "a;b", "a=b", "ä", &long(65)] {
        assert_eq!(Source::cookie(name), Err(SourcesError::Name), "{name}");
        assert_eq!(
            Source::websocket_protocol(name),
            Err(SourcesError::Name),
            "{name}"
        );
        assert_eq!(Source::query(name), Err(SourcesError::Name), "{name}");
    }
    assert_eq!(Source::field(&long(65)), Err(SourcesError::Name));
    assert!(Source::cookie(&long(64)).is_ok() && Source::field(&long(64)).is_ok());
    for origin in [
        "",
        "*",
        "null",
        "https://",
        "https://a/",
        "https://A",
        "https://*.a",
        "://a",
        "Capacitor://a",
        "a b://a",
        "a:b",
        "a",
    ] {
        let refused = sources([cookie()]).trust_origin(origin);
        assert_eq!(refused, Err(SourcesError::Origin), "{origin}");
    }
    for origin in [
        "http://[::1]:80",
        "capacitor://localhost",
        "moz-extension://2b1f-6a",
    ] {
        assert!(sources([cookie()]).trust_origin(origin).is_ok(), "{origin}");
    }
}

#[test]
fn a_union_reads_what_either_reads() {
    let both = sources([field(), cookie()]).union(&sources([cookie(), pair()]));
    assert_eq!(both, sources([field(), cookie(), pair()]));
    let none = Sources::default();
    assert!(none.is_empty() && !both.is_empty());
    assert_eq!(none.union(&both), both);
    let trusting = sources([cookie()])
        .trust_origin("https://app.example.com")
        .unwrap();
    assert_eq!(sources([cookie()]).union(&trusting), trusting);
    assert_eq!(both.fields().collect::<Vec<_>>(), [ASSERTION]);
    assert_eq!(
        both.shared_fields().collect::<Vec<_>>(),
        ["cookie", PROTOCOL]
    );
    assert!(!both.has_query() && all().has_query());
}

proptest! {
    /// Whatever a client sends: nothing that would be read as a token remains, and all else does.
    #[test]
    fn t_req_11_nothing_that_would_be_read_remains(
        cookies in prop::collection::vec("[a-c=;, \"]{0,3}(access_token=)?[a-c=;, ]{0,4}", 0..4),
        protocols in prop::collection::vec("[a-c, ]{0,3}(bearer|api-key[.])?[a-c, ]{0,4}", 0..4),
        query in "[a-c=&%]{0,3}(access_token|access%5Ftoken)?[a-c=&]{0,4}",
    ) {
        let lines = cookies.iter().map(|line| ("cookie", &**line));
        let protocols = protocols.iter().map(|line| (PROTOCOL, &**line));
        let lines: Vec<_> = lines.chain(protocols).collect();
        let sources = sources([cookie(), pair(), plain_prefix(), query_source()]);
        let target = format!("/x?{query}");
        let mut headers = fields(&lines);
        sources.strip(&mut headers);
        let rest = sources.target_without_token(&target).unwrap_or(target);
        let mut request = Request::get(&*rest).body(()).unwrap();
        *request.headers_mut() = headers.clone();
        let found = Credentials::parse_from(RequestHead::from(&request), &sources);
        prop_assert_eq!(found.map(drop), Err(Rejection::NoCredentials));
        let mut again = headers.clone();
        sources.strip(&mut again);
        prop_assert_eq!(again, headers);
    }
}

#[test]
fn a_source_says_where_it_is() {
    let shown: Vec<_> = all().iter().map(ToString::to_string).collect();
    let expected = [
        "the field cf-access-jwt-assertion",
        "the field x-goog-iap-jwt-assertion",
        "the cookie access_token",
        "the WebSocket subprotocol after bearer",
        "the WebSocket subprotocol that starts with base64url.bearer.authorization.k8s.io.",
        "the query parameter access_token",
    ];
    assert_eq!(shown, expected);
}
