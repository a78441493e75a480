//! What each reason means and what to do about it: what `docs/reasons.md` says at length.
//!
//! A test holds the two together.

/// A reason for which a token, a request or a key is refused.
pub(super) struct Reason {
    /// Its stable code, which is its anchor in `docs/reasons.md`.
    pub(super) code: &'static str,
    /// What is wrong.
    pub(super) means: &'static str,
    /// What to do.
    pub(super) remedy: &'static str,
}

/// The reason with this code.
pub(super) fn reason(code: &str) -> Option<&'static Reason> {
    REASONS.iter().find(|reason| reason.code == code)
}

/// Every reason, in the order of `docs/reasons.md`.
const REASONS: &[Reason] = &[
    // The request
    Reason {
        code: "no_credentials",
        means: "The request has no `Authorization` field with the scheme `Bearer`.",
        remedy: "Send `Authorization: Bearer TOKEN`, and let every proxy on the way pass that \
            field on.",
    },
    Reason {
        code: "malformed_credentials",
        means: "The `Authorization` field is not `Bearer`, spaces and one token.",
        remedy: "Send exactly one token behind `Bearer` and a space, without quotes, commas or \
            line breaks.",
    },
    Reason {
        code: "multiple_credentials",
        means: "The request carries more than one set of credentials.",
        remedy: "Send one `Authorization` field, and no `access_token` in the query.",
    },
    // Size, shape and encoding
    Reason {
        code: "token_too_large",
        means: "The token is longer than 16384 bytes, or its header longer than 4096.",
        remedy: "Let the issuer put fewer claims into the token; look up groups and permissions \
            by the subject instead.",
    },
    Reason {
        code: "not_compact_jws",
        means: "The token is not a JWS in compact form: three parts with two dots between them.",
        remedy: "Send a JWT access token. With Authgear, switch on \"Issue JWT as access token\" in \
            the settings of the application and let the client get a new token.",
    },
    Reason {
        code: "jwe_not_supported",
        means: "The token has five parts: it is encrypted (JWE).",
        remedy: "Let the issuer sign access tokens without encrypting them, and let the client \
            ask for your audience.",
    },
    Reason {
        code: "base64_not_canonical",
        means: "A part of the token is not canonical base64url without padding.",
        remedy: "Send the token byte for byte as the issuer gave it.",
    },
    Reason {
        code: "json_invalid",
        means: "The header or the payload is not a JSON object in UTF-8 and nothing else.",
        remedy: "Get a token from the issuer; if it is the issuer's, its JSON encoder is at \
            fault.",
    },
    Reason {
        code: "json_duplicate_member",
        means: "A member stands twice in the header or the payload, so that two readers could \
            read two tokens.",
        remedy: "Let the issuer write each member once; look at the hooks that add claims.",
    },
    Reason {
        code: "json_limits",
        means: "The header or the payload is nested deeper than 32 levels or has more than 256 \
            members.",
        remedy: "Let the issuer put less into the token, and look the rest up by the subject.",
    },
    // Header
    Reason {
        code: "alg_invalid",
        means: "The header's `alg` is missing or not a string.",
        remedy: "Get a token from the issuer.",
    },
    Reason {
        code: "alg_not_allowed",
        means: "The header's `alg` is unknown, or not one this issuer may use.",
        remedy: "Allow the algorithm for this issuer if it really signs with it; for HS256, HS384 \
            and HS512 configure a static secret.",
    },
    Reason {
        code: "crit_unsupported",
        means: "The header has `crit`, which demands extensions, and none is implemented.",
        remedy: "Let the issuer sign access tokens without `crit`.",
    },
    Reason {
        code: "b64_unsupported",
        means: "The header has `b64`, which changes what is signed.",
        remedy: "Let the issuer sign access tokens without `b64`.",
    },
    Reason {
        code: "header_zip",
        means: "The header has `zip`, which belongs to encrypted tokens.",
        remedy: "Let the issuer sign access tokens without `zip`.",
    },
    Reason {
        code: "kid_invalid",
        means: "The header's `kid` is not a string of 1 to 256 bytes.",
        remedy: "Give the issuer's key a short string as `kid`.",
    },
    Reason {
        code: "typ_not_accepted",
        means: "The token is not an access token by its `typ`, or by its claims where `typ` does \
            not say.",
        remedy: "Send the access token, not the ID token; if the issuer does not write `at+jwt`, \
            choose the profile named after it.",
    },
    Reason {
        code: "iss_missing",
        means: "The token has no `iss`.",
        remedy: "Let the issuer name itself in `iss`.",
    },
    Reason {
        code: "iss_type",
        means: "The token's `iss` is not a string.",
        remedy: "Let the issuer write `iss` as a string.",
    },
    Reason {
        code: "issuer_unknown",
        means: "The token's `iss` is not, byte for byte, a configured issuer.",
        remedy: "Configure the issuer exactly as it stands in `iss`, the slash at the end \
            included; or get the token from the issuer that is configured.",
    },
    // Key and signature
    Reason {
        code: "kid_unknown",
        means: "The issuer has no usable key with the token's `kid`.",
        remedy: "Compare the `kid` with those of the issuer's key set; get a new token after a \
            rotation.",
    },
    Reason {
        code: "kid_missing",
        means: "The token has no `kid`, and several of the issuer's keys fit.",
        remedy: "Let the issuer write `kid`; keys are never tried one after the other.",
    },
    Reason {
        code: "kid_ambiguous",
        means: "Several of the issuer's keys have this `kid` and fit the algorithm.",
        remedy: "Give each key of the issuer a `kid` of its own.",
    },
    Reason {
        code: "alg_key_mismatch",
        means: "The header's `alg` is not one the key is for.",
        remedy: "Let the issuer sign with the algorithm its key set says.",
    },
    Reason {
        code: "signature_length",
        means: "The signature does not have the length that the key gives.",
        remedy: "Send the whole token; an issuer with ECDSA must write signatures as RFC 7518 \
            §3.4 says.",
    },
    Reason {
        code: "signature_invalid",
        means: "The signature does not verify with the issuer's key of that name.",
        remedy: "Get a new token from the issuer; if that one is refused too, compare the keys \
            you configured with those it publishes.",
    },
    // Claims
    Reason {
        code: "aud_missing",
        means: "The token has no `aud`, or an empty one.",
        remedy: "Let the client ask for your audience; for Cognito choose the profile `cognito`.",
    },
    Reason {
        code: "aud_type",
        means: "The token's `aud` is neither a string nor an array of strings.",
        remedy: "Let the issuer write `aud` as a string or an array of strings.",
    },
    Reason {
        code: "aud_mismatch",
        means: "The token's `aud` names none of the configured audiences: it is for somebody \
            else.",
        remedy: "Configure as audience what stands in `aud`, if that is you; otherwise let the \
            client ask for your audience. An API for Authgear's users and machines has two: \
            the issuer and its own resource.",
    },
    Reason {
        code: "exp_missing",
        means: "The token has no `exp`, so it would be valid for ever.",
        remedy: "Let the issuer write `exp`.",
    },
    Reason {
        code: "date_type",
        means: "`exp`, `nbf` or `iat` is not a number.",
        remedy: "Let the issuer write dates as seconds since 1970, as JSON numbers.",
    },
    Reason {
        code: "date_range",
        means: "`exp`, `nbf` or `iat` is not between 1970 and 9999.",
        remedy: "Let the issuer write dates as seconds since 1970.",
    },
    Reason {
        code: "token_expired",
        means: "`exp` has passed, the leeway included.",
        remedy: "Let the client refresh its token before `exp`; check the clock of this machine \
            if the token is new.",
    },
    Reason {
        code: "token_not_yet_valid",
        means: "`nbf` has not come yet, the leeway included.",
        remedy: "Set the clock of this machine by NTP.",
    },
    Reason {
        code: "iat_in_future",
        means: "`iat` lies in the future, beyond the leeway.",
        remedy: "Set the clock of this machine by NTP; a larger leeway only hides the difference.",
    },
    Reason {
        code: "lifetime_exceeded",
        means: "The token lives longer than the configured maximum: `exp` minus `iat`.",
        remedy: "Shorten the lifetime of access tokens at the issuer, or raise the maximum.",
    },
    Reason {
        code: "claim_missing",
        means: "A claim that is required is missing or empty.",
        remedy: "Let the issuer write the claim, or choose the profile named after the issuer.",
    },
    Reason {
        code: "claim_type",
        means: "A claim has another JSON type than it must have.",
        remedy: "Let the issuer write the claim with its type; values are never converted.",
    },
    Reason {
        code: "claim_mismatch",
        means: "A claim, the client perhaps, does not have its configured value.",
        remedy: "Add the client or value to the configuration if it is to be admitted.",
    },
    Reason {
        code: "cnf_not_proven",
        means: "The token is bound to a key (`cnf`), and nothing proves that the sender has it.",
        remedy: "Let the issuer give this client plain bearer tokens; a bound token is never \
            accepted as one.",
    },
    Reason {
        code: "cnf_unsupported",
        means: "The token's `cnf` is not understood.",
        remedy: "Let the issuer give this client plain bearer tokens.",
    },
    // Re-authentication and step-up
    Reason {
        code: "auth_time_unsatisfied",
        means: "The user did not authenticate recently enough, or the token does not say when.",
        remedy: "Let the client re-authenticate the user; with Authgear, send the new ID token \
            along in `X-Id-Token`, or refresh the access token.",
    },
    Reason {
        code: "acr_unsatisfied",
        means: "The token's `acr` has none of the classes that the route asks for.",
        remedy: "Let the client ask the issuer for one of the `acr_values` in the challenge; with \
            an issuer that writes no `acr`, ask for `amr` and a `max_age` instead.",
    },
    Reason {
        code: "amr_unsatisfied",
        means: "The token's `amr` lacks a method that the route asks for.",
        remedy: "Let the user log in with the method asked for.",
    },
    Reason {
        code: "id_token_invalid",
        means: "The ID token sent along in `X-Id-Token` is not valid.",
        remedy: "Send the ID token that the re-authentication returned, at once; the log names \
            its own reason.",
    },
    Reason {
        code: "id_token_mismatch",
        means: "The ID token sent along is not for the user and client of the access token.",
        remedy: "Let the client that got the access token re-authenticate, and the same user.",
    },
    // Permission
    Reason {
        code: "insufficient_scope",
        means: "The token lacks a scope that the route asks for.",
        remedy: "Let the client ask the issuer for the scope named in the challenge.",
    },
    Reason {
        code: "principal_kind",
        means: "A machine where a user is asked for, or a user where a machine is asked for.",
        remedy: "Use a token of the right kind, or change what the route asks for.",
    },
    Reason {
        code: "client_not_allowed",
        means: "The client is not one that the route admits.",
        remedy: "Add the client to the route, if it is to be admitted.",
    },
    Reason {
        code: "claim_rule",
        means: "A claim does not have the value that the route asks for: a role, for one.",
        remedy: "Give the user the role and let the client refresh its token.",
    },
    Reason {
        code: "user_not_verified",
        means: "The user is not verified, or the token does not say so.",
        remedy: "Let the user verify an address and the client refresh its token.",
    },
    Reason {
        code: "user_anonymous",
        means: "The user is anonymous, or the token does not say that they are not.",
        remedy: "Let the user sign up, which promotes the anonymous user.",
    },
    Reason {
        code: "cannot_reauthenticate",
        means: "The route asks for re-authentication, and this user has no means to \
            re-authenticate.",
        remedy: "Let the user add a password or passkey; or let the route admit such users, which \
            is a choice of your business.",
    },
    // Availability
    Reason {
        code: "keys_unavailable",
        means: "The issuer's keys are not at hand, so nothing can be verified.",
        remedy: "Look at the log for what each fetch attempt met; `bearward verify` with the same \
            issuer shows it too.",
    },
    // Keys that are left out
    Reason {
        code: "jwk_private",
        means: "The key has private members: whoever published it has given the key away.",
        remedy: "Rotate that key at the issuer at once, and publish public halves only.",
    },
    Reason {
        code: "jwk_symmetric",
        means: "The key is a shared secret (`kty` `oct`), which has no place in a published set.",
        remedy: "Take the secret out of the set and replace it; configure a static secret where \
            an issuer needs one.",
    },
    Reason {
        code: "jwk_unusable",
        means: "The key is not one for verifying signatures that we know.",
        remedy: "Nothing, if it is a key for something else; otherwise let the issuer publish it \
            correctly.",
    },
    Reason {
        code: "jwk_weak",
        means: "The key is too weak, or was made in a way that is known to be broken.",
        remedy: "Let the issuer make a new key: RSA with 2048 bits and exponent 65537, or P-256.",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bearward_core::challenge::ProtectionSpace;
    use bearward_core::jwk::UnusableJwk;
    use bearward_core::rejection::{Forbidden, InvalidRequest, InvalidToken};
    use bearward_core::{Challenge, Rejection};

    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/reasons.md");

    /// What is not used of a key has a code as well.
    const UNUSABLE: [UnusableJwk; 4] = [
        UnusableJwk::Private,
        UnusableJwk::Symmetric,
        UnusableJwk::Unusable,
        UnusableJwk::Weak,
    ];

    /// The sections of the document: code, and text with its white space evened out.
    fn sections() -> Vec<(&'static str, String)> {
        let sections = DOCUMENT.split("\n## ").skip(1);
        sections
            .map(|section| {
                let (code, text) = section.split_once('\n').expect("a section has a text");
                // The title of the next group of sections is not part of it.
                let text = text.split("\n# ").next().unwrap_or_default();
                let text: Vec<&str> = text.split_whitespace().collect();
                (code, text.join(" "))
            })
            .collect()
    }

    fn section(code: &str) -> String {
        let found = sections().into_iter().find(|(of, _)| *of == code);
        found.expect("a section for each code").1
    }

    #[test]
    fn each_code_has_one_heading_and_no_heading_is_unknown() {
        let codes: BTreeSet<&str> = Rejection::reasons()
            .chain(UNUSABLE.iter().map(|reason| reason.code()))
            .collect();
        let headings: Vec<&str> = sections().iter().map(|(code, _)| *code).collect();
        let distinct: BTreeSet<&str> = headings.iter().copied().collect();
        assert_eq!(headings.len(), distinct.len(), "a heading stands twice");
        assert_eq!(distinct, codes);
    }

    #[test]
    fn the_table_says_what_the_document_says() {
        let in_table: Vec<&str> = REASONS.iter().map(|reason| reason.code).collect();
        let in_document: Vec<&str> = sections().iter().map(|(code, _)| *code).collect();
        assert_eq!(in_table, in_document);
        for Reason {
            code,
            means,
            remedy,
        } in REASONS
        {
            let section = section(code);
            assert!(section.starts_with(means), "{code}: {means}");
            assert!(
                section.ends_with(&format!("What to do: {remedy}")),
                "{code}: {remedy}"
            );
        }
    }

    #[test]
    fn the_document_says_which_answer_the_sender_gets() {
        let tokens = InvalidToken::ALL.iter().copied().map(Rejection::from);
        let requests = InvalidRequest::ALL.iter().copied().map(Rejection::from);
        let forbidden = Forbidden::ALL.iter().copied().map(Rejection::from);
        let rejections = tokens.chain(requests).chain(forbidden);
        for rejection in rejections.chain([Rejection::NoCredentials]) {
            let challenge = Challenge::new(&rejection, &ProtectionSpace::default());
            let status = challenge.status().as_str().to_owned();
            let section = section(rejection.reason());
            let answer = format!("Answer: {status}");
            assert!(
                section.contains(&answer),
                "{}: {answer}",
                rejection.reason()
            );
            let code: serde_json::Value =
                serde_json::from_str(challenge.body()).expect("a problem document");
            if let Some(error) = code["error"].as_str() {
                assert!(section.contains(&format!("`{error}`")), "{error}");
            }
        }
    }
}
