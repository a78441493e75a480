//! The claims of a token: the JWT Claims Set ([RFC 7519 §4]), parsed once and kept with its text.
//!
//! One pass over the members finds the registered claims and `typ`; they get their types when they
//! are read. A claim that is `null` is absent: issuers write it for a value that they do not have. One
//! that is malformed otherwise is an error, never "absent". The policy decides, not this file.
//!
//! [RFC 7519 §4]: https://www.rfc-editor.org/rfc/rfc7519#section-4

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::json::{Kind, Tape, Value};
use crate::rejection::InvalidToken;
use crate::spiffe;
use crate::time::UnixTime;

/// A JWT Claims Set, as its issuer wrote it.
#[derive(Clone)]
pub struct Claims {
    text: String,
    tape: Tape,
    found: Found,
}

impl Claims {
    /// Parses a payload into the memory of `tape`.
    pub(crate) fn parse(payload: Vec<u8>, tape: Tape) -> Result<Self, InvalidToken> {
        let text = String::from_utf8(payload).map_err(|_| InvalidToken::JsonInvalid)?;
        let tape = tape.parse(&text)?;
        let root = tape.root(&text);
        if root.kind() != Kind::Object {
            return Err(InvalidToken::JsonInvalid);
        }
        let mut found = Found::default();
        for (name, index) in root.member_names() {
            found.note(&name, index);
        }
        Ok(Self { text, tape, found })
    }

    /// The claim called `name`, if there is one that is not `null`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        let mut found = self.found;
        match found.slot(name.as_bytes()) {
            Some(index) => self.registered(*index),
            None => self.root().get(name).and_then(Value::non_null),
        }
    }

    /// The claim at `path`, if there is one that is not `null`.
    #[must_use]
    pub fn at(&self, path: &ClaimPath) -> Option<Value<'_>> {
        let mut names = path.0.iter();
        let found = names.try_fold(self.root(), |value, name| value.get(name));
        found.and_then(Value::non_null)
    }

    /// All claims, as an object.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        self.tape.root(&self.text)
    }

    /// Converts the claims into a type of your own.
    ///
    /// # Errors
    ///
    /// Fails if the claims do not fit the type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.text)
    }

    /// The JSON text, as the issuer wrote it.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// The heap memory that the claims take, in bytes, for caches with a limit.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.text
            .capacity()
            .saturating_add(self.tape.memory_bytes())
    }

    pub(crate) fn issuer(&self) -> Result<Cow<'_, str>, InvalidToken> {
        let iss = self.registered(self.found.iss);
        let iss = iss.ok_or(InvalidToken::IssMissing)?;
        let iss = iss.as_str().ok_or(InvalidToken::IssType)?;
        if iss.is_empty() {
            return Err(InvalidToken::IssMissing);
        }
        Ok(iss)
    }

    /// What names the issuer of a token without `iss`: the trust domain of the SPIFFE ID in `sub`.
    #[cold]
    pub(crate) fn trust_domain(&self) -> Result<Cow<'_, str>, InvalidToken> {
        let domain = match self.subject().ok().flatten() {
            Some(Cow::Borrowed(id)) => spiffe::trust_domain(id).map(Cow::Borrowed),
            Some(Cow::Owned(id)) => {
                spiffe::trust_domain(&id).map(|domain| domain.to_owned().into())
            }
            None => None,
        };
        domain.ok_or(InvalidToken::IssMissing)
    }

    /// The values of `aud`, at least one.
    pub(crate) fn audience(&self) -> Result<StringOrStrings<'_>, InvalidToken> {
        let aud = self.registered(self.found.aud);
        let aud = aud.ok_or(InvalidToken::AudMissing)?;
        let aud = StringOrStrings::parse(aud).ok_or(InvalidToken::AudType)?;
        if aud.iter().all(|value| value.is_str("")) {
            return Err(InvalidToken::AudMissing);
        }
        Ok(aud)
    }

    pub(crate) fn expires_at(&self) -> Result<Option<UnixTime>, InvalidToken> {
        self.date(self.found.exp)
    }

    pub(crate) fn not_before(&self) -> Result<Option<UnixTime>, InvalidToken> {
        self.date(self.found.nbf)
    }

    pub(crate) fn issued_at(&self) -> Result<Option<UnixTime>, InvalidToken> {
        self.date(self.found.iat)
    }

    /// `auth_time`, unless it means "never": Authgear writes that as a negative number, others as
    /// 0.
    pub(crate) fn auth_time(&self) -> Option<UnixTime> {
        let time = self.date(self.found.auth_time).ok().flatten();
        time.filter(|time| time.as_secs() > 0)
    }

    pub(crate) fn token_id(&self) -> Result<Option<Cow<'_, str>>, InvalidToken> {
        string(self.registered(self.found.jti))
    }

    pub(crate) fn subject(&self) -> Result<Option<Cow<'_, str>>, InvalidToken> {
        string(self.registered(self.found.sub))
    }

    /// `scope`, or `scp` if there is no `scope` (Okta, Entra): words separated by spaces, or an
    /// array.
    pub(crate) fn scope(&self) -> Result<Option<StringOrStrings<'_>>, InvalidToken> {
        let strings = |index| {
            let strings = self.registered(index).map(StringOrStrings::parse);
            let strings = strings.map(|strings| strings.ok_or(InvalidToken::ClaimType));
            strings.transpose()
        };
        // Reads both: a malformed claim is an error even if the other is good.
        let (scope, scp) = (strings(self.found.scope)?, strings(self.found.scp)?);
        Ok(scope.or(scp))
    }

    pub(crate) fn acr(&self) -> Option<StringOrStrings<'_>> {
        StringOrStrings::parse(self.registered(self.found.acr)?)
    }

    pub(crate) fn amr(&self) -> Option<StringOrStrings<'_>> {
        StringOrStrings::parse(self.registered(self.found.amr)?)
    }

    pub(crate) fn confirmation(&self) -> Option<Value<'_>> {
        self.registered(self.found.cnf)
    }

    pub(crate) fn subject_text(&self) -> Result<Option<Text>, InvalidToken> {
        Text::read(self.registered(self.found.sub))
    }

    /// The strings that [`StringOrStrings::place`] found in these claims.
    pub(crate) fn strings(&self, place: Strings) -> StringOrStrings<'_> {
        StringOrStrings(self.root().sibling(place.0))
    }

    /// The string that [`Text::of`] found in these claims.
    pub(crate) fn resolve<'d>(&'d self, text: &'d Text) -> &'d str {
        match text {
            Text::Elsewhere(text) => text,
            Text::Within(index) => match self.root().sibling(*index).as_str() {
                Some(Cow::Borrowed(text)) => text,
                _ => "",
            },
        }
    }

    fn date(&self, index: Option<NonZeroU16>) -> Result<Option<UnixTime>, InvalidToken> {
        self.registered(index).map(numeric_date).transpose()
    }

    fn registered(&self, index: Option<NonZeroU16>) -> Option<Value<'_>> {
        let value = self.root().sibling(index?.get().into());
        value.non_null()
    }
}

