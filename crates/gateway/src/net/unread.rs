//! The unread rest of a request's body when the gateway itself answers. Over HTTP/1.1 the next
//! request follows that rest, so an answer sent before it ends the connection, and says so.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use hyper::body::{Body, Incoming};
use tokio::task::yield_now;

/// How many pieces of an unwanted body are read at most.
const PIECES: usize = 8;

/// Whether the body of an HTTP/1.1 request has arrived completely. Discards the part that has arrived,
/// and does not wait.
///
/// If `is_expected`, the client may be waiting for us to ask for the body.
pub(crate) async fn is_over(is_expected: bool, body: &mut Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    // Reading it would ask the client for it.
    if is_expected {
        return false;
    }
    for _ in 0..PIECES {
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await;
        match polled {
            Poll::Ready(Some(Ok(_))) if body.is_end_stream() => return true,
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => return false,
            Poll::Ready(None) => return true,
            // The connection may already have read more.
            Poll::Pending => yield_now().await,
        }
    }
    false
}
