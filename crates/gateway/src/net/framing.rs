//! Where a message ends, read strictly ([RFC 9112 §6]): what another reader before us could have
//! read differently does not get past this one.
//!
//! The parser that reads next accepts a bare LF as the end of a line, ignores chunk extensions and a
//! `Content-Length` next to a `Transfer-Encoding`, and cuts a fragment off a target. Each is allowed,
//! and each has let a request be smuggled past a proxy. This filter replaces the first ambiguous byte
//! with a NUL, which that parser answers with 400, and passes nothing after it.
//!
//! It does not parse fields beyond framing, and passes HTTP/2 unchanged.
//!
//! [RFC 9112 §6]: https://www.rfc-editor.org/rfc/rfc9112#section-6

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{io, mem};

use tokio::io::{AsyncRead, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Passes on the bytes that a client sends, up to the first ambiguous one.
#[derive(Debug)]
pub(crate) struct Filter {
    framing: Framing,
    /// The rest to hand out of a spoilt message: the parser checks a head only when it is complete.
    spoilt: Option<&'static [u8]>,
}

impl Filter {
    /// For a listener whose connections may change to another protocol.
    pub(crate) const fn new() -> Self {
        Self {
            framing: Framing::new(),
            spoilt: None,
        }
    }

    /// For a listener that never agrees to another protocol: a head that asks for one changes nothing.
    pub(crate) const fn without_upgrades() -> Self {
        let mut filter = Self::new();
        filter.framing.may_upgrade = false;
        filter
    }

    pub(crate) const fn framing(&self) -> &Framing {
        &self.framing
    }

    pub(crate) fn poll_read(
        &mut self,
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(rest) = &mut self.spoilt {
            let (now, later) = rest.split_at(rest.len().min(buf.remaining()));
            buf.put_slice(now);
            *rest = later;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(io.poll_read(cx, buf))?;
        let fresh = buf.filled_mut().get_mut(before..).unwrap_or_default();
        if let Some(passed) = self.framing.check(fresh) {
            self.spoilt = Some(b"\r\n\r\n");
            buf.set_filled(before.saturating_add(passed));
        }
        Poll::Ready(Ok(()))
    }
}

/// Follows the bytes that a client sends.
#[derive(Debug)]
pub(crate) struct Framing {
    state: State,
    heads: u64,
    may_upgrade: bool,
}

#[derive(Debug)]
enum State {
    /// This many bytes of the HTTP/2 preface have arrived.
    Preface(usize),
    Head(Box<Head>),
    Body(u64),
    ChunkSize(Option<u64>),
    ChunkSizeLf(u64),
    ChunkData(u64),
    ChunkDataCr,
    ChunkDataLf,
    Trailers(Line),
    /// Not HTTP/1.1, or no longer.
    Opaque,
}

/// Two readers could differ from this byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ambiguous;

impl Framing {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Preface(0),
            heads: 0,
            may_upgrade: true,
        }
    }

    /// Follows `bytes`. At the first ambiguous byte, overwrites it and returns how many bytes may be
    /// passed on.
    pub(crate) fn check(&mut self, bytes: &mut [u8]) -> Option<usize> {
        let mut at: usize = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let skipped = self.skip(rest);
            at = at.saturating_add(skipped);
            if skipped > 0 {
                continue;
            }
            let byte = rest.first_mut()?;
            at = at.saturating_add(1);
            if self.step(*byte) == Err(Ambiguous) {
                *byte = 0;
                return Some(at);
            }
        }
        None
    }

    /// How many heads have been read to their end.
    pub(crate) const fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether a head has begun and not ended.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.state, State::Preface(1..))
            || matches!(&self.state, State::Head(head) if head.has_begun())
    }

    /// Whether the bytes are no longer followed.
    pub(crate) const fn is_opaque(&self) -> bool {
        matches!(self.state, State::Opaque)
    }

    /// Skips bytes that need no step of their own: bodies, whole lines of heads, and lines up to their
    /// end.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        let (left, is_body) = match &mut self.state {
            State::Head(head) => match head.take_lines(bytes) {
                (0, false) => return head.skip(bytes),
                (taken, false) => return taken,
                (taken, true) => {
                    self.end_head();
                    return taken;
                }
            },
            State::Trailers(line) => return line.skip(bytes),
            State::Opaque => return bytes.len(),
            State::Body(left) => (left, true),
            State::ChunkData(left) => (left, false),
            State::Preface(_)
            | State::ChunkSize(_)
            | State::ChunkSizeLf(_)
            | State::ChunkDataCr
            | State::ChunkDataLf => return 0,
        };
        let available = bytes.len();
        let skipped = usize::try_from(*left).map_or(available, |left| left.min(available));
        *left = left.saturating_sub(u64::try_from(skipped).unwrap_or(u64::MAX));
        if *left == 0 {
            self.state = match is_body {
                true => State::head(),
                false => State::ChunkDataCr,
            };
        }
        skipped
    }

    fn step(&mut self, byte: u8) -> Result<(), Ambiguous> {
        // Updated in place, since most lines belong to heads.
        if let State::Head(head) = &mut self.state {
            match head.take(byte) {
                Ok(false) => {}
                Ok(true) => self.end_head(),
                Err(Ambiguous) => {
                    self.state = State::Opaque;
                    return Err(Ambiguous);
                }
            }
            return Ok(());
        }
        self.state = match mem::replace(&mut self.state, State::Opaque) {
            State::Preface(matched) => return self.preface(matched, byte),
            State::ChunkSize(size) => chunk_size(size, byte)?,
            State::ChunkSizeLf(size) => match (byte, size) {
                (b'\n', 0) => State::Trailers(Line::default()),
                (b'\n', size) => State::ChunkData(size),
                _ => return Err(Ambiguous),
            },
            State::ChunkDataCr if byte == b'\r' => State::ChunkDataLf,
            State::ChunkDataLf if byte == b'\n' => State::ChunkSize(None),
            State::Trailers(mut line) => match line.take(byte)? {
                true if line.length == 0 => State::head(),
                true => State::Trailers(Line::default()),
                false => State::Trailers(line),
            },
            State::ChunkDataCr | State::ChunkDataLf => return Err(Ambiguous),
            state @ (State::Head(_) | State::Body(_) | State::ChunkData(_) | State::Opaque) => {
                state
            }
        };
        Ok(())
    }

    fn end_head(&mut self) {
        self.heads = self.heads.wrapping_add(1);
        let State::Head(head) = &mut self.state else {
            return;
        };
        match head.fields.body(self.may_upgrade) {
            None => head.clear(),
            Some(body) => self.state = body,
        }
    }

    fn preface(&mut self, matched: usize, byte: u8) -> Result<(), Ambiguous> {
        if PREFACE.get(matched) != Some(&byte) {
            self.state = State::head();
            for byte in PREFACE.iter().take(matched) {
                self.step(*byte)?;
            }
            return self.step(byte);
        }
        let matched = matched.saturating_add(1);
        if matched < PREFACE.len() {
            self.state = State::Preface(matched);
        }
        Ok(())
    }
}

