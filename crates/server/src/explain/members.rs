//! The members of a JSON object, read leniently: for display, never for decisions.

use std::fmt;

use bearward_core::ClaimPath;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::text;

/// The members of an object in order, each value as JSON text. A name may appear twice.
#[derive(Default)]
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// The members of the object in the base64url text `part`, with any padding.
    pub(crate) fn of(part: &[u8]) -> Option<Self> {
        let end = part.iter().rposition(|byte| *byte != b'=')?;
        let text = part.get(..=end)?;
        let json = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(text)
            .or_else(|_| base64_simd::STANDARD_NO_PAD.decode_to_vec(text))
            .ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The JSON text of a member's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let member = self.0.iter().find(|(known, _)| known == name);
        member.map(|(_, value)| value.get())
    }

    /// The value of a member, if it is a string.
    pub(crate) fn string(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// The value at a path.
    pub(crate) fn at(&self, path: &ClaimPath) -> Option<Value> {
        let mut names = path.names();
        let claim: Value = serde_json::from_str(self.get(names.next()?)?).ok()?;
        names.try_fold(claim, |mut value, name| Some(value.get_mut(name)?.take()))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "null")
    }

    /// Whether it has any of these members with a value other than `null`.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The first name that appears twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let mut names = self.0.iter().enumerate();
        let twice = names.find(|(at, (name, _))| {
            let mut before = self.0.iter().take(*at);
            before.any(|(known, _)| known == name)
        });
        twice.map(|(_, (name, _))| name.as_str())
    }

    /// A member for a person: its JSON text, or `absent`.
    pub(crate) fn shown(&self, name: &str) -> String {
        self.get(name)
            .map_or_else(|| "absent".to_owned(), text::value)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        while let Some(member) = map.next_entry()? {
            members.0.push(member);
        }
        Ok(members)
    }
}
