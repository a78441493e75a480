//! What the gate decides of its own: requests without credentials (THREATS table 1).

use bearward_gateway::decision::{Admission, Decision};
use bearward_gateway::identity::{ClaimSource, Encoding, Identity};
use bearward_gateway::original::Original;
use bearward_gateway::route::{Access, PathPattern, Preflight, Route};
use http::{HeaderMap, Method};

use crate::forward_auth::setting::gate;

/// A preflight as browsers send it.
const PREFLIGHT: [(&str, &str); 2] = [
    ("origin", "https://app.example"),
    ("access-control-request-method", "PUT"),
];

async fn decide(
    preflight: Preflight,
    access: Access,
    method: Method,
    fields: &[(&'static str, &str)],
) -> Decision {
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    route.preflight = preflight;
    route.access = access;
    let identity = Identity::builder().field("X-Subject", ClaimSource::Subject, Encoding::Plain);
    let gate = gate([route], identity.build().unwrap(), None);
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let original = Original::new(&method, "/orders", Some("api.example"), &headers);
    gate.decide(&original).await
}

fn reason(decision: &Decision) -> &'static str {
    match decision {
        Decision::Admit(_) => "admitted",
        Decision::Refuse(refusal) => refusal.reason.code(),
    }
}

fn admitted(decision: Decision) -> Admission {
    match decision {
        Decision::Admit(admission) => *admission,
        Decision::Refuse(refusal) => panic!("{:?}", refusal.reason),
    }
}

#[tokio::test]
async fn a_req_04_nobody_passes_an_optional_route_without_identity() {
    let decision = decide(Preflight::Authenticated, Access::Optional, Method::GET, &[]).await;
    let admission = admitted(decision);
    assert!(admission.principal.is_none());
    assert!(admission.identity.set.is_empty());
    let removed = &admission.identity.remove;
    assert!(removed.iter().any(|name| name == "x-subject"));
}

#[tokio::test]
async fn a_req_05_a_true_preflight_passes_where_it_may() {
    for body in [&[][..], &[("content-length", "0")][..]] {
        let fields = [&PREFLIGHT[..], body].concat();
        let decision = decide(
            Preflight::Passes,
            Access::Required,
            Method::OPTIONS,
            &fields,
        )
        .await;
        let admission = admitted(decision);
        assert!(admission.principal.is_none());
        assert!(admission.identity.set.is_empty());
    }
}

#[tokio::test]
async fn t_req_08_nothing_else_passes_for_a_preflight() {
    let [origin, asked] = PREFLIGHT;
    let chunked = ("transfer-encoding", "chunked");
    for (preflight, method, fields) in [
        (
            Preflight::Authenticated,
            Method::OPTIONS,
            vec![origin, asked],
        ),
        (Preflight::Passes, Method::OPTIONS, vec![]),
        (Preflight::Passes, Method::OPTIONS, vec![origin]),
        (Preflight::Passes, Method::OPTIONS, vec![asked]),
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![origin, origin, asked],
        ),
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![origin, asked, asked],
        ),
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![origin, asked, chunked],
        ),
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![origin, asked, ("content-length", "1")],
        ),
        (Preflight::Passes, Method::GET, vec![origin, asked]),
        (Preflight::Passes, Method::POST, vec![origin, asked]),
    ] {
        let decision = decide(preflight, Access::Required, method.clone(), &fields).await;
        assert_eq!(reason(&decision), "no_credentials", "{method} {fields:?}");
    }
}
