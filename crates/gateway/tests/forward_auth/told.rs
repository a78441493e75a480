//! What the application is told, and what it is spared.

use std::borrow::Cow;

use bearward::Requirements;
use bearward_gateway::identity::{ClaimSource, Encoding, Identity, Preset, Token as Credentials};
use bearward_gateway::route::{Access, Mode, Preflight, Route};
use bearward_testing::token;
use http::{HeaderValue, Request, Response, StatusCode};

use super::setting::{
    DIALECTS, TO_REMOVE, answer, ask_caddy, ask_envoy, assert_refused_plainly, assert_removed,
    code, door_of, field, get, good, prefix, user, with,
};

#[tokio::test]
async fn t_hdr_01_each_field_is_set_or_removed_on_every_200() {
    let authgear = Identity::builder()
        .preset(Preset::Authgear)
        .build()
        .unwrap();
    let mut public = Route::new("public", [prefix("/public")]);
    public.access = Access::Public;
    let mut optional = Route::new("optional", [prefix("/optional")]);
    optional.access = Access::Optional;
    let mut shadow = Route::new("shadow", [prefix("/shadow")]);
    shadow.mode = Mode::Shadow;
    let mut preflight = Route::new("preflight", [prefix("/preflight")]);
    preflight.preflight = Preflight::Passes;
    let door = door_of([public, optional, shadow, preflight], authgear.clone());
    let requests = [
        get("/public"),
        get("/optional"),
        get("/shadow"),
        true_preflight("/preflight"),
    ];
    let asked = requests
        .iter()
        .flat_map(|request| DIALECTS.map(|(dialect, ask)| (request, dialect, ask)));
    for (request, dialect, ask) in asked {
        let mut request = request.clone();
        let evil = HeaderValue::from_static("evil");
        request.headers_mut().insert("x-authgear-user-id", evil);
        let path = request.uri().path().to_owned();
        let response = answer(&door, ask(request)).await;
        assert_eq!(response.status(), StatusCode::OK, "{dialect} {path}");
        for name in authgear.names() {
            assert_removed(&response, dialect, name.as_str());
        }
    }
}

#[tokio::test]
async fn t_hdr_03_a_claim_that_is_absent_is_removed() {
    // The roles are empty, the resolver has no `acr`, and it is no machine.
    let authgear = Identity::builder()
        .preset(Preset::Authgear)
        .build()
        .unwrap();
    let door = door_of([Route::new("all", [prefix("/")])], authgear);
    for (dialect, ask) in DIALECTS {
        let mut request = good("/");
        request
            .headers_mut()
            .insert("x-authgear-user-roles", HeaderValue::from_static("admin"));
        let response = answer(&door, ask(request)).await;
        assert_eq!(
            field(&response, "x-authgear-user-id"),
            token::SUBJECT,
            "{dialect}"
        );
        for name in [
            "x-authgear-user-roles",
            "x-authgear-session-acr",
            "x-bearward-client-id",
        ] {
            assert_removed(&response, dialect, name);
        }
    }
}

#[tokio::test]
async fn t_hdr_02_envoy_is_told_every_spelling() {
    let identity = Identity::builder()
        .preset(Preset::Authgear)
        .build()
        .unwrap();
    let door = door_of([Route::new("all", [prefix("/")])], identity.clone());
    let mut request = good("/");
    for name in [
        "x.authgear.user.id",
        "x_authgear-invented",
        "x-bearward-kind",
        "x_unrelated",
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static("evil"));
    }
    let response = answer(&door, ask_envoy(request)).await;
    let list = field(&response, TO_REMOVE);
    let list: Vec<_> = list.split(", ").collect();
    for name in identity.underscore_spellings() {
        assert!(list.contains(&name.as_str()), "{name}");
    }
    for name in [
        "x_authgear_user_id",
        "x_authgear-user_id",
        "x_id_token",
        "x-id-token",
        "authorization",
        "x.authgear.user.id",
        "x_authgear-invented",
        "x-bearward-kind",
        "x-authgear-user-roles",
        "x_unrelated",
    ] {
        assert!(list.contains(&name), "{name}");
    }
    // What is set must not be removed again; what is the application's own matter is left alone.
    for name in ["x-authgear-user-id", "x-authgear-session-valid", "accept"] {
        assert!(!list.contains(&name), "{name}");
    }
}

