//! Validates JWT access tokens ([RFC 9068]): who sent this request, and may they?
//!
//! This is the pipeline without I/O, clock or globals. Most users want the crate `bearward`, which
//! finds and keeps the issuer's keys, or `bearward-axum`.
//!
//! | stage | from | to | module |
//! |---|---|---|---|
//! | parse | request head | [`Credentials`] | [`credentials`] |
//! | parse | token | [`UnverifiedJws`] | [`jws`] |
//! | select | header | [`VerificationKey`](jwk::VerificationKey) | [`jwk_set`] |
//! | verify | signature | [`VerifiedJws`](jws::VerifiedJws) | [`jws`] |
//! | check | claims | [`Claimed`] | [`policy`] |
//! | prove | what the token says | [`Principal`] | [`confirmation`] |
//! | authorize | principal | nothing more to ask | [`requirements`] |
//!
//! Each stage consumes the value of the one before and returns a new type, so that none can be left
//! out: holding a [`Principal`] is the proof that all of them ran. Those from the token to what it
//! says are composed in [`mod@vouch`], for callers that wait for keys and for [`authenticate`], which
//! does not. Refusals are [`Rejection`]s, and a [`Challenge`] is what the sender is answered.
//!
//! ```
//! use bearward_core::{JwkSet, Policy, Rejection, RequestHead, UnixTime, authenticate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::builder("https://id.example.com", "https://api.example.com").build()?;
//! let keys = JwkSet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519",
//!     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
//!
//! let request = http::Request::builder().uri("/orders").body(())?;
//! let refused = authenticate(RequestHead::from(&request), &keys, &policy, UnixTime::from_secs(0));
//! assert_eq!(refused.unwrap_err(), Rejection::NoCredentials);
//! # Ok(())
//! # }
//! ```
//!
//! [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod algorithm;
pub mod authgear;
mod base64url;
pub mod challenge;
pub mod claimed;
pub mod claims;
pub mod confirmation;
pub mod credentials;
pub mod id_token;
pub mod json;
pub mod jwk;
pub mod jwk_set;
pub mod jws;
pub mod limits;
pub mod policy;
pub mod principal;
pub mod profile;
pub mod protected_resource_metadata;
pub mod rejection;
pub mod requirements;
pub mod time;
#[cfg(test)]
#[path = "../tests/vector_files.rs"]
mod vector_files;
pub mod vouch;

pub use crate::algorithm::Algorithm;
pub use crate::challenge::{Challenge, ProtectionSpace};
pub use crate::claimed::Claimed;
pub use crate::claims::ClaimPath;
pub use crate::credentials::RequestHead;
pub use crate::jwk_set::JwkSet;
pub use crate::policy::Policy;
pub use crate::principal::{Principal, PrincipalKind};
pub use crate::profile::Profile;
pub use crate::protected_resource_metadata::ProtectedResourceMetadata;
pub use crate::rejection::Rejection;
pub use crate::requirements::Requirements;
pub use crate::time::UnixTime;

use crate::confirmation::Evidence;
use crate::credentials::Credentials;
use crate::jws::UnverifiedJws;
use crate::vouch::vouch;

/// All stages with one issuer whose keys are at hand.
///
/// # Errors
///
/// The first check that the request does not pass.
pub fn authenticate(
    head: RequestHead<'_>,
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
) -> Result<Principal, Rejection> {
    let credentials = Credentials::parse(head)?;
    let jws = UnverifiedJws::parse(credentials.access_token())?;
    let claimed = vouch(jws, keys, policy, now, |_| {})?;
    Ok(claimed.proven(Evidence::NONE)?)
}
