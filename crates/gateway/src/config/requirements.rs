//! `[requirements.NAME]`: named requirements for routes.
//!
//! The gate has groups of requirements: a principal must meet all requirements of one group. Here `all`
//! and `any` are expanded into such groups, once for each name, and within limits.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bearward::core::requirements::{CannotReauthenticate, RequirementsBuilder, RequirementsError};
use bearward::{ClaimPath, Requirements};

use super::description::{self, CLAIM_RULE, PrincipalKind, REQUIREMENTS, ROOT, Root};
use super::key::{Field, Keys, Kind};
use super::mistakes::Code;
use super::reader::{At, Fields, Given};

/// Groups of requirements: a principal must meet all requirements of one group.
pub(super) type Groups = Vec<Vec<Requirements>>;

/// The expanded requirements by name.
pub(super) struct Named<'t> {
    groups: BTreeMap<&'t str, Rc<Groups>>,
    /// All names, including those of unreadable tables.
    names: Option<BTreeSet<&'t str>>,
}

impl Named<'_> {
    /// The groups of one name.
    pub(super) fn groups(&self, name: &str) -> Rc<Groups> {
        self.groups.get(name).cloned().unwrap_or_default()
    }

    /// The groups for meeting all of these.
    pub(super) fn all(&self, names: &[At<&str>], fields: &Given<'_>) -> Groups {
        let known = self.names.as_ref();
        let mut groups = Vec::new();
        for name in names {
            match self.groups.get(name.value) {
                Some(more) => groups = product(groups, more),
                None => fields.report_unknown_name(name, known, TABLE, UNKNOWN),
            }
            if !is_within_limits(&mut groups, fields) {
                break;
            }
        }
        groups
    }
}

pub(super) fn read<'t>(fields: &Fields<'t, Root>) -> Named<'t> {
    let tables = ROOT.requirements.read(fields);
    let names = fields.names(&ROOT.requirements);
    for (_, table) in &tables {
        let (all, any) = (REQUIREMENTS.all.read(table), REQUIREMENTS.any.read(table));
        for name in all.iter().chain(&any) {
            table.report_unknown_name(name, names.as_ref(), TABLE, UNKNOWN);
        }
    }
    let by_name = tables
        .iter()
        .map(|(name, table)| (name.value, (table, conditions(name.value, table))));
    let mut expansion = Expansion {
        tables: by_name.collect(),
        under_way: Vec::new(),
        done: BTreeMap::new(),
        in_circles: BTreeSet::new(),
    };
    let groups = tables.iter().map(|(name, _)| name.value);
    let groups = groups.map(|name| (name, expansion.expand(name).groups));
    Named {
        groups: groups.collect(),
        names,
    }
}

/// Expands names, which may refer to other names.
struct Expansion<'e, 't> {
    /// Each table with its own requirements, those that it has by itself.
    tables: BTreeMap<
        &'t str,
        (
            &'e Fields<'t, description::Requirements>,
            Option<Requirements>,
        ),
    >,
    under_way: Vec<&'t str>,
    done: BTreeMap<&'t str, Expanded>,
    /// The names in a circle that was reported.
    in_circles: BTreeSet<&'t str>,
}

#[derive(Clone, Default)]
struct Expanded {
    groups: Rc<Groups>,
    /// The length of the longest chain of names from here.
    depth: usize,
}

