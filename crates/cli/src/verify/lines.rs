//! Lines of bytes, in bounded chunks.
//!
//! Lines are taken byte for byte without their `\n`; a `\r` belongs to the line. A line longer than any
//! token is kept up to one byte past the limit: enough to be refused for its length. Data is passed on
//! before the next read, so that a sender that writes one token and waits gets its result.

use std::io::{self, Read};
use std::ops::ControlFlow;

use bearward_core::limits;

/// A sequence of lines.
#[derive(Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    /// The end of each line in `bytes`.
    ends: Vec<usize>,
    /// The number of input bytes that the chunk represents.
    consumed: u64,
}

impl Chunk {
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let line = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            line
        })
    }

    /// The total length of the lines, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Appends to the incomplete line.
    fn push(&mut self, bytes: &[u8]) {
        self.consume(bytes.len());
        let room = LINE_BYTES.saturating_sub(self.open().len());
        self.bytes
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn end_line(&mut self) {
        self.consume(1);
        self.ends.push(self.bytes.len());
    }

    fn consume(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.consumed = self.consumed.saturating_add(bytes);
    }

    /// The incomplete line.
    fn open(&self) -> &[u8] {
        let start = self.ends.last().copied().unwrap_or_default();
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Takes the complete lines out and leaves the incomplete one.
    fn take_complete(&mut self) -> Self {
        let mut bytes = Vec::with_capacity(BLOCK_BYTES);
        bytes.extend_from_slice(self.open());
        let rest = Self {
            bytes,
            ..Self::default()
        };
        let mut complete = std::mem::replace(self, rest);
        complete
            .bytes
            .truncate(complete.ends.last().copied().unwrap_or_default());
        complete
    }
}

/// Reads to the end, and passes on one chunk after the other until `hand_on` breaks.
pub(super) fn read(
    mut input: impl Read,
    mut hand_on: impl FnMut(Chunk) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut chunk = Chunk::default();
    loop {
        let length = match input.read(&mut block) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = block.get(..length).unwrap_or_default();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end);
            chunk.push(line);
            chunk.end_line();
            rest = behind.get(1..).unwrap_or_default();
            if chunk.ends.len() == CHUNK_LINES && hand_on(chunk.take_complete()).is_break() {
                return Ok(());
            }
        }
        chunk.push(rest);
        if !chunk.ends.is_empty() && hand_on(chunk.take_complete()).is_break() {
            return Ok(());
        }
    }
    if !chunk.open().is_empty() {
        chunk.ends.push(chunk.bytes.len());
        let _ = hand_on(chunk);
    }
    Ok(())
}

/// One byte more than the maximum length of a token.
const LINE_BYTES: usize = limits::TOKEN_BYTES + 1;

/// Bytes requested in one read: some hundred tokens, some milliseconds of work.
const BLOCK_BYTES: usize = 256 * 1024;

/// Maximum lines in a chunk, so that a block of empty lines does not become megabytes of results.
const CHUNK_LINES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: impl Read) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let done = read(input, |chunk| {
            lines.extend(chunk.lines().map(<[u8]>::to_vec));
            ControlFlow::Continue(())
        });
        done.expect("reading from memory");
        lines
    }

    /// Returns one byte per read, which reveals mistakes in a reader of blocks.
    struct OneByOne<'b>(&'b [u8]);

    impl Read for OneByOne<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_line_is_taken_byte_for_byte_without_its_line_feed() {
        for (input, expected) in [
            (&b""[..], &[][..]),
            (b"\n", &[&b""[..]]),
            (b"a", &[b"a"]),
            (b"a\n", &[b"a"]),
            (b"a\r\n\n\0b\n\nc", &[b"a\r", b"", b"\0b", b"", b"c"]),
        ] {
            assert_eq!(lines(input), expected, "{input:?}");
            assert_eq!(lines(OneByOne(input)), expected, "{input:?}, byte by byte");
        }
    }

    #[test]
    fn a_long_line_is_kept_up_to_one_byte_past_the_limit() {
        let mut input = vec![b'x'; 3_000_000];
        input.extend_from_slice(b"\nshort\n");
        let lines = lines(&*input);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), limits::TOKEN_BYTES + 1);
        assert_eq!(lines[1], b"short");
    }

    #[test]
    fn chunks_are_bounded_and_account_for_every_byte() {
        let input = [&vec![b'\n'; 5000][..], b"last"].concat();
        let mut consumed = 0;
        let done = read(&*input, |chunk| {
            assert!(chunk.lines().count() <= CHUNK_LINES);
            consumed += chunk.consumed();
            ControlFlow::Continue(())
        });
        done.expect("reading from memory");
        assert_eq!(consumed, 5004);
    }

    #[test]
    fn reading_stops_when_told_to() {
        let done = read(io::repeat(b'\n'), |_| ControlFlow::Break(()));
        done.expect("reading from memory");
    }
}
