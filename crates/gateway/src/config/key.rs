//! Handles for the keys of tables: name, type of the value, default and meaning.
//!
//! The reader uses the handle, so that a key that is not described, or belongs to another table, does
//! not compile. The reader also parses values from text.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::mistakes::Code;

/// A key of the table `T`, with a value of the kind `V`.
#[derive(Debug)]
pub(super) struct Key<T, V> {
    field: Field,
    of: PhantomData<fn() -> (T, V)>,
}

impl<T, V> Key<T, V> {
    pub(super) const fn new(key: &'static str, kind: Kind, field: Field) -> Self {
        Self {
            field: Field { key, kind, ..field },
            of: PhantomData,
        }
    }

    pub(super) const fn field(&self) -> &Field {
        &self.field
    }
}

impl<T, V> Deref for Key<T, V> {
    type Target = Field;

    fn deref(&self) -> &Field {
        &self.field
    }
}

/// The handles of a table, as a type.
pub(super) trait Keys: 'static {
    const TABLE: &'static Table;
}

/// A table: its keys.
#[derive(Debug)]
pub(super) struct Table {
    /// Its purpose.
    pub(super) meaning: &'static str,
    pub(super) fields: &'static [&'static Field],
}

impl Table {
    pub(super) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().copied().find(|field| field.key == key)
    }
}

/// A key without the types.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    /// The value if the key is absent.
    pub(super) default: Default,
    pub(super) meaning: &'static str,
    /// The header of the table under it, such as `[[issuers]]`.
    pub(super) header: &'static str,
}

impl Field {
    /// Gives the table under it this header.
    pub(super) const fn under(mut self, header: &'static str) -> Self {
        self.header = header;
        self
    }

    /// Requires the key: its absence has this code.
    pub(super) const fn missing_as(mut self, code: Code) -> Self {
        self.default = Default::Required(code);
        self
    }

    /// The default, as written in a file.
    pub(super) fn default_text(&self) -> Option<&'static str> {
        match (self.default, self.kind) {
            (Default::Value(value), _) => Some(value),
            (Default::First, Kind::Choice(words)) => words().first().copied(),
            (Default::First | Default::None | Default::Required(_), _) => None,
        }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key)
    }
}

pub(super) const fn required(meaning: &'static str) -> Field {
    with(Default::Required(Code::Missing), meaning)
}

pub(super) const fn optional(meaning: &'static str) -> Field {
    with(Default::None, meaning)
}

pub(super) const fn defaulted(default: &'static str, meaning: &'static str) -> Field {
    with(Default::Value(default), meaning)
}

/// One of several words; the default is the first.
pub(super) const fn chosen(meaning: &'static str) -> Field {
    with(Default::First, meaning)
}

const fn with(default: Default, meaning: &'static str) -> Field {
    Field {
        key: "",
        kind: Kind::Text,
        default,
        meaning,
        header: "",
    }
}

/// The value of an absent key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Default {
    /// The first of the words.
    First,
    /// Nothing: it is optional.
    None,
    /// None: leaving it out is a mistake with this code.
    Required(Code),
    /// This text, as written in a file.
    Value(&'static str),
}

/// A value written as one of several words.
pub(super) trait Choice: Copy + 'static {
    const FIRST: Self;
    /// Every one, in the order of the manual.
    const ALL: &'static [Self];

    fn word(self) -> &'static str;
}

/// The words of a choice.
pub(super) fn words<C: Choice>() -> Vec<&'static str> {
    C::ALL.iter().map(|choice| choice.word()).collect()
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Where to listen.
    Address,
    /// One of these words.
    Choice(fn() -> Vec<&'static str>),
    /// A whole number, from 0 to 2³² − 1.
    Count,
    /// Claims and their required values: one each, or a list of which one suffices.
    Claims,
    /// A value of a claim, or a list of which one suffices.
    ClaimValues,
    /// `true` or `false`.
    Flag,
    /// A duration, such as `5m`.
    Duration,
    /// Lists of strings.
    Groups,
    /// A table whose keys are names the operator chooses.
    Named(&'static Table),
    /// `env:NAME` or `file:PATH`.
    Secret,
    /// The path of a file with a secret.
    SecretFile,
    /// A table.
    Table(&'static Table),
    /// An array of tables.
    Tables(&'static Table),
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// A string, or a list of them.
    TextOrTexts,
}

impl Kind {
    /// The expected value, for mistakes and the manual.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Address => "an address such as \"127.0.0.1:9000\" or \"unix:/run/x.sock\"".into(),
            Self::Choice(words) => {
                let words = words().into_iter().map(|word| format!("\"{word}\""));
                format!("one of {}", words.collect::<Vec<_>>().join(", "))
            }
            Self::Count => "a whole number from 0 to 4294967295".into(),
            Self::Claims => "a table of claims, each with a value or a list of values".into(),
            Self::ClaimValues => {
                "a string, true or false, a whole number, or a list of them".into()
            }
            Self::Duration => "a duration such as \"30s\", \"5m\" or \"1h 30m\"".into(),
            Self::Flag => "true or false".into(),
            Self::Groups => "a list of lists of strings".into(),
            Self::Named(_) => "tables, each under a name".into(),
            Self::Secret => "\"env:NAME\" or \"file:PATH\"".into(),
            Self::Table(_) => "a table".into(),
            Self::Tables(_) => "an array of tables".into(),
            Self::SecretFile | Self::Text => "a string".into(),
            Self::TextOrTexts => "a string or a list of strings".into(),
            Self::Texts => "a list of strings".into(),
        }
    }
}
