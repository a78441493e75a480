//! Parameters of a query or a form, each at most once ([RFC 6749 §3.1], §3.2).
//!
//! [RFC 6749 §3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1

use super::oauth_error::{ErrorCode, OauthError};

/// The parameters of one request.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Parses `application/x-www-form-urlencoded`. A parameter without a value counts as absent.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let params = form_urlencoded::parse(encoded).into_owned();
        Self(params.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of `name`, or `None` if it is absent.
    ///
    /// # Errors
    ///
    /// `invalid_request` if it is present twice.
    pub(super) fn once(&self, name: &'static str) -> Result<Option<&str>, OauthError> {
        let mut values = self.all(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(ErrorCode::InvalidRequest.because("a parameter appears twice"));
        }
        Ok(value)
    }

    /// The value of `name`, which must be present once.
    ///
    /// # Errors
    ///
    /// `invalid_request` with this description if it is absent.
    pub(super) fn required(
        &self,
        name: &'static str,
        description: &'static str,
    ) -> Result<&str, OauthError> {
        self.once(name)?
            .ok_or_else(|| ErrorCode::InvalidRequest.because(description))
    }

    /// Every `resource` ([RFC 8707 §2]).
    ///
    /// # Errors
    ///
    /// `invalid_target` unless each is an absolute URI without a fragment.
    ///
    /// [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2
    pub(super) fn resources(&self) -> Result<Vec<String>, OauthError> {
        let resources: Vec<String> = self.all("resource").map(str::to_owned).collect();
        let absolute = |uri: &String| uri.contains(':') && !uri.contains('#');
        if !resources.iter().all(absolute) {
            return Err(ErrorCode::InvalidTarget.because("resource is not an absolute URI"));
        }
        Ok(resources)
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}
