//! What of a key set is used: odd keys are left out one by one, and lend no token anything.

use bearward::Algorithm;
use bearward::core::jwk::UnusableJwk;
use bearward::key_store::KeyState;
use bearward_testing::SigningKey;
use bearward_testing::keys::{OddJwk, rsa_jwk_with_bits};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fixture::{
    JWKS, KID_UNKNOWN, MILLISECOND, MINUTE, decide, decide_at_once, good, issuer, key, next_key,
    reason, state, warm,
};
use crate::network::Reply;

/// Why this JWK is left out of a set in which the good key comes after it.
async fn left_out(jwk: Value) -> UnusableJwk {
    let network = issuer();
    network.serve(JWKS, Reply::jwks([jwk, key().public_jwk()]));
    let server = warm(&network).await;
    let KeyState { kids, unusable, .. } = state(&server);
    assert_eq!(kids, [key().kid().unwrap()]);
    assert_eq!(unusable.len(), 1);
    assert_eq!(unusable[0].index, 0);
    assert!(decide_at_once(&server, &good()).is_ok());
    unusable[0].reason
}

/// What becomes of the token that this key, otherwise good, would verify.
async fn refused_under(jwk: Value, signer: SigningKey) -> String {
    let network = issuer();
    network.serve(JWKS, Reply::jwks([key().public_jwk(), jwk]));
    let server = warm(&network).await;
    reason(&decide(&server, &good().key(signer)).await).to_owned()
}

/// The reason for a token that names an odd key which cannot sign.
async fn refused_by_name(odd: OddJwk) -> String {
    refused_under(odd.jwk(), next_key().with_kid(odd.as_str())).await
}

fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    let members = jwk.as_object_mut().unwrap();
    members.insert(member.to_owned(), value.into());
    jwk
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member);
    jwk
}

