//! The peers that may ask: proxies, identified by address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "listeners are of these two kinds")]
pub enum Peer {
    /// This address.
    Ip(IpAddr),
    /// A process of this machine that may open our Unix socket.
    UnixSocket,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address.ip())
    }
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

/// The peers that may ask. A Unix socket always may: it has file permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedPeers(Option<Arc<[IpNet]>>);

impl TrustedPeers {
    /// Trusts these networks and no others; loopback must be listed too. The default
    /// ([`TrustedPeers::default`]) is loopback alone.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Some(networks.into_iter().map(canonical).collect()))
    }

    /// Whether this peer may ask.
    #[must_use]
    pub fn contains(&self, peer: Peer) -> bool {
        let Peer::Ip(address) = peer else {
            return true;
        };
        // A dual-stack listener shows IPv4 peers as `::ffff:a.b.c.d`.
        let address = address.to_canonical();
        match &self.0 {
            Some(networks) => networks.iter().any(|network| network.contains(&address)),
            None => address.is_loopback(),
        }
    }
}

/// Converts an IPv4 network written as IPv6 (`::ffff:10.0.0.0/104`, [RFC 4291 §2.5.5.2]) to IPv4, as a
/// peer's address is.
///
/// [RFC 4291 §2.5.5.2]: https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else {
        return network;
    };
    let length = mapped.prefix_len().checked_sub(96);
    let v4 = mapped.addr().to_ipv4_mapped().zip(length);
    let v4 = v4.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    v4.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Peer, TrustedPeers};

    fn contains(peers: &TrustedPeers, address: &str) -> bool {
        peers.contains(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn t_fwd_02_loopback_alone_by_default() {
        let peers = TrustedPeers::default();
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(contains(&peers, address), "{address}");
        }
        for address in [
            "10.0.0.1",
            "192.168.0.1",
            "::",
            "0.0.0.0",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!contains(&peers, address), "{address}");
        }
        assert!(peers.contains(Peer::UnixSocket));
    }

    #[test]
    fn t_fwd_02_a_list_is_the_whole_list() {
        let networks = ["10.1.0.0/16", "2001:db8::/32"].map(|network| network.parse().unwrap());
        let peers = TrustedPeers::new(networks);
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"] {
            assert!(contains(&peers, address), "{address}");
        }
        for address in ["10.2.0.1", "127.0.0.1", "::1", "2001:db9::7"] {
            assert!(!contains(&peers, address), "{address}");
        }
        assert!(!contains(&TrustedPeers::new([]), "127.0.0.1"));
        // Networks written as IPv6 match the same addresses, and no others.
        let networks = ["::ffff:10.1.0.0/112", "::ffff:10.2.0.7/128", "::/80"];
        let mapped = TrustedPeers::new(networks.map(|network| network.parse().unwrap()));
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "10.2.0.7", "::7"] {
            assert!(contains(&mapped, address), "{address}");
        }
        for address in ["10.2.0.1", "::ffff:10.2.0.1", "127.0.0.1"] {
            assert!(!contains(&mapped, address), "{address}");
        }
        assert!(peers.contains(Peer::UnixSocket));
    }
}
