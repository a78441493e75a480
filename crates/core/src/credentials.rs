//! Stage 1, parse: the credentials in the request ([RFC 6750 §2], [RFC 9110 §11.6.2]).
//!
//! We read the `Authorization` field, and other [sources](crate::source) only if the caller names
//! them; never the body, and by default no token in the query: URIs are logged, and RFC 9700 §4.3.2
//! forbids it. An `access_token` in the query next to another token still counts as a second
//! credential. This stage does not look into the token.
//!
//! [RFC 6750 §2]: https://www.rfc-editor.org/rfc/rfc6750#section-2
//! [RFC 9110 §11.6.2]: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2

use std::borrow::Cow;
use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Uri};
use wide::u8x16;

use crate::cross_origin;
use crate::rejection::{InvalidRequest, Rejection};
pub use crate::request_head::RequestHead;
use crate::source::{Sources, is_token_char};

/// The scheme of the credentials ([RFC 9110 §11.1]), among those we support.
///
/// [RFC 9110 §11.1]: https://www.rfc-editor.org/rfc/rfc9110#section-11.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `Bearer` (RFC 6750).
    Bearer,
}

impl Scheme {
    /// The scheme in the only `Authorization` field of a request, refused or not.
    pub(crate) fn of(head: RequestHead<'_>) -> Option<Self> {
        let field = the_field(head).ok()?;
        Self::parse(split_scheme(field.as_bytes()).0)
    }

    const fn parse(word: &[u8]) -> Option<Self> {
        match word.eq_ignore_ascii_case(b"Bearer") {
            true => Some(Self::Bearer),
            false => None,
        }
    }
}

/// The only access token of a request, not yet parsed.
#[derive(Clone)]
pub struct Credentials<'r> {
    access_token: Cow<'r, [u8]>,
}

impl<'r> Credentials<'r> {
    /// Reads the credentials in `Authorization`.
    ///
    /// # Errors
    ///
    /// [`Rejection::NoCredentials`] if there are none in the `Bearer` scheme;
    /// [`Rejection::InvalidRequest`] if there are several, or the field is malformed.
    pub fn parse(head: RequestHead<'r>) -> Result<Self, Rejection> {
        Self::parse_from(head, &Sources::default())
    }

    /// Reads the credentials in `Authorization` or in one of these sources.
    ///
    /// # Errors
    ///
    /// As [`Credentials::parse`], and [`Forbidden::CsrfOrigin`] if a cookie carries the token and the
    /// request may come from a foreign page.
    ///
    /// [`Forbidden::CsrfOrigin`]: crate::rejection::Forbidden::CsrfOrigin
    pub fn parse_from(head: RequestHead<'r>, sources: &Sources) -> Result<Self, Rejection> {
        Ok(UncheckedCredentials::parse_from(head, sources)?.check()?)
    }

    /// The access token, as sent.
    #[must_use]
    pub fn access_token(&self) -> &[u8] {
        &self.access_token
    }
}

/// Credentials before the characters of the token are checked, for callers that admit only a JWS.
///
/// A valid JWS has only characters that a token may have, padding included, so it needs no second pass; only a
/// refused token is [checked](Self::refusal), to find the reason. Check any other kind of token
/// with [`check`](Self::check) first.
#[derive(Clone)]
pub struct UncheckedCredentials<'r> {
    token: Cow<'r, [u8]>,
}

impl<'r> UncheckedCredentials<'r> {
    /// Reads the credentials in `Authorization`.
    ///
    /// # Errors
    ///
    /// As [`Credentials::parse`], except for the characters of the token.
    pub fn parse(head: RequestHead<'r>) -> Result<Self, Rejection> {
        let token = Cow::Borrowed(bearer(the_field(head)?.as_bytes())?);
        let credentials = Self { token };
        if has_access_token(head.uri) {
            let several = InvalidRequest::MultipleCredentials;
            return Err(credentials.refusal(several.into()));
        }
        Ok(credentials)
    }

    /// Reads the credentials in `Authorization` or in one of these sources.
    ///
    /// # Errors
    ///
    /// As [`Credentials::parse_from`], except for the characters of the token.
    pub fn parse_from(head: RequestHead<'r>, sources: &Sources) -> Result<Self, Rejection> {
        match sources.is_empty() {
            true => Self::parse(head),
            false => Self::parse_sources(head, sources),
        }
    }

