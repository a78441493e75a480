//! The way to an issuer: proxies, private authorities, client certificates, credentials.

mod servers;

use std::fs;

use bearward::fetch::{
    Authorization, ConnectFailure, Egress, FetchError, HttpTransport, HttpTransportError, Proxy,
    TlsFailure,
};
use bearward::{BuildError, Issuer, Policy, ResourceServer};
use bearward_testing::DevIssuer;
use bearward_testing::issuer::Tls;
use tempfile::TempDir;
use tokio::net::TcpListener;

use self::servers::{Authority, Demand, ForwardProxy, KeyServer};
use super::sockets::until;
use crate::fixture::{
    AUDIENCE, HOUR, JWKS, METADATA, MILLISECOND, builder, decide, decide_at_once, good, issuer,
    key, last_error, next_key, policy, reason, refetch, request, serving, with_kid,
};
use crate::network::{Network, Reply};

/// A name that only a proxy can reach, and that is in the certificate of [`Tls::WrongName`].
const ELSEWHERE: &str = "https://elsewhere.example";

async fn elsewhere() -> DevIssuer {
    let issuer = DevIssuer::builder().tls(Tls::WrongName);
    issuer.public_origin(ELSEWHERE).start().await.unwrap()
}

/// Trusts the authority of this issuer, in addition to the system's.
fn trusting(issuer: &DevIssuer) -> Egress {
    let pem = issuer.ca_pem().unwrap().as_bytes();
    Egress::new().root_certificates(pem).unwrap()
}

async fn reaching(source: Issuer, egress: Egress) -> ResourceServer {
    let server = ResourceServer::builder().issuer(source.egress(egress));
    let server = server.build().unwrap();
    server.attempted().await;
    server
}

fn discovering(issuer: &str) -> Issuer {
    Issuer::discover(Policy::builder(issuer, AUDIENCE).build().unwrap())
}

#[tokio::test]
async fn t_key_27_keys_come_through_the_proxy_that_was_configured() {
    let issuer = elsewhere().await;
    let token = issuer.user_token(AUDIENCE).sign();
    for credentials in [None, Some("user:hunter22"), Some("Bearer abc")] {
        let wanted = credentials.map(|text| match text {
            "user:hunter22" => "Basic dXNlcjpodW50ZXIyMg==",
            other => other,
        });
        let proxy = ForwardProxy::start(issuer.addr(), wanted).await;
        let mut way = Proxy::new(&proxy.url()).unwrap();
        if let Some(credentials) = credentials {
            way = way.authorization(credentials).unwrap();
        }
        let egress = trusting(&issuer).proxy(way);
        let server = reaching(discovering(ELSEWHERE), egress).await;
        assert_eq!(last_error(&server), None, "{credentials:?}");
        let decision = server.authenticate(&request(&token)).await;
        assert!(decision.is_ok(), "{credentials:?}");
        let lines = proxy.request_lines();
        let tunnel = "CONNECT elsewhere.example:443 HTTP/1.1";
        assert_eq!(lines, [tunnel; 2], "{credentials:?}");
    }
}

#[tokio::test]
async fn t_key_27_a_proxy_that_gives_no_connection_is_a_reason_of_its_own() {
    let issuer = elsewhere().await;
    let demanding = ForwardProxy::start(issuer.addr(), Some("Basic dXNlcjpodW50ZXIyMg==")).await;
    let demanding = Proxy::new(&demanding.url()).unwrap();
    let wrong = demanding.clone().authorization("user:hunter3").unwrap();
    // Its target is gone.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let leads_nowhere = ForwardProxy::start(gone, None).await;
    for proxy in [
        demanding,
        wrong,
        Proxy::new(&leads_nowhere.url()).unwrap(),
        Proxy::new(&format!("http://{gone}")).unwrap(),
    ] {
        let shown = format!("{proxy:?}");
        let server = reaching(discovering(ELSEWHERE), trusting(&issuer).proxy(proxy)).await;
        assert_eq!(last_error(&server), Some(FetchError::Proxy), "{shown}");
    }
    assert_eq!(issuer.fetches().discovery, 0);
}

