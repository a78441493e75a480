//! What every configuration without mistakes promises.

use std::ffi::OsString;

use bearward_core::limits;
use bearward_gateway::config::{Config, Surroundings};
use bearward_gateway::host::canonical_host;
use bearward_gateway::original::Original;
use bearward_gateway::recipe::{Proxy, Recipe};
use bearward_gateway::route::{Access, Mode};
use bearward_gateway::{Current, Decision};
use http::{HeaderMap, Method};

use crate::setting::{KEYS, NOW, paused};

/// A folder that is not there, and an environment with a secret that is good and one that is not.
pub fn surroundings() -> Surroundings<'static> {
    Surroundings::new("/nonexistent", |name| match name {
        "STRONG" => Some(OsString::from("0123456789abcdef0123456789abcdef")),
        "WEAK" => Some(OsString::from("hunter2")),
        _ => None,
    })
}

pub fn assert_good(config: &Config) {
    assert_issuers(config);
    assert_routes(config);
    for proxy in Proxy::ALL {
        // A recipe that cannot be written is an error, and one that can has no characters that a
        // reader of configurations might stop at.
        if let Ok(recipe) = Recipe::new(*proxy, config).write() {
            assert!(
                !recipe
                    .chars()
                    .any(|char| char.is_control() && !"\n\t".contains(char)),
                "{recipe:?}"
            );
        }
    }
    assert_keeps_out(config);
}

fn assert_issuers(config: &Config) {
    assert!(
        config.server.issuers().next().is_some(),
        "nobody's tokens are accepted"
    );
    for name in config.server.issuers() {
        let policy = config.server.policy(name).expect("a policy for each name");
        assert_eq!(**policy.issuer(), *name);
        assert!(
            policy.audiences().next().is_some()
                && policy.audiences().all(|audience| !audience.is_empty())
        );
        assert!(policy.leeway().as_secs() <= limits::LEEWAY_SECONDS);
        let symmetric = policy
            .algorithms()
            .iter()
            .filter(|algorithm| algorithm.is_symmetric())
            .count();
        assert!(!policy.algorithms().is_empty());
        assert!(
            [0, policy.algorithms().len()].contains(&symmetric),
            "a public key could be taken for a secret"
        );
    }
}

fn assert_routes(config: &Config) {
    assert!(
        config.routes.iter().next().is_some(),
        "no request could pass"
    );
    for route in config.routes.iter() {
        assert!(!route.paths.is_empty(), "{}", route.name);
        assert!(
            route.hosts.iter().all(|host| canonical_host(host) == *host),
            "{:?}",
            route.hosts
        );
        // docs/limits.md: alternatives are multiplied out so far.
        assert!(route.require.len() <= 64);
        let is_there = |name| {
            config
                .upstreams
                .iter()
                .any(|upstream| upstream.name() == name)
        };
        assert!(
            route.upstream.as_ref().is_none_or(is_there),
            "an upstream that is not there"
        );
    }
}

/// Who presents nothing passes where a route says so, and nowhere else.
fn assert_keeps_out(config: &Config) {
    let Some(issuer) = config.server.issuers().next() else {
        return;
    };
    let decisions = paused(async {
        let builder = config
            .server
            .with_keys(issuer, &KEYS)
            .expect("an issuer of the configuration");
        let server = builder.clock(|| NOW).build().expect("a server");
        let gate = Current::new(config.in_force(server)).load();
        let mut decisions = Vec::new();
        for target in ["/", "/assets/x", "/transfer", "/a/b/c"] {
            for host in [Some("api.example"), None] {
                let headers = HeaderMap::new();
                decisions.push(
                    gate.decide(&Original::new(&Method::GET, target, host, &headers))
                        .await,
                );
            }
        }
        decisions
    });
    for decision in decisions {
        if let Decision::Admit(admission) = decision {
            assert!(admission.principal.is_none() && admission.identity.set.is_empty());
            assert!(
                admission.route.access != Access::Required || admission.route.mode == Mode::Shadow
            );
        }
    }
}
