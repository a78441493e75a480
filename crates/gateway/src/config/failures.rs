//! `[failures]`: how many tokens of a client may fail to verify.

use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use crate::doors::failures::Allowance;

use super::description::{FAILURES, ROOT, Root};
use super::listen::{Address, Listen, ListenerKind};
use super::mistakes::Code;
use super::reader::Fields;

pub(super) fn read(fields: &Fields<'_, Root>, listen: &Listen) -> Option<Allowance> {
    let table = ROOT.failures.read(fields)?;
    let max_per_client = FAILURES.max_per_client.read(&table);
    let period = FAILURES.period.read(&table);
    if max_per_client > MAX_PER_CLIENT {
        let message = format!(
            "`max_per_client` must be {MAX_PER_CLIENT} at most, not {max_per_client}: more would \
             limit nothing"
        );
        let help = "leave out [failures] for no limit";
        table.report(Code::Value, &FAILURES.max_per_client, message, help);
    }
    if !PERIODS.contains(&period) {
        let message = format!(
            "`period` must be from 1s to 1h, not {}s",
            period.as_secs_f64()
        );
        let help = "with `max_per_client = 100` and \"60s\", one failure is forgiven every 0.6 s";
        table.report(Code::Value, &FAILURES.period, message, help);
    }
    let warn = |message, help| fields.warn(Code::Value, &ROOT.failures, message, help);
    for header in headers_without_clients(listen) {
        let message = format!(
            "[failures] has no effect at {header}: all addresses are among its `trusted_proxies`, so \
             none is taken for a client's"
        );
        warn(message, "list only the addresses of your proxies");
    }
    if has_one_client(listen) {
        let message = "[failures] counts all clients of [listen.proxy] as one: it has no \
                       `trusted_proxies`, and only this machine can connect to its address";
        warn(
            message.into(),
            "list the proxy in front, such as \"127.0.0.1\"",
        );
    }
    Some(Allowance::new(max_per_client, period))
}

/// The listeners at which no address can be a client's.
fn headers_without_clients(listen: &Listen) -> impl Iterator<Item = &'static str> {
    let ext_authz = listen.ext_authz.as_ref();
    let forward_auth = listen.forward_auth.as_ref();
    let proxy = listen.proxy.as_ref();
    let listeners = [
        (
            ListenerKind::ExtAuthz,
            ext_authz.and_then(|door| door.trusted_proxies.as_deref()),
        ),
        (
            ListenerKind::ForwardAuth,
            forward_auth.and_then(|door| door.trusted_proxies.as_deref()),
        ),
        (
            ListenerKind::Proxy,
            proxy.map(|door| door.trusted_proxies.as_slice()),
        ),
    ];
    let has_all = |networks: &[IpNet]| networks.iter().any(|network| network.prefix_len() == 0);
    let without = listeners.into_iter();
    let without = without.filter(move |(_, networks)| networks.is_some_and(has_all));
    without.map(|(kind, _)| kind.table())
}

/// Whether all requests to the reverse proxy come from a proxy that it does not know.
fn has_one_client(listen: &Listen) -> bool {
    listen.proxy.as_ref().is_some_and(|proxy| {
        let is_local = match &proxy.address {
            Address::Tcp(address) => address.ip().is_loopback(),
            // Whoever may open a socket is trusted.
            Address::Unix(_) => false,
        };
        is_local && proxy.trusted_proxies.is_empty()
    })
}

/// A limit above this would limit nothing.
const MAX_PER_CLIENT: u32 = 1_000_000;

/// Shorter periods forgive at once; longer ones keep good clients waiting.
const PERIODS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