#[tokio::test]
async fn t_key_12_a_proxy_with_tls_is_verified_too() {
    let (issuer, ours) = (elsewhere().await, Authority::new());
    let proxy = ForwardProxy::start_tls(issuer.addr(), &ours).await;
    let way = || Proxy::new(&proxy.url()).unwrap();
    let both = format!("{}{}", issuer.ca_pem().unwrap(), ours.pem);
    let both = Egress::new().root_certificates(both.as_bytes()).unwrap();
    let server = reaching(discovering(ELSEWHERE), both.proxy(way())).await;
    assert_eq!(last_error(&server), None);
    assert_eq!(proxy.request_lines().len(), 2);
    let server = reaching(discovering(ELSEWHERE), trusting(&issuer).proxy(way())).await;
    assert_eq!(
        last_error(&server),
        Some(FetchError::Tls(TlsFailure::Authority))
    );
    assert_eq!(proxy.request_lines().len(), 2);
}

/// A proxy in the middle is still not the issuer.
#[tokio::test]
async fn t_key_12_the_certificate_is_verified_through_a_proxy() {
    let (issuer, other) = (elsewhere().await, elsewhere().await);
    let proxy = ForwardProxy::start(issuer.addr(), None).await;
    let way = Proxy::new(&proxy.url()).unwrap();
    for egress in [Egress::new(), trusting(&other)] {
        let server = reaching(discovering(ELSEWHERE), egress.proxy(way.clone())).await;
        assert_eq!(
            last_error(&server),
            Some(FetchError::Tls(TlsFailure::Authority))
        );
    }
    assert_eq!(issuer.fetches().discovery, 0);
}

#[tokio::test]
async fn plain_http_through_a_proxy_has_its_credentials_too() {
    let keys = KeyServer::start(None, Demand::Nothing).await;
    let wanted = "Basic dXNlcjpodW50ZXIyMg==";
    let proxy = ForwardProxy::start(keys.address(), Some(wanted)).await;
    let source = || {
        let policy = Policy::builder("http://id.example", AUDIENCE).build();
        Issuer::jwks_uri(policy.unwrap(), "http://id.example/jwks").insecure_plain_http()
    };
    let way = Proxy::new(&proxy.url()).unwrap();
    let known = way.clone().authorization("user:hunter22\n").unwrap();
    let server = reaching(source(), Egress::new().proxy(known)).await;
    assert_eq!(last_error(&server), None);
    let server = reaching(source(), Egress::new().proxy(way)).await;
    assert_eq!(last_error(&server), Some(FetchError::Proxy));
    let line = "GET http://id.example/jwks HTTP/1.1";
    assert_eq!(proxy.request_lines(), [line; 2]);
}

/// Plain http is allowed there because nobody is on the way.
#[tokio::test]
async fn t_key_10_this_machine_is_not_reached_through_a_proxy() {
    let issuer = DevIssuer::start().await.unwrap();
    let proxy = ForwardProxy::start(issuer.addr(), None).await;
    let egress = Egress::new().proxy(Proxy::new(&proxy.url()).unwrap());
    let server = reaching(discovering(issuer.url()), egress).await;
    assert_eq!(last_error(&server), None);
    assert_eq!(proxy.request_lines(), [""; 0]);
}

#[tokio::test]
async fn t_key_27_a_field_of_a_request_is_no_proxy() {
    let issuer = DevIssuer::builder().tls(Tls::SignedByCa);
    let issuer = issuer.start().await.unwrap();
    let proxy = ForwardProxy::start(issuer.addr(), None).await;
    let server = reaching(discovering(issuer.url()), trusting(&issuer)).await;
    // An unknown `kid`, so that the request causes a fetch.
    let key = with_kid("unknown");
    let mut request = request(&issuer.user_token(AUDIENCE).sign());
    for name in ["proxy", "http_proxy", "https_proxy"] {
        let value = proxy.url().parse().unwrap();
        request.headers_mut().insert(name, value);
    }
    assert!(server.authenticate(&request).await.is_ok());
    let unknown = key.claim("iss", issuer.url()).sign();
    let unknown = format!("Bearer {unknown}").parse().unwrap();
    request.headers_mut().insert("authorization", unknown);
    let _ = server.authenticate(&request).await;
    assert_eq!(proxy.request_lines(), [""; 0]);
}

#[tokio::test]
async fn t_key_12_only_the_authorities_that_were_named() {
    let tls = || DevIssuer::builder().tls(Tls::SignedByCa).start();
    let (one, other) = (tls().await.unwrap(), tls().await.unwrap());
    let pem = |issuer: &DevIssuer| issuer.ca_pem().unwrap().to_owned();
    let both = format!("{}\n# the other\n{}", pem(&one), pem(&other));
    let only = |pem: &str| {
        let egress = Egress::new().only_root_certificates(pem.as_bytes());
        egress.unwrap()
    };
    let added = |pem: &str| Egress::new().root_certificates(pem.as_bytes()).unwrap();
    let tls = Some(FetchError::Tls(TlsFailure::Authority));
    for (egress, of_one, of_other) in [
        (only(&pem(&one)), None, tls.clone()),
        (only(&pem(&other)), tls.clone(), None),
        (only(&both), None, None),
        (added(&pem(&one)), None, tls.clone()),
        (added(&both), None, None),
        (Egress::new(), tls.clone(), tls),
    ] {
        for (issuer, expected) in [(&one, of_one), (&other, of_other)] {
            let server = reaching(discovering(issuer.url()), egress.clone()).await;
            assert_eq!(last_error(&server), expected, "{egress:?}");
        }
    }
}