#[tokio::test]
async fn t_fwd_12_envoy_is_told_what_misleads_and_was_sent() {
    let identity = Identity::builder()
        .preset(Preset::Bearward)
        .remove("x-tenant".parse().unwrap())
        .keep("x-forwarded-prefix".parse().unwrap());
    let mut public = Route::new("public", [prefix("/public")]);
    public.access = Access::Public;
    let all = Route::new("all", [prefix("/")]);
    let door = door_of([public, all], identity.build().unwrap());
    let removed = [
        "script_name",
        "x-script-name",
        "daphne-root-path",
        "x-original-url",
        "x_forwarded_for",
        "x-forwarded-host",
        "forwarded",
        "true-client-ip",
        "x-tenant",
        "x.tenant",
        "x-remote-user",
    ];
    // Envoy's own, what is kept, and what misleads nobody.
    let left = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-envoy-external-address",
        "x-forwarded-prefix",
        "x-request-id",
        "accept",
    ];
    for target in ["/public", "/orders"] {
        let mut request = good(target);
        for name in removed.iter().chain(&left) {
            let evil = HeaderValue::from_static("evil");
            request.headers_mut().insert(*name, evil);
        }
        let response = answer(&door, ask_envoy(request)).await;
        let list = field(&response, TO_REMOVE);
        let list: Vec<_> = list.split(", ").collect();
        for name in removed {
            assert!(list.contains(&name), "{target} {name}");
        }
        for name in left {
            assert!(!list.contains(&name), "{target} {name}");
        }
        // What was not sent costs nothing.
        assert!(!list.contains(&"x-webauth-user"));
    }
}

#[tokio::test]
async fn the_token_goes_no_further_unless_it_is_forwarded() {
    let build = |token| {
        Identity::builder()
            .preset(Preset::Bearward)
            .token(token)
            .build()
            .unwrap()
    };
    let all = || [Route::new("all", [prefix("/")])];
    let strips = door_of(all(), build(Credentials::Strip));
    let forwards = door_of(all(), build(Credentials::Forward));
    let listed = |response: &Response<Cow<'static, str>>| {
        let list = field(response, TO_REMOVE);
        list.split(", ").any(|name| name == "authorization")
    };
    assert!(listed(&answer(&strips, ask_envoy(good("/"))).await));
    assert!(!listed(&answer(&forwards, ask_envoy(good("/"))).await));
    let caddy = answer(&strips, ask_caddy(good("/"))).await;
    assert_eq!(caddy.headers().get("authorization").unwrap(), "");
    let caddy = answer(&forwards, ask_caddy(good("/"))).await;
    assert!(!caddy.headers().contains_key("authorization"));
}

#[tokio::test]
async fn t_hdr_05_t_hdr_06_t_hdr_07_a_claim_that_cannot_be_told_is_refused() {
    let field = |path: &str, encoding| {
        let source = ClaimSource::Claim(path.into());
        let identity = Identity::builder()
            .field("X-Told", source, encoding)
            .build();
        door_of([Route::new("all", [prefix("/")])], identity.unwrap())
    };
    let long = "x".repeat(9 * 1024);
    for (claim, encoding, wanted) in [
        (
            "a\r\nX-Admin: 1".into(),
            Encoding::Plain,
            "claim_not_header_safe",
        ),
        (
            serde_json::json!(["a,admin"]),
            Encoding::Comma,
            "claim_not_header_safe",
        ),
        (long.into(), Encoding::Plain, "claim_too_large"),
    ] {
        let door = field("told", encoding);
        let request = with(&user().claim("told", claim), "/");
        for (dialect, ask) in DIALECTS {
            let response = answer(&door, ask(request.clone())).await;
            assert_eq!(code(&response), wanted, "{dialect}");
            assert_refused_plainly(&response, 403);
            assert!(!response.headers().contains_key("x-told"), "{dialect}");
        }
    }
}

#[tokio::test]
async fn a_hdr_03_a_name_outside_ascii_does_not_lock_a_user_out() {
    let source = ClaimSource::Claim("name".into());
    for (encoding, wanted) in [
        (Encoding::Plain, None),
        (Encoding::Percent, Some("J%C3%BCrgen%20%E6%97%A5%E6%9C%AC")),
    ] {
        let identity =
            Identity::builder()
                .preset(Preset::Bearward)
                .field("X-Name", source.clone(), encoding);
        let door = door_of(
            [Route::new("all", [prefix("/")])],
            identity.build().unwrap(),
        );
        for (dialect, ask) in DIALECTS {
            let mut request = with(&user().claim("name", "Jürgen 日本"), "/");
            let evil = HeaderValue::from_static("evil");
            request.headers_mut().insert("x-name", evil);
            let response = answer(&door, ask(request)).await;
            assert_eq!(response.status(), StatusCode::OK, "{dialect}");
            assert_eq!(field(&response, "x-bearward-subject"), token::SUBJECT);
            match wanted {
                Some(wanted) => assert_eq!(field(&response, "x-name"), wanted, "{dialect}"),
                None => assert_removed(&response, dialect, "x-name"),
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_tells_no_identity() {
    let identity = Identity::builder()
        .preset(Preset::Bearward)
        .build()
        .unwrap();
    let mut admin = Route::new("admin", [prefix("/")]);
    admin.require = vec![vec![Requirements::builder().role("admin").build().unwrap()]];
    let door = door_of([admin], identity.clone());
    for (dialect, ask) in DIALECTS {
        let response = answer(&door, ask(good("/"))).await;
        assert_eq!(code(&response), "claim_rule", "{dialect}");
        for name in identity.names() {
            assert!(!response.headers().contains_key(name), "{dialect} {name}");
        }
        assert!(!response.headers().contains_key(TO_REMOVE), "{dialect}");
    }
}

fn true_preflight(path: &str) -> Request<()> {
    let request = Request::options(path)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "PUT");
    request.body(()).unwrap()
}
