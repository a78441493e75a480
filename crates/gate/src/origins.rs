//! The origins whose pages may read a refusal ([Fetch §3.3]).
//!
//! An application adds CORS fields to its own responses. A refusal comes without them, and a page that
//! may not read it cannot tell a step-up from an outage. The origins come from configuration; the
//! request's origin is only compared, never repeated.
//!
//! [Fetch §3.3]: https://fetch.spec.whatwg.org/#http-responses

use std::str::FromStr;
use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use url::Url;

/// The origins, in the spelling that browsers send.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    list: Arc<[Origin]>,
    credentials: Credentials,
}

/// Which requests' refusals a page may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Credentials {
    /// Those of requests that the browser sent without credentials of its own.
    #[default]
    Omitted,
    /// Also those of requests with cookies or client certificates. Each answer names one origin and
    /// never `*`, which would let every page read it.
    Included,
}

impl Origins {
    /// Allows these origins and no others.
    #[must_use]
    pub fn new(origins: impl IntoIterator<Item = Origin>) -> Self {
        Self {
            list: origins.into_iter().collect(),
            credentials: Credentials::Omitted,
        }
    }

    /// Lets their pages also read refusals of requests that the browser sends with credentials of its
    /// own: cookies or client certificates. `Authorization`, which a page sets itself, is none of these.
    #[must_use]
    pub fn allow_credentials(mut self) -> Self {
        self.credentials = Credentials::Included;
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Lets the page that sent a request with these fields read the refusal.
    pub(crate) fn expose(&self, sent: &HeaderMap, refusal: &mut HeaderMap) {
        if self.is_empty() {
            return;
        }
        refusal.append(VARY, HeaderValue::from_static("Origin"));
        let mut given = sent.get_all(ORIGIN).iter();
        let (Some(given), None) = (given.next(), given.next()) else {
            return;
        };
        let Some(Origin(ours)) = self.list.iter().find(|origin| origin.0 == given) else {
            return;
        };
        refusal.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ours.clone());
        refusal.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if self.credentials == Credentials::Included {
            let allowed = HeaderValue::from_static("true");
            refusal.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, allowed);
        }
    }
}

/// An origin: scheme, host, and a port unless it is the scheme's default. Also that of an app or an
/// extension, such as `capacitor://localhost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = text.parse::<Url>().map_err(|_| OriginError)?;
        let origin = match url.scheme() {
            "http" | "https" => url.origin().ascii_serialization(),
            // No page has one of these: they are of files and sockets.
            "file" | "ftp" | "ws" | "wss" => return Err(OriginError),
            scheme => format!("{scheme}://{}", authority(&url).ok_or(OriginError)?),
        };
        // A browser's origin would never equal any other spelling.
        if origin != text || text.contains(['*', '%']) {
            return Err(OriginError);
        }
        HeaderValue::from_str(text)
            .map(Self)
            .map_err(|_| OriginError)
    }
}

/// Host and port of a URL whose scheme has no default port.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let host = host.to_ascii_lowercase();
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// Not an origin as browsers send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an origin such as https://app.example.com: lower case, without a path or the default port"
)]
#[non_exhaustive]
pub struct OriginError;

/// The fields that a client needs to act on a refusal.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce, Retry-After, X-Bearward-Request-Id");

#[cfg(test)]
mod tests {
    use super::{Origin, OriginError};

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for origin in [
            "https://app.example.com",
            "http://localhost:3000",
            "https://[::1]:8443",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "app://localhost:3000",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://2b1f6a4e-6d8b-4b0e-8f0a-1f2e3d4c5b6a",
        ] {
            assert!(origin.parse::<Origin>().is_ok(), "{origin}");
        }
        for other in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://*.example.com",
            "https://app.example.com/path",
            "https://user@app.example.com",
            "ftp://app.example.com",
            "file:///",
            "wss://app.example.com",
            "capacitor://",
            "capacitor:localhost",
            "capacitor://localhost/",
            "capacitor://Localhost",
            "Capacitor://localhost",
            "capacitor://*",
            "capacitor://user@localhost",
            "chrome-extension://*/",
            "data:text/html,x",
            "blob:https://app.example.com/x",
        ] {
            assert_eq!(other.parse::<Origin>(), Err(OriginError), "{other}");
        }
    }
}