/// Each issuer goes its own way, and the transport of the server is for those without one.
#[tokio::test]
async fn issuers_may_be_reached_in_different_ways() {
    let tls = || DevIssuer::builder().tls(Tls::SignedByCa).start();
    let (one, other) = (tls().await.unwrap(), tls().await.unwrap());
    let transport = HttpTransport::with_root_certificates(other.ca_pem().unwrap().as_bytes());
    let server = ResourceServer::builder()
        .transport(transport.unwrap())
        .issuer(discovering(one.url()).egress(trusting(&one)))
        .issuer(discovering(other.url()))
        .build()
        .unwrap();
    for issuer in [&one, &other] {
        let token = issuer.user_token(AUDIENCE).sign();
        assert!(server.authenticate(&request(&token)).await.is_ok());
    }
    // The same for keys that are fetched once.
    let source = discovering(one.url()).egress(trusting(&one));
    let transport = source.transport().unwrap();
    assert!(source.fetch_keys(&transport).await.is_ok());
    let source = discovering(other.url());
    let keys = source.fetch_keys(&transport).await;
    assert_eq!(
        keys.unwrap_err(),
        BuildError::Fetch(FetchError::Tls(TlsFailure::Authority))
    );
}

#[tokio::test]
async fn an_issuer_may_demand_a_certificate() {
    let (ours, others) = (Authority::new(), Authority::new());
    let server = KeyServer::start(Some((&ours, Some(&ours))), Demand::Nothing).await;
    let trusting = || {
        Egress::new()
            .root_certificates(ours.pem.as_bytes())
            .unwrap()
    };
    let presenting = |authority: &Authority| {
        let (certificate, key) = authority.certificate("client");
        let egress = trusting().client_certificate(certificate.as_bytes(), key.as_bytes());
        egress.unwrap()
    };
    let url = format!("https://{}/jwks", server.address());
    for (egress, expected) in [
        (presenting(&ours), None),
        (trusting(), Some(FetchError::ClientCertificate)),
        (presenting(&others), Some(FetchError::ClientCertificate)),
    ] {
        let reached = reaching(Issuer::jwks_uri(policy(), &url), egress).await;
        assert_eq!(last_error(&reached), expected);
    }
    // Whoever trusts nobody for the server learns nothing of the client either.
    let (certificate, key) = ours.certificate("client");
    let egress = Egress::new().client_certificate(certificate.as_bytes(), key.as_bytes());
    let reached = reaching(Issuer::jwks_uri(policy(), &url), egress.unwrap()).await;
    assert_eq!(
        last_error(&reached),
        Some(FetchError::Tls(TlsFailure::Authority))
    );
}

#[test]
fn t_cfg_07_a_certificate_without_its_key_is_refused() {
    let ours = Authority::new();
    let ((certificate, key), (_, other)) = (ours.certificate("a"), ours.certificate("b"));
    let egress = |certificate: &str, key: &str| {
        Egress::new().client_certificate(certificate.as_bytes(), key.as_bytes())
    };
    assert!(egress(&certificate, &key).is_ok());
    // A chain, and other things in the files.
    let chain = format!("{certificate}{}", ours.pem);
    assert!(egress(&chain, &format!("# ours\n{key}")).is_ok());
    for (certificate, key) in [
        (&*certificate, &*other),
        (&certificate, &certificate),
        (&certificate, ""),
        ("", &key),
        (&key, &key),
        ("no PEM", "no PEM"),
    ] {
        let error = egress(certificate, key).unwrap_err();
        assert_eq!(error, HttpTransportError::ClientCertificate);
    }
}

