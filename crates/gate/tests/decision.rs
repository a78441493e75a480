//! What is answered to a request that the gate refuses for a reason of its own, and what a decision leaves
//! among the extensions of an answer.

use bearward_core::Profile;
use bearward_core::rejection::Rejection;
use bearward_gate::Gate;
use bearward_gate::decision::{Decision, Reason, Refusal};
use bearward_gate::identity::Identity;
use bearward_gate::original::Original;
use bearward_gate::publication::Published;
use bearward_gate::route::{Access, PathPattern, Route, Routes};
use bearward_testing::conformance::metadata;
use http::{Extensions, HeaderMap, Method};

use crate::fixture::{self, Known};

#[test]
fn each_reason_of_the_gate_has_its_code_status_and_body() {
    let answers = Reason::OWN.iter().map(|reason| {
        let refusal = Refusal::plain(None, reason.clone());
        assert_eq!(refusal.reason, *reason);
        (reason.code(), refusal.status.as_u16(), refusal.body)
    });
    let bad_request = r#"{"title":"Bad Request","status":400}"#;
    let forbidden = r#"{"title":"Forbidden","status":403}"#;
    assert_eq!(
        answers.collect::<Vec<_>>(),
        [
            ("ambiguous_path", 400, bad_request),
            ("claim_not_header_safe", 403, forbidden),
            ("claim_too_large", 403, forbidden),
            ("dialect_field", 403, forbidden),
            (
                "internal",
                500,
                r#"{"title":"Internal Server Error","status":500}"#
            ),
            ("method_case", 400, bad_request),
            ("no_rule", 403, forbidden),
            ("query_override", 400, bad_request),
            ("target_form", 400, bad_request),
            ("untrusted_peer", 403, forbidden),
        ]
    );
}

#[test]
fn a_refusal_is_a_problem_document_that_nobody_stores() {
    let route = Route::new("orders", [PathPattern::exact("/orders").unwrap()]);
    let refusal = Refusal::plain(Some(route.into()), Reason::NoRule);
    let mut headers = HeaderMap::new();
    headers.insert("cache-control", "no-store".parse().unwrap());
    let problem = "application/problem+json".parse().unwrap();
    headers.insert("content-type", problem);
    assert_eq!(refusal.headers, headers);
    assert_eq!(&*refusal.route.unwrap().name, "orders");
}

/// What the gate decides about a request for this target: everybody may use
/// `/public`, and `/orders` needs credentials.
fn decide(target: &str) -> Decision {
    let mut public = Route::new("public", [PathPattern::exact("/public").unwrap()]);
    public.access = Access::Public;
    let orders = Route::new("orders", [PathPattern::exact("/orders").unwrap()]);
    let gate = Gate::new(Routes::new([public, orders]), Identity::default());
    let gate = gate.publish(Some(&metadata()));
    let headers = HeaderMap::new();
    let original = Original::new(&Method::GET, target, None, &headers);
    fixture::decide(&gate, &original, &Known::new(Profile::Rfc9068))
}

/// The extensions of an answer to which this decision led.
fn extensions(decision: Decision) -> Extensions {
    let mut extensions = Extensions::new();
    decision.insert_into(&mut extensions);
    extensions
}

#[test]
fn an_admission_is_left_among_the_extensions_alone() {
    let extensions = extensions(decide("/public"));
    assert!(matches!(extensions.get(), Some(Decision::Admit(_))));
    assert_eq!(extensions.len(), 1);
}

#[test]
fn a_refusal_is_left_among_the_extensions_with_its_reason() {
    let extensions = extensions(decide("/nowhere"));
    assert!(matches!(extensions.get(), Some(Decision::Refuse(_))));
    assert_eq!(extensions.get(), Some(&Reason::NoRule));
    assert_eq!(extensions.len(), 2);
}

#[test]
fn a_rejection_is_left_among_the_extensions_as_itself_and_as_a_reason() {
    let extensions = extensions(decide("/orders"));
    assert!(matches!(extensions.get(), Some(Decision::Refuse(_))));
    let rejection = Rejection::NoCredentials;
    assert_eq!(extensions.get(), Some(&rejection));
    assert_eq!(extensions.get(), Some(&Reason::Rejected(rejection)));
    assert_eq!(extensions.len(), 3);
}

#[test]
fn metadata_is_left_among_the_extensions_with_the_decision_to_publish_it() {
    let extensions = extensions(decide(metadata().path()));
    assert!(matches!(extensions.get(), Some(Decision::Publish(_))));
    let published = extensions.get::<Published>().unwrap();
    assert_eq!(*published.body, metadata().to_json());
    assert_eq!(extensions.len(), 2);
}
