//! The limit on failures, at every door (THREATS table 10).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bearward::{Issuer, JwkSet, ResourceServer, TokenCache, UnixTime};
use bearward_gateway::config::Address;
use bearward_gateway::doors::ext_authz::ExtAuthz;
use bearward_gateway::doors::failures::{Allowance, Failures};
use bearward_gateway::doors::forward_auth::{ForwardAuth, Peer, TrustedPeers};
use bearward_gateway::doors::proxy::{Limits, Settings, Upstreams};
use bearward_gateway::net::listener::Listener;
use bearward_gateway::route::{PathPattern, Route, Routes};
use bearward_gateway::{Current, Gate, InForce};
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW, key_set, policy};
use bearward_testing::{Algorithm, SigningKey, Token};
use http::{HeaderMap, Method, Request};

use crate::ext_authz;
use crate::forward_auth::setting::{Ask, DIALECTS, LOOPBACK, head_of, identity};
use crate::proxy::fixture::{App, Gateway, bare, body_of, empty, send, upstream};

/// As many failures as a client may have in these tests, in a minute.
const MAX: u32 = 5;

/// As many tokens as are checked in a second for a client over its limit.
const CHECKS: usize = 100;

/// A clock that a test sets.
#[derive(Clone, Default)]
struct Watch(Arc<AtomicU64>);

impl Watch {
    fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    fn failures(&self) -> Failures {
        let this = self.clone();
        let allowance = Allowance::new(MAX, Duration::from_secs(60));
        let read = move || Duration::from_millis(this.0.load(Ordering::SeqCst));
        Failures::with_clock(allowance, read)
    }
}

fn in_force(failures: Option<Failures>) -> InForce {
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    route.upstream = Some("app".into());
    let server = ResourceServer::builder()
        .issuer(Issuer::jwk_set(
            policy(ISSUER),
            JwkSet::parse(key_set().as_bytes()).unwrap(),
        ))
        .token_cache(TokenCache::new())
        .clock(|| NOW);
    let gate = Gate::new(Routes::new([route]), identity());
    InForce::new(server.build().unwrap(), gate).failures(failures)
}

fn user() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

/// A good token of this user, unlike any before.
fn fresh(subject: &str, number: usize) -> String {
    let token = user().claim("sub", subject);
    token.claim("jti", format!("fresh-{number}")).sign()
}

/// Right in every respect, but signed by somebody else.
fn forged(subject: &str) -> String {
    let set: serde_json::Value = serde_json::from_str(&key_set()).unwrap();
    let kid = set["keys"][0]["kid"].as_str().unwrap();
    let key = SigningKey::second(Algorithm::Rs256).with_kid(kid);
    user().claim("sub", subject).key(key).sign()
}

fn expired() -> String {
    user().expires_at(UnixTime::from_secs(1_699_999_000)).sign()
}

/// A door, and how a client behind its proxy asks.
enum Door {
    ExtAuthz(ExtAuthz),
    ForwardAuth(&'static str, ForwardAuth, Ask),
    Proxy(Gateway),
}

/// What a client got.
#[derive(Debug)]
struct Got {
    /// The status that was decided, even where the proxy cannot carry it.
    status: u16,
    /// The one that it carries.
    carried: u16,
    headers: HeaderMap,
    body: String,
}

impl Door {
    fn name(&self) -> &'static str {
        match self {
            Self::ExtAuthz(_) => "ext_authz",
            Self::ForwardAuth(dialect, ..) => dialect,
            Self::Proxy(_) => "proxy",
        }
    }

    /// All doors, each with failures of its own.
    async fn all(failures: impl Fn() -> Option<Failures>) -> Vec<Self> {
        let trusted = TrustedPeers::default();
        let current = || Current::new(in_force(failures()));
        let mut doors = vec![Self::ExtAuthz(ExtAuthz::new(current(), trusted.clone()))];
        for (dialect, ask) in DIALECTS {
            let door = ForwardAuth::new(current(), trusted.clone());
            doors.push(Self::ForwardAuth(dialect, door, ask));
        }
        let settings = Settings::new().trust(trusted);
        doors.push(Self::Proxy(proxy(failures(), settings).await));
        doors
    }

    /// The answer to a client at this address, whatever it claims in the fields that it may write.
    async fn ask(&self, client: &str, token: &str) -> Got {
        let chain = format!("203.0.113.77, {client}");
        self.ask_with(client, &chain, token).await
    }

