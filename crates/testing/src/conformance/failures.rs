//! The cases that an adapter failed.

use std::fmt;

/// The cases that an adapter failed. `Debug` is for people, too, because `unwrap` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Failures {
    run: usize,
    failures: Vec<Failure>,
}

impl Failures {
    /// No failures yet, among this many cases.
    pub(super) const fn of(run: usize) -> Self {
        Self {
            run,
            failures: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, outcome: Result<(), Failure>) {
        self.failures.extend(outcome.err());
    }

    pub(super) fn into_result(self) -> Result<(), Self> {
        if self.failures.is_empty() {
            return Ok(());
        }
        Err(self)
    }

    /// The failed cases.
    pub fn iter(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter()
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cases failed", self.failures.len(), self.run)?;
        for failure in &self.failures {
            write!(f, "\n{failure}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failures {}

/// A case with an unexpected answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(super) case: &'static str,
    pub(super) mismatches: Vec<Mismatch>,
}

impl Failure {
    /// The name of the case.
    #[must_use]
    pub const fn case(&self) -> &'static str {
        self.case
    }

    /// The differences, at least one.
    pub fn mismatches(&self) -> impl Iterator<Item = &Mismatch> {
        self.mismatches.iter()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.case)?;
        for mismatch in &self.mismatches {
            write!(f, "\n  {mismatch}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// One difference in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub(super) what: &'static str,
    pub(super) expected: String,
    pub(super) found: String,
}

impl Mismatch {
    /// The part that differs: `status`, `reason`, `body` or the name of a field.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// The expected value.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The actual value.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "    expected {}", self.expected)?;
        write!(f, "    found    {}", self.found)
    }
}
