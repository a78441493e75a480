//! The checks of the key and the signature.

use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;
use bearward_core::{JwkSet, jws::Header};

use super::anatomy::Anatomy;
use super::asked::{Asked, Keys};
use super::check::{Check, Verdict};
use super::probe;
use super::text;

/// The key lookup, and the signature with the key it finds.
pub(crate) fn checks(anatomy: &Anatomy<'_>, asked: &Asked, is_alg_refused: bool) -> [Check; 2] {
    let token = probe::with_header(anatomy.header_part());
    let jws = UnverifiedJws::parse(&token);
    let header = jws.as_ref().ok().map(UnverifiedJws::header);
    let header = header.filter(|_| anatomy.is_jws());
    let expected = header.map_or_else(|| "one of the issuer's keys".to_owned(), expected_key);
    let mut selected = None;
    let found = match (header, &asked.keys) {
        (None, _) | (_, Keys::Unneeded) => "not looked up".to_owned(),
        (Some(_), _) if is_alg_refused => "not looked up, since alg is refused".to_owned(),
        (_, Keys::Unavailable(error)) => error.clone(),
        (_, Keys::Unconfigured) => "not configured: pass --issuer or --jwks".to_owned(),
        (Some(header), Keys::Known(keys)) => {
            let key = selected.insert(keys.select(header));
            found_key(header, keys, key.as_ref().err().copied())
        }
    };
    let verdict = selected.as_ref().map_or(Verdict::Unchecked, |selected| {
        Verdict::of(selected.as_ref().map_err(|reason| *reason))
    });
    let selected = selected.and_then(Result::ok);
    let jws = UnverifiedJws::parse(anatomy.token()).ok();
    let signature = match selected.zip(jws).map(|(keys, jws)| jws.verify(&keys)) {
        None => ("not verified".to_owned(), Verdict::Unchecked),
        Some(Ok(_)) => ("verifies".to_owned(), Verdict::Ok),
        Some(Err(reason)) => (reason.to_string(), Verdict::Fail(reason.code())),
    };
    [
        Check::new("key", expected, (found, verdict)),
        Check::new("signature", "verifies with that key", signature),
    ]
}

fn expected_key(header: &Header) -> String {
    let algorithm = header.algorithm();
    match (header.kid(), header.key_name()) {
        (Some(_), _) => format!("one key with that kid for {algorithm}"),
        (None, Some(_)) => format!("one key with that thumbprint for {algorithm}"),
        (None, None) => format!("exactly one key for {algorithm}"),
    }
}

fn found_key(header: &Header, keys: &JwkSet, refused: Option<InvalidToken>) -> String {
    let mut kids: Vec<&str> = keys.kids().collect();
    kids.sort_unstable();
    let known = match kids.as_slice() {
        [] => "only keys without kid".to_owned(),
        kids => text::shown(&kids.join(" "), KIDS_CHARS),
    };
    match refused {
        None => "found".to_owned(),
        Some(InvalidToken::KidUnknown) => format!("the issuer has {known}"),
        Some(InvalidToken::AlgKeyMismatch) => {
            format!(
                "no key for {} among those with this name",
                header.algorithm()
            )
        }
        Some(_) => format!("several fit: {known}"),
    }
}

/// All kids of the key set together, some dozen.
const KIDS_CHARS: usize = 400;
