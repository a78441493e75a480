//! `bearward check`: tests whether a configuration would work, before it is used.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bearward::IssuerState;
use bearward::core::jwk::UnusableJwk;
use bearward::core::limits::NAMELESS_KEYS;
use bearward::explain::text::shown;
use bearward::fetch::FetchError;
use bearward::issuer::placeholder;
use bearward_gateway::config::{Code, Config, Mistake, Mistakes, NO_KEY_FITS, ServerSettings};
use serde_json::{Value, json};

use crate::format::Format;
use crate::keys::{self, NoKeys};
use crate::{Exit, Failure, NO_DOOR, help, print, running, serve};

/// Checks a configuration: reads it completely, then asks each issuer for its keys.
///
/// Warns if something should be set explicitly, such as how the application reads paths; the
/// result stays good (exit 0). If no token could meet a requirement, it is not good (exit 1).
#[derive(clap::Args)]
#[command(after_long_help = help::sections([EXITS, help::ENVIRONMENT, help::FILES]))]
pub(crate) struct Check {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "bearward.toml")]
    config: PathBuf,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Check {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let config = match serve::load(&self.config) {
            Ok((_, config)) => config,
            Err(Failure::Mistakes { file, mistakes }) => {
                return self.print_mistakes(&file, &mistakes);
            }
            Err(failure) => return Err(failure),
        };
        let warnings = config.warnings.clone();
        let certificates = config.certificate_warnings(SystemTime::now());
        let certificates = certificates
            .iter()
            .map(|warning| ("certificate", warning.to_string()));
        let has_door = config.has_door();
        let note = note(&config);
        let server = config.server.clone();
        let issuers = running::run(async move |_| ask(&config).await)?;
        let strangers = issuers
            .iter()
            .filter_map(|state| first_tenant(&server, state).or_else(|| any_key(&server, state)));
        let strangers: Vec<_> = strangers.collect();
        let about_keys = issuers.iter().flat_map(|state| about_keys(&server, state));
        let about_keys = about_keys.chain(strangers.iter().cloned());
        let placeless: Vec<_> = about_keys.chain(certificates).collect();
        let codes = warnings.iter().map(|warning| warning.code.as_str());
        let mut codes = codes.chain(placeless.iter().map(|(code, _)| *code));
        let is_possible = !codes.any(|code| code == Code::Impossible.as_str());
        let has_keys = issuers.iter().all(IssuerState::is_ready);
        let is_good = has_door && is_possible && has_keys && strangers.is_empty();
        print(match self.format {
            Format::Json => {
                let mut list = list_of(&warnings);
                let placeless = placeless.iter();
                list.extend(placeless.map(|(code, text)| without_place(code, text)));
                list.extend((!has_door).then(|| without_place("missing", NO_DOOR)));
                let noted = Noted {
                    warnings: &list,
                    note,
                    issuers: &issuers,
                };
                json_of(is_good, None, noted)
            }
            Format::Text => {
                let placeless = placeless.iter();
                let placeless =
                    placeless.map(|(_, text)| format!("warning: {}\n", shown(text, 500)));
                let no_door = (!has_door).then(|| format!("{NO_DOOR}\n"));
                let note = note.map(|note| format!("note: {note}\n"));
                let lines = issuers.iter().map(line).chain(placeless).chain(note);
                let lines: String = lines.chain(no_door).collect();
                let verdict = if is_good { "good" } else { "not good" };
                let warnings = match warnings.is_empty() {
                    true => String::new(),
                    false => warnings.render(&self.config.display().to_string()),
                };
                format!("{warnings}{lines}{verdict}\n")
            }
        })?;
        Ok(if is_good { Exit::Good } else { Exit::Refused })
    }

    fn print_mistakes(&self, file: &Path, mistakes: &Mistakes) -> Result<Exit, Failure> {
        print(match self.format {
            Format::Json => json_of(false, Some(mistakes), Noted::default()),
            Format::Text => mistakes.render(&file.display().to_string()),
        })?;
        Ok(Exit::Refused)
    }
}

/// What a valid setting cannot do behind some proxy, which the configuration does not name.
fn note(config: &Config) -> Option<&'static str> {
    let is_concerned = !config.origins.is_empty() && config.listen.forward_auth.is_some();
    is_concerned.then_some(
        "`origins` has no effect behind ingress-nginx, which passes on no field of a refusal except \
         `WWW-Authenticate`; the recipes of the other proxies pass on what pages need",
    )
}

/// What is wrong with an issuer's keys, each with its code.
fn about_keys(server: &ServerSettings, state: &IssuerState) -> Vec<(&'static str, String)> {
    let (issuer, keys) = (&state.issuer, &state.keys);
    let mut found = Vec::new();
    let policy = server.policy(issuer);
    let algorithms = || keys.algorithms.iter().copied();
    // Keys that are fetched one by one are not known yet.
    if keys.is_usable
        && !state.is_by_kid
        && policy.is_some_and(|policy| !policy.allows_any(algorithms()))
    {
        found.push((
            Code::Impossible.as_str(),
            format!("{issuer}: {NO_KEY_FITS}"),
        ));
    }
    for kid in &keys.ambiguous {
        let text =
            format!("{issuer}: several keys have the name {kid:?}, so tokens with it are refused");
        found.push(("kid_ambiguous", text));
    }
    for algorithm in &keys.too_many_nameless {
        let text = format!(
            "{issuer}: more than {NAMELESS_KEYS} keys without a `kid` are for {algorithm}, so its tokens are refused"
        );
        found.push(("kid_missing", text));
    }
    // Keys for encryption are published on purpose.
    let unusable = keys.unusable.iter();
    for key in unusable.filter(|key| key.reason != UnusableJwk::OtherUse) {
        found.push((key.reason.code(), format!("{issuer}: {key}")));
    }
    found
}

