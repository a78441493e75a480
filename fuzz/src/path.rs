//! Request targets as others read them: `percent-encoding` resolves escapes, `url` segments as the
//! WHATWG has it, which is how many clients and servers do.

use bearward_gate::target::Target;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

/// What must be escaped in a path so that it is read as it stands.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Asserts that the path has one reading, in which every reader agrees.
pub fn assert_one_reading(target: &Target<'_>) {
    let raw = target.raw().split('?').next().unwrap_or_default();
    let path = target.path();
    // Resolved once and for all: the same bytes, and a second time changes nothing.
    let once = resolved(raw);
    assert_eq!(resolved(path), once);
    let text = String::from_utf8(once.clone()).expect("a path that is UTF-8");
    assert_eq!(resolved(&text), once);

    // No segment that is resolved, dropped or shortened, by whichever characters a reader splits.
    assert!(path.starts_with('/'));
    assert!(!path.contains("//") && !text.contains('\\'));
    assert!(!text.chars().any(|character| character.is_ascii_control()));
    for segment in path[1..].split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        assert!(!name.is_empty() || segment.is_empty(), "{segment:?}");
    }
    // Nor behind an escaped slash, which a route may allow.
    for segment in text[1..].split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        assert!(!name.ends_with('.') && !name.ends_with(' '), "{segment:?}");
    }
    assert_eq!(raw.contains(';'), target.oddities().semicolon);
    assert_eq!(
        raw.to_ascii_lowercase().contains("%2f"),
        target.oddities().encoded_slash
    );

    // The WHATWG's reader finds nothing to repair.
    let url = Url::parse(&format!("http://api.example{}", target.raw())).expect("a URL");
    assert_eq!(url.host_str(), Some("api.example"));
    assert_eq!(resolved(url.path()), once);
    assert_eq!(url.path().matches('/').count(), raw.matches('/').count());
    assert_eq!(url.query().is_some(), target.query().is_some());

    assert_canonical(target);
}

/// Written anew, the path is read as the same path.
fn assert_canonical(target: &Target<'_>) {
    let parts: Vec<String> = target
        .path()
        .split("%2F")
        .map(|part| utf8_percent_encode(part, ESCAPED).to_string())
        .collect();
    let written = parts.join("%2f");
    let again = Target::parse(&written).expect("a path that was accepted");
    assert_eq!(again.path(), target.path());
    assert_eq!(again.oddities(), target.oddities());
}

/// Whether nobody could have doubts about a target: plain segments, each with one slash before it.
pub fn is_plain(raw: &str) -> bool {
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_~!$&'()*+,=:@".contains(&byte))
    };
    let path = raw.split('?').next().unwrap_or_default();
    let is_query = |query: &str| {
        query
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
    };
    let query = raw.split_once('?').map_or("", |(_, query)| query);
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    is_query(query) && (rest.is_empty() && path == "/" || rest.split('/').all(is_segment))
}

fn resolved(path: &str) -> Vec<u8> {
    percent_decode_str(path).collect()
}
