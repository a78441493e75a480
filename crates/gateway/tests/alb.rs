//! Behind an AWS Application Load Balancer that authenticates users: the profile `aws-alb`, from the
//! configuration to the application.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bearward_testing::{Algorithm, SigningKey, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::running::{Running, get, status};

const ISSUER: &str = "https://id.example";
const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";
const KID: &str = "6e1b4a0c-9d0f-4a53-8f4c-0a1b2c3d4e5f";

fn key() -> SigningKey {
    SigningKey::first(Algorithm::Es256).with_kid(KID)
}

/// What the load balancer puts into `X-Amzn-Oidc-Data`, for two minutes as it does.
fn data() -> Token {
    let now = SystemTime::now().into();
    Token::id_token(ISSUER, "unused", now)
        .without_claim("aud")
        .without_claim("iat")
        .claim("email", "alias@example.com")
        .expires_in(Duration::from_secs(120))
        .key(key())
        .header("signer", ARN)
        .header("client", "client-id")
        .header("iss", ISSUER)
}

/// A server that answers as this function says of what it gets, and how often it was asked.
async fn serve(
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (count, answer) = (Arc::<AtomicUsize>::default(), Arc::new(answer));
    let asked = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            asked.fetch_add(1, Ordering::SeqCst);
            let answer = answer(&head_of(&mut stream).await);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, count)
}

async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The endpoint of a region, with one key.
async fn key_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let target = format!("GET /{KID} ");
    serve(move |head| match head.starts_with(&target) {
        true => response("200 OK", &key().public_key_pem().expect("a public key")),
        false => response("404 Not Found", ""),
    })
    .await
}

fn configuration(keys: SocketAddr, app: SocketAddr) -> String {
    format!(
        "[[issuers]]\nissuer = '{ISSUER}'\nprofile = 'aws-alb'\naudiences = ['{ARN}']\n\
         jwks_uri = 'http://{keys}/{{kid}}'\n\
         [[protection.sources]]\nfield = 'X-Amzn-Oidc-Data'\n\
         [[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n\
         [upstreams.app]\nurls = 'http://{app}'\n\
         [listen.proxy]\naddress = '127.0.0.1:0'\n\
         [listen.forward_auth]\naddress = '127.0.0.1:0'\n\
         [listen.admin]\naddress = '127.0.0.1:0'\n"
    )
}

#[tokio::test]
async fn t_req_11_what_a_load_balancer_says_is_verified_by_the_reverse_proxy() {
    let (keys, fetches) = key_server().await;
    let (app, _) = serve(|head| response("200 OK", head)).await;
    let running = Running::start(&configuration(keys, app)).await;
    let (door, admin) = (running.address("proxy"), running.address("admin"));
    // No token has arrived, and there is nothing to wait for.
    assert_eq!(status(&get(admin, "/readyz", "").await), 200);
    assert_eq!(fetches.load(Ordering::SeqCst), 0);

    let carrying = |token: &str| format!("X-Amzn-Oidc-Data: {token}\r\n");
    for _ in 0..3 {
        let answer = get(door, "/orders", &carrying(&data().sign_padded())).await;
        assert_eq!(status(&answer), 200, "{answer}");
        let subject = format!("x-bearward-subject: {}", bearward_testing::token::SUBJECT);
        assert!(answer.contains(&subject), "{answer}");
        assert!(
            answer.contains("x-bearward-client-id: client-id"),
            "{answer}"
        );
        // The token stays here.
        assert!(
            !answer.to_ascii_lowercase().contains("x-amzn-oidc-data"),
            "{answer}"
        );
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);

    for (token, code) in [
        (
            data().header("signer", format!("{ARN}0")).sign_padded(),
            401,
        ),
        (data().without_header("signer").sign_padded(), 401),
        (data().without_claim("exp").sign_padded(), 401),
        (data().key(key().with_kid("../x")).sign_padded(), 401),
        (
            data()
                .key(SigningKey::second(Algorithm::Es256).with_kid(KID))
                .sign_padded(),
            401,
        ),
        (format!("{}=", data().sign_padded()), 401),
        (format!("Bearer {}", data().sign_padded()), 400),
        (
            data()
                .key(key().with_kid(KID.replace("6e", "6f")))
                .sign_padded(),
            401,
        ),
    ] {
        let answer = get(door, "/orders", &carrying(&token)).await;
        assert_eq!(status(&answer), code, "{answer}");
    }
    // The last one names a key that is not there.
    assert_eq!(fetches.load(Ordering::SeqCst), 2);
    assert_eq!(status(&get(door, "/orders", "").await), 401);
    let state = get(admin, "/issuers", "").await;
    assert!(state.contains(KID), "{state}");
    running.stop().await;
}

#[tokio::test]
async fn t_req_11_what_a_load_balancer_says_is_verified_by_forward_auth() {
    let (keys, fetches) = key_server().await;
    let (app, _) = serve(|head| response("200 OK", head)).await;
    let running = Running::start(&configuration(keys, app)).await;
    let door = running.address("forward auth");
    let asking = |fields: &str| {
        format!(
            "X-Original-URI: /orders\r\nX-Original-Method: GET\r\nX-Original-Host: a.example\r\n{fields}"
        )
    };
    let token = data().sign_padded();
    for (fields, code) in [
        (format!("X-Amzn-Oidc-Data: {token}\r\n"), 200),
        (
            format!(
                "X-Amzn-Oidc-Data: {}\r\n",
                data().header("signer", "other").sign_padded()
            ),
            401,
        ),
        (
            format!("X-Amzn-Oidc-Data: {token}\r\nAuthorization: Bearer {token}\r\n"),
            401,
        ),
        (format!("X-Amzn-Oidc-Data: {token}\r\n"), 200),
    ] {
        let answer = get(door, "/auth/nginx", &asking(&fields)).await;
        assert_eq!(status(&answer), code, "{answer}");
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    running.stop().await;
}

/// Nor does the sender learn that the key server is down, other than by the status.
#[tokio::test]
async fn a_key_server_that_answers_no_key_is_the_operators_problem() {
    let (keys, _) = serve(|_| response("200 OK", "{\"keys\":[]}")).await;
    let running = Running::start(&configuration(keys, keys)).await;
    let (door, admin) = (running.address("proxy"), running.address("admin"));
    let fields = format!("X-Amzn-Oidc-Data: {}\r\n", data().sign_padded());
    assert_eq!(status(&get(door, "/", &fields).await), 503);
    let state = get(admin, "/issuers", "").await;
    assert!(
        state.contains("not a public key as one PEM block"),
        "{state}"
    );
    assert_eq!(status(&get(admin, "/readyz", "").await), 200);
    running.stop().await;
}
