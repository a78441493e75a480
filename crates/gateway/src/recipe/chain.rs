//! The parts of a recipe for a proxy without forward auth, which passes requests to our reverse proxy
//! in front of the application.

use std::net::SocketAddr;

use super::bearward::Bearward;
use super::metadata::Metadata;
use super::names::Names;
use super::place::over_tcp;
use super::tls::Tls;
use super::{Proxy, Recipe, RecipeError, heading, peers};

/// A proxy in front of our reverse proxy.
pub(super) struct Chain {
    proxy: Proxy,
    pub(super) listen: SocketAddr,
    /// `host:port` of our reverse proxy.
    pub(super) bearward: String,
    pub(super) tls: Option<Tls>,
    /// The file with the certificate and key of the proxy, if it must present them.
    pub(super) client: Option<String>,
    pub(super) names: Names,
    /// What to check about the connection to bearward, for people.
    checks: Vec<String>,
}

impl Chain {
    pub(super) fn of(recipe: &Recipe<'_>) -> Result<Self, RecipeError> {
        let proxy = recipe.proxy;
        if recipe.application.is_some() {
            let what = "an application option: bearward itself sends requests on to the upstreams of its routes";
            let proxy = proxy.name();
            return Err(RecipeError::Unsupported { proxy, what });
        }
        let settings = recipe.config.listen.proxy.as_ref();
        let bearward = Bearward::of(recipe)?;
        let trusted = settings.map(|settings| settings.trusted_proxies.as_slice());
        let peers = peers(Some(trusted.unwrap_or_default()));
        let mut checks = vec![
            format!(
                "bearward's reverse proxy is at {bearward}, and the application can be reached only through it."
            ),
            format!(
                "It trusts the X-Forwarded-* of {peers} (trusted_proxies of [listen.proxy]); this must include the proxy."
            ),
        ];
        checks.extend(bearward.checks());
        checks.extend(Metadata::of(recipe.config)?.map(|metadata| metadata.check()));
        let client = bearward.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let client = client.map(|client| client.in_one_file(proxy.name()));
        Ok(Self {
            proxy,
            listen: recipe.listen,
            bearward: over_tcp(&bearward.place, proxy.name())?,
            client: client.transpose()?.map(str::to_owned),
            tls: bearward.tls,
            names: Names::of(recipe.config)?,
            checks,
        })
    }

    /// The heading, with what to check for every such proxy and for this one.
    pub(super) fn heading(&self, title: &str, checks: &str) -> String {
        heading(self.proxy, title, &self.checks, checks)
    }
}
