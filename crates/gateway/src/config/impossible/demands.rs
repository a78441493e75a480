//! What a table of requirements demands of a token, and why no token of an issuer meets it.

use std::time::Duration;

use bearward::Profile;
use bearward::core::authgear::{IS_ANONYMOUS, IS_VERIFIED, ROLES};
use bearward::core::requirements::ClaimValue;

use super::super::description::{self, CLAIM_RULE, PrincipalKind, REQUIREMENTS};
use super::super::key::Field;
use super::super::reader::Fields;
use super::claims::{Need, Obstacle};
use super::issuer::Issuer;

/// One thing that a table demands.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) key: &'static Field,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A login at most so long ago.
    Age(Duration),
    /// The claim at this path is one of these values, or contains one.
    Claim(Vec<String>, Vec<ClaimValue>),
    /// One of these clients.
    Clients(Vec<String>),
    Kind(PrincipalKind),
    /// A claim about the login.
    Login(&'static str),
    Scopes,
    /// One of Authgear's claims about a user.
    User(&'static str),
}

/// What a table demands by itself, in the order of its keys.
pub(super) fn read(table: &Fields<'_, description::Requirements>) -> Vec<Demand> {
    let given = |key: &'static Field, what: What| table.has(key).then_some(Demand { key, what });
    let is_set =
        |key: &'static Field, is_set: bool, what: What| given(key, what).filter(|_| is_set);
    let texts = |names: Vec<super::super::reader::At<&str>>| {
        let names = names.iter().map(|name| name.value.to_owned());
        names.collect::<Vec<_>>()
    };
    let kind = REQUIREMENTS.kind.read(table).map(|kind| Demand {
        key: &REQUIREMENTS.kind,
        what: What::Kind(kind),
    });
    let max_age = REQUIREMENTS.max_age.read(table).map(|max_age| Demand {
        key: &REQUIREMENTS.max_age,
        what: What::Age(max_age),
    });
    let clients = What::Clients(texts(REQUIREMENTS.client_ids.read(table)));
    let verified = REQUIREMENTS.verified.read(table);
    let not_anonymous = REQUIREMENTS.not_anonymous.read(table);
    let first = [
        kind,
        given(&REQUIREMENTS.client_ids, clients),
        given(&REQUIREMENTS.scopes, What::Scopes),
        given(&REQUIREMENTS.any_scopes, What::Scopes),
        is_set(&REQUIREMENTS.verified, verified, What::User(IS_VERIFIED)),
        is_set(
            &REQUIREMENTS.not_anonymous,
            not_anonymous,
            What::User(IS_ANONYMOUS),
        ),
        given(&REQUIREMENTS.acr, What::Login("acr")),
        given(&REQUIREMENTS.amr, What::Login("amr")),
        max_age,
    ];
    first.into_iter().flatten().chain(claims(table)).collect()
}

fn claims(table: &Fields<'_, description::Requirements>) -> Vec<Demand> {
    let mut demands = Vec::new();
    for (name, values) in REQUIREMENTS.claims.read(table) {
        let what = What::Claim(vec![name.to_owned()], values);
        let key: &Field = &REQUIREMENTS.claims;
        demands.push(Demand { key, what });
    }
    for rule in REQUIREMENTS.claim_rules.read(table) {
        let Some(path) = CLAIM_RULE.claim.read(&rule) else {
            continue;
        };
        let path = path.names().map(str::to_owned).collect();
        let what = What::Claim(path, CLAIM_RULE.values.read(&rule));
        let key: &Field = &REQUIREMENTS.claim_rules;
        demands.push(Demand { key, what });
    }
    let roles = REQUIREMENTS.roles.read(table);
    if !roles.is_empty() {
        let roles = roles.iter().map(|role| ClaimValue::from(role.value));
        let own = REQUIREMENTS.roles_claim.read(table);
        let key: &Field = match &own {
            Some(_) => &REQUIREMENTS.roles_claim,
            None => &REQUIREMENTS.roles,
        };
        let path = match own {
            Some(path) => path.names().map(str::to_owned).collect(),
            None => vec![ROLES.to_owned()],
        };
        let what = What::Claim(path, roles.collect());
        demands.push(Demand { key, what });
    }
    demands
}

impl Demand {
    /// Why no token of this issuer meets it, or hardly any, among tokens that are a machine's if
    /// `is_machine`.
    pub(super) fn obstacle(&self, issuer: &Issuer<'_>, is_machine: bool) -> Option<Obstacle> {
        let profile = issuer.profile;
        match &self.what {
            What::Age(_) if is_machine => {
                let why =
                    "`max_age` is about when a user authenticated, and a machine is not a user";
                Some(Obstacle::certain(why, "require it of users only"))
            }
            What::Age(max_age) => obstacle_of_age(issuer, *max_age),
            What::Claim(path, values) => {
                let path: Vec<_> = path.iter().map(String::as_str).collect();
                issuer.obstacle_of_claim(&path, Need::Values(values))
            }
            What::Clients(clients) => issuer.obstacle_of_clients(clients),
            What::Kind(PrincipalKind::Machine) => (!profile.marks_machines()).then(|| {
                let why = format!("the profile \"{profile}\" recognises no machines");
                let help =
                    "set the `profile` of the issuer of these machines, or require `client_ids`";
                Obstacle::certain(why, help)
            }),
            What::Kind(PrincipalKind::User) => (!profile.marks_users()).then(|| {
                let why = format!("the profile \"{profile}\" recognises no users");
                let help = "set the `profile` of the issuer of these users, or leave out `kind`";
                Obstacle::certain(why, help)
            }),
            What::Login(claim) => issuer.obstacle_of_claim(&[claim], Need::Text),
            What::Scopes => obstacle_of_scopes(issuer),
            What::User(claim) => {
                let own = issuer.obstacle_of_claim(&[claim], Need::Present);
                let of_machine = || {
                    let why = format!("the claim {claim:?} describes users, not machines");
                    Obstacle::unusual(why, "require it of users only")
                };
                own.or_else(|| is_machine.then(of_machine))
            }
        }
    }
}

impl Demand {
    fn clients(&self) -> Option<&[String]> {
        match &self.what {
            What::Clients(clients) => Some(clients),
            What::Age(_)
            | What::Claim(..)
            | What::Kind(_)
            | What::Login(_)
            | What::Scopes
            | What::User(_) => None,
        }
    }

    /// The values that the claim with this name may have, if it demands one.
    fn values_of(&self, name: &str) -> Option<&[ClaimValue]> {
        match &self.what {
            What::Claim(path, values) if path.as_slice() == [name] => Some(values),
            What::Age(_)
            | What::Claim(..)
            | What::Clients(_)
            | What::Kind(_)
            | What::Login(_)
            | What::Scopes
            | What::User(_) => None,
        }
    }
}

fn obstacle_of_age(issuer: &Issuer<'_>, max_age: Duration) -> Option<Obstacle> {
    let profile = issuer.profile;
    // Of a principal of unknown kind, only the token says that it is a user's. Another kind's ID token
    // may say when, and Supabase's applications have none.
    if !profile.marks_users() || profile == Profile::Supabase {
        return issuer.obstacle_of_claim(&["auth_time"], Need::Present);
    }
    // Times are whole seconds.
    (max_age.as_secs() == 0).then(|| {
        let why = "the user would have to authenticate in the same second as the request";
        Obstacle::unusual(why, "write how old a login may be, such as \"5m\"")
    })
}

fn obstacle_of_scopes(issuer: &Issuer<'_>) -> Option<Obstacle> {
    let profile = issuer.profile;
    if profile.has_scopes() {
        return None;
    }
    let why = format!("tokens of issuers with the profile \"{profile}\" have no scopes");
    let help = "require roles or another claim";
    // What somebody calls `scope` counts.
    let is_certain = issuer
        .obstacle_of_claim(&["scope"], Need::Present)
        .is_some_and(|obstacle| obstacle.is_certain);
    Some(match is_certain {
        true => Obstacle::certain(why, help),
        false => Obstacle::unusual(why, help),
    })
}

/// Why no token of this issuer meets all of these at once, though it may meet each.
pub(super) fn contradiction(issuer: &Issuer<'_>, demands: &[&Demand]) -> Option<String> {
    let has = |kind: PrincipalKind| {
        let is_of = |demand: &&Demand| matches!(&demand.what, What::Kind(asked) if *asked == kind);
        demands.iter().any(is_of)
    };
    if has(PrincipalKind::User) && has(PrincipalKind::Machine) {
        return Some("a user and a machine are required at once".to_owned());
    }
    let lists = demands.iter().filter_map(|demand| demand.clients());
    let lists: Vec<_> = lists.collect();
    if let Some(common) = common(&lists)
        && (common.is_empty() || issuer.obstacle_of_clients(&common).is_some())
    {
        return Some(
            "no client that the issuer's settings allow is in all of the required \
         `client_ids`"
                .to_owned(),
        );
    }
    single_valued(issuer).into_iter().find_map(|name| {
        let values = demands.iter().filter_map(|demand| demand.values_of(name));
        let values: Vec<_> = values.collect();
        let is_met = common(&values).is_none_or(|common| !common.is_empty());
        let why = || {
            format!(
                "the claim {name:?} has a single value, and the requirements demand \
         different ones"
            )
        };
        (!is_met).then(why)
    })
}

/// What all lists have in common, if there are any.
fn common<T: Clone + PartialEq>(lists: &[&[T]]) -> Option<Vec<T>> {
    let (first, others) = lists.split_first()?;
    let is_in_all = |item: &&T| others.iter().all(|list| list.contains(item));
    Some(first.iter().filter(is_in_all).cloned().collect())
}

/// Claims that are one text in each token that is accepted, and no list.
fn single_valued(issuer: &Issuer<'_>) -> Vec<&'static str> {
    let mut names = vec!["iss", "typ"];
    names.extend(issuer.profile.kind_claim().map(|(claim, _)| claim));
    // Otherwise nothing reads `sub`.
    names.extend((!issuer.has_subject_claim).then_some("sub"));
    names
}

/// Whether only machines meet these demands at this issuer.
pub(super) fn is_of_machine<'d>(
    profile: Profile,
    mut demands: impl Iterator<Item = &'d Demand>,
) -> bool {
    let is_machine = |demand: &Demand| matches!(demand.what, What::Kind(PrincipalKind::Machine));
    let all = profile.marks_machines() && !profile.marks_users();
    all || demands.any(is_machine)
}
