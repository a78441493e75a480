//! How an admitted request gets its places, at its upstream and at the gateway.

use http::Version;

use crate::doors::client::Client;

use super::Exchange;
use super::Proxy;
use super::answer::Answer;
use super::download::Kind;
use super::head::Upgrade;
use super::places::{Place, Purpose};
use super::upstream::Upstream;

/// An admitted request that still needs its places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrance<'r> {
    pub(super) proxy: &'r Proxy,
    pub(super) upstream: &'r Upstream,
}

impl Entrance<'_> {
    /// Takes the places it needs before anything is sent.
    pub(super) fn enter(
        self,
        client: Client,
        outlook: Outlook,
        exchange: &mut Exchange,
    ) -> Result<(), Box<Answer>> {
        let (room, most) = (&self.upstream.room, self.upstream.most);
        let purpose = match outlook {
            Outlook::Stream => Purpose::Stream,
            Outlook::MayStream | Outlook::Request => Purpose::Request,
        };
        let place = Place::take(room, client, purpose, most).ok_or_else(Answer::too_many)?;
        // Otherwise the application would have agreed to an upgrade that is then refused.
        let is_open = outlook != Outlook::MayStream || place.may_stream(most);
        let places = exchange.holds();
        places.upstream = Some(place);
        let most = self.proxy.most.load();
        let is_open = is_open
            && match (&mut places.gateway, outlook) {
                (Some(place), Outlook::Stream) => place.turn_into_stream(most),
                (Some(place), Outlook::MayStream) => place.may_stream(most),
                _ => true,
            };
        is_open.then_some(()).ok_or_else(Answer::too_many)
    }

    /// Counts the request as a stream from here on.
    pub(super) fn turn_into_stream(self, exchange: &mut Exchange) -> Result<(), Box<Answer>> {
        let places = exchange.holds();
        let with_most = [
            (&mut places.upstream, self.upstream.most),
            (&mut places.gateway, self.proxy.most.load()),
        ];
        for (place, most) in with_most {
            if let Some(place) = place
                && !place.turn_into_stream(most)
            {
                return Err(Answer::too_many());
            }
        }
        Ok(())
    }
}

/// What a request may turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    Request,
    /// A WebSocket, if the application agrees.
    MayStream,
    Stream,
}

impl Outlook {
    pub(super) const fn of(kind: Kind, version: Version, upgrade: Option<&Upgrade>) -> Self {
        match (kind, version, upgrade) {
            // A call may last long before it is answered.
            (Kind::Grpc, Version::HTTP_2, _) => Self::Stream,
            (_, _, Some(_)) => Self::MayStream,
            _ => Self::Request,
        }
    }
}
