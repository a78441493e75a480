//! The kinds of access token that issuers write: RFC 9068, and named presets for other issuers.
//!
//! A preset is a row: how to distinguish an access token from the issuer's other tokens, which
//! claims it must have, which claim names the client, and which marks distinguish a machine from a
//! user. The policy, `bearward explain`, the configuration and its manual read the same rows. A
//! preset does not relax the checks of signature, issuer, audience or times.

mod machines;
mod table;

use crate::algorithm::Algorithm;
use crate::claims::{Claims, Text};
use crate::header::{Header, Typ};
use crate::json::{Kind, Value};
use crate::jwk_set::KeyDocument;
use crate::principal_kind::PrincipalKind::{self, Machine};
use crate::rejection::InvalidToken;
use crate::spiffe;

use self::machines::Machines;
use self::table::{BOUND, Row, Types};

pub use self::table::Profile;

impl Profile {
    /// The profile for this issuer, recognised by a common part of its URLs, the longest if there are
    /// several.
    #[must_use]
    pub fn of_issuer(issuer: &str) -> Option<Self> {
        let matched = |profile: &Self| {
            let parts = profile.row().issuers.iter();
            let parts = parts.filter(|part| issuer.contains(**part));
            parts.map(|part| part.len()).max()
        };
        let all = Self::ALL.iter().copied();
        let all = all.filter_map(|profile| Some((matched(&profile)?, profile)));
        all.max_by_key(|(length, _)| *length)
            .map(|(_, profile)| profile)
    }

