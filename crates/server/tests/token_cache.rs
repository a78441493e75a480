//! The cache of verified tokens: what it may answer, and what it must never.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bearward::core::rejection::InvalidToken;
use bearward::fetch::FetchError;
use bearward::resource_server::ResourceServerBuilder;
use bearward::token_cache::TokenCacheState;
use bearward::{
    Issuer, JwkSet, Policy, ProtectionSpace, Rejection, Requirements, ResourceServer, TokenCache,
    UnixTime,
};
use bearward_testing::keys::jwk_set;
use bearward_testing::{SigningKey, Token};
use tokio::time::sleep;

use crate::fixture::{
    AUDIENCE, DAY, HOUR, ISSUER, JWKS, KID_UNKNOWN, MILLISECOND, MINUTE, SECOND, START, builder,
    decide, decide_at_once, decide_text, good, issuer, key, next_key, policy, policy_of, poll_once,
    reason, refetch, request, settings, state,
};
use crate::network::{Network, Reply};

const OTHER: &str = "https://other.example";
const OTHER_JWKS: &str = "https://other.example/jwks";

/// Keys from the network, verified tokens remembered; after its first flight.
async fn remembering(network: &Network, cache: TokenCache) -> ResourceServer {
    let server = builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .token_cache(cache)
        .build()
        .unwrap();
    server.attempted().await;
    sleep(MILLISECOND).await;
    server
}

fn counted(server: &ResourceServer) -> TokenCacheState {
    server.token_cache().unwrap()
}

/// Whether this decision came out of the cache.
async fn is_hit(server: &ResourceServer, token: &Token) -> bool {
    let before = counted(server).hits;
    let _ = decide(server, token).await;
    counted(server).hits > before
}

#[tokio::test(start_paused = true)]
async fn a_cch_01_the_second_time_decides_the_same() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let first = decide_at_once(&server, &good()).unwrap();
    let second = decide_at_once(&server, &good()).unwrap();
    assert_eq!((counted(&server).hits, counted(&server).misses), (1, 1));
    assert_eq!(first.issuer(), second.issuer());
    assert_eq!(first.subject(), second.subject());
    assert_eq!(first.client_id(), second.client_id());
    assert_eq!(first.kind(), second.kind());
    assert_eq!(first.expires_at(), second.expires_at());
    assert_eq!(first.all_claims().as_json(), second.all_claims().as_json());
}

