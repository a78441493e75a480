//! JSON, strictly ([RFC 8259], [RFC 8725 §2.4]): one pass over borrowed text, no copies.
//!
//! It refuses what other parsers accept and attackers exploit: duplicate members at any depth, lone
//! surrogates, anything after the value. Numbers keep their text, so nothing is rounded.
//! `serde_json`, not this parser, converts into the caller's types, on demand.
//!
//! [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259
//! [RFC 8725 §2.4]: https://www.rfc-editor.org/rfc/rfc8725#section-2.4

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::limits;

mod parser;

/// Why a text is not JSON we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// A member name appears twice in one object, after resolving escapes.
    #[error("a member name appears twice in one JSON object")]
    DuplicateMember,
    /// Not a JSON text according to RFC 8259 in UTF-8.
    #[error("not a JSON text")]
    Invalid,
    /// Nested deeper than [`limits::JSON_DEPTH`] or more members than [`limits::JSON_MEMBERS`].
    #[error("nested too deeply or too many members")]
    Limits,
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 8259 §3 has these and no others"
)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, of any size and precision.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// The structure of a text: one node per value, in the order of the text. A member takes two nodes,
/// its name and its value.
#[derive(Clone, Default)]
pub(crate) struct Tape(Vec<Node>);

#[derive(Clone, Copy)]
struct Node {
    kind: Kind,
    /// Strings only: whether the text contains a `\`, so that escapes must be resolved before a
    /// comparison.
    escaped: bool,
    /// The text of the value; for a string, the text between its quotes.
    start: u32,
    end: u32,
    /// The number of nodes of this value, including everything in it.
    size: u32,
}

impl Node {
    /// Where it stands in the text.
    fn range(&self) -> Range<usize> {
        to_usize(self.start)..to_usize(self.end)
    }

    fn len(&self) -> usize {
        to_usize(self.end.saturating_sub(self.start))
    }

    fn size(&self) -> usize {
        to_usize(self.size)
    }
}

impl Tape {
    /// An empty tape, with room for the values of a text of this many bytes: claims have about one
    /// every 12 bytes. At most 60 at first: allocating more than 1 KiB costs more than growing the
    /// buffer.
    pub(crate) fn with_capacity_for(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes.wrapping_div(12).clamp(8, 60)))
    }

    /// Parses `text` as one JSON value, into the memory of this tape.
    pub(crate) fn parse(self, text: &str) -> Result<Self, JsonError> {
        parser::parse(text, self.0).map(Self)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<Node>())
    }

    /// The root value; `text` must be the text that the tape was parsed from.
    pub(crate) fn root<'d>(&'d self, text: &'d str) -> Value<'d> {
        Value {
            text,
            nodes: &self.0,
            index: 0,
        }
    }
}

/// A value within a JSON text.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    text: &'d str,
    nodes: &'d [Node],
    index: usize,
}

