//! `[requirements.NAME]`: what routes may ask for, composed by name.
//!
//! The gate knows groups of which one must be met, all of whose requirements must be met. `all` and
//! `any` are multiplied out into that here, once.

use std::collections::{BTreeMap, BTreeSet};

use bearward::core::requirements::{CannotReauthenticate, RequirementsBuilder, RequirementsError};
use bearward::{ClaimPath, Requirements};

use super::mistakes::Code;
use super::reader::{At, Fields, nearest};

/// Groups of which one must be met, all of whose requirements must be met.
pub(super) type Groups = Vec<Vec<Requirements>>;

/// The requirements by name, multiplied out.
pub(super) struct Named<'t>(BTreeMap<&'t str, Groups>);

impl Named<'_> {
    /// All of these must be met.
    pub(super) fn all(&self, names: &[At<&str>], fields: &Fields<'_>) -> Groups {
        let mut groups = Vec::new();
        for name in names {
            match self.0.get(name.value) {
                Some(more) => groups = product(&groups, more),
                None => tell_unknown(name, self.0.keys().copied(), fields),
            }
        }
        if groups.len() > GROUPS_MAX {
            tell_too_many(fields);
        }
        groups
    }
}

pub(super) fn read<'t>(fields: &Fields<'t>) -> Named<'t> {
    let tables = fields.named("requirements");
    let by_name: BTreeMap<_, _> = tables
        .iter()
        .map(|(name, table)| (name.value, table))
        .collect();
    for (_, table) in &tables {
        let others = table.texts("all").into_iter().chain(table.texts("any"));
        for name in others.filter(|name| !by_name.contains_key(name.value)) {
            tell_unknown(&name, by_name.keys().copied(), table);
        }
    }
    let own: BTreeMap<_, _> = tables
        .iter()
        .map(|(name, table)| (name.value, conditions(name.value, table)))
        .collect();
    let mut expansion = Expansion {
        tables: &by_name,
        own: &own,
        under_way: Vec::new(),
        done: BTreeMap::new(),
    };
    expansion.tell_circles();
    let named = tables
        .iter()
        .map(|(name, _)| (name.value, expansion.expand(name.value)));
    Named(named.collect())
}

/// Follows names, each of which may lead to others.
struct Expansion<'e, 't> {
    tables: &'e BTreeMap<&'t str, &'e Fields<'t>>,
    own: &'e BTreeMap<&'t str, Option<Requirements>>,
    under_way: Vec<&'t str>,
    /// Each is expanded once, however many others name it.
    done: BTreeMap<&'t str, Groups>,
}

impl<'t> Expansion<'_, 't> {
    fn tell_circles(&self) {
        for (name, table) in self.tables {
            if self.needs_itself(name) {
                let message = format!("the requirements {name:?} need themselves");
                table.found().add(Code::Value, table.span(), message, None);
            }
        }
    }

    /// Whether it is among those that it names, or that they name in turn.
    fn needs_itself(&self, name: &str) -> bool {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![name];
        while let Some(table) = waiting.pop().map(|name| self.tables.get(name)) {
            let Some(table) = table else { continue };
            let others = table.texts("all").into_iter().chain(table.texts("any"));
            waiting.extend(
                others
                    .map(|other| other.value)
                    .filter(|other| reached.insert(*other)),
            );
        }
        reached.contains(name)
    }

    fn expand(&mut self, name: &'t str) -> Groups {
        if let Some(groups) = self.done.get(name) {
            return groups.clone();
        }
        let Some(table) = self.tables.get(name) else {
            return Vec::new();
        };
        // A circle, which has been told.
        if self.under_way.contains(&name) {
            return Vec::new();
        }
        self.under_way.push(name);
        let own = self.own.get(name).cloned().flatten();
        let mut groups: Groups = own.into_iter().map(|own| vec![own]).collect();
        for other in table.texts("all") {
            groups = product(&groups, &self.expand(other.value));
        }
        let any = table.texts("any");
        if table.is_empty("any") {
            let message = "`any` names none, so nobody could meet it";
            table.tell(Code::Value, "any", message, "");
        }
        let choice: Groups = any
            .iter()
            .flat_map(|other| self.expand(other.value))
            .collect();
        groups = product(&groups, &choice);
        self.under_way.pop();
        if groups.len() > GROUPS_MAX {
            tell_too_many(table);
            groups.truncate(GROUPS_MAX);
        }
        self.done.insert(name, groups.clone());
        groups
    }
}

/// Each group of one with each group of the other. None means that nothing is asked.
fn product(ours: &Groups, more: &Groups) -> Groups {
    if ours.is_empty() || more.is_empty() {
        return [ours.as_slice(), more.as_slice()].concat();
    }
    let with = |group: &Vec<Requirements>| {
        let group = group.clone();
        more.iter().map(move |more| both(&group, more))
    };
    ours.iter().take(GROUPS_MAX).flat_map(with).collect()
}

