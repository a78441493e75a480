//! What a route asks of a principal: kind, client, scope, claims.

use std::time::Duration;

use bearward_core::rejection::{Forbidden, Rejection};
use bearward_core::requirements::{Asked, ClaimValue, RequirementsBuilder, RequirementsError};
use bearward_core::{ClaimPath, Principal, PrincipalKind, Requirements};
use bearward_testing::Token;
use bearward_testing::token::{CLIENT_ID, IS_ANONYMOUS, IS_VERIFIED, MACHINE_CLIENT_ID, ROLES};
use serde_json::{Value, json};

use crate::fixture::{NOW, SECOND, accepted, accepted_by, good, machine, settings};

fn asking() -> RequirementsBuilder {
    Requirements::builder()
}

fn authorize(asked: RequirementsBuilder, token: &Token) -> Result<(), Rejection> {
    let principal: Principal = accepted(token);
    asked.build().unwrap().authorize(&principal, NOW)
}

#[track_caller]
fn allows(asked: RequirementsBuilder, token: &Token) {
    authorize(asked, token).unwrap();
}

#[track_caller]
fn forbids(asked: RequirementsBuilder, token: &Token, reason: Forbidden) {
    assert_eq!(authorize(asked, token), Err(reason.into()));
}

/// The scope that the refusal names.
#[track_caller]
fn lacks(asked: RequirementsBuilder, token: &Token) -> String {
    let rejection = authorize(asked, token).unwrap_err();
    let Rejection::InsufficientScope(lacks) = rejection else {
        panic!("{rejection:?} is not insufficient_scope");
    };
    lacks.scope.to_string()
}

fn scoped(scope: impl Into<Value>) -> Token {
    good().claim("scope", scope)
}

#[test]
fn nothing_asked_is_nothing_refused() {
    for token in [
        good(),
        machine(),
        good().without_claim("scope"),
        good().without_claim("auth_time"),
    ] {
        allows(asking(), &token);
    }
}

#[test]
fn t_clm_17_scope_is_whole_words() {
    for scope in [
        "read:all",
        "xread",
        "readx",
        "rea",
        "READ",
        "Read",
        "read,write",
        "read\twrite",
        "read\nwrite",
        "",
        " ",
        "\u{a0}read",
    ] {
        let lacks = lacks(asking().scope("read"), &scoped(scope));
        assert_eq!(lacks, "read", "{scope}");
    }
    let absent = good().without_claim("scope");
    assert_eq!(lacks(asking().scope("read"), &absent), "read");
    let array = scoped(json!(["read write", "xread", ""]));
    assert_eq!(lacks(asking().scope("read"), &array), "read");
    for scope in [
        "read",
        "write read",
        "read write",
        " read ",
        "a  read  b",
        "a    read",
    ] {
        allows(asking().scope("read"), &scoped(scope));
    }
    allows(asking().scope("read"), &scoped(json!(["write", "read"])));
    allows(asking().scope("read"), &scoped(json!(["", "read"])));
}

#[test]
fn all_scopes_asked_for_are_needed() {
    let both = || asking().scope("read").scope("write");
    allows(both(), &scoped("write other read"));
    for scope in ["read", "write", "other", ""] {
        assert_eq!(lacks(both(), &scoped(scope)), "read write", "{scope}");
    }
}

#[test]
fn one_scope_of_a_choice_is_needed() {
    let choice = || asking().any_scope(["admin", "write"]);
    allows(choice(), &scoped("admin"));
    allows(choice(), &scoped("x write"));
    assert_eq!(lacks(choice(), &scoped("read")), "admin");
    let two = || choice().any_scope(["a", "b"]).scope("read");
    allows(two(), &scoped("write b read"));
    for scope in ["write b", "write read", "b read", "read"] {
        assert_eq!(lacks(two(), &scoped(scope)), "read admin a", "{scope}");
    }
}

#[test]
fn scp_counts_where_there_is_no_scope() {
    let with_scp = |scp: Value| good().without_claim("scope").claim("scp", scp);
    allows(asking().scope("read"), &with_scp(json!("read write")));
    allows(asking().scope("read"), &with_scp(json!(["write", "read"])));
    let both = with_scp(json!("read")).claim("scope", "write");
    assert_eq!(lacks(asking().scope("read"), &both), "read");
}

