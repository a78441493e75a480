//! Who issued a token and for whom: tokens of another environment, of another tenant, under another
//! name, for another audience or for none.

use bearward_core::Profile;
use bearward_core::rejection::InvalidToken;

use super::{Case, Diagnosis, kind};
use crate::explain::check::{Check, Verdict};
use crate::explain::text::quoted;

/// A token whose issuer and audience are both others than the configured ones.
pub(super) fn environment(case: &Case<'_>) -> Option<Diagnosis> {
    let found = case.foreign_issuer()?;
    let is_known = case.same_tenant(&found).is_some()
        || case.tenant_mismatch(&found).is_some()
        || case.org_server(&found).is_some()
        || case.nearest(&found).is_some();
    if is_known || case.audiences().is_empty() || !case.has_foreign_audience() {
        return None;
    }
    let (issuer, audiences) = (quoted(&found), joined(&case.audiences()));
    let expected = case.expected_issuers();
    Some(Diagnosis::new(
        format!(
            "This token was issued by {issuer} for {audiences}; this server trusts {expected} for {}: \
             probably a token of another environment.",
            case.expected_audiences()
        ),
        format!("Get a token from {expected}. Trust another environment's issuer only on purpose."),
    ))
}

/// Issuer and audience next to each other, if one of them fails; at Microsoft Entra, also the tenant.
pub(super) fn pair(case: &Case<'_>) -> Vec<Check> {
    let claim = case.asked.policy.profile().audience_claim();
    let pair = ["iss", claim].map(|name| case.check(name).cloned());
    let is_configured = |check: &Check| match check.name {
        "iss" => case.asked.issuers().next().is_some(),
        _ => case.asked.audiences().next().is_some(),
    };
    let pair: Vec<Check> = pair.into_iter().flatten().filter(is_configured).collect();
    if !pair.iter().any(|check| check.verdict.code().is_some()) {
        return Vec::new();
    }
    let tenants = case.tenants();
    let tenant = case.payload.string("tid").filter(|_| !tenants.is_empty());
    let tenant = tenant.map(|found| {
        let verdict = match tenants.contains(&found) {
            true => Verdict::Ok,
            false => Verdict::Fail(InvalidToken::IssuerUnknown.code()),
        };
        Check::new("tid", joined(&tenants), (quoted(&found), verdict))
    });
    pair.into_iter().chain(tenant).collect()
}

/// A token of an issuer that is not configured.
pub(super) fn issuer(case: &Case<'_>) -> Option<Diagnosis> {
    let Some(found) = case.foreign_issuer() else {
        return case.named_tenant();
    };
    if let Some(ours) = case.same_tenant(&found) {
        return Some(case.entra_version(&found, &ours));
    }
    if let Some(diagnosis) = case.tenant_mismatch(&found) {
        return Some(diagnosis);
    }
    if let Some(diagnosis) = case.org_server(&found) {
        return Some(diagnosis);
    }
    if let Some((ours, differs)) = case.nearest(&found) {
        let setting = case.setting("issuer", "--issuer");
        // Anybody could have written this token: it must not lead to keys that come over plain http.
        let remedy = match found.starts_with("http:") && ours.starts_with("https:") {
            true => "Keep https: have the issuer write its https URL into its tokens.".to_owned(),
            false => format!(
                "If it is your issuer's token, write the issuer in {setting} exactly as the token has it."
            ),
        };
        return Some(Diagnosis::new(
            format!(
                "Its issuer differs from yours only in {differs}: {}, not {}; both must be exactly equal.",
                quoted(&found),
                quoted(ours)
            ),
            remedy,
        ));
    }
    if let Some(ours) = case.same_path(&found) {
        return Some(case.other_name(&found, ours));
    }
    let expected = case.expected_issuers();
    (!expected.is_empty()).then(|| {
        Diagnosis::new(
            format!("It was issued by {}; this server trusts {expected}.", quoted(&found)),
            format!(
                "Get a token from {expected}. If both are names of one issuer, configure the one that its \
                 tokens have."
            ),
        )
    })
}

