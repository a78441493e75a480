//! The cache of verified tokens: an entry counts for the generation of keys that it was verified
//! with, and for no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bearward::core::rejection::InvalidToken;
use bearward::{ResourceServer, TokenCache, UnixTime};
use shuttle::future::spawn;

use crate::scene::{
    A, AUDIENCE, B, NOW, OF_A, Origin, Signed, ask, assert_refused, explore, issuer, server,
};

/// Whatever is selected, verified, remembered or looked up while the key goes.
#[test]
fn t_cch_01_no_principal_is_served_after_its_key_is_gone() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let server = server(&origin);
        let is_gone = Arc::new(AtomicBool::new(false));
        let readers = [(); 2].map(|()| {
            // Each for the first time, and each again.
            let tokens = OF_A.iter().chain(&*OF_A);
            let reason = InvalidToken::KidUnknown;
            spawn(read(server.clone(), tokens, Arc::clone(&is_gone), reason))
        });
        server.attempted().await;
        origin.publish(&[&B]);
        // It is answered by the keys without the other.
        assert!(ask(&server, &B).await.is_ok());
        is_gone.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        for signed in &*OF_A {
            assert_refused(&ask(&server, signed).await, InvalidToken::KidUnknown);
        }
    });
}

/// The end of a token is looked at on each hit, by the clock of then.
#[test]
fn t_cch_02_no_token_is_served_after_its_end() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let clock = Arc::new(AtomicU64::new(NOW.as_secs()));
        let now = Arc::clone(&clock);
        let server = ResourceServer::builder()
            .issuer(issuer(AUDIENCE))
            .transport(origin.clone())
            .clock(move || UnixTime::from_secs(now.load(Ordering::SeqCst)))
            .token_cache(TokenCache::new())
            .build()
            .unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let readers = [(); 2].map(|()| {
            let tokens = [&*A; 3].into_iter();
            let reason = InvalidToken::TokenExpired;
            spawn(read(server.clone(), tokens, Arc::clone(&is_over), reason))
        });
        server.attempted().await;
        // A day later, the longest that a token of the tests is valid.
        clock.fetch_add(2 * 24 * 60 * 60, Ordering::SeqCst);
        is_over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
    });
}

/// Asks for these tokens: once it `is_over`, none is served.
async fn read(
    server: ResourceServer,
    tokens: impl Iterator<Item = &'static Signed>,
    is_over: Arc<AtomicBool>,
    reason: InvalidToken,
) {
    for signed in tokens {
        let was_over = is_over.load(Ordering::SeqCst);
        let outcome = ask(&server, signed).await;
        match outcome {
            Ok(_) => assert!(!was_over, "served in the place of {reason:?}"),
            Err(_) => assert_refused(&outcome, reason),
        }
    }
}
