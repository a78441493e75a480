//! The suite itself: a door that is spoilt in one thing is found out, by name.

use std::collections::BTreeSet;

use bearward::core::Rejection;
use bearward_testing::conformance::{Case, Failures, Mismatch, Suite, routes};
use bearward_tower::BearerLayer;
use http::header::HeaderValue;
use http::{Request, StatusCode};
use tower::Layer;

use crate::fixture::{Text, answer, server, who};

#[tokio::test]
async fn a_door_that_lets_everybody_in_is_found_out() {
    let failures = Suite::new()
        .run(async |request: Request<()>| answer(&who(), request).await)
        .await
        .unwrap_err();
    // What passes is what admits nobody.
    let failed: BTreeSet<_> = failures.iter().map(|failure| failure.case()).collect();
    let passed: Vec<_> = names().filter(|name| !failed.contains(name)).collect();
    assert_eq!(
        passed,
        [
            "a_req_04_anonymous",
            "a_req_04_basic_counts_as_none",
            "t_req_04_optional_query_is_not_read",
        ]
    );
}

/// Changes one thing in an answer.
type Spoil = fn(&mut Text);

#[tokio::test]
async fn every_spoilt_answer_is_found_out() {
    let spoils: [(&str, Spoil); 9] = [
        ("status", |answer| *answer.status_mut() = StatusCode::OK),
        ("reason", |answer| {
            answer.extensions_mut().remove::<Rejection>();
        }),
        ("WWW-Authenticate", |answer| {
            add(answer, "www-authenticate", "Basic");
        }),
        ("Cache-Control", |answer| {
            answer.headers_mut().remove("cache-control");
        }),
        ("Content-Type", |answer| {
            add(answer, "content-type", "text/plain");
        }),
        ("Retry-After", |answer| add(answer, "retry-after", "0")),
        ("X-Subject", |answer| add(answer, "x-subject", "somebody")),
        ("body", |answer| answer.body_mut().push(' ')),
        ("body", |answer| answer.body_mut().clear()),
    ];
    let mut refusals = 0;
    for case in Suite::new().cases() {
        let response = through_the_layer(case.request()).await;
        case.check(&response).unwrap();
        if response.extensions().get::<Rejection>().is_none() {
            continue;
        }
        refusals += 1;
        for (what, spoil) in spoils {
            let mut spoilt = response.clone();
            spoil(&mut spoilt);
            let failure = case.check(&spoilt).unwrap_err();
            let found: Vec<_> = failure.mismatches().map(Mismatch::what).collect();
            assert_eq!(found, [what], "{failure}");
            assert_eq!(failure.case(), case.name());
        }
    }
    assert!(refusals > 50, "{refusals}");
}

#[tokio::test]
async fn a_spoilt_admission_is_found_out() {
    let spoils: [(&str, Spoil); 5] = [
        ("status", |answer| {
            *answer.status_mut() = StatusCode::FORBIDDEN;
        }),
        ("reason", |answer| {
            answer.extensions_mut().insert(Rejection::NoCredentials);
        }),
        ("WWW-Authenticate", |answer| {
            add(answer, "www-authenticate", "Bearer");
        }),
        ("Retry-After", |answer| add(answer, "retry-after", "1")),
        ("X-Subject", |answer| add(answer, "x-subject", "somebody")),
    ];
    for case in Suite::new().cases() {
        let response = through_the_layer(case.request()).await;
        if response.extensions().get::<Rejection>().is_some() {
            continue;
        }
        for (what, spoil) in spoils {
            let mut spoilt = response.clone();
            spoil(&mut spoilt);
            let failure = case.check(&spoilt).unwrap_err();
            let found: Vec<_> = failure.mismatches().map(Mismatch::what).collect();
            assert_eq!(found, [what], "{failure}");
        }
    }
}

#[tokio::test]
async fn without_reasons_they_are_not_looked_at() {
    let suite = Suite::new().without_reasons();
    let forget = |answer: &mut Text| {
        answer.extensions_mut().remove::<Rejection>();
    };
    run(&suite, forget).await.unwrap();
}

