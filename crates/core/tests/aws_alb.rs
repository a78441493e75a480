//! What an AWS Application Load Balancer says about the users that it authenticates: the profile
//! `aws-alb`, its padded tokens, and its keys in PEM.

use std::time::Duration;

use bearward_core::jwk_set::{JwkSetError, KeyDocument};
use bearward_core::jws::{KnownHeader, UnverifiedJws};
use bearward_core::policy::PolicyError;
use bearward_core::rejection::InvalidToken;
use bearward_core::{
    Algorithm, JwkSet, Policy, Principal, PrincipalKind, Profile, Rejection, limits,
};
use bearward_testing::providers::with_claims;
use bearward_testing::{SigningKey, Token};
use serde_json::json;

use crate::fixture::{ISSUER, NOW, decide, invalid, keys_of, settings};

const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";
const KID: &str = "12345678-1234-4234-8234-123456789012";

fn key() -> SigningKey {
    SigningKey::first(Algorithm::Es256).with_kid(KID)
}

/// The key as the load balancer publishes it.
fn keys() -> JwkSet {
    KeyDocument::PemByKid
        .parse(key().public_key_pem().unwrap().as_bytes())
        .unwrap()
}

fn policy() -> Policy {
    let policy = Policy::builder(ISSUER, ARN).profile(Profile::AwsAlb);
    policy.build().unwrap()
}

/// A token as the documentation shows it.
fn good() -> Token {
    with_claims(&json!({ "email": "alias@example.com", "name": "name", "sub": "1234567890" }))
        .without_claim("iat")
        .key(key())
        .header("typ", "JWT")
        .header("signer", ARN)
        .header("iss", ISSUER)
        .header("client", "client-id")
        .header("exp", 1_700_000_120)
}

fn decided(token: &str) -> Result<Principal, Rejection> {
    decide(token, &keys(), &policy())
}

#[track_caller]
fn refused(token: &Token) -> InvalidToken {
    invalid(decided(&token.sign_padded()))
}

#[test]
fn a_jws_02_a_padded_token_is_admitted_under_the_profile() {
    let token = good().sign_padded();
    assert!(token.ends_with("=="));
    for token in [token, good().without_header("typ").sign_padded()] {
        let principal = decided(&token).unwrap();
        assert_eq!(principal.issuer(), ISSUER);
        assert_eq!(principal.subject(), "1234567890");
        assert_eq!(principal.client_id(), Some("client-id"));
        assert_eq!(principal.kind(), PrincipalKind::User);
        assert_eq!(
            principal
                .all_claims()
                .get("email")
                .and_then(|it| it.as_str())
                .as_deref(),
            Some("alias@example.com")
        );
    }
    let nameless = decided(&good().without_header("client").sign_padded());
    assert_eq!(nameless.unwrap().client_id(), None);
}

/// Whatever else is wrong with it, where its issuer may not pad.
#[test]
fn t_jws_07_a_padded_token_is_refused_under_every_other_profile() {
    let padded = |token: &Token| token.clone().key(key()).sign_padded();
    let keys = keys_of([&key()]);
    for profile in Profile::ALL {
        if *profile == Profile::AwsAlb {
            continue;
        }
        let policy = settings().profile(*profile).build().unwrap();
        let token = padded(&crate::profiles::sample(*profile));
        let reason = invalid(decide(&token, &keys, &policy));
        assert_eq!(reason, InvalidToken::Base64NotCanonical, "{profile}");
        let by_audience = settings().profile(*profile).tokens_by_audience();
        let reason = invalid(decide(&token, &keys, &by_audience.build().unwrap()));
        assert_eq!(reason, InvalidToken::Base64NotCanonical, "{profile}");
    }
    let policy = settings().build().unwrap();
    let stranger = || good().claim("iss", "https://stranger.example");
    for (token, expected) in [
        (stranger(), InvalidToken::IssuerUnknown),
        (good().without_claim("iss"), InvalidToken::IssMissing),
        (good().claim("iss", 5), InvalidToken::IssType),
        (
            good().header("typ", "logout+jwt"),
            InvalidToken::Base64NotCanonical,
        ),
        // No load balancer wrote this.
        (
            stranger().without_header("signer"),
            InvalidToken::Base64NotCanonical,
        ),
    ] {
        let reason = invalid(decide(&padded(&token), &keys, &policy));
        assert_eq!(reason, expected);
    }
    // Also where a policy is asked directly.
    let token = padded(&crate::fixture::good());
    let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
    assert!(!policy.is_plausible(&jws, NOW));
    let candidates = keys.select(jws.header()).unwrap();
    let checked = policy.check(jws.verify(&candidates).unwrap(), NOW);
    assert_eq!(checked.unwrap_err(), InvalidToken::Base64NotCanonical);
}

