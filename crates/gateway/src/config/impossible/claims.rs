//! Which claims the tokens of an issuer have: from the rows of the profiles, and from the lists below.
//!
//! Certain is what bearward itself refuses, and what an issuer that lets nobody add claims does not
//! write. Auth0, Keycloak, Okta, Microsoft and most others can be set up to write any claim, so that
//! another issuer's claim is only unusual there.

use bearward::Profile;
use bearward::core::authgear::{IS_ANONYMOUS, IS_VERIFIED, ROLES};
use bearward::core::requirements::ClaimValue;
use bearward::issuer::placeholder;

use super::issuer::Issuer;

/// Why no token of an issuer has what is demanded, or hardly any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) is_certain: bool,
    pub(super) why: String,
    pub(super) help: &'static str,
}

impl Obstacle {
    pub(super) fn certain(why: impl Into<String>, help: &'static str) -> Self {
        Self {
            is_certain: true,
            why: why.into(),
            help,
        }
    }

    pub(super) fn unusual(why: impl Into<String>, help: &'static str) -> Self {
        Self {
            is_certain: false,
            why: why.into(),
            help,
        }
    }
}

/// What a claim is needed for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need<'v> {
    /// It must be there.
    Present,
    /// It must be a text, or texts.
    Text,
    /// It must be one of these values, or contain one.
    Values(&'v [ClaimValue]),
}

