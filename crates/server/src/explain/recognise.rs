//! Recognises tokens of the wrong kind, and near misses.

use bearward_core::Profile;

use super::anatomy::Anatomy;
use super::asked::{Asked, Keys};
use super::members::Members;
use super::text::quoted;
use super::verify;

/// Remarks about the token in addition to its checks, in sentences.
pub(crate) fn hints(anatomy: &Anatomy<'_>, asked: &Asked) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(pasted) = anatomy.pasted {
        let then = match is_accepted_alone(anatomy, asked) {
            true => " Without this, the token would be accepted.",
            false => "",
        };
        let found = pasted.found();
        hints.push(format!(
            "The token has {found}. The other checks ignore this.{then}"
        ));
    }
    hints.extend(by_shape(anatomy.token, anatomy.parts).map(str::to_owned));
    let is_of_load_balancer = asked.policy.profile().is_of_load_balancer();
    if let (Some(header), Some(payload)) = (&anatomy.header, &anatomy.payload) {
        // What a load balancer says of a user looks like an ID token otherwise.
        if !is_of_load_balancer || !header.has("signer") {
            hints.extend(kind(header, payload).map(str::to_owned));
        }
        hints.extend(profile(header, payload, asked));
        hints.extend(issuer(payload, asked));
        let has_audience = match is_of_load_balancer {
            true => header,
            false => payload,
        };
        hints.extend(audience(has_audience, asked));
    }
    hints
}

/// Whether its shape alone identifies it.
pub(crate) fn is_named(anatomy: &Anatomy<'_>) -> bool {
    by_shape(anatomy.token, anatomy.parts).is_some()
}

/// Whether the token would be accepted without the text that was pasted along.
fn is_accepted_alone(anatomy: &Anatomy<'_>, asked: &Asked) -> bool {
    matches!(&asked.keys, Keys::Known(keys) if verify(anatomy.token, keys, asked).is_ok())
}

/// A token that is no JWS at all.
fn by_shape(token: &[u8], parts: usize) -> Option<&'static str> {
    if token.first() == Some(&b'{') {
        let is_response = token.windows(14).any(|text| text == b"\"access_token\"");
        return Some(if is_response { TOKEN_RESPONSE } else { JSON });
    }
    let mut fields = token.split(|byte| *byte == b'.');
    match (parts, fields.next(), fields.next()) {
        (1, Some(text), None) if is_authgear_text(text) => Some(OPAQUE),
        (1, Some([_, ..]), None) => Some(OPAQUE_ELSEWHERE),
        (2, Some(id), Some(text)) if is_uuid(id) && is_authgear_text(text) => Some(REFRESH_TOKEN),
        (5, _, _) => Some(JWE),
        _ => None,
    }
}

/// Authgear's random texts: 32 letters and digits.
fn is_authgear_text(text: &[u8]) -> bool {
    text.len() == 32 && text.iter().all(u8::is_ascii_alphanumeric)
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A JWT of another kind.
fn kind(header: &Members, payload: &Members) -> Option<&'static str> {
    let typ = header
        .string("typ")
        .unwrap_or_default()
        .to_ascii_lowercase();
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "at+jwt" => return None,
        "dpop+jwt" => return Some(DPOP_PROOF),
        "logout+jwt" => return Some(LOGOUT_TOKEN),
        _ => {}
    }
    // OIDC Core §2: only an ID token has these. Keycloak names the kind in a claim.
    let is_id_token = payload.has_any(&["nonce", "at_hash", "c_hash", "s_hash"])
        || payload.get("typ") == Some("\"ID\"")
        || payload.get("token_use") == Some("\"id\"")
        || (payload.has_any(&["auth_time", "sid"]) && !payload.has_any(BEYOND_A_LOGIN));
    is_id_token.then_some(ID_TOKEN)
}

/// An access token of an issuer that does not follow RFC 9068.
fn profile(header: &Members, payload: &Members, asked: &Asked) -> Option<String> {
    let is_foreign = header
        .string("typ")
        .is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    // As access tokens do.
    let names_access =
        payload.has_any(Profile::Generic.client_id_claims()) || payload.has_any(&["scope", "scp"]);
    // What a load balancer says about a user.
    let is_of_load_balancer = header.has("signer");
    let is_recognised = names_access || is_of_load_balancer;
    if asked.policy.profile() != Profile::Rfc9068 || !is_foreign || !is_recognised {
        return None;
    }
    let issuer = payload.string("iss").unwrap_or_default();
    let profile = match is_of_load_balancer {
        true => Profile::AwsAlb,
        false => Profile::of_issuer(&issuer).unwrap_or(Profile::Generic),
    };
    let remedy = if asked.is_configured() {
        format!("profile = \"{profile}\" for this issuer")
    } else {
        format!("--profile {profile}")
    };
    Some(format!(
        "Its issuer does not mark access tokens as RFC 9068 requires. Try {remedy}."
    ))
}

