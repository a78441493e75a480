//! The ext_authz listener: gRPC over HTTP/2 without TLS.
//!
//! An answer of that protocol says the status of a refusal and not its reason, so `refused` is what
//! is counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse, HttpResponse,
};
use http::StatusCode;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status};

use super::listener::Stop;
use crate::ext_authz::ExtAuthz;
use crate::metrics::{ADMITTED, Door, Metrics, Request};

/// Serves until it is told to stop and what is under way is answered, or `grace` is over.
pub(super) async fn serve(
    listener: TcpListener,
    door: ExtAuthz,
    metrics: Arc<Metrics>,
    stop: Stop,
    grace: Duration,
) {
    let service = AuthorizationServer::new(Observed { door, metrics });
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = Server::builder()
        .http2_max_header_list_size(HEAD_BYTES)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stop.clone().told());
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::error!(%error, "the ext_authz listener ended");
        },
        () = async { stop.told().await; tokio::time::sleep(grace).await } => {
            tracing::warn!("requests under way were not answered in time");
        }
    }
}

/// The door, with log and metrics.
struct Observed {
    door: ExtAuthz,
    metrics: Arc<Metrics>,
}

#[tonic::async_trait]
impl Authorization for Observed {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let started = Instant::now();
        let answered = self.door.check(request).await?;
        let status = status_of(answered.get_ref());
        let reason = if status == StatusCode::OK {
            ADMITTED
        } else {
            "refused"
        };
        let request = Request {
            door: Door::ExtAuthz,
            route: None,
            reason,
            shadowed: None,
            status,
            duration: started.elapsed(),
        };
        request.log();
        self.metrics.request(&request);
        Ok(answered)
    }
}

/// The HTTP status that Envoy is to answer; 200 for what passes.
fn status_of(response: &CheckResponse) -> StatusCode {
    let Some(HttpResponse::DeniedResponse(denied)) = &response.http_response else {
        return StatusCode::OK;
    };
    let code = denied.status.as_ref().map_or(0, |status| status.code);
    let code = u16::try_from(code).ok();
    code.and_then(|code| StatusCode::from_u16(code).ok())
        .unwrap_or(StatusCode::FORBIDDEN)
}

/// What is asked about comes in the message; its own fields are few.
const HEAD_BYTES: u32 = 64 * 1024;