impl fmt::Debug for Claims {
    /// Shows nothing: claims are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").finish_non_exhaustive()
    }
}

/// A string of a token: its place among the claims, or its text if it had escapes there or is not among
/// them.
#[derive(Clone)]
pub(crate) enum Text {
    Within(u32),
    Elsewhere(Box<str>),
}

impl Text {
    /// Finds a claim that must be a string if it is present; an empty string counts as absent.
    pub(crate) fn read(claim: Option<Value<'_>>) -> Result<Option<Self>, InvalidToken> {
        let Some((claim, text)) = claim.zip(string(claim)?) else {
            return Ok(None);
        };
        Ok(Some(match text {
            Cow::Borrowed(_) => Self::Within(claim.index()),
            Cow::Owned(unescaped) => Self::Elsewhere(unescaped.into()),
        }))
    }
}

/// The place of a claim that is a string or an array of strings.
#[derive(Clone, Copy)]
pub(crate) struct Strings(u32);

/// The path to a claim: a list of member names, taken literally. Names may contain dots and
/// slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath(Box<[Box<str>]>);

impl ClaimPath {
    /// A path of member names, outermost first.
    #[must_use]
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().map(Box::from).collect())
    }

    /// The member names, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether it names a claim: the first name is there and not empty. Members below may be called "".
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.0.first().is_some_and(|name| !name.is_empty())
    }
}

impl From<&str> for ClaimPath {
    /// The path to the top-level claim with exactly this name.
    fn from(name: &str) -> Self {
        Self::new([name])
    }
}

