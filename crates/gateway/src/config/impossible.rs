//! Warnings about settings with which no token can pass, and about those that hardly anybody means.
//!
//! What an issuer's tokens can have follows from its profile. A warning with the code `impossible` is
//! certain: with such a setting, no token of any issuer passes. Others have the code `value`.

use std::collections::BTreeSet;

use bearward::{ClaimPath, Profile};

use super::description::{
    self, CLAIM_RULE, IDENTITY, IDENTITY_FIELD, ISSUER, PrincipalKind, REQUIREMENTS, ROOT,
    Recognition, Root,
};
use super::key::Field;
use super::mistakes::Code;
use super::reader::Fields;

/// Warns about the issuers and requirements of a file.
pub(super) fn warn(fields: &Fields<'_, Root>) {
    let issuers = ROOT.issuers.read(fields);
    for issuer in &issuers {
        warn_of_profile(issuer);
        warn_of_clients(issuer);
        warn_of_audiences(issuer);
        warn_of_subject(issuer);
        warn_of_tenants(issuer);
        for name in ISSUER.required_claims.read(issuer) {
            if is_dotted(name.value) {
                let message = dotted(name.value);
                let help = "require a nested claim with `claim_rules` of `[requirements]`";
                issuer.warn_at(Code::Value, &name.span, message, help);
            }
        }
    }
    if let Some(identity) = &ROOT.identity.read(fields) {
        for field in IDENTITY.fields.read(identity) {
            let path = IDENTITY_FIELD.claim.read(&field);
            // In a list, names may have dots.
            let names: Vec<_> = path.iter().flat_map(ClaimPath::names).collect();
            if let [name] = names.as_slice()
                && is_dotted(name)
            {
                let message = dotted(name);
                field.warn(
                    Code::Value,
                    &IDENTITY_FIELD.claim,
                    message,
                    "write a path as a list",
                );
            }
        }
    }
    let profiles: Vec<_> = issuers
        .iter()
        .map(|issuer| ISSUER.profile.read(issuer))
        .collect();
    // Without issuers, nothing is known of their tokens.
    if profiles.is_empty() {
        return;
    }
    for (name, table) in &ROOT.requirements.read(fields) {
        let requirement = Requirement {
            name: name.value,
            fields: table,
            profiles: &profiles,
        };
        requirement.warn_of_kind();
        requirement.warn_of_users();
        requirement.warn_of_access();
        requirement.warn_of_claims();
    }
}

/// The issuer's URL shows another kind of issuer than the default profile, which hardly anybody
/// else conforms to.
fn warn_of_profile(issuer: &Fields<'_, description::Issuer>) {
    let name = ISSUER.issuer.read(issuer);
    let recognised = name.and_then(|name| Profile::of_issuer(name.value));
    let is_default = ISSUER.profile.read(issuer) == Profile::Rfc9068;
    let Some(recognised) = recognised.filter(|_| is_default) else {
        return;
    };
    let message = format!(
        "the URL is that of an issuer for the profile \"{recognised}\", whose tokens are refused \
         under \"rfc9068\", unless it was set up to follow that standard"
    );
    let help = format!("add `profile = \"{recognised}\"`");
    issuer.warn(Code::Value, &ISSUER.issuer, message, &help);
}

fn warn_of_clients(issuer: &Fields<'_, description::Issuer>) {
    let profile = ISSUER.profile.read(issuer);
    if !issuer.has(&ISSUER.client_ids) || !profile.client_id_claims().is_empty() {
        return;
    }
    let message =
        format!("no token can pass: under the profile \"{profile}\", none names a client");
    let help = "leave it out, and rely on `audiences`";
    issuer.warn(Code::Impossible, &ISSUER.client_ids, message, help);
}

fn warn_of_audiences(issuer: &Fields<'_, description::Issuer>) {
    let profile = ISSUER.profile.read(issuer);
    let by_audience = ISSUER.tokens.read(issuer) == Recognition::ByAudience;
    let clients = ISSUER.client_ids.read(issuer);
    for audience in ISSUER.audiences.read(issuer) {
        let is_client = clients.iter().any(|client| client.value == audience.value);
        let of_keycloak = |name: &str| KEYCLOAK_CLIENTS.contains(&name) || name.ends_with("-realm");
        let (message, help) = if is_client && by_audience {
            (
                "is also one of `client_ids`: the ID tokens of that client have this audience, and \
                 `tokens = \"by_audience\"` accepts them",
                "give this resource server an audience of its own",
            )
        } else if is_client && ONLY_IN_ID_TOKENS.contains(&profile) {
            (
                "is also one of `client_ids`: only ID tokens have a client as their audience, and they \
                 are refused",
                "write the audience of access tokens",
            )
        } else if profile == Profile::Keycloak && of_keycloak(audience.value) {
            (
                "is in nearly every token of the realm, whatever it is for",
                "give this resource server an audience of its own, with an audience mapper in the \
                 client's scope",
            )
        } else {
            continue;
        };
        let message = format!("the audience {:?} {message}", audience.value);
        issuer.warn_at(Code::Value, &audience.span, message, help);
    }
}

