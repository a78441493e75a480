//! What is logged and shown: all that an operator needs, and nothing that a sender wrote.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bearward::fetch::{Authorization, ConnectFailure, FetchError, HttpTransport};
use bearward::{Issuer, JwkSet, Policy, Profile, ResourceServer};
use bearward_testing::keys::OddJwk;
use bearward_testing::{SigningKey, Token};
use http::HeaderValue;
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::fixture::{
    AUDIENCE, HOUR, ISSUER, JWKS, METADATA, MILLISECOND, MINUTE, START, builder, decide,
    decide_text, discovering, good, issuer, key, next_key, policy, policy_of, request, warm,
    with_kid,
};
use crate::network::{Network, Reply};

/// All events of this thread, at every level, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that say this.
    fn lines(&self, what: &str) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter(|line| line.contains(what));
        lines.map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// What stands in the claims of [`marked`], and must stand nowhere else.
const MARKS: [&str; 5] = [
    "mark-subject",
    "mark-client",
    "mark-jti",
    "mark-scope",
    "mark-kid",
];

/// A token each of whose parts would be recognised.
fn marked() -> Token {
    good()
        .claim("sub", "mark-subject")
        .claim("client_id", "mark-client")
        .claim("jti", "mark-jti")
        .claim("scope", "mark-scope")
}

#[track_caller]
fn assert_unmarked(text: &str, tokens: &[String]) {
    for mark in MARKS {
        assert!(!text.contains(mark), "{mark} in {text}");
    }
    for part in tokens.iter().flat_map(|token| token.split('.')) {
        // Too short to be told from anything else.
        if part.len() >= 8 {
            assert!(!text.contains(part), "{part} in {text}");
        }
    }
}

/// Good and bad tokens, each with its marks.
fn tokens() -> Vec<String> {
    let mut garbled = marked().parts();
    garbled.signature.reverse();
    vec![
        marked().sign(),
        garbled.encode(),
        marked().key(next_key().with_kid("mark-kid")).sign(),
        marked().expires_at(START).sign(),
        marked().claim("aud", "mark-audience").sign(),
        marked().claim("iss", "https://mark-issuer.example").sign(),
        marked().header("typ", "mark-type+jwt").sign(),
        marked().header("alg", "mark-algorithm").sign(),
        marked().header("jku", "https://mark-url.example").sign(),
        marked().header("kid", "\r\n\u{1b}[31mmark-kid").sign(),
        "mark-garbage".to_owned(),
        "mark.garbage.x".to_owned(),
    ]
}

/// Keycloak with the profile that hardly any issuer conforms to: said once, however many tokens are refused.
#[tokio::test(start_paused = true)]
async fn the_first_refusal_of_a_recognised_issuer_is_a_line() {
    let (log, _guard) = Log::start();
    let realm = "https://id.example/realms/shop";
    let server = |profile: Profile| {
        let policy = Policy::builder(realm, AUDIENCE).profile(profile);
        let keys = bearward_testing::keys::jwk_set([&key()]).to_string();
        let keys = JwkSet::parse(keys.as_bytes()).unwrap();
        let server = builder(Network::default());
        let server = server.issuer(Issuer::jwk_set(policy.build().unwrap(), keys));
        server
            .issuer(Issuer::discover(policy_of(ISSUER)))
            .build()
            .unwrap()
    };
    let what = "the issuer's URL is that of another profile";
    let strict = server(Profile::default());
    let of_realm = marked().claim("iss", realm);
    let typed = of_realm.clone().header("typ", "JWT");
    // For other reasons, of another issuer, and of another profile: no line.
    let late = of_realm.clone().expires_at(START.minus(MINUTE));
    for (server, token) in [
        (&strict, late),
        (&strict, marked().header("typ", "JWT")),
        (
            &server(Profile::Keycloak),
            typed.clone().without_claim("sub"),
        ),
    ] {
        assert!(decide(server, &token).await.is_err());
    }
    assert!(decide(&strict, &of_realm).await.is_ok());
    assert!(log.lines(what).is_empty(), "{}", log.text());
    for _ in 0..3 {
        assert!(decide(&strict, &typed).await.is_err());
    }
    let lines = log.lines(what);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for told in ["WARN", realm, "typ_not_accepted", "recognised=\"keycloak\""] {
        assert!(lines[0].contains(told), "{told}: {lines:?}");
    }
    assert_unmarked(&log.text(), &[typed.sign()]);
}