#[test]
fn a_scope_that_could_not_be_had_is_not_asked_for() {
    for scope in ["", "a b", " ", "a\"b", "a\\b", "a\u{7f}", "a\n", "\u{e4}"] {
        let refused = asking().scope(scope).build().unwrap_err();
        assert_eq!(refused, RequirementsError::Scope, "{scope:?}");
        let refused = asking().any_scope(["a", scope]).build().unwrap_err();
        assert_eq!(refused, RequirementsError::Scope, "{scope:?}");
        let refused = asking().acr(["a", scope]).build().unwrap_err();
        assert_eq!(refused, RequirementsError::Acr, "{scope:?}");
    }
    let nothing = asking().any_scope(Vec::<String>::new()).build();
    assert_eq!(nothing.unwrap_err(), RequirementsError::Scope);
    let nothing = asking().acr(Vec::<String>::new()).build();
    assert_eq!(nothing.unwrap_err(), RequirementsError::Acr);
    let nothing = asking().acr(["gold"]).acr(Vec::<String>::new()).build();
    assert_eq!(nothing.unwrap_err(), RequirementsError::Acr);
    let nothing = asking().any_claim("tier", Vec::<String>::new()).build();
    assert_eq!(nothing.unwrap_err(), RequirementsError::Claim);
    for path in [&[][..], &[""], &["", "a"]] {
        let path = ClaimPath::new(path.iter().copied());
        let nameless = Requirements::builder().claim(path, "a").build();
        assert_eq!(nameless.unwrap_err(), RequirementsError::ClaimName);
    }
    let good: String = (0x21..0x7F_u8)
        .map(char::from)
        .filter(|char| !"\"\\".contains(*char))
        .collect();
    asking()
        .scope(&*good)
        .any_scope([&*good])
        .acr([&*good])
        .build()
        .unwrap();
}

#[test]
fn t_clm_14_a_machine_is_no_user() {
    allows(asking().user(), &good());
    forbids(asking().user(), &machine(), Forbidden::PrincipalKind);
    allows(asking().machine(), &machine());
    forbids(asking().machine(), &good(), Forbidden::PrincipalKind);
    assert_eq!(
        Rejection::from(Forbidden::PrincipalKind).reason(),
        "principal_kind"
    );
    allows(asking().user().user(), &good());
    allows(asking().machine().machine(), &machine());
}

#[test]
fn nobody_is_a_user_and_a_machine() {
    for both in [
        asking().user().machine(),
        asking().machine().user(),
        asking().user().user().machine(),
    ] {
        assert_eq!(both.build().unwrap_err(), RequirementsError::Kind);
    }
    assert_eq!(
        RequirementsError::Kind.to_string(),
        "both a user and a machine are required"
    );
}

#[test]
fn one_of_the_clients_is_needed() {
    allows(asking().client_id(CLIENT_ID), &good());
    allows(asking().client_id("x").client_id(CLIENT_ID), &good());
    forbids(
        asking().client_id("x"),
        &good(),
        Forbidden::ClientNotAllowed,
    );
    forbids(
        asking().client_id(CLIENT_ID),
        &machine(),
        Forbidden::ClientNotAllowed,
    );
    allows(asking().client_id(MACHINE_CLIENT_ID), &machine());
}

#[test]
fn t_clm_12_a_client_that_is_asked_for_must_be_named() {
    let generic = settings()
        .profile(bearward_core::Profile::Generic)
        .build()
        .unwrap();
    let principal = accepted_by(&generic, &good().without_claim("client_id"));
    let asked = asking().client_id(CLIENT_ID).build().unwrap();
    let refused = asked.authorize(&principal, NOW).unwrap_err();
    assert_eq!(refused, Forbidden::ClaimRule.into());
}

fn with_roles(roles: impl Into<Value>) -> Token {
    good().claim(ROLES, roles)
}

#[test]
fn a_role_is_needed() {
    let admin = || asking().role("admin");
    allows(admin(), &with_roles(json!(["admin"])));
    allows(admin(), &with_roles(json!(["editor", "admin"])));
    allows(admin(), &with_roles("admin"));
    for roles in [
        json!([]),
        json!(["editor"]),
        json!(["admin2", "xadmin", "ADMIN", "admin editor", ""]),
        json!("editor admin"),
    ] {
        forbids(admin(), &with_roles(roles), Forbidden::ClaimRule);
    }
    forbids(admin(), &good().without_claim(ROLES), Forbidden::ClaimRule);
    forbids(admin(), &machine(), Forbidden::ClaimRule);
    forbids(
        admin().role("editor"),
        &with_roles(json!(["admin"])),
        Forbidden::ClaimRule,
    );
    allows(
        admin().role("editor"),
        &with_roles(json!(["admin", "editor"])),
    );
}

