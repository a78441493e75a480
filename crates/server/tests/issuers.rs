//! Several issuers: each has its own keys, and a token is of the one it names or of none.

use std::pin::pin;

use bearward::core::jwk::{SecretError, VerificationKey};
use bearward::fetch::FetchError;
use bearward::{
    Algorithm, Issuer, JwkSet, Policy, PrincipalKind, Profile, Requirements, ResourceServer,
};
use bearward_testing::{SigningKey, Token};
use tokio::time::sleep;

use crate::fixture::{
    AUDIENCE, DAY, HOUR, ISSUER, JWKS, KID_UNKNOWN, METADATA, MILLISECOND, START, builder, decide,
    decide_at_once, good, issuer, key, next_key, policy, policy_of, poll_once, reason, request,
    serving,
};
use crate::network::{Network, Reply};

const OTHER: &str = "https://other.example";
const OTHER_JWKS: &str = "https://other.example/jwks";

/// [`ISSUER`] with these keys, and [`OTHER`] with those.
async fn two(first: &SigningKey, second: &SigningKey) -> (Network, ResourceServer) {
    let network = Network::default();
    network.serve(JWKS, Reply::keys([first]));
    network.serve(OTHER_JWKS, Reply::keys([second]));
    let server = builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .issuer(Issuer::jwks_uri(policy_of(OTHER), OTHER_JWKS))
        .build()
        .unwrap();
    server.attempted().await;
    sleep(MILLISECOND).await;
    (network, server)
}

