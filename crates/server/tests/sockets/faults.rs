//! Each fault of the development issuer, from the start and later on.
//!
//! What hangs would take its 5 s; there the clock is stopped once the fetch has arrived, and then
//! goes as fast as everybody waits.

use bearward::core::jwk_set::JwkSetError;
use bearward::fetch::{FetchError, HttpTransport};
use bearward::{Issuer, Policy, ResourceServer};
use bearward_testing::issuer::Tls;
use bearward_testing::keys::OddJwk;
use bearward_testing::{DevIssuer, Fault};
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{decide, dev_issuer, discovering, policy, serving, until, warm, with_kid};
use crate::fixture::{
    AUDIENCE, MILLISECOND, SECOND, decide_at_once, discovery_failures, last_error, no_usable_key,
    poll_once, reason, request, state,
};

async fn faulty(fault: Fault) -> DevIssuer {
    DevIssuer::builder().fault(fault).start().await.unwrap()
}

#[tokio::test]
async fn t_key_11_a_redirect_is_not_followed() {
    let issuer = faulty(Fault::Redirect).await;
    let server = discovering(&issuer);
    let refused = decide(&server, &issuer.user_token(AUDIENCE)).await;
    assert_eq!(refused.unwrap_err().reason(), "keys_unavailable");
    for (_, error) in discovery_failures(&server) {
        assert_eq!(error, FetchError::Redirect(307));
    }
    assert_eq!(issuer.fetches().redirected, 0);
    assert_eq!(issuer.fetches().jwks, 0);
}

/// With the issuer at fault from the start: a good token is answered 503, for this reason.
async fn cold(fault: Fault) -> (DevIssuer, ResourceServer) {
    let issuer = faulty(fault).await;
    let server = discovering(&issuer);
    let refused = decide(&server, &issuer.user_token(AUDIENCE)).await;
    assert_eq!(refused.unwrap_err().reason(), "keys_unavailable", "{fault}");
    assert!(!server.is_ready(), "{fault}");
    (issuer, server)
}

/// Two seconds of the five that a flight has, so that there is time for another address.
#[tokio::test]
async fn t_key_13_a_connection_that_does_not_come_about_ends_after_2_seconds() {
    // The queue of this listener is full: who connects next waits.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let short = 100 * MILLISECOND;
    while let Ok(stream) = timeout(short, TcpStream::connect(addr)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 100, "no queue is that long");
    }
    let policy = Policy::builder("https://id.example", AUDIENCE).build();
    let source = Issuer::jwks_uri(policy.unwrap(), format!("http://{addr}/jwks"));
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let server = serving(source, HttpTransport::new().unwrap());
    server.attempted().await;
    assert_eq!(began.elapsed().as_secs(), 2);
    assert!(last_error(&server).is_some());
}

#[tokio::test]
async fn t_key_08_cold_with_a_fault_in_the_keys() {
    for (fault, expected) in [
        (Fault::EmptySet, no_usable_key(&json!({"keys": []}))),
        (Fault::NoUsableKey, all_odd()),
        (Fault::TooManyKeys, JwkSetError::TooManyKeys),
    ] {
        let (issuer, server) = cold(fault).await;
        assert_eq!(last_error(&server), Some(expected.into()), "{fault}");
        assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 1));
    }
}

#[tokio::test]
async fn t_key_08_cold_with_a_fault_in_the_metadata() {
    for (fault, expected) in [
        (Fault::Down, FetchError::Interrupted),
        (Fault::Endless, FetchError::TooLarge),
        (Fault::Error500, FetchError::Status(500)),
        (Fault::Garbage, FetchError::NotMetadata),
        (Fault::HugeBody, FetchError::TooLarge),
        (Fault::JwksUriDowngrade, FetchError::UrlScheme),
        (Fault::JwksUriFile, FetchError::UrlScheme),
        (Fault::Redirect, FetchError::Redirect(307)),
        (
            Fault::WrongIssuer,
            FetchError::IssuerMismatch {
                named: "https://another.example".into(),
                configured: "".into(),
            },
        ),
    ] {
        let (issuer, server) = cold(fault).await;
        let mut expected = expected;
        if let FetchError::IssuerMismatch { configured, .. } = &mut expected {
            *configured = issuer.url().into();
        }
        let failures = discovery_failures(&server);
        assert_eq!(failures.len(), 2, "{fault}");
        for (_, error) in failures {
            assert_eq!(error, expected, "{fault}");
        }
        assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (2, 0));
    }
}

