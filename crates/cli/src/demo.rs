//! `bearward demo`: runs a sample application, the gateway in front of another one, and an issuer to
//! try them with, until Ctrl-C.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use bearward::{Issuer, ResourceServer};
use bearward_core::{Policy, Profile};
use bearward_testing::DevIssuer;
use tokio::net::TcpListener;

use crate::log::Log;
use crate::rules;
use crate::running::{self, Stop};
use crate::{Exit, Failure, help, print};

mod app;
mod gateway;
mod lines;
mod whoami;

use self::lines::Addresses;

/// Starts a development issuer, a sample application that verifies its tokens, and the gateway in
/// front of another application that knows nothing about tokens; all on loopback.
///
/// Prints curl commands that succeed, are refused, and step up. With --issuer, only the sample
/// application runs, for the tokens of that issuer. Ctrl-C stops everything.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT]))]
pub(crate) struct Demo {
    /// The application's port on 127.0.0.1 [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Accepts the tokens of this issuer, and starts no development issuer
    #[arg(long, value_name = "URL", requires = "audiences")]
    issuer: Option<String>,
    /// The application's name in `aud`, with --issuer; repeat for several
    #[arg(long = "audience", value_name = "AUD", requires = "issuer")]
    audiences: Vec<String>,
    /// How the issuer writes access tokens, with --issuer
    #[arg(long, value_name = "PROFILE", default_value = "rfc9068", value_parser = rules::profile())]
    #[arg(requires = "issuer")]
    profile: Profile,
    /// The application's address, instead of --port
    #[arg(long, value_name = "ADDR", conflicts_with = "port")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    log: Log,
}

impl Demo {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let _log = self.log.start()?;
        running::run(async move |stop| {
            stop.allow(running::GRACE);
            let address = self.listen.unwrap_or_else(|| running::loopback(self.port));
            match &self.issuer {
                Some(issuer) => self.serve_for(issuer, address, stop).await,
                None => serve_with_issuer(address, stop).await,
            }
        })?;
        Ok(Exit::Good)
    }

    /// Runs the application alone.
    async fn serve_for(
        &self,
        issuer: &str,
        address: SocketAddr,
        stop: Stop,
    ) -> Result<(), Failure> {
        let policy = rules::policy(issuer, &self.audiences, self.profile);
        let server = resource_server(policy.build()?)?;
        let (listener, url) = bind(address).await?;
        print(format!("application  {url}\nissuer       {issuer}\n"))?;
        serve(app::router(&server)?, listener, stop).await
    }
}

/// Runs both applications, the gateway, and an issuer that gives anybody tokens.
async fn serve_with_issuer(address: SocketAddr, stop: Stop) -> Result<(), Failure> {
    let issuer = DevIssuer::start().await?;
    let server = resource_server(Policy::builder(issuer.url(), issuer.audience()).build()?)?;
    let (listener, application) = bind(address).await?;
    let (behind, behind_url) = bind(running::loopback(0)).await?;
    let gateway = gateway::start(issuer.url(), issuer.audience(), &behind_url).await?;
    let addresses = Addresses {
        application,
        issuer: issuer.url().to_owned(),
        gateway: gateway::url_of(&gateway, "proxy"),
        forward_auth: gateway::url_of(&gateway, "forward auth"),
        admin: gateway::url_of(&gateway, "admin"),
    };
    print(addresses.introduction())?;
    let (served, served_behind, ()) = tokio::join!(
        serve(app::router(&server)?, listener, stop.clone()),
        serve(whoami::router(), behind, stop.clone()),
        gateway.serve(stop.requested()),
    );
    issuer.stop().await;
    served.and(served_behind)
}

/// Serves an application until it is stopped.
async fn serve(router: Router, listener: TcpListener, stop: Stop) -> Result<(), Failure> {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().requested());
    tokio::select! {
        served = served => served.map_err(Failure::Serve),
        () = patience(stop) => Ok(()),
    }
}

/// Ends some time after the program is asked to stop: a client may never finish its request.
async fn patience(stop: Stop) {
    stop.requested().await;
    tokio::time::sleep(GRACE).await;
}

fn resource_server(policy: Policy) -> Result<ResourceServer, Failure> {
    let issuer = Issuer::discover(policy);
    Ok(ResourceServer::builder().issuer(issuer).build()?)
}

/// A listener at this address, and its URL.
async fn bind(address: SocketAddr) -> Result<(TcpListener, String), Failure> {
    let failure = |error| Failure::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(failure)?;
    let bound = listener.local_addr().map_err(failure)?;
    Ok((listener, format!("http://{bound}")))
}

/// How long requests in progress may take after the program is asked to stop.
const GRACE: Duration = Duration::from_secs(5);
