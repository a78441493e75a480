//! Subprotocols that carry a token in a WebSocket handshake ([RFC 6455 §4.1]), which is the only field
//! of a handshake that a page can set.
//!
//! Two ways are in use: a name, followed by the token as the next subprotocol, and one subprotocol
//! that starts with a known text. The characters of a JWT are allowed in a subprotocol.
//!
//! A browser closes the connection if it offered subprotocols and the response names none of them.
//! The response may name the marker, but never the token.
//!
//! [RFC 6455 §4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1

use std::borrow::Cow;
use std::fmt;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

use crate::base64url;
use crate::rejection::InvalidRequest;

use super::{Carried, Place, Source};

/// How a token is written after a prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the configuration must not forget one"
)]
pub enum TokenEncoding {
    /// As it is. The default.
    #[default]
    Plain,
    /// In base64url without padding, as Kubernetes wants it.
    Base64Url,
}

/// The subprotocols of a handshake.
pub(super) struct Offered<'r, 's> {
    /// What each marker or prefix announces.
    pub(super) carried: Vec<Carried<'r>>,
    /// The subprotocols with a token.
    secrets: Vec<&'r [u8]>,
    /// The name before the token.
    marker: Option<&'s str>,
    /// All others.
    others: Vec<&'r [u8]>,
}

/// Reads what clients offer, with those of `sources` that are subprotocols.
pub(super) fn read<'r, 's>(
    headers: &'r HeaderMap,
    sources: impl IntoIterator<Item = &'s Source> + Copy,
) -> Offered<'r, 's> {
    let mut offered = Offered {
        carried: Vec::new(),
        secrets: Vec::new(),
        marker: None,
        others: Vec::new(),
    };
    let mut elements = elements(headers);
    while let Some(element) = elements.next() {
        let mut places = sources.into_iter().map(|source| &source.0);
        match places.find_map(|place| matching(place, element)) {
            Some(Match::Marker(name)) => {
                offered.marker = Some(name);
                let token = elements.next();
                offered.secrets.extend(token);
                let token = token.map(Cow::Borrowed);
                offered
                    .carried
                    .push(token.ok_or(InvalidRequest::MalformedCredentials));
            }
            Some(Match::Token(token)) => {
                offered.secrets.push(element);
                offered.carried.push(token);
            }
            None => offered.others.push(element),
        }
    }
    offered
}

enum Match<'r, 's> {
    /// The token is next.
    Marker(&'s str),
    Token(Carried<'r>),
}

fn matching<'r, 's>(place: &'s Place, element: &'r [u8]) -> Option<Match<'r, 's>> {
    match place {
        Place::Protocol(name) if name.as_bytes() == element => Some(Match::Marker(name)),
        Place::ProtocolPrefix(prefix, encoding) => {
            let text = element.strip_prefix(prefix.as_bytes())?;
            Some(Match::Token(encoding.decode(text)))
        }
        Place::Protocol(_) | Place::Cookie(_) | Place::Field(_) | Place::Query(_) => None,
    }
}

impl TokenEncoding {
    fn decode(self, text: &[u8]) -> Carried<'_> {
        let token = match self {
            Self::Plain => Some(Cow::Borrowed(text)),
            Self::Base64Url => base64url::decode(text).ok().map(Cow::Owned),
        };
        let token = token.filter(|token| !token.is_empty());
        token.ok_or(InvalidRequest::MalformedCredentials)
    }
}

impl Offered<'_, '_> {
    pub(super) const fn is_without_token(&self) -> bool {
        self.carried.is_empty()
    }

    /// The subprotocols without token and marker.
    pub(super) fn rest(&self) -> Vec<u8> {
        self.others.join(&b", "[..])
    }

    pub(super) fn handshake(self) -> Option<Handshake> {
        if self.is_without_token() {
            return None;
        }
        Some(Handshake {
            secrets: self.secrets.into_iter().map(Box::from).collect(),
            // A name that was checked to be a token.
            marker: self
                .marker
                .and_then(|name| HeaderValue::from_str(name).ok()),
            has_others: !self.others.is_empty(),
        })
    }
}

/// How to answer a handshake in which a subprotocol carries the token.
#[derive(Clone)]
pub struct Handshake {
    secrets: Vec<Box<[u8]>>,
    marker: Option<HeaderValue>,
    has_others: bool,
}

impl Handshake {
    /// The subprotocol to name if the application chooses none: the name before the token. `None` if
    /// the token has a prefix: a client then has to offer another subprotocol as well.
    #[must_use]
    pub const fn marker(&self) -> Option<&HeaderValue> {
        self.marker.as_ref()
    }

    /// Whether the client offers a subprotocol from which the application can choose.
    #[must_use]
    pub const fn has_others(&self) -> bool {
        self.has_others
    }

    /// Takes the token out of a response that names it.
    pub fn hide_token(&self, response: &mut HeaderMap) {
        let is_secret = |element: &[u8]| self.secrets.iter().any(|secret| **secret == *element);
        if !elements(response).any(is_secret) {
            return;
        }
        let rest = elements(response).filter(|element| !is_secret(element));
        let rest = rest.collect::<Vec<_>>().join(&b", "[..]);
        match HeaderValue::from_bytes(&rest) {
            Ok(rest) if !rest.is_empty() => response.insert(SEC_WEBSOCKET_PROTOCOL, rest),
            _ => response.remove(SEC_WEBSOCKET_PROTOCOL),
        };
    }

    /// Completes a response that accepts the handshake: the application's subprotocol stays; if it
    /// chose none, the [marker](Self::marker) is named.
    pub fn complete(&self, response: &mut HeaderMap) {
        self.hide_token(response);
        if let Some(marker) = &self.marker
            && !response.contains_key(SEC_WEBSOCKET_PROTOCOL)
        {
            response.insert(SEC_WEBSOCKET_PROTOCOL, marker.clone());
        }
    }
}

impl fmt::Debug for Handshake {
    /// Shows only the marker.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("marker", &self.marker)
            .finish_non_exhaustive()
    }
}

pub(super) const fn is_one(source: &Source) -> bool {
    matches!(source.0, Place::Protocol(_) | Place::ProtocolPrefix(..))
}

/// The elements of the list, in all its lines.
fn elements(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let elements = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    elements
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}
