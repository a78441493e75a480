//! Where an upstream listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// `host:port`; a name is resolved for each connection.
    Tcp(String),
    /// `unix:/path`.
    Unix(PathBuf),
}

/// The text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: it is `host:port` or `unix:/path`")]
#[non_exhaustive]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return path
                .is_absolute()
                .then_some(Self::Unix(path))
                .ok_or(AddressError);
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let is_bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        if host.is_empty() || is_bare_v6 || host.contains('/') || port.parse::<u16>().is_err() {
            return Err(AddressError);
        }
        Ok(Self::Tcp(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:80", "app:8080", "[::1]:80", "unix:/run/app.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "app",
            ":80",
            "::1:80",
            "http://app:80",
            "app:x",
            "unix:app",
            "a:65536",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
