//! The table of profiles: one row for each issuer, from its own documentation.

use crate::algorithm::Algorithm;
use crate::jwk_set::KeyDocument;
use crate::principal_kind::PrincipalKind::{Machine, Unknown};
use crate::rows::rows;

use super::UnknownProfile;
use super::machines::{AUTH0_MACHINE, AUTHGEAR_MACHINE, CLIENT, Machines, Subject};

rows! {
    /// How an issuer writes access tokens.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Profile of Row, or UnknownProfile;

    /// RFC 9068: `typ` `at+jwt`; `iss aud exp sub iat jti client_id`. Authgear conforms to it.
    /// The default: no other token of the issuer can be taken for an access token. A machine's
    /// `sub` is its `client_id`, at Authgear with the prefix `client_id_`.
    #[default]
    Rfc9068 = Row {
        name: "rfc9068",
        documentation: "https://www.rfc-editor.org/rfc/rfc9068",
        types: Types::AtJwt,
        required_claims: &["sub", "iat", "jti", "client_id"],
        client_id_claims: &["client_id"],
        roles: &[&["roles"], &["groups"]],
        // §2.2: without a resource owner, `sub` is an identifier of the client; §5: the issuer makes
        // sure that no user is called so. Auth0 writes machines in its own way in this dialect as
        // well; at another issuer such a name may be a user's.
        machines: Machines::Marked {
            claims: &[],
            subjects: &[(CLIENT, Machine), (AUTHGEAR_MACHINE, Machine), (AUTH0_MACHINE, Unknown)],
        },
        ..COMMON
    };

    /// AD FS: `typ` `JWT`, and its key named by `x5t`; the client in `appid`, the scope in `scp`. The
    /// issuer is `http://HOST/adfs/services/trust`, while ID tokens say `https://HOST/adfs`. For tokens
    /// without `sub`, set `subject_claim`. No mark of a machine is documented, so the kind is unknown.
    Adfs = Row {
        name: "adfs",
        documentation: "https://learn.microsoft.com/windows-server/identity/ad-fs/development/ad-fs-openid-connect-oauth-concepts",
        issuers: &["/adfs/services/trust"],
        needs: &["appid"],
        client_id_claims: &["appid"],
        roles: &[&["roles"], &["role"], &["group"]],
        ..COMMON
    };

    /// Auth0: in its own dialect `typ` is `JWT` and the client in `azp`. A machine's `gty` is
    /// `client-credentials`, or its `sub` is the client followed by `@clients`.
    Auth0 = Row {
        name: "auth0",
        documentation: "https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles",
        issuers: &[".auth0.com"],
        // Its own ID tokens may lack every mark, but do not name a client next to `aud`; those of
        // other issuers may do that, too. So at Microsoft.
        needs: &["azp", "client_id"],
        beyond_a_login: ACCESS_AT_AUTH0_OR_ENTRA,
        client_id_claims: &["azp", "client_id"],
        roles: &[&["permissions"]],
        // A user's `sub` has `|` in it.
        machines: Machines::Marked {
            claims: &[("gty", "client-credentials")],
            subjects: &[(AUTH0_MACHINE, Machine)],
        },
        ..COMMON
    };

    /// authentik: an access token is an ID token with `azp` and `uid` added, and later `scope`; both kinds
    /// have `nonce`, `auth_time` and `sid`. Only users have a `sid`; without it the kind is unknown.
    Authentik = Row {
        name: "authentik",
        // Its documentation has no table of the claims: `to_access_token` in
        // `authentik/providers/oauth2/id_token.py` adds these to those of the ID token.
        documentation: "https://docs.goauthentik.io/add-secure-apps/providers/oauth2/",
        issuers: &["/application/o/"],
        needs: &["uid", "scope"],
        refused: &["at_hash", "s_hash", "events", "htm", "htu"],
        required_claims: &["sub", "iat", "azp"],
        client_id_claims: &["azp"],
        roles: &[&["groups"], &["roles"]],
        machines: Machines::ByClaim { users: "sid", machines: None },
        ..COMMON
    };

    /// AWS Application Load Balancer: not the token of an issuer, but what a load balancer that
    /// authenticates users says about them, in the field `X-Amzn-Oidc-Data`. Its parts are padded, it is
    /// signed with ES256, and its header has the ARN of the load balancer in `signer`, which is compared
    /// with `audiences`, and the client in `client`; `aud` is not read. `jwks_uri` must have
    /// `{kid}` in place of the `kid`. All are users, and no token without `signer` is accepted.
    AwsAlb = Row {
        name: "aws-alb",
        // "Signature verification": validate the `signer`, and where the keys are.
        documentation: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html",
        types: Types::JwtAlone,
        required_claims: &["sub"],
        client_id_claims: &["client"],
        has_scopes: false,
        algorithms: Some(&[Algorithm::Es256]),
        key_document: KeyDocument::PemByKid,
        audience_claim: "signer",
        is_of_load_balancer: true,
        machines: Machines::None,
        ..COMMON
    };

    /// Azure AD B2C: `typ` `JWT`; the client in `azp`, the scope in `scp`. Access tokens have the `nonce`
    /// of the login as well; an ID token has no `scp`. Where `sub` is the same string for all
    /// users, set
    /// `subject_claim` to `oid`. No mark of a machine is documented, so the kind is unknown.
    AzureB2c = Row {
        name: "azure-b2c",
        documentation: "https://learn.microsoft.com/azure/active-directory-b2c/access-tokens",
        issuers: &[".b2clogin.com/"],
        needs: &["scp"],
        refused: ALL_BUT_NONCE,
        client_id_claims: &["azp"],
        roles: &[&["extension_Roles"]],
        ..COMMON
    };

    /// Clerk: a session token, with `v` or `fva`, has no client, no scope, and `aud` only if the
    /// Dashboard adds it to the session's claims. An OAuth access token has `typ` `at+jwt`, and `aud` if
    /// its client asked for a `resource`. A token from a JWT template needs `tokens = "by_audience"`.
    /// The kind is unknown.
    Clerk = Row {
        name: "clerk",
        documentation: "https://clerk.com/docs/guides/sessions/session-tokens",
        issuers: &[".clerk.accounts.dev"],
        needs: &["fva", "v"],
        client_id_claims: &["client_id"],
        roles: &[&["o", "rol"], &["org_role"], &["org_permissions"]],
        ..COMMON
    };

    /// Cloudflare Access: the assertion for one application, with `type` `app`, in the field
    /// `Cf-Access-Jwt-Assertion`; the keys are at `https://TEAM.cloudflareaccess.com/cdn-cgi/access/certs`.
    /// A machine has a service token, whose `sub` is empty: its client, in `common_name`, is the
    /// subject. A user has an `identity_nonce`.
    CloudflareAccess = Row {
        name: "cloudflare-access",
        documentation: "https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token/",
        issuers: &[".cloudflareaccess.com"],
        // The session token of the whole team has `org`.
        says: Some(("type", &["app"])),
        required_claims: &["iat"],
        subject_otherwise: &["common_name"],
        client_id_claims: &["common_name"],
        has_scopes: false,
        roles: &[&["custom", "groups"], &["groups"]],
        machines: Machines::ByClaim { users: "identity_nonce", machines: Some("common_name") },
        ..COMMON
    };

    /// Amazon Cognito: no `typ`, no `aud`; `token_use` is `access`, and the audience is compared
    /// with `client_id`. A user has a `username`; a machine has none, and its `sub` is its
    /// `client_id`.
    Cognito = Row {
        name: "cognito",
        // "Understanding the access token": `username` is in the tokens of users. Those of client
        // credentials have none, and the client in `sub`.
        documentation: "https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html",
        issuers: &["cognito-idp."],
        says: Some(("token_use", &["access"])),
        required_claims: &["sub", "iat", "client_id"],
        client_id_claims: &["client_id"],
        audience_claim: "client_id",
        roles: &[&["cognito:groups"]],
        machines: Machines::WithoutClaimOfUsers("username"),
        ..COMMON
    };

    /// Descope: `drn` is `DS` in a session token, and `DSR` in a refresh token, which is also a JWT. Only
    /// with a JWT template is `iss` a URL and `aud` present. No client, no scope; the kind is unknown.
    Descope = Row {
        name: "descope",
        documentation: "https://docs.descope.com/session-overview",
        issuers: &["api.descope.com/"],
        says: Some(("drn", &["DS"])),
        has_scopes: false,
        roles: &[&["roles"], &["permissions"], &["tenants", "TENANT", "roles"]],
        ..COMMON
    };

    /// Dex: an access token is an ID token without `c_hash`; both have `at_hash`, and the `nonce`,
    /// `auth_time` and `sid` of the login. So an ID token that was issued without an authorization
    /// code, for example at a refresh, cannot be distinguished, and is accepted if it has one of
    /// your audiences. No `typ`, no scope; the
    /// client is `azp`, or the single `aud`. The kind is unknown.
    Dex = Row {
        name: "dex",
        documentation: "https://dexidp.io/docs/configuration/tokens/",
        issuers: &["/dex"],
        needs: &["at_hash"],
        refused: &["c_hash", "s_hash", "events", "htm", "htu"],
        client_id_claims: &["azp", "aud"],
        has_scopes: false,
        roles: &[&["groups"]],
        ..COMMON
    };

    /// Microsoft Entra ID: `typ` `JWT`; the client in `azp` or `appid`. A machine's `idtyp` is
    /// `app`, or it has neither `idtyp` nor `scp`.
    Entra = Row {
        name: "entra",
        documentation: "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference",
        issuers: &["login.microsoftonline.com", "sts.windows.net"],
        needs: &["azp", "appid"],
        beyond_a_login: ACCESS_AT_AUTH0_OR_ENTRA,
        client_id_claims: &["azp", "appid"],
        roles: &[&["roles"], &["groups"]],
        machines: Machines::Entra,
        ..COMMON
    };

    /// Firebase and Google's Identity Platform: applications send the ID token to their servers; it is
    /// the only kind, has the claim `firebase`, and `aud` is the project. No client, no scope; the kind
    /// is unknown.
    Firebase = Row {
        name: "firebase",
        documentation: "https://firebase.google.com/docs/auth/admin/verify-id-tokens",
        issuers: &["securetoken.google.com/"],
        needs: &["firebase"],
        // The tokens for blocking functions have the same issuer and keys.
        refused: &["event_id", "event_type", "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu"],
        required_claims: &["sub", "iat", "auth_time"],
        has_scopes: false,
        ..COMMON
    };

    /// FusionAuth: `typ` `JWT`, and `aud` is the client in access and ID tokens alike. An ID token has
    /// `at_hash`, or describes a login without `applicationId`; so a user who is not registered for the
    /// application is refused. Users have an `authenticationType`; without it the kind is unknown.
    FusionAuth = Row {
        name: "fusionauth",
        documentation: "https://fusionauth.io/docs/lifecycle/authenticate-users/oauth/tokens",
        beyond_a_login: &["applicationId"],
        required_claims: &["sub", "iat", "jti"],
        client_id_claims: &["applicationId"],
        roles: &[&["roles"]],
        machines: Machines::ByClaim { users: "authenticationType", machines: None },
        ..COMMON
    };

    /// Any `typ` except that of another kind of token; ID, logout and DPoP tokens are still refused
    /// because of their claims. A token counts as an ID token if it describes a login or has a `nonce`
    /// but names neither a scope nor a client; with both a login and a `nonce`, only a scope helps. Machines have no known
    /// mark: if `sub` is the client or an audience, the kind of the principal is unknown.
    Generic = Row {
        name: "generic",
        documentation: "https://www.rfc-editor.org/rfc/rfc8725#section-3.11",
        types: Types::AnyButOtherKinds,
        access_types: &["Bearer", "JWT", "at+jwt", BOUND],
        // Azure AD B2C writes the `nonce` of a login into access tokens, too.
        refused: ALL_BUT_NONCE,
        beyond_a_login: &["scope", "scp", "client_id", "cid", "appid"],
        required_claims: &["sub"],
        client_id_claims: &["client_id", "azp", "cid", "appid"],
        // Spring Authorization Server writes client and audience into `sub` alike, and lets users
        // have that name.
        machines: Machines::Marked {
            claims: &[],
            subjects: &[
                (CLIENT, Unknown), (AUTHGEAR_MACHINE, Unknown), (AUTH0_MACHINE, Unknown), (Subject::IsAudience, Unknown),
            ],
        },
        ..COMMON
    };

    /// GitHub Actions: the token of a job, for an audience that the workflow chose. Every repository can
    /// get one for every audience, so require the claim `repository_id` or `repository_owner_id`. All
    /// are machines.
    GithubActions = Row {
        name: "github-actions",
        documentation: "https://docs.github.com/actions/reference/security/oidc",
        issuers: &["//token.actions.", "/_services/token"],
        needs: &["repository"],
        required_claims: &["sub", "iat", "jti", "repository"],
        has_scopes: false,
        machines: Machines::All,
        ..COMMON
    };

    /// GitLab CI/CD: one of the `id_tokens` of a job, for an audience that the job chose. Every project
    /// can get one for every audience, so require the claim `project_id` or `namespace_id`. All are
    /// machines; the ID token of a person has no `job_id`.
    Gitlab = Row {
        name: "gitlab",
        documentation: "https://docs.gitlab.com/ci/secrets/id_token_authentication/",
        issuers: &["//gitlab.com"],
        needs: &["job_id"],
        required_claims: &["sub", "iat", "jti", "project_path", "job_id"],
        has_scopes: false,
        machines: Machines::All,
        ..COMMON
    };

    /// Google: the ID token of a service account (`https://accounts.google.com`), and the assertion of
    /// Identity-Aware Proxy (`https://cloud.google.com/iap`, with the keys at
    /// `https://www.gstatic.com/iap/verify/public_key-jwk`); each is for one audience. Everybody can
    /// have a service account, so require its `sub` or `email`. A service account's `azp` is its `sub`;
    /// with `hd` an assertion is a user's; otherwise the kind is unknown. The ID token of a user who signed
    /// in with Google names an OAuth client in `azp`, and is refused, unless `tokens` is `"by_audience"`.
    Google = Row {
        name: "google",
        documentation: "https://cloud.google.com/iap/docs/signed-headers-howto",
        issuers: &["//accounts.google.com", "//cloud.google.com/iap"],
        refused: &["auth_time", "sid", "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu"],
        clients_of_logins: Some(".apps.googleusercontent.com"),
        client_id_claims: &["azp"],
        has_scopes: false,
        machines: Machines::WithoutClaimOfUsers("hd"),
        ..COMMON
    };

    /// Keycloak: header `typ` `JWT`, claim `typ` `Bearer`; the client in `azp`. A machine's
    /// `client_id` (`clientId` in older realms) is its `azp`, or its `jti` names the grant of client
    /// credentials. Without any of these marks the kind is unknown, unless `sid` shows a login.
    Keycloak = Row {
        name: "keycloak",
        documentation: "https://www.keycloak.org/docs/latest/server_admin/",
        issuers: &["/realms/"],
        access_types: KEYCLOAK_ACCESS,
        says: Some(("typ", KEYCLOAK_ACCESS)),
        required_claims: &["sub", "iat", "jti"],
        client_id_claims: &["azp", "client_id"],
        roles: &[&["realm_access", "roles"], &["resource_access", "CLIENT", "roles"]],
        machines: Machines::Keycloak,
        ..COMMON
    };

    /// Kubernetes: the token of a service account for an audience; no `typ`; namespace, account and pod
    /// in `kubernetes.io`. All are machines, and there is no other kind.
    Kubernetes = Row {
        name: "kubernetes",
        documentation: "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/",
        issuers: &[
            "//kubernetes.default.svc", "//oidc.eks.", "//container.googleapis.com/v1/projects/", ".oic.prod-aks.azure.com",
        ],
        needs: &["kubernetes.io"],
        subject_begins: "system:serviceaccount:",
        required_claims: &["sub", "iat", "kubernetes.io"],
        has_scopes: false,
        machines: Machines::All,
        ..COMMON
    };

    /// Okta: the client in `cid`, the scope in `scp`. A user has a `uid`; a machine has none, and
    /// its `sub` is its `cid`.
    Okta = Row {
        name: "okta",
        // Access token payload: `uid` "isn't included in the access token if there is no user bound
        // to it"; `sub` is "a name for the user or a unique identifier for the client".
        documentation: "https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/",
        issuers: &[".okta.com", ".oktapreview.com"],
        types: Types::JwtOrOkta,
        required_claims: &["sub", "iat", "jti", "cid"],
        client_id_claims: &["cid"],
        roles: &[&["groups"]],
        machines: Machines::WithoutClaimOfUsers("uid"),
        ..COMMON
    };

    /// Ory Hydra: `typ` `JWT`; the client in `client_id`, the scope in `scp`, other claims below `ext`. Its
    /// ID tokens have `rat`, `at_hash` or `nonce`. A machine's `sub` is its client, but a user's
    /// `sub` may equal it as well, and then the kind is unknown.
    Ory = Row {
        name: "ory",
        documentation: "https://www.ory.com/docs/oauth2-oidc/jwt-access-token",
        issuers: &[".projects.oryapis.com"],
        needs: &["client_id"],
        refused: &["rat", "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu"],
        required_claims: &["sub", "iat", "jti", "client_id"],
        client_id_claims: &["client_id"],
        roles: &[&["ext", "roles"], &["ext", "groups"]],
        machines: Machines::Marked { claims: &[], subjects: &[(CLIENT, Unknown)] },
        ..COMMON
    };

    /// SPIFFE: the JWT-SVID of a workload, whose `sub` is its SPIFFE ID; `typ` is `JWT`, `JOSE` or absent.
    /// SPIRE writes `iss` only if `jwt_issuer` is set: without it, the issuer is the trust domain of `sub`,
    /// such as `spiffe://example.org`. From a trust bundle, only the keys with `use` `jwt-svid` are used. All
    /// are machines, and there is no other kind.
    Spiffe = Row {
        name: "spiffe",
        documentation: "https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md",
        issuers: &["spiffe://"],
        types: Types::JwtOrJose,
        subject_begins: "spiffe://",
        required_claims: &["sub"],
        has_scopes: false,
        key_document: KeyDocument::SpiffeBundle,
        machines: Machines::All,
        ..COMMON
    };

    /// Spring Authorization Server: no `typ`; `scope` a list; no claim for the client, which is the single
    /// `aud`. Its ID tokens have `azp`, and those of a login `auth_time`, `sid` and `nonce`. Users may
    /// be named like clients, so the kind is unknown.
    Spring = Row {
        name: "spring",
        documentation: "https://docs.spring.io/spring-authorization-server/reference/core-model-components.html",
        refused: &["azp", "auth_time", "sid", "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu"],
        client_id_claims: &["aud"],
        roles: &[&["roles"]],
        ..COMMON
    };

    /// Supabase: `aud` is `authenticated`, and `role`, `aal` and `session_id` describe the session; an ID
    /// token has none of them. A client, in `client_id`, and a scope only if Supabase is the OAuth
    /// server of another application. All are users, except where `role` is `service_role`.
    Supabase = Row {
        name: "supabase",
        documentation: "https://supabase.com/docs/guides/auth/jwt-fields",
        issuers: &[".supabase.co/auth/v1"],
        needs: &["session_id"],
        required_claims: &["sub", "iat", "role", "aal", "session_id"],
        client_id_claims: &["client_id"],
        roles: &[&["role"], &["app_metadata", "roles"]],
        machines: Machines::Marked { claims: &[("role", "service_role")], subjects: &[] },
        ..COMMON
    };

    /// WorkOS: the access tokens of Connect, with `client_id`, and the session tokens of AuthKit, which
    /// have neither a client nor, without a JWT template, an `aud`. Both have a `jti`, which ID tokens
    /// lack. A user has a `sid`; a machine has none, and its `sub` is its `client_id`.
    WorkOs = Row {
        name: "workos",
        documentation: "https://workos.com/docs/authkit/connect/token-claims",
        issuers: &[".authkit.app", "//api.workos.com"],
        needs: &["jti"],
        refused: &["azp", "auth_time", "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu"],
        required_claims: &["sub", "iat", "jti"],
        client_id_claims: &["client_id"],
        roles: &[&["roles"], &["role"], &["permissions"]],
        machines: Machines::WithoutClaimOfUsers("sid"),
        ..COMMON
    };

    /// ZITADEL: `typ` `JWT`; the client in `client_id`, no scope; the roles are the member names of an
    /// object. ID tokens have the same `aud`, but `auth_time` and no `jti`. Service users' tokens are
    /// like those of users, so the kind is unknown.
    Zitadel = Row {
        name: "zitadel",
        documentation: "https://zitadel.com/docs/apis/openidoauth/claims",
        issuers: &[".zitadel.cloud"],
        needs: &["jti"],
        refused: &["auth_time", "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu"],
        required_claims: &["sub", "iat", "jti"],
        client_id_claims: &["client_id", "azp"],
        has_scopes: false,
        roles: &[&["urn:zitadel:iam:org:project:roles"]],
        ..COMMON
    };
}