#[test]
fn t_clm_13_roles_are_strings() {
    let admin = || asking().role("admin");
    for roles in [
        json!(1),
        json!(true),
        json!(null),
        json!({}),
        json!({"admin": true}),
        json!([1]),
        json!(["admin", 1]),
        json!(["admin", null]),
        json!([["admin"]]),
    ] {
        forbids(admin(), &with_roles(roles), Forbidden::ClaimRule);
    }
}

#[test]
fn a_clm_08_roles_may_be_empty_and_names_may_be_urls() {
    accepted(&with_roles(json!([])));
    allows(asking(), &with_roles(json!([])));
    let token = good().claim("https://example.com/a.b/c", "x");
    allows(asking().claim("https://example.com/a.b/c", "x"), &token);
    let token = good().claim("a.b", json!({"c/d": {"": "x"}}));
    allows(asking().claim(["a.b", "c/d", ""], "x"), &token);
}

#[test]
fn t_clm_16_a_path_is_a_list_of_names() {
    let nested = || asking().claim(["realm_access", "roles"], "admin");
    let dotted = || asking().claim("realm_access.roles", "admin");
    let has_nested = good().claim("realm_access", json!({"roles": ["admin"]}));
    let has_dotted = good().claim("realm_access.roles", json!(["admin"]));
    allows(nested(), &has_nested);
    allows(dotted(), &has_dotted);
    forbids(nested(), &has_dotted, Forbidden::ClaimRule);
    forbids(dotted(), &has_nested, Forbidden::ClaimRule);
    let not_an_object = good().claim("realm_access", json!(["roles"]));
    forbids(nested(), &not_an_object, Forbidden::ClaimRule);
    let text = good().claim("realm_access", "roles");
    forbids(nested(), &text, Forbidden::ClaimRule);
}

#[test]
fn one_value_of_a_claim_is_needed() {
    let plan = || asking().any_claim("plan", ["gold", "silver"]);
    allows(plan(), &good().claim("plan", "gold"));
    allows(plan(), &good().claim("plan", "silver"));
    allows(plan(), &good().claim("plan", json!(["bronze", "silver"])));
    forbids(
        plan(),
        &good().claim("plan", "bronze"),
        Forbidden::ClaimRule,
    );
    forbids(plan(), &good(), Forbidden::ClaimRule);
}

#[test]
fn t_clm_15_a_number_is_no_text_to_compare() {
    let token = good().claim("account", 9_007_199_254_740_993_u64);
    let asked = asking().claim("account", "9007199254740993");
    forbids(asked, &token, Forbidden::ClaimRule);
}

/// Supabase marks anonymous users by a claim of its own, and some issuers number groups.
#[test]
fn a_claim_may_have_to_be_a_flag_or_a_number() {
    let no_guest = || asking().claim("is_anonymous", false);
    allows(no_guest(), &good().claim("is_anonymous", false));
    for other in [
        json!(true),
        json!("false"),
        json!(0),
        json!([false]),
        json!(null),
        json!({}),
    ] {
        let token = good().claim("is_anonymous", other);
        forbids(no_guest(), &token, Forbidden::ClaimRule);
    }
    forbids(no_guest(), &good(), Forbidden::ClaimRule);
    let group = || asking().claim("groups", 9_007_199_254_740_993_i64);
    for number in [
        json!(9_007_199_254_740_993_u64),
        json!([1, 9_007_199_254_740_993_u64]),
    ] {
        allows(group(), &good().claim("groups", number));
    }
    for other in [
        json!(9_007_199_254_740_992_u64),
        json!("9007199254740993"),
        json!([["9007199254740993"]]),
        json!([]),
        json!(9.1),
        json!(-1),
        json!({"9007199254740993": 9_007_199_254_740_993_u64}),
    ] {
        forbids(
            group(),
            &good().claim("groups", other),
            Forbidden::ClaimRule,
        );
    }
    let mixed = || asking().any_claim("tier", [ClaimValue::from("gold"), 1.into(), true.into()]);
    for value in [
        json!("gold"),
        json!(["a", "gold"]),
        json!(1),
        json!(["a", 1]),
        json!(true),
    ] {
        allows(mixed(), &good().claim("tier", value));
    }
    for other in [json!("1"), json!(false), json!("true"), json!(1.0)] {
        forbids(mixed(), &good().claim("tier", other), Forbidden::ClaimRule);
    }
    let shown: Vec<_> = mixed()
        .build()
        .unwrap()
        .each()
        .map(|asked| asked.to_string())
        .collect();
    assert_eq!(shown, ["\"tier\" is or has one of \"gold\" 1 true"]);
}

