//! The fields of Authgear's resolver, made from a token: the same names and the same values, byte for
//! byte.
//!
//! The resolver does not know machines: none of its fields are set for one, or for a possible one.

use std::borrow::Cow;

use bearward_core::authgear::{CAN_REAUTHENTICATE, IS_ANONYMOUS, IS_VERIFIED, ROLES};
use bearward_core::json::{Kind, Value};
use bearward_core::{Principal, PrincipalKind};
use http::HeaderName;

use super::claim::{Claim, Unfit};
use super::encoding::{Encoding, joined};

/// The content of a resolver field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `true` or `false`: this claim.
    Boolean(&'static str),
    /// The client of a machine token. This field is ours: the resolver does not know machines.
    MachineClientId,
    SessionAmr,
    SessionAuthenticatedAt,
    SessionValid,
    UserId(Encoding),
    UserRoles,
}

/// The fields that the resolver sets, in its order, and the one we set for machines instead.
pub(super) const FIELDS: [(&str, Field); 9] = [
    ("x-authgear-session-valid", Field::SessionValid),
    ("x-authgear-user-id", Field::UserId(Encoding::Plain)),
    ("x-authgear-user-anonymous", Field::Boolean(IS_ANONYMOUS)),
    ("x-authgear-user-verified", Field::Boolean(IS_VERIFIED)),
    (
        "x-authgear-user-can-reauthenticate",
        Field::Boolean(CAN_REAUTHENTICATE),
    ),
    ("x-authgear-user-roles", Field::UserRoles),
    ("x-authgear-session-amr", Field::SessionAmr),
    (
        "x-authgear-session-authenticated-at",
        Field::SessionAuthenticatedAt,
    ),
    ("x-bearward-client-id", Field::MachineClientId),
];

/// Authgear's published nginx configuration names it, but the resolver never sends it.
pub(super) const NEVER_SET: HeaderName = HeaderName::from_static("x-authgear-session-acr");

impl Field {
    /// Whether the field says who sent the request.
    pub(super) const fn identifies(self) -> bool {
        match self {
            Self::MachineClientId | Self::UserId(_) => true,
            Self::Boolean(_)
            | Self::SessionAmr
            | Self::SessionAuthenticatedAt
            | Self::SessionValid
            | Self::UserRoles => false,
        }
    }

    pub(super) fn of(self, principal: &Principal) -> Result<Option<Cow<'_, str>>, Unfit> {
        let is_for = match principal.kind() {
            PrincipalKind::User => !matches!(self, Self::MachineClientId),
            PrincipalKind::Machine => matches!(self, Self::MachineClientId),
            PrincipalKind::Unknown => false,
        };
        if !is_for {
            return Ok(None);
        }
        match self {
            Self::Boolean(name) => principal.all_claims().get(name).map(boolean).transpose(),
            Self::MachineClientId => {
                text(principal.client_id().unwrap_or_default(), Encoding::Plain)
            }
            // The resolver sends an empty field if there are none.
            Self::SessionAmr => {
                let methods = strings(principal.all_claims().get("amr"))?;
                joined(&methods, " ", |byte| byte == b' ').map(|amr| Some(amr.into()))
            }
            Self::SessionAuthenticatedAt => Ok(principal
                .auth_time()
                .map(|time| time.as_secs().to_string().into())),
            Self::SessionValid => Ok(Some(Cow::Borrowed("true"))),
            Self::UserId(encoding) => text(principal.subject(), encoding),
            Self::UserRoles => {
                let roles = strings(principal.all_claims().get(ROLES))?;
                let roles = Encoding::Comma.encode(Claim::Words(roles))?;
                Ok(Some(roles).filter(|roles| !roles.is_empty()))
            }
        }
    }
}

fn text(text: &str, encoding: Encoding) -> Result<Option<Cow<'_, str>>, Unfit> {
    let text = encoding.encode(Claim::Text(text))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A claim of the wrong type is an error, not absent: the application would take an absent one for
/// `false`.
fn boolean(claim: Value<'_>) -> Result<Cow<'_, str>, Unfit> {
    let said = claim.as_bool().ok_or(Unfit::NotHeaderSafe)?;
    Ok(Cow::Borrowed(if said { "true" } else { "false" }))
}

fn strings(claim: Option<Value<'_>>) -> Result<Vec<Cow<'_, str>>, Unfit> {
    let Some(claim) = claim else {
        return Ok(Vec::new());
    };
    if claim.kind() != Kind::Array {
        return Err(Unfit::NotHeaderSafe);
    }
    claim
        .elements()
        .map(|element| element.as_str().ok_or(Unfit::NotHeaderSafe))
        .collect()
}
