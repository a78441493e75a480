//! The configuration's JSON Schema (2020-12), and its manual for people.

use std::fmt::Write;

use bearward::Profile;
use serde_json::{Map, Value, json};

use super::description::Root;
use super::key::{Default, Field, Keys, Kind, Table};

/// The JSON Schema of the configuration.
#[must_use]
pub fn schema() -> Value {
    let mut schema = of_table(Root::TABLE);
    if let Some(members) = schema.as_object_mut() {
        let dialect = json!("https://json-schema.org/draft/2020-12/schema");
        members.insert("$schema".to_owned(), dialect);
        members.insert("title".to_owned(), json!("bearward.toml"));
    }
    schema
}

/// Every table and key of the configuration, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_table(&mut text, "", Root::TABLE).and_then(|()| write_profiles(&mut text));
    text.trim_end().to_owned() + "\n"
}

fn of_table(table: &Table) -> Value {
    let properties = table.fields.iter();
    let properties = properties.map(|field| (field.key.to_owned(), of_field(field)));
    let properties: Map<_, _> = properties.collect();
    let required = table.fields.iter();
    let required = required.filter(|field| matches!(field.default, Default::Required(_)));
    let required: Vec<_> = required.map(|field| field.key).collect();
    json!({
        "type": "object",
        "description": table.meaning,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn of_field(field: &Field) -> Value {
    let mut schema = of_kind(field.kind);
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), json!(field.meaning));
        if let Some(default) = field.default_text() {
            let default = if matches!(field.kind, Kind::Count) {
                json!(default.parse::<u32>().ok())
            } else if matches!(field.kind, Kind::Flag) {
                json!(default == "true")
            } else {
                json!(default)
            };
            members.insert("default".to_owned(), default);
        }
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": text() });
    let value = || json!({ "type": ["string", "boolean", "integer"] });
    let values = || json!({ "anyOf": [value(), { "type": "array", "items": value() }] });
    match kind {
        Kind::Choice(words) => json!({ "enum": words() }),
        Kind::Claims => json!({
            "type": "object",
            "additionalProperties": values(),
        }),
        Kind::ClaimValues => values(),
        Kind::Count => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Groups => json!({ "type": "array", "items": texts() }),
        Kind::Named(table) => json!({
            "type": "object",
            "additionalProperties": of_table(table),
        }),
        Kind::Secret => {
            json!({ "type": "string", "pattern": "^(env|file):.", "writeOnly": true })
        }
        Kind::SecretFile => json!({ "type": "string", "writeOnly": true }),
        Kind::Table(table) => of_table(table),
        Kind::Tables(table) => json!({ "type": "array", "items": of_table(table) }),
        Kind::Address | Kind::Duration | Kind::Text => text(),
        Kind::TextOrTexts => json!({ "anyOf": [text(), texts()] }),
        Kind::Texts => texts(),
    }
}

/// A table, then the tables within it.
fn write_table(to: &mut String, header: &str, table: &Table) -> std::fmt::Result {
    let title = match header {
        "" => "The file".to_owned(),
        header => format!("`{header}`"),
    };
    writeln!(to, "## {title}\n\n{}\n", table.meaning)?;
    writeln!(to, "| key | value | default | meaning |\n|---|---|---|---|")?;
    for field in table.fields {
        let (key, meaning) = (field.key, field.meaning);
        let value = value_of(field);
        let default = match (field.default, field.default_text()) {
            (Default::Required(_), _) => "*required*".to_owned(),
            (_, Some(default)) => format!("`{}`", literal(field.kind, default)),
            (_, None) => "–".to_owned(),
        };
        writeln!(to, "| `{key}` | {value} | {default} | {meaning} |")?;
    }
    writeln!(to)?;
    for field in table.fields {
        if let Kind::Named(inner) | Kind::Table(inner) | Kind::Tables(inner) = field.kind {
            write_table(to, field.header, inner)?;
        }
    }
    Ok(())
}

/// Writes the table of profiles.
fn write_profiles(to: &mut String) -> std::fmt::Result {
    writeln!(to, "## Profiles\n\n{PROFILES}\n")?;
    writeln!(
        to,
        "| profile | its access tokens | claims | client | roles |"
    )?;
    writeln!(to, "|---|---|---|---|---|")?;
    for profile in Profile::ALL {
        let (link, meaning) = (profile.documentation(), profile.meaning());
        let claims = profile.required_claims().join(" ");
        let client = profile.client_id_claims().join(" ");
        let roles = profile.roles_claims().iter().map(|path| path.join(" → "));
        let roles = roles.collect::<Vec<_>>().join(", ");
        writeln!(
            to,
            "| [`{profile}`]({link}) | {meaning} | {claims} | {client} | {roles} |"
        )?;
    }
    writeln!(to)
}

/// Introduces the table of profiles.
const PROFILES: &str = "How issuers write access tokens. The table shows the claims that a token must have in addition to `iss`, `exp` and the audience; \
    the claims that can name the client, of which the first one present is used; and the claims with roles, groups or permissions. \
    Each name links to the documentation of the issuer or the standard.";

fn value_of(field: &Field) -> String {
    match field.kind {
        Kind::Address => "address: `\"127.0.0.1:9000\"` or `\"unix:/run/x.sock\"`".to_owned(),
        Kind::Choice(words) => {
            let words = words().into_iter().map(|word| format!("`\"{word}\"`"));
            words.collect::<Vec<_>>().join(", ")
        }
        Kind::Count => "whole number".to_owned(),
        Kind::Claims => {
            "`{ claim = \"value\", other = [\"one\", \"two\"], flag = true }`".to_owned()
        }
        Kind::ClaimValues => "string, `true` or `false`, whole number, or list of them".to_owned(),
        Kind::Duration => "duration: `\"30s\"`, `\"5m\"`, `\"1h 30m\"`".to_owned(),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Groups => "list of lists of strings".to_owned(),
        Kind::Named(_) | Kind::Table(_) | Kind::Tables(_) => {
            format!("table: `{}`", field.header)
        }
        Kind::Secret => "`\"env:NAME\"` or `\"file:PATH\"`".to_owned(),
        Kind::SecretFile | Kind::Text => "string".to_owned(),
        Kind::TextOrTexts => "string or list of strings".to_owned(),
        Kind::Texts => "list of strings".to_owned(),
    }
}

fn literal(kind: Kind, default: &str) -> String {
    if matches!(kind, Kind::Count | Kind::Flag) {
        return default.to_owned();
    }
    format!("\"{default}\"")
}
