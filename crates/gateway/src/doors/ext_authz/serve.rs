//! The ext_authz service as it is served: with log and metrics, from whatever connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bearward_gate::peer::Peer;
use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse,
};
use http::Method;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Response, Status};

use crate::doors::ext_authz::ExtAuthz;
use crate::record::metrics::{Door, Metrics};
use crate::record::telemetry::{Named, Telemetry};

/// Answers the requests of a peer by the door.
pub(crate) fn answer(
    door: ExtAuthz,
    metrics: Arc<Metrics>,
    telemetry: Telemetry,
) -> impl Fn(Peer, http::Request<Incoming>) -> Answered + Clone {
    let trusted = door.trusted().clone();
    let service = AuthorizationServer::new(Observed {
        door,
        metrics,
        telemetry,
    })
    .max_decoding_message_size(MESSAGE_BYTES);
    move |peer, request| {
        let mut request = request.map(|body| match trusted.contains(peer) {
            true => Body::new(body),
            // Whoever may not ask is told so, and nothing is read of what it sends.
            false => Body::new(Full::new(Bytes::from_static(&NOTHING_ASKED))),
        });
        request.extensions_mut().insert(peer);
        let answered = tokio::time::timeout(MESSAGE_TIMEOUT, service.clone().call(request));
        Box::pin(async move {
            match answered.await {
                Ok(answered) => answered.unwrap_or_else(|never| match never {}),
                Err(_) => Status::deadline_exceeded("the question took too long").into_http(),
            }
        })
    }
}

/// Longest question in bytes: the head of a request, and as much of its body as Envoy was told to send
/// along. It is held as a whole.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// For the whole of a question and its answer. Envoy itself waits 200 ms unless it is told otherwise.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A gRPC message without content: not compressed, of no bytes.
const NOTHING_ASKED: [u8; 5] = [0; 5];

type Answered = Pin<Box<dyn Future<Output = http::Response<Body>> + Send>>;

/// The door, with log and metrics.
#[derive(Debug)]
struct Observed {
    door: ExtAuthz,
    metrics: Arc<Metrics>,
    telemetry: Telemetry,
}

#[tonic::async_trait]
impl Authorization for Observed {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let started = Instant::now();
        // The trace is that of Envoy's own call: who else asks is refused.
        let named = Named::ByProxy(request.metadata().as_ref());
        let trace = self.telemetry.trace(Door::ExtAuthz, &Method::POST, named);
        let (response, told) = self.door.checked(&request).await;
        self.metrics
            .answered(Door::ExtAuthz, &told, started.elapsed(), trace);
        Ok(Response::new(response))
    }
}
