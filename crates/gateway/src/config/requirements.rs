//! `[requirements.NAME]`: what routes may ask for, composed by name.
//!
//! The gate knows groups of which one must be met, all of whose requirements must be met. `all` and
//! `any` are multiplied out into that here, once each, and not without end.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bearward::core::requirements::{CannotReauthenticate, RequirementsBuilder, RequirementsError};
use bearward::{ClaimPath, Requirements};

use super::mistakes::Code;
use super::reader::{At, Fields, nearest};

/// Groups of which one must be met, all of whose requirements must be met.
pub(super) type Groups = Vec<Vec<Requirements>>;

/// The requirements by name, multiplied out.
pub(super) struct Named<'t> {
    groups: BTreeMap<&'t str, Rc<Groups>>,
    /// All names, also of those that cannot be read.
    names: Option<BTreeSet<&'t str>>,
}

impl Named<'_> {
    /// All of these must be met.
    pub(super) fn all(&self, names: &[At<&str>], fields: &Fields<'_>) -> Groups {
        let mut groups = Vec::new();
        for name in names {
            match self.groups.get(name.value) {
                Some(more) => groups = product(groups, more),
                None => tell_unknown(name, self.names.as_ref(), fields),
            }
            if !is_within_limits(&mut groups, fields) {
                break;
            }
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
    let names = fields.names("requirements");
    for (_, table) in &tables {
        for name in table.texts("all").iter().chain(&table.texts("any")) {
            tell_unknown(name, names.as_ref(), table);
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
        in_circles: BTreeSet::new(),
    };
    let groups = tables
        .iter()
        .map(|(name, _)| (name.value, expansion.expand(name.value).groups));
    Named {
        groups: groups.collect(),
        names,
    }
}

/// Warns of requirements that no token can meet, because no issuer's profile recognises a machine.
pub(super) fn warn_of_machines(fields: &Fields<'_>) {
    for (name, table) in &fields.named("requirements") {
        if table
            .choice("kind")
            .is_none_or(|kind| kind.value != "machine")
        {
            continue;
        }
        let message = format!(
            "no token meets the requirements {:?}: the profiles of the issuers recognise nobody \
             as a machine",
            name.value
        );
        let help =
            "set the `profile` of the issuer whose machines are meant, or ask for `client_ids`";
        let span = table.span_of("kind");
        table.found().warn(Code::Value, &span, message, help);
    }
}

/// Follows names, each of which may lead to others.
struct Expansion<'e, 't> {
    tables: &'e BTreeMap<&'t str, &'e Fields<'t>>,
    own: &'e BTreeMap<&'t str, Option<Requirements>>,
    under_way: Vec<&'t str>,
    done: BTreeMap<&'t str, Expanded>,
    /// Those of a circle, once that was told.
    in_circles: BTreeSet<&'t str>,
}

#[derive(Clone, Default)]
struct Expanded {
    groups: Rc<Groups>,
    /// How many names lead to the last of them.
    depth: usize,
}

impl<'t> Expansion<'_, 't> {
    fn expand(&mut self, name: &'t str) -> Expanded {
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let Some(table) = self.tables.get(name) else {
            return Expanded::default();
        };
        if let Some(first) = self.under_way.iter().position(|other| *other == name) {
            self.tell_circle(first);
            return Expanded::default();
        }
        if self.under_way.len() >= NAMES_DEEP {
            tell_too_deep(table);
            return Expanded::default();
        }
        self.under_way.push(name);
        let own = self.own.get(name).cloned().flatten();
        let mut groups: Groups = own.into_iter().map(|own| vec![own]).collect();
        let mut depth = 0;
        for other in table.texts("all") {
            let other = self.expand(other.value);
            depth = depth.max(other.depth);
            groups = product(groups, &other.groups);
            if !is_within_limits(&mut groups, table) {
                break;
            }
        }
        if table.is_empty("any") {
            let message = "`any` names none, so nobody could meet it";
            table.tell(Code::Value, "any", message, "");
        }
        let mut choice = Groups::new();
        for other in table.texts("any") {
            let other = self.expand(other.value);
            depth = depth.max(other.depth);
            choice.extend_from_slice(&other.groups);
            if !is_within_limits(&mut choice, table) {
                break;
            }
        }
        groups = product(groups, &choice);
        is_within_limits(&mut groups, table);
        self.under_way.pop();
        // Whether it was found from this end or from the other.
        if depth >= NAMES_DEEP {
            tell_too_deep(table);
        }
        let expanded = Expanded {
            groups: Rc::new(groups),
            depth: depth.saturating_add(1),
        };
        self.done.insert(name, expanded.clone());
        expanded
    }

    /// Tells each of those that lead back to the first of them.
    fn tell_circle(&mut self, first: usize) {
        for name in self.under_way.iter().skip(first) {
            let is_new = self.in_circles.insert(name);
            if let Some(table) = self.tables.get(name).filter(|_| is_new) {
                let message = format!("the requirements {name:?} need themselves");
                table.found().add(Code::Value, table.span(), message, None);
            }
        }
    }
}

fn tell_too_deep(fields: &Fields<'_>) {
    let message = format!("more than {NAMES_DEEP} names lead from one requirement to the last");
    fields
        .found()
        .add(Code::Value, fields.span(), message, None);
}

/// Each group of one with each group of the other. None means that nothing is asked.
fn product(ours: Groups, more: &Groups) -> Groups {
    if more.is_empty() {
        return ours;
    }
    if ours.is_empty() {
        return more.clone();
    }
    let with = |group: &Vec<Requirements>| {
        let group = group.clone();
        more.iter().map(move |more| both(&group, more))
    };
    ours.iter().flat_map(with).collect()
}

/// Whether these are not too many; if they are, that is told, and they are cut off.
fn is_within_limits(groups: &mut Groups, fields: &Fields<'_>) -> bool {
    let message = if groups.len() > GROUPS_MAX {
        format!("multiplied out, these are more than {GROUPS_MAX} alternatives")
    } else if groups.iter().any(|group| group.len() > GROUP_MAX) {
        format!("these are more than {GROUP_MAX} requirements at once")
    } else {
        return true;
    };
    fields
        .found()
        .add(Code::Value, fields.span(), message, None);
    groups.truncate(GROUPS_MAX);
    for group in groups {
        group.truncate(GROUP_MAX);
    }
    false
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
    let acr = fields.texts("acr");
    if !acr.is_empty() {
        asked = asked.acr(acr.iter().map(|acr| acr.value));
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

/// Tells a name that is none of these, if they are known.
fn tell_unknown(name: &At<&str>, names: Option<&BTreeSet<&str>>, fields: &Fields<'_>) {
    let Some(names) = names.filter(|names| !names.contains(name.value)) else {
        return;
    };
    let known = names.iter().copied().filter(|_| !fields.found().is_full());
    let help = nearest(name.value, known)
        .unwrap_or_else(|| format!("add a table [requirements.{}]", name.value));
    let message = format!("there are no requirements {:?}", name.value);
    fields
        .found()
        .add(Code::Value, &name.span, message, Some(help));
}

/// Each is tried for a request that meets none.
const GROUPS_MAX: usize = 64;

/// All of them are tried for a request that meets them.
const GROUP_MAX: usize = 64;

/// How many names may lead from one to the next. Nobody could follow more.
const NAMES_DEEP: usize = 32;

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
