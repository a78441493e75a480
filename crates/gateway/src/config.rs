//! The configuration: parses TOML into everything the gateway needs, or reports every mistake at once.
//!
//! One table describes what a file may contain; the JSON Schema ([`schema`]) and the manual
//! ([`reference()`]) are made from it as well. Secrets and key files are read here, so that a parsed
//! configuration is ready to use; no issuer is contacted.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use bearward::ResourceServer;
use bearward_gate::gate::Gate;
use bearward_gate::identity::Identity;
use bearward_gate::origins::Origins;
use bearward_gate::route::Routes;
use toml::de::{DeTable, Error as TomlError};

use crate::doors::failures::{Allowance, Failures};
use crate::doors::in_force::InForce;
pub use crate::record::access_log::LogSettings;
pub use crate::record::audit::AuditSettings;
pub use crate::record::telemetry::TelemetrySettings;

mod audit;
mod description;
mod documents;
mod egress;
mod failures;
mod hosts;
mod identity;
mod impossible;
mod issuers;
mod key;
mod listen;
mod log;
mod mistakes;
mod origins;
mod reader;
mod requirements;
mod route_order;
mod routes;
mod secret;
mod sources;
mod surroundings;
mod telemetry;
mod tenants;
mod upstreams;
mod validity;

pub use self::documents::{reference, schema};
pub use self::egress::{ENVIRONMENT, EnvironmentError, proxies_of_environment};
pub use self::issuers::{NEWLINE, NO_KEY_FITS, ServerSettings, ends_in_newline};
pub(crate) use self::listen::ListenerKind;
pub use self::listen::{
    Address, AddressError, AdminSettings, ExtAuthzSettings, ForwardAuthSettings, Listen,
    ProxySettings, TlsSettings, TlsSettingsError,
};
pub use self::mistakes::{Code, Mistake, Mistakes};
pub(crate) use self::surroundings::{Contents, FileKind};
pub use self::surroundings::{FileRead, Surroundings};
pub use self::upstreams::UpstreamSettings;
pub use self::validity::CertificateWarning;

use self::description::Root;
use self::mistakes::Found;
use self::reader::Fields;
use self::validity::Certificates;

/// Where the admin listener is by default.
#[must_use]
pub fn default_admin_address() -> &'static str {
    description::ADMIN
        .address
        .default_text()
        .unwrap_or_default()
}

/// The maximum size of a configuration: 10 000 issuers take a third of it, and 10 000 routes less.
const CONFIG_BYTES: usize = 4 * 1024 * 1024;

/// Reads the text of a configuration file. Reading stops after the maximum size; [`Config::parse_in`]
/// refuses a longer text.
///
/// # Errors
///
/// The error of reading the file, or that it is not UTF-8.
pub fn read_text(file: &Path) -> io::Result<String> {
    read_text_of(file, FileKind::Any)
}

/// As [`read_text`], for a file of this kind.
pub(crate) fn read_text_of(file: &Path, kind: FileKind) -> io::Result<String> {
    let bytes = kind.read(file, CONFIG_BYTES)?;
    if bytes.len() > CONFIG_BYTES {
        // The text may end within a character.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
    String::from_utf8(bytes).map_err(not_text)
}

/// A configuration without mistakes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whose tokens are accepted, and the contents of challenges.
    pub server: ServerSettings,
    /// Which requests may pass.
    pub routes: Routes,
    /// How the application learns who sent a request.
    pub identity: Identity,
    /// Which pages may read a refusal.
    pub origins: Origins,
    /// How many failures a client may have, if that is limited.
    pub failures: Option<Allowance>,
    /// The applications that the reverse proxy sends requests to.
    pub upstreams: Vec<UpstreamSettings>,
    /// Where to listen.
    pub listen: Listen,
    /// What the log shows.
    pub log: LogSettings,
    /// Where decisions are recorded, if anywhere.
    pub audit: Option<AuditSettings>,
    /// Where traces go, if anywhere.
    pub telemetry: Option<TelemetrySettings>,
    /// The files it refers to, as they were read.
    pub files: Vec<FileRead>,
    certificates: Vec<Certificates>,
    /// Valid settings that should be stated more clearly.
    pub warnings: Mistakes,
}

impl Config {
    /// Reads a configuration; file paths are relative to the current folder.
    ///
    /// # Errors
    ///
    /// [`Mistakes`]: the first hundred, and the number of the others.
    pub fn parse(text: &str) -> Result<Self, Mistakes> {
        Self::parse_in(text, &Surroundings::of("".as_ref()))
    }

