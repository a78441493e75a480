//! TLS from the proxy to the servers behind it: the authorities it trusts, and the certificate it
//! presents.

use std::path::Path;

use super::{RecipeError, absolute};

/// TLS settings for bearward or for the application.
pub(super) struct Tls {
    /// The name that the other side's certificate must prove.
    pub(super) name: String,
    /// The file with the trusted authorities; `None` for those of the system.
    pub(super) authorities: Option<String>,
    /// The certificate that the proxy presents, if it must.
    pub(super) client: Option<ClientCertificate>,
}

impl Tls {
    /// The file with the authorities, for a proxy that always needs one.
    pub(super) fn authorities_file(&self) -> &str {
        self.authorities.as_deref().unwrap_or(SYSTEM_AUTHORITIES)
    }
}

/// The scheme of URLs of a server with this TLS.
pub(super) const fn scheme(tls: Option<&Tls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

/// A server with this TLS, for people.
pub(super) fn shown(place: String, tls: Option<&Tls>) -> String {
    match tls {
        Some(tls) => format!("{place} (https, as {})", tls.name),
        None => place,
    }
}

/// The certificate of the proxy and its key, each in a PEM file.
pub(super) struct ClientCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl ClientCertificate {
    pub(super) fn of(certificate: &Path, key: &Path) -> Result<Self, RecipeError> {
        Ok(Self {
            certificate: absolute(certificate)?,
            key: absolute(key)?,
        })
    }

    /// The file with both, for a proxy that needs them in one.
    pub(super) fn in_one_file(&self, proxy: &'static str) -> Result<&str, RecipeError> {
        if self.certificate == self.key {
            return Ok(&self.certificate);
        }
        let what = "a key in a separate file: put certificate and key into one file";
        Err(RecipeError::Unsupported { proxy, what })
    }
}

/// The system's authorities on Debian and its derivatives.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
