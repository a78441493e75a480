//! The URLs of an issuer, and which of them may provide keys.
//!
//! A configuration uses the same check as [`ResourceServerBuilder::build`], so both accept the same
//! URLs.
//!
//! [`ResourceServerBuilder::build`]: crate::resource_server::ResourceServerBuilder::build

use url::{Host, Url};

/// The purpose of an issuer's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerUrl {
    /// The internal address of the issuer: scheme, host and port.
    InternalOrigin,
    /// The issuer's name, under which its metadata is: without query and fragment ([RFC 8414 §2]).
    ///
    /// [RFC 8414 §2]: https://www.rfc-editor.org/rfc/rfc8414#section-2
    Issuer,
    /// The URL of its JWK Set.
    JwksUri,
    /// The URL of each of its keys, with `{kid}` in the place of the key's name.
    KeyUri,
}

impl IssuerUrl {
    /// Whether keys may come from this URL.
    ///
    /// # Errors
    ///
    /// The first [`IssuerUrlError`] that applies.
    pub fn check(self, url: &str, plain_http: PlainHttp) -> Result<(), IssuerUrlError> {
        self.parse(url, plain_http).map(drop)
    }

    pub(crate) fn parse(self, url: &str, plain_http: PlainHttp) -> Result<Url, IssuerUrlError> {
        match (self, url.contains(KID)) {
            (Self::KeyUri, _) => return Ok(KeyUri::parse(url, plain_http)?.sample),
            (Self::JwksUri, true) => return Err(IssuerUrlError::Placeholder),
            (Self::InternalOrigin | Self::Issuer | Self::JwksUri, _) => {}
        }
        self.parse_as_it_is(url, plain_http)
    }

    fn parse_as_it_is(self, url: &str, plain_http: PlainHttp) -> Result<Url, IssuerUrlError> {
        let url: Url = url.parse().map_err(|_| IssuerUrlError::NotAbsolute)?;
        // `localhost:9400`: a name and a port, which as a URL is a scheme and a path.
        let is_port = |path: &str| path.starts_with(|first: char| first.is_ascii_digit());
        if url.cannot_be_a_base() && is_port(url.path()) {
            return Err(IssuerUrlError::NotAbsolute);
        }
        plain_http.check(&url)?;
        let may_have_query = matches!(self, Self::JwksUri | Self::KeyUri);
        let has_query = url.query().is_some() && !may_have_query;
        let has_path = url.path() != "/" && self == Self::InternalOrigin;
        if !url.has_host() || url.fragment().is_some() || has_query || has_path {
            return Err(IssuerUrlError::Parts);
        }
        Ok(url)
    }
}

/// The URLs of an issuer's keys, each of which has one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyUri {
    before: Box<str>,
    after: Box<str>,
    /// The URL of a key that does not exist: all have its scheme, host and port.
    pub(crate) sample: Url,
}

impl KeyUri {
    pub(crate) fn parse(template: &str, plain_http: PlainHttp) -> Result<Self, IssuerUrlError> {
        let parts = template
            .split_once(KID)
            .ok_or(IssuerUrlError::Placeholder)?;
        let (before, after) = parts;
        if after.contains(KID) {
            return Err(IssuerUrlError::Placeholder);
        }
        let url = |kid: &str| {
            IssuerUrl::KeyUri.parse_as_it_is(&format!("{before}{kid}{after}"), plain_http)
        };
        // A token must not choose where its key comes from, nor the name or password that we send.
        let (sample, other) = (url(NIL)?, url(MAX)?);
        let is_in_path = sample.path() != other.path() && sample.query() == other.query();
        if sample.origin() != other.origin() || !is_in_path {
            return Err(IssuerUrlError::Placeholder);
        }
        Ok(Self {
            before: before.into(),
            after: after.into(),
            sample,
        })
    }

    /// The URL of the key with this name; `None` if that is no UUID, and so no name of such a key.
    pub(crate) fn of(&self, kid: &str) -> Option<Url> {
        if !is_uuid(kid) {
            return None;
        }
        let url = format!("{}{kid}{}", self.before, self.after);
        url.parse().ok()
    }
}

