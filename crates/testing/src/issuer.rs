//! The development issuer: a whole authorization server on a socket, shaped like Authgear, with
//! faults on demand.
//!
//! | path | what |
//! |---|---|
//! | `/.well-known/openid-configuration` | metadata ([OpenID Connect Discovery §4]) |
//! | `/.well-known/oauth-authorization-server` | the same ([RFC 8414 §3]) |
//! | `/oauth2/jwks` | the key set ([RFC 7517 §5]) |
//! | `/oauth2/authorize` | code with PKCE, and a login page ([RFC 6749 §4.1], [RFC 7636]) |
//! | `/oauth2/token` | code, client credentials, refresh ([RFC 6749 §3.2]) |
//! | `/mint` | `POST {"claims":{…}}`: any token on request |
//! | `/rotate` | `POST {"drop":true}`, `{"in_place":true}`: a new key signs at once |
//! | `/faults` | `GET`, `POST {"fault":"down"}`, `DELETE` |
//! | `/fetches` | `GET`: how often metadata and keys were fetched |
//!
//! It is for development: anyone who can reach it gets any token, the login page shows the
//! passwords, and its initial keys are public. There is no userinfo, revocation or introspection.
//!
//! [OpenID Connect Discovery §4]: https://openid.net/specs/openid-connect-discovery-1_0.html
//! [RFC 6749 §3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
//! [RFC 6749 §4.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
//! [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636
//! [RFC 8414 §3]: https://www.rfc-editor.org/rfc/rfc8414#section-3

mod authorize;
mod builder;
mod connection;
mod control;
mod fault;
mod fetches;
mod keyring;
mod login;
mod oauth_error;
mod params;
mod published;
mod registered;
mod session;
mod start_error;
mod state;
mod tls;
mod token_endpoint;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderValue;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::keyring::Old;
use self::state::State;
use self::tls::{Certificates, Speech};
use crate::keys::{KeyError, SigningKey};
use crate::token::Token;

pub use self::builder::DevIssuerBuilder;
pub use self::fault::{Fault, UnknownFault};
pub use self::fetches::FetchCounts;
pub use self::registered::{Client, User};
pub use self::start_error::StartError;
pub use self::tls::Tls;

/// A running issuer. It stops when dropped.
///
/// ```
/// use bearward_testing::DevIssuer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = DevIssuer::builder().audience("https://api.example").start().await?;
/// let token = issuer.user_token("https://api.example").sign();
/// let revoked = issuer.rotate_and_drop().await?;
/// assert_eq!(issuer.keys().len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct DevIssuer {
    state: Arc<State>,
    address: SocketAddr,
    ca_pem: Option<String>,
    certificates: Certificates,
    tls: watch::Sender<Speech>,
    /// Dropping it stops the task.
    stop: oneshot::Sender<Infallible>,
    task: JoinHandle<()>,
}

impl DevIssuer {
    /// An issuer with settings of your own.
    pub fn builder() -> DevIssuerBuilder {
        DevIssuerBuilder::new()
    }

    /// An issuer on a free port of 127.0.0.1, with every setting at its default.
    ///
    /// # Errors
    ///
    /// [`StartError::Bind`] if there is no free port.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// A user's access token, not yet signed: spoil it, then [`sign`](Token::sign).
    #[must_use]
    pub fn user_token(&self, audience: &str) -> Token {
        self.state.user_token(audience)
    }

    /// A machine's access token, not yet signed.
    #[must_use]
    pub fn machine_token(&self, audience: &str) -> Token {
        self.state.machine_token(audience)
    }

    /// An ID token of the same user as [`user_token`](Self::user_token)'s, not yet signed.
    #[must_use]
    pub fn id_token(&self, client_id: &str) -> Token {
        self.state.id_token(client_id)
    }

    /// Signs any token with the current signing key.
    #[must_use]
    pub fn mint(&self, token: Token) -> String {
        token.key(self.signing_key()).sign()
    }

    /// Switches to newly generated keys at once, and keeps the old ones in the key set. Returns the
    /// new signer.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generate`] if the system has no randomness.
    pub async fn rotate(&self) -> Result<SigningKey, KeyError> {
        self.state.rotate(Old::Keep).await
    }

    /// Switches to newly generated keys at once, and removes all others from the key set. Returns
    /// the new signer.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generate`] if the system has no randomness.
    pub async fn rotate_and_drop(&self) -> Result<SigningKey, KeyError> {
        self.state.rotate(Old::Drop).await
    }

    /// Switches to newly generated keys at once, under the names of the current ones, which they
    /// replace; keys without a `kid` are replaced by keys without one. Returns the new signer.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generate`] if the system has no randomness.
    pub async fn rotate_in_place(&self) -> Result<SigningKey, KeyError> {
        self.state.rotate(Old::Replace).await
    }

    /// The keys of the key set; the first signs.
    #[must_use]
    pub fn keys(&self) -> Vec<SigningKey> {
        self.state.keyring().published()
    }

    /// The current signing key.
    #[must_use]
    pub fn signing_key(&self) -> SigningKey {
        self.state.keyring().signer()
    }

    /// Puts a fault into the answers from now on, replacing any earlier one.
    pub fn set_fault(&self, fault: Fault) {
        self.state.fault.send_replace(Some(fault));
    }

    /// Clears the fault.
    pub fn clear_fault(&self) {
        self.state.fault.send_replace(None);
    }

    /// The current fault.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        *self.state.fault.borrow()
    }

    /// Switches to a certificate of this kind from the same authority, and closes all connections.
    /// The URL does not change, so a test can break TLS on demand.
    ///
    /// # Errors
    ///
    /// [`StartError::Tls`] if the system could not generate the certificate.
    pub fn set_tls(&self, tls: Tls) -> Result<(), StartError> {
        self.tls.send_replace(self.certificates.speech(tls)?);
        Ok(())
    }

    /// How often metadata and keys have been fetched.
    #[must_use]
    pub fn fetches(&self) -> FetchCounts {
        *self.state.fetches.borrow()
    }

    /// Waits until the counts match, so that a test need not sleep.
    pub async fn wait_for_fetches(&self, mut wanted: impl FnMut(FetchCounts) -> bool) {
        let mut fetches = self.state.fetches.subscribe();
        // Fails only if the sender is gone, but `self` owns it.
        let _ = fetches.wait_for(|counts| wanted(*counts)).await;
    }

    /// The issuer identifier, which is also the origin of its endpoints.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// The URL of the key set.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        self.state.jwks_uri()
    }

    /// The audience of tokens requested without a resource.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.state.audience
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The authority that signed its certificate, which clients must trust. `None` if TLS is off or
    /// the certificate is self-signed.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The clients it knows.
    #[must_use]
    pub fn clients(&self) -> &[Client] {
        &self.state.clients
    }

    /// The users it knows.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.state.users.iter().map(AsRef::as_ref)
    }

    /// Closes the socket and all connections, and returns when that is done.
    pub async fn stop(self) {
        drop(self.stop);
        // Fails only if the runtime ended the task first.
        let _ = self.task.await;
    }
}

impl fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIssuer")
            .field("url", &self.state.url)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"development issuer\"");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
