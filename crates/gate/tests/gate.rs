//! What the gate decides of its own: requests without credentials (THREATS table 1), and routes in
//! shadow mode.

use bearward_core::{Profile, Requirements};
use bearward_gate::Gate;
use bearward_gate::decision::{Admission, Decision};
use bearward_gate::identity::{ClaimSource, Encoding, Identity};
use bearward_gate::original::Original;
use bearward_gate::route::{Access, Mode, PathPattern, Preflight, Route, Routes, Tolerance};
use bearward_gate::target::Oddity;
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW};
use http::{HeaderMap, Method};

use crate::fixture::{self, Known};

/// A preflight as browsers send it.
const PREFLIGHT: [(&str, &str); 2] = [
    ("origin", "https://app.example"),
    ("access-control-request-method", "PUT"),
];

fn decide(
    preflight: Preflight,
    access: Access,
    method: &Method,
    fields: &[(&'static str, &str)],
) -> Decision {
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    route.preflight = preflight;
    route.access = access;
    let identity = Identity::builder().field("X-Subject", ClaimSource::Subject, Encoding::Plain);
    let gate = Gate::new(Routes::new([route]), identity.build().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let original = Original::new(method, "/orders", Some("api.example"), &headers);
    fixture::decide(&gate, &original, &Known::new(Profile::Rfc9068))
}

fn reason(decision: &Decision) -> &'static str {
    match decision {
        Decision::Admit(_) => "admitted",
        Decision::Publish(_) => "metadata",
        Decision::Refuse(refusal) => refusal.reason.code(),
    }
}

fn admitted(decision: Decision) -> Admission {
    match decision {
        Decision::Admit(admission) => *admission,
        Decision::Publish(published) => panic!("{published:?}"),
        Decision::Refuse(refusal) => panic!("{:?}", refusal.reason),
    }
}

/// Some applications take it for the method in upper case, for which there may be another route.
#[test]
fn t_fwd_11_a_method_in_lower_case_is_refused() {
    for method in ["post", "Post", "POSt", "get", "m-search"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let decision = decide(Preflight::Passes, Access::Public, &method, &[]);
        assert_eq!(reason(&decision), "method_case");
    }
    for method in ["POST", "M-SEARCH", "X2_Y~"] {
        let method = Method::from_bytes(method.as_bytes());
        let decision = decide(Preflight::Passes, Access::Public, &method.unwrap(), &[]);
        assert_eq!(reason(&decision), "admitted");
    }
}

/// It names a host to connect to, whatever path a proxy puts next to it.
#[test]
fn t_fwd_08_connect_is_refused() {
    for access in [Access::Public, Access::Required] {
        let decision = decide(Preflight::Passes, access, &Method::CONNECT, &[]);
        assert_eq!(reason(&decision), "target_form");
    }
}

/// What a route decides that asks for this kind, with the kind that the application is told.
fn decide_by_kind(profile: Profile, asked: &str, token: &Token) -> (&'static str, String) {
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    let requirements = match asked {
        "user" => Requirements::builder().user(),
        "machine" => Requirements::builder().machine(),
        _ => Requirements::builder(),
    };
    route.require = vec![vec![requirements.build().unwrap()]];
    let identity = Identity::builder().field("X-Kind", ClaimSource::Kind, Encoding::Plain);
    let gate = Gate::new(Routes::new([route]), identity.build().unwrap());
    let mut headers = HeaderMap::new();
    let credentials = format!("Bearer {}", token.sign());
    headers.append("authorization", credentials.parse().unwrap());
    let original = Original::new(&Method::GET, "/orders", Some("api.example"), &headers);
    let decision = fixture::decide(&gate, &original, &Known::new(profile));
    let code = reason(&decision);
    let told = match decision {
        Decision::Admit(admission) => admission.identity.set.clone(),
        Decision::Publish(published) => panic!("{published:?}"),
        Decision::Refuse(refusal) => {
            assert_eq!(refusal.status, 403);
            Vec::new()
        }
    };
    let told = told
        .first()
        .map(|(_, value)| value.to_str().unwrap().to_owned());
    (code, told.unwrap_or_default())
}

#[test]
fn t_clm_21_a_user_called_like_a_service_account_is_no_machine() {
    let evil = Token::user(ISSUER, AUDIENCE, NOW)
        .header("typ", "JWT")
        .without_claim("client_id")
        .claim("typ", "Bearer")
        .claim("azp", "spa")
        .claim("jti", "onrtac:1dce488d-7095-51ba-5a71-d61accdc8b78")
        .claim("preferred_username", "service-account-evil");
    let service_account = evil
        .clone()
        .claim("azp", "svc")
        .claim("client_id", "svc")
        .claim("jti", "trrtcc:92a4b95f-495e-4ee9-9f87-56aa7e220ba6");
    let exchanged = service_account
        .clone()
        .claim("azp", "api")
        .claim("jti", "trrtte:d7097d18-65a0-a687-82a3-7a365047ce17");
    for (token, asked, code, told) in [
        (&evil, "user", "admitted", "user"),
        (&evil, "machine", "principal_kind", ""),
        (&evil, "either", "admitted", "user"),
        (&service_account, "user", "principal_kind", ""),
        (&service_account, "machine", "admitted", "machine"),
        (&service_account, "either", "admitted", "machine"),
        (&exchanged, "user", "principal_kind", ""),
        (&exchanged, "machine", "principal_kind", ""),
        (&exchanged, "either", "admitted", "unknown"),
    ] {
        let decided = decide_by_kind(Profile::Keycloak, asked, token);
        assert_eq!(decided, (code, told.to_owned()), "{asked}");
    }
}

/// Spring Authorization Server: the client in `sub` and `aud`, or a user of that name.
#[test]
fn t_clm_21_an_unknown_kind_is_neither_user_nor_machine() {
    let either = Token::user(ISSUER, AUDIENCE, NOW)
        .header("typ", "JWT")
        .without_claim("client_id")
        .claim("sub", AUDIENCE);
    for (asked, code, told) in [
        ("user", "principal_kind", ""),
        ("machine", "principal_kind", ""),
        ("either", "admitted", "unknown"),
    ] {
        let decided = decide_by_kind(Profile::Generic, asked, &either);
        assert_eq!(decided, (code, told.to_owned()), "{asked}");
    }
}

#[test]
fn a_req_04_nobody_passes_an_optional_route_without_identity() {
    let decision = decide(
        Preflight::Authenticated,
        Access::Optional,
        &Method::GET,
        &[],
    );
    let admission = admitted(decision);
    assert!(admission.principal.is_none());
    assert!(admission.identity.set.is_empty());
    let removed = &admission.identity.remove;
    assert!(removed.iter().any(|name| name == "x-subject"));
}

#[test]
fn a_req_05_a_true_preflight_passes_where_it_may() {
    for body in [&[][..], &[("content-length", "0")][..]] {
        let fields = [&PREFLIGHT[..], body].concat();
        let decision = decide(
            Preflight::Passes,
            Access::Required,
            &Method::OPTIONS,
            &fields,
        );
        let admission = admitted(decision);
        assert!(admission.principal.is_none());
        assert!(admission.identity.set.is_empty());
    }
}

#[test]
fn t_req_08_nothing_else_passes_for_a_preflight() {
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
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![("origin", ""), asked],
        ),
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![("origin", "https://a.example https://b.example"), asked],
        ),
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![origin, ("access-control-request-method", "")],
        ),
        (
            Preflight::Passes,
            Method::OPTIONS,
            vec![origin, ("access-control-request-method", "PUT, GET")],
        ),
        (Preflight::Passes, Method::GET, vec![origin, asked]),
        (Preflight::Passes, Method::POST, vec![origin, asked]),
    ] {
        let decision = decide(preflight, Access::Required, &method, &fields);
        assert_eq!(reason(&decision), "no_credentials", "{method} {fields:?}");
    }
}

