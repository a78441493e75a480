//! The claims as dynamic metadata, for filters behind ext_authz.

use bearward::core::claims::Claims;
use bearward::core::json::{Kind, Value};

use super::messages::{ListValue, Struct, value};

pub(super) fn of(claims: &Claims) -> Struct {
    structure(claims.root())
}

fn structure(object: Value<'_>) -> Struct {
    let members = object.members();
    Struct {
        fields: members
            .map(|(name, value)| (name.into_owned(), protobuf_value(value)))
            .collect(),
    }
}

/// Numbers are doubles in protobuf's `Value`. A number that a double cannot hold exactly becomes a
/// string of its digits.
fn protobuf_value(value: Value<'_>) -> super::messages::Value {
    let kind = match value.kind() {
        Kind::Null => value::Kind::NullValue(0),
        Kind::Bool => value::Kind::BoolValue(value.as_bool().unwrap_or_default()),
        Kind::Number => number(value.as_number().unwrap_or_default()),
        Kind::String => value::Kind::StringValue(value.as_str().unwrap_or_default().into_owned()),
        Kind::Array => value::Kind::ListValue(ListValue {
            values: value.elements().map(protobuf_value).collect(),
        }),
        Kind::Object => value::Kind::StructValue(structure(value)),
    };
    super::messages::Value { kind: Some(kind) }
}

fn number(digits: &str) -> value::Kind {
    // Up to 2⁵³ every integer is a double of its own.
    const EXACT: u64 = 1 << 53;
    let is_integer = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let magnitude = digits.trim_start_matches('-').parse::<u64>();
    match digits.parse::<f64>() {
        Ok(number)
            if number.is_finite() && (!is_integer || magnitude.is_ok_and(|size| size <= EXACT)) =>
        {
            value::Kind::NumberValue(number)
        }
        _ => value::Kind::StringValue(digits.to_owned()),
    }
}
