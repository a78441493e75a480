//! gRPC: a client and a server of tonic, with messages of Envoy's services.

use std::pin::Pin;
use std::time::Duration;

use bearward_gateway::doors::proxy::{Limits, Protocol, Settings};
use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::{
    Authorization, AuthorizationServer,
};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::google::rpc;
use futures_util::{Stream, StreamExt};
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};

use super::fixture::{Gateway, SOON, bearer, upstream};

/// One call with one answer; and a stream that is answered message by message.
#[derive(Clone, Debug)]
struct Service;

#[tonic::async_trait]
impl Authorization for Service {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let told = |name: &str| request.metadata().get(name).cloned();
        if told("x-slow").is_some() {
            sleep(SOON).await;
        }
        if told("x-wrong").is_some() {
            let mut metadata = MetadataMap::new();
            metadata.insert("x-why", MetadataValue::from_static("because"));
            let details = "wrong as asked".to_owned();
            return Err(Status::with_metadata(
                Code::FailedPrecondition,
                details,
                metadata,
            ));
        }
        let user = told("x-auth-user").expect("the user, from the gateway");
        let status = rpc::Status {
            message: user.to_str().expect("text").to_owned(),
            ..rpc::Status::default()
        };
        Ok(Response::new(CheckResponse {
            status: Some(status),
            ..CheckResponse::default()
        }))
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Answers<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Answers<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        let answers = request.into_inner().map(|asked| {
            let asked = asked?;
            if asked.type_url == "wrong" {
                return Err(Status::data_loss("in the middle"));
            }
            Ok(DiscoveryResponse {
                type_url: asked.type_url,
                ..DiscoveryResponse::default()
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn delta_aggregated_resources(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

/// A gateway before the service, and a channel to it.
async fn start() -> (Gateway, Channel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = Server::builder()
        .add_service(AuthorizationServer::new(Service))
        .add_service(AggregatedDiscoveryServiceServer::new(Service))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);
    let upstream = upstream(addr).protocol(Protocol::Http2);
    let gateway = Gateway::with(upstream, Settings::new(), Limits::new()).await;
    let channel = Channel::from_shared(format!("http://{}", gateway.addr)).unwrap();
    (gateway, channel.connect().await.unwrap())
}

fn authorized<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = bearer().parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    request
}

#[tokio::test]
async fn a_prx_03_a_call_of_tonic_has_its_answer_and_its_status() {
    let (gateway, channel) = start().await;
    let mut client = AuthorizationClient::new(channel);
    let mut request = authorized(CheckRequest::default());
    let forged = MetadataValue::from_static("forged");
    request.metadata_mut().insert("x-auth-user", forged);
    let answer = client.check(request).await.unwrap().into_inner();
    let subject = bearward_testing::token::SUBJECT;
    assert_eq!(answer.status.unwrap().message, subject);

    let mut request = authorized(CheckRequest::default());
    let yes = MetadataValue::from_static("yes");
    request.metadata_mut().insert("x-wrong", yes.clone());
    let status = client.check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "wrong as asked");
    assert_eq!(status.metadata().get("x-why").unwrap(), "because");

    let mut request = authorized(CheckRequest::default());
    request.metadata_mut().insert("x-slow", yes);
    request.set_timeout(Duration::from_millis(100));
    let status = timeout(SOON, client.check(request)).await.unwrap();
    let code = status.unwrap_err().code();
    assert!(
        [Code::Cancelled, Code::DeadlineExceeded].contains(&code),
        "{code:?}"
    );
    assert_eq!(gateway.records(2).await[1].reason, "admitted");
}

#[tokio::test]
async fn a_prx_03_a_stream_of_tonic_is_answered_message_by_message() {
    let (_gateway, channel) = start().await;
    let mut client = AggregatedDiscoveryServiceClient::new(channel);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let mut receiver = receiver;
    let asked = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let answered = client.stream_aggregated_resources(authorized(asked));
    let mut answers = timeout(SOON, answered).await.unwrap().unwrap().into_inner();
    // Each is answered before the next is sent.
    for number in 0..5 {
        let type_url = number.to_string();
        let message = DiscoveryRequest {
            type_url: type_url.clone(),
            ..DiscoveryRequest::default()
        };
        sender.send(message).await.unwrap();
        let answer = timeout(SOON, answers.message()).await.unwrap().unwrap();
        assert_eq!(answer.unwrap().type_url, type_url);
    }
    let message = DiscoveryRequest {
        type_url: "wrong".to_owned(),
        ..DiscoveryRequest::default()
    };
    sender.send(message).await.unwrap();
    let status = timeout(SOON, answers.message()).await.unwrap().unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::DataLoss, "in the middle")
    );
}

#[tokio::test]
async fn a_refused_call_of_tonic_has_a_status_and_the_challenge() {
    let (gateway, channel) = start().await;
    let mut client = AuthorizationClient::new(channel.clone());
    let status = client.check(CheckRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let challenge = status.metadata().get("www-authenticate").unwrap();
    assert_eq!(challenge, r#"Bearer realm="api""#);
    let record = &gateway.records(1).await[0];
    assert_eq!(record.reason, "no_credentials");
    assert_eq!(record.status, StatusCode::UNAUTHORIZED);

    let mut request = Request::new(CheckRequest::default());
    let opaque = MetadataValue::from_static("Bearer opaque");
    request.metadata_mut().insert("authorization", opaque);
    let status = client.check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let challenge = status.metadata().get("www-authenticate").unwrap();
    assert!(
        challenge.to_str().unwrap().contains("invalid_token"),
        "{challenge:?}"
    );

    // A stream is refused by its head.
    let mut client = AggregatedDiscoveryServiceClient::new(channel);
    let asked = futures_util::stream::pending::<DiscoveryRequest>();
    let refused = client.stream_aggregated_resources(asked);
    let status = timeout(SOON, refused).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_call_to_an_application_that_is_down_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let gateway = Gateway::speaking(addr, Protocol::Http2).await;
    let channel = Channel::from_shared(format!("http://{}", gateway.addr)).unwrap();
    let mut client = AuthorizationClient::new(channel.connect().await.unwrap());
    let request = authorized(CheckRequest::default());
    let status = client.check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(gateway.reason().await.0, "upstream_connect");
}
