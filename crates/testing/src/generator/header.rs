//! The header ([RFC 7515 §4.1]): algorithm and key, and forbidden members.
//!
//! [RFC 7515 §4.1]: https://www.rfc-editor.org/rfc/rfc7515#section-4.1

use bearward_core::Algorithm;
use bearward_core::rejection::InvalidToken;
use fastrand::Rng;

use super::draft::change::{Change, Check, Edit};
use super::draft::{Draft, one_of};
use super::key_set::{KeySet, TWINS, algorithms, thumbprints};
use crate::keys::SigningKey;

const fn good(
    name: &'static str,
    member: &'static [&'static str; 1],
    values: &'static [&'static str],
) -> Change {
    let [of] = member;
    Change::edge(name, member, Edit::Header(of, values))
}

const fn bad(
    name: &'static str,
    member: &'static [&'static str; 1],
    values: &'static [&'static str],
    check: Check,
    reason: InvalidToken,
) -> Change {
    let [of] = member;
    Change::spoil(name, member, Edit::Header(of, values), check, reason)
}

/// All of these, the valid ones first. A change of the key also touches `alg` and `kid`.
pub(super) static ALL: &[Change] = &[
    good(
        "typ-in-another-case",
        &["typ"],
        &["\"AT+JWT\"", "\"At+Jwt\"", "\"at+JWT\""],
    ),
    good(
        "typ-media-type",
        &["typ"],
        &["\"application/at+jwt\"", "\"Application/AT+JWT\""],
    ),
    good(
        "typ-escaped",
        &["typ"],
        &["\"at\\u002bjwt\"", "\"application\\/at+jwt\""],
    ),
    good("cty", &["cty"], &["\"JWT\"", "\"json\""]),
    good(
        "jku",
        &["jku"],
        &[
            "\"https://evil.example/keys\"",
            "\"file:///etc/passwd\"",
            "5",
        ],
    ),
    good(
        "x5u",
        &["x5u"],
        &[
            "\"https://evil.example/cert.pem\"",
            "\"http://169.254.169.254/\"",
        ],
    ),
    good("x5t", &["x5t"], &["\"0ZcOCORZNYy-DWpqq30jZyJGHTN\"", "1"]),
    good(
        "x5t-s256",
        &["x5t#S256"],
        &["\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\""],
    ),
    good("x5c", &["x5c"], &["[\"MIIB\"]", "[]", "\"MIIB\""]),
    good(
        "jwk",
        &["jwk"],
        &["{\"kty\":\"oct\",\"k\":\"AA\"}", "{}", "null"],
    ),
    good(
        "unknown-member",
        &["x"],
        &["1", "null", "[{\"a\":1}]", "\"\u{1f43b}\""],
    ),
    good("member-in-another-case", &["CRIT"], &["[\"x\"]", "null"]),
    good(
        "iss-in-the-header",
        &["iss"],
        &["\"https://auth.example\"", "\"https://evil.example\""],
    ),
    Change::edge("kid-absent", NAMES, Edit::WithoutHeader("kid")).only_if(fits_alone),
    Change::edge("kid-null", NAMES, Edit::Header("kid", &["null"])).only_if(fits_alone),
    good(
        "kid-for-nameless-keys",
        &["kid"],
        &["\"1\"", "\"\"", "null"],
    )
    .only_if(|draft| draft.is_for(KeySet::Nameless)),
    Change::edge("x5t-of-the-key", NAMES, Edit::Draft(x5t_of_the_key))
        .only_if(Draft::has_usual_key),
    Change::edge(
        "x5t-s256-of-the-key",
        NAMES,
        Edit::Draft(x5t_s256_of_the_key),
    )
    .only_if(Draft::has_usual_key),
    // Algorithm.
    Change::spoil(
        "alg-absent",
        &["alg"],
        Edit::WithoutHeader("alg"),
        Check::Alg,
        InvalidToken::AlgInvalid,
    ),
    bad(
        "alg-type",
        &["alg"],
        &["null", "1", "[\"RS256\"]", "{}", "true"],
        Check::Alg,
        InvalidToken::AlgInvalid,
    ),
    Change::spoil(
        "alg-in-another-member",
        &["alg"],
        Edit::Draft(alg_in_another_member),
        Check::Alg,
        InvalidToken::AlgInvalid,
    ),
    bad(
        "alg-unknown",
        &["alg"],
        &[
            "\"ES256K\"",
            "\"ES521\"",
            "\"RS1\"",
            "\"RSA-OAEP\"",
            "\"dir\"",
            "\"\"",
            "\"Ed448\"",
            "\"A128GCM\"",
        ],
        Check::AlgName,
        InvalidToken::AlgNotAllowed,
    ),
    Change::spoil(
        "alg-misspelt",
        &["alg"],
        Edit::Draft(alg_misspelt),
        Check::AlgName,
        InvalidToken::AlgNotAllowed,
    ),
    Change::spoil(
        "alg-none",
        &["alg", "signature"],
        Edit::Draft(alg_none),
        Check::AlgName,
        InvalidToken::AlgNotAllowed,
    ),
    Change::spoil(
        "alg-none-unsigned",
        &["alg", "signature"],
        Edit::Draft(alg_none_unsigned),
        Check::AlgName,
        InvalidToken::AlgNotAllowed,
    ),
    Change::spoil(
        "hmac-with-public-key",
        &["alg", "signature"],
        Edit::Draft(hmac),
        Check::AlgAllowed,
        InvalidToken::AlgNotAllowed,
    ),
    // Key.
    Change::spoil(
        "alg-of-the-same-key",
        KEY,
        Edit::Draft(alg_of_the_same_key),
        Check::Key,
        InvalidToken::AlgKeyMismatch,
    )
    .only_if(|draft| draft.has_usual_key() && family(draft.algorithm()) == Family::Rsa),
    Change::spoil(
        "alg-of-another-curve",
        KEY,
        Edit::Draft(alg_of_another_curve),
        Check::Key,
        InvalidToken::AlgKeyMismatch,
    )
    .only_if(|draft| draft.has_usual_key() && family(draft.algorithm()) == Family::Ec),
    Change::spoil(
        "alg-of-another-key-type",
        KEY,
        Edit::Draft(alg_of_another_key_type),
        Check::Key,
        InvalidToken::AlgKeyMismatch,
    )
    .only_if(Draft::has_usual_key),
    bad(
        "kid-type",
        &["kid"],
        &["1", "{}", "[\"a\"]", "true"],
        Check::Kid,
        InvalidToken::KidInvalid,
    ),
    Change::spoil(
        "kid-too-long",
        &["kid"],
        Edit::Draft(kid_too_long),
        Check::Kid,
        InvalidToken::KidInvalid,
    ),
    bad(
        "kid-unknown",
        &["kid"],
        &[
            "\"\"",
            "\"../../dev/null\"",
            "\"' OR '1'='1\"",
            "\"__proto__\"",
            "\"constructor\"",
            "\"https://evil.example/key\"",
            "\"shared \"",
            "\"any-RSA\"",
            "\"\\u0000\"",
            "\"0\"",
        ],
        Check::Key,
        InvalidToken::KidUnknown,
    )
    .only_if(|draft| draft.is_for(KeySet::Usual)),
    Change::spoil(
        "kid-missing",
        NAMES,
        Edit::WithoutHeader("kid"),
        Check::Key,
        InvalidToken::KidMissing,
    )
    .only_if(several_fit),
    Change::spoil(
        "kid-null-and-several-keys",
        NAMES,
        Edit::Header("kid", &["null"]),
        Check::Key,
        InvalidToken::KidMissing,
    )
    .only_if(several_fit),
    Change::spoil(
        "kid-ambiguous",
        KEY,
        Edit::Draft(kid_ambiguous),
        Check::Key,
        InvalidToken::KidAmbiguous,
    )
    .only_if(|draft| draft.is_for(KeySet::Usual)),
    Change::spoil(
        "nameless-keys-too-many",
        KEY,
        Edit::Draft(too_many_nameless_keys),
        Check::Key,
        InvalidToken::KidMissing,
    )
    .only_if(|draft| draft.is_for(KeySet::Nameless)),
    Change::spoil(
        "x5t-unknown",
        NAMES,
        Edit::Draft(x5t_unknown),
        Check::Key,
        InvalidToken::KidUnknown,
    )
    .only_if(Draft::has_usual_key),
    Change::spoil(
        "x5t-of-another-key-type",
        NAMES,
        Edit::Draft(x5t_of_another_key_type),
        Check::Key,
        InvalidToken::AlgKeyMismatch,
    )
    .only_if(Draft::has_usual_key),
    Change::spoil(
        "x5t-of-an-injected-certificate",
        NAMES_AND_CERTIFICATE,
        Edit::Draft(x5t_of_an_injected_certificate),
        Check::Key,
        InvalidToken::KidUnknown,
    )
    .only_if(|draft| draft.has_usual_key() && has_stranger(draft)),
    // Forbidden members.
    bad(
        "crit-unknown",
        &["crit"],
        &["[\"x\"]", "[\"http://example.com/ext\"]", "[\"exp\"]"],
        Check::Crit,
        InvalidToken::CritUnsupported,
    ),
    bad(
        "crit-empty",
        &["crit"],
        &["[]"],
        Check::Crit,
        InvalidToken::CritUnsupported,
    ),
    bad(
        "crit-malformed",
        &["crit"],
        &["\"exp\"", "null", "{}", "[1]", "true", "\"\""],
        Check::Crit,
        InvalidToken::CritUnsupported,
    ),
    bad(
        "crit-registered",
        &["crit"],
        &["[\"alg\"]", "[\"typ\"]", "[\"kid\"]"],
        Check::Crit,
        InvalidToken::CritUnsupported,
    ),
    Change::spoil(
        "crit-b64-true",
        &["crit", "b64"],
        Edit::Draft(crit_b64_true),
        Check::Crit,
        InvalidToken::CritUnsupported,
    ),
    Change::spoil(
        "crit-b64-false",
        &["crit", "b64"],
        Edit::Draft(crit_b64_false),
        Check::Crit,
        InvalidToken::CritUnsupported,
    ),
    Change::spoil(
        "crit-present",
        &["crit"],
        Edit::Draft(crit_present),
        Check::Crit,
        InvalidToken::CritUnsupported,
    ),
    bad(
        "b64-false",
        &["b64"],
        &["false"],
        Check::B64,
        InvalidToken::B64Unsupported,
    ),
    bad(
        "b64-true",
        &["b64"],
        &["true"],
        Check::B64,
        InvalidToken::B64Unsupported,
    ),
    bad(
        "b64-malformed",
        &["b64"],
        &["null", "\"false\"", "0"],
        Check::B64,
        InvalidToken::B64Unsupported,
    ),
    bad(
        "zip",
        &["zip"],
        &["\"DEF\"", "null", "\"\""],
        Check::Zip,
        InvalidToken::HeaderZip,
    ),
    // Type.
    bad(
        "typ-type",
        &["typ"],
        &["5", "true", "[\"at+jwt\"]", "{}"],
        Check::Typ,
        InvalidToken::TypNotAccepted,
    ),
    bad(
        "typ-null",
        &["typ"],
        &["null"],
        Check::TypAccepted,
        InvalidToken::TypNotAccepted,
    ),
    Change::spoil(
        "typ-absent",
        &["typ"],
        Edit::WithoutHeader("typ"),
        Check::TypAccepted,
        InvalidToken::TypNotAccepted,
    ),
    bad(
        "typ-jwt",
        &["typ"],
        &["\"JWT\"", "\"jwt\"", "\"application/jwt\""],
        Check::TypAccepted,
        InvalidToken::TypNotAccepted,
    ),
    bad(
        "typ-of-another-kind",
        &["typ"],
        &[
            "\"logout+jwt\"",
            "\"dpop+jwt\"",
            "\"secevent+jwt\"",
            "\"token-introspection+jwt\"",
            "\"oauth-authz-req+jwt\"",
        ],
        Check::TypAccepted,
        InvalidToken::TypNotAccepted,
    ),
    bad(
        "typ-nearly",
        &["typ"],
        &[
            "\"at+jwt \"",
            "\"at jwt\"",
            "\"at+jw\"",
            "\"text/at+jwt\"",
            "\"application/application/at+jwt\"",
            "\"at+jwt;charset=utf-8\"",
            "\"\"",
            "\"id+at+jwt\"",
            "\"application/\"",
        ],
        Check::TypAccepted,
        InvalidToken::TypNotAccepted,
    ),
];

