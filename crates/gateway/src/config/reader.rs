//! Reads tables through the handles of their keys. An unreadable value is reported and then treated as
//! absent, so the key gets its default: reading never stops at a mistake.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
use std::time::Duration;

use bearward::ClaimPath;
use bearward::core::requirements::ClaimValue;
use jiff::SignedDuration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::key::{Choice, Default, Field, Key, Keys, Kind, Table, words};
use super::mistakes::{Code, Found, Mistake};

impl<T: Keys, V: Value> Key<T, V> {
    /// The value of this key in a table.
    pub(super) fn read<'t>(&self, fields: &Fields<'t, T>) -> V::Read<'t> {
        V::read(self, fields)
    }
}

/// The type of a key's value: its description, and how to read it.
pub(super) trait Value {
    const KIND: Kind;
    type Read<'t>;

    fn read<'t>(field: &Field, given: &Given<'t>) -> Self::Read<'t>;
}

/// Values of one Rust type, whichever table has the key.
macro_rules! values {
    ($($(#[$doc:meta])* $value:ident: $kind:ident => $read:ty, $method:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $value;

        impl Value for $value {
            const KIND: Kind = Kind::$kind;
            type Read<'t> = $read;

            fn read<'t>(field: &Field, given: &Given<'t>) -> $read {
                given.$method(field)
            }
        }
    )+};
}

values! {
    /// Names that the operator chose, each with a value of a claim or a list of them.
    Claims: Claims => Vec<(&'t str, Vec<ClaimValue>)>, claims;
    /// Values of a claim; a single one counts as a list.
    ClaimValues: ClaimValues => Vec<ClaimValue>, claim_values;
    /// A whole number.
    Count: Count => u32, count;
    /// `true` or `false`.
    Flag: Flag => bool, flag;
    /// A number of at least 1: 0 would let nothing through.
    FromOne: Count => u32, count_from_one;
    /// Lists of strings.
    Groups: Groups => Vec<Vec<At<&'t str>>>, groups;
    /// A text that must not be shown: mistakes in it point to its key.
    Hidden: Secret => Option<At<&'t str>>, hidden;
    /// The path to a claim: its name, or a list of names.
    Path: TextOrTexts => Option<ClaimPath>, claim_path;
    /// The path of a file with a secret.
    SecretFile: SecretFile => Option<At<&'t str>>, secret_file;
    /// A string.
    Text: Text => Option<At<&'t str>>, text;
    /// A list of strings; a single string counts as one.
    TextOrTexts: TextOrTexts => Vec<At<&'t str>>, texts;
    /// A list of strings.
    Texts: Texts => Vec<At<&'t str>>, texts;
}

impl Value for Duration {
    const KIND: Kind = Kind::Duration;
    type Read<'t> = Self;

    fn read(field: &Field, given: &Given<'_>) -> Self {
        let default = || field.default_text().and_then(parse_duration);
        let read = Option::<Self>::read(field, given);
        read.or_else(default).unwrap_or_default()
    }
}

impl Value for Option<Duration> {
    const KIND: Kind = Kind::Duration;
    type Read<'t> = Self;

    fn read(field: &Field, given: &Given<'_>) -> Self {
        let At { value, span } = given.written(field)?;
        let duration = parse_duration(value);
        if duration.is_none() {
            given.report_value(field, &span, &format!("{value:?}"), None);
        }
        duration
    }
}

impl<C: Choice> Value for C {
    const KIND: Kind = Kind::Choice(words::<C>);
    type Read<'t> = C;

    fn read(field: &Field, given: &Given<'_>) -> C {
        Option::<C>::read(field, given).unwrap_or(C::FIRST)
    }
}

impl<C: Choice> Value for Option<C> {
    const KIND: Kind = Kind::Choice(words::<C>);
    type Read<'t> = Self;

    fn read(field: &Field, given: &Given<'_>) -> Self {
        let At { value, span } = given.written(field)?;
        let choice = C::ALL.iter().copied().find(|choice| choice.word() == value);
        if choice.is_none() {
            let help = nearest(value, words::<C>().into_iter());
            given.report_value(field, &span, &format!("{value:?}"), help);
        }
        choice
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Inner<T>(PhantomData<T>);

impl<T: Keys> Value for Inner<T> {
    const KIND: Kind = Kind::Table(T::TABLE);
    type Read<'t> = Option<Fields<'t, T>>;

    fn read<'t>(field: &Field, given: &Given<'t>) -> Self::Read<'t> {
        given.inner(field, field.key, given.table.get(field.key)?)
    }
}

/// An array of tables.
#[derive(Debug)]
pub(super) struct Each<T>(PhantomData<T>);

impl<T: Keys> Value for Each<T> {
    const KIND: Kind = Kind::Tables(T::TABLE);
    type Read<'t> = Vec<Fields<'t, T>>;

    fn read<'t>(field: &Field, given: &Given<'t>) -> Self::Read<'t> {
        let list = given.array(field).iter();
        let tables = list.filter_map(|item| given.inner(field, field.key, item));
        tables.collect()
    }
}

