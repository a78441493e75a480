//! Writes the inputs that every run starts from, into the folder of each target: what the testing
//! kit and the manuals have, good and odd. The same ones each time.
//!
//! A target in form only, since what is compiled with libFuzzer's counters links with libFuzzer alone.

#![no_main]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bearward_core::Algorithm;
use bearward_fuzz::setting::{AUDIENCE, ISSUER, KEY, NOW};
use bearward_gateway::config;
use bearward_testing::generator::Generator;
use bearward_testing::keys::{OddJwk, jwk_set};
use bearward_testing::{SigningKey, Token};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(init: start(), |_data: &[u8]| {});

fn start() {
    write().expect("a folder to write into");
    process::exit(0);
}

fn write() -> io::Result<()> {
    let corpus = Corpus(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"));
    corpus.write("credentials", credentials())?;
    corpus.write("header", headers())?;
    corpus.write("claims", payloads())?;
    corpus.write("jwk_set", jwk_sets())?;
    corpus.write("path", paths())?;
    corpus.write("discovery", documents())?;
    corpus.write("cache_control", fields())?;
    corpus.write("config", configurations())?;
    let dictionary = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries/config.dict");
    fs::write(dictionary, words())?;
    Ok(())
}

/// The folder with one folder a target.
struct Corpus(PathBuf);

impl Corpus {
    /// Writes the inputs, each once, under numbers.
    fn write(&self, target: &str, inputs: Vec<Vec<u8>>) -> io::Result<()> {
        let folder = self.0.join(target);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let inputs: BTreeSet<Vec<u8>> = inputs.into_iter().collect();
        for (number, input) in inputs.iter().enumerate() {
            fs::write(folder.join(format!("{number:02}")), input)?;
        }
        let bytes: usize = inputs.iter().map(Vec::len).sum();
        println!("{target}: {} inputs, {bytes} bytes", inputs.len());
        Ok(())
    }
}

/// A specimen of each change that the generator makes, the smallest ones.
fn specimens(part: usize, changes: impl Iterator<Item = &'static str>) -> Vec<Vec<u8>> {
    let wanted: BTreeSet<&str> = changes.collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for specimen in Generator::from_seed(1).take(6000) {
        let changed = [specimen.edges, specimen.spoils].concat();
        let [change] = changed.as_slice() else {
            continue;
        };
        if !wanted.contains(change) || specimen.token.len() > 1500 {
            continue;
        }
        let text = specimen.token.split('.').nth(part).unwrap_or_default();
        let Ok(text) = URL_SAFE_NO_PAD.decode(text) else {
            continue;
        };
        if seen.insert(*change) {
            found.push(text);
        }
    }
    found
}

/// Changes to header or claims, whose names begin so.
fn changes(beginnings: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    let all = Generator::edges().chain(Generator::spoils());
    all.filter(move |name| {
        beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning))
    })
}

fn headers() -> Vec<Vec<u8>> {
    let mut headers = specimens(
        0,
        changes(&[
            "typ", "alg", "kid", "crit", "b64", "zip", "jwk", "x5", "cty", "member", "unknown",
            "json", "header",
        ]),
    );
    headers.push(
        Token::user(ISSUER, AUDIENCE, NOW)
            .key(KEY.clone())
            .header_bytes(),
    );
    headers
}

fn payloads() -> Vec<Vec<u8>> {
    let small = json!({
        "iss": ISSUER, "aud": [AUDIENCE], "sub": "user", "client_id": "client", "exp": 1_700_001_800,
        "iat": 1_700_000_000, "jti": "1", "scope": "openid profile",
    });
    let with = |name: &str, value: Value| {
        let mut claims = small.clone();
        claims[name] = value;
        claims.to_string().into_bytes()
    };
    vec![
        small.to_string().into_bytes(),
        Token::user(ISSUER, AUDIENCE, NOW).payload_bytes(),
        Token::machine(ISSUER, AUDIENCE, NOW).payload_bytes(),
        with("aud", json!(AUDIENCE)),
        with("aud", json!(["", "https://other.example"])),
        with("exp", json!(1_699_999_970.5)),
        with("exp", json!(-1)),
        with("nbf", json!(1_700_000_030)),
        with("nbf", json!(253_402_300_800_i64)),
        with("scp", json!(["read", "write"])),
        with("cnf", json!({ "jkt": "x" })),
        with("email", json!("a@b@c")),
        with("token_use", json!("access")),
        with("azp", json!("client")),
        with("nonce", json!("n")),
        with("events", json!({})),
        br#"{"iss":"https:\/\/auth.example","a":"\ud83d\ude00","b":[[1e400,-0,1.5E-7]],"c":{"a":null,"b":true}}"#.to_vec(),
    ]
}