/// Without a call for it, nothing is remembered.
#[tokio::test(start_paused = true)]
async fn there_is_no_cache_unless_it_is_asked_for() {
    let server = crate::fixture::warm(&issuer()).await;
    assert!(server.token_cache().is_none());
    for nothing in [
        TokenCache::new().max_entries(0),
        TokenCache::new().max_bytes(0),
    ] {
        let server = remembering(&issuer(), nothing).await;
        assert!(decide_at_once(&server, &good()).is_ok());
        assert!(server.token_cache().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn t_cch_01_a_key_taken_back_ends_what_it_verified() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    let server = remembering(&network, TokenCache::new()).await;
    let (old, new) = (good(), good().key(next_key()));
    for token in [&old, &new] {
        assert!(decide_at_once(&server, token).is_ok());
        assert!(is_hit(&server, token).await);
    }

    network.serve(JWKS, Reply::keys([&next_key()]));
    let _ = refetch(&server).await;
    let entries = counted(&server).entries;
    assert_eq!(decide(&server, &old).await.unwrap_err(), KID_UNKNOWN);
    assert_eq!(counted(&server).entries, entries - 1, "its entry is gone");
    // Verified afresh under the set that is current, then remembered again.
    assert!(decide_at_once(&server, &new).is_ok());
    assert!(is_hit(&server, &new).await);
}

/// The same `kid`, another key: the name of a key is not the key.
#[tokio::test(start_paused = true)]
async fn t_cch_01_a_key_replaced_under_its_name_ends_what_it_verified() {
    let network = issuer();
    let server = remembering(&network, TokenCache::new()).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    let impostor = next_key().with_kid(key().kid().unwrap());
    network.serve(JWKS, Reply::keys([&impostor]));
    let _ = refetch(&server).await;
    let refused = decide(&server, &good()).await;
    assert_eq!(reason(&refused), "signature_invalid");
}

/// Whether this token is decided on by what was remembered of it, its signature not verified again: the
/// principal is the very one of then.
async fn is_remembered(server: &ResourceServer, token: &Token) -> bool {
    let principal = decide(server, token).await.unwrap();
    let mut is_new = false;
    principal.derived(|_| is_new = true);
    !is_new
}

/// An issuer that rotates publishes the new key beside the old one first.
#[tokio::test(start_paused = true)]
async fn a_cch_01_a_key_that_comes_beside_it_ends_nothing() {
    let network = issuer();
    let server = remembering(&network, TokenCache::new()).await;
    assert!(!is_remembered(&server, &good()).await);
    assert!(is_remembered(&server, &good()).await);
    let generation = state(&server).generation;
    network.serve(JWKS, Reply::keys([&next_key(), &key()]));
    let _ = refetch(&server).await;
    assert_eq!(state(&server).generation, generation + 1);
    for _ in 0..2 {
        assert!(is_remembered(&server, &good()).await);
    }
    let of_new = good().key(next_key());
    assert!(!is_remembered(&server, &of_new).await);
    assert_eq!(counted(&server).entries, 2);
}

/// Nothing that a token could mean by its `kid`, or by none.
#[tokio::test(start_paused = true)]
async fn t_cch_01_the_key_is_selected_anew_when_its_set_changes() {
    let (named, alone) = (good(), good().key(key().without_kid()));
    let renamed = key().with_kid("another name");
    let name = key().kid().unwrap().to_owned();
    let for_another = SigningKey::first(bearward::Algorithm::Es256).with_kid(name);
    for (token, keys, expected) in [
        (&named, Reply::keys([&renamed]), "kid_unknown"),
        (&named, Reply::keys([&for_another]), "alg_key_mismatch"),
        (&alone, Reply::keys([&key(), &next_key()]), "kid_missing"),
    ] {
        let network = issuer();
        let server = remembering(&network, TokenCache::new()).await;
        assert!(decide(&server, token).await.is_ok());
        network.serve(JWKS, keys);
        let _ = refetch(&server).await;
        for _ in 0..2 {
            assert_eq!(reason(&decide(&server, token).await), expected);
        }
        assert_eq!(counted(&server).entries, 0);
    }
}

/// What was selected anew is checked anew, too.
#[tokio::test(start_paused = true)]
async fn t_cch_02_beside_a_new_key_an_expired_token_is_expired() {
    let network = issuer();
    let server = remembering(&network, TokenCache::new()).await;
    let token = good().claim("exp", START.plus(10 * MINUTE).as_secs());
    assert!(decide(&server, &token).await.is_ok());
    sleep(12 * MINUTE).await;
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    let _ = refetch(&server).await;
    assert_eq!(reason(&decide(&server, &token).await), "token_expired");
}

/// The same issuer under this policy, in the place of `before`.
fn after(network: &Network, before: &ResourceServer, policy: Policy) -> ResourceServerBuilder {
    builder(network.clone())
        .issuer(Issuer::jwks_uri(policy, JWKS))
        .keep_keys_of(before)
}

#[tokio::test(start_paused = true)]
async fn a_cch_02_another_server_takes_over_what_holds_there_as_well() {
    let network = issuer();
    let before = remembering(&network, TokenCache::new()).await;
    assert!(!is_remembered(&before, &good()).await);
    let space = ProtectionSpace::new("elsewhere").unwrap();
    let now = after(&network, &before, policy())
        .protection_space(space)
        .token_cache(TokenCache::new())
        .build()
        .unwrap();
    assert!(is_remembered(&now, &good()).await);
    // Both go on with it.
    let another = good().claim("sub", "another");
    assert!(!is_remembered(&now, &another).await);
    assert!(is_remembered(&before, &another).await);
}

/// A cache belongs to its issuers: with one more or one less, there is another.
#[tokio::test(start_paused = true)]
async fn t_cch_04_no_verdict_crosses_to_a_server_with_other_issuers() {
    let network = issuer();
    network.serve(OTHER_JWKS, Reply::keys([&next_key()]));
    let of_other = good().claim("iss", OTHER).key(next_key());
    let before = remembering(&network, TokenCache::new()).await;
    assert!(!is_remembered(&before, &good()).await);

    let more = after(&network, &before, policy())
        .issuer(Issuer::jwks_uri(policy_of(OTHER), OTHER_JWKS))
        .token_cache(TokenCache::new())
        .build()
        .unwrap();
    more.attempted().await;
    assert!(!is_remembered(&more, &good()).await);
    for _ in 0..2 {
        assert!(decide(&more, &of_other).await.is_ok());
        assert_eq!(reason(&decide(&before, &of_other).await), "issuer_unknown");
    }

    let less = after(&network, &more, policy())
        .token_cache(TokenCache::new())
        .build()
        .unwrap();
    assert_eq!(reason(&decide(&less, &of_other).await), "issuer_unknown");
    assert_eq!(counted(&less).entries, 0);
}

#[tokio::test(start_paused = true)]
async fn t_cch_04_nothing_is_taken_over_by_another_policy() {
    let network = issuer();
    let limits = TokenCache::new();
    let before = remembering(&network, limits).await;
    assert!(!is_remembered(&before, &good()).await);
    let stricter = settings().required_claim("nowhere").build().unwrap();
    let stricter = after(&network, &before, stricter)
        .token_cache(limits)
        .build()
        .unwrap();
    assert_eq!(reason(&decide(&stricter, &good()).await), "claim_missing");
    let fewer = after(&network, &before, policy()).token_cache(limits.max_entries(1));
    assert!(!is_remembered(&fewer.build().unwrap(), &good()).await);
    let none = after(&network, &before, policy()).build().unwrap();
    assert!(none.token_cache().is_none());
    assert!(is_remembered(&before, &good()).await);
}

/// `kid` and all: another issuer's keys are others, whatever they are.
#[tokio::test(start_paused = true)]
async fn t_cch_04_nothing_is_taken_over_by_keys_from_elsewhere() {
    let network = issuer();
    let before = remembering(&network, TokenCache::new()).await;
    assert!(decide(&before, &good()).await.is_ok());
    network.serve(OTHER_JWKS, Reply::keys([&key().with_kid("another")]));
    let elsewhere = builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), OTHER_JWKS))
        .keep_keys_of(&before)
        .token_cache(TokenCache::new())
        .build()
        .unwrap();
    elsewhere.attempted().await;
    assert_eq!(decide(&elsewhere, &good()).await.unwrap_err(), KID_UNKNOWN);
}

