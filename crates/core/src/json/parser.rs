//! The pass over the text: checks everything, writes the tape.

use super::{JsonError, Kind, Node, limits, to_u32, to_usize, unescape};

pub(super) fn parse(text: &str) -> Result<Vec<Node>, JsonError> {
    // Positions are kept in 32 bits; no caller has a text near 4 GiB.
    if u32::try_from(text.len()).is_err() {
        return Err(JsonError::Limits);
    }
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        members: 0,
        // Claims have a value every 12 bytes or so. No more than 60 at first: a buffer above 1 KiB
        // costs the allocator more than growing it costs us.
        nodes: Vec::with_capacity(text.len().wrapping_div(12).clamp(8, 60)),
        escaped_names: Vec::new(),
    };
    parser.white_space();
    parser.value(0)?;
    parser.white_space();
    if parser.peek().is_some() {
        return Err(JsonError::Invalid);
    }
    Ok(parser.nodes)
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    members: usize,
    nodes: Vec<Node>,
    /// The names with escapes, each with its index on the tape, ascending. They are resolved here
    /// once, since each is compared with up to [`limits::JSON_MEMBERS`] others.
    escaped_names: Vec<(usize, String)>,
}

impl Parser<'_> {
    /// RFC 8259 §3. Recursion ends at [`limits::JSON_DEPTH`].
    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth.saturating_add(1)),
            Some(b'[') => self.array(depth.saturating_add(1)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Kind::Bool),
            Some(b'f') => self.literal("false", Kind::Bool),
            Some(b'n') => self.literal("null", Kind::Null),
            _ => Err(JsonError::Invalid),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        let object = self.open(Kind::Object, depth)?;
        if self.takes(b'}') {
            return self.close(object);
        }
        let mut seen = Names::default();
        loop {
            self.name(object, &mut seen)?;
            self.white_space();
            self.expect(b':')?;
            self.white_space();
            self.value(depth)?;
            self.white_space();
            if self.takes(b'}') {
                return self.close(object);
            }
            self.expect(b',')?;
            self.white_space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        let array = self.open(Kind::Array, depth)?;
        if self.takes(b']') {
            return self.close(array);
        }
        loop {
            self.value(depth)?;
            self.white_space();
            if self.takes(b']') {
                return self.close(array);
            }
            self.expect(b',')?;
            self.white_space();
        }
    }

    /// Starts the object or array whose bracket is next.
    fn open(&mut self, kind: Kind, depth: usize) -> Result<usize, JsonError> {
        if depth > limits::JSON_DEPTH {
            return Err(JsonError::Limits);
        }
        let index = self.nodes.len();
        self.push(kind, self.at, self.at);
        self.advance(1);
        self.white_space();
        Ok(index)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the tail of both callers' loops, which are fallible"
    )]
    fn close(&mut self, index: usize) -> Result<(), JsonError> {
        let (end, next) = (to_u32(self.at), to_u32(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
            node.next = next;
        }
        Ok(())
    }

    /// A member's name, which no earlier member of `object` may have.
    fn name(&mut self, object: usize, seen: &mut Names) -> Result<(), JsonError> {
        self.members = self.members.saturating_add(1);
        if self.members > limits::JSON_MEMBERS {
            return Err(JsonError::Limits);
        }
        if self.peek() != Some(b'"') {
            return Err(JsonError::Invalid);
        }
        let index = self.nodes.len();
        self.string()?;
        let may_be_duplicate = self.nodes.get(index).is_none_or(|node| {
            let name = self.bytes.get(to_usize(node.start)..to_usize(node.end));
            seen.add(name.unwrap_or_default(), node.escaped)
        });
        self.note_if_escaped(index);
        if may_be_duplicate && self.is_duplicate(object, index) {
            return Err(JsonError::DuplicateMember);
        }
        Ok(())
    }

    fn note_if_escaped(&mut self, index: usize) {
        if let Some(node) = self.nodes.get(index).filter(|node| node.escaped) {
            let name = unescape(self.raw(node));
            self.escaped_names.push((index, name));
        }
    }

    fn is_duplicate(&self, object: usize, name: usize) -> bool {
        let Some(new) = self.nodes.get(name) else {
            return false;
        };
        let new_name = self.resolved(name, new);
        let mut index = object.saturating_add(1);
        while index < name {
            let Some(old) = self.nodes.get(index) else {
                return false;
            };
            let same = if old.escaped || new.escaped {
                self.resolved(index, old) == new_name
            } else {
                old.len() == new.len() && self.raw(old) == new_name
            };
            if same {
                return true;
            }
            let value = to_usize(old.next);
            index = self
                .nodes
                .get(value)
                .map_or(usize::MAX, |node| to_usize(node.next));
        }
        false
    }

    /// The name `node` at `index`, escapes resolved.
    fn resolved(&self, index: usize, node: &Node) -> &str {
        let escaped = &self.escaped_names;
        match escaped.binary_search_by_key(&index, |(of, _)| *of) {
            Ok(found) => escaped.get(found).map_or("", |(_, name)| name),
            Err(_) => self.raw(node),
        }
    }

    /// What stands between the quotes of a string.
    fn raw(&self, node: &Node) -> &str {
        self.text
            .get(to_usize(node.start)..to_usize(node.end))
            .unwrap_or_default()
    }

    /// RFC 8259 §7; the opening quote is next.
    fn string(&mut self) -> Result<(), JsonError> {
        self.advance(1);
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = plain_end(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.advance(1);
                    self.escape()?;
                }
                _ => return Err(JsonError::Invalid),
            }
        }
        self.nodes.push(Node {
            kind: Kind::String,
            escaped,
            start: to_u32(start),
            end: to_u32(self.at),
            next: to_u32(self.nodes.len().saturating_add(1)),
        });
        self.advance(1);
        Ok(())
    }

    /// What follows a backslash. A surrogate must be one half of a pair: alone it has no meaning
    /// that two readers agree on.
    fn escape(&mut self) -> Result<(), JsonError> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.hex4()? {
                0xD800..=0xDBFF => {
                    self.expect(b'\\')?;
                    self.expect(b'u')?;
                    match self.hex4()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => Err(JsonError::Invalid),
                    }
                }
                0xDC00..=0xDFFF => Err(JsonError::Invalid),
                _ => Ok(()),
            },
            _ => Err(JsonError::Invalid),
        }
    }

    fn hex4(&mut self) -> Result<u16, JsonError> {
        let digits = self.at..self.at.saturating_add(4);
        let hex = self.text.get(digits).ok_or(JsonError::Invalid)?;
        // `from_str_radix` would take a sign.
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(JsonError::Invalid);
        }
        self.advance(4);
        u16::from_str_radix(hex, 16).map_err(|_| JsonError::Invalid)
    }

    /// RFC 8259 §6.
    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            if !self.takes(b'+') {
                self.takes(b'-');
            }
            self.digits()?;
        }
        self.push(Kind::Number, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.advance(1);
        }
        if self.at == start {
            return Err(JsonError::Invalid);
        }
        Ok(())
    }

    fn literal(&mut self, literal: &str, kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        for byte in literal.bytes() {
            self.expect(byte)?;
        }
        self.push(kind, start, self.at);
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.nodes.push(Node {
            kind,
            escaped: false,
            start: to_u32(start),
            end: to_u32(end),
            next: to_u32(self.nodes.len().saturating_add(1)),
        });
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.advance(1);
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.takes(byte) {
            return Ok(());
        }
        Err(JsonError::Invalid)
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.advance(1);
        }
        found
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.advance(1);
        byte
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn advance(&mut self, by: usize) {
        self.at = self.at.saturating_add(by);
    }
}

