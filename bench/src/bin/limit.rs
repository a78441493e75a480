//! What nobody who checks RS256 on this HTTP library can do without: `limit ADDRESS APPLICATION`.
//!
//! A server that looks at the signature of a token and at nothing else of it, with the key parsed
//! once. `/public` answers, `/direct` verifies and answers, anything else verifies and passes the
//! request on to the application, over one connection for each client's, the fields as they came.
//! One thread serves.

use std::convert::Infallible;
use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;
use base64_simd::URL_SAFE_NO_PAD;
use bearward_bench::contestants::parsed_key;
use bearward_core::Algorithm;
use bearward_testing::SigningKey;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

type Body = BoxBody<Bytes, hyper::Error>;
type Upstream = Mutex<Option<SendRequest<Incoming>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, application] = &arguments[..] else {
        panic!("limit ADDRESS APPLICATION");
    };
    let key = Arc::new(parsed_key(&SigningKey::first(Algorithm::Rs256)));
    let listener = TcpListener::bind(address).await.unwrap();
    println!("ready");
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (key, application) = (Arc::clone(&key), application.clone());
        tokio::spawn(async move {
            let upstream = Upstream::default();
            let service = service_fn(|request| answer(request, &key, &upstream, &application));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    key: &ParsedPublicKey,
    upstream: &Upstream,
    application: &str,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    if path == "/public" {
        return Ok(say(StatusCode::OK));
    }
    if !is_signed(&request, key) {
        return Ok(say(StatusCode::UNAUTHORIZED));
    }
    if path == "/direct" {
        return Ok(say(StatusCode::OK));
    }
    let mut upstream = upstream.lock().await;
    if upstream.is_none() {
        let stream = TcpStream::connect(application).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        *upstream = Some(sender);
    }
    let sender = upstream.as_mut().unwrap();
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    Ok(response.map(BodyExt::boxed))
}

fn say(status: StatusCode) -> Response<Body> {
    let text = Full::new(Bytes::from_static(b"ok"));
    let mut response = Response::new(text.map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response
}

fn is_signed(request: &Request<Incoming>, key: &ParsedPublicKey) -> bool {
    let token = request.headers().get(AUTHORIZATION);
    let token = token.and_then(|field| field.to_str().ok());
    let token = token.and_then(|field| field.strip_prefix("Bearer "));
    let Some((signed, signature)) = token.and_then(|token| token.rsplit_once('.')) else {
        return false;
    };
    let signature = URL_SAFE_NO_PAD.decode_to_vec(signature);
    signature.is_ok_and(|signature| key.verify_sig(signed.as_bytes(), &signature).is_ok())
}
