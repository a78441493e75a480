//! Fields that must appear once: of several, two readers could take different ones.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The value of a field that appears exactly once.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
