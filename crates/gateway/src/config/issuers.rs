//! `[[issuers]]` and `[protection]`: the resource server.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use bearward::core::jwk::{SecretError, VerificationKey};
use bearward::core::policy::PolicyError;
use bearward::core::spiffe::is_trust_domain;
use bearward::fetch::{Authorization, Egress};
use bearward::issuer::placeholder;
use bearward::issuer_url::{IssuerUrl, IssuerUrlError, PlainHttp};
use bearward::resource_server::ResourceServerBuilder;
use bearward::{
    Algorithm, BuildError, Issuer, JwkSet, Policy, ProtectedResourceMetadata, ProtectionSpace,
    ResourceServer, Sources, TokenCache,
};
use bearward_gate::identity::DERIVED_BYTES;
use bearward_gate::original::Original;
use bearward_gate::publication::{Publication, Published};
use http::HeaderName;

use super::description::{self, ISSUER, PROTECTION, ROOT, Recognition, Root, TOKEN_CACHE};
use super::egress;
use super::key::Field;
use super::mistakes::Code;
use super::reader::{At, Fields, Given, nearest};
use super::report_duplicates;
use super::secret::{Document, Secret};
use super::surroundings::{Referred, Surroundings};
use super::tenants::Tenants;

/// Whose tokens are accepted, and the contents of challenges. Equal settings make equal resource
/// servers, so that a reload without changes keeps the keys.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    issuers: Vec<IssuerSettings>,
    space: ProtectionSpace,
    /// The metadata of this resource server, if it has a `resource`.
    pub(crate) metadata: Option<ProtectedResourceMetadata>,
    pub(super) id_token_field: Option<HeaderName>,
    token_cache: TokenCache,
}

#[derive(Clone, Debug, PartialEq)]
struct IssuerSettings {
    /// One for each of its names.
    policies: Vec<Policy>,
    /// The policy with the placeholder, and the tenants.
    tenants: Option<(Policy, Tenants)>,
    keys: Keys,
    internal_origin: Option<String>,
    plain_http: PlainHttp,
    stale_if_error: Duration,
    snapshot: Option<PathBuf>,
    egress: Egress,
    authorization: Option<Authorization>,
}

#[derive(Clone, Debug, PartialEq)]
enum Keys {
    Discovery,
    /// The document, already validated.
    File(Document),
    Secret(Secret),
    Uri(String),
}

impl ServerSettings {
    pub(super) fn read(fields: &Fields<'_, Root>, surroundings: &Surroundings<'_>) -> Self {
        let tables = ROOT.issuers.read(fields);
        if fields.is_empty(&ROOT.issuers) {
            let message = "`issuers` is empty, so no token could be accepted";
            fields.report(Code::IssuerMissing, &ROOT.issuers, message, "");
        }
        let names: Vec<_> = tables.iter().flat_map(names).collect();
        report_duplicates(&names, "the issuer", fields);
        let issuers = tables
            .iter()
            .map(|table| IssuerSettings::read(table, surroundings));
        let protection = ROOT.protection.read(fields);
        let mut settings = Self {
            issuers: issuers.collect(),
            space: ProtectionSpace::default(),
            metadata: None,
            id_token_field: None,
            token_cache: token_cache(fields),
        };
        if let Some(protection) = &protection {
            let issuers = settings.issuers.iter();
            // Who the tenants are is nobody's business.
            let public = issuers.filter(|issuer| issuer.tenants.is_none());
            let names = public.flat_map(|issuer| &issuer.policies);
            let names = names.map(|policy| policy.issuer().to_string());
            // An authorization server has a URL.
            let names: Vec<_> = names.filter(|name| !is_trust_domain(name)).collect();
            settings.read_protection(protection, names.iter().map(String::as_str));
        }
        settings
    }