/// Keys too old to be used verify nothing, and neither does what they verified.
#[tokio::test(start_paused = true)]
async fn t_cch_01_t_key_06_a_hit_does_not_outlive_its_keys() {
    let network = issuer();
    let server = remembering(&network, TokenCache::new()).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    network.all_fail(&FetchError::Status(500));
    sleep(DAY - HOUR).await;
    assert!(is_hit(&server, &good()).await);
    sleep(2 * HOUR).await;
    assert_eq!(reason(&decide(&server, &good()).await), "keys_unavailable");
}

#[tokio::test(start_paused = true)]
async fn t_cch_02_a_hit_after_exp_is_expired() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let token = good().expires_in(10 * MINUTE);
    assert!(decide_at_once(&server, &token).is_ok());
    // Started a millisecond late; the leeway is 30 s, and the bound itself is expired.
    sleep(10 * MINUTE + 30 * SECOND - 2 * MILLISECOND).await;
    assert!(is_hit(&server, &token).await);
    assert!(decide_at_once(&server, &token).is_ok());
    sleep(MILLISECOND).await;
    let before = counted(&server).hits;
    assert_eq!(reason(&decide(&server, &token).await), "token_expired");
    assert_eq!(
        counted(&server).hits,
        before + 1,
        "without a signature check"
    );
}

