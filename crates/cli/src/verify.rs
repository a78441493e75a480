//! `bearward verify`: decides on tokens, with one result per line.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bearward::BuildError;
use bearward_core::confirmation::Evidence;
use bearward_core::jws::{KnownHeader, UnverifiedJws};
use bearward_core::rejection::InvalidToken;
use bearward_core::vouch::vouch;
use bearward_core::{JwkSet, Policy, Principal, UnixTime};

use crate::format::Format;
use crate::keys::KeySource;
use crate::rules::{Clock, Rules};
use crate::{Exit, Failure, end, help, keys, serve};

mod lines;
mod progress;
mod stream;
mod verdict;

use self::progress::Progress;

/// Verifies access tokens
///
/// Prints one result per line, in the order of the tokens:
///
///   {"valid":true,"subject":"…","claims":{…}}
///   {"valid":false,"error":"invalid_token","reason":"token_expired"}
///
/// `bearward reason` prints what a reason means; `bearward explain` shows every check of one token.
/// Keys are fetched once, at the start: tokens signed with a key that appears later are `kid_unknown`.
/// With the profile aws-alb, verify fetches a key only for a token that is given as an argument. To
/// read
/// tokens from stdin (`-`), give the key in a file (`--jwks`).
#[derive(clap::Args)]
#[command(after_long_help = help::sections([EXITS, help::ENVIRONMENT]))]
#[command(verbatim_doc_comment)]
pub(crate) struct Verify {
    /// The issuer, exactly as it appears in `iss`
    #[arg(long, value_name = "ISS", required_unless_present = "config")]
    issuer: Option<String>,
    /// Your name in `aud`; repeat for several, of which a token needs one
    #[arg(
        long = "audience",
        value_name = "AUD",
        required_unless_present = "config"
    )]
    audiences: Vec<String>,
    /// The configuration of a gateway, instead of options: all of its issuers, with their rules and
    /// the way to their keys
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = [
        "issuer", "audiences", "jwks", "secret", "ca", "proxy", "internal_origin", "algorithms", "profile",
        "tokens", "subject_claim", "leeway",
    ])]
    config: Option<PathBuf>,
    /// How to print results [default: json; text for a single token on a terminal]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The token, or `-` to read one token per line from stdin, byte for byte
    #[arg(value_name = "TOKEN|-")]
    token: OsString,
    // Last, since its help headings would also cover any later options.
    #[command(flatten)]
    keys: KeySource,
    #[command(flatten)]
    rules: Rules,
}

impl Verify {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let issuers = match &self.config {
            Some(file) => configured(file, &self.token)?,
            None => {
                let issuer = self.issuer.as_deref().unwrap_or_default();
                let policy = self.rules.policy(issuer, &self.audiences)?;
                let keys = self.keys.load(&policy, self.token.as_encoded_bytes())?;
                vec![(keys, policy)]
            }
        };
        let verifier = Verifier {
            issuers,
            clock: self.rules.clock(),
        };
        if self.token == "-" {
            return verifier.verify_lines(self.format.unwrap_or(Format::Json));
        }
        let format = self.format.unwrap_or_else(Format::for_stdout);
        verifier.verify_one(self.token.as_encoded_bytes(), format)
    }
}

/// The keys and the policy of each issuer in this configuration, under each of its names. For a single
/// token, only the keys of its issuer, so that another may be down.
fn configured(file: &Path, token: &OsStr) -> Result<Vec<(JwkSet, Policy)>, Failure> {
    let (_, config) = serve::load(file)?;
    let server = &config.server;
    let jws = UnverifiedJws::parse(token.as_encoded_bytes()).ok();
    let named = jws.as_ref().and_then(|jws| jws.unverified_issuer().ok());
    let issuers = server.issuers().map(|name| {
        let policy = server.policy(name).ok_or(BuildError::IssuerMissing)?;
        let keys = match token == "-" || named.as_deref() == Some(name) {
            true => keys::fetched(server.issuer(name)?, name, token.as_encoded_bytes())?,
            false => JwkSet::from_secrets([]),
        };
        Ok((keys, policy))
    });
    issuers.collect()
}

/// Everything needed to decide on a token.
struct Verifier {
    /// At least one.
    issuers: Vec<(JwkSet, Policy)>,
    clock: Clock,
}

impl Verifier {
    /// Runs all stages except the first, without a request: nothing proves possession of the key of a
    /// bound token. Skips parsing a header that equals that of the last verified token.
    fn verify(
        &self,
        known: &mut Option<KnownHeader>,
        token: &[u8],
        now: UnixTime,
    ) -> Result<Principal, InvalidToken> {
        let jws = UnverifiedJws::parse_knowing(token, known.as_ref())?;
        let (keys, policy) = self.issuer(&jws).ok_or(InvalidToken::IssuerUnknown)?;
        let claimed = vouch(jws, keys, policy, now, |jws| {
            if jws.header_is_new() {
                *known = Some(KnownHeader::of(jws));
            }
        })?;
        claimed.proven(Evidence::NONE)
    }

    /// The issuer that the token claims; for any other, the first one, whose policy refuses it.
    fn issuer(&self, jws: &UnverifiedJws<'_>) -> Option<&(JwkSet, Policy)> {
        let [only] = self.issuers.as_slice() else {
            let claimed = jws.unverified_issuer().ok();
            let is_it = |policy: &Policy| claimed.as_deref() == Some(&**policy.issuer());
            let mut issuers = self.issuers.iter();
            return issuers
                .find(|(_, policy)| is_it(policy))
                .or_else(|| self.issuers.first());
        };
        Some(only)
    }

    fn verify_one(&self, token: &[u8], format: Format) -> Result<Exit, Failure> {
        let now = self.clock.now();
        let verdict = self.verify(&mut None, token, now);
        let mut line = Vec::new();
        verdict::push_line(&verdict, format, now, &mut line);
        let exit = verdict.map_or(Exit::Refused, |_| Exit::Good);
        end(io::stdout().write_all(&line), exit)
    }

    fn verify_lines(self, format: Format) -> Result<Exit, Failure> {
        let stdin = io::stdin();
        let bytes = size_of(&stdin);
        // Results on the same terminal would break up the bar.
        let progress = if io::stderr().is_terminal() && !io::stdout().is_terminal() {
            Progress::shown(bytes)
        } else {
            Progress::hidden()
        };
        stream::verify(&Arc::new(self), format, stdin, &mut io::stdout(), progress)
    }
}

/// The length of the input, if known: only that of a file is.
#[cfg(unix)]
fn size_of(stdin: &io::Stdin) -> Option<u64> {
    use std::os::fd::AsFd;
    let stdin = File::from(stdin.as_fd().try_clone_to_owned().ok()?);
    let metadata = stdin.metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

#[cfg(not(unix))]
fn size_of(_: &io::Stdin) -> Option<u64> {
    None
}

const EXITS: &str = "\
Exit status:
  0  All tokens are valid.
  1  Some are refused.
  2  No decision was possible: no keys, or a usage error.
";