/// Tables under names that the operator chose.
#[derive(Debug)]
pub(super) struct ByName<T>(PhantomData<T>);

impl<T: Keys> Value for ByName<T> {
    const KIND: Kind = Kind::Named(T::TABLE);
    type Read<'t> = Vec<(At<&'t str>, Fields<'t, T>)>;

    fn read<'t>(field: &Field, given: &Given<'t>) -> Self::Read<'t> {
        let tables = given.table_of(field).into_iter().flatten();
        tables
            .filter_map(|(name, value)| {
                let inner = given.inner(field, name.get_ref(), value)?;
                let span = name.span();
                let value = name.get_ref().as_ref();
                Some((At { value, span }, inner))
            })
            .collect()
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// The given keys of the table `T`.
pub(super) struct Fields<'t, T> {
    given: Given<'t>,
    of: PhantomData<fn() -> T>,
}

/// The given keys of any table.
pub(super) struct Given<'t> {
    /// The header of the table, such as `[[issuers]]`; empty for the whole file.
    header: &'static str,
    table: &'t DeTable<'t>,
    pub(super) span: Range<usize>,
    pub(super) found: &'t Found,
}

impl<'t, T> Deref for Fields<'t, T> {
    type Target = Given<'t>;

    fn deref(&self) -> &Given<'t> {
        &self.given
    }
}

impl<'t, T: Keys> Fields<'t, T> {
    /// A whole file.
    pub(super) fn of_file(table: &'t DeTable<'t>, found: &'t Found) -> Self {
        Self::new("", table, 0..0, found)
    }

    /// Reads the keys of a table, and reports those that the description does not have.
    fn new(
        header: &'static str,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        found: &'t Found,
    ) -> Self {
        let given = Given {
            header,
            table,
            span,
            found,
        };
        for key in table.keys() {
            if T::TABLE.field(key.get_ref()).is_none() {
                given.report_unknown(T::TABLE, key.get_ref(), &key.span());
            }
        }
        for field in T::TABLE.fields {
            if let Default::Required(code) = field.default
                && !given.has(field)
            {
                given.report_missing(field, code);
            }
        }
        Self {
            given,
            of: PhantomData,
        }
    }
}

impl<'t> Given<'t> {
    pub(super) fn has(&self, field: &Field) -> bool {
        self.table.contains_key(field.key)
    }

    /// Whether the value of a key is an empty list or table.
    pub(super) fn is_empty(&self, field: &Field) -> bool {
        let value = self.table.get(field.key).map(Spanned::get_ref);
        match value {
            Some(DeValue::Array(list)) => list.is_empty(),
            Some(DeValue::Table(table)) => table.is_empty(),
            _ => false,
        }
    }

    /// Whether a mistake was reported at a key or in its value. If so, draw no conclusion from the rest
    /// of the value.
    pub(super) fn has_mistake(&self, field: &Field) -> bool {
        self.table
            .get_key_value(field.key)
            .is_some_and(|(key, value)| {
                self.found.has_within(&key.span()) || self.found.has_within(&value.span())
            })
    }

    /// The place of a key, or of the table if the key is absent.
    pub(super) fn span_of(&self, field: &Field) -> Range<usize> {
        let given = self.table.get_key_value(field.key);
        given.map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    /// The names that the operator chose for tables; `None` if the value is not a table, which is
    /// reported.
    pub(super) fn names(&self, field: &Field) -> Option<BTreeSet<&'t str>> {
        let Some(value) = self.table.get(field.key) else {
            return Some(BTreeSet::new());
        };
        let names = value.get_ref().as_table()?.keys();
        Some(names.map(|name| name.get_ref().as_ref()).collect())
    }

