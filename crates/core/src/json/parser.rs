//! The pass over the text: checks everything, writes the tape.

use wide::u8x16;

use super::{JsonError, Kind, Node, limits, to_u32, to_usize, unescape};

/// Writes the tape into `nodes`, whose content is replaced and whose memory is used again.
pub(super) fn parse(text: &str, mut nodes: Vec<Node>) -> Result<Vec<Node>, JsonError> {
    // Positions are kept in 32 bits; no caller has a text near 4 GiB.
    if u32::try_from(text.len()).is_err() {
        return Err(JsonError::Limits);
    }
    nodes.clear();
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        members: 0,
        nodes,
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
    /// INVARIANT: at most one behind the end, so that stepping on cannot wrap.
    at: u32,
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
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(depth.wrapping_add(1)),
            Some(b'[') => self.array(depth.wrapping_add(1)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Kind::Bool),
            Some(b'f') => self.literal("false", Kind::Bool),
            Some(b'n') => self.literal("null", Kind::Null),
            _ => Err(JsonError::Invalid),
        }
    }

    /// As [`Parser::value`], without a call for what most values are.
    #[inline(always)]
    fn string_or_value(&mut self, depth: usize) -> Result<(), JsonError> {
        if self.peek() == Some(b'"') {
            return self.string().map(|_| ());
        }
        self.value(depth)
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
            self.string_or_value(depth)?;
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
        self.push(kind, false, self.at, self.at);
        self.step();
        self.white_space();
        Ok(index)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the tail of both callers' loops, which are fallible"
    )]
    fn close(&mut self, index: usize) -> Result<(), JsonError> {
        let (end, next) = (self.at, to_u32(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
            node.next = next;
        }
        Ok(())
    }

    /// A member's name, which no earlier member of `object` may have.
    fn name(&mut self, object: usize, seen: &mut Names) -> Result<(), JsonError> {
        self.members = self.members.wrapping_add(1);
        if self.members > limits::JSON_MEMBERS {
            return Err(JsonError::Limits);
        }
        if self.peek() != Some(b'"') {
            return Err(JsonError::Invalid);
        }
        let index = self.nodes.len();
        let name = self.string()?;
        if name.escaped {
            let unescaped = unescape(self.raw(&name));
            self.escaped_names.push((index, unescaped));
        }
        let may_be_duplicate = seen.add(self.raw_bytes(&name), name.escaped);
        if may_be_duplicate && self.is_duplicate(object, index) {
            return Err(JsonError::DuplicateMember);
        }
        Ok(())
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
                old.len() == new.len() && self.raw_bytes(old) == new_name.as_bytes()
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

    fn raw_bytes(&self, node: &Node) -> &[u8] {
        self.bytes
            .get(to_usize(node.start)..to_usize(node.end))
            .unwrap_or_default()
    }

    /// RFC 8259 §7; the opening quote is next.
    #[inline(always)]
    fn string(&mut self) -> Result<Node, JsonError> {
        self.step();
        let start = self.at;
        self.plain();
        let escaped = self.peek() != Some(b'"');
        if escaped {
            self.rest_of_string()?;
        }
        let node = self.push(Kind::String, escaped, start, self.at);
        self.step();
        Ok(node)
    }

    /// The string from its first byte on that is not plain.
    #[cold]
    fn rest_of_string(&mut self) -> Result<(), JsonError> {
        while self.peek() != Some(b'"') {
            self.expect(b'\\')?;
            self.escape()?;
            self.plain();
        }
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
        let end = self.at.saturating_add(4);
        let hex = self.text.get(to_usize(self.at)..to_usize(end));
        let hex = hex.ok_or(JsonError::Invalid)?;
        // `from_str_radix` would take a sign.
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(JsonError::Invalid);
        }
        self.at = end;
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
        self.push(Kind::Number, false, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.bytes.get(to_usize(self.at)..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(JsonError::Invalid);
        }
        self.at = self.at.wrapping_add(to_u32(digits));
        Ok(())
    }

    fn literal(&mut self, literal: &str, kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        for byte in literal.bytes() {
            self.expect(byte)?;
        }
        self.push(kind, false, start, self.at);
        Ok(())
    }

    #[inline(always)]
    fn push(&mut self, kind: Kind, escaped: bool, start: u32, end: u32) -> Node {
        let node = Node {
            kind,
            escaped,
            start,
            end,
            next: to_u32(self.nodes.len()).wrapping_add(1),
        };
        self.nodes.push(node);
        node
    }

    #[inline(always)]
    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.takes(byte) {
            return Ok(());
        }
        Err(JsonError::Invalid)
    }

    #[inline(always)]
    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.step();
        }
        found
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.step();
        Some(byte)
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(to_usize(self.at)).copied()
    }

    /// Over the byte that [`Parser::peek`] has shown.
    #[inline(always)]
    fn step(&mut self) {
        self.at = self.at.wrapping_add(1);
    }

    /// Over everything up to a quote, a backslash, a control character or the end.
    #[inline(always)]
    fn plain(&mut self) {
        let rest = self.bytes.get(to_usize(self.at)..).unwrap_or_default();
        self.at = self.at.wrapping_add(to_u32(plain_length(rest)));
    }
}

