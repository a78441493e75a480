//! Waiting: whoever waits for a flight is told of its end. Time stands still, so nobody is saved by
//! a time limit.

use bearward_model::time;
use shuttle::future::{spawn, yield_now};

use crate::scene::{A, B, Origin, REFRESH, ask, assert_unavailable, explore, server};

/// The key was published before its token came. A flight under way may have read the set before
/// that: then it takes another one.
#[test]
fn a_key_03_a_new_key_is_found_by_all_who_wait_for_it() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        let mut requests = Vec::new();
        for _ in 0..2 {
            let (server, origin) = (server.clone(), origin.clone());
            requests.push(spawn(async move {
                origin.publish(&[&A, &B]);
                assert!(ask(&server, &B).await.is_ok());
            }));
        }
        assert!(ask(&server, &A).await.is_ok());
        for request in requests {
            request.await.unwrap();
        }
    });
}

/// The one that asked for the flight is among those that may go.
#[test]
fn a_client_that_goes_takes_nothing_from_the_others() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        server.attempted().await;
        origin.publish(&[&A, &B]);
        let mut requests = Vec::new();
        for _ in 0..3 {
            let server = server.clone();
            requests.push(spawn(async move { ask(&server, &B).await }));
        }
        let goes = requests.remove(0);
        goes.abort();
        for request in requests {
            assert!(request.await.unwrap().is_ok());
        }
        drop(goes);
        assert!(origin.flights() <= 3, "{} flights", origin.flights());
    });
}

/// Without keys, and with keys that do not have it.
#[test]
fn t_key_02_who_waits_is_told_that_the_issuer_is_down() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        origin.go_down();
        let server = server(&origin);
        let mut requests = Vec::new();
        for signed in [&*A, &*B] {
            let server = server.clone();
            requests.push(spawn(async move { ask(&server, signed).await }));
        }
        for request in requests {
            assert_unavailable(&request.await.unwrap());
        }
        origin.publish(&[&A]);
        time::pass(REFRESH);
        // The next attempt is due, and brings the keys; who comes in between is told to wait.
        let mut outcome = ask(&server, &A).await;
        while outcome.is_err() {
            assert_unavailable(&outcome);
            yield_now().await;
            outcome = ask(&server, &A).await;
        }
        origin.go_down();
        let other = server.clone();
        let other = spawn(async move { ask(&other, &B).await });
        assert_unavailable(&ask(&server, &B).await);
        assert_unavailable(&other.await.unwrap());
        // What is known is served on.
        assert!(ask(&server, &A).await.is_ok());
    });
}
