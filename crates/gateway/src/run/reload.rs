//! Reload: another configuration takes the place of the one in force, or does not.
//!
//! The gate is replaced as a whole, upstreams included, between two requests. A configuration with
//! mistakes changes nothing. The keys of unchanged issuers are kept; those of changed issuers are
//! fetched before the gate is replaced, so that no request finds none.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use bearward::ResourceServer;
use tokio::sync::{Mutex, mpsc};

use crate::config::{
    self, AuditSettings, Config, Contents, FileKind, FileRead, Listen, ListenerKind, Mistakes,
    Surroundings, TelemetrySettings, UpstreamSettings,
};
use crate::doors::failures::Failures;
use crate::doors::in_force::{Current, InForce};
use crate::doors::proxy::{SharedMost, TlsError, Upstreams};
use crate::record::metrics::{Metrics, Reload};
use crate::record::request::Door;

use super::away::Away;
use super::certificates::Certificates;
use super::descriptors::Shares;
use super::watch_file::Folders;

/// Puts new configurations in force. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloader(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    replaced: Replaced,
    metrics: Arc<Metrics>,
    /// The configuration in force. A reload holds the lock, so there are never two at once.
    current: Mutex<Config>,
    /// What the program started with; no reload changes it.
    started: Started,
    away: Away,
    /// The mistakes of the last refused file, as logged.
    logged: std::sync::Mutex<Option<String>>,
}

/// The parts of a configuration that take effect only at a start.
#[derive(Debug)]
struct Started {
    listen: Listen,
    telemetry: Option<TelemetrySettings>,
    audit: Option<AuditSettings>,
}

/// Starts the series of all routes at the doors that listen.
pub(super) fn start_series(metrics: &Metrics, listen: &Listen, in_force: &Current) {
    let doors = [
        (Door::ExtAuthz, ListenerKind::ExtAuthz),
        (Door::ForwardAuth, ListenerKind::ForwardAuth),
        (Door::Proxy, ListenerKind::Proxy),
    ];
    let doors = doors
        .into_iter()
        .filter(|(_, kind)| listen.listener(*kind).is_some());
    let doors: Vec<_> = doors.map(|(door, _)| door).collect();
    let in_force = in_force.load();
    let routes = in_force
        .gate()
        .routes()
        .iter()
        .map(|route| Arc::clone(&route.name));
    metrics.start_series(&doors, routes);
}

impl Started {
    /// Logs new differences from the settings at the start.
    fn log_changes(&self, config: &Config, before: &Config) {
        let is_new = config.telemetry != before.telemetry;
        if is_new && config.telemetry != self.telemetry {
            tracing::warn!("telemetry settings changed; restart to apply them");
        }
        let is_new = config.audit != before.audit;
        if is_new && config.audit != self.audit {
            tracing::warn!("audit settings changed; restart to apply them");
        }
        let is_same = |listen| config.listen.is_same_at_a_start(listen);
        if !is_same(&before.listen) && !is_same(&self.listen) {
            tracing::warn!("listeners changed; restart to apply them");
        }
    }
}

/// The parts of the gateway that a reload replaces.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) in_force: Current,
    pub(super) certificates: Certificates,
    /// The limits on what is in progress in the reverse proxy, if there is one.
    pub(super) most: Option<Arc<SharedMost>>,
}

