//! The sources of keys: a file, a URL, the issuer's metadata, or a static secret.
//!
//! Keys are fetched once: a command decides with those of its start.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Mutex;

use bearward::explain::NearSecret;
use bearward::explain::text::shown;
use bearward::fetch::{Answer, FetchError, Get, HttpTransport, Transport};
use bearward::{BuildError, Issuer};
use bearward_core::jwk::{SecretError, UnusableJwk, VerificationKey};
use bearward_core::jwk_set::JwkSetError;
use bearward_core::jws::UnverifiedJws;
use bearward_core::{Algorithm, JwkSet, Policy};
use bearward_gateway::config::{NEWLINE, ends_in_newline};

use crate::egress::{NoWay, Way};
use crate::{files, running};

/// The options that say where the keys are.
#[derive(clap::Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeySource {
    /// A JWK Set, in a file or at a URL [default: discovered from the issuer]; with the profile aws-alb,
    /// a key as PEM, or the URL of each key with {kid} in it
    #[arg(long, value_name = "FILE|URL", conflicts_with = "secret")]
    jwks: Option<Location>,
    /// The static secret of an issuer that signs with HS256, HS384 or HS512; also set
    /// the algorithm. Every byte of a file is part of the secret
    #[arg(long, value_name = "env:NAME|file:PATH", requires = "algorithms")]
    #[arg(conflicts_with_all = ["ca", "proxy", "internal_origin"])]
    secret: Option<Secret>,
    #[command(flatten)]
    way: Way,
}

impl KeySource {
    /// Whether a source of keys other than the issuer is given.
    pub(crate) const fn is_given(&self) -> bool {
        self.jwks.is_some() || self.secret.is_some()
    }

    /// The keys of secrets that are nearly the given one: files often end in a line feed that is not part
    /// of the secret, or lack one that is.
    pub(crate) fn near_secrets(&self, policy: &Policy) -> Vec<NearSecret> {
        let secret = self.secret.as_ref().and_then(|secret| secret.read().ok());
        let Some(secret) = secret else {
            return Vec::new();
        };
        let trimmed = secret.trim_ascii_end();
        let without = (trimmed.len() < secret.len()).then(|| (trimmed.to_vec(), WITHOUT));
        let with = ([&secret[..], b"\n"].concat(), WITH);
        let near = without.into_iter().chain([with]);
        let near = near.filter_map(|(secret, (difference, remedy))| {
            Some(NearSecret {
                keys: keys_of(policy.algorithms(), &secret).ok()?,
                difference,
                remedy,
            })
        });
        near.collect()
    }

    /// Gets the keys for this policy, or the one for this token if they are fetched one by one.
    pub(crate) fn load(&self, policy: &Policy, token: &[u8]) -> Result<JwkSet, NoKeys> {
        if let Some(secret) = &self.secret {
            return secret.keys(policy.algorithms());
        }
        // Core refuses to mix both kinds, so checking one suffices.
        if let Some(hmac) = policy.algorithms().iter().find(|alg| alg.is_symmetric()) {
            return Err(NoKeys::SecretMissing(*hmac));
        }
        let keys = match &self.jwks {
            None => {
                let issuer = Issuer::discover(policy.clone());
                fetched(self.way.to(issuer)?, policy.issuer(), token)
            }
            Some(Location::File(_)) if self.way.is_given() => Err(NoKeys::NotFetched),
            Some(Location::File(path)) => parsed(path, policy),
            Some(Location::Url(url)) => {
                let issuer = Issuer::jwks_uri(policy.clone(), url);
                fetched(self.way.to(issuer)?, url, token)
            }
        }?;
        let unusable = keys.unusable().iter();
        for key in unusable.filter(|key| key.reason != UnusableJwk::OtherUse) {
            warn(format_args!("{key}"));
        }
        Ok(keys)
    }
}

/// The location of a JWK Set.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Location {
    File(PathBuf),
    Url(String),
}

impl From<OsString> for Location {
    fn from(location: OsString) -> Self {
        let is_url = |text: &&str| ["http://", "https://"].iter().any(|s| text.starts_with(s));
        match location.to_str().filter(is_url) {
            Some(url) => Self::Url(url.to_owned()),
            None => Self::File(location.into()),
        }
    }
}

/// The location of a static secret. The secret is never an argument: every user of the machine can see
/// those.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Secret {
    Environment(String),
    File(PathBuf),
}

impl Secret {
    fn keys(&self, algorithms: &[Algorithm]) -> Result<JwkSet, NoKeys> {
        let secret = self.read()?;
        if ends_in_newline(&secret) {
            warn(format_args!("{NEWLINE}"));
        }
        keys_of(algorithms, &secret).map_err(NoKeys::Secret)
    }

    fn read(&self) -> Result<Vec<u8>, NoKeys> {
        match self {
            Self::Environment(name) => std::env::var_os(name)
                .map(OsString::into_encoded_bytes)
                .ok_or_else(|| NoKeys::SecretUnset(name.clone())),
            Self::File(path) => read(path),
        }
    }
}

fn keys_of(algorithms: &[Algorithm], secret: &[u8]) -> Result<JwkSet, SecretError> {
    let keys = algorithms
        .iter()
        .map(|algorithm| Ok((None, VerificationKey::secret(*algorithm, secret)?)));
    let keys = keys.collect::<Result<Vec<_>, SecretError>>();
    Ok(JwkSet::from_secrets(keys?))
}

