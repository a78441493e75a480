//! The options for the way to the issuer.

use std::io;
use std::path::PathBuf;

use bearward::Issuer;
use bearward::fetch::{Egress, HttpTransportError, Proxy};
use bearward_gateway::config::{ENVIRONMENT, EnvironmentError, proxies_of_environment};
use serde_json::Value;

use crate::files;

/// How to reach the issuer. Credentials need a configuration, since every user of the machine can see
/// arguments.
#[derive(clap::Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct Way {
    /// A PEM file with certificate authorities to trust, in addition to those of the system
    #[arg(long, value_name = "FILE", requires = "issuer")]
    ca: Option<PathBuf>,
    /// The HTTP proxy to fetch keys through, or `environment` to use HTTPS_PROXY and similar variables,
    /// which are ignored without it
    #[arg(long, value_name = "URL|environment", requires = "issuer")]
    proxy: Option<String>,
    /// The origin (scheme, host and port) under which this machine reaches the issuer, if it is not the
    /// public one
    #[arg(long, value_name = "URL", requires = "issuer")]
    internal_origin: Option<String>,
}

impl Way {
    pub(crate) const fn is_given(&self) -> bool {
        self.ca.is_some() || self.proxy.is_some() || self.internal_origin.is_some()
    }

    /// The issuer, reached in this way.
    pub(crate) fn to(&self, issuer: Issuer) -> Result<Issuer, NoWay> {
        let issuer = issuer.egress(self.egress()?);
        Ok(match &self.internal_origin {
            Some(origin) => issuer.internal_origin(origin),
            None => issuer,
        })
    }

    fn egress(&self) -> Result<Egress, NoWay> {
        let mut egress = match self.proxy.as_deref() {
            None => Egress::new(),
            Some(ENVIRONMENT) => proxies_of_environment(|name| std::env::var_os(name), None)?,
            Some(url) => Egress::new().proxy(Proxy::new(url).map_err(NoWay::Proxy)?),
        };
        if let Some(file) = &self.ca {
            let pem = files::read(file).map_err(|error| NoWay::File(file.clone(), error))?;
            let trusting = egress.root_certificates(&pem);
            egress = trusting.map_err(|error| NoWay::Ca(file.clone(), error))?;
        }
        Ok(egress)
    }

    /// These options as lines of a configuration.
    pub(crate) fn written(&self) -> Result<String, NoWay> {
        // A JSON string is also a TOML string.
        let line = |key: &str, value: &str| format!("{key} = {}\n", Value::from(value));
        let mut lines = String::new();
        if let Some(file) = &self.ca {
            let path = file.to_str().ok_or_else(|| NoWay::Path(file.clone()))?;
            lines += &line("ca", path);
        }
        if let Some(proxy) = &self.proxy {
            lines += &line("proxy", proxy);
        }
        if let Some(origin) = &self.internal_origin {
            lines += &line("internal_origin", origin);
        }
        Ok(lines)
    }
}

/// Why the options lead nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoWay {
    #[error("{}: {}", .0.display(), .1)]
    Ca(PathBuf, HttpTransportError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    #[error("--ca: {} is not UTF-8", .0.display())]
    Path(PathBuf),
    // Not with the URL, which may have a password in it.
    #[error("--proxy: {0}")]
    Proxy(HttpTransportError),
}
