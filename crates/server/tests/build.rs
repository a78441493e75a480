//! Settings that make no sense are refused at start, each for its own reason.

use bearward::core::policy::PolicyError;
use bearward::fetch::{ConnectFailure, FetchError, HttpTransport, HttpTransportError};
use bearward::{
    Algorithm, BuildError, Issuer, JwkSet, Policy, ProtectedResourceMetadata, ProtectionSpace,
    ResourceServer,
};
use bearward_testing::keys::jwk_set;
use tokio::time::sleep;

use crate::fixture::{
    AUDIENCE, ISSUER, JWKS, METADATA, SECOND, builder, issuer, key, no_usable_key, policy,
    policy_of, request, settings,
};
use crate::network::{Network, Reply};

#[track_caller]
fn refused(issuer: Issuer) -> BuildError {
    let server = builder(Network::default()).issuer(issuer).build();
    server.expect_err("it starts")
}

fn symmetric() -> Policy {
    settings().algorithms([Algorithm::Hs256]).build().unwrap()
}

#[test]
fn no_runtime() {
    let built = ResourceServer::builder()
        .transport(Network::default())
        .issuer(Issuer::discover(policy()))
        .build();
    assert_eq!(built.unwrap_err(), BuildError::NoRuntime);
    let built = ResourceServer::new(ISSUER, AUDIENCE);
    assert_eq!(built.unwrap_err(), BuildError::NoRuntime);
}

#[tokio::test]
async fn no_issuer() {
    let built = ResourceServer::builder().build();
    assert_eq!(built.unwrap_err(), BuildError::IssuerMissing);
}

#[tokio::test]
async fn t_cfg_03_a_policy_that_makes_no_sense() {
    let built = ResourceServer::new("", AUDIENCE);
    let missing = BuildError::Policy(PolicyError::IssuerMissing);
    assert_eq!(built.unwrap_err(), missing);
    let built = ResourceServer::new(ISSUER, "");
    let missing = BuildError::Policy(PolicyError::AudienceMissing);
    assert_eq!(built.unwrap_err(), missing);
}

#[tokio::test(start_paused = true)]
async fn t_cfg_06_two_issuers_of_one_name() {
    let network = issuer();
    let built = builder(network.clone())
        .issuer(Issuer::discover(policy()))
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .build();
    assert_eq!(built.unwrap_err(), BuildError::Duplicate);
    let also = Issuer::discover(policy()).also(policy());
    assert_eq!(refused(also), BuildError::Duplicate);
    // What had been started for it has ended.
    sleep(SECOND).await;
    assert_eq!(network.holders(), 0);
    assert_eq!(network.count(), 0);
}

#[tokio::test]
async fn t_jws_13_hmac_with_keys_from_a_url() {
    for issuer in [
        Issuer::discover(symmetric()),
        Issuer::jwks_uri(symmetric(), JWKS),
        Issuer::discover(policy_of("https://other.example")).also(symmetric()),
    ] {
        assert_eq!(refused(issuer), BuildError::SecretFromUrl);
    }
}

#[tokio::test]
async fn what_is_no_url_or_has_parts_that_do_not_belong() {
    for issuer in [
        Issuer::discover(policy_of("auth.example")),
        Issuer::discover(policy_of("https://")),
        Issuer::discover(policy_of("https://auth.example/?tenant=one")),
        Issuer::discover(policy_of("https://auth.example/#one")),
        Issuer::jwks_uri(policy(), "/oauth2/jwks"),
        Issuer::discover(policy()).internal_origin("127.0.0.1"),
        Issuer::discover(policy()).internal_origin("https://10.0.0.7/realms/one"),
        Issuer::discover(policy()).internal_origin("https://10.0.0.7/?a=b"),
        Issuer::discover(policy()).internal_origin("https://10.0.0.7/#a"),
    ] {
        let shown = format!("{issuer:?}");
        assert_eq!(refused(issuer), BuildError::Url, "{shown}");
    }
}

#[tokio::test]
async fn a_metadata_url_that_cannot_stand_in_a_challenge() {
    let quoted = "https://api.example/a\"b";
    let metadata = ProtectedResourceMetadata::new(quoted, [ISSUER]).unwrap();
    let built = builder(Network::default())
        .issuer(Issuer::discover(policy()))
        .metadata(metadata)
        .build();
    assert_eq!(built.unwrap_err(), BuildError::Url);
}