    /// `source` is whom nginx and Envoy state themselves, `chain` what others append to.
    async fn ask_with(&self, source: &str, chain: &str, token: &str) -> Got {
        let bearer = format!("Bearer {token}");
        let mut request = Request::get("/").header("authorization", bearer);
        match self {
            Self::Proxy(gateway) => {
                let head = bare(Method::GET, "/").header("x-forwarded-for", chain);
                let bearer = request.headers_ref().unwrap()["authorization"].clone();
                let head = head.header("authorization", bearer);
                let response = send(gateway.addr, head.body(empty()).unwrap()).await;
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                Got {
                    status,
                    carried: status,
                    headers,
                    body: body_of(response).await,
                }
            }
            Self::ForwardAuth(_, door, ask) => {
                request = request.header("x-forwarded-for", chain);
                let mut question = ask(request.body(()).unwrap());
                if self.name() == "nginx" {
                    let source = source.parse().unwrap();
                    question.headers_mut().insert("x-original-client", source);
                }
                let response = door.answer(LOOPBACK, head_of(&question)).await;
                let status = response.headers()["x-bearward-status"].to_str().unwrap();
                Got {
                    status: status.parse().unwrap(),
                    carried: response.status().as_u16(),
                    headers: response.headers().clone(),
                    body: response.body().to_string(),
                }
            }
            Self::ExtAuthz(door) => {
                let request = request.header("x-forwarded-for", chain).body(()).unwrap();
                let question = ext_authz::question_of(&request, source);
                let told = ext_authz::told(ext_authz::ask(door, LOOPBACK, &question).await);
                Got {
                    status: told.status().as_u16(),
                    carried: told.status().as_u16(),
                    headers: told.headers().clone(),
                    body: told.into_body(),
                }
            }
        }
    }

    /// The statuses of as many questions of one client.
    async fn flood(&self, client: &str, token: &str, count: usize) -> Vec<u16> {
        let mut statuses = Vec::with_capacity(count);
        for _ in 0..count {
            statuses.push(self.ask(client, token).await.status);
        }
        statuses
    }

    async fn drive_over_limit(&self, client: &str) {
        let statuses = self.flood(client, &forged("mallory"), 6).await;
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429], "{}", self.name());
    }
}

async fn proxy(failures: Option<Failures>, settings: Settings) -> Gateway {
    let (_app, addr) = App::start().await;
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::bind(&address).await.unwrap();
    let in_force = in_force(failures).upstreams(Upstreams::new([upstream(addr)]));
    Gateway::serving_by(listener, in_force, settings, Limits::new())
}

const ATTACKER: &str = "198.51.100.66";

#[tokio::test]
async fn t_dos_03_a_client_with_too_many_failures_is_answered_429_at_every_door() {
    let watch = Watch::default();
    for door in Door::all(|| Some(watch.failures())).await {
        door.drive_over_limit(ATTACKER).await;
        let got = door.ask(ATTACKER, &forged("mallory")).await;
        let name = door.name();
        let is_nginx = name == "nginx";
        assert_eq!(got.status, 429, "{name}");
        assert_eq!(got.carried, if is_nginx { 403 } else { 429 }, "{name}");
        assert_eq!(got.headers["retry-after"], "1", "{name}");
        assert_eq!(got.headers["cache-control"], "no-store", "{name}");
        assert!(!got.headers.contains_key("www-authenticate"), "{name}");
        let document = r#"{"title":"Too Many Requests","status":429}"#;
        assert_eq!(got.body, if is_nginx { "" } else { document }, "{name}");
    }
}

#[tokio::test]
async fn t_dos_03_what_is_checked_for_a_flood_is_bounded() {
    let watch = Watch::default();
    let failures = watch.failures();
    let door = ForwardAuth::new(
        Current::new(in_force(Some(failures.clone()))),
        TrustedPeers::default(),
    );
    let door = Door::ForwardAuth("traefik", door, DIALECTS[1].1);
    let statuses = door.flood(ATTACKER, &forged("mallory"), 10_000).await;
    let refused = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(refused, 5, "only the first failures were told apart");
    assert!(statuses.iter().skip(5).all(|status| *status == 429));
    assert_eq!(failures.clients_over_limit(), 1);
    // None of the checks for anybody is left. With time, some are again.
    let stranger = |number| fresh("new-here", number);
    assert_eq!(door.ask(ATTACKER, &stranger(1)).await.status, 429);
    watch.pass(Duration::from_millis(10));
    assert_eq!(door.ask(ATTACKER, &stranger(1)).await.status, 200);
}

