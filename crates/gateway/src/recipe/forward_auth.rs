//! The parts of a recipe for a proxy that asks about each request.

use std::net::SocketAddr;

use crate::record::telemetry::Continues;

use super::application::Application;
use super::bearward::Bearward;
use super::metadata::Metadata;
use super::names::Names;
use super::place::Kind;
use super::{Proxy, Recipe, RecipeError, heading, peers};

/// A proxy that asks bearward.
pub(super) struct ForwardAuth {
    pub(super) proxy: Proxy,
    pub(super) listen: SocketAddr,
    /// Where it asks.
    pub(super) bearward: Bearward,
    pub(super) application: Application,
    pub(super) names: Names,
    pub(super) metadata: Option<Metadata>,
    /// Which traces bearward continues.
    pub(super) traces: Continues,
    /// Who may ask, for people.
    peers: String,
}

impl ForwardAuth {
    pub(super) fn of(recipe: &Recipe<'_>) -> Result<Self, RecipeError> {
        let listen = &recipe.config.listen;
        let grpc = listen.ext_authz.as_ref().map(|door| {
            let trusted = door.trusted_proxies.as_deref();
            (&door.address, door.tls.as_ref(), trusted)
        });
        let http = listen.forward_auth.as_ref().map(|door| {
            let trusted = door.trusted_proxies.as_deref();
            (&door.address, door.tls.as_ref(), trusted)
        });
        let door = match recipe.proxy == Proxy::EnvoyGrpc {
            true => grpc,
            false => http,
        };
        let bearward = Bearward::of(recipe, door.map(|(address, tls, _)| (address, tls)))?;
        let trusted = door.and_then(|(_, _, trusted)| trusted);
        let peers = match bearward.place.0 {
            Kind::Unix(_) => "whoever may open the socket".to_owned(),
            Kind::Ip(_) | Kind::Name(..) => peers(trusted),
        };
        Ok(Self {
            proxy: recipe.proxy,
            listen: recipe.listen,
            bearward,
            application: recipe.application_behind()?,
            names: Names::of(&recipe.config.identity)?,
            metadata: Metadata::of(recipe.config)?,
            traces: recipe
                .config
                .telemetry
                .as_ref()
                .map_or(Continues::None, |telemetry| telemetry.continues),
            peers,
        })
    }

    /// The heading, with what to check for every such proxy and for this one.
    pub(super) fn heading(&self, title: &str, checks: &[String]) -> String {
        let (table, peers) = (self.proxy.tables().0, &self.peers);
        let (bearward, application) = (&self.bearward, self.application.shown());
        let mut all = vec![
            format!(
                "bearward is asked at {bearward}. It answers {peers} ({table}); others get 403."
            ),
            format!(
                "The application is at {application}, and nobody reaches it but through this proxy."
            ),
        ];
        all.extend(bearward.checks());
        all.extend(self.metadata.as_ref().map(Metadata::check));
        all.extend_from_slice(checks);
        heading(self.proxy, title, &all)
    }
}
