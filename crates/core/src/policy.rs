//! Stage 5, check: the claims of a verified token, compared with what its issuer must write ([RFC
//! 9068 §4], [RFC 8725 §3]).
//!
//! Each rule has one function and one reason, in the order of [`Rule::ALL`]. The same rules serve
//! three purposes: to admit a token, to avoid a key fetch for an implausible one, and to explain.
//! `requirements` checks what a single route requires in addition.
//!
//! [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4
//! [RFC 8725 §3]: https://www.rfc-editor.org/rfc/rfc8725#section-3

use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::claimed::Claimed;
use crate::claims::{ClaimPath, Claims, StringOrStrings, Strings, Text};
use crate::confirmation::Confirmation;
use crate::json::Kind;
use crate::jws::{Header, Typ, UnverifiedJws, VerifiedJws};
use crate::limits;
use crate::principal::{Said, Times};
use crate::profile::Profile;
use crate::rejection::InvalidToken;
use crate::spiffe::is_trust_domain;
use crate::time::UnixTime;

/// The claims that an issuer's access tokens must have to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    issuer: Arc<str>,
    /// The claim that names the tenant, and the tenant.
    tenant: Option<(String, String)>,
    audiences: Vec<String>,
    profile: Profile,
    /// Whether the operator vouches that only access tokens have our audiences.
    by_audience: bool,
    /// The claim that names the subject, if it is not the profile's.
    subject_claim: Option<ClaimPath>,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    max_lifetime: Option<Duration>,
    client_ids: Vec<String>,
    required_claims: Vec<String>,
    claim_values: Vec<(ClaimPath, String)>,
}

impl Policy {
    /// Starts a policy with the two settings that have no default: the issuer, exactly as in `iss`,
    /// and your name in `aud`.
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> PolicyBuilder {
        let algorithms = Algorithm::ALL.iter().copied();
        let policy = Self {
            issuer: issuer.into().into(),
            tenant: None,
            audiences: vec![audience.into()],
            profile: Profile::default(),
            by_audience: false,
            subject_claim: None,
            algorithms: algorithms.filter(|alg| !alg.is_symmetric()).collect(),
            leeway: DEFAULT_LEEWAY,
            max_lifetime: None,
            client_ids: Vec::new(),
            required_claims: Vec::new(),
            claim_values: Vec::new(),
        };
        PolicyBuilder { policy }
    }

    /// The same policy for one tenant of an issuer that has a name for each: its tokens have this
    /// `issuer` as `iss`, and the `tenant` in `claim`, such as Microsoft's `tid`. A token that names
    /// another tenant there is [`InvalidToken::IssuerUnknown`].
    #[must_use]
    pub fn for_tenant(&self, issuer: &str, claim: &str, tenant: &str) -> Self {
        Self {
            issuer: issuer.into(),
            tenant: Some((claim.to_owned(), tenant.to_owned())),
            ..self.clone()
        }
    }

    /// Checks that the token claims to be from this issuer, which needs no key.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::IssMissing`], [`InvalidToken::IssType`] or [`InvalidToken::IssuerUnknown`].
    pub fn check_issuer(&self, jws: &UnverifiedJws<'_>) -> Result<(), InvalidToken> {
        self.check_iss(jws.unverified_claims())
    }

    /// Checks padding, `alg` and `typ`, which need no key.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::Base64NotCanonical`], [`InvalidToken::AlgNotAllowed`] or
    /// [`InvalidToken::TypNotAccepted`].
    pub fn check_header(&self, header: &Header) -> Result<(), InvalidToken> {
        self.check_padding(header)?;
        if !self.allows(header.algorithm()) {
            return Err(InvalidToken::AlgNotAllowed);
        }
        if !self.accepts(header.typ()) {
            return Err(InvalidToken::TypNotAccepted);
        }
        // A load balancer pads, always: otherwise one token could have two spellings.
        if self.profile.is_of_load_balancer() && !header.is_padded() {
            return Err(InvalidToken::Base64NotCanonical);
        }
        Ok(())
    }

    /// Checks the claims of a verified token at the time `now`, in the order of [`Rule::ALL`].
    ///
    /// # Errors
    ///
    /// The first rule that the token breaks.
    pub fn check(&self, jws: VerifiedJws<'_>, now: UnixTime) -> Result<Claimed, InvalidToken> {
        self.check_header(jws.header())?;
        self.check_claims(jws, now)
    }

