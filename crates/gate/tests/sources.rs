//! Tokens in other places than `Authorization`: each route says where (THREATS table 1).

use bearward_core::{Profile, Source, Sources};
use bearward_gate::Gate;
use bearward_gate::decision::{Decision, Verdict};
use bearward_gate::identity::{Identity, IdentityBuildError, Token as Credentials};
use bearward_gate::original::Original;
use bearward_gate::route::{Access, Mode, PathPattern, Route, Router, Routes};
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW};
use bearward_testing::token::SUBJECT;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::json;

use crate::fixture::{self, Known};

const FIELD: &str = "x-goog-iap-jwt-assertion";

fn field() -> Sources {
    Sources::new([Source::field(FIELD).unwrap()]).unwrap()
}

fn cookie() -> Sources {
    let cookie = Sources::new([Source::cookie("token").unwrap()]).unwrap();
    cookie.trust_origin("https://app.example").unwrap()
}

fn token() -> String {
    Token::user(ISSUER, AUDIENCE, NOW).sign()
}

fn route(path: &str, sources: Sources) -> Route {
    let mut route = Route::new(path, [PathPattern::prefix(path).unwrap()]);
    route.sources = sources;
    route
}

/// What these routes decide, with the reason that shadow mode reports.
fn decide(
    routes: impl IntoIterator<Item = Route>,
    method: &Method,
    target: &str,
    fields: &[(&'static str, &str)],
) -> (&'static str, Option<String>) {
    let gate = Gate::new(Routes::new(routes), Identity::default());
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let original = Original::new(method, target, Some("api.example"), &headers);
    let verdict = fixture::decide_by_route(&gate, &original, &Known::new(Profile::Rfc9068));
    outcome(&verdict)
}

fn outcome(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Ok(admission) => {
            let subject = admission.principal.as_ref().map(|who| who.subject());
            let shadowed = admission.shadowed.as_ref();
            let code = shadowed.map_or("admitted", |reason| reason.code());
            (code, subject.map(str::to_owned))
        }
        Err(refusal) => (refusal.reason.code(), None),
    }
}

#[test]
fn t_req_04_a_route_reads_its_own_sources_alone() {
    let token = token();
    let by_cookie = format!("a=b; token={token}");
    let in_field = (FIELD, &*token);
    let in_cookie = ("cookie", &*by_cookie);
    let routes = || {
        [
            route("/field", field()),
            route("/cookie", cookie()),
            route("/", Sources::default()),
        ]
    };
    let who = Some(SUBJECT.to_owned());
    for (target, fields, expected) in [
        ("/field", vec![in_field], "admitted"),
        ("/cookie", vec![in_cookie], "admitted"),
        ("/field", vec![in_cookie], "no_credentials"),
        ("/cookie", vec![in_field], "no_credentials"),
        ("/other", vec![in_field], "no_credentials"),
        ("/other", vec![in_cookie], "no_credentials"),
        // What is not read is no second token.
        ("/field", vec![in_field, in_cookie], "admitted"),
        ("/cookie", vec![in_field, in_cookie], "admitted"),
    ] {
        let (code, subject) = decide(routes(), &Method::GET, target, &fields);
        assert_eq!(code, expected, "{target} {}", fields.len());
        assert_eq!(subject, who.clone().filter(|_| code == "admitted"));
    }
}

#[test]
fn t_req_10_a_token_in_two_sources_of_a_route_is_refused() {
    let token = token();
    let bearer = format!("Bearer {token}");
    let by_cookie = format!("token={token}");
    let both = || [route("/", field().union(&cookie()))];
    let carriers = [
        ("authorization", &*bearer),
        ("authorization", "Basic dXNlcjpwYXNz"),
        (FIELD, &*token),
        ("cookie", &*by_cookie),
    ];
    for (at, one) in carriers.iter().enumerate() {
        for next in carriers.iter().skip(at) {
            let (code, _) = decide(both(), &Method::GET, "/", &[*one, *next]);
            // One line of cookies, or one cookie twice.
            assert_eq!(code, "multiple_credentials", "{} {}", one.0, next.0);
        }
    }
}

fn by_cookie_routes() -> [Route; 3] {
    let mut optional = route("/optional", cookie());
    optional.access = Access::Optional;
    let mut shadow = route("/shadow", cookie());
    shadow.mode = Mode::Shadow;
    [optional, shadow, route("/", cookie())]
}

#[test]
fn t_req_09_a_foreign_page_cannot_use_a_cookie() {
    let by_cookie = format!("token={}", token());
    let by_cookie = ("cookie", &*by_cookie);
    let handshake = ("sec-websocket-version", "13");
    for (method, fields, expected) in [
        (Method::POST, vec![], "csrf_origin"),
        (
            Method::POST,
            vec![("origin", "https://evil.example")],
            "csrf_origin",
        ),
        (
            Method::POST,
            vec![("origin", "https://api.example")],
            "admitted",
        ),
        (
            Method::POST,
            vec![("origin", "https://app.example")],
            "admitted",
        ),
        (
            Method::POST,
            vec![("sec-fetch-site", "cross-site")],
            "csrf_origin",
        ),
        (Method::GET, vec![], "admitted"),
        (
            Method::GET,
            vec![("origin", "https://evil.example")],
            "admitted",
        ),
        (
            Method::GET,
            vec![handshake, ("origin", "https://evil.example")],
            "csrf_origin",
        ),
        (Method::GET, vec![handshake], "csrf_origin"),
        (
            Method::GET,
            vec![handshake, ("origin", "https://api.example")],
            "admitted",
        ),
    ] {
        // The door's own field names bearward, not the host of the request.
        let own = ("host", "evil.example");
        let fields = [&fields[..], &[by_cookie, own]].concat();
        for target in ["/", "/optional", "/shadow"] {
            let (code, subject) = decide(by_cookie_routes(), &method, target, &fields);
            assert_eq!(code, expected, "{method} {target}");
            assert_eq!(
                subject.is_some(),
                expected == "admitted",
                "{method} {target}"
            );
        }
    }
}

#[test]
fn t_req_09_a_foreign_page_gets_no_challenge() {
    let gate = Gate::new(Routes::new([route("/", cookie())]), Identity::default());
    let by_cookie = format!("token={}", token());
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("cookie"),
        HeaderValue::from_str(&by_cookie).unwrap(),
    )]);
    let original = Original::new(&Method::POST, "/", Some("api.example"), &headers);
    let Decision::Refuse(refusal) =
        fixture::decide(&gate, &original, &Known::new(Profile::Rfc9068))
    else {
        panic!("it is admitted");
    };
    assert_eq!(refusal.status, 403);
    assert!(!refusal.headers.contains_key("www-authenticate"));
}