    /// The URL where the issuer or the standard documents these access tokens.
    #[must_use]
    pub const fn documentation(self) -> &'static str {
        self.row().documentation
    }

    /// Whether an access token may have this `typ` in its header.
    #[must_use]
    pub const fn accepts(self, typ: Typ) -> bool {
        match self.row().types {
            Types::AnyButOtherKinds => !matches!(typ, Typ::OtherKind),
            Types::AtJwt => matches!(typ, Typ::AtJwt),
            Types::Jwt => matches!(typ, Typ::Absent | Typ::AtJwt | Typ::Jwt),
            Types::JwtAlone => matches!(typ, Typ::Absent | Typ::Jwt),
            Types::JwtOrJose => matches!(typ, Typ::Absent | Typ::AtJwt | Typ::Jose | Typ::Jwt),
            Types::JwtOrOkta => {
                let okta = matches!(typ, Typ::OktaInternalAtJwt);
                okta || matches!(typ, Typ::Absent | Typ::AtJwt | Typ::Jwt)
            }
        }
    }

    /// Describes in words which `typ` it [accepts](Self::accepts).
    #[must_use]
    pub const fn accepted_types(self) -> &'static str {
        match self.row().types {
            Types::AnyButOtherKinds => "any but that of another kind of token",
            Types::AtJwt => "at+jwt",
            Types::Jwt => "absent, JWT or at+jwt",
            Types::JwtAlone => "absent or JWT",
            Types::JwtOrJose => "absent, JWT, JOSE or at+jwt",
            Types::JwtOrOkta => "absent, JWT, at+jwt or okta-internal-at+jwt",
        }
    }

    /// Describes in words how the claims identify an access token if the header does not.
    #[must_use]
    pub fn accepted_kind(self) -> String {
        let row = self.row();
        if let Some((name, values)) = row.says {
            return format!("the claim {name} is \"{}\"", values.join("\" or \""));
        }
        if matches!(row.types, Types::AtJwt) {
            return "no claim of another kind of token".to_owned();
        }
        let mut needed = row.needs.join(" or ");
        if !needed.is_empty() {
            needed.push_str(", ");
        }
        if !row.subject_begins.is_empty() {
            needed = format!("{needed}sub {}…, ", row.subject_begins);
        }
        let login = match row.beyond_a_login {
            [] => "",
            [_, ..] => ", and none of a login without access",
        };
        format!("{needed}no claim of another kind of token{login}")
    }

    /// The claims that distinguish an access token from the issuer's other tokens: those that name
    /// the kind, and those that only another kind has.
    pub fn kind_claims(self) -> impl Iterator<Item = &'static str> {
        let row = self.row();
        let login = LOGIN.iter().filter(|_| !row.beyond_a_login.is_empty());
        let nonce = ["nonce"]
            .iter()
            .filter(|name| !row.beyond_a_login.is_empty() && !row.refused.contains(name));
        let names = ["token_use", "typ"].iter().chain(row.refused).chain(login);
        names.chain(nonce).copied()
    }

    /// The claims of which an access token must have one if its header does not name its kind;
    /// empty if there is no such rule.
    #[must_use]
    pub const fn kind_needs(self) -> &'static [&'static str] {
        self.row().needs
    }

    /// The claim that names the kind of a token, with its values for access tokens, if the issuer has
    /// such a claim. A token with another value is refused, however it is recognised.
    #[must_use]
    pub const fn kind_claim(self) -> Option<(&'static str, &'static [&'static str])> {
        self.row().says
    }

    /// The values that the claim `typ` of an access token may have, if it is present.
    #[must_use]
    pub const fn claim_types(self) -> &'static [&'static str] {
        self.row().access_types
    }

    /// The claims that mark another kind of token where neither the header's `typ` nor a
    /// [claim](Self::kind_claim) says that it is an access token; empty if one of the two always must.
    #[must_use]
    pub const fn kind_refuses(self) -> &'static [&'static str] {
        let row = self.row();
        match row.says {
            None if !matches!(row.types, Types::AtJwt) => row.refused,
            Some(_) | None => &[],
        }
    }

    /// What `sub` begins with; empty if nothing is required of it.
    #[must_use]
    pub const fn subject_begins(self) -> &'static str {
        self.row().subject_begins
    }

    /// The claims that must be present, in addition to `iss`, `exp` and the audience.
    #[must_use]
    pub const fn required_claims(self) -> &'static [&'static str] {
        self.row().required_claims
    }

    /// The claims that may name the client; the first that is present counts.
    #[must_use]
    pub const fn client_id_claims(self) -> &'static [&'static str] {
        self.row().client_id_claims
    }

    /// The claims with roles, groups or permissions, as paths of member names.
    #[must_use]
    pub const fn roles_claims(self) -> &'static [&'static [&'static str]] {
        self.row().roles
    }

    /// Whether its issuers mark the tokens that a client gets on its own behalf. If they do not, no
    /// principal is known to be a machine.
    #[must_use]
    pub const fn marks_machines(self) -> bool {
        match self.row().machines {
            Machines::Marked { claims, subjects } => {
                !claims.is_empty() || matches!(subjects, [(_, Machine), ..])
            }
            Machines::ByClaim { machines, .. } => machines.is_some(),
            Machines::All
            | Machines::Entra
            | Machines::Keycloak
            | Machines::WithoutClaimOfUsers(_) => true,
            Machines::None | Machines::Unmarked => false,
        }
    }

    /// Whether its issuers mark the tokens of users. If they do not, no principal is known to be a user.
    #[must_use]
    pub const fn marks_users(self) -> bool {
        !matches!(self.row().machines, Machines::All | Machines::Unmarked)
    }

    /// Whether access tokens name scopes.
    #[must_use]
    pub const fn has_scopes(self) -> bool {
        self.row().has_scopes
    }

    /// What kind of document its issuers publish their keys in.
    #[must_use]
    pub const fn key_document(self) -> KeyDocument {
        self.row().key_document
    }

    /// Whether an Application Load Balancer writes its tokens: with padding (`=`), which is refused
    /// otherwise, and with [`audience_claim`](Self::audience_claim) and
    /// [`client_id_claims`](Self::client_id_claims) as members of the header.
    #[must_use]
    pub const fn is_of_load_balancer(self) -> bool {
        self.row().is_of_load_balancer
    }

    /// The only algorithms that its issuers use; `None` if it depends on the issuer.
    #[must_use]
    pub const fn algorithms(self) -> Option<&'static [Algorithm]> {
        self.row().algorithms
    }

    /// The claim that is compared with the configured audience.
    #[must_use]
    pub const fn audience_claim(self) -> &'static str {
        self.row().audience_claim
    }

    /// Distinguishes an access token by its claims from the issuer's other tokens if `typ` does
    /// not.
    pub(crate) fn check_kind(self, claims: &Claims, typ: Typ) -> Result<(), InvalidToken> {
        if self.row().is_access_token(claims, typ) {
            return Ok(());
        }
        Err(InvalidToken::TypNotAccepted)
    }

    /// Whether none of its claims marks another kind of token. Someone else vouches that it is an access
    /// token: a nonce or a login says nothing then.
    pub(crate) fn check_other_kinds(self, claims: &Claims) -> Result<(), InvalidToken> {
        if self.row().is_marked_as_other_kind(claims) {
            return Err(InvalidToken::TypNotAccepted);
        }
        Ok(())
    }

    /// The subject: `sub`, or the claim that the issuer uses without it.
    #[inline(always)]
    pub(crate) fn subject(self, claims: &Claims) -> Result<Option<Text>, InvalidToken> {
        let sub = claims.subject_text()?;
        match self.row().subject_otherwise {
            [] => Ok(sub),
            names => subject_otherwise(sub, names, claims),
        }
    }

    /// Whether an issuer may be a [trust domain](crate::spiffe), whose tokens need no `iss`.
    #[must_use]
    pub const fn has_trust_domains(self) -> bool {
        matches!(self.row().key_document, KeyDocument::SpiffeBundle)
    }

    /// Whether [`subject`](Self::subject) may read a claim other than `sub`.
    pub(crate) const fn has_other_subjects(self) -> bool {
        !self.row().subject_otherwise.is_empty()
    }

    /// The claim that names the client in this token; at a load balancer, the member of its header.
    #[inline(always)]
    pub(crate) fn client_id(
        self,
        claims: &Claims,
        header: &Header,
    ) -> Result<Option<Text>, InvalidToken> {
        if self.row().is_of_load_balancer {
            return client_of_header(header);
        }
        Text::read(self.row().client_id(claims))
    }

    /// The kind of principal that the token is for.
    pub(crate) fn principal_kind(self, claims: &Claims, client_id: Option<&str>) -> PrincipalKind {
        self.row().machines.kind_of(claims, client_id)
    }
}

