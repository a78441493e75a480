//! The names of fields, in every spelling that a proxy must handle.

use bearward_gate::identity::{Identity, Token, Underscores, has_reserved_prefix};
use bearward_gate::misleading::{AllowedFrom, MISLEADING};
use http::HeaderName;
use http::header::{COOKIE, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};

use crate::config::Config;

use super::{RecipeError, plain};

/// The fields that a proxy must set, replace or remove.
pub(super) struct Names {
    /// Fields for the application, including those of the preset that are never set.
    pub(super) identity: Vec<Name>,
    /// Fields to remove from the request, unless they are forwarded.
    pub(super) credentials: Vec<Name>,
    /// The fields, except `Authorization`, that bearward reads because of the sources of tokens.
    pub(super) of_sources: Vec<Name>,
    /// `Cookie` or `Sec-WebSocket-Protocol`, if a token is to be taken out of it: the answer has what
    /// remains.
    pub(super) shared: Vec<Name>,
    /// The field of ID tokens, which bearward always reads.
    pub(super) id_token: Name,
    /// Whether the proxy drops every client field with `_`.
    pub(super) drops_underscores: bool,
    /// The fields that mislead applications, and the further fields that the operator removes.
    misleading: Vec<Misleading>,
}

/// A field to remove, or all fields whose names start alike.
struct Misleading {
    name: Name,
    is_beginning: bool,
    allowed_from: AllowedFrom,
}

/// The name of one field: lower-case letters, digits and hyphens.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Names {
    pub(super) fn of(config: &Config) -> Result<Self, RecipeError> {
        let identity = &config.identity;
        let sources = config.routes.sources();
        let credentials = identity.credentials().map(Name::of);
        let shared: Vec<_> = sources.shared_fields().collect();
        let mut of_sources: Vec<_> = sources.fields().chain(&shared).cloned().collect();
        if shared.contains(&COOKIE) {
            // With `Origin`, they say whether a foreign page sent it.
            of_sources.extend([SEC_FETCH_SITE, SEC_WEBSOCKET_VERSION]);
        }
        let of_sources = of_sources.iter().map(Name::of);
        let shared = shared.iter().filter(|_| identity.token() == Token::Strip);
        Ok(Self {
            of_sources: of_sources.collect::<Result<_, _>>()?,
            shared: shared.map(Name::of).collect::<Result<_, _>>()?,
            identity: identity.names().map(Name::of).collect::<Result<_, _>>()?,
            credentials: credentials.collect::<Result<_, _>>()?,
            id_token: Name::of(identity.id_token_field())?,
            drops_underscores: identity.underscores() == Underscores::Drop,
            misleading: misleading(identity)?,
        })
    }

    /// The fields that become what bearward answers, and are removed if it answers nothing.
    pub(super) fn answered(&self) -> impl Iterator<Item = &Name> {
        let names = self.identity.iter().chain(&self.credentials);
        names.chain(&self.shared)
    }

    /// Whether a WebSocket subprotocol with a token is taken out.
    pub(super) fn has_subprotocol(&self) -> bool {
        self.shared
            .iter()
            .any(|name| SEC_WEBSOCKET_PROTOCOL == *name.0)
    }

    /// The fields that would make applications use another request than the one decided on, except the
    /// proxy's `own`, which it writes itself.
    pub(super) fn misleading(&self, own: &[&str]) -> impl Iterator<Item = &Name> {
        let rows = self.misleading.iter();
        let rows = rows.filter(move |row| !row.is_beginning && !own.contains(&&*row.name.0));
        rows.map(|row| &row.name)
    }

    /// The starts of the names of such fields, except those that one of the proxy's `own` starts with.
    pub(super) fn beginnings(&self, own: &[&str]) -> impl Iterator<Item = &Name> {
        let begins = |row: &&Misleading| own.iter().any(|own| own.starts_with(&row.name.0));
        let rows = self.misleading.iter().filter(|row| row.is_beginning);
        rows.filter(move |row| !begins(row)).map(|row| &row.name)
    }

    /// The names of [`misleading`](Self::misleading) that start with none of the
    /// [`beginnings`](Self::beginnings).
    pub(super) fn misleading_singly(&self, own: &[&str]) -> impl Iterator<Item = &Name> {
        self.misleading(own).filter(move |name| {
            let mut beginnings = self.beginnings(own);
            !beginnings.any(|beginning| name.0.starts_with(&beginning.0))
        })
    }

    /// The fields that a trusted proxy in front may set, and therefore must remove from client
    /// requests: full names, and starts of names.
    pub(super) fn of_proxies(&self) -> (Vec<&Name>, Vec<&Name>) {
        let rows = self.misleading.iter();
        let rows = rows.filter(|row| row.allowed_from == AllowedFrom::Proxy);
        let (beginnings, names): (Vec<_>, Vec<_>) = rows.partition(|row| row.is_beginning);
        let names = names.into_iter().map(|row| &row.name);
        let beginnings = beginnings.into_iter().map(|row| &row.name);
        (names.collect(), beginnings.collect())
    }

    /// A regular expression, in lower case, for all their spellings.
    pub(super) fn misleading_pattern(&self, own: &[&str]) -> String {
        let names = self.misleading_singly(own).map(Name::pattern);
        let beginnings = self.beginnings(own);
        let beginnings = beginnings.map(|name| format!("{}.*", name.pattern()));
        beginnings.chain(names).collect::<Vec<_>>().join("|")
    }

    /// The identity fields without a reserved prefix.
    pub(super) fn unreserved(&self) -> impl Iterator<Item = &Name> {
        let names = self.identity.iter();
        names.filter(|name| !has_reserved_prefix(&name.0))
    }

    /// A regular expression, in lower case, for every spelling of the identity fields and of any field
    /// with a reserved prefix.
    pub(super) fn identity_pattern(&self) -> String {
        let mut all = vec![RESERVED_PATTERN.to_owned()];
        all.extend(self.unreserved().map(Name::pattern));
        all.join("|")
    }

    /// As [`identity_pattern`](Self::identity_pattern), and for other spellings of the credentials.
    pub(super) fn pattern(&self) -> String {
        let credentials = self.credentials.iter().filter(|name| name.0.contains('-'));
        let mut all = vec![self.identity_pattern()];
        all.extend(credentials.map(Name::pattern));
        all.join("|")
    }

    /// A regular expression for a `Connection` that names an identity field. In RE2 syntax, to match
    /// case-insensitively.
    pub(super) fn in_connection(&self) -> String {
        let names: Vec<_> = self.unreserved().map(Name::lower).collect();
        match names.join("|") {
            names if names.is_empty() => RESERVED_IN_CONNECTION.to_owned(),
            names => format!(r"{RESERVED_IN_CONNECTION}|(^|[,\s])({names})([,\s]|$)"),
        }
    }
}

