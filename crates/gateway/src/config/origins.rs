//! `origins` of `[protection]`: which pages may read a refusal.

use bearward_gate::origins::Origins;

use super::mistakes::Code;
use super::reader::Fields;

pub(super) fn read(fields: &Fields<'_>) -> Origins {
    let Some(fields) = fields.table("protection") else {
        return Origins::default();
    };
    let given = fields.texts("origins");
    let parse = |origin: &super::reader::At<&str>| {
        let parsed = origin.value.parse();
        if let Err(error) = &parsed {
            let message = format!("`origins`: {:?} is {error}", origin.value);
            fields.found().add(Code::Value, &origin.span, message, None);
        }
        parsed.ok()
    };
    Origins::new(given.iter().filter_map(parse))
}
