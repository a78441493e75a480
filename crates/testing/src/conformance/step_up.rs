//! Stage 6, authorize: how, and how long ago, the user authenticated ([RFC 9470]).
//!
//! [RFC 9470]: https://www.rfc-editor.org/rfc/rfc9470

use std::time::Duration;

use bearward_core::UnixTime;
use serde_json::{Value, json};

use super::case::{Answer, Case, Sent};
use super::credentials::{MULTIPLE, NO_CREDENTIALS};
use super::requirements::FORBIDDEN;
use super::setting::{ISSUER, NOW, forging_key, machine, user};
use crate::Token;
use crate::token::{CAN_REAUTHENTICATE, CLIENT_ID, IS_ANONYMOUS, MACHINE_CLIENT_ID};

const STEP_UP: Answer = Answer::challenge(
    401,
    r#"Bearer realm="api", error="insufficient_user_authentication", error_description="A more recent or stronger authentication is required", max_age="300", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Unauthorized","status":401,"error":"insufficient_user_authentication"}"#,
);

const STRONGER: Answer = Answer::challenge(
    401,
    r#"Bearer realm="api", error="insufficient_user_authentication", error_description="A more recent or stronger authentication is required", acr_values="urn:example:loa:3 urn:example:loa:2", max_age="300", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Unauthorized","status":401,"error":"insufficient_user_authentication"}"#,
);

pub(super) fn cases() -> Vec<Case> {
    [age(), id_token(), refused_id_token(), cannot(), class()].concat()
}

fn age() -> Vec<Case> {
    let with = |name, auth_time: Value| {
        Sent::get(name, "/recent").bearer(&user().claim("auth_time", auth_time))
    };
    let refuses = |sent: Sent| sent.refuses(STEP_UP, "auth_time_unsatisfied");
    vec![
        with("step_up_fresh", ago(10).as_secs().into()).admits_user(),
        with("step_up_at_the_bound", ago(300).as_secs().into()).admits_user(),
        refuses(with("t_clm_18_stale", ago(301).as_secs().into())),
        refuses(with("t_clm_18_zero", 0.into())),
        refuses(with("t_clm_18_negative", (-62_135_596_800_i64).into())),
        refuses(with(
            "t_clm_18_string",
            ago(10).as_secs().to_string().into(),
        )),
        refuses(with(
            "t_clm_18_in_the_future",
            NOW.plus(Duration::from_secs(31)).as_secs().into(),
        )),
        refuses(Sent::get("t_clm_18_absent", "/recent").bearer(&user().without_claim("auth_time"))),
    ]
}

fn id_token() -> Vec<Case> {
    let with = |name, token: &Token| Sent::get(name, "/recent").bearer(&stale()).id_token(token);
    vec![
        with("step_up_with_id_token", &fresh()).admits_user(),
        with(
            "step_up_with_id_token_at_the_bound",
            &fresh().authenticated_at(ago(300)),
        )
        .admits_user(),
        with(
            "t_clm_18_stale_id_token",
            &fresh().authenticated_at(ago(301)),
        )
        .refuses(STEP_UP, "auth_time_unsatisfied"),
        with(
            "t_clm_18_id_token_without_auth_time",
            &fresh().without_claim("auth_time"),
        )
        .refuses(STEP_UP, "auth_time_unsatisfied"),
        Sent::get("id_token_where_none_is_wanted", "/")
            .bearer(&user())
            .id_token(&foreign())
            .admits_user(),
        Sent::get("id_token_alone", "/recent")
            .id_token(&fresh())
            .refuses(NO_CREDENTIALS, "no_credentials"),
        with("two_id_tokens", &fresh())
            .id_token(&fresh())
            .refuses(MULTIPLE, "multiple_credentials"),
    ]
}