/// Whether this is a UUID as text ([RFC 9562 §4]): nothing in it means something in a URL.
///
/// [RFC 9562 §4]: https://www.rfc-editor.org/rfc/rfc9562#section-4
fn is_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == NIL.len() && text.bytes().enumerate().all(fits)
}

/// Where the name of a key goes.
const KID: &str = "{kid}";

/// The UUIDs that no key has (RFC 9562 §5.9, §5.10).
const NIL: &str = "00000000-0000-0000-0000-000000000000";
const MAX: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/// Why keys must not come from a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerUrlError {
    /// It is not an absolute URL.
    #[error("it is not an absolute URL")]
    NotAbsolute,
    /// It has a path, query or fragment that is not allowed there.
    #[error("it has a path, query or fragment that is not allowed")]
    Parts,
    /// `{kid}` is not in its path exactly once, or it is there although the keys are in one document.
    #[error("`{{kid}}` must be in the path of a URL of single keys once, and in no other URL")]
    Placeholder,
    /// Anyone on the network path could choose the keys: it is neither https nor http on loopback.
    #[error("it must be https; plain http is allowed only for this machine")]
    Scheme,
    /// It has a user or a password, which would appear in every log line with the URL.
    #[error("it must not have a user or a password")]
    UserInfo,
}

/// Where plain http may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "within this machine, or beyond it as well"
)]
pub enum PlainHttp {
    /// On this machine only. The default.
    #[default]
    Loopback,
    /// Anywhere: requires an explicit setting called `insecure`.
    Anywhere,
}

impl PlainHttp {
    /// The rule for an issuer's public URLs: we do not connect to them if there is an internal
    /// origin.
    #[must_use]
    pub const fn of_public_urls(self, has_internal_origin: bool) -> Self {
        if has_internal_origin {
            Self::Anywhere
        } else {
            self
        }
    }

    /// Refuses a URL if anyone on the network path could forge its answer.
    pub(crate) fn check(self, url: &Url) -> Result<(), IssuerUrlError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(IssuerUrlError::UserInfo);
        }
        match url.scheme() {
            "https" => Ok(()),
            "http" if self == Self::Anywhere || is_loopback(url) => Ok(()),
            _ => Err(IssuerUrlError::Scheme),
        }
    }
}

