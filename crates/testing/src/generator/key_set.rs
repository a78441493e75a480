//! The issuer's key sets ([RFC 7517 §5]), and the keys that sign valid tokens.
//!
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5

use std::collections::BTreeSet;

use bearward_core::Algorithm;
use serde_json::{Map, Value, json};

use crate::identifier::sha256;
use crate::keys::{SigningKey, rsa_jwk_with_bits};
use crate::token::base64url;

/// A key set of the issuer. Each token is decided with one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeySet {
    /// The numbers of the keys are padded, or in standard base64 ([RFC 4648 §4]).
    ///
    /// [RFC 4648 §4]: https://www.rfc-editor.org/rfc/rfc4648#section-4
    Base64,
    /// A key with the empty string as its `kid`, and one with a usual name.
    EmptyKid,
    /// Without any `kid`: two keys support ES256, two Ed25519, four each RSA algorithm, and a fifth
    /// RS512.
    Nameless,
    /// A key with `x5t` and `x5t#S256` for every asymmetric algorithm; keys without `alg`; a key
    /// listed twice; two keys with one `kid` and one type, and two with one `kid` and different
    /// types; a `kid` of 256 bytes.
    Usual,
}

impl KeySet {
    /// Every key set.
    pub const ALL: &'static [Self] = &[Self::Base64, Self::EmptyKid, Self::Nameless, Self::Usual];

    /// The name, in kebab case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::EmptyKid => "empty-kid",
            Self::Nameless => "nameless",
            Self::Usual => "usual",
        }
    }

    /// The JWK Set.
    #[must_use]
    pub fn jwk_set(self) -> Value {
        let keys: Vec<Value> = self.keys().iter().map(Published::jwk).collect();
        let others = match self {
            Self::Nameless => strangers(),
            Self::Base64 | Self::EmptyKid | Self::Usual => Vec::new(),
        };
        let keys = [others, keys].concat();
        json!({ "keys": keys })
    }

    fn keys(self) -> Vec<Published> {
        match self {
            Self::Base64 => vec![
                Published::new(Which::Second, Algorithm::Rs256)
                    .with_jwk(standard_alphabet)
                    .with_kid("standard-rsa")
                    .signs(&[(Algorithm::Rs256, "jwk-standard-base64")]),
                Published::new(Which::Second, Algorithm::Es256)
                    .with_jwk(padded)
                    .with_kid("padded-ec")
                    .signs(&[(Algorithm::Es256, "jwk-padded")]),
                Published::new(Which::Second, Algorithm::EdDsa)
                    .with_jwk(padded)
                    .with_kid("padded-ed25519")
                    .signs(&[(Algorithm::EdDsa, "jwk-padded")]),
            ],
            Self::EmptyKid => vec![
                Published::new(Which::First, Algorithm::Es256)
                    .with_kid("")
                    .signs(&[(Algorithm::Es256, "kid-empty")]),
                Published::new(Which::First, Algorithm::Rs256),
            ],
            Self::Nameless => vec![
                Published::nameless(Algorithm::Rs256).signs(&[
                    (Algorithm::Rs256, "nameless-keys"),
                    (Algorithm::Ps256, "nameless-keys"),
                ]),
                Published::nameless(Algorithm::Es256).signs(&[(Algorithm::Es256, "nameless-keys")]),
                Published::nameless(Algorithm::EdDsa).signs(&[
                    (Algorithm::EdDsa, "nameless-keys"),
                    (Algorithm::Ed25519, "nameless-keys"),
                ]),
            ],
            Self::Usual => algorithms()
                .map(Published::usual)
                .chain(unusual())
                .collect(),
        }
    }
}

