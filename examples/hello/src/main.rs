//! One protected route: the README's ten lines.

use axum::{Router, routing::get};
use bearward_axum::{BearerLayer, Caller, ResourceServer};

async fn hello(caller: Caller) -> String {
    format!("Hello, {}!", caller.subject())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = "https://my-project.authgear.cloud";
    let server = ResourceServer::new(issuer, issuer)?;
    let app = Router::new()
        .route("/hello", get(hello))
        .layer(BearerLayer::new(&server));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}
