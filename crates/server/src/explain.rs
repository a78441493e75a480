//! Every check of one token, what it expects and what it finds: for programs that show why a token is
//! accepted or refused, as `bearward explain` does.
//!
//! It has no rules of its own. Each check is the pipeline's, asked about one thing at a time, so
//! that those behind the first failure are shown too; the verdict is the pipeline's on the token as
//! it was given. What the token says is shown to whoever holds it anyway, with nothing in it that
//! could steer a terminal; its signature never is. What a reason means is said by `docs/reasons.md`.

mod anatomy;
mod asked;
mod check;
mod checks;
mod claims;
mod header;
mod key;
mod members;
mod probe;
mod recognise;
mod report;
pub mod text;
pub mod time;

use bearward_core::confirmation::Evidence;
use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;
use bearward_core::vouch::vouch;
use bearward_core::{JwkSet, Principal};

pub use self::anatomy::Anatomy;
pub use self::asked::{Asked, Keys};
pub use self::check::{Check, Verdict};
pub use self::report::{Decision, Meaning, Report};

/// The pipeline for a token without a request: nothing proves that anybody has the key of a bound one.
fn verify(token: &[u8], keys: &JwkSet, asked: &Asked) -> Result<Principal, InvalidToken> {
    let jws = UnverifiedJws::parse(token)?;
    let claimed = vouch(jws, keys, &asked.policy, asked.now, |_| {})?;
    claimed.proven(Evidence::NONE)
}
