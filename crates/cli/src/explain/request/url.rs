//! The URL of a request, split as a client does, without any repair.

use std::str::FromStr;

/// The target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// The host, including the port; `None` if only a path was given.
    pub(super) host: Option<String>,
    /// The request target, byte for byte.
    pub(super) target: String,
}

impl FromStr for Url {
    type Err = NotAUrl;

    /// Not by a library: it would resolve `..` and escapes, the very subject here.
    fn from_str(text: &str) -> Result<Self, NotAUrl> {
        if text.starts_with('/') {
            return Ok(Self {
                host: None,
                target: text.to_owned(),
            });
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotAUrl::Form)?;
        if !["http", "https"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Err(NotAUrl::Form);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or(NotAUrl::Form)?;
        if authority.contains('@') {
            return Err(NotAUrl::User);
        }
        if authority.is_empty() {
            return Err(NotAUrl::Form);
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            host: Some(authority.to_owned()),
            target: format!("{slash}{target}"),
        })
    }
}

/// Not a URL that a request could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAUrl {
    #[error("expected https://HOST/PATH or, for any host, /PATH")]
    Form,
    #[error("leave out the part before the `@`: clients do not send it")]
    User,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Option<String>, String), NotAUrl> {
        text.parse::<Url>().map(|url| (url.host, url.target))
    }

    #[test]
    fn nothing_of_a_url_is_repaired() {
        for (text, host, target) in [
            ("https://a.example/b?c", Some("a.example"), "/b?c"),
            ("HTTP://A.example:8080", Some("A.example:8080"), "/"),
            ("https://a?b", Some("a"), "/?b"),
            ("https://[::1]:80/a", Some("[::1]:80"), "/a"),
            ("https://a//b/../%2e%2E/c#d", Some("a"), "//b/../%2e%2E/c#d"),
            ("/a/./b", None, "/a/./b"),
            ("//a.example/b", None, "//a.example/b"),
        ] {
            let expected = (host.map(str::to_owned), target.to_owned());
            assert_eq!(parsed(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_says_what_is_expected() {
        for text in ["", "a.example/b", "ftp://a/b", "https:///b", "https:/b"] {
            assert_eq!(parsed(text), Err(NotAUrl::Form), "{text}");
        }
        assert_eq!(parsed("https://u:p@a/b"), Err(NotAUrl::User));
    }
}
