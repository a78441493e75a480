//! The admin listener's answers: health, metrics, the state of keys.
//!
//! Read-only. There is no authentication, so the listener belongs on loopback or a private network. Web
//! pages that reach it through a browser are refused: from another origin, or by a name pointed at this
//! machine.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;

use bearward::core::jwk_set::UnusableKey;
use bearward::{IssuerState, RequestHead};
use bearward_gate::host::canonical_host;
use bearward_gate::peer::Peer;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};

use crate::doors::in_force::Current;
use crate::doors::only::only;
use crate::record::metrics::Metrics;

/// The admin endpoints. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    current: Current,
    metrics: Arc<Metrics>,
    hosts: Arc<[String]>,
}

impl Admin {
    /// Answers requests for `localhost`, IP addresses, and the names in `hosts`.
    #[must_use]
    pub fn new(
        current: Current,
        metrics: Arc<Metrics>,
        hosts: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            current,
            metrics,
            hosts: hosts.into_iter().collect(),
        }
    }

    /// Answers the request with this head. Its body is not read.
    #[must_use]
    pub fn answer(&self, head: RequestHead<'_>) -> Response<String> {
        if !self.is_for_us(head.headers) {
            return json(StatusCode::FORBIDDEN, &json!({ "error": ORIGIN_REFUSED }));
        }
        if !matches!(*head.method, Method::GET | Method::HEAD) {
            let error = json!({ "error": READ_ONLY });
            let mut refused = json(StatusCode::METHOD_NOT_ALLOWED, &error);
            let allowed = HeaderValue::from_static("GET, HEAD");
            refused.headers_mut().insert(ALLOW, allowed);
            return refused;
        }
        match head.uri.path() {
            "/issuers" => self.issuers(),
            "/livez" => json(StatusCode::OK, &json!({ "live": true })),
            "/metrics" => self.metrics(),
            "/readyz" => self.readiness(),
            path if path.starts_with(REQUESTS) => self.requests(path),
            _ => json(StatusCode::NOT_FOUND, &json!({ "error": NOT_FOUND })),
        }
    }

    /// A function that answers each request that comes in.
    pub(crate) fn into_answer(
        self,
    ) -> impl Fn(Peer, Request<Incoming>) -> Ready<Response<Full<Bytes>>> + Clone {
        move |_, request| {
            let (head, _) = request.into_parts();
            let response = self.answer(RequestHead::from(&head));
            ready(response.map(|body| Full::new(Bytes::from(body))))
        }
    }

    /// A foreign name may have been pointed here; an address cannot be. Except for plain navigation, a
    /// browser sends the origin and site that the request comes from.
    fn is_for_us(&self, headers: &HeaderMap) -> bool {
        let Some(host) = only(headers, &HOST).and_then(|host| host.to_str().ok()) else {
            return false;
        };
        let name = canonical_host(host);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_ours =
            name == "localhost" || bare.parse::<IpAddr>().is_ok() || self.hosts.contains(&name);
        let is_same_origin = |origin: &HeaderValue| {
            let origin = origin.to_str().unwrap_or_default();
            origin.strip_prefix("http://") == Some(host)
        };
        let mut sites = headers.get_all("sec-fetch-site").iter();
        is_ours
            && headers.get_all(ORIGIN).iter().all(is_same_origin)
            && sites.all(|site| site == "none" || site == "same-origin")
    }

    fn readiness(&self) -> Response<String> {
        let states = self.current.load().server().state();
        let is_ready = states.iter().all(IssuerState::is_ready);
        let is_stale = states.iter().any(|state| state.keys.is_stale);
        let issuers: Vec<_> = states
            .iter()
            .map(|IssuerState { issuer, keys, .. }| {
                json!({ "issuer": issuer, "usable": keys.is_usable, "stale": keys.is_stale })
            })
            .collect();
        let status = match is_ready {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        json(
            status,
            &json!({ "ready": is_ready, "stale": is_stale, "issuers": issuers }),
        )
    }

    fn issuers(&self) -> Response<String> {
        let states = self.current.load().server().state();
        let states: Vec<_> = states.iter().map(describe).collect();
        json(StatusCode::OK, &json!({ "issuers": states }))
    }

    /// The lines of the log about the requests with this id; none if no such request is known.
    fn requests(&self, path: &str) -> Response<String> {
        let id = path.strip_prefix(REQUESTS).unwrap_or_default();
        // Of the characters of an id, clients escape this one.
        let id = id.replace("%2F", "/").replace("%2f", "/");
        let lines = self.metrics.log().recent().find(&id);
        let fields = |mut line: Value| match line.get_mut("timestamp").map(Value::take) {
            Some(time) => {
                let mut fields = line.get_mut("fields").map(Value::take).unwrap_or_default();
                if let Some(fields) = fields.as_object_mut() {
                    fields.remove("message");
                    fields.insert("timestamp".to_owned(), time);
                }
                fields
            }
            None => line,
        };
        let requests: Vec<_> = lines.into_iter().map(fields).collect();
        json(StatusCode::OK, &json!({ "requests": requests }))
    }

    fn metrics(&self) -> Response<String> {
        let Ok(text) = self.metrics.encode() else {
            let error = json!({ "error": "internal" });
            return json(StatusCode::INTERNAL_SERVER_ERROR, &error);
        };
        answer(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            text,
        )
    }
}

fn describe(state: &IssuerState) -> Value {
    let keys = &state.keys;
    let unusable = |key: &UnusableKey| {
        json!({
            "index": key.index,
            "kid": key.kid,
            "kind": key.kind,
            "reason": key.reason.code(),
            "fault": key.fault.map(|fault| fault.to_string()),
        })
    };
    let algorithms = keys.too_many_nameless.iter().map(|alg| alg.as_str());
    json!({
        "issuer": state.issuer,
        "usable": keys.is_usable,
        "stale": keys.is_stale,
        "generation": keys.generation,
        "fetched_at": keys.fetched_at.map(|time| time.as_secs()),
        "kids": keys.kids,
        "ambiguous": keys.ambiguous,
        "too_many_nameless": algorithms.collect::<Vec<_>>(),
        "unusable": keys.unusable.iter().map(unusable).collect::<Vec<_>>(),
        "last_error": keys.last_error.as_ref().map(ToString::to_string),
    })
}

fn json(status: StatusCode, value: &Value) -> Response<String> {
    answer(status, "application/json", format!("{value}\n"))
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert("x-content-type-options", nosniff);
    response
}

/// The codes of this listener's error answers.
pub const ERRORS: [&str; 3] = [ORIGIN_REFUSED, NOT_FOUND, READ_ONLY];

/// The path of a request, before its id.
const REQUESTS: &str = "/requests/";

const NOT_FOUND: &str = "not_found";
const ORIGIN_REFUSED: &str = "admin_origin";
const READ_ONLY: &str = "read_only";
