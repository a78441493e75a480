//! `Cache-Control` by the grammar of RFC 9111 §5.2, and a network whose answers have it.

use std::future::ready;
use std::pin::Pin;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use bearward::fetch::{Answer, FetchError, Get, Transport};
use bearward_testing::keys::jwk_set;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::setting::KEY;

/// For how many seconds an answer is fresh, within our bounds; `None` if the field is malformed or
/// says two things.
pub fn lifetime(field: &str) -> Option<f64> {
    let directives = directives(field)?;
    let is_there = |name: &str| directives.iter().any(|(of, _)| of == name);
    if is_there("no-store") || is_there("no-cache") {
        return Some(60.0);
    }
    let mut ages = directives.iter().filter(|(name, _)| name == "max-age");
    let Some((_, age)) = ages.next() else {
        return Some(600.0);
    };
    if ages.next().is_some() || age.is_empty() || !age.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(age.parse().unwrap_or(f64::MAX).clamp(60.0, 3600.0))
}

/// `#( token [ "=" ( token / quoted-string ) ] )`, names in lower case, quotes taken off; `None` if it
/// is anything else.
fn directives(field: &str) -> Option<Vec<(String, String)>> {
    let mut directives = Vec::new();
    let mut rest = field;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(directives);
        }
        let name = token(&mut rest)?;
        let mut value = String::new();
        if let Some(behind) = rest.strip_prefix('=') {
            rest = behind;
            value = match rest.strip_prefix('"') {
                Some(behind) => {
                    rest = behind;
                    quoted(&mut rest)?
                }
                None => token(&mut rest)?.to_owned(),
            };
        }
        directives.push((name.to_ascii_lowercase(), value));
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

fn token<'f>(rest: &mut &'f str) -> Option<&'f str> {
    let is_tchar = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
    let end = rest.find(|char| !is_tchar(char)).unwrap_or(rest.len());
    let (token, behind) = rest.split_at(end);
    *rest = behind;
    Some(token).filter(|token| !token.is_empty())
}

/// Behind the opening quote, to behind the closing one. Nobody escapes a digit: what is escaped is
/// kept as it stands.
fn quoted(rest: &mut &str) -> Option<String> {
    let mut value = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => value.extend(['\\', chars.next()?]),
            char => value.push(char),
        }
    }
    *rest = chars.as_str();
    Some(value)
}

/// Answers with keys and this field, and tells when it is asked for the second time.
pub struct Network {
    field: String,
    first: Mutex<Option<Instant>>,
    second: Mutex<Option<oneshot::Sender<Duration>>>,
}

impl Network {
    /// A network, and the time from the first to the second fetch.
    pub fn new(field: &str) -> (Self, impl Future<Output = Duration>) {
        let (tells, told) = oneshot::channel();
        let network = Self {
            field: field.to_owned(),
            first: Mutex::default(),
            second: Mutex::new(Some(tells)),
        };
        (network, async { told.await.expect("a second fetch") })
    }
}

static KEYS: LazyLock<Vec<u8>> = LazyLock::new(|| jwk_set([&*KEY]).to_string().into_bytes());

impl Transport for Network {
    fn get<'a>(
        &'a self,
        _: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>> {
        let mut first = self.first.lock().expect("no panic before");
        match *first {
            None => *first = Some(Instant::now()),
            Some(first) => {
                let tells = self.second.lock().expect("no panic before").take();
                // Nobody waits for a third one.
                let _ = tells.map(|tells| tells.send(first.elapsed()));
            }
        }
        let mut answer = Answer::default();
        answer.status = 200;
        answer.body = KEYS.clone();
        answer.cache_control = Some(self.field.clone());
        Box::pin(ready(Ok(answer)))
    }
}