fn warn_of_subject(issuer: &Fields<'_, description::Issuer>) {
    let Some(path) = ISSUER.subject_claim.read(issuer) else {
        return;
    };
    let name = path.names().last().unwrap_or_default();
    if !CHOSEN_BY_USERS.contains(&name) {
        return;
    }
    let message =
        format!("users of many issuers may change {name:?}, and so take the place of others");
    let help = "make sure that the issuer assigns it, and never to anybody else";
    issuer.warn(Code::Value, &ISSUER.subject_claim, message, help);
}

/// Microsoft names a tenant by its ID in `iss` and `tid`, whatever domains it has.
fn warn_of_tenants(issuer: &Fields<'_, description::Issuer>) {
    let is_uuid = |tenant: &str| tenant.len() == 36 && tenant.split('-').count() == 5;
    let is_entra = ISSUER.profile.read(issuer) == Profile::Entra;
    let given = ISSUER.tenants.read(issuer);
    let is_file = given
        .first()
        .is_some_and(|only| only.value.starts_with("file:"));
    if given.len() > TENANTS_HELD {
        let message = format!(
            "the keys of {TENANTS_HELD} tenants are held at a time, and the list is longer"
        );
        let help = "if more of them send requests, some are answered 503 for a while: divide them among gateways";
        issuer.warn(Code::Value, &ISSUER.tenants, message, help);
    }
    for tenant in given.iter().filter(|_| is_entra && !is_file) {
        if !is_uuid(tenant.value) {
            let message = format!(
                "{:?} is not the ID of a tenant, which is a UUID",
                tenant.value
            );
            let help = "write the IDs of tenants, or file:PATH for a file with them";
            issuer.warn_at(Code::Value, &tenant.span, message, help);
        }
    }
}

/// Whether this name of a claim is mostly meant as a path.
fn is_dotted(name: &str) -> bool {
    name.contains('.') && !name.contains('/') && !OBJECTS.iter().any(|(known, _)| *known == name)
}

fn dotted(name: &str) -> String {
    format!(
        "names are taken literally, so this is the one claim {name:?}, with the dots in its name"
    )
}

/// A table of requirements, and the profiles of all issuers.
struct Requirement<'r, 't> {
    name: &'t str,
    fields: &'r Fields<'t, description::Requirements>,
    profiles: &'r [Profile],
}

impl Requirement<'_, '_> {
    fn warn_of_kind(&self) {
        let kind = REQUIREMENTS.kind.read(self.fields);
        let (is_impossible, who, help) = match kind {
            None => return,
            Some(PrincipalKind::Machine) => (
                self.no_profile(Profile::marks_machines),
                "recognises machines",
                "set the `profile` of the issuer of these machines, or require `client_ids`",
            ),
            Some(PrincipalKind::User) => (
                self.no_profile(Profile::marks_users),
                "recognises users",
                "set the `profile` of the issuer of these users, or leave it out",
            ),
        };
        if is_impossible {
            self.impossible(
                &REQUIREMENTS.kind,
                &format!("no issuer has a profile that {who}"),
                help,
            );
        }
    }

    /// What only users have, required of machines.
    fn warn_of_users(&self) {
        let of_users: [&Field; 3] = [
            &REQUIREMENTS.max_age,
            &REQUIREMENTS.verified,
            &REQUIREMENTS.not_anonymous,
        ];
        let machines_only = REQUIREMENTS.kind.read(self.fields) == Some(PrincipalKind::Machine)
            || self.every_profile(|profile| profile.marks_machines() && !profile.marks_users());
        for key in of_users.into_iter().filter(|key| self.fields.has(key)) {
            if machines_only {
                let why = "a machine is not a user who authenticates";
                self.impossible(key, why, "require it of users only");
            } else if !key.is(&REQUIREMENTS.max_age) && self.no_profile(is_of_authgear) {
                let why =
                    "only Authgear writes the claim, and no issuer has its profile, \"rfc9068\"";
                self.impossible(key, why, "require a claim of your issuer with `claims`");
            }
        }
    }