#[tokio::test(start_paused = true)]
async fn t_err_01_nothing_of_a_token_is_logged() {
    let (log, _guard) = Log::start();
    let network = issuer();
    let server = discovering(&network);
    let tokens = tokens();
    // Cold, warm, with the issuer down, and with keys that have ended.
    for state in 0..4 {
        for token in &tokens {
            let _ = decide_text(&server, token).await;
        }
        sleep(match state {
            0 | 1 => MINUTE,
            _ => 30 * HOUR,
        })
        .await;
        if state == 1 {
            network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
        }
    }
    let text = log.text();
    assert!(text.contains("keys fetched"), "{text}");
    assert!(text.contains("keys not fetched"), "{text}");
    assert_unmarked(&text, &tokens);
    assert!(!text.contains("mark-"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn t_dos_06_a_refusal_is_not_an_event() {
    let network = issuer();
    let server = warm(&network).await;
    let (log, _guard) = Log::start();
    for token in tokens() {
        let _ = decide_text(&server, &token).await;
    }
    assert_eq!(log.text(), "");
    // And an outage is one a flight, not one a request.
    sleep(MINUTE).await;
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    for kid in 0..100 {
        let _ = decide(&server, &with_kid(&kid.to_string())).await;
    }
    assert_eq!(log.lines("keys not fetched").len(), 1);
    assert_eq!(log.text().lines().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn t_err_01_debug_output_shows_nothing_of_it_either() {
    let network = issuer();
    let server = discovering(&network);
    server.attempted().await;
    let tokens = tokens();
    let mut request = request(&tokens[0]);
    let field = HeaderValue::from_str(&tokens[0]).unwrap();
    request.headers_mut().insert("x-id-token", field);
    let principal = server.authenticate(&request).await.unwrap();
    let mut shown = format!("{server:?} {:?} {principal:?}", server.state());
    for token in &tokens {
        let decision = decide_text(&server, token).await;
        if let Err(rejection) = &decision {
            shown += &format!("{rejection:?} {rejection} {}", rejection.reason());
            shown += &format!("{:?}", server.challenge(rejection, &request));
        }
    }
    assert_unmarked(&shown, &tokens);
    assert!(!shown.contains("mark-"), "{shown}");
    assert!(shown.contains(ISSUER));
}

#[tokio::test]
async fn t_cfg_08_debug_output_shows_no_secret() {
    use bearward::core::jwk::VerificationKey;
    use bearward::{Algorithm, JwkSet};

    let secret = b"a secret that is long enough for HMAC".to_vec();
    let key = VerificationKey::secret(Algorithm::Hs256, &secret).unwrap();
    let keys = JwkSet::from_secrets([(Some("one".to_owned()), key)]);
    let policy = Policy::builder(ISSUER, AUDIENCE).algorithms([Algorithm::Hs256]);
    let issuer = Issuer::jwk_set(policy.build().unwrap(), keys);
    let mut shown = format!("{issuer:?}");
    let builder = builder(Network::default()).issuer(issuer);
    shown += &format!("{builder:?}");
    let server = builder.build().unwrap();
    shown += &format!("{server:?} {:?} {:?}", server.state(), HttpTransport::new());
    assert!(!shown.contains("a secret"), "{shown}");
    let bytes = format!("{:?}", &secret[..8]);
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    assert!(!shown.contains("transport"), "{shown}");
}

/// As with the API server of Kubernetes, whose metadata names another address.
#[tokio::test(start_paused = true)]
async fn the_operator_learns_where_credentials_were_not_sent() {
    for (jwks_uri, is_told) in [("https://10.0.0.7:6443/jwks", true), (JWKS, false)] {
        let (log, _guard) = Log::start();
        let network = issuer();
        network.serve(METADATA, Reply::metadata(ISSUER, jwks_uri));
        network.serve(jwks_uri, Reply::status(401));
        let credentials = Authorization::new("hunter2").unwrap();
        let source = Issuer::discover(policy()).authorization(credentials);
        let server = builder(network.clone()).issuer(source).build().unwrap();
        server.attempted().await;
        sleep(MILLISECOND).await;
        let lines = log.lines("our credentials were not sent there");
        assert_eq!(lines.len(), usize::from(is_told), "{}", log.text());
        assert_eq!(log.lines("keys not fetched").len(), 1);
        assert!(!log.text().contains("hunter2"), "{}", log.text());
    }
}

#[tokio::test(start_paused = true)]
async fn the_operator_learns_of_a_new_key_set_once() {
    let (log, _guard) = Log::start();
    let network = issuer();
    let _server = discovering(&network);
    sleep(HOUR).await;
    let lines = log.lines("keys fetched");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" INFO "), "{lines:?}");
    assert!(lines[0].contains(&format!("issuer={ISSUER}")), "{lines:?}");
    let kids = format!("kids=\"{}\"", key().kid().unwrap());
    assert!(lines[0].contains(&kids), "{lines:?}");
    assert!(lines[0].contains("generation=1"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn t_key_05_the_operator_learns_of_a_failed_fetch() {
    let (log, _guard) = Log::start();
    let network = issuer();
    network.serve(JWKS, Reply::body(r#"{"keys":[]}"#));
    let server = discovering(&network);
    server.attempted().await;
    let lines = log.lines("keys not fetched");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" WARN "), "{lines:?}");
    assert!(lines[0].contains("no usable key"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn t_key_07_the_operator_learns_of_each_key_left_out() {
    let (log, _guard) = Log::start();
    let network = issuer();
    let odd = [OddJwk::Symmetric, OddJwk::PrivateMembers, OddJwk::Rsa1024];
    let odd = odd.map(OddJwk::jwk);
    let private = odd[1]["d"].as_str().unwrap().to_owned();
    let secret = odd[0]["k"].as_str().unwrap().to_owned();
    network.serve(
        JWKS,
        Reply::jwks(odd.into_iter().chain([key().public_jwk()])),
    );
    let _server = discovering(&network);
    sleep(HOUR).await;
    let lines = log.lines("key left out");
    assert_eq!(lines.len(), 3, "once, not at each refresh: {lines:?}");
    for (index, reason) in ["jwk_symmetric", "jwk_private", "jwk_weak"]
        .iter()
        .enumerate()
    {
        assert!(lines[index].contains(" WARN "), "{lines:?}");
        assert!(
            lines[index].contains(&format!("index={index}")),
            "{lines:?}"
        );
        assert!(lines[index].contains(reason), "{lines:?}");
    }
    assert!(!log.text().contains(&private));
    assert!(!log.text().contains(&secret));
}

#[tokio::test(start_paused = true)]
async fn t_key_11_the_location_of_a_redirect_goes_to_the_operator() {
    let (log, _guard) = Log::start();
    let network = issuer();
    let location = format!("http://169.254.169.254/{}", "x".repeat(1000));
    network.serve(JWKS, Reply::redirect(302, &location));
    let server = discovering(&network);
    server.attempted().await;
    let lines = log.lines("redirect not followed");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("http://169.254.169.254/xxx"), "{lines:?}");
    assert!(lines[0].contains(JWKS), "{lines:?}");
    assert!(lines[0].len() < 500, "it is cut short: {lines:?}");
    assert_eq!(log.lines("redirect_refused").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn t_err_06_what_an_issuer_says_is_escaped() {
    let (log, _guard) = Log::start();
    let network = issuer();
    let nasty = "one\r\nERROR forged line \u{1b}[31m";
    network.serve(JWKS, Reply::keys([&key().with_kid(nasty)]));
    let server = discovering(&network);
    server.attempted().await;
    network.serve(JWKS, Reply::redirect(302, nasty));
    sleep(MILLISECOND).await;
    let _ = decide(&server, &with_kid("random")).await;
    let text = log.text();
    assert!(text.contains("forged line"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(!text.contains('\r'), "{text}");
    let forged = text.lines().find(|line| line.starts_with("ERROR"));
    assert_eq!(forged, None);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_not_used_is_an_event_and_a_missing_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let (log, _guard) = Log::start();
    let start = || -> ResourceServer {
        let source = Issuer::discover(policy()).snapshot(&path);
        crate::fixture::serving(&Network::default(), source)
    };
    drop(start());
    assert_eq!(log.text(), "");
    std::fs::write(&path, "spoilt").unwrap();
    drop(start());
    let lines = log.lines("key snapshot not used");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("it is not a key snapshot"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_cannot_be_written_is_an_event_once_and_once_when_it_can() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder");
    let (log, _guard) = Log::start();
    let source = Issuer::jwks_uri(policy(), JWKS).snapshot(folder.join("keys.json"));
    let network = issuer();
    let server = crate::fixture::serving(&network, source);
    sleep(HOUR).await;
    assert!(network.count() > 5);
    let lines = log.lines("key snapshot not written");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" WARN "), "{lines:?}");
    assert!(lines[0].contains("entity not found"), "{lines:?}");

    // Another reason is another event.
    std::fs::write(&folder, "").unwrap();
    sleep(HOUR).await;
    assert_eq!(log.lines("key snapshot not written").len(), 2);

    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    sleep(HOUR).await;
    let lines = log.lines("key snapshot written again");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" INFO "), "{lines:?}");
    assert_eq!(log.lines("key snapshot not written").len(), 2);
    assert!(server.is_ready());
}

#[tokio::test(start_paused = true)]
async fn t_err_01_a_generated_key_is_never_shown() {
    let (log, _guard) = Log::start();
    let network = issuer();
    let generated = SigningKey::generate(bearward::Algorithm::Es256).unwrap();
    network.serve(METADATA, Reply::metadata(ISSUER, JWKS));
    network.serve(
        JWKS,
        Reply::jwks([generated.private_jwk(), key().public_jwk()]),
    );
    let server = discovering(&network);
    server.attempted().await;
    let jwk = generated.private_jwk();
    let private = jwk["d"].as_str().unwrap();
    assert!(!log.text().contains(private));
    assert!(!format!("{:?}", server.state()).contains(private));
}
