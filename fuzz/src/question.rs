//! Questions of ext_authz v3 as Envoy might ask them, and what their answers must be.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use bearward_gateway::config::Config;
use bearward_gateway::doors::ext_authz::ExtAuthz;
use bearward_gateway::doors::ext_authz::messages::{
    Address, AttributeContext, CheckRequest, CheckResponse, HeaderMap, HeaderValue,
    HeaderValueOption, HttpRequest, HttpResponse, Peer as Source, Request, SocketAddress,
};
use bearward_gateway::doors::forward_auth::{Peer, TrustedPeers};
use bearward_gateway::route::Access;
use bearward_gateway::target::Target;
use bearward_gateway::{Current, Decision};
use bearward_testing::Token;
use tonic::Response;

use crate::config::surroundings;
use crate::path::assert_one_reading;
use crate::setting::{AUDIENCE, ISSUER, KEY, KEYS, NOW, OTHER};

const CONFIG: &str = r#"
[[issuers]]
issuer = "https://auth.example"
audiences = ["https://api.example"]

[requirements.writers]
scopes = ["orders:write"]

[[routes]]
name = "public"
path_prefix = "/public"
access = "public"

[[routes]]
name = "optional"
path_prefix = "/optional"
access = "optional"

[[routes]]
name = "writers"
hosts = ["api.example"]
path_glob = "/orders/*/items"
methods = ["POST"]
require = "writers"

[[routes]]
name = "odd"
path_prefix = "/odd"
paths = "tolerant"

[[routes]]
name = "rest"
path_prefix = "/"

[identity]
preset = "authgear"

[[identity.fields]]
header = "X-Email"
claim = "email"

[listen.ext_authz]
"#;

/// The good token of a user, and tokens that are not.
static GOOD: LazyLock<String> =
    LazyLock::new(|| Token::user(ISSUER, AUDIENCE, NOW).key(KEY.clone()).sign());
static FORGED: LazyLock<String> = LazyLock::new(|| {
    let key = OTHER.clone().with_kid(KEY.kid().unwrap_or_default());
    Token::user(ISSUER, AUDIENCE, NOW).key(key).sign()
});
static EXPIRED: LazyLock<String> = LazyLock::new(|| {
    Token::user(ISSUER, AUDIENCE, NOW)
        .expires_at(NOW.minus(std::time::Duration::from_secs(60)))
        .key(KEY.clone())
        .sign()
});

thread_local! {
    static DOOR: RefCell<Option<ExtAuthz>> = const { RefCell::new(None) };
}

/// The door that answers. To be called within a runtime.
pub fn door() -> ExtAuthz {
    DOOR.with_borrow_mut(|door| door.get_or_insert_with(open).clone())
}

fn open() -> ExtAuthz {
    let config = Config::parse_in(CONFIG, &surroundings()).expect("a good configuration");
    let builder = config.server.with_keys(ISSUER, &KEYS).expect("the issuer");
    let server = builder.clock(|| NOW).build().expect("a server");
    ExtAuthz::new(
        Current::new(config.in_force(server)),
        TrustedPeers::default(),
    )
}

/// A question before it is written.
#[derive(Debug, Arbitrary)]
pub struct Question {
    peer: Asker,
    method: Text,
    path: Text,
    host: Text,
    fields: Vec<(Text, Text)>,
    /// Whether fields come singly, and not joined in a map.
    is_single: bool,
    is_raw: bool,
    is_whole: bool,
    /// The address of the client, which decides nothing here.
    source: Option<Text>,
}

#[derive(Debug, Arbitrary)]
enum Asker {
    Loopback,
    Socket,
    Stranger([u8; 4]),
}

/// A question as it is asked.
pub struct Asked {
    pub peer: Peer,
    pub check: CheckRequest,
    path: String,
    host: String,
    /// The names in lower case, as Envoy has them.
    fields: Vec<(String, String)>,
}

