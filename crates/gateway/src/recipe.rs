//! Recipes: the configuration of the proxy in front, generated from ours.
//!
//! `Dialect`s and the identity fields define what a proxy must do; a recipe expresses it in the proxy's
//! own language, naming every field. No text from a configuration may have a special meaning in that
//! language: a recipe refuses texts that it cannot write plainly.
//!
//! Recipes leave out everything else that a proxy does, such as certificates for clients and site
//! names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::config::{Config, ListenerKind};

mod apache;
mod application;
mod bearward;
mod caddy;
mod chain;
mod envoy;
mod envoy_grpc;
mod envoy_http;
mod forward_auth;
mod haproxy;
mod ingress_nginx;
mod metadata;
mod names;
mod nginx;
mod place;
mod plain;
mod tls;
mod traefik;

pub use self::place::{Place, PlaceError};

use self::application::Application;
use self::chain::Chain;
use self::forward_auth::ForwardAuth;

/// A proxy, and how it works with the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// Apache httpd in front of our reverse proxy: it has no forward auth.
    Apache,
    /// Caddy: `forward_auth`.
    Caddy,
    /// Envoy: `ext_authz` over gRPC.
    EnvoyGrpc,
    /// Envoy: `ext_authz` over HTTP.
    EnvoyHttp,
    /// HAProxy in front of our reverse proxy: it has no forward auth.
    Haproxy,
    /// The ingress controller of the Kubernetes project: `auth-url`.
    IngressNginx,
    /// nginx: `auth_request`.
    Nginx,
    /// Traefik: `ForwardAuth`.
    Traefik,
}

impl Proxy {
    /// Every proxy, in the order of the manual.
    pub const ALL: &'static [Self] = &[
        Self::Nginx,
        Self::IngressNginx,
        Self::EnvoyHttp,
        Self::EnvoyGrpc,
        Self::Caddy,
        Self::Traefik,
        Self::Haproxy,
        Self::Apache,
    ];

    /// Its name in `bearward gen-config`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name_and_summary().0
    }

    /// How it works with the gateway, in one line.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        self.name_and_summary().1
    }

    const fn name_and_summary(self) -> (&'static str, &'static str) {
        match self {
            Self::Apache => (
                "apache",
                "Apache httpd, in front of the gateway's reverse proxy",
            ),
            Self::Caddy => ("caddy", "Caddy: forward_auth"),
            Self::EnvoyGrpc => ("envoy-grpc", "Envoy: ext_authz over gRPC"),
            Self::EnvoyHttp => ("envoy", "Envoy: ext_authz over HTTP"),
            Self::Haproxy => (
                "haproxy",
                "HAProxy, in front of the gateway's reverse proxy",
            ),
            Self::IngressNginx => (
                "ingress-nginx",
                "ingress-nginx: auth-url, set with annotations",
            ),
            Self::Nginx => ("nginx", "nginx: auth_request"),
            Self::Traefik => ("traefik", "Traefik: ForwardAuth"),
        }
    }

    /// The listener it connects to.
    const fn listener(self) -> ListenerKind {
        match self {
            Self::Apache | Self::Haproxy => ListenerKind::Proxy,
            Self::EnvoyGrpc => ListenerKind::ExtAuthz,
            Self::Caddy | Self::EnvoyHttp | Self::IngressNginx | Self::Nginx | Self::Traefik => {
                ListenerKind::ForwardAuth
            }
        }
    }
}

/// A recipe to write.
#[derive(Clone, Debug)]
#[must_use]
pub struct Recipe<'c> {
    proxy: Proxy,
    config: &'c Config,
    listen: SocketAddr,
    bearward: Option<Place>,
    application: Option<Behind>,
    authorities: Option<PathBuf>,
    /// The certificate and key that the proxy presents.
    client: Option<(PathBuf, PathBuf)>,
}

/// The application behind the proxy.
#[derive(Clone, Debug)]
enum Behind {
    /// A plain HTTP server at this place.
    Place(Place),
    /// The upstream with this name.
    Upstream(String),
}

impl<'c> Recipe<'c> {
    /// A recipe for this proxy and this gateway's configuration.
    pub const fn new(proxy: Proxy, config: &'c Config) -> Self {
        Self {
            proxy,
            config,
            listen: LISTEN,
            bearward: None,
            application: None,
            authorities: None,
            client: None,
        }
    }

    /// Where clients reach the proxy. Default: 127.0.0.1:8000, so that the network cannot reach it by
    /// mistake. An ingress controller ignores it.
    pub const fn listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    /// Where the proxy reaches the gateway. Default: where the gateway listens.
    pub fn bearward(mut self, bearward: Place) -> Self {
        self.bearward = Some(bearward);
        self
    }

    /// The application, which speaks plain HTTP at this place. Default: the upstream, if there is
    /// exactly one.
    pub fn application(mut self, application: Place) -> Self {
        self.application = Some(Behind::Place(application));
        self
    }

    /// Uses the upstream with this name as the application.
    pub fn upstream(mut self, name: impl Into<String>) -> Self {
        self.application = Some(Behind::Upstream(name.into()));
        self
    }

    /// A PEM file with the authorities that verify the certificate of the gateway's listener (`tls`).
    /// Default: those of the system.
    pub fn authorities(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// PEM files with the certificate and key that the proxy presents to a listener with `client_ca`;
    /// one file may hold both.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.client = Some((certificate.into(), key.into()));
        self
    }

