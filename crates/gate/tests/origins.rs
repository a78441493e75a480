//! Which pages of other origins may read a refusal.

use bearward_core::Profile;
use bearward_gate::identity::Identity;
use bearward_gate::original::Original;
use bearward_gate::origins::Origins;
use bearward_gate::route::{PathPattern, Route, Routes};
use bearward_gate::{Decision, Gate};
use http::{HeaderMap, Method};

use crate::fixture::{Known, decide};

/// The fields of a refusal to a request with these `Origin` fields.
fn refused(ours: &[&str], sent: &[&str]) -> HeaderMap {
    let origins = ours.iter().map(|origin| origin.parse().unwrap());
    refused_by(Origins::new(origins), sent)
}

fn refused_by(origins: Origins, sent: &[&str]) -> HeaderMap {
    let route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    let gate = Gate::new(Routes::new([route]), Identity::default());
    let gate = gate.origins(origins);
    let mut headers = HeaderMap::new();
    for origin in sent {
        headers.append("origin", origin.parse().unwrap());
    }
    let original = Original::new(&Method::GET, "/", None, &headers);
    match decide(&gate, &original, &Known::new(Profile::Rfc9068)) {
        Decision::Refuse(refusal) => {
            assert_eq!(refusal.reason.code(), "no_credentials");
            refusal.headers
        }
        other @ (Decision::Admit(_) | Decision::Publish(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_page_of_a_configured_origin_may_read_the_challenge() {
    let ours = ["https://app.example", "http://localhost:3000"];
    for origin in ours {
        let headers = refused(&ours, &[origin]);
        assert_eq!(headers["access-control-allow-origin"], origin);
        assert_eq!(
            headers["access-control-expose-headers"],
            "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Bearward-Request-Id"
        );
        assert_eq!(headers["vary"], "Origin");
        assert!(headers.contains_key("www-authenticate"));
    }
    for others in [
        &["https://evil.example"][..],
        &["https://app.example:444"],
        &["http://app.example"],
        &["https://app.example.evil.example"],
        &["null"],
        &["https://app.example", "https://app.example"],
        &[],
    ] {
        let headers = refused(&ours, others);
        assert!(!headers.contains_key("access-control-allow-origin"));
        assert!(!headers.contains_key("access-control-expose-headers"));
        // What is stored for one origin is not for another.
        assert_eq!(headers["vary"], "Origin");
    }
    let headers = refused(&[], &["https://app.example"]);
    assert!(!headers.contains_key("access-control-allow-origin"));
    assert!(!headers.contains_key("vary"));
}

#[test]
fn credentials_are_allowed_only_if_configured_and_only_to_a_configured_origin() {
    let ours = || Origins::new(["https://app.example".parse().unwrap()]);
    let name = "access-control-allow-credentials";
    let headers = refused_by(ours().allow_credentials(), &["https://app.example"]);
    assert_eq!(headers[name], "true");
    // Never with `*`, which would allow every page.
    assert_eq!(
        headers["access-control-allow-origin"],
        "https://app.example"
    );
    assert!(!refused_by(ours(), &["https://app.example"]).contains_key(name));
    for sent in [&["https://evil.example"][..], &["null"], &[]] {
        let headers = refused_by(ours().allow_credentials(), sent);
        assert!(!headers.contains_key(name), "{sent:?}");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}
