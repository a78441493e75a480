//! The messages of ext_authz v3, with the fields that are read or written here.
//!
//! The whole API of Envoy as Rust would be a tenth of the build. Protobuf skips a field that a message
//! does not have; the tests ask with the messages of the whole API.

#![expect(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "callers of `ExtAuthz::answer` write and match them"
)]

pub use prost_types::{ListValue, Struct, Value, value};

use std::collections::HashMap;

/// `envoy.service.auth.v3.CheckRequest`: a question.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckRequest {
    /// The attributes of the request to decide.
    #[prost(message, optional, tag = "1")]
    pub attributes: Option<AttributeContext>,
}

/// `envoy.service.auth.v3.AttributeContext`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributeContext {
    /// The other end of Envoy's connection: the client, or a proxy before Envoy.
    #[prost(message, optional, tag = "1")]
    pub source: Option<Peer>,
    /// The request to decide.
    #[prost(message, optional, tag = "4")]
    pub request: Option<Request>,
}

/// `envoy.service.auth.v3.AttributeContext.Peer`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Peer {
    /// Its address.
    #[prost(message, optional, tag = "1")]
    pub address: Option<Address>,
}

/// `envoy.config.core.v3.Address`. A client through a Unix socket has none of this kind.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Address {
    /// Address and port.
    #[prost(message, optional, tag = "1")]
    pub socket_address: Option<SocketAddress>,
}

/// `envoy.config.core.v3.SocketAddress`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SocketAddress {
    /// The IP address.
    #[prost(string, tag = "2")]
    pub address: String,
}

/// `envoy.service.auth.v3.AttributeContext.Request`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// Its head.
    #[prost(message, optional, tag = "2")]
    pub http: Option<HttpRequest>,
}

/// `envoy.service.auth.v3.AttributeContext.HttpRequest`: the head of the request to decide.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpRequest {
    /// The method.
    #[prost(string, tag = "2")]
    pub method: String,
    /// The fields, repeated ones joined by commas, unless `header_map` has them.
    #[prost(map = "string, string", tag = "3")]
    pub headers: HashMap<String, String>,
    /// The target as it was sent, with the query.
    #[prost(string, tag = "4")]
    pub path: String,
    /// The host.
    #[prost(string, tag = "5")]
    pub host: String,
    /// The fields one by one, if Envoy is configured to send them so.
    #[prost(message, optional, tag = "13")]
    pub header_map: Option<HeaderMap>,
}

/// `envoy.config.core.v3.HeaderMap`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HeaderMap {
    /// The fields, in their order.
    #[prost(message, repeated, tag = "1")]
    pub headers: Vec<HeaderValue>,
}

/// `envoy.config.core.v3.HeaderValue`: a field.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HeaderValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value, if it is UTF-8.
    #[prost(string, tag = "2")]
    pub value: String,
    /// Its value, if `value` is empty.
    #[prost(bytes = "vec", tag = "3")]
    pub raw_value: Vec<u8>,
}

/// `envoy.service.auth.v3.CheckResponse`: an answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckResponse {
    /// Whether the request is admitted: its code is 0.
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// What Envoy does with the request.
    #[prost(oneof = "HttpResponse", tags = "2, 3")]
    pub http_response: Option<HttpResponse>,
    /// The claims, for Envoy's later filters and its access log.
    #[prost(message, optional, tag = "4")]
    pub dynamic_metadata: Option<Struct>,
}

/// What Envoy does with the request. The third, `error_response`, can be configured to admit, so no
/// answer has it.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum HttpResponse {
    /// Answers it.
    #[prost(message, tag = "2")]
    Denied(DeniedHttpResponse),
    /// Forwards it.
    #[prost(message, tag = "3")]
    Ok(OkHttpResponse),
}

/// `envoy.service.auth.v3.DeniedHttpResponse`: the response to the client.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeniedHttpResponse {
    /// Its status.
    #[prost(message, optional, tag = "1")]
    pub status: Option<HttpStatus>,
    /// Its fields.
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HeaderValueOption>,
    /// Its body.
    #[prost(string, tag = "3")]
    pub body: String,
}

/// `envoy.service.auth.v3.OkHttpResponse`: what changes before the request goes on.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OkHttpResponse {
    /// Fields to set.
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HeaderValueOption>,
    /// Fields to remove.
    #[prost(string, repeated, tag = "5")]
    pub headers_to_remove: Vec<String>,
    /// Fields to add to the response to the client.
    #[prost(message, repeated, tag = "6")]
    pub response_headers_to_add: Vec<HeaderValueOption>,
    /// Query parameters to remove, by their names as written.
    #[prost(string, repeated, tag = "8")]
    pub query_parameters_to_remove: Vec<String>,
}

/// `envoy.config.core.v3.HeaderValueOption`: a field to set, and how.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HeaderValueOption {
    /// The field.
    #[prost(message, optional, tag = "1")]
    pub header: Option<HeaderValue>,
    /// What becomes of fields of this name that are there: 0, `APPEND_IF_EXISTS_OR_ADD`, keeps them; 1,
    /// `ADD_IF_ABSENT`, keeps them alone; 2, `OVERWRITE_IF_EXISTS_OR_ADD`, replaces them.
    #[prost(int32, tag = "3")]
    pub append_action: i32,
    /// Whether a field with an empty value is set, not removed.
    #[prost(bool, tag = "4")]
    pub keep_empty_value: bool,
}

/// `envoy.type.v3.HttpStatus`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpStatus {
    /// The status code.
    #[prost(int32, tag = "1")]
    pub code: i32,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// The number of the gRPC status.
    #[prost(int32, tag = "1")]
    pub code: i32,
}
