//! Tokens drawn by chance, whose verdict follows from how they were made.
//!
//! `BEARWARD_SPECIMENS=100000` draws more than the few thousand of an ordinary run, and
//! `BEARWARD_SEED=…` others than those of seed 1.

use std::collections::{BTreeMap, BTreeSet};

use bearward_core::confirmation::Evidence;
use bearward_core::jws::{KnownHeader, UnverifiedJws, VerifiedJws};
use bearward_core::rejection::InvalidToken;
use bearward_core::vouch::vouch;
use bearward_core::{Claimed, JwkSet, Policy, RequestHead, authenticate, limits};
use bearward_testing::generator::{AUDIENCE, Generator, ISSUER, KeySet, NOW, Specimen};

/// The key sets of the tokens, without a key that was left out.
fn key_sets() -> BTreeMap<KeySet, JwkSet> {
    let parse = |key_set: &KeySet| {
        let keys = JwkSet::parse(key_set.jwk_set().to_string().as_bytes()).unwrap();
        assert_eq!(keys.unusable(), []);
        (*key_set, keys)
    };
    KeySet::ALL.iter().map(parse).collect()
}

/// The stages of the pipeline behind the first.
fn decide(token: &str, keys: &JwkSet, policy: &Policy) -> Result<(), InvalidToken> {
    let jws = UnverifiedJws::parse(token.as_bytes())?;
    admit(vouch(jws, keys, policy, NOW, |_| {})?)
}

fn admit(claimed: Claimed) -> Result<(), InvalidToken> {
    claimed.proven(Evidence::NONE).map(drop)
}

/// The first rule that a token breaks, by what is said to explain it.
fn first_broken(token: &str, policy: &Policy) -> Option<InvalidToken> {
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    let mut rules = policy.danger_unverified_rules(&jws, NOW);
    rules.find_map(|(_, found)| found.err())
}

/// All stages; none if the token cannot stand in a field at all.
fn decide_request(token: &str, keys: &JwkSet, policy: &Policy) -> Option<Result<(), &'static str>> {
    // RFC 6750 §2.1: several spaces are as good as one, so those belong to the scheme.
    if token.starts_with(' ') {
        return None;
    }
    let field = http::HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).ok()?;
    let mut request = http::Request::new(());
    request.headers_mut().insert("authorization", field);
    let decision = authenticate(RequestHead::from(&request), keys, policy, NOW);
    Some(decision.map(drop).map_err(|refused| refused.reason()))
}

/// RFC 6750 §2.1: the characters of a token in a field.
fn is_b64token(token: &str) -> bool {
    let is_char = |char: char| char.is_ascii_alphanumeric() || "-._~+/=".contains(char);
    !token.is_empty() && token.chars().all(is_char)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var_os(name).map_or(otherwise, |number| {
        let number = number.to_str().and_then(|number| number.parse().ok());
        number.expect("a number")
    })
}

#[test]
fn every_generated_token_is_decided_as_it_was_made() {
    let key_sets = key_sets();
    let policy = Policy::builder(ISSUER, AUDIENCE).build().unwrap();
    let count = number("BEARWARD_SPECIMENS", 3_000);
    let seed = number("BEARWARD_SEED", 1);
    let (mut accepted, mut reasons) = (0, BTreeMap::<&str, u64>::new());
    let mut wrong = Vec::new();
    for (index, specimen) in (0..count).zip(Generator::from_seed(seed)) {
        let Specimen {
            token,
            expected,
            key_set,
            ..
        } = &specimen;
        let keys = &key_sets[key_set];
        let found = decide(token, keys, &policy);
        if found != *expected {
            wrong.push(format!("{index}: {specimen:?}, found {found:?}"));
        }
        let by_request = if is_b64token(token) {
            expected.map_err(InvalidToken::code)
        } else {
            Err("malformed_credentials")
        };
        let found = decide_request(token, keys, &policy);
        if found.is_some_and(|found| found != by_request) {
            wrong.push(format!("{index}: {specimen:?}, found {found:?} by request"));
        }
        // What the policy decides and what it says rule by rule are one order of the same rules.
        if let Ok(jws) = UnverifiedJws::parse(token.as_bytes()) {
            let mut is_verified = false;
            let claimed = vouch(jws, keys, &policy, NOW, |_| is_verified = true);
            assert!(!is_verified || claimed.err() == first_broken(token, &policy));
        }
        match expected {
            Ok(()) => accepted += 1,
            Err(reason) => *reasons.entry(reason.code()).or_default() += 1,
        }
    }
    println!("{count} tokens of seed {seed}: {accepted} to be accepted; {reasons:?}");
    let (total, shown) = (wrong.len(), wrong.iter().take(20));
    let shown: Vec<&str> = shown.map(String::as_str).collect();
    assert!(wrong.is_empty(), "{total} wrong:\n{}", shown.join("\n"));
}

