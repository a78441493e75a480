//! Issuers with a name for each tenant: which are accepted, and what their tokens may cost.

use std::time::Duration;

use bearward::core::rejection::InvalidToken;
use bearward::{BuildError, Issuer, Policy, Profile, Rejection, ResourceServer, TokenCache};
use bearward_testing::Token;
use tokio::time::sleep;

use crate::fixture::{
    AUDIENCE, KID_UNKNOWN, MILLISECOND, SECOND, START, builder, clock_from, decide, key, next_key,
    reason,
};
use crate::network::{Network, Reply};

const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";

const KEYS: &str = "https://login.example/keys";

fn name(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

fn metadata(tenant: &str) -> String {
    format!("{}/.well-known/openid-configuration", name(tenant))
}

fn policy() -> Policy {
    let settings = Policy::builder(TEMPLATE, AUDIENCE).profile(Profile::Entra);
    settings.build().unwrap()
}

/// All tenants have the same keys, as at Microsoft.
fn network<'t>(tenants: impl IntoIterator<Item = &'t str>) -> Network {
    let network = Network::default();
    for tenant in tenants {
        network.serve(&metadata(tenant), Reply::metadata(&name(tenant), KEYS));
    }
    network.serve(KEYS, Reply::keys([&key()]));
    network
}

fn server(network: &Network, tenants: &[&str]) -> ResourceServer {
    let issuer = Issuer::discover(policy()).tenants("tid", tenants.iter().copied());
    builder(network.clone()).issuer(issuer).build().unwrap()
}

/// A token of the tenant, as Microsoft writes it.
fn of(tenant: &str) -> Token {
    Token::user(&name(tenant), AUDIENCE, START)
        .key(key())
        .header("typ", "JWT")
        .claim("tid", tenant)
        .claim("scp", "read")
        .claim("azp", "client")
        .expires_in(Duration::from_secs(172_800))
}

const UNKNOWN: Rejection = Rejection::InvalidToken(InvalidToken::IssuerUnknown);

#[tokio::test(start_paused = true)]
async fn tokens_of_each_tenant_are_accepted_and_its_keys_fetched_when_the_first_arrives() {
    let network = network(["a", "b", "c"]);
    let server = server(&network, &["a", "b", "c"]);
    server.attempted().await;
    sleep(SECOND).await;
    assert!(server.is_ready());
    assert_eq!(network.count(), 0);
    for tenant in ["a", "b", "a"] {
        let principal = decide(&server, &of(tenant)).await.unwrap();
        assert_eq!(principal.issuer(), name(tenant));
    }
    assert_eq!(network.count_of(&metadata("a")), 1);
    assert_eq!(network.count_of(&metadata("b")), 1);
    assert_eq!(network.count_of(&metadata("c")), 0);
    let [state] = server.state().try_into().unwrap();
    assert_eq!((&*state.issuer, state.tenants), (TEMPLATE, Some(3)));
    assert_eq!(state.keys.fetches, 2);
    assert_eq!(state.keys.kids, [key().kid().unwrap()]);
    assert!(state.keys.is_usable);
}

