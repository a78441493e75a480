//! A request when its head arrives: its sender, its connection and its kind.

use std::sync::Arc;

use bearward_gate::misleading::Sender;
use bearward_gate::original;
use bearward_gate::peer::Peer;
use http::{Method, Request, Version};
use hyper::header::UPGRADE;

use crate::doors::client::{Client, NamedClient, X_FORWARDED_FOR};
use crate::doors::only::only;
use crate::record::request as record;
use crate::record::request_id::{self, RequestId};

use super::activity::Active;
use super::connection::Connection;
use super::forwarded::PeerName;
use super::settings::Settings;

/// A request on its way in.
#[derive(Debug)]
pub(super) struct Inbound {
    /// Who sent it, which determines the fields it may set.
    pub(super) trust: Sender,
    /// The other end of the connection.
    peer: Peer,
    /// The client that it counts for.
    pub(super) client: Client,
    /// The client whose failures count, if it is known.
    pub(super) accountable: Option<Client>,
    pub(super) kind: RequestKind,
    pub(super) peer_name: Arc<PeerName>,
    pub(super) scheme: &'static str,
    /// `None` if the caller manages the connections.
    pub(super) connection: Option<Connection>,
    /// The request counts as in progress while this lives.
    pub(super) active: Option<Active>,
}

/// The kind of a request, by its protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestKind {
    pub(super) is_http1: bool,
    /// Another protocol may follow such a head, so no further request is read.
    pub(super) is_upgrade: bool,
    pub(super) refusal: RefusalForm,
}

/// How a refusal of ours is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalForm {
    /// For gRPC over HTTP/2, whose status is in the trailers.
    Grpc,
    /// Without its body: hyper sends none in answer to HEAD over HTTP/1.1, but would over HTTP/2.
    Head,
    Whole,
}

impl Inbound {
    pub(super) fn new<B>(
        peer: Peer,
        connection: Option<Connection>,
        request: &Request<B>,
        settings: &Settings,
    ) -> Self {
        let trusted = &settings.trusted;
        let of_peer = Client::of(peer);
        let (trust, client, accountable) = match trusted.contains(peer) {
            true => {
                let named = NamedClient::read(request.headers(), &X_FORWARDED_FOR, trusted);
                let client = named.map_or(of_peer, NamedClient::sharer);
                let accountable = named.and_then(NamedClient::accountable);
                (Sender::TrustedProxy, client, accountable)
            }
            false => (Sender::Stranger, of_peer, Some(of_peer)),
        };
        let known = connection.as_ref();
        Self {
            trust,
            peer,
            client,
            accountable,
            kind: RequestKind::of(request),
            peer_name: known.map_or_else(
                || Arc::new(PeerName::of(peer)),
                |connection| Arc::clone(&connection.peer_name),
            ),
            scheme: known.map_or("http", |connection| connection.scheme),
            active: known.map(|connection| Active::new(Arc::clone(&connection.activity))),
            connection,
        }
    }

    /// What is recorded of it before it is decided.
    pub(super) fn request<B>(&self, request: &Request<B>) -> record::Request {
        let sent = match self.trust {
            Sender::TrustedProxy => only(request.headers(), &request_id::PASSED_ON),
            // A client could choose the id of somebody else's request.
            Sender::Stranger | Sender::Envoy => None,
        };
        record::Request::new(RequestId::sent_or_new(sent), request.method(), self.peer)
    }

    /// Whether its answer has to be the last on its connection.
    pub(super) fn is_last(&self) -> bool {
        let connection = self.connection.as_ref();
        self.kind.is_http1 && connection.is_some_and(|connection| connection.slot.is_draining())
    }
}

impl RequestKind {
    fn of<B>(request: &Request<B>) -> Self {
        let is_http1 = request.version() <= Version::HTTP_11;
        let (method, headers) = (request.method(), request.headers());
        Self {
            is_http1,
            is_upgrade: is_http1 && (headers.contains_key(UPGRADE) || method == Method::CONNECT),
            refusal: match request.version() {
                Version::HTTP_2 if original::is_grpc(headers) => RefusalForm::Grpc,
                _ if !is_http1 && method == Method::HEAD => RefusalForm::Head,
                _ => RefusalForm::Whole,
            },
        }
    }
}
