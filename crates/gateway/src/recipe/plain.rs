//! Plain texts, which need no quotes in any configuration language.
//!
//! nginx, the Caddyfile, YAML, HAProxy and Apache each have their own quotes, escapes and variables.
//! Real names, addresses and paths hardly ever need them, so recipes use none: a text with any other
//! character is refused.

use std::path::Path;

use super::RecipeError;

/// A host: a name or an IPv4 address.
pub(super) fn host(host: &str) -> Result<String, RecipeError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    // Another first character might make it an option or a pattern.
    let begins = host
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && host.bytes().all(is_plain) {
        return Ok(host.to_owned());
    }
    Err(RecipeError::Unwritable {
        what: "the host",
        value: host.to_owned(),
        help: "a host may have letters, digits, `-`, `.` and `_`",
    })
}

/// A host as in `Host`, optionally with a port.
pub(super) fn host_and_port(text: &str) -> Result<String, RecipeError> {
    let (name, port) = text.split_once(':').unwrap_or((text, "1"));
    match port.parse::<u16>() {
        Ok(_) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            host(name)?;
            Ok(text.to_owned())
        }
        _ => host(text),
    }
}

/// An absolute path.
pub(super) fn path(path: &Path) -> Result<String, RecipeError> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'+');
    let text = path.to_string_lossy();
    if path.is_absolute() && text.bytes().all(is_plain) {
        return Ok(text.into_owned());
    }
    Err(RecipeError::Unwritable {
        what: "the path",
        value: text.into_owned(),
        help: "a path must be absolute and may have letters, digits, `/`, `-`, `.`, `_` and `+`",
    })
}

/// The name of a field.
pub(super) fn field(name: &str) -> Result<String, RecipeError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.bytes().all(is_plain) {
        return Ok(name.to_owned());
    }
    Err(RecipeError::Unwritable {
        what: "the field",
        value: name.to_owned(),
        help: "proxies only pass on names of letters, digits and `-`",
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{field, host, host_and_port, path};

    const HOSTILE: [&str; 22] = [
        "", " ", "a b", "a;b", "a{b", "a}b", "a$b", "a\"b", "a'b", "a\\b", "a\nb", "a\rb", "a\0b",
        "a#b", "a`b", "a*b", "a,b", "a@b", "a%b", "a|b", "ä", "a(b)",
    ];

    #[test]
    fn what_means_anything_to_anyone_is_refused() {
        for text in HOSTILE {
            assert!(host(text).is_err(), "{text:?}");
            assert!(host_and_port(text).is_err(), "{text:?}");
            assert!(
                path(Path::new(&format!("/{text}"))).is_err() || text.is_empty(),
                "{text:?}"
            );
            assert!(field(text).is_err() || text.is_empty(), "{text:?}");
        }
        for text in [
            "-a", ".a", "_a", "a:x", "a:-1", "a:+1", "a:80:80", "a:65536",
        ] {
            assert!(host_and_port(text).is_err(), "{text:?}");
        }
        assert!(path(Path::new("relative")).is_err());
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        assert_eq!(
            host("app-1.example_x.com").as_deref(),
            Ok("app-1.example_x.com")
        );
        assert_eq!(host_and_port("app:8080").as_deref(), Ok("app:8080"));
        assert_eq!(
            path(Path::new("/run/a-b_c.d+e")).as_deref(),
            Ok("/run/a-b_c.d+e")
        );
        assert_eq!(field("x-user-id").as_deref(), Ok("x-user-id"));
    }
}
