//! What is logged of a refusal: its reason, and nothing that the sender chose.

use std::io;
use std::sync::{Arc, Mutex};

use bearward_tower::BearerLayer;
use http::Request;
use tower::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::fixture::{answer, forged, good, server, who};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Everything that is logged while a request with this token is answered.
async fn logged(token: &str) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .without_time();
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let request = Request::get("/orders?access_tokens=secret")
        .header("authorization", format!("Bearer {token}"))
        .body(());
    let service = BearerLayer::new(&server()).layer(who());
    answer(&service, request.unwrap()).await;
    drop(guard);
    let log = log.0.lock().unwrap().clone();
    String::from_utf8(log).unwrap()
}

#[tokio::test]
async fn t_err_01_a_refusal_is_logged_by_its_reason_alone() {
    let token = forged().sign();
    let log = logged(&token).await;
    assert_eq!(
        log.lines()
            .filter(|line| line.contains("refused"))
            .collect::<Vec<_>>(),
        ["DEBUG bearward_tower::service: request refused reason=\"signature_invalid\""]
    );
    assert!(!log.contains("secret"), "{log}");
    for part in token.split('.') {
        assert!(!log.contains(part), "{log}");
    }
}

#[tokio::test]
async fn t_err_06_the_sender_chooses_nothing_in_the_log() {
    let token = good()
        .header("kid", "evil\r\n\u{1b}[31m")
        .claim("x", "evil")
        .sign();
    let log = logged(&token).await;
    assert!(log.contains("kid_unknown"), "{log}");
    assert!(!log.contains("evil"), "{log}");
}

#[tokio::test]
async fn an_admission_is_not_logged() {
    let log = logged(&good().sign()).await;
    assert!(!log.contains("bearward_tower"), "{log}");
}
