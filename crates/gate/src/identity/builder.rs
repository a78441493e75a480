//! Settings of the identity fields.

use http::HeaderName;

use crate::misleading;

use super::ClaimSource::{AuthTime, ClientId, ExpiresAt, Issuer, Kind, Scopes, Subject};
use super::Encoding::{Plain, Space};
use super::{ClaimSource, Encoding, Field, Identity, Says, Settings, Token, Underscores};
use super::{authgear, spelling};

/// A set of fields under known names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the configuration must not forget one"
)]
pub enum Preset {
    /// The fields of Authgear's resolver, for applications written for it: `X-Authgear-Session-Valid`,
    /// `-User-Id`, `-User-Anonymous`, `-User-Verified`, `-User-Can-Reauthenticate`, `-User-Roles`,
    /// `-Session-Amr`, `-Session-Authenticated-At`. For machines, which the resolver does not know,
    /// only `X-Bearward-Client-Id`; if the principal may or may not be a machine, none.
    Authgear,
    /// `X-Bearward-Subject`, `-Issuer`, `-Client-Id`, `-Kind` (`user`, `machine` or
    /// `unknown`), `-Scope` (words with a space between them), `-Auth-Time` and `-Expires-At` (Unix seconds).
    Bearward,
    /// No fields. The default.
    #[default]
    None,
}

/// Settings of an [`Identity`].
#[derive(Clone, Debug)]
#[must_use]
pub struct IdentityBuilder {
    preset: Preset,
    subject_encoding: Encoding,
    fields: Vec<(String, ClaimSource, Encoding)>,
    token: Token,
    token_fields: Vec<HeaderName>,
    id_token_field: HeaderName,
    underscores: Underscores,
    removed: Vec<HeaderName>,
    kept: Vec<HeaderName>,
    max_bytes: usize,
}

impl Default for IdentityBuilder {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            subject_encoding: Plain,
            fields: Vec::new(),
            token: Token::default(),
            token_fields: Vec::new(),
            id_token_field: ID_TOKEN_FIELD,
            underscores: Underscores::default(),
            removed: Vec::new(),
            kept: Vec::new(),
            max_bytes: MAX_BYTES,
        }
    }
}

impl IdentityBuilder {
    /// Sets the preset. Default: none.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// How the preset writes the subject: `X-Bearward-Subject` or `X-Authgear-User-Id`. Default:
    /// [`Encoding::Plain`], which refuses subjects with characters outside ASCII. OpenID Connect allows
    /// none; a [claim named as the subject](bearward_core::policy::PolicyBuilder::subject_claim) may have them.
    pub fn subject_encoding(mut self, encoding: Encoding) -> Self {
        self.subject_encoding = encoding;
        self
    }

    /// Adds a field with this name; call again for more.
    pub fn field(
        mut self,
        name: impl Into<String>,
        source: ClaimSource,
        encoding: Encoding,
    ) -> Self {
        self.fields.push((name.into(), source, encoding));
        self
    }

    /// Whether the application receives the credentials. Default: [`Token::Strip`].
    pub fn token(mut self, token: Token) -> Self {
        self.token = token;
        self
    }

    /// A field that may carry an access token, as a route's sources name it; call again for more.
    pub fn token_field(mut self, field: HeaderName) -> Self {
        if !self.token_fields.contains(&field) {
            self.token_fields.push(field);
        }
        self
    }

    /// The field that carries an ID token, as configured in the resource server. Default: `X-Id-Token`.
    pub fn id_token_field(mut self, field: HeaderName) -> Self {
        self.id_token_field = field;
        self
    }

    /// How client fields with `_` in their names are treated. Default: [`Underscores::Drop`].
    pub fn underscores(mut self, underscores: Underscores) -> Self {
        self.underscores = underscores;
        self
    }

    /// Removes a further field from client requests, in every spelling, in addition to those removed by
    /// default; call again for more.
    pub fn remove(mut self, field: HeaderName) -> Self {
        self.removed.push(field);
        self
    }

    /// Keeps a field that may make applications use another request or user, or that has `_` in its
    /// name; call again for more. The sender of a request chooses its value. A query parameter with
    /// this name passes as well.
    pub fn keep(mut self, field: HeaderName) -> Self {
        self.kept.push(field);
        self
    }

