//! The client that a request counts for, identified by its address.

use std::net::{IpAddr, Ipv4Addr};

use bearward_gate::peer::{Peer, TrustedPeers};
use http::HeaderMap;

use super::forwarded::{X_FORWARDED_FOR, address};

/// A client, for the purpose of its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    V4(Ipv4Addr),
    /// The first half of an IPv6 address: a subscriber can choose the other half freely.
    V6(u64),
    /// All clients that connect through our Unix socket and that no proxy names.
    Local,
}

impl Client {
    /// The client at the other end of a connection.
    pub(super) fn of(peer: Peer) -> Self {
        let Peer::Ip(address) = peer else {
            return Self::Local;
        };
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64;
                Self::V6(u64::try_from(network).unwrap_or(u64::MAX))
            }
        }
    }

    /// As a number, not necessarily unique.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::V4(address) => u32::from(address).into(),
            Self::V6(network) => network,
            Self::Local => 0,
        }
    }

    /// The client that a trusted proxy names: the last address in `X-Forwarded-For` that is not a
    /// trusted proxy itself. The client may have written the addresses before it. Without such an
    /// address, the proxy counts as one client.
    pub(super) fn behind(proxy: Peer, trusted: &TrustedPeers, headers: &HeaderMap) -> Self {
        let mut nearest = Self::of(proxy);
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let named = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for element in named {
            let Some(address) = std::str::from_utf8(element).ok().and_then(address) else {
                break;
            };
            nearest = Self::of(address.into());
            if !trusted.contains(address.into()) {
                break;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderValue};

    use super::Client;
    use bearward_gate::peer::{Peer, TrustedPeers};

    fn client(address: &str) -> Client {
        Client::of(address.parse::<IpAddr>().unwrap().into())
    }

    /// The client behind 10.0.0.1 if 10.0.0.0/8 and fd00::/8 are trusted.
    fn behind(lines: &[&str]) -> Client {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let trusted = TrustedPeers::new(networks);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        let proxy = "10.0.0.1".parse::<IpAddr>().unwrap();
        Client::behind(proxy.into(), &trusted, &headers)
    }

    #[test]
    fn t_dos_12_ipv6_counts_by_64_bits_and_mapped_ipv4_as_ipv4() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(Client::of(Peer::UnixSocket), Client::Local);
    }

    #[test]
    fn t_dos_12_behind_trusted_proxies_the_last_untrusted_address_counts() {
        let good = client("192.0.2.7");
        for lines in [
            &["192.0.2.7"][..],
            // What the client wrote comes before what the proxies added.
            &["198.51.100.1, 192.0.2.7"],
            &["10.9.9.9,  192.0.2.7 ,10.0.0.2"],
            &["198.51.100.1", "192.0.2.7, fd00::1", "10.0.0.2"],
            &["rubbish, 192.0.2.7:4711"],
        ] {
            assert_eq!(behind(lines), good, "{lines:?}");
        }
        let v6 = client("2001:db8::1");
        assert_eq!(behind(&["2001:db8::5"]), v6);
        assert_eq!(behind(&["[2001:db8::5]"]), v6);
        assert_eq!(behind(&["[2001:db8::5]:443"]), v6);
    }

    #[test]
    fn t_dos_12_a_proxy_that_names_nobody_is_one_client() {
        for lines in [&[][..], &[""], &["unknown"], &["192.0.2.7, _hidden"]] {
            assert_eq!(behind(lines), client("10.0.0.1"), "{lines:?}");
        }
        // The last proxy that wrote something readable.
        assert_eq!(behind(&["unknown, 10.0.0.2"]), client("10.0.0.2"));
        assert_eq!(behind(&["10.0.0.3, 10.0.0.2"]), client("10.0.0.3"));
    }
}
