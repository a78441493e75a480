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
    let token = probe::token(anatomy.header_part, probe::EMPTY_OBJECT, b"");
    let jws = UnverifiedJws::parse(&token);
    let header = jws.as_ref().ok().map(UnverifiedJws::header);
    let header = header.filter(|_| anatomy.is_jws());
    let mut key = Check {
        name: "key",
        expected: header.map_or_else(|| "a key of the issuer".to_owned(), expected_key),
        found: String::new(),
        verdict: Verdict::Unchecked,
    };
    let mut signature = Check {
        name: "signature",
        expected: "verifies with that key".to_owned(),
        found: "not verified".to_owned(),
        verdict: Verdict::Unchecked,
    };
    let (header, keys) = match (header, &asked.keys) {
        (None, _) | (_, Keys::Unneeded) => {
            key.found = "not looked up".to_owned();
            return [key, signature];
        }
        (Some(_), _) if is_alg_refused => {
            key.found = "not looked up for an alg that is refused".to_owned();
            return [key, signature];
        }
        (_, Keys::Unavailable(error)) => {
            key.found.clone_from(error);
            return [key, signature];
        }
        (_, Keys::Unconfigured) => {
            key.found = "not configured: pass --issuer or --jwks".to_owned();
            return [key, signature];
        }
        (Some(header), Keys::Known(keys)) => (header, keys),
    };
    let selected = keys.select(header);
    key.found = found_key(header, keys, selected.as_ref().err().copied());
    key.verdict = match &selected {
        Ok(_) => Verdict::Ok,
        Err(reason) => Verdict::Fail(reason.code()),
    };
    if let (Ok(selected), Ok(jws)) = (selected, UnverifiedJws::parse(anatomy.token)) {
        let verified = jws.verify(selected);
        (signature.found, signature.verdict) = match verified {
            Ok(_) => ("verifies".to_owned(), Verdict::Ok),
            Err(reason) => (reason.to_string(), Verdict::Fail(reason.code())),
        };
    }
    [key, signature]
}

fn expected_key(header: &Header) -> String {
    let algorithm = header.algorithm();
    match header.kid() {
        Some(_) => format!("one key of that kid for {algorithm}"),
        None => format!("one key for {algorithm}, without kid"),
    }
}

fn found_key(header: &Header, keys: &JwkSet, refused: Option<InvalidToken>) -> String {
    let mut kids: Vec<&str> = keys.kids().collect();
    kids.sort_unstable();
    let known = match kids.as_slice() {
        [] => "keys without kid".to_owned(),
        kids => text::shown(&kids.join(" "), KIDS_CHARS),
    };
    match refused {
        None => "found".to_owned(),
        Some(InvalidToken::KidUnknown) => format!("the issuer has {known}"),
        Some(InvalidToken::AlgKeyMismatch) => {
            format!(
                "no key for {} among those that fit the kid",
                header.algorithm()
            )
        }
        Some(_) => format!("several fit: {known}"),
    }
}

/// All kids of the key set together, some dozen.
const KIDS_CHARS: usize = 400;
