//! The key set: whoever looks sees one generation, whole, and never an older one after a newer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bearward::key_store::KeyState;
use bearward::{ResourceServer, TokenCache};
use bearward_model::time;
use shuttle::future::{spawn, yield_now};

use crate::scene::{
    A, AUDIENCE, B, C, NOW, Origin, REFRESH, ask, assert_unavailable, explore, issuer, server,
};

/// The kids of each generation that anybody has seen.
type Seen = Arc<Mutex<BTreeMap<u64, Vec<String>>>>;

#[test]
fn generations_are_seen_whole_and_in_their_order() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        let seen = Seen::default();
        let is_done = Arc::new(AtomicBool::new(false));
        let readers = [(); 2].map(|()| {
            let (server, seen, is_done) = (server.clone(), Arc::clone(&seen), Arc::clone(&is_done));
            spawn(async move {
                let last = look_until(&is_done, &server, &seen).await;
                look(&server, &seen, last);
            })
        });
        server.attempted().await;
        // Each brings a set, and the newest is not replaced by one that was read before.
        origin.publish(&[&A, &B]);
        assert!(ask(&server, &B).await.is_ok());
        origin.publish(&[&B, &C]);
        assert!(ask(&server, &C).await.is_ok());
        is_done.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        let state = state(&server);
        assert_eq!(state.kids, ["b", "c"]);
        assert!(look(&server, &seen, (state.generation, "c")).0 == state.generation);
    });
}

async fn look_until<'a>(
    is_done: &AtomicBool,
    server: &ResourceServer,
    seen: &Seen,
) -> (u64, &'a str) {
    let mut last = (0, "");
    while !is_done.load(Ordering::SeqCst) {
        last = look(server, seen, last);
        yield_now().await;
    }
    last
}

/// What a reader sees next is nothing older than the `last` it saw.
fn look<'a>(server: &ResourceServer, seen: &Seen, last: (u64, &'a str)) -> (u64, &'a str) {
    let state = state(server);
    assert!(
        state.failed_fetches <= state.fetches,
        "{} of {} fetches failed",
        state.failed_fetches,
        state.fetches
    );
    let mut seen = seen.lock().unwrap();
    let kids = seen
        .entry(state.generation)
        .or_insert_with(|| state.kids.clone());
    assert_eq!(
        *kids, state.kids,
        "two sets in generation {}",
        state.generation
    );
    let newest = match state.kids.last().map(String::as_str) {
        Some("a") => "a",
        Some("b") => "b",
        Some("c") => "c",
        _ => "",
    };
    assert!(
        (state.generation, newest) >= last,
        "back from {last:?} to {state:?}"
    );
    assert!(newest >= last.1, "back from {last:?} to {state:?}");
    (state.generation, newest)
}

/// A flight that fails is counted once it has ended, and with it.
#[test]
fn no_more_fetches_have_failed_than_there_were() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        origin.go_down();
        let server = server(&origin);
        let reader = server.clone();
        let reader = spawn(async move {
            for _ in 0..4 {
                let state = state(&reader);
                assert!(state.failed_fetches <= state.fetches);
                assert!(state.fetches == 0 || state.last_error.is_some());
            }
        });
        assert_unavailable(&ask(&server, &A).await);
        reader.await.unwrap();
    });
}

/// Once the time of the keys is over, none of their tokens is accepted, remembered or not, until
/// there are new ones.
#[test]
fn t_key_06_keys_that_are_too_old_are_used_by_nobody() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = ResourceServer::builder()
            .issuer(issuer(AUDIENCE).stale_if_error(Duration::ZERO))
            .transport(origin.clone())
            .clock(|| NOW)
            .token_cache(TokenCache::new())
            .build()
            .unwrap();
        assert!(ask(&server, &A).await.is_ok());
        origin.go_down();
        let start = time::Instant::now();
        let readers = [(); 2].map(|()| {
            let server = server.clone();
            spawn(async move {
                let is_over = start.elapsed() >= REFRESH;
                let outcome = ask(&server, &A).await;
                assert!(!is_over || outcome.is_err(), "served by keys of long ago");
            })
        });
        time::pass(REFRESH);
        assert_unavailable(&ask(&server, &A).await);
        for reader in readers {
            reader.await.unwrap();
        }
    });
}

fn state(server: &ResourceServer) -> KeyState {
    let mut state = server.state().remove(0).keys;
    state.kids.sort();
    state
}
