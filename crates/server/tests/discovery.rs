//! Where the keys are found: well-known URLs, metadata that is the issuer's own, an internal origin.

use bearward::Issuer;
use bearward::fetch::{ConnectFailure, FetchError, TlsFailure};
use tokio::time::sleep;

use crate::fixture::{
    HOUR, ISSUER, JWKS, METADATA, MILLISECOND, MINUTE, SECOND, decide, decide_at_once, discovering,
    discovery_failures, good, issuer, key, last_error, policy, policy_of, reason, refetch, serving,
    settings, state,
};
use crate::network::{Fetch, Network, Reply};

const REALM: &str = "https://auth.example/realms/one";
const REALM_FORMS: [&str; 3] = [
    "https://auth.example/realms/one/.well-known/openid-configuration",
    "https://auth.example/.well-known/openid-configuration/realms/one",
    "https://auth.example/.well-known/oauth-authorization-server/realms/one",
];

#[tokio::test(start_paused = true)]
async fn each_of_the_three_forms_is_found_and_remembered() {
    for (form, at) in REALM_FORMS.iter().enumerate() {
        let network = Network::default();
        network.serve(at, Reply::metadata(REALM, JWKS));
        network.serve(JWKS, Reply::keys([&key()]));
        let server = serving(&network, Issuer::discover(policy_of(REALM)));
        server.attempted().await;
        let mut expected = REALM_FORMS[..=form].to_vec();
        expected.push(JWKS);
        assert_eq!(network.urls(), expected);
        assert!(decide_at_once(&server, &good().claim("iss", REALM)).is_ok());

        // After an hour the metadata is read again, first where it was.
        sleep(HOUR + 10 * MINUTE).await;
        let urls = network.urls();
        let again = urls[expected.len()..].iter().filter(|url| *url != JWKS);
        assert_eq!(again.collect::<Vec<_>>(), [at]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_without_a_path_has_two_forms() {
    let network = Network::default();
    let oauth = "https://auth.example/.well-known/oauth-authorization-server";
    network.serve(oauth, Reply::metadata(ISSUER, JWKS));
    network.serve(JWKS, Reply::keys([&key()]));
    let server = discovering(&network);
    server.attempted().await;
    assert_eq!(network.urls(), [METADATA, oauth, JWKS]);
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn metadata_that_moves_to_another_form_is_found_again() {
    let network = Network::default();
    network.serve(REALM_FORMS[2], Reply::metadata(REALM, JWKS));
    network.serve(JWKS, Reply::keys([&key()]));
    let server = serving(&network, Issuer::discover(policy_of(REALM)));
    server.attempted().await;
    network.serve(REALM_FORMS[2], Reply::status(404));
    network.serve(REALM_FORMS[0], Reply::metadata(REALM, JWKS));
    sleep(HOUR + 10 * MINUTE).await;
    assert_eq!(last_error(&server), None);
    let urls = network.urls();
    let again: Vec<_> = urls[4..].iter().filter(|url| *url != JWKS).collect();
    assert_eq!(again, [REALM_FORMS[2], REALM_FORMS[0]]);
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_kept_for_the_operator() {
    let network = Network::default();
    network.serve(REALM_FORMS[0], Reply::body("<html>"));
    network.serve(REALM_FORMS[1], Reply::status(403));
    network.serve(
        REALM_FORMS[2],
        Reply::metadata("https://auth.example/realms/two", JWKS),
    );
    let server = serving(&network, Issuer::discover(policy_of(REALM)));
    server.attempted().await;
    let expected = [
        FetchError::NotMetadata,
        FetchError::Status(403),
        FetchError::IssuerMismatch {
            named: "https://auth.example/realms/two".into(),
            configured: REALM.into(),
        },
    ];
    let expected: Vec<_> = REALM_FORMS
        .iter()
        .map(|url| (*url).to_owned())
        .zip(expected)
        .collect();
    assert_eq!(discovery_failures(&server), expected);
    let message = last_error(&server).unwrap().to_string();
    for (url, error) in expected {
        assert!(message.contains(&format!("{url}: {error}")), "{message}");
    }
}

/// A server may well break at a path that it does not have.
#[tokio::test(start_paused = true)]
async fn a_broken_answer_at_one_url_leaves_the_others() {
    for (reply, error) in [
        (Reply::status(500), FetchError::Status(500)),
        (Reply::status(599), FetchError::Status(599)),
        (
            Reply::Fail(FetchError::Interrupted),
            FetchError::Interrupted,
        ),
    ] {
        let network = Network::default();
        network.serve(REALM_FORMS[0], reply.clone());
        network.serve(REALM_FORMS[1], reply.clone());
        network.serve(REALM_FORMS[2], Reply::metadata(REALM, JWKS));
        network.serve(JWKS, Reply::keys([&key()]));
        let server = serving(&network, Issuer::discover(policy_of(REALM)));
        server.attempted().await;
        let [first, second, third] = REALM_FORMS;
        assert_eq!(network.urls(), [first, second, third, JWKS]);
        assert_eq!(last_error(&server), None);
        assert!(decide_at_once(&server, &good().claim("iss", REALM)).is_ok());

        // All of them, and every failure is kept.
        let network = Network::default();
        for url in REALM_FORMS {
            network.serve(url, reply.clone());
        }
        let server = serving(&network, Issuer::discover(policy_of(REALM)));
        server.attempted().await;
        let expected = REALM_FORMS.map(|url| (url.to_owned(), error.clone()));
        assert_eq!(discovery_failures(&server), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_13_an_outage_where_the_metadata_was_found_is_one_request_a_flight() {
    for (reply, error) in [
        (Reply::status(500), FetchError::Status(500)),
        (Reply::status(503), FetchError::Status(503)),
        (
            Reply::Fail(FetchError::Interrupted),
            FetchError::Interrupted,
        ),
    ] {
        let network = Network::default();
        network.serve(REALM_FORMS[1], Reply::metadata(REALM, JWKS));
        network.serve(JWKS, Reply::keys([&key()]));
        let server = serving(&network, Issuer::discover(policy_of(REALM)));
        server.attempted().await;
        for url in REALM_FORMS.into_iter().chain([JWKS]) {
            network.serve(url, reply.clone());
        }
        let before = network.count();
        sleep(HOUR + 10 * MINUTE).await;
        assert_eq!(last_error(&server), Some(error));
        let urls = network.urls();
        let asked: Vec<_> = urls[before..].iter().filter(|url| *url != JWKS).collect();
        assert!(asked.len() > 10, "{asked:?}");
        assert!(asked.iter().all(|url| *url == REALM_FORMS[1]), "{asked:?}");
        // And none was followed by another in the same flight.
        let fetches = network.fetches();
        for pair in fetches[before..].windows(2) {
            assert!(pair[1].at - pair[0].at > SECOND / 2);
        }

        // It was an outage: the metadata is where it was.
        network.serve(REALM_FORMS[1], Reply::metadata(REALM, JWKS));
        network.serve(JWKS, Reply::keys([&key()]));
        sleep(MINUTE).await;
        assert_eq!(last_error(&server), None);
        assert!(decide_at_once(&server, &good().claim("iss", REALM)).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_the_search_is_kept_beside_the_failures_before() {
    let network = Network::default();
    network.serve(REALM_FORMS[0], Reply::status(404));
    network.serve(
        REALM_FORMS[1],
        Reply::Fail(FetchError::Connect(ConnectFailure::Refused)),
    );
    network.serve(REALM_FORMS[2], Reply::metadata(REALM, JWKS));
    let server = serving(&network, Issuer::discover(policy_of(REALM)));
    server.attempted().await;
    assert_eq!(network.urls(), REALM_FORMS[..2]);
    assert_eq!(
        discovery_failures(&server),
        [
            (REALM_FORMS[0].to_owned(), FetchError::Status(404)),
            (
                REALM_FORMS[1].to_owned(),
                FetchError::Connect(ConnectFailure::Refused)
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_does_not_answer_is_asked_at_one_url() {
    for (reply, error) in [
        (
            Reply::Fail(FetchError::Connect(ConnectFailure::Refused)),
            FetchError::Connect(ConnectFailure::Refused),
        ),
        (
            Reply::Fail(FetchError::Tls(TlsFailure::Authority)),
            FetchError::Tls(TlsFailure::Authority),
        ),
        (Reply::Hang, FetchError::Timeout),
    ] {
        let network = Network::default();
        network.serve(REALM_FORMS[0], reply);
        network.serve(REALM_FORMS[1], Reply::metadata(REALM, JWKS));
        let server = serving(&network, Issuer::discover(policy_of(REALM)));
        server.attempted().await;
        assert_eq!(network.urls(), [REALM_FORMS[0]]);
        assert_eq!(last_error(&server), Some(error));
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_09_metadata_of_another_issuer_is_refused() {
    for other in [
        "https://auth.example/",
        "https://auth.example/tenant",
        "https://Auth.example",
        "https://auth.example:443",
        "https://other.example",
        "http://auth.example",
        "",
    ] {
        let network = issuer();
        network.serve(METADATA, Reply::metadata(other, JWKS));
        let server = discovering(&network);
        let decision = decide(&server, &good()).await;
        assert_eq!(reason(&decision), "keys_unavailable", "{other}");
        let failures = discovery_failures(&server);
        let mismatch = FetchError::IssuerMismatch {
            named: other.into(),
            configured: ISSUER.into(),
        };
        let mismatch = (METADATA.to_owned(), mismatch);
        assert_eq!(failures[0], mismatch, "{other}");
        assert!(!server.is_ready());
        assert_eq!(network.count_of(JWKS), 0, "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_09_a_trailing_slash_is_part_of_the_name() {
    let network = issuer();
    let slashed = "https://auth.example/";
    network.serve(METADATA, Reply::metadata(slashed, JWKS));
    let server = serving(&network, Issuer::discover(policy_of(slashed)));
    server.attempted().await;
    assert!(decide_at_once(&server, &good().claim("iss", slashed)).is_ok());
    assert_eq!(reason(&decide_at_once(&server, &good())), "issuer_unknown");
}

#[tokio::test(start_paused = true)]
async fn t_key_10_a_jwks_uri_that_is_not_https_is_not_fetched() {
    for jwks_uri in [
        "http://auth.example/oauth2/jwks",
        "http://127.0.0.1:8080/oauth2/jwks",
        "http://localhost/oauth2/jwks",
        "file:///oauth2/jwks",
        "ftp://auth.example/oauth2/jwks",
        "data:application/json,{}",
        "https://user@auth.example/oauth2/jwks",
        "https://user:password@auth.example/oauth2/jwks",
        "https://:password@auth.example/oauth2/jwks",
    ] {
        let network = issuer();
        network.serve(jwks_uri, Reply::keys([&key()]));
        network.serve(METADATA, Reply::metadata(ISSUER, jwks_uri));
        let server = discovering(&network);
        let decision = decide(&server, &good()).await;
        assert_eq!(reason(&decision), "keys_unavailable", "{jwks_uri}");
        let failures = discovery_failures(&server);
        let refused = (METADATA.to_owned(), FetchError::UrlScheme);
        assert_eq!(failures[0], refused, "{jwks_uri}");
        assert_eq!(network.count_of(jwks_uri), 0, "{jwks_uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_10_http_on_loopback_is_exempt() {
    let issuer = "http://127.0.0.1:8080";
    let metadata = "http://127.0.0.1:8080/.well-known/openid-configuration";
    let jwks = "http://127.0.0.1:8080/keys";
    let network = Network::default();
    network.serve(metadata, Reply::metadata(issuer, jwks));
    network.serve(jwks, Reply::keys([&key()]));
    let server = serving(&network, Issuer::discover(policy_of(issuer)));
    server.attempted().await;
    assert!(decide_at_once(&server, &good().claim("iss", issuer)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_10_http_elsewhere_only_where_it_says_insecure() {
    let issuer = "http://auth.internal";
    let metadata = "http://auth.internal/.well-known/openid-configuration";
    let jwks = "http://auth.internal/keys";
    let network = Network::default();
    network.serve(metadata, Reply::metadata(issuer, jwks));
    network.serve(jwks, Reply::keys([&key()]));
    let source = Issuer::discover(policy_of(issuer)).insecure_plain_http();
    let server = serving(&network, source);
    server.attempted().await;
    assert!(decide_at_once(&server, &good().claim("iss", issuer)).is_ok());
    // Still no other scheme.
    network.serve(metadata, Reply::metadata(issuer, "file:///keys"));
    sleep(2 * HOUR).await;
    assert_eq!(discovery_failures(&server)[0].1, FetchError::UrlScheme);
}

#[tokio::test(start_paused = true)]
async fn t_key_11_redirects_are_not_followed() {
    for (status, location) in [
        (301, "https://auth.example/elsewhere"),
        (302, "http://169.254.169.254/latest/meta-data"),
        (303, "https://auth.example/elsewhere"),
        (307, "http://auth.example/oauth2/jwks"),
        (308, "https://auth.example/elsewhere"),
    ] {
        let network = issuer();
        network.serve(location, Reply::keys([&key()]));
        network.serve(JWKS, Reply::redirect(status, location));
        let server = discovering(&network);
        server.attempted().await;
        assert_eq!(last_error(&server), Some(FetchError::Redirect(status)));
        assert_eq!(network.urls(), [METADATA, JWKS]);

        let network = issuer();
        network.serve(location, Reply::metadata(ISSUER, JWKS));
        network.serve(METADATA, Reply::redirect(status, location));
        let server = discovering(&network);
        server.attempted().await;
        let refused = (METADATA.to_owned(), FetchError::Redirect(status));
        assert_eq!(discovery_failures(&server)[0], refused);
        assert_eq!(network.count_of(location), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_is_read_again_after_an_hour() {
    let network = issuer();
    let server = discovering(&network);
    sleep(HOUR - MINUTE).await;
    assert_eq!(network.count_of(METADATA), 1);
    assert!(network.count_of(JWKS) > 5);
    let moved = "https://keys.example/jwks";
    network.serve(METADATA, Reply::metadata(ISSUER, moved));
    network.serve(moved, Reply::keys([&key()]));
    sleep(11 * MINUTE).await;
    assert_eq!(network.count_of(METADATA), 2);
    assert!(network.count_of(moved) > 0);
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn metadata_is_read_again_after_a_failed_key_fetch() {
    let network = issuer();
    let server = discovering(&network);
    server.attempted().await;
    sleep(MILLISECOND).await;
    // The keys move, and the old place is gone.
    let moved = "https://keys.example/jwks";
    network.serve(METADATA, Reply::metadata(ISSUER, moved));
    network.serve(JWKS, Reply::status(404));
    network.serve(moved, Reply::keys([&key()]));
    assert_eq!(reason(&refetch(&server).await), "keys_unavailable");
    sleep(2 * SECOND).await;
    assert_eq!(network.urls(), [METADATA, JWKS, JWKS, METADATA, moved]);
    assert_eq!(last_error(&server), None);
}

#[tokio::test(start_paused = true)]
async fn an_internal_origin_is_asked_under_the_public_name() {
    let internal = "http://127.0.0.1:3000";
    let internal_metadata = "http://127.0.0.1:3000/.well-known/openid-configuration";
    let internal_jwks = "http://127.0.0.1:3000/oauth2/jwks?v=1";
    let network = Network::default();
    let public_jwks = "https://auth.example/oauth2/jwks?v=1";
    network.serve(internal_metadata, Reply::metadata(ISSUER, public_jwks));
    network.serve(internal_jwks, Reply::keys([&key()]));
    let source = Issuer::discover(policy()).internal_origin(internal);
    let server = serving(&network, source);
    server.attempted().await;
    assert!(decide_at_once(&server, &good()).is_ok());
    let asked = |fetch: &Fetch| {
        let host = fetch.host.clone().unwrap_or_default();
        let proto = fetch.forwarded_proto.clone().unwrap_or_default();
        format!("{} as {proto}://{host}", fetch.url)
    };
    assert_eq!(
        network.fetches().iter().map(asked).collect::<Vec<_>>(),
        [
            format!("{internal_metadata} as {ISSUER}"),
            format!("{internal_jwks} as {ISSUER}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_internal_origin_of_a_public_name_with_a_port() {
    let public = "https://auth.example:8443/realms/one";
    let internal_metadata = "https://10.0.0.7/realms/one/.well-known/openid-configuration";
    let network = Network::default();
    let elsewhere = "https://keys.example/jwks";
    network.serve(internal_metadata, Reply::metadata(public, elsewhere));
    network.serve(elsewhere, Reply::keys([&key()]));
    let source = Issuer::discover(policy_of(public)).internal_origin("https://10.0.0.7");
    let server = serving(&network, source);
    server.attempted().await;
    assert!(decide_at_once(&server, &good().claim("iss", public)).is_ok());
    let fetches = network.fetches();
    assert_eq!(fetches[0].host.as_deref(), Some("auth.example:8443"));
    assert_eq!(fetches[0].forwarded_proto.as_deref(), Some("https"));
    // Another origin than the issuer's is asked where it is, under its own name.
    assert_eq!(fetches[1].url, elsewhere);
    assert_eq!(fetches[1].host, None);
    assert_eq!(fetches[1].forwarded_proto, None);
}

#[tokio::test(start_paused = true)]
async fn an_internal_origin_for_a_fixed_jwks_uri() {
    let network = Network::default();
    network.serve("http://localhost:3000/oauth2/jwks", Reply::keys([&key()]));
    let source = Issuer::jwks_uri(policy(), JWKS).internal_origin("http://localhost:3000");
    let server = serving(&network, source);
    server.attempted().await;
    assert!(decide_at_once(&server, &good()).is_ok());
    assert_eq!(network.last().host.as_deref(), Some("auth.example"));
}

#[tokio::test(start_paused = true)]
async fn an_internal_origin_of_an_issuer_with_a_plain_http_name() {
    // The public URL is a name here; nothing goes there.
    let public = "http://auth.example";
    let network = Network::default();
    network.serve(
        "http://127.0.0.1:3000/.well-known/openid-configuration",
        Reply::metadata(public, "http://auth.example/oauth2/jwks"),
    );
    network.serve("http://127.0.0.1:3000/oauth2/jwks", Reply::keys([&key()]));
    let source = Issuer::discover(policy_of(public)).internal_origin("http://127.0.0.1:3000");
    let server = serving(&network, source);
    server.attempted().await;
    assert_eq!(last_error(&server), None);
    assert!(decide_at_once(&server, &good().claim("iss", public)).is_ok());
    assert_eq!(network.last().host.as_deref(), Some("auth.example"));
    assert_eq!(network.last().forwarded_proto.as_deref(), Some("http"));
}

/// Keycloak with `hostname-backchannel-dynamic` writes our `Host`, and the scheme and port by which it
/// was reached; others write the address that they listen on.
#[tokio::test(start_paused = true)]
async fn an_internal_origin_stands_for_all_urls_at_the_issuers_host_and_its_own() {
    let internal = "http://127.0.0.1:3000";
    for (public, jwks_uri) in [
        ("https://auth.example", "http://auth.example/oauth2/jwks"),
        (
            "https://auth.example",
            "http://auth.example:443/oauth2/jwks",
        ),
        (
            "https://auth.example",
            "https://AUTH.example:443/oauth2/jwks",
        ),
        (
            "https://auth.example",
            "http://auth.example:8080/oauth2/jwks",
        ),
        ("https://auth.example", "http://127.0.0.1:3000/oauth2/jwks"),
        ("http://auth.example", "https://auth.example/oauth2/jwks"),
        (
            "https://auth.example:8443/realms/one",
            "http://auth.example:8443/oauth2/jwks",
        ),
    ] {
        let network = Network::default();
        let path = public.strip_prefix("https://auth.example:8443");
        let path = path.unwrap_or_default();
        network.serve(
            &format!("{internal}{path}/.well-known/openid-configuration"),
            Reply::metadata(public, jwks_uri),
        );
        network.serve("http://127.0.0.1:3000/oauth2/jwks", Reply::keys([&key()]));
        let source = Issuer::discover(policy_of(public)).internal_origin(internal);
        let server = serving(&network, source);
        server.attempted().await;
        assert_eq!(last_error(&server), None, "{jwks_uri}");
        assert!(decide_at_once(&server, &good().claim("iss", public)).is_ok());
        let last = network.last();
        let (scheme, rest) = public.split_once("://").unwrap();
        let authority = rest.split('/').next();
        assert_eq!(last.url, "http://127.0.0.1:3000/oauth2/jwks", "{jwks_uri}");
        assert_eq!(last.host.as_deref(), authority, "{jwks_uri}");
        assert_eq!(last.forwarded_proto.as_deref(), Some(scheme), "{jwks_uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_10_an_internal_origin_does_not_let_other_origins_off() {
    for elsewhere in [
        "http://keys.example/jwks",
        "http://auth.example.evil.example/jwks",
        "http://sub.auth.example/jwks",
        "http://127.0.0.1:3001/jwks",
        "https://127.0.0.1@auth.example/jwks",
        "http://user@auth.example/jwks",
        "http://user:password@127.0.0.1:3000/jwks",
        "ftp://auth.example/jwks",
        "file://auth.example/jwks",
    ] {
        let network = Network::default();
        network.serve(
            "http://127.0.0.1:3000/.well-known/openid-configuration",
            Reply::metadata(ISSUER, elsewhere),
        );
        network.serve(elsewhere, Reply::keys([&key()]));
        network.serve("http://127.0.0.1:3000/jwks", Reply::keys([&key()]));
        let source = Issuer::discover(policy()).internal_origin("http://127.0.0.1:3000");
        let server = serving(&network, source);
        server.attempted().await;
        let refused = discovery_failures(&server).remove(0).1;
        assert_eq!(refused, FetchError::UrlScheme, "{elsewhere}");
        assert_eq!(network.urls().len(), 2, "metadata alone: {elsewhere}");
    }
}

/// Without an internal origin, what an issuer writes is where it is.
#[tokio::test(start_paused = true)]
async fn t_key_10_without_an_internal_origin_the_scheme_counts() {
    let network = issuer();
    let plain = "http://auth.example/oauth2/jwks";
    network.serve(METADATA, Reply::metadata(ISSUER, plain));
    let server = discovering(&network);
    server.attempted().await;
    let refused = discovery_failures(&server).remove(0).1;
    assert_eq!(refused, FetchError::UrlScheme);
    assert_eq!(network.count_of(plain), 0);
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_before_the_metadata_is_ignored() {
    let network = issuer();
    let metadata = format!("\u{feff}{{\"issuer\":\"{ISSUER}\",\"jwks_uri\":\"{JWKS}\"}}");
    network.serve(METADATA, Reply::body(metadata));
    let server = discovering(&network);
    server.attempted().await;
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn algorithms_are_the_policys_whatever_the_key_set_has() {
    let network = issuer();
    let only_es256 = settings().algorithms([bearward::Algorithm::Es256]);
    let source = Issuer::discover(only_es256.build().unwrap());
    let server = serving(&network, source);
    server.attempted().await;
    assert_eq!(state(&server).kids.len(), 1);
    assert_eq!(reason(&decide_at_once(&server, &good())), "alg_not_allowed");
}
