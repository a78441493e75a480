//! A query and below it lines of `Authorization`: one access token is found where RFC 6750 §2.1 has it, and
//! nothing else is taken for one. The same lines as cookies, subprotocols and fields: what other sources
//! carry is gone once it is taken out.

#![no_main]

use bearward_core::credentials::Credentials;
use bearward_core::rejection::InvalidRequest;
use bearward_core::source::TokenEncoding;
use bearward_core::{Rejection, RequestHead, Source, Sources};
use bearward_fuzz::credentials::{Expected, expected};
use http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &[u8]| {
    let mut lines = lines.split(|byte| *byte == b'\n');
    let Ok(query) = std::str::from_utf8(lines.next().unwrap_or_default()) else {
        return;
    };
    let target = match query.is_empty() {
        true => "/orders".to_owned(),
        false => format!("/orders?{query}"),
    };
    let Ok(uri) = target.parse::<Uri>() else {
        return;
    };
    let mut headers = HeaderMap::new();
    let fields: Vec<&[u8]> = lines.take(4).collect();
    for field in &fields {
        let Ok(field) = HeaderValue::from_bytes(field) else {
            return;
        };
        headers.append(AUTHORIZATION, field);
    }
    take_out(&uri, &fields);
    // What others say of the token is of no interest.
    headers.insert(
        "proxy-authorization",
        HeaderValue::from_static("Bearer other"),
    );
    let outcome = Credentials::parse(RequestHead::new(&Method::GET, &uri, &headers));
    match (expected(&fields, uri.query()), outcome) {
        (Expected::Token(token), Ok(credentials)) => {
            assert_eq!(credentials.access_token(), token);
            let again = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).expect("a field");
            let headers = HeaderMap::from_iter([(AUTHORIZATION, again)]);
            let uri = Uri::from_static("/");
            let again = Credentials::parse(RequestHead::new(&Method::GET, &uri, &headers));
            assert_eq!(again.expect("the same token").access_token(), token);
        }
        (Expected::Nothing, Err(Rejection::NoCredentials))
        | (
            Expected::Malformed,
            Err(Rejection::InvalidRequest(InvalidRequest::MalformedCredentials)),
        )
        | (
            Expected::Several,
            Err(Rejection::InvalidRequest(InvalidRequest::MultipleCredentials)),
        ) => {}
        (expected, outcome) => panic!("{expected:?}, and not {outcome:?}"),
    }
});

fn take_out(uri: &Uri, fields: &[&[u8]]) {
    let sources = [
        Source::field("x-token"),
        Source::cookie("token"),
        Source::websocket_protocol("bearer"),
        Source::websocket_prefix("k8s.", TokenEncoding::Base64Url),
        Source::query("access_token"),
    ];
    let sources = sources.map(|source| source.expect("a name"));
    let sources = Sources::new(sources).expect("sources that do not overlap");
    for name in [
        COOKIE,
        SEC_WEBSOCKET_PROTOCOL,
        "x-token".parse().expect("a name"),
    ] {
        let values = fields.iter().map(|field| HeaderValue::from_bytes(field));
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, value.expect("checked before"));
        }
        // Whatever it says, it does not panic.
        let _ = Credentials::parse_from(RequestHead::new(&Method::GET, uri, &headers), &sources);
        let handshake = sources.handshake(&headers);
        let mut answer = headers.clone();
        if let Some(handshake) = handshake {
            handshake.complete(&mut answer);
        }
        sources.strip(&mut headers);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let rest = sources.target_without_token(target);
        let uri: Uri = rest
            .as_deref()
            .unwrap_or(target)
            .parse()
            .expect("still a target");
        let outcome =
            Credentials::parse_from(RequestHead::new(&Method::GET, &uri, &headers), &sources);
        assert!(
            matches!(outcome, Err(Rejection::NoCredentials)),
            "{outcome:?}"
        );
        let mut again = headers.clone();
        sources.strip(&mut again);
        assert_eq!(again, headers);
    }
}
