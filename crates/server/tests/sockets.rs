//! The real transport against the development issuer on a loopback socket; its faults are in
//! `faults`.

mod faults;

use std::time::Duration;

use bearward::core::jwk_set::JwkSetError;
use bearward::fetch::{ConnectFailure, FetchError, HttpTransport, TlsFailure};
use bearward::{Algorithm, Issuer, Policy, Rejection, ResourceServer};
use bearward_testing::issuer::Tls;
use bearward_testing::{DevIssuer, SigningKey, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::fixture::{
    AUDIENCE, KID_UNKNOWN, MILLISECOND, SECOND, decide_at_once, discovery_failures, last_error,
    no_usable_key, request, state,
};

async fn dev_issuer() -> DevIssuer {
    DevIssuer::start().await.unwrap()
}

fn policy(issuer: &DevIssuer) -> Policy {
    Policy::builder(issuer.url(), AUDIENCE).build().unwrap()
}

fn serving(source: Issuer, transport: HttpTransport) -> ResourceServer {
    ResourceServer::builder()
        .transport(transport)
        .issuer(source)
        .build()
        .unwrap()
}

fn discovering(issuer: &DevIssuer) -> ResourceServer {
    let source = Issuer::discover(policy(issuer));
    serving(source, HttpTransport::new().unwrap())
}

/// An issuer that answers one request a connection and does not say so: a second one on the same connection
/// would never be answered.
#[tokio::test]
async fn each_request_has_a_connection_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let metadata = format!(r#"{{"issuer":"{url}","jwks_uri":"{url}/jwks"}}"#);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            let is_jwks = head[..read].starts_with(b"GET /jwks ");
            let body = [&*metadata, r#"{"keys":[]}"#][usize::from(is_jwks)];
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            open.push(stream);
        }
    });
    let policy = Policy::builder(&*url, AUDIENCE).build().unwrap();
    let server = serving(Issuer::discover(policy), HttpTransport::new().unwrap());
    server.attempted().await;
    // The key set was fetched, and there is nothing in it.
    let expected = FetchError::from(no_usable_key(&serde_json::json!({"keys": []})));
    assert_eq!(last_error(&server), Some(expected));
}

/// Names that DNS may know, or not: the answers of a stranger would be keys of a stranger.
#[tokio::test]
async fn t_key_10_names_below_localhost_are_this_machine() {
    let issuer = dev_issuer().await;
    let port = issuer.url().rsplit(':').next().unwrap();
    for host in [
        "localhost",
        "id.localhost",
        "a.b.LOCALHOST",
        "id.localhost.",
    ] {
        let policy = Policy::builder(issuer.url(), AUDIENCE).build().unwrap();
        let source = Issuer::discover(policy).internal_origin(format!("http://{host}:{port}"));
        let server = serving(source, HttpTransport::new().unwrap());
        server.attempted().await;
        assert_eq!(last_error(&server), None, "{host}");
    }
}

async fn warm(issuer: &DevIssuer) -> ResourceServer {
    let server = discovering(issuer);
    server.attempted().await;
    assert_eq!(last_error(&server), None);
    server
}

async fn decide(server: &ResourceServer, token: &Token) -> Result<(), Rejection> {
    let request = request(&token.sign());
    server.authenticate(&request).await.map(|_| ())
}

fn with_kid(issuer: &DevIssuer, kid: &str) -> Token {
    let key = SigningKey::second(Algorithm::Rs256).with_kid(kid);
    issuer.user_token(AUDIENCE).key(key)
}

/// A request for each token, on all threads.
async fn all_at_once(server: &ResourceServer, tokens: Vec<String>) -> Vec<Result<(), Rejection>> {
    let mut requests = JoinSet::new();
    for token in tokens {
        let server = server.clone();
        let request = request(&token);
        requests.spawn(async move { server.authenticate(&request).await.map(|_| ()) });
    }
    requests.join_all().await
}

/// Polls until it is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let polling = async {
        while !is_so() {
            sleep(5 * MILLISECOND).await;
        }
    };
    timeout(10 * SECOND, polling).await.expect("it never is");
}