impl Row {
    /// The first claim that is present counts.
    #[inline]
    fn client_id<'c>(&self, claims: &'c Claims) -> Option<Value<'c>> {
        self.client_id_claims.iter().find_map(|name| {
            let claim = claims.get(name)?;
            if *name == "aud" {
                single(claim)
            } else {
                Some(claim)
            }
        })
    }

    fn is_access_token(&self, claims: &Claims, typ: Typ) -> bool {
        let kind = claims.get("typ");
        if kind.is_some_and(|kind| !self.is_of_access(kind, claims)) || !self.fits_subject(claims) {
            return false;
        }
        if let Some((name, values)) = self.says {
            return values.iter().any(|value| says(claims, name, value));
        }
        let is_marked_by_header = typ == Typ::AtJwt || matches!(self.types, Types::AtJwt);
        is_marked_by_header || self.is_of_access_by_its_claims(claims)
    }

    fn is_of_access_by_its_claims(&self, claims: &Claims) -> bool {
        (self.needs.is_empty() || has_any(claims, self.needs))
            && !has_any(claims, self.refused)
            && !is_for_another_use(claims)
            && (self.beyond_a_login.is_empty() || self.is_beyond_a_login(claims))
            && !self
                .clients_of_logins
                .is_some_and(|end| is_of_client(claims, end))
    }

    /// A `nonce` or the description of a login is not enough to refuse a token, if it has what ID tokens
    /// do not have. ZITADEL's do name the client, so both together need a scope.
    fn is_beyond_a_login(&self, claims: &Claims) -> bool {
        match (has_any(claims, LOGIN), has(claims, "nonce")) {
            (false, false) => true,
            (true, true) => has_any(claims, &["scope", "scp"]),
            (true, false) | (false, true) => has_any(claims, self.beyond_a_login),
        }
    }

    #[inline(always)]
    fn fits_subject(&self, claims: &Claims) -> bool {
        self.subject_begins.is_empty() || begins(claims, self.subject_begins)
    }

    /// Whether a claim says that the token is of another kind: the issuer's own mark, or one of logout
    /// tokens, security events and proofs.
    fn is_marked_as_other_kind(&self, claims: &Claims) -> bool {
        let kind = claims.get("typ");
        let is_said = |(name, values): (&str, &[&str])| {
            let claim = claims.get(name);
            claim.is_some_and(|claim| !values.iter().any(|value| claim.is_str(value)))
        };
        kind.is_some_and(|kind| !self.is_of_access(kind, claims))
            || self.says.is_some_and(is_said)
            || is_for_another_use(claims)
            || has_any(claims, &["events", "htm", "htu"])
            || !self.fits_subject(claims)
    }

    /// Whether the claim `typ`, in which Keycloak names the kind of a token, marks an access token.
    fn is_of_access(&self, kind: Value<'_>, claims: &Claims) -> bool {
        let is_bound = || {
            let jkt = claims.confirmation().and_then(|cnf| cnf.get("jkt"));
            jkt.is_some_and(|jkt| jkt.kind() == Kind::String)
        };
        let mut types = self.access_types.iter();
        types.any(|access| kind.is_str(access)) && (!kind.is_str(BOUND) || is_bound())
    }
}

/// No profile has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a profile: one of {}", Profile::NAMES.join(", "))]
#[non_exhaustive]
pub struct UnknownProfile;

