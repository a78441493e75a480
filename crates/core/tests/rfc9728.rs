//! Protected resource metadata.

use bearward_core::protected_resource_metadata::ResourceError;
use bearward_core::{
    Challenge, ProtectedResourceMetadata, ProtectionSpace, Rejection, Source, Sources,
};

use crate::fixture::ISSUER;

pub(crate) fn refused(resource: &str) -> ResourceError {
    ProtectedResourceMetadata::new(resource, [ISSUER]).unwrap_err()
}

#[test]
fn the_document_with_what_is_required() {
    let metadata = ProtectedResourceMetadata::new("https://api.example.com", [ISSUER]).unwrap();
    assert_eq!(
        metadata.to_json(),
        r#"{"resource":"https://api.example.com","authorization_servers":["https://auth.example"],"bearer_methods_supported":["header"]}"#
    );
}

#[test]
fn the_document_with_everything() {
    let servers = ["https://one.example", "https://two.example"];
    let metadata = ProtectedResourceMetadata::new("https://api.example.com/v1", servers)
        .unwrap()
        .scopes_supported(["orders:read", "orders:write"])
        .resource_name("Orders \"and\" more")
        .resource_documentation("https://api.example.com/docs");
    assert_eq!(
        metadata.to_json(),
        r#"{"resource":"https://api.example.com/v1","authorization_servers":["https://one.example","https://two.example"],"scopes_supported":["orders:read","orders:write"],"bearer_methods_supported":["header"],"resource_name":"Orders \"and\" more","resource_documentation":"https://api.example.com/docs"}"#
    );
}

/// The only source, apart from the field, with a registered name.
#[test]
fn the_document_names_the_query_if_it_is_a_source() {
    let query = Source::query("access_token").unwrap();
    let cookie = Source::cookie("access_token").unwrap();
    for (source, methods) in [
        (query, r#""bearer_methods_supported":["header","query"]"#),
        (cookie, r#""bearer_methods_supported":["header"]"#),
    ] {
        let metadata = ProtectedResourceMetadata::new("https://api.example.com", [ISSUER]);
        let metadata = metadata.unwrap().sources(&Sources::new([source]).unwrap());
        assert!(metadata.to_json().contains(methods), "{metadata:?}");
    }
}

#[test]
fn the_well_known_path_is_inserted_between_host_and_path() {
    for (resource, path, url) in [
        (
            "https://api.example.com",
            "/.well-known/oauth-protected-resource",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://api.example.com/",
            "/.well-known/oauth-protected-resource",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://api.example.com/v1",
            "/.well-known/oauth-protected-resource/v1",
            "https://api.example.com/.well-known/oauth-protected-resource/v1",
        ),
        (
            "https://api.example.com/v1/",
            "/.well-known/oauth-protected-resource/v1/",
            "https://api.example.com/.well-known/oauth-protected-resource/v1/",
        ),
        (
            "https://api.example.com:8443/a/b",
            "/.well-known/oauth-protected-resource/a/b",
            "https://api.example.com:8443/.well-known/oauth-protected-resource/a/b",
        ),
        (
            "http://localhost:3000/x",
            "/.well-known/oauth-protected-resource/x",
            "http://localhost:3000/.well-known/oauth-protected-resource/x",
        ),
    ] {
        let metadata = ProtectedResourceMetadata::new(resource, [ISSUER]).unwrap();
        assert_eq!(metadata.path(), path);
        assert_eq!(metadata.url(), url);
        assert!(
            metadata
                .to_json()
                .contains(&format!("\"resource\":\"{resource}\""))
        );
    }
}

#[test]
fn a_resource_is_a_url_without_query_and_fragment() {
    for resource in [
        "",
        "/orders",
        "api.example.com",
        "https://",
        "https:///orders",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "urn:example:api",
        "https://api.example.com?x=1",
        "https://api.example.com/?x=1",
        "https://api.example.com/?",
        "https://api.example.com/#x",
        "https://api.example.com/#",
        "https://api example.com",
        "https://api.example.com/\r\nX: y",
        "*",
    ] {
        assert_eq!(
            refused(resource).to_string(),
            "a resource must be an absolute http or https URL without query and fragment",
            "{resource}"
        );
    }
}

#[test]
fn the_challenge_names_the_document() {
    let metadata = ProtectedResourceMetadata::new("https://api.example.com/v1", [ISSUER]).unwrap();
    let space = ProtectionSpace::new("orders")
        .unwrap()
        .resource_metadata(metadata.url())
        .unwrap();
    let challenge = Challenge::new(&Rejection::NoCredentials, &space);
    assert_eq!(
        challenge.headers()["www-authenticate"],
        "Bearer realm=\"orders\", resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/v1\""
    );
}