#[tokio::test]
async fn authgear_s_way_of_publishing_is_understood() {
    let issuer = dev_issuer().await;
    let server = discovering(&issuer);
    assert_eq!(decide(&server, &issuer.user_token(AUDIENCE)).await, Ok(()));
    assert_eq!(
        decide(&server, &issuer.machine_token(AUDIENCE)).await,
        Ok(())
    );
    assert!(server.is_ready());
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 1));
}

#[tokio::test]
async fn a_key_03_a_rotation_is_followed_at_once() {
    let issuer = dev_issuer().await;
    let server = warm(&issuer).await;
    let old = issuer.user_token(AUDIENCE);
    issuer.rotate().await.unwrap();
    assert_eq!(decide(&server, &issuer.user_token(AUDIENCE)).await, Ok(()));
    assert!(decide_at_once(&server, &old).is_ok());
    issuer.rotate_and_drop().await.unwrap();
    assert_eq!(decide(&server, &issuer.user_token(AUDIENCE)).await, Ok(()));
    // All removed `kid`s share one fetch, which others do not need.
    for _ in 0..3 {
        assert_eq!(decide(&server, &old).await.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 4));
}

#[tokio::test]
async fn a_key_06_304() {
    let issuer = DevIssuer::builder().etags().start().await.unwrap();
    let server = warm(&issuer).await;
    let unknown = with_kid(&issuer, "random");
    assert_eq!(decide(&server, &unknown).await.unwrap_err(), KID_UNKNOWN);
    assert_eq!(
        (issuer.fetches().jwks, issuer.fetches().not_modified),
        (2, 1)
    );
    assert_eq!(last_error(&server), None);
    assert_eq!(state(&server).generation, 1);
    assert!(decide_at_once(&server, &issuer.user_token(AUDIENCE)).is_ok());
    issuer.rotate().await.unwrap();
    assert_eq!(decide(&server, &issuer.user_token(AUDIENCE)).await, Ok(()));
    assert_eq!(
        (issuer.fetches().jwks, issuer.fetches().not_modified),
        (3, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_08_100_cold_requests_cost_one_fetch() {
    let issuer = dev_issuer().await;
    let token = issuer.user_token(AUDIENCE).sign();
    let server = discovering(&issuer);
    for decision in all_at_once(&server, vec![token; 100]).await {
        assert_eq!(decision, Ok(()));
    }
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t_key_01_200_random_kids_at_once_cost_two_fetches() {
    let issuer = dev_issuer().await;
    let server = warm(&issuer).await;
    // What comes while the first flight is under way shares the second.
    for batch in 0..2 {
        let kids = (0..100).map(|kid| format!("random-{batch}-{kid}"));
        let tokens = kids.map(|kid| with_kid(&issuer, &kid).sign()).collect();
        for decision in all_at_once(&server, tokens).await {
            assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
        }
    }
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 3));
    let good = issuer.user_token(AUDIENCE);
    assert!(decide_at_once(&server, &good).is_ok());
}

#[tokio::test]
async fn t_key_12_only_a_certificate_that_verifies() {
    for (tls, failure) in [
        (Tls::Expired, TlsFailure::Expired),
        (Tls::SelfSigned, TlsFailure::Authority),
        (Tls::WrongName, TlsFailure::Name),
    ] {
        let issuer = DevIssuer::builder().tls(tls).start().await.unwrap();
        let transport = match issuer.ca_pem() {
            Some(pem) => HttpTransport::with_root_certificates(pem.as_bytes()),
            None => HttpTransport::new(),
        };
        let server = serving(Issuer::discover(policy(&issuer)), transport.unwrap());
        server.attempted().await;
        assert_eq!(
            last_error(&server),
            Some(FetchError::Tls(failure)),
            "{tls:?}"
        );
        assert_eq!(issuer.fetches().discovery, 0, "{tls:?}");
    }
}

#[tokio::test]
async fn t_key_12_an_added_authority_is_trusted_and_no_other() {
    let tls = Tls::SignedByCa;
    let issuer = DevIssuer::builder().tls(tls).start().await.unwrap();
    let server = discovering(&issuer);
    server.attempted().await;
    assert_eq!(
        last_error(&server),
        Some(FetchError::Tls(TlsFailure::Authority))
    );

    let pem = issuer.ca_pem().unwrap().as_bytes();
    let transport = HttpTransport::with_root_certificates(pem).unwrap();
    let server = serving(Issuer::discover(policy(&issuer)), transport);
    assert_eq!(decide(&server, &issuer.user_token(AUDIENCE)).await, Ok(()));
}

#[tokio::test]
async fn a_key_05_up_before_the_issuer_and_healing_by_itself() {
    // An address where nobody listens, for a while.
    let first = dev_issuer().await;
    let address = first.addr();
    let policy = policy(&first);
    first.stop().await;
    let server = serving(Issuer::discover(policy), HttpTransport::new().unwrap());
    server.attempted().await;
    assert_eq!(
        last_error(&server),
        Some(FetchError::Connect(ConnectFailure::Refused))
    );
    assert!(!server.is_ready());

    let issuer = DevIssuer::builder().bind(address).start().await.unwrap();
    // The back-off step of about a second, at once.
    tokio::time::pause();
    tokio::time::advance(2 * SECOND).await;
    tokio::time::resume();
    until(|| server.is_ready()).await;
    let good = issuer.user_token(AUDIENCE);
    assert!(decide_at_once(&server, &good).is_ok());
}

#[tokio::test]
async fn an_internal_origin_sends_host_and_forwarded_proto() {
    let issuer = DevIssuer::builder()
        .public_origin("https://auth.example")
        .start()
        .await
        .unwrap();
    let internal = format!("http://{}", issuer.addr());
    let source = Issuer::discover(policy(&issuer)).internal_origin(&internal);
    let server = serving(source, HttpTransport::new().unwrap());
    assert_eq!(decide(&server, &issuer.user_token(AUDIENCE)).await, Ok(()));
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 1));

    // Asked under its internal name, it redirects to its public one, which is not followed.
    let internal_name = Policy::builder(&internal, AUDIENCE).build().unwrap();
    let source = Issuer::discover(internal_name);
    let server = serving(source, HttpTransport::new().unwrap());
    server.attempted().await;
    for (_, error) in discovery_failures(&server) {
        assert_eq!(error, FetchError::Redirect(307));
    }
}

