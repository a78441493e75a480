//! A byte that chooses an issuer, and bytes as the document at its well-known URL: keys are asked for
//! where the metadata says, if it is of this issuer, and nowhere else.

#![no_main]

use bearward::fetch::FetchError;
use bearward::resource_server::BuildError;
use bearward::{Issuer, Policy};
use bearward_fuzz::discovery::{Expected, Network, expected};
use bearward_fuzz::setting::{AUDIENCE, paused};
use libfuzzer_sys::fuzz_target;

/// Each with the URLs where its metadata may be, in order.
const ISSUERS: &[(&str, &[&str])] = &[
    (
        "https://auth.example",
        &[
            "https://auth.example/.well-known/openid-configuration",
            "https://auth.example/.well-known/oauth-authorization-server",
        ],
    ),
    (
        "https://auth.example/",
        &[
            "https://auth.example/.well-known/openid-configuration",
            "https://auth.example/.well-known/oauth-authorization-server",
        ],
    ),
    (
        "https://auth.example:8443/realms/one",
        &[
            "https://auth.example:8443/realms/one/.well-known/openid-configuration",
            "https://auth.example:8443/.well-known/openid-configuration/realms/one",
            "https://auth.example:8443/.well-known/oauth-authorization-server/realms/one",
        ],
    ),
    (
        "http://127.0.0.1:9000",
        &[
            "http://127.0.0.1:9000/.well-known/openid-configuration",
            "http://127.0.0.1:9000/.well-known/oauth-authorization-server",
        ],
    ),
];

fuzz_target!(|input: &[u8]| {
    let (choice, document) = input.split_first().unwrap_or((&0, &[]));
    let (name, well_known) = ISSUERS[usize::from(*choice) % ISSUERS.len()];
    let expected = expected(document, name);
    let network = Network::new(document, matches!(expected, Expected::KeysAt(_)));
    let policy = Policy::builder(name, AUDIENCE).build().expect("a policy");
    let outcome = paused(Issuer::discover(policy).fetch_keys(&network));
    let asked = network.asked();
    match (expected, outcome) {
        (Expected::KeysAt(url), Ok(keys)) => {
            assert_eq!(asked, [well_known[0], &url]);
            assert_eq!(keys.kids().count(), 1);
        }
        // Each place is asked, and each has told the same.
        (Expected::Refused(reason), Err(BuildError::Fetch(FetchError::Discovery(failures)))) => {
            assert_eq!(asked, well_known);
            assert!(
                failures.attempts().all(|(_, error)| *error == reason),
                "{failures:?}"
            );
            assert!(
                failures
                    .attempts()
                    .map(|(url, _)| url.as_str())
                    .eq(well_known.iter().copied())
            );
        }
        (expected, outcome) => panic!("{expected:?}, and not {outcome:?} after {asked:?}"),
    }
});
