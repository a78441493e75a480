//! Texts that are no JWT: opaque tokens, known by what they begin with, encrypted tokens, and whole
//! responses.

use bearward_core::Profile;

use super::{Diagnosis, cut};
use crate::explain::anatomy::JWT_START;
use crate::explain::members::Members;

/// Names a text that is not a compact JWS.
pub(super) fn diagnose(token: &[u8], parts: usize) -> Option<Diagnosis> {
    if token.is_empty() {
        return Some(Diagnosis::new(
            "There is no token: the input is empty.",
            "Give the token as the argument, as file:PATH, or on standard input with `-`. If a variable or a \
             command gives it, see why that is empty.",
        ));
    }
    if token.first() == Some(&b'{') {
        let is_response = token.windows(14).any(|text| text == b"\"access_token\"");
        return Some(if is_response {
            Diagnosis::new(
                "This is the whole response of a token endpoint.",
                "Send only the value of its `access_token`.",
            )
        } else {
            Diagnosis::new(
                "This is JSON, perhaps a JWS in JSON form.",
                "Send the access token in its compact form, with dots.",
            )
        });
    }
    if let Some(row) = PREFIXES.iter().find(|row| token.starts_with(row.0)) {
        let (_, what, remedy) = row;
        return Some(Diagnosis::new(
            format!("This is {what}, not a JWT."),
            *remedy,
        ));
    }
    if let Some(shortened) = cut::shortened(token) {
        return Some(shortened);
    }
    // A JWT that was cut off has no dot either.
    if token.starts_with(JWT_START) && parts < 5 {
        return None;
    }
    let mut fields = token.split(|byte| *byte == b'.');
    match (parts, fields.next(), fields.next()) {
        (1, Some(text), None) if is_authgear_text(text) => Some(Diagnosis::new(
            "This is an opaque access token of Authgear (32 letters and digits), not a JWT.",
            AUTHGEAR_OPAQUE,
        )),
        (1, Some([_, ..]), None) => Some(Diagnosis::new(
            "This has no dot, so it is not a JWT: it may be an opaque token, a session cookie or an \
             API key, which only its issuer can check.",
            "Configure the issuer to give this client JWT access tokens; many do so only if the \
             client requests an audience.",
        )),
        (2, Some(id), Some(text)) if is_uuid(id) && is_authgear_text(text) => Some(Diagnosis::new(
            "This is a refresh token of Authgear: a UUID, a dot and 32 characters. It is only for \
             the token endpoint, never for an API.",
            REFRESH_REMEDY,
        )),
        (5, Some(header), _) => Some(encrypted(header)),
        _ => None,
    }
}