#[test]
fn t_req_08_a_preflight_with_a_body_of_unknown_length_is_none() {
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    route.preflight = Preflight::Passes;
    let gate = Gate::new(Routes::new([route]), Identity::default());
    let mut headers = HeaderMap::new();
    for (name, value) in PREFLIGHT {
        headers.append(name, value.parse().unwrap());
    }
    let method = Method::OPTIONS;
    let original = Original::new(&method, "/orders", None, &headers);
    assert_eq!(
        reason(&fixture::decide(
            &gate,
            &original,
            &Known::new(Profile::Rfc9068)
        )),
        "admitted"
    );
    let original = original.with_body(true);
    assert_eq!(
        reason(&fixture::decide(
            &gate,
            &original,
            &Known::new(Profile::Rfc9068)
        )),
        "no_credentials"
    );
}

#[test]
fn a_gate_shows_what_it_was_made_of() {
    let route = |name| Route::new(name, [PathPattern::prefix("/").unwrap()]);
    let identity = Identity::builder().field("X-Subject", ClaimSource::Subject, Encoding::Plain);
    let routes = Routes::new([route("one"), route("another")]);
    let gate = Gate::new(routes, identity.build().unwrap());
    let names = gate.routes().iter().map(|route| &*route.name);
    assert_eq!(names.collect::<Vec<_>>(), ["one", "another"]);
    assert_eq!(gate.identity().names().collect::<Vec<_>>(), ["x-subject"]);
}

