//! What to change at a provider: one row for each, next to its profile, by whose marks it is recognised.

use bearward_core::Profile;

use crate::explain::asked::Asked;
use crate::explain::members::Members;

/// A provider, with the places of the settings that most refusals are about.
pub(super) struct Provider {
    pub(super) profile: Profile,
    /// Its name, as it writes it.
    pub(super) name: &'static str,
    /// How a client gets a token for `{audience}`.
    pub(super) audience: Option<&'static str>,
    /// How its tokens get an asymmetric signature.
    pub(super) asymmetric: Option<&'static str>,
    /// How its tokens get the claims that are missing.
    pub(super) claims: Option<&'static str>,
    /// How a client gets tokens that are bound to no key.
    pub(super) unbound: Option<&'static str>,
}

impl Provider {
    /// The provider of a token: by its issuer, by the profile that it is checked with, or by a mark that
    /// only this provider writes.
    pub(super) fn of(header: &Members, payload: &Members, asked: &Asked) -> Option<&'static Self> {
        let by_issuer = payload
            .string("iss")
            .and_then(|issuer| Profile::of_issuer(&issuer));
        let profile = match by_issuer {
            _ if header.has("signer") => Profile::AwsAlb,
            Some(profile) => profile,
            None => asked.policy.profile(),
        };
        PROVIDERS
            .iter()
            .find(|provider| provider.profile == profile)
    }
}

/// What a row leaves out.
const COMMON: Provider = Provider {
    profile: Profile::Generic,
    name: "",
    audience: None,
    asymmetric: None,
    claims: None,
    unbound: None,
};

const PROVIDERS: &[Provider] = &[
    Provider {
        profile: Profile::Auth0,
        name: "Auth0",
        audience: Some(
            "Have the client send the parameter `audience` with {audience}, the identifier of the API in Auth0, in \
             its authorization or token request.",
        ),
        asymmetric: Some(
            "In Auth0's dashboard, under Applications → APIs → your API → Settings, set *Signing algorithm* to \
             RS256, then get a new token. If that is set already, the token may be for another API: have the client request the audience of yours.",
        ),
        ..COMMON
    },
    Provider {
        profile: Profile::Cognito,
        name: "Amazon Cognito",
        audience: Some(
            "Cognito names the app client that requested the token: have the client {audience} request it.",
        ),
        ..COMMON
    },
    Provider {
        profile: Profile::Entra,
        name: "Microsoft Entra",
        audience: Some(
            "Have the client request a scope of this API, such as `api://APPLICATION-ID/.default`: the audience \
             follows from the scope.",
        ),
        ..COMMON
    },
    Provider {
        profile: Profile::Keycloak,
        name: "Keycloak",
        audience: Some(
            "In Keycloak, open a client scope of the API (Client scopes → Mappers → Add mapper → By \
             configuration → Audience), enter {audience} as *Included Custom Audience*, and add that scope to the client.",
        ),
        asymmetric: Some(
            "In Keycloak, set the client's *Access token signature algorithm* (Clients → Advanced → Fine grain OpenID \
             Connect configuration) to RS256, or the realm's default (Realm settings → Tokens), then get a new token.",
        ),
        claims: Some(
            "In Keycloak, add the client scope `basic` to the client as a default scope: since Keycloak 25, `sub` and \
             `auth_time` come from it. If the client uses lightweight access tokens (Clients → Advanced → *Always use \
             lightweight access token*), turn that off, or turn on *Add to lightweight access token* in the mappers of \
             these claims.",
        ),
        unbound: Some(
            "In Keycloak, turn off *Require DPoP bound tokens* (Capability config) or *OAuth 2.0 Mutual TLS Certificate \
             Bound Access Tokens Enabled* (Advanced) at the client.",
        ),
    },
    Provider {
        profile: Profile::Okta,
        name: "Okta",
        audience: Some(
            "In Okta, each custom authorization server has one audience (Security → API): have the client use the server \
             whose audience is {audience}. Tokens of the org authorization server are for Okta alone.",
        ),
        ..COMMON
    },
    Provider {
        profile: Profile::Ory,
        name: "Ory",
        audience: Some(
            "Allow {audience} as an audience at the client in Ory, and have the client send it as the parameter `audience`.",
        ),
        ..COMMON
    },
    Provider {
        profile: Profile::Supabase,
        name: "Supabase",
        asymmetric: Some(
            "In Supabase's dashboard, under Project Settings → JWT Keys, migrate to asymmetric signing keys and rotate to \
             them, then sign in again.",
        ),
        ..COMMON
    },
    Provider {
        profile: Profile::Zitadel,
        name: "ZITADEL",
        audience: Some(
            "Have the client request the scope `urn:zitadel:iam:org:project:id:PROJECT-ID:aud` of the project that is \
             {audience}.",
        ),
        ..COMMON
    },
];

#[cfg(test)]
mod tests {
    use super::PROVIDERS;

    #[test]
    fn each_provider_has_one_row_that_says_something() {
        for (at, provider) in PROVIDERS.iter().enumerate() {
            let mut before = PROVIDERS.iter().take(at);
            assert!(before.all(|other| other.profile != provider.profile));
            let advice = [
                provider.audience,
                provider.asymmetric,
                provider.claims,
                provider.unbound,
            ];
            let mut said = advice.into_iter().flatten();
            assert!(said.next().is_some(), "{}", provider.name);
            assert!(
                advice.iter().flatten().all(|text| text.ends_with('.')),
                "{}",
                provider.name
            );
        }
    }
}
