//! A query and below it lines of `Authorization`: one access token is found where RFC 6750 §2.1 has it, and
//! nothing else is taken for one.

#![no_main]

use bearward_core::credentials::Credentials;
use bearward_core::rejection::InvalidRequest;
use bearward_core::{Rejection, RequestHead};
use bearward_fuzz::credentials::{Expected, expected};
use http::header::AUTHORIZATION;
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
