//! What servers with other rules make of a path.
//!
//! A reading never opens anything: whatever routes it leads to must admit the request as well.

use super::{Ambiguity, escaped_byte, find_oddities, into_text, is_unreserved, may_end, may_stand};
use super::{Oddities, kept_escape, percent_decoded, push_resolved};

/// A path that a server may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) path: String,
    /// Whether a request is refused if no route matches this path. No honest sender writes an escape
    /// for nothing, and a tolerant route must not lead out of what routes name.
    pub(crate) needs_route: bool,
}

impl Reading {
    /// A reading that adds its routes, if it has any.
    const fn may_be(path: String) -> Self {
        Self {
            path,
            needs_route: false,
        }
    }
}

/// The other readings of a path as it came, which [resolves](super::resolve) to `resolved` without
/// error.
pub(super) fn of(path: &str, resolved: &str) -> Result<Vec<Reading>, Ambiguity> {
    if !path.contains('%') {
        return Ok(Vec::new());
    }
    let mut readings = Vec::new();
    readings.extend(literal(path));
    if let Some(cut) = before_query(resolved, &["%3F", "%23"]) {
        add_repaired(&mut readings, cut)?;
    }
    let bytes = percent_decoded(path);
    if std::str::from_utf8(&bytes).is_err() {
        // Some readers drop such bytes, and some fall back to Latin-1.
        let chunks = bytes.utf8_chunks().map(|chunk| chunk.valid());
        let dropped: String = chunks.collect();
        let latin1: String = bytes.iter().copied().map(char::from).collect();
        for reading in [dropped, latin1] {
            if let Some(cut) = before_query(&reading, &["?", "#"]) {
                add_repaired(&mut readings, cut)?;
            }
            add_repaired(&mut readings, reading)?;
        }
    }
    Ok(readings)
}

/// Adds what a reader made of a path, and what the next one makes of that if it has oddities that only the
/// first reader brought out: there, no route can be asked to tolerate them.
fn add_repaired(readings: &mut Vec<Reading>, path: String) -> Result<(), Ambiguity> {
    find_oddities(&path, &mut Oddities::default())?;
    let merged = with_merged_slashes(&path);
    let repaired = [
        without_final_dots(&path),
        without_final_dots(&merged),
        merged,
    ];
    for path in [path].into_iter().chain(repaired) {
        let reading = Reading::may_be(path);
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    Ok(())
}

/// The path as read by a router that compares it as written (Express, `Rack::URLMap`): unnecessary
/// escapes stay as they are, and so do escapes in lower case ([RFC 3986 §6.2.2]).
///
/// [RFC 3986 §6.2.2]: https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2
fn literal(path: &str) -> Option<Reading> {
    let mut bytes = Vec::with_capacity(path.len());
    let (mut is_other, mut is_disguised) = (false, false);
    let mut pieces = path.split('%');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.as_bytes().split_first_chunk()?;
        let is_usual = !digits.iter().any(u8::is_ascii_lowercase);
        let resolved = escaped_byte(*digits)?;
        let is_kept = kept_escape(resolved).is_some();
        if is_kept || (is_usual && !may_stand(resolved)) {
            push_resolved(&mut bytes, resolved);
        } else {
            is_other = true;
            // Letters, digits, `-`, `_` or `~`, which honest senders do not escape. Libraries that
            // escape segments do escape `@` and the like.
            is_disguised |= is_unreserved(resolved);
            bytes.push(b'%');
            bytes.extend_from_slice(digits);
        }
        bytes.extend_from_slice(rest);
    }
    is_other.then(|| Reading {
        path: into_text(bytes),
        needs_route: is_disguised,
    })
}

/// The path as read by a server that parses it a second time: up to the first of these marks, which
/// begin a query or a fragment.
fn before_query(path: &str, marks: &[&str]) -> Option<String> {
    let end = marks.iter().filter_map(|mark| path.find(mark)).min()?;
    path.get(..end).map(str::to_owned)
}

/// The paths that servers make of one with oddities; `None` if they are too many.
pub(super) fn repaired(path: &str) -> Option<Vec<Reading>> {
    // Each step is one that some servers take and others do not, in the order in which they do.
    let steps: [fn(&str) -> String; 7] = [
        without_parameters,
        |path| path.replace("%3B", ";"),
        |path| path.replace("%2F", "/"),
        without_parameters,
        without_authority,
        without_final_dots,
        with_merged_slashes,
    ];
    let mut paths = vec![path.to_owned()];
    for step in steps {
        for at in 0..paths.len() {
            let other = step(paths.get(at)?);
            if !paths.contains(&other) {
                paths.push(other);
            }
        }
        if paths.len() > READINGS_MAX {
            return None;
        }
    }
    let readings = paths.into_iter().skip(1).map(|path| Reading {
        path,
        needs_route: true,
    });
    Some(readings.collect())
}

/// How many readings of a path are looked at: each costs as much as a request.
pub(super) const READINGS_MAX: usize = 16;

fn without_parameters(path: &str) -> String {
    let names = path.split('/').map(|segment| segment.split(';').next());
    names.flatten().collect::<Vec<_>>().join("/")
}

/// Without a first segment that a reader of URLs takes for a host ([RFC 3986 §4.2]).
///
/// [RFC 3986 §4.2]: https://www.rfc-editor.org/rfc/rfc3986#section-4.2
fn without_authority(path: &str) -> String {
    let Some(rest) = path.strip_prefix("//") else {
        return path.to_owned();
    };
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    format!("/{path}")
}

fn without_final_dots(path: &str) -> String {
    let is_end = |char: char| u8::try_from(char).is_ok_and(may_end);
    let segments = path.split('/').map(|one| one.trim_end_matches(is_end));
    segments.collect::<Vec<_>>().join("/")
}

fn with_merged_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for char in path.chars() {
        if char != '/' || !merged.ends_with('/') {
            merged.push(char);
        }
    }
    merged
}
