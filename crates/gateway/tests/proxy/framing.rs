//! Messages with several readings (T-PRX-04), as bytes on a socket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::timeout;

use super::fixture::{App, Gateway, SOON, bearer, raw};
use super::limits::{FIELDS, PREFACE, frame};

/// The request that would be smuggled.
const SECOND: &str = "GET /second HTTP/1.1\r\nHost: api.example\r\n\r\n";

#[tokio::test]
async fn t_prx_04_an_ambiguous_head_is_400_and_the_end() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let bearer = bearer();
    for (fields, body) in [
        (
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "0\r\n\r\n",
        ),
        ("Content-Length: 0\r\nContent-Length: 1\r\n", "a"),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", "a"),
        ("Content-Length: 1, 1\r\n", "a"),
        ("Content-Length: +1\r\n", "a"),
        ("Content-Length: 0x1\r\n", "a"),
        ("Content-Length : 1\r\n", "a"),
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "0\r\n\r\n",
        ),
        ("Transfer-Encoding:\x0bchunked\r\n", "0\r\n\r\n"),
        ("X: a\nContent-Length: 1\r\n", "a"),
        ("X: a\rContent-Length: 1\r\n", "a"),
        ("X: a\r\n Content-Length: 1\r\n", "a"),
        ("X: a\0b\r\n", ""),
    ] {
        let message = format!(
            "POST /x HTTP/1.1\r\nHost: api.example\r\nAuthorization: {bearer}\r\n{fields}\r\n{body}{SECOND}"
        );
        let answer = raw(gateway.addr, message).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{fields:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{fields:?}: {answer}"
        );
    }
    assert_eq!(app.arrived(), 0);
}

#[tokio::test]
async fn t_prx_04_an_ambiguous_body_is_400_and_the_end() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let bearer = bearer();
    for body in [
        "1;a=b\r\na\r\n0\r\n\r\n",
        "1;\n\r\na\r\n0\r\n\r\n",
        "1\na\n0\n\n",
        "1 \r\na\r\n0\r\n\r\n",
        "1\r\naX\r\n0\r\n\r\n",
        "-1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\na\r\n0\r\n\r\n",
        "1\r\na\r\n0\r\nX: y\n\r\n",
        "1\r\na\r\n0\r\nX: y\r\n\n",
    ] {
        let message = format!(
            "POST /x HTTP/1.1\r\nHost: api.example\r\nAuthorization: {bearer}\r\n\
             Transfer-Encoding: chunked\r\n\r\n{body}{SECOND}"
        );
        let answer = raw(gateway.addr, message).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{body:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{body:?}: {answer}");
    }
    // An application may have got the head, but never a body that came to its end.
    assert!(
        app.seen()
            .iter()
            .all(|seen| !seen.is_whole && seen.target == "/x")
    );
}

/// A field in HPACK: a literal without indexing.
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        // Lengths from 127 on go on in further bytes, seven bits each.
        let mut length = text.len();
        if length < 127 {
            field.push(u8::try_from(length).unwrap());
        } else {
            field.push(127);
            length = length.checked_sub(127).unwrap();
            while length >= 128 {
                field.push(u8::try_from(length % 128).unwrap() | 128);
                length /= 128;
            }
            field.push(u8::try_from(length).unwrap());
        }
        field.extend_from_slice(text.as_bytes());
    }
    field
}

#[tokio::test]
async fn t_prx_04_http2_cannot_end_a_line() {
    const HEADERS: u8 = 1;
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for (name, value, is_good) in [
        ("x", "a", true),
        ("x", "a\r\nX-Auth-User: admin", false),
        ("x", "a\r\n\r\nGET /second HTTP/1.1\r\n", false),
        ("x", "a\nb", false),
        ("x", "a\0b", false),
        ("x: a\r\nx-auth-user", "admin", false),
        ("X-Upper", "a", false),
        ("transfer-encoding", "chunked", false),
        ("connection", "close", false),
    ] {
        let mut fields = FIELDS.to_vec();
        fields.extend_from_slice(&literal("authorization", &bearer()));
        fields.extend_from_slice(&literal(name, value));
        let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
        let sent = [
            PREFACE,
            &frame(4, 0, 0, &[]),
            &frame(HEADERS, 5, 1, &fields),
        ];
        stream.write_all(&sent.concat()).await.unwrap();
        let first = timeout(SOON, first_of_stream(&mut stream)).await.unwrap();
        // Anything else is the end of the stream, or of the connection.
        assert_eq!(first == Some(HEADERS), is_good, "{name:?}: {value:?}");
    }
    assert_eq!(app.arrived(), 1);
}