#[tokio::test]
async fn t_key_10_t_cfg_03_a_url_that_is_not_https() {
    for issuer in [
        Issuer::discover(policy_of("http://auth.example")),
        Issuer::discover(policy_of("http://10.0.0.7")),
        Issuer::discover(policy_of("http://localhost.auth.example")),
        Issuer::discover(policy_of("https://user@auth.example")),
        Issuer::discover(policy_of("https://user:password@auth.example")),
        Issuer::discover(policy_of("http://user:password@localhost")),
        Issuer::discover(policy_of("https://user@auth.example")).insecure_plain_http(),
        Issuer::jwks_uri(policy(), "https://:password@auth.example/oauth2/jwks"),
        Issuer::discover(policy()).internal_origin("https://user@10.0.0.7"),
        Issuer::discover(policy_of("ftp://auth.example")),
        Issuer::discover(policy_of("ftp://auth.example")).insecure_plain_http(),
        Issuer::jwks_uri(policy(), "http://auth.example/oauth2/jwks"),
        Issuer::jwks_uri(policy(), "file:///oauth2/jwks"),
        Issuer::jwks_uri(policy(), "file:///oauth2/jwks").insecure_plain_http(),
        Issuer::jwks_uri(policy(), "data:application/json,{}"),
        Issuer::discover(policy()).internal_origin("http://10.0.0.7"),
        Issuer::discover(policy()).internal_origin("ftp://10.0.0.7"),
        Issuer::discover(policy_of("ftp://auth.example")).internal_origin("https://10.0.0.7"),
    ] {
        let shown = format!("{issuer:?}");
        assert_eq!(refused(issuer), BuildError::UrlScheme, "{shown}");
    }
    assert!(BuildError::UrlScheme.to_string().starts_with("url_scheme"));
}

#[tokio::test]
async fn t_key_10_https_and_http_on_loopback_start() {
    for issuer in [
        Issuer::discover(policy()),
        Issuer::discover(policy_of("https://auth.example:8443/realms/one/")),
        Issuer::discover(policy_of("http://127.0.0.1:3000")),
        Issuer::discover(policy_of("http://[::1]:3000")),
        Issuer::discover(policy_of("http://localhost")),
        Issuer::discover(policy_of("http://10.0.0.7")).insecure_plain_http(),
        Issuer::jwks_uri(policy_of("any name"), "https://auth.example/jwks?v=2"),
        Issuer::discover(policy()).internal_origin("https://10.0.0.7:8443/"),
        Issuer::discover(policy())
            .internal_origin("http://10.0.0.7")
            .insecure_plain_http(),
    ] {
        let shown = format!("{issuer:?}");
        let server = builder(Network::default()).issuer(issuer).build();
        assert!(server.is_ok(), "{shown}");
    }
}

#[test]
fn a_transport_that_cannot_be() {
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in [
        "",
        "not PEM",
        "-----BEGIN PRIVATE KEY-----\n",
        no_certificate,
    ] {
        let built = HttpTransport::with_root_certificates(pem.as_bytes());
        let error = built.expect_err("it is one");
        assert_eq!(error, HttpTransportError::Pem);
        assert_eq!(
            BuildError::from(error),
            BuildError::Transport(HttpTransportError::Pem)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_fetched_once_for_a_batch() {
    let network = issuer();
    let keys = Issuer::discover(policy()).fetch_keys(&network).await;
    let keys = keys.unwrap();
    assert_eq!(keys.kids().collect::<Vec<_>>(), [key().kid().unwrap()]);
    assert_eq!(network.urls(), [METADATA, JWKS]);
    assert_eq!(network.holders(), 0);

    let at_hand = JwkSet::parse(jwk_set([&key()]).to_string().as_bytes()).unwrap();
    let keys = Issuer::jwk_set(policy(), at_hand).fetch_keys(&network);
    assert_eq!(keys.await.unwrap().kids().count(), 1);
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_for_a_batch_that_cannot_be_had() {
    for (reply, expected) in [
        (
            Reply::Fail(FetchError::Connect(ConnectFailure::Refused)),
            FetchError::Connect(ConnectFailure::Refused),
        ),
        (Reply::Hang, FetchError::Timeout),
        (Reply::status(404), FetchError::Status(404)),
        (
            Reply::body(r#"{"keys":[]}"#),
            no_usable_key(&serde_json::json!({"keys": []})).into(),
        ),
    ] {
        let network = issuer();
        network.serve(JWKS, reply);
        let keys = Issuer::discover(policy()).fetch_keys(&network).await;
        assert_eq!(keys.unwrap_err(), BuildError::Fetch(expected));
    }
    let http = Issuer::jwks_uri(policy(), "http://auth.example/jwks");
    let keys = http.fetch_keys(&Network::default()).await;
    assert_eq!(keys.unwrap_err(), BuildError::UrlScheme);
    let secret = Issuer::discover(symmetric());
    let keys = secret.fetch_keys(&Network::default()).await;
    assert_eq!(keys.unwrap_err(), BuildError::SecretFromUrl);
}

#[tokio::test(start_paused = true)]
async fn challenges_say_what_was_configured() {
    let metadata = ProtectedResourceMetadata::new("https://api.example/v1", [ISSUER]).unwrap();
    let server = builder(issuer())
        .issuer(Issuer::discover(policy()))
        .protection_space(ProtectionSpace::new("orders").unwrap())
        .metadata(metadata.clone())
        .build()
        .unwrap();
    assert_eq!(server.metadata(), Some(&metadata));
    let answer = server.challenge(&bearward::Rejection::NoCredentials, &request(""));
    assert_eq!(
        answer.headers()["www-authenticate"],
        "Bearer realm=\"orders\", resource_metadata=\
         \"https://api.example/.well-known/oauth-protected-resource/v1\""
    );
}