/// The row of a profile.
pub(crate) struct Row {
    pub(super) name: &'static str,
    pub(super) documentation: &'static str,
    /// The common parts of its issuers' URLs, if any.
    pub(super) issuers: &'static [&'static str],
    /// The values that the header's `typ` may have.
    pub(super) types: Types,
    /// The values that the claim `typ` may have, if present.
    pub(super) access_types: &'static [&'static str],
    /// The claim that names the kind of a token, with its values for access tokens. If there is no
    /// such claim and the header's `typ` is not `at+jwt`, the following fields decide.
    pub(super) says: Option<(&'static str, &'static [&'static str])>,
    /// An access token has one of these, if there are any.
    pub(super) needs: &'static [&'static str],
    /// It has none of these, which only another kind of token has.
    pub(super) refused: &'static [&'static str],
    /// If there are any, a token that describes a login or has its `nonce`, as ID tokens do, must also
    /// have one of these, which name the client or the access it was given; one that does both must
    /// name a scope. `azp` does not count: ID tokens have it, too.
    pub(super) beyond_a_login: &'static [&'static str],
    /// The end of the names in `azp` of clients that users log in to, if only those have it.
    pub(super) clients_of_logins: Option<&'static str>,
    /// Its `sub` begins with this.
    pub(super) subject_begins: &'static str,
    /// The claims that name the subject if `sub` is absent or empty, the first one present.
    pub(super) subject_otherwise: &'static [&'static str],
    pub(super) required_claims: &'static [&'static str],
    pub(super) client_id_claims: &'static [&'static str],
    /// Whether its tokens name scopes.
    pub(super) has_scopes: bool,
    /// The only algorithms that its issuers use, if they are known.
    pub(super) algorithms: Option<&'static [Algorithm]>,
    pub(super) key_document: KeyDocument,
    pub(super) audience_claim: &'static str,
    /// Whether a load balancer writes its tokens: padded, with audience and client in the header.
    pub(super) is_of_load_balancer: bool,
    pub(super) roles: &'static [&'static [&'static str]],
    pub(super) machines: Machines,
}