    /// As [`Policy::check`], for a token whose header was checked before its key was looked up.
    pub(crate) fn check_claims(
        &self,
        jws: VerifiedJws<'_>,
        now: UnixTime,
    ) -> Result<Claimed, InvalidToken> {
        let (header, claims) = (jws.header(), jws.claims());
        self.check_kind(claims, header.typ())?;
        self.check_iss(claims)?;
        self.check_audience(claims, header)?;
        let expires_at = self.check_expiry(claims, now)?;
        let not_before = self.check_not_before(claims, now)?;
        let issued_at = self.check_issued_at(claims, now)?;
        self.check_lifetime(claims)?;
        self.check_required_claims(claims)?;
        let (subject, scope) = self.check_claim_types(claims)?;
        let client_id = self.check_client_id(claims, header)?;
        self.check_claim_values(claims)?;
        let confirmation = Confirmation::read(claims)?;
        let client = client_id
            .as_ref()
            .map(|client_id| claims.resolve(client_id));
        Ok(Claimed::new(Said {
            issuer: Arc::clone(&self.issuer),
            kind: self.profile.principal_kind(claims, client),
            subject,
            client_id,
            scope,
            times: Times {
                expires_at,
                not_before,
                issued_at,
            },
            confirmation,
            claims: jws.into_claims(),
        }))
    }

    /// Checks the times of a token that this policy has admitted before. Only they can change the
    /// result of [`Policy::check`] when the token arrives again.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::TokenExpired`], or after a step of the clock
    /// [`InvalidToken::TokenNotYetValid`] or [`InvalidToken::IatInFuture`].
    pub fn check_times(&self, claimed: &Claimed, now: UnixTime) -> Result<(), InvalidToken> {
        let times = claimed.times();
        self.is_before_expiry(times.expires_at, now)?;
        self.has_come(times.not_before, now, InvalidToken::TokenNotYetValid)?;
        self.has_come(times.issued_at, now, InvalidToken::IatInFuture)
    }

    /// Whether a token with an unknown key could be valid, judging by type, algorithm, issuer,
    /// audience and times. Only such a token may trigger a fetch of the issuer's keys.
    #[must_use]
    pub fn is_plausible(&self, jws: &UnverifiedJws<'_>, now: UnixTime) -> bool {
        let claims = jws.unverified_claims();
        let rules = [Rule::Issuer, Rule::Audience, Rule::Expiry];
        self.check_header(jws.header()).is_ok()
            && rules
                .into_iter()
                .all(|rule| self.check_rule(rule, claims, jws.header(), now).is_ok())
    }

    /// The result of each rule for an unverified token. Use it to explain a refusal, never to admit
    /// anybody.
    pub fn danger_unverified_rules(
        &self,
        jws: &UnverifiedJws<'_>,
        now: UnixTime,
    ) -> impl Iterator<Item = (Rule, Result<(), InvalidToken>)> {
        let claims = jws.unverified_claims();
        Rule::ALL
            .iter()
            .map(move |rule| (*rule, self.check_rule(*rule, claims, jws.header(), now)))
    }

