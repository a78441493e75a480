//! Envoy: `ext_authz` over gRPC. Envoy sends every field of the request, and removes the fields that
//! the answer names.

use super::application::Http;
use super::forward_auth::ForwardAuth;
use super::{LIMIT, RecipeError, envoy};

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let title = "Envoy in front of the application, asking bearward over gRPC.";
    let filter = format!(
        "                      # Leave out `with_request_body`: bearward reads only the head. Leave out `allowed_headers`:
                      # bearward must see every spelling of an identity header.
                      grpc_service:
                        envoy_grpc: {{ cluster_name: bearward }}
                        timeout: {LIMIT}
"
    );
    envoy::write(recipe, title, &filter, Http::Two)
}
