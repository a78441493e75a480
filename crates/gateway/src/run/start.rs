//! The program from its start to its stop: listeners, doors and what they share.
//!
//! Listeners are bound before anything is served, so that a mistake ends the program at its start. A
//! reload replaces the gate between two requests. Before the program stops, it answers the requests in
//! progress.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bearward::BuildError;
use ipnet::IpNet;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{
    Address, AuditSettings, Config, Listen, ListenerKind, ProxySettings, TelemetrySettings,
    TlsSettingsError, UpstreamSettings,
};
use crate::doors::admin::Admin;
use crate::doors::ext_authz::{self, ExtAuthz};
use crate::doors::forward_auth::{self, ForwardAuth, TrustedPeers};
use crate::doors::in_force::Current;
use crate::doors::proxy::{self, Expiry, Limits, Proxy, Settings, TlsError, Upstreams};
use crate::net::answer::{self, Protocol};
use crate::net::listener::Listener;
use crate::net::serve::{self, Capacity};
use crate::record::audit::AuditError;
use crate::record::metrics::Metrics;
use crate::record::observer::{Observe, Observer};
use crate::record::telemetry::metrics::MetricExport;
use crate::record::telemetry::{Signal, Telemetry, TelemetryError};

use super::certificates::Certificates;
use super::descriptors::Shares;
use super::reload::{self, Reloader, Replaced};

/// A gateway that listens and is ready to serve.
#[derive(Debug)]
pub struct Gateway {
    current: Current,
    metrics: Arc<Metrics>,
    telemetry: Telemetry,
    export: Option<MetricExport>,
    shares: Shares,
    reloader: Reloader,
    admin: Option<(Listener, Admin)>,
    forward_auth: Option<(Listener, ForwardAuth)>,
    ext_authz: Option<(Listener, ExtAuthz)>,
    proxy: Option<(Listener, Proxy)>,
}

