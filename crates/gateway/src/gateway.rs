//! The running program: everything a configuration says, in operation.
//!
//! Listeners are bound before anything is served, so that a mistake ends the program at its start.
//! A reload replaces the gate between two requests; when the program is told to stop, requests that
//! are under way are answered first.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bearward::{BuildError, RequestHead};
use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::rustls::ServerConfig;

use crate::admin::Admin;
use crate::config::{Address, Config, ProxySettings, TlsSettingsError, UpstreamSettings};
use crate::decision::Decision;
use crate::ext_authz::ExtAuthz;
use crate::forward_auth::{ForwardAuth, Peer, TrustedPeers};
use crate::gate::{Gate, SharedGate};
use crate::metrics::{Door, Metrics, Request};
use crate::proxy::{self, Acceptor, Expiry, Limits, Observe, Proxy, Settings, TlsError, Upstreams};

mod grpc;
mod listener;
mod reload;
mod watch_file;

pub use self::reload::{Reloader, Reloads, Trigger};

use self::listener::{Listener, Stop};
use self::reload::Replaced;

/// A gateway that listens, and is ready to serve.
#[derive(Debug)]
pub struct Gateway {
    gate: SharedGate,
    metrics: Arc<Metrics>,
    reloader: Reloader,
    admin: Option<(Listener, Admin)>,
    forward_auth: Option<(Listener, ForwardAuth)>,
    ext_authz: Option<(TcpListener, SocketAddr, ExtAuthz)>,
    proxy: Option<Proxied>,
}

impl Gateway {
    /// Starts to fetch keys, and listens wherever the configuration says.
    ///
    /// # Errors
    ///
    /// [`StartError`] if it cannot.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let server = config.resource_server()?;
        let gate = Gate::new(server, config.routes.clone(), config.identity.clone());
        let gate = SharedGate::new(gate);
        let metrics = Arc::new(Metrics::new(gate.clone()));
        let admin = match &config.listen.admin {
            Some(settings) => {
                let hosts = settings.hosts.iter().cloned();
                let admin = Admin::new(gate.clone(), Arc::clone(&metrics), hosts);
                Some((bind(&settings.address).await?, admin))
            }
            None => None,
        };
        let forward_auth = match &config.listen.forward_auth {
            Some(settings) => {
                let trusted = settings.trusted_proxies.clone();
                let trusted = trusted.map(TrustedPeers::new).unwrap_or_default();
                let forward_auth = ForwardAuth::new(gate.clone(), trusted);
                Some((bind(&settings.address).await?, forward_auth))
            }
            None => None,
        };
        let ext_authz = match &config.listen.ext_authz {
            Some(settings) => {
                let trusted = settings.trusted_proxies.clone();
                let trusted = trusted.map(TrustedPeers::new).unwrap_or_default();
                let (listener, address) = bind_tcp(settings.address).await?;
                Some((listener, address, ExtAuthz::new(gate.clone(), trusted)))
            }
            None => None,
        };
        let upstreams = config.upstreams.iter().map(UpstreamSettings::build);
        let upstreams = Upstreams::new(upstreams.collect::<Result<Vec<_>, _>>()?);
        let proxy = match &config.listen.proxy {
            Some(settings) => {
                let settings_of = proxy_settings(settings, &metrics);
                let proxy = Proxy::new(gate.clone(), upstreams.clone(), settings_of);
                Some(Proxied::bind(settings, proxy).await?)
            }
            None => None,
        };
        let replaced = Replaced {
            gate: gate.clone(),
            upstreams,
            tls: proxy.as_ref().and_then(Proxied::tls),
        };
        let reloader = Reloader::new(config, replaced, Arc::clone(&metrics));
        Ok(Self {
            gate,
            metrics,
            reloader,
            admin,
            forward_auth,
            ext_authz,
            proxy,
        })
    }

    /// The doors and where they listen.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, Address)> {
        let admin = self.admin.as_ref().map(|(at, _)| ("admin", at.address()));
        let forward_auth = self.forward_auth.as_ref();
        let forward_auth = forward_auth.map(|(at, _)| ("forward auth", at.address()));
        let proxy = self.proxy.as_ref().map(|proxied| {
            let address = Address::Tcp(proxied.address);
            ("proxy", address)
        });
        let ext_authz = self.ext_authz.as_ref();
        let ext_authz = ext_authz.map(|(_, at, _)| ("ext_authz", Address::Tcp(*at)));
        [proxy, forward_auth, ext_authz, admin]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Puts other configurations in force.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// The gate, for all doors.
    #[must_use]
    pub const fn gate(&self) -> &SharedGate {
        &self.gate
    }

    /// What is counted.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Serves until `stop` ends, and then as long as requests are under way, 30 s at most.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (told, stopped) = watch::channel(());
        let stopped = Stop::new(stopped);
        let mut doors = JoinSet::new();
        if let Some(proxied) = self.proxy {
            let stopped = stopped.clone().told();
            let limits = Limits::new().drain_timeout(GRACE);
            let proxy = Arc::new(proxied.proxy);
            let Proxied {
                listener, acceptor, ..
            } = proxied;
            doors.spawn(proxy::serve(listener, acceptor, proxy, limits, stopped));
        }
        if let Some((listener, _, door)) = self.ext_authz {
            let metrics = Arc::clone(&self.metrics);
            doors.spawn(grpc::serve(listener, door, metrics, stopped.clone(), GRACE));
        }
        if let Some((listener, door)) = self.forward_auth {
            let metrics = self.metrics;
            let answer = move |peer, head| asked(door.clone(), Arc::clone(&metrics), peer, head);
            doors.spawn(listener::serve(listener, answer, stopped.clone(), GRACE));
        }
        // The admin listener answers as long as there is anything to tell.
        let (told_admin, stopped_admin) = watch::channel(());
        let admin = self.admin.map(|(listener, door)| {
            let answer = move |_, head: http::request::Parts| {
                let response = full(door.answer(RequestHead::from(&head)));
                std::future::ready(response)
            };
            let stopped = Stop::new(stopped_admin);
            tokio::spawn(listener::serve(listener, answer, stopped, ADMIN_GRACE))
        });
        stop.await;
        tracing::info!("stopping: requests under way are answered");
        drop(told);
        while doors.join_next().await.is_some() {}
        drop(told_admin);
        if let Some(admin) = admin {
            // A panic of it was logged, and there is nobody else to tell.
            let _ = admin.await;
        }
        tracing::info!("stopped");
    }
}