    /// The maximum length of a field's value. Default: 8 KiB, the longest line most servers accept.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Builds the identity fields.
    ///
    /// # Errors
    ///
    /// [`IdentityBuildError`] if a field cannot be used.
    pub fn build(mut self) -> Result<Identity, IdentityBuildError> {
        let mut fields = self.preset.fields(self.subject_encoding);
        let never_set = match self.preset {
            Preset::Authgear => vec![authgear::NEVER_SET],
            Preset::Bearward | Preset::None => Vec::new(),
        };
        for (name, source, encoding) in std::mem::take(&mut self.fields) {
            let name = parse_name(&name)?;
            if spelling::is_same(self.id_token_field.as_str(), name.as_str()) {
                return Err(IdentityBuildError::Reserved(name));
            }
            if never_set.contains(&name) || fields.iter().any(|field| field.name == name) {
                return Err(IdentityBuildError::Duplicate(name));
            }
            let is_list = source == Scopes;
            if is_list && !matches!(encoding, Encoding::Comma | Encoding::Json | Space) {
                return Err(IdentityBuildError::List(name));
            }
            let says = Says::Claim(source, encoding);
            fields.push(Field { name, says });
        }
        self.check_token_fields(&fields, &never_set)?;
        self.check_removed()?;
        let identity = self.clone().identity(fields, never_set);
        self.check_kept(&identity)?;
        Ok(identity)
    }

    fn check_token_fields(
        &self,
        fields: &[Field],
        never_set: &[HeaderName],
    ) -> Result<(), IdentityBuildError> {
        for name in &self.token_fields {
            let ours = fields.iter().map(|field| &field.name).chain(never_set);
            let mut ours = ours.chain([&self.id_token_field]);
            let is_ours = ours.any(|ours| ours == name);
            let is_reserved = spelling::has_reserved_prefix(name.as_str());
            if is_ours || is_reserved || parse_name(name.as_str()).is_err() {
                return Err(IdentityBuildError::TokenField(name.clone()));
            }
        }
        Ok(())
    }

    fn check_removed(&self) -> Result<(), IdentityBuildError> {
        let needed = self.removed.iter().find(|name| {
            let folded = misleading::fold(name.as_str());
            NEEDED.contains(&&*folded)
        });
        match needed {
            Some(name) => Err(IdentityBuildError::Needed(name.clone())),
            None => Ok(()),
        }
    }

    fn check_kept(&self, identity: &Identity) -> Result<(), IdentityBuildError> {
        for name in &self.kept {
            let folded = misleading::fold(name.as_str());
            if identity.is_ours(&folded) || identity.0.settings.removes(&folded) {
                return Err(IdentityBuildError::Contradiction(name.clone()));
            }
            if misleading::find(&folded).is_none() && !name.as_str().contains('_') {
                return Err(IdentityBuildError::NotRemoved(name.clone()));
            }
        }
        Ok(())
    }

    /// Builds an identity with these fields and all other settings unchanged.
    pub(super) fn identity(self, fields: Vec<Field>, never_set: Vec<HeaderName>) -> Identity {
        let removed = self.removed.iter();
        let removed = removed.map(|name| misleading::fold(name.as_str()).into_owned());
        let mut removed: Vec<_> = removed.collect();
        removed.sort_unstable();
        let mut kept = self.kept;
        if self.token == Token::Forward {
            // The operator has said who sets them.
            let is_misleading = |name: &&HeaderName| misleading::find(name.as_str()).is_some();
            kept.extend(self.token_fields.iter().filter(is_misleading).cloned());
        }
        Identity::from(Settings {
            fields,
            never_set,
            token: self.token,
            token_fields: self.token_fields,
            id_token_field: self.id_token_field,
            underscores: self.underscores,
            removed,
            kept,
            max_bytes: self.max_bytes,
        })
    }
}

