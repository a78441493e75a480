//! Text as the `Cache-Control` of a JWK Set: whatever it says, the next fetch is neither at once nor
//! later than in an hour, and where it has one meaning, it comes when that says.

#![no_main]

use bearward::{Issuer, ResourceServer};
use bearward_fuzz::cache_control::{Network, lifetime};
use bearward_fuzz::setting::{POLICY, paused};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|field: &str| {
    // What cannot stand in a field never comes.
    if http::HeaderValue::from_str(field).is_err() {
        return;
    }
    let waited = paused(async {
        let (network, second) = Network::new(field);
        let issuer = Issuer::jwks_uri(POLICY.clone(), "https://auth.example/keys");
        let server = ResourceServer::builder()
            .transport(network)
            .issuer(issuer)
            .build()
            .expect("a server");
        let waited = second.await;
        drop(server);
        waited
    });
    // At 80 %, give or take 10 % of that.
    let due = |seconds: f64| (seconds * 0.719)..=(seconds * 0.881);
    let waited = waited.as_secs_f64();
    assert!(
        (60.0 * 0.719..=3600.0 * 0.881).contains(&waited),
        "{waited} s"
    );
    if let Some(seconds) = lifetime(field) {
        assert!(
            due(seconds).contains(&waited),
            "{waited} s, and not 80 % of {seconds} s"
        );
    }
});