/// A token for another audience.
pub(super) fn audience(case: &Case<'_>) -> Option<Diagnosis> {
    if case.header.has("signer") {
        return kind::signer(case);
    }
    let found = case.audiences();
    let expected = case.expected_audiences();
    if case
        .payload
        .string("iss")
        .is_some_and(|issuer| found.first() == Some(&issuer))
    {
        return Some(for_its_issuer(case));
    }
    if let Some(account) = for_account(case) {
        return Some(account);
    }
    let setting = case.setting("audiences", "--audience");
    if is_same_application(case) {
        return Some(Diagnosis::new(
            format!(
                "Its audience {} is the application of {expected}, in the spelling of the other version of Microsoft \
                 Entra's tokens.",
                joined(&found)
            ),
            format!("Add {} to {setting}.", joined(&found)),
        ));
    }
    let name = case.audience_name();
    let request = case.provider.and_then(|provider| provider.audience);
    let request = request.map_or_else(
        || format!("Have the client request a token for {expected}."),
        |request| request.replace(AUDIENCE, &name),
    );
    Some(Diagnosis::new(
        format!(
            "It is a token for another audience: {}; this server is {expected}.",
            joined(&found)
        ),
        format!(
            "{request} Only if {} is another name of this API, add it to {setting}.",
            joined(&found)
        ),
    ))
}

/// What can be said of a token for which no audience or no issuer is configured: it would be refused wherever one is.
pub(super) fn unasked(case: &Case<'_>) -> Option<Diagnosis> {
    if case.asked.audiences().next().is_none()
        && let Some(account) = for_account(case)
    {
        return Some(account);
    }
    let issuer = case
        .payload
        .string("iss")
        .filter(|_| case.asked.issuers().next().is_none())?;
    let is_version_1 = case.is_of(Profile::Entra) && issuer.contains("//sts.windows.net/");
    is_version_1.then(|| {
        Diagnosis::new(
            format!(
                "This is a version 1 token of Microsoft Entra, issued by {}; a server that trusts \
                 `https://login.microsoftonline.com/TENANT/v2.0` takes version 2 alone.",
                quoted(&issuer)
            ),
            VERSION_2,
        )
    })
}

/// A token of Keycloak for nobody but Keycloak's own account pages.
fn for_account(case: &Case<'_>) -> Option<Diagnosis> {
    let is_account = case.audiences() == ["account"];
    let request = case
        .provider
        .filter(|_| is_account && case.is_of(Profile::Keycloak))?
        .audience?;
    let why = "Its only audience is \"account\", which Keycloak writes into nearly every token of the realm";
    let why = match case.expected_audiences().as_str() {
        "" => format!("{why}: it is for no API."),
        expected => format!("{why}; this server is {expected}."),
    };
    Some(Diagnosis::new(
        why,
        request.replace(AUDIENCE, &case.audience_name()),
    ))
}

/// Whether the audience is a configured one in another spelling: Microsoft Entra writes `api://ID` in version 1, and the
/// ID in version 2.
pub(super) fn is_same_application(case: &Case<'_>) -> bool {
    fn id(audience: &str) -> &str {
        audience.strip_prefix("api://").unwrap_or(audience)
    }
    let found = case.audiences();
    let mut ours = case.asked.audiences();
    case.is_of(Profile::Entra) && ours.any(|ours| found.iter().any(|found| id(found) == id(ours)))
}

/// A token for nobody in particular.
pub(super) fn no_audience(case: &Case<'_>) -> Option<Diagnosis> {
    if case.asked.policy.profile().is_of_load_balancer() {
        return Some(Diagnosis::new(
            "It has no `signer` in its header, so no load balancer signed it.",
            "Send what the load balancer writes into `X-Amzn-Oidc-Data`, not the token of the identity provider \
             in `X-Amzn-Oidc-Accesstoken`.",
        ));
    }
    let name = case.audience_name();
    let why = match case.payload.get("aud").is_some() {
        true => "It is for no audience: its `aud` is empty.",
        false => "It has no `aud`: its issuer did not say for whom it is.",
    };
    let is_of_cognito =
        case.is_of(Profile::Cognito) || case.payload.get("token_use") == Some("\"access\"");
    if is_of_cognito && case.asked.policy.profile() != Profile::Cognito {
        let profile = match case.asked.is_configured() {
            true => "profile = \"cognito\"",
            false => "--profile cognito",
        };
        return Some(Diagnosis::new(
            "It has no `aud`: Amazon Cognito names the app client in `client_id` instead.",
            format!("Use `{profile}`, with the ID of the app client as the audience."),
        ));
    }
    let remedy = case.provider.and_then(|provider| provider.audience).map_or_else(
        || {
            let audience = match case.asked.audiences().next() {
                Some(_) => format!("the audience {name}"),
                None => name.clone(),
            };
            format!("Have the client request {audience}, and configure the issuer to write it into `aud`.")
        },
        |request| request.replace(AUDIENCE, &name),
    );
    Some(Diagnosis::new(why, remedy))
}

