//! The options for checking a token: rules and time.

use std::time::{Duration, SystemTime};

use bearward_core::policy::{PolicyBuilder, PolicyError};
use bearward_core::{Algorithm, ClaimPath, Policy, Profile, UnixTime};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// What a token must be like, apart from its issuer and audience.
#[derive(clap::Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct Rules {
    /// An algorithm that the issuer may use; repeat, or separate with commas, for several [default:
    /// every asymmetric one that its keys allow]
    #[arg(long = "algorithm", value_name = "ALG", value_delimiter = ',')]
    #[arg(hide_possible_values = true, value_parser = algorithm())]
    pub(crate) algorithms: Vec<Algorithm>,
    /// How the issuer writes access tokens [default: rfc9068; explain assumes that of a known issuer]
    #[arg(long, value_name = "PROFILE", hide_default_value = true, value_parser = profile())]
    profile: Option<Profile>,
    /// How an access token is recognised: by `typ` and claims, or by its audience. With `by_audience`
    /// you vouch that no other kind of token, such as an ID token, has your audience
    #[arg(long, value_enum, default_value = "by_kind")]
    tokens: Tokens,
    /// The claim that names the subject, for tokens without `sub`; for a nested claim, repeat for each
    /// name of its path, outermost first
    #[arg(long, value_name = "NAME")]
    subject_claim: Vec<String>,
    /// Seconds by which clocks may differ, at most 300
    #[arg(long, value_name = "SECS", default_value_t = 30)]
    leeway: u64,
    /// The time to check the token at, in seconds since 1970 [default: now]
    #[arg(long, value_name = "UNIXTIME")]
    at: Option<u64>,
}

impl Rules {
    /// The policy with these rules, for an issuer and these audiences.
    pub(crate) fn policy(&self, issuer: &str, audiences: &[String]) -> Result<Policy, PolicyError> {
        self.policy_under(self.profile.unwrap_or(Profile::Rfc9068), issuer, audiences)
    }

    /// The profile, if it was chosen.
    pub(crate) const fn profile(&self) -> Option<Profile> {
        self.profile
    }

    /// The same, under this profile.
    pub(crate) fn policy_under(
        &self,
        profile: Profile,
        issuer: &str,
        audiences: &[String],
    ) -> Result<Policy, PolicyError> {
        let mut policy =
            policy(issuer, audiences, profile).leeway(Duration::from_secs(self.leeway));
        if self.tokens == Tokens::ByAudience {
            policy = policy.tokens_by_audience();
        }
        if !self.subject_claim.is_empty() {
            let names = self.subject_claim.iter().map(String::as_str);
            policy = policy.subject_claim(ClaimPath::new(names));
        }
        if !self.algorithms.is_empty() {
            policy = policy.algorithms(self.algorithms.iter().copied());
        }
        policy.build()
    }

    pub(crate) fn clock(&self) -> Clock {
        match self.at {
            Some(seconds) => Clock::Fixed(UnixTime::from_secs(seconds)),
            None => Clock::System,
        }
    }
}

/// How an access token is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Tokens {
    ByKind,
    ByAudience,
}

/// The source of the time.
#[derive(Clone, Copy)]
pub(crate) enum Clock {
    /// The time of `--at`.
    Fixed(UnixTime),
    /// The system's.
    System,
}

impl Clock {
    pub(crate) fn now(self) -> UnixTime {
        match self {
            Self::Fixed(time) => time,
            Self::System => SystemTime::now().into(),
        }
    }
}

/// A policy for an issuer with one audience or several.
pub(crate) fn policy(issuer: &str, audiences: &[String], profile: Profile) -> PolicyBuilder {
    let mut audiences = audiences.iter();
    let first = audiences.next().map_or("", String::as_str);
    let policy = Policy::builder(issuer, first).profile(profile);
    audiences.fold(policy, PolicyBuilder::audience)
}

fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::NAMES).try_map(|name| name.parse::<Algorithm>())
}

pub(crate) fn profile() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::NAMES).try_map(|name| name.parse::<Profile>())
}
