//! `bearward issuer`: the development issuer, until Ctrl-C.

use std::str::FromStr;
use std::time::Duration;

use bearward_testing::token::{MACHINE_CLIENT_ID, SUBJECT};
use bearward_testing::{DevIssuer, Fault};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::SignedDuration;

use crate::curl::{explained, minted};
use crate::log::Log;
use crate::running;
use crate::{Exit, Failure, help, print};

/// Runs a development issuer on loopback: discovery, keys, login, any token on request, key
/// rotation, and faults on demand.
///
/// Its URLs and tokens are like those of Authgear. Anyone who can reach it gets any token they ask
/// for, and its keys are public, so trust it only in tests. Prints its URLs and curl commands; Ctrl-C
/// stops it.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT]))]
pub(crate) struct Issuer {
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Rotates the signing key this often, such as `30s` or `5m`
    #[arg(long, value_name = "DURATION", value_parser = period)]
    rotate_every: Option<Duration>,
    /// Fault in its metadata and keys; several faults take turns, 10 s each
    #[arg(long = "fault", value_name = "KIND", value_parser = fault())]
    faults: Vec<Fault>,
    #[command(flatten)]
    log: Log,
}

impl Issuer {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let _log = self.log.start()?;
        running::run(async move |stop| {
            stop.allow(running::GRACE);
            let mut builder = DevIssuer::builder().bind(running::loopback(self.port));
            if let Some(period) = self.rotate_every {
                builder = builder.rotate_every(period);
            }
            // Already active at the first fetch.
            if let Some(fault) = self.faults.first() {
                tracing::info!(%fault, "fault set");
                builder = builder.fault(*fault);
            }
            let issuer = builder.start().await?;
            print(introduction(&issuer))?;
            tokio::select! {
                () = take_turns(&issuer, &self.faults) => {}
                () = stop.requested() => {}
            }
            issuer.stop().await;
            Ok(())
        })?;
        Ok(Exit::Good)
    }
}

/// Applies the faults in turn, forever. The first is active already, and if it is the only one, a
/// client may have cleared it.
async fn take_turns(issuer: &DevIssuer, faults: &[Fault]) {
    if faults.len() < 2 {
        return std::future::pending().await;
    }
    for fault in faults.iter().cycle().skip(1) {
        tokio::time::sleep(TURN).await;
        tracing::info!(%fault, "fault set");
        issuer.set_fault(*fault);
    }
}

fn introduction(issuer: &DevIssuer) -> String {
    let url = issuer.url();
    let keys = issuer.jwks_uri();
    let secret = issuer
        .clients()
        .iter()
        .find_map(|client| client.secret())
        .unwrap_or_default();
    let token = minted(url, "{}");
    let lines = [
        (
            "a user's access token",
            format!("curl -s {url}/mint -d '{{}}'"),
        ),
        (
            "an expired token; `claims` and `header` can set anything else",
            format!(
                r#"curl -s {url}/mint -d '{{"expires_in":-60,"claims":{{"sub":"{SUBJECT}"}}}}'"#
            ),
        ),
        (
            "an ID token, to send in X-Id-Token",
            format!(r#"curl -s {url}/mint -d '{{"kind":"id_token"}}'"#),
        ),
        (
            "a machine's access token, from its credentials",
            format!(
                "curl -s {url}/oauth2/token -u {MACHINE_CLIENT_ID}:{secret} -d grant_type=client_credentials"
            ),
        ),
        (
            "verify a token",
            format!(r#"bearward verify --issuer {url} --audience {url} "{token}""#),
        ),
        (
            "rotate the signing key and remove the old one",
            format!(r#"curl -s {url}/rotate -d '{{"drop":true}}'"#),
        ),
        (
            "stop answering, then answer again",
            format!(r#"curl -s {url}/faults -d '{{"fault":"down"}}'"#),
        ),
    ];
    let lines = explained(&lines);
    format!(
        "issuer    {url}\n\
         metadata  {url}/.well-known/openid-configuration\n\
         keys      {keys}\n\
         \n\
         {lines}curl -s -X DELETE {url}/faults\n\
         \n\
         Ctrl-C stops the issuer.\n"
    )
}

fn fault() -> impl TypedValueParser<Value = Fault> {
    let names = Fault::ALL.iter().map(|fault| fault.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Fault>())
}

/// A duration above zero.
fn period(text: &str) -> Result<Duration, NotAPeriod> {
    let period = SignedDuration::from_str(text).map_err(|_| NotAPeriod)?;
    let period = Duration::try_from(period).map_err(|_| NotAPeriod)?;
    if period.is_zero() {
        return Err(NotAPeriod);
    }
    Ok(period)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a duration such as `30s`, `5m` or `1h 30m`")]
struct NotAPeriod;

/// How long a fault stays active if several take turns.
const TURN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_units_and_are_above_zero() {
        assert_eq!(period("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(period("1h 30m"), Ok(Duration::from_secs(5400)));
        for text in ["", "30", "0s", "-1s", "soon"] {
            assert_eq!(period(text), Err(NotAPeriod), "{text}");
        }
    }
}