/// What a gate decides on a target, whose only route has this tolerance and is public.
fn decide_tolerantly(tolerance: Tolerance, prefix: &str, target: &str) -> Decision {
    let mut route = Route::new("all", [PathPattern::prefix(prefix).unwrap()]);
    route.access = Access::Public;
    route.tolerance = tolerance;
    let gate = Gate::new(Routes::new([route]), Identity::default());
    let headers = HeaderMap::new();
    let original = Original::new(&Method::GET, target, None, &headers);
    fixture::decide(&gate, &original, &Known::new(Profile::Rfc9068))
}

#[test]
fn t_fwd_04_an_oddity_needs_a_route_that_tolerates_it() {
    let listed = |oddities: &[Oddity]| Tolerance::Listed(oddities.iter().copied().collect());
    let slash = listed(&[Oddity::EncodedSlash]);
    let semicolon = listed(&[Oddity::Semicolon]);
    let both = listed(&[Oddity::EncodedSlash, Oddity::Semicolon]);
    let (exact, tolerant) = (Tolerance::Exact, Tolerance::Tolerant);
    for (target, admitted, refused) in [
        ("/orders", &[exact, slash, both, tolerant][..], &[][..]),
        ("/a%2Fb", &[slash, both, tolerant], &[exact, semicolon]),
        ("/a;x", &[semicolon, both, tolerant], &[exact, slash]),
        ("/a%2Fb;x", &[both, tolerant], &[exact, slash, semicolon]),
        ("/a%3Bx", &[tolerant], &[exact, both]),
        ("/a//b", &[tolerant], &[exact, both]),
        ("/Acme%20Inc.", &[tolerant], &[exact, both]),
        ("/a/%2e%2e/b", &[], &[exact, both, tolerant]),
        ("/a/..%2Fb", &[], &[exact, both, tolerant]),
        ("/a/%252e%252e/b", &[], &[exact, both, tolerant]),
        ("/a%5Cb", &[], &[exact, both, tolerant]),
        ("/a%c0%af", &[], &[exact, both, tolerant]),
    ] {
        for tolerance in admitted {
            let decision = decide_tolerantly(*tolerance, "/", target);
            assert_eq!(reason(&decision), "admitted", "{target} {tolerance:?}");
        }
        for tolerance in refused {
            let decision = decide_tolerantly(*tolerance, "/", target);
            assert_eq!(
                reason(&decision),
                "ambiguous_path",
                "{target} {tolerance:?}"
            );
        }
    }
    let decision = decide_tolerantly(Tolerance::Exact, "/", "/a//b");
    let Decision::Refuse(refusal) = decision else {
        panic!("{decision:?}");
    };
    assert_eq!(&*refusal.route.unwrap().name, "all");
}

