//! TLS from the proxy to what is behind it: whom it believes, and by what it is known itself.

use std::path::Path;

use super::{RecipeError, absolute};

/// How TLS is spoken to bearward, or to the application.
pub(super) struct Tls {
    /// The name that the certificate of the other side proves.
    pub(super) name: String,
    /// The file with the authorities that say so; `None` for those of the system.
    pub(super) authorities: Option<String>,
    /// By what the proxy proves who it is, where it must.
    pub(super) client: Option<ClientCertificate>,
}

impl Tls {
    /// The file with the authorities, for a proxy that must be told of one.
    pub(super) fn authorities_file(&self) -> &str {
        self.authorities.as_deref().unwrap_or(SYSTEM_AUTHORITIES)
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

    /// The file that has both, for a proxy that reads them from one.
    pub(super) fn in_one_file(&self, proxy: &'static str) -> Result<&str, RecipeError> {
        if self.certificate == self.key {
            return Ok(&self.certificate);
        }
        let what = "of a key in a file of its own: put certificate and key into one file";
        Err(RecipeError::Unsayable { proxy, what })
    }
}

/// The bundle of the system's authorities where Debian and its heirs keep it.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