/// Whatever was known before, and whether it is of use or not: the verdict is that of a token whose
/// header is parsed.
#[test]
fn a_known_header_changes_no_verdict() {
    let key_sets = key_sets();
    let policy = Policy::builder(ISSUER, AUDIENCE).build().unwrap();
    let mut known: BTreeMap<Box<[u8]>, KnownHeader> = BTreeMap::new();
    let mut last: Option<KnownHeader> = None;
    let (mut used, mut unused) = (0, 0);
    for Specimen {
        token,
        expected,
        key_set,
        ..
    } in Generator::from_seed(3).take(1_500)
    {
        let (token, keys) = (token.as_bytes(), &key_sets[&key_set]);
        let of_the_token = KnownHeader::encoded_in(token).and_then(|encoded| known.get(encoded));
        for known in [of_the_token, last.as_ref()] {
            let mut is_used = false;
            let found = vouch_knowing(token, known, keys, &policy, |jws| {
                is_used = !jws.header_is_new();
            });
            assert_eq!(found, expected);
            *if is_used { &mut used } else { &mut unused } += 1;
        }
        let _ = vouch_knowing(token, None, keys, &policy, |jws| {
            assert!(jws.header_is_new());
            let header = KnownHeader::of(jws);
            assert_eq!(Some(header.encoded()), KnownHeader::encoded_in(token));
            known.insert(header.encoded().into(), header.clone());
            last = Some(header);
        });
    }
    assert!(used > 200 && unused > 200, "{used} {unused}");
}

fn vouch_knowing(
    token: &[u8],
    known: Option<&KnownHeader>,
    keys: &JwkSet,
    policy: &Policy,
    remember: impl FnOnce(&VerifiedJws<'_>),
) -> Result<(), InvalidToken> {
    let jws = UnverifiedJws::parse_knowing(token, known)?;
    admit(vouch(jws, keys, policy, NOW, remember)?)
}

/// What the verdicts above are worth: nothing is left out, and no reason that a token of a default
/// policy can be refused for is missing.
#[test]
fn the_generator_draws_everything_it_knows() {
    let mut spoils: BTreeSet<&str> = Generator::spoils().collect();
    let mut edges: BTreeSet<&str> = Generator::edges().collect();
    // Another policy, or a claim of another profile.
    let unreachable = [InvalidToken::LifetimeExceeded, InvalidToken::ClaimMismatch];
    let mut reasons: BTreeSet<&str> = InvalidToken::ALL
        .iter()
        .filter(|reason| !unreachable.contains(reason))
        .map(|reason| reason.code())
        .collect();
    let mut accepted = 0;
    for specimen in Generator::from_seed(2).take(20_000) {
        for spoil in &specimen.spoils {
            spoils.remove(spoil);
        }
        for edge in &specimen.edges {
            edges.remove(edge);
        }
        match specimen.expected {
            Ok(()) => {
                assert_eq!(specimen.spoils, [""; 0]);
                assert!(specimen.token.len() <= limits::TOKEN_BYTES);
                accepted += 1;
            }
            Err(reason) => {
                reasons.remove(reason.code());
            }
        }
        if spoils.is_empty() && edges.is_empty() && reasons.is_empty() && accepted > 500 {
            return;
        }
    }
    panic!("not drawn: {spoils:?} {edges:?} {reasons:?}, {accepted} good");
}

#[test]
fn a_seed_draws_the_same_again() {
    let drawn = |seed| {
        let specimens = Generator::from_seed(seed).take(200);
        let what = specimens.map(|specimen| (specimen.edges, specimen.spoils, specimen.expected));
        what.collect::<Vec<_>>()
    };
    assert_eq!(drawn(5), drawn(5));
    assert_ne!(drawn(5), drawn(6));
}
