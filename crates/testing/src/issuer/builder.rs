//! Settings of the development issuer, and its start.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use bearward_core::{Algorithm, UnixTime};
use http::HeaderValue;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use super::fault::Fault;
use super::fetches::FetchCounts;
use super::keyring::Keyring;
use super::registered::{Client, User};
use super::session::Store;
use super::start_error::StartError;
use super::state::{Answers, Etags, Origin, State};
use super::tls::{Certificates, Tls};
use super::{DevIssuer, authorize, connection, control, published, token_endpoint};
use crate::keys::SigningKey;

/// Settings of a [`DevIssuer`]. Every one has a default.
#[must_use]
pub struct DevIssuerBuilder {
    access_token_lifetime: Duration,
    address: SocketAddr,
    audience: Option<String>,
    cache_control: Option<String>,
    clients: Vec<Client>,
    clock: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    etags: Etags,
    fault: Option<Fault>,
    keys: Vec<SigningKey>,
    public_origin: Option<String>,
    rotate_every: Option<Duration>,
    tls: Tls,
    users: Vec<User>,
}

impl DevIssuerBuilder {
    pub(super) fn new() -> Self {
        Self {
            access_token_lifetime: ACCESS_TOKEN_LIFETIME,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            audience: None,
            cache_control: None,
            clients: vec![Client::demo(), Client::demo_machine()],
            clock: Arc::new(|| SystemTime::now().into()),
            etags: Etags::Off,
            fault: None,
            keys: vec![SigningKey::first(Algorithm::Rs256)],
            public_origin: None,
            rotate_every: None,
            tls: Tls::Off,
            users: vec![User::demo(), User::demo_admin()],
        }
    }

    /// Listens here; by default on a free port of 127.0.0.1.
    ///
    /// The issuer gives tokens to anyone: keep it on loopback, or behind something that controls
    /// access.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Signs with the fixed keys for these algorithms; the first signs unless a request names
    /// another. By default RS256.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.keys(algorithms.into_iter().map(SigningKey::first))
    }

    /// Signs with these keys; the first signs unless a request names another algorithm.
    pub fn keys(mut self, keys: impl IntoIterator<Item = SigningKey>) -> Self {
        self.keys = keys.into_iter().collect();
        self
    }

    /// Knows these clients; by default [`Client::demo`] and [`Client::demo_machine`].
    pub fn clients(mut self, clients: impl IntoIterator<Item = Client>) -> Self {
        self.clients = clients.into_iter().collect();
        self
    }

    /// Knows these users; by default [`User::demo`] and [`User::demo_admin`].
    pub fn users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users = users.into_iter().collect();
        self
    }

    /// The audience of tokens requested without a resource; by default the issuer itself, as with
    /// Authgear.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long access tokens are valid; by default 1800 s, as with Authgear.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_token_lifetime = lifetime;
        self
    }

    /// Switches to a new signing key this often, and keeps the old ones in the key set. The first
    /// request after the time triggers the change. By default there is no rotation.
    pub fn rotate_every(mut self, period: Duration) -> Self {
        self.rotate_every = Some(period);
        self
    }

    /// Uses this clock; by default the system's.
    pub fn clock(mut self, clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Uses TLS, correctly or not; by default not at all.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Sends this `Cache-Control` with metadata and keys; by default none, like Authgear.
    pub fn cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = Some(value.into());
        self
    }

    /// Sends an `ETag` with metadata and keys, and answers 304; by default not, like Authgear.
    pub fn etags(mut self) -> Self {
        self.etags = Etags::On;
        self
    }

    /// Sets the public origin of the issuer, such as `https://auth.example`, without a trailing
    /// slash.
    ///
    /// If a fetch of metadata or keys names another origin in `Host` and `X-Forwarded-Proto` (or by
    /// the socket's scheme), the answer is 307, as from Authgear. By default the origin is the
    /// address, and any `Host` is accepted.
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.public_origin = Some(origin.into());
        self
    }

    /// Starts with this fault; by default with none.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Binds the address and serves, on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense, the address is taken, or no certificate can be made.
    pub async fn start(self) -> Result<DevIssuer, StartError> {
        let (signer, others) = signers(self.keys)?;
        let cache_control = self.cache_control.map(HeaderValue::try_from).transpose();
        let cache_control = cache_control.map_err(|_| StartError::CacheControl)?;
        if !self.public_origin.iter().all(|origin| is_origin(origin)) {
            return Err(StartError::PublicOrigin);
        }
        let certificates = Certificates::new()?;
        let ca_pem = certificates.ca_pem(self.tls);
        let speech = certificates.speech(self.tls)?;
        let scheme = match self.tls {
            Tls::Off => "http",
            Tls::Expired | Tls::SelfSigned | Tls::SignedByCa | Tls::Silent | Tls::WrongName => {
                "https"
            }
        };

        let listener = bind(self.address).await?;
        let address = listener.local_addr().map_err(|error| StartError::Bind {
            address: self.address,
            kind: error.kind(),
        })?;
        let (url, origin) = match self.public_origin {
            Some(origin) => (origin, Origin::Public { scheme }),
            None => (format!("{scheme}://{}", reachable(address)), Origin::Any),
        };
        let now = (self.clock)();
        let state = Arc::new(State {
            audience: self.audience.unwrap_or_else(|| url.clone()),
            url,
            clients: self.clients,
            users: self.users.into_iter().map(Arc::new).collect(),
            access_token_lifetime: self.access_token_lifetime,
            answers: Answers {
                cache_control,
                etags: self.etags,
                origin,
            },
            clock: self.clock,
            keyring: Mutex::new(Keyring::new(signer, others, self.rotate_every, now)),
            rotation: tokio::sync::Mutex::default(),
            store: Mutex::new(Store::default()),
            fault: watch::Sender::new(self.fault),
            fetches: watch::Sender::new(FetchCounts::default()),
        });
        let (stop, stopped) = oneshot::channel();
        let (tls, speech) = watch::channel(speech);
        let task = tokio::spawn(connection::serve(listener, speech, routes(&state), stopped));
        Ok(DevIssuer {
            state,
            address,
            ca_pem,
            certificates,
            tls,
            stop,
            task,
        })
    }
}

impl fmt::Debug for DevIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIssuerBuilder")
            .field("address", &self.address)
            .field("clients", &self.clients)
            .field("users", &self.users)
            .field("keys", &self.keys)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// The key that signs, and those for other algorithms.
fn signers(keys: Vec<SigningKey>) -> Result<(SigningKey, Vec<SigningKey>), StartError> {
    if keys.iter().any(|key| key.algorithm().is_symmetric()) {
        return Err(StartError::SymmetricKey);
    }
    let mut keys = keys.into_iter();
    let signer = keys.next().ok_or(StartError::NoKey)?;
    Ok((signer, keys.collect()))
}

fn routes(state: &Arc<State>) -> Router {
    Router::new()
        .merge(authorize::routes())
        .merge(control::routes(state))
        .merge(published::routes(state))
        .merge(token_endpoint::routes())
        .with_state(Arc::clone(state))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| StartError::Bind {
        address,
        kind: error.kind(),
    })
}

/// The address at which to reach a listener: loopback if it listens everywhere.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// Whether `text` is an `http` or `https` origin.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    matches!(scheme, "http" | "https") && text == format!("{scheme}://{authority}")
}

/// Authgear's default.
const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(1800);
