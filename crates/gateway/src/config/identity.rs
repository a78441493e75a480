//! `[identity]`: how the application learns who sent a request.

use bearward::ClaimPath;
use http::HeaderName;

use super::mistakes::Code;
use super::reader::Fields;
use crate::identity::{
    ClaimSource, Encoding, Identity, IdentityBuildError, IdentityBuilder, Preset, Token,
    Underscores,
};

/// The fields that `method_overrides` names are kept, too.
pub(super) fn read(
    fields: &Fields<'_>,
    id_token_field: Option<&HeaderName>,
    method_overrides: &[HeaderName],
) -> Option<Identity> {
    let mut builder = Identity::builder();
    for name in method_overrides {
        // Any other name has never meant anything.
        let alone = Identity::builder().keep(name.clone());
        if alone.build().is_ok() {
            builder = builder.keep(name.clone());
        }
    }
    if let Some(field) = id_token_field {
        builder = builder.id_token_field(field.clone());
    }
    // Not said is the same as a table without keys.
    let Some(fields) = &fields.table("identity") else {
        return builder.preset(Preset::Bearward).build().ok();
    };
    let preset = match fields.choice("preset").map(|preset| preset.value) {
        Some("authgear") => Preset::Authgear,
        Some("none") => Preset::None,
        _ => Preset::Bearward,
    };
    builder = builder.preset(preset);
    if fields.flag("forward_token") {
        builder = builder.token(Token::Forward);
    }
    if !fields.flag("drop_underscores") {
        builder = builder.underscores(Underscores::Keep);
    }
    builder = read_names(fields, "remove_fields", builder, IdentityBuilder::remove);
    builder = read_names(fields, "keep_fields", builder, IdentityBuilder::keep);
    for table in fields.tables("fields") {
        builder = read_field(&table, builder);
    }
    let built = builder.build();
    if let Err(error) = &built {
        // Of fields that do not go together only.
        let place = if matches!(error, IdentityBuildError::Contradiction(_)) {
            "keep_fields"
        } else {
            "fields"
        };
        fields.tell(code_of(error), place, error.to_string(), "");
    }
    built.ok()
}

/// Adds the names of the list under `key`, those that can be used by themselves.
fn read_names(
    fields: &Fields<'_>,
    key: &str,
    mut builder: IdentityBuilder,
    add: fn(IdentityBuilder, HeaderName) -> IdentityBuilder,
) -> IdentityBuilder {
    for given in fields.texts(key) {
        let message = match given.value.parse::<HeaderName>() {
            Ok(name) => match add(Identity::builder(), name.clone()).build() {
                Ok(_) => {
                    builder = add(builder, name);
                    continue;
                }
                Err(error) => format!("`{key}`: {error}"),
            },
            Err(_) => format!("`{key}`: {:?} is not the name of a field", given.value),
        };
        let found = fields.found();
        found.add(Code::Value, &given.span, message, None);
    }
    builder
}

/// Adds a field, if it can be used by itself.
fn read_field(fields: &Fields<'_>, builder: IdentityBuilder) -> IdentityBuilder {
    let claim = fields.texts("claim");
    if fields.is_empty("claim") {
        fields.tell(Code::Value, "claim", "`claim` names none", "");
    }
    let (Some(header), Some(encoding)) = (fields.text("header"), encoding(fields)) else {
        return builder;
    };
    let path = ClaimPath::new(claim.iter().map(|name| name.value));
    let source = ClaimSource::Claim(path);
    let alone = Identity::builder().field(header.value, source.clone(), encoding);
    match alone.build() {
        Ok(_) => builder.field(header.value, source, encoding),
        Err(error) => {
            let message = format!("`header`: {error}");
            fields
                .found()
                .add(code_of(&error), &header.span, message, None);
            builder
        }
    }
}

fn encoding(fields: &Fields<'_>) -> Option<Encoding> {
    Some(match fields.choice("encoding")?.value {
        "base64url" => Encoding::Base64Url,
        "comma" => Encoding::Comma,
        "json" => Encoding::Json,
        "percent" => Encoding::Percent,
        "space" => Encoding::Space,
        _ => Encoding::Plain,
    })
}

const fn code_of(error: &IdentityBuildError) -> Code {
    if matches!(error, IdentityBuildError::Duplicate(_)) {
        return Code::Duplicate;
    }
    Code::Value
}