/// All of one group and of the other. What two ways lead to is asked once: names tell them apart.
fn both(ours: &[Requirements], more: &[Requirements]) -> Vec<Requirements> {
    let is_new = |one: &&Requirements| ours.iter().all(|known| known.name() != one.name());
    ours.iter()
        .chain(more.iter().filter(is_new))
        .cloned()
        .collect()
}

/// What a table asks for by itself.
fn conditions(name: &str, fields: &Fields<'_>) -> Option<Requirements> {
    tell_empty_lists(fields);
    if fields.has("cannot_reauthenticate") && !fields.has("max_age") {
        let message = "`cannot_reauthenticate` says nothing without `max_age`";
        fields.tell(Code::Missing, "cannot_reauthenticate", message, "");
    }
    if !CONDITIONS.iter().any(|key| fields.has(key)) {
        if !fields.has("all") && !fields.has("any") {
            let message = "these requirements ask for nothing";
            fields
                .found()
                .add(Code::Missing, fields.span(), message, None);
        }
        return None;
    }
    let asked = about_user(
        fields,
        about_token(fields, Requirements::builder().name(name)),
    );
    let tell = |error: RequirementsError| {
        let key = match error {
            RequirementsError::Acr => "acr",
            RequirementsError::Claim => "claims",
            RequirementsError::Kind => "kind",
            RequirementsError::Scope if fields.has("scopes") => "scopes",
            RequirementsError::Scope | _ => "any_scopes",
        };
        fields.tell(Code::Value, key, format!("`{key}`: {error}"), "");
    };
    asked.build().map_err(tell).ok()
}

fn about_token(fields: &Fields<'_>, mut asked: RequirementsBuilder) -> RequirementsBuilder {
    for scope in fields.texts("scopes") {
        asked = asked.scope(scope.value);
    }
    for group in fields.groups("any_scopes") {
        asked = asked.any_scope(group.iter().map(|scope| scope.value));
    }
    for (claim, values) in fields.claims("claims") {
        let values = values.iter().map(|value| value.value);
        asked = asked.any_claim(ClaimPath::from(claim), values);
    }
    for client_id in fields.texts("client_ids") {
        asked = asked.client_id(client_id.value);
    }
    match fields.choice("kind").map(|kind| kind.value) {
        Some("machine") => asked.machine(),
        Some(_) => asked.user(),
        None => asked,
    }
}

fn about_user(fields: &Fields<'_>, mut asked: RequirementsBuilder) -> RequirementsBuilder {
    for role in fields.texts("roles") {
        asked = asked.role(role.value);
    }
    if fields.flag("verified") {
        asked = asked.verified();
    }
    if fields.flag("not_anonymous") {
        asked = asked.not_anonymous();
    }
    if fields.has("acr") {
        asked = asked.acr(fields.texts("acr").iter().map(|acr| acr.value));
    }
    for method in fields.texts("amr") {
        asked = asked.amr(method.value);
    }
    if let Some(max_age) = fields.duration("max_age") {
        asked = asked.max_age(max_age.value);
    }
    let otherwise = fields.choice("cannot_reauthenticate");
    if otherwise.is_some_and(|otherwise| otherwise.value == "allow") {
        asked = asked.cannot_reauthenticate(CannotReauthenticate::Allow);
    }
    asked
}

/// A list that is there and empty would ask for nothing, which nobody writes who means it.
fn tell_empty_lists(fields: &Fields<'_>) {
    let lists = [
        "scopes",
        "any_scopes",
        "roles",
        "claims",
        "client_ids",
        "acr",
        "amr",
        "all",
    ];
    for key in lists.into_iter().filter(|key| fields.is_empty(key)) {
        let message = format!("`{key}` is empty, so it asks for nothing");
        fields.tell(Code::Value, key, message, "leave it out");
    }
}

fn tell_unknown<'n>(name: &At<&str>, names: impl Iterator<Item = &'n str>, fields: &Fields<'_>) {
    let help = nearest(name.value, names)
        .unwrap_or_else(|| format!("add a table [requirements.{}]", name.value));
    let message = format!("there are no requirements {:?}", name.value);
    fields
        .found()
        .add(Code::Value, &name.span, message, Some(help));
}

fn tell_too_many(fields: &Fields<'_>) {
    let message = format!("multiplied out, these are more than {GROUPS_MAX} alternatives");
    fields
        .found()
        .add(Code::Value, fields.span(), message, None);
}

/// Each is tried for a request that meets none.
const GROUPS_MAX: usize = 64;

/// The keys that ask for something by themselves.
const CONDITIONS: [&str; 11] = [
    "scopes",
    "any_scopes",
    "roles",
    "claims",
    "client_ids",
    "kind",
    "verified",
    "not_anonymous",
    "acr",
    "amr",
    "max_age",
];
