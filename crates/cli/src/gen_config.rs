//! `bearward gen-config`: the configuration of the proxy in front.

use std::net::SocketAddr;
use std::path::PathBuf;

use bearward_gateway::recipe::{Place, Proxy, Recipe};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::{Exit, Failure, help, print, serve};

/// Prints a configuration for the proxy in front, generated from that of the gateway.
///
/// It lists every identity header by name, and contains what the proxy needs to enforce decisions
/// exactly. The comments at its beginning list what to check before you use it; docs/recipes has a
/// page for each proxy. The command does not contact issuers.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT]))]
pub(crate) struct GenConfig {
    /// The proxy
    #[arg(value_parser = proxies())]
    proxy: Proxy,
    /// The configuration of the gateway
    #[arg(long, value_name = "FILE", default_value = "bearward.toml")]
    config: PathBuf,
    /// Where clients reach the proxy [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the proxy reaches the gateway: HOST:PORT or unix:PATH [default: where it listens]
    #[arg(long, value_name = "ADDR")]
    bearward: Option<Place>,
    /// The application: HOST:PORT or unix:PATH for plain HTTP, or the name of an upstream of the
    /// configuration [default: the upstream, if there is only one]
    #[arg(long, value_name = "ADDR|NAME")]
    application: Option<String>,
    /// A PEM file with the authorities that verify the certificate of the gateway, if its listener
    /// has `tls` [default: those of the system]
    #[arg(long, value_name = "FILE")]
    bearward_ca: Option<PathBuf>,
    /// A PEM file with the certificate that the proxy presents, if the listener has `client_ca`
    #[arg(long, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    /// A PEM file with its key [default: the file of the certificate]
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
}

impl GenConfig {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let (_, config) = serve::load(&self.config)?;
        let mut recipe = Recipe::new(self.proxy, &config);
        if let Some(listen) = self.listen {
            recipe = recipe.listen(listen);
        }
        if let Some(bearward) = self.bearward {
            recipe = recipe.bearward(bearward);
        }
        if let Some(application) = self.application {
            // The name of an upstream is never an address, nor the reverse: only an address has a
            // colon.
            let is_upstream = config
                .upstreams
                .iter()
                .any(|upstream| **upstream.name() == *application);
            recipe = match is_upstream {
                true => recipe.upstream(application),
                false => recipe.application(application.parse()?),
            };
        }
        if let Some(file) = self.bearward_ca {
            recipe = recipe.authorities(file);
        }
        if let Some(certificate) = self.client_certificate {
            let key = self.client_key.unwrap_or_else(|| certificate.clone());
            recipe = recipe.client_certificate(certificate, key);
        }
        print(recipe.write()?)?;
        Ok(Exit::Good)
    }
}

fn proxies() -> impl TypedValueParser<Value = Proxy> {
    let names = Proxy::ALL.iter();
    let names = names.map(|proxy| PossibleValue::new(proxy.name()).help(proxy.summary()));
    PossibleValuesParser::new(names).try_map(|name| {
        let mut proxies = Proxy::ALL.iter().copied();
        proxies.find(|proxy| proxy.name() == name).ok_or("no proxy")
    })
}