/// The fields in the table and those that the operator adds, except those that are kept, and except
/// identity fields and credentials, which a recipe already covers.
fn misleading(identity: &Identity) -> Result<Vec<Misleading>, RecipeError> {
    let mut rows = Vec::new();
    for row in MISLEADING.iter() {
        let beginning = row.name.strip_suffix('*');
        let name = beginning.unwrap_or(row.name);
        let is_kept = match beginning {
            Some(_) => identity.kept().any(|kept| kept.starts_with(name)),
            None => identity.keeps(name),
        };
        if !is_kept && !is_there(identity, name) {
            rows.push(Misleading {
                name: Name(name.to_owned()),
                is_beginning: beginning.is_some(),
                allowed_from: row.allowed_from,
            });
        }
    }
    for name in identity.removed() {
        if !rows.iter().any(|row| row.name.0 == *name) && !is_there(identity, name) {
            rows.push(Misleading {
                name: Name(plain::field(name)?),
                is_beginning: false,
                allowed_from: AllowedFrom::Nobody,
            });
        }
    }
    Ok(rows)
}

fn is_there(identity: &Identity, folded: &str) -> bool {
    let mut names = identity.names().chain(identity.credentials());
    names.any(|name| name.as_str() == folded)
}

impl Name {
    fn of(name: &HeaderName) -> Result<Self, RecipeError> {
        plain::field(name.as_str()).map(Self)
    }

    pub(super) fn lower(&self) -> &str {
        &self.0
    }

    /// `X-Authgear-User-Id`.
    pub(super) fn title(&self) -> String {
        let word = |word: &str| {
            let mut chars = word.chars();
            let first = chars.next().map(|char| char.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        };
        self.0.split('-').map(word).collect::<Vec<_>>().join("-")
    }

    /// [`title`](Self::title), or the original spelling of a name that starts with another character:
    /// `_method`, or `$WSRU` and the like.
    pub(super) fn written(&self) -> String {
        match self.0.strip_prefix('-') {
            Some("method") => "_method".to_owned(),
            Some(rest) => format!("${rest}"),
            None => self.title(),
        }
    }

    /// Whether the name passes a proxy that allows only letters, digits and hyphens.
    pub(super) fn is_plain(&self) -> bool {
        !self.0.starts_with('-')
    }

    /// `x_authgear_user_id`.
    pub(super) fn underscored(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `x[^a-z0-9]authgear[^a-z0-9]user[^a-z0-9]id`.
    pub(super) fn pattern(&self) -> String {
        self.0.replace('-', SEPARATOR)
    }

    /// The spellings with `_` or `.` for hyphens, except the name itself.
    pub(super) fn spellings(&self) -> Vec<String> {
        let mut spellings = vec![String::new()];
        for (at, word) in self.title().split('-').enumerate() {
            let separators: &[&str] = if at == 0 { &[""] } else { &["-", "_", "."] };
            spellings = spellings
                .iter()
                .flat_map(|start| {
                    separators
                        .iter()
                        .map(move |sep| format!("{start}{sep}{word}"))
                })
                .collect();
        }
        let title = self.title();
        spellings.retain(|spelling| *spelling != title);
        spellings
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// CGI and its successors treat all these characters alike.
const SEPARATOR: &str = "[^a-z0-9]";

const RESERVED_PATTERN: &str = "x[^a-z0-9](authgear|bearward)[^a-z0-9].*";

const RESERVED_IN_CONNECTION: &str = "x.(authgear|bearward)";

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::Name;

    #[test]
    fn a_name_has_these_spellings() {
        let name = Name::of(&HeaderName::from_static("x-user-id")).unwrap();
        assert_eq!(name.title(), "X-User-Id");
        assert_eq!(name.underscored(), "x_user_id");
        assert_eq!(name.pattern(), "x[^a-z0-9]user[^a-z0-9]id");
        let spellings = name.spellings();
        assert_eq!(spellings.len(), 8);
        assert!(spellings.contains(&"X_User.Id".to_owned()));
        let user = Name::of(&HeaderName::from_static("user")).unwrap();
        assert_eq!(user.spellings(), Vec::<String>::new());
        assert!(Name::of(&HeaderName::from_static("x$user")).is_err());
    }
}
