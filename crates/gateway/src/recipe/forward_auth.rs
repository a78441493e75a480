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
    /// Whether pages of other origins may read refusals.
    pub(super) has_origins: bool,
    /// Which traces bearward continues.
    pub(super) traces: Continues,
    /// Who may ask, for people.
    peers: String,
}

impl ForwardAuth {
    pub(super) fn of(recipe: &Recipe<'_>) -> Result<Self, RecipeError> {
        let listen = &recipe.config.listen;
        let grpc = listen.ext_authz.as_ref();
        let http = listen.forward_auth.as_ref();
        let trusted = match recipe.proxy == Proxy::EnvoyGrpc {
            true => grpc.map(|settings| &settings.trusted_proxies),
            false => http.map(|settings| &settings.trusted_proxies),
        };
        let bearward = Bearward::of(recipe)?;
        let peers = match bearward.place.0 {
            Kind::Unix(_) => "every process that may open the socket".to_owned(),
            Kind::Ip(_) | Kind::Name(..) => peers(trusted.and_then(Option::as_deref)),
        };
        let telemetry = recipe.config.telemetry.as_ref();
        Ok(Self {
            proxy: recipe.proxy,
            listen: recipe.listen,
            bearward,
            application: recipe.application_behind()?,
            names: Names::of(recipe.config)?,
            metadata: Metadata::of(recipe.config)?,
            has_origins: !recipe.config.origins.is_empty(),
            traces: telemetry.map_or(Continues::None, |telemetry| telemetry.continues),
            peers,
        })
    }

    /// The heading, with what to check for every such proxy and for this one.
    pub(super) fn heading(&self, title: &str, checks: &str) -> String {
        let (table, peers) = (self.proxy.listener().table(), &self.peers);
        let (bearward, application) = (&self.bearward, self.application.shown());
        let mut general = vec![
            format!(
                "bearward answers at {bearward}. It accepts questions from {peers} ({table}); others get 403."
            ),
            format!(
                "The application is at {application}, and can be reached only through this proxy."
            ),
        ];
        // The others complete the response themselves.
        let completes = matches!(self.proxy, Proxy::EnvoyGrpc | Proxy::Nginx);
        if self.names.has_subprotocol() && !completes {
            general.push(
                "Browsers offer a WebSocket subprotocol in addition to the token, and the application names it; otherwise they close the connection."
                    .to_owned(),
            );
        }
        general.extend(bearward.checks());
        general.extend(self.metadata.as_ref().map(Metadata::check));
        heading(self.proxy, title, &general, checks)
    }
}
