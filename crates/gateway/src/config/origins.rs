//! `origins` of `[protection]`: which pages may read a refusal.

use bearward_gate::origins::Origins;

use super::description::{PROTECTION, ROOT, Root};
use super::mistakes::Code;
use super::reader::{At, Fields};

pub(super) fn read(fields: &Fields<'_, Root>) -> Origins {
    let Some(fields) = ROOT.protection.read(fields) else {
        return Origins::default();
    };
    let given = PROTECTION.origins.read(&fields);
    let parse = |origin: &At<&str>| {
        let parsed = origin.value.parse();
        if let Err(error) = &parsed {
            let message = format!("`origins`: {:?} is {error}", origin.value);
            fields.found().add(Code::Value, &origin.span, message, None);
        }
        parsed.ok()
    };
    Origins::new(given.iter().filter_map(parse))
}
