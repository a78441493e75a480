//! The extractor: the principal that the layer authenticated.

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use bearward::Principal;
use http::StatusCode;
use http::request::Parts;

/// The [`Principal`] who sent the request, as a handler's argument: destructure it or use it
/// directly.
///
/// Use `Option<Caller>` if the route's layer is [`optional`](crate::BearerLayer::optional).
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper to be taken apart in a handler's arguments"
)]
pub struct Caller(pub Principal);

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = LayerMissing;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, LayerMissing> {
        let principal = parts.extensions.get();
        principal.cloned().map(Self).ok_or(LayerMissing)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

/// A handler needs a principal, but no layer has authenticated the request: a mistake in the
/// program. The answer is 500, so that nobody gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerMissing;

impl fmt::Display for LayerMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a handler takes Caller, and its route has no BearerLayer, or an optional one: \
             add the layer, or take Option<Caller>",
        )
    }
}

impl std::error::Error for LayerMissing {}

impl IntoResponse for LayerMissing {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
