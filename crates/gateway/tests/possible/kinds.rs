//! The kinds of settings with which nothing can pass, or hardly anything: what `check` must say of each.

/// One kind of file.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Whether it takes all issuers of the file, or one.
    pub(super) scope: Scope,
    /// Lines of the issuer.
    pub(super) issuer: &'static str,
    /// Tables after it. A table `x` without a route of its own is required by one.
    pub(super) tables: &'static str,
    pub(super) verdict: Verdict,
    pub(super) expected: &'static [Expected],
}

/// A code, a part of the message, and how the text at the place begins. Without a place, it is empty.
pub(super) type Expected = (&'static str, &'static str, &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    AllIssuers,
    OneIssuer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    NotGood,
    /// Not even a configuration.
    Refused,
    Warned,
}

/// What no token of any issuer meets: the table is named, and the route that requires it.
macro_rules! certain {
    ($name:literal, $issuer:literal, $requirements:literal, $part:literal, $key:literal) => {
        Kind {
            name: $name,
            scope: Scope::AllIssuers,
            issuer: $issuer,
            tables: concat!("[requirements.x]\n", $requirements, "\n"),
            verdict: Verdict::NotGood,
            expected: &[
                (
                    "impossible",
                    concat!("no token can meet the requirements \"x\": ", $part),
                    $key,
                ),
                (
                    "impossible",
                    "no token can pass the route \"named\": no token can meet the requirements \"x\"",
                    "require",
                ),
            ],
        }
    };
}

/// What hardly any token meets.
macro_rules! unusual {
    ($name:literal, $issuer:literal, $requirements:literal, $part:literal, $key:literal) => {
        Kind {
            name: $name,
            scope: Scope::AllIssuers,
            issuer: $issuer,
            tables: concat!("[requirements.x]\n", $requirements, "\n"),
            verdict: Verdict::Warned,
            expected: &[("value", $part, $key)],
        }
    };
}

/// Tables or routes of their own.
macro_rules! tables {
    ($name:literal, $issuer:literal, $tables:literal, $verdict:ident, $expected:expr) => {
        Kind {
            name: $name,
            scope: Scope::AllIssuers,
            issuer: $issuer,
            tables: $tables,
            verdict: Verdict::$verdict,
            expected: $expected,
        }
    };
}

/// An issuer among others.
macro_rules! issuer {
    ($name:literal, $issuer:literal, $verdict:ident, $expected:expr) => {
        Kind {
            name: $name,
            scope: Scope::OneIssuer,
            issuer: $issuer,
            tables: "",
            verdict: Verdict::$verdict,
            expected: &[$expected],
        }
    };
}

