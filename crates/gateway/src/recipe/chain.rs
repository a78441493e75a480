//! What the recipe of a proxy has to say that has no forward auth: it passes requests to our
//! reverse proxy, which is before the application.

use std::net::SocketAddr;

use super::place::over_tcp;
use super::{Proxy, Recipe, RecipeError, absolute, heading, peers};

/// A proxy before our reverse proxy.
pub(super) struct Chain {
    proxy: Proxy,
    pub(super) listen: SocketAddr,
    /// `host:port` of our reverse proxy.
    pub(super) bearward: String,
    pub(super) tls: Option<Tls>,
    /// Whose forwarding fields are kept, for people.
    peers: String,
}

/// TLS to our reverse proxy.
pub(super) struct Tls {
    /// The name of its certificate.
    pub(super) name: String,
    /// The file with the authorities that verify it; `None` for those of the system.
    pub(super) authorities: Option<String>,
}

impl Chain {
    pub(super) fn of(recipe: &Recipe<'_>) -> Result<Self, RecipeError> {
        let proxy = recipe.proxy;
        if recipe.application.is_some() {
            let what =
                "of an application: bearward sends the requests on, to the upstreams of routes";
            let proxy = proxy.name();
            return Err(RecipeError::Unsayable { proxy, what });
        }
        let settings = recipe.config.listen.proxy.as_ref();
        let address = settings.map(|settings| settings.address.clone());
        let bearward = recipe.reached(address.as_ref())?;
        let has_tls = settings.is_some_and(|settings| settings.tls.is_some());
        let tls = match (has_tls, bearward.name()) {
            (false, _) => None,
            (true, None) => return Err(RecipeError::NoName(bearward)),
            (true, Some((name, _))) => Some(Tls {
                name: name.to_owned(),
                authorities: recipe.authorities.as_deref().map(absolute).transpose()?,
            }),
        };
        if tls.is_none() && recipe.authorities.is_some() {
            let what = "of authorities: without [listen.proxy.tls] there is no certificate";
            let proxy = proxy.name();
            return Err(RecipeError::Unsayable { proxy, what });
        }
        let trusted = settings.map(|settings| settings.trusted_proxies.as_slice());
        Ok(Self {
            proxy,
            listen: recipe.listen,
            bearward: over_tcp(&bearward, proxy.name())?,
            tls,
            peers: peers(Some(trusted.unwrap_or_default())),
        })
    }

    /// The heading, with what is to be checked of each such proxy and of this one.
    pub(super) fn heading(&self, title: &str, checks: &[String]) -> String {
        let (bearward, peers) = (&self.bearward, &self.peers);
        let mut all = vec![
            format!(
                "bearward's reverse proxy is at {bearward}, and nobody reaches the application but through it."
            ),
            format!(
                "It believes the X-Forwarded-* of {peers} (trusted_proxies of [listen.proxy]); this proxy is to be among them."
            ),
        ];
        all.extend_from_slice(checks);
        heading(self.proxy, title, &all)
    }
}