/// Whether this is a URL of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// `localhost` and the names below it ([RFC 6761 §6.3]). [`HttpTransport`] does not ask DNS about
/// them, because anyone on the network path could answer.
///
/// [RFC 6761 §6.3]: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
/// [`HttpTransport`]: crate::fetch::HttpTransport
pub(crate) fn is_loopback_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::{IssuerUrl, IssuerUrlError, KeyUri, MAX, NIL, PlainHttp};

    #[test]
    fn the_name_of_a_key_is_in_the_path_and_nowhere_else() {
        let check = |url: &str| IssuerUrl::KeyUri.check(url, PlainHttp::Loopback);
        for good in [
            "https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}",
            "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/{kid}",
            "https://keys.example/{kid}.pem?v=1",
            "http://127.0.0.1:9/{kid}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, error) in [
            ("https://keys.example/", IssuerUrlError::Placeholder),
            ("https://keys.example/{KID}", IssuerUrlError::Placeholder),
            (
                "https://keys.example/%7Bkid%7D",
                IssuerUrlError::Placeholder,
            ),
            (
                "https://keys.example/{kid}/{kid}",
                IssuerUrlError::Placeholder,
            ),
            (
                "https://keys.example/?kid={kid}",
                IssuerUrlError::Placeholder,
            ),
            ("https://{kid}.example/", IssuerUrlError::Placeholder),
            ("https://{kid}/", IssuerUrlError::Placeholder),
            ("{kid}", IssuerUrlError::NotAbsolute),
            ("https://{kid}@keys.example/", IssuerUrlError::UserInfo),
            ("https://keys.example/#{kid}", IssuerUrlError::Parts),
            ("http://keys.example/{kid}", IssuerUrlError::Scheme),
            ("{kid}://keys.example/", IssuerUrlError::NotAbsolute),
        ] {
            assert_eq!(check(bad), Err(error), "{bad}");
        }
        let set = IssuerUrl::JwksUri.check("https://keys.example/{kid}", PlainHttp::Loopback);
        assert_eq!(set, Err(IssuerUrlError::Placeholder));
    }

    #[test]
    fn t_key_18_only_a_uuid_becomes_part_of_a_url() {
        let uri = KeyUri::parse("https://keys.example/a/{kid}", PlainHttp::Loopback).unwrap();
        let upper = MAX.to_uppercase();
        for good in [NIL, MAX, &*upper, "12345678-9abc-DEF0-1234-56789abcdef0"] {
            let url = uri.of(good).unwrap();
            assert_eq!(url.as_str(), format!("https://keys.example/a/{good}"));
        }
        for bad in [
            "",
            "../x",
            "12345678-9abc-def0-1234-56789abcdef",
            "12345678-9abc-def0-1234-56789abcdef01",
            "123456789abcdef0123456789abcdef01234",
            "12345678-9abc-def0-1234-56789abcdefg",
            "1234567-89abc-def0-1234-56789abcdef0",
            "{12345678-9abc-def0-1234-56789abcdef}",
            "12345678-9abc-def0-1234-56789abcde/.",
            "12345678-9abc-def0-1234-56789abcde%2",
            "12345678\u{2010}9abc\u{2010}def0\u{2010}1234-567890",
            "................................/../",
        ] {
            assert_eq!(uri.of(bad), None, "{bad}");
        }
    }

    #[test]
    fn t_key_10_only_https_is_fetched_and_http_on_loopback() {
        let check = |url: &str| IssuerUrl::JwksUri.check(url, PlainHttp::Loopback);
        for good in [
            "https://id.example.com/k",
            "http://127.0.0.1:9/k",
            "http://127.8.8.8/k",
            "http://[::1]/k",
            "http://localhost/k",
            "http://id.localhost:9/k",
            "http://id.localhost./k",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, error) in [
            ("http://id.example.com/k", IssuerUrlError::Scheme),
            ("http://10.0.0.1/k", IssuerUrlError::Scheme),
            ("http://localhost.example.com/k", IssuerUrlError::Scheme),
            ("http://notlocalhost/k", IssuerUrlError::Scheme),
            ("file:///etc/passwd", IssuerUrlError::Scheme),
            ("ftp://id.example.com/k", IssuerUrlError::Scheme),
            ("data:application/json,{}", IssuerUrlError::Scheme),
            ("https://user@id.example.com/k", IssuerUrlError::UserInfo),
            ("https://a:b@id.example.com/k", IssuerUrlError::UserInfo),
            ("https://:b@id.example.com/k", IssuerUrlError::UserInfo),
            ("http://a:b@localhost/k", IssuerUrlError::UserInfo),
            ("/oauth2/jwks", IssuerUrlError::NotAbsolute),
            ("localhost:9400", IssuerUrlError::NotAbsolute),
            ("id.example.com:443", IssuerUrlError::NotAbsolute),
            ("https://id.example.com/k#a", IssuerUrlError::Parts),
        ] {
            assert_eq!(check(bad), Err(error), "{bad}");
        }
        let anywhere = |url: &str| IssuerUrl::Issuer.check(url, PlainHttp::Anywhere);
        assert_eq!(anywhere("http://id.internal/k"), Ok(()));
        let refused = Err(IssuerUrlError::Scheme);
        assert_eq!(anywhere("file:///etc/passwd"), refused);
    }

    #[test]
    fn each_has_the_parts_that_it_may_have() {
        let parts = Err(IssuerUrlError::Parts);
        let check = |what: IssuerUrl, url: &str| what.check(url, PlainHttp::Loopback);
        let (path, query) = ("https://id.example/realms/a", "https://id.example/?a=b");
        assert_eq!(check(IssuerUrl::Issuer, path), Ok(()));
        assert_eq!(check(IssuerUrl::Issuer, query), parts);
        assert_eq!(check(IssuerUrl::JwksUri, query), Ok(()));
        assert_eq!(check(IssuerUrl::InternalOrigin, path), parts);
        assert_eq!(check(IssuerUrl::InternalOrigin, query), parts);
        assert_eq!(check(IssuerUrl::InternalOrigin, "https://id:8443"), Ok(()));
    }
}
