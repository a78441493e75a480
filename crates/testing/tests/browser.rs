//! A person at a browser, and a client behind it: what the tests of the issuer drive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use bearward_testing::issuer::DevIssuerBuilder;
use bearward_testing::token::CLIENT_ID;
use bearward_testing::{DevIssuer, UnixTime};
use http::{StatusCode, header};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const ALICE: &[(&str, &str)] = &[("username", "alice"), ("password", "alice-password")];

/// A clock that stands until it is moved.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_700_000_000)))
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// An issuer that lives by this clock.
    pub(crate) fn issuer(&self) -> DevIssuerBuilder {
        let clock = self.clone();
        DevIssuer::builder().clock(move || UnixTime::from_secs(clock.now()))
    }
}

pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new(issuer: &DevIssuer) -> Self {
        Self {
            client: client(),
            url: issuer.url().to_owned(),
            cookie: None,
        }
    }

    /// The authorization endpoint with the parameters of a good request, then these. A parameter
    /// without a value takes the one before out.
    pub(crate) fn authorize_url(&self, changes: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", CALLBACK),
            ("scope", "openid profile"),
            ("state", "s&1"),
            ("nonce", "n1"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            params.retain(|(known, _)| known != name);
            params.push((name, value));
        }
        format!("{}/oauth2/authorize?{}", self.url, encode(&params))
    }

    /// Follows a link to the authorization endpoint.
    pub(crate) async fn authorize(&mut self, changes: &[(&str, &str)]) -> Response {
        let request = self.client.get(self.authorize_url(changes));
        self.send(request).await
    }

    /// Fills the login form in.
    pub(crate) async fn log_in(
        &mut self,
        changes: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Response {
        let request = self
            .client
            .post(self.authorize_url(changes))
            .body(encode(form));
        self.send(request).await
    }

    async fn send(&mut self, mut request: RequestBuilder) -> Response {
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let response = request.send().await.unwrap();
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned());
        }
        response
    }

    /// Logs in and trades the code for tokens.
    pub(crate) async fn tokens(&mut self) -> Value {
        let response = self.log_in(&[], ALICE).await;
        let code = code(&response);
        let (status, tokens) = self.redeem(&code, &[]).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    /// Trades a code, with these parameters changed.
    pub(crate) async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut params = vec![
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT_ID),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        for (name, value) in changes {
            params.retain(|(known, _)| known != name);
            params.push((name, value));
        }
        self.token(&params).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> (StatusCode, Value) {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("refresh_token", token),
        ])
        .await
    }

    /// Asks the token endpoint.
    pub(crate) async fn token(&self, params: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = format!("{}/oauth2/token", self.url);
        let request = self.client.post(url).body(encode(params));
        let response = request.send().await.unwrap();
        (response.status(), json(response).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let url = format!("{}{path}", self.url);
        self.client.get(url).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        let url = format!("{}{path}", self.url);
        let request = self.client.post(url).body(body.to_string());
        request.send().await.unwrap()
    }
}

/// A client that follows nothing and goes through no proxy.
pub(crate) fn client() -> Client {
    let builder = Client::builder().redirect(Policy::none()).no_proxy();
    builder.build().unwrap()
}

pub(crate) fn encode(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish()
}

/// The S256 challenge of [`VERIFIER`].
pub(crate) fn challenge() -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, VERIFIER.as_bytes()))
}

pub(crate) async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Where a response redirects, as address and parameters.
pub(crate) fn location(response: &Response) -> (String, Value) {
    let location = response.headers()[header::LOCATION].to_str().unwrap();
    let (address, query) = location.split_once('?').unwrap();
    let params = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), json!(value)))
        .collect();
    (address.to_owned(), Value::Object(params))
}

/// The code a response redirects with.
pub(crate) fn code(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let (address, params) = location(response);
    assert_eq!(address, CALLBACK);
    assert_eq!(params["state"], "s&1");
    params["code"].as_str().unwrap().to_owned()
}

/// The claims of a token.
pub(crate) fn claims(token: &Value) -> Value {
    part(token.as_str().unwrap(), 1)
}

/// Header (0) or claims (1) of a token.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    let text = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).unwrap();
    serde_json::from_slice(&text).unwrap()
}
