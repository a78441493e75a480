//! The development issuer's memory: login sessions, authorization codes, refresh tokens.
//!
//! Everything is in memory and disappears when it expires. Nothing limits how much a caller can add
//! until then: this is an issuer for development.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bearward_core::UnixTime;

use super::oauth_error::{ErrorCode, OauthError};
use super::registered::User;
use crate::identifier::{random_text, random_uuid};

/// A user's login.
pub(super) struct Session {
    /// The `sid` of ID tokens.
    pub(super) id: String,
    pub(super) user: Arc<User>,
    /// Seconds since 1970; changes when the user authenticates again.
    auth_time: AtomicU64,
}

impl Session {
    /// When the user last authenticated.
    pub(super) fn auth_time(&self) -> UnixTime {
        UnixTime::from_secs(self.auth_time.load(Ordering::Relaxed))
    }
}

/// The grant of a user to a client.
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) session: Arc<Session>,
    pub(super) scope: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) nonce: Option<String>,
}

/// An authorization code, and what the request for its tokens must match.
pub(super) struct Code {
    pub(super) grant: Arc<Grant>,
    pub(super) redirect_uri: String,
    /// The S256 code challenge ([RFC 7636 §4.2]).
    ///
    /// [RFC 7636 §4.2]: https://www.rfc-editor.org/rfc/rfc7636#section-4.2
    pub(super) challenge: String,
}

/// Sessions by cookie, grants by code and refresh token.
#[derive(Default)]
pub(super) struct Store {
    sessions: Shelf<Arc<Session>>,
    codes: Shelf<Arc<Code>>,
    refresh_tokens: Shelf<Arc<Grant>>,
}

impl Store {
    /// The session of this cookie.
    pub(super) fn session(&self, cookie: &str, now: UnixTime) -> Option<Arc<Session>> {
        let entry = self.sessions.0.get(cookie)?;
        (entry.until > now).then(|| Arc::clone(&entry.value))
    }

    /// Records that `user` authenticated `now`, in the session of this cookie if it is theirs.
    /// Returns the session and the cookie to set.
    pub(super) fn log_in(
        &mut self,
        user: &Arc<User>,
        cookie: Option<&str>,
        now: UnixTime,
    ) -> (Arc<Session>, String) {
        let known = cookie
            .and_then(|cookie| self.session(cookie, now))
            .filter(|session| Arc::ptr_eq(&session.user, user));
        let session = known.unwrap_or_else(|| {
            Arc::new(Session {
                id: random_uuid(),
                user: Arc::clone(user),
                auth_time: AtomicU64::default(),
            })
        });
        session.auth_time.store(now.as_secs(), Ordering::Relaxed);
        // A new cookie for every login, so that nobody can have planted it.
        let cookie = random_text(32);
        self.sessions
            .put(cookie.clone(), Arc::clone(&session), now, LONG);
        (session, cookie)
    }

    /// A new authorization code.
    pub(super) fn issue_code(&mut self, code: Code, now: UnixTime) -> String {
        let text = random_text(32);
        self.codes
            .put(text.clone(), Arc::new(code), now, CODE_LIFETIME);
        text
    }

    /// Redeems a code, once. Presenting it again revokes its tokens ([RFC 6749 §4.1.2]).
    ///
    /// [RFC 6749 §4.1.2]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
    pub(super) fn redeem_code(
        &mut self,
        code: &str,
        now: UnixTime,
    ) -> Result<Arc<Code>, OauthError> {
        self.codes.spend(code, now).map_err(|spent| {
            if let Some(code) = spent {
                self.revoke(&code.grant);
            }
            ErrorCode::InvalidGrant.because("the code is unknown, expired or used")
        })
    }

    /// A new refresh token, in Authgear's shape.
    pub(super) fn issue_refresh_token(&mut self, grant: &Arc<Grant>, now: UnixTime) -> String {
        let text = format!("{}.{}", random_uuid(), random_text(32));
        self.refresh_tokens
            .put(text.clone(), Arc::clone(grant), now, LONG);
        text
    }

    /// Redeems a refresh token, once: the next one replaces it. Presenting it again revokes the
    /// whole chain ([RFC 9700 §4.14.2]).
    ///
    /// [RFC 9700 §4.14.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
    pub(super) fn redeem_refresh_token(
        &mut self,
        token: &str,
        now: UnixTime,
    ) -> Result<Arc<Grant>, OauthError> {
        self.refresh_tokens.spend(token, now).map_err(|spent| {
            if let Some(grant) = spent {
                self.revoke(&grant);
            }
            ErrorCode::InvalidGrant.because("the refresh token is unknown, expired or used")
        })
    }

    fn revoke(&mut self, grant: &Arc<Grant>) {
        self.refresh_tokens
            .0
            .retain(|_, entry| !Arc::ptr_eq(&entry.value, grant));
    }
}

/// Values with unguessable keys, until they expire.
struct Shelf<T>(HashMap<String, Entry<T>>);

struct Entry<T> {
    value: T,
    until: UnixTime,
    spent: bool,
}

impl<T: Clone> Shelf<T> {
    fn put(&mut self, text: String, value: T, now: UnixTime, lifetime: Duration) {
        self.0.retain(|_, entry| entry.until > now);
        let entry = Entry {
            value,
            until: now.plus(lifetime),
            spent: false,
        };
        self.0.insert(text, entry);
    }

    /// The value, the first time. Later the error contains it; for an unknown text there is none.
    fn spend(&mut self, text: &str, now: UnixTime) -> Result<T, Option<T>> {
        let entry = self.0.get_mut(text).filter(|entry| entry.until > now);
        let entry = entry.ok_or(None)?;
        if entry.spent {
            return Err(Some(entry.value.clone()));
        }
        entry.spent = true;
        Ok(entry.value.clone())
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Short: RFC 6749 §4.1.2 recommends at most ten minutes.
const CODE_LIFETIME: Duration = Duration::from_secs(60);

/// For sessions and refresh tokens: 30 days, Authgear's default.
const LONG: Duration = Duration::from_secs(30 * 86_400);
