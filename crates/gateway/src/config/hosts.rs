//! The `hosts` of a table: names without a port.

use bearward_gate::host::canonical_host;

use super::key::{Key, Keys};
use super::mistakes::Code;
use super::reader::{Fields, TextOrTexts};

/// The `hosts` of a table: names without a port.
pub(super) fn hosts<T: Keys>(key: &Key<T, TextOrTexts>, fields: &Fields<'_, T>) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in key.read(fields) {
        let canonical = canonical_host(host.value);
        // A port here would be ignored, although it looks significant.
        if canonical.is_empty() || canonical != host.value.to_ascii_lowercase() {
            let message = format!("{:?} is not a host without port", host.value);
            fields.found().add(Code::Value, &host.span, message, None);
        } else if canonical.contains(['*', '/', '@', ' ']) {
            let message = format!("{:?} is not the name of one host", host.value);
            fields.found().add(Code::Value, &host.span, message, None);
        }
        hosts.push(canonical);
    }
    hosts
}