/// The defaults that most profiles share.
pub(super) const COMMON: Row = Row {
    name: "",
    documentation: "",
    issuers: &[],
    types: Types::Jwt,
    access_types: &["Bearer", "JWT", "at+jwt"],
    says: None,
    needs: &[],
    refused: OTHER_KINDS,
    beyond_a_login: &[],
    clients_of_logins: None,
    subject_begins: "",
    subject_otherwise: &[],
    required_claims: &["sub", "iat"],
    client_id_claims: &[],
    has_scopes: true,
    algorithms: None,
    key_document: KeyDocument::JwkSet,
    audience_claim: "aud",
    is_of_load_balancer: false,
    roles: &[],
    machines: Machines::Unmarked,
};

/// The `typ` that the header of an access token may have.
pub(super) enum Types {
    AnyButOtherKinds,
    AtJwt,
    /// `JWT`, or none; at most issuers also `at+jwt`, if they learn to write it.
    Jwt,
    /// `JWT`, or none, and nothing else.
    JwtAlone,
    /// RFC 7515 §4.1.9: `JOSE` says that a JWS has the compact form.
    JwtOrJose,
    JwtOrOkta,
}

/// Claims that only another kind of token has: ID token (OIDC Core §2, §3.3.2.11), logout token and
/// security event (RFC 8417 §2.2), DPoP proof (RFC 9449 §4.2).
const OTHER_KINDS: &[&str] = &[
    "nonce", "at_hash", "c_hash", "s_hash", "events", "htm", "htu",
];

/// The same, but `nonce`.
const ALL_BUT_NONCE: &[&str] = &["at_hash", "c_hash", "s_hash", "events", "htm", "htu"];

/// The claims about access that go beyond a login.
const ACCESS_AT_AUTH0_OR_ENTRA: &[&str] = &[
    "scope",
    "scp",
    "permissions",
    "roles",
    "gty",
    "idtyp",
    "appid",
];

/// The values of Keycloak's claim `typ` for access tokens.
const KEYCLOAK_ACCESS: &[&str] = &["Bearer", BOUND];

/// The value of the claim `typ` for a token that is bound to a key. Such a token only lacks the
/// proof, so we refuse it for that reason.
pub(super) const BOUND: &str = "DPoP";