impl<const N: usize> From<[&str; N]> for ClaimPath {
    fn from(names: [&str; N]) -> Self {
        Self::new(names)
    }
}

/// A claim that is a string or an array of strings, as RFC 7519 §4.1.3 lets `aud` be.
#[derive(Clone, Copy)]
pub(crate) struct StringOrStrings<'d>(Value<'d>);

impl<'d> StringOrStrings<'d> {
    pub(crate) fn parse(value: Value<'d>) -> Option<Self> {
        let is_string = |value: Value<'_>| value.kind() == Kind::String;
        let fits = match value.kind() {
            Kind::String => true,
            Kind::Array => value.elements().all(is_string),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Object => false,
        };
        fits.then_some(Self(value))
    }

    /// The string, or the array's strings in turn.
    pub(crate) fn iter(self) -> impl Iterator<Item = Value<'d>> {
        let alone = (self.0.kind() == Kind::String).then_some(self.0);
        alone.into_iter().chain(self.0.elements())
    }

    pub(crate) fn place(self) -> Strings {
        Strings(self.0.index())
    }

    pub(crate) fn contains(self, wanted: &str) -> bool {
        self.iter().any(|value| value.is_str(wanted))
    }

    /// The words: a string is split at spaces, an array's elements are taken as they are.
    pub(crate) fn words(self) -> impl Iterator<Item = Cow<'d, str>> {
        let is_array = self.0.kind() == Kind::Array;
        self.iter()
            .filter_map(Value::as_str)
            .flat_map(move |value| Words { value, is_array })
    }
}

/// Splits without borrowing from an owned string.
struct Words<'d> {
    value: Cow<'d, str>,
    is_array: bool,
}

impl<'d> Iterator for Words<'d> {
    type Item = Cow<'d, str>;

    fn next(&mut self) -> Option<Cow<'d, str>> {
        if self.is_array {
            let whole = std::mem::take(&mut self.value);
            return Some(whole).filter(|word| !word.is_empty());
        }
        let (word, rest) = match &self.value {
            Cow::Borrowed(text) => {
                let (word, rest) = first_word(text);
                (Cow::Borrowed(word), Cow::Borrowed(rest))
            }
            Cow::Owned(text) => {
                let (word, rest) = first_word(text);
                (Cow::Owned(word.to_owned()), Cow::Owned(rest.to_owned()))
            }
        };
        self.value = rest;
        Some(word).filter(|word| !word.is_empty())
    }
}

/// RFC 6749 §3.3: a space separates scope tokens. Several spaces count as one.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(' ');
    text.split_once(' ').unwrap_or((text, ""))
}

