//! Query parameters that make some frameworks use a method or path other than that of the request line:
//! `POST /orders/7?_method=delete`.
//!
//! Names are read as laxly as any reader does: escapes and `+` are resolved, PHP and `qs` turn
//! `_method[]`, ` _method` and `[_method]` into `_method`, and some readers split parameters at `;`.

use super::fold;
use crate::target::escaped_byte;

/// Whether a parameter of this query names another method or path. Parameters are skipped if `is_kept`
/// is true for their folded names.
pub(crate) fn names_another(query: &str, is_kept: impl Fn(&str) -> bool) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        may_be_one(name) && {
            let decoded = decoded(name);
            let folded = fold(core_of(&decoded));
            PARAMETERS.contains(&&*folded) && !is_kept(&folded)
        }
    })
}

/// Folded as field names are.
const PARAMETERS: &[&str] = &[
    "-method",
    "x-astro-path",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// A quick test that rules out most parameters: whether the name is long enough and starts with the
/// first byte of one of the names.
fn may_be_one(name: &str) -> bool {
    let first = name.bytes().next().unwrap_or_default();
    let is_usual = first.is_ascii_alphanumeric() && !first.eq_ignore_ascii_case(&b'x');
    name.len() >= "_method".len() && !is_usual
}

/// The name as a reader may see it: the text before, within or after brackets, without leading
/// spaces, and up to a NUL.
fn core_of(name: &str) -> &str {
    let name = name.split('\0').next().unwrap_or_default();
    let pieces = name.trim_start().split(['[', ']']);
    pieces
        .into_iter()
        .find(|piece| !piece.is_empty())
        .unwrap_or_default()
}

/// Resolves escapes and `+`. A result that is not UTF-8 matches none of the names.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, tail @ ..] => escaped_byte([*high, *low]).zip(Some(tail)),
            _ => None,
        };
        let (byte, tail) = match (escape, first) {
            (Some(escape), _) => escape,
            (None, b'+') => (b' ', tail),
            (None, byte) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{may_be_one, names_another};

    #[test]
    fn t_fwd_11_a_query_that_names_another_method_in_any_reading() {
        for query in [
            "_method=delete",
            "_METHOD=delete",
            "a=1&_method=delete",
            "a=1;_method=delete",
            "_method",
            "_method=",
            "%5Fmethod=put",
            "_%6dethod=put",
            "%5f%4dethod=put",
            "+_method=put",
            "%20%20_method=put",
            "_method[]=put",
            "_method%5B0%5D=put",
            "[_method]=put",
            "_method%00x=put",
            ".method=put",
            "-method=put",
            "X-HTTP-Method-Override=PUT",
            "x_http_method_override=PUT",
            "x%2dhttp%2Dmethod=PUT",
            "X-Method-Override=PUT",
            "x_astro_path=/admin",
            "&&_method=x",
        ] {
            assert!(names_another(query, |_| false), "{query}");
        }
    }

    #[test]
    fn a_fwd_02_another_query_names_no_method() {
        for query in [
            "",
            "method=GET",
            "_=1700000000000",
            "_methods=1",
            "my_method=1",
            "a=_method",
            "a=?_method",
            "?_method=1",
            "q=%5Fmethod",
            "x-http=1",
            "payment_method=card",
            "filter[_method]=x",
            "a%26_method=1",
            "%255Fmethod=1",
            "_metho%64%",
            "__method=1",
            "%ff%fe_method=1",
        ] {
            assert!(!names_another(query, |_| false), "{query}");
        }
    }

    #[test]
    fn most_parameters_are_ruled_out_by_length_and_first_byte() {
        for name in [
            "",
            "_",
            "_metho",
            "xmethod",
            "x-astro",
            "%5fmethod",
            "+_method",
        ] {
            assert_eq!(may_be_one(name), name.len() >= 7, "{name}");
        }
        for name in ["method", "payment_method", "Quantity", "0123456789"] {
            assert!(!may_be_one(name), "{name}");
        }
    }

    #[test]
    fn a_parameter_that_is_kept_is_passed_over() {
        assert!(!names_another("_method=put", |name| name == "-method"));
        let both = "_method=put&x-http-method=put";
        assert!(names_another(both, |name| name == "-method"));
    }
}
