//! When a limit on failures is asked, and what it is told.

use std::sync::Mutex;
use std::time::Duration;

use bearward::core::rejection::{InvalidToken, TooManyFailures};
use bearward::failures::{Check, FailureLimit, Subject};
use bearward::{Issuer, Principal, Rejection, Requirements, ResourceServer, Sources, TokenCache};
use bearward_testing::Token;
use bearward_testing::keys::jwk_set;

use crate::fixture::{
    ISSUER, KID_UNKNOWN, START, builder, good, issuer, key, next_key, policy, request,
};

/// Writes down what it is asked.
struct Limit {
    is_exceeded: bool,
    check: Option<Check>,
    asked: Mutex<Vec<String>>,
}

impl Limit {
    fn within() -> Self {
        Self {
            is_exceeded: false,
            check: None,
            asked: Mutex::default(),
        }
    }

    fn exceeded(check: Option<Check>) -> Self {
        Self {
            is_exceeded: true,
            check,
            ..Self::within()
        }
    }

    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl FailureLimit for Limit {
    fn is_exceeded(&self) -> bool {
        self.note("is exceeded");
        self.is_exceeded
    }

    fn take_check(&self, claimed: Subject<'_>) -> Option<Check> {
        assert_eq!(claimed.issuer, ISSUER);
        self.note(format!("take {}", claimed.subject));
        self.check
    }

    fn verified(&self, subject: Subject<'_>, taken: Option<Check>) {
        assert_eq!(subject.issuer, ISSUER);
        self.note(format!("verified {} {taken:?}", subject.subject));
    }

    fn failed(&self) {
        self.note("failed");
    }

    fn retry_after(&self) -> Duration {
        Duration::from_secs(7)
    }
}

fn server() -> ResourceServer {
    let keys = bearward::JwkSet::parse(jwk_set([&key()]).to_string().as_bytes()).unwrap();
    builder(issuer())
        .issuer(Issuer::jwk_set(policy(), keys))
        .token_cache(TokenCache::new())
        .build()
        .unwrap()
}

/// The reason, and what the limit was asked.
async fn decided(
    server: &ResourceServer,
    token: &Token,
    limit: &Limit,
) -> (Result<(), Rejection>, Vec<String>) {
    let request = request(&token.sign());
    let sources = Sources::default();
    let decided = server
        .authenticate_within(&request, &sources, Some(limit))
        .await;
    (decided.map(drop), limit.noted())
}

fn alice() -> Token {
    good().claim("sub", "alice")
}

/// Signed by somebody else, under the name of the right key.
fn forged() -> Token {
    alice().key(next_key().with_kid(key().kid().unwrap()))
}

const TOO_MANY: Rejection =
    Rejection::TooManyFailures(TooManyFailures::new(Duration::from_secs(7)));

const FORGED: Rejection = Rejection::InvalidToken(InvalidToken::SignatureInvalid);

#[tokio::test(start_paused = true)]
async fn t_dos_12_a_token_that_was_verified_asks_nothing() {
    let server = server();
    let within = Limit::within();
    let (first, asked) = decided(&server, &alice(), &within).await;
    assert_eq!(first, Ok(()));
    assert_eq!(asked, ["is exceeded", "verified alice None"]);
    let exceeded = Limit::exceeded(None);
    let (again, asked) = decided(&server, &alice(), &exceeded).await;
    assert_eq!(again, Ok(()));
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn t_dos_03_within_the_limit_a_failure_is_counted_and_answered_as_ever() {
    let (refused, asked) = decided(&server(), &forged(), &Limit::within()).await;
    assert_eq!(refused, Err(FORGED));
    assert_eq!(asked, ["is exceeded", "failed"]);
    let later = good().not_before(START.plus(Duration::from_secs(3600)));
    for (token, reason) in [
        (alice().claim("exp", 1), "token_expired"),
        (later, "token_not_yet_valid"),
        (
            alice().claim("aud", "https://other.example"),
            "aud_mismatch",
        ),
    ] {
        let (refused, asked) = decided(&server(), &token, &Limit::within()).await;
        assert_eq!(refused.unwrap_err().reason(), reason);
        assert_eq!(asked, ["is exceeded", "failed"], "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_dos_03_over_the_limit_no_signature_is_checked_without_a_check() {
    let server = server();
    let none = Limit::exceeded(None);
    for token in [alice(), forged()] {
        let (refused, asked) = decided(&server, &token, &none).await;
        assert_eq!(refused, Err(TOO_MANY));
        assert_eq!(asked, ["is exceeded", "take alice"]);
    }
}

#[tokio::test(start_paused = true)]
async fn t_dos_12_over_the_limit_a_check_admits_the_good_and_refuses_the_bad() {
    for check in [Check::Any, Check::OfSubject] {
        let (server, limit) = (server(), Limit::exceeded(Some(check)));
        let (refused, asked) = decided(&server, &forged(), &limit).await;
        assert_eq!(refused, Err(TOO_MANY));
        assert_eq!(asked, ["is exceeded", "take alice", "failed"]);
        let (admitted, asked) = decided(&server, &alice(), &limit).await;
        assert_eq!(admitted, Ok(()));
        let verified = format!("verified alice Some({check:?})");
        assert_eq!(asked, ["is exceeded", "take alice", &verified]);
    }
}

/// The client has to learn it, whoever signed the token.
#[tokio::test(start_paused = true)]
async fn t_dos_12_over_the_limit_an_expired_token_is_refused_without_a_check() {
    let server = server();
    for token in [
        alice(),
        forged(),
        alice().claim("aud", "https://other.example"),
    ] {
        let token = token.claim("exp", 1);
        let (refused, asked) = decided(&server, &token, &Limit::exceeded(None)).await;
        assert_eq!(refused.unwrap_err().reason(), "token_expired");
        assert_eq!(asked, ["is exceeded"]);
    }
}

/// The answer shows of no claim, type, key or issuer whether it is right.
#[tokio::test(start_paused = true)]
async fn t_err_03_over_the_limit_every_refusal_is_the_same() {
    let server = server();
    for token in [
        forged(),
        forged().claim("aud", "https://other.example"),
        forged().without_claim("client_id"),
        forged().claim("iss", "https://other.example"),
        forged().header("kid", "unknown"),
        forged().header("typ", "JWT"),
        alice().claim("aud", "https://other.example"),
    ] {
        let (refused, _) = decided(&server, &token, &Limit::exceeded(None)).await;
        assert_eq!(refused.unwrap_err().reason(), "too_many_failures");
    }
}

/// A bound token is refused each time, and never remembered.
#[tokio::test(start_paused = true)]
async fn t_dos_03_a_bound_token_counts_as_a_failure() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let bound = alice().claim("cnf", serde_json::json!({ "jkt": jkt }));
    let (refused, asked) = decided(&server(), &bound, &Limit::within()).await;
    assert_eq!(refused.unwrap_err().reason(), "cnf_not_proven");
    assert_eq!(asked, ["is exceeded", "failed"]);
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_signature_check_is_no_failure() {
    let server = server();
    let unknown = alice().header("kid", "unknown");
    let (refused, asked) = decided(&server, &unknown, &Limit::within()).await;
    assert_eq!(refused, Err(KID_UNKNOWN));
    assert_eq!(asked, ["is exceeded"]);
}

/// The ID token that is sent along for re-authentication.
#[tokio::test(start_paused = true)]
async fn t_dos_03_a_forged_id_token_is_a_failure() {
    let server = server();
    let hour = Duration::from_secs(3600);
    let principal = server
        .authenticate_token(
            alice()
                .authenticated_at(START.minus(hour))
                .sign()
                .as_bytes(),
        )
        .await
        .unwrap();
    let client = principal.client_id().unwrap().to_owned();
    let genuine = Token::id_token(ISSUER, &client, START)
        .claim("sub", "alice")
        .key(key());
    let forged = genuine
        .clone()
        .key(next_key().with_kid(key().kid().unwrap()));
    let old = genuine.clone().authenticated_at(START.minus(hour));
    let within = ["is exceeded", "verified alice None"];
    assert_asked(
        &server,
        &principal,
        &genuine,
        Limit::within(),
        (None, &within),
    )
    .await;
    let unsatisfied = (Some("auth_time_unsatisfied"), &within[..]);
    assert_asked(&server, &principal, &old, Limit::within(), unsatisfied).await;
    let failed = (Some("id_token_invalid"), &["is exceeded", "failed"][..]);
    assert_asked(&server, &principal, &forged, Limit::within(), failed).await;
    let none = (
        Some("too_many_failures"),
        &["is exceeded", "take alice"][..],
    );
    assert_asked(&server, &principal, &forged, Limit::exceeded(None), none).await;
    let given_back = [
        "is exceeded",
        "take alice",
        "verified alice Some(OfSubject)",
    ];
    let taken = Limit::exceeded(Some(Check::OfSubject));
    assert_asked(&server, &principal, &genuine, taken, (None, &given_back)).await;
}

/// Where a login of the last minute is required: the outcome with this ID token, and what the limit is asked.
async fn assert_asked(
    server: &ResourceServer,
    principal: &Principal,
    token: &Token,
    limit: Limit,
    (reason, asked): (Option<&str>, &[&str]),
) {
    let recent = Requirements::builder().max_age(Duration::from_secs(60));
    let recent = recent.build().unwrap();
    let mut request = request("unread");
    let token = token.sign().parse().unwrap();
    request.headers_mut().insert("x-id-token", token);
    let outcome = server.authorize_within(&request, principal, &recent, Some(&limit));
    let found = outcome.await.err().map(|refused| refused.reason());
    assert_eq!(found, reason);
    assert_eq!(limit.noted(), asked, "{reason:?}");
}
