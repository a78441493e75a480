//! Runs the program, and has the issuer, keys and times that its tests agree on.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use bearward_testing::{Algorithm, SigningKey, Token, UnixTime, keys};
use tempfile::TempDir;

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://api.example";

/// 2023-11-14T22:13:20Z.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

/// A token that is right in every respect.
pub(crate) fn good() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

/// A folder with the issuer's key set, and what it takes to accept [`good`].
pub(crate) struct Setting {
    folder: TempDir,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let setting = Self {
            folder: TempDir::new().expect("a temporary folder"),
        };
        let keys = keys::jwk_set([&SigningKey::first(Algorithm::Rs256)]);
        setting.write("jwks.json", keys.to_string());
        setting
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, contents).expect("writing to a temporary folder");
        path
    }

    pub(crate) fn jwks(&self) -> PathBuf {
        self.folder.path().join("jwks.json")
    }

    /// The program with a command that verifies, and all the options it takes.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = command([name]);
        command
            .args(["--issuer", ISSUER, "--audience", AUDIENCE])
            .args(["--at", &NOW.as_secs().to_string()])
            .arg("--jwks")
            .arg(self.jwks());
        command
    }
}

/// The program with these arguments.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bearward"));
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(mut command: Command) -> Ended {
    ended(command.output().expect("the program starts"))
}

/// Runs with these bytes on stdin.
pub(crate) fn run_with(mut command: Command, input: impl AsRef<[u8]> + Send) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe to stdin");
    std::thread::scope(|scope| {
        // Beside the reading of what it prints, so that neither waits for the other.
        scope.spawn(move || stdin.write_all(input.as_ref()));
        ended(child.wait_with_output().expect("the program ends"))
    })
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    }
}