impl Issuer<'_> {
    /// Why no token of the issuer, or hardly any, has the claim at this path as it is needed.
    pub(super) fn obstacle_of_claim(&self, path: &[&str], need: Need<'_>) -> Option<Obstacle> {
        let (name, below) = path.split_first()?;
        let profile = self.profile;
        let is_text = self.is_text(name);
        if (is_text || NUMBERS.contains(name)) && !below.is_empty() {
            let why = format!("the claim {name:?} has no members");
            return Some(Obstacle::certain(why, "name another claim"));
        }
        if below.is_empty() && has_other_type(name, need) {
            let why = format!("the claim {name:?} is a number");
            return Some(Obstacle::certain(why, "name another claim"));
        }
        if let (true, Need::Values(values)) = (is_text, need)
            && !values
                .iter()
                .any(|value| matches!(value, ClaimValue::Text(_)))
        {
            let why = format!("the claim {name:?} is a string");
            return Some(Obstacle::certain(why, "put the value in quotes"));
        }
        if let (true, Need::Values(values)) = (below.is_empty(), need)
            && let Some(why) = self.other_values(name, values)
        {
            return Some(Obstacle::certain(why, "correct the value"));
        }
        if never_writes(profile, name) {
            let why =
                format!("issuers with the profile \"{profile}\" never write the claim {name:?}");
            let help = "check `profile`, or require a claim that its issuers write";
            return Some(Obstacle::certain(why, help));
        }
        self.obstacle_of_object(name, below.is_empty(), need)
            .or_else(|| self.obstacle_of_authgear(name))
            .or_else(|| self.obstacle_of_supabase(name, need))
            .or_else(|| self.obstacle_of_flag(name, below.is_empty(), need))
            .or_else(|| self.obstacle_of_other_kind(name))
    }

    /// Whether a token in which the claim is neither a text nor a list of texts is refused.
    fn is_text(&self, name: &str) -> bool {
        match name {
            "iss" | "scope" | "scp" | "typ" => true,
            "aud" => self.profile.audience_claim() == "aud",
            // With another claim for the subject, nothing reads it.
            "sub" => !self.has_subject_claim,
            _ => false,
        }
    }

    /// Why the client of a token is none of these.
    pub(super) fn obstacle_of_clients(&self, clients: &[String]) -> Option<Obstacle> {
        let has = |list: &[&str]| clients.iter().any(|client| list.contains(&client.as_str()));
        if self.profile.client_id_claims().is_empty() {
            let why = format!(
                "tokens of issuers with the profile \"{}\" name no client",
                self.profile
            );
            return Some(Obstacle::certain(
                why,
                "rely on `audiences`, or require another claim",
            ));
        }
        if !self.client_ids.is_empty() && !has(&self.client_ids) {
            let why = "the issuer's `client_ids` has none of these clients";
            return Some(Obstacle::certain(why, "add the client there as well"));
        }
        if self.has_client_as_audience() && !has(&self.audiences) {
            let why = format!(
                "under the profile \"{}\", the client is the audience, and `audiences` has none of these clients",
                self.profile
            );
            return Some(Obstacle::certain(why, "add the client to `audiences`"));
        }
        None
    }

    /// Why the claim is none of these values in any token that is accepted.
    fn other_values(&self, name: &str, values: &[ClaimValue]) -> Option<String> {
        let profile = self.profile;
        let texts = || {
            let texts = values.iter().filter_map(|value| match value {
                ClaimValue::Text(text) => Some(text.as_str()),
                ClaimValue::Flag(_) | ClaimValue::Number(_) | _ => None,
            });
            texts.collect::<Vec<_>>()
        };
        let has = |allowed: &[&str]| texts().iter().any(|text| allowed.contains(text));
        let says = profile.kind_claim().filter(|(claim, _)| *claim == name);
        let types = || (name == "typ").then(|| ("typ", profile.claim_types()));
        let start = profile.subject_begins();
        if name == "iss" {
            let is_possible = texts().iter().any(|text| self.is_called(text));
            return (!is_possible).then(|| {
                "the claim \"iss\" of every accepted token is the \
             issuer's name, and this is not it"
                    .to_owned()
            });
        }
        if let Some((_, allowed)) = says.or_else(types) {
            let allowed_words = allowed.join("\" or \"");
            let why = || format!("the claim {name:?} of an access token is \"{allowed_words}\"");
            return (!has(allowed)).then(why);
        }
        if name == "token_use" && self.is_by_audience {
            let why = || "the claim \"token_use\" of an access token is \"access\"".to_owned();
            return (!has(&["access"])).then(why);
        }
        if name == "sub" && !start.is_empty() {
            let is_possible = texts().iter().any(|text| text.starts_with(start));
            return (!is_possible).then(|| format!("the claim \"sub\" begins with {start:?}"));
        }
        let audience = profile.audience_claim();
        // A load balancer's is in the header.
        if name == audience && audience != "aud" && !profile.is_of_load_balancer() {
            let why = || format!("the claim {name:?} is one of `audiences`");
            return (!has(&self.audiences)).then(why);
        }
        None
    }

    /// Whether `iss` may be this text.
    fn is_called(&self, text: &str) -> bool {
        self.names.iter().any(|name| match placeholder(name) {
            Some((before, after)) => text.starts_with(before) && text.ends_with(after),
            None => *name == text,
        })
    }

    /// The claim is an object, or would be at another issuer.
    fn obstacle_of_object(&self, name: &str, is_whole: bool, need: Need<'_>) -> Option<Obstacle> {
        let writers = OBJECTS.iter().filter(|(object, _)| *object == name);
        let writers: Vec<_> = writers.map(|(_, profile)| *profile).collect();
        let first = writers.first()?;
        let is_text = is_whole && !matches!(need, Need::Present);
        let is_own = writers.contains(&self.profile);
        if is_text && (is_own || self.profile == Profile::Generic) {
            let why = format!(
                "the claim {name:?} is an object, and no value in a requirement \
             equals an object"
            );
            let help = "name the members below it with `claim_rules` or `roles_claim`";
            return Some(match is_own {
                true => Obstacle::certain(why, help),
                false => Obstacle::unusual(why, help),
            });
        }
        // Issuers with the profile `generic` may be any.
        if is_own || self.profile == Profile::Generic {
            return None;
        }
        let why = format!("only issuers with the profile \"{first}\" write the claim {name:?}");
        let help = "check `profile`, or the name of the claim";
        Some(Obstacle::unusual(why, help))
    }

    /// The claim is Authgear's, and the issuer is not.
    fn obstacle_of_authgear(&self, name: &str) -> Option<Obstacle> {
        let is_authgear = matches!(self.profile, Profile::Generic | Profile::Rfc9068);
        if is_authgear || !AUTHGEAR.contains(&name) {
            return None;
        }
        let why = format!("only Authgear, with the profile \"rfc9068\", writes the claim {name:?}");
        let help = match name {
            ROLES => "add `roles_claim`; the table of profiles says where each issuer writes roles",
            _ => "require a claim of your issuer with `claims`",
        };
        Some(Obstacle::unusual(why, help))
    }

    /// Supabase describes a login in its own way, unless a hook changes that.
    fn obstacle_of_supabase(&self, name: &str, need: Need<'_>) -> Option<Obstacle> {
        if self.profile != Profile::Supabase {
            return None;
        }
        let help = "require `aal` with `claims`, for example `aal = \"aal2\"`";
        match (name, need) {
            ("acr" | "auth_time", Need::Present | Need::Text | Need::Values(_)) => {
                let why = format!(
                    "issuers with the profile \"supabase\" do not write the claim {name:?}, unless \
                     a hook adds it"
                );
                Some(Obstacle::unusual(why, help))
            }
            ("amr", Need::Text | Need::Values(_)) => {
                let why = "with the profile \"supabase\", the claim \"amr\" is a list of objects, \
                           and no value in a requirement equals an object";
                Some(Obstacle::unusual(why, help))
            }
            _ => None,
        }
    }

    /// The claim is `true` or `false`, and is compared with a string.
    fn obstacle_of_flag(&self, name: &str, is_whole: bool, need: Need<'_>) -> Option<Obstacle> {
        // A load balancer copies what the identity provider's endpoint says, and Cognito's says "true".
        let is_flag = FLAGS.contains(&name) && !self.profile.is_of_load_balancer();
        let Need::Values(values) = need else {
            return None;
        };
        if !is_flag || !is_whole {
            return None;
        }
        let is_string = |wanted: &str| {
            let is_wanted =
                |value: &ClaimValue| matches!(value, ClaimValue::Text(text) if *text == wanted);
            values.iter().any(is_wanted)
        };
        let has_flag = values
            .iter()
            .any(|value| matches!(value, ClaimValue::Flag(_)));
        let help = match (is_string("true"), is_string("false")) {
            _ if has_flag => return None,
            (true, _) => "write true, without quotes",
            (false, true) => "write false, without quotes",
            (false, false) => return None,
        };
        let why = format!("the claim {name:?} is true or false, and not a string");
        Some(Obstacle::unusual(why, help))
    }

    /// The claim marks a token of another kind, unless a header `at+jwt` says otherwise, which these
    /// issuers do not write by themselves.
    fn obstacle_of_other_kind(&self, name: &str) -> Option<Obstacle> {
        let help = "require a claim of access tokens";
        if self.is_by_audience {
            // These alone are still looked at.
            let is_refused = ["events", "htm", "htu"].contains(&name);
            let why = || {
                format!(
                    "a token with the claim {name:?} is refused, because it counts \
             as another kind of token"
                )
            };
            return is_refused.then(|| Obstacle::certain(why(), help));
        }
        if !self.profile.kind_refuses().contains(&name) {
            return None;
        }
        let why = format!(
            "under the profile \"{}\", a token with the claim {name:?} counts as another kind of \
             token and is refused, \
                 unless its header says `at+jwt`",
            self.profile
        );
        Some(Obstacle::unusual(why, help))
    }
}

