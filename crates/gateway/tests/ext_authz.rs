//! ext_authz over gRPC: what Envoy tells, and what it is told (THREATS table 9, as far as it
//! concerns this door).

use bearward::{Source, Sources};
use bearward_gateway::decision::Reason;
use bearward_gateway::doors::ext_authz::{ExtAuthz, messages};
use bearward_gateway::doors::forward_auth::{Peer, TrustedPeers};
use bearward_gateway::identity::{ClaimSource, Encoding, Identity, Token as Credentials};
use bearward_gateway::route::{PathPattern, Route};
use bearward_gateway::{Current, Decision};
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW, Suite};
use envoy_types::ext_authz::v3::pb::{
    CheckRequest, CheckResponse, HeaderAppendAction, HeaderValue, HeaderValueOption, HttpResponse,
};
use envoy_types::pb::envoy::config::core::v3::address::Address as AddressKind;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{
    Address, HeaderMap as ProtobufHeaderMap, SocketAddress,
};
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Peer as ClientPeer, Request as Asked,
};
use envoy_types::pb::google::protobuf::value::Kind;
use http::{Request, Response};
use prost::Message;
use serde_json::json;

use crate::forward_auth::setting::{LOOPBACK, gate};

pub(crate) fn door() -> ExtAuthz {
    let identity = Identity::builder()
        .field("X-Subject", ClaimSource::Subject, Encoding::Plain)
        .field("X-Client", ClaimSource::ClientId, Encoding::Plain);
    let gate = gate([], identity.build().unwrap(), None);
    ExtAuthz::new(Current::new(gate), TrustedPeers::default())
}

/// The question Envoy asks about `request`: repeated fields joined, as it does by default.
pub(crate) fn question(request: &Request<()>) -> CheckRequest {
    let mut http = HttpRequest {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        host: "api.example".to_owned(),
        ..HttpRequest::default()
    };
    // Envoy has one host, and no field of that name.
    for name in request.headers().keys().filter(|name| *name != "host") {
        let values = request.headers().get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        http.headers.insert(name.to_string(), values.join(","));
    }
    asking(http)
}

/// The same about a request of a client at this address, as Envoy states it.
pub(crate) fn question_of(request: &Request<()>, client: &str) -> CheckRequest {
    let mut question = question(request);
    let address = SocketAddress {
        address: client.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(40_000)),
        ..SocketAddress::default()
    };
    let source = ClientPeer {
        address: Some(Address {
            address: Some(AddressKind::SocketAddress(address)),
        }),
        ..ClientPeer::default()
    };
    let attributes = question.attributes.as_mut().unwrap();
    attributes.source = Some(source);
    question
}

fn asking(http: HttpRequest) -> CheckRequest {
    CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(Asked {
                http: Some(http),
                ..Asked::default()
            }),
            ..AttributeContext::default()
        }),
    }
}

/// Asks with the messages of Envoy's whole API, as they go over the wire.
pub(crate) async fn ask(
    door: &ExtAuthz,
    peer: Peer,
    question: &CheckRequest,
) -> tonic::Response<CheckResponse> {
    let question = as_read(question);
    let answer = door.answer(peer, &question).await;
    answer.map(|answer| CheckResponse::decode(&*answer.encode_to_vec()).unwrap())
}

/// A question as the door reads it from the wire.
pub(crate) fn as_read(question: &CheckRequest) -> messages::CheckRequest {
    messages::CheckRequest::decode(&*question.encode_to_vec()).unwrap()
}

/// The fields that an answer gives to the application or to the client.
pub(crate) fn answered(answer: tonic::Response<CheckResponse>) -> Vec<(String, String)> {
    let fields = match answer.into_inner().http_response.unwrap() {
        HttpResponse::OkResponse(ok) => ok.headers,
        HttpResponse::DeniedResponse(denied) => denied.headers,
        HttpResponse::ErrorResponse(_) => panic!("an error response can be turned into an allow"),
    };
    let fields = fields.into_iter().filter_map(|field| field.header);
    fields.map(|field| (field.key, field.value)).collect()
}

