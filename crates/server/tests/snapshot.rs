//! The last good key set on disk: what is written, and what is believed of it after a restart.

use std::fs;
use std::path::PathBuf;

use bearward::fetch::{ConnectFailure, FetchError};
use bearward::{Issuer, ResourceServer, UnixTime};
use bearward_testing::keys::{OddJwk, jwk_set};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::time::sleep;

use crate::fixture::{
    DAY, HOUR, ISSUER, JWKS, KID_UNKNOWN, METADATA, MILLISECOND, MINUTE, SECOND, START, clock_from,
    decide, decide_at_once, good, issuer, key, last_error, next_key, policy, policy_of, reason,
    state, with_kid,
};
use crate::network::{Network, Reply};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempdir().unwrap(),
        }
    }

    /// With the snapshot of a server that fetched [`key`] at [`START`].
    async fn with_snapshot() -> Self {
        let place = Self::new();
        let server = place.start(&issuer(), START);
        settled(&server).await;
        assert!(place.file().exists());
        place
    }

    /// With this file in it.
    fn with_file(text: impl AsRef<[u8]>) -> Self {
        let place = Self::new();
        fs::write(place.file(), text).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    fn issuer(&self) -> Issuer {
        Issuer::discover(policy()).snapshot(self.file())
    }

    /// A server that starts at `now`.
    fn start(&self, network: &Network, now: UnixTime) -> ResourceServer {
        start(network, now, self.issuer())
    }
}

fn start(network: &Network, now: UnixTime, issuer: Issuer) -> ResourceServer {
    ResourceServer::builder()
        .transport(network.clone())
        .clock(clock_from(now))
        .issuer(issuer)
        .build()
        .unwrap()
}

/// After the first attempt and what it writes: time stands still while a thread is at work.
async fn settled(server: &ResourceServer) {
    server.attempted().await;
    sleep(MILLISECOND).await;
}

fn down() -> Network {
    let network = issuer();
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    network
}

/// The snapshot of a server that fetched `document` at [`START`].
fn snapshot(document: &Value) -> Value {
    json!({
        "issuer": ISSUER,
        "url": "https://auth.example/",
        "fetched_at": START.as_secs(),
        "jwk_set": document.to_string(),
    })
}

/// Whether a server that starts with the issuer down, a minute later, serves from this file.
async fn is_used(text: impl AsRef<[u8]>) -> bool {
    let place = Place::with_file(text);
    let server = place.start(&down(), START.plus(MINUTE));
    settled(&server).await;
    let decision = decide_at_once(&server, &good());
    assert_eq!(decision.is_ok(), server.is_ready());
    decision.is_ok()
}