/// The names an object has had so far, as a set of 64 marks: a name whose mark is new is new.
#[derive(Default)]
struct Names(u64);

impl Names {
    /// Whether the name may have been there before.
    fn add(&mut self, name: &[u8], escaped: bool) -> bool {
        if escaped {
            // Its spelling says nothing: compare it, and everything after it.
            self.0 = u64::MAX;
            return true;
        }
        let ends = name.first().zip(name.last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| (*first, *last));
        let length = u32::try_from(name.len()).unwrap_or_default();
        let mark = length.wrapping_mul(11) ^ u32::from(first) ^ u32::from(last).wrapping_mul(5);
        let mark = 1_u64.wrapping_shl(mark);
        let was_there = self.0 & mark != 0;
        self.0 |= mark;
        was_there
    }
}

/// The first position from `at` on that holds a quote, a backslash or a control character: eight
/// bytes at a time, since most of a token's payload is plain string.
fn plain_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let stops = stops(u64::from_le_bytes(*chunk));
        if stops != 0 {
            let first = to_usize(stops.trailing_zeros()) / 8;
            return at.saturating_add(first);
        }
        at = at.saturating_add(8);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    at.saturating_add(rest.iter().position(is_stop).unwrap_or(rest.len()))
}

/// The high bit of each byte of `word` that is a quote, a backslash or below 0x20. Bits above the
/// lowest set one may be wrong (borrow); only that one is used.
fn stops(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let equals = |byte: u64| {
        let zeroed = word ^ byte.wrapping_mul(ONES);
        zeroed.wrapping_sub(ONES) & !zeroed
    };
    let control = word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word;
    (equals(u64::from(b'"')) | equals(u64::from(b'\\')) | control) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Names, plain_end, stops};

    fn is_stop(byte: u8) -> bool {
        byte == b'"' || byte == b'\\' || byte < 0x20
    }

    fn naive_end(bytes: &[u8], at: usize) -> usize {
        (at..bytes.len())
            .find(|index| is_stop(bytes[*index]))
            .unwrap_or_else(|| at.max(bytes.len()))
    }

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_or_one_by_one(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            at in 0..41_usize,
        ) {
            let at = at.min(bytes.len());
            prop_assert_eq!(plain_end(&bytes, at), naive_end(&bytes, at));
        }

        #[test]
        fn one_stop_among_plain_bytes(
            plain in prop::collection::vec(0x20..=0xFF_u8, 0..40),
            stop in prop::sample::select(vec![b'"', b'\\', 0, 1, 0x1F]),
            place in any::<prop::sample::Index>(),
        ) {
            let mut bytes: Vec<u8> = plain.into_iter().filter(|byte| !is_stop(*byte)).collect();
            prop_assert_eq!(plain_end(&bytes, 0), bytes.len());
            let place = place.index(bytes.len().saturating_add(1));
            bytes.insert(place, stop);
            prop_assert_eq!(plain_end(&bytes, 0), place);
        }
    }

    #[test]
    fn every_byte_at_every_place_of_a_word() {
        for (byte, place) in (0..=0xFF_u8).flat_map(|byte| (0..8_u32).map(move |at| (byte, at))) {
            let mut word = [b'a'; 8];
            word[usize::try_from(place).unwrap()] = byte;
            let found = stops(u64::from_le_bytes(word));
            let mark = 0x80_u64.wrapping_shl(place.wrapping_mul(8));
            let expected = if is_stop(byte) { mark } else { 0 };
            assert_eq!(found, expected, "{byte:#x} at {place}");
        }
    }

    #[test]
    fn a_position_behind_the_end_is_the_end() {
        assert_eq!(plain_end(b"", 0), 0);
        assert_eq!(plain_end(b"abc", 3), 3);
        assert_eq!(plain_end(b"abcdefgh", 0), 8);
        assert_eq!(plain_end(b"abcdefghijk", 8), 11);
    }

    #[test]
    fn a_name_is_new_until_it_was_there() {
        let mut names = Names::default();
        for name in ["iss", "aud", "sub"] {
            assert!(!names.add(name.as_bytes(), false), "{name}");
        }
        for name in ["iss", "aud", "sub"] {
            assert!(names.add(name.as_bytes(), false), "{name}");
        }
        assert!(!names.add(b"", false));
        assert!(names.add(b"", false));
    }

    #[test]
    fn after_an_escaped_name_every_name_is_compared() {
        let mut names = Names::default();
        assert!(names.add(b"\\u0061", true));
        for name in ["iss", "aud", "a", ""] {
            assert!(names.add(name.as_bytes(), false), "{name}");
        }
    }

    #[test]
    fn a_mark_stays() {
        let mut names = Names::default();
        assert!(!names.add(b"iss", false));
        for _ in 0..3 {
            assert!(names.add(b"iss", false));
        }
    }

    /// The names of a usual token, 7 marks for nine names.
    #[test]
    fn marks_tell_names_apart() {
        let mut names = Names::default();
        let usual = [
            "aud",
            "auth_time",
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "scope",
            "sub",
        ];
        for name in usual {
            names.add(name.as_bytes(), false);
        }
        assert_eq!(names.0, 0x2990_0000_0000_1040);
    }
}