    /// Writes the recipe.
    ///
    /// # Errors
    ///
    /// [`RecipeError`] if something is missing, or the proxy's language cannot express it.
    pub fn write(&self) -> Result<String, RecipeError> {
        match self.proxy {
            Proxy::Apache => apache::write(&Chain::of(self)?),
            Proxy::Caddy => caddy::write(&ForwardAuth::of(self)?),
            Proxy::EnvoyGrpc => envoy_grpc::write(&ForwardAuth::of(self)?),
            Proxy::EnvoyHttp => envoy_http::write(&ForwardAuth::of(self)?),
            Proxy::Haproxy => haproxy::write(&Chain::of(self)?),
            Proxy::IngressNginx => ingress_nginx::write(&ForwardAuth::of(self)?),
            Proxy::Nginx => nginx::write(&ForwardAuth::of(self)?),
            Proxy::Traefik => traefik::write(&ForwardAuth::of(self)?),
        }
    }

    fn application_behind(&self) -> Result<Application, RecipeError> {
        let upstreams = &self.config.upstreams;
        let named = match &self.application {
            Some(Behind::Place(place)) => return Ok(Application::at(place.clone())),
            Some(Behind::Upstream(name)) => upstreams
                .iter()
                .find(|upstream| **upstream.name() == **name),
            None => match upstreams.as_slice() {
                [one] => Some(one),
                _ => None,
            },
        };
        let named = named.ok_or_else(|| {
            let names = upstreams
                .iter()
                .map(|upstream| format!("{:?}", upstream.name()));
            RecipeError::Application(names.collect::<Vec<_>>().join(", "))
        })?;
        Application::of(named)
    }
}

/// Why a recipe cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// It is unclear which application is meant. These are the upstreams.
    #[error(
        "it is unclear which application is behind the proxy: give its address or an upstream \
         (the configuration has {})", if .0.is_empty() { "none" } else { .0 }
    )]
    Application(String),
    /// The gateway does not listen for this proxy.
    #[error("`gen-config {proxy}` needs {table} in the configuration")]
    Listener {
        /// The proxy.
        proxy: &'static str,
        /// The table that is missing.
        table: &'static str,
    },
    /// The gateway serves only clients that present a certificate (`client_ca` of this table).
    #[error(
        "`client_ca` of {0} requires a client certificate: give the proxy's certificate and key"
    )]
    NoClientCertificate(&'static str),
    /// The proxy needs the name in the gateway's certificate to reach it.
    #[error(
        "the gateway serves https, and its certificate cannot contain {0}: give the name and port \
         under which the proxy reaches it"
    )]
    NoName(Place),
    /// The gateway listens on every address, or on an unknown port.
    #[error(
        "the gateway listens on {0}, which does not show where the proxy reaches it: give an address"
    )]
    OpenAddress(SocketAddr),
    /// The text is not an address.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A setting for TLS is given, but TLS is not configured.
    #[error("{given} has no effect without {table}: leave it out")]
    Surplus {
        /// The given setting.
        given: &'static str,
        /// The table or key that the configuration lacks.
        table: &'static str,
    },
    /// The proxy does not support part of the configuration.
    #[error("{proxy} does not support {what}")]
    Unsupported {
        /// The proxy.
        proxy: &'static str,
        /// The unsupported part.
        what: &'static str,
    },
    /// A value has characters that are not plain text in every configuration language.
    #[error("{what} {value:?} cannot be written into a proxy's configuration: {help}")]
    Unwritable {
        /// The kind of value.
        what: &'static str,
        /// The value.
        value: String,
        /// The allowed characters.
        help: &'static str,
    },
}

/// The lines above a recipe: its title, and what to check before using it, for every such proxy and
/// then for this one.
fn heading(proxy: Proxy, title: &str, general: &[String], checks: &str) -> String {
    let name = proxy.name();
    let checks = general.iter().map(String::as_str).chain(checks.lines());
    // Continuation lines of a check are indented.
    let checks = lines(checks, |check| match check.starts_with(' ') {
        true => format!("#  {check}\n"),
        false => format!("# - {check}\n"),
    });
    format!(
        "# {title}
#
# Generated by `bearward gen-config {name}`. Generate it again when bearward's configuration changes.
# docs/recipes/{name}.md explains each line.
#
# To check:
{checks}"
    )
}

/// A part of a recipe; empty if there is nothing to write.
fn fragment<T>(about: Option<T>, write: impl FnOnce(T) -> String) -> String {
    about.map(write).unwrap_or_default()
}

/// The lines for these items, which `write` ends.
fn lines<T>(items: impl IntoIterator<Item = T>, write: impl FnMut(T) -> String) -> String {
    items.into_iter().map(write).collect()
}

/// The peers that a listener accepts, for people.
fn peers(networks: Option<&[IpNet]>) -> String {
    match networks {
        None => "only this machine".to_owned(),
        Some([]) => "nobody".to_owned(),
        Some(networks) => {
            let networks = networks.iter().map(ToString::to_string);
            networks.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The absolute path of a file, whichever folder the proxy starts in.
fn absolute(path: &Path) -> Result<String, RecipeError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    plain::path(&absolute)
}

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);

/// How long a proxy waits for a decision, and for a connection: longer than any decision takes, even if
/// it fetches a key, and short enough for a waiting client.
const LIMIT: &str = "2s";