    /// The issuers under each of their names, as in `iss`, in the order of the configuration.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        let policies = self.issuers.iter().flat_map(|issuer| &issuer.policies);
        policies.map(|policy| policy.issuer().as_ref())
    }

    /// The URL of the protected resource, if it is configured.
    pub(crate) fn resource(&self) -> Option<&str> {
        Some(self.metadata.as_ref()?.resource())
    }

    /// The response to a request for the protected resource metadata, like [`Gate::published`].
    ///
    /// [`Gate::published`]: crate::Gate::published
    #[must_use]
    pub fn published(&self, original: &Original<'_>) -> Option<Published> {
        Publication::of(self.metadata.as_ref()?).answer(original)
    }

    /// The policy for tokens of the issuer with this name.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<Policy> {
        self.named(name)?.policy(name).cloned()
    }

    /// The policy of each issuer whose access tokens only their audience marks; one for all its names.
    pub(crate) fn by_audience(&self) -> impl Iterator<Item = &Policy> {
        let policies = self.issuers.iter().filter_map(|issuer| {
            let template = issuer.tenants.as_ref().map(|(template, _)| template);
            template.or_else(|| issuer.policies.first())
        });
        policies.filter(|policy| policy.tokens_by_audience())
    }

    /// The issuer with this name, to [fetch its keys](Issuer::fetch_keys) once.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there is no such issuer, or its keys cannot be used.
    pub fn issuer(&self, name: &str) -> Result<Issuer, BuildError> {
        let issuer = self.named(name).ok_or(BuildError::IssuerMissing)?;
        issuer.build_as(name)
    }

    /// A resource server with these settings that fetches nothing: it has `keys` for the issuer with
    /// this name, and none for the others. For a program that explains decisions.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there is no such issuer.
    pub fn with_keys(
        &self,
        name: &str,
        keys: &JwkSet,
    ) -> Result<ResourceServerBuilder, BuildError> {
        let mut builder = self.without_issuers();
        for issuer in &self.issuers {
            let keys = match issuer.policy(name) {
                Some(_) => keys.clone(),
                None => JwkSet::from_secrets([]),
            };
            let issuer = issuer.under_all_names(|policy| Ok(Issuer::jwk_set(policy, keys)))?;
            builder = builder.issuer(issuer);
        }
        Ok(builder)
    }

    /// Publishes the methods of presenting a token that these sources are.
    pub(super) fn publish(&mut self, sources: &Sources) {
        let metadata = self.metadata.take();
        self.metadata = metadata.map(|metadata| metadata.sources(sources));
    }

    /// Builds the resource server, which at once starts to fetch the keys that `before` does not have.
    pub(super) fn build(
        &self,
        before: Option<&ResourceServer>,
    ) -> Result<ResourceServer, BuildError> {
        let mut builder = self.without_issuers();
        if let Some(before) = before {
            builder = builder.keep_keys_of(before);
        }
        for issuer in &self.issuers {
            builder = builder.issuer(issuer.build()?);
        }
        builder.build()
    }

    fn without_issuers(&self) -> ResourceServerBuilder {
        let mut builder = ResourceServer::builder()
            .protection_space(self.space.clone())
            .token_cache(self.token_cache);
        if let Some(metadata) = &self.metadata {
            builder = builder.metadata(metadata.clone());
        }
        if let Some(field) = &self.id_token_field {
            builder = builder.id_token_field(field.clone());
        }
        builder
    }

    fn named(&self, name: &str) -> Option<&IssuerSettings> {
        let mut issuers = self.issuers.iter();
        issuers.find(|issuer| issuer.policy(name).is_some())
    }

    fn read_protection<'n>(
        &mut self,
        fields: &Fields<'_, description::Protection>,
        issuers: impl Iterator<Item = &'n str>,
    ) {
        if let Some(realm) = PROTECTION.realm.read(fields) {
            match ProtectionSpace::new(realm.value) {
                Ok(space) => self.space = space,
                Err(error) => fields.report(Code::Value, &PROTECTION.realm, error.to_string(), ""),
            }
        }
        let scopes = PROTECTION.scopes.read(fields);
        if let Some(resource) = PROTECTION.resource.read(fields) {
            match metadata(resource.value, issuers, &self.space) {
                Ok(metadata) => {
                    let scopes = scopes.iter().map(|scope| scope.value);
                    self.metadata = Some(metadata.scopes_supported(scopes));
                }
                Err((message, help)) => {
                    fields.report(Code::Value, &PROTECTION.resource, message, help);
                }
            }
        } else if fields.has(&PROTECTION.scopes) && !fields.has(&PROTECTION.resource) {
            let message = "`scopes` are published in the metadata of a `resource`, and no `resource` is configured";
            let help = "add `resource`, the URL of this resource server";
            fields.report(Code::Missing, &PROTECTION.scopes, message, help);
        }
        if let Some(field) = PROTECTION.id_token_header.read(fields) {
            match field.value.parse() {
                Ok(name) => self.id_token_field = Some(name),
                Err(_) => {
                    let message = format!("{:?} is not a valid field name", field.value);
                    fields.report(Code::Value, &PROTECTION.id_token_header, message, "");
                }
            }
        }
    }
}

