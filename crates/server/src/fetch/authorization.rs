//! The credentials that an issuer, or a proxy on the way to it, demands of us ([RFC 9110 §11.6.2],
//! [§11.7.2]).
//!
//! Most issuers publish their keys to everyone. The API server of Kubernetes, for one, does not.
//!
//! [RFC 9110 §11.6.2]: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2
//! [§11.7.2]: https://www.rfc-editor.org/rfc/rfc9110#section-11.7.2

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bearward_core::limits;
use http::HeaderValue;

use crate::sync::spawn_blocking;

use super::FetchError;

/// The value of `Authorization` in requests to an issuer: fixed, or read from a file for each
/// request.
///
/// It may be written in three ways:
///
/// - with its scheme, as `Bearer eyJ…` or `Basic dXNlcjpwYXNz`: sent as it is;
/// - as `user:password`: sent with the scheme `Basic` ([RFC 7617]);
/// - as a single word, which is a token: sent with the scheme `Bearer` ([RFC 6750 §2.1]).
///
/// One final newline, which editors and `echo` write, is not part of it.
///
/// [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617#section-2
/// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Fixed(HeaderValue),
}

impl Authorization {
    /// These credentials, always.
    ///
    /// # Errors
    ///
    /// [`AuthorizationError`] if the text is none of the three.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, AuthorizationError> {
        Ok(Self(Source::Fixed(parse(text.as_ref())?)))
    }

    /// The credentials in this file, read again for each request: an orchestrator replaces a token
    /// before it expires. If the file cannot be read, or has no credentials, the fetch fails with
    /// [`FetchError::Authorization`].
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// The value to send now.
    pub(crate) async fn value(&self) -> Result<HeaderValue, FetchError> {
        let path = match &self.0 {
            Source::Fixed(value) => return Ok(value.clone()),
            Source::File(path) => path.clone(),
        };
        // On a thread that may block; the flight does not wait for it longer than its time limit.
        let read = spawn_blocking(move || read(&path)).await;
        let text = read.ok().and_then(Result::ok);
        let text = text.ok_or(FetchError::Authorization)?;
        parse(&text).map_err(|_| FetchError::Authorization)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::File(path) => f.debug_tuple("Authorization").field(path).finish(),
            Source::Fixed(_) => f.write_str("Authorization(redacted)"),
        }
    }
}

/// Why a text is no credentials. It never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It has a character that a field cannot contain, such as a second line.
    #[error("it has more than one line, or a character that a field cannot contain")]
    Malformed,
    /// It is longer than a token may be.
    #[error("it is longer than {} bytes", limits::TOKEN_BYTES)]
    TooLong,
}

/// The value of the field for credentials written in any of the three ways.
pub(super) fn parse(text: &[u8]) -> Result<HeaderValue, AuthorizationError> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.len() > limits::TOKEN_BYTES {
        return Err(AuthorizationError::TooLong);
    }
    if text.trim_ascii().is_empty() {
        return Err(AuthorizationError::Empty);
    }
    // RFC 7617 §2: no control characters in user and password either.
    let has_controls = text.iter().any(u8::is_ascii_control);
    if has_controls || text.trim_ascii() != text {
        return Err(AuthorizationError::Malformed);
    }
    let word = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    let value = if word.contains(&b':') {
        format!("Basic {}", base64_simd::STANDARD.encode_to_string(text)).into_bytes()
    } else if word.len() == text.len() {
        [b"Bearer ", text].concat()
    } else {
        text.to_vec()
    };
    let value = HeaderValue::from_maybe_shared(value);
    let mut value = value.map_err(|_| AuthorizationError::Malformed)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads a file, up to one byte more than the longest credentials with their newline.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let most = u64::try_from(limits::TOKEN_BYTES).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    let file = File::open(path)?.take(most.saturating_add(3));
    { file }.read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use bearward_core::limits;

    use super::{Authorization, AuthorizationError, parse};

    #[test]
    fn credentials_may_be_written_in_three_ways() {
        let long = "a".repeat(limits::TOKEN_BYTES);
        for (text, sent) in [
            ("Bearer a.b.c", "Bearer a.b.c"),
            ("Basic dXNlcjpwYXNz", "Basic dXNlcjpwYXNz"),
            ("token  two words", "token  two words"),
            ("user:pass", "Basic dXNlcjpwYXNz"),
            ("user:", "Basic dXNlcjo="),
            // RFC 7617 §2: the password may have colons and spaces.
            ("user:a b:c", "Basic dXNlcjphIGI6Yw=="),
            ("user:ä", "Basic dXNlcjrDpA=="),
            ("a.b-c_d~e+f/g==", "Bearer a.b-c_d~e+f/g=="),
            ("a.b.c\n", "Bearer a.b.c"),
            ("Bearer a.b.c\r\n", "Bearer a.b.c"),
            (&long, &format!("Bearer {long}")),
        ] {
            let value = parse(text.as_bytes()).unwrap();
            assert_eq!(value.as_bytes(), sent.as_bytes(), "{text}");
            assert!(value.is_sensitive());
        }
    }

    #[test]
    fn t_cfg_08_what_is_no_credential_is_refused_and_none_is_shown() {
        let long = "a".repeat(limits::TOKEN_BYTES + 1);
        for (text, error) in [
            ("", AuthorizationError::Empty),
            ("\n", AuthorizationError::Empty),
            (" \r\n", AuthorizationError::Empty),
            // One newline is taken off, no more.
            ("a.b.c\n\n", AuthorizationError::Malformed),
            ("a.b.c \n", AuthorizationError::Malformed),
            (" a.b.c", AuthorizationError::Malformed),
            ("a.b.c\r\nx-field: 1", AuthorizationError::Malformed),
            ("user:pass\nuser:pass", AuthorizationError::Malformed),
            ("user:\0", AuthorizationError::Malformed),
            ("a\tb", AuthorizationError::Malformed),
            (&long, AuthorizationError::TooLong),
        ] {
            assert_eq!(Authorization::new(text).unwrap_err(), error, "{text:?}");
        }
        let shown = format!("{:?}", Authorization::new("hunter2").unwrap());
        assert_eq!(shown, "Authorization(redacted)");
    }
}
