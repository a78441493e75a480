//! `origins` of `[protection]`: which pages may read a refusal.

use bearward_gate::origins::Origins;

use super::description::{PROTECTION, ROOT, Root};
use super::mistakes::Code;
use super::reader::Fields;

pub(super) fn read(fields: &Fields<'_, Root>) -> Origins {
    let Some(fields) = ROOT.protection.read(fields) else {
        return Origins::default();
    };
    let origins = Origins::new(
        fields.parse_each(PROTECTION.origins.read(&fields), "", |origin| {
            let parsed = origin.parse();
            parsed.map_err(|error| format!("`origins`: {origin:?} is {error}"))
        }),
    );
    if !PROTECTION.allow_credentials.read(&fields) {
        return origins;
    }
    if !fields.has(&PROTECTION.origins) || fields.is_empty(&PROTECTION.origins) {
        let message = "`allow_credentials` has no effect without `origins`";
        fields.report(Code::Value, &PROTECTION.allow_credentials, message, "");
    }
    origins.allow_credentials()
}
