//! Keys that an issuer replaces under their old names or removes, and what the tokens of others may
//! cost meanwhile: forged ones, and those that honest clients go on sending.

use std::pin::pin;
use std::time::Duration;

use bearward::core::rejection::InvalidToken;
use bearward::{Algorithm, Issuer, Rejection, Requirements, ResourceServer, TokenCache};
use bearward_testing::keys::jwk_set;
use bearward_testing::token::CLIENT_ID;
use bearward_testing::{SigningKey, Token};
use tempfile::tempdir;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::fixture::{
    HOUR, ISSUER, JWKS, KID_UNKNOWN, METADATA, MILLISECOND, MINUTE, SECOND, START, builder, decide,
    decide_at_once, decide_text, discovering, good, issuer, key, next_key, policy, poll_once,
    reason, request, retry_after, serving, settings, state, warm, with_kid,
};
use crate::network::{Network, Reply};

/// After that, an issuer is believed to have replaced a key under its old name.
const OLD: Duration = Duration::from_millis(30_001);

const FORGED: Rejection = Rejection::InvalidToken(InvalidToken::SignatureInvalid);
const OF_ANOTHER_ALGORITHM: Rejection = Rejection::InvalidToken(InvalidToken::AlgKeyMismatch);

/// Another key under the name of the first.
fn replacement() -> SigningKey {
    next_key().with_kid(key().kid().unwrap())
}

/// Right in every respect, except for the signature.
fn forged() -> Token {
    good().key(replacement())
}

/// A server that keeps these keys, fetched so long ago.
async fn aged(network: &Network, keys: &[SigningKey], by: Duration) -> ResourceServer {
    network.serve(JWKS, Reply::keys(keys));
    let algorithms = [
        Algorithm::EdDsa,
        Algorithm::Es256,
        Algorithm::Rs256,
        Algorithm::Rs512,
    ];
    let policy = settings().algorithms(algorithms).build().unwrap();
    let server = serving(network, Issuer::jwks_uri(policy, JWKS));
    server.attempted().await;
    sleep(by).await;
    assert_eq!(network.count(), 1);
    server
}

/// The first key is replaced by the second, and the token of the second is accepted at the expense of
/// one fetch.
async fn is_followed(first: SigningKey, second: SigningKey, refused: Rejection) {
    let network = issuer();
    let server = aged(&network, std::slice::from_ref(&first), OLD).await;
    let (old, new) = (good().key(first), good().key(second.clone()));
    assert!(decide_at_once(&server, &old).is_ok());
    network.serve(JWKS, Reply::keys([&second]));
    assert!(decide(&server, &new).await.is_ok());
    assert_eq!(network.count(), 2);
    assert!(decide_at_once(&server, &new).is_ok());
    assert_eq!(decide_at_once(&server, &old).unwrap_err(), refused);
    assert_eq!(network.count(), 2);
}