/// A lax router may take a request to either route, so both must find its token.
#[test]
fn t_req_04_a_token_that_another_possible_route_does_not_read_is_none() {
    let lax = |sources: Sources| {
        let mut strict = Route::new("strict", [PathPattern::exact("/Admin").unwrap()]);
        strict.router = Router::Express;
        strict.sources = sources;
        strict
    };
    let token = token();
    let by_cookie = format!("token={token}");
    let in_field = (FIELD, &*token);
    for (possible, fields, expected) in [
        (field(), vec![in_field], "admitted"),
        (Sources::default(), vec![in_field], "no_credentials"),
        (cookie(), vec![in_field], "no_credentials"),
        // Each would find its own.
        (
            cookie(),
            vec![in_field, ("cookie", &*by_cookie)],
            "multiple_credentials",
        ),
        (field().union(&cookie()), vec![in_field], "admitted"),
    ] {
        let routes = [lax(possible), route("/admin", field())];
        let (code, _) = decide(routes, &Method::GET, "/admin", &fields);
        assert_eq!(code, expected, "{}", fields.len());
    }
}

#[test]
fn a_token_from_a_source_counts_as_bearer() {
    let bound = Token::user(ISSUER, AUDIENCE, NOW).claim("cnf", json!({"jkt": "x"}));
    let bound = bound.sign();
    let (code, _) = decide([route("/", field())], &Method::GET, "/", &[(FIELD, &bound)]);
    assert_eq!(code, "cnf_not_proven");
}

#[test]
fn t_req_11_a_field_with_a_token_is_taken_out_in_every_spelling() {
    let builder = || Identity::builder().token_field(HeaderName::from_static(FIELD));
    let sent = || {
        let mut headers = HeaderMap::new();
        for name in [
            FIELD,
            "x_goog_iap_jwt_assertion",
            "x.goog.iap.jwt.assertion",
            "x-amzn-oidc-data",
            "accept",
        ] {
            headers.append(name, HeaderValue::from_static("x"));
        }
        headers
    };
    let identity = builder().build().unwrap();
    let mut stripped = sent();
    identity.strip(&mut stripped);
    assert_eq!(stripped.keys().collect::<Vec<_>>(), ["accept"]);
    assert_eq!(identity.token_fields(), [FIELD]);
    let removed = &identity.of(None).unwrap().remove;
    assert!(removed.contains(&HeaderName::from_static(FIELD)));

    // The spelling in use passes where it is forwarded, even if it is misleading elsewhere.
    for name in [FIELD, "x-amzn-oidc-data"] {
        let name = HeaderName::from_static(name);
        let identity = Identity::builder().token_field(name.clone());
        let identity = identity.token(Credentials::Forward).build().unwrap();
        let mut forwarded = sent();
        identity.strip(&mut forwarded);
        assert!(forwarded.contains_key(&name), "{name}");
        assert!(
            identity
                .of(None)
                .unwrap()
                .remove
                .iter()
                .all(|removed| *removed != name)
        );
    }
}

