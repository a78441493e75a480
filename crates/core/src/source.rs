//! Stage 1, parse: where a request may carry its access token, other than in `Authorization`.
//!
//! Browsers cannot set `Authorization` for a WebSocket or a navigation, and some proxies hand a token
//! over in a field of their own. So an operator can name further places: a field, a cookie ([RFC 6265
//! §4.2]), a WebSocket subprotocol ([RFC 6455 §4.1]) or a query parameter ([RFC 6750 §2.3]). None is
//! read unless it is named, and a token from any of them counts as `Bearer`.
//!
//! The same readers take the token out again, so that it goes no further than needed.
//!
//! [RFC 6265 §4.2]: https://www.rfc-editor.org/rfc/rfc6265#section-4.2
//! [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//! [RFC 6750 §2.3]: https://www.rfc-editor.org/rfc/rfc6750#section-2.3

mod cookie;
mod query;
mod subprotocol;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, HOST, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::{SOURCE_NAME_BYTES, SOURCES};
use crate::rejection::InvalidRequest;
use crate::request_head::RequestHead;

pub use self::subprotocol::{Handshake, TokenEncoding};

/// One place that may carry an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Cookie(Box<str>),
    Field(HeaderName),
    Protocol(Box<str>),
    ProtocolPrefix(Box<str>, TokenEncoding),
    Query(Box<str>),
}

/// What a source carries: the token with any characters, or why there is not exactly one.
pub(crate) type Carried<'r> = Result<Cow<'r, [u8]>, InvalidRequest>;

impl Source {
    /// The field with this name, whose whole value is the token, without a scheme: for example
    /// `Cf-Access-Jwt-Assertion`. An empty field carries none.
    ///
    /// # Errors
    ///
    /// [`SourcesError::Name`] if the name is no field name, or that of a field with another meaning.
    pub fn field(name: &str) -> Result<Self, SourcesError> {
        let name: HeaderName = name.parse().map_err(|_| SourcesError::Name)?;
        let is_other = [AUTHORIZATION, COOKIE, HOST, SEC_WEBSOCKET_PROTOCOL].contains(&name);
        if is_other || name.as_str().len() > SOURCE_NAME_BYTES {
            return Err(SourcesError::Name);
        }
        Ok(Self(Place::Field(name)))
    }

    /// The cookie with this name. An empty cookie carries no token.
    ///
    /// Browsers send cookies without being asked, also on behalf of foreign pages. So a cookie
    /// authenticates a WebSocket handshake, or a request with another method than GET, HEAD, OPTIONS
    /// and TRACE, only if the browser says that it comes from a page of the same origin or of a
    /// [trusted](Sources::trust_origin) one.
    ///
    /// # Errors
    ///
    /// [`SourcesError::Name`] if the name is not a token (RFC 9110 §5.6.2).
    pub fn cookie(name: &str) -> Result<Self, SourcesError> {
        Ok(Self(Place::Cookie(checked(name)?)))
    }

    /// The WebSocket subprotocol that follows the one with this name:
    /// `new WebSocket(url, ["bearer", token])`.
    ///
    /// # Errors
    ///
    /// [`SourcesError::Name`] if the name is not a token (RFC 9110 §5.6.2).
    pub fn websocket_protocol(name: &str) -> Result<Self, SourcesError> {
        Ok(Self(Place::Protocol(checked(name)?)))
    }

    /// The WebSocket subprotocol that starts with this text, such as Kubernetes'
    /// `base64url.bearer.authorization.k8s.io.`, which the encoded token follows.
    ///
    /// # Errors
    ///
    /// [`SourcesError::Name`] if the text is not a token (RFC 9110 §5.6.2).
    pub fn websocket_prefix(prefix: &str, encoding: TokenEncoding) -> Result<Self, SourcesError> {
        Ok(Self(Place::ProtocolPrefix(checked(prefix)?, encoding)))
    }

    /// The query parameter with this name. Logs, histories and `Referer` keep URLs, so RFC 9700
    /// §4.3.2 forbids this where another way exists.
    ///
    /// # Errors
    ///
    /// [`SourcesError::Name`] if the name is not a token (RFC 9110 §5.6.2).
    pub fn query(name: &str) -> Result<Self, SourcesError> {
        Ok(Self(Place::Query(checked(name)?)))
    }

