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

use crate::fetch::FetchError;

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
    // serde would also accept an array of the members' values.
    if !metadata.trim_ascii_start().starts_with('{') {
        return Err(FetchError::NotMetadata);
    }
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|_| FetchError::NotMetadata)?;
    // RFC 8414 §3.3: identical, or the metadata must not be used.
    if metadata.issuer != issuer {
        return Err(FetchError::IssuerMismatch);
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
            assert_eq!(refused, Err(FetchError::IssuerMismatch), "{other}");
        }
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