fn refused_id_token() -> Vec<Case> {
    let with = |name, token: &Token, reason| {
        let sent = Sent::get(name, "/recent").bearer(&stale()).id_token(token);
        sent.refuses(STEP_UP, reason)
    };
    let forged = fresh().key(forging_key());
    let of_other_client = Token::id_token(ISSUER, MACHINE_CLIENT_ID, NOW);
    let of_other_issuer = Token::id_token("https://evil.example", CLIENT_ID, NOW);
    vec![
        with("id_token_of_another_user", &foreign(), "id_token_mismatch"),
        with(
            "id_token_of_another_client",
            &of_other_client,
            "id_token_mismatch",
        ),
        with(
            "id_token_of_an_unknown_issuer",
            &of_other_issuer,
            "id_token_invalid",
        ),
        with(
            "id_token_expired",
            &fresh().expires_at(ago(3600)),
            "id_token_invalid",
        ),
        with("id_token_forged", &forged, "id_token_invalid"),
        with("access_token_as_id_token", &user(), "id_token_invalid"),
    ]
}

/// Authgear users who are not able to re-authenticate: asking them would never end.
fn cannot() -> Vec<Case> {
    let cannot = || stale().claim(CAN_REAUTHENTICATE, false);
    let biometric = fresh()
        .claim(CAN_REAUTHENTICATE, false)
        .claim("amr", json!(["x_biometric"]));
    let anonymous = || user().claim(IS_ANONYMOUS, true);
    let never = |name, path, token: &Token| {
        let sent = Sent::get(name, path).bearer(token);
        sent.refuses(FORBIDDEN, "cannot_reauthenticate")
    };
    vec![
        never("t_clm_18_machine", "/recent", &machine()),
        never("t_clm_18_machine_and_may", "/lenient", &machine()),
        never("t_clm_18_anonymous", "/recent", &anonymous()),
        never("t_clm_18_anonymous_and_may", "/lenient", &anonymous()),
        Sent::get("cannot_reauthenticate_but_just_did", "/recent")
            .bearer(&cannot())
            .id_token(&fresh().claim(CAN_REAUTHENTICATE, false))
            .admits_user(),
        Sent::get("cannot_reauthenticate", "/recent")
            .bearer(&cannot())
            .refuses(FORBIDDEN, "cannot_reauthenticate"),
        Sent::get("cannot_reauthenticate_but_is_fresh", "/recent")
            .bearer(&cannot().authenticated_at(ago(10)))
            .admits_user(),
        Sent::get("cannot_reauthenticate_but_by_biometrics", "/recent")
            .bearer(&cannot())
            .id_token(&biometric)
            .admits_user(),
        Sent::get("cannot_reauthenticate_and_may", "/lenient")
            .bearer(&cannot())
            .admits_user(),
        Sent::get("can_reauthenticate_and_must", "/lenient")
            .bearer(&stale())
            .refuses(STEP_UP, "auth_time_unsatisfied"),
    ]
}

fn class() -> Vec<Case> {
    let with = |name, acr: Value| Sent::get(name, "/strong").bearer(&user().claim("acr", acr));
    vec![
        with("class_preferred", "urn:example:loa:3".into()).admits_user(),
        with("class_second_best", "urn:example:loa:2".into()).admits_user(),
        with("t_clm_19_other_class", "urn:example:loa:1".into())
            .refuses(STRONGER, "acr_unsatisfied"),
        with("t_clm_19_class_by_substring", "urn:example:loa:33".into())
            .refuses(STRONGER, "acr_unsatisfied"),
        Sent::get("t_clm_19_without_class", "/strong")
            .bearer(&user())
            .refuses(STRONGER, "acr_unsatisfied"),
        Sent::get("t_clm_18_strong_but_stale", "/strong")
            .bearer(&stale().claim("acr", "urn:example:loa:3"))
            .refuses(STRONGER, "auth_time_unsatisfied"),
    ]
}

/// An access token of a user who authenticated an hour ago.
fn stale() -> Token {
    user().authenticated_at(ago(3600))
}

/// The ID token from a re-authentication just now.
fn fresh() -> Token {
    Token::id_token(ISSUER, CLIENT_ID, NOW).authenticated_at(ago(10))
}

/// Somebody else's ID token.
fn foreign() -> Token {
    fresh().claim("sub", "somebody else")
}

fn ago(seconds: u64) -> UnixTime {
    NOW.minus(Duration::from_secs(seconds))
}
