//! Sources of tokens that are missing, and those in which no token can come.

use std::collections::BTreeSet;

use bearward_gate::route::Access;

use super::super::description::{
    self, ISSUER, LISTEN, PROTECTION, ROOT, ROUTE, Root, SOURCE, UPSTREAM,
};
use super::super::key::Field;
use super::super::mistakes::Code;
use super::super::reader::Fields;
use crate::doors::proxy::Protocol;

type Source<'t> = Fields<'t, description::Source>;

/// Warns about the sources of all routes, and of each.
pub(super) fn warn(fields: &Fields<'_, Root>) {
    let general = ROOT.protection.read(fields);
    let general = general.map(|table| PROTECTION.sources.read(&table));
    let general = general.unwrap_or_default();
    let routes = ROOT.routes.read(fields);
    warn_of_load_balancers(fields, &general, &routes);
    let listen = ROOT.listen.read(fields);
    if listen.is_some_and(|table| table.has(&LISTEN.proxy)) {
        warn_of_websockets(fields, &general, &routes);
    }
}

/// A load balancer writes its tokens into a field of its own.
fn warn_of_load_balancers(
    fields: &Fields<'_, Root>,
    general: &[Source<'_>],
    routes: &[Fields<'_, description::Route>],
) {
    let reads_field = |source: &Source<'_>| {
        let field = SOURCE.field.read(source);
        field.is_some_and(|name| name.value.eq_ignore_ascii_case(OF_LOAD_BALANCER))
    };
    let of_routes = || routes.iter().flat_map(|route| ROUTE.sources.read(route));
    if general.iter().any(reads_field) || of_routes().any(|source| reads_field(&source)) {
        return;
    }
    for issuer in ROOT.issuers.read(fields) {
        if ISSUER.profile.read(&issuer).is_of_load_balancer() {
            let message = format!(
                "no source is the field `{OF_LOAD_BALANCER}`, in which the load balancer sends its tokens"
            );
            let help =
                format!("add `[[protection.sources]]` with `field = \"{OF_LOAD_BALANCER}\"`");
            issuer.warn(Code::Value, &ISSUER.profile, message, &help);
        }
    }
}

/// HTTP/2 to an upstream has no upgrade, so that a handshake becomes an ordinary request.
fn warn_of_websockets(
    fields: &Fields<'_, Root>,
    general: &[Source<'_>],
    routes: &[Fields<'_, description::Route>],
) {
    let upstreams = ROOT.upstreams.read(fields);
    let http2 = upstreams
        .iter()
        .filter(|(_, table)| UPSTREAM.protocol.read(table) == Protocol::Http2);
    let http2: BTreeSet<_> = http2.map(|(name, _)| name.value).collect();
    let upstream = |route| {
        ROUTE
            .upstream
            .read(route)
            .filter(|name| http2.contains(name.value))
    };
    for route in routes {
        if let Some(name) = upstream(route) {
            let sources = ROUTE.sources.read(route);
            let why = format!("the upstream {:?} has `protocol = \"http2\"`", name.value);
            sources
                .iter()
                .for_each(|source| warn_of_websocket(source, &why));
        }
    }
    // Often only some of the upstreams speak HTTP/2.
    let is_public = |route| ROUTE.access.read(route) == Access::Public;
    let mut users = routes
        .iter()
        .filter(|route| !route.has(&ROUTE.sources) && !is_public(route));
    if users.clone().next().is_some() && users.all(|route| upstream(route).is_some()) {
        let why = "the upstream of every route that uses it has `protocol = \"http2\"`";
        general
            .iter()
            .for_each(|source| warn_of_websocket(source, why));
    }
}

fn warn_of_websocket(source: &Source<'_>, why: &str) {
    let keys = [&SOURCE.websocket_protocol, &SOURCE.websocket_prefix].map(|key| key.field());
    let given: Option<&Field> = keys.into_iter().find(|key| source.has(key));
    if let Some(key) = given {
        let message =
            format!("no WebSocket can be opened with `{key}`: {why}, and WebSockets need HTTP/1.1");
        let help = "leave out `protocol` of the upstream, or the source";
        source.warn(Code::Value, key, message, help);
    }
}

/// The field of an AWS Application Load Balancer that authenticates users.
const OF_LOAD_BALANCER: &str = "X-Amzn-Oidc-Data";
