//! Sends a request to the gateway a number of times, for a profiler or an instruction counter:
//! `count-gateway PART [TIMES]`. `gateway-cached` is a question of nginx about a token that is known,
//! `gateway-proxied` a request with such a token, through the reverse proxy to an application.
//!
//! The gateway runs as it does in the program, but on the thread that counts, as do the application
//! behind it and the client, and each has one connection: so neither the number of threads nor their
//! turns make a difference. It is a program of its own, because what the compiler makes of the
//! pipeline in `count` depends on who else calls it.

use bearward::Algorithm;
use bearward_bench::measured;
use bearward_bench::tokens::{ISSUER, signed};
use bearward_gateway::config::{Address, Config};
use bearward_gateway::run::Gateway;
use bearward_testing::{SigningKey, keys::jwk_set};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().unwrap_or_default();
    let times = arguments
        .next()
        .map_or(1000, |times| times.parse().unwrap());
    let mut client = match part.as_str() {
        "gateway-cached" => Client::of_forward_auth(),
        "gateway-proxied" => Client::of_proxy(),
        _ => panic!("count-gateway gateway-cached|gateway-proxied [TIMES]"),
    };
    measured(times, || client.ask());
}

/// A client with its connection to one of the doors.
struct Client {
    runtime: Runtime,
    connection: TcpStream,
    request: String,
    /// What an answer ends with: nothing but its head, or the application's body.
    end: &'static str,
    answer: Vec<u8>,
}

impl Client {
    /// Asks as nginx does.
    fn of_forward_auth() -> Self {
        let question = "GET /auth/nginx HTTP/1.1\r\nHost: gateway\r\nX-Original-Method: GET\r\n\
                        X-Original-URI: /hello\r\nX-Original-Host: api.example.com\r\n";
        Self::start("forward auth", question, "\r\n\r\n")
    }

    /// Asks for what the application has.
    fn of_proxy() -> Self {
        let request = "GET /hello HTTP/1.1\r\nHost: api.example.com\r\n";
        Self::start("proxy", request, BODY)
    }

    /// Asks often enough that the token, its identity fields and the connections are known.
    fn start(door: &str, head: &str, end: &'static str) -> Self {
        const WARM_UP: u32 = 200;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (key, token) = signed(Algorithm::Rs256);
        let connection = runtime.block_on(connect(door, &key));
        let mut client = Self {
            runtime,
            connection,
            request: format!("{head}Authorization: Bearer {token}\r\n\r\n"),
            end,
            answer: Vec::with_capacity(4096),
        };
        for _ in 0..WARM_UP {
            client.ask();
        }
        client
    }

    /// Sends the request and waits for its answer.
    fn ask(&mut self) {
        let Self {
            connection, answer, ..
        } = self;
        answer.clear();
        self.runtime.block_on(async {
            connection.write_all(self.request.as_bytes()).await.unwrap();
            while !answer.ends_with(self.end.as_bytes()) {
                assert_ne!(connection.read_buf(answer).await.unwrap(), 0);
            }
        });
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    }
}

/// Starts the application and the gateway, and connects to the door of this name.
async fn connect(door: &str, key: &SigningKey) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = listener.local_addr().unwrap();
    tokio::spawn(serve_application(listener));
    let keys = std::env::temp_dir().join(format!("bearward-count-{}.json", std::process::id()));
    std::fs::write(&keys, jwk_set([key]).to_string()).unwrap();
    let config = format!(
        r#"
        [[issuers]]
        issuer = "{ISSUER}"
        audiences = ["{ISSUER}"]
        jwks_file = "{}"

        [[routes]]
        name = "all"
        path_prefix = "/"
        upstream = "application"

        [upstreams.application]
        urls = ["http://{application}"]

        [listen.forward_auth]
        address = "127.0.0.1:0"

        [listen.proxy]
        address = "127.0.0.1:0"
        "#,
        keys.display()
    );
    let gateway = Gateway::start(Config::parse(&config).unwrap())
        .await
        .unwrap();
    std::fs::remove_file(keys).unwrap();
    let addresses = gateway.addresses();
    let (_, address) = addresses.iter().find(|(name, _)| *name == door).unwrap();
    let Address::Tcp(address) = address else {
        panic!("{door} listens on {address}");
    };
    let connection = TcpStream::connect(address).await.unwrap();
    tokio::spawn(gateway.serve(std::future::pending()));
    connection
}

/// Answers each request with the same bytes, whatever it was.
async fn serve_application(listener: TcpListener) {
    loop {
        let (mut connection, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{BODY}",
                BODY.len()
            );
            let mut request = Vec::with_capacity(4096);
            while connection.read_buf(&mut request).await.unwrap() > 0 {
                if request.ends_with(b"\r\n\r\n") {
                    connection.write_all(answer.as_bytes()).await.unwrap();
                    request.clear();
                }
            }
        });
    }
}

const BODY: &str = "Hello!";
