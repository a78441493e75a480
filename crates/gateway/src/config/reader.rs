//! Reads a table by its description. A value that cannot be read is told and then taken for one that
//! is not there, and so for its default, so that reading goes on: whoever reads never stops at a mistake.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use jiff::SignedDuration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::description::{Default, Field, Kind, Table};
use super::mistakes::{Code, Found};

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// The keys of one table.
#[derive(Clone, Debug)]
pub(super) struct Fields<'t> {
    description: &'static Table,
    table: &'t DeTable<'t>,
    span: Range<usize>,
    found: &'t Found,
}

impl<'t> Fields<'t> {
    /// The keys of a table; those that the description does not have are told.
    pub(super) fn new(
        description: &'static Table,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        found: &'t Found,
    ) -> Self {
        let fields = Self {
            description,
            table,
            span,
            found,
        };
        for key in table.keys() {
            if description.field(key.get_ref()).is_none() {
                fields.tell_unknown(key.get_ref(), &key.span());
            }
        }
        for field in description.fields {
            if field.default == Default::Required && !table.contains_key(field.key) {
                fields.tell_missing(field);
            }
        }
        fields
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether a key is given a list or table with nothing in it.
    pub(super) fn is_empty(&self, key: &str) -> bool {
        let value = self.table.get(key).map(Spanned::get_ref);
        match value {
            Some(DeValue::Array(list)) => list.is_empty(),
            Some(DeValue::Table(table)) => table.is_empty(),
            _ => false,
        }
    }

    /// Whether a mistake was reported at a key or in its value, so that nothing follows from what is left
    /// of the value.
    pub(super) fn is_told(&self, key: &str) -> bool {
        self.table.get_key_value(key).is_some_and(|(key, value)| {
            self.found.has_within(&key.span()) || self.found.has_within(&value.span())
        })
    }

    /// Where a key stands, or the table if it does not.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        let given = self.table.get_key_value(key);
        given.map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    pub(super) const fn span(&self) -> &Range<usize> {
        &self.span
    }

    pub(super) const fn found(&self) -> &'t Found {
        self.found
    }

