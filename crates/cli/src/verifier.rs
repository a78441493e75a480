//! The pipeline for a token without a request: nothing proves that anybody has the key of a bound one.

use bearward_core::confirmation::Evidence;
use bearward_core::jws::{KnownHeader, UnverifiedJws};
use bearward_core::rejection::InvalidToken;
use bearward_core::vouch::vouch;
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
    verify_knowing(&mut None, token, keys, policy, now)
}

/// The same for one token after the other: the header of the last one that was verified need not be
/// parsed again.
pub(crate) fn verify_knowing(
    known: &mut Option<KnownHeader>,
    token: &[u8],
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
) -> Result<Principal, InvalidToken> {
    let jws = UnverifiedJws::parse_knowing(token, known.as_ref())?;
    let vouched = vouch(jws, keys, policy, now)?;
    if vouched.jws().header_is_new() {
        *known = Some(KnownHeader::of(vouched.jws()));
    }
    vouched.check()?.proven(Evidence::NONE)
}
