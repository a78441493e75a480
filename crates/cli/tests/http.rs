//! A small HTTP client that understands the curl lines the program prints.

use std::io::{Read, Write};
use std::net::TcpStream;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Does what a shell does with a line of curl, its substitutions first.
pub(crate) fn curl(line: &str) -> Answer {
    let words = words(&substituted(line));
    let mut words = words.iter().map(String::as_str);
    assert_eq!(words.next(), Some("curl"), "{line}");
    let (mut method, mut url, mut fields, mut body) = (None, "", Vec::new(), None);
    while let Some(word) = words.next() {
        match word {
            "-i" | "-s" => {}
            "-X" => method = words.next(),
            "-H" => fields.push(words.next().expect("a field").to_owned()),
            "-d" => body = words.next(),
            "-u" => {
                let credentials = words.next().expect("credentials");
                let credentials = base64_simd::STANDARD.encode_to_string(credentials);
                fields.push(format!("Authorization: Basic {credentials}"));
            }
            _ => url = word,
        }
    }
    if body.is_some() {
        fields.push("Content-Type: application/x-www-form-urlencoded".to_owned());
    }
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" });
    request(method, url, &fields, body.unwrap_or_default())
}

/// A GET without anything.
pub(crate) fn get(url: &str) -> Answer {
    request("GET", url, &[], "")
}

fn request(method: &str, url: &str, fields: &[String], body: &str) -> Answer {
    let rest = url.strip_prefix("http://").expect("plain http");
    let (authority, path) = rest.split_once('/').expect("a path");
    sent(
        authority,
        authority,
        method,
        &format!("/{path}"),
        fields,
        body,
    )
}

/// The answer of the server at `address` to a request for `host`.
pub(crate) fn ask(
    address: &str,
    host: &str,
    method: &str,
    target: &str,
    fields: &[String],
) -> Answer {
    sent(address, host, method, target, fields, "")
}

fn sent(
    address: &str,
    host: &str,
    method: &str,
    target: &str,
    fields: &[String],
    body: &str,
) -> Answer {
    let fields: Vec<String> = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let fields = fields.concat();
    let length = body.len();
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .expect("sending");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// The line with each `$(curl … | cut -d'"' -f4)` replaced by what that prints.
pub(crate) fn substituted(line: &str) -> String {
    let cut = r#" | cut -d'"' -f4)"#;
    let Some((before, rest)) = line.split_once("$(") else {
        return line.to_owned();
    };
    let (command, after) = rest.split_once(cut).expect("a substitution ends in cut");
    let answer = curl(command);
    assert_eq!(answer.status, 200, "{command}: {answer:?}");
    let field = answer.body.split('"').nth(3).expect("a fourth field");
    format!("{before}{field}{}", substituted(after))
}

/// The words of a line, quotes taken off.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for char in line.chars() {
        match (quote, char) {
            (None, ' ') => words.push(String::new()),
            (None, '\'' | '"') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            _ => words.last_mut().expect("never empty").push(char),
        }
    }
    words
}
