//! Fetching: one flight at a time, and no more of them than the budget has.

use std::time::Duration;

use bearward::core::rejection::{InvalidToken, Rejection};
use bearward::{Principal, ResourceServer};
use bearward_model::time;
use shuttle::future::{JoinHandle, spawn};

use crate::scene::{A, B, Origin, REFRESH, Signed, UNKNOWN, ask, assert_refused, explore, server};

type Outcome = Result<Principal, Rejection>;

/// Whatever happens to be due: the first attempt, a refresh, a retry, an unknown key.
#[test]
fn there_is_one_flight_at_a_time() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        let requests = [&*A, &*B, &UNKNOWN[0]].map(|signed| asking(&server, signed));
        let failing = origin.clone();
        let time = spawn(async move {
            time::pass(REFRESH);
            failing.go_down();
            time::pass(REFRESH);
        });
        origin.publish(&[&A, &B]);
        for request in requests {
            // Those whose time runs out are answered with 503.
            let _ = request.await.unwrap();
        }
        time.await.unwrap();
    });
}

/// Time stands still: the first flight, and two for whatever number of unknown keys.
#[test]
fn t_key_01_unknown_keys_cost_two_flights() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        for outcome in ask_for_unknown_keys(&server).await {
            assert_refused(&outcome, InvalidToken::KidUnknown);
        }
        assert!(origin.flights() <= 3, "{} flights", origin.flights());
    });
}

#[test]
fn t_key_01_and_one_more_after_30_seconds() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        let time = spawn(async { time::pass(Duration::from_secs(30)) });
        for outcome in ask_for_unknown_keys(&server).await {
            match outcome {
                Err(Rejection::Unavailable(_)) => {}
                outcome => assert_refused(&outcome, InvalidToken::KidUnknown),
            }
        }
        time.await.unwrap();
        assert!(origin.flights() <= 4, "{} flights", origin.flights());
    });
}

#[test]
fn two_requests_at_the_start_cost_one_flight() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        let other = asking(&server, &A);
        assert!(ask(&server, &A).await.is_ok());
        assert!(other.await.unwrap().is_ok());
        assert_eq!(origin.flights(), 1);
    });
}

/// Two clients, each with one after the other: what an earlier flight has shown is no news of them.
async fn ask_for_unknown_keys(server: &ResourceServer) -> Vec<Outcome> {
    let clients = [&UNKNOWN[..3], &UNKNOWN[3..]].map(|tokens| {
        let server = server.clone();
        spawn(async move {
            let mut outcomes = Vec::new();
            for signed in tokens {
                outcomes.push(ask(&server, signed).await);
            }
            outcomes
        })
    });
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    all
}

fn asking(server: &ResourceServer, signed: &'static Signed) -> JoinHandle<Outcome> {
    let server = server.clone();
    spawn(async move { ask(&server, signed).await })
}
