//! Envoy: `ext_authz` over gRPC. Envoy sends every field of the request, and removes the fields that
//! the answer names.

use super::application::Http;
use super::forward_auth::ForwardAuth;
use super::{LIMIT, RecipeError, envoy};

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let title = "Envoy before the application, asking bearward over gRPC.";
    let filter = format!(
        "                      # Not `with_request_body`: bearward decides by the head. Not `allowed_headers`: it has to see
                      # every spelling of an identity header.
                      grpc_service:
                        envoy_grpc: {{ cluster_name: bearward }}
                        timeout: {LIMIT}
"
    );
    envoy::write(recipe, title, &filter, Http::Two)
}