pub(super) const KINDS: &[Kind] = &[
    // A kind or a client that the issuer's tokens do not name.
    certain!(
        "machines that nothing marks",
        "profile = 'generic'",
        "kind = 'machine'",
        "the profile \"generic\" recognises no machines",
        "kind"
    ),
    certain!(
        "users that nothing marks",
        "profile = 'dex'",
        "kind = 'user'",
        "the profile \"dex\" recognises no users",
        "kind"
    ),
    certain!(
        "users where all are machines",
        "profile = 'kubernetes'",
        "kind = 'user'",
        "the profile \"kubernetes\" recognises no users",
        "kind"
    ),
    certain!(
        "clients that nothing names",
        "profile = 'firebase'",
        "client_ids = ['c']",
        "tokens of issuers with the profile \"firebase\" name no client",
        "client_ids"
    ),
    certain!(
        "clients that the issuer excludes",
        "client_ids = ['a', 'b']",
        "client_ids = ['c']",
        "the issuer's `client_ids` has none",
        "client_ids"
    ),
    certain!(
        "clients that are no audience",
        "profile = 'spring'",
        "client_ids = ['c']",
        "under the profile \"spring\", the client is the audience",
        "client_ids"
    ),
    // What the kind excludes.
    certain!(
        "a login of machines",
        "",
        "kind = 'machine'\nmax_age = '5m'",
        "`max_age` is about when a user authenticated",
        "max_age"
    ),
    certain!(
        "a login of jobs",
        "profile = 'github-actions'",
        "max_age = '5m'",
        "`max_age` is about when a user authenticated",
        "max_age"
    ),
    certain!(
        "a class of service accounts",
        "profile = 'kubernetes'",
        "acr = ['gold']",
        "issuers with the profile \"kubernetes\" never write the claim \"acr\"",
        "acr"
    ),
    certain!(
        "a method of jobs",
        "profile = 'gitlab'",
        "amr = ['pwd']",
        "issuers with the profile \"gitlab\" never write the claim \"amr\"",
        "amr"
    ),
    certain!(
        "a class that Firebase reserves",
        "profile = 'firebase'",
        "acr = ['gold']",
        "issuers with the profile \"firebase\" never write the claim \"acr\"",
        "acr"
    ),
    // Scopes where there are none, and nobody can add them.
    certain!(
        "scopes of service accounts",
        "profile = 'kubernetes'",
        "scopes = ['a']",
        "tokens of issuers with the profile \"kubernetes\" have no scopes",
        "scopes"
    ),
    certain!(
        "scopes of Dex",
        "profile = 'dex'",
        "any_scopes = [['a', 'b']]",
        "tokens of issuers with the profile \"dex\" have no scopes",
        "any_scopes"
    ),
    // Claims that are never so.
    certain!(
        "an ID token of Keycloak",
        "profile = 'keycloak'",
        "claims = { typ = 'ID' }",
        "the claim \"typ\" of an access token is \"Bearer\" or \"DPoP\"",
        "claims"
    ),
    certain!(
        "an ID token of Cognito",
        "profile = 'cognito'",
        "claims = { token_use = 'id' }",
        "the claim \"token_use\" of an access token is \"access\"",
        "claims"
    ),
    certain!(
        "an ID token by audience",
        "profile = 'generic'\ntokens = 'by_audience'",
        "claims = { token_use = 'id' }",
        "the claim \"token_use\" of an access token is \"access\"",
        "claims"
    ),
    certain!(
        "an event by audience",
        "profile = 'generic'\ntokens = 'by_audience'",
        "claims = { events = 'x' }",
        "a token with the claim \"events\" is refused",
        "claims"
    ),
    certain!(
        "another issuer",
        "",
        "claims = { iss = 'https://other.example' }",
        "the claim \"iss\" of every accepted token is the issuer",
        "claims"
    ),
    certain!(
        "another client of Cognito",
        "profile = 'cognito'",
        "claims = { client_id = 'other' }",
        "the claim \"client_id\" is one of `audiences`",
        "claims"
    ),
    certain!(
        "a subject of another kind",
        "profile = 'kubernetes'",
        "claims = { sub = 'user' }",
        "the claim \"sub\" begins with \"system:serviceaccount:\"",
        "claims"
    ),
    certain!(
        "a time that is a string",
        "",
        "claims = { exp = 'never' }",
        "the claim \"exp\" is a number",
        "claims"
    ),
    certain!(
        "a member of a number",
        "",
        "claim_rules = [{ claim = ['iat', 'x'], values = 1 }]",
        "the claim \"iat\" has no members",
        "claim_rules"
    ),
    certain!(
        "an object as a text",
        "profile = 'keycloak'",
        "claims = { realm_access = 'a' }",
        "the claim \"realm_access\" is an object",
        "claims"
    ),
    certain!(
        "an object as roles",
        "profile = 'ory'",
        "roles = ['a']\nroles_claim = 'ext'",
        "the claim \"ext\" is an object",
        "roles_claim"
    ),
    certain!(
        "Authgear's roles at Kubernetes",
        "profile = 'kubernetes'",
        "roles = ['a']",
        "issuers with the profile \"kubernetes\" never write the claim",
        "roles"
    ),
    certain!(
        "Authgear's mark at Google",
        "profile = 'google'",
        "verified = true",
        "issuers with the profile \"google\" never write the claim",
        "verified"
    ),
    certain!(
        "Keycloak's roles at GitHub",
        "profile = 'github-actions'",
        "claim_rules = [{ claim = ['realm_access', 'roles'], values = 'a' }]",
        "issuers with the profile \"github-actions\" never write the claim \"realm_access\"",
        "claim_rules"
    ),
    certain!(
        "a subject that is a number",
        "",
        "claims = { sub = 7 }",
        "the claim \"sub\" is a string",
        "claims"
    ),
    certain!(
        "a scope that is a flag",
        "",
        "claims = { scope = [true, 1] }",
        "the claim \"scope\" is a string",
        "claims"
    ),
    certain!(
        "a member of the audience",
        "",
        "claim_rules = [{ claim = ['aud', 'x'], values = 'a' }]",
        "the claim \"aud\" has no members",
        "claim_rules"
    ),
    // Each can be met, and not all at once.
    tables!(
        "a user and a machine",
        "",
        "[requirements.x]\nall = ['u', 'm']\n[requirements.u]\nkind = 'user'\n[requirements.m]\nkind = 'machine'\n",
        NotGood,
        &[(
            "impossible",
            "no token can pass the route \"named\": a user and a machine are required at once",
            "require"
        )]
    ),
    tables!(
        "a login of machines, in two tables",
        "",
        "[requirements.x]\nmax_age = '5m'\nall = ['m']\n[requirements.m]\nkind = 'machine'\n",
        NotGood,
        &[(
            "impossible",
            "no token can pass the route \"named\": `max_age` is about when a user",
            "require"
        )]
    ),
    tables!(
        "clients of which none is in both lists",
        "",
        "[requirements.x]\nclient_ids = ['a', 'b']\nall = ['y']\n[requirements.y]\nclient_ids = ['c']\n",
        NotGood,
        &[("impossible", "no client that the issuer", "require")]
    ),
    tables!(
        "two subjects",
        "",
        "[requirements.x]\nclaims = { sub = 'a' }\nall = ['y']\n[requirements.y]\nclaims = { sub = ['b', 'c'] }\n",
        NotGood,
        &[(
            "impossible",
            "the claim \"sub\" has a single value",
            "require"
        )]
    ),
    tables!(
        "alternatives that are all impossible",
        "profile = 'generic'",
        "[requirements.x]\nany = ['y', 'z']\n[requirements.y]\nkind = 'machine'\n[requirements.z]\nclaims = { exp = 'x' }\n",
        NotGood,
        &[
            (
                "impossible",
                "no token can meet the requirements \"y\"",
                "kind"
            ),
            (
                "impossible",
                "no token can meet the requirements \"z\"",
                "claims"
            ),
            (
                "impossible",
                "no token can meet the requirements \"y\"; no token can meet the requirements \"z\"",
                "require"
            )
        ]
    ),
    tables!(
        "a contradiction that no route uses",
        "",
        "[requirements.y]\nall = ['u', 'm']\n[requirements.u]\nkind = 'user'\n[requirements.m]\nkind = 'machine'\n",
        NotGood,
        &[(
            "impossible",
            "no token can meet the requirements \"y\": a user and a machine",
            "all"
        )]
    ),
    tables!(
        "a table that no route uses",
        "profile = 'generic'",
        "[requirements.y]\nkind = 'machine'\n",
        NotGood,
        &[(
            "impossible",
            "no token can meet the requirements \"y\"",
            "kind"
        )]
    ),
    tables!(
        "an optional route",
        "profile = 'generic'",
        "[requirements.x]\nkind = 'machine'\n[[routes]]\nname = 'o'\npath = '/o'\naccess = 'optional'\nrequire = 'x'\n",
        NotGood,
        &[
            (
                "impossible",
                "no token can meet the requirements \"x\"",
                "kind"
            ),
            ("impossible", "no token can pass the route \"o\"", "require")
        ]
    ),
    tables!(
        "an alternative that is impossible",
        "profile = 'generic'",
        "[requirements.x]\nany = ['y', 'z']\n[requirements.y]\nkind = 'machine'\n[requirements.z]\nkind = 'user'\n",
        Warned,
        &[("value", "no token can meet the requirements \"y\"", "kind")]
    ),
    tables!(
        "an alternative that contradicts itself",
        "",
        "[requirements.x]\nany = ['y', 'z']\n[requirements.y]\nall = ['u', 'm']\n[requirements.z]\nscopes = ['a']\n[requirements.u]\nkind = 'user'\n[requirements.m]\nkind = 'machine'\n",
        Warned,
        &[(
            "value",
            "no token can pass the route \"named\" by one of its alternatives: a user and a machine",
            "require"
        )]
    ),
    tables!(
        "a route that is tried out",
        "profile = 'generic'",
        "[requirements.x]\nkind = 'machine'\n[[routes]]\nname = 's'\npath = '/s'\nshadow = true\nrequire = 'x'\n",
        Warned,
        &[
            ("value", "no token can meet the requirements \"x\"", "kind"),
            (
                "value",
                "no token could pass the route \"s\" without `shadow`",
                "require"
            )
        ]
    ),
    // Another issuer's claims, where they could be added.
    unusual!(
        "Authgear's roles at Okta",
        "profile = 'okta'",
        "roles = ['a']",
        "only Authgear, with the profile \"rfc9068\", writes the claim",
        "roles"
    ),
    unusual!(
        "Authgear's mark at Supabase",
        "profile = 'supabase'\naudiences = 'authenticated'",
        "verified = true",
        "only Authgear",
        "verified"
    ),
    unusual!(
        "Authgear's other mark at Keycloak",
        "profile = 'keycloak'",
        "not_anonymous = true",
        "only Authgear",
        "not_anonymous"
    ),
    unusual!(
        "a mark of users on machines",
        "",
        "kind = 'machine'\nverified = true",
        "describes users, not machines",
        "verified"
    ),
    unusual!(
        "scopes of ZITADEL",
        "profile = 'zitadel'",
        "scopes = ['a']",
        "tokens of issuers with the profile \"zitadel\" have no scopes",
        "scopes"
    ),
    unusual!(
        "Hydra's claims at Auth0",
        "profile = 'auth0'",
        "roles = ['a']\nroles_claim = ['ext', 'roles']",
        "only issuers with the profile \"ory\" write the claim \"ext\"",
        "roles_claim"
    ),
    unusual!(
        "Keycloak's claims at Okta",
        "profile = 'okta'",
        "claim_rules = [{ claim = ['realm_access', 'roles'], values = ['a'] }]",
        "only issuers with the profile \"keycloak\"",
        "claim_rules"
    ),
    unusual!(
        "an object as a text, perhaps",
        "profile = 'generic'",
        "claims = { ext = 'a' }",
        "the claim \"ext\" is an object",
        "claims"
    ),
    unusual!(
        "a dotted name",
        "profile = 'keycloak'",
        "claims = { 'realm_access.roles' = 'a' }",
        "a single claim named \"realm_access.roles\"",
        "claims"
    ),
    unusual!(
        "a dotted name of roles",
        "profile = 'generic'",
        "roles = ['a']\nroles_claim = 'resource_access.api.roles'",
        "a single claim named",
        "roles_claim"
    ),
    unusual!(
        "a login that marks another kind",
        "profile = 'spring'",
        "max_age = '5m'",
        "a token with the claim \"auth_time\" counts as another kind of token",
        "max_age"
    ),
    unusual!(
        "the methods of Supabase",
        "profile = 'supabase'\naudiences = 'authenticated'",
        "amr = ['password']",
        "the claim \"amr\" is a list of objects",
        "amr"
    ),
    unusual!(
        "the methods of Supabase as a claim",
        "profile = 'supabase'\naudiences = 'authenticated'",
        "claims = { amr = 'password' }",
        "the claim \"amr\" is a list of objects",
        "claims"
    ),
    unusual!(
        "the class of Supabase",
        "profile = 'supabase'\naudiences = 'authenticated'",
        "acr = ['gold']",
        "the profile \"supabase\" do not write the claim \"acr\"",
        "acr"
    ),
    unusual!(
        "the login of Supabase",
        "profile = 'supabase'\naudiences = 'authenticated'",
        "max_age = '5m'",
        "the profile \"supabase\" do not write the claim \"auth_time\"",
        "max_age"
    ),
    unusual!(
        "a mark of Supabase as a string",
        "profile = 'supabase'\naudiences = 'authenticated'",
        "claims = { is_anonymous = 'false' }",
        "the claim \"is_anonymous\" is true or false, and not a string",
        "claims"
    ),
    unusual!(
        "a verified address as a string",
        "profile = 'generic'",
        "claims = { email_verified = ['true', 'yes'] }",
        "the claim \"email_verified\" is true or false, and not a string",
        "claims"
    ),
    unusual!(
        "a verified number as a string",
        "profile = 'keycloak'",
        "claim_rules = [{ claim = 'phone_number_verified', values = 'true' }]",
        "the claim \"phone_number_verified\" is true or false, and not a string",
        "claim_rules"
    ),
    unusual!(
        "a nonce",
        "profile = 'ory'",
        "claims = { nonce = 'a' }",
        "a token with the claim \"nonce\" counts as another kind of token",
        "claims"
    ),
    unusual!(
        "a login in this second",
        "",
        "max_age = '0s'",
        "the user would have to authenticate in the same second as the request",
        "max_age"
    ),
    // Issuers none of whose tokens passes.
    issuer!(
        "an issuer's clients that nothing names",
        "profile = 'descope'\nclient_ids = ['c']",
        NotGood,
        (
            "impossible",
            "tokens of issuers with the profile \"descope\" name no client",
            "client_ids"
        )
    ),
    issuer!(
        "an issuer's clients that are no audience",
        "profile = 'spring'\nclient_ids = ['c']",
        NotGood,
        ("impossible", "the client is the audience", "client_ids")
    ),
    issuer!(
        "clients of Cognito that are no audience",
        "profile = 'cognito'\nclient_ids = ['c']",
        NotGood,
        ("impossible", "the client is the audience", "client_ids")
    ),
    issuer!(
        "a required scope at Dex",
        "profile = 'dex'\nrequired_claims = ['scope']",
        NotGood,
        (
            "impossible",
            "issuers with the profile \"dex\" never write the claim \"scope\"",
            "'scope'"
        )
    ),
    issuer!(
        "a required scope at Kubernetes",
        "profile = 'kubernetes'\nrequired_claims = ['scope']",
        NotGood,
        (
            "impossible",
            "issuers with the profile \"kubernetes\" never write the claim \"scope\"",
            "'scope'"
        )
    ),
    issuer!(
        "a time as the subject",
        "subject_claim = 'exp'",
        NotGood,
        (
            "impossible",
            "the claim \"exp\" is a number",
            "subject_claim"
        )
    ),
    issuer!(
        "a login time as the subject",
        "subject_claim = 'auth_time'",
        NotGood,
        (
            "impossible",
            "the claim \"auth_time\" is a number",
            "subject_claim"
        )
    ),
    issuer!(
        "an object as the subject",
        "profile = 'keycloak'\nsubject_claim = 'realm_access'",
        NotGood,
        (
            "impossible",
            "the claim \"realm_access\" is an object",
            "subject_claim"
        )
    ),
    issuer!(
        "a name as the subject of a service account",
        "profile = 'kubernetes'\nsubject_claim = 'preferred_username'",
        NotGood,
        (
            "impossible",
            "never write the claim \"preferred_username\"",
            "subject_claim"
        )
    ),
    issuer!(
        "algorithms that no key can do",
        "algorithms = ['RS256', 'ES256']",
        NotGood,
        (
            "impossible",
            "none of the keys is for an algorithm",
            "jwks_file"
        )
    ),
    issuer!(
        "no lifetime",
        "max_lifetime = '0s'",
        NotGood,
        ("impossible", "expire in the second", "max_lifetime")
    ),
    issuer!(
        "less than a second",
        "max_lifetime = '900ms'",
        NotGood,
        ("impossible", "expire in the second", "max_lifetime")
    ),
    issuer!(
        "a blank after the issuer",
        "issuer = 'https://id.example '",
        NotGood,
        (
            "impossible",
            "begins or ends with white space",
            "'https://id.example '"
        )
    ),
    issuer!(
        "a control character in the audience",
        "audiences = \"https://api.example\\n\"",
        NotGood,
        ("impossible", "begins or ends with white space", "\"https")
    ),
    Kind {
        name: "keys that are all ambiguous",
        scope: Scope::OneIssuer,
        issuer: "jwks_file = 'twins.json'",
        tables: "",
        verdict: Verdict::NotGood,
        expected: &[
            (
                "impossible",
                "no token can pass: each of its keys shares its `kid`",
                "",
            ),
            (
                "kid_ambiguous",
                "several keys have the same `kid` or thumbprint \"twin\"",
                "",
            ),
        ],
    },
    Kind {
        name: "too many nameless keys",
        scope: Scope::OneIssuer,
        issuer: "jwks_file = 'nameless.json'",
        tables: "",
        verdict: Verdict::NotGood,
        expected: &[
            ("impossible", "or has neither, and there are too many", ""),
            (
                "kid_missing",
                "more than 4 keys without a `kid` are for ES256",
                "",
            ),
        ],
    },
    // Issuers of whom hardly anybody means it.
    issuer!(
        "ambiguous keys next to another",
        "jwks_file = 'twins-and-good.json'",
        Warned,
        (
            "kid_ambiguous",
            "several keys have the same `kid` or thumbprint \"twin\"",
            ""
        )
    ),
    issuer!(
        "a secret with a final newline",
        "algorithms = ['HS256']\nsecret = 'file:newline.txt'",
        Warned,
        ("value", "the secret ends in a newline", "secret")
    ),
    issuer!(
        "an audience that only ID tokens have",
        "client_ids = ['https://api.example']",
        Warned,
        (
            "value",
            "only ID tokens have a client as their audience",
            "'https://api.example'"
        )
    ),
    issuer!(
        "an audience that ID tokens have as well",
        "profile = 'generic'\nclient_ids = ['https://api.example']\ntokens = 'by_audience'",
        Warned,
        ("value", "accepts them", "'https://api.example'")
    ),
    issuer!(
        "a subject that users choose",
        "profile = 'keycloak'\nsubject_claim = 'email'",
        Warned,
        (
            "value",
            "at many issuers, users can change",
            "subject_claim"
        )
    ),
    issuer!(
        "a subject that may be outside ASCII",
        "profile = 'keycloak'\nsubject_claim = 'unique_name'",
        Warned,
        (
            "value",
            "users whose \"unique_name\" has characters outside ASCII are refused",
            "subject_claim"
        )
    ),
    tables!(
        "a name that is left out",
        "",
        "[[identity.fields]]\nheader = \"X-Name\"\nclaim = \"name\"\n",
        Warned,
        &[(
            "value",
            "values of the claim \"name\" with characters outside ASCII are left out: `encoding` is \"plain\"",
            "claim"
        )]
    ),
    tables!(
        "an address that is left out",
        "",
        "[[identity.fields]]\nheader = \"X-Town\"\nclaim = [\"address\", \"locality\"]\nencoding = \"comma\"\n",
        Warned,
        &[(
            "value",
            "values of the claim \"address.locality\" with characters outside ASCII are left out: `encoding` is \"comma\"",
            "claim"
        )]
    ),
    issuer!(
        "the audience as the subject",
        "subject_claim = 'aud'",
        Warned,
        (
            "value",
            "does not name a subject: it is the same in all tokens",
            "subject_claim"
        )
    ),
    issuer!(
        "the audience of each token of a realm",
        "profile = 'keycloak'\naudiences = ['account']",
        Warned,
        (
            "value",
            "is in nearly every token of the realm",
            "'account'"
        )
    ),
    issuer!(
        "the same under another profile",
        "issuer = 'https://id.example/realms/shop'\nprofile = 'generic'\naudiences = ['account']",
        Warned,
        (
            "value",
            "is in nearly every token of the realm",
            "'account'"
        )
    ),
    issuer!(
        "Keycloak without its profile",
        "issuer = 'https://id.example/realms/shop'",
        Warned,
        ("value", "an issuer with the profile \"keycloak\"", "issuer")
    ),
    issuer!(
        "Dex without its profile",
        "issuer = 'https://dex.example/dex'",
        Warned,
        ("value", "an issuer with the profile \"dex\"", "issuer")
    ),
    issuer!(
        "Google without its profile",
        "issuer = 'https://accounts.google.com'",
        Warned,
        ("value", "an issuer with the profile \"google\"", "issuer")
    ),
    Kind {
        name: "an audience that is no load balancer",
        scope: Scope::OneIssuer,
        issuer: "profile = 'aws-alb'\njwks_uri = 'https://keys.example/{kid}'",
        tables: "[[protection.sources]]\nfield = 'X-Amzn-Oidc-Data'\n",
        verdict: Verdict::NotGood,
        expected: &[(
            "impossible",
            "the ARN of a load balancer, and none of `audiences` is one",
            "audiences",
        )],
    },
    Kind {
        name: "one audience that is no load balancer, and no source of its tokens",
        scope: Scope::OneIssuer,
        issuer: "profile = 'aws-alb'\njwks_uri = 'https://keys.example/{kid}'\naudiences = ['api', 'arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/a/1']",
        tables: "",
        verdict: Verdict::Warned,
        expected: &[
            (
                "value",
                "\"api\" is not the ARN of a load balancer",
                "'api'",
            ),
            (
                "value",
                "no source is the field `X-Amzn-Oidc-Data`",
                "profile",
            ),
        ],
    },
    issuer!(
        "the tenant of Microsoft in upper case",
        "issuer = 'https://login.microsoftonline.com/9188040D-6C67-4C5B-B112-36A304B66DAD/v2.0'\nprofile = 'entra'",
        Warned,
        (
            "value",
            "has the tenant's ID in upper case",
            "'https://login"
        )
    ),
    issuer!(
        "a name for many tenants of Microsoft",
        "issuer = 'https://login.microsoftonline.com/common/v2.0'\nprofile = 'entra'",
        Warned,
        (
            "value",
            "no token has this issuer: Microsoft writes the ID of the user's tenant in place of \"common\"",
            "'https://login"
        )
    ),
    issuer!(
        "an audience that Supabase does not write",
        "profile = 'supabase'",
        Warned,
        (
            "value",
            "Supabase's tokens have the audience \"authenticated\"",
            "audiences"
        )
    ),
    issuer!(
        "Okta at the URL of Keycloak",
        "issuer = 'https://id.example/realms/shop'\nprofile = 'okta'",
        Warned,
        (
            "value",
            "an issuer with the profile \"keycloak\", but `profile` is \"okta\"",
            "issuer"
        )
    ),
    issuer!(
        "Keycloak at the URL of Supabase",
        "issuer = 'https://ref.supabase.co/auth/v1'\nprofile = 'keycloak'",
        Warned,
        (
            "value",
            "an issuer with the profile \"supabase\", but `profile` is \"keycloak\"",
            "issuer"
        )
    ),
    issuer!(
        "a dotted name that is required",
        "profile = 'generic'\nrequired_claims = ['realm_access.roles']",
        Warned,
        ("value", "a single claim named", "'realm_access.roles'")
    ),
    issuer!(
        "a nonce that is required",
        "profile = 'okta'\nrequired_claims = ['nonce']",
        Warned,
        (
            "value",
            "a token with the claim \"nonce\" counts as another kind of token",
            "'nonce'"
        )
    ),
    issuer!(
        "a blank before one of two audiences",
        "audiences = [' a', 'b']",
        Warned,
        ("value", "no token can have this value", "' a'")
    ),
    // Routes.
    issuer!(
        "jobs of every repository",
        "issuer = 'https://token.actions.githubusercontent.com'\nprofile = 'github-actions'",
        Warned,
        (
            "value",
            "requires nothing of a token, so it admits every repository on GitHub",
            "name"
        )
    ),
    issuer!(
        "jobs of every project",
        "issuer = 'https://gitlab.com'\nprofile = 'gitlab'",
        Warned,
        (
            "value",
            "requires nothing of a token, so it admits every project on GitLab",
            "name"
        )
    ),
    issuer!(
        "every service account",
        "issuer = 'https://accounts.google.com'\nprofile = 'google'",
        Warned,
        (
            "value",
            "requires nothing of a token, so it admits every service account of Google",
            "name"
        )
    ),
    tables!(
        "a route behind a wider one",
        "",
        "[[routes]]\nname = \"wide\"\npath_prefix = \"/wide\"\n[[routes]]\nname = \"late\"\npath_prefix = \"/wide/late\"\n",
        Warned,
        &[(
            "rule_pattern",
            "the route \"late\" is never used: the earlier route \"wide\" matches",
            "name"
        )]
    ),
    tables!(
        "a route behind several",
        "",
        "[[routes]]\nname = \"g\"\npath_prefix = \"/w\"\nmethods = \"GET\"\n[[routes]]\nname = \"p\"\npath_prefix = \"/w\"\nmethods = \"POST\"\n[[routes]]\nname = \"both\"\npath = \"/w/a\"\nmethods = [\"GET\", \"POST\"]\n",
        Warned,
        &[(
            "rule_pattern",
            "the route \"both\" is never used: the earlier routes \"g\" and \"p\" together match",
            "name"
        )]
    ),
    tables!(
        "a route whose requests are all refused",
        "",
        "[[routes]]\nname = \"semicolon\"\npath = \"/a;b\"\n",
        NotGood,
        &[(
            "impossible",
            "no request can pass the route: with `paths = \"exact\"`",
            "\"/a;b\""
        )]
    ),
    tables!(
        "a path whose requests are all refused",
        "",
        "[[routes]]\nname = \"semicolon\"\npath = [\"/a;b\", \"/a\"]\n",
        Warned,
        &[("rule_pattern", "no request can have this path", "\"/a;b\"")]
    ),
    // Mistakes, with which nothing starts.
    issuer!(
        "a placeholder without tenants",
        "issuer = 'https://id.example/{tenant}'",
        Refused,
        (
            "value",
            "has a placeholder",
            "'https://id.example/{tenant}'"
        )
    ),
    issuer!(
        "a secret for other algorithms",
        "algorithms = ['RS256']\nsecret = 'env:SECRET'",
        Refused,
        ("missing", "`secret` needs HS256", "secret")
    ),
    tables!(
        "an empty segment",
        "",
        "[[routes]]\nname = \"empty\"\npath = \"/a//b\"\n",
        Refused,
        &[("rule_pattern", "\"/a//b\"", "\"/a//b\"")]
    ),
    tables!(
        "an escaped slash",
        "",
        "[[routes]]\nname = \"escape\"\npath = \"/a%2Fb\"\n",
        Refused,
        &[("rule_pattern", "\"/a%2Fb\"", "\"/a%2Fb\"")]
    ),
];
