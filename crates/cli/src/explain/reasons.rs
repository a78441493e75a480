//! What each reason means and what to do about it: what `docs/reasons.md` says at length.
//!
//! A test holds the two together.

/// A reason for which a token, a request, a key or a configuration is refused.
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
        means: "A machine where a user is asked for, or a user where a machine is asked for; or the \
            issuer does not say which it is.",
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
    // The gateway
    Reason {
        code: "ambiguous_path",
        means: "The path of the request has several readings, and the application could take \
            another one than the gateway.",
        remedy: "Let the client send one plain spelling; where `%2F` or `;` belongs to the API, \
            allow it for the route with `allow_encoded_slash` or `allow_semicolon`.",
    },
    Reason {
        code: "claim_not_header_safe",
        means: "A claim cannot stand in its identity field in the encoding of that field, so the \
            application would be told something else.",
        remedy: "Choose an encoding that can carry the claim (`json`, `percent` or `base64url`), \
            or take such characters out at the issuer.",
    },
    Reason {
        code: "claim_too_large",
        means: "A claim is longer than an identity field may be: 8 KiB.",
        remedy: "Tell the application less: another claim, or let it ask for the rest by the \
            subject.",
    },
    Reason {
        code: "dialect_field",
        means: "A field with which the proxy tells the original request is missing, empty or \
            there twice.",
        remedy: "Compare the configuration of the proxy with the recipe for it, all of whose \
            lines are needed.",
    },
    Reason {
        code: "internal",
        means: "Something has happened that must not happen.",
        remedy: "Keep the log around it, and report it.",
    },
    Reason {
        code: "method_case",
        means: "The method has a lower case letter: methods are case-sensitive, but some \
            applications take `post` for `POST`, and a route for `POST` does not match it.",
        remedy: "Let the client send the method in upper case.",
    },
    Reason {
        code: "no_rule",
        means: "No route matches the host, path and method of the request, and what is not \
            allowed is refused.",
        remedy: "Ask `bearward explain --url URL --method METHOD --config FILE`, which says of \
            each route why it does not match; then add a route.",
    },
    Reason {
        code: "query_override",
        means: "The query names another method or path than the request line, and some frameworks \
            use the one in the query: `POST /orders/7?_method=delete`.",
        remedy: "Let the client send the method itself; if the application needs the \
            parameter, add it to `identity.keep_fields`, and let `POST` require everything that \
            the other methods require: a client that may send `POST` may then send any method.",
    },
    Reason {
        code: "target_form",
        means: "The request target is not a path with an optional query.",
        remedy: "Let the client send a path that begins with `/`.",
    },
    Reason {
        code: "untrusted_peer",
        means: "The peer that asks for a decision is not one of the configured proxies.",
        remedy: "Add the address of the proxy to `trusted_proxies` of that listener, and keep \
            the listener off other networks.",
    },
    // The reverse proxy
    Reason {
        code: "client_body",
        means: "The body of the request broke off, or its framing was wrong.",
        remedy: "Nothing, if it is rare; otherwise look at the client, or at the proxy between.",
    },
    Reason {
        code: "client_gone",
        means: "The client left before it was answered.",
        remedy: "Compare the client's time limit with how long the application takes.",
    },
    Reason {
        code: "client_timeout",
        means: "The client took too long: for a TLS handshake, a head, the next piece of a body, \
            or to read its answer.",
        remedy: "Nothing, if it is rare; raise `client_idle` where clients upload over bad \
            connections.",
    },
    Reason {
        code: "shutdown",
        means: "A tunnel was closed because the gateway is stopping.",
        remedy: "Let the client connect again.",
    },
    Reason {
        code: "stream_expired",
        means: "A WebSocket or a stream of events was ended because its token has expired.",
        remedy: "Let the client connect again with a new token; `expiry_leeway` and \
            `end_expired_streams` of `[listen.proxy]` say when streams end.",
    },
    Reason {
        code: "tls_handshake",
        means: "A client began a TLS handshake and did not complete it.",
        remedy: "Try the address with `curl -v`: it says what it does not like about the \
            certificate.",
    },
    Reason {
        code: "too_many_connections",
        means: "A client has more connections than are free for others, and opened one more.",
        remedy: "If it is one of your proxies, add it to `trusted_proxies` of `[listen.proxy]`. Otherwise do \
            nothing: other clients are served.",
    },
    Reason {
        code: "too_many_requests",
        means: "The limit of requests in progress (`max_requests`) or of streams (`max_streams`) is \
            reached: for the upstream, for the gateway, or for this client, which may have no more \
            than remain free for others.",
        remedy: "Look at `bearward_upstream_requests_in_progress` and \
            `bearward_upstream_streams_in_progress`: if they are at the cap, the application is \
            too slow, or the cap too low for it. Add a proxy in front to `trusted_proxies`; raise \
            `max_requests` if the application can handle more.",
    },
    Reason {
        code: "tunnel_idle",
        means: "Nothing went through a tunnel for as long as the upstream's `idle_timeout`.",
        remedy: "Let the application or the client send pings, or raise `idle_timeout` of the \
            upstream.",
    },
    Reason {
        code: "upstream_connect",
        means: "No address of the application could be connected to.",
        remedy: "Connect to the addresses in `urls` from this machine, by `curl -v`.",
    },
    Reason {
        code: "upstream_failed",
        means: "The application closed the connection, or answered something that is not HTTP.",
        remedy: "Look at the log of the application at that time, and at `protocol` of the \
            upstream.",
    },
    Reason {
        code: "upstream_framing",
        means: "Readers could differ about where the answer of the application ends.",
        remedy: "Have the application, or the proxy in front of it, send one `Content-Length` or \
            `Transfer-Encoding: chunked`, and compress with `Content-Encoding`.",
    },
    Reason {
        code: "upstream_timeout",
        means: "The application did not answer, or paused in its answer, for too long.",
        remedy: "Find what takes so long; raise `response_timeout` or `idle_timeout` of the \
            upstream if it must.",
    },
    // The admin listener
    Reason {
        code: "admin_origin",
        means: "The request is under a name that is not ours, or comes from a web page of \
            another origin.",
        remedy: "Add the name to `hosts` of `[listen.admin]`; IP addresses and `localhost` need \
            none.",
    },
    Reason {
        code: "not_found",
        means: "There is nothing at this path.",
        remedy: "Ask for `/livez`, `/readyz`, `/metrics` or `/issuers`.",
    },
    Reason {
        code: "read_only",
        means: "The method is neither GET nor HEAD, and nothing can be changed here.",
        remedy: "Change the file, or send a signal: SIGHUP reloads, SIGTERM stops.",
    },
    // Mistakes in a configuration
    Reason {
        code: "audience_missing",
        means: "`audiences` is empty, or an audience is.",
        remedy: "Write the names that this resource server has in `aud`.",
    },
    Reason {
        code: "duplicate",
        means: "The same name or key is there twice.",
        remedy: "Keep one of them, or rename it.",
    },
    Reason {
        code: "file_missing",
        means: "A file or environment variable that the configuration names is not there, or \
            cannot be used.",
        remedy: "Put it there, readable for the user that the program runs as.",
    },
    Reason {
        code: "issuer_missing",
        means: "No issuer is configured, so no token could be accepted.",
        remedy: "Add a table `[[issuers]]` with `issuer` and `audiences`.",
    },
    Reason {
        code: "leeway",
        means: "The leeway is more than clocks can differ: 300 s.",
        remedy: "Set the clocks by NTP and leave `leeway` out.",
    },
    Reason {
        code: "missing",
        means: "A key that must be there is not.",
        remedy: "Add the key that the message names.",
    },
    Reason {
        code: "router",
        means: "A route that requires more comes before one that requires less and matches more paths, \
            and nothing says how the application reads paths. This is a warning.",
        remedy: "Set `router` of the upstream, of the route or of `[protection]` to the router of the \
            application; \"strict\" if it treats no other path as the same.",
    },
    Reason {
        code: "rule_pattern",
        means: "A pattern of paths could match no request, or not as it seems.",
        remedy: "Write `path`, `path_prefix`, or `path_glob` with `*` for one segment or a part of \
            one and `**` at the end for the rest.",
    },
    Reason {
        code: "secret_weak",
        means: "A secret is shorter than the output of its hash, and could be guessed.",
        remedy: "Make 32 random bytes for HS256, 48 for HS384, 64 for HS512, at the issuer and \
            here.",
    },
    Reason {
        code: "syntax",
        means: "The file is not TOML.",
        remedy: "Repair what the message points at.",
    },
    Reason {
        code: "too_large",
        means: "The configuration is longer than 4 MiB.",
        remedy: "Put the paths of routes that ask for the same into one route, whose `path`, \
            `path_prefix` and `path_glob` take lists; split what is left over several gateways.",
    },
    Reason {
        code: "type",
        means: "A value is of another type than its key takes.",
        remedy: "Write what the message says is expected.",
    },
    Reason {
        code: "unknown_key",
        means: "There is no such key in this table.",
        remedy: "Write the key that the message proposes; docs/configuration.md has all of them.",
    },
    Reason {
        code: "url_scheme",
        means: "A URL that keys come from is plain http and leaves this machine: anyone on the \
            way could choose the keys.",
        remedy: "Use https; where that cannot be, `insecure_plain_http = true` accepts the risk.",
    },
    Reason {
        code: "value",
        means: "A value is of the right type and makes no sense.",
        remedy: "Write what the message says is expected.",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bearward_core::challenge::ProtectionSpace;
    use bearward_core::jwk::UnusableJwk;
    use bearward_core::rejection::{Forbidden, InvalidRequest, InvalidToken};
    use bearward_core::{Challenge, Rejection};
    use bearward_gateway::config::Code;
    use bearward_gateway::decision::{Reason as OfGateway, Refusal};
    use bearward_gateway::doors::admin;
    use bearward_gateway::record::interruption::Interruption;

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
            .chain(OfGateway::OWN.iter().map(OfGateway::code))
            .chain(Interruption::ALL.iter().map(|by| by.code()))
            .chain(admin::ERRORS)
            .chain(Code::ALL.iter().map(|code| code.as_str()))
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
    #[test]
    fn it_says_so_of_the_gateways_own_reasons_as_well() {
        for reason in OfGateway::OWN {
            let refusal = Refusal::plain(None, reason.clone());
            let answer = format!("Answer: {}, ", refusal.status.as_str());
            let section = section(reason.code());
            assert!(section.contains(&answer), "{}: {answer}", reason.code());
        }
    }
}
