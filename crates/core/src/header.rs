//! The header of a JWS ([RFC 7515 §4]): the members that matter, and the kind of token that `typ`
//! names.
//!
//! Nothing here can be trusted before the signature is verified. We never read members that contain
//! or reference a key.
//!
//! [RFC 7515 §4]: https://www.rfc-editor.org/rfc/rfc7515#section-4

use std::fmt;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::json::{Kind, Value};
use crate::limits;
use crate::rejection::InvalidToken;

/// The header members that matter ([RFC 7515 §4.1]).
///
/// [RFC 7515 §4.1]: https://www.rfc-editor.org/rfc/rfc7515#section-4.1
#[derive(Clone)]
pub struct Header {
    algorithm: Algorithm,
    kid: Option<Arc<str>>,
    /// `x5t#S256` and `x5t`, the thumbprints of a certificate, if there is no `kid`.
    thumbprints: [Option<Arc<str>>; 2],
    typ: Typ,
    /// Whether the parts of its token are padded.
    is_padded: bool,
    /// `signer` and `client`, if it has one of them.
    load_balancer: Option<Arc<LoadBalancer>>,
}

impl Header {
    /// `alg`: an algorithm we know.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`, of at most 256 bytes. The sender chose it: a map key and nothing else.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The name of the key: `kid`, otherwise `x5t#S256`, otherwise `x5t`; of at most 256 bytes.
    ///
    /// A thumbprint is only compared with the same members of the issuer's keys. A certificate in the
    /// token (`x5c`) is never read.
    #[must_use]
    pub fn key_name(&self) -> Option<&str> {
        self.key_names().into_iter().flatten().next()
    }

    /// `kid`, `x5t#S256` and `x5t`. Next to a `kid`, a thumbprint has no use.
    pub(crate) fn key_names(&self) -> [Option<&str>; 3] {
        let [x5t_s256, x5t] = &self.thumbprints;
        [&self.kid, x5t_s256, x5t].map(Option::as_deref)
    }

    /// The kind of token that `typ` names.
    #[must_use]
    pub const fn typ(&self) -> Typ {
        self.typ
    }

    /// Whether the parts of the token are padded (`=`), against RFC 7515 §2: only an
    /// [Application Load Balancer](crate::Profile::AwsAlb) writes that.
    #[must_use]
    pub const fn is_padded(&self) -> bool {
        self.is_padded
    }

    pub(crate) const fn of_padded(mut self, is_padded: bool) -> Self {
        self.is_padded = is_padded;
        self
    }

    /// `signer`: the load balancer that signed the token. Only for a profile whose issuers write it.
    pub(crate) fn signer(&self) -> Result<&str, InvalidToken> {
        let members = self.load_balancer.as_deref();
        let signer = members.map_or(&Err(InvalidToken::AudMissing), |members| &members.signer);
        signer.as_deref().map_err(|reason| *reason)
    }

    /// `client`: the client to which the user's issuer gave the claims. Only as [`Self::signer`].
    pub(crate) fn client(&self) -> Result<Option<&str>, InvalidToken> {
        let members = self.load_balancer.as_deref();
        let client = members.map_or(&Ok(None), |members| &members.client);
        client
            .as_ref()
            .map(Option::as_deref)
            .map_err(|reason| *reason)
    }

    pub(crate) fn parse(header: Value<'_>) -> Result<Self, InvalidToken> {
        if header.kind() != Kind::Object {
            return Err(InvalidToken::JsonInvalid);
        }
        let mut members = Members::default();
        for (name, index) in header.member_names() {
            members.note(&name, header.sibling(index));
        }
        members.check()
    }
}

impl fmt::Debug for Header {
    /// Without `kid`, which the sender chose.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("algorithm", &self.algorithm)
            .field("typ", &self.typ)
            .finish_non_exhaustive()
    }
}

/// The members that an Application Load Balancer adds. Other issuers may give them any meaning and
/// type, so what is wrong with one counts only when it is read.
struct LoadBalancer {
    signer: Result<Box<str>, InvalidToken>,
    client: Result<Option<Box<str>>, InvalidToken>,
}

impl LoadBalancer {
    /// `None` if there is neither, as in nearly every token.
    fn parse(signer: Option<Value<'_>>, client: Option<Value<'_>>) -> Option<Arc<Self>> {
        if signer.is_none() && client.is_none() {
            return None;
        }
        let text = |member: Option<Value<'_>>, otherwise| match member.and_then(Value::non_null) {
            None => Ok(None),
            Some(member) => {
                let text = Some(member.as_str().ok_or(otherwise)?);
                Ok(text.filter(|text| !text.is_empty()).map(Box::from))
            }
        };
        let signer = text(signer, InvalidToken::AudType);
        Some(Arc::new(Self {
            signer: signer.and_then(|signer| signer.ok_or(InvalidToken::AudMissing)),
            client: text(client, InvalidToken::ClaimType),
        }))
    }
}