    /// What the request carries here; `None` if nothing.
    pub(crate) fn find<'r>(&self, head: RequestHead<'r>) -> Option<Carried<'r>> {
        match &self.0 {
            Place::Cookie(name) => cookie::find(head.headers, name),
            Place::Field(name) => {
                let values = head.headers.get_all(name).iter();
                the_only(values.map(|value| Cow::Borrowed(value.as_bytes())))
                    .filter(|carried| !is_empty(carried))
            }
            Place::Protocol(_) | Place::ProtocolPrefix(..) => {
                the_only(subprotocol::read(head.headers, [self]).carried)
                    .map(|carried| carried.flatten())
            }
            Place::Query(name) => {
                let carried = the_only(query::values(head.uri.query()?, name))?;
                Some(match is_empty(&carried) {
                    true => Err(InvalidRequest::MalformedCredentials),
                    false => carried,
                })
            }
        }
    }

    /// Whether a browser adds the token without being asked, as it does with a cookie.
    #[must_use]
    pub const fn is_ambient(&self) -> bool {
        matches!(self.0, Place::Cookie(_))
    }

    /// Whether one token could be found by both, or both are one.
    fn overlaps(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Place::ProtocolPrefix(one, _), Place::ProtocolPrefix(next, _)) => {
                one.starts_with(&**next) || next.starts_with(&**one)
            }
            (Place::ProtocolPrefix(prefix, _), Place::Protocol(name))
            | (Place::Protocol(name), Place::ProtocolPrefix(prefix, _)) => {
                name.starts_with(&**prefix)
            }
            (one, next) => one == next,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Cookie(name) => write!(f, "the cookie {name}"),
            Place::Field(name) => write!(f, "the field {name}"),
            Place::Protocol(name) => write!(f, "the WebSocket subprotocol after {name}"),
            Place::ProtocolPrefix(prefix, _) => {
                write!(f, "the WebSocket subprotocol that starts with {prefix}")
            }
            Place::Query(name) => write!(f, "the query parameter {name}"),
        }
    }
}

/// The places that may carry an access token in addition to `Authorization`. Cheap to clone.
///
/// A request must carry its token in exactly one of all these; in two, it is refused
/// (`multiple_credentials`). What is not among them is never read. The default is `Authorization`
/// alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Option<Arc<Inner>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Inner {
    sources: Vec<Source>,
    origins: Vec<HeaderValue>,
}

