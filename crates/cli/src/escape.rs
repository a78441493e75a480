//! Escaping of untrusted text for output.
//!
//! A token may contain escape sequences that recolour, retitle or rewrite a terminal, characters that
//! change the reading direction, and letters that look like others. None of them reaches stdout or
//! stderr unchanged.

/// Appends the JSON text `json` on one line: without white space between tokens, and with equivalent
/// `\u` escapes for characters that could control a terminal. Nothing else changes: numbers keep their
/// digits, members their order.
pub(crate) fn push_json(json: &str, line: &mut Vec<u8>) {
    if is_settled(json.as_bytes()) {
        line.extend_from_slice(json.as_bytes());
    } else {
        push_anew(json, line);
    }
}

fn push_anew(json: &str, line: &mut Vec<u8>) {
    let mut rest = json;
    while let Some((between, behind)) = rest.split_once('"') {
        push_between(between, line);
        line.push(b'"');
        let (string, after) = behind.split_at(end_of_string(behind.as_bytes()));
        push_string(string, line);
        rest = after;
    }
    push_between(rest, line);
}

/// Whether no change is needed, as for most claims: the text is printable ASCII, and each space is
/// between two letters or digits, and so within a string.
fn is_settled(json: &[u8]) -> bool {
    let is_printable = |so_far: bool, byte: &u8| so_far & matches!(byte, b' '..=b'~');
    let is_alphanumeric = |at: usize| json.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let is_in_string =
        |at: usize| is_alphanumeric(at.wrapping_sub(1)) && is_alphanumeric(at.wrapping_add(1));
    json.iter().fold(true, is_printable) && memchr::memchr_iter(b' ', json).all(is_in_string)
}

/// The position after the quote that ends a string. A quote after a backslash does not end it.
fn end_of_string(text: &[u8]) -> usize {
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..) {
        let Some(special) = memchr::memchr2(b'"', b'\\', rest) else {
            break;
        };
        let is_end = rest.get(special) == Some(&b'"');
        at = at.saturating_add(special).saturating_add(1);
        if is_end {
            return at;
        }
        at = at.saturating_add(1);
    }
    text.len()
}

/// Appends numbers, literals and punctuation.
fn push_between(tokens: &str, line: &mut Vec<u8>) {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let tokens = tokens.as_bytes().split(is_space);
    tokens.for_each(|token| line.extend_from_slice(token));
}

fn push_string(string: &str, line: &mut Vec<u8>) {
    let is_plain = |so_far: bool, byte| so_far & (byte < 0x7F);
    if string.bytes().fold(true, is_plain) {
        return line.extend_from_slice(string.as_bytes());
    }
    string.chars().for_each(|char| push_char(char, line));
}

/// Escapes DEL, C1 controls, line separators and the marks that change the reading direction. JSON
/// allows these only in strings.
fn push_char(char: char, line: &mut Vec<u8>) {
    let steers = matches!(char,
        '\u{7f}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}');
    if steers {
        line.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes());
    } else {
        line.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_on_one_line_and_keeps_its_meaning() {
        let mut line = Vec::new();
        push_json(
            "{ \"a b\" : [ 1.50e400 ,\n\t\"\\\\\" , \"\\\" x\" ] }",
            &mut line,
        );
        let text = String::from_utf8(line).expect("UTF-8");
        assert_eq!(text, r#"{"a b":[1.50e400,"\\","\" x"]}"#);
    }

    #[test]
    fn strings_of_json_end_where_they_end() {
        for (json, expected) in [
            (r#" "" "#, r#""""#),
            (r#" "\\" , " " "#, r#""\\"," ""#),
            (r#" "\"" , " " "#, r#""\""," ""#),
            (r#" "\\\" , " "#, r#""\\\" , ""#),
            (r#"{"a":" \" ","é ":" é"}"#, r#"{"a":" \" ","é ":" é"}"#),
            ("\"\u{7f}\\\\\" \"\u{9b}\"", r#""\u007f\\""\u009b""#),
            // Text that is not JSON is not lost.
            (r#" "a "#, r#""a "#),
            (r#" "a\"#, r#""a\"#),
        ] {
            let mut line = Vec::new();
            push_json(json, &mut line);
            assert_eq!(String::from_utf8(line).expect("UTF-8"), expected, "{json}");
        }
    }

    #[test]
    fn what_is_settled_is_what_it_would_become() {
        for (json, is_as_it_is) in [
            (r#"{"scope":"openid profile","n":[1,null,true]}"#, true),
            (r#"{"a b":1}"#, true),
            (r#"{"a":"\u0020b \" c"}"#, false),
            (r#"{"a": 1}"#, false),
            (r#"{"a" :1}"#, false),
            ("[1, 2]", false),
            (" 1", false),
            ("1 ", false),
            ("[1,\n2]", false),
            ("\"a\u{7f}b\"", false),
            ("\"\u{e9}\"", false),
            // Within a string, which only the slow path detects.
            (r#""a  b""#, false),
            (r#""a, b""#, false),
        ] {
            assert_eq!(is_settled(json.as_bytes()), is_as_it_is, "{json}");
            if is_as_it_is {
                let mut line = Vec::new();
                push_anew(json, &mut line);
                assert_eq!(line, json.as_bytes(), "{json}");
            }
        }
    }

    #[test]
    fn json_cannot_steer_a_terminal() {
        let mut line = Vec::new();
        push_json("\"\u{9b}31m\u{202e}\u{61c}\u{e9}\"", &mut line);
        assert_eq!(line, "\"\\u009b31m\\u202e\\u061c\u{e9}\"".as_bytes());
    }
}
