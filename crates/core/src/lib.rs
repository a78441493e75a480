#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod algorithm;
pub mod authgear;
mod base64url;
pub mod challenge;
pub mod claimed;
pub mod claims;
pub mod confirmation;
pub mod credentials;
mod cross_origin;
mod header;
pub mod id_token;
pub mod json;
pub mod jwk;
pub mod jwk_set;
pub mod jws;
pub mod limits;
mod pem;
pub mod policy;
pub mod principal;
mod principal_kind;
pub mod profile;
pub mod protected_resource_metadata;
pub mod rejection;
mod request_head;
pub mod requirements;
mod rows;
pub mod source;
pub mod spiffe;
pub mod time;
#[cfg(test)]
#[path = "../tests/vector_files.rs"]
mod vector_files;
pub mod vouch;

pub use crate::algorithm::Algorithm;
pub use crate::challenge::{Challenge, ProtectionSpace};
pub use crate::claimed::Claimed;
pub use crate::claims::ClaimPath;
pub use crate::jwk_set::JwkSet;
pub use crate::policy::Policy;
pub use crate::principal::{Principal, PrincipalKind};
pub use crate::profile::Profile;
pub use crate::protected_resource_metadata::ProtectedResourceMetadata;
pub use crate::rejection::Rejection;
pub use crate::request_head::RequestHead;
pub use crate::requirements::Requirements;
pub use crate::source::{Source, Sources};
pub use crate::time::UnixTime;

use crate::confirmation::Evidence;
use crate::credentials::Credentials;
use crate::jws::UnverifiedJws;
use crate::vouch::vouch;

/// Runs all stages for one issuer whose keys are available.
///
/// # Errors
///
/// The first check that the request fails.
pub fn authenticate(
    head: RequestHead<'_>,
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
) -> Result<Principal, Rejection> {
    authenticate_from(head, &Sources::default(), keys, policy, now)
}

/// The same for a token in `Authorization` or in one of these sources.
///
/// # Errors
///
/// The first check that the request fails.
pub fn authenticate_from(
    head: RequestHead<'_>,
    sources: &Sources,
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
) -> Result<Principal, Rejection> {
    let credentials = Credentials::parse_from(head, sources)?;
    let jws = UnverifiedJws::parse(credentials.access_token())?;
    let claimed = vouch(jws, keys, policy, now, |_| {})?;
    Ok(claimed.proven(Evidence::NONE)?)
}
