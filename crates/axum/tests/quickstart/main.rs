use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use bearward_axum::{BearerLayer, Caller, Requirements, ResourceServer};

#[cfg(test)]
mod tests;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = "https://my-project.authgear.cloud";
    let server = ResourceServer::new(issuer, issuer)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app(&server)?).await?)
}

fn app(server: &ResourceServer) -> Result<Router, Box<dyn Error>> {
    let read = Requirements::builder().scope("orders:read").build()?;
    let admin = Requirements::builder().role("admin").build()?;
    let recent = Requirements::builder()
        .user()
        .max_age(Duration::from_secs(300))
        .build()?;

    let asking = |requirements| BearerLayer::new(server).require(requirements);
    let app = Router::new()
        .route("/hello", get(hello))
        .route("/orders", get(orders).layer(asking(read)))
        .route("/admin", get(hello).layer(asking(admin)))
        .route("/transfer", post(transfer).layer(asking(recent)))
        .layer(BearerLayer::new(server))
        .route("/", get(welcome));
    Ok(app)
}

async fn welcome() -> &'static str {
    "Welcome, everybody!"
}

async fn hello(caller: Caller) -> String {
    format!("Hello, {}!", caller.subject())
}

async fn orders(Caller(principal): Caller) -> String {
    format!("The orders of {}", principal.subject())
}

async fn transfer(Caller(principal): Caller) -> String {
    format!("Transferred by {}", principal.subject())
}
