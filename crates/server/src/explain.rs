//! Every check of one token, with the expected and the actual value, for programs that show why a
//! token is accepted or refused, like `bearward explain`.
//!
//! It has no rules of its own. Each check asks the pipeline about one thing at a time, so the
//! report includes checks after the first failure; the verdict is the pipeline's verdict on the
//! token as given or, if text was pasted along, the reason that refuses the token alone. The report shows the claims, to somebody who has the token anyway, without
//! characters that could control a terminal. It never shows the signature. `docs/reasons.md`
//! explains the reasons.

mod anatomy;
mod asked;
mod check;
mod checks;
mod claims;
mod decision;
mod diagnosis;
mod header;
mod id_token;
mod key;
mod members;
mod probe;
mod report;
pub mod text;
pub mod time;

use bearward_core::confirmation::Evidence;
use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;
use bearward_core::vouch::vouch;
use bearward_core::{JwkSet, Principal};

pub use self::anatomy::Anatomy;
pub use self::asked::{Asked, Keys, NearSecret};
pub use self::check::{Check, Verdict};
pub use self::decision::Decision;
pub use self::diagnosis::{Diagnosis, Meaning};
pub use self::id_token::IdTokenReport;
pub use self::report::Report;

/// The pipeline for a token without a request: there is no evidence for the key of a bound token.
fn verify(token: &[u8], keys: &JwkSet, asked: &Asked) -> Result<Principal, InvalidToken> {
    let jws = UnverifiedJws::parse(token)?;
    let claimed = vouch(jws, keys, &asked.policy, asked.now, |_| {})?;
    claimed.proven(Evidence::NONE)
}