/// The metadata of a resource whose URL can stand in a challenge; else the mistake and the help.
fn metadata<'t>(
    resource: &str,
    issuers: impl Iterator<Item = &'t str>,
    space: &ProtectionSpace,
) -> Result<ProtectedResourceMetadata, (String, &'static str)> {
    let metadata = ProtectedResourceMetadata::new(resource, issuers);
    let metadata = metadata.map_err(|error| (error.to_string(), ""))?;
    if space.clone().resource_metadata(metadata.url()).is_err() {
        let message = "`resource` has characters that a challenge cannot contain";
        return Err((message.to_owned(), "write them as %XX"));
    }
    Ok(metadata)
}

/// The token cache: on, with the default limits, unless it is turned off.
fn token_cache(fields: &Fields<'_, Root>) -> TokenCache {
    let default = TokenCache::new().derived_bytes(DERIVED_BYTES);
    let Some(table) = ROOT.token_cache.read(fields) else {
        return default;
    };
    default
        .max_entries(TOKEN_CACHE.max_entries.read(&table))
        .max_bytes(TOKEN_CACHE.max_bytes.read(&table))
}

impl IssuerSettings {
    fn read(fields: &Fields<'_, description::Issuer>, surroundings: &Surroundings<'_>) -> Self {
        let plain_http = if ISSUER.insecure_plain_http.read(fields) {
            PlainHttp::Anywhere
        } else {
            PlainHttp::Loopback
        };
        let names: Vec<_> = names(fields).collect();
        let tenants = Tenants::read(fields, &names, surroundings);
        let algorithms = algorithms(fields);
        let keys = Keys::read(fields, surroundings, &algorithms);
        let internal_origin = ISSUER.internal_origin.read(fields);
        if let Some(origin) = &internal_origin {
            let url = (IssuerUrl::InternalOrigin, &*ISSUER.internal_origin);
            check_url(fields, url, origin, plain_http);
        }
        let plain_http_in_public = plain_http.of_public_urls(fields.has(&ISSUER.internal_origin));
        let is_by_kid = ISSUER.profile.read(fields).key_document().is_by_kid();
        let is_discovered = matches!(keys, Some(Keys::Discovery)) && !is_by_kid;
        if let (Some(issuer), true) = (names.first(), is_discovered) {
            check_issuer(fields, issuer, plain_http_in_public);
        }
        if let Some(uri) = ISSUER.jwks_uri.read(fields) {
            let kind = match is_by_kid {
                true => IssuerUrl::KeyUri,
                false => IssuerUrl::JwksUri,
            };
            check_url(fields, (kind, &ISSUER.jwks_uri), &uri, plain_http_in_public);
        }
        if is_by_kid {
            check_by_kid(fields);
        }
        let snapshot = ISSUER.snapshot.read(fields);
        let egress = egress::read(fields, surroundings);
        let authorization = egress::authorization(fields, surroundings);
        if matches!(keys, Some(Keys::File(_) | Keys::Secret(_))) {
            egress::report_useless(fields);
        }
        if authorization.is_some() && plain_http == PlainHttp::Anywhere {
            egress::warn_of_plain_http(fields);
        }
        let mut policies = policies(fields, &names, &algorithms);
        warn_of_keys(fields, policies.first(), keys.as_ref());
        let tenants = tenants.and_then(|tenants| Some((policies.pop()?, tenants)));
        if let Some((template, tenants)) = &tenants {
            policies = tenants.policies(template);
        }
        Self {
            policies,
            tenants,
            // Unusable keys were reported.
            keys: keys.unwrap_or(Keys::Discovery),
            internal_origin: internal_origin.map(|origin| origin.value.to_owned()),
            plain_http,
            stale_if_error: ISSUER.stale_if_error.read(fields),
            snapshot: snapshot.map(|path| surroundings.path(path.value)),
            egress,
            authorization,
        }
    }