/// The keys of [`KeySet::Usual`] with something unusual about them.
fn unusual() -> [Published; 9] {
    [
        Published::new(Which::Second, Algorithm::Rs256)
            .with_jwk(without_alg)
            .with_kid("any-rsa")
            .signs(&[
                (Algorithm::Rs256, "jwk-without-alg"),
                (Algorithm::Ps384, "jwk-without-alg"),
            ]),
        Published::new(Which::Second, Algorithm::EdDsa)
            .with_jwk(without_alg)
            .with_kid("any-ed25519")
            .signs(&[
                (Algorithm::EdDsa, "jwk-without-alg"),
                (Algorithm::Ed25519, "jwk-without-alg"),
            ]),
        Published::new(Which::Second, Algorithm::Rs384)
            .with_kid("shared")
            .signs(&[(Algorithm::Rs384, "kid-of-two-key-types")]),
        Published::new(Which::Second, Algorithm::Ed25519)
            .with_kid("shared")
            .signs(&[(Algorithm::Ed25519, "kid-of-two-key-types")]),
        Published::new(Which::Second, Algorithm::EdDsa)
            .with_kid("k".repeat(256))
            .signs(&[(Algorithm::EdDsa, "kid-of-256-bytes")]),
        Published::new(Which::Second, Algorithm::Rs256)
            .with_kid("listed-twice")
            .signs(&[(Algorithm::Rs256, "jwk-listed-twice")]),
        Published::new(Which::Second, Algorithm::Rs256)
            .with_jwk(without_alg)
            .with_kid("listed-twice"),
        Published::new(Which::First, Algorithm::Es384).with_kid(TWINS),
        Published::new(Which::Second, Algorithm::Es384).with_kid(TWINS),
    ]
}

/// The `kid` of two keys for ES384.
pub(super) const TWINS: &str = "twins";

/// The algorithms that sign with a private key and that other libraries support.
pub(super) fn algorithms() -> impl Iterator<Item = Algorithm> + Clone {
    let all = Algorithm::ALL.iter().copied();
    all.filter(|algorithm| !["oct", "AKP"].contains(&algorithm.key_type()))
}

/// `x5t#S256` and `x5t` of the key's certificate. As there is none, they are taken from the key.
pub(super) fn thumbprints(key: &SigningKey) -> [String; 2] {
    let digest = sha256(&key.public_key_der().unwrap_or_default());
    let (sha_1, _) = digest.split_at_checked(20).unwrap_or_default();
    [base64url(&digest), base64url(sha_1)]
}

/// One of the fixed keys of an algorithm: the issuer's, or the attacker's if the issuer has the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    Second,
}

impl Which {
    fn key(self, algorithm: Algorithm) -> SigningKey {
        match self {
            Self::First => SigningKey::first(algorithm),
            Self::Second => SigningKey::second(algorithm),
        }
    }
}

/// A key as its set lists it, and the valid tokens that it signs.
struct Published {
    which: Which,
    key: SigningKey,
    /// Makes the published JWK differ from the key's usual one.
    write: fn(&mut Map<String, Value>, &SigningKey),
    /// The algorithms of its tokens, each with what is unusual about it.
    signs: Vec<(Algorithm, Option<&'static str>)>,
}

impl Published {
    fn new(which: Which, algorithm: Algorithm) -> Self {
        Self {
            which,
            key: which.key(algorithm),
            write: |_, _| {},
            signs: Vec::new(),
        }
    }

    /// A key for one algorithm. EdDSA and Ed25519 are two names of one: each key signs under both.
    fn usual(algorithm: Algorithm) -> Self {
        let crossed = algorithms()
            .filter(|other| *other != algorithm && algorithm.key_type() == "OKP")
            .filter(|other| other.key_type() == "OKP")
            .map(|other| (other, Some("eddsa-crossed")));
        Self {
            write: with_thumbprints,
            signs: [(algorithm, None)].into_iter().chain(crossed).collect(),
            ..Self::new(Which::First, algorithm)
        }
    }

    fn nameless(algorithm: Algorithm) -> Self {
        let published = Self::new(Which::First, algorithm).with_jwk(without_alg);
        Self {
            key: published.key.without_kid(),
            ..published
        }
    }

    fn with_jwk(mut self, write: fn(&mut Map<String, Value>, &SigningKey)) -> Self {
        self.write = write;
        self
    }

    fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.key = self.key.with_kid(kid);
        self
    }