#[cold]
fn begins(claims: &Claims, start: &str) -> bool {
    let sub = claims.subject().ok().flatten();
    let is_workload = |sub: &str| !spiffe::is_trust_domain(start) || spiffe::is_workload(sub);
    sub.is_none_or(|sub| sub.starts_with(start) && is_workload(&sub))
}

/// The first of these claims that is present, if `sub` is absent or empty.
#[cold]
fn subject_otherwise(
    sub: Option<Text>,
    names: &[&str],
    claims: &Claims,
) -> Result<Option<Text>, InvalidToken> {
    if sub
        .as_ref()
        .is_some_and(|sub| !claims.resolve(sub).is_empty())
    {
        return Ok(sub);
    }
    Text::read(names.iter().find_map(|name| claims.get(name)))
}

/// Not inlined, so that the way of other issuers stays short.
#[cold]
fn client_of_header(header: &Header) -> Result<Option<Text>, InvalidToken> {
    let client = header.client()?;
    Ok(client.map(|client| Text::Elsewhere(client.into())))
}

/// Claims that describe a login.
const LOGIN: &[&str] = &["auth_time", "sid", "acr", "amr"];

/// The `aud`, if there is exactly one.
#[inline(never)]
fn single(aud: Value<'_>) -> Option<Value<'_>> {
    if aud.kind() == Kind::String {
        return Some(aud);
    }
    let mut elements = aud.elements();
    elements.next().filter(|_| elements.next().is_none())
}

/// Cognito names the use of a token in `token_use`.
fn is_for_another_use(claims: &Claims) -> bool {
    let token_use = claims.get("token_use");
    token_use.is_some_and(|token_use| !token_use.is_str("access"))
}

/// Whether the name of the client that a user logged in to ends so.
#[cold]
fn is_of_client(claims: &Claims, end: &str) -> bool {
    let azp = claims.get("azp").and_then(Value::as_str);
    azp.is_some_and(|azp| azp.ends_with(end))
}

fn has_any(claims: &Claims, names: &[&str]) -> bool {
    names.iter().any(|name| has(claims, name))
}

fn has(claims: &Claims, name: &str) -> bool {
    claims.get(name).is_some()
}

fn says(claims: &Claims, name: &str, value: &str) -> bool {
    claims.get(name).is_some_and(|claim| claim.is_str(value))
}

#[cfg(test)]
mod tests {
    use super::Row;
    use super::table::COMMON;
    use crate::claims::Claims;
    use crate::header::Typ;
    use crate::json::Tape;
    use crate::principal_kind::PrincipalKind;

    fn claims(json: &str) -> Claims {
        Claims::parse(json.as_bytes().to_vec(), Tape::default()).unwrap()
    }

    /// As Spring Authorization Server writes tokens: without a claim for the client.
    const NAMELESS: Row = Row {
        refused: &["azp", "auth_time", "sid", "nonce"],
        client_id_claims: &["azp", "aud"],
        ..COMMON
    };

    #[test]
    fn the_client_may_be_the_single_audience() {
        for (json, expected) in [
            (r#"{"aud":"one"}"#, Some("one")),
            (r#"{"aud":["one"]}"#, Some("one")),
            (r#"{"aud":["one","two"]}"#, None),
            (r#"{"aud":[]}"#, None),
            (r#"{"aud":5}"#, None),
            (r#"{"azp":["one"],"aud":"one"}"#, None),
            (r#"{"azp":"named","aud":"one"}"#, Some("named")),
            ("{}", None),
        ] {
            let claims = claims(json);
            let client = NAMELESS.client_id(&claims).and_then(|value| value.as_str());
            assert_eq!(client.as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn where_a_row_has_no_marks_the_kind_is_unknown() {
        let claims = claims(r#"{"sub":"user","aud":"one"}"#);
        let kind = NAMELESS.machines.kind_of(&claims, Some("one"));
        assert_eq!(kind, PrincipalKind::Unknown);
    }

    #[test]
    fn a_row_says_which_claims_are_of_another_kind() {
        for (json, expected) in [
            (r#"{"scope":["a"]}"#, true),
            (r#"{"at_hash":"x"}"#, true),
            (r#"{"azp":"one"}"#, false),
            (r#"{"sid":"x"}"#, false),
            (r#"{"token_use":"id"}"#, false),
        ] {
            let is_access = NAMELESS.is_access_token(&claims(json), Typ::Absent);
            assert_eq!(is_access, expected, "{json}");
        }
        let usual = Row {
            needs: &["kubernetes.io"],
            ..COMMON
        };
        assert!(!usual.is_access_token(&claims("{}"), Typ::Jwt));
        assert!(usual.is_access_token(&claims(r#"{"kubernetes.io":{}}"#), Typ::Jwt));
    }
}
