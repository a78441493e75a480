//! One case: a request, and the complete answer.

use std::fmt;

use bearward_core::Rejection;
use http::header::{HOST, HeaderValue};
use http::{HeaderMap, Method, Request, Response};

use super::failures::{Failure, Mismatch};
use crate::Token;
use crate::invariant::holds;
use crate::token::SUBJECT;

/// A request, and the complete answer.
#[derive(Clone)]
pub struct Case {
    name: &'static str,
    request: Request<()>,
    answer: Answer,
    reason: Reason,
}

/// The answer. The adapter may set any field not listed here.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    status: u16,
    www_authenticate: Field,
    cache_control: Field,
    content_type: Field,
    retry_after: Field,
    access_control_allow_origin: Field,
    subject: Field,
    /// `None` if the handler writes it.
    body: Option<&'static str>,
}

/// The required value of a field in the answer.
#[derive(Clone, Copy)]
enum Field {
    Absent,
    /// Anything: the handler or the server decides.
    Any,
    /// Present once, with this value.
    Is(&'static str),
    /// Present once: whole seconds, 1 to 60.
    Seconds,
}

#[derive(Clone, Copy)]
enum Reason {
    /// Not visible, or not checked.
    Unseen,
    /// The request is not refused.
    Nothing,
    Is(&'static str),
}

impl Case {
    /// The unique name of the case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The request to send.
    #[must_use]
    pub fn request(&self) -> Request<()> {
        self.request.clone()
    }

    /// Compares the answer to the request.
    ///
    /// # Errors
    ///
    /// Every difference from the expected answer.
    pub fn check(&self, response: &Response<String>) -> Result<(), Failure> {
        let mut mismatches = self.answer.compare(response);
        let rejection = response.extensions().get().map(Rejection::reason);
        mismatches.extend(self.reason.compare(rejection));
        if mismatches.is_empty() {
            return Ok(());
        }
        Err(Failure {
            case: self.name,
            mismatches,
        })
    }