/// One token has one spelling, also where only its signature has padding.
#[test]
fn t_jws_07_wrong_padding_is_refused() {
    let token = good().sign_padded();
    let unpadded = good().sign();
    let parts: Vec<&str> = token.split('.').collect();
    let bare = parts.iter().map(|part| part.trim_end_matches('='));
    let bare: Vec<&str> = bare.collect();
    assert!(parts[2] != bare[2]);
    let mut odd = vec![
        format!("{token}="),
        token.strip_suffix('=').unwrap().to_owned(),
        token.strip_suffix("==").unwrap().to_owned(),
        format!("{unpadded}=="),
        unpadded,
        format!("{}.{}.{}", parts[0], parts[1], bare[2]),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}=.{}", parts[0], parts[1], parts[2]),
        format!("={token}"),
        token.replacen('.', "=.", 1),
        token.replace('=', "~"),
    ];
    // A signature of 64 bytes ends in a character with four unused bits.
    let last = bare[2].chars().last().unwrap();
    let other = if last == 'B' { 'C' } else { 'B' };
    let spoilt = format!("{}{other}==", bare[2].strip_suffix(last).unwrap());
    odd.push(format!("{}.{}.{spoilt}", parts[0], parts[1]));
    for token in odd {
        let reason = invalid(decided(&token));
        assert_eq!(reason, InvalidToken::Base64NotCanonical, "{token}");
    }
}

/// Each part that a load balancer might sign so: unused bits, and parts with and without padding.
#[test]
fn t_jws_07_signed_oddities_are_refused_in_every_part() {
    let encode = |text: &[u8]| base64_simd::URL_SAFE.encode_to_string(text);
    let sign = |header: &str, payload: &str| {
        let input = format!("{header}.{payload}");
        let signature = key().sign(input.as_bytes());
        format!("{input}.{}", encode(&signature))
    };
    // JSON may have white space behind it, which makes every length possible.
    let part = |text: &[u8], spaces: usize| [text, &vec![b' '; spaces]].concat();
    let header = |spaces| part(&good().header_bytes(), spaces);
    let payload = |spaces| part(&good().payload_bytes(), spaces);
    for (at_header, at_payload) in (0..3).flat_map(|one| (0..3).map(move |two| (one, two))) {
        let (header, payload) = (encode(&header(at_header)), encode(&payload(at_payload)));
        decided(&sign(&header, &payload)).unwrap();
        let without = |part: &str| part.trim_end_matches('=').to_owned();
        for (header, payload) in [
            (without(&header), payload.clone()),
            (header.clone(), without(&payload)),
        ] {
            let token = sign(&header, &payload);
            match header.len() % 4 == 0 && payload.len() % 4 == 0 {
                true => drop(decided(&token).unwrap()),
                false => assert_eq!(invalid(decided(&token)), InvalidToken::Base64NotCanonical),
            }
        }
        let spoilt = |part: &str| {
            let end = part.trim_end_matches('=');
            let (start, last) = end.split_at(end.len() - 1);
            let other = char::from(last.as_bytes()[0] + 1);
            format!("{start}{other}{}", part.strip_prefix(end).unwrap())
        };
        for (header, payload) in [
            (spoilt(&header), payload.clone()),
            (header.clone(), spoilt(&payload)),
        ] {
            // Unused bits exist only where there is padding; elsewhere the text itself has changed.
            let changed = if header == encode(&part(&good().header_bytes(), at_header)) {
                &payload
            } else {
                &header
            };
            if changed.ends_with('=') {
                assert_eq!(
                    invalid(decided(&sign(&header, &payload))),
                    InvalidToken::Base64NotCanonical
                );
            }
        }
    }
}

/// With a known header, which is not decoded again.
#[test]
fn a_known_header_hides_no_padding() {
    let is_padded = |token: &str, known: Option<&KnownHeader>| {
        let jws = UnverifiedJws::parse_knowing(token.as_bytes(), known);
        jws.map(|jws| jws.header().is_padded())
    };
    let known = |token: &str| {
        let parse = || UnverifiedJws::parse(token.as_bytes()).unwrap();
        let key = keys().select(parse().header()).unwrap();
        KnownHeader::of(&parse().verify(&key).unwrap())
    };
    for spaces in 0..3 {
        let text = [good().header_bytes(), vec![b' '; spaces]].concat();
        let token = good().header_text(text);
        let tokens = [token.sign_padded(), token.sign()];
        let spoilt = tokens.iter().flat_map(|token| {
            let bare = token.trim_end_matches('=');
            [token.clone(), bare.to_owned(), format!("{bare}==")]
        });
        for token in spoilt {
            let expected = is_padded(&token, None);
            for known in tokens.iter().map(|token| known(token)) {
                assert_eq!(is_padded(&token, Some(&known)), expected, "{token}");
            }
        }
    }
}

