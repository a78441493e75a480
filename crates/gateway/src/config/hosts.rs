//! The `hosts` of a table: names without a port.

use bearward_gate::host::canonical_host;

use super::key::{Key, Keys};
use super::reader::{Fields, TextOrTexts};

/// The `hosts` of a table: names without a port.
pub(super) fn hosts<T: Keys>(key: &Key<T, TextOrTexts>, fields: &Fields<'_, T>) -> Vec<String> {
    fields.parse_each(key.read(fields), "", |host| {
        let canonical = canonical_host(host);
        // A port here would be ignored, although it looks significant.
        if canonical.is_empty() || canonical != host.to_ascii_lowercase() {
            return Err(format!("{host:?} must be a host without a port"));
        }
        if canonical.contains(['*', '/', '@', ' ']) {
            return Err(format!("{host:?} is not a single host name"));
        }
        Ok(canonical)
    })
}