#[test]
fn the_gate_takes_the_tokens_of_all_routes_out_of_every_request() {
    let gate = |token| {
        let identity = Identity::builder().token(token).build().unwrap();
        let routes = [
            route("/a", field()),
            route("/b", cookie()),
            route("/", Sources::default()),
        ];
        Gate::new(Routes::new(routes), identity)
    };
    let stripping = gate(Credentials::Strip);
    assert_eq!(
        stripping.stripped_sources(),
        Some(&field().union(&cookie()))
    );
    let forwarding = gate(Credentials::Forward);
    assert_eq!(forwarding.stripped_sources(), None);
    assert_eq!(*forwarding.sources(), field().union(&cookie()));
    let none = Gate::new(
        Routes::new([route("/", Sources::default())]),
        Identity::default(),
    );
    assert_eq!(none.stripped_sources(), None);
}

#[test]
fn a_field_with_another_meaning_carries_no_token() {
    for name in [
        "x-forwarded-for",
        "x-original-uri",
        "x-bearward-subject",
        "x-authgear-user-id",
        "x-id-token",
        "content-type",
        "transfer-encoding",
        "x_token",
        "x.token",
        "a-b-c-d-e-f-g-h",
    ] {
        let name = HeaderName::from_static(name);
        let refused = Identity::builder().token_field(name.clone()).build();
        assert_eq!(refused.unwrap_err(), IdentityBuildError::TokenField(name));
    }
    for name in [
        FIELD,
        "cf-access-jwt-assertion",
        "x-amzn-oidc-data",
        "x-token",
    ] {
        let name = HeaderName::from_static(name);
        assert!(Identity::builder().token_field(name).build().is_ok());
    }
}

/// An application that reads the method in the query takes this GET for another request.
#[test]
fn t_req_09_a_method_in_the_query_counts_as_an_unsafe_one() {
    let kept = HeaderName::from_static("_method");
    let gate = Gate::new(
        Routes::new([route("/", cookie())]),
        Identity::builder().keep(kept).build().unwrap(),
    );
    let by_cookie = format!("token={}", token());
    let decide = |target: &str, origin: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", by_cookie.parse().unwrap());
        headers.insert("origin", HeaderValue::from_static(origin));
        let original = Original::new(&Method::GET, target, Some("api.example"), &headers);
        let verdict = fixture::decide_by_route(&gate, &original, &Known::new(Profile::Rfc9068));
        outcome(&verdict).0
    };
    let (ours, foreign) = ("https://app.example", "https://evil.example");
    assert_eq!(decide("/x?_method=DELETE", foreign), "csrf_origin");
    assert_eq!(decide("/x?_method=DELETE", ours), "admitted");
    assert_eq!(decide("/x?method=DELETE", foreign), "admitted");
    assert_eq!(decide("/x", foreign), "admitted");
}

/// Nor with a field that names another method, where it is passed on.
#[test]
fn t_req_09_a_method_in_a_field_that_is_kept_counts_as_an_unsafe_one() {
    let name = HeaderName::from_static("x-http-method-override");
    let by_cookie = format!("token={}", token());
    let mut headers = HeaderMap::new();
    headers.insert("cookie", by_cookie.parse().unwrap());
    headers.insert("origin", HeaderValue::from_static("https://evil.example"));
    headers.insert(name.clone(), HeaderValue::from_static("DELETE"));
    for (identity, expected) in [
        (Identity::builder().keep(name), "csrf_origin"),
        // The application does not get it.
        (Identity::builder(), "admitted"),
    ] {
        let gate = Gate::new(
            Routes::new([route("/", cookie())]),
            identity.build().unwrap(),
        );
        let original = Original::new(&Method::GET, "/x", Some("api.example"), &headers);
        let verdict = fixture::decide_by_route(&gate, &original, &Known::new(Profile::Rfc9068));
        assert_eq!(outcome(&verdict).0, expected);
    }
}
