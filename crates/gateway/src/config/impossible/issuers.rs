//! Settings of an issuer with which none of its tokens passes, or that hardly anybody means.

use std::ops::Range;

use bearward::Profile;

use super::super::description::{self, ISSUER};
use super::super::key::Field;
use super::super::mistakes::Code;
use super::super::reader::{At, Fields};
use super::claims::{Need, Obstacle};
use super::issuer::Issuer;
use super::{dotted, is_dotted};

impl<'t> Issuer<'t> {
    /// Warns about its table. Returns whether any of its tokens may pass.
    pub(super) fn warn(&self, table: &Fields<'t, description::Issuer>) -> bool {
        let mut warnings = Warnings {
            table,
            is_possible: true,
        };
        self.warn_of_profile(&warnings);
        warnings.warn_of_blanks();
        self.warn_of_clients(&mut warnings);
        self.warn_of_audiences(&warnings);
        self.warn_of_provider(&mut warnings);
        self.warn_of_subject(&mut warnings);
        self.warn_of_required_claims(&mut warnings);
        warn_of_lifetime(&mut warnings);
        warn_of_tenants(&warnings);
        warnings.is_possible
    }

    /// The issuer's URL is that of an issuer with another profile.
    fn warn_of_profile(&self, warnings: &Warnings<'_, 't>) {
        let recognised = self.names.first().copied().and_then(Profile::of_issuer);
        let profile = self.profile;
        // Every issuer may be called `generic`, and a load balancer writes the `iss` of any.
        let may_be_any = profile == Profile::Generic || profile.is_of_load_balancer();
        let Some(recognised) = recognised.filter(|found| *found != profile && !may_be_any) else {
            return;
        };
        if profile == Profile::Rfc9068 {
            let message = format!(
                "this is the URL of an issuer with the profile \"{recognised}\"; the default profile, \
                 \"rfc9068\", refuses its tokens unless it is set up to follow RFC 9068"
            );
            let help = format!("add `profile = \"{recognised}\"`");
            return warnings.warn(&ISSUER.issuer, message, &help);
        }
        let message = format!(
            "this is the URL of an issuer with the profile \"{recognised}\", but `profile` is \
             \"{profile}\""
        );
        let help = format!("write `profile = \"{recognised}\"`, or correct the URL");
        warnings.warn(&ISSUER.issuer, message, &help);
    }

    fn warn_of_clients(&self, warnings: &mut Warnings<'_, 't>) {
        if self.client_ids.is_empty() {
            return;
        }
        let clients: Vec<_> = self
            .client_ids
            .iter()
            .map(|&client| client.to_owned())
            .collect();
        if let Some(obstacle) = self.obstacle_of_clients(&clients) {
            warnings.add(&warnings.table.span_of(&ISSUER.client_ids), &obstacle);
        }
    }

    fn warn_of_audiences(&self, warnings: &Warnings<'_, 't>) {
        let is_of_keycloak = self.profile == Profile::Keycloak
            || self
                .names
                .iter()
                .any(|name| Profile::of_issuer(name) == Some(Profile::Keycloak));
        for audience in ISSUER.audiences.read(warnings.table) {
            let is_client = self.client_ids.contains(&audience.value);
            let is_its_client =
                KEYCLOAK_CLIENTS.contains(&audience.value) || audience.value.ends_with("-realm");
            let (message, help) = if is_client && self.is_by_audience {
                (
                    "is also one of `client_ids`: the ID tokens of that client have this audience, and \
                     `tokens = \"by_audience\"` accepts them",
                    "give this resource server an audience of its own",
                )
            } else if is_client && ONLY_IN_ID_TOKENS.contains(&self.profile) {
                (
                    "is also one of `client_ids`: only ID tokens have a client as their audience, and they \
                     are refused",
                    "write the audience of access tokens",
                )
            } else if is_of_keycloak && is_its_client {
                (
                    "is in nearly every token of the realm, whatever the token is for",
                    "give this resource server an audience of its own, with an audience mapper in \
                     a client scope",
                )
            } else {
                continue;
            };
            let message = format!("the audience {:?} {message}", audience.value);
            warnings
                .table
                .warn_at(Code::Value, &audience.span, message, help);
        }
    }

    fn warn_of_subject(&self, warnings: &mut Warnings<'_, 't>) {
        let Some(path) = ISSUER.subject_claim.read(warnings.table) else {
            return;
        };
        let names: Vec<_> = path.names().collect();
        let name = names.last().copied().unwrap_or_default();
        if let Some(obstacle) = self.obstacle_of_claim(&names, Need::Text) {
            warnings.add(&warnings.table.span_of(&ISSUER.subject_claim), &obstacle);
        } else if CHOSEN_BY_USERS.contains(&name) {
            let message =
                format!("at many issuers, users can change {name:?}, and so impersonate others");
            let help = "make sure that the issuer assigns the value, and never assigns it to \
             anybody else";
            warnings.warn(&ISSUER.subject_claim, message, help);
        } else if let ([_], Some((_, what))) = (
            names.as_slice(),
            NO_SUBJECTS.iter().find(|(claim, _)| *claim == name),
        ) {
            let message = format!("the claim {name:?} does not name a subject: {what}");
            let help = "name the claim that identifies a user";
            warnings.warn(&ISSUER.subject_claim, message, help);
        }
    }