/// A clock that is set by hand.
fn set_by_hand(policy: Policy) -> (ResourceServer, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(START.as_secs()));
    let keys = JwkSet::parse(jwk_set([&key()]).to_string().as_bytes()).unwrap();
    let told = Arc::clone(&clock);
    let server = ResourceServer::builder()
        .issuer(Issuer::jwk_set(policy, keys))
        .token_cache(TokenCache::new())
        .clock(move || UnixTime::from_secs(told.load(Ordering::Relaxed)))
        .build()
        .unwrap();
    (server, clock)
}

#[tokio::test]
async fn t_cch_02_a_hit_after_the_clock_steps_back_is_not_yet_valid() {
    let (server, clock) = set_by_hand(policy());
    let start = START.as_secs();
    let token = good().not_before(START);
    assert!(decide_at_once(&server, &token).is_ok());
    for (now, expected) in [
        (start - 30, None),
        (start - 31, Some("token_not_yet_valid")),
        (0, Some("token_not_yet_valid")),
        (start, None),
    ] {
        clock.store(now, Ordering::Relaxed);
        let before = counted(&server).hits;
        let decision = decide(&server, &token).await;
        assert_eq!(
            decision.as_ref().err().map(Rejection::reason),
            expected,
            "{now}"
        );
        assert_eq!(counted(&server).hits, before + 1, "{now}");
    }
    // Without `nbf`, `iat` says the same.
    let token = good();
    assert!(decide_at_once(&server, &token).is_ok());
    clock.store(start - 31, Ordering::Relaxed);
    assert_eq!(reason(&decide(&server, &token).await), "iat_in_future");
    assert_eq!(counted(&server).hits, 5);
}

/// The verdict is on the token; what a route asks for is decided per request.
#[tokio::test(start_paused = true)]
async fn t_cch_04_a_hit_decides_nothing_about_a_route() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let token = good().claim("scope", "orders:read");
    let readers = Requirements::builder()
        .scope("orders:read")
        .build()
        .unwrap();
    let writers = Requirements::builder()
        .scope("orders:write")
        .build()
        .unwrap();
    for _ in 0..3 {
        let principal = decide(&server, &token).await.unwrap();
        let request = request(&token.sign());
        assert_eq!(
            server.authorize(&request, &principal, &readers).await,
            Ok(())
        );
        let refused = server.authorize(&request, &principal, &writers).await;
        assert_eq!(refused.unwrap_err().reason(), "insufficient_scope");
    }
    assert_eq!(counted(&server).hits, 2);
}

/// Re-authentication grows old while the token stays good.
#[tokio::test(start_paused = true)]
async fn t_cch_04_re_authentication_grows_old_on_hits() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let token = good().authenticated_at(START);
    let recent = Requirements::builder().max_age(5 * MINUTE).build().unwrap();
    let request = request(&token.sign());
    let principal = decide(&server, &token).await.unwrap();
    assert_eq!(
        server.authorize(&request, &principal, &recent).await,
        Ok(())
    );
    sleep(5 * MINUTE + SECOND).await;
    let principal = decide(&server, &token).await.unwrap();
    assert_eq!(counted(&server).hits, 1);
    let refused = server.authorize(&request, &principal, &recent).await;
    assert_eq!(refused.unwrap_err().reason(), "auth_time_unsatisfied");
}

