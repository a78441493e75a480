//! SPIFFE IDs ([SPIFFE-ID §2]), as far as they name an issuer.
//!
//! A JWT-SVID needs no `iss` ([JWT-SVID §3]): the trust domain of its subject says whose keys signed it. So
//! an issuer may be a trust domain, `spiffe://example.org`.
//!
//! [SPIFFE-ID §2]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity
//! [JWT-SVID §3]: https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md#3-jwt-claims

/// The trust domain of a SPIFFE ID, such as `spiffe://example.org` of `spiffe://example.org/billing`.
#[must_use]
pub fn trust_domain(id: &str) -> Option<&str> {
    let (name, _) = id.strip_prefix(SCHEME)?.split_once('/')?;
    let is_of_a_name =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_of_a_name) {
        return None;
    }
    id.get(..SCHEME.len().checked_add(name.len())?)
}

/// Whether this is the SPIFFE ID of a workload: a trust domain, and a path of segments of letters, digits and
/// `.-_` ([SPIFFE-ID §2.2]).
///
/// [SPIFFE-ID §2.2]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#22-path
#[must_use]
pub fn is_workload(id: &str) -> bool {
    let Some(path) = trust_domain(id).and_then(|domain| id.strip_prefix(domain)) else {
        return false;
    };
    let is_of_a_segment = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_segment =
        |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(is_of_a_segment);
    id.len() <= ID_BYTES && path.split('/').skip(1).all(is_segment)
}

/// The longest SPIFFE ID ([SPIFFE-ID §2.3]).
///
/// [SPIFFE-ID §2.3]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#23-maximum-spiffe-id-length
const ID_BYTES: usize = 2048;

/// Whether an issuer is a trust domain.
#[must_use]
pub fn is_trust_domain(issuer: &str) -> bool {
    issuer.starts_with(SCHEME)
}

const SCHEME: &str = "spiffe://";

#[cfg(test)]
mod tests {
    use super::{is_workload, trust_domain};

    #[test]
    fn the_path_of_a_workload_has_named_segments() {
        let longest = format!("spiffe://a/{}", "b".repeat(2037));
        for id in [
            "spiffe://example.org/w",
            "spiffe://example.org/ns/x.y/sa/Z_1-2",
            &longest,
        ] {
            assert!(is_workload(id), "{id}");
        }
        let too_long = format!("{longest}b");
        for other in [
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe://example.org//w",
            "spiffe://example.org/w/",
            "spiffe://example.org/./w",
            "spiffe://example.org/../x",
            "spiffe://example.org/w?x",
            "spiffe://example.org/w#x",
            "spiffe://example.org/a b",
            "spiffe://example.org/%77",
            "spiffe://Example.org/w",
            "https://example.org/w",
            &too_long,
        ] {
            assert!(!is_workload(other), "{other}");
        }
    }

    #[test]
    fn the_trust_domain_is_what_stands_before_the_path() {
        for (id, domain) in [
            ("spiffe://example.org/billing", "spiffe://example.org"),
            ("spiffe://a_b-1.example/ns/x/sa/y", "spiffe://a_b-1.example"),
        ] {
            assert_eq!(trust_domain(id), Some(domain), "{id}");
        }
        for other in [
            "",
            "spiffe://",
            "spiffe:///billing",
            "spiffe://example.org",
            "SPIFFE://example.org/billing",
            "spiffe://Example.org/billing",
            "spiffe://example.org:443/billing",
            "spiffe://user@example.org/billing",
            "spiffe://example.org?x/billing",
            "spiffe://example%2Eorg/billing",
            "https://example.org/billing",
        ] {
            assert_eq!(trust_domain(other), None, "{other}");
        }
    }
}
