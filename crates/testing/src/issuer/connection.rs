//! Sockets: accepts connections, and cuts those that a fault requires to be cut.
//!
//! It serves HTTP/1.1 only, which every fetcher speaks.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tower_service::Service;

use super::tls::Speech;

/// An extension of a response that must not be sent: the connection is closed instead.
#[derive(Clone, Copy)]
pub(super) struct Cut;

/// Serves until `stop` is dropped, then closes every connection. A change of TLS also closes them.
pub(super) async fn serve(
    listener: TcpListener,
    mut speech: watch::Receiver<Speech>,
    router: Router,
    mut stop: oneshot::Receiver<Infallible>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => break,
            // Open connections have completed their handshake, so close them.
            Ok(()) = speech.changed() => connections.shutdown().await,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let speech = speech.borrow().clone();
                    connections.spawn(secure(stream, speech, router.clone()));
                }
                // Probably out of file descriptors: wait until some are free.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn secure(stream: TcpStream, speech: Speech, router: Router) {
    // Answers are small; without this, each byte of a slow one would wait for the next.
    let _ = stream.set_nodelay(true);
    match speech {
        Speech::None => pending().await,
        Speech::Plain => answer(stream, router).await,
        Speech::Tls(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, router).await;
            }
        }
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| route(router.clone(), request));
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn route(
    mut router: Router,
    request: Request<Incoming>,
) -> Result<Response<Body>, ConnectionCut> {
    let Ok(response) = router.call(request).await;
    if response.extensions().get::<Cut>().is_some() {
        return Err(ConnectionCut);
    }
    Ok(response)
}

/// The error that makes hyper close a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("a fault cuts the connection")]
struct ConnectionCut;
