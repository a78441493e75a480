//! One issuer, one API, one point in time.

use std::cell::RefCell;
use std::sync::LazyLock;

use bearward_core::{Algorithm, JwkSet, Policy, UnixTime};
use bearward_testing::SigningKey;
use bearward_testing::keys::jwk_set;
use tokio::runtime::{Builder, Runtime};

pub const ISSUER: &str = "https://auth.example";
pub const AUDIENCE: &str = "https://api.example";

/// 2023-11-14T22:13:20Z.
pub const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// The default leeway in seconds.
pub const LEEWAY: f64 = 30.0;

/// The one that signs: of an algorithm that signs and verifies in microseconds.
pub static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::first(Algorithm::EdDsa));

/// The key of the same algorithm that an attacker has.
pub static OTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::second(Algorithm::EdDsa));

pub static KEYS: LazyLock<JwkSet> = LazyLock::new(|| {
    JwkSet::parse(jwk_set([&*KEY]).to_string().as_bytes()).expect("a set with one good key")
});

pub static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    Policy::builder(ISSUER, AUDIENCE)
        .build()
        .expect("a policy with a meaning")
});

/// base64url without padding, by another library than ours.
pub fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

thread_local! {
    /// Its clock stands still, and goes on to where somebody waits for when nothing else is to be done.
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime"),
    );
}

/// What a future comes to, by a clock that takes no time.
pub fn paused<F: Future>(future: F) -> F::Output {
    RUNTIME.with_borrow_mut(|runtime| runtime.block_on(future))
}