    pub(super) fn text(&self, key: &str) -> Option<At<&'t str>> {
        let given = self.table.get(key);
        let given = given.and_then(|value| self.string(value, key));
        given.or_else(|| self.default_of(key))
    }

    fn default_of(&self, key: &str) -> Option<At<&'static str>> {
        let Default::Value(value) = self.description.field(key)?.default else {
            return None;
        };
        let span = self.span.clone();
        Some(At { value, span })
    }

    /// A text that must not be shown: its place is its key.
    pub(super) fn hidden(&self, key: &str) -> Option<At<&'t str>> {
        let value = self.table.get(key)?;
        let span = self.span_of(key);
        if let DeValue::String(value) = value.get_ref() {
            return Some(At { value, span });
        }
        self.tell_type(key, &span, value.get_ref());
        None
    }

    /// One of the words of the description.
    pub(super) fn choice(&self, key: &str) -> Option<At<&'static str>> {
        let given = self.text(key)?;
        let Kind::Choice(words) = self.description.field(key)?.kind else {
            return None;
        };
        let Some(word) = words.iter().find(|word| **word == given.value) else {
            let expected = Kind::Choice(words).expected();
            self.found.add(
                Code::Value,
                &given.span,
                format!("`{key}` is {expected}, not {:?}", given.value),
                nearest(given.value, words.iter().copied()),
            );
            return self.default_of(key);
        };
        Some(At {
            value: word,
            span: given.span,
        })
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        let given = self.table.get(key).and_then(|value| {
            let flag = value.get_ref().as_bool();
            if flag.is_none() {
                self.tell_type(key, &value.span(), value.get_ref());
            }
            flag
        });
        let default = || {
            self.default_of(key)
                .is_some_and(|default| default.value == "true")
        };
        given.unwrap_or_else(default)
    }

    pub(super) fn count(&self, key: &str) -> Option<u32> {
        let given = self.table.get(key);
        let given = given.and_then(|value| self.number(value, key));
        given.or_else(|| self.default_of(key)?.value.parse().ok())
    }

    fn number(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<u32> {
        let Some(number) = value.get_ref().as_integer() else {
            self.tell_type(key, &value.span(), value.get_ref());
            return None;
        };
        // Every base that TOML has; its underscores are not in the text any more.
        let count = u32::from_str_radix(number.as_str(), number.radix()).ok();
        if count.is_none() {
            let expected = Kind::Count.expected();
            let message = format!("`{key}` is {expected}, not {}", number.as_str());
            self.found.add(Code::Value, &value.span(), message, None);
        }
        count
    }

    /// A number that would let nothing through if it were 0.
    pub(super) fn count_from_one(&self, key: &str) -> Option<u32> {
        let count = self.count(key)?;
        if count == 0 {
            let message = format!("`{key}` must be at least 1");
            self.tell(Code::Value, key, message, "");
        }
        Some(count)
    }

    pub(super) fn duration(&self, key: &str) -> Option<At<Duration>> {
        let given = self.text(key)?;
        let parse = |text: &str| Duration::try_from(text.parse::<SignedDuration>().ok()?).ok();
        let Some(value) = parse(given.value) else {
            self.found.add(
                Code::Value,
                &given.span,
                format!(
                    "`{key}` is {}, not {:?}",
                    Kind::Duration.expected(),
                    given.value
                ),
                None,
            );
            let At { value, span } = self.default_of(key)?;
            return parse(value).map(|value| At { value, span });
        };
        Some(At {
            value,
            span: given.span,
        })
    }

    /// A list of strings; a single string counts as one where the description says so.
    pub(super) fn texts(&self, key: &str) -> Vec<At<&'t str>> {
        let Some(value) = self.table.get(key) else {
            return Vec::new();
        };
        let is_one = self
            .description
            .field(key)
            .is_some_and(|field| matches!(field.kind, Kind::TextOrTexts));
        if is_one && value.get_ref().is_str() {
            return self.string(value, key).into_iter().collect();
        }
        let Some(list) = value.get_ref().as_array() else {
            self.tell_type(key, &value.span(), value.get_ref());
            return Vec::new();
        };
        list.iter()
            .filter_map(|item| self.string(item, key))
            .collect()
    }

    /// A list of lists of strings.
    pub(super) fn groups(&self, key: &str) -> Vec<Vec<At<&'t str>>> {
        let list = self.array(key);
        list.iter()
            .filter_map(|item| {
                let Some(group) = item.get_ref().as_array() else {
                    self.tell_type(key, &item.span(), item.get_ref());
                    return None;
                };
                Some(
                    group
                        .iter()
                        .filter_map(|item| self.string(item, key))
                        .collect(),
                )
            })
            .collect()
    }

    /// Names the operator chose, each with a string or a list of strings.
    pub(super) fn claims(&self, key: &str) -> Vec<(&'t str, Vec<At<&'t str>>)> {
        let Some(value) = self.table.get(key) else {
            return Vec::new();
        };
        let Some(claims) = value.get_ref().as_table() else {
            self.tell_type(key, &value.span(), value.get_ref());
            return Vec::new();
        };
        let values = |value: &'t Spanned<DeValue<'t>>| {
            let Some(list) = value.get_ref().as_array() else {
                return self.string(value, key).into_iter().collect();
            };
            let texts = list.iter().filter_map(|item| self.string(item, key));
            texts.collect()
        };
        claims
            .iter()
            .map(|(name, value)| (name.get_ref().as_ref(), values(value)))
            .collect()
    }

    pub(super) fn table(&self, key: &str) -> Option<Self> {
        let value = self.table.get(key)?;
        let Kind::Table(description) = self.description.field(key)?.kind else {
            return None;
        };
        self.inner(key, description, value)
    }

    pub(super) fn tables(&self, key: &str) -> Vec<Self> {
        let Some(Kind::Tables(description)) = self.description.field(key).map(|field| field.kind)
        else {
            return Vec::new();
        };
        self.array(key)
            .iter()
            .filter_map(|item| self.inner(key, description, item))
            .collect()
    }

    /// Tables under names that the operator chose.
    pub(super) fn named(&self, key: &str) -> Vec<(At<&'t str>, Self)> {
        let (Some(value), Some(field)) = (self.table.get(key), self.description.field(key)) else {
            return Vec::new();
        };
        let (Some(tables), Kind::Named(description)) = (value.get_ref().as_table(), field.kind)
        else {
            self.tell_type(key, &value.span(), value.get_ref());
            return Vec::new();
        };
        tables
            .iter()
            .filter_map(|(name, value)| {
                let inner = self.inner(name.get_ref(), description, value)?;
                let span = name.span();
                let value = name.get_ref().as_ref();
                Some((At { value, span }, inner))
            })
            .collect()
    }

    /// The names that the operator chose for tables; `None` if there is something else than names, which
    /// was told.
    pub(super) fn names(&self, key: &str) -> Option<BTreeSet<&'t str>> {
        let Some(value) = self.table.get(key) else {
            return Some(BTreeSet::new());
        };
        let names = value.get_ref().as_table()?.keys();
        Some(names.map(|name| name.get_ref().as_ref()).collect())
    }

    /// A mistake in a URL, which `message` is made of as it may be shown. One with a user or a password
    /// is not shown, and its place is its key.
    pub(super) fn tell_url(
        &self,
        (code, key): (Code, &str),
        given: &At<&str>,
        message: impl FnOnce(&str) -> String,
        help: &str,
    ) {
        let (span, shown) = match given.value.contains('@') {
            true => (
                self.span_of(key),
                "one with a user or a password".to_owned(),
            ),
            false => (given.span.clone(), format!("{:?}", given.value)),
        };
        self.tell_at(code, &span, message(&shown), help);
    }

    /// A mistake at the key, or at the table where it is not.
    pub(super) fn tell(&self, code: Code, key: &str, message: impl Into<String>, help: &str) {
        self.tell_at(code, &self.span_of(key), message, help);
    }

    fn tell_at(&self, code: Code, span: &Range<usize>, message: impl Into<String>, help: &str) {
        let help = Some(help.to_owned()).filter(|help| !help.is_empty());
        self.found.add(code, span, message, help);
    }

    fn array(&self, key: &str) -> &'t [Spanned<DeValue<'t>>] {
        let Some(value) = self.table.get(key) else {
            return &[];
        };
        let Some(list) = value.get_ref().as_array() else {
            self.tell_type(key, &value.span(), value.get_ref());
            return &[];
        };
        list
    }

    fn inner(
        &self,
        key: &str,
        description: &'static Table,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            let found = value.get_ref().type_str();
            self.found.add(
                Code::Type,
                &value.span(),
                format!("`{key}` must be a table, not {}", with_article(found)),
                None,
            );
            return None;
        };
        Some(Self::new(description, table, value.span(), self.found))
    }

    fn string(&self, value: &'t Spanned<DeValue<'t>>, key: &str) -> Option<At<&'t str>> {
        let Some(text) = value.get_ref().as_str() else {
            self.tell_type(key, &value.span(), value.get_ref());
            return None;
        };
        let span = value.span();
        Some(At { value: text, span })
    }

    fn tell_type(&self, key: &str, span: &Range<usize>, value: &DeValue<'_>) {
        let kind = self.description.field(key).map(|field| field.kind);
        let expected = kind.map_or_else(|| "a string".to_owned(), Kind::expected);
        let found = with_article(value.type_str());
        let help = match (kind, value) {
            (Some(Kind::Duration), DeValue::Integer(number)) => {
                Some(format!("write \"{}s\" for seconds", number.as_str()))
            }
            (Some(Kind::Texts), DeValue::String(_)) => {
                Some("put it between square brackets".to_owned())
            }
            (Some(Kind::Flag), DeValue::String(_)) => Some("leave the quotes out".to_owned()),
            (Some(Kind::Tables(table)), DeValue::Table(_)) => {
                Some(format!("its header has two brackets: {}", table.name))
            }
            _ => None,
        };
        let message = format!("`{key}` must be {expected}, not {found}");
        self.found.add(Code::Type, span, message, help);
    }

    fn tell_unknown(&self, key: &str, span: &Range<usize>) {
        let place = match self.description.name {
            "" => "the top of the file",
            name => name,
        };
        let keys = || self.description.fields.iter().map(|field| field.key);
        let help = nearest(key, keys()).unwrap_or_else(|| {
            let keys: Vec<_> = keys().collect();
            format!("the keys here are {}", keys.join(", "))
        });
        let message = format!("`{key}` is not a key of {place}");
        self.found.add(Code::UnknownKey, span, message, Some(help));
    }

    fn tell_missing(&self, field: &Field) {
        let key = field.key;
        let code = match key {
            "issuer" | "issuers" => Code::IssuerMissing,
            "audiences" => Code::AudienceMissing,
            _ => Code::Missing,
        };
        let place = match self.description.name {
            "" => "the file",
            name => name,
        };
        let help = if let Kind::Tables(table) = field.kind {
            format!("add a table {}", table.name)
        } else {
            format!("add `{key}`, {}", field.kind.expected())
        };
        let message = format!("{place} has no `{key}`");
        self.found.add(code, &self.span, message, Some(help));
    }
}

/// What may have been meant.
pub(super) fn nearest<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> Option<String> {
    // Each comparison takes as long as both lengths multiplied, and a slip is seen in a short one.
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

/// Names that are longer are not compared with others.
const COMPARED_BYTES: usize = 64;

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}