    /// Reads a configuration that refers to these surroundings.
    ///
    /// This reads files, so do not call it on a thread that serves.
    ///
    /// # Errors
    ///
    /// [`Mistakes`]: the first hundred, and the number of the others.
    pub fn parse_in(text: &str, surroundings: &Surroundings<'_>) -> Result<Self, Mistakes> {
        let found = Found::default();
        if text.len() > CONFIG_BYTES {
            report_too_large(&found);
            return Err(Mistakes::new("", found));
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            report_syntax(error, &found);
        }
        // Half a document would lead to false mistakes.
        if !errors.is_empty() {
            return Err(Mistakes::new(text, found));
        }
        let fields = Fields::of_file(table.get_ref(), &found);
        let mut config = Self::read(&fields, surroundings);
        // A value that could not be read was replaced by a placeholder.
        if !found.is_empty() {
            return Err(Mistakes::new(text, found));
        }
        config.warnings = Mistakes::warnings(text, found);
        Ok(config)
    }

    /// Builds the resource server of this configuration, which starts to fetch keys at once. Needs a
    /// tokio runtime.
    ///
    /// # Errors
    ///
    /// [`bearward::BuildError`] if there is no HTTP client; parsing has reported all mistakes.
    pub fn resource_server(&self) -> Result<ResourceServer, bearward::BuildError> {
        self.server.build(None)
    }

    /// As [`Config::resource_server`], to replace `before`: keeps its keys if the settings for fetching
    /// them are unchanged.
    ///
    /// # Errors
    ///
    /// As [`Config::resource_server`].
    pub fn resource_server_after(
        &self,
        before: &ResourceServer,
    ) -> Result<ResourceServer, bearward::BuildError> {
        self.server.build(Some(before))
    }

    /// Whether there is a listener for requests. The admin listener alone serves none.
    #[must_use]
    pub const fn has_door(&self) -> bool {
        let listen = &self.listen;
        listen.proxy.is_some() || listen.forward_auth.is_some() || listen.ext_authz.is_some()
    }

    /// The files with a certificate that is not valid at this time.
    #[must_use]
    pub fn certificate_warnings(&self, now: SystemTime) -> Vec<CertificateWarning> {
        let mut warnings: Vec<CertificateWarning> = Vec::new();
        for certificates in &self.certificates {
            let warning = certificates.warning(now);
            // Several listeners may use the same file.
            warnings.extend(warning.filter(|warning| !warnings.contains(warning)));
        }
        warnings
    }

    /// The state that this configuration puts in force, with its resource server and without upstreams.
    #[must_use]
    pub fn in_force(&self, server: ResourceServer) -> InForce {
        let gate = Gate::new(self.routes.clone(), self.identity.clone());
        let failures = self.failures.map(Failures::new);
        InForce::new(server, gate.origins(self.origins.clone())).failures(failures)
    }

    fn read(fields: &Fields<'_, Root>, surroundings: &Surroundings<'_>) -> Self {
        let mut server = ServerSettings::read(fields, surroundings);
        let requirements = requirements::read(fields);
        let listen = Listen::read(fields, surroundings);
        let proxy = listen.proxy.as_ref();
        let overrides = proxy.map_or(&[][..], |proxy| &proxy.method_overrides);
        let id_token_field = server.id_token_field.clone();
        let id_token_field = id_token_field.as_ref();
        let reader = sources::Reader::new(fields, id_token_field, &listen);
        let routes = Routes::new(routes::read(fields, &requirements, &reader, &listen));
        impossible::warn(fields, &requirements, routes.iter());
        let sources = routes.sources();
        server.publish(&sources);
        Self {
            identity: identity::read(fields, id_token_field, overrides, &sources),
            routes,
            origins: origins::read(fields),
            failures: failures::read(fields, &listen),
            upstreams: UpstreamSettings::read_all(fields, surroundings),
            log: log::read(fields, surroundings),
            audit: audit::read(fields, surroundings),
            telemetry: telemetry::read(fields),
            // After everything else was read.
            files: surroundings.files(),
            certificates: surroundings.certificates(),
            server,
            listen,
            warnings: Mistakes::default(),
        }
    }
}

fn report_too_large(found: &Found) {
    let message = format!("the configuration is longer than the maximum of {CONFIG_BYTES} bytes");
    let help = "one route can match many paths: `path`, `path_prefix` and `path_glob` take lists";
    found.add(Mistake::new(Code::TooLarge, &(0..0), message, help));
}

fn report_syntax(error: &TomlError, found: &Found) {
    let message = error.message();
    let span = error.span().unwrap_or_default();
    found.add(if message.contains("duplicate key") {
        let help = "write each key and table only once";
        Mistake::new(Code::Duplicate, &span, "the same key appears twice", help)
    } else {
        Mistake::new(Code::Syntax, &span, format!("not TOML: {message}"), "")
    });
}

/// Reports every name that occurs a second time.
fn report_duplicates<'a>(
    names: impl IntoIterator<Item = &'a reader::At<&'a str>>,
    what: &str,
    fields: &reader::Given<'_>,
) {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name.value) {
            let message = format!("{what} {:?} appears twice", name.value);
            fields.report_at(Code::Duplicate, &name.span, message, "");
        }
    }
}