    /// The policy for tokens under this name.
    fn policy(&self, name: &str) -> Option<&Policy> {
        let mut policies = self.policies.iter();
        policies.find(|policy| **policy.issuer() == *name)
    }

    fn under_all_names(
        &self,
        first: impl FnOnce(Policy) -> Result<Issuer, BuildError>,
    ) -> Result<Issuer, BuildError> {
        let policies = self.policies.split_first();
        let (policy, also) = policies.ok_or(BuildError::IssuerMissing)?;
        let issuer = first(policy.clone())?;
        Ok(also.iter().cloned().fold(issuer, Issuer::also))
    }

    fn build(&self) -> Result<Issuer, BuildError> {
        let issuer = match &self.tenants {
            Some((template, tenants)) => {
                let issuer = Issuer::discover(template.clone());
                issuer.tenants(&tenants.claim, tenants.list.iter().cloned())
            }
            None => self.under_all_names(|policy| self.with_own_keys(policy))?,
        };
        Ok(self.reached(issuer))
    }

    /// The issuer under this one of its names.
    fn build_as(&self, name: &str) -> Result<Issuer, BuildError> {
        let policy = self.policy(name).ok_or(BuildError::IssuerMissing)?;
        Ok(self.reached(self.with_own_keys(policy.clone())?))
    }

    fn reached(&self, mut issuer: Issuer) -> Issuer {
        if let Some(origin) = &self.internal_origin {
            issuer = issuer.internal_origin(origin);
        }
        if self.plain_http == PlainHttp::Anywhere {
            issuer = issuer.insecure_plain_http();
        }
        if let Some(path) = &self.snapshot {
            issuer = issuer.snapshot(path);
        }
        if let Some(authorization) = &self.authorization {
            issuer = issuer.authorization(authorization.clone());
        }
        let issuer = issuer.egress(self.egress.clone());
        issuer.stale_if_error(self.stale_if_error)
    }

    fn with_own_keys(&self, policy: Policy) -> Result<Issuer, BuildError> {
        Ok(match &self.keys {
            Keys::Discovery => Issuer::discover(policy),
            Keys::File(document) => {
                let keys = policy.profile().key_document().parse(&document.0);
                let keys = keys.map_err(bearward::fetch::FetchError::from)?;
                Issuer::jwk_set(policy, keys)
            }
            Keys::Secret(secret) => {
                let keys = secret_keys(policy.algorithms(), secret);
                let keys = keys.map_err(|_| BuildError::SecretFromUrl)?;
                Issuer::jwk_set(policy, keys)
            }
            Keys::Uri(uri) => Issuer::jwks_uri(policy, uri),
        })
    }
}

impl Keys {
    fn read(
        fields: &Fields<'_, description::Issuer>,
        surroundings: &Surroundings<'_>,
        algorithms: &[Algorithm],
    ) -> Option<Self> {
        let places: [&Field; 3] = [&ISSUER.jwks_uri, &ISSUER.jwks_file, &ISSUER.secret];
        let given: Vec<_> = places.into_iter().filter(|key| fields.has(key)).collect();
        if let [_, .., last] = given.as_slice() {
            let keys: Vec<_> = given.iter().map(|key| key.key).collect();
            let message = format!(
                "keys come from one source, but several are configured: {}",
                keys.join(" and ")
            );
            fields.report(Code::Value, last, message, "keep one of them");
        }
        if is_symmetric(algorithms) && given.len() <= 1 && !fields.has(&ISSUER.secret) {
            let message = "HS256, HS384 and HS512 need a `secret`: a published JWK Set cannot hold a shared secret";
            let help = "add `secret = \"env:NAME\"`";
            fields.report(Code::Missing, &ISSUER.algorithms, message, help);
        }
        // Reads all of them, even if only one is allowed.
        let uri = ISSUER.jwks_uri.read(fields);
        let uri = uri.map(|uri| Self::Uri(uri.value.to_owned()));
        let file = Self::from_file(fields, surroundings);
        let secret = Self::from_secret(fields, surroundings, algorithms);
        let read = places.into_iter().zip([uri, file, secret]);
        let last = read.rev().find(|(key, _)| fields.has(key));
        last.map_or(Some(Self::Discovery), |(_, keys)| keys)
    }