#[tokio::test]
async fn t_dos_12_good_tokens_pass_from_the_address_of_a_flood() {
    let watch = Watch::default();
    for door in Door::all(|| Some(watch.failures())).await {
        let name = door.name();
        let cached = fresh("alice", 0);
        assert_eq!(door.ask(ATTACKER, &cached).await.status, 200, "{name}");
        door.drive_over_limit(ATTACKER).await;
        // Before the flood has used up the checks: a token of somebody who was never here.
        let first = fresh("bob", 0);
        assert_eq!(door.ask(ATTACKER, &first).await.status, 200, "{name}");
        let statuses = door.flood(ATTACKER, &forged("mallory"), CHECKS + 20).await;
        assert!(statuses.iter().all(|status| *status == 429), "{name}");
        // Afterwards: those that were verified, and new ones of whoever was here, as often as they ask.
        assert_eq!(door.ask(ATTACKER, &cached).await.status, 200, "{name}");
        let both = (1..20).flat_map(|number| [fresh("alice", number), fresh("bob", number)]);
        for next in both {
            assert_eq!(door.ask(ATTACKER, &next).await.status, 200, "{name}");
        }
        assert_eq!(
            door.ask(ATTACKER, &fresh("eve", 0)).await.status,
            429,
            "{name}"
        );
        watch.pass(Duration::from_millis(10));
        assert_eq!(
            door.ask(ATTACKER, &fresh("eve", 0)).await.status,
            200,
            "{name}"
        );
    }
}

#[tokio::test]
async fn t_dos_12_a_flood_that_names_a_user_keeps_out_only_new_tokens_of_that_user() {
    let watch = Watch::default();
    let doors = Door::all(|| Some(watch.failures())).await;
    let door = &doors[0];
    for subject in ["alice", "bob"] {
        assert_eq!(door.ask(ATTACKER, &fresh(subject, 0)).await.status, 200);
    }
    door.drive_over_limit(ATTACKER).await;
    let statuses = door.flood(ATTACKER, &forged("alice"), CHECKS + 20).await;
    assert!(statuses.iter().all(|status| *status == 429));
    assert_eq!(door.ask(ATTACKER, &fresh("alice", 1)).await.status, 429);
    assert_eq!(
        door.ask(ATTACKER, &fresh("alice", 0)).await.status,
        200,
        "cached"
    );
    assert_eq!(door.ask(ATTACKER, &fresh("bob", 1)).await.status, 200);
    watch.pass(Duration::from_millis(200));
    assert_eq!(door.ask(ATTACKER, &fresh("alice", 1)).await.status, 200);
}

#[tokio::test]
async fn t_dos_12_others_behind_the_same_proxy_have_their_own_limit() {
    let watch = Watch::default();
    for door in Door::all(|| Some(watch.failures())).await {
        let name = door.name();
        door.drive_over_limit(ATTACKER).await;
        door.flood(ATTACKER, &forged("mallory"), CHECKS + 20).await;
        let neighbour = "198.51.100.67";
        let statuses = door.flood(neighbour, &forged("mallory"), 1).await;
        assert_eq!(statuses, [401], "{name}");
        assert_eq!(
            door.ask(neighbour, &fresh("eve", 0)).await.status,
            200,
            "{name}"
        );
        // The same address in IPv6 is the same client.
        let mapped = door.ask("::ffff:198.51.100.66", &forged("mallory")).await;
        assert_eq!(mapped.status, 429, "{name}");
    }
}

#[tokio::test]
async fn t_dos_12_a_network_of_64_bits_is_one_client() {
    let watch = Watch::default();
    for door in Door::all(|| Some(watch.failures())).await {
        let name = door.name();
        door.drive_over_limit("2001:db8:1:2::66").await;
        let forged = forged("mallory");
        let same = door.ask("2001:db8:1:2:ffff::9", &forged).await;
        assert_eq!(same.status, 429, "{name}");
        let next = door.ask("2001:db8:1:3::66", &forged).await;
        assert_eq!(next.status, 401, "{name}");
    }
}

