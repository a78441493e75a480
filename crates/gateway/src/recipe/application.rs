//! The application behind the proxy.

use crate::config::UpstreamSettings;
use crate::doors::proxy::Protocol;

use super::place::{Kind, Place};
use super::tls::{Tls, scheme, shown};
use super::{RecipeError, absolute, plain};

/// The application, at one or more places.
pub(super) struct Application {
    pub(super) places: Vec<Place>,
    pub(super) tls: Option<Tls>,
    pub(super) protocol: Http,
    /// The `Host` to send to it, if not the client's.
    pub(super) host: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Http {
    One,
    Two,
}

impl Application {
    /// An application with plain HTTP.
    pub(super) fn at(place: Place) -> Self {
        Self {
            places: vec![place],
            tls: None,
            protocol: Http::One,
            host: None,
        }
    }

    pub(super) fn of(upstream: &UpstreamSettings) -> Result<Self, RecipeError> {
        let places = upstream.addresses.iter().map(Place::of);
        let tls = upstream.certificate().map(|(name, authorities)| {
            Ok::<_, RecipeError>(Tls {
                name: plain::host(name)?,
                authorities: authorities.map(absolute).transpose()?,
                client: None,
            })
        });
        let host = upstream.host.as_ref();
        let host = host.map(|host| host.to_str().unwrap_or_default());
        Ok(Self {
            places: places.collect::<Result<_, _>>()?,
            tls: tls.transpose()?,
            // With `auto`, a proxy uses HTTP/1.1 as well.
            protocol: match upstream.protocol {
                Protocol::Http2 => Http::Two,
                Protocol::Auto | Protocol::Http1 => Http::One,
            },
            host: host.map(plain::host_and_port).transpose()?,
        })
    }

    pub(super) const fn scheme(&self) -> &'static str {
        scheme(self.tls.as_ref())
    }

    /// Refuses HTTP/2 for a recipe that supports only HTTP/1.1.
    pub(super) fn over_http1(&self, proxy: &'static str) -> Result<(), RecipeError> {
        let what = "HTTP/2 to the application in this recipe";
        match self.protocol {
            Http::One => Ok(()),
            Http::Two => Err(RecipeError::Unsupported { proxy, what }),
        }
    }

    /// Whether one of the places has a name that must be resolved.
    pub(super) fn has_name(&self) -> bool {
        self.places.iter().any(|place| place.name().is_some())
    }

    pub(super) fn has_unix(&self) -> bool {
        let mut places = self.places.iter();
        places.any(|place| matches!(place.0, Kind::Unix(_)))
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        let places: Vec<_> = self.places.iter().map(Place::to_string).collect();
        shown(places.join(", "), self.tls.as_ref())
    }
}
