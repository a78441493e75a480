//! A token in the making: members, then texts, then parts, then the token.

pub(super) mod change;

use bearward_core::Algorithm;
use fastrand::Rng;
use serde_json::Value;

use crate::keys::SigningKey;
use crate::token::{Parts, Token, base64url};

use self::change::{Change, Edit};
use super::key_set::{KeySet, Signer};
use super::{AUDIENCE, ISSUER, NOW, Specimen};

/// A token before it is written.
pub(super) struct Draft {
    pub(super) header: Members,
    pub(super) payload: Members,
    pub(super) signer: Signer,
    /// The key that signs at the end.
    pub(super) key: SigningKey,
    /// Whether the token stays unsigned.
    pub(super) is_unsigned: bool,
    pub(super) spelling: Spelling,
    /// Changes for a later step.
    later: Vec<&'static Change>,
    edges: Vec<&'static str>,
    spoils: Vec<&'static Change>,
    touched: Vec<&'static str>,
}

/// How the members of an object are written.
#[derive(Clone, Copy, Default)]
pub(super) struct Spelling {
    pub(super) is_shuffled: bool,
    /// The text wherever JSON allows white space.
    pub(super) space: &'static str,
}

impl Draft {
    /// A valid token of a user or a machine.
    pub(super) fn new(signer: &Signer, rng: &mut Rng) -> Self {
        let token = if rng.u8(..4) == 0 {
            Token::machine(ISSUER, AUDIENCE, NOW)
        } else {
            Token::user(ISSUER, AUDIENCE, NOW)
        };
        // Otherwise all valid tokens with one algorithm would be equal.
        let token = token
            .claim("jti", format!("{:016x}", rng.u64(..)))
            .key(signer.key.clone());
        Self {
            header: Members::parse(&token.header_bytes()),
            payload: Members::parse(&token.payload_bytes()),
            signer: signer.clone(),
            key: signer.key.clone(),
            is_unsigned: false,
            spelling: Spelling::default(),
            later: Vec::new(),
            edges: signer.edge.into_iter().collect(),
            spoils: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// The algorithm of the intended key.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.signer.key.algorithm()
    }

    /// Whether the intended key has an algorithm and a `kid` of its own.
    pub(super) fn has_usual_key(&self) -> bool {
        self.signer.edge.is_none()
    }

    /// Whether the token is decided with this key set.
    pub(super) fn is_for(&self, key_set: KeySet) -> bool {
        self.signer.key_set == key_set
    }

    /// Makes the change, unless it does not apply to this token or touches an earlier change.
    pub(super) fn change(&mut self, change: &'static Change, rng: &mut Rng) {
        let is_free = |what: &&str| !self.touched.contains(what);
        if !change.touches.iter().all(is_free) || !(change.applies)(self) {
            return;
        }
        self.touched.extend(change.touches);
        match change.breaks {
            Some(_) => self.spoils.push(change),
            None => self.edges.push(change.name),
        }
        match change.edit {
            Edit::Claim(name, values) => self.payload.set(name, one_of(values, rng)),
            Edit::WithoutClaim(name) => self.payload.remove(name),
            Edit::RenamedClaim(name, new) => self.payload.rename(name, new),
            Edit::Header(name, values) => self.header.set(name, one_of(values, rng)),
            Edit::WithoutHeader(name) => self.header.remove(name),
            Edit::Draft(edit) => edit(self, rng),
            Edit::HeaderText(_)
            | Edit::PayloadText(_)
            | Edit::Encoding(_)
            | Edit::Signature(_)
            | Edit::Token(_) => self.later.push(change),
        }
    }

    /// The specimen; `None` if a change could not be made.
    pub(super) fn finish(mut self, rng: &mut Rng) -> Option<Specimen> {
        let (header, payload) = self.texts(rng);
        let token = self.sign(&header, &payload, rng)?;
        let breaks = self.spoils.iter().filter_map(|spoil| spoil.breaks);
        let first = breaks.min_by_key(|(check, _)| *check);
        Some(Specimen {
            token,
            algorithm: self.algorithm(),
            key_set: self.signer.key_set,
            edges: self.edges,
            spoils: self.spoils.iter().map(|spoil| spoil.name).collect(),
            expected: first.map_or(Ok(()), |(_, reason)| Err(reason)),
        })
    }

    /// Header and payload as JSON texts.
    fn texts(&mut self, rng: &mut Rng) -> (Text, Text) {
        let mut header = self.header.text(self.spelling, rng);
        let mut payload = self.payload.text(self.spelling, rng);
        for change in &self.later {
            if let Edit::HeaderText(edit) = change.edit {
                edit(&mut header, rng);
            }
            if let Edit::PayloadText(edit) = change.edit {
                edit(&mut payload, rng);
            }
        }
        (header, payload)
    }

    fn sign(&self, header: &Text, payload: &Text, rng: &mut Rng) -> Option<String> {
        let mut parts = Parts {
            header_b64: base64url(&header.bytes),
            payload_b64: base64url(&payload.bytes),
            signature: Vec::new(),
        };
        let mut signature_edits = Vec::new();
        for change in &self.later {
            let Edit::Encoding(edit) = change.edit else {
                continue;
            };
            // Signs header and payload as written: nothing else is wrong with them.
            match rng.u8(..3) {
                0 => parts.header_b64 = edit(&parts.header_b64, rng)?,
                1 => parts.payload_b64 = edit(&parts.payload_b64, rng)?,
                _ => signature_edits.push(edit),
            }
        }
        if !self.is_unsigned {
            parts.signature = self.key.sign(parts.signing_input().as_bytes());
        }
        for change in &self.later {
            if let Edit::Signature(edit) = change.edit {
                edit(&mut parts, &self.signer, rng);
            }
        }
        let mut signature = base64url(&parts.signature);
        for edit in signature_edits {
            signature = edit(&signature, rng)?;
        }
        let mut token = format!("{}.{signature}", parts.signing_input());
        for change in &self.later {
            if let Edit::Token(edit) = change.edit {
                edit(&mut token, rng);
            }
        }
        Some(token)
    }
}

/// The members of an object, each value as JSON text.
#[derive(Clone)]
pub(super) struct Members(Vec<(String, String)>);

impl Members {
    fn parse(object: &[u8]) -> Self {
        let object: Value = serde_json::from_slice(object).unwrap_or_default();
        let members = object.as_object().into_iter().flatten();
        Self(
            members
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
        )
    }

    /// Sets a member to a value, given as JSON text.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.0.push((name.to_owned(), value.into()));
    }

    /// Sets a member to a string.
    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, Value::from(text).to_string());
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| other != name);
    }

    fn rename(&mut self, name: &str, new: &str) {
        for (other, _) in &mut self.0 {
            if other == name {
                new.clone_into(other);
            }
        }
    }

    fn text(&mut self, spelling: Spelling, rng: &mut Rng) -> Text {
        if spelling.is_shuffled {
            rng.shuffle(&mut self.0);
        }
        let space = spelling.space;
        let members: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| {
                let name = Value::from(name.as_str());
                format!("{space}{name}{space}:{space}{value}{space}")
            })
            .collect();
        Text {
            bytes: format!("{space}{{{}}}{space}", members.join(",")).into_bytes(),
            names: self.0.iter().map(|(name, _)| name.clone()).collect(),
        }
    }
}

/// The text of an object, and the names of its members.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) names: Vec<String>,
}

/// One of these.
pub(super) fn one_of(values: &[&'static str], rng: &mut Rng) -> &'static str {
    rng.choice(values).copied().unwrap_or_default()
}