/// The parts that a change of the key touches.
const KEY: &[&str] = &["alg", "kid", "signature"];

/// The parts that a change of what names the key touches.
const NAMES: &[&str] = &["alg", "kid", "signature", "x5t", "x5t#S256"];

const NAMES_AND_CERTIFICATE: &[&str] =
    &["alg", "kid", "signature", "x5t", "x5t#S256", "x5c", "bulk"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Ec,
    Ed25519,
    Rsa,
}

/// The type of the algorithm's keys, by its name.
pub(super) fn family(algorithm: Algorithm) -> Family {
    match algorithm.key_type() {
        "EC" => Family::Ec,
        "OKP" => Family::Ed25519,
        _ => Family::Rsa,
    }
}

/// Only one key in the set supports the algorithm.
fn fits_alone(draft: &Draft) -> bool {
    let is_alone = family(draft.algorithm()) == Family::Ec && draft.algorithm() != Algorithm::Es384;
    draft.is_for(KeySet::Usual) && is_alone
}

/// Several keys in the set support it, and have names.
fn several_fit(draft: &Draft) -> bool {
    draft.is_for(KeySet::Usual) && !fits_alone(draft)
}

fn alg_in_another_member(draft: &mut Draft, rng: &mut Rng) {
    draft.header.remove("alg");
    let name = one_of(&["ALG", "Alg", "alg ", "algorithm"], rng);
    draft.header.set_text(name, draft.algorithm().as_str());
}

