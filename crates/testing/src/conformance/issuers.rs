//! Stage 3, select: the token's issuer, and whether its keys are available.

use super::case::{Answer, Case, Sent};
use super::setting::{AUDIENCE, DOWN_ISSUER, ISSUER, NOW, foreign_key};
use super::token::INVALID_TOKEN;
use crate::Token;

/// Nothing can be verified now, which is not the sender's fault.
const UNAVAILABLE: Answer = Answer::unavailable(r#"{"title":"Service Unavailable","status":503}"#);

pub(super) fn cases() -> Vec<Case> {
    let of_issuer = |name, issuer: &str, reason| {
        let sent = Sent::get(name, "/").bearer(&Token::user(issuer, AUDIENCE, NOW));
        sent.refuses(INVALID_TOKEN, reason)
    };
    let down = Token::user(DOWN_ISSUER, AUDIENCE, NOW).key(foreign_key());
    let mut garbage = down.parts();
    garbage.signature.fill(0);
    let garbage = format!("Bearer {}", garbage.encode());
    let unavailable = |sent: Sent| sent.refuses(UNAVAILABLE, "keys_unavailable");
    vec![
        of_issuer(
            "t_clm_11_unknown_issuer",
            "https://evil.example",
            "issuer_unknown",
        ),
        of_issuer(
            "t_clm_11_issuer_with_a_slash",
            &format!("{ISSUER}/"),
            "issuer_unknown",
        ),
        of_issuer(
            "t_clm_11_issuer_in_upper_case",
            "https://AUTH.example",
            "issuer_unknown",
        ),
        unavailable(Sent::get("t_err_04_issuer_down", "/").bearer(&down)),
        unavailable(
            Sent::get("t_err_04_issuer_down_whatever_the_signature", "/").authorization(garbage),
        ),
        unavailable(Sent::get("t_req_07_issuer_down", "/optional").bearer(&down)),
        unavailable(
            Sent::get("t_err_04_issuer_down_where_more_is_asked_for", "/admin").bearer(&down),
        ),
        Sent::get("t_err_04_not_a_token_of_the_issuer_that_is_down", "/")
            .bearer(&down.clone().header("typ", "JWT"))
            .refuses(INVALID_TOKEN, "typ_not_accepted"),
        Sent::get("a_key_05_other_issuers_serve_on", "/")
            .bearer(&Token::user(ISSUER, AUDIENCE, NOW))
            .admits_user(),
    ]
}
