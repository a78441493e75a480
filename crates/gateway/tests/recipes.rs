//! Recipes: the whole text of each, as it stands in `tests/golden/recipes` and in `docs/recipes`.
//!
//! Those for TLS are in `tests/golden/recipes/tls`.
//!
//! With `BEARWARD_BLESS=1` in the environment the files are written anew; look at the difference.
//! That they work is what `scripts/e2e-gateways` tests, with the proxies themselves.

use std::path::{Path, PathBuf};

use bearward_gateway::config::{Config, Surroundings};
use bearward_gateway::recipe::{Proxy, Recipe, RecipeError};
use rcgen::generate_simple_self_signed;
use tempfile::TempDir;

/// Whatever is there to be said.
const EVERYTHING: &str = r#"
[[issuers]]
issuer = "https://id.example.com"
audiences = ["https://api.example.com"]

[protection]
id_token_header = "X-Proof"
resource = "https://api.example.com/v1"
origins = ["https://app.example.com"]

[[routes]]
name = "all"
path_prefix = "/"
upstream = "orders"

[upstreams.orders]
urls = ["http://10.0.0.7:3000", "http://[2001:db8::7]:3000"]
host = "orders.example.com:8443"

[upstreams.orders-secure]
urls = "https://orders.example.com"

[identity]
preset = "bearward"
drop_underscores = true

[[identity.fields]]
header = "Remote-User"
claim = "preferred_username"

[listen.forward_auth]
address = "10.0.0.8:9170"
trusted_proxies = ["10.0.0.0/24", "10.0.1.9"]

[listen.ext_authz]
address = "10.0.0.8:9171"
trusted_proxies = "10.0.0.0/24"

[listen.proxy]
address = "10.0.0.8:8080"
trusted_proxies = "10.0.0.0/24"
"#;

fn config(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("the test")))
}

/// `EVERYTHING`, with TLS on each listener, and perhaps with `client_ca`.
fn secured(client_ca: &str) -> Config {
    let folder = TempDir::new().unwrap();
    let certified = generate_simple_self_signed(["bearward.internal".to_owned()]).unwrap();
    let write = |name, pem| std::fs::write(folder.path().join(name), pem).unwrap();
    write("cert.pem", certified.cert.pem());
    write("key.pem", certified.signing_key.serialize_pem());
    let tls = format!("tls = {{ certificate = 'cert.pem', key = 'key.pem'{client_ca} }}\n");
    let mut text = EVERYTHING.to_owned();
    for listener in ["forward_auth", "ext_authz", "proxy"] {
        let table = format!("[listen.{listener}]\n");
        text = text.replace(&table, &format!("{table}{tls}"));
    }
    let parsed = Config::parse_in(&text, &Surroundings::new(folder.path(), |_| None));
    parsed.unwrap_or_else(|mistakes| panic!("{}", mistakes.render("the test")))
}

const CLIENT_CA: &str = ", client_ca = 'cert.pem'";

fn is_chain(proxy: Proxy) -> bool {
    matches!(proxy, Proxy::Apache | Proxy::Haproxy)
}

/// Before `secured`, with all that it needs.
fn to_secured(proxy: Proxy, config: &Config) -> Recipe<'_> {
    let place = "bearward.internal:9443".parse().unwrap();
    let recipe = Recipe::new(proxy, config).bearward(place);
    match is_chain(proxy) {
        true => recipe,
        false => recipe.upstream("orders"),
    }
}

/// As the pages of the manual and the golden files have it.
fn written(proxy: Proxy, config: &Config, upstream: Option<&str>) -> String {
    let recipe = Recipe::new(proxy, config);
    let recipe = match (proxy, upstream) {
        (Proxy::Apache | Proxy::Haproxy, _) => recipe,
        (Proxy::IngressNginx, _) => recipe
            .bearward("bearward.default.svc.cluster.local:9170".parse().unwrap())
            .application("application.shop:3000".parse().unwrap()),
        (_, Some(name)) => recipe.upstream(name),
        (_, None) => recipe,
    };
    recipe.write().unwrap()
}