/// With good keys, and then the fault: the old keys stay.
#[tokio::test]
async fn t_key_05_warm_with_a_fault() {
    for (fault, expected) in [
        (Fault::Down, FetchError::Interrupted),
        (Fault::EmptySet, no_usable_key(&json!({"keys": []})).into()),
        (Fault::Endless, FetchError::TooLarge),
        (Fault::Error500, FetchError::Status(500)),
        (Fault::Garbage, JwkSetError::NotAJwkSet.into()),
        (Fault::HugeBody, FetchError::TooLarge),
        (Fault::NoUsableKey, all_odd().into()),
        (Fault::Redirect, FetchError::Redirect(307)),
        (Fault::TooManyKeys, JwkSetError::TooManyKeys.into()),
    ] {
        let issuer = dev_issuer().await;
        let server = warm(&issuer).await;
        let good = issuer.user_token(AUDIENCE);
        issuer.set_fault(fault);
        let refused = decide(&server, &with_kid(&issuer, "random")).await;
        assert_eq!(refused.unwrap_err().reason(), "keys_unavailable", "{fault}");
        // On a slow machine the fetch takes longer than the request waited for it.
        until(|| last_error(&server).is_some()).await;
        assert_eq!(last_error(&server), Some(expected), "{fault}");
        assert!(decide_at_once(&server, &good).is_ok(), "{fault}");
        assert_eq!(state(&server).generation, 1, "{fault}");
        assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 2));
        assert_eq!(issuer.fetches().redirected, 0);
    }
}

#[tokio::test]
async fn t_key_13_what_hangs_or_drips_ends_after_5_seconds() {
    for fault in [Fault::Hang, Fault::Slow] {
        let issuer = faulty(fault).await;
        let server = discovering(&issuer);
        issuer
            .wait_for_fetches(|fetches| fetches.discovery == 1)
            .await;
        tokio::time::pause();
        let start = tokio::time::Instant::now();
        server.attempted().await;
        assert!(start.elapsed() <= 5 * SECOND + MILLISECOND);
        assert_eq!(last_error(&server), Some(FetchError::Timeout), "{fault}");
        assert_eq!(issuer.fetches().discovery, 1, "{fault}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn t_dos_04_a_key_04_a_hanging_issuer_delays_no_good_token() {
    let issuer = dev_issuer().await;
    let server = warm(&issuer).await;
    let good = issuer.user_token(AUDIENCE);
    issuer.set_fault(Fault::Hang);
    let unknown = request(&with_kid(&issuer, "random").sign());
    let mut waiting = Box::pin(server.authenticate(&unknown));
    assert!(poll_once(waiting.as_mut()).is_none());
    issuer.wait_for_fetches(|fetches| fetches.jwks == 2).await;
    assert!(decide_at_once(&server, &good).is_ok());
    tokio::time::pause();
    let decision = waiting.await;
    assert_eq!(reason(&decision), "keys_unavailable");
    assert!(decide_at_once(&server, &good).is_ok());
}

#[tokio::test]
async fn t_prx_03_a_request_cancelled_mid_fetch() {
    let issuer = faulty(Fault::Hang).await;
    let server = discovering(&issuer);
    let good = issuer.user_token(AUDIENCE);
    {
        let request = request(&good.sign());
        let mut decision = Box::pin(server.authenticate(&request));
        assert!(poll_once(decision.as_mut()).is_none());
        issuer
            .wait_for_fetches(|fetches| fetches.discovery == 1)
            .await;
    }
    issuer.clear_fault();
    server.attempted().await;
    assert!(decide_at_once(&server, &good).is_ok());
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (1, 1));
}

#[tokio::test]
async fn t_key_07_odd_keys_among_good_ones() {
    let issuer = faulty(Fault::OddKeys).await;
    let server = warm(&issuer).await;
    assert_eq!(decide(&server, &issuer.user_token(AUDIENCE)).await, Ok(()));
    assert_eq!(state(&server).unusable.len(), OddJwk::ALL.len());
    for odd in OddJwk::ALL {
        let Some(signer) = odd.signing_key() else {
            continue;
        };
        let token = issuer.user_token(AUDIENCE).key(signer);
        let is_symmetric = *odd == OddJwk::Symmetric;
        let expected = ["kid_unknown", "alg_not_allowed"][usize::from(is_symmetric)];
        let mut refused = decide(&server, &token).await.unwrap_err();
        while refused.reason() == "keys_unavailable" {
            // On a slow machine the fetch takes longer than a request waits for it.
            refused = decide(&server, &token).await.unwrap_err();
        }
        assert_eq!(refused.reason(), expected, "{odd}");
    }
}

#[tokio::test]
async fn t_key_10_no_downgrade_from_https() {
    let issuer = DevIssuer::builder()
        .tls(Tls::SignedByCa)
        .fault(Fault::JwksUriDowngrade)
        .start()
        .await
        .unwrap();
    let pem = issuer.ca_pem().unwrap().as_bytes();
    let transport = HttpTransport::with_root_certificates(pem).unwrap();
    let server = serving(Issuer::discover(policy(&issuer)), transport);
    server.attempted().await;
    for (_, error) in discovery_failures(&server) {
        assert_eq!(error, FetchError::UrlScheme);
    }
}

/// As the dev issuer spoils its key set.
fn all_odd() -> JwkSetError {
    let keys: Vec<_> = OddJwk::ALL.iter().map(|odd| odd.jwk()).collect();
    no_usable_key(&json!({ "keys": keys }))
}
