//! Settings that one provider's tokens never have, or hardly ever.

use bearward::Profile;

use super::super::description::ISSUER;
use super::super::mistakes::Code;
use super::claims::Obstacle;
use super::issuer::Issuer;
use super::issuers::Warnings;

impl<'t> Issuer<'t> {
    /// Warns of names and audiences that the provider does not write.
    pub(super) fn warn_of_provider(&self, warnings: &mut Warnings<'_, 't>) {
        self.warn_of_audience_of_supabase(warnings);
        self.warn_of_load_balancers(warnings);
        self.warn_of_names_at_microsoft(warnings);
        self.warn_of_tenants_at_microsoft(warnings);
    }

    fn warn_of_audience_of_supabase(&self, warnings: &Warnings<'_, 't>) {
        let is_supabase = self.profile == Profile::Supabase;
        if !is_supabase || self.audiences.contains(&OF_SUPABASE) || self.audiences.is_empty() {
            return;
        }
        let message = format!(
            "Supabase's tokens have the audience {OF_SUPABASE:?}, unless a hook changes it, and it is none \
             of `audiences`"
        );
        let help = format!("write `audiences = [{OF_SUPABASE:?}]`");
        warnings.warn(&ISSUER.audiences, message, &help);
    }

    /// The audience is the ARN of a load balancer.
    fn warn_of_load_balancers(&self, warnings: &mut Warnings<'_, 't>) {
        if !self.profile.is_of_load_balancer() || self.audiences.is_empty() {
            return;
        }
        let help = "write the ARN, such as `arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/app/NAME/ID`";
        if !self
            .audiences
            .iter()
            .any(|audience| is_load_balancer(audience))
        {
            let why = "`signer` in the header is the ARN of a load balancer, and none of `audiences` is one";
            let span = warnings.table.span_of(&ISSUER.audiences);
            return warnings.add(&span, &Obstacle::certain(why, help));
        }
        let table = warnings.table;
        for audience in ISSUER.audiences.read(table) {
            if !is_load_balancer(audience.value) {
                let message = format!(
                    "no token can have this value: {:?} is not the ARN of a load balancer",
                    audience.value
                );
                table.warn_at(Code::Value, &audience.span, message, help);
            }
        }
    }

    /// Microsoft writes the tenant's ID into `iss`, in lower case.
    fn warn_of_names_at_microsoft(&self, warnings: &Warnings<'_, 't>) {
        let table = warnings.table;
        let issuer = ISSUER.issuer.read(table).into_iter();
        for name in issuer.chain(ISSUER.also.read(table)) {
            let is_microsoft = Profile::of_issuer(name.value) == Some(Profile::Entra);
            if !is_microsoft && self.profile != Profile::Entra {
                continue;
            }
            let mut segments = name.value.split('/');
            if segments.clone().any(is_upper_case_id) {
                let message = format!(
                    "{:?} has the tenant's ID in upper case, and Microsoft writes it in lower case",
                    name.value
                );
                table.warn_at(Code::Value, &name.span, message, LOWER_CASE);
            }
            if let Some(alias) = segments.find(|segment| ALIASES.contains(segment)) {
                let message = format!(
                    "no token has this issuer: Microsoft writes the ID of the user's tenant in place of {alias:?}"
                );
                let help = "write `{tenantid}` in its place, and list `tenants`";
                table.warn_at(Code::Value, &name.span, message, help);
            }
        }
    }
    /// Microsoft names a tenant by its ID in `iss` and `tid`, whatever domains it has.
    fn warn_of_tenants_at_microsoft(&self, warnings: &Warnings<'_, 't>) {
        let table = warnings.table;
        let given = ISSUER.tenants.read(table);
        let is_file = given
            .first()
            .is_some_and(|only| only.value.starts_with("file:"));
        if self.profile != Profile::Entra || is_file {
            return;
        }
        for tenant in given {
            let (message, help) = if !is_uuid(tenant.value) {
                (
                    format!(
                        "{:?} is not the ID of a tenant, which is a UUID",
                        tenant.value
                    ),
                    "write the IDs of tenants, or file:PATH for a file with them",
                )
            } else if is_upper_case_id(tenant.value) {
                (
                    format!(
                        "{:?} is in upper case, and Microsoft writes the ID of a tenant in lower case",
                        tenant.value
                    ),
                    LOWER_CASE,
                )
            } else {
                continue;
            };
            table.warn_at(Code::Value, &tenant.span, message, help);
        }
    }
}

/// Whether this is the ARN of a load balancer, in any partition of AWS.
fn is_load_balancer(audience: &str) -> bool {
    let parts: Vec<_> = audience.splitn(6, ':').collect();
    let [
        "arn",
        partition,
        "elasticloadbalancing",
        region,
        account,
        resource,
    ] = parts.as_slice()
    else {
        return false;
    };
    let is_given = [partition, region, account]
        .iter()
        .all(|part| !part.is_empty());
    is_given && resource.starts_with("loadbalancer/")
}

/// Whether this has the form of a UUID, which the ID of a tenant is.
fn is_uuid(tenant: &str) -> bool {
    tenant.len() == 36 && tenant.split('-').count() == 5
}

/// Whether this is the ID of a tenant as Microsoft never writes it.
fn is_upper_case_id(tenant: &str) -> bool {
    is_uuid(tenant) && tenant.contains(|char: char| char.is_ascii_uppercase())
}

/// What to do about an ID in upper case.
const LOWER_CASE: &str = "write the ID in lower case";

/// The audience of the tokens of every user of Supabase.
const OF_SUPABASE: &str = "authenticated";

/// Names in URLs of Microsoft's endpoints that stand for many tenants.
const ALIASES: &[&str] = &["common", "consumers", "organizations"];