#[test]
fn a_user_who_is_verified() {
    let verified = |value: Value| good().claim(IS_VERIFIED, value);
    allows(asking().verified(), &verified(json!(true)));
    let not = Forbidden::UserNotVerified;
    forbids(asking().verified(), &verified(json!(false)), not);
    forbids(asking().verified(), &good().without_claim(IS_VERIFIED), not);
    forbids(asking().verified(), &machine(), not);
    for value in [json!("true"), json!(1), json!(null), json!([true])] {
        forbids(asking().verified(), &verified(value), not);
    }
}

#[test]
fn a_user_who_is_not_anonymous() {
    let anonymous = |value: Value| good().claim(IS_ANONYMOUS, value);
    allows(asking().not_anonymous(), &anonymous(json!(false)));
    let is = Forbidden::UserAnonymous;
    forbids(asking().not_anonymous(), &anonymous(json!(true)), is);
    forbids(
        asking().not_anonymous(),
        &good().without_claim(IS_ANONYMOUS),
        is,
    );
    forbids(asking().not_anonymous(), &machine(), is);
    for value in [json!("false"), json!(0), json!(null), json!({})] {
        let token = anonymous(value);
        forbids(asking().not_anonymous(), &token, is);
    }
}

#[test]
fn names_are_those_of_authgear() {
    use bearward_core::authgear;
    assert_eq!(authgear::ROLES, ROLES);
    assert_eq!(authgear::IS_VERIFIED, IS_VERIFIED);
    assert_eq!(authgear::IS_ANONYMOUS, IS_ANONYMOUS);
    assert_eq!(
        authgear::CAN_REAUTHENTICATE,
        bearward_testing::token::CAN_REAUTHENTICATE
    );
    assert_eq!(authgear::AMR_BIOMETRIC, "x_biometric");
}

#[test]
fn the_first_that_is_not_met_gives_the_reason() {
    let asked = || {
        asking()
            .user()
            .client_id("x")
            .scope("admin")
            .role("admin")
            .acr(["gold"])
            .amr("mfa")
            .max_age(SECOND)
    };
    let old = |token: Token| token.authenticated_at(NOW.minus(SECOND).minus(SECOND));
    let reason = |token: &Token| authorize(asked(), token).unwrap_err().reason();
    assert_eq!(reason(&machine()), "principal_kind");
    let token = old(good());
    assert_eq!(reason(&token), "client_not_allowed");
    let token = token.claim("client_id", "x");
    assert_eq!(reason(&token), "insufficient_scope");
    let token = token.claim("scope", "admin");
    assert_eq!(reason(&token), "claim_rule");
    let token = token.claim(ROLES, json!(["admin"]));
    assert_eq!(reason(&token), "acr_unsatisfied");
    let token = token.claim("acr", "gold");
    assert_eq!(reason(&token), "amr_unsatisfied");
    let token = token.claim("amr", json!(["mfa"]));
    assert_eq!(reason(&token), "auth_time_unsatisfied");
    allows(asked(), &token.authenticated_at(NOW));
}

#[test]
fn requirements_are_cheap_to_share() {
    let asked = asking().scope("admin").build().unwrap();
    let principal = accepted(&good());
    let clone = asked.clone();
    assert_eq!(
        asked.authorize(&principal, NOW),
        clone.authorize(&principal, NOW)
    );
    assert!(format!("{asked:?}").contains("admin"));
}

