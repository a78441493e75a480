//! JWTs of another kind than access tokens, and access tokens that need another profile.

use bearward_core::Profile;

use super::opaque::REFRESH_REMEDY;
use super::{Case, Diagnosis};
use crate::explain::anatomy::is_at_jwt;
use crate::explain::members::Members;
use crate::explain::text::quoted;

/// Names a token that is not an access token for this kind of server.
pub(super) fn diagnose(case: &Case<'_>) -> Option<Diagnosis> {
    // What a load balancer says about a user looks like an ID token otherwise.
    if case.header.has("signer") {
        return None;
    }
    marked(case)
        .or_else(|| graph(case.header, case.payload))
        .or_else(|| resembling(case))
}

/// What a member says outright.
fn marked(case: &Case<'_>) -> Option<Diagnosis> {
    let (header, payload) = (case.header, case.payload);
    let typ = header
        .string("typ")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    let says = |name: &str, values: &[&str]| {
        let value = payload.string(name);
        value.is_some_and(|value| values.contains(&&*value))
    };
    let is_refresh = matches!(
        typ,
        "refresh" | "refresh-token" | "refresh_token" | "refreshtoken" | "rt" | "rt+jwt"
    );
    if is_refresh || REFRESH.iter().any(|(name, values)| says(name, values)) {
        let of = case
            .provider
            .map_or_else(String::new, |provider| format!(" of {}", provider.name));
        return Some(Diagnosis::new(
            format!(
                "This is a refresh token{of}: it is only for the token endpoint of its issuer, never for an API."
            ),
            REFRESH_REMEDY,
        ));
    }
    let events = payload.get("events").unwrap_or_default();
    let (why, remedy) = match typ {
        "dpop+jwt" => (
            DPOP_PROOF,
            "Send it in the field `DPoP`, next to an access token.",
        ),
        _ if payload.has("htm") && payload.has("htu") => (
            DPOP_PROOF,
            "Send it in the field `DPoP`, next to an access token.",
        ),
        "logout+jwt" => (LOGOUT_TOKEN, SEND_ACCESS),
        _ if says("typ", &["Logout"]) || events.contains("event/backchannel-logout") => {
            (LOGOUT_TOKEN, SEND_ACCESS)
        }
        "secevent+jwt" => (SECURITY_EVENT, SEND_ACCESS),
        _ if payload.has("events") => (SECURITY_EVENT, SEND_ACCESS),
        "token-introspection+jwt" => (
            "This is a signed response of an introspection endpoint, not an access token.",
            SEND_ACCESS,
        ),
        _ => return None,
    };
    Some(Diagnosis::new(why, remedy))
}

/// A token for Microsoft Graph, which only Graph can verify: the `nonce` in its header was hashed before
/// it was signed.
fn graph(header: &Members, payload: &Members) -> Option<Diagnosis> {
    let audience = payload.string("aud").unwrap_or_default();
    let is_for_graph = GRAPH.contains(&audience.trim_end_matches('/'));
    let nonce = match header.has("nonce") {
        true => " Only Graph can verify it, because of the `nonce` in its header.",
        false => " Only Graph may accept it.",
    };
    is_for_graph.then(|| {
        Diagnosis::new(
            format!("This is an access token for Microsoft Graph, not for your API.{nonce}"),
            "Have the client request a scope of your API, such as `api://APPLICATION-ID/.default`, and send \
             that token. One token is for one API; a client that also calls Graph needs a second one.",
        )
    })
}