/// As the API server of Kubernetes does, whose tokens are replaced every hour.
#[tokio::test]
async fn credentials_are_read_anew_for_each_fetch() {
    let server = KeyServer::start(None, Demand::Authorization("Bearer one".into())).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    let source = |authorization| {
        let url = format!("http://{}/jwks", server.address());
        Issuer::jwks_uri(policy(), url).authorization(authorization)
    };
    fs::write(&file, "one\n").unwrap();
    let reached = ResourceServer::builder().issuer(source(Authorization::file(&file)));
    let reached = reached.clock(crate::fixture::clock_from(crate::fixture::START));
    let reached = reached.build().unwrap();
    reached.attempted().await;
    assert_eq!(last_error(&reached), None);
    assert!(decide_at_once(&reached, &good()).is_ok());

    server.demand(Demand::Authorization("Bearer two".into()));
    assert_eq!(reason(&refetch(&reached).await), "keys_unavailable");
    assert_eq!(last_error(&reached), Some(FetchError::Status(401)));
    fs::write(&file, "two").unwrap();
    after_the_back_off().await;
    until(|| last_error(&reached).is_none()).await;
    assert_eq!(reason(&refetch(&reached).await), "kid_unknown");

    for (text, expected) in [("two", None), ("one", Some(FetchError::Status(401)))] {
        let fixed = source(Authorization::new(text).unwrap());
        assert_eq!(last_error(&reaching(fixed, Egress::new()).await), expected);
    }
}

/// A failed fetch is followed by a step of a second: at once.
async fn after_the_back_off() {
    tokio::time::pause();
    tokio::time::advance(HOUR / 60).await;
    tokio::time::resume();
}

/// An orchestrator removed it, or somebody emptied it.
#[tokio::test]
async fn t_cfg_07_credentials_that_are_gone_fail_a_fetch_and_no_request() {
    let server = KeyServer::start(None, Demand::Nothing).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "one").unwrap();
    let url = format!("http://{}/jwks", server.address());
    let source = Issuer::jwks_uri(policy(), url).authorization(Authorization::file(&file));
    let reached = ResourceServer::builder().issuer(source);
    let reached = reached.clock(crate::fixture::clock_from(crate::fixture::START));
    let reached = reached.build().unwrap();
    reached.attempted().await;
    assert_eq!(last_error(&reached), None);
    let fetched = server.heads().len();

    for spoilt in [None, Some("\n")] {
        match spoilt {
            None => fs::remove_file(&file).unwrap(),
            Some(text) => fs::write(&file, text).unwrap(),
        }
        let refused = refetch(&reached).await;
        assert!(refused.is_err());
        assert_eq!(last_error(&reached), Some(FetchError::Authorization));
        assert_eq!(server.heads().len(), fetched, "it was sent without them");
        assert!(decide_at_once(&reached, &good()).is_ok());
        after_the_back_off().await;
    }
}

fn authorized(source: Issuer) -> Issuer {
    source.authorization(Authorization::new("hunter2").unwrap())
}

/// URL and credentials of each fetch.
fn sent(network: &Network) -> Vec<(String, bool)> {
    let fetches = network.fetches().into_iter();
    let sent = fetches.map(|fetch| {
        let authorization = fetch.authorization.as_deref();
        assert!(matches!(authorization, None | Some("Bearer hunter2")));
        (fetch.url, authorization.is_some())
    });
    sent.collect()
}

/// Whoever writes the metadata must not choose who learns them.
#[tokio::test(start_paused = true)]
async fn t_cfg_08_credentials_go_to_no_other_origin_than_the_issuer_s() {
    for (jwks_uri, is_sent) in [
        (JWKS, true),
        ("https://AUTH.example:443/keys", true),
        ("https://auth.example:8443/keys", false),
        ("https://keys.auth.example/keys", false),
        ("https://elsewhere.example/keys", false),
        ("https://auth.example.elsewhere.example/keys", false),
    ] {
        let network = issuer();
        network.serve(METADATA, Reply::metadata("https://auth.example", jwks_uri));
        let url = url::Url::parse(jwks_uri).unwrap().to_string();
        network.serve(&url, Reply::keys([&key()]));
        let server = serving(&network, authorized(Issuer::discover(policy())));
        assert!(decide(&server, &good()).await.is_ok(), "{jwks_uri}");
        let expected = [(METADATA.to_owned(), true), (url, is_sent)];
        assert_eq!(sent(&network), expected);
    }
}

