//! Who was authenticated.
//!
//! A [`Principal`] proves that every stage ran: nothing else makes one.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use crate::claims::{ClaimPath, Claims, Strings, Text};
use crate::confirmation::Confirmation;
use crate::json::Value;
use crate::time::UnixTime;

pub use crate::principal_kind::PrincipalKind;

/// Who sent a request, according to a verified access token. Cheap to clone.
///
/// An identity is the pair of [`issuer`](Self::issuer) and [`subject`](Self::subject), plus its
/// [`kind`](Self::kind): a subject alone may name someone else at another issuer.
#[derive(Clone)]
pub struct Principal(Arc<Inner>);

struct Inner {
    said: Said,
    derived: Slot,
}

/// The values that a policy's rules read from the claims, and the claims themselves.
pub(crate) struct Said {
    pub(crate) issuer: Arc<str>,
    pub(crate) kind: PrincipalKind,
    pub(crate) subject: Option<Text>,
    pub(crate) client_id: Option<Text>,
    pub(crate) scope: Option<Strings>,
    pub(crate) times: Times,
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) claims: Claims,
}

/// The times, which are checked each time the token is presented.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) expires_at: UnixTime,
    pub(crate) not_before: Option<UnixTime>,
    pub(crate) issued_at: Option<UnixTime>,
}

impl Principal {
    /// INVARIANT: only [`Claimed`](crate::Claimed) calls this, and only with evidence.
    pub(crate) fn new(said: Said) -> Self {
        Self(Arc::new(Inner {
            said,
            derived: Slot::default(),
        }))
    }

    /// The issuer: `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.said.issuer
    }

    /// The user, or for a machine its client, as the issuer names it: `sub`, or the claim that the
    /// issuer's policy names. Never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.resolve(self.0.said.subject.as_ref())
            .unwrap_or_default()
    }

    /// Whether the principal is a user or a machine, if the issuer marks it.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.0.said.kind
    }

    /// The client that got the token: `client_id`, or the claim that the issuer's profile uses.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.resolve(self.0.said.client_id.as_ref())
    }

    /// When the access token expires: `exp`.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        self.0.said.times.expires_at
    }

    /// When the user authenticated: `auth_time`, if the token has it.
    #[must_use]
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.0.said.claims.auth_time()
    }

    /// The scopes: the words of `scope`, or of `scp` if there is no `scope`.
    pub fn scopes(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let scope = self.0.said.scope.iter();
        scope.flat_map(|scope| self.0.said.claims.strings(*scope).words())
    }

    /// Whether the token has this scope, as a whole word.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|word| word == scope)
    }

    /// The claim at `path`, if there is one. Paths are lists of member names, taken literally.
    #[must_use]
    pub fn claim(&self, path: &ClaimPath) -> Option<Value<'_>> {
        self.0.said.claims.at(path)
    }

    /// Converts the claims into a type of your own.
    ///
    /// # Errors
    ///
    /// Fails if the claims do not fit the type.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.0.said.claims.deserialize()
    }

    /// All claims, as the issuer wrote them.
    #[must_use]
    pub fn all_claims(&self) -> &Claims {
        &self.0.said.claims
    }

    /// A value that `derive` makes from this principal, once per type. All clones share it, and so
    /// do later requests with the same token while a cache of verified tokens keeps it. Use it for
    /// values that every request derives from claims in the same way.
    ///
    /// ```
    /// # fn example(principal: &bearward_core::Principal) {
    /// struct Name(String);
    ///
    /// let name = principal.derived(|principal| Name(principal.subject().to_uppercase()));
    /// # let _ = name;
    /// # }
    /// ```
    pub fn derived<T: Any + Send + Sync>(&self, mut derive: impl FnMut(&Self) -> T) -> &T {
        let mut slot = &self.0.derived;
        loop {
            let filled = slot.0.get_or_init(|| {
                Box::new(Derived {
                    next: Slot::default(),
                    value: derive(self),
                })
            });
            if let Some(value) = filled.value.downcast_ref() {
                return value;
            }
            slot = &filled.next;
        }
    }

    pub(crate) fn confirmation(&self) -> Option<&Confirmation> {
        self.0.said.confirmation.as_ref()
    }

    pub(crate) fn times(&self) -> Times {
        self.0.said.times
    }

    fn resolve<'p>(&'p self, text: Option<&'p Text>) -> Option<&'p str> {
        text.map(|text| self.0.said.claims.resolve(text))
    }
}

/// A place for a derived value, which links to the place for the next type.
#[derive(Default)]
struct Slot(OnceLock<Box<Derived>>);

struct Derived<T: ?Sized = dyn Any + Send + Sync> {
    next: Slot,
    value: T,
}

impl fmt::Debug for Principal {
    /// Shows only issuer and kind: claims are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("issuer", &self.0.said.issuer)
            .field("kind", &self.0.said.kind)
            .finish_non_exhaustive()
    }
}