#[test]
fn t_fwd_04_a_tolerant_route_leads_nowhere_else() {
    for (target, expected) in [
        ("/files/a//b", "admitted"),
        ("/files/a%2Fb", "admitted"),
        // A server that repairs it reads a path of this route, but another does not.
        ("//files/a", "ambiguous_path"),
        ("/files%2Fa", "ambiguous_path"),
        ("//evil.example/files/a", "ambiguous_path"),
        ("/other//", "ambiguous_path"),
        ("/other", "no_rule"),
    ] {
        let decision = decide_tolerantly(Tolerance::Tolerant, "/files", target);
        assert_eq!(reason(&decision), expected, "{target}");
    }
}

#[test]
fn t_hdr_05_t_hdr_07_a_claim_that_cannot_be_told_refuses_the_request() {
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    let claim = ClaimSource::Claim("nickname".into());
    let identity = Identity::builder().field("X-Nickname", claim, Encoding::Plain);
    let identity = identity.max_bytes(3).build().unwrap();
    for access in [Access::Required, Access::Optional] {
        route.access = access;
        let gate = Gate::new(Routes::new([route.clone()]), identity.clone());
        for (nickname, expected) in [
            ("bob", "admitted"),
            ("b\nb", "claim_not_header_safe"),
            ("bobo", "claim_too_large"),
        ] {
            let token = Token::user(ISSUER, AUDIENCE, NOW).claim("nickname", nickname);
            let mut headers = HeaderMap::new();
            let bearer = format!("Bearer {}", token.sign());
            headers.insert("authorization", bearer.parse().unwrap());
            let original = Original::new(&Method::GET, "/", None, &headers);
            let decision = fixture::decide(&gate, &original, &Known::new(Profile::Rfc9068));
            assert_eq!(reason(&decision), expected);
        }
    }
}

/// A decision on a route in shadow mode, which asks for a scope and tells a claim in a field.
fn shadowed(token: Option<&Token>) -> Admission {
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    route.mode = Mode::Shadow;
    let scope = Requirements::builder()
        .scope("orders:read")
        .build()
        .unwrap();
    route.require = vec![vec![scope]];
    let claim = ClaimSource::Claim("nickname".into());
    let identity = Identity::builder().field("X-Nickname", claim, Encoding::Plain);
    let gate = Gate::new(Routes::new([route]), identity.build().unwrap());
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let bearer = format!("Bearer {}", token.sign());
        headers.insert("authorization", bearer.parse().unwrap());
    }
    let method = Method::GET;
    let original = Original::new(&method, "/orders", None, &headers);
    admitted(fixture::decide(
        &gate,
        &original,
        &Known::new(Profile::Rfc9068),
    ))
}

#[test]
fn in_shadow_mode_what_would_be_refused_passes_without_identity() {
    let good = || Token::user(ISSUER, AUDIENCE, NOW).claim("nickname", "bob");
    let scoped = || good().claim("scope", "orders:read");
    for (token, reason) in [
        (None, "no_credentials"),
        (Some(good().claim("exp", 1)), "token_expired"),
        (Some(good().claim("scope", "other")), "insufficient_scope"),
        // What the gateway alone finds wrong, too.
        (
            Some(scoped().claim("nickname", "a\nb")),
            "claim_not_header_safe",
        ),
        (
            Some(scoped().claim("nickname", "b".repeat(20_000))),
            "token_too_large",
        ),
        (
            Some(scoped().claim("nickname", "b".repeat(9_000))),
            "claim_too_large",
        ),
    ] {
        let admission = shadowed(token.as_ref());
        let told = admission.shadowed.as_ref().map(|reason| reason.code());
        assert_eq!(told, Some(reason));
        assert!(admission.principal.is_none(), "{reason}");
        assert!(admission.identity.set.is_empty(), "{reason}");
        let removed = &admission.identity.remove;
        assert!(removed.iter().any(|name| name == "x-nickname"), "{reason}");
    }
    let admission = shadowed(Some(&scoped()));
    assert!(admission.shadowed.is_none() && admission.principal.is_some());
}
