//! `[upstreams.NAME]`: the applications that the reverse proxy sends requests to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bearward_gate::host::is_host;
use http::HeaderValue;
use url::Url;

use crate::doors::proxy::{Address, Protocol, Tls, TlsError, Upstream};

use super::description::{self, ROOT, Root, UPSTREAM};
use super::key::{Field, Key};
use super::mistakes::Code;
use super::reader::{At, Fields, Given, is_bare};
use super::secret::Document;
use super::surroundings::Surroundings;

/// One application.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamSettings {
    name: Arc<str>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) protocol: Protocol,
    tls: Option<TlsSettings>,
    /// The `Host` to send to it, if not the client's.
    pub(crate) host: Option<HeaderValue>,
    connect_timeout: Duration,
    response_timeout: Duration,
    idle_timeout: Duration,
    cooldown: Duration,
    max_requests: u32,
    max_streams: u32,
}

impl UpstreamSettings {
    pub(super) fn read_all(
        fields: &Fields<'_, Root>,
        surroundings: &Surroundings<'_>,
    ) -> Vec<Self> {
        let tables = ROOT.upstreams.read(fields).into_iter();
        let upstreams = tables.map(|(name, table)| Self::read(name.value, &table, surroundings));
        upstreams.collect()
    }

    /// The name that routes use for it.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// If it speaks TLS: the name that its certificate must prove, and the file with the trusted
    /// authorities; `None` for those of the system.
    pub(crate) fn certificate(&self) -> Option<(&str, Option<&Path>)> {
        let tls = self.tls.as_ref()?;
        let file = tls.authorities.as_ref().map(|(file, _)| file.as_path());
        Some((&tls.name, file))
    }

    /// Builds the upstream, without any connection yet.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if TLS cannot be set up; parsing has checked that it can.
    pub fn build(&self) -> Result<Upstream, TlsError> {
        let mut upstream = Upstream::new(Arc::clone(&self.name), self.addresses.clone())
            .protocol(self.protocol)
            .connect_timeout(self.connect_timeout)
            .response_timeout(self.response_timeout)
            .idle_timeout(self.idle_timeout)
            .cooldown(self.cooldown)
            .max_requests(self.max_requests)
            .max_streams(self.max_streams);
        if let Some(tls) = self.tls()? {
            upstream = upstream.tls(tls);
        }
        if let Some(host) = &self.host {
            upstream = upstream.host(host.clone());
        }
        Ok(upstream)
    }

    fn read(
        name: &str,
        fields: &Fields<'_, description::Upstream>,
        surroundings: &Surroundings<'_>,
    ) -> Self {
        let urls = UPSTREAM.urls.read(fields);
        let places = urls.iter().filter_map(|url| Place::read(url, fields));
        let places: Vec<_> = places.collect();
        if fields.is_empty(&UPSTREAM.urls) {
            fields.report(Code::Value, &UPSTREAM.urls, "`urls` is empty", "");
        }
        let tls = tls(&places, fields, surroundings);
        let host = UPSTREAM.host.read(fields).and_then(|At { value, .. }| {
            let parsed = value.parse().ok().filter(|_| is_host(value));
            if parsed.is_none() {
                let message = format!("`host`: {value:?} is not a host");
                fields.report(Code::Value, &UPSTREAM.host, message, "");
            }
            parsed
        });
        let upstream = Self {
            name: name.into(),
            addresses: places.into_iter().map(|place| place.address).collect(),
            protocol: UPSTREAM.protocol.read(fields),
            tls,
            host,
            connect_timeout: UPSTREAM.connect_timeout.read(fields),
            response_timeout: UPSTREAM.response_timeout.read(fields),
            idle_timeout: UPSTREAM.idle_timeout.read(fields),
            cooldown: UPSTREAM.cooldown.read(fields),
            max_requests: UPSTREAM.max_requests.read(fields),
            max_streams: UPSTREAM.max_streams.read(fields),
        };
        if let Err(error) = upstream.tls() {
            let key: &Field = match error {
                TlsError::Certificates => &UPSTREAM.ca,
                TlsError::Name | TlsError::Setup(_) => &UPSTREAM.urls,
            };
            fields.report(Code::Value, key, format!("`{key}`: {error}"), "");
        }
        upstream
    }

