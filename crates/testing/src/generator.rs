//! Generated tokens whose correct verdict is known in advance.
//!
//! A [`Specimen`] starts from a valid token with any algorithm. The generator draws some harmless
//! variations and zero to three spoils for it, and each spoil has the [check](Check) it breaks and
//! the resulting reason. The first broken check in the order of the checks decides, so the verdict
//! follows from how the token was made, not from any verifier.
//!
//! The same seed draws the same specimens. ECDSA and RSASSA-PSS sign with random numbers, so only
//! their signatures differ from run to run.
//!
//! ```
//! use bearward_testing::generator::Generator;
//!
//! for specimen in Generator::from_seed(7).take(10) {
//!     assert!(specimen.key_set.jwk_set()["keys"].is_array());
//!     println!("{:?}: {:?}", specimen.spoils, specimen.expected);
//! }
//! ```
//!
//! Verdicts follow bearward's rules with the default policy for [`ISSUER`] and [`AUDIENCE`] at
//! [`NOW`]. Requests, and sizes exactly at a limit, have tests of their own.

mod claims;
mod draft;
mod encoding;
mod header;
mod key_set;
mod signature;
mod text;

use std::fmt;

use bearward_core::rejection::InvalidToken;
use bearward_core::{Algorithm, UnixTime};
use fastrand::Rng;

use self::draft::Draft;
use self::draft::change::Change;
pub use self::draft::change::Check;
pub use self::key_set::KeySet;
use self::key_set::Signer;

/// The issuer of the tokens.
pub const ISSUER: &str = "https://auth.example";

/// The audience of the tokens.
pub const AUDIENCE: &str = "https://api.example";

/// The time of the verdicts: 2023-11-14T22:13:20Z.
pub const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// Draws specimens, without end.
#[derive(Clone)]
pub struct Generator {
    rng: Rng,
    signers: Vec<Signer>,
    edges: Vec<&'static Change>,
    spoils: Vec<&'static Change>,
}

impl Generator {
    /// A generator that draws the same specimens for the same seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let changes = || {
            let tables = [
                claims::ALL,
                encoding::ALL,
                header::ALL,
                signature::ALL,
                text::ALL,
            ];
            tables.into_iter().flatten()
        };
        Self {
            rng: Rng::with_seed(seed),
            signers: Signer::all(),
            edges: changes().filter(|change| change.breaks.is_none()).collect(),
            spoils: changes().filter(|change| change.breaks.is_some()).collect(),
        }
    }

    /// The names of all spoils.
    pub fn spoils() -> impl Iterator<Item = &'static str> {
        Self::from_seed(0)
            .spoils
            .into_iter()
            .map(|change| change.name)
    }

    /// The names of all variations that leave a token valid.
    pub fn edges() -> impl Iterator<Item = &'static str> {
        let changes = Self::from_seed(0).edges.into_iter();
        changes.map(|change| change.name).chain(Signer::edges())
    }

    /// One specimen; `None` if a drawn change does not apply to the token.
    fn draw(&mut self) -> Option<Specimen> {
        let signer = self.rng.choice(&self.signers)?.clone();
        let mut draft = Draft::new(&signer, &mut self.rng);
        let edges = *self.rng.choice(&[0, 0, 0, 1, 1, 2])?;
        let spoils = *self.rng.choice(&[0, 0, 0, 1, 1, 1, 1, 2, 2, 3])?;
        for _ in 0..edges {
            let edge = *self.rng.choice(&self.edges)?;
            draft.change(edge, &mut self.rng);
        }
        for _ in 0..spoils {
            let spoil = *self.rng.choice(&self.spoils)?;
            draft.change(spoil, &mut self.rng);
        }
        draft.finish(&mut self.rng)
    }
}

impl Iterator for Generator {
    type Item = Specimen;

    /// The next specimen. There is always one.
    fn next(&mut self) -> Option<Specimen> {
        loop {
            if let Some(specimen) = self.draw() {
                return Some(specimen);
            }
        }
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator").finish_non_exhaustive()
    }
}

/// A token, the changes to it, and its correct verdict.
#[derive(Clone)]
#[non_exhaustive]
pub struct Specimen {
    /// The token, or the text it became.
    pub token: String,
    /// The algorithm of the intended key.
    pub algorithm: Algorithm,
    /// The key set for which the verdict holds.
    pub key_set: KeySet,
    /// The names of the variations, which alone would leave it valid.
    pub edges: Vec<&'static str>,
    /// The names of the spoils.
    pub spoils: Vec<&'static str>,
    /// Accepted, or the only correct reason to refuse it.
    pub expected: Result<(), InvalidToken>,
}

impl fmt::Debug for Specimen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Specimen")
            .field("algorithm", &self.algorithm)
            .field("key_set", &self.key_set)
            .field("edges", &self.edges)
            .field("spoils", &self.spoils)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
