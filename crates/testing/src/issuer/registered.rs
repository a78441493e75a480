//! The clients ([RFC 6749 §2]) and users of the development issuer.
//!
//! [RFC 6749 §2]: https://www.rfc-editor.org/rfc/rfc6749#section-2

use std::fmt;

use serde_json::{Map, Value, json};

use crate::identifier;
use crate::token::{self, Token};

/// A client of the development issuer.
#[derive(Clone)]
pub struct Client {
    id: String,
    secret: Option<String>,
    redirect_uris: Vec<String>,
}

impl Client {
    /// A client without a secret, such as an application on a user's device.
    ///
    /// In addition to the URIs registered with [`redirect_uri`](Self::redirect_uri), it may use any
    /// plain-http URI on loopback ([RFC 8252 §7.3]). To keep demo commands short, it may also use
    /// client credentials, which [RFC 6749 §4.4] reserves for clients with a secret.
    ///
    /// [RFC 6749 §4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
    /// [RFC 8252 §7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: None,
            redirect_uris: Vec::new(),
        }
    }

    /// A client with a secret, such as a machine.
    #[must_use]
    pub fn confidential(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            secret: Some(secret.into()),
            ..Self::public(id)
        }
    }

    /// The default public client; its id is [`CLIENT_ID`](crate::token::CLIENT_ID).
    #[must_use]
    pub fn demo() -> Self {
        Self::public(token::CLIENT_ID)
    }

    /// The default confidential client: id [`MACHINE_CLIENT_ID`](crate::token::MACHINE_CLIENT_ID),
    /// secret `machine-secret`.
    #[must_use]
    pub fn demo_machine() -> Self {
        Self::confidential(token::MACHINE_CLIENT_ID, "machine-secret")
    }

    /// Registers a redirect URI; requests must repeat it exactly.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// The client identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret; a public client has none.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// Whether this client may use `uri` as its redirect URI.
    pub(super) fn may_redirect_to(&self, uri: &str) -> bool {
        let registered = self.redirect_uris.iter().any(|known| known == uri);
        registered || (self.secret.is_none() && is_loopback(uri))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// A user who can log in at the development issuer.
#[derive(Clone)]
pub struct User {
    username: String,
    password: String,
    claims: Map<String, Value>,
}

impl User {
    /// A verified user without roles. The subject is a UUID derived from the name.
    #[must_use]
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        let username = username.into();
        let subject = identifier::uuid_of(&username);
        Self {
            username,
            password: password.into(),
            claims: Map::new(),
        }
        .claim("sub", subject)
    }

    /// The default plain user: `alice`, whose subject is [`SUBJECT`](crate::token::SUBJECT).
    #[must_use]
    pub fn demo() -> Self {
        Self::new("alice", "alice-password").subject(token::SUBJECT)
    }

    /// The default user with the role `admin`: `admin`.
    #[must_use]
    pub fn demo_admin() -> Self {
        Self::new("admin", "admin-password").roles(["admin"])
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.claim("sub", subject.into())
    }

    /// Sets the roles, which are none by default.
    #[must_use]
    pub fn roles<'a>(self, roles: impl IntoIterator<Item = &'a str>) -> Self {
        let roles: Vec<&str> = roles.into_iter().collect();
        self.claim(token::ROLES, json!(roles))
    }

    /// Makes the user anonymous.
    #[must_use]
    pub fn anonymous(self) -> Self {
        self.claim(token::IS_ANONYMOUS, true)
            .claim(token::IS_VERIFIED, false)
    }

    /// Makes the user unverified: they have not proved an address.
    #[must_use]
    pub fn unverified(self) -> Self {
        self.claim(token::IS_VERIFIED, false)
    }

    /// Makes the user unable to re-authenticate.
    #[must_use]
    pub fn cannot_reauthenticate(self) -> Self {
        self.claim(token::CAN_REAUTHENTICATE, false)
    }

    /// Adds a claim to the user's access and ID tokens, or replaces one.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// The name to log in with.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Makes this user the subject of `token`.
    pub(super) fn own(&self, token: Token) -> Token {
        self.claims.iter().fold(token, |token, (name, value)| {
            token.claim(name, value.clone())
        })
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Whether `uri` is plain http on loopback, on any port ([RFC 8252 §7.3]).
///
/// [RFC 8252 §7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
fn is_loopback(uri: &str) -> bool {
    let Ok(parsed) = uri.parse::<http::Uri>() else {
        return false;
    };
    let host = parsed.host().unwrap_or_default();
    // The parser drops a fragment silently; a redirect URI must not have one (RFC 6749 §3.1.2).
    parsed.scheme_str() == Some("http")
        && matches!(host, "127.0.0.1" | "[::1]" | "localhost")
        && !uri.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_client_may_use_loopback() {
        let client = Client::public("c").redirect_uri("https://app.example/callback");
        assert!(client.may_redirect_to("https://app.example/callback"));
        assert!(client.may_redirect_to("http://127.0.0.1:9/callback"));
        assert!(client.may_redirect_to("http://[::1]:9/callback"));
        assert!(client.may_redirect_to("http://localhost/"));
        assert!(!client.may_redirect_to("https://app.example/callback/"));
        assert!(!client.may_redirect_to("https://localhost/"));
        assert!(!client.may_redirect_to("http://localhost.example/"));
        assert!(!client.may_redirect_to("http://localhost/#fragment"));
        assert!(!client.may_redirect_to("http://user@127.0.0.1.example/"));
    }

    #[test]
    fn a_confidential_client_may_not() {
        let client = Client::confidential("c", "s");
        assert!(!client.may_redirect_to("http://127.0.0.1:9/callback"));
    }

    #[test]
    fn debug_shows_no_secrets() {
        let shown = format!("{:?} {:?}", Client::demo_machine(), User::demo());
        assert!(!shown.contains("secret"));
        assert!(!shown.contains("password"));
    }
}