/// The library behind this cuts a fragment off `:path`, which RFC 9113 §8.3.1 leaves no room for.
/// There is one reading nevertheless: what is left is decided on, and it alone is sent on.
#[tokio::test]
async fn t_fwd_06_what_is_cut_off_a_path_goes_nowhere() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for (path, target) in [
        ("/x?a=b#/../y?z", Some("/x?a=b")),
        ("/x#", Some("/x")),
        ("#/x", None),
    ] {
        let before = app.arrived();
        let mut fields = vec![0x82, 0x86];
        fields.extend_from_slice(&literal(":path", path));
        fields.extend_from_slice(&literal(":authority", "a"));
        fields.extend_from_slice(&literal("authorization", &bearer()));
        let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
        let sent = [PREFACE, &frame(4, 0, 0, &[]), &frame(1, 5, 1, &fields)];
        stream.write_all(&sent.concat()).await.unwrap();
        timeout(SOON, first_of_stream(&mut stream)).await.unwrap();
        let seen = app.seen().into_iter().skip(before);
        let targets: Vec<_> = seen.map(|seen| seen.target).collect();
        assert_eq!(targets, Vec::from_iter(target), "{path}");
    }
}

/// The kind of the first frame that is about a stream, if the connection does not end before.
async fn first_of_stream(stream: &mut TcpStream) -> Option<u8> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        if head[5..] != [0; 4] {
            return Some(head[3]);
        }
    }
}

#[tokio::test]
async fn t_prx_04_a_request_is_written_anew() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let bearer = bearer();
    // Two requests behind one another, one of them with a body that looks like a third.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let message = format!(
        "GET /first HTTP/1.1\r\nHost: api.example\r\nAuthorization: {bearer}\r\n\
         Content-Length: {}\r\nContent_Length: 0\r\nTransfer_Encoding: chunked\r\n\r\n{smuggled}\
         GET /last HTTP/1.1\r\nHost: api.example\r\nAuthorization: {bearer}\r\nConnection: close\r\n\r\n",
        smuggled.len()
    );
    let answer = raw(gateway.addr, message).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    let seen = app.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[0].target.as_str(), seen[0].body),
        ("/first", smuggled.len())
    );
    assert!(!seen[0].headers.contains_key("content_length"));
    assert!(!seen[0].headers.contains_key("transfer_encoding"));
    assert_eq!(seen[1].target, "/last");
}

#[tokio::test]
async fn a_prx_01_http_1_0_head_and_empty_bodies() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let bearer = bearer();
    let old = format!("GET /x HTTP/1.0\r\nAuthorization: {bearer}\r\n\r\n");
    let answer = raw(gateway.addr, old).await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
    let streamed = format!("GET /trailers HTTP/1.0\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n");
    let answer = raw(gateway.addr, streamed).await;
    assert!(answer.ends_with("\r\n\r\ndata"), "{answer}");
    for (line, fields) in [("HEAD", ""), ("POST", "Content-Length: 0\r\n")] {
        let message = format!(
            "{line} /x HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n{fields}Connection: close\r\n\r\n"
        );
        let answer = raw(gateway.addr, message).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(app.seen().pop().unwrap().field("content-length"), ["0"]);
}

#[tokio::test]
async fn t_prx_05_an_endless_body_is_refused_by_its_head() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 10737418240"] {
        let stream = TcpStream::connect(gateway.addr).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let head = format!("POST /x HTTP/1.1\r\nHost: api.example\r\n{framing}\r\n\r\n");
        write.write_all(head.as_bytes()).await.unwrap();
        let flood = tokio::spawn(flood(write));
        let mut answer = Vec::new();
        let _ = timeout(SOON, read.read_to_end(&mut answer)).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{framing}: {answer}");
        drop(read);
        timeout(SOON, flood).await.unwrap().unwrap();
    }
    assert_eq!(app.arrived(), 0);
}

async fn flood(mut write: OwnedWriteHalf) {
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(7 + 0x10000, b'a');
    chunk.extend_from_slice(b"\r\n");
    while write.write_all(&chunk).await.is_ok() {}
}
