//! Answers to a fetch with a fault: correct except for one thing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use bearward_core::Algorithm;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};
use tokio::time::{Interval, interval};

use super::{Document, ELSEWHERE, count, redirect, value, whole};
use crate::issuer::connection::Cut;
use crate::issuer::fault::Fault;
use crate::issuer::state::State;
use crate::json;
use crate::keys::{OddJwk, SigningKey};

/// Answers a fetch, with the fault that is set by then.
pub(super) async fn answer(
    state: &State,
    document: Document,
    path: &str,
    headers: &HeaderMap,
) -> Response {
    state.fetches.send_modify(|fetches| match document {
        Document::Jwks => count(&mut fetches.jwks),
        Document::Metadata => count(&mut fetches.discovery),
    });
    let fault = fault(state).await;
    if state.rotate_if_due().await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let value = value(state, document);
    let Some(fault) = fault else {
        return whole(state, value, headers);
    };
    match fault {
        Fault::Down => cut(),
        Fault::Endless => whole(state, value, &HeaderMap::new()).map(|_| Body::new(Endless)),
        Fault::Error500 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::Garbage => garbage(),
        Fault::HugeBody => whole(state, padded(value), headers),
        Fault::Redirect => redirect(&format!("{}{ELSEWHERE}{path}", state.url)),
        Fault::Slow => whole(state, value.clone(), &HeaderMap::new()).map(|_| slow(value)),
        Fault::EmptySet
        | Fault::Hang
        | Fault::JwksUriDowngrade
        | Fault::JwksUriFile
        | Fault::JwksUriUnresolvable
        | Fault::NoUsableKey
        | Fault::OddKeys
        | Fault::TooManyKeys
        | Fault::WrongIssuer => whole(state, spoilt(state, document, fault, value), headers),
    }
}

/// The document with the fault applied. Some faults change keys, some metadata.
fn spoilt(state: &State, document: Document, fault: Fault, value: Value) -> Value {
    match document {
        Document::Jwks if fault == Fault::EmptySet => json!({"keys": []}),
        Document::Jwks if fault == Fault::NoUsableKey => json!({"keys": odd()}),
        Document::Jwks if fault == Fault::OddKeys => among_odd(state),
        Document::Jwks if fault == Fault::TooManyKeys => too_many(state),
        Document::Metadata if fault == Fault::JwksUriDowngrade => {
            with(value, "jwks_uri", "http://issuer.invalid/oauth2/jwks")
        }
        Document::Metadata if fault == Fault::JwksUriFile => {
            with(value, "jwks_uri", "file:///oauth2/jwks")
        }
        Document::Metadata if fault == Fault::JwksUriUnresolvable => {
            with(value, "jwks_uri", &unresolvable())
        }
        Document::Metadata if fault == Fault::WrongIssuer => {
            with(value, "issuer", "https://another.example")
        }
        Document::Jwks | Document::Metadata => value,
    }
}

/// The current fault; waits while that is the hanging fault.
async fn fault(state: &State) -> Option<Fault> {
    let mut faults = state.fault.subscribe();
    // Fails only if the sender is gone, but the state owns it.
    let fault = faults.wait_for(|fault| *fault != Some(Fault::Hang)).await;
    fault.ok().and_then(|fault| *fault)
}

fn cut() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Cut);
    response
}

fn garbage() -> Response {
    let mut response = Response::new(Body::from("<!DOCTYPE html><title>Maintenance</title>\n"));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

fn slow(document: Value) -> Body {
    Body::new(Drip {
        rest: Bytes::from(json::text(document)),
        pace: interval(Duration::from_millis(200)),
    })
}

/// The document with a member of several megabytes.
fn padded(document: Value) -> Value {
    with(document, "padding", &"x".repeat(4 * 1024 * 1024))
}

/// The document with one member changed or added.
fn with(mut document: Value, name: &str, value: &str) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.insert(name.into(), value.into());
    }
    document
}

/// A label in a name has at most 63 octets ([RFC 1035 §2.3.4]), so no resolver sends a query for
/// it.
///
/// [RFC 1035 §2.3.4]: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
fn unresolvable() -> String {
    format!("https://{}.invalid/oauth2/jwks", "x".repeat(64))
}

fn odd() -> Vec<Value> {
    OddJwk::ALL.iter().map(|odd| odd.jwk()).collect()
}

/// The good keys between odd ones, so that neither the first nor the last is good.
fn among_odd(state: &State) -> Value {
    let mut keys = odd();
    let good = state.keyring().published();
    let middle = keys.len() / 2;
    keys.splice(middle..middle, good.iter().map(SigningKey::public_jwk));
    json!({"keys": keys})
}

/// Too many keys, whether you count all or only the usable ones, in a document of ordinary size.
fn too_many(state: &State) -> Value {
    let key = SigningKey::second(Algorithm::Ed25519).public_jwk();
    let x = key.get("x").cloned().unwrap_or_default();
    let good = state.keyring().published();
    let usable = (0..1000_u16)
        .map(|kid| json!({"crv": "Ed25519", "kid": kid.to_string(), "kty": "OKP", "x": x}));
    let empty = std::iter::repeat(json!({"kty": "x"}));
    let keys: Vec<Value> = good
        .iter()
        .map(SigningKey::public_jwk)
        .chain(usable)
        .chain(empty)
        .take(10_000)
        .collect();
    json!({"keys": keys})
}

/// A body that arrives byte by byte.
struct Drip {
    rest: Bytes,
    pace: Interval,
}

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.pace.poll_tick(context));
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(1)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

/// A body that never ends.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // White space, so that a streaming parser cannot give up early either.
        const CHUNK: Bytes = Bytes::from_static(&[b' '; 16 * 1024]);
        Poll::Ready(Some(Ok(Frame::data(CHUNK))))
    }
}