impl Question {
    pub fn write(self) -> Asked {
        let peer = match self.peer {
            Asker::Loopback => Peer::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Asker::Socket => Peer::UnixSocket,
            Asker::Stranger(address) => Peer::Ip(IpAddr::V4(address.into())),
        };
        let fields: Vec<(String, String)> = self
            .fields
            .into_iter()
            .take(20)
            .map(|(name, value)| (name.0.to_ascii_lowercase(), value.0))
            .collect();
        let mut http = HttpRequest {
            method: self.method.0,
            path: self.path.0,
            host: self.host.0,
            ..HttpRequest::default()
        };
        let (path, host) = (http.path.clone(), http.host.clone());
        if self.is_single {
            let single = |(key, value): &(String, String)| HeaderValue {
                key: key.clone(),
                value: if self.is_raw {
                    String::new()
                } else {
                    value.clone()
                },
                raw_value: if self.is_raw {
                    value.clone().into_bytes()
                } else {
                    Vec::new()
                },
            };
            http.header_map = Some(HeaderMap {
                headers: fields.iter().map(single).collect(),
            });
        } else {
            // As Envoy does, empty ones as well.
            for (name, value) in &fields {
                let joined = http.headers.entry(name.clone());
                joined
                    .and_modify(|before| *before = format!("{before},{value}"))
                    .or_insert_with(|| value.clone());
            }
        }
        let request = self.is_whole.then_some(Request { http: Some(http) });
        let source = self.source.map(|Text(address)| Source {
            address: Some(Address {
                socket_address: Some(SocketAddress { address }),
            }),
        });
        let attributes = AttributeContext { source, request };
        Asked {
            peer,
            check: CheckRequest {
                attributes: Some(attributes),
            },
            path,
            host,
            fields,
        }
    }
}

/// A text of those that mean something, two of them, or any.
#[derive(Debug)]
struct Text(String);

impl<'a> Arbitrary<'a> for Text {
    fn arbitrary(draw: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let mut text = String::new();
        for _ in 0..draw.int_in_range(1..=3)? {
            text.push_str(&piece(draw)?);
            if draw.ratio(3, 4)? {
                break;
            }
        }
        Ok(Self(text))
    }
}

fn piece(draw: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    const PIECES: &[&str] = &[
        "GET",
        "POST",
        "post",
        "OPTIONS",
        "/",
        "/public",
        "/optional",
        "/orders/7/items",
        "/odd",
        "/a%2fb",
        "/%2e%2e",
        "/..",
        "/../public",
        "/public/..;/orders",
        ";",
        "//",
        "?x=1",
        "?access_token=a",
        "#",
        "http://api.example/",
        "*",
        "api.example",
        "API.EXAMPLE.",
        ":443",
        "user@",
        "authorization",
        "Basic dXNlcjpwYXNz",
        ",",
        " ",
        "x-authgear-user-id",
        "x_authgear_user_id",
        "x.authgear-session-valid",
        "x-email",
        "x_email",
        "x-id-token",
        "x-bearward-subject",
        "te",
        "cookie",
        "content-type",
        "application/grpc",
        "origin",
        "https://app.example",
        "access-control-request-method",
        "content-length",
        "0",
        ":path",
        "\r\n",
        "\0",
        "é",
    ];
    match draw.int_in_range(0..=9)? {
        0 => draw.arbitrary::<String>(),
        1 => Ok(format!("Bearer {}", *GOOD)),
        2 => Ok("authorization".to_owned()),
        3 => Ok(format!("Bearer {}", *FORGED)),
        4 => Ok(format!("Bearer {}", *EXPIRED)),
        _ => Ok((*draw.choose(PIECES)?).to_owned()),
    }
}

/// The answer without the id of its request, which is another one each time unless Envoy names it. It has
/// exactly one.
pub fn without_id(answer: &CheckResponse) -> CheckResponse {
    let mut answer = answer.clone();
    let (headers, name) = match answer.http_response.as_mut().expect("an answer") {
        HttpResponse::Ok(ok) => (&mut ok.headers, "x-request-id"),
        HttpResponse::Denied(denied) => (&mut denied.headers, "x-bearward-request-id"),
    };
    let before = headers.len();
    headers.retain(|option| name_of(option) != name);
    assert_eq!(headers.len() + 1, before, "one id");
    answer
}

