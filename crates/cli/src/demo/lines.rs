//! Lines to try the sample application with, each with the answer it gets.

use bearward_testing::token::ROLES;

use crate::curl::{explained, minted};

/// Where everything is, and the lines.
pub(super) fn introduction(application: &str, issuer: &str) -> String {
    let lines: Vec<String> = lines(application, issuer)
        .iter()
        .map(|(what, line)| explained(what, line))
        .collect();
    let lines = lines.join("\n");
    format!(
        "application  {application}\n\
         issuer       {issuer}\n\
         \n\
         {lines}\n\
         Ctrl-C stops both.\n"
    )
}

/// Status and reason first, then the line.
fn lines(application: &str, issuer: &str) -> [(String, String); 9] {
    let request = |request: &str, wish: &str| {
        let token = minted(issuer, wish);
        format!(r#"curl -i {application}/{request} -H "Authorization: Bearer {token}""#)
    };
    let admin = format!(r#"{{"claims":{{"{ROLES}":["admin"]}}}}"#);
    let old = r#"{"auth_time_age":3600}"#;
    let id_token = minted(issuer, r#"{"kind":"id_token"}"#);
    [
        ("401: nobody", format!("curl -i {application}/hello")),
        ("200: a user", request("hello", "{}")),
        ("200: a machine", request("hello", r#"{"kind":"machine"}"#)),
        (
            "401: the token has expired",
            request("hello", r#"{"expires_in":-60}"#),
        ),
        (
            "401: the token is for somebody else",
            request("hello", r#"{"audience":"https://other.example"}"#),
        ),
        ("403: the user is not an admin", request("admin", "{}")),
        ("200: the user is an admin", request("admin", &admin)),
        (
            "401: the login is an hour old, so the user is to re-authenticate",
            request("transfer -X POST", old),
        ),
        (
            "200: the same, with the ID token of the re-authentication sent along",
            format!(
                r#"{} -H "X-Id-Token: {id_token}""#,
                request("transfer -X POST", old)
            ),
        ),
    ]
    .map(|(what, line)| (what.to_owned(), line))
}