/// The reverse proxy and its listener.
#[derive(Debug)]
struct Proxied {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: Acceptor,
    proxy: Proxy,
}

impl Proxied {
    async fn bind(settings: &ProxySettings, proxy: Proxy) -> Result<Self, StartError> {
        let acceptor = match &settings.tls {
            Some(tls) => Acceptor::Tls(Arc::new(ArcSwap::from_pointee(tls.build()?))),
            None => Acceptor::Plain,
        };
        let (listener, address) = bind_tcp(settings.address).await?;
        Ok(Self {
            listener,
            address,
            acceptor,
            proxy,
        })
    }

    /// Where another certificate is put.
    fn tls(&self) -> Option<Arc<ArcSwap<ServerConfig>>> {
        match &self.acceptor {
            Acceptor::Plain => None,
            Acceptor::Tls(config) => Some(Arc::clone(config)),
        }
    }
}

fn proxy_settings(settings: &ProxySettings, metrics: &Arc<Metrics>) -> Settings {
    let expiry = settings.expiry_leeway.map_or(Expiry::Ignored, Expiry::Ends);
    let trusted = settings.trusted_proxies.clone();
    let observer: Arc<dyn Observe> = Arc::<Metrics>::clone(metrics);
    let mut built = Settings::new()
        .expiry(expiry)
        .client_idle(settings.client_idle)
        .trust(move |peer| trusted.iter().any(|network| network.contains(&peer)))
        .observer(observer);
    for field in &settings.method_overrides {
        built = built.allow_override(field.clone());
    }
    built
}

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no resource server.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An address cannot be listened on.
    #[error("listening on {address}: {error}")]
    Listen {
        /// The address.
        address: Address,
        /// Why not.
        error: io::Error,
    },
    /// TLS on a listener cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsSettingsError),
    /// TLS to an upstream cannot be set up.
    #[error(transparent)]
    Upstream(#[from] TlsError),
}

async fn bind(address: &Address) -> Result<Listener, StartError> {
    Listener::bind(address)
        .await
        .map_err(|error| StartError::Listen {
            address: address.clone(),
            error,
        })
}

/// The listener, and the port it got.
async fn bind_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen {
        address: Address::Tcp(address),
        error,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The answer to a proxy that asks; told in log and metrics.
async fn asked(
    door: ForwardAuth,
    metrics: Arc<Metrics>,
    peer: Peer,
    head: http::request::Parts,
) -> Response<Full<Bytes>> {
    let started = Instant::now();
    let response = door.answer(peer, RequestHead::from(&head)).await;
    if let Some(decision) = response.extensions().get::<Decision>() {
        let request = Request::decided(Door::ForwardAuth, decision, started.elapsed());
        request.log();
        metrics.request(&request);
    }
    full(response)
}

fn full<T: Into<Bytes>>(response: Response<T>) -> Response<Full<Bytes>> {
    response.map(|body| Full::new(body.into()))
}

/// How long requests under way may take when the program is told to stop: what orchestrators wait
/// for by default.
const GRACE: Duration = Duration::from_secs(30);

/// Its answers take no time.
const ADMIN_GRACE: Duration = Duration::from_secs(1);
