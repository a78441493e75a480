//! Shares out the available file descriptors so that they suffice for every client.
//!
//! Each client connection takes one, and so does each request or stream in progress to an application.
//! The sum of the caps is less than the system grants, so whatever clients and applications do, a
//! descriptor is left for the next connection.

use crate::config::Config;
use crate::doors::proxy::{IDLE_MAX, Most, Settings};

/// How many descriptors each part may have open at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Connections to the reverse proxy.
    pub(super) clients: u32,
    /// Connections to each other listener.
    pub(super) others: u32,
    /// Requests and streams of the reverse proxy, each with a connection to an application.
    pub(super) most: Most,
    /// Idle connections kept to each address.
    pub(super) idle: usize,
}

/// The configured demand.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// The configured limits, if there is a reverse proxy.
    most: Option<Most>,
    /// How many other listeners there are.
    listeners: u32,
    /// How many addresses the applications have.
    addresses: u32,
}

impl Shares {
    /// The shares of a configuration within the descriptors that this process may have. Logs a warning
    /// if fewer requests may be in progress than configured.
    pub(super) fn plan(config: &Config) -> Self {
        let listen = &config.listen;
        let others = [
            listen.admin.is_some(),
            listen.forward_auth.is_some(),
            listen.ext_authz.is_some(),
        ];
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let addresses = config.upstreams.iter().map(|each| each.addresses.len());
        let most = listen.proxy.as_ref().map(|proxy| Most {
            requests: proxy.max_requests,
            streams: proxy.max_streams,
        });
        let wanted = Wanted {
            most,
            listeners: count(others.iter().filter(|is_there| **is_there).count()),
            addresses: count(addresses.sum()),
        };
        let shares = Self::within(granted(), wanted);
        let Most { requests, streams } = shares.most;
        if most.is_some_and(|most| requests < most.requests || streams < most.streams) {
            tracing::warn!(
                max_requests = requests,
                max_streams = streams,
                connections = shares.clients,
                "there are too few file descriptors for the limits of [listen.proxy], which are lowered \
                 to these; raise `ulimit -Hn` or LimitNOFILE"
            );
        }
        shares
    }

    fn within(descriptors: u32, wanted: Wanted) -> Self {
        // If there are very few, half of them.
        let reserve = RESERVE.min(descriptors.div_euclid(2));
        let free = descriptors.saturating_sub(reserve);
        // If there is a reverse proxy, other listeners get few requests.
        let parts = if wanted.most.is_some() {
            16
        } else {
            wanted.listeners.max(1)
        };
        let others = share(free, parts).min(CONNECTIONS);
        let free = free.saturating_sub(others.saturating_mul(wanted.listeners));
        let most = wanted.most.unwrap_or(Most {
            requests: 0,
            streams: 0,
        });
        let kept = share(free, 4).checked_div(wanted.addresses).unwrap_or(0);
        let kept = usize::try_from(kept).map_or(IDLE_MAX, |kept| kept.min(IDLE_MAX));
        let idle = u32::try_from(kept).unwrap_or(0);
        let idle = idle.saturating_mul(wanted.addresses);
        let free = free.saturating_sub(idle);
        let clients = share(free, 2).min(CONNECTIONS);
        let free = free.saturating_sub(clients);
        let requests = most.requests.min(share(free, 2));
        let streams = most.streams.min(free.saturating_sub(requests)).max(1);
        let requests = most.requests.min(free.saturating_sub(streams)).max(1);
        Self {
            clients,
            others,
            most: Most { requests, streams },
            idle: kept,
        }
    }

    /// The settings of a reverse proxy, limited to its share.
    pub(super) fn limit(self, settings: Settings) -> Settings {
        let Most { requests, streams } = self.most;
        settings.max_requests(requests).max_streams(streams)
    }
}

/// One of `parts` equal parts of `whole`, at least one.
fn share(whole: u32, parts: u32) -> u32 {
    whole.checked_div(parts).unwrap_or(0).max(1)
}

/// How many descriptors this process may have.
fn granted() -> u32 {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current;
        limit.map_or(u32::MAX, |limit| u32::try_from(limit).unwrap_or(u32::MAX))
    }
    #[cfg(not(unix))]
    u32::MAX
}

/// For listeners, the log, files, fetches of keys, traces and the runtime.
const RESERVE: u32 = 64;

/// How many connections a listener may have, given enough descriptors.
pub(super) const CONNECTIONS: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::{Most, Shares, Wanted};

    const WANTED: Wanted = Wanted {
        most: Some(Most {
            requests: 4096,
            streams: 8192,
        }),
        listeners: 3,
        addresses: 2,
    };

    #[test]
    fn t_dos_08_the_shares_of_descriptors_are_less_than_there_are() {
        let few_or_many = || (128..3000).chain([4096, 20_000, 65_536, u32::MAX]);
        let settings = [0, 1, 2, 50, 1000]
            .into_iter()
            .flat_map(|addresses| (0..=3).map(move |listeners| (addresses, listeners)));
        for (addresses, listeners) in settings {
            let wanted = Wanted {
                listeners,
                addresses,
                ..WANTED
            };
            for descriptors in few_or_many() {
                let shares = Shares::within(descriptors, wanted);
                let idle = u32::try_from(shares.idle).unwrap() * addresses;
                let most = shares.most;
                let others = shares.others * listeners;
                let sum = shares.clients + others + most.requests + most.streams + idle;
                let fits = sum <= descriptors - 60;
                assert!(fits, "{descriptors} {wanted:?}: {shares:?}");
            }
        }
    }

    #[test]
    fn a_dos_01_with_the_usual_limit_everybody_gets_what_is_configured() {
        for descriptors in [65_536, 524_288, 1_048_576, u32::MAX] {
            let shares = Shares::within(descriptors, WANTED);
            assert_eq!(shares.clients, 10_000, "{descriptors}");
            assert_eq!(shares.most, WANTED.most.unwrap());
            assert_eq!(shares.idle, 64);
        }
        // A shell's default: fewer, but enough for each.
        let shares = Shares::within(1024, WANTED);
        assert!(shares.clients > 200, "{shares:?}");
        assert!(shares.most.requests > 100, "{shares:?}");
        assert!(shares.most.streams > 100, "{shares:?}");
        let alone = Wanted {
            most: None,
            listeners: 1,
            addresses: 0,
        };
        assert_eq!(Shares::within(1024, alone).others, 960);
        assert_eq!(Shares::within(524_288, alone).others, 10_000);
    }
}