fn alg_misspelt(draft: &mut Draft, rng: &mut Rng) {
    let name = draft.algorithm().as_str();
    let misspelt = match rng.u8(..4) {
        0 => name.to_ascii_lowercase(),
        1 => format!("{name} "),
        2 => format!(" {name}"),
        _ => format!("{name}\0"),
    };
    draft.header.set_text("alg", &misspelt);
}

fn alg_none(draft: &mut Draft, rng: &mut Rng) {
    let none = one_of(&["none", "None", "NONE", "nOnE", "none "], rng);
    draft.header.set_text("alg", none);
}

fn alg_none_unsigned(draft: &mut Draft, rng: &mut Rng) {
    alg_none(draft, rng);
    draft.is_unsigned = true;
}

/// RFC 8725 §2.1: a verifier that trusts the header's algorithm uses the public key as a secret.
fn hmac(draft: &mut Draft, rng: &mut Rng) {
    let key = &draft.signer.key;
    let pem = key.public_key_pem().unwrap_or_default();
    let secret = match rng.u8(..7) {
        0 => pem.into_bytes(),
        1 => pem.trim_end().as_bytes().to_vec(),
        2 => key.public_key_der().unwrap_or_default(),
        3 => key.rsa_public_key_pem().unwrap_or(pem).into_bytes(),
        4 => key.public_jwk().to_string().into_bytes(),
        5 => Vec::new(),
        _ => b"secret".to_vec(),
    };
    let algorithms = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
    let algorithm = rng.choice(algorithms).unwrap_or(Algorithm::Hs256);
    if let Ok(key) = SigningKey::from_secret(algorithm, &secret) {
        draft.key = key;
    }
    draft.header.set_text("alg", algorithm.as_str());
}