impl State {
    fn head() -> Self {
        Self::Head(Box::default())
    }
}

/// A size in hexadecimal digits and nothing else: extensions are refused.
fn chunk_size(size: Option<u64>, byte: u8) -> Result<State, Ambiguous> {
    if byte == b'\r' {
        return size.map(State::ChunkSizeLf).ok_or(Ambiguous);
    }
    let digit = char::from(byte).to_digit(16).ok_or(Ambiguous)?;
    let size = size
        .unwrap_or(0)
        .checked_mul(16)
        .and_then(|size| size.checked_add(u64::from(digit)));
    size.map(|size| State::ChunkSize(Some(size)))
        .ok_or(Ambiguous)
}

/// How much of a line is examined.
const START: usize = 96;

/// The part of a line that framing needs: its beginning, and where it ends.
#[derive(Debug)]
struct Line {
    start: [u8; START],
    length: usize,
    cr: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            start: [0; START],
            length: 0,
            cr: false,
        }
    }
}

impl Line {
    /// Takes everything before the line's end.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        if self.cr {
            return 0;
        }
        let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
        let room = self.start.get_mut(self.length..).unwrap_or_default();
        let kept = end.min(room.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..kept), bytes.get(..kept)) {
            room.copy_from_slice(bytes);
        }
        self.length = self.length.saturating_add(end);
        end
    }

    /// Takes a byte; true if it ends the line.
    fn take(&mut self, byte: u8) -> Result<bool, Ambiguous> {
        match (self.cr, byte) {
            (true, b'\n') => return Ok(true),
            (true, _) | (false, b'\n') => return Err(Ambiguous),
            (false, b'\r') => self.cr = true,
            (false, byte) => {
                if let Some(slot) = self.start.get_mut(self.length) {
                    *slot = byte;
                }
                self.length = self.length.saturating_add(1);
            }
        }
        Ok(false)
    }

    const fn has_begun(&self) -> bool {
        self.length > 0 || self.cr
    }

    /// The line, or its beginning if it is long.
    fn bytes(&self) -> &[u8] {
        self.start.get(..self.length).unwrap_or(&self.start)
    }
}