    /// Clients, scopes and roles.
    fn warn_of_access(&self) {
        let names_client = |profile: Profile| !profile.client_id_claims().is_empty();
        if self.fields.has(&REQUIREMENTS.client_ids) && self.no_profile(names_client) {
            let why = "no issuer has a profile whose tokens name a client";
            self.impossible(&REQUIREMENTS.client_ids, why, "require another claim");
        }
        let of_scopes: [&Field; 2] = [&REQUIREMENTS.scopes, &REQUIREMENTS.any_scopes];
        for key in of_scopes.into_iter().filter(|key| self.fields.has(key)) {
            if self.no_profile(Profile::has_scopes) {
                let why = "no issuer has a profile whose tokens name scopes";
                self.impossible(key, why, "require roles or another claim");
            }
        }
        let has_own_roles = self.fields.has(&REQUIREMENTS.roles_claim);
        if self.fields.has(&REQUIREMENTS.roles) && !has_own_roles && self.no_profile(is_of_authgear)
        {
            let why = "the roles are those of Authgear's claim, and no issuer has its profile, \"rfc9068\"";
            let help =
                "add `roles_claim`; the table of profiles says where each issuer writes roles";
            self.impossible(&REQUIREMENTS.roles, why, help);
        }
    }

    fn warn_of_claims(&self) {
        for (name, _) in REQUIREMENTS.claims.read(self.fields) {
            self.warn_of_claim(&REQUIREMENTS.claims, &[name]);
        }
        for rule in REQUIREMENTS.claim_rules.read(self.fields) {
            if let Some(path) = CLAIM_RULE.claim.read(&rule) {
                let names: Vec<_> = path.names().collect();
                self.warn_of_claim(&REQUIREMENTS.claim_rules, &names);
            }
        }
        if let Some(path) = REQUIREMENTS.roles_claim.read(self.fields) {
            let names: Vec<_> = path.names().collect();
            self.warn_of_claim(&REQUIREMENTS.roles_claim, &names);
        }
    }

    fn warn_of_claim(&self, key: &Field, path: &[&str]) {
        let Some(first) = path.first() else {
            return;
        };
        let objects = OBJECTS.iter().filter(|(name, _)| name == first);
        let writers: BTreeSet<_> = objects.map(|(_, profile)| profile.as_str()).collect();
        if writers.is_empty() {
            return self.warn_of_dots(key, path);
        }
        if path.len() == 1 {
            let why = format!("the claim {first:?} is an object, which equals no text");
            let help = "name the members below it with `claim_rules` or `roles_claim`";
            return self.impossible(key, &why, help);
        }
        let is_written = |profile: Profile| {
            // Authgear's and other issuers' claims may have any name.
            let is_open = matches!(profile, Profile::Generic);
            is_open || writers.contains(profile.as_str())
        };
        if self.no_profile(is_written) {
            let writers: Vec<_> = writers.into_iter().collect();
            let message = format!(
                "{}: only issuers with the profile {} write the claim {first:?}, and none has it",
                self.subject(),
                writers.join(" or ")
            );
            self.fields.warn(
                Code::Value,
                key,
                message,
                "check `profile`, or the name of the claim",
            );
        }
    }

    /// A name with dots is mostly meant as a path.
    fn warn_of_dots(&self, key: &Field, path: &[&str]) {
        // In a list, names may have dots.
        let [name] = path else {
            return;
        };
        if !is_dotted(name) {
            return;
        }
        let message = format!("{}: {}", self.subject(), dotted(name));
        let help = "write a path as a list, in `claim_rules` or `roles_claim`";
        self.fields.warn(Code::Value, key, message, help);
    }

    fn impossible(&self, key: &Field, why: &str, help: &str) {
        let message = format!("no token can meet {}: {why}", self.subject());
        self.fields.warn(Code::Impossible, key, message, help);
    }

    fn subject(&self) -> String {
        format!("the requirements {:?}", self.name)
    }

    fn no_profile(&self, has_it: impl Fn(Profile) -> bool) -> bool {
        !self.profiles.iter().any(|profile| has_it(*profile))
    }

    fn every_profile(&self, has_it: impl Fn(Profile) -> bool) -> bool {
        self.profiles.iter().all(|profile| has_it(*profile))
    }
}

/// Whether an issuer with this profile may write Authgear's claims.
fn is_of_authgear(profile: Profile) -> bool {
    matches!(profile, Profile::Rfc9068 | Profile::Generic)
}

/// Claims that are objects, and the profile of the issuers that write them.
const OBJECTS: &[(&str, Profile)] = &[
    ("ext", Profile::Ory),
    ("firebase", Profile::Firebase),
    ("kubernetes.io", Profile::Kubernetes),
    ("realm_access", Profile::Keycloak),
    ("resource_access", Profile::Keycloak),
    ("urn:zitadel:iam:org:project:roles", Profile::Zitadel),
];

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