/// The operator wrote these down.
#[tokio::test(start_paused = true)]
async fn credentials_go_to_an_internal_origin_and_to_a_configured_jwks_uri() {
    let network = issuer();
    let server = serving(&network, authorized(Issuer::jwks_uri(policy(), JWKS)));
    assert!(decide(&server, &good()).await.is_ok());
    assert_eq!(sent(&network), [(JWKS.to_owned(), true)]);

    let internal = "https://10.0.0.7:6443";
    let network = Network::default();
    let metadata = format!("{internal}/.well-known/openid-configuration");
    for jwks_uri in [JWKS, "https://10.0.0.7:6443/oauth2/jwks"] {
        network.serve(&metadata, Reply::metadata("https://auth.example", jwks_uri));
        let jwks = format!("{internal}/oauth2/jwks");
        network.serve(&jwks, Reply::keys([&key()]));
        let source = Issuer::discover(policy()).internal_origin(internal);
        let server = serving(&network, authorized(source));
        assert!(decide(&server, &good()).await.is_ok());
        let last = sent(&network).pop().unwrap();
        assert_eq!(last, (jwks, true), "{jwks_uri}");
    }
}

/// Which keys are gone is not forgotten either: tokens of two of them would use up what the next rotation
/// needs.
#[tokio::test(start_paused = true)]
async fn t_key_26_what_is_gone_outlives_a_change_of_the_way_to_the_keys() {
    let network = issuer();
    let old = ["a", "b"].map(|kid| next_key().with_kid(kid));
    network.serve(JWKS, Reply::keys(old.iter().chain([&key()])));
    let before = serving(&network, Issuer::discover(policy()));
    before.attempted().await;
    network.serve(JWKS, Reply::keys([&key()]));
    tokio::time::sleep(HOUR / 60).await;
    assert!(decide(&before, &with_kid("new")).await.is_err());
    let after = builder(network.clone()).issuer(authorized(Issuer::discover(policy())));
    let after = after.keep_keys_of(&before).build().unwrap();
    after.attempted().await;
    let fetched = network.count_of(JWKS);
    for _ in 0..10 {
        tokio::time::sleep(MILLISECOND).await;
        for key in &old {
            let refused = decide(&after, &good().key(key.clone())).await;
            assert_eq!(reason(&refused), "kid_unknown");
        }
    }
    assert_eq!(network.count_of(JWKS), fetched + 1);
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    assert!(decide(&after, &good().key(next_key())).await.is_ok());
}

/// A certificate that was renewed, or another proxy: the keys are the same.
#[tokio::test(start_paused = true)]
async fn a_cfg_02_keys_outlive_a_change_of_the_way_to_them() {
    let network = issuer();
    let before = serving(&network, Issuer::discover(policy()));
    before.attempted().await;
    tokio::time::sleep(HOUR / 3600).await;
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    let after = |source: Issuer| {
        let server = builder(network.clone()).issuer(source);
        server.keep_keys_of(&before).build().unwrap()
    };
    let fetched = network.count();
    let same = after(Issuer::discover(policy()));
    assert!(decide_at_once(&same, &good()).is_ok());
    same.attempted().await;
    assert_eq!(network.count(), fetched);

    let other = after(authorized(Issuer::discover(policy())));
    other.attempted().await;
    assert!(decide_at_once(&other, &good()).is_ok());
    // It did try the new way.
    assert_eq!(
        last_error(&other),
        Some(FetchError::Connect(ConnectFailure::Refused))
    );
    assert!(network.count() > fetched);
    // They are not younger than before.
    tokio::time::sleep(25 * HOUR).await;
    let too_old = decide(&other, &good()).await;
    assert_eq!(reason(&too_old), "keys_unavailable");

    // Keys of another place, or for another time, are other keys.
    let elsewhere = Issuer::jwks_uri(policy(), "https://elsewhere.example/jwks");
    for source in [elsewhere, Issuer::discover(policy()).stale_if_error(HOUR)] {
        let server = after(authorized(source));
        let decision = decide(&server, &good()).await;
        assert_eq!(reason(&decision), "keys_unavailable");
    }
}

#[tokio::test]
async fn t_cfg_08_no_debug_output_shows_credentials() {
    let proxy = Proxy::new("http://proxy:3128").unwrap();
    let proxy = proxy.authorization("user:hunter22").unwrap();
    let ours = Authority::new();
    let (certificate, key) = ours.certificate("client");
    let egress = Egress::new().proxy(proxy);
    let egress = egress.client_certificate(certificate.as_bytes(), key.as_bytes());
    let egress = egress.unwrap();
    let source = authorized(Issuer::discover(policy())).egress(egress.clone());
    let mut shown = format!(
        "{egress:?} {source:?} {:?}",
        HttpTransport::through(&egress)
    );
    let builder = ResourceServer::builder().issuer(source);
    shown += &format!("{builder:?}");
    let server = builder.build().unwrap();
    shown += &format!("{server:?} {:?}", server.state());
    for secret in ["hunter2", "dXNlcjpodW50ZXIyMg==", "BEGIN"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let bytes = format!("{:?}", b"hunter2");
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}
