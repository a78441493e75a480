//! `[[protection.sources]]` and `[[routes.sources]]`: where a request may carry its token, other than in
//! `Authorization`.

use bearward::core::source::{SourcesError, TokenEncoding};
use bearward::{Source, Sources};
use bearward_gate::identity::Identity;
use http::HeaderName;

use super::description::{self, IDENTITY, PROTECTION, ROOT, Root, SOURCE};
use super::key::{Key, Keys};
use super::listen::Listen;
use super::mistakes::Code;
use super::reader::{At, Each, Fields, Text};

/// What the sources of all routes have in common.
pub(super) struct Reader<'t> {
    id_token_field: Option<&'t HeaderName>,
    /// Whether a door cannot take a token out of the URL.
    keeps_urls: bool,
    /// Pages that may send a cookie.
    origins: Vec<&'t str>,
    /// For routes without sources of their own.
    general: Sources,
}

type SourceKey = Key<description::Source, Text>;

impl<'t> Reader<'t> {
    pub(super) fn new(
        fields: &Fields<'t, Root>,
        id_token_field: Option<&'t HeaderName>,
        listen: &Listen,
    ) -> Self {
        let identity = ROOT.identity.read(fields);
        let forwards = identity.is_some_and(|table| {
            IDENTITY.forward_token.read(&table) || table.has_mistake(&IDENTITY.forward_token)
        });
        let protection = ROOT.protection.read(fields);
        let origins = protection
            .as_ref()
            .map(|table| PROTECTION.origins.read(table));
        let origins = origins.unwrap_or_default();
        let mut reader = Self {
            id_token_field,
            keeps_urls: listen.forward_auth.is_some() && !forwards,
            origins: origins.iter().map(|origin| origin.value).collect(),
            general: Sources::default(),
        };
        let general = protection.map(|table| reader.read(&PROTECTION.sources, &table));
        reader.general = general.unwrap_or_default();
        reader
    }

    /// The sources under a key; those of all routes if it is absent.
    pub(super) fn read<T: Keys>(
        &self,
        key: &Key<T, Each<description::Source>>,
        fields: &Fields<'t, T>,
    ) -> Sources {
        if !fields.has(key) {
            return self.general.clone();
        }
        let mut sources = Sources::default();
        let mut list = Vec::new();
        for table in key.read(fields) {
            let Some(source) = self.read_one(&table) else {
                continue;
            };
            list.push(source);
            match Sources::new(list.iter().cloned()) {
                Ok(more) => sources = more,
                Err(error) => {
                    list.pop();
                    let code = match error == SourcesError::Overlap {
                        true => Code::Duplicate,
                        false => Code::Value,
                    };
                    fields.report_at(code, &table.span, error.to_string(), "");
                }
            }
        }
        for origin in &self.origins {
            // `origins` reports those that are none.
            sources = sources.clone().trust_origin(origin).unwrap_or(sources);
        }
        sources
    }

    fn read_one(&self, fields: &Fields<'t, description::Source>) -> Option<Source> {
        type Parse = fn(&str, TokenEncoding) -> Result<Source, SourcesError>;
        let kinds: [(&SourceKey, Parse); 5] = [
            (&SOURCE.field, |name, _| Source::field(name)),
            (&SOURCE.cookie, |name, _| Source::cookie(name)),
            (&SOURCE.websocket_protocol, |name, _| {
                Source::websocket_protocol(name)
            }),
            (&SOURCE.websocket_prefix, Source::websocket_prefix),
            (&SOURCE.query, |name, _| Source::query(name)),
        ];
        let encoding = SOURCE.encoding.read(fields);
        let mut given = kinds.iter().filter(|(key, _)| fields.has(key));
        let (Some((key, parse)), None) = (given.next(), given.next()) else {
            let message = "a source has exactly one of `field`, `cookie`, `websocket_protocol`, \
                           `websocket_prefix` and `query`";
            let help = "write a separate table for each source";
            fields.report_at(Code::Value, &fields.span, message, help);
            return None;
        };
        if fields.has(&SOURCE.encoding) && !key.is(&SOURCE.websocket_prefix) {
            let message = "`encoding` applies only to `websocket_prefix`";
            fields.report(Code::Value, &SOURCE.encoding, message, "leave it out");
        }
        let name = key.read(fields)?;
        let source = parse(name.value, encoding).map_err(|error| error.to_string());
        match source.and_then(|source| self.check(source)) {
            Ok(source) => {
                self.judge_query(&source, fields);
                Some(source)
            }
            Err(message) => {
                let At { value, span } = &name;
                let message = format!("`{}`: {value:?} is {message}", key.key);
                fields.report_at(Code::Value, span, message, "");
                None
            }
        }
    }

    /// A field must be one that the gateway can take out in every spelling.
    fn check(&self, source: Source) -> Result<Source, String> {
        let alone = Sources::new([source.clone()]).map_err(|error| error.to_string())?;
        let mut identity = Identity::builder();
        if let Some(field) = self.id_token_field {
            identity = identity.id_token_field(field.clone());
        }
        for field in alone.fields() {
            identity = identity.token_field(field.clone());
        }
        match identity.build() {
            Ok(_) => Ok(source),
            Err(error) => Err(format!("not usable: {error}")),
        }
    }

    fn judge_query(&self, source: &Source, fields: &Fields<'t, description::Source>) {
        let is_query = Sources::new([source.clone()]).is_ok_and(|alone| alone.has_query());
        if is_query && self.keeps_urls {
            let message = "[listen.forward_auth] cannot take a token out of the URL, so the \
                           application would get it";
            let help = "leave out `query`, or set `forward_token = true` in [identity]";
            fields.report(Code::Value, &SOURCE.query, message, help);
        } else if is_query {
            let message = "a token in the query stays in logs, histories and `Referer` (RFC 6750 §5.3, \
                           RFC 9700 §4.3.2)";
            let help = "send it in `Authorization`; for a WebSocket, use `websocket_protocol`";
            fields.warn(Code::Value, &SOURCE.query, message.to_owned(), help);
        }
    }
}