/// What one server admits under its policy is nothing to another with the same keys.
#[tokio::test(start_paused = true)]
async fn t_cch_04_no_verdict_crosses_to_another_audience_or_issuer() {
    let keys = || JwkSet::parse(jwk_set([&key()]).to_string().as_bytes()).unwrap();
    let other = Policy::builder("https://other.example", "https://other-api.example");
    let server = builder(Network::default())
        .issuer(Issuer::jwk_set(policy(), keys()))
        .issuer(Issuer::jwk_set(other.build().unwrap(), keys()))
        .token_cache(TokenCache::new())
        .build()
        .unwrap();
    assert!(decide_at_once(&server, &good()).is_ok());
    // The same but for the issuer: another token, so nothing of the first helps it.
    let of_the_other = Token::user("https://other.example", AUDIENCE, START).key(key());
    for _ in 0..2 {
        assert_eq!(
            reason(&decide(&server, &of_the_other).await),
            "aud_mismatch"
        );
    }
    // The very same token, at a server with another audience.
    let elsewhere = Policy::builder(ISSUER, "https://elsewhere.example");
    let elsewhere = builder(Network::default())
        .issuer(Issuer::jwk_set(elsewhere.build().unwrap(), keys()))
        .token_cache(TokenCache::new())
        .build()
        .unwrap();
    assert_eq!(reason(&decide(&elsewhere, &good()).await), "aud_mismatch");
    assert_eq!(counted(&elsewhere).entries, 0);
}

/// Every byte counts: one that is changed, added or left out is another token.
#[tokio::test(start_paused = true)]
async fn t_cch_05_no_two_tokens_share_an_entry() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let token = good().sign();
    assert!(decide_text(&server, &token).await.is_ok());
    for place in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[place] = if other[place] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(
            decide_text(&server, &other).await.is_err(),
            "changed at {place}"
        );
    }
    for length in 1..token.len() {
        assert!(
            decide_text(&server, token.get(..length).unwrap())
                .await
                .is_err(),
            "{length} bytes of it"
        );
    }
    let longer = format!("{token}A");
    assert!(decide_text(&server, &longer).await.is_err());
    let counted = counted(&server);
    assert_eq!((counted.hits, counted.entries), (0, 1));
}

/// As many tokens as the cache has room for, each another user: nobody is taken for anybody else.
#[tokio::test(start_paused = true)]
async fn t_cch_05_nobody_is_taken_for_anybody_else() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let tokens: Vec<(String, String)> = (0..2000)
        .map(|user| {
            let user = format!("user-{user}");
            (good().claim("sub", user.as_str()).sign(), user)
        })
        .collect();
    for _ in 0..2 {
        for (token, user) in &tokens {
            let principal = decide_text(&server, token).await.unwrap();
            assert_eq!(principal.subject(), user);
        }
    }
    assert_eq!(counted(&server).hits, 2000);
}

