//! Layers within layers, of one resource server and of several.

use bearward::{Policy, Principal, Profile, Requirements, Source, Sources};
use bearward_testing::conformance::{AUDIENCE, ISSUER, policy};
use bearward_testing::token::{CLIENT_ID, ROLES, SUBJECT};
use bearward_tower::BearerLayer;
use http::{Request, Response, StatusCode};
use serde_json::json;
use tower::{Layer, ServiceBuilder, service_fn};

use crate::fixture::{
    CountingClock, anonymous, answer, forged, good, reason, server, trusting, who, with,
};

#[tokio::test]
async fn a_token_is_verified_once_by_layers_of_one_server() {
    // A verification looks at the clock once, and so does a check of requirements; nothing else does.
    let clock = CountingClock::default();
    let server = trusting([policy(ISSUER)]).clock(clock.clock()).build();
    let server = server.unwrap();
    let layer = || BearerLayer::new(&server);
    let stack = ServiceBuilder::new()
        .layer(layer().optional())
        .layer(layer())
        .layer(BearerLayer::new(&server.clone()))
        .service(who());

    let response = answer(&stack, with(&good())).await;
    assert_eq!(response.body(), SUBJECT);
    assert_eq!(clock.count(), 1);

    // The next request is another one.
    answer(&stack, with(&good())).await;
    assert_eq!(clock.count(), 2);

    let asking = layer().require(requirements().build().unwrap());
    answer(&asking.layer(stack), with(&good())).await;
    assert_eq!(clock.count(), 4);
}

#[tokio::test]
async fn each_layer_adds_its_requirements() {
    let server = server();
    let scope = requirements().scope("orders:read").build().unwrap();
    let role = requirements().role("admin").build().unwrap();
    let user = requirements().user().build().unwrap();
    let both = BearerLayer::new(&server).require(role).require(user);
    let stack = ServiceBuilder::new()
        .layer(BearerLayer::new(&server).require(scope))
        .layer(both)
        .service(who());

    let scoped = good().claim("scope", "orders:read");
    let admin = good().claim(ROLES, json!(["admin"]));
    let full = scoped.clone().claim(ROLES, json!(["admin"]));
    for (token, refused) in [
        (&good(), Some("insufficient_scope")),
        (&scoped, Some("claim_rule")),
        (&admin, Some("insufficient_scope")),
        (
            &full.clone().claim("sub", format!("client_id_{CLIENT_ID}")),
            Some("principal_kind"),
        ),
        (&full, None),
    ] {
        let response = answer(&stack, with(token)).await;
        assert_eq!(reason(&response), refused);
    }
}

#[tokio::test]
async fn a_layer_of_another_server_authenticates_anew() {
    let (clock, other_clock) = (CountingClock::default(), CountingClock::default());
    let server = trusting([policy(ISSUER)]).clock(clock.clock()).build();
    let other_policy = Policy::builder(ISSUER, "https://other.example").profile(Profile::Auth0);
    let other = trusting([other_policy.build().unwrap()]).clock(other_clock.clock());
    let client = service_fn(async |request: Request<()>| {
        let principal: &Principal = request.extensions().get().unwrap();
        Ok::<_, std::convert::Infallible>(Response::new(principal.client_id().unwrap().to_owned()))
    });
    let stack = ServiceBuilder::new()
        .layer(BearerLayer::new(&server.unwrap()))
        .layer(BearerLayer::new(&other.build().unwrap()))
        .service(client);

    let refused = answer(&stack, with(&good())).await;
    assert_eq!(reason(&refused), Some("aud_mismatch"));
    assert_eq!((clock.count(), other_clock.count()), (1, 1));

    // What the handler gets is what the inner server found.
    let for_both = good().claim("aud", json!([AUDIENCE, "https://other.example"]));
    let admitted = answer(&stack, with(&for_both.claim("azp", "of the other"))).await;
    assert_eq!(admitted.body(), "of the other");
    assert_eq!((clock.count(), other_clock.count()), (2, 2));
}

#[tokio::test]
async fn two_servers_with_equal_settings_are_two() {
    let clock = CountingClock::default();
    let built = || {
        trusting([policy(ISSUER)])
            .clock(clock.clock())
            .build()
            .unwrap()
    };
    let stack = ServiceBuilder::new()
        .layer(BearerLayer::new(&built()))
        .layer(BearerLayer::new(&built()))
        .service(who());
    assert_eq!(answer(&stack, with(&good())).await.body(), SUBJECT);
    assert_eq!(clock.count(), 2);
}