    fn from_file(
        fields: &Fields<'_, description::Issuer>,
        surroundings: &Surroundings<'_>,
    ) -> Option<Self> {
        let path = ISSUER.jwks_file.read(fields)?;
        let document = surroundings.read_for(fields, &ISSUER.jwks_file, path.value)?;
        let kind = ISSUER.profile.read(fields).key_document();
        if let Err(error) = kind.parse(&document.0) {
            let message = format!("`jwks_file` {:?}: {error}", path.value);
            fields.report(Code::FileMissing, &ISSUER.jwks_file, message, "");
            return None;
        }
        Some(Self::File(document))
    }

    fn from_secret(
        fields: &Fields<'_, description::Issuer>,
        surroundings: &Surroundings<'_>,
        algorithms: &[Algorithm],
    ) -> Option<Self> {
        let reference = ISSUER.secret.read(fields)?;
        let secret = match surroundings.refer(fields, &ISSUER.secret, &reference)? {
            Referred::Variable(secret) => secret,
            Referred::File(path) => surroundings.read_secret(fields, &ISSUER.secret, path)?,
        };
        warn_of_newline(fields, &secret);
        if !is_symmetric(algorithms) && !fields.has_mistake(&ISSUER.algorithms) {
            let message = "`secret` needs HS256, HS384 or HS512, and `algorithms` has none of them";
            let help = "add `algorithms = [\"HS256\"]`";
            fields.report(Code::Missing, &ISSUER.secret, message, help);
            return None;
        }
        if let Err(error) = secret_keys(algorithms, &secret) {
            let code = match error == SecretError::Weak {
                true => Code::SecretWeak,
                false => Code::Value,
            };
            let message = "the secret is shorter than the output of the algorithm's hash";
            let help = "use 32 random bytes for HS256, 48 for HS384, 64 for HS512";
            fields.report(code, &ISSUER.secret, message, help);
            return None;
        }
        Some(Self::Secret(secret))
    }
}

fn warn_of_newline(fields: &Fields<'_, description::Issuer>, secret: &Secret) {
    if ends_in_newline(secret.expose()) {
        let help = "write the file without it, as with printf %s \"$SECRET\" > FILE";
        fields.warn(Code::Value, &ISSUER.secret, NEWLINE.to_owned(), help);
    }
}

/// Whether `echo` or an editor has probably added a newline to this secret, which is text without it. A
/// random one may end in this byte as well.
#[must_use]
pub fn ends_in_newline(secret: &[u8]) -> bool {
    let text = secret.strip_suffix(b"\n").map(str::from_utf8);
    let text = text.and_then(Result::ok);
    let text = text.map(|text| text.strip_suffix('\r').unwrap_or(text));
    text.is_some_and(|text| !text.contains(char::is_control))
}

/// The warning about such a secret.
pub const NEWLINE: &str = "the secret ends in a newline, which is part of it: every token is refused \
    unless the issuer signs with the newline as well";

/// Warns if no key of the file can verify a token of the issuer.
fn warn_of_keys(fields: &Given<'_>, policy: Option<&Policy>, keys: Option<&Keys>) {
    let (Some(policy), Some(Keys::File(document))) = (policy, keys) else {
        return;
    };
    // A document that is no key set was reported.
    let Ok(keys) = policy.profile().key_document().parse(&document.0) else {
        return;
    };
    if policy.allows_any(keys.algorithms()) {
        return;
    }
    let message = NO_KEY_FITS.to_owned();
    fields.warn(
        Code::Impossible,
        &ISSUER.jwks_file,
        message,
        "correct `algorithms`, or the keys",
    );
}

/// No key verifies an algorithm that is allowed.
pub const NO_KEY_FITS: &str =
    "no token can pass: none of the keys is for an algorithm that the issuer may use";

/// The issuer, with a tenant in the place of its placeholder, if it has one.
fn sample(issuer: &str) -> Cow<'_, str> {
    match placeholder(issuer) {
        Some((before, after)) => format!("{before}tenant{after}").into(),
        None => issuer.into(),
    }
}