#[tokio::test]
async fn t_dos_03_the_client_begins_again_after_the_period_and_slowly_before() {
    let watch = Watch::default();
    for door in Door::all(|| Some(watch.failures())).await {
        let name = door.name();
        door.drive_over_limit(ATTACKER).await;
        // One failure in 12 seconds is forgiven; the one after the limit was counted as well.
        watch.pass(Duration::from_secs(12));
        let statuses = door.flood(ATTACKER, &forged("mallory"), 2).await;
        assert_eq!(statuses, [401, 429], "{name}");
        watch.pass(Duration::from_secs(60));
        door.drive_over_limit(ATTACKER).await;
    }
}

#[tokio::test]
async fn t_dos_12_where_the_client_is_not_known_nobody_is_limited() {
    let watch = Watch::default();
    let failures = watch.failures();
    for door in Door::all(|| Some(failures.clone())).await {
        let name = door.name();
        let forged = forged("mallory");
        // Only proxies, nobody, or rubbish at the end.
        let chains = [
            "127.0.0.9",
            "127.0.0.9, 127.0.0.8",
            "198.51.100.66, unknown",
            "_hidden",
        ];
        for chain in chains.into_iter().flat_map(|chain| [chain; 20]) {
            let source = chain.rsplit(", ").next().unwrap();
            let got = door.ask_with(source, chain, &forged).await;
            assert_eq!(got.status, 401, "{name} {chain}");
        }
    }
    assert_eq!(failures.clients_over_limit(), 0);
}

#[tokio::test]
async fn t_dos_12_an_untrusted_peer_neither_escapes_nor_locks_out_another() {
    let watch = Watch::default();
    // It trusts no proxy, so this machine is the client, whatever it says.
    let gateway = proxy(Some(watch.failures()), Settings::new()).await;
    let door = Door::Proxy(gateway);
    for number in 0..5 {
        let made_up = format!("192.0.2.{number}");
        assert_eq!(door.ask(&made_up, &forged("mallory")).await.status, 401);
    }
    assert_eq!(door.ask("192.0.2.99", &forged("mallory")).await.status, 429);
    // At the doors that proxies ask, a stranger is refused before anything is counted.
    let failures = watch.failures();
    let current = Current::new(in_force(Some(failures.clone())));
    let door = ForwardAuth::new(current, TrustedPeers::default());
    let stranger: Peer = "192.0.2.7".parse::<std::net::IpAddr>().unwrap().into();
    for (dialect, ask) in DIALECTS {
        let bearer = format!("Bearer {}", forged("mallory"));
        let request = Request::get("/").header("authorization", bearer);
        let request = request
            .header("x-forwarded-for", ATTACKER)
            .header("x-original-client", ATTACKER);
        let question = ask(request.body(()).unwrap());
        for _ in 0..10 {
            let response = door.answer(stranger, head_of(&question)).await;
            assert_eq!(response.headers()["x-bearward-status"], "403", "{dialect}");
        }
    }
    assert_eq!(failures.clients_over_limit(), 0);
}

#[tokio::test]
async fn a_field_of_another_dialect_names_no_client() {
    let watch = Watch::default();
    let failures = watch.failures();
    let current = Current::new(in_force(Some(failures.clone())));
    let door = ForwardAuth::new(current, TrustedPeers::default());
    for (dialect, ask) in DIALECTS {
        let foreign = match dialect {
            "nginx" => "x-forwarded-for",
            _ => "x-original-client",
        };
        let bearer = format!("Bearer {}", forged("mallory"));
        let request = Request::get("/").header("authorization", bearer);
        let request = request.header(foreign, ATTACKER);
        let request = request.header("x-real-ip", ATTACKER);
        let question = ask(request.body(()).unwrap());
        for _ in 0..10 {
            let response = door.answer(LOOPBACK, head_of(&question)).await;
            assert_eq!(response.headers()["x-bearward-status"], "401", "{dialect}");
        }
    }
    assert_eq!(failures.clients_over_limit(), 0);
}

#[tokio::test]
async fn without_a_limit_nobody_is_answered_429() {
    for door in Door::all(|| None).await {
        let statuses = door.flood(ATTACKER, &forged("mallory"), 300).await;
        assert!(
            statuses.iter().all(|status| *status == 401),
            "{}",
            door.name()
        );
    }
}

