//! A token taken apart by eye, whatever it is.

use std::fmt;

use bearward_core::limits;

use super::members::Members;

/// What was given for a token, and what it looks like.
pub struct Anatomy<'t> {
    /// Byte for byte as given: this is what is accepted or refused.
    pub given: &'t [u8],
    /// The same without what was pasted along.
    pub(crate) token: &'t [u8],
    /// What was pasted along.
    pub(crate) pasted: Option<Pasted>,
    /// The parts between dots, as many as there are.
    pub(crate) parts: usize,
    pub(crate) header_part: &'t [u8],
    pub(crate) payload_part: &'t [u8],
    pub(crate) signature_part: &'t [u8],
    /// The header, if it can be made out.
    pub(crate) header: Option<Members>,
    /// The payload, if it can be made out.
    pub(crate) payload: Option<Members>,
}

impl<'t> Anatomy<'t> {
    /// Takes apart what was given for a token.
    #[must_use]
    pub fn of(given: &'t [u8]) -> Self {
        let (token, pasted) = Pasted::take_off(given);
        let mut parts = token.split(|byte| *byte == b'.');
        let mut next = || parts.next().unwrap_or_default();
        let (header_part, payload_part, signature_part) = (next(), next(), next());
        let dots = token.iter().filter(|byte| **byte == b'.').count();
        let mut anatomy = Self {
            given,
            token,
            pasted,
            parts: dots.saturating_add(1),
            header_part,
            payload_part,
            signature_part,
            header: None,
            payload: None,
        };
        if anatomy.is_jws() {
            anatomy.header = Members::of(header_part);
            anatomy.payload = Members::of(payload_part);
        }
        anatomy
    }

    /// The issuer that the payload names, whoever wrote it: to choose what to explain it by.
    #[must_use]
    pub fn unverified_issuer(&self) -> Option<String> {
        self.payload.as_ref()?.string("iss")
    }

    /// Whether it has the shape of a JWS in compact form, and is not too large to be looked into.
    #[must_use]
    pub fn is_jws(&self) -> bool {
        self.parts == 3
            && self.token.len() <= limits::TOKEN_BYTES
            && self.header_part.len() <= limits::HEADER_BYTES
            && !self.header_part.is_empty()
            && !self.payload_part.is_empty()
    }
}

impl fmt::Debug for Anatomy<'_> {
    /// Shows nothing of what may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anatomy")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// What is not part of a token but easily comes along when it is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pasted {
    /// `"…"` or `'…'`.
    Quotes,
    /// `Bearer …`, with or without `Authorization:` before it.
    Scheme,
    /// Blanks or line ends around it.
    WhiteSpace,
}

impl Pasted {
    /// The token without what was pasted along, of which the outermost is named.
    fn take_off(given: &[u8]) -> (&[u8], Option<Self>) {
        let mut token = given;
        let mut first = None;
        while let Some((rest, pasted)) = Self::layer(token) {
            token = rest;
            first = first.or(Some(pasted));
        }
        (token, first)
    }

    fn layer(text: &[u8]) -> Option<(&[u8], Self)> {
        let trimmed = text.trim_ascii();
        if trimmed.len() < text.len() {
            return Some((trimmed, Self::WhiteSpace));
        }
        if let [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] = text {
            return Some((inner, Self::Quotes));
        }
        let (word, rest) = text.split_at_checked(text.iter().position(|byte| *byte == b' ')?)?;
        let is_scheme = ["bearer", "authorization:"]
            .iter()
            .any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()));
        is_scheme.then_some((rest, Self::Scheme))
    }

    pub(crate) const fn found(self) -> &'static str {
        match self {
            Self::Quotes => "quotes around it",
            Self::Scheme => "the scheme Bearer before it",
            Self::WhiteSpace => "white space around it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pasted_along_is_taken_off() {
        for (given, token, pasted) in [
            ("a.b.c", "a.b.c", None),
            (" a.b.c\r\n", "a.b.c", Some(Pasted::WhiteSpace)),
            ("\"a.b.c\"", "a.b.c", Some(Pasted::Quotes)),
            ("'a.b.c'", "a.b.c", Some(Pasted::Quotes)),
            ("Bearer a.b.c", "a.b.c", Some(Pasted::Scheme)),
            (
                "authorization: bearer  a.b.c",
                "a.b.c",
                Some(Pasted::Scheme),
            ),
            ("'Bearer a.b.c'", "a.b.c", Some(Pasted::Quotes)),
            ("\"", "\"", None),
            ("Bearer", "Bearer", None),
            ("", "", None),
        ] {
            let anatomy = Anatomy::of(given.as_bytes());
            assert_eq!(anatomy.token, token.as_bytes(), "{given:?}");
            assert_eq!(anatomy.pasted, pasted, "{given:?}");
        }
    }
}
