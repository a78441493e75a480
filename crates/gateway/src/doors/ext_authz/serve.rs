//! The ext_authz service as it is served: with log and metrics, from whatever connection.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

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
use crate::record::observer::Observer;
use crate::record::request::Door;
use crate::record::telemetry::TraceParent;

/// Answers each request of a peer through the door.
pub(crate) fn answer(
    door: ExtAuthz,
    observer: Observer,
) -> impl Fn(Peer, http::Request<Incoming>) -> Answered + Clone {
    let trusted = door.trusted().clone();
    let service = AuthorizationServer::new(Observed { door, observer })
        .max_decoding_message_size(MESSAGE_BYTES);
    move |peer, request| {
        let mut request = request.map(|body| match trusted.contains(peer) {
            true => Body::new(body),
            // The door refuses an untrusted peer without reading anything it sends.
            false => Body::new(Full::new(Bytes::from_static(&NOTHING_ASKED))),
        });
        // tonic passes nothing else on to the service: `ExtAuthz::decide_grpc` reads it.
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

/// Longest question in bytes: the head of a request, and as much of its body as Envoy is configured to
/// send. It is held in memory as a whole.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Time limit for a question and its answer together. Envoy itself waits 200 ms by default.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A gRPC message without content: not compressed, zero bytes.
const NOTHING_ASKED: [u8; 5] = [0; 5];

type Answered = Pin<Box<dyn Future<Output = http::Response<Body>> + Send>>;

/// The door, with log and metrics.
#[derive(Debug)]
struct Observed {
    door: ExtAuthz,
    observer: Observer,
}

#[tonic::async_trait]
impl Authorization for Observed {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        // The trace is that of Envoy's own call: any other caller is refused.
        let parent = TraceParent::Proxy(request.metadata().as_ref());
        let begun = self.observer.begin(Door::ExtAuthz, &Method::POST, parent);
        let (response, decision) = self.door.decide_grpc(&request).await;
        begun.end(&decision);
        Ok(Response::new(response))
    }
}