fn with_token(token: &Token, target: &str) -> Request<()> {
    let bearer = format!("Bearer {}", token.sign());
    Request::get(target)
        .header("authorization", bearer)
        .body(())
        .unwrap()
}

fn good(target: &str) -> Request<()> {
    with_token(&Token::user(ISSUER, AUDIENCE, NOW), target)
}

/// The answer as an HTTP client of Envoy would see it, or the fields the application gets. Why it
/// was refused is among its extensions.
pub(crate) fn told(answered: tonic::Response<CheckResponse>) -> Response<String> {
    let decision = answered.extensions().get::<Decision>().cloned();
    let response = answered.into_inner();
    let code = response.status.unwrap().code;
    let (status, headers, body) = match response.http_response.unwrap() {
        HttpResponse::OkResponse(ok) => {
            assert_eq!(code, 0);
            (200, ok.headers, String::new())
        }
        HttpResponse::DeniedResponse(denied) => {
            assert_ne!(code, 0);
            (denied.status.unwrap().code, denied.headers, denied.body)
        }
        HttpResponse::ErrorResponse(_) => panic!("an error response can be turned into an allow"),
    };
    let mut told = Response::builder().status(u16::try_from(status).unwrap());
    for option in headers {
        let action = HeaderAppendAction::OverwriteIfExistsOrAdd;
        assert_eq!(option.append_action, i32::from(action));
        let field = option.header.unwrap();
        // Envoy reads `value` alone.
        assert!(field.raw_value.is_empty());
        told = told.header(field.key, field.value);
    }
    let mut told = told.body(body).unwrap();
    if let Some(Decision::Refuse(refusal)) = decision {
        if let Reason::Rejected(rejection) = &refusal.reason {
            told.extensions_mut().insert(rejection.clone());
        }
        told.extensions_mut().insert(refusal.reason);
    }
    told
}

/// The code of the refusal; `admitted` where there is none.
fn code(told: &Response<String>) -> &'static str {
    told.extensions()
        .get::<Reason>()
        .map_or("admitted", Reason::code)
}

async fn answer(question: &CheckRequest) -> Response<String> {
    told(ask(&door(), LOOPBACK, question).await)
}

#[tokio::test]
async fn the_door_conforms() {
    let door = door();
    let suite = Suite::new().with_metadata_document();
    for case in suite.cases() {
        let request = case.request();
        // Joined by Envoy, two fields are one that is malformed: refused all the same, below.
        if request.headers().len() > request.headers().keys_len() {
            continue;
        }
        let mut response = told(ask(&door, LOOPBACK, &question(&request)).await);
        response.headers_mut().remove("x-client");
        if let Err(failure) = case.check(&response) {
            panic!("{failure}");
        }
    }
}

#[tokio::test]
async fn t_prx_01_an_empty_question_is_not_an_allow() {
    for question in [
        CheckRequest::default(),
        asking(HttpRequest::default()),
        CheckRequest {
            attributes: Some(AttributeContext::default()),
        },
    ] {
        let response = ask(&door(), LOOPBACK, &question).await;
        assert_eq!(response.get_ref().status.as_ref().unwrap().code, 7);
        let told = told(response);
        assert_eq!(
            (told.status().as_u16(), code(&told)),
            (403, "dialect_field")
        );
    }
}

#[tokio::test]
async fn t_fwd_03_method_path_and_host_must_be_told() {
    let whole = question(&good("/"));
    let spoilt = |spoil: fn(&mut HttpRequest)| {
        let mut question = whole.clone();
        let request = question.attributes.as_mut().unwrap().request.as_mut();
        spoil(request.unwrap().http.as_mut().unwrap());
        question
    };
    assert_eq!(answer(&whole).await.status(), 200);
    for question in [
        spoilt(|http| http.method.clear()),
        spoilt(|http| http.path.clear()),
        spoilt(|http| http.host.clear()),
        spoilt(|http| http.host.push_str("/x")),
        spoilt(|http| http.host.push(' ')),
        spoilt(|http| http.host.push_str(",other.example")),
        spoilt(|http| http.host.insert_str(0, "user@")),
    ] {
        let told = answer(&question).await;
        assert_eq!(
            (told.status().as_u16(), code(&told)),
            (403, "dialect_field")
        );
    }
}

