//! Finding the issuer's keys: its metadata at a well-known URL ([OIDC Discovery §4],
//! [RFC 8414 §3]).
//!
//! The issuer comes from the configuration, never from a token, and the metadata must name it byte
//! for byte. We use only `jwks_uri` from the metadata.
//!
//! [OIDC Discovery §4]: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
//! [RFC 8414 §3]: https://www.rfc-editor.org/rfc/rfc8414#section-3

use serde::Deserialize;
use url::Url;

use crate::fetch::{FetchError, shortened};

/// The possible metadata URLs of `issuer`, in the order in which we try them: appended (OIDC), then
/// inserted between host and path (RFC 8414 §3.1, §5).
pub(crate) fn well_known_urls(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![format!("{path}/.well-known/openid-configuration")];
    if !path.is_empty() {
        paths.push(format!("/.well-known/openid-configuration{path}"));
    }
    paths.push(format!("/.well-known/oauth-authorization-server{path}"));
    paths
        .iter()
        .map(|path| {
            let mut url = issuer.clone();
            url.set_path(path);
            url
        })
        .collect()
}

/// The `jwks_uri` from the metadata, which must be for `issuer`.
pub(crate) fn jwks_uri(metadata: &[u8], issuer: &str) -> Result<Url, FetchError> {
    // RFC 8259 §8.1: all of it is UTF-8. serde_json checks only what it keeps.
    let metadata = str::from_utf8(metadata).map_err(|_| FetchError::NotMetadata)?;
    // RFC 8259 §8.1: a parser may ignore a byte order mark, as in a JWK Set.
    let metadata = metadata.strip_prefix('\u{feff}').unwrap_or(metadata);
    // serde would also accept an array of the members' values.
    if !metadata.trim_ascii_start().starts_with('{') {
        return Err(FetchError::NotMetadata);
    }
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|_| FetchError::NotMetadata)?;
    // RFC 8414 §3.3: identical, or the metadata must not be used.
    if metadata.issuer != issuer {
        let named = shortened(&metadata.issuer).escape_debug().to_string();
        return Err(FetchError::IssuerMismatch {
            named: named.into(),
            configured: issuer.into(),
        });
    }
    metadata
        .jwks_uri
        .parse()
        .map_err(|_| FetchError::NotMetadata)
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{jwks_uri, well_known_urls};
    use crate::fetch::FetchError;

    fn urls(issuer: &str) -> Vec<String> {
        let issuer = issuer.parse().unwrap();
        well_known_urls(&issuer)
            .iter()
            .map(Url::to_string)
            .collect()
    }

    #[test]
    fn an_issuer_without_path_has_two_forms() {
        let expected = [
            "https://id.example.com/.well-known/openid-configuration",
            "https://id.example.com/.well-known/oauth-authorization-server",
        ];
        assert_eq!(urls("https://id.example.com"), expected);
        assert_eq!(urls("https://id.example.com/"), expected);
    }

    #[test]
    fn an_issuer_with_a_path_has_three() {
        assert_eq!(
            urls("https://id.example.com:8443/realms/one"),
            [
                "https://id.example.com:8443/realms/one/.well-known/openid-configuration",
                "https://id.example.com:8443/.well-known/openid-configuration/realms/one",
                "https://id.example.com:8443/.well-known/oauth-authorization-server/realms/one",
            ]
        );
    }

    #[test]
    fn t_key_09_metadata_of_another_issuer_is_refused() {
        let metadata =
            br#"{"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/k"}"#;
        assert!(jwks_uri(metadata, "https://id.example.com").is_ok());
        for other in [
            "https://id.example.com/",
            "https://ID.example.com",
            "https://id.example.com/tenant",
            "https://id.example",
        ] {
            let refused = jwks_uri(metadata, other);
            let named = FetchError::IssuerMismatch {
                named: "https://id.example.com".into(),
                configured: other.into(),
            };
            assert_eq!(refused, Err(named), "{other}");
        }
    }

    #[test]
    fn t_key_09_the_issuer_that_metadata_names_is_escaped_and_cut() {
        let named = |issuer: &str| {
            let metadata = serde_json::json!({"issuer": issuer, "jwks_uri": "https://a/b"});
            let refused = jwks_uri(metadata.to_string().as_bytes(), "https://id.example.com");
            match refused {
                Err(FetchError::IssuerMismatch { named, .. }) => named.to_string(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(named(""), "");
        assert_eq!(named("https://id.exämple"), "https://id.exämple");
        // A line of its own in a log, a colour on a terminal, an end of the quotation.
        assert_eq!(
            named("a\nlevel=error\u{1b}[31m\"\u{202e}"),
            r#"a\nlevel=error\u{1b}[31m\"\u{202e}"#
        );
        let long = "ä".repeat(201);
        assert_eq!(named(&long), "ä".repeat(200));
    }

    #[test]
    fn a_byte_order_mark_before_metadata_is_ignored() {
        let metadata = r#"{"issuer":"https://id.example.com","jwks_uri":"https://a/b"}"#;
        let read = |text: String| jwks_uri(text.as_bytes(), "https://id.example.com");
        assert_eq!(
            read(metadata.to_owned()),
            read(format!("\u{feff}{metadata}"))
        );
        assert!(read(format!("\u{feff} {metadata}")).is_ok());
        // Only one, only in front, and only in UTF-8.
        for odd in [
            format!("\u{feff}\u{feff}{metadata}"),
            format!(" \u{feff}{metadata}"),
            format!("{metadata}\u{feff}"),
            "\u{feff}[]".to_owned(),
            "\u{feff}".to_owned(),
        ] {
            assert_eq!(read(odd.clone()), Err(FetchError::NotMetadata), "{odd}");
        }
        let utf_16: Vec<u8> = [0xFEFF]
            .into_iter()
            .chain(metadata.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        let refused = jwks_uri(&utf_16, "https://id.example.com");
        assert_eq!(refused, Err(FetchError::NotMetadata));
    }

    #[test]
    fn what_is_not_metadata_is_refused() {
        for text in [
            "",
            "<html>",
            "[]",
            r#"["https://id.example.com","https://id.example.com/k"]"#,
            r#"{"issuer":"https://id.example.com"}"#,
            r#"{"issuer":"https://id.example.com","jwks_uri":"not a url"}"#,
            r#"{"issuer":"https://id.example.com","jwks_uri":5}"#,
            r#"{"issuer":"https://id.example.com","issuer":"x","jwks_uri":"https://a/b"}"#,
        ] {
            let refused = jwks_uri(text.as_bytes(), "https://id.example.com");
            assert_eq!(refused, Err(FetchError::NotMetadata), "{text}");
        }
    }

    #[test]
    fn all_of_it_is_utf_8() {
        let with = |byte: u8| {
            let mut text =
                br#"{"issuer":"https://id.example.com","jwks_uri":"https://a/b","x":"?"}"#.to_vec();
            let at = text.iter().position(|byte| *byte == b'?').unwrap();
            text[at] = byte;
            jwks_uri(&text, "https://id.example.com")
        };
        assert!(with(b'y').is_ok());
        assert_eq!(with(0xFF), Err(FetchError::NotMetadata));
    }
}
