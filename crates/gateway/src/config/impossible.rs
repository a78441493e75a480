//! Warnings about settings with which no token can pass, and about those that hardly anybody means.
//!
//! What an issuer's tokens can have follows from its settings and its profile. A warning with the code
//! `impossible` is certain: with such a setting, no token of any issuer passes, or none passes a route.
//! Where it is only unusual that a token does, the code is `value`: most issuers can be set up to write
//! any claim.
//!
//! A route has alternatives, each a list of requirements that one token must meet. It is impossible if
//! all of them are. A table of requirements is `impossible` as well, unless all routes that use it have
//! another way.

use bearward_gate::route::Route;

use self::issuer::Issuer;
use self::routes::Judge;
use super::description::{ROOT, Root};
use super::reader::Fields;
use super::requirements::Named;

mod claims;
mod demands;
mod identity;
mod issuer;
mod issuers;
mod providers;
mod routes;
mod sources;

/// Warns about the issuers, the requirements and the routes of a file.
pub(super) fn warn<'r>(
    fields: &Fields<'_, Root>,
    requirements: &Named<'_>,
    routes: impl Iterator<Item = &'r Route>,
) {
    let tables = ROOT.issuers.read(fields);
    let mut issuers = Vec::new();
    for table in &tables {
        let issuer = Issuer::read(table);
        let is_possible = issuer.warn(table);
        issuers.push((issuer, is_possible));
    }
    let named = tables.iter().zip(&issuers);
    let named = named.filter_map(|(table, (_, is_possible))| is_possible.then_some(table));
    identity::warn(fields, &named.collect::<Vec<_>>());
    sources::warn(fields);
    // What no token of any issuer can do is said of the issuers; the rest is judged nevertheless, so
    // that one warning hides no other.
    let is_any_possible = issuers.iter().any(|(_, is_possible)| *is_possible);
    issuers.retain(|(_, is_possible)| *is_possible || !is_any_possible);
    let issuers = issuers.into_iter().map(|(issuer, _)| issuer);
    let issuers = Issuer::merged(issuers);
    // Without issuers, nothing is known of their tokens.
    if issuers.is_empty() {
        return;
    }
    let required = ROOT.requirements.read(fields);
    let judge = Judge::new(&issuers, &required, requirements);
    let routes: Vec<_> = routes.zip(ROOT.routes.read(fields)).collect();
    judge.warn(&routes);
    identity::warn_of_shared_subjects(fields, &tables, &judge, &routes);
}

/// Whether this name of a claim is mostly meant as a path.
fn is_dotted(name: &str) -> bool {
    name.contains('.') && !name.contains('/') && !claims::is_object(name)
}

fn dotted(name: &str) -> String {
    format!(
        "names are taken literally: this is a single claim named {name:?}, with dots in its name"
    )
}