/// The kind of token that a header's `typ` names ([RFC 7515 §4.1.9], [RFC 8725 §3.11]): a media
/// type, compared without regard to case, with or without `application/`.
///
/// [RFC 7515 §4.1.9]: https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9
/// [RFC 8725 §3.11]: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Typ {
    /// No `typ`.
    Absent,
    /// `at+jwt`: an access token (RFC 9068).
    AtJwt,
    /// `JWT`: anything, for example an ID token.
    Jwt,
    /// `JOSE`: a JWS in compact form (RFC 7515 §4.1.9), which says nothing about the kind.
    Jose,
    /// `okta-internal-at+jwt`: an access token for Okta's own use.
    OktaInternalAtJwt,
    /// Another structured type (`…+jwt`): a logout token, a DPoP proof, a security event.
    OtherKind,
    /// A name that does not identify the kind.
    Unregistered,
}

impl Typ {
    fn parse(typ: &str) -> Self {
        // Nearly every access token spells it like this.
        if typ == "at+jwt" {
            return Self::AtJwt;
        }
        let typ = typ.to_ascii_lowercase();
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            "at+jwt" => Self::AtJwt,
            "jose" => Self::Jose,
            "jwt" => Self::Jwt,
            "okta-internal-at+jwt" => Self::OktaInternalAtJwt,
            other if other.contains('+') => Self::OtherKind,
            // The same kinds under names that nobody registered.
            "dpop" | "id" | "id-token" | "id_token" | "idtoken" | "logout" | "logout-token"
            | "logout_token" | "refresh" | "refresh-token" | "refresh_token" | "refreshtoken"
            | "rt" | "secevent" => Self::OtherKind,
            _ => Self::Unregistered,
        }
    }
}

#[derive(Default)]
struct Members<'h> {
    alg: Option<Value<'h>>,
    b64: Option<Value<'h>>,
    client: Option<Value<'h>>,
    crit: Option<Value<'h>>,
    kid: Option<Value<'h>>,
    signer: Option<Value<'h>>,
    typ: Option<Value<'h>>,
    x5t: Option<Value<'h>>,
    x5t_s256: Option<Value<'h>>,
    zip: Option<Value<'h>>,
}

impl<'h> Members<'h> {
    fn note(&mut self, name: &[u8], value: Value<'h>) {
        let member = match name {
            b"alg" => &mut self.alg,
            b"b64" => &mut self.b64,
            b"client" => &mut self.client,
            b"crit" => &mut self.crit,
            b"kid" => &mut self.kid,
            b"signer" => &mut self.signer,
            b"typ" => &mut self.typ,
            b"x5t" => &mut self.x5t,
            b"x5t#S256" => &mut self.x5t_s256,
            b"zip" => &mut self.zip,
            _ => return,
        };
        *member = Some(value);
    }

    /// `null` is absent for `kid` and `typ`, which have meaning by their values. For the other members,
    /// their presence has.
    fn check(self) -> Result<Header, InvalidToken> {
        let alg = self.alg.and_then(Value::as_str);
        let alg = alg.ok_or(InvalidToken::AlgInvalid)?;
        let algorithm = alg.parse().map_err(|_| InvalidToken::AlgNotAllowed)?;
        // RFC 7515 §4.1.11: an extension in `crit` that is not understood makes the JWS invalid.
        // None is implemented, so the member alone decides.
        if self.crit.is_some() {
            return Err(InvalidToken::CritUnsupported);
        }
        // RFC 7797: without `crit`, a reader who ignores it sees other bytes than one who heeds it.
        if self.b64.is_some() {
            return Err(InvalidToken::B64Unsupported);
        }
        // A JWE member; a JWS has no compression. RFC 7515 §4 would have us ignore it, but a reader
        // who heeds it would read a payload other than the one we verified.
        if self.zip.is_some() {
            return Err(InvalidToken::HeaderZip);
        }
        // RFC 7515 §4.1.4, §4.1.7, §4.1.8. A thumbprint that cannot name a key is ignored, like every
        // member that is not used.
        let kid = self
            .kid
            .and_then(Value::non_null)
            .map(parse_name)
            .transpose()?;
        let thumbprints = match kid {
            Some(_) => [None, None],
            None => [self.x5t_s256, self.x5t].map(|member| parse_name(member?).ok()),
        };
        Ok(Header {
            algorithm,
            kid,
            thumbprints,
            typ: match self.typ.and_then(Value::non_null) {
                None => Typ::Absent,
                Some(typ) => Typ::parse(&typ.as_str().ok_or(InvalidToken::TypNotAccepted)?),
            },
            is_padded: false,
            load_balancer: LoadBalancer::parse(self.signer, self.client),
        })
    }
}

fn parse_name(name: Value<'_>) -> Result<Arc<str>, InvalidToken> {
    let name = name.as_str().ok_or(InvalidToken::KidInvalid)?;
    if name.len() > limits::KID_BYTES {
        return Err(InvalidToken::KidInvalid);
    }
    Ok(name.into())
}
