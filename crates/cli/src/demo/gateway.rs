//! The gateway in front of the application that ignores tokens.

use bearward_gateway::config::Config;
use bearward_gateway::run::Gateway;

use crate::Failure;

/// Starts the gateway on free ports.
pub(super) async fn start(
    issuer: &str,
    audience: &str,
    application: &str,
) -> Result<Gateway, Failure> {
    let config = configuration(issuer, audience, application);
    let failure = Failure::mistakes_in("the configuration of the demo");
    let config = Config::parse(&config).map_err(failure)?;
    Ok(Gateway::start(config).await?)
}

/// The URL of one of its listeners.
pub(super) fn url_of(gateway: &Gateway, door: &str) -> String {
    let addresses = gateway.addresses();
    let address = addresses.iter().find(|(name, _)| *name == door);
    address.map_or_else(String::new, |(_, address)| format!("http://{address}"))
}

fn configuration(issuer: &str, audience: &str, application: &str) -> String {
    CONFIGURATION
        .replace("\"ISSUER\"", &format!("{issuer:?}"))
        .replace("\"AUDIENCE\"", &format!("{audience:?}"))
        .replace("\"APPLICATION\"", &format!("{application:?}"))
}

const CONFIGURATION: &str = include_str!("gateway.toml");