/// The parts of a head that decide on framing.
#[derive(Debug, Default)]
struct Head {
    line: Line,
    has_request_line: bool,
    fields: Fields,
}

/// The framing that its fields declare.
#[derive(Debug, Default)]
struct Fields {
    content_length: Option<u64>,
    is_chunked: bool,
    upgrade: bool,
}

impl Head {
    fn has_begun(&self) -> bool {
        self.has_request_line || self.line.has_begun()
    }

    /// Takes everything before the end of a line; in the request line, before a fragment.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        if self.has_request_line {
            return self.line.skip(bytes);
        }
        let fragment = memchr::memchr(b'#', bytes).unwrap_or(bytes.len());
        self.line.skip(bytes.get(..fragment).unwrap_or_default())
    }

    /// Takes lines up to an incomplete or ambiguous one. Returns how many bytes, and whether they end
    /// the head.
    fn take_lines(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut left = bytes;
        let mut is_over = false;
        if self.line.has_begun() {
            return (0, is_over);
        }
        while !is_over
            && let Some(end) = memchr::memchr2(b'\r', b'\n', left)
            && let Some((line, rest)) = left.split_at_checked(end)
            && let Some(rest) = rest.strip_prefix(b"\r\n")
            && let Ok(ended) = self.take_line(line)
        {
            (left, is_over) = (rest, ended);
        }
        (bytes.len().saturating_sub(left.len()), is_over)
    }

    /// Takes a byte; true if it ends the head.
    fn take(&mut self, byte: u8) -> Result<bool, Ambiguous> {
        if byte == b'#' && !self.has_request_line {
            return Err(Ambiguous);
        }
        if !self.line.take(byte)? {
            return Ok(false);
        }
        let line = mem::take(&mut self.line);
        self.take_line(line.bytes())
    }

    /// Takes a line without its end, or the beginning of one that is long; true if it ends the head.
    #[inline]
    fn take_line(&mut self, line: &[u8]) -> Result<bool, Ambiguous> {
        if self.has_request_line {
            self.fields.take(line)?;
            return Ok(line.is_empty());
        }
        // The parser would cut a fragment off, and the decision would be about the rest.
        if memchr::memchr(b'#', line).is_some() {
            return Err(Ambiguous);
        }
        // Empty lines before a request are skipped (RFC 9112 §2.2).
        self.has_request_line = !line.is_empty();
        Ok(false)
    }

    /// Begins the next head.
    fn clear(&mut self) {
        self.has_request_line = false;
        self.fields = Fields::default();
    }
}

impl Fields {
    fn take(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        match line.first() {
            // A folded line.
            Some(first) if first.is_ascii_whitespace() => Err(Ambiguous),
            Some(b'c' | b'C' | b't' | b'T' | b'u' | b'U') => self.take_field(line),
            _ => Ok(()),
        }
    }

    fn take_field(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        // Only the start of a long line is examined, and a value may be padded past it.
        let is_cut = line.len() >= START;
        let line = line.get(..START).unwrap_or(line);
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = halves.next().unwrap_or_default().trim_ascii();
        let value = halves.next().unwrap_or_default().trim_ascii();
        let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
        if is("content-length") {
            // Only once and only digits: readers differ on `+1`, a list or a second line.
            if is_cut || self.is_chunked || self.content_length.is_some() {
                return Err(Ambiguous);
            }
            self.content_length = Some(length(value).ok_or(Ambiguous)?);
        } else if is("transfer-encoding") {
            let once = !is_cut && !self.is_chunked && self.content_length.is_none();
            if !once || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            self.is_chunked = true;
        } else if is("upgrade") {
            self.upgrade = true;
        }
        Ok(())
    }

