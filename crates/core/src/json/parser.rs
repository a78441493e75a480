//! The pass over the text, which checks everything and writes the tape.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use wide::u8x16;

use super::{JsonError, Kind, Node, limits, to_u32, to_usize, unescape};

/// Writes the tape into `nodes`, replacing their content and reusing their memory.
pub(super) fn parse(text: &str, mut nodes: Vec<Node>) -> Result<Vec<Node>, JsonError> {
    // Positions are kept in 32 bits; no caller has a text near 4 GiB.
    if u32::try_from(text.len()).is_err() {
        return Err(JsonError::Limits);
    }
    nodes.clear();
    let mut parser = Parser::of(text, nodes);
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
    /// INVARIANT: at most one past the end, so that stepping cannot wrap.
    at: u32,
    /// The block of 64 bytes that `stops` describes; `u32::MAX` for none.
    block: u32,
    /// One bit per byte of the block: whether the byte interrupts a plain string.
    stops: u64,
    members: usize,
    nodes: Vec<Node>,
    /// The names with escapes, each with its index on the tape, ascending. They are resolved only
    /// once, because each is compared with many others.
    escaped_names: Vec<(usize, String)>,
}

impl<'t> Parser<'t> {
    const fn of(text: &'t str, nodes: Vec<Node>) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            block: u32::MAX,
            stops: 0,
            members: 0,
            nodes,
            escaped_names: Vec::new(),
        }
    }

    /// RFC 8259 §3. Recursion, through object and array, ends at [`limits::JSON_DEPTH`].
    #[inline(always)]
    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => {
                self.step();
                self.string().map(|_| ())
            }
            Some(b'{') => self.object(depth.wrapping_add(1)),
            Some(b'[') => self.array(depth.wrapping_add(1)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Kind::Bool),
            Some(b'f') => self.literal("false", Kind::Bool),
            Some(b'n') => self.literal("null", Kind::Null),
            _ => Err(JsonError::Invalid),
        }
    }

    #[inline(never)]
    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        let object = self.open(Kind::Object, depth)?;
        if self.takes(b'}') {
            return self.close(object);
        }
        let mut seen = Names::default();
        self.count_member()?;
        self.expect(b'"')?;
        loop {
            self.name(object, &mut seen)?;
            // Checks two bytes at once: most values are strings, and few issuers write white space.
            if self.takes_both(*b":\"") {
                self.string()?;
            } else {
                self.white_space();
                self.expect(b':')?;
                self.white_space();
                self.value(depth)?;
            }
            if self.takes_both(*b",\"") {
                self.count_member()?;
                continue;
            }
            self.white_space();
            if self.takes(b'}') {
                return self.close(object);
            }
            self.expect(b',')?;
            self.white_space();
            self.count_member()?;
            self.expect(b'"')?;
        }
    }

    #[inline(never)]
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
        let (end, nodes) = (self.at, self.nodes.len());
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
            node.size = to_u32(nodes.saturating_sub(index));
        }
        Ok(())
    }

    #[inline(always)]
    fn count_member(&mut self) -> Result<(), JsonError> {
        self.members = self.members.wrapping_add(1);
        if self.members > limits::JSON_MEMBERS {
            return Err(JsonError::Limits);
        }
        Ok(())
    }

    /// A member's name, which no earlier member of `object` may have; the opening quote is
    /// consumed.
    fn name(&mut self, object: usize, seen: &mut Names) -> Result<(), JsonError> {
        let index = self.nodes.len();
        let name = self.string()?;
        if name.escaped {
            let unescaped = unescape(self.raw(&name));
            self.escaped_names.push((index, unescaped));
        }
        let may_be_duplicate = seen.add(self.raw_bytes(&name), name.escaped);
        if may_be_duplicate && self.is_duplicate(object, index, seen) {
            return Err(JsonError::DuplicateMember);
        }
        Ok(())
    }

    #[cold]
    fn is_duplicate(&self, object: usize, name: usize, seen: &mut Names) -> bool {
        if name.saturating_sub(object) > FEW_NODES {
            return self.is_duplicate_among_many(object, name, seen);
        }
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
            index = self.after_value(index.saturating_add(1));
        }
        false
    }

    /// In linear time: each name of the object is added to a set once, up to this one.
    fn is_duplicate_among_many(&self, object: usize, name: usize, seen: &mut Names) -> bool {
        let many = seen.many.get_or_insert_with(|| Box::new(Many::new(object)));
        loop {
            // The object is followed by its first name, a name by its value.
            let before = many.last;
            let is_first = before == object;
            let next = before.saturating_add(1);
            many.last = if is_first {
                next
            } else {
                self.after_value(next)
            };
            let is_known = many.add(many.last, |index| self.name_at(index));
            if many.last >= name {
                return is_known;
            }
        }
    }

    /// The name at `index`, with escapes resolved.
    fn name_at(&self, index: usize) -> &[u8] {
        match self.nodes.get(index) {
            Some(node) if node.escaped => self.resolved(index, node).as_bytes(),
            Some(node) => self.raw_bytes(node),
            None => &[],
        }
    }

    fn after_value(&self, value: usize) -> usize {
        value.saturating_add(self.nodes.get(value).map_or(0, Node::size))
    }

    /// The name `node` at `index`, with escapes resolved.
    fn resolved(&self, index: usize, node: &Node) -> &str {
        let escaped = &self.escaped_names;
        match escaped.binary_search_by_key(&index, |(of, _)| *of) {
            Ok(found) => escaped.get(found).map_or("", |(_, name)| name),
            Err(_) => self.raw(node),
        }
    }

    /// The text between the quotes of a string.
    fn raw(&self, node: &Node) -> &'t str {
        self.text.get(node.range()).unwrap_or_default()
    }

    fn raw_bytes(&self, node: &Node) -> &[u8] {
        self.bytes.get(node.range()).unwrap_or_default()
    }

    /// RFC 8259 §7; the opening quote is consumed.
    #[inline(always)]
    fn string(&mut self) -> Result<Node, JsonError> {
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

    /// The rest of a string, from the first byte that is not plain.
    #[cold]
    fn rest_of_string(&mut self) -> Result<(), JsonError> {
        while self.peek() != Some(b'"') {
            self.expect(b'\\')?;
            self.escape()?;
            self.plain();
        }
        Ok(())
    }

    /// The characters after a backslash. A surrogate must be half of a pair: readers disagree about
    /// the meaning of a lone one.
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
        // `from_str_radix` would accept a sign.
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(JsonError::Invalid);
        }
        self.at = end;
        u16::from_str_radix(hex, 16).map_err(|_| JsonError::Invalid)
    }

    /// RFC 8259 §6.
    #[inline(always)]
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
            size: 1,
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

    /// Consumes two bytes or none.
    #[inline(always)]
    fn takes_both(&mut self, both: [u8; 2]) -> bool {
        let rest = self.bytes.get(to_usize(self.at)..).unwrap_or_default();
        let found = rest.first_chunk() == Some(&both);
        if found {
            self.at = self.at.wrapping_add(2);
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

    /// Steps over the byte that [`Parser::peek`] returned.
    #[inline(always)]
    fn step(&mut self) {
        self.at = self.at.wrapping_add(1);
    }

    /// Skips everything up to a quote, a backslash, a control character or the end.
    ///
    /// Most strings are short, and searching each one separately would have to wait for the end of
    /// the one before. So we find all stops in a block of 64 bytes at once.
    #[inline(always)]
    fn plain(&mut self) {
        loop {
            let block = self.at >> 6;
            if block != self.block {
                self.look_at(block);
            }
            let ahead = self.stops >> (self.at & 63);
            if ahead != 0 {
                self.at = self.at.wrapping_add(ahead.trailing_zeros());
                return;
            }
            self.at = block.wrapping_add(1) << 6;
            if to_usize(self.at) >= self.bytes.len() {
                self.at = to_u32(self.bytes.len());
                return;
            }
        }
    }

    fn look_at(&mut self, block: u32) {
        let rest = self.bytes.get(to_usize(block << 6)..).unwrap_or_default();
        self.block = block;
        self.stops = match rest.first_chunk::<64>() {
            Some(bytes) => stops(bytes),
            None => {
                let mut padded = [b'a'; 64];
                if let Some(start) = padded.get_mut(..rest.len()) {
                    start.copy_from_slice(rest);
                }
                stops(&padded)
            }
        };
    }
}

/// The names in an object so far, as a set of 64 marks: a name with a new mark is new.
#[derive(Default)]
struct Names {
    marks: u64,
    many: Option<Box<Many>>,
}

/// The names in an object that has many: a table of their hashes, whose seed no sender knows.
struct Many {
    /// The hash of a name, and its index on the tape; index 0, which no name has, is a free slot.
    slots: Vec<(u32, u32)>,
    used: usize,
    hasher: RandomState,
    /// The index of the last name in the table; before the first one, that of the object.
    last: usize,
}

impl Many {
    fn new(object: usize) -> Self {
        Self {
            slots: vec![FREE; SLOTS],
            used: 0,
            hasher: RandomState::default(),
            last: object,
        }
    }

    /// Adds the name at `index`, and returns whether it was there.
    fn add<'n>(&mut self, index: usize, name_at: impl Fn(usize) -> &'n [u8]) -> bool {
        let name = name_at(index);
        let mut hasher = self.hasher.build_hasher();
        hasher.write(name);
        let hash = u32::try_from(hasher.finish() >> 32).unwrap_or_default();
        let slot = self.slot(hash, |other| name_at(other) == name);
        let is_known = self.slots.get(slot).is_some_and(|slot| *slot != FREE);
        if !is_known {
            self.fill(slot, (hash, to_u32(index)));
        }
        is_known
    }

    /// The slot of the name with this hash, or the free slot where it belongs.
    fn slot(&self, hash: u32, is_it: impl Fn(usize) -> bool) -> usize {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = to_usize(hash) & mask;
        while let Some((of, index)) = self.slots.get(at) {
            if (*of, *index) == FREE || (*of == hash && is_it(to_usize(*index))) {
                break;
            }
            at = at.wrapping_add(1) & mask;
        }
        at
    }

    /// At most half of the slots are used, so that a free one is near.
    fn fill(&mut self, at: usize, slot: (u32, u32)) {
        if let Some(free) = self.slots.get_mut(at) {
            *free = slot;
        }
        self.used = self.used.wrapping_add(1);
        if self.used.wrapping_mul(2) <= self.slots.len() {
            return;
        }
        let more = vec![FREE; self.slots.len().wrapping_mul(4)];
        let slots = std::mem::replace(&mut self.slots, more);
        for slot in slots.into_iter().filter(|slot| *slot != FREE) {
            let at = self.slot(slot.0, |_| false);
            if let Some(free) = self.slots.get_mut(at) {
                *free = slot;
            }
        }
    }
}

