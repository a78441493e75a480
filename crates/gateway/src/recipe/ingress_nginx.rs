//! ingress-nginx: `auth-url`, with annotations alone.
//!
//! Recipes use no snippets: these let anybody who may write an Ingress write the controller's
//! configuration, and are off by default.

use super::application::Application;
use super::forward_auth::ForwardAuth;
use super::metadata::{self, Metadata};
use super::names::Name;
use super::place::{Kind, Place};
use super::{RecipeError, plain};

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let application = &recipe.application;
    application.over_http1(PROXY)?;
    let bearward = in_cluster(&recipe.bearward.place)?;
    let service = Service::of_application(application)?;
    let no_origins = if recipe.has_origins { NO_ORIGINS } else { "" };
    let heading = recipe.heading(TITLE, &format!("{CHECKS}{no_origins}"));
    let (name, namespace, port) = (&service.name, &service.namespace, service.port);
    let names = &recipe.names;
    let listed = names
        .answered()
        .chain(names.misleading(OWN).filter(|name| name.is_plain()))
        .map(Name::title);
    let listed = listed.collect::<Vec<_>>().join(",");
    let more = more(application);
    let metadata = recipe.metadata.as_ref();
    let metadata = metadata.map(|metadata| published(metadata, &recipe.bearward.place));
    let metadata = metadata.transpose()?.unwrap_or_default();
    Ok(format!(
        r#"{heading}
apiVersion: v1
kind: ConfigMap
metadata:
  name: bearward-original-request
  namespace: {namespace}
data:
  # bearward decides by these and by X-Original-Method. The controller sets that one itself; here it would be sent twice.
  X-Original-URI: "$request_uri"
  X-Original-Host: "$http_host"
  # The id of the request in bearward's log, and the one that the controller sends to the application.
  X-Original-Id: "$req_id"
  # Whose failures count, if bearward limits them.
  X-Original-Client: "$remote_addr"
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: {namespace}
  annotations:
    nginx.ingress.kubernetes.io/auth-url: "http://{bearward}/auth/nginx"
    nginx.ingress.kubernetes.io/auth-proxy-set-headers: "{namespace}/bearward-original-request"
    # Each field is set to the value in bearward's answer, or removed if the answer does not have it: for example, the
    # credentials, and fields from which applications take another path, host, client or user. nginx can remove fields
    # only by their full names.
    nginx.ingress.kubernetes.io/auth-response-headers: "{listed}"
    # bearward's answer is only a head, with the user's roles in it, and must fit into one buffer.
    nginx.ingress.kubernetes.io/proxy-buffer-size: "32k"
{more}spec:
  ingressClassName: nginx
  rules:
    - http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {name}
                port: {{ number: {port} }}
{metadata}"#
    ))
}

/// A separate Ingress: annotations apply to all paths of an Ingress, and a backend must be in the
/// namespace of its Ingress.
fn published(metadata: &Metadata, bearward: &Place) -> Result<String, RecipeError> {
    let what = "metadata that no Service serves: give bearward's Service as \
                SERVICE.NAMESPACE.svc.cluster.local:PORT";
    let Service {
        name,
        namespace,
        port,
    } = Service::of(bearward, what)?;
    let (comment, path) = (metadata::COMMENT, &metadata.path);
    Ok(format!(
        r#"---
{comment}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}-metadata
  namespace: {namespace}
spec:
  ingressClassName: nginx
  rules:
    - http:
        paths:
          - path: {path}
            pathType: Exact
            backend:
              service:
                name: {name}
                port: {{ number: {port} }}
"#
    ))
}

/// A Service of the cluster.
struct Service {
    name: String,
    namespace: String,
    port: u16,
}

impl Service {
    fn of_application(application: &Application) -> Result<Self, RecipeError> {
        let what = "an application that is not a Service: give it as SERVICE.NAMESPACE:PORT";
        match application.places.as_slice() {
            [place] => Self::of(place, what),
            _ => Err(RecipeError::Unsupported { proxy: PROXY, what }),
        }
    }

    /// Parses `name`, `name.namespace` or these with `.svc.cluster.local`; the error for others has
    /// `what`.
    fn of(place: &Place, what: &'static str) -> Result<Self, RecipeError> {
        let not_one = RecipeError::Unsupported { proxy: PROXY, what };
        let Some((host, port)) = place.name() else {
            return Err(not_one);
        };
        let mut labels = host.split('.');
        let name = labels.next().unwrap_or_default();
        let namespace = labels.next().unwrap_or("default");
        if labels.next().is_some_and(|label| label != "svc") {
            return Err(not_one);
        }
        Ok(Self {
            name: plain::host(name)?,
            namespace: plain::host(namespace)?,
            port,
        })
    }
}

/// The place of bearward, which must not be on the controller's own machine.
fn in_cluster(bearward: &Place) -> Result<String, RecipeError> {
    let is_elsewhere = match &bearward.0 {
        Kind::Ip(address) => !address.ip().is_loopback(),
        Kind::Name(host, _) => host != "localhost",
        Kind::Unix(_) => false,
    };
    if is_elsewhere {
        return Ok(bearward.to_string());
    }
    let what = "connections to its own machine: give the Service under which it reaches bearward";
    Err(RecipeError::Unsupported { proxy: PROXY, what })
}

fn more(application: &Application) -> String {
    let annotation =
        |name: &str, value: &str| format!("    nginx.ingress.kubernetes.io/{name}: \"{value}\"\n");
    let mut lines = String::new();
    if let Some(host) = &application.host {
        lines.push_str(&annotation("upstream-vhost", host));
    }
    if let Some(tls) = &application.tls {
        lines.push_str(&annotation("backend-protocol", "HTTPS"));
        lines.push_str(&annotation("proxy-ssl-verify", "on"));
        lines.push_str(&annotation("proxy-ssl-server-name", "on"));
        lines.push_str(&annotation("proxy-ssl-name", &tls.name));
    }
    lines
}

const TITLE: &str = "ingress-nginx in front of the application, asking bearward.";

/// What to check.
const CHECKS: &str = "The configuration of the controller has `large-client-header-buffers: \"4 32k\"`: a token of
  16 KiB must fit into one buffer. It has neither `enable-underscores-in-headers: \"true\"` nor
  `ignore-invalid-headers: \"false\"`, which would let other spellings of identity headers pass.
It also has `proxy-headers-hash-max-size: \"2048\"` and `proxy-headers-hash-bucket-size: \"128\"`.
The host of bearward is a full name, such as bearward.default.svc.cluster.local.
Every Ingress in front of the application has these annotations, and none of `auth-method`, `auth-signin`,
  `auth-keepalive`, `auth-cache-key` and `rewrite-target`.
This recipe has not been tested with a controller.";

const NO_ORIGINS: &str = "
`origins` of [protection] does not let pages read refusals here: ingress-nginx passes on no field of a
  refusal except `WWW-Authenticate`.";

/// Fields that the controller sets itself.
const OWN: &[&str] = &[
    "proxy",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-real-ip",
    "x-scheme",
];

const PROXY: &str = "ingress-nginx";