/// The policies for tokens of the issuer under each of its names. Reports what a policy refuses, at
/// its key.
fn policies(
    fields: &Fields<'_, description::Issuer>,
    names: &[At<&str>],
    algorithms: &[Algorithm],
) -> Vec<Policy> {
    let audiences = ISSUER.audiences.read(fields);
    let client_ids = ISSUER.client_ids.read(fields);
    let mut claims = ISSUER.required_claims.read(fields);
    claims.retain(|name| fields.is_claim_name(name.value, &name.span));
    let (profile, leeway) = (ISSUER.profile.read(fields), ISSUER.leeway.read(fields));
    let max_lifetime = ISSUER.max_lifetime.read(fields);
    let by_audience = ISSUER.tokens.read(fields) == Recognition::ByAudience;
    let subject_claim = ISSUER.subject_claim.read(fields);
    if fields.is_empty(&ISSUER.audiences) {
        let message = "`audiences` is empty, so no token could be accepted";
        fields.report(Code::AudienceMissing, &ISSUER.audiences, message, "");
    }
    if fields.is_empty(&ISSUER.client_ids) {
        let message = "`client_ids` is empty, so every client would be allowed";
        let help = "leave it out, or list the clients";
        fields.report(Code::Value, &ISSUER.client_ids, message, help);
    }
    let policy = |name: &At<&str>| {
        // An issuer without audiences was reported, with its own message.
        let first = audiences.first().map_or("-", |audience| audience.value);
        let mut policy = Policy::builder(name.value, first)
            .profile(profile)
            .leeway(leeway);
        for audience in audiences.iter().skip(1) {
            policy = policy.audience(audience.value);
        }
        for client_id in &client_ids {
            policy = policy.client_id(client_id.value);
        }
        for claim in &claims {
            policy = policy.required_claim(claim.value);
        }
        if !algorithms.is_empty() {
            policy = policy.algorithms(algorithms.iter().copied());
        }
        if by_audience {
            policy = policy.tokens_by_audience();
        }
        if let Some(path) = &subject_claim {
            policy = policy.subject_claim(path.clone());
        }
        if let Some(max_lifetime) = max_lifetime {
            policy = policy.max_lifetime(max_lifetime);
        }
        policy.build()
    };
    let policies: Result<_, _> = names.iter().map(policy).collect();
    policies.unwrap_or_else(|error| {
        report_policy(fields, error);
        Vec::new()
    })
}

fn report_policy(fields: &Given<'_>, error: PolicyError) {
    let (code, key): (_, &Field) = match error {
        PolicyError::AudienceMissing => (Code::AudienceMissing, &ISSUER.audiences),
        PolicyError::ClaimName => (Code::Value, &ISSUER.required_claims),
        PolicyError::IssuerMissing => (Code::IssuerMissing, &ISSUER.issuer),
        PolicyError::Leeway => (Code::Leeway, &ISSUER.leeway),
        PolicyError::AlgorithmsMissing | PolicyError::AlgorithmsMixed | _ => {
            (Code::Value, &ISSUER.algorithms)
        }
    };
    // The code is reported separately.
    let message = error.to_string();
    let message = message.split_once(": ").map_or(&*message, |(_, rest)| rest);
    let help = match error == PolicyError::Leeway {
        true => "clocks that NTP synchronises differ by less than a second",
        false => "",
    };
    fields.report(code, key, format!("`{key}`: {message}"), help);
}

/// The issuer under all its names.
fn names<'t>(
    fields: &Fields<'t, description::Issuer>,
) -> impl Iterator<Item = At<&'t str>> + use<'t> {
    let also = ISSUER.also.read(fields);
    ISSUER.issuer.read(fields).into_iter().chain(also)
}

fn algorithms(fields: &Fields<'_, description::Issuer>) -> Vec<Algorithm> {
    let names = || Algorithm::NAMES.iter().copied();
    let given = ISSUER.algorithms.read(fields);
    if fields.is_empty(&ISSUER.algorithms) {
        let message = "`algorithms` is empty, so no token could be accepted";
        let help = "leave it out for the default";
        fields.report(Code::Value, &ISSUER.algorithms, message, help);
    }
    let parse = |name: &At<&str>| {
        let parsed = name.value.parse().ok();
        if parsed.is_none() {
            let meant = names().find(|known| known.eq_ignore_ascii_case(name.value));
            let help = meant
                .map(|meant| format!("did you mean `{meant}`?"))
                .or_else(|| nearest(name.value, names()))
                .unwrap_or_else(|| Algorithm::NAMES.join(", "));
            let message = format!("{:?} is not a signature algorithm", name.value);
            fields.report_at(Code::Value, &name.span, message, help);
        }
        parsed
    };
    given.iter().filter_map(parse).collect()
}