#[tokio::test(start_paused = true)]
async fn t_cch_08_what_is_refused_is_not_remembered() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let forged = SigningKey::second(key().algorithm()).with_kid(key().kid().unwrap());
    for (token, expected) in [
        (good().key(forged), "signature_invalid"),
        (good().key(next_key()), "kid_unknown"),
        (good().expires_at(START), "token_expired"),
        (
            good().claim("aud", "https://elsewhere.example"),
            "aud_mismatch",
        ),
        (good().header("typ", "JWT"), "typ_not_accepted"),
        (good().without_claim("sub"), "claim_missing"),
    ] {
        // Long enough for the expired one.
        sleep(MINUTE).await;
        for _ in 0..2 {
            assert_eq!(reason(&decide(&server, &token).await), expected);
        }
    }
    let counted = counted(&server);
    assert_eq!((counted.hits, counted.entries, counted.bytes), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn t_cch_08_t_dos_05_it_is_bounded_in_entries_and_in_bytes() {
    let tokens: Vec<String> = (0..400)
        .map(|user| good().claim("sub", user.to_string()).sign())
        .collect();
    let by_entries = TokenCache::new().max_entries(100);
    let by_bytes = TokenCache::new().max_bytes(100_000);
    for (cache, most_bytes) in [(by_entries, 32 * 1024 * 1024), (by_bytes, 100_000)] {
        let server = remembering(&issuer(), cache).await;
        for token in &tokens {
            assert!(decide_text(&server, token).await.is_ok());
            let now = counted(&server);
            assert!(now.entries <= 100, "{now:?}");
            assert!(now.bytes <= most_bytes, "{now:?}");
        }
        assert!(counted(&server).entries > 20, "{:?}", counted(&server));
    }
}

/// What is derived of a principal is not seen by the cache; who derives tells how much it is.
#[tokio::test(start_paused = true)]
async fn t_cch_08_t_dos_05_what_is_derived_counts_as_it_is_told() {
    let token = good().sign();
    let bytes = async |derived| {
        // So many that none counts for more than it takes.
        let cache = TokenCache::new().max_entries(1_000_000);
        let server = remembering(&issuer(), cache.derived_bytes(derived)).await;
        assert!(decide_text(&server, &token).await.is_ok());
        counted(&server).bytes
    };
    assert_eq!(bytes(1000).await, bytes(0).await + 1000);
}

/// Users who come again and again stay, though ten times as many tokens pass that come once.
#[tokio::test(start_paused = true)]
async fn t_cch_08_tokens_seen_once_do_not_drive_out_the_others() {
    let server = remembering(&issuer(), TokenCache::new().max_entries(200)).await;
    let token = |user: String| good().claim("sub", user).sign();
    let regulars: Vec<_> = (0..100)
        .map(|user| token(format!("regular-{user}")))
        .collect();
    for _ in 0..3 {
        for regular in &regulars {
            assert!(decide_text(&server, regular).await.is_ok());
        }
    }
    for passer_by in 0..1000 {
        assert!(
            decide_text(&server, &token(format!("once-{passer_by}")))
                .await
                .is_ok()
        );
    }
    let before = counted(&server).hits;
    for regular in &regulars {
        assert!(decide_text(&server, regular).await.is_ok());
    }
    let hits = counted(&server).hits - before;
    assert!(hits >= 90, "{hits} of 100");
}

/// A refresh that finds the same document, or is told that it has not changed, changes nothing.
#[tokio::test(start_paused = true)]
async fn a_cch_02_a_key_06_unchanged_keys_keep_it() {
    let network = issuer();
    let unchanged = Reply::keys([&key()]).tagged("\"1\"");
    for reply in [Reply::keys([&key()]), unchanged] {
        network.serve(JWKS, reply);
        let server = remembering(&network, TokenCache::new()).await;
        assert!(decide_at_once(&server, &good()).is_ok());
        let before = network.count_of(JWKS);
        sleep(20 * MINUTE).await;
        assert!(network.count_of(JWKS) > before, "the keys were refreshed");
        assert!(is_hit(&server, &good()).await);
    }
}

/// The state tells numbers, and no token.
#[tokio::test(start_paused = true)]
async fn t_err_01_debug_shows_no_token() {
    let server = remembering(&issuer(), TokenCache::new()).await;
    let token = good().sign();
    assert!(decide_text(&server, &token).await.is_ok());
    let shown = format!("{server:?} {:?}", counted(&server));
    assert!(!shown.contains(token.get(..20).unwrap()), "{shown}");
    assert!(shown.contains("entries: 1"), "{shown}");
}

/// A hit is an answer at once, also while the issuer hangs.
#[tokio::test(start_paused = true)]
async fn a_hit_waits_for_nothing() {
    let network = issuer();
    let server = remembering(&network, TokenCache::new()).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    network.serve(JWKS, Reply::Hang);
    sleep(20 * MINUTE).await;
    let request = request(&good().sign());
    let decision = poll_once(std::pin::pin!(server.authenticate(&request)));
    assert!(decision.unwrap().is_ok());
    assert_eq!(counted(&server).hits, 1);
}

/// What the rules of the policy say of times, they say of a principal as well.
#[tokio::test]
async fn t_cch_02_the_leeway_is_that_of_the_policy() {
    let exact = settings()
        .leeway(std::time::Duration::ZERO)
        .build()
        .unwrap();
    let (server, clock) = set_by_hand(exact);
    let token = good().expires_in(MINUTE);
    assert!(decide_at_once(&server, &token).is_ok());
    clock.store(START.as_secs() + 59, Ordering::Relaxed);
    assert!(decide_at_once(&server, &token).is_ok());
    clock.store(START.as_secs() + 60, Ordering::Relaxed);
    let refused = decide(&server, &token).await.unwrap_err();
    assert_eq!(refused, InvalidToken::TokenExpired.into());
    assert_eq!(counted(&server).hits, 2);
}