/// The right key, used with an algorithm that its JWK does not name.
fn alg_of_the_same_key(draft: &mut Draft, rng: &mut Rng) {
    let own = draft.algorithm();
    sign_as(draft, rng, |other| {
        other != own && family(other) == family(own)
    });
}

fn alg_of_another_curve(draft: &mut Draft, rng: &mut Rng) {
    let own = draft.algorithm();
    sign_as(draft, rng, |other| {
        other != own && family(other) == Family::Ec
    });
}

fn alg_of_another_key_type(draft: &mut Draft, rng: &mut Rng) {
    let own = draft.algorithm();
    sign_as(draft, rng, |other| family(other) != family(own));
}

/// With the `kid` of its own key, but signed with another algorithm.
fn sign_as(draft: &mut Draft, rng: &mut Rng, is_wanted: impl Fn(Algorithm) -> bool) {
    let others: Vec<Algorithm> = algorithms().filter(|other| is_wanted(*other)).collect();
    if let Some(other) = rng.choice(others) {
        draft.key = SigningKey::first(other);
        draft.header.set_text("alg", other.as_str());
    }
}

fn kid_too_long(draft: &mut Draft, rng: &mut Rng) {
    draft
        .header
        .set_text("kid", &"k".repeat(rng.usize(257..400)));
}

fn kid_ambiguous(draft: &mut Draft, rng: &mut Rng) {
    draft.key = if rng.bool() {
        SigningKey::first(Algorithm::Es384)
    } else {
        SigningKey::second(Algorithm::Es384)
    };
    draft.header.set_text("alg", "ES384");
    draft.header.set_text("kid", TWINS);
}