async fn are_unknown(server: &ResourceServer, tokens: &[String]) {
    for token in tokens {
        let decision = decide_text(server, token).await;
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
}

#[tokio::test(start_paused = true)]
async fn t_jws_22_a_key_replaced_under_its_name_is_followed() {
    is_followed(key(), replacement(), FORGED).await;
}

#[tokio::test(start_paused = true)]
async fn t_jws_22_the_only_key_of_a_set_without_names_is_followed() {
    is_followed(key().without_kid(), next_key().without_kid(), FORGED).await;
}

/// The neighbours: the new key is of another size, so the signature has another length; or of another
/// algorithm, so that no key fits.
#[tokio::test(start_paused = true)]
async fn t_jws_22_a_key_replaced_by_one_of_another_size_or_algorithm_is_followed() {
    let small = SigningKey::first(Algorithm::Rs256).with_kid("rsa");
    let large = SigningKey::rsa_4096().with_kid("rsa");
    let es256 = SigningKey::first(Algorithm::Es256).with_kid("rsa");
    let refused = Rejection::InvalidToken(InvalidToken::SignatureLength);
    is_followed(small.clone(), large.clone(), refused.clone()).await;
    is_followed(large.clone().without_kid(), small.without_kid(), refused).await;
    is_followed(large.clone(), es256.clone(), OF_ANOTHER_ALGORITHM).await;
    is_followed(
        es256.without_kid(),
        large.without_kid(),
        OF_ANOTHER_ALGORITHM,
    )
    .await;
}

/// The neighbour: one of two keys, and of two without names.
#[tokio::test(start_paused = true)]
async fn t_jws_29_one_of_several_keys_replaced_is_followed() {
    let other = SigningKey::first(Algorithm::Es256);
    for is_named in [true, false] {
        let name = |key: SigningKey| match is_named {
            true => key,
            false => key.without_kid(),
        };
        let network = issuer();
        let server = aged(&network, &[name(key()), name(other.clone())], OLD).await;
        let keys = [name(replacement()), name(other.clone())];
        network.serve(JWKS, Reply::keys(&keys));
        assert!(decide(&server, &good().key(keys[0].clone())).await.is_ok());
        assert!(decide_at_once(&server, &good().key(keys[1].clone())).is_ok());
        assert_eq!(network.count(), 2);
    }
}

/// A verified token ends with its key, also where it is remembered.
#[tokio::test(start_paused = true)]
async fn t_key_04_a_token_of_the_replaced_key_is_not_remembered() {
    let network = issuer();
    let server = builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .token_cache(TokenCache::new())
        .build()
        .unwrap();
    server.attempted().await;
    sleep(OLD).await;
    for _ in 0..2 {
        assert!(decide_at_once(&server, &good()).is_ok());
    }
    network.serve(JWKS, Reply::keys([&replacement()]));
    let new = good().key(replacement()).sign();
    assert!(decide_text(&server, &new).await.is_ok());
    assert_eq!(decide_at_once(&server, &good()).unwrap_err(), FORGED);
    assert!(decide_text(&server, &new).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_jws_22_the_key_of_an_id_token_is_followed_too() {
    let network = issuer();
    let server = warm(&network).await;
    sleep(OLD).await;
    let access_token = good().authenticated_at(START.minus(HOUR));
    let mut request = request(&access_token.sign());
    let principal = server
        .authenticate(&request)
        .await
        .unwrap()
        .into_principal();
    network.serve(JWKS, Reply::keys([&replacement()]));
    let id_token = Token::id_token(ISSUER, CLIENT_ID, START).key(replacement());
    let value = id_token.sign().parse().unwrap();
    request.headers_mut().insert("x-id-token", value);
    let recent = Requirements::builder().max_age(5 * MINUTE).build().unwrap();
    let decision = server.authorize(&request, &principal, &recent).await;
    assert_eq!(decision, Ok(()));
    assert_eq!(network.count(), 2);
}

/// A set that was fetched a moment ago is believed: nobody pays for it again.
#[tokio::test(start_paused = true)]
async fn t_jws_22_a_forged_signature_costs_nothing_before_30_seconds() {
    let network = issuer();
    let server = warm(&network).await;
    sleep(30 * SECOND - MILLISECOND).await;
    assert_eq!(decide_at_once(&server, &forged()).unwrap_err(), FORGED);
    sleep(MILLISECOND).await;
    assert_eq!(decide(&server, &forged()).await.unwrap_err(), FORGED);
    assert_eq!(network.count(), 2);
    sleep(30 * SECOND).await;
    assert_eq!(decide_at_once(&server, &forged()).unwrap_err(), FORGED);
    assert_eq!(network.count(), 2);
}

/// A token is tried once more, with what one fetch brings: also when that is another key again.
#[tokio::test(start_paused = true)]
async fn t_jws_22_a_token_is_tried_once_more_and_not_again() {
    let network = issuer();
    let server = warm(&network).await;
    sleep(OLD).await;
    let third = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let third = third.with_kid(key().kid().unwrap());
    network.serve(JWKS, Reply::keys([&third]).late(100 * MILLISECOND));
    let decision = tokio::spawn({
        let server = server.clone();
        async move { decide(&server, &forged()).await }
    });
    sleep(50 * MILLISECOND).await;
    network.serve(JWKS, Reply::keys([&replacement()]));
    assert_eq!(decision.await.unwrap().unwrap_err(), FORGED);
    assert_eq!(network.count(), 2);
    assert!(decide_at_once(&server, &good().key(third)).is_ok());
}

/// The signature is all that may be wrong: nothing else that is refused costs a fetch.
#[tokio::test(start_paused = true)]
async fn t_key_01_forged_tokens_that_could_not_be_valid_cost_nothing() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    let server = warm(&network).await;
    sleep(MINUTE).await;
    let mut cut = forged().parts();
    cut.signature.pop();
    let mut empty = forged().parts();
    empty.signature.clear();
    let of_nobody = good().key(next_key()).without_header("kid");
    let tokens = [
        (
            forged().claim("aud", "https://other.example").sign(),
            "signature_invalid",
        ),
        (forged().without_claim("exp").sign(), "signature_invalid"),
        (forged().expires_at(START).sign(), "signature_invalid"),
        (forged().header("typ", "JWT").sign(), "typ_not_accepted"),
        (good().expires_at(START).sign(), "token_expired"),
        (cut.encode(), "signature_length"),
        (empty.encode(), "signature_length"),
        (of_nobody.sign(), "kid_missing"),
    ];
    for (token, expected) in tokens {
        let request = request(&token);
        let decision = poll_once(pin!(server.authenticate(&request)));
        assert_eq!(reason(&decision.unwrap()), expected, "{token}");
    }
    assert_eq!(network.count(), 1);
    // Plausible, it costs one.
    assert_eq!(decide(&server, &forged()).await.unwrap_err(), FORGED);
    assert_eq!(network.count(), 2);
}

/// More keys without a name than are tried: none is, and nothing is fetched.
#[tokio::test(start_paused = true)]
async fn t_jws_29_too_many_keys_without_a_name_cost_nothing() {
    let network = issuer();
    let keys: Vec<_> = (0..5)
        .map(|_| {
            SigningKey::generate(Algorithm::EdDsa)
                .unwrap()
                .without_kid()
        })
        .collect();
    let server = aged(&network, &keys, MINUTE).await;
    let token = good().key(next_key().without_kid());
    assert_eq!(reason(&decide_at_once(&server, &token)), "kid_missing");
    assert_eq!(network.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn t_key_26_forged_signatures_cost_one_fetch_every_30_seconds() {
    let network = issuer();
    let server = warm(&network).await;
    let forged = forged().sign();
    for _ in 0..1200 {
        assert_eq!(decide_text(&server, &forged).await.unwrap_err(), FORGED);
        sleep(100 * MILLISECOND).await;
    }
    // At 30, 60 and 90 s, a tenth of a second later each time.
    assert_eq!(network.count(), 1 + 3);
}

/// A flood of forged tokens, of each kind, does not use up what a new key needs.
#[tokio::test(start_paused = true)]
async fn t_key_26_a_rotation_amid_forged_signatures_is_followed_at_once() {
    let network = issuer();
    let server = warm(&network).await;
    let other_algorithm = SigningKey::first(Algorithm::Rs256).with_kid(key().kid().unwrap());
    let flood = [forged(), good().key(other_algorithm)].map(|token| token.sign());
    let known = good().sign();
    for round in 0..600 {
        for token in &flood {
            decide_text(&server, token).await.unwrap_err();
        }
        if round % 97 == 50 {
            // Each time a new name, and the first remains.
            let new = next_key().with_kid(format!("new-{round}"));
            network.serve(JWKS, Reply::keys([&key(), &new]));
            let asked = Instant::now();
            assert!(decide(&server, &good().key(new)).await.is_ok(), "{round}");
            assert_eq!(asked.elapsed(), Duration::ZERO);
        }
        assert!(decide_text(&server, &known).await.is_ok());
        sleep(100 * MILLISECOND).await;
    }
}

/// The same for a key that is replaced under its name, as soon as the set is 30 s old.
#[tokio::test(start_paused = true)]
async fn t_key_26_a_replacement_amid_forged_signatures_is_followed_within_30_seconds() {
    let network = issuer();
    let server = warm(&network).await;
    let third = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let third = third.with_kid(key().kid().unwrap());
    let (forged, new) = (forged().sign(), good().key(third.clone()).sign());
    let mut replaced_at = None;
    for round in 0..1000 {
        if round == 450 {
            network.serve(JWKS, Reply::keys([&third]));
            replaced_at = Some(Instant::now());
        }
        assert_eq!(decide_text(&server, &forged).await.unwrap_err(), FORGED);
        let decision = decide_text(&server, &new).await;
        let is_due = replaced_at.is_some_and(|at| at.elapsed() > 30 * SECOND);
        assert!(decision.is_ok() || !is_due, "{round}");
        sleep(100 * MILLISECOND).await;
    }
    assert_eq!(state(&server).generation, 2);
}

/// A fetch that brings the key is given back, so the next may follow as soon as the set is old enough.
#[tokio::test(start_paused = true)]
async fn t_jws_22_a_fetch_that_brought_the_key_is_given_back() {
    let network = issuer();
    let server = warm(&network).await;
    sleep(OLD).await;
    network.serve(JWKS, Reply::keys([&replacement()]));
    assert!(decide(&server, &good().key(replacement())).await.is_ok());
    // Two are there again, for keys that were made up.
    for kid in 0..10 {
        sleep(MILLISECOND).await;
        let decision = decide(&server, &with_kid(&format!("random-{kid}"))).await;
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), 2 + 2);
}

/// And one that did not is not, although the set is another.
#[tokio::test(start_paused = true)]
async fn t_key_26_a_forged_signature_gets_nothing_back() {
    let network = issuer();
    let server = warm(&network).await;
    sleep(OLD).await;
    let third = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let third = third.with_kid(key().kid().unwrap());
    network.serve(JWKS, Reply::keys([&third]));
    assert_eq!(decide(&server, &forged()).await.unwrap_err(), FORGED);
    for kid in 0..10 {
        sleep(MILLISECOND).await;
        let decision = decide(&server, &with_kid(&format!("random-{kid}"))).await;
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), 2 + 1);
}

/// Where the bucket is down to its last, it is for unknown names.
#[tokio::test(start_paused = true)]
async fn t_key_26_the_last_fetch_is_not_for_forged_signatures() {
    let network = issuer();
    let server = warm(&network).await;
    for kid in ["made up", "made up as well"] {
        let decision = decide(&server, &with_kid(kid)).await;
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
        sleep(SECOND).await;
    }
    assert_eq!(network.count(), 3);
    // One fetch of the two is allowed again, and the set is 30 s old.
    sleep(OLD).await;
    for _ in 0..10 {
        assert_eq!(decide_at_once(&server, &forged()).unwrap_err(), FORGED);
    }
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    assert!(decide(&server, &good().key(next_key())).await.is_ok());
    assert_eq!(network.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn t_key_26_a_good_signature_waits_for_no_forged_one() {
    let network = issuer();
    let server = warm(&network).await;
    sleep(OLD).await;
    network.serve(JWKS, Reply::Hang);
    let mut waiting = JoinSet::new();
    for _ in 0..100 {
        let server = server.clone();
        waiting.spawn(async move {
            let arrived = Instant::now();
            (decide(&server, &forged()).await, arrived.elapsed())
        });
    }
    sleep(MILLISECOND).await;
    assert_eq!(network.count(), 2);
    assert!(decide_at_once(&server, &good()).is_ok());
    // Whether or not the issuer answers, this key did not sign them.
    for (decision, waited) in waiting.join_all().await {
        assert_eq!(decision.unwrap_err(), FORGED);
        assert_eq!(waited, SECOND);
    }
    assert_eq!(network.count(), 2);
}

/// A flight that is under way, whatever it is for, is looked at as well.
#[tokio::test(start_paused = true)]
async fn t_jws_22_a_flight_under_way_may_bring_the_replacement() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::keys([&replacement()]).late(500 * MILLISECOND));
    let other = tokio::spawn({
        let server = server.clone();
        async move { decide(&server, &with_kid("made up")).await }
    });
    sleep(MILLISECOND).await;
    let arrived = Instant::now();
    assert!(decide(&server, &good().key(replacement())).await.is_ok());
    assert_eq!(arrived.elapsed(), 499 * MILLISECOND);
    assert_eq!(other.await.unwrap().unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), 2);
}

/// During an outage nothing is asked for, and no signature is excused.
#[tokio::test(start_paused = true)]
async fn t_key_02_forged_signatures_during_an_outage_are_refused_at_once() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::status(500));
    sleep(OLD).await;
    assert_eq!(decide(&server, &forged()).await.unwrap_err(), FORGED);
    assert_eq!(network.count(), 2);
    for _ in 0..100 {
        assert_eq!(decide_at_once(&server, &forged()).unwrap_err(), FORGED);
    }
    assert!(decide_at_once(&server, &good()).is_ok());
    assert_eq!(network.count(), 2);
    let wait = retry_after(decide_at_once(&server, &with_kid("new")));
    assert!(wait <= 1200 * MILLISECOND, "{wait:?}");
}

