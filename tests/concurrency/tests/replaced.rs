//! Keys that are replaced under their names or removed, amid the tokens of others: forged ones, and
//! those that honest clients go on sending.

use std::time::Duration;

use bearward::ResourceServer;
use bearward::core::rejection::InvalidToken;
use bearward_model::time;
use shuttle::future::{JoinHandle, spawn};

use crate::scene::{
    A, ANOTHER_A, B, C, FORGED, Origin, Signed, UNKNOWN, ask, assert_refused, explore, server,
};

/// After that, an issuer is believed to have replaced a key under its name.
const OLD: Duration = Duration::from_secs(31);

/// Wherever the forged ones are when the new key comes: the one flight that made-up keys have left is
/// for it.
#[test]
fn t_key_26_forged_signatures_do_not_delay_a_rotation() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        server.attempted().await;
        for made_up in &UNKNOWN[..2] {
            assert_refused(&ask(&server, made_up).await, InvalidToken::KidUnknown);
        }
        time::pass(OLD);
        let floods =
            [(); 2].map(|()| flood(&server, [&*FORGED; 3], InvalidToken::SignatureInvalid));
        origin.publish(&[&A, &B]);
        assert!(ask(&server, &B).await.is_ok());
        for flood in floods {
            flood.await.unwrap();
        }
        assert!(ask(&server, &A).await.is_ok());
        assert_eq!(origin.flights(), 1 + 2 + 1);
    });
}

/// The same for those whose keys were removed, whichever is asked about first.
#[test]
fn t_key_26_tokens_of_a_removed_key_do_not_delay_a_rotation() {
    explore(|| async {
        let origin = Origin::publishing(&[&A, &UNKNOWN[0]]);
        let server = server(&origin);
        server.attempted().await;
        origin.publish(&[&B]);
        assert!(ask(&server, &B).await.is_ok());
        let gone = [&*A, &UNKNOWN[0], &*A];
        let floods = [(); 2].map(|()| flood(&server, gone, InvalidToken::KidUnknown));
        origin.publish(&[&B, &C]);
        assert!(ask(&server, &C).await.is_ok());
        for flood in floods {
            flood.await.unwrap();
        }
        // The first, one for each new key, one for what is gone; and one more where a flight that
        // was under way had read the set before the last key came.
        assert!(origin.flights() <= 5, "{} flights", origin.flights());
    });
}

/// Whoever asks for the flight, all that are in want of the key are tried with what it brings.
#[test]
fn t_jws_22_a_replaced_key_is_found_amid_forged_signatures() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        server.attempted().await;
        time::pass(OLD);
        origin.publish(&[&ANOTHER_A]);
        let flood = flood(&server, [&*FORGED; 3], InvalidToken::SignatureInvalid);
        let other = server.clone();
        let other = spawn(async move { ask(&other, &ANOTHER_A).await });
        assert!(ask(&server, &ANOTHER_A).await.is_ok());
        assert!(other.await.unwrap().is_ok());
        flood.await.unwrap();
        assert_refused(&ask(&server, &A).await, InvalidToken::SignatureInvalid);
        assert_eq!(origin.flights(), 2);
    });
}

/// The key is replaced while forged ones have the set fetched: it may have been read before, and is
/// then believed for 30 s and no longer.
#[test]
fn t_jws_22_a_key_replaced_during_a_fetch_is_found_after_30_seconds() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        server.attempted().await;
        time::pass(OLD);
        let flood = flood(&server, [&*FORGED; 3], InvalidToken::SignatureInvalid);
        origin.publish(&[&ANOTHER_A]);
        let outcome = ask(&server, &ANOTHER_A).await;
        if outcome.is_err() {
            assert_refused(&outcome, InvalidToken::SignatureInvalid);
        }
        flood.await.unwrap();
        time::pass(OLD);
        assert!(ask(&server, &ANOTHER_A).await.is_ok());
    });
}

/// Asks with each of these tokens, which are refused for this reason.
fn flood(
    server: &ResourceServer,
    tokens: [&'static Signed; 3],
    reason: InvalidToken,
) -> JoinHandle<()> {
    let server = server.clone();
    spawn(async move {
        for signed in tokens {
            assert_refused(&ask(&server, signed).await, reason);
        }
    })
}