/// Whether the claim is a number, and needed as something else.
fn has_other_type(name: &str, need: Need<'_>) -> bool {
    let is_number = |value: &ClaimValue| matches!(value, ClaimValue::Number(_));
    // `auth_time` alone is not looked at in each token.
    let is_time = NUMBERS.contains(&name);
    match need {
        Need::Present => false,
        Need::Text => is_time || name == "auth_time",
        Need::Values(values) => is_time && !values.iter().any(is_number),
    }
}

/// Whether a token with one of these claims at the top is certainly none of such an issuer.
fn never_writes(profile: Profile, name: &str) -> bool {
    let Some((_, more)) = CLOSED.iter().find(|(closed, _)| *closed == profile) else {
        return profile == Profile::Firebase && RESERVED_AT_FIREBASE.contains(&name);
    };
    let lists = [AUTHGEAR, OF_ACCESS];
    let is_foreign = lists
        .into_iter()
        .chain(more.iter().copied())
        .flatten()
        .any(|known| *known == name)
        || is_object(name);
    is_foreign && !is_in_row(profile, name)
}

/// Whether the row of the profile names the claim: then its issuers may write it.
fn is_in_row(profile: Profile, name: &str) -> bool {
    let paths = profile
        .roles_claims()
        .iter()
        .filter_map(|path| path.first());
    let says = profile.kind_claim().map(|(claim, _)| claim);
    let mut known = profile
        .required_claims()
        .iter()
        .chain(profile.kind_needs())
        .chain(profile.client_id_claims())
        .chain(paths);
    known.any(|known| *known == name) || says == Some(name)
}

