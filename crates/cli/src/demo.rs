//! `bearward demo`: the sample application with an issuer to try it, until Ctrl-C.

use std::io::{self, Write};
use std::net::SocketAddr;

use bearward::{Issuer, ResourceServer};
use bearward_core::{Policy, Profile};
use bearward_testing::DevIssuer;
use tokio::net::TcpListener;

use crate::log::Log;
use crate::rules;
use crate::running::{self, Stop};
use crate::{Exit, Failure};

mod app;
mod lines;

/// Starts a development issuer and a sample application that it protects, both on loopback.
///
/// Prints curl lines that succeed, are refused, and step up. With --issuer only the sample
/// application runs, for the tokens of that issuer. Ctrl-C stops all.
#[derive(clap::Args)]
pub(crate) struct Demo {
    /// The application's port on 127.0.0.1 [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Accepts the tokens of this issuer and starts none
    #[arg(long, value_name = "URL", requires = "audiences")]
    issuer: Option<String>,
    /// The application's name in `aud`, with --issuer; again for more
    #[arg(long = "audience", value_name = "AUD", requires = "issuer")]
    audiences: Vec<String>,
    /// How the issuer writes access tokens, with --issuer
    #[arg(long, value_name = "PROFILE", default_value = "rfc9068", value_parser = rules::profile())]
    #[arg(requires = "issuer")]
    profile: Profile,
    /// The application's address, in the place of --port
    #[arg(long, value_name = "ADDR", conflicts_with = "port")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    log: Log,
}

impl Demo {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        self.log.start()?;
        running::run(async |stop| {
            let address = self.listen.unwrap_or_else(|| running::loopback(self.port));
            match &self.issuer {
                Some(issuer) => self.serve_for(issuer, address, stop).await,
                None => serve_with_issuer(address, stop).await,
            }
        })
    }

    /// The application alone.
    async fn serve_for(
        &self,
        issuer: &str,
        address: SocketAddr,
        stop: Stop,
    ) -> Result<(), Failure> {
        let (first, more) = self
            .audiences
            .split_first()
            .map_or(("", &[][..]), |(first, more)| (first.as_str(), more));
        let mut policy = Policy::builder(issuer, first).profile(self.profile);
        for audience in more {
            policy = policy.audience(audience);
        }
        let server = resource_server(policy.build()?)?;
        let listener = bind(address).await?;
        let url = url_of(&listener, address)?;
        say(&format!("application  {url}\nissuer       {issuer}\n"))?;
        app::serve(&server, listener, stop).await
    }
}

/// The application, and an issuer that gives tokens to whoever asks.
async fn serve_with_issuer(address: SocketAddr, stop: Stop) -> Result<(), Failure> {
    let issuer = DevIssuer::start().await?;
    let server = resource_server(Policy::builder(issuer.url(), issuer.audience()).build()?)?;
    let listener = bind(address).await?;
    let url = url_of(&listener, address)?;
    say(&lines::introduction(&url, issuer.url()))?;
    let served = app::serve(&server, listener, stop).await;
    issuer.stop().await;
    served
}

fn resource_server(policy: Policy) -> Result<ResourceServer, Failure> {
    let issuer = Issuer::discover(policy);
    Ok(ResourceServer::builder().issuer(issuer).build()?)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::Listen { address, error })
}

fn url_of(listener: &TcpListener, address: SocketAddr) -> Result<String, Failure> {
    let bound = listener.local_addr();
    let bound = bound.map_err(|error| Failure::Listen { address, error })?;
    Ok(format!("http://{bound}"))
}

fn say(text: &str) -> Result<(), Failure> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(Failure::Write)
}