fn is_blessed() -> bool {
    std::env::var_os("BEARWARD_BLESS").is_some()
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

#[test]
fn t_hdr_03_each_recipe_is_as_it_stands_in_its_file() {
    let config = config(EVERYTHING);
    for &proxy in Proxy::ALL {
        let recipe = written(proxy, &config, Some("orders"));
        let path = in_repository("crates/gateway/tests/golden/recipes").join(proxy.name());
        if is_blessed() {
            std::fs::write(&path, &recipe).expect("writing a golden file");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(recipe, golden, "{}", path.display());
    }
}

#[test]
fn each_recipe_for_tls_is_as_it_stands_in_its_file() {
    let config = secured(CLIENT_CA);
    for &proxy in Proxy::ALL {
        if proxy == Proxy::IngressNginx {
            continue;
        }
        let key = match is_chain(proxy) {
            true => "/etc/proxy/proxy.pem",
            false => "/etc/proxy/proxy.key",
        };
        let recipe = to_secured(proxy, &config)
            .authorities("/etc/proxy/authorities.pem")
            .client_certificate("/etc/proxy/proxy.pem", key)
            .write()
            .unwrap();
        let path = in_repository("crates/gateway/tests/golden/recipes/tls").join(proxy.name());
        if is_blessed() {
            std::fs::write(&path, &recipe).expect("writing a golden file");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(recipe, golden, "{}", path.display());
    }
}

#[test]
fn without_authorities_of_its_own_a_certificate_is_verified_by_those_of_the_system() {
    let config = secured("");
    let verified = [
        (Proxy::Apache, "SSLProxyVerify require\n"),
        (Proxy::Caddy, "tls_server_name bearward.internal\n"),
        (
            Proxy::EnvoyGrpc,
            "{ san_type: DNS, matcher: { exact: \"bearward.internal\" } }\n",
        ),
        (
            Proxy::EnvoyHttp,
            "{ san_type: DNS, matcher: { exact: \"bearward.internal\" } }\n",
        ),
        (
            Proxy::Haproxy,
            "ssl verify required ca-file @system-ca sni str(bearward.internal)",
        ),
        (Proxy::Nginx, "proxy_ssl_verify on;\n"),
        (
            Proxy::Traefik,
            "address: \"https://bearward.internal:9443/auth/traefik\"\n",
        ),
    ];
    for (proxy, line) in verified {
        let recipe = to_secured(proxy, &config).write().unwrap();
        assert!(recipe.contains(line), "{proxy:?}: {recipe}");
        let bundle = "/etc/ssl/certs/ca-certificates.crt";
        let names_bundle = [
            Proxy::Apache,
            Proxy::EnvoyGrpc,
            Proxy::EnvoyHttp,
            Proxy::Nginx,
        ];
        let is_named = recipe.contains(bundle);
        assert_eq!(
            is_named,
            names_bundle.contains(&proxy),
            "{proxy:?}: {recipe}"
        );
        for word in [
            "insecure",
            "verify off",
            "verify none",
            "http://bearward.internal",
        ] {
            assert!(!recipe.contains(word), "{proxy:?}: {recipe}");
        }
    }
}

#[test]
fn what_tls_needs_is_told_and_nothing_besides_is_taken() {
    let (plain, asks, secured) = (config(EVERYTHING), secured(CLIENT_CA), secured(""));
    let said = |recipe: Recipe<'_>| recipe.write().unwrap_err().to_string();
    for (proxy, table) in [
        (Proxy::Apache, "[listen.proxy.tls]"),
        (Proxy::Caddy, "[listen.forward_auth.tls]"),
        (Proxy::EnvoyGrpc, "[listen.ext_authz.tls]"),
    ] {
        let with = |config| to_secured(proxy, config).client_certificate("/p.pem", "/p.pem");
        assert_eq!(
            said(to_secured(proxy, &plain).authorities("/ca.pem")),
            format!(
                "a file with certificate authorities has no effect without {table}: leave it out"
            )
        );
        assert_eq!(
            said(with(&plain)),
            format!("a client certificate has no effect without {table}: leave it out")
        );
        assert_eq!(
            said(with(&secured)),
            "a client certificate has no effect without `client_ca`: leave it out"
        );
        assert_eq!(
            said(to_secured(proxy, &asks)),
            format!(
                "`client_ca` of {table} requires a client certificate: give the proxy's certificate \
                 and key"
            )
        );
        for place in ["10.0.0.8:9170", "unix:/run/bearward.sock"] {
            let unnamed = to_secured(proxy, &secured).bearward(place.parse().unwrap());
            assert_eq!(
                unnamed.write(),
                Err(RecipeError::NoName(place.parse().unwrap()))
            );
        }
    }
    for proxy in [Proxy::Apache, Proxy::Haproxy] {
        let two = to_secured(proxy, &asks).client_certificate("/p.pem", "/p.key");
        let said = said(two);
        assert!(
            said.contains("put certificate and key into one file"),
            "{said}"
        );
    }
    let ingress = to_secured(Proxy::IngressNginx, &secured);
    let ingress = said(ingress.application("application.shop:3000".parse().unwrap()));
    assert!(
        ingress.contains("verifying bearward's certificate"),
        "{ingress}"
    );
}

#[test]
fn only_a_recipe_that_loses_the_fields_of_origins_is_about_them() {
    let told = config(EVERYTHING);
    let silent = config(&EVERYTHING.replace("origins = [\"https://app.example.com\"]\n", ""));
    for &proxy in Proxy::ALL {
        let [with, without] = [&told, &silent].map(|config| written(proxy, config, Some("orders")));
        if proxy == Proxy::Nginx {
            for name in ["Allow-Origin", "Allow-Credentials", "Expose-Headers"] {
                let line = format!("add_header Access-Control-{name} $bw_");
                assert_eq!(with.matches(&line).count(), 1, "{with}");
            }
            assert_eq!(with.matches("add_header Vary $bw_vary always;").count(), 1);
            assert!(!without.contains("Allow-Origin") && !without.contains("Vary"));
        } else if proxy == Proxy::IngressNginx {
            let line = "`origins` of [protection] does not let pages read refusals here";
            assert!(with.contains(line) && !without.contains(line), "{with}");
        } else {
            assert_eq!(with, without, "{proxy:?}");
        }
    }
}

#[test]
fn the_metadata_is_reached_past_the_question() {
    let told = config(EVERYTHING);
    let silent = config(&EVERYTHING.replace("resource = \"https://api.example.com/v1\"\n", ""));
    let path = "/.well-known/oauth-protected-resource/v1";
    for &proxy in Proxy::ALL {
        let recipe = written(proxy, &told, Some("orders"));
        let lines = recipe.lines().filter(|line| !line.starts_with('#'));
        let routed = lines.filter(|line| line.contains(path)).count();
        // bearward answers itself behind a chain, and in the place of Envoy over gRPC.
        let answers = [Proxy::Apache, Proxy::EnvoyGrpc, Proxy::Haproxy].contains(&proxy);
        assert_eq!(routed == 0, answers, "{proxy:?}: {recipe}");
        assert!(recipe.contains(&format!(
            "# - Challenges refer clients to https://api.example.com{path} "
        )));
        let recipe = written(proxy, &silent, Some("orders"));
        assert!(
            !recipe.contains("oauth-protected-resource"),
            "{proxy:?}: {recipe}"
        );
    }
    for path in ["v1;return", "{v1}", "v1%20", "$v1", "v'1"] {
        let text = EVERYTHING.replace("api.example.com/v1", &format!("api.example.com/{path}"));
        let Ok(config) = Config::parse(&text) else {
            continue;
        };
        let recipe = Recipe::new(Proxy::Nginx, &config).upstream("orders");
        let said = recipe.write();
        assert!(
            matches!(said, Err(RecipeError::Unwritable { .. })),
            "{path}: {said:?}"
        );
    }
}

#[test]
fn the_manual_has_what_is_written_for_its_configuration() {
    let overview = std::fs::read_to_string(in_repository("docs/recipes/README.md"));
    let overview = overview.expect("docs/recipes/README.md");
    let (_, example) = overview.split_once("```toml\n").expect("a configuration");
    let (example, _) = example.split_once("```").expect("its end");
    let config = config(example);
    for &proxy in Proxy::ALL {
        let path = in_repository("docs/recipes").join(format!("{}.md", proxy.name()));
        let page = std::fs::read_to_string(&path).expect("a page");
        let marker = "<!-- bearward gen-config -->\n";
        let (above, below) = page
            .split_once(marker)
            .expect("the marker of what is generated");
        let recipe = written(proxy, &config, None);
        let fenced = format!("```text\n{recipe}```\n");
        if is_blessed() {
            std::fs::write(&path, format!("{above}{marker}{fenced}")).expect("writing a page");
            continue;
        }
        assert_eq!(below, fenced, "{}", path.display());
    }
}

#[test]
fn the_example_with_flask_has_what_is_written_for_it() {
    let folder = in_repository("examples/flask-behind-gateway/nginx");
    let text = std::fs::read_to_string(folder.join("bearward.toml")).expect("its configuration");
    let recipe = Recipe::new(Proxy::Nginx, &config(&text))
        .listen("127.0.0.1:8080".parse().unwrap())
        .application("unix:/run/hello/flask.sock".parse().unwrap())
        .write()
        .unwrap();
    let path = folder.join("hello.conf");
    if is_blessed() {
        std::fs::write(&path, &recipe).expect("writing the example");
    }
    let example = std::fs::read_to_string(&path).expect("the example");
    assert_eq!(recipe, example);
}

#[test]
fn t_hdr_03_each_recipe_has_every_name() {
    let config = config(EVERYTHING);
    for &proxy in Proxy::ALL {
        if is_chain(proxy) {
            // The reverse proxy behind them has.
            continue;
        }
        let recipe = written(proxy, &config, Some("orders")).to_ascii_lowercase();
        if proxy == Proxy::EnvoyGrpc {
            // It is told with each answer.
            continue;
        }
        let identity = &config.identity;
        for name in identity.names() {
            assert!(recipe.contains(name.as_str()), "{proxy:?}: {name}");
        }
        for name in ["remote-user", "x-proof"] {
            assert!(recipe.contains(name), "{proxy:?}: {name}");
        }
    }
}

#[test]
fn t_fwd_12_each_recipe_removes_what_misleads() {
    let text = EVERYTHING.replace(
        "drop_underscores = true",
        "remove_fields = [\"X-Tenant\"]\nkeep_fields = [\"X-Script-Name\", \"X-Url-Scheme\"]",
    );
    let config = config(&text);
    for &proxy in Proxy::ALL {
        if proxy == Proxy::EnvoyGrpc {
            // It is told with each answer.
            continue;
        }
        let recipe = written(proxy, &config, Some("orders")).to_ascii_lowercase();
        // As a pattern, where it is one.
        let has =
            |name: &str| recipe.contains(name) || recipe.contains(&name.replace('-', "[^a-z0-9]"));
        // The reverse proxy behind a chain removes the rest.
        let removed: &[&str] = match is_chain(proxy) {
            true => &["true-client-ip", "x-real-ip", "forwarded", "x-scheme"],
            false => &[
                "script-name",
                "daphne-root-path",
                "x-rewrite-url",
                "x-tenant",
                "client-ip",
            ],
        };
        for name in removed {
            assert!(has(name), "{proxy:?}: {name}");
        }
        for kept in ["x-script-name", "x-url-scheme"] {
            assert!(!has(kept), "{proxy:?}: {kept}");
        }
    }
}

#[test]
fn t_prx_02_no_recipe_lets_pass_without_an_answer() {
    let config = config(EVERYTHING);
    for proxy in [Proxy::EnvoyGrpc, Proxy::EnvoyHttp] {
        let recipe = written(proxy, &config, Some("orders"));
        let said = recipe
            .lines()
            .filter(|line| line.contains("failure_mode_allow:"));
        let said: Vec<_> = said.map(str::trim).collect();
        assert_eq!(said, ["failure_mode_allow: false"], "{proxy:?}");
    }
    let traefik = written(Proxy::Traefik, &config, Some("orders"));
    assert!(traefik.contains("\n        trustForwardHeader: false\n"));
}

#[test]
fn a_forwarded_token_is_not_removed() {
    let text = EVERYTHING.replace(
        "[[identity.fields]]",
        "forward_token = true\n[[identity.fields]]",
    );
    let config = config(&text);
    let removed = [
        (Proxy::Caddy, "header_up -"),
        (Proxy::IngressNginx, "Authorization"),
        (Proxy::Nginx, "proxy_set_header Authorization"),
        (Proxy::Traefik, "- Authorization"),
    ];
    for (proxy, line) in removed {
        let kept = written(proxy, &config, Some("orders"));
        assert!(!kept.contains(line), "{proxy:?}: {kept}");
    }
}

#[test]
fn envoy_brings_the_trace_that_is_to_be_continued() {
    let brought = |more: &str| {
        let config = config(&format!("{EVERYTHING}{more}"));
        let recipe = written(Proxy::EnvoyHttp, &config, Some("orders"));
        ["traceparent", "tracestate"]
            .map(|name| recipe.contains(&format!("- {{ exact: \"{name}\", ignore_case: true }}\n")))
    };
    assert_eq!(brought(""), [false, false]);
    assert_eq!(brought("[telemetry]\n"), [false, false]);
    let trusted = "[telemetry]\ntrust_traceparent = true\n";
    assert_eq!(brought(trusted), [true, true]);
}

#[test]
fn what_is_missing_is_told() {
    let listener = |proxy: Proxy, table| {
        Err(RecipeError::Listener {
            proxy: proxy.name(),
            table,
        })
    };
    let bare = "[[issuers]]\nissuer = 'https://id.example'\naudiences = 'a'\n\
                [[routes]]\nname = 'all'\npath_prefix = '/'\n";
    let config_bare = config(bare);
    let write = |proxy, config: &Config| Recipe::new(proxy, config).write();
    for (proxy, table) in [
        (Proxy::Nginx, "[listen.forward_auth]"),
        (Proxy::EnvoyGrpc, "[listen.ext_authz]"),
        (Proxy::Haproxy, "[listen.proxy]"),
    ] {
        assert_eq!(write(proxy, &config_bare), listener(proxy, table));
    }

    let none = config(&format!("{bare}[listen.forward_auth]\n"));
    let application = |names: &str| Err(RecipeError::Application(names.to_owned()));
    assert_eq!(write(Proxy::Nginx, &none), application(""));
    let two = config(EVERYTHING);
    let names = "\"orders\", \"orders-secure\"";
    assert_eq!(write(Proxy::Nginx, &two), application(names));
    let misspelt = Recipe::new(Proxy::Nginx, &two).upstream("order");
    assert_eq!(misspelt.write(), application(names));

    for address in ["0.0.0.0:9170", "[::]:9170", "127.0.0.1:0"] {
        let text = format!("{bare}[listen.forward_auth]\naddress = '{address}'\n");
        let config = config(&text);
        let recipe = Recipe::new(Proxy::Nginx, &config).application("app:80".parse().unwrap());
        let open = RecipeError::OpenAddress(address.parse().unwrap());
        assert_eq!(recipe.write(), Err(open));
        let told = recipe.bearward("bearward:9170".parse().unwrap());
        assert!(
            told.write()
                .unwrap()
                .contains("proxy_pass http://bearward:9170/auth/nginx;")
        );
    }
}

#[test]
fn what_a_proxy_cannot_be_told_is_told() {
    let config = config(EVERYTHING);
    let unsayable = |proxy, told: &Recipe<'_>| {
        let said = told.write();
        let is_said =
            matches!(&said, Err(RecipeError::Unsupported { proxy: said, .. }) if *said == proxy);
        assert!(is_said, "{said:?}");
    };
    let socket = || "unix:/run/x.sock".parse().unwrap();
    let recipe = |proxy| Recipe::new(proxy, &config);
    unsayable(
        "Traefik",
        &recipe(Proxy::Traefik).upstream("orders").bearward(socket()),
    );
    unsayable("Traefik", &recipe(Proxy::Traefik).application(socket()));
    unsayable("haproxy", &recipe(Proxy::Haproxy).bearward(socket()));
    unsayable("haproxy", &recipe(Proxy::Haproxy).upstream("orders"));
    let ingress = || recipe(Proxy::IngressNginx);
    // Not a Service; on the machine of the controller.
    unsayable(
        "ingress-nginx",
        &ingress().application("10.0.0.7:3000".parse().unwrap()),
    );
    unsayable(
        "ingress-nginx",
        &ingress().application("app.shop.example.com:80".parse().unwrap()),
    );
    // The metadata, of which its own Ingress says that it is at a Service.
    let address = ingress().bearward("10.0.0.8:9170".parse().unwrap());
    unsayable(
        "ingress-nginx",
        &address.application("app.shop:80".parse().unwrap()),
    );
    let app = || ingress().application("app.shop:80".parse().unwrap());
    for place in ["127.0.0.1:9170", "localhost:9170", "unix:/run/x.sock"] {
        unsayable("ingress-nginx", &app().bearward(place.parse().unwrap()));
    }
    let good = app().bearward("bearward.default:9170".parse().unwrap());
    let good = good.write().unwrap();
    assert!(good.contains("namespace: shop\n"), "{good}");
}

#[test]
fn nothing_of_a_configuration_means_anything_to_a_proxy() {
    let unwritable = |text: &str, proxy| {
        let config = config(text);
        let said = Recipe::new(proxy, &config).upstream("orders").write();
        let is_said = matches!(
            said,
            Err(RecipeError::Unwritable { .. } | RecipeError::Place(_))
        );
        assert!(is_said, "{said:?}");
    };
    let proxies = [
        Proxy::Caddy,
        Proxy::EnvoyGrpc,
        Proxy::EnvoyHttp,
        Proxy::Nginx,
        Proxy::Traefik,
    ];
    let socket = |path: &str| {
        EVERYTHING.replace(
            r#"urls = ["http://10.0.0.7:3000", "http://[2001:db8::7]:3000"]"#,
            &format!("urls = {path:?}"),
        )
    };
    for proxy in proxies {
        for path in [
            "unix:/run/a b",
            "unix:/run/a;return 200",
            "unix:/run/$a",
            "unix:/run/{a}",
            "unix:/run/a\"b",
            "unix:/run/a\nb",
            "unix:/run/a#b",
        ] {
            unwritable(&socket(path), proxy);
        }
        for header in ["X$Proof", "X'Proof", "X`Proof", "X_Proof"] {
            unwritable(&EVERYTHING.replace("X-Proof", header), proxy);
        }
    }
    // These are no configuration in the first place.
    for host in ["a;b", "a b", "a{b}", "$host", "a\\\"b"] {
        let text = EVERYTHING.replace("orders.example.com:8443", host);
        let refused = Config::parse(&text).expect_err("no host");
        assert!(refused.to_string().contains("is not a host"), "{refused}");
    }
    let listen = EVERYTHING.replace("address = \"10.0.0.8:9170\"", "address = \"unix:/run/a b\"");
    unwritable(&listen, Proxy::Nginx);
}

const SOURCES: &str = r#"
[[protection.sources]]
field = "X-Amzn-Oidc-Data"

[[protection.sources]]
cookie = "token"

[[protection.sources]]
websocket_protocol = "bearer"
"#;

const OFFER: &str = "Browsers offer a WebSocket subprotocol in addition to the token";

const TAKEN_OUT: [(Proxy, &[&str]); 6] = [
    (
        Proxy::Nginx,
        &[
            "proxy_set_header Cookie $bw_cookie;",
            "proxy_set_header Sec-Websocket-Protocol $bw_sec_websocket_protocol;",
            "proxy_set_header X-Amzn-Oidc-Data \"\";",
            "add_header Sec-WebSocket-Protocol $bw_answered always;",
        ],
    ),
    (
        Proxy::IngressNginx,
        &["X-Amzn-Oidc-Data,Cookie,Sec-Websocket-Protocol", OFFER],
    ),
    (
        Proxy::Traefik,
        &[
            "- X-Amzn-Oidc-Data\n          - Cookie\n          - Sec-Websocket-Protocol\n",
            OFFER,
        ],
    ),
    (
        Proxy::Caddy,
        &[
            "\t\t\t\tCookie\n\t\t\t\tSec-Websocket-Protocol\n",
            "@no_cookie header_regexp Cookie ^$",
            "header_up -X-Amzn-Oidc-Data",
            OFFER,
        ],
    ),
    (
        Proxy::EnvoyHttp,
        &[
            "                          - { exact: \"cookie\", ignore_case: true }",
            "                          - { exact: \"sec-websocket-version\", ignore_case: true }",
            "                          - { exact: \"sec-fetch-site\", ignore_case: true }",
            "                          - { exact: \"x-amzn-oidc-data\", ignore_case: true }",
            "                              - { exact: \"cookie\", ignore_case: true }",
            "                              - { exact: \"sec-websocket-protocol\", ignore_case: true }",
            OFFER,
        ],
    ),
    (Proxy::EnvoyGrpc, &[]),
];

/// Each proxy replaces what it shares with other values by what bearward answers.
#[test]
fn t_req_11_each_recipe_takes_a_token_out_of_its_source() {
    let text = EVERYTHING.replace("[[routes]]", &format!("{SOURCES}\n[[routes]]"));
    let forwarded = text.replace("preset = ", "forward_token = true\npreset = ");
    let forwarded = config(&forwarded);
    let config = config(&text);
    for (proxy, lines) in TAKEN_OUT {
        let recipe = written(proxy, &config, Some("orders"));
        for line in lines {
            assert!(recipe.contains(line), "{proxy:?} {line}: {recipe}");
        }
        assert_eq!(recipe.contains(OFFER), lines.contains(&OFFER), "{proxy:?}");
        // An application that receives the token gets the fields as they are.
        let recipe = written(proxy, &forwarded, Some("orders"));
        for line in ["bw_cookie", "Sec-Websocket-Protocol", "@no_cookie", OFFER] {
            assert!(!recipe.contains(line), "{proxy:?} {line}: {recipe}");
        }
        let is_read = recipe.contains("- { exact: \"cookie\", ignore_case: true }");
        assert_eq!(is_read, proxy == Proxy::EnvoyHttp, "{proxy:?}");
    }
    // bearward must see the token that it is to read.
    let caddy = written(Proxy::Caddy, &config, Some("orders"));
    assert!(!caddy.contains("request_header -X-Amzn-Oidc-*"));
    assert!(!caddy.contains("request_header -X-Amzn-Oidc-Data"));
}