fn jwk_sets() -> Vec<Vec<u8>> {
    let of = |algorithm| {
        jwk_set([&SigningKey::first(algorithm)])
            .to_string()
            .into_bytes()
    };
    let mut sets: Vec<Vec<u8>> = [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::EdDsa,
    ]
    .map(of)
    .into();
    let odd = OddJwk::ALL
        .iter()
        .filter(|odd| odd.jwk().to_string().len() < 900);
    sets.extend(odd.map(|odd| json!({ "keys": [odd.jwk()] }).to_string().into_bytes()));
    sets.push(
        json!({ "keys": [KEY.public_jwk(), { "kty": "oct" }, 1] })
            .to_string()
            .into_bytes(),
    );
    sets.push(br#"{"keys":[]}"#.to_vec());
    // The same bytes are read as PEM.
    let pem = SigningKey::first(Algorithm::Es256).public_key_pem();
    sets.extend(pem.map(String::into_bytes));
    sets
}

fn paths() -> Vec<Vec<u8>> {
    [
        "/",
        "/orders/7?x=1\n/orders",
        "/a%20b/caf%C3%A9\n/a b/*",
        "/a;x=1/b\n/**",
        "/fetch/https:%2f%2Fa.example%2f.well-known\n/fetch/**",
        "/a//b",
        "/a/../b",
        "/%2e%2e/b",
        "/a%252e",
        "/a%5cb",
        "/a\\b",
        "/..;/a",
        "/a./b",
        "/a%c0%af",
        "/a%",
        "/a?x#y",
        "http://api.example/a",
        "*",
    ]
    .map(|line| line.as_bytes().to_vec())
    .into()
}

/// Each begins with the byte that chooses the issuer.
fn documents() -> Vec<Vec<u8>> {
    let of = |choice: &str, issuer: &str, jwks_uri: &str| {
        let metadata = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
        format!("{choice}{metadata}").into_bytes()
    };
    let good = "https://auth.example/keys";
    vec![
        of("\0", ISSUER, good),
        of("\0", ISSUER, "http://auth.example/keys"),
        of("\0", ISSUER, "https://user:password@auth.example/keys"),
        of("\0", ISSUER, "file:///etc/passwd"),
        of("\0", ISSUER, "keys"),
        of("\0", "https://other.example", good),
        of(
            "\x01",
            "https://auth.example/",
            "https://keys.example:8443/a?b#c",
        ),
        of("\x02", "https://auth.example:8443/realms/one", good),
        of(
            "\x03",
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9000/keys",
        ),
        of("\x03", "http://127.0.0.1:9000", "http://[::1]/keys"),
        of("\x03", "http://127.0.0.1:9000", "http://localhost/keys"),
        b"\0<html>".to_vec(),
        b"\0[\"https://auth.example\",\"https://auth.example/keys\"]".to_vec(),
    ]
}

fn fields() -> Vec<Vec<u8>> {
    [
        "max-age=300",
        "public, Max-Age=\"3599\"",
        "no-store",
        "no-cache=\"a, b\", max-age=300",
        "max-age=99999999999999999999",
        "max-age=1, max-age=2",
        "s-maxage=300, must-revalidate",
        "max-age=forever",
        "x=\"\\\", max-age=60\"",
    ]
    .map(|field| field.as_bytes().to_vec())
    .into()
}

/// Each begins with the line of the query.
fn credentials() -> Vec<Vec<u8>> {
    [
        "",
        "\nBearer eyJhbGciOiJFZERTQSJ9.e30.AAAA",
        "\nbEARER   a-._~+/09=",
        "x=1\nBearer a",
        "access_token=a\nBearer a",
        "x&%61ccess_token\nBearer a",
        "x=access_token\nBearer a",
        "access_token=a",
        "\nBearer a\nBearer b",
        "\nBearer a,Bearer b",
        "\nBearer\ta",
        "\nBearer a b",
        "\nBearer",
        "\nBasic dXNlcjpwYXNz",
        "\nDPoP a",
        "\n\"Bearer\" a",
        "\n",
    ]
    .map(|lines| lines.as_bytes().to_vec())
    .into()
}

/// The examples of the manuals, and each key of the reference alone.
fn configurations() -> Vec<Vec<u8>> {
    let manuals = [
        include_str!("../../docs/configuration.md"),
        include_str!("../../docs/gateway.md"),
    ];
    let blocks = manuals
        .iter()
        .flat_map(|manual| manual.split("```toml\n").skip(1));
    let mut found: Vec<Vec<u8>> = blocks
        .filter_map(|block| block.split("```").next())
        .map(|text| text.as_bytes().to_vec())
        .collect();
    let least = "[[issuers]]\nissuer = \"https://id.example\"\naudiences = \"a\"\n[[routes]]\nname = \"r\"\npath_prefix = \"/\"\n";
    for more in [
        "",
        "allow_encoded_slash = true\nshadow = true\npreflight = \"passes\"\n",
        "[identity]\npreset = \"none\"\n[[identity.fields]]\nheader = \"X-A\"\nclaim = [\"a\", \"b\"]\nencoding = \"json\"\n",
        "require = \"x\"\n[requirements.x]\nany = [\"y\", \"z\"]\n[requirements.y]\nmax_age = \"5m\"\n[requirements.z]\nany_scopes = [[\"a\"]]\n",
        "[listen.ext_authz]\naddress = \"unix:/run/x.sock\"\ntrusted_proxies = \"10.0.0.0/8\"\n",
        "[listen.forward_auth]\n[listen.admin]\nhosts = \"a.example\"\n",
        "[telemetry]\nendpoint = \"http://127.0.0.1:4318\"\n",
        "[protection]\nresource = \"https://api.example\"\norigins = [\"https://app.example\"]\n",
        "hosts = \"*.example\"\nunknown = 1\n",
    ] {
        found.push(format!("{least}{more}").into_bytes());
    }
    let secret = least.replace(
        "audiences",
        "algorithms = [\"HS256\"]\nsecret = \"env:STRONG\"\naudiences",
    );
    found.push(secret.into_bytes());
    found
}

/// The keys and values that a configuration may have, as a dictionary of libFuzzer.
fn words() -> String {
    let mut words = BTreeSet::new();
    collect(&config::schema(), &mut words);
    let header = "# Keys and values of the configuration, from its JSON Schema. Written by the target `seeds`.\n";
    words.iter().fold(header.to_owned(), |text, word| {
        text + &format!("{word:?}\n")
    })
}

fn collect(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                words.extend(properties.keys().map(|key| format!("{key} = ")));
            }
            if let Some(Value::Array(values)) = members.get("enum") {
                words.extend(values.iter().map(Value::to_string));
            }
            members.values().for_each(|member| collect(member, words));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, words)),
        _ => {}
    }
}
