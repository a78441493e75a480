//! `bearward serve`: the gateway, until a signal stops it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bearward::Profile;
use bearward_gateway::Current;
use bearward_gateway::config::{self, Address, AuditSettings, Config, Surroundings};
use bearward_gateway::record::audit::AuditLog;
use bearward_gateway::record::log::{LogFormat, LogQueue};
use bearward_gateway::run::{Gateway, Reloads};

use crate::egress::{NoWay, Way};
use crate::log::{Log, Started};
use crate::rules::profile;
use crate::running;
use crate::systemd::{self, State};
use crate::{Exit, Failure, help};

/// Runs the gateway: decides on requests for an application server in any language.
///
/// The configuration controls everything it does; docs/configuration.md lists every key. The gateway
/// reads the file again when it changes, and on SIGHUP. If it has mistakes, the last good
/// configuration stays in force.
///
/// For one issuer and one application you need no file: with --issuer, --audience and --upstream,
/// every request must have a valid access token.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT, help::FILES, help::SIGNALS]))]
pub(crate) struct Serve {
    /// The configuration [default: bearward.toml]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer", "audiences", "upstream", "ca", "proxy"])]
    config: Option<PathBuf>,
    /// The issuer, exactly as it appears in `iss`
    #[arg(
        long,
        value_name = "URL",
        requires = "audiences",
        requires = "upstream"
    )]
    issuer: Option<String>,
    /// Your name in `aud`; repeat for several
    #[arg(long = "audience", value_name = "AUD", requires = "issuer")]
    audiences: Vec<String>,
    /// The application that requests are sent to
    #[arg(long, value_name = "URL", requires = "issuer")]
    upstream: Option<String>,
    /// How the issuer writes access tokens
    #[arg(long, value_name = "PROFILE", default_value = "rfc9068", value_parser = profile())]
    #[arg(hide_possible_values = true, requires = "issuer")]
    profile: Profile,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", requires = "issuer")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    log: Log,
}

impl Serve {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let log = self.log.start()?;
        log.report(self.serve(&log))
    }

    fn serve(&self, log: &Started) -> Result<Exit, Failure> {
        let (config, file) = self.config()?;
        #[cfg(unix)]
        raise_descriptor_limit();
        // A stream of JSON has no text between its lines.
        let is_audited = config.audit == Some(AuditSettings::Stdout);
        let format = is_audited.then_some(LogFormat::Json);
        let (queue, stdout) = (log.queue(), log.for_stdout(format)?);
        running::run(async move |stop| {
            let gateway = Gateway::start(config).await?;
            gateway.metrics().write_log_to(queue);
            if is_audited {
                gateway.metrics().audit().write_to(stdout.clone());
            }
            if let Some((file, text)) = file {
                let reloads = Reloads::new(file, text);
                #[cfg(unix)]
                tokio::spawn(hang_ups(
                    reloads.trigger(),
                    Arc::clone(gateway.metrics().audit()),
                )?);
                #[cfg(unix)]
                tokio::spawn(moved_files(Arc::clone(gateway.metrics().audit()))?);
                tokio::spawn(reloads.follow(gateway.reloader()));
            }
            stop.allow(running::GRACE);
            introduce(&gateway, &stdout);
            systemd::notify(State::Ready);
            tokio::spawn(say_when_ready(gateway.current().clone(), stdout));
            let stopped = async {
                stop.requested().await;
                systemd::notify(State::Stopping);
            };
            gateway.serve(stopped).await;
            Ok(())
        })?;
        Ok(Exit::Good)
    }

    /// The configuration; also its file and text, if it comes from a file.
    fn config(&self) -> Result<(Config, Option<(PathBuf, String)>), Failure> {
        if let (Some(issuer), Some(upstream)) = (&self.issuer, &self.upstream) {
            let text = self.written(issuer, upstream)?;
            let failure = Failure::mistakes_in("the options, written as a file");
            return Ok((Config::parse(&text).map_err(failure)?, None));
        }
        let file = self.config.clone();
        let Some(file) = file.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
        else {
            return Err(Failure::NoConfig);
        };
        let (text, config) = load(&file)?;
        if !config.has_door() {
            return Err(Failure::NoDoor(file));
        }
        Ok((config, Some((file, text))))
    }

    /// The options written as a configuration, so that there is only one way to read them.
    fn written(&self, issuer: &str, upstream: &str) -> Result<String, NoWay> {
        // A JSON string is also a TOML string.
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let audiences: Vec<_> = self.audiences.iter().map(|name| text(name)).collect();
        let listen = self.listen.map(|address| text(&address.to_string()));
        let address = listen.map(|address| format!("address = {address}\n"));
        Ok(format!(
            "[[issuers]]\nissuer = {}\naudiences = [{}]\nprofile = \"{}\"\n{}\n\
             [[routes]]\nname = \"all\"\npath_prefix = \"/\"\nupstream = \"application\"\n\n\
             [upstreams.application]\nurls = {}\n\n\
             [listen.proxy]\n{}",
            text(issuer),
            audiences.join(", "),
            self.profile,
            self.way.written()?,
            text(upstream),
            address.unwrap_or_default(),
        ))
    }
}

