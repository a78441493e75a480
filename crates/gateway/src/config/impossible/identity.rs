//! Identity fields that many users would lack, and subjects that may name several users.

use bearward::ClaimPath;
use bearward_gate::identity::{Encoding, Preset};
use bearward_gate::route::{Access, Route};

use super::super::description::{self, IDENTITY, IDENTITY_FIELD, ISSUER, ROOT, Root};
use super::super::key::Choice;
use super::super::mistakes::Code;
use super::super::reader::Fields;
use super::routes::Judge;
use super::{dotted, is_dotted};

/// Warns about the claims that fields carry.
pub(super) fn warn(fields: &Fields<'_, Root>, issuers: &[&Fields<'_, description::Issuer>]) {
    let identity = ROOT.identity.read(fields);
    let (preset, encoding) = match &identity {
        Some(identity) => (
            IDENTITY.preset.read(identity),
            IDENTITY.subject_encoding.read(identity),
        ),
        None => (Preset::Bearward, Encoding::Plain),
    };
    if preset != Preset::None && is_ascii(encoding) {
        for issuer in issuers {
            warn_of_subject(issuer);
        }
    }
    let Some(identity) = identity else {
        return;
    };
    for field in IDENTITY.fields.read(&identity) {
        let key = &IDENTITY_FIELD.claim;
        let Some(path) = key.read(&field) else {
            continue;
        };
        let names: Vec<_> = path.names().collect();
        // In a list, names may have dots.
        if let [name] = names.as_slice()
            && is_dotted(name)
        {
            field.warn(Code::Value, key, dotted(name), "write a path as a list");
        }
        let encoding = IDENTITY_FIELD.encoding.read(&field);
        if is_of_names(&path) && is_ascii(encoding) {
            let message = format!(
                "values of the claim {:?} with characters outside ASCII are left out: `encoding` is \"{}\"",
                names.join("."),
                encoding.word()
            );
            let help = "set `encoding = \"percent\"`, \"json\" or \"base64url\", and decode the field in \
                        the application";
            field.warn(Code::Value, key, message, help);
        }
    }
}

/// A subject is unique only within its issuer (RFC 7519 §4.1.2). An application that learns the subject
/// alone takes the users of two issuers for one if their subjects are equal.
pub(super) fn warn_of_shared_subjects(
    fields: &Fields<'_, Root>,
    issuers: &[Fields<'_, description::Issuer>],
    judge: &Judge<'_, '_>,
    routes: &[(&Route, Fields<'_, description::Route>)],
) {
    let has_several = issuers.len() > 1 || issuers.iter().any(|table| table.has(&ISSUER.tenants));
    let Some(identity) = ROOT.identity.read(fields).filter(|_| has_several) else {
        return;
    };
    let own = IDENTITY.fields.read(&identity);
    let carrying = |wanted: &[ClaimPath]| {
        own.iter().find(|field| {
            let path = IDENTITY_FIELD.claim.read(field);
            path.is_some_and(|path| wanted.contains(&path))
        })
    };
    let subject = match IDENTITY.preset.read(&identity) {
        Preset::Authgear => Some(identity.span_of(&IDENTITY.preset)),
        // It has a field for the issuer.
        Preset::Bearward => None,
        Preset::None => {
            let named = issuers
                .iter()
                .filter_map(|table| ISSUER.subject_claim.read(table));
            let subjects: Vec<_> = named.chain([ClaimPath::new(["sub"])]).collect();
            carrying(&subjects).map(|field| field.span_of(&IDENTITY_FIELD.claim))
        }
    };
    let Some(subject) = subject.filter(|_| carrying(&[ClaimPath::new(["iss"])]).is_none()) else {
        return;
    };
    let mut routes = routes.iter().map(|(route, _)| route);
    let Some(route) = routes
        .find(|route| route.access != Access::Public && !judge.requires_one_issuer(&route.require))
    else {
        return;
    };
    let message = format!(
        "the route {:?} admits tokens of several issuers, whose subjects may be equal, and no identity \
         field names the issuer: the application cannot distinguish their users",
        route.name
    );
    let help = "add `[[identity.fields]]` with `claim = \"iss\"`, or require one issuer on each route: \
                `claims = { iss = \"https://id.example.com\" }`";
    fields.warn_at(Code::Value, &subject, message, help);
}

/// The subject of an issuer is a claim of names, and the preset's field cannot carry all of them.
fn warn_of_subject(issuer: &Fields<'_, description::Issuer>) {
    let key = &ISSUER.subject_claim;
    if let Some(path) = key.read(issuer).filter(is_of_names) {
        let name = path.names().last().unwrap_or_default();
        let message = format!(
            "users whose {name:?} has characters outside ASCII are refused (claim_not_header_safe): the \
             field of the subject cannot carry it"
        );
        let help = "set `subject_encoding = \"percent\"` of `[identity]`, and decode the field in the \
                    application";
        issuer.warn(Code::Value, key, message, help);
    }
}

/// Whether this is the name of a person or place, in any script.
fn is_of_names(path: &ClaimPath) -> bool {
    let names: Vec<_> = path.names().collect();
    match names.as_slice() {
        ["address", _] => true,
        [name] => NAMES.contains(name),
        _ => false,
    }
}

const fn is_ascii(encoding: Encoding) -> bool {
    match encoding {
        Encoding::Comma | Encoding::Plain | Encoding::Space => true,
        Encoding::Base64Url | Encoding::Json | Encoding::Percent => false,
    }
}

/// The claims of names in OpenID Connect Core §5.1, and those of Microsoft Entra.
const NAMES: &[&str] = &[
    "display_name",
    "family_name",
    "given_name",
    "middle_name",
    "name",
    "nickname",
    "preferred_username",
    "unique_name",
];
