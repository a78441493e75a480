//! The shared state of the development issuer's endpoints, and the tokens they issue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bearward_core::{Algorithm, UnixTime};
use http::HeaderValue;
use serde_json::json;
use tokio::sync::watch;

use super::fault::Fault;
use super::fetches::FetchCounts;
use super::keyring::{Keyring, Old};
use super::registered::{Client, User};
use super::session::{Grant, Store};
use crate::identifier::{hex, random};
use crate::keys::{KeyError, SigningKey};
use crate::token::Token;

/// The issuer behind its endpoints.
pub(super) struct State {
    /// The issuer identifier: the origin, without a trailing slash.
    pub(super) url: String,
    /// The audience of tokens requested without a resource.
    pub(super) audience: String,
    pub(super) clients: Vec<Client>,
    pub(super) users: Vec<Arc<User>>,
    pub(super) access_token_lifetime: Duration,
    pub(super) answers: Answers,
    pub(super) clock: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    pub(super) keyring: Mutex<Keyring>,
    pub(super) rotation: tokio::sync::Mutex<()>,
    pub(super) store: Mutex<Store>,
    pub(super) fault: watch::Sender<Option<Fault>>,
    pub(super) fetches: watch::Sender<FetchCounts>,
}

/// How to answer requests for metadata and keys.
pub(super) struct Answers {
    pub(super) cache_control: Option<HeaderValue>,
    pub(super) etags: Etags,
    pub(super) origin: Origin,
}

/// Whether answers have an `ETag` and may be 304.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Etags {
    Off,
    On,
}

/// Whether a request must name the issuer's own scheme and host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Accepts any scheme and host.
    Any,
    /// Redirects another scheme or host, as Authgear does. This is the scheme of the socket.
    Public { scheme: &'static str },
}

impl State {
    pub(super) fn now(&self) -> UnixTime {
        (self.clock)()
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keyring(&self) -> MutexGuard<'_, Keyring> {
        self.keyring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id() == id)
    }

    pub(super) fn jwks_uri(&self) -> String {
        format!("{}/oauth2/jwks", self.url)
    }

    /// Switches to new signing keys.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generate`] if the keys could not be generated; the old ones stay.
    pub(super) async fn rotate(&self, old: Old) -> Result<SigningKey, KeyError> {
        let _one_at_a_time = self.rotation.lock().await;
        self.rotate_now(old).await
    }

    /// Rotates if a rotation is due.
    ///
    /// # Errors
    ///
    /// As [`rotate`](Self::rotate).
    pub(super) async fn rotate_if_due(&self) -> Result<(), KeyError> {
        if !self.keyring().is_due(self.now()) {
            return Ok(());
        }
        let _one_at_a_time = self.rotation.lock().await;
        // Another request may have rotated while we waited for the lock.
        if self.keyring().is_due(self.now()) {
            self.rotate_now(Old::Keep).await?;
        }
        Ok(())
    }

    async fn rotate_now(&self, old: Old) -> Result<SigningKey, KeyError> {
        let (first, others) = self.keyring().algorithms();
        let generated = tokio::task::spawn_blocking(move || generate(first, &others)).await;
        let (signer, others) = generated.map_err(|_| KeyError::Generate)??;
        let now = self.now();
        let mut keyring = self.keyring();
        keyring.rotate(signer, others, old, now);
        Ok(keyring.signer())
    }

    /// A user's access token, with the default client.
    pub(super) fn user_token(&self, audience: &str) -> Token {
        self.fresh(Token::user(&self.url, audience, self.now()))
    }

    /// A machine's access token, with the default client.
    pub(super) fn machine_token(&self, audience: &str) -> Token {
        self.fresh(Token::machine(&self.url, audience, self.now()))
    }

    /// An ID token of the first user.
    pub(super) fn id_token(&self, client_id: &str) -> Token {
        Token::id_token(&self.url, client_id, self.now()).key(self.keyring().signer())
    }

    /// The access token of a user's grant. The caller has checked any narrower scope or resources.
    pub(super) fn granted_access_token(
        &self,
        grant: &Grant,
        scope: Option<&str>,
        resources: &[String],
    ) -> Token {
        let session = &grant.session;
        let token = session
            .user
            .own(self.user_token(&self.audience))
            .claim("client_id", grant.client_id.as_str())
            .authenticated_at(session.auth_time());
        scoped(token, scope, resources)
    }

    /// The ID token of a user's grant.
    pub(super) fn granted_id_token(&self, grant: &Grant) -> Token {
        let session = &grant.session;
        let token = session
            .user
            .own(self.id_token(&grant.client_id))
            .claim("sid", session.id.as_str())
            .authenticated_at(session.auth_time());
        match &grant.nonce {
            Some(nonce) => token.claim("nonce", nonce.as_str()),
            None => token,
        }
    }

    /// The access token of a client that acts on its own behalf.
    pub(super) fn client_access_token(
        &self,
        client: &Client,
        scope: Option<&str>,
        resources: &[String],
    ) -> Token {
        let token = self
            .machine_token(&self.audience)
            .claim("client_id", client.id())
            .claim("sub", format!("client_id_{}", client.id()));
        scoped(token, scope, resources)
    }

    fn fresh(&self, token: Token) -> Token {
        token
            .key(self.keyring().signer())
            .claim("jti", hex(&random::<32>()))
            .expires_in(self.access_token_lifetime)
    }
}

fn scoped(token: Token, scope: Option<&str>, resources: &[String]) -> Token {
    let token = match scope {
        Some(scope) => token.claim("scope", scope),
        None => token.without_claim("scope"),
    };
    if resources.is_empty() {
        return token;
    }
    token.claim("aud", json!(resources))
}

fn generate(
    first: Algorithm,
    others: &[Algorithm],
) -> Result<(SigningKey, Vec<SigningKey>), KeyError> {
    let others = others.iter().copied().map(SigningKey::generate);
    Ok((
        SigningKey::generate(first)?,
        others.collect::<Result<_, _>>()?,
    ))
}
