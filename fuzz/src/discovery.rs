//! Issuer metadata as RFC 8414 §3.3 and OpenID Connect Discovery §4.3 have it checked, and a network
//! that has it.

use std::future::ready;
use std::pin::Pin;
use std::sync::{LazyLock, Mutex};

use bearward::fetch::{Answer, FetchError, Get, Transport};
use bearward_core::limits;
use bearward_testing::keys::jwk_set;
use serde_json::value::RawValue;
use url::{Host, Url};

use crate::json::Members;
use crate::setting::KEY;

/// What must become of a document.
#[derive(Debug)]
pub enum Expected {
    /// Keys are asked for at this URL.
    KeysAt(String),
    Refused(FetchError),
}

/// Decides on the metadata of `issuer`.
pub fn expected(document: &[u8], issuer: &str) -> Expected {
    if document.len() > limits::DOCUMENT_BYTES {
        return Expected::Refused(FetchError::TooLarge);
    }
    let (Some(found), Some(jwks_uri)) = (member(document, "issuer"), member(document, "jwks_uri"))
    else {
        return Expected::Refused(FetchError::NotMetadata);
    };
    if found != issuer {
        let named: String = found.chars().take(200).collect();
        let named = named.escape_debug().to_string();
        return Expected::Refused(FetchError::IssuerMismatch {
            named: named.into(),
            configured: issuer.into(),
        });
    }
    let Ok(url) = Url::parse(&jwks_uri) else {
        return Expected::Refused(FetchError::NotMetadata);
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.octets()[0] == 127,
        Some(Host::Ipv6(address)) => address.segments() == [0, 0, 0, 0, 0, 0, 0, 1],
        None => false,
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_plain = url.scheme() == "http" && is_loopback && issuer.starts_with("http:");
    if has_user || url.scheme() != "https" && !is_plain {
        return Expected::Refused(FetchError::UrlScheme);
    }
    Expected::KeysAt(url.into())
}

/// The one member of this name, if it is a string.
fn member(document: &[u8], name: &str) -> Option<String> {
    let document = document
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(document);
    let members: Members = serde_json::from_slice(document).ok()?;
    let mut named = members.0.into_iter().filter(|(of, _)| of == name);
    let found: Box<RawValue> = named.next()?.1;
    if named.next().is_some() {
        return None;
    }
    serde_json::from_str(found.get()).ok()
}

/// Answers with the document, and once that is accepted with keys.
pub struct Network {
    document: Vec<u8>,
    is_accepted: bool,
    asked: Mutex<Vec<String>>,
}

impl Network {
    pub fn new(document: &[u8], is_accepted: bool) -> Self {
        Self {
            document: document.to_vec(),
            is_accepted,
            asked: Mutex::default(),
        }
    }

    /// The URLs that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic before").clone()
    }
}

static KEYS: LazyLock<Vec<u8>> = LazyLock::new(|| jwk_set([&*KEY]).to_string().into_bytes());

impl Transport for Network {
    fn get<'a>(
        &'a self,
        get: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>> {
        let mut asked = self.asked.lock().expect("no panic before");
        let mut answer = Answer::default();
        answer.status = 200;
        answer.body = match self.is_accepted && asked.len() == 1 {
            true => KEYS.clone(),
            false => self.document.clone(),
        };
        asked.push(get.url.to_string());
        Box::pin(ready(Ok(answer)))
    }
}
