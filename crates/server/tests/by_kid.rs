//! Keys that each have a URL of their own, as those of AWS Application Load Balancers: when they are
//! fetched, what tokens may cost, and how long they are used.

use std::time::Duration;

use bearward::core::jwk_set::JwkSetError;
use bearward::core::rejection::InvalidToken;
use bearward::fetch::{ConnectFailure, FetchError};
use bearward::{
    Algorithm, BuildError, Issuer, JwkSet, Policy, Principal, Profile, Rejection, ResourceServer,
    TokenCache,
};
use bearward_testing::keys::jwk_set;
use bearward_testing::{SigningKey, Token};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::fixture::{
    DAY, HOUR, ISSUER, KID_UNKNOWN, MILLISECOND, MINUTE, SECOND, START, builder, decide_text,
    last_error, reason, retry_after, state,
};
use crate::network::{Network, Reply};

const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";

const TEMPLATE: &str = "https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}";

/// The name of a key: different numbers, different keys.
fn kid(number: u32) -> String {
    format!("{number:08x}-1234-4234-8234-123456789abc")
}

fn url(kid: &str) -> String {
    TEMPLATE.replace("{kid}", kid)
}

fn key(number: u32) -> SigningKey {
    SigningKey::first(Algorithm::Es256).with_kid(kid(number))
}

fn pem() -> Reply {
    Reply::body(key(0).public_key_pem().unwrap())
}

fn policy() -> Policy {
    let policy = Policy::builder(ISSUER, ARN).profile(Profile::AwsAlb);
    policy.build().unwrap()
}

fn issuer() -> Issuer {
    Issuer::jwks_uri(policy(), TEMPLATE)
}

/// A network with these keys.
fn network(numbers: impl IntoIterator<Item = u32>) -> Network {
    let network = Network::default();
    for number in numbers {
        network.serve(&url(&kid(number)), pem());
    }
    network
}

fn server(network: &Network) -> ResourceServer {
    builder(network.clone()).issuer(issuer()).build().unwrap()
}

/// What the load balancer says about a user, with this key, for longer than it ever does.
fn of(number: u32) -> Token {
    with(key(number))
}

fn with(key: SigningKey) -> Token {
    Token::id_token(ISSUER, "unused", START)
        .without_claim("aud")
        .key(key)
        .header("signer", ARN)
        .header("client", "client-id")
        .expires_in(3 * DAY)
}

async fn decide(server: &ResourceServer, token: &Token) -> Result<Principal, Rejection> {
    decide_text(server, &token.sign_padded()).await
}

#[tokio::test(start_paused = true)]
async fn a_key_is_fetched_when_its_first_token_arrives_and_once() {
    let network = network([1, 2]);
    let server = server(&network);
    server.attempted().await;
    sleep(HOUR).await;
    assert!(server.is_ready());
    assert_eq!(network.count(), 0);
    for number in [1, 2, 1, 2, 1] {
        let principal = decide(&server, &of(number)).await.unwrap();
        assert_eq!(principal.client_id(), Some("client-id"));
    }
    assert_eq!(network.urls(), [url(&kid(1)), url(&kid(2))]);
    let state = state(&server);
    assert_eq!((state.kids, state.generation), (vec![kid(1), kid(2)], 2));
    assert_eq!(state.algorithms, [Algorithm::Es256]);
    assert!(state.is_usable && !state.is_stale);
    let [issuer] = server.state().try_into().unwrap();
    assert!(issuer.is_by_kid && issuer.is_ready());
}

#[tokio::test(start_paused = true)]
async fn t_key_18_a_kid_that_is_no_uuid_triggers_no_fetch() {
    let network = network([1]);
    let server = server(&network);
    for kid in [
        "../x",
        "..",
        "",
        "x",
        "https://evil.example/",
        "12345678123442348234123456789abc",
        "{12345678-1234-4234-8234-123456789abc}",
        "12345678-1234-4234-8234-123456789ab",
        "12345678-1234-4234-8234-123456789abg",
        "12345678-1234-4234-8234-123456789ab/",
        "12345678-1234-4234-8234-123456789a%2",
        "12345678-1234-4234-8234-123456789abc?",
        "12345678-1234-4234-8234-123456789abc/../x",
    ] {
        let token = with(key(1).with_kid(kid));
        assert_eq!(
            decide(&server, &token).await.unwrap_err(),
            KID_UNKNOWN,
            "{kid}"
        );
    }
    let nameless = decide(&server, &with(key(1).without_kid())).await;
    assert_eq!(reason(&nameless), "kid_missing");
    assert_eq!(network.count(), 0);
}

