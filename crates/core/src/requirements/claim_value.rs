//! The values that a claim may be required to have.

use std::fmt;

use crate::claims::StringOrStrings;
use crate::json::Value;

/// A value that a claim may be required to have. No type is converted into another: the number 1 is not
/// the string `1`, since two readers would convert differently.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimValue {
    /// The claim is this string, or an array of strings that contains it.
    Text(String),
    /// The claim is this `true` or `false`.
    Flag(bool),
    /// The claim is this whole number, or an array that contains it.
    Number(i64),
}

impl ClaimValue {
    /// Whether a claim is one of these values, or contains one.
    pub(crate) fn are_in(values: &[Self], claim: Value<'_>) -> bool {
        let strings = StringOrStrings::parse(claim);
        let is_number = |found: Value<'_>, number: i64| {
            let found = found.as_number().and_then(|found| found.parse().ok());
            found == Some(number)
        };
        values.iter().any(|value| match value {
            Self::Text(text) => strings.is_some_and(|strings| strings.contains(text)),
            Self::Flag(flag) => claim.as_bool() == Some(*flag),
            Self::Number(number) => {
                is_number(claim, *number)
                    || claim.elements().any(|element| is_number(element, *number))
            }
        })
    }
}

impl From<&str> for ClaimValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ClaimValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for ClaimValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for ClaimValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}