/// The names an object has had so far, as a set of 64 marks: a name whose mark is new is new.
#[derive(Default)]
struct Names(u64);

impl Names {
    /// Whether the name may have been there before.
    #[inline(always)]
    fn add(&mut self, name: &[u8], escaped: bool) -> bool {
        if escaped {
            // Its spelling says nothing: compare it, and everything after it.
            self.0 = u64::MAX;
            return true;
        }
        let ends = name.first().zip(name.last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| (*first, *last));
        // Numbers for which the names in the tokens of common issuers have different marks.
        let mark = to_u32(name.len()).wrapping_mul(3)
            ^ u32::from(first).wrapping_mul(47)
            ^ u32::from(last).wrapping_mul(27);
        let mark = 1_u64.wrapping_shl(mark);
        let was_there = self.0 & mark != 0;
        self.0 |= mark;
        was_there
    }
}

/// How many bytes come before a quote, a backslash or a control character: sixteen bytes at a time,
/// since most of a token's payload is plain string.
#[inline(always)]
fn plain_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<16>() {
        let stops = stops(*chunk);
        if stops != 0 {
            let before = bytes.len().wrapping_sub(rest.len());
            return before.wrapping_add(to_usize(stops.trailing_zeros()));
        }
        rest = behind;
    }
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let before = bytes.len().wrapping_sub(rest.len());
    before.wrapping_add(rest.iter().position(is_stop).unwrap_or(rest.len()))
}

/// One bit a byte: whether it is a quote, a backslash or below 0x20.
#[inline(always)]
fn stops(chunk: [u8; 16]) -> u32 {
    let bytes = u8x16::new(chunk);
    let quotes = bytes.simd_eq(u8x16::splat(b'"'));
    let backslashes = bytes.simd_eq(u8x16::splat(b'\\'));
    let controls = bytes.simd_eq(bytes.min(u8x16::splat(0x1F)));
    (quotes | backslashes | controls).to_bitmask()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Names, plain_length, stops};

    fn is_stop(byte: u8) -> bool {
        byte == b'"' || byte == b'\\' || byte < 0x20
    }

    fn naive_length(bytes: &[u8]) -> usize {
        let stop = bytes.iter().position(|byte| is_stop(*byte));
        stop.unwrap_or(bytes.len())
    }

    proptest! {
        #[test]
        fn sixteen_bytes_at_a_time_or_one_by_one(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            prop_assert_eq!(plain_length(&bytes), naive_length(&bytes));
        }

        #[test]
        fn one_stop_among_plain_bytes(
            plain in prop::collection::vec(0x20..=0xFF_u8, 0..70),
            stop in prop::sample::select(vec![b'"', b'\\', 0, 1, 0x1F]),
            place in any::<prop::sample::Index>(),
        ) {
            let mut bytes: Vec<u8> = plain.into_iter().filter(|byte| !is_stop(*byte)).collect();
            prop_assert_eq!(plain_length(&bytes), bytes.len());
            let place = place.index(bytes.len().saturating_add(1));
            bytes.insert(place, stop);
            prop_assert_eq!(plain_length(&bytes), place);
        }
    }

    #[test]
    fn every_byte_at_every_place_of_a_chunk() {
        for (byte, place) in (0..=0xFF_u8).flat_map(|byte| (0..16_u32).map(move |at| (byte, at))) {
            let mut chunk = [b'a'; 16];
            chunk[usize::try_from(place).unwrap()] = byte;
            let mark = 1_u32.wrapping_shl(place);
            let expected = if is_stop(byte) { mark } else { 0 };
            assert_eq!(stops(chunk), expected, "{byte:#x} at {place}");
        }
    }

    #[test]
    fn without_a_stop_it_is_the_whole_length() {
        for length in 0..50 {
            let bytes = vec![b'a'; length];
            assert_eq!(plain_length(&bytes), length);
        }
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

    /// Otherwise they would be compared one by one, which is what the marks are to save.
    #[test]
    fn marks_tell_the_names_of_a_usual_token_apart() {
        for (issuer, names) in [
            ("Auth0", "iss sub aud iat exp azp scope permissions gty"),
            (
                "Authgear",
                "amr aud auth_time client_id exp https://authgear.com/claims/user/can_reauthenticate \
                 https://authgear.com/claims/user/is_anonymous \
                 https://authgear.com/claims/user/is_verified \
                 https://authgear.com/claims/user/roles iat iss jti scope sub",
            ),
            (
                "Entra",
                "aud iss iat nbf exp aio azp azpacr name oid preferred_username rh scp sub tid uti \
                 ver roles",
            ),
            (
                "Keycloak",
                "exp iat auth_time jti iss aud sub typ azp session_state acr allowed-origins \
                 realm_access resource_access scope sid email_verified name preferred_username \
                 given_name family_name email",
            ),
            ("Okta", "ver jti iss aud iat exp cid uid scp auth_time sub"),
        ] {
            let mut seen = Names::default();
            for name in names.split(' ') {
                assert!(!seen.add(name.as_bytes(), false), "{issuer} {name}");
            }
        }
    }
}