    fn warn_of_required_claims(&self, warnings: &mut Warnings<'_, 't>) {
        for name in ISSUER.required_claims.read(warnings.table) {
            if let Some(obstacle) = self.obstacle_of_claim(&[name.value], Need::Present) {
                warnings.add(&name.span, &obstacle);
            } else if is_dotted(name.value) {
                let help = "require a nested claim with `claim_rules` of `[requirements]`";
                let message = dotted(name.value);
                warnings
                    .table
                    .warn_at(Code::Value, &name.span, message, help);
            }
        }
    }
}

fn warn_of_tenants(warnings: &Warnings<'_, '_>) {
    let given = ISSUER.tenants.read(warnings.table);
    if given.len() > TENANTS_HELD {
        let message = format!(
            "the gateway holds the keys of at most {TENANTS_HELD} tenants at a time, and this list is \
             longer"
        );
        let help = "if more tenants than that send requests, some requests get 503 for a while: divide \
                    the tenants among several gateways";
        warnings.warn(&ISSUER.tenants, message, help);
    }
}

fn warn_of_lifetime(warnings: &mut Warnings<'_, '_>) {
    let longest = ISSUER.max_lifetime.read(warnings.table);
    // Times are whole seconds.
    if longest.is_some_and(|longest| longest.as_secs() == 0) {
        let why = "a token would have to expire in the second in which it is issued";
        let obstacle = Obstacle::certain(
            why,
            "write the lifetime of the issuer's tokens, or leave out `max_lifetime`",
        );
        warnings.add(&warnings.table.span_of(&ISSUER.max_lifetime), &obstacle);
    }
}

/// The warnings about one table.
pub(super) struct Warnings<'w, 't> {
    pub(super) table: &'w Fields<'t, description::Issuer>,
    /// Whether any token of the issuer may pass.
    is_possible: bool,
}

impl Warnings<'_, '_> {
    pub(super) fn warn(&self, key: &Field, message: String, help: &str) {
        self.table.warn(Code::Value, key, message, help);
    }

    /// Warns of an obstacle for all tokens of the issuer.
    pub(super) fn add(&mut self, span: &Range<usize>, obstacle: &Obstacle) {
        let Obstacle {
            is_certain,
            why,
            help,
        } = obstacle;
        let (code, count) = match is_certain {
            true => (Code::Impossible, "no token"),
            false => (Code::Value, "hardly any token"),
        };
        self.is_possible &= !is_certain;
        let message = format!("{count} of the issuer can pass: {why}");
        self.table.warn_at(code, span, message, help);
    }

    /// Blanks and control characters around a name, which is compared byte for byte.
    fn warn_of_blanks(&mut self) {
        let issuer = ISSUER.issuer.read(self.table).into_iter();
        let names: Vec<_> = issuer.chain(ISSUER.also.read(self.table)).collect();
        let lists = [
            ("iss", names),
            ("aud", ISSUER.audiences.read(self.table)),
            ("the client", ISSUER.client_ids.read(self.table)),
        ];
        for (what, list) in lists {
            let has_other = list.iter().any(|name| !is_blank(name.value));
            for name in list.iter().filter(|name| is_blank(name.value)) {
                self.add_blank(what, name, has_other);
            }
        }
    }

    fn add_blank(&mut self, what: &str, name: &At<&str>, has_other: bool) {
        let why = format!(
            "{what} {:?} begins or ends with white space, or contains a control character, and no \
             issuer writes that",
            name.value
        );
        let help = "remove them";
        if !has_other {
            return self.add(&name.span, &Obstacle::certain(why, help));
        }
        // Tokens with another name of the list pass.
        let message = format!("no token can have this value: {why}");
        self.table.warn_at(Code::Value, &name.span, message, help);
    }
}

fn is_blank(name: &str) -> bool {
    let is_odd = |char: char| char.is_whitespace() || char.is_control();
    name.trim_matches(is_odd) != name || name.contains(char::is_control)
}

/// As the resource server holds them.
const TENANTS_HELD: usize = 1024;

/// The clients of every realm, in the audience of nearly every token.
const KEYCLOAK_CLIENTS: &[&str] = &["account", "broker", "realm-management"];

/// The profiles of issuers whose access tokens never have the client as an audience.
const ONLY_IN_ID_TOKENS: &[Profile] = &[
    Profile::Auth0,
    Profile::Okta,
    Profile::Ory,
    Profile::Rfc9068,
];

/// Claims that users may choose or change at many issuers.
const CHOSEN_BY_USERS: &[&str] = &[
    "email",
    "name",
    "nickname",
    "phone_number",
    "preferred_username",
];

/// Claims that are texts, but name no subject, and what they are instead.
const NO_SUBJECTS: &[(&str, &str)] = &[
    ("aud", "it is the same in all tokens"),
    ("iss", "it is the same for all tokens"),
    ("jti", "it differs in every token"),
    ("scope", "many tokens have the same value"),
    ("scp", "many have the same"),
    ("sid", "it changes with each login"),
    ("typ", "it is the same for all tokens"),
];