#[tokio::test(start_paused = true)]
async fn t_key_24_only_the_tenants_on_the_list_are_accepted_and_no_request_leaves_for_others() {
    let network = network(["a", "b"]);
    let server = server(&network, &["a", "Ab-1_2.c"]);
    for tenant in [
        "b",
        "A",
        "ab-1_2.c",
        "",
        "a/",
        "/a",
        "a/../a",
        "a%2f",
        "%61",
        "a%00",
        "..",
        "a@b",
        "a#",
        "a?x",
        "x@login.example/a",
        "{tenantid}",
        "*",
        "a\u{0}",
    ] {
        let token = of(tenant);
        assert_eq!(
            decide(&server, &token).await.unwrap_err(),
            UNKNOWN,
            "{tenant}"
        );
        // Nor does a claim that names one that is.
        let token = token.claim("tid", "a");
        assert_eq!(
            decide(&server, &token).await.unwrap_err(),
            UNKNOWN,
            "{tenant}"
        );
    }
    for issuer in [
        "https://login.example/a/v2.0/",
        "https://login.example/a",
        "http://login.example/a/v2.0",
        "https://login.example.evil/a/v2.0",
        "https://LOGIN.example/a/v2.0",
        "",
    ] {
        let token = of("a").claim("iss", issuer);
        let reason = reason(&decide(&server, &token).await);
        assert!(
            ["issuer_unknown", "iss_missing"].contains(&reason),
            "{issuer}: {reason}"
        );
    }
    assert_eq!(network.count(), 0);
    assert!(decide(&server, &of("a")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_24_the_claim_names_the_same_tenant() {
    let network = network(["a", "b"]);
    let server = server(&network, &["a", "b"]);
    for token in [
        of("a").claim("tid", "b"),
        of("a").claim("tid", "A"),
        of("a").claim("tid", serde_json::json!(["a"])),
        of("a").claim("tid", serde_json::json!(null)),
        of("a").without_claim("tid"),
    ] {
        assert_eq!(decide(&server, &token).await.unwrap_err(), UNKNOWN);
    }
    // Before a signature is looked at, so nothing was fetched.
    assert_eq!(network.count(), 0);
    assert!(decide(&server, &of("a")).await.is_ok());
    // With the keys at hand as well.
    let token = of("a").claim("tid", "b");
    assert_eq!(decide(&server, &token).await.unwrap_err(), UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn t_key_17_a_key_of_one_tenant_verifies_nothing_of_another() {
    let network = network(["a", "b"]);
    let keys_of_b = "https://login.example/b/keys";
    network.serve(&metadata("b"), Reply::metadata(&name("b"), keys_of_b));
    network.serve(keys_of_b, Reply::keys([&next_key()]));
    let server = server(&network, &["a", "b"]);
    assert!(decide(&server, &of("b").key(next_key())).await.is_ok());
    assert!(decide(&server, &of("a").key(next_key())).await.is_err());
    assert!(decide(&server, &of("a")).await.is_ok());
    assert_eq!(decide(&server, &of("b")).await.unwrap_err(), KID_UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn t_key_09_metadata_of_another_tenant_is_refused() {
    let network = network(["a", "b"]);
    network.serve(&metadata("a"), Reply::metadata(&name("b"), KEYS));
    let server = server(&network, &["a", "b"]);
    assert_eq!(reason(&decide(&server, &of("a")).await), "keys_unavailable");
    // Anybody can send such a token, so it takes no server out of service.
    assert!(server.is_ready());
    // Others are not affected.
    assert!(decide(&server, &of("b")).await.is_ok());
    assert!(server.is_ready());
}

#[tokio::test(start_paused = true)]
async fn t_key_01_implausible_tokens_of_a_tenant_fetch_nothing() {
    let network = network(["a"]);
    let server = server(&network, &["a"]);
    for token in [of("a").claim("exp", 1), of("a").claim("aud", "other")] {
        assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_all_tenants_share_one_budget() {
    let tenants: Vec<String> = (0..50).map(|at| format!("t{at}")).collect();
    let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
    let network = network(tenants.iter().copied());
    let server = server(&network, &tenants);
    for tenant in &tenants {
        assert!(decide(&server, &of(tenant)).await.is_ok());
    }
    let before = network.count_of(KEYS);
    assert_eq!(before, 50);
    sleep(MILLISECOND).await;
    for tenant in &tenants {
        let forged = of(tenant).key(next_key().with_kid(*tenant));
        assert_eq!(decide(&server, &forged).await.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count_of(KEYS) - before, 2);
}

#[tokio::test(start_paused = true)]
async fn t_dos_05_the_keys_of_so_many_tenants_are_held() {
    let tenants: Vec<String> = (0..1026).map(|at| format!("t{at}")).collect();
    let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
    let network = network(tenants.iter().copied());
    let server = server(&network, &tenants);
    for tenant in tenants.iter().take(1024) {
        assert!(decide(&server, &of(tenant)).await.is_ok());
        sleep(SECOND / 4).await;
    }
    let holders = network.holders();
    // These two take the place of those that were used least recently, from the common budget.
    sleep(60 * SECOND).await;
    assert!(decide(&server, &of("t0")).await.is_ok());
    for tenant in ["t1024", "t1025"] {
        assert!(decide(&server, &of(tenant)).await.is_ok());
    }
    let before = network.count_of(&metadata("t0"));
    assert!(decide(&server, &of("t0")).await.is_ok());
    assert_eq!(network.count_of(&metadata("t0")), before);
    // A third one has to wait, and is told so.
    let refused = decide(&server, &of("t1")).await;
    assert_eq!(reason(&refused), "keys_unavailable");
    sleep(31 * SECOND).await;
    assert!(decide(&server, &of("t1")).await.is_ok());
    tokio::task::yield_now().await;
    assert!(network.holders() <= holders);
}

#[tokio::test(start_paused = true)]
async fn t_dos_05_forged_tokens_push_out_no_tenant_with_valid_ones() {
    let tenants: Vec<String> = (0..1100).map(|at| format!("t{at}")).collect();
    let tenants: Vec<&str> = tenants.iter().map(String::as_str).collect();
    let network = network(tenants.iter().copied());
    let issuer = Issuer::discover(policy()).tenants("tid", tenants.iter().copied());
    let server = builder(network.clone())
        .issuer(issuer)
        .token_cache(TokenCache::new());
    let server = server.build().unwrap();
    let honest = of("t0");
    assert!(decide(&server, &honest).await.is_ok());
    let forged = |tenant: &str| of(tenant).key(next_key().with_kid(key().kid().unwrap()));
    for round in 0..3 {
        for tenant in &tenants[1..] {
            assert!(decide(&server, &forged(tenant)).await.is_err());
        }
        sleep(31 * SECOND).await;
        // Also those that were taken from the cache count.
        assert!(decide(&server, &honest).await.is_ok(), "round {round}");
    }
    assert_eq!(network.count_of(&metadata("t0")), 1);
    // One that is not held has to wait for the budget once, and then takes such a place for free.
    sleep(31 * SECOND).await;
    assert!(decide(&server, &of("t1099")).await.is_ok());
    for tenant in &tenants[1..1099] {
        assert!(decide(&server, &forged(tenant)).await.is_err());
    }
    assert!(decide(&server, &of("t1099")).await.is_ok());
    assert!(decide(&server, &honest).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_cch_01_a_remembered_token_of_a_tenant_ends_with_its_key() {
    let network = network(["a"]);
    let issuer = Issuer::discover(policy()).tenants("tid", ["a"]);
    let server = builder(network.clone())
        .issuer(issuer)
        .token_cache(TokenCache::new());
    let server = server.build().unwrap();
    let token = of("a");
    assert!(decide(&server, &token).await.is_ok());
    assert!(decide(&server, &token).await.is_ok());
    network.serve(KEYS, Reply::keys([&next_key()]));
    sleep(MILLISECOND).await;
    assert!(decide(&server, &of("a").key(next_key())).await.is_ok());
    assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn a_cfg_02_tenants_are_added_and_removed_with_the_keys_of_the_others_kept() {
    let network = network(["a", "b", "c"]);
    let before = server(&network, &["a", "b"]);
    assert!(decide(&before, &of("a")).await.is_ok());
    assert!(decide(&before, &of("b")).await.is_ok());
    let fetches = network.count();
    let issuer = Issuer::discover(policy()).tenants("tid", ["a", "c"]);
    let after = builder(network.clone())
        .issuer(issuer)
        .keep_keys_of(&before);
    let after = after.build().unwrap();
    drop(before);
    assert!(decide(&after, &of("a")).await.is_ok());
    assert_eq!(network.count(), fetches);
    assert_eq!(decide(&after, &of("b")).await.unwrap_err(), UNKNOWN);
    assert!(decide(&after, &of("c")).await.is_ok());
    let [state] = after.state().try_into().unwrap();
    assert_eq!(state.tenants, Some(2));
}

#[tokio::test]
async fn t_key_24_what_is_no_template_or_no_tenant_is_refused() {
    let build = |issuer: Issuer| {
        let server = ResourceServer::builder().clock(clock_from(START));
        server.issuer(issuer).build().map(drop)
    };
    for issuer in [
        "https://login.example/v2.0",
        "https://login.example/{a}/{b}",
        "https://login.example/{}",
        "https://login.example/}a{",
        "https://login.example/{a",
        "{tenantid}",
    ] {
        let policy = Policy::builder(issuer, AUDIENCE).build().unwrap();
        let refused = build(Issuer::discover(policy).tenants("tid", ["a"]));
        assert_eq!(refused, Err(BuildError::Tenants), "{issuer}");
    }
    for tenant in [
        &"a".repeat(254),
        "",
        ".",
        "..",
        "a/b",
        "a%2f",
        "a@b",
        "a#b",
        "a b",
        "*",
        "é",
        "{a}",
    ] {
        let refused = build(Issuer::discover(policy()).tenants("tid", [tenant]));
        assert_eq!(refused, Err(BuildError::Tenants), "{tenant:?}");
    }
    let fixed = Issuer::jwks_uri(policy(), KEYS).tenants("tid", ["a"]);
    assert_eq!(build(fixed), Err(BuildError::Tenants));
    let nameless = Issuer::discover(policy()).tenants("", ["a"]);
    assert_eq!(build(nameless), Err(BuildError::Tenants));
    let twice = Issuer::discover(policy()).tenants("tid", ["a", "a"]);
    assert_eq!(build(twice), Err(BuildError::Duplicate));
}