    /// The path to a claim; reports one that is empty.
    fn claim_path(&self, field: &Field) -> Option<ClaimPath> {
        let names = self.texts(field);
        if self.is_empty(field) {
            let message = format!("`{field}` is empty");
            self.report(Code::Value, field, message, "write the name of a claim");
        }
        let first = names.first()?;
        let is_named = self.is_claim_name(first.value, &first.span);
        is_named.then(|| ClaimPath::new(names.iter().map(|name| name.value)))
    }

    /// Whether a claim can have this name; reports one that is empty.
    pub(super) fn is_claim_name(&self, name: &str, span: &Range<usize>) -> bool {
        if name.is_empty() {
            let message = "the name of a claim is empty";
            self.report_at(Code::Value, span, message, "");
        }
        !name.is_empty()
    }

    /// Parses each of these texts; reports those that `parse` refuses, with its message.
    pub(super) fn parse_each<T>(
        &self,
        texts: Vec<At<&str>>,
        help: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut parsed = Vec::new();
        for At { value, span } in texts {
            match parse(value) {
                Ok(value) => parsed.push(value),
                Err(message) => self.report_at(Code::Value, &span, message, help),
            }
        }
        parsed
    }

    /// Reports a name that is not one of these tables under `table`, if their names are known;
    /// `message` comes before the name.
    pub(super) fn report_unknown_name(
        &self,
        name: &At<&str>,
        names: Option<&BTreeSet<&str>>,
        table: &str,
        message: &str,
    ) {
        let Some(names) = names.filter(|names| !names.contains(name.value)) else {
            return;
        };
        // If mistakes are only counted, nobody would read it, and each comparison takes time.
        let is_read = !self.found.is_full();
        let meant = is_read.then(|| nearest(name.value, names.iter().copied()));
        let add = || format!("add a table [{table}.{}]", name.value);
        let message = format!("{message} {:?}", name.value);
        let help = meant.flatten().unwrap_or_else(add);
        self.report_at(Code::Value, &name.span, message, help);
    }

    /// Reports a mistake in a URL; `message` gets the text that may be shown. A URL with a user or a
    /// password is not shown: the mistake points to the key.
    pub(super) fn report_url(
        &self,
        (code, field): (Code, &Field),
        given: &At<&str>,
        message: impl FnOnce(&str) -> String,
        help: &str,
    ) {
        if given.value.contains('@') {
            self.report(
                code,
                field,
                message("a URL with a user or a password"),
                help,
            );
        } else {
            let message = message(&format!("{:?}", given.value));
            self.report_at(code, &given.span, message, help);
        }
    }

    /// Reports a mistake at the key, or at the table if the key is absent.
    pub(super) fn report(
        &self,
        code: Code,
        field: &Field,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report_at(code, &self.span_of(field), message, help);
    }

    /// Reports a mistake at a place.
    pub(super) fn report_at(
        &self,
        code: Code,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.add(Mistake::new(code, span, message, help));
    }

    /// Warns about a key, or about the table if the key is absent.
    pub(super) fn warn(&self, code: Code, field: &Field, message: String, help: &str) {
        let span = self.span_of(field);
        self.found.warn(Mistake::new(code, &span, message, help));
    }

    /// Warns at a place.
    pub(super) fn warn_at(&self, code: Code, span: &Range<usize>, message: String, help: &str) {
        self.found.warn(Mistake::new(code, span, message, help));
    }

