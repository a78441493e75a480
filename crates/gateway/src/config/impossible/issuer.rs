//! An issuer of the file, as far as its settings decide what its tokens have.

use bearward::Profile;

use super::super::description::{self, ISSUER, Recognition};
use super::super::reader::{At, Fields};

/// An issuer, as far as it decides what its tokens have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issuer<'t> {
    pub(super) profile: Profile,
    /// What `iss` may be, each perhaps with a placeholder.
    pub(super) names: Vec<&'t str>,
    pub(super) audiences: Vec<&'t str>,
    /// The clients that it accepts; all if there are none.
    pub(super) client_ids: Vec<&'t str>,
    pub(super) is_by_audience: bool,
    pub(super) has_subject_claim: bool,
}

impl<'t> Issuer<'t> {
    pub(super) fn read(table: &Fields<'t, description::Issuer>) -> Self {
        let values = |texts: Vec<At<&'t str>>| texts.iter().map(|text| text.value).collect();
        let also = ISSUER.also.read(table);
        let names = ISSUER.issuer.read(table).into_iter().chain(also);
        Self {
            profile: ISSUER.profile.read(table),
            names: names.map(|name| name.value).collect(),
            audiences: values(ISSUER.audiences.read(table)),
            client_ids: values(ISSUER.client_ids.read(table)),
            is_by_audience: ISSUER.tokens.read(table) == Recognition::ByAudience,
            has_subject_claim: table.has(&ISSUER.subject_claim),
        }
    }

    /// The issuers, those that differ in their names alone as one: thousands may be alike.
    pub(super) fn merged(issuers: impl Iterator<Item = Self>) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::new();
        for mut issuer in issuers {
            // Elsewhere, requirements do not depend on them.
            if !issuer.has_client_as_audience() {
                issuer.audiences.clear();
            }
            match merged.iter_mut().find(|known| known.is_alike(&issuer)) {
                Some(known) => known.names.append(&mut issuer.names),
                None => merged.push(issuer),
            }
        }
        merged
    }

    /// Who gets a token for every audience from this issuer, though nobody here knows them, and which
    /// requirement tells them apart.
    pub(super) fn strangers(&self) -> Option<(&'static str, &'static str)> {
        let (_, urls, who, help) = OPEN.iter().find(|(open, ..)| *open == self.profile)?;
        let is_open = self.names.iter().any(|name| urls.contains(name));
        // The client of Google's tokens is the account.
        (is_open && self.client_ids.is_empty()).then_some((*who, *help))
    }

    fn is_alike(&self, other: &Self) -> bool {
        let Self {
            profile,
            names: _,
            audiences,
            client_ids,
            is_by_audience,
            has_subject_claim,
        } = self;
        *profile == other.profile
            && *audiences == other.audiences
            && *client_ids == other.client_ids
            && *is_by_audience == other.is_by_audience
            && *has_subject_claim == other.has_subject_claim
    }

    /// Whether the client of an accepted token is one of `audiences`: its claim is compared with them, or
    /// it is the single `aud`. Dex, which may name the client in `azp` as well, is not among these.
    pub(super) fn has_client_as_audience(&self) -> bool {
        let profile = self.profile;
        profile.client_id_claims() == [profile.audience_claim()]
    }
}

/// Services where everybody can get a token for every audience: the profile, the exact `iss`, who they are,
/// and what distinguishes yours. An enterprise at GitHub may have an `iss` of its own.
const OPEN: &[(Profile, &[&str], &str, &str)] = &[
    (
        Profile::GithubActions,
        &["https://token.actions.githubusercontent.com"],
        "every repository on GitHub",
        "require the claim `repository_id` or `repository_owner_id`",
    ),
    (
        Profile::Gitlab,
        &["https://gitlab.com"],
        "every project on GitLab",
        "require the claim `project_id` or `namespace_id`",
    ),
    (
        Profile::Google,
        &["https://accounts.google.com", "accounts.google.com"],
        "every service account of Google",
        "require the claim `sub` or `email`, or set `client_ids`",
    ),
];
