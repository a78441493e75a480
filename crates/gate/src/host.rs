//! The host that a request is for ([RFC 3986 §3.2.2]): one spelling, one reading.
//!
//! [RFC 3986 §3.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2

use std::net::Ipv6Addr;

/// A host in the canonical form that routes match: lower case, without port and final dot.
#[must_use]
pub fn canonical_host(host: &str) -> String {
    // An IPv6 address keeps its brackets; a port follows them.
    let end = match host.rfind(']') {
        Some(bracket) => host
            .get(bracket..)
            .and_then(|tail| tail.find(':'))
            .map(|at| at.saturating_add(bracket)),
        None => host.find(':'),
    };
    let name = end.and_then(|end| host.get(..end)).unwrap_or(host);
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether this is a name or an address, with or without a port ([RFC 3986 §3.2.2]), which every reader
/// takes for the same host. It must not have a user, a path, an empty label or a stray bracket.
///
/// [RFC 3986 §3.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
pub fn is_host(host: &str) -> bool {
    let (is_named, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']').unwrap_or_default();
            let port = behind.strip_prefix(':');
            let is_all = behind.is_empty() || port.is_some();
            (is_all && address.parse::<Ipv6Addr>().is_ok(), port)
        }
        None => {
            let (name, port) = match host.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (host, None),
            };
            let name = name.strip_suffix('.').unwrap_or(name);
            let mut labels = name.as_bytes().split(|byte| *byte == b'.');
            (labels.all(is_label), port)
        }
    };
    is_named && port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_label(label: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    !label.is_empty() && label.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::{canonical_host, is_host};

    #[test]
    fn t_fwd_07_a_fwd_03_hosts_are_compared_folded_and_without_port() {
        for host in [
            "api.example.com",
            "API.Example.Com",
            "api.example.com:8443",
            "api.example.com.",
            "API.example.com.:80",
        ] {
            assert_eq!(canonical_host(host), "api.example.com");
        }
        assert_eq!(canonical_host("[::1]:80"), "[::1]");
        assert_eq!(canonical_host("[::1]"), "[::1]");
    }

    #[test]
    fn t_fwd_07_a_host_has_one_reading() {
        for host in [
            "api.example.com",
            "API.example.com.",
            "a:",
            "a_b.example:8443",
            "xn--bcher-kva.example",
            "192.0.2.1:80",
            "[::1]",
            "[2001:db8::1]:443",
        ] {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "",
            ".",
            "..",
            ":80",
            "a..",
            "a..b",
            ".a",
            "a:b",
            "a:80:90",
            "a:80@b",
            "u@a",
            "a/",
            "a/b",
            "a?b",
            "a#b",
            "a,b",
            "a b",
            "a ",
            "a\\b",
            "[a]",
            "a]",
            "[::1",
            "::1",
            "[[::1]]",
            "[::1]a",
            "[::1].",
            "a%2eb",
            "b\u{fc}cher",
        ] {
            assert!(!is_host(host), "{host}");
        }
    }
}