    fn text(&self, field: &Field) -> Option<At<&'t str>> {
        let default = || {
            let value = field.default_text()?;
            let span = self.span.clone();
            Some(At { value, span })
        };
        self.written(field).or_else(default)
    }

    /// The given text, ignoring any default.
    fn written(&self, field: &Field) -> Option<At<&'t str>> {
        self.string(self.table.get(field.key)?, field)
    }

    fn hidden(&self, field: &Field) -> Option<At<&'t str>> {
        let value = self.table.get(field.key)?;
        let span = self.span_of(field);
        let Some(value) = value.get_ref().as_str() else {
            self.report_type(field, &span, value.get_ref());
            return None;
        };
        Some(At { value, span })
    }

    /// A path. Somebody may have written the contents of the file in its place, which are not shown.
    fn secret_file(&self, field: &Field) -> Option<At<&'t str>> {
        let path = self.hidden(field)?;
        if path.value.contains("-----BEGIN") || path.value.contains('\n') {
            let message = format!("`{field}` must be the path of a file, not its contents");
            let help = "write the path; if this was the key, replace it";
            self.report(Code::Value, field, message, help);
            return None;
        }
        Some(path)
    }

    fn flag(&self, field: &Field) -> bool {
        let given = self.table.get(field.key);
        let given = given.and_then(|value| self.typed(value, field, DeValue::as_bool));
        given.unwrap_or_else(|| field.default_text() == Some("true"))
    }

    fn count(&self, field: &Field) -> u32 {
        let given = self.table.get(field.key);
        let given = given.and_then(|value| self.number(value, field));
        let default = || field.default_text()?.parse().ok();
        given.or_else(default).unwrap_or_default()
    }

    fn number(&self, value: &'t Spanned<DeValue<'t>>, field: &Field) -> Option<u32> {
        let number = self.typed(value, field, DeValue::as_integer)?;
        // TOML allows several bases; the parser has already removed underscores.
        let count = u32::from_str_radix(number.as_str(), number.radix()).ok();
        if count.is_none() {
            self.report_value(field, &value.span(), number.as_str(), None);
        }
        count
    }

    fn count_from_one(&self, field: &Field) -> u32 {
        let count = self.count(field);
        if count == 0 {
            let message = format!("`{field}` must be at least 1");
            self.report(Code::Value, field, message, "");
        }
        count
    }

    fn texts(&self, field: &Field) -> Vec<At<&'t str>> {
        if matches!(field.kind, Kind::TextOrTexts)
            && let Some(value) = self.table.get(field.key)
            && value.get_ref().is_str()
        {
            return self.string(value, field).into_iter().collect();
        }
        self.strings(self.array(field), field)
    }

    fn groups(&self, field: &Field) -> Vec<Vec<At<&'t str>>> {
        let list = self.array(field).iter();
        let groups = list.filter_map(|item| self.typed(item, field, DeValue::as_array));
        groups.map(|group| self.strings(group, field)).collect()
    }

    fn claims(&self, field: &Field) -> Vec<(&'t str, Vec<ClaimValue>)> {
        let Some(claims) = self.table_of(field) else {
            return Vec::new();
        };
        claims
            .iter()
            .filter(|(name, _)| self.is_claim_name(name.get_ref(), &name.span()))
            .map(|(name, value)| (name.get_ref().as_ref(), self.values(value, field)))
            .collect()
    }

    fn claim_values(&self, field: &Field) -> Vec<ClaimValue> {
        let value = self.table.get(field.key);
        value.map_or_else(Vec::new, |value| self.values(value, field))
    }

    /// A value of a claim, or a list of them.
    fn values(&self, value: &'t Spanned<DeValue<'t>>, field: &Field) -> Vec<ClaimValue> {
        match value.get_ref().as_array() {
            Some(list) => {
                let values = list.iter().filter_map(|item| self.claim_value(item, field));
                values.collect()
            }
            None => self.claim_value(value, field).into_iter().collect(),
        }
    }

    fn claim_value(&self, value: &'t Spanned<DeValue<'t>>, field: &Field) -> Option<ClaimValue> {
        if let Some(flag) = value.get_ref().as_bool() {
            return Some(flag.into());
        }
        let Some(number) = value.get_ref().as_integer() else {
            return Some(self.string(value, field)?.value.into());
        };
        let whole = i64::from_str_radix(number.as_str(), number.radix());
        if whole.is_err() {
            self.report_value(field, &value.span(), number.as_str(), None);
        }
        Some(whole.ok()?.into())
    }

    fn array(&self, field: &Field) -> &'t [Spanned<DeValue<'t>>] {
        let value = self.table.get(field.key);
        let list = value.and_then(|value| self.typed(value, field, DeValue::as_array));
        list.map_or(&[], Deref::deref)
    }

    /// The table under a key.
    fn table_of(&self, field: &Field) -> Option<&'t DeTable<'t>> {
        self.typed(self.table.get(field.key)?, field, DeValue::as_table)
    }

    /// The table under this name: that of the key, or one that the operator chose.
    fn inner<T: Keys>(
        &self,
        field: &Field,
        name: &str,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Option<Fields<'t, T>> {
        let Some(table) = value.get_ref().as_table() else {
            let found = with_article(value.get_ref().type_str());
            let message = format!("`{name}` must be a table, not {found}");
            self.report_at(Code::Type, &value.span(), message, "");
            return None;
        };
        Some(Fields::new(field.header, table, value.span(), self.found))
    }

    fn string(&self, value: &'t Spanned<DeValue<'t>>, field: &Field) -> Option<At<&'t str>> {
        let text = self.typed(value, field, DeValue::as_str)?;
        let span = value.span();
        Some(At { value: text, span })
    }

    /// The strings of a list.
    fn strings(&self, list: &'t [Spanned<DeValue<'t>>], field: &Field) -> Vec<At<&'t str>> {
        let strings = list.iter().filter_map(|item| self.string(item, field));
        strings.collect()
    }

    /// The value as the type that `read` finds; another type is reported.
    fn typed<T>(
        &self,
        value: &'t Spanned<DeValue<'t>>,
        field: &Field,
        read: impl FnOnce(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let typed = read(value.get_ref());
        if typed.is_none() {
            self.report_type(field, &value.span(), value.get_ref());
        }
        typed
    }

    /// Reports a value of the right type that the key cannot have.
    pub(super) fn report_value(
        &self,
        field: &Field,
        span: &Range<usize>,
        shown: &str,
        help: Option<String>,
    ) {
        let message = format!("`{field}` must be {}, not {shown}", field.kind.expected());
        self.report_at(Code::Value, span, message, help.unwrap_or_default());
    }

    fn report_type(&self, field: &Field, span: &Range<usize>, value: &DeValue<'_>) {
        let expected = field.kind.expected();
        let found = with_article(value.type_str());
        let help = match (field.kind, value) {
            (Kind::Duration, DeValue::Integer(number)) => {
                format!("write \"{}s\" for seconds", number.as_str())
            }
            (Kind::Texts, DeValue::String(_)) => "put it in square brackets".to_owned(),
            (Kind::Flag, DeValue::String(_)) => "leave out the quotes".to_owned(),
            (Kind::Tables(_), DeValue::Table(_)) => {
                format!("write its header with double brackets: {}", field.header)
            }
            _ => String::new(),
        };
        let message = format!("`{field}` must be {expected}, not {found}");
        self.report_at(Code::Type, span, message, help);
    }

    fn report_unknown(&self, table: &Table, key: &str, span: &Range<usize>) {
        let place = match self.header {
            "" => "the top of the file",
            header => header,
        };
        let keys = || table.fields.iter().map(|field| field.key);
        let help = nearest(key, keys()).unwrap_or_else(|| {
            let keys: Vec<_> = keys().collect();
            format!("the keys of this table are {}", keys.join(", "))
        });
        let message = format!("`{key}` is not a key of {place}");
        self.report_at(Code::UnknownKey, span, message, help);
    }

    fn report_missing(&self, field: &Field, code: Code) {
        let place = match self.header {
            "" => "the file",
            header => header,
        };
        let help = if matches!(field.kind, Kind::Tables(_)) {
            format!("add a table {}", field.header)
        } else {
            format!("add `{field}`, {}", field.kind.expected())
        };
        let message = format!("{place} has no `{field}`");
        self.report_at(code, &self.span, message, help);
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()
}

/// Whether a URL has no query, no fragment, no user and no password: a password would be in a file that
/// is not kept secret.
pub(super) fn is_bare(url: &Url) -> bool {
    let is_public = url.username().is_empty() && url.password().is_none();
    is_public && url.query().is_none() && url.fragment().is_none()
}

/// Suggests what was probably meant.
pub(super) fn nearest<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> Option<String> {
    // A comparison takes time proportional to the product of both lengths, and only short names are worth it.
    if written.len() > COMPARED_BYTES {
        return None;
    }
    let written = written.to_ascii_lowercase().replace('-', "_");
    let near = |word: &&str| {
        let distance = strsim::damerau_levenshtein(&written, word);
        distance.saturating_mul(3) <= word.len().max(3)
    };
    words
        .filter(|word| word.len() <= COMPARED_BYTES)
        .filter(near)
        .min_by_key(|word| strsim::damerau_levenshtein(&written, word))
        .map(|word| format!("did you mean `{word}`?"))
}

/// Longer names are not compared.
const COMPARED_BYTES: usize = 64;

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}