impl Sources {
    /// These places, in addition to `Authorization`.
    ///
    /// # Errors
    ///
    /// [`SourcesError`] if there are too many, or a token could be in two of them at once.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Result<Self, SourcesError> {
        let mut list: Vec<Source> = Vec::new();
        for source in sources {
            if list.iter().any(|other| other.overlaps(&source)) {
                return Err(SourcesError::Overlap);
            }
            if list.len() >= SOURCES {
                return Err(SourcesError::TooMany);
            }
            list.push(source);
        }
        Ok(Self::of(list, Vec::new()))
    }

    /// Lets pages of this origin, as browsers write it (`https://app.example.com`, or
    /// `capacitor://localhost` of an app), send requests that a cookie authenticates; call again for
    /// more. Pages of the same origin always may.
    ///
    /// # Errors
    ///
    /// [`SourcesError::Origin`] if no browser would send this text.
    pub fn trust_origin(self, origin: &str) -> Result<Self, SourcesError> {
        let is_of = |text: &str, others: &[u8]| {
            let is_usual = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || others.contains(&byte)
            };
            !text.is_empty() && text.bytes().all(is_usual)
        };
        // Also of apps and extensions: `capacitor://localhost`.
        let is_origin = origin
            .split_once("://")
            .is_some_and(|(scheme, host)| is_of(scheme, b"+-.") && is_of(host, b"-._:[]"));
        if !is_origin {
            return Err(SourcesError::Origin);
        }
        let origin = HeaderValue::from_str(origin).map_err(|_| SourcesError::Origin)?;
        let origins = self.origins().iter().cloned().chain([origin]);
        Ok(Self::of(self.list().to_vec(), origins.collect()))
    }

    /// Both of them, for requests that either might decide about.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let more = other.iter().filter(|source| !self.list().contains(source));
        let trusted = other.origins().iter();
        let trusted = trusted.filter(|origin| !self.origins().contains(origin));
        Self::of(
            self.iter().chain(more).cloned().collect(),
            self.origins().iter().chain(trusted).cloned().collect(),
        )
    }

    /// Whether `Authorization` alone may carry a token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// The named fields.
    pub fn fields(&self) -> impl Iterator<Item = &HeaderName> {
        self.iter().filter_map(|source| {
            let Source(Place::Field(name)) = source else {
                return None;
            };
            Some(name)
        })
    }

    /// Whether a query parameter is among them.
    #[must_use]
    pub fn has_query(&self) -> bool {
        let mut sources = self.iter();
        sources.any(|source| matches!(source.0, Place::Query(_)))
    }

    /// Those of `Cookie` and `Sec-WebSocket-Protocol` that may carry a token next to other values.
    pub fn shared_fields(&self) -> impl Iterator<Item = HeaderName> {
        let has = |is_one: fn(&Source) -> bool| self.iter().any(is_one);
        let cookie = has(Source::is_ambient).then_some(COOKIE);
        let protocol = has(subprotocol::is_one).then_some(SEC_WEBSOCKET_PROTOCOL);
        cookie.into_iter().chain(protocol)
    }

    /// What remains of a [shared field](Self::shared_fields) without tokens, on one line; `None` if
    /// nothing remains. Other cookies and subprotocols keep their bytes, and so does a single line
    /// without a token.
    #[must_use]
    pub fn rest_of(&self, field: &HeaderName, sent: &HeaderMap) -> Option<HeaderValue> {
        let mut lines = sent.get_all(field).iter();
        if let (Some(line), None) = (lines.next(), lines.next())
            && !self.is_in(field, sent)
        {
            return Some(line.clone());
        }
        let rest = match *field == COOKIE {
            true => cookie::rest(sent, |name| self.has_cookie(name)),
            false => subprotocol::read(sent, self.list()).rest(),
        };
        HeaderValue::from_bytes(&rest)
            .ok()
            .filter(|rest| !rest.is_empty())
    }

    /// Takes every token that may stand here out of a request's fields.
    pub fn strip(&self, headers: &mut HeaderMap) {
        for name in self.fields() {
            headers.remove(name);
        }
        for name in self.shared_fields() {
            if !self.is_in(&name, headers) {
                continue;
            }
            match self.rest_of(&name, headers) {
                Some(rest) => headers.insert(name, rest),
                None => headers.remove(name),
            };
        }
    }

    /// The target without the parameters that may carry a token; `None` if there are none. All other
    /// bytes stay.
    #[must_use]
    pub fn target_without_token(&self, target: &str) -> Option<String> {
        let (path, query) = target.split_once('?')?;
        let mut all = query.split('&');
        if !all.any(|parameter| self.is_query(parameter)) {
            return None;
        }
        let rest = query
            .split('&')
            .filter(|parameter| !self.is_query(parameter));
        let rest = rest.collect::<Vec<_>>().join("&");
        Some(match rest.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{rest}"),
        })
    }

    /// The names, as written in the target, of the parameters that may carry a token.
    pub fn token_parameters<'t>(&self, target: &'t str) -> impl Iterator<Item = &'t str> {
        let query = target.split_once('?').map(|(_, query)| query);
        let parameters = query.into_iter().flat_map(|query| query.split('&'));
        let parameters = parameters.filter(|parameter| self.is_query(parameter));
        parameters.map(|parameter| parameter.split('=').next().unwrap_or_default())
    }

    /// How to answer a handshake with these fields, if a subprotocol carries a token.
    #[must_use]
    pub fn handshake(&self, headers: &HeaderMap) -> Option<Handshake> {
        if self.is_empty() {
            return None;
        }
        subprotocol::read(headers, self.list()).handshake()
    }

    /// Each of them, without `Authorization`.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list().iter()
    }

    pub(crate) fn origins(&self) -> &[HeaderValue] {
        self.0.as_deref().map_or(&[], |inner| &inner.origins)
    }

    fn of(sources: Vec<Source>, origins: Vec<HeaderValue>) -> Self {
        // Origins without sources decide nothing.
        let is_some = !sources.is_empty();
        Self(is_some.then(|| Arc::new(Inner { sources, origins })))
    }

    fn list(&self) -> &[Source] {
        self.0.as_deref().map_or(&[], |inner| &inner.sources)
    }

    /// Whether the parameter with this decoded name may carry a token.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        let mut sources = self.iter();
        sources.any(|source| matches!(&source.0, Place::Query(ours) if **ours == *name))
    }

    fn has_cookie(&self, name: &[u8]) -> bool {
        let mut sources = self.iter();
        sources.any(|source| matches!(&source.0, Place::Cookie(ours) if ours.as_bytes() == name))
    }

    fn is_query(&self, parameter: &str) -> bool {
        self.has_query() && query::name(parameter).is_some_and(|name| self.has_parameter(&name))
    }

    /// Whether a shared field has something to take out.
    fn is_in(&self, field: &HeaderName, sent: &HeaderMap) -> bool {
        match *field == COOKIE {
            true => cookie::has(sent, |name| self.has_cookie(name)),
            false => !subprotocol::read(sent, self.list()).is_without_token(),
        }
    }
}

/// Why sources cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourcesError {
    /// The name cannot be that of such a source.
    #[error(
        "not the name of a source: a token of RFC 9110 §5.6.2, and no field with another meaning; `Authorization` is always a source"
    )]
    Name,
    /// Not an origin.
    #[error("not an origin such as https://app.example.com")]
    Origin,
    /// Two sources are the same, or a token would be in both.
    #[error("two sources of a token overlap")]
    Overlap,
    /// More than [`SOURCES`].
    #[error("there are more than {SOURCES} sources of a token")]
    TooMany,
}

fn checked(name: &str) -> Result<Box<str>, SourcesError> {
    let is_token = !name.is_empty() && name.bytes().all(is_token_char);
    match is_token && name.len() <= SOURCE_NAME_BYTES {
        true => Ok(name.into()),
        false => Err(SourcesError::Name),
    }
}

/// `tchar` of [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
pub(crate) fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The only one; an error if there are several.
fn the_only<T>(found: impl IntoIterator<Item = T>) -> Option<Result<T, InvalidRequest>> {
    let mut found = found.into_iter();
    let first = found.next()?;
    match found.next() {
        None => Some(Ok(first)),
        Some(_) => Some(Err(InvalidRequest::MultipleCredentials)),
    }
}

fn is_empty(carried: &Carried<'_>) -> bool {
    carried.as_ref().is_ok_and(|token| token.is_empty())
}
