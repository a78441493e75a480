//! Issuers in memory: a [`Transport`] that answers as a test says and writes down every fetch.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bearward::fetch::{Answer, FetchError, Get, Transport};
use bearward_testing::SigningKey;
use bearward_testing::keys::jwk_set;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What is behind each URL; everywhere else is a 404. Clones are the same network.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    replies: HashMap<String, Reply>,
    fetches: Vec<Fetch>,
}

/// A GET that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) url: String,
    pub(crate) host: Option<String>,
    pub(crate) forwarded_proto: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) at: Instant,
}

/// What a URL answers from now on. It is decided when the GET arrives.
#[derive(Clone)]
pub(crate) enum Reply {
    Answer(Answer),
    Fail(FetchError),
    /// Never.
    Hang,
    /// This, but only so much later.
    Late(Duration, Box<Self>),
    /// This, once the sender says `true`.
    Once(watch::Receiver<bool>, Box<Self>),
    /// The transport panics.
    Panic,
    /// Not modified, if this entity tag is named; else this.
    Tagged(&'static str, Box<Self>),
}

impl Network {
    pub(crate) fn serve(&self, url: &str, reply: Reply) {
        self.inner().replies.insert(url.to_owned(), reply);
    }

    /// Every URL fails like this.
    pub(crate) fn all_fail(&self, error: &FetchError) {
        for reply in self.inner().replies.values_mut() {
            *reply = Reply::Fail(error.clone());
        }
    }

    /// How many fetches have arrived.
    pub(crate) fn count(&self) -> usize {
        self.inner().fetches.len()
    }

    /// How many of them for this URL.
    pub(crate) fn count_of(&self, url: &str) -> usize {
        let inner = self.inner();
        inner.fetches.iter().filter(|get| get.url == url).count()
    }

    pub(crate) fn fetches(&self) -> Vec<Fetch> {
        self.inner().fetches.clone()
    }

    /// The URLs that were fetched, in order.
    pub(crate) fn urls(&self) -> Vec<String> {
        let inner = self.inner();
        inner.fetches.iter().map(|get| get.url.clone()).collect()
    }

    #[track_caller]
    pub(crate) fn last(&self) -> Fetch {
        self.inner().fetches.last().expect("no fetch yet").clone()
    }

    /// How many others hold on to this network: transports, and flights in them.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    fn arrive(&self, get: Get<'_>) -> Reply {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let mut inner = self.inner();
        inner.fetches.push(Fetch {
            url: get.url.to_string(),
            host: owned(get.host),
            forwarded_proto: owned(get.forwarded_proto),
            authorization: owned(get.authorization.map(|value| value.to_str().unwrap())),
            etag: owned(get.etag),
            at: Instant::now(),
        });
        let reply = inner.replies.get(get.url.as_str()).cloned();
        reply.unwrap_or_else(|| Reply::status(404))
    }
}

impl Transport for Network {
    fn get<'a>(
        &'a self,
        get: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>> {
        Box::pin(async move { self.arrive(get).outcome(get.etag).await })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Reply {
    /// The JWK Set of these keys.
    pub(crate) fn keys<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Self {
        Self::json(&jwk_set(keys))
    }

    /// The JWK Set of these JWKs, odd ones and all.
    pub(crate) fn jwks(jwks: impl IntoIterator<Item = Value>) -> Self {
        let jwks: Vec<Value> = jwks.into_iter().collect();
        Self::json(&json!({ "keys": jwks }))
    }

    pub(crate) fn metadata(issuer: &str, jwks_uri: &str) -> Self {
        Self::json(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }))
    }

    pub(crate) fn json(document: &Value) -> Self {
        Self::body(document.to_string())
    }

    /// 200 with this body.
    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Self {
        let mut answer = Answer::default();
        answer.status = 200;
        answer.body = body.into();
        Self::Answer(answer)
    }

    pub(crate) fn status(status: u16) -> Self {
        let mut answer = Answer::default();
        answer.status = status;
        Self::Answer(answer)
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).with(|answer| answer.location = Some(location.to_owned()))
    }

    pub(crate) fn cache_control(self, value: &str) -> Self {
        self.with(|answer| answer.cache_control = Some(value.to_owned()))
    }

    pub(crate) fn etag(self, etag: &str) -> Self {
        self.with(|answer| answer.etag = Some(etag.to_owned()))
    }

    /// With this `ETag`, and 304 for who has it.
    pub(crate) fn tagged(self, etag: &'static str) -> Self {
        Self::Tagged(etag, Box::new(self.etag(etag)))
    }

    pub(crate) fn late(self, by: Duration) -> Self {
        Self::Late(by, Box::new(self))
    }

    /// Held back until the returned sender says `true`.
    pub(crate) fn held(self) -> (watch::Sender<bool>, Self) {
        let (release, released) = watch::channel(false);
        (release, Self::Once(released, Box::new(self)))
    }

    fn with(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        if let Self::Answer(answer) = &mut self {
            change(answer);
        }
        self
    }

    async fn outcome(mut self, known: Option<&str>) -> Result<Answer, FetchError> {
        loop {
            self = match self {
                Self::Answer(answer) => return Ok(answer),
                Self::Fail(error) => return Err(error),
                Self::Hang => pending().await,
                Self::Late(by, reply) => {
                    sleep(by).await;
                    *reply
                }
                Self::Once(mut released, reply) => {
                    // An error means that the test has ended.
                    let _ = released.wait_for(|released| *released).await;
                    *reply
                }
                Self::Panic => panic!("a transport that panics"),
                Self::Tagged(etag, _) if known == Some(etag) => Self::status(304),
                Self::Tagged(_, reply) => *reply,
            };
        }
    }
}