/// A token for its own issuer: of a user of Authgear. Elsewhere such a token is a refresh token, or that of
/// a pod for the cluster itself.
fn for_its_issuer(case: &Case<'_>) -> Diagnosis {
    if case.asked.policy.profile() != Profile::Rfc9068 {
        return Diagnosis::new(
            "Its audience is its issuer: it is for the issuer itself, and not for your API.",
            "Have the client request a token for your API.",
        );
    }
    let remedy = match case.asked.is_configured() {
        true => "add the issuer to its audiences",
        false => "pass the issuer as --audience too",
    };
    Diagnosis::new(
        "Its audience is its issuer, as in Authgear's tokens for users.",
        format!("If your API serves users, {remedy}."),
    )
}

impl Case<'_> {
    /// The `iss` of the token, if it is none of the configured issuers.
    fn foreign_issuer(&self) -> Option<String> {
        let found = self.payload.string("iss")?;
        let mut issuers = self.asked.issuers().peekable();
        issuers.peek()?;
        (!issuers.any(|ours| ours == found)).then_some(found)
    }

    /// Whom the token is for.
    pub(super) fn audiences(&self) -> Vec<String> {
        let claim = self.asked.policy.profile().audience_claim();
        let found = self.payload.get(claim).unwrap_or_default();
        serde_json::from_str(found)
            .or_else(|_| serde_json::from_str(found).map(|value| vec![value]))
            .unwrap_or_default()
    }

    fn has_foreign_audience(&self) -> bool {
        let found = self.audiences();
        let mut ours = self.asked.audiences().peekable();
        ours.peek().is_some() && !ours.any(|ours| found.iter().any(|found| found == ours))
    }

    fn expected_issuers(&self) -> String {
        let issuers: Vec<String> = self.asked.issuers().map(str::to_owned).collect();
        joined(&issuers)
    }

    pub(super) fn expected_audiences(&self) -> String {
        let audiences: Vec<String> = self.asked.audiences().map(str::to_owned).collect();
        joined(&audiences)
    }

    /// The name that a client has to request.
    fn audience_name(&self) -> String {
        self.asked
            .audiences()
            .next()
            .map_or_else(|| "your API's audience".to_owned(), quoted)
    }

    pub(super) fn is_of(&self, profile: Profile) -> bool {
        self.provider
            .is_some_and(|provider| provider.profile == profile)
    }

    /// A configured issuer from which this one differs only in spelling, and the difference.
    fn nearest(&self, found: &str) -> Option<(&str, &'static str)> {
        let mut issuers = self.asked.issuers();
        issuers.find_map(|ours| Some((ours, nearly(found, ours)?)))
    }

    /// A configured issuer with the same path on another host, if the path says something.
    fn same_path(&self, found: &str) -> Option<&str> {
        let path = path_of(found).filter(|path| path.len() > 1)?;
        self.asked
            .issuers()
            .find(|ours| path_of(ours) == Some(path))
    }

    fn other_name(&self, found: &str, ours: &str) -> Diagnosis {
        let (found, expected) = (quoted(found), quoted(ours));
        let why =
            format!("Its issuer {found} has the path of {expected}, under another host or scheme.");
        if self.is_of(Profile::Keycloak) {
            return Diagnosis::new(
                format!(
                    "{why} Keycloak writes the name under which the client reached it into `iss`."
                ),
                format!(
                    "Give Keycloak its public name (KC_HOSTNAME), so that every token has {expected}. If this \
                     server reaches Keycloak only under the internal name, keep `issuer` and set \
                     {}.",
                    self.setting("internal_origin", "--internal-origin")
                ),
            );
        }
        Diagnosis::new(
            why,
            format!(
                "Have the client get its token from {expected}. If the issuer has an internal name as well, \
                 have it write the public one, and set {} for this server.",
                self.setting("internal_origin", "--internal-origin")
            ),
        )
    }

    /// The configured issuer of the same tenant of Microsoft Entra, in the other version.
    fn same_tenant(&self, found: &str) -> Option<String> {
        let tenant = tenant_of(found)?;
        let mut issuers = self.asked.issuers();
        issuers
            .find(|ours| tenant_of(ours) == Some(tenant))
            .map(str::to_owned)
    }

    /// Version 1 and 2 of one tenant have different issuers.
    fn entra_version(&self, found: &str, ours: &str) -> Diagnosis {
        let is_version_1 = self.payload.get("ver") == Some("\"1.0\"") || !found.ends_with("/v2.0");
        let (found, ours) = (quoted(found), quoted(ours));
        if is_version_1 {
            return Diagnosis::new(
                format!(
                    "This is a version 1 token of Microsoft Entra, issued by {found}; this server trusts the \
                     same tenant's {ours}, which issues version 2."
                ),
                VERSION_2,
            );
        }
        Diagnosis::new(
            format!(
                "This is a version 2 token of Microsoft Entra, issued by {found}; this server trusts the same \
                 tenant's {ours}, which issues version 1."
            ),
            format!("Write {found} in {}.", self.setting("issuer", "--issuer")),
        )
    }

    /// A token of a tenant of Microsoft Entra that is not configured, where another is.
    fn tenant_mismatch(&self, found: &str) -> Option<Diagnosis> {
        let tenant = tenant_of(found)?;
        let ours = self.tenants();
        if ours.is_empty() || ours.iter().any(|ours| ours == tenant) {
            return None;
        }
        let (tenant, ours) = (quoted(tenant), joined(&ours));
        let add = match self.asked.is_configured() {
            true => " If that tenant may use this API, add it to `tenants`.",
            false => "",
        };
        Some(Diagnosis::new(
            format!("It is of the tenant {tenant} of Microsoft Entra; this server trusts {ours}."),
            format!("Sign in to the tenant {ours}, and get a token there.{add}"),
        ))
    }

    /// A token of the org authorization server of Okta, which is for Okta itself, where a custom one is
    /// configured.
    fn org_server(&self, found: &str) -> Option<Diagnosis> {
        let custom = format!("{}/oauth2/", found.trim_end_matches('/'));
        let mut issuers = self.asked.issuers();
        let ours = issuers.find(|ours| self.is_of(Profile::Okta) && ours.starts_with(&custom))?;
        let (found, ours) = (quoted(found), quoted(ours));
        Some(Diagnosis::new(
            format!(
                "It was issued by Okta's org authorization server {found}, whose access tokens are for Okta alone."
            ),
            format!("Have the client use the authorization server {ours}."),
        ))
    }

    /// A token whose `iss` is configured, but whose `tid` names another tenant.
    fn named_tenant(&self) -> Option<Diagnosis> {
        let tid = self.payload.shown("tid");
        let issuer = self.payload.string("iss")?;
        Some(Diagnosis::new(
            format!(
                "Its `iss` is {}, but the claim for the tenant does not name that tenant: `tid` is {tid}.",
                quoted(&issuer)
            ),
            "Get a token from the issuer. If it names the tenant in another claim than `tid`, set `tenant_claim`.",
        ))
    }

    /// The tenants of Microsoft Entra among the configured issuers, each once.
    fn tenants(&self) -> Vec<String> {
        let mut tenants: Vec<String> = Vec::new();
        for tenant in self.asked.issuers().filter_map(tenant_of) {
            if !tenants.iter().any(|known| known == tenant) {
                tenants.push(tenant.to_owned());
            }
        }
        tenants
    }
}