    /// The issuer, as in `iss`.
    #[must_use]
    pub const fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// Our names in `aud`; a token needs one of them.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.audiences.iter().map(AsRef::as_ref)
    }

    /// How the issuer writes access tokens.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The algorithms the issuer may use.
    #[must_use]
    pub const fn algorithms(&self) -> &[Algorithm] {
        self.algorithms.as_slice()
    }

    /// Whether the issuer may use one of these algorithms, under any of its names.
    #[must_use]
    pub fn allows_any(&self, mut algorithms: impl Iterator<Item = Algorithm>) -> bool {
        algorithms.any(|algorithm| self.allows(algorithm))
    }

    /// The allowance for clocks that differ.
    #[must_use]
    pub const fn leeway(&self) -> Duration {
        self.leeway
    }

    /// The longest `exp` − `iat`, if there is a limit.
    #[must_use]
    pub const fn max_lifetime(&self) -> Option<Duration> {
        self.max_lifetime
    }

    /// The clients that may present tokens; empty means every client of the issuer.
    pub fn client_ids(&self) -> impl Iterator<Item = &str> {
        self.client_ids.iter().map(AsRef::as_ref)
    }

    /// Whether our audiences alone mark an access token: see
    /// [`PolicyBuilder::tokens_by_audience`].
    #[must_use]
    pub const fn tokens_by_audience(&self) -> bool {
        self.by_audience
    }

    /// The claim that names the subject, if it is not the profile's.
    #[must_use]
    pub const fn subject_claim(&self) -> Option<&ClaimPath> {
        self.subject_claim.as_ref()
    }

    /// Whether an access token may have this `typ` in its header.
    #[must_use]
    pub const fn accepts(&self, typ: Typ) -> bool {
        let says_nothing = matches!(typ, Typ::Absent | Typ::AtJwt | Typ::Jose | Typ::Jwt);
        self.profile.accepts(typ) || (self.by_audience && says_nothing)
    }

    /// The claims that must be present: those of the profile, and those configured in addition. A
    /// [`subject_claim`](Self::subject_claim), which must be present too, stands in the place of `sub`.
    pub fn required_claims(&self) -> impl Iterator<Item = &str> {
        let of_profile = self.profile.required_claims().iter().copied();
        let of_profile = of_profile.filter(|name| self.subject_claim.is_none() || *name != "sub");
        of_profile.chain(self.required_claims.iter().map(AsRef::as_ref))
    }

    fn check_rule(
        &self,
        rule: Rule,
        claims: &Claims,
        header: &Header,
        now: UnixTime,
    ) -> Result<(), InvalidToken> {
        match rule {
            Rule::Kind => self.check_kind(claims, header.typ()),
            Rule::Issuer => self.check_iss(claims),
            Rule::Audience => self.check_audience(claims, header),
            Rule::Expiry => self.check_expiry(claims, now).map(drop),
            Rule::NotBefore => self.check_not_before(claims, now).map(drop),
            Rule::IssuedAt => self.check_issued_at(claims, now).map(drop),
            Rule::Lifetime => self.check_lifetime(claims),
            Rule::RequiredClaims => self.check_required_claims(claims),
            Rule::ClaimTypes => self.check_claim_types(claims).map(drop),
            Rule::ClientId => self.check_client_id(claims, header).map(drop),
            Rule::ClaimValues => self.check_claim_values(claims),
            Rule::Confirmation => Confirmation::read(claims).map(drop),
        }
    }

    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        let is_same = |allowed: &Algorithm| allowed.is_same(algorithm);
        // Equal first: that is nearly every token.
        self.algorithms.contains(&algorithm) || self.algorithms.iter().any(is_same)
    }

    #[inline(always)]
    fn check_kind(&self, claims: &Claims, typ: Typ) -> Result<(), InvalidToken> {
        match self.by_audience {
            true => self.profile.check_other_kinds(claims),
            false => self.profile.check_kind(claims, typ),
        }
    }

    fn check_iss(&self, claims: &Claims) -> Result<(), InvalidToken> {
        if self.profile.has_trust_domains() && is_trust_domain(&self.issuer) {
            return self.check_trust_domain(claims);
        }
        if *claims.issuer()? != *self.issuer {
            return Err(InvalidToken::IssuerUnknown);
        }
        self.check_tenant(claims)
    }

    /// Whose keys sign is said by the subject's trust domain; `iss` may be absent, but names no other.
    #[cold]
    fn check_trust_domain(&self, claims: &Claims) -> Result<(), InvalidToken> {
        let domain = claims.trust_domain()?;
        let issuer = match claims.issuer() {
            Err(InvalidToken::IssMissing) => None,
            named => Some(named?),
        };
        if *domain != *self.issuer || issuer.is_some_and(|issuer| issuer != domain) {
            return Err(InvalidToken::IssuerUnknown);
        }
        self.check_tenant(claims)
    }

    #[inline(always)]
    pub(crate) fn check_tenant(&self, claims: &Claims) -> Result<(), InvalidToken> {
        match &self.tenant {
            Some((claim, tenant)) => names_tenant(claims, claim, tenant),
            None => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Claims, header: &Header) -> Result<(), InvalidToken> {
        if self.profile.is_of_load_balancer() {
            return self.check_signer(header);
        }
        let found = match self.profile.audience_claim() {
            "aud" => claims.audience()?,
            name => {
                let claim = claims.get(name).ok_or(InvalidToken::AudMissing)?;
                StringOrStrings::parse(claim).ok_or(InvalidToken::AudType)?
            }
        };
        if !self.audiences.iter().any(|ours| found.contains(ours)) {
            return Err(InvalidToken::AudMismatch);
        }
        Ok(())
    }

    /// One of our audiences is the load balancer that signed the token. Its regional URL has the keys of
    /// all load balancers there, so nothing else tells them apart.
    #[cold]
    fn check_signer(&self, header: &Header) -> Result<(), InvalidToken> {
        let signer = header.signer()?;
        let is_ours = self.audiences.iter().any(|ours| **ours == *signer);
        is_ours.then_some(()).ok_or(InvalidToken::AudMismatch)
    }

    /// RFC 7515 §2: base64url without padding. Load balancers write it all the same.
    #[inline(always)]
    pub(crate) fn check_padding(&self, header: &Header) -> Result<(), InvalidToken> {
        if header.is_padded() && !self.profile.is_of_load_balancer() {
            return Err(InvalidToken::Base64NotCanonical);
        }
        Ok(())
    }

    pub(crate) fn check_expiry(
        &self,
        claims: &Claims,
        now: UnixTime,
    ) -> Result<UnixTime, InvalidToken> {
        let expires_at = claims.expires_at()?.ok_or(InvalidToken::ExpMissing)?;
        self.is_before_expiry(expires_at, now)?;
        Ok(expires_at)
    }

    /// RFC 7519 §4.1.5: the current time must be at or after `nbf`.
    pub(crate) fn check_not_before(
        &self,
        claims: &Claims,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, InvalidToken> {
        let not_before = claims.not_before()?;
        self.has_come(not_before, now, InvalidToken::TokenNotYetValid)?;
        Ok(not_before)
    }

    pub(crate) fn check_issued_at(
        &self,
        claims: &Claims,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, InvalidToken> {
        let issued_at = claims.issued_at()?;
        self.has_come(issued_at, now, InvalidToken::IatInFuture)?;
        Ok(issued_at)
    }

    /// RFC 7519 §4.1.4: the current time must be *before* `exp`, so the bound itself is too late.
    fn is_before_expiry(&self, expires_at: UnixTime, now: UnixTime) -> Result<(), InvalidToken> {
        if now >= expires_at.plus(self.leeway) {
            return Err(InvalidToken::TokenExpired);
        }
        Ok(())
    }

    fn has_come(
        &self,
        time: Option<UnixTime>,
        now: UnixTime,
        otherwise: InvalidToken,
    ) -> Result<(), InvalidToken> {
        if time.is_some_and(|time| time > now.plus(self.leeway)) {
            return Err(otherwise);
        }
        Ok(())
    }

    fn check_lifetime(&self, claims: &Claims) -> Result<(), InvalidToken> {
        let Some(max_lifetime) = self.max_lifetime else {
            return Ok(());
        };
        let issued_at = claims.issued_at()?.ok_or(InvalidToken::ClaimMissing)?;
        let expires_at = claims.expires_at()?.ok_or(InvalidToken::ExpMissing)?;
        if expires_at > issued_at.plus(max_lifetime) {
            return Err(InvalidToken::LifetimeExceeded);
        }
        Ok(())
    }

    fn check_required_claims(&self, claims: &Claims) -> Result<(), InvalidToken> {
        let is_there = |name: &str| claims.get(name).is_some_and(|claim| !claim.is_str(""));
        let replaced = |name: &str| self.subject_claim.is_some() && name == "sub";
        let of_profile = self.profile.required_claims().iter();
        let mut configured = self.required_claims.iter();
        if !{ of_profile }.all(|name| is_there(name) || replaced(name))
            || !configured.all(|name| is_there(name))
        {
            return Err(InvalidToken::ClaimMissing);
        }
        if self.subject_claim.is_none() && !self.profile.has_other_subjects() {
            return Ok(());
        }
        // A claim of another type has its own reason.
        match self.subject(claims) {
            Ok(None) => Err(InvalidToken::ClaimMissing),
            Ok(Some(subject)) if claims.resolve(&subject).is_empty() => {
                Err(InvalidToken::ClaimMissing)
            }
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }

    /// Subject and scope. RFC 7519 §4.1.2, RFC 6749 §3.3: no coercion, because two readers would coerce
    /// differently. Other claims decide only where something reads them: a requirement, an identity
    /// field.
    fn check_claim_types(
        &self,
        claims: &Claims,
    ) -> Result<(Option<Text>, Option<Strings>), InvalidToken> {
        let subject = self.subject(claims)?;
        if let Err(reason) = claims.token_id()
            && self.requires("jti")
        {
            return Err(reason);
        }
        let scope = claims.scope()?;
        Ok((subject, scope.map(StringOrStrings::place)))
    }

    fn requires(&self, claim: &str) -> bool {
        let of_profile = self.profile.required_claims().iter().copied();
        let configured = self.required_claims.iter().map(String::as_str);
        of_profile.chain(configured).any(|name| name == claim)
    }

    /// The claim that names the subject, in an access token or an ID token.
    #[inline(always)]
    pub(crate) fn subject(&self, claims: &Claims) -> Result<Option<Text>, InvalidToken> {
        match &self.subject_claim {
            None => self.profile.subject(claims),
            Some(path) => Text::read(claims.at(path)),
        }
    }

    /// The claim that names the client in this token.
    fn check_client_id(
        &self,
        claims: &Claims,
        header: &Header,
    ) -> Result<Option<Text>, InvalidToken> {
        let client_id = self.profile.client_id(claims, header)?;
        if self.client_ids.is_empty() {
            return Ok(client_id);
        }
        let named = client_id.as_ref().ok_or(InvalidToken::ClaimMissing)?;
        let named = claims.resolve(named);
        if !self.client_ids.iter().any(|ours| **ours == *named) {
            return Err(InvalidToken::ClaimMismatch);
        }
        Ok(client_id)
    }

    fn check_claim_values(&self, claims: &Claims) -> Result<(), InvalidToken> {
        for (path, wanted) in &self.claim_values {
            let claim = claims.at(path).ok_or(InvalidToken::ClaimMissing)?;
            if claim.kind() != Kind::String {
                return Err(InvalidToken::ClaimType);
            }
            if !claim.is_str(wanted) {
                return Err(InvalidToken::ClaimMismatch);
            }
        }
        Ok(())
    }
}

/// Not inlined, so that the way of other issuers stays short.
#[cold]
fn names_tenant(claims: &Claims, claim: &str, tenant: &str) -> Result<(), InvalidToken> {
    let is_it = claims.get(claim).is_some_and(|claim| claim.is_str(tenant));
    is_it.then_some(()).ok_or(InvalidToken::IssuerUnknown)
}

impl AsRef<Self> for Policy {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A rule of the policy, in the order in which they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The claims are those of an access token: none marks another kind, and they mark this kind if
    /// `typ` does not.
    Kind,
    /// `iss` is the issuer.
    Issuer,
    /// `aud`, or what the profile has in its place, has one of our audiences.
    Audience,
    /// `exp` has not passed.
    Expiry,
    /// `nbf` has come.
    NotBefore,
    /// `iat` is not in the future.
    IssuedAt,
    /// `exp` − `iat` is not above the maximum.
    Lifetime,
    /// The claims of the profile, and those configured in addition, are present.
    RequiredClaims,
    /// Typed claims have their type.
    ClaimTypes,
    /// The client is one of those configured.
    ClientId,
    /// Claims with a configured value have it.
    ClaimValues,
    /// The token is bound to no key, or in a way that we understand.
    Confirmation,
}

impl Rule {
    /// Every rule, in order.
    pub const ALL: &'static [Self] = &[
        Self::Kind,
        Self::Issuer,
        Self::Audience,
        Self::Expiry,
        Self::NotBefore,
        Self::IssuedAt,
        Self::Lifetime,
        Self::RequiredClaims,
        Self::ClaimTypes,
        Self::ClientId,
        Self::ClaimValues,
        Self::Confirmation,
    ];
}

/// Settings of a [`Policy`], each with a safe default.
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder {
    policy: Policy,
}

impl PolicyBuilder {
    /// Adds an audience of ours; a token needs one of them. An API that serves Authgear's user and
    /// machine tokens has two: the project's origin and its own resource URI.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.policy.audiences.push(audience.into());
        self
    }

    /// How the issuer writes access tokens. Default: [`Profile::Rfc9068`], the strictest.
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.policy.profile = profile;
        self
    }

    /// Recognises access tokens by their audience alone. Default: by the `typ` and the claims that the
    /// profile expects.
    ///
    /// For issuers whose access tokens cannot be distinguished from their ID tokens. You vouch that the
    /// issuer writes none of your audiences into any other kind of token: an ID token for one of them
    /// would be accepted. An audience that is also the identifier of a client is in that client's ID
    /// tokens ([OIDC Core §2]), so it must not be one of yours.
    ///
    /// A token that says it is of another kind is still refused: by its header (`logout+jwt`), by
    /// the issuer's own mark (Keycloak's claim `typ`, Cognito's `token_use`), or by `events`, `htm` or
    /// `htu`. Issuer, times, signature and required claims are checked as always.
    ///
    /// [OIDC Core §2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    pub const fn tokens_by_audience(mut self) -> Self {
        self.policy.by_audience = true;
        self
    }

    /// The claim that names the subject, for issuers that write tokens without `sub`, such as AD FS
    /// and Keycloak without the scope `basic`. Default: `sub`, or what the profile says.
    ///
    /// The claim must be present, a string and not empty. Only choose one that the issuer assigns and
    /// never assigns again: what users may choose or change, such as `preferred_username`, lets one
    /// take the place of another.
    pub fn subject_claim(mut self, path: impl Into<ClaimPath>) -> Self {
        self.policy.subject_claim = Some(path.into());
        self
    }

    /// The algorithms the issuer may use. Default: every asymmetric one, or those of the profile; its
    /// keys restrict them further.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.algorithms = algorithms.into_iter().collect();
        self
    }

    /// The allowance for clocks that differ, at most 300 s. Default: 30 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// The longest `exp` − `iat`. Default: no limit.
    pub const fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.policy.max_lifetime = Some(max_lifetime);
        self
    }

    /// A client that may present tokens; call again for more. Default: every client of the issuer.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.policy.client_ids.push(client_id.into());
        self
    }

    /// A claim that must be present, in addition to those of the profile.
    pub fn required_claim(mut self, name: impl Into<String>) -> Self {
        self.policy.required_claims.push(name.into());
        self
    }

    /// A claim that must be present and equal this string.
    pub fn claim_value(mut self, path: impl Into<ClaimPath>, value: impl Into<String>) -> Self {
        self.policy.claim_values.push((path.into(), value.into()));
        self
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the settings make no sense or are insecure.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let Self { mut policy } = self;
        if let Some(known) = policy.profile.algorithms() {
            policy
                .algorithms
                .retain(|algorithm| known.contains(algorithm));
        }
        if policy.issuer.is_empty() {
            return Err(PolicyError::IssuerMissing);
        }
        if policy.audiences.iter().any(String::is_empty) {
            return Err(PolicyError::AudienceMissing);
        }
        if policy.leeway > Duration::from_secs(limits::LEEWAY_SECONDS) {
            return Err(PolicyError::Leeway);
        }
        let paths = policy.claim_values.iter().map(|(path, _)| path);
        let is_named = paths.chain(&policy.subject_claim).all(ClaimPath::is_named);
        if !is_named || policy.required_claims.iter().any(String::is_empty) {
            return Err(PolicyError::ClaimName);
        }
        let algorithms = policy.algorithms.iter();
        let symmetric = algorithms.filter(|algorithm| algorithm.is_symmetric());
        match symmetric.count() {
            _ if policy.algorithms.is_empty() => Err(PolicyError::AlgorithmsMissing),
            count if count != 0 && count != policy.algorithms.len() => {
                Err(PolicyError::AlgorithmsMixed)
            }
            _ => Ok(policy),
        }
    }
}

/// Why a policy makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No algorithm is allowed.
    #[error("algorithms_missing: no algorithm is allowed, so no token could be accepted")]
    AlgorithmsMissing,
    /// HMAC together with public-key algorithms: a public key could be mistaken for a secret.
    #[error("algorithms_mixed: HS256, HS384 and HS512 cannot be allowed together with others")]
    AlgorithmsMixed,
    /// An audience is empty.
    #[error(
        "audience_missing: an audience is empty; set the name by which this server appears in aud"
    )]
    AudienceMissing,
    /// The name of a claim is empty, or missing in its path.
    #[error("claim_name: the name of a claim is empty")]
    ClaimName,
    /// The issuer is empty.
    #[error("issuer_missing: the issuer is empty; set the value that appears in iss")]
    IssuerMissing,
    /// More than [`limits::LEEWAY_SECONDS`].
    #[error("leeway: more than {} s", limits::LEEWAY_SECONDS)]
    Leeway,
}

/// Clocks set by NTP differ by less than a second; 30 s cover one that is not.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