#[tokio::test(start_paused = true)]
async fn it_is_what_was_fetched_and_when_and_where() {
    let place = Place::with_snapshot().await;
    assert_eq!(place.json(), snapshot(&jwk_set([&key()])));
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn it_is_its_owners_alone_and_replaced_as_a_whole() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let place = Place::with_file("old");
    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let before = fs::metadata(place.file()).unwrap();
    let server = place.start(&issuer(), START);
    settled(&server).await;
    let after = fs::metadata(place.file()).unwrap();
    assert_eq!(after.permissions().mode() & 0o777, 0o600);
    assert_ne!(before.ino(), after.ino(), "it was written over in place");
    // Nothing is left lying about.
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_serves_a_restart_during_an_outage() {
    let place = Place::with_snapshot().await;
    let network = down();
    let server = place.start(&network, START.plus(HOUR));
    // At once, before anything was tried.
    assert_eq!(network.count(), 0);
    assert!(server.is_ready());
    assert!(decide_at_once(&server, &good()).is_ok());
    let restored = state(&server);
    assert_eq!(restored.fetched_at, Some(START));
    assert_eq!(restored.generation, 1);
    assert!(restored.is_stale);
    settled(&server).await;
    assert_eq!(network.urls(), [METADATA]);
    assert_eq!(
        last_error(&server),
        Some(FetchError::Connect(ConnectFailure::Refused))
    );
    assert!(decide_at_once(&server, &good()).is_ok());
    let decision = decide_at_once(&server, &with_kid("random"));
    assert_eq!(reason(&decision), "keys_unavailable");
}

#[tokio::test(start_paused = true)]
async fn it_does_not_keep_the_issuer_from_being_asked() {
    let place = Place::with_snapshot().await;
    let network = issuer();
    network.serve(JWKS, Reply::keys([&next_key()]));
    let server = place.start(&network, START.plus(SECOND));
    settled(&server).await;
    assert_eq!(state(&server).generation, 2);
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    assert_eq!(decide(&server, &good()).await.unwrap_err(), KID_UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn unchanged_keys_keep_their_generation_across_a_restart() {
    let place = Place::with_snapshot().await;
    let server = place.start(&issuer(), START.plus(HOUR));
    settled(&server).await;
    let state = state(&server);
    assert_eq!(state.generation, 1);
    assert!(!state.is_stale);
    let now = START.plus(HOUR).as_secs();
    assert_eq!(state.fetched_at.unwrap().as_secs(), now);
    assert_eq!(place.json()["fetched_at"], now);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_during_a_restart_is_accepted_at_once() {
    let place = Place::with_snapshot().await;
    let network = issuer();
    network.serve(JWKS, Reply::keys([&next_key()]));
    let server = place.start(&network, START.plus(HOUR));
    let token = good().key(next_key());
    assert!(decide(&server, &token).await.is_ok());
    assert_eq!(network.urls(), [METADATA, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn t_key_06_its_age_counts_from_the_fetch_across_restarts() {
    let place = Place::with_snapshot().await;
    for hours in [8, 16, 23] {
        let server = place.start(&down(), START.plus(hours * HOUR));
        settled(&server).await;
        assert!(decide_at_once(&server, &good()).is_ok(), "{hours}");
        drop(server);
    }
    let server = place.start(&down(), START.plus(23 * HOUR));
    sleep(HOUR - SECOND).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    sleep(2 * SECOND).await;
    let decision = decide_at_once(&server, &good());
    assert_eq!(reason(&decision), "keys_unavailable");

    for age in [DAY, DAY + HOUR, 365 * DAY] {
        let server = place.start(&down(), START.plus(age));
        assert!(!server.is_ready());
        settled(&server).await;
        assert!(!server.is_ready());
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_06_its_limit_is_that_of_the_setting() {
    let place = Place::with_snapshot().await;
    let starts = |ago, limit| {
        let issuer = place.issuer().stale_if_error(limit);
        start(&down(), START.plus(ago), issuer).is_ready()
    };
    assert!(starts(HOUR - SECOND, HOUR));
    assert!(!starts(HOUR, HOUR));
    // 0 means while they are fresh, which is 10 minutes if nobody says otherwise.
    assert!(starts(10 * MINUTE - SECOND, MINUTE - MINUTE));
    assert!(!starts(10 * MINUTE, MINUTE - MINUTE));
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_leaves_it_alone() {
    let place = Place::with_snapshot().await;
    let before = fs::read(place.file()).unwrap();
    let network = issuer();
    network.serve(JWKS, Reply::body(r#"{"keys":[]}"#));
    let server = place.start(&network, START.plus(HOUR));
    settled(&server).await;
    assert!(last_error(&server).is_some());
    assert_eq!(fs::read(place.file()).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn t_key_04_it_forgets_a_key_with_the_set() {
    let place = Place::with_snapshot().await;
    let network = issuer();
    let server = place.start(&network, START);
    settled(&server).await;
    network.serve(JWKS, Reply::keys([&next_key()]));
    sleep(10 * MINUTE).await;
    drop(server);
    let server = place.start(&down(), START.plus(HOUR));
    assert_eq!(state(&server).kids, [next_key().kid().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn a_304_makes_it_younger() {
    let place = Place::new();
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    let server = place.start(&network, START);
    settled(&server).await;
    sleep(10 * MINUTE).await;
    assert_eq!(network.last().etag.as_deref(), Some("\"one\""));
    let fetched_at = place.json()["fetched_at"].as_u64().unwrap();
    assert!(fetched_at > START.as_secs() + 400, "{fetched_at}");
    assert_eq!(place.json()["jwk_set"], jwk_set([&key()]).to_string());
}

#[tokio::test(start_paused = true)]
async fn it_is_bound_to_issuer_and_url() {
    let place = Place::with_snapshot().await;
    let custom = "https://login.customer.example";
    for other in [
        Issuer::discover(policy_of(custom)),
        Issuer::discover(policy_of("https://auth.example/")),
        Issuer::jwks_uri(policy(), JWKS),
        Issuer::jwks_uri(policy(), "https://auth.example/"),
    ] {
        let shown = format!("{other:?}");
        let server = start(&down(), START, other.snapshot(place.file()));
        let same_url = shown.contains("JwksUri(\"https://auth.example/\")");
        assert_eq!(server.is_ready(), same_url, "{shown}");
    }
    // The second name of an issuer shares its keys, on disk too.
    let also = place.issuer().also(policy_of(custom));
    assert!(start(&down(), START, also).is_ready());
}

#[tokio::test(start_paused = true)]
async fn one_from_the_future_is_not_used() {
    let place = Place::with_snapshot().await;
    assert!(!place.start(&down(), START.minus(SECOND)).is_ready());
    assert!(place.start(&down(), START).is_ready());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_whole_is_not_used() {
    let good = snapshot(&jwk_set([&key()]));
    assert!(is_used(good.to_string()).await);

    let text = good.to_string();
    for end in [0, 1, text.len() / 2, text.len() - 1] {
        assert!(!is_used(&text.as_bytes()[..end]).await, "{end}");
    }
    assert!(!is_used(format!("{text}x")).await);
    assert!(!is_used("<html>").await);
    assert!(!is_used([0xff, 0xfe]).await);
    for member in ["issuer", "url", "fetched_at", "jwk_set"] {
        let mut spoilt = good.clone();
        spoilt[member] = Value::Null;
        assert!(!is_used(spoilt.to_string()).await, "{member}");
        spoilt.as_object_mut().unwrap().remove(member);
        assert!(!is_used(spoilt.to_string()).await, "{member}");
    }
    let mut huge = good.clone();
    huge["padding"] = Value::from("x".repeat(8 * 1024 * 1024));
    assert!(!is_used(huge.to_string()).await);
}

#[tokio::test(start_paused = true)]
async fn one_without_a_usable_key_is_not_used() {
    let weak = OddJwk::ALL.iter().map(|odd| odd.jwk());
    let weak: Vec<_> = weak.collect();
    for document in [
        json!({ "keys": [] }),
        json!({ "keys": weak }),
        json!({ "keys": [OddJwk::Symmetric.jwk()] }),
        json!({ "keys": [key().private_jwk()] }),
        json!([]),
    ] {
        assert!(!is_used(snapshot(&document).to_string()).await);
    }
    let mut too_large = jwk_set([&key()]);
    too_large["padding"] = Value::from("x".repeat(256 * 1024));
    assert!(!is_used(snapshot(&too_large).to_string()).await);
}

#[tokio::test(start_paused = true)]
async fn a_spoilt_one_is_replaced_by_the_next_fetch() {
    let place = Place::with_file("spoilt");
    let server = place.start(&issuer(), START);
    settled(&server).await;
    assert!(server.is_ready());
    assert_eq!(place.json(), snapshot(&jwk_set([&key()])));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_written_stops_nothing() {
    let place = Place::new();
    let missing = place.folder.path().join("missing").join("keys.json");
    for path in [missing.as_path(), place.folder.path()] {
        let issuer_down = Issuer::discover(policy()).snapshot(path);
        assert!(!start(&down(), START, issuer_down).is_ready());
        let network = issuer();
        let source = Issuer::discover(policy()).snapshot(path);
        let server = start(&network, START, source);
        settled(&server).await;
        assert!(decide_at_once(&server, &good()).is_ok());
        sleep(HOUR).await;
        assert!(network.count_of(JWKS) > 5);
    }
}

/// A start that read a pipe would wait for a writer, and one that read a device for its end. Neither
/// is replaced by a file.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn what_is_not_a_file_is_neither_read_nor_replaced() {
    use std::os::unix::fs::FileTypeExt;

    let place = Place::new();
    let pipe = place.folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // By a link, so that a test that fails leaves the device alone.
    let device = place.folder.path().join("device");
    std::os::unix::fs::symlink("/dev/zero", &device).unwrap();
    for path in [&pipe, &device] {
        let network = issuer();
        let server = start(&network, START, Issuer::discover(policy()).snapshot(path));
        assert!(!server.is_ready());
        settled(&server).await;
        assert!(decide_at_once(&server, &good()).is_ok());
        let there = fs::metadata(path).unwrap().file_type();
        assert!(there.is_fifo() || there.is_char_device(), "{there:?}");
    }
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 2);
}
