//! JSON as `serde_json` reads it, with what it does not tell: members that stand twice, how many
//! there are and how deep they are.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use bearward_core::json::{Kind, Value};
use bearward_core::limits;
use bearward_core::rejection::InvalidToken;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// A JSON value, its members in order and none left out.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// What becomes of a text in a token, by this reading.
#[derive(Debug)]
pub enum Reading {
    /// It is accepted, as this value.
    Accepted(Json),
    /// It is refused, for one of these reasons: where it breaks several rules, the first is told.
    Refused(Vec<InvalidToken>),
    /// A number beyond a float, which `serde_json` cannot read.
    OutOfRange,
}

impl Reading {
    /// The value, if there is one. Where it is refused, the outcome must be one of the reasons.
    pub fn agreed<T>(self, outcome: Result<T, InvalidToken>) -> Option<Json> {
        match self {
            Self::Accepted(value) => Some(value),
            Self::Refused(reasons) => {
                let reason = outcome.map(|_| ()).expect_err("JSON that is refused");
                assert!(
                    reasons.contains(&reason),
                    "{reason:?} is none of {reasons:?}"
                );
                None
            }
            Self::OutOfRange => None,
        }
    }
}

/// Reads a text of a token.
pub fn read(text: &[u8]) -> Reading {
    let value: Json = match serde_json::from_slice(text) {
        Ok(value) => value,
        Err(error) if error.to_string().contains("number out of range") => {
            return Reading::OutOfRange;
        }
        // Before the place where it breaks, members may stand twice or too deep.
        Err(error) => {
            debug_assert!(matches!(error.classify(), Category::Syntax | Category::Eof));
            return Reading::Refused(vec![
                InvalidToken::JsonInvalid,
                InvalidToken::JsonDuplicateMember,
                InvalidToken::JsonLimits,
            ]);
        }
    };
    let mut reasons = Vec::new();
    if value.has_duplicates() {
        reasons.push(InvalidToken::JsonDuplicateMember);
    }
    if value.depth() > limits::JSON_DEPTH || value.members() > limits::JSON_MEMBERS {
        reasons.push(InvalidToken::JsonLimits);
    }
    if reasons.is_empty() {
        return Reading::Accepted(value);
    }
    Reading::Refused(reasons)
}

impl Json {
    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, value)| value)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A string, or an array of strings, as a list.
    pub fn strings(&self) -> Option<Vec<&str>> {
        match self {
            Self::String(text) => Some(vec![text]),
            Self::Array(elements) => elements.iter().map(Self::as_str).collect(),
            _ => None,
        }
    }

    fn has_duplicates(&self) -> bool {
        match self {
            Self::Array(elements) => elements.iter().any(Self::has_duplicates),
            Self::Object(members) => {
                let mut seen = HashSet::new();
                members
                    .iter()
                    .any(|(name, value)| !seen.insert(name) || value.has_duplicates())
            }
            _ => false,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => {
                1 + members
                    .iter()
                    .map(|(_, value)| value.depth())
                    .max()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn members(&self) -> usize {
        match self {
            Self::Array(elements) => elements.iter().map(Self::members).sum(),
            Self::Object(members) => members.iter().map(|(_, value)| 1 + value.members()).sum(),
            _ => 0,
        }
    }
}

/// Asserts that our value is this one: kinds, numbers, strings, order and all.
pub fn assert_same(ours: Value<'_>, theirs: &Json) {
    match theirs {
        Json::Null => assert_eq!(ours.kind(), Kind::Null),
        Json::Bool(flag) => assert_eq!(ours.as_bool(), Some(*flag)),
        Json::Number(number) => {
            let digits = ours.as_number().expect("a number");
            let read: Number = serde_json::from_str(digits).expect("the same digits");
            assert_eq!(read, *number);
        }
        Json::String(text) => {
            assert_eq!(ours.as_str().as_deref(), Some(text.as_str()));
            assert!(ours.is_str(text));
        }
        Json::Array(elements) => {
            assert_eq!(ours.kind(), Kind::Array);
            assert_eq!(ours.elements().count(), elements.len());
            for (ours, theirs) in ours.elements().zip(elements) {
                assert_same(ours, theirs);
            }
        }
        Json::Object(members) => {
            assert_eq!(ours.kind(), Kind::Object);
            assert_eq!(ours.members().count(), members.len());
            for ((name, value), (of, theirs)) in ours.members().zip(members) {
                assert_eq!(name, Cow::from(of));
                assert_same(value, theirs);
                // By its name it is the same one, not an equal one.
                let named = ours.get(of).expect("a member by its name");
                assert_eq!(named.as_json().as_ptr(), value.as_json().as_ptr());
            }
        }
    }
    // Each value is a text of its own that says the same.
    assert_eq!(ours.as_json().trim(), ours.as_json());
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsItStands)
    }
}

struct AsItStands;

impl<'de> Visitor<'de> for AsItStands {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        let number = Number::from_f64(number);
        Ok(Json::Number(
            number.ok_or_else(|| E::custom("number out of range"))?,
        ))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

/// The members of an object, as they stand.
pub struct Members(pub Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnObject)
    }
}

struct AnObject;

impl<'de> Visitor<'de> for AnObject {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
