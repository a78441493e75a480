//! Pages for people: the login form, and errors. Plain HTML, no scripts.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::state::State;

/// The login form. It has no `action`, so browsers send it to the page's own URL, including the
/// query.
pub(super) fn form(state: &State, status: StatusCode, problem: &str) -> Response {
    let users: String = state
        .users
        .iter()
        .map(|user| {
            format!(
                "<tr><td><code>{}</code><td><code>{}</code>\n",
                escape(user.username()),
                escape(user.password())
            )
        })
        .collect();
    let content = format!(
        "<h1>Log in</h1>\n\
         <p>Development issuer <code>{}</code></p>\n\
         <p role=\"alert\">{}</p>\n\
         <form method=\"post\">\n\
         <p><label>User <input name=\"username\" autocomplete=\"off\" autofocus></label></p>\n\
         <p><label>Password <input name=\"password\" type=\"password\"></label></p>\n\
         <p><button>Log in</button></p>\n\
         </form>\n\
         <table>\n<tr><th>User<th>Password\n{users}</table>\n",
        escape(&state.url),
        escape(problem),
    );
    page(status, "Log in", &content)
}

/// The page for a request that must not be redirected ([RFC 6749 §4.1.2.1]).
///
/// [RFC 6749 §4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
pub(super) fn refusal(problem: &str) -> Response {
    let content = format!("<h1>Not possible</h1>\n<p>{}</p>\n", escape(problem));
    page(StatusCode::BAD_REQUEST, "Not possible", &content)
}

fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let mut response = Response::new(Body::from(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         {content}</html>\n"
    )));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, super::NO_STORE);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