fn is_symmetric(algorithms: &[Algorithm]) -> bool {
    algorithms.iter().any(|algorithm| algorithm.is_symmetric())
}

fn secret_keys(algorithms: &[Algorithm], secret: &Secret) -> Result<JwkSet, SecretError> {
    let keys = algorithms
        .iter()
        .map(|algorithm| Ok((None, VerificationKey::secret(*algorithm, secret.expose())?)));
    Ok(JwkSet::from_secrets(keys.collect::<Result<Vec<_>, _>>()?))
}

/// Checks an issuer whose metadata say where its keys are.
fn check_issuer(fields: &Given<'_>, issuer: &At<&str>, plain_http: PlainHttp) {
    if is_trust_domain(issuer.value) {
        let message = format!(
            "`issuer` {:?} is a trust domain, which has no metadata to find its keys in",
            issuer.value
        );
        let help = "add `jwks_uri`, the URL of its trust bundle, or `jwks_file`";
        fields.report_at(Code::Missing, &issuer.span, message, help);
        return;
    }
    let sample = sample(issuer.value);
    let issuer = At {
        value: &*sample,
        span: issuer.span.clone(),
    };
    let url = (IssuerUrl::Issuer, &*ISSUER.issuer);
    check_url(fields, url, &issuer, plain_http);
}

/// Checks an issuer whose keys are fetched one by one.
fn check_by_kid(fields: &Given<'_>) {
    let others: [&Field; 3] = [&ISSUER.jwks_file, &ISSUER.secret, &ISSUER.snapshot];
    for key in others.into_iter().filter(|key| fields.has(key)) {
        let message = format!("`{key}` cannot be used with the profile aws-alb");
        let help = "each key is fetched when the first of its tokens arrives";
        fields.report(Code::Value, key, message, help);
    }
    if !fields.has(&ISSUER.jwks_uri) {
        let message = "the profile aws-alb needs `jwks_uri`, the URL of each key";
        fields.report(Code::Missing, &ISSUER.profile, message, KEY_URI);
    }
}

/// Where the keys of load balancers are.
const KEY_URI: &str =
    "add `jwks_uri = \"https://public-keys.auth.elb.REGION.amazonaws.com/{kid}\"`";

/// Checks a URL that keys may be fetched from.
fn check_url(
    fields: &Given<'_>,
    (url, key): (IssuerUrl, &Field),
    given: &At<&str>,
    plain_http: PlainHttp,
) {
    let Err(error) = url.check(given.value, plain_http) else {
        return;
    };
    let (code, what, help) = match error {
        // An empty `issuer` is reported already.
        IssuerUrlError::NotAbsolute if given.value.is_empty() && url == IssuerUrl::Issuer => return,
        IssuerUrlError::NotAbsolute => (
            Code::Value,
            "is not an absolute URL",
            "write a URL that begins with https://",
        ),
        IssuerUrlError::Placeholder if url == IssuerUrl::KeyUri => (
            Code::Value,
            "needs {kid} in its path, once, in the place of the name of a key",
            "such as https://public-keys.auth.elb.REGION.amazonaws.com/{kid}",
        ),
        IssuerUrlError::Placeholder => (
            Code::Value,
            "has {kid} in it, which only the profile aws-alb may have",
            "add `profile = \"aws-alb\"`, or write the URL of a JWK Set",
        ),
        IssuerUrlError::Scheme => (
            Code::UrlScheme,
            "must be https; plain http is allowed only for this machine",
            "over plain http, anyone on the network path can replace the keys; \
             `insecure_plain_http = true` accepts this risk",
        ),
        IssuerUrlError::UserInfo => (
            Code::UrlScheme,
            "must not have a user or a password",
            "credentials for the issuer go to `authorization`, as a reference",
        ),
        IssuerUrlError::Parts | _ => (
            Code::Value,
            "has a path, query or fragment that is not allowed here",
            "",
        ),
    };
    let message = |shown: &str| match code == Code::UrlScheme {
        true => format!("`{key}` {what}"),
        false => format!("`{key}`: {shown} {what}"),
    };
    fields.report_url((code, key), given, message, help);
}
