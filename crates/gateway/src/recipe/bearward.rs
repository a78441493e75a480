//! Where the proxy reaches bearward, and how.

use std::fmt;

use super::place::Place;
use super::tls::{ClientCertificate, Tls, scheme, shown};
use super::{Proxy, Recipe, RecipeError, absolute};
use crate::config::{Address, TlsSettings};

/// A listener of ours, as the proxy sees it.
pub(super) struct Bearward {
    pub(super) place: Place,
    pub(super) tls: Option<Tls>,
}

impl Bearward {
    /// The listener that the proxy connects to.
    pub(super) fn of(recipe: &Recipe<'_>) -> Result<Self, RecipeError> {
        let kind = recipe.proxy.listener();
        let listener = recipe.config.listen.listener(kind);
        let (address, tls) = listener.ok_or_else(|| RecipeError::Listener {
            proxy: recipe.proxy.name(),
            table: kind.table(),
        })?;
        let place = place(recipe, address)?;
        let tls = tls.map(|settings| verified(recipe, &place, settings));
        let tls = tls.transpose()?;
        let table = kind.tls_table();
        if tls.is_none() && recipe.authorities.is_some() {
            let given = "a file with certificate authorities";
            return Err(RecipeError::Surplus { given, table });
        }
        let presents_one = tls.as_ref().is_some_and(|tls| tls.client.is_some());
        if !presents_one && recipe.client.is_some() {
            let given = "a client certificate";
            let table = match tls {
                Some(_) => "`client_ca`",
                None => table,
            };
            return Err(RecipeError::Surplus { given, table });
        }
        Ok(Self { place, tls })
    }

    pub(super) const fn scheme(&self) -> &'static str {
        scheme(self.tls.as_ref())
    }

    /// What else to check, for people.
    pub(super) fn checks(&self) -> Option<String> {
        let client = self.tls.as_ref()?.client.as_ref()?;
        let file = &client.certificate;
        Some(format!(
            "The proxy authenticates with {file}, issued by an authority in `client_ca`. It can read the key."
        ))
    }
}

/// For people.
impl fmt::Display for Bearward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.place.to_string(), self.tls.as_ref()))
    }
}

fn place(recipe: &Recipe<'_>, address: &Address) -> Result<Place, RecipeError> {
    if let Some(place) = &recipe.bearward {
        return Ok(place.clone());
    }
    match address {
        Address::Tcp(address) if address.ip().is_unspecified() || address.port() == 0 => {
            Err(RecipeError::OpenAddress(*address))
        }
        Address::Tcp(address) => Ok(Place::from(*address)),
        Address::Unix(path) => Place::unix(path).map_err(RecipeError::from),
    }
}

fn verified(
    recipe: &Recipe<'_>,
    place: &Place,
    settings: &TlsSettings,
) -> Result<Tls, RecipeError> {
    if recipe.proxy == Proxy::IngressNginx {
        // Its `auth-url` may be https, but no annotation makes it verify the certificate.
        let what = "verifying bearward's certificate: leave out [listen.forward_auth.tls]";
        let proxy = recipe.proxy.name();
        return Err(RecipeError::Unsupported { proxy, what });
    }
    let Some((name, _)) = place.name() else {
        return Err(RecipeError::NoName(place.clone()));
    };
    let client = match (settings.asks_clients(), &recipe.client) {
        (false, _) => None,
        (true, Some((certificate, key))) => Some(ClientCertificate::of(certificate, key)?),
        (true, None) => {
            return Err(RecipeError::NoClientCertificate(
                recipe.proxy.listener().tls_table(),
            ));
        }
    };
    Ok(Tls {
        name: name.to_owned(),
        authorities: recipe.authorities.as_deref().map(absolute).transpose()?,
        client,
    })
}
