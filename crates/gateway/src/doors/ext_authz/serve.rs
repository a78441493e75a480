//! The gRPC service of ext_authz, with log and metrics.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bearward_gate::peer::Peer;
use http::Method;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tonic::body::Body;
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::doors::ext_authz::ExtAuthz;
use crate::doors::ext_authz::messages::{CheckRequest, CheckResponse};
use crate::record::observer::Observer;
use crate::record::request::Door;
use crate::record::telemetry::TraceParent;

/// Answers each request of a peer through the door.
pub(crate) fn answer(
    door: ExtAuthz,
    observer: Observer,
) -> impl Fn(Peer, http::Request<Incoming>) -> Boxed<http::Response<Body>> + Clone {
    let shared = Arc::new((door, observer));
    move |peer, request| {
        let shared = Arc::clone(&shared);
        let (door, _) = &*shared;
        let request = request.map(|body| match door.trusted().contains(peer) {
            true => Body::new(body),
            // The door refuses an untrusted peer without reading anything it sends.
            false => Body::new(Full::new(Bytes::from_static(&NOTHING_ASKED))),
        });
        Box::pin(async move {
            if request.uri().path() != CHECK {
                return Status::unimplemented("").into_http();
            }
            let codec = ProstCodec::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(MESSAGE_BYTES);
            let answered = grpc.unary(Check { shared, peer }, request);
            match tokio::time::timeout(MESSAGE_TIMEOUT, answered).await {
                Ok(answered) => answered,
                Err(_) => Status::deadline_exceeded("the question took too long").into_http(),
            }
        })
    }
}

/// The method of `envoy.service.auth.v3.Authorization`.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Longest question in bytes: the head of a request, and as much of its body as Envoy is configured to
/// send. It is held in memory as a whole.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Time limit for a question and its answer together. Envoy itself waits 200 ms by default.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A gRPC message without content: not compressed, zero bytes.
const NOTHING_ASKED: [u8; 5] = [0; 5];

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The method, for one question.
struct Check {
    shared: Arc<(ExtAuthz, Observer)>,
    peer: Peer,
}

impl UnaryService<CheckRequest> for Check {
    type Response = CheckResponse;
    type Future = Boxed<Result<Response<CheckResponse>, Status>>;

    fn call(&mut self, request: Request<CheckRequest>) -> Self::Future {
        let (shared, peer) = (Arc::clone(&self.shared), self.peer);
        Box::pin(async move {
            let (door, observer) = &*shared;
            // The trace is that of Envoy's own call: any other caller is refused.
            let parent = TraceParent::Proxy(request.metadata().as_ref());
            let begun = observer.begin(Door::ExtAuthz, &Method::POST, parent);
            let begun = begun.or_gone(|| door.read(peer, request.get_ref()));
            let answered = door.decide(peer, request.get_ref()).await;
            begun.end(answered.request, answered.decision);
            Ok(Response::new(answered.response))
        })
    }
}