#[tokio::test]
async fn t_fwd_02_another_peer_is_told_nothing() {
    let stranger = Peer::Ip("192.0.2.7".parse().unwrap());
    let response = ask(&door(), stranger, &question(&good("/"))).await;
    assert_eq!(response.get_ref().status.as_ref().unwrap().code, 7);
    assert!(response.get_ref().dynamic_metadata.is_none());
    let told = told(response);
    assert_eq!(
        (told.status().as_u16(), code(&told)),
        (403, "untrusted_peer")
    );
}

#[tokio::test]
async fn t_prx_07_fields_come_by_one_map() {
    let mut question = question(&good("/"));
    let http = question.attributes.as_mut().unwrap().request.as_mut();
    let http = http.unwrap().http.as_mut().unwrap();
    let authorization = HeaderValue {
        key: "authorization".to_owned(),
        raw_value: http.headers.remove("authorization").unwrap().into_bytes(),
        value: String::new(),
    };

    // Neither: nobody sent anything.
    http.headers.clear();
    let neither = asking(http.clone());
    let nobody = answer(&neither).await;
    assert_eq!(
        (nobody.status().as_u16(), code(&nobody)),
        (401, "no_credentials")
    );
    assert!(
        !nobody.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("error")
    );

    http.header_map = Some(ProtobufHeaderMap {
        headers: vec![authorization.clone()],
    });
    assert_eq!(answer(&asking(http.clone())).await.status(), 200);

    let twice = ProtobufHeaderMap {
        headers: vec![authorization.clone(), authorization],
    };
    let mut repeated = http.clone();
    repeated.header_map = Some(twice);
    let told = answer(&asking(repeated)).await;
    assert_eq!(
        (told.status().as_u16(), code(&told)),
        (400, "multiple_credentials")
    );

    http.headers.insert("accept".to_owned(), "*/*".to_owned());
    let told = answer(&asking(http.clone())).await;
    assert_eq!(
        (told.status().as_u16(), code(&told)),
        (403, "dialect_field")
    );
}

#[tokio::test]
async fn t_req_02_joined_authorization_is_malformed() {
    let mut request = good("/");
    let again = request.headers()["authorization"].clone();
    request.headers_mut().append("authorization", again);
    let response = ask(&door(), LOOPBACK, &question(&request)).await;
    assert_eq!(response.get_ref().status.as_ref().unwrap().code, 3);
    let told = told(response);
    assert_eq!(
        (told.status().as_u16(), code(&told)),
        (400, "malformed_credentials")
    );
}

#[tokio::test]
async fn t_req_01_another_scheme_does_not_hide_a_second_field() {
    let mut request = good("/");
    let bearer = request.headers()["authorization"].clone();
    request
        .headers_mut()
        .insert("authorization", "Basic eDp5".parse().unwrap());
    request.headers_mut().append("authorization", bearer);
    for path in ["/", "/optional"] {
        *request.uri_mut() = path.parse().unwrap();
        let response = ask(&door(), LOOPBACK, &question(&request)).await;
        assert_eq!(
            response.get_ref().status.as_ref().unwrap().code,
            3,
            "{path}"
        );
        let told = told(response);
        assert_eq!(told.status(), 400, "{path}");
        assert_eq!(code(&told), "multiple_credentials", "{path}");
    }
}

