//! Two lines as a request target and a pattern: a path that is accepted has one reading, and a
//! pattern matches whole segments of it.

#![no_main]

use bearward_fuzz::path::{assert_one_reading, is_plain};
use bearward_gate::route::PathPattern;
use bearward_gate::target::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &str| {
    let (raw, pattern) = lines.split_once('\n').unwrap_or((lines, "/"));
    let Ok(target) = Target::parse(raw) else {
        assert!(!is_plain(raw), "a plain target is refused");
        return;
    };
    assert_eq!(target.raw(), raw);
    assert_one_reading(&target);
    // A path matches itself as a pattern, unless it cannot be written as one.
    if let Ok(itself) = PathPattern::exact(target.path()) {
        assert!(itself.matches(target.path()));
    }
    let path = target.path();
    if let Ok(exact) = PathPattern::exact(pattern) {
        assert_eq!(exact.matches(path), path == pattern);
    }
    if let Ok(prefix) = PathPattern::prefix(pattern) {
        let start = pattern.strip_suffix('/').unwrap_or(pattern);
        let is_below = path == start || path.starts_with(&format!("{start}/"));
        assert_eq!(prefix.matches(path), is_below);
    }
    if let Ok(glob) = PathPattern::glob(pattern) {
        assert_eq!(glob.matches(path), fits(pattern, path));
    }
});

/// Whether the segments fit, compared from the start to the end.
fn fits(pattern: &str, path: &str) -> bool {
    let wanted: Vec<&str> = pattern[1..].split('/').collect();
    let found: Vec<&str> = path[1..].split('/').collect();
    let (wanted, is_open) = match wanted.split_last() {
        Some((&"**", before)) => (before, true),
        _ => (wanted.as_slice(), false),
    };
    let is_length = found.len() == wanted.len() || is_open && found.len() > wanted.len();
    let is_fit = |(wanted, found): (&&str, &&str)| match *wanted {
        "*" => !found.is_empty(),
        wanted => is_run(wanted.as_bytes(), found.as_bytes()),
    };
    // `**` takes no segment as well: `/a/**` is for `/a`.
    is_length && wanted.iter().zip(&found).all(is_fit)
}

/// Whether the text is the pattern, with any run of characters where it has a star: by a table, row by row.
fn is_run(pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for byte in pattern {
        let before = reached.clone();
        for at in 0..reached.len() {
            reached[at] = match byte {
                b'*' => before[at] || at > 0 && reached[at - 1],
                byte => at > 0 && before[at - 1] && text[at - 1] == *byte,
            };
        }
    }
    reached[text.len()]
}