impl<'d> Value<'d> {
    /// The kind of this value.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.node().map_or(Kind::Null, |node| node.kind)
    }

    /// The string, if the value is one, with escapes resolved.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        let node = self.node().filter(|node| node.kind == Kind::String)?;
        let raw = self.text_of(node);
        if node.escaped {
            return Some(Cow::Owned(unescape(raw)));
        }
        Some(Cow::Borrowed(raw))
    }

    /// The digits of the number, if the value is one, as the text has them.
    #[must_use]
    pub fn as_number(self) -> Option<&'d str> {
        let node = self.node().filter(|node| node.kind == Kind::Number)?;
        Some(self.text_of(node))
    }

    /// Like [`Value::as_number`], as bytes.
    pub(crate) fn number_bytes(self) -> Option<&'d [u8]> {
        let node = self.node().filter(|node| node.kind == Kind::Number)?;
        Some(self.bytes_of(node))
    }

    /// The boolean, if the value is one.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        let node = self.node().filter(|node| node.kind == Kind::Bool)?;
        Some(self.text_of(node) == "true")
    }

    /// The elements, if the value is an array; nothing otherwise.
    pub fn elements(self) -> impl Iterator<Item = Self> {
        let nodes = self.nodes_if(Kind::Array);
        let mut next = self.index.wrapping_add(1);
        std::iter::from_fn(move || {
            let element = Self {
                index: next,
                ..self
            };
            next = next.wrapping_add(nodes.get(next)?.size());
            Some(element)
        })
    }

    /// The members, if the value is an object; nothing otherwise. Each name appears once.
    pub fn members(self) -> impl Iterator<Item = (Cow<'d, str>, Self)> {
        self.member_values()
            .filter_map(|(name, value)| Some((name.as_str()?, value)))
    }

    /// The names of the members as bytes, each with the index of its value.
    pub(crate) fn member_names(self) -> impl Iterator<Item = (Cow<'d, [u8]>, u32)> {
        self.member_values().filter_map(|(name, value)| {
            let node = name.node()?;
            let bytes = if node.escaped {
                Cow::Owned(unescape(name.text_of(node)).into_bytes())
            } else {
                Cow::Borrowed(name.bytes_of(node))
            };
            Some((bytes, value.index()))
        })
    }

    /// The member called `name`, exactly.
    #[must_use]
    #[inline(never)]
    pub fn get(self, name: &str) -> Option<Self> {
        self.member_values()
            .find_map(|(key, value)| key.is_str(name).then_some(value))
    }

    /// Whether the value is the string `other`.
    #[must_use]
    pub fn is_str(self, other: &str) -> bool {
        let Some(node) = self.node().filter(|node| node.kind == Kind::String) else {
            return false;
        };
        if node.escaped {
            return unescape(self.text_of(node)) == other;
        }
        // Lengths first: most comparisons fail.
        node.len() == other.len() && self.bytes_of(node) == other.as_bytes()
    }

    /// The JSON text of this value.
    #[must_use]
    pub fn as_json(self) -> &'d str {
        let Some(node) = self.node() else {
            return "";
        };
        if node.kind == Kind::String {
            let quoted =
                to_usize(node.start).saturating_sub(1)..to_usize(node.end).saturating_add(1);
            return self.text.get(quoted).unwrap_or_default();
        }
        self.text_of(node)
    }

    /// The value, unless it is `null`.
    pub(crate) fn non_null(self) -> Option<Self> {
        Some(self).filter(|value| value.kind() != Kind::Null)
    }

    pub(crate) fn index(self) -> u32 {
        to_u32(self.index)
    }

    /// The value at `index` of the same text.
    pub(crate) fn sibling(self, index: u32) -> Self {
        Self {
            index: to_usize(index),
            ..self
        }
    }

    fn member_values(self) -> impl Iterator<Item = (Self, Self)> {
        let nodes = self.nodes_if(Kind::Object);
        let mut next = self.index.wrapping_add(1);
        std::iter::from_fn(move || {
            let name = Self {
                index: next,
                ..self
            };
            // A name is one node.
            let value = Self {
                index: next.wrapping_add(1),
                ..self
            };
            next = value.index.wrapping_add(nodes.get(value.index)?.size());
            Some((name, value))
        })
    }

    fn node(self) -> Option<&'d Node> {
        self.nodes.get(self.index)
    }

    /// The nodes up to the end of this value, if it is of this kind; none otherwise.
    fn nodes_if(self, kind: Kind) -> &'d [Node] {
        let node = self.node().filter(|node| node.kind == kind);
        let end = node.map_or(0, |node| self.index.wrapping_add(node.size()));
        self.nodes.get(..end).unwrap_or_default()
    }

    /// Like [`Value::text_of`], without checking character boundaries.
    fn bytes_of(self, node: &Node) -> &'d [u8] {
        let bytes = self.text.as_bytes();
        bytes.get(node.range()).unwrap_or_default()
    }

    fn text_of(self, node: &Node) -> &'d str {
        self.text.get(node.range()).unwrap_or_default()
    }
}

impl fmt::Debug for Value<'_> {
    /// Shows only the kind: the text may be personal or chosen by an attacker.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// Resolves the escapes in a string that the parser has accepted, so errors cannot occur.
fn unescape(raw: &str) -> String {
    let mut quoted = String::with_capacity(raw.len().saturating_add(2));
    quoted.push('"');
    quoted.push_str(raw);
    quoted.push('"');
    serde_json::from_str(&quoted).unwrap_or_default()
}

fn to_u32(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn to_usize(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