#[tokio::test]
async fn t_hdr_01_t_hdr_02_what_a_client_sent_is_replaced_or_removed() {
    let mut request = good("/");
    for name in ["x-subject", "x_subject", "X-Bearward-Subject", "x_client"] {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request
            .headers_mut()
            .insert(name, "spoofed".parse().unwrap());
    }
    let response = ask(&door(), LOOPBACK, &question(&request)).await;
    let Some(HttpResponse::OkResponse(ok)) = response.into_inner().http_response else {
        panic!("not admitted");
    };
    let set: Vec<_> = ok
        .headers
        .iter()
        .map(|option| &option.header.as_ref().unwrap().key)
        .collect();
    assert_eq!(set, ["x-subject", "x-client", "x-request-id"]);
    for name in [
        "x_subject",
        "x_client",
        "x-bearward-subject",
        "authorization",
        "x-id-token",
    ] {
        assert!(
            ok.headers_to_remove.iter().any(|removed| removed == name),
            "{name}"
        );
    }
    // Envoy removes last.
    assert!(
        !ok.headers_to_remove
            .iter()
            .any(|removed| removed == "x-subject")
    );
}

#[tokio::test]
async fn t_fwd_12_what_misleads_and_was_sent_is_removed() {
    let removed = [
        "script_name",
        "path_info",
        "daphne-root-path",
        "x-script-name",
        "x-original-url",
        "x_forwarded_proto",
        "x-forwarded-host",
        "x-real-ip",
        "remote-user",
        "x_unrelated",
        "x-http-method-override",
    ];
    let left = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-request-id",
        "grpc-timeout",
    ];
    let mut request = good("/");
    for name in removed.iter().chain(&left) {
        let value = "spoofed".parse().unwrap();
        request.headers_mut().insert(*name, value);
    }
    let response = ask(&door(), LOOPBACK, &question(&request)).await;
    let Some(HttpResponse::OkResponse(ok)) = response.into_inner().http_response else {
        panic!("not admitted");
    };
    let is_removed = |name: &str| ok.headers_to_remove.iter().any(|removed| removed == name);
    for name in removed {
        assert!(is_removed(name), "{name}");
    }
    for name in left.into_iter().chain(["x-webauth-user"]) {
        assert!(!is_removed(name), "{name}");
    }
}

#[tokio::test]
async fn t_fwd_11_a_query_that_names_another_method_is_refused() {
    let response = ask(&door(), LOOPBACK, &question(&good("/?_method=delete"))).await;
    let Some(Decision::Refuse(refusal)) = response.extensions().get::<Decision>() else {
        panic!("not refused");
    };
    assert_eq!(refusal.reason, Reason::QueryOverride);
    assert_eq!(refusal.status, 400);
}

#[tokio::test]
async fn more_fields_than_a_request_can_have_are_refused() {
    let count = 30_000;
    let fields = (0..count).map(|index| (format!("x-{index}"), "a".to_owned()));
    let mut http = head_of(&good("/"));
    http.headers.extend(fields);
    assert_eq!(code(&answer(&asking(http)).await), "dialect_field");
}

#[tokio::test]
async fn t_fwd_08_a_second_host_is_refused() {
    for name in [":authority", "host"] {
        let mut http = head_of(&good("/"));
        http.headers.insert(name.to_owned(), http.host.clone());
        assert_eq!(answer(&asking(http.clone())).await.status(), 200);
        http.headers.insert(name.to_owned(), "b.example".to_owned());
        let told = answer(&asking(http)).await;
        assert_eq!(code(&told), "dialect_field", "{name}");
    }
}

#[tokio::test]
async fn t_fwd_08_a_fwd_03_absolute_form_needs_the_same_host() {
    let mut http = head_of(&good("/"));
    let host = http.host.clone();
    for (path, expected) in [
        (format!("http://{host}/"), "admitted"),
        (format!("https://{}/?y", host.to_uppercase()), "admitted"),
        (format!("http://{host}:81/"), "target_form"),
        ("http://other.example/".to_owned(), "target_form"),
        (format!("http://user@{host}/"), "target_form"),
    ] {
        http.path = path;
        assert_eq!(code(&answer(&asking(http.clone())).await), expected);
    }
}

