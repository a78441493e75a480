//! The ext_authz service as it is served: with log and metrics, from whatever connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse,
};
use http::Method;
use hyper::body::Incoming;
use tonic::codegen::Service;
use tonic::{Response, Status};

use crate::ext_authz::ExtAuthz;
use crate::metrics::{Door, Metrics};
use crate::peer::Peer;
use crate::telemetry::{Named, Telemetry};

/// Answers the requests of a peer by the door.
pub(super) fn answer(
    door: ExtAuthz,
    metrics: Arc<Metrics>,
    telemetry: Telemetry,
) -> impl Fn(Peer, http::Request<Incoming>) -> Answered + Clone {
    let service = AuthorizationServer::new(Observed {
        door,
        metrics,
        telemetry,
    });
    move |peer, mut request| {
        request.extensions_mut().insert(peer);
        let answered = service.clone().call(request);
        Box::pin(async move { answered.await.unwrap_or_else(|never| match never {}) })
    }
}

type Answered = Pin<Box<dyn Future<Output = http::Response<tonic::body::Body>> + Send>>;

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
        let answered = self.door.check(request).await?;
        self.metrics.answered(
            Door::ExtAuthz,
            answered.extensions(),
            started.elapsed(),
            trace,
        );
        Ok(answered)
    }
}
