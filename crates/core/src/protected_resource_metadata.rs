//! The metadata that this resource server publishes about itself: protected resource metadata ([RFC
//! 9728 §2]).
//!
//! The document comes from the configuration, never from `Host`. The adapters serve it.
//!
//! [RFC 9728 §2]: https://www.rfc-editor.org/rfc/rfc9728#section-2

use http::Uri;
use serde::Serialize;

use crate::source::Sources;

/// The protected resource metadata document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProtectedResourceMetadata {
    resource: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<String>,
    #[serde(skip)]
    path: String,
    #[serde(skip)]
    url: String,
}

impl ProtectedResourceMetadata {
    /// Describes the resource at the URL `resource`, whose tokens `authorization_servers` issue.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if `resource` is not an absolute http or https URL without query and
    /// fragment ([RFC 9728 §1.2]).
    ///
    /// [RFC 9728 §1.2]: https://www.rfc-editor.org/rfc/rfc9728#section-1.2
    pub fn new<S: Into<String>>(
        resource: impl Into<String>,
        authorization_servers: impl IntoIterator<Item = S>,
    ) -> Result<Self, ResourceError> {
        let resource = resource.into();
        let uri: Uri = resource.parse().map_err(|_| ResourceError)?;
        let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(ResourceError);
        };
        if uri.query().is_some() || resource.contains('#') {
            return Err(ResourceError);
        }
        // RFC 9728 §3.1: inserted between host and path; a slash that follows the host is left out.
        let suffix = Some(uri.path())
            .filter(|path| *path != "/")
            .unwrap_or_default();
        let path = format!("/.well-known/oauth-protected-resource{suffix}");
        let url = format!(
            "{}://{authority}{path}",
            uri.scheme_str().unwrap_or("https")
        );
        Ok(Self {
            resource,
            authorization_servers: authorization_servers.into_iter().map(Into::into).collect(),
            scopes_supported: Vec::new(),
            bearer_methods_supported: HEADER,
            resource_name: None,
            resource_documentation: None,
            path,
            url,
        })
    }

    /// The scopes that clients may ask for.
    #[must_use]
    pub fn scopes_supported<S: Into<String>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.scopes_supported = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Names `query` among the methods of presenting a token if these sources have it. For the others
    /// there are no registered names ([RFC 9728 §2]).
    ///
    /// [RFC 9728 §2]: https://www.rfc-editor.org/rfc/rfc9728#section-2
    #[must_use]
    pub fn sources(mut self, sources: &Sources) -> Self {
        self.bearer_methods_supported = match sources.has_query() {
            true => HEADER_AND_QUERY,
            false => HEADER,
        };
        self
    }

    /// A name to show to people.
    #[must_use]
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// The URL of a page for developers.
    #[must_use]
    pub fn resource_documentation(mut self, url: impl Into<String>) -> Self {
        self.resource_documentation = Some(url.into());
        self
    }

    /// The URL of the resource.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The path at which to serve the document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL of the document, for the `resource_metadata` of challenges.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serialising strings and lists of strings does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

const HEADER: &[&str] = &["header"];
const HEADER_AND_QUERY: &[&str] = &["header", "query"];

/// The resource is not a URL that can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a resource must be an absolute http or https URL without query and fragment")]
#[non_exhaustive]
pub struct ResourceError;
