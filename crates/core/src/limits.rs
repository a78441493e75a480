//! The limit for every size and count that a sender or an issuer could choose, each with its
//! reason.

/// Longest access token in bytes, as sent. Proxies can be configured to relay header fields of 16
/// KiB; real access tokens have 0.5 to 4 KiB.
pub const TOKEN_BYTES: usize = 16 * 1024;

/// Longest JWS header in bytes, as sent (base64url). Ours are about 100 bytes; an `x5c` chain fits.
pub const HEADER_BYTES: usize = 4 * 1024;

/// Deepest nesting of JSON objects and arrays. Claims are two or three levels deep in practice.
pub const JSON_DEPTH: usize = 32;

/// Most members in all JSON objects of one text together: more than a token of [`TOKEN_BYTES`] has
/// in practice. Keycloak lists the roles of each client, and 130 clients are 283 members in 11 KiB.
pub const JSON_MEMBERS: usize = 2048;

/// Longest `kid` in bytes. It is only a map key; thumbprint URIs have 90 bytes.
pub const KID_BYTES: usize = 256;

/// Most keys of one JWK Set. Issuers publish one to five.
pub const JWK_SET_KEYS: usize = 100;

/// Most keys of a set without names that are tried for one token: each costs a signature check.
pub const NAMELESS_KEYS: usize = 4;

/// Longest JWK Set or metadata document in bytes, after decoding.
pub const DOCUMENT_BYTES: usize = 256 * 1024;

/// Smallest and largest RSA modulus in bits: NIST's floor since 2014, and a ceiling on the work a
/// signature check can cost.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Smallest RSA public exponent. Smaller ones have turned padding slips into forgeries
/// (CVE-2006-4339).
pub const RSA_EXPONENT_MIN: u64 = 65_537;

/// Largest leeway, in seconds: more would make `exp` of a 300 s token meaningless.
pub const LEEWAY_SECONDS: u64 = 300;

/// Most sources of a token in addition to `Authorization`: each is looked for in every request.
pub const SOURCES: usize = 8;

/// Longest name of such a source, in bytes. Kubernetes' prefix of a subprotocol has 38.
pub const SOURCE_NAME_BYTES: usize = 64;