#[test]
fn t_clm_07_09_the_signer_is_the_audience() {
    assert_eq!(
        refused(&good().without_header("signer")),
        InvalidToken::AudMissing
    );
    for empty in [json!(null), json!("")] {
        assert_eq!(
            refused(&good().header("signer", empty)),
            InvalidToken::AudMissing
        );
    }
    for odd in [json!([ARN]), json!(5), json!({ "arn": ARN }), json!(true)] {
        assert_eq!(
            refused(&good().header("signer", odd)),
            InvalidToken::AudType
        );
    }
    let (upper, longer) = (ARN.to_uppercase(), format!("{ARN}1"));
    for other in [ARN.replace("50dc", "60dc"), upper, longer, "*".to_owned()] {
        assert_eq!(
            refused(&good().header("signer", other)),
            InvalidToken::AudMismatch
        );
    }
    // Claims come from the user's provider, not from the load balancer.
    let claimed = good()
        .without_header("signer")
        .claim("signer", ARN)
        .claim("aud", ARN);
    assert_eq!(refused(&claimed), InvalidToken::AudMissing);
    decided(
        &good()
            .claim("aud", "another")
            .claim("signer", 5)
            .sign_padded(),
    )
    .unwrap();
    let second = Policy::builder(ISSUER, "arn:other")
        .audience(ARN)
        .profile(Profile::AwsAlb);
    decide(&good().sign_padded(), &keys(), &second.build().unwrap()).unwrap();
}

#[test]
fn t_clm_07_a_signer_is_nothing_to_other_profiles() {
    let token = crate::fixture::good().key(key());
    let keys = keys_of([&key()]);
    for member in ["signer", "client"] {
        for value in [json!("x"), json!(5), json!(null), json!([]), json!({})] {
            let token = token.clone().header(member, value).sign();
            let principal = decide(&token, &keys, &settings().build().unwrap()).unwrap();
            assert_eq!(
                principal.client_id(),
                Some(bearward_testing::token::CLIENT_ID)
            );
        }
    }
    let signed = token
        .without_claim("aud")
        .header("signer", crate::fixture::AUDIENCE);
    let reason = invalid(decide(&signed.sign(), &keys, &settings().build().unwrap()));
    assert_eq!(reason, InvalidToken::AudMissing);
}

#[test]
fn the_client_is_in_the_header() {
    let only = Policy::builder(ISSUER, ARN)
        .profile(Profile::AwsAlb)
        .client_id("client-id");
    let only = only.build().unwrap();
    let decided = |token: &Token| decide(&token.sign_padded(), &keys(), &only);
    assert_eq!(decided(&good()).unwrap().client_id(), Some("client-id"));
    let other = good()
        .header("client", "other")
        .claim("client", "client-id")
        .claim("client_id", "client-id");
    assert_eq!(invalid(decided(&other)), InvalidToken::ClaimMismatch);
    for absent in [json!(null), json!("")] {
        assert_eq!(
            invalid(decided(&good().header("client", absent))),
            InvalidToken::ClaimMissing
        );
    }
    assert_eq!(
        refused(&good().header("client", 5)),
        InvalidToken::ClaimType
    );
}

#[test]
fn the_claims_and_the_other_header_members_are_checked_as_always() {
    assert_eq!(
        refused(&good().without_claim("exp")),
        InvalidToken::ExpMissing
    );
    assert_eq!(
        refused(&good().claim("exp", "1700000120")),
        InvalidToken::DateType
    );
    // The `exp` of the header decides nothing.
    let expired = good().expires_at(NOW).header("exp", 1_800_000_000);
    let later = NOW.plus(Duration::from_secs(30));
    let late = crate::fixture::decide_at(&expired.sign_padded(), &keys(), &policy(), later);
    assert_eq!(invalid(late), InvalidToken::TokenExpired);
    decided(&good().header("exp", 1).sign_padded()).unwrap();
    assert_eq!(
        refused(&good().without_claim("sub")),
        InvalidToken::ClaimMissing
    );
    assert_eq!(
        refused(&good().claim("iss", "https://other.example")),
        InvalidToken::IssuerUnknown
    );
    let other = good().claim("iss", "https://other.example").sign();
    assert_eq!(invalid(decided(&other)), InvalidToken::IssuerUnknown);
    assert_eq!(
        refused(&good().header("crit", json!(["signer"]))),
        InvalidToken::CritUnsupported
    );
    assert_eq!(
        refused(&good().header("b64", false)),
        InvalidToken::B64Unsupported
    );
    assert_eq!(
        refused(&good().header("typ", "at+jwt")),
        InvalidToken::TypNotAccepted
    );
    assert_eq!(
        refused(&good().claim("token_use", "id")),
        InvalidToken::TypNotAccepted
    );
    let token = good().sign_padded();
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let (first, rest_of_it) = signature.split_at(1);
    let other = if first == "A" { "B" } else { "A" };
    let forged = format!("{rest}.{other}{rest_of_it}");
    assert_eq!(invalid(decided(&forged)), InvalidToken::SignatureInvalid);
}