impl Reloader {
    pub(super) fn new(config: Config, replaced: Replaced, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            replaced,
            metrics,
            started: Started {
                listen: config.listen.clone(),
                telemetry: config.telemetry.clone(),
                audit: config.audit.clone(),
            },
            current: Mutex::new(config),
            away: Away::new(),
            logged: std::sync::Mutex::new(None),
        }))
    }

    /// Puts `config` in force.
    pub async fn apply(&self, config: Config) -> Reload {
        let mut current = self.0.current.lock().await;
        let replaced = self.replace(config, &mut current).await;
        self.record(replaced.map_or(Reload::Refused, |()| Reload::Applied))
    }

    /// Builds everything before it replaces anything. `None` if something cannot be built, which is
    /// logged.
    async fn replace(&self, mut config: Config, current: &mut Config) -> Option<()> {
        let Replaced {
            in_force,
            certificates,
            most,
        } = &self.0.replaced;
        config.identity = config.identity.reuse_if_equal(&current.identity);
        let before = in_force.load();
        let server = if config.server == current.server {
            before.server().clone()
        } else {
            start(&self.0.away, &config, before.server()).await?
        };
        let failures = failures(&config, &before);
        let upstreams = upstreams(&self.0.away, &config, current, before).await?;
        let renewed = certificates.renewed(&config.listen);
        let renewed = renewed
            .map_err(|error| tracing::error!(%error, "TLS cannot be set up"))
            .ok()?;
        let shares = Shares::plan(&config);
        upstreams.keep_idle(shares.idle);
        if let Some(most) = most {
            most.replace(shares.most);
        }
        self.0.metrics.log().set(config.log.clone());
        self.0
            .metrics
            .audit()
            .set_resource(config.server.resource());
        let next = config.in_force(server).upstreams(upstreams);
        in_force.replace(next.failures(failures));
        start_series(&self.0.metrics, &self.0.started.listen, in_force);
        for certificate in renewed {
            certificate.present();
        }
        self.0.started.log_changes(&config, current);
        log_warnings(&config);
        *current = config;
        Some(())
    }

    /// Reads the file and puts it in force. If it has mistakes, the last good configuration stays.
    pub async fn read(&self, file: &Path) -> Reload {
        self.is_news(None);
        match read(&self.0.away, file).await {
            Ok(text) => self.parse(file, text).await,
            Err(error) => self.refuse(file, &error),
        }
    }

    /// Logs why the file cannot be read.
    fn refuse(&self, file: &Path, error: &io::Error) -> Reload {
        self.is_news(None);
        tracing::error!(
            file = %file.display(),
            %error,
            "the configuration cannot be read; the last good one stays in force"
        );
        self.record(Reload::Refused)
    }

    async fn parse(&self, file: &Path, text: String) -> Reload {
        let place = file.to_owned();
        // A long configuration takes time, and so do the files it refers to.
        let parsing = move || {
            let surroundings = Surroundings::of(&place).while_serving();
            Config::parse_in(&text, &surroundings)
        };
        match self.0.away.run(parsing).await {
            Ok(Ok(config)) => {
                self.is_news(None);
                self.apply(config).await
            }
            Err(error) => {
                tracing::error!(%error, "reading the configuration was interrupted");
                self.record(Reload::Refused)
            }
            // Any change in its folder has a refused file read again, but not its mistakes logged
            // again.
            Ok(Err(mistakes)) if !self.is_news(Some(mistakes.render(""))) => Reload::Refused,
            Ok(Err(mistakes)) => {
                log_mistakes(file, &mistakes);
                tracing::error!("the last good configuration stays in force");
                self.record(Reload::Refused)
            }
        }
    }

    /// Whether these mistakes differ from the last ones logged.
    fn is_news(&self, mistakes: Option<String>) -> bool {
        let mut logged = self.0.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *logged != mistakes;
        *logged = mistakes;
        is_news
    }

    /// The files that the configuration in force refers to.
    async fn files(&self) -> Vec<FileRead> {
        self.0.current.lock().await.files.clone()
    }

    fn record(&self, outcome: Reload) -> Reload {
        self.0.metrics.reload(outcome);
        match outcome {
            Reload::Applied => tracing::info!("the configuration was reloaded"),
            Reload::Refused => tracing::error!("the configuration was not reloaded"),
        }
        outcome
    }
}

/// Logs each mistake in this configuration file.
pub fn log_mistakes(file: &Path, mistakes: &Mistakes) {
    for mistake in mistakes.iter() {
        let (line, column) = mistakes.place(mistake);
        tracing::error!(
            file = %file.display(),
            line,
            column,
            code = mistake.code.as_str(),
            mistake = mistake.message.as_str(),
            help = mistake.help.as_deref(),
            "a mistake in the configuration"
        );
    }
    if mistakes.left_out() > 0 {
        tracing::error!(count = mistakes.left_out(), "there are more mistakes");
    }
}

