//! Forward auth as it is served: from whatever connection, and observed.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bearward::RequestHead;
use bearward_gate::peer::Peer;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};

use super::ForwardAuth;
use crate::record::observer::Observer;
use crate::record::request::Door;
use crate::record::telemetry::TraceParent;

/// Answers each request of a peer through the door.
pub(crate) fn answer(
    door: ForwardAuth,
    observer: Observer,
) -> impl Fn(Peer, Request<Incoming>) -> Answered + Clone {
    let served = Arc::new(Served { door, observer });
    // Boxed, since the future is moved several times before it starts.
    move |peer, request| Box::pin(Arc::clone(&served).answer(peer, request))
}

type Answered = Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>;

/// The door, and where its decisions are reported.
struct Served {
    door: ForwardAuth,
    observer: Observer,
}

impl Served {
    async fn answer(
        self: Arc<Self>,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        // Its body is not read.
        let (head, _) = request.into_parts();
        // All peers except the configured proxies are refused.
        let parent = TraceParent::Proxy(&head.headers);
        let begun = self.observer.begin(Door::ForwardAuth, &head.method, parent);
        let begun = begun.or_gone(|| self.door.read(peer, RequestHead::from(&head)));
        let answered = self.door.decide(peer, RequestHead::from(&head)).await;
        match answered.decision {
            Some(decision) => begun.end(answered.request, decision),
            None => begun.ignore(),
        }
        answered.response.map(|body| match body {
            Cow::Borrowed(body) => Full::new(Bytes::from_static(body.as_bytes())),
            Cow::Owned(body) => Full::new(Bytes::from(body)),
        })
    }
}