/// How a secret differs from the given one, and what to do.
const WITHOUT: (&str, &str) = (
    "without the white space at its end",
    "Write the secret without a line feed: `printf %s` in place of `echo`.",
);
const WITH: (&str, &str) = (
    "with a line feed at its end",
    "The issuer's secret ends in a line feed: add it here, or better remove it at the issuer.",
);

impl FromStr for Secret {
    type Err = NotASecretSource;

    fn from_str(text: &str) -> Result<Self, NotASecretSource> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(NotASecretSource),
        }
    }
}

/// Not a location; perhaps the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a reference to the secret: `env:NAME` or `file:PATH`")]
struct NotASecretSource;

/// Why there are no keys to decide with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKeys {
    #[error("no keys from {from}: {error}{}", tried_elsewhere(from, tried.as_deref()))]
    Fetch {
        from: String,
        /// The URL that was fetched last, if the error does not name it.
        tried: Option<String>,
        error: FetchError,
    },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Issuer(BuildError),
    #[error("--ca, --proxy and --internal-origin have no effect: the keys are in a file")]
    NotFetched,
    #[error("cannot start the network: {0}")]
    Runtime(io::Error),
    #[error("{0}")]
    Secret(SecretError),
    #[error(
        "{0} needs --secret env:NAME or --secret file:PATH: a shared secret never comes from a JWK Set"
    )]
    SecretMissing(Algorithm),
    #[error("the environment variable {0} is not set")]
    SecretUnset(String),
    #[error("{}: {error}", path.display())]
    Set { path: PathBuf, error: JwkSetError },
    #[error(transparent)]
    Way(#[from] NoWay),
}

fn warn(of: fmt::Arguments<'_>) {
    let warning = anstyle::AnsiColor::Yellow.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{warning}warning:{warning:#} {of}");
}

fn parsed(path: &Path, policy: &Policy) -> Result<JwkSet, NoKeys> {
    let kind = policy.profile().key_document();
    kind.parse(&read(path)?).map_err(|error| NoKeys::Set {
        path: path.to_owned(),
        error,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, NoKeys> {
    files::read(path).map_err(|error| NoKeys::File {
        path: path.to_owned(),
        error,
    })
}

/// Fetches an issuer's keys once, or the key for this token if they are fetched one by one.
pub(crate) fn fetched(issuer: Issuer, from: &str, token: &[u8]) -> Result<JwkSet, NoKeys> {
    let jws = UnverifiedJws::parse(token).ok();
    let kid = jws.as_ref().and_then(|jws| jws.header().kid());
    fetched_for(issuer, from, kid.unwrap_or_default())
}

/// The same for a token with this `kid`.
pub(crate) fn fetched_for(issuer: Issuer, from: &str, kid: &str) -> Result<JwkSet, NoKeys> {
    let transport = issuer.transport().map_err(BuildError::from);
    let transport = Noting {
        transport: transport.map_err(NoKeys::Issuer)?,
        last: Mutex::new(None),
    };
    let keys = match issuer.is_by_kid() {
        true => running::block_on(issuer.fetch_key(kid, &transport)),
        false => running::block_on(issuer.fetch_keys(&transport)),
    };
    keys.map_err(NoKeys::Runtime)?.map_err(|error| {
        if let BuildError::Fetch(error) = error {
            let tried = transport.last.into_inner().ok().flatten();
            return NoKeys::Fetch {
                from: from.to_owned(),
                tried: tried.filter(|_| !matches!(error, FetchError::Discovery(_))),
                error,
            };
        }
        NoKeys::Issuer(error)
    })
}

/// A transport that notes the URL of each request: metadata may name keys at a host that cannot be reached
/// from here, and with an internal origin, requests go to another host than that of the issuer.
struct Noting {
    transport: HttpTransport,
    last: Mutex<Option<String>>,
}

impl Transport for Noting {
    fn get<'a>(
        &'a self,
        get: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>> {
        if let Ok(mut last) = self.last.lock() {
            *last = Some(get.url.to_string());
        }
        self.transport.get(get)
    }
}

/// The URL that was tried, if it is not the one that was asked for.
fn tried_elsewhere(from: &str, tried: Option<&str>) -> String {
    let tried = tried.filter(|tried| *tried != from);
    tried.map_or_else(String::new, |tried| {
        format!(" (at {})", shown(tried, URL_CHARS))
    })
}

/// Longest URL shown.
const URL_CHARS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_url_is_one() {
        let location = |text: &str| Location::from(OsString::from(text));
        assert_eq!(
            location("https://id.example/keys"),
            Location::Url("https://id.example/keys".to_owned())
        );
        assert_eq!(location("jwks.json"), Location::File("jwks.json".into()));
        assert_eq!(location("http.json"), Location::File("http.json".into()));
    }

    #[test]
    fn a_secret_is_named_not_given() {
        assert_eq!("env:KEY".parse(), Ok(Secret::Environment("KEY".to_owned())));
        assert_eq!("file:/a:b".parse(), Ok(Secret::File("/a:b".into())));
        for text in ["hunter2", "env:", "file:", "", "stdin:x"] {
            assert_eq!(text.parse::<Secret>(), Err(NotASecretSource), "{text}");
        }
    }
}
