//! Start, TLS and stop.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bearward_testing::issuer::{StartError, Tls, User};
use bearward_testing::{Algorithm, DevIssuer, Fault, SigningKey};
use reqwest::{Certificate, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::browser::{self, Browser, json};

/// A client that trusts the authority of this issuer, if it has one.
fn trusting(issuer: &DevIssuer) -> Client {
    let mut builder = Client::builder().no_proxy();
    if let Some(pem) = issuer.ca_pem() {
        let ca = Certificate::from_pem(pem.as_bytes()).unwrap();
        builder = builder.tls_certs_only([ca]);
    }
    builder.build().unwrap()
}

async fn start(tls: Tls) -> DevIssuer {
    DevIssuer::builder().tls(tls).start().await.unwrap()
}

#[tokio::test]
async fn tls_by_the_ca_is_trusted_by_who_trusts_the_ca() {
    let issuer = start(Tls::SignedByCa).await;
    assert!(issuer.url().starts_with("https://127.0.0.1:"));
    let client = trusting(&issuer);
    let keys = client.get(issuer.jwks_uri()).send().await.unwrap();
    assert_eq!(
        json(keys).await["keys"][0],
        issuer.signing_key().public_jwk()
    );
    let stranger = Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(issuer.jwks_uri()).send().await.is_err());
}

#[tokio::test]
async fn bad_tls_is_refused_even_by_who_trusts_the_ca() {
    for (tls, expected) in [
        (Tls::Expired, "Expired"),
        (Tls::SelfSigned, "UnknownIssuer"),
        (Tls::WrongName, "NotValidForName"),
    ] {
        let issuer = start(tls).await;
        assert_eq!(issuer.ca_pem().is_none(), tls == Tls::SelfSigned);
        let error = trusting(&issuer).get(issuer.jwks_uri()).send().await;
        let error = format!("{:?}", error.unwrap_err());
        assert!(error.contains(expected), "{tls:?}: {error}");
        assert_eq!(issuer.fetches().jwks, 0);
    }
}

#[tokio::test]
async fn tls_turns_bad_and_good_again_on_demand() {
    let issuer = start(Tls::SignedByCa).await;
    let client = trusting(&issuer);
    let fetch = || client.get(issuer.jwks_uri()).send();
    for (tls, expected) in [
        (Tls::Expired, "Expired"),
        (Tls::SelfSigned, "UnknownIssuer"),
        (Tls::WrongName, "NotValidForName"),
        (Tls::Off, "InvalidMessage"),
    ] {
        // The connection that is kept open is not used again.
        assert_eq!(fetch().await.unwrap().status(), 200, "{tls:?}");
        let fetches = issuer.fetches();
        issuer.set_tls(tls).unwrap();
        let mut error = format!("{:?}", fetch().await.unwrap_err());
        if !error.contains(expected) {
            // It was on its way when its connection was closed.
            error = format!("{:?}", fetch().await.unwrap_err());
        }
        assert!(error.contains(expected), "{tls:?}: {error}");
        assert_eq!(issuer.fetches(), fetches, "{tls:?}");
        issuer.set_tls(Tls::SignedByCa).unwrap();
    }
}

#[tokio::test]
async fn silence_is_a_connection_and_nothing_more() {
    let issuer = start(Tls::Silent).await;
    assert!(issuer.url().starts_with("https://"));
    let mut stream = TcpStream::connect(issuer.addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut byte = [0];
    let heard = timeout(Duration::from_millis(100), stream.read(&mut byte)).await;
    assert!(heard.is_err(), "{heard:?}");
    issuer.set_tls(Tls::SignedByCa).unwrap();
    assert_eq!(stream.read(&mut byte).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn stop_closes_the_port() {
    let issuer = DevIssuer::start().await.unwrap();
    let address = issuer.addr();
    assert_eq!(Browser::new(&issuer).get("/fetches").await.status(), 200);
    issuer.stop().await;
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn stop_cuts_a_connection_that_hangs() {
    let issuer = DevIssuer::builder().fault(Fault::Hang).start();
    let issuer = issuer.await.unwrap();
    let request = browser::client().get(issuer.jwks_uri()).send();
    let waiting = tokio::spawn(request);
    issuer.wait_for_fetches(|fetches| fetches.jwks == 1).await;
    issuer.stop().await;
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn an_issuer_that_is_dropped_stops() {
    let issuer = DevIssuer::start().await.unwrap();
    let address = issuer.addr();
    drop(issuer);
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(10);
    timeout(patience, refused).await.unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let issuer = DevIssuer::start().await.unwrap();
    let error = DevIssuer::builder().bind(issuer.addr()).start().await;
    let expected = StartError::Bind {
        address: issuer.addr(),
        kind: io::ErrorKind::AddrInUse,
    };
    assert_eq!(error.unwrap_err(), expected);
}

#[tokio::test]
async fn an_issuer_that_listens_everywhere_is_named_by_loopback() {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let issuer = DevIssuer::builder().bind(everywhere).start().await.unwrap();
    let port = issuer.addr().port();
    assert_eq!(issuer.url(), format!("http://127.0.0.1:{port}"));
}

#[tokio::test]
async fn settings_that_make_no_sense_are_errors() {
    let builder = DevIssuer::builder;
    let secret = SigningKey::first(Algorithm::Hs256);
    for (settings, expected) in [
        (builder().keys([]), StartError::NoKey),
        (builder().keys([secret]), StartError::SymmetricKey),
        (builder().cache_control("a\nb"), StartError::CacheControl),
        (
            builder().public_origin("auth.example"),
            StartError::PublicOrigin,
        ),
        (
            builder().public_origin("https://auth.example/"),
            StartError::PublicOrigin,
        ),
        (
            builder().public_origin("ftp://auth.example"),
            StartError::PublicOrigin,
        ),
    ] {
        assert_eq!(settings.start().await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn debug_shows_no_secrets() {
    let builder = DevIssuer::builder().users([User::new("eve", "hush")]);
    let shown = format!("{builder:?}");
    let issuer = builder.start().await.unwrap();
    let shown = format!("{shown}{issuer:?}");
    assert!(shown.contains("eve"));
    assert!(!shown.contains("hush"));
    assert!(!shown.contains("machine-secret"));
}
