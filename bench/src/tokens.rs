//! The tokens that all get, and the requests that bring them.

use std::time::{SystemTime, UNIX_EPOCH};

use bearward::{Algorithm, UnixTime};
use bearward_testing::{SigningKey, Token};
use http::Request;
use http::header::AUTHORIZATION;

/// Issuer and audience: as Authgear has it, they are the same.
pub const ISSUER: &str = "https://my-project.authgear.cloud";

pub const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::EdDsa,
];

/// A good token, and the key it is signed with.
pub fn signed(algorithm: Algorithm) -> (SigningKey, String) {
    let key = SigningKey::first(algorithm);
    let token = good(&key).sign();
    (key, token)
}

/// Tokens that are spoilt in one respect each, by what it is.
pub fn spoilt(key: &SigningKey) -> [(&'static str, String); 4] {
    let other = "https://other.example.com";
    let stranger = SigningKey::second(key.algorithm()).with_kid(key.kid().unwrap());
    // Longer ago than any of the crates allows for clocks that differ.
    let long_ago = UnixTime::from_secs(now().as_secs() - 86_400);
    [
        ("signature", good(key).key(stranger).sign()),
        ("issuer", good(key).claim("iss", other).sign()),
        ("audience", good(key).claim("aud", other).sign()),
        ("expiry", good(key).expires_at(long_ago).sign()),
    ]
}

pub fn request(token: &str) -> Request<()> {
    let request = Request::get("/hello").header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(()).unwrap()
}

/// The token of a request, for crates that do not look for it themselves.
pub fn of(request: &Request<()>) -> &str {
    let field = request.headers()[AUTHORIZATION].to_str().unwrap();
    field.strip_prefix("Bearer ").unwrap()
}

pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime::from_secs(since.unwrap().as_secs())
}

fn good(key: &SigningKey) -> Token {
    Token::user(ISSUER, ISSUER, now()).key(key.clone())
}
