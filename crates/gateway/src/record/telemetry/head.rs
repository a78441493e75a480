//! Where a signal goes, and with which fields: the exporter of OpenTelemetry knows it from the settings and the
//! environment. It can send only what OpenTelemetry itself recorded, so it writes one request without anything,
//! which is not sent, and whose head is that of ours.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};

use super::TelemetryError;

/// Keeps the head of a request, in place of sending it.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Option<Request<()>>>>);

impl Kept {
    /// The head of the request that this export writes.
    ///
    /// # Errors
    ///
    /// [`TelemetryError::Exporter`] if it writes none.
    pub(super) fn head(&self, export: impl Future) -> Result<Request<()>, TelemetryError> {
        // It is ready at once: nothing is sent.
        let _ = pin!(export).poll(&mut Context::from_waker(Waker::noop()));
        let mut request = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let request = request.take();
        request.ok_or_else(|| TelemetryError::Exporter("no request can be written".to_owned()))
    }
}

#[async_trait]
impl HttpClient for Kept {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut head = request.map(drop);
        // They may be credentials.
        for value in head.headers_mut().values_mut() {
            value.set_sensitive(true);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        Ok(Response::new(Bytes::new()))
    }
}
