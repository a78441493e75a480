//! Mistakes in a configuration, each with its place, what was expected, what was found, and a remedy.
//!
//! Diagnostics crates print whole source lines, and a line of this file may hold a secret that somebody
//! wrote in place of a reference. So the rendering here shows only the place itself, and the text
//! before it unless that contains a string.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// The number of mistakes reported; the others are counted. Nobody repairs more at once, and each
/// requires a pass over the text.
pub(super) const MISTAKES_MAX: usize = 100;

/// The table of codes: variant and code in one line, so that none can be forgotten.
macro_rules! codes {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $code:literal,)+
    }) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as printed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }
    };
}

codes! {
    /// The kind of a mistake: a stable code.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Code {
        /// No audience is configured.
        AudienceMissing = "audience_missing",
        /// A key that a later release will not have.
        Deprecated = "deprecated",
        /// The same name appears twice.
        Duplicate = "duplicate",
        /// A file or an environment variable is missing or cannot be used.
        FileMissing = "file_missing",
        /// No token could have what is required.
        Impossible = "impossible",
        /// No issuer is configured.
        IssuerMissing = "issuer_missing",
        /// A leeway greater than clocks can differ.
        Leeway = "leeway",
        /// A required key is missing.
        Missing = "missing",
        /// A route tolerates paths that a server may read as those of a stricter route.
        Paths = "paths",
        /// Access depends on how the application reads paths, but no key states it.
        Router = "router",
        /// A path pattern that no request could match.
        RulePattern = "rule_pattern",
        /// A secret that could be guessed.
        SecretWeak = "secret_weak",
        /// Not TOML.
        Syntax = "syntax",
        /// Longer than allowed.
        TooLarge = "too_large",
        /// A value of the wrong type.
        Type = "type",
        /// A key that does not exist.
        UnknownKey = "unknown_key",
        /// A URL over which an attacker could send keys.
        UrlScheme = "url_scheme",
        /// A value of the right type that makes no sense.
        Value = "value",
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Mistake {
    /// Its kind.
    pub code: Code,
    /// Its place, in bytes of the text.
    pub span: Range<usize>,
    /// What is wrong: what was expected, and what was found.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    /// An empty `help` counts as none.
    pub(super) fn new(
        code: Code,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            code,
            span: span.clone(),
            message: message.into(),
            help: Some(help.into()).filter(|help| !help.is_empty()),
        }
    }
}

/// The mistakes in a configuration, or the warnings about it: the first hundred found, and the number
/// of the others.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mistakes {
    text: String,
    list: Vec<Mistake>,
    left_out: usize,
    /// Whether any has the code `impossible`, even one left out.
    has_impossible: bool,
    severity: Severity,
}

/// Whether the configuration is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Severity {
    #[default]
    Error,
    Warning,
}

impl Severity {
    /// The words before each, and for their number.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Error => ("error", "mistake"),
            Self::Warning => ("warning", "warning"),
        }
    }
}

impl Mistakes {
    pub(super) fn new(text: &str, found: Found) -> Self {
        Self::of(text, found.mistakes.into_inner(), Severity::Error)
    }

    /// Warnings about a configuration that is valid.
    pub(super) fn warnings(text: &str, found: Found) -> Self {
        let warnings = found.warnings.into_inner();
        if warnings.list.is_empty() {
            return Self::default();
        }
        Self::of(text, warnings, Severity::Warning)
    }

    fn of(text: &str, all: All, severity: Severity) -> Self {
        let All {
            mut list,
            seen,
            has_impossible,
        } = all;
        list.sort_by_key(|mistake| mistake.span.start);
        Self {
            text: text.to_owned(),
            left_out: seen.len().saturating_sub(list.len()),
            list,
            has_impossible,
            severity,
        }
    }

