//! Whether any token meets a table of requirements, and whether any passes a route.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bearward::Requirements;
use bearward_gate::route::{Access, Mode, Route};

use super::super::description::{self, REQUIREMENTS, ROUTE};
use super::super::key::Field;
use super::super::mistakes::Code;
use super::super::reader::{At, Fields};
use super::super::requirements::Named;
use super::claims::Obstacle;
use super::demands::{self, Demand, What};
use super::issuer::Issuer;
use super::{dotted, is_dotted};

type Table<'t> = (At<&'t str>, Fields<'t, description::Requirements>);

/// The issuers, and what each table demands of their tokens.
pub(super) struct Judge<'j, 't> {
    issuers: &'j [Issuer<'t>],
    tables: &'j [Table<'t>],
    requirements: &'j Named<'t>,
    demands: BTreeMap<&'t str, Vec<Demand>>,
    /// Many routes require the same.
    known: RefCell<BTreeMap<Vec<String>, Option<String>>>,
}

/// What was found out about a route, or about a table that no route uses.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// No alternative can be met, and why.
    Impossible(Vec<String>),
    /// One can, and why others cannot, though each of their tables can.
    Possible(Vec<String>),
}

impl<'j, 't> Judge<'j, 't> {
    pub(super) fn new(
        issuers: &'j [Issuer<'t>],
        tables: &'j [Table<'t>],
        requirements: &'j Named<'t>,
    ) -> Self {
        let demands = tables
            .iter()
            .map(|(name, table)| (name.value, demands::read(table)));
        Self {
            issuers,
            tables,
            requirements,
            demands: demands.collect(),
            known: RefCell::default(),
        }
    }

    pub(super) fn warn(&self, routes: &[(&Route, Fields<'_, description::Route>)]) {
        let mut named = BTreeSet::new();
        let mut in_need = BTreeSet::new();
        for (route, table) in routes {
            let verdict = self.judge(&route.require);
            if matches!(verdict, Verdict::Impossible(_)) && route.mode == Mode::Enforce {
                let all = route.require.iter().flatten();
                in_need.extend(all.filter_map(Requirements::name));
            }
            named.extend(ROUTE.require.read(table).iter().map(|name| name.value));
            warn_of_route(route, table, verdict);
        }
        self.warn_of_strangers(routes);
        let used = self.below(named);
        for (name, table) in self.tables {
            let is_used = used.contains(name.value);
            // Where all routes have another way, tokens pass.
            let certain = match is_used && !in_need.contains(name.value) {
                true => Code::Value,
                false => Code::Impossible,
            };
            let is_named = self.warn_of_table(name.value, table, certain);
            self.warn_of_dots(name.value, table);
            if !is_used && !is_named {
                self.warn_of_unused(name, table);
            }
        }
    }

    /// Whether each of these alternatives demands the `iss` of one issuer.
    pub(super) fn requires_one_issuer(&self, groups: &[Vec<Requirements>]) -> bool {
        let is_of_one = |demand: &Demand| match &demand.what {
            What::Claim(path, values) => *path == ["iss"] && values.len() == 1,
            What::Age(_)
            | What::Clients(_)
            | What::Kind(_)
            | What::Login(_)
            | What::Scopes
            | What::User(_) => false,
        };
        let is_for_one = |group: &Vec<Requirements>| {
            let names = group.iter().filter_map(Requirements::name);
            let mut tables = names.filter_map(|name| self.demands.get(name));
            tables.any(|demands| demands.iter().any(is_of_one))
        };
        !groups.is_empty() && groups.iter().all(is_for_one)
    }

    /// Everybody has tokens of some issuers, for every audience: a route that requires nothing admits
    /// them all.
    fn warn_of_strangers(&self, routes: &[(&Route, Fields<'_, description::Route>)]) {
        let is_open = |route: &Route| {
            let requires_token = route.access == Access::Required && route.mode == Mode::Enforce;
            requires_token && route.require.is_empty()
        };
        let mut open = routes.iter().filter(|(route, _)| is_open(route));
        let Some((first, table)) = open.next() else {
            return;
        };
        let others = match open.count() {
            0 => String::new(),
            1 => ", like another one,".to_owned(),
            more => format!(", like {more} others,"),
        };
        let mut seen = Vec::new();
        for issuer in self.issuers {
            let profile = issuer.profile;
            let Some((who, help)) = issuer.strangers().filter(|_| !seen.contains(&profile)) else {
                continue;
            };
            seen.push(profile);
            let message = format!(
                "the route {:?}{others} requires nothing of a token, so it admits {who}: each can get \
                 a token with your audience",
                first.name
            );
            table.warn(Code::Value, &ROUTE.name, message, help);
        }
    }

    /// A table of its own that cannot be met because of those that it names.
    fn warn_of_unused(&self, name: &At<&str>, table: &Fields<'_, description::Requirements>) {
        let groups = self.requirements.groups(name.value);
        // Otherwise the table that is the cause has its own warning.
        let has_other_cause = || {
            groups
                .iter()
                .any(|group| self.cause_of_table(group).is_none())
        };
        let (code, count, why) = match self.judge(&groups) {
            Verdict::Impossible(why) if has_other_cause() => (Code::Impossible, "no token", why),
            Verdict::Possible(why) if !why.is_empty() => {
                (Code::Value, "by one of its alternatives, no token", why)
            }
            Verdict::Impossible(_) | Verdict::Possible(_) => return,
        };
        let message = format!(
            "{count} can meet the requirements {:?}: {}",
            name.value,
            joined(&why)
        );
        let key: &Field = match (table.has(&REQUIREMENTS.all), table.has(&REQUIREMENTS.any)) {
            (true, _) => &REQUIREMENTS.all,
            (false, true) => &REQUIREMENTS.any,
            (false, false) => return table.warn_at(code, &table.span, message, ""),
        };
        table.warn(code, key, message, "");
    }

    /// The names, and all that they refer to.
    fn below<'n>(&'n self, names: BTreeSet<&'n str>) -> BTreeSet<&'n str> {
        let tables = self.tables.iter().map(|(name, table)| (name.value, table));
        let tables: BTreeMap<_, _> = tables.collect();
        let mut found = BTreeSet::new();
        let mut open: Vec<_> = names.into_iter().collect();
        while let Some(name) = open.pop() {
            if let (true, Some(table)) = (found.insert(name), tables.get(name)) {
                let all = REQUIREMENTS.all.read(table);
                let more = all.into_iter().chain(REQUIREMENTS.any.read(table));
                open.extend(more.map(|name| name.value));
            }
        }
        found
    }

    /// Judges alternatives.
    fn judge(&self, groups: &[Vec<Requirements>]) -> Verdict {
        let judged: Vec<_> = groups
            .iter()
            .map(|group| (group, self.obstacle(group)))
            .collect();
        if !judged.is_empty() && judged.iter().all(|(_, obstacle)| obstacle.is_some()) {
            return Verdict::Impossible(judged.into_iter().filter_map(|(_, why)| why).collect());
        }
        let unnamed = judged.into_iter().filter_map(|(group, why)| {
            let why = why?;
            self.cause_of_table(group).is_none().then_some(why)
        });
        Verdict::Possible(unnamed.collect())
    }

    /// Why no token of any issuer meets all of these.
    fn obstacle(&self, group: &[Requirements]) -> Option<String> {
        let names: Vec<_> = group
            .iter()
            .filter_map(Requirements::name)
            .map(str::to_owned)
            .collect();
        if let Some(known) = self.known.borrow().get(&names) {
            return known.clone();
        }
        let found = self.cause_of_table(group).or_else(|| {
            let tables = names
                .iter()
                .filter_map(|name| self.demands.get(name.as_str()));
            let demands: Vec<_> = tables.flatten().collect();
            let why = self.for_each_issuer(|issuer| {
                let all = demands.iter().copied();
                let is_machine = demands::is_of_machine(issuer.profile, all.clone());
                let mut obstacles = all.filter_map(|demand| demand.obstacle(issuer, is_machine));
                let certain = obstacles.find(|obstacle| obstacle.is_certain);
                let own = certain.map(|obstacle| obstacle.why);
                own.or_else(|| demands::contradiction(issuer, &demands))
            })?;
            Some(joined(&why))
        });
        self.known.borrow_mut().insert(names, found.clone());
        found
    }

    /// That no token of any issuer meets one of the tables by itself. The warning about the table says why.
    fn cause_of_table(&self, group: &[Requirements]) -> Option<String> {
        let mut names = group.iter().filter_map(Requirements::name);
        let is_impossible = |name: &&str| {
            let demands = self.demands.get(*name).map_or(&[][..], Vec::as_slice);
            let mut obstacles = demands
                .iter()
                .map(|demand| self.obstacle_of_one(demands, demand));
            obstacles.any(|obstacle| obstacle.is_some_and(|obstacle| obstacle.is_certain))
        };
        let cause = names.find(is_impossible)?;
        Some(format!("no token can meet the requirements {cause:?}"))
    }

    /// Why no token of any issuer meets this demand of a table, or hardly any does.
    fn obstacle_of_one(&self, table: &[Demand], demand: &Demand) -> Option<Obstacle> {
        let mut help = "";
        let mut is_certain = true;
        let why = self.for_each_issuer(|issuer| {
            let is_machine = demands::is_of_machine(issuer.profile, table.iter());
            let found = demand.obstacle(issuer, is_machine)?;
            help = found.help;
            is_certain &= found.is_certain;
            Some(found.why)
        })?;
        Some(Obstacle {
            is_certain,
            why: joined(&why),
            help,
        })
    }

    /// Why it is impossible for each issuer, unless it is possible for one.
    fn for_each_issuer(
        &self,
        mut obstacle: impl FnMut(&Issuer<'_>) -> Option<String>,
    ) -> Option<Vec<String>> {
        let mut all = Vec::new();
        for issuer in self.issuers {
            let why = obstacle(issuer)?;
            if !all.contains(&why) {
                all.push(why);
            }
        }
        Some(all)
    }

    /// Warns about each demand of a table that no token meets. Returns whether there is one.
    fn warn_of_table(
        &self,
        name: &str,
        table: &Fields<'_, description::Requirements>,
        certain: Code,
    ) -> bool {
        let Some(demands) = self.demands.get(name) else {
            return false;
        };
        let mut is_named = false;
        for demand in demands {
            let Some(obstacle) = self.obstacle_of_one(demands, demand) else {
                continue;
            };
            let (code, count) = match obstacle.is_certain {
                true => (certain, "no token"),
                false => (Code::Value, "hardly any token"),
            };
            let message = format!(
                "{count} can meet the requirements {name:?}: {}",
                obstacle.why
            );
            table.warn(code, demand.key, message, obstacle.help);
            is_named |= obstacle.is_certain;
        }
        is_named
    }

    /// A name with dots is mostly meant as a path.
    fn warn_of_dots(&self, name: &str, table: &Fields<'_, description::Requirements>) {
        for demand in self.demands.get(name).into_iter().flatten() {
            // In a list, names may have dots.
            let What::Claim(path, _) = &demand.what else {
                continue;
            };
            if let [claim] = path.as_slice()
                && is_dotted(claim)
            {
                let message = format!("the requirements {name:?}: {}", dotted(claim));
                let help = "write a path as a list, in `claim_rules` or `roles_claim`";
                table.warn(Code::Value, demand.key, message, help);
            }
        }
    }
}

fn warn_of_route(route: &Route, table: &Fields<'_, description::Route>, verdict: Verdict) {
    let name = &route.name;
    // A public route ignores tokens; that it cannot require anything is a mistake.
    if route.access == Access::Public {
        return;
    }
    let (code, message) = match verdict {
        Verdict::Impossible(why) if route.mode == Mode::Enforce => (
            Code::Impossible,
            format!("no token can pass the route {name:?}: {}", joined(&why)),
        ),
        // In shadow mode, every request passes.
        Verdict::Impossible(why) => (
            Code::Value,
            format!(
                "no token could pass the route {name:?} without `shadow`: {}",
                joined(&why)
            ),
        ),
        Verdict::Possible(why) if why.is_empty() => return,
        Verdict::Possible(why) => (
            Code::Value,
            format!(
                "no token can pass the route {name:?} by one of its alternatives: {}",
                joined(&why)
            ),
        ),
    };
    let help = "change the requirements, or the profile of the issuer";
    table.warn(code, &ROUTE.require, message, help);
}

/// The first few reasons, each once: nobody reads sixty.
fn joined(why: &[String]) -> String {
    let mut all: Vec<&str> = Vec::new();
    for one in why {
        if !all.contains(&one.as_str()) {
            all.push(one);
        }
    }
    let left_out = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    match left_out {
        0 => all.join("; "),
        left_out => format!("{}; and {left_out} more", all.join("; ")),
    }
}

/// How many reasons a message gives.
const SHOWN: usize = 3;
