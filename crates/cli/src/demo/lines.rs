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
    /// The gateway's listener for existing proxies.
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
             The gateway, in front of an application that knows nothing about tokens and shows the \
             fields it got:\n\
             \n\
             {}\n\
             What an existing proxy such as nginx asks, and what you can monitor:\n\
             \n\
             {}\n\
             Ctrl-C stops all.\n",
            explained(&self.of_application()),
            explained(&self.of_gateway()),
            explained(&self.of_operator()),
        )
    }

    fn of_application(&self) -> Vec<Line> {
        let request = |request: &str, wish: &str| self.request(&self.application, request, wish);
        let mut lines = vec![
            ("401: nobody", format!("curl -i {}/hello", self.application)),
            ("200: a user", request("hello", "{}")),
            ("200: a machine", request("hello", MACHINE)),
            ("401: the token has expired", request("hello", EXPIRED)),
            (
                "401: the token is for another audience",
                request("hello", r#"{"audience":"https://other.example"}"#),
            ),
        ];
        lines.extend(self.of_requirements(&self.application));
        lines
    }

    fn of_gateway(&self) -> Vec<Line> {
        let request = |wish: &str| self.request(&self.gateway, "whoami", wish);
        let claimed = r#"-H "X-Authgear-User-Id: root" -H "X_Authgear_User_Roles: admin""#;
        let mut lines = vec![
            (
                "401: no token, and the challenge says what to send",
                format!("curl -i {}/whoami", self.gateway),
            ),
            (
                "200: a user, passed on in the fields of Authgear's resolver",
                request("{}"),
            ),
            (
                "200: the same user, although the client claims to be another",
                format!("{} {claimed}", request("{}")),
            ),
            ("200: a machine", request(MACHINE)),
            ("401: the token has expired", request(EXPIRED)),
        ];
        lines.extend(self.of_requirements(&self.gateway));
        lines
    }

    /// What the application and the gateway require of a user alike.
    fn of_requirements(&self, to: &str) -> [Line; 4] {
        let admin = format!(r#"{{"claims":{{"{ROLES}":["admin"]}}}}"#);
        let transfer = self.request(to, "transfer -X POST", OLD);
        let id_token = minted(&self.issuer, ID_TOKEN);
        let with_id_token = format!(r#"{transfer} -H "X-Id-Token: {id_token}""#);
        [
            (
                "403: the user is not an admin",
                self.request(to, "admin", "{}"),
            ),
            (
                "200: the user is an admin",
                self.request(to, "admin", &admin),
            ),
            (
                "401: the login is an hour old, so the user must re-authenticate",
                transfer,
            ),
            (
                "200: the same, with the ID token from the re-authentication",
                with_id_token,
            ),
        ]
    }

    fn of_operator(&self) -> [Line; 4] {
        let about = r#"-H "X-Original-Method: GET" -H "X-Original-Host: app.example""#;
        let question = self.request(&self.forward_auth, "auth/nginx", "{}");
        [
            (
                "200: the user is allowed, and these fields are for the application",
                format!(r#"{question} {about} -H "X-Original-URI: /whoami""#),
            ),
            (
                "403: no route matches this path, so nobody is allowed",
                format!(r#"{question} {about} -H "X-Original-URI: /elsewhere""#),
            ),
            (
                "200: the issuer's keys are available",
                format!("curl -i {}/readyz", self.admin),
            ),
            (
                "200: which requests were allowed or refused, and why",
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

const EXPIRED: &str = r#"{"expires_in":-60}"#;
const ID_TOKEN: &str = r#"{"kind":"id_token"}"#;
const MACHINE: &str = r#"{"kind":"machine"}"#;
const OLD: &str = r#"{"auth_time_age":3600}"#;