/// What looks like another kind, where the policy did not accept it as an access token.
fn resembling(case: &Case<'_>) -> Option<Diagnosis> {
    let payload = case.payload;
    let is_refused = ["typ", "token kind"].iter().any(|name| {
        let check = case.check(name);
        check.is_some_and(|check| check.verdict.code().is_some())
    });
    if !is_refused || is_at_jwt(case.header) {
        return None;
    }
    // OIDC Core §2: only an ID token has these. Keycloak names the kind in a claim.
    let is_id_token = payload.has_any(&["nonce", "at_hash", "c_hash", "s_hash"])
        && !payload.has_any(&["scope", "scp"])
        || payload.get("typ") == Some("\"ID\"")
        || payload.get("token_use") == Some("\"id\"")
        || (payload.has_any(&["auth_time", "sid"]) && !payload.has_any(BEYOND_A_LOGIN));
    if is_id_token {
        return Some(Diagnosis::new(
            "This is an ID token: it is for the client, to know who the user is, and not for an API.",
            SEND_ACCESS,
        ));
    }
    // OIDC Core §5.3.2: a signed response has `iss` and `aud`, and describes the user.
    let describes_user = payload.has_any(&["email", "name", "preferred_username"]);
    let is_user_info = payload.has("sub") && describes_user && !payload.has_any(&["exp", "iat"]);
    is_user_info.then(|| {
        Diagnosis::new(
            "This looks like a signed response of the UserInfo endpoint: it describes a user and does not \
             expire.",
            SEND_ACCESS,
        )
    })
}

/// An access token of an issuer that does not follow RFC 9068.
pub(super) fn profile(case: &Case<'_>) -> Option<Diagnosis> {
    let is_of_load_balancer = case.header.has("signer");
    // As access tokens do.
    let names_access = case.payload.has_any(Profile::Generic.client_id_claims())
        || case.payload.has_any(&["scope", "scp"]);
    let is_at_jwt = is_at_jwt(case.header);
    let is_recognised = names_access || is_of_load_balancer;
    if case.asked.policy.profile() != Profile::Rfc9068 || is_at_jwt || !is_recognised {
        return None;
    }
    let issuer = case.payload.string("iss").unwrap_or_default();
    let profile = match is_of_load_balancer {
        true => Profile::AwsAlb,
        false => Profile::of_issuer(&issuer).unwrap_or(Profile::Generic),
    };
    let setting = match case.asked.is_configured() {
        true => format!("`profile = \"{profile}\"` for this issuer"),
        false => format!("--profile {profile}"),
    };
    Some(Diagnosis::new(
        "Its issuer does not mark access tokens as RFC 9068 requires.",
        format!("Try {setting}."),
    ))
}

/// A token of a load balancer, where none is expected.
pub(super) fn padded(case: &Case<'_>) -> Option<Diagnosis> {
    case.header.has("signer").then(|| profile(case)).flatten()
}

/// A token that an issuer lets stand for a user at a load balancer, for the sentence about its signer.
pub(super) fn signer(case: &Case<'_>) -> Option<Diagnosis> {
    let signer = case.header.string("signer")?;
    let setting = case.setting("audiences", "--audience");
    Some(Diagnosis::new(
        format!(
            "It is signed by the load balancer {}, and this server trusts {}.",
            quoted(&signer),
            case.expected_audiences()
        ),
        format!(
            "If that load balancer is yours, add its ARN to {setting}; a new load balancer has a new ARN. \
             Otherwise somebody else's load balancer signed it."
        ),
    ))
}

/// Claims, each with its values in refresh tokens: of Keycloak, Cognito, Descope and common libraries.
const REFRESH: &[(&str, &[&str])] = &[
    ("typ", &["Refresh", "Offline"]),
    ("token_use", &["refresh"]),
    ("token_type", &["refresh", "refresh_token"]),
    ("type", &["refresh", "refresh_token"]),
    ("drn", &["DSR"]),
];

/// The application ID of Microsoft Graph, and its URI.
const GRAPH: &[&str] = &[
    "00000003-0000-0000-c000-000000000000",
    "https://graph.microsoft.com",
];

/// What names the client or the access given, as ID tokens do not; they may have `azp`.
const BEYOND_A_LOGIN: &[&str] = &[
    "client_id",
    "cid",
    "appid",
    "scope",
    "scp",
    "permissions",
    "gty",
    "idtyp",
];

const SEND_ACCESS: &str =
    "Send the access token: the value of `access_token` in the response of the token endpoint.";

const DPOP_PROOF: &str = "This is a DPoP proof, not an access token.";

const LOGOUT_TOKEN: &str =
    "This is a logout token, which the issuer sends to end a session. It authenticates nobody.";

const SECURITY_EVENT: &str = "This is a security event token, with which an issuer reports an event. It authenticates nobody.";
