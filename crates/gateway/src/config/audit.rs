//! `[audit]`: where decisions are recorded.

use crate::record::audit::AuditSettings;

use super::description::{AUDIT, ROOT, Root};
use super::mistakes::Code;
use super::reader::Fields;
use super::surroundings::Surroundings;

pub(super) fn read(
    fields: &Fields<'_, Root>,
    surroundings: &Surroundings<'_>,
) -> Option<AuditSettings> {
    let has_collector = fields.has(&ROOT.telemetry);
    let fields = ROOT.audit.read(fields)?;
    let to = AUDIT.to.read(&fields)?;
    let path = match to.value.split_once(':') {
        None if to.value == "stdout" => return Some(AuditSettings::Stdout),
        None if to.value == "otlp" => {
            if !has_collector {
                let message =
                    "`to = \"otlp\"` needs `[telemetry]`, which says where the collector is";
                fields.report_at(Code::Missing, &to.span, message, "add `[telemetry]`");
            }
            return Some(AuditSettings::Otlp);
        }
        Some(("file", path)) if !path.is_empty() => surroundings.path(path),
        _ => {
            let message = format!(
                "`to` must be \"stdout\", \"otlp\" or \"file:PATH\", not {:?}",
                to.value
            );
            fields.report_at(Code::Value, &to.span, message, "");
            return None;
        }
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!(
            "`to`: the folder {:?} does not exist",
            folder.display().to_string()
        );
        let help = "paths are relative to the configuration's folder";
        fields.report_at(Code::FileMissing, &to.span, message, help);
        return None;
    }
    Some(AuditSettings::File(path))
}
