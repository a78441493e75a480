//! `tenants`: the list for an issuer that has a name for each tenant.

use bearward::Policy;
use bearward::issuer::{is_tenant, placeholder};

use super::description::{self, ISSUER};
use super::key::Field;
use super::mistakes::Code;
use super::reader::{At, Fields};
use super::report_duplicates;
use super::surroundings::Surroundings;

/// The tenants of an issuer with a placeholder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tenants {
    pub(super) claim: String,
    pub(super) list: Vec<String>,
}

impl Tenants {
    /// Reports a placeholder without tenants as well, since no token has it in `iss`.
    pub(super) fn read(
        fields: &Fields<'_, description::Issuer>,
        names: &[At<&str>],
        surroundings: &Surroundings<'_>,
    ) -> Option<Self> {
        let claim = ISSUER.tenant_claim.read(fields);
        let has_tenants = fields.has(&ISSUER.tenants);
        let is_odd = |name: &At<&str>| name.value.contains(['{', '}']);
        let template = names.first().filter(|_| has_tenants);
        let template = template.filter(|name| placeholder(name.value).is_some());
        for name in names.iter().filter(|name| is_odd(name)) {
            if template.is_some_and(|template| template.span == name.span) {
                continue;
            }
            let message = format!(
                "{:?} has a placeholder, so no token has it as its `iss`",
                name.value
            );
            let help = "write the issuer itself, or list its `tenants`";
            fields.report_at(Code::Value, &name.span, message, help);
        }
        if !has_tenants {
            return None;
        }
        let list = list(fields, surroundings);
        if template.is_none() && names.first().is_some_and(|name| !is_odd(name)) {
            let message = "`tenants` needs one placeholder in `issuer`";
            let help = "write a placeholder, such as {tenantid}, in place of the tenant";
            fields.report(Code::Value, &ISSUER.tenants, message, help);
        }
        let others: [&Field; 5] = [
            &ISSUER.also,
            &ISSUER.jwks_uri,
            &ISSUER.jwks_file,
            &ISSUER.secret,
            &ISSUER.snapshot,
        ];
        for key in others.into_iter().filter(|key| fields.has(key)) {
            let message = format!("`{key}` cannot be used with `tenants`");
            let help = "the keys of each tenant are discovered at its own name";
            fields.report(Code::Value, key, message, help);
        }
        let claim = claim.filter(|claim| fields.is_claim_name(claim.value, &claim.span));
        let claim = claim.map_or_else(String::new, |claim| claim.value.to_owned());
        Some(Self { claim, list })
    }

    /// The policy of each tenant, from that with the placeholder.
    pub(super) fn policies(&self, template: &Policy) -> Vec<Policy> {
        let Some((before, after)) = placeholder(template.issuer()) else {
            return Vec::new();
        };
        let policy = |tenant: &String| {
            let name = format!("{before}{tenant}{after}");
            template.for_tenant(&name, &self.claim, tenant)
        };
        self.list.iter().map(policy).collect()
    }
}

/// The tenants, from the key or from its file.
fn list(fields: &Fields<'_, description::Issuer>, surroundings: &Surroundings<'_>) -> Vec<String> {
    let given = ISSUER.tenants.read(fields);
    let file = match given.as_slice() {
        [only] => only.value.strip_prefix("file:"),
        _ => None,
    };
    let Some(path) = file else {
        if fields.is_empty(&ISSUER.tenants) {
            let message = "`tenants` is empty, so no token could be accepted";
            fields.report(Code::Value, &ISSUER.tenants, message, "");
        }
        for tenant in given.iter().filter(|tenant| !is_tenant(tenant.value)) {
            let message = format!("{:?} is not a tenant", tenant.value);
            fields.report_at(Code::Value, &tenant.span, message, CHARACTERS);
        }
        report_duplicates(&given, "the tenant", fields);
        return given.iter().map(|tenant| tenant.value.to_owned()).collect();
    };
    let Some(text) = surroundings.read_for(fields, &ISSUER.tenants, path) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&text.0);
    let mut tenants = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let tenant = line.split('#').next().unwrap_or_default().trim();
        let line = index.saturating_add(1);
        if tenant.is_empty() {
            continue;
        }
        if !is_tenant(tenant) {
            let message = format!("line {line} of {path:?} is not a tenant: {tenant:?}");
            fields.report(Code::Value, &ISSUER.tenants, message, CHARACTERS);
        }
        tenants.push(tenant.to_owned());
    }
    tenants.sort_unstable();
    tenants.dedup();
    if tenants.is_empty() {
        let message = format!("{path:?} lists no tenant, so no token could be accepted");
        fields.report(Code::Value, &ISSUER.tenants, message, "");
    }
    tenants
}

const CHARACTERS: &str = "letters, digits, `-`, `_` and `.`";
