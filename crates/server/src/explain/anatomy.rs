//! A token split into its visible parts, whatever it is.

use std::borrow::Cow;
use std::fmt;

use bearward_core::spiffe::trust_domain;
use bearward_core::{Profile, limits};

use super::members::Members;

/// The input, and the parts that we recognise in it.
pub struct Anatomy<'t> {
    /// The input, byte for byte: the pipeline accepts or refuses this.
    pub given: &'t [u8],
    /// The input without surrounding text and without line breaks.
    pub(crate) token: Cow<'t, [u8]>,
    /// The surrounding text that was pasted along.
    pub(crate) pasted: Option<Pasted>,
    /// The number of parts between dots.
    pub(crate) parts: usize,
    /// Whether each part has its padding, as load balancers write tokens. The following parts are without
    /// it then.
    pub(crate) is_padded: bool,
    /// The header, if readable.
    pub(crate) header: Option<Members>,
    /// The payload, if readable.
    pub(crate) payload: Option<Members>,
}

impl<'t> Anatomy<'t> {
    /// Splits the input.
    #[must_use]
    pub fn of(given: &'t [u8]) -> Self {
        let (token, pasted) = Pasted::take_off(given);
        let mut parts = token.split(|byte| *byte == b'.');
        let mut next = || parts.next().unwrap_or_default();
        let parts_given = [next(), next(), next()];
        let is_padded = parts_given.iter().any(|part| part.ends_with(b"="))
            && parts_given.iter().all(|part| part.len().is_multiple_of(4));
        let dots = token.iter().filter(|byte| **byte == b'.').count();
        let mut anatomy = Self {
            given,
            token,
            pasted,
            parts: dots.saturating_add(1),
            is_padded,
            header: None,
            payload: None,
        };
        if anatomy.is_jws() {
            anatomy.header = Members::of(anatomy.header_part());
            anatomy.payload = Members::of(anatomy.payload_part());
        }
        anatomy
    }

    /// The input without surrounding text and without line breaks.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        &self.token
    }

    /// The unverified issuer that the payload names, to choose the configuration for the explanation.
    #[must_use]
    pub fn unverified_issuer(&self) -> Option<String> {
        let payload = self.payload.as_ref()?;
        payload.string("iss").or_else(|| {
            let subject = payload.string("sub")?;
            trust_domain(&subject).map(str::to_owned)
        })
    }

    /// The profile of the provider that the unverified issuer names, unless the token is marked as RFC 9068 requires.
    #[must_use]
    pub fn likely_profile(&self) -> Option<Profile> {
        let is_marked = self.header.as_ref().is_some_and(is_at_jwt);
        Profile::of_issuer(&self.unverified_issuer()?).filter(|_| !is_marked)
    }

    /// Whether it has the shape of a compact JWS and is not too large to be parsed.
    #[must_use]
    pub fn is_jws(&self) -> bool {
        self.parts == 3
            && self.token.len() <= limits::TOKEN_BYTES
            && self.header_part().len() <= limits::HEADER_BYTES
            && !self.header_part().is_empty()
            && !self.payload_part().is_empty()
    }

    pub(crate) fn header_part(&self) -> &[u8] {
        self.part(0)
    }

    pub(crate) fn payload_part(&self) -> &[u8] {
        self.part(1)
    }

    pub(crate) fn signature_part(&self) -> &[u8] {
        self.part(2)
    }

    fn part(&self, at: usize) -> &[u8] {
        let mut parts = self.token.split(|byte| *byte == b'.');
        let part = parts.nth(at).unwrap_or_default();
        match self.is_padded {
            true => without_padding(part),
            false => part,
        }
    }
}

/// Whether the header has the `typ` of RFC 9068.
pub(crate) fn is_at_jwt(header: &Members) -> bool {
    let typ = header
        .string("typ")
        .unwrap_or_default()
        .to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == "at+jwt"
}

/// A part without its padding, of which there are at most two characters.
fn without_padding(part: &[u8]) -> &[u8] {
    let once = part.strip_suffix(b"=").unwrap_or(part);
    once.strip_suffix(b"=").unwrap_or(once)
}

impl fmt::Debug for Anatomy<'_> {
    /// Shows nothing: the input may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anatomy")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

/// Text that is not part of a token but is easily copied with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pasted {
    /// Line breaks within it, as mail programs and terminals wrap long lines.
    LineBreaks,
    /// `"…"` or `'…'`.
    Quotes,
    /// `Bearer …`, with or without `Authorization:` before it.
    Scheme,
    /// Blanks or line ends around it.
    WhiteSpace,
}

impl Pasted {
    /// The token without surrounding text, and the outermost kind of that text.
    fn take_off(given: &[u8]) -> (Cow<'_, [u8]>, Option<Self>) {
        let mut token = given;
        let mut first = None;
        while let Some((rest, pasted)) = Self::layer(token) {
            token = rest;
            first = first.or(Some(pasted));
        }
        match on_one_line(token) {
            Some(joined) => (Cow::Owned(joined), first.or(Some(Self::LineBreaks))),
            None => (Cow::Borrowed(token), first),
        }
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

    /// What there is, after "the token has".
    pub(crate) const fn found(self) -> &'static str {
        match self {
            Self::LineBreaks => "line breaks within it",
            Self::Quotes => "quotes around it",
            Self::Scheme => "the scheme Bearer before it",
            Self::WhiteSpace => "white space around it",
        }
    }

    /// The pronoun for what there is.
    pub(crate) const fn pronoun(self) -> &'static str {
        match self {
            Self::LineBreaks | Self::Quotes => "them",
            Self::Scheme | Self::WhiteSpace => "it",
        }
    }
}

/// A JWT that stands on several lines, joined. Of two tokens, each on its line, none is meant.
fn on_one_line(text: &[u8]) -> Option<Vec<u8>> {
    let is_wrapped = text.starts_with(JWT_START) && text.iter().any(|byte| b"\r\n".contains(byte));
    let dots = text.iter().filter(|byte| **byte == b'.').count();
    let joined = || {
        text.iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
    };
    (is_wrapped && dots <= 2).then(|| joined().collect())
}

/// The base64url of `{"`, with which the header of nearly every JWT begins.
pub(crate) const JWT_START: &[u8] = b"eyJ";

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
            ("eyJa.b\r\n b.c", "eyJa.bb.c", Some(Pasted::LineBreaks)),
            ("'eyJa.\nb.c'", "eyJa.b.c", Some(Pasted::Quotes)),
            ("eyJa.b.c\neyJd.e.f", "eyJa.b.c\neyJd.e.f", None),
            ("a\nb", "a\nb", None),
            ("\"", "\"", None),
            ("Bearer", "Bearer", None),
            ("", "", None),
        ] {
            let anatomy = Anatomy::of(given.as_bytes());
            assert_eq!(anatomy.token(), token.as_bytes(), "{given:?}");
            assert_eq!(anatomy.pasted, pasted, "{given:?}");
        }
    }
}
