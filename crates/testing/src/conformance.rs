//! The conformance suite: the answers that every adapter and the gateway must give, case by case.
//!
//! Each named case is a request and the complete answer: status, reason, `WWW-Authenticate` as a
//! literal, fields, body. Names that begin with `t_` or `a_` contain the id of the attack to refuse
//! or of the valid use to accept. The suite knows no web framework: the adapter under test is an
//! async function from [`http::Request`] to [`http::Response`].
//!
//! # What the adapter has to offer
//!
//! It trusts [`ISSUER`] with the keys of [`key_set`], and [`DOWN_ISSUER`], whose keys it must never
//! get; both with [`policy`], at the time [`NOW`]. It has the default realm and the [`metadata`].
//! ID tokens are in `X-Id-Token`.
//!
//! Its routes are those of [`routes`], for every method:
//!
//! | path | who gets in |
//! |---|---|
//! | `/` | every good access token |
//! | `/optional` | the same, and a request without credentials |
//! | `/scoped` | scope `orders:read` |
//! | `/scopes` | scope `orders:read`, and one of `orders:write` and `orders:admin` |
//! | `/admin` | role `admin` |
//! | `/user` | a user |
//! | `/machine` | a machine |
//! | `/recent` | authenticated at most 300 s ago |
//! | `/lenient` | the same, and a user who cannot re-authenticate |
//! | `/strong` | `acr` `urn:example:loa:3` or `urn:example:loa:2`, at most 300 s ago |
//!
//! All routes have the same handler. It answers 200 with the principal's subject in the field
//! `X-Subject`, or without that field if there is no principal.
//!
//! The reason for a refusal is never sent. The suite reads it from the
//! [`Rejection`](bearward_core::Rejection) that an adapter puts into the response's extensions,
//! which is impossible over a socket: see [`Suite::without_reasons`].
//!
//! # An example
//!
//! ```
//! use bearward_testing::conformance::{self, Failures, Suite};
//!
//! # async fn my_adapter(_: http::Request<()>) -> http::Response<String> {
//! #     http::Response::new(String::new())
//! # }
//! async fn conforms() -> Result<(), Failures> {
//!     // … build the adapter with `conformance::policy(ISSUER)`, `key_set`, `routes` …
//!     Suite::new().run(my_adapter).await
//! }
//! ```

mod case;
mod credentials;
mod failures;
mod issuers;
mod metadata;
mod requirements;
mod setting;
mod step_up;
mod token;

use std::future::Future;

use http::{Request, Response};

pub use self::case::Case;
pub use self::failures::{Failure, Failures, Mismatch};
pub use self::setting::{
    AUDIENCE, DOWN_ISSUER, ISSUER, NOW, Route, RouteAccess, key_set, metadata, policy, routes,
};

/// The cases, in the order of the pipeline.
#[derive(Clone, Debug)]
pub struct Suite {
    cases: Vec<Case>,
}

impl Suite {
    /// The cases for every adapter.
    #[must_use]
    pub fn new() -> Self {
        let stages = [
            credentials::cases(),
            token::cases(),
            issuers::cases(),
            requirements::cases(),
            step_up::cases(),
        ];
        Self {
            cases: stages.into_iter().flatten().collect(),
        }
    }

    /// Adds the cases of the protected resource metadata ([RFC 9728 §3]), for adapters that serve
    /// [`metadata`].
    ///
    /// [RFC 9728 §3]: https://www.rfc-editor.org/rfc/rfc9728#section-3
    #[must_use]
    pub fn with_metadata_document(mut self) -> Self {
        self.cases.extend(metadata::cases());
        self
    }

    /// Ignores the reasons, for an adapter behind a socket, which extensions cannot cross.
    #[must_use]
    pub fn without_reasons(self) -> Self {
        let cases = self.cases.into_iter().map(Case::without_reason).collect();
        Self { cases }
    }

    /// The cases, for a runner of your own.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter()
    }

    /// Runs all cases against `adapter`, one after the other.
    ///
    /// # Errors
    ///
    /// The failed cases, each with its name and the expected and actual values.
    pub async fn run<A, F>(&self, adapter: A) -> Result<(), Failures>
    where
        A: Fn(Request<()>) -> F,
        F: Future<Output = Response<String>>,
    {
        let mut failures = Failures::of(self.cases.len());
        for case in &self.cases {
            let response = adapter(case.request()).await;
            failures.note(case.check(&response));
        }
        failures.into_result()
    }
}

impl Default for Suite {
    fn default() -> Self {
        Self::new()
    }
}