impl Gateway {
    /// Starts fetching keys, and binds the configured listeners.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the gateway cannot start.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        reload::log_warnings(&config);
        let shares = Shares::plan(&config);
        let first = config.in_force(config.resource_server()?);
        let current = Current::new(first.upstreams(upstreams(&config.upstreams, shares)?));
        let metrics = Arc::new(Metrics::new(current.clone()));
        start_logs(&config, &metrics)?;
        reload::start_series(&metrics, &config.listen, &current);
        let (listen, telemetry) = (&config.listen, telemetry(config.telemetry.as_ref())?);
        let export = export(config.telemetry.as_ref())?;
        let mut certificates = Certificates::default();
        let admin = bind(listen, ListenerKind::Admin, HTTP1, &mut certificates).await?;
        let admin = admin
            .zip(listen.admin.as_ref())
            .map(|(listener, settings)| {
                let hosts = settings.hosts.clone();
                let admin = Admin::new(current.clone(), Arc::clone(&metrics), hosts);
                (listener, admin)
            });
        let forward_auth =
            bind(listen, ListenerKind::ForwardAuth, HTTP1, &mut certificates).await?;
        let forward_auth = forward_auth.zip(listen.forward_auth.as_ref());
        let forward_auth = forward_auth.map(|(listener, settings)| {
            let trusted = trusted(settings.trusted_proxies.as_deref());
            (listener, ForwardAuth::new(current.clone(), trusted))
        });
        let ext_authz = bind(listen, ListenerKind::ExtAuthz, HTTP2, &mut certificates).await?;
        let ext_authz = ext_authz.zip(listen.ext_authz.as_ref());
        let ext_authz = ext_authz.map(|(listener, settings)| {
            let trusted = trusted(settings.trusted_proxies.as_deref());
            (listener, ExtAuthz::new(current.clone(), trusted))
        });
        let proxy = bind(listen, ListenerKind::Proxy, BOTH, &mut certificates).await?;
        let proxy = proxy
            .zip(listen.proxy.as_ref())
            .map(|(listener, settings)| {
                let settings = shares.limit(proxy_settings(settings, &metrics, &telemetry));
                (listener, Proxy::new(current.clone(), settings))
            });
        let replaced = Replaced {
            in_force: current.clone(),
            certificates,
            most: proxy.as_ref().map(|(_, proxy)| Arc::clone(proxy.most())),
        };
        Ok(Self {
            reloader: Reloader::new(config, replaced, Arc::clone(&metrics)),
            current,
            metrics,
            telemetry,
            export,
            shares,
            admin,
            forward_auth,
            ext_authz,
            proxy,
        })
    }

    /// The doors and their addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, Address)> {
        let doors = [
            ("proxy", self.proxy.as_ref().map(|(at, _)| at)),
            ("forward auth", self.forward_auth.as_ref().map(|(at, _)| at)),
            ("ext_authz", self.ext_authz.as_ref().map(|(at, _)| at)),
            ("admin", self.admin.as_ref().map(|(at, _)| at)),
        ];
        let addresses = doors.into_iter();
        let addresses = addresses.filter_map(|(door, at)| Some((door, at?.address())));
        addresses.collect()
    }

    /// The reloader, which puts new configurations in force.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// What is in force, for all doors.
    #[must_use]
    pub const fn current(&self) -> &Current {
        &self.current
    }

    /// The metrics.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Serves until `stop` ends. Requests in progress then have 30 s to finish, and the rest of log and
    /// traces another second to be written.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (metrics, telemetry) = (Arc::clone(&self.metrics), self.telemetry.clone());
        let observer = observer(&metrics, &telemetry);
        let capacity = Capacity {
            connections: self.shares.others,
            drain: GRACE,
        };
        let (stopping, stopped) = watch::channel(());
        let mut doors = JoinSet::new();
        if let Some((listener, proxy)) = self.proxy {
            let limits = Limits::new().connections(self.shares.clients);
            let limits = limits.drain_timeout(GRACE);
            let stop = until_dropped(stopped.clone());
            doors.spawn(proxy::serve(listener, Arc::new(proxy), limits, stop));
        }
        if let Some((listener, door)) = self.ext_authz {
            let answer = ext_authz::serve::answer(door, observer.clone());
            let open = answer::opener(Protocol::Http2, answer);
            let stop = until_dropped(stopped.clone());
            doors.spawn(serve::serve(listener, capacity, open, stop));
        }
        if let Some((listener, door)) = self.forward_auth {
            let answer = forward_auth::serve::answer(door, observer);
            let open = answer::opener(Protocol::Http1, answer);
            let stop = until_dropped(stopped);
            doors.spawn(serve::serve(listener, capacity, open, stop));
        }
        // The admin listener answers, and metrics are sent, as long as any other listener serves.
        let (stopping_rest, stopped_rest) = watch::channel(());
        let export = self.export.map(|export| {
            let stop = until_dropped(stopped_rest.clone());
            tokio::spawn(export.run(Arc::clone(&metrics), stop))
        });
        let admin = self.admin.map(|(listener, door)| {
            let capacity = Capacity {
                drain: ADMIN_GRACE,
                ..capacity
            };
            let open = answer::opener(Protocol::Http1, door.into_answer());
            let stop = until_dropped(stopped_rest);
            tokio::spawn(serve::serve(listener, capacity, open, stop))
        });
        stop.await;
        tracing::info!("stopping; requests in progress are still answered");
        drop(stopping);
        let end = tokio::time::sleep(GRACE.saturating_add(ADMIN_GRACE));
        while doors.join_next().await.is_some() {}
        drop(stopping_rest);
        let rest = async {
            for task in [admin, export].into_iter().flatten() {
                // A panic in this task has already been logged.
                let _ = task.await;
            }
        };
        flush_logs(&metrics).await;
        // The time limit holds even if one of these hangs.
        tokio::select! {
            ((), ()) = async { tokio::join!(rest, telemetry.stop()) } => {}
            () = end => tracing::warn!("the last traces or metrics were not sent in time"),
        }
        tracing::info!("stopped");
    }
}

/// Has the logs show what is configured, and opens the file of the audit log.
fn start_logs(config: &Config, metrics: &Metrics) -> Result<(), StartError> {
    metrics.log().set(config.log.clone());
    metrics.audit().set_resource(config.server.resource());
    let audit = metrics.audit();
    match (&config.audit, &config.telemetry) {
        (Some(AuditSettings::File(path)), _) => {
            let opened = audit.open(path);
            opened.map_err(|error| StartError::Audit {
                path: path.clone(),
                error,
            })
        }
        (Some(AuditSettings::Otlp), Some(settings)) => {
            audit.send(settings).map_err(|error| match error {
                AuditError::Export(error) => error.into(),
                AuditError::Thread(error) => StartError::Thread(error),
            })
        }
        // The program passes its standard output.
        (Some(AuditSettings::Otlp | AuditSettings::Stdout) | None, _) => Ok(()),
    }
}