/// The keys of a snapshot are older than any: the first flight, which is due, may bring others.
#[tokio::test(start_paused = true)]
async fn t_jws_22_a_key_replaced_while_the_program_was_away_is_followed() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let snapshot = serde_json::json!({
        "issuer": ISSUER,
        "url": ISSUER.to_owned() + "/",
        "fetched_at": START.minus(HOUR).as_secs(),
        "jwk_set": jwk_set([&key()]).to_string(),
    });
    std::fs::write(&file, snapshot.to_string()).unwrap();
    let network = issuer();
    network.serve(JWKS, Reply::keys([&replacement()]));
    let server = serving(&network, Issuer::discover(policy()).snapshot(&file));
    // Nothing has been fetched yet.
    assert!(decide_at_once(&server, &good()).is_ok());
    assert!(decide(&server, &good().key(replacement())).await.is_ok());
    assert_eq!(network.urls(), [METADATA, JWKS]);
    assert_eq!(decide_at_once(&server, &good()).unwrap_err(), FORGED);
}

/// Keys from configuration are never replaced.
#[tokio::test(start_paused = true)]
async fn keys_that_do_not_change_are_not_waited_for() {
    let set = jwk_set([&key()]).to_string();
    let set = bearward::JwkSet::parse(set.as_bytes()).unwrap();
    let server = serving(&issuer(), Issuer::jwk_set(policy(), set));
    sleep(HOUR).await;
    assert_eq!(decide_at_once(&server, &forged()).unwrap_err(), FORGED);
}