#[test]
fn es256_is_the_only_algorithm() {
    assert_eq!(policy().algorithms(), [Algorithm::Es256]);
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Hs256,
    ] {
        let token = good().key(SigningKey::first(algorithm).with_kid(KID));
        assert_eq!(refused(&token), InvalidToken::AlgNotAllowed, "{algorithm}");
    }
    let both = [Algorithm::Es256, Algorithm::Rs256];
    let both = Policy::builder(ISSUER, ARN)
        .algorithms(both)
        .profile(Profile::AwsAlb);
    assert_eq!(both.build().unwrap().algorithms(), [Algorithm::Es256]);
    let none = Policy::builder(ISSUER, ARN).algorithms([Algorithm::Rs256]);
    let none = none.profile(Profile::AwsAlb).build();
    assert_eq!(none.unwrap_err(), PolicyError::AlgorithmsMissing);
}

fn parse(document: impl AsRef<[u8]>) -> Result<JwkSet, JwkSetError> {
    KeyDocument::PemByKid.parse(document.as_ref())
}

#[test]
fn a_pem_block_is_read_with_any_line_ends() {
    let pem = key().public_key_pem().unwrap();
    let unbroken = pem.replace('\n', "");
    let dos = pem.replace('\n', "\r\n");
    for pem in [
        &*pem,
        pem.trim_end(),
        &*unbroken,
        &*dos,
        &*format!("\n {pem}\n\n"),
    ] {
        let keys = parse(pem).unwrap();
        assert_eq!(keys.algorithms().collect::<Vec<_>>(), [Algorithm::Es256]);
        decide(&good().sign_padded(), &keys, &policy()).unwrap();
    }
}

#[test]
fn t_key_16_no_other_document_is_a_key() {
    let pem = key().public_key_pem().unwrap();
    let other = SigningKey::second(Algorithm::Es256)
        .public_key_pem()
        .unwrap();
    let jwks = bearward_testing::keys::jwk_set([&key()]).to_string();
    for document in [
        String::new(),
        jwks,
        "<html>403 Forbidden</html>".to_owned(),
        format!("{pem}{other}"),
        format!("{pem}{pem}"),
        format!("key: {pem}"),
        format!("{pem}#"),
        pem.replace("PUBLIC KEY", "CERTIFICATE"),
        pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        pem.replacen("PUBLIC", "PRIVATE", 2),
        pem.replace("-----END", "----END"),
        pem.replacen("M", "-", 1),
        pem.replacen("=\n", "\n", 1),
        pem.replace('\n', "\n\t"),
    ] {
        assert_eq!(
            parse(&document).unwrap_err(),
            JwkSetError::NotAPem,
            "{document}"
        );
    }
    assert_eq!(parse([0xFF, 0xFE]).unwrap_err(), JwkSetError::NotAPem);
    let large = format!("{pem}{}", "\n".repeat(limits::DOCUMENT_BYTES));
    assert_eq!(parse(large).unwrap_err(), JwkSetError::TooLarge);
}

#[test]
fn t_key_16_no_other_key_is_used() {
    let pem_of = |der: &[u8]| {
        let base64 = base64_simd::STANDARD.encode_to_string(der);
        format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
    };
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::EdDsa,
    ] {
        let pem = SigningKey::first(algorithm).public_key_pem().unwrap();
        assert_eq!(parse(pem).unwrap_err(), JwkSetError::NotP256, "{algorithm}");
    }
    let der = key().public_key_der().unwrap();
    parse(pem_of(&der)).unwrap();
    let (prefix, point) = der.split_at(26);
    let mut off_the_curve = der.clone();
    off_the_curve[90] ^= 1;
    let mut compressed = [prefix, &[2], &point[1..33]].concat();
    compressed[1] = 0x39;
    compressed[24] = 0x22;
    for der in [
        off_the_curve,
        compressed,
        [prefix, &[2], &point[1..33]].concat(),
        [prefix, &[0]].concat(),
        [prefix, &[4], &[0; 64]].concat(),
        [&der[..], &[0]].concat(),
        der[..90].to_vec(),
        der[1..].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(parse(pem_of(&der)).unwrap_err(), JwkSetError::NotP256);
    }
}
