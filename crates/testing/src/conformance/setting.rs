//! The configuration of the adapter under test.

use std::time::Duration;

use bearward_core::requirements::{CannotReauthenticate, RequirementsBuilder};
use bearward_core::{Policy, ProtectedResourceMetadata, Requirements, UnixTime};

use crate::invariant::holds;
use crate::keys::{SigningKey, jwk_set};
use crate::{Algorithm, Token};

/// The issuer with the keys of [`key_set`].
pub const ISSUER: &str = "https://auth.example";

/// A second trusted issuer, whose keys are unavailable: configure it so that every fetch fails, for
/// example with a port where nothing listens.
pub const DOWN_ISSUER: &str = "https://down.example";

/// The audience, which is also the resource of [`metadata`].
pub const AUDIENCE: &str = "https://api.example/v1";

/// The time for checks of tokens: 2023-11-14T22:13:20Z.
pub const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// The JWK Set of [`ISSUER`]: one RSA key, as Authgear publishes it.
#[must_use]
pub fn key_set() -> String {
    jwk_set([&signing_key()]).to_string()
}

/// The policy for `issuer`, with every setting at its default.
#[must_use]
pub fn policy(issuer: &str) -> Policy {
    holds(Policy::builder(issuer, AUDIENCE).build())
}

/// The metadata that the resource server publishes.
#[must_use]
pub fn metadata() -> ProtectedResourceMetadata {
    holds(ProtectedResourceMetadata::new(AUDIENCE, [ISSUER])).scopes_supported(["orders:read"])
}

/// The routes, without repetition.
#[must_use]
pub fn routes() -> Vec<Route> {
    let any = Requirements::builder;
    let recent = || any().max_age(Duration::from_secs(300));
    vec![
        Route::new("/", RouteAccess::Required),
        Route::new("/optional", RouteAccess::Optional),
        Route::asking("/scoped", any().scope("orders:read")),
        Route::asking(
            "/scopes",
            any()
                .scope("orders:read")
                .any_scope(["orders:write", "orders:admin"]),
        ),
        Route::asking("/admin", any().role("admin")),
        Route::asking("/user", any().user()),
        Route::asking("/machine", any().machine()),
        Route::asking("/recent", recent()),
        Route::asking(
            "/lenient",
            recent().cannot_reauthenticate(CannotReauthenticate::Allow),
        ),
        Route::asking(
            "/strong",
            recent().acr(["urn:example:loa:3", "urn:example:loa:2"]),
        ),
    ]
}

/// A route that the adapter must offer.
#[derive(Clone, Debug)]
pub struct Route {
    path: &'static str,
    access: RouteAccess,
    requirements: Option<Requirements>,
}

/// How a route treats a request without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an adapter has to offer both, and there is no third"
)]
pub enum RouteAccess {
    /// The request is refused.
    Required,
    /// The request passes, without a principal.
    Optional,
}

impl Route {
    fn new(path: &'static str, access: RouteAccess) -> Self {
        Self {
            path,
            access,
            requirements: None,
        }
    }

    fn asking(path: &'static str, requirements: RequirementsBuilder) -> Self {
        Self {
            requirements: Some(holds(requirements.build())),
            ..Self::new(path, RouteAccess::Required)
        }
    }

    /// The path, compared exactly.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Whether a request without credentials passes.
    #[must_use]
    pub const fn access(&self) -> RouteAccess {
        self.access
    }

    /// The requirements of the route beyond a valid access token.
    #[must_use]
    pub const fn requirements(&self) -> Option<&Requirements> {
        self.requirements.as_ref()
    }
}

/// The key with which [`ISSUER`] signs.
pub(super) fn signing_key() -> SigningKey {
    SigningKey::first(Algorithm::Rs256)
}

/// A key that is not in the set.
pub(super) fn foreign_key() -> SigningKey {
    SigningKey::second(Algorithm::Rs256)
}

/// The same key with the `kid` of the key in the set.
pub(super) fn forging_key() -> SigningKey {
    foreign_key().with_kid(signing_key().kid().unwrap_or_default())
}

/// A fully valid access token of a user.
pub(super) fn user() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

/// A fully valid access token of a machine.
pub(super) fn machine() -> Token {
    Token::machine(ISSUER, AUDIENCE, NOW)
}