/// Each is a UUID (RFC 9562 §4), and another name.
#[tokio::test(start_paused = true)]
async fn a_uuid_may_have_upper_case() {
    let upper = "ABCDEF12-1234-4234-8234-123456789ABC";
    let network = Network::default();
    network.serve(&url(upper), pem());
    let server = server(&network);
    decide(&server, &with(key(1).with_kid(upper)))
        .await
        .unwrap();
    let lower = with(key(1).with_kid(upper.to_lowercase()));
    assert_eq!(decide(&server, &lower).await.unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.urls(), [url(upper), url(&upper.to_lowercase())]);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_only_a_plausible_token_triggers_a_fetch() {
    let network = network([1]);
    let server = server(&network);
    for token in [
        of(1).header("signer", ARN.replace("shop", "other")),
        of(1).without_header("signer"),
        of(1).header("typ", "at+jwt"),
        of(1).claim("exp", 1_600_000_000),
        of(1).without_claim("exp"),
        with(SigningKey::first(Algorithm::Rs256).with_kid(kid(1))),
        with(SigningKey::first(Algorithm::Es384).with_kid(kid(1))),
    ] {
        decide(&server, &token).await.unwrap_err();
    }
    assert_eq!(network.count(), 0);
    decide(&server, &of(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn t_key_01_200_unknown_uuids_cost_two_fetches_and_then_one_in_30_s() {
    let network = network([1]);
    let server = server(&network);
    decide(&server, &of(1)).await.unwrap();
    let mut requests = JoinSet::new();
    for number in 1000..1200 {
        let server = server.clone();
        requests.spawn(async move { decide(&server, &of(number)).await });
    }
    for decision in requests.join_all().await {
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), 1 + 2);
    for number in 2000..2600 {
        assert_eq!(decide(&server, &of(number)).await.unwrap_err(), KID_UNKNOWN);
        // The key that is held is not touched by any of this.
        decide(&server, &of(1)).await.unwrap();
        sleep(100 * MILLISECOND).await;
    }
    assert_eq!(network.count(), 1 + 2 + 1);
}

/// What it costs comes back when it verifies a token, so good keys do not wait for each other.
#[tokio::test(start_paused = true)]
async fn a_key_03_good_keys_come_in_while_unknown_ones_are_asked_for() {
    let network = network(1..=20);
    let server = server(&network);
    for number in 1..=20 {
        decide(&server, &of(number)).await.unwrap();
    }
    assert_eq!(network.count(), 20);
    // Strangers use the budget up; with the next of it, a good key is fetched, which returns it.
    for number in 1000..1010 {
        decide(&server, &of(number)).await.unwrap_err();
    }
    assert_eq!(network.count(), 22);
    network.serve(&url(&kid(21)), pem());
    assert_eq!(decide(&server, &of(21)).await.unwrap_err(), KID_UNKNOWN);
    sleep(30 * SECOND).await;
    decide(&server, &of(21)).await.unwrap();
    for number in 1010..1020 {
        decide(&server, &of(number)).await.unwrap_err();
    }
    assert_eq!(network.count(), 24);
    for number in 1..=21 {
        decide(&server, &of(number)).await.unwrap();
    }
}

/// A region's URL has the keys of everybody's load balancers. So that a key is there returns nothing.
#[tokio::test(start_paused = true)]
async fn t_key_01_keys_of_strangers_cost_as_much_as_none() {
    let network = network(1..=200);
    let server = server(&network);
    decide(&server, &of(1)).await.unwrap();
    let forged = |number: u32| {
        let stranger = SigningKey::second(Algorithm::Es256);
        with(stranger.with_kid(kid(number)))
    };
    for number in 2..=200 {
        let refused = decide(&server, &forged(number)).await;
        assert!(["signature_invalid", "kid_unknown"].contains(&reason(&refused)));
    }
    assert_eq!(network.count(), 3);
    // Nor is it fetched again, like one that is used.
    sleep(10 * MINUTE).await;
    decide(&server, &of(1)).await.unwrap();
    assert_eq!(network.count_of(&url(&kid(2))), 1);
    assert_eq!(network.count_of(&url(&kid(1))), 2);
    assert_eq!(state(&server).kids, [kid(1)]);
}

#[tokio::test(start_paused = true)]
async fn t_key_26_forged_signatures_under_a_known_kid_cost_nothing() {
    let network = network([1]);
    let server = server(&network);
    decide(&server, &of(1)).await.unwrap();
    let forged = with(SigningKey::second(Algorithm::Es256).with_kid(kid(1)));
    for _ in 0..10 {
        sleep(MINUTE / 2).await;
        assert_eq!(reason(&decide(&server, &forged).await), "signature_invalid");
    }
    assert_eq!(network.count(), 1);
}

/// Clients go on sending them; a new key does not wait for that.
#[tokio::test(start_paused = true)]
async fn t_key_26_tokens_of_keys_that_are_gone_do_not_delay_a_new_one() {
    let network = network(1..=4);
    let server = server(&network);
    for number in 1..=4 {
        decide(&server, &of(number)).await.unwrap();
        network.serve(&url(&kid(number)), Reply::status(404));
    }
    sleep(10 * MINUTE).await;
    let before = network.count();
    for _ in 0..20 {
        for number in 1..=4 {
            assert_eq!(decide(&server, &of(number)).await.unwrap_err(), KID_UNKNOWN);
        }
        sleep(3 * SECOND).await;
    }
    assert!((1..=3).contains(&(network.count() - before)));
    for number in 5..=6 {
        network.serve(&url(&kid(number)), pem());
        decide(&server, &of(number)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_is_answered_with_403_or_404_is_unknown_for_a_while() {
    for status in [403, 404] {
        let network = Network::default();
        network.serve(&url(&kid(1)), Reply::status(status));
        let server = server(&network);
        for _ in 0..5 {
            assert_eq!(decide(&server, &of(1)).await.unwrap_err(), KID_UNKNOWN);
        }
        assert_eq!(network.count(), 1);
        assert_eq!(last_error(&server), None);
        network.serve(&url(&kid(1)), pem());
        sleep(30 * SECOND).await;
        decide(&server, &of(1)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn no_other_document_is_a_key_and_the_sender_is_not_to_blame() {
    let pem_of = |algorithm| SigningKey::first(algorithm).public_key_pem().unwrap();
    let good = key(1).public_key_pem().unwrap();
    let not_a_pem = FetchError::JwkSet(JwkSetError::NotAPem);
    let not_p256 = FetchError::JwkSet(JwkSetError::NotP256);
    for (reply, error) in [
        (Reply::body(pem_of(Algorithm::Rs256)), &not_p256),
        (Reply::body(pem_of(Algorithm::Es384)), &not_p256),
        (Reply::json(&jwk_set([&key(1)])), &not_a_pem),
        (Reply::body(format!("{good}{good}")), &not_a_pem),
        (Reply::body(""), &not_a_pem),
        (Reply::status(500), &FetchError::Status(500)),
        (Reply::status(304), &FetchError::Status(304)),
        (
            Reply::redirect(302, "https://evil.example/"),
            &FetchError::Redirect(302),
        ),
        (
            Reply::Fail(FetchError::Connect(ConnectFailure::Refused)),
            &FetchError::Connect(ConnectFailure::Refused),
        ),
        (Reply::Hang, &FetchError::Timeout),
    ] {
        let network = Network::default();
        network.serve(&url(&kid(1)), reply);
        let server = server(&network);
        let waited = retry_after(decide(&server, &of(1)).await);
        assert!(waited <= SECOND + SECOND / 10, "{waited:?}");
        sleep(6 * SECOND).await;
        assert_eq!(last_error(&server).as_ref(), Some(error));
        assert!(server.is_ready());
    }
}

/// During an outage each attempt waits for the back-off, whatever arrives, and costs no budget.
#[tokio::test(start_paused = true)]
async fn a_key_04_an_outage_is_survived_with_the_keys_that_are_held() {
    let network = network([1]);
    let server = server(&network);
    decide(&server, &of(1)).await.unwrap();
    for number in 1..100 {
        network.serve(
            &url(&kid(number)),
            Reply::Fail(FetchError::Connect(ConnectFailure::Refused)),
        );
    }
    let mut unavailable = 0;
    for number in (2..100).cycle().take(600) {
        decide(&server, &of(1)).await.unwrap();
        let refused = decide(&server, &of(number)).await.unwrap_err();
        assert!(matches!(refused, Rejection::Unavailable(_)), "{refused:?}");
        unavailable += 1;
        sleep(SECOND).await;
    }
    assert_eq!(unavailable, 600);
    // 1, 2, 4, 8, 16, 32 s, then a minute each.
    assert!((10..=18).contains(&network.count()), "{}", network.count());
    for number in 1..100 {
        network.serve(&url(&kid(number)), pem());
    }
    sleep(2 * MINUTE).await;
    for number in 1..10 {
        decide(&server, &of(number)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_key_is_used_for_a_day_without_its_server_and_no_longer() {
    let network = network([1]);
    let server = server(&network);
    decide(&server, &of(1)).await.unwrap();
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    sleep(DAY - MINUTE).await;
    decide(&server, &of(1)).await.unwrap();
    assert!(state(&server).is_stale);
    sleep(2 * MINUTE).await;
    let refused = decide(&server, &of(1)).await.unwrap_err();
    assert!(matches!(refused, Rejection::Unavailable(_)), "{refused:?}");
    network.serve(&url(&kid(1)), pem());
    sleep(2 * MINUTE).await;
    decide(&server, &of(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn t_key_04_a_key_that_is_gone_ends_with_the_second_answer_its_cached_tokens_too() {
    for status in [403, 404] {
        let network = network([1]);
        let server = builder(network.clone()).issuer(issuer());
        let server = server.token_cache(TokenCache::new()).build().unwrap();
        let token = of(1).sign_padded();
        for _ in 0..2 {
            decide_text(&server, &token).await.unwrap();
        }
        network.serve(&url(&kid(1)), Reply::status(status));
        sleep(7 * MINUTE).await;
        decide_text(&server, &token).await.unwrap();
        sleep(3 * MINUTE).await;
        assert_eq!(decide_text(&server, &token).await.unwrap_err(), KID_UNKNOWN);
        assert_eq!(state(&server).kids, Vec::<String>::new());
    }
}

/// A bucket answers 403 also when something is wrong with it for a moment.
#[tokio::test(start_paused = true)]
async fn a_key_in_use_survives_one_answer_that_it_does_not_exist() {
    for status in [403, 404, 403] {
        let network = network([1]);
        let server = server(&network);
        decide(&server, &of(1)).await.unwrap();
        network.serve(&url(&kid(1)), Reply::status(status));
        while network.count() == 1 {
            sleep(SECOND).await;
        }
        sleep(SECOND).await;
        decide(&server, &of(1)).await.unwrap();
        network.serve(&url(&kid(1)), pem());
        for _ in 0..9 {
            sleep(MINUTE).await;
            decide(&server, &of(1)).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_fetched_again_as_a_set_is_and_its_cached_tokens_stay() {
    let network = Network::default();
    network.serve(&url(&kid(1)), pem().cache_control("max-age=1200"));
    let server = builder(network.clone()).issuer(issuer());
    let server = server.token_cache(TokenCache::new()).build().unwrap();
    let token = of(1).sign_padded();
    decide_text(&server, &token).await.unwrap();
    for expected in [1, 2, 3] {
        assert_eq!(network.count(), expected);
        decide_text(&server, &token).await.unwrap();
        // 80 % of what `Cache-Control` says, give or take a tenth of that.
        sleep(Duration::from_secs(18 * 60)).await;
    }
    let cache = server.token_cache().unwrap();
    assert_eq!((cache.hits, cache.misses), (3, 1));
    assert_eq!(state(&server).generation, 1);
}

/// Two spellings of one token would be two entries; each is found again.
#[tokio::test(start_paused = true)]
async fn a_padded_token_is_cached_as_it_was_sent() {
    let network = network([1]);
    let server = builder(network.clone()).issuer(issuer());
    let server = server.token_cache(TokenCache::new()).build().unwrap();
    let token = of(1).sign_padded();
    for _ in 0..3 {
        decide_text(&server, &token).await.unwrap();
    }
    for other in [token.trim_end_matches('=').to_owned(), format!("{token}=")] {
        assert_eq!(
            reason(&decide_text(&server, &other).await),
            "base64_not_canonical"
        );
    }
    assert_eq!(server.token_cache().unwrap().hits, 2);
}

#[tokio::test(start_paused = true)]
async fn at_most_64_keys_are_held_and_the_one_unused_for_longest_gives_way() {
    let network = network(1..=70);
    let server = server(&network);
    for number in 1..=64 {
        decide(&server, &of(number)).await.unwrap();
        sleep(SECOND).await;
    }
    decide(&server, &of(1)).await.unwrap();
    for number in 65..=66 {
        decide(&server, &of(number)).await.unwrap();
        sleep(SECOND).await;
    }
    let kids = state(&server).kids;
    assert_eq!(kids.len(), 64);
    assert!(kids.contains(&kid(1)) && !kids.contains(&kid(2)) && !kids.contains(&kid(3)));
    let before = network.count();
    decide(&server, &of(1)).await.unwrap();
    assert_eq!(network.count(), before);
    decide(&server, &of(2)).await.unwrap();
    assert_eq!(network.count(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_keys_of_the_same_issuer() {
    let network = network([1]);
    let server = server(&network);
    decide(&server, &of(1)).await.unwrap();
    let again = builder(network.clone())
        .issuer(issuer())
        .keep_keys_of(&server);
    let again = again.build().unwrap();
    drop(server);
    decide(&again, &of(1)).await.unwrap();
    assert_eq!(network.count(), 1);
    let other = issuer().stale_if_error(HOUR);
    let other = builder(network.clone()).issuer(other).keep_keys_of(&again);
    let other = other.build().unwrap();
    decide(&other, &of(1)).await.unwrap();
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn fetching_survives_a_panic_and_ends_with_the_server() {
    let network = network([2]);
    network.serve(&url(&kid(1)), Reply::Panic);
    let server = server(&network);
    retry_after(decide(&server, &of(1)).await);
    sleep(2 * SECOND).await;
    decide(&server, &of(2)).await.unwrap();
    assert_eq!(state(&server).failed_fetches, 1);
    drop(server);
    sleep(SECOND).await;
    assert_eq!(network.holders(), 0);
}

#[tokio::test]
async fn t_key_18_the_url_has_its_placeholder_in_the_path_under_this_profile_alone() {
    let build = |issuer: Issuer| builder(Network::default()).issuer(issuer).build().map(drop);
    let at = |url: &str| build(Issuer::jwks_uri(policy(), url));
    assert_eq!(at("http://127.0.0.1:1/{kid}"), Ok(()));
    for url in [
        "https://keys.example/",
        "https://keys.example/{kid}/{kid}",
        "https://{kid}.example/",
        "https://keys.example/?{kid}",
    ] {
        assert_eq!(at(url), Err(BuildError::KeyUri), "{url}");
    }
    assert_eq!(at("http://keys.example/{kid}"), Err(BuildError::UrlScheme));
    assert_eq!(at("{kid}"), Err(BuildError::Url));
    assert_eq!(build(Issuer::discover(policy())), Err(BuildError::KeyUri));
    let kept = issuer().snapshot("/tmp/keys.json");
    assert_eq!(build(kept), Err(BuildError::KeyUri));
    let other = Policy::builder("https://other.example", ARN)
        .build()
        .unwrap();
    let set = Issuer::jwks_uri(other.clone(), TEMPLATE);
    assert_eq!(build(set), Err(BuildError::KeyUri));
    assert_eq!(build(issuer().also(other.clone())), Err(BuildError::KeyUri));
    let reversed = Issuer::jwks_uri(other, "https://other.example/keys").also(policy());
    assert_eq!(build(reversed), Err(BuildError::KeyUri));
}

#[tokio::test]
async fn a_key_at_hand_is_used_without_fetching() {
    let network = Network::default();
    let keys = JwkSet::parse(jwk_set([&key(1)]).to_string().as_bytes()).unwrap();
    let issuer = Issuer::jwk_set(policy(), keys);
    let server = builder(network.clone()).issuer(issuer).build().unwrap();
    decide(&server, &of(1)).await.unwrap();
    assert_eq!(network.count(), 0);
}

#[tokio::test]
async fn a_key_is_fetched_once_for_a_program_that_ends() {
    let network = network([1]);
    assert!(issuer().is_by_kid());
    let keys = issuer().fetch_key(&kid(1), &network).await.unwrap();
    assert_eq!(keys.algorithms().collect::<Vec<_>>(), [Algorithm::Es256]);
    let absent = issuer().fetch_key(&kid(2), &network).await.map(drop);
    assert_eq!(absent, Err(BuildError::Fetch(FetchError::Status(404))));
    let count = network.count();
    let no_name = issuer().fetch_key("../x", &network).await.map(drop);
    assert_eq!(no_name, Err(BuildError::KeyByKid));
    let all = issuer().fetch_keys(&network).await.map(drop);
    assert_eq!(all, Err(BuildError::KeyByKid));
    let policy = Policy::builder(ISSUER, ARN).build().unwrap();
    let other = Issuer::discover(policy).fetch_key(&kid(1), &network).await;
    assert_eq!(other.map(drop), Err(BuildError::KeyByKid));
    assert_eq!(network.count(), count);
}

#[tokio::test(start_paused = true)]
async fn t_jws_07_the_same_issuer_under_another_profile_takes_no_padding() {
    let policy = Policy::builder(ISSUER, "unused").profile(Profile::Generic);
    let keys = JwkSet::parse(jwk_set([&key(1)]).to_string().as_bytes()).unwrap();
    let issuer = Issuer::jwk_set(policy.build().unwrap(), keys);
    let server = builder(Network::default()).issuer(issuer).build().unwrap();
    let token = of(1).claim("aud", "unused").claim("client_id", "c");
    decide_text(&server, &token.sign()).await.unwrap();
    let refused: Rejection = InvalidToken::Base64NotCanonical.into();
    assert_eq!(decide(&server, &token).await.unwrap_err(), refused);
}
