//! The keys that sign, the keys that are only published, and when they rotate. It generates no
//! keys.

use std::time::Duration;

use bearward_core::{Algorithm, UnixTime};

use crate::keys::SigningKey;

/// The keys of the issuer.
pub(super) struct Keyring {
    signer: SigningKey,
    /// Keys for other algorithms, on demand.
    others: Vec<SigningKey>,
    /// Former signing keys, the latest first.
    old: Vec<SigningKey>,
    due: Option<UnixTime>,
    every: Option<Duration>,
}

/// What a rotation does with the former signing keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    Drop,
    Keep,
    /// The new keys take their places and their names.
    Replace,
}

impl Old {
    /// The new key, with the name that it gets in the place of the former.
    fn named(self, new: SigningKey, former: &SigningKey) -> SigningKey {
        match (self, former.kid()) {
            (Self::Drop | Self::Keep, _) => new,
            (Self::Replace, Some(kid)) => new.with_kid(kid),
            (Self::Replace, None) => new.without_kid(),
        }
    }
}

impl Keyring {
    pub(super) fn new(
        signer: SigningKey,
        others: Vec<SigningKey>,
        every: Option<Duration>,
        now: UnixTime,
    ) -> Self {
        Self {
            signer,
            others,
            old: Vec::new(),
            due: every.map(|every| now.plus(every)),
            every,
        }
    }

    /// The key that signs unless a request names another algorithm.
    pub(super) fn signer(&self) -> SigningKey {
        self.signer.clone()
    }

    /// The key that signs with `algorithm`.
    pub(super) fn signer_for(&self, algorithm: Algorithm) -> Option<SigningKey> {
        self.signers()
            .find(|key| key.algorithm() == algorithm)
            .cloned()
    }

    /// The keys of the key set: the signer is first, as in Authgear's.
    pub(super) fn published(&self) -> Vec<SigningKey> {
        self.signers().chain(&self.old).cloned().collect()
    }

    /// The algorithms that the next keys must have: the signer's, the others'.
    pub(super) fn algorithms(&self) -> (Algorithm, Vec<Algorithm>) {
        let others = self.others.iter().map(SigningKey::algorithm);
        (self.signer.algorithm(), others.collect())
    }

    /// Whether a rotation is due by the clock.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Makes these keys sign from now on.
    pub(super) fn rotate(
        &mut self,
        signer: SigningKey,
        others: Vec<SigningKey>,
        old: Old,
        now: UnixTime,
    ) {
        let signed: Vec<SigningKey> = self.signers().cloned().collect();
        let others = others.into_iter().zip(&self.others);
        let others = others.map(|(new, former)| old.named(new, former)).collect();
        self.signer = old.named(signer, &self.signer);
        self.others = others;
        match old {
            Old::Drop => self.old.clear(),
            Old::Keep => {
                self.old.splice(0..0, signed);
                self.old.truncate(OLD_KEYS);
            }
            Old::Replace => {}
        }
        self.due = self.every.map(|every| now.plus(every));
    }

    fn signers(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.signer).chain(&self.others)
    }
}

/// How many former signing keys stay in the key set. A resource server takes 100 keys; an issuer
/// that rotates every few seconds must not grow past that.
const OLD_KEYS: usize = 32;