    /// Not inlined, so that the way of most requests stays short.
    #[inline(never)]
    fn parse_sources(head: RequestHead<'r>, sources: &Sources) -> Result<Self, Rejection> {
        let several = InvalidRequest::MultipleCredentials;
        let field = match the_field(head) {
            Err(Rejection::NoCredentials) => None,
            field => Some(field?),
        };
        let mut found = field.map(|field| bearer(field.as_bytes()).map(Cow::Borrowed));
        let mut is_ambient = false;
        for source in sources.iter() {
            let Some(carried) = source.find(head) else {
                continue;
            };
            // Another scheme next to it counts as well: the application might go by that one.
            if found.is_some() {
                return Err(several.into());
            }
            is_ambient = source.is_ambient();
            found = Some(carried.map_err(Rejection::from));
        }
        let token = found.ok_or(Rejection::NoCredentials)??;
        let credentials = Self { token };
        if !sources.has_parameter(ACCESS_TOKEN) && has_access_token(head.uri) {
            return Err(credentials.refusal(several.into()));
        }
        if is_ambient {
            cross_origin::check(head, sources.origins())?;
        }
        Ok(credentials)
    }

    /// The text of the token, to be parsed as a JWS.
    #[must_use]
    pub fn for_jws(&self) -> &[u8] {
        &self.token
    }

    /// Checks the characters.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::MalformedCredentials`].
    pub fn check(self) -> Result<Credentials<'r>, InvalidRequest> {
        match is_b64token(&self.token) {
            true => Ok(Credentials {
                access_token: self.token,
            }),
            false => Err(InvalidRequest::MalformedCredentials),
        }
    }

    /// The reason for refusing the request when the token is refused for `of_token`: characters
    /// that no token may have take precedence.
    #[must_use]
    pub fn refusal(&self, of_token: Rejection) -> Rejection {
        match is_b64token(&self.token) {
            true => of_token,
            false => InvalidRequest::MalformedCredentials.into(),
        }
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl fmt::Debug for UncheckedCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UncheckedCredentials")
            .finish_non_exhaustive()
    }
}

/// The only `Authorization` field.
fn the_field(head: RequestHead<'_>) -> Result<&HeaderValue, Rejection> {
    let mut fields = head.headers.get_all(AUTHORIZATION).iter();
    let field = fields.next().ok_or(Rejection::NoCredentials)?;
    match fields.next() {
        None => Ok(field),
        Some(_) => Err(InvalidRequest::MultipleCredentials.into()),
    }
}

/// `credentials = "Bearer" 1*SP b64token` ([RFC 6750 §2.1]): the text in place of the token, with
/// any characters.
///
/// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
fn bearer(field: &[u8]) -> Result<&[u8], Rejection> {
    // As nearly every client writes it.
    match field.strip_prefix(b"Bearer ") {
        Some(token @ [first, ..]) if *first != b' ' => Ok(token),
        _ => bearer_as_written(field),
    }
}

#[inline(never)]
fn bearer_as_written(field: &[u8]) -> Result<&[u8], Rejection> {
    let (scheme, rest) = split_scheme(field);
    if scheme.is_empty() {
        return Err(InvalidRequest::MalformedCredentials.into());
    }
    Scheme::parse(scheme).ok_or(Rejection::NoCredentials)?;
    let token = without_leading_spaces(rest);
    let is_separated = token.len() < rest.len();
    if !is_separated || token.is_empty() {
        return Err(InvalidRequest::MalformedCredentials.into());
    }
    Ok(token)
}

/// The scheme, and the text after it.
fn split_scheme(field: &[u8]) -> (&[u8], &[u8]) {
    let end = field.iter().position(|byte| !is_token_char(*byte));
    let end = end.unwrap_or(field.len());
    field.split_at_checked(end).unwrap_or((field, &[]))
}

/// Whether `token` has only characters of a b64token. `=` belongs at its end; the base64url check
/// refuses it elsewhere.
///
/// A JWS uses fewer characters; we look for those first, 64 at a time.
fn is_b64token(token: &[u8]) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let (chunks, _) = token.as_chunks::<16>();
    // The bytes after the chunks, or a block that overlaps the last one.
    let Some(last) = token.last_chunk::<16>() else {
        return token.iter().all(is_char);
    };
    let add = |unusual_so_far: u8x16, chunk: &[u8; 16]| unusual_so_far.max(unusual(*chunk));
    let (blocks, last_chunks) = chunks.as_chunks::<4>();
    let of_blocks = blocks
        .iter()
        .fold(u8x16::ZERO, |found, block| block.iter().fold(found, add));
    let found = last_chunks.iter().chain([last]).fold(of_blocks, add);
    found == u8x16::ZERO || token.iter().all(is_char)
}

