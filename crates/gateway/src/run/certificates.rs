//! The certificates of the listeners, which a reload replaces while the listeners stay.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::ServerConfig;

use crate::config::{Listen, ListenerKind, TlsSettingsError};

/// The certificates of each listener that speaks TLS.
#[derive(Debug, Default)]
pub(super) struct Certificates(Vec<Presented>);

#[derive(Debug)]
struct Presented {
    listener: ListenerKind,
    protocols: &'static [&'static [u8]],
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Certificates {
    /// TLS for one listener, if it is configured.
    pub(super) fn of(
        &mut self,
        listen: &Listen,
        listener: ListenerKind,
        protocols: &'static [&'static [u8]],
    ) -> Result<Option<Arc<ArcSwap<ServerConfig>>>, TlsSettingsError> {
        let Some((_, Some(tls))) = listen.listener(listener) else {
            return Ok(None);
        };
        let config = Arc::new(ArcSwap::from_pointee(tls.build(protocols)?));
        self.0.push(Presented {
            listener,
            protocols,
            config: Arc::clone(&config),
        });
        Ok(Some(config))
    }

    /// The certificates that the new settings call for. Nothing is replaced yet.
    pub(super) fn renewed(&self, listen: &Listen) -> Result<Vec<Renewed>, TlsSettingsError> {
        let renewed = self.0.iter().filter_map(|presented| {
            let (_, tls) = listen.listener(presented.listener)?;
            let place = Arc::clone(&presented.config);
            let built = tls?.build(presented.protocols);
            Some(built.map(|config| Renewed { place, config }))
        });
        renewed.collect()
    }
}

/// New settings for one listener.
#[derive(Debug)]
pub(super) struct Renewed {
    place: Arc<ArcSwap<ServerConfig>>,
    config: ServerConfig,
}

impl Renewed {
    /// Uses these settings for connections accepted from now on.
    pub(super) fn present(self) {
        self.place.store(Arc::new(self.config));
    }
}
