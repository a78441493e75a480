//! What the recipe of a proxy has to say that asks about each request.

use std::net::SocketAddr;

use super::application::Application;
use super::names::Names;
use super::place::{Kind, Place};
use super::{Proxy, Recipe, RecipeError, heading, peers};

/// A proxy that asks.
pub(super) struct ForwardAuth {
    pub(super) proxy: Proxy,
    pub(super) listen: SocketAddr,
    /// Where it asks.
    pub(super) bearward: Place,
    pub(super) application: Application,
    pub(super) names: Names,
    /// Who may ask, for people.
    peers: String,
}

impl ForwardAuth {
    pub(super) fn of(recipe: &Recipe<'_>) -> Result<Self, RecipeError> {
        let listen = &recipe.config.listen;
        let is_grpc = recipe.proxy == Proxy::EnvoyGrpc;
        let grpc = listen.ext_authz.as_ref().filter(|_| is_grpc);
        let grpc = grpc.map(|door| (door.address.clone(), &door.trusted_proxies));
        let http = listen.forward_auth.as_ref().filter(|_| !is_grpc);
        let http = http.map(|door| (door.address.clone(), &door.trusted_proxies));
        let door = grpc.or(http);
        let trusted = door.as_ref().and_then(|(_, trusted)| trusted.as_deref());
        let bearward = recipe.reached(door.as_ref().map(|(address, _)| address))?;
        let peers = match bearward.0 {
            Kind::Unix(_) => "whoever may open the socket".to_owned(),
            Kind::Ip(_) | Kind::Name(..) => peers(trusted),
        };
        Ok(Self {
            proxy: recipe.proxy,
            listen: recipe.listen,
            bearward,
            application: recipe.application_behind()?,
            names: Names::of(&recipe.config.identity)?,
            peers,
        })
    }

    /// The heading, with what is to be checked of each such proxy and of this one.
    pub(super) fn heading(&self, title: &str, checks: &[String]) -> String {
        let (table, peers) = (self.proxy.table(), &self.peers);
        let (bearward, application) = (&self.bearward, self.application.shown());
        let mut all = vec![
            format!(
                "bearward is asked at {bearward}. It answers {peers} ({table}); others get 403."
            ),
            format!(
                "The application is at {application}, and nobody reaches it but through this proxy."
            ),
        ];
        all.extend_from_slice(checks);
        heading(self.proxy, title, &all)
    }
}