const FREE: (u32, u32) = (0, 0);

/// The slots of a new table, a power of two: 16 KiB, enough for 1024 names.
const SLOTS: usize = 2048;

/// Up to so many nodes from the start of its object, a name is compared with each one before it.
const FEW_NODES: usize = 64;

impl Names {
    /// Whether the object may already have the name.
    #[inline(always)]
    fn add(&mut self, name: &[u8], escaped: bool) -> bool {
        if escaped {
            // Its spelling proves nothing: compare this name and all later ones.
            self.marks = u64::MAX;
            return true;
        }
        let ends = name.first().zip(name.last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| (*first, *last));
        // With these factors, the names in tokens of common issuers have different marks.
        let mark = to_u32(name.len()).wrapping_mul(3)
            ^ u32::from(first).wrapping_mul(47)
            ^ u32::from(last).wrapping_mul(27);
        let mark = 1_u64.wrapping_shl(mark);
        let was_there = self.marks & mark != 0;
        self.marks |= mark;
        was_there
    }
}

/// One bit per byte, lowest first: whether it is a quote, a backslash or below 0x20.
#[inline(always)]
fn stops(block: &[u8; 64]) -> u64 {
    let (chunks, _) = block.as_chunks::<16>();
    let stops = |chunk: &[u8; 16]| {
        let bytes = u8x16::new(*chunk);
        let quotes = bytes.simd_eq(u8x16::splat(b'"'));
        let backslashes = bytes.simd_eq(u8x16::splat(b'\\'));
        let controls = bytes.simd_eq(bytes.min(u8x16::splat(0x1F)));
        u64::from((quotes | backslashes | controls).to_bitmask())
    };
    chunks
        .iter()
        .rev()
        .fold(0, |found, chunk| found << 16 | stops(chunk))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Names, Parser, stops};

    fn is_stop(byte: u8) -> bool {
        byte == b'"' || byte == b'\\' || byte < 0x20
    }

    /// The parser's position after skipping the plain text from `at`.
    fn plain_end(text: &str, at: usize) -> usize {
        let mut parser = Parser::of(text, Vec::new());
        // As after earlier strings: the parser has read other blocks.
        for at in [text.len(), 0, at] {
            parser.at = u32::try_from(at).unwrap();
            parser.plain();
        }
        usize::try_from(parser.at).unwrap()
    }

    fn naive_end(text: &str, at: usize) -> usize {
        let stop = text.bytes().skip(at).position(is_stop);
        stop.map_or(text.len(), |stop| at.saturating_add(stop))
    }

    proptest! {
        #[test]
        fn block_by_block_or_one_by_one(
            text in "[ -~\\x00-\\x1Fé]{0,200}",
            at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(text.len().saturating_add(1));
            prop_assert_eq!(plain_end(&text, at), naive_end(&text, at));
        }

        #[test]
        fn one_stop_among_plain_bytes(
            plain in "[a-zé]{0,200}",
            stop in prop::sample::select(vec!['"', '\\', '\0', '\x1F']),
            place in any::<prop::sample::Index>(),
        ) {
            prop_assert_eq!(plain_end(&plain, 0), plain.len());
            let places: Vec<usize> = plain.char_indices().map(|(at, _)| at).chain([plain.len()]).collect();
            let place = places[place.index(places.len())];
            let mut text = plain;
            text.insert(place, stop);
            prop_assert_eq!(plain_end(&text, 0), place);
        }
    }

    #[test]
    fn every_byte_at_every_place_of_a_block() {
        for (byte, place) in (0..=0xFF_u8).flat_map(|byte| (0..64_u32).map(move |at| (byte, at))) {
            let mut block = [b'a'; 64];
            block[usize::try_from(place).unwrap()] = byte;
            let mark = 1_u64.wrapping_shl(place);
            let expected = if is_stop(byte) { mark } else { 0 };
            assert_eq!(stops(&block), expected, "{byte:#x} at {place}");
        }
    }

    #[test]
    fn without_a_stop_it_is_the_end() {
        for length in 0..200 {
            let text = "a".repeat(length);
            for at in 0..=length {
                assert_eq!(plain_end(&text, at), length);
            }
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

    /// Otherwise the parser would compare names one by one, which the marks should avoid.
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