    fn signs(mut self, signs: &[(Algorithm, &'static str)]) -> Self {
        let signs = signs.iter();
        self.signs = signs
            .map(|(algorithm, edge)| (*algorithm, Some(*edge)))
            .collect();
        self
    }

    fn jwk(&self) -> Value {
        let mut jwk = self.key.public_jwk();
        if let Some(members) = jwk.as_object_mut() {
            (self.write)(members, &self.key);
        }
        jwk
    }
}

fn without_alg(jwk: &mut Map<String, Value>, _: &SigningKey) {
    jwk.remove("alg");
}

fn with_thumbprints(jwk: &mut Map<String, Value>, key: &SigningKey) {
    let [x5t_s256, x5t] = thumbprints(key);
    jwk.insert("x5t#S256".into(), x5t_s256.into());
    jwk.insert("x5t".into(), x5t.into());
}

fn padded(jwk: &mut Map<String, Value>, _: &SigningKey) {
    rewrite(jwk, |number| {
        let padding = number.len().wrapping_neg() & 3;
        number.to_owned() + &"=".repeat(padding)
    });
}

/// RFC 4648 §4, which pads.
fn standard_alphabet(jwk: &mut Map<String, Value>, key: &SigningKey) {
    padded(jwk, key);
    rewrite(jwk, |number| number.replace('-', "+").replace('_', "/"));
}

/// Writes the numbers of a public key in another way.
fn rewrite(jwk: &mut Map<String, Value>, write: impl Fn(&str) -> String) {
    for name in ["n", "e", "x", "y"] {
        if let Some(Value::String(number)) = jwk.get_mut(name) {
            *number = write(number);
        }
    }
}

/// Keys of [`KeySet::Nameless`] that sign nothing: RSA keys that nobody has the private half of, and
/// the examples of [RFC 7517 §A.1] and [RFC 8037 §A.2].
///
/// [RFC 7517 §A.1]: https://www.rfc-editor.org/rfc/rfc7517#appendix-A.1
/// [RFC 8037 §A.2]: https://www.rfc-editor.org/rfc/rfc8037#appendix-A.2
fn strangers() -> Vec<Value> {
    let rsa = [
        (2048, None),
        (3072, None),
        (4096, None),
        (2560, Some("RS512")),
    ];
    let rsa = rsa.into_iter().map(|(bits, alg)| {
        let mut jwk = rsa_jwk_with_bits(bits);
        if let Some(members) = jwk.as_object_mut() {
            members.remove("kid");
            members.remove("alg");
            members.extend(alg.map(|alg| ("alg".into(), alg.into())));
        }
        jwk
    });
    let others = [
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }),
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPJHURo",
        }),
    ];
    rsa.chain(others).collect()
}

/// A key that signs valid tokens.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) key: SigningKey,
    pub(super) key_set: KeySet,
    /// Its unusual property, if any.
    pub(super) edge: Option<&'static str>,
    which: Which,
}

impl Signer {
    pub(super) fn all() -> Vec<Self> {
        let sets = KeySet::ALL.iter().copied();
        let all: Vec<Self> = sets.flat_map(Self::of).collect();
        // Draws the usual ones three times as often.
        let usual = all.iter().filter(|signer| signer.edge.is_none()).cloned();
        usual
            .clone()
            .chain(usual)
            .chain(all.iter().cloned())
            .collect()
    }

    fn of(key_set: KeySet) -> impl Iterator<Item = Self> {
        key_set.keys().into_iter().flat_map(move |published| {
            let Published { which, key, .. } = published;
            published
                .signs
                .into_iter()
                .map(move |(algorithm, edge)| Self {
                    key: match key.kid() {
                        Some(kid) => which.key(algorithm).with_kid(kid),
                        None => which.key(algorithm).without_kid(),
                    },
                    key_set,
                    edge,
                    which,
                })
        })
    }

    pub(super) fn edges() -> impl Iterator<Item = &'static str> {
        let all = Self::all().into_iter();
        let edges: BTreeSet<_> = all.filter_map(|signer| signer.edge).collect();
        edges.into_iter()
    }

    /// The same key for another algorithm of its type.
    pub(super) fn for_algorithm(&self, algorithm: Algorithm) -> SigningKey {
        self.which.key(algorithm)
    }

    /// The attacker's key for the same algorithm.
    pub(super) fn attacker(&self) -> SigningKey {
        let other = match self.which {
            Which::First => Which::Second,
            Which::Second => Which::First,
        };
        other.key(self.key.algorithm())
    }
}
