//! `bearward check`: tests whether a configuration would work, before it is used.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bearward::IssuerState;
use bearward::explain::text::shown;
use bearward::fetch::FetchError;
use bearward::issuer::placeholder;
use bearward_gateway::check::{Finding, Findings};
use bearward_gateway::config::{Code, Config, Mistake, Mistakes, ServerSettings};
use serde_json::{Value, json};

use crate::format::Format;
use crate::keys::{self, NoKeys};
use crate::{Exit, Failure, NO_DOOR, help, print, running, serve};

/// Checks a configuration: reads it completely, then asks each issuer for its keys.
///
/// The configuration is not good (exit 1) if it has mistakes or no listener for requests, if an
/// issuer has no usable
/// keys, or if nothing could pass: no token of an issuer is accepted, no token meets the
/// requirements of a route, or
/// every request of a route is refused. A setting that is only unusual, or should be explicit,
/// causes a warning: the
/// configuration is still good (exit 0), and the last line has the number of warnings. A note names
/// a setting that
/// is right only if you intend it.
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
        let checked = config.clone();
        let issuers = running::run(async move |_| ask(&config).await)?;
        let mut findings = Findings::of(&checked, &issuers, SystemTime::now());
        for state in &issuers {
            let first = first_tenant(&checked.server, state);
            if let Some(finding) = first.or_else(|| any_key(&checked.server, state)) {
                findings.add(finding);
            }
        }
        print(match self.format {
            Format::Json => json_of(&findings, &issuers, checked.has_door()),
            Format::Text => self.text_of(&findings, &issuers, checked.has_door()),
        })?;
        Ok(match findings.is_good() {
            true => Exit::Good,
            false => Exit::Refused,
        })
    }

    fn text_of(&self, findings: &Findings, issuers: &[IssuerState], has_door: bool) -> String {
        let mut text = match findings.warnings() {
            warnings if warnings.is_empty() => String::new(),
            warnings => warnings.render(&self.config.display().to_string()),
        };
        text.extend(issuers.iter().map(line));
        let placeless = findings.placeless().iter();
        text.extend(placeless.map(|found| format!("warning: {}\n", shown(&found.message, 500))));
        let notes = findings.notes().iter();
        text.extend(notes.map(|note| format!("note: {}\n", shown(note, 500))));
        text.extend((!has_door).then(|| format!("{NO_DOOR}\n")));
        text.push_str(&findings.verdict());
        text.push('\n');
        text
    }

    fn print_mistakes(&self, file: &Path, mistakes: &Mistakes) -> Result<Exit, Failure> {
        print(match self.format {
            Format::Json => json_of_mistakes(mistakes),
            Format::Text => mistakes.render(&file.display().to_string()),
        })?;
        Ok(Exit::Refused)
    }
}

/// Why the keys of the first tenant cannot be fetched: a mistake in the issuer concerns all tenants.
fn first_tenant(server: &ServerSettings, state: &IssuerState) -> Option<Finding> {
    state.tenants?;
    let (before, after) = placeholder(&state.issuer)?;
    let is_tenant = |name: &&str| name.starts_with(before) && name.ends_with(after);
    let name = server.issuers().find(is_tenant)?;
    let fetched = server.issuer(name).map_err(NoKeys::Issuer);
    let error = fetched
        .and_then(|issuer| keys::fetched_for(issuer, name, NO_KEY))
        .err()?;
    Some(Finding::fatal(Code::Value.as_str(), error.to_string()))
}

/// Why keys that are fetched one by one cannot be fetched: asks for one that does not exist.
fn any_key(server: &ServerSettings, state: &IssuerState) -> Option<Finding> {
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
        Err(error) => Some(Finding::fatal(Code::Value.as_str(), error.to_string())),
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
            0 => format!("{issuer}  a key without a `kid`\n"),
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

fn json_of(findings: &Findings, issuers: &[IssuerState], has_door: bool) -> String {
    let mut warnings = list_of(findings.warnings());
    let placeless = findings.placeless().iter();
    warnings.extend(placeless.map(|found| without_place(found.code, &found.message)));
    warnings.extend((!has_door).then(|| without_place("missing", NO_DOOR)));
    let report = json!({
        "good": findings.is_good(),
        "mistakes": [],
        "left_out": 0,
        "warnings": warnings,
        "notes": findings.notes(),
        "issuers": issuers.iter().map(of_issuer).collect::<Vec<_>>(),
    });
    format!("{report}\n")
}

fn json_of_mistakes(mistakes: &Mistakes) -> String {
    let report = json!({
        "good": false,
        "mistakes": list_of(mistakes),
        "left_out": mistakes.left_out(),
        "warnings": [],
        "notes": [],
        "issuers": [],
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
  0  The configuration is good: `good`, or `good, N warnings`.
  1  It is not good: there are mistakes, an issuer has no usable keys, or nothing could pass.
  2  The file cannot be read, or a usage error.
";
