//! `[identity]`: how the application learns who sent a request.

use std::ops::Range;

use bearward::{ClaimPath, Sources};
use bearward_gate::identity::{
    ClaimSource, Encoding, Identity, IdentityBuildError, IdentityBuilder, Preset, Token,
    Underscores,
};
use http::HeaderName;

use super::description::{self, IDENTITY, IDENTITY_FIELD, IdentityField, ROOT, Root};
use super::key::Key;
use super::mistakes::Code;
use super::reader::{At, Fields, Texts};

/// Also keeps the fields that `method_overrides` names, and knows those that may carry a token.
pub(super) fn read(
    fields: &Fields<'_, Root>,
    id_token_field: Option<&HeaderName>,
    method_overrides: &[HeaderName],
    sources: &Sources,
) -> Identity {
    let mut builder = Identity::builder();
    for name in sources.fields() {
        builder = builder.token_field(name.clone());
    }
    for name in method_overrides {
        // Any other name has no effect.
        let alone = Identity::builder().keep(name.clone());
        if alone.build().is_ok() {
            builder = builder.keep(name.clone());
        }
    }
    if let Some(field) = id_token_field {
        builder = builder.id_token_field(field.clone());
    }
    // A missing table counts as an empty one.
    let Some(fields) = &ROOT.identity.read(fields) else {
        return builder.preset(Preset::Bearward).build().unwrap_or_default();
    };
    builder = builder
        .preset(IDENTITY.preset.read(fields))
        .subject_encoding(IDENTITY.subject_encoding.read(fields));
    if IDENTITY.forward_token.read(fields) {
        builder = builder.token(Token::Forward);
    }
    if !IDENTITY.drop_underscores.read(fields) {
        builder = builder.underscores(Underscores::Keep);
    }
    for name in read_names(fields, &IDENTITY.remove_fields, IdentityBuilder::remove) {
        builder = builder.remove(name.value);
    }
    let own = IDENTITY.fields.read(fields);
    let own = own.iter().filter_map(read_field).collect();
    let kept = read_names(fields, &IDENTITY.keep_fields, IdentityBuilder::keep);
    Parts { builder, own, kept }.build(fields)
}

/// Parts that are valid by themselves, but may conflict with each other.
struct Parts<'t> {
    builder: IdentityBuilder,
    own: Vec<OwnField<'t>>,
    kept: Vec<At<HeaderName>>,
}

/// A configured field.
struct OwnField<'t> {
    header: At<&'t str>,
    source: ClaimSource,
    encoding: Encoding,
}

impl Parts<'_> {
    /// Reports each part that conflicts with those before it.
    fn build(mut self, fields: &Fields<'_, description::Identity>) -> Identity {
        loop {
            let error = match self.together().build() {
                Ok(identity) => return identity,
                Err(error) => error,
            };
            let Some(place) = self.leave_out(&error) else {
                fields.report(code_of(&error), &IDENTITY.fields, error.to_string(), "");
                return Identity::default();
            };
            fields.report_at(code_of(&error), &place, error.to_string(), "");
            if fields.found.is_full() {
                return Identity::default();
            }
        }
    }

    fn together(&self) -> IdentityBuilder {
        let mut builder = self.builder.clone();
        for field in &self.own {
            builder = field.add_to(builder);
        }
        for name in &self.kept {
            builder = builder.keep(name.value.clone());
        }
        builder
    }

    /// Leaves out the part that causes the error, and returns its place.
    fn leave_out(&mut self, error: &IdentityBuildError) -> Option<Range<usize>> {
        if let IdentityBuildError::Contradiction(name) = error {
            let at = self.kept.iter().position(|kept| kept.value == *name)?;
            return Some(self.kept.remove(at).span);
        }
        let (IdentityBuildError::Duplicate(name)
        | IdentityBuildError::Reserved(name)
        | IdentityBuildError::TokenField(name)) = error
        else {
            return None;
        };
        let is_it = |field: &OwnField<'_>| field.header.value.eq_ignore_ascii_case(name.as_str());
        let at = self.own.iter().rposition(is_it)?;
        Some(self.own.remove(at).header.span)
    }
}

impl OwnField<'_> {
    fn add_to(&self, builder: IdentityBuilder) -> IdentityBuilder {
        builder.field(self.header.value, self.source.clone(), self.encoding)
    }
}

/// The names of the list under `key` that are valid by themselves.
fn read_names(
    fields: &Fields<'_, description::Identity>,
    key: &Key<description::Identity, Texts>,
    add: fn(IdentityBuilder, HeaderName) -> IdentityBuilder,
) -> Vec<At<HeaderName>> {
    let mut names = Vec::new();
    for At { value, span } in key.read(fields) {
        let message = match value.parse::<HeaderName>() {
            Ok(name) => match add(Identity::builder(), name.clone()).build() {
                Ok(_) => {
                    names.push(At { value: name, span });
                    continue;
                }
                Err(error) => format!("`{}`: {error}", key.key),
            },
            Err(_) => format!("`{}`: {value:?} is not a valid field name", key.key),
        };
        fields.report_at(Code::Value, &span, message, "");
    }
    names
}

/// A field, if it is valid by itself.
fn read_field<'t>(fields: &Fields<'t, IdentityField>) -> Option<OwnField<'t>> {
    let claim = IDENTITY_FIELD.claim.read(fields);
    let encoding = IDENTITY_FIELD.encoding.read(fields);
    let field = OwnField {
        header: IDENTITY_FIELD.header.read(fields)?,
        // A path that was reported names no claim.
        source: ClaimSource::Claim(claim.unwrap_or_else(|| ClaimPath::new([]))),
        encoding,
    };
    let alone = field.add_to(Identity::builder()).build();
    let Err(error) = alone else {
        return Some(field);
    };
    let message = format!("`header`: {error}");
    fields.report_at(code_of(&error), &field.header.span, message, "");
    None
}

const fn code_of(error: &IdentityBuildError) -> Code {
    if matches!(error, IdentityBuildError::Duplicate(_)) {
        return Code::Duplicate;
    }
    Code::Value
}