    /// Whether there are no mistakes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The mistakes, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.list.iter()
    }

    /// The number of mistakes left out of the list.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether one of them has the code [`Code::Impossible`], be it listed or left out.
    #[must_use]
    pub const fn has_impossible(&self) -> bool {
        self.has_impossible
    }

    /// The listed mistakes as text for a person, with their places in the file of this name.
    #[must_use]
    pub fn render(&self, file: &str) -> String {
        let mut rendered = String::new();
        for mistake in &self.list {
            // Writing to a string cannot fail.
            let _ = self.write(mistake, file, &mut rendered);
        }
        if self.left_out > 0 {
            let left_out = self.left_out;
            let _ = writeln!(rendered, "… and {left_out} more, which are not shown\n");
        }
        let count = self.list.len().saturating_add(self.left_out);
        let (_, word) = self.severity.words();
        let plural = if count == 1 { "" } else { "s" };
        let _ = writeln!(rendered, "{count} {word}{plural} in {file}");
        rendered
    }

    /// Line and column of a mistake, both from 1, the column in characters.
    #[must_use]
    pub fn place(&self, mistake: &Mistake) -> (usize, usize) {
        let before = self.text.get(..mistake.span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default();
        (line, column.chars().count().saturating_add(1))
    }

    fn write(&self, mistake: &Mistake, file: &str, to: &mut String) -> fmt::Result {
        let (line, column) = self.place(mistake);
        let code = mistake.code.as_str();
        let margin = " ".repeat(line.to_string().len());
        let (severity, _) = self.severity.words();
        let message = printable(&mistake.message);
        writeln!(to, "{severity}[{code}]: {message}")?;
        writeln!(to, "{margin}--> {file}:{line}:{column}")?;
        let (before, place) = self.excerpt(mistake);
        if !place.is_empty() {
            let indent = " ".repeat(before.chars().count());
            let carets = "^".repeat(place.chars().count());
            writeln!(to, "{margin} |")?;
            writeln!(to, "{line} | {before}{place}")?;
            writeln!(to, "{margin} | {indent}{carets}")?;
        }
        if let Some(help) = &mistake.help {
            writeln!(to, "{margin} = help: {}", printable(help))?;
        }
        writeln!(to)
    }

    /// The text before the place on its line, and the place up to the end of its line. Leaves out any
    /// text that could be a secret.
    fn excerpt(&self, mistake: &Mistake) -> (String, String) {
        let before = self.text.get(..mistake.span.start).unwrap_or_default();
        let before = before.rsplit('\n').next().unwrap_or_default();
        let before = if before.contains(['"', '\'']) {
            "… "
        } else {
            before
        };
        // A syntax error may be in the middle of a string.
        let place = Some(mistake.span.clone()).filter(|_| mistake.code != Code::Syntax);
        let place = place
            .and_then(|span| self.text.get(span))
            .unwrap_or_default();
        let place = place.lines().next().unwrap_or_default();
        (printable(before), printable(place))
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render("configuration"))
    }
}

impl fmt::Debug for Mistakes {
    /// Omits the text, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mistakes")
            .field("list", &self.list)
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Mistakes {}

/// The mistakes and warnings so far. Reading continues after each, so that all are reported at once.
#[derive(Debug, Default)]
pub(super) struct Found {
    mistakes: RefCell<All>,
    warnings: RefCell<All>,
}

#[derive(Debug, Default)]
struct All {
    list: Vec<Mistake>,
    /// The hash of each mistake: a value that is read twice is reported once.
    seen: HashSet<u64>,
    has_impossible: bool,
}

impl Found {
    pub(super) fn add(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().add(mistake);
    }

    /// Adds a warning, which refuses nothing.
    pub(super) fn warn(&self, warning: Mistake) {
        self.warnings.borrow_mut().add(warning);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mistakes.borrow().list.is_empty()
    }

    /// Whether a mistake was reported within this place.
    pub(super) fn has_within(&self, place: &Range<usize>) -> bool {
        let list = &self.mistakes.borrow().list;
        list.iter()
            .any(|mistake| place.start <= mistake.span.start && mistake.span.end <= place.end)
    }

    /// Whether further mistakes are only counted, so that looking for a remedy is useless.
    pub(super) fn is_full(&self) -> bool {
        self.mistakes.borrow().list.len() >= MISTAKES_MAX
    }
}

impl All {
    fn add(&mut self, mistake: Mistake) {
        let mut hasher = DefaultHasher::new();
        mistake.hash(&mut hasher);
        self.has_impossible |= mistake.code == Code::Impossible;
        if self.seen.insert(hasher.finish()) && self.list.len() < MISTAKES_MAX {
            self.list.push(mistake);
        }
    }
}

/// One line without terminal control characters.
fn printable(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}