#[tokio::test]
async fn a_failure_says_what_was_expected_and_found() {
    let failures = run(&Suite::new(), |answer| {
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            answer
                .headers_mut()
                .insert("retry-after", HeaderValue::from_static("01"));
            answer
                .headers_mut()
                .append("retry-after", HeaderValue::from_static("5"));
        }
        if answer.body() == r#"{"title":"Forbidden","status":403,"error":"insufficient_scope"}"# {
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
        }
    })
    .await
    .unwrap_err();
    let total = names().count();
    let shown = format!("{failures}");
    assert_eq!(format!("{failures:?}"), shown);
    let first = format!(
        "9 of {total} cases failed\n\
         t_err_04_issuer_down\n\
         \x20 Retry-After\n\
         \x20   expected 1 to 60\n\
         \x20   found    01\n\
         \x20            5\n"
    );
    assert!(shown.starts_with(&first), "{shown}");
    let last = "\nt_err_05_one_scope_is_lacking\n  status\n    expected 403\n    found    401";
    assert!(shown.ends_with(last), "{shown}");
}

#[tokio::test]
async fn retry_after_is_1_to_60() {
    let suite = Suite::new();
    let mut cases = suite.cases();
    let case = cases
        .find(|case| case.name() == "t_err_04_issuer_down")
        .unwrap();
    let response = through_the_layer(case.request()).await;
    let check = |seconds| {
        let mut response = response.clone();
        let seconds = HeaderValue::from_static(seconds);
        response.headers_mut().insert("retry-after", seconds);
        case.check(&response)
    };
    for seconds in ["1", "2", "9", "10", "59", "60"] {
        check(seconds).unwrap();
    }
    for seconds in [
        "", "0", "00", "01", "61", "100", "256", "257", "+1", "-1", "1.5", "1 ", "a",
    ] {
        check(seconds).unwrap_err();
    }
}

#[test]
fn names_and_paths_are_there_once() {
    let suite = Suite::default().with_metadata_document();
    let all: Vec<_> = suite.cases().map(Case::name).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    let paths: Vec<_> = routes().iter().map(|route| route.path()).collect();
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len());
}

#[test]
fn every_path_is_one_of_the_routes() {
    let paths: BTreeSet<_> = routes().iter().map(|route| route.path()).collect();
    for case in Suite::new().cases() {
        assert!(paths.contains(case.request().uri().path()), "{case:?}");
    }
}

#[test]
fn debug_shows_no_token() {
    assert!(!format!("{:?}", Suite::new()).contains("eyJ"));
}

/// Runs the suite through a door of ours whose refusals are spoilt.
async fn run(suite: &Suite, spoil: impl Fn(&mut Text)) -> Result<(), Failures> {
    suite
        .run(async |request: Request<()>| {
            let mut response = through_the_layer(request).await;
            if response.extensions().get::<Rejection>().is_some() {
                spoil(&mut response);
            }
            response
        })
        .await
}

async fn through_the_layer(request: Request<()>) -> Text {
    let route = routes()
        .into_iter()
        .find(|route| route.path() == request.uri().path())
        .unwrap();
    let mut layer = BearerLayer::new(&server());
    if let Some(requirements) = route.requirements() {
        layer = layer.require(requirements.clone());
    } else if route.path() == "/optional" {
        layer = layer.optional();
    }
    let mut response = answer(&layer.layer(who()), request).await;
    if response.status().is_success() && response.body() != "nobody" {
        let subject = HeaderValue::try_from(&**response.body()).unwrap();
        response.headers_mut().insert("x-subject", subject);
    }
    response
}

fn names() -> impl Iterator<Item = &'static str> {
    let names: Vec<_> = Suite::new().cases().map(Case::name).collect();
    names.into_iter()
}

fn add(answer: &mut Text, name: &'static str, value: &'static str) {
    answer
        .headers_mut()
        .append(name, HeaderValue::from_static(value));
}