/// Zero for each byte that is a letter, a digit or one of `-`, `.`, `/`, `_`.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the difference of two bytes wraps, as it is meant to"
)]
fn unusual(chunk: [u8; 16]) -> u8x16 {
    let bytes = u8x16::new(chunk);
    let beyond = |bytes: u8x16, first: u8, last: u8| {
        let from_first = bytes - u8x16::splat(first);
        from_first.saturating_sub(u8x16::splat(last.wrapping_sub(first)))
    };
    let no_letter = beyond(bytes | u8x16::splat(0x20), b'a', b'z');
    let no_digit = beyond(bytes, b'-', b'9');
    let no_underscore = bytes ^ u8x16::splat(b'_');
    no_letter.min(no_digit).min(no_underscore)
}

/// Strips leading SP, but not HTAB, which RFC 6750 does not allow there.
fn without_leading_spaces(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b" ") {
        bytes = rest;
    }
    bytes
}

/// Whether the query has the parameter from [RFC 6750 §2.3], however its name is escaped.
///
/// [RFC 6750 §2.3]: https://www.rfc-editor.org/rfc/rfc6750#section-2.3
fn has_access_token(uri: &Uri) -> bool {
    let Some(query) = uri.query() else {
        return false;
    };
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == ACCESS_TOKEN)
}

const ACCESS_TOKEN: &str = "access_token";

#[cfg(test)]
mod tests {
    use super::{UncheckedCredentials, bearer, is_b64token, unusual};
    use crate::rejection::{InvalidRequest, Rejection};

    fn token_of(field: &[u8]) -> Result<(), Rejection> {
        let token = bearer(field)?;
        let token = token.into();
        Ok(UncheckedCredentials { token }.check().map(drop)?)
    }

    /// Characters that no `HeaderValue` contains; they are refused all the same.
    #[test]
    fn t_req_06_control_characters_are_refused() {
        for byte in (0..=0x1F).chain([0x7F]) {
            for field in [
                [b"Bearer a".as_slice(), &[byte], b"b"].concat(),
                [b"Bearer a".as_slice(), &[byte]].concat(),
                [b"Bearer ".as_slice(), &[byte], b"a"].concat(),
                [b"Bearer".as_slice(), &[byte], b"a"].concat(),
                [&[byte], b"Bearer a".as_slice()].concat(),
            ] {
                let refused: Rejection = InvalidRequest::MalformedCredentials.into();
                assert_eq!(token_of(&field), Err(refused), "{byte:#x}");
            }
        }
    }

    /// Tries every byte at every place in a chunk and after the last one.
    #[test]
    fn the_characters_of_a_b64token() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
        for (byte, place) in (0..=0xFF_u8).flat_map(|byte| (0..70).map(move |at| (byte, at))) {
            let mut token = [b'a'; 70];
            token[place] = byte;
            let expected = alphabet.contains(&byte);
            assert_eq!(is_b64token(&token), expected, "{byte:#x} at {place}");
        }
        // Texts of nothing else, in whole chunks and whole blocks of chunks.
        for (byte, length) in
            (0..=0xFF_u8).flat_map(|byte| [16, 32, 64, 128].map(|length| (byte, length)))
        {
            let expected = alphabet.contains(&byte);
            let token = vec![byte; length];
            assert_eq!(is_b64token(&token), expected, "{length} times {byte:#x}");
        }
    }

    /// Otherwise we would check every token a second time, character by character.
    #[test]
    fn the_characters_of_a_jws_are_usual() {
        for byte in 0..=0xFF_u8 {
            let is_usual = byte.is_ascii_alphanumeric() || b"-./_".contains(&byte);
            let found = unusual([byte; 16]).to_array();
            assert!(
                found.iter().all(|lane| (*lane == 0) == is_usual),
                "{byte:#x}"
            );
        }
    }

    #[test]
    fn a_scheme_has_every_token_character() {
        let scheme = b"!#$%&'*+-.^_`|~09azAZ";
        let field = [scheme.as_slice(), b" a"].concat();
        assert_eq!(bearer(&field), Err(Rejection::NoCredentials));
        for separator in b"\"(),/:;<=>?@[\\]{}" {
            let field = [b"Bearer".as_slice(), &[*separator], b" a"].concat();
            let refused: Rejection = InvalidRequest::MalformedCredentials.into();
            assert_eq!(bearer(&field), Err(refused), "{separator:#x}");
            let field = [b"Basic".as_slice(), &[*separator], b" a"].concat();
            assert_eq!(
                bearer(&field),
                Err(Rejection::NoCredentials),
                "{separator:#x}"
            );
        }
    }
}