/// What needs no signature check, or fails for another reason than the token, is no failure.
#[tokio::test]
async fn only_tokens_whose_signature_was_checked_count() {
    let watch = Watch::default();
    for door in Door::all(|| Some(watch.failures())).await {
        let name = door.name();
        let unknown = user().header("kid", "unknown").sign();
        for token in ["", "a", "rubbish", &*unknown] {
            let statuses = door.flood(ATTACKER, token, 20).await;
            assert!(!statuses.contains(&429), "{name} {statuses:?}");
        }
        let good = fresh("alice", 0);
        assert_eq!(door.ask(ATTACKER, &good).await.status, 200, "{name}");
        door.drive_over_limit(ATTACKER).await;
        // The answer is that of every other refusal now.
        let statuses = door.flood(ATTACKER, &unknown, 200).await;
        assert!(statuses.iter().all(|status| *status == 429), "{name}");
    }
}

#[tokio::test]
async fn t_dos_12_a_proxy_before_envoy_is_not_the_client() {
    let watch = Watch::default();
    let failures = watch.failures();
    let networks = ["127.0.0.0/8", "10.0.0.0/8"].map(|network| network.parse().unwrap());
    let current = Current::new(in_force(Some(failures.clone())));
    let door = Door::ExtAuthz(ExtAuthz::new(current, TrustedPeers::new(networks)));
    let forged = forged("mallory");
    // Envoy has appended the address of the proxy, and the client has written the first one.
    let behind = |client: &str| format!("203.0.113.77, {client}, 10.0.0.1");
    let attacker = behind(ATTACKER);
    for _ in 0..5 {
        let got = door.ask_with("10.0.0.1", &attacker, &forged).await;
        assert_eq!(got.status, 401);
    }
    let got = door.ask_with("10.0.0.1", &attacker, &forged).await;
    assert_eq!(got.status, 429);
    let neighbour = behind("198.51.100.67");
    let got = door.ask_with("10.0.0.1", &neighbour, &forged).await;
    assert_eq!(got.status, 401);
    // Another source is the client, whatever the fields say.
    for _ in 0..5 {
        let got = door.ask_with("192.0.2.9", &neighbour, &forged).await;
        assert_eq!(got.status, 401);
    }
    let got = door.ask_with("192.0.2.9", &neighbour, &forged).await;
    assert_eq!(got.status, 429);
    assert_eq!(failures.clients_over_limit(), 2);
}

/// A client has to learn that its token has expired, or it would never fetch another.
#[tokio::test]
async fn t_dos_12_an_expired_token_is_answered_401_over_the_limit_too() {
    let watch = Watch::default();
    let expired = expired();
    for door in Door::all(|| Some(watch.failures())).await {
        let name = door.name();
        door.drive_over_limit(ATTACKER).await;
        door.flood(ATTACKER, &forged("mallory"), CHECKS + 20).await;
        let statuses = door.flood(ATTACKER, &expired, 500).await;
        assert!(statuses.iter().all(|status| *status == 401), "{name}");
    }
}

/// A genuine token that has expired costs a check each time it is sent: it is counted, too.
#[tokio::test]
async fn t_dos_03_a_flood_of_one_genuine_token_that_is_refused_is_bounded() {
    let watch = Watch::default();
    let bound = serde_json::json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" });
    for (token, after) in [(expired(), 401), (user().claim("cnf", bound).sign(), 429)] {
        for door in Door::all(|| Some(watch.failures())).await {
            let name = door.name();
            let statuses = door.flood(ATTACKER, &token, 5).await;
            assert_eq!(statuses, [401; 5], "{name}");
            assert_eq!(door.ask(ATTACKER, &forged("mallory")).await.status, 429);
            door.flood(ATTACKER, &forged("mallory"), CHECKS).await;
            let got = door.ask(ATTACKER, &token).await;
            assert_eq!(got.status, after, "{name}");
        }
    }
}

#[test]
fn another_allowance_judges_the_same_failures() {
    let failures = Watch::default().failures();
    let tighter = failures.judged_by(Allowance::new(1, Duration::from_secs(1)));
    assert_eq!(tighter.clients_over_limit(), 0);
    let shown = format!("{tighter:?}");
    assert!(shown.starts_with("Failures { rules"), "{shown}");
}
