//! What a request presents, by the grammar of RFC 6750 §2.1 and RFC 9110 §11.4.

use percent_encoding::percent_decode_str;

#[derive(Debug)]
pub enum Expected<'f> {
    Nothing,
    Malformed,
    Several,
    Token(&'f [u8]),
}

pub fn expected<'f>(fields: &[&'f [u8]], query: Option<&str>) -> Expected<'f> {
    let field = match fields {
        [] => return Expected::Nothing,
        [field] => *field,
        _ => return Expected::Several,
    };
    let end = field
        .iter()
        .position(|byte| !is_tchar(*byte))
        .unwrap_or(field.len());
    let (scheme, rest) = field.split_at(end);
    if scheme.is_empty() {
        return Expected::Malformed;
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Expected::Nothing;
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    // `=` is at the end alone; elsewhere it is left to base64url, which has none.
    let is_b64token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    if spaces == 0 || token.is_empty() || !token.iter().all(is_b64token) {
        return Expected::Malformed;
    }
    if query.is_some_and(has_access_token) {
        return Expected::Several;
    }
    Expected::Token(token)
}

fn is_tchar(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
    )
}

/// RFC 6750 §2.3, by the URL standard's rules for a form.
fn has_access_token(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
        percent_decode_str(&name).eq(*b"access_token")
    })
}