    /// The state after the head, unless another head follows.
    fn body(&self, may_upgrade: bool) -> Option<State> {
        match self.content_length {
            _ if self.is_chunked => Some(State::ChunkSize(None)),
            // Another protocol may follow a head without a body. If it does not, the connection takes no
            // further request.
            None | Some(0) if self.upgrade && may_upgrade => Some(State::Opaque),
            None | Some(0) => None,
            Some(length) => Some(State::Body(length)),
        }
    }
}

/// The value of a `Content-Length`.
pub(crate) fn length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Framing, PREFACE};

    /// How much of `bytes` is passed on, whole and byte by byte; `None` if all of it.
    fn refused(bytes: &[u8]) -> Option<usize> {
        let whole = Framing::new().check(&mut bytes.to_vec());
        let mut framing = Framing::new();
        let single = bytes.iter().enumerate().find_map(|(at, byte)| {
            let passed = framing.check(&mut [*byte])?;
            Some(at.saturating_add(passed))
        });
        assert_eq!(whole, single);
        whole
    }

    proptest! {
        /// However the bytes are split, they are read the same.
        #[test]
        fn whole_or_byte_by_byte(
            lines in prop::collection::vec(
                prop_oneof![
                    Just("GET /a HTTP/1.1\r\n".to_owned()),
                    Just("content-length: 2\r\n".to_owned()),
                    Just("Transfer-Encoding: chunked\r\n".to_owned()),
                    Just("Upgrade: x\r\n".to_owned()),
                    Just("\r\n".to_owned()),
                    Just("2\r\nab\r\n".to_owned()),
                    Just("0\r\n".to_owned()),
                    "[a-c: ]{90,110}\r\n",
                    "[#\r\n:a ]{0,6}",
                ],
                0..12,
            ),
        ) {
            refused(lines.concat().as_bytes());
        }
    }

    #[test]
    fn a_prx_02_messages_with_one_reading_pass() {
        for message in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\na\r\n\n23456789\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\n\n\r\r#",
            "PRINT / HTTP/1.1\r\nX: #\r\n\r\n",
        ] {
            assert_eq!(refused(message.as_bytes()), None, "{message:?}");
        }
        let mut preface = PREFACE.to_vec();
        preface.extend_from_slice(b"\n\n\r\0#");
        assert_eq!(refused(&preface), None);
    }

    #[test]
    fn t_prx_04_messages_with_several_readings_do_not_pass() {
        for message in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n",
            "GET /a#b HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n",
        ] {
            assert!(refused(message.as_bytes()).is_some(), "{message:?}");
        }
    }

    /// Only the start of a line is examined.
    #[test]
    fn t_prx_04_no_padding_hides_what_a_framing_field_says() {
        for (name, value) in [
            ("Transfer-Encoding: chunked", ", gzip, chunked"),
            ("Transfer-Encoding: chunked", ", chunked"),
            ("Transfer-Encoding: chunked", ""),
            ("Content-Length: 3", ", 4"),
            ("Content-Length: 3", ""),
        ] {
            for padding in [96, 97, 200, 10_000] {
                let blanks = " ".repeat(padding);
                let head = format!("POST / HTTP/1.1\r\n{name}{blanks}{value}\r\n\r\n");
                assert!(
                    refused(head.as_bytes()).is_some(),
                    "{name} {padding} {value}"
                );
            }
        }
        // Other long fields pass.
        let cookie = "c".repeat(10_000);
        let head = format!("GET / HTTP/1.1\r\nCookie: {cookie}\r\nTE: trailers\r\n\r\n");
        assert_eq!(refused(head.as_bytes()), None);
    }

    /// On a listener that agrees to no other protocol, `Upgrade` is a field like any other.
    #[test]
    fn t_prx_09_upgrade_does_not_end_the_reading_of_a_door() {
        for next in ["GET /a#b HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\r\n"] {
            let message = format!("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n{next}");
            let mut filter = super::Filter::without_upgrades();
            let passed = filter.framing.check(&mut message.clone().into_bytes());
            assert!(
                passed.is_some_and(|passed| passed < message.len()),
                "{message:?}"
            );
        }
    }
}
