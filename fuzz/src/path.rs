//! Request targets as others read them: `percent-encoding` resolves escapes, `url` segments as the
//! WHATWG has it, which is how many clients and servers do.

use bearward_gate::target::{Oddities, Oddity, Target};
use percent_encoding::{
    AsciiSet, CONTROLS, percent_decode, percent_decode_str, utf8_percent_encode,
};
use url::Url;

/// What must be escaped in a canonical path so that it is read as it stands. Its escapes stay.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ');

/// Asserts that the path has one reading, in which every reader agrees, apart from its oddities.
pub fn assert_one_reading(target: &Target<'_>) {
    let raw = target.raw().split('?').next().unwrap_or_default();
    let path = target.path();
    // Resolved once and for all: the same bytes, and a second time changes nothing.
    let once = resolved(raw);
    assert_eq!(resolved(path), once);
    assert_eq!(percent_decode(&once).collect::<Vec<_>>(), once);
    // Whatever a reader does with what is not UTF-8: nothing, or it drops it.
    let text = String::from_utf8_lossy(&once);
    let dropped: String = once.utf8_chunks().map(|chunk| chunk.valid()).collect();

    // No segment that is resolved, by whichever characters a reader splits, and none that is dropped or
    // shortened unless a route tolerates it.
    assert!(path.starts_with('/') && !text.contains('\\'));
    assert!(!text.chars().any(|character| character.is_ascii_control()));
    let odd: Vec<Oddity> = target.oddities().without(Oddities::default()).collect();
    let names = |text: &str| -> Vec<String> {
        let segments = text[1..].split('/');
        let names = segments.map(|segment| segment.split(';').next().unwrap_or_default());
        names.map(str::to_owned).collect()
    };
    for name in [&*text, &dropped].into_iter().flat_map(names) {
        assert!(name.is_empty() || !name.trim_matches(['.', ' ']).is_empty());
    }
    let is_short = |name: &String| name.ends_with(['.', ' ']);
    assert!(!names(&text).iter().any(is_short) || odd.contains(&Oddity::FinalDot));
    let mut inner = path[1..].split('/').rev();
    let is_last_odd = inner.next().is_some_and(|last| last.starts_with(';'));
    let is_empty = |segment: &str| segment.is_empty() || segment.starts_with(';');
    let has_empty = is_last_odd || inner.any(is_empty);
    assert!(!has_empty || odd.contains(&Oddity::EmptySegment));
    let lower = raw.to_ascii_lowercase();
    for (text, oddity) in [
        (";", Oddity::Semicolon),
        ("%2f", Oddity::EncodedSlash),
        ("%3b", Oddity::EncodedSemicolon),
    ] {
        assert_eq!(lower.contains(text), odd.contains(&oddity), "{text}");
    }

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
    let written = utf8_percent_encode(target.path(), ESCAPED).to_string();
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
