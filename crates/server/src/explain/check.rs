//! One row of a report: the expected value, the actual value, and the verdict.

use std::fmt;

use bearward_core::rejection::InvalidToken;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// One check.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a row of a table")]
pub struct Check {
    /// The name of the check.
    pub name: &'static str,
    /// The expected value.
    pub expected: String,
    /// The actual value, safe to show.
    pub found: String,
    /// The verdict.
    pub verdict: Verdict,
}

impl Check {
    pub(crate) fn new(
        name: &'static str,
        expected: impl Into<String>,
        (found, verdict): (impl Into<String>, Verdict),
    ) -> Self {
        Self {
            name,
            expected: expected.into(),
            found: found.into(),
            verdict,
        }
    }

    /// A check of a part that is not readable: another check reports that.
    pub(crate) fn unreadable(name: &'static str, expected: String) -> Self {
        Self::new(name, expected, ("not readable", Verdict::Unchecked))
    }
}

impl fmt::Debug for Check {
    /// Does not show the actual value: claims are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// The verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a check is passed, failed or not made"
)]
pub enum Verdict {
    /// The value is as expected.
    Ok,
    /// Failed, with the code of the reason.
    Fail(&'static str),
    /// Another failure prevented the check, or no option gives the expected value.
    Unchecked,
}

impl Verdict {
    /// The verdict that this answer of the pipeline means.
    pub(crate) fn of<T>(answer: Result<T, InvalidToken>) -> Self {
        answer.map_or_else(|reason| Self::Fail(reason.code()), |_| Self::Ok)
    }

    /// The spelling in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail(_) => "FAIL",
            Self::Unchecked => "-",
        }
    }

    /// The code of the reason, if the check failed.
    #[must_use]
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::Fail(code) => Some(code),
            Self::Ok | Self::Unchecked => None,
        }
    }
}

impl Serialize for Check {
    /// Members in this order; `reason` only if the check failed.
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
