//! Rotations of an issuer, amid its honest clients: the gateway refuses none of their good requests.
//!
//! The clock of the runtime is the machine's while requests are answered over sockets, and jumps in
//! between.

use std::time::Duration;

use bearward_testing::{Algorithm, DevIssuer, SigningKey};
use tokio::time::{advance, pause, resume};

use crate::running::{Running, asking, get, issuers, status};

/// After that, an issuer is believed to have replaced a key under its old name.
const OLD: Duration = Duration::from_secs(31);

/// The tokens of an issuer, at a gateway that knows its keys.
struct Scene {
    issuer: DevIssuer,
    gateway: Running,
}

impl Scene {
    async fn with(key: SigningKey) -> Self {
        let issuer = DevIssuer::builder().keys([key]).start().await.unwrap();
        let gateway = Running::start(&format!(
            "{}[[routes]]\nname = 'all'\npath_prefix = '/'\n\
             [listen.forward_auth]\naddress = '127.0.0.1:0'\n",
            issuers(&[&issuer])
        ))
        .await;
        Self { issuer, gateway }
    }

    /// A user's token, signed with the current key.
    fn token(&self) -> String {
        self.issuer.user_token(self.issuer.url()).sign()
    }

    /// The status, and how often the issuer was asked for its keys.
    async fn ask(&self, token: &str) -> (u16, u64) {
        let before = self.fetches();
        let door = self.gateway.address("forward auth");
        let answer = get(door, "/auth/nginx", &asking("/orders", token)).await;
        (status(&answer), self.fetches() - before)
    }

    fn fetches(&self) -> u64 {
        self.issuer.fetches().jwks
    }

    /// Asks with each, round by round, half a second after one another: how many were refused.
    async fn refusals(&self, rounds: usize, tokens: &[&str]) -> usize {
        let mut refused = 0;
        for _ in 0..rounds {
            for token in tokens {
                let (status, _) = self.ask(token).await;
                refused += usize::from(status != 200);
            }
            pass(Duration::from_millis(500)).await;
        }
        refused
    }
}

async fn pass(by: Duration) {
    pause();
    advance(by).await;
    resume();
}

fn key() -> SigningKey {
    SigningKey::first(Algorithm::EdDsa)
}

async fn a_replaced_key_is_followed(key: SigningKey) {
    let scene = Scene::with(key).await;
    let old = scene.token();
    assert_eq!(scene.refusals(10, &[&old]).await, 0);
    pass(OLD).await;
    scene.issuer.rotate_in_place().await.unwrap();
    let new = scene.token();
    assert_eq!(scene.ask(&new).await, (200, 1));
    assert_eq!(scene.refusals(100, &[&new]).await, 0);
    // The attack next to it: its key is not the issuer's any more.
    assert_eq!(scene.ask(&old).await.0, 401);
}

#[tokio::test]
async fn t_jws_22_a_key_replaced_under_its_name() {
    a_replaced_key_is_followed(key()).await;
}

#[tokio::test]
async fn t_jws_22_the_only_key_of_a_set_without_names_replaced() {
    a_replaced_key_is_followed(key().without_kid()).await;
}

/// The neighbour: amid forged signatures, which cost no more than a fetch every 30 s.
#[tokio::test]
async fn t_jws_22_t_key_26_a_key_replaced_amid_forged_signatures() {
    let scene = Scene::with(key()).await;
    let kid = key().kid().unwrap().to_owned();
    let forger = SigningKey::second(Algorithm::EdDsa).with_kid(kid);
    let forged = scene.issuer.user_token(scene.issuer.url());
    let forged = forged.key(forger).sign();
    for _ in 0..3 {
        pass(OLD).await;
        let (status, fetches) = scene.ask(&forged).await;
        assert_eq!((status, fetches), (401, 1));
        assert_eq!(scene.refusals(20, &[&forged]).await, 20);
    }
    pass(OLD).await;
    scene.issuer.rotate_in_place().await.unwrap();
    let new = scene.token();
    let before = scene.fetches();
    assert_eq!(scene.ask(&forged).await.0, 401);
    assert_eq!(scene.refusals(20, &[&new]).await, 0);
    assert_eq!(scene.fetches(), before + 1);
}

/// The issuer restarts with a new key, and 70 s later again; its clients go on with their tokens.
#[tokio::test]
async fn t_key_26_rotations_amid_tokens_of_removed_keys() {
    let scene = Scene::with(key()).await;
    let mut gone = Vec::new();
    for _ in 0..4 {
        gone.push(scene.token());
        scene.issuer.rotate_and_drop().await.unwrap();
        let new = scene.token();
        for _ in 0..70 {
            assert_eq!(scene.refusals(1, &[&new]).await, 0);
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            assert_eq!(scene.refusals(1, &gone).await, gone.len());
        }
    }
}

/// The neighbour: amid forged signatures under the name of the current key.
#[tokio::test]
async fn t_key_26_rotations_amid_forged_signatures() {
    let scene = Scene::with(key()).await;
    for _ in 0..4 {
        let (signing_input, _) = scene.token().rsplit_once('.').map(owned).unwrap();
        pass(OLD).await;
        let (_, signature) = scene.token().rsplit_once('.').map(owned).unwrap();
        // Each has its own `jti`, so the signature of one is not that of another.
        let forged = format!("{signing_input}.{signature}");
        assert_eq!(scene.refusals(10, &[&forged]).await, 10);
        scene.issuer.rotate().await.unwrap();
        let new = scene.token();
        for _ in 0..20 {
            assert_eq!(scene.refusals(1, &[&new]).await, 0);
            assert_eq!(scene.refusals(1, &[&forged]).await, 1);
        }
    }
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// A script that replaces all keys, time and again.
#[tokio::test]
async fn t_key_01_keys_brought_in_within_seconds() {
    let scene = Scene::with(key()).await;
    for _ in 0..5 {
        scene.issuer.rotate_and_drop().await.unwrap();
        let new = scene.token();
        assert_eq!(scene.ask(&new).await, (200, 1));
        assert_eq!(scene.refusals(3, &[&new]).await, 0);
    }
}

/// The neighbours: keys that are added, none removed, and the last replaced; the attack next to it,
/// keys that were made up, still costs two.
#[tokio::test]
async fn t_key_01_keys_added_within_seconds_amid_made_up_ones() {
    let scene = Scene::with(key()).await;
    let mut tokens = vec![scene.token()];
    for _ in 0..5 {
        scene.issuer.rotate().await.unwrap();
        tokens.push(scene.token());
        let known: Vec<&str> = tokens.iter().map(String::as_str).collect();
        assert_eq!(scene.refusals(2, &known).await, 0);
    }
    let before = scene.fetches();
    for number in 0..20 {
        let made_up = key().with_kid(format!("made-up-{number}"));
        let token = scene.issuer.user_token(scene.issuer.url()).key(made_up);
        assert_eq!(scene.ask(&token.sign()).await.0, 401);
    }
    assert_eq!(scene.fetches(), before + 2);
}
