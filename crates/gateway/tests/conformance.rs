//! The suite for adapters, through the doors of forward auth that carry every status.

use bearward_testing::conformance::{Failures, Suite};
use http::Request;

use crate::forward_auth::setting::{
    LOOPBACK, ask_caddy, ask_envoy, ask_nginx, ask_traefik, door, head_of,
};

#[tokio::test]
async fn the_traefik_door_conforms() -> Result<(), Failures> {
    conforms(ask_traefik).await
}

#[tokio::test]
async fn the_caddy_door_conforms() -> Result<(), Failures> {
    conforms(ask_caddy).await
}

/// Envoy is told 403 for 503 and nginx one of 401 and 403 for everything: what they are told is
/// tested on its own, and that the decision is the same is tested here.
#[tokio::test]
async fn the_envoy_and_nginx_doors_decide_alike() {
    let door = door();
    for case in Suite::new().cases() {
        let wanted = decided(&door, ask_traefik(case.request())).await;
        assert_eq!(
            decided(&door, ask_envoy(case.request())).await,
            wanted,
            "{}",
            case.name()
        );
        assert_eq!(
            decided(&door, ask_nginx(case.request())).await,
            wanted,
            "{}",
            case.name()
        );
    }
}

/// What the door knows of the true answer: status, reason, challenge, subject.
async fn decided(
    door: &bearward_gateway::forward_auth::ForwardAuth,
    question: Request<()>,
) -> [String; 4] {
    let response = door.answer(LOOPBACK, head_of(&question)).await;
    let field = |name| {
        let values = response.headers().get_all(name).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        values.join("|")
    };
    let reason: Option<&bearward_gateway::decision::Reason> = response.extensions().get();
    [
        field("x-bearward-status"),
        reason
            .map(|reason| reason.code().to_owned())
            .unwrap_or_default(),
        field("www-authenticate"),
        field("x-subject"),
    ]
}

async fn conforms(ask: impl Fn(Request<()>) -> Request<()>) -> Result<(), Failures> {
    let door = door();
    let adapter = async |request| {
        let question = ask(request);
        let mut response = door.answer(LOOPBACK, head_of(&question)).await;
        // Caddy is told of a field to be removed by an empty one.
        if response
            .headers()
            .get("x-subject")
            .is_some_and(|value| value.is_empty())
        {
            response.headers_mut().remove("x-subject");
        }
        response.map(str::to_owned)
    };
    Suite::new().run(adapter).await
}