/// Logs the warnings about a configuration.
pub(super) fn log_warnings(config: &Config) {
    let warnings = &config.warnings;
    for warning in warnings.iter() {
        let (line, column) = warnings.place(warning);
        tracing::warn!(
            line,
            column,
            code = warning.code.as_str(),
            warning = warning.message.as_str(),
            help = warning.help.as_deref(),
            "a warning about the configuration"
        );
    }
    if warnings.left_out() > 0 {
        tracing::warn!(count = warnings.left_out(), "there are more warnings");
    }
    log_certificates(config);
}

/// Why the configuration is to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// The folder of the configuration, or of a file it refers to, has changed.
    Changed,
    /// A signal asks for it (SIGHUP): the file is read again even if it is unchanged.
    Asked,
}

/// Reads a configuration file again when it, or a file it refers to, such as a certificate, has
/// changed.
#[derive(Debug)]
pub struct Reloads {
    file: PathBuf,
    text: String,
    sender: mpsc::Sender<Trigger>,
    triggers: mpsc::Receiver<Trigger>,
}

impl Reloads {
    /// Watches `file`, which had this text when it was first read.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let (sender, triggers) = mpsc::channel(1);
        Self {
            file: file.into(),
            text: text.into(),
            sender,
            triggers,
        }
    }

    /// A sender of triggers. One sent while another waits adds nothing.
    #[must_use]
    pub fn trigger(&self) -> mpsc::Sender<Trigger> {
        self.sender.clone()
    }

    /// Watches the files, and reloads for each trigger, for ever.
    pub async fn follow(mut self, reloader: Reloader) {
        let mut files = reloader.files().await;
        // Kept, since it watches only while it lives.
        let away = reloader.0.away.clone();
        let mut watcher = None;
        self.watch(&away, &mut watcher, &files).await;
        let text = Contents::of(self.text.as_bytes());
        // `None` after a refused configuration: any change may make it valid.
        let mut seen = Some((Some(text), files.clone()));
        // Nothing else reports changes between reading the file and watching it. A pipe cannot be read
        // again.
        let file = self.file.clone();
        let look = move || std::fs::metadata(file).is_ok_and(|file| !file.is_file());
        let is_pipe = away.run(look).await.unwrap_or_default();
        if !is_pipe {
            let _ = self.sender.try_send(Trigger::Changed);
        }
        while let Some(trigger) = self.triggers.recv().await {
            // Editors write in several steps, and each is an event.
            tokio::time::sleep(SETTLED).await;
            let requested_since = self.triggers.try_recv() == Ok(Trigger::Asked);
            let is_requested = trigger == Trigger::Asked || requested_since;
            let there = read(&away, &self.file).await;
            if is_pipe && there.is_err() && !is_requested {
                continue;
            }
            let text = there.as_ref().ok();
            let text = text.map(|text| Contents::of(text.as_bytes()));
            let now = Some((text, again(&away, &files).await));
            if now == seen && !is_requested {
                continue;
            }
            if is_requested {
                reloader.is_news(None);
            }
            let outcome = match there {
                Ok(text) => reloader.parse(&self.file, text).await,
                Err(error) => reloader.refuse(&self.file, &error),
            };
            seen = match outcome {
                Reload::Applied => {
                    files = reloader.files().await;
                    self.watch(&away, &mut watcher, &files).await;
                    Some((text, files.clone()))
                }
                Reload::Refused => None,
            };
        }
    }

    /// Watches the folders of these files. If one of them hangs, the previous folders are no longer
    /// watched either, since the watcher hangs with it.
    async fn watch(&self, away: &Away, watcher: &mut Option<Folders>, files: &[FileRead]) {
        let mut folders = watcher.take();
        let (sender, file, files) = (self.sender.clone(), self.file.clone(), files.to_vec());
        let watching = move || {
            let mut folders = folders.take().unwrap_or_else(|| Folders::watch(&sender));
            folders.add(&file, &files);
            folders
        };
        match away.run(watching).await {
            Ok(folders) => *watcher = Some(folders),
            Err(error) => tracing::warn!(%error, "files are not watched; send SIGHUP"),
        }
    }
}