impl<'t> Expansion<'_, 't> {
    fn expand(&mut self, name: &'t str) -> Expanded {
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let Some((table, own)) = self.tables.get(name).cloned() else {
            return Expanded::default();
        };
        if let Some(first) = self.under_way.iter().position(|other| *other == name) {
            self.report_circle(first);
            return Expanded::default();
        }
        if self.under_way.len() >= NAMES_DEEP {
            report_too_deep(table);
            return Expanded::default();
        }
        self.under_way.push(name);
        let mut groups: Groups = own.into_iter().map(|own| vec![own]).collect();
        let mut depth = 0;
        for other in REQUIREMENTS.all.read(table) {
            let other = self.expand(other.value);
            depth = depth.max(other.depth);
            groups = product(groups, &other.groups);
            if !is_within_limits(&mut groups, table) {
                break;
            }
        }
        if table.is_empty(&REQUIREMENTS.any) {
            let message = "`any` is empty, so no principal could meet it";
            table.report(Code::Value, &REQUIREMENTS.any, message, "");
        }
        let mut choice = Groups::new();
        for other in REQUIREMENTS.any.read(table) {
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
        // Finds a long chain whichever of its names was expanded first.
        if depth >= NAMES_DEEP {
            report_too_deep(table);
        }
        let expanded = Expanded {
            groups: Rc::new(groups),
            depth: depth.saturating_add(1),
        };
        self.done.insert(name, expanded.clone());
        expanded
    }

    /// Reports each name in the circle that starts at `first`.
    fn report_circle(&mut self, first: usize) {
        for name in self.under_way.iter().skip(first) {
            let is_new = self.in_circles.insert(name);
            if let Some((table, _)) = self.tables.get(name).filter(|_| is_new) {
                let message = format!("the requirements {name:?} refer to themselves");
                table.report_at(Code::Value, &table.span, message, "");
            }
        }
    }
}

fn report_too_deep(fields: &Given<'_>) {
    let message = format!("the chain of references is longer than {NAMES_DEEP} names");
    fields.report_at(Code::Value, &fields.span, message, "");
}

/// Combines each group of one with each group of the other. No groups means no requirements.
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

/// Whether the groups are within the limits; if not, reports it and cuts them off.
fn is_within_limits(groups: &mut Groups, fields: &Given<'_>) -> bool {
    let message = if groups.len() > GROUPS_MAX {
        format!("combined, these are more than {GROUPS_MAX} alternatives")
    } else if groups.iter().any(|group| group.len() > GROUP_MAX) {
        format!("combined, these are more than {GROUP_MAX} requirements")
    } else {
        return true;
    };
    fields.report_at(Code::Value, &fields.span, message, "");
    groups.truncate(GROUPS_MAX);
    for group in groups {
        group.truncate(GROUP_MAX);
    }
    false
}

/// All requirements of both groups, each once: names identify them.
fn both(ours: &[Requirements], more: &[Requirements]) -> Vec<Requirements> {
    let is_new = |one: &&Requirements| ours.iter().all(|known| known.name() != one.name());
    ours.iter()
        .chain(more.iter().filter(is_new))
        .cloned()
        .collect()
}

/// The requirements of the table itself.
fn conditions(name: &str, fields: &Fields<'_, description::Requirements>) -> Option<Requirements> {
    report_empty_lists(fields);
    if fields.has(&REQUIREMENTS.cannot_reauthenticate) && !fields.has(&REQUIREMENTS.max_age) {
        let message = "`cannot_reauthenticate` has no effect without `max_age`";
        let key = &REQUIREMENTS.cannot_reauthenticate;
        fields.report(Code::Missing, key, message, "");
    }
    if fields.has(&REQUIREMENTS.roles_claim) && !fields.has(&REQUIREMENTS.roles) {
        let message = "`roles_claim` has no effect without `roles`";
        fields.report(Code::Missing, &REQUIREMENTS.roles_claim, message, "");
    }
    if !asks_by_itself(fields) {
        if !fields.has(&REQUIREMENTS.all) && !fields.has(&REQUIREMENTS.any) {
            let message = "this table requires nothing";
            fields.report_at(Code::Missing, &fields.span, message, "");
        }
        return None;
    }
    let report = |error: RequirementsError| {
        let key: &Field = match error {
            RequirementsError::Acr => &REQUIREMENTS.acr,
            RequirementsError::Claim | RequirementsError::ClaimName => &REQUIREMENTS.claims,
            RequirementsError::Kind => &REQUIREMENTS.kind,
            RequirementsError::Scope if fields.has(&REQUIREMENTS.scopes) => &REQUIREMENTS.scopes,
            RequirementsError::Scope | _ => &REQUIREMENTS.any_scopes,
        };
        fields.report(Code::Value, key, format!("`{key}`: {error}"), "");
    };
    builder(name, fields).build().map_err(report).ok()
}

