//! What cannot be saved: the signature, decoded, under a key parsed once.

use std::hint::black_box;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
};
use base64_simd::URL_SAFE_NO_PAD;
use bearward::Algorithm;
use bearward_testing::SigningKey;

pub struct Bare {
    key: ParsedPublicKey,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

impl Bare {
    pub fn new(key: &SigningKey, token: &str) -> Self {
        let (signing_input, signature) = token.rsplit_once('.').unwrap();
        Self {
            key: parsed_key(key),
            signing_input: signing_input.into(),
            signature: decode(signature),
        }
    }

    pub fn verify(&self) -> bool {
        let verified = self
            .key
            .verify_sig(black_box(&self.signing_input), &self.signature);
        black_box(verified).is_ok()
    }
}

/// The public half, as aws-lc-rs takes it.
pub fn parsed_key(key: &SigningKey) -> ParsedPublicKey {
    let jwk = key.public_jwk();
    let member = |name: &str| decode(jwk[name].as_str().unwrap());
    let rsa = |parameters: &'static RsaParameters| {
        let (n, e) = (member("n"), member("e"));
        RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
    };
    let parsed = match key.algorithm() {
        Algorithm::Rs256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Ps256 => rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Es256 => {
            let point = [&[4][..], &member("x"), &member("y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        }
        _ => ParsedPublicKey::new(&ED25519, member("x")),
    };
    parsed.unwrap()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}
