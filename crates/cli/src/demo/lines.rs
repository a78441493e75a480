//! Lines to try both applications with, each with its expected response.

use bearward_testing::token::ROLES;

use crate::curl::{explained, minted};

/// The addresses of everything.
pub(super) struct Addresses {
    /// The application that verifies tokens itself.
    pub(super) application: String,
    pub(super) issuer: String,
    /// The reverse proxy, in front of the application that does not.
    pub(super) gateway: String,
    /// The gateway's listener for proxies that are already there.
    pub(super) forward_auth: String,
    pub(super) admin: String,
}

impl Addresses {
    /// The addresses and the lines.
    pub(super) fn introduction(&self) -> String {
        let Self {
            application,
            issuer,
            gateway,
            forward_auth,
            admin,
        } = self;
        format!(
            "application  {application}\n\
             issuer       {issuer}\n\
             gateway      {gateway}\n\
             auth         {forward_auth}\n\
             admin        {admin}\n\
             \n\
             An application that verifies tokens itself, with bearward-axum:\n\
             \n\
             {}\n\
             The gateway, in front of an application that knows nothing of tokens; it shows the \
             fields it got:\n\
             \n\
             {}\n\
             What an existing proxy asks, nginx for example, and what can be watched:\n\
             \n\
             {}\n\
             Ctrl-C stops all.\n",
            printed(&self.of_application()),
            printed(&self.of_gateway()),
            printed(&self.of_operator()),
        )
    }

    fn of_application(&self) -> [Line; 9] {
        let request = |request: &str, wish: &str| self.request(&self.application, request, wish);
        let id_token = minted(&self.issuer, ID_TOKEN);
        [
            line("401: nobody", format!("curl -i {}/hello", self.application)),
            line("200: a user", request("hello", "{}")),
            line("200: a machine", request("hello", MACHINE)),
            line("401: the token has expired", request("hello", EXPIRED)),
            line(
                "401: the token is for somebody else",
                request("hello", r#"{"audience":"https://other.example"}"#),
            ),
            line("403: the user is not an admin", request("admin", "{}")),
            line("200: the user is an admin", request("admin", &admin())),
            line(
                "401: the login is an hour old, so the user is to re-authenticate",
                request("transfer -X POST", OLD),
            ),
            line(
                "200: the same, with the ID token of the re-authentication sent along",
                format!(
                    r#"{} -H "X-Id-Token: {id_token}""#,
                    request("transfer -X POST", OLD)
                ),
            ),
        ]
    }

    fn of_gateway(&self) -> [Line; 9] {
        let request = |request: &str, wish: &str| self.request(&self.gateway, request, wish);
        let id_token = minted(&self.issuer, ID_TOKEN);
        [
            line(
                "401: nobody, and the challenge says what to send",
                format!("curl -i {}/whoami", self.gateway),
            ),
            line(
                "200: a user, in the fields of Authgear's resolver",
                request("whoami", "{}"),
            ),
            line(
                "200: the same user, whoever the client says it is",
                format!(
                    r#"{} -H "X-Authgear-User-Id: root" -H "X_Authgear_User_Roles: admin""#,
                    request("whoami", "{}")
                ),
            ),
            line("200: a machine", request("whoami", MACHINE)),
            line("401: the token has expired", request("whoami", EXPIRED)),
            line("403: the user is not an admin", request("admin", "{}")),
            line("200: the user is an admin", request("admin", &admin())),
            line(
                "401: the login is an hour old, so the user is to re-authenticate",
                request("transfer -X POST", OLD),
            ),
            line(
                "200: the same, with the ID token of the re-authentication sent along",
                format!(
                    r#"{} -H "X-Id-Token: {id_token}""#,
                    request("transfer -X POST", OLD)
                ),
            ),
        ]
    }

    fn of_operator(&self) -> [Line; 4] {
        let about = r#"-H "X-Original-Method: GET" -H "X-Original-Host: app.example""#;
        let question = self.request(&self.forward_auth, "auth/nginx", "{}");
        [
            line(
                "200: the user may, and these fields are for the application",
                format!(r#"{question} {about} -H "X-Original-URI: /whoami""#),
            ),
            line(
                "403: no route is for this path, so nobody may",
                format!(r#"{question} {about} -H "X-Original-URI: /elsewhere""#),
            ),
            line(
                "200: the issuer's keys are there",
                format!("curl -i {}/readyz", self.admin),
            ),
            line(
                "200: who was let through and who was not, and why",
                format!("curl -i {}/metrics", self.admin),
            ),
        ]
    }

    /// A request with a token that the issuer mints according to `wish`.
    fn request(&self, to: &str, request: &str, wish: &str) -> String {
        let token = minted(&self.issuer, wish);
        format!(r#"curl -i {to}/{request} -H "Authorization: Bearer {token}""#)
    }
}

/// The status and reason, and the line.
type Line = (&'static str, String);

const fn line(what: &'static str, line: String) -> Line {
    (what, line)
}

fn printed(lines: &[Line]) -> String {
    let lines: Vec<_> = lines
        .iter()
        .map(|(what, line)| explained(what, line))
        .collect();
    lines.join("\n")
}

fn admin() -> String {
    format!(r#"{{"claims":{{"{ROLES}":["admin"]}}}}"#)
}

const EXPIRED: &str = r#"{"expires_in":-60}"#;
const ID_TOKEN: &str = r#"{"kind":"id_token"}"#;
const MACHINE: &str = r#"{"kind":"machine"}"#;
const OLD: &str = r#"{"auth_time_age":3600}"#;