    pub(super) fn without_reason(mut self) -> Self {
        self.reason = Reason::Unseen;
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A request without its answer yet.
pub(super) struct Sent {
    name: &'static str,
    request: Request<()>,
}

impl Sent {
    /// Starts with a GET without credentials.
    pub(super) fn get(name: &'static str, target: &str) -> Self {
        let request = Request::get(target).header("host", "api.example").body(());
        Self {
            name,
            request: holds(request),
        }
    }

    pub(super) fn method(mut self, method: Method) -> Self {
        *self.request.method_mut() = method;
        self
    }

    /// Adds this `Authorization` to those already present.
    pub(super) fn authorization(self, value: impl AsRef<[u8]>) -> Self {
        self.field("authorization", value)
    }

    /// Adds this token in the `Bearer` scheme.
    pub(super) fn bearer(self, token: &Token) -> Self {
        self.authorization(format!("Bearer {}", token.sign()))
    }

    /// Adds this token for re-authentication.
    pub(super) fn id_token(self, token: &Token) -> Self {
        self.field("x-id-token", token.sign())
    }

    /// Adds this field to those already present with its name.
    pub(super) fn field(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = holds(HeaderValue::from_bytes(value.as_ref()));
        self.request.headers_mut().append(name, value);
        self
    }

    /// Sets this `Host`.
    pub(super) fn host(mut self, host: &'static str) -> Self {
        let host = HeaderValue::from_static(host);
        self.request.headers_mut().insert(HOST, host);
        self
    }

    /// Expects that the handler gets the user of [`Token::user`].
    pub(super) fn admits_user(self) -> Case {
        self.admits(SUBJECT)
    }

    /// Expects that the handler gets `subject`.
    pub(super) fn admits(self, subject: &'static str) -> Case {
        self.answers(Answer::admitted(Field::Is(subject)))
    }

    /// Expects that the handler runs without a principal.
    pub(super) fn admits_nobody(self) -> Case {
        self.answers(Answer::admitted(Field::Absent))
    }

    /// Expects that the handler does not run.
    pub(super) fn refuses(self, answer: Answer, reason: &'static str) -> Case {
        Case {
            reason: Reason::Is(reason),
            ..self.answers(answer)
        }
    }

    /// Expects this answer, which is no refusal.
    pub(super) fn answers(self, answer: Answer) -> Case {
        Case {
            name: self.name,
            request: self.request,
            answer,
            reason: Reason::Nothing,
        }
    }
}

impl Answer {
    const fn admitted(subject: Field) -> Self {
        Self {
            status: 200,
            www_authenticate: Field::Absent,
            cache_control: Field::Any,
            content_type: Field::Any,
            retry_after: Field::Absent,
            access_control_allow_origin: Field::Any,
            subject,
            body: None,
        }
    }

    /// Expects a refusal without challenge.
    pub(super) const fn plain(status: u16, body: &'static str) -> Self {
        Self {
            status,
            www_authenticate: Field::Absent,
            cache_control: Field::Is("no-store"),
            content_type: Field::Is("application/problem+json"),
            retry_after: Field::Absent,
            access_control_allow_origin: Field::Any,
            subject: Field::Absent,
            body: Some(body),
        }
    }

    /// Expects a refusal with this challenge.
    pub(super) const fn challenge(
        status: u16,
        www_authenticate: &'static str,
        body: &'static str,
    ) -> Self {
        Self {
            www_authenticate: Field::Is(www_authenticate),
            ..Self::plain(status, body)
        }
    }

    /// Expects that nothing can be decided now.
    pub(super) const fn unavailable(body: &'static str) -> Self {
        Self {
            retry_after: Field::Seconds,
            ..Self::plain(503, body)
        }
    }

    /// Expects a document that everyone may read, including scripts from other origins.
    pub(super) const fn public_json(body: &'static str) -> Self {
        Self {
            content_type: Field::Is("application/json"),
            access_control_allow_origin: Field::Is("*"),
            body: Some(body),
            ..Self::admitted(Field::Absent)
        }
    }

    fn compare(&self, response: &Response<String>) -> Vec<Mismatch> {
        let status = response.status().as_u16();
        let status = (status != self.status).then(|| Mismatch {
            what: "status",
            expected: self.status.to_string(),
            found: status.to_string(),
        });
        let fields = [
            ("WWW-Authenticate", self.www_authenticate),
            ("Cache-Control", self.cache_control),
            ("Content-Type", self.content_type),
            ("Retry-After", self.retry_after),
            (
                "Access-Control-Allow-Origin",
                self.access_control_allow_origin,
            ),
            ("X-Subject", self.subject),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, field)| field.compare(name, response.headers()));
        let body = self.body.filter(|body| body != response.body());
        let body = body.map(|body| Mismatch {
            what: "body",
            expected: body.to_owned(),
            found: response.body().clone(),
        });
        status.into_iter().chain(fields).chain(body).collect()
    }
}

impl Field {
    fn compare(self, name: &'static str, headers: &HeaderMap) -> Option<Mismatch> {
        let fields = headers.get_all(name).iter();
        let found: Vec<_> = fields.map(|value| value.as_bytes()).collect();
        let (is_met, expected) = match self {
            Self::Any => return None,
            Self::Absent => (found.is_empty(), ABSENT),
            Self::Is(value) => (found == [value.as_bytes()], value),
            Self::Seconds => (matches!(*found, [one] if is_seconds(one)), "1 to 60"),
        };
        let shown: Vec<_> = found
            .iter()
            .map(|value| String::from_utf8_lossy(value))
            .collect();
        (!is_met).then(|| Mismatch {
            what: name,
            expected: expected.to_owned(),
            found: if shown.is_empty() {
                ABSENT.to_owned()
            } else {
                shown.join("\n             ")
            },
        })
    }
}

impl Reason {
    fn compare(self, found: Option<&'static str>) -> Option<Mismatch> {
        let expected = match self {
            Self::Unseen => return None,
            Self::Nothing => None,
            Self::Is(reason) => Some(reason),
        };
        (expected != found).then(|| Mismatch {
            what: "reason",
            expected: expected.unwrap_or(ABSENT).to_owned(),
            found: found.unwrap_or(ABSENT).to_owned(),
        })
    }
}

/// Digits without sign or leading zero, for 1 to 60.
fn is_seconds(value: &[u8]) -> bool {
    let seconds = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0'));
    let seconds = seconds.and_then(|text| text.parse::<u8>().ok());
    seconds.is_some_and(|seconds| (1..=60).contains(&seconds))
}

const ABSENT: &str = "(none)";
