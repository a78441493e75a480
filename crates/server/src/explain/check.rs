//! One row of a report: what was expected, what was found, and what came of it.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// One check.
#[expect(clippy::exhaustive_structs, reason = "a row of a table")]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// What it should be.
    pub expected: String,
    /// What it is, fit to be shown.
    pub found: String,
    /// What came of it.
    pub verdict: Verdict,
}

impl fmt::Debug for Check {
    /// Shows not what was found: claims are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a check is passed, failed or not made"
)]
pub enum Verdict {
    /// It is as expected.
    Ok,
    /// With the code of the reason.
    Fail(&'static str),
    /// Something else was in the way, or no option says what to expect.
    Unchecked,
}

impl Verdict {
    /// How it is spelt in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail(_) => "FAIL",
            Self::Unchecked => "-",
        }
    }

    /// The code of the reason, if it failed.
    #[must_use]
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::Fail(code) => Some(code),
            Self::Ok | Self::Unchecked => None,
        }
    }
}

impl Serialize for Check {
    /// Members in this order; `reason` where it failed.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut check = serializer.serialize_map(None)?;
        check.serialize_entry("check", self.name)?;
        check.serialize_entry("expected", &self.expected)?;
        check.serialize_entry("found", &self.found)?;
        check.serialize_entry("verdict", self.verdict.as_str())?;
        if let Some(reason) = self.verdict.code() {
            check.serialize_entry("reason", reason)?;
        }
        check.end()
    }
}