#[tokio::test]
async fn cache_control_is_read_from_the_answer() {
    let issuer = DevIssuer::builder()
        .cache_control("max-age=300")
        .start()
        .await
        .unwrap();
    let server = warm(&issuer).await;
    // It is fresh for 300 s, not for the 600 s without: due after 240 s ± 10 %.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(200)).await;
    assert_eq!(issuer.fetches().jwks, 1);
    tokio::time::advance(Duration::from_secs(70)).await;
    tokio::time::resume();
    until(|| issuer.fetches().jwks == 2).await;
    assert!(!state(&server).is_stale);
}

/// A server that answers the first request with these bytes, whatever it is.
async fn raw(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    format!("http://{address}/jwks")
}

async fn fetched_raw(answer: impl Into<Vec<u8>>) -> FetchError {
    let url = raw(answer.into()).await;
    let policy = Policy::builder("https://auth.example", AUDIENCE).build();
    let source = Issuer::jwks_uri(policy.unwrap(), url);
    let server = serving(source, HttpTransport::new().unwrap());
    server.attempted().await;
    last_error(&server).expect("it is accepted")
}

#[tokio::test]
async fn t_key_13_nothing_is_decompressed() {
    // `{"keys":[]}` after some padding, in gzip: the header alone is enough to tell.
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
        content-encoding: gzip\r\ncontent-length: 10\r\n\r\n"
        .to_vec();
    answer.extend(gzip);
    let error = fetched_raw(answer).await;
    assert_eq!(error, JwkSetError::NotAJwkSet.into());
}

#[tokio::test]
async fn a_broken_answer_is_not_half_believed() {
    let keys = bearward_testing::keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]);
    // Whole JSON in an answer that says it is longer.
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{keys}");
    assert_eq!(fetched_raw(cut).await, FetchError::Interrupted);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{keys}\r\n",
        keys.to_string().len()
    );
    assert_eq!(fetched_raw(chunked).await, FetchError::Interrupted);
    assert_eq!(
        fetched_raw("not HTTP\r\n\r\n").await,
        FetchError::Interrupted
    );
    assert_eq!(fetched_raw("").await, FetchError::Interrupted);
}
