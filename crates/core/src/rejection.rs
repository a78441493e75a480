//! Why a request is refused.
//!
//! The outer enum has the error codes of [RFC 6750 §3.1] and [RFC 9470 §3] and determines the
//! answer to the sender. The inner reason is for the operator: it is logged, counted and explained,
//! but never sent. It contains nothing that the sender chose. `challenge` writes the answer.
//!
//! [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
//! [RFC 9470 §3]: https://www.rfc-editor.org/rfc/rfc9470#section-3

use std::sync::Arc;
use std::time::Duration;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The request carries no credentials that we read: a challenge without error code.
    #[error("the request has no access token")]
    NoCredentials,
    /// `invalid_request`: we cannot understand the credentials.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    /// `invalid_token`: the access token is not valid.
    #[error(transparent)]
    InvalidToken(#[from] InvalidToken),
    /// `insufficient_scope`: the access token is valid but lacks scope.
    #[error(transparent)]
    InsufficientScope(#[from] InsufficientScope),
    /// `insufficient_user_authentication`: the user must authenticate anew, or more strongly.
    #[error(transparent)]
    InsufficientUserAuthentication(#[from] InsufficientUserAuthentication),
    /// The access token is valid, but the route does not allow this principal; another token will
    /// not help.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The sender has sent too many tokens that do not verify, so this one was not verified.
    #[error(transparent)]
    TooManyFailures(#[from] TooManyFailures),
    /// Nothing can be verified now, which is not the sender's fault.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Rejection {
    /// The stable code of the reason, for logs, metrics and `docs/reasons.md`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::InvalidRequest(reason) => reason.code(),
            Self::InvalidToken(reason) => reason.code(),
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::InsufficientUserAuthentication(refused) => refused.reason.code(),
            Self::Forbidden(reason) => reason.code(),
            Self::TooManyFailures(_) => "too_many_failures",
            Self::Unavailable(_) => "keys_unavailable",
        }
    }

    /// The codes of all reasons, each once.
    pub fn reasons() -> impl Iterator<Item = &'static str> {
        let alone = [
            "no_credentials",
            "insufficient_scope",
            "too_many_failures",
            "keys_unavailable",
        ];
        let requests = InvalidRequest::ALL.iter().map(|reason| reason.code());
        let tokens = InvalidToken::ALL.iter().map(|reason| reason.code());
        let step_up = StepUpReason::ALL.iter().map(|reason| reason.code());
        let forbidden = Forbidden::ALL.iter().map(|reason| reason.code());
        alone
            .into_iter()
            .chain(requests)
            .chain(tokens)
            .chain(step_up)
            .chain(forbidden)
    }
}