/// Why the keys of the first tenant cannot be fetched: a mistake in the issuer concerns all tenants.
fn first_tenant(server: &ServerSettings, state: &IssuerState) -> Option<(&'static str, String)> {
    state.tenants?;
    let (before, after) = placeholder(&state.issuer)?;
    let is_tenant = |name: &&str| name.starts_with(before) && name.ends_with(after);
    let name = server.issuers().find(is_tenant)?;
    let fetched = server.issuer(name).map_err(NoKeys::Issuer);
    let error = fetched
        .and_then(|issuer| keys::fetched_for(issuer, name, NO_KEY))
        .err()?;
    Some((Code::Value.as_str(), error.to_string()))
}

/// Why keys that are fetched one by one cannot be fetched: asks for one that does not exist.
fn any_key(server: &ServerSettings, state: &IssuerState) -> Option<(&'static str, String)> {
    let name = &state.issuer;
    let issuer = server.issuer(name).ok()?;
    if !issuer.is_by_kid() {
        return None;
    }
    match keys::fetched_for(issuer, name, NO_KEY) {
        Ok(_) => None,
        Err(NoKeys::Fetch {
            error: FetchError::Status(403 | 404),
            ..
        }) => None,
        Err(error) => Some((Code::Value.as_str(), error.to_string())),
    }
}

/// Asks each issuer for its keys.
async fn ask(config: &Config) -> Result<Vec<IssuerState>, Failure> {
    let server = config.resource_server()?;
    // An issuer that takes longer has not answered.
    let _ = tokio::time::timeout(PATIENCE, server.attempted()).await;
    Ok(server.state())
}

fn line(state: &IssuerState) -> String {
    let issuer = &state.issuer;
    let keys = &state.keys;
    match &keys.last_error {
        // Discovery asks at up to three URLs, and each has its failure.
        Some(error) => format!("{issuer}  {}\n", shown(&error.to_string(), 1000)),
        None if state.tenants.is_some() => {
            let count = state.tenants.unwrap_or_default();
            let tenants = if count == 1 { "tenant" } else { "tenants" };
            format!(
                "{issuer}  {count} {tenants}, whose keys are fetched when their tokens arrive\n"
            )
        }
        None if state.is_by_kid => {
            format!("{issuer}  keys, each of which is fetched when its tokens arrive\n")
        }
        None if !keys.is_usable => format!("{issuer}  did not answer in time\n"),
        None => match keys.kids.len() {
            0 => format!("{issuer}  a key without a name\n"),
            1 => format!("{issuer}  1 key\n"),
            count => format!("{issuer}  {count} keys\n"),
        },
    }
}

fn of_issuer(state: &IssuerState) -> Value {
    let error = state.keys.last_error.as_ref().map(ToString::to_string);
    json!({
        "issuer": state.issuer,
        "usable": state.keys.is_usable,
        "kids": state.keys.kids,
        "error": error,
    })
}

/// What is found in a configuration without mistakes.
#[derive(Clone, Copy, Default)]
struct Noted<'f> {
    warnings: &'f [Value],
    note: Option<&'static str>,
    issuers: &'f [IssuerState],
}

fn json_of(is_good: bool, mistakes: Option<&Mistakes>, noted: Noted<'_>) -> String {
    let report = json!({
        "good": is_good,
        "mistakes": mistakes.map_or_else(Vec::new, list_of),
        "left_out": mistakes.map_or(0, Mistakes::left_out),
        "warnings": noted.warnings,
        "notes": noted.note.as_slice(),
        "issuers": noted.issuers.iter().map(of_issuer).collect::<Vec<_>>(),
    });
    format!("{report}\n")
}

fn without_place(code: &str, text: &str) -> Value {
    json!({
        "code": code,
        "line": null,
        "column": null,
        "message": text,
        "help": null,
    })
}

fn list_of(mistakes: &Mistakes) -> Vec<Value> {
    let of_one = |mistake: &Mistake| {
        let (line, column) = mistakes.place(mistake);
        json!({
            "code": mistake.code.as_str(),
            "line": line,
            "column": column,
            "message": mistake.message,
            "help": mistake.help,
        })
    };
    mistakes.iter().map(of_one).collect()
}

/// A UUID that is the name of no key (RFC 9562 §5.9).
const NO_KEY: &str = "00000000-0000-0000-0000-000000000000";

/// How long all issuers together may take.
const PATIENCE: Duration = Duration::from_secs(15);

const EXITS: &str = "\
Exit status:
  0  The configuration has no mistakes (it may have warnings), and each issuer has usable keys.
  1  There are mistakes, or an issuer has no usable keys.
  2  The file cannot be read, or a usage error.
";
