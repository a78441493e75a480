//! Stage 6, authorize: the requirements of a route beyond a valid access token ([RFC 6750 §3.1]).
//!
//! [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1

use serde_json::{Value, json};

use super::case::{Answer, Case, Sent};
use super::setting::{machine, user};
use super::token::{INVALID_TOKEN, expired};
use crate::token::ROLES;

const SCOPE: Answer = Answer::challenge(
    403,
    r#"Bearer realm="api", error="insufficient_scope", error_description="The request needs more scope", scope="orders:read", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Forbidden","status":403,"error":"insufficient_scope"}"#,
);

const SCOPES: Answer = Answer::challenge(
    403,
    r#"Bearer realm="api", error="insufficient_scope", error_description="The request needs more scope", scope="orders:read orders:write", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#,
    r#"{"title":"Forbidden","status":403,"error":"insufficient_scope"}"#,
);

/// Another token would not help, so there is no challenge.
pub(super) const FORBIDDEN: Answer = Answer::plain(403, r#"{"title":"Forbidden","status":403}"#);

pub(super) fn cases() -> Vec<Case> {
    [scope(), role(), kind()].concat()
}

fn scope() -> Vec<Case> {
    let scoped =
        |name, scope: &str| Sent::get(name, "/scoped").bearer(&user().claim("scope", scope));
    let scopes =
        |name, scope: &str| Sent::get(name, "/scopes").bearer(&user().claim("scope", scope));
    let lacks = |sent: Sent| sent.refuses(SCOPE, "insufficient_scope");
    let lacks_two = |sent: Sent| sent.refuses(SCOPES, "insufficient_scope");
    vec![
        scoped("scope_there", "openid orders:read profile").admits_user(),
        lacks(scoped("t_clm_17_scope_absent", "openid profile")),
        lacks(scoped(
            "t_clm_17_scope_by_substring",
            "orders:read:all xorders:read orders",
        )),
        lacks(
            Sent::get("t_clm_17_without_scope", "/scoped").bearer(&user().without_claim("scope")),
        ),
        Sent::get("t_clm_13_scope_as_a_number", "/scoped")
            .bearer(&user().claim("scope", 1))
            .refuses(INVALID_TOKEN, "claim_type"),
        Sent::get("t_clm_04_expired_where_scope_is_lacking", "/scoped")
            .bearer(&expired())
            .refuses(INVALID_TOKEN, "token_expired"),
        scopes("one_of_several_scopes_there", "orders:admin orders:read").admits_user(),
        lacks_two(scopes("t_err_05_every_scope_is_named", "openid")),
        lacks_two(scopes("t_err_05_one_scope_is_lacking", "orders:read")),
    ]
}

fn role() -> Vec<Case> {
    let with = |name, roles: Value| Sent::get(name, "/admin").bearer(&user().claim(ROLES, roles));
    vec![
        with("role_there", json!(["editor", "admin"])).admits_user(),
        with("role_absent", json!(["editor"])).refuses(FORBIDDEN, "claim_rule"),
        with("no_roles", json!([])).refuses(FORBIDDEN, "claim_rule"),
        with("role_by_substring", json!(["administrator", "a,admin"]))
            .refuses(FORBIDDEN, "claim_rule"),
        Sent::get("roles_absent", "/admin")
            .bearer(&user().without_claim(ROLES))
            .refuses(FORBIDDEN, "claim_rule"),
        with("t_clm_13_roles_not_strings", json!([1, "admin"])).refuses(FORBIDDEN, "claim_rule"),
    ]
}

fn kind() -> Vec<Case> {
    vec![
        Sent::get("user_where_a_user_is_asked_for", "/user")
            .bearer(&user())
            .admits_user(),
        Sent::get("t_clm_14_machine_where_a_user_is_asked_for", "/user")
            .bearer(&machine())
            .refuses(FORBIDDEN, "principal_kind"),
        Sent::get("machine_where_a_machine_is_asked_for", "/machine")
            .bearer(&machine())
            .admits("client_id_bea2d0000000b220"),
        Sent::get("t_clm_14_user_where_a_machine_is_asked_for", "/machine")
            .bearer(&user())
            .refuses(FORBIDDEN, "principal_kind"),
    ]
}