#[tokio::test]
async fn optional_outside_and_required_inside() {
    let server = server();
    let stack = ServiceBuilder::new()
        .layer(BearerLayer::new(&server).optional())
        .layer(BearerLayer::new(&server))
        .service(who());
    let refused = answer(&stack, anonymous()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(reason(&refused), Some("no_credentials"));
    let refused = answer(&stack, with(&forged())).await;
    assert_eq!(reason(&refused), Some("signature_invalid"));
    assert_eq!(answer(&stack, with(&good())).await.body(), SUBJECT);
}

#[tokio::test]
async fn required_outside_and_optional_inside() {
    let server = server();
    let stack = ServiceBuilder::new()
        .layer(BearerLayer::new(&server))
        .layer(BearerLayer::new(&server).optional())
        .service(who());
    let refused = answer(&stack, anonymous()).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
    assert_eq!(answer(&stack, with(&good())).await.body(), SUBJECT);
}

#[tokio::test]
async fn optional_with_requirements_admits_nobody() {
    let asked = requirements().build().unwrap();
    let layer = BearerLayer::new(&server())
        .optional()
        .require(asked.clone());
    let refused = answer(&layer.layer(who()), anonymous()).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
    // Whichever was said first.
    let layer = BearerLayer::new(&server()).require(asked).optional();
    let refused = answer(&layer.layer(who()), anonymous()).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
}

#[tokio::test]
async fn nobody_means_nobody() {
    // The credentials do not reach the inner layer, which is of another server and optional.
    let without_credentials = |mut request: Request<()>| {
        request.headers_mut().remove("authorization");
        request
    };
    let stack = ServiceBuilder::new()
        .layer(BearerLayer::new(&server()))
        .map_request(without_credentials)
        .layer(BearerLayer::new(&server()).optional())
        .service(who());
    assert_eq!(answer(&stack, with(&good())).await.body(), "nobody");
}

#[tokio::test]
async fn nobody_is_nobody_for_the_layers_within() {
    let without_credentials = |mut request: Request<()>| {
        request.headers_mut().remove("authorization");
        request
    };
    let outer = server();
    let stack = ServiceBuilder::new()
        .layer(BearerLayer::new(&outer))
        .map_request(without_credentials)
        .layer(BearerLayer::new(&server()).optional())
        .layer(BearerLayer::new(&outer))
        .service(who());
    let refused = answer(&stack, with(&good())).await;
    assert_eq!(reason(&refused), Some("no_credentials"));
}

#[tokio::test]
async fn a_principal_that_something_between_put_there_is_not_believed() {
    let server = server();
    let admin = good().claim("sub", "admin").claim(ROLES, json!(["admin"]));
    let admin = server.authenticate(&with(&admin)).await.unwrap();
    let impersonate = move |mut request: Request<()>| {
        request.extensions_mut().insert(admin.clone());
        request
    };
    let role = requirements().role("admin").build().unwrap();
    let stack = |inner: BearerLayer| {
        ServiceBuilder::new()
            .layer(BearerLayer::new(&server))
            .map_request(impersonate.clone())
            .layer(inner)
            .service(who())
    };
    let inner = stack(BearerLayer::new(&server));
    assert_eq!(answer(&inner, with(&good())).await.body(), SUBJECT);
    let inner = stack(BearerLayer::new(&server).require(role));
    let refused = answer(&inner, with(&good())).await;
    assert_eq!(reason(&refused), Some("claim_rule"));
}

#[tokio::test]
async fn a_principal_that_no_layer_left_is_not_believed() {
    let server = server();
    let mut request = anonymous();
    let principal = server.authenticate(&with(&good())).await.unwrap();
    request.extensions_mut().insert(principal);

    let required = BearerLayer::new(&server).layer(who());
    let refused = answer(&required, request.clone()).await;
    assert_eq!(reason(&refused), Some("no_credentials"));

    let optional = BearerLayer::new(&server).optional().layer(who());
    assert_eq!(answer(&optional, request).await.body(), "nobody");
}

fn requirements() -> bearward::core::requirements::RequirementsBuilder {
    Requirements::builder()
}

/// An inner layer that reads a token elsewhere does not take over what the outer one found.
#[tokio::test]
async fn t_req_04_each_layer_reads_its_own_sources() {
    let server = server();
    let field = Sources::new([Source::field("X-Token").unwrap()]).unwrap();
    let token = good().sign();
    let by_field = || {
        let request = Request::get("/orders").header("x-token", &token);
        request.body(()).unwrap()
    };
    let plain = || BearerLayer::new(&server);
    let reading = || plain().sources(field.clone());
    for (outer, inner, expected) in [
        (reading(), reading(), None),
        (reading(), plain(), Some("no_credentials")),
        (plain().optional(), reading(), None),
        (plain(), reading(), Some("no_credentials")),
    ] {
        let stack = outer.layer(inner.layer(who()));
        let response = answer(&stack, by_field()).await;
        assert_eq!(reason(&response), expected);
    }
    let server = trusting([policy(ISSUER)]).sources(field).build().unwrap();
    let response = answer(&BearerLayer::new(&server).layer(who()), by_field()).await;
    assert_eq!(response.body(), SUBJECT);
}
