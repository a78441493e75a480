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

/// Whether an issuer is a trust domain.
#[must_use]
pub fn is_trust_domain(issuer: &str) -> bool {
    issuer.starts_with(SCHEME)
}

const SCHEME: &str = "spiffe://";

#[cfg(test)]
mod tests {
    use super::trust_domain;

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
