#![doc = include_str!("../README.md")]

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bearward::explain::text;
use bearward_gateway::config::Mistakes;
use clap::{CommandFactory, Parser, Subcommand};

mod check;
mod completions;
mod curl;
mod demo;
mod egress;
mod escape;
mod explain;
mod files;
mod format;
mod gen_config;
mod help;
mod issuer;
mod keys;
mod log;
mod man;
mod reason;
mod reasons;
mod rules;
mod running;
mod schema;
mod serve;
mod systemd;
mod verify;

/// Runs the program with these arguments, the first of which is its own name.
pub fn run<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> Exit {
    let program = match Program::try_parse_from(arguments) {
        Ok(program) => program,
        Err(answer) => {
            // Help and version are results, and go to stdout; a usage error goes to stderr.
            let _ = answer.print();
            return if answer.use_stderr() {
                Exit::Undecided
            } else {
                Exit::Good
            };
        }
    };
    let done = match program.command {
        Command::Check(command) => command.run(),
        Command::Completions(command) => command.run(Program::command()),
        Command::Demo(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::GenConfig(command) => command.run(),
        Command::Issuer(command) => command.run(),
        Command::Man(command) => command.run(Program::command()),
        Command::Reason(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Verify(command) => command.run(),
    };
    done.unwrap_or_else(|failure| {
        report(failure);
        Exit::Undecided
    })
}

/// Reports what went wrong. If the reader of stderr stalls, the program still ends.
fn report(failure: Failure) {
    let (written, waited) = mpsc::channel();
    let write = move || {
        let mut stderr = anstream::stderr();
        // If stderr is closed, there is nowhere to report it.
        let _ = if let Failure::Mistakes { file, mistakes } = &failure {
            let rendered = mistakes.render(&file.display().to_string());
            stderr.write_all(rendered.as_bytes())
        } else {
            let error = anstyle::AnsiColor::Red.on_default().bold();
            writeln!(stderr, "{error}error:{error:#} {failure}")
        };
        let _ = written.send(());
    };
    if thread::Builder::new().spawn(write).is_ok() {
        let _ = waited.recv_timeout(LAST_WORDS);
    }
}

/// How long the program waits at its end until the error message is written.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Writes the whole output of a command.
fn print(output: impl AsRef<[u8]>) -> Result<(), Failure> {
    io::stdout()
        .write_all(output.as_ref())
        .map_err(Failure::Write)
}

/// Ends a command whose reader may stop reading: what was decided counts all the same.
fn end(written: io::Result<()>, exit: Exit) -> Result<Exit, Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Write(error)),
        _ => Ok(exit),
    }
}

/// Guards APIs with bearer tokens: verifies access tokens, explains refusals, and runs the gateway, a
/// development issuer and a demo.
#[derive(Parser)]
#[command(
    name = "bearward",
    version,
    arg_required_else_help = true,
    after_help = "Start with `bearward demo`. Each command has its own --help.",
    after_long_help = help::sections([
        "Start with `bearward demo`. Each command has its own --help.\n",
        help::EXITS, help::ENVIRONMENT, help::FILES, help::SIGNALS,
    ])
)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Completions(completions::Completions),
    Demo(demo::Demo),
    Explain(explain::Explain),
    GenConfig(gen_config::GenConfig),
    Issuer(issuer::Issuer),
    Man(man::Man),
    Reason(reason::Reason),
    Schema(schema::Schema),
    Serve(serve::Serve),
    Verify(verify::Verify),
}

/// The exit status of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// 0: all tokens are valid, or the command did what it was asked.
    Good,
    /// 1: a token is refused, or a configuration would not work.
    Refused,
    /// 2: nothing could be decided: a usage error, no keys, or the reader of the results stopped early.
    Undecided,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => Self::SUCCESS,
            Exit::Refused => Self::from(1),
            Exit::Undecided => Self::from(2),
        }
    }
}

/// Why a command could not do what it was asked, for the person who typed it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Admin(#[from] explain::NoAnswer),
    #[error(transparent)]
    Build(#[from] bearward::BuildError),
    #[error("{}: {error}", file.display())]
    File { file: PathBuf, error: io::Error },
    #[error("expected a token, found the name of a file: pass file:{} to read the token in it", text::shown(&.0.to_string_lossy(), 200))]
    FileAsToken(PathBuf),
    #[error(
        "bearward.toml does not exist in this folder: use --config FILE, or --issuer URL --audience NAME --upstream URL"
    )]
    NoConfig,
    #[error(transparent)]
    Gateway(#[from] bearward_gateway::run::StartError),
    #[error(transparent)]
    Issuer(#[from] bearward_testing::issuer::StartError),
    #[error(transparent)]
    Keys(#[from] keys::NoKeys),
    #[error(transparent)]
    Way(#[from] egress::NoWay),
    #[error("cannot listen on {address}: {error}")]
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("{}: {NO_DOOR}", .0.display())]
    NoDoor(PathBuf),
    #[error("invalid log filter: {0}")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    #[error("{mistakes}")]
    Mistakes { file: PathBuf, mistakes: Mistakes },
    #[error("there is no command {0:?}; `bearward --help` lists them")]
    NoCommand(String),
    #[error(transparent)]
    Place(#[from] bearward_gateway::recipe::PlaceError),
    #[error("{0}")]
    Policy(#[from] bearward_core::policy::PolicyError),
    #[error("cannot read standard input: {0}")]
    Read(io::Error),
    #[error(transparent)]
    Recipe(#[from] bearward_gateway::recipe::RecipeError),
    #[error(transparent)]
    Requirements(#[from] bearward_core::requirements::RequirementsError),
    #[error("cannot start threads: {0}")]
    Runtime(io::Error),
    #[error("serving: {0}")]
    Serve(io::Error),
    #[error("standard input has one token: give the other one as file:PATH")]
    StdinTwice,
    #[error("a signal stopped the program before the command began")]
    Stopped,
    #[error("the command did not stop in time")]
    Stuck,
    #[error("a worker thread panicked; the results are not complete")]
    Worker,
    #[error("cannot write the results: {0}")]
    Write(io::Error),
}

impl Failure {
    /// The failure for the mistakes in this configuration file.
    fn mistakes_in(file: impl Into<PathBuf>) -> impl FnOnce(Mistakes) -> Self {
        |mistakes| Self::Mistakes {
            file: file.into(),
            mistakes,
        }
    }
}

/// What `check` and `serve` say of a configuration under which no request would be served.
const NO_DOOR: &str = "there is no listener for requests: add a table `[listen.proxy]`, \
    `[listen.forward_auth]` or `[listen.ext_authz]`";