#[test]
fn each_thing_asked_for_has_a_verdict_of_its_own() {
    let asked = asking()
        .name("all of it")
        .max_age(Duration::from_secs(300))
        .amr("otp")
        .acr(["high"])
        .not_anonymous()
        .verified()
        .claim("plan", "gold")
        .any_scope(["read", "write"])
        .scope("profile")
        .client_id("other")
        .machine()
        .build()
        .expect("they make sense");
    let token = good()
        .claim("scope", "profile read")
        .claim("plan", "silver")
        .authenticated_at(NOW.minus(Duration::from_secs(300)));
    let principal = accepted(&token);
    let verdicts: Vec<_> = asked.verdicts(&principal, NOW).collect();
    let (things, reasons): (Vec<_>, Vec<_>) = verdicts
        .iter()
        .map(|(asked, verdict)| {
            let reason = verdict.as_ref().err().map(Rejection::reason);
            (*asked, reason.unwrap_or("met"))
        })
        .unzip();
    assert_eq!(things, asked.each().collect::<Vec<_>>());
    assert_eq!(things[0], Asked::Kind(PrincipalKind::Machine));
    assert_eq!(things[8], Asked::Age(Duration::from_secs(300)));
    let expected = [
        "principal_kind",
        "client_not_allowed",
        "met",
        "met",
        "met",
        "claim_rule",
        "acr_unsatisfied",
        "claim_rule",
        "met",
    ];
    assert_eq!(reasons, expected);
    // What authorizes ends with the first.
    let refused = asked.authorize(&principal, NOW).expect_err("it is refused");
    assert_eq!(refused.reason(), "principal_kind");
    assert_eq!(asked.name(), Some("all of it"));
    let nothing = asking().build().expect("nothing makes sense");
    assert_eq!((nothing.name(), nothing.each().count()), (None, 0));
}

#[test]
fn what_is_asked_for_explains_itself() {
    let asked = asking()
        .user()
        .client_id("web")
        .client_id("app")
        .scope("read")
        .any_scope(["write", "admin"])
        .any_scope(["audit"])
        .claim(["realm_access", "roles"], "editor")
        .verified()
        .not_anonymous()
        .acr(["gold", "silver"])
        .amr("pwd")
        .amr("otp")
        .max_age(Duration::from_secs(300));
    let asked = asked.build().unwrap();
    let explained = asked.each().map(|asked| {
        let claim = asked.claim();
        let claim = claim.map(|path| path.names().collect::<Vec<_>>().join("."));
        let claim = claim.unwrap_or_default();
        format!("{} ({claim}): {asked}", asked.name())
    });
    let explained: Vec<_> = explained.collect();
    let verified = format!("verified ({IS_VERIFIED}): \"{IS_VERIFIED}\" is true");
    let anonymous = format!("anonymous ({IS_ANONYMOUS}): \"{IS_ANONYMOUS}\" is false");
    assert_eq!(
        explained,
        [
            "kind (): a user",
            "client (): one of \"web\" \"app\"",
            "scope (): \"read\" and one of \"write\" \"admin\" and \"audit\"",
            "claim (realm_access.roles): \"realm_access\" > \"roles\" is or has \"editor\"",
            &verified,
            &anonymous,
            "acr (acr): one of \"gold\" \"silver\"",
            "amr (amr): \"pwd\" and \"otp\"",
            "auth_time (auth_time): 300 s ago at most",
        ]
    );
}

#[test]
fn a_rejection_is_about_one_of_the_requirements() {
    let token = good().claim("plan", "bronze").claim("team", "a");
    let principal = accepted(&token.claim(IS_VERIFIED, false));
    let name = |builder: RequirementsBuilder| {
        let asked = builder.build().unwrap();
        let rejection = asked.authorize(&principal, NOW).unwrap_err();
        let unmet = asked.unmet(&principal, &rejection).unwrap();
        let claim = unmet.claim();
        let path = claim.map(|path| path.names().collect::<Vec<_>>().join(" > "));
        path.unwrap_or_else(|| unmet.name().to_owned())
    };
    assert_eq!(name(asking().machine()), "kind");
    assert_eq!(name(asking().client_id("other")), "client");
    assert_eq!(name(asking().scope("admin")), "scope");
    assert_eq!(name(asking().verified().claim("team", "a")), IS_VERIFIED);
    // The first that does not fit, not the first.
    let plan = asking().claim("team", "a").claim("plan", "gold");
    assert_eq!(name(plan), "plan");
    let nested = asking().claim(["realm_access", "roles"], "buyer");
    assert_eq!(name(nested), "realm_access > roles");
    assert_eq!(name(asking().acr(["gold"])), "acr");
    // Another reason is about none of them.
    let asked = asking().scope("admin").build().unwrap();
    assert_eq!(asked.unmet(&principal, &Rejection::NoCredentials), None);
}
