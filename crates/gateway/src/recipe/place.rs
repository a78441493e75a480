//! Listening places, in a form that every proxy can use.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use crate::doors::proxy::Address;

use super::{RecipeError, plain};

/// A place to connect to, in characters without special meaning anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub(super) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ip(SocketAddr),
    Name(String, u16),
    Unix(String),
}

impl Place {
    pub(super) fn unix(path: &Path) -> Result<Self, PlaceError> {
        let path = plain::path(path).map_err(|error| PlaceError(error.to_string()))?;
        Ok(Self(Kind::Unix(path)))
    }

    pub(super) fn of(address: &Address) -> Result<Self, PlaceError> {
        match address {
            Address::Tcp(text) => text.parse(),
            Address::Unix(path) => Self::unix(path),
        }
    }

    /// The name and port, if the place has a name.
    pub(super) fn name(&self) -> Option<(&str, u16)> {
        match &self.0 {
            Kind::Name(host, port) => Some((host, *port)),
            Kind::Ip(_) | Kind::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self(Kind::Ip(address))
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::unix(Path::new(path));
        }
        let not_one = || PlaceError(format!("{text:?} is not `host:port` or `unix:/path`"));
        let (host, port) = text.rsplit_once(':').ok_or_else(not_one)?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && *port != 0);
        let port: u16 = port.ok_or_else(not_one)?;
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if let Some(v6) = bracketed {
            let address: Ipv6Addr = v6.parse().map_err(|_| not_one())?;
            return Ok(SocketAddr::new(IpAddr::V6(address), port).into());
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            // More than one colon: an IPv6 address without brackets.
            return match address {
                IpAddr::V4(_) => Ok(SocketAddr::new(address, port).into()),
                IpAddr::V6(_) => Err(not_one()),
            };
        }
        let host = plain::host(host).map_err(|error| PlaceError(error.to_string()))?;
        Ok(Self(Kind::Name(host, port)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Ip(address) => address.fmt(f),
            Kind::Name(host, port) => write!(f, "{host}:{port}"),
            Kind::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// Not a place that every proxy can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlaceError(String);

/// The TCP address; this proxy cannot use a Unix socket.
pub(super) fn over_tcp(place: &Place, proxy: &'static str) -> Result<String, RecipeError> {
    let what = "a Unix socket";
    match place.0 {
        Kind::Ip(_) | Kind::Name(..) => Ok(place.to_string()),
        Kind::Unix(_) => Err(RecipeError::Unsupported { proxy, what }),
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["127.0.0.1:80", "app:8080", "[::1]:80", "unix:/run/app.sock"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "app",
            ":80",
            "::1:80",
            "http://app:80",
            "app:x",
            "app:0",
            "app:+80",
            "unix:app",
            "a:65536",
            "a b:80",
            "a;b:80",
            "[a]:80",
            "unix:/run/a b",
            "unix:/run/$a",
            "{a}:80",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
