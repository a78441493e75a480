//! The checks of the header's members, each made separately.

use bearward_core::jws::{Typ, UnverifiedJws};
use bearward_core::limits;
use bearward_core::rejection::InvalidToken;

use super::anatomy::Anatomy;
use super::asked::Asked;
use super::check::{Check, Verdict};
use super::members::Members;
use super::probe;

/// The checks of the header, in the order of decision.
pub(crate) struct Checks {
    /// Of its form, before the issuer is known: `crit`, `b64`, `zip` and `kid`; and `alg` if nobody allows it.
    pub(crate) form: Vec<Check>,
    /// By the policy of the issuer: `typ`, and `alg` if it has a form that somebody may allow.
    pub(crate) policy: Vec<Check>,
}

pub(crate) fn checks(anatomy: &Anatomy<'_>, asked: &Asked) -> Checks {
    let algorithms = asked.policy.algorithms().iter();
    let allowed: Vec<_> = algorithms.map(|alg| alg.as_str()).collect();
    let alg = format!("one of {}", allowed.join(" "));
    let kid = format!("absent, or at most {} bytes", limits::KID_BYTES);
    let profile = asked.policy.profile();
    let typ = match asked.policy.tokens_by_audience() && !profile.accepts(Typ::Unregistered) {
        true => "absent, JWT, JOSE or at+jwt",
        false => profile.accepted_types(),
    };
    let check = |name, expected| check(name, expected, anatomy, asked);
    let alg = check("alg", alg);
    let form = [
        check("crit", "absent".to_owned()),
        check("b64", "absent".to_owned()),
        check("zip", "absent".to_owned()),
        check("kid", kid),
    ];
    let typ = check("typ", typ.to_owned());
    let is_formed = anatomy.header.as_ref().is_none_or(has_known_alg);
    let (before, after) = match is_formed {
        true => (None, Some(alg)),
        false => (Some(alg), None),
    };
    Checks {
        form: before.into_iter().chain(form).collect(),
        policy: after.into_iter().chain([typ]).collect(),
    }
}

/// Whether a policy could allow its `alg`.
fn has_known_alg(header: &Members) -> bool {
    let alg = header.get("alg").unwrap_or("null");
    let token = probe::with_header(&probe::object(&[("alg", alg)]));
    UnverifiedJws::parse(&token).is_ok()
}

fn check(name: &'static str, expected: String, anatomy: &Anatomy<'_>, asked: &Asked) -> Check {
    let Some(header) = &anatomy.header else {
        return Check::unreadable(name, expected);
    };
    let verdict = match member(name, header, asked) {
        // The JSON of the value is wrong, and the JSON check reports it.
        Err(
            InvalidToken::JsonDuplicateMember
            | InvalidToken::JsonInvalid
            | InvalidToken::JsonLimits,
        ) => Verdict::Unchecked,
        answer => Verdict::of(answer),
    };
    Check::new(name, expected, (header.shown(name), verdict))
}

/// The pipeline's verdict on a header that has only this member and the required `alg`.
fn member(name: &'static str, header: &Members, asked: &Asked) -> Result<(), InvalidToken> {
    let allowed = asked.policy.algorithms().first().map(|alg| alg.as_str());
    let alg = format!("\"{}\"", allowed.unwrap_or_default());
    let value = header.get(name).map(|value| (name, value));
    let needed = Some(("alg", alg.as_str())).filter(|_| name != "alg");
    let members: Vec<(&str, &str)> = needed.into_iter().chain(value).collect();
    let token = probe::with_header(&probe::object(&members));
    let jws = UnverifiedJws::parse(&token)?;
    match (name, asked.policy.check_header(jws.header())) {
        ("alg", Err(reason @ InvalidToken::AlgNotAllowed)) => Err(reason),
        ("typ", Err(reason @ InvalidToken::TypNotAccepted)) => Err(reason),
        _ => Ok(()),
    }
}
