//! Identifiers in Authgear's formats: UUIDs, hexadecimal digests, random text.

use aws_lc_rs::digest::{SHA256, digest};

/// The UUID from these bytes, with the version and variant of a random one ([RFC 9562 §5.4]).
///
/// [RFC 9562 §5.4]: https://www.rfc-editor.org/rfc/rfc9562#section-5.4
pub(crate) fn uuid(bytes: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(bytes);
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0b11 << 62) | (0b10 << 62);
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bits.to_be_bytes();
    [
        hex(&[a, b, c, d]),
        hex(&[e, f]),
        hex(&[g, h]),
        hex(&[i, j]),
        hex(&[k, l, m, n, o, p]),
    ]
    .join("-")
}

/// The UUID that always belongs to this `text`.
pub(crate) fn uuid_of(text: &str) -> String {
    let first = sha256(text.as_bytes()).first_chunk().copied();
    uuid(first.unwrap_or_default())
}

/// The SHA-256 of `text` in hexadecimal.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

/// The SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

/// `bytes` in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A random UUID.
pub(crate) fn random_uuid() -> String {
    uuid(random())
}

/// `length` random letters and digits.
#[cfg(feature = "issuer")]
pub(crate) fn random_text(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::iter::repeat_with(random::<64>)
        .flatten()
        // Two of the 64 values of six bits have no character: we skip them instead of folding.
        .filter_map(|byte| LETTERS.get(usize::from(byte & 0x3f)))
        .map(|letter| char::from(*letter))
        .take(length)
        .collect()
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    crate::invariant::holds(aws_lc_rs::rand::fill(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_version_and_variant() {
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid([255; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[cfg(feature = "issuer")]
    #[test]
    fn random_text_has_the_length_asked_for() {
        let text = random_text(200);
        assert_eq!(text.len(), 200);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
