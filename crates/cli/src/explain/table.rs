//! A report as text: the verdict and its consequences, then an aligned table of the checks.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use bearward::explain::{Check, Decision, Meaning, Report, Verdict, text};

use super::explanation;
use crate::reasons::Explanation;

/// Writes the report: the verdict, why, what to do, then the checks. If the text is no JWT but its kind is
/// known, the checks add nothing.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    write_decision(report, out)?;
    if let Some(profile) = report.assumed_profile {
        let text = format!("{profile}, assumed from the issuer; pass --profile to choose");
        write_labelled("profile", &text, out)?;
    }
    let reason = explanation(report);
    write_meaning(
        report.meaning(reason.as_ref().map(Explanation::meaning)),
        out,
    )?;
    write_remarks(report, out)?;
    write_note(report, out)?;
    if let Some(reason) = reason {
        write_labelled("more", &reason.more(), out)?;
    }
    if report.is_named {
        return Ok(());
    }
    writeln!(out)?;
    write_checks(&report.checks, out)
}

pub(super) fn write_meaning(meaning: Option<Meaning<'_>>, out: &mut impl Write) -> io::Result<()> {
    let Some(meaning) = meaning else {
        return Ok(());
    };
    write_labelled("why", meaning.means, out)?;
    write_labelled("remedy", meaning.remedy, out)
}

/// Writes what a report says in addition to its verdict and its checks.
pub(super) fn write_remarks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    // A pair of equals shows nothing.
    let pairs = report.recipient.iter();
    for check in pairs.filter(|check| check.verdict != Verdict::Ok) {
        let pair = format!("expected {}, found {}", check.expected, check.found);
        write_labelled(check.name, &pair, out)?;
    }
    for hint in &report.hints {
        write_labelled("hint", hint, out)?;
    }
    write_other_failures(report, out)
}

/// Writes what no token shows, if it is accepted.
pub(super) fn write_note(report: &Report, out: &mut impl Write) -> io::Result<()> {
    match report.note() {
        Some(note) => write_labelled("note", note, out),
        None => Ok(()),
    }
}

/// Writes the further reasons to refuse the token, if there are any.
fn write_other_failures(report: &Report, out: &mut impl Write) -> io::Result<()> {
    match report.other_failures().as_slice() {
        [] => Ok(()),
        others => {
            let text = format!("it would fail for {}", others.join(", "));
            write_labelled("also", &text, out)
        }
    }
}

pub(super) fn write_checks(checks: &[Check], out: &mut impl Write) -> io::Result<()> {
    let head = ["check", "expected", "found", "verdict"];
    write_row(UNMARKED, head, BOLD, out)?;
    for check in checks {
        let expected = wrapped(&check.expected, EXPECTED);
        let found = wrapped(&check.found, FOUND);
        let style = match check.verdict {
            Verdict::Ok => GOOD,
            Verdict::Fail(_) => BAD,
            Verdict::Unchecked => DIM,
        };
        for line in 0..expected.len().max(found.len()) {
            let of = |cell: &[String]| cell.get(line).cloned().unwrap_or_default();
            let (name, verdict) = match line {
                0 => (check.name, check.verdict.as_str()),
                _ => ("", ""),
            };
            let mark = match (line, check.verdict) {
                (0, Verdict::Fail(_)) => MARKED,
                _ => UNMARKED,
            };
            write_row(
                mark,
                [name, &of(&expected), &of(&found), verdict],
                style,
                out,
            )?;
        }
    }
    Ok(())
}

/// Only the last cell is styled: it is what readers look for.
fn write_row(mark: &str, cells: [&str; 4], style: Style, out: &mut impl Write) -> io::Result<()> {
    let [name, expected, found, verdict] = cells;
    let line = format!("{mark}{name:NAME$}  {expected:EXPECTED$}  {found:FOUND$}  ");
    if verdict.is_empty() {
        return writeln!(out, "{}", line.trim_end());
    }
    writeln!(out, "{line}{style}{verdict}{style:#}")
}

fn write_decision(report: &Report, out: &mut impl Write) -> io::Result<()> {
    match &report.decision {
        Decision::Accepted(principal) => {
            let subject = text::shown(principal.subject(), SUBJECT_CHARS);
            let kind = principal.kind().as_str();
            writeln!(out, "{GOOD}accepted{GOOD:#}: {kind} {subject}")?;
        }
        Decision::KeysUnavailable => {
            writeln!(out, "{BAD}undecided{BAD:#}: keys_unavailable")?;
        }
        Decision::Refused(code) => writeln!(out, "{BAD}refused{BAD:#}: {code}")?,
        Decision::Undecided => {
            writeln!(
                out,
                "{BOLD}undecided{BOLD:#}: nothing failed, but options were left out"
            )?;
            let unchecked = report.unchecked().join(", ");
            write_labelled("unchecked", &unchecked, out)?;
        }
    }
    Ok(())
}

pub(crate) fn write_labelled(label: &str, text: &str, out: &mut impl Write) -> io::Result<()> {
    for (at, line) in lines(text, TEXT).iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        writeln!(out, "  {label:LABEL$}  {line}")?;
    }
    Ok(())
}

/// `text` in lines of about `width` characters, broken only at spaces, so that names can be copied.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let length = word.chars().count();
        let room = |line: &&mut String| {
            let taken = line.chars().count().saturating_add(1);
            taken.saturating_add(length) <= width
        };
        match lines.last_mut().filter(room) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `text` in lines of at most `width` characters, broken at spaces if possible.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let (length, more) = (line.chars().count(), word.chars().count());
        if length > 0 && length.saturating_add(1).saturating_add(more) <= width {
            line.push(' ');
        } else if length > 0 {
            lines.push(std::mem::take(&mut line));
        }
        for char in word.chars() {
            if line.chars().count() == width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(char);
        }
    }
    lines.push(line);
    lines
}

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// The marks before failed rows and all others: not every terminal has colours.
const MARKED: &str = "> ";
const UNMARKED: &str = "  ";

/// The widths of the columns: 102 characters with mark and verdict.
const NAME: usize = 15;
const EXPECTED: usize = 34;
const FOUND: usize = 38;

/// Widths outside the table, in characters.
const LABEL: usize = 9;
const TEXT: usize = 84;

/// Longest subject shown.
const SUBJECT_CHARS: usize = 120;

#[cfg(test)]
mod tests {
    use super::{lines, wrapped};

    #[test]
    fn sentences_are_broken_at_spaces_alone() {
        assert_eq!(lines("", 5), [""]);
        assert_eq!(lines("a b", 5), ["a b"]);
        assert_eq!(lines("abc def", 5), ["abc", "def"]);
        assert_eq!(lines("a bcdefghij k", 5), ["a", "bcdefghij", "k"]);
    }

    #[test]
    fn text_is_broken_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("a b", 5), ["a b"]);
        assert_eq!(wrapped("abc def", 5), ["abc", "def"]);
        assert_eq!(wrapped("abc de", 6), ["abc de"]);
        assert_eq!(wrapped("abcdefgh ij", 5), ["abcde", "fgh", "ij"]);
        assert_eq!(wrapped("a bcdefghij", 5), ["a", "bcdef", "ghij"]);
    }
}