/// Logs which certificates have expired or are not valid yet.
fn log_certificates(config: &Config) {
    for warning in config.certificate_warnings(SystemTime::now()) {
        let message = if warning.has_expired {
            "a certificate has expired"
        } else {
            "a certificate is not valid yet"
        };
        tracing::warn!(
            file = %warning.file.display(),
            not_before = %warning.not_before,
            not_after = %warning.not_after,
            "{message}"
        );
    }
}

/// The files as they are now, read away from the threads that serve.
async fn again(away: &Away, files: &[FileRead]) -> Vec<FileRead> {
    let files = files.to_vec();
    let looked = move || files.into_iter().map(FileRead::again).collect();
    away.run(looked).await.unwrap_or_default()
}

/// The limit on failures of a configuration, with the failures so far.
fn failures(config: &Config, before: &InForce) -> Option<Failures> {
    let allowance = config.failures?;
    let counted = before.counted_failures();
    Some(counted.map_or_else(
        || Failures::new(allowance),
        |counted| counted.judged_by(allowance),
    ))
}

/// The upstreams of a configuration. Unchanged ones keep their connections and the state of their
/// addresses. Built away from the threads that serve, since each upstream with TLS reads the system's
/// authorities.
async fn upstreams(
    away: &Away,
    config: &Config,
    current: &Config,
    before: Arc<InForce>,
) -> Option<Upstreams> {
    let (config, current) = (config.upstreams.clone(), current.upstreams.clone());
    let made = move || -> Result<Vec<_>, TlsError> {
        let named = |settings| (UpstreamSettings::name(settings), settings);
        let current: HashMap<_, _> = current.iter().map(named).collect();
        let upstream = |settings: &UpstreamSettings| {
            let is_same = current.get(settings.name()) == Some(&settings);
            match before.all_upstreams().find(settings.name()) {
                Some(upstream) if is_same => Ok(Arc::clone(upstream)),
                Some(upstream) => Ok(Arc::new(settings.build()?.succeeding(upstream))),
                None => settings.build().map(Arc::new),
            }
        };
        config.iter().map(upstream).collect()
    };
    match away.run(made).await {
        Ok(Ok(upstreams)) => Some(Upstreams::shared(upstreams)),
        Ok(Err(error)) => {
            tracing::error!(%error, "TLS to an upstream cannot be set up");
            None
        }
        Err(error) => {
            tracing::error!(%error, "the upstreams could not be set up");
            None
        }
    }
}

/// The resource server of a configuration, with its keys. `None` if it could not verify tokens of an
/// issuer whose tokens can be verified now.
async fn start(away: &Away, config: &Config, before: &ResourceServer) -> Option<ResourceServer> {
    // Away from the threads that serve, since a new HTTP client reads the system's authorities.
    let (config, kept) = (config.clone(), before.clone());
    let built = move || config.resource_server_after(&kept);
    let built = away.run(built).await.map_err(|error| error.to_string());
    let server = built
        .and_then(|built| built.map_err(|error| error.to_string()))
        .map_err(|error| tracing::error!(%error, "the resource server cannot be set up"))
        .ok()?;
    // An issuer that has not answered by then counts as down.
    let _ = tokio::time::timeout(KEYS_WITHIN, server.attempted()).await;
    let usable = before.state().into_iter();
    let usable = usable.filter(|state| state.keys.is_usable);
    let usable: Vec<_> = usable.map(|state| state.issuer).collect();
    for state in server.state() {
        if !state.keys.is_usable && usable.contains(&state.issuer) {
            let issuer = state.issuer;
            tracing::error!(
                issuer,
                "the settings for fetching this issuer's keys have changed, and the keys cannot be \
                 fetched with the new ones; nothing was changed. SIGHUP tries again"
            );
            return None;
        }
    }
    Some(server)
}

/// Reads a file, away from the threads that serve.
async fn read(away: &Away, file: &Path) -> io::Result<String> {
    let file = file.to_owned();
    let read = away.run(move || config::read_text_of(&file, FileKind::Regular));
    read.await?
}

/// Longer than an editor takes, shorter than a person waits.
const SETTLED: Duration = Duration::from_millis(100);

/// Enough for two attempts at a slow issuer.
const KEYS_WITHIN: Duration = Duration::from_secs(10);
