//! The way to an issuer: its proxy, certificate authorities, client certificate and credentials.
//!
//! The environment decides nothing unless `proxy = "environment"` asks it, since a parent process may
//! have written what a sender chose into it (httpoxy).

use std::ffi::OsString;

use bearward::fetch::{Authorization, AuthorizationError, Egress, HttpTransportError, Proxy};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::description::{ISSUER, Issuer};
use super::key::{Field, Key};
use super::mistakes::Code;
use super::reader::{At, Fields};
use super::secret::{Document, Secret};
use super::surroundings::{Referred, Surroundings};

/// The way to the issuer.
pub(super) fn read(fields: &Fields<'_, Issuer>, surroundings: &Surroundings<'_>) -> Egress {
    // Reads every key, so that one mistake hides no other.
    let egress = proxied(fields, surroundings).unwrap_or_default();
    let (ca, is_only) = (ISSUER.ca.read(fields), ISSUER.ca_only.read(fields));
    let egress = match ca.and_then(|path| surroundings.read_for(fields, &ISSUER.ca, path.value)) {
        Some(pem) => authorities(egress, fields, &pem, is_only),
        None => egress,
    };
    if is_only && !fields.has(&ISSUER.ca) {
        let message = "`ca_only` needs `ca`: otherwise no authority would be trusted";
        fields.report(Code::Missing, &ISSUER.ca_only, message, "add `ca`");
    }
    client_certificate(egress, fields, surroundings)
}

/// Our credentials at the issuer. Those in a file are read again for each fetch.
pub(super) fn authorization(
    fields: &Fields<'_, Issuer>,
    surroundings: &Surroundings<'_>,
) -> Option<Authorization> {
    let key = &ISSUER.authorization;
    let reference = key.read(fields)?;
    let report = |error| report_credentials(fields, key, error);
    match surroundings.refer(fields, key, &reference)? {
        Referred::Variable(secret) => Authorization::new(secret.expose()).map_err(report).ok(),
        Referred::File(path) => {
            let text = surroundings.look_at(fields, key, path)?;
            Authorization::new(text.expose()).map_err(report).ok()?;
            Some(Authorization::file(surroundings.path(path)))
        }
    }
}

pub(super) fn warn_of_plain_http(fields: &Fields<'_, Issuer>) {
    let message = "over plain http, anyone on the network path can read `authorization`";
    let help = "leave out `insecure_plain_http`";
    let key = &ISSUER.authorization;
    fields.warn(Code::UrlScheme, key, message.to_owned(), help);
}

/// Reports the keys of this module if nothing is fetched, so that they would have no effect.
pub(super) fn report_useless(fields: &Fields<'_, Issuer>) {
    let keys: [&Field; 7] = [
        &ISSUER.proxy,
        &ISSUER.proxy_authorization,
        &ISSUER.ca,
        &ISSUER.ca_only,
        &ISSUER.client_certificate,
        &ISSUER.client_key,
        &ISSUER.authorization,
    ];
    for key in keys.into_iter().filter(|key| fields.has(key)) {
        let message = format!("`{key}` has no effect: the keys of this issuer are not fetched");
        fields.report(Code::Value, key, message, "");
    }
}

/// The usual way, or the one through a proxy.
fn proxied(fields: &Fields<'_, Issuer>, surroundings: &Surroundings<'_>) -> Option<Egress> {
    let authorization = proxy_authorization(fields, surroundings);
    let authorization = authorization.as_ref().map(Secret::expose);
    let Some(given) = ISSUER.proxy.read(fields) else {
        if fields.has(&ISSUER.proxy_authorization) && !fields.has(&ISSUER.proxy) {
            let message = "`proxy_authorization` needs `proxy`";
            fields.report(
                Code::Missing,
                &ISSUER.proxy_authorization,
                message,
                "add `proxy`",
            );
        }
        return None;
    };
    let egress = if given.value == ENVIRONMENT {
        let variable = |name: &str| surroundings.variable_os(name);
        proxies_of_environment(variable, authorization).map_err(|error| {
            fields.report_at(Code::Value, &given.span, error.to_string(), error.help());
        })
    } else {
        proxy(given.value, authorization)
            .map(|proxy| Egress::new().proxy(proxy))
            .map_err(|_| report_proxy(fields, &given))
    };
    egress.ok()
}

fn report_proxy(fields: &Fields<'_, Issuer>, given: &At<&str>) {
    let message = |shown: &str| {
        format!("`proxy` must be like \"http://proxy:3128\", or \"environment\", not {shown}")
    };
    let help = if given.value.contains('@') {
        "credentials go to `proxy_authorization`, as a reference"
    } else {
        "write http:// or https://, host and port only; SOCKS is not supported"
    };
    fields.report_url((Code::Value, &ISSUER.proxy), given, message, help);
}

/// The text of the credentials, which are some.
fn proxy_authorization(
    fields: &Fields<'_, Issuer>,
    surroundings: &Surroundings<'_>,
) -> Option<Secret> {
    let key = &ISSUER.proxy_authorization;
    let reference = key.read(fields)?;
    let secret = match surroundings.refer(fields, key, &reference)? {
        Referred::Variable(secret) => secret,
        Referred::File(path) => surroundings.read_secret(fields, key, path)?,
    };
    let checked = Authorization::new(secret.expose());
    let checked = checked.map_err(|error| report_credentials(fields, key, error));
    checked.ok().map(|_| secret)
}

fn report_credentials<V>(
    fields: &Fields<'_, Issuer>,
    key: &Key<Issuer, V>,
    error: AuthorizationError,
) {
    let message = format!(
        "`{}` does not refer to usable credentials: {error}",
        key.field()
    );
    let help =
        "write them as `scheme credentials`, `user:password`, or a single token, in one line";
    fields.report(Code::FileMissing, key, message, help);
}

