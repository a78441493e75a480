//! Proof-of-possession claims: a token bound to a key is no bearer token.

use bearward_core::Profile;
use bearward_core::confirmation::Evidence;
use bearward_core::rejection::InvalidToken;
use bearward_testing::token::SUBJECT;
use serde_json::json;

use crate::fixture::{accepted, claimed, good, machine, policy, refused, refused_by, settings};

const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

#[test]
fn t_pop_01_a_bound_token_is_not_accepted_as_bearer() {
    for member in ["jkt", "x5t#S256"] {
        let cnf = json!({ member: THUMBPRINT });
        let token = good().claim("cnf", cnf.clone());
        assert_eq!(refused(&token), InvalidToken::CnfNotProven, "{member}");
        let token = machine().claim("cnf", cnf.clone());
        assert_eq!(refused(&token), InvalidToken::CnfNotProven, "{member}");
        let generic = settings().profile(Profile::Generic).build().unwrap();
        let token = good().claim("cnf", cnf);
        assert_eq!(refused_by(&generic, &token), InvalidToken::CnfNotProven);
    }
    // As Keycloak writes it.
    let cnf = json!({ "kc-jkt-type": "DPoP", "jkt": THUMBPRINT });
    let token = good().claim("cnf", cnf);
    assert_eq!(refused(&token), InvalidToken::CnfNotProven);
    let empty = good().claim("cnf", json!({ "jkt": "" }));
    assert_eq!(refused(&empty), InvalidToken::CnfNotProven);
}

/// The policy lets it pass, with the key to which it is bound; no principal comes of it without evidence.
#[test]
fn t_pop_01_what_a_bound_token_says_is_no_principal() {
    for member in ["jkt", "x5t#S256"] {
        let bound = claimed(
            &policy(),
            &good().claim("cnf", json!({ member: THUMBPRINT })),
        );
        let confirmation = bound.confirmation().copied().unwrap();
        let found = [confirmation.jkt(), confirmation.x5t_s256()];
        assert_eq!(found[0].is_some(), member == "jkt");
        assert_eq!(found[1].is_some(), member == "x5t#S256");
        assert_eq!(format!("{bound:?}"), "Claimed { is_bound: true, .. }");
        let refused = bound.proven(Evidence::NONE).unwrap_err();
        assert_eq!(refused, InvalidToken::CnfNotProven, "{member}");
    }
}

#[test]
fn a_pop_01_an_unbound_token_needs_no_evidence() {
    let unbound = claimed(&policy(), &good());
    assert_eq!(unbound.confirmation(), None);
    assert!(unbound.memory_bytes() > good().payload_bytes().len());
    let principal = unbound.proven(Evidence::NONE).unwrap();
    assert_eq!(principal.subject(), SUBJECT);
}

#[test]
fn t_pop_02_a_cnf_that_is_not_understood_is_refused() {
    for cnf in [
        json!({}),
        json!("jkt"),
        json!(THUMBPRINT),
        json!([]),
        json!([{ "jkt": THUMBPRINT }]),
        json!(1),
        json!(true),
        json!(false),
        json!({ "jwk": { "kty": "EC" } }),
        json!({ "kid": "k" }),
        json!({ "jku": "https://attacker.example" }),
        json!({ "x5t": THUMBPRINT }),
        json!({ "JKT": THUMBPRINT }),
        json!({ "jkt ": THUMBPRINT }),
        json!({ "": THUMBPRINT }),
        json!({ "jkt": 1 }),
        json!({ "jkt": null }),
        json!({ "jkt": [THUMBPRINT] }),
        json!({ "jkt": { "jkt": THUMBPRINT } }),
        json!({ "x5t#S256": true }),
        json!({ "jkt": THUMBPRINT, "x5t#S256": THUMBPRINT }),
        json!({ "jkt": THUMBPRINT, "kid": "k" }),
        json!({ "jkt": THUMBPRINT, "a": null, "b": null }),
        json!({ "kc-jkt-type": "DPoP" }),
        json!({ "jkt": THUMBPRINT, "kc-jkt-type": "dpop" }),
        json!({ "jkt": THUMBPRINT, "kc-jkt-type": 1 }),
        json!({ "jkt": 1, "kc-jkt-type": "DPoP" }),
        json!({ "x5t#S256": THUMBPRINT, "kc-jkt-type": "DPoP" }),
        json!({ "jkt": THUMBPRINT, "kc-jkt-type": "DPoP", "kid": "k" }),
    ] {
        let token = good().claim("cnf", cnf.clone());
        assert_eq!(refused(&token), InvalidToken::CnfUnsupported, "{cnf}");
    }
}

#[test]
fn a_pop_01_an_unbound_token_is_accepted() {
    accepted(&good());
    accepted(&machine());
    // Only the claim of that name, at the top, binds.
    accepted(&good().claim("CNF", json!({ "jkt": THUMBPRINT })));
    accepted(&good().claim("jkt", THUMBPRINT));
    accepted(&good().claim("act", json!({ "cnf": { "jkt": THUMBPRINT } })));
}
