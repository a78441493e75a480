//! A clock that jumps: set by hand, or by NTP after a start without a battery. Tokens are judged by
//! it, at every hit of the cache too; what keys have is time that passes, and jumps do not touch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bearward::{Issuer, ResourceServer, TokenCache, UnixTime};
use tempfile::tempdir;
use tokio::time::sleep;

use crate::fixture::{
    HOUR, JWKS, MILLISECOND, START, decide_at_once, good, issuer, key, next_key, policy, reason,
    state,
};
use crate::network::{Network, Reply};

/// Seconds since 1970, until it is set anew: time passes only for the runtime.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn at(time: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(time.as_secs())))
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    fn serving(
        &self,
        network: &Network,
        source: Issuer,
        cache: Option<TokenCache>,
    ) -> ResourceServer {
        let clock = self.clone();
        let mut builder = ResourceServer::builder()
            .transport(network.clone())
            .clock(move || UnixTime::from_secs(clock.0.load(Ordering::Relaxed)))
            .issuer(source);
        if let Some(cache) = cache {
            builder = builder.token_cache(cache);
        }
        builder.build().unwrap()
    }
}

/// Where the clock jumps to, and what becomes of a token of an hour, issued when it was right.
fn jumps() -> [(u64, Option<&'static str>); 11] {
    let start = START.as_secs();
    [
        (0, Some("iat_in_future")),
        (start - 3600, Some("iat_in_future")),
        // The leeway of 30 s, to both sides.
        (start - 31, Some("iat_in_future")),
        (start - 30, None),
        (start + 1800, None),
        (start + 3600 + 29, None),
        (start + 3600 + 30, Some("token_expired")),
        (start + 10 * 86_400, Some("token_expired")),
        (UnixTime::MAX.as_secs(), Some("token_expired")),
        (UnixTime::MAX.as_secs() + 1, Some("token_expired")),
        (u64::MAX, Some("token_expired")),
    ]
}

#[tokio::test(start_paused = true)]
async fn t_clm_04_t_cch_02_a_jump_judges_tokens_and_leaves_keys_alone() {
    let token = good().expires_in(HOUR);
    for cache in [None, Some(TokenCache::new())] {
        for (to, expected) in jumps() {
            let network = issuer();
            let clock = Clock::at(START);
            let source = Issuer::jwks_uri(policy(), JWKS);
            let server = clock.serving(&network, source, cache);
            server.attempted().await;
            sleep(MILLISECOND).await;
            assert!(decide_at_once(&server, &token).is_ok());

            clock.set(to);
            let decision = decide_at_once(&server, &token);
            let found = decision.as_ref().err().map(|_| reason(&decision));
            assert_eq!(found, expected, "{to}");
            assert!(server.is_ready(), "{to}");
            assert!(!state(&server).is_stale, "{to}");
            assert_eq!(network.count(), 1, "{to}");

            // And back: nothing was remembered that should not be.
            clock.set(START.as_secs());
            assert!(decide_at_once(&server, &token).is_ok(), "{to}");
            assert_eq!(network.count(), 1, "{to}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_03_whatever_the_clock_says_keys_are_refreshed_in_their_time_and_rotations_followed()
{
    for at in [0, START.as_secs(), UnixTime::MAX.as_secs() - 3600] {
        let network = issuer();
        let clock = Clock::at(START);
        let source = Issuer::jwks_uri(policy(), JWKS);
        let server = clock.serving(&network, source, Some(TokenCache::new()));
        server.attempted().await;
        clock.set(at);
        let now = UnixTime::from_secs(at);
        let token = good().claim("iat", at).expires_at(now.plus(HOUR));
        assert!(decide_at_once(&server, &token).is_ok(), "{at}");
        sleep(HOUR).await;
        // Each is due after 432 s to 528 s.
        assert!(
            (6..=9).contains(&network.count()),
            "{at}: {}",
            network.count()
        );
        let state = state(&server);
        assert_eq!(state.fetched_at, Some(now), "{at}");
        assert!(state.is_usable && !state.is_stale, "{at}");

        network.serve(JWKS, Reply::keys([&next_key()]));
        let rotated = token.clone().key(next_key());
        assert!(
            server
                .authenticate(&crate::fixture::request(&rotated.sign()))
                .await
                .is_ok()
        );
        sleep(MILLISECOND).await;
        assert!(decide_at_once(&server, &rotated).is_ok(), "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_06_a_snapshot_of_a_wrong_clock_is_not_used_and_replaced() {
    for wrong in [0, UnixTime::MAX.as_secs(), u64::MAX] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let source = || Issuer::jwks_uri(policy(), JWKS).snapshot(&path);
        let network = issuer();
        let server = Clock::at(UnixTime::from_secs(wrong)).serving(&network, source(), None);
        server.attempted().await;
        sleep(MILLISECOND).await;
        drop(server);
        assert!(path.exists(), "{wrong}");

        network.serve(JWKS, Reply::status(500));
        let clock = Clock::at(START);
        assert!(
            !clock.serving(&network, source(), None).is_ready(),
            "{wrong}"
        );

        network.serve(JWKS, Reply::keys([&key()]));
        let server = clock.serving(&network, source(), None);
        server.attempted().await;
        sleep(MILLISECOND).await;
        drop(server);
        network.serve(JWKS, Reply::status(500));
        assert!(
            clock.serving(&network, source(), None).is_ready(),
            "{wrong}"
        );
    }
}