/// Each key that is a requirement by itself.
fn builder(name: &str, fields: &Fields<'_, description::Requirements>) -> RequirementsBuilder {
    let mut builder = Requirements::builder().name(name);
    for scope in REQUIREMENTS.scopes.read(fields) {
        builder = builder.scope(scope.value);
    }
    for group in REQUIREMENTS.any_scopes.read(fields) {
        builder = builder.any_scope(group.iter().map(|scope| scope.value));
    }
    for (claim, values) in REQUIREMENTS.claims.read(fields) {
        builder = builder.any_claim(ClaimPath::from(claim), values);
    }
    for rule in REQUIREMENTS.claim_rules.read(fields) {
        let values = CLAIM_RULE.values.read(&rule);
        if rule.is_empty(&CLAIM_RULE.values) {
            let message = "`values` is empty, so no token could have one of them";
            rule.report(Code::Value, &CLAIM_RULE.values, message, "");
        }
        let path = CLAIM_RULE.claim.read(&rule);
        // What is missing was reported.
        if let (Some(path), false) = (path, values.is_empty()) {
            builder = builder.any_claim(path, values);
        }
    }
    for client_id in REQUIREMENTS.client_ids.read(fields) {
        builder = builder.client_id(client_id.value);
    }
    builder = match REQUIREMENTS.kind.read(fields) {
        Some(PrincipalKind::Machine) => builder.machine(),
        Some(PrincipalKind::User) => builder.user(),
        None => builder,
    };
    let roles_claim = REQUIREMENTS.roles_claim.read(fields);
    for role in REQUIREMENTS.roles.read(fields) {
        builder = match &roles_claim {
            Some(path) => builder.claim(path.clone(), role.value),
            None => builder.role(role.value),
        };
    }
    if REQUIREMENTS.verified.read(fields) {
        builder = builder.verified();
    }
    if REQUIREMENTS.not_anonymous.read(fields) {
        builder = builder.not_anonymous();
    }
    let acr = REQUIREMENTS.acr.read(fields);
    if !acr.is_empty() {
        builder = builder.acr(acr.iter().map(|acr| acr.value));
    }
    for method in REQUIREMENTS.amr.read(fields) {
        builder = builder.amr(method.value);
    }
    if let Some(max_age) = REQUIREMENTS.max_age.read(fields) {
        builder = builder.max_age(max_age);
    }
    builder.cannot_reauthenticate(match REQUIREMENTS.cannot_reauthenticate.read(fields) {
        description::CannotReauthenticate::Allow => CannotReauthenticate::Allow,
        description::CannotReauthenticate::Refuse => CannotReauthenticate::Refuse,
    })
}

/// Whether any key is a requirement by itself.
fn asks_by_itself(fields: &Given<'_>) -> bool {
    let no_condition: [&Field; 4] = [
        &REQUIREMENTS.all,
        &REQUIREMENTS.any,
        &REQUIREMENTS.cannot_reauthenticate,
        &REQUIREMENTS.roles_claim,
    ];
    let mut given = description::Requirements::TABLE.fields.iter();
    given.any(|key| fields.has(key) && !no_condition.iter().any(|other| other.is(key)))
}

/// Reports lists that are empty and so would require nothing, which nobody intends. An empty `any`,
/// which nobody could meet, is reported elsewhere.
fn report_empty_lists(fields: &Given<'_>) {
    for key in description::Requirements::TABLE.fields {
        let is_list = matches!(
            key.kind,
            Kind::Claims | Kind::Groups | Kind::Tables(_) | Kind::Texts
        );
        if is_list && fields.is_empty(key) && !key.is(&REQUIREMENTS.any) {
            let message = format!("`{key}` is empty, so it requires nothing");
            fields.report(Code::Value, key, message, "leave it out");
        }
    }
}

/// As mistakes name them.
const TABLE: &str = "requirements";
const UNKNOWN: &str = "no such requirements:";

/// A request that meets no group is tried against each.
const GROUPS_MAX: usize = 64;

/// A request that meets a group is tried against all of it.
const GROUP_MAX: usize = 64;

/// The maximum length of a chain of names. Nobody could follow a longer one.
const NAMES_DEEP: usize = 32;