/// The tenant in the issuer of Microsoft Entra: `https://login.microsoftonline.com/TENANT/v2.0` or
/// `https://sts.windows.net/TENANT/`.
fn tenant_of(issuer: &str) -> Option<&str> {
    let is_of_entra = Profile::of_issuer(issuer) == Some(Profile::Entra);
    let path = path_of(issuer).filter(|_| is_of_entra)?;
    path.split('/').find(|part| !part.is_empty())
}

/// The path of a URL, without a slash at its end.
fn path_of(issuer: &str) -> Option<&str> {
    let (_, rest) = issuer.split_once("://")?;
    let at = rest.find('/')?;
    let (_, path) = rest.split_at_checked(at)?;
    Some(path.trim_end_matches('/'))
}

/// The difference between two issuers, if it is tiny.
fn nearly(found: &str, ours: &str) -> Option<&'static str> {
    let bare = |issuer: &str| {
        let (_, rest) = issuer.split_once("://").unwrap_or(("", issuer));
        rest.trim_end_matches('/').to_ascii_lowercase()
    };
    if found.trim_end_matches('/') == ours.trim_end_matches('/') {
        return Some("the slash at the end");
    }
    if found.eq_ignore_ascii_case(ours) {
        return Some("upper and lower case");
    }
    (bare(found) == bare(ours)).then_some("scheme, case or a slash")
}

/// The texts between quotes, a few of them.
fn joined(texts: &[String]) -> String {
    let shown: Vec<String> = texts.iter().take(SHOWN).map(|text| quoted(text)).collect();
    let rest = texts.len().saturating_sub(SHOWN);
    match rest {
        0 => shown.join(" or "),
        rest => format!("{} or {rest} more", shown.join(" or ")),
    }
}

/// How an API gets version 2 of Microsoft Entra's tokens.
const VERSION_2: &str = "In the manifest of the API's app registration, set `requestedAccessTokenVersion` to 2, then get a \
    new token.";

/// The placeholder in a provider's advice for the audience to request.
const AUDIENCE: &str = "{audience}";

/// How many issuers, audiences or tenants a sentence names.
const SHOWN: usize = 4;
