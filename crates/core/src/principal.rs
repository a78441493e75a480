//! Who was authenticated.
//!
//! Holding a [`Principal`] is the proof that every stage ran: nothing else makes one.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use crate::claims::{ClaimPath, Claims, Text};
use crate::json::Value;
use crate::profile::Profile;
use crate::time::UnixTime;

pub use crate::principal_kind::PrincipalKind;

/// Who sent a request, according to a verified access token. Cheap to clone.
///
/// An identity is the pair of [`issuer`](Self::issuer) and [`subject`](Self::subject), plus its
/// [`kind`](Self::kind): a subject alone may name someone else at another issuer.
#[derive(Clone)]
pub struct Principal(Arc<Inner>);

struct Inner {
    issuer: Arc<str>,
    kind: PrincipalKind,
    subject: Option<Text>,
    client_id: Option<Text>,
    times: Times,
    claims: Claims,
    derived: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// The times that decide anew each time the token is presented.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) expires_at: UnixTime,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) issued_at: Option<UnixTime>,
}

impl Principal {
    /// The policy of this issuer has checked the claims: `exp` is there and the strings are strings.
    pub(crate) fn new(issuer: &Arc<str>, profile: Profile, claims: Claims) -> Self {
        let client_id = profile.client_id(&claims).and_then(Text::of);
        let named = client_id.as_ref().map(|text| claims.resolve(text));
        let kind = profile.principal_kind(&claims, named);
        Self(Arc::new(Inner {
            issuer: Arc::clone(issuer),
            kind,
            subject: claims.subject_text(),
            client_id,
            times: Times {
                expires_at: claims.expires_at().ok().flatten().unwrap_or_default(),
                not_before: claims.not_before().ok().flatten(),
                issued_at: claims.issued_at().ok().flatten(),
            },
            claims,
            derived: OnceLock::new(),
        }))
    }

    /// The issuer: `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The user, or of a machine its client, as the issuer names it: `sub`. Every profile but
    /// `generic` and `keycloak` makes sure that it is there; empty if it is not.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.resolve(self.0.subject.as_ref()).unwrap_or_default()
    }

    /// Whether it is a user or a machine, if the issuer says so.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.0.kind
    }

    /// The client that got the token: `client_id`, or where the issuer's profile has it.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.resolve(self.0.client_id.as_ref())
    }

    /// When the access token expires: `exp`.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        self.0.times.expires_at
    }

    /// When the user authenticated: `auth_time`, if the token says so.
    #[must_use]
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.0.claims.auth_time()
    }

    /// The scopes: the words of `scope`, or of `scp` where there is no `scope`.
    pub fn scopes(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let scope = self.0.claims.scope().ok().flatten();
        scope.into_iter().flat_map(|scope| scope.words())
    }

    /// Whether the token has this scope, as a whole word.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|word| word == scope)
    }

    /// The claim at `path`, if there is one. Paths are lists of member names, taken literally.
    #[must_use]
    pub fn claim(&self, path: &ClaimPath) -> Option<Value<'_>> {
        self.0.claims.at(path)
    }

    /// The claims in a type of your own.
    ///
    /// # Errors
    ///
    /// The claims do not fit the type.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.0.claims.deserialize()
    }

    /// All claims, as the issuer wrote them.
    #[must_use]
    pub fn all_claims(&self) -> &Claims {
        &self.0.claims
    }

    /// What `derive` makes of this principal, made once: all clones share it, and so does the same token
    /// when it comes again and a cache of verified tokens still holds it. For what is derived from
    /// claims in the same way for every request.
    ///
    /// There is one for each principal. `None` if it is of another type than `T`: then something else
    /// was derived first.
    ///
    /// ```
    /// # fn example(principal: &bearward_core::Principal) {
    /// struct Name(String);
    ///
    /// let name = principal.derived(|principal| Name(principal.subject().to_uppercase()));
    /// # let _ = name;
    /// # }
    /// ```
    pub fn derived<T: Any + Send + Sync>(&self, derive: impl FnOnce(&Self) -> T) -> Option<&T> {
        let derived = self.0.derived.get_or_init(|| Box::new(derive(self)));
        derived.downcast_ref()
    }

    pub(crate) fn times(&self) -> Times {
        self.0.times
    }

    fn resolve<'p>(&'p self, text: Option<&'p Text>) -> Option<&'p str> {
        text.map(|text| self.0.claims.resolve(text))
    }
}

impl fmt::Debug for Principal {
    /// Shows issuer and kind: claims are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("issuer", &self.0.issuer)
            .field("kind", &self.0.kind)
            .finish_non_exhaustive()
    }
}