fn authorities(
    egress: Egress,
    fields: &Fields<'_, Issuer>,
    pem: &Document,
    is_only: bool,
) -> Egress {
    let trusting = match is_only {
        true => egress.clone().only_root_certificates(&pem.0),
        false => egress.clone().root_certificates(&pem.0),
    };
    trusting.unwrap_or_else(|error| {
        let message = format!("`ca`: {error}");
        fields.report(Code::FileMissing, &ISSUER.ca, message, "");
        egress
    })
}

fn client_certificate(
    egress: Egress,
    fields: &Fields<'_, Issuer>,
    surroundings: &Surroundings<'_>,
) -> Egress {
    let certificate = ISSUER.client_certificate.read(fields);
    let certificate = certificate
        .and_then(|path| surroundings.read_for(fields, &ISSUER.client_certificate, path.value));
    let key = ISSUER.client_key.read(fields);
    let key = key.and_then(|path| surroundings.read_secret(fields, &ISSUER.client_key, path.value));
    let keys: [&Field; 2] = [&ISSUER.client_certificate, &ISSUER.client_key];
    for (given, missing) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        if fields.has(given) && !fields.has(missing) {
            let message = format!("`{given}` needs `{missing}`");
            fields.report(Code::Missing, given, message, format!("add `{missing}`"));
        }
    }
    let Some((certificate, key)) = certificate.zip(key) else {
        return egress;
    };
    let presenting = egress
        .clone()
        .client_certificate(&certificate.0, key.expose());
    presenting.unwrap_or_else(|error| {
        let message = format!("`client_certificate` and `client_key`: {error}");
        fields.report(Code::FileMissing, &ISSUER.client_certificate, message, "");
        egress
    })
}

/// The value of `proxy` that asks the environment.
pub const ENVIRONMENT: &str = "environment";

/// The way through the proxies that the environment names, as most programs read it: `HTTPS_PROXY` and
/// `HTTP_PROXY`, else `ALL_PROXY`, except for the hosts in `NO_PROXY`, each also in lower case. Without
/// these variables it is the usual way. `authorization` replaces the credentials in their URLs.
///
/// # Errors
///
/// [`EnvironmentError`] if a variable cannot be used.
pub fn proxies_of_environment(
    variable: impl Fn(&str) -> Option<OsString>,
    authorization: Option<&[u8]>,
) -> Result<Egress, EnvironmentError> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    // CGI writes a request's field `Proxy` into this variable, and no field into one in lower case.
    if variable("REQUEST_METHOD").is_some() && given("HTTP_PROXY").is_some() {
        return Err(EnvironmentError::Cgi);
    }
    let of = |[upper, lower]: [&'static str; 2]| {
        let found = given(upper).map(|value| (upper, value));
        found.or_else(|| Some((lower, given(lower)?)))
    };
    let all = || of(["ALL_PROXY", "all_proxy"]);
    let is_socks = |(_, value): &(_, OsString)| value.to_string_lossy().starts_with("socks");
    let https = of(["HTTPS_PROXY", "https_proxy"]);
    // Set for other programs, next to the proxies for us.
    let all_for_us = || all().filter(|all| https.is_none() || !is_socks(all));
    let http = of(["HTTP_PROXY", "http_proxy"]).or_else(all_for_us);
    let https = https.or_else(all);
    let mut egress = Egress::new();
    if let Some((name, value)) = https {
        egress = egress.https_proxy(proxy_of(name, &value, authorization)?);
    }
    if let Some((name, value)) = http {
        egress = egress.http_proxy(proxy_of(name, &value, authorization)?);
    }
    Ok(match of(["NO_PROXY", "no_proxy"]) {
        Some((_, hosts)) => egress.no_proxy(hosts.to_string_lossy()),
        None => egress,
    })
}

/// The proxy in a variable, which by convention may lack the scheme, and have credentials in its URL.
fn proxy_of(
    name: &'static str,
    value: &OsString,
    authorization: Option<&[u8]>,
) -> Result<Proxy, EnvironmentError> {
    let wrong = || EnvironmentError::NotAProxy(name);
    let matcher = Matcher::builder().all(&*value.to_string_lossy()).build();
    let found = matcher.intercept(&Uri::from_static("https://any.invalid"));
    let found = found.ok_or_else(wrong)?;
    let authorization = authorization.or_else(|| found.basic_auth().map(AsRef::as_ref));
    proxy(&found.uri().to_string(), authorization).map_err(|_| wrong())
}

fn proxy(url: &str, authorization: Option<&[u8]>) -> Result<Proxy, HttpTransportError> {
    let proxy = Proxy::new(url)?;
    match authorization {
        Some(text) => proxy
            .authorization(text)
            .map_err(|_| HttpTransportError::Proxy),
        None => Ok(proxy),
    }
}

/// Why the environment names no proxy that can be used. It never contains a variable's value, which may
/// have a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// `HTTP_PROXY` may come from a sender.
    #[error(
        "`HTTP_PROXY` is set and so is `REQUEST_METHOD`: the sender of a CGI request may have chosen the proxy"
    )]
    Cgi,
    /// The variable has no URL of an HTTP proxy.
    #[error("the environment variable {0:?} does not contain the URL of an HTTP proxy")]
    NotAProxy(&'static str),
}

impl EnvironmentError {
    /// What to do about it.
    const fn help(self) -> &'static str {
        match self {
            Self::Cgi => "write the proxy's URL, or set `http_proxy` in lower case",
            Self::NotAProxy(_) => "write a URL like http://proxy:3128; SOCKS is not supported",
        }
    }
}