fn too_many_nameless_keys(draft: &mut Draft, _: &mut Rng) {
    draft.key = SigningKey::first(Algorithm::Rs512);
    draft.header.set_text("alg", "RS512");
}

/// RFC 7515 §4.1.7. A SHA-256 thumbprint that cannot be one does not get in its way.
fn x5t_of_the_key(draft: &mut Draft, rng: &mut Rng) {
    let [_, x5t] = thumbprints(&draft.key);
    draft.header.remove("kid");
    draft.header.set_text("x5t", &x5t);
    if rng.bool() {
        draft.header.set("x5t#S256", "1");
    }
}

/// RFC 7515 §4.1.8. The SHA-1 thumbprint next to it does not count, right or wrong.
fn x5t_s256_of_the_key(draft: &mut Draft, rng: &mut Rng) {
    let [x5t_s256, x5t] = thumbprints(&draft.key);
    draft.header.remove("kid");
    draft.header.set_text("x5t#S256", &x5t_s256);
    match rng.u8(..3) {
        0 => {}
        1 => draft.header.set_text("x5t", &x5t),
        _ => draft.header.set_text("x5t", "0ZcOCORZNYy-DWpqq30jZyJGHTM"),
    }
}

/// No key of the set has this member: it is another, empty, or that of the other hash.
fn x5t_unknown(draft: &mut Draft, rng: &mut Rng) {
    let [x5t_s256, x5t] = thumbprints(&draft.key);
    draft.header.remove("kid");
    let (name, other) = match rng.u8(..6) {
        0 => ("x5t", "0ZcOCORZNYy-DWpqq30jZyJGHTM".to_owned()),
        1 => ("x5t", String::new()),
        2 => ("x5t", x5t_s256),
        3 => ("x5t#S256", x5t),
        4 => ("x5t#S256", x5t_s256.to_ascii_lowercase()),
        _ => ("x5t#S256", x5t_s256 + "="),
    };
    draft.header.set_text(name, &other);
}

fn x5t_of_another_key_type(draft: &mut Draft, rng: &mut Rng) {
    let own = family(draft.algorithm());
    let others: Vec<Algorithm> = algorithms().filter(|other| family(*other) != own).collect();
    let other = rng.choice(others).unwrap_or(Algorithm::Es256);
    let [x5t_s256, x5t] = thumbprints(&SigningKey::first(other));
    draft.header.remove("kid");
    let (name, value) = match rng.bool() {
        true => ("x5t", x5t),
        false => ("x5t#S256", x5t_s256),
    };
    draft.header.set_text(name, &value);
}

/// Whether there is a key of the type that [`KeySet::Usual`] does not list.
fn has_stranger(draft: &Draft) -> bool {
    family(draft.algorithm()) == Family::Rsa || fits_alone(draft)
}

/// The key of an attacker, with its certificate and the thumbprints of that.
fn x5t_of_an_injected_certificate(draft: &mut Draft, rng: &mut Rng) {
    draft.key = match family(draft.algorithm()) {
        Family::Rsa => SigningKey::rsa_4096(),
        Family::Ec | Family::Ed25519 => draft.signer.attacker(),
    };
    let algorithm = draft.key.algorithm();
    draft.header.set_text("alg", algorithm.as_str());
    let [x5t_s256, x5t] = thumbprints(&draft.key);
    let der = draft.key.public_key_der().unwrap_or_default();
    let text = base64_simd::STANDARD.encode_to_string(der);
    draft.header.remove("kid");
    draft.header.set("x5c", format!("[\"{text}\"]"));
    if rng.bool() {
        draft.header.set_text("x5t", &x5t);
    } else {
        draft.header.set_text("x5t#S256", &x5t_s256);
    }
}

/// RFC 7797 §6: the only registered extension, as its RFC requires.
fn crit_b64_true(draft: &mut Draft, _: &mut Rng) {
    draft.header.set("crit", "[\"b64\"]");
    draft.header.set("b64", "true");
}

/// The same, but with an unencoded payload: the raw text is signed, so it verifies, but is no JSON.
fn crit_b64_false(draft: &mut Draft, _: &mut Rng) {
    draft.header.set("crit", "[\"b64\"]");
    draft.header.set("b64", "false");
}

/// An extension that is present and that nobody knows.
fn crit_present(draft: &mut Draft, _: &mut Rng) {
    draft.header.set("crit", "[\"urn:example:bound-to\"]");
    draft
        .header
        .set("urn:example:bound-to", "\"another server\"");
}
