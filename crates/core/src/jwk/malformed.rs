//! What is wrong with a JWK whose members do not have their types, for the operator.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::JwkFault;

/// The first fault of a text that is no JWK.
pub(super) fn fault(json: &str) -> JwkFault {
    let Ok(Members(members)) = serde_json::from_str(json) else {
        return JwkFault::NotAnObject;
    };
    for name in TEXTS {
        let mut values = members.iter().filter(|(other, _)| other == name);
        let Some((_, value)) = values.next() else {
            continue;
        };
        if values.next().is_some() {
            return JwkFault::Twice(name);
        }
        // `null` counts as absent.
        if !value.is_string() && !value.is_null() {
            return JwkFault::Type(name);
        }
    }
    let mut others = OTHERS.iter();
    let is_twice = |name: &&&str| members.iter().filter(|(other, _)| other == **name).count() > 1;
    if let Some(name) = others.find(is_twice) {
        return JwkFault::Twice(name);
    }
    match members
        .iter()
        .any(|(name, value)| name == "kty" && value.is_string())
    {
        true => JwkFault::Type("key_ops"),
        false => JwkFault::Missing("kty"),
    }
}

/// The name of a malformed JWK, if that is not what is wrong with it.
pub(super) fn kid(json: &str) -> Option<String> {
    let Members(members) = serde_json::from_str(json).ok()?;
    let mut kids = members.iter().filter(|(name, _)| name == "kid");
    let (_, kid) = kids.next().filter(|_| kids.next().is_none())?;
    kid.as_str().map(str::to_owned)
}

/// Every member of an object, in order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// Members that are strings.
const TEXTS: &[&str] = &["kty", "kid", "alg", "use", "crv", "x", "y", "n", "e", "pub"];

/// Other members that may be there once.
const OTHERS: &[&str] = &[
    "key_ops", "x5t", "x5t#S256", "d", "p", "q", "dp", "dq", "qi", "oth", "priv",
];
