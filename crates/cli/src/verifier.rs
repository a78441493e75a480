//! The stages of the pipeline for a token without a request.

use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;
use bearward_core::{JwkSet, Policy, Principal, UnixTime};

/// All stages but the first, with keys at hand.
///
/// # Errors
///
/// The first check that the token does not pass.
pub(crate) fn verify(
    token: &[u8],
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
) -> Result<Principal, InvalidToken> {
    let jws = UnverifiedJws::parse(token)?;
    policy.check_issuer(&jws)?;
    policy.check_header(jws.header())?;
    let key = keys.select(jws.header())?;
    let verified = jws.verify(key)?;
    policy.check(verified, now)
}