/// The default configuration file, in the current folder.
const FILE: &str = "bearward.toml";

/// The text of a configuration file, and the configuration in it.
pub(crate) fn load(file: &Path) -> Result<(String, Config), Failure> {
    let text = config::read_text(file).map_err(|error| Failure::File {
        file: file.to_owned(),
        error,
    })?;
    let parsed = Config::parse_in(&text, &Surroundings::of(file));
    let config = parsed.map_err(Failure::mistakes_in(file))?;
    Ok((text, config))
}

/// Shells limit descriptors to 1024 for programs that cannot handle more, even if the system allows
/// more. Each connection takes one, and one to the application.
#[cfg(unix)]
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current, maximum }) {
        tracing::warn!(%error, "the limit on file descriptors cannot be raised");
    }
}

/// Asks for a reload at each SIGHUP, and has the audit log opened again: programs that move logs often
/// send this signal.
#[cfg(unix)]
fn hang_ups(
    trigger: tokio::sync::mpsc::Sender<bearward_gateway::run::Trigger>,
    audit: Arc<AuditLog>,
) -> Result<impl Future<Output = ()>, Failure> {
    use bearward_gateway::run::Trigger;
    use tokio::signal::unix::{SignalKind, signal};
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failure::Runtime)?;
    Ok(async move {
        while hang_up.recv().await.is_some() {
            audit.reopen();
            if trigger.send(Trigger::Asked).await.is_err() {
                break;
            }
        }
    })
}

/// Has the audit log opened again at each SIGUSR1.
#[cfg(unix)]
fn moved_files(audit: Arc<AuditLog>) -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut moved = signal(SignalKind::user_defined1()).map_err(Failure::Runtime)?;
    Ok(async move {
        while moved.recv().await.is_some() {
            audit.reopen();
        }
    })
}

/// Reports where the gateway listens.
fn introduce(gateway: &Gateway, stdout: &LogQueue) {
    let addresses = gateway.addresses();
    if stdout.format() == LogFormat::Json {
        let named = |(door, address): &(&'static str, Address)| {
            (door.replace(' ', "_"), address.to_string())
        };
        let fields: Vec<_> = addresses.iter().map(named).collect();
        let fields = fields
            .iter()
            .map(|(door, address)| (door.as_str(), address.as_str()));
        stdout.info(TARGET, "listening", &fields.collect::<Vec<_>>());
        return;
    }
    let line = |(door, address): &(&str, _)| format!("{door:<13} {address}\n");
    let lines: Vec<_> = addresses.iter().map(line).collect();
    stdout.push(format!("{}listening\n", lines.concat()).as_bytes());
}

/// Reports when the tokens of every issuer can be verified. Before that, reports which issuers it still
/// waits for, if fetching their keys failed.
async fn say_when_ready(current: Current, stdout: LogQueue) {
    let server = || current.load().server().clone();
    server().attempted().await;
    let states = server().state();
    let missing = states.iter().filter(|state| !state.is_ready());
    let missing: Vec<_> = missing.map(|state| state.issuer.as_str()).collect();
    let is_json = stdout.format() == LogFormat::Json;
    if !missing.is_empty() {
        let missing = missing.join(" ");
        match is_json {
            true => stdout.info(TARGET, "not ready: no keys yet", &[("issuers", &missing)]),
            false => {
                stdout.push(format!("not ready: no keys yet from issuer {missing}\n").as_bytes())
            }
        }
    }
    while !server().is_ready() {
        tokio::time::sleep(LOOKED_AT).await;
    }
    match is_json {
        true => stdout.info(TARGET, "ready", &[]),
        false => stdout.push(b"ready\n"),
    }
}

/// How often to check for keys.
const LOOKED_AT: Duration = Duration::from_millis(200);

/// The target of the lines on standard output.
const TARGET: &str = "bearward::serve";
