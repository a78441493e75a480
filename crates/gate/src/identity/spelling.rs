//! The names under which a server might read an identity field.
//!
//! CGI, WSGI and their successors merge `X-User`, `x_user` and `x.user`: Apache turns every character
//! except letters and digits into `_`. So names are compared with all of these as `-`.

use http::HeaderName;

use crate::misleading::fold;

/// Whether a server might confuse the two names.
pub(super) fn is_same(name: &str, ours: &str) -> bool {
    fold(name) == fold(ours)
}

/// Whether a server might confuse it with one of the names reserved for a gateway.
pub fn has_reserved_prefix(name: &str) -> bool {
    is_reserved(&fold(name))
}

/// Whether a folded name is reserved for a gateway.
pub(super) fn is_reserved(folded: &str) -> bool {
    RESERVED.iter().any(|prefix| folded.starts_with(prefix))
}

/// The same name with `_` in place of one or more of its hyphens, in every combination.
pub(super) fn with_underscores(name: &HeaderName) -> Vec<HeaderName> {
    let mut spellings = vec![String::new()];
    for char in name.as_str().chars() {
        let hyphenated = spellings.iter().map(|start| format!("{start}{char}"));
        let mut longer: Vec<_> = hyphenated.collect();
        if char == '-' {
            longer.extend(spellings.iter().map(|start| format!("{start}_")));
        }
        spellings = longer;
    }
    spellings
        .into_iter()
        .filter(|spelling| spelling != name.as_str())
        .filter_map(|spelling| HeaderName::try_from(spelling).ok())
        .collect()
}

const RESERVED: [&str; 2] = ["x-authgear-", "x-bearward-"];

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::{has_reserved_prefix, is_same, with_underscores};

    #[test]
    fn t_hdr_02_names_are_compared_folded() {
        for name in [
            "x-auth-user",
            "X-Auth-User",
            "x_auth_user",
            "X.Auth-User",
            "x~auth+user",
        ] {
            assert!(is_same(name, "x-auth-user"), "{name}");
        }
        for name in [
            "xauthuser",
            "x-auth-use",
            "x-auth-users",
            "x--auth-user",
            "x-auth-usér",
        ] {
            assert!(!is_same(name, "x-auth-user"), "{name}");
        }
    }

    #[test]
    fn t_hdr_03_prefixes_are_compared_folded() {
        for name in [
            "x-authgear-",
            "X_AUTHGEAR.User-Roles",
            "x-bearward-anything",
        ] {
            assert!(has_reserved_prefix(name), "{name}");
        }
        for name in ["x-authgear", "x-authgearx", "my-x-authgear-", "x", ""] {
            assert!(!has_reserved_prefix(name), "{name}");
        }
    }

    #[test]
    fn every_combination_but_the_name_itself() {
        let name = HeaderName::from_static("x-a-b");
        let spellings = with_underscores(&name);
        let spellings: Vec<_> = spellings.iter().map(HeaderName::as_str).collect();
        assert_eq!(spellings, ["x_a-b", "x-a_b", "x_a_b"]);
        assert!(with_underscores(&HeaderName::from_static("user")).is_empty());
    }
}