/// An issuer that nearly equals the configured one.
fn issuer(payload: &Members, asked: &Asked) -> Option<String> {
    let found = payload.string("iss")?;
    if asked.issuers().any(|ours| ours == found) {
        return None;
    }
    let differs = asked.issuers().find_map(|ours| nearly(&found, ours))?;
    let found = quoted(&found);
    Some(format!(
        "Its issuer differs from yours only in {differs}; both must be exactly equal: {found}."
    ))
}

/// The difference between two issuers, if it is tiny.
fn nearly(found: &str, ours: &str) -> Option<&'static str> {
    let bare = |issuer: &str| {
        let (_, rest) = issuer.split_once("://").unwrap_or(("", issuer));
        rest.trim_end_matches('/').to_ascii_lowercase()
    };
    if found.trim_end_matches('/') == ours.trim_end_matches('/') {
        return Some("the slash at the end");
    }
    if found.eq_ignore_ascii_case(ours) {
        return Some("upper and lower case");
    }
    (bare(found) == bare(ours)).then_some("scheme, case or a slash")
}

/// A token for another audience.
fn audience(payload: &Members, asked: &Asked) -> Option<String> {
    let claim = asked.policy.profile().audience_claim();
    let found = payload.get(claim)?;
    let values: Vec<String> = serde_json::from_str(found)
        .or_else(|_| serde_json::from_str(found).map(|value| vec![value]))
        .ok()?;
    let mut ours = asked.audiences().peekable();
    ours.peek()?;
    if ours.any(|ours| values.iter().any(|value| value == ours)) {
        return None;
    }
    let issuer = payload.string("iss");
    if values.first() == issuer.as_ref() && issuer.is_some() {
        // Elsewhere this is a refresh token, or the token of a pod for the cluster itself.
        if asked.policy.profile() != Profile::Rfc9068 {
            return Some(FOR_ITS_ISSUER.to_owned());
        }
        let remedy = match asked.is_configured() {
            true => "add the issuer to its audiences",
            false => "pass the issuer as --audience too",
        };
        return Some(format!("{AUTHGEAR_USER_AUDIENCE}{remedy}."));
    }
    let shown = payload.shown(claim);
    Some(format!("It is a token for another audience: {shown}."))
}

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

const OPAQUE: &str = "This is an opaque access token of Authgear (32 letters and digits), not a JWT: the \
    application's option \"Issue JWT as access token\" is off. Turn it on in the portal, then have \
    the client get a new token.";

const OPAQUE_ELSEWHERE: &str = "This has no dot, so it is not a JWT. It may be an opaque token, a \
    session cookie or an API key, which only its issuer can check.";

const REFRESH_TOKEN: &str = "This is a refresh token of Authgear: a UUID, a dot and 32 characters. \
    It is only for the token endpoint, never for an API. Send the access token; if this one was \
    sent to a server, revoke it.";

const JWE: &str = "This is an encrypted token (JWE), with five parts. Only the holder of the key \
    can read it.";

const TOKEN_RESPONSE: &str = "This is the whole response of a token endpoint. The access token \
    is the value of its access_token.";

const JSON: &str = "This is JSON, perhaps a JWS in JSON form. Access tokens have the compact \
    form, with dots.";

const ID_TOKEN: &str = "This is an ID token: it tells the client who logged in, and is not for an \
    API. Send the access token.";

const DPOP_PROOF: &str = "This is a DPoP proof, which belongs in the DPoP field, next to an access \
    token.";

const LOGOUT_TOKEN: &str = "This is a logout token, which the issuer sends to end a session. It \
    authenticates nobody.";

const FOR_ITS_ISSUER: &str = "Its audience is its issuer: it is for the issuer itself, such as a refresh \
    token, and not for your API.";

const AUTHGEAR_USER_AUDIENCE: &str = "Its audience is its issuer, as in Authgear's \
    tokens for users. If your API serves users, ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_jws_is_named() {
        let opaque = "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4";
        let refresh = format!("2311567d-8826-4802-9619-b75c0fea527c.{opaque}");
        for (token, named) in [
            (opaque, Some(OPAQUE)),
            ("a1B2c3D4", Some(OPAQUE_ELSEWHERE)),
            (&refresh, Some(REFRESH_TOKEN)),
            ("a.b", None),
            ("a.b.c", None),
            ("a.b.c.d", None),
            ("a.b.c.d.e", Some(JWE)),
            (r#"{"access_token":"x"}"#, Some(TOKEN_RESPONSE)),
            (r#"{"payload":"x"}"#, Some(JSON)),
            ("", None),
        ] {
            let parts = token.split('.').count();
            assert_eq!(by_shape(token.as_bytes(), parts), named, "{token}");
        }
    }
}
