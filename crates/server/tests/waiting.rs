//! Who waits for a fetch, who does not, and whose the fetch is.

use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use bearward::{Issuer, Rejection};
use tokio::runtime;
use tokio::task::{JoinSet, spawn_blocking, yield_now};
use tokio::time::{Instant, sleep, timeout};

use crate::fixture::{
    HOUR, JWKS, KID_UNKNOWN, METADATA, MILLISECOND, MINUTE, SECOND, decide, decide_at_once,
    discovering, fetching, good, issuer, key, last_error, next_key, policy, poll_once, reason,
    request, serving, state, warm, with_kid,
};
use crate::network::Reply;

#[tokio::test(start_paused = true)]
async fn a_key_08_100_cold_requests_cost_one_fetch_and_all_are_good() {
    let network = issuer();
    let server = discovering(&network);
    let token = good().sign();
    let mut requests = JoinSet::new();
    for at in 0..100 {
        let server = server.clone();
        let request = request(&token);
        requests.spawn(async move {
            sleep(at * MILLISECOND).await;
            server.authenticate(&request).await
        });
    }
    network.serve(JWKS, Reply::keys([&key()]).late(50 * MILLISECOND));
    for decision in requests.join_all().await {
        assert!(decision.is_ok());
    }
    assert_eq!(network.urls(), [METADATA, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn t_key_03_a_cold_request_waits_for_one_fetch_timeout_at_most() {
    let network = issuer();
    network.serve(METADATA, Reply::Hang);
    let server = discovering(&network);
    let mut requests = JoinSet::new();
    for at in [0, 1, 4] {
        let server = server.clone();
        requests.spawn(async move {
            sleep(at * SECOND).await;
            let arrived = Instant::now();
            let decision = decide(&server, &good()).await;
            (reason(&decision), arrived.elapsed())
        });
    }
    for (reason, waited) in requests.join_all().await {
        assert_eq!(reason, "keys_unavailable");
        assert!(waited <= 5 * SECOND, "{waited:?}");
    }
    assert_eq!(network.count(), 1);
    // From now on nobody waits.
    let decision = decide_at_once(&server, &good());
    assert_eq!(reason(&decision), "keys_unavailable");
}

#[tokio::test(start_paused = true)]
async fn t_key_03_a_flight_takes_5_seconds_in_all() {
    let network = issuer();
    let metadata = Reply::metadata(crate::fixture::ISSUER, JWKS);
    network.serve(METADATA, metadata.late(3 * SECOND));
    network.serve(JWKS, Reply::keys([&key()]).late(3 * SECOND));
    let start = Instant::now();
    let server = discovering(&network);
    server.attempted().await;
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert_eq!(
        last_error(&server),
        Some(bearward::fetch::FetchError::Timeout)
    );
}

#[tokio::test(start_paused = true)]
async fn t_key_03_the_others_decide_at_once() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::Hang);
    let mut waiting = JoinSet::new();
    for kid in 0..100 {
        let server = server.clone();
        waiting.spawn(async move { decide(&server, &with_kid(&kid.to_string())).await });
    }
    sleep(MILLISECOND).await;
    assert_eq!(network.count(), 2);
    assert!(decide_at_once(&server, &good()).is_ok());
    let expired = good().expires_at(crate::fixture::START);
    sleep(MINUTE).await;
    assert_eq!(reason(&decide_at_once(&server, &expired)), "token_expired");
    for decision in waiting.join_all().await {
        assert_eq!(reason(&decision), "keys_unavailable");
    }
}

#[tokio::test(start_paused = true)]
async fn t_dos_04_a_refresh_delays_no_request() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::Hang);
    // The refresh is due after 8 min ± 10 %, and hangs for 5 s.
    while network.count() == 1 {
        sleep(SECOND).await;
        assert!(decide_at_once(&server, &good()).is_ok());
    }
    sleep(2 * SECOND).await;
    assert!(last_error(&server).is_none(), "it is still under way");
    assert!(decide_at_once(&server, &good()).is_ok());
    sleep(HOUR).await;
    assert!(state(&server).is_stale);
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_prx_03_a_request_cancelled_mid_fetch_does_not_stop_the_flight() {
    let network = issuer();
    let (release, held) = Reply::keys([&key()]).held();
    network.serve(JWKS, held);
    let server = discovering(&network);
    {
        let request = request(&good().sign());
        let mut decision = pin!(server.authenticate(&request));
        assert!(poll_once(decision.as_mut()).is_none());
        sleep(MILLISECOND).await;
        assert!(poll_once(decision.as_mut()).is_none());
        assert_eq!(network.urls(), [METADATA, JWKS]);
    }
    release.send_replace(true);
    server.attempted().await;
    assert!(decide_at_once(&server, &good()).is_ok());
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn t_prx_03_one_cancelled_for_an_unknown_kid_does_not_either() {
    let network = issuer();
    let server = warm(&network).await;
    let (release, held) = Reply::keys([&next_key()]).held();
    network.serve(JWKS, held);
    {
        let request = request(&good().key(next_key()).sign());
        let mut decision = pin!(server.authenticate(&request));
        assert!(poll_once(decision.as_mut()).is_none());
    }
    sleep(MILLISECOND).await;
    release.send_replace(true);
    sleep(MILLISECOND).await;
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn cold_requests_with_random_kids_do_not_cost_a_fetch_each() {
    let network = issuer();
    let server = fetching(&network);
    let mut requests = JoinSet::new();
    for kid in 0..100 {
        let server = server.clone();
        requests.spawn(async move { decide(&server, &with_kid(&kid.to_string())).await });
    }
    for decision in requests.join_all().await {
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert!(network.count() <= 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_server_stops_its_task() {
    let network = issuer();
    let server = warm(&network).await;
    assert_eq!(network.holders(), 1);
    let clone = server.clone();
    drop(server);
    sleep(HOUR).await;
    let fetched = network.count();
    assert!(fetched > 1, "a clone keeps the keys fresh");
    drop(clone);
    yield_now().await;
    assert_eq!(network.holders(), 0);
    sleep(HOUR).await;
    assert_eq!(network.count(), fetched);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_server_stops_a_flight_that_hangs() {
    let network = issuer();
    network.serve(JWKS, Reply::Hang);
    let server = fetching(&network);
    sleep(MILLISECOND).await;
    assert_eq!(network.count(), 1);
    drop(server);
    yield_now().await;
    assert_eq!(network.holders(), 0);
}

/// In real time, with a disk that does not answer: its one thread is taken.
#[test]
fn t_dos_04_a_snapshot_being_written_delays_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (release, released) = mpsc::channel::<()>();
    let decision = runtime.block_on(async {
        let stuck = spawn_blocking(move || released.recv());
        let network = issuer();
        let issuer = Issuer::jwks_uri(policy(), JWKS).snapshot(path);
        let server = serving(&network, issuer);
        let decision = timeout(Duration::from_secs(2), decide(&server, &good())).await;
        drop(release);
        let _ = stuck.await;
        decision
    });
    assert!(decision.expect("the request waits for the disk").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_the_keys_needs_no_keys() {
    let network = issuer();
    network.serve(JWKS, Reply::Hang);
    let server = fetching(&network);
    let decision = decide_at_once(&server, &good().header("typ", "JWT"));
    assert_eq!(reason(&decision), "typ_not_accepted");
    let empty = http::Request::new(());
    let decision = poll_once(pin!(server.authenticate(&empty)));
    assert_eq!(decision.unwrap().unwrap_err(), Rejection::NoCredentials);
}
