//! The protected resource metadata ([RFC 9728 §3]): a document that everyone may read.
//!
//! [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3

use super::case::{Answer, Case, Sent};

const DOCUMENT: Answer = Answer::public_json(
    r#"{"resource":"https://api.example/v1","authorization_servers":["https://auth.example"],"scopes_supported":["orders:read"],"bearer_methods_supported":["header"]}"#,
);

/// The well-known part is between host and path.
const PATH: &str = "/.well-known/oauth-protected-resource/v1";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Sent::get("metadata", PATH).answers(DOCUMENT),
        Sent::get("metadata_whatever_the_credentials", PATH)
            .authorization("Bearer garbage")
            .answers(DOCUMENT),
        Sent::get("t_err_02_metadata_does_not_follow_host", PATH)
            .host("evil.example")
            .field("x-forwarded-host", "evil.example")
            .answers(DOCUMENT),
    ]
}