/// A JWE ([RFC 7516 §3.1]).
///
/// [RFC 7516 §3.1]: https://www.rfc-editor.org/rfc/rfc7516#section-3.1
fn encrypted(header: &[u8]) -> Diagnosis {
    let why = "This is an encrypted token (JWE), with five parts. Only the holder of the key can read it.";
    let header = Members::of(header).unwrap_or_default();
    let is = |name: &str, value: &str| header.string(name).as_deref() == Some(value);
    // Auth0 names the tenant in the header.
    let is_of_auth0 = header
        .string("iss")
        .is_some_and(|issuer| Profile::of_issuer(&issuer) == Some(Profile::Auth0));
    if is_of_auth0 || (is("alg", "dir") && is("enc", "A256GCM")) {
        return Diagnosis::new(
            format!("{why} Auth0 issues it, for itself, if the client requested no audience."),
            "Have the client request the audience of your API: at Auth0, the parameter `audience` \
             with the identifier of the API, in the authorization or token request.",
        );
    }
    Diagnosis::new(
        why,
        "Configure the issuer to sign access tokens for this API without encrypting them, and have the \
         client request the audience of the API.",
    )
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

const AUTHGEAR_OPAQUE: &str = "In Authgear's portal, turn on the application's option \"Issue JWT as access \
    token\", then have the client get a new token.";

pub(super) const REFRESH_REMEDY: &str = "Send the access token: the value of `access_token` in the response of \
    the token endpoint. If this refresh token was sent to a server other than its issuer, revoke it.";

const ONLY_GITHUB: &str = "Only GitHub's own API accepts it. Have the client get a token from the issuer that this \
    server trusts; for jobs of GitHub Actions, the job's OIDC token.";

const HYDRA: &str = "Set `strategies.access_token: jwt` in the configuration of Hydra, or \
    `access_token_strategy: jwt` for this client, then get a new token.";

const ONLY_CLERK: &str = "Only Clerk can check it. Have the client send a session token, or turn on JWT access \
    tokens for OAuth applications in Clerk's dashboard.";

const ONLY_VAULT: &str =
    "Only Vault can check it. Get a token from the issuer that this server trusts.";

/// What tokens that are no JWTs begin with, as their issuers document it; the longer one first where
/// one begins another.
const PREFIXES: &[(&[u8], &str, &str)] = &[
    (b"ory_at_", "an opaque access token of Ory Hydra", HYDRA),
    (b"ory_rt_", "a refresh token of Ory Hydra", REFRESH_REMEDY),
    (
        b"ory_ac_",
        "an authorization code of Ory Hydra",
        "Have the client exchange it for an access token at the token endpoint.",
    ),
    (
        b"ory_st_",
        "a session token of Ory Kratos",
        "Have the client exchange the session for a JWT (`/sessions/whoami?tokenize_as=…`), or get an access \
         token from the issuer that this server trusts.",
    ),
    (
        b"github_pat_",
        "a personal access token of GitHub",
        ONLY_GITHUB,
    ),
    (b"ghp_", "a personal access token of GitHub", ONLY_GITHUB),
    (b"gho_", "an OAuth access token of GitHub", ONLY_GITHUB),
    (b"ghu_", "a user access token of a GitHub App", ONLY_GITHUB),
    (
        b"ghs_",
        "an installation access token of a GitHub App",
        ONLY_GITHUB,
    ),
    (b"ghr_", "a refresh token of a GitHub App", REFRESH_REMEDY),
    (
        b"glpat-",
        "a personal access token of GitLab",
        "Only GitLab's own API accepts it. Have the client get a token from the issuer that this server trusts; \
         for CI jobs, one of the job's `id_tokens`.",
    ),
    (
        b"ya29.",
        "an opaque access token for Google's own APIs",
        "Have the client send an ID token of Google whose audience is your API; for service accounts, one \
         made for that audience.",
    ),
    (b"1//", "a refresh token of Google", REFRESH_REMEDY),
    (b"oat_", "an opaque OAuth access token of Clerk", ONLY_CLERK),
    (b"mt_", "an opaque machine token of Clerk", ONLY_CLERK),
    (b"hvs.", "a service token of HashiCorp Vault", ONLY_VAULT),
    (b"hvb.", "a batch token of HashiCorp Vault", ONLY_VAULT),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_jws_is_named() {
        let opaque = "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4";
        let refresh = format!("2311567d-8826-4802-9619-b75c0fea527c.{opaque}");
        for (token, named) in [
            (opaque, Some("an opaque access token of Authgear")),
            ("a1B2c3D4", Some("has no dot")),
            (&refresh, Some("a refresh token of Authgear")),
            ("a.b", None),
            ("a.b.c", None),
            ("a.b.c.d", None),
            ("eyJhbGciOiJS", None),
            ("a.b.c.d.e", Some("an encrypted token (JWE)")),
            (r#"{"access_token":"x"}"#, Some("the whole response")),
            (r#"{"payload":"x"}"#, Some("a JWS in JSON form")),
            ("ory_at_x.y", Some("an opaque access token of Ory Hydra")),
            ("ory_rt_x.y", Some("a refresh token of Ory Hydra")),
            ("ya29.a0Ab", Some("for Google's own APIs")),
            ("ghp_x", Some("a personal access token of GitHub")),
            ("", Some("the input is empty")),
            ("a.b...", Some("has an ellipsis")),
            ("a.b..", Some("has an ellipsis")),
            ("a..d", Some("has an ellipsis")),
            ("a…d", Some("has an ellipsis")),
            ("a..c.d.e", Some("an encrypted token (JWE)")),
            ("a..c.d.", Some("has an ellipsis")),
        ] {
            let parts = token.split('.').count();
            let found = diagnose(token.as_bytes(), parts);
            match named {
                None => assert_eq!(found, None, "{token}"),
                Some(named) => assert!(
                    found
                        .as_ref()
                        .is_some_and(|found| found.why.contains(named)),
                    "{token}: {found:?}"
                ),
            }
        }
    }

    #[test]
    fn the_manual_has_each_prefix() {
        let manual = include_str!("../../../../../docs/issuers.md");
        for (prefix, ..) in PREFIXES {
            let prefix = format!("`{}`", str::from_utf8(prefix).unwrap());
            assert!(manual.contains(&prefix), "{prefix}");
        }
    }

    #[test]
    fn no_prefix_hides_another() {
        for (at, (prefix, ..)) in PREFIXES.iter().enumerate() {
            let first = PREFIXES.iter().position(|row| prefix.starts_with(row.0));
            assert_eq!(first, Some(at), "{prefix:?}");
        }
    }
}