/// Whether a claim with this name is an object at the issuers that write it.
pub(super) fn is_object(name: &str) -> bool {
    OBJECTS.iter().any(|(known, _)| *known == name)
}

/// Claims that are objects, and the profile of the issuers that write them.
const OBJECTS: &[(&str, Profile)] = &[
    ("ext", Profile::Ory),
    ("firebase", Profile::Firebase),
    ("kubernetes.io", Profile::Kubernetes),
    ("realm_access", Profile::Keycloak),
    ("resource_access", Profile::Keycloak),
    ("urn:zitadel:iam:org:project:roles", Profile::Zitadel),
];

/// Claims that each token has as a number, and so without members.
const NUMBERS: &[&str] = &["exp", "iat", "nbf"];

/// Claims that are `true` or `false`: OpenID Connect Core §5.1, and Supabase's.
const FLAGS: &[&str] = &["email_verified", "is_anonymous", "phone_number_verified"];

/// Claims that Authgear alone writes.
const AUTHGEAR: &[&str] = &[IS_ANONYMOUS, IS_VERIFIED, ROLES];

/// Claims about the access that a client was given.
const OF_ACCESS: &[&str] = &[
    "appid",
    "cid",
    "client_id",
    "permissions",
    "roles",
    "scope",
    "scp",
];

/// Claims about a login.
const OF_LOGIN: &[&str] = &["acr", "amr", "auth_time", "sid"];

/// Claims about a person, or the client that a person uses.
const OF_PERSON: &[&str] = &[
    "azp",
    "email",
    "groups",
    "name",
    "nickname",
    "phone_number",
    "preferred_username",
];

/// Profiles of issuers whose claims nobody can add to at the top of a token, and what they certainly do
/// not write besides [`AUTHGEAR`]'s claims, those of [`OF_ACCESS`] and the [`OBJECTS`] of others. A claim
/// in none of these lists may come with a later version. What the row of the profile names is written.
///
/// SPIRE has plugins that add claims, so SPIFFE is not here.
const CLOSED: &[(Profile, &[&[&str]])] = &[
    // What a team adds is below `custom`.
    (
        Profile::CloudflareAccess,
        &[&["acr", "auth_time", "azp", "sid"]],
    ),
    // Later versions write more about the login.
    (Profile::Dex, &[]),
    // All are tokens of jobs.
    (Profile::GithubActions, &[OF_LOGIN, OF_PERSON]),
    (Profile::Gitlab, &[OF_LOGIN, OF_PERSON]),
    // What Identity Platform adds is below `gcip`.
    (Profile::Google, &[&["acr"]]),
    (Profile::Kubernetes, &[OF_LOGIN, OF_PERSON]),
];

/// Names that no developer may give to a claim at Firebase, and that it does not write itself. Every
/// other name is free there, even `scope`.
const RESERVED_AT_FIREBASE: &[&str] = &["acr", "amr", "azp"];