    fn tls(&self) -> Result<Option<Tls>, TlsError> {
        let tls = self.tls.as_ref();
        let tls = tls.map(|TlsSettings { name, authorities }| match authorities {
            Some((_, pem)) => Tls::authorities(name, &pem.0),
            None => Tls::system(name),
        });
        tls.transpose()
    }
}

/// The requirements for its certificate.
#[derive(Clone, Debug, PartialEq)]
struct TlsSettings {
    /// The name it must prove.
    name: String,
    /// The trusted authorities and their file; `None` for those of the system.
    authorities: Option<(PathBuf, Document)>,
}

/// One of the `urls`.
struct Place {
    address: Address,
    /// The name in the certificate, if the URL is https.
    tls_name: Option<String>,
}

impl Place {
    fn read(given: &At<&str>, fields: &Given<'_>) -> Option<Self> {
        let report = |help: &str| {
            let message = |shown: &str| {
                format!(
                    "`urls` must be like \"http://127.0.0.1:3000\" or \"unix:/run/app.sock\", not {shown}"
                )
            };
            fields.report_url((Code::Value, &UPSTREAM.urls), given, message, help);
        };
        if given.value.starts_with("unix:") {
            let address = given.value.parse();
            let address = address.map_err(|_| report("write an absolute path")).ok()?;
            let tls_name = None;
            return Some(Self { address, tls_name });
        }
        let url = given.value.parse::<Url>().ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        let host_and_port = url
            .as_ref()
            .and_then(|url| Some((url, url.host_str()?, url.port_or_known_default()?)));
        let Some((url, host, port)) = host_and_port else {
            report("");
            return None;
        };
        if url.path() != "/" || !is_bare(url) {
            report(
                "write scheme, host and port only: the path of each request is forwarded unchanged",
            );
            return None;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let tls_name = (url.scheme() == "https").then(|| bare.to_owned());
        let address = format!("{host}:{port}").parse().ok()?;
        Some(Self { address, tls_name })
    }
}

/// TLS to all of the places, or to none.
fn tls(
    places: &[Place],
    fields: &Fields<'_, description::Upstream>,
    surroundings: &Surroundings<'_>,
) -> Option<TlsSettings> {
    let names = places.iter().filter_map(|place| place.tls_name.as_deref());
    let names: Vec<_> = names.collect();
    // If a URL is invalid, the others prove nothing about TLS.
    let is_known = !fields.has_mistake(&UPSTREAM.urls);
    if is_known && names.is_empty() {
        for key in [&UPSTREAM.ca, &UPSTREAM.tls_name].map(Key::field) {
            if fields.has(key) {
                let message = format!("`{key}` has no effect without an https URL");
                fields.report(Code::Value, key, message, "");
            }
        }
        return None;
    }
    let given = UPSTREAM.tls_name.read(fields);
    let authorities = UPSTREAM.ca.read(fields).and_then(|path| {
        let pem = surroundings.read_for(fields, &UPSTREAM.ca, path.value)?;
        Some((surroundings.path(path.value), pem))
    });
    let first = names.first().filter(|_| is_known)?;
    if names.len() != places.len() {
        let message = "`urls` must either all be https or all be http";
        let help = "split them into two upstreams";
        fields.report(Code::Value, &UPSTREAM.urls, message, help);
        return None;
    }
    if given.is_none() && !fields.has(&UPSTREAM.tls_name) && names.iter().any(|name| name != first)
    {
        let message = "`urls` have different hosts, so the name in the certificate is unclear";
        fields.report(Code::Missing, &UPSTREAM.urls, message, "add `tls_name`");
        return None;
    }
    Some(TlsSettings {
        name: given.map_or(*first, |given| given.value).to_owned(),
        authorities,
    })
}
