//! A key of an Application Load Balancer: a P-256 public key in PEM ([RFC 7468 §13], [RFC 5480 §2]).
//!
//! Only that key is accepted, so its DER has one form: a fixed prefix, then an uncompressed point. This
//! file is no reader of ASN.1, and reads no certificates.
//!
//! [RFC 7468 §13]: https://www.rfc-editor.org/rfc/rfc7468#section-13
//! [RFC 5480 §2]: https://www.rfc-editor.org/rfc/rfc5480#section-2

use base64_simd::STANDARD;

use crate::jwk::VerificationKey;

/// Why a document is not such a key.
pub(crate) enum PemError {
    /// Not exactly one block `PUBLIC KEY`.
    NotAPem,
    /// Another public key.
    NotP256,
}

/// The key of a document that is exactly one PEM block. Text around the block is refused: it might be
/// another key, or the page of a proxy.
pub(crate) fn parse(document: &[u8]) -> Result<VerificationKey, PemError> {
    let text = str::from_utf8(document).map_err(|_| PemError::NotAPem)?;
    let block = text.trim_ascii().strip_prefix(BEGIN);
    let base64 = block.and_then(|block| block.strip_suffix(END));
    // A second block would have `-`, which is not in the alphabet.
    let base64 = base64.ok_or(PemError::NotAPem)?;
    let base64: Vec<u8> = base64
        .bytes()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let der = STANDARD
        .decode_to_vec(base64)
        .map_err(|_| PemError::NotAPem)?;
    let point = der.strip_prefix(P256_PREFIX).ok_or(PemError::NotP256)?;
    VerificationKey::p256(point).ok_or(PemError::NotP256)
}

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// `SubjectPublicKeyInfo` up to the point: `id-ecPublicKey` on `prime256v1`, then a bit string of 65
/// bytes without unused bits.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A,
    0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
