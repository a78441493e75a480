//! Query parameters ([RFC 6750 §2.3]), by the URL standard's rules for a form.
//!
//! [RFC 6750 §2.3]: https://www.rfc-editor.org/rfc/rfc6750#section-2.3

use std::borrow::Cow;

/// The values of the parameters with this name, however it is escaped.
pub(super) fn values<'q>(query: &'q str, name: &str) -> impl Iterator<Item = Cow<'q, [u8]>> {
    let parameters = form_urlencoded::parse(query.as_bytes());
    let values = parameters.filter(move |(other, _)| other == name);
    values.map(|(_, value)| match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
        Cow::Owned(value) => Cow::Owned(value.into_bytes()),
    })
}

/// The decoded name of one parameter.
pub(super) fn name(parameter: &str) -> Option<Cow<'_, str>> {
    let (name, _) = form_urlencoded::parse(parameter.as_bytes()).next()?;
    Some(name)
}
