//! The client that a request counts for, identified by its address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bearward_gate::peer::{Peer, TrustedPeers};
use http::{HeaderMap, HeaderName};

/// A client, for the purpose of its share, and of its failures.
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
            IpAddr::V6(address) => match address.segments() {
                // An IPv4 client behind NAT64 (RFC 6052 §2.1).
                [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
                    let [.., a, b, c, d] = address.octets();
                    Self::V4([a, b, c, d].into())
                }
                [a, b, c, d, ..] => {
                    let half = [a, b, c, d].into_iter();
                    Self::V6(half.fold(0, |half, part| half << 16 | u64::from(part)))
                }
            },
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
}

/// Whom a trusted proxy names in a list of addresses such as `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedClient {
    /// The last address that is not a trusted proxy itself. The client may have written the addresses
    /// before it.
    Client(Client),
    /// Only trusted proxies; the first of those that can be read.
    Proxy(Client),
}

impl NamedClient {
    /// Reads the list in the field `name`; `None` if its last element is no address.
    pub(super) fn read(
        headers: &HeaderMap,
        name: &HeaderName,
        trusted: &TrustedPeers,
    ) -> Option<Self> {
        let lines = headers.get_all(name).iter().rev();
        let elements = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut nearest = None;
        for element in elements {
            let Some(address) = std::str::from_utf8(element).ok().and_then(address) else {
                break;
            };
            let client = Client::of(address.into());
            if !trusted.contains(address.into()) {
                return Some(Self::Client(client));
            }
            nearest = Some(Self::Proxy(client));
        }
        nearest
    }

    /// Whose share a request takes.
    pub(super) const fn sharer(self) -> Client {
        let (Self::Client(client) | Self::Proxy(client)) = self;
        client
    }

    /// Whose failures count. Never a proxy's: everybody behind it would be counted together.
    pub(super) const fn accountable(self) -> Option<Client> {
        match self {
            Self::Client(client) => Some(client),
            Self::Proxy(_) => None,
        }
    }
}

/// An address, optionally with a port, as some load balancers write it, and IPv6 optionally in
/// brackets.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_ascii();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let alone = bare.unwrap_or(text).parse().ok();
    let address = alone.or_else(|| text.parse::<SocketAddr>().ok().map(|at| at.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderValue};

    use super::{Client, NamedClient, X_FORWARDED_FOR};
    use bearward_gate::peer::{Peer, TrustedPeers};

    fn client(address: &str) -> Client {
        Client::of(address.parse::<IpAddr>().unwrap().into())
    }

    /// Whom a proxy names if 10.0.0.0/8 and fd00::/8 are trusted.
    fn named(lines: &[&str]) -> Option<NamedClient> {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let trusted = TrustedPeers::new(networks);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        NamedClient::read(&headers, &X_FORWARDED_FOR, &trusted)
    }

    #[test]
    fn t_dos_12_clients_behind_nat64_are_their_ipv4_addresses() {
        let of = |text: &str| Client::of(Peer::Ip(text.parse().unwrap()));
        assert_eq!(of("64:ff9b::198.51.100.1"), of("198.51.100.1"));
        assert_eq!(of("::ffff:198.51.100.1"), of("198.51.100.1"));
        assert_ne!(of("64:ff9b::198.51.100.1"), of("64:ff9b::198.51.100.2"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::4"));
        assert_eq!(of("2001:db8:1:2::3"), Client::V6(0x2001_0db8_0001_0002));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
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
        let good = Some(NamedClient::Client(client("192.0.2.7")));
        for lines in [
            &["192.0.2.7"][..],
            // What the client wrote comes before what the proxies added.
            &["198.51.100.1, 192.0.2.7"],
            &["10.9.9.9,  192.0.2.7 ,10.0.0.2"],
            &["198.51.100.1", "192.0.2.7, fd00::1", "10.0.0.2"],
            &["rubbish, 192.0.2.7:4711"],
        ] {
            assert_eq!(named(lines), good, "{lines:?}");
        }
        assert_eq!(
            good.and_then(NamedClient::accountable),
            Some(client("192.0.2.7"))
        );
        let v6 = Some(NamedClient::Client(client("2001:db8::1")));
        assert_eq!(named(&["2001:db8::5"]), v6);
        assert_eq!(named(&["[2001:db8::5]"]), v6);
        assert_eq!(named(&["[2001:db8::5]:443"]), v6);
    }

    #[test]
    fn t_dos_12_a_proxy_shares_as_one_client_and_is_never_accountable() {
        for lines in [&[][..], &[""], &["unknown"], &["192.0.2.7, _hidden"]] {
            assert_eq!(named(lines), None, "{lines:?}");
        }
        // The last proxy that wrote something readable.
        for (line, proxy) in [
            ("unknown, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ] {
            let named = named(&[line]).unwrap();
            assert_eq!(named, NamedClient::Proxy(client(proxy)), "{line}");
            assert_eq!(named.sharer(), client(proxy));
            assert_eq!(named.accountable(), None);
        }
    }
}