impl Preset {
    fn fields(self, subject_encoding: Encoding) -> Vec<Field> {
        let authgear = |(name, field)| Field {
            name: HeaderName::from_static(name),
            says: Says::Authgear(match matches!(field, authgear::Field::UserId(_)) {
                true => authgear::Field::UserId(subject_encoding),
                false => field,
            }),
        };
        let bearward = |(name, source, encoding)| {
            let encoding = match source == Subject {
                true => subject_encoding,
                false => encoding,
            };
            Field {
                name: HeaderName::from_static(name),
                says: Says::Claim(source, encoding),
            }
        };
        match self {
            Self::Authgear => authgear::FIELDS.into_iter().map(authgear).collect(),
            Self::Bearward => BEARWARD.into_iter().map(bearward).collect(),
            Self::None => Vec::new(),
        }
    }
}

/// Why a field cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityBuildError {
    /// A field to keep is also a field to remove, or an identity field.
    #[error("{0} cannot be kept: it is an identity field, or configured to be removed")]
    Contradiction(HeaderName),
    /// Two fields, of which the preset may have one, share a name.
    #[error("the identity field {0} is configured twice, or is part of the preset")]
    Duplicate(HeaderName),
    /// The scopes are a list and need an encoding for lists.
    #[error("the identity field {0} is a list: its encoding must be comma, space or json")]
    List(HeaderName),
    /// Servers do not all read the name alike.
    #[error(
        "the name of an identity field may have letters, digits and up to 6 hyphens, and at most 64 bytes"
    )]
    Name,
    /// HTTP or the gateway needs the field.
    #[error("{0} cannot be removed: HTTP or the gateway needs it")]
    Needed(HeaderName),
    /// The field is not removed as misleading, so keeping it has no effect.
    #[error("{0} cannot be kept: it is not one of the misleading fields, which are removed")]
    NotRemoved(HeaderName),
    /// The name means something else to a proxy or server.
    #[error("{0} cannot be an identity field: it has another meaning")]
    Reserved(HeaderName),
    /// The name means something else, also to the gateway, or is not plain.
    #[error(
        "{0} cannot carry an access token: it has another meaning, or its name is not letters, digits and up to 6 hyphens"
    )]
    TokenField(HeaderName),
}

/// Letters, digits and hyphens: some servers read `_` and `.` as `-`, others drop the field.
fn parse_name(name: &str) -> Result<HeaderName, IdentityBuildError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let hyphens = name.bytes().filter(|byte| *byte == b'-').count();
    if name.len() > 64 || hyphens > MAX_HYPHENS || !name.bytes().all(is_plain) {
        return Err(IdentityBuildError::Name);
    }
    let name: HeaderName = name.parse().map_err(|_| IdentityBuildError::Name)?;
    let text = name.as_str();
    let takes_another_request = misleading::find(text)
        .is_some_and(|row| row.name == text && row.takes != misleading::Takes::User);
    let is_reserved = takes_another_request
        || NEEDED.contains(&text)
        || RESERVED.contains(&text)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix));
    if is_reserved {
        return Err(IdentityBuildError::Reserved(name));
    }
    Ok(name)
}

/// The field of ID tokens, as in the default [`bearward_core::ResourceServer`].
const ID_TOKEN_FIELD: HeaderName = HeaderName::from_static("x-id-token");

/// Four of these fill the 32 KiB that nginx and most servers accept as a head.
const MAX_BYTES: usize = 8 * 1024;

/// Fields that cannot be removed from a request.
const NEEDED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Limits the spellings with `_` to 64.
const MAX_HYPHENS: usize = 6;

const BEARWARD: [(&str, ClaimSource, Encoding); 7] = [
    ("x-bearward-subject", Subject, Plain),
    ("x-bearward-issuer", Issuer, Plain),
    ("x-bearward-client-id", ClientId, Plain),
    ("x-bearward-kind", Kind, Plain),
    ("x-bearward-scope", Scopes, Space),
    ("x-bearward-auth-time", AuthTime, Plain),
    ("x-bearward-expires-at", ExpiresAt, Plain),
];

/// Further names with a meaning in HTTP, in one of our dialects, or to the proxy in front.
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "age",
    "allow",
    "cache-control",
    "cookie",
    "date",
    "dpop",
    "dpop-nonce",
    "etag",
    "expect",
    "expires",
    "http2-settings",
    "keep-alive",
    "location",
    "origin",
    "pragma",
    "range",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "trailer",
    "vary",
    "via",
    "www-authenticate",
    "x-bearward-status",
];

const RESERVED_PREFIXES: &[&str] = &[
    "access-control-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-accel-",
    "x-envoy-",
];