#[tokio::test(start_paused = true)]
async fn t_key_07_a_key_01_an_odd_key_is_left_out_and_the_others_stay() {
    for odd in [
        OddJwk::BadBase64,
        OddJwk::KidNotText,
        OddJwk::MissingMember,
        OddJwk::NotAnObject,
        OddJwk::UnknownCurve,
        OddJwk::UnknownKty,
    ] {
        assert_eq!(left_out(odd.jwk()).await, UnusableJwk::Unusable, "{odd}");
        assert_eq!(refused_by_name(odd).await, "kid_unknown", "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_07_all_of_them_around_good_ones() {
    let network = issuer();
    let odd = || OddJwk::ALL.iter().map(|odd| odd.jwk());
    let good_ones = [key().public_jwk(), next_key().public_jwk()];
    network.serve(JWKS, Reply::jwks(odd().chain(good_ones).chain(odd())));
    let server = warm(&network).await;
    assert_eq!(state(&server).unusable.len(), 2 * OddJwk::ALL.len());
    assert_eq!(state(&server).kids.len(), 2);
    assert!(decide_at_once(&server, &good()).is_ok());
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_14_a_secret_or_a_private_key_has_no_place_in_a_set() {
    let symmetric = OddJwk::Symmetric;
    assert_eq!(left_out(symmetric.jwk()).await, UnusableJwk::Symmetric);
    let signer = symmetric.signing_key().unwrap();
    let refused = refused_under(symmetric.jwk(), signer).await;
    assert_eq!(refused, "alg_not_allowed");

    let private = OddJwk::PrivateMembers;
    assert_eq!(left_out(private.jwk()).await, UnusableJwk::Private);
    let signer = private.signing_key().unwrap();
    assert_eq!(refused_under(private.jwk(), signer).await, "kid_unknown");
}

#[tokio::test(start_paused = true)]
async fn t_key_15_weak_rsa() {
    for jwk in [
        with(rsa_jwk_with_bits(512), "kid", "weak"),
        with(rsa_jwk_with_bits(1024), "kid", "weak"),
        with(rsa_jwk_with_bits(2047), "kid", "weak"),
        with(rsa_jwk_with_bits(8193), "kid", "weak"),
        with(OddJwk::ExponentEven.jwk(), "kid", "weak"),
        with(OddJwk::ExponentOne.jwk(), "kid", "weak"),
        with(OddJwk::Rsa16384.jwk(), "kid", "weak"),
    ] {
        assert_eq!(left_out(jwk.clone()).await, UnusableJwk::Weak, "{jwk}");
        let refused = refused_under(jwk.clone(), next_key().with_kid("weak")).await;
        assert_eq!(refused, "kid_unknown", "{jwk}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_16_a_key_that_is_not_meant_for_it() {
    for (odd, expected) in [
        (OddJwk::AlgContradictsCurve, UnusableJwk::Unusable),
        (OddJwk::EncryptionOnly, UnusableJwk::OtherUse),
        (OddJwk::KeyOpsWithoutVerify, UnusableJwk::OtherUse),
        (OddJwk::OffCurve, UnusableJwk::Unusable),
    ] {
        assert_eq!(left_out(odd.jwk()).await, expected, "{odd}");
        let refused = match odd.signing_key() {
            Some(signer) => refused_under(odd.jwk(), signer).await,
            None => refused_by_name(odd).await,
        };
        assert_eq!(refused, "kid_unknown", "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_20_two_fitting_keys_of_one_name_are_ambiguous() {
    let network = issuer();
    let twin = next_key().with_kid("twins");
    let other = key().with_kid("twins");
    network.serve(JWKS, Reply::keys([&key(), &twin, &other]));
    let server = warm(&network).await;
    for signer in [twin, other] {
        let decision = decide_at_once(&server, &good().key(signer));
        assert_eq!(reason(&decision), "kid_ambiguous");
    }
    assert!(decide_at_once(&server, &good()).is_ok());
    assert_eq!(network.count(), 1);
    assert_eq!(state(&server).ambiguous, ["twins"]);
    assert!(state(&server).too_many_nameless.is_empty());
}

/// The log and the state name what the fault of a key is, and what stays ambiguous.
#[tokio::test(start_paused = true)]
async fn what_a_key_set_cannot_do_is_in_the_state() {
    let network = issuer();
    let nameless = |_| {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        without(key.public_jwk(), "kid")
    };
    let odd = SigningKey::first(Algorithm::Rs256).public_jwk();
    let odd = with(without(odd, "kid"), "n", json!("***"));
    network.serve(JWKS, Reply::jwks((0..5).map(nameless).chain([odd])));
    let server = warm(&network).await;
    let state = state(&server);
    assert_eq!(state.too_many_nameless, [Algorithm::Es256]);
    let [key] = state.unusable.as_slice() else {
        panic!("{state:?}");
    };
    assert_eq!(
        key.to_string(),
        "key 5 is left out: jwk_unusable: the key is not a supported key for verifying signatures: `n` is not \
         base64url [RSA RS256]"
    );
    let token = good().key(SigningKey::first(Algorithm::Es256));
    assert_eq!(reason(&decide_at_once(&server, &token)), "kid_missing");
}

#[tokio::test(start_paused = true)]
async fn a_key_02_members_that_may_be_missing_or_unknown() {
    let bare = ["alg", "created_at", "use"]
        .into_iter()
        .fold(key().public_jwk(), without);
    let wordy = with(next_key().public_jwk(), "x5t", json!({"any": ["thing"]}));
    let wordy = with(wordy, "key_ops", json!(["verify", "sign"]));
    let network = issuer();
    network.serve(JWKS, Reply::jwks([bare, wordy]));
    let server = warm(&network).await;
    assert!(state(&server).unusable.is_empty());
    assert!(decide_at_once(&server, &good()).is_ok());
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    // Without `alg` it is for all that its type can do.
    let renamed = SigningKey::first(Algorithm::Ed25519).with_kid(key().kid().unwrap());
    assert!(decide_at_once(&server, &good().key(renamed)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_07_one_name_for_keys_of_different_types() {
    let network = issuer();
    let rsa = SigningKey::first(Algorithm::Rs256).with_kid("one");
    let ec = SigningKey::first(Algorithm::Es256).with_kid("one");
    let ed = SigningKey::first(Algorithm::EdDsa).with_kid("one");
    network.serve(JWKS, Reply::keys([&rsa, &ec, &ed]));
    let server = warm(&network).await;
    for signer in [rsa, ec, ed] {
        assert!(decide_at_once(&server, &good().key(signer)).is_ok());
    }
    let p384 = SigningKey::first(Algorithm::Es384).with_kid("one");
    let decision = decide_at_once(&server, &good().key(p384));
    assert_eq!(reason(&decision), "alg_key_mismatch");
}

#[tokio::test(start_paused = true)]
async fn t_jws_29_no_kid_and_several_fitting_keys_cost_no_fetch() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    let server = warm(&network).await;
    let token = good().without_header("kid");
    assert_eq!(reason(&decide_at_once(&server, &token)), "kid_missing");
    network.serve(JWKS, Reply::keys([&key()]));
    sleep(10 * MINUTE).await;
    assert_eq!(network.count(), 2);
    assert!(decide_at_once(&server, &token).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_becomes_odd_is_no_key_any_more() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    let server = warm(&network).await;
    let compromised = with(key().public_jwk(), "use", "enc");
    network.serve(JWKS, Reply::jwks([compromised, next_key().public_jwk()]));
    sleep(10 * MINUTE).await;
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    sleep(MILLISECOND).await;
    assert_eq!(decide(&server, &good()).await.unwrap_err(), KID_UNKNOWN);
}