/// Has the last lines of both logs written, for a second at most.
async fn flush_logs(metrics: &Metrics) {
    metrics.flush();
    let audit = Arc::clone(metrics.audit());
    let flushed = tokio::task::spawn_blocking(move || audit.flush(ADMIN_GRACE));
    // A panic in this task has already been logged.
    let _ = flushed.await;
}

/// Resolves when the sender is gone.
async fn until_dropped(mut sender: watch::Receiver<()>) {
    while sender.changed().await.is_ok() {}
}

/// The peers that may ask: the configured networks, or only this machine.
fn trusted(networks: Option<&[IpNet]>) -> TrustedPeers {
    let named = |networks: &[IpNet]| TrustedPeers::new(networks.iter().copied());
    networks.map(named).unwrap_or_default()
}

fn telemetry(settings: Option<&TelemetrySettings>) -> Result<Telemetry, TelemetryError> {
    settings.map_or_else(|| Ok(Telemetry::default()), Telemetry::start)
}

fn export(settings: Option<&TelemetrySettings>) -> Result<Option<MetricExport>, TelemetryError> {
    let settings = settings.filter(|settings| settings.has(Signal::Metrics));
    settings.map(MetricExport::new).transpose()
}

fn upstreams(settings: &[UpstreamSettings], shares: Shares) -> Result<Upstreams, TlsError> {
    let built = settings.iter().map(UpstreamSettings::build);
    let upstreams = Upstreams::new(built.collect::<Result<Vec<_>, _>>()?);
    upstreams.keep_idle(shares.idle);
    Ok(upstreams)
}

fn proxy_settings(
    settings: &ProxySettings,
    metrics: &Arc<Metrics>,
    telemetry: &Telemetry,
) -> Settings {
    let expiry = settings.expiry_leeway.map_or(Expiry::Ignored, Expiry::Ends);
    let trusted = TrustedPeers::new(settings.trusted_proxies.iter().copied());
    Settings::new()
        .expiry(expiry)
        .client_idle(settings.client_idle)
        .trust(trusted)
        .observer(observer(metrics, telemetry))
}

/// Reports the requests of every door.
fn observer(metrics: &Arc<Metrics>, telemetry: &Telemetry) -> Observer {
    let sink: Arc<dyn Observe> = Arc::<Metrics>::clone(metrics);
    Observer::new(sink).telemetry(telemetry.clone())
}

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The file of the audit log cannot be opened.
    #[error("cannot write the audit log to {}: {error}", path.display())]
    Audit {
        /// The file.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// The resource server cannot be set up.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: Address,
        /// The error.
        error: io::Error,
    },
    /// No thread can be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// Traces cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// TLS on a listener cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsSettingsError),
    /// TLS to an upstream cannot be set up.
    #[error(transparent)]
    Upstream(#[from] TlsError),
}

/// Binds a listener, if it is configured, with TLS if that is. Adds its certificates to `certificates`.
async fn bind(
    listen: &Listen,
    kind: ListenerKind,
    alpn: &'static [&'static [u8]],
    certificates: &mut Certificates,
) -> Result<Option<Listener>, StartError> {
    let Some((address, _)) = listen.listener(kind) else {
        return Ok(None);
    };
    let tls = certificates.of(listen, kind, alpn)?;
    let bound = Listener::bind(address).await;
    let listener = bound.map_err(|error| StartError::Listen {
        address: address.clone(),
        error,
    })?;
    Ok(Some(match tls {
        Some(tls) => listener.tls(tls),
        None => listener,
    }))
}

/// The protocols of a listener, as named in the TLS handshake.
const HTTP1: &[&[u8]] = &[b"http/1.1"];
const HTTP2: &[&[u8]] = &[b"h2"];
const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];

/// How long requests in progress may take at a stop: as long as orchestrators wait by default.
const GRACE: Duration = Duration::from_secs(30);

/// Admin answers take almost no time.
const ADMIN_GRACE: Duration = Duration::from_secs(1);