#[tokio::test]
async fn t_fwd_08_connect_has_no_path_to_decide_on() {
    let mut http = head_of(&good("/"));
    http.method = "CONNECT".to_owned();
    assert_eq!(code(&answer(&asking(http)).await), "target_form");
}

fn head_of(request: &Request<()>) -> HttpRequest {
    let attributes = question(request).attributes.unwrap();
    attributes.request.unwrap().http.unwrap()
}

#[tokio::test]
async fn the_claims_are_metadata_with_exact_numbers() {
    let token = Token::user(ISSUER, AUDIENCE, NOW)
        .claim("large", 9_007_199_254_740_993_u64)
        .claim("small", -7)
        .claim("half", 0.5)
        .claim("nested", json!({"list": [true, null, "x"]}));
    let response = ask(&door(), LOOPBACK, &question(&with_token(&token, "/"))).await;
    let fields = response.into_inner().dynamic_metadata.unwrap().fields;
    let kind = |name: &str| fields[name].kind.clone().unwrap();
    assert_eq!(kind("iss"), Kind::StringValue(ISSUER.to_owned()));
    assert_eq!(
        kind("large"),
        Kind::StringValue("9007199254740993".to_owned())
    );
    assert_eq!(kind("small"), Kind::NumberValue(-7.0));
    assert_eq!(kind("half"), Kind::NumberValue(0.5));
    let Kind::StructValue(nested) = kind("nested") else {
        panic!("not an object");
    };
    let Some(Kind::ListValue(list)) = &nested.fields["list"].kind else {
        panic!("not a list");
    };
    let list: Vec<_> = list
        .values
        .iter()
        .map(|value| value.kind.clone().unwrap())
        .collect();
    assert_eq!(
        list,
        [
            Kind::BoolValue(true),
            Kind::NullValue(0),
            Kind::StringValue("x".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_grpc_client_gets_a_status_and_no_document() {
    let mut request = Request::new(());
    let media = "application/grpc+proto".parse().unwrap();
    request.headers_mut().insert("content-type", media);
    let told = answer(&question(&request)).await;
    assert_eq!(told.status(), 401);
    assert!(told.headers().contains_key("www-authenticate"));
    // Envoy makes the message of a gRPC status of it.
    assert_eq!(told.body(), "");
    assert!(!told.headers().contains_key("content-type"));
}

/// With a route that reads tokens in other places, and this for the application.
fn door_with_sources(credentials: Credentials) -> ExtAuthz {
    let sources = [
        Source::field("X-Token"),
        Source::cookie("token"),
        Source::websocket_protocol("bearer"),
        Source::query("access_token"),
    ];
    let mut route = Route::new("all", [PathPattern::prefix("/").unwrap()]);
    route.sources = Sources::new(sources.map(Result::unwrap)).unwrap();
    let identity = Identity::builder().token(credentials);
    let identity = identity.token_field(http::HeaderName::from_static("x-token"));
    let gate = gate([route], identity.build().unwrap(), None);
    ExtAuthz::new(Current::new(gate), TrustedPeers::default())
}

/// What Envoy is to change: fields set, removed, added to the response, parameters removed.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    set: Vec<(String, String)>,
    removed: Vec<String>,
    added: Vec<(String, String, i32)>,
    parameters: Vec<String>,
}

async fn changes(door: &ExtAuthz, target: &str, (name, value): (&str, &str)) -> Changes {
    let request = Request::get(target).header(name, value).body(()).unwrap();
    let response = ask(door, LOOPBACK, &question(&request)).await.into_inner();
    let Some(HttpResponse::OkResponse(ok)) = response.http_response else {
        panic!("it is refused");
    };
    let field = |option: HeaderValueOption| {
        let field = option.header.unwrap();
        (field.key, field.value, option.append_action)
    };
    let is_shared = |name: &String| name == "cookie" || name.starts_with("sec-");
    Changes {
        set: ok
            .headers
            .into_iter()
            .map(field)
            .map(|(name, value, _)| (name, value))
            .filter(|(name, _)| name != "x-request-id")
            .collect(),
        removed: ok.headers_to_remove.into_iter().filter(is_shared).collect(),
        added: ok.response_headers_to_add.into_iter().map(field).collect(),
        parameters: ok.query_parameters_to_remove,
    }
}

#[tokio::test]
async fn t_req_11_envoy_takes_a_token_out_of_what_it_shares() {
    let door = door_with_sources(Credentials::Strip);
    let token = Token::user(ISSUER, AUDIENCE, NOW).sign();
    let bearer = format!("Bearer {token}");
    let text = |text: &str| text.to_owned();
    let cookie = format!("token={token}");
    let cookies = format!("a=1; {cookie}");
    let found = changes(&door, "/", ("cookie", &cookies)).await;
    let set = vec![(text("cookie"), text("a=1"))];
    assert_eq!(
        found,
        Changes {
            set,
            ..Changes::default()
        }
    );

    let found = changes(&door, "/", ("cookie", &cookie)).await;
    let removed = vec![text("cookie")];
    assert_eq!(
        found,
        Changes {
            removed,
            ..Changes::default()
        }
    );

    let marker = (
        text("sec-websocket-protocol"),
        text("bearer"),
        i32::from(HeaderAppendAction::AddIfAbsent),
    );
    let pair = format!("bearer,{token}");
    let found = changes(&door, "/", ("sec-websocket-protocol", &pair)).await;
    let removed = vec![text("sec-websocket-protocol")];
    let added = vec![marker.clone()];
    assert_eq!(
        found,
        Changes {
            removed,
            added,
            ..Changes::default()
        }
    );

    let more = format!("{pair},chat");
    let found = changes(&door, "/", ("sec-websocket-protocol", &more)).await;
    let set = vec![(text("sec-websocket-protocol"), text("chat"))];
    assert_eq!(
        found,
        Changes {
            set,
            added: vec![marker],
            ..Changes::default()
        }
    );

    let target = format!("/x?a=1&access%5Ftoken={token}");
    let found = changes(&door, &target, ("accept", "*/*")).await;
    let append = i32::from(HeaderAppendAction::AppendIfExistsOrAdd);
    let added = vec![(text("cache-control"), text("private"), append)];
    let parameters = vec![text("access%5Ftoken")];
    assert_eq!(
        found,
        Changes {
            added,
            parameters,
            ..Changes::default()
        }
    );

    // Nothing to take out, or nothing that is to be.
    let found = changes(&door, "/?a=1", ("authorization", &bearer)).await;
    assert_eq!(found, Changes::default());
    let forwarding = door_with_sources(Credentials::Forward);
    let found = changes(&forwarding, "/", ("cookie", &cookies)).await;
    assert_eq!(found, Changes::default());
}

/// Envoy joins repeated fields.
#[tokio::test]
async fn t_req_10_joined_fields_with_tokens_are_refused() {
    let door = door_with_sources(Credentials::Strip);
    let token = Token::user(ISSUER, AUDIENCE, NOW).sign();
    let twice = format!("{token},{token}");
    let hidden = format!("a=1,token={token}");
    for (fields, expected) in [
        (vec![("x-token", &*twice)], "malformed_credentials"),
        (
            vec![("x-token", &token), ("cookie", "token=x")],
            "multiple_credentials",
        ),
        (
            vec![("cookie", &*format!("token={twice}"))],
            "malformed_credentials",
        ),
        (vec![("cookie", &*hidden)], "malformed_credentials"),
        (
            vec![("x-token", &token), ("cookie", &*hidden)],
            "multiple_credentials",
        ),
    ] {
        let mut request = Request::get("/");
        for (name, value) in &fields {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let told = told(ask(&door, LOOPBACK, &question(&request)).await);
        assert_eq!(code(&told), expected);
    }
}