/// A claim that must be a string if it is present; an empty string counts as absent.
pub(crate) fn string(value: Option<Value<'_>>) -> Result<Option<Cow<'_, str>>, InvalidToken> {
    let Some(value) = value else {
        return Ok(None);
    };
    let value = value.as_str().ok_or(InvalidToken::ClaimType)?;
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// NumericDate ([RFC 7519 §2]): a JSON number, fractions allowed, between 1970 and 9999.
///
/// [RFC 7519 §2]: https://www.rfc-editor.org/rfc/rfc7519#section-2
fn numeric_date(value: Value<'_>) -> Result<UnixTime, InvalidToken> {
    let number = value.number_bytes().ok_or(InvalidToken::DateType)?;
    // Whole seconds are exact; other numbers become a float, precise to a microsecond until 2242.
    let date = match whole_seconds(number) {
        Some(seconds) => UnixTime::from_secs(seconds),
        None => {
            let digits = std::str::from_utf8(number).unwrap_or_default();
            let seconds = digits.parse().map_err(|_| InvalidToken::DateType)?;
            let since = Duration::try_from_secs_f64(seconds);
            UnixTime::from_duration(since.map_err(|_| InvalidToken::DateRange)?)
        }
    };
    if date > UnixTime::MAX {
        return Err(InvalidToken::DateRange);
    }
    Ok(date)
}

/// The JSON number as whole seconds, if it consists of at most twelve digits, enough for any date.
fn whole_seconds(number: &[u8]) -> Option<u64> {
    const MOST: usize = 12;
    if number.len() > MOST {
        return None;
    }
    let (mut seconds, mut bits) = (0_u64, 0);
    for byte in number {
        let digit = byte.wrapping_sub(b'0');
        // `+`, `-`, `.`, `E` and `e`, the other bytes of a number, set a high bit; digits do not.
        bits |= digit;
        // Twelve digits fit into 64 bits with room to spare.
        seconds = seconds.wrapping_mul(10).wrapping_add(digit.into());
    }
    (bits & 0xF0 == 0).then_some(seconds)
}

/// The places on the tape of the claims that every token needs. Small, because it moves with the
/// claims: the tape of a token has fewer than 2¹⁶ nodes, and the object itself is at 0.
#[derive(Clone, Copy, Default)]
struct Found {
    acr: Option<NonZeroU16>,
    amr: Option<NonZeroU16>,
    aud: Option<NonZeroU16>,
    auth_time: Option<NonZeroU16>,
    client_id: Option<NonZeroU16>,
    cnf: Option<NonZeroU16>,
    exp: Option<NonZeroU16>,
    iat: Option<NonZeroU16>,
    iss: Option<NonZeroU16>,
    jti: Option<NonZeroU16>,
    nbf: Option<NonZeroU16>,
    scope: Option<NonZeroU16>,
    scp: Option<NonZeroU16>,
    sub: Option<NonZeroU16>,
    typ: Option<NonZeroU16>,
}

impl Found {
    fn note(&mut self, name: &[u8], index: u32) {
        if let Some(claim) = self.slot(name) {
            *claim = u16::try_from(index).ok().and_then(NonZeroU16::new);
        }
    }

    /// The slot for the claim called `name`, if it is one of these.
    #[inline(always)]
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<NonZeroU16>> {
        // As bytes: the compiler then branches on one byte at a time, not on one name at a time.
        Some(match name {
            b"acr" => &mut self.acr,
            b"amr" => &mut self.amr,
            b"aud" => &mut self.aud,
            b"auth_time" => &mut self.auth_time,
            b"client_id" => &mut self.client_id,
            b"cnf" => &mut self.cnf,
            b"exp" => &mut self.exp,
            b"iat" => &mut self.iat,
            b"iss" => &mut self.iss,
            b"jti" => &mut self.jti,
            b"nbf" => &mut self.nbf,
            b"scope" => &mut self.scope,
            b"scp" => &mut self.scp,
            b"sub" => &mut self.sub,
            b"typ" => &mut self.typ,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Claims, first_word, whole_seconds};
    use crate::json::Tape;
    use crate::rejection::InvalidToken;
    use crate::time::UnixTime;

    fn date(json: &str) -> Result<UnixTime, InvalidToken> {
        let claims =
            Claims::parse(format!("{{\"exp\":{json}}}").into_bytes(), Tape::default()).unwrap();
        claims.expires_at().map(Option::unwrap)
    }

    proptest! {
        #[test]
        fn whole_seconds_are_exact(seconds in 0..=253_402_300_799_u64) {
            prop_assert_eq!(date(&seconds.to_string()), Ok(UnixTime::from_secs(seconds)));
            let with_exponent = format!("{seconds}e0");
            prop_assert_eq!(date(&with_exponent), Ok(UnixTime::from_secs(seconds)));
        }

        #[test]
        fn no_other_number_is_a_date(seconds in prop_oneof![253_402_300_800..=u64::MAX]) {
            prop_assert_eq!(date(&seconds.to_string()), Err(InvalidToken::DateRange));
            prop_assert_eq!(date(&format!("-{seconds}")), Err(InvalidToken::DateRange));
        }

        #[test]
        fn no_number_wraps_into_a_date(wraps in 1..=u64::MAX, seconds in 0..=253_402_300_799_u64) {
            let number = u128::from(wraps).wrapping_shl(64) | u128::from(seconds);
            prop_assert_eq!(date(&number.to_string()), Err(InvalidToken::DateRange));
        }

        #[test]
        fn fractions_are_good_to_a_microsecond(micros in 0..=8_589_934_592_000_000_u64) {
            let point = std::time::Duration::from_micros(micros);
            let text = format!("{}.{:06}", point.as_secs(), point.subsec_micros());
            let found = date(&text).unwrap();
            let point = UnixTime::from_duration(point);
            let error = found.since(point).or_else(|| point.since(found)).unwrap();
            prop_assert!(error <= std::time::Duration::from_micros(1), "{} {:?}", text, error);
        }

        #[test]
        fn every_float_is_a_date_or_out_of_range(float in any::<f64>()) {
            prop_assume!(float.is_finite());
            let text = serde_json::to_string(&float).unwrap();
            let in_range = (0.0..=253_402_300_799.0).contains(&float);
            match date(&text) {
                Ok(found) => prop_assert!(in_range, "{} {:?}", text, found),
                Err(reason) => {
                    prop_assert!(!in_range, "{}", text);
                    prop_assert_eq!(reason, InvalidToken::DateRange);
                }
            }
        }

        #[test]
        fn words_are_those_between_spaces(scope in "[ab ]{0,12}") {
            let json = format!("{{\"scope\":\"{scope}\"}}");
            let claims = Claims::parse(json.into_bytes(), Tape::default()).unwrap();
            let words: Vec<String> =
                claims.scope().unwrap().unwrap().words().map(Into::into).collect();
            let expected: Vec<&str> = scope.split(' ').filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(words, expected);
        }
    }

    #[test]
    fn the_first_word() {
        assert_eq!(first_word("a b c"), ("a", "b c"));
        assert_eq!(first_word("  a"), ("a", ""));
        assert_eq!(first_word("a"), ("a", ""));
        assert_eq!(first_word("a  b"), ("a", " b"));
        assert_eq!(first_word(" "), ("", ""));
    }

    /// Reads the digits, not a float that happens to be exact.
    #[test]
    fn whole_seconds_have_at_most_twelve_digits() {
        for (digits, seconds) in [
            ("0", 0),
            ("00", 0),
            ("1700000000", 1_700_000_000),
            ("253402300799", 253_402_300_799),
            ("999999999999", 999_999_999_999),
        ] {
            assert_eq!(whole_seconds(digits.as_bytes()), Some(seconds), "{digits}");
        }
        for digits in [
            "1000000000000",
            "1.5",
            "1e3",
            "-1",
            "1 ",
            "18446744073709551617",
        ] {
            assert_eq!(whole_seconds(digits.as_bytes()), None, "{digits}");
        }
    }

    /// Each claim that the one pass finds, and one that it does not.
    #[test]
    fn every_claim_is_found_by_its_name() {
        let names = [
            "acr",
            "amr",
            "aud",
            "auth_time",
            "client_id",
            "cnf",
            "exp",
            "iat",
            "iss",
            "jti",
            "nbf",
            "scope",
            "scp",
            "sub",
            "other",
        ];
        let members: Vec<String> = names
            .iter()
            .map(|name| format!("\"{name}\":\"{name}\""))
            .collect();
        let text = format!("{{{}}}", members.join(","));
        let claims = Claims::parse(text.clone().into_bytes(), Tape::default()).unwrap();
        for name in names {
            assert!(claims.get(name).unwrap().is_str(name), "{name}");
            assert!(claims.root().get(name).unwrap().is_str(name), "{name}");
            let mut found = claims.found;
            let place = found.slot(name.as_bytes()).map(|place| place.is_some());
            assert_eq!(place, (name != "other").then_some(true), "{name}");
            let without = text.replace(&format!("\"{name}\":"), &format!("\"x{name}\":"));
            let without = Claims::parse(without.into_bytes(), Tape::default()).unwrap();
            assert!(without.get(name).is_none(), "{name}");
        }
    }

    /// The nine bytes of the text, and eight nodes of sixteen.
    #[test]
    fn the_memory_of_claims_is_that_of_text_and_tape() {
        let tape = Tape::with_capacity_for(0);
        let claims = Claims::parse(br#"{"exp":1}"#.to_vec(), tape).unwrap();
        assert_eq!(claims.memory_bytes(), 9 + 8 * 16);
    }

    #[test]
    fn what_is_no_object_is_no_claims_set() {
        for text in ["[]", "null", "1", "\"{}\"", "", "{", "{}{}"] {
            let refused = Claims::parse(text.as_bytes().to_vec(), Tape::default()).err();
            assert_eq!(refused, Some(InvalidToken::JsonInvalid), "{text}");
        }
        let refused = Claims::parse(vec![b'{', 0xFF, b'}'], Tape::default()).err();
        assert_eq!(refused, Some(InvalidToken::JsonInvalid));
    }
}