/// One table per group of reasons: variant, code and message in one line, so that none can be
/// forgotten.
macro_rules! reasons {
    (
        $(#[$group:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $code:literal: $message:literal,)+
        }
    ) => {
        $(#[$group])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* #[doc = concat!("\n\nCode: `", $code, "`.")] #[error($message)] $variant,)+
        }

        impl $name {
            /// Every reason of this group.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code, for logs, metrics and `docs/reasons.md`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }
    };
}

reasons! {
    /// Why we cannot understand the credentials ([RFC 6750 §2]).
    ///
    /// [RFC 6750 §2]: https://www.rfc-editor.org/rfc/rfc6750#section-2
    pub enum InvalidRequest {
        /// `Authorization` starts with `Bearer`, but no single token follows; or another source has
        /// something other than a token.
        MalformedCredentials = "malformed_credentials":
            "the Authorization field is not `Bearer`, spaces and one token, or another source of the \
             token is malformed",
        /// Two `Authorization` fields, or a token sent in two ways.
        MultipleCredentials = "multiple_credentials":
            "the request carries more than one set of credentials",
    }
}

reasons! {
    /// Why an access token is not valid, in the order of the checks.
    pub enum InvalidToken {
        /// Longer than 16 KiB, or its header longer than 4 KiB.
        TokenTooLarge = "token_too_large": "the token or its header is larger than the limit",
        /// Not three parts with two dots: opaque, a refresh token, or JSON serialisation.
        NotCompactJws = "not_compact_jws": "the token is not a JWS in compact form",
        /// Five parts: encrypted.
        JweNotSupported = "jwe_not_supported": "the token is encrypted (JWE)",
        /// A part is not canonical base64url without padding.
        Base64NotCanonical = "base64_not_canonical":
            "a part of the token is not canonical base64url without padding",
        /// Header or payload is not a JSON object in UTF-8 and nothing else.
        JsonInvalid = "json_invalid": "the token's header or payload is not a JSON object",
        /// A member appears twice in one object.
        JsonDuplicateMember = "json_duplicate_member":
            "a member appears twice in the token's header or payload",
        /// Nested deeper than 32 or more than 2048 members.
        JsonLimits = "json_limits":
            "the token's header or payload is nested too deeply or has too many members",
        /// `alg` is missing or not a string.
        AlgInvalid = "alg_invalid": "the header's alg is missing or not a string",
        /// `alg` is unknown, `none`, or not on the issuer's list.
        AlgNotAllowed = "alg_not_allowed": "the header's alg is not allowed for this issuer",
        /// `crit` is present; no extension is implemented.
        CritUnsupported = "crit_unsupported": "the header has crit",
        /// `b64` is present.
        B64Unsupported = "b64_unsupported": "the header has b64",
        /// `zip` is present.
        HeaderZip = "header_zip": "the header has zip",
        /// `kid` is not a string of at most 256 bytes.
        KidInvalid = "kid_invalid": "the header's kid is not a string of at most 256 bytes",
        /// `typ` (or the kind that the payload names) is not that of an access token.
        TypNotAccepted = "typ_not_accepted": "the token is not of an accepted type",
        /// `iss` is missing, `null` or empty.
        IssMissing = "iss_missing": "the token has no iss",
        /// `iss` is not a string.
        IssType = "iss_type": "the token's iss is not a string",
        /// `iss` is not, byte for byte, a configured issuer.
        IssuerUnknown = "issuer_unknown": "the token's iss is not a configured issuer",
        /// The issuer has no key with this `kid`.
        KidUnknown = "kid_unknown": "the issuer has no usable key with the token's kid",
        /// No `kid`, and several of the issuer's keys fit.
        KidMissing = "kid_missing": "the token has no kid and several keys fit",
        /// Several of the issuer's keys have this `kid` and fit.
        KidAmbiguous = "kid_ambiguous": "several keys with the token's kid fit",
        /// The key is for another algorithm or curve.
        AlgKeyMismatch = "alg_key_mismatch": "the key cannot be used with the header's alg",
        /// The signature does not have the length that the key requires.
        SignatureLength = "signature_length": "the signature has the wrong length",
        /// The signature does not verify.
        SignatureInvalid = "signature_invalid": "the signature does not verify",
        /// `aud` is missing, `null` or empty.
        AudMissing = "aud_missing": "the token has no aud",
        /// `aud` is neither a string nor an array of strings.
        AudType = "aud_type": "the token's aud is not a string or an array of strings",
        /// `aud` names none of our audiences.
        AudMismatch = "aud_mismatch": "the token's aud has none of the configured audiences",
        /// `exp` is missing.
        ExpMissing = "exp_missing": "the token has no exp",
        /// `exp`, `nbf` or `iat` is not a number.
        DateType = "date_type": "a date of the token is not a number",
        /// `exp`, `nbf` or `iat` is not between 1970 and 9999.
        DateRange = "date_range": "a date of the token is not between 1970 and 9999",
        /// `exp` has passed.
        TokenExpired = "token_expired": "the token has expired",
        /// `nbf` is still in the future.
        TokenNotYetValid = "token_not_yet_valid": "the token is not valid yet",
        /// `iat` lies in the future.
        IatInFuture = "iat_in_future": "the token was issued in the future",
        /// `exp` − `iat` is above the configured maximum.
        LifetimeExceeded = "lifetime_exceeded": "the token's lifetime is longer than allowed",
        /// A required claim is missing.
        ClaimMissing = "claim_missing": "a required claim is missing",
        /// A claim has the wrong JSON type.
        ClaimType = "claim_type": "a claim has the wrong type",
        /// A claim does not have its configured value.
        ClaimMismatch = "claim_mismatch": "a claim does not have its configured value",
        /// `cnf` binds the token to a key, and nothing proves possession of it.
        CnfNotProven = "cnf_not_proven":
            "the token is bound to a key whose possession was not proven",
        /// `cnf` contains something we do not know.
        CnfUnsupported = "cnf_unsupported": "the token's cnf is not supported",
    }
}

reasons! {
    /// Why the user's authentication is not sufficient.
    pub enum StepUpReason {
        /// `auth_time` is missing, malformed, in the future or too long ago.
        AuthTimeUnsatisfied = "auth_time_unsatisfied":
            "the user did not authenticate recently enough",
        /// `acr` has none of the required values.
        AcrUnsatisfied = "acr_unsatisfied": "the authentication context class does not suffice",
        /// `amr` lacks a required method.
        AmrUnsatisfied = "amr_unsatisfied": "an authentication method is missing",
        /// The ID token sent with the request is not valid.
        IdTokenInvalid = "id_token_invalid": "the ID token is not valid",
        /// The ID token sent with the request belongs to another user or client.
        IdTokenMismatch = "id_token_mismatch":
            "the ID token is not for this user and client",
    }
}

reasons! {
    /// Why a request is refused that another access token would not help.
    pub enum Forbidden {
        /// A user where a machine is required, or the other way round; or a principal whose kind
        /// the issuer does not mark.
        PrincipalKind = "principal_kind": "the principal is not of the required kind",
        /// The client is not one of those allowed.
        ClientNotAllowed = "client_not_allowed": "the client is not allowed here",
        /// A claim does not have the required value, for example a role.
        ClaimRule = "claim_rule": "a claim does not have the required value",
        /// The user is not verified.
        UserNotVerified = "user_not_verified": "the user is not verified",
        /// The user is anonymous.
        UserAnonymous = "user_anonymous": "the user is anonymous",
        /// The route requires re-authentication, and this user is not able to re-authenticate.
        CannotReauthenticate = "cannot_reauthenticate": "the user cannot re-authenticate",
        /// A cookie carries the token, and a foreign page may have made the browser send the request.
        CsrfOrigin = "csrf_origin":
            "a cookie carries the token, and the request may come from a page of another origin",
    }
}

/// The access token is valid but does not have the required scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token lacks scope")]
#[non_exhaustive]
pub struct InsufficientScope {
    /// A scope that would be sufficient, for the challenge.
    pub scope: Arc<str>,
}

/// The user must authenticate anew, or more strongly ([RFC 9470 §3]).
///
/// [RFC 9470 §3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct InsufficientUserAuthentication {
    /// Why the authentication is not sufficient.
    pub reason: StepUpReason,
    /// Why the ID token sent along was refused, if that is the reason.
    pub id_token: Option<InvalidToken>,
    /// The sufficient classes in order of preference, separated by a space.
    pub acr_values: Option<Arc<str>>,
    /// The longest time since the user authenticated.
    pub max_age: Option<Duration>,
}

/// Too many tokens from one sender did not verify. Neither the sender nor this token need be at fault:
/// others may share its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tokens from this client did not verify")]
#[non_exhaustive]
pub struct TooManyFailures {
    /// How long to wait before trying again.
    pub retry_after: Duration,
}

impl TooManyFailures {
    /// Asks the client to retry after `retry_after`, which the answer rounds up to 1 … 60 s.
    #[must_use]
    pub const fn new(retry_after: Duration) -> Self {
        Self { retry_after }
    }
}

/// Nothing can be verified now: the issuer's keys are not available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's keys are not available")]
#[non_exhaustive]
pub struct Unavailable {
    /// How long to wait before trying again.
    pub retry_after: Duration,
}

impl Unavailable {
    /// Asks the client to retry after `retry_after`, which the answer rounds up to 1 … 60 s.
    #[must_use]
    pub const fn new(retry_after: Duration) -> Self {
        Self { retry_after }
    }
}