/// The issuer restarted with a new key, and 70 s later it does so again. Its honest clients renew their
/// tokens when these expire, not before.
#[tokio::test(start_paused = true)]
async fn t_key_26_tokens_of_removed_keys_do_not_delay_a_rotation() {
    let network = issuer();
    let server = discovering(&network);
    server.attempted().await;
    sleep(MILLISECOND).await;
    let mut old = vec![good().sign()];
    for number in 0..4 {
        let new = next_key().with_kid(format!("key-{number}"));
        network.serve(JWKS, Reply::keys([&new]));
        let new = good().key(new).sign();
        for _ in 0..350 {
            assert!(decide_text(&server, &new).await.is_ok(), "{number}");
            are_unknown(&server, &old).await;
            sleep(200 * MILLISECOND).await;
        }
        old.push(new);
    }
}

/// The neighbour: keys that tokens name by the thumbprint of a certificate, as with ADFS.
#[tokio::test(start_paused = true)]
async fn t_key_26_keys_named_by_thumbprint_are_found_and_gone_alike() {
    for member in ["x5t", "x5t#S256"] {
        let network = issuer();
        let publish = |number: u32| {
            let mut jwk = next_key().without_kid().public_jwk();
            jwk[member] = format!("certificate-{number}").into();
            network.serve(JWKS, Reply::jwks([jwk]));
            let token = good().key(next_key().without_kid());
            token.header(member, format!("certificate-{number}")).sign()
        };
        let mut tokens = vec![publish(0)];
        let server = warm(&network).await;
        // Each fetch brings its key, so none of them counts.
        for number in 1..5 {
            tokens.push(publish(number));
            let decision = decide_text(&server, &tokens[tokens.len() - 1]).await;
            assert!(decision.is_ok(), "{member} {number}");
            sleep(MILLISECOND).await;
        }
        let fetched = network.count();
        assert_eq!(fetched, 1 + 4);
        let newest = tokens.pop().unwrap();
        for _ in 0..10 {
            are_unknown(&server, &tokens).await;
            sleep(MILLISECOND).await;
        }
        assert_eq!(network.count(), fetched + 1, "{member}");
        assert!(decide_text(&server, &newest).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_26_removed_keys_share_one_fetch_every_30_seconds() {
    let network = issuer();
    let old = ["a", "b", "c", "d", "e"].map(|kid| next_key().with_kid(kid));
    network.serve(JWKS, Reply::keys(old.iter().chain([&key()])));
    let server = warm(&network).await;
    network.serve(JWKS, Reply::keys([&key()]));
    // It costs one of two, and shows that the others are gone.
    let decision = decide(&server, &with_kid("made up")).await;
    assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    let fetched = network.count();
    let old = old.map(|key| good().key(key).sign());
    for _ in 0..1199 {
        sleep(100 * MILLISECOND).await;
        are_unknown(&server, &old).await;
    }
    // At 0, 30, 60 and 90 s.
    assert_eq!(network.count(), fetched + 4);
    // None of them was at the expense of unknown ones.
    for kid in ["first", "second"] {
        sleep(MILLISECOND).await;
        let decision = decide(&server, &with_kid(kid)).await;
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), fetched + 4 + 2);
}

/// An old replica of the issuer has answered: the key is found again within 30 s, and is then as known
/// as any. The attack next to it: replicas that answer in turn are not asked without end.
#[tokio::test(start_paused = true)]
async fn t_key_26_a_key_that_comes_back_is_not_gone() {
    let network = issuer();
    let replicas = [Reply::keys([&key()]), Reply::keys([&next_key()])];
    let tokens = [good().sign(), good().key(next_key()).sign()];
    let server = warm(&network).await;
    network.serve(JWKS, replicas[1].clone());
    assert!(decide_text(&server, &tokens[1]).await.is_ok());
    sleep(MILLISECOND).await;
    network.serve(JWKS, replicas[0].clone());
    assert!(decide_text(&server, &tokens[0]).await.is_ok());
    assert_eq!(network.count(), 3);
    for _ in 0..1200 {
        sleep(100 * MILLISECOND).await;
        for (replica, token) in replicas.iter().zip(&tokens) {
            network.serve(JWKS, replica.clone());
            let _ = decide_text(&server, token).await;
        }
    }
    // Every 30 s.
    assert!(network.count() <= 3 + 5, "{}", network.count());
}