/// Settings change while the program runs: what is asked for in the same way is not asked for again.
#[tokio::test(start_paused = true)]
async fn a_cfg_03_a_server_takes_over_the_keys_of_the_one_before_it() {
    let (network, before) = two(&key(), &next_key()).await;
    let fetched = (network.count_of(JWKS), network.count_of(OTHER_JWKS));
    network.all_fail(&FetchError::Status(500));

    let elsewhere = Policy::builder(ISSUER, "https://elsewhere.example");
    let after = builder(network.clone())
        .issuer(Issuer::jwks_uri(elsewhere.build().unwrap(), JWKS))
        .issuer(Issuer::jwks_uri(policy_of(OTHER), OTHER_JWKS).stale_if_error(HOUR))
        .keep_keys_of(&before)
        .build()
        .unwrap();
    after.attempted().await;
    sleep(MILLISECOND).await;

    // Another audience, the same keys, though the issuer is down.
    let token = good().claim("aud", "https://elsewhere.example");
    assert!(decide_at_once(&after, &token).is_ok());
    assert_eq!(reason(&decide(&after, &good()).await), "aud_mismatch");
    assert_eq!(network.count_of(JWKS), fetched.0);
    // Other times: another way to come by them.
    let of_other = good().claim("iss", OTHER).key(next_key());
    assert_eq!(reason(&decide(&after, &of_other).await), "keys_unavailable");
    assert!(network.count_of(OTHER_JWKS) > fetched.1);

    // They go on being refreshed when the server that had them first is gone.
    drop(before);
    let rotated = Reply::keys([&next_key()]);
    network.serve(JWKS, rotated);
    sleep(HOUR).await;
    let token = token.key(next_key());
    assert!(decide_at_once(&after, &token).is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_17_a_key_of_one_issuer_verifies_no_token_of_another() {
    let (network, server) = two(&key(), &next_key()).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    let of_other = good().claim("iss", OTHER);
    assert!(decide_at_once(&server, &of_other.clone().key(next_key())).is_ok());
    // Their keys have names of their own …
    let decision = decide(&server, &of_other).await;
    assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    assert_eq!(
        (network.count_of(JWKS), network.count_of(OTHER_JWKS)),
        (1, 2)
    );
    // … and without a name the other's only key is meant.
    let nameless = of_other.without_header("kid");
    let decision = decide_at_once(&server, &nameless);
    assert_eq!(reason(&decision), "signature_invalid");
}

#[tokio::test(start_paused = true)]
async fn t_key_17_a_key_07_one_kid_in_two_issuers() {
    let first = key().with_kid("one");
    let second = next_key().with_kid("one");
    let (network, server) = two(&first, &second).await;
    let of_other = good().claim("iss", OTHER);
    assert!(decide_at_once(&server, &good().key(first.clone())).is_ok());
    assert!(decide_at_once(&server, &of_other.clone().key(second.clone())).is_ok());
    for confused in [good().key(second), of_other.key(first)] {
        let decision = decide_at_once(&server, &confused);
        assert_eq!(reason(&decision), "signature_invalid");
    }
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn t_key_18_a_token_decides_on_no_url() {
    let (network, server) = two(&key(), &next_key()).await;
    for iss in [
        "https://attacker.example",
        "http://169.254.169.254",
        "http://localhost:8080",
        "file:///etc/passwd",
        "https://auth.example/",
        "https://auth.example/tenant",
        "https://auth.example/{tenant}",
        "https://auth.example/{{ .TokenIssuer }}",
        "https://AUTH.example",
        "https://auth.example.attacker.example",
        "auth.example",
    ] {
        let token = good().claim("iss", iss).key(next_key().with_kid("new"));
        let decision = decide_at_once(&server, &token);
        assert_eq!(reason(&decision), "issuer_unknown", "{iss}");
    }
    sleep(MILLISECOND).await;
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn t_key_18_nor_does_a_request() {
    let network = issuer();
    let server = serving(&network, Issuer::discover(policy()));
    server.attempted().await;
    sleep(MILLISECOND).await;
    let mut request = request(&good().key(next_key()).sign());
    *request.uri_mut() = "https://attacker.example/.well-known".parse().unwrap();
    for field in ["host", "x-forwarded-host", "forwarded", "origin"] {
        let value = http::HeaderValue::from_static("attacker.example");
        request.headers_mut().insert(field, value);
    }
    assert_eq!(
        server.authenticate(&request).await.unwrap_err(),
        KID_UNKNOWN
    );
    assert_eq!(network.urls(), [METADATA, JWKS, JWKS]);
    assert!(network.fetches().iter().all(|get| get.host.is_none()));
}

#[tokio::test(start_paused = true)]
async fn t_key_19_one_parser_selects_the_issuer_and_reports_it() {
    let (network, server) = two(&key(), &next_key()).await;
    let text = |issuers: &str| {
        let payload = String::from_utf8(good().payload_bytes()).unwrap();
        let payload = payload.replace(&format!(r#""iss":"{ISSUER}""#), issuers);
        assert!(payload.contains(issuers));
        payload
    };
    let duplicates = [
        format!(r#""iss":"{ISSUER}","iss":"{OTHER}""#),
        format!(r#""iss":"{OTHER}","iss":"{ISSUER}""#),
        format!(r#""\u0069ss":"{OTHER}","iss":"{ISSUER}""#),
    ];
    for issuers in duplicates {
        for signer in [key(), next_key()] {
            let token = good().payload_text(text(&issuers)).key(signer);
            let decision = decide_at_once(&server, &token);
            assert_eq!(reason(&decision), "json_duplicate_member", "{issuers}");
        }
    }
    // Other names are other members, and one `iss` may be written in any way.
    for issuers in [
        format!(r#""ISS":"{OTHER}","iss":"{ISSUER}","Iss":"{OTHER}""#),
        format!(r#""is\u0073":"{}""#, ISSUER.replace('/', "\\/")),
    ] {
        let token = good().payload_text(text(&issuers));
        let principal = decide_at_once(&server, &token).unwrap();
        assert_eq!(principal.issuer(), ISSUER);
    }
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn t_clm_14_an_identity_is_issuer_and_subject_and_kind() {
    let (_network, server) = two(&key(), &next_key()).await;
    let here = decide_at_once(&server, &good()).unwrap();
    let of_other = good().claim("iss", OTHER).key(next_key());
    let there = decide_at_once(&server, &of_other).unwrap();
    assert_eq!(here.subject(), there.subject());
    assert_eq!(here.client_id(), there.client_id());
    assert_eq!((here.issuer(), there.issuer()), (ISSUER, OTHER));

    let users = Requirements::builder().user().build().unwrap();
    let machine = Token::machine(ISSUER, AUDIENCE, START).key(key());
    let request = request(&machine.sign());
    let principal = server.authenticate(&request).await.unwrap();
    assert_eq!(principal.kind(), PrincipalKind::Machine);
    let refused = server.authorize(&request, &principal, &users).await;
    assert_eq!(refused.unwrap_err().reason(), "principal_kind");
    let allowed = server.authorize(&request, &here, &users).await;
    assert_eq!(allowed, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_custom_domain_shares_the_keys() {
    let custom = "https://login.customer.example";
    let network = issuer();
    let source = Issuer::discover(policy()).also(policy_of(custom));
    let server = serving(&network, source);
    server.attempted().await;
    let of_custom = good().claim("iss", custom);
    let principal = decide_at_once(&server, &of_custom).unwrap();
    assert_eq!(principal.issuer(), custom);
    assert_eq!(decide_at_once(&server, &good()).unwrap().issuer(), ISSUER);
    assert_eq!(network.urls(), [METADATA, JWKS]);

    // One budget, one state, one rotation.
    network.serve(JWKS, Reply::keys([&next_key()]));
    sleep(MILLISECOND).await;
    assert!(decide(&server, &of_custom.key(next_key())).await.is_ok());
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    assert_eq!(network.urls(), [METADATA, JWKS, JWKS]);
    let mut states = server.state();
    states.sort_by(|a, b| a.issuer.cmp(&b.issuer));
    let names: Vec<_> = states.iter().map(|state| &*state.issuer).collect();
    assert_eq!(names, [ISSUER, custom]);
    assert!(states.iter().all(|state| state.keys.generation == 2));
}

#[tokio::test(start_paused = true)]
async fn policies_that_share_keys_stay_apart() {
    let custom = "https://login.customer.example";
    let other_audience = "https://other-api.example";
    let network = issuer();
    let stricter = Policy::builder(custom, other_audience).build().unwrap();
    let server = serving(&network, Issuer::discover(policy()).also(stricter));
    server.attempted().await;
    let of_custom = good().claim("iss", custom);
    let decision = decide_at_once(&server, &of_custom);
    assert_eq!(reason(&decision), "aud_mismatch");
    let of_custom = of_custom.claim("aud", other_audience);
    assert!(decide_at_once(&server, &of_custom).is_ok());
    let decision = decide_at_once(&server, &good().claim("aud", other_audience));
    assert_eq!(reason(&decision), "aud_mismatch");
}

fn with_secret(issuer: &str, secrets: [&SigningKey; 1]) -> Issuer {
    let policy = Policy::builder(issuer, AUDIENCE);
    let policy = policy.algorithms([Algorithm::Hs256]).build().unwrap();
    let secrets = secrets.into_iter().map(|key| {
        let secret = key.secret().unwrap();
        let secret = VerificationKey::secret(Algorithm::Hs256, secret).unwrap();
        (key.kid().map(str::to_owned), secret)
    });
    Issuer::jwk_set(policy, JwkSet::from_secrets(secrets))
}

#[tokio::test(start_paused = true)]
async fn t_key_22_one_secret_for_an_issuer_and_kid() {
    let first = SigningKey::first(Algorithm::Hs256).with_kid("one");
    let second = SigningKey::second(Algorithm::Hs256).with_kid("one");
    let network = Network::default();
    let server = builder(network.clone())
        .issuer(with_secret(ISSUER, [&first]))
        .issuer(with_secret(OTHER, [&second]))
        .build()
        .unwrap();
    let of_other = good().claim("iss", OTHER);
    assert!(decide_at_once(&server, &good().key(first.clone())).is_ok());
    assert!(decide_at_once(&server, &of_other.clone().key(second.clone())).is_ok());
    for confused in [good().key(second.clone()), of_other.key(first)] {
        let decision = decide_at_once(&server, &confused);
        assert_eq!(reason(&decision), "signature_invalid");
    }
    let renamed = good().key(second.with_kid("two"));
    assert_eq!(reason(&decide_at_once(&server, &renamed)), "kid_unknown");
    assert_eq!(reason(&decide_at_once(&server, &good())), "alg_not_allowed");
    assert_eq!(network.count(), 0);
    assert!(server.is_ready());
}

#[test]
fn t_key_21_a_short_secret_is_refused_at_start() {
    let secret = |bytes: usize| VerificationKey::secret(Algorithm::Hs256, &vec![7; bytes]);
    for bytes in [0, 1, 31] {
        assert_eq!(secret(bytes).unwrap_err(), SecretError::Weak);
    }
    assert!(SecretError::Weak.to_string().starts_with("secret_weak"));
    assert!(secret(32).is_ok());
}

/// JWT-SVIDs without `iss`, of two trust domains whose keys have the same name.
#[tokio::test(start_paused = true)]
async fn the_trust_domain_of_a_spiffe_id_selects_the_issuer() {
    let domain = |issuer: &str, key: &SigningKey| {
        let policy = Policy::builder(issuer, AUDIENCE).profile(Profile::Spiffe);
        let bundle = bearward_testing::keys::jwk_set([key]).to_string();
        let keys = JwkSet::parse(bundle.as_bytes()).unwrap();
        Issuer::jwk_set(policy.build().unwrap(), keys)
    };
    let (ours, theirs) = (key(), next_key().with_kid(key().kid().unwrap()));
    let server = builder(Network::default())
        .issuer(domain("spiffe://one.example", &ours))
        .issuer(domain("spiffe://two.example", &theirs))
        .build()
        .unwrap();
    let svid = |subject: &str, key: &SigningKey| {
        let svid = good().header("typ", "JWT").without_claim("iss");
        svid.claim("sub", subject).key(key.clone())
    };
    for (subject, key) in [
        ("spiffe://one.example/api", &ours),
        ("spiffe://two.example/api", &theirs),
    ] {
        let principal = decide_at_once(&server, &svid(subject, key)).unwrap();
        assert_eq!(principal.subject(), subject);
        assert!(subject.starts_with(principal.issuer()), "{subject}");
    }
    for (subject, key, refused) in [
        ("spiffe://two.example/api", &ours, "signature_invalid"),
        ("spiffe://three.example/api", &ours, "issuer_unknown"),
        ("spiffe://one.example", &ours, "iss_missing"),
    ] {
        let decision = decide_at_once(&server, &svid(subject, key));
        assert_eq!(reason(&decision), refused, "{subject}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_at_hand_are_never_fetched_and_never_end() {
    let network = issuer();
    let document = bearward_testing::keys::jwk_set([&key()]).to_string();
    let keys = JwkSet::parse(document.as_bytes()).unwrap();
    let server = serving(&network, Issuer::jwk_set(policy(), keys));
    server.attempted().await;
    let token = good().expires_in(3 * DAY);
    sleep(2 * DAY).await;
    assert!(decide_at_once(&server, &token).is_ok());
    let unknown = token.key(next_key()).sign();
    let unknown = request(&unknown);
    let decision = poll_once(pin!(server.authenticate(&unknown)));
    assert_eq!(decision.unwrap().unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), 0);
    assert!(server.is_ready());
}