/// Asserts that the answer admits or refuses, and which.
pub fn assert_answer(asked: &Asked, answer: &Response<CheckResponse>) {
    let decision = answer.extensions().get::<Decision>().expect("a decision");
    let response = answer.get_ref();
    let code = response
        .status
        .as_ref()
        .expect("a status, which empty means OK")
        .code;
    match (
        response.http_response.as_ref().expect("an answer"),
        decision,
    ) {
        (HttpResponse::Ok(ok), Decision::Admit(admission)) => {
            assert_eq!(code, 0);
            assert!(response.dynamic_metadata.is_some() == admission.principal.is_some());
            assert_admitted(asked, admission.principal.is_some(), admission.route.access);
            let set: Vec<&str> = ok.headers.iter().map(name_of).collect();
            let is_replaced = |name: &str| {
                set.contains(&name) || ok.headers_to_remove.iter().any(|removed| removed == name)
            };
            for (name, _) in &asked.fields {
                assert!(
                    !is_of_identity(name) || is_replaced(name),
                    "{name:?} passes"
                );
            }
            assert!(is_replaced("authorization"), "credentials pass");
            assert!(ok.headers.iter().all(is_field), "{:?}", ok.headers);
        }
        (HttpResponse::Denied(denied), Decision::Refuse(refusal)) => {
            assert_ne!(code, 0);
            let status = denied.status.as_ref().expect("an HTTP status").code;
            assert!((400..600).contains(&status));
            assert!(response.dynamic_metadata.is_none());
            assert!(
                denied.body.is_empty() || denied.body == refusal.body,
                "{}",
                denied.body
            );
            assert!(denied.headers.iter().all(is_field), "{:?}", denied.headers);
        }
        (HttpResponse::Denied(denied), Decision::Publish(published)) => {
            assert_ne!(code, 0);
            assert_eq!(denied.body, *published.body);
        }
        (answer, decision) => panic!("{answer:?} for {decision:?}"),
    }
}

/// Who passes has presented the one good token, alone, or need not have.
fn assert_admitted(asked: &Asked, is_somebody: bool, access: Access) {
    assert!(
        matches!(asked.peer, Peer::UnixSocket)
            || matches!(asked.peer, Peer::Ip(ip) if ip.is_loopback())
    );
    let target = Target::origin_form(&asked.path, Some(&asked.host)).expect("our host");
    assert_one_reading(&Target::parse(&target).expect("a target"));
    let credentials: Vec<&str> = asked
        .fields
        .iter()
        .filter(|(name, _)| name == "authorization")
        .map(|(_, value)| value.as_str())
        .collect();
    if is_somebody {
        let [field] = credentials.as_slice() else {
            panic!("{} fields of credentials", credentials.len());
        };
        let (scheme, token) = field.split_once(' ').expect("a scheme and a token");
        assert!(
            scheme.trim().eq_ignore_ascii_case("bearer") && token.trim() == *GOOD,
            "a token that is not good"
        );
    } else {
        assert_ne!(access, Access::Required, "nobody is taken for somebody");
    }
}

/// Whether a server might read it as a field of ours: any character but letters and digits is a hyphen.
fn is_of_identity(name: &str) -> bool {
    let folded: String = name
        .chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() {
                char
            } else {
                '-'
            }
        })
        .collect();
    folded == "x-email" || folded.starts_with("x-authgear-") || folded.starts_with("x-bearward-")
}

fn name_of(field: &HeaderValueOption) -> &str {
    field.header.as_ref().map_or("", |header| &header.key)
}

/// Neither name nor value end the line.
fn is_field(field: &HeaderValueOption) -> bool {
    let header = field.header.as_ref().expect("a field");
    let is_visible = |text: &str| text.chars().all(|char| (' '..='~').contains(&char));
    header.raw_value.is_empty()
        && !header.key.is_empty()
        && is_visible(&header.key)
        && is_visible(&header.value)
}
