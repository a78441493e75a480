//! `origins` of `[protection]`: which pages may read a refusal.

use bearward_gate::origins::Origins;

use super::description::{PROTECTION, ROOT, Root};
use super::reader::Fields;

pub(super) fn read(fields: &Fields<'_, Root>) -> Origins {
    let Some(fields) = ROOT.protection.read(fields) else {
        return Origins::default();
    };
    Origins::new(
        fields.parse_each(PROTECTION.origins.read(&fields), "", |origin| {
            let parsed = origin.parse();
            parsed.map_err(|error| format!("`origins`: {origin:?} is {error}"))
        }),
    )
}
